//! `wirelab undo`: take the last change back.

use crate::args::TEMPLATE;

/// Take the last change back, and the time it took with it
///
/// Undone are API calls that change something, commands on hosts, and time advanced.
#[derive(clap::Args)]
#[command(help_template = TEMPLATE, before_help = "\
Examples:
  wirelab undo

")]
pub(crate) struct Arguments {}

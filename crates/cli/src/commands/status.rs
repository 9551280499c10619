//! `wirelab status`: ticket, evidence, tasks, what next.

use crate::args::{Json, TEMPLATE};

/// Show the ticket, the evidence, the hosts, the tasks, and what to do next
#[derive(clap::Args)]
#[command(help_template = TEMPLATE, before_help = "\
Examples:
  wirelab status
  wirelab status --json

")]
pub(crate) struct Arguments {
    #[command(flatten)]
    json: Json,
}

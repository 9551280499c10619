//! `wirelab list`: the labs, and how far you are.

use crate::args::{Json, TEMPLATE};

/// List the labs: what each teaches, how long it takes, how far you are
#[derive(clap::Args)]
#[command(help_template = TEMPLATE, before_help = "\
Examples:
  wirelab list
  wirelab list --json

")]
pub(crate) struct Arguments {
    #[command(flatten)]
    json: Json,
}

//! `wirelab check`: grade.

use crate::args::{Json, TEMPLATE};

/// Grade answers and network by what they do, with evidence for all that is wrong
#[derive(clap::Args)]
#[command(help_template = TEMPLATE, before_help = "\
Examples:
  wirelab check              exit code 0: passed, 1: not yet
  wirelab check repair       one task
  wirelab check --json

")]
pub(crate) struct Arguments {
    /// One task; all by default
    #[arg(value_name = "TASK")]
    task: Option<String>,
    #[command(flatten)]
    json: Json,
}

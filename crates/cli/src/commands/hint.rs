//! `wirelab hint`: the next rung of the ladder.

use crate::args::{Json, TEMPLATE};

/// Show the next hint; its price is said first, and taken only when the task is solved
#[derive(clap::Args)]
#[command(help_template = TEMPLATE, before_help = "\
Examples:
  wirelab hint               for the first task that is not solved
  wirelab hint repair
  wirelab hint repair --take  take it, at its price

")]
pub(crate) struct Arguments {
    /// The task
    #[arg(value_name = "TASK")]
    task: Option<String>,
    /// Take the next hint even if it costs points
    #[arg(long)]
    take: bool,
    #[command(flatten)]
    json: Json,
}

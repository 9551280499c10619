//! `wirelab start`: a lab.

use crate::args::TEMPLATE;

/// Start a lab, or go on with it
#[derive(clap::Args)]
#[command(help_template = TEMPLATE, before_help = "\
Examples:
  wirelab start nat-return-path
  wirelab start nat-return-path --again     a fresh seed: another fault, other addresses

")]
pub(crate) struct Arguments {
    /// The lab; `wirelab list` shows them
    #[arg(value_name = "LAB")]
    lab: String,
    /// The seed; the same number gives the same lab
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Put the present run aside and start over with a fresh seed
    #[arg(long)]
    again: bool,
}

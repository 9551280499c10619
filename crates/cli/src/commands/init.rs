//! `wirelab init`: a course folder with the first lab.

use std::path::PathBuf;

use crate::args::TEMPLATE;

/// Create a course folder and start its first lab
#[derive(clap::Args)]
#[command(help_template = TEMPLATE, before_help = "\
Examples:
  wirelab init && cd wirelab && wirelab
  wirelab init team-red --lab nacl-ephemeral --seed 7

")]
pub(crate) struct Arguments {
    /// The folder to make
    #[arg(value_name = "FOLDER", default_value = "wirelab")]
    folder: PathBuf,
    /// The lab to begin with; the course's first by default
    #[arg(long, value_name = "LAB")]
    lab: Option<String>,
    /// What the seed draws is yours: fault, addresses, traffic. The same number gives the same lab
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
}

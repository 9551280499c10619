//! `wirelab reset`: the lab as it opened.

use crate::args::TEMPLATE;

/// Take back everything you changed in the network; answers stay
///
/// Nothing is lost: the journal keeps what was undone.
#[derive(clap::Args)]
#[command(help_template = TEMPLATE, before_help = "\
Examples:
  wirelab reset              the network as the lab opened
  wirelab reset --answers    the answer files too

")]
pub(crate) struct Arguments {
    /// Put the answer files back to what the lab shipped as well
    #[arg(long)]
    answers: bool,
}

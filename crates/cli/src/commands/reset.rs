//! `wirelab reset`: the lab as it opened.

use crate::args::TEMPLATE;
use crate::failure::{Code, Failure};
use crate::{folder, output, print};

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

pub(crate) fn run(arguments: &Arguments) -> Result<Code, Failure> {
    let mut session = folder::open()?;
    session.reset()?;
    session.write_evidence()?;
    let mut text = format!(
        "the network is as the lab opened it; it is {}\n",
        session.now()
    );
    if arguments.answers {
        for path in session.reset_answers()? {
            text += &format!("as shipped: {}\n", print::relative(&path));
        }
    }
    output::text(&text)?;
    Ok(Code::Passed)
}

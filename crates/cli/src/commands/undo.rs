//! `wirelab undo`: take the last change back.

use crate::args::TEMPLATE;
use crate::failure::{Code, Failure};
use crate::{folder, output};

/// Take the last change back, and the time it took with it
///
/// Undone are API calls that change something, commands on hosts, and time advanced.
#[derive(clap::Args)]
#[command(help_template = TEMPLATE, before_help = "\
Examples:
  wirelab undo

")]
pub(crate) struct Arguments {}

pub(crate) fn run(_: &Arguments) -> Result<Code, Failure> {
    let mut session = folder::open()?;
    let undone = session.undo()?;
    session.write_evidence()?;
    output::text(&format!(
        "taken back: {}\nit is {} again\n",
        undone.what, undone.back_to
    ))?;
    Ok(Code::Passed)
}

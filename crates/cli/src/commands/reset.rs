//! `wirelab reset`: the lab as it opened.

use crate::args::TEMPLATE;
use crate::failure::{Code, Failure};
use crate::{folder, output};

/// Take back everything you changed in the network; answers stay
///
/// Nothing is lost: the journal keeps what was undone.
#[derive(clap::Args)]
#[command(help_template = TEMPLATE, before_help = "\
Examples:
  wirelab reset              the network as the lab opened

")]
pub(crate) struct Arguments {}

pub(crate) fn run(_: &Arguments) -> Result<Code, Failure> {
    let mut session = folder::open()?;
    let steps = session.undos().len();
    session.reset()?;
    session.write_evidence()?;
    let taken_back = match steps {
        0 => "nothing to take back".to_owned(),
        1 => "1 step taken back".to_owned(),
        steps => format!("{steps} steps taken back"),
    };
    output::text(&format!(
        "{taken_back}: the network is as the lab opened it; it is {}\n",
        session.now()
    ))?;
    Ok(Code::Passed)
}

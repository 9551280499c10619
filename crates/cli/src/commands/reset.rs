//! `wirelab reset`: the lab as it opened.

use wirelab_session::{Content, Session};

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
    let said = everything(&mut session)?;
    output::text(&format!("{said}\n"))?;
    Ok(Code::Passed)
}

/// Takes everything back, and says what that was.
pub(crate) fn everything(session: &mut Session) -> Result<String, Failure> {
    let steps = session.undos().len();
    session.reset()?;
    // The empty accounts of a sandbox have no buckets, either.
    if session.lab().name == Content::SANDBOX {
        wirelab_aws_api::forget(session)?;
    }
    session.write_evidence()?;
    let taken_back = match steps {
        0 => "nothing to take back".to_owned(),
        steps => format!("{} taken back", counted(steps)),
    };
    Ok(format!(
        "{taken_back}: the network is as the lab opened it; it is {}",
        session.now()
    ))
}

/// `1 step`, `2 steps`.
pub(crate) fn counted(steps: usize) -> String {
    match steps {
        1 => "1 step".to_owned(),
        steps => format!("{steps} steps"),
    }
}

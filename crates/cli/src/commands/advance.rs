//! `wirelab advance`: let virtual time pass.

use wirelab_model::SimDuration;

use crate::args::TEMPLATE;
use crate::failure::{Code, Failure};
use crate::{folder, output, print};

/// Let virtual time pass; flow-log records take minutes to be delivered
#[derive(clap::Args)]
#[command(help_template = TEMPLATE, before_help = "\
Examples:
  wirelab advance 10m       enough for a flow log to CloudWatch: window, then about 5 minutes
  wirelab advance 90s

")]
pub(crate) struct Arguments {
    /// How long: `90s`, `10m`, `1h30m`
    #[arg(value_name = "DURATION")]
    duration: SimDuration,
}

pub(crate) fn run(arguments: &Arguments) -> Result<Code, Failure> {
    let mut session = folder::open()?;
    session.advance(session.now() + arguments.duration)?;
    session.write_evidence()?;
    output::text(&print::reached(&session))?;
    Ok(Code::Passed)
}

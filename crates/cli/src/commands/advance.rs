//! `wirelab advance`: let virtual time pass.

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use wirelab_model::{SimDuration, SimTime};

use crate::args::TEMPLATE;
use crate::failure::{Code, Failure};
use crate::{folder, output, print};

/// Let virtual time pass; flow-log records take minutes to be delivered
#[derive(clap::Args)]
#[command(help_template = TEMPLATE, before_help = "\
Examples:
  wirelab advance 10m       enough for a flow log to CloudWatch: window, then about 5 minutes
  wirelab advance 90s
  wirelab advance 1d

")]
pub(crate) struct Arguments {
    /// How long: `90s`, `10m`, `1h30m`, `1d`
    #[arg(value_name = "DURATION", allow_hyphen_values = true)]
    duration: String,
}

pub(crate) fn run(arguments: &Arguments) -> Result<Code, Failure> {
    let duration = duration(&arguments.duration)?;
    let mut session = folder::open()?;
    let mut progress = Progress::to(session.now() + duration);
    let advanced = session.advance_watched(progress.until, &mut |at| progress.passed(at));
    progress.end();
    session.write_evidence()?;
    advanced?;
    output::text(&print::reached(&session))?;
    Ok(Code::Passed)
}

fn duration(text: &str) -> Result<SimDuration, Failure> {
    let is_back = text
        .strip_prefix('-')
        .is_some_and(|it| it.parse::<SimDuration>().is_ok());
    if is_back {
        return Err(Failure::usage("time only goes forward").hint(
            "`wirelab undo` takes the last step back, and its time with it; `wirelab reset` all",
        ));
    }
    text.parse().map_err(|error| {
        Failure::usage(error).hint("write how long, as `90s`, `10m`, `1h30m` or `1d`")
    })
}

/// How far one has come, on a terminal, once it takes noticeably long.
struct Progress {
    until: SimTime,
    next: Option<Instant>,
    shown: bool,
}

/// How often it is shown anew.
const EVERY: Duration = Duration::from_millis(200);

impl Progress {
    fn to(until: SimTime) -> Self {
        let next = std::io::stderr().is_terminal();
        Self {
            until,
            next: next.then(|| Instant::now() + EVERY),
            shown: false,
        }
    }

    fn passed(&mut self, at: SimTime) {
        let now = Instant::now();
        if self.next.is_some_and(|next| next <= now) {
            self.next = Some(now + EVERY);
            self.shown = true;
            anstream::eprint!("\r{at} of {}", self.until);
        }
    }

    /// Clears the line.
    fn end(&self) {
        if self.shown {
            anstream::eprint!("\r\x1b[K");
        }
    }
}

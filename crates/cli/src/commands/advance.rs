//! `wirelab advance`: let virtual time pass.

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use wirelab_model::{SimDuration, SimTime};
use wirelab_scenario::TaskKind;
use wirelab_session::{RunError, Session, SessionError, prediction, says_nothing};

use crate::args::TEMPLATE;
use crate::commands::check;
use crate::failure::{Code, Failure};
use crate::interrupt::Interrupt;
use crate::{folder, output, print};

/// Let virtual time pass; flow-log records take minutes to be delivered
///
/// Ctrl-C stops it where it is and keeps what has happened until then (exit code 130); a second one
/// ends the command at once. A lab keeps 5 000 000 packets, records and other observations at most;
/// time does not go on beyond.
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
    /// Let the moment of a prediction pass though nothing was predicted
    #[arg(long)]
    unpredicted: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<Code, Failure> {
    let duration = duration(&arguments.duration)?;
    let mut session = folder::open()?;
    if !arguments.unpredicted {
        predicted(&session, session.now() + duration)?;
    }
    let interrupt = Interrupt::watch()?;
    let from = session.now();
    let mut progress = Progress::new(from, from + duration);
    let advanced = session.advance_watched(from + duration, &mut |at| {
        progress.passed(at);
        interrupt.goes_on()
    });
    progress.end();
    let is_stopped = match advanced {
        Err(SessionError::Run(RunError::Stopped { now, until })) => {
            output::note(&stopped(from, now, until));
            true
        }
        _ => false,
    };
    session.write_evidence()?;
    if !is_stopped {
        advanced?;
    }
    output::text(&print::reached(&session))?;
    if !session.lab().tasks.is_empty() {
        check::warn_beyond(&session);
    }
    Ok(if is_stopped {
        Code::Interrupted
    } else {
        Code::Passed
    })
}

/// Refuses to show what was to be predicted by `until`, and is not.
pub(crate) fn predicted(session: &Session, until: SimTime) -> Result<(), Failure> {
    for task in &session.lab().tasks {
        let TaskKind::Prediction(it) = &task.kind else {
            continue;
        };
        if it.is_played() || session.reached() > it.at || until <= it.at {
            continue;
        }
        let answer = session.answer(&task.name)?.unwrap_or_default();
        if !says_nothing(&answer) {
            readable(session, &task.name)?;
        }
        if prediction(&session.log(), &task.name, it).is_none() && says_nothing(&answer) {
            let (name, at) = (&task.name, print::elapsed(it.at));
            let why = format!("nothing is predicted for `{name}` yet; at {at} it can be seen");
            let first = format!("write answers/{name}.txt first, or go on with `--unpredicted`");
            return Err(Failure::usage(why).hint(first));
        }
    }
    Ok(())
}

/// Refuses a prediction of which a part is missing or says nothing that can be judged: once it is
/// final, it cannot be mended.
pub(crate) fn readable(session: &Session, task: &str) -> Result<(), Failure> {
    let unready = wirelab_grader::unready(session, task).map_err(check::failure)?;
    if unready.is_empty() {
        return Ok(());
    }
    let why = format!("answers/{task}.txt is not ready, and nothing was made final");
    let failure = unready.into_iter().fold(Failure::usage(why), Failure::hint);
    Err(failure)
}

/// What Ctrl-C has left.
fn stopped(from: SimTime, now: SimTime, until: SimTime) -> String {
    const SECOND: u64 = 1_000_000_000;
    let passed = now.since(from).as_nanos() / SECOND;
    let rest = until.since(now).as_nanos().div_ceil(SECOND);
    let [passed, rest] = [passed, rest].map(|it| print::span(SimDuration::from_secs(it)));
    let undo = if from < now {
        "; `wirelab undo` takes it back"
    } else {
        ""
    };
    format!(
        "stopped by Ctrl-C after {passed}; `wirelab advance {rest}` would go on to {}{undo}",
        print::elapsed(until)
    )
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
    from: SimTime,
    until: SimTime,
    next: Option<Instant>,
    shown: bool,
}

/// How often it is shown anew.
const EVERY: Duration = Duration::from_millis(200);

impl Progress {
    fn new(from: SimTime, until: SimTime) -> Self {
        let next = std::io::stderr().is_terminal();
        Self {
            from,
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
            anstream::eprint!("\r{}\x1b[K", self.line(at));
        }
    }

    /// `3d 04:00 of 10d, 31%`; of less than a day `00:13:20 of 20m, 66%`.
    fn line(&self, at: SimTime) -> String {
        const DAY: u64 = 86_400;
        let (passed, all) = (at.since(self.from), self.until.since(self.from));
        let seconds = passed.as_nanos() / 1_000_000_000;
        let clock = SimTime::from_secs(seconds % DAY).to_string();
        let percent = u128::from(passed.as_nanos()) * 100 / u128::from(all.as_nanos().max(1));
        let reached = match all >= SimDuration::from_secs(DAY) {
            true => format!("{}d {}", seconds / DAY, &clock[..5]),
            false => clock,
        };
        format!("{reached} of {}, {percent}%", print::span(all))
    }

    /// Clears the line.
    fn end(&self) {
        if self.shown {
            anstream::eprint!("\r\x1b[K");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_is_told_in_days_once_there_are_some() {
        let from = SimTime::from_secs(1500);
        let line = |passed: u64, all: &str| {
            let all: SimDuration = all.parse().expect("a duration");
            let at = from + SimDuration::from_secs(passed);
            Progress::new(from, from + all).line(at)
        };
        assert_eq!(line(76 * 3600, "10d"), "3d 04:00 of 10d, 31%");
        assert_eq!(line(59, "1d"), "0d 00:00 of 1d, 0%");
        assert_eq!(line(800, "20m"), "00:13:20 of 20m, 66%");
    }

    #[test]
    fn what_ctrl_c_has_left_says_how_to_go_on_and_how_to_go_back() {
        let [from, now, until] = [1500, 2301, 5100].map(SimTime::from_secs);
        insta::assert_snapshot!(stopped(from, now, until), @"stopped by Ctrl-C after 13m21s; `wirelab advance 46m39s` would go on to 01:25:00; `wirelab undo` takes it back");
        insta::assert_snapshot!(stopped(from, from, until), @"stopped by Ctrl-C after 0s; `wirelab advance 1h` would go on to 01:25:00");
    }
}

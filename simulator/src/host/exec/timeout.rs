//! `timeout` of coreutils: a program with an end, even one that has none of its own.

use serde::{Deserialize, Serialize};
use wirelab_model::{SimTime, read_sudo};

use super::options::{self, Syntax, Word};
use super::sleep::span;
use super::{Exec, Printer, Refusal, Task, finish, is_program, sudo_refused};
use crate::host::Host;
use crate::host::output::{ExecId, Output};

const TRY: &str = "Try 'timeout --help' for more information.\n";

const SYNTAX: Syntax = Syntax {
    program: "timeout",
    letters: "k:s:fp",
    long: &[
        ("kill-after", 'k'),
        ("signal", 's'),
        ("foreground", 'f'),
        ("preserve-status", 'p'),
    ],
    usage: TRY,
    status: 125,
    style: options::Style::Getopt,
};

/// What ends the program (`signal(7)`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Signal {
    Hangup,
    /// `ping` says then what it has found; others end.
    Interrupt,
    Kill,
    Terminate,
}

impl Signal {
    fn read(text: &str) -> Option<Self> {
        let name = text.to_ascii_uppercase();
        Some(match name.strip_prefix("SIG").unwrap_or(&name) {
            "HUP" | "1" => Self::Hangup,
            "INT" | "2" => Self::Interrupt,
            "KILL" | "9" => Self::Kill,
            "TERM" | "15" => Self::Terminate,
            _ => return None,
        })
    }

    const fn number(self) -> i32 {
        match self {
            Self::Hangup => 1,
            Self::Interrupt => 2,
            Self::Kill => 9,
            Self::Terminate => 15,
        }
    }
}

/// When a program is ended, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::host) struct Limit {
    pub(super) at: SimTime,
    signal: Signal,
    /// The status is the program's.
    preserve: bool,
}

impl Limit {
    /// The status, of a program that the signal has ended or that ended by itself upon it.
    const fn status(self, own: Option<i32>) -> i32 {
        let signalled = 128 + self.signal.number();
        match (self.signal, self.preserve, own) {
            // The signal that nothing withstands ends `timeout` too.
            (Signal::Kill, ..) | (_, true, None) => signalled,
            (_, true, Some(own)) => own,
            (_, false, _) => 124,
        }
    }
}

/// The program that a command line is about, and when it is ended.
///
/// # Errors
/// `timeout` without a time or a program.
pub(super) fn limited(
    now: SimTime,
    argv: &[String],
) -> Result<(Option<Limit>, &[String]), Refusal> {
    let inner = match argv.split_first() {
        Some((sudo, rest)) if sudo == "sudo" => read_sudo(rest).map_err(sudo_refused)?.command,
        _ => argv,
    };
    let Some((program, rest)) = inner.split_first() else {
        return Ok((None, argv));
    };
    if program.rsplit('/').next() != Some("timeout") {
        return Ok((None, argv));
    }
    let usage = |text: String| Refusal::with_status(125, text);
    let (words, rest) = rest.split_at(SYNTAX.leading(rest));
    let (mut signal, mut preserve) = (Signal::Terminate, false);
    for word in SYNTAX.read(words)? {
        match word {
            Word::Value('s', text) => {
                signal = Signal::read(&text).ok_or_else(|| {
                    usage(format!(
                        "timeout: {text}: invalid signal (there are HUP, INT, KILL and TERM)\n{TRY}"
                    ))
                })?;
            }
            Word::Value(_, text) if span(&text).is_none() => {
                return Err(usage(format!(
                    "timeout: invalid time interval ‘{text}’\n{TRY}"
                )));
            }
            Word::Flag('p') => preserve = true,
            _ => {}
        }
    }
    let Some((time, argv)) = rest.split_first().filter(|it| !it.1.is_empty()) else {
        return Err(usage(TRY.to_owned()));
    };
    let span = span(time)
        .ok_or_else(|| usage(format!("timeout: invalid time interval ‘{time}’\n{TRY}")))?;
    let name = argv[0].rsplit('/').next().unwrap_or_default();
    if !is_program(name) && name != "sudo" {
        let program = &argv[0];
        let text =
            format!("timeout: failed to run command ‘{program}’: No such file or directory\n");
        return Err(Refusal::with_status(127, text));
    }
    let limit = (span.as_nanos() > 0).then(|| Limit {
        at: now + span,
        signal,
        preserve,
    });
    Ok((limit, argv))
}

/// The program of a command line whose time is limited, for those who have to know what runs.
#[must_use]
pub fn program_in_time(argv: &[String]) -> Option<&[String]> {
    argv.first().filter(|it| *it == "timeout")?;
    let (_, inner) = limited(SimTime::ZERO, argv).ok()?;
    match inner.split_first() {
        Some((sudo, rest)) if sudo == "sudo" => Some(read_sudo(rest).ok()?.command),
        _ => Some(inner),
    }
}

impl Host {
    /// Ends a program whose time is over. `false`: it has time, or is not there.
    pub(super) fn end_late(&mut self, now: SimTime, id: ExecId, out: &mut Output) -> bool {
        let exec = self.execs.get(&id);
        let limit = exec.and_then(|it| it.limit).filter(|it| it.at <= now);
        let Some(limit) = limit else {
            return false;
        };
        let Some(Exec { task, .. }) = self.execs.remove(&id) else {
            return false;
        };
        let mut printer = Printer::default();
        let own = match &task {
            Task::Ping(ping) if limit.signal == Signal::Interrupt => {
                Some(ping.summary(now, &mut printer))
            }
            // It ends in good order.
            Task::Dig(dig) if limit.signal != Signal::Kill => dig.interrupted(&mut printer),
            _ => None,
        };
        self.close_task(now, id, task);
        finish(now, id, printer, limit.status(own), out);
        true
    }
}

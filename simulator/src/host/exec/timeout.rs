//! `timeout` of coreutils: a program with an end, even one that has none of its own.

use serde::{Deserialize, Serialize};
use wirelab_model::{Signal, SimTime, SmolStr, late_status, read_sudo, read_timeout};

use super::{Exec, Printer, Refusal, Task, finish, is_program, sudo_refused};
use crate::host::Host;
use crate::host::output::{ExecId, Output};

/// When a program is ended, and how. All programs of machines end upon the first signal, so that
/// `-k` has nothing to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::host) struct Limit {
    pub(super) at: SimTime,
    signal: Signal,
    /// The status is the program's.
    preserve: bool,
    /// What is said then.
    notice: Option<SmolStr>,
}

/// The program that a command line is about, and when it is ended.
///
/// # Errors
/// `timeout` without a time or a program, or with options that make no sense.
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
    let timeout = read_timeout(rest);
    let timeout = timeout.map_err(|why| Refusal::with_status(125, why.to_string()))?;
    let argv = timeout.command;
    let program = argv.first().map_or("", String::as_str);
    let name = program.rsplit('/').next().unwrap_or_default();
    if !is_program(name) && name != "sudo" {
        let text =
            format!("timeout: failed to run command ‘{program}’: No such file or directory\n");
        return Err(Refusal::with_status(127, text));
    }
    let limit = (timeout.limit.as_nanos() > 0).then(|| Limit {
        at: now + timeout.limit,
        signal: timeout.signal,
        preserve: timeout.preserve,
        notice: timeout.notice().map(SmolStr::from),
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
        let limit = exec.and_then(|it| it.limit.clone());
        let limit = limit.filter(|it| it.at <= now);
        let Some(limit) = limit else {
            return false;
        };
        let Some(Exec { task, .. }) = self.execs.remove(&id) else {
            return false;
        };
        let mut printer = Printer::default();
        if let Some(notice) = &limit.notice {
            printer.err(notice.as_str());
        }
        let signal = limit.signal;
        let own = match &task {
            // It says then what it has found.
            Task::Ping(ping) if [Signal::INTERRUPT, Signal::ALARM].contains(&signal) => {
                Some(ping.summary(now, &mut printer))
            }
            // It ends in good order.
            Task::Dig(dig)
                if [Signal::HANGUP, Signal::INTERRUPT, Signal::TERMINATE].contains(&signal) =>
            {
                dig.interrupted(&mut printer)
            }
            _ => None,
        };
        let status = late_status(signal, limit.preserve, own);
        self.close_task(now, id, task);
        finish(now, id, printer, status, out);
        true
    }
}

//! `timeout` of coreutils: a program with an end, even one that has none of its own.

use serde::{Deserialize, Serialize};
use wirelab_model::{
    Signal, SimTime, SmolStr, Timeout, TimeoutError, late_notice, late_status, read_sudo,
    read_timeout, without_sudo,
};

use super::{Exec, Printer, Refusal, Task, finish, is_program, sudo_refused};
use crate::host::Host;
use crate::host::output::{ExecId, Output};

/// When a program is ended, and how. All programs of machines end upon the first signal, so that
/// `-k` has nothing to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::host) struct Limit {
    pub(super) at: SimTime,
    /// Whose time is over then, and the ones behind it, each of which the one before has started.
    late: Vec<Late>,
}

/// A `timeout` that hears or says that time is over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Late {
    /// What it sends.
    signal: Signal,
    /// It is late by its own clock, not ended by the one before it.
    counts: bool,
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
    let (mut argv, mut all) = (argv, Vec::new());
    while let Some(rest) = behind_timeout(argv)? {
        let timeout = read_timeout(rest).map_err(refused)?;
        argv = timeout.command;
        all.push(timeout);
    }
    if all.is_empty() {
        return Ok((None, argv));
    }
    let program = argv.first().map_or("", String::as_str);
    let name = program.rsplit('/').next().unwrap_or_default();
    if !is_program(name) && name != "sudo" {
        let text =
            format!("timeout: failed to run command ‘{program}’: No such file or directory\n");
        return Err(Refusal::with_status(127, text));
    }
    // The first of those whose times are over together: it has begun first.
    // The longest time is for ever.
    let ends = |it: &(usize, &Timeout<'_>)| (1..u64::MAX).contains(&it.1.limit.as_nanos());
    let timed = all.iter().enumerate().filter(ends);
    let first = timed.min_by_key(|it| it.1.limit);
    let limit = first.map(|(which, first)| {
        let late = late(&all[which..]).map_err(refused)?;
        let at = now + first.limit;
        Ok(Limit { at, late })
    });
    Ok((limit.transpose()?, argv))
}

/// What stands behind `timeout`, if the command line begins with it.
fn behind_timeout(argv: &[String]) -> Result<Option<&[String]>, Refusal> {
    let inner = match argv.split_first() {
        Some((sudo, rest)) if sudo == "sudo" => read_sudo(rest).map_err(sudo_refused)?.command,
        _ => argv,
    };
    let found = inner.split_first();
    let found = found.filter(|(program, _)| program.rsplit('/').next() == Some("timeout"));
    Ok(found.map(|(_, rest)| rest))
}

fn refused(why: TimeoutError) -> Refusal {
    Refusal::with_status(125, why.to_string())
}

/// What the first one's signal does to the ones behind it: each hands it on (`cleanup`). The alarm
/// is taken for the own clock's.
fn late(all: &[Timeout<'_>]) -> Result<Vec<Late>, TimeoutError> {
    const HANDED_ON: [Signal; 4] = [
        Signal::HANGUP,
        Signal::INTERRUPT,
        Signal::QUIT,
        Signal::TERMINATE,
    ];
    let mut late: Vec<Late> = Vec::new();
    for timeout in all {
        let before = late.last().map(|it| it.signal);
        let counts = before.is_none_or(|it| it == Signal::ALARM);
        let signal = before.filter(|_| !counts).unwrap_or(timeout.signal);
        if !counts && signal != timeout.signal && !HANDED_ON.contains(&signal) {
            let text = format!("-s {}, which leaves its program alone", signal.name());
            return Err(TimeoutError::Unsimulated(text));
        }
        let command = timeout.command.first().filter(|_| timeout.verbose);
        late.push(Late {
            signal,
            counts,
            preserve: timeout.preserve,
            notice: command.map(|it| late_notice(signal, it).into()),
        });
    }
    let command = all.last().map_or(&[][..], |it| it.command);
    let program = without_sudo(command).first();
    let is_ping = program.is_some_and(|it| it.rsplit('/').next() == Some("ping"));
    if is_ping && late.last().is_some_and(|it| it.signal == Signal::QUIT) {
        let text = "-s QUIT, which ends no ping".to_owned();
        return Err(TimeoutError::Unsimulated(text));
    }
    Ok(late)
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

impl Limit {
    /// What the program is sent.
    fn signal(&self) -> Signal {
        self.late.last().map_or(Signal::TERMINATE, |it| it.signal)
    }

    /// The status of all of it; `own` is that of a program which ended by itself.
    fn status(&self, own: Option<i32>) -> i32 {
        let mut own = own;
        // Ended by a signal, and with time left, it sends itself the same one.
        for it in self.late.iter().rev().filter(|it| it.counts) {
            own = Some(late_status(it.signal, it.preserve, own));
        }
        own.unwrap_or_default()
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
        for notice in limit.late.iter().filter_map(|it| it.notice.as_ref()) {
            printer.err(notice.as_str());
        }
        let signal = limit.signal();
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
        self.close_task(now, id, task);
        finish(now, id, printer, limit.status(own), out);
        true
    }
}

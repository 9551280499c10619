//! Commands whose host is a name that only DNS may know.
//!
//! A command that cannot start for want of an address waits while the name is looked up, and is
//! then started again with what came of it.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;
use wirelab_model::{SimDuration, SimTime};

use super::timeout::Limit;
use super::{Exec, Printer, Refusal, Task};
use crate::host::Host;
use crate::host::output::{ExecId, Output};
use crate::host::resolver::{Asker, Found, Sought};

/// What a refused command would have to know.
pub(super) struct Missing {
    name: String,
    sought: Sought,
    patience: Option<Patience>,
}

/// What came of a lookup that a command needed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::host) struct LookedUp {
    pub(super) name: SmolStr,
    pub(super) sought: Sought,
    pub(super) found: Found,
}

/// How long a command waits for a name, and what it says then.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Patience {
    limit: SimDuration,
    status: i32,
    text: String,
}

/// A command that waits for a name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Resolving {
    argv: Vec<String>,
    name: SmolStr,
    sought: Sought,
    /// What came of the names before this one.
    known: Vec<LookedUp>,
    began: SimTime,
    /// When it is ended.
    limit: Option<Limit>,
    patience: Option<Patience>,
}

impl Refusal {
    /// The command may start after all if DNS has an address for the name.
    pub(super) fn unless_dns_knows(self, name: &str) -> Self {
        self.unless_dns_has(name, Sought::Addresses)
    }

    /// The same of something else that DNS may know of a name.
    pub(super) fn unless_dns_has(mut self, name: &str, sought: Sought) -> Self {
        self.missing = Some(Missing {
            name: name.to_owned(),
            sought,
            patience: None,
        });
        self
    }

    /// It waits so long for the address.
    pub(super) fn within(mut self, limit: SimDuration, status: i32, text: String) -> Self {
        if let Some(missing) = &mut self.missing {
            missing.patience = Some(Patience {
                limit,
                status,
                text,
            });
        }
        self
    }
}

impl Host {
    /// Waits for the name that a command was refused for. `false`: there is nobody to ask.
    pub(super) fn wait_for_name(
        &mut self,
        now: SimTime,
        id: ExecId,
        argv: &[String],
        (began, limit): (SimTime, Option<Limit>),
        missing: Missing,
    ) -> bool {
        if !self.start_lookup(now, &missing.name, missing.sought, Asker::Exec(id)) {
            return false;
        }
        if let Some(patience) = &missing.patience {
            self.wake_exec((began + patience.limit).max(now), id);
        }
        let task = Task::Resolving(Box::new(Resolving {
            argv: argv.to_vec(),
            name: missing.name.into(),
            sought: missing.sought,
            known: self.names.looked_up().to_vec(),
            began,
            limit: limit.clone(),
            patience: missing.patience,
        }));
        self.execs.insert(id, Exec { id, task, limit });
        true
    }

    /// The name is known, or known not to be.
    pub(in crate::host) fn on_exec_resolved(
        &mut self,
        now: SimTime,
        id: ExecId,
        found: Found,
        out: &mut Output,
    ) {
        let Some(Exec {
            task: Task::Resolving(task),
            ..
        }) = self.execs.remove(&id)
        else {
            return;
        };
        // RFC 6724 section 6 as far as it can be told here: what has a route, then IPv6.
        let answer = found.map(|mut answer| {
            let rank = |it: &IpAddr| (self.stack.resolve(*it).is_none(), it.is_ipv4());
            answer.addresses.sort_by_key(rank);
            answer
        });
        let mut known = task.known;
        known.push(LookedUp {
            name: task.name,
            sought: task.sought,
            found: answer,
        });
        self.names.look_up(known);
        self.begin_exec(now, id, &task.argv, (task.began, task.limit), out);
        self.names.look_up(Vec::new());
    }

    /// A command's patience with DNS may be over.
    pub(super) fn resolving_tick(
        &mut self,
        now: SimTime,
        id: ExecId,
        task: &Resolving,
        printer: &mut Printer,
    ) -> Option<i32> {
        let patience = task.patience.as_ref()?;
        if now < task.began + patience.limit {
            return None;
        }
        self.stop_lookups(now, &Asker::Exec(id));
        printer.err(patience.text.clone());
        Some(patience.status)
    }

    /// Starts a command that was typed at `began`, and is ended at the limit.
    pub(super) fn begin_exec(
        &mut self,
        now: SimTime,
        id: ExecId,
        argv: &[String],
        (began, limit): (SimTime, Option<Limit>),
        out: &mut Output,
    ) {
        let mut started = self.start_command(now, id, argv);
        if let (Ok(super::Started::Running(Task::Ping(ping))), None) = (&started, &limit)
            && let Some(refusal) = ping.endless()
        {
            started = Err(refusal);
        }
        self.note_curls(id, argv, limit.as_ref());
        match started {
            Ok(super::Started::Running(mut task)) => {
                if let Task::Connect(task) = &mut task {
                    task.count_from(began);
                }
                self.execs.insert(id, Exec { id, task, limit });
                self.on_exec_wake(now, id, out);
            }
            Ok(super::Started::Over(printer, status)) => {
                self.conclude(now, id, printer, status, out);
            }
            Err(mut refusal) => {
                let missing = refusal.missing.take();
                if missing.is_some_and(|it| self.wait_for_name(now, id, argv, (began, limit), it)) {
                    return;
                }
                let mut printer = Printer::default();
                printer.err(refusal.text);
                self.conclude(now, id, printer, refusal.status, out);
            }
        }
    }
}

//! One TCP connection for a command: to the first address that answers.
//!
//! Addresses are tried in turn. Where the first is IPv6, IPv4 gets its chance after 200 ms (RFC
//! 8305, and curl's `CURL_HET_DEFAULT`); whoever answers first has the connection.

use std::net::{IpAddr, SocketAddr};

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use wirelab_model::{SimDuration, SimTime};

use super::curl::Curl;
use super::nc::Nc;
use super::{Printer, Start, Started, Task};
use crate::host::output::ExecId;
use crate::host::stack::{ConnectError, SocketId, SocketOptions};
use crate::host::tcp::{Connection, SocketError};
use crate::host::{Host, Owner};

/// How long the first version of IP has for itself.
const HEAD_START: SimDuration = SimDuration::from_millis(200);

/// What the connection is for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Purpose {
    Curl(Box<Curl>),
    Nc(Nc),
}

/// An attempt under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Attempt {
    pub(super) socket: SocketId,
    to: SocketAddr,
}

/// A command with a connection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Connect {
    pub(super) purpose: Purpose,
    /// The host as it was typed.
    pub(super) name: String,
    /// What was tried last.
    pub(super) to: SocketAddr,
    /// What is still to be tried.
    pub(super) targets: Vec<SocketAddr>,
    source: Option<IpAddr>,
    pub(super) attempts: Vec<Attempt>,
    begun: bool,
    pub(super) talking: bool,
    pub(super) started: SimTime,
    pub(super) deadline: Option<SimTime>,
    pub(super) connect_deadline: Option<SimTime>,
    /// Since when nothing has come, for `nc -w`.
    pub(super) idle_since: SimTime,
    /// The command runs in a container.
    pub(super) bridged: bool,
}

/// Where and how long.
pub(super) struct Plan {
    pub(super) name: String,
    pub(super) targets: Vec<SocketAddr>,
    pub(super) limit: Option<SimDuration>,
    pub(super) connect_limit: Option<SimDuration>,
    /// The address of this machine that it is bound to.
    pub(super) source: Option<IpAddr>,
}

impl Host {
    pub(super) fn start_connect(
        &mut self,
        now: SimTime,
        id: ExecId,
        plan: Plan,
        purpose: Purpose,
    ) -> Start {
        self.start_connect_with(now, id, plan, purpose, None)
    }

    /// The same with a connection that is open already, if there is one.
    pub(super) fn start_connect_with(
        &mut self,
        now: SimTime,
        id: ExecId,
        plan: Plan,
        purpose: Purpose,
        kept: Option<SocketId>,
    ) -> Start {
        let anywhere = SocketAddr::new(IpAddr::from([0, 0, 0, 0]), 0);
        let open = kept.and_then(|it| Some((it, self.stack.connection(it)?.ends)));
        let mut purpose = purpose;
        if let (Purpose::Curl(curl), Some((_, ends))) = (&mut purpose, open) {
            curl.local = Some(ends.local);
        }
        let attempt = open.map(|(socket, ends)| Attempt {
            socket,
            to: ends.remote,
        });
        let first = plan.targets.first().copied();
        let task = Connect {
            purpose,
            name: plan.name,
            to: attempt.map(|it| it.to).or(first).unwrap_or(anywhere),
            targets: plan.targets,
            source: plan.source,
            attempts: attempt.into_iter().collect(),
            begun: false,
            talking: false,
            started: now,
            deadline: plan.limit.map(|limit| now + limit),
            connect_deadline: plan.connect_limit.map(|limit| now + limit),
            idle_since: now,
            bridged: false,
        };
        for at in [task.deadline, task.connect_deadline].into_iter().flatten() {
            self.wake_exec(at, id);
        }
        self.wake_exec(now + HEAD_START, id);
        Ok(Started::Running(Task::Connect(Box::new(task))))
    }

    /// Opens the connection, or sees that time is over.
    pub(super) fn connect_tick(
        &mut self,
        now: SimTime,
        id: ExecId,
        task: &mut Connect,
        printer: &mut Printer,
    ) -> Option<i32> {
        if !task.begun {
            task.begun = true;
            if !task.attempts.is_empty() {
                return self.talk_again(now, id, task, printer);
            }
            return self.try_next(now, id, task, printer);
        }
        if now.since(task.started) >= HEAD_START && !task.talking {
            self.try_other_version(now, id, task, printer);
        }
        let over = |at: Option<SimTime>| at.is_some_and(|at| at <= now);
        let connecting = over(task.connect_deadline) && !task.talking;
        if connecting || over(task.deadline) {
            let status = task.timed_out(now, connecting && !over(task.deadline), printer);
            self.end_connect(now, task);
            return Some(status);
        }
        let limit = match &task.purpose {
            Purpose::Nc(nc) => nc.idle_limit(),
            Purpose::Curl(_) => None,
        };
        let idle = limit.is_some_and(|limit| now.since(task.idle_since) >= limit);
        if idle {
            return self.idled(now, id, task, printer);
        }
        None
    }

    /// curl goes on with a connection that it has.
    fn talk_again(
        &mut self,
        now: SimTime,
        id: ExecId,
        task: &mut Connect,
        printer: &mut Printer,
    ) -> Option<i32> {
        let attempt = *task.attempts.first()?;
        task.talking = true;
        if let Purpose::Curl(curl) = &mut task.purpose {
            curl.connected_at = Some(now);
            curl.peer = Some(attempt.to);
            curl.print_reused(&task.name, printer);
            for data in curl.request_again(printer) {
                self.send(now, attempt.socket, data);
            }
        }
        self.exchange(now, id, task, printer)
    }

    /// Nothing came for as long as `nc -w` waits.
    fn idled(
        &mut self,
        now: SimTime,
        id: ExecId,
        task: &mut Connect,
        printer: &mut Printer,
    ) -> Option<i32> {
        self.end_connect(now, task);
        if task.talking {
            return Some(0);
        }
        if let Purpose::Nc(nc) = &task.purpose {
            nc.print_timeout(&task.name, task.to, printer);
        }
        self.try_next(now, id, task, printer)
    }

    /// Tries the next address; a status if there is none.
    fn try_next(
        &mut self,
        now: SimTime,
        id: ExecId,
        task: &mut Connect,
        printer: &mut Printer,
    ) -> Option<i32> {
        loop {
            if task.targets.is_empty() {
                return Some(task.exhausted(now, printer));
            }
            let to = task.targets.remove(0);
            if let Err(error) = self.try_address(now, id, task, to, printer) {
                task.refused(to, error, printer);
                continue;
            }
            return None;
        }
    }

    /// `nc -w` has its patience anew.
    fn wait_from(&mut self, now: SimTime, id: ExecId, task: &mut Connect) {
        task.idle_since = now;
        if let Purpose::Nc(nc) = &task.purpose
            && let Some(limit) = nc.idle_limit()
        {
            self.wake_exec(now + limit, id);
        }
    }

    fn try_address(
        &mut self,
        now: SimTime,
        id: ExecId,
        task: &mut Connect,
        to: SocketAddr,
        printer: &mut Printer,
    ) -> Result<(), ConnectError> {
        task.to = to;
        self.wait_from(now, id, task);
        task.announce(printer);
        let options = SocketOptions {
            bridged: task.bridged,
            no_delay: true,
            local_address: task.source,
            ..SocketOptions::default()
        };
        let socket = self.stack.connect(now, to, options)?;
        self.owners.insert(socket, Owner::Exec(id));
        task.attempts.push(Attempt { socket, to });
        Ok(())
    }

    /// curl gives the other version of IP its chance.
    fn try_other_version(
        &mut self,
        now: SimTime,
        id: ExecId,
        task: &mut Connect,
        printer: &mut Printer,
    ) {
        let is_curl = matches!(task.purpose, Purpose::Curl(_));
        let [first] = task.attempts[..] else { return };
        let other = |it: &SocketAddr| it.is_ipv4() != first.to.is_ipv4();
        let Some(at) = task.targets.iter().position(other).filter(|_| is_curl) else {
            return;
        };
        let to = task.targets.remove(at);
        if let Err(error) = self.try_address(now, id, task, to, printer) {
            task.refused(to, error, printer);
        }
    }

    fn end_connect(&mut self, now: SimTime, task: &mut Connect) {
        if let Purpose::Curl(curl) = &mut task.purpose
            && let Some(attempt) = task.attempts.first().filter(|_| task.talking)
            && let Some(farewell) = curl.tls.as_mut().and_then(|it| it.close_notify())
        {
            self.send(now, attempt.socket, farewell);
        }
        for attempt in std::mem::take(&mut task.attempts) {
            self.owners.remove(&attempt.socket);
            self.stack.close(now, attempt.socket);
        }
    }

    pub(super) fn advance_connect(
        &mut self,
        now: SimTime,
        id: ExecId,
        task: &mut Connect,
        printer: &mut Printer,
    ) -> Option<i32> {
        if !task.talking {
            return self.look_at_attempts(now, id, task, printer);
        }
        self.exchange(now, id, task, printer)
    }

    /// Which attempt has succeeded, which has failed.
    fn look_at_attempts(
        &mut self,
        now: SimTime,
        id: ExecId,
        task: &mut Connect,
        printer: &mut Printer,
    ) -> Option<i32> {
        for attempt in task.attempts.clone() {
            let Some(connection) = self.stack.connection(attempt.socket) else {
                continue;
            };
            if connection.was_established() {
                return self.opened(now, id, task, attempt, printer);
            }
            let Some(error) = connection.error else {
                continue;
            };
            task.attempts.retain(|it| *it != attempt);
            self.owners.remove(&attempt.socket);
            self.stack.close(now, attempt.socket);
            task.failed(attempt.to, error, printer);
            if task.attempts.is_empty() {
                return self.try_next(now, id, task, printer);
            }
        }
        None
    }

    fn opened(
        &mut self,
        now: SimTime,
        id: ExecId,
        task: &mut Connect,
        attempt: Attempt,
        printer: &mut Printer,
    ) -> Option<i32> {
        for other in task
            .attempts
            .clone()
            .into_iter()
            .filter(|it| *it != attempt)
        {
            self.owners.remove(&other.socket);
            self.stack.close(now, other.socket);
        }
        task.attempts = vec![attempt];
        task.to = attempt.to;
        self.wait_from(now, id, task);
        let local = self
            .stack
            .connection(attempt.socket)
            .map(|it| it.ends.local);
        match &mut task.purpose {
            Purpose::Nc(nc) => {
                nc.print_success(&task.name, attempt.to, printer);
                if nc.probes() {
                    // The name's other addresses are not asked for a port that is open.
                    let port = attempt.to.port();
                    task.targets.retain(|it| it.port() != port);
                    self.end_connect(now, task);
                    return self.try_next(now, id, task, printer);
                }
                task.talking = true;
                let (input, shuts) = nc.take_input();
                if let Some(input) = input {
                    self.send(now, attempt.socket, input);
                }
                if shuts {
                    self.stack.with(now, attempt.socket, Connection::shutdown);
                }
            }
            Purpose::Curl(curl) => {
                task.talking = true;
                curl.local = local;
                curl.peer = Some(attempt.to);
                curl.connected_at = Some(now);
                curl.print_opening(&task.name, attempt.to, printer);
                for data in curl.request(printer) {
                    self.send(now, attempt.socket, data);
                }
            }
        }
        self.exchange(now, id, task, printer)
    }

    pub(super) fn send(&mut self, now: SimTime, socket: SocketId, data: Bytes) {
        self.stack.with(now, socket, |connection, cx| {
            connection.send(data, cx);
        });
    }

    fn exchange(
        &mut self,
        now: SimTime,
        id: ExecId,
        task: &mut Connect,
        printer: &mut Printer,
    ) -> Option<i32> {
        let socket = task.attempts.first()?.socket;
        let data = self.stack.with(now, socket, Connection::receive)?;
        let connection = self.stack.connection(socket);
        let error = connection.and_then(|connection| connection.error);
        let ended =
            connection.is_none_or(|connection| connection.at_end() || connection.is_finished());
        if !data.is_empty() {
            self.wait_from(now, id, task);
        }
        let (mut data, mut ended) = (data, ended);
        if let Purpose::Curl(curl) = &mut task.purpose
            && !data.is_empty()
        {
            let times = (task.started, now);
            let found = curl.through_tls(data, self.moment(now), times, printer);
            for octets in found.send {
                self.send(now, socket, octets);
            }
            if found.status.is_some() {
                self.end_connect(now, task);
                return found.status;
            }
            (data, ended) = (found.data, ended || found.ended);
        }
        let status = match &mut task.purpose {
            Purpose::Curl(curl) => curl.exchanged(
                &task.name,
                (task.started, now),
                data,
                (ended, error),
                printer,
            ),
            Purpose::Nc(nc) => nc.heard(data, ended, error, printer),
        };
        if status.is_some() {
            self.keep_curl(id, task);
            self.end_connect(now, task);
        }
        status
    }
}

impl Connect {
    /// The sockets that it has.
    pub(super) fn sockets(&self) -> impl Iterator<Item = SocketId> {
        self.attempts.iter().map(|it| it.socket)
    }

    /// The command was typed earlier, at `began`: so long its name took.
    pub(super) fn count_from(&mut self, began: SimTime) {
        let took = self.started.since(began);
        if let Purpose::Curl(curl) = &mut self.purpose {
            curl.looked_up_at = Some(self.started);
        }
        self.started = began;
        for deadline in [&mut self.deadline, &mut self.connect_deadline] {
            *deadline = deadline.map(|at| at - took);
        }
    }

    fn announce(&self, printer: &mut Printer) {
        if let Purpose::Curl(curl) = &self.purpose {
            curl.print_trying(self.to, printer);
        }
    }

    /// An address did not answer as it should.
    fn failed(&mut self, to: SocketAddr, error: SocketError, printer: &mut Printer) {
        match &mut self.purpose {
            Purpose::Nc(nc) => nc.print_failure("tcp", &self.name, to, reason(error), printer),
            Purpose::Curl(curl) => curl.print_failure(to, error, printer),
        }
    }

    /// The machine itself did not even try an address.
    fn refused(&mut self, to: SocketAddr, error: ConnectError, printer: &mut Printer) {
        let why = match error {
            ConnectError::NoRoute(error) => error.text(),
            ConnectError::NoPort => "Cannot assign requested address",
        };
        match &mut self.purpose {
            Purpose::Nc(nc) => nc.print_failure("tcp", &self.name, to, why, printer),
            Purpose::Curl(curl) => curl.print_refusal(to, why, printer),
        }
    }

    /// There is no further address; returns the status.
    fn exhausted(&mut self, now: SimTime, printer: &mut Printer) -> i32 {
        let times = (self.started, now);
        match &mut self.purpose {
            Purpose::Nc(nc) => nc.status(),
            Purpose::Curl(curl) => curl.exhausted(&self.name, self.to, times, printer),
        }
    }

    /// A limit is over: that of the whole, or that of connecting.
    fn timed_out(&mut self, now: SimTime, connecting: bool, printer: &mut Printer) -> i32 {
        let times = (self.started, now);
        match &mut self.purpose {
            Purpose::Nc(nc) => nc.status(),
            Purpose::Curl(curl) if connecting => {
                curl.connect_timed_out(&self.name, self.to, times, printer)
            }
            Purpose::Curl(curl) => curl.timed_out(self.talking, times, printer),
        }
    }
}

/// What a failed call says.
pub(super) const fn reason(error: SocketError) -> &'static str {
    match error {
        SocketError::TimedOut => "Connection timed out",
        SocketError::Refused => "Connection refused",
        SocketError::Reset => "Connection reset by peer",
        SocketError::HostUnreachable => "No route to host",
        SocketError::NetUnreachable => "Network is unreachable",
        SocketError::Denied => "Permission denied",
    }
}

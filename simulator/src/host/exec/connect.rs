//! `curl` and `nc`: one TCP connection.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};
use wirelab_model::SimTime;

use super::curl::{self, Curl};
use super::names::service;
use super::options::{Syntax, Word};
use super::{Printer, Refusal, Start, Started, Task, number, seconds};
use crate::host::output::ExecId;
use crate::host::program::Act;
use crate::host::stack::{SocketId, SocketOptions};
use crate::host::tcp::{Connection, SocketError};
use crate::host::{Host, Owner};

/// What the connection is for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Purpose {
    Curl(Box<Curl>),
    /// `nc -z`: see whether it opens.
    Probe {
        verbose: bool,
    },
}

/// A command with a connection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Connect {
    purpose: Purpose,
    /// The host as it was typed.
    name: String,
    to: SocketAddr,
    socket: Option<SocketId>,
    talking: bool,
    started: SimTime,
    deadline: Option<SimTime>,
    connect_deadline: Option<SimTime>,
    /// The command runs in a container.
    pub(super) bridged: bool,
}

const NC_USAGE: &str = "usage: nc -z [-v] [-n] [-w SECONDS] HOST PORT\n";

const NC: Syntax = Syntax {
    program: "nc",
    letters: "vzn4w:",
    long: &[],
    usage: NC_USAGE,
};

impl Host {
    pub(super) fn start_curl(&mut self, now: SimTime, id: ExecId, arguments: &[String]) -> Start {
        let command = curl::read(arguments, &self.names)?;
        let task = Connect {
            purpose: Purpose::Curl(Box::new(command.curl)),
            name: command.name,
            to: command.to,
            socket: None,
            talking: false,
            started: now,
            deadline: command.limit.map(|limit| now + limit),
            connect_deadline: command.connect_limit.map(|limit| now + limit),
            bridged: false,
        };
        self.schedule_connect(id, &task);
        Ok(Started::Running(Task::Connect(task)))
    }

    pub(super) fn start_nc(&mut self, now: SimTime, id: ExecId, arguments: &[String]) -> Start {
        let (mut verbose, mut probe, mut numeric, mut limit) = (false, false, false, None);
        let mut places = Vec::new();
        for word in NC.read(arguments)? {
            match word {
                Word::Flag('v') => verbose = true,
                Word::Flag('z') => probe = true,
                Word::Flag('n') => numeric = true,
                Word::Flag(_) => {}
                Word::Value(_, value) => limit = Some(seconds(&value, "-w")?),
                Word::Operand(place) => places.push(place),
            }
        }
        let [host, port] = &places[..] else {
            return Err(Refusal::usage(NC_USAGE));
        };
        if !probe {
            return Err(Refusal::usage(format!(
                "nc: only -z is supported here\n{NC_USAGE}"
            )));
        }
        let address = match host.parse() {
            Err(_) if numeric => {
                let text = format!("nc: {host}: not an address, and -n forbids names\n");
                return Err(Refusal::with_status(1, text));
            }
            Err(_) => self.names.resolve("nc", host)?,
            Ok(address) => address,
        };
        let task = Connect {
            purpose: Purpose::Probe { verbose },
            name: host.clone(),
            to: SocketAddr::new(address, number(port, "port")?),
            socket: None,
            talking: false,
            started: now,
            deadline: limit.map(|limit| now + limit),
            connect_deadline: None,
            bridged: false,
        };
        self.schedule_connect(id, &task);
        Ok(Started::Running(Task::Connect(task)))
    }

    fn schedule_connect(&mut self, id: ExecId, task: &Connect) {
        for at in [task.deadline, task.connect_deadline].into_iter().flatten() {
            self.wake_exec(at, id);
        }
    }

    /// Opens the connection, or sees that time is over.
    pub(super) fn connect_tick(
        &mut self,
        now: SimTime,
        id: ExecId,
        task: &mut Connect,
        printer: &mut Printer,
    ) -> Option<i32> {
        if task.socket.is_none() {
            task.announce(printer);
            let options = SocketOptions {
                bridged: task.bridged,
                no_delay: true,
                ..SocketOptions::default()
            };
            match self.stack.connect(now, task.to, options) {
                Ok(socket) => {
                    task.socket = Some(socket);
                    self.owners.insert(socket, Owner::Exec(id));
                }
                Err(error) => return Some(task.failed(now, error, printer)),
            }
            return None;
        }
        let over = |at: Option<SimTime>| at.is_some_and(|at| at <= now);
        let late = over(task.deadline) || (over(task.connect_deadline) && !task.talking);
        if !late {
            return None;
        }
        let status = task.timed_out(now, printer);
        self.end_connect(now, task);
        Some(status)
    }

    fn end_connect(&mut self, now: SimTime, task: &mut Connect) {
        if let Some(socket) = task.socket.take() {
            self.owners.remove(&socket);
            self.stack.close(now, socket);
        }
    }

    pub(super) fn advance_connect(
        &mut self,
        now: SimTime,
        _id: ExecId,
        task: &mut Connect,
        printer: &mut Printer,
    ) -> Option<i32> {
        let socket = task.socket?;
        let connection = self.stack.connection(socket)?;
        let established = connection.was_established();
        let mut status = None;
        if established && !task.talking {
            task.talking = true;
            status = self.opened(now, task, printer);
        }
        if status.is_none() {
            status = self.exchange(now, socket, task, printer);
        }
        if status.is_some() {
            self.end_connect(now, task);
        }
        status
    }

    fn opened(&mut self, now: SimTime, task: &mut Connect, printer: &mut Printer) -> Option<i32> {
        let (to, place) = (task.to, task.place());
        let socket = task.socket?;
        match &mut task.purpose {
            Purpose::Probe { verbose } => {
                if *verbose {
                    printer.err(format!(
                        "Connection to {place} {} port [tcp/{}] succeeded!\n",
                        to.port(),
                        service(to.port()).unwrap_or("*")
                    ));
                }
                Some(0)
            }
            Purpose::Curl(curl) => {
                curl.connected_at = Some(now);
                curl.print_opening(&task.name, to, printer);
                for act in curl.client.start() {
                    if let Act::Send(data) = act {
                        self.stack.with(now, socket, |connection, cx| {
                            connection.send(data, cx);
                        });
                    }
                }
                None
            }
        }
    }

    fn exchange(
        &mut self,
        now: SimTime,
        socket: SocketId,
        task: &mut Connect,
        printer: &mut Printer,
    ) -> Option<i32> {
        let data = self.stack.with(now, socket, Connection::receive)?;
        let connection = self.stack.connection(socket);
        let error = connection.and_then(|connection| connection.error);
        let ended =
            connection.is_none_or(|connection| connection.at_end() || connection.is_finished());
        if let Purpose::Curl(curl) = &mut task.purpose {
            curl.received += data.iter().map(|piece| piece.len() as u64).sum::<u64>();
            let acts = if data.is_empty() {
                Vec::new()
            } else {
                curl.client.on_data(data)
            };
            let done = acts.iter().any(|act| matches!(act, Act::Done(_)));
            let by_end = if ended && error.is_none() {
                curl.client.on_end()
            } else {
                None
            };
            if done || by_end.is_some() {
                return Some(curl.finished(&task.name, task.started, now, by_end, printer));
            }
        }
        match error {
            Some(error) => Some(task.failed(now, error, printer)),
            None if ended => Some(task.closed_early(printer)),
            None => None,
        }
    }
}

impl Connect {
    /// The command was typed earlier, at `began`: so long its name took.
    pub(super) fn count_from(&mut self, began: SimTime) {
        let took = self.started.since(began);
        self.started = began;
        for deadline in [&mut self.deadline, &mut self.connect_deadline] {
            *deadline = deadline.map(|at| at - took);
        }
    }

    /// As nc names the other end: with its address unless that was typed.
    fn place(&self) -> String {
        let address = self.to.ip();
        if self.name == address.to_string() {
            self.name.clone()
        } else {
            format!("{} ({address})", self.name)
        }
    }

    fn announce(&self, printer: &mut Printer) {
        if let Purpose::Curl(curl) = &self.purpose
            && curl.verbose
        {
            printer.err(format!(
                "*   Trying {}:{}...\n",
                self.to.ip(),
                self.to.port()
            ));
        }
    }

    fn failed(&self, now: SimTime, error: SocketError, printer: &mut Printer) -> i32 {
        let reason = match error {
            SocketError::TimedOut => "Connection timed out",
            SocketError::Refused => "Connection refused",
            SocketError::Reset => "Connection reset by peer",
            SocketError::HostUnreachable => "No route to host",
            SocketError::NetUnreachable => "Network is unreachable",
        };
        let (ip, port) = (self.to.ip(), self.to.port());
        match &self.purpose {
            Purpose::Probe { verbose } => {
                if *verbose {
                    let place = self.place();
                    printer.err(format!(
                        "nc: connect to {place} port {port} (tcp) failed: {reason}\n"
                    ));
                }
                1
            }
            Purpose::Curl(curl) if self.talking => {
                curl.complain(56, &format!("Recv failure: {reason}"), printer)
            }
            Purpose::Curl(curl) => {
                if curl.verbose {
                    printer.err(format!("* connect to {ip} port {port} failed: {reason}\n"));
                }
                let took = now.since(self.started).as_millis();
                let text = format!(
                    "Failed to connect to {} port {port} after {took} ms: Couldn't connect to server",
                    self.name
                );
                curl.complain(
                    if error == SocketError::TimedOut {
                        28
                    } else {
                        7
                    },
                    &text,
                    printer,
                )
            }
        }
    }

    fn timed_out(&self, now: SimTime, printer: &mut Printer) -> i32 {
        let took = now.since(self.started).as_millis();
        match &self.purpose {
            Purpose::Probe { verbose } => {
                if *verbose {
                    printer.err(format!(
                        "nc: connect to {} port {} (tcp) timed out: Operation now in progress\n",
                        self.place(),
                        self.to.port()
                    ));
                }
                1
            }
            Purpose::Curl(curl) if self.talking => {
                let text = format!(
                    "Operation timed out after {took} milliseconds with {} bytes received",
                    curl.client.body_len
                );
                curl.complain(28, &text, printer)
            }
            Purpose::Curl(curl) => {
                let text = format!("Connection timed out after {took} milliseconds");
                curl.complain(28, &text, printer)
            }
        }
    }

    fn closed_early(&self, printer: &mut Printer) -> i32 {
        match &self.purpose {
            Purpose::Probe { .. } => 0,
            Purpose::Curl(curl) if curl.received == 0 => {
                curl.complain(52, "Empty reply from server", printer)
            }
            Purpose::Curl(curl) => curl.complain(
                18,
                "transfer closed with outstanding read data remaining",
                printer,
            ),
        }
    }
}

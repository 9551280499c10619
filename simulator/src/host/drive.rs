//! Driving traffic programs: starting exchanges, seeing them end.

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;
use wirelab_model::SimTime;
use wirelab_wire::{IpPacket, Unreachable, protocol};

use super::icmp::{ErrorKind, Heard};
use super::output::{HostEvent, Output};
use super::packet;
use super::program::runner::Runner;
use super::program::{Act, Client, Done, text};
use super::resolver::{Asker, Found, NameError};
use super::stack::SocketOptions;
use super::tcp::{Connection, SocketError};
use super::traffic::{ClientTuple, Outcome, TrafficEvent, TrafficProgram};
use super::{Host, Owner, Waker};

/// `ping -M`: what happens to a message longer than the path allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum PathMtu {
    /// DF; refused here once the path MTU is known.
    Do,
    /// DF as long as it fits what is known of the path, fragments after that: the default.
    Want,
    /// Never DF.
    Dont,
}

/// An echo request to be sent.
pub(super) struct Echo {
    pub(super) to: std::net::IpAddr,
    pub(super) identifier: u16,
    pub(super) sequence: u16,
    /// Octets of data.
    pub(super) size: u16,
    pub(super) mode: PathMtu,
    pub(super) ttl: u8,
}

impl Host {
    pub(super) fn set_alarm(&mut self, runner: &Runner) {
        if let Some(at) = runner.alarm {
            let waker = Waker::Traffic(runner.spec.name.clone());
            self.wakes.insert((at, waker));
        }
    }

    /// Closes what a runner holds.
    pub(super) fn drop_runner(&mut self, now: SimTime, runner: &Runner) {
        self.stop_lookups(now, &Asker::Traffic(runner.spec.name.clone()));
        if let Some(socket) = runner.socket {
            self.owners.remove(&socket);
            self.stack.close(now, socket);
        }
        if matches!(runner.spec.program, TrafficProgram::Udp { .. }) && runner.handle != 0 {
            self.stack.unbind_udp(runner.handle);
        }
    }

    /// Works on one runner, which may vanish meanwhile.
    fn with_runner(&mut self, name: &str, act: impl FnOnce(&mut Self, &mut Runner)) {
        let Some(mut runner) = self.runners.remove(name) else {
            return;
        };
        let before = runner.alarm;
        act(self, &mut runner);
        if runner.alarm != before {
            self.set_alarm(&runner);
        }
        self.runners.insert(runner.spec.name.clone(), runner);
    }

    /// The time of a runner's next exchange has come, or the end of its patience.
    pub(super) fn on_traffic_alarm(&mut self, now: SimTime, name: &SmolStr, out: &mut Output) {
        self.with_runner(name, |host, runner| {
            if runner.alarm != Some(now) && runner.alarm.is_none_or(|at| at > now) {
                return;
            }
            runner.alarm = None;
            if runner.running.is_some() {
                host.stop_lookups(now, &Asker::Traffic(runner.spec.name.clone()));
                host.finish(now, runner, Outcome::TimedOut, None, out);
            } else {
                host.start_exchange(now, runner, out);
            }
        });
    }

    fn start_exchange(&mut self, now: SimTime, runner: &mut Runner, out: &mut Output) {
        runner.running = Some(now);
        runner.alarm = Some(now + runner.spec.timeout);
        runner.received = 0;
        if self.looks_up(now, runner, out) {
            return;
        }
        self.begin_exchange(now, runner, out);
    }

    /// A program that talks to a name looks it up, unless its connection is open.
    fn looks_up(&mut self, now: SimTime, runner: &mut Runner, out: &mut Output) -> bool {
        let Some(name) = runner.spec.to_name.clone() else {
            return false;
        };
        let open = runner.talking && runner.socket.is_some();
        let asker = Asker::Traffic(runner.spec.name.clone());
        if open {
            return false;
        }
        if !self.start_lookup(now, &name, asker) {
            let text = NameError::TryAgain.text().into();
            self.finish(now, runner, Outcome::Failed(text), None, out);
        }
        true
    }

    /// The address of a program's peer is known, or known not to be.
    pub(super) fn on_traffic_resolved(
        &mut self,
        now: SimTime,
        name: &SmolStr,
        found: Found,
        out: &mut Output,
    ) {
        self.with_runner(name, |host, runner| {
            if runner.running.is_none() {
                return;
            }
            match found.map(|addresses| addresses.first().copied()) {
                Ok(Some(address)) => {
                    runner.to = address;
                    host.begin_exchange(now, runner, out);
                }
                Ok(None) => {}
                Err(error) => {
                    let text = error.text().into();
                    host.finish(now, runner, Outcome::Failed(text), None, out);
                }
            }
        });
    }

    fn begin_exchange(&mut self, now: SimTime, runner: &mut Runner, out: &mut Output) {
        match runner.spec.program.clone() {
            TrafficProgram::Ping {
                size,
                dont_fragment,
            } => self.start_ping(now, runner, size, dont_fragment, out),
            TrafficProgram::Udp { bytes } => self.start_udp(now, runner, bytes, out),
            _ => self.start_tcp(now, runner, out),
        }
    }

    fn start_tcp(&mut self, now: SimTime, runner: &mut Runner, out: &mut Output) {
        let usable = runner.socket.filter(|socket| {
            let connection = self.stack.connection(*socket);
            connection.is_some_and(|connection| connection.may_send() && !connection.at_end())
        });
        if usable.is_some() && runner.talking {
            let moment = self.moment(now);
            let acts = match &mut runner.client {
                Some(client) => client.start(false, moment),
                None => Vec::new(),
            };
            self.apply_client(now, runner, acts, out);
            return;
        }
        self.release(now, runner);
        let name = match &runner.spec.to_name {
            Some(name) => name.to_string(),
            None => runner.to.to_string(),
        };
        let host = match runner.spec.port {
            80 => name,
            port => format!("{name}:{port}"),
        };
        runner.client = Client::new(&runner.spec.program, &host);
        runner.uses = 0;
        let options = SocketOptions {
            bridged: false,
            no_delay: true,
            keepalive: None,
        };
        match self.stack.connect(now, runner.remote(), options) {
            Ok(socket) => {
                runner.socket = Some(socket);
                runner.tuple = self.tuple_of(socket);
                self.owners
                    .insert(socket, Owner::Traffic(runner.spec.name.clone()));
            }
            Err(error) => self.finish(now, runner, outcome_of(error), None, out),
        }
    }

    fn tuple_of(&self, socket: super::SocketId) -> Option<ClientTuple> {
        let ends = self.stack.connection(socket)?.ends;
        Some(ClientTuple {
            local: ends.local.ip(),
            local_port: ends.local.port(),
            remote: ends.remote.ip(),
            remote_port: ends.remote.port(),
            protocol: protocol::TCP,
        })
    }

    fn release(&mut self, now: SimTime, runner: &mut Runner) {
        if let Some(socket) = runner.socket.take() {
            self.owners.remove(&socket);
            self.stack.close(now, socket);
        }
        runner.talking = false;
        runner.client = None;
    }

    /// Something happened on a runner's connection.
    pub(super) fn on_client_touched(&mut self, now: SimTime, name: &SmolStr, out: &mut Output) {
        self.with_runner(name, |host, runner| host.advance_client(now, runner, out));
    }

    fn advance_client(&mut self, now: SimTime, runner: &mut Runner, out: &mut Output) {
        let Some(socket) = runner.socket else {
            return;
        };
        let moment = self.moment(now);
        let established = self
            .stack
            .connection(socket)
            .is_some_and(Connection::was_established);
        if established && !runner.talking {
            runner.talking = true;
            let acts = match &mut runner.client {
                Some(client) => client.start(true, moment),
                None => Vec::new(),
            };
            self.apply_client(now, runner, acts, out);
        }
        let data = self.stack.with(now, socket, Connection::receive);
        if let Some(data) = data.filter(|data| !data.is_empty()) {
            runner.received += data.iter().map(|piece| piece.len() as u64).sum::<u64>();
            let acts = match &mut runner.client {
                Some(client) => client.on_data(data, moment),
                None => Vec::new(),
            };
            self.apply_client(now, runner, acts, out);
        }
        if runner.socket == Some(socket) {
            self.see_end(now, runner, socket, out);
        }
    }

    /// The peer may have closed, or the connection may have failed.
    fn see_end(
        &mut self,
        now: SimTime,
        runner: &mut Runner,
        socket: super::SocketId,
        out: &mut Output,
    ) {
        let (error, finished, at_end) = match self.stack.connection(socket) {
            Some(connection) => (
                connection.error,
                connection.is_finished(),
                connection.at_end(),
            ),
            None => (Some(SocketError::Reset), true, true),
        };
        if let Some(error) = error {
            self.end_connection(now, runner, outcome_of(error), out);
        } else if at_end || finished {
            let done = runner.client.as_mut().and_then(Client::on_end);
            match done {
                Some(done) if runner.running.is_some() => {
                    self.finish(now, runner, Outcome::Completed, Some(done), out);
                }
                _ => self.end_connection(now, runner, Outcome::Reset, out),
            }
        }
    }

    fn end_connection(
        &mut self,
        now: SimTime,
        runner: &mut Runner,
        outcome: Outcome,
        out: &mut Output,
    ) {
        if runner.running.is_some() {
            self.finish(now, runner, outcome, None, out);
        } else {
            self.release(now, runner);
        }
    }

    fn apply_client(
        &mut self,
        now: SimTime,
        runner: &mut Runner,
        acts: Vec<Act>,
        out: &mut Output,
    ) {
        for act in acts {
            let Some(socket) = runner.socket else {
                return;
            };
            match act {
                Act::Send(data) => {
                    self.stack.with(now, socket, |connection, cx| {
                        connection.send(data, cx);
                    });
                }
                Act::Close => self.release(now, runner),
                Act::Wake(at) => {
                    let waker = Waker::Client(runner.spec.name.clone());
                    self.wakes.insert((at, waker));
                }
                Act::Done(done) => {
                    if runner.running.is_some() {
                        self.finish(now, runner, Outcome::Completed, Some(done), out);
                    }
                }
            }
        }
    }

    /// A pause of a client is over.
    pub(super) fn on_client_wake(&mut self, now: SimTime, name: &SmolStr, out: &mut Output) {
        let moment = self.moment(now);
        self.with_runner(name, |host, runner| {
            let acts = match (&mut runner.client, runner.talking) {
                (Some(client), true) => client.on_wake(moment),
                _ => Vec::new(),
            };
            host.apply_client(now, runner, acts, out);
        });
    }

    /// Reports the end of the running exchange and plans the next.
    fn finish(
        &mut self,
        now: SimTime,
        runner: &mut Runner,
        outcome: Outcome,
        done: Option<Done>,
        out: &mut Output,
    ) {
        let Some(started) = runner.running else {
            return;
        };
        let completed = outcome == Outcome::Completed;
        let tcp = runner
            .tuple
            .is_some_and(|tuple| tuple.protocol == protocol::TCP);
        out.events.push(HostEvent::Traffic(TrafficEvent {
            traffic: runner.spec.name.clone(),
            exchange: runner.exchange,
            started,
            at: now,
            outcome,
            connection: runner.tuple,
            cut: !completed && tcp && runner.talking,
            bytes_received: runner.received,
            status: done.and_then(|done| done.status),
        }));
        runner.uses += 1;
        let last = done.is_some_and(|done| done.last);
        if !completed || last || !runner.keeps_connection() {
            self.release(now, runner);
        }
        runner.plan_next(started, now, completed);
        if runner.is_stream() && completed && runner.socket.is_some() && runner.alarm.is_some() {
            // The next piece of a stream is waited for from now on.
            runner.running = Some(now);
            runner.received = 0;
            runner.alarm = Some(now + runner.spec.timeout);
        }
    }

    fn start_ping(
        &mut self,
        now: SimTime,
        runner: &mut Runner,
        size: u16,
        dont_fragment: bool,
        out: &mut Output,
    ) {
        if runner.handle == 0 {
            runner.handle = self.echo_identifier();
        }
        let sequence = (runner.exchange as u16).wrapping_add(1);
        let mode = if dont_fragment {
            PathMtu::Do
        } else {
            PathMtu::Want
        };
        let echo = Echo {
            to: runner.to,
            identifier: runner.handle,
            sequence,
            size,
            mode,
            ttl: packet::DEFAULT_TTL,
        };
        let sent = self.send_echo(now, &echo);
        runner.tuple = self.stack.resolve(runner.to).map(|way| ClientTuple {
            local: way.source,
            local_port: 0,
            remote: runner.to,
            remote_port: 0,
            protocol: match runner.spec.to {
                std::net::IpAddr::V4(_) => protocol::ICMP,
                std::net::IpAddr::V6(_) => protocol::ICMPV6,
            },
        });
        if let Err(text) = sent {
            self.finish(now, runner, Outcome::Failed(text), None, out);
        }
    }

    /// Sends an echo request as `ping` does.
    ///
    /// # Errors
    /// The text `ping` prints: no route, or longer than the path MTU with DF set.
    pub(super) fn send_echo(&mut self, now: SimTime, echo: &Echo) -> Result<(), SmolStr> {
        let way = self
            .stack
            .resolve(echo.to)
            .ok_or_else(|| SmolStr::from("Network is unreachable"))?;
        let path_mtu = self.stack.routes.path_mtu(echo.to, way.mtu, now);
        let headers = if echo.to.is_ipv4() { 28 } else { 48 };
        let fits = usize::from(echo.size) + headers <= usize::from(path_mtu);
        // Machines here do not cut IPv6 packets.
        if !fits && (echo.mode == PathMtu::Do || echo.to.is_ipv6()) {
            return Err(format!("message too long, mtu={path_mtu}").into());
        }
        let mut request = IpPacket::echo_request(
            way.source,
            echo.to,
            echo.identifier,
            echo.sequence,
            text::prose(u32::from(echo.size)),
        );
        let number = self.stack.next_identification();
        request.header.ttl = echo.ttl;
        if let wirelab_wire::IpVersionFields::V4(fields) = &mut request.header.version {
            fields.dont_fragment = echo.mode == PathMtu::Do || (echo.mode == PathMtu::Want && fits);
            fields.identification = number;
        }
        self.stack.output(now, request);
        Ok(())
    }

    fn start_udp(&mut self, now: SimTime, runner: &mut Runner, bytes: u32, out: &mut Output) {
        let remote = runner.remote();
        let Some(way) = self.stack.resolve(remote.ip()) else {
            self.finish(
                now,
                runner,
                outcome_of(SocketError::NetUnreachable),
                None,
                out,
            );
            return;
        };
        if runner.handle == 0 {
            let Some(port) = self.stack.ephemeral_port(remote, way.source) else {
                return;
            };
            runner.handle = port;
            self.stack.bind_udp(port);
        }
        runner.tuple = Some(ClientTuple {
            local: way.source,
            local_port: runner.handle,
            remote: remote.ip(),
            remote_port: remote.port(),
            protocol: protocol::UDP,
        });
        let payload: Bytes = text::prose(bytes);
        self.stack.send_udp(now, runner.handle, remote, payload);
    }

    /// A datagram for a port that a program bound.
    pub(super) fn on_traffic_datagram(
        &mut self,
        now: SimTime,
        port: u16,
        len: usize,
        out: &mut Output,
    ) {
        let waiting = self.runners.values().find(|runner| {
            runner.handle == port && matches!(runner.spec.program, TrafficProgram::Udp { .. })
        });
        let Some(name) = waiting.map(|runner| runner.spec.name.clone()) else {
            return;
        };
        self.with_runner(&name, |host, runner| {
            runner.received += len as u64;
            host.finish(now, runner, Outcome::Completed, None, out);
        });
    }

    /// An ICMP message may end a ping or a UDP exchange.
    pub(super) fn on_traffic_icmp(&mut self, now: SimTime, heard: &Heard, out: &mut Output) {
        let wanted = self.runners.values().find_map(|runner| {
            runner.running?;
            let outcome = judge(runner, heard)?;
            Some((runner.spec.name.clone(), outcome))
        });
        if let Some((name, outcome)) = wanted {
            self.with_runner(&name, |host, runner| {
                host.finish(now, runner, outcome, None, out);
            });
        }
    }
}

/// What an ICMP message means for a runner, if anything.
fn judge(runner: &Runner, heard: &Heard) -> Option<Outcome> {
    let sequence = (runner.exchange as u16).wrapping_add(1);
    match (&runner.spec.program, heard) {
        (
            TrafficProgram::Ping { .. },
            Heard::EchoReply {
                identifier,
                sequence: answered,
                ..
            },
        ) => (*identifier == runner.handle && *answered == sequence).then_some(Outcome::Completed),
        (TrafficProgram::Ping { .. }, Heard::Error { what, about, .. }) => {
            (about.echo == Some((runner.handle, sequence))).then(|| outcome_of_icmp(*what))
        }
        (TrafficProgram::Udp { .. }, Heard::Error { what, about, .. }) => {
            let same = about.protocol == protocol::UDP
                && about.ports == Some((runner.handle, runner.spec.port))
                && about.destination == runner.to;
            same.then(|| outcome_of_icmp(*what))
        }
        _ => None,
    }
}

const fn outcome_of_icmp(what: ErrorKind) -> Outcome {
    match what {
        ErrorKind::Unreachable(Unreachable::Port) => Outcome::Refused,
        ErrorKind::Unreachable(code) => Outcome::Unreachable(code),
        ErrorKind::TimeExceeded(_) => Outcome::Unreachable(Unreachable::Host),
    }
}

const fn outcome_of(error: SocketError) -> Outcome {
    match error {
        SocketError::TimedOut => Outcome::TimedOut,
        SocketError::Refused => Outcome::Refused,
        SocketError::Reset => Outcome::Reset,
        SocketError::HostUnreachable => Outcome::Unreachable(Unreachable::Host),
        SocketError::NetUnreachable => Outcome::Unreachable(Unreachable::Net),
    }
}

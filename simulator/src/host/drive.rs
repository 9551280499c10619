//! Driving traffic programs: starting exchanges, seeing them end. Pings, datagrams, pools and port
//! scans are in files of their own.

mod datagram;
mod echo;
mod pool;
mod scan;

use smol_str::SmolStr;
use wirelab_model::{SimTime, Stream};
use wirelab_wire::{Unreachable, protocol};

pub(super) use echo::{Echo, PathMtu, too_long};
pub(super) use scan::Scan;

use super::output::{HostEvent, Output};
use super::program::runner::Runner;
use super::program::{Act, Client, Done};
use super::resolver::{Asker, Found, NameError, Sought};
use super::stack::{SocketId, SocketOptions};
use super::tcp::{Connection, SocketError};
use super::traffic::{ClientTuple, Outcome, TrafficEvent, TrafficProgram};
use super::{Host, Owner, Waker};

impl Host {
    pub(super) fn set_alarm(&mut self, runner: &Runner) {
        if let Some(at) = runner.alarm {
            let waker = Waker::Traffic(runner.spec.name.clone());
            self.wakes.insert((at, waker));
        }
    }

    /// Closes what a runner holds.
    pub(super) fn drop_runner(&mut self, now: SimTime, mut runner: Runner) {
        self.stop_lookups(now, &Asker::Traffic(runner.spec.name.clone()));
        self.release(now, &mut runner);
        self.end_scan(now, &mut runner);
        while let Some(parked) = runner.parked.pop_front() {
            self.close_parked(now, parked);
        }
        if runner.spec.program.is_datagram() && runner.handle != 0 {
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
        if !self.start_lookup(now, &name, Sought::Addresses, asker) {
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
            match found.map(|it| it.addresses.first().copied()) {
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
            TrafficProgram::Scan { ports, connect } => {
                self.start_scan(now, runner, &ports, connect, out);
            }
            program if program.is_datagram() => self.start_datagram(now, runner, out),
            _ => self.start_tcp(now, runner, out),
        }
    }

    fn start_tcp(&mut self, now: SimTime, runner: &mut Runner, out: &mut Output) {
        self.take_parked(now, runner);
        let usable = runner.socket.filter(|socket| self.is_usable(*socket));
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
        let stream = self.stream_of(runner);
        let client = Client::new(&runner.spec.program, &authority(runner), stream);
        self.open(now, runner, client, out);
    }

    fn is_usable(&self, socket: SocketId) -> bool {
        let connection = self.stack.connection(socket);
        connection.is_some_and(|connection| connection.may_send() && !connection.at_end())
    }

    /// What the next connection of a program draws.
    fn stream_of(&self, runner: &mut Runner) -> Stream {
        let name = format!("traffic/{}/connection/{}", runner.spec.name, runner.made);
        runner.made += 1;
        Stream::new(self.config.seed.traffic, &name)
    }

    /// The machine's `tcp_keepalive` settings are others now: sockets without times of their own
    /// look at them when their timers fire (`keepalive_time_when`).
    pub(in crate::host) fn change_keepalive(&mut self) {
        let keepalive = self.spec.settings.keepalive();
        let clients = self.runners.values().filter_map(|it| it.socket);
        for socket in clients.chain(self.sessions.keys().copied()) {
            self.stack.change_keepalive(socket, keepalive);
        }
    }

    /// Opens a connection for `client`.
    fn open(
        &mut self,
        now: SimTime,
        runner: &mut Runner,
        client: Option<Client>,
        out: &mut Output,
    ) {
        runner.client = client;
        runner.uses = 0;
        let keepalive = self.spec.settings.keepalive();
        let keepalive = runner.spec.program.keeps_alive().then_some(keepalive);
        let options = SocketOptions {
            bridged: runner.spec.program.in_container(),
            no_delay: true,
            keepalive,
            binds: runner.spec.bind,
            ..SocketOptions::default()
        };
        match self.stack.connect(now, runner.remote(), options) {
            Ok(socket) => {
                runner.socket = Some(socket);
                runner.tuple = self.tuple_of(socket);
                self.owners
                    .insert(socket, Owner::Traffic(runner.spec.name.clone()));
            }
            Err(error) => self.finish(now, runner, outcome_of(error.into()), None, out),
        }
    }

    fn tuple_of(&self, socket: SocketId) -> Option<ClientTuple> {
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
            self.hang_up(now, socket, runner.client.as_mut());
        }
        runner.talking = false;
        runner.client = None;
    }

    /// Says what is to be said at the end, and closes.
    fn hang_up(&mut self, now: SimTime, socket: SocketId, client: Option<&mut Client>) {
        if let Some(farewell) = client.and_then(Client::farewell) {
            self.stack
                .with(now, socket, |connection, cx| connection.send(farewell, cx));
        }
        self.owners.remove(&socket);
        self.stack.close(now, socket);
    }

    /// Something happened on a connection of a runner.
    pub(super) fn on_client_touched(
        &mut self,
        now: SimTime,
        name: &SmolStr,
        socket: SocketId,
        out: &mut Output,
    ) {
        self.with_runner(name, |host, runner| {
            if runner.scan.is_some() {
                host.on_scan_touched(now, runner, socket, out);
            } else if runner.socket == Some(socket) {
                host.advance_client(now, runner, out);
            } else {
                host.see_parked(now, runner, socket);
            }
        });
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
    fn see_end(&mut self, now: SimTime, runner: &mut Runner, socket: SocketId, out: &mut Output) {
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
                Act::Abort => {
                    self.stack.with(now, socket, Connection::abort);
                }
                Act::Wake(at) => {
                    let waker = Waker::Client(runner.spec.name.clone());
                    self.wakes.insert((at, waker));
                }
                Act::Done(done) => {
                    if runner.running.is_some() {
                        self.finish(now, runner, Outcome::Completed, Some(done), out);
                    }
                }
                // Clients ask by packets.
                Act::Ask(_) => {}
                Act::Failed(text) => {
                    self.end_connection(now, runner, Outcome::Failed(text), out);
                }
            }
        }
    }

    /// A pause of a client is over.
    pub(super) fn on_client_wake(&mut self, now: SimTime, name: &SmolStr, out: &mut Output) {
        let moment = self.moment(now);
        self.with_runner(name, |host, runner| {
            if runner.scan.is_some() {
                return host.on_scan_wake(now, runner, out);
            }
            host.expire_parked(now, runner);
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
        self.forget_datagram(runner);
        self.end_scan(now, runner);
        self.park(now, runner);
        runner.plan_next(started, now, completed);
        if runner.is_stream() && completed && runner.socket.is_some() && runner.alarm.is_some() {
            // The next piece of a stream is waited for from now on.
            runner.running = Some(now);
            runner.received = 0;
            runner.alarm = Some(now + runner.spec.timeout);
        }
    }
}

const fn outcome_of(error: SocketError) -> Outcome {
    match error {
        SocketError::TimedOut => Outcome::TimedOut,
        SocketError::Refused => Outcome::Refused,
        SocketError::Reset => Outcome::Reset,
        SocketError::HostUnreachable => Outcome::Unreachable(Unreachable::Host),
        SocketError::NetUnreachable => Outcome::Unreachable(Unreachable::Net),
        SocketError::Denied => Outcome::Unreachable(Unreachable::AdministrativelyProhibited),
    }
}

/// The host and port that a program names in its requests: the port unless it is the scheme's.
fn authority(runner: &Runner) -> String {
    let name = match &runner.spec.to_name {
        Some(name) => name.to_string(),
        None if runner.to.is_ipv6() => format!("[{}]", runner.to),
        None => runner.to.to_string(),
    };
    let usual = if runner.spec.program.is_secure() {
        443
    } else {
        80
    };
    match runner.spec.port {
        port if port == usual => name,
        port => format!("{name}:{port}"),
    }
}

//! Traffic programs over UDP, and ICMP messages that end an exchange.

use std::net::SocketAddr;

use bytes::Bytes;
use wirelab_model::SimTime;
use wirelab_wire::{Unreachable, protocol};

use super::outcome_of;
use crate::host::Host;
use crate::host::icmp::{ErrorKind, Heard};
use crate::host::output::Output;
use crate::host::program::nameserver::Reply;
use crate::host::program::runner::Runner;
use crate::host::program::{Act, Client, ntp, text};
use crate::host::tcp::SocketError;
use crate::host::traffic::{ClientTuple, Outcome, TrafficProgram};

impl Host {
    /// Asks by one datagram, from a new port but for plain UDP.
    pub(super) fn start_datagram(&mut self, now: SimTime, runner: &mut Runner, out: &mut Output) {
        let remote = runner.remote();
        let Some(way) = self.stack.resolve(remote.ip()) else {
            let outcome = outcome_of(SocketError::NetUnreachable);
            return self.finish(now, runner, outcome, None, out);
        };
        if runner.handle == 0 {
            let Some(port) = self.stack.udp_port() else {
                return;
            };
            runner.handle = port;
            self.stack.connect_udp(port);
        }
        runner.tuple = Some(ClientTuple {
            local: way.source,
            local_port: runner.handle,
            remote: remote.ip(),
            remote_port: remote.port(),
            protocol: protocol::UDP,
        });
        runner.query = self.datagram(runner);
        let payload = runner.query.clone();
        self.stack.send_udp(now, runner.handle, remote, payload);
    }

    fn datagram(&self, runner: &mut Runner) -> Bytes {
        if let TrafficProgram::Udp { bytes } = runner.spec.program {
            return text::prose(bytes);
        }
        let mut stream = self.stream_of(runner);
        match &runner.spec.program {
            TrafficProgram::Ntp => ntp::query(&mut stream),
            program => {
                runner.client = Client::new(program, "", stream);
                match &runner.client {
                    Some(Client::Dns(client)) => client.query(),
                    _ => Bytes::new(),
                }
            }
        }
    }

    /// The port of the last question is not listened on any more.
    pub(super) fn forget_datagram(&mut self, runner: &mut Runner) {
        let once = matches!(
            runner.spec.program,
            TrafficProgram::Ntp | TrafficProgram::Dns { .. }
        );
        if once && runner.handle != 0 {
            self.stack.unbind_udp(runner.handle);
            runner.handle = 0;
        }
    }

    /// A datagram for a port that a program bound.
    pub(in crate::host) fn on_traffic_datagram(
        &mut self,
        now: SimTime,
        port: u16,
        from: SocketAddr,
        payload: &Bytes,
        out: &mut Output,
    ) {
        let waiting = self
            .runners
            .values()
            .find(|runner| runner.handle == port && runner.spec.program.is_datagram());
        let Some(name) = waiting.map(|runner| runner.spec.name.clone()) else {
            return;
        };
        self.with_runner(&name, |host, runner| {
            let is_plain = matches!(runner.spec.program, TrafficProgram::Udp { .. });
            if runner.running.is_none() || (!is_plain && from != runner.remote()) {
                return;
            }
            runner.received += payload.len() as u64;
            host.take_datagram(now, runner, payload, out);
        });
    }

    fn take_datagram(
        &mut self,
        now: SimTime,
        runner: &mut Runner,
        payload: &Bytes,
        out: &mut Output,
    ) {
        let reply = match (&runner.spec.program, &runner.client) {
            (TrafficProgram::Dns { .. }, Some(Client::Dns(client))) => client.read(payload),
            (TrafficProgram::Ntp, _) if !ntp::answers(payload, &runner.query) => Reply::Other,
            _ => return self.finish(now, runner, Outcome::Completed, None, out),
        };
        match reply {
            Reply::Other => {}
            Reply::Truncated => {
                let client = runner.client.take();
                self.forget_datagram(runner);
                self.open(now, runner, client, out);
            }
            Reply::Act(Act::Failed(text)) => {
                self.finish(now, runner, Outcome::Failed(text), None, out);
            }
            Reply::Act(_) => self.finish(now, runner, Outcome::Completed, None, out),
        }
    }

    /// An ICMP message may end a ping or a UDP exchange.
    pub(in crate::host) fn on_traffic_icmp(
        &mut self,
        now: SimTime,
        heard: &Heard,
        out: &mut Output,
    ) {
        if let Heard::Error { about, .. } = heard
            && about.protocol == protocol::TCP
            && let Some((from, port)) = about.ports
        {
            let to = SocketAddr::new(about.destination, port);
            return self.on_scan_heard(now, from, to, out);
        }
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

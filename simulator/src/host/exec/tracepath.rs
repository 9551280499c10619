//! `tracepath` of iputils: UDP to a high port with growing TTL, DF always set.

use std::net::{IpAddr, SocketAddr};

use serde::{Deserialize, Serialize};
use wirelab_model::{SimDuration, SimTime};
use wirelab_wire::{Unreachable, protocol};

use super::options::{Syntax, Word};
use super::{Printer, Refusal, Start, Started, Task, number};
use crate::host::Host;
use crate::host::icmp::{ErrorKind, Heard};
use crate::host::output::ExecId;
use crate::host::packet;
use crate::host::program::text;

/// First destination port.
const BASE_PORT: u16 = 44_444;
/// Wait for an answer.
const WAIT: SimDuration = SimDuration::from_secs(1);
/// Probes for each TTL.
const TRIES: u8 = 3;

/// How hops are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Shown {
    /// By name where there is one.
    Name,
    Address,
    Both,
}

/// A `tracepath` at work.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Tracepath {
    to: IpAddr,
    shown: Shown,
    /// One before the first destination port.
    base: u16,
    port: u16,
    max_hops: u8,
    mtu: u16,
    hop: u8,
    tries: u8,
    probe: u16,
    sent_at: SimTime,
    waiting: bool,
}

const USAGE: &str = "usage: tracepath [-n] [-b] [-m HOPS] [-l LENGTH] [-p PORT] HOST\n";

const SYNTAX: Syntax = Syntax {
    program: "tracepath",
    letters: "nb4m:l:p:",
    long: &[],
    usage: USAGE,
};

impl Host {
    pub(super) fn start_tracepath(&mut self, now: SimTime, arguments: &[String]) -> Start {
        let (mut to, mut max_hops, mut length, mut base) = (None, 30, None, BASE_PORT);
        let mut shown = Shown::Name;
        for word in SYNTAX.read(arguments)? {
            match word {
                Word::Flag('n') => shown = Shown::Address,
                Word::Flag('b') => shown = Shown::Both,
                Word::Flag(_) => {}
                Word::Value('m', value) => max_hops = number(&value, "-m")?,
                Word::Value('l', value) => length = Some(number(&value, "-l")?),
                Word::Value(_, value) => base = number(&value, "-p")?,
                Word::Operand(name) => to = Some(self.names.resolve("tracepath", &name)?),
            }
        }
        let to = to.ok_or_else(|| Refusal::usage(USAGE))?;
        let Some(way) = self.stack.resolve(to) else {
            return Err(Refusal::with_status(
                1,
                "tracepath: Network is unreachable\n".to_owned(),
            ));
        };
        let remote = SocketAddr::new(to, base);
        let port = self
            .stack
            .ephemeral_port(remote, way.source)
            .unwrap_or(40_000);
        let known = self.stack.routes.path_mtu(to, way.mtu, now);
        Ok(Started::Running(Task::Tracepath(Tracepath {
            to,
            shown,
            base,
            port,
            max_hops,
            mtu: length.unwrap_or(known),
            hop: 0,
            tries: 0,
            probe: 0,
            sent_at: now,
            waiting: false,
        })))
    }

    /// Starts, or sees that an answer is late.
    pub(super) fn tracepath_tick(
        &mut self,
        now: SimTime,
        id: ExecId,
        task: &mut Tracepath,
        printer: &mut Printer,
    ) -> Option<i32> {
        if task.hop == 0 {
            let head = " 1?: [LOCALHOST]";
            printer.out(format!("{head:<38} pmtu {}\n", task.mtu));
            return self.next_hop(now, id, task, printer);
        }
        if !task.waiting || now.since(task.sent_at) < WAIT {
            return None;
        }
        if task.tries < TRIES {
            self.probe(now, id, task);
            return None;
        }
        printer.out(format!("{:>2}:  no reply\n", task.hop));
        self.next_hop(now, id, task, printer)
    }

    fn next_hop(
        &mut self,
        now: SimTime,
        id: ExecId,
        task: &mut Tracepath,
        printer: &mut Printer,
    ) -> Option<i32> {
        if task.hop >= task.max_hops {
            printer.out(format!(
                "     Too many hops: pmtu {0}\n     Resume: pmtu {0} \n",
                task.mtu
            ));
            return Some(0);
        }
        task.hop += 1;
        task.tries = 0;
        self.probe(now, id, task);
        None
    }

    fn probe(&mut self, now: SimTime, id: ExecId, task: &mut Tracepath) {
        task.tries += 1;
        task.probe = task.probe.wrapping_add(1);
        task.sent_at = now;
        task.waiting = true;
        self.wake_exec(now + WAIT, id);
        let Some(way) = self.stack.resolve(task.to) else {
            return;
        };
        let ip = packet::Ip {
            identification: self.stack.next_identification(now),
            dont_fragment: true,
        };
        let headers = if task.to.is_ipv4() { 28 } else { 48 };
        let payload = text::prose(u32::from(task.mtu.saturating_sub(headers)));
        let from = SocketAddr::new(way.source, task.port);
        let to = SocketAddr::new(task.to, task.base.wrapping_add(task.probe));
        let mut packet = packet::udp(from, to, ip, payload);
        packet.header.ttl = task.hop;
        self.stack.output(now, packet);
    }

    pub(super) fn tracepath_heard(
        &mut self,
        now: SimTime,
        id: ExecId,
        task: &mut Tracepath,
        heard: &Heard,
        printer: &mut Printer,
    ) -> Option<i32> {
        let Heard::Error {
            from,
            ttl,
            what,
            about,
        } = heard
        else {
            return None;
        };
        let port = task.base.wrapping_add(task.probe);
        let mine = about.protocol == protocol::UDP
            && about.ports == Some((task.port, port))
            && about.destination == task.to;
        if !mine || !task.waiting {
            return None;
        }
        task.waiting = false;
        let micros = now.since(task.sent_at).as_nanos() / 1000;
        let time = format!("{}.{:03}ms", micros / 1000, micros % 1000);
        let from = match task.shown {
            Shown::Address => from.to_string(),
            Shown::Both => self.names.describe(*from),
            Shown::Name => match self.names.name_of(*from) {
                Some(name) => name.to_owned(),
                None => from.to_string(),
            },
        };
        let line = format!("{:>2}:  {from:<52} {time}", task.hop);
        match what {
            ErrorKind::TimeExceeded(_) => {
                printer.out(format!("{line} \n"));
                self.next_hop(now, id, task, printer)
            }
            ErrorKind::Unreachable(Unreachable::FragmentationNeeded { next_hop_mtu }) => {
                printer.out(format!("{line} pmtu {next_hop_mtu}\n"));
                task.mtu = (*next_hop_mtu).max(68);
                task.tries = 0;
                self.probe(now, id, task);
                None
            }
            ErrorKind::Unreachable(Unreachable::Port) => {
                let back = u16::from(65_u8.saturating_sub(*ttl)).max(1);
                printer.out(format!("{line} reached\n"));
                printer.out(format!(
                    "     Resume: pmtu {} hops {} back {back} \n",
                    task.mtu, task.hop
                ));
                Some(0)
            }
            ErrorKind::Unreachable(code) => {
                let mark = match code {
                    Unreachable::Net => "!N",
                    Unreachable::Host => "!H",
                    Unreachable::Protocol => "!P",
                    _ => "!A",
                };
                printer.out(format!("{line} {mark}\n     Resume: pmtu {} \n", task.mtu));
                Some(0)
            }
        }
    }
}

//! `tracepath` of iputils: UDP to a high port with growing TTL, DF always set.
//!
//! Its first datagram is larger than any link (`DEFAULT_MTU`); the kernel's refusal is the line
//! `[LOCALHOST]`. Whenever the MTU has changed, the TTL at hand is tried once more, which is why
//! the first hop is there twice.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use wirelab_model::{SimDuration, SimTime};
use wirelab_wire::{Unreachable, protocol};

use super::options::{self, Syntax, Word, ranged};
use super::{Printer, Refusal, Start, Started, Task, printed};
use crate::host::Host;
use crate::host::icmp::{ErrorKind, Heard};
use crate::host::output::ExecId;
use crate::host::packet;
use crate::host::stack::Sent;

/// First destination port.
const BASE_PORT: u16 = 44_444;
/// Wait for an answer.
const WAIT: SimDuration = SimDuration::from_secs(1);
/// Probes for each TTL.
const TRIES: u8 = 3;
/// What it tries first, in octets.
const MTU_V4: u32 = 65_535;
const MTU_V6: u32 = 128_000;
/// Octets of the headers of IP and UDP.
const HEADERS_V4: u32 = 28;
const HEADERS_V6: u32 = 48;
/// What `-l` takes.
const LENGTH_MAX: i64 = i32::MAX as i64;
const PROGRAM: &str = "tracepath";
/// Columns for the host (`HOST_COLUMN_SIZE`).
const HOST_COLUMNS: usize = 52;
/// Ports taken in turn (`HIS_ARRAY_SIZE`).
const HISTORY: u16 = 64;

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
    /// The first destination port.
    base: u16,
    port: u16,
    max_hops: u8,
    mtu: u32,
    /// The MTU before the probe at hand.
    old_mtu: u32,
    hop: u8,
    tries: u8,
    /// Hop and time of the last probes, by port.
    history: BTreeMap<u16, (u8, SimTime)>,
    probe: u16,
    sent_at: SimTime,
    waiting: bool,
}

const USAGE: &str = "usage: tracepath [-4|-6] [-n] [-b] [-m HOPS] [-l LENGTH] [-p PORT] \
    HOST[/PORT]\n";

const SYNTAX: Syntax = Syntax {
    program: PROGRAM,
    letters: "nb46m:l:p:",
    long: &[],
    usage: USAGE,
    status: 255,
    style: options::Style::Getopt,
};

fn port(text: &str) -> Result<u16, Refusal> {
    Ok(ranged(PROGRAM, text, 0..=i64::from(u16::MAX))? as u16)
}

impl Host {
    pub(super) fn start_tracepath(&mut self, now: SimTime, arguments: &[String]) -> Start {
        let (mut place, mut max_hops, mut length, mut base) = (None, 30, None, BASE_PORT);
        let (mut shown, mut version) = (Shown::Name, None);
        for word in SYNTAX.read(arguments)? {
            match word {
                Word::Flag('n') => shown = Shown::Address,
                Word::Flag('b') => shown = Shown::Both,
                Word::Flag(digit) => version = Some(digit),
                Word::Value('m', value) => max_hops = ranged(PROGRAM, &value, 0..=255)? as u8,
                Word::Value('l', value) => {
                    length = Some(ranged(PROGRAM, &value, 0..=LENGTH_MAX)? as u32);
                }
                Word::Value(_, value) => base = port(&value)?,
                Word::Operand(_) if place.is_some() => return Err(SYNTAX.refuse_usage()),
                Word::Operand(name) => place = Some(name),
            }
        }
        let place = place.ok_or_else(|| SYNTAX.refuse_usage())?;
        let name = match place.split_once('/') {
            Some((name, number)) => {
                base = port(number)?;
                name
            }
            None => &place,
        };
        let to = self.names.resolve_version(PROGRAM, name, version);
        let to = to.map_err(|refusal| refusal.status(1))?;
        let least = if to.is_ipv4() { HEADERS_V4 } else { HEADERS_V6 };
        if length.is_some_and(|length| length <= least) {
            let text = format!("pktlen must be within: {least} < value <= {LENGTH_MAX}");
            return Err(Refusal::with_status(1, format!("{PROGRAM}: {text}\n")));
        }
        let largest = if to.is_ipv4() { MTU_V4 } else { MTU_V6 };
        let mtu = length.unwrap_or(largest);
        if self.stack.resolve(to).is_none() {
            // However often it tries, the socket refuses: for `ip route` says so, or says nothing.
            let hop = match max_hops {
                0 => format!("     Too many hops: pmtu {mtu}\n"),
                _ => format!("{:>2}:  send failed\n", 1),
            };
            return printed(format!("{hop}     Resume: pmtu {mtu} \n"));
        }
        let port = self.stack.udp_port();
        Ok(Started::Running(Task::Tracepath(Tracepath {
            to,
            shown,
            base,
            port: port.unwrap_or(40_000),
            max_hops,
            mtu,
            old_mtu: mtu,
            hop: 0,
            tries: 0,
            history: BTreeMap::new(),
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
            return self.next_hop(now, id, task, printer);
        }
        if !task.waiting || now.since(task.sent_at) < WAIT {
            return None;
        }
        task.waiting = false;
        if task.mtu != task.old_mtu {
            task.tries = 0;
        }
        if task.tries < TRIES {
            return self.probe(now, id, task, printer);
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
            printer.out(format!("     Too many hops: pmtu {}\n", task.mtu));
            return Some(task.resume("", printer));
        }
        task.hop += 1;
        task.tries = 0;
        self.probe(now, id, task, printer)
    }

    /// Sends a packet. The status, if a rule of the own firewall drops it without a word: then the
    /// socket has no error in its queue that would say more.
    fn probe(
        &mut self,
        now: SimTime,
        id: ExecId,
        task: &mut Tracepath,
        printer: &mut Printer,
    ) -> Option<i32> {
        task.tries += 1;
        task.sent_at = now;
        task.waiting = true;
        task.old_mtu = task.mtu;
        self.wake_exec(now + WAIT, id);
        let way = self.stack.resolve(task.to)?;
        let path_mtu = u32::from(self.stack.routes.path_mtu(task.to, way.mtu, now));
        if task.mtu > path_mtu {
            task.mtu = path_mtu;
            let time = if task.to.is_ipv4() { "" } else { "  0.001ms " };
            let hop = task.hop;
            let here = "[LOCALHOST]";
            printer.out(format!("{hop:>2}?: {here:<32} {time}pmtu {path_mtu}\n"));
        }
        let ip = packet::Ip {
            identification: self.stack.next_identification(now),
            dont_fragment: true,
        };
        let headers = match task.to {
            IpAddr::V4(_) => HEADERS_V4,
            IpAddr::V6(_) => HEADERS_V6,
        };
        let payload = payload(task.hop, now, task.mtu.saturating_sub(headers));
        let from = SocketAddr::new(way.source, task.port);
        let to = SocketAddr::new(task.to, task.base.wrapping_add(task.probe));
        task.history.insert(to.port(), (task.hop, now));
        task.probe = (task.probe + 1) % HISTORY;
        let mut packet = packet::udp(from, to, ip, payload);
        packet.header.ttl = task.hop;
        if self.stack.output(now, packet) != Sent::Dropped {
            return None;
        }
        printer.out(format!("{:>2}:  send failed\n", task.hop).repeat(2));
        Some(task.resume("", printer))
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
        let (own, port) = about.ports.filter(|_| about.protocol == protocol::UDP)?;
        if own != task.port || about.destination != task.to || !task.waiting {
            return None;
        }
        let (hop, sent) = task.history.remove(&port)?;
        task.waiting = false;
        let line = line(hop, now.since(sent), &self.shown_host(task.shown, *from));
        let back = hops_back(*ttl);
        let ErrorKind::Unreachable(code) = what else {
            let asymmetric = (back != hop).then(|| format!("asymm {back:>2} "));
            printer.out(line + &asymmetric.unwrap_or_default() + "\n");
            return self.progress(now, id, task, printer);
        };
        let end = match code {
            Unreachable::FragmentationNeeded { next_hop_mtu } => {
                printer.out(format!("{line}pmtu {next_hop_mtu}\n"));
                task.mtu = u32::from((*next_hop_mtu).max(68));
                return self.progress(now, id, task, printer);
            }
            Unreachable::Port => "reached",
            // `icmp_err_convert`: what the kernel makes of the codes.
            Unreachable::Net | Unreachable::Other(6 | 9 | 11) => "!N",
            Unreachable::Host
            | Unreachable::HostProhibited
            | Unreachable::AdministrativelyProhibited
            | Unreachable::Other(_) => "!H",
            Unreachable::Protocol => "!P",
        };
        let end = match (end, task.to) {
            ("!H", IpAddr::V6(_)) if *code != Unreachable::Host => "!A",
            (end, _) => end,
        };
        printer.out(format!("{line}{end}\n"));
        if task.mtu != task.old_mtu {
            return self.progress(now, id, task, printer);
        }
        let reached = match code {
            Unreachable::Port => format!("hops {hop} back {back} "),
            _ => String::new(),
        };
        Some(task.resume(&reached, printer))
    }

    /// The hop at hand has answered: the next one's turn, unless the MTU has changed.
    fn progress(
        &mut self,
        now: SimTime,
        id: ExecId,
        task: &mut Tracepath,
        printer: &mut Printer,
    ) -> Option<i32> {
        if task.mtu == task.old_mtu {
            return self.next_hop(now, id, task, printer);
        }
        task.tries = 0;
        self.probe(now, id, task, printer)
    }

    fn shown_host(&self, shown: Shown, from: IpAddr) -> String {
        match shown {
            Shown::Address => from.to_string(),
            Shown::Both => match self.names.name_of(from) {
                Some(name) => format!("{name} ({from})"),
                None => format!("{from} ({from})"),
            },
            Shown::Name => match self.names.name_of(from) {
                Some(name) => name.to_owned(),
                None => from.to_string(),
            },
        }
    }
}

/// `struct probehdr`, the hop and the time since the machine came up, and nothing but zeros.
fn payload(hop: u8, now: SimTime, len: u32) -> Bytes {
    let (seconds, nanos) = (
        now.as_nanos() / 1_000_000_000,
        now.as_nanos() % 1_000_000_000,
    );
    let head = [u64::from(hop), seconds, nanos].map(u64::to_le_bytes);
    let mut data = head.concat();
    data.resize(len as usize, 0);
    data.into()
}

/// ` 1:  router       0.045ms `
fn line(hop: u8, took: SimDuration, from: &str) -> String {
    let micros = took.as_nanos() / 1000;
    let (millis, rest) = (micros / 1000, micros % 1000);
    let gap = HOST_COLUMNS - from.len().min(HOST_COLUMNS - 1);
    format!("{hop:>2}:  {from}{:gap$}{millis:>3}.{rest:03}ms ", "")
}

impl Tracepath {
    /// The last line; returns the status.
    fn resume(&self, reached: &str, printer: &mut Printer) -> i32 {
        printer.out(format!("     Resume: pmtu {} {reached}\n", self.mtu));
        0
    }
}

/// How far away a packet was sent, by the TTL it still has.
const fn hops_back(ttl: u8) -> u8 {
    match ttl {
        0..=64 => 65 - ttl,
        65..=128 => 129 - ttl,
        _ => (256 - ttl as u16) as u8,
    }
}

//! The modern `traceroute` for Linux (2.1): sixteen probes at once, by UDP, ICMP or TCP.

use std::net::{IpAddr, SocketAddr};

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use wirelab_model::{SimDuration, SimTime, Stream};
use wirelab_wire::{IpPacket, IpVersionFields, TcpFlags, TcpOption, TcpSegment, Unreachable};

use super::options::{self, Syntax, Word};
use super::{Printer, Refusal, Start, Started, Task, number, seconds};
use crate::host::Host;
use crate::host::icmp::{About, ErrorKind, Heard};
use crate::host::output::ExecId;
use crate::host::packet;
use crate::host::stack::Sent;
use crate::host::tcp::Ends;

/// The first destination port of UDP probes.
const UDP_PORT: u16 = 33_434;
/// The destination port of TCP probes.
const TCP_PORT: u16 = 80;
/// What it takes to learn of an error of this machine's own.
const OWN_ERROR: SimDuration = SimDuration::from_micros(100);
/// `DEF_WAIT_PREC`.
const PRECISION: SimDuration = SimDuration::from_millis(1);

const USAGE: &str = "usage: traceroute [-4|-6] [-I|-T|-U] [-n] [-F] [-f FIRST_TTL] [-m MAX_TTL] \
    [-q QUERIES] [-N SIMULTANEOUS] [-w MAX[,HERE,NEAR]] [-p PORT] HOST [PACKETLEN]\n";

const SYNTAX: Syntax = Syntax {
    program: "traceroute",
    letters: "46ITUnFf:m:q:N:w:p:",
    long: &[
        ("icmp", 'I'),
        ("tcp", 'T'),
        ("udp", 'U'),
        ("dont-fragment", 'F'),
        ("first", 'f'),
        ("max-hops", 'm'),
        ("queries", 'q'),
        ("sim-queries", 'N'),
        ("wait", 'w'),
        ("port", 'p'),
    ],
    usage: USAGE,
    status: 2,
    style: options::Style::Getopt,
};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Method {
    Udp,
    /// UDP to one port, `-U`.
    UdpPort,
    Icmp,
    Tcp,
}

/// One probe and what came of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Probe {
    sent: Option<SimTime>,
    heard: Option<SimTime>,
    done: bool,
    /// From where no further hop is to be expected.
    is_final: bool,
    from: Option<IpAddr>,
    /// `!N` and the like.
    mark: String,
    /// Source port, or the echo's sequence number.
    source: u16,
}

/// A `traceroute` at work.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Traceroute {
    to: IpAddr,
    name: String,
    numeric: bool,
    method: Method,
    port: Option<u16>,
    dont_fragment: bool,
    length: u16,
    first_ttl: u8,
    max_ttl: u8,
    queries: usize,
    simultaneous: usize,
    wait: SimDuration,
    here: u64,
    near: u64,
    identifier: u16,
    /// The timestamp of every SYN: drawn once (`tcp_init`).
    stamp: u32,
    probes: Vec<Probe>,
    /// The next to be printed, and one behind the last.
    at: usize,
    end: usize,
}

impl Host {
    pub(super) fn start_traceroute(&mut self, arguments: &[String]) -> Start {
        let mut task = Traceroute::new(self.echo_identifier());
        let drawn = format!("host/{}/traceroute/{}", self.spec.name, task.identifier);
        task.stamp = Stream::new(self.config.seed.traffic, &drawn).next_u32();
        let (mut operands, mut version) = (Vec::new(), None);
        for word in SYNTAX.read(arguments)? {
            match word {
                Word::Flag('n') => task.numeric = true,
                Word::Flag('F') => task.dont_fragment = true,
                Word::Flag('I') => task.method = Method::Icmp,
                Word::Flag('T') => task.method = Method::Tcp,
                Word::Flag('U') => task.method = Method::UdpPort,
                Word::Flag(digit) => version = Some(digit),
                Word::Value(letter, value) => task.set(letter, &value)?,
                Word::Operand(word) => operands.push(word),
            }
        }
        let (name, length) = match &operands[..] {
            [name] => (name, None),
            [name, length] => (name, Some(number(length, "packetlen")?)),
            _ => return Err(Refusal::usage(USAGE)),
        };
        let found = self.names.resolve_version("", name, version);
        task.to = found.map_err(|refusal| refusal.for_traceroute(name))?;
        let least = if task.to.is_ipv4() { 60 } else { 80 };
        task.length = length.unwrap_or(least);
        task.name.clone_from(name);
        task.at = usize::from(task.first_ttl - 1) * task.queries;
        task.end = usize::from(task.max_ttl) * task.queries;
        task.probes = vec![Probe::default(); task.end];
        Ok(Started::Running(Task::Traceroute(Box::new(task))))
    }

    /// Starts, or sees that an answer is late.
    pub(super) fn traceroute_tick(
        &mut self,
        now: SimTime,
        id: ExecId,
        task: &mut Traceroute,
        printer: &mut Printer,
    ) -> Option<i32> {
        if task.probes.iter().all(|it| it.sent.is_none()) {
            let way = self.stack.resolve(task.to);
            // The line is still in a buffer when a raw socket fails.
            if way.is_some() || matches!(task.method, Method::Udp | Method::UdpPort) {
                let (name, to, length) = (&task.name, task.to, task.length);
                let hops = task.max_ttl;
                printer.out(format!(
                    "traceroute to {name} ({to}), {hops} hops max, {length} byte packets"
                ));
            }
            if way.is_none() {
                let error = self.stack.routes.error(task.to).text();
                printer.err(format!("\nconnect: {error}\n"));
                return Some(1);
            }
        }
        self.traceroute_turn(now, id, task, printer)
    }

    /// `do_it`: sends what may be under way, prints what is known from the front.
    fn traceroute_turn(
        &mut self,
        now: SimTime,
        id: ExecId,
        task: &mut Traceroute,
        printer: &mut Printer,
    ) -> Option<i32> {
        loop {
            let mut next = None;
            let (mut number, mut under_way) = (task.at, 0);
            while number < task.end && under_way < task.simultaneous {
                if number == task.at {
                    next = task.expires(number, now);
                }
                let probe = &task.probes[number];
                if probe.done {
                    if probe.is_final {
                        task.end = (number / task.queries + 1) * task.queries;
                    }
                    if number == task.at {
                        self.print_probe(task, number, printer);
                        task.at += 1;
                    }
                } else {
                    if probe.sent.is_none() && !self.send_probe(now, task, number) {
                        // `error()` ends the line that it stands on.
                        printer.err("\nsend: Operation not permitted\n");
                        self.stack.stop_hearing(&task.ports());
                        return Some(1);
                    }
                    under_way += 1;
                }
                number += 1;
            }
            if task.at >= task.end {
                printer.out("\n");
                self.stack.stop_hearing(&task.ports());
                return Some(0);
            }
            if let Some(next) = next {
                self.wake_exec(next, id);
                return None;
            }
        }
    }

    fn print_probe(&self, task: &Traceroute, number: usize, printer: &mut Printer) {
        let probe = &task.probes[number];
        let at_hop = number % task.queries;
        let mut line = String::new();
        if at_hop == 0 {
            line += &format!("\n{:>2} ", number / task.queries + 1);
        }
        let before = task.probes[number - at_hop..number].iter().rev();
        let before = before.filter_map(|it| it.from).next();
        line += &match (probe.from, task.numeric) {
            (None, _) => " *".to_owned(),
            (from, _) if from == before => String::new(),
            (Some(from), true) => format!(" {from}"),
            (Some(from), false) => match self.names.name_of(from) {
                Some(name) => format!(" {name} ({from})"),
                None => format!(" {from} ({from})"),
            },
        };
        if let (Some(sent), Some(heard)) = (probe.sent, probe.heard) {
            let micros = heard.since(sent).as_nanos() / 1000;
            line += &format!("  {}.{:03} ms", micros / 1000, micros % 1000);
        }
        if !probe.mark.is_empty() {
            line += &format!(" {}", probe.mark);
        }
        printer.out(line);
    }

    /// `false`: a rule of the own firewall is against it.
    fn send_probe(&mut self, now: SimTime, task: &mut Traceroute, number: usize) -> bool {
        task.probes[number].sent = Some(now);
        let Some(way) = self.stack.resolve(task.to) else {
            return true;
        };
        let remote = SocketAddr::new(task.to, task.destination_port(number));
        let source = match task.method {
            Method::Icmp => (number + 1) as u16,
            Method::Tcp => self.stack.bound_port().unwrap_or(UDP_PORT),
            Method::Udp | Method::UdpPort => self.stack.udp_port().unwrap_or(UDP_PORT),
        };
        task.probes[number].source = source;
        let local = SocketAddr::new(way.source, source);
        let ip = packet::Ip {
            identification: self.stack.next_identification(now),
            dont_fragment: task.dont_fragment || task.method == Method::Tcp,
        };
        let header = if task.to.is_ipv4() { 28 } else { 48 };
        let data = data(task.method, task.length.saturating_sub(header));
        let mut probe = match task.method {
            Method::Udp | Method::UdpPort => packet::udp(local, remote, ip, data),
            Method::Icmp => {
                let id = task.identifier;
                let mut echo = IpPacket::echo_request(way.source, task.to, id, source, data);
                if let IpVersionFields::V4(fields) = &mut echo.header.version {
                    fields.dont_fragment = ip.dont_fragment;
                    fields.identification = ip.identification;
                }
                echo
            }
            Method::Tcp => {
                self.stack.hear(source);
                let mss = way
                    .mtu
                    .saturating_sub(if task.to.is_ipv4() { 40 } else { 60 });
                let sequence = u32::from(self.stack.draw_u16()) << 16 | u32::from(source);
                packet::tcp(
                    Ends { local, remote },
                    ip,
                    syn(local, remote, mss, (sequence, task.stamp)),
                )
            }
        };
        probe.header.ttl = (number / task.queries + 1) as u8;
        let mtu = self.stack.routes.path_mtu(task.to, way.mtu, now);
        if task.dont_fragment && probe.total_len() > usize::from(mtu) {
            task.refused(now, number, mtu);
            return true;
        }
        self.stack.output_in_pieces(now, probe) == Sent::Accepted
    }

    pub(super) fn traceroute_heard(
        &mut self,
        now: SimTime,
        id: ExecId,
        task: &mut Traceroute,
        heard: &Heard,
        printer: &mut Printer,
    ) -> Option<i32> {
        let (number, from) = task.about(heard)?;
        let probe = &mut task.probes[number];
        if probe.done {
            return None;
        }
        probe.done = true;
        probe.heard = Some(now);
        probe.from = Some(from);
        probe.is_final = true;
        if let Heard::Error { what, .. } = heard {
            probe.is_final = matches!(what, ErrorKind::Unreachable(_));
            probe.mark = mark(*what);
        }
        self.traceroute_turn(now, id, task, printer)
    }
}

impl Refusal {
    /// As traceroute complains about its first operand.
    fn for_traceroute(mut self, name: &str) -> Self {
        let why = self.text.strip_prefix(": ").unwrap_or(&self.text);
        self.text =
            format!("{why}Cannot handle \"host\" cmdline arg `{name}' on position 1 (argc 1)\n");
        self
    }
}

impl Traceroute {
    fn new(identifier: u16) -> Self {
        Self {
            to: IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED),
            name: String::new(),
            numeric: false,
            method: Method::Udp,
            port: None,
            dont_fragment: false,
            length: 0,
            first_ttl: 1,
            max_ttl: 30,
            queries: 3,
            simultaneous: 16,
            wait: SimDuration::from_secs(5),
            here: 3,
            near: 10,
            identifier,
            stamp: 0,
            probes: Vec::new(),
            at: 0,
            end: 0,
        }
    }

    fn set(&mut self, letter: char, value: &str) -> Result<(), Refusal> {
        let refuse = |what: &str| Refusal::usage(format!("{what}\n"));
        match letter {
            'f' => self.first_ttl = number(value, "-f")?,
            'm' => self.max_ttl = number(value, "-m")?,
            'q' => self.queries = number(value, "-q")?,
            'N' => self.simultaneous = number(value, "-N")?,
            'p' => self.port = Some(number(value, "-p")?),
            _ => {
                let mut parts = value.split(',');
                self.wait = seconds(parts.next().unwrap_or_default(), "-w")?;
                if let Some(here) = parts.next() {
                    self.here = number(here, "-w")?;
                    self.near = number(parts.next().unwrap_or("0"), "-w")?;
                }
            }
        }
        if self.max_ttl == 0 || self.first_ttl == 0 || self.first_ttl > self.max_ttl {
            return Err(refuse("first hop out of range"));
        }
        if !(1..=10).contains(&self.queries) {
            return Err(refuse("no more than 10 probes per hop"));
        }
        if self.simultaneous == 0 {
            return Err(refuse("bad value `0` for `-N`"));
        }
        Ok(())
    }

    /// The machine itself refuses a probe (`EMSGSIZE`) and says so in the socket's queue of errors.
    /// All probes of `-I` share a socket, and what is there is read once.
    fn refused(&mut self, now: SimTime, number: usize, mtu: u16) {
        let first = usize::from(self.first_ttl - 1) * self.queries;
        if self.method == Method::Icmp && number != first {
            return;
        }
        let probe = &mut self.probes[number];
        probe.done = true;
        probe.is_final = true;
        probe.heard = Some(now + OWN_ERROR);
        probe.mark = format!("!F-{mtu}");
    }

    fn destination_port(&self, number: usize) -> u16 {
        match self.method {
            Method::Udp => {
                let first = self.port.unwrap_or(UDP_PORT);
                first.wrapping_add(number as u16)
            }
            Method::UdpPort => self.port.unwrap_or(53),
            Method::Tcp | Method::Icmp => self.port.unwrap_or(TCP_PORT),
        }
    }

    /// The ports on which TCP answers are awaited.
    fn ports(&self) -> Vec<u16> {
        let tcp = self.probes.iter().filter(|_| self.method == Method::Tcp);
        tcp.filter(|it| it.sent.is_some())
            .map(|it| it.source)
            .collect()
    }

    /// Which probe was answered, and by whom.
    fn about(&self, heard: &Heard) -> Option<(usize, IpAddr)> {
        let is_mine = |number: usize, about: &About| match self.method {
            Method::Icmp => about.echo == Some((self.identifier, self.probes[number].source)),
            _ => {
                let ports = (self.probes[number].source, self.destination_port(number));
                about.ports == Some(ports) && about.destination == self.to
            }
        };
        let mut sent = (0..self.probes.len()).filter(|it| self.probes[*it].sent.is_some());
        let (number, from) = match heard {
            Heard::Error { from, about, .. } => (sent.find(|it| is_mine(*it, about)), *from),
            Heard::EchoReply {
                from,
                identifier,
                sequence,
                ..
            } => {
                let mine = self.method == Method::Icmp && *identifier == self.identifier;
                let found = sent.find(|it| mine && self.probes[*it].source == *sequence);
                (found, *from)
            }
            Heard::Segment { from, port } => {
                let mine = self.method == Method::Tcp && from.ip() == self.to;
                let found = sent.find(|it| mine && self.probes[*it].source == *port);
                (found, from.ip())
            }
        };
        Some((number?, from))
    }

    /// When the answer to a probe that was sent is no longer waited for; it may be so now.
    fn expires(&mut self, number: usize, now: SimTime) -> Option<SimTime> {
        let probe = &self.probes[number];
        let sent = probe.sent.filter(|_| !probe.done)?;
        let at = sent + self.patience(number);
        if at > now {
            return Some(at);
        }
        let is_final = self.is_behind_final(number);
        let probe = &mut self.probes[number];
        probe.done = true;
        probe.is_final = is_final;
        None
    }

    /// `get_timeout`: less than `-w` where the same hop or a further one has answered.
    fn patience(&self, number: usize) -> SimDuration {
        let first = number - number % self.queries;
        let took = |probe: &Probe| Some(probe.heard?.since(probe.sent?));
        let here = self.probes[first..first + self.queries]
            .iter()
            .find_map(took);
        let further = self.probes[number + 1..].iter();
        let further = further.take_while(|it| it.sent.is_some()).find_map(took);
        let scaled = |took: SimDuration, factor: u64| {
            let nanos = (took + PRECISION).as_nanos().saturating_mul(factor);
            SimDuration::from_nanos(nanos).min(self.wait)
        };
        match (here, further) {
            (Some(took), _) if self.here > 0 => scaled(took, self.here),
            (_, Some(took)) if self.near > 0 => scaled(took, self.near),
            _ => self.wait,
        }
    }

    /// `check_expired`: no answer, but the hop is known to be the last.
    fn is_behind_final(&self, number: usize) -> bool {
        let first = number - number % self.queries;
        let before = &self.probes[first..number];
        if before.iter().any(|it| !it.done || !it.is_final) {
            return false;
        }
        let next = self.probes[number + 1..].iter();
        let mut next = next.take_while(|it| it.sent.is_some()).enumerate();
        let Some((distance, answered)) = next.find(|(_, it)| it.done) else {
            return false;
        };
        let same_hop = number % self.queries + distance + 1 < self.queries;
        answered.is_final && (!before.is_empty() || same_hop)
    }
}

/// What a probe carries: octets by their place, of `-I` counted from the header of ICMP on.
fn data(method: Method, len: u16) -> Bytes {
    let first = if method == Method::Icmp { 8 } else { 0 };
    let octet = |place: u16| 0x40 + (place & 0x3f) as u8;
    (first..len.saturating_add(first)).map(octet).collect()
}

/// The SYN of a probe, with the options that Linux sends.
fn syn(
    local: SocketAddr,
    remote: SocketAddr,
    mss: u16,
    (sequence, stamp): (u32, u32),
) -> TcpSegment {
    let mut options = wirelab_wire::TcpOptions::NONE;
    for option in [
        TcpOption::MaximumSegmentSize(mss),
        TcpOption::SackPermitted,
        TcpOption::Timestamps {
            value: stamp,
            echo_reply: 0,
        },
        TcpOption::Nop,
        TcpOption::WindowScale(2),
    ] {
        options.push(option);
    }
    TcpSegment {
        source_port: local.port(),
        destination_port: remote.port(),
        sequence,
        acknowledgment: 0,
        flags: TcpFlags::SYN,
        window: 5840,
        urgent_pointer: 0,
        options,
        payload: Bytes::new(),
    }
}

/// What stands behind the time of an error that ends the way.
fn mark(what: ErrorKind) -> String {
    let ErrorKind::Unreachable(code) = what else {
        return String::new();
    };
    match code {
        Unreachable::Net => "!N".to_owned(),
        Unreachable::Host | Unreachable::HostProhibited => "!H".to_owned(),
        Unreachable::Protocol => "!P".to_owned(),
        Unreachable::Port => String::new(),
        Unreachable::FragmentationNeeded { next_hop_mtu } => format!("!F-{next_hop_mtu}"),
        Unreachable::AdministrativelyProhibited => "!X".to_owned(),
        Unreachable::Other(5) => "!S".to_owned(),
        Unreachable::Other(code) => format!("!<{code}>"),
    }
}

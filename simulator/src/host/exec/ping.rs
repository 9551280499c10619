//! `ping` of iputils.

mod pace;

use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use wirelab_model::{SimDuration, SimTime, UnixTime};
use wirelab_wire::Unreachable;

use super::names::inet_aton;
use super::options::{self, Syntax, Word};
use super::{Printer, Refusal, Start, Started, Task, seconds};
use crate::host::Host;
use crate::host::drive::{Echo, PathMtu, too_long};
use crate::host::icmp::{ErrorKind, Heard};
use crate::host::output::ExecId;
use crate::host::route::RouteError;

/// A `ping` at work.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Ping {
    to: IpAddr,
    /// What was typed.
    name: String,
    /// Addresses are printed without names.
    numeric: bool,
    /// `-I`: the address that it is sent from.
    source: Option<IpAddr>,
    /// `-I` with a device.
    device: Option<String>,
    /// 0: no end.
    count: u16,
    /// `-w`: from the start; more is sent until then, or until `count` answers.
    deadline: Option<SimDuration>,
    size: u32,
    mode: PathMtu,
    ttl: u8,
    interval: SimDuration,
    linger: SimDuration,
    quiet: bool,
    /// `-O`: what is not answered is said when the next one is sent.
    outstanding: bool,
    /// `-D`: every line has the time, as of this start of the simulation's.
    stamps: Option<UnixTime>,
    /// Most requests that were on their way at once.
    pipe: usize,
    /// The last request that something came back for.
    acknowledged: usize,
    identifier: u16,
    started: Option<SimTime>,
    /// When it looks whether the next one is due.
    next: SimTime,
    sent_at: Vec<SimTime>,
    rtts: Vec<u64>,
    answered: Vec<u16>,
    errors: u32,
    /// A firewall of this machine refused the last request, and ping does not know yet.
    denied: bool,
    ends_at: Option<SimTime>,
}

const USAGE: &str = "usage: ping [-c COUNT] [-w SECONDS] [-s SIZE] [-M do|want|dont] [-i SECONDS] \
    [-W SECONDS] [-t TTL] [-I ADDRESS] [-n] [-q] [-O] [-D] [-4|-6] HOST\n";

const SYNTAX: Syntax = Syntax {
    program: "ping",
    letters: "c:s:t:i:W:w:M:I:nqOD46",
    long: &[],
    usage: USAGE,
    status: 2,
    style: options::Style::Getopt,
};

const BROADCAST: &str = "ping: Do you want to ping broadcast? Then -b. If not, check your local \
    firewall rules\n";

/// What fits in one IPv4 packet, in octets.
const SIZE_MAX: u16 = 65_507;
/// What fits in the payload of one IPv6 packet, in octets.
const SIZE_MAX_V6: u16 = 65_527;
/// With so much data the message is longer than a packet can be (`raw_sendmsg`), in octets.
const SIZE_SILENT: u32 = 65_528;
/// What `-s` takes.
const SIZE_LIMIT: i64 = i32::MAX as i64;
/// The shortest `-i` of a user.
const INTERVAL_MIN: SimDuration = SimDuration::from_millis(2);

impl Host {
    pub(super) fn start_ping_command(&mut self, arguments: &[String]) -> Start {
        let mut to = None;
        let mut task = Ping::new(self.echo_identifier());
        let (mut version, mut bound) = (None, None);
        for word in SYNTAX.read(arguments)? {
            match word {
                Word::Flag('q') => task.quiet = true,
                Word::Flag('n') => task.numeric = true,
                Word::Flag('O') => task.outstanding = true,
                Word::Flag('D') => task.stamps = Some(self.config.starts),
                Word::Flag(digit @ ('4' | '6')) => version = Some(digit),
                Word::Flag(_) => {}
                Word::Value('I', value) => bound = Some(value),
                Word::Value(letter, value) => task.set(letter, &value)?,
                Word::Operand(name) => to = Some(name),
            }
        }
        let name = to.ok_or_else(|| {
            Refusal::with_status(1, "ping: usage error: Destination address required\n")
        })?;
        task.to = self.names.resolve_version("ping", &name, version)?;
        if task.to == IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED) {
            // Nowhere is this machine (`ip_route_output_key_hash_rcu`).
            task.to = std::net::Ipv4Addr::LOCALHOST.into();
        }
        if task.ttl == 0 {
            let text = "ping: cannot set unicast time-to-live: Invalid argument\n";
            return Err(Refusal::usage(text));
        }
        if self.is_broadcast(task.to) {
            return Err(Refusal::usage(BROADCAST));
        }
        if let Some(bound) = bound {
            self.bind_ping(&mut task, &bound)?;
        }
        // An address is not looked up again to be printed as a name.
        task.numeric |= name.parse::<IpAddr>().is_ok() || inet_aton(&name).is_some();
        task.name = self.names.canonical(&name);
        task.check()?;
        Ok(Started::Running(Task::Ping(Box::new(task))))
    }

    /// `ping -I`. A device is one that the route leads through anyway.
    fn bind_ping(&self, task: &mut Ping, bound: &str) -> Result<(), Refusal> {
        let refuse = |why: &str| Err(Refusal::usage(format!("ping: {why}\n")));
        let address = bound.parse::<IpAddr>().ok();
        let source = address.or_else(|| self.address_of(bound, task.to.is_ipv4()));
        let Some(source) = source else {
            return refuse(&format!("SO_BINDTODEVICE {bound}: No such device"));
        };
        if source.is_ipv4() != task.to.is_ipv4() || !self.stack.is_local(source) {
            return refuse("bind: Cannot assign requested address");
        }
        task.source = Some(source);
        if address.is_none() {
            let way = self.stack.resolve(task.to);
            let through = way.and_then(|way| self.interfaces().get(way.interface));
            if through.is_none_or(|it| it.name != bound) {
                let hint = "an address of it works, and leaves as the routes say";
                return refuse(&format!(
                    "-I {bound} (not supported here: no route leads there through it; {hint})"
                ));
            }
            task.device = Some(bound.to_owned());
        }
        Ok(())
    }

    /// Everybody on a link, or on one of this machine's blocks.
    fn is_broadcast(&self, to: IpAddr) -> bool {
        let IpAddr::V4(to) = to else { return false };
        let mut blocks = self.interfaces().iter().flat_map(|it| &it.addresses);
        to.is_broadcast()
            || blocks.any(|it| it.prefix_len() < 31 && it.addr().is_ipv4() && it.broadcast() == to)
    }

    /// Sends what is due, or ends.
    pub(super) fn ping_tick(
        &mut self,
        now: SimTime,
        id: ExecId,
        task: &mut Ping,
        printer: &mut Printer,
    ) -> Option<i32> {
        if task.started.is_none() {
            task.started = Some(now);
            task.next = now;
            if self.stack.resolve(task.to).is_none() {
                let error = self.stack.routes.error(task.to);
                // ping takes `EACCES` for an address of everybody's.
                printer.err(match (error, task.to) {
                    (RouteError::Denied, IpAddr::V4(_)) => BROADCAST.to_owned(),
                    (error, _) => format!("ping: connect: {}\n", error.text()),
                });
                return Some(2);
            }
            printer.out(task.opening());
            task.ends_at = task.deadline.map(|span| now + span);
            if let Some(at) = task.ends_at {
                self.wake_exec(at, id);
            }
        }
        if task.ends_at.is_some_and(|at| at <= now) {
            return Some(task.summary(now, printer));
        }
        if task.sends_more() && task.next <= now {
            self.ping_once(now, task, printer);
        }
        self.plan_ping(now, id, task)
            .then(|| task.summary(now, printer))
    }

    fn ping_once(&mut self, now: SimTime, task: &mut Ping, printer: &mut Printer) {
        let last = task.sent_at.len() as u16;
        if task.outstanding && last > 0 && !task.answered.contains(&last) {
            let stamp = task.stamp(now);
            printer.out(format!("{stamp}no answer yet for icmp_seq={last}\n"));
        }
        task.sent_at.push(now);
        task.next = self.wait_for_answer(now, task);
        let longest = if task.to.is_ipv4() {
            SIZE_MAX
        } else {
            SIZE_MAX_V6
        };
        let Some(size) = u16::try_from(task.size).ok().filter(|it| *it <= longest) else {
            // Too long for the kernel in any case. Of what is too long for ICMP's own buffer
            // (`ICMP_MAXLEN`), ping says nothing.
            if task.to.is_ipv6() || task.size < SIZE_SILENT {
                let way = self.stack.resolve(task.to);
                let mtu = way.map_or(0, |it| self.stack.routes.path_mtu(task.to, it.mtu, now));
                let text = too_long(task.to, mtu);
                task.errors += 1;
                printer.err(format!("ping: local error: {text}\n"));
            }
            return;
        };
        let echo = Echo {
            to: task.to,
            source: task.source,
            identifier: task.identifier,
            sequence: task.sent_at.len() as u16,
            size,
            mode: task.mode,
            ttl: task.ttl,
        };
        if let Err(text) = self.send_echo(now, &echo) {
            task.next = self.receive_timeout(now, task);
            if text.starts_with("sendmsg") {
                task.denied = true;
            } else {
                task.errors += 1;
                printer.err(format!("ping: local error: {text}\n"));
            }
        }
    }

    /// Sets the next alarm; true if there is nothing to wait for.
    fn plan_ping(&mut self, now: SimTime, id: ExecId, task: &mut Ping) -> bool {
        if task.deadline.is_some() && task.errors > 0 {
            return true;
        }
        if task.sends_more() {
            self.wake_exec(task.next, id);
            return false;
        }
        if task.answered.len() >= usize::from(task.count) {
            return true;
        }
        if task.ends_at.is_none() {
            // `recvmsg()` waits though the last request was refused here. Otherwise iputils waits
            // two of the longest round trips, an interval at least, if anything came.
            let at = match task.rtts.iter().max() {
                _ if task.heard() >= usize::from(task.count) => self.receive_timeout(now, task),
                Some(longest) => now + SimDuration::from_micros(2 * longest).max(task.interval),
                None => now + task.linger,
            };
            task.ends_at = Some(at);
            self.wake_exec(at, id);
        }
        false
    }

    pub(super) fn ping_heard(
        &mut self,
        now: SimTime,
        id: ExecId,
        task: &mut Ping,
        heard: &Heard,
        printer: &mut Printer,
    ) -> Option<i32> {
        match heard {
            Heard::EchoReply {
                from,
                identifier,
                sequence,
                ttl,
                size,
            } if *identifier == task.identifier => {
                let sent = task.sent_at.get(usize::from(*sequence).wrapping_sub(1))?;
                let micros = now.since(*sent).as_nanos() / 1000;
                if task.answered.contains(sequence) {
                    return None;
                }
                task.on_their_way(*sequence);
                task.answered.push(*sequence);
                task.rtts.push(micros);
                if !task.quiet {
                    let (stamp, from) = (task.stamp(now), task.origin(self, *from));
                    let time = match task.is_timed() {
                        true => format!(" time={} ms", rtt(micros)),
                        false => String::new(),
                    };
                    printer.out(format!(
                        "{stamp}{size} bytes from {from}: icmp_seq={sequence} ttl={ttl}{time}\n",
                    ));
                }
            }
            Heard::Error {
                from, what, about, ..
            } if about
                .echo
                .is_some_and(|(identifier, _)| identifier == task.identifier) =>
            {
                task.errors += 1;
                let from_is_ipv6 = from.is_ipv6();
                let sequence = about.echo.map_or(0, |(_, sequence)| sequence);
                task.on_their_way(sequence);
                if !task.quiet {
                    let (stamp, from) = (task.stamp(now), task.origin(self, *from));
                    printer.out(format!(
                        "{stamp}From {from} icmp_seq={sequence} {}\n",
                        match from_is_ipv6 {
                            true => describe_v6(*what),
                            false => describe(*what),
                        }
                    ));
                }
            }
            _ => return None,
        }
        if std::mem::take(&mut task.denied) {
            printer.err("ping: sendmsg: Operation not permitted\n");
        }
        let heard = task.heard();
        let all = usize::from(task.count);
        let enough = match task.deadline {
            Some(_) => task.errors > 0 || (all > 0 && heard >= all),
            None => task.sent_at.len() == all && heard >= all,
        };
        if !enough && task.sends_more() {
            task.next = self.wait_on(now, task);
            self.wake_exec(task.next, id);
        }
        enough.then(|| task.summary(now, printer))
    }
}

fn mode(text: &str) -> Result<PathMtu, Refusal> {
    match text {
        "do" => Ok(PathMtu::Do),
        "want" => Ok(PathMtu::Want),
        "dont" => Ok(PathMtu::Dont),
        other => Err(Refusal::usage(format!(
            "ping: invalid -M argument: {other}\n"
        ))),
    }
}

/// Four figures, as ping prints them.
fn rtt(micros: u64) -> String {
    let (whole, rest) = (micros / 1000, micros % 1000);
    match micros {
        100_000.. => format!("{whole}"),
        10_000.. => format!("{whole}.{}", rest / 100),
        1000.. => format!("{whole}.{:02}", rest / 10),
        _ => format!("{whole}.{rest:03}"),
    }
}

fn millis(micros: u64) -> String {
    format!("{}.{:03}", micros / 1000, micros % 1000)
}

fn describe(what: ErrorKind) -> String {
    match what {
        ErrorKind::Unreachable(code) => match code {
            Unreachable::Net => "Destination Net Unreachable".to_owned(),
            Unreachable::Host => "Destination Host Unreachable".to_owned(),
            Unreachable::Protocol => "Destination Protocol Unreachable".to_owned(),
            Unreachable::Port => "Destination Port Unreachable".to_owned(),
            Unreachable::FragmentationNeeded { next_hop_mtu } => {
                format!("Frag needed and DF set (mtu = {next_hop_mtu})")
            }
            Unreachable::HostProhibited => "Destination Host Prohibited".to_owned(),
            Unreachable::AdministrativelyProhibited => "Packet filtered".to_owned(),
            Unreachable::Other(code) => format!("Dest Unreachable, Bad Code: {code}"),
        },
        ErrorKind::TimeExceeded(0) => "Time to live exceeded".to_owned(),
        ErrorKind::TimeExceeded(_) => "Frag reassembly time exceeded".to_owned(),
    }
}

/// ICMPv6 errors, as `ping -6` prints them.
fn describe_v6(what: ErrorKind) -> String {
    let unreachable = |why: &str| format!("Destination unreachable: {why}");
    match what {
        ErrorKind::Unreachable(code) => match code {
            Unreachable::Net => unreachable("No route"),
            Unreachable::Host => unreachable("Address unreachable"),
            Unreachable::Port => unreachable("Port unreachable"),
            Unreachable::FragmentationNeeded { next_hop_mtu } => {
                format!("Packet too big: mtu={next_hop_mtu}")
            }
            Unreachable::HostProhibited | Unreachable::AdministrativelyProhibited => {
                unreachable("Administratively prohibited")
            }
            Unreachable::Protocol => unreachable("Unknown code 5"),
            Unreachable::Other(code) => unreachable(&format!("Unknown code {code}")),
        },
        ErrorKind::TimeExceeded(0) => "Time exceeded: Hop limit".to_owned(),
        ErrorKind::TimeExceeded(_) => "Time exceeded: Defragmentation failure".to_owned(),
    }
}

impl Ping {
    /// The first line.
    fn opening(&self) -> String {
        let Self { name, to, size, .. } = self;
        let from = self.source.map_or_else(String::new, |source| {
            let device = self.device.as_deref().unwrap_or_default();
            format!("from {source} {device}: ")
        });
        match to {
            IpAddr::V4(_) => {
                let whole = size + 28;
                format!("PING {name} ({to}) {from}{size}({whole}) bytes of data.\n")
            }
            IpAddr::V6(_) => format!("PING {name}({to}) {from}{size} data bytes\n"),
        }
    }

    fn new(identifier: u16) -> Self {
        Self {
            to: IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED),
            name: String::new(),
            numeric: false,
            source: None,
            device: None,
            count: 0,
            deadline: None,
            size: 56,
            mode: PathMtu::Want,
            ttl: 64,
            interval: SimDuration::from_secs(1),
            linger: SimDuration::from_secs(10),
            quiet: false,
            outstanding: false,
            stamps: None,
            pipe: 0,
            acknowledged: 0,
            identifier,
            started: None,
            next: SimTime::ZERO,
            sent_at: Vec::new(),
            rtts: Vec::new(),
            answered: Vec::new(),
            errors: 0,
            denied: false,
            ends_at: None,
        }
    }

    /// Takes an option with a value.
    fn set(&mut self, letter: char, value: &str) -> Result<(), Refusal> {
        match letter {
            'c' => {
                self.count = options::ranged("ping", value, 1..=i64::MAX)?
                    .try_into()
                    .unwrap_or(u16::MAX)
            }
            's' => self.size = options::ranged("ping", value, 0..=SIZE_LIMIT)? as u32,
            't' => self.ttl = options::ranged("ping", value, 0..=255)? as u8,
            'i' => self.interval = seconds(value, "-i")?,
            'W' => self.linger = seconds(value, "-W")?,
            'w' => {
                let span = options::ranged("ping", value, 0..=i64::from(i32::MAX))? as u64;
                self.deadline = (span > 0).then(|| SimDuration::from_secs(span));
            }
            _ => self.mode = mode(value)?,
        }
        Ok(())
    }

    /// Why it would not do without somebody who ends it.
    pub(super) fn endless(&self) -> Option<Refusal> {
        let has_end = self.count > 0 || self.deadline.is_some();
        (!has_end).then(|| {
            Refusal::usage(format!(
                "ping: without `-c COUNT`, `-w SECONDS` or `timeout SECONDS` before it, it would \
                 never end\n{USAGE}"
            ))
        })
    }

    fn check(&self) -> Result<(), Refusal> {
        if self.interval < INTERVAL_MIN {
            return Err(Refusal::usage(
                "ping: an interval below 2 ms is not simulated, use -i 0.002 (or higher)\n",
            ));
        }
        Ok(())
    }

    /// Something came about the request with this number.
    fn on_their_way(&mut self, sequence: u16) {
        let sent = self.sent_at.len();
        self.acknowledged = self.acknowledged.max(usize::from(sequence));
        self.pipe = self
            .pipe
            .max((sent + 1).saturating_sub(usize::from(sequence)));
    }

    /// There is room for the time in the payload (`struct timeval`).
    const fn is_timed(&self) -> bool {
        self.size >= 16
    }

    fn stamp(&self, now: SimTime) -> String {
        let Some(starts) = self.stamps else {
            return String::new();
        };
        let (seconds, micros) = (starts.at(now).as_secs(), now.as_nanos() / 1000 % 1_000_000);
        format!("[{seconds}.{micros:06}] ")
    }

    /// Answers and errors.
    const fn heard(&self) -> usize {
        self.answered.len() + self.errors as usize
    }

    const fn sends_more(&self) -> bool {
        self.deadline.is_some() || self.count == 0 || self.sent_at.len() < self.count as usize
    }

    /// Who a packet came from.
    fn origin(&self, host: &Host, from: IpAddr) -> String {
        if self.numeric {
            from.to_string()
        } else {
            host.names.describe(from)
        }
    }

    /// The statistics; returns the status.
    pub(super) fn summary(&self, now: SimTime, printer: &mut Printer) -> i32 {
        let sent = self.sent_at.len() as u64;
        let received = self.rtts.len() as u64;
        let lost = (sent - received) * 100 / sent.max(1);
        let errors = match self.errors {
            0 => String::new(),
            errors => format!(" +{errors} errors,"),
        };
        // `cur_time` is the last request's.
        let last = self.sent_at.last().copied().unwrap_or(now);
        let took = last.since(self.started.unwrap_or(now)).as_millis();
        printer.out(format!(
            "\n--- {} ping statistics ---\n{sent} packets transmitted, {received} received,{errors} \
             {lost}% packet loss, time {took}ms\n",
            self.name
        ));
        printer.out(self.round_trips());
        let short = self.deadline.is_some() && received < u64::from(self.count);
        i32::from(received == 0 || short)
    }

    fn round_trips(&self) -> String {
        let pipe = (self.pipe > 1).then(|| format!("pipe {}", self.pipe));
        let limits = (self.rtts.iter().min(), self.rtts.iter().max());
        let (Some(low), Some(high), true) = (limits.0, limits.1, self.is_timed()) else {
            return pipe.unwrap_or_default() + "\n";
        };
        let pipe = pipe.map_or_else(String::new, |it| format!(", {it}"));
        let count = self.rtts.len() as u64;
        let sum = self.rtts.iter().sum::<u64>();
        let squares: u64 = self.rtts.iter().map(|rtt| rtt * rtt).sum();
        let mean = sum / count;
        // `finish`: the remainder of the mean is kept as long as the sum is an `int`.
        let variance = match sum < i32::MAX as u64 {
            true => squares.saturating_sub(sum * sum / count) / count,
            false => (squares / count).saturating_sub(mean * mean),
        };
        let deviation = variance.isqrt();
        format!(
            "rtt min/avg/max/mdev = {}/{}/{}/{} ms{pipe}\n",
            millis(*low),
            millis(mean),
            millis(*high),
            millis(deviation)
        )
    }
}

//! `nc` of OpenBSD as Debian has it: does a port open? What comes in by a pipe is sent.

use std::net::{IpAddr, SocketAddr};

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use wirelab_model::{SimDuration, SimTime};
use wirelab_wire::protocol;

use super::connect::{Plan, Purpose};
use super::names::{service, service_port};
use super::options::{self, Syntax, Word};
use super::{Printer, Refusal, Start, Started, Task};
use crate::host::Host;
use crate::host::icmp::{ErrorKind, Heard};
use crate::host::output::ExecId;
use crate::host::tcp::SocketError;

const USAGE: &str = "usage: nc [-4|-6] [-u] [-v] [-n] [-s ADDRESS] [-w SECONDS] -z HOST PORT[-PORT] ...\n       \
    nc [-4|-6] [-v] [-n] [-s ADDRESS] -w SECONDS HOST PORT\n";

const SYNTAX: Syntax = Syntax {
    program: "nc",
    letters: "vznulN46w:s:",
    long: &[],
    usage: USAGE,
    status: 1,
    style: options::Style::Getopt,
};

/// `UDP_SCAN_TIMEOUT`: seconds in which a closed port may say so.
const UDP_PATIENCE: u64 = 3;

/// Most seconds that `-w` takes: milliseconds fit an `int`.
const TIMEOUT_MAX: u64 = i32::MAX as u64 / 1000;

/// What a `nc` wants to know.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Nc {
    verbose: bool,
    probe: bool,
    numeric: bool,
    limit: Option<SimDuration>,
    opened: bool,
    /// What a pipe brings, to be sent when the port has opened.
    input: Option<String>,
    /// `-N`: the end of it is told to the other side.
    shuts: bool,
}

/// A `nc -uz` at work.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Datagrams {
    nc: Nc,
    name: String,
    to: IpAddr,
    ports: Vec<u16>,
    /// The port at hand, and this machine's.
    at: Option<(u16, u16)>,
    /// What became of the last port is what it ends with.
    status: i32,
    sent: u64,
    refused: bool,
    next: SimTime,
}

/// What was typed.
struct Asked {
    nc: Nc,
    udp: bool,
    version: Option<char>,
    /// `-s`
    source: Option<String>,
    places: Vec<String>,
}

impl Asked {
    fn read(arguments: &[String]) -> Result<Self, Refusal> {
        let mut asked = Self {
            nc: Nc {
                verbose: false,
                probe: false,
                numeric: false,
                limit: None,
                opened: false,
                input: None,
                shuts: false,
            },
            udp: false,
            version: None,
            source: None,
            places: Vec::new(),
        };
        for word in SYNTAX.read(arguments)? {
            match word {
                Word::Flag('v') => asked.nc.verbose = true,
                Word::Flag('z') => asked.nc.probe = true,
                Word::Flag('n') => asked.nc.numeric = true,
                Word::Flag('u') => asked.udp = true,
                Word::Flag('l') => {
                    let text = "nc: -l (not supported here): `serve` starts what listens on a \
                                machine; `ss -tulpn` lists it\n";
                    return Err(Refusal::with_status(1, format!("{text}{USAGE}")));
                }
                Word::Flag('N') => asked.nc.shuts = true,
                Word::Flag(digit) => asked.version = Some(digit),
                Word::Value('s', value) => asked.source = Some(value),
                Word::Value(_, value) => asked.nc.limit = Some(timeout(&value)?),
                Word::Operand(place) => asked.places.push(place),
            }
        }
        Ok(asked)
    }
}

impl Host {
    pub(super) fn start_nc(&mut self, now: SimTime, id: ExecId, arguments: &[String]) -> Start {
        let mut asked = Asked::read(arguments)?;
        // It stays until the end: a name may have to be looked up first.
        asked.nc.input = self.stdins.get(&id).cloned();
        let refuse = |text: String| Err(Refusal::with_status(1, format!("nc: {text}\n")));
        let (host, port, more) = match &asked.places[..] {
            [host, port, more @ ..] => (host, port, more),
            [_] => return refuse("missing port number".to_owned()),
            [] => return Err(SYNTAX.refuse_usage()),
        };
        let mut list = ports(port)?;
        for port in more {
            list.extend(ports(port)?);
        }
        let fed = asked.nc.input.is_some();
        if !asked.nc.probe && (asked.udp || asked.nc.limit.is_none() && !fed) {
            let text = "nc: nothing is typed into it here: give -z, or -w SECONDS\n";
            return Err(Refusal::with_status(1, format!("{text}{USAGE}")));
        }
        let mut all = self.nc_addresses(&asked, host, port)?;
        let source = match &asked.source {
            None => None,
            Some(_) if asked.udp => {
                return refuse("-s with -u (not supported here)".to_owned());
            }
            Some(text) => {
                let Ok(source) = text.parse::<IpAddr>() else {
                    return refuse("getaddrinfo: Name or service not known".to_owned());
                };
                all.retain(|it| it.is_ipv4() == source.is_ipv4());
                if all.is_empty() || !self.stack.is_local(source) {
                    return refuse("bind failed: Cannot assign requested address".to_owned());
                }
                Some(source)
            }
        };
        if asked.udp {
            return Ok(Started::Running(Task::Datagrams(Datagrams {
                nc: asked.nc,
                name: host.clone(),
                to: all[0],
                ports: list,
                at: None,
                status: 1,
                sent: 0,
                refused: false,
                next: now,
            })));
        }
        let targets = list
            .iter()
            .flat_map(|port| all.iter().map(|it| SocketAddr::new(*it, *port)));
        let plan = Plan {
            name: host.clone(),
            targets: targets.collect(),
            limit: None,
            connect_limit: None,
            source,
        };
        self.start_connect(now, id, plan, Purpose::Nc(asked.nc))
    }

    /// The addresses of the host, to be tried in turn.
    fn nc_addresses(&self, asked: &Asked, host: &str, port: &str) -> Result<Vec<IpAddr>, Refusal> {
        let numeric = asked.nc.numeric && host.parse::<IpAddr>().is_err();
        let unknown = |why: &str| {
            let text = format!("nc: getaddrinfo for host \"{host}\" port {port}: {why}\n");
            Refusal::with_status(1, text)
        };
        if numeric {
            return Err(unknown("Name or service not known"));
        }
        if let Some(error) = self.names.failure(host) {
            return Err(unknown(error.text()));
        }
        let mut all = self.names.all(host);
        if all.is_empty() {
            return Err(unknown("Name or service not known").unless_dns_knows(host));
        }
        all.retain(|it| match asked.version {
            Some('4') => it.is_ipv4(),
            Some(_) => it.is_ipv6(),
            None => true,
        });
        match all.is_empty() {
            true => Err(unknown("Address family for hostname not supported")),
            false => Ok(all),
        }
    }

    /// Sends what is due, or sees that a port has kept silent, which is taken for open.
    pub(super) fn datagrams_tick(
        &mut self,
        now: SimTime,
        id: ExecId,
        task: &mut Datagrams,
        printer: &mut Printer,
    ) -> Option<i32> {
        loop {
            if task.next > now {
                return None;
            }
            let Some((port, own)) = task.at else {
                if task.ports.is_empty() {
                    return Some(task.status);
                }
                let port = task.ports.remove(0);
                let to = SocketAddr::new(task.to, port);
                let own = match self.nc_port(to) {
                    Ok(own) => own,
                    Err(why) => {
                        task.nc.print_failure("udp", &task.name, to, why, printer);
                        continue;
                    }
                };
                self.stack.bind_udp(own);
                task.at = Some((port, own));
                (task.sent, task.refused) = (0, false);
                // Two at once: the second would fail if the first was refused.
                self.stack.send_udp(now, own, to, Bytes::from_static(b"X"));
                self.stack.send_udp(now, own, to, Bytes::from_static(b"X"));
                task.next = now + SimDuration::from_secs(1);
                self.wake_exec(task.next, id);
                continue;
            };
            let to = SocketAddr::new(task.to, port);
            let patience = task.nc.limit.map_or(UDP_PATIENCE, SimDuration::as_secs);
            if !task.refused && task.sent < patience {
                task.sent += 1;
                self.stack.send_udp(now, own, to, Bytes::from_static(b"X"));
                if task.sent < patience {
                    task.next = now + SimDuration::from_secs(1);
                    self.wake_exec(task.next, id);
                    continue;
                }
            }
            self.stack.unbind_udp(own);
            task.at = None;
            task.status = i32::from(task.refused);
            if !task.refused {
                task.nc.print_opened("udp", &task.name, to, printer);
            }
        }
    }

    /// A port of this machine from where to send to `to`.
    fn nc_port(&mut self, to: SocketAddr) -> Result<u16, &'static str> {
        if self.stack.resolve(to.ip()).is_none() {
            return Err(self.stack.routes.error(to.ip()).text());
        }
        let own = self.stack.udp_port();
        own.ok_or("Cannot assign requested address")
    }

    pub(super) fn datagrams_heard(task: &mut Datagrams, heard: &Heard) {
        let Heard::Error { what, about, .. } = heard else {
            return;
        };
        let mine = task
            .at
            .is_some_and(|(port, own)| about.ports == Some((own, port)));
        let is_error = matches!(what, ErrorKind::Unreachable(_));
        task.refused |= mine && is_error && about.protocol == protocol::UDP;
    }
}

impl Datagrams {
    /// The port of this machine that it has.
    pub(super) fn own_port(&self) -> Option<u16> {
        self.at.map(|(_, own)| own)
    }

    /// Whether it is this one's port.
    pub(super) fn owns(&self, port: u16) -> bool {
        self.at.is_some_and(|(_, own)| own == port)
    }
}

impl Nc {
    /// How long it waits, connecting or for data.
    pub(super) const fn idle_limit(&self) -> Option<SimDuration> {
        self.limit
    }

    /// What is to be sent now, and whether that is all.
    pub(super) fn take_input(&mut self) -> (Option<Bytes>, bool) {
        let shuts = self.shuts && self.input.is_some();
        let input = self.input.take().filter(|it| !it.is_empty());
        (input.map(Bytes::from), shuts)
    }

    /// `-z`: nothing is said on the connection.
    pub(super) const fn probes(&self) -> bool {
        self.probe
    }

    /// 0 if anything has opened.
    pub(super) fn status(&self) -> i32 {
        i32::from(!self.opened)
    }

    /// As nc names the other end: with its address unless that was typed.
    fn place(name: &str, to: SocketAddr) -> String {
        let address = to.ip();
        if name == address.to_string() {
            name.to_owned()
        } else {
            format!("{name} ({address})")
        }
    }

    pub(super) fn print_success(&mut self, name: &str, to: SocketAddr, printer: &mut Printer) {
        self.print_opened("tcp", name, to, printer);
    }

    fn print_opened(&mut self, kind: &str, name: &str, to: SocketAddr, printer: &mut Printer) {
        self.opened = true;
        if !self.verbose {
            return;
        }
        let (place, port) = (Self::place(name, to), to.port());
        let service = service(port).filter(|_| !self.numeric).unwrap_or("*");
        let text = format!("Connection to {place} {port} port [{kind}/{service}] succeeded!\n");
        printer.err(text);
    }

    pub(super) fn print_failure(
        &self,
        kind: &str,
        name: &str,
        to: SocketAddr,
        why: &str,
        printer: &mut Printer,
    ) {
        if self.verbose {
            let (place, port) = (Self::place(name, to), to.port());
            let text = format!("nc: connect to {place} port {port} ({kind}) failed: {why}\n");
            printer.err(text);
        }
    }

    pub(super) fn print_timeout(&self, name: &str, to: SocketAddr, printer: &mut Printer) {
        if self.verbose {
            let (place, port) = (Self::place(name, to), to.port());
            printer.err(format!(
                "nc: connect to {place} port {port} (tcp) timed out: Operation now in progress\n"
            ));
        }
    }

    /// Without `-z`: what the other end says is printed until it ends.
    pub(super) fn heard(
        &self,
        data: Vec<Bytes>,
        ended: bool,
        error: Option<SocketError>,
        printer: &mut Printer,
    ) -> Option<i32> {
        for piece in data {
            printer.out(String::from_utf8_lossy(&piece).into_owned());
        }
        match error {
            Some(_) => Some(1),
            None => ended.then_some(0),
        }
    }
}

/// Seconds of `-w` (`strtonum`).
fn timeout(text: &str) -> Result<SimDuration, Refusal> {
    let refuse = |why: &str| Refusal::with_status(1, format!("nc: timeout {why}: {text}\n"));
    let number: i64 = text.parse().map_err(|_| refuse("invalid"))?;
    match u64::try_from(number) {
        Err(_) => Err(refuse("too small")),
        Ok(seconds) if seconds > TIMEOUT_MAX => Err(refuse("too large")),
        Ok(seconds) => Ok(SimDuration::from_secs(seconds)),
    }
}

/// One port, a range, or a service's.
fn ports(text: &str) -> Result<Vec<u16>, Refusal> {
    let refuse =
        |why: &str, text: &str| Refusal::with_status(1, format!("nc: port number {why}: {text}\n"));
    let one = |text: &str| {
        if let Some(port) = service_port(text) {
            return Ok(port);
        }
        let number: i64 = text.parse().map_err(|_| refuse("invalid", text))?;
        match number {
            ..1 => Err(refuse("too small", text)),
            1..65_536 => Ok(number as u16),
            _ => Err(refuse("too large", text)),
        }
    };
    let range = text
        .split_once('-')
        .filter(|(low, _)| low.parse::<u16>().is_ok());
    let Some((low, high)) = range else {
        return Ok(vec![one(text)?]);
    };
    let (low, high) = (one(low)?, one(high)?);
    Ok((low.min(high)..=low.max(high)).collect())
}

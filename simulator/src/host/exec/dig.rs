//! `dig` of BIND 9.18: one question, printed with everything that came back.
//!
//! It asks the first server three times, 5 s each and from a new port each time, then every further
//! server once; an answer with TC is asked for again over TCP.

use std::net::{IpAddr, SocketAddr};

use bytes::{Bytes, BytesMut};
use hickory_proto::op::ResponseCode;
use hickory_proto::rr::RecordType;
use serde::{Deserialize, Serialize};
use wirelab_model::{SimDuration, SimTime};
use wirelab_wire::{Unreachable, protocol};

use super::{Printer, Refusal, Start, Started, Task};
use crate::dns;
use crate::host::icmp::{ErrorKind, Heard};
use crate::host::output::ExecId;
use crate::host::program::date;
use crate::host::resolver::candidates;
use crate::host::stack::{SocketId, SocketOptions};
use crate::host::tcp::Connection;
use crate::host::{Host, Owner};

pub(super) const VERSION: &str = "9.18.28";
const TIMEOUT: SimDuration = SimDuration::from_secs(5);
/// Tries of the first server.
const TRIES: usize = 3;
/// What dig offers to take by UDP.
const PAYLOAD: u16 = 1232;

const USAGE: &str = "usage: dig [@SERVER] [-4|-6] NAME [TYPE] [-t TYPE] [-x ADDRESS] [+short] \
    [+tcp] [+[no]all|answer|authority|additional|question|comments|stats|cmd] [+[no]recurse] \
    [+[no]edns] [+[no]search] [+time=SECONDS] [+tries=N]\n";

/// A `dig` at work.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Dig {
    /// As they were typed, for the first line.
    pub(super) words: String,
    name: String,
    kind: u16,
    pub(super) look: Look,
    pub(super) tcp: bool,
    /// Names still to be tried after this one (`+search`).
    further: Vec<String>,
    pub(super) servers: Vec<IpAddr>,
    /// The server was named: its number is said.
    pub(super) named: bool,
    id: u16,
    /// Queries sent so far.
    asked: usize,
    pub(super) port: Option<u16>,
    socket: Option<SocketId>,
    talking: bool,
    inbox: BytesMut,
    pub(super) sent: SimTime,
    deadline: SimTime,
}

/// What is printed and how it is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Look {
    pub(super) short: bool,
    pub(super) command: bool,
    pub(super) comments: bool,
    pub(super) question: bool,
    pub(super) answer: bool,
    pub(super) authority: bool,
    pub(super) additional: bool,
    pub(super) stats: bool,
    pub(super) recurse: bool,
    edns: bool,
    search: bool,
    time: SimDuration,
    tries: usize,
}

impl Look {
    /// Takes `+WORD`; false for one that is not known.
    fn take(&mut self, word: &str) -> bool {
        if let Some((name, value)) = word.split_once('=') {
            let Ok(value) = value.parse::<u64>() else {
                return false;
            };
            match name {
                "time" | "timeout" => self.time = SimDuration::from_secs(value.max(1)),
                "tries" => self.tries = value.max(1) as usize,
                "retry" => self.tries = value as usize + 1,
                _ => return false,
            }
            return true;
        }
        let (word, on) = match word.strip_prefix("no") {
            Some(word) => (word, false),
            None => (word, true),
        };
        let flag = match word {
            "short" => &mut self.short,
            "cmd" => &mut self.command,
            "comments" => &mut self.comments,
            "question" => &mut self.question,
            "answer" => &mut self.answer,
            "authority" => &mut self.authority,
            "additional" => &mut self.additional,
            "stats" => &mut self.stats,
            "recurse" | "rec" => &mut self.recurse,
            "edns" => &mut self.edns,
            "search" => &mut self.search,
            "all" => {
                for flag in [
                    &mut self.comments,
                    &mut self.question,
                    &mut self.answer,
                    &mut self.authority,
                    &mut self.additional,
                    &mut self.stats,
                ] {
                    *flag = on;
                }
                return true;
            }
            _ => return false,
        };
        *flag = on;
        true
    }
}

/// What was typed.
struct Asked {
    name: Option<String>,
    kind: Option<RecordType>,
    server: Option<String>,
    look: Look,
    tcp: bool,
}

impl Asked {
    fn read(arguments: &[String]) -> Result<Self, Refusal> {
        let mut asked = Self {
            name: None,
            kind: None,
            server: None,
            look: Look {
                short: false,
                command: true,
                comments: true,
                question: true,
                answer: true,
                authority: true,
                additional: true,
                stats: true,
                recurse: true,
                edns: true,
                search: false,
                time: TIMEOUT,
                tries: TRIES,
            },
            tcp: false,
        };
        let mut words = arguments.iter();
        while let Some(word) = words.next() {
            match word.as_str() {
                "+tcp" | "+vc" => asked.tcp = true,
                "+notcp" | "+novc" | "-4" | "-u" => {}
                "-t" | "-x" | "-q" => {
                    let value = super::argument(&mut words, word)?;
                    asked.set(word, value)?;
                }
                "+trace" => {
                    return Err(Refusal::usage(format!(
                        "dig: +trace (not supported here): machines reach the resolver that \
                         /etc/resolv.conf names, and no root server\n{USAGE}"
                    )));
                }
                _ if word.strip_prefix('+').is_some_and(|it| asked.look.take(it)) => {}
                _ if word.starts_with('+') || word.starts_with('-') => {
                    return Err(Refusal::usage(format!(
                        "dig: {word} (not supported here)\n{USAGE}"
                    )));
                }
                _ => asked.operand(word),
            }
        }
        Ok(asked)
    }

    fn set(&mut self, option: &str, value: &str) -> Result<(), Refusal> {
        match option {
            "-q" => self.name = Some(value.to_owned()),
            "-t" => {
                let kind = value.to_ascii_uppercase().parse();
                let kind = kind.map_err(|_| {
                    Refusal::usage(format!(";; Warning, ignoring invalid type {value}\n"))
                })?;
                self.kind = Some(kind);
            }
            _ => {
                let address = value.parse();
                let address =
                    address.map_err(|_| Refusal::usage(format!("Invalid IP address {value}\n")))?;
                self.name = Some(dns::reverse_name(address));
                self.kind = Some(RecordType::PTR);
            }
        }
        Ok(())
    }

    fn operand(&mut self, word: &str) {
        if let Some(server) = word.strip_prefix('@') {
            self.server = Some(server.to_owned());
        } else if let Some(kind) = (word.to_ascii_uppercase().parse().ok())
            .filter(|_| self.name.is_some() || word.bytes().all(|it| it.is_ascii_uppercase()))
        {
            self.kind = Some(kind);
        } else {
            self.name = Some(word.to_owned());
        }
    }
}

impl Host {
    pub(super) fn start_dig(&mut self, now: SimTime, arguments: &[String]) -> Start {
        let asked = Asked::read(arguments)?;
        let name = asked.name.unwrap_or_else(|| ".".to_owned());
        let servers = match &asked.server {
            None => self.resolv_conf().servers,
            Some(server) => self.dig_servers(server)?,
        };
        let further = match asked.look.search {
            true => candidates(&name, &self.resolv_conf().search),
            false => vec![name.clone()],
        };
        if dns::absolute(&name).is_none() {
            let text = format!("dig: '{name}' is not a legal name (bad label type)\n");
            return Err(Refusal::with_status(10, text));
        }
        let default = if name == "." {
            RecordType::NS
        } else {
            RecordType::A
        };
        Ok(Started::Running(Task::Dig(Box::new(Dig {
            words: arguments.join(" "),
            name: further[0].clone(),
            kind: asked.kind.unwrap_or(default).into(),
            look: asked.look,
            tcp: asked.tcp,
            further: further[1..].to_vec(),
            named: asked.server.is_some(),
            servers,
            id: self.stack.draw_u16(),
            asked: 0,
            port: None,
            socket: None,
            talking: false,
            inbox: BytesMut::new(),
            sent: now,
            deadline: now,
        }))))
    }

    /// The addresses of the server that was named.
    fn dig_servers(&self, server: &str) -> Result<Vec<IpAddr>, Refusal> {
        let unknown = |why: &str| {
            let text = format!("dig: couldn't get address for '{server}': {why}\n");
            Refusal::with_status(1, text)
        };
        if self.names.failure(server).is_some() {
            return Err(unknown("not found"));
        }
        let all = self.names.all(server);
        match all.is_empty() {
            true => Err(unknown("not found").unless_dns_knows(server)),
            false => Ok(all),
        }
    }

    /// Asks, asks again, or gives up.
    pub(super) fn dig_tick(
        &mut self,
        now: SimTime,
        id: ExecId,
        task: &mut Dig,
        printer: &mut Printer,
    ) -> Option<i32> {
        if task.deadline > now {
            return None;
        }
        if task.asked > 0 {
            let server = task.server();
            printer.out(format!(
                ";; communications error to {server}#53: timed out\n"
            ));
        }
        self.dig_ask(now, id, task, printer)
    }

    fn dig_ask(
        &mut self,
        now: SimTime,
        id: ExecId,
        task: &mut Dig,
        printer: &mut Printer,
    ) -> Option<i32> {
        self.dig_close(now, task);
        let Some(server) = task.next_server() else {
            printer.out(task.first_lines() + ";; no servers could be reached\n");
            return Some(9);
        };
        task.asked += 1;
        task.sent = now;
        task.deadline = now + task.look.time;
        self.wake_exec(task.deadline, id);
        let to = SocketAddr::new(server, dns::PORT);
        if task.tcp {
            let socket = self.stack.connect(now, to, SocketOptions::default()).ok();
            task.socket = socket;
            task.talking = false;
            if let Some(socket) = socket {
                self.owners.insert(socket, Owner::Exec(id));
            }
            return None;
        }
        let source = self.stack.resolve(server).map(|it| it.source);
        let port = source.and_then(|it| self.stack.ephemeral_port(to, it));
        let query = task.query();
        if let (Some(port), Some(query)) = (port, query) {
            task.port = Some(port);
            self.stack.connect_udp(port);
            self.stack.send_udp_in_pieces(now, port, to, query);
        }
        None
    }

    fn dig_close(&mut self, now: SimTime, task: &mut Dig) {
        if let Some(port) = task.port.take() {
            self.stack.unbind_udp(port);
        }
        if let Some(socket) = task.socket.take() {
            self.owners.remove(&socket);
            self.stack.close(now, socket);
        }
        task.inbox.clear();
    }

    /// A datagram for the port of a `dig`.
    pub(super) fn dig_heard(
        &mut self,
        now: SimTime,
        id: ExecId,
        task: &mut Dig,
        payload: &Bytes,
        printer: &mut Printer,
    ) -> Option<i32> {
        let message = dns::read(payload)?;
        if !dns::answers(&message, task.id) {
            return None;
        }
        if message.metadata.truncation && !task.tcp {
            if !task.look.short {
                printer.out(";; Truncated, retrying in TCP mode.\n");
            }
            task.tcp = true;
            // The same server once more.
            task.asked -= 1;
            return self.dig_ask(now, id, task, printer);
        }
        self.dig_close(now, task);
        let missing = message.metadata.response_code == ResponseCode::NXDomain;
        if missing && !task.further.is_empty() {
            task.name = task.further.remove(0);
            task.asked = 0;
            return self.dig_ask(now, id, task, printer);
        }
        let at = date::dig(self.config.starts.at(now));
        task.print(&message, payload.len(), now, &at, printer);
        Some(0)
    }

    /// An ICMP error may be about the query at hand.
    pub(super) fn dig_icmp(
        &mut self,
        now: SimTime,
        id: ExecId,
        task: &mut Dig,
        heard: &Heard,
        printer: &mut Printer,
    ) -> Option<i32> {
        let Heard::Error { what, about, .. } = heard else {
            return None;
        };
        let own = task.port.filter(|_| about.protocol == protocol::UDP)?;
        if about.ports != Some((own, dns::PORT)) {
            return None;
        }
        let why = match what {
            ErrorKind::Unreachable(Unreachable::Port) => "connection refused",
            ErrorKind::Unreachable(Unreachable::Net) => "network unreachable",
            ErrorKind::Unreachable(Unreachable::FragmentationNeeded { .. }) => return None,
            _ => "host unreachable",
        };
        let server = task.server();
        printer.out(format!(";; communications error to {server}#53: {why}\n"));
        self.dig_ask(now, id, task, printer)
    }

    /// Something happened on the connection of a `dig +tcp`.
    pub(super) fn dig_touched(
        &mut self,
        now: SimTime,
        id: ExecId,
        task: &mut Dig,
        printer: &mut Printer,
    ) -> Option<i32> {
        let socket = task.socket?;
        let connection = self.stack.connection(socket)?;
        if connection.error.is_some() {
            let server = task.server();
            printer.err(format!(
                ";; Connection to {server}#53({server}) for {} failed: connection refused.\n",
                task.name
            ));
            return self.dig_ask(now, id, task, printer);
        }
        if connection.was_established() && !task.talking {
            task.talking = true;
            let framed = dns::framed(&task.query()?);
            self.stack
                .with(now, socket, |connection, cx| connection.send(framed, cx));
        }
        for piece in self.stack.with(now, socket, Connection::receive)? {
            task.inbox.extend_from_slice(&piece);
        }
        let (length, rest) = task.inbox.split_first_chunk::<2>()?;
        let length = usize::from(u16::from_be_bytes(*length));
        let message = rest.get(..length).map(Bytes::copy_from_slice)?;
        self.dig_heard(now, id, task, &message, printer)
    }
}

impl Dig {
    fn query(&self) -> Option<Bytes> {
        let kind = RecordType::from(self.kind);
        let payload = self.look.edns.then_some(PAYLOAD);
        dns::query(self.id, &self.name, kind, payload, self.look.recurse)
    }

    /// The server that was asked last.
    pub(super) fn server(&self) -> IpAddr {
        let at = self.asked.saturating_sub(self.look.tries);
        self.servers[at.min(self.servers.len() - 1)]
    }

    fn next_server(&self) -> Option<IpAddr> {
        let first = *self.servers.first()?;
        if self.asked < self.look.tries {
            return Some(first);
        }
        self.servers.get(self.asked - self.look.tries + 1).copied()
    }
}

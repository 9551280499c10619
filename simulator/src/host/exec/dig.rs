//! `dig` of BIND 9.18: one question, printed with everything that came back.
//!
//! It asks the first server three times, 5 s each and from a new port each time, then every further
//! server once; an answer with TC is asked for again over TCP.

use std::net::{IpAddr, SocketAddr};

use bytes::{Bytes, BytesMut};
use hickory_proto::op::{Message, Query};
use hickory_proto::rr::{RData, Record, RecordType};
use serde::{Deserialize, Serialize};
use wirelab_model::{SimDuration, SimTime};

use super::{Printer, Refusal, Start, Started, Task};
use crate::dns;
use crate::host::output::ExecId;
use crate::host::program::date;
use crate::host::stack::{SocketId, SocketOptions};
use crate::host::tcp::Connection;
use crate::host::{Host, Owner};

const VERSION: &str = "9.18.28";
const TIMEOUT: SimDuration = SimDuration::from_secs(5);
/// Tries of the first server.
const TRIES: usize = 3;
/// What dig offers to take by UDP.
const PAYLOAD: u16 = 1232;

const USAGE: &str = "usage: dig [@SERVER] NAME [TYPE] [-t TYPE] [-x ADDRESS] [+short] [+tcp] \
    [+noall +answer]\n";

/// A `dig` at work.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Dig {
    /// As they were typed, for the first line.
    words: String,
    name: String,
    kind: u16,
    short: bool,
    answer_only: bool,
    tcp: bool,
    servers: Vec<IpAddr>,
    id: u16,
    /// Queries sent so far.
    asked: usize,
    pub(super) port: Option<u16>,
    socket: Option<SocketId>,
    talking: bool,
    inbox: BytesMut,
    sent: SimTime,
    deadline: SimTime,
}

/// What was typed.
struct Asked {
    name: Option<String>,
    kind: Option<RecordType>,
    server: Option<String>,
    short: bool,
    answer_only: bool,
    tcp: bool,
}

impl Asked {
    fn read(arguments: &[String]) -> Result<Self, Refusal> {
        let mut asked = Self {
            name: None,
            kind: None,
            server: None,
            short: false,
            answer_only: false,
            tcp: false,
        };
        let mut words = arguments.iter();
        while let Some(word) = words.next() {
            match word.as_str() {
                "+short" => asked.short = true,
                "+tcp" | "+vc" => asked.tcp = true,
                "+noall" | "+answer" => asked.answer_only = true,
                // What is so anyway.
                "+norecurse" | "+nosearch" | "+recurse" | "-4" | "+cmd" => {}
                "-t" | "-x" => {
                    let value = super::argument(&mut words, word)?;
                    asked.set(word, value)?;
                }
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
        if option == "-t" {
            let kind = value.to_ascii_uppercase().parse();
            let kind = kind.map_err(|_| {
                Refusal::usage(format!(";; Warning, ignoring invalid type {value}\n"))
            })?;
            self.kind = Some(kind);
            return Ok(());
        }
        let address = value.parse();
        let address =
            address.map_err(|_| Refusal::usage(format!("Invalid IP address {value}\n")))?;
        self.name = Some(dns::reverse_name(address));
        self.kind = Some(RecordType::PTR);
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
            Some(server) => vec![self.names.resolve("dig", server)?],
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
            name,
            kind: asked.kind.unwrap_or(default).into(),
            short: asked.short,
            answer_only: asked.answer_only,
            tcp: asked.tcp,
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
            printer.err(format!(
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
            printer.out(format!(
                "\n; <<>> DiG {VERSION} <<>> {}\n;; global options: +cmd\n;; no servers could be \
                 reached\n",
                task.words
            ));
            return Some(9);
        };
        task.asked += 1;
        task.sent = now;
        task.deadline = now + TIMEOUT;
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
            if !task.short {
                printer.out(";; Truncated, retrying in TCP mode.\n");
            }
            task.tcp = true;
            // The same server once more.
            task.asked -= 1;
            return self.dig_ask(now, id, task, printer);
        }
        self.dig_close(now, task);
        let at = date::dig(self.config.starts.at(now));
        task.print(&message, payload.len(), now, &at, printer);
        Some(0)
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
        dns::query(self.id, &self.name, kind, Some(PAYLOAD))
    }

    /// The server that was asked last.
    fn server(&self) -> IpAddr {
        let at = (self.asked).saturating_sub(TRIES);
        self.servers[at.min(self.servers.len() - 1)]
    }

    fn next_server(&self) -> Option<IpAddr> {
        let first = *self.servers.first()?;
        if self.asked < TRIES {
            return Some(first);
        }
        self.servers.get(self.asked - TRIES + 1).copied()
    }

    fn print(&self, message: &Message, size: usize, now: SimTime, at: &str, printer: &mut Printer) {
        if self.short {
            let lines = message.answers.iter().map(|it| data(&it.data) + "\n");
            return printer.out(lines.collect::<String>());
        }
        if self.answer_only {
            return printer.out(message.answers.iter().map(record).collect::<String>());
        }
        let server = self.server();
        let mut text = format!(
            "\n; <<>> DiG {VERSION} <<>> {}\n;; global options: +cmd\n;; Got answer:\n",
            self.words
        );
        text += &header(message);
        if let Some(edns) = &message.edns {
            let udp = edns.max_payload();
            text += &format!(
                "\n;; OPT PSEUDOSECTION:\n; EDNS: version: {}, flags:; udp: {udp}\n",
                edns.version()
            );
        } else {
            text.push('\n');
        }
        text += ";; QUESTION SECTION:\n";
        text.extend(message.queries.iter().map(question));
        for (title, records) in [
            ("ANSWER", &message.answers),
            ("AUTHORITY", &message.authorities),
            ("ADDITIONAL", &message.additionals),
        ] {
            if !records.is_empty() {
                text += &format!("\n;; {title} SECTION:\n");
                text.extend(records.iter().map(record));
            }
        }
        let took = now.since(self.sent).as_millis();
        let transport = if self.tcp { "TCP" } else { "UDP" };
        text += &format!(
            "\n;; Query time: {took} msec\n;; SERVER: {server}#53({server}) ({transport})\n;; WHEN: \
             {at}\n;; MSG SIZE  rcvd: {size}\n\n"
        );
        printer.out(text);
    }
}

fn header(message: &Message) -> String {
    let meta = &message.metadata;
    let flags = [
        ("qr", true),
        ("aa", meta.authoritative),
        ("tc", meta.truncation),
        ("rd", meta.recursion_desired),
        ("ra", meta.recursion_available),
        ("ad", meta.authentic_data),
    ];
    let flags: Vec<_> = flags
        .into_iter()
        .filter(|(_, on)| *on)
        .map(|(word, _)| word)
        .collect();
    format!(
        ";; ->>HEADER<<- opcode: QUERY, status: {}, id: {}\n;; flags: {}; QUERY: {}, ANSWER: {}, \
         AUTHORITY: {}, ADDITIONAL: {}\n",
        dns::code_word(meta.response_code),
        meta.id,
        flags.join(" "),
        message.queries.len(),
        message.answers.len(),
        message.authorities.len(),
        message.additionals.len() + usize::from(message.edns.is_some()),
    )
}

/// `;db.example.internal.		IN	A`
fn question(query: &Query) -> String {
    let mut line = format!(";{}", query.name().to_ascii());
    tab_to(&mut line, 32);
    format!("{line}IN\t{}\n", query.query_type())
}

fn record(record: &Record) -> String {
    let mut line = record.name.to_ascii();
    tab_to(&mut line, 24);
    line += &record.ttl.to_string();
    tab_to(&mut line, 32);
    format!(
        "{line}IN\t{}\t{}\n",
        record.record_type(),
        data(&record.data)
    )
}

/// Tabs to a column, at least one.
fn tab_to(line: &mut String, column: usize) {
    loop {
        line.push('\t');
        let width = line.chars().fold(0, |width, it| match it {
            '\t' => width / 8 * 8 + 8,
            _ => width + 1,
        });
        if width >= column {
            return;
        }
    }
}

/// A record's data as zone files write it.
fn data(data: &RData) -> String {
    match data {
        RData::TXT(text) => {
            let texts = text.txt_data.iter();
            let texts = texts.map(|it| format!("\"{}\"", String::from_utf8_lossy(it)));
            texts.collect::<Vec<_>>().join(" ")
        }
        RData::SOA(soa) => format!(
            "{} {} {} {} {} {} {}",
            soa.mname.to_ascii(),
            soa.rname.to_ascii(),
            soa.serial,
            soa.refresh,
            soa.retry,
            soa.expire,
            soa.minimum
        ),
        other => other.to_string(),
    }
}

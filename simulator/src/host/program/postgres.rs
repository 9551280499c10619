//! The PostgreSQL protocol, version 3.0 (PostgreSQL 15 documentation, chapter 55), both sides:
//! start-up with trust, simple queries, and streaming replication.

mod answer;
mod replication;
mod sender;

use std::net::IpAddr;

use bytes::{BufMut, Bytes, BytesMut};
use serde::{Deserialize, Serialize};
use wirelab_model::{SimDuration, SimTime, SmolStr};

use super::{Act, Done, Inbox, Moment};
use crate::host::spec::{PostgresTable, ServerSpec};
use answer::run;
use sender::Sender;

pub(crate) use replication::ReplicationClient;

/// Protocol 3.0 in a start-up packet.
const PROTOCOL: u32 = 196_608;
/// Request codes of SSLRequest and GSSENCRequest.
const SSL_REQUEST: u32 = 80_877_103;
const GSS_REQUEST: u32 = 80_877_104;
/// What a server takes for the length of a first packet.
const START_UP_LENGTHS: std::ops::RangeInclusive<usize> = 8..=10_000;
/// Microseconds from the Unix epoch to 2000-01-01, where PostgreSQL's time starts.
const EPOCH_MICROS: u64 = 946_684_800_000_000;
/// Where the WAL of a fresh cluster stands.
const WAL_START: u64 = 0x0100_0028;
/// A message with its type and length.
fn message(kind: u8, body: &[u8], out: &mut BytesMut) {
    out.put_u8(kind);
    out.put_u32(body.len() as u32 + 4);
    out.put_slice(body);
}

fn cstring(text: &str, out: &mut BytesMut) {
    out.put_slice(text.as_bytes());
    out.put_u8(0);
}

/// The next whole message: type and body. Nonsense lengths give none, and the inbox is emptied.
fn next_message(inbox: &mut Inbox) -> Option<(u8, Vec<u8>)> {
    let head = inbox.peek(5);
    let [kind, a, b, c, d] = head[..] else {
        return None;
    };
    let length = u32::from_be_bytes([a, b, c, d]) as usize;
    if !(4..=1 << 30).contains(&length) {
        inbox.skip(inbox.len());
        return None;
    }
    if inbox.len() < length + 1 {
        return None;
    }
    inbox.skip(5);
    Some((kind, inbox.take(length - 4)))
}

/// PostgreSQL's clock: microseconds since 2000.
const fn clock(moment: Moment) -> u64 {
    (moment.starts.at(moment.now).as_nanos() / 1000).saturating_sub(EPOCH_MICROS)
}

/// The server's side.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PostgresServer {
    index: usize,
    /// Process id it shows.
    process: u32,
    inbox: Inbox,
    started: bool,
    ready: Vec<(SimTime, String)>,
    streaming: Option<Sender>,
}

struct Settings<'a> {
    tables: &'a [PostgresTable],
    think: SimDuration,
    wal_every: SimDuration,
    wal_bytes: u32,
}

impl PostgresServer {
    pub(crate) fn new(index: usize, number: u64) -> Self {
        Self {
            index,
            process: 2000 + number as u32,
            inbox: Inbox::default(),
            started: false,
            ready: Vec::new(),
            streaming: None,
        }
    }

    fn settings<'a>(&self, specs: &'a [ServerSpec]) -> Settings<'a> {
        match specs.get(self.index).map(ServerSpec::inside) {
            Some(ServerSpec::Postgres {
                tables,
                think,
                wal_every,
                wal_bytes,
                ..
            }) => Settings {
                tables,
                think: *think,
                wal_every: *wal_every,
                wal_bytes: *wal_bytes,
            },
            _ => Settings {
                tables: &[],
                think: SimDuration::ZERO,
                wal_every: SimDuration::from_secs(1),
                wal_bytes: 0,
            },
        }
    }

    pub(crate) fn on_data(
        &mut self,
        specs: &[ServerSpec],
        data: Vec<Bytes>,
        moment: Moment,
    ) -> Vec<Act> {
        self.inbox.extend(data);
        let mut acts = Vec::new();
        while !self.started {
            match self.start_up() {
                Some(some) => acts.extend(some),
                None => return acts,
            }
        }
        let settings = self.settings(specs);
        while let Some((kind, body)) = next_message(&mut self.inbox) {
            match kind {
                b'Q' => self.on_query(&body, &settings, moment, &mut acts),
                b'X' => acts.push(Act::Close),
                b'd' => {
                    if let Some(sender) = &mut self.streaming {
                        acts.extend(sender.on_reply(&body, moment));
                    }
                }
                _ => {}
            }
        }
        acts
    }

    /// The start-up packet, which has no type, and the requests for encryption before it.
    fn start_up(&mut self) -> Option<Vec<Act>> {
        let (length, code) = first_words(&self.inbox)?;
        if !START_UP_LENGTHS.contains(&length) {
            // No PostgreSQL client: a browser, say. The server hangs up without a word.
            self.inbox.skip(self.inbox.len());
            self.started = true;
            return Some(vec![Act::Close]);
        }
        if self.inbox.len() < length {
            return None;
        }
        let packet = self.inbox.take(length);
        if code == SSL_REQUEST || code == GSS_REQUEST {
            return Some(vec![Act::Send(Bytes::from_static(b"N"))]);
        }
        self.started = true;
        if code >> 16 != PROTOCOL >> 16 {
            return Some(vec![Act::Send(unsupported(code)), Act::Close]);
        }
        Some(vec![Act::Send(self.welcome(&packet[8..]))])
    }

    /// AuthenticationOk, ParameterStatus, BackendKeyData, ReadyForQuery, to a client that started
    /// with these `parameters`. PostgreSQL 15 reports 13 settings in this order [postgres-ok].
    fn welcome(&self, parameters: &[u8]) -> Bytes {
        let user = parameter(parameters, "user");
        let is_superuser = if user == "postgres" { "on" } else { "off" };
        let mut out = BytesMut::new();
        message(b'R', &0_u32.to_be_bytes(), &mut out);
        for (name, value) in [
            (
                "application_name",
                &*parameter(parameters, "application_name"),
            ),
            ("client_encoding", "UTF8"),
            ("DateStyle", "ISO, MDY"),
            ("default_transaction_read_only", "off"),
            ("in_hot_standby", "off"),
            ("integer_datetimes", "on"),
            ("IntervalStyle", "postgres"),
            ("is_superuser", is_superuser),
            ("server_encoding", "UTF8"),
            ("server_version", "15.8"),
            ("session_authorization", &*user),
            ("standard_conforming_strings", "on"),
            ("TimeZone", "UTC"),
        ] {
            let mut body = BytesMut::new();
            cstring(name, &mut body);
            cstring(value, &mut body);
            message(b'S', &body, &mut out);
        }
        let mut key = BytesMut::new();
        key.put_u32(self.process);
        key.put_u32(self.process.wrapping_mul(2_654_435_761));
        message(b'K', &key, &mut out);
        message(b'Z', b"I", &mut out);
        out.freeze()
    }

    fn on_query(
        &mut self,
        body: &[u8],
        settings: &Settings<'_>,
        moment: Moment,
        acts: &mut Vec<Act>,
    ) {
        let query = String::from_utf8_lossy(body.strip_suffix(&[0]).unwrap_or(body)).into_owned();
        if query.starts_with("START_REPLICATION") {
            let mut out = BytesMut::new();
            message(b'W', &[0, 0, 0], &mut out);
            acts.push(Act::Send(out.freeze()));
            let (sender, wakes) = Sender::new(moment.now, settings.wal_every);
            self.streaming = Some(sender);
            acts.extend(wakes);
            return;
        }
        let due = moment.now + settings.think;
        if settings.think == SimDuration::ZERO {
            acts.push(Act::Send(run(&query, settings.tables)));
        } else {
            self.ready.push((due, query));
            acts.push(Act::Wake(due));
        }
    }

    /// It sends for ever: it ends when the other side does.
    pub(crate) const fn streams(&self) -> bool {
        self.streaming.is_some()
    }

    pub(crate) fn on_wake(&mut self, specs: &[ServerSpec], moment: Moment) -> Vec<Act> {
        let settings = self.settings(specs);
        let mut acts = Vec::new();
        while let Some((due, _)) = self.ready.first() {
            if *due > moment.now {
                break;
            }
            let (_, query) = self.ready.remove(0);
            acts.push(Act::Send(run(&query, settings.tables)));
        }
        if let Some(sender) = &mut self.streaming {
            acts.extend(sender.on_wake(settings.wal_every, settings.wal_bytes, moment));
        }
        acts
    }
}

fn refuse(severity: &str, code: &str, what: &str, out: &mut BytesMut) {
    let mut body = BytesMut::new();
    for (field, value) in [
        (b'S', severity),
        (b'V', severity),
        (b'C', code),
        (b'M', what),
    ] {
        body.put_u8(field);
        cstring(value, &mut body);
    }
    body.put_u8(0);
    message(b'E', &body, out);
}

/// What a server of protocol 3.0 tells who speaks another one.
fn unsupported(code: u32) -> Bytes {
    let (major, minor) = (code >> 16, code & 0xffff);
    let text = format!("unsupported frontend protocol {major}.{minor}: server supports 3.0 to 3.0");
    let mut out = BytesMut::new();
    refuse("FATAL", "0A000", &text, &mut out);
    out.freeze()
}

/// Length and code, with which every first packet begins.
fn first_words(inbox: &Inbox) -> Option<(usize, u32)> {
    let head = inbox.peek(8);
    let [a, b, c, d, e, f, g, h] = head[..] else {
        return None;
    };
    let length = u32::from_be_bytes([a, b, c, d]) as usize;
    Some((length, u32::from_be_bytes([e, f, g, h])))
}

fn start_up_packet(parameters: &[(&str, &str)]) -> Bytes {
    let mut body = BytesMut::new();
    body.put_u32(PROTOCOL);
    for (name, value) in parameters {
        cstring(name, &mut body);
        cstring(value, &mut body);
    }
    body.put_u8(0);
    let mut out = BytesMut::new();
    out.put_u32(body.len() as u32 + 4);
    out.put_slice(&body);
    out.freeze()
}

fn query_message(query: &str) -> Bytes {
    let mut body = BytesMut::new();
    cstring(query, &mut body);
    let mut out = BytesMut::new();
    message(b'Q', &body, &mut out);
    out.freeze()
}

fn terminate() -> Bytes {
    let mut out = BytesMut::new();
    message(b'X', &[], &mut out);
    out.freeze()
}

/// What asks for TLS before anything else is said.
pub(crate) fn ssl_request() -> Bytes {
    let mut out = BytesMut::new();
    out.put_u32(8);
    out.put_u32(SSL_REQUEST);
    out.freeze()
}

/// What a client's first packet wants.
pub(crate) enum Opening {
    Tls,
    /// GSSAPI, which no server here has.
    Gss,
    /// Nothing that a client of PostgreSQL says.
    Nonsense,
    /// To log in, as this user to this database.
    LogIn(String, String),
}

/// Reads the first packet, which stays in the inbox if it is a log-in; nothing if it is not whole.
pub(crate) fn opening(inbox: &mut Inbox) -> Option<Opening> {
    let (length, code) = first_words(inbox)?;
    if !START_UP_LENGTHS.contains(&length) {
        return Some(Opening::Nonsense);
    }
    match code {
        SSL_REQUEST => {
            inbox.skip(8);
            return Some(Opening::Tls);
        }
        GSS_REQUEST => {
            inbox.skip(8);
            return Some(Opening::Gss);
        }
        _ => {}
    }
    if inbox.len() < length {
        return None;
    }
    let body = inbox.peek(length);
    let texts: Vec<_> = body.get(8..).unwrap_or(&[]).split(|it| *it == 0).collect();
    let value = |name: &[u8]| {
        let at = texts.iter().position(|text| *text == name);
        let value = at.and_then(|at| texts.get(at + 1));
        value.map_or_else(String::new, |text| {
            String::from_utf8_lossy(text).into_owned()
        })
    };
    Some(Opening::LogIn(value(b"user"), value(b"database")))
}

/// The answer of a server with `hostssl` entries only to who does not ask for TLS.
pub(crate) fn no_encryption(peer: IpAddr, user: &str, database: &str) -> Bytes {
    let text = format!(
        "no pg_hba.conf entry for host \"{peer}\", user \"{user}\", database \"{database}\", no encryption"
    );
    let mut out = BytesMut::new();
    refuse("FATAL", "28000", &text, &mut out);
    out.freeze()
}

/// A client that asks one query an exchange.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PostgresClient {
    user: SmolStr,
    database: SmolStr,
    query: SmolStr,
    keep: bool,
    inbox: Inbox,
    logged_in: bool,
    /// Column names, then rows, of the last answer; a null is none.
    pub(crate) columns: Vec<String>,
    pub(crate) rows: Vec<Vec<Option<String>>>,
    pub(crate) failure: Option<String>,
}

impl PostgresClient {
    pub(crate) fn new(user: &str, database: &str, query: &str, keep: bool) -> Self {
        Self {
            user: user.into(),
            database: database.into(),
            query: query.into(),
            keep,
            inbox: Inbox::default(),
            logged_in: false,
            columns: Vec::new(),
            rows: Vec::new(),
            failure: None,
        }
    }

    pub(crate) fn start(&mut self, fresh: bool) -> Vec<Act> {
        self.columns.clear();
        self.rows.clear();
        self.failure = None;
        let first = if fresh {
            start_up_packet(&[("user", &self.user), ("database", &self.database)])
        } else {
            query_message(&self.query)
        };
        vec![Act::Send(first)]
    }

    pub(crate) fn on_data(&mut self, data: Vec<Bytes>) -> Vec<Act> {
        self.inbox.extend(data);
        let mut acts = Vec::new();
        while let Some((kind, body)) = next_message(&mut self.inbox) {
            match kind {
                b'T' => self.columns = column_names(&body),
                b'D' => self.rows.push(row_values(&body)),
                b'E' if !self.logged_in => {
                    acts.push(Act::Failed(format!("FATAL:  {}", error_text(&body)).into()));
                }
                b'E' => self.failure = Some(error_text(&body)),
                b'Z' if self.logged_in => self.complete(&mut acts),
                b'Z' => {
                    self.logged_in = true;
                    acts.push(Act::Send(query_message(&self.query)));
                }
                _ => {}
            }
        }
        acts
    }

    fn complete(&self, acts: &mut Vec<Act>) {
        if !self.keep {
            acts.push(Act::Send(terminate()));
        }
        acts.push(Act::Done(Done {
            status: None,
            last: !self.keep,
        }));
    }
}

fn text_until_zero(body: &[u8], at: &mut usize) -> String {
    let rest = body.get(*at..).unwrap_or(&[]);
    let len = rest.iter().position(|octet| *octet == 0);
    let len = len.unwrap_or(rest.len());
    *at += len + 1;
    String::from_utf8_lossy(&rest[..len]).into_owned()
}

fn column_names(body: &[u8]) -> Vec<String> {
    let mut at = 2;
    let mut names = Vec::new();
    while at < body.len() {
        names.push(text_until_zero(body, &mut at));
        at += 18;
    }
    names
}

fn row_values(body: &[u8]) -> Vec<Option<String>> {
    let mut at = 2;
    let mut values = Vec::new();
    while let Some(&[a, b, c, d]) = body.get(at..at + 4) {
        at += 4;
        let len = i32::from_be_bytes([a, b, c, d]);
        let Ok(len) = usize::try_from(len) else {
            values.push(None);
            continue;
        };
        let value = body.get(at..at + len).unwrap_or(&[]);
        values.push(Some(String::from_utf8_lossy(value).into_owned()));
        at += len;
    }
    values
}

fn error_text(body: &[u8]) -> String {
    let mut at = 0;
    while let Some(field) = body.get(at).copied().filter(|field| *field != 0) {
        at += 1;
        let value = text_until_zero(body, &mut at);
        if field == b'M' {
            return value;
        }
    }
    "unknown error".to_owned()
}

/// A parameter of a start-up packet: names and values in turn, each ended by a zero.
fn parameter(parameters: &[u8], name: &str) -> String {
    let mut at = 0;
    while parameters.get(at).is_some_and(|octet| *octet != 0) {
        let found = text_until_zero(parameters, &mut at);
        let value = text_until_zero(parameters, &mut at);
        if found == name {
            return value;
        }
    }
    String::new()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_session_hears_of_every_setting_that_postgresql_15_reports() {
        let mut server = PostgresServer::new(0, 1);
        let mut start = BytesMut::new();
        let parameters = b"user\0app\0database\0shop\0application_name\0psql\0\0";
        start.put_u32(8 + parameters.len() as u32);
        start.put_u32(PROTOCOL);
        start.put_slice(parameters);
        server.inbox.extend(vec![start.freeze()]);
        let acts = server.start_up().expect("a whole packet");
        let [Act::Send(octets)] = &acts[..] else {
            panic!("{acts:?}");
        };
        let mut inbox = Inbox::default();
        inbox.extend(vec![octets.clone()]);
        let mut told = Vec::new();
        while let Some((kind, body)) = next_message(&mut inbox) {
            if kind == b'S' {
                let mut at = 0;
                let name = text_until_zero(&body, &mut at);
                told.push(format!("{name}={}", text_until_zero(&body, &mut at)));
            }
        }
        // As tests/golden/kernel/postgres-ok.client.pcap has them.
        let expected = "application_name=psql client_encoding=UTF8 DateStyle=ISO, MDY \
            default_transaction_read_only=off in_hot_standby=off integer_datetimes=on \
            IntervalStyle=postgres is_superuser=off server_encoding=UTF8 server_version=15.8 \
            session_authorization=app standard_conforming_strings=on TimeZone=UTC";
        assert_eq!(told.join(" "), expected);
    }
}

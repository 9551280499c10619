//! The MySQL client/server protocol (MySQL 8.0 source documentation, "Client/Server Protocol"),
//! both sides: log-in with `caching_sha2_password` on its fast path, text queries, and the stream
//! of a binary log.

mod binlog;
mod client;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use wirelab_model::{SimDuration, SimTime, Stream};

use super::table::{limit, table_name, value};
use super::tls::noise;
use super::{Act, Inbox, Moment};
use crate::host::spec::{PostgresTable, ServerSpec};

use binlog::Binlog;
pub(crate) use client::{MysqlClient, MysqlReplica};

const VERSION: &str = "8.0.36";
const PLUGIN: &str = "caching_sha2_password";
/// `utf8mb4_0900_ai_ci`.
const CHARSET: u8 = 255;
/// `SERVER_STATUS_AUTOCOMMIT`.
const STATUS: [u8; 2] = [2, 0];

const COM_QUIT: u8 = 0x01;
const COM_QUERY: u8 = 0x03;
const COM_PING: u8 = 0x0e;
const COM_BINLOG_DUMP: u8 = 0x12;
const COM_REGISTER_SLAVE: u8 = 0x15;

/// Longest packet.
const PACKET_MAX: usize = 0xff_ffff;

/// Capabilities of the server; TLS and query attributes are not among them.
const SERVER_CAPABILITIES: u32 = CLIENT_CAPABILITIES | 0x0000_0010 | 0x0000_0040;
/// LONG_PASSWORD, LONG_FLAG, CONNECT_WITH_DB, LOCAL_FILES, PROTOCOL_41, INTERACTIVE, TRANSACTIONS,
/// SECURE_CONNECTION, MULTI_STATEMENTS, MULTI_RESULTS, PS_MULTI_RESULTS, PLUGIN_AUTH,
/// PLUGIN_AUTH_LENENC_CLIENT_DATA.
const CLIENT_CAPABILITIES: u32 = 0x002f_a68d;
const CONNECT_WITH_DB: u32 = 0x0000_0008;

/// A packet with its header.
fn packet(sequence: u8, body: &[u8]) -> Vec<u8> {
    let mut out = (body.len() as u32).to_le_bytes()[..3].to_vec();
    out.push(sequence);
    out.extend(body);
    out
}

/// Several packets, numbered on from `first`.
fn packets(first: u8, bodies: &[Vec<u8>]) -> Bytes {
    let mut out = Vec::new();
    let mut sequence = first;
    for body in bodies {
        out.extend(packet(sequence, body));
        sequence = sequence.wrapping_add(1);
    }
    out.into()
}

/// The next whole packet: its number and body.
fn next_packet(inbox: &mut Inbox) -> Option<(u8, Vec<u8>)> {
    let head = inbox.peek(4);
    let [a, b, c, sequence] = head[..] else {
        return None;
    };
    let length = u32::from_le_bytes([a, b, c, 0]) as usize;
    if inbox.len() < 4 + length {
        return None;
    }
    inbox.skip(4);
    Some((sequence, inbox.take(length)))
}

/// A length-encoded number.
fn put_number(out: &mut Vec<u8>, number: u64) {
    match number {
        0..251 => out.push(number as u8),
        251..0x1_0000 => {
            out.push(0xfc);
            out.extend((number as u16).to_le_bytes());
        }
        0x1_0000..0x100_0000 => {
            out.push(0xfd);
            out.extend(&(number as u32).to_le_bytes()[..3]);
        }
        _ => {
            out.push(0xfe);
            out.extend(number.to_le_bytes());
        }
    }
}

fn put_text(out: &mut Vec<u8>, text: &[u8]) {
    put_number(out, text.len() as u64);
    out.extend(text);
}

/// OK: nothing affected, no warning.
fn ok() -> Vec<u8> {
    vec![0, 0, 0, STATUS[0], STATUS[1], 0, 0]
}

fn end_of_rows() -> Vec<u8> {
    vec![0xfe, 0, 0, STATUS[0], STATUS[1]]
}

fn error(code: u16, state: &str, text: &str) -> Vec<u8> {
    let mut out = vec![0xff];
    out.extend(code.to_le_bytes());
    out.extend(format!("#{state}{text}").bytes());
    out
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Stage {
    Login,
    Commands,
    Streaming,
}

/// The server's side.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct MysqlServer {
    index: usize,
    /// Number of the connection that it shows.
    connection: u32,
    stream: Stream,
    inbox: Inbox,
    stage: Stage,
    ready: Vec<(SimTime, String)>,
    binlog: Option<Binlog>,
}

struct Settings<'a> {
    tables: &'a [PostgresTable],
    think: SimDuration,
    every: SimDuration,
    bytes: u32,
}

fn settings(specs: &[ServerSpec], index: usize) -> Settings<'_> {
    match specs.get(index).map(ServerSpec::inside) {
        Some(ServerSpec::Mysql {
            tables,
            think,
            binlog_every,
            binlog_bytes,
            ..
        }) => Settings {
            tables,
            think: *think,
            every: *binlog_every,
            bytes: *binlog_bytes,
        },
        _ => Settings {
            tables: &[],
            think: SimDuration::ZERO,
            every: SimDuration::from_secs(1),
            bytes: 0,
        },
    }
}

impl MysqlServer {
    pub(crate) fn new(index: usize, number: u64, stream: Stream) -> Self {
        Self {
            index,
            connection: 8 + number as u32,
            stream,
            inbox: Inbox::default(),
            stage: Stage::Login,
            ready: Vec::new(),
            binlog: None,
        }
    }

    /// The server speaks first: HandshakeV10.
    pub(crate) fn greet(&mut self) -> Vec<Act> {
        // The scramble has no zero octet.
        let scramble = noise(&mut self.stream, 20);
        let scramble: Vec<u8> = scramble.iter().map(|octet| octet & 0x7f | 1).collect();
        let capabilities = SERVER_CAPABILITIES.to_le_bytes();
        let mut out = vec![10];
        out.extend(VERSION.bytes());
        out.push(0);
        out.extend(self.connection.to_le_bytes());
        out.extend(&scramble[..8]);
        out.push(0);
        out.extend(&capabilities[..2]);
        out.push(CHARSET);
        out.extend(STATUS);
        out.extend(&capabilities[2..]);
        out.push(21);
        out.extend([0; 10]);
        out.extend(&scramble[8..]);
        out.push(0);
        out.extend(PLUGIN.bytes());
        out.push(0);
        vec![Act::Send(packets(0, &[out]))]
    }

    pub(crate) fn on_data(
        &mut self,
        specs: &[ServerSpec],
        data: Vec<Bytes>,
        moment: Moment,
    ) -> Vec<Act> {
        self.inbox.extend(data);
        let settings = settings(specs, self.index);
        let mut acts = Vec::new();
        while let Some((sequence, body)) = next_packet(&mut self.inbox) {
            match self.stage {
                Stage::Login => {
                    self.stage = Stage::Commands;
                    // The password is in the cache: fast_auth_success, then OK.
                    let last = sequence.wrapping_add(1);
                    acts.push(Act::Send(packets(last, &[vec![1, 3], ok()])));
                }
                Stage::Commands => self.on_command(&body, &settings, moment, &mut acts),
                Stage::Streaming => {}
            }
        }
        acts
    }

    fn on_command(
        &mut self,
        body: &[u8],
        settings: &Settings<'_>,
        moment: Moment,
        acts: &mut Vec<Act>,
    ) {
        match body.first() {
            Some(&COM_QUERY) => {
                let query = String::from_utf8_lossy(&body[1..]).into_owned();
                if settings.think == SimDuration::ZERO {
                    acts.push(Act::Send(run(&query, settings.tables)));
                } else {
                    let due = moment.now + settings.think;
                    self.ready.push((due, query));
                    acts.push(Act::Wake(due));
                }
            }
            Some(&COM_PING | &COM_REGISTER_SLAVE) => acts.push(Act::Send(packets(1, &[ok()]))),
            Some(&COM_BINLOG_DUMP) => {
                self.stage = Stage::Streaming;
                let mut binlog = Binlog::new(moment.now + settings.every);
                acts.push(Act::Send(binlog.opening(moment)));
                acts.push(Act::Wake(binlog.next));
                self.binlog = Some(binlog);
            }
            Some(&COM_QUIT) | None => acts.push(Act::Close),
            Some(_) => {
                let unknown = error(1047, "08S01", "Unknown command");
                acts.push(Act::Send(packets(1, &[unknown])));
            }
        }
    }

    /// It sends its binary log for ever.
    pub(crate) const fn streams(&self) -> bool {
        self.binlog.is_some()
    }

    pub(crate) fn on_wake(&mut self, specs: &[ServerSpec], moment: Moment) -> Vec<Act> {
        let settings = settings(specs, self.index);
        let mut acts = Vec::new();
        while let Some((due, _)) = self.ready.first() {
            if *due > moment.now {
                break;
            }
            let (_, query) = self.ready.remove(0);
            acts.push(Act::Send(run(&query, settings.tables)));
        }
        if let Some(binlog) = &mut self.binlog
            && binlog.next <= moment.now
        {
            let event = binlog.event(settings.bytes, &mut self.stream, moment);
            binlog.next = moment.now + settings.every;
            acts.push(Act::Send(event));
            acts.push(Act::Wake(binlog.next));
        }
        acts
    }
}

/// Answers a text query.
fn run(query: &str, tables: &[PostgresTable]) -> Bytes {
    let trimmed = query.trim().trim_end_matches(';');
    let upper = trimmed.to_ascii_uppercase();
    if let Some(name) = table_name(trimmed, &upper) {
        let bodies = match tables.iter().find(|table| table.name == name) {
            Some(table) => select(table, limit(&upper)),
            None => vec![error(
                1146,
                "42S02",
                &format!("Table '{name}' doesn't exist"),
            )],
        };
        return packets(1, &bodies);
    }
    let bodies = match upper.split_whitespace().next() {
        Some("SELECT") => {
            let text = trimmed.get(6..).unwrap_or("").trim().trim_matches('\'');
            result_set("", &[text], [vec![text.as_bytes().to_vec()]])
        }
        Some("INSERT" | "UPDATE" | "DELETE" | "BEGIN" | "COMMIT" | "ROLLBACK" | "SET") => {
            vec![ok()]
        }
        _ => vec![error(1064, "42000", "You have an error in your SQL syntax")],
    };
    packets(1, &bodies)
}

fn select(table: &PostgresTable, limit: Option<u32>) -> Vec<Vec<u8>> {
    let names: Vec<_> = table.columns.iter().map(|it| it.as_str()).collect();
    let rows = limit.map_or(table.rows, |limit| limit.min(table.rows));
    let row = |row| {
        let columns = names.iter();
        columns
            .map(|column| value(column, row, table.value_bytes))
            .collect()
    };
    result_set(&table.name, &names, (1..=rows).map(row))
}

/// A text result set: count, columns, rows, each list with its end.
fn result_set(
    table: &str,
    names: &[&str],
    rows: impl IntoIterator<Item = Vec<Vec<u8>>>,
) -> Vec<Vec<u8>> {
    let mut bodies = vec![vec![names.len() as u8]];
    for name in names {
        bodies.push(column(table, name));
    }
    bodies.push(end_of_rows());
    for row in rows {
        let mut out = Vec::new();
        for value in row {
            put_text(&mut out, &value);
        }
        bodies.push(out);
    }
    bodies.push(end_of_rows());
    bodies
}

/// ColumnDefinition41 of a VARCHAR.
fn column(table: &str, name: &str) -> Vec<u8> {
    let mut out = Vec::new();
    let schema = if table.is_empty() { "" } else { "app" };
    for text in ["def", schema, table, table, name, name] {
        put_text(&mut out, text.as_bytes());
    }
    out.extend([0x0c, CHARSET, 0]);
    out.extend(1024_u32.to_le_bytes());
    // VAR_STRING, no flags, no decimals, filler.
    out.extend([0xfd, 0, 0, 0, 0, 0]);
    out
}

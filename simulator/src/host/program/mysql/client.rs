//! The client's side: a program with queries, and a replica.

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use wirelab_model::{SmolStr, Stream};

use super::{
    CHARSET, CLIENT_CAPABILITIES, COM_BINLOG_DUMP, COM_QUERY, COM_QUIT, COM_REGISTER_SLAVE,
    CONNECT_WITH_DB, PLUGIN, next_packet, packets,
};
use crate::host::program::tls::noise;
use crate::host::program::{Act, Done, Inbox};

/// Octets of a SHA-256 scramble.
const SCRAMBLE: usize = 32;
const ERROR: u8 = 0xff;
const END: u8 = 0xfe;
/// AuthMoreData.
const MORE: u8 = 0x01;
/// The identity of a replica.
const SERVER_ID: u32 = 2;

fn login(user: &str, database: Option<&str>, stream: &mut Stream) -> Act {
    let mut capabilities = CLIENT_CAPABILITIES;
    if database.is_none() {
        capabilities &= !CONNECT_WITH_DB;
    }
    let mut out = capabilities.to_le_bytes().to_vec();
    out.extend(0x0100_0000_u32.to_le_bytes());
    out.push(CHARSET);
    out.extend([0; 23]);
    out.extend(user.bytes());
    out.push(0);
    out.push(SCRAMBLE as u8);
    out.extend(noise(stream, SCRAMBLE));
    if let Some(database) = database {
        out.extend(database.bytes());
        out.push(0);
    }
    out.extend(PLUGIN.bytes());
    out.push(0);
    Act::Send(packets(1, &[out]))
}

fn command(kind: u8, body: &[u8]) -> Act {
    Act::Send(packets(0, &[[&[kind], body].concat()]))
}

/// `ERROR 1045 (28000): ...`, as the client prints it.
fn failure(body: &[u8]) -> SmolStr {
    let code = body
        .get(1..3)
        .map_or(0, |it| u16::from_le_bytes([it[0], it[1]]));
    let state = String::from_utf8_lossy(body.get(4..9).unwrap_or(&[]));
    let text = String::from_utf8_lossy(body.get(9..).unwrap_or(&[]));
    format!("ERROR {code} ({state}): {text}").into()
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Stage {
    /// Waits for the server's greeting.
    Greeting,
    Login,
    /// Waits for an answer, which has so many lists ended.
    Answer(u8),
    Idle,
    Streaming,
}

/// A client that asks one query an exchange.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct MysqlClient {
    user: SmolStr,
    database: SmolStr,
    query: SmolStr,
    keep: bool,
    stream: Stream,
    inbox: Inbox,
    stage: Stage,
}

impl MysqlClient {
    pub(crate) fn new(user: &str, database: &str, query: &str, keep: bool, stream: Stream) -> Self {
        Self {
            user: user.into(),
            database: database.into(),
            query: query.into(),
            keep,
            stream,
            inbox: Inbox::default(),
            stage: Stage::Greeting,
        }
    }

    pub(crate) fn start(&mut self, fresh: bool) -> Vec<Act> {
        if fresh {
            return Vec::new();
        }
        vec![self.ask()]
    }

    fn ask(&mut self) -> Act {
        self.stage = Stage::Answer(0);
        command(COM_QUERY, self.query.as_bytes())
    }

    pub(crate) fn on_data(&mut self, data: Vec<Bytes>) -> Vec<Act> {
        self.inbox.extend(data);
        let mut acts = Vec::new();
        while let Some((sequence, body)) = next_packet(&mut self.inbox) {
            self.on_packet(sequence, &body, &mut acts);
        }
        acts
    }

    fn on_packet(&mut self, sequence: u8, body: &[u8], acts: &mut Vec<Act>) {
        let kind = body.first().copied();
        if kind == Some(ERROR) && !matches!(self.stage, Stage::Idle) {
            self.stage = Stage::Idle;
            return acts.push(Act::Failed(failure(body)));
        }
        match self.stage {
            Stage::Greeting => {
                self.stage = Stage::Login;
                acts.push(login(&self.user, Some(&self.database), &mut self.stream));
            }
            Stage::Login if kind == Some(0) => acts.push(self.ask()),
            // The first packet of an answer without rows is OK.
            Stage::Answer(0) if kind == Some(0) && sequence == 1 => self.complete(acts),
            Stage::Answer(ended) if kind == Some(END) && body.len() < 9 => {
                self.stage = Stage::Answer(ended + 1);
                if ended == 1 {
                    self.complete(acts);
                }
            }
            _ => {}
        }
    }

    fn complete(&mut self, acts: &mut Vec<Act>) {
        self.stage = Stage::Idle;
        acts.push(Act::Done(Done {
            status: None,
            last: !self.keep,
        }));
    }

    /// `COM_QUIT`, unless an answer is still to come.
    pub(crate) fn farewell(&self) -> Option<Bytes> {
        (self.stage == Stage::Idle).then(|| packets(0, &[vec![COM_QUIT]]))
    }
}

/// A replica: registers, asks for the binary log, and takes what comes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct MysqlReplica {
    user: SmolStr,
    stream: Stream,
    inbox: Inbox,
    stage: Stage,
    /// What it asks before it registers, as MySQL 8.0's replicas do.
    asked: usize,
}

/// Settings that a replica makes at its source.
const SETTINGS: [&str; 2] = [
    "SET @master_heartbeat_period= 30000001024, @source_heartbeat_period= 30000001024",
    "SET @source_binlog_checksum= @@global.binlog_checksum",
];

impl MysqlReplica {
    pub(crate) fn new(user: &str, stream: Stream) -> Self {
        Self {
            user: user.into(),
            stream,
            inbox: Inbox::default(),
            stage: Stage::Greeting,
            asked: 0,
        }
    }

    pub(crate) fn on_data(&mut self, data: Vec<Bytes>) -> Vec<Act> {
        self.inbox.extend(data);
        let mut acts = Vec::new();
        while let Some((_, body)) = next_packet(&mut self.inbox) {
            self.on_packet(&body, &mut acts);
        }
        acts
    }

    fn on_packet(&mut self, body: &[u8], acts: &mut Vec<Act>) {
        if body.first() == Some(&ERROR) {
            return acts.push(Act::Failed(failure(body)));
        }
        match self.stage {
            Stage::Greeting => {
                self.stage = Stage::Login;
                acts.push(login(&self.user, None, &mut self.stream));
            }
            Stage::Login if body.first() == Some(&MORE) => {}
            Stage::Login => acts.push(self.prepare()),
            Stage::Streaming if body.get(5) != Some(&4) => acts.push(Act::Done(Done::default())),
            _ => {}
        }
    }

    /// The next step towards the log.
    fn prepare(&mut self) -> Act {
        let step = self.asked;
        self.asked += 1;
        if let Some(setting) = SETTINGS.get(step) {
            return command(COM_QUERY, setting.as_bytes());
        }
        let mut body = Vec::new();
        if step == SETTINGS.len() {
            body.extend(SERVER_ID.to_le_bytes());
            // Host name, user, password: not reported.
            body.extend([0; 3]);
            body.extend(3306_u16.to_le_bytes());
            // Rank and source, of no meaning.
            body.extend([0; 8]);
            return command(COM_REGISTER_SLAVE, &body);
        }
        self.stage = Stage::Streaming;
        body.extend(157_u32.to_le_bytes());
        body.extend([0, 0]);
        body.extend(SERVER_ID.to_le_bytes());
        body.extend(b"binlog.000002");
        command(COM_BINLOG_DUMP, &body)
    }
}

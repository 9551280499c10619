//! What runs on machines: servers, and the clients of traffic programs and commands.
//!
//! A [`Server`] or a [`Client`] is one side of one connection, sans-IO: it gets the octets that
//! arrived and answers with [`Act`]s. `runner` drives the clients of [`super::TrafficSpec`]s.

pub(crate) mod date;
pub(crate) mod http;
pub(crate) mod postgres;
pub(crate) mod runner;
pub(crate) mod text;

use std::collections::VecDeque;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use wirelab_model::{SimTime, UnixTime};

use super::spec::ServerSpec;
use super::traffic::TrafficProgram;

/// What a program wants done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Act {
    /// One `send()`.
    Send(Bytes),
    /// `close()`.
    Close,
    /// Call again at this time.
    Wake(SimTime),
    /// The exchange is complete.
    Done(Done),
}

/// How an exchange ended, from the program's view.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Done {
    /// HTTP status.
    pub(crate) status: Option<u16>,
    /// The server will close, or the protocol was broken: the connection cannot be used again.
    pub(crate) last: bool,
}

/// What a program knows at a call.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moment {
    pub(crate) now: SimTime,
    pub(crate) starts: UnixTime,
}

/// The server's side of a connection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Server {
    Http(http::HttpServer),
    Postgres(postgres::PostgresServer),
    Echo,
    Discard,
}

impl Server {
    /// A session of the server at `index` among the machine's.
    pub(crate) fn new(index: usize, spec: &ServerSpec, number: u64) -> Self {
        match spec {
            ServerSpec::Http { .. } => Self::Http(http::HttpServer::new(index)),
            ServerSpec::Postgres { .. } => {
                Self::Postgres(postgres::PostgresServer::new(index, number))
            }
            ServerSpec::Echo { .. } => Self::Echo,
            ServerSpec::Discard { .. } => Self::Discard,
        }
    }

    /// Octets have arrived.
    pub(crate) fn on_data(
        &mut self,
        specs: &[ServerSpec],
        data: Vec<Bytes>,
        moment: Moment,
    ) -> Vec<Act> {
        match self {
            Self::Http(server) => server.on_data(specs, data, moment),
            Self::Postgres(server) => server.on_data(specs, data, moment),
            Self::Echo => data.into_iter().map(Act::Send).collect(),
            Self::Discard => Vec::new(),
        }
    }

    /// A time asked for by [`Act::Wake`] has come.
    pub(crate) fn on_wake(&mut self, specs: &[ServerSpec], moment: Moment) -> Vec<Act> {
        match self {
            Self::Http(server) => server.on_wake(specs, moment),
            Self::Postgres(server) => server.on_wake(specs, moment),
            Self::Echo | Self::Discard => Vec::new(),
        }
    }
}

/// The client's side of a connection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Client {
    Http(http::HttpClient),
    Postgres(postgres::PostgresClient),
    Replication(postgres::ReplicationClient),
    Echo { bytes: u32, left: u32 },
    Connect,
}

impl Client {
    /// The client of a traffic program that uses TCP.
    pub(crate) fn new(program: &TrafficProgram, host: &str) -> Option<Self> {
        Some(match program {
            TrafficProgram::Http {
                method,
                path,
                body_bytes,
                keep_alive,
                user_agent,
            } => Self::Http(http::HttpClient::new(http::Ask {
                method: method.to_string(),
                path: path.to_string(),
                host: host.to_owned(),
                user_agent: user_agent.to_string(),
                body_bytes: *body_bytes,
                headers: Vec::new(),
                close: !keep_alive,
            })),
            TrafficProgram::Postgres {
                user,
                database,
                query,
                keep_alive,
            } => Self::Postgres(postgres::PostgresClient::new(
                user,
                database,
                query,
                *keep_alive,
            )),
            TrafficProgram::PostgresReplication { user, slot } => {
                Self::Replication(postgres::ReplicationClient::new(user, slot))
            }
            TrafficProgram::Echo { bytes, .. } => Self::Echo {
                bytes: *bytes,
                left: 0,
            },
            TrafficProgram::Connect => Self::Connect,
            TrafficProgram::Ping { .. } | TrafficProgram::Udp { .. } => return None,
        })
    }

    /// A new exchange starts; `fresh` if the connection has just been opened.
    pub(crate) fn start(&mut self, fresh: bool, moment: Moment) -> Vec<Act> {
        match self {
            Self::Http(client) => client.start(),
            Self::Postgres(client) => client.start(fresh),
            Self::Replication(client) => client.start(fresh, moment),
            Self::Echo { bytes, left } => {
                *left = *bytes;
                vec![Act::Send(text::prose(*bytes))]
            }
            Self::Connect => vec![Act::Done(Done {
                last: true,
                ..Done::default()
            })],
        }
    }

    /// Octets have arrived.
    pub(crate) fn on_data(&mut self, data: Vec<Bytes>, moment: Moment) -> Vec<Act> {
        match self {
            Self::Http(client) => client.on_data(data),
            Self::Postgres(client) => client.on_data(data),
            Self::Replication(client) => client.on_data(data, moment),
            Self::Echo { left, .. } => {
                let got: usize = data.iter().map(Bytes::len).sum();
                *left = left.saturating_sub(got as u32);
                if *left == 0 {
                    vec![Act::Done(Done::default())]
                } else {
                    Vec::new()
                }
            }
            Self::Connect => Vec::new(),
        }
    }

    /// A time asked for by [`Act::Wake`] has come.
    pub(crate) fn on_wake(&mut self, moment: Moment) -> Vec<Act> {
        match self {
            Self::Replication(client) => client.on_wake(moment),
            _ => Vec::new(),
        }
    }

    /// The connection is over in good order; whether that completes the exchange.
    pub(crate) fn on_end(&mut self) -> Option<Done> {
        match self {
            Self::Http(client) => client.on_end(),
            _ => None,
        }
    }
}

/// Octets that have arrived and are not understood yet.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Inbox {
    chunks: VecDeque<Bytes>,
    len: usize,
}

impl Inbox {
    pub(crate) fn extend(&mut self, data: Vec<Bytes>) {
        for chunk in data {
            self.len += chunk.len();
            self.chunks.push_back(chunk);
        }
    }

    pub(crate) const fn len(&self) -> usize {
        self.len
    }

    /// The first `len` octets, joined, still in the box.
    pub(crate) fn peek(&self, len: usize) -> Vec<u8> {
        let mut octets = Vec::with_capacity(len.min(self.len));
        for chunk in &self.chunks {
            let left = len - octets.len();
            octets.extend_from_slice(&chunk[..chunk.len().min(left)]);
        }
        octets
    }

    /// Drops the first `len` octets; fewer if there are fewer. Returns how many.
    pub(crate) fn skip(&mut self, len: usize) -> usize {
        let mut left = len.min(self.len);
        let skipped = left;
        self.len -= left;
        while left > 0 {
            let Some(front) = self.chunks.front_mut() else {
                break;
            };
            if front.len() <= left {
                left -= front.len();
                self.chunks.pop_front();
            } else {
                let _ = front.split_to(left);
                left = 0;
            }
        }
        skipped
    }

    pub(crate) fn take(&mut self, len: usize) -> Vec<u8> {
        let taken = self.peek(len);
        self.skip(len);
        taken
    }
}

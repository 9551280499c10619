//! What runs on machines: servers, and the clients of traffic programs and commands.
//!
//! A [`Server`] or a [`Client`] is one side of one connection, sans-IO: it gets the octets that
//! arrived and answers with [`Act`]s. `runner` drives the clients of [`super::TrafficSpec`]s.

mod bulk;
mod client;
pub(crate) mod date;
pub(crate) mod http;
mod imds;
pub(crate) mod mysql;
pub(crate) mod nameserver;
pub(crate) mod ntp;
pub(crate) mod octets;
pub(crate) mod postgres;
pub(crate) mod runner;
mod server;
mod ssh;
mod table;
pub(crate) mod text;
pub(crate) mod tls;

use std::collections::VecDeque;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;
use wirelab_model::{SimTime, UnixTime};

pub(crate) use client::Client;
pub(crate) use server::{Arrival, Server};

/// What a program wants done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Act {
    /// One `send()`.
    Send(Bytes),
    /// `close()`.
    Close,
    /// `close()` with octets unread, which resets the connection.
    Abort,
    /// Call again at this time.
    Wake(SimTime),
    /// A query of the DNS for the world to answer.
    Ask(Bytes),
    /// The exchange is complete.
    Done(Done),
    /// The exchange has failed for this reason, and the connection is of no use.
    Failed(SmolStr),
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

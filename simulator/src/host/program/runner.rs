//! Traffic programs: one exchange after the other, each with its end reported.

use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use wirelab_model::{SimDuration, SimTime};

use super::Client;
use crate::host::drive::Scan;
use crate::host::stack::SocketId;
use crate::host::traffic::{ClientTuple, TrafficProgram, TrafficSpec};

/// Shortest pause before a program that lost its connection at once tries again.
const RECONNECT_PAUSE: SimDuration = SimDuration::from_millis(10);

/// A traffic program at work.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Runner {
    pub(crate) spec: TrafficSpec,
    /// Whom it talks to: as it was told, or as DNS said last.
    pub(crate) to: IpAddr,
    /// Number of the exchange that runs or comes next.
    pub(crate) exchange: u64,
    /// Start of the exchange that runs.
    pub(crate) running: Option<SimTime>,
    /// When the next exchange starts, or the running one has taken too long.
    pub(crate) alarm: Option<SimTime>,
    pub(crate) client: Option<Client>,
    pub(crate) socket: Option<SocketId>,
    /// The handshake is complete and the client has started.
    pub(crate) talking: bool,
    pub(crate) tuple: Option<ClientTuple>,
    pub(crate) received: u64,
    /// Identifier of pings, port of UDP.
    pub(crate) handle: u16,
    /// Exchanges that used the present connection.
    pub(crate) uses: u64,
    /// Connections made so far.
    pub(crate) made: u64,
    /// The datagram that waits for its answer.
    pub(crate) query: Bytes,
    /// The connections of a pool that rest, the one that has rested longest first.
    pub(crate) parked: VecDeque<Parked>,
    pub(crate) scan: Option<Box<Scan>>,
}

/// A connection of a pool that rests.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Parked {
    pub(crate) client: Option<Client>,
    pub(crate) socket: SocketId,
    pub(crate) tuple: Option<ClientTuple>,
    pub(crate) uses: u64,
    pub(crate) since: SimTime,
}

impl Runner {
    pub(crate) fn new(spec: TrafficSpec, now: SimTime) -> Self {
        let first = spec.first_at.max(now);
        Self {
            to: spec.to,
            spec,
            exchange: 0,
            running: None,
            alarm: Some(first),
            client: None,
            socket: None,
            talking: false,
            tuple: None,
            received: 0,
            handle: 0,
            uses: 0,
            made: 0,
            query: Bytes::new(),
            parked: VecDeque::new(),
            scan: None,
        }
    }

    pub(crate) fn remote(&self) -> SocketAddr {
        SocketAddr::new(self.to, self.spec.port)
    }

    /// Whether a connection outlives its exchange.
    pub(crate) const fn keeps_connection(&self) -> bool {
        self.spec.program.keeps_connection()
    }

    /// Whether the next exchange begins by itself, without waiting for `every`.
    pub(crate) const fn is_stream(&self) -> bool {
        matches!(
            self.spec.program.inside(),
            TrafficProgram::PostgresReplication { .. } | TrafficProgram::MysqlReplication { .. }
        )
    }

    /// The exchange that started at `started` is over: when is the next?
    pub(crate) fn plan_next(&mut self, started: SimTime, now: SimTime, completed: bool) {
        self.exchange += 1;
        self.running = None;
        if self.spec.count.is_some_and(|count| self.exchange >= count) {
            self.alarm = None;
            return;
        }
        let planned = if self.is_stream() && completed {
            now
        } else {
            (started + self.spec.every).max(now)
        };
        let earliest = if completed {
            now
        } else {
            now + RECONNECT_PAUSE
        };
        self.alarm = Some(planned.max(earliest));
    }
}

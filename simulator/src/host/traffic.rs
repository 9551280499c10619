//! Programs that talk by themselves, and what becomes of their exchanges.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;
use wirelab_model::{SimDuration, SimTime};
use wirelab_wire::Unreachable;

/// A client program on a machine that makes one exchange after the other.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrafficSpec {
    /// Name, unique in the world.
    pub name: SmolStr,
    /// The machine it runs on.
    pub from: SmolStr,
    /// Whom it talks to; of no meaning if that is a name.
    pub to: IpAddr,
    /// Whom it talks to, by name: looked up before each exchange that needs an address.
    pub to_name: Option<SmolStr>,
    /// Port there; of no meaning for ping.
    pub port: u16,
    /// What it says.
    pub program: TrafficProgram,
    /// From the start of one exchange to the start of the next; at once if that one lasted longer.
    pub every: SimDuration,
    /// Start of the first exchange.
    pub first_at: SimTime,
    /// Longest time an exchange may take before the program gives up and closes.
    pub timeout: SimDuration,
    /// How many exchanges; without end if none.
    pub count: Option<u64>,
}

/// What a client program says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum TrafficProgram {
    /// HTTP/1.1 requests.
    Http {
        /// `GET`, `POST`, ...
        method: SmolStr,
        /// Path with query string.
        path: SmolStr,
        /// Octets of request body.
        body_bytes: u32,
        /// Keep one connection for all exchanges; a new one is opened when it is lost.
        keep_alive: bool,
        /// `User-Agent`.
        user_agent: SmolStr,
    },
    /// A PostgreSQL session.
    Postgres {
        /// User.
        user: SmolStr,
        /// Database.
        database: SmolStr,
        /// The query of each exchange.
        query: SmolStr,
        /// Keep one connection for all exchanges, as a pool does.
        keep_alive: bool,
    },
    /// A PostgreSQL standby: one long-lived connection; each piece of WAL that arrives completes an
    /// exchange, and `timeout` without one is `wal_receiver_timeout`.
    PostgresReplication {
        /// Replication role.
        user: SmolStr,
        /// Replication slot.
        slot: SmolStr,
    },
    /// One message, which must come back, on a kept connection to an echo server.
    Echo {
        /// Octets of each message.
        bytes: u32,
        /// Keep one connection for all exchanges.
        keep_alive: bool,
    },
    /// Opens a connection and closes it: a health check.
    Connect,
    /// An ICMP echo.
    Ping {
        /// Octets of ICMP payload.
        size: u16,
        /// Set DF and refuse what exceeds the path MTU, as `ping -M do`.
        dont_fragment: bool,
    },
    /// One UDP datagram; an answer completes the exchange.
    Udp {
        /// Octets of the datagram.
        bytes: u32,
    },
}

/// How an exchange ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Outcome {
    /// As it should.
    Completed,
    /// No answer in time, or the kernel gave up (`ETIMEDOUT`).
    TimedOut,
    /// `ECONNREFUSED`.
    Refused,
    /// `ECONNRESET`, or closed by the peer before the answer was whole.
    Reset,
    /// An ICMP error ended it: `EHOSTUNREACH`, `ENETUNREACH`.
    Unreachable(Unreachable),
    /// No route to send it by, or too long to send (`ENETUNREACH`, `EMSGSIZE`): the error's text.
    Failed(SmolStr),
}

/// Addresses and ports of one exchange, seen from the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ClientTuple {
    /// The client's address as its machine knows it.
    pub local: IpAddr,
    /// The client's port.
    pub local_port: u16,
    /// The server's address.
    pub remote: IpAddr,
    /// The server's port.
    pub remote_port: u16,
    /// IANA protocol number.
    pub protocol: u8,
}

/// The end of one exchange.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrafficEvent {
    /// [`TrafficSpec::name`].
    pub traffic: SmolStr,
    /// Number of the exchange, from 0.
    pub exchange: u64,
    /// When it started.
    pub started: SimTime,
    /// When it ended.
    pub at: SimTime,
    /// How it ended.
    pub outcome: Outcome,
    /// Its connection, if it got as far as choosing a port.
    pub connection: Option<ClientTuple>,
    /// An established connection was lost: it was used before or the handshake had completed, and
    /// the exchange did not complete.
    pub cut: bool,
    /// Octets of payload received in it.
    pub bytes_received: u64,
    /// HTTP status, if it got one.
    pub status: Option<u16>,
}

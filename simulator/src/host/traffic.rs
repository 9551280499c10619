//! Programs that talk by themselves, and what becomes of their exchanges.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;
use wirelab_model::{SimDuration, SimTime};
use wirelab_wire::Unreachable;

use super::program::tls::TlsClientSpec;

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
    /// Whether it binds its address before it connects, as proxies do that say from which address:
    /// Linux then gives it any port, where else the ports to one end ascend.
    pub bind: bool,
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
    /// What is said inside TLS.
    Tls {
        /// Versions, name, trust.
        tls: TlsClientSpec,
        /// What is said inside.
        inside: Box<Self>,
    },
    /// A program that keeps several connections and uses the one that has rested longest; until
    /// there are `size`, each exchange opens a new one.
    Pool {
        /// What is said on each.
        inside: Box<Self>,
        /// How many connections.
        size: u16,
        /// A connection that has rested for so long is closed before it would be used again.
        idle: Option<SimDuration>,
        /// Set `SO_KEEPALIVE` on each, with the machine's `tcp_keepalive` settings.
        tcp_keepalive: bool,
    },
    /// A MySQL session.
    Mysql {
        /// User.
        user: SmolStr,
        /// Database.
        database: SmolStr,
        /// The query of each exchange.
        query: SmolStr,
        /// Keep one connection for all exchanges.
        keep_alive: bool,
    },
    /// A MySQL replica: one long-lived connection; each event that arrives completes an exchange,
    /// and `timeout` without one is `replica_net_timeout`.
    MysqlReplication {
        /// Replication user.
        user: SmolStr,
    },
    /// OpenSSH's client: logs in with a key, runs one command, leaves.
    Ssh {
        /// User.
        user: SmolStr,
    },
    /// One question to an NTP server.
    Ntp,
    /// One question to a name server; over TCP again if the answer was cut.
    Dns {
        /// Whose records are asked for.
        name: SmolStr,
        /// `A`, `AAAA`, `CNAME`, ...
        kind: SmolStr,
    },
    /// A read from the instance metadata service.
    Imds {
        /// 1, or 2: with a session token.
        version: u8,
        /// `/latest/meta-data/...`
        path: SmolStr,
        /// From a container behind one more hop.
        container: bool,
    },
    /// A transfer from or to a [`super::ServerSpec::Bulk`].
    Bulk {
        /// Octets.
        bytes: u64,
        /// To the server.
        upload: bool,
        /// Bits a second at most; as fast as TCP allows if none.
        rate: Option<u64>,
    },
    /// A load balancer's health check.
    HealthCheck {
        /// What is asked for by HTTP; none: whether the port opens.
        path: Option<SmolStr>,
    },
    /// A port scan as nmap does it, the whole of it an exchange.
    Scan {
        /// Ports, each range with both ends.
        ports: Vec<(u16, u16)>,
        /// `-sT` with whole connections; `-sS` with SYNs of its own otherwise.
        connect: bool,
    },
}

impl TrafficProgram {
    /// What is said, without TLS and pool around it.
    #[must_use]
    pub const fn inside(&self) -> &Self {
        match self {
            Self::Tls { inside, .. } | Self::Pool { inside, .. } => inside.inside(),
            plain => plain,
        }
    }

    /// Whether there is TLS around it.
    #[must_use]
    pub const fn is_secure(&self) -> bool {
        match self {
            Self::Tls { .. } => true,
            Self::Pool { inside, .. } => inside.is_secure(),
            _ => false,
        }
    }

    /// Whether an exchange begins with a datagram.
    pub(crate) const fn is_datagram(&self) -> bool {
        matches!(self, Self::Udp { .. } | Self::Ntp | Self::Dns { .. })
    }

    /// Whether a connection outlives its exchange.
    pub(crate) const fn keeps_connection(&self) -> bool {
        match self.inside() {
            Self::Http { keep_alive, .. }
            | Self::Postgres { keep_alive, .. }
            | Self::Mysql { keep_alive, .. }
            | Self::Echo { keep_alive, .. } => *keep_alive,
            Self::PostgresReplication { .. } | Self::MysqlReplication { .. } => true,
            _ => false,
        }
    }

    /// Whether its sockets have `SO_KEEPALIVE`.
    pub(crate) const fn keeps_alive(&self) -> bool {
        matches!(
            self,
            Self::Pool {
                tcp_keepalive: true,
                ..
            }
        )
    }

    pub(crate) const fn in_container(&self) -> bool {
        matches!(
            self.inside(),
            Self::Imds {
                container: true,
                ..
            }
        )
    }
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

//! The server's side of a connection.

use std::net::IpAddr;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use wirelab_model::Stream;

use super::bulk::BulkServer;
use super::http::HttpServer;
use super::mysql::MysqlServer;
use super::nameserver::NameSession;
use super::postgres::PostgresServer;
use super::ssh::SshServer;
use super::tls::wrap::Secured;
use super::{Act, Moment};
use crate::host::spec::ServerSpec;

/// The server's side of a connection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Server {
    Http(HttpServer),
    Postgres(PostgresServer),
    Mysql(Box<MysqlServer>),
    Ssh(Box<SshServer>),
    Dns(NameSession),
    Bulk(BulkServer),
    Tls(Box<Secured>),
    Echo,
    Discard,
}

/// A connection that has just been accepted.
pub(crate) struct Arrival {
    /// How many there were on this machine before.
    pub(crate) number: u64,
    /// What the session draws.
    pub(crate) stream: Stream,
    /// Who comes.
    pub(crate) peer: IpAddr,
    /// What the machine's own keys are drawn from: the same for every connection.
    pub(crate) identity: Stream,
}

impl Server {
    /// A session of the server at `index` among the machine's.
    pub(crate) fn new(index: usize, spec: &ServerSpec, arrival: Arrival) -> Self {
        let Arrival {
            number,
            stream,
            peer,
            identity,
        } = arrival;
        match spec {
            ServerSpec::Http { .. } => Self::Http(HttpServer::new(index)),
            ServerSpec::Python { .. } => Self::Http(HttpServer::new(index)),
            ServerSpec::CallersAddress { .. } => Self::Http(HttpServer::telling(index, peer)),
            ServerSpec::Postgres { .. } => Self::Postgres(PostgresServer::new(index, number)),
            ServerSpec::Mysql { .. } => {
                Self::Mysql(Box::new(MysqlServer::new(index, number, stream)))
            }
            ServerSpec::Ssh { .. } => Self::Ssh(Box::new(SshServer::new(index, stream, identity))),
            ServerSpec::Dns { .. } | ServerSpec::Resolver { .. } => {
                Self::Dns(NameSession::new(index))
            }
            ServerSpec::Bulk { .. } => Self::Bulk(BulkServer::default()),
            ServerSpec::Tls { inside, .. } => {
                let arrival = Arrival {
                    number,
                    stream: stream.clone(),
                    peer,
                    identity,
                };
                let inside = Self::new(index, inside, arrival);
                Self::Tls(Box::new(Secured::new(index, inside, peer, stream)))
            }
            ServerSpec::Echo { .. } => Self::Echo,
            ServerSpec::Discard { .. } | ServerSpec::Ntp => Self::Discard,
        }
    }

    /// The connection has just been accepted.
    pub(crate) fn on_open(&mut self) -> Vec<Act> {
        match self {
            Self::Mysql(server) => server.greet(),
            Self::Ssh(server) => server.greet(),
            _ => Vec::new(),
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
            Self::Mysql(server) => server.on_data(specs, data, moment),
            Self::Ssh(server) => server.on_data(specs, data),
            Self::Dns(server) => server.on_data(specs, data),
            Self::Bulk(server) => server.on_data(data, moment),
            Self::Tls(server) => server.on_data(specs, data, moment),
            Self::Echo => data.into_iter().map(Act::Send).collect(),
            Self::Discard => Vec::new(),
        }
    }

    /// Whether it sends for ever, so that it ends when the other side does.
    pub(crate) fn streams(&self) -> bool {
        match self {
            Self::Postgres(server) => server.streams(),
            Self::Mysql(server) => server.streams(),
            Self::Tls(server) => server.streams(),
            _ => false,
        }
    }

    /// A time asked for by [`Act::Wake`] has come.
    pub(crate) fn on_wake(&mut self, specs: &[ServerSpec], moment: Moment) -> Vec<Act> {
        match self {
            Self::Http(server) => server.on_wake(specs, moment),
            Self::Postgres(server) => server.on_wake(specs, moment),
            Self::Mysql(server) => server.on_wake(specs, moment),
            Self::Bulk(server) => server.on_wake(moment),
            Self::Tls(server) => server.on_wake(specs, moment),
            Self::Ssh(_) | Self::Dns(_) | Self::Echo | Self::Discard => Vec::new(),
        }
    }
}

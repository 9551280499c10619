//! The client's side of a connection.

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use wirelab_model::Stream;

use super::bulk::BulkClient;
use super::http::{Ask, HttpClient};
use super::imds::ImdsClient;
use super::mysql::{MysqlClient, MysqlReplica};
use super::nameserver::DnsClient;
use super::postgres::{PostgresClient, ReplicationClient};
use super::ssh::SshClient;
use super::tls::wrap::SecuredClient;
use super::{Act, Done, Moment, text};
use crate::host::traffic::TrafficProgram;

/// The client's side of a connection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Client {
    Http(HttpClient),
    Postgres(PostgresClient),
    Replication(ReplicationClient),
    Mysql(Box<MysqlClient>),
    MysqlReplica(Box<MysqlReplica>),
    Ssh(Box<SshClient>),
    Dns(DnsClient),
    Imds(ImdsClient),
    Bulk(BulkClient),
    Tls(Box<SecuredClient>),
    Echo { bytes: u32, left: u32 },
    Connect,
}

impl Client {
    /// The client of a traffic program that uses TCP. What it draws comes from `stream`.
    pub(crate) fn new(program: &TrafficProgram, host: &str, stream: Stream) -> Option<Self> {
        Some(match program {
            TrafficProgram::Http {
                method,
                path,
                body_bytes,
                keep_alive,
                user_agent,
            } => Self::Http(HttpClient::new(Ask {
                method: method.to_string(),
                path: path.to_string(),
                host: host.to_owned(),
                user_agent: user_agent.to_string(),
                body_bytes: *body_bytes,
                headers: Vec::new(),
                close: !keep_alive,
            })),
            TrafficProgram::HealthCheck { path: Some(path) } => {
                Self::Http(health_check(path, host))
            }
            TrafficProgram::Postgres {
                user,
                database,
                query,
                keep_alive,
            } => Self::Postgres(PostgresClient::new(user, database, query, *keep_alive)),
            TrafficProgram::PostgresReplication { user, slot } => {
                Self::Replication(ReplicationClient::new(user, slot))
            }
            TrafficProgram::Mysql {
                user,
                database,
                query,
                keep_alive,
            } => {
                let client = MysqlClient::new(user, database, query, *keep_alive, stream);
                Self::Mysql(Box::new(client))
            }
            TrafficProgram::MysqlReplication { user } => {
                Self::MysqlReplica(Box::new(MysqlReplica::new(user, stream)))
            }
            TrafficProgram::Ssh { user } => Self::Ssh(Box::new(SshClient::new(user, stream))),
            TrafficProgram::Dns { name, kind } => Self::Dns(DnsClient::new(name, kind, stream)),
            TrafficProgram::Imds { version, path, .. } => {
                Self::Imds(ImdsClient::new(*version, path))
            }
            TrafficProgram::Bulk {
                bytes,
                upload,
                rate,
            } => Self::Bulk(BulkClient::new(host, *bytes, *upload, *rate)),
            TrafficProgram::Tls { tls, inside } => {
                let inside = Self::new(inside, host, stream.clone())?;
                Self::Tls(Box::new(SecuredClient::new(tls.clone(), inside, stream)))
            }
            TrafficProgram::Pool { inside, .. } => Self::new(inside, host, stream)?,
            TrafficProgram::Echo { bytes, .. } => Self::Echo {
                bytes: *bytes,
                left: 0,
            },
            TrafficProgram::Connect | TrafficProgram::HealthCheck { path: None } => Self::Connect,
            TrafficProgram::Ping { .. }
            | TrafficProgram::Udp { .. }
            | TrafficProgram::Ntp
            | TrafficProgram::Scan { .. } => return None,
        })
    }

    /// A new exchange starts; `fresh` if the connection has just been opened.
    pub(crate) fn start(&mut self, fresh: bool, moment: Moment) -> Vec<Act> {
        match self {
            Self::Http(client) => client.start(),
            Self::Postgres(client) => client.start(fresh),
            Self::Replication(client) => client.start(fresh, moment),
            Self::Mysql(client) => client.start(fresh),
            Self::MysqlReplica(_) => Vec::new(),
            Self::Ssh(client) => client.start(),
            Self::Dns(client) => client.start_tcp(),
            Self::Imds(client) => client.start(),
            Self::Bulk(client) => client.start(moment),
            Self::Tls(client) => client.start(fresh, moment),
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
            Self::Mysql(client) => client.on_data(data),
            Self::MysqlReplica(client) => client.on_data(data),
            Self::Ssh(client) => client.on_data(data),
            Self::Dns(client) => client.on_data(data),
            Self::Imds(client) => client.on_data(data),
            Self::Bulk(client) => client.on_data(data),
            Self::Tls(client) => client.on_data(data, moment),
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
            Self::Bulk(client) => client.on_wake(moment),
            Self::Tls(client) => client.on_wake(moment),
            _ => Vec::new(),
        }
    }

    /// The connection is over in good order; whether that completes the exchange.
    pub(crate) fn on_end(&mut self) -> Option<Done> {
        match self {
            Self::Http(client) => client.on_end(),
            Self::Tls(client) => client.on_end(),
            _ => None,
        }
    }

    /// What is to be sent before the connection is closed.
    pub(crate) fn farewell(&mut self) -> Option<Bytes> {
        match self {
            Self::Tls(client) => client.farewell(),
            Self::Mysql(client) => client.farewell(),
            _ => None,
        }
    }
}

/// The health check of an Application Load Balancer. `Host` is the target's address with the port
/// (Elastic Load Balancing guide, "Health checks for Application Load Balancer target groups").
fn health_check(path: &str, host: &str) -> HttpClient {
    let host = if host.contains(':') {
        host.to_owned()
    } else {
        format!("{host}:80")
    };
    let head = format!(
        "GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\
         User-Agent: ELB-HealthChecker/2.0\r\nAccept-Encoding: gzip, compressed\r\n\r\n"
    );
    let ask = Ask {
        method: "GET".to_owned(),
        path: path.to_owned(),
        host,
        user_agent: String::new(),
        body_bytes: 0,
        headers: Vec::new(),
        close: true,
    };
    HttpClient::new(ask).with_head(head)
}

//! Listening servers: a session for each connection.

use std::net::SocketAddr;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use wirelab_model::{SimTime, Stream};

use super::output::Output;
use super::program::{Act, Arrival, Server, nameserver, ntp};
use super::question::{Question, Way};
use super::spec::ServerSpec;
use super::stack::SocketId;
use super::tcp::Connection;
use super::{Host, Owner, Waker};

/// An NTP server of one's own follows the Amazon Time Sync Service.
const NTP_SOURCE: ntp::Source = ntp::Source {
    stratum: 4,
    reference: [169, 254, 169, 123],
};

/// A server's side of one connection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Session {
    server: Server,
    /// Answers still to come when the peer closed.
    wakes: u32,
    ended: bool,
}

impl Host {
    /// A connection to a listening port.
    pub(super) fn on_accept(&mut self, now: SimTime, socket: SocketId, port: u16) {
        if self.on_caller_accept(now, socket, port) {
            return;
        }
        let Some(index) = self.server_index(port) else {
            return;
        };
        let number = self.sessions_made;
        let drawn = format!("host/{}/session/{number}", self.spec.name);
        let stream = Stream::new(self.config.seed.traffic, &drawn);
        let own = format!("host/{}/identity", self.spec.name);
        let Some(connection) = self.stack.connection(socket) else {
            return;
        };
        let arrival = Arrival {
            number,
            stream,
            peer: connection.ends.remote.ip(),
            identity: Stream::new(self.config.seed.traffic, &own),
        };
        let mut server = Server::new(index, &self.spec.servers[index], arrival);
        self.sessions_made += 1;
        let acts = server.on_open();
        self.owners.insert(socket, Owner::Server);
        let session = Session {
            server,
            wakes: 0,
            ended: false,
        };
        self.sessions.insert(socket, session);
        if self.spec.servers[index].is_chatty() {
            self.stack
                .with(now, socket, |connection, _| connection.set_no_delay());
        }
        if self.spec.servers[index].keeps_alive() {
            let keepalive = self.spec.settings.keepalive();
            self.stack.with(now, socket, |connection, cx| {
                connection.set_keepalive(keepalive, cx.now);
            });
        }
        self.apply_session(now, socket, acts);
    }

    /// Starts a server; `false` if somebody listens at its port.
    pub(crate) fn serve(&mut self, server: ServerSpec) -> bool {
        let port = server.port();
        let (tcp, udp) = server.transports();
        let shares = |(its_tcp, its_udp): (bool, bool)| tcp && its_tcp || udp && its_udp;
        let mut others = self.spec.servers.iter();
        if others.any(|it| it.port() == port && shares(it.transports())) {
            return false;
        }
        if tcp {
            self.stack.listen(port);
        }
        if udp {
            self.stack.bind_udp(port);
        }
        self.spec.servers.push(server);
        true
    }

    fn server_index(&self, port: u16) -> Option<usize> {
        let same = |server: &ServerSpec| server.port() == port && server.transports().0;
        self.spec.servers.iter().position(same)
    }

    /// Something happened on a server's connection.
    pub(super) fn on_session_touched(&mut self, now: SimTime, socket: SocketId) {
        let data = self.stack.with(now, socket, Connection::receive);
        let moment = self.moment(now);
        if let Some(data) = data.filter(|data| !data.is_empty())
            && let Some(session) = self.sessions.get_mut(&socket)
        {
            let acts = session.server.on_data(&self.spec.servers, data, moment);
            self.apply_session(now, socket, acts);
        }
        let Some(connection) = self.stack.connection(socket) else {
            self.end_session(now, socket);
            return;
        };
        if connection.is_finished() {
            self.end_session(now, socket);
        } else if connection.at_end()
            && let Some(session) = self.sessions.get_mut(&socket)
        {
            session.ended = true;
            if session.wakes == 0 || session.server.streams() {
                self.end_session(now, socket);
            }
        }
    }

    /// A pause of a server is over.
    pub(super) fn on_session_wake(&mut self, now: SimTime, socket: SocketId) {
        let moment = self.moment(now);
        let Some(session) = self.sessions.get_mut(&socket) else {
            return;
        };
        session.wakes = session.wakes.saturating_sub(1);
        let acts = session.server.on_wake(&self.spec.servers, moment);
        self.apply_session(now, socket, acts);
        let over = |session: &Session| session.ended && session.wakes == 0;
        if self.sessions.get(&socket).is_some_and(over) {
            self.end_session(now, socket);
        }
    }

    pub(super) fn apply_session(&mut self, now: SimTime, socket: SocketId, acts: Vec<Act>) {
        for act in acts {
            match act {
                Act::Send(data) => {
                    self.stack.with(now, socket, |connection, cx| {
                        connection.send(data, cx);
                    });
                }
                Act::Close => self.end_session(now, socket),
                Act::Abort => {
                    self.stack.with(now, socket, Connection::abort);
                    self.end_session(now, socket);
                }
                Act::Wake(at) => {
                    self.wakes.insert((at, Waker::Session(socket)));
                    if let Some(session) = self.sessions.get_mut(&socket) {
                        session.wakes += 1;
                    }
                }
                Act::Ask(octets) => {
                    let way = Way::Tcp(socket);
                    self.questions.push(Question { octets, way });
                }
                Act::Done(_) | Act::Failed(_) => {}
            }
        }
    }

    pub(super) fn end_session(&mut self, now: SimTime, socket: SocketId) {
        self.sessions.remove(&socket);
        self.owners.remove(&socket);
        self.stack.close(now, socket);
    }

    /// A UDP datagram for a bound port: a server's, or an answer to a program.
    pub(super) fn on_datagram(
        &mut self,
        now: SimTime,
        port: u16,
        from: SocketAddr,
        payload: Bytes,
        out: &mut Output,
    ) {
        if self.on_lookup_datagram(now, port, from, &payload)
            || self.on_exec_datagram(now, port, &payload, out)
            || self.on_caller_datagram(port, from, &payload)
        {
            return;
        }
        let bound = |server: &&ServerSpec| server.port() == port && server.transports().1;
        let Some(server) = self.spec.servers.iter().find(bound) else {
            return self.on_traffic_datagram(now, port, from, &payload, out);
        };
        let answer = match server {
            ServerSpec::Ntp => ntp::answer(&payload, NTP_SOURCE, self.config.starts.at(now)),
            ServerSpec::Dns { .. } => nameserver::answer(server, &payload, true),
            ServerSpec::Resolver { .. } => {
                let way = Way::Udp { port, from };
                let octets = payload;
                return self.questions.push(Question { octets, way });
            }
            _ => Some(payload),
        };
        if let Some(answer) = answer {
            self.stack.send_udp(now, port, from, answer);
        }
    }
}

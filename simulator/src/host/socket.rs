//! Sockets for a program that the caller plays: what `socket(2)` and its companions do.
//!
//! The simulator's own programs have no need of it. Whoever wants to see what a kernel makes of a
//! write of so many octets at such a time drives a machine through these calls.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use wirelab_model::{SimDuration, SimTime};
use wirelab_wire::protocol;

use super::icmp::{ErrorKind, Heard};
use super::output::Output;
use super::stack::{SocketId, SocketOptions};
use super::tcp::{Connection, Keepalive, SocketError};
use super::{Host, Owner};

/// Options of a socket, set before `connect()`; those of a listening socket are inherited.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SocketSettings {
    /// `TCP_NODELAY`.
    pub no_delay: bool,
    /// `SO_KEEPALIVE` with `TCP_KEEPIDLE`, `TCP_KEEPINTVL` and `TCP_KEEPCNT`.
    pub keepalive: Option<(SimDuration, SimDuration, u8)>,
    /// `SO_RCVBUF` in octets; the kernel doubles it.
    pub receive_buffer: Option<u32>,
    /// The source port of `bind()`, with `SO_REUSEADDR`.
    pub local_port: Option<u16>,
}

impl SocketSettings {
    fn options(&self) -> SocketOptions {
        SocketOptions {
            bridged: false,
            no_delay: self.no_delay,
            keepalive: self.keepalive.map(|(time, interval, probes)| Keepalive {
                time,
                interval,
                probes,
            }),
            receive_buffer: self.receive_buffer,
            binds: false,
            local_port: self.local_port,
            local_address: None,
        }
    }
}

/// What `poll(2)` and `getsockopt(SO_ERROR)` tell of a connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SocketView {
    /// The handshake has completed at some time.
    pub established: bool,
    /// Octets in order that were not read.
    pub unread: u32,
    /// The peer has sent FIN and everything before it was read.
    pub at_end: bool,
    /// Nothing more will happen.
    pub finished: bool,
    /// Why it ended, if not by FIN.
    pub error: Option<SocketError>,
}

/// What belongs to the caller.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Sockets {
    /// Connections to listening ports that were not accepted yet, and what is set for them.
    listening: BTreeMap<u16, (SocketSettings, VecDeque<SocketId>)>,
    datagrams: BTreeMap<u16, Datagrams>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Datagrams {
    inbox: VecDeque<(SocketAddr, Bytes)>,
    connected: Option<SocketAddr>,
    error: Option<SocketError>,
}

impl Host {
    /// `connect()`; the SYN leaves at once.
    ///
    /// # Errors
    /// [`SocketError::NetUnreachable`] without a route, [`SocketError::TimedOut`] without a free
    /// port.
    pub fn socket_connect(
        &mut self,
        now: SimTime,
        remote: SocketAddr,
        settings: &SocketSettings,
        out: &mut Output,
    ) -> Result<SocketId, SocketError> {
        let socket = self.stack.connect(now, remote, settings.options())?;
        self.owners.insert(socket, Owner::Caller);
        self.settle(now, out);
        Ok(socket)
    }

    /// `listen()` on every address; `backlog` limits how many connections wait for `accept()`.
    pub fn socket_listen(&mut self, port: u16, backlog: u32, settings: &SocketSettings) {
        self.stack
            .listen_with(port, backlog, settings.receive_buffer);
        self.caller
            .listening
            .insert(port, (*settings, VecDeque::new()));
    }

    /// `accept()`: the connection that has waited longest.
    pub fn socket_accept(&mut self, port: u16) -> Option<SocketId> {
        let (_, waiting) = self.caller.listening.get_mut(&port)?;
        let socket = waiting.pop_front()?;
        self.stack.accept_one(port);
        Some(socket)
    }

    /// A connection to a port that the caller listens on.
    pub(super) fn on_caller_accept(&mut self, now: SimTime, socket: SocketId, port: u16) -> bool {
        let Some((settings, waiting)) = self.caller.listening.get_mut(&port) else {
            return false;
        };
        waiting.push_back(socket);
        self.stack.queue_for_accept(port);
        let options = settings.options();
        self.owners.insert(socket, Owner::Caller);
        self.stack.with(now, socket, |connection, cx| {
            if options.no_delay {
                connection.set_no_delay();
            }
            if let Some(keepalive) = options.keepalive {
                connection.set_keepalive(keepalive, cx.now);
            }
        });
        true
    }

    /// `send()` of one buffer; what does not fit the send buffer waits.
    pub fn socket_send(&mut self, now: SimTime, socket: SocketId, data: Bytes, out: &mut Output) {
        self.on_socket(now, socket, out, |connection, cx| connection.send(data, cx));
    }

    /// `recv()` until it would block.
    pub fn socket_receive(
        &mut self,
        now: SimTime,
        socket: SocketId,
        out: &mut Output,
    ) -> Vec<Bytes> {
        self.on_socket(now, socket, out, Connection::receive)
            .unwrap_or_default()
    }

    /// `shutdown(SHUT_WR)`.
    pub fn socket_shutdown(&mut self, now: SimTime, socket: SocketId, out: &mut Output) {
        self.on_socket(now, socket, out, Connection::shutdown);
    }

    /// `close()`; with `SO_LINGER` 0 (`reset`) the connection is reset.
    pub fn socket_close(&mut self, now: SimTime, socket: SocketId, reset: bool, out: &mut Output) {
        self.owners.remove(&socket);
        if reset {
            self.stack.with(now, socket, Connection::abort);
        }
        self.stack.close(now, socket);
        self.settle(now, out);
    }

    /// How a connection stands; `finished` of one that is closed and forgotten.
    #[must_use]
    pub fn socket_view(&self, socket: SocketId) -> SocketView {
        let Some(connection) = self.stack.connection(socket) else {
            return SocketView {
                finished: true,
                ..SocketView::default()
            };
        };
        SocketView {
            established: connection.was_established(),
            unread: connection.queues().0,
            at_end: connection.at_end(),
            finished: connection.is_finished(),
            error: connection.error,
        }
    }

    /// Both ends of a connection: its own, the peer's.
    #[must_use]
    pub fn socket_ends(&self, socket: SocketId) -> Option<(SocketAddr, SocketAddr)> {
        let ends = self.stack.connection(socket)?.ends;
        Some((ends.local, ends.remote))
    }

    fn on_socket<R>(
        &mut self,
        now: SimTime,
        socket: SocketId,
        out: &mut Output,
        act: impl FnOnce(&mut Connection, &mut super::tcp::Context<'_>) -> R,
    ) -> Option<R> {
        let result = self.stack.with(now, socket, act);
        self.settle(now, out);
        result
    }

    /// A UDP socket bound to `port`, or to a free one for a socket connected to `remote`.
    pub fn datagram_open(&mut self, port: u16, remote: Option<SocketAddr>) -> Option<u16> {
        let port = match (port, remote) {
            (0, Some(remote)) => {
                self.stack.resolve(remote.ip())?;
                self.stack.udp_port()?
            }
            (port, _) => port,
        };
        match remote {
            Some(_) => self.stack.connect_udp(port),
            None => self.stack.bind_udp(port),
        }
        let socket = Datagrams {
            connected: remote,
            ..Datagrams::default()
        };
        self.caller.datagrams.insert(port, socket);
        Some(port)
    }

    /// `sendto()`; a connected socket tells an error that came since the last call, and does not
    /// send.
    ///
    /// # Errors
    /// The error that an ICMP message brought.
    pub fn datagram_send(
        &mut self,
        now: SimTime,
        port: u16,
        to: SocketAddr,
        payload: Bytes,
        out: &mut Output,
    ) -> Result<(), SocketError> {
        if let Some(error) = self.datagram_error(port) {
            return Err(error);
        }
        self.stack.send_udp(now, port, to, payload);
        self.settle(now, out);
        Ok(())
    }

    /// `SO_ERROR` of a UDP socket, which is reset by asking.
    pub fn datagram_error(&mut self, port: u16) -> Option<SocketError> {
        self.caller.datagrams.get_mut(&port)?.error.take()
    }

    /// `recvfrom()`.
    pub fn datagram_receive(&mut self, port: u16) -> Option<(SocketAddr, Bytes)> {
        self.caller.datagrams.get_mut(&port)?.inbox.pop_front()
    }

    /// A datagram for a port of the caller's.
    pub(super) fn on_caller_datagram(
        &mut self,
        port: u16,
        from: SocketAddr,
        payload: &Bytes,
    ) -> bool {
        let Some(socket) = self.caller.datagrams.get_mut(&port) else {
            return false;
        };
        if socket.connected.is_none_or(|peer| peer == from) {
            socket.inbox.push_back((from, payload.clone()));
        }
        true
    }

    /// An ICMP error about a datagram of a connected socket (`udp_err`).
    pub(super) fn on_caller_icmp(&mut self, heard: &Heard) {
        let Heard::Error { what, about, .. } = heard else {
            return;
        };
        let Some((own, peer)) = about.ports.filter(|_| about.protocol == protocol::UDP) else {
            return;
        };
        let error = match what {
            ErrorKind::Unreachable(code) => {
                super::icmp::error_of(*code, about.destination.is_ipv4())
            }
            ErrorKind::TimeExceeded(_) => Some(SocketError::HostUnreachable),
        };
        if let Some(socket) = self.caller.datagrams.get_mut(&own)
            && socket.connected == Some(SocketAddr::new(about.destination, peer))
        {
            socket.error = error.or(socket.error);
        }
    }
}

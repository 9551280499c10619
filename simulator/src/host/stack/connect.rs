//! `connect()`: its options, and why it fails at once.

use std::net::{IpAddr, SocketAddr};

use wirelab_model::SimTime;

use super::output::is_martian;
use super::{SocketId, Stack};
use crate::host::route::RouteError;
use crate::host::tcp::{Connection, Context, Ends, Keepalive, SocketError};

impl Stack {
    /// `connect()`. The options are set before the SYN leaves.
    ///
    /// # Errors
    /// No packet was sent: see [`ConnectError`].
    pub(crate) fn connect(
        &mut self,
        now: SimTime,
        remote: SocketAddr,
        options: SocketOptions,
    ) -> Result<SocketId, ConnectError> {
        // Nowhere is this machine itself (`ip_route_connect`).
        let remote = match remote.ip() {
            IpAddr::V4(it) if it.is_unspecified() => {
                SocketAddr::new(std::net::Ipv4Addr::LOCALHOST.into(), remote.port())
            }
            IpAddr::V6(it) if it.is_unspecified() => {
                SocketAddr::new(std::net::Ipv6Addr::LOCALHOST.into(), remote.port())
            }
            _ => remote,
        };
        let no_route = ConnectError::NoRoute(self.routes.error(remote.ip()));
        let resolved = self.resolve(remote.ip()).ok_or(no_route)?;
        let source = options.local_address.unwrap_or(resolved.source);
        if is_martian(source, &resolved) {
            return Err(ConnectError::NoRoute(RouteError::Invalid));
        }
        let port = options
            .local_port
            .or_else(|| match options.binds {
                true => self.bound_port(),
                false => self.tcp_port(remote, source),
            })
            .ok_or(ConnectError::NoPort)?;
        if options.bridged {
            self.bridged.insert(port);
        } else {
            self.bridged.remove(&port);
        }
        let ends = Ends {
            local: SocketAddr::new(source, port),
            remote,
        };
        let path = self.path(remote.ip(), now).ok_or(no_route)?;
        let draws = self.draw(now, ends);
        let mut config = self.tcp.clone();
        config.keepalive = options.keepalive;
        config.receive_buffer = options.receive_buffer;
        let mut packets = Vec::new();
        let mut cx = Context {
            now,
            path,
            out: &mut packets,
        };
        let mut connection = Connection::connect(ends, config, draws, &mut cx);
        if options.no_delay {
            connection.set_no_delay();
        }
        let id = self.insert(connection);
        self.transmit_all(now, packets);
        Ok(id)
    }
}

/// Why `connect()` fails at once, before any packet is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ConnectError {
    /// There is no route, or one that says no.
    NoRoute(RouteError),
    /// `EADDRNOTAVAIL`: every port of `ip_local_port_range` is in use towards that end.
    NoPort,
}

impl From<ConnectError> for SocketError {
    /// For programs that tell no more apart than how a connection ends.
    fn from(error: ConnectError) -> Self {
        match error {
            ConnectError::NoRoute(RouteError::Host) => Self::HostUnreachable,
            ConnectError::NoRoute(_) => Self::NetUnreachable,
            ConnectError::NoPort => Self::TimedOut,
        }
    }
}

/// Options of a socket, set before `connect()`.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct SocketOptions {
    /// The program is in a container.
    pub(crate) bridged: bool,
    pub(crate) no_delay: bool,
    pub(crate) keepalive: Option<Keepalive>,
    /// `SO_RCVBUF` in octets.
    pub(crate) receive_buffer: Option<u32>,
    /// `bind()` before `connect()`, to no port: the kernel chooses one of another kind.
    pub(crate) binds: bool,
    /// `bind()` before `connect()`: to a port, to an address of this machine.
    pub(crate) local_port: Option<u16>,
    pub(crate) local_address: Option<IpAddr>,
}

//! The key that names a flow: addresses, ports, protocol.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::net::{IpAddr, SocketAddr};

use serde::{Deserialize, Serialize};

/// Addresses, ports and protocol of a packet, as its header has them.
///
/// Ports are 0 where the protocol has none (ICMP: flow logs print it so) and in fragments after the
/// first. What tells two pings apart is [`crate::IpPacket::echo_identifier`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct FiveTuple {
    /// Source address.
    pub source: IpAddr,
    /// Destination address.
    pub destination: IpAddr,
    /// Source port, or 0.
    pub source_port: u16,
    /// Destination port, or 0.
    pub destination_port: u16,
    /// IANA protocol number.
    pub protocol: u8,
}

/// In few words: flows are looked up for every packet.
impl Hash for FiveTuple {
    #[inline]
    fn hash<H: Hasher>(&self, state: &mut H) {
        match (self.source, self.destination) {
            (IpAddr::V4(source), IpAddr::V4(destination)) => {
                let ends = [u32::from(source), u32::from(destination)].map(u64::from);
                state.write_u64(ends[0] << 32 | ends[1]);
            }
            (source, destination) => (source, destination).hash(state),
        }
        let ports = [self.source_port, self.destination_port].map(u64::from);
        state.write_u64(ports[0] << 32 | ports[1] << 16 | u64::from(self.protocol));
    }
}

impl FiveTuple {
    /// The tuple between two end points.
    #[must_use]
    pub const fn new(source: SocketAddr, destination: SocketAddr, protocol: u8) -> Self {
        Self {
            source: source.ip(),
            destination: destination.ip(),
            source_port: source.port(),
            destination_port: destination.port(),
            protocol,
        }
    }

    /// The tuple of the answers.
    #[must_use]
    pub const fn reversed(self) -> Self {
        Self {
            source: self.destination,
            destination: self.source,
            source_port: self.destination_port,
            destination_port: self.source_port,
            protocol: self.protocol,
        }
    }

    /// The same value for both directions: the smaller end point first.
    #[must_use]
    pub fn canonical(self) -> Self {
        let reversed = self.reversed();
        if (self.source, self.source_port) <= (reversed.source, reversed.source_port) {
            self
        } else {
            reversed
        }
    }

    /// Source address and port.
    #[must_use]
    pub const fn source_endpoint(self) -> SocketAddr {
        SocketAddr::new(self.source, self.source_port)
    }

    /// Destination address and port.
    #[must_use]
    pub const fn destination_endpoint(self) -> SocketAddr {
        SocketAddr::new(self.destination, self.destination_port)
    }
}

/// `tcp 10.0.1.5:40000 -> 10.0.2.10:443`; without ports where there are none.
impl fmt::Display for FiveTuple {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.protocol {
            1 => f.write_str("icmp ")?,
            6 => f.write_str("tcp ")?,
            17 => f.write_str("udp ")?,
            58 => f.write_str("icmpv6 ")?,
            number => write!(f, "protocol {number} ")?,
        }
        if matches!(self.protocol, 6 | 17) {
            write!(
                f,
                "{} -> {}",
                self.source_endpoint(),
                self.destination_endpoint()
            )
        } else {
            write!(f, "{} -> {}", self.source, self.destination)
        }
    }
}

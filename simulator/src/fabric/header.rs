//! The fields of a packet that rules look at, read once a walk.

use std::hash::{Hash, Hasher};
use std::net::IpAddr;

use rustc_hash::FxHasher;
use serde::{Deserialize, Serialize};
use wirelab_model::{FlowDirection, IpProtocol};
use wirelab_wire::{FiveTuple, IpPacket, QuotedPacket, TcpFlags, Transport, protocol};

/// What security groups, network ACLs, trackers and NAT match on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Header {
    pub(crate) source: IpAddr,
    pub(crate) destination: IpAddr,
    pub(crate) protocol: u8,
    /// 0 where there are none.
    pub(crate) source_port: u16,
    pub(crate) destination_port: u16,
    /// Type and code; of no meaning unless the protocol is ICMP or ICMPv6.
    pub(crate) icmp: (u8, u8),
    /// Echo identifier, if this is an echo request or reply.
    pub(crate) echo: Option<u16>,
    pub(crate) tcp_flags: Option<TcpFlags>,
    /// A fragment that holds no transport header.
    pub(crate) later_fragment: bool,
}

impl Header {
    pub(crate) fn of(packet: &IpPacket) -> Self {
        let mut header = Self {
            source: packet.source(),
            destination: packet.destination(),
            protocol: packet.protocol(),
            source_port: 0,
            destination_port: 0,
            icmp: (0, 0),
            echo: None,
            tcp_flags: None,
            later_fragment: packet.header.is_later_fragment(),
        };
        match &packet.transport {
            Transport::Tcp(segment) => {
                header.source_port = segment.source_port;
                header.destination_port = segment.destination_port;
                header.tcp_flags = Some(segment.flags);
            }
            Transport::Udp(datagram) => {
                header.source_port = datagram.source_port;
                header.destination_port = datagram.destination_port;
            }
            Transport::Icmp(_) | Transport::Icmpv6(_) => {
                header.icmp = packet.icmp_type_code().unwrap_or_default();
                header.echo = packet.echo_identifier();
            }
            Transport::Other { .. } if packet.is_fragment() && !header.later_fragment => {
                header.read_first_fragment(packet);
            }
            Transport::Other { .. } => {}
        }
        header
    }

    /// A first fragment carries its transport header as octets.
    fn read_first_fragment(&mut self, packet: &IpPacket) {
        let Ok(read) = QuotedPacket::parse(&packet.to_bytes()) else {
            return;
        };
        (self.source_port, self.destination_port) = read.ports.unwrap_or_default();
        self.icmp = read.icmp_type_code.unwrap_or_default();
        self.echo = read.echo_identifier;
        self.tcp_flags = read.tcp_flags;
    }

    /// The header of a packet in the other direction of the flow.
    pub(crate) const fn mirrored(&self) -> Self {
        Self {
            source: self.destination,
            destination: self.source,
            source_port: self.destination_port,
            destination_port: self.source_port,
            ..*self
        }
    }

    /// Whether this is ICMP of either version.
    pub(crate) const fn is_icmp(&self) -> bool {
        matches!(self.protocol, protocol::ICMP | protocol::ICMPV6)
    }

    /// An ICMP query: a message that asks for an answer, and not the answer.
    pub(crate) const fn is_icmp_query(&self) -> bool {
        matches!(
            (self.protocol, self.icmp.0),
            (protocol::ICMP, 8 | 13 | 15 | 17) | (protocol::ICMPV6, 128)
        )
    }

    /// The answer to an ICMP query. Errors are neither.
    pub(crate) const fn is_icmp_answer(&self) -> bool {
        matches!(
            (self.protocol, self.icmp.0),
            (protocol::ICMP, 0 | 14 | 16 | 18) | (protocol::ICMPV6, 129)
        )
    }

    /// A SYN that opens a connection.
    pub(crate) fn opens_tcp(&self) -> bool {
        self.has(TcpFlags::SYN) && !self.has(TcpFlags::ACK)
    }

    /// Whether a TCP flag is set.
    pub(crate) fn has(&self, flag: TcpFlags) -> bool {
        self.tcp_flags.is_some_and(|flags| flags.contains(flag))
    }

    /// A number that the packets of a flow have in common, in one direction: what equal routes
    /// choose by.
    pub(crate) fn flow_hash(&self) -> u64 {
        let mut hasher = FxHasher::default();
        hasher.write_u8(self.protocol);
        for (address, port) in self.ends() {
            hasher.write_u64(hash_of(address, port));
        }
        hasher.finish()
    }

    /// As [`Self::flow_hash`], in both directions.
    pub(crate) fn connection_hash(&self) -> u64 {
        let ends = self.ends().map(|(address, port)| hash_of(address, port));
        ends[0].wrapping_add(ends[1])
    }

    const fn ends(&self) -> [(IpAddr, u16); 2] {
        [
            (self.source, self.source_port),
            (self.destination, self.destination_port),
        ]
    }

    /// The flow as the interface's side sees it.
    pub(crate) fn flow(&self, direction: FlowDirection) -> FlowKey {
        let (source_port, destination_port) = match self.echo {
            Some(identifier) => (identifier, identifier),
            None => (self.source_port, self.destination_port),
        };
        let egress = FlowKey {
            local: self.source,
            remote: self.destination,
            local_port: source_port,
            remote_port: destination_port,
            protocol: self.protocol,
        };
        match direction {
            FlowDirection::Egress => egress,
            FlowDirection::Ingress => egress.mirrored(),
        }
    }
}

fn hash_of(address: IpAddr, port: u16) -> u64 {
    let mut hasher = FxHasher::default();
    match address {
        IpAddr::V4(it) => hasher.write_u32(it.into()),
        IpAddr::V6(it) => hasher.write_u128(it.into()),
    }
    hasher.write_u16(port);
    hasher.finish()
}

/// A flow seen from one of its ends. Pings have their identifier in place of both ports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct FlowKey {
    pub(crate) local: IpAddr,
    pub(crate) remote: IpAddr,
    pub(crate) local_port: u16,
    pub(crate) remote_port: u16,
    pub(crate) protocol: u8,
}

impl Hash for FlowKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let tuple = FiveTuple {
            source: self.local,
            destination: self.remote,
            source_port: self.local_port,
            destination_port: self.remote_port,
            protocol: self.protocol,
        };
        tuple.hash(state);
    }
}

impl FlowKey {
    pub(crate) const fn mirrored(self) -> Self {
        Self {
            local: self.remote,
            remote: self.local,
            local_port: self.remote_port,
            remote_port: self.local_port,
            protocol: self.protocol,
        }
    }

    /// The header of a packet of the flow that its owner sends.
    pub(crate) const fn header(&self) -> Header {
        Header {
            source: self.local,
            destination: self.remote,
            protocol: self.protocol,
            source_port: self.local_port,
            destination_port: self.remote_port,
            icmp: (0, 0),
            echo: None,
            tcp_flags: None,
            later_fragment: false,
        }
    }

    /// The flow of a quoted packet, seen from its sender.
    pub(crate) fn of_quoted(quoted: &QuotedPacket) -> Self {
        let (local_port, remote_port) = match quoted.echo_identifier {
            Some(identifier) => (identifier, identifier),
            None => quoted.ports.unwrap_or_default(),
        };
        Self {
            local: quoted.header.source,
            remote: quoted.header.destination,
            local_port,
            remote_port,
            protocol: quoted.protocol,
        }
    }
}

/// The protocol number of a rule; `None` for all.
pub(crate) const fn number(protocol: IpProtocol) -> Option<u8> {
    match protocol {
        IpProtocol::All => None,
        IpProtocol::Number(number) => Some(number),
    }
}

//! What engines ask of a packet, answered from the value without building bytes.

use std::net::IpAddr;

use bytes::Bytes;

use crate::{
    EcnCodepoint, FiveTuple, IcmpMessage, Icmpv6Message, IpHeader, IpPacket, IpVersionFields,
    Ipv6Fragment, TcpFlags, TcpOption, TcpSegment, Transport, UdpDatagram, protocol,
};

/// Octets of an IPv4 header; this product sends no IPv4 options.
const IPV4_HEADER_LEN: usize = 20;
/// Octets of an IPv6 header.
pub(crate) const IPV6_HEADER_LEN: usize = 40;
/// Octets of IPv6's fragment header.
pub(crate) const FRAGMENT_HEADER_LEN: usize = 8;
/// Octets of the ICMP and ICMPv6 header that every type has.
const ICMP_HEADER_LEN: usize = 8;
/// Octets of a UDP header.
const UDP_HEADER_LEN: usize = 8;
/// Octets of a TCP header without options.
const TCP_HEADER_LEN: usize = 20;

impl IpHeader {
    /// Octets of this header on the wire, with IPv6's fragment header.
    #[must_use]
    #[inline]
    pub const fn wire_len(&self) -> usize {
        match self.version {
            IpVersionFields::V4(_) => IPV4_HEADER_LEN,
            IpVersionFields::V6(fields) if fields.fragment.is_none() => IPV6_HEADER_LEN,
            IpVersionFields::V6(_) => IPV6_HEADER_LEN + FRAGMENT_HEADER_LEN,
        }
    }

    /// Whether this is an IPv4 header.
    #[must_use]
    pub const fn is_ipv4(&self) -> bool {
        matches!(self.version, IpVersionFields::V4(_))
    }

    /// DF; only its sender cuts an IPv6 packet, so always set there.
    #[must_use]
    pub const fn dont_fragment(&self) -> bool {
        match self.version {
            IpVersionFields::V4(fields) => fields.dont_fragment,
            IpVersionFields::V6(_) => true,
        }
    }

    /// Whether the packet is a fragment: more of them follow (MF), or its offset is not zero.
    #[must_use]
    #[inline]
    pub const fn is_fragment(&self) -> bool {
        self.more_fragments() || self.offset() != 0
    }

    /// Whether more fragments of the datagram follow this packet's data: MF, or IPv6's M flag.
    #[must_use]
    #[inline]
    pub const fn more_fragments(&self) -> bool {
        match (self.version, self.fragment_header()) {
            (IpVersionFields::V4(fields), _) => fields.more_fragments,
            (_, Some(fragment)) => fragment.more_fragments,
            (_, None) => false,
        }
    }

    /// IPv6's fragment header, if there is one.
    #[must_use]
    #[inline]
    pub const fn fragment_header(&self) -> Option<Ipv6Fragment> {
        match self.version {
            IpVersionFields::V4(_) => None,
            IpVersionFields::V6(fields) => fields.fragment,
        }
    }

    /// Whether the packet is a fragment that does not hold the transport header.
    #[must_use]
    #[inline]
    pub const fn is_later_fragment(&self) -> bool {
        self.offset() != 0
    }

    /// Where the data of a fragment begins in its datagram, in octets; 0 of a whole packet.
    #[must_use]
    pub const fn offset(&self) -> usize {
        let units = match (self.version, self.fragment_header()) {
            (IpVersionFields::V4(fields), _) => fields.fragment_offset,
            (_, Some(fragment)) => fragment.fragment_offset,
            (_, None) => 0,
        };
        units as usize * 8
    }

    /// What the fragments of a datagram have in common: IPv4's 16 bits, the 32 bits of IPv6's
    /// fragment header, 0 without one.
    #[must_use]
    pub const fn identification(&self) -> u32 {
        match (self.version, self.fragment_header()) {
            (IpVersionFields::V4(fields), _) => fields.identification as u32,
            (_, Some(fragment)) => fragment.identification,
            (_, None) => 0,
        }
    }

    /// The lower two bits of the traffic class.
    #[must_use]
    pub const fn ecn(&self) -> EcnCodepoint {
        match self.traffic_class & 3 {
            0 => EcnCodepoint::NotEct,
            1 => EcnCodepoint::Ect1,
            2 => EcnCodepoint::Ect0,
            _ => EcnCodepoint::Ce,
        }
    }
}

impl IpPacket {
    /// Source address.
    #[must_use]
    #[inline]
    pub const fn source(&self) -> IpAddr {
        self.header.source
    }

    /// Destination address.
    #[must_use]
    #[inline]
    pub const fn destination(&self) -> IpAddr {
        self.header.destination
    }

    /// Time to live, or hop limit.
    #[must_use]
    pub const fn ttl(&self) -> u8 {
        self.header.ttl
    }

    /// Takes one from the time to live, as a router does.
    ///
    /// Returns `false`, and leaves the packet as it is, if the packet must not be forwarded: it
    /// arrived with 1 or 0 (RFC 1812 section 5.3.1).
    #[must_use]
    pub const fn decrement_ttl(&mut self) -> bool {
        if self.header.ttl <= 1 {
            return false;
        }
        self.header.ttl -= 1;
        true
    }

    /// IANA protocol number: IPv4's protocol, IPv6's next header.
    #[must_use]
    #[inline]
    pub const fn protocol(&self) -> u8 {
        match &self.transport {
            Transport::Tcp(_) => protocol::TCP,
            Transport::Udp(_) => protocol::UDP,
            Transport::Icmp(_) => protocol::ICMP,
            Transport::Icmpv6(_) => protocol::ICMPV6,
            Transport::Other { protocol, .. } => *protocol,
        }
    }

    /// Octets of the whole packet on the wire, from the IP header on: what MTUs limit and flow logs
    /// count. Costs no serialisation.
    #[must_use]
    #[inline]
    pub fn total_len(&self) -> usize {
        self.header.wire_len() + self.transport.wire_len()
    }

    /// DF; always set for IPv6.
    #[must_use]
    pub const fn dont_fragment(&self) -> bool {
        self.header.dont_fragment()
    }

    /// Whether this is a fragment, first ones included.
    #[must_use]
    #[inline]
    pub const fn is_fragment(&self) -> bool {
        self.header.is_fragment()
    }

    /// The flow this packet belongs to, in its own direction.
    ///
    /// The first fragment of a TCP or UDP packet gives its ports, later ones give 0.
    #[must_use]
    #[inline]
    pub fn five_tuple(&self) -> FiveTuple {
        let (source_port, destination_port) = self.ports().unwrap_or((0, 0));
        FiveTuple {
            source: self.header.source,
            destination: self.header.destination,
            source_port,
            destination_port,
            protocol: self.protocol(),
        }
    }

    /// Source and destination port of TCP and UDP, where this packet holds them.
    #[must_use]
    #[inline]
    pub fn ports(&self) -> Option<(u16, u16)> {
        match &self.transport {
            Transport::Tcp(tcp) => Some((tcp.source_port, tcp.destination_port)),
            Transport::Udp(udp) => Some((udp.source_port, udp.destination_port)),
            Transport::Other {
                protocol: protocol::TCP | protocol::UDP,
                payload,
            } if !self.header.is_later_fragment() => match payload[..] {
                [a, b, c, d, ..] => Some((u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]))),
                _ => None,
            },
            _ => None,
        }
    }

    /// The identifier of an echo request or reply: what conntrack and NAT use in place of ports.
    #[must_use]
    pub const fn echo_identifier(&self) -> Option<u16> {
        match &self.transport {
            Transport::Icmp(
                IcmpMessage::EchoRequest { identifier, .. }
                | IcmpMessage::EchoReply { identifier, .. },
            )
            | Transport::Icmpv6(
                Icmpv6Message::EchoRequest { identifier, .. }
                | Icmpv6Message::EchoReply { identifier, .. },
            ) => Some(*identifier),
            _ => None,
        }
    }

    /// The packet that an ICMP or ICMPv6 error quotes; `None` for everything else.
    #[must_use]
    pub const fn quoted(&self) -> Option<&Bytes> {
        match &self.transport {
            Transport::Icmp(message) => message.quoted(),
            Transport::Icmpv6(message) => message.quoted(),
            _ => None,
        }
    }

    /// ICMP type and code, of either version.
    #[must_use]
    pub const fn icmp_type_code(&self) -> Option<(u8, u8)> {
        match &self.transport {
            Transport::Icmp(message) => Some(message.type_code()),
            Transport::Icmpv6(message) => Some(message.type_code()),
            _ => None,
        }
    }

    /// The TCP segment, if it is one.
    #[must_use]
    pub const fn as_tcp(&self) -> Option<&TcpSegment> {
        match &self.transport {
            Transport::Tcp(segment) => Some(segment),
            _ => None,
        }
    }

    /// The TCP segment, to be changed.
    #[must_use]
    pub const fn as_tcp_mut(&mut self) -> Option<&mut TcpSegment> {
        match &mut self.transport {
            Transport::Tcp(segment) => Some(segment),
            _ => None,
        }
    }

    /// The UDP datagram, if it is one.
    #[must_use]
    pub const fn as_udp(&self) -> Option<&UdpDatagram> {
        match &self.transport {
            Transport::Udp(datagram) => Some(datagram),
            _ => None,
        }
    }

    /// The ICMP message, if it is one.
    #[must_use]
    pub const fn as_icmp(&self) -> Option<&IcmpMessage> {
        match &self.transport {
            Transport::Icmp(message) => Some(message),
            _ => None,
        }
    }

    /// The ICMPv6 message, if it is one.
    #[must_use]
    pub const fn as_icmpv6(&self) -> Option<&Icmpv6Message> {
        match &self.transport {
            Transport::Icmpv6(message) => Some(message),
            _ => None,
        }
    }
}

impl Transport {
    /// Octets after the IP header.
    #[must_use]
    #[inline]
    pub fn wire_len(&self) -> usize {
        match self {
            Self::Tcp(segment) => segment.header_len() + segment.payload.len(),
            Self::Udp(datagram) => UDP_HEADER_LEN + datagram.payload.len(),
            Self::Icmp(message) => ICMP_HEADER_LEN + message.data().len(),
            Self::Icmpv6(message) => ICMP_HEADER_LEN + message.data().len(),
            Self::Other { payload, .. } => payload.len(),
        }
    }
}

impl TcpSegment {
    /// Octets of the header with its options, padded to a multiple of 4.
    #[must_use]
    #[inline]
    pub fn header_len(&self) -> usize {
        TCP_HEADER_LEN + self.options.as_bytes().len().next_multiple_of(4)
    }

    /// The sequence numbers that the segment takes: data, plus one each for SYN and FIN
    /// (RFC 9293 section 3.4).
    #[must_use]
    pub fn sequence_len(&self) -> u32 {
        let controls = u32::from(self.flags.contains(TcpFlags::SYN))
            + u32::from(self.flags.contains(TcpFlags::FIN));
        u32::try_from(self.payload.len()).expect("a payload is below 64 KiB") + controls
    }

    /// The maximum segment size option's value in octets.
    #[must_use]
    pub fn maximum_segment_size(&self) -> Option<u16> {
        self.options.maximum_segment_size()
    }

    /// Lowers the maximum segment size option to `limit` octets, as MSS clamping does.
    ///
    /// Returns whether it was changed; a segment without the option is left without.
    pub fn clamp_maximum_segment_size(&mut self, limit: u16) -> bool {
        self.options.clamp_maximum_segment_size(limit)
    }

    /// The window scale option's shift count, as it stands in the segment.
    #[must_use]
    pub fn window_scale(&self) -> Option<u8> {
        self.options.window_scale()
    }

    /// TSval and TSecr.
    #[must_use]
    #[inline]
    pub fn timestamps(&self) -> Option<(u32, u32)> {
        self.options.timestamps()
    }

    /// Whether the segment says that its sender takes SACK blocks.
    #[must_use]
    pub fn sack_permitted(&self) -> bool {
        self.options.sack_permitted()
    }

    /// The SACK blocks, most recent first; empty without the option.
    #[must_use]
    pub fn sack_blocks(&self) -> Vec<(u32, u32)> {
        self.options.sack_blocks()
    }
}

impl TcpOption {
    /// Octets of the option on the wire.
    #[must_use]
    pub fn wire_len(&self) -> usize {
        match self {
            Self::EndOfList | Self::Nop => 1,
            Self::SackPermitted => 2,
            Self::WindowScale(_) => 3,
            Self::MaximumSegmentSize(_) => 4,
            Self::Timestamps { .. } => 10,
            Self::Sack(blocks) => 2 + 8 * blocks.len(),
            Self::Unknown { data, .. } => 2 + data.len(),
        }
    }
}

impl IcmpMessage {
    /// Type and code (RFC 792).
    #[must_use]
    pub const fn type_code(&self) -> (u8, u8) {
        match self {
            Self::EchoRequest { .. } => (8, 0),
            Self::EchoReply { .. } => (0, 0),
            Self::DestinationUnreachable { code, .. } => (3, code.code()),
            Self::TimeExceeded { code, .. } => (11, *code),
            Self::Other {
                icmp_type, code, ..
            } => (*icmp_type, *code),
        }
    }

    /// What follows the 8 octets of header: echo data or the quoted packet.
    #[must_use]
    pub const fn data(&self) -> &Bytes {
        match self {
            Self::EchoRequest { payload, .. }
            | Self::EchoReply { payload, .. }
            | Self::Other { payload, .. } => payload,
            Self::DestinationUnreachable { quoted, .. } | Self::TimeExceeded { quoted, .. } => {
                quoted
            }
        }
    }

    /// The packet that an error quotes. Source quench (4), redirect (5) and parameter problem (12)
    /// quote one as well (RFC 1122 section 3.2.2).
    #[must_use]
    pub const fn quoted(&self) -> Option<&Bytes> {
        match self {
            Self::DestinationUnreachable { quoted, .. } | Self::TimeExceeded { quoted, .. } => {
                Some(quoted)
            }
            Self::Other {
                icmp_type: 4 | 5 | 12,
                payload,
                ..
            } => Some(payload),
            _ => None,
        }
    }

    /// Whether this is an error, about which no other error may be sent.
    #[must_use]
    pub const fn is_error(&self) -> bool {
        self.quoted().is_some()
    }
}

impl Icmpv6Message {
    /// Type and code (RFC 4443).
    #[must_use]
    pub const fn type_code(&self) -> (u8, u8) {
        match self {
            Self::DestinationUnreachable { code, .. } => (1, *code),
            Self::PacketTooBig { .. } => (2, 0),
            Self::TimeExceeded { code, .. } => (3, *code),
            Self::EchoRequest { .. } => (128, 0),
            Self::EchoReply { .. } => (129, 0),
            Self::Other {
                icmp_type, code, ..
            } => (*icmp_type, *code),
        }
    }

    /// What follows the 8 octets of header.
    #[must_use]
    pub const fn data(&self) -> &Bytes {
        match self {
            Self::EchoRequest { payload, .. }
            | Self::EchoReply { payload, .. }
            | Self::Other { payload, .. } => payload,
            Self::DestinationUnreachable { quoted, .. }
            | Self::PacketTooBig { quoted, .. }
            | Self::TimeExceeded { quoted, .. } => quoted,
        }
    }

    /// The packet that an error (type below 128) quotes.
    #[must_use]
    pub const fn quoted(&self) -> Option<&Bytes> {
        match self.type_code().0 {
            0..128 => Some(self.data()),
            _ => None,
        }
    }

    /// Whether this is an error, about which no other error may be sent.
    #[must_use]
    pub const fn is_error(&self) -> bool {
        self.quoted().is_some()
    }
}

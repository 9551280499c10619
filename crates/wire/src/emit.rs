//! From values to bytes: lengths and checksums are computed, everything else is as the value says.

use std::net::IpAddr;

use bytes::Bytes;
use etherparse::checksum::Sum16BitWords;

use crate::access::IPV6_HEADER_LEN;
use crate::{
    Frame, IcmpMessage, Icmpv6Message, IpHeader, IpPacket, IpVersionFields, Ipv4Fields, Ipv6Fields,
    TcpSegment, Transport, UdpDatagram, Unreachable, protocol,
};

/// EtherType of IPv4.
pub(crate) const ETHER_TYPE_IPV4: u16 = 0x0800;
/// EtherType of IPv6.
pub(crate) const ETHER_TYPE_IPV6: u16 = 0x86dd;
/// Octets of an Ethernet II header.
pub(crate) const ETHERNET_HEADER_LEN: usize = 14;

const ONE_VERSION: &str = "addresses and version fields of a header are of one IP version";

impl Frame {
    /// Octets of the frame as captured: Ethernet header and packet, no padding, no FCS.
    #[must_use]
    pub fn wire_len(&self) -> usize {
        ETHERNET_HEADER_LEN + self.packet.total_len()
    }

    /// The frame's bytes.
    ///
    /// # Panics
    /// As [`IpPacket::write_to`].
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.wire_len());
        self.write_to(&mut out);
        out
    }

    /// Appends the frame's bytes.
    ///
    /// # Panics
    /// As [`IpPacket::write_to`].
    pub fn write_to(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.destination.0);
        out.extend_from_slice(&self.source.0);
        let ether_type = match self.packet.header.version {
            IpVersionFields::V4(_) => ETHER_TYPE_IPV4,
            IpVersionFields::V6(_) => ETHER_TYPE_IPV6,
        };
        out.extend_from_slice(&ether_type.to_be_bytes());
        self.packet.write_to(out);
    }
}

impl IpPacket {
    /// The packet's bytes.
    ///
    /// # Panics
    /// As [`Self::write_to`].
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.total_len());
        self.write_to(&mut out);
        out
    }

    /// Appends the packet's bytes, lengths and checksums valid.
    ///
    /// # Panics
    /// If the value is no packet: longer than its length field can say, addresses of another IP
    /// version than the header's.
    pub fn write_to(&self, out: &mut Vec<u8>) {
        out.reserve(self.total_len());
        let length = self.transport.wire_len();
        let pseudo_header = match self.header.version {
            IpVersionFields::V4(fields) => {
                write_ipv4(&self.header, fields, self.protocol(), length, out)
            }
            IpVersionFields::V6(fields) => {
                write_ipv6(&self.header, fields, self.protocol(), length, out)
            }
        };
        match &self.transport {
            Transport::Tcp(segment) => write_tcp(segment, pseudo_header, out),
            Transport::Udp(datagram) => write_udp(datagram, pseudo_header, out),
            Transport::Icmp(message) => write_icmp(message, out),
            Transport::Icmpv6(message) => write_icmpv6(message, pseudo_header, out),
            Transport::Other { payload, .. } => out.extend_from_slice(payload),
        }
    }
}

/// Writes the header; returns the sum of the pseudo-header (RFC 9293 section 3.1).
fn write_ipv4(
    header: &IpHeader,
    fields: Ipv4Fields,
    protocol: u8,
    length: usize,
    out: &mut Vec<u8>,
) -> Sum16BitWords {
    let (IpAddr::V4(source), IpAddr::V4(destination)) = (header.source, header.destination) else {
        panic!("{ONE_VERSION}");
    };
    let start = out.len();
    let fragment = u16::from(fields.dont_fragment) << 14
        | u16::from(fields.more_fragments) << 13
        | fields.fragment_offset & 0x1fff;
    out.extend_from_slice(&[0x45, header.traffic_class]);
    out.extend_from_slice(&length_field(header.wire_len() + length));
    out.extend_from_slice(&fields.identification.to_be_bytes());
    out.extend_from_slice(&fragment.to_be_bytes());
    out.extend_from_slice(&[header.ttl, protocol, 0, 0]);
    out.extend_from_slice(&source.octets());
    out.extend_from_slice(&destination.octets());
    let sum = Sum16BitWords::new().add_slice(&out[start..]);
    put_u16(out, start + 10, sum.ones_complement().to_be());
    Sum16BitWords::new()
        .add_4bytes(source.octets())
        .add_4bytes(destination.octets())
        .add_2bytes([0, protocol])
        .add_2bytes(length_field(length))
}

/// Writes the header; returns the sum of the pseudo-header (RFC 8200 section 8.1).
fn write_ipv6(
    header: &IpHeader,
    fields: Ipv6Fields,
    number: u8,
    length: usize,
    out: &mut Vec<u8>,
) -> Sum16BitWords {
    let (IpAddr::V6(source), IpAddr::V6(destination)) = (header.source, header.destination) else {
        panic!("{ONE_VERSION}");
    };
    let first = 6 << 28 | u32::from(header.traffic_class) << 20 | fields.flow_label & 0x000f_ffff;
    let next_header = match fields.fragment {
        Some(_) => protocol::IPV6_FRAGMENT,
        None => number,
    };
    out.extend_from_slice(&first.to_be_bytes());
    out.extend_from_slice(&length_field(header.wire_len() - IPV6_HEADER_LEN + length));
    out.extend_from_slice(&[next_header, header.ttl]);
    out.extend_from_slice(&source.octets());
    out.extend_from_slice(&destination.octets());
    if let Some(fragment) = fields.fragment {
        let place = fragment.fragment_offset << 3 | u16::from(fragment.more_fragments);
        out.extend_from_slice(&[number, 0]);
        out.extend_from_slice(&place.to_be_bytes());
        out.extend_from_slice(&fragment.identification.to_be_bytes());
    }
    Sum16BitWords::new()
        .add_16bytes(source.octets())
        .add_16bytes(destination.octets())
        .add_2bytes(length_field(length))
        .add_2bytes([0, number])
}

fn write_tcp(segment: &TcpSegment, pseudo_header: Sum16BitWords, out: &mut Vec<u8>) {
    let start = out.len();
    let header_len = segment.header_len();
    let words = u8::try_from(header_len / 4).expect("at most 15 words of header");
    out.extend_from_slice(&segment.source_port.to_be_bytes());
    out.extend_from_slice(&segment.destination_port.to_be_bytes());
    out.extend_from_slice(&segment.sequence.to_be_bytes());
    out.extend_from_slice(&segment.acknowledgment.to_be_bytes());
    out.extend_from_slice(&[words << 4, segment.flags.0]);
    out.extend_from_slice(&segment.window.to_be_bytes());
    out.extend_from_slice(&[0, 0]);
    out.extend_from_slice(&segment.urgent_pointer.to_be_bytes());
    out.extend_from_slice(segment.options.as_bytes());
    out.resize(start + header_len, 0);
    out.extend_from_slice(&segment.payload);
    let sum = pseudo_header.add_slice(&out[start..]);
    put_u16(out, start + 16, sum.ones_complement().to_be());
}

fn write_udp(datagram: &UdpDatagram, pseudo_header: Sum16BitWords, out: &mut Vec<u8>) {
    let start = out.len();
    out.extend_from_slice(&datagram.source_port.to_be_bytes());
    out.extend_from_slice(&datagram.destination_port.to_be_bytes());
    out.extend_from_slice(&length_field(8 + datagram.payload.len()));
    out.extend_from_slice(&[0, 0]);
    out.extend_from_slice(&datagram.payload);
    let sum = pseudo_header.add_slice(&out[start..]);
    // A computed zero is sent as all ones: zero means that there is no checksum (RFC 768).
    put_u16(
        out,
        start + 6,
        sum.to_ones_complement_with_no_zero().to_be(),
    );
}

fn write_icmp(message: &IcmpMessage, out: &mut Vec<u8>) {
    let rest = match message {
        IcmpMessage::EchoRequest {
            identifier,
            sequence,
            ..
        }
        | IcmpMessage::EchoReply {
            identifier,
            sequence,
            ..
        } => pair(*identifier, *sequence),
        IcmpMessage::DestinationUnreachable {
            code: Unreachable::FragmentationNeeded { next_hop_mtu },
            ..
        } => pair(0, *next_hop_mtu),
        IcmpMessage::DestinationUnreachable { .. } | IcmpMessage::TimeExceeded { .. } => [0; 4],
        IcmpMessage::Other { rest, .. } => *rest,
    };
    let sum = Sum16BitWords::new();
    write_icmp_parts(message.type_code(), rest, message.data(), sum, out);
}

fn write_icmpv6(message: &Icmpv6Message, pseudo_header: Sum16BitWords, out: &mut Vec<u8>) {
    let rest = match message {
        Icmpv6Message::EchoRequest {
            identifier,
            sequence,
            ..
        }
        | Icmpv6Message::EchoReply {
            identifier,
            sequence,
            ..
        } => pair(*identifier, *sequence),
        Icmpv6Message::PacketTooBig { mtu, .. } => mtu.to_be_bytes(),
        Icmpv6Message::DestinationUnreachable { .. } | Icmpv6Message::TimeExceeded { .. } => [0; 4],
        Icmpv6Message::Other { rest, .. } => *rest,
    };
    write_icmp_parts(
        message.type_code(),
        rest,
        message.data(),
        pseudo_header,
        out,
    );
}

fn write_icmp_parts(
    (icmp_type, code): (u8, u8),
    rest: [u8; 4],
    data: &Bytes,
    sum: Sum16BitWords,
    out: &mut Vec<u8>,
) {
    let start = out.len();
    out.extend_from_slice(&[icmp_type, code, 0, 0]);
    out.extend_from_slice(&rest);
    out.extend_from_slice(data);
    let sum = sum.add_slice(&out[start..]);
    put_u16(out, start + 2, sum.ones_complement().to_be());
}

fn pair(first: u16, second: u16) -> [u8; 4] {
    let ([a, b], [c, d]) = (first.to_be_bytes(), second.to_be_bytes());
    [a, b, c, d]
}

fn length_field(length: usize) -> [u8; 2] {
    u16::try_from(length)
        .expect("an IP packet is at most 65535 octets")
        .to_be_bytes()
}

fn put_u16(out: &mut [u8], at: usize, value: u16) {
    out[at..at + 2].copy_from_slice(&value.to_be_bytes());
}

//! From bytes to values.
//!
//! Headers are read through `etherparse`. Lengths must hold; checksums are not looked at, since a
//! capture on a sending host with checksum offload has wrong ones. A transport header that does not
//! parse stays [`Transport::Other`], so that the packet keeps its length and can travel on.
//!
//! What a value cannot say is lost: IPv4 options, the reserved bits of TCP, the absence of a UDP
//! checksum, the second four octets of ICMP errors other than code 4, the reserved octet and bits
//! of IPv6's fragment header.

use bytes::Bytes;
use etherparse::{
    EtherType, Ethernet2HeaderSlice, Icmpv4Slice, Icmpv6Slice, Ipv4HeaderSlice, Ipv6HeaderSlice,
    TcpHeaderSlice, UdpHeaderSlice,
};

use crate::access::FRAGMENT_HEADER_LEN;
use crate::emit::{ETHER_TYPE_IPV4, ETHER_TYPE_IPV6, ETHERNET_HEADER_LEN};
use crate::{
    Frame, IcmpMessage, Icmpv6Message, IpHeader, IpPacket, IpVersionFields, Ipv4Fields, Ipv6Fields,
    Ipv6Fragment, MacAddr, TcpFlags, TcpOptions, TcpSegment, Transport, UdpDatagram, Unreachable,
    protocol,
};

/// Why bytes are no packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseError {
    /// There are no bytes, or the version field is neither 4 nor 6.
    #[error("not an IP packet: its version field is `{version}`")]
    Version {
        /// The first four bits.
        version: u8,
    },
    /// Fewer octets than the header itself or its length field says.
    #[error("packet is cut: {available} octets of {expected}")]
    Truncated {
        /// What the header needs or says.
        expected: usize,
        /// What is there.
        available: usize,
    },
    /// A length field that contradicts the header.
    #[error("length field `{value}` is smaller than the header")]
    Length {
        /// The field: IHL in words of 4 octets, or total length in octets.
        value: usize,
    },
    /// The frame carries something else, ARP for example.
    #[error("the frame carries no IP packet: its EtherType is `{ether_type:#06x}`")]
    EtherType {
        /// The frame's EtherType, or the length of an 802.3 frame.
        ether_type: u16,
    },
}

impl Frame {
    /// Reads an Ethernet II frame; what follows the packet (padding) is ignored.
    ///
    /// 802.1Q tags have no place in the value: use [`crate::link::decode`] for foreign captures.
    ///
    /// # Errors
    /// Other EtherTypes than IPv4 and IPv6, and those of [`IpPacket::parse`].
    pub fn parse(bytes: &[u8]) -> Result<Self, ParseError> {
        let header =
            Ethernet2HeaderSlice::from_slice(bytes).map_err(|_| ParseError::Truncated {
                expected: ETHERNET_HEADER_LEN,
                available: bytes.len(),
            })?;
        let EtherType(ether_type) = header.ether_type();
        if !matches!(ether_type, ETHER_TYPE_IPV4 | ETHER_TYPE_IPV6) {
            return Err(ParseError::EtherType { ether_type });
        }
        Ok(Self {
            destination: MacAddr(header.destination()),
            source: MacAddr(header.source()),
            packet: IpPacket::parse(&bytes[ETHERNET_HEADER_LEN..])?,
        })
    }
}

impl IpPacket {
    /// Reads a packet from its IP header on; octets after its total length are ignored.
    ///
    /// # Errors
    /// Bytes that are no whole IP packet. A transport header that does not parse is no error.
    pub fn parse(bytes: &[u8]) -> Result<Self, ParseError> {
        Self::parse_bytes(Bytes::copy_from_slice(bytes))
    }

    /// As [`Self::parse`]; payloads share the given allocation.
    ///
    /// # Errors
    /// As [`Self::parse`].
    pub fn parse_bytes(bytes: Bytes) -> Result<Self, ParseError> {
        match bytes.first().map_or(0, |byte| byte >> 4) {
            4 => parse_ipv4(bytes),
            6 => parse_ipv6(bytes),
            version => Err(ParseError::Version { version }),
        }
    }
}

fn parse_ipv4(mut bytes: Bytes) -> Result<IpPacket, ParseError> {
    let header = ipv4_header(&bytes)?;
    let header_len = header.slice().len();
    let total_len = match usize::from(header.total_len()) {
        // Segmentation offload leaves the field empty when the length does not fit.
        0 => bytes.len(),
        len if len < header_len => return Err(ParseError::Length { value: len }),
        len => len,
    };
    if bytes.len() < total_len {
        return Err(ParseError::Truncated {
            expected: total_len,
            available: bytes.len(),
        });
    }
    let number = header.protocol().0;
    let header = ipv4_value(&header);
    bytes.truncate(total_len);
    let payload = bytes.slice(header_len..);
    let transport = match header.is_fragment() {
        true => other(number, payload),
        false => ipv4_transport(number, payload),
    };
    Ok(IpPacket { header, transport })
}

/// What follows the header of an IPv4 packet that is no fragment.
pub(crate) fn ipv4_transport(number: u8, payload: Bytes) -> Transport {
    match number {
        protocol::ICMP => parse_icmp(payload),
        protocol::TCP => parse_tcp(payload),
        protocol::UDP => parse_udp(payload),
        _ => other(number, payload),
    }
}

fn parse_ipv6(mut bytes: Bytes) -> Result<IpPacket, ParseError> {
    let header = ipv6_header(&bytes)?;
    let total_len = header.slice().len() + usize::from(header.payload_length());
    if bytes.len() < total_len {
        return Err(ParseError::Truncated {
            expected: total_len,
            available: bytes.len(),
        });
    }
    let mut number = header.next_header().0;
    let mut header = ipv6_value(&header);
    bytes.truncate(total_len);
    if number == protocol::IPV6_FRAGMENT
        && let Some((next, fragment)) = ipv6_fragment(&bytes, header.wire_len())
    {
        number = next;
        header = header.with_fragment(Some(fragment));
    }
    let payload = bytes.slice(header.wire_len()..);
    let transport = match header.is_fragment() {
        true => other(number, payload),
        false => ipv6_transport(number, payload),
    };
    Ok(IpPacket { header, transport })
}

/// What follows the headers of an IPv6 packet that is no fragment.
pub(crate) fn ipv6_transport(number: u8, payload: Bytes) -> Transport {
    match number {
        protocol::ICMPV6 => parse_icmpv6(payload),
        protocol::TCP => parse_tcp(payload),
        protocol::UDP => parse_udp(payload),
        _ => other(number, payload),
    }
}

/// The fragment header at `at`, with the number of what follows it.
pub(crate) fn ipv6_fragment(bytes: &[u8], at: usize) -> Option<(u8, Ipv6Fragment)> {
    let &[next, _, a, b, c, d, e, f] = bytes.get(at..at + FRAGMENT_HEADER_LEN)? else {
        return None;
    };
    let place = u16::from_be_bytes([a, b]);
    let fragment = Ipv6Fragment {
        identification: u32::from_be_bytes([c, d, e, f]),
        more_fragments: place & 1 != 0,
        fragment_offset: place >> 3,
    };
    Some((next, fragment))
}

pub(crate) fn ipv4_header(bytes: &[u8]) -> Result<Ipv4HeaderSlice<'_>, ParseError> {
    use etherparse::err::ipv4::{HeaderError, HeaderSliceError};
    Ipv4HeaderSlice::from_slice(bytes).map_err(|error| match error {
        HeaderSliceError::Len(error) => ParseError::Truncated {
            expected: error.required_len,
            available: error.len,
        },
        HeaderSliceError::Content(HeaderError::UnexpectedVersion { version_number }) => {
            ParseError::Version {
                version: version_number,
            }
        }
        HeaderSliceError::Content(HeaderError::HeaderLengthSmallerThanHeader { ihl }) => {
            ParseError::Length {
                value: usize::from(ihl),
            }
        }
    })
}

pub(crate) fn ipv6_header(bytes: &[u8]) -> Result<Ipv6HeaderSlice<'_>, ParseError> {
    use etherparse::err::ipv6::{HeaderError, HeaderSliceError};
    Ipv6HeaderSlice::from_slice(bytes).map_err(|error| match error {
        HeaderSliceError::Len(error) => ParseError::Truncated {
            expected: error.required_len,
            available: error.len,
        },
        HeaderSliceError::Content(HeaderError::UnexpectedVersion { version_number }) => {
            ParseError::Version {
                version: version_number,
            }
        }
    })
}

pub(crate) fn ipv4_value(header: &Ipv4HeaderSlice<'_>) -> IpHeader {
    IpHeader {
        source: header.source_addr().into(),
        destination: header.destination_addr().into(),
        ttl: header.ttl(),
        traffic_class: header.slice()[1],
        version: IpVersionFields::V4(Ipv4Fields {
            identification: header.identification(),
            dont_fragment: header.dont_fragment(),
            more_fragments: header.more_fragments(),
            fragment_offset: header.fragments_offset().value(),
        }),
    }
}

pub(crate) fn ipv6_value(header: &Ipv6HeaderSlice<'_>) -> IpHeader {
    IpHeader {
        source: header.source_addr().into(),
        destination: header.destination_addr().into(),
        ttl: header.hop_limit(),
        traffic_class: header.traffic_class(),
        version: IpVersionFields::V6(Ipv6Fields {
            flow_label: header.flow_label().value(),
            fragment: None,
        }),
    }
}

fn other(protocol: u8, payload: Bytes) -> Transport {
    Transport::Other { protocol, payload }
}

fn parse_tcp(payload: Bytes) -> Transport {
    let Ok(header) = TcpHeaderSlice::from_slice(&payload) else {
        return other(protocol::TCP, payload);
    };
    let Some(options) = TcpOptions::parse(header.options()) else {
        return other(protocol::TCP, payload);
    };
    let segment = TcpSegment {
        source_port: header.source_port(),
        destination_port: header.destination_port(),
        sequence: header.sequence_number(),
        acknowledgment: header.acknowledgment_number(),
        flags: TcpFlags(header.slice()[13]),
        window: header.window_size(),
        urgent_pointer: header.urgent_pointer(),
        options,
        payload: payload.slice(header.slice().len()..),
    };
    Transport::Tcp(segment)
}

fn parse_udp(payload: Bytes) -> Transport {
    match UdpHeaderSlice::from_slice(&payload) {
        Ok(header) if usize::from(header.length()) == payload.len() => {
            Transport::Udp(UdpDatagram {
                source_port: header.source_port(),
                destination_port: header.destination_port(),
                payload: payload.slice(header.slice().len()..),
            })
        }
        _ => other(protocol::UDP, payload),
    }
}

fn parse_icmp(payload: Bytes) -> Transport {
    let Ok(slice) = Icmpv4Slice::from_slice(&payload) else {
        return other(protocol::ICMP, payload);
    };
    let rest = slice.bytes5to8();
    let (first, second) = halves(rest);
    let (icmp_type, code) = (slice.type_u8(), slice.code_u8());
    let data = payload.slice(8..);
    Transport::Icmp(match (icmp_type, code) {
        (0, 0) => IcmpMessage::EchoReply {
            identifier: first,
            sequence: second,
            payload: data,
        },
        (8, 0) => IcmpMessage::EchoRequest {
            identifier: first,
            sequence: second,
            payload: data,
        },
        (3, _) => IcmpMessage::DestinationUnreachable {
            code: Unreachable::from_code(code, second),
            quoted: data,
        },
        (11, _) => IcmpMessage::TimeExceeded { code, quoted: data },
        _ => IcmpMessage::Other {
            icmp_type,
            code,
            rest,
            payload: data,
        },
    })
}

fn parse_icmpv6(payload: Bytes) -> Transport {
    let Ok(slice) = Icmpv6Slice::from_slice(&payload) else {
        return other(protocol::ICMPV6, payload);
    };
    let rest = slice.bytes5to8();
    let (first, second) = halves(rest);
    let (icmp_type, code) = (slice.type_u8(), slice.code_u8());
    let data = payload.slice(8..);
    Transport::Icmpv6(match (icmp_type, code) {
        (128, 0) => Icmpv6Message::EchoRequest {
            identifier: first,
            sequence: second,
            payload: data,
        },
        (129, 0) => Icmpv6Message::EchoReply {
            identifier: first,
            sequence: second,
            payload: data,
        },
        (1, _) => Icmpv6Message::DestinationUnreachable { code, quoted: data },
        (2, 0) => Icmpv6Message::PacketTooBig {
            mtu: u32::from_be_bytes(rest),
            quoted: data,
        },
        (3, _) => Icmpv6Message::TimeExceeded { code, quoted: data },
        _ => Icmpv6Message::Other {
            icmp_type,
            code,
            rest,
            payload: data,
        },
    })
}

const fn halves([a, b, c, d]: [u8; 4]) -> (u16, u16) {
    (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]))
}

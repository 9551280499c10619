//! Packets that are not whole: quoted by an ICMP error, or cut by a capture's snapshot length.

use std::net::IpAddr;

use bytes::Bytes;

use crate::access::FRAGMENT_HEADER_LEN;
use crate::parse::{ipv4_header, ipv4_value, ipv6_fragment, ipv6_header, ipv6_value};
use crate::{FiveTuple, IpHeader, Ipv6Fragment, ParseError, TcpFlags, protocol};

/// What can be read from the first octets of a packet: its IP header and, as far as they are there,
/// the fields of its transport header.
///
/// RFC 792 promises the IP header and 8 octets, enough for the ports. It serves hosts (which socket
/// is an ICMP error about), NAT and connection tracking (which entry), and replay (captures with
/// a short snapshot length).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QuotedPacket {
    /// The IP header.
    pub header: IpHeader,
    /// Protocol; for IPv6 the one after the extension headers that are there.
    pub protocol: u8,
    /// Octets of the IP header and, for IPv6, of the extension headers.
    pub header_len: usize,
    /// The whole packet's length in octets, as its header says.
    pub total_len: usize,
    /// Source and destination port of TCP and UDP.
    pub ports: Option<(u16, u16)>,
    /// TCP's sequence number.
    pub tcp_sequence: Option<u32>,
    /// TCP's control bits: beyond the 8 octets, so often missing.
    pub tcp_flags: Option<TcpFlags>,
    /// Type and code of ICMP and ICMPv6.
    pub icmp_type_code: Option<(u8, u8)>,
    /// Identifier of an echo request or reply.
    pub echo_identifier: Option<u16>,
}

impl QuotedPacket {
    /// Reads what is there.
    ///
    /// # Errors
    /// Less than an IP header, or a header that contradicts itself.
    pub fn parse(bytes: &[u8]) -> Result<Self, ParseError> {
        match bytes.first().map_or(0, |byte| byte >> 4) {
            4 => Self::parse_ipv4(bytes),
            6 => Self::parse_ipv6(bytes),
            version => Err(ParseError::Version { version }),
        }
    }

    fn parse_ipv4(bytes: &[u8]) -> Result<Self, ParseError> {
        let header = ipv4_header(bytes)?;
        let header_len = header.slice().len();
        let total_len = match usize::from(header.total_len()) {
            0 => bytes.len(),
            len if len < header_len => return Err(ParseError::Length { value: len }),
            len => len,
        };
        let number = header.protocol().0;
        let mut packet = Self::bare(ipv4_value(&header), number, header_len, total_len);
        if !packet.header.is_later_fragment() {
            packet.read_transport(available(bytes, header_len, total_len));
        }
        Ok(packet)
    }

    fn parse_ipv6(bytes: &[u8]) -> Result<Self, ParseError> {
        let header = ipv6_header(bytes)?;
        let total_len = header.slice().len() + usize::from(header.payload_length());
        let (number, header_len, fragment) =
            skip_extensions(bytes, header.next_header().0, header.slice().len());
        let header = ipv6_value(&header).with_fragment(fragment);
        let mut packet = Self::bare(header, number, header_len, total_len);
        if !packet.header.is_later_fragment() {
            packet.read_transport(available(bytes, header_len, total_len));
        }
        Ok(packet)
    }

    fn bare(header: IpHeader, protocol: u8, header_len: usize, total_len: usize) -> Self {
        Self {
            header,
            protocol,
            header_len,
            total_len,
            ports: None,
            tcp_sequence: None,
            tcp_flags: None,
            icmp_type_code: None,
            echo_identifier: None,
        }
    }

    fn read_transport(&mut self, octets: &[u8]) {
        match self.protocol {
            protocol::TCP => {
                self.ports = ports(octets);
                self.tcp_sequence = u32_at(octets, 4);
                self.tcp_flags = octets.get(13).copied().map(TcpFlags);
            }
            protocol::UDP => self.ports = ports(octets),
            protocol::ICMP | protocol::ICMPV6 => self.read_icmp(octets),
            _ => {}
        }
    }

    fn read_icmp(&mut self, octets: &[u8]) {
        let &[icmp_type, code, ..] = octets else {
            return;
        };
        self.icmp_type_code = Some((icmp_type, code));
        let is_echo = match self.protocol {
            protocol::ICMP => matches!(icmp_type, 0 | 8),
            _ => matches!(icmp_type, 128 | 129),
        };
        if is_echo {
            self.echo_identifier = u16_at(octets, 4);
        }
    }

    /// The flow of the quoted packet, in the direction it travelled.
    #[must_use]
    pub fn five_tuple(&self) -> FiveTuple {
        let (source_port, destination_port) = self.ports.unwrap_or((0, 0));
        FiveTuple {
            source: self.header.source,
            destination: self.header.destination,
            source_port,
            destination_port,
            protocol: self.protocol,
        }
    }
}

/// The second word after the header of a quoted packet: a destination port in protocols that have
/// one, and what tcpdump takes for one in those that have none.
pub(crate) fn second_word(quoted: &[u8], packet: &QuotedPacket) -> Option<u16> {
    u16_at(quoted, packet.header_len + 2)
}

/// What is there of the packet's `header_len..total_len`.
fn available(bytes: &[u8], header_len: usize, total_len: usize) -> &[u8] {
    bytes
        .get(header_len..total_len.min(bytes.len()))
        .unwrap_or_default()
}

/// Walks IPv6 extension headers (RFC 8200 section 4) as far as they are there: the protocol after
/// them, where it begins, and the fragment header.
fn skip_extensions(
    bytes: &[u8],
    mut number: u8,
    mut at: usize,
) -> (u8, usize, Option<Ipv6Fragment>) {
    const HOP_BY_HOP: u8 = 0;
    const ROUTING: u8 = 43;
    const DESTINATION: u8 = 60;
    let mut fragment = None;
    while let Some(&[next, length]) = bytes.get(at..at + 2) {
        match number {
            HOP_BY_HOP | ROUTING | DESTINATION => at += 8 + 8 * usize::from(length),
            protocol::IPV6_FRAGMENT => {
                let Some((_, header)) = ipv6_fragment(bytes, at) else {
                    break;
                };
                fragment = Some(header);
                at += FRAGMENT_HEADER_LEN;
                if header.fragment_offset != 0 {
                    return (next, at, fragment);
                }
            }
            _ => break,
        }
        number = next;
    }
    (number, at, fragment)
}

fn u16_at(octets: &[u8], at: usize) -> Option<u16> {
    let octets = octets.get(at..at + 2)?;
    Some(u16::from_be_bytes([octets[0], octets[1]]))
}

fn u32_at(octets: &[u8], at: usize) -> Option<u32> {
    let octets = octets.get(at..at + 4)?;
    Some(u32::from_be_bytes(octets.try_into().ok()?))
}

fn ports(octets: &[u8]) -> Option<(u16, u16)> {
    Some((u16_at(octets, 0)?, u16_at(octets, 2)?))
}

/// Rewrites the end points of a quoted packet, as a NAT does inside ICMP errors (RFC 5508 section
/// 4.2): addresses, ports or echo identifier, and every checksum that is there (RFC 1624).
///
/// Each of `source` and `destination` is the new address and, given one, the new port. Returns the
/// bytes as they were if they hold no IP header or an address of another version is asked for.
#[must_use]
pub fn translate_quoted(
    quoted: &Bytes,
    source: Option<(IpAddr, Option<u16>)>,
    destination: Option<(IpAddr, Option<u16>)>,
) -> Bytes {
    let Ok(packet) = QuotedPacket::parse(quoted) else {
        return quoted.clone();
    };
    let mut edit = Edit::new(quoted, &packet);
    for (end, is_source) in [(source, true), (destination, false)] {
        let Some((address, port)) = end else { continue };
        if address.is_ipv4() != packet.header.is_ipv4() {
            return quoted.clone();
        }
        edit.address(address, is_source);
        if let Some(port) = port {
            edit.port(&packet, port, is_source);
        }
    }
    edit.bytes.into()
}

/// A quoted packet under change: every changed word is carried into the checksums over it.
struct Edit {
    bytes: Vec<u8>,
    is_ipv4: bool,
    /// Where the transport header begins; past the end if the packet does not hold it.
    transport: usize,
    /// Where the transport's checksum is, whether a zero there means none (UDP), and whether it
    /// covers the addresses.
    checksum: Option<TransportChecksum>,
}

#[derive(Clone, Copy)]
struct TransportChecksum {
    at: usize,
    zero_means_none: bool,
    covers_addresses: bool,
}

impl Edit {
    fn new(quoted: &Bytes, packet: &QuotedPacket) -> Self {
        let holds_transport = packet.ports.is_some() || packet.icmp_type_code.is_some();
        let (offset, zero_means_none, covers_addresses) = match packet.protocol {
            protocol::TCP => (16, false, true),
            protocol::UDP => (6, true, true),
            protocol::ICMPV6 => (2, false, true),
            _ => (2, false, false),
        };
        let checksum = TransportChecksum {
            at: packet.header_len + offset,
            zero_means_none,
            covers_addresses,
        };
        Self {
            bytes: quoted.to_vec(),
            is_ipv4: packet.header.is_ipv4(),
            transport: packet.header_len,
            checksum: holds_transport.then_some(checksum),
        }
    }

    fn address(&mut self, address: IpAddr, is_source: bool) {
        let new = match address {
            IpAddr::V4(address) => address.octets().to_vec(),
            IpAddr::V6(address) => address.octets().to_vec(),
        };
        let first = if self.is_ipv4 { 12 } else { 8 };
        let at = first + if is_source { 0 } else { new.len() };
        for (index, word) in new.chunks_exact(2).enumerate() {
            let old = self.replace(at + 2 * index, [word[0], word[1]]);
            if self.is_ipv4 {
                self.carry(10, false, old, [word[0], word[1]]);
            }
            if let Some(checksum) = self.checksum
                && checksum.covers_addresses
            {
                self.carry(
                    checksum.at,
                    checksum.zero_means_none,
                    old,
                    [word[0], word[1]],
                );
            }
        }
    }

    fn port(&mut self, packet: &QuotedPacket, port: u16, is_source: bool) {
        let offset = match (packet.ports, packet.echo_identifier) {
            (Some(_), _) if is_source => 0,
            (Some(_), _) => 2,
            (None, Some(_)) => 4,
            (None, None) => return,
        };
        let new = port.to_be_bytes();
        let old = self.replace(self.transport + offset, new);
        if let Some(checksum) = self.checksum {
            self.carry(checksum.at, checksum.zero_means_none, old, new);
        }
    }

    fn replace(&mut self, at: usize, new: [u8; 2]) -> [u8; 2] {
        let old = [self.bytes[at], self.bytes[at + 1]];
        self.bytes[at..at + 2].copy_from_slice(&new);
        old
    }

    /// RFC 1624 equation 3 on the checksum at `at`, if the quote reaches that far.
    fn carry(&mut self, at: usize, zero_means_none: bool, old: [u8; 2], new: [u8; 2]) {
        let Some(checksum) = u16_at(&self.bytes, at) else {
            return;
        };
        if checksum == 0 && zero_means_none {
            return;
        }
        let sum = u32::from(!checksum)
            + u32::from(!u16::from_be_bytes(old))
            + u32::from(u16::from_be_bytes(new));
        let folded = (sum & 0xffff) + (sum >> 16);
        let folded = (folded & 0xffff) + (folded >> 16);
        let mut sum = !u16::try_from(folded).expect("folded to 16 bits");
        if sum == 0 && zero_means_none {
            // RFC 768: a sum that comes out as zero is sent as all ones.
            sum = 0xffff;
        }
        self.bytes[at..at + 2].copy_from_slice(&sum.to_be_bytes());
    }
}

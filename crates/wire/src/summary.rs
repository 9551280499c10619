//! One line a packet, as `tcpdump -nn -S -t` prints it.
//!
//! Findings, traces and transcripts show packets in the words that a learner reads in tcpdump. The
//! texts follow tcpdump 4.99 without `-v`: the IP, TCP, UDP, ICMP and ICMPv6 headers, and of what
//! they carry DNS, HTTP, SSH, SMTP, FTP, BGP, BFD, NTP, VXLAN, ESP and IP in IP. Payloads that
//! tcpdump knows and this module does not are shown by their length alone.

pub(crate) mod arp;
mod dns;
mod icmp;
mod icmpv6;
mod tcp;
mod text;
mod udp;

use std::fmt::{self, Write as _};

use crate::arp::ETHER_TYPE_ARP;
use crate::link::{self, LinkError, LinkType};
use crate::parse::{ipv4_transport, ipv6_transport};
use crate::{IpPacket, QuotedPacket, TcpFlags, Transport, protocol};

/// Longest run of zeros that stands in for what a capture cut off.
const LONGEST_PACKET: usize = 65535;

/// Prints a packet as `tcpdump -nn -S -t` does: absolute sequence numbers, no time stamp.
///
/// An encapsulated packet (VXLAN) follows on a line of its own, as in tcpdump. The alternate form
/// `{:#}` is for reports: without the leading `IP `, always on one line.
#[derive(Clone, Copy, Debug)]
pub struct Summary<'a>(&'a IpPacket);

impl IpPacket {
    /// The packet as tcpdump prints it.
    #[must_use]
    pub const fn summary(&self) -> Summary<'_> {
        Summary(self)
    }
}

impl fmt::Display for Summary<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !f.alternate() {
            f.write_str(if self.0.header.is_ipv4() {
                "IP "
            } else {
                "IP6 "
            })?;
        }
        print(self.0, f)
    }
}

/// A captured frame as `tcpdump -nn -S -t` prints it, ARP included. What a short snapshot length
/// cut off is taken for zeros.
#[must_use]
pub fn line(link: LinkType, frame: &[u8]) -> String {
    let mut line = String::new();
    frame_to(link, frame, &mut line).expect("a string takes all text");
    line
}

fn frame_to(link: LinkType, frame: &[u8], out: &mut String) -> fmt::Result {
    match link::decode(link, frame) {
        Ok(decoded) => packet_to(decoded.packet, out),
        Err(LinkError::NotIp(ETHER_TYPE_ARP)) => arp::print(arp::body(link, frame), out),
        Err(LinkError::NotIp(protocol)) => {
            write!(out, "ethertype {protocol:#06x}, length {}", frame.len())
        }
        Err(error) => write!(out, "[{error}]"),
    }
}

fn packet_to(bytes: &[u8], out: &mut String) -> fmt::Result {
    if let Ok(packet) = IpPacket::parse(bytes) {
        return write!(out, "{}", packet.summary());
    }
    let whole = QuotedPacket::parse(bytes).and_then(|cut| {
        let mut whole = bytes.to_vec();
        whole.resize(cut.total_len.min(LONGEST_PACKET + 40), 0);
        IpPacket::parse(&whole)
    });
    match whole {
        Ok(packet) => write!(out, "{}", packet.summary()),
        Err(error) => write!(out, "[{error}]"),
    }
}

fn print(packet: &IpPacket, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    if packet.header.fragment_header().is_some() {
        let header = &packet.header;
        let offset = header.offset();
        write!(
            f,
            "{} > {}: frag ({offset}|{})",
            header.source,
            header.destination,
            packet.transport.wire_len()
        )?;
        if offset > 0 {
            return Ok(());
        }
        f.write_str(" ")?;
    } else if packet.header.is_later_fragment() {
        let header = &packet.header;
        let (source, destination) = (header.source, header.destination);
        return write!(
            f,
            "{source} > {destination}: ip-proto-{}",
            packet.protocol()
        );
    }
    match &packet.transport {
        Transport::Other { protocol, payload } if packet.is_fragment() => {
            print_first_fragment(packet, *protocol, payload, f)
        }
        transport => print_transport(packet, transport, f),
    }
}

/// The first fragment holds the transport header, which is read as far as it is there.
fn print_first_fragment(
    packet: &IpPacket,
    number: u8,
    payload: &crate::Bytes,
    f: &mut fmt::Formatter<'_>,
) -> fmt::Result {
    match (number, &payload[..]) {
        (protocol::UDP, [a, b, c, d, e, g, _, _, data @ ..]) => {
            let datagram = udp::Datagram {
                source_port: u16::from_be_bytes([*a, *b]),
                destination_port: u16::from_be_bytes([*c, *d]),
                length: usize::from(u16::from_be_bytes([*e, *g])).saturating_sub(8),
                payload: data,
            };
            udp::print(packet, datagram, f)
        }
        _ => {
            let transport = match packet.header.is_ipv4() {
                true => ipv4_transport(number, payload.clone()),
                false => ipv6_transport(number, payload.clone()),
            };
            print_transport(packet, &transport, f)
        }
    }
}

fn print_transport(
    packet: &IpPacket,
    transport: &Transport,
    f: &mut fmt::Formatter<'_>,
) -> fmt::Result {
    match transport {
        Transport::Tcp(segment) => tcp::print(packet, segment, f),
        Transport::Udp(datagram) => udp::print(packet, datagram.into(), f),
        Transport::Icmp(message) => {
            print_addresses(packet, f)?;
            icmp::print(message, f)
        }
        Transport::Icmpv6(message) => {
            print_addresses(packet, f)?;
            icmpv6::print(message, f)
        }
        Transport::Other { protocol, payload } => {
            print_addresses(packet, f)?;
            print_other(*protocol, payload, f)
        }
    }
}

fn print_other(number: u8, payload: &[u8], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    const IPV4: u8 = 4;
    const IPV6: u8 = 41;
    const ESP: u8 = 50;
    match (number, payload) {
        (IPV4 | IPV6, _) => nested(LinkType::RAW, payload, f),
        (ESP, [a, b, c, d, e, g, h, i, ..]) => {
            let spi = u32::from_be_bytes([*a, *b, *c, *d]);
            let sequence = u32::from_be_bytes([*e, *g, *h, *i]);
            let length = payload.len();
            write!(f, "ESP(spi={spi:#010x},seq={sequence:#x}), length {length}")
        }
        (protocol::TCP, _) => f.write_str("[|tcp]"),
        (protocol::UDP, _) => f.write_str("[|udp]"),
        (protocol::ICMP, _) => f.write_str("[|icmp]"),
        (protocol::ICMPV6, _) => f.write_str("[|icmp6]"),
        (other, _) => write!(f, " ip-proto-{other} {}", payload.len()),
    }
}

/// An encapsulated frame, in the form that the outer one is printed in.
fn nested(link: LinkType, frame: &[u8], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let text = line(link, frame);
    if f.alternate() {
        f.write_str(&text.replace('\n', " "))
    } else {
        f.write_str(&text)
    }
}

/// `10.0.1.5.40000 > 10.0.2.10.443: `.
fn print_end_points(
    packet: &IpPacket,
    source_port: u16,
    destination_port: u16,
    f: &mut fmt::Formatter<'_>,
) -> fmt::Result {
    let (source, destination) = (packet.header.source, packet.header.destination);
    if packet.header.fragment_header().is_some() {
        return write!(f, "{source_port} > {destination_port}: ");
    }
    write!(
        f,
        "{source}.{source_port} > {destination}.{destination_port}: "
    )
}

/// `10.0.1.5 > 10.0.2.10: `, unless it stands in front of IPv6's fragment header already.
fn print_addresses(packet: &IpPacket, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    if packet.header.fragment_header().is_some() {
        return Ok(());
    }
    let (source, destination) = (packet.header.source, packet.header.destination);
    write!(f, "{source} > {destination}: ")
}

/// Whether the segment is one whose sequence number tcpdump prints without data.
const fn shows_sequence(flags: TcpFlags) -> bool {
    flags.0 & (TcpFlags::SYN.0 | TcpFlags::FIN.0 | TcpFlags::RST.0) != 0
}

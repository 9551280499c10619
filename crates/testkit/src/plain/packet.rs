//! A packet as rules see it.

use std::fmt;
use std::net::IpAddr;

use wirelab_wire::{IpPacket, QuotedPacket, TcpFlags, Transport};

/// The header fields that a network's rules look at, and nothing else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packet {
    /// Source address.
    pub source: IpAddr,
    /// Destination address.
    pub destination: IpAddr,
    /// IANA number.
    pub protocol: u8,
    /// TCP and UDP; the identifier of an echo; 0 for everything else.
    pub source_port: u16,
    /// TCP and UDP; the identifier of an echo; 0 for everything else.
    pub destination_port: u16,
    /// Type and code of either ICMP version.
    pub icmp: Option<(u8, u8)>,
    /// TCP's control bits.
    pub flags: u8,
    /// IP total length in octets.
    pub size: usize,
    /// DF; always so for IPv6.
    pub dont_fragment: bool,
    /// Whole, first or later fragment.
    pub fragment: Fragment,
    /// What the fragments of a datagram have in common.
    pub identification: u32,
    /// What an ICMP error is about: the flow of the packet that it quotes.
    pub about: Option<Box<Ends>>,
    /// The MSS option of a SYN.
    pub mss: Option<u16>,
}

/// Which part of a datagram a packet is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fragment {
    /// All of it.
    Whole,
    /// The part that holds the transport header.
    First,
    /// Another part.
    Later,
}

/// Both ends of a flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ends {
    /// IANA number.
    pub protocol: u8,
    /// Source address.
    pub source: IpAddr,
    /// Source port, or the identifier of an echo.
    pub source_port: u16,
    /// Destination address.
    pub destination: IpAddr,
    /// Destination port, or the identifier of an echo.
    pub destination_port: u16,
}

impl Ends {
    /// The same flow seen from its other end.
    #[must_use]
    pub const fn turned(self) -> Self {
        Self {
            protocol: self.protocol,
            source: self.destination,
            source_port: self.destination_port,
            destination: self.source,
            destination_port: self.source_port,
        }
    }
}

/// TCP.
pub(crate) const TCP: u8 = 6;
/// UDP.
pub(crate) const UDP: u8 = 17;
/// ICMP.
pub(crate) const ICMP: u8 = 1;
/// ICMPv6.
pub(crate) const ICMPV6: u8 = 58;

impl Packet {
    /// Reads a packet.
    #[must_use]
    pub fn of(packet: &IpPacket) -> Self {
        let first = first_fragment(packet);
        let echo = packet
            .echo_identifier()
            .or_else(|| first.and_then(|it| it.1));
        let (source_port, destination_port) = match (packet.ports(), echo) {
            (Some(ports), _) => ports,
            (None, Some(identifier)) => (identifier, identifier),
            (None, None) => (0, 0),
        };
        let fragment = match (packet.is_fragment(), packet.header.is_later_fragment()) {
            (_, true) => Fragment::Later,
            (true, false) => Fragment::First,
            (false, false) => Fragment::Whole,
        };
        Self {
            source: packet.source(),
            destination: packet.destination(),
            protocol: packet.protocol(),
            source_port,
            destination_port,
            icmp: packet.icmp_type_code().or_else(|| first.map(|it| it.0)),
            flags: packet.as_tcp().map_or(0, |segment| segment.flags.0),
            size: packet.total_len(),
            dont_fragment: packet.dont_fragment(),
            fragment,
            identification: packet.header.identification(),
            about: quoted_ends(packet).map(Box::new),
            mss: packet.as_tcp().and_then(|it| it.maximum_segment_size()),
        }
    }

    /// What a gateway that carries `mtu` octets does to a SYN's MSS (`facts.md` 2.6).
    pub(crate) fn clamp(&mut self, mtu: u16) {
        let headers = if self.source.is_ipv4() { 40 } else { 60 };
        self.mss = self.mss.map(|mss| mss.min(mtu - headers));
    }

    /// Its flow.
    #[must_use]
    pub const fn ends(&self) -> Ends {
        Ends {
            protocol: self.protocol,
            source: self.source,
            source_port: self.source_port,
            destination: self.destination,
            destination_port: self.destination_port,
        }
    }

    /// Whether a TCP control bit is set.
    #[must_use]
    pub const fn has(&self, flag: TcpFlags) -> bool {
        self.flags & flag.0 != 0
    }

    /// A SYN that opens a connection.
    #[must_use]
    pub const fn opens(&self) -> bool {
        self.protocol == TCP && self.has(TcpFlags::SYN) && !self.has(TcpFlags::ACK)
    }

    /// ICMP of either version.
    #[must_use]
    pub const fn is_icmp(&self) -> bool {
        matches!(self.protocol, ICMP | ICMPV6)
    }

    /// An echo request of either version.
    #[must_use]
    pub const fn is_echo_request(&self) -> bool {
        matches!(
            (self.protocol, self.icmp),
            (ICMP, Some((8, _))) | (ICMPV6, Some((128, _)))
        )
    }

    /// An echo reply of either version.
    #[must_use]
    pub const fn is_echo_reply(&self) -> bool {
        matches!(
            (self.protocol, self.icmp),
            (ICMP, Some((0, _))) | (ICMPV6, Some((129, _)))
        )
    }

    /// What tells the fragments of one datagram.
    #[must_use]
    pub const fn datagram(&self) -> (IpAddr, IpAddr, u8, u32) {
        (
            self.source,
            self.destination,
            self.protocol,
            self.identification,
        )
    }
}

/// Type, code and echo identifier of a first fragment of ICMP, which is octets to the parser.
fn first_fragment(packet: &IpPacket) -> Option<((u8, u8), Option<u16>)> {
    match &packet.transport {
        Transport::Other { protocol, payload } if !packet.header.is_later_fragment() => {
            match (protocol, &payload[..]) {
                (&ICMP, &[icmp_type @ (0 | 8), code, _, _, a, b, ..])
                | (&ICMPV6, &[icmp_type @ (128 | 129), code, _, _, a, b, ..]) => {
                    Some(((icmp_type, code), Some(u16::from_be_bytes([a, b]))))
                }
                (&(ICMP | ICMPV6), &[icmp_type, code, ..]) => Some(((icmp_type, code), None)),
                _ => None,
            }
        }
        _ => None,
    }
}

fn quoted_ends(packet: &IpPacket) -> Option<Ends> {
    let quoted = QuotedPacket::parse(packet.quoted()?).ok()?;
    let flow = quoted.five_tuple();
    let echo = quoted.echo_identifier;
    Some(Ends {
        protocol: flow.protocol,
        source: flow.source,
        source_port: echo.unwrap_or(flow.source_port),
        destination: flow.destination,
        destination_port: echo.unwrap_or(flow.destination_port),
    })
}

/// `10.0.1.5:1234 > 10.0.2.10:80 tcp [S] 60`.
impl fmt::Display for Packet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Ends {
            source,
            source_port,
            destination,
            destination_port,
            ..
        } = self.ends();
        write!(
            f,
            "{source}:{source_port} > {destination}:{destination_port} "
        )?;
        match (self.protocol, self.icmp) {
            (TCP, _) => write!(f, "tcp {}", TcpFlags(self.flags))?,
            (UDP, _) => f.write_str("udp")?,
            (_, Some((icmp_type, code))) => write!(f, "icmp {icmp_type}/{code}")?,
            (protocol, None) => write!(f, "protocol {protocol}")?,
        }
        let fragment = match self.fragment {
            Fragment::Whole => "",
            Fragment::First => " first fragment",
            Fragment::Later => " later fragment",
        };
        write!(f, " {} octets{fragment}", self.size)?;
        if let Some(mss) = self.mss {
            write!(f, " MSS {mss}")?;
        }
        Ok(())
    }
}

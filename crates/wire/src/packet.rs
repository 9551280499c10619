//! The values: one IP packet, its transport, its Ethernet frame.

use std::fmt;
use std::net::IpAddr;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::TcpOptions;

/// A MAC address.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct MacAddr(pub [u8; 6]);

/// `02:00:00:aa:bb:cc`.
impl fmt::Display for MacAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

/// An Ethernet II frame that carries an IP packet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Frame {
    /// Destination.
    pub destination: MacAddr,
    /// Source.
    pub source: MacAddr,
    /// What it carries.
    pub packet: IpPacket,
}

/// An IP packet, whole or a fragment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IpPacket {
    /// Addresses and the fields of the version.
    pub header: IpHeader,
    /// What follows the header.
    pub transport: Transport,
}

/// The IP header, less what is computed (lengths, checksum, protocol of a known transport).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IpHeader {
    /// Source; of the same version as `destination` and `version`.
    pub source: IpAddr,
    /// Destination.
    pub destination: IpAddr,
    /// Time to live, or hop limit.
    pub ttl: u8,
    /// DSCP (upper six bits) and ECN (lower two) as they stand in the header.
    pub traffic_class: u8,
    /// What only one version has.
    pub version: IpVersionFields,
}

/// Fields of one IP version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum IpVersionFields {
    /// RFC 791.
    V4(Ipv4Fields),
    /// RFC 8200.
    V6(Ipv6Fields),
}

/// Fields only IPv4 has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ipv4Fields {
    /// Identification.
    pub identification: u16,
    /// DF.
    pub dont_fragment: bool,
    /// MF.
    pub more_fragments: bool,
    /// In units of 8 octets. Non-zero: `transport` is [`Transport::Other`].
    pub fragment_offset: u16,
}

/// Fields only IPv6 has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ipv6Fields {
    /// Flow label, 20 bits.
    pub flow_label: u32,
    /// The fragment header, if there is one.
    pub fragment: Option<Ipv6Fragment>,
}

/// IPv6's fragment header (RFC 8200 section 4.5), less the protocol of what it is a part of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ipv6Fragment {
    /// Identification.
    pub identification: u32,
    /// The M flag.
    pub more_fragments: bool,
    /// In units of 8 octets. Zero without `more_fragments`: the packet is whole, an "atomic
    /// fragment" (RFC 6946).
    pub fragment_offset: u16,
}

/// The ECN field, RFC 3168 section 5.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum EcnCodepoint {
    /// Not ECN-capable.
    NotEct,
    /// ECT(1).
    Ect1,
    /// ECT(0).
    Ect0,
    /// Congestion experienced.
    Ce,
}

/// What an IP packet carries.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Transport {
    /// RFC 9293.
    Tcp(TcpSegment),
    /// RFC 768.
    Udp(UdpDatagram),
    /// RFC 792, RFC 1191; over IPv4 only.
    Icmp(IcmpMessage),
    /// RFC 4443; over IPv6 only.
    Icmpv6(Icmpv6Message),
    /// Another protocol, any fragment (the first one too), other IPv6 extension headers than the
    /// fragment header, or a header of the above that does not parse: the octets as they are.
    Other {
        /// IANA number.
        protocol: u8,
        /// Everything after the IP header, and after IPv6's fragment header.
        payload: Bytes,
    },
}

/// TCP's control bits (RFC 9293 section 3.1, RFC 3168 for the upper two).
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct TcpFlags(pub u8);

impl TcpFlags {
    /// FIN.
    pub const FIN: Self = Self(0x01);
    /// SYN.
    pub const SYN: Self = Self(0x02);
    /// RST.
    pub const RST: Self = Self(0x04);
    /// PSH.
    pub const PSH: Self = Self(0x08);
    /// ACK.
    pub const ACK: Self = Self(0x10);
    /// URG.
    pub const URG: Self = Self(0x20);
    /// ECE.
    pub const ECE: Self = Self(0x40);
    /// CWR.
    pub const CWR: Self = Self(0x80);

    /// Whether every bit of `other` is set.
    #[must_use]
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

impl std::ops::BitOr for TcpFlags {
    type Output = Self;
    fn bitor(self, rhs: Self) -> Self {
        Self(self.0 | rhs.0)
    }
}

/// As tcpdump prints them: `[S.]`, `[P.]`, `[.]`, `[none]`.
impl fmt::Display for TcpFlags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const LETTERS: [(TcpFlags, char); 8] = [
            (TcpFlags::FIN, 'F'),
            (TcpFlags::SYN, 'S'),
            (TcpFlags::RST, 'R'),
            (TcpFlags::PSH, 'P'),
            (TcpFlags::ACK, '.'),
            (TcpFlags::URG, 'U'),
            (TcpFlags::ECE, 'E'),
            (TcpFlags::CWR, 'W'),
        ];
        if self.0 == 0 {
            return f.write_str("[none]");
        }
        f.write_str("[")?;
        for (flag, letter) in LETTERS {
            if self.contains(flag) {
                write!(f, "{letter}")?;
            }
        }
        f.write_str("]")
    }
}

impl fmt::Debug for TcpFlags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A TCP option. A segment keeps its options in wire order, padding included: [`TcpOptions`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum TcpOption {
    /// Kind 0: end of the list.
    EndOfList,
    /// Kind 1.
    Nop,
    /// Kind 2: maximum segment size in octets.
    MaximumSegmentSize(u16),
    /// Kind 3: shift count, RFC 7323.
    WindowScale(u8),
    /// Kind 4, RFC 2018.
    SackPermitted,
    /// Kind 5: left and right edges, most recent block first.
    Sack(Vec<(u32, u32)>),
    /// Kind 8: TSval and TSecr, RFC 7323.
    Timestamps {
        /// TSval.
        value: u32,
        /// TSecr.
        echo_reply: u32,
    },
    /// Any other kind with its data.
    Unknown {
        /// Kind.
        kind: u8,
        /// Data, without kind and length.
        data: Bytes,
    },
}

/// A TCP segment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TcpSegment {
    /// Source port.
    pub source_port: u16,
    /// Destination port.
    pub destination_port: u16,
    /// Sequence number.
    pub sequence: u32,
    /// Acknowledgment number; sent as it stands even without ACK.
    pub acknowledgment: u32,
    /// Control bits.
    pub flags: TcpFlags,
    /// The window field, unscaled.
    pub window: u16,
    /// Urgent pointer.
    pub urgent_pointer: u16,
    /// Options in wire order; together a multiple of 4 octets, at most 40.
    pub options: TcpOptions,
    /// Data.
    pub payload: Bytes,
}

/// A UDP datagram.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UdpDatagram {
    /// Source port.
    pub source_port: u16,
    /// Destination port.
    pub destination_port: u16,
    /// Data.
    pub payload: Bytes,
}

/// Codes of ICMP type 3 that this product speaks of (RFC 792, RFC 1191, RFC 1812 section 5.2.7.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Unreachable {
    /// Code 0.
    Net,
    /// Code 1.
    Host,
    /// Code 2.
    Protocol,
    /// Code 3.
    Port,
    /// Code 4, with the next-hop MTU of RFC 1191 in octets.
    FragmentationNeeded {
        /// Next-hop MTU; 0 from a router that does not know RFC 1191.
        next_hop_mtu: u16,
    },
    /// Code 10.
    HostProhibited,
    /// Code 13.
    AdministrativelyProhibited,
    /// Any other code.
    Other(u8),
}

/// An ICMP message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum IcmpMessage {
    /// Type 8.
    EchoRequest {
        /// Identifier.
        identifier: u16,
        /// Sequence number.
        sequence: u16,
        /// Data.
        payload: Bytes,
    },
    /// Type 0.
    EchoReply {
        /// Identifier.
        identifier: u16,
        /// Sequence number.
        sequence: u16,
        /// Data.
        payload: Bytes,
    },
    /// Type 3, with the octets of the packet it is about, from its IP header on.
    DestinationUnreachable {
        /// Code.
        code: Unreachable,
        /// Quoted packet, cut.
        quoted: Bytes,
    },
    /// Type 11.
    TimeExceeded {
        /// 0 in transit, 1 in reassembly.
        code: u8,
        /// Quoted packet, cut.
        quoted: Bytes,
    },
    /// Any other type.
    Other {
        /// Type.
        icmp_type: u8,
        /// Code.
        code: u8,
        /// The second four octets of the header.
        rest: [u8; 4],
        /// Data.
        payload: Bytes,
    },
}

/// An ICMPv6 message, RFC 4443.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Icmpv6Message {
    /// Type 128.
    EchoRequest {
        /// Identifier.
        identifier: u16,
        /// Sequence number.
        sequence: u16,
        /// Data.
        payload: Bytes,
    },
    /// Type 129.
    EchoReply {
        /// Identifier.
        identifier: u16,
        /// Sequence number.
        sequence: u16,
        /// Data.
        payload: Bytes,
    },
    /// Type 1: 0 no route, 1 administratively prohibited, 3 address, 4 port.
    DestinationUnreachable {
        /// Code.
        code: u8,
        /// Quoted packet, cut.
        quoted: Bytes,
    },
    /// Type 2: the IPv6 form of "fragmentation needed".
    PacketTooBig {
        /// Next-hop MTU in octets.
        mtu: u32,
        /// Quoted packet, cut.
        quoted: Bytes,
    },
    /// Type 3.
    TimeExceeded {
        /// 0 in transit, 1 in reassembly.
        code: u8,
        /// Quoted packet, cut.
        quoted: Bytes,
    },
    /// Any other type, neighbour discovery among them.
    Other {
        /// Type.
        icmp_type: u8,
        /// Code.
        code: u8,
        /// The second four octets of the header.
        rest: [u8; 4],
        /// Data.
        payload: Bytes,
    },
}

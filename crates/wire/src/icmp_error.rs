//! ICMP errors: whether one may be sent, and what it quotes.

use std::net::IpAddr;

use bytes::Bytes;

use crate::{IcmpMessage, Icmpv6Message, IpHeader, IpPacket, Transport, Unreachable, protocol};

/// An ICMP error is at most this long, IP header included (RFC 1812 section 4.3.2.3; Linux does the
/// same).
const IPV4_ERROR_LEN: usize = 576;
/// An ICMPv6 error is at most the minimum MTU (RFC 4443 section 2.4 c).
const IPV6_ERROR_LEN: usize = 1280;
/// Internetwork control, as Linux marks its errors (RFC 1812 section 4.3.2.5: precedence 6).
const ERROR_PRECEDENCE: u8 = 0xc0;
/// What an error keeps of the TOS of the packet it is about (`RT_TOS`).
const KEPT_TOS: u8 = 0x1e;
/// Octets of ICMP header in front of the quote.
const ICMP_HEADER_LEN: usize = 8;

/// What went wrong with a packet, in terms of either IP version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IcmpError {
    /// Type 3. Over IPv6 the code is translated as RFC 7915 section 4.2 does, and
    /// [`Unreachable::FragmentationNeeded`] becomes "packet too big".
    Unreachable(Unreachable),
    /// TTL or hop limit ran out in transit.
    TtlExceeded,
    /// Fragments did not arrive in time.
    ReassemblyTimeExceeded,
}

impl IpPacket {
    /// The ICMP or ICMPv6 error about `self`, as Linux sends it from the address `from`: TTL 64,
    /// precedence 6 and the packet's own type of service (`icmp_send`; of ICMPv6 traffic class 0,
    /// `icmp6_send`), DF clear, identification 0 (the sender sets its own), and as much of it as
    /// fits in 576 octets (IPv6: 1280).
    ///
    /// `None` where none may be sent (RFC 1122 section 3.2.2): about ICMP errors, fragments after
    /// the first (but of IPv6: RFC 4443 section 2.4 e), and packets to or from multicast, broadcast
    /// or unspecified addresses.
    ///
    /// # Panics
    /// If `from` is of another IP version.
    #[must_use]
    pub fn icmp_error(&self, from: IpAddr, error: IcmpError) -> Option<Self> {
        if !self.may_be_answered_by_error() {
            return None;
        }
        let class = if from.is_ipv4() {
            self.header.traffic_class & KEPT_TOS | ERROR_PRECEDENCE
        } else {
            0
        };
        let header = IpHeader::new(from, self.header.source)
            .with_traffic_class(class)
            .with_dont_fragment(false);
        let transport = if header.is_ipv4() {
            let quoted = self.quote(IPV4_ERROR_LEN - header.wire_len() - ICMP_HEADER_LEN);
            Transport::Icmp(error.v4(quoted))
        } else {
            let quoted = self.quote(IPV6_ERROR_LEN - header.wire_len() - ICMP_HEADER_LEN);
            Transport::Icmpv6(error.v6(quoted))
        };
        Some(Self::new(header, transport))
    }

    /// The first `limit` octets of the packet.
    #[must_use]
    pub fn quote(&self, limit: usize) -> Bytes {
        let mut bytes = self.to_bytes();
        bytes.truncate(limit);
        bytes.into()
    }

    fn may_be_answered_by_error(&self) -> bool {
        let is_later = self.header.is_later_fragment() && self.header.is_ipv4();
        !is_later
            && !self.is_icmp_error()
            && is_unicast(self.header.source)
            && is_unicast(self.header.destination)
    }

    /// Whether this is an ICMP or ICMPv6 error, first fragments of one included.
    #[must_use]
    pub fn is_icmp_error(&self) -> bool {
        match &self.transport {
            Transport::Icmp(message) => message.is_error(),
            Transport::Icmpv6(message) => message.is_error(),
            Transport::Other {
                protocol: protocol::ICMP,
                payload,
            } => matches!(payload.first(), Some(3 | 4 | 5 | 11 | 12)),
            Transport::Other {
                protocol: protocol::ICMPV6,
                payload,
            } => matches!(payload.first(), Some(0..128)),
            _ => false,
        }
    }
}

impl IcmpError {
    fn v4(self, quoted: Bytes) -> IcmpMessage {
        match self {
            Self::Unreachable(code) => IcmpMessage::DestinationUnreachable { code, quoted },
            Self::TtlExceeded => IcmpMessage::TimeExceeded { code: 0, quoted },
            Self::ReassemblyTimeExceeded => IcmpMessage::TimeExceeded { code: 1, quoted },
        }
    }

    fn v6(self, quoted: Bytes) -> Icmpv6Message {
        let code = match self {
            Self::Unreachable(Unreachable::FragmentationNeeded { next_hop_mtu }) => {
                let mtu = u32::from(next_hop_mtu);
                return Icmpv6Message::PacketTooBig { mtu, quoted };
            }
            Self::TtlExceeded => return Icmpv6Message::TimeExceeded { code: 0, quoted },
            Self::ReassemblyTimeExceeded => {
                return Icmpv6Message::TimeExceeded { code: 1, quoted };
            }
            Self::Unreachable(Unreachable::Port) => 4,
            Self::Unreachable(
                Unreachable::HostProhibited | Unreachable::AdministrativelyProhibited,
            ) => 1,
            Self::Unreachable(Unreachable::Host) => 3,
            Self::Unreachable(_) => 0,
        };
        Icmpv6Message::DestinationUnreachable { code, quoted }
    }
}

fn is_unicast(address: IpAddr) -> bool {
    let is_broadcast = matches!(address, IpAddr::V4(address) if address.is_broadcast());
    !address.is_unspecified() && !address.is_multicast() && !is_broadcast
}

//! Neighbour discovery (RFC 4861) as far as address resolution needs it: neighbour solicitations
//! and advertisements, and the addresses they go to.

use std::net::{IpAddr, Ipv6Addr};

use bytes::Bytes;

use crate::{Icmpv6Message, IpHeader, IpPacket, IpVersionFields, Ipv6Fields, MacAddr, Transport};

/// ICMPv6 types (section 4): router solicitation to redirect.
const TYPES: std::ops::RangeInclusive<u8> = 133..=137;
const SOLICITATION: u8 = 135;
const ADVERTISEMENT: u8 = 136;
/// Options (section 4.6.1).
const SOURCE_LINK_LAYER_ADDRESS: u8 = 1;
const TARGET_LINK_LAYER_ADDRESS: u8 = 2;
/// A packet that a router passed on has less, and is not heeded.
const HOP_LIMIT: u8 = 255;

/// Flags of an advertisement (section 4.4).
const ROUTER: u8 = 0x80;
const SOLICITED: u8 = 0x40;
const OVERRIDE: u8 = 0x20;

/// A neighbour solicitation or advertisement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NeighborDiscovery {
    /// Who has `target`?
    Solicitation {
        /// The address asked for.
        target: Ipv6Addr,
        /// The asker's hardware address.
        source_mac: Option<MacAddr>,
    },
    /// `target` is there.
    Advertisement {
        /// The address told of.
        target: Ipv6Addr,
        /// Its hardware address; left out where the asker knows it.
        target_mac: Option<MacAddr>,
        /// Whether its owner is a router.
        router: bool,
        /// Whether it answers a solicitation.
        solicited: bool,
    },
}

/// The solicited-node multicast address (RFC 4291 section 2.7.1).
#[must_use]
pub const fn solicited_node(address: Ipv6Addr) -> Ipv6Addr {
    let [.., a, b, c] = address.octets();
    let (high, low) = (u16::from_be_bytes([0xff, a]), u16::from_be_bytes([b, c]));
    Ipv6Addr::new(0xff02, 0, 0, 0, 0, 1, high, low)
}

/// The Ethernet address of an IPv6 multicast address (RFC 2464 section 7).
#[must_use]
pub const fn multicast_mac(address: Ipv6Addr) -> MacAddr {
    let [.., a, b, c, d] = address.octets();
    MacAddr([0x33, 0x33, a, b, c, d])
}

/// The link-local address that a hardware address implies (RFC 4291 appendix A).
#[must_use]
pub const fn link_local(mac: MacAddr) -> Ipv6Addr {
    let [a, b, c, d, e, g] = mac.0;
    Ipv6Addr::new(
        0xfe80,
        0,
        0,
        0,
        u16::from_be_bytes([a ^ 2, b]),
        u16::from_be_bytes([c, 0xff]),
        u16::from_be_bytes([0xfe, d]),
        u16::from_be_bytes([e, g]),
    )
}

impl NeighborDiscovery {
    /// The message in a packet, if it is one that may be heeded (sections 7.1.1 and 7.1.2).
    #[must_use]
    pub fn of(packet: &IpPacket) -> Option<Self> {
        let Icmpv6Message::Other {
            icmp_type,
            code: 0,
            rest,
            payload,
        } = packet.as_icmpv6()?
        else {
            return None;
        };
        if packet.header.ttl != HOP_LIMIT {
            return None;
        }
        let target = Ipv6Addr::from(*payload.first_chunk::<16>()?);
        match *icmp_type {
            SOLICITATION => Some(Self::Solicitation {
                target,
                source_mac: option(&payload[16..], SOURCE_LINK_LAYER_ADDRESS),
            }),
            ADVERTISEMENT => Some(Self::Advertisement {
                target,
                target_mac: option(&payload[16..], TARGET_LINK_LAYER_ADDRESS),
                router: rest[0] & ROUTER != 0,
                solicited: rest[0] & SOLICITED != 0,
            }),
            _ => None,
        }
    }

    /// The packet that carries it.
    #[must_use]
    pub fn packet(&self, source: Ipv6Addr, destination: Ipv6Addr) -> IpPacket {
        let (icmp_type, flags, target, kind, mac) = match *self {
            Self::Solicitation { target, source_mac } => (
                SOLICITATION,
                0,
                target,
                SOURCE_LINK_LAYER_ADDRESS,
                source_mac,
            ),
            Self::Advertisement {
                target,
                target_mac,
                router,
                solicited,
            } => {
                let flag = |is_set: bool, bit: u8| if is_set { bit } else { 0 };
                let flags = flag(router, ROUTER)
                    | flag(solicited, SOLICITED)
                    | flag(target_mac.is_some(), OVERRIDE);
                (
                    ADVERTISEMENT,
                    flags,
                    target,
                    TARGET_LINK_LAYER_ADDRESS,
                    target_mac,
                )
            }
        };
        let mut payload = target.octets().to_vec();
        if let Some(mac) = mac {
            payload.extend([kind, 1]);
            payload.extend(mac.0);
        }
        IpPacket {
            header: IpHeader {
                source: IpAddr::V6(source),
                destination: IpAddr::V6(destination),
                ttl: HOP_LIMIT,
                traffic_class: 0,
                version: IpVersionFields::V6(Ipv6Fields::default()),
            },
            transport: Transport::Icmpv6(Icmpv6Message::Other {
                icmp_type,
                code: 0,
                rest: [flags, 0, 0, 0],
                payload: Bytes::from(payload),
            }),
        }
    }
}

/// The hardware address in an option of this kind; a length of zero ends the options.
fn option(mut octets: &[u8], wanted: u8) -> Option<MacAddr> {
    while let [kind, units, ..] = *octets {
        let length = usize::from(units) * 8;
        let whole = octets.get(..length).filter(|it| !it.is_empty())?;
        if kind == wanted && units == 1 {
            return Some(MacAddr(*whole[2..].first_chunk::<6>()?));
        }
        octets = &octets[length..];
    }
    None
}

impl IpPacket {
    /// Whether it is a message of neighbour discovery, router discovery and redirects included.
    #[must_use]
    pub fn is_neighbor_discovery(&self) -> bool {
        let message = self.as_icmpv6();
        message.is_some_and(
            |it| matches!(it, Icmpv6Message::Other { icmp_type, .. } if TYPES.contains(icmp_type)),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAC: MacAddr = MacAddr([2, 0x1a, 0x0a, 0, 1, 0x0a]);

    #[test]
    fn addresses_are_those_of_the_rfcs() {
        let address: Ipv6Addr = "2001:db8::1:800:200e:8c6c".parse().expect("an address");
        assert_eq!(solicited_node(address).to_string(), "ff02::1:ff0e:8c6c");
        let mac = multicast_mac(solicited_node(address));
        assert_eq!(mac.to_string(), "33:33:ff:0e:8c:6c");
        assert_eq!(link_local(MAC).to_string(), "fe80::1a:aff:fe00:10a");
    }

    #[test]
    fn messages_are_read_as_they_were_written() {
        let target: Ipv6Addr = "2001:db8::5".parse().expect("an address");
        let asks = NeighborDiscovery::Solicitation {
            target,
            source_mac: Some(MAC),
        };
        let packet = asks.packet(link_local(MAC), solicited_node(target));
        assert_eq!(packet.total_len(), 72);
        assert!(packet.is_neighbor_discovery());
        let read = IpPacket::parse(&packet.to_bytes()).expect("a packet");
        assert_eq!(NeighborDiscovery::of(&read), Some(asks));
        let text = "IP6 fe80::1a:aff:fe00:10a > ff02::1:ff00:5: ICMP6, neighbor solicitation, who \
                    has 2001:db8::5, length 32";
        assert_eq!(read.summary().to_string(), text);
        let tells = NeighborDiscovery::Advertisement {
            target,
            target_mac: None,
            router: true,
            solicited: true,
        };
        let mut packet = tells.packet(target, link_local(MAC));
        assert_eq!(packet.total_len(), 64);
        assert_eq!(NeighborDiscovery::of(&packet), Some(tells));
        packet.header.ttl = 254;
        assert_eq!(NeighborDiscovery::of(&packet), None);
    }
}

//! ARP (RFC 826) for IPv4 over Ethernet, and frames of either kind.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};

use serde::{Deserialize, Serialize};

use crate::emit::ETHERNET_HEADER_LEN;
use crate::{Frame, IpPacket, MacAddr, NeighborDiscovery};

/// EtherType of ARP.
pub(crate) const ETHER_TYPE_ARP: u16 = 0x0806;
/// Octets of an ARP packet for IPv4 over Ethernet.
const ARP_LEN: usize = 28;
/// Hardware type Ethernet, protocol type IPv4, their address lengths.
const IPV4_OVER_ETHERNET: [u8; 6] = [0, 1, 0x08, 0, 6, 4];

/// `ar$op`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum ArpOperation {
    /// Who has the target's address?
    Request,
    /// The sender has its address.
    Reply,
}

/// An ARP packet for IPv4 over Ethernet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ArpPacket {
    /// Request or reply.
    pub operation: ArpOperation,
    /// `ar$sha`.
    pub sender_mac: MacAddr,
    /// `ar$spa`.
    pub sender: Ipv4Addr,
    /// `ar$tha`; zero in a request of Linux.
    pub target_mac: MacAddr,
    /// `ar$tpa`.
    pub target: Ipv4Addr,
}

/// An Ethernet II frame that carries ARP.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ArpFrame {
    /// Destination.
    pub destination: MacAddr,
    /// Source.
    pub source: MacAddr,
    /// What it carries.
    pub packet: ArpPacket,
}

/// A frame as a capture point sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum LinkFrame {
    /// An IP packet.
    Ip(Frame),
    /// ARP.
    Arp(ArpFrame),
}

impl ArpPacket {
    /// Reads what follows the Ethernet header; `None` if it is no request or reply for IPv4 over
    /// Ethernet. What follows the packet (padding) is ignored.
    #[must_use]
    pub fn parse(octets: &[u8]) -> Option<Self> {
        let packet = octets.first_chunk::<ARP_LEN>()?;
        if packet[..6] != IPV4_OVER_ETHERNET {
            return None;
        }
        let operation = match packet[6..8] {
            [0, 1] => ArpOperation::Request,
            [0, 2] => ArpOperation::Reply,
            _ => return None,
        };
        let mac = |at: usize| {
            let mut octets = [0; 6];
            octets.copy_from_slice(&packet[at..at + 6]);
            MacAddr(octets)
        };
        let address =
            |at: usize| Ipv4Addr::new(packet[at], packet[at + 1], packet[at + 2], packet[at + 3]);
        Some(Self {
            operation,
            sender_mac: mac(8),
            sender: address(14),
            target_mac: mac(18),
            target: address(24),
        })
    }

    /// Appends the packet's bytes.
    pub fn write_to(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&IPV4_OVER_ETHERNET);
        out.extend_from_slice(match self.operation {
            ArpOperation::Request => &[0, 1],
            ArpOperation::Reply => &[0, 2],
        });
        out.extend_from_slice(&self.sender_mac.0);
        out.extend_from_slice(&self.sender.octets());
        out.extend_from_slice(&self.target_mac.0);
        out.extend_from_slice(&self.target.octets());
    }

    /// The answer of whoever has the target's address.
    #[must_use]
    pub const fn answered_by(&self, mac: MacAddr) -> Self {
        Self {
            operation: ArpOperation::Reply,
            sender_mac: mac,
            sender: self.target,
            target_mac: self.sender_mac,
            target: self.sender,
        }
    }
}

/// As tcpdump prints it.
impl fmt::Display for ArpPacket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut octets = Vec::with_capacity(ARP_LEN);
        self.write_to(&mut octets);
        crate::summary::arp::print(&octets, f)
    }
}

impl LinkFrame {
    /// It, if it carries an IP packet.
    #[must_use]
    pub const fn as_ip(&self) -> Option<&Frame> {
        match self {
            Self::Ip(frame) => Some(frame),
            Self::Arp(_) => None,
        }
    }

    /// The IP packet in it, if it carries one.
    #[must_use]
    pub const fn packet(&self) -> Option<&IpPacket> {
        match self {
            Self::Ip(frame) => Some(&frame.packet),
            Self::Arp(_) => None,
        }
    }

    /// Destination.
    #[must_use]
    pub const fn destination(&self) -> MacAddr {
        match self {
            Self::Ip(frame) => frame.destination,
            Self::Arp(frame) => frame.destination,
        }
    }

    /// Source.
    #[must_use]
    pub const fn source(&self) -> MacAddr {
        match self {
            Self::Ip(frame) => frame.source,
            Self::Arp(frame) => frame.source,
        }
    }

    /// Whether it is ARP or neighbour discovery (RFC 4861): talk of the link alone, which no router
    /// passes on and no flow log records.
    #[must_use]
    pub fn is_of_link(&self) -> bool {
        self.packet().is_none_or(IpPacket::is_neighbor_discovery)
    }

    /// The address whose owner it asks for.
    #[must_use]
    pub fn asks_for(&self) -> Option<IpAddr> {
        match self {
            Self::Arp(frame) => {
                let is_request = frame.packet.operation == ArpOperation::Request;
                is_request.then_some(IpAddr::V4(frame.packet.target))
            }
            Self::Ip(frame) => match NeighborDiscovery::of(&frame.packet)? {
                NeighborDiscovery::Solicitation { target, .. } => Some(IpAddr::V6(target)),
                NeighborDiscovery::Advertisement { .. } => None,
            },
        }
    }

    /// The answer of the address's owner, whose hardware address is `mac`; none to what asks
    /// nothing. A solicitation that was sent to the owner alone is answered without the option that
    /// names `mac` (`ndisc_recv_ns` of Linux); one that went to another's address, which the asker
    /// remembers, with it.
    #[must_use]
    pub fn answered_by(&self, mac: MacAddr, router: bool) -> Option<Self> {
        let destination = self.source();
        match (self, self.asks_for()?) {
            (Self::Arp(asked), _) => Some(Self::Arp(ArpFrame {
                destination,
                source: mac,
                packet: asked.packet.answered_by(mac),
            })),
            (Self::Ip(asked), IpAddr::V6(target)) => {
                let IpAddr::V6(asker) = asked.packet.source() else {
                    return None;
                };
                let tells = NeighborDiscovery::Advertisement {
                    target,
                    target_mac: (asked.destination != mac).then_some(mac),
                    router,
                    solicited: true,
                };
                Some(Self::Ip(Frame {
                    destination,
                    source: mac,
                    packet: tells.packet(target, asker),
                }))
            }
            (Self::Ip(_), IpAddr::V4(_)) => None,
        }
    }

    /// Octets of the frame as captured: Ethernet header and packet, no padding, no FCS.
    #[must_use]
    pub fn wire_len(&self) -> usize {
        match self {
            Self::Ip(frame) => frame.wire_len(),
            Self::Arp(_) => ETHERNET_HEADER_LEN + ARP_LEN,
        }
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
        match self {
            Self::Ip(frame) => frame.write_to(out),
            Self::Arp(frame) => {
                out.extend_from_slice(&frame.destination.0);
                out.extend_from_slice(&frame.source.0);
                out.extend_from_slice(&ETHER_TYPE_ARP.to_be_bytes());
                frame.packet.write_to(out);
            }
        }
    }
}

/// `{}` as tcpdump prints it; `{:#}` on one line, without the leading `IP `.
impl fmt::Display for LinkFrame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ip(frame) => fmt::Display::fmt(&frame.packet.summary(), f),
            Self::Arp(frame) => fmt::Display::fmt(&frame.packet, f),
        }
    }
}

impl From<Frame> for LinkFrame {
    fn from(frame: Frame) -> Self {
        Self::Ip(frame)
    }
}

impl From<ArpFrame> for LinkFrame {
    fn from(frame: ArpFrame) -> Self {
        Self::Arp(frame)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::summary;

    const OWN: MacAddr = MacAddr([2, 0x1a, 0x0a, 0, 1, 0x0a]);
    const ROUTER: MacAddr = MacAddr([2, 0x1a, 0x0a, 0, 1, 1]);

    fn request() -> ArpFrame {
        ArpFrame {
            destination: MacAddr([0xff; 6]),
            source: OWN,
            packet: ArpPacket {
                operation: ArpOperation::Request,
                sender_mac: OWN,
                sender: Ipv4Addr::new(10, 0, 1, 10),
                target_mac: MacAddr::default(),
                target: Ipv4Addr::new(10, 0, 1, 1),
            },
        }
    }

    #[test]
    fn a_request_and_its_reply_read_as_in_tcpdump() {
        let octets = LinkFrame::from(request()).to_bytes();
        assert_eq!(octets.len(), 42);
        let line = |octets: &[u8]| summary::line(crate::link::LinkType::ETHERNET, octets);
        let text = "ARP, Request who-has 10.0.1.1 tell 10.0.1.10, length 28";
        assert_eq!(line(&octets), text);
        assert_eq!(request().packet.to_string(), text);
        let reply = request().packet.answered_by(ROUTER);
        let text = "ARP, Reply 10.0.1.1 is-at 02:1a:0a:00:01:01, length 28";
        assert_eq!(reply.to_string(), text);
    }

    #[test]
    fn what_was_written_is_read_again() {
        let frame = LinkFrame::from(request());
        let octets = frame.to_bytes();
        assert_eq!(ArpPacket::parse(&octets[14..]), Some(request().packet));
        assert_eq!(ArpPacket::parse(&octets[14..41]), None);
        assert_eq!(ArpPacket::parse(&[0; 28]), None);
    }
}

//! Link layers of foreign captures: from a captured frame to the IP packet in it.
//!
//! Numbers are the `LINKTYPE_` values of <https://www.tcpdump.org/linktypes.html>; where libpcap's
//! `DLT_` value differs between systems (raw IP: 12, 14, 101) both are taken.

use std::fmt;

use crate::emit::{ETHER_TYPE_IPV4, ETHER_TYPE_IPV6};

/// A link-layer type as savefiles number them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LinkType(pub u32);

impl LinkType {
    /// BSD loopback: address family in the byte order of the capturing host.
    pub const NULL: Self = Self(0);
    /// Ethernet, 802.1Q tags included.
    pub const ETHERNET: Self = Self(1);
    /// Raw IP.
    pub const RAW: Self = Self(101);
    /// OpenBSD loopback: address family in network byte order.
    pub const LOOP: Self = Self(108);
    /// Linux "cooked" capture, `tcpdump -i any`.
    pub const LINUX_SLL: Self = Self(113);
    /// Raw IPv4.
    pub const IPV4: Self = Self(228);
    /// Raw IPv6.
    pub const IPV6: Self = Self(229);
    /// Linux "cooked" capture, version 2.
    pub const LINUX_SLL2: Self = Self(276);
}

/// The name without `LINKTYPE_`, or the number.
impl fmt::Display for LinkType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match *self {
            Self::NULL => "NULL",
            Self::ETHERNET => "ETHERNET",
            Self(12 | 14 | 101) => "RAW",
            Self::LOOP => "LOOP",
            Self::LINUX_SLL => "LINUX_SLL",
            Self::IPV4 => "IPV4",
            Self::IPV6 => "IPV6",
            Self::LINUX_SLL2 => "LINUX_SLL2",
            Self(number) => return write!(f, "{number}"),
        };
        f.write_str(name)
    }
}

/// A frame without its link layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decoded<'a> {
    /// From the IP header on; may be cut, may be padded.
    pub packet: &'a [u8],
    /// VLAN of the innermost 802.1Q tag.
    pub vlan: Option<u16>,
    /// Whether the capturing host sent it; only "cooked" captures know.
    pub outgoing: Option<bool>,
}

/// Why a frame gives no IP packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LinkError {
    /// A link type that is not read.
    #[error(
        "link type `{0}` is not supported; capture on an Ethernet, raw IP, loopback or \
         `any` interface"
    )]
    Unsupported(LinkType),
    /// The frame is shorter than its link-layer header.
    #[error("frame is cut within its link-layer header, after {available} octets")]
    Truncated {
        /// Octets that are there.
        available: usize,
    },
    /// ARP, LLDP, spanning tree and the like.
    #[error("the frame carries no IP packet: its protocol is `{0:#06x}`")]
    NotIp(u16),
}

/// Finds the IP packet in a captured frame.
///
/// # Errors
/// An unsupported link type, a frame that is too short, a frame that carries no IP.
pub fn decode(link: LinkType, frame: &[u8]) -> Result<Decoded<'_>, LinkError> {
    match link {
        LinkType::ETHERNET => ethernet(frame),
        LinkType(12 | 14) | LinkType::RAW | LinkType::IPV4 | LinkType::IPV6 => Ok(bare(frame)),
        LinkType::NULL | LinkType::LOOP => loopback(frame),
        LinkType::LINUX_SLL => sll(frame),
        LinkType::LINUX_SLL2 => sll2(frame),
        other => Err(LinkError::Unsupported(other)),
    }
}

const fn bare(packet: &[u8]) -> Decoded<'_> {
    Decoded {
        packet,
        vlan: None,
        outgoing: None,
    }
}

fn tail(frame: &[u8], at: usize) -> Result<&[u8], LinkError> {
    frame.get(at..).ok_or(LinkError::Truncated {
        available: frame.len(),
    })
}

fn ethernet(frame: &[u8]) -> Result<Decoded<'_>, LinkError> {
    let (protocol, payload) = ether_type(tail(frame, 12)?, frame.len())?;
    ether_payload(protocol, payload, frame.len())
}

/// Splits an EtherType from what follows it.
fn ether_type(octets: &[u8], available: usize) -> Result<(u16, &[u8]), LinkError> {
    match octets {
        [a, b, payload @ ..] => Ok((u16::from_be_bytes([*a, *b]), payload)),
        _ => Err(LinkError::Truncated { available }),
    }
}

/// Strips 802.1Q and 802.1ad tags.
fn ether_payload(
    mut protocol: u16,
    mut payload: &[u8],
    available: usize,
) -> Result<Decoded<'_>, LinkError> {
    const TAGS: [u16; 3] = [0x8100, 0x88a8, 0x9100];
    let mut vlan = None;
    while TAGS.contains(&protocol) {
        let (control, rest) = ether_type(payload, available)?;
        vlan = Some(control & 0x0fff);
        (protocol, payload) = ether_type(rest, available)?;
    }
    match protocol {
        ETHER_TYPE_IPV4 | ETHER_TYPE_IPV6 => Ok(Decoded {
            vlan,
            ..bare(payload)
        }),
        other => Err(LinkError::NotIp(other)),
    }
}

/// Address families of IPv4 and, by system, of IPv6; in either byte order.
fn loopback(frame: &[u8]) -> Result<Decoded<'_>, LinkError> {
    let packet = tail(frame, 4)?;
    let family = match frame {
        [family, 0, 0, 0, ..] | [0, 0, 0, family, ..] => *family,
        _ => 0,
    };
    match family {
        2 | 10 | 24 | 28 | 30 => Ok(bare(packet)),
        other => Err(LinkError::NotIp(u16::from(other))),
    }
}

/// The packet type of "cooked" captures for what the host sent.
const SLL_OUTGOING: u16 = 4;

fn sll(frame: &[u8]) -> Result<Decoded<'_>, LinkError> {
    let payload = tail(frame, 16)?;
    let protocol = u16::from_be_bytes([frame[14], frame[15]]);
    let decoded = ether_payload(protocol, payload, frame.len())?;
    Ok(Decoded {
        outgoing: Some(u16::from_be_bytes([frame[0], frame[1]]) == SLL_OUTGOING),
        ..decoded
    })
}

fn sll2(frame: &[u8]) -> Result<Decoded<'_>, LinkError> {
    let payload = tail(frame, 20)?;
    let protocol = u16::from_be_bytes([frame[0], frame[1]]);
    let decoded = ether_payload(protocol, payload, frame.len())?;
    Ok(Decoded {
        outgoing: Some(u16::from(frame[10]) == SLL_OUTGOING),
        ..decoded
    })
}

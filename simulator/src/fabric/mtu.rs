//! What happens to packets that are too long for a hop.
//!
//! | hop | carries | longer, DF set | longer, DF clear |
//! | --- | --- | --- | --- |
//! | interface | 9001 | dropped | dropped |
//! | internet gateway | 1500 | ICMP 3/4 from the VPC side | fragmented |
//! | egress-only internet gateway | 1500 | ICMPv6 "packet too big" from the VPC side | no such |
//! | NAT gateway | 8500 | ICMP 3/4; MSS clamped | fragmented |
//! | transit gateway | 8500 | ICMP 3/4 on VPC attachments; MSS clamped | dropped |
//! | peering in a Region | 9001 | dropped | dropped |
//! | peering between Regions | 8500 | dropped, nobody is told | dropped |
//! | interface endpoint | 8500 | dropped, nobody is told; MSS clamped | dropped |
//! | VPN tunnel | 1446 and less | dropped, nobody is told | fragmented |
//!
//! `facts.md` 2.6: EC2 User Guide "Network MTU", transit gateway and VPN guides.

use std::net::IpAddr;

use wirelab_wire::{IcmpError, IpPacket, Unreachable};

/// Largest packet of an interface in octets.
pub(crate) const INTERFACE: u16 = 9001;
/// Largest packet through an internet gateway in octets.
pub(crate) const INTERNET_GATEWAY: u16 = 1500;
/// Largest packet through a NAT gateway in octets.
pub(crate) const NAT_GATEWAY: u16 = 8500;
/// Largest packet through an interface endpoint in octets.
pub(crate) const VPC_ENDPOINT: u16 = 8500;
/// Largest packet through a transit gateway in octets.
pub(crate) const TRANSIT_GATEWAY: u16 = 8500;
/// Largest packet from a transit gateway to a VPN connection in octets.
pub(crate) const TRANSIT_GATEWAY_TO_VPN: u16 = 1500;

/// Whether the packet is longer than `mtu` octets.
pub(crate) fn exceeds(packet: &IpPacket, mtu: u16) -> bool {
    packet.total_len() > usize::from(mtu)
}

/// ICMP 3/4, or "packet too big", about the packet.
pub(crate) fn too_big(packet: &IpPacket, from: IpAddr, mtu: u16) -> Option<IpPacket> {
    if from.is_ipv4() != packet.source().is_ipv4() {
        return None;
    }
    let code = Unreachable::FragmentationNeeded { next_hop_mtu: mtu };
    packet.icmp_error(from, IcmpError::Unreachable(code))
}

/// Lowers the MSS option of a SYN so that segments fit in `mtu`.
pub(crate) fn clamp(packet: &mut IpPacket, mtu: u16) {
    let headers = if packet.header.is_ipv4() { 40 } else { 60 };
    if let Some(segment) = packet.as_tcp_mut()
        && segment.flags.contains(wirelab_wire::TcpFlags::SYN)
    {
        segment.clamp_maximum_segment_size(mtu - headers);
    }
}

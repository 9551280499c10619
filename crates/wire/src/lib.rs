//! Packets as values.
//!
//! An [`IpPacket`] is what travels in the simulator: parsed once, changed by value, turned into
//! bytes only when a capture is written or an ICMP error quotes it. `etherparse` knows the header
//! layouts; this crate adds the values, the TCP options in wire order, and the savefile writers.
//!
//! It knows nothing of AWS and nothing of time beyond the nanoseconds a savefile stamps.
//!
//! | to | use |
//! | --- | --- |
//! | make a packet | [`IpPacket::tcp`], [`IpPacket::udp`], [`IpPacket::icmp_error`], ... |
//! | ask it | [`IpPacket::total_len`], [`IpPacket::five_tuple`], [`IpPacket::as_tcp`], ... |
//! | change it on its way | [`IpPacket::decrement_ttl`], [`IpPacket::set_source`], ... |
//! | read and write bytes | [`IpPacket::parse`], [`IpPacket::write_to`], [`Frame`] |
//! | show it as tcpdump does | [`IpPacket::summary`], [`summary::line`] |
//! | ask who has an address | [`ArpPacket`], [`NeighborDiscovery`], [`LinkFrame`] |
//! | read part of one | [`QuotedPacket`] |
//! | cut it and join it | [`IpPacket::fragment`], [`IpPacket::fragment_ipv6`], [`Reassembler`] |
//! | write savefiles | [`pcap::PcapWriter`], [`pcapng::PcapngWriter`] |
//! | read a foreign link layer | [`link::decode`] |

mod access;
mod arp;
mod construct;
mod emit;
mod five_tuple;
mod fragment;
mod icmp_error;
pub mod link;
pub mod neighbor_discovery;
mod packet;
mod parse;
pub mod pcap;
pub mod pcapng;
pub mod protocol;
mod quoted;
pub mod summary;
mod tcp_option;

pub use arp::{ArpFrame, ArpOperation, ArpPacket, LinkFrame};
pub use bytes::Bytes;
pub use five_tuple::FiveTuple;
pub use fragment::Reassembler;
pub use icmp_error::IcmpError;
pub use neighbor_discovery::NeighborDiscovery;
pub use packet::{
    EcnCodepoint, Frame, IcmpMessage, Icmpv6Message, IpHeader, IpPacket, IpVersionFields,
    Ipv4Fields, Ipv6Fields, Ipv6Fragment, MacAddr, TcpFlags, TcpOption, TcpSegment, Transport,
    UdpDatagram, Unreachable,
};
pub use parse::ParseError;
pub use quoted::{QuotedPacket, translate_quoted};
pub use summary::Summary;
pub use tcp_option::TcpOptions;

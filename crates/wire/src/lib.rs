//! Packets as values.
//!
//! An [`IpPacket`] is what travels in the simulator: parsed once, changed by value, turned into
//! bytes only when a capture is written or an ICMP error quotes it. `etherparse` knows the header
//! layouts; this crate adds the values, the TCP options in wire order, and the savefile writers.
//!
//! It knows nothing of AWS and nothing of time beyond the nanoseconds a savefile stamps.

mod packet;

pub use bytes::Bytes;
pub use packet::{
    EcnCodepoint, Frame, IcmpMessage, IpHeader, IpPacket, IpVersionFields, Ipv4Fields, Ipv6Fields,
    MacAddr, TcpFlags, TcpOption, TcpSegment, Transport, UdpDatagram, Unreachable,
};

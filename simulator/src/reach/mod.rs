//! Which packets go where, as exact sets.
//!
//! A packet is a point in six dimensions: source, destination, protocol, source port, destination
//! port (ICMP: type and code), new or reply. A [`Region`] is a box in that space, a [`PacketSet`] a
//! union of disjoint boxes, so union, difference and size are exact.

mod print;
mod ranges;
mod region;
mod set;
#[cfg(test)]
mod tests;

pub use ranges::{Interval, IpVersion, Ranges, address_number};
pub use region::{Dimension, Packet, Region};
pub use set::PacketSet;

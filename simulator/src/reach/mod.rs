//! Which packets go where, as exact sets.
//!
//! A packet is a point in six dimensions: source, destination, protocol, source port, destination
//! port (ICMP: type and code), new or reply. A [`Region`] is a box in that space, a [`PacketSet`] a
//! union of disjoint boxes, so union, difference and size are exact.

pub(crate) mod fields;
pub(crate) mod fire;
mod machines;
mod network;
mod outside;
mod print;
mod ranges;
mod region;
mod set;
mod space;
#[cfg(test)]
mod tests;

pub use network::{End, Flows, Reach, reach};
pub use ranges::{Interval, IpVersion, Ranges, address_number};
pub use region::{Dimension, Packet, Region};
pub use set::PacketSet;
pub use space::is_public;

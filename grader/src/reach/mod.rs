//! Which packets a control lets through, as exact sets; what a change opened beyond what is meant.
//!
//! Least privilege is judged one control at a time, the others taken as open: each list of the
//! network ACL of each subnet, each direction of the security groups of each interface. A packet is
//! a point in six dimensions: source, destination, protocol, source port, destination port (ICMP:
//! type and code), new or reply. A [`Region`] is a box in that space, a [`PacketSet`] a union of
//! disjoint boxes, so union, difference and size are exact.
//!
//! The way through: [`Control::all`] names the controls of two generations of resources,
//! [`Control::allows`] gives the set of each, [`Intent`] the set that is meant to pass it, and
//! [`excess`] is what is new and not meant, with the rule that lets it in and one packet.
//!
//! Not here: routes and whole paths (the simulator's `path` answers those) and time. A network ACL
//! cannot tell a local address or a source port, so intent is widened to what the control can say
//! before it is held against it ([`PacketSet::widen`]): the least rule a control can express is
//! never excess.

mod control;
mod excess;
mod intent;
mod print;
mod region;
mod set;
#[cfg(test)]
mod tests;

pub use control::{Control, Direction};
pub use excess::{Excess, excess};
pub use intent::Intent;
pub use region::{Dimension, Interval, IpVersion, Packet, Region};
pub use set::PacketSet;

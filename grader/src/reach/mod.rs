//! Which packets a control lets through, as exact sets; what a change opened beyond what is meant.
//!
//! Least privilege is judged one control at a time, the others taken as open: each list of the
//! network ACL of each subnet, each direction of the security groups of each interface. The sets
//! are the simulator's ([`wirelab_simulator::reach`]).
//!
//! The way through: [`Control::all`] names the controls of two generations of resources,
//! [`Control::allows`] gives the set of each, [`Intent`] the set that is meant to pass it, and
//! [`excess`] is what is new and not meant, with the rule that lets it in and one packet.
//!
//! Beyond a number of rules sets are not made, and [`example`] looks for a packet (`many`).
//!
//! Not here: routes and whole ways (the simulator's `path` and `reach` answer those) and time. A
//! network ACL cannot tell a local address or a source port, so intent is widened to what the
//! control can say before it is held against it
//! ([`widen`](wirelab_simulator::reach::PacketSet::widen)): the least rule a control can express is
//! never excess.

mod control;
mod excess;
mod intent;
mod many;
mod print;
#[cfg(test)]
mod tests;

pub(crate) use control::Decisions;
pub use control::{Control, Direction};
pub use excess::{Example, Excess, excess};
pub use intent::Intent;
pub(crate) use intent::subnet_of;
pub use many::{EXACT_RULES, example, too_many};
pub(crate) use many::{one, packets};
pub(crate) use print::{entry, rule};

//! Random worlds from one number, a plain second evaluator, and what must hold of both.
//!
//! A [`Script`] is a list of [`Statement`]s: API calls that build a network and later change it,
//! machines, packets put on interfaces, client programs. [`draw`](generate::draw) makes one from a
//! seed; [`examine`](check::examine) plays it on the control plane and the simulator, holds what
//! happened against the [`plain`] evaluator and against itself, and lists what is wrong;
//! [`shrink`](shrink::shrink) takes out of a script whatever is not needed for it to fail.
//!
//! Every statement stands on its own: one that names something that does not exist (any more) has
//! no effect. So any part of a script is a script, which is what makes shrinking simple.
//!
//! | checked | by |
//! | --- | --- |
//! | same script, same events; also when the world is cloned or saved and read on the way | `check::same` |
//! | each packet ends exactly once: delivered, or dropped for one reason | `check::steps`, `check::live` |
//! | where and why, translated how, which ICMP errors and RSTs come of it: as [`plain`] says | `check::steps` |
//! | NAT mappings are one to one | [`plain`], from the ports that are seen |
//! | the answer to a packet that was let through passes the same security groups | `check::steps` |
//! | flow log, capture and [`plain`]'s count of an interface agree | `check::logs` |
//! | `path` says what then happens | `check::paths` |
//! | what [`plain`] delivers, sent by instances, VPN devices and strangers, is in the reachable set, and nothing else | `check::reach` |
//!
//! | drawn in some worlds | judged by |
//! | --- | --- |
//! | IPv6 with egress-only internet gateways | [`plain`] throughout, `egress_only_internet_gateway` |
//! | NAT gateways: public with one or two addresses, private with up to three | `nat_gateway` |
//! | site-to-site VPN at a virtual private or a transit gateway | `vpn` |
//! | peered transit gateways; VPCs of another account or Region | `transit_gateway`, `peering` |
//! | gateway route tables with appliances | `ingress` |
//!
//! Not drawn: endpoints, appliance mode, full tracking tables and port ranges, tunnels that fail.
//!
//! Beside that [`each()`], with which tests of whatever crate look at many things at once.
//!
//! It stands outside the levels: nothing that is shipped depends on it, tests may.

pub mod check;
mod dice;
mod each;
pub mod generate;
mod packets;
pub mod parity;
pub mod plain;
mod run;
pub mod shrink;
mod statement;

pub use each::each;
pub use statement::{Act, Answer, Machine, Script, Send, Sender, Shape, Statement, To};

//! The deterministic, sans-IO data plane in virtual time: a VPC and what is around it, packet by
//! packet.
//!
//! A [`World`] is driven from outside. Inputs go in with [`World::handle`], time passes with
//! [`World::handle_timeout`], what happened is taken with [`World::poll_event`]:
//!
//! ```
//! use wirelab_model::{Seed, SimTime, UnixTime};
//! use wirelab_simulator::{FabricConfig, Observe, World, WorldConfig};
//!
//! let mut world = World::new(WorldConfig {
//!     seed: Seed::whole(1),
//!     starts: UnixTime::from_secs(1_709_596_800),
//!     region: "us-east-1".into(),
//!     fabric: FabricConfig::default(),
//!     observe: Observe::default(),
//! });
//! // Changes of resources, machines and client programs go in here, by `world.handle`.
//! while let Some(at) = world.poll_timeout().filter(|at| *at <= SimTime::from_secs(60)) {
//!     world.handle_timeout(at);
//!     while let Some(event) = world.poll_event() {
//!         println!("{event:?}");
//!     }
//! }
//! ```
//!
//! There is no clock, no socket, no thread and no unordered map in here, and no floating point on
//! the way to an event: the same inputs give the same events on every machine. A world can be
//! cloned, saved and read again at any moment, and goes on as if nothing had happened.
//!
//! | module | is |
//! | --- | --- |
//! | `world` | inputs, the queue's turn, machines' turns |
//! | `queue`, `link`, `pace`, `allowance` | what happens when |
//! | `fabric` | every hop between machines, one file each |
//! | [`host`] | a Linux machine as it is seen on the wire, and its programs |
//! | `machines`, `attribution` | which machine is behind which interface; whose packet is this |
//! | `trace`, `capture`, [`flow`], `metrics` | who looks on: captures, flow records, drops, counts |
//! | `verdict` | [`Hop`] and [`DropReason`], a file a component |
//! | [`path`] | the same hops asked instead of used: why does this not arrive? |
//!
//! What resources exist, and when a change of them takes effect, is the control plane's business:
//! it arrives as [`Input::Changes`].

mod allowance;
mod attribution;
mod block;
mod capture;
mod config;
mod dns;
mod event;
mod fabric;
pub mod flow;
mod follow;
pub mod host;
mod link;
mod machines;
mod metrics;
mod pace;
pub mod path;
mod queue;
pub mod reach;
mod service;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod trace;
mod verdict;
mod world;

pub use config::{
    FabricConfig, FlowLogConfig, IcmpRelated, Latency, Observe, Timeouts, VpnConfig, WorldConfig,
};
pub use event::{
    CapturePoint, Captured, Dropped, Event, Input, InputError, LoggedRecord, SegmentSpec, VpnEnd,
    VpnTunnelFault,
};
pub use fabric::LinkLocal;
pub use verdict::{
    DropReason, EgressOnlyInternetGatewayDrop, EntryText, ExplanationCode, Hop, InstanceDrop,
    InterfaceDrop, InternetGatewayDrop, MachineDrop, NatGatewayDrop, NetworkAclDrop, PacketDrop,
    PeeringDrop, RouteTableDrop, SecurityGroupDrop, SegmentDrop, ServiceDrop, TargetText,
    TransitGatewayDrop, VpcDrop, VpnDrop, VpnLimit,
};
pub use world::World;

//! The deterministic, sans-IO data plane in virtual time.

mod attribution;
mod capture;
mod config;
mod event;
mod fabric;
pub mod flow;
pub mod host;
mod link;
mod machines;
pub mod path;
mod queue;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod trace;
mod verdict;
mod world;

pub use config::{
    FabricConfig, FlowLogConfig, IcmpRelated, Latency, Observe, Timeouts, WorldConfig,
};
pub use event::{
    Captured, CapturePoint, Dropped, Event, Input, InputError, LoggedRecord, SegmentSpec,
};
pub use verdict::{DropReason, EntryText, Hop, TargetText};
pub use world::World;

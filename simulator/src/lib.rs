//! The deterministic, sans-IO data plane in virtual time.

mod config;
mod event;
mod fabric;
pub mod host;
mod link;
pub mod path;
mod queue;
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

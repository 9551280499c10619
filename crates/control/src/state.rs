//! Everything that calls and time change.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;
use std::sync::Arc;

use ipnet::Ipv6Net;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use smol_str::SmolStr;
use wirelab_model::{
    DhcpOptionsId, FlowLogId, InstanceId, NetworkInterfaceId, PrefixListId, Resources,
    SecurityGroupId, SecurityGroupRuleId, SimTime, Tag, UnixTime, VpnConnectionId,
};

use crate::athena::Athena;
use crate::cloudtrail::CloudTrail;
use crate::cloudwatch::CloudWatch;
use crate::ec2::instance_attribute::Attributes;
use crate::ec2::key_pair::KeyPairs;
use crate::ec2::launch_template::LaunchTemplates;
use crate::ec2::volume::Volumes;
use crate::ec2::{ForeignGroup, Insights, ProfileAssociations, TunnelSettings, Versions};
use crate::iam::Iam;
use crate::logs::Logs;
use crate::realm::{Realm, Realms};
use crate::service_quotas::ServiceQuotas;
use crate::ssm::Ssm;
use crate::timer::Timers;

/// The control plane's memory.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct State {
    /// The latest moment anyone told.
    pub(crate) now: SimTime,
    /// What the API shows.
    pub(crate) resources: Resources,
    /// Transitions to come.
    pub(crate) timers: Timers,
    /// When the latest change takes effect in the data plane.
    pub(crate) last_effective: SimTime,
    /// Every id and public address ever given: none is given twice.
    pub(crate) taken: Taken,
    /// Elastic IP addresses that were released and whose they were: they may be recovered.
    pub(crate) released: BTreeMap<Ipv4Addr, SmolStr>,
    /// Whose what is that is not of the scenario's own account and Region.
    pub(crate) realms: Realms,
    /// Replies by caller, operation and `ClientToken`.
    pub(crate) tokens: BTreeMap<String, Remembered>,
    /// Interfaces that go when the instance they are attached to is terminated.
    pub(crate) delete_on_termination: BTreeSet<NetworkInterfaceId>,
    /// Instances that had a public address of Amazon's and get a new one when they run and no
    /// Elastic IP address is in its place.
    pub(crate) wants_public_address: BTreeSet<InstanceId>,
    /// What an instance was started with.
    pub(crate) launches: BTreeMap<InstanceId, Launch>,
    /// Their volumes.
    pub(crate) volumes: Volumes,
    /// Their instance profiles.
    pub(crate) profile_associations: ProfileAssociations,
    /// Key pairs by account and Region, and name.
    pub(crate) key_pairs: Arc<KeyPairs>,
    /// Launch templates by account and Region, and id.
    pub(crate) launch_templates: Arc<LaunchTemplates>,
    /// Versions of prefix lists, and what becomes of them.
    pub(crate) prefix_lists: BTreeMap<PrefixListId, Versions>,
    /// Settings of VPN tunnels by connection and outside address.
    pub(crate) tunnel_settings: BTreeMap<(VpnConnectionId, Ipv4Addr), TunnelSettings>,
    /// The sets of DHCP options that VPCs have unless they are given another.
    pub(crate) default_dhcp_options: BTreeMap<Realm, DhcpOptionsId>,
    /// The pools that IPv6 blocks of VPCs are from, other than Amazon's.
    pub(crate) ipv6_pools: BTreeMap<Ipv6Net, SmolStr>,
    /// Changes of Route 53's by their id.
    pub(crate) zone_changes: BTreeMap<SmolStr, ZoneChange>,
    /// Groups of other VPCs that rules refer to.
    pub(crate) foreign_groups: BTreeMap<SecurityGroupId, ForeignGroup>,
    /// Tags of rules of security groups.
    pub(crate) rule_tags: BTreeMap<SecurityGroupRuleId, Vec<Tag>>,
    /// Paths and analyses of Reachability Analyzer.
    pub(crate) insights: Insights,
    /// Accounts in Regions that somebody has called: their default VPC was made.
    pub(crate) used_realms: BTreeSet<Realm>,
    /// Log streams that exist: flow log and interface.
    pub(crate) flow_log_streams: BTreeSet<(FlowLogId, NetworkInterfaceId)>,
    /// CloudWatch Logs'. Shared until changed, since every call of any service keeps a copy of the
    /// state to go back to.
    pub(crate) logs: Arc<Logs>,
    /// Athena's.
    pub(crate) athena: Arc<Athena>,
    /// CloudWatch's.
    pub(crate) cloudwatch: Arc<CloudWatch>,
    /// CloudTrail's.
    pub(crate) cloudtrail: Arc<CloudTrail>,
    /// IAM's.
    pub(crate) iam: Arc<Iam>,
    /// Service Quotas'.
    pub(crate) service_quotas: Arc<ServiceQuotas>,
    /// Systems Manager's.
    pub(crate) ssm: Arc<Ssm>,
}

impl State {
    /// CloudWatch Logs', to be changed.
    pub(crate) fn logs_mut(&mut self) -> &mut Logs {
        Arc::make_mut(&mut self.logs)
    }

    /// Athena's, to be changed.
    pub(crate) fn athena_mut(&mut self) -> &mut Athena {
        Arc::make_mut(&mut self.athena)
    }

    /// CloudTrail's, to be changed.
    pub(crate) fn cloudtrail_mut(&mut self) -> &mut CloudTrail {
        Arc::make_mut(&mut self.cloudtrail)
    }

    /// IAM's, to be changed.
    pub(crate) fn iam_mut(&mut self) -> &mut Iam {
        Arc::make_mut(&mut self.iam)
    }

    /// Service Quotas', to be changed.
    pub(crate) fn service_quotas_mut(&mut self) -> &mut ServiceQuotas {
        Arc::make_mut(&mut self.service_quotas)
    }

    /// CloudWatch's, to be changed.
    pub(crate) fn cloudwatch_mut(&mut self) -> &mut CloudWatch {
        Arc::make_mut(&mut self.cloudwatch)
    }
}

/// Texts that are each given once. A copy is cheap however many there are: all but the latest are
/// shared with it.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Taken {
    old: Arc<BTreeSet<SmolStr>>,
    new: BTreeSet<SmolStr>,
}

impl Taken {
    /// So many are kept apart from those that are shared.
    const NEW_AT_MOST: usize = 256;

    /// Takes a text; `false` if it is taken.
    pub(crate) fn insert(&mut self, text: SmolStr) -> bool {
        if self.old.contains(&text) || !self.new.insert(text) {
            return false;
        }
        if self.new.len() > Self::NEW_AT_MOST {
            Arc::make_mut(&mut self.old).append(&mut self.new);
        }
        true
    }
}

/// A change of Route 53's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ZoneChange {
    /// Whose it is.
    pub(crate) account: SmolStr,
    pub(crate) submitted: UnixTime,
    /// When it has reached the resolvers.
    pub(crate) in_sync_at: SimTime,
    pub(crate) comment: Option<SmolStr>,
}

/// What [`wirelab_model::Instance`] does not hold, because it makes no difference to packets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Launch {
    pub(crate) reservation_id: SmolStr,
    pub(crate) index: u16,
    pub(crate) image_id: Option<SmolStr>,
    pub(crate) key_name: Option<SmolStr>,
    /// The script of its first boot, in base64.
    pub(crate) user_data: Option<SmolStr>,
    pub(crate) attributes: Attributes,
    /// When somebody last had it stopped or terminated, until it is started again.
    pub(crate) ended: Option<UnixTime>,
}

/// A call that came with a `ClientToken`, and what it answered. Both are JSON texts: `Value` itself
/// has no compact binary form.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Remembered {
    pub(crate) request: String,
    reply: String,
}

impl Remembered {
    pub(crate) fn new(request: String, reply: &Value) -> Self {
        Self {
            request,
            reply: reply.to_string(),
        }
    }

    pub(crate) fn reply(&self) -> Value {
        serde_json::from_str(&self.reply).expect("we wrote it")
    }
}

//! Instance: `DescribeInstances`. What runs on it is the simulator's `host`.

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use super::Tag;
use crate::{InstanceId, NetworkInterfaceId, SubnetId, UnixTime, VpcId};

/// Life of an instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum InstanceState {
    /// Starting.
    Pending,
    /// Running.
    Running,
    /// Stopping.
    Stopping,
    /// Stopped.
    Stopped,
    /// Terminating.
    ShuttingDown,
    /// Gone.
    Terminated,
}

/// What the instance type is built on; decides aggregation and idle timeouts (ruling D8).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum NitroGeneration {
    /// Xen: flow logs aggregate up to 600 s; idle timeouts cannot be configured.
    Xen,
    /// Nitro before v6: TCP established timeout 432,000 s.
    Nitro,
    /// Nitro v6: 350 s.
    NitroV6,
}

/// Whether the instance metadata service asks for a token.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum HttpTokens {
    /// IMDSv1 as well as IMDSv2.
    #[default]
    Optional,
    /// IMDSv2 alone.
    Required,
}

/// How the instance metadata service answers: `MetadataOptions`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MetadataOptions {
    /// Whether it asks for a token.
    pub http_tokens: HttpTokens,
    /// TTL of the answer to a PUT, 1 to 64.
    pub http_put_response_hop_limit: u8,
    /// Whether it answers at all (`HttpEndpoint`).
    pub http_endpoint: bool,
    /// Whether it answers at its IPv6 address as well (`HttpProtocolIpv6`).
    pub http_protocol_ipv6: bool,
    /// Whether it shows the instance's tags (`InstanceMetadataTags`).
    pub instance_metadata_tags: bool,
}

impl Default for MetadataOptions {
    fn default() -> Self {
        Self {
            http_tokens: HttpTokens::Optional,
            http_put_response_hop_limit: 1,
            http_endpoint: true,
            http_protocol_ipv6: false,
            instance_metadata_tags: false,
        }
    }
}

/// An instance profile of an instance: `IamInstanceProfile`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct IamInstanceProfile {
    /// Its ARN.
    pub arn: SmolStr,
    /// Its id: `AIPA...`.
    pub id: SmolStr,
}

/// An instance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Instance {
    /// Its id.
    pub instance_id: InstanceId,
    /// `m6i.large`.
    pub instance_type: SmolStr,
    /// What the type is built on.
    pub nitro_generation: NitroGeneration,
    /// Its state.
    pub state: InstanceState,
    /// VPC of the primary interface.
    pub vpc_id: VpcId,
    /// Subnet of the primary interface.
    pub subnet_id: SubnetId,
    /// Interfaces by device index; the first is the primary one.
    pub network_interfaces: Vec<NetworkInterfaceId>,
    /// How its metadata service answers.
    pub metadata_options: MetadataOptions,
    /// Its instance profile.
    pub iam_instance_profile: Option<IamInstanceProfile>,
    /// Role of its instance profile, whose credentials the metadata service gives.
    pub iam_role: Option<SmolStr>,
    /// When it got them.
    pub iam_role_since: Option<UnixTime>,
    /// When it was started.
    pub launch_time: UnixTime,
    /// How often it was asked to reboot. When it grows, the operating system shuts down and comes
    /// up again; addresses and state stay.
    pub reboots: u32,
    /// Owner.
    pub owner_id: SmolStr,
    /// Tags.
    pub tags: Vec<Tag>,
}

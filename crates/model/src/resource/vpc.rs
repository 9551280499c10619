//! VPC: `DescribeVpcs`.

use ipnet::{Ipv4Net, Ipv6Net};
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use super::{ResourceState, Tag};
use crate::{DhcpOptionsId, VpcId};

/// A VPC.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Vpc {
    /// Its id.
    pub vpc_id: VpcId,
    /// IPv4 blocks, the primary one first.
    pub cidr_blocks: Vec<Ipv4Net>,
    /// IPv6 blocks.
    pub ipv6_cidr_blocks: Vec<Ipv6Net>,
    /// State.
    pub state: ResourceState,
    /// DHCP option set; `None` is `default` of `AssociateDhcpOptions`: no options.
    pub dhcp_options_id: Option<DhcpOptionsId>,
    /// Whether the Amazon resolver answers.
    pub enable_dns_support: bool,
    /// Whether public addresses get names.
    pub enable_dns_hostnames: bool,
    /// Whether this is the Region's default VPC.
    pub is_default: bool,
    /// Region.
    pub region: SmolStr,
    /// Owner.
    pub owner_id: SmolStr,
    /// Tags.
    pub tags: Vec<Tag>,
}

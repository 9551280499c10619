//! Subnet: `DescribeSubnets`.

use ipnet::{Ipv4Net, Ipv6Net};
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use super::{ResourceState, Tag};
use crate::{SubnetId, VpcId};

/// A subnet. Its route table and network ACL are found by their associations.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Subnet {
    /// Its id.
    pub subnet_id: SubnetId,
    /// Its VPC.
    pub vpc_id: VpcId,
    /// `/28` to `/16`; the first four and the last address are reserved.
    pub cidr_block: Ipv4Net,
    /// IPv6 block, `/64`.
    pub ipv6_cidr_block: Option<Ipv6Net>,
    /// `us-east-1a`.
    pub availability_zone: SmolStr,
    /// `use1-az1`.
    pub availability_zone_id: SmolStr,
    /// Whether this is its zone's subnet of the Region's default VPC.
    pub default_for_az: bool,
    /// State.
    pub state: ResourceState,
    /// Whether instances get a public address.
    pub map_public_ip_on_launch: bool,
    /// Whether new interfaces get an IPv6 address.
    pub assign_ipv6_address_on_creation: bool,
    /// Owner.
    pub owner_id: SmolStr,
    /// Tags.
    pub tags: Vec<Tag>,
}

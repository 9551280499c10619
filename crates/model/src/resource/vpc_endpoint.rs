//! VPC endpoint: `DescribeVpcEndpoints`.

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use super::Tag;
use crate::{
    NetworkInterfaceId, RouteTableId, SecurityGroupId, SubnetId, UnixTime, VpcEndpointId, VpcId,
};

/// Kind of endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum VpcEndpointType {
    /// Routes to the service's prefix list.
    Gateway,
    /// A network interface in each subnet.
    Interface,
}

/// Life of an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum VpcEndpointState {
    /// The owner of the service has to accept it.
    PendingAcceptance,
    /// Being made.
    Pending,
    /// In service.
    Available,
    /// Going.
    Deleting,
    /// Gone.
    Deleted,
    /// The owner of the service refused it.
    Rejected,
    /// It could not be made.
    Failed,
}

/// A name that leads to an interface endpoint.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DnsEntry {
    /// Name without a final dot.
    pub dns_name: SmolStr,
    /// The zone it is in.
    pub hosted_zone_id: SmolStr,
}

/// A VPC endpoint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct VpcEndpoint {
    /// Its id.
    pub vpc_endpoint_id: VpcEndpointId,
    /// Gateway or interface.
    pub vpc_endpoint_type: VpcEndpointType,
    /// Its VPC.
    pub vpc_id: VpcId,
    /// `com.amazonaws.us-east-1.s3`.
    pub service_name: SmolStr,
    /// Its state.
    pub state: VpcEndpointState,
    /// Tables with a route to it: gateway endpoints.
    pub route_table_ids: Vec<RouteTableId>,
    /// Subnets with an interface of it: interface endpoints.
    pub subnet_ids: Vec<SubnetId>,
    /// Groups of those interfaces.
    pub groups: Vec<SecurityGroupId>,
    /// Those interfaces, in the order of the subnets.
    pub network_interface_ids: Vec<NetworkInterfaceId>,
    /// Whether the service's own name leads to the endpoint inside the VPC.
    pub private_dns_enabled: bool,
    /// Names that lead to it: regional ones, zonal ones, private ones.
    pub dns_entries: Vec<DnsEntry>,
    /// Endpoint policy.
    pub policy_document: SmolStr,
    /// When it was made.
    pub creation_timestamp: UnixTime,
    /// Owner.
    pub owner_id: SmolStr,
    /// Tags.
    pub tags: Vec<Tag>,
}

impl VpcEndpoint {
    /// Whether it carries packets.
    #[must_use]
    pub fn is_available(&self) -> bool {
        self.state == VpcEndpointState::Available
    }
}

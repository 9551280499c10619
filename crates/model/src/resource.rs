//! AWS resources, one file each, named and shaped as the EC2 API shows them.

mod address;
mod dhcp_options;
mod egress_only_internet_gateway;
mod flow_log;
mod hosted_zone;
mod instance;
mod internet_gateway;
mod managed_prefix_list;
mod nat_gateway;
mod network_acl;
mod network_interface;
mod route_table;
mod security_group;
mod subnet;
mod transit_gateway;
mod vpc;
mod vpc_endpoint;
mod vpc_peering_connection;
mod vpn;

pub use address::Address;
pub use dhcp_options::{DhcpConfiguration, DhcpOptions};
pub use egress_only_internet_gateway::EgressOnlyInternetGateway;
pub use flow_log::{
    DeliverLogsStatus, DestinationOptions, FlowLog, FlowLogFileFormat, LogDestinationType,
    TagFieldResource, TagFieldSpecification, TrafficType,
};
pub use hosted_zone::{AliasTarget, HostedZone, RecordSet, RecordSetType, ZoneVpc};
pub use instance::{
    HttpTokens, IamInstanceProfile, Instance, InstanceState, MetadataOptions, NitroGeneration,
};
pub use internet_gateway::InternetGateway;
pub use managed_prefix_list::{AddressFamily, ManagedPrefixList, PrefixListEntry, PrefixListState};
pub use nat_gateway::{
    ConnectivityType, NatGateway, NatGatewayAddress, NatGatewayAddressStatus, NatGatewayState,
};
pub use network_acl::{
    IcmpTypeCode, NetworkAcl, NetworkAclAssociation, NetworkAclEntry, RuleAction,
};
pub use network_interface::{
    ConnectionTracking, InterfaceAssociation, InterfaceType, NetworkInterface,
    NetworkInterfaceAttachment, PrivateIpAddress,
};
pub use route_table::{
    Route, RouteDestination, RouteOrigin, RouteState, RouteTable, RouteTableAssociation,
    RouteTarget,
};
pub use security_group::{RulePeer, SecurityGroup, SecurityGroupRule};
pub use subnet::Subnet;
pub use transit_gateway::{
    TransitGateway, TransitGatewayAttachedResource, TransitGatewayAttachment,
    TransitGatewayAttachmentState, TransitGatewayOptions, TransitGatewayPeering,
    TransitGatewayRoute, TransitGatewayRouteTable, TransitGatewayVpcAttachment,
    TransitGatewayVpcAttachmentOptions,
};
pub use vpc::Vpc;
pub use vpc_endpoint::{DnsEntry, VpcEndpoint, VpcEndpointState, VpcEndpointType};
pub use vpc_peering_connection::{PeeringStatus, PeeringVpc, VpcPeeringConnection};
pub use vpn::{CustomerGateway, VpnConnection, VpnGateway, VpnStaticRoute, VpnTunnel};

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

/// A tag.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Tag {
    /// Key, unique on its resource.
    pub key: SmolStr,
    /// Value.
    pub value: SmolStr,
}

/// The life of a resource that comes and goes at once: EC2's `pending`, `available`, ...
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ResourceState {
    /// Being made.
    Pending,
    /// In service.
    Available,
    /// Being changed.
    Modifying,
    /// Going.
    Deleting,
    /// Gone, still described for a while.
    Deleted,
}

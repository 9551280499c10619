//! Route table: `DescribeRouteTables`.

use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use super::Tag;
use crate::{
    InternetGatewayId, NatGatewayId, NetworkInterfaceId, RouteTableAssociationId, RouteTableId,
    SubnetId, TransitGatewayId, VpcId, VpnGatewayId,
};

/// Whether a route carries traffic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RouteState {
    /// It does.
    Active,
    /// Its target is gone; packets that match it are dropped.
    Blackhole,
}

/// Who made a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum RouteOrigin {
    /// The local route.
    CreateRouteTable,
    /// A static route.
    CreateRoute,
    /// Propagated from a virtual private gateway.
    EnableVgwRoutePropagation,
}

/// Where a route leads.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum RouteTarget {
    /// Inside the VPC.
    Local,
    /// An internet gateway.
    InternetGateway(InternetGatewayId),
    /// A virtual private gateway (`GatewayId` in the API).
    VpnGateway(VpnGatewayId),
    /// A NAT gateway.
    NatGateway(NatGatewayId),
    /// A network interface, e.g. of an appliance instance.
    NetworkInterface(NetworkInterfaceId),
    /// A transit gateway.
    TransitGateway(TransitGatewayId),
}

/// One route.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Route {
    /// IPv4 or IPv6 destination.
    pub destination: IpNet,
    /// Where it leads.
    pub target: RouteTarget,
    /// Active or blackhole.
    pub state: RouteState,
    /// Who made it.
    pub origin: RouteOrigin,
}

/// A subnet that uses the table, or the VPC as a whole.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct RouteTableAssociation {
    /// Its id.
    pub route_table_association_id: RouteTableAssociationId,
    /// The table.
    pub route_table_id: RouteTableId,
    /// The subnet; `None` for the main association.
    pub subnet_id: Option<SubnetId>,
    /// Whether this makes the table the VPC's main one.
    pub main: bool,
}

/// A route table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct RouteTable {
    /// Its id.
    pub route_table_id: RouteTableId,
    /// Its VPC.
    pub vpc_id: VpcId,
    /// Routes, propagated ones included.
    pub routes: Vec<Route>,
    /// Who uses it.
    pub associations: Vec<RouteTableAssociation>,
    /// Gateways that propagate into it.
    pub propagating_vgws: Vec<VpnGatewayId>,
    /// Owner.
    pub owner_id: SmolStr,
    /// Tags.
    pub tags: Vec<Tag>,
}

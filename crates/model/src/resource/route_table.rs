//! Route table: `DescribeRouteTables`.

use std::fmt;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use super::Tag;
use crate::{
    EgressOnlyInternetGatewayId, InternetGatewayId, NatGatewayId, NetworkInterfaceId, PrefixListId,
    RouteTableAssociationId, RouteTableId, SubnetId, TransitGatewayId, VpcEndpointId, VpcId,
    VpcPeeringConnectionId, VpnGatewayId,
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
    /// An egress-only internet gateway.
    EgressOnlyInternetGateway(EgressOnlyInternetGatewayId),
    /// A virtual private gateway (`GatewayId` in the API).
    VpnGateway(VpnGatewayId),
    /// A NAT gateway.
    NatGateway(NatGatewayId),
    /// A network interface, e.g. of an appliance instance.
    NetworkInterface(NetworkInterfaceId),
    /// A transit gateway.
    TransitGateway(TransitGatewayId),
    /// A VPC peering connection.
    VpcPeeringConnection(VpcPeeringConnectionId),
    /// A gateway endpoint (`GatewayId` in the API).
    VpcEndpoint(VpcEndpointId),
}

/// What a route is for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum RouteDestination {
    /// A block, IPv4 or IPv6.
    Cidr(IpNet),
    /// Every block of a prefix list.
    PrefixList(PrefixListId),
}

impl RouteDestination {
    /// The block; `None` for a prefix list.
    #[must_use]
    pub const fn cidr(&self) -> Option<IpNet> {
        match self {
            Self::Cidr(cidr) => Some(*cidr),
            Self::PrefixList(_) => None,
        }
    }

    /// The prefix list; `None` for a block.
    #[must_use]
    pub const fn prefix_list(&self) -> Option<&PrefixListId> {
        match self {
            Self::Cidr(_) => None,
            Self::PrefixList(id) => Some(id),
        }
    }
}

impl From<IpNet> for RouteDestination {
    fn from(cidr: IpNet) -> Self {
        Self::Cidr(cidr)
    }
}

/// The block, or the id of the prefix list.
impl fmt::Display for RouteDestination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cidr(cidr) => cidr.fmt(f),
            Self::PrefixList(id) => id.fmt(f),
        }
    }
}

/// One route.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Route {
    /// What it is for.
    pub destination: RouteDestination,
    /// Where it leads.
    pub target: RouteTarget,
    /// Active or blackhole.
    pub state: RouteState,
    /// Who made it.
    pub origin: RouteOrigin,
}

/// Who uses the table: a subnet, the VPC as a whole, or a gateway, for what enters by it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct RouteTableAssociation {
    /// Its id.
    pub route_table_association_id: RouteTableAssociationId,
    /// The table.
    pub route_table_id: RouteTableId,
    /// The subnet; `None` for the main association and for gateways.
    pub subnet_id: Option<SubnetId>,
    /// The internet gateway or virtual private gateway ("edge association").
    pub gateway_id: Option<SmolStr>,
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

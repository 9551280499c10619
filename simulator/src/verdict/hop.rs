//! The places that judge packets. A new component adds its variant, its word and its id here.

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;
use wirelab_model::{
    EgressOnlyInternetGatewayId, FlowDirection, InternetGatewayId, NatGatewayId, NetworkAclId,
    NetworkInterfaceId, RouteTableId, SecurityGroupId, SubnetId, TransitGatewayId, VpcEndpointId,
    VpcId, VpcPeeringConnectionId, VpnConnectionId, VpnGatewayId,
};

use crate::fabric::LinkLocal;

/// A place that judges packets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Hop {
    /// An interface itself: attachment, instance state, largest packet.
    Interface(NetworkInterfaceId),
    /// The source/destination check of an interface.
    SourceDestCheck(NetworkInterfaceId),
    /// The security groups of an interface.
    SecurityGroup {
        /// The interface.
        interface: NetworkInterfaceId,
        /// Its groups.
        groups: Vec<SecurityGroupId>,
        /// Direction, seen from the interface.
        direction: FlowDirection,
    },
    /// A subnet's network ACL.
    NetworkAcl {
        /// The list.
        acl: NetworkAclId,
        /// The subnet whose boundary is crossed.
        subnet: SubnetId,
        /// Outbound or inbound list.
        egress: bool,
    },
    /// A subnet's route table.
    RouteTable {
        /// The table.
        route_table: RouteTableId,
        /// The subnet it routes for.
        subnet: SubnetId,
    },
    /// The route table of an internet gateway or virtual private gateway, for what enters by it.
    GatewayRouteTable {
        /// The table.
        route_table: RouteTableId,
        /// The gateway's id.
        gateway: SmolStr,
    },
    /// An egress-only internet gateway.
    EgressOnlyInternetGateway(EgressOnlyInternetGatewayId),
    /// An internet gateway.
    InternetGateway(InternetGatewayId),
    /// The routers between internet gateway and machine.
    Internet,
    /// A NAT gateway.
    NatGateway(NatGatewayId),
    /// A transit gateway.
    TransitGateway(TransitGatewayId),
    /// A VPC peering connection.
    VpcPeeringConnection(VpcPeeringConnectionId),
    /// A virtual private gateway.
    VpnGateway(VpnGatewayId),
    /// A site-to-site VPN connection.
    VpnConnection(VpnConnectionId),
    /// A segment outside AWS.
    Segment(SmolStr),
    /// A machine.
    Host(SmolStr),
    /// The VPC's own router.
    Vpc(VpcId),
    /// A VPC endpoint.
    VpcEndpoint(VpcEndpointId),
    /// A service at a link-local address.
    LinkLocal(LinkLocal),
}

impl Hop {
    /// The word by which paths call such a place: `acl`, `nat`.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Interface(_) => "interface",
            Self::SourceDestCheck(_) => "source/dest check",
            Self::SecurityGroup { .. } => "sg",
            Self::NetworkAcl { .. } => "acl",
            Self::RouteTable { .. } | Self::GatewayRouteTable { .. } => "route",
            Self::EgressOnlyInternetGateway(_) => "eigw",
            Self::InternetGateway(_) => "igw",
            Self::Internet => "internet",
            Self::NatGateway(_) => "nat",
            Self::TransitGateway(_) => "tgw",
            Self::VpcPeeringConnection(_) => "pcx",
            Self::VpnGateway(_) => "vgw",
            Self::VpnConnection(_) => "vpn",
            Self::Segment(_) => "segment",
            Self::Host(_) => "host",
            Self::Vpc(_) => "vpc",
            Self::VpcEndpoint(_) => "vpce",
            Self::LinkLocal(LinkLocal::Resolver) => "resolver",
            Self::LinkLocal(LinkLocal::Metadata) => "metadata",
            Self::LinkLocal(LinkLocal::TimeSync) => "time sync",
        }
    }

    /// The id of the resource, or the name of a segment or machine. Of security groups it is their
    /// interface's; the internet has none.
    #[must_use]
    pub fn id(&self) -> Option<&str> {
        match self {
            Self::Interface(id) | Self::SourceDestCheck(id) => Some(id.as_str()),
            Self::SecurityGroup { interface, .. } => Some(interface.as_str()),
            Self::NetworkAcl { acl, .. } => Some(acl.as_str()),
            Self::RouteTable { route_table, .. } | Self::GatewayRouteTable { route_table, .. } => {
                Some(route_table.as_str())
            }
            Self::EgressOnlyInternetGateway(id) => Some(id.as_str()),
            Self::InternetGateway(id) => Some(id.as_str()),
            Self::Internet => None,
            Self::NatGateway(id) => Some(id.as_str()),
            Self::TransitGateway(id) => Some(id.as_str()),
            Self::VpcPeeringConnection(id) => Some(id.as_str()),
            Self::VpnGateway(id) => Some(id.as_str()),
            Self::VpnConnection(id) => Some(id.as_str()),
            Self::Segment(name) | Self::Host(name) => Some(name),
            Self::Vpc(id) => Some(id.as_str()),
            Self::VpcEndpoint(id) => Some(id.as_str()),
            Self::LinkLocal(_) => None,
        }
    }

    /// The direction it judges, seen from the interface or subnet, if it has two.
    #[must_use]
    pub const fn direction(&self) -> Option<FlowDirection> {
        match self {
            Self::SecurityGroup { direction, .. } => Some(*direction),
            Self::NetworkAcl { egress: true, .. } => Some(FlowDirection::Egress),
            Self::NetworkAcl { egress: false, .. } => Some(FlowDirection::Ingress),
            _ => None,
        }
    }
}

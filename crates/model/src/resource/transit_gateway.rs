//! Transit gateway with VPC attachments: `DescribeTransitGateways`,
//! `DescribeTransitGatewayVpcAttachments`, `SearchTransitGatewayRoutes`.

use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use super::{ResourceState, RouteState, Tag};
use crate::{
    NetworkInterfaceId, SubnetId, TransitGatewayAttachmentId, TransitGatewayId,
    TransitGatewayRouteTableId, VpcId,
};

/// A transit gateway.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct TransitGateway {
    /// Its id.
    pub transit_gateway_id: TransitGatewayId,
    /// State.
    pub state: ResourceState,
    /// Table that new attachments are associated with.
    pub association_default_route_table_id: Option<TransitGatewayRouteTableId>,
    /// Table that new attachments propagate to.
    pub propagation_default_route_table_id: Option<TransitGatewayRouteTableId>,
    /// Owner.
    pub owner_id: SmolStr,
    /// Tags.
    pub tags: Vec<Tag>,
}

/// A VPC attachment: one interface in one subnet a zone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct TransitGatewayVpcAttachment {
    /// Its id.
    pub transit_gateway_attachment_id: TransitGatewayAttachmentId,
    /// The gateway.
    pub transit_gateway_id: TransitGatewayId,
    /// The VPC.
    pub vpc_id: VpcId,
    /// State.
    pub state: ResourceState,
    /// Its subnets.
    pub subnet_ids: Vec<SubnetId>,
    /// Its interfaces, in the order of `subnet_ids`.
    pub network_interface_ids: Vec<NetworkInterfaceId>,
    /// Keep a flow in one zone for its life.
    pub appliance_mode_support: bool,
    /// The table that routes what enters here.
    pub association: Option<TransitGatewayRouteTableId>,
    /// Tags.
    pub tags: Vec<Tag>,
}

/// A route of a transit gateway's table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct TransitGatewayRoute {
    /// Destination.
    pub destination_cidr_block: IpNet,
    /// The attachment; `None` for a blackhole.
    pub attachment: Option<TransitGatewayAttachmentId>,
    /// Static, or propagated.
    pub is_static: bool,
    /// Active or blackhole.
    pub state: RouteState,
}

/// A route table of a transit gateway.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct TransitGatewayRouteTable {
    /// Its id.
    pub transit_gateway_route_table_id: TransitGatewayRouteTableId,
    /// The gateway.
    pub transit_gateway_id: TransitGatewayId,
    /// State.
    pub state: ResourceState,
    /// Routes, propagated ones included.
    pub routes: Vec<TransitGatewayRoute>,
    /// Attachments that propagate into it.
    pub propagations: Vec<TransitGatewayAttachmentId>,
    /// Tags.
    pub tags: Vec<Tag>,
}

//! Transit gateway: `DescribeTransitGateways`, `DescribeTransitGatewayAttachments`,
//! `SearchTransitGatewayRoutes`.

use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use super::{ResourceState, RouteState, Tag};
use crate::{
    NetworkInterfaceId, SubnetId, TransitGatewayAttachmentId, TransitGatewayId,
    TransitGatewayRouteTableId, UnixTime, VpcId, VpnConnectionId,
};

/// A transit gateway.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct TransitGateway {
    /// Its id.
    pub transit_gateway_id: TransitGatewayId,
    /// State.
    pub state: ResourceState,
    /// What can be switched.
    pub options: TransitGatewayOptions,
    /// What somebody noted about it.
    pub description: String,
    /// When it was made.
    pub creation_time: UnixTime,
    /// Owner.
    pub owner_id: SmolStr,
    /// Tags.
    pub tags: Vec<Tag>,
}

/// `TransitGatewayOptions`. The default is EC2's, less the default route tables.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct TransitGatewayOptions {
    /// Its private AS number.
    pub amazon_side_asn: u32,
    /// Attachments that other accounts ask for need no acceptance.
    pub auto_accept_shared_attachments: bool,
    /// Table that new attachments are associated with.
    pub association_default_route_table_id: Option<TransitGatewayRouteTableId>,
    /// Table that new attachments propagate to.
    pub propagation_default_route_table_id: Option<TransitGatewayRouteTableId>,
    /// Equal routes by VPN share the traffic.
    pub vpn_ecmp_support: bool,
    /// Public DNS names of one attached VPC resolve to private addresses in another.
    pub dns_support: bool,
    /// Security group rules may refer to groups of other attached VPCs.
    pub security_group_referencing_support: bool,
}

impl Default for TransitGatewayOptions {
    fn default() -> Self {
        Self {
            amazon_side_asn: 64_512,
            auto_accept_shared_attachments: false,
            association_default_route_table_id: None,
            propagation_default_route_table_id: None,
            vpn_ecmp_support: true,
            dns_support: true,
            security_group_referencing_support: false,
        }
    }
}

/// What a transit gateway routes between.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct TransitGatewayAttachment {
    /// Its id.
    pub transit_gateway_attachment_id: TransitGatewayAttachmentId,
    /// The gateway; of a peering the one that asked.
    pub transit_gateway_id: TransitGatewayId,
    /// State.
    pub state: TransitGatewayAttachmentState,
    /// What is attached.
    pub resource: TransitGatewayAttachedResource,
    /// The table that routes what enters here, at `transit_gateway_id`.
    pub association: Option<TransitGatewayRouteTableId>,
    /// When it was made.
    pub creation_time: UnixTime,
    /// Owner of what is attached.
    pub owner_id: SmolStr,
    /// Tags.
    pub tags: Vec<Tag>,
}

/// The life of an attachment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum TransitGatewayAttachmentState {
    /// A peering on its way to the other side.
    InitiatingRequest,
    /// A peering that the other side has not answered.
    PendingAcceptance,
    /// Being made.
    Pending,
    /// In service.
    Available,
    /// Being changed.
    Modifying,
    /// A peering being refused.
    Rejecting,
    /// A peering that was refused.
    Rejected,
    /// Going.
    Deleting,
    /// Gone, still described for a while.
    Deleted,
}

impl TransitGatewayAttachmentState {
    /// Whether packets pass.
    #[must_use]
    pub const fn is_in_service(self) -> bool {
        matches!(self, Self::Available | Self::Modifying)
    }

    /// Whether it has ended, or is about to.
    #[must_use]
    pub const fn has_ended(self) -> bool {
        matches!(
            self,
            Self::Rejecting | Self::Rejected | Self::Deleting | Self::Deleted
        )
    }
}

/// What is attached to a transit gateway.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum TransitGatewayAttachedResource {
    /// A VPC.
    Vpc(TransitGatewayVpcAttachment),
    /// A VPN connection.
    Vpn(VpnConnectionId),
    /// Another transit gateway.
    Peering(TransitGatewayPeering),
}

/// A VPC attachment: one interface in one subnet a zone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct TransitGatewayVpcAttachment {
    /// The VPC.
    pub vpc_id: VpcId,
    /// Its subnets.
    pub subnet_ids: Vec<SubnetId>,
    /// Its interfaces, in the order of `subnet_ids`.
    pub network_interface_ids: Vec<NetworkInterfaceId>,
    /// What can be switched.
    pub options: TransitGatewayVpcAttachmentOptions,
}

/// `TransitGatewayVpcAttachmentOptions`. The default is EC2's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct TransitGatewayVpcAttachmentOptions {
    /// As the gateway's option of this name, for this VPC.
    pub dns_support: bool,
    /// As the gateway's option of this name, for this VPC.
    pub security_group_referencing_support: bool,
    /// IPv6 is routed.
    pub ipv6_support: bool,
    /// Keep a flow in one zone for its life.
    pub appliance_mode_support: bool,
}

impl Default for TransitGatewayVpcAttachmentOptions {
    fn default() -> Self {
        Self {
            dns_support: true,
            security_group_referencing_support: true,
            ipv6_support: false,
            appliance_mode_support: false,
        }
    }
}

/// A peering attachment: it belongs to two gateways, and each associates it with a table of its
/// own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct TransitGatewayPeering {
    /// Region of the gateway that asked.
    pub region: SmolStr,
    /// The other gateway, which accepts.
    pub peer_transit_gateway_id: TransitGatewayId,
    /// Its owner.
    pub peer_account_id: SmolStr,
    /// Its Region.
    pub peer_region: SmolStr,
    /// The table that routes what enters there.
    pub peer_association: Option<TransitGatewayRouteTableId>,
}

impl TransitGatewayAttachment {
    /// The VPC attachment that this is.
    #[must_use]
    pub const fn vpc(&self) -> Option<&TransitGatewayVpcAttachment> {
        match &self.resource {
            TransitGatewayAttachedResource::Vpc(vpc) => Some(vpc),
            _ => None,
        }
    }

    /// The VPN connection that is attached.
    #[must_use]
    pub const fn vpn_connection_id(&self) -> Option<&VpnConnectionId> {
        match &self.resource {
            TransitGatewayAttachedResource::Vpn(id) => Some(id),
            _ => None,
        }
    }

    /// The peering that this is.
    #[must_use]
    pub const fn peering(&self) -> Option<&TransitGatewayPeering> {
        match &self.resource {
            TransitGatewayAttachedResource::Peering(peering) => Some(peering),
            _ => None,
        }
    }

    /// Whether it is attached to `gateway`, at either end.
    #[must_use]
    pub fn is_at(&self, gateway: &TransitGatewayId) -> bool {
        let peering = self.peering();
        self.transit_gateway_id == *gateway
            || peering.is_some_and(|it| it.peer_transit_gateway_id == *gateway)
    }

    /// The table of `gateway` that routes what enters here.
    #[must_use]
    pub fn association_at(
        &self,
        gateway: &TransitGatewayId,
    ) -> Option<&TransitGatewayRouteTableId> {
        match self.peering() {
            Some(peering) if self.transit_gateway_id != *gateway => {
                peering.peer_association.as_ref()
            }
            _ => self.association.as_ref(),
        }
    }
}

/// A route of a transit gateway's table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct TransitGatewayRoute {
    /// Destination.
    pub destination_cidr_block: IpNet,
    /// The attachments, several for equal routes by VPN; none for a blackhole.
    pub attachments: Vec<TransitGatewayAttachmentId>,
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
    /// When it was made.
    pub creation_time: UnixTime,
    /// Tags.
    pub tags: Vec<Tag>,
}

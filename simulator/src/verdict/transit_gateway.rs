//! Why a transit gateway drops a packet.

use std::fmt;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;
use wirelab_model::{
    IpNet, TransitGatewayAttachmentId, TransitGatewayId, TransitGatewayRouteTableId, VpcId,
};

use super::{ExplanationCode, Reason};

/// Reasons of transit gateways.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum TransitGatewayDrop {
    /// The transit gateway is not attached to the VPC, or not in service there.
    NotAttached {
        /// The gateway.
        transit_gateway: TransitGatewayId,
        /// The VPC.
        vpc: VpcId,
    },
    /// The VPN or peering attachment that the route leads to is not in service.
    AttachmentState {
        /// The gateway.
        transit_gateway: TransitGatewayId,
        /// The attachment.
        attachment: TransitGatewayAttachmentId,
    },
    /// The attachment has no subnet in the sender's Availability Zone.
    NoZone {
        /// The gateway.
        transit_gateway: TransitGatewayId,
        /// The zone.
        availability_zone: SmolStr,
    },
    /// An IPv6 packet at a VPC attachment without `Ipv6Support`.
    NoIpv6Support {
        /// The gateway.
        transit_gateway: TransitGatewayId,
        /// The attachment.
        attachment: TransitGatewayAttachmentId,
    },
    /// The attachment is associated with no route table, or none of the table's routes matches
    /// (`PacketDropCountNoRoute`).
    NoRoute {
        /// The gateway.
        transit_gateway: TransitGatewayId,
        /// The table, if one is associated.
        route_table: Option<TransitGatewayRouteTableId>,
        /// Where the packet was going.
        destination: IpAddr,
    },
    /// A blackhole route of the transit gateway (`PacketDropCountBlackhole`).
    Blackhole {
        /// The gateway.
        transit_gateway: TransitGatewayId,
        /// The table.
        route_table: TransitGatewayRouteTableId,
        /// The route's block.
        destination: IpNet,
    },
}

impl Reason for TransitGatewayDrop {
    fn code(&self) -> Option<ExplanationCode> {
        match self {
            Self::NotAttached { .. } | Self::AttachmentState { .. } => {
                Some(ExplanationCode::BadStateAttachment)
            }
            Self::NoZone { .. } => Some(ExplanationCode::TgwRouteAzRestriction),
            Self::NoRoute {
                route_table: None, ..
            } => Some(ExplanationCode::TgwAttachMissingTgwRtbAssociation),
            Self::NoRoute { .. } => Some(ExplanationCode::TgwRtbCannotRoute),
            // Reachability Analyzer knows no such reason.
            Self::NoIpv6Support { .. } => None,
            Self::Blackhole { .. } => Some(ExplanationCode::TgwRtbBadStateRoute),
        }
    }
}

/// One sentence without a full stop.
impl fmt::Display for TransitGatewayDrop {
    #[rustfmt::skip]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotAttached { transit_gateway, vpc } =>
                write!(f, "{transit_gateway} has no attachment in service in {vpc}"),
            Self::AttachmentState { transit_gateway, attachment } =>
                write!(f, "{attachment} of {transit_gateway} is not in service"),
            Self::NoIpv6Support { transit_gateway, attachment } =>
                write!(f, "{attachment} of {transit_gateway} has no IPv6 support"),
            Self::NoZone { transit_gateway, availability_zone } =>
                write!(f, "the attachment of {transit_gateway} has no subnet in {availability_zone}"),
            Self::NoRoute { transit_gateway, route_table: Some(table), destination } =>
                write!(f, "no route of {table} of {transit_gateway} matches {destination}"),
            Self::NoRoute { transit_gateway, route_table: None, .. } =>
                write!(f, "the attachment to {transit_gateway} is associated with no route table"),
            Self::Blackhole { route_table, destination, .. } =>
                write!(f, "route {destination} of {route_table} is a blackhole"),
        }
    }
}

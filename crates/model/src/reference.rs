//! Over what a security group's rules may refer to groups of another VPC.

use crate::{
    Resources, TransitGatewayAttachedResource, TransitGatewayId, VpcId, VpcPeeringConnectionId,
};

/// What joins the VPC of a rule with the VPC of the group that it refers to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReferenceOver<'a> {
    /// They are one.
    SameVpc,
    /// An active peering connection within a Region.
    Peering(&'a VpcPeeringConnectionId),
    /// A transit gateway with `SecurityGroupReferencingSupport`, its own and that of both
    /// attachments. Inbound rules alone may refer over it.
    TransitGateway(&'a TransitGatewayId),
}

impl Resources {
    /// What lets rules of groups in `own` refer to groups in `peer` (Amazon VPC User Guide,
    /// "Security group referencing").
    #[must_use]
    pub fn reference_over(&self, own: &VpcId, peer: &VpcId) -> Option<ReferenceOver<'_>> {
        if own == peer {
            return Some(ReferenceOver::SameVpc);
        }
        let mut connections = self.vpc_peering_connections.values();
        let peering = connections.find(|it| it.connects(own, peer) && !it.is_inter_region());
        if let Some(peering) = peering {
            let id = &peering.vpc_peering_connection_id;
            return Some(ReferenceOver::Peering(id));
        }
        let mut gateways = self.transit_gateways.values();
        let joins = |id: &TransitGatewayId| [own, peer].iter().all(|vpc| self.takes_part(id, vpc));
        let gateway = gateways.find(|it| {
            it.options.security_group_referencing_support && joins(&it.transit_gateway_id)
        });
        gateway.map(|it| ReferenceOver::TransitGateway(&it.transit_gateway_id))
    }

    /// Whether the VPC is attached to the gateway with referencing on.
    fn takes_part(&self, gateway: &TransitGatewayId, vpc: &VpcId) -> bool {
        let mut attachments = self.transit_gateway_attachments.values();
        attachments.any(|it| match &it.resource {
            TransitGatewayAttachedResource::Vpc(attached) => {
                it.transit_gateway_id == *gateway
                    && it.state.is_in_service()
                    && attached.vpc_id == *vpc
                    && attached.options.security_group_referencing_support
            }
            _ => false,
        })
    }
}

//! VPC peering (`facts.md` 2.5, 2.6): from one VPC straight into the other, and no further.

use std::net::IpAddr;

use wirelab_model::{NetworkInterfaceId, PeeringStatus, VpcId, VpcPeeringConnectionId};

use super::{Coming, Packet, Plain, Verdict, Why};

/// Between Regions; within one a peering connection carries what interfaces do.
const INTER_REGION_MTU: usize = 8500;

impl Plain {
    /// A route leads from `from` to a peering connection.
    pub(super) fn to_peer(
        &mut self,
        from: &NetworkInterfaceId,
        connection: &VpcPeeringConnectionId,
        packet: &mut Packet,
        coming: Coming,
    ) -> Verdict {
        let here = self.interface(from).vpc_id.clone();
        let peering = self
            .resources
            .vpc_peering_connections
            .get(connection)
            .cloned();
        let active = peering.filter(|it| it.status == PeeringStatus::Active);
        let remote = active.as_ref().and_then(|it| {
            let ends = [&it.requester, &it.accepter];
            let is_end = ends.iter().any(|end| end.vpc_id == here);
            ends.into_iter().find(|end| is_end && end.vpc_id != here)
        });
        let Some(there) = remote.map(|it| it.vpc_id.clone()) else {
            return Err(Why::new("peering not active", connection));
        };
        // No edge-to-edge, not transitive: from the one VPC, to the other.
        if !self.is_in_vpc(&here, packet.source) {
            return Err(Why::new("peering takes no foreign source", connection));
        }
        if !self.is_in_vpc(&there, packet.destination) {
            return Err(Why::new("peering is no way to elsewhere", connection));
        }
        let to = self.interface_at(&there, packet.destination);
        let Some(to) = to.filter(|id| !self.is_of_transit(id)) else {
            return Err(Why::new("peering: unknown destination", connection));
        };
        let far = active.is_some_and(|it| it.requester.region != it.accepter.region);
        if far && packet.size > INTER_REGION_MTU {
            return Err(Why::new("MTU", connection));
        }
        let coming = Coming {
            crosses: true,
            // What a NAT gateway tracks is its own VPC's.
            auto_tracked: false,
            ..coming
        };
        self.arrive(&to, packet, coming)
    }

    /// Whether an active connection within the Region joins two VPCs: group references go there.
    pub(super) fn are_peers(&self, one: &VpcId, other: &VpcId) -> bool {
        self.resources.vpc_peering_connections.values().any(|it| {
            let ends = (&it.requester.vpc_id, &it.accepter.vpc_id);
            let joins = ends == (one, other) || ends == (other, one);
            let near = it.requester.region == it.accepter.region;
            joins && near && it.status == PeeringStatus::Active
        })
    }

    pub(super) fn is_in_vpc(&self, vpc: &VpcId, address: IpAddr) -> bool {
        let vpc = self.resources.vpcs.get(vpc);
        vpc.is_some_and(|vpc| match address {
            IpAddr::V4(address) => vpc.cidr_blocks.iter().any(|it| it.contains(&address)),
            IpAddr::V6(address) => vpc.ipv6_cidr_blocks.iter().any(|it| it.contains(&address)),
        })
    }
}

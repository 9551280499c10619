//! Which groups a security group's rules may refer to.
//!
//! Amazon VPC User Guide, "Security group referencing"; VPC Peering Guide; Transit Gateway guide
//! (`facts.md` 2.1, 2.5, 2.9). Groups of the same VPC; of a VPC peered with it in the same Region,
//! while the connection is active; inbound, of a VPC that a transit gateway joins to it with
//! `SecurityGroupReferencingSupport` on the gateway and on both attachments. Whatever else a rule
//! names is stale and matches nothing.

use wirelab_model::{Resources, SecurityGroup, SecurityGroupId, VpcId};

/// Whether a rule of `group` may refer to `peer`.
pub(super) fn is_live(
    group: &SecurityGroup,
    peer: &SecurityGroupId,
    resources: &Resources,
) -> bool {
    let Some(peer) = resources.security_groups.get(peer) else {
        return false;
    };
    group.vpc_id == peer.vpc_id || are_peered(&group.vpc_id, &peer.vpc_id, resources)
}

fn are_peered(one: &VpcId, other: &VpcId, resources: &Resources) -> bool {
    let mut connections = resources.vpc_peering_connections.values();
    connections.any(|it| it.connects(one, other) && !it.is_inter_region())
}

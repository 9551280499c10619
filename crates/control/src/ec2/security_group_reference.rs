//! References to groups of other VPCs (Amazon EC2 API Reference: `DescribeSecurityGroupReferences`,
//! `DescribeStaleSecurityGroups`; Amazon VPC Peering Guide, "Update your security groups").
//!
//! A rule may refer to a group of a VPC that [`Resources::reference_over`] something joins. When
//! the connection or the group goes, the rule stays and is stale: it matches nothing and may be
//! revoked.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use smol_str::SmolStr;
use wirelab_model::*;

use crate::describe::Reader;
use crate::ec2::permission;
use crate::error;
use crate::kind::Kind;
use crate::state::State;
use crate::transaction::Transaction;

/// A group of another VPC that a rule was made to refer to: it may go, and the rule stays.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ForeignGroup {
    owner_id: SmolStr,
    vpc_id: VpcId,
}

/// Refuses a reference that the VPC's groups may not make, and remembers one to another VPC.
pub(crate) fn check(
    tx: &mut Transaction<'_>,
    vpc_id: &VpcId,
    group: &SecurityGroupId,
    is_egress: bool,
) -> Result<(), ApiError> {
    let resources = tx.resources();
    let missing = || SecurityGroup::missing(group);
    let peer = resources.security_groups.get(group).ok_or_else(missing)?;
    match resources.reference_over(vpc_id, &peer.vpc_id) {
        Some(ReferenceOver::SameVpc) => return Ok(()),
        Some(ReferenceOver::TransitGateway(_)) if is_egress => {
            return Err(error::outbound_reference(group));
        }
        Some(_) => {}
        None => return Err(missing()),
    }
    let foreign = ForeignGroup {
        owner_id: peer.owner_id.clone(),
        vpc_id: peer.vpc_id.clone(),
    };
    tx.state.foreign_groups.insert(group.clone(), foreign);
    Ok(())
}

/// `UserIdGroupPairs`: the group with its owner, and over what it is referred to.
pub(crate) fn pair(id: &SecurityGroupId, own: &SecurityGroup, state: &State) -> Value {
    let Some(foreign) = state.foreign_groups.get(id) else {
        return json!({ "UserId": own.owner_id, "GroupId": id });
    };
    if foreign.vpc_id == own.vpc_id {
        return json!({ "UserId": own.owner_id, "GroupId": id });
    }
    let connections = state.resources.vpc_peering_connections.values();
    let between = connections.filter(|it| {
        let ends = it.ends(&own.vpc_id);
        ends.is_some_and(|(_, remote)| remote.vpc_id == foreign.vpc_id)
    });
    let connection = between.max_by_key(|it| it.status == PeeringStatus::Active);
    json!({
        "UserId": foreign.owner_id,
        "GroupId": id,
        "VpcId": foreign.vpc_id,
        "VpcPeeringConnectionId": connection.map(|it| &it.vpc_peering_connection_id),
        "PeeringStatus": connection.map(|it| it.status),
    })
}

/// Whether the rule refers to a group that it can match no more.
fn is_stale(rule: &SecurityGroupRule, own: &SecurityGroup, resources: &Resources) -> bool {
    let RulePeer::Group(id) = &rule.peer else {
        return false;
    };
    let peer = resources.security_groups.get(id);
    let over = peer.and_then(|it| resources.reference_over(&own.vpc_id, &it.vpc_id));
    match over {
        None => true,
        Some(ReferenceOver::TransitGateway(_)) => rule.is_egress,
        Some(_) => false,
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct DescribeStaleSecurityGroups {
    vpc_id: VpcId,
}

pub(crate) fn describe_stale(reader: &Reader<'_>, request: DescribeStaleSecurityGroups) -> Reply {
    reader.get::<Vpc>(&request.vpc_id)?;
    let resources = reader.resources();
    let groups = reader.each::<SecurityGroup>();
    let stale: Vec<&SecurityGroup> = groups
        .filter(|it| it.vpc_id == request.vpc_id)
        .filter(|it| it.rules.iter().any(|rule| is_stale(rule, it, resources)))
        .collect();
    let key = |it: &SecurityGroup| it.group_id.to_string();
    reader.page("StaleSecurityGroupSet", stale, key, |it| {
        let rules = it.rules.iter().filter(|rule| is_stale(rule, it, resources));
        let (egress, ingress): (Vec<_>, Vec<_>) = rules.partition(|rule| rule.is_egress);
        json!({
            "GroupId": it.group_id,
            "GroupName": it.group_name,
            "Description": it.description,
            "VpcId": it.vpc_id,
            "StaleIpPermissions": permission::show(&ingress, it, reader.state),
            "StaleIpPermissionsEgress": permission::show(&egress, it, reader.state),
        })
    })
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct DescribeSecurityGroupReferences {
    group_id: Vec<SecurityGroupId>,
}

/// The VPCs at the other end of a connection whose groups refer to one's own.
pub(crate) fn describe_references(
    reader: &Reader<'_>,
    request: DescribeSecurityGroupReferences,
) -> Reply {
    let resources = reader.resources();
    let mut shown = Vec::new();
    for id in &request.group_id {
        let group = reader.get::<SecurityGroup>(id)?;
        let refers = |it: &&SecurityGroup| {
            let mut rules = it.rules.iter();
            it.vpc_id != group.vpc_id && rules.any(|rule| rule.peer == RulePeer::Group(id.clone()))
        };
        let groups = resources.security_groups.values().map(AsRef::as_ref);
        let mut vpcs: Vec<&VpcId> = groups.filter(refers).map(|it| &it.vpc_id).collect();
        vpcs.sort();
        vpcs.dedup();
        for vpc in vpcs {
            let over = resources.reference_over(vpc, &group.vpc_id);
            let (peering, gateway) = match over {
                Some(ReferenceOver::Peering(id)) => (Some(id), None),
                Some(ReferenceOver::TransitGateway(id)) => (None, Some(id)),
                Some(ReferenceOver::SameVpc) | None => continue,
            };
            shown.push(json!({
                "GroupId": id,
                "ReferencingVpcId": vpc,
                "VpcPeeringConnectionId": peering,
                "TransitGatewayId": gateway,
            }));
        }
    }
    Ok(json!({ "SecurityGroupReferenceSet": shown }))
}

//! Routes that make a subnet public: no list or group shows that, and every control behind counts
//! on it not being so.

use std::collections::BTreeMap;

use wirelab_model::{Resources, RouteTable, RouteTableAssociation, RouteTarget, SubnetId, VpcId};

use super::Aftermath;
use super::least::named;
use crate::finding::{Finding, FindingKind, PACKETS_WAY};

/// One finding a subnet that has a route to an internet gateway now, and neither had one when the
/// lab opened nor before something broke.
pub(super) fn made_public(after: &Aftermath<'_>) -> Vec<Finding> {
    let plan = after.run.plan();
    let mut meant = public(plan.control.resources());
    meant.extend(public(after.opening.control().resources()));
    let now = public(after.run.control().resources());
    let new = now
        .into_iter()
        .filter(|(subnet, _)| !meant.contains_key(subnet));
    let finding = |(subnet, route): (SubnetId, String)| {
        let subnet = named(&plan.names, subnet.as_str());
        let summary = format!("you also made {subnet} a public subnet");
        let finding = Finding::new(FindingKind::TooOpen, summary);
        let route = format!("by  {}", named(&plan.names, &route));
        finding.evidence(route).see(PACKETS_WAY)
    };
    new.map(finding).collect()
}

/// Subnets with a route to an internet gateway, and that route.
fn public(resources: &Resources) -> BTreeMap<SubnetId, String> {
    let subnets = resources.subnets.values();
    let routed = subnets.filter_map(|subnet| {
        let id = &subnet.subnet_id;
        let mut routes = table_of(resources, id, &subnet.vpc_id)?.routes.iter();
        let found = routes.find_map(|route| match &route.target {
            RouteTarget::InternetGateway(gateway) => {
                Some(format!("{} -> {gateway}", route.destination))
            }
            _ => None,
        })?;
        Some((id.clone(), found))
    });
    routed.collect()
}

/// The subnet's own table, else the main one of its VPC.
fn table_of<'a>(
    resources: &'a Resources,
    subnet: &SubnetId,
    vpc: &VpcId,
) -> Option<&'a RouteTable> {
    let tables = resources.route_tables.values().map(AsRef::as_ref);
    let of_vpc: Vec<&RouteTable> = tables.filter(|table| table.vpc_id == *vpc).collect();
    let with = |own: &dyn Fn(&RouteTableAssociation) -> bool| {
        let mut tables = of_vpc.iter();
        tables
            .find(|table| table.associations.iter().any(own))
            .copied()
    };
    with(&|it| it.subnet_id.as_ref() == Some(subnet)).or_else(|| with(&|it| it.main))
}

//! Routes that join a subnet to another network: by peering, transit gateway or VPN.
//!
//! Lists and groups stay as they were, and whoever is behind the route meets them from now on.
//! With everything else taken as open, such a route is an opening of its own.

use std::collections::BTreeMap;

use wirelab_model::{IpNet, Resources, Route, RouteState, RouteTarget, SubnetId};
use wirelab_scenario::Plan;

use super::Aftermath;
use super::least::named;
use super::routes::table_of;
use crate::finding::{Finding, FindingKind, PACKETS_WAY};

/// One finding for each network that a subnet is joined to now, was not, and is not meant to be.
pub(super) fn networks(after: &Aftermath<'_>) -> Vec<Finding> {
    let plan = after.run.plan();
    let names = &plan.names;
    let before = [
        after.untouched.control().resources(),
        plan.control.resources(),
    ];
    let before = before.map(links);
    let now = after.run.control().resources();
    let mut findings: BTreeMap<String, Finding> = BTreeMap::new();
    for (subnet, beyond, by) in links(now) {
        let reached =
            |(was, block, _): &(SubnetId, IpNet, String)| *was == subnet && block.contains(&beyond);
        let was_there = before.iter().flatten().any(reached);
        if was_there || is_meant(plan, now, &subnet, &beyond) {
            continue;
        }
        let finding = findings.entry(by.clone()).or_insert_with(|| {
            let here = named(names, subnet.as_str());
            let summary = format!("you also joined {here} with {beyond}");
            let finding = Finding::new(FindingKind::TooOpen, summary);
            finding
                .evidence(format!("by  {}", named(names, &by)))
                .evidence(format!(
                    "counterexample  any packet between {here} and {beyond}  had no way, meets \
                     lists and groups now"
                ))
                .see(PACKETS_WAY)
        });
        let here = format!("also {}", named(names, subnet.as_str()));
        if !finding.summary.contains(subnet.as_str()) && !finding.evidence.contains(&here) {
            finding.evidence.push(here);
        }
    }
    findings.into_values().collect()
}

/// Each subnet with the blocks that its routes say lie beyond a link, and the route.
fn links(resources: &Resources) -> Vec<(SubnetId, IpNet, String)> {
    let subnets = resources.subnets.values();
    let links = subnets.flat_map(|subnet| {
        let id = &subnet.subnet_id;
        let table = table_of(resources, id, &subnet.vpc_id);
        let routes = table.into_iter().flat_map(|table| {
            let id = &table.route_table_id;
            table.routes.iter().map(move |route| (id, route))
        });
        let beyond = routes.filter_map(move |(table, route)| {
            let target = link(route)?;
            let block = route.destination.cidr()?;
            let by = format!("{table}: {block} -> {target}");
            Some((id.clone(), block, by))
        });
        beyond.collect::<Vec<_>>()
    });
    links.collect()
}

/// The link that a route leads over, if it does and leads somewhere.
fn link(route: &Route) -> Option<String> {
    if route.state != RouteState::Active {
        return None;
    }
    match &route.target {
        RouteTarget::VpcPeeringConnection(id) => Some(id.to_string()),
        RouteTarget::TransitGateway(id) => Some(id.to_string()),
        RouteTarget::VpnGateway(id) => Some(id.to_string()),
        _ => None,
    }
}

/// Whether something is meant to be said between the subnet and what is beyond.
fn is_meant(plan: &Plan, resources: &Resources, subnet: &SubnetId, beyond: &IpNet) -> bool {
    let Some(subnet) = resources.subnets.get(subnet) else {
        return false;
    };
    let v6 = subnet.ipv6_cidr_block.map(IpNet::from);
    let here: Vec<IpNet> = std::iter::once(IpNet::from(subnet.cidr_block))
        .chain(v6)
        .collect();
    let meets = |blocks: &[IpNet], other: &IpNet| {
        let mut blocks = blocks.iter();
        blocks.any(|it| it.contains(other) || other.contains(it))
    };
    let is_here = |blocks: &[IpNet]| here.iter().any(|it| meets(blocks, it));
    plan.intents.iter().any(|intent| {
        let (from, to) = (&intent.from.blocks, &intent.to.blocks);
        is_here(from) && meets(to, beyond) || is_here(to) && meets(from, beyond)
    })
}

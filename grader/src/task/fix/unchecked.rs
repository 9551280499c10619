//! Interfaces that take and send what is not theirs: their source/destination check was turned off.
//!
//! A machine that routes or translates for others needs that, and a route leads to it. Of any other
//! it is an opening that no list or group shows.

use std::collections::BTreeSet;

use wirelab_model::{InterfaceType, NetworkInterface, NetworkInterfaceId, Resources, RouteTarget};

use super::Aftermath;
use super::least::named;
use crate::finding::{Finding, FindingKind, PACKETS_WAY};

/// One finding an interface whose check was turned off, and to which no route leads.
pub(super) fn interfaces(after: &Aftermath<'_>) -> Vec<Finding> {
    let plan = after.run.plan();
    let before = [
        after.untouched.control().resources(),
        plan.control.resources(),
    ];
    let now = after.run.control().resources();
    let routed = routed(now);
    let was_open = |interface: &NetworkInterface| {
        before.iter().any(|it| {
            let earlier = it.network_interfaces.get(&interface.network_interface_id);
            earlier.is_some_and(|it| !it.source_dest_check)
        })
    };
    let open = now.network_interfaces.values().filter(|it| {
        let is_machines = it.interface_type == InterfaceType::Interface;
        let is_router = routed.contains(&it.network_interface_id);
        is_machines && !it.source_dest_check && !is_router && !was_open(it)
    });
    let found = open.map(|interface| {
        let id = named(&plan.names, interface.network_interface_id.as_str());
        let own = interface.private_ip_address;
        let summary = format!("you also turned off the source/destination check of {id}");
        Finding::new(FindingKind::TooOpen, summary)
            .evidence("no route leads to it, so it forwards nothing".to_owned())
            .evidence(format!(
                "counterexample  any packet from there with another source than {own}  was dropped \
                 there, meets lists and groups now"
            ))
            .see(PACKETS_WAY)
    });
    found.collect()
}

/// The interfaces to which routes lead.
fn routed(resources: &Resources) -> BTreeSet<NetworkInterfaceId> {
    let tables = resources.route_tables.values();
    let routes = tables.flat_map(|table| &table.routes);
    let targets = routes.filter_map(|route| match &route.target {
        RouteTarget::NetworkInterface(id) => Some(id.clone()),
        _ => None,
    });
    targets.collect()
}

//! What puts machines on the internet: routes that make a subnet public, and public addresses. No
//! list or group shows either, and every control behind counts on its absence. Where a subnet has
//! no route to the internet gateway, packets to a public address there come in all the same; only
//! the answers go another way.

use std::collections::BTreeMap;
use std::net::IpAddr;

use wirelab_model::{
    InterfaceType, NetworkInterface, NetworkInterfaceId, Resources, RouteTable,
    RouteTableAssociation, RouteTarget, SubnetId, VpcId,
};
use wirelab_scenario::Plan;

use super::Aftermath;
use super::least::named;
use crate::finding::{Finding, FindingKind, PACKETS_WAY};

/// One finding a subnet that has a route to an internet gateway now, and one a machine elsewhere
/// that has a public address; neither of which would be so if nobody had done anything, nor was
/// before something broke.
pub(super) fn made_public(after: &Aftermath<'_>) -> Vec<Finding> {
    let plan = after.run.plan();
    let before = [
        after.untouched.control().resources(),
        plan.control.resources(),
    ];
    let now = after.run.control().resources();
    let subnets = new(public(now), before.map(public));
    let machines = new(reachable(now), before.map(reachable));
    let machines = machines.iter().filter(|(id, _)| {
        let interface = &now.network_interfaces[*id];
        !subnets.contains_key(&interface.subnet_id) && !is_meant(plan, interface)
    });
    let finding = |what: String, by: &str| {
        let finding = Finding::new(FindingKind::TooOpen, what);
        let by = format!("by  {}", named(&plan.names, by));
        finding.evidence(by).see(PACKETS_WAY)
    };
    let public = subnets.iter().map(|(subnet, route)| {
        let subnet = named(&plan.names, subnet.as_str());
        finding(format!("you also made {subnet} a public subnet"), route)
    });
    let reached = machines.map(|(id, by)| {
        let interface = named(&plan.names, id.as_str());
        let found = finding(format!("you also put {interface} on the internet"), by);
        let sample = "counterexample  any packet from the internet to that address";
        found.evidence(format!(
            "{sample}  had no way in, meets its lists and groups now"
        ))
    });
    public.chain(reached).collect()
}

/// What is there now and was in neither.
fn new<K: Ord, V, const N: usize>(
    now: BTreeMap<K, V>,
    before: [BTreeMap<K, V>; N],
) -> BTreeMap<K, V> {
    let is_new = |(key, _): &(K, V)| before.iter().all(|it| !it.contains_key(key));
    now.into_iter().filter(is_new).collect()
}

/// Machines' interfaces with a public address, behind an internet gateway, and what makes them so.
fn reachable(resources: &Resources) -> BTreeMap<NetworkInterfaceId, String> {
    let interfaces = resources.network_interfaces.values();
    let machines = interfaces.filter(|it| it.interface_type == InterfaceType::Interface);
    let reached = machines.filter_map(|interface| {
        let vpc = Some(&interface.vpc_id);
        let mut gateways = resources.internet_gateways.values();
        let gateway = gateways.find(|it| it.vpc_id.as_ref() == vpc)?;
        let mut own = interface.private_ip_addresses.iter();
        let address = own.find_map(|it| it.association.as_ref())?.public_ip;
        let id = &interface.network_interface_id;
        let gateway = &gateway.internet_gateway_id;
        Some((id.clone(), format!("{address} -> {id}, by {gateway}")))
    });
    reached.collect()
}

/// Whether somebody outside its VPC is meant to open flows to it.
fn is_meant(plan: &Plan, interface: &NetworkInterface) -> bool {
    let address = IpAddr::from(interface.private_ip_address);
    let vpc = plan.control.resources().vpcs.get(&interface.vpc_id);
    let inside = |client: &wirelab_model::IpNet| {
        let mut blocks = vpc.iter().flat_map(|vpc| &vpc.cidr_blocks);
        blocks.any(|block| wirelab_model::IpNet::from(*block).contains(client))
    };
    plan.intents.iter().any(|intent| {
        let serves = intent
            .to
            .blocks
            .iter()
            .any(|block| block.contains(&address));
        serves && intent.from.blocks.iter().any(|client| !inside(client))
    })
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
pub(super) fn table_of<'a>(
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

//! Route table: the longest prefix wins, then the kind of route.
//!
//! Amazon VPC User Guide, "Configure route tables" (`facts.md` 2.3). Of routes to one block, in
//! this order:
//!
//! | | route |
//! | --- | --- |
//! | 1 | the local route |
//! | 2 | a static one to a block |
//! | 3 | a static one to a prefix list |
//! | 4 | one propagated from a virtual private gateway |
//!
//! A propagated route inside a block of the VPC never has effect, though it is more specific than
//! the local route. AWS says nothing of a prefix list with such an entry; we read the same.

use std::net::IpAddr;
use std::sync::Arc;

use wirelab_model::{
    IpNet, Resources, Route, RouteDestination, RouteOrigin, RouteState, RouteTable, RouteTableId,
    RouteTarget, TransitGatewayId, VpcPeeringConnectionId, VpnGatewayId,
};

use super::compile::InterfaceIndices;
use super::lpm::Lpm;
use super::plan::{
    EndpointIndex, InterfaceIndex, NatIndex, PeeringIndex, TransitIndex, VpnGatewayIndex,
};
use super::vpc_endpoint;

/// A route table as the fabric reads it.
#[derive(Clone, Debug)]
pub(crate) struct Table {
    pub(crate) id: RouteTableId,
    source: Arc<RouteTable>,
    lpm: Lpm<Entry>,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    target: Target,
    /// Where the route is in `source.routes`.
    at: u32,
}

/// Where a route leads, if it leads anywhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    Local,
    InternetGateway,
    /// The VPC's egress-only internet gateway.
    EgressOnlyInternetGateway,
    VpnGateway(VpnGatewayIndex),
    NatGateway(NatIndex),
    Interface(InterfaceIndex),
    TransitGateway(TransitIndex),
    Peering(PeeringIndex),
    GatewayEndpoint(EndpointIndex),
    /// The target is gone, or not attached to the table's VPC.
    Gone,
}

/// The route that a destination takes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Taken<'a> {
    pub(crate) destination: &'a RouteDestination,
    pub(crate) target: &'a RouteTarget,
    pub(crate) leads: Target,
}

impl Table {
    pub(super) fn new(
        source: &Arc<RouteTable>,
        resources: &Resources,
        interfaces: &InterfaceIndices,
    ) -> Self {
        let mut order: Vec<_> = (0..source.routes.len()).collect();
        order.sort_by_key(|at| priority(&source.routes[*at]));
        let locals: Vec<_> = source
            .routes
            .iter()
            .filter(|route| route.target == RouteTarget::Local)
            .filter_map(|route| route.destination.cidr())
            .collect();
        let mut lpm = Lpm::default();
        for at in order {
            let route = &source.routes[at];
            let target = match route.state {
                RouteState::Active => target(&route.target, source, resources, interfaces),
                RouteState::Blackhole => Target::Gone,
            };
            let at = u32::try_from(at).expect("a table has fewer than 2^32 routes");
            let yields = priority(route) >= Priority::PrefixList;
            for block in blocks(&route.destination, resources) {
                let inside = |local: &IpNet| local.contains(&block);
                if !yields || !locals.iter().any(inside) {
                    lpm.insert(block, Entry { target, at });
                }
            }
        }
        Self {
            id: source.route_table_id.clone(),
            source: Arc::clone(source),
            lpm,
        }
    }

    /// The route to `address`.
    pub(crate) fn lookup(&self, address: IpAddr) -> Option<Taken<'_>> {
        let entry = self.lpm.lookup(address)?;
        let route = &self.source.routes[entry.at as usize];
        Some(Taken {
            destination: &route.destination,
            target: &route.target,
            leads: entry.target,
        })
    }
}

/// Which of two routes to one block is taken: the lower.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Priority {
    Local,
    Static,
    PrefixList,
    Propagated,
}

const fn priority(route: &Route) -> Priority {
    match (route.origin, &route.destination) {
        (RouteOrigin::CreateRouteTable, _) => Priority::Local,
        (RouteOrigin::CreateRoute, RouteDestination::Cidr(_)) => Priority::Static,
        (RouteOrigin::CreateRoute, RouteDestination::PrefixList(_)) => Priority::PrefixList,
        (RouteOrigin::EnableVgwRoutePropagation, _) => Priority::Propagated,
    }
}

fn blocks(destination: &RouteDestination, resources: &Resources) -> Vec<IpNet> {
    match destination {
        RouteDestination::Cidr(block) => vec![*block],
        RouteDestination::PrefixList(id) => {
            let list = resources.managed_prefix_lists.get(id);
            list.map_or_else(Vec::new, |it| it.blocks().collect())
        }
    }
}

fn target(
    target: &RouteTarget,
    table: &RouteTable,
    resources: &Resources,
    interfaces: &InterfaceIndices,
) -> Target {
    let found = match target {
        RouteTarget::Local => Some(Target::Local),
        RouteTarget::InternetGateway(id) => {
            let gateway = resources.internet_gateways.get(id);
            let attached = gateway.filter(|it| it.vpc_id.as_ref() == Some(&table.vpc_id));
            attached.map(|_| Target::InternetGateway)
        }
        RouteTarget::EgressOnlyInternetGateway(id) => {
            let gateway = resources.egress_only_internet_gateways.get(id);
            let attached = gateway.filter(|it| it.vpc_id == table.vpc_id);
            attached.map(|_| Target::EgressOnlyInternetGateway)
        }
        RouteTarget::VpnGateway(id) => vpn_gateway(id, table, resources).map(Target::VpnGateway),
        RouteTarget::NatGateway(id) => {
            let at = resources.nat_gateways.keys().position(|it| it == id);
            at.map(NatIndex::new).map(Target::NatGateway)
        }
        RouteTarget::NetworkInterface(id) => {
            let here = resources.network_interfaces.contains_key(id);
            let index = interfaces.get(id).filter(|_| here);
            index.copied().map(Target::Interface)
        }
        RouteTarget::VpcPeeringConnection(id) => {
            let connections = &resources.vpc_peering_connections;
            let at = connections.keys().position(|it| it == id);
            let here = |it: &VpcPeeringConnectionId| connections[it].ends(&table.vpc_id).is_some();
            let at = at.filter(|_| here(id)).map(PeeringIndex::new);
            at.map(Target::Peering)
        }
        RouteTarget::VpcEndpoint(id) => {
            (vpc_endpoint::position(id, table, resources)).map(Target::GatewayEndpoint)
        }
        RouteTarget::TransitGateway(id) => transit(id, resources).map(Target::TransitGateway),
    };
    found.unwrap_or(Target::Gone)
}

fn vpn_gateway(
    id: &VpnGatewayId,
    table: &RouteTable,
    resources: &Resources,
) -> Option<VpnGatewayIndex> {
    let mut gateways = resources.vpn_gateways.values();
    let at = gateways.position(|it| it.vpn_gateway_id == *id)?;
    let gateway = &resources.vpn_gateways[id];
    (gateway.vpc_id.as_ref() == Some(&table.vpc_id)).then(|| VpnGatewayIndex::new(at))
}

fn transit(id: &TransitGatewayId, resources: &Resources) -> Option<TransitIndex> {
    let at = resources.transit_gateways.keys().position(|it| it == id);
    at.map(TransitIndex::new)
}

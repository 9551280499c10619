//! What follows from other resources, computed anew after every change: local routes, propagated
//! routes, and which routes lead nowhere.
//!
//! Handlers edit what the caller named and leave the rest to this. So a route turns into a
//! blackhole the same way whether its target was deleted, detached, stopped or terminated.

use std::sync::Arc;

use ipnet::IpNet;
use wirelab_model::*;

use crate::ec2::{gateway_route_table, route, transit_gateway_attachment};
use crate::network;

/// Propagated routes of a table (Amazon VPC User Guide, "Amazon VPC quotas": not adjustable). AWS
/// does not say what becomes of the others; here they are left out.
const PROPAGATED_MAX: usize = 100;

/// Brings all derived parts of `resources` up to date.
pub(crate) fn all(resources: &mut Resources) {
    let tables: Vec<_> = resources.route_tables.values().map(Arc::clone).collect();
    for table in tables {
        let routes = routes(&table, resources);
        let associations =
            gateway_route_table::lasting(&table.associations, &table.vpc_id, resources);
        if routes != table.routes || associations != table.associations {
            let id = table.route_table_id.clone();
            let updated = RouteTable {
                routes,
                associations,
                ..RouteTable::clone(&table)
            };
            resources.route_tables.insert(id, Arc::new(updated));
        }
    }
    let tables: Vec<_> = resources
        .transit_gateway_route_tables
        .values()
        .map(Arc::clone)
        .collect();
    for table in tables {
        let updated = transit_gateway_table(&table, resources);
        if updated != *table {
            let id = table.transit_gateway_route_table_id.clone();
            let tables = &mut resources.transit_gateway_route_tables;
            tables.insert(id, Arc::new(updated));
        }
    }
}

/// The table's routes: local ones first, then static ones in the order in which they were made,
/// then propagated ones.
fn routes(table: &RouteTable, resources: &Resources) -> Vec<Route> {
    let Some(vpc) = resources.vpcs.get(&table.vpc_id) else {
        return table.routes.clone();
    };
    let mut routes = route::local_routes(vpc);
    for route in &table.routes {
        match route.origin {
            // The local route's target may have been replaced by a middlebox.
            RouteOrigin::CreateRouteTable => {
                let same = |it: &&mut Route| it.destination == route.destination;
                if let Some(local) = routes.iter_mut().find(same) {
                    local.target = route.target.clone();
                }
            }
            RouteOrigin::CreateRoute => routes.push(route.clone()),
            RouteOrigin::EnableVgwRoutePropagation => {}
        }
    }
    routes.extend(propagated(table, vpc, resources));
    for route in &mut routes {
        route.state = state(&route.target, table, resources);
    }
    routes
}

/// Routes of the VPN connections behind the gateways that propagate into the table. The local route
/// wins over any of them, however specific, so those inside the VPC are left out.
fn propagated(table: &RouteTable, vpc: &Vpc, resources: &Resources) -> Vec<Route> {
    let local: Vec<IpNet> = route::blocks(vpc).collect();
    let mut routes: Vec<Route> = Vec::new();
    for gateway_id in &table.propagating_vgws {
        let attached = resources.vpn_gateways.get(gateway_id);
        if attached.and_then(|it| it.vpc_id.as_ref()) != Some(&table.vpc_id) {
            continue;
        }
        for destination in advertised(gateway_id, resources) {
            let hidden = local.iter().any(|block| block.contains(&destination))
                || routes
                    .iter()
                    .any(|route| route.destination == destination.into());
            if !hidden {
                routes.push(Route {
                    destination: destination.into(),
                    target: RouteTarget::VpnGateway(gateway_id.clone()),
                    state: RouteState::Active,
                    origin: RouteOrigin::EnableVgwRoutePropagation,
                });
            }
        }
    }
    routes.truncate(PROPAGATED_MAX);
    routes
}

/// What lies behind the gateway: routes of its connections that are in service. A tunnel that is
/// down takes static routes out of propagation (Site-to-Site VPN User Guide, "Route priority").
fn advertised(gateway_id: &VpnGatewayId, resources: &Resources) -> Vec<IpNet> {
    resources
        .vpn_connections
        .values()
        .filter(|connection| connection.vpn_gateway_id.as_ref() == Some(gateway_id))
        .filter(|connection| is_up(connection))
        .flat_map(|connection| &connection.routes)
        .filter(|route| route.state == ResourceState::Available)
        .map(|route| IpNet::V4(route.destination_cidr_block))
        .collect()
}

/// Whether a target is there to take packets.
fn state(target: &RouteTarget, table: &RouteTable, resources: &Resources) -> RouteState {
    let vpc = Some(&table.vpc_id);
    let is_there = match target {
        RouteTarget::Local => true,
        RouteTarget::InternetGateway(id) => resources
            .internet_gateways
            .get(id)
            .is_some_and(|it| it.vpc_id.as_ref() == vpc),
        RouteTarget::EgressOnlyInternetGateway(id) => resources
            .egress_only_internet_gateways
            .get(id)
            .is_some_and(|it| Some(&it.vpc_id) == vpc),
        RouteTarget::VpnGateway(id) => resources
            .vpn_gateways
            .get(id)
            .is_some_and(|it| it.vpc_id.as_ref() == vpc),
        RouteTarget::NatGateway(id) => resources.nat_gateways.get(id).is_some_and(|it| {
            matches!(
                it.state,
                NatGatewayState::Pending | NatGatewayState::Available
            )
        }),
        RouteTarget::NetworkInterface(id) => interface_is_there(id, resources),
        RouteTarget::VpcPeeringConnection(id) => {
            let connection = resources.vpc_peering_connections.get(id);
            let connection = connection.filter(|it| it.status == PeeringStatus::Active);
            connection.is_some_and(|it| it.ends(&table.vpc_id).is_some())
        }
        RouteTarget::VpcEndpoint(id) => (resources.vpc_endpoints.get(id))
            .is_some_and(|it| it.is_available() && it.vpc_id == table.vpc_id),
        RouteTarget::TransitGateway(id) => {
            transit_gateway_attachment::is_attached(resources, id, &table.vpc_id)
        }
    };
    if is_there {
        RouteState::Active
    } else {
        RouteState::Blackhole
    }
}

/// An interface takes packets while it is attached, to an instance that is not stopped.
fn interface_is_there(id: &NetworkInterfaceId, resources: &Resources) -> bool {
    let interface = resources.network_interfaces.get(id);
    let Some(attachment) = interface.and_then(|it| it.attachment.as_ref()) else {
        return false;
    };
    attachment.instance_id.as_ref().is_none_or(|id| {
        let instance = resources.instances.get(id);
        instance
            .is_some_and(|it| matches!(it.state, InstanceState::Pending | InstanceState::Running))
    })
}

/// A transit gateway's table: static routes whose attachment is gone are blackholes; propagated
/// ones are the blocks of the attached VPCs and what VPN connections with dynamic routing have
/// learned. Of two VPCs with overlapping blocks the first one counts; a VPC's block hides an equal
/// one of a VPN, and a static route an equal propagated one. Equal routes by VPN are one route with
/// several attachments if the gateway has `VpnEcmpSupport`, else the first one counts.
fn transit_gateway_table(
    table: &TransitGatewayRouteTable,
    resources: &Resources,
) -> TransitGatewayRouteTable {
    let in_service = |id: &TransitGatewayAttachmentId| {
        let attachment = resources.transit_gateway_attachments.get(id);
        attachment.is_some_and(|it| !it.state.has_ended())
    };
    let mut updated = table.clone();
    updated.propagations.retain(|id| in_service(id));
    updated.routes.retain(|route| route.is_static);
    for route in &mut updated.routes {
        route.attachments.retain(|id| in_service(id));
        route.state = match route.attachments[..] {
            [] => RouteState::Blackhole,
            _ => RouteState::Active,
        };
    }
    let learned = learned(&updated, resources);
    updated.routes.extend(learned);
    updated
}

fn learned(table: &TransitGatewayRouteTable, resources: &Resources) -> Vec<TransitGatewayRoute> {
    let gateway = resources.transit_gateways.get(&table.transit_gateway_id);
    let ecmp = gateway.is_some_and(|it| it.options.vpn_ecmp_support);
    let by_vpn = |id: &TransitGatewayAttachmentId| {
        let attachment = resources.transit_gateway_attachments.get(id);
        attachment.is_some_and(|it| it.vpn_connection_id().is_some())
    };
    let (vpns, vpcs): (Vec<_>, Vec<_>) = table.propagations.iter().partition(|id| by_vpn(id));
    let mut learned: Vec<TransitGatewayRoute> = Vec::new();
    let by_hand = |destination| {
        let mut routes = table.routes.iter();
        routes.any(|it| it.destination_cidr_block == destination)
    };
    let new = |id: &TransitGatewayAttachmentId, destination| TransitGatewayRoute {
        destination_cidr_block: destination,
        attachments: vec![id.clone()],
        is_static: false,
        state: RouteState::Active,
    };
    for id in vpcs {
        for destination in propagated_blocks(id, resources) {
            let known =
                |it: &TransitGatewayRoute| network::overlap(it.destination_cidr_block, destination);
            if !learned.iter().any(known) && !by_hand(destination) {
                learned.push(new(id, destination));
            }
        }
    }
    for id in vpns {
        for destination in propagated_blocks(id, resources) {
            let mut routes = learned.iter_mut();
            match routes.find(|it| it.destination_cidr_block == destination) {
                Some(route) if ecmp && route.attachments.iter().all(by_vpn) => {
                    route.attachments.push(id.clone());
                }
                None if !by_hand(destination) => learned.push(new(id, destination)),
                _ => {}
            }
        }
    }
    learned
}

fn propagated_blocks(id: &TransitGatewayAttachmentId, resources: &Resources) -> Vec<IpNet> {
    let attachment = resources.transit_gateway_attachments.get(id);
    let ready = attachment.filter(|it| it.state.is_in_service());
    match ready.map(|it| &it.resource) {
        Some(TransitGatewayAttachedResource::Vpc(attached)) => {
            let vpc = resources.vpcs.get(&attached.vpc_id);
            vpc.map_or_else(Vec::new, |vpc| route::blocks(vpc).collect())
        }
        // With static routes nothing is learned: they are the route table's own.
        Some(TransitGatewayAttachedResource::Vpn(id)) => {
            let connection = resources.vpn_connections.get(id);
            let learns = connection.filter(|it| !it.static_routes_only && is_up(it));
            let routes = learns.into_iter().flat_map(|it| &it.routes);
            routes
                .map(|it| IpNet::V4(it.destination_cidr_block))
                .collect()
        }
        Some(TransitGatewayAttachedResource::Peering(_)) | None => Vec::new(),
    }
}

/// Whether a VPN connection has a tunnel that is up.
fn is_up(connection: &VpnConnection) -> bool {
    connection.tunnels.iter().any(|tunnel| tunnel.up)
}

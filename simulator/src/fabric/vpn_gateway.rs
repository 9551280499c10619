//! Virtual private gateway and site-to-site VPN: the way to a customer gateway.
//!
//! Site-to-Site VPN guide (`facts.md` 2.6, 2.7). The connection with the longest static route to
//! the destination carries a packet, in its first tunnel that is up. A tunnel carries 1446 octets
//! or less; what is longer and has DF set is lost without a word: path MTU discovery is not
//! supported. What enters a virtual private gateway ends in its VPC.

use std::net::IpAddr;
use std::sync::Arc;

use smol_str::SmolStr;
use wirelab_model::{
    CustomerGatewayId, IpNet, ResourceState, Resources, SimDuration, VpnConnectionId,
};

use super::compile::Places;
use super::network_interface::Via;
use super::plan::{Plan, TransitIndex, VpcIndex, VpnGatewayIndex};
use super::{Oversize, Place, Transit, Walk};
use crate::path::PassDetail;
use crate::trace::Watch;
use crate::verdict::{Hop, VpcDrop, VpnDrop};

/// A virtual private gateway as the fabric reads it.
#[derive(Clone, Debug)]
pub(crate) struct VpnGateway {
    id: SmolStr,
    vpc: Option<VpcIndex>,
}

/// A VPN connection as the fabric reads it.
#[derive(Clone, Debug)]
pub(crate) struct VpnConnection {
    source: Arc<wirelab_model::VpnConnection>,
    end: Option<End>,
}

/// AWS's end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Vpn(VpnGatewayIndex),
    Transit(TransitIndex),
}

pub(super) fn compile(plan: &mut Plan, resources: &Resources, places: &Places<'_>) {
    for gateway in resources.vpn_gateways.values() {
        let vpc = gateway.vpc_id.as_ref();
        plan.vpn_gateways.push(VpnGateway {
            id: gateway.vpn_gateway_id.as_str().into(),
            vpc: vpc.and_then(|it| places.vpcs.get(it)).copied(),
        });
    }
    for connection in resources.vpn_connections.values() {
        let vpn = connection.vpn_gateway_id.as_ref().and_then(|id| {
            let at = resources.vpn_gateways.keys().position(|it| it == id)?;
            Some(End::Vpn(VpnGatewayIndex::new(at)))
        });
        let transit = connection.transit_gateway_id.as_ref().and_then(|id| {
            let at = resources.transit_gateways.keys().position(|it| it == id)?;
            Some(End::Transit(TransitIndex::new(at)))
        });
        plan.vpn_connections.push(VpnConnection {
            source: Arc::clone(connection),
            end: vpn.or(transit),
        });
    }
}

impl VpnConnection {
    /// Length of the longest route to `destination`.
    fn route_to(&self, destination: IpAddr) -> Option<u8> {
        let routes = self.source.routes.iter();
        let active = routes.filter(|it| {
            matches!(it.state, ResourceState::Available | ResourceState::Pending)
                && IpNet::V4(it.destination_cidr_block).contains(&destination)
        });
        active
            .map(|it| it.destination_cidr_block.prefix_len())
            .max()
    }

    /// What the tunnel in use carries, in octets; `None` if both are down.
    fn mtu(&self) -> Option<u16> {
        let in_service = matches!(
            self.source.state,
            ResourceState::Available | ResourceState::Modifying
        );
        let tunnel = self.source.tunnels.iter().find(|it| it.up)?;
        in_service.then_some(tunnel.mtu)
    }

    fn hop(&self) -> Hop {
        Hop::VpnConnection(self.source.vpn_connection_id.clone())
    }
}

impl<W: Watch> Walk<'_, W> {
    /// The subnet's route leads to a virtual private gateway.
    pub(super) fn enter_vpn_gateway(&mut self, gateway: VpnGatewayIndex, transit: Transit) {
        let id = &self.plan.vpn_gateway(gateway).id;
        let hop = Hop::VpnGateway(wirelab_model::VpnGatewayId::new(id.clone()));
        self.send_to_customer(End::Vpn(gateway), id, hop, transit);
    }

    /// A transit gateway sends a packet by VPN.
    pub(super) fn transit_to_vpn(&mut self, gateway: TransitIndex, transit: Transit) {
        let id = &self.plan.transit_gateway(gateway).id;
        let hop = Hop::TransitGateway(id.clone());
        self.send_to_customer(
            End::Transit(gateway),
            &SmolStr::new(id.as_str()),
            hop,
            transit,
        );
    }

    /// Whether a VPN connection of the transit gateway has a route to `destination`.
    pub(super) fn has_vpn_route(&self, gateway: TransitIndex, destination: IpAddr) -> bool {
        let end = Some(End::Transit(gateway));
        let mut connections = self.plan.vpn_connections.iter();
        connections.any(|it| it.end == end && it.route_to(destination).is_some())
    }

    fn send_to_customer(&mut self, end: End, gateway: &SmolStr, hop: Hop, mut transit: Transit) {
        let plan = self.plan;
        let destination = transit.packet.destination();
        let connections = plan.vpn_connections.iter().filter(|it| it.end == Some(end));
        let Some(connection) = best_connection(connections, destination) else {
            let gateway = gateway.clone();
            let reason = VpnDrop::NoRoute {
                gateway,
                destination,
            };
            return self.watch.deny(&transit, hop, reason);
        };
        let id = &connection.source.vpn_connection_id;
        let Some(mtu) = self.tunnel(connection, &transit) else {
            return;
        };
        let Some(port) = self
            .sites
            .customer_gateway(&connection.source.customer_gateway_id)
        else {
            let reason = VpnDrop::NoCustomerGateway {
                vpn_connection: id.clone(),
            };
            return (self.watch).deny(&transit, connection.hop(), reason);
        };
        (self.watch).pass(&transit.packet, || (connection.hop(), PassDetail::Plain));
        transit.direct = false;
        let after = self.config.latency.vpn;
        self.send_pieces(after, Place::Outside { port, from: None }, transit, mtu);
    }

    /// The MTU of the connection's tunnel, if it is up and the packet may pass.
    fn tunnel(&mut self, connection: &VpnConnection, transit: &Transit) -> Option<u16> {
        let Some(mtu) = connection.mtu() else {
            let reason = VpnDrop::TunnelDown {
                vpn_connection: connection.source.vpn_connection_id.clone(),
            };
            self.watch.deny(transit, connection.hop(), reason);
            return None;
        };
        let oversize = Oversize {
            mtu,
            fragments: true,
            tell: None,
        };
        let fits = self.fits(transit, &oversize, || connection.hop());
        fits.then_some(mtu)
    }

    /// A customer gateway's machine sends a packet into its tunnels.
    pub(super) fn enter_tunnel(&mut self, customer: &CustomerGatewayId, mut transit: Transit) {
        let plan = self.plan;
        let destination = transit.packet.destination();
        let connections = plan.vpn_connections.iter();
        let mut own = connections.filter(|it| it.source.customer_gateway_id == *customer);
        let leads_there = |it: &&VpnConnection| match it.end {
            Some(End::Vpn(at)) => {
                let vpc = plan.vpn_gateway(at).vpc;
                vpc.is_some_and(|it| plan.vpc(it).contains(destination))
            }
            Some(End::Transit(_)) => true,
            None => false,
        };
        let first = own.clone().next();
        let Some(connection) = own.find(leads_there).or(first) else {
            let reason = VpnDrop::NoRoute {
                gateway: customer.as_str().into(),
                destination,
            };
            // Its tunnels are a segment that leads nowhere.
            let hop = Hop::Segment(customer.as_str().into());
            return self.watch.deny(&transit, hop, reason);
        };
        let Some(mtu) = self.tunnel(connection, &transit) else {
            return;
        };
        (self.watch).pass(&transit.packet, || (connection.hop(), PassDetail::Plain));
        transit.direct = false;
        let place = Place::FromVpn(connection.source.vpn_connection_id.clone());
        self.send_pieces(self.config.latency.vpn, place, transit, mtu);
    }

    /// AWS's end of a VPN connection has a packet from the customer.
    pub(super) fn arrive_from_vpn(&mut self, id: &VpnConnectionId, transit: Transit) {
        let plan = self.plan;
        let mut connections = plan.vpn_connections.iter();
        let connection = connections.find(|it| it.source.vpn_connection_id == *id);
        match connection.and_then(|it| it.end) {
            Some(End::Vpn(gateway)) => self.out_of_vpn_gateway(gateway, transit),
            Some(End::Transit(gateway)) => {
                let table = plan.transit_gateway(gateway).default_table.as_ref();
                self.route_transit(gateway, table, None, None, transit);
            }
            None => {
                let vpn_connection = id.clone();
                let reason = VpnDrop::TunnelDown { vpn_connection };
                (self.watch).deny(&transit, Hop::VpnConnection(id.clone()), reason);
            }
        }
    }

    fn out_of_vpn_gateway(&mut self, gateway: VpnGatewayIndex, transit: Transit) {
        let gateway = self.plan.vpn_gateway(gateway);
        let destination = transit.packet.destination();
        let vpc = gateway.vpc.map(|it| self.plan.vpc(it));
        let hop = || Hop::VpnGateway(wirelab_model::VpnGatewayId::new(gateway.id.clone()));
        let reason = match vpc {
            Some(vpc) => match vpc.interface_of(destination) {
                Some(interface) => {
                    (self.watch).pass(&transit.packet, || (hop(), PassDetail::Plain));
                    let via = Via::Router;
                    let place = Place::Arrive { interface, via };
                    return self.send(SimDuration::ZERO, place, transit);
                }
                None if vpc.contains(destination) => VpcDrop::UnknownDestination {
                    vpc: vpc.id.clone(),
                    destination,
                },
                None => not_transit(gateway, destination),
            },
            None => not_transit(gateway, destination),
        };
        self.watch.deny(&transit, hop(), reason);
    }
}

fn not_transit(gateway: &VpnGateway, destination: IpAddr) -> VpcDrop {
    VpcDrop::NotTransit {
        gateway: gateway.id.clone(),
        destination,
    }
}

/// In service before out of service, then by the longest route, then by id.
fn best_connection<'p>(
    connections: impl Iterator<Item = &'p VpnConnection>,
    destination: IpAddr,
) -> Option<&'p VpnConnection> {
    let mut best: Option<((bool, u8), &VpnConnection)> = None;
    for connection in connections {
        let Some(length) = connection.route_to(destination) else {
            continue;
        };
        let rank = (connection.mtu().is_some(), length);
        if best.is_none_or(|(it, _)| rank > it) {
            best = Some((rank, connection));
        }
    }
    best.map(|(_, connection)| connection)
}

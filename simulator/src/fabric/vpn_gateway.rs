//! Virtual private gateway and site-to-site VPN: the way to a customer gateway.
//!
//! Site-to-Site VPN guide (`facts.md` 2.6, 2.7). At a virtual private gateway the connection with
//! the longest static route to the destination carries a packet; at a transit gateway its route
//! table names the connection. With static routes AWS sends by the first tunnel that it takes to be
//! up ([`vpn_tunnel`](super::vpn_tunnel)); where routes are learned, by all of them, a flow by one.
//! The customer sends by whichever tunnel it likes. A tunnel carries 1446 octets or less; what is
//! longer and has DF set is lost without a word: path MTU discovery is not supported. What enters a
//! virtual private gateway ends in its VPC.

use std::net::IpAddr;
use std::sync::Arc;

use smol_str::SmolStr;
use wirelab_model::{
    CustomerGatewayId, IpNet, ResourceState, Resources, SimDuration, VpnConnectionId, VpnTunnel,
};

use super::compile::Places;
use super::header::Header;
use super::plan::{
    AttachmentIndex, Plan, TransitIndex, VpcIndex, VpnConnectionIndex, VpnGatewayIndex,
};
use super::site::CustomerDevice;
use super::{Oversize, Place, Transit, Walk, vpn_metrics};
use crate::event::VpnEnd;
use crate::metrics::Source;
use crate::path::PassDetail;
use crate::trace::Watch;
use crate::verdict::{Hop, VpcDrop, VpnDrop};

/// A virtual private gateway as the fabric reads it.
#[derive(Clone, Debug)]
pub(crate) struct VpnGateway {
    id: SmolStr,
    vpc: Option<VpcIndex>,
}

/// A VPN connection as the fabric reads it. Those of a plan are in the order of their ids.
#[derive(Clone, Debug)]
pub(crate) struct VpnConnection {
    source: Arc<wirelab_model::VpnConnection>,
    end: Option<End>,
    /// Its attachment in service, if it ends at a transit gateway.
    pub(super) attachment: Option<AttachmentIndex>,
    /// What each tunnel counts.
    pub(super) metrics: Vec<Source>,
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
        let id = &connection.vpn_connection_id;
        let tunnels = connection.tunnels.iter();
        let metrics = tunnels.map(|it| vpn_metrics::source(id, it.outside_ip_address));
        plan.vpn_connections.push(VpnConnection {
            metrics: metrics.collect(),
            source: Arc::clone(connection),
            end: vpn.or(transit),
            attachment: None,
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

    pub(super) fn id(&self) -> &VpnConnectionId {
        &self.source.vpn_connection_id
    }

    fn tunnel(&self, number: u8) -> Option<&VpnTunnel> {
        self.source.tunnels.get(usize::from(number).checked_sub(1)?)
    }

    fn hop(&self) -> Hop {
        Hop::VpnConnection(self.id().clone())
    }
}

impl<'a, W: Watch> Walk<'a, W> {
    /// The subnet's route leads to a virtual private gateway.
    pub(super) fn enter_vpn_gateway(&mut self, gateway: VpnGatewayIndex, transit: Transit) {
        let plan = self.plan;
        let id = &plan.vpn_gateway(gateway).id;
        let destination = transit.packet.destination();
        let Some(connection) = self.best_connection(End::Vpn(gateway), destination) else {
            let gateway = id.clone();
            let reason = VpnDrop::NoRoute {
                gateway,
                destination,
            };
            let hop = Hop::VpnGateway(wirelab_model::VpnGatewayId::new(id.clone()));
            return self.watch.deny(&transit, hop, reason);
        };
        self.send_to_customer(connection, transit);
    }

    /// Whether AWS takes a tunnel of the connection to be up.
    pub(super) fn is_vpn_up(&self, connection: VpnConnectionIndex) -> bool {
        let id = self.plan.vpn_connection(connection).id();
        let mut up = self.state.tunnels.up(id, VpnEnd::Aws, self.now);
        up.next().is_some()
    }

    /// In service before out of service, then by the longest route, then by id.
    fn best_connection(&self, end: End, destination: IpAddr) -> Option<VpnConnectionIndex> {
        let mut best: Option<((bool, u8), VpnConnectionIndex)> = None;
        for (at, connection) in self.plan.vpn_connections.iter().enumerate() {
            if connection.end != Some(end) {
                continue;
            }
            let Some(length) = connection.route_to(destination) else {
                continue;
            };
            let index = VpnConnectionIndex::new(at);
            let rank = (self.is_vpn_up(index), length);
            if best.is_none_or(|(it, _)| rank > it) {
                best = Some((rank, index));
            }
        }
        best.map(|(_, connection)| connection)
    }

    /// AWS's end of a connection sends a packet to the customer.
    pub(super) fn send_to_customer(
        &mut self,
        connection: VpnConnectionIndex,
        mut transit: Transit,
    ) {
        let connection = self.plan.vpn_connection(connection);
        let id = connection.id();
        let customer = &connection.source.customer_gateway_id;
        let Some(device) = self.sites.customer_gateway(customer) else {
            let reason = VpnDrop::NoCustomerGateway {
                vpn_connection: id.clone(),
            };
            return (self.watch).deny(&transit, connection.hop(), reason);
        };
        let up: Vec<u8> = (self.state.tunnels).up(id, VpnEnd::Aws, self.now).collect();
        let number = if connection.source.static_routes_only || up.len() < 2 {
            up.first().copied()
        } else {
            // Other bits than those that chose the connection.
            let hash = Header::of(&transit.packet).flow_hash() >> 32;
            Some(up[(hash % up.len() as u64) as usize])
        };
        if let Some(number) = number.filter(|it| !self.device_takes(connection, device, *it)) {
            let reason = VpnDrop::Asymmetric {
                vpn_connection: id.clone(),
                tunnel: number,
            };
            self.watch.deny(&transit, connection.hop(), reason);
            if !W::GOES_ON {
                return;
            }
        }
        let Some((wait, mtu)) = self.tunnel(connection, number, VpnEnd::Aws, &transit) else {
            return;
        };
        transit.direct = false;
        let place = Place::Outside {
            port: device.port,
            from: None,
        };
        self.send_pieces(self.config.latency.vpn + wait, place, transit, mtu);
    }

    /// Whether the customer's device takes a packet that AWS sends by tunnel `number`.
    fn device_takes(
        &self,
        connection: &VpnConnection,
        device: &CustomerDevice,
        number: u8,
    ) -> bool {
        let sends_by = || self.customer_tunnel(connection, device);
        device.asymmetric || sends_by().is_none_or(|it| it == number)
    }

    /// The tunnel that the customer's device sends by: the one it prefers, if it takes it to be up,
    /// else the first that it does.
    fn customer_tunnel(&self, connection: &VpnConnection, device: &CustomerDevice) -> Option<u8> {
        let tunnels = &self.state.tunnels;
        let up = || tunnels.up(connection.id(), VpnEnd::Customer, self.now);
        let preferred = up().find(|it| device.preferred_tunnel == Some(*it));
        preferred.or_else(|| up().next())
    }

    /// How long the packet waits and what tunnel `number` carries in octets, if it passes.
    fn tunnel(
        &mut self,
        connection: &VpnConnection,
        number: Option<u8>,
        from: VpnEnd,
        transit: &Transit,
    ) -> Option<(SimDuration, u16)> {
        let id = || connection.id().clone();
        let found = number.and_then(|number| Some((number, connection.tunnel(number)?)));
        let Some((number, tunnel)) = found else {
            let reason = VpnDrop::TunnelDown {
                vpn_connection: id(),
            };
            self.watch.deny(transit, connection.hop(), reason);
            return None;
        };
        let oversize = Oversize {
            mtu: tunnel.mtu,
            fragments: true,
            tell: None,
        };
        if !self.fits(transit, &oversize, || connection.hop()) {
            return None;
        }
        if !(self.state.tunnels).carries(connection.id(), number, self.now) {
            let reason = VpnDrop::PeerGone {
                vpn_connection: id(),
                tunnel: number,
            };
            self.watch.deny(transit, connection.hop(), reason);
            return None;
        }
        let load = (self.now, transit.packet.total_len());
        let config = &self.config.vpn;
        match (self.state.tunnels).admit(connection.id(), number, from, load, config) {
            Ok(wait) => {
                if let Some(source) = connection.metrics.get(usize::from(number) - 1) {
                    let octets = transit.packet.total_len() as u64;
                    self.watch
                        .count(source, &[(vpn_metrics::data(from), octets)]);
                }
                (self.watch).pass(&transit.packet, || {
                    let outside_ip_address = tunnel.outside_ip_address;
                    let detail = PassDetail::Tunnel {
                        number,
                        outside_ip_address,
                    };
                    (connection.hop(), detail)
                });
                Some((wait, tunnel.mtu))
            }
            Err(limit) => {
                let reason = VpnDrop::Limit {
                    vpn_connection: id(),
                    tunnel: number,
                    limit,
                };
                self.watch.deny(transit, connection.hop(), reason);
                None
            }
        }
    }

    /// A customer gateway's machine sends a packet into its tunnels.
    pub(super) fn enter_tunnel(&mut self, customer: &CustomerGatewayId, mut transit: Transit) {
        let Some(connection) = self.connection_of(customer, transit.packet.destination()) else {
            let reason = VpnDrop::NoRoute {
                gateway: customer.as_str().into(),
                destination: transit.packet.destination(),
            };
            // Its tunnels are a segment that leads nowhere.
            let hop = Hop::Segment(customer.as_str().into());
            return self.watch.deny(&transit, hop, reason);
        };
        let device = self.sites.customer_gateway(customer);
        let number = device.and_then(|it| self.customer_tunnel(connection, it));
        let Some((wait, mtu)) = self.tunnel(connection, number, VpnEnd::Customer, &transit) else {
            return;
        };
        transit.direct = false;
        let place = Place::FromVpn(connection.id().clone());
        self.send_pieces(self.config.latency.vpn + wait, place, transit, mtu);
    }

    /// The connection by which a customer's device sends to `destination`: the first that ends
    /// where it is.
    fn connection_of(
        &self,
        customer: &CustomerGatewayId,
        destination: IpAddr,
    ) -> Option<&'a VpnConnection> {
        let plan = self.plan;
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
        own.find(leads_there).or(first)
    }

    /// AWS's end of a VPN connection has a packet from the customer.
    pub(super) fn arrive_from_vpn(&mut self, id: &VpnConnectionId, transit: Transit) {
        let connections = &self.plan.vpn_connections;
        let found = connections.binary_search_by(|it| it.id().cmp(id));
        let connection = found.ok().map(|at| &connections[at]);
        match connection.and_then(|it| it.end) {
            Some(End::Vpn(gateway)) => self.out_of_vpn_gateway(gateway, transit),
            Some(End::Transit(gateway)) => {
                let attachment = connection.and_then(|it| it.attachment);
                self.enter_transit_by_vpn(gateway, attachment, transit);
            }
            None => {
                let vpn_connection = id.clone();
                let reason = VpnDrop::NoGateway { vpn_connection };
                (self.watch).deny(&transit, Hop::VpnConnection(id.clone()), reason);
            }
        }
    }

    fn out_of_vpn_gateway(&mut self, gateway: VpnGatewayIndex, transit: Transit) {
        let gateway = self.plan.vpn_gateway(gateway);
        let destination = transit.packet.destination();
        let vpc = gateway.vpc.map(|it| self.plan.vpc(it));
        let hop = || Hop::VpnGateway(wirelab_model::VpnGatewayId::new(gateway.id.clone()));
        let reason = match gateway.vpc.zip(vpc) {
            Some((at, vpc)) => match vpc.interface_of(destination) {
                Some(_) => {
                    (self.watch).pass(&transit.packet, || (hop(), PassDetail::Plain));
                    return self.enter_vpc(at, &gateway.id, transit);
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

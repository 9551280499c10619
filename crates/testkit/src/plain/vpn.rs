//! Site-to-site VPN with static routes (`facts.md` 2.3, 2.6, 2.7): a customer's device behind the
//! tunnels of a virtual private gateway or of a transit gateway.

use std::net::IpAddr;

use wirelab_model::{
    CustomerGatewayId, ResourceState, VpnConnection, VpnConnectionId, VpnGatewayId,
};

use super::internet_gateway::cut;
use super::{MadeBy, Packet, Plain, Verdict, Why};

impl Plain {
    /// A route leads to a virtual private gateway: by the connection with the longest static route.
    pub(super) fn to_vpn_gateway(
        &mut self,
        gateway: &VpnGatewayId,
        packet: &mut Packet,
    ) -> Verdict {
        let connections = self.resources.vpn_connections.values();
        let own = connections.filter(|it| it.vpn_gateway_id.as_ref() == Some(gateway));
        let best = own
            .filter_map(|it| {
                Some((
                    longest(it, packet.destination)?,
                    it.vpn_connection_id.clone(),
                ))
            })
            .max_by_key(|(length, _)| *length);
        match best {
            Some((_, connection)) => self.to_customer(&connection, packet),
            None => Err(Why::new("no VPN route", gateway)),
        }
    }

    /// AWS's end of a connection sends. Path MTU discovery is not supported: nobody is told.
    pub(super) fn to_customer(&mut self, id: &VpnConnectionId, packet: &mut Packet) -> Verdict {
        let connection = &self.resources.vpn_connections[id];
        let device = self.devices.get(&connection.customer_gateway_id);
        let device = device.map(|(name, _)| name.to_string());
        let device = device.ok_or_else(|| Why::new("VPN without a device", id))?;
        let rest = self.through_tunnel(id, packet)?;
        self.send_pieces(packet, rest, &MadeBy::Tunnel(device.clone()));
        Ok(device)
    }

    /// A customer's device sends into its tunnels.
    pub(super) fn from_customer(
        &mut self,
        customer: &CustomerGatewayId,
        packet: &mut Packet,
    ) -> Verdict {
        let mut connections = self.resources.vpn_connections.values();
        let own = connections.find(|it| it.customer_gateway_id == *customer);
        let id = own.map(|it| it.vpn_connection_id.clone());
        let id = id.ok_or_else(|| Why::new("no VPN route", customer))?;
        if self.unnoticed.contains(&id) {
            // Only its own end is there to mind anything.
            let tunnels = &self.resources.vpn_connections[&id].tunnels;
            let fits = tunnels
                .first()
                .is_none_or(|it| packet.size <= usize::from(it.mtu));
            let what = if fits || !packet.dont_fragment {
                "VPN tunnel down"
            } else {
                "MTU"
            };
            return Err(Why::new(what, id));
        }
        let rest = self.through_tunnel(&id, packet)?;
        self.send_pieces(packet, rest, &MadeBy::Customer(id.clone()));
        self.out_of_tunnel(&id, packet)
    }

    /// AWS's end of a connection has a packet: to the VPC of its gateway and no further, or into
    /// its transit gateway.
    pub(super) fn out_of_tunnel(&mut self, id: &VpnConnectionId, packet: &mut Packet) -> Verdict {
        let connection = self.resources.vpn_connections[id].clone();
        if let Some(transit) = &connection.transit_gateway_id {
            let attachments = self.resources.transit_gateway_attachments.values();
            let mut own = attachments.filter(|it| it.vpn_connection_id() == Some(id));
            let by = own.find(|it| it.state.is_in_service()).cloned();
            let by = by.ok_or_else(|| Why::new("no transit gateway route", transit))?;
            return self.through_transit(transit, &by, None, packet);
        }
        let gateway = connection.vpn_gateway_id.as_ref();
        let gateway = gateway.ok_or_else(|| Why::new("VPN tunnel down", id))?;
        let vpc = self.resources.vpn_gateways.get(gateway);
        let vpc = vpc.and_then(|it| it.vpc_id.clone());
        let vpc = vpc.filter(|vpc| self.is_in_vpc(vpc, packet.destination));
        let vpc = vpc.ok_or_else(|| Why::new("VPC is no transit", gateway))?;
        if self.interface_at(&vpc, packet.destination).is_none() {
            return Err(Why::new("unknown destination", vpc));
        }
        self.enter_vpc(&vpc, gateway.as_str(), packet)
    }

    /// The sizes of the pieces that follow the first, if the packet is cut.
    fn through_tunnel(&self, id: &VpnConnectionId, packet: &mut Packet) -> Result<Vec<usize>, Why> {
        let connection = &self.resources.vpn_connections[id];
        let in_service = matches!(
            connection.state,
            ResourceState::Available | ResourceState::Modifying
        );
        let mut tunnels = connection.tunnels.iter();
        let Some(tunnel) = tunnels.find(|it| in_service && it.in_service) else {
            return Err(Why::new("VPN tunnel down", id));
        };
        let mtu = usize::from(tunnel.mtu);
        if packet.size > mtu && packet.dont_fragment {
            return Err(Why::new("MTU", id));
        }
        Ok(cut(packet, mtu))
    }
}

/// Length of the longest static route of a connection to an address.
fn longest(connection: &VpnConnection, destination: IpAddr) -> Option<u8> {
    let routes = connection.routes.iter().filter(|it| {
        let there = matches!(it.state, ResourceState::Available | ResourceState::Pending);
        there && ipnet::IpNet::V4(it.destination_cidr_block).contains(&destination)
    });
    routes
        .map(|it| it.destination_cidr_block.prefix_len())
        .max()
}

//! Who answers ARP and neighbour discovery, and with which hardware address.
//!
//! In a VPC nobody answers for an address of the subnet that no interface has; for the router and
//! for the services on a subnet's reserved addresses AWS does. On a segment machines answer.

use std::collections::BTreeMap;
use std::net::IpAddr;

use wirelab_wire::MacAddr;

use super::World;
use crate::capture::{OUTSIDE_ROUTER, outside_mac};
use crate::fabric::Socket;
use crate::machines::PluggedInto;

impl World {
    /// Whether a next hop answers on what a machine's interface is plugged into.
    pub(super) fn neighbor_answers(&self, to: &PluggedInto, next_hop: IpAddr) -> bool {
        let plan = &self.topology.plan;
        match to {
            PluggedInto::Interface(index) => {
                let Some(nic) = plan.find_interface(*index) else {
                    return true;
                };
                let subnet = plan.subnet(nic.subnet);
                let is_router = subnet.router == next_hop || subnet.router_v6 == Some(next_hop);
                is_router
                    || !subnet.contains(next_hop)
                    || plan.vpc(nic.vpc).interface_of(next_hop).is_some()
                    || plan.link_local(nic, next_hop).is_some()
            }
            PluggedInto::Outside(Socket::Tunnel(_)) => true,
            PluggedInto::Outside(socket) => {
                self.sites.is_internet(socket) || self.sites.neighbor_on(socket, next_hop).is_some()
            }
        }
    }

    /// The hardware addresses of those that a machine has sent to.
    pub(super) fn hardware(&self, number: usize) -> BTreeMap<(usize, IpAddr), MacAddr> {
        let machine = &self.machines[number];
        let known = machine.host.neighbors(self.now);
        let hardware = known.filter_map(|(interface, address)| {
            let mac = match &machine.plugs.get(interface)?.to {
                PluggedInto::Interface(index) => {
                    let plan = &self.topology.plan;
                    let nic = plan.find_interface(*index)?;
                    let there = plan.vpc(nic.vpc).interface_of(address);
                    let there = there.and_then(|it| plan.find_interface(it));
                    there.map_or_else(|| plan.subnet(nic.subnet).router_mac, |it| it.mac)
                }
                PluggedInto::Outside(Socket::Tunnel(_)) => return None,
                PluggedInto::Outside(socket) => {
                    let port = self.sites.neighbor_on(socket, address);
                    port.map_or(OUTSIDE_ROUTER, outside_mac)
                }
            };
            Some(((interface, address), mac))
        });
        hardware.collect()
    }
}

//! Where packets leave a machine and come to one (`facts.md` 2.1 "Order at the interface").

use std::net::IpAddr;

use wirelab_model::{InstanceState, InterfaceType, NetworkInterfaceId, RouteTarget};

use super::{Coming, Packet, Plain, Verdict, Why, owns};

/// Largest packet of an interface (`facts.md` 2.6).
const INTERFACE_MTU: usize = 9001;

impl Plain {
    /// A machine sends: source check, security groups out, network ACL out if the subnet is left,
    /// route.
    pub(super) fn from_machine(&mut self, id: &NetworkInterfaceId, packet: &mut Packet) -> Verdict {
        if packet.size > INTERFACE_MTU {
            return Err(Why::new("MTU", id));
        }
        let nic = self.interface(id).clone();
        let near = self.stays_in_subnet(id, packet.destination);
        let acl = near || self.acl_allows(&nic.subnet_id, true, packet);
        let direct = owns(&nic, packet.source);
        if nic.source_dest_check && !direct {
            let allowed = self.clone().groups_allow(id, true, packet, false, false) && acl;
            self.count(id, true, allowed, packet);
            return Err(Why::new("source check", id));
        }
        let beyond = !self.is_in_subnet_of(id, packet.destination);
        let tracked_anyway = beyond && self.leads_to_tracker(&nic.subnet_id, packet.destination);
        let groups = self.groups_allow(id, true, packet, direct, tracked_anyway);
        self.count(id, true, groups && acl, packet);
        if !groups {
            return Err(Why::new("security group out", id));
        }
        if !acl {
            return Err(Why::new("network ACL out", &nic.subnet_id));
        }
        self.onward(id, packet, direct)
    }

    /// A gateway's interface sends: no security group, no source check.
    pub(super) fn from_gateway(&mut self, id: &NetworkInterfaceId, packet: &mut Packet) -> Verdict {
        self.hops += 1;
        if self.hops > 60 {
            self.circled = true;
            return Err(Why::new("a circle", id));
        }
        let subnet = self.interface(id).subnet_id.clone();
        let near = self.stays_in_subnet(id, packet.destination);
        let allowed = near || self.acl_allows(&subnet, true, packet);
        self.count(id, true, allowed, packet);
        if !allowed {
            return Err(Why::new("network ACL out", subnet));
        }
        self.onward(id, packet, false)
    }

    /// From an interface to the one in its subnet, or along the subnet's route.
    fn onward(&mut self, id: &NetworkInterfaceId, packet: &mut Packet, direct: bool) -> Verdict {
        let nic = self.interface(id).clone();
        let passed_nat = self.nat_of(id).is_some();
        let coming = Coming {
            crosses: true,
            direct,
            auto_tracked: passed_nat,
        };
        if self.is_in_subnet_of(id, packet.destination) {
            let near = Coming {
                crosses: false,
                ..coming
            };
            return self.to_address(id, packet, near);
        }
        let (table, route) = self.route(&nic.subnet_id, packet.destination)?;
        match route.target {
            RouteTarget::Local => self.to_address(id, packet, coming),
            RouteTarget::NetworkInterface(to) => {
                let crosses = self.interface(&to).subnet_id != nic.subnet_id;
                self.arrive(&to, packet, Coming { crosses, ..coming })
            }
            RouteTarget::NatGateway(nat) => self.to_nat(id, &nat, packet),
            RouteTarget::InternetGateway(gateway) => self.to_internet(id, &gateway, packet),
            RouteTarget::EgressOnlyInternetGateway(gateway) => {
                self.to_egress_only(id, &gateway, packet)
            }
            RouteTarget::VpcPeeringConnection(peering) => {
                self.to_peer(id, &peering, packet, coming)
            }
            RouteTarget::VpnGateway(gateway) => self.to_vpn_gateway(&gateway, packet),
            RouteTarget::TransitGateway(gateway) => self.to_transit(id, &gateway, packet),
            other => Err(Why::new("not evaluated", format!("{other:?} of {table}"))),
        }
    }

    /// To whoever has the destination address in the VPC.
    fn to_address(
        &mut self,
        from: &NetworkInterfaceId,
        packet: &mut Packet,
        coming: Coming,
    ) -> Verdict {
        let vpc = self.interface(from).vpc_id.clone();
        let to = self.interface_at(&vpc, packet.destination);
        let Some(to) = to.filter(|id| !self.is_of_transit(id)) else {
            return Err(Why::new("unknown destination", vpc));
        };
        let crosses = self.interface(from).subnet_id != self.interface(&to).subnet_id;
        self.arrive(&to, packet, Coming { crosses, ..coming })
    }

    /// Nothing answers at a transit gateway's own addresses.
    pub(super) fn is_of_transit(&self, id: &NetworkInterfaceId) -> bool {
        self.interface(id).interface_type == InterfaceType::TransitGateway
    }

    /// A packet comes to an interface: network ACL in if it enters the subnet, security groups in,
    /// destination check; at a gateway's interface, its gateway.
    pub(super) fn arrive(
        &mut self,
        id: &NetworkInterfaceId,
        packet: &mut Packet,
        coming: Coming,
    ) -> Verdict {
        let nic = self.interface(id).clone();
        let acl = !coming.crosses || self.acl_allows(&nic.subnet_id, false, packet);
        if let Some(nat) = self.nat_of(id) {
            self.count(id, false, acl, packet);
            return if acl {
                self.at_nat(&nat, id, packet)
            } else {
                Err(Why::new("network ACL in", &nic.subnet_id))
            };
        }
        if acl {
            self.instance_runs(id)?;
        }
        if acl && nic.source_dest_check && !owns(&nic, packet.destination) {
            return Err(Why::new("destination check", id));
        }
        let groups =
            acl && self.groups_allow(id, false, packet, coming.direct, coming.auto_tracked);
        self.count(id, false, acl && groups, packet);
        if !acl {
            return Err(Why::new("network ACL in", &nic.subnet_id));
        }
        if !groups {
            return Err(Why::new("security group in", id));
        }
        Ok(id.to_string())
    }

    /// An interface takes packets while its instance runs, and until that has shut down.
    fn instance_runs(&self, id: &NetworkInterfaceId) -> Result<(), Why> {
        let attachment = self.interface(id).attachment.as_ref();
        let instance = attachment.and_then(|it| it.instance_id.as_ref());
        let instance = instance.ok_or_else(|| Why::new("not attached", id))?;
        let state = self.resources.instances.get(instance).map(|it| it.state);
        let runs = state == Some(InstanceState::Running);
        match self.powered.get(instance).copied().unwrap_or(runs) {
            true => Ok(()),
            false => Err(Why::new("instance not running", instance)),
        }
    }

    /// Whether the next stop is an interface of the same subnet: the boundary is not crossed.
    fn stays_in_subnet(&self, id: &NetworkInterfaceId, destination: IpAddr) -> bool {
        if self.is_in_subnet_of(id, destination) {
            return true;
        }
        let subnet = &self.interface(id).subnet_id;
        let next = match self
            .route(subnet, destination)
            .map(|(_, route)| route.target)
        {
            Ok(RouteTarget::NetworkInterface(next)) => Some(next),
            Ok(RouteTarget::NatGateway(nat)) => self.interface_of_nat(&nat),
            _ => None,
        };
        next.is_some_and(|next| self.interface(&next).subnet_id == *subnet)
    }

    fn is_in_subnet_of(&self, id: &NetworkInterfaceId, address: IpAddr) -> bool {
        let subnet = self.resources.subnets.get(&self.interface(id).subnet_id);
        subnet.is_some_and(|subnet| match address {
            IpAddr::V4(address) => subnet.cidr_block.contains(&address),
            IpAddr::V6(address) => subnet
                .ipv6_cidr_block
                .is_some_and(|block| block.contains(&address)),
        })
    }
}

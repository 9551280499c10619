//! A network interface: where packets leave a machine and come to one.
//!
//! Egress: capture, source/destination check, security groups, network ACL if the subnet is left,
//! flow log, route. Ingress is the mirror image, except that the destination check comes before the
//! flow log and the capture: a log's ACCEPT and the capture agree (design: "Observation"). What a
//! failed source check drops is counted with the verdict of groups and ACL, which are asked without
//! a word for that.

use serde::{Deserialize, Serialize};
use wirelab_model::{FlowAction, FlowDirection, SimDuration};

use super::header::Header;
use super::plan::{Interface, InterfaceIndex, Owner};
use super::way::{Leads, Way};
use super::{NextHop, Oversize, Place, Transit, Walk, mtu};
use crate::path::PassDetail;
use crate::trace::Watch;
use crate::verdict::{Hop, InterfaceDrop, RouteTableDrop, VpcDrop};

/// How a packet comes to an interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Via {
    /// From an interface of the same subnet: no boundary is crossed.
    Neighbor(InterfaceIndex),
    /// Across the subnet's boundary.
    Router {
        /// It comes straight from something whose flows security groups always track.
        tracked: bool,
    },
}

impl Via {
    /// Across the boundary, from nothing in particular.
    pub(crate) const ROUTER: Self = Self::Router { tracked: false };
}

impl<'a, W: Watch> Walk<'a, W> {
    /// The machine of `interface` sends a packet to `next_hop`.
    pub(crate) fn depart(
        &mut self,
        interface: InterfaceIndex,
        next_hop: NextHop,
        mut transit: Transit,
    ) {
        let Some(nic) = self.plan.find_interface(interface) else {
            return self.interface_gone(interface, &transit);
        };
        let header = Header::of(&transit.packet);
        let way = self.way(nic, header.destination, next_hop.address);
        (self.watch).capture(interface, true, next_hop.mac, &transit.packet);
        if self.is_service(nic, header.destination) {
            return self.enter_link_local(interface, header.destination, transit);
        }
        transit.direct &= nic.owns(header.source);
        if !self.source_check(nic, &header, &transit) && !W::GOES_ON {
            let action = self.action_of(interface, way, &header, &transit);
            let direction = FlowDirection::Egress;
            return (self.watch).record(interface, direction, action, None, &transit.packet);
        }
        let tracked = |walk: &Self| walk.is_auto_tracked(way.leads);
        let direction = FlowDirection::Egress;
        let passed = self.security_group(interface, direction, &header, &transit, tracked);
        self.leave(interface, way, &header, transit, passed);
    }

    /// A packet that the interface's groups have judged leaves it.
    pub(super) fn leave(
        &mut self,
        interface: InterfaceIndex,
        way: Way<'a>,
        header: &Header,
        transit: Transit,
        allowed: bool,
    ) {
        let nic = self.plan.interface(interface);
        let mut passed = allowed;
        if (passed || W::GOES_ON) && self.crosses(nic, way.leads, header.destination) {
            passed &= self.network_acl(nic.subnet, header, true, &transit);
        }
        let (action, path) = if passed {
            (FlowAction::Accept, self.traffic_path(nic, way.leads))
        } else {
            (FlowAction::Reject, None)
        };
        let direction = FlowDirection::Egress;
        (self.watch).record(interface, direction, action, path, &transit.packet);
        if passed || W::GOES_ON {
            self.forward(interface, way, transit);
        }
    }

    /// The interface of an AWS gateway sends a packet into its VPC.
    pub(super) fn leave_gateway(&mut self, interface: InterfaceIndex, transit: Transit) {
        let Some(nic) = self.plan.find_interface(interface) else {
            return self.interface_gone(interface, &transit);
        };
        let header = Header::of(&transit.packet);
        let way = self.way(nic, header.destination, header.destination);
        self.leave(interface, way, &header, transit, true);
    }

    /// A packet comes to `interface`.
    pub(super) fn arrive(&mut self, interface: InterfaceIndex, via: Via, transit: Transit) {
        let Some(nic) = self.plan.find_interface(interface) else {
            return self.interface_gone(interface, &transit);
        };
        let header = Header::of(&transit.packet);
        if matches!(via, Via::Router { .. })
            && !self.network_acl(nic.subnet, &header, false, &transit)
        {
            let (direction, action) = (FlowDirection::Ingress, FlowAction::Reject);
            (self.watch).record(interface, direction, action, None, &transit.packet);
            if !W::GOES_ON {
                return;
            }
        }
        match nic.owner {
            Owner::NatGateway(gateway) => {
                self.count_ingress(interface, &transit);
                self.nat_gateway(gateway, interface, header, transit);
            }
            Owner::TransitGateway(attachment) => {
                self.count_ingress(interface, &transit);
                self.enter_transit(attachment, interface, transit);
            }
            Owner::VpcEndpoint(at) => self.reach_endpoint(at, interface, &header, transit),
            Owner::Instance { .. } | Owner::Nobody => {
                self.reach_machine(interface, via, &header, transit);
            }
        }
    }

    /// What the network ACL let in comes to the interface of a machine.
    fn reach_machine(
        &mut self,
        interface: InterfaceIndex,
        via: Via,
        header: &Header,
        transit: Transit,
    ) {
        let nic = self.plan.interface(interface);
        if !self.is_up(nic, &transit) || !self.destination_check(nic, header, &transit) {
            return;
        }
        match self.inbound_allowance(interface, &transit) {
            None => {}
            Some(SimDuration::ZERO) => self.admit_known(interface, via, header, transit),
            Some(wait) => self.send(wait, Place::Admitted { interface, via }, transit),
        }
    }

    /// A packet that has waited for its instance's allowances comes in.
    pub(super) fn admit(&mut self, interface: InterfaceIndex, via: Via, transit: Transit) {
        if self.plan.find_interface(interface).is_none() {
            return self.interface_gone(interface, &transit);
        }
        let header = Header::of(&transit.packet);
        self.admit_known(interface, via, &header, transit);
    }

    /// The groups are asked, and the machine gets the packet.
    fn admit_known(
        &mut self,
        interface: InterfaceIndex,
        via: Via,
        header: &Header,
        transit: Transit,
    ) {
        let nic = self.plan.interface(interface);
        let auto_tracked = |walk: &Self| match via {
            Via::Neighbor(from) => walk.is_tracker(from),
            Via::Router { tracked } => tracked,
        };
        let direction = FlowDirection::Ingress;
        if self.security_group(interface, direction, header, &transit, auto_tracked) {
            self.count_ingress(interface, &transit);
        } else {
            let action = FlowAction::Reject;
            (self.watch).record(interface, direction, action, None, &transit.packet);
            if !W::GOES_ON {
                return;
            }
        }
        let peer = match via {
            Via::Neighbor(from) => self.plan.find_interface(from).map(|it| it.mac),
            Via::Router { .. } => Some(self.plan.subnet(nic.subnet).router_mac),
        };
        let peer = peer.unwrap_or_default();
        (self.watch).capture(interface, false, peer, &transit.packet);
        self.send(SimDuration::ZERO, Place::Machine(interface), transit);
    }

    fn count_ingress(&mut self, interface: InterfaceIndex, transit: &Transit) {
        let (direction, action) = (FlowDirection::Ingress, FlowAction::Accept);
        (self.watch).record(interface, direction, action, None, &transit.packet);
    }

    /// Takes a packet that may leave along its way.
    fn forward(&mut self, interface: InterfaceIndex, way: Way<'a>, transit: Transit) {
        let Some(wait) = self.outbound_allowance(interface, way.leads, &transit) else {
            return;
        };
        self.delay = wait;
        let nic = self.plan.interface(interface);
        let subnet = self.plan.subnet(nic.subnet);
        if let Some(taken) = way.taken.filter(|_| way.leads != Leads::Gone) {
            self.watch.pass(&transit.packet, || {
                let detail = PassDetail::Route {
                    destination: taken.destination.clone(),
                    target: taken.target.clone(),
                };
                (self.plan.table_hop(subnet), detail)
            });
        }
        match way.leads {
            Leads::Interface(to) => self.send_to_interface(interface, to, transit),
            Leads::InternetGateway => self.enter_internet_gateway(interface, transit),
            Leads::EgressOnlyInternetGateway => self.enter_egress_only(interface, transit),
            Leads::VpnGateway(gateway) => self.enter_vpn_gateway(gateway, transit),
            Leads::Peering(connection) => self.cross_peering(connection, interface, transit),
            Leads::TransitGateway(gateway) => self.send_to_transit(gateway, interface, transit),
            Leads::GatewayEndpoint(at) => self.enter_gateway_endpoint(at, interface, transit),
            Leads::Nobody => {
                let vpc = self.plan.vpc(nic.vpc).id.clone();
                let destination = transit.packet.destination();
                let reason = match nic.addresses.contains(&destination) {
                    true => VpcDrop::OwnAddress {
                        vpc,
                        interface: nic.id.clone(),
                        destination,
                    },
                    false => VpcDrop::UnknownDestination { vpc, destination },
                };
                self.watch.deny(&transit, self.vpc_hop(nic), reason);
            }
            Leads::NoRoute | Leads::Gone => self.no_way(nic, way, &transit),
        }
    }

    fn no_way(&mut self, nic: &Interface, way: Way<'a>, transit: &Transit) {
        let subnet = self.plan.subnet(nic.subnet);
        let Some(table) = subnet.table.map(|at| self.plan.table(at)) else {
            let reason = VpcDrop::UnknownDestination {
                vpc: self.plan.vpc(nic.vpc).id.clone(),
                destination: transit.packet.destination(),
            };
            return self.watch.deny(transit, self.vpc_hop(nic), reason);
        };
        let reason = match way.taken {
            Some(taken) => RouteTableDrop::Blackhole {
                route_table: table.id.clone(),
                destination: taken.destination.clone(),
                target: taken.target.clone(),
            },
            None => RouteTableDrop::NoRoute {
                route_table: table.id.clone(),
                destination: transit.packet.destination(),
            },
        };
        (self.watch).deny(transit, self.plan.table_hop(subnet), reason);
    }

    fn send_to_interface(&mut self, from: InterfaceIndex, to: InterfaceIndex, transit: Transit) {
        let (Some(here), Some(there)) =
            (self.plan.find_interface(from), self.plan.find_interface(to))
        else {
            return self.interface_gone(to, &transit);
        };
        let oversize = Oversize {
            mtu: mtu::INTERFACE,
            fragments: false,
            tell: None,
        };
        if !self.fits(&transit, &oversize, || Hop::Interface(here.id.clone())) {
            return;
        }
        let after = self.latency_between(here, there);
        let interface = to;
        let via = if here.subnet == there.subnet {
            Via::Neighbor(from)
        } else {
            let tracked = self.is_tracker(from);
            Via::Router { tracked }
        };
        self.send(after, Place::Arrive { interface, via }, transit);
    }

    pub(super) fn latency_between(&self, a: &Interface, b: &Interface) -> SimDuration {
        if a.zone == b.zone {
            self.config.latency.same_zone
        } else {
            self.config.latency.cross_zone
        }
    }

    fn source_check(&mut self, nic: &Interface, header: &Header, transit: &Transit) -> bool {
        if !nic.source_dest_check || nic.owns(header.source) {
            return true;
        }
        let reason = InterfaceDrop::SourceDestCheck {
            interface: nic.id.clone(),
            direction: FlowDirection::Egress,
            address: header.source,
        };
        (self.watch).deny(transit, Hop::SourceDestCheck(nic.id.clone()), reason);
        false
    }

    fn destination_check(&mut self, nic: &Interface, header: &Header, transit: &Transit) -> bool {
        if !nic.source_dest_check || nic.owns(header.destination) {
            return true;
        }
        let reason = InterfaceDrop::SourceDestCheck {
            interface: nic.id.clone(),
            direction: FlowDirection::Ingress,
            address: header.destination,
        };
        (self.watch).deny(transit, Hop::SourceDestCheck(nic.id.clone()), reason);
        W::GOES_ON
    }

    pub(super) fn is_up(&mut self, nic: &Interface, transit: &Transit) -> bool {
        let reason = match &nic.owner {
            Owner::Instance { running: true, .. } => return true,
            Owner::Instance { id, .. } => InterfaceDrop::InstanceNotRunning {
                instance: id.clone(),
            },
            _ => InterfaceDrop::NotAttached {
                interface: nic.id.clone(),
            },
        };
        (self.watch).deny(transit, Hop::Interface(nic.id.clone()), reason);
        false
    }

    /// The verdict of groups and ACL on a packet that something else has dropped.
    fn action_of(
        &self,
        interface: InterfaceIndex,
        way: Way<'a>,
        header: &Header,
        transit: &Transit,
    ) -> FlowAction {
        let nic = self.plan.interface(interface);
        let crosses = self.crosses(nic, way.leads, header.destination);
        let passed = self.would_let_out(interface, header, transit)
            && (!crosses || self.acl_allows(nic.subnet, header, true));
        if passed {
            FlowAction::Accept
        } else {
            FlowAction::Reject
        }
    }

    /// The packet was on its way from or to an interface that has been deleted since.
    pub(super) fn interface_gone(&mut self, interface: InterfaceIndex, transit: &Transit) {
        let id = self.plan.interface_id(interface).clone();
        let reason = InterfaceDrop::NotAttached {
            interface: id.clone(),
        };
        self.watch.deny(transit, Hop::Interface(id), reason);
    }

    pub(super) fn vpc_hop(&self, nic: &Interface) -> Hop {
        Hop::Vpc(self.plan.vpc(nic.vpc).id.clone())
    }
}

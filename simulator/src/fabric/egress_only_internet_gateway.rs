//! Egress-only internet gateway: the way out for IPv6, and no way in.
//!
//! Amazon VPC User Guide, "Egress-only internet gateways" (`facts.md` 2.1, 2.3). It is stateful:
//! what comes in must belong to a flow that was started from inside, or be an ICMP error about one.
//! Nothing is translated. At most 1500 octets pass; "packet too big" comes from the router of the
//! sender's subnet, as with an internet gateway. AWS documents no idle timeouts; here they are
//! those of security groups.
//!
//! Which gateway a packet from the internet comes through is decided by the way its answer would
//! take: the route table of the subnet it is addressed to.

use wirelab_model::{EgressOnlyInternetGatewayId, FlowDirection, SimDuration};
use wirelab_wire::QuotedPacket;

use super::conntrack::IdleTimeouts;
use super::header::{FlowKey, Header};
use super::network_interface::Via;
use super::plan::InterfaceIndex;
use super::way::Leads;
use super::{Oversize, Place, TellBy, Teller, Transit, Walk, mtu};
use crate::path::PassDetail;
use crate::trace::Watch;
use crate::verdict::{EgressOnlyInternetGatewayDrop, Hop, VpcDrop};

impl<W: Watch> Walk<'_, W> {
    /// The subnet's route leads from `interface` to the VPC's egress-only internet gateway.
    pub(super) fn enter_egress_only(&mut self, interface: InterfaceIndex, mut transit: Transit) {
        let plan = self.plan;
        let nic = plan.interface(interface);
        let vpc = plan.vpc(nic.vpc);
        let Some(gateway) = &vpc.egress_only_internet_gateway else {
            // The route is a blackhole then, and leads nowhere.
            let vpc = vpc.id.clone();
            let destination = transit.packet.destination();
            let reason = VpcDrop::UnknownDestination {
                vpc: vpc.clone(),
                destination,
            };
            return self.watch.deny(&transit, Hop::Vpc(vpc), reason);
        };
        let hop = || Hop::EgressOnlyInternetGateway(gateway.clone());
        let source = transit.packet.source();
        if vpc.interface_of(source).is_none() {
            let reason = EgressOnlyInternetGatewayDrop::ForeignSource {
                gateway: gateway.clone(),
                source,
            };
            return self.watch.deny(&transit, hop(), reason);
        }
        let oversize = Oversize {
            mtu: mtu::INTERNET_GATEWAY,
            fragments: false,
            tell: Some(Teller {
                address: plan.subnet(nic.subnet).router_towards(source),
                by: TellBy::Router(nic.vpc),
            }),
        };
        if !self.fits(&transit, &oversize, hop) {
            return;
        }
        self.follow_out(gateway, &transit);
        (self.watch).pass(&transit.packet, || (hop(), PassDetail::Plain));
        transit.direct = false;
        self.internet(transit);
    }

    /// Remembers the flow of a packet that leaves.
    fn follow_out(&mut self, gateway: &EgressOnlyInternetGatewayId, transit: &Transit) {
        let timeouts = IdleTimeouts::of_gateway(self.config);
        let header = Header::of(&transit.packet);
        let direction = FlowDirection::Egress;
        let table = self.state.egress_only.entry(gateway.clone()).or_default();
        if !table.accepts(self.now, &header, direction, &transit.packet, &timeouts) {
            table.track(self.now, &header, direction, &timeouts, u32::MAX);
        }
    }

    /// The egress-only gateway that a packet from the internet to `interface` comes through, if
    /// answers to it would go through one.
    pub(super) fn comes_by_egress_only(
        &self,
        interface: InterfaceIndex,
        transit: &Transit,
    ) -> Option<EgressOnlyInternetGatewayId> {
        let nic = self.plan.interface(interface);
        let vpc = self.plan.vpc(nic.vpc);
        let gateway = vpc.egress_only_internet_gateway.clone()?;
        let source = transit.packet.source();
        let back = self.way(nic, source, source).leads;
        let by_it = back == Leads::EgressOnlyInternetGateway
            || (back == Leads::NoRoute && vpc.internet_gateway.is_none());
        by_it.then_some(gateway)
    }

    /// A packet from the internet, whose answers would go through the gateway.
    pub(super) fn return_by_egress_only(
        &mut self,
        gateway: &EgressOnlyInternetGatewayId,
        interface: InterfaceIndex,
        mut transit: Transit,
    ) {
        let hop = || Hop::EgressOnlyInternetGateway(gateway.clone());
        if !self.is_return(gateway, &transit) {
            let reason = EgressOnlyInternetGatewayDrop::NotStartedInside {
                gateway: gateway.clone(),
                source: transit.packet.source(),
            };
            self.watch.deny(&transit, hop(), reason);
            if !W::GOES_ON {
                return;
            }
        } else {
            (self.watch).pass(&transit.packet, || (hop(), PassDetail::Tracked));
        }
        transit.direct = false;
        let via = Via::Router { tracked: true };
        self.send(SimDuration::ZERO, Place::Arrive { interface, via }, transit);
    }

    fn is_return(&mut self, gateway: &EgressOnlyInternetGatewayId, transit: &Transit) -> bool {
        let Some(table) = self.state.egress_only.get_mut(gateway) else {
            return false;
        };
        let timeouts = IdleTimeouts::of_gateway(self.config);
        let packet = &transit.packet;
        let quoted = packet.quoted().map(|it| QuotedPacket::parse(it));
        if let Some(Ok(quoted)) = quoted {
            return table.knows(self.now, &FlowKey::of_quoted(&quoted));
        }
        let (header, direction) = (Header::of(packet), FlowDirection::Ingress);
        table.accepts(self.now, &header, direction, packet, &timeouts)
    }
}

//! Egress-only internet gateway: out for IPv6, in for what answers alone (`facts.md` 2.1, 2.3).
//!
//! Its idle timeouts are documented nowhere: those of security groups.

use std::net::IpAddr;

use wirelab_model::{EgressOnlyInternetGatewayId, NetworkInterfaceId, RouteTarget};

use super::internet_gateway::INTERNET_MTU;
use super::tracking::Idle;
use super::{Coming, MadeBy, Packet, Plain, Verdict, Why};

impl Plain {
    /// A route leads from `from` to an egress-only internet gateway.
    pub(super) fn to_egress_only(
        &mut self,
        from: &NetworkInterfaceId,
        gateway: &EgressOnlyInternetGatewayId,
        packet: &mut Packet,
    ) -> Verdict {
        let vpc = self.interface(from).vpc_id.clone();
        let owner = self.interface_at(&vpc, packet.source);
        owner.ok_or_else(|| Why::new("egress-only gateway: foreign source", gateway))?;
        self.fits(packet, INTERNET_MTU, MadeBy::Router(from.clone()), gateway)?;
        let flows = self.egress_only.entry(gateway.clone()).or_default();
        if !flows.passes(self.now, true, packet, &Idle::default()) {
            flows.begin(self.now, true, packet);
        }
        self.on_the_internet(packet)
    }

    /// The gateway that what comes from the internet to an interface passes: that by which the
    /// answer would leave.
    pub(super) fn comes_by_egress_only(
        &self,
        id: &NetworkInterfaceId,
        source: IpAddr,
    ) -> Option<EgressOnlyInternetGatewayId> {
        let nic = self.interface(id);
        let all = &self.resources;
        let mut gateways = all.egress_only_internet_gateways.values();
        let gateway = gateways.find(|it| it.vpc_id == nic.vpc_id)?;
        let mut others = all.internet_gateways.values();
        let has_other = others.any(|it| it.vpc_id.as_ref() == Some(&nic.vpc_id));
        let by_it = match self.route(&nic.subnet_id, source) {
            Ok((_, route)) => matches!(route.target, RouteTarget::EgressOnlyInternetGateway(_)),
            Err(why) => why.what == "no route" && !has_other,
        };
        by_it.then(|| gateway.egress_only_internet_gateway_id.clone())
    }

    /// A packet from the internet to an interface behind the gateway: it, or what it is an error
    /// about, belongs to a flow that left.
    pub(super) fn back_by_egress_only(
        &mut self,
        gateway: &EgressOnlyInternetGatewayId,
        id: &NetworkInterfaceId,
        packet: &mut Packet,
    ) -> Verdict {
        let flows = self.egress_only.entry(gateway.clone()).or_default();
        let idle = Idle::default();
        let known = match &packet.about {
            Some(about) => flows.knows(self.now, about, &idle),
            None => flows.passes(self.now, false, packet, &idle),
        };
        if !known {
            return Err(Why::new("egress-only gateway: not asked for", gateway));
        }
        let coming = Coming {
            crosses: true,
            direct: false,
            auto_tracked: true,
        };
        self.arrive(id, packet, coming)
    }
}

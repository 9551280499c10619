//! Where a packet that leaves an interface goes, by address and route alone.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use wirelab_model::{Ipv6Net, TrafficPath};

use super::Walk;
use super::plan::{
    EndpointIndex, Interface, InterfaceIndex, Owner, PeeringIndex, TransitIndex, VpnGatewayIndex,
};
use super::route_table::{Taken, Target};
use crate::trace::Watch;

/// `fd00:ec2::/32`: AWS's own services.
const AWS_SERVICES: Ipv6Net =
    Ipv6Net::new_assert(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0), 32);

/// Where a packet that leaves an interface goes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Way<'p> {
    /// The route, if the subnet's table was asked.
    pub(super) taken: Option<Taken<'p>>,
    pub(super) leads: Leads,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Leads {
    Interface(InterfaceIndex),
    /// Into the VPC, where nobody has the address.
    Nobody,
    InternetGateway,
    EgressOnlyInternetGateway,
    VpnGateway(VpnGatewayIndex),
    TransitGateway(TransitIndex),
    Peering(PeeringIndex),
    GatewayEndpoint(EndpointIndex),
    NoRoute,
    /// The route's target is gone.
    Gone,
}

impl<'a, W: Watch> Walk<'a, W> {
    /// Where a packet to `destination`, handed to `next_hop`, goes from the interface.
    pub(super) fn way(&self, nic: &Interface, destination: IpAddr, next_hop: IpAddr) -> Way<'a> {
        let plan = self.plan;
        let subnet = plan.subnet(nic.subnet);
        let vpc = plan.vpc(nic.vpc);
        let direct = |address| {
            let found = vpc
                .interface_of(address)
                .filter(|_| subnet.contains(address));
            found.filter(|to| plan.find_interface(*to).is_some_and(|it| it.id != nic.id))
        };
        if let Some(neighbor) = direct(next_hop).or_else(|| direct(destination)) {
            return Way::untabled(Leads::Interface(neighbor));
        }
        if subnet.contains(destination) {
            return Way::untabled(Leads::Nobody);
        }
        let Some(taken) = subnet
            .table
            .and_then(|at| plan.table(at).lookup(destination))
        else {
            return Way::untabled(Leads::NoRoute);
        };
        let leads = match taken.leads {
            Target::Local => {
                (vpc.interface_of(destination)).map_or(Leads::Nobody, Leads::Interface)
            }
            Target::InternetGateway => Leads::InternetGateway,
            Target::EgressOnlyInternetGateway => Leads::EgressOnlyInternetGateway,
            Target::VpnGateway(at) => Leads::VpnGateway(at),
            Target::NatGateway(at) => {
                let entrance = plan.nat_gateway(at).entrance();
                let entrance = entrance.filter(|it| plan.find_interface(*it).is_some());
                entrance.map_or(Leads::Gone, Leads::Interface)
            }
            Target::Interface(to) => Leads::Interface(to),
            Target::TransitGateway(at) => Leads::TransitGateway(at),
            Target::Peering(at) => Leads::Peering(at),
            Target::GatewayEndpoint(at) => Leads::GatewayEndpoint(at),
            Target::Gone => Leads::Gone,
        };
        let taken = Some(taken);
        Way { taken, leads }
    }

    /// Whether the packet leaves the interface's subnet. Towards a transit gateway it always does
    /// (Transit Gateway guide, "Network ACLs"), even if the attachment's interface is in it.
    pub(super) fn crosses(&self, nic: &Interface, leads: Leads, destination: IpAddr) -> bool {
        match leads {
            Leads::Interface(to) => {
                let there = self.plan.find_interface(to);
                there.is_none_or(|there| there.subnet != nic.subnet)
            }
            Leads::Nobody => !self.plan.subnet(nic.subnet).contains(destination),
            _ => true,
        }
    }

    /// Flows through NAT gateways, egress-only internet gateways, interface endpoints and
    /// DynamoDB's gateway endpoints are tracked whatever the rules (`facts.md` 2.1).
    pub(super) fn is_auto_tracked(&self, leads: Leads) -> bool {
        match leads {
            Leads::Interface(to) => self.is_tracker(to),
            Leads::GatewayEndpoint(at) => self.plan.is_tracking_endpoint(at),
            Leads::EgressOnlyInternetGateway => true,
            _ => false,
        }
    }

    /// Whether the flows that an interface takes and sends are always tracked at their other end.
    pub(super) fn is_tracker(&self, interface: InterfaceIndex) -> bool {
        let nic = self.plan.find_interface(interface);
        nic.is_some_and(|it| matches!(it.owner, Owner::NatGateway(_) | Owner::VpcEndpoint(_)))
    }

    /// `traffic-path` of flow records (Amazon VPC User Guide, "Flow log records").
    pub(super) fn traffic_path(&self, nic: &Interface, leads: Leads) -> Option<TrafficPath> {
        match leads {
            Leads::Interface(_) | Leads::Nobody | Leads::TransitGateway(_) => {
                Some(TrafficPath::SameVpc)
            }
            Leads::Peering(at) if self.plan.peering(at).is_inter_region() => {
                Some(TrafficPath::InterRegionPeering)
            }
            Leads::Peering(_) => Some(TrafficPath::IntraRegionPeering),
            Leads::InternetGateway | Leads::EgressOnlyInternetGateway if nic.is_nitro => {
                Some(TrafficPath::InternetGatewayNitro)
            }
            Leads::InternetGateway | Leads::EgressOnlyInternetGateway => {
                Some(TrafficPath::InternetGateway)
            }
            Leads::GatewayEndpoint(_) if nic.is_nitro => Some(TrafficPath::GatewayEndpointNitro),
            Leads::GatewayEndpoint(_) => Some(TrafficPath::InternetGateway),
            Leads::VpnGateway(_) => Some(TrafficPath::VpnGateway),
            Leads::NoRoute | Leads::Gone => None,
        }
    }

    /// Addresses that no rule, no route and no flow log knows: link-local services, the Amazon
    /// resolver, the VPC router (`facts.md` 2.1 and row 107).
    pub(super) fn is_service(&self, nic: &Interface, destination: IpAddr) -> bool {
        let link_local = match destination {
            IpAddr::V4(address) => address.is_link_local() || address == Ipv4Addr::BROADCAST,
            IpAddr::V6(address) => {
                address.is_unicast_link_local() || AWS_SERVICES.contains(&address)
            }
        };
        link_local
            || self.plan.link_local(nic, destination).is_some()
            || self.plan.subnet(nic.subnet).router == destination
            || self.plan.subnet(nic.subnet).router_v6 == Some(destination)
    }
}

impl Way<'_> {
    const fn untabled(leads: Leads) -> Self {
        Self { taken: None, leads }
    }
}

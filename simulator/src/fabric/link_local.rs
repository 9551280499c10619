//! Services at link-local and reserved addresses: the Amazon resolver, instance metadata, time
//! sync.
//!
//! No security group, no network ACL and no flow log knows them (`facts.md` 2.1 and row 107); a
//! capture on the machine sees them. An interface may send them 1,024 packets a second together;
//! what is beyond that is dropped (EC2 User Guide, "Amazon VPC DNS quotas"; `facts.md` 2.8). What
//! answers there is in [`crate::service`].
//!
//! | service | IPv4 | IPv6 |
//! | --- | --- | --- |
//! | resolver | 169.254.169.253, and the VPC's base plus two | fd00:ec2::253 |
//! | instance metadata | 169.254.169.254 | fd00:ec2::254 |
//! | time sync | 169.254.169.123 | fd00:ec2::123 |

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use serde::{Deserialize, Serialize};
use wirelab_model::SimDuration;

use super::plan::{Interface, InterfaceIndex, Plan};
use super::{Place, Service, Transit, Walk};
use crate::path::PassDetail;
use crate::trace::Watch;
use crate::verdict::{Hop, ServiceDrop, VpcDrop};

/// A service at a link-local address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum LinkLocal {
    /// The Route 53 Resolver.
    Resolver,
    /// The instance metadata service.
    Metadata,
    /// The Amazon Time Sync Service.
    TimeSync,
}

const fn v4(last: u8) -> IpAddr {
    IpAddr::V4(Ipv4Addr::new(169, 254, 169, last))
}

const fn v6(last: u16) -> IpAddr {
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, last))
}

/// Addresses of every service, but for the resolver's in the VPC.
pub(crate) const ADDRESSES: [(IpAddr, LinkLocal); 6] = [
    (v4(253), LinkLocal::Resolver),
    (v6(0x253), LinkLocal::Resolver),
    (v4(254), LinkLocal::Metadata),
    (v6(0x254), LinkLocal::Metadata),
    (v4(123), LinkLocal::TimeSync),
    (v6(0x123), LinkLocal::TimeSync),
];

impl Plan {
    /// The service that answers an interface at an address.
    pub(crate) fn link_local(&self, nic: &Interface, address: IpAddr) -> Option<LinkLocal> {
        if self.vpc(nic.vpc).resolver == Some(address) {
            return Some(LinkLocal::Resolver);
        }
        let found = ADDRESSES.iter().find(|(own, _)| *own == address);
        found.map(|(_, service)| *service)
    }
}

impl LinkLocal {
    /// What people call it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Resolver => "Route 53 Resolver",
            Self::Metadata => "instance metadata service",
            Self::TimeSync => "time sync service",
        }
    }
}

impl<W: Watch> Walk<'_, W> {
    /// A machine has sent a packet to a link-local or reserved address.
    pub(super) fn enter_link_local(
        &mut self,
        interface: InterfaceIndex,
        destination: IpAddr,
        transit: Transit,
    ) {
        if !self.link_local_allowance(interface, &transit) {
            return;
        }
        let plan = self.plan;
        let nic = plan.interface(interface);
        let Some(service) = plan.link_local(nic, destination) else {
            let reason = VpcDrop::NoSuchService { destination };
            return self.watch.deny(&transit, self.vpc_hop(nic), reason);
        };
        let hop = Hop::LinkLocal(service);
        let vpc = plan.vpc(nic.vpc);
        if service == LinkLocal::Resolver && !vpc.dns_support {
            let vpc = vpc.id.clone();
            let reason = ServiceDrop::DnsSupportDisabled { vpc };
            return self.watch.deny(&transit, hop, reason);
        }
        self.watch
            .pass(&transit.packet, || (hop, PassDetail::Plain));
        let place = Place::Service(Service::LinkLocal(interface));
        self.send(self.config.latency.same_zone, place, transit);
    }

    /// A link-local service answers the machine of an interface.
    pub(super) fn arrive_from_link_local(&mut self, interface: InterfaceIndex, transit: Transit) {
        let plan = self.plan;
        let Some(nic) = plan.find_interface(interface) else {
            return self.interface_gone(interface, &transit);
        };
        if !self.is_up(nic, &transit) {
            return;
        }
        let peer = plan.subnet(nic.subnet).router_mac;
        (self.watch).capture(interface, false, peer, &transit.packet);
        let place = Place::Machine(interface);
        self.send(SimDuration::ZERO, place, transit);
    }
}

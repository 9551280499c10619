//! Who can be outside: the addresses that senders on the internet and behind customer gateways
//! have.
//!
//! What the world itself has is nobody's outside: the blocks of its VPCs, the public addresses of
//! its interfaces, AWS's services. A stranger has any other public address. Behind a customer
//! gateway is what the device that plays it has: its LANs, and what its own routes lead to there.
//! A device without either says nothing about its site, which may be anything outside.
//!
//! A LAN counts as it stands, also where it overlaps a VPC: its machines do send from there. A
//! route is a direction, often a default, and is taken without the world's own addresses.

use std::collections::BTreeMap;
use std::net::IpAddr;

use wirelab_model::{CustomerGatewayId, IpNet, NetworkInterfaceId, VpcId};

use super::ranges::{Interval, IpVersion, Ranges, address_number};
use super::space;
use crate::fabric::{Owner, Plan, Socket};
use crate::machines::{Machine, PluggedInto};
use crate::world::World;

/// Addresses of both versions.
#[derive(Clone, Debug)]
pub(super) struct Addresses([Ranges; 2]);

impl Addresses {
    fn of(blocks: impl IntoIterator<Item = IpNet>) -> Self {
        let blocks: Vec<IpNet> = blocks.into_iter().collect();
        Self(IpVersion::BOTH.map(|version| {
            let own = blocks.iter().filter(|it| IpVersion::of(it) == version);
            Ranges::of(own.map(|it| Interval::from(*it)))
        }))
    }

    pub(super) const fn of_version(&self, version: IpVersion) -> &Ranges {
        &self.0[version as usize]
    }

    fn zip(&self, other: &Self, with: impl Fn(&Ranges, &Ranges) -> Ranges) -> Self {
        let [v4, v6] = IpVersion::BOTH;
        Self([v4, v6].map(|it| with(self.of_version(it), other.of_version(it))))
    }

    fn union(&self, other: &Self) -> Self {
        self.zip(other, Ranges::union)
    }

    /// What `other` does not have.
    pub(super) fn subtract(&self, other: &Self) -> Self {
        self.zip(other, Ranges::subtract)
    }
}

impl Default for Addresses {
    fn default() -> Self {
        Self::of([])
    }
}

/// Whose addresses are whose.
#[derive(Clone, Debug, Default)]
pub(super) struct Outside {
    /// The world's own: blocks of VPCs, public addresses, services.
    pub(super) inside: Addresses,
    /// Those that interfaces have, private and public.
    pub(super) interfaces: Addresses,
    /// All that is not the world's own.
    foreign: Addresses,
    /// The public part of it.
    strangers: Addresses,
    /// What is behind customer gateways; none if nothing says so.
    sites: BTreeMap<CustomerGatewayId, Option<Addresses>>,
}

impl Outside {
    pub(super) fn new(world: &World) -> Self {
        let plan = &world.topology.plan;
        let interfaces = Addresses::of(of_interfaces(plan).map(IpNet::from));
        let vpcs = world.topology.resources.vpcs.values();
        let blocks = vpcs.flat_map(|it| {
            let v4 = it.cidr_blocks.iter().copied().map(IpNet::V4);
            v4.chain(it.ipv6_cidr_blocks.iter().copied().map(IpNet::V6))
        });
        let endpoints = plan.endpoint_services().map(|(_, address)| address);
        let services = plan.services().chain(endpoints).map(IpNet::from);
        let inside = Addresses::of(blocks.chain(services)).union(&interfaces);
        let everywhere = Addresses(IpVersion::BOTH.map(|it| it.addresses().into()));
        let foreign = everywhere.subtract(&inside.union(&Addresses::of(space::nowhere())));
        let strangers = foreign.subtract(&Addresses::of(space::private()));
        let mut sites = BTreeMap::new();
        for (id, port) in world.sites.customer_gateways() {
            let machine = world.machines.get(port.host as usize);
            sites.insert(id.clone(), machine.and_then(|it| site(world, it, &inside)));
        }
        Self {
            inside,
            interfaces,
            foreign,
            strangers,
            sites,
        }
    }

    /// Addresses of senders on the internet.
    pub(super) const fn strangers(&self, version: IpVersion) -> &Ranges {
        self.strangers.of_version(version)
    }

    /// Addresses of senders behind a customer gateway.
    pub(super) fn senders(&self, id: &CustomerGatewayId, version: IpVersion) -> &Ranges {
        let site = self.sites.get(id).and_then(Option::as_ref);
        site.unwrap_or(&self.foreign).of_version(version)
    }

    /// What is known to be behind a customer gateway.
    pub(super) fn site(&self, id: &CustomerGatewayId, version: IpVersion) -> Option<&Ranges> {
        Some(self.sites.get(id)?.as_ref()?.of_version(version))
    }
}

fn of_interfaces(plan: &Plan) -> impl Iterator<Item = IpAddr> + '_ {
    plan.live_interfaces().flat_map(|(_, nic)| {
        let public = nic.public.iter().map(|(_, public)| *public);
        nic.addresses.iter().copied().chain(public)
    })
}

/// What a device's LANs are and what it has routes for there; `None` if it has no LAN.
fn site(world: &World, device: &Machine, inside: &Addresses) -> Option<Addresses> {
    let is_lan = |at: usize| match device.plugs.get(at).map(|it| &it.to) {
        Some(PluggedInto::Outside(socket @ Socket::Segment(_))) => !world.sites.is_internet(socket),
        _ => false,
    };
    let routes: Vec<_> = device.host.routes().filter(|it| is_lan(it.1)).collect();
    let of = |connected: bool| {
        let some = routes.iter().filter(|it| it.2 == connected);
        Addresses::of(some.map(|it| it.0))
    };
    let (lans, routed) = (of(true), of(false).subtract(inside));
    (!routes.is_empty()).then(|| lans.union(&routed))
}

impl World {
    /// Whether an interface is a NAT gateway's.
    pub(crate) fn is_nat_gateways(&self, id: &NetworkInterfaceId) -> bool {
        let plan = &self.topology.plan;
        let nic = self
            .topology
            .find(id)
            .and_then(|it| plan.find_interface(it));
        nic.is_some_and(|it| matches!(it.owner, Owner::NatGateway(_)))
    }

    /// The VPC that an address is of: it lies in one of its blocks, or an interface there has it as
    /// public address. Of several with one block, any.
    #[must_use]
    pub fn vpc_of_address(&self, address: IpAddr) -> Option<&VpcId> {
        let plan = &self.topology.plan;
        if let Some((interface, _)) = plan.behind_public(address) {
            return Some(&plan.vpc(plan.interface(interface).vpc).id);
        }
        let holds = |block: IpNet| {
            let is_version = IpVersion::of(&block) == IpVersion::of_address(address);
            is_version && Interval::from(block).contains(address_number(address))
        };
        let mut vpcs = self.topology.resources.vpcs.values();
        let found = vpcs.find(|it| {
            let mut v4 = it.cidr_blocks.iter().copied().map(IpNet::V4);
            let mut v6 = it.ipv6_cidr_blocks.iter().copied().map(IpNet::V6);
            v4.any(holds) || v6.any(holds)
        });
        found.map(|it| &it.vpc_id)
    }
}

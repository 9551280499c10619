//! A generation of the resources, compiled for the hop functions: indices in place of ids, sorted
//! lists in place of rules, longest-prefix tables in place of routes.
//!
//! Interfaces keep their index over all generations, because state and packets on their way refer
//! to them; all other indices hold for one plan only.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

use indexmap::IndexMap;
use rustc_hash::FxBuildHasher;
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;
use wirelab_model::{
    EgressOnlyInternetGatewayId, InstanceId, InstanceState, InternetGatewayId, IpNet,
    NetworkInterfaceId, Resources, SimTime, SubnetId, VpcId,
};
use wirelab_wire::MacAddr;

use super::compile;
use super::conntrack::IdleTimeouts;
use super::instance::Allowance;
use super::nat_gateway::NatGateway;
use super::network_acl::Acl;
use super::peering::Peering;
use super::route_table::Table;
use super::security_group::GroupSet;
use super::transit_gateway::{Attachment, TransitGateway};
use super::vpc_endpoint::Endpoint;
use super::vpn_gateway::{VpnConnection, VpnGateway};
use crate::block;
use crate::config::WorldConfig;
use crate::verdict::Hop;

macro_rules! indices {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(
            Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
        )]
        pub(crate) struct $name(pub(crate) u32);

        impl $name {
            pub(crate) fn new(index: usize) -> Self {
                Self(u32::try_from(index).expect("a world has fewer than 2^32 resources"))
            }

            pub(crate) const fn get(self) -> usize {
                self.0 as usize
            }
        }
    )*};
}

indices! {
    /// An interface, in every generation.
    InterfaceIndex;
    /// A subnet of the plan.
    SubnetIndex;
    /// A VPC of the plan.
    VpcIndex;
    /// A network ACL of the plan.
    AclIndex;
    /// A route table of the plan.
    TableIndex;
    /// A set of security groups of the plan.
    GroupsIndex;
    /// A NAT gateway of the plan.
    NatIndex;
    /// A transit gateway of the plan.
    TransitIndex;
    /// An attachment of a transit gateway of the plan.
    AttachmentIndex;
    /// A VPN connection of the plan.
    VpnConnectionIndex;
    /// A VPC peering connection of the plan.
    PeeringIndex;
    /// A virtual private gateway of the plan.
    VpnGatewayIndex;
    /// A VPC endpoint of the plan.
    EndpointIndex;
    /// An Availability Zone of the plan.
    ZoneIndex;
}

/// The compiled generation.
#[derive(Clone, Debug, Default)]
pub(crate) struct Plan {
    pub(super) interfaces: Vec<Option<Interface>>,
    /// Ids of all interfaces ever seen, by index.
    pub(super) interface_ids: Vec<NetworkInterfaceId>,
    pub(super) zones: Vec<SmolStr>,
    pub(super) subnets: Vec<Subnet>,
    pub(super) vpcs: Vec<Vpc>,
    pub(super) acls: Vec<Acl>,
    pub(super) tables: Vec<Table>,
    pub(super) groups: Vec<GroupSet>,
    /// Addresses of the interfaces that carry a referenced group, sorted.
    pub(super) members: Vec<Vec<IpAddr>>,
    pub(super) nat_gateways: Vec<NatGateway>,
    pub(super) transit_gateways: Vec<TransitGateway>,
    pub(super) attachments: Vec<Attachment>,
    pub(super) peerings: Vec<Peering>,
    pub(super) vpn_gateways: Vec<VpnGateway>,
    pub(super) vpn_connections: Vec<VpnConnection>,
    /// Route tables of gateways, by the gateway's id.
    pub(super) gateway_tables: BTreeMap<SmolStr, TableIndex>,
    pub(super) endpoints: Vec<Endpoint>,
    /// Public addresses of AWS's services in the Regions of the VPCs.
    pub(super) services: BTreeSet<IpAddr>,
    /// From public address to the private one it maps to; an IPv6 address is both.
    pub(super) public: BTreeMap<IpAddr, (InterfaceIndex, IpAddr)>,
}

/// A network interface.
#[derive(Clone, Debug)]
pub(crate) struct Interface {
    pub(crate) id: NetworkInterfaceId,
    pub(crate) subnet: SubnetIndex,
    pub(crate) vpc: VpcIndex,
    pub(crate) zone: ZoneIndex,
    pub(crate) mac: MacAddr,
    /// The primary IPv4 address first.
    pub(crate) addresses: Vec<IpAddr>,
    /// Private address and its public one.
    pub(crate) public: Vec<(IpAddr, IpAddr)>,
    pub(crate) source_dest_check: bool,
    pub(crate) groups: GroupsIndex,
    pub(crate) owner: Owner,
    pub(crate) timeouts: IdleTimeouts,
    pub(crate) is_nitro: bool,
    /// Of the instance that it is attached to.
    pub(crate) allowance: Option<Allowance>,
}

/// What is behind an interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Owner {
    Nobody,
    Instance { id: InstanceId, running: bool },
    NatGateway(NatIndex),
    TransitGateway(AttachmentIndex),
    VpcEndpoint(EndpointIndex),
}

/// A subnet.
#[derive(Clone, Debug)]
pub(crate) struct Subnet {
    pub(crate) id: SubnetId,
    pub(crate) vpc: VpcIndex,
    pub(crate) zone: ZoneIndex,
    pub(crate) block: IpNet,
    pub(crate) ipv6_block: Option<IpNet>,
    /// First address of the subnet: the VPC router's.
    pub(crate) router: IpAddr,
    /// The same of the IPv6 block. Machines use the link-local address.
    pub(crate) router_v6: Option<IpAddr>,
    pub(crate) router_mac: MacAddr,
    pub(crate) acl: Option<AclIndex>,
    pub(crate) table: Option<TableIndex>,
}

/// A VPC.
#[derive(Clone, Debug)]
pub(crate) struct Vpc {
    pub(crate) id: VpcId,
    pub(crate) blocks: Vec<IpNet>,
    /// Second address of the primary block: the Amazon resolver's.
    pub(crate) resolver: Option<IpAddr>,
    /// Whether it answers.
    pub(crate) dns_support: bool,
    pub(crate) internet_gateway: Option<InternetGatewayId>,
    pub(crate) egress_only_internet_gateway: Option<EgressOnlyInternetGatewayId>,
    /// Every private address and its interface.
    pub(crate) addresses: IndexMap<IpAddr, InterfaceIndex, FxBuildHasher>,
}

impl Interface {
    /// Whether the address is one of the interface's own.
    pub(crate) fn owns(&self, address: IpAddr) -> bool {
        self.addresses.contains(&address)
    }

    /// The public address that a private one maps to.
    pub(crate) fn public_of(&self, private: IpAddr) -> Option<IpAddr> {
        let found = self.public.iter().find(|(it, _)| *it == private);
        found.map(|(_, public)| *public)
    }
}

impl Subnet {
    /// Whether the address lies in the subnet.
    pub(crate) fn contains(&self, address: IpAddr) -> bool {
        block::holds(&self.block, address)
            || self.ipv6_block.is_some_and(|it| block::holds(&it, address))
    }
}

impl Subnet {
    /// The router's address of the IP version of `peer`.
    pub(crate) fn router_towards(&self, peer: IpAddr) -> IpAddr {
        match self.router_v6 {
            Some(router) if peer.is_ipv6() => router,
            _ => self.router,
        }
    }

    /// The router's link-local address: what machines have as their gateway for IPv6 (RFC 4291,
    /// appendix A).
    pub(crate) fn router_link_local(&self) -> IpAddr {
        let [a, b, c, d, e, f] = self.router_mac.0;
        let word = |high: u8, low: u8| u16::from_be_bytes([high, low]);
        let interface = [word(a ^ 2, b), word(c, 0xff), word(0xfe, d), word(e, f)];
        let [one, two, three, four] = interface;
        std::net::Ipv6Addr::new(0xfe80, 0, 0, 0, one, two, three, four).into()
    }
}

impl Vpc {
    /// The interface that has the address.
    pub(crate) fn interface_of(&self, address: IpAddr) -> Option<InterfaceIndex> {
        self.addresses.get(&address).copied()
    }

    /// Whether the address lies in one of the VPC's blocks.
    pub(crate) fn contains(&self, address: IpAddr) -> bool {
        self.blocks.iter().any(|it| block::holds(it, address))
    }
}

impl Plan {
    /// The interface, which must be of this generation: see [`Self::find_interface`].
    pub(crate) fn interface(&self, index: InterfaceIndex) -> &Interface {
        let found = self.find_interface(index);
        found.expect("the caller has seen the interface in this plan")
    }

    /// The interface, unless it is gone.
    pub(crate) fn find_interface(&self, index: InterfaceIndex) -> Option<&Interface> {
        self.interfaces.get(index.get())?.as_ref()
    }

    /// Every interface of this generation.
    pub(crate) fn live_interfaces(&self) -> impl Iterator<Item = (InterfaceIndex, &Interface)> {
        let all = self.interfaces.iter().enumerate();
        all.filter_map(|(at, nic)| Some((InterfaceIndex::new(at), nic.as_ref()?)))
    }

    /// The interface and private address that a public address maps to.
    pub(crate) fn behind_public(&self, public: IpAddr) -> Option<(InterfaceIndex, IpAddr)> {
        self.public.get(&public).copied()
    }

    /// The interface of a VPC that has an address.
    pub(crate) fn interface_in(&self, vpc: &VpcId, address: IpAddr) -> Option<&NetworkInterfaceId> {
        let vpc = self.vpcs.iter().find(|it| it.id == *vpc)?;
        Some(self.interface_id(vpc.interface_of(address)?))
    }

    /// The id of an interface, gone or not.
    pub(crate) fn interface_id(&self, index: InterfaceIndex) -> &NetworkInterfaceId {
        &self.interface_ids[index.get()]
    }

    /// The hop of a subnet's route table; the VPC's router if it has none.
    pub(crate) fn table_hop(&self, subnet: &Subnet) -> Hop {
        match subnet.table {
            Some(table) => Hop::RouteTable {
                route_table: self.table(table).id.clone(),
                subnet: subnet.id.clone(),
            },
            None => Hop::Vpc(self.vpc(subnet.vpc).id.clone()),
        }
    }

    pub(crate) fn zone(&self, index: ZoneIndex) -> &SmolStr {
        &self.zones[index.get()]
    }

    pub(crate) fn subnet(&self, index: SubnetIndex) -> &Subnet {
        &self.subnets[index.get()]
    }

    pub(crate) fn vpc(&self, index: VpcIndex) -> &Vpc {
        &self.vpcs[index.get()]
    }

    pub(crate) fn acl(&self, index: AclIndex) -> &Acl {
        &self.acls[index.get()]
    }

    pub(crate) fn table(&self, index: TableIndex) -> &Table {
        &self.tables[index.get()]
    }

    pub(crate) fn groups(&self, index: GroupsIndex) -> &GroupSet {
        &self.groups[index.get()]
    }

    pub(crate) fn nat_gateway(&self, index: NatIndex) -> &NatGateway {
        &self.nat_gateways[index.get()]
    }

    pub(crate) fn transit_gateway(&self, index: TransitIndex) -> &TransitGateway {
        &self.transit_gateways[index.get()]
    }

    pub(crate) fn attachment(&self, index: AttachmentIndex) -> &Attachment {
        &self.attachments[index.get()]
    }

    pub(crate) fn vpn_connection(&self, index: VpnConnectionIndex) -> &VpnConnection {
        &self.vpn_connections[index.get()]
    }

    pub(crate) fn peering(&self, index: PeeringIndex) -> &Peering {
        &self.peerings[index.get()]
    }

    pub(crate) fn endpoint(&self, index: EndpointIndex) -> &Endpoint {
        &self.endpoints[index.get()]
    }

    /// Whether a service of AWS's has the public address.
    pub(crate) fn is_aws_service(&self, address: IpAddr) -> bool {
        self.services.contains(&address)
    }

    pub(crate) fn vpn_gateway(&self, index: VpnGatewayIndex) -> &VpnGateway {
        &self.vpn_gateways[index.get()]
    }
}

/// The resources of a world with what is compiled from them.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(from = "Saved", into = "Saved")]
pub(crate) struct Topology {
    pub(crate) resources: Resources,
    config: WorldConfig,
    /// Interfaces in the order in which they were first seen: their indices.
    seen: Vec<NetworkInterfaceId>,
    indices: BTreeMap<NetworkInterfaceId, InterfaceIndex>,
    /// Instances that are stopping and whose operating systems are not down yet, and until when.
    pub(crate) ending: BTreeMap<InstanceId, SimTime>,
    /// Running instances whose operating systems go down or are down for a reboot, and when they
    /// are up again.
    pub(crate) rebooting: BTreeMap<InstanceId, SimTime>,
    pub(crate) plan: Arc<Plan>,
}

/// What is kept of a [`Topology`]; the rest follows from it.
#[derive(Serialize, Deserialize)]
struct Saved {
    resources: Resources,
    config: WorldConfig,
    seen: Vec<NetworkInterfaceId>,
    #[serde(default)]
    ending: BTreeMap<InstanceId, SimTime>,
    #[serde(default)]
    rebooting: BTreeMap<InstanceId, SimTime>,
}

impl From<Saved> for Topology {
    fn from(saved: Saved) -> Self {
        let mut topology = Self::new(saved.config);
        for id in saved.seen {
            topology.index(&id);
        }
        topology.resources = saved.resources;
        topology.ending = saved.ending;
        topology.rebooting = saved.rebooting;
        topology.compile();
        topology
    }
}

impl From<Topology> for Saved {
    fn from(topology: Topology) -> Self {
        Self {
            resources: topology.resources,
            config: topology.config,
            seen: topology.seen,
            ending: topology.ending,
            rebooting: topology.rebooting,
        }
    }
}

impl Topology {
    pub(crate) fn new(config: WorldConfig) -> Self {
        Self {
            resources: Resources::default(),
            config,
            seen: Vec::new(),
            indices: BTreeMap::new(),
            ending: BTreeMap::new(),
            rebooting: BTreeMap::new(),
            plan: Arc::default(),
        }
    }

    /// The index of the interface, a new one if it was never seen.
    pub(crate) fn index(&mut self, id: &NetworkInterfaceId) -> InterfaceIndex {
        if let Some(index) = self.indices.get(id) {
            return *index;
        }
        let index = InterfaceIndex::new(self.seen.len());
        self.seen.push(id.clone());
        self.indices.insert(id.clone(), index);
        index
    }

    /// The index of the interface, if it was ever seen.
    pub(crate) fn find(&self, id: &NetworkInterfaceId) -> Option<InterfaceIndex> {
        self.indices.get(id).copied()
    }

    /// Whether an instance's operating system runs.
    pub(crate) fn is_on(&self, id: &InstanceId) -> bool {
        let instance = self.resources.instances.get(id);
        let is_running = instance.is_some_and(|it| it.state == InstanceState::Running);
        (is_running && !self.rebooting.contains_key(id)) || self.ending.contains_key(id)
    }

    /// Makes the plan of the resources as they are now.
    pub(crate) fn compile(&mut self) {
        let ids: Vec<_> = self.resources.network_interfaces.keys().cloned().collect();
        for id in &ids {
            self.index(id);
        }
        let fabric = &self.config.fabric;
        let mut plan = compile::compile(&self.resources, &self.indices, fabric);
        plan.interface_ids.clone_from(&self.seen);
        for nic in plan.interfaces.iter_mut().flatten() {
            if let Owner::Instance { id, running } = &mut nic.owner {
                *running &= !self.rebooting.contains_key(id);
                *running |= self.ending.contains_key(id);
            }
        }
        self.plan = Arc::new(plan);
    }
}

//! From [`Resources`] to a [`Plan`].

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use indexmap::IndexMap;
use smol_str::SmolStr;
use wirelab_model::{
    AWS_SERVICES, InstanceState, InstanceType, InterfaceType, IpNet, NetworkAclId,
    NetworkInterface, NetworkInterfaceId, NitroGeneration, Resources, RouteTableId,
    SecurityGroupId, SimDuration, SubnetId, VpcId,
};
use wirelab_wire::MacAddr;

use super::conntrack::{IdleTimeouts, TCP_ESTABLISHED, UDP, UDP_STREAM};
use super::instance::Allowance;
use super::nat_gateway::NatGateway;
use super::network_acl::Acl;
use super::peering;
use super::plan::{
    AclIndex, EndpointIndex, GroupsIndex, Interface, InterfaceIndex, NatIndex, Owner, Plan, Subnet,
    SubnetIndex, TableIndex, Vpc, VpcIndex, ZoneIndex,
};
use super::route_table::Table;
use super::security_group::GroupSet;
use super::transit_gateway::{self, AttachmentIndices};
use super::{vpc_endpoint, vpn_gateway};
use crate::config::FabricConfig;

/// TCP idle timeout of a tracked, established connection on Nitro v6 (`facts.md` 2.1), in seconds.
const TCP_ESTABLISHED_NITRO_V6: u32 = 350;

pub(super) type InterfaceIndices = BTreeMap<NetworkInterfaceId, InterfaceIndex>;

/// Where the resources of a generation stand in its plan.
pub(super) struct Places<'a> {
    pub(super) interfaces: &'a InterfaceIndices,
    pub(super) vpcs: BTreeMap<&'a VpcId, VpcIndex>,
    pub(super) subnets: BTreeMap<&'a SubnetId, SubnetIndex>,
    zones: BTreeMap<SmolStr, ZoneIndex>,
}

pub(super) fn compile(
    resources: &Resources,
    interfaces: &InterfaceIndices,
    config: &FabricConfig,
) -> Plan {
    let mut places = Places {
        interfaces,
        vpcs: numbered(resources.vpcs.keys(), VpcIndex::new),
        subnets: BTreeMap::new(),
        zones: BTreeMap::new(),
    };
    let mut plan = Plan {
        vpcs: resources
            .vpcs
            .values()
            .map(|it| vpc(it, resources))
            .collect(),
        acls: resources.network_acls.values().map(Acl::new).collect(),
        ..Plan::default()
    };
    peering::compile(&mut plan, resources, &places);
    vpn_gateway::compile(&mut plan, resources, &places);
    let attachments = transit_gateway::compile(&mut plan, resources, &places);
    plan.nat_gateways = (resources.nat_gateways.values())
        .map(|it| NatGateway::new(it, interfaces))
        .collect();
    plan.tables = (resources.route_tables.values())
        .map(|it| Table::new(it, resources, interfaces))
        .collect();
    plan.gateway_tables = table_of_gateways(resources);
    plan.endpoints = vpc_endpoint::compile(resources, &places);
    plan.services = public_services(resources);
    compile_subnets(&mut plan, resources, &mut places);
    compile_interfaces(&mut plan, resources, &places, &attachments, config);
    plan
}

/// Where AWS's services are reached from outside, in every Region that has a VPC.
fn public_services(resources: &Resources) -> BTreeSet<IpAddr> {
    let regions: BTreeSet<_> = resources.vpcs.values().map(|it| &it.region).collect();
    let addresses = regions.into_iter().flat_map(|region| {
        let services = AWS_SERVICES.iter();
        services.flat_map(|it| vpc_endpoint::service_addresses(resources, it, region))
    });
    addresses.collect()
}

fn numbered<'a, K: Ord, I>(
    keys: impl Iterator<Item = &'a K>,
    index: impl Fn(usize) -> I,
) -> BTreeMap<&'a K, I> {
    keys.enumerate().map(|(at, key)| (key, index(at))).collect()
}

fn vpc(vpc: &wirelab_model::Vpc, resources: &Resources) -> Vpc {
    let v4 = vpc.cidr_blocks.iter().map(|block| IpNet::V4(*block));
    let v6 = vpc.ipv6_cidr_blocks.iter().map(|block| IpNet::V6(*block));
    let mut gateways = resources.internet_gateways.values();
    let resolver = (vpc.cidr_blocks.first()).and_then(|block| block.hosts().nth(1));
    Vpc {
        id: vpc.vpc_id.clone(),
        blocks: v4.chain(v6).collect(),
        resolver: resolver.map(IpAddr::V4),
        egress_only_internet_gateway: resources
            .egress_only_internet_gateways
            .values()
            .find(|it| it.vpc_id == vpc.vpc_id)
            .map(|it| it.egress_only_internet_gateway_id.clone()),
        dns_support: vpc.enable_dns_support,
        internet_gateway: gateways
            .find(|it| it.vpc_id.as_ref() == Some(&vpc.vpc_id))
            .map(|it| it.internet_gateway_id.clone()),
        addresses: IndexMap::default(),
    }
}

fn compile_subnets<'a>(plan: &mut Plan, resources: &'a Resources, places: &mut Places<'a>) {
    let acls = acl_of_subnets(resources);
    let (tables, main) = table_of_subnets(resources);
    for subnet in resources.subnets.values() {
        let next = ZoneIndex::new(places.zones.len());
        let zone = *places
            .zones
            .entry(subnet.availability_zone.clone())
            .or_insert(next);
        if zone == next {
            plan.zones.push(subnet.availability_zone.clone());
        }
        let Some(vpc) = places.vpcs.get(&subnet.vpc_id) else {
            continue;
        };
        let router = subnet
            .cidr_block
            .hosts()
            .next()
            .unwrap_or_else(|| subnet.cidr_block.addr());
        let table = tables
            .get(&subnet.subnet_id)
            .or_else(|| main.get(&subnet.vpc_id));
        plan.subnets.push(Subnet {
            id: subnet.subnet_id.clone(),
            vpc: *vpc,
            zone,
            block: IpNet::V4(subnet.cidr_block),
            ipv6_block: subnet.ipv6_cidr_block.map(IpNet::V6),
            router: IpAddr::V4(router),
            router_v6: subnet
                .ipv6_cidr_block
                .and_then(|block| block.hosts().nth(1))
                .map(IpAddr::V6),
            router_mac: router_mac(router.octets()),
            acl: acls.get(&subnet.subnet_id).copied(),
            table: table.copied(),
        });
        let index = SubnetIndex::new(plan.subnets.len() - 1);
        places.subnets.insert(&subnet.subnet_id, index);
    }
}

/// The VPC router's hardware address in a subnet: locally administered, told by its address.
const fn router_mac([a, b, c, d]: [u8; 4]) -> MacAddr {
    MacAddr([0x02, 0xff, a, b, c, d])
}

fn acl_of_subnets(resources: &Resources) -> BTreeMap<&SubnetId, AclIndex> {
    let places: BTreeMap<&NetworkAclId, _> = numbered(resources.network_acls.keys(), AclIndex::new);
    let associations = resources
        .network_acls
        .values()
        .flat_map(|acl| &acl.associations);
    associations
        .filter_map(|it| Some((&it.subnet_id, *places.get(&it.network_acl_id)?)))
        .collect()
}

type TablesBySubnet<'a> = BTreeMap<&'a SubnetId, TableIndex>;
type MainTables<'a> = BTreeMap<&'a VpcId, TableIndex>;

fn table_of_subnets(resources: &Resources) -> (TablesBySubnet<'_>, MainTables<'_>) {
    let places: BTreeMap<&RouteTableId, _> =
        numbered(resources.route_tables.keys(), TableIndex::new);
    let mut by_subnet = BTreeMap::new();
    let mut main = BTreeMap::new();
    for table in resources.route_tables.values() {
        let at = places[&table.route_table_id];
        for association in &table.associations {
            if let Some(subnet) = &association.subnet_id {
                by_subnet.insert(subnet, at);
            } else if association.main {
                main.insert(&table.vpc_id, at);
            }
        }
    }
    (by_subnet, main)
}

fn table_of_gateways(resources: &Resources) -> BTreeMap<SmolStr, TableIndex> {
    let tables = resources.route_tables.values().enumerate();
    let associations = tables.flat_map(|(at, table)| {
        let gateways = table
            .associations
            .iter()
            .filter_map(|it| it.gateway_id.clone());
        gateways.map(move |gateway| (gateway, TableIndex::new(at)))
    });
    associations.collect()
}

fn compile_interfaces(
    plan: &mut Plan,
    resources: &Resources,
    places: &Places<'_>,
    attachments: &AttachmentIndices,
    config: &FabricConfig,
) {
    let owners = Owners::new(plan, resources, attachments);
    let mut groups = Groups::default();
    plan.interfaces = vec![None; places.interfaces.len()];
    for (id, source) in &resources.network_interfaces {
        let index = places.interfaces[id];
        let Some(subnet) = places.subnets.get(&source.subnet_id).copied() else {
            continue;
        };
        let owner = owners.of(source, index);
        let interface = Interface {
            id: id.clone(),
            subnet,
            vpc: plan.subnet(subnet).vpc,
            zone: plan.subnet(subnet).zone,
            mac: parse_mac(&source.mac_address),
            addresses: addresses(source),
            public: public_addresses(source),
            source_dest_check: source.source_dest_check,
            groups: groups.index(&source.groups, resources),
            timeouts: idle_timeouts(source, nitro(source, resources), config),
            is_nitro: nitro(source, resources) != Some(NitroGeneration::Xen),
            allowance: allowance(source, resources, places.interfaces),
            owner,
        };
        // A transit gateway's interface is a way in and out; nobody is at its own address.
        if !matches!(interface.owner, Owner::TransitGateway(_)) {
            let own = interface.addresses.iter().map(|it| (*it, index));
            plan.vpcs[interface.vpc.get()].addresses.extend(own);
        }
        let public = interface.public.iter();
        plan.public
            .extend(public.map(|(private, public)| (*public, (index, *private))));
        // IPv6 addresses are public as they are.
        let global = interface.addresses.iter().filter(|it| it.is_ipv6());
        plan.public.extend(global.map(|it| (*it, (index, *it))));
        plan.interfaces[index.get()] = Some(interface);
    }
    plan.members = groups.members(resources);
    plan.groups = groups.sets;
}

/// Who is behind which interface.
struct Owners<'a> {
    resources: &'a Resources,
    nat_gateways: BTreeMap<InterfaceIndex, NatIndex>,
    attachments: &'a AttachmentIndices,
    endpoints: BTreeMap<InterfaceIndex, EndpointIndex>,
}

impl<'a> Owners<'a> {
    fn new(plan: &Plan, resources: &'a Resources, attachments: &'a AttachmentIndices) -> Self {
        let gateways = plan.nat_gateways.iter().enumerate();
        let nat_gateways = gateways.flat_map(|(at, gateway)| {
            let interfaces = gateway.addresses.iter();
            interfaces.map(move |address| (address.interface, NatIndex::new(at)))
        });
        let endpoints = plan.endpoints.iter().enumerate();
        let endpoints = endpoints.flat_map(|(at, endpoint)| {
            let interfaces = endpoint.interfaces.iter();
            interfaces.map(move |it| (*it, EndpointIndex::new(at)))
        });
        Self {
            resources,
            nat_gateways: nat_gateways.collect(),
            attachments,
            endpoints: endpoints.collect(),
        }
    }

    fn of(&self, interface: &NetworkInterface, index: InterfaceIndex) -> Owner {
        match interface.interface_type {
            InterfaceType::NatGateway => {
                let gateway = self.nat_gateways.get(&index).copied();
                gateway.map_or(Owner::Nobody, Owner::NatGateway)
            }
            InterfaceType::TransitGateway => {
                let attachment = self.attachments.get(&index).copied();
                attachment.map_or(Owner::Nobody, Owner::TransitGateway)
            }
            InterfaceType::VpcEndpoint => {
                let endpoint = self.endpoints.get(&index).copied();
                endpoint.map_or(Owner::Nobody, Owner::VpcEndpoint)
            }
            InterfaceType::Interface => self.instance(interface),
        }
    }

    fn instance(&self, interface: &NetworkInterface) -> Owner {
        let attachment = interface.attachment.as_ref();
        let Some(id) = attachment.and_then(|it| it.instance_id.clone()) else {
            return Owner::Nobody;
        };
        let instance = self.resources.instances.get(&id);
        let running = instance.is_some_and(|it| it.state == InstanceState::Running);
        Owner::Instance { id, running }
    }
}

fn nitro(interface: &NetworkInterface, resources: &Resources) -> Option<NitroGeneration> {
    let instance = interface.attachment.as_ref()?.instance_id.as_ref()?;
    Some(resources.instances.get(instance)?.nitro_generation)
}

fn allowance(
    interface: &NetworkInterface,
    resources: &Resources,
    indices: &InterfaceIndices,
) -> Option<Allowance> {
    let instance = interface.attachment.as_ref()?.instance_id.as_ref()?;
    let instance = resources.instances.get(instance)?;
    let interfaces = instance.network_interfaces.iter();
    let interfaces: Vec<_> = interfaces
        .filter_map(|it| indices.get(it).copied())
        .collect();
    Some(Allowance {
        instance: instance.instance_id.clone(),
        home: *interfaces.first()?,
        interfaces,
        kind: InstanceType::of(&instance.instance_type),
    })
}

fn addresses(interface: &NetworkInterface) -> Vec<IpAddr> {
    let mut all = vec![IpAddr::V4(interface.private_ip_address)];
    let others = interface.private_ip_addresses.iter();
    all.extend(
        others
            .map(|it| it.private_ip_address)
            .filter(|it| *it != interface.private_ip_address)
            .map(IpAddr::V4),
    );
    all.extend(interface.ipv6_addresses.iter().copied().map(IpAddr::V6));
    all
}

fn public_addresses(interface: &NetworkInterface) -> Vec<(IpAddr, IpAddr)> {
    let all = interface.private_ip_addresses.iter();
    all.filter_map(|it| {
        let public = it.association.as_ref()?.public_ip;
        Some((it.private_ip_address.into(), public.into()))
    })
    .collect()
}

/// Six octets in hex; zeros for a text that is none.
fn parse_mac(text: &str) -> MacAddr {
    let mut octets = [0; 6];
    for (octet, part) in octets.iter_mut().zip(text.split(':')) {
        *octet = u8::from_str_radix(part, 16).unwrap_or_default();
    }
    MacAddr(octets)
}

fn idle_timeouts(
    interface: &NetworkInterface,
    nitro: Option<NitroGeneration>,
    config: &FabricConfig,
) -> IdleTimeouts {
    let set = interface.connection_tracking_configuration;
    let tcp_default = match nitro {
        Some(NitroGeneration::NitroV6) => TCP_ESTABLISHED_NITRO_V6,
        _ => TCP_ESTABLISHED,
    };
    // Only Nitro instances can be configured.
    let chosen = |value: Option<u32>, default: u32| {
        let value = value.filter(|_| nitro != Some(NitroGeneration::Xen));
        SimDuration::from_secs(value.unwrap_or(default).into())
    };
    IdleTimeouts {
        tcp_opening: config.timeouts.tcp_opening,
        tcp_established: chosen(set.tcp_established_timeout, tcp_default),
        tcp_closing: config.timeouts.tcp_closing,
        udp: chosen(set.udp_timeout, UDP),
        udp_stream: chosen(set.udp_stream_timeout, UDP_STREAM),
        icmp: config.timeouts.icmp,
        other: config.timeouts.other,
    }
}

/// The sets of groups that occur, each compiled once, and the groups that rules refer to.
#[derive(Default)]
struct Groups {
    sets: Vec<GroupSet>,
    places: BTreeMap<Vec<SecurityGroupId>, GroupsIndex>,
    referenced: Vec<SecurityGroupId>,
}

impl Groups {
    fn index(&mut self, ids: &[SecurityGroupId], resources: &Resources) -> GroupsIndex {
        if let Some(index) = self.places.get(ids) {
            return *index;
        }
        let groups: Vec<_> = (ids.iter())
            .filter_map(|id| resources.security_groups.get(id).map(AsRef::as_ref))
            .collect();
        let referenced = &mut self.referenced;
        let set = GroupSet::new(ids, &groups, resources, |group| {
            let known = referenced.iter().position(|it| it == group);
            let at = known.unwrap_or_else(|| {
                referenced.push(group.clone());
                referenced.len() - 1
            });
            u32::try_from(at).expect("a world has fewer than 2^32 groups")
        });
        let index = GroupsIndex::new(self.sets.len());
        self.sets.push(set);
        self.places.insert(ids.to_vec(), index);
        index
    }

    fn members(&self, resources: &Resources) -> Vec<Vec<IpAddr>> {
        let mut members = vec![Vec::new(); self.referenced.len()];
        for interface in resources.network_interfaces.values() {
            for (group, members) in self.referenced.iter().zip(&mut members) {
                if interface.groups.contains(group) {
                    members.extend(addresses(interface));
                }
            }
        }
        for list in &mut members {
            list.sort_unstable();
        }
        members
    }
}

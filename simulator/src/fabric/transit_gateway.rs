//! Transit gateway: routes between its attachments.
//!
//! Transit Gateway guide (`facts.md` 2.9, 2.6). What enters by an attachment is routed by the table
//! that the attachment is associated with, and leaves by the attachment that the route names.
//!
//! * A VPC attachment has an interface in one subnet a zone: packets enter by the one in the
//!   sender's zone, or not at all, and leave by one in the zone in which they entered the gateway,
//!   or by the first if there is none there. What came by VPN or peering is in no zone: the flow
//!   picks one. With appliance mode it does so in any case, the same in both directions. Network
//!   ACLs on both sides follow from where the interfaces are.
//! * A VPN attachment leads to the tunnels of its connection, and to 1500 octets. Equal routes by
//!   several share the traffic by flow.
//! * A peering attachment leads to another gateway, which routes by a table of its own.
//!
//! IPv6 passes a VPC attachment with `Ipv6Support` alone.
//!
//! 8500 octets pass; who sends more is told if the packet entered from a VPC, and nobody is
//! otherwise. MSS is clamped on all packets; the TTL is taken down at each gateway.

use std::collections::BTreeMap;
use std::sync::Arc;

use smol_str::SmolStr;
use wirelab_model::{
    IpNet, Resources, RouteState, SimDuration, TransitGatewayAttachedResource,
    TransitGatewayAttachment, TransitGatewayAttachmentId, TransitGatewayId,
    TransitGatewayRouteTable, TransitGatewayRouteTableId, TransitGatewayVpcAttachment,
};

use super::compile::Places;
use super::header::Header;
use super::lpm::Lpm;
use super::network_interface::Via;
use super::plan::{
    AttachmentIndex, InterfaceIndex, Plan, TransitIndex, VpcIndex, VpnConnectionIndex, ZoneIndex,
};
use super::transit_metrics::{self, Happens};
use super::{Oversize, Place, TellBy, Teller, Transit, Walk, mtu, region};
use crate::metrics::Source;
use crate::path::PassDetail;
use crate::trace::Watch;
use crate::verdict::{Hop, InterfaceDrop, PacketDrop, TransitGatewayDrop};

/// From interface to the attachment it belongs to.
pub(super) type AttachmentIndices = BTreeMap<InterfaceIndex, AttachmentIndex>;

/// A transit gateway as the fabric reads it. Those of a plan are in the order of their ids.
#[derive(Clone, Debug)]
pub(crate) struct TransitGateway {
    pub(super) id: TransitGatewayId,
    pub(super) metrics: Source,
    /// Rules may refer to groups of other attached VPCs.
    referencing: bool,
    tables: BTreeMap<TransitGatewayRouteTableId, Lpm<TransitRoute>>,
}

#[derive(Clone, Debug)]
struct TransitRoute {
    block: IpNet,
    /// None: a blackhole. Several: equal routes by VPN.
    attachments: Vec<AttachmentIndex>,
}

/// An attachment as the fabric reads it. Those of a plan are in the order of their ids.
#[derive(Clone, Debug)]
pub(crate) struct Attachment {
    gateway: Option<TransitIndex>,
    what: Attached,
    /// What it counts at its gateway, or at both.
    pub(super) metrics: Vec<(TransitIndex, Source)>,
    source: Arc<TransitGatewayAttachment>,
}

#[derive(Clone, Debug)]
enum Attached {
    Vpc(AttachedVpc),
    Vpn(Option<VpnConnectionIndex>),
    /// The gateway that accepted.
    Peering(Option<TransitIndex>),
}

#[derive(Clone, Debug)]
struct AttachedVpc {
    vpc: Option<VpcIndex>,
    /// Interfaces by zone, in the attachment's order.
    interfaces: Vec<(SmolStr, InterfaceIndex)>,
    appliance_mode: bool,
    ipv6: bool,
}

/// How a packet is in a gateway.
#[derive(Clone, Copy, Debug)]
struct Entry {
    gateway: TransitIndex,
    /// The attachment it entered by.
    by: AttachmentIndex,
    /// The zone it entered from, if it came from a VPC.
    zone: Option<ZoneIndex>,
    /// Who tells the sender of a packet that is too long.
    tell: Option<Teller>,
}

pub(super) fn compile(
    plan: &mut Plan,
    resources: &Resources,
    places: &Places<'_>,
) -> AttachmentIndices {
    let ids = resources.transit_gateway_attachments.keys();
    let attachments: BTreeMap<_, _> = ids
        .enumerate()
        .map(|(at, id)| (id, AttachmentIndex::new(at)))
        .collect();
    let gateways: BTreeMap<_, _> = (resources.transit_gateways.keys().enumerate())
        .map(|(at, id)| (id, TransitIndex::new(at)))
        .collect();
    for (id, gateway) in &resources.transit_gateways {
        let tables = resources.transit_gateway_route_tables.values();
        let own = tables.filter(|it| it.transit_gateway_id == *id);
        let compiled = own.map(|it| {
            let id = it.transit_gateway_route_table_id.clone();
            (id, lpm(it, &attachments))
        });
        plan.transit_gateways.push(TransitGateway {
            id: id.clone(),
            metrics: transit_metrics::of_gateway(id),
            referencing: gateway.options.security_group_referencing_support,
            tables: compiled.collect(),
        });
    }
    let mut indices = AttachmentIndices::new();
    for (at, source) in resources.transit_gateway_attachments.values().enumerate() {
        let index = AttachmentIndex::new(at);
        let gateway = gateways.get(&source.transit_gateway_id).copied();
        let what = match &source.resource {
            TransitGatewayAttachedResource::Vpc(vpc) => {
                let vpc = attached_vpc(vpc, resources, places);
                indices.extend(vpc.interfaces.iter().map(|(_, it)| (*it, index)));
                Attached::Vpc(vpc)
            }
            TransitGatewayAttachedResource::Vpn(id) => {
                let at = resources.vpn_connections.keys().position(|it| it == id);
                if source.state.is_in_service()
                    && let Some(connection) = at.and_then(|at| plan.vpn_connections.get_mut(at))
                {
                    connection.attachment = Some(index);
                }
                Attached::Vpn(at.map(VpnConnectionIndex::new))
            }
            TransitGatewayAttachedResource::Peering(peering) => {
                Attached::Peering(gateways.get(&peering.peer_transit_gateway_id).copied())
            }
        };
        let accepter = match what {
            Attached::Peering(accepter) => accepter,
            _ => None,
        };
        let ends = gateway.into_iter().chain(accepter);
        let metrics = ends.map(|at| {
            let gateway = &plan.transit_gateways[at.get()].id;
            let id = &source.transit_gateway_attachment_id;
            (at, transit_metrics::of_attachment(gateway, id))
        });
        plan.attachments.push(Attachment {
            metrics: metrics.collect(),
            gateway,
            what,
            source: Arc::clone(source),
        });
    }
    indices
}

fn attached_vpc(
    attachment: &TransitGatewayVpcAttachment,
    resources: &Resources,
    places: &Places<'_>,
) -> AttachedVpc {
    let zone = |subnet| {
        let subnet = resources.subnets.get(subnet);
        subnet.map_or_else(SmolStr::default, |it| it.availability_zone.clone())
    };
    let subnets = attachment.subnet_ids.iter();
    let pairs = subnets.zip(&attachment.network_interface_ids);
    let interfaces = pairs.filter_map(|(subnet, interface)| {
        let index = *places.interfaces.get(interface)?;
        Some((zone(subnet), index))
    });
    AttachedVpc {
        vpc: places.vpcs.get(&attachment.vpc_id).copied(),
        interfaces: interfaces.collect(),
        appliance_mode: attachment.options.appliance_mode_support,
        ipv6: attachment.options.ipv6_support,
    }
}

/// Static routes first: of two to one block the first entered stays.
fn lpm(
    table: &TransitGatewayRouteTable,
    attachments: &BTreeMap<&TransitGatewayAttachmentId, AttachmentIndex>,
) -> Lpm<TransitRoute> {
    let mut lpm = Lpm::default();
    for wanted in [true, false] {
        for route in table.routes.iter().filter(|it| it.is_static == wanted) {
            let active = route.state == RouteState::Active;
            let named = route.attachments.iter().filter(|_| active);
            let attachments = named.filter_map(|it| attachments.get(it).copied());
            let block = route.destination_cidr_block;
            let attachments = attachments.collect();
            lpm.insert(block, TransitRoute { block, attachments });
        }
    }
    lpm
}

impl<W: Watch> Walk<'_, W> {
    /// The subnet's route leads from `interface` to a transit gateway.
    pub(super) fn send_to_transit(
        &mut self,
        gateway: TransitIndex,
        interface: InterfaceIndex,
        transit: Transit,
    ) {
        let plan = self.plan;
        let nic = plan.interface(interface);
        let id = &plan.transit_gateway(gateway).id;
        let hop = Hop::TransitGateway(id.clone());
        let here = |it: &&Attachment| it.is_of(gateway, nic.vpc);
        let attachment = plan.attachments.iter().find(here);
        let Some(vpc) = attachment.and_then(Attachment::vpc) else {
            let reason = TransitGatewayDrop::NotAttached {
                transit_gateway: id.clone(),
                vpc: plan.vpc(nic.vpc).id.clone(),
            };
            return self.watch.deny(&transit, hop, reason);
        };
        let zone = plan.zone(nic.zone);
        let Some(entrance) = vpc.interface_in(zone) else {
            let reason = TransitGatewayDrop::NoZone {
                transit_gateway: id.clone(),
                availability_zone: zone.clone(),
            };
            return self.watch.deny(&transit, hop, reason);
        };
        let same_subnet = plan
            .find_interface(entrance)
            .is_some_and(|it| it.subnet == nic.subnet);
        let via = if same_subnet {
            Via::Neighbor(interface)
        } else {
            Via::ROUTER
        };
        let after = self.config.latency.same_zone;
        let interface = entrance;
        self.send(after, Place::Arrive { interface, via }, transit);
    }

    /// A packet has entered by a VPC attachment's interface.
    pub(super) fn enter_transit(
        &mut self,
        by: AttachmentIndex,
        interface: InterfaceIndex,
        transit: Transit,
    ) {
        let plan = self.plan;
        let nic = plan.interface(interface);
        let Some(gateway) = plan.attachment(by).gateway else {
            let reason = InterfaceDrop::NotAttached {
                interface: nic.id.clone(),
            };
            return (self.watch).deny(&transit, Hop::Interface(nic.id.clone()), reason);
        };
        // Its interfaces have IPv4 addresses alone: of IPv6 its subnet's router tells.
        let source = transit.packet.source();
        let mut own = nic.addresses.iter();
        let own = own.find(|it| it.is_ipv4() == source.is_ipv4());
        let router = || plan.subnet(nic.subnet).router_towards(source);
        let teller = Teller {
            address: own.copied().unwrap_or_else(router),
            by: TellBy::Interface(interface),
        };
        let entry = Entry {
            gateway,
            by,
            zone: Some(nic.zone),
            tell: Some(teller).filter(|_| self.config.tgw_pmtud),
        };
        self.route_transit(entry, transit);
    }

    /// A packet has entered by a VPN attachment.
    pub(super) fn enter_transit_by_vpn(
        &mut self,
        gateway: TransitIndex,
        by: Option<AttachmentIndex>,
        transit: Transit,
    ) {
        let Some(by) = by else {
            let id = &self.plan.transit_gateway(gateway).id;
            let reason = TransitGatewayDrop::NoRoute {
                transit_gateway: id.clone(),
                route_table: None,
                destination: transit.packet.destination(),
            };
            return (self.watch).deny(&transit, Hop::TransitGateway(id.clone()), reason);
        };
        let entry = Entry {
            gateway,
            by,
            zone: None,
            tell: None,
        };
        self.route_transit(entry, transit);
    }

    /// A packet has come from a peered gateway to `gateway`.
    pub(super) fn arrive_from_peer(
        &mut self,
        gateway: &TransitGatewayId,
        attachment: &TransitGatewayAttachmentId,
        transit: Transit,
    ) {
        let plan = self.plan;
        let here = (plan.transit_gateways).binary_search_by(|it| it.id.cmp(gateway));
        let by = plan
            .attachments
            .binary_search_by(|it| it.id().cmp(attachment));
        let (Ok(here), Ok(by)) = (here, by) else {
            let reason = TransitGatewayDrop::AttachmentState {
                transit_gateway: gateway.clone(),
                attachment: attachment.clone(),
            };
            return (self.watch).deny(&transit, Hop::TransitGateway(gateway.clone()), reason);
        };
        let entry = Entry {
            gateway: TransitIndex::new(here),
            by: AttachmentIndex::new(by),
            zone: None,
            tell: None,
        };
        self.route_transit(entry, transit);
    }

    /// Routes a packet inside a transit gateway.
    fn route_transit(&mut self, entry: Entry, mut transit: Transit) {
        let plan = self.plan;
        let tgw = plan.transit_gateway(entry.gateway);
        let hop = || Hop::TransitGateway(tgw.id.clone());
        if let Some(reason) = self.ipv6_refused(entry.gateway, entry.by, &transit) {
            return self.watch.deny(&transit, hop(), reason);
        }
        let count = |walk: &mut Self, happens, transit: &Transit| {
            walk.transit_count(entry.gateway, entry.by, happens, &transit.packet);
        };
        count(self, Happens::In, &transit);
        let oversize = Oversize {
            mtu: mtu::TRANSIT_GATEWAY,
            fragments: false,
            tell: entry.tell,
        };
        if !self.fits(&transit, &oversize, hop) {
            return;
        }
        if !transit.packet.decrement_ttl() {
            count(self, Happens::TtlExpired, &transit);
            let reason = PacketDrop::TtlExpired { icmp_sent: false };
            return self.watch.deny(&transit, hop(), reason);
        }
        mtu::clamp(&mut transit.packet, mtu::TRANSIT_GATEWAY);
        // Which VPCs take part in referencing is what rules are compiled by.
        transit.direct &= tgw.referencing;
        let destination = transit.packet.destination();
        let table = plan.attachment(entry.by).source.association_at(&tgw.id);
        let routes = table.and_then(|it| tgw.tables.get(it));
        let Some(route) = routes.and_then(|it| it.lookup(destination)) else {
            count(self, Happens::NoRoute, &transit);
            let reason = TransitGatewayDrop::NoRoute {
                transit_gateway: tgw.id.clone(),
                route_table: table.cloned(),
                destination,
            };
            return self.watch.deny(&transit, hop(), reason);
        };
        let table = table.expect("a route is in a table");
        let Some(to) = self.next_hop_of(route, &transit) else {
            count(self, Happens::Blackhole, &transit);
            let reason = TransitGatewayDrop::Blackhole {
                transit_gateway: tgw.id.clone(),
                route_table: table.clone(),
                destination: route.block,
            };
            return self.watch.deny(&transit, hop(), reason);
        };
        let detail = || PassDetail::TransitRoute {
            destination: route.block,
            route_table: table.clone(),
            attachment: plan.attachment(to).id().clone(),
        };
        if let Some(reason) = self.ipv6_refused(entry.gateway, to, &transit) {
            return self.watch.deny(&transit, hop(), reason);
        }
        match &plan.attachment(to).what {
            Attached::Vpc(vpc) => self.out_to_vpc(entry, to, vpc, detail, transit),
            Attached::Vpn(connection) => self.out_to_vpn(entry, to, *connection, detail, transit),
            Attached::Peering(peer) => self.out_to_peer(entry, to, *peer, detail, transit),
        }
    }

    /// An IPv6 packet at a VPC attachment without IPv6 support.
    fn ipv6_refused(
        &self,
        gateway: TransitIndex,
        at: AttachmentIndex,
        transit: &Transit,
    ) -> Option<TransitGatewayDrop> {
        let attachment = self.plan.attachment(at);
        let refuses = matches!(&attachment.what, Attached::Vpc(vpc) if !vpc.ipv6);
        (refuses && transit.packet.source().is_ipv6()).then(|| TransitGatewayDrop::NoIpv6Support {
            transit_gateway: self.plan.transit_gateway(gateway).id.clone(),
            attachment: attachment.id().clone(),
        })
    }

    /// The attachment that a route leads to: of several by VPN one that is up, by flow.
    fn next_hop_of(&self, route: &TransitRoute, transit: &Transit) -> Option<AttachmentIndex> {
        if route.attachments.len() < 2 {
            return route.attachments.first().copied();
        }
        let is_up = |it: &&AttachmentIndex| match self.plan.attachment(**it).what {
            Attached::Vpn(Some(connection)) => self.is_vpn_up(connection),
            _ => true,
        };
        let up: Vec<_> = route.attachments.iter().filter(is_up).collect();
        let hash = Header::of(&transit.packet).flow_hash();
        let at = hash.checked_rem(up.len() as u64)?;
        Some(*up[at as usize])
    }

    fn out_to_vpc(
        &mut self,
        entry: Entry,
        to: AttachmentIndex,
        vpc: &AttachedVpc,
        detail: impl FnOnce() -> PassDetail,
        transit: Transit,
    ) {
        let plan = self.plan;
        let attachment = plan.attachment(to);
        let id = &plan.transit_gateway(entry.gateway).id;
        let hop = Hop::TransitGateway(id.clone());
        let same_zone = entry.zone.filter(|_| !vpc.appliance_mode);
        let same_zone = same_zone.and_then(|zone| vpc.interface_in(plan.zone(zone)));
        let exit = same_zone.or_else(|| {
            let header = Header::of(&transit.packet);
            match entry.zone {
                _ if vpc.appliance_mode => vpc.interface_by(header.connection_hash()),
                // None in the sender's zone.
                Some(_) => vpc.interface_by(0),
                None => vpc.interface_by(header.flow_hash()),
            }
        });
        let exit =
            exit.filter(|it| attachment.is_in_service() && plan.find_interface(*it).is_some());
        let Some(exit) = exit else {
            let vpc_id = attachment.source.vpc().map(|it| it.vpc_id.clone());
            let reason = TransitGatewayDrop::NotAttached {
                transit_gateway: id.clone(),
                vpc: vpc_id.expect("a VPC attachment has a VPC"),
            };
            return self.watch.deny(&transit, hop, reason);
        };
        self.transit_count(entry.gateway, to, Happens::Out, &transit.packet);
        (self.watch).pass(&transit.packet, || (hop, detail()));
        let after = self.config.latency.transit_gateway;
        self.send(after, Place::FromGateway(exit), transit);
    }

    fn out_to_vpn(
        &mut self,
        entry: Entry,
        to: AttachmentIndex,
        connection: Option<VpnConnectionIndex>,
        detail: impl FnOnce() -> PassDetail,
        mut transit: Transit,
    ) {
        let attachment = self.plan.attachment(to);
        let Some(connection) = connection.filter(|_| attachment.is_in_service()) else {
            return self.attachment_down(entry.gateway, attachment, &transit);
        };
        let hop = Hop::TransitGateway(self.plan.transit_gateway(entry.gateway).id.clone());
        let oversize = Oversize {
            mtu: mtu::TRANSIT_GATEWAY_TO_VPN,
            fragments: true,
            tell: entry.tell,
        };
        if !self.fits(&transit, &oversize, || hop.clone()) {
            return;
        }
        mtu::clamp(&mut transit.packet, mtu::TRANSIT_GATEWAY_TO_VPN);
        self.transit_count(entry.gateway, to, Happens::Out, &transit.packet);
        (self.watch).pass(&transit.packet, || (hop, detail()));
        self.send_to_customer(connection, transit);
    }

    fn out_to_peer(
        &mut self,
        entry: Entry,
        to: AttachmentIndex,
        accepter: Option<TransitIndex>,
        detail: impl FnOnce() -> PassDetail,
        transit: Transit,
    ) {
        let plan = self.plan;
        let attachment = plan.attachment(to);
        let other = match accepter {
            Some(accepter) if accepter != entry.gateway => Some(accepter),
            _ => attachment.gateway,
        };
        let in_service = attachment.is_in_service();
        let Some(other) = other.filter(|it| in_service && *it != entry.gateway) else {
            return self.attachment_down(entry.gateway, attachment, &transit);
        };
        let hop = Hop::TransitGateway(plan.transit_gateway(entry.gateway).id.clone());
        self.transit_count(entry.gateway, to, Happens::Out, &transit.packet);
        (self.watch).pass(&transit.packet, || (hop, detail()));
        let place = Place::FromPeer {
            gateway: plan.transit_gateway(other).id.clone(),
            attachment: attachment.id().clone(),
        };
        let regions = attachment.source.peering();
        let apart = regions.filter(|it| it.region != it.peer_region);
        let way = apart.map_or(SimDuration::ZERO, |it| {
            region::latency(&it.region, &it.peer_region)
        });
        let after = self.config.latency.transit_gateway + way;
        self.send(after, place, transit);
    }

    fn attachment_down(&mut self, gateway: TransitIndex, down: &Attachment, transit: &Transit) {
        let id = &self.plan.transit_gateway(gateway).id;
        let reason = TransitGatewayDrop::AttachmentState {
            transit_gateway: id.clone(),
            attachment: down.id().clone(),
        };
        (self.watch).deny(transit, Hop::TransitGateway(id.clone()), reason);
    }
}

impl Attachment {
    fn id(&self) -> &TransitGatewayAttachmentId {
        &self.source.transit_gateway_attachment_id
    }

    fn is_in_service(&self) -> bool {
        self.source.state.is_in_service()
    }

    fn vpc(&self) -> Option<&AttachedVpc> {
        match &self.what {
            Attached::Vpc(vpc) => Some(vpc),
            _ => None,
        }
    }

    /// Whether it attaches the VPC to the gateway, in service.
    fn is_of(&self, gateway: TransitIndex, vpc: VpcIndex) -> bool {
        self.gateway == Some(gateway)
            && self.vpc().is_some_and(|it| it.vpc == Some(vpc))
            && self.is_in_service()
    }
}

impl AttachedVpc {
    fn interface_in(&self, zone: &SmolStr) -> Option<InterfaceIndex> {
        let found = self.interfaces.iter().find(|(it, _)| it == zone);
        found.map(|(_, interface)| *interface)
    }

    fn interface_by(&self, hash: u64) -> Option<InterfaceIndex> {
        let at = hash.checked_rem(self.interfaces.len() as u64)?;
        Some(self.interfaces[at as usize].1)
    }
}

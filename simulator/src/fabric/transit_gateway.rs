//! Transit gateway: routes between its attachments.
//!
//! Transit Gateway guide (`facts.md` 2.9, 2.6). A packet enters through the attachment's interface
//! in the sender's Availability Zone, is routed by the table that the attachment is associated
//! with, and leaves through an interface of the other attachment, in the same zone if there is one
//! there; with appliance mode the zone is chosen by flow, the same in both directions. 8500 octets
//! pass; MSS is clamped; the TTL is taken down. The network ACLs on both sides follow from where
//! the interfaces are.

use std::collections::BTreeMap;
use std::hash::Hasher;
use std::net::IpAddr;
use std::sync::Arc;

use rustc_hash::FxHasher;
use smol_str::SmolStr;
use wirelab_model::{
    IpNet, ResourceState, Resources, RouteState, TransitGatewayAttachmentId, TransitGatewayId,
    TransitGatewayRouteTable, TransitGatewayRouteTableId, TransitGatewayVpcAttachment,
};

use super::compile::Places;
use super::header::Header;
use super::lpm::Lpm;
use super::network_interface::Via;
use super::plan::{AttachmentIndex, InterfaceIndex, Plan, TransitIndex, VpcIndex, ZoneIndex};
use super::{Oversize, Place, TellBy, Teller, Transit, Walk, mtu};
use crate::path::PassDetail;
use crate::trace::Watch;
use crate::verdict::{Hop, InterfaceDrop, PacketDrop, TransitGatewayDrop};

/// From interface to the attachment it belongs to.
pub(super) type AttachmentIndices = BTreeMap<InterfaceIndex, AttachmentIndex>;

/// A transit gateway as the fabric reads it.
#[derive(Clone, Debug)]
pub(crate) struct TransitGateway {
    pub(super) id: TransitGatewayId,
    /// The table of what enters by VPN.
    pub(super) default_table: Option<TransitGatewayRouteTableId>,
    tables: BTreeMap<TransitGatewayRouteTableId, Lpm<TransitRoute>>,
}

#[derive(Clone, Copy, Debug)]
struct TransitRoute {
    block: IpNet,
    /// None: blackhole.
    attachment: Option<AttachmentIndex>,
}

/// A VPC attachment as the fabric reads it.
#[derive(Clone, Debug)]
pub(crate) struct Attachment {
    gateway: Option<TransitIndex>,
    vpc: Option<VpcIndex>,
    /// Subnet's interface by subnet id, in the attachment's order.
    interfaces: Vec<(SmolStr, InterfaceIndex)>,
    source: Arc<TransitGatewayVpcAttachment>,
}

pub(super) fn compile(
    plan: &mut Plan,
    resources: &Resources,
    places: &Places<'_>,
) -> AttachmentIndices {
    let attachments: BTreeMap<_, _> = (resources.transit_gateway_vpc_attachments.keys())
        .enumerate()
        .map(|(at, id)| (id, AttachmentIndex::new(at)))
        .collect();
    for gateway in resources.transit_gateways.values() {
        let id = &gateway.transit_gateway_id;
        let tables = resources.transit_gateway_route_tables.values();
        let tables = tables.filter(|it| it.transit_gateway_id == *id);
        plan.transit_gateways.push(TransitGateway {
            id: id.clone(),
            default_table: gateway.association_default_route_table_id.clone(),
            tables: tables
                .map(|it| {
                    (
                        it.transit_gateway_route_table_id.clone(),
                        lpm(it, &attachments),
                    )
                })
                .collect(),
        });
    }
    let mut indices = AttachmentIndices::new();
    for (at, attachment) in resources
        .transit_gateway_vpc_attachments
        .values()
        .enumerate()
    {
        let compiled = compile_attachment(attachment, resources, places);
        let index = AttachmentIndex::new(at);
        indices.extend(
            compiled
                .interfaces
                .iter()
                .map(|(_, interface)| (*interface, index)),
        );
        plan.attachments.push(compiled);
    }
    indices
}

fn compile_attachment(
    attachment: &Arc<TransitGatewayVpcAttachment>,
    resources: &Resources,
    places: &Places<'_>,
) -> Attachment {
    let mut gateways = resources.transit_gateways.keys();
    let zone = |subnet| {
        let subnet = resources.subnets.get(subnet);
        subnet.map_or_else(SmolStr::default, |it| it.availability_zone.clone())
    };
    let pairs = attachment
        .subnet_ids
        .iter()
        .zip(&attachment.network_interface_ids);
    let interfaces = pairs.filter_map(|(subnet, interface)| {
        let index = *places.interfaces.get(interface)?;
        Some((zone(subnet), index))
    });
    Attachment {
        gateway: (gateways.position(|it| *it == attachment.transit_gateway_id))
            .map(TransitIndex::new),
        vpc: places.vpcs.get(&attachment.vpc_id).copied(),
        interfaces: interfaces.collect(),
        source: Arc::clone(attachment),
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
            let attachment = route.attachment.as_ref();
            let attachment = attachment.and_then(|it| attachments.get(it)).copied();
            let block = route.destination_cidr_block;
            let attachment = attachment.filter(|_| route.state == RouteState::Active);
            lpm.insert(block, TransitRoute { block, attachment });
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
        let attachment = plan
            .attachments
            .iter()
            .find(|it| it.gateway == Some(gateway) && it.vpc == Some(nic.vpc) && it.is_available());
        let Some(attachment) = attachment else {
            let reason = TransitGatewayDrop::NotAttached {
                transit_gateway: id.clone(),
                vpc: plan.vpc(nic.vpc).id.clone(),
            };
            return self.watch.deny(&transit, hop, reason);
        };
        let zone = plan.zone(nic.zone);
        let Some(entrance) = attachment.interface_in(zone) else {
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
            Via::Router
        };
        let after = self.config.latency.same_zone;
        let interface = entrance;
        self.send(after, Place::Arrive { interface, via }, transit);
    }

    /// A packet has entered by an attachment's interface.
    pub(super) fn enter_transit(
        &mut self,
        attachment: AttachmentIndex,
        interface: InterfaceIndex,
        transit: Transit,
    ) {
        let plan = self.plan;
        let attachment = plan.attachment(attachment);
        let nic = plan.interface(interface);
        let Some(gateway) = attachment.gateway else {
            let reason = InterfaceDrop::NotAttached {
                interface: nic.id.clone(),
            };
            return (self.watch).deny(&transit, Hop::Interface(nic.id.clone()), reason);
        };
        let teller = nic.addresses.first().map(|address| Teller {
            address: *address,
            by: TellBy::Interface(interface),
        });
        let teller = teller.filter(|_| self.config.tgw_pmtud);
        let table = attachment.source.association.as_ref();
        self.route_transit(gateway, table, Some(nic.zone), teller, transit);
    }

    /// Routes a packet inside a transit gateway.
    pub(super) fn route_transit(
        &mut self,
        gateway: TransitIndex,
        table: Option<&TransitGatewayRouteTableId>,
        zone: Option<ZoneIndex>,
        tell: Option<Teller>,
        mut transit: Transit,
    ) {
        let tgw = self.plan.transit_gateway(gateway);
        let hop = || Hop::TransitGateway(tgw.id.clone());
        let oversize = Oversize {
            mtu: mtu::TRANSIT_GATEWAY,
            fragments: false,
            tell,
        };
        if !self.fits(&transit, &oversize, hop) {
            return;
        }
        if !transit.packet.decrement_ttl() {
            let reason = PacketDrop::TtlExpired { icmp_sent: false };
            return self.watch.deny(&transit, hop(), reason);
        }
        mtu::clamp(&mut transit.packet, mtu::TRANSIT_GATEWAY);
        // Security group referencing across the gateway is off by default.
        transit.direct = false;
        let destination = transit.packet.destination();
        let routes = table.and_then(|it| tgw.tables.get(it));
        let reason = match routes.and_then(|it| it.lookup(destination)) {
            Some(route) => match route.attachment {
                Some(to) => return self.out_of_transit(gateway, to, zone, transit),
                None => TransitGatewayDrop::Blackhole {
                    transit_gateway: tgw.id.clone(),
                    route_table: table.expect("a route is in a table").clone(),
                    destination: route.block,
                },
            },
            None if self.has_vpn_route(gateway, destination) => {
                (self.watch).pass(&transit.packet, || (hop(), PassDetail::Plain));
                return self.transit_to_vpn(gateway, transit);
            }
            None => TransitGatewayDrop::NoRoute {
                transit_gateway: tgw.id.clone(),
                route_table: table.cloned(),
                destination,
            },
        };
        self.watch.deny(&transit, hop(), reason);
    }

    fn out_of_transit(
        &mut self,
        gateway: TransitIndex,
        to: AttachmentIndex,
        zone: Option<ZoneIndex>,
        transit: Transit,
    ) {
        let tgw = self.plan.transit_gateway(gateway);
        let attachment = self.plan.attachment(to);
        let exit = if attachment.source.appliance_mode_support {
            attachment.interface_by_flow(&Header::of(&transit.packet))
        } else {
            zone.and_then(|zone| attachment.interface_in(self.plan.zone(zone)))
        };
        let exit = exit.or_else(|| attachment.interfaces.first().map(|(_, it)| *it));
        let exit = exit.filter(|_| attachment.is_available());
        let hop = || Hop::TransitGateway(tgw.id.clone());
        let Some(exit) = exit.filter(|it| self.plan.find_interface(*it).is_some()) else {
            let reason = TransitGatewayDrop::NotAttached {
                transit_gateway: tgw.id.clone(),
                vpc: attachment.source.vpc_id.clone(),
            };
            return self.watch.deny(&transit, hop(), reason);
        };
        (self.watch).pass(&transit.packet, || (hop(), PassDetail::Plain));
        let after = self.config.latency.transit_gateway;
        self.send(after, Place::FromGateway(exit), transit);
    }
}

impl Attachment {
    fn is_available(&self) -> bool {
        matches!(
            self.source.state,
            ResourceState::Available | ResourceState::Modifying
        )
    }

    fn interface_in(&self, zone: &SmolStr) -> Option<InterfaceIndex> {
        let found = self.interfaces.iter().find(|(it, _)| it == zone);
        found.map(|(_, interface)| *interface)
    }

    /// The same interface for both directions of a flow.
    fn interface_by_flow(&self, header: &Header) -> Option<InterfaceIndex> {
        let ends = [
            (header.source, header.source_port),
            (header.destination, header.destination_port),
        ];
        let mut hash = 0_u64;
        for (address, port) in ends {
            let mut hasher = FxHasher::default();
            match address {
                IpAddr::V4(it) => hasher.write_u32(it.into()),
                IpAddr::V6(it) => hasher.write_u128(it.into()),
            }
            hasher.write_u16(port);
            hash = hash.wrapping_add(hasher.finish());
        }
        let count = self.interfaces.len() as u64;
        let at = usize::try_from(hash.checked_rem(count)?).ok()?;
        Some(self.interfaces[at].1)
    }
}

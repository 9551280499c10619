//! Transit gateway with attachments of VPCs, VPN connections and peers (`facts.md` 2.9, 2.6;
//! NACLs: 2.2).

use std::net::IpAddr;

use wirelab_model::{
    NetworkInterfaceId, RouteState, SmolStr, TransitGatewayAttachedResource,
    TransitGatewayAttachment, TransitGatewayId, TransitGatewayRoute,
};

use super::{MadeBy, Packet, Plain, Verdict, Why};

/// Largest packet through a transit gateway.
const TRANSIT_MTU: u16 = 8500;
/// Largest packet from there to a VPN.
const VPN_MTU: u16 = 1500;

impl Plain {
    /// A route leads from `from` to a transit gateway: in by the attachment's interface in the
    /// sender's zone.
    pub(super) fn to_transit(
        &mut self,
        from: &NetworkInterfaceId,
        gateway: &TransitGatewayId,
        packet: &mut Packet,
    ) -> Verdict {
        let nic = self.interface(from).clone();
        let attachments = self.resources.transit_gateway_attachments.values();
        let mut here = attachments.filter(|it| {
            let vpc = it.vpc().map(|it| &it.vpc_id);
            it.transit_gateway_id == *gateway && vpc == Some(&nic.vpc_id) && serves(it)
        });
        let attachment = here.next().cloned();
        let attachment =
            attachment.ok_or_else(|| Why::new("transit gateway not attached", gateway))?;
        let inside = self.in_zone(&attachment, &nic.availability_zone);
        let inside = inside.ok_or_else(|| Why::new("transit gateway not in the zone", gateway))?;
        let subnet = self.interface(&inside).subnet_id.clone();
        let allowed = subnet == nic.subnet_id || self.acl_allows(&subnet, false, packet);
        self.count(&inside, false, allowed, packet);
        if !allowed {
            return Err(Why::new("network ACL in", subnet));
        }
        self.through_transit(gateway, &attachment, Some(&inside), packet)
    }

    /// A packet is in a transit gateway, by an attachment: of a VPC, through `inside`.
    pub(super) fn through_transit(
        &mut self,
        gateway: &TransitGatewayId,
        by: &TransitGatewayAttachment,
        inside: Option<&NetworkInterfaceId>,
        packet: &mut Packet,
    ) -> Verdict {
        self.hops += 1;
        if self.hops > 60 {
            self.circled = true;
            return Err(Why::new("a circle", gateway));
        }
        takes(by, packet)?;
        self.fits_transit(packet, TRANSIT_MTU, inside, gateway)?;
        if packet.size > TRANSIT_MTU.into() {
            // It cuts nothing.
            return Err(Why::new("MTU", gateway));
        }
        packet.clamp(TRANSIT_MTU);
        let onward = self.transit_route(gateway, by, packet.destination)?;
        let all = &self.resources.transit_gateway_attachments;
        let Some(onward) = onward.attachments.first().and_then(|id| all.get(id)) else {
            return Err(Why::new("not evaluated", gateway));
        };
        let onward = onward.clone();
        let id = &onward.transit_gateway_attachment_id;
        takes(&onward, packet)?;
        match &onward.resource {
            TransitGatewayAttachedResource::Vpc(_) if !serves(&onward) => {
                Err(Why::new("transit gateway not attached", gateway))
            }
            TransitGatewayAttachedResource::Vpc(_) => {
                let zone = inside.map(|it| self.interface(it).availability_zone.clone());
                let out = zone.and_then(|zone| self.in_zone(&onward, &zone));
                let out = out.or_else(|| interfaces(&onward).first().cloned());
                let out =
                    out.ok_or_else(|| Why::new("transit gateway not in the zone", gateway))?;
                self.from_gateway(&out, packet)
            }
            _ if !serves(&onward) => Err(Why::new("transit gateway attachment down", id)),
            TransitGatewayAttachedResource::Vpn(connection) => {
                self.fits_transit(packet, VPN_MTU, inside, gateway)?;
                packet.clamp(VPN_MTU);
                self.to_customer(connection, packet)
            }
            TransitGatewayAttachedResource::Peering(peering) => {
                let far = &peering.peer_transit_gateway_id;
                let other = if far == gateway {
                    &onward.transit_gateway_id
                } else {
                    far
                };
                self.through_transit(&other.clone(), &onward, None, packet)
            }
        }
    }

    /// For what is too long the gateway answers on VPC attachments, and on no others.
    fn fits_transit(
        &mut self,
        packet: &Packet,
        mtu: u16,
        inside: Option<&NetworkInterfaceId>,
        gateway: &TransitGatewayId,
    ) -> Result<(), Why> {
        match inside {
            Some(inside) => {
                let teller = MadeBy::Gateway(inside.clone());
                self.fits(packet, mtu.into(), teller, gateway)
            }
            None if packet.size > mtu.into() && packet.dont_fragment => {
                Err(Why::new("MTU", gateway))
            }
            None => Ok(()),
        }
    }

    /// The route of the table that the attachment is associated with: the longest prefix, a static
    /// route before a propagated one.
    fn transit_route(
        &self,
        gateway: &TransitGatewayId,
        attachment: &TransitGatewayAttachment,
        destination: IpAddr,
    ) -> Result<TransitGatewayRoute, Why> {
        let tables = &self.resources.transit_gateway_route_tables;
        let table = attachment.association_at(gateway);
        let table = table.and_then(|id| tables.get(id));
        let table = table.ok_or_else(|| Why::new("no transit gateway route", gateway))?;
        let all = table.routes.iter();
        let matching = all.filter(|it| it.destination_cidr_block.contains(&destination));
        let best = matching.max_by_key(|it| (it.destination_cidr_block.prefix_len(), it.is_static));
        let best = best.ok_or_else(|| Why::new("no transit gateway route", gateway))?;
        if best.attachments.is_empty() || best.state == RouteState::Blackhole {
            return Err(Why::new("transit gateway blackhole", gateway));
        }
        Ok(best.clone())
    }

    fn in_zone(
        &self,
        attachment: &TransitGatewayAttachment,
        zone: &SmolStr,
    ) -> Option<NetworkInterfaceId> {
        let mut all = interfaces(attachment).iter();
        let there = all.find(|id| self.interface(id).availability_zone == *zone);
        there.cloned()
    }
}

fn serves(attachment: &TransitGatewayAttachment) -> bool {
    attachment.state.is_in_service()
}

/// IPv6 passes an attachment of a VPC only if it is made for it.
fn takes(attachment: &TransitGatewayAttachment, packet: &Packet) -> Result<(), Why> {
    let refuses = attachment.vpc().is_some_and(|it| !it.options.ipv6_support);
    if refuses && packet.destination.is_ipv6() {
        let id = &attachment.transit_gateway_attachment_id;
        return Err(Why::new("no IPv6 support", id));
    }
    Ok(())
}

fn interfaces(attachment: &TransitGatewayAttachment) -> &[NetworkInterfaceId] {
    attachment.vpc().map_or(&[], |it| &it.network_interface_ids)
}

//! Internet gateway: one-to-one, stateless translation between private and public address.
//!
//! Amazon VPC User Guide, "Internet gateways" (`facts.md` 2.3). A packet needs a public address for
//! its source; the instance never sees it. Nothing goes out to private or shared addresses. At most
//! 1500 octets pass; ICMP 3/4 comes from the VPC side, from the router of the sender's subnet, as
//! tracepath shows it.
//!
//! IPv6 addresses are global: they pass as they are, if they are the VPC's own.

use std::net::IpAddr;

use wirelab_wire::{IpPacket, QuotedPacket, translate_quoted};

use super::plan::{InterfaceIndex, Vpc};
use super::quoted::quoted_mut;
use super::{Oversize, Place, Service, TellBy, Teller, Transit, Walk, mtu};
use crate::path::PassDetail;
use crate::trace::Watch;
use crate::verdict::{Hop, InternetGatewayDrop, PacketDrop};

impl<W: Watch> Walk<'_, W> {
    /// The subnet's route leads from `interface` to the VPC's internet gateway.
    pub(super) fn enter_internet_gateway(&mut self, interface: InterfaceIndex, transit: Transit) {
        let plan = self.plan;
        let nic = plan.interface(interface);
        let vpc = plan.vpc(nic.vpc);
        let hop = || gateway_hop(vpc);
        let source = transit.packet.source();
        // The source may be another interface's, if this one forwards.
        let owner = vpc
            .interface_of(source)
            .and_then(|it| plan.find_interface(it));
        let public = match source {
            IpAddr::V4(_) => owner.and_then(|it| it.public_of(source)),
            IpAddr::V6(_) => owner.map(|_| source),
        };
        let Some(public) = public else {
            let reason = match &vpc.internet_gateway {
                Some(gateway) => InternetGatewayDrop::NoPublicAddress {
                    internet_gateway: gateway.clone(),
                    source,
                },
                None => InternetGatewayDrop::NoInternetGateway {
                    vpc: vpc.id.clone(),
                },
            };
            return self.watch.deny(&transit, hop(), reason);
        };
        let destination = transit.packet.destination();
        if let Some(internet_gateway) = &vpc.internet_gateway
            && is_private(destination)
        {
            let reason = InternetGatewayDrop::PrivateDestination {
                internet_gateway: internet_gateway.clone(),
                destination,
            };
            return self.watch.deny(&transit, hop(), reason);
        }
        let oversize = Oversize {
            mtu: mtu::INTERNET_GATEWAY,
            fragments: true,
            tell: Some(Teller {
                address: plan.subnet(nic.subnet).router_towards(source),
                by: TellBy::Router(nic.vpc),
            }),
        };
        if !self.fits(&transit, &oversize, hop) {
            return;
        }
        let mut out = transit;
        (self.watch).pass(&out.packet, || {
            (hop(), translated_source(&out.packet, public))
        });
        if public != source {
            translate_source(&mut out.packet, public);
        }
        out.direct = false;
        self.internet(out);
    }

    /// Somebody on the internet sends a packet. Whoever that is, the networks there carry 1500
    /// octets.
    pub(super) fn depart_internet(&mut self, transit: Transit) {
        let oversize = Oversize {
            mtu: mtu::INTERNET_GATEWAY,
            fragments: true,
            tell: None,
        };
        if self.fits(&transit, &oversize, || Hop::Internet) {
            self.internet(transit);
        }
    }

    /// A packet between public addresses: to a VPC or to a machine on the internet.
    pub(super) fn internet(&mut self, mut transit: Transit) {
        let destination = transit.packet.destination();
        let mtu = mtu::INTERNET_GATEWAY;
        if self.plan.public.contains_key(&destination) {
            let source = transit.packet.source();
            let from_vpc =
                self.plan.public.contains_key(&source) || self.plan.is_aws_service(source);
            let after = if from_vpc {
                self.config.latency.same_zone
            } else if !self.cross_internet(&mut transit) {
                return;
            } else {
                self.config.latency.internet
            };
            return self.send_pieces(after, Place::FromInternet, transit, mtu);
        }
        if self.plan.is_aws_service(destination) {
            return self.reach_public_service(transit);
        }
        let Some(port) = self.sites.on_internet(destination) else {
            let reason = InternetGatewayDrop::NoSuchPublicAddress { destination };
            return self.watch.deny(&transit, Hop::Internet, reason);
        };
        if self.cross_internet(&mut transit) {
            (self.watch).pass(&transit.packet, || (Hop::Internet, PassDetail::Plain));
            let after = self.config.latency.internet;
            self.send_pieces(after, Place::Outside { port, from: None }, transit, mtu);
        }
    }

    /// A packet to the public address of a service of AWS's, which is near a VPC's gateway.
    fn reach_public_service(&mut self, mut transit: Transit) {
        let from_vpc = self.plan.public.contains_key(&transit.packet.source());
        let after = if from_vpc {
            self.config.latency.same_zone
        } else if !self.cross_internet(&mut transit) {
            return;
        } else {
            self.config.latency.internet
        };
        (self.watch).pass(&transit.packet, || (Hop::Internet, PassDetail::Plain));
        let place = Place::Service(Service::Public(transit.packet.destination()));
        self.send_pieces(after, place, transit, mtu::INTERNET_GATEWAY);
    }

    /// The routers of the internet take their part of the TTL; none of them answers.
    fn cross_internet(&mut self, transit: &mut Transit) -> bool {
        let hops = self.config.internet_hops;
        let ttl = &mut transit.packet.header.ttl;
        if *ttl > hops {
            *ttl -= hops;
            return true;
        }
        let reason = PacketDrop::TtlExpired { icmp_sent: false };
        self.watch.deny(transit, Hop::Internet, reason);
        false
    }

    /// A packet from the internet to a public address of a VPC.
    pub(super) fn arrive_from_internet(&mut self, mut transit: Transit) {
        let destination = transit.packet.destination();
        let Some((interface, private)) = self.plan.public.get(&destination).copied() else {
            let reason = InternetGatewayDrop::NoSuchPublicAddress { destination };
            return self.watch.deny(&transit, Hop::Internet, reason);
        };
        if let Some(gateway) = self.comes_by_egress_only(interface, &transit) {
            return self.return_by_egress_only(&gateway, interface, transit);
        }
        let at = self.plan.interface(interface).vpc;
        let vpc = self.plan.vpc(at);
        if vpc.internet_gateway.is_none() {
            let reason = InternetGatewayDrop::NoInternetGateway {
                vpc: vpc.id.clone(),
            };
            return self.watch.deny(&transit, gateway_hop(vpc), reason);
        }
        (self.watch).pass(&transit.packet, || {
            (
                gateway_hop(vpc),
                translated_destination(&transit.packet, private),
            )
        });
        if private != destination {
            translate_destination(&mut transit.packet, private);
        }
        transit.direct = false;
        let gateway = vpc.internet_gateway.as_ref();
        self.enter_vpc(at, gateway.map_or("", |it| it.as_str()), transit);
    }
}

/// RFC 1918 and RFC 6598: internet gateways reject what goes there (Reachability Analyzer guide,
/// "Explanation codes").
const fn is_private(destination: IpAddr) -> bool {
    match destination {
        IpAddr::V4(it) => it.is_private() || (it.octets()[0] == 100 && it.octets()[1] & 0xc0 == 64),
        IpAddr::V6(_) => false,
    }
}

fn gateway_hop(vpc: &Vpc) -> Hop {
    match &vpc.internet_gateway {
        Some(gateway) => Hop::InternetGateway(gateway.clone()),
        None => Hop::Vpc(vpc.id.clone()),
    }
}

/// Writes the public source; in an ICMP error also into the packet it quotes, if that was sent to
/// it: its destination was translated on its way in.
fn translate_source(packet: &mut IpPacket, public: IpAddr) {
    let private = packet.source();
    if let Some(quoted) = quoted_mut(packet)
        && QuotedPacket::parse(quoted).is_ok_and(|it| it.header.destination == private)
    {
        *quoted = translate_quoted(quoted, None, Some((public, None)));
    }
    packet.set_source(public, None);
}

/// Writes the private destination; in an ICMP error also as the quoted packet's source, if it was
/// that packet's.
fn translate_destination(packet: &mut IpPacket, private: IpAddr) {
    let public = packet.destination();
    if let Some(quoted) = quoted_mut(packet)
        && QuotedPacket::parse(quoted).is_ok_and(|it| it.header.source == public)
    {
        *quoted = translate_quoted(quoted, Some((private, None)), None);
    }
    packet.set_destination(private, None);
}

fn translated_source(packet: &IpPacket, public: IpAddr) -> PassDetail {
    if public == packet.source() {
        return PassDetail::Plain;
    }
    let (source_port, destination_port) = packet.ports().unwrap_or_default();
    PassDetail::Translated {
        source: (public, source_port),
        destination: (packet.destination(), destination_port),
    }
}

fn translated_destination(packet: &IpPacket, private: IpAddr) -> PassDetail {
    if private == packet.destination() {
        return PassDetail::Plain;
    }
    let (source_port, destination_port) = packet.ports().unwrap_or_default();
    PassDetail::Translated {
        source: (packet.source(), source_port),
        destination: (private, destination_port),
    }
}

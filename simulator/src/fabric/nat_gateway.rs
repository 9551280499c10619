//! NAT gateway: many inside hosts behind few addresses.
//!
//! Amazon VPC User Guide, "NAT gateways" and "NAT gateway basics" (`facts.md` 2.4). TCP, UDP and
//! ICMP only; no security group; the network ACLs of its subnet judge all four legs of a
//! conversation, and its flow log shows them. A public gateway's private addresses have Elastic IP
//! addresses, which the internet gateway translates to; a private one has none, so that an internet
//! gateway drops what it sends.
//!
//! **Mapping.** In the words of RFC 4787, mapping and filtering are address and port dependent:
//! each (inside address and port, destination and its port, protocol) has a mapping of its own, and
//! only that destination's answers come in ("symmetric NAT"). Of several addresses a new connection
//! takes any that has a port free towards its destination (drawn; AWS documents that connections
//! are distributed, not how); the port is drawn from 1024-65535. An address that is being released
//! keeps its connections and gets no new ones.
//!
//! **Ends.** A connection that was idle for 350 seconds is forgotten; nothing is sent then. The
//! next segment from the inside is answered with an RST, as is one that belongs to another gateway
//! (ruling D2); from the outside such packets are dropped, like everything that answers nothing. It
//! does not answer pings.
//!
//! **Packets.** MSS is clamped and ICMP 3/4 sent at 8500 octets; errors about translated packets
//! are translated; fragments of TCP and ICMP are dropped, those of UDP follow their first one, and
//! are dropped if they come before it (ours: AWS does not say). What is more than the gateway's
//! [`capacity`](super::nat_capacity) is dropped.

use std::net::IpAddr;
use std::sync::Arc;

use wirelab_model::{FlowDirection, NatGatewayAddressStatus, NatGatewayState};
use wirelab_wire::{
    IcmpError, IpHeader, IpPacket, QuotedPacket, TcpFlags, TcpSegment, Transport, protocol,
    translate_quoted,
};

use super::compile::InterfaceIndices;
use super::header::{FlowKey, Header};
use super::nat_metrics::{self, Metric, Side};
use super::nat_table::{Mapped, NatTable};
use super::plan::{InterfaceIndex, NatIndex};
use super::quoted::quoted_mut;
use super::{Oversize, Place, State, TellBy, Teller, Transit, Walk, mtu};
use crate::metrics::Source;
use crate::path::PassDetail;
use crate::trace::Watch;
use crate::verdict::{DropReason, Hop, NatGatewayDrop, PacketDrop};

/// A NAT gateway as the fabric reads it.
#[derive(Clone, Debug)]
pub(crate) struct NatGateway {
    pub(super) source: Arc<wirelab_model::NatGateway>,
    pub(super) metrics: Source,
    /// The primary one first.
    pub(super) addresses: Vec<NatAddress>,
    ips: Vec<IpAddr>,
    /// Those that new connections may take.
    usable: Vec<IpAddr>,
}

/// One of its addresses.
#[derive(Clone, Copy, Debug)]
pub(super) struct NatAddress {
    pub(super) interface: InterfaceIndex,
}

impl NatGateway {
    pub(super) fn new(
        source: &Arc<wirelab_model::NatGateway>,
        interfaces: &InterfaceIndices,
    ) -> Self {
        let all = source.nat_gateway_addresses.iter();
        let addresses = all.clone().filter_map(|it| {
            let interface = *interfaces.get(&it.network_interface_id)?;
            Some(NatAddress { interface })
        });
        Self {
            metrics: nat_metrics::source(&source.nat_gateway_id),
            source: Arc::clone(source),
            addresses: addresses.collect(),
            ips: all.clone().map(|it| it.private_ip.into()).collect(),
            usable: all
                .filter(|it| it.status == NatGatewayAddressStatus::Succeeded)
                .map(|it| it.private_ip.into())
                .collect(),
        }
    }

    /// The interface that routes lead to.
    pub(super) fn entrance(&self) -> Option<InterfaceIndex> {
        self.addresses.first().map(|it| it.interface)
    }

    /// Its port table, if a packet has ever come.
    pub(super) fn table_in<'a>(&self, state: &'a mut State) -> Option<&'a mut NatTable> {
        let interfaces = &mut state.interfaces;
        interfaces
            .get_mut(self.entrance()?.get())?
            .nat
            .as_deref_mut()
    }

    pub(crate) fn id(&self) -> &wirelab_model::NatGatewayId {
        &self.source.nat_gateway_id
    }

    fn hop(&self) -> Hop {
        Hop::NatGateway(self.source.nat_gateway_id.clone())
    }
}

impl<W: Watch> Walk<'_, W> {
    /// The network ACL has let a packet in to the gateway's interface.
    pub(super) fn nat_gateway(
        &mut self,
        gateway: NatIndex,
        interface: InterfaceIndex,
        header: Header,
        transit: Transit,
    ) {
        let nat = self.plan.nat_gateway(gateway);
        let id = || nat.source.nat_gateway_id.clone();
        let from = if nat.ips.contains(&header.destination) {
            Side::Destination
        } else {
            Side::Source
        };
        self.nat_in(nat, from, &transit.packet);
        let fragment = transit.packet.is_fragment();
        let reason = if nat.source.state != NatGatewayState::Available {
            NatGatewayDrop::NotAvailable {
                nat_gateway: id(),
                state: nat.source.state,
            }
        } else if !W::GOES_ON && !self.nat_has_capacity(nat, &transit.packet) {
            NatGatewayDrop::OverCapacity { nat_gateway: id() }
        } else if transit.packet.is_icmp_error() {
            return self.nat_error(nat, interface, transit);
        } else if (fragment && header.protocol != protocol::UDP)
            || !(header.echo.is_some() || matches!(header.protocol, protocol::TCP | protocol::UDP))
        {
            NatGatewayDrop::Unsupported {
                nat_gateway: id(),
                protocol: header.protocol,
                fragment,
            }
        } else if header.later_fragment {
            return self.nat_fragment(nat, interface, from, transit);
        } else if from == Side::Destination {
            return self.nat_inward(nat, interface, &header, transit);
        } else {
            return self.nat_outward(nat, interface, &header, transit);
        };
        self.nat_deny(nat, &transit, reason);
    }

    fn nat_deny(&mut self, nat: &NatGateway, transit: &Transit, reason: impl Into<DropReason>) {
        self.nat_count(nat, Metric::PacketsDropCount);
        self.watch.deny(transit, nat.hop(), reason);
    }

    fn nat_outward(
        &mut self,
        nat: &NatGateway,
        interface: InterfaceIndex,
        header: &Header,
        mut transit: Transit,
    ) {
        let key = FlowKey {
            remote_port: header.echo.unwrap_or(header.destination_port),
            ..header.flow(FlowDirection::Egress)
        };
        let (now, timeouts) = (self.now, self.config.timeouts);
        let opens = header.opens_tcp()
            || header.protocol == protocol::UDP
            || (header.is_icmp() && header.is_icmp_query());
        let table = self.nat_table(nat);
        let known = table.outward(now, header, &key, &nat.ips, &timeouts);
        let mapped = match known {
            Some(mapped) => Ok(mapped),
            None if !opens => return self.nat_unknown(nat, interface, header, &transit),
            None => table.map(now, header, key, &nat.usable, &timeouts),
        };
        let Ok(Mapped {
            address,
            port,
            is_attempt,
        }) = mapped
        else {
            let reason = NatGatewayDrop::PortsExhausted {
                nat_gateway: nat.source.nat_gateway_id.clone(),
                destination: header.destination,
                port: header.destination_port,
            };
            self.nat_count(nat, Metric::ErrorPortAllocation);
            return self.nat_deny(nat, &transit, reason);
        };
        if is_attempt {
            self.nat_count(nat, Metric::ConnectionAttemptCount);
        }
        (self.watch).pass(&transit.packet, || {
            let [port, to_port] = ports(header, [port, header.destination_port]);
            let detail = PassDetail::Translated {
                source: (address, port),
                destination: (header.destination, to_port),
            };
            (nat.hop(), detail)
        });
        if self.nat_passes(nat, interface, &transit) {
            if transit.packet.is_fragment() {
                (self.nat_table(nat)).remember_fragments(now, &transit.packet, address);
            }
            transit.packet.set_source(address, Some(port));
            self.nat_forward(nat, interface, Side::Destination, transit);
        }
    }

    fn nat_inward(
        &mut self,
        nat: &NatGateway,
        interface: InterfaceIndex,
        header: &Header,
        mut transit: Transit,
    ) {
        let key = header.flow(FlowDirection::Ingress);
        let (now, timeouts) = (self.now, self.config.timeouts);
        let Some((inside, established)) = self.nat_table(nat).inward(now, header, &key, &timeouts)
        else {
            let reason = NatGatewayDrop::NoMapping {
                nat_gateway: nat.source.nat_gateway_id.clone(),
            };
            return self.nat_deny(nat, &transit, reason);
        };
        if established {
            self.nat_count(nat, Metric::ConnectionEstablishedCount);
        }
        (self.watch).pass(&transit.packet, || {
            let [port, to_port] = ports(header, [header.source_port, inside.local_port]);
            let detail = PassDetail::Translated {
                source: (header.source, port),
                destination: (inside.local, to_port),
            };
            (nat.hop(), detail)
        });
        if self.nat_passes(nat, interface, &transit) {
            if transit.packet.is_fragment() {
                (self.nat_table(nat)).remember_fragments(now, &transit.packet, inside.local);
            }
            (transit.packet).set_destination(inside.local, Some(inside.local_port));
            self.nat_forward(nat, interface, Side::Source, transit);
        }
    }

    /// A UDP fragment without ports goes where its first one went.
    fn nat_fragment(
        &mut self,
        nat: &NatGateway,
        interface: InterfaceIndex,
        from: Side,
        mut transit: Transit,
    ) {
        let now = self.now;
        let Some(address) = self.nat_table(nat).fragment(now, &transit.packet) else {
            let reason = NatGatewayDrop::NoMapping {
                nat_gateway: nat.source.nat_gateway_id.clone(),
            };
            return self.nat_deny(nat, &transit, reason);
        };
        if !self.nat_passes(nat, interface, &transit) {
            return;
        }
        let to = match from {
            Side::Source => {
                transit.packet.set_source(address, None);
                Side::Destination
            }
            Side::Destination => {
                transit.packet.set_destination(address, None);
                Side::Source
            }
        };
        self.nat_forward(nat, interface, to, transit);
    }

    fn nat_has_capacity(&mut self, nat: &NatGateway, packet: &IpPacket) -> bool {
        let now = self.now;
        self.nat_table(nat).capacity.take(now, packet.total_len())
    }

    /// Whether size and TTL let a packet pass; asked before it is translated, since errors are
    /// about what came in.
    fn nat_passes(
        &mut self,
        nat: &NatGateway,
        interface: InterfaceIndex,
        transit: &Transit,
    ) -> bool {
        let teller = nat.ips.first().map(|address| Teller {
            address: *address,
            by: TellBy::Interface(interface),
        });
        let oversize = Oversize {
            mtu: mtu::NAT_GATEWAY,
            fragments: true,
            tell: teller,
        };
        if !self.fits(transit, &oversize, || nat.hop()) {
            self.nat_count(nat, Metric::PacketsDropCount);
            return false;
        }
        if transit.packet.ttl() <= 1 {
            self.nat_ttl_expired(nat, teller, transit);
            return false;
        }
        true
    }

    /// Sends a translated packet on, with a TTL that is one less.
    fn nat_forward(
        &mut self,
        nat: &NatGateway,
        interface: InterfaceIndex,
        to: Side,
        mut transit: Transit,
    ) {
        if !transit.packet.decrement_ttl() {
            return;
        }
        mtu::clamp(&mut transit.packet, mtu::NAT_GATEWAY);
        transit.direct = false;
        if !mtu::exceeds(&transit.packet, mtu::NAT_GATEWAY) {
            return self.nat_leave(nat, interface, to, transit);
        }
        for packet in transit.packet.fragment(mtu::NAT_GATEWAY) {
            let piece = transit.piece(packet);
            self.nat_leave(nat, interface, to, piece);
        }
    }

    fn nat_ttl_expired(&mut self, nat: &NatGateway, teller: Option<Teller>, transit: &Transit) {
        let error = teller.and_then(|teller| {
            let error = (transit.packet).icmp_error(teller.address, IcmpError::TtlExceeded)?;
            Some((error, teller))
        });
        let icmp_sent = error.is_some();
        self.nat_deny(nat, transit, PacketDrop::TtlExpired { icmp_sent });
        if let Some((error, teller)) = error {
            self.tell(teller, transit.answer(error));
        }
    }

    fn nat_leave(
        &mut self,
        nat: &NatGateway,
        interface: InterfaceIndex,
        to: Side,
        transit: Transit,
    ) {
        self.nat_out(nat, to, &transit.packet);
        let after = self.config.latency.nat_gateway;
        self.send(after, Place::FromGateway(interface), transit);
    }

    /// A segment or answer from the inside whose connection the gateway does not know.
    fn nat_unknown(
        &mut self,
        nat: &NatGateway,
        interface: InterfaceIndex,
        header: &Header,
        transit: &Transit,
    ) {
        let reset = reset(&transit.packet, header);
        let reason = NatGatewayDrop::MappingExpired {
            nat_gateway: nat.source.nat_gateway_id.clone(),
            rst_sent: reset.is_some(),
        };
        self.nat_deny(nat, transit, reason);
        if let Some(reset) = reset
            && !W::GOES_ON
        {
            let mut reset = transit.answer(reset);
            reset.direct = false;
            self.nat_leave(nat, interface, Side::Source, reset);
        }
    }

    /// An ICMP error about a translated packet: to the gateway from outside, or from an inside host
    /// about an answer it got.
    fn nat_error(&mut self, nat: &NatGateway, interface: InterfaceIndex, mut transit: Transit) {
        let to = if nat.ips.contains(&transit.packet.destination()) {
            Side::Source
        } else {
            Side::Destination
        };
        let translated = self.translate_error(nat, &mut transit.packet);
        if translated.is_none() {
            let reason = NatGatewayDrop::NoMapping {
                nat_gateway: nat.source.nat_gateway_id.clone(),
            };
            return self.nat_deny(nat, &transit, reason);
        }
        if self.nat_passes(nat, interface, &transit) {
            self.nat_forward(nat, interface, to, transit);
        }
    }

    fn translate_error(&mut self, nat: &NatGateway, packet: &mut IpPacket) -> Option<()> {
        let now = self.now;
        let quoted = QuotedPacket::parse(packet.quoted()?).ok()?;
        let key = FlowKey::of_quoted(&quoted);
        let table = self.nat_table(nat);
        if nat.ips.contains(&packet.destination()) {
            let inside = table.find_inward(now, &key)?;
            let end = (inside.local, Some(inside.local_port));
            let octets = quoted_mut(packet)?;
            *octets = translate_quoted(octets, Some(end), None);
            packet.set_destination(inside.local, None);
        } else {
            let (address, port) = table.find_outward(now, &key.mirrored())?;
            let octets = quoted_mut(packet)?;
            *octets = translate_quoted(octets, None, Some((address, Some(port))));
            packet.set_source(address, None);
        }
        Some(())
    }

    fn nat_table(&mut self, nat: &NatGateway) -> &mut NatTable {
        let seed = self.state.seed;
        let entrance = nat.entrance();
        let entrance = entrance.expect("a packet has come to one of the gateway's interfaces");
        let id = &nat.source.nat_gateway_id;
        let nat = &mut self.state.interface(entrance).nat;
        nat.get_or_insert_with(|| Box::new(NatTable::new(seed, &format!("nat_gateway/{id}"))))
    }
}

/// As a path tells them: an echo's identifier is translated like a port, and is none.
const fn ports(header: &Header, ports: [u16; 2]) -> [u16; 2] {
    if header.echo.is_some() { [0, 0] } else { ports }
}

/// The RST that answers a segment of an unknown connection, as from its destination: SEQ is the
/// segment's ACK field; without ACK it is zero and the segment is acknowledged (RFC 9293 section
/// 3.10.7.1). None about an RST or anything but TCP.
fn reset(packet: &IpPacket, header: &Header) -> Option<IpPacket> {
    let segment = packet.as_tcp()?;
    if header.has(TcpFlags::RST) {
        return None;
    }
    let (flags, sequence, acknowledgment) = if header.has(TcpFlags::ACK) {
        (TcpFlags::RST, segment.acknowledgment, 0)
    } else {
        let next = segment.sequence.wrapping_add(segment.sequence_len());
        (TcpFlags::RST | TcpFlags::ACK, 0, next)
    };
    let reset = TcpSegment {
        source_port: segment.destination_port,
        destination_port: segment.source_port,
        sequence,
        acknowledgment,
        flags,
        window: 0,
        urgent_pointer: 0,
        options: wirelab_wire::TcpOptions::NONE,
        payload: wirelab_wire::Bytes::new(),
    };
    let ip = IpHeader::new(header.destination, header.source);
    Some(IpPacket::new(ip, Transport::Tcp(reset)))
}

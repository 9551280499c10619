//! Packets that stand for all of a cell, through the hop functions themselves, there and back.

use std::net::{IpAddr, SocketAddr};

use wirelab_model::{CustomerGatewayId, FlowAction, FlowDirection, TrafficPath};
use wirelab_wire::{
    Bytes, IcmpMessage, Icmpv6Message, IpHeader, IpPacket, MacAddr, TcpFlags, TcpOptions,
    TcpSegment, Transport, protocol,
};

use super::fields::{Marks, Rules};
use super::network::End;
use super::space;
use crate::fabric::{InterfaceIndex, NextHop, Owner, Place, Port, Service, Socket, State, Transit};
use crate::follow::{Arrival, Follower};
use crate::path::PassDetail;
use crate::trace::Watch;
use crate::verdict::{DropReason, Hop, InternetGatewayDrop};
use crate::world::World;

/// The ports of NAT gateways are drawn; an answer gets back if it does for one of so many draws.
const DRAWS: u64 = 16;

/// Where packets are put on the network.
#[derive(Clone, Debug)]
pub(super) enum Start {
    Interface(InterfaceIndex),
    Internet,
    Tunnel(CustomerGatewayId, Port),
}

/// The fields of one packet.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fields {
    pub(crate) source: IpAddr,
    pub(crate) destination: IpAddr,
    pub(crate) protocol: u8,
    /// Source port, or ICMP type.
    pub(crate) first: u16,
    /// Destination port, or ICMP code.
    pub(crate) second: u16,
}

/// What became of a packet.
#[derive(PartialEq, Eq)]
pub(super) struct Fired {
    pub(super) end: End,
    /// Whether its answer gets back; true as well of what asks for none.
    pub(super) answered: bool,
}

/// Fires packets on a network on which nothing else happens.
pub(super) struct Range<'w> {
    world: &'w World,
    follower: Follower<'w>,
    quiet: State,
    touched: Vec<InterfaceIndex>,
    draw: u64,
}

impl<'w> Range<'w> {
    pub(super) fn new(world: &'w World) -> Self {
        let quiet = world.state.quiet(0);
        let mut follower = Follower::new(world, quiet.clone());
        follower.ends_outside = true;
        Self {
            world,
            follower,
            quiet,
            touched: Vec::new(),
            draw: 0,
        }
    }

    /// Interfaces of machines, with a private address and the public one that it maps to.
    pub(super) fn public_addresses(
        &self,
    ) -> impl Iterator<Item = (InterfaceIndex, IpAddr, IpAddr)> + '_ {
        let interfaces = self.world.topology.plan.live_interfaces();
        let machines = interfaces
            .filter(|(_, nic)| matches!(nic.owner, Owner::Instance { running: true, .. }));
        machines.flat_map(|(index, nic)| {
            let public = nic.public.iter();
            public.map(move |(private, public)| (index, *private, *public))
        })
    }

    /// A start and a destination that stand for all, not an interface and an address of its own
    /// where there are others: what a machine sends to its own public address comes back to it.
    pub(super) fn probe(
        &self,
        starts: &[(Start, IpAddr)],
        destinations: &[IpAddr],
    ) -> Option<(Start, Fields)> {
        let plan = &self.world.topology.plan;
        let is_public_own = |start: &Start, to: IpAddr| match start {
            Start::Interface(index) => plan.interface(*index).public.iter().any(|it| it.1 == to),
            Start::Internet | Start::Tunnel(..) => false,
        };
        let pairs = starts
            .iter()
            .flat_map(|it| destinations.iter().map(move |to| (it, *to)));
        let pairs = pairs.filter(|((_, source), to)| source != to);
        let ((start, source), destination) =
            pairs.min_by_key(|((start, _), to)| is_public_own(start, *to))?;
        let fields = Fields {
            source: *source,
            destination,
            protocol: protocol::TCP,
            first: 50001,
            second: 50000,
        };
        Some((start.clone(), fields))
    }

    /// What the rules on the way there and back tell apart: destination ports, source ports. `None`
    /// if there is no way, whatever the rules are.
    pub(super) fn survey(
        &mut self,
        start: &Start,
        fields: &Fields,
        rules: &Rules,
    ) -> Option<(Marks, Marks)> {
        self.clean();
        let mut there = Surveyor::new(rules);
        let first = self.place(start, fields);
        let end = self.follower.follow(&mut there, first);
        self.touched.append(&mut there.eye.touched);
        let found = end.and_then(|it| Some((self.end(it.place)?, it.packet)));
        let arrived = found.or_else(|| self.stranger(there.eye.lost.take()));
        let (landed, packet) = arrived?;
        let mut back = Surveyor::new(rules);
        if let Some(answer) = answer(&packet) {
            self.follower
                .follow(&mut back, Self::departure(&landed, answer));
            self.touched.append(&mut back.eye.touched);
        }
        Some((there.marks, back.marks))
    }

    /// Fires a packet and its answer.
    pub(super) fn fire(&mut self, start: &Start, fields: &Fields) -> Option<Fired> {
        for draw in 0..DRAWS {
            if self.draw != draw {
                self.draw = draw;
                self.follower.state = self.quiet.quiet(draw);
                self.touched.clear();
            }
            let (fired, translated) = self.fire_once(start, fields)?;
            if fired.answered || !translated || draw + 1 == DRAWS {
                return Some(fired);
            }
        }
        None
    }

    /// Whether the source port was translated is the second part.
    fn fire_once(&mut self, start: &Start, fields: &Fields) -> Option<(Fired, bool)> {
        self.clean();
        let (landed, packet) = self.send(self.place(start, fields))?;
        let translated = packet
            .ports()
            .is_some_and(|(source, _)| source != fields.first)
            && matches!(fields.protocol, protocol::TCP | protocol::UDP);
        let answered = match answer(&packet) {
            None => true,
            Some(answer) => {
                let back = self.send(Self::departure(&landed, answer));
                back.is_some_and(|(landed, packet)| is_answer(start, &landed, fields, &packet))
            }
        };
        let end = self.name(&landed);
        Some((Fired { end, answered }, translated))
    }

    fn send(&mut self, first: (Place, Transit)) -> Option<(Landed, IpPacket)> {
        let mut eye = Eye::default();
        let end = self.follower.follow(&mut eye, first);
        self.touched.append(&mut eye.touched);
        match end {
            Some(end) => Some((self.end(end.place)?, end.packet)),
            None => self.stranger(eye.lost),
        }
    }

    /// A packet on the internet that is for nobody there we know, unless it is for nobody at all:
    /// an IPv6 address of a VPC's, on which no interface is.
    fn stranger(&self, lost: Option<IpPacket>) -> Option<(Landed, IpPacket)> {
        let lost = lost.filter(|it| {
            let to = it.destination();
            to.is_ipv4() || self.world.vpc_of_address(to).is_none()
        })?;
        Some((Landed::Internet, lost))
    }

    fn clean(&mut self) {
        let touched = self.touched.drain(..);
        self.follower.state.reset(&self.quiet, touched);
    }

    fn place(&self, start: &Start, fields: &Fields) -> (Place, Transit) {
        let place = match start {
            Start::Interface(interface) => Place::Depart {
                interface: *interface,
                next_hop: NextHop::unframed(fields.destination),
            },
            Start::Internet => Place::FromInternet,
            Start::Tunnel(gateway, port) => Place::DepartOutside {
                port: *port,
                socket: Socket::Tunnel(gateway.clone()),
                next_hop: NextHop::unframed(fields.destination),
            },
        };
        (place, transit(packet(fields)))
    }

    /// `None` for a service that nothing filters.
    fn end(&self, arrival: Arrival) -> Option<Landed> {
        Some(match arrival {
            Arrival::Interface(interface) => Landed::Interface(interface),
            Arrival::Service(Service::LinkLocal(_)) => return None,
            Arrival::Service(service) => Landed::Service(service),
            Arrival::Outside(port) => {
                let mut gateways = self.world.sites.customer_gateways();
                let gateway = gateways.find(|(_, its)| *its == port);
                gateway.map_or(Landed::Internet, |(id, port)| {
                    Landed::Tunnel(id.clone(), port)
                })
            }
        })
    }

    fn departure(landed: &Landed, answer: IpPacket) -> (Place, Transit) {
        let next_hop = NextHop::unframed(answer.destination());
        let place = match landed {
            Landed::Interface(interface) => Place::Depart {
                interface: *interface,
                next_hop,
            },
            Landed::Internet => Place::FromInternet,
            Landed::Tunnel(gateway, port) => Place::DepartOutside {
                port: *port,
                socket: Socket::Tunnel(gateway.clone()),
                next_hop,
            },
            Landed::Service(service) => Place::FromService(service.clone()),
        };
        (place, transit(answer))
    }

    fn name(&self, landed: &Landed) -> End {
        let plan = &self.world.topology.plan;
        match landed {
            Landed::Interface(interface) => {
                End::Vpc(plan.vpc(plan.interface(*interface).vpc).id.clone())
            }
            Landed::Internet => End::Internet,
            Landed::Tunnel(gateway, _) => End::CustomerGateway(gateway.clone()),
            Landed::Service(service) => {
                let endpoint = plan.endpoint_of(service);
                endpoint.map_or(End::Internet, |id| End::VpcEndpoint(id.clone()))
            }
        }
    }
}

/// Where a packet came out.
enum Landed {
    Interface(InterfaceIndex),
    Internet,
    Tunnel(CustomerGatewayId, Port),
    Service(Service),
}

/// Whether what came back answers the packet, as its sender sees it.
fn is_answer(start: &Start, landed: &Landed, sent: &Fields, back: &IpPacket) -> bool {
    let same_place = match (start, landed) {
        (Start::Interface(a), Landed::Interface(b)) => a == b,
        (Start::Internet, Landed::Internet) => true,
        (Start::Tunnel(a, _), Landed::Tunnel(b, _)) => a == b,
        _ => false,
    };
    let has_ports = matches!(sent.protocol, protocol::TCP | protocol::UDP);
    same_place
        && back.source() == sent.destination
        && back.destination() == sent.source
        && (!has_ports || back.ports() == Some((sent.second, sent.first)))
}

fn transit(packet: IpPacket) -> Transit {
    Transit {
        packet: Box::new(packet),
        direct: true,
        host: None,
        traffic: None,
    }
}

/// The packet that these fields describe, as short as it can be.
pub(crate) fn packet(fields: &Fields) -> IpPacket {
    let (from, to) = (fields.source, fields.destination);
    let icmp = (fields.first as u8, fields.second as u8);
    let transport = match fields.protocol {
        protocol::TCP => {
            return IpPacket::tcp(
                from,
                to,
                segment(fields.first, fields.second, TcpFlags::SYN),
            );
        }
        protocol::UDP => {
            let from = SocketAddr::new(from, fields.first);
            let to = SocketAddr::new(to, fields.second);
            return IpPacket::udp(from, to, Bytes::from_static(b"?"));
        }
        protocol::ICMP if from.is_ipv4() => Transport::Icmp(icmp_message(icmp)),
        protocol::ICMPV6 if from.is_ipv6() => Transport::Icmpv6(icmpv6_message(icmp)),
        protocol => Transport::Other {
            protocol,
            payload: Bytes::from_static(b"?"),
        },
    };
    IpPacket::new(IpHeader::new(from, to), transport)
}

/// Adds so many octets of data.
pub(crate) fn lengthen(packet: &mut IpPacket, octets: usize) {
    let payload = match &mut packet.transport {
        Transport::Tcp(it) => &mut it.payload,
        Transport::Udp(it) => &mut it.payload,
        Transport::Icmp(
            IcmpMessage::EchoRequest { payload, .. } | IcmpMessage::Other { payload, .. },
        ) => payload,
        Transport::Icmpv6(
            Icmpv6Message::EchoRequest { payload, .. } | Icmpv6Message::Other { payload, .. },
        ) => payload,
        _ => return,
    };
    *payload = Bytes::from(vec![0; payload.len() + octets]);
}

fn segment(from: u16, to: u16, flags: TcpFlags) -> TcpSegment {
    TcpSegment {
        source_port: from,
        destination_port: to,
        sequence: 0,
        acknowledgment: 0,
        flags,
        window: 65535,
        urgent_pointer: 0,
        options: TcpOptions::NONE,
        payload: Bytes::new(),
    }
}

fn icmp_message((icmp_type, code): (u8, u8)) -> IcmpMessage {
    let (identifier, sequence, payload) = (1, 1, Bytes::new());
    match (icmp_type, code) {
        (8, 0) => IcmpMessage::EchoRequest {
            identifier,
            sequence,
            payload,
        },
        (0, 0) => IcmpMessage::EchoReply {
            identifier,
            sequence,
            payload,
        },
        _ => IcmpMessage::Other {
            icmp_type,
            code,
            rest: [0; 4],
            payload,
        },
    }
}

fn icmpv6_message((icmp_type, code): (u8, u8)) -> Icmpv6Message {
    let (identifier, sequence, payload) = (1, 1, Bytes::new());
    match (icmp_type, code) {
        (128, 0) => Icmpv6Message::EchoRequest {
            identifier,
            sequence,
            payload,
        },
        (129, 0) => Icmpv6Message::EchoReply {
            identifier,
            sequence,
            payload,
        },
        _ => Icmpv6Message::Other {
            icmp_type,
            code,
            rest: [0; 4],
            payload,
        },
    }
}

/// What a willing receiver would say; `None` about what asks for no answer.
pub(super) fn answer(packet: &IpPacket) -> Option<IpPacket> {
    let (from, to) = (packet.destination(), packet.source());
    match &packet.transport {
        Transport::Tcp(it) => {
            let flags = TcpFlags::SYN | TcpFlags::ACK;
            let answer = segment(it.destination_port, it.source_port, flags);
            Some(IpPacket::tcp(from, to, answer))
        }
        Transport::Udp(it) => {
            let from = SocketAddr::new(from, it.destination_port);
            let to = SocketAddr::new(to, it.source_port);
            Some(IpPacket::udp(from, to, it.payload.clone()))
        }
        Transport::Icmp(_) | Transport::Icmpv6(_) => packet.echo_reply(),
        Transport::Other { .. } => {
            let header = IpHeader::new(from, to);
            Some(IpPacket::new(header, packet.transport.clone()))
        }
    }
}

/// Sees where packets go; stops them where the network does.
#[derive(Default)]
struct Eye {
    touched: Vec<InterfaceIndex>,
    /// A packet that left for a public address which no machine of this world has: it is on the
    /// internet.
    lost: Option<IpPacket>,
}

impl Eye {
    fn denied(&mut self, packet: &IpPacket, hop: &Hop, reason: &DropReason) {
        let nobody = matches!(
            reason,
            DropReason::InternetGateway(InternetGatewayDrop::NoSuchPublicAddress { .. })
        );
        if nobody && *hop == Hop::Internet && space::is_public(packet.destination()) {
            self.lost = Some(packet.clone());
        }
    }
}

impl Watch for Eye {
    const GOES_ON: bool = false;

    fn pass(&mut self, _: &IpPacket, _: impl FnOnce() -> (Hop, PassDetail)) {}

    fn deny(&mut self, transit: &Transit, hop: Hop, reason: impl Into<DropReason>) {
        self.denied(&transit.packet, &hop, &reason.into());
    }

    fn capture(&mut self, interface: InterfaceIndex, _: bool, _: MacAddr, _: &IpPacket) {
        self.touched.push(interface);
    }

    fn record(
        &mut self,
        interface: InterfaceIndex,
        _: FlowDirection,
        _: FlowAction,
        _: Option<TrafficPath>,
        _: &IpPacket,
    ) {
        self.touched.push(interface);
    }
}

/// Goes on past denies and notes what the rules on the way tell apart.
struct Surveyor<'r> {
    rules: &'r Rules,
    marks: Marks,
    eye: Eye,
}

impl<'r> Surveyor<'r> {
    fn new(rules: &'r Rules) -> Self {
        Self {
            rules,
            marks: Marks::default(),
            eye: Eye::default(),
        }
    }
}

impl Watch for Surveyor<'_> {
    const GOES_ON: bool = true;

    fn pass(&mut self, _: &IpPacket, describe: impl FnOnce() -> (Hop, PassDetail)) {
        let (hop, detail) = describe();
        if detail != PassDetail::Tracked {
            self.rules.at(&hop, &mut self.marks);
        }
    }

    fn deny(&mut self, transit: &Transit, hop: Hop, reason: impl Into<DropReason>) {
        self.rules.at(&hop, &mut self.marks);
        self.eye.denied(&transit.packet, &hop, &reason.into());
    }

    fn capture(&mut self, interface: InterfaceIndex, _: bool, _: MacAddr, _: &IpPacket) {
        self.eye.touched.push(interface);
    }

    fn record(
        &mut self,
        interface: InterfaceIndex,
        _: FlowDirection,
        _: FlowAction,
        _: Option<TrafficPath>,
        _: &IpPacket,
    ) {
        self.eye.touched.push(interface);
    }
}

//! The probe's walk on a copy of the world's state.
//!
//! Machines take part with their own code: the sender makes the probe as one of its programs would,
//! routers forward it, the receiver answers. Only where no answer comes is one made up, so that the
//! way back is asked about as well.

use std::net::IpAddr;
use std::ops::Range;

use smol_str::SmolStr;
use wirelab_model::{Change, NatGatewayId, SimDuration, SimTime};
use wirelab_wire::{Bytes, IpPacket, TcpFlags, TcpSegment, Transport, protocol};

use super::record::Recorder;
use super::{
    Answer, Journey, Origin, PathReport, PathStep, Probe, ProbeError, ProbeProtocol, StepVerdict,
};
use crate::fabric::{NextHop, Owner, Place, Service, Socket, Transit};
use crate::follow::{Arrival, End, Follower};
use crate::host::{Host, HostEvent, Output, TrafficProgram, TrafficSpec, Transmit};
use crate::reach::fire;
use crate::verdict::{Hop, InterfaceDrop};
use crate::world::World;

/// Source port of probes that no program sends: one of every system's ephemeral range.
const BARE_PORT: u16 = 50_000;
/// No way leads through one hop so often, unless it is a circle.
const ROUNDS: usize = 4;
/// Places of a walk in circles: what takes from the TTL is reached by way of a few others.
const MOST_PLACES: usize = 64 * 16;
/// How long a machine may take to answer a probe.
const PATIENCE: SimDuration = SimDuration::from_secs(1);

/// Follows `probe` through `world`, there and back. The world does not change.
///
/// # Errors
/// A probe from a machine that does not exist or that does not send it, or from an address on the
/// internet that is a VPC's.
pub fn explain(world: &World, probe: &Probe) -> Result<PathReport, ProbeError> {
    let mut explainer = Explainer {
        world,
        follower: Follower::new(world, world.state.clone()),
        stranger: None,
        translator: None,
    };
    explainer.follower.most_places = MOST_PLACES;
    let start = explainer.start(probe)?;
    let source_port = start.1.packet.ports().map(|(source, _)| source);
    let off = explainer.off(&start);
    let (mut forward, end, told) = explainer.journey(start);
    if let Some(off) = off {
        forward.steps.insert(0, off);
        forward.circle = forward.circle.map(|it| it.start + 1..it.end + 1);
    }
    let told = told.map(|it| explainer.journey(it).0);
    let (answer, back) = match &end {
        None => (Answer::NotReached, None),
        Some(end) => match &end.place {
            Arrival::Service(service) => explainer.service_reply(service, &end.packet),
            Arrival::Interface(_) | Arrival::Outside(_) => {
                let (answer, reply) = explainer.reply(end);
                (answer, reply.map(|it| explainer.journey(it).0))
            }
        },
    };
    Ok(PathReport {
        probe: probe.clone(),
        source_port,
        forward,
        told,
        answer,
        back,
    })
}

/// A packet and where it is put on the network.
pub(super) type Start = (Place, Transit);

/// The same after `changes` of resources, which take effect at once: what if? The world does not
/// change.
///
/// # Errors
/// As [`explain`].
pub fn explain_with(
    world: &World,
    changes: &[Change],
    probe: &Probe,
) -> Result<PathReport, ProbeError> {
    let mut copy = world.clone();
    copy.apply(changes);
    explain(&copy, probe)
}

/// Refuses what nobody could send, saying why.
fn check_fields(probe: &Probe) -> Result<(), ProbeError> {
    let port = match probe.protocol {
        ProbeProtocol::Tcp(port) | ProbeProtocol::Udp(port) => Some(port),
        ProbeProtocol::Icmp => None,
    };
    if port == Some(0) || probe.source_port == Some(0) {
        return Err(ProbeError::PortZero);
    }
    let smallest = probe.smallest();
    match probe.size.filter(|size| *size < smallest) {
        Some(size) => Err(ProbeError::TooSmall { size, smallest }),
        None => Ok(()),
    }
}

/// Refuses what the machine could not send, saying why.
fn check(world: &World, number: u32, probe: &Probe) -> Result<(), ProbeError> {
    let machine = &world.machines[number as usize];
    let host = machine.name().clone();
    let to = probe.to;
    if machine.owns(to) || to.is_loopback() {
        return Err(ProbeError::ToItself { host, to });
    }
    let Some(size) = probe.size else {
        return Ok(());
    };
    match machine.host.path_mtu(world.now(), to) {
        Some(mtu) if size > mtu => Err(ProbeError::TooLong { host, size, mtu }),
        _ => Ok(()),
    }
}

struct Explainer<'w> {
    world: &'w World,
    follower: Follower<'w>,
    /// Who has sent the probe, if it is nobody of this world: what goes there has arrived.
    stranger: Option<IpAddr>,
    /// The NAT gateway that has sent the probe, as if for a machine behind it, and its address: the
    /// answer has arrived there.
    translator: Option<(NatGatewayId, IpAddr)>,
}

impl Explainer<'_> {
    /// Where the probe begins.
    fn start(&mut self, probe: &Probe) -> Result<(Place, Transit), ProbeError> {
        check_fields(probe)?;
        let (place, source) = match &probe.from {
            Origin::Host(name) => {
                let number = self.world.machine_number(name);
                let number = number.ok_or_else(|| ProbeError::UnknownHost(name.clone()))?;
                check(self.world, number, probe)?;
                let first = self.first_packet(number, probe)?;
                let start = self.follower.departure(number, first, true);
                return start.ok_or_else(|| ProbeError::NotSent {
                    host: name.clone(),
                    why: "it has no such interface".to_owned(),
                });
            }
            Origin::Interface { id, source } => {
                let plan = &self.world.topology.plan;
                let index = self.world.topology.find(id);
                let found = index.and_then(|it| Some((it, plan.find_interface(it)?)));
                let (interface, nic) =
                    found.ok_or_else(|| ProbeError::UnknownInterface(id.clone()))?;
                let is_version = |it: &&IpAddr| it.is_ipv4() == probe.to.is_ipv4();
                let own = nic.addresses.iter().find(is_version).copied();
                let place = match nic.owner {
                    // No security group knows what these send.
                    Owner::NatGateway(gateway) => {
                        let id = plan.nat_gateway(gateway).id().clone();
                        self.translator = source.or(own).map(|address| (id, address));
                        Place::FromGateway(interface)
                    }
                    Owner::TransitGateway(_) => Place::FromGateway(interface),
                    _ => Place::Depart {
                        interface,
                        next_hop: NextHop::unframed(probe.to),
                    },
                };
                (place, source.or(own))
            }
            Origin::Internet { source } => {
                if let Some(vpc) = self.world.vpc_of_address(*source) {
                    let (address, vpc) = (*source, vpc.clone());
                    return Err(ProbeError::NotOnInternet { address, vpc });
                }
                self.stranger = Some(*source);
                (Place::DepartInternet, Some(*source))
            }
            Origin::CustomerGateway { id, source } => {
                let device = self.world.sites.customer_gateways().find(|it| it.0 == id);
                let unknown = || ProbeError::UnknownCustomerGateway(id.clone());
                let (_, port) = device.ok_or_else(unknown)?;
                self.follower.ends_outside = true;
                let place = Place::DepartOutside {
                    port,
                    socket: Socket::Tunnel(id.clone()),
                    next_hop: NextHop::unframed(probe.to),
                };
                (place, Some(*source))
            }
        };
        let source = source.filter(|it| it.is_ipv4() == probe.to.is_ipv4());
        let source = source.ok_or_else(|| ProbeError::NotSent {
            host: probe.from.to_string().into(),
            why: "it has no address of that IP version".to_owned(),
        })?;
        Ok((place, direct(bare_packet(source, probe))))
    }

    /// An instance that does not run sends nothing.
    fn off(&self, (place, transit): &Start) -> Option<PathStep> {
        let Place::Depart { interface, .. } = place else {
            return None;
        };
        let nic = self.world.topology.plan.find_interface(*interface)?;
        let Owner::Instance { id, running: false } = &nic.owner else {
            return None;
        };
        let reason = InterfaceDrop::InstanceNotRunning {
            instance: id.clone(),
        };
        Some(PathStep {
            hop: Hop::Interface(nic.id.clone()),
            verdict: StepVerdict::Deny(reason.into()),
            source: transit.packet.source(),
            destination: transit.packet.destination(),
        })
    }

    /// The packet that a program on the machine would send.
    fn first_packet(&mut self, number: u32, probe: &Probe) -> Result<Transmit, ProbeError> {
        let data = (probe.size).map(|size| size.saturating_sub(probe.smallest()));
        let mut first = self.program(number, probe.to, probe.protocol, data)?;
        let source = first.packet.source();
        if let Some(port) = probe.source_port {
            first.packet.set_source(source, Some(port));
        }
        if let (Some(size), Some(_)) = (probe.size, first.packet.as_tcp()) {
            let more = usize::from(size).saturating_sub(first.packet.total_len());
            if let Some(segment) = first.packet.as_tcp_mut() {
                segment.payload = Bytes::from(vec![0; more]);
            }
        }
        Ok(first)
    }

    /// Starts a program on the copy of a machine and takes its first packet.
    fn program(
        &mut self,
        number: u32,
        to: IpAddr,
        protocol: ProbeProtocol,
        data: Option<u16>,
    ) -> Result<Transmit, ProbeError> {
        let now = self.world.now();
        let name = self.world.machines[number as usize].name().clone();
        let (port, program) = program(protocol, data);
        let spec = TrafficSpec {
            name: "path".into(),
            from: name.clone(),
            to,
            to_name: None,
            port,
            program,
            every: SimDuration::from_secs(3600),
            first_at: now,
            timeout: PATIENCE,
            count: Some(1),
            bind: false,
        };
        let mut copy = self.world.machines[number as usize].host.clone();
        let mut out = Output::default();
        copy.start_traffic(now, &spec, &mut out);
        run(&mut copy, now, &mut out);
        let why = out.events.iter().find_map(|event| match event {
            HostEvent::Dropped { reason, .. } => Some(reason.to_string()),
            HostEvent::Traffic(event) => Some(format!("{:?}", event.outcome)),
            _ => None,
        });
        let mut packets = out.packets.into_iter();
        packets
            .find(|it| it.packet.destination() == to)
            .ok_or_else(|| ProbeError::NotSent {
                host: name,
                why: why.unwrap_or_else(|| "it has no route there".to_owned()),
            })
    }

    /// Follows a packet from where it is sent to the machine that gets it; the last is the error
    /// that the first hop to drop it sends.
    fn journey(&mut self, start: Start) -> (Journey, Option<End>, Option<Start>) {
        let mut recorder = Recorder {
            stranger: self.stranger,
            translator: self.translator.clone(),
            ..Recorder::default()
        };
        let what = what(&start.1.packet);
        let end = self.follower.follow(&mut recorder, start);
        let mut reached = end.as_ref().map(|it| self.arrived_at(it));
        if recorder.reached_stranger {
            reached = Some("internet".into());
        }
        if recorder.reached_translator {
            reached = self.translator.as_ref().map(|(id, _)| id.as_str().into());
        }
        let circle = circle(&mut recorder.steps);
        let journey = Journey {
            what,
            steps: recorder.steps,
            circle,
            reached,
        };
        (journey, end, recorder.told)
    }

    fn arrived_at(&self, end: &End) -> SmolStr {
        let plan = &self.world.topology.plan;
        match (end.machine, &end.place) {
            (Some(number), _) => self.world.machines[number as usize].name().clone(),
            (None, Arrival::Interface(index)) => plan.interface_id(*index).as_str().into(),
            (None, Arrival::Service(service)) => {
                plan.service_name(service, end.packet.destination())
            }
            (None, Arrival::Outside(port)) => {
                self.world.machines[port.host as usize].name().clone()
            }
        }
    }

    /// What a service says to the probe, and the way of that; where it says nothing, the way of
    /// what it should have said.
    fn service_reply(&mut self, service: &Service, packet: &IpPacket) -> (Answer, Option<Journey>) {
        let mut services = self.world.services.clone();
        let said = services.on_packet(service, packet.clone(), self.world.context());
        let said = said.into_iter().next();
        let answer = said.as_ref().map_or(Answer::Silent, kind_of);
        let Some(packet) = said.or_else(|| answer_to(packet)) else {
            return (answer, None);
        };
        let place = Place::FromService(service.clone());
        (answer, Some(self.journey((place, direct(packet))).0))
    }

    /// What the machine says to the probe, and the packet to ask the way back about.
    fn reply(&mut self, end: &End) -> (Answer, Option<(Place, Transit)>) {
        let made_up = answer_to(&end.packet);
        let (number, (answer, said)) = match (end.machine, &end.place) {
            (Some(number), _) => (number, self.machine_reply(number, end, made_up)),
            (None, Arrival::Interface(interface)) => {
                let interface = *interface;
                let start = made_up.map(|packet| {
                    let next_hop = NextHop::unframed(packet.destination());
                    let place = Place::Depart {
                        interface,
                        next_hop,
                    };
                    (place, direct(packet))
                });
                return (Answer::Silent, start);
            }
            (None, Arrival::Outside(_) | Arrival::Service(_)) => return (Answer::Silent, None),
        };
        let start = said.and_then(|it| self.follower.departure(number, it, true));
        (answer, start)
    }

    fn machine_reply(
        &mut self,
        number: u32,
        end: &End,
        made_up: Option<IpPacket>,
    ) -> (Answer, Option<Transmit>) {
        let now = self.world.now();
        let interface = match &end.place {
            Arrival::Interface(index) => self.world.machines[number as usize]
                .interface_of(*index)
                .unwrap_or(0),
            Arrival::Outside(port) => port.interface as usize,
            Arrival::Service(_) => 0,
        };
        let mut out = Output::default();
        let host = self.follower.host(number);
        host.on_packet(now, interface, end.packet.clone(), &mut out);
        run(host, now + PATIENCE, &mut out);
        let to = end.packet.source();
        let said = out
            .packets
            .into_iter()
            .find(|it| it.packet.destination() == to);
        if let Some(said) = said {
            return (kind_of(&said.packet), Some(said));
        }
        // The way it would go is the way a ping to the sender goes.
        let ping = self.program(number, to, ProbeProtocol::Icmp, None);
        let made_up = made_up.map(|packet| match ping {
            Ok(ping) => Transmit {
                packet: Box::new(packet),
                ..ping
            },
            Err(_) => transmit(interface, packet),
        });
        (Answer::Silent, made_up)
    }
}

fn direct(packet: IpPacket) -> Transit {
    Transit {
        packet: Box::new(packet),
        direct: true,
        host: None,
        traffic: None,
    }
}

/// The probe as no program has made it.
fn bare_packet(source: IpAddr, probe: &Probe) -> IpPacket {
    let port = probe.source_port.unwrap_or(BARE_PORT);
    let (protocol, first, second) = match probe.protocol {
        ProbeProtocol::Tcp(to) => (protocol::TCP, port, to),
        ProbeProtocol::Udp(to) => (protocol::UDP, port, to),
        ProbeProtocol::Icmp if source.is_ipv4() => (protocol::ICMP, 8, 0),
        ProbeProtocol::Icmp => (protocol::ICMPV6, 128, 0),
    };
    let mut packet = fire::packet(&fire::Fields {
        source,
        destination: probe.to,
        protocol,
        first,
        second,
    });
    let more = usize::from(probe.size.unwrap_or(0)).saturating_sub(packet.total_len());
    fire::lengthen(&mut packet, more);
    packet
}

fn transmit(interface: usize, packet: IpPacket) -> Transmit {
    Transmit {
        interface,
        next_hop: packet.destination(),
        confirms: false,
        packet: Box::new(packet),
    }
}

/// Lets a machine do what is due until `until` or until it has sent something.
fn run(host: &mut Host, until: SimTime, out: &mut Output) {
    while out.packets.is_empty() {
        match host.poll_timeout() {
            Some(at) if at <= until => host.on_timeout(at, out),
            _ => return,
        }
    }
}

/// What sends such a probe with `data` octets behind its headers.
fn program(protocol: ProbeProtocol, data: Option<u16>) -> (u16, TrafficProgram) {
    const DEFAULT: u16 = 36;
    let data = data.unwrap_or(DEFAULT);
    match protocol {
        ProbeProtocol::Tcp(port) => (port, TrafficProgram::Connect),
        ProbeProtocol::Udp(port) => (port, TrafficProgram::Udp { bytes: data.into() }),
        ProbeProtocol::Icmp => {
            let dont_fragment = true;
            let size = data;
            let ping = TrafficProgram::Ping {
                size,
                dont_fragment,
            };
            (0, ping)
        }
    }
}

/// The answer that a willing machine would give.
fn answer_to(packet: &IpPacket) -> Option<IpPacket> {
    let (from, to) = (packet.destination(), packet.source());
    match &packet.transport {
        Transport::Tcp(segment) => {
            let answer = TcpSegment {
                source_port: segment.destination_port,
                destination_port: segment.source_port,
                sequence: 0,
                acknowledgment: segment.sequence.wrapping_add(segment.sequence_len()),
                flags: TcpFlags::SYN | TcpFlags::ACK,
                window: 65160,
                urgent_pointer: 0,
                options: wirelab_wire::TcpOptions::NONE,
                payload: Bytes::new(),
            };
            Some(IpPacket::tcp(from, to, answer))
        }
        Transport::Udp(datagram) => {
            let from = std::net::SocketAddr::new(from, datagram.destination_port);
            let to = std::net::SocketAddr::new(to, datagram.source_port);
            Some(IpPacket::udp(from, to, datagram.payload.clone()))
        }
        _ => packet.echo_reply(),
    }
}

fn kind_of(answer: &IpPacket) -> Answer {
    let refused = match &answer.transport {
        Transport::Tcp(segment) => segment.flags.contains(TcpFlags::RST),
        _ => answer.is_icmp_error(),
    };
    if refused {
        Answer::Refused
    } else {
        Answer::Accepted
    }
}

fn what(packet: &IpPacket) -> SmolStr {
    let word = match &packet.transport {
        Transport::Tcp(segment) if segment.flags.contains(TcpFlags::RST) => "RST",
        Transport::Tcp(segment) if segment.flags.contains(TcpFlags::SYN | TcpFlags::ACK) => {
            "SYN-ACK"
        }
        Transport::Tcp(_) => "SYN",
        Transport::Udp(_) => "UDP",
        _ => match (packet.protocol(), packet.icmp_type_code()) {
            (protocol::ICMP, Some((8, 0))) | (protocol::ICMPV6, Some((128, 0))) => "ping",
            (protocol::ICMP, Some((0, 0))) | (protocol::ICMPV6, Some((129, 0))) => "pong",
            (protocol::ICMP, Some((kind, code))) => return format!("ICMP {kind}/{code}").into(),
            (_, Some((kind, code))) => return format!("ICMPv6 {kind}/{code}").into(),
            (_, None) => "packet",
        },
    };
    word.into()
}

/// Leaves one round of a circle, and what ended it: the hops of the round.
fn circle(steps: &mut Vec<PathStep>) -> Option<Range<usize>> {
    let passes = steps.iter().enumerate().filter(|(_, it)| !it.is_deny());
    let (first, _) = passes.clone().find(|(at, step)| {
        let again = &steps[at + 1..];
        again.iter().filter(|it| it.hop == step.hop).count() >= ROUNDS
    })?;
    let next = steps[first + 1..]
        .iter()
        .position(|it| it.hop == steps[first].hop)?;
    let round = first..first + 1 + next;
    let (last, _) = steps
        .iter()
        .enumerate()
        .rfind(|(at, it)| it.is_deny() && *at >= round.end)?;
    steps.truncate(last + 1);
    steps.drain(round.end..last);
    Some(round)
}

//! The probe's walk on a copy of the world's state.
//!
//! Machines take part with their own code: the sender makes the probe as one of its programs would,
//! routers forward it, the receiver answers. Only where no answer comes is one made up, so that the
//! way back is asked about as well.

use std::net::IpAddr;

use smol_str::SmolStr;
use wirelab_model::{FlowAction, FlowDirection, SimDuration, SimTime, TrafficPath};
use wirelab_wire::{
    Bytes, IcmpMessage, IpPacket, MacAddr, TcpFlags, TcpSegment, Transport, Unreachable, protocol,
};

use super::{
    Answer, Journey, PassDetail, PathReport, PathStep, Probe, ProbeError, ProbeProtocol, SIZE_MIN,
    StepVerdict,
};
use crate::fabric::{InterfaceIndex, Place, Service, Transit};
use crate::follow::{Arrival, End, Follower};
use crate::host::{Host, HostEvent, Output, TrafficProgram, TrafficSpec, Transmit};
use crate::trace::Watch;
use crate::verdict::{DropReason, Hop};
use crate::world::World;

/// How long a machine may take to answer a probe.
const PATIENCE: SimDuration = SimDuration::from_secs(1);

/// Follows `probe` through `world`, there and back. The world does not change.
///
/// # Errors
/// A probe from a machine that does not exist or that does not send it.
pub fn explain(world: &World, probe: &Probe) -> Result<PathReport, ProbeError> {
    let number = world.machine_number(&probe.from);
    let number = number.ok_or_else(|| ProbeError::UnknownHost(probe.from.clone()))?;
    check(world, number, probe)?;
    let mut explainer = Explainer {
        world,
        follower: Follower::new(world, world.state.clone()),
    };
    let first = explainer.first_packet(number, probe)?;
    let (forward, end) = explainer.journey(number, first);
    let Some(end) = end else {
        return Ok(PathReport {
            probe: probe.clone(),
            forward,
            answer: Answer::NotReached,
            back: None,
        });
    };
    if let Arrival::Service(service) = &end.place {
        let (answer, back) = explainer.service_reply(service, &end.packet);
        return Ok(PathReport {
            probe: probe.clone(),
            forward,
            answer,
            back,
        });
    }
    let (answer, reply) = explainer.reply(&end);
    let back = reply.map(|it| explainer.journey(end.machine.unwrap_or(number), it).0);
    Ok(PathReport {
        probe: probe.clone(),
        forward,
        answer,
        back,
    })
}

/// Refuses what the machine could not send, saying why.
fn check(world: &World, number: u32, probe: &Probe) -> Result<(), ProbeError> {
    let machine = &world.machines[number as usize];
    let host = machine.name().clone();
    let port = match probe.protocol {
        ProbeProtocol::Tcp(port) | ProbeProtocol::Udp(port) => Some(port),
        ProbeProtocol::Icmp => None,
    };
    if port == Some(0) || probe.source_port == Some(0) {
        return Err(ProbeError::PortZero);
    }
    let to = probe.to;
    if machine.owns(to) || to.is_loopback() {
        return Err(ProbeError::ToItself { host, to });
    }
    let Some(size) = probe.size else {
        return Ok(());
    };
    if size < SIZE_MIN {
        return Err(ProbeError::TooSmall(size));
    }
    match machine.host.path_mtu(world.now(), to) {
        Some(mtu) if size > mtu => Err(ProbeError::TooLong { host, size, mtu }),
        _ => Ok(()),
    }
}

struct Explainer<'w> {
    world: &'w World,
    follower: Follower<'w>,
}

impl Explainer<'_> {
    /// The packet that a program on the machine would send.
    fn first_packet(&mut self, number: u32, probe: &Probe) -> Result<Transmit, ProbeError> {
        let mut first = self.program(number, probe.to, probe.protocol, probe.size)?;
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
        size: Option<u16>,
    ) -> Result<Transmit, ProbeError> {
        let now = self.world.now();
        let name = self.world.machines[number as usize].name().clone();
        let (port, program) = program(protocol, size);
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

    /// Follows a packet from the machine that sends it to the machine that gets it.
    fn journey(&mut self, number: u32, first: Transmit) -> (Journey, Option<End>) {
        let said = what(&first.packet);
        let start = self.follower.departure(number, first, true);
        self.follow(said, start)
    }

    /// Follows a packet from where it is.
    fn follow(&mut self, what: SmolStr, start: Option<(Place, Transit)>) -> (Journey, Option<End>) {
        let mut recorder = Recorder::default();
        let mut journey = Journey {
            what,
            steps: Vec::new(),
            reached: None,
        };
        let end = match start {
            Some(start) => self.follower.follow(&mut recorder, start),
            None => None,
        };
        journey.reached = end.as_ref().map(|it| self.arrived_at(it));
        journey.steps = recorder.steps;
        (journey, end)
    }

    fn arrived_at(&self, end: &End) -> SmolStr {
        let plan = &self.world.topology.plan;
        match (end.machine, &end.place) {
            (Some(number), _) => self.world.machines[number as usize].name().clone(),
            (None, Arrival::Interface(index)) => plan.interface_id(*index).as_str().into(),
            (None, Arrival::Service(service)) => {
                plan.service_name(service, end.packet.destination())
            }
            (None, Arrival::Outside(_)) => SmolStr::default(),
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
        let said = what(&packet);
        let transit = Transit {
            packet: Box::new(packet),
            direct: true,
            host: None,
            traffic: None,
        };
        let place = Place::FromService(service.clone());
        (answer, Some(self.follow(said, Some((place, transit))).0))
    }

    /// What the machine says to the probe, and the packet to ask the way back about.
    fn reply(&mut self, end: &End) -> (Answer, Option<Transmit>) {
        let made_up = answer_to(&end.packet);
        let Some(number) = end.machine else {
            return (Answer::Silent, made_up.map(|packet| transmit(0, packet)));
        };
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

fn transmit(interface: usize, packet: IpPacket) -> Transmit {
    Transmit {
        interface,
        next_hop: packet.destination(),
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

const fn program(protocol: ProbeProtocol, size: Option<u16>) -> (u16, TrafficProgram) {
    // Octets of IP and UDP or ICMP header.
    const HEADERS: u16 = 28;
    const DEFAULT: u16 = 64;
    let size = match size {
        Some(size) => size,
        None => DEFAULT,
    };
    let data = size.saturating_sub(HEADERS);
    match protocol {
        ProbeProtocol::Tcp(port) => (port, TrafficProgram::Connect),
        ProbeProtocol::Udp(port) => (port, TrafficProgram::Udp { bytes: data as u32 }),
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
        Transport::Icmp(IcmpMessage::EchoRequest { .. }) => "ping",
        Transport::Icmp(IcmpMessage::EchoReply { .. }) => "pong",
        Transport::Icmp(IcmpMessage::DestinationUnreachable {
            code: Unreachable::Port,
            ..
        }) => "ICMP 3/3",
        _ if packet.protocol() == protocol::ICMP => "ICMP",
        _ => "packet",
    };
    word.into()
}

/// Writes every hop down.
#[derive(Default)]
struct Recorder {
    steps: Vec<PathStep>,
}

impl Recorder {
    fn add(&mut self, packet: &IpPacket, hop: Hop, verdict: StepVerdict) {
        self.steps.push(PathStep {
            hop,
            verdict,
            source: packet.source(),
            destination: packet.destination(),
        });
    }
}

impl Watch for Recorder {
    const GOES_ON: bool = true;

    fn pass(&mut self, packet: &IpPacket, describe: impl FnOnce() -> (Hop, PassDetail)) {
        let (hop, detail) = describe();
        self.add(packet, hop, StepVerdict::Pass(detail));
    }

    fn deny(&mut self, transit: &Transit, hop: Hop, reason: impl Into<DropReason>) {
        self.add(&transit.packet, hop, StepVerdict::Deny(reason.into()));
    }

    fn capture(&mut self, _: InterfaceIndex, _: bool, _: MacAddr, _: &IpPacket) {}

    fn record(
        &mut self,
        _: InterfaceIndex,
        _: FlowDirection,
        _: FlowAction,
        _: Option<TrafficPath>,
        _: &IpPacket,
    ) {
    }
}

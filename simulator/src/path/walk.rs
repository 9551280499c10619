//! The probe's walk on a copy of the world's state.
//!
//! Machines take part with their own code: the sender makes the probe as one of its programs would,
//! routers forward it, the receiver answers. Only where no answer comes is one made up, so that the
//! way back is asked about as well.

use std::collections::BTreeMap;
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
use crate::fabric::{InterfaceIndex, Place, Port, State, Transit, Walk};
use crate::host::{Host, HostEvent, Output, TrafficProgram, TrafficSpec, Transmit};
use crate::machines::PluggedInto;
use crate::trace::Watch;
use crate::verdict::{DropReason, Hop, MachineDrop};
use crate::world::World;

/// No path is longer; what goes in circles ends here.
const MOST_PLACES: usize = 64;
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
        state: world.state.clone(),
        hosts: BTreeMap::new(),
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
    state: State,
    /// Copies of the machines that have taken part.
    hosts: BTreeMap<u32, Host>,
}

/// Where a probe has ended.
struct End {
    packet: IpPacket,
    /// The machine and its interface; none for an interface without a machine.
    machine: Option<u32>,
    place: Arrival,
}

#[derive(Clone, Copy)]
enum Arrival {
    Interface(InterfaceIndex),
    Outside(Port),
}

impl Explainer<'_> {
    fn host(&mut self, number: u32) -> &mut Host {
        let machines = &self.world.machines;
        let copy = || machines[number as usize].host.clone();
        self.hosts.entry(number).or_insert_with(copy)
    }

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
        let mut recorder = Recorder::default();
        let mut journey = Journey {
            what: what(&first.packet),
            steps: Vec::new(),
            reached: None,
        };
        let mut next = self.departure(number, first, true);
        let mut end = None;
        for _ in 0..MOST_PLACES {
            let Some((place, transit)) = next.take() else {
                break;
            };
            let (machine, interface, arrival) = match place {
                Place::Machine(index) => {
                    let found = self.world.machine_behind(index);
                    let machine = found.map(|(number, at)| (number_of(number), at));
                    (
                        machine.map(|it| it.0),
                        machine.map_or(0, |it| it.1),
                        Arrival::Interface(index),
                    )
                }
                Place::Outside { port, .. } => {
                    let interface = port.interface as usize;
                    (Some(port.host), interface, Arrival::Outside(port))
                }
                place => {
                    next = self.step(&mut recorder, place, transit);
                    continue;
                }
            };
            let is_its_own = machine.is_none_or(|it| {
                self.world.machines[it as usize].owns(transit.packet.destination())
            });
            if let Some(machine) = machine.filter(|_| !is_its_own) {
                next = self.forward(&mut recorder, machine, interface, transit);
                continue;
            }
            journey.reached = Some(self.arrived_at(machine, arrival));
            end = Some(End {
                packet: transit.packet,
                machine,
                place: arrival,
            });
        }
        journey.steps = recorder.steps;
        (journey, end)
    }

    fn step(
        &mut self,
        recorder: &mut Recorder,
        place: Place,
        transit: Transit,
    ) -> Option<(Place, Transit)> {
        let mut out = Vec::new();
        let mut walk = Walk {
            now: self.world.now(),
            plan: &self.world.topology.plan,
            config: &self.world.config().fabric,
            sites: &self.world.sites,
            state: &mut self.state,
            watch: recorder,
            out: &mut out,
        };
        walk.step(place, transit);
        let sent = out.into_iter().next()?;
        Some((sent.place, sent.transit))
    }

    /// A machine on the way gets the packet, which is not addressed to it.
    fn forward(
        &mut self,
        recorder: &mut Recorder,
        number: u32,
        interface: usize,
        transit: Transit,
    ) -> Option<(Place, Transit)> {
        let now = self.world.now();
        let name = self.world.machines[number as usize].name().clone();
        let hop = Hop::Host(name.clone());
        let mut out = Output::default();
        let destination = transit.packet.destination();
        self.host(number)
            .on_packet(now, interface, transit.packet.clone(), &mut out);
        let forwarded = out
            .packets
            .into_iter()
            .find(|it| it.packet.destination() == destination);
        if let Some(forwarded) = forwarded {
            recorder.pass(&transit.packet, || (hop, PassDetail::Plain));
            return self.departure(number, forwarded, false);
        }
        let reason = out.events.into_iter().find_map(|event| match event {
            HostEvent::Dropped { reason, .. } => Some(reason),
            _ => None,
        });
        let reason = reason.unwrap_or(crate::host::HostDrop::NotForwarding);
        let host = name;
        recorder.deny(&transit, hop, MachineDrop { host, reason });
        None
    }

    fn departure(&self, number: u32, transmit: Transmit, direct: bool) -> Option<(Place, Transit)> {
        let machine = &self.world.machines[number as usize];
        let plug = machine.plugs.get(transmit.interface)?;
        let next_hop = transmit.next_hop;
        let place = match &plug.to {
            PluggedInto::Interface(interface) => Place::Depart {
                interface: *interface,
                next_hop,
            },
            PluggedInto::Outside(socket) => Place::DepartOutside {
                port: Port {
                    host: number,
                    interface: number_of(transmit.interface),
                },
                socket: socket.clone(),
                next_hop,
            },
        };
        let transit = Transit {
            packet: transmit.packet,
            direct,
            host: Some(number),
            traffic: None,
        };
        Some((place, transit))
    }

    fn arrived_at(&self, machine: Option<u32>, arrival: Arrival) -> SmolStr {
        match (machine, arrival) {
            (Some(number), _) => self.world.machines[number as usize].name().clone(),
            (None, Arrival::Interface(index)) => {
                self.world.topology.plan.interface_id(index).as_str().into()
            }
            (None, Arrival::Outside(_)) => SmolStr::default(),
        }
    }

    /// What the machine says to the probe, and the packet to ask the way back about.
    fn reply(&mut self, end: &End) -> (Answer, Option<Transmit>) {
        let made_up = answer_to(&end.packet);
        let Some(number) = end.machine else {
            return (Answer::Silent, made_up.map(|packet| transmit(0, packet)));
        };
        let now = self.world.now();
        let interface = match end.place {
            Arrival::Interface(index) => self.world.machines[number as usize]
                .interface_of(index)
                .unwrap_or(0),
            Arrival::Outside(port) => port.interface as usize,
        };
        let mut out = Output::default();
        let host = self.host(number);
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
            Ok(ping) => Transmit { packet, ..ping },
            Err(_) => transmit(interface, packet),
        });
        (Answer::Silent, made_up)
    }
}

fn number_of(number: usize) -> u32 {
    u32::try_from(number).expect("a world has fewer than 2^32 machines")
}

fn transmit(interface: usize, packet: IpPacket) -> Transmit {
    Transmit {
        interface,
        next_hop: packet.destination(),
        packet,
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
                options: Vec::new(),
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

//! Machines, the links between them, what is lost on the way, and virtual time.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use wirelab_model::{SimDuration, SimTime};
use wirelab_simulator::host::{Host, HostEvent, Output, Transmit};
use wirelab_wire::{Frame, IpPacket, LinkFrame, MacAddr, TcpFlags, Transport};

use super::capture::Packets;
use super::manifest::{Lose, What};
use super::names::Names;
use super::nat::Nat;

/// A link without a delay of its own passes a packet on after this.
const NEAR: SimDuration = SimDuration::from_micros(10);
/// Between two packets on a link that says nothing else: the wire takes no two at once.
const SPACING: SimDuration = SimDuration::from_micros(1);

/// What stands at the ends of links.
#[derive(Debug)]
pub(super) enum Node {
    Host(Box<Host>),
    Nat(Box<Nat>),
    Names(Box<Names>),
}

/// A named node with the names of its interfaces.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) name: String,
    pub(super) interfaces: Vec<String>,
    pub(super) node: Node,
    /// What each interface saw, sent and received.
    pub(super) captured: Vec<Packets>,
}

#[derive(Clone, Debug)]
pub(super) struct Link {
    /// Number of the place and of its interface.
    pub(super) ends: [(usize, usize); 2],
    pub(super) delay: SimDuration,
    pub(super) spacing: SimDuration,
    /// Nanoseconds an octet takes.
    pub(super) octet_nanos: Option<u64>,
    /// Octets that may wait.
    pub(super) queue: Option<u64>,
    pub(super) free_at: [SimTime; 2],
}

impl Link {
    pub(super) fn new(
        ends: [(usize, usize); 2],
        delay: Option<SimDuration>,
        spacing: Option<SimDuration>,
    ) -> Self {
        Self {
            ends,
            delay: delay.unwrap_or(NEAR),
            spacing: spacing.unwrap_or(SPACING),
            octet_nanos: None,
            queue: None,
            free_at: [SimTime::ZERO; 2],
        }
    }
}

/// A rule for what gets lost, and how many packets it has seen.
#[derive(Debug)]
pub(super) struct Loss {
    pub(super) rule: Lose,
    pub(super) from: usize,
    pub(super) seen: u64,
}

/// Everything.
#[derive(Debug)]
pub(super) struct Net {
    pub(super) now: SimTime,
    pub(super) places: Vec<Place>,
    pub(super) links: Vec<Link>,
    pub(super) losses: Vec<Loss>,
    queue: BinaryHeap<Reverse<(SimTime, usize)>>,
    /// Where each frame in the queue arrives; none once it has.
    flying: Vec<Option<(usize, usize, LinkFrame)>>,
    /// Whether machines have to ask for their neighbours.
    pub(super) resolves: bool,
    /// What happened on machines, with the number of the place.
    pub(super) events: Vec<(usize, HostEvent)>,
}

impl Net {
    pub(super) fn new(places: Vec<Place>, links: Vec<Link>, losses: Vec<Loss>) -> Self {
        Self {
            now: SimTime::ZERO,
            places,
            links,
            losses,
            queue: BinaryHeap::new(),
            flying: Vec::new(),
            resolves: false,
            events: Vec::new(),
        }
    }

    pub(super) fn place(&self, name: &str) -> Option<usize> {
        self.places.iter().position(|place| place.name == name)
    }

    /// Calls `act` on a machine and sends what comes of it.
    pub(super) fn with_host<R>(
        &mut self,
        place: usize,
        act: impl FnOnce(&mut Host, SimTime, &mut Output) -> R,
    ) -> Option<R> {
        let now = self.now;
        let Node::Host(host) = &mut self.places[place].node else {
            return None;
        };
        let mut out = Output::default();
        let result = act(host, now, &mut out);
        self.take(place, out);
        Some(result)
    }

    pub(super) fn host(&self, place: usize) -> Option<&Host> {
        match &self.places[place].node {
            Node::Host(host) => Some(host),
            Node::Nat(_) | Node::Names(_) => None,
        }
    }

    /// When anything happens next.
    pub(super) fn next(&self) -> Option<SimTime> {
        let timers = self.places.iter().filter_map(|place| match &place.node {
            Node::Host(host) => host.poll_timeout(),
            Node::Nat(_) | Node::Names(_) => None,
        });
        let arrival = self.queue.peek().map(|Reverse((at, _))| *at);
        timers.chain(arrival).min()
    }

    /// Does one thing that is due at `self.now`; false if nothing is.
    pub(super) fn step(&mut self) -> bool {
        if self
            .queue
            .peek()
            .is_some_and(|Reverse((at, _))| *at <= self.now)
        {
            self.arrive();
            return true;
        }
        let due = self.places.iter().position(|place| match &place.node {
            Node::Host(host) => host.poll_timeout().is_some_and(|at| at <= self.now),
            Node::Nat(_) | Node::Names(_) => false,
        });
        let Some(place) = due else {
            return false;
        };
        self.with_host(place, |host, now, out| host.on_timeout(now, out));
        true
    }

    fn arrive(&mut self) {
        let Some(Reverse((_, number))) = self.queue.pop() else {
            return;
        };
        let Some((place, interface, frame)) = self.flying[number].take() else {
            return;
        };
        let now = self.now;
        self.places[place].captured[interface].push((now, frame.clone()));
        if frame.is_of_link() {
            return self.arrive_of_link(place, interface, &frame);
        }
        let LinkFrame::Ip(Frame { packet, .. }) = frame else {
            return;
        };
        let mut out = Output::default();
        match &mut self.places[place].node {
            Node::Host(host) => host.on_packet(now, interface, packet, &mut out),
            Node::Nat(nat) => {
                for (interface, packet) in nat.on_packet(now, interface, packet) {
                    self.send(place, interface, packet);
                }
            }
            Node::Names(names) => {
                if let Some(answer) = names.on_packet(&packet) {
                    self.send(place, interface, answer);
                }
            }
        }
        self.take(place, out);
    }

    /// A packet of a raw socket leaves a place by its first interface.
    pub(super) fn inject(&mut self, place: usize, packet: IpPacket) {
        self.send(place, 0, packet);
    }

    fn take(&mut self, place: usize, out: Output) {
        self.events
            .extend(out.events.into_iter().map(|event| (place, event)));
        for sent in out.packets {
            self.send_to_neighbor(place, sent);
        }
        self.work_on_link(place);
    }

    fn send_to_neighbor(&mut self, place: usize, sent: Transmit) {
        let now = self.now;
        let sent = match &mut self.places[place].node {
            Node::Host(host) if self.resolves => {
                host.send_to_neighbor(now, sent).map(|(sent, _)| sent)
            }
            _ => Some(sent),
        };
        if let Some(sent) = sent {
            self.send(place, sent.interface, *sent.packet);
        }
    }

    /// Sends what a machine's neighbour table has: questions, answers, what has waited.
    fn work_on_link(&mut self, place: usize) {
        let Node::Host(host) = &mut self.places[place].node else {
            return;
        };
        let (released, frames) = (host.take_released(), host.take_link_frames());
        for sent in released {
            self.send_to_neighbor(place, sent);
        }
        for (interface, frame) in frames {
            self.send_frame(place, interface, frame);
        }
    }

    /// ARP or neighbour discovery arrives; what is no machine has every address.
    fn arrive_of_link(&mut self, place: usize, interface: usize, frame: &LinkFrame) {
        let now = self.now;
        if let Node::Host(host) = &mut self.places[place].node {
            host.on_link_frame(now, interface, frame);
            return self.work_on_link(place);
        }
        if let Some(answer) = frame.answered_by(MacAddr::default(), true) {
            self.send_frame(place, interface, answer);
        }
    }

    fn send(&mut self, place: usize, interface: usize, packet: IpPacket) {
        let frame = LinkFrame::Ip(Frame {
            destination: MacAddr::default(),
            source: MacAddr::default(),
            packet,
        });
        self.send_frame(place, interface, frame);
    }

    fn send_frame(&mut self, place: usize, interface: usize, frame: LinkFrame) {
        let now = self.now;
        self.places[place].captured[interface].push((now, frame.clone()));
        let passes = |it: &IpPacket| !it.is_neighbor_discovery();
        if let Some(packet) = frame.packet().filter(|it| passes(it))
            && self.is_lost(place, packet)
        {
            return;
        }
        let number = self.flying.len();
        for link in &mut self.links {
            let Some(side) = link.ends.iter().position(|end| *end == (place, interface)) else {
                continue;
            };
            let (to, to_interface) = link.ends[1 - side];
            let start = link.free_at[side].max(now);
            let size = frame.wire_len() as u64;
            let busy = match link.octet_nanos {
                None => link.spacing,
                Some(each) => {
                    let waiting = start.since(now).as_nanos() / each.max(1);
                    if link.queue.is_some_and(|most| waiting + size > most) {
                        return;
                    }
                    SimDuration::from_nanos(size * each)
                }
            };
            link.free_at[side] = start + busy;
            let sent = link.octet_nanos.map_or(start, |_| start + busy);
            self.queue.push(Reverse((sent + link.delay, number)));
            self.flying.push(Some((to, to_interface, frame)));
            return;
        }
    }

    fn is_lost(&mut self, place: usize, packet: &IpPacket) -> bool {
        let seconds = self.now.as_nanos() as f64 / 1e9;
        let mut lost = false;
        for loss in &mut self.losses {
            let rule = &loss.rule;
            let timely = seconds >= rule.after && seconds < rule.before;
            if loss.from != place || !timely || !is_what(rule.what, rule.payload, packet) {
                continue;
            }
            lost |= rule.nth.is_empty() || rule.nth.contains(&loss.seen);
            loss.seen += 1;
        }
        lost
    }
}

/// Whether a packet is one of those that a rule is about.
pub(super) fn is_what(what: What, least: usize, packet: &IpPacket) -> bool {
    let (flags, payload) = match &packet.transport {
        Transport::Tcp(tcp) => (Some(tcp.flags), tcp.payload.len()),
        Transport::Udp(udp) => (None, udp.payload.len()),
        _ => (None, 0),
    };
    let has = |flag| flags.is_some_and(|flags| flags.contains(flag));
    let control = TcpFlags::SYN.0 | TcpFlags::FIN.0 | TcpFlags::RST.0;
    let right = match what {
        What::All => true,
        What::Data => flags.is_some() && payload > 0,
        What::Syn => has(TcpFlags::SYN) && !has(TcpFlags::ACK),
        What::SynAck => has(TcpFlags::SYN | TcpFlags::ACK),
        What::Ack => flags.is_some_and(|flags| flags.0 & control == 0) && payload == 0,
        What::Fin => has(TcpFlags::FIN),
        What::Rst => has(TcpFlags::RST),
        What::Udp => matches!(packet.transport, Transport::Udp(_)),
        What::Icmp => matches!(packet.transport, Transport::Icmp(_)),
    };
    right && payload >= least
}

//! The network stack of a machine: sockets, ports, and the ways in and out.

mod connect;
mod counters;
mod errors;
mod handshake;
mod listening;
mod loopback;
mod neighbor;
mod numbers;
mod output;
mod ports;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::{IpAddr, SocketAddr};

use bytes::Bytes;
use indexmap::IndexMap;
use rustc_hash::FxBuildHasher;
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;
use wirelab_model::{SimTime, Stream};
use wirelab_wire::{IcmpError, IpHeader, IpPacket, Reassembler, TcpFlags, TcpSegment, Transport};

pub(crate) use connect::{ConnectError, SocketOptions};
pub(crate) use counters::Counters;
pub(crate) use errors::TcpNews;
pub(crate) use neighbor::{NeighborState, NeighborView, Way};
pub(crate) use output::Sent;

use super::firewall::{Firewall, Hook, Verdict};
use super::icmp::{Heard, RateLimit};
use super::output::{HostDrop, HostEvent, Transmit};
use super::route::{Resolved, RouteTable};
use super::spec::{HostConfig, HostSpec, InterfaceConfig};
use super::tcp::{
    Connection, Context, Ends, Keepalive, PathInfo, Request, State, TcpConfig, TimeWait, reset_for,
};

/// `net.ipv4.route.min_adv_mss`.
const ADVERTISED_MSS_MIN: u16 = 256;
/// `net.ipv6.route.min_adv_mss`: of the least MTU.
const ADVERTISED_MSS_MIN_V6: u16 = 1220;

/// A socket's number, never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct SocketId(pub(crate) u64);

/// What the stack has for the programs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum StackEvent {
    /// A listening socket has a new connection.
    Accepted { socket: SocketId, port: u16 },
    /// Something about the connection may have changed.
    Touched(SocketId),
    /// A UDP datagram for a bound port.
    Datagram {
        port: u16,
        from: SocketAddr,
        payload: Bytes,
    },
    /// An answer to a SYN that a port scanner made itself, which no socket waits for.
    Heard { port: u16, from: SocketAddr },
    /// An ICMP message for a program.
    Icmp(Heard),
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
enum TimerKey {
    Connection(SocketId),
    Request(Ends),
    TimeWait(Ends),
}

/// A listening socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Listener {
    /// How many connections may wait for `accept()`, less one (`sk_acceptq_is_full`).
    backlog: u32,
    waiting: u32,
    /// `SO_RCVBUF`, which its connections inherit.
    receive_buffer: Option<u32>,
}

/// The stack.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Stack {
    pub(crate) interfaces: Vec<InterfaceConfig>,
    /// By interface, the loopback last.
    counters: Vec<Counters>,
    neighbors: neighbor::Neighbors,
    /// Whether what is being sent confirms its next hop (`skb_set_dst_pending_confirm`).
    confirming: bool,
    /// MTUs set by hand, by name; they stay as long as the device does.
    link_mtus: BTreeMap<SmolStr, u16>,
    pub(crate) routes: RouteTable,
    pub(crate) firewall: Firewall,
    pub(crate) forwarding: bool,
    pub(crate) echo_ignore: bool,
    pub(crate) tcp: TcpConfig,
    pub(crate) port_range: (u16, u16),
    ephemeral: ports::Ephemeral,
    listeners: BTreeMap<u16, Listener>,
    /// Bound UDP ports; of a connected socket, its counter of identifications.
    udp_ports: BTreeMap<u16, Option<u16>>,
    /// Ports whose answers a port scanner listens to.
    pub(super) overheard: BTreeSet<u16>,
    /// Ports of connections from behind a container's bridge.
    pub(super) bridged: BTreeSet<u16>,
    connections: BTreeMap<SocketId, Connection>,
    by_ends: IndexMap<Ends, SocketId, FxBuildHasher>,
    requests: BTreeMap<Ends, Request>,
    time_waits: BTreeMap<Ends, TimeWait>,
    deadlines: BTreeSet<(SimTime, TimerKey)>,
    armed: IndexMap<TimerKey, SimTime, FxBuildHasher>,
    next_socket: u64,
    draws: Stream,
    /// What the offsets of sequence numbers and timestamps are made with.
    secret: u64,
    /// What IPv6 flow labels are made with (`hashrnd` of `flow_dissector.c`).
    label_secret: u64,
    /// Identifications of IPv6's fragment headers.
    fragment_draws: Stream,
    pub(crate) identification: u16,
    /// Tick in which an identification was drawn last.
    identified_at: u64,
    pub(crate) rate_limit: RateLimit,
    reassembler: Reassembler,
    pub(crate) events: VecDeque<StackEvent>,
    pub(crate) sent: Vec<Transmit>,
    pub(crate) notices: Vec<HostEvent>,
    loopback: loopback::Loopback,
}

impl Stack {
    pub(crate) fn new(spec: &HostSpec, config: &HostConfig, firewall: Firewall) -> Self {
        let mut draws = Stream::new(config.seed.traffic, &format!("host/{}/sockets", spec.name));
        let identification = draws.next_u32() as u16;
        let secret = draws.next_u64();
        let labels = format!("host/{}/flow-labels", spec.name);
        let label_secret = Stream::new(config.seed.traffic, &labels).next_u64();
        let fragments = format!("host/{}/fragments", spec.name);
        Self {
            interfaces: Vec::new(),
            counters: vec![Counters::default()],
            neighbors: neighbor::Neighbors::new(config.seed.traffic, &spec.name),
            confirming: false,
            link_mtus: BTreeMap::new(),
            routes: RouteTable::new(spec.routes.clone()),
            firewall,
            forwarding: spec.settings.ip_forward,
            echo_ignore: spec.settings.icmp_echo_ignore_all,
            tcp: TcpConfig::new(&spec.settings, spec.kernel),
            port_range: spec.settings.local_port_range,
            ephemeral: ports::Ephemeral::new(config.seed.traffic, &spec.name),
            listeners: BTreeMap::new(),
            udp_ports: BTreeMap::new(),
            overheard: BTreeSet::new(),
            bridged: BTreeSet::new(),
            connections: BTreeMap::new(),
            by_ends: IndexMap::default(),
            requests: BTreeMap::new(),
            time_waits: BTreeMap::new(),
            deadlines: BTreeSet::new(),
            armed: IndexMap::default(),
            next_socket: 0,
            draws,
            secret,
            label_secret,
            fragment_draws: Stream::new(config.seed.traffic, &fragments),
            identification,
            identified_at: 0,
            rate_limit: RateLimit::default(),
            reassembler: Reassembler::new(),
            events: VecDeque::new(),
            sent: Vec::new(),
            notices: Vec::new(),
            loopback: loopback::Loopback::new(config.seed.traffic, &spec.name),
        }
    }

    /// Other times for a socket with `SO_KEEPALIVE`; a timer that runs is not touched.
    pub(crate) fn change_keepalive(&mut self, socket: SocketId, keepalive: Keepalive) {
        let connection = self.connections.get_mut(&socket);
        if let Some(present) = connection.and_then(|it| it.keepalive_mut()) {
            *present = keepalive;
        }
    }

    pub(crate) fn set_interfaces(&mut self, interfaces: Vec<InterfaceConfig>) {
        let old = std::mem::replace(&mut self.interfaces, interfaces);
        self.carry_counters(&old);
        let is_same = |name: &SmolStr, new: &InterfaceConfig| {
            new.name == *name
                && old
                    .iter()
                    .any(|old| old.name == *name && old.mac == new.mac)
        };
        let interfaces = &mut self.interfaces;
        self.link_mtus.retain(|name, mtu| {
            let found = interfaces.iter_mut().find(|new| is_same(name, new));
            found.map(|new| new.mtu = *mtu).is_some()
        });
        let is_gone = |at: usize| match (old.get(at), self.interfaces.get(at)) {
            (Some(old), Some(new)) => old.name != new.name || old.mac != new.mac,
            _ => true,
        };
        self.neighbors.forget(is_gone);
        self.routes.rebuild(&self.interfaces);
    }

    /// Takes the name servers and domains of a new lease.
    pub(crate) fn renew(&mut self, leased: &[InterfaceConfig]) {
        for (has, gets) in self.interfaces.iter_mut().zip(leased) {
            has.resolvers.clone_from(&gets.resolvers);
            has.search.clone_from(&gets.search);
        }
    }

    /// `ip link set mtu`.
    pub(crate) fn set_link_mtu(&mut self, interface: usize, mtu: u16) {
        let name = self.interfaces[interface].name.clone();
        self.link_mtus.insert(name, mtu);
        self.interfaces[interface].mtu = mtu;
        self.routes.rebuild(&self.interfaces);
    }

    pub(crate) fn is_local(&self, address: IpAddr) -> bool {
        address.is_loopback()
            || self
                .interfaces
                .iter()
                .any(|config| config.addresses.iter().any(|net| net.addr() == address))
    }

    /// The way to `destination`; to an own address it leads back.
    pub(crate) fn resolve(&self, destination: IpAddr) -> Option<Resolved> {
        if self.is_local(destination) {
            return Some(Resolved {
                interface: usize::MAX,
                next_hop: destination,
                source: destination,
                mtu: 65535,
                advertised_mss: 65483,
            });
        }
        self.routes.resolve(destination, &self.interfaces)
    }

    pub(crate) fn path(&self, destination: IpAddr, now: SimTime) -> Option<PathInfo> {
        let resolved = self.resolve(destination)?;
        let mtu = self.routes.path_mtu(destination, resolved.mtu, now);
        let headers = if destination.is_ipv4() { 40 } else { 60 };
        let implied = resolved.mtu.saturating_sub(headers);
        let least = if destination.is_ipv4() {
            ADVERTISED_MSS_MIN
        } else {
            ADVERTISED_MSS_MIN_V6
        };
        // `ipv4_default_advmss`: what was learned of the path lowers the MSS announced, unless the
        // route has one of its own.
        let advertised_mss = if resolved.advertised_mss == implied {
            mtu.saturating_sub(headers).max(least)
        } else {
            resolved.advertised_mss
        };
        Some(PathInfo {
            mtu: u32::from(mtu),
            advertised_mss: u32::from(advertised_mss),
            locked: self.routes.is_locked(destination, now),
        })
    }

    fn in_use(&self, ends: &Ends) -> bool {
        self.by_ends.contains_key(ends) || self.time_waits.contains_key(ends)
    }

    fn insert(&mut self, connection: Connection) -> SocketId {
        let id = SocketId(self.next_socket);
        self.next_socket += 1;
        self.by_ends.insert(connection.ends, id);
        let timer = connection.poll_timeout();
        self.connections.insert(id, connection);
        self.arm(TimerKey::Connection(id), timer);
        id
    }

    fn arm(&mut self, key: TimerKey, at: Option<SimTime>) {
        if self.armed.get(&key) == at.as_ref() {
            return;
        }
        if let Some(old) = self.armed.swap_remove(&key) {
            self.deadlines.remove(&(old, key.clone()));
        }
        if let Some(at) = at {
            self.armed.insert(key.clone(), at);
            self.deadlines.insert((at, key));
        }
    }

    /// A connection, if it still exists.
    pub(crate) fn connection(&self, id: SocketId) -> Option<&Connection> {
        self.connections.get(&id)
    }

    /// Every connection, in the order of their creation.
    pub(crate) fn connections(&self) -> impl Iterator<Item = &Connection> {
        self.connections.values()
    }

    /// The same with their sockets.
    pub(crate) fn sockets(&self) -> impl Iterator<Item = (SocketId, &Connection)> {
        self.connections.iter().map(|(id, it)| (*id, it))
    }

    /// Four-tuples in SYN-RECV and in TIME-WAIT, and until when.
    pub(crate) fn half_open(&self) -> impl Iterator<Item = (&'static str, Ends, Option<SimTime>)> {
        let requests = self.requests.keys();
        let requests = requests.map(|ends| ("SYN-RECV", *ends, None));
        let waits = self.time_waits.iter();
        let waits = waits.map(|(ends, wait)| ("TIME-WAIT", *ends, Some(wait.ends_at())));
        requests.chain(waits)
    }

    /// Calls `act` on a connection and sends what comes of it.
    pub(crate) fn with<R>(
        &mut self,
        now: SimTime,
        id: SocketId,
        act: impl FnOnce(&mut Connection, &mut Context<'_>) -> R,
    ) -> Option<R> {
        let remote = self.connections.get(&id)?.ends.remote.ip();
        let path = self.path(remote, now).unwrap_or(PathInfo {
            mtu: 1500,
            advertised_mss: 1460,
            locked: false,
        });
        let connection = self.connections.get_mut(&id)?;
        connection.follow(&self.tcp);
        let mut packets = Vec::new();
        let mut cx = Context {
            now,
            path,
            out: &mut packets,
        };
        let result = act(connection, &mut cx);
        let timer = connection.poll_timeout();
        let confirms = !packets.is_empty() && std::mem::take(&mut connection.confirms);
        if connection.is_finished() {
            self.retire(id, now);
        } else {
            self.arm(TimerKey::Connection(id), timer);
        }
        self.confirming = confirms;
        self.transmit_all(now, packets);
        self.confirming = false;
        Some(result)
    }

    /// A connection that is over leaves its four-tuple; its program still reads it.
    fn retire(&mut self, id: SocketId, now: SimTime) {
        self.arm(TimerKey::Connection(id), None);
        let Some(connection) = self.connections.get_mut(&id) else {
            return;
        };
        let ends = connection.ends;
        if connection.state == State::TimeWait && self.by_ends.get(&ends) == Some(&id) {
            let wait = TimeWait::new(connection, now);
            let until = wait.ends_at();
            self.time_waits.insert(ends, wait);
            self.arm(TimerKey::TimeWait(ends), Some(until));
        }
        if self.by_ends.get(&ends) == Some(&id) {
            self.by_ends.swap_remove(&ends);
        }
        let forgotten = self.connections.get(&id).is_some_and(Connection::is_orphan);
        if forgotten {
            self.connections.remove(&id);
        }
    }

    /// The program lets go of a socket: closed in the background if it is not over yet.
    pub(crate) fn close(&mut self, now: SimTime, id: SocketId) {
        let over = self
            .connections
            .get(&id)
            .is_some_and(Connection::is_finished);
        if over {
            self.connections.remove(&id);
        } else {
            self.with(now, id, Connection::close);
        }
    }

    /// When anything is due.
    pub(crate) fn poll_timeout(&self) -> Option<SimTime> {
        let reassembly = self.reassembler.poll_timeout().map(SimTime::from_nanos);
        let timer = self.deadlines.first().map(|(at, _)| *at);
        [reassembly, timer].into_iter().flatten().min()
    }

    /// When the next packet to this machine itself arrives.
    pub(crate) fn poll_loopback(&self) -> Option<SimTime> {
        self.loopback.due()
    }

    /// Fires every timer that is due.
    pub(crate) fn on_timeout(&mut self, now: SimTime) {
        while let Some((at, key)) = self.deadlines.first().cloned() {
            if at > now {
                break;
            }
            self.arm(key.clone(), None);
            self.fire(key, now);
        }
        // `ip_expire`: the sender of what did not become whole is told so.
        for first in self.reassembler.expire(now.as_nanos()) {
            self.send_error(now, &first, IcmpError::ReassemblyTimeExceeded);
        }
        self.run_loopback(now);
    }

    fn fire(&mut self, key: TimerKey, now: SimTime) {
        match key {
            TimerKey::Connection(id) => {
                self.with(now, id, Connection::on_timeout);
                self.events.push_back(StackEvent::Touched(id));
            }
            TimerKey::TimeWait(ends) => {
                self.time_waits.remove(&ends);
            }
            TimerKey::Request(ends) => {
                let keep = self.with_request(now, ends, |request, cx| request.on_timeout(cx));
                self.keep_request(ends, keep == Some(true));
            }
        }
    }

    fn with_request<R>(
        &mut self,
        now: SimTime,
        ends: Ends,
        act: impl FnOnce(&mut Request, &mut Context<'_>) -> R,
    ) -> Option<R> {
        let path = self.path(ends.remote.ip(), now)?;
        let request = self.requests.get_mut(&ends)?;
        request.follow(&self.tcp);
        let mut packets = Vec::new();
        let mut cx = Context {
            now,
            path,
            out: &mut packets,
        };
        let result = act(request, &mut cx);
        self.transmit_all(now, packets);
        Some(result)
    }

    fn keep_request(&mut self, ends: Ends, keep: bool) {
        if keep {
            let at = self.requests.get(&ends).map(Request::poll_timeout);
            self.arm(TimerKey::Request(ends), at);
        } else {
            self.requests.remove(&ends);
            self.arm(TimerKey::Request(ends), None);
        }
    }

    /// A packet from the network.
    pub(crate) fn on_packet(&mut self, now: SimTime, interface: usize, packet: Box<IpPacket>) {
        self.count_received(interface, packet.total_len());
        if self.is_local(packet.header.destination) {
            self.deliver(now, interface, packet);
        } else if self.forwarding {
            self.forward(now, interface, packet);
        } else {
            self.drop_packet(packet, HostDrop::NotForwarding);
        }
        self.run_loopback(now);
    }

    pub(crate) fn run_loopback(&mut self, now: SimTime) {
        while let Some(packet) = self.loopback.take(now) {
            self.deliver(now, usize::MAX, packet);
        }
    }

    fn deliver(&mut self, now: SimTime, interface: usize, mut packet: Box<IpPacket>) {
        if packet.is_fragment() {
            let Some(whole) = self.reassembler.insert(now.as_nanos(), *packet) else {
                return;
            };
            packet = Box::new(whole);
        }
        if !self.bridged.is_empty() && !self.cross_bridge_in(now, &packet) {
            return self.drop_packet(packet, HostDrop::TtlExpired);
        }
        let names = names(&self.interfaces, Some(interface), None);
        let verdict = self
            .firewall
            .filter(Hook::Input, &mut packet, names, None, now);
        match verdict {
            Verdict::Accept => {}
            Verdict::Drop { rule } => {
                self.drop_packet(packet, HostDrop::Firewall { rule });
                return;
            }
            Verdict::Reject { rule, with } => {
                self.reject(now, &packet, with);
                self.drop_packet(packet, HostDrop::Firewall { rule });
                return;
            }
        }
        match &packet.transport {
            Transport::Tcp(segment) => self.on_tcp(now, &packet.header, segment),
            Transport::Udp(_) => self.on_udp(now, &packet),
            Transport::Icmp(_) => self.on_icmp(now, &packet),
            Transport::Icmpv6(_) => self.on_icmpv6(now, &packet),
            _ => {}
        }
    }

    fn on_tcp(&mut self, now: SimTime, header: &IpHeader, segment: &TcpSegment) {
        let ends = Ends {
            local: SocketAddr::new(header.destination, segment.destination_port),
            remote: SocketAddr::new(header.source, segment.source_port),
        };
        if let Some(id) = self.by_ends.get(&ends).copied() {
            self.with(now, id, |connection, cx| connection.on_segment(segment, cx));
            self.events.push_back(StackEvent::Touched(id));
        } else if self.requests.contains_key(&ends) {
            self.on_request_segment(now, ends, segment);
        } else if self.time_waits.contains_key(&ends) {
            self.on_time_wait_segment(now, ends, segment);
        } else {
            self.on_segment_without_socket(now, ends, segment);
        }
    }

    fn on_segment_without_socket(&mut self, now: SimTime, ends: Ends, segment: &TcpSegment) {
        if self.overheard.contains(&ends.local.port()) {
            self.events.push_back(StackEvent::Heard {
                port: ends.local.port(),
                from: ends.remote,
            });
        }
        let listening = self.listeners.contains_key(&ends.local.port());
        let syn = segment.flags.contains(TcpFlags::SYN) && !segment.flags.contains(TcpFlags::ACK);
        if listening && syn && !segment.flags.contains(TcpFlags::RST) {
            self.on_syn(now, ends, segment);
        } else if listening && !segment.flags.contains(TcpFlags::ACK) {
            // A listening socket ignores what is neither SYN nor ACK.
        } else if let Some(reset) = reset_for(ends, segment) {
            self.transmit_all(now, vec![reset]);
        }
    }

    fn on_udp(&mut self, now: SimTime, packet: &IpPacket) {
        let Some(datagram) = packet.as_udp() else {
            return;
        };
        if self.udp_ports.contains_key(&datagram.destination_port) {
            self.events.push_back(StackEvent::Datagram {
                port: datagram.destination_port,
                from: SocketAddr::new(packet.header.source, datagram.source_port),
                payload: datagram.payload.clone(),
            });
        } else {
            self.port_unreachable(now, packet);
        }
    }
}

/// Names of the interfaces a packet came from and goes to, for the firewall.
pub(crate) fn names(
    interfaces: &[InterfaceConfig],
    from: Option<usize>,
    to: Option<usize>,
) -> (&str, &str) {
    let name = |index: Option<usize>| match index {
        None => "",
        Some(index) => interfaces
            .get(index)
            .map_or("lo", |config| config.name.as_str()),
    };
    (name(from), name(to))
}

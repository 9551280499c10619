//! Connection tracking of an interface's security groups.
//!
//! EC2 User Guide, "Security group connection tracking" (`facts.md` 2.1). One table an interface,
//! keyed by the flow as the interface's owner sees it. A tracked flow passes in both directions
//! whatever the rules say by now, until it closes or its idle timeout ends. What is tracked at all
//! is decided by [`security_group`](super::security_group).

use std::net::IpAddr;

use indexmap::IndexMap;
use rustc_hash::FxBuildHasher;
use serde::{Deserialize, Serialize};
use wirelab_model::{FlowDirection, SimDuration, SimTime};
use wirelab_wire::{IpPacket, TcpFlags, protocol};

use super::header::{FlowKey, Header};
use crate::config::FabricConfig;

/// TCP idle timeout of a tracked, established connection (`facts.md` 2.1), in seconds.
pub(super) const TCP_ESTABLISHED: u32 = 432_000;
/// UDP in one direction, or one request and response.
pub(super) const UDP: u32 = 30;
/// UDP with more than one request and response.
pub(super) const UDP_STREAM: u32 = 180;

/// How long the fragments of a datagram may follow its first one (Linux `ipfrag_time`).
const FRAGMENT_LIFETIME: SimDuration = SimDuration::from_secs(30);
/// A table is swept for dead entries when it has grown to this, or to twice what a sweep left.
const FIRST_SWEEP: usize = 1024;

/// Idle timeouts of one interface.
#[derive(Clone, Copy, Debug)]
pub(crate) struct IdleTimeouts {
    pub(crate) tcp_opening: SimDuration,
    pub(crate) tcp_established: SimDuration,
    pub(crate) tcp_closing: SimDuration,
    pub(crate) udp: SimDuration,
    pub(crate) udp_stream: SimDuration,
    pub(crate) icmp: SimDuration,
    pub(crate) other: SimDuration,
}

impl IdleTimeouts {
    /// Those of a gateway that keeps track of flows.
    pub(crate) const fn of_gateway(config: &FabricConfig) -> Self {
        Self {
            tcp_opening: config.timeouts.tcp_opening,
            tcp_established: SimDuration::from_secs(TCP_ESTABLISHED as u64),
            tcp_closing: config.timeouts.tcp_closing,
            udp: SimDuration::from_secs(UDP as u64),
            udp_stream: SimDuration::from_secs(UDP_STREAM as u64),
            icmp: config.timeouts.icmp,
            other: config.timeouts.other,
        }
    }
}

/// The table of one interface.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Conntrack {
    flows: IndexMap<FlowKey, Tracked, FxBuildHasher>,
    /// Datagrams whose first fragment has passed, and until when the others may.
    fragments: IndexMap<FragmentKey, SimTime, FxBuildHasher>,
    sweep_at: usize,
    swept: SimTime,
    /// TCP connections that were established since somebody asked.
    established: u64,
}

type FragmentKey = (IpAddr, IpAddr, u32, u8);

/// One tracked flow.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Tracked {
    initiator: FlowDirection,
    expires: SimTime,
    forward: u32,
    back: u32,
    /// TCP: the third segment of the handshake has passed.
    established: bool,
    /// TCP: FIN from the initiator, FIN to it.
    fins: (bool, bool),
}

impl Conntrack {
    /// Whether the packet belongs to a tracked flow; if so the flow's idle time starts again.
    pub(crate) fn accepts(
        &mut self,
        now: SimTime,
        header: &Header,
        direction: FlowDirection,
        packet: &IpPacket,
        timeouts: &IdleTimeouts,
    ) -> bool {
        if header.later_fragment {
            return self.accepts_fragment(now, packet);
        }
        let key = header.flow(direction);
        let Some(flow) = self.flows.get_mut(&key) else {
            return false;
        };
        if flow.expires <= now {
            self.flows.swap_remove(&key);
            return false;
        }
        if !flow.has(header, direction) {
            return false;
        }
        if header.has(TcpFlags::RST) {
            self.flows.swap_remove(&key);
        } else {
            let was = flow.established;
            flow.follow(header, direction);
            self.established += u64::from(flow.established && !was);
            flow.expires = now + flow.idle_timeout(header.protocol, timeouts);
        }
        self.remember_fragments(now, packet);
        true
    }

    /// What [`Self::accepts`] would say, of a packet that leaves no trace.
    pub(crate) fn would_accept(
        &self,
        now: SimTime,
        header: &Header,
        direction: FlowDirection,
        packet: &IpPacket,
    ) -> bool {
        if header.later_fragment {
            return self.accepts_fragment(now, packet);
        }
        let flow = self.flows.get(&header.flow(direction));
        flow.is_some_and(|it| it.expires > now && it.has(header, direction))
    }

    /// Whether `key`, seen from the interface's owner, is tracked: for ICMP errors about it.
    pub(crate) fn knows(&self, now: SimTime, key: &FlowKey) -> bool {
        self.flows.get(key).is_some_and(|flow| flow.expires > now)
    }

    /// Starts to track the flow of a packet that a rule allowed, if it is one that starts a flow.
    /// `false` if the table is full.
    pub(crate) fn track(
        &mut self,
        now: SimTime,
        header: &Header,
        direction: FlowDirection,
        timeouts: &IdleTimeouts,
        limit: u32,
    ) -> bool {
        if header.later_fragment || !starts_flow(header) {
            return true;
        }
        if !self.make_room(now, limit) {
            return false;
        }
        let mut flow = Tracked {
            initiator: direction,
            expires: now,
            forward: 0,
            back: 0,
            established: false,
            fins: (false, false),
        };
        flow.follow(header, direction);
        flow.expires = now + flow.idle_timeout(header.protocol, timeouts);
        self.flows.insert(header.flow(direction), flow);
        true
    }

    /// Lets the later fragments of the packet pass, if it is a first one.
    pub(crate) fn remember_fragments(&mut self, now: SimTime, packet: &IpPacket) {
        if packet.is_fragment() {
            self.fragments.retain(|_, until| *until > now);
            self.fragments
                .insert(fragment_key(packet), now + FRAGMENT_LIFETIME);
        }
    }

    fn accepts_fragment(&self, now: SimTime, packet: &IpPacket) -> bool {
        let until = self.fragments.get(&fragment_key(packet));
        until.is_some_and(|until| *until > now)
    }

    /// Entries, dead ones that were not swept yet included.
    pub(crate) fn len(&self) -> usize {
        self.flows.len()
    }

    /// Flows that are tracked at `now`.
    pub(crate) fn live(&self, now: SimTime) -> usize {
        self.flows.values().filter(|it| it.expires > now).count()
    }

    /// TCP connections at `now`, from the SYN to the first FIN.
    pub(super) fn active(&self, now: SimTime) -> u64 {
        let is_active = |(key, flow): &(&FlowKey, &Tracked)| {
            key.protocol == protocol::TCP && flow.expires > now && flow.fins == (false, false)
        };
        self.flows.iter().filter(is_active).count() as u64
    }

    /// How many TCP connections were established since the last time.
    pub(super) const fn take_established(&mut self) -> u64 {
        std::mem::replace(&mut self.established, 0)
    }

    fn make_room(&mut self, now: SimTime, limit: u32) -> bool {
        let limit = limit as usize;
        let sweeps = self.flows.len() >= self.sweep_at.max(FIRST_SWEEP)
            // A full table is looked through at most once a second.
            || (self.flows.len() >= limit && now.since(self.swept) >= SimDuration::from_secs(1));
        if sweeps {
            self.flows.retain(|_, flow| flow.expires > now);
            self.sweep_at = self.flows.len() * 2;
            self.swept = now;
        }
        self.flows.len() < limit
    }
}

/// Whether a packet starts a flow: a SYN, an ICMP query, anything of another protocol. A segment
/// from the middle of a connection that is not (or no longer) tracked is judged by the rules like
/// any packet, and so is its answer: it brings no entry back.
fn starts_flow(header: &Header) -> bool {
    match header.protocol {
        protocol::TCP => header.opens_tcp(),
        protocol::ICMP | protocol::ICMPV6 => header.is_icmp_query(),
        _ => true,
    }
}

fn fragment_key(packet: &IpPacket) -> FragmentKey {
    (
        packet.source(),
        packet.destination(),
        packet.header.identification(),
        packet.protocol(),
    )
}

impl Tracked {
    /// Whether the packet, whose ends are the flow's, belongs to it: a query against the flow's
    /// direction is a new one, and an error is no answer.
    const fn has(&self, header: &Header, direction: FlowDirection) -> bool {
        !header.is_icmp()
            || match (direction, self.initiator) {
                (FlowDirection::Ingress, FlowDirection::Ingress)
                | (FlowDirection::Egress, FlowDirection::Egress) => header.is_icmp_query(),
                _ => header.is_icmp_answer(),
            }
    }

    fn follow(&mut self, header: &Header, direction: FlowDirection) {
        let by_initiator = direction == self.initiator;
        if by_initiator {
            self.forward = self.forward.saturating_add(1);
        } else {
            self.back = self.back.saturating_add(1);
        }
        if header.protocol != protocol::TCP {
            return;
        }
        let is_closed = self.fins.0 || self.fins.1;
        if header.opens_tcp() {
            if is_closed {
                (self.back, self.established, self.fins) = (0, false, (false, false));
            }
            return;
        }
        self.established |= by_initiator && self.back > 0;
        if header.has(TcpFlags::FIN) {
            self.fins.0 |= by_initiator;
            self.fins.1 |= !by_initiator;
        }
    }

    const fn idle_timeout(&self, number: u8, timeouts: &IdleTimeouts) -> SimDuration {
        match number {
            protocol::TCP => match (self.fins, self.established) {
                ((true, true), _) => timeouts.tcp_closing,
                (_, true) => timeouts.tcp_established,
                (_, false) => timeouts.tcp_opening,
            },
            // A stream is more than one request and response.
            protocol::UDP if self.forward > 1 && self.back > 1 => timeouts.udp_stream,
            protocol::UDP => timeouts.udp,
            protocol::ICMP | protocol::ICMPV6 => timeouts.icmp,
            _ => timeouts.other,
        }
    }
}

//! Connection tracking of one interface (`facts.md` 2.1 "Connection tracking", ruling D6).

use std::collections::BTreeMap;
use std::net::IpAddr;

use wirelab_model::{NetworkInterfaceId, NitroGeneration, SimDuration, SimTime};
use wirelab_wire::TcpFlags;

use super::packet::{Ends, Fragment, ICMP, ICMPV6, TCP, UDP};
use super::{Packet, Plain};

/// Idle timeouts of one interface, in seconds.
pub(super) struct Idle {
    established: u64,
    udp: u64,
    udp_stream: u64,
}

/// What AWS sets by itself.
impl Default for Idle {
    fn default() -> Self {
        Self {
            established: 432_000,
            udp: 30,
            udp_stream: 180,
        }
    }
}

/// A handshake that is not complete: the simulator's own number.
const OPENING: u64 = 120;
/// After both FINs (ruling D6).
const CLOSING: u64 = 60;
/// Pings: the simulator's own number.
const PING: u64 = 30;
/// Fragments may follow their first one for so long (Linux `ipfrag_time`).
const DATAGRAM: u64 = 30;
/// Neither TCP, UDP nor ICMP: by pair of addresses.
const OTHER: u64 = 600;

/// The tracked flows of an interface, each by its ends as the interface's owner sends.
#[derive(Clone, Debug, Default)]
pub(super) struct Tracking {
    flows: BTreeMap<Ends, Entry>,
    /// When the first fragment of a datagram passed.
    datagrams: BTreeMap<(IpAddr, IpAddr, u8, u32), SimTime>,
}

#[derive(Clone, Debug)]
struct Entry {
    /// The owner sent the first packet.
    by_owner: bool,
    last: SimTime,
    /// TCP: how many of the three segments of the handshake have passed.
    handshake: u8,
    /// UDP: requests and responses so far.
    requests: u64,
    responses: u64,
    /// TCP: FIN from the owner, to the owner.
    fins: (bool, bool),
}

impl Tracking {
    /// Whether the packet belongs to a tracked flow, which lives on by it.
    pub(super) fn passes(
        &mut self,
        now: SimTime,
        egress: bool,
        packet: &Packet,
        limits: &Idle,
    ) -> bool {
        if packet.fragment == Fragment::Later {
            let first = self.datagrams.get(&packet.datagram());
            return first.is_some_and(|at| now.since(*at) < SimDuration::from_secs(DATAGRAM));
        }
        if packet.about.is_some() {
            return false;
        }
        let key = key(egress, packet);
        let Some(entry) = self.flows.get_mut(&key) else {
            return false;
        };
        // An echo request is no answer to one, and a reply none to a reply.
        let from_opener = egress == entry.by_owner;
        if packet.is_echo_request() && !from_opener || packet.is_echo_reply() && from_opener {
            return false;
        }
        if now.since(entry.last)
            >= SimDuration::from_secs(entry.idle_limit(packet.protocol, limits))
        {
            self.flows.remove(&key);
            return false;
        }
        entry.last = now;
        entry.see(egress, packet);
        if packet.protocol == TCP && packet.has(TcpFlags::RST) {
            self.flows.remove(&key);
        }
        true
    }

    /// Whether the flow is tracked; `ends` as its owner sends.
    pub(super) fn knows(&self, now: SimTime, ends: &Ends, limits: &Idle) -> bool {
        self.flows.get(ends).is_some_and(|it| {
            let limit = it.idle_limit(ends.protocol, limits);
            now.since(it.last) < SimDuration::from_secs(limit)
        })
    }

    /// The other fragments of an allowed first one may follow it.
    pub(super) fn lets_follow(&mut self, now: SimTime, packet: &Packet) {
        if packet.fragment == Fragment::First {
            self.datagrams.insert(packet.datagram(), now);
        }
    }

    /// Begins to track the flow of an allowed packet, if the packet is one that starts a flow.
    pub(super) fn begin(&mut self, now: SimTime, egress: bool, packet: &Packet) {
        let starts = match packet.protocol {
            TCP => packet.opens(),
            ICMP | ICMPV6 => packet.is_echo_request(),
            _ => packet.fragment != Fragment::Later,
        };
        if starts && packet.about.is_none() {
            let entry = Entry {
                by_owner: egress,
                last: now,
                handshake: 1,
                requests: 1,
                responses: 0,
                fins: (false, false),
            };
            self.flows.insert(key(egress, packet), entry);
        }
    }
}

impl Entry {
    fn see(&mut self, egress: bool, packet: &Packet) {
        let from_opener = egress == self.by_owner;
        match packet.protocol {
            TCP => {
                if packet.opens() {
                    if self.fins != (false, false) {
                        self.handshake = 1;
                        self.fins = (false, false);
                    }
                    return;
                }
                self.handshake = match self.handshake {
                    1 if !from_opener => 2,
                    2 if from_opener => 3,
                    other => other,
                };
                if packet.has(TcpFlags::FIN) {
                    if egress {
                        self.fins.0 = true;
                    } else {
                        self.fins.1 = true;
                    }
                }
            }
            UDP if from_opener => self.requests += 1,
            UDP => self.responses += 1,
            _ => {}
        }
    }

    fn idle_limit(&self, protocol: u8, limits: &Idle) -> u64 {
        match protocol {
            TCP if self.fins == (true, true) => CLOSING,
            TCP if self.handshake < 3 => OPENING,
            TCP => limits.established,
            UDP if self.requests > 1 && self.responses > 1 => limits.udp_stream,
            UDP => limits.udp,
            ICMP | ICMPV6 => PING,
            _ => OTHER,
        }
    }
}

/// The flow as the interface's owner sends it; of protocols without ports, the pair of addresses.
fn key(egress: bool, packet: &Packet) -> Ends {
    let ends = packet.ends();
    if egress { ends } else { ends.turned() }
}

impl Plain {
    pub(super) fn idle_timeouts(&self, id: &NetworkInterfaceId) -> Idle {
        let nic = self.interface(id);
        let instance = nic
            .attachment
            .as_ref()
            .and_then(|it| it.instance_id.as_ref());
        let instance = instance.and_then(|it| self.resources.instances.get(it));
        let newest = instance.is_some_and(|it| it.nitro_generation == NitroGeneration::NitroV6);
        let set = nic.connection_tracking_configuration;
        let default = if newest { 350 } else { 432_000 };
        Idle {
            established: set.tcp_established_timeout.map_or(default, u64::from),
            udp: set.udp_timeout.map_or(30, u64::from),
            udp_stream: set.udp_stream_timeout.map_or(180, u64::from),
        }
    }
}

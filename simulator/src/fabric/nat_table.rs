//! The port table of a NAT gateway.
//!
//! One mapping a connection: (inside address and port, destination and its port, protocol) to a
//! gateway address and port. The same port serves many destinations; towards one destination,
//! port and protocol a gateway address has 55,000 connections (`facts.md` 2.4: Amazon VPC User
//! Guide, "NAT gateway basics").

use std::net::IpAddr;

use indexmap::IndexMap;
use rustc_hash::FxBuildHasher;
use serde::{Deserialize, Serialize};
use wirelab_model::{SimDuration, SimTime, Stream};
use wirelab_wire::{IpPacket, TcpFlags, protocol};

use super::header::{FlowKey, Header};
use super::nat_capacity::Capacity;
use crate::config::Timeouts;

/// First port of the range.
const FIRST_PORT: u16 = 1024;
/// Simultaneous connections of one gateway address towards one destination, port and protocol.
const LIMIT: u32 = 55_000;
/// How long the fragments of a datagram may follow its first one (Linux `ipfrag_time`).
const FRAGMENT_LIFETIME: SimDuration = SimDuration::from_secs(30);
/// A table is swept when it has grown to this, or to twice what a sweep left.
const FIRST_SWEEP: usize = 1024;

/// Mappings of one gateway.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct NatTable {
    /// By the flow as the inside host sees it.
    inside: IndexMap<FlowKey, Mapping, FxBuildHasher>,
    /// From the flow as the gateway's outside sees it to the inside one.
    outside: IndexMap<FlowKey, FlowKey, FxBuildHasher>,
    /// Connections by gateway address, destination, its port, protocol.
    used: IndexMap<(IpAddr, IpAddr, u16, u8), u32, FxBuildHasher>,
    ports: Stream,
    sweep_at: usize,
    /// TCP connections that were forgotten for being idle, since the last sample.
    idle_timeouts: u64,
    /// UDP datagrams whose first fragment has passed: the address it got, and until when the others
    /// may follow.
    fragments: IndexMap<(IpAddr, IpAddr, u32), (IpAddr, SimTime), FxBuildHasher>,
    /// What the gateway carries now.
    pub(super) capacity: Capacity,
}

/// One connection's mapping.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Mapping {
    address: IpAddr,
    port: u16,
    expires: SimTime,
    /// FIN seen from the inside, from the outside.
    closed: (bool, bool),
    reset: bool,
    /// TCP: the destination has answered the SYN.
    established: bool,
}

/// What the end of a minute finds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Sample {
    /// TCP connections that are neither closed nor idle for too long.
    pub(super) active: u64,
    /// TCP connections that became idle since the last sample.
    pub(super) idle_timeouts: u64,
}

/// The gateway's end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Mapped {
    pub(super) address: IpAddr,
    pub(super) port: u16,
    /// The packet is the first SYN of a connection.
    pub(super) is_attempt: bool,
}

/// No port is free towards the destination.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Exhausted;

impl NatTable {
    /// An empty table; `name` is its random stream's.
    pub(super) fn new(seed: u64, name: &str) -> Self {
        Self {
            inside: IndexMap::default(),
            outside: IndexMap::default(),
            used: IndexMap::default(),
            ports: Stream::new(seed, name),
            sweep_at: FIRST_SWEEP,
            idle_timeouts: 0,
            fragments: IndexMap::default(),
            capacity: Capacity::default(),
        }
    }

    /// The gateway's address and port of a packet from the inside, if its connection is known and
    /// on one of the `owned` addresses; its idle time starts again.
    pub(super) fn outward(
        &mut self,
        now: SimTime,
        header: &Header,
        key: &FlowKey,
        owned: &[IpAddr],
        timeouts: &Timeouts,
    ) -> Option<Mapped> {
        self.expire(now, key);
        let mapping = self.inside.get_mut(key)?;
        if !owned.contains(&mapping.address) {
            let released = *mapping;
            self.inside.swap_remove(key);
            self.forget(key, &released);
            return None;
        }
        let is_attempt = header.opens_tcp() && mapping.is_closing();
        mapping.closed.0 |= header.has(TcpFlags::FIN);
        mapping.follow(now, header, timeouts);
        Some(Mapped {
            address: mapping.address,
            port: mapping.port,
            is_attempt,
        })
    }

    /// The inside flow of a packet that comes from the outside, if its connection is known, and
    /// whether the packet establishes it.
    pub(super) fn inward(
        &mut self,
        now: SimTime,
        header: &Header,
        key: &FlowKey,
        timeouts: &Timeouts,
    ) -> Option<(FlowKey, bool)> {
        // A query belongs to no flow of the inside, whatever its identifier is.
        if header.is_icmp() && !header.is_icmp_answer() {
            return None;
        }
        let inside = self.find_inward(now, key)?;
        let mapping = self.inside.get_mut(&inside)?;
        mapping.closed.1 |= header.has(TcpFlags::FIN);
        let answers = header.has(TcpFlags::SYN) && header.has(TcpFlags::ACK);
        let establishes = answers && !mapping.established;
        mapping.established |= answers;
        mapping.follow(now, header, timeouts);
        Some((inside, establishes))
    }

    /// The same without starting the idle time again: for ICMP errors about it.
    pub(super) fn find_inward(&mut self, now: SimTime, key: &FlowKey) -> Option<FlowKey> {
        let inside = *self.outside.get(key)?;
        self.expire(now, &inside);
        self.inside.contains_key(&inside).then_some(inside)
    }

    /// The gateway's end of an inside flow, without starting its idle time again.
    pub(super) fn find_outward(&mut self, now: SimTime, key: &FlowKey) -> Option<(IpAddr, u16)> {
        self.expire(now, key);
        let mapping = self.inside.get(key)?;
        Some((mapping.address, mapping.port))
    }

    /// A mapping for a new connection on one of the gateway's addresses.
    pub(super) fn map(
        &mut self,
        now: SimTime,
        header: &Header,
        key: FlowKey,
        addresses: &[IpAddr],
        timeouts: &Timeouts,
    ) -> Result<Mapped, Exhausted> {
        self.sweep(now);
        let mut address = self.address(&key, addresses);
        if address.is_none() {
            // What is idle for too long no longer counts.
            self.sweep_all(now);
            address = self.address(&key, addresses);
        }
        let address = address.ok_or(Exhausted)?;
        let port = self.free_port(&key, address);
        let mut mapping = Mapping {
            address,
            port,
            expires: now,
            closed: (false, false),
            reset: false,
            established: false,
        };
        mapping.follow(now, header, timeouts);
        self.inside.insert(key, mapping);
        self.outside.insert(mapping.outside(&key), key);
        *self.used.entry(used_key(&key, address)).or_default() += 1;
        Ok(Mapped {
            address,
            port,
            is_attempt: header.opens_tcp(),
        })
    }

    /// Lets the later fragments of the packet follow it to `address`.
    pub(super) fn remember_fragments(&mut self, now: SimTime, packet: &IpPacket, address: IpAddr) {
        self.fragments.retain(|_, (_, until)| *until > now);
        let until = now + FRAGMENT_LIFETIME;
        self.fragments
            .insert(fragment_key(packet), (address, until));
    }

    /// Where the first fragment of the packet's datagram went.
    pub(super) fn fragment(&self, now: SimTime, packet: &IpPacket) -> Option<IpAddr> {
        let (address, until) = self.fragments.get(&fragment_key(packet))?;
        (*until > now).then_some(*address)
    }

    /// The first address with room towards the destination, starting anywhere.
    fn address(&mut self, key: &FlowKey, addresses: &[IpAddr]) -> Option<IpAddr> {
        let last = addresses.len().checked_sub(1)?;
        let start = match last {
            0 => 0,
            last => usize::try_from(self.ports.range(0, last as u64)).unwrap_or(0),
        };
        let order = addresses.iter().cycle().skip(start).take(addresses.len());
        let has_room = |address: &&IpAddr| {
            let used = self.used.get(&used_key(key, **address));
            used.is_none_or(|used| *used < LIMIT)
        };
        order.copied().find(|address| has_room(&address))
    }

    fn free_port(&mut self, key: &FlowKey, address: IpAddr) -> u16 {
        let drawn = self.ports.range(u64::from(FIRST_PORT), u64::from(u16::MAX));
        let mut port = u16::try_from(drawn).unwrap_or(FIRST_PORT);
        // 55,000 of 64,512 ports are in use at most, so this ends.
        while self.outside.contains_key(&outside(key, address, port)) {
            port = port.checked_add(1).unwrap_or(FIRST_PORT);
        }
        port
    }

    fn expire(&mut self, now: SimTime, key: &FlowKey) {
        let dead = self.inside.get(key).filter(|it| it.expires <= now).copied();
        if let Some(mapping) = dead {
            self.inside.swap_remove(key);
            self.forget(key, &mapping);
            if key.protocol == protocol::TCP && !mapping.is_closing() {
                self.idle_timeouts += 1;
            }
        }
    }

    fn forget(&mut self, key: &FlowKey, mapping: &Mapping) {
        self.outside.swap_remove(&mapping.outside(key));
        let used = used_key(key, mapping.address);
        if let Some(count) = self.used.get_mut(&used) {
            *count -= 1;
            if *count == 0 {
                self.used.swap_remove(&used);
            }
        }
    }

    /// What CloudWatch is told of the connections at the end of a minute.
    pub(super) fn sample(&mut self, now: SimTime) -> Sample {
        self.sweep_all(now);
        let is_active =
            |(key, it): &(&FlowKey, &Mapping)| key.protocol == protocol::TCP && !it.is_closing();
        Sample {
            active: self.inside.iter().filter(is_active).count() as u64,
            idle_timeouts: std::mem::take(&mut self.idle_timeouts),
        }
    }

    fn sweep(&mut self, now: SimTime) {
        if self.inside.len() >= self.sweep_at {
            self.sweep_all(now);
            self.sweep_at = FIRST_SWEEP.max(self.inside.len() * 2);
        }
    }

    fn sweep_all(&mut self, now: SimTime) {
        let dead = self.inside.iter().filter(|(_, it)| it.expires <= now);
        let dead: Vec<_> = dead.map(|(key, _)| *key).collect();
        for key in dead {
            self.expire(now, &key);
        }
    }
}

impl Mapping {
    fn follow(&mut self, now: SimTime, header: &Header, timeouts: &Timeouts) {
        if header.protocol == protocol::TCP {
            if header.opens_tcp() {
                // A SYN that is sent again opens no other connection.
                self.established &= !self.is_closing();
                self.closed = (false, false);
                self.reset = false;
            }
            self.reset |= header.has(TcpFlags::RST);
        }
        let idle = if self.is_closing() {
            timeouts.nat_gateway_closing
        } else {
            timeouts.nat_gateway
        };
        self.expires = now + idle;
    }

    /// Both ends have closed it, or one has reset it.
    const fn is_closing(&self) -> bool {
        self.reset || matches!(self.closed, (true, true))
    }

    const fn outside(&self, inside: &FlowKey) -> FlowKey {
        outside(inside, self.address, self.port)
    }
}

fn fragment_key(packet: &IpPacket) -> (IpAddr, IpAddr, u32) {
    let identification = packet.header.identification();
    (packet.source(), packet.destination(), identification)
}

const fn outside(inside: &FlowKey, address: IpAddr, port: u16) -> FlowKey {
    let is_echo = matches!(inside.protocol, protocol::ICMP | protocol::ICMPV6);
    FlowKey {
        local: address,
        remote: inside.remote,
        local_port: port,
        // The identifier of a ping stands for both ports.
        remote_port: if is_echo { port } else { inside.remote_port },
        protocol: inside.protocol,
    }
}

const fn used_key(key: &FlowKey, address: IpAddr) -> (IpAddr, IpAddr, u16, u8) {
    let is_echo = matches!(key.protocol, protocol::ICMP | protocol::ICMPV6);
    let port = if is_echo { 0 } else { key.remote_port };
    (address, key.remote, port, key.protocol)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use wirelab_wire::IpPacket;

    use super::*;

    const OWN: [&str; 2] = ["10.0.2.20", "10.0.2.21"];

    fn table() -> NatTable {
        NatTable::new(7, "nat_gateway/test")
    }

    /// Maps a new connection from inside port `number` (of as many hosts as needed).
    fn map(
        table: &mut NatTable,
        number: u32,
        to: (&str, u16),
        own: &[IpAddr],
    ) -> Result<(IpAddr, u16), Exhausted> {
        let [_, high, a, b] = number.to_be_bytes();
        let inside = IpAddr::from([10, 0, 1, high]);
        let destination = to.0.parse().expect("an address");
        let mut segment =
            wirelab_wire::TcpSegment::new(u16::from_be_bytes([a, b]), to.1, TcpFlags::SYN);
        segment.window = 1;
        let header = Header::of(&IpPacket::tcp(inside, destination, segment));
        let key = header.flow(wirelab_model::FlowDirection::Egress);
        let timeouts = Timeouts::default();
        let mapped = table.map(SimTime::ZERO, &header, key, own, &timeouts);
        mapped.map(|it| (it.address, it.port))
    }

    #[test]
    fn each_address_has_55000_connections_towards_a_destination_and_no_two_share_a_port() {
        let own = OWN.map(|it| it.parse().expect("an address"));
        let mut table = table();
        let web = ("203.0.113.80", 443);
        let mut ends = BTreeSet::new();
        for number in 0..110_000 {
            let mapped = map(&mut table, number, web, &own);
            ends.insert(mapped.expect("there is room"));
        }
        assert_eq!(ends.len(), 110_000, "one to one");
        let ports = ends.iter().map(|(_, port)| *port);
        assert_eq!(ports.clone().min(), Some(FIRST_PORT));
        assert_eq!(ports.max(), Some(u16::MAX));
        assert_eq!(map(&mut table, 110_000, web, &own), Err(Exhausted));
        for elsewhere in [("203.0.113.81", 443), ("203.0.113.80", 80)] {
            let mapped = map(&mut table, 110_000, elsewhere, &own);
            assert!(mapped.is_ok(), "{elsewhere:?}");
        }
    }
}

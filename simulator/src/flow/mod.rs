//! Flow records: one interface's packets, added up by flow and window.
//!
//! Amazon VPC User Guide, "Flow log records" (`facts.md` 2.12). A window is a multiple of the
//! aggregation interval since the Unix epoch plus an offset of the interface. One record a window,
//! direction, action and 5-tuple; its start and end are the first and the last packet. The address
//! at the interface's own end is always the primary private one; `pkt-srcaddr` and `pkt-dstaddr`
//! are the packet's. Nothing here knows where packets come from, so a foreign capture can be
//! aggregated just as well.

mod logs;
mod metadata;
mod records;

use std::net::IpAddr;
use std::ops::Range;

use indexmap::IndexMap;
use rustc_hash::FxBuildHasher;
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;
use wirelab_model::{
    Flow, FlowAction, FlowDirection, FlowRecord, LogStatus, NetworkInterfaceId, Place, TcpFlags,
    TrafficPath, TrafficType, UnixTime, aws_ip_range,
};
use wirelab_wire::{FiveTuple, IpPacket};

pub(crate) use logs::{FlowLogs, Window};
pub(crate) use records::WindowRecords;

/// What is the same in every record of an interface.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordedInterface {
    /// Owner.
    pub account_id: SmolStr,
    /// The interface.
    pub interface_id: NetworkInterfaceId,
    /// Primary private address of each IP version; the packet's own address stands in for a
    /// missing one.
    pub primary: Vec<IpAddr>,
    /// Where it is.
    pub place: Place,
}

/// One packet as an interface's flow log counts it.
#[derive(Clone, Copy, Debug)]
pub struct Seen<'a> {
    /// When.
    pub at: UnixTime,
    /// Seen from the interface.
    pub direction: FlowDirection,
    /// What security groups and network ACL said.
    pub action: FlowAction,
    /// Where an outgoing packet went.
    pub traffic_path: Option<TrafficPath>,
    /// The packet.
    pub packet: &'a IpPacket,
}

/// Adds up the packets of one interface.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Aggregator {
    interval: u64,
    offset: u64,
    /// The open window, which holds `flows`: nanoseconds since the epoch.
    window: Range<u64>,
    flows: IndexMap<Key, Counters, FxBuildHasher>,
    /// Where flows are counted: the next packet is often of one of the last.
    #[serde(skip)]
    recent: Recent,
}

/// Places of flows. A wrong one costs a look-up, no more: whoever uses it compares the keys.
#[derive(Clone, Copy, Debug, Default)]
struct Recent([u32; Self::SLOTS]);

impl Recent {
    const SLOTS: usize = 16;

    /// Ephemeral ports of connections that overlap differ in their last bits.
    #[inline]
    fn slot(direction: FlowDirection, (source, destination): (u16, u16)) -> usize {
        let bits = (usize::from(source ^ destination) << 1) | direction as usize;
        bits % Self::SLOTS
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
struct Key {
    flow: FiveTuple,
    direction: FlowDirection,
    action: FlowAction,
}

impl Key {
    fn of(seen: &Seen<'_>) -> Self {
        Self {
            flow: seen.packet.five_tuple(),
            direction: seen.direction,
            action: seen.action,
        }
    }

    /// Whether it is [`Key::of`] the packet, field by field: no key is made for most packets.
    #[inline]
    fn is_of(&self, seen: &Seen<'_>, ports: (u16, u16)) -> bool {
        let (packet, flow) = (seen.packet, &self.flow);
        ports == (flow.source_port, flow.destination_port)
            && packet.source() == flow.source
            && packet.destination() == flow.destination
            && packet.protocol() == flow.protocol
            && (self.direction, self.action) == (seen.direction, seen.action)
    }
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Counters {
    start: UnixTime,
    end: UnixTime,
    packets: u64,
    bytes: u64,
    tcp_flags: u8,
    traffic_path: Option<TrafficPath>,
}

const NANOS: u64 = 1_000_000_000;

impl Aggregator {
    /// An aggregator with windows of `interval` seconds that begin `offset` seconds after its
    /// multiples.
    ///
    /// # Panics
    /// If `interval` is zero.
    #[must_use]
    pub fn new(interval: u32, offset: u32) -> Self {
        assert!(interval > 0, "an aggregation interval is not zero");
        Self {
            interval: u64::from(interval) * NANOS,
            offset: u64::from(offset % interval) * NANOS,
            window: 0..0,
            flows: IndexMap::default(),
            recent: Recent::default(),
        }
    }

    /// Start and end of the window that holds `at`; the end is the start of the next one.
    #[must_use]
    pub fn window_of(&self, at: UnixTime) -> (UnixTime, UnixTime) {
        let Range { start, end } = self.window_at(at);
        (UnixTime::from_nanos(start), UnixTime::from_nanos(end))
    }

    /// Counts one packet. Returns the flows of the window before, if this packet opens a new one.
    #[inline]
    pub fn observe(&mut self, seen: &Seen<'_>) -> Option<Vec<WindowFlow>> {
        let closed = match self.window.contains(&seen.at.as_nanos()) {
            true => None,
            false => Some(self.open(seen.at)),
        };
        let counters = self.counters(seen);
        counters.end = seen.at;
        counters.packets += 1;
        counters.bytes += seen.packet.total_len() as u64;
        counters.tcp_flags |= logged_flags(seen.packet);
        counters.traffic_path = seen.traffic_path.or(counters.traffic_path);
        closed
    }

    /// Opens the window that holds `at`, and takes the flows of the one before.
    #[cold]
    fn open(&mut self, at: UnixTime) -> Vec<WindowFlow> {
        self.window = self.window_at(at);
        self.close()
    }

    #[inline]
    fn counters(&mut self, seen: &Seen<'_>) -> &mut Counters {
        let ports = seen.packet.ports().unwrap_or((0, 0));
        let slot = Recent::slot(seen.direction, ports);
        let recent = self.recent.0[slot] as usize;
        let known = self.flows.get_index(recent);
        let index = match known {
            Some((key, _)) if key.is_of(seen, ports) => recent,
            _ => self.look_up(seen, slot),
        };
        &mut self.flows[index]
    }

    /// The place of a packet's flow among all of the window, from now on the recent one.
    #[inline(never)]
    fn look_up(&mut self, seen: &Seen<'_>, slot: usize) -> usize {
        let entry = self.flows.entry(Key::of(seen));
        let index = entry.index();
        entry.or_insert(Counters {
            start: seen.at,
            end: seen.at,
            packets: 0,
            bytes: 0,
            tcp_flags: 0,
            traffic_path: None,
        });
        self.recent.0[slot] = u32::try_from(index).unwrap_or(u32::MAX);
        index
    }

    /// Takes the flows of the open window if it has ended at `now`.
    pub fn close_ended(&mut self, now: UnixTime) -> Vec<WindowFlow> {
        match self.window.end <= now.as_nanos() {
            true => self.close(),
            false => Vec::new(),
        }
    }

    /// Takes the flows of the open window, in the order of their first packets.
    pub fn close(&mut self) -> Vec<WindowFlow> {
        let flows = self.flows.drain(..);
        flows
            .map(|(key, counters)| WindowFlow { key, counters })
            .collect()
    }

    /// How many flows the open window holds: what memory it takes.
    #[must_use]
    pub fn open_flows(&self) -> usize {
        self.flows.len()
    }

    /// The window that holds `at`. What is before the first multiple belongs to the first window.
    fn window_at(&self, at: UnixTime) -> Range<u64> {
        let number = at.as_nanos().saturating_sub(self.offset) / self.interval;
        let start = match number {
            0 => 0,
            _ => number * self.interval + self.offset,
        };
        let end = (number * self.interval).saturating_add(self.interval + self.offset);
        start..end
    }
}

/// The flags of one segment in a record: FIN 1, SYN 2, RST 4, SYN-ACK 18; ACK, PSH and URG alone
/// count nothing (`facts.md` row 104).
fn logged_flags(packet: &IpPacket) -> u8 {
    use wirelab_wire::TcpFlags as Wire;
    let Some(segment) = packet.as_tcp() else {
        return 0;
    };
    let mut flags = segment.flags.0 & (Wire::FIN | Wire::SYN | Wire::RST).0;
    if segment.flags.contains(Wire::SYN | Wire::ACK) {
        flags |= Wire::ACK.0;
    }
    flags
}

/// One flow of a closed window.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct WindowFlow {
    key: Key,
    counters: Counters,
}

/// The flows of a window that was counted in parts, each added up; in the order of their first
/// packets.
fn joined<'p>(parts: impl IntoIterator<Item = &'p Vec<WindowFlow>>) -> Vec<WindowFlow> {
    let mut flows: IndexMap<Key, Counters, FxBuildHasher> = IndexMap::default();
    for WindowFlow { key, counters } in parts.into_iter().flatten() {
        let earlier = flows.entry(*key);
        earlier
            .and_modify(|earlier| earlier.go_on(counters))
            .or_insert(*counters);
    }
    let flows = flows.into_iter();
    flows
        .map(|(key, counters)| WindowFlow { key, counters })
        .collect()
}

impl Counters {
    /// Adds what came later of the same flow.
    fn go_on(&mut self, later: &Self) {
        self.end = later.end;
        self.packets += later.packets;
        self.bytes += later.bytes;
        self.tcp_flags |= later.tcp_flags;
        self.traffic_path = later.traffic_path.or(self.traffic_path);
    }
}

impl WindowFlow {
    /// ACCEPT or REJECT.
    #[must_use]
    pub const fn action(&self) -> FlowAction {
        self.key.action
    }

    /// Whether a log of this type records it.
    fn is_of(&self, traffic_type: TrafficType) -> bool {
        match traffic_type {
            TrafficType::All => true,
            TrafficType::Accept => self.action() == FlowAction::Accept,
            TrafficType::Reject => self.action() == FlowAction::Reject,
        }
    }

    /// The flow's record at `interface`.
    #[must_use]
    pub fn record(&self, interface: &RecordedInterface) -> FlowRecord {
        let Key {
            flow,
            direction,
            action,
        } = self.key;
        let own = |packet: IpAddr| {
            let mut primary = interface.primary.iter();
            let found = primary.find(|it| it.is_ipv4() == packet.is_ipv4());
            found.copied().unwrap_or(packet)
        };
        let (srcaddr, dstaddr) = match direction {
            FlowDirection::Egress => (own(flow.source), flow.destination),
            FlowDirection::Ingress => (flow.source, own(flow.destination)),
        };
        interface.record(
            LogStatus::Ok,
            (self.counters.start, self.counters.end),
            Some(Flow {
                srcaddr,
                dstaddr,
                pkt_srcaddr: flow.source,
                pkt_dstaddr: flow.destination,
                srcport: flow.source_port,
                dstport: flow.destination_port,
                protocol: flow.protocol,
                packets: self.counters.packets,
                bytes: self.counters.bytes,
                action,
                direction,
                tcp_flags: TcpFlags(self.counters.tcp_flags),
                traffic_path: self.counters.traffic_path,
                pkt_src_aws_service: aws_ip_range(flow.source).map(Into::into),
                pkt_dst_aws_service: aws_ip_range(flow.destination).map(Into::into),
            }),
        )
    }
}

impl RecordedInterface {
    /// The record of a window `start..end` without traffic.
    #[must_use]
    pub fn no_data(&self, window: (UnixTime, UnixTime)) -> FlowRecord {
        self.record(LogStatus::NoData, window, None)
    }

    fn record(
        &self,
        log_status: LogStatus,
        (start, end): (UnixTime, UnixTime),
        flow: Option<Flow>,
    ) -> FlowRecord {
        FlowRecord {
            account_id: self.account_id.clone(),
            interface_id: self.interface_id.clone(),
            log_status,
            start,
            end,
            flow,
            place: self.place.clone(),
            metadata: None,
        }
    }
}

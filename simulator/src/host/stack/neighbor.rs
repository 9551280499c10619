//! The neighbour table: hardware addresses of those on the link, and whether they are still there.
//!
//! ARP (RFC 826) and neighbour discovery (RFC 4861) with Linux's states (`net/core/neighbour.c`,
//! `arp_process`, `ndisc_rcv`):
//!
//! ```text
//!  nobody known ─▶ INCOMPLETE   three questions to all, a second apart; packets wait
//!                    ├─ answered ─▶ REACHABLE   for 15 to 45 s after it was last confirmed
//!                    └─ silence ──▶ FAILED      what waited is unreachable
//!  REACHABLE ─▶ STALE ─ a packet ─▶ DELAY       which leaves at once; five seconds to confirm
//!                                     ├─ confirmed ─▶ REACHABLE
//!                                     └─ silence ───▶ PROBE   three questions to it alone
//! ```
//!
//! TCP confirms a next hop with the first segment after the peer has acknowledged something;
//! nothing else does (`ping` could by `MSG_CONFIRM`; that of iputils 20221126 does not). There is
//! no timer while an entry is REACHABLE or STALE: whether it still is the first, the next packet
//! finds by its time.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use serde::{Deserialize, Serialize};
use wirelab_model::{SimDuration, SimTime, Stream};
use wirelab_wire::neighbor_discovery::{link_local, multicast_mac, solicited_node};
use wirelab_wire::{
    ArpFrame, ArpOperation, ArpPacket, Frame, IcmpError, IpPacket, LinkFrame, MacAddr,
    NeighborDiscovery, Unreachable,
};

use super::Stack;
use crate::host::output::{HostDrop, Transmit};
use crate::host::spec::InterfaceConfig;

/// `mcast_solicit`, and `ucast_solicit`.
const QUESTIONS: u8 = 3;
/// `retrans_time_ms`.
const RETRANS: SimDuration = SimDuration::from_secs(1);
/// `delay_first_probe_time`.
const DELAY: SimDuration = SimDuration::from_secs(5);
/// `base_reachable_time_ms` times 0.5 and 1.5, in nanoseconds (RFC 4861 section 6.3.2).
const REACHABLE: (u64, u64) = (15_000_000_000, 45_000_000_000);
/// After so long a new time is drawn for each interface (`neigh_periodic_work`).
const REDRAW: SimDuration = SimDuration::from_secs(300);
/// Packets kept for one neighbour; `unres_qlen_bytes` allows about as many of full size.
const WAITING_MAX: usize = 100;
/// A tick of the kernel's timer (`HZ=250`) in nanoseconds.
const TICK: u64 = 4_000_000;

/// Interface and address.
type At = (usize, IpAddr);

/// A state as `ip neigh` words it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum NeighborState {
    Incomplete,
    Reachable,
    Stale,
    Delay,
    Probe,
    Failed,
    /// `NUD_NONE`: taken out of the table. Nobody is known, and nobody was asked since.
    None,
}

impl NeighborState {
    /// Whether the hardware address is known.
    pub(crate) const fn is_known(self) -> bool {
        !matches!(self, Self::Incomplete | Self::Failed | Self::None)
    }
}

/// A line of `ip neigh`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NeighborView {
    pub(crate) interface: usize,
    pub(crate) address: IpAddr,
    pub(crate) state: NeighborState,
    pub(crate) mac: MacAddr,
    pub(crate) router: bool,
}

/// What becomes of a packet for a neighbour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// It leaves, to this hardware address.
    Open(MacAddr),
    /// The neighbour's hardware address has to be asked for.
    Closed,
    /// There is no entry: so far nothing was sent there.
    Unknown,
}

/// An entry of the table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Neighbor {
    state: NeighborState,
    mac: MacAddr,
    /// `NTF_ROUTER`: it has said so by neighbour discovery.
    router: bool,
    /// When it was known to live last.
    confirmed: Option<SimTime>,
    /// For how long that counts.
    reachable: SimDuration,
    /// Questions since the asking began.
    asked: u8,
    timer: Option<SimTime>,
    waiting: VecDeque<Transmit>,
}

/// The table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Neighbors {
    table: BTreeMap<At, Neighbor>,
    timers: BTreeSet<(SimTime, At)>,
    draws: Stream,
    /// What `jiffies` was at the start of virtual time, and how much of a tick had gone by.
    booted: u64,
    /// Set by hand.
    fixed: Option<SimDuration>,
    /// Interfaces and versions whose whole table was taken out: who has no entry is not known for
    /// long either.
    emptied: BTreeSet<(usize, bool)>,
    /// By interface and version (IPv4 or not), the time drawn and when.
    reachable: BTreeMap<(usize, bool), (SimTime, SimDuration)>,
    /// What is to be sent.
    frames: Vec<(usize, LinkFrame)>,
    /// What has waited, and may leave.
    released: Vec<Transmit>,
}

impl Neighbor {
    fn new(state: NeighborState, mac: MacAddr) -> Self {
        Self {
            state,
            mac,
            router: false,
            confirmed: None,
            reachable: SimDuration::ZERO,
            asked: 0,
            timer: None,
            waiting: VecDeque::new(),
        }
    }

    /// Whether it was confirmed at most `span` ago.
    fn was_confirmed(&self, now: SimTime, span: SimDuration) -> bool {
        self.confirmed.is_some_and(|at| now <= at + span)
    }

    fn state(&self, now: SimTime) -> NeighborState {
        match self.state {
            NeighborState::Reachable if !self.was_confirmed(now, self.reachable) => {
                NeighborState::Stale
            }
            state => state,
        }
    }
}

impl Neighbors {
    pub(super) fn new(traffic_seed: u64, machine: &str) -> Self {
        let mut draws = Stream::new(traffic_seed, &format!("neighbors.{machine}"));
        // A machine that has been up for some hours or days.
        let booted = draws.range(3_600_000_000_000, 1_000_000_000_000_000);
        Self {
            table: BTreeMap::new(),
            timers: BTreeSet::new(),
            draws,
            booted,
            fixed: None,
            emptied: BTreeSet::new(),
            reachable: BTreeMap::new(),
            frames: Vec::new(),
            released: Vec::new(),
        }
    }

    /// Forgets what was known on interfaces that are others now.
    pub(super) fn forget(&mut self, is_gone: impl Fn(usize) -> bool) {
        self.table.retain(|(interface, _), _| !is_gone(*interface));
        self.timers
            .retain(|(_, (interface, _))| !is_gone(*interface));
        self.reachable
            .retain(|(interface, _), _| !is_gone(*interface));
        self.emptied.retain(|(interface, _)| !is_gone(*interface));
        self.frames.retain(|(interface, _)| !is_gone(*interface));
        self.released.retain(|it| !is_gone(it.interface));
    }

    /// When a timer that is set now for `span` fires: in the wheel of Linux the later it is, the
    /// coarser (`calc_index`), and never early.
    fn fires(&self, now: SimTime, span: SimDuration) -> SimTime {
        let began = (self.booted + now.as_nanos()) / TICK;
        let ticks = span.as_nanos() / TICK;
        let mut level = 0;
        while ticks >= 63 << (3 * level) && level < 8 {
            level += 1;
        }
        let bits = 3 * level;
        let bucket = (began + ticks + (1 << bits)) >> bits << bits;
        SimTime::from_nanos((bucket * TICK).saturating_sub(self.booted)).max(now)
    }

    fn set_timer(&mut self, at: At, due: Option<SimTime>) {
        let Some(entry) = self.table.get_mut(&at) else {
            return;
        };
        if let Some(old) = std::mem::replace(&mut entry.timer, due) {
            self.timers.remove(&(old, at));
        }
        if let Some(due) = due {
            self.timers.insert((due, at));
        }
    }

    /// `parms->reachable_time` of the interface.
    fn reachable_time(&mut self, now: SimTime, at: At) -> SimDuration {
        if let Some(time) = self.fixed {
            return time;
        }
        let key = (at.0, at.1.is_ipv4());
        if let Some((drawn, time)) = self.reachable.get(&key)
            && now.since(*drawn) < REDRAW
        {
            return *time;
        }
        let time = SimDuration::from_nanos(self.draws.range(REACHABLE.0, REACHABLE.1));
        self.reachable.insert(key, (now, time));
        time
    }

    /// The neighbour lives and has this address: what waits may go (`neigh_update`).
    fn learn(&mut self, now: SimTime, at: At, mac: MacAddr, state: NeighborState) {
        let reachable = self.reachable_time(now, at);
        let Some(entry) = self.table.get_mut(&at) else {
            return;
        };
        entry.mac = mac;
        entry.state = state;
        entry.asked = 0;
        if state == NeighborState::Reachable {
            entry.confirmed = Some(now);
            entry.reachable = reachable;
        }
        self.released.extend(entry.waiting.drain(..));
        self.set_timer(at, None);
    }
}

impl Stack {
    /// The neighbour table.
    pub(crate) fn neighbors(&self, now: SimTime) -> impl Iterator<Item = NeighborView> {
        let all = self.neighbors.table.iter();
        let all = all.filter(|(_, entry)| entry.state != NeighborState::None);
        all.map(move |((interface, address), entry)| NeighborView {
            interface: *interface,
            address: *address,
            state: entry.state(now),
            mac: entry.mac,
            router: entry.router,
        })
    }

    /// Whether a packet for this neighbour may leave, which is then used
    /// (`neigh_event_send`, `sock_confirm_neigh`).
    pub(crate) fn neighbor_way(&mut self, now: SimTime, at: At, confirms: bool) -> Way {
        let Some(entry) = self.neighbors.table.get_mut(&at) else {
            return match self.neighbors.emptied.contains(&(at.0, at.1.is_ipv4())) {
                true => Way::Closed,
                false => Way::Unknown,
            };
        };
        let state = entry.state(now);
        entry.state = state;
        if confirms {
            entry.confirmed = Some(now);
        }
        match state {
            NeighborState::Reachable | NeighborState::Delay | NeighborState::Probe => {
                Way::Open(entry.mac)
            }
            NeighborState::Stale => {
                entry.state = NeighborState::Delay;
                let mac = entry.mac;
                let due = self.neighbors.fires(now, DELAY);
                self.neighbors.set_timer(at, Some(due));
                Way::Open(mac)
            }
            NeighborState::Incomplete | NeighborState::Failed | NeighborState::None => Way::Closed,
        }
    }

    /// When a timer of the kernel fires that is set now for `span`.
    pub(crate) fn timer(&self, now: SimTime, span: SimDuration) -> SimTime {
        self.neighbors.fires(now, span)
    }

    pub(crate) fn set_reachable_time(&mut self, time: SimDuration) {
        self.neighbors.fixed = Some(time);
    }

    /// The machine has known the neighbour for long: an entry that is STALE.
    pub(crate) fn know_neighbor(&mut self, at: At, mac: MacAddr, router: bool) {
        let mut entry = Neighbor::new(NeighborState::Stale, mac);
        entry.router = router && at.1.is_ipv6();
        self.neighbors.table.entry(at).or_insert(entry);
    }

    /// A packet waits until the neighbour has answered, who is asked now unless that goes on
    /// already (`__neigh_event_send`). Of too many the first is dropped.
    pub(crate) fn wait_for_neighbor(&mut self, now: SimTime, packet: Transmit) {
        let at = (packet.interface, packet.next_hop);
        let unknown = || Neighbor::new(NeighborState::Failed, MacAddr::default());
        let entry = self.neighbors.table.entry(at).or_insert_with(unknown);
        entry.waiting.push_back(packet);
        let surplus = (entry.waiting.len() > WAITING_MAX).then(|| entry.waiting.pop_front());
        if matches!(entry.state, NeighborState::Failed | NeighborState::None) {
            entry.state = NeighborState::Incomplete;
            entry.asked = 0;
            self.ask_neighbor(now, at);
        }
        if let Some(first) = surplus.flatten() {
            self.drop_packet(first.packet, HostDrop::NoNeighbor { next_hop: at.1 });
        }
    }

    /// When [`Self::on_neighbor_timeout`] is to be called next.
    pub(crate) fn poll_neighbors(&self) -> Option<SimTime> {
        self.neighbors.timers.first().map(|(at, _)| *at)
    }

    /// Whether there is something for [`Self::take_link_frames`] or [`Self::take_released`].
    pub(crate) fn has_link_work(&self) -> bool {
        !self.neighbors.frames.is_empty() || !self.neighbors.released.is_empty()
    }

    /// Questions and answers to be sent, with their interfaces.
    pub(crate) fn take_link_frames(&mut self) -> Vec<(usize, LinkFrame)> {
        std::mem::take(&mut self.neighbors.frames)
    }

    /// Packets that have waited for a neighbour, who has answered.
    pub(crate) fn take_released(&mut self) -> Vec<Transmit> {
        std::mem::take(&mut self.neighbors.released)
    }

    /// `neigh_timer_handler`, for whoever is due.
    pub(crate) fn on_neighbor_timeout(&mut self, now: SimTime) {
        while let Some((due, at)) = self.neighbors.timers.first().copied() {
            if due > now {
                break;
            }
            self.neighbors.set_timer(at, None);
            self.neighbor_is_due(now, at);
        }
    }

    fn neighbor_is_due(&mut self, now: SimTime, at: At) {
        let reachable = self.neighbors.reachable_time(now, at);
        let Some(entry) = self.neighbors.table.get_mut(&at) else {
            return;
        };
        match entry.state {
            NeighborState::Delay if entry.was_confirmed(now, DELAY) => {
                entry.state = NeighborState::Reachable;
                entry.reachable = reachable;
            }
            NeighborState::Delay => {
                entry.state = NeighborState::Probe;
                entry.asked = 0;
                self.ask_neighbor(now, at);
            }
            NeighborState::Incomplete | NeighborState::Probe if entry.asked < QUESTIONS => {
                self.ask_neighbor(now, at);
            }
            NeighborState::Incomplete | NeighborState::Probe => self.neighbor_failed(now, at),
            NeighborState::Reachable
            | NeighborState::Stale
            | NeighborState::Failed
            | NeighborState::None => {}
        }
    }

    /// The last question was not answered either (`arp_error_report`, `ndisc_error_report`).
    fn neighbor_failed(&mut self, now: SimTime, at: At) {
        let Some(entry) = self.neighbors.table.get_mut(&at) else {
            return;
        };
        entry.state = NeighborState::Failed;
        for Transmit { packet, .. } in std::mem::take(&mut entry.waiting) {
            self.send_error(now, &packet, IcmpError::Unreachable(Unreachable::Host));
            self.drop_packet(packet, HostDrop::NoNeighbor { next_hop: at.1 });
        }
    }

    /// Takes an entry out of the table (`neigh_delete`), as if nobody had been known at `at`. Who
    /// waits for an answer gets none. `false`: there is no entry.
    pub(crate) fn remove_neighbor(&mut self, now: SimTime, at: At) -> bool {
        let entry = self.neighbors.table.get(&at);
        if entry.is_none_or(|it| it.state == NeighborState::None) {
            return false;
        }
        self.neighbors.set_timer(at, None);
        self.neighbor_failed(now, at);
        if let Some(entry) = self.neighbors.table.get_mut(&at) {
            *entry = Neighbor::new(NeighborState::None, MacAddr::default());
        }
        true
    }

    /// Everybody of a version was taken out of an interface's table.
    pub(crate) fn empty_neighbors(&mut self, interface: usize, ipv4: bool) {
        self.neighbors.emptied.insert((interface, ipv4));
    }

    /// Asks once more: everybody, or in PROBE the neighbour alone (`arp_solicit`,
    /// `ndisc_solicit`).
    fn ask_neighbor(&mut self, now: SimTime, at: At) {
        let due = self.neighbors.fires(now, RETRANS);
        self.neighbors.set_timer(at, Some(due));
        let Some(entry) = self.neighbors.table.get_mut(&at) else {
            return;
        };
        entry.asked += 1;
        let known = (entry.state == NeighborState::Probe).then_some(entry.mac);
        let source = entry.waiting.back().map(|it| it.packet.source());
        let source = source.filter(|it| self.is_local(*it));
        let Some(config) = self.interfaces.get(at.0) else {
            return;
        };
        let frame = match (at.1, source) {
            (IpAddr::V4(target), Some(IpAddr::V4(source))) => {
                Some(request(config, source, target, known))
            }
            (IpAddr::V4(target), _) => {
                address_towards(config, target).map(|it| request(config, it, target, known))
            }
            (IpAddr::V6(target), Some(IpAddr::V6(source))) => {
                Some(solicitation(config, source, target, known))
            }
            (IpAddr::V6(target), _) => {
                let source = link_local(config.mac);
                Some(solicitation(config, source, target, known))
            }
        };
        let frame = frame.map(|it| (at.0, it));
        self.neighbors.frames.extend(frame);
    }

    /// ARP or neighbour discovery has arrived (`arp_process`, `ndisc_recv_ns`, `ndisc_recv_na`).
    pub(crate) fn on_link_frame(&mut self, now: SimTime, interface: usize, frame: &LinkFrame) {
        let Some(config) = self.interfaces.get(interface) else {
            return;
        };
        let own = config.mac;
        if let Some(target) = frame.asks_for() {
            if self.is_local(target) || target == IpAddr::V6(link_local(own)) {
                self.is_asked(now, interface, own, frame);
            }
        } else if let Some(told) = told(frame) {
            self.is_told(now, interface, told);
        }
    }

    /// Somebody asks for an address of this machine: an answer, and the asker is known from now on.
    fn is_asked(&mut self, now: SimTime, interface: usize, own: MacAddr, frame: &LinkFrame) {
        if let Some(asker) = asker(frame) {
            let at = (interface, asker);
            let unknown = || Neighbor::new(NeighborState::Failed, MacAddr::default());
            let entry = self.neighbors.table.entry(at).or_insert_with(unknown);
            if !entry.state.is_known() || entry.mac != frame.source() {
                let mac = frame.source();
                self.neighbors.learn(now, at, mac, NeighborState::Stale);
            }
        }
        if let Some(IpAddr::V6(asker)) = asker(frame) {
            // The advertisement is a packet as others, and uses the entry.
            self.neighbor_way(now, (interface, IpAddr::V6(asker)), false);
        }
        let answer = frame.answered_by(own, self.forwarding);
        let answer = answer.map(|it| (interface, it));
        self.neighbors.frames.extend(answer);
    }

    /// Somebody answers; only who was asked for is listened to.
    fn is_told(&mut self, now: SimTime, interface: usize, told: Told) {
        let at = (interface, told.address);
        let entry = self.neighbors.table.get_mut(&at);
        let Some(entry) = entry.filter(|it| it.state != NeighborState::None) else {
            return;
        };
        entry.router = told.router;
        let mac = told.mac.unwrap_or(entry.mac);
        self.neighbors.learn(now, at, mac, NeighborState::Reachable);
    }
}

/// What an answer says.
struct Told {
    address: IpAddr,
    /// Left out where it is known.
    mac: Option<MacAddr>,
    router: bool,
}

/// The address of whoever asks; none of who looks whether an address is taken.
fn asker(frame: &LinkFrame) -> Option<IpAddr> {
    let address = match frame {
        LinkFrame::Arp(frame) => IpAddr::V4(frame.packet.sender),
        LinkFrame::Ip(frame) => frame.packet.source(),
    };
    (!address.is_unspecified()).then_some(address)
}

fn told(frame: &LinkFrame) -> Option<Told> {
    match frame {
        LinkFrame::Arp(frame) => Some(Told {
            address: IpAddr::V4(frame.packet.sender),
            mac: Some(frame.packet.sender_mac),
            router: false,
        }),
        LinkFrame::Ip(frame) => match NeighborDiscovery::of(&frame.packet)? {
            NeighborDiscovery::Advertisement {
                target,
                target_mac,
                router,
                solicited: true,
            } => Some(Told {
                address: IpAddr::V6(target),
                mac: target_mac,
                router,
            }),
            _ => None,
        },
    }
}

/// `inet_select_addr`: the own address in the block of `target`, or the first.
fn address_towards(config: &InterfaceConfig, target: Ipv4Addr) -> Option<Ipv4Addr> {
    let own = || config.addresses.iter();
    let near = own().find(|net| net.contains(&IpAddr::V4(target)));
    let found = near.or_else(|| own().find(|net| net.addr().is_ipv4()))?;
    match found.addr() {
        IpAddr::V4(address) => Some(address),
        IpAddr::V6(_) => None,
    }
}

fn request(
    config: &InterfaceConfig,
    source: Ipv4Addr,
    target: Ipv4Addr,
    known: Option<MacAddr>,
) -> LinkFrame {
    LinkFrame::Arp(ArpFrame {
        destination: known.unwrap_or(MacAddr([0xff; 6])),
        source: config.mac,
        packet: ArpPacket {
            operation: ArpOperation::Request,
            sender_mac: config.mac,
            sender: source,
            target_mac: MacAddr::default(),
            target,
        },
    })
}

fn solicitation(
    config: &InterfaceConfig,
    source: Ipv6Addr,
    target: Ipv6Addr,
    known: Option<MacAddr>,
) -> LinkFrame {
    let asks = NeighborDiscovery::Solicitation {
        target,
        source_mac: Some(config.mac),
    };
    let all = solicited_node(target);
    let packet: IpPacket = asks.packet(source, if known.is_some() { target } else { all });
    LinkFrame::Ip(Frame {
        destination: known.unwrap_or_else(|| multicast_mac(all)),
        source: config.mac,
        packet,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Neighbors {
        Neighbors::new(7, "web")
    }

    fn millis(table: &Neighbors, at: SimTime, seconds: u64) -> u64 {
        let due = table.fires(at, SimDuration::from_secs(seconds));
        due.since(at).as_nanos() / 1_000_000
    }

    #[test]
    fn timers_are_late_as_in_the_golden_captures_and_never_early() {
        let table = table();
        let mut at = SimTime::from_nanos(123_000_000);
        for turn in 0..200 {
            let five = millis(&table, at, 5);
            assert!((5_000..=5_256).contains(&five), "{five} ms");
            let one = millis(&table, at, 1);
            // The first falls somewhere between two marks of the wheel, the next ones on them.
            let range = if turn == 0 {
                1_000..=1_032
            } else {
                1_024..=1_032
            };
            assert!(range.contains(&one), "{one} ms");
            at = table.fires(at, RETRANS);
        }
    }

    #[test]
    fn a_time_to_be_reachable_holds_for_five_minutes() {
        let mut table = table();
        let at = (0, IpAddr::V4(Ipv4Addr::LOCALHOST));
        let first = table.reachable_time(SimTime::ZERO, at);
        assert_eq!(table.reachable_time(SimTime::from_secs(299), at), first);
        let later = table.reachable_time(SimTime::from_secs(300), at);
        assert_ne!(later, first);
        for time in [first, later] {
            assert!((15..45).contains(&(time.as_nanos() / 1_000_000_000)));
        }
    }
}

//! What an instance's network allows: bandwidth, packets, link-local packets.
//!
//! EC2 User Guide, "Amazon EC2 instance network bandwidth" and "Monitor network performance for ENA"
//! (`facts.md` 2.1, 2.13). Each direction has the bandwidth of the instance type; an "up to" type
//! has its baseline, and more while there are credits. Packets count in both directions together.
//! What exceeds an allowance is queued, then dropped, and counted in both cases. How much is queued
//! is not documented: 10 ms here. On the way in an allowance is asked before the security groups,
//! so that flow log and capture agree; on the way out after the flow log, as ruling D1 has it.
//!
//! The bandwidth of one flow is limited where it is sent ([`crate::link`]).

use serde::{Deserialize, Serialize};
use wirelab_model::{FlowDirection, InstanceId, InstanceType, SimDuration, SimTime, SmolStr};

use super::way::Leads;
use super::{InterfaceIndex, State, Transit, Walk};
use crate::allowance::{Bounds, Meter, Metered};
use crate::trace::Watch;
use crate::verdict::{DropReason, Hop, InstanceDrop};

/// How far a burst may be ahead of its rate, and how long packets wait at most (ours).
const TOLERANCE: SimDuration = SimDuration::from_millis(1);
const QUEUE: SimDuration = SimDuration::from_millis(10);
/// Packets a second to link-local services (the resolver, IMDS, the time) of an interface: fixed.
const LINK_LOCAL: u64 = 1024;
/// They are counted second by second, from the first packet on (ours).
const LINK_LOCAL_WINDOW: SimDuration = SimDuration::from_secs(1);
/// How long a type with two vCPUs bursts at its full rate, in seconds; larger ones longer, up to an
/// hour ("from 5 to 60 minutes").
const BURST_SECONDS: u64 = 300;

/// The instance behind an interface, as its allowances see it.
#[derive(Clone, Debug)]
pub(crate) struct Allowance {
    pub(super) instance: InstanceId,
    /// Its primary interface, where the counts are kept.
    pub(super) home: InterfaceIndex,
    /// All its interfaces.
    pub(super) interfaces: Vec<InterfaceIndex>,
    pub(crate) kind: InstanceType,
}

/// Packets to link-local services in the second that has begun.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub(super) struct LinkLocalSecond {
    began: Option<SimTime>,
    packets: u64,
}

impl LinkLocalSecond {
    fn take(&mut self, now: SimTime) -> bool {
        if self
            .began
            .is_none_or(|it| now.since(it) >= LINK_LOCAL_WINDOW)
        {
            (self.began, self.packets) = (Some(now), 0);
        }
        self.packets += 1;
        self.packets <= LINK_LOCAL
    }
}

/// What an instance has used.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Used {
    inbound: Direction,
    outbound: Direction,
    internet: Meter,
    packets: Meter,
    counters: Counters,
}

#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
struct Direction {
    meter: Meter,
    /// Credits that are spent, in bits, and when that was so.
    spent: u64,
    at: SimTime,
}

/// The ena driver's counters of allowances.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Counters {
    pub(crate) bw_in_allowance_exceeded: u64,
    pub(crate) bw_out_allowance_exceeded: u64,
    pub(crate) pps_allowance_exceeded: u64,
    pub(crate) conntrack_allowance_exceeded: u64,
    pub(crate) linklocal_allowance_exceeded: u64,
    /// Connections that can still be tracked: a level, no count.
    pub(crate) conntrack_allowance_available: u64,
}

impl Counters {
    /// Names and values, in the driver's order.
    pub(crate) fn named(&self) -> Vec<(SmolStr, u64)> {
        let named = [
            ("bw_in_allowance_exceeded", self.bw_in_allowance_exceeded),
            ("bw_out_allowance_exceeded", self.bw_out_allowance_exceeded),
            ("pps_allowance_exceeded", self.pps_allowance_exceeded),
            (
                "conntrack_allowance_exceeded",
                self.conntrack_allowance_exceeded,
            ),
            (
                "linklocal_allowance_exceeded",
                self.linklocal_allowance_exceeded,
            ),
            (
                "conntrack_allowance_available",
                self.conntrack_allowance_available,
            ),
        ];
        named.map(|(name, value)| (name.into(), value)).to_vec()
    }
}

impl Direction {
    /// Takes the bits of a packet: from the baseline, and from credits while there are any.
    fn take(&mut self, now: SimTime, bits: u64, kind: &InstanceType) -> (Metered, u64) {
        let earned = u128::from(now.since(self.at).as_nanos()) * u128::from(kind.baseline_bps);
        let earned = u64::try_from(earned / 1_000_000_000).unwrap_or(u64::MAX);
        self.spent = self.spent.saturating_sub(earned);
        self.at = now;
        // What credits do not pay waits until the baseline has earned it.
        let over = if kind.burst_bps > kind.baseline_bps {
            (self.spent + bits).saturating_sub(credits(kind))
        } else {
            0
        };
        let nanos = u128::from(over) * 1_000_000_000 / u128::from(kind.baseline_bps.max(1));
        let earning = SimDuration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX));
        if earning > QUEUE {
            return (Metered::Refused, kind.baseline_bps);
        }
        let burst = self.meter.take(now, bits, &bounds(kind.burst_bps));
        if burst != Metered::Refused {
            self.spent = self.spent.saturating_add(bits);
        }
        if over > 0 && burst != Metered::Refused && earning >= wait(burst) {
            return (Metered::Waits(earning), kind.baseline_bps);
        }
        (burst, kind.burst_bps)
    }
}

/// The credits of a full bucket, in bits.
fn credits(kind: &InstanceType) -> u64 {
    let seconds = (BURST_SECONDS * u64::from(kind.vcpus) / 2).clamp(BURST_SECONDS, 3600);
    (kind.burst_bps - kind.baseline_bps).saturating_mul(seconds)
}

const fn bounds(rate: u64) -> Bounds {
    Bounds {
        rate,
        tolerance: TOLERANCE,
        queue: QUEUE,
    }
}

/// The counters of the instance whose primary interface is `home`.
pub(crate) fn counters(
    state: &State,
    allowance: &Allowance,
    now: SimTime,
    limit: Option<u32>,
) -> Counters {
    let of = |index: &InterfaceIndex| state.interfaces.get(index.get());
    let used = of(&allowance.home).and_then(|it| it.used.as_deref());
    let tracked = allowance.interfaces.iter().filter_map(of);
    let tracked: usize = tracked.map(|it| it.conntrack.live(now)).sum();
    let limit = limit.unwrap_or(allowance.kind.tracked_connections);
    Counters {
        conntrack_allowance_available: u64::from(limit).saturating_sub(tracked as u64),
        ..used.map(|it| it.counters).unwrap_or_default()
    }
}

impl<W: Watch> Walk<'_, W> {
    /// Whether the instance's allowances let the packet pass, and after how long.
    fn allowed(
        &mut self,
        interface: InterfaceIndex,
        allowance: &Allowance,
        direction: FlowDirection,
        to_internet: bool,
        transit: &Transit,
    ) -> Option<SimDuration> {
        if W::GOES_ON {
            return Some(SimDuration::ZERO);
        }
        let now = self.now;
        let kind = &allowance.kind;
        let bits = transit.packet.total_len() as u64 * 8;
        let used = self.used(allowance.home);
        let packets = (used.packets).take(now, 1, &bounds(kind.packets_per_second));
        let side = match direction {
            FlowDirection::Ingress => &mut used.inbound,
            FlowDirection::Egress => &mut used.outbound,
        };
        let (mut bandwidth, mut rate) = side.take(now, bits, kind);
        if to_internet && bandwidth != Metered::Refused && kind.burst_bps > kind.internet_bps() {
            let internet = (used.internet).take(now, bits, &bounds(kind.internet_bps()));
            if longer(internet, bandwidth) == internet && internet != bandwidth {
                rate = kind.internet_bps();
                bandwidth = internet;
            }
        }
        used.counters.pps_allowance_exceeded += u64::from(packets != Metered::Passes);
        let exceeded = match direction {
            FlowDirection::Ingress => &mut used.counters.bw_in_allowance_exceeded,
            FlowDirection::Egress => &mut used.counters.bw_out_allowance_exceeded,
        };
        *exceeded += u64::from(bandwidth != Metered::Passes);
        let instance = || allowance.instance.clone();
        let reason = match (packets, bandwidth) {
            (Metered::Refused, _) => InstanceDrop::Packets {
                instance: instance(),
                direction,
                packets_per_second: kind.packets_per_second,
            },
            (_, Metered::Refused) => InstanceDrop::Bandwidth {
                instance: instance(),
                direction,
                bits_per_second: rate,
            },
            _ => return Some(wait(longer(packets, bandwidth))),
        };
        let hop = Hop::Interface(self.plan.interface(interface).id.clone());
        self.watch.deny(transit, hop, reason);
        None
    }

    /// The packet leaves the instance of an interface: how long it waits, unless it is dropped.
    pub(super) fn outbound_allowance(
        &mut self,
        interface: InterfaceIndex,
        leads: Leads,
        transit: &Transit,
    ) -> Option<SimDuration> {
        let nic = self.plan.interface(interface);
        let Some(allowance) = &nic.allowance else {
            return Some(SimDuration::ZERO);
        };
        let to_internet = leads == Leads::InternetGateway;
        let direction = FlowDirection::Egress;
        self.allowed(interface, allowance, direction, to_internet, transit)
    }

    /// The packet has come to the instance of an interface: how long it waits, unless it is
    /// dropped.
    pub(super) fn inbound_allowance(
        &mut self,
        interface: InterfaceIndex,
        transit: &Transit,
    ) -> Option<SimDuration> {
        let nic = self.plan.interface(interface);
        let Some(allowance) = &nic.allowance else {
            return Some(SimDuration::ZERO);
        };
        let direction = FlowDirection::Ingress;
        self.allowed(interface, allowance, direction, false, transit)
    }

    /// Whether a packet to a link-local service passes: 1,024 a second for each interface, the rest
    /// is dropped and counted.
    pub(super) fn link_local_allowance(
        &mut self,
        interface: InterfaceIndex,
        transit: &Transit,
    ) -> bool {
        if W::GOES_ON {
            return true;
        }
        let nic = self.plan.interface(interface);
        let second = &mut self.state.interface(interface).link_local;
        if second.take(self.now) {
            return true;
        }
        if let Some(allowance) = &nic.allowance {
            let counters = &mut self.used(allowance.home).counters;
            counters.linklocal_allowance_exceeded += 1;
        }
        let reason = InstanceDrop::LinkLocal {
            interface: nic.id.clone(),
            packets_per_second: LINK_LOCAL,
        };
        let hop = Hop::Interface(nic.id.clone());
        self.watch.deny(transit, hop, DropReason::from(reason));
        false
    }

    /// A packet found no room for its connection.
    pub(super) fn conntrack_exceeded(&mut self, interface: InterfaceIndex) {
        if let Some(allowance) = &self.plan.interface(interface).allowance {
            let counters = &mut self.used(allowance.home).counters;
            counters.conntrack_allowance_exceeded += 1;
        }
    }

    /// How many connections the interface may track: what its instance's others leave.
    pub(super) fn conntrack_limit(&self, interface: InterfaceIndex) -> u32 {
        let nic = self.plan.interface(interface);
        let allowance = nic.allowance.as_ref();
        let of_type = allowance.map(|it| it.kind.tracked_connections);
        let limit = (self.config.conntrack_limit)
            .or(of_type)
            .unwrap_or(u32::MAX);
        let others = allowance.map_or(&[][..], |it| &it.interfaces).iter();
        let others = others.filter(|it| **it != interface);
        let tracked = others.filter_map(|it| self.state.interfaces.get(it.get()));
        let tracked: usize = tracked.map(|it| it.conntrack.len()).sum();
        limit.saturating_sub(u32::try_from(tracked).unwrap_or(u32::MAX))
    }

    fn used(&mut self, home: InterfaceIndex) -> &mut Used {
        let used = &mut self.state.interface(home).used;
        used.get_or_insert_with(Box::default)
    }
}

/// The worse of two.
fn longer(one: Metered, other: Metered) -> Metered {
    match (one, other) {
        (Metered::Refused, _) | (_, Metered::Refused) => Metered::Refused,
        _ if wait(one) >= wait(other) => one,
        _ => other,
    }
}

const fn wait(metered: Metered) -> SimDuration {
    match metered {
        Metered::Waits(wait) => wait,
        Metered::Passes | Metered::Refused => SimDuration::ZERO,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Mbps of a second in which everything is offered that the type can carry.
    fn second(side: &mut Direction, kind: &InstanceType, second: u64) -> u64 {
        let bits = kind.burst_bps / 1000;
        let taken = (0..1000).filter(|milli| {
            let now = SimTime::from_nanos(second * 1_000_000_000 + milli * 1_000_000);
            side.take(now, bits, kind).0 != Metered::Refused
        });
        taken.count() as u64 * bits / 1_000_000
    }

    #[test]
    fn an_up_to_type_bursts_while_it_has_credits_and_earns_them_below_its_baseline() {
        let kind = InstanceType::of("t3.micro");
        let mut side = Direction::default();
        let full: Vec<_> = (0..300).map(|at| second(&mut side, &kind, at)).collect();
        assert!(full.iter().all(|mbps| *mbps == 5000), "{full:?}");
        let baseline = (300..310)
            .map(|at| second(&mut side, &kind, at))
            .sum::<u64>()
            / 10;
        assert!((60..=70).contains(&baseline), "{baseline} Mbps");
        // An hour of rest earns 64 Mb a second: three quarters of a minute at full rate.
        let again = (3910..3970).map(|at| second(&mut side, &kind, at));
        let again = again.filter(|mbps| *mbps == 5000).count();
        assert!((44..=48).contains(&again), "{again} seconds");
    }
}

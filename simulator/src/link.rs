//! The sending side of an interface: packets of a burst leave one after the other.

use indexmap::IndexMap;
use rustc_hash::FxBuildHasher;
use serde::{Deserialize, Serialize};
use wirelab_model::{SimDuration, SimTime};
use wirelab_wire::{FiveTuple, IpPacket};

/// Idle flows are forgotten when there are so many, or twice what was left then.
const FIRST_SWEEP: usize = 1024;

/// A sender of constant rate with an unbounded queue.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Link {
    busy_until: SimTime,
}

impl Link {
    /// When a packet of `octets` that is handed over at `now` leaves; the link is busy from then on
    /// for as long as its bits take at `bps` bits per second.
    pub(crate) fn departure(&mut self, now: SimTime, octets: usize, bps: u64) -> SimTime {
        let leaves = self.busy_until.max(now);
        let bits = octets as u64 * 8;
        let nanos = (bits * 1_000_000_000).div_ceil(bps.max(1));
        self.busy_until = leaves + SimDuration::from_nanos(nanos);
        leaves
    }
}

/// The flows of an interface, none of which is faster than a flow may be (EC2 User Guide, "Amazon
/// EC2 instance network bandwidth").
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct FlowLinks {
    /// The flow that sent last, which most often sends next.
    last: Option<(FiveTuple, Link)>,
    others: IndexMap<FiveTuple, Link, FxBuildHasher>,
    sweep_at: usize,
}

impl FlowLinks {
    /// When a packet that the interface would let go at `ready` leaves.
    pub(crate) fn departure(
        &mut self,
        now: SimTime,
        ready: SimTime,
        packet: &IpPacket,
        bps: u64,
    ) -> SimTime {
        let flow = packet.five_tuple();
        if self.last.is_none_or(|(last, _)| last != flow) {
            self.turn_to(now, flow);
        }
        let (_, link) = self.last.get_or_insert_with(|| (flow, Link::default()));
        link.departure(ready, packet.total_len(), bps)
    }

    fn turn_to(&mut self, now: SimTime, flow: FiveTuple) {
        let link = self.others.swap_remove(&flow).unwrap_or_default();
        let before = self.last.replace((flow, link));
        if let Some((before, link)) = before.filter(|(_, link)| link.busy_until > now) {
            self.others.insert(before, link);
        }
        if self.others.len() >= self.sweep_at.max(FIRST_SWEEP) {
            self.others.retain(|_, link| link.busy_until > now);
            self.sweep_at = self.others.len() * 2;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_flow_has_its_rate_and_none_waits_for_another() {
        let mut flows = FlowLinks::default();
        let packet = |port: u16| {
            let end = |port| std::net::SocketAddr::from(([10, 0, 0, 1], port));
            IpPacket::udp(end(port), end(53), vec![0; 1472])
        };
        let now = SimTime::ZERO;
        let mut leaves = |port| {
            let at = flows.departure(now, now, &packet(port), 5_000_000_000);
            at.as_nanos()
        };
        let left = [1, 1, 2, 1, 2, 3].map(&mut leaves);
        assert_eq!(left, [0, 2400, 0, 4800, 2400, 0]);
    }

    #[test]
    fn a_burst_is_spaced_by_its_bits_and_an_idle_link_sends_at_once() {
        let mut link = Link::default();
        let at = |nanos| SimTime::from_nanos(nanos);
        assert_eq!(link.departure(at(10), 1500, 1_000_000_000), at(10));
        assert_eq!(link.departure(at(10), 1500, 1_000_000_000), at(12_010));
        assert_eq!(link.departure(at(50_000), 1500, 1_000_000_000), at(50_000));
    }
}

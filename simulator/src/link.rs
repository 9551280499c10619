//! The sending side of an interface: packets of a burst leave one after the other.

use serde::{Deserialize, Serialize};
use wirelab_model::{SimDuration, SimTime};

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_is_spaced_by_its_bits_and_an_idle_link_sends_at_once() {
        let mut link = Link::default();
        let at = |nanos| SimTime::from_nanos(nanos);
        assert_eq!(link.departure(at(10), 1500, 1_000_000_000), at(10));
        assert_eq!(link.departure(at(10), 1500, 1_000_000_000), at(12_010));
        assert_eq!(link.departure(at(50_000), 1500, 1_000_000_000), at(50_000));
    }
}

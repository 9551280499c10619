//! Rates in virtual time: how much may pass in a second, and what becomes of more.
//!
//! The generic cell rate algorithm in integers: one moment is kept, at which everything taken so
//! far would have passed at the rate. What comes while that moment is further ahead than the
//! tolerance waits until it is not, and is refused if the wait would be too long.

use serde::{Deserialize, Serialize};
use wirelab_model::{SimDuration, SimTime};

/// What a [`Meter`] says of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Metered {
    /// It passes at once.
    Passes,
    /// It passes after so long.
    Waits(SimDuration),
    /// It does not pass, and counts for nothing.
    Refused,
}

/// The bounds of a [`Meter`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Bounds {
    /// Units a second.
    pub(crate) rate: u64,
    /// How far ahead of the rate a burst may be.
    pub(crate) tolerance: SimDuration,
    /// The longest that a packet waits.
    pub(crate) queue: SimDuration,
}

/// What has been taken, as the moment at which it would all have passed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Meter {
    passed_at: SimTime,
}

impl Meter {
    /// Takes `units` at `now`, if they pass.
    pub(crate) fn take(&mut self, now: SimTime, units: u64, bounds: &Bounds) -> Metered {
        let starts = self.passed_at.max(now);
        let ahead = starts.since(now);
        let wait = ahead.as_nanos().saturating_sub(bounds.tolerance.as_nanos());
        if wait > bounds.queue.as_nanos() {
            return Metered::Refused;
        }
        let nanos = u128::from(units) * 1_000_000_000 / u128::from(bounds.rate.max(1));
        self.passed_at = starts + SimDuration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX));
        match wait {
            0 => Metered::Passes,
            wait => Metered::Waits(SimDuration::from_nanos(wait)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_passes_then_packets_wait_then_they_are_refused() {
        let bounds = Bounds {
            rate: 1000,
            tolerance: SimDuration::from_millis(10),
            queue: SimDuration::from_millis(5),
        };
        let mut meter = Meter::default();
        let said: Vec<_> = (0..20)
            .map(|_| meter.take(SimTime::ZERO, 1, &bounds))
            .collect();
        assert!(said[..11].iter().all(|it| *it == Metered::Passes));
        let wait = |millis| Metered::Waits(SimDuration::from_millis(millis));
        assert_eq!(said[11..16], [wait(1), wait(2), wait(3), wait(4), wait(5)]);
        assert!(said[16..].iter().all(|it| *it == Metered::Refused));
        let later = SimTime::from_secs(1);
        assert_eq!(meter.take(later, 1, &bounds), Metered::Passes);
    }
}

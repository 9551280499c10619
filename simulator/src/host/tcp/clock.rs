//! The kernel's timer: ticks of 4 ms (`HZ=250`) on a hierarchical wheel.
//!
//! `kernel/time/timer.c`: a timer is put into the level that its distance allows, and its expiry is
//! rounded up to the next slot of that level. So it is never early, and the farther away the later:
//! up to 4 ms for a quarter of a second, up to 2 s for two minutes.

use wirelab_model::{SimDuration, SimTime};

/// Nanoseconds of a tick.
const TICK: u64 = 4_000_000;
/// Distance in ticks from which the first coarser level is used; each level is 8 times as coarse.
const LEVEL_ONE: u64 = 63;
/// Levels above the first.
const LEVELS: u32 = 8;

/// The tick `now` lies in.
pub(crate) const fn jiffies(now: SimTime) -> u64 {
    now.as_nanos() / TICK
}

/// A span in ticks, rounded up.
pub(crate) const fn ticks(span: SimDuration) -> u64 {
    span.as_nanos().div_ceil(TICK)
}

/// Microseconds in ticks, rounded up, at least one.
pub(crate) fn ticks_of_micros(micros: u64) -> u64 {
    (micros * 1000).div_ceil(TICK).max(1)
}

/// Ticks as a span.
pub(crate) const fn span(ticks: u64) -> SimDuration {
    SimDuration::from_nanos(ticks * TICK)
}

/// When a timer set at `now` for `ticks` ticks fires.
pub(crate) fn expiry(now: SimTime, ticks: u64) -> SimTime {
    let expires = jiffies(now) + ticks;
    let level = (0..LEVELS)
        .find(|level| ticks < LEVEL_ONE << (3 * level))
        .unwrap_or(LEVELS);
    let slot = (expires >> (3 * level)) + 1;
    SimTime::from_nanos((slot << (3 * level)) * TICK)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timers_are_never_early_and_late_by_a_slot_at_most() {
        for start in [0_u64, 1, 3_999_999, 123_456_789] {
            for ticks in [1, 10, 51, 62, 63, 250, 503, 504, 2500, 30_000] {
                let now = SimTime::from_nanos(start);
                let late = expiry(now, ticks).since(now).as_nanos();
                assert!(late >= ticks * TICK, "{ticks} ticks came early");
                let allowed = if ticks < 63 { TICK } else { ticks * TICK / 7 };
                assert!(late <= ticks * TICK + allowed + TICK, "{ticks}: {late}");
            }
        }
    }
}

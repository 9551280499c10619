//! Virtual time that follows another clock.
//!
//! Without it time passes only where somebody uses it, so a program that asks until something has
//! come asks for ever. With it the session is let forward by what has passed on the clock, a second
//! at least: at each request, and now and then if there is none. What commands on machines and
//! `wirelab advance` take comes on top. An undo takes that time back together with the step before
//! it, and the clock goes on from there.

use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use wirelab_model::SimDuration;

/// The least step.
const STEP: Duration = Duration::from_secs(1);
/// How long nobody asks before time is let forward all the same: other terminals want to see it.
const UNASKED: Duration = Duration::from_secs(10);

/// A clock, and how much of what it shows the session has been given.
pub(crate) struct Pace {
    clock: Box<dyn Fn() -> Duration + Send + Sync>,
    given: Mutex<Duration>,
}

impl fmt::Debug for Pace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pace").field("given", &self.given).finish()
    }
}

impl Pace {
    /// By a clock that counts from some moment; what it shows now is over.
    pub(crate) fn new(clock: Box<dyn Fn() -> Duration + Send + Sync>) -> Self {
        let given = Mutex::new(clock());
        Self { clock, given }
    }

    /// Whole seconds that have passed and are not given out yet, for somebody who `asks`.
    pub(crate) fn due(&self, asks: bool) -> Option<SimDuration> {
        let mut given = self.given.lock().unwrap_or_else(PoisonError::into_inner);
        let passed = (self.clock)().saturating_sub(*given);
        if passed < if asks { STEP } else { UNASKED } {
            return None;
        }
        let whole = passed.as_secs();
        *given += Duration::from_secs(whole);
        Some(SimDuration::from_secs(whole))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    #[test]
    fn whole_seconds_are_given_out_once_and_sooner_to_somebody_who_asks() {
        let shown = Arc::new(AtomicU64::new(5000));
        let clock = Arc::clone(&shown);
        let pace = Pace::new(Box::new(move || {
            Duration::from_millis(clock.load(Ordering::Relaxed))
        }));
        let at = |millis: u64, asks: bool| {
            shown.store(millis, Ordering::Relaxed);
            pace.due(asks).map(|it| it.as_nanos() / 1_000_000_000)
        };
        assert_eq!(at(5000, true), None, "what was before is over");
        assert_eq!(at(5900, true), None);
        assert_eq!(at(9500, false), None, "nobody asks");
        assert_eq!(at(9500, true), Some(4));
        assert_eq!(at(9900, true), None, "once");
        assert_eq!(at(10_000, true), Some(1), "half a second was left");
        assert_eq!(at(20_700, false), Some(10));
    }
}

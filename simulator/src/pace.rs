//! How long a machine takes over things.
//!
//! Two machines never tick together, and no packet takes exactly as long as the one before: a
//! capture whose times fall on one grid gives a simulator away. So each machine has a phase of its
//! own for its timer ticks, and spends some microseconds on each packet it sends. Nothing is ever
//! early, and an interface sends in order whatever is drawn ([`crate::link`]).

use serde::{Deserialize, Serialize};
use wirelab_model::{SimDuration, SimTime, Stream};

/// A tick of the kernel's timer (`HZ=250`) in nanoseconds.
const TICK: u64 = 4_000_000;
/// What sending takes at least, and what it takes longer now and then, in nanoseconds: the range of
/// the golden captures' answers to a SYN.
const SENDS: (u64, u64) = (9_000, 31_000);

/// A machine's clock phase and its stream of delays.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Pace {
    phase: SimDuration,
    delays: Stream,
}

impl Pace {
    pub(crate) fn new(traffic_seed: u64, machine: &str) -> Self {
        let mut delays = Stream::new(traffic_seed, &format!("pace.{machine}"));
        let phase = SimDuration::from_nanos(delays.range(0, TICK - 1));
        Self { phase, delays }
    }

    /// When a timer that is due at `at` runs.
    pub(crate) fn wakes(&self, at: SimTime) -> SimTime {
        at + self.phase
    }

    /// When a packet that is made at `now` reaches the interface's queue.
    pub(crate) fn sends(&mut self, now: SimTime) -> SimTime {
        let (least, more) = SENDS;
        now + SimDuration::from_nanos(least + self.delays.range(0, more))
    }
}

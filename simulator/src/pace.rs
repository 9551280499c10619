//! How long a machine takes over things, and what it does one after the other.
//!
//! Two machines never tick together, and no packet takes exactly as long as the one before: a
//! capture whose times fall on one grid gives a simulator away. So each machine has a phase of its
//! own for its timer ticks, and spends some microseconds on what it does.
//!
//! A packet that comes to an interface of a machine waits in its `inbox` until the kernel takes it:
//! only then is it captured, for a capture sees a packet in the moment in which the kernel does.
//! What has come in the meantime is taken with it, one packet after the other, each with what the
//! kernel answers to it. Programs look after the last of them. No packet is taken while an answer
//! is being made, so an answer never knows less than the capture shows before it.
//!
//! ```text
//! arrives      t                      waits in the inbox
//! is noticed   t + 2..8 us            captured; the kernel's answer leaves 9..40 us later,
//!                                     and what has waited behind it is taken then
//! programs     after the last answer  theirs leave 9..40 us later
//! ```
//!
//! Nothing is ever early, and an interface sends in order whatever is drawn ([`crate::link`]).

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};
use wirelab_model::{SimDuration, SimTime, Stream};

use crate::fabric::{Place, Transit};

/// A tick of the kernel's timer (`HZ=250`) in nanoseconds.
const TICK: u64 = 4_000_000;
/// Least and most nanoseconds from a packet's arrival until the kernel takes it.
const NOTICES: (u64, u64) = (2_000, 8_000);
/// Until an answer is made, by a machine that has just woken up: the range of the golden captures'
/// answers to a SYN.
const ANSWERS: (u64, u64) = (9_000, 40_000);
/// By one that is at it.
const ANSWERS_AT_ONCE: (u64, u64) = (400, 1_200);

/// A machine's clock phase, its stream of delays, and what it has not come to yet.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Pace {
    phase: SimDuration,
    delays: Stream,
    /// What has arrived and not been taken.
    pub(crate) inbox: VecDeque<(Place, Transit)>,
    /// Whether the kernel has been told that there is something.
    notified: bool,
    /// Whether it has taken something already since it was told.
    awake: bool,
    /// Until then it makes answers.
    busy_until: SimTime,
}

impl Pace {
    pub(crate) fn new(traffic_seed: u64, machine: &str) -> Self {
        let mut delays = Stream::new(traffic_seed, &format!("pace.{machine}"));
        let phase = SimDuration::from_nanos(delays.range(0, TICK - 1));
        Self {
            phase,
            delays,
            inbox: VecDeque::new(),
            notified: false,
            awake: false,
            busy_until: SimTime::ZERO,
        }
    }

    /// When a timer that is due at `at` runs.
    pub(crate) fn wakes(&self, at: SimTime) -> SimTime {
        at + self.phase
    }

    /// A packet has arrived. Gives the time at which the kernel will look, if it has to be told.
    pub(crate) fn arrived(
        &mut self,
        now: SimTime,
        place: Place,
        transit: Transit,
    ) -> Option<SimTime> {
        self.inbox.push_back((place, transit));
        if self.notified {
            return None;
        }
        self.notified = true;
        self.awake = false;
        Some(self.after(now, NOTICES).max(self.busy_until))
    }

    /// What the kernel takes next, if it is free now; otherwise when it will be.
    pub(crate) fn take(&mut self, now: SimTime) -> Result<Option<(Place, Transit)>, SimTime> {
        if self.busy_until > now && !self.inbox.is_empty() {
            return Err(self.busy_until);
        }
        let next = self.inbox.pop_front();
        self.notified = next.is_some();
        self.awake &= self.notified;
        Ok(next)
    }

    /// When what is made at `now` reaches the interface's queue.
    pub(crate) fn sends(&mut self, now: SimTime) -> SimTime {
        let range = if self.awake { ANSWERS_AT_ONCE } else { ANSWERS };
        self.awake = self.notified;
        self.busy_until = self.after(now.max(self.busy_until), range);
        self.busy_until
    }

    fn after(&mut self, now: SimTime, (least, most): (u64, u64)) -> SimTime {
        now + SimDuration::from_nanos(self.delays.range(least, most))
    }
}

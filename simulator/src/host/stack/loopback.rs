//! What a machine sends to itself. No link carries it, but it takes the processor's time: a real
//! `ping` of an own address shows 0.02 to 0.06 ms, not nothing.
//!
//! ```text
//! echo request  sent at t, taken at t + 12..28 us
//! echo reply    sent then, taken 12..28 us later: `time=0.038 ms`
//! ```

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};
use wirelab_model::{SimDuration, SimTime, Stream};
use wirelab_wire::IpPacket;

/// Least and most nanoseconds of one crossing.
const CROSSING: (u64, u64) = (12_000, 28_000);

/// Packets on their way through `lo`, in order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Loopback {
    packets: VecDeque<(SimTime, Box<IpPacket>)>,
    delays: Stream,
}

impl Loopback {
    pub(super) fn new(seed: u64, machine: &str) -> Self {
        Self {
            packets: VecDeque::new(),
            delays: Stream::new(seed, &format!("host/{machine}/loopback")),
        }
    }

    pub(super) fn put(&mut self, now: SimTime, packet: Box<IpPacket>) {
        let crossing = SimDuration::from_nanos(self.delays.range(CROSSING.0, CROSSING.1));
        let before = self.packets.back().map_or(now, |(at, _)| *at);
        self.packets
            .push_back(((now + crossing).max(before), packet));
    }

    /// What has arrived by `now`.
    pub(super) fn take(&mut self, now: SimTime) -> Option<Box<IpPacket>> {
        self.due().filter(|at| *at <= now)?;
        self.packets.pop_front().map(|(_, packet)| packet)
    }

    pub(super) fn due(&self) -> Option<SimTime> {
        self.packets.front().map(|(at, _)| *at)
    }
}

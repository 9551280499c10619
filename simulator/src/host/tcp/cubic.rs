//! CUBIC (RFC 9438) as `net/ipv4/tcp_cubic.c` has it, with HyStart; integers only.

use serde::{Deserialize, Serialize};
use wirelab_model::SimTime;

/// 717/1024: what is left of the window after a loss.
const BETA: u64 = 717;
const BETA_SCALE: u64 = 1024;
/// `8 * (1024 + beta) / 3 / (1024 - beta)`: growth of the friendly Reno flow.
const FRIENDLY_SCALE: u64 = 8 * (BETA_SCALE + BETA) / 3 / (BETA_SCALE - BETA);
/// C of the cubic function, scaled: 410/1024 windows per second cubed.
const CUBE_RTT_SCALE: u64 = 410;
/// HyStart acts from this window on, in segments.
const HYSTART_LOW_WINDOW: u32 = 16;
/// ACKs no farther apart than this, in microseconds, belong to one train.
const HYSTART_ACK_DELTA: u64 = 2000;
/// Samples a round before the delay is judged.
const HYSTART_MIN_SAMPLES: u8 = 8;

/// State of the congestion window's growth.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Cubic {
    count: u32,
    last_max: u32,
    last_window: u32,
    last_time: u64,
    origin: u32,
    k: u64,
    delay_min: u64,
    epoch_start: Option<u64>,
    acked: u32,
    friendly_window: u32,
    round_start: u64,
    round_end: u32,
    last_ack: u64,
    round_rtt: u64,
    samples: u8,
    hystart_found: bool,
}

fn micros(now: SimTime) -> u64 {
    now.as_nanos() / 1000
}

impl Cubic {
    /// A new slow start threshold after a loss at `window`, in segments.
    pub(crate) fn slow_start_threshold(&mut self, window: u32) -> u32 {
        self.epoch_start = None;
        let left = (u64::from(window) * BETA / BETA_SCALE) as u32;
        // Fast convergence: a flow whose maximum fell makes room for the others.
        self.last_max = if window < self.last_max {
            (u64::from(window) * (BETA_SCALE + BETA) / (2 * BETA_SCALE)) as u32
        } else {
            window
        };
        left.max(2)
    }

    /// A retransmission timeout: everything learned is void.
    pub(crate) fn on_loss(&mut self, now: SimTime, next: u32) {
        *self = Self::default();
        self.start_round(now, next);
    }

    /// Data is sent again after idling for `idle` microseconds: time stood still for the curve.
    pub(crate) fn on_restart(&mut self, idle: u64) {
        if let Some(epoch) = &mut self.epoch_start {
            *epoch += idle;
        }
    }

    fn start_round(&mut self, now: SimTime, next: u32) {
        self.round_start = micros(now);
        self.last_ack = self.round_start;
        self.round_end = next;
        self.round_rtt = u64::MAX;
        self.samples = 0;
    }

    /// Takes an RTT sample; returns true when HyStart ends slow start.
    pub(crate) fn on_acked(&mut self, ack: &Acked) -> bool {
        if self.delay_min == 0 || self.delay_min > ack.rtt {
            self.delay_min = ack.rtt.max(1);
        }
        if self.hystart_found || !ack.slow_start || ack.window < HYSTART_LOW_WINDOW {
            return false;
        }
        self.hystart(ack)
    }

    fn hystart(&mut self, ack: &Acked) -> bool {
        if super::seq::after(ack.una, self.round_end) {
            self.start_round(ack.now, ack.next);
        }
        let now = micros(ack.now);
        if now.saturating_sub(self.last_ack) <= HYSTART_ACK_DELTA {
            self.last_ack = now;
            // Half a round trip of closely spaced ACKs: the pipe is full.
            self.hystart_found |= now.saturating_sub(self.round_start) > self.delay_min / 2
                && self.delay_min > HYSTART_ACK_DELTA;
        }
        self.round_rtt = self.round_rtt.min(ack.rtt);
        if self.samples < HYSTART_MIN_SAMPLES {
            self.samples += 1;
        } else {
            let threshold = (self.delay_min / 8).clamp(4000, 16_000);
            self.hystart_found |= self.round_rtt > self.delay_min + threshold;
        }
        self.hystart_found
    }

    /// How many segments must be acknowledged before the window grows by one.
    pub(crate) fn segments_per_increase(&mut self, now: SimTime, window: u32, acked: u32) -> u32 {
        let now = micros(now);
        self.acked += acked;
        let fresh = self.last_window != window || now.saturating_sub(self.last_time) > 31_250;
        if fresh && (self.epoch_start.is_none() || now != self.last_time) {
            self.update(now, window, acked);
        }
        self.be_friendly(window);
        self.count.max(2)
    }

    fn update(&mut self, now: u64, window: u32, acked: u32) {
        self.last_window = window;
        self.last_time = now;
        let epoch = match self.epoch_start {
            Some(epoch) => epoch,
            None => self.start_epoch(now, window, acked),
        };
        // Time in units of 1/1024 s, as K.
        let time = ((now.saturating_sub(epoch) + self.delay_min) << 10) / 1_000_000;
        let offset = time.abs_diff(self.k);
        let delta = cube_delta(offset);
        let origin = u64::from(self.origin);
        let target = if time < self.k {
            origin.saturating_sub(delta)
        } else {
            origin + delta
        };
        let current = u64::from(window);
        let count = if target > current {
            current / (target - current)
        } else {
            100 * current
        };
        self.count = count.min(u64::from(u32::MAX)) as u32;
        if self.last_max == 0 {
            self.count = self.count.min(20);
        }
    }

    fn start_epoch(&mut self, now: u64, window: u32, acked: u32) -> u64 {
        self.epoch_start = Some(now);
        self.acked = acked;
        self.friendly_window = window;
        if self.last_max <= window {
            self.k = 0;
            self.origin = window;
        } else {
            let distance = u128::from(self.last_max - window);
            self.k = cube_root((1_u128 << 40) / u128::from(CUBE_RTT_SCALE) * distance);
            self.origin = self.last_max;
        }
        now
    }

    fn be_friendly(&mut self, window: u32) {
        let step = ((u64::from(window) * FRIENDLY_SCALE) >> 3).max(1) as u32;
        while self.acked > step {
            self.acked -= step;
            self.friendly_window += 1;
        }
        if self.friendly_window > window {
            let limit = window / (self.friendly_window - window);
            self.count = self.count.min(limit);
        }
    }
}

/// What an acknowledgment tells the congestion control.
pub(crate) struct Acked {
    pub(crate) now: SimTime,
    /// RTT sample in microseconds.
    pub(crate) rtt: u64,
    /// Congestion window in segments.
    pub(crate) window: u32,
    pub(crate) slow_start: bool,
    pub(crate) una: u32,
    pub(crate) next: u32,
}

fn cube_delta(offset: u64) -> u64 {
    let cube = u128::from(offset).pow(3) * u128::from(CUBE_RTT_SCALE);
    u64::try_from(cube >> 40).unwrap_or(u64::MAX)
}

/// The largest integer whose cube is at most `value`.
fn cube_root(value: u128) -> u64 {
    let (mut low, mut high) = (0_u128, 1_u128 << 42);
    while low < high {
        let middle = (low + high).div_ceil(2);
        if middle.pow(3) <= value {
            low = middle;
        } else {
            high = middle - 1;
        }
    }
    low as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cube_roots_are_exact() {
        for root in [0_u64, 1, 2, 10, 1624, 99_999] {
            let cube = u128::from(root).pow(3);
            assert_eq!(cube_root(cube), root);
            assert_eq!(cube_root(cube + 1), root.max(1));
        }
    }

    /// Milliseconds until a window of 100 segments has grown back after a loss.
    fn regrowth(round_trip_ms: u64) -> u64 {
        let mut cubic = Cubic::default();
        let mut window = cubic.slow_start_threshold(100);
        assert_eq!(window, 70);
        let mut credit = 0;
        for round in 1..600_u64 {
            let now = SimTime::from_nanos(round * round_trip_ms * 1_000_000);
            let per = cubic.segments_per_increase(now, window, window);
            credit += window;
            window += credit / per;
            credit %= per;
            if window >= 100 {
                return round * round_trip_ms;
            }
        }
        panic!("the window never grows back");
    }

    #[test]
    fn the_window_returns_after_k_seconds_or_as_fast_as_reno() {
        // K = cbrt(30 / 0.4) = 4.2 s, on a path so long that Reno would need 11 s. Whole segments
        // are aimed at, so the old maximum counts as the target from 1.4 s before K on.
        let long = regrowth(200);
        assert!((2800..4400).contains(&long), "{long} ms");
        // On a short path the friendly region decides: 0.53 segments a round trip.
        let short = regrowth(20);
        assert!((700..1200).contains(&short), "{short} ms");
    }
}

//! Round-trip time and retransmission timeout (RFC 6298 with Linux's variance floor).

use serde::{Deserialize, Serialize};

use super::clock;
use super::seq::after;

/// `tcp_rto_min_us`.
const RTO_MIN_MICROS: i64 = 200_000;
/// Ticks of `tcp_rto_max_ms`.
pub(crate) const RTO_MAX_TICKS: u64 = 30_000;
/// Ticks of the timeout before anything was measured (RFC 6298 section 2.1).
pub(crate) const RTO_INITIAL_TICKS: u64 = 250;

/// Stands for "no sample yet", in microseconds.
const NO_SAMPLE: u64 = 0xffff_ffff;

/// The estimator of `tcp_rtt_estimator`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RttEstimator {
    /// Eight times the smoothed RTT in microseconds; 0 before the first sample.
    srtt8: i64,
    mdev: i64,
    mdev_max: i64,
    rttvar: i64,
    round_ends: u32,
    /// Smallest sample in microseconds.
    minimum: Option<u64>,
    /// Current timeout in ticks, backed off or not.
    pub(crate) rto: u64,
}

impl Default for RttEstimator {
    fn default() -> Self {
        Self {
            srtt8: 0,
            mdev: 1_000_000,
            mdev_max: RTO_MIN_MICROS,
            rttvar: 0,
            round_ends: 0,
            minimum: None,
            rto: RTO_INITIAL_TICKS,
        }
    }
}

impl RttEstimator {
    /// Smoothed RTT in microseconds; 0 before the first sample.
    pub(crate) fn smoothed(&self) -> u64 {
        (self.srtt8 >> 3) as u64
    }

    /// Mean deviation in microseconds, as `tcpi_rttvar`.
    pub(crate) fn variance(&self) -> u64 {
        (self.mdev >> 2) as u64
    }

    /// Smallest RTT seen in microseconds; without a sample, very large.
    pub(crate) fn minimum(&self) -> u64 {
        self.minimum.unwrap_or(NO_SAMPLE)
    }

    /// Takes a sample of `micros` and sets the timeout.
    pub(crate) fn sample(&mut self, micros: u64, una: u32, next: u32) {
        self.minimum = Some(self.minimum().min(micros.max(1)));
        let sample = micros.max(1) as i64;
        if self.srtt8 == 0 {
            self.first(sample, next);
        } else {
            self.following(sample, una, next);
        }
        self.reset_timeout();
    }

    fn first(&mut self, sample: i64, next: u32) {
        self.srtt8 = sample << 3;
        self.mdev = sample << 1;
        self.rttvar = self.mdev.max(RTO_MIN_MICROS);
        self.mdev_max = self.rttvar;
        self.round_ends = next;
    }

    fn following(&mut self, sample: i64, una: u32, next: u32) {
        let mut error = sample - (self.srtt8 >> 3);
        self.srtt8 = (self.srtt8 + error).max(1);
        if error < 0 {
            error = -error - (self.mdev >> 2);
            if error > 0 {
                // A falling RTT must not raise the variance as a rising one does.
                error >>= 3;
            }
        } else {
            error -= self.mdev >> 2;
        }
        self.mdev += error;
        if self.mdev > self.mdev_max {
            self.mdev_max = self.mdev;
            self.rttvar = self.rttvar.max(self.mdev_max);
        }
        if after(una, self.round_ends) {
            if self.mdev_max < self.rttvar {
                self.rttvar -= (self.rttvar - self.mdev_max) >> 2;
            }
            self.round_ends = next;
            self.mdev_max = RTO_MIN_MICROS;
        }
    }

    /// The timeout without backoff.
    pub(crate) fn reset_timeout(&mut self) {
        if self.srtt8 != 0 {
            let micros = (self.srtt8 >> 3) + self.rttvar;
            self.rto = clock::ticks_of_micros(micros as u64).min(RTO_MAX_TICKS);
        }
    }

    /// The timeout after this many doublings (`inet_csk_rto_backoff`).
    pub(crate) fn set_backed_off(&mut self, doublings: u8) {
        self.rto = RTO_INITIAL_TICKS;
        self.reset_timeout();
        for _ in 0..doublings {
            self.back_off();
        }
    }

    /// Doubles the timeout, up to two minutes.
    pub(crate) fn back_off(&mut self) {
        self.rto = (self.rto * 2).min(RTO_MAX_TICKS);
    }
}

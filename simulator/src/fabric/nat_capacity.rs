//! How much a NAT gateway carries.
//!
//! Amazon VPC User Guide, "NAT gateway basics" (`facts.md` 2.4): 5 Gbps and one million packets a
//! second, scaling by itself to 100 Gbps and ten million; what is more is dropped. How fast it
//! scales is not documented. Ours: a second in which four fifths of the bits or packets were used
//! adds a tenth to both; they do not shrink.

use serde::{Deserialize, Serialize};
use wirelab_model::{SimDuration, SimTime};

use crate::allowance::{Bounds, Meter, Metered};

/// Bits a second at first, and at most.
const BITS: (u64, u64) = (5_000_000_000, 100_000_000_000);
/// Packets a second at first, and at most.
const PACKETS: (u64, u64) = (1_000_000, 10_000_000);
/// How much of a burst passes beyond the rate (ours).
const TOLERANCE: SimDuration = SimDuration::from_millis(10);

/// What one gateway carries now.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct Capacity {
    bits: u64,
    packets: u64,
    bit_meter: Meter,
    packet_meter: Meter,
    /// The second that is counted, and what passed in it.
    second: u64,
    used_bits: u64,
    used_packets: u64,
}

impl Default for Capacity {
    fn default() -> Self {
        Self {
            bits: BITS.0,
            packets: PACKETS.0,
            bit_meter: Meter::default(),
            packet_meter: Meter::default(),
            second: 0,
            used_bits: 0,
            used_packets: 0,
        }
    }
}

impl Capacity {
    /// Whether a packet of `octets` passes at `now`.
    pub(super) fn take(&mut self, now: SimTime, octets: usize) -> bool {
        self.scale(now);
        let bits = octets as u64 * 8;
        let bounds = |rate| Bounds {
            rate,
            tolerance: TOLERANCE,
            queue: SimDuration::ZERO,
        };
        let packets = self.packet_meter.take(now, 1, &bounds(self.packets));
        let passes = packets == Metered::Passes
            && self.bit_meter.take(now, bits, &bounds(self.bits)) == Metered::Passes;
        if passes {
            self.used_bits += bits;
            self.used_packets += 1;
        }
        passes
    }

    /// A second that is over may have been a busy one.
    fn scale(&mut self, now: SimTime) {
        let second = now.as_secs();
        if second == self.second {
            return;
        }
        let busy = |used: u64, of: u64| used >= of / 5 * 4;
        if busy(self.used_bits, self.bits) || busy(self.used_packets, self.packets) {
            self.bits = (self.bits / 10 * 11).min(BITS.1);
            self.packets = (self.packets / 10 * 11).min(PACKETS.1);
        }
        self.second = second;
        self.used_bits = 0;
        self.used_packets = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Packets of `octets`, one every `nanos`, for `seconds`: how many of the last second pass.
    fn last_second(octets: usize, nanos: u64, seconds: u64) -> u64 {
        let mut capacity = Capacity::default();
        let mut passed = 0;
        for at in (0..seconds * 1_000_000_000).step_by(usize::try_from(nanos).expect("small")) {
            let now = SimTime::from_nanos(at);
            let passes = capacity.take(now, octets);
            if now.as_secs() + 1 == seconds {
                passed += u64::from(passes);
            }
        }
        passed
    }

    #[test]
    fn it_begins_at_5_gbps_and_a_million_packets_and_grows_while_it_is_busy() {
        // 12.5 Gbps are offered.
        let offered = |seconds| last_second(62_500, 40_000, seconds) * 62_500 * 8 / 1_000_000;
        assert!((5_000..5_100).contains(&offered(1)), "{}", offered(1));
        assert!((5_500..5_600).contains(&offered(2)), "{}", offered(2));
        assert!((12_400..12_600).contains(&offered(12)), "{}", offered(12));
        // 2 million packets a second are offered.
        let packets = last_second(40, 500, 1);
        assert!((1_000_000..1_020_000).contains(&packets), "{packets}");
    }
}

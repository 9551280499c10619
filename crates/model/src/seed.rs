//! The seed and its named random streams.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// Everything that varies between two runs of one scenario, in three parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Seed {
    /// Which variant, and what the fault looks like.
    pub fault: u64,
    /// Ids, addresses, names.
    pub names: u64,
    /// Client ports, timings, other clients.
    pub traffic: u64,
}

impl Seed {
    /// A whole seed from one number.
    #[must_use]
    pub const fn whole(seed: u64) -> Self {
        Self {
            fault: seed,
            names: seed,
            traffic: seed,
        }
    }

    /// The same fault and names with other traffic: what hidden runs use.
    #[must_use]
    pub const fn with_traffic(self, traffic: u64) -> Self {
        Self { traffic, ..self }
    }
}

/// One consumer's stream of random bits: ChaCha8 keyed by SHA-256 of seed part and name, so that a
/// new draw in one place shifts none elsewhere.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stream(ChaCha8Rng);

impl Stream {
    /// The stream `name` of the seed part `seed`.
    #[must_use]
    pub fn new(seed: u64, name: &str) -> Self {
        let mut hash = Sha256::new();
        hash.update(seed.to_be_bytes());
        hash.update(name.as_bytes());
        let mut key = [0; 32];
        key.copy_from_slice(&hash.finalize());
        Self(ChaCha8Rng::from_seed(key))
    }

    /// 64 random bits.
    pub fn next_u64(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// 32 random bits.
    pub fn next_u32(&mut self) -> u32 {
        self.0.next_u32()
    }

    /// A number in `low..=high`, without bias. `low` must not exceed `high`.
    pub fn range(&mut self, low: u64, high: u64) -> u64 {
        assert!(low <= high, "an empty range {low}..={high}");
        let Some(span) = (high - low).checked_add(1) else {
            return self.next_u64();
        };
        // Lemire: take the high half of a product, reject the few values that would be favoured.
        loop {
            let product = u128::from(self.next_u64()) * u128::from(span);
            if product as u64 >= span.wrapping_neg() % span {
                return low + (product >> 64) as u64;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_repeat_and_differ_by_name_and_seed() {
        let draw = |seed, name| Stream::new(seed, name).next_u64();
        assert_eq!(draw(7, "ports"), draw(7, "ports"));
        assert_ne!(draw(7, "ports"), draw(7, "timing"));
        assert_ne!(draw(7, "ports"), draw(8, "ports"));
    }

    #[test]
    fn a_range_reaches_both_ends() {
        let mut stream = Stream::new(1, "range");
        let drawn: std::collections::BTreeSet<_> = (0..200).map(|_| stream.range(3, 6)).collect();
        assert_eq!(drawn.into_iter().collect::<Vec<_>>(), [3, 4, 5, 6]);
    }
}

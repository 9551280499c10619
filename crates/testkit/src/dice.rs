//! Draws from one named stream.

use wirelab_model::Stream;

/// A named stream of a seed.
pub(crate) struct Dice(Stream);

impl Dice {
    pub(crate) fn new(seed: u64, name: &str) -> Self {
        Self(Stream::new(seed, name))
    }

    /// A number in `0..below`; 0 if `below` is 0.
    pub(crate) fn below(&mut self, below: usize) -> usize {
        let last = u64::try_from(below.saturating_sub(1)).expect("usize fits");
        usize::try_from(self.0.range(0, last)).expect("it is below a usize")
    }

    /// A number in `low..=high`.
    pub(crate) fn between(&mut self, low: u64, high: u64) -> u64 {
        self.0.range(low, high)
    }

    /// True `percent` times of a hundred.
    pub(crate) fn chance(&mut self, percent: u64) -> bool {
        self.0.range(1, 100) <= percent
    }

    /// One of `all`, which is not empty.
    pub(crate) fn pick<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        &all[self.below(all.len())]
    }
}

//! The queue of everything that is to happen, ordered by (time, order of entry).

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use serde::{Deserialize, Serialize};
use wirelab_model::SimTime;

/// A priority queue whose entries stay where they are: the heap holds small keys, and slots are
/// used again, so that a busy queue allocates nothing.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Queue<T> {
    keys: BinaryHeap<Reverse<Key>>,
    slots: Vec<Option<T>>,
    free: Vec<u32>,
    next_seq: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct Key {
    at: SimTime,
    seq: u64,
    slot: u32,
}

impl<T> Default for Queue<T> {
    fn default() -> Self {
        Self {
            keys: BinaryHeap::new(),
            slots: Vec::new(),
            free: Vec::new(),
            next_seq: 0,
        }
    }
}

impl<T> Queue<T> {
    /// Enters `item`; of two entries for one moment the earlier entered comes first.
    pub(crate) fn push(&mut self, at: SimTime, item: T) {
        let slot = self.free.pop().unwrap_or_else(|| {
            self.slots.push(None);
            u32::try_from(self.slots.len() - 1).expect("a queue holds fewer than 2^32 entries")
        });
        self.slots[slot as usize] = Some(item);
        let seq = self.next_seq;
        self.next_seq += 1;
        self.keys.push(Reverse(Key { at, seq, slot }));
    }

    /// When the first entry is due.
    pub(crate) fn next_at(&self) -> Option<SimTime> {
        self.keys.peek().map(|Reverse(key)| key.at)
    }

    /// Takes the first entry if it is due at or before `now`.
    pub(crate) fn pop_due(&mut self, now: SimTime) -> Option<(SimTime, T)> {
        if self.next_at()? > now {
            return None;
        }
        let Reverse(key) = self.keys.pop()?;
        self.free.push(key.slot);
        let item = self.slots[key.slot as usize].take();
        Some((key.at, item.expect("a key has its slot")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_times_keep_their_order_and_slots_are_used_again() {
        let mut queue = Queue::default();
        for (at, item) in [(2, 'c'), (1, 'a'), (2, 'd'), (1, 'b')] {
            queue.push(SimTime::from_secs(at), item);
        }
        let first = queue.pop_due(SimTime::from_secs(1));
        assert_eq!(first, Some((SimTime::from_secs(1), 'a')));
        queue.push(SimTime::from_secs(2), 'e');
        let mut rest = Vec::new();
        while let Some((_, item)) = queue.pop_due(SimTime::from_secs(2)) {
            rest.push(item);
        }
        assert_eq!(rest, ['b', 'c', 'd', 'e']);
        assert_eq!(queue.slots.len(), 4);
    }
}

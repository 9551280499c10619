//! The queue of everything that is to happen, ordered by (time, order of entry).
//!
//! A timing wheel of several levels, as kernels keep their timers (Varghese and Lauck, 1987): an
//! entry lies by the highest of its time's digits, to base 64, that differs from the time the queue
//! has reached. When the time of a place has come, it is sorted if it holds few entries, else
//! spread over the lower wheels. So an entry moves twice or thrice, however many there are, where a
//! heap compares it with the logarithm of them. Entries of one place stay in the order in which
//! they came, and so do those of one moment.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};
use wirelab_model::SimTime;

/// Bits of a digit.
const BITS: u32 = 6;
/// Places of a wheel.
const PLACES: usize = 1 << BITS;
/// A place with so many entries is sorted at once.
const FEW: usize = 64;
/// Wheels: eleven digits of six bits hold a time of 64.
const WHEELS: usize = 11;

/// A priority queue whose entries stay where they are: the wheels hold small keys, and slots are
/// used again, so that a busy queue allocates nothing.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(
    from = "Saved<T>",
    into = "Saved<T>",
    bound(serialize = "T: Clone + Serialize")
)]
pub(crate) struct Queue<T> {
    /// [`PLACES`] a wheel, the lowest wheel first.
    places: Vec<Place>,
    /// Which places of each wheel hold something.
    taken: [u64; WHEELS],
    /// What the digits of entries are compared with: no entry is due before it.
    reached: u64,
    /// Everything before `near_end`, sorted: the place whose time has come.
    near: VecDeque<(u64, u32)>,
    near_end: u64,
    slots: Vec<Option<T>>,
    free: Vec<u32>,
}

#[derive(Clone, Debug)]
struct Place {
    /// Time and slot, in the order of entry.
    keys: VecDeque<(u64, u32)>,
    /// The earliest of their times.
    first: u64,
}

/// What is kept of a [`Queue`]: its entries in the order in which they will be taken.
#[derive(Serialize, Deserialize)]
struct Saved<T> {
    reached: SimTime,
    entries: Vec<(SimTime, T)>,
}

impl<T> From<Saved<T>> for Queue<T> {
    fn from(saved: Saved<T>) -> Self {
        let mut queue = Self {
            reached: saved.reached.as_nanos(),
            ..Self::default()
        };
        for (at, item) in saved.entries {
            queue.push(at, item);
        }
        queue
    }
}

impl<T> From<Queue<T>> for Saved<T> {
    fn from(mut queue: Queue<T>) -> Self {
        let reached = SimTime::from_nanos(queue.reached);
        let never = SimTime::from_nanos(u64::MAX);
        let entries = std::iter::from_fn(|| queue.pop_due(never)).collect();
        Self { reached, entries }
    }
}

impl<T> Default for Queue<T> {
    fn default() -> Self {
        let empty = Place {
            keys: VecDeque::new(),
            first: u64::MAX,
        };
        Self {
            places: vec![empty; WHEELS * PLACES],
            taken: [0; WHEELS],
            reached: 0,
            near: VecDeque::new(),
            near_end: 0,
            slots: Vec::new(),
            free: Vec::new(),
        }
    }
}

impl<T> Queue<T> {
    /// Enters `item`; of two entries for one moment the earlier entered comes first. A time before
    /// that of an entry that was taken counts as that one.
    pub(crate) fn push(&mut self, at: SimTime, item: T) {
        let slot = self.free.pop().unwrap_or_else(|| {
            self.slots.push(None);
            u32::try_from(self.slots.len() - 1).expect("a queue holds fewer than 2^32 entries")
        });
        self.slots[slot as usize] = Some(item);
        self.place(at.as_nanos().max(self.reached), slot);
    }

    /// When the first entry is due.
    pub(crate) fn next_at(&self) -> Option<SimTime> {
        let first = match self.near.front() {
            Some((at, _)) => *at,
            None => {
                let (wheel, digit) = self.first_place()?;
                self.places[wheel * PLACES + digit].first
            }
        };
        Some(SimTime::from_nanos(first))
    }

    /// Takes the first entry if it is due at or before `now`.
    pub(crate) fn pop_due(&mut self, now: SimTime) -> Option<(SimTime, T)> {
        if self.next_at()? > now {
            return None;
        }
        while self.near.is_empty() {
            let (wheel, digit) = self.first_place()?;
            self.open(wheel, digit);
        }
        let (at, slot) = self.near.pop_front()?;
        self.reached = at;
        self.free.push(slot);
        let item = self.slots[slot as usize].take();
        Some((SimTime::from_nanos(at), item.expect("a key has its slot")))
    }

    fn place(&mut self, at: u64, slot: u32) {
        if at < self.near_end {
            let after = self.near.partition_point(|(other, _)| *other <= at);
            return self.near.insert(after, (at, slot));
        }
        let differs = at ^ self.reached;
        let wheel = differs.checked_ilog2().unwrap_or(0) / BITS;
        let digit = (at >> (wheel * BITS)) as usize % PLACES;
        let wheel = wheel as usize;
        let place = &mut self.places[wheel * PLACES + digit];
        place.keys.push_back((at, slot));
        place.first = place.first.min(at);
        self.taken[wheel] |= 1 << digit;
    }

    /// The place with the earliest entry: whatever lies in a lower wheel is earlier than all of a
    /// higher one.
    fn first_place(&self) -> Option<(usize, usize)> {
        let wheel = self.taken.iter().position(|places| *places != 0)?;
        Some((wheel, self.taken[wheel].trailing_zeros() as usize))
    }

    /// Goes to the first time of a place, while nothing is near and the lower wheels are empty, and
    /// brings its entries near, or into lower wheels if they are many.
    fn open(&mut self, wheel: usize, digit: usize) {
        let place = &mut self.places[wheel * PLACES + digit];
        self.reached = std::mem::replace(&mut place.first, u64::MAX);
        self.taken[wheel] &= !(1 << digit);
        if wheel == 0 || place.keys.len() <= FEW {
            std::mem::swap(&mut self.near, &mut place.keys);
            self.near.make_contiguous().sort_by_key(|(at, _)| *at);
            let beyond = u64::MAX.checked_shl(wheel as u32 * BITS).unwrap_or(0);
            self.near_end = (self.reached | !beyond).saturating_add(1);
            return;
        }
        let mut keys = std::mem::take(&mut place.keys);
        for (at, slot) in keys.drain(..) {
            self.place(at, slot);
        }
        self.places[wheel * PLACES + digit].keys = keys;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

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

    proptest! {
        /// Held against a sorted list, with delays of every size, many of them equal.
        #[test]
        fn entries_come_in_the_order_of_time_and_entry(
            acts in prop::collection::vec((any::<bool>(), 0_u32..63, 0_u64..3), 1..200),
        ) {
            let mut queue = Queue::default();
            let mut list: Vec<(u64, usize)> = Vec::new();
            let mut now = 0;
            for (number, (pops, power, more)) in acts.into_iter().enumerate() {
                if !pops {
                    let at = now + ((1_u64 << power) - 1) / 7 + more;
                    queue.push(SimTime::from_nanos(at), number);
                    list.push((at, number));
                    list.sort_by_key(|entry| *entry);
                } else if !list.is_empty() {
                    let (at, wanted) = list.remove(0);
                    let due = SimTime::from_nanos(at);
                    prop_assert_eq!(queue.next_at(), Some(due));
                    if at > now {
                        prop_assert_eq!(queue.pop_due(SimTime::from_nanos(at - 1)), None);
                    }
                    prop_assert_eq!(queue.pop_due(due), Some((due, wanted)));
                    now = at;
                }
            }
            prop_assert_eq!(queue.next_at().is_none(), list.is_empty());
        }
    }
}

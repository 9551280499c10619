//! What is still to be graded, and by whom.
//!
//! Submissions of the same lab and seed share their runs, which are most of the work and of the
//! memory; so a group of them goes to one worker. Who has none left takes half of the largest group
//! that another is at.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Mutex;

use super::find::{self, Found};
use super::lock;

/// A smaller rest is not shared: its runs would be made again for it.
const SHARED: usize = 16;

/// Groups of submissions.
pub(super) struct Queue(Mutex<Groups>);

struct Groups {
    waiting: VecDeque<VecDeque<Found>>,
    /// What each worker is at, by its number.
    taken: Vec<VecDeque<Found>>,
}

impl Queue {
    /// For so many workers.
    pub(super) fn new(found: Vec<Found>, workers: usize) -> Self {
        let mut groups: BTreeMap<_, VecDeque<Found>> = BTreeMap::new();
        for file in found {
            groups.entry(find::runs(&file)).or_default().push_back(file);
        }
        Self(Mutex::new(Groups {
            waiting: groups.into_values().collect(),
            taken: vec![VecDeque::new(); workers],
        }))
    }

    /// The next one for a worker.
    pub(super) fn next(&self, worker: usize) -> Option<Found> {
        let mut groups = lock(&self.0);
        if groups.taken[worker].is_empty() {
            groups.taken[worker] = groups.another()?;
        }
        groups.taken[worker].pop_front()
    }
}

impl Groups {
    fn another(&mut self) -> Option<VecDeque<Found>> {
        if let Some(group) = self.waiting.pop_front() {
            return Some(group);
        }
        let largest = self.taken.iter_mut().max_by_key(|group| group.len())?;
        let half = largest.len() / 2;
        (half >= SHARED / 2).then(|| largest.split_off(largest.len() - half))
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn file(folder: &Path, name: &str, seed: u64) -> Found {
        let path = folder.join(name);
        let seed = format!("{{\"fault\":{seed},\"names\":{seed},\"traffic\":{seed}}}");
        let text = format!("{{\"lab\":\"l\",\"seed\":{seed}}}");
        std::fs::write(&path, text).expect("a file");
        Found::file(name.to_owned(), path)
    }

    #[test]
    fn a_group_goes_to_one_worker_until_another_has_nothing() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut found: Vec<_> = (0..20)
            .map(|n| file(folder.path(), &format!("{n:02}"), 1))
            .collect();
        found.push(file(folder.path(), "other", 2));
        let queue = Queue::new(found, 2);
        let next = |worker| queue.next(worker).map(|it| it.name);
        assert_eq!(next(0).as_deref(), Some("00"));
        assert_eq!(next(1).as_deref(), Some("other"));
        assert_eq!(next(0).as_deref(), Some("01"));
        // Of the 18 that are left the second worker takes the last nine.
        assert_eq!(next(1).as_deref(), Some("11"));
        let mut rest = 0;
        while next(0).is_some() {
            rest += 1;
        }
        assert_eq!(rest, 9, "eight are too few to share");
        assert_eq!(std::iter::from_fn(|| next(1)).count(), 8);
    }
}

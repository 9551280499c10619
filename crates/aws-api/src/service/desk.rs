//! What the endpoint itself remembers, as long as it runs: questions that were asked, and answers.
//!
//! Queries change nothing, so they are no entries of the journal. They are of an account and a
//! Region, as everything is; the oldest are forgotten when there are many.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::{athena, logs};

/// So many questions of a service are remembered.
const REMEMBERED: usize = 200;

/// The memory.
#[derive(Debug, Default)]
pub(crate) struct Desk {
    pub(super) queries: Shelf<logs::Query>,
    pub(super) executions: Shelf<athena::Execution>,
    /// Held while DDL changes the catalog.
    pub(super) catalog: std::sync::Arc<Mutex<()>>,
}

impl Desk {
    /// Forgets everything: another session has begun.
    pub(crate) fn clear(&self) {
        self.queries.lock().clear();
        self.executions.lock().clear();
    }
}

/// Questions of one kind, oldest first.
#[derive(Debug)]
pub(super) struct Shelf<T>(Mutex<VecDeque<T>>);

impl<T> Default for Shelf<T> {
    fn default() -> Self {
        Self(Mutex::new(VecDeque::new()))
    }
}

impl<T> Shelf<T> {
    pub(super) fn lock(&self) -> MutexGuard<'_, VecDeque<T>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn put(&self, it: T) {
        let mut all = self.lock();
        all.push_back(it);
        if all.len() > REMEMBERED {
            all.pop_front();
        }
    }
}

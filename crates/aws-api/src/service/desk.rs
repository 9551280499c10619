//! What the endpoint itself remembers, as long as it runs: questions that were asked, and answers.
//!
//! Queries change nothing, so they are no entries of the journal. They are of an account and a
//! Region, as everything is; the oldest are forgotten when there are many.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use sha2::{Digest, Sha256};
use wirelab_model::Caller;

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

/// Whose a question is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Owner {
    account: String,
    region: String,
}

impl Owner {
    pub(super) fn of(caller: &Caller) -> Self {
        Self {
            account: caller.account.to_string(),
            region: caller.region.to_string(),
        }
    }
}

/// A new id in the form of a UUID, from the request's, which is given once.
pub(super) fn new_id(request: &str) -> String {
    let digest = Sha256::digest(format!("wirelab question {request}"));
    let hex: String = digest[..16].iter().map(|it| format!("{it:02x}")).collect();
    let (a, b, c, d, e) = (
        &hex[..8],
        &hex[8..12],
        &hex[13..16],
        &hex[17..20],
        &hex[20..],
    );
    format!("{a}-{b}-4{c}-8{d}-{e}")
}

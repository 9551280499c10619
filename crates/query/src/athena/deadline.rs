//! When a query has to end, for work that comes back to nobody before it is done.
//!
//! A plan is driven by polls, and between two of them an operator may evaluate an expression over
//! millions of pairs of rows, or a lambda over a list in a list. Such work asks [`check`], which
//! knows the end of whoever polls on this thread: a moment, or that somebody stops it before. What
//! it works on is counted beside ([`spend`]): a query that is stopped at so many rows is stopped on
//! every machine.

use std::cell::RefCell;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::AthenaOptions;
use super::error::{Checked, Fault, LIMIT, TIMEOUT};
use crate::work::{self, Count, Spent};

/// The end of a query.
#[derive(Clone, Debug)]
pub(super) struct End {
    /// The last moment.
    pub(super) at: Instant,
    /// Whether somebody has stopped it.
    pub(super) stopped: Arc<AtomicBool>,
    /// What it works on.
    count: Count,
}

/// A year.
const UNLIMITED: Duration = Duration::from_secs(365 * 86_400);

impl End {
    /// The end of a query that begins now.
    pub(super) fn of(sql: &str, options: &AthenaOptions, stopped: Arc<AtomicBool>) -> Self {
        // Far from any moment at which it would have to end, if the time has no limit.
        let begin = Instant::now();
        let at = begin.checked_add(options.limits.time);
        Self {
            at: at.unwrap_or_else(|| begin + UNLIMITED),
            stopped,
            count: options.work.for_text(sql),
        }
    }

    /// Counts rows that are worked on; the fault of a query that has worked on too many.
    pub(super) fn spend(&self, rows: usize) -> Checked<()> {
        Ok(self.count.spend(rows)?)
    }

    pub(super) fn is_over(&self) -> bool {
        self.stopped.load(Ordering::Relaxed) || Instant::now() > self.at
    }
}

thread_local! {
    static END: RefCell<Option<End>> = const { RefCell::new(None) };
}

/// Runs `work` with an end for what it calls.
pub(super) fn within<T>(end: &End, work: impl FnOnce() -> T) -> T {
    /// Puts the end before this one back, even if `work` panics.
    struct Before(Option<End>);
    impl Drop for Before {
        fn drop(&mut self) {
            END.replace(self.0.take());
        }
    }
    let _before = Before(END.replace(Some(end.clone())));
    work::within(&end.count, work)
}

/// The fault of a query that has run too long, or is stopped, once it has.
pub(super) fn check() -> Checked<()> {
    match END.with_borrow(|end| end.as_ref().is_some_and(End::is_over)) {
        true => Err(over()),
        false => Ok(()),
    }
}

/// Counts rows that are worked on; the fault of a query that has worked on too many, or too long.
pub(super) fn spend(rows: usize) -> Checked<()> {
    work::spend(rows)?;
    check()
}

impl From<Spent> for Fault {
    fn from(spent: Spent) -> Self {
        let message = format!("Query exhausted resources at this scale factor: it {spent}");
        Self::bare(LIMIT, message)
    }
}

/// What a query that runs too long ends with.
pub(super) fn over() -> Fault {
    Fault::bare(TIMEOUT, "Query timeout")
}

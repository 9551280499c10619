//! When a query ends, for work that comes back to nobody before it is done.
//!
//! A plan is driven by polls, and between two of them an operator may evaluate an expression over
//! millions of pairs of rows, or a lambda over a list in a list. Such work asks [`check`], which
//! knows the end of whoever polls on this thread: a moment, or that somebody stops it before.

use std::cell::RefCell;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use super::error::{Checked, Fault, LIMIT};

/// The end of a query.
#[derive(Clone, Debug)]
pub(super) struct End {
    /// The last moment.
    pub(super) at: Instant,
    /// Whether somebody has stopped it.
    pub(super) stopped: Arc<AtomicBool>,
}

impl End {
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
    work()
}

/// The fault of a query that has run too long, or is stopped, once it has.
pub(super) fn check() -> Checked<()> {
    match END.with_borrow(|end| end.as_ref().is_some_and(End::is_over)) {
        true => Err(over()),
        false => Ok(()),
    }
}

/// What a query that runs too long ends with.
pub(super) fn over() -> Fault {
    Fault::bare(LIMIT, "Query timeout")
}

//! The moment at which a query ends, for work that comes back to nobody before it is done.
//!
//! A plan is driven by polls, and between two of them an operator may evaluate an expression over
//! millions of pairs of rows, or a lambda over a list in a list. Such work asks [`check`], which
//! knows the deadline of whoever polls on this thread.

use std::cell::Cell;
use std::time::Instant;

use super::error::{Checked, Fault, LIMIT};

thread_local! {
    static END: Cell<Option<Instant>> = const { Cell::new(None) };
}

/// Runs `work` with a deadline for what it calls.
pub(super) fn within<T>(end: Instant, work: impl FnOnce() -> T) -> T {
    /// Puts the deadline before this one back, even if `work` panics.
    struct Before(Option<Instant>);
    impl Drop for Before {
        fn drop(&mut self) {
            END.set(self.0);
        }
    }
    let _before = Before(END.replace(Some(end)));
    work()
}

/// The fault of a query that has run too long, once it has.
pub(super) fn check() -> Checked<()> {
    match END.get() {
        Some(end) if Instant::now() > end => Err(over()),
        _ => Ok(()),
    }
}

/// What a query that runs too long ends with.
pub(super) fn over() -> Fault {
    Fault::bare(LIMIT, "Query timeout")
}

//! What queries work on, counted.
//!
//! A clock ends a query on a slow machine that a quick one answers. Who judges queries counts
//! instead: a row of each scan, join, group and list that is taken apart; a row for which one of
//! our functions or a join's condition is asked; 64 octets of the values that a function is given
//! and makes. A query whose text is long has many expressions beside those that are counted one by
//! one, so each of its rows weighs one more for every [`TEXT_BYTES`] of text. The same query over
//! the same data comes to the same number everywhere.
//!
//! ```text
//! Work::of(5_000_000) ──▶ counted, while the query is polled, by `spend` in operators, functions …
//! ```

use std::cell::RefCell;
use std::fmt;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use datafusion::common::DataFusionError;

use crate::QueryError;

/// Bytes of text for which each row weighs one more.
const TEXT_BYTES: usize = 2048;
/// Bytes of values that weigh as much as a row.
const ROW_BYTES: usize = 64;

/// A count of what queries work on, and where it ends. Clones are the same count.
#[derive(Clone, Debug)]
pub struct Work {
    done: Arc<AtomicU64>,
    most: u64,
}

impl Default for Work {
    /// Without end.
    fn default() -> Self {
        Self::of(u64::MAX)
    }
}

impl Work {
    /// A count that ends at so many rows.
    #[must_use]
    pub fn of(rows: u64) -> Self {
        let done = Arc::default();
        Self { done, most: rows }
    }

    /// The rows so far.
    #[must_use]
    pub fn done(&self) -> u64 {
        self.done.load(Ordering::Relaxed)
    }

    /// Whether there were more than there may be: a query that counts here has an error.
    #[must_use]
    pub fn is_spent(&self) -> bool {
        self.done() > self.most
    }

    /// The count for a query with that text.
    pub(crate) fn for_text(&self, text: &str) -> Count {
        Count {
            work: self.clone(),
            each: 1 + (text.len() / TEXT_BYTES) as u64,
        }
    }
}

/// What one query counts.
#[derive(Clone, Debug)]
pub(crate) struct Count {
    work: Work,
    each: u64,
}

impl Count {
    /// Adds rows.
    ///
    /// # Errors
    /// [`Spent`] once there are too many.
    pub(crate) fn spend(&self, rows: usize) -> Result<(), Spent> {
        let rows = (rows as u64).saturating_mul(self.each);
        let before = self.work.done.fetch_add(rows, Ordering::Relaxed);
        match before.saturating_add(rows) <= self.work.most {
            true => Ok(()),
            false => Err(Spent(self.work.most)),
        }
    }

    /// Runs what counts here while it is polled.
    pub(crate) async fn during<T>(self, work: impl Future<Output = T>) -> T {
        let mut work = pin!(work);
        std::future::poll_fn(|context| within(&self, || work.as_mut().poll(context))).await
    }
}

thread_local! {
    static COUNT: RefCell<Option<Count>> = const { RefCell::new(None) };
}

/// Runs `work` with a count for what it calls.
pub(crate) fn within<T>(count: &Count, work: impl FnOnce() -> T) -> T {
    /// Puts the count before this one back, even if `work` panics.
    struct Before(Option<Count>);
    impl Drop for Before {
        fn drop(&mut self) {
            COUNT.replace(self.0.take());
        }
    }
    let _before = Before(COUNT.replace(Some(count.clone())));
    work()
}

/// Counts rows for the query that runs on this thread, if somebody counts.
///
/// # Errors
/// [`Spent`] once there are too many.
pub(crate) fn spend(rows: usize) -> Result<(), Spent> {
    COUNT.with_borrow(|count| count.as_ref().map_or(Ok(()), |count| count.spend(rows)))
}

/// What values of so many bytes weigh, in rows.
pub(crate) const fn rows_of(bytes: usize) -> usize {
    bytes / ROW_BYTES
}

/// A query has worked on more rows than it may.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Spent(u64);

impl fmt::Display for Spent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let most = self.0;
        write!(f, "works on more than {most} rows")
    }
}

impl From<Spent> for DataFusionError {
    fn from(spent: Spent) -> Self {
        Self::ResourcesExhausted(format!("the query {spent}"))
    }
}

impl From<Spent> for QueryError {
    fn from(spent: Spent) -> Self {
        Self::TooLarge(format!("the query {spent}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clones_are_one_count_and_long_texts_weigh_more() {
        let work = Work::of(100);
        let short = work.for_text("fields srcAddr");
        let long = work.clone().for_text(&"x".repeat(3 * TEXT_BYTES));
        short.spend(60).expect("there is room");
        long.spend(10).expect("there is room");
        assert_eq!((work.done(), work.is_spent()), (100, false));
        assert_eq!(within(&short, || spend(1)), Err(Spent(100)));
        assert!(work.is_spent());
        assert_eq!(spend(usize::MAX), Ok(()), "nobody counts");
    }
}

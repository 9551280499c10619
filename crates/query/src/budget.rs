//! What queries may keep in memory, each and all of the process together.
//!
//! What sorts, joins and groups hold DataFusion counts in a pool: every query has a [`QueryPool`]
//! of its own limit, and all of them together take no more than [`POOLED_MAX`]. Rows that are kept
//! between the steps of a query, and its result, are counted there too ([`reservation`]). Thirty
//! joins that are started at once so need what two of them need, and the rest end with an error.
//!
//! What an expression makes of a batch of rows DataFusion does not count, and
//! `repeat(lpad('x', 1000000, 'y'), 10000)` is ten gigabytes of one row. So a function asks before
//! it builds a value of more than [`VALUE_MAX`] bytes, and what it has made of a batch is [`Held`]:
//! counted for the whole process while the array lives, whoever holds it. Beyond a limit the query
//! ends with an error, not the process.

use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use datafusion::arrow::array::{Array, ArrayData, ArrayRef, make_array};
use datafusion::arrow::buffer::Buffer;
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::common::{DataFusionError, Result};
use datafusion::execution::memory_pool::{
    GreedyMemoryPool, MemoryConsumer, MemoryLimit, MemoryPool, MemoryReservation,
};

/// Bytes of one value.
pub(crate) const VALUE_MAX: usize = 64 << 20;
/// Bytes that one function may make of one batch.
const BATCH_MAX: usize = 512 << 20;
/// Bytes of all that functions have made and somebody still holds.
const HELD_MAX: usize = 1 << 30;
/// Bytes of all that the operators of all queries hold.
const POOLED_MAX: usize = 3 << 29;
/// Arrays below this size are not worth counting beyond the call that makes them.
const SMALL: usize = 1 << 20;

static HELD: AtomicUsize = AtomicUsize::new(0);
static POOLED: AtomicUsize = AtomicUsize::new(0);

/// What one query may hold, as a part of [`POOLED_MAX`].
#[derive(Debug)]
pub(crate) struct QueryPool(GreedyMemoryPool);

impl QueryPool {
    /// A pool of at most so many bytes.
    pub(crate) fn new(bytes: usize) -> Arc<Self> {
        Arc::new(Self(GreedyMemoryPool::new(bytes)))
    }
}

impl fmt::Display for QueryPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl MemoryPool for QueryPool {
    fn name(&self) -> &str {
        "query"
    }

    fn grow(&self, reservation: &MemoryReservation, additional: usize) {
        self.0.grow(reservation, additional);
        POOLED.fetch_add(additional, Ordering::Relaxed);
    }

    fn shrink(&self, reservation: &MemoryReservation, shrink: usize) {
        self.0.shrink(reservation, shrink);
        POOLED.fetch_sub(shrink, Ordering::Relaxed);
    }

    fn try_grow(&self, reservation: &MemoryReservation, additional: usize) -> Result<()> {
        self.0.try_grow(reservation, additional)?;
        let before = POOLED.fetch_add(additional, Ordering::Relaxed);
        if before.saturating_add(additional) > POOLED_MAX {
            self.shrink(reservation, additional);
            return Err(DataFusionError::ResourcesExhausted(
                "the queries that run at the same time need too much memory".to_owned(),
            ));
        }
        Ok(())
    }

    fn reserved(&self) -> usize {
        self.0.reserved()
    }

    fn memory_limit(&self) -> MemoryLimit {
        self.0.memory_limit()
    }
}

/// A share of a query's pool for rows that it keeps, called `what`; nothing at first.
pub(crate) fn reservation(pool: &Arc<dyn MemoryPool>, what: &str) -> MemoryReservation {
    MemoryConsumer::new(what).register(pool)
}

/// What batches take: a buffer that several of them share counts once.
#[derive(Debug, Default)]
pub(crate) struct Weight(HashSet<usize>);

impl Weight {
    /// What one batch more takes.
    pub(crate) fn add(&mut self, batch: &RecordBatch) -> usize {
        let columns = batch.columns().iter();
        columns.map(|column| self.of(&column.to_data())).sum()
    }

    fn of(&mut self, data: &ArrayData) -> usize {
        let nulls = data.nulls().map(|nulls| nulls.buffer());
        let buffers = data.buffers().iter().chain(nulls);
        let new = buffers.filter(|buffer| self.0.insert(buffer.data_ptr().as_ptr() as usize));
        let own: usize = new.map(Buffer::capacity).sum();
        own + data
            .child_data()
            .iter()
            .map(|it| self.of(it))
            .sum::<usize>()
    }
}

/// A part of [`HELD_MAX`], given back when dropped.
#[derive(Debug, Default)]
pub(crate) struct Held(usize);

impl Held {
    /// Takes so many bytes more.
    ///
    /// # Errors
    /// If that is too much for a batch, or for the process.
    pub(crate) fn grow(&mut self, bytes: usize) -> Result<()> {
        let before = HELD.fetch_add(bytes, Ordering::Relaxed);
        self.0 = self.0.saturating_add(bytes);
        if self.0 > BATCH_MAX || before.saturating_add(bytes) > HELD_MAX {
            return Err(DataFusionError::ResourcesExhausted(
                "the values that the query's functions make are too large".to_owned(),
            ));
        }
        Ok(())
    }

    /// Gives back all but so many bytes.
    fn shrink(&mut self, bytes: usize) {
        let less = self.0.saturating_sub(bytes);
        HELD.fetch_sub(less, Ordering::Relaxed);
        self.0 -= less;
    }

    /// The array, counted for as long as it lives.
    ///
    /// # Errors
    /// If it is larger than there is room.
    pub(crate) fn keep(mut self, array: ArrayRef) -> Result<ArrayRef> {
        let bytes = array.get_buffer_memory_size();
        if bytes < SMALL {
            return Ok(array);
        }
        if bytes > self.0 {
            self.grow(bytes - self.0)?;
        } else {
            self.shrink(bytes);
        }
        Ok(make_array(owned(array.to_data(), &Arc::new(self))?))
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        HELD.fetch_sub(self.0, Ordering::Relaxed);
    }
}

/// A buffer and the share that it has of the limit.
struct Counted {
    buffer: Buffer,
    _held: Arc<Held>,
}

impl AsRef<[u8]> for Counted {
    fn as_ref(&self) -> &[u8] {
        self.buffer.as_slice()
    }
}

/// The same data, whose buffers hold the share; nothing is copied.
fn owned(data: ArrayData, held: &Arc<Held>) -> Result<ArrayData> {
    let buffers = data.buffers().iter().map(|buffer| {
        let counted = Counted {
            buffer: buffer.clone(),
            _held: Arc::clone(held),
        };
        Buffer::from(Bytes::from_owner(counted))
    });
    let children = data.child_data().iter();
    let children = children.map(|child| owned(child.clone(), held));
    let (buffers, children) = (buffers.collect(), children.collect::<Result<_>>()?);
    let builder = data.into_builder().buffers(buffers).child_data(children);
    Ok(builder.build()?)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use datafusion::arrow::array::{Array, ArrayRef, AsArray, StringViewArray};

    use datafusion::execution::memory_pool::MemoryPool;

    use super::{BATCH_MAX, Held, POOLED_MAX, QueryPool, reservation};

    #[test]
    fn a_query_has_its_limit_and_all_together_have_theirs() {
        let pool = |bytes: usize| -> Arc<dyn MemoryPool> { QueryPool::new(bytes) };
        let (small, large) = (pool(1000), pool(usize::MAX));
        let (one, other) = (reservation(&small, "rows"), reservation(&large, "rows"));
        one.try_grow(1000).expect("there is room");
        one.try_grow(1).expect_err("more than the query may have");
        other
            .try_grow(POOLED_MAX)
            .expect_err("more than all may have together");
        other
            .try_grow(1000)
            .expect("what was refused is given back");
        assert_eq!((small.reserved(), large.reserved()), (1000, 1000));
    }

    #[test]
    fn a_share_lives_as_long_as_the_array() {
        let text = "x".repeat(2 << 20);
        let array: ArrayRef = Arc::new(StringViewArray::from_iter([Some(text.as_str()), None]));
        let mut held = Held::default();
        held.grow(8 << 20).expect("there is room");
        let kept = held.keep(array).expect("there is room");
        assert_eq!(kept.as_string_view().value(0), text);
        assert!(kept.is_null(1));
        let part = kept.slice(0, 1);
        drop(kept);
        assert_eq!(part.as_string_view().value(0), text);
    }

    #[test]
    fn a_batch_has_a_limit_and_gives_back_what_it_took() {
        for _ in 0..8 {
            let mut held = Held::default();
            held.grow(BATCH_MAX / 4).expect("there is room");
            held.grow(BATCH_MAX).expect_err("too much for a batch");
        }
    }
}

//! Work that goes on while others are answered: a query.
//!
//! A task has a thread of its own. Who starts one waits for it a moment, since nearly all are done
//! at once and their errors belong into the reply; what takes longer is asked for later, as in
//! AWS.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// How long a starting request waits.
const PATIENCE: Duration = Duration::from_secs(1);

/// Of the thread: plans nest.
const STACK: usize = 32 << 20;

/// Work under way, or done.
#[derive(Debug)]
pub(crate) struct Task<T>(Arc<Shared<T>>);

#[derive(Debug)]
struct Shared<T> {
    done: Mutex<Option<Done<T>>>,
    changed: Condvar,
}

/// What came of a task.
#[derive(Debug)]
pub(crate) struct Done<T> {
    pub(crate) value: Arc<T>,
    /// Of the wall clock.
    pub(crate) took: Duration,
}

impl<T> Clone for Done<T> {
    fn clone(&self) -> Self {
        Self {
            value: Arc::clone(&self.value),
            took: self.took,
        }
    }
}

impl<T: Send + Sync + 'static> Task<T> {
    /// Starts `work` and waits for it a moment. What panics, or finds no thread, is `broken`.
    pub(crate) fn start(
        work: impl FnOnce() -> T + Send + 'static,
        broken: impl Fn() -> T + Send + 'static,
    ) -> Self {
        let shared = Arc::new(Shared {
            done: Mutex::new(None),
            changed: Condvar::new(),
        });
        let task = Self(Arc::clone(&shared));
        let unstarted = broken();
        let run = move || {
            let began = Instant::now();
            let value = catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| broken());
            shared.finish(value, began.elapsed());
        };
        if thread::Builder::new().stack_size(STACK).spawn(run).is_err() {
            task.0.finish(unstarted, Duration::ZERO);
        }
        task.wait();
        task
    }

    fn wait(&self) {
        let done = self.0.done.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self
            .0
            .changed
            .wait_timeout_while(done, PATIENCE, |done| done.is_none());
        drop(waited);
    }

    /// What came of it, if it is done.
    pub(crate) fn done(&self) -> Option<Done<T>> {
        let done = self.0.done.lock();
        done.unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl<T> Shared<T> {
    fn finish(&self, value: T, took: Duration) {
        let done = Done {
            value: Arc::new(value),
            took,
        };
        *self.done.lock().unwrap_or_else(PoisonError::into_inner) = Some(done);
        self.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_task_that_panics_is_done_all_the_same() {
        let task = Task::start(|| panic!("on purpose"), || "broken");
        assert_eq!(*task.done().expect("it is done").value, "broken");
        let task = Task::start(|| "whole", || "broken");
        assert_eq!(*task.done().expect("it is done").value, "whole");
    }
}

//! Work that goes on while others are answered: a query.
//!
//! A task has a thread of its own. Who starts one waits for it a moment, since nearly all are done
//! at once and their errors belong into the reply; what takes longer is asked for later, as in
//! AWS. A few run at a time, of all services together (`turn`); the rest are queued, in the order
//! in which they came, and nobody waits for these unless the line moves.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::turn::{self, Place};

/// How long a starting request waits for work that runs, or for a line that does not move.
const PATIENCE: Duration = Duration::from_secs(1);
/// How long it waits at most, however the line moves: all clients wait with it.
const LONGEST: Duration = Duration::from_secs(2);
/// How often one that waits looks at the line.
const LOOK: Duration = Duration::from_millis(20);

/// Of the thread: plans nest.
const STACK: usize = 32 << 20;

/// Work queued, under way, or done.
#[derive(Debug)]
pub(crate) struct Task<T> {
    shared: Arc<Shared<T>>,
    place: Place,
}

#[derive(Debug)]
struct Shared<T> {
    done: Mutex<Option<Done<T>>>,
    changed: Condvar,
}

/// What came of a task.
#[derive(Debug)]
pub(crate) struct Done<T> {
    pub(crate) value: Arc<T>,
    /// Of the wall clock, from the beginning of its turn.
    pub(crate) took: Duration,
    /// Of the wall clock, before that.
    pub(crate) queued: Duration,
}

impl<T> Clone for Done<T> {
    fn clone(&self) -> Self {
        Self {
            value: Arc::clone(&self.value),
            took: self.took,
            queued: self.queued,
        }
    }
}

impl<T: Send + Sync + 'static> Task<T> {
    /// Starts `work` and, unless it is stuck in the queue, waits for it a moment. What panics,
    /// finds no thread or is called off before its turn is `broken`.
    pub(crate) fn start(
        work: impl FnOnce() -> T + Send + 'static,
        broken: impl Fn() -> T + Send + 'static,
    ) -> Self {
        let shared = Arc::new(Shared {
            done: Mutex::new(None),
            changed: Condvar::new(),
        });
        let (place, asked) = (turn::ask(), Instant::now());
        let task = Self {
            shared: Arc::clone(&shared),
            place: place.clone(),
        };
        let unstarted = broken();
        let run = move || {
            let turn = place.wait();
            let began = Instant::now();
            let value = match turn {
                Some(_) => catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| broken()),
                None => broken(),
            };
            drop(turn);
            shared.finish(value, began.elapsed(), began.duration_since(asked));
        };
        if thread::Builder::new().stack_size(STACK).spawn(run).is_err() {
            task.place.call_off();
            task.shared
                .finish(unstarted, Duration::ZERO, Duration::ZERO);
        }
        task.wait();
        task
    }

    fn wait(&self) {
        let asked = Instant::now();
        let mut runs_since: Option<Instant> = None;
        let mut done = self.lock();
        while done.is_none() && asked.elapsed() < LONGEST {
            let is_enough = match self.place.is_queued() {
                true => self.place.is_stuck(PATIENCE),
                false => {
                    let since = *runs_since.get_or_insert_with(Instant::now);
                    since.elapsed() >= PATIENCE
                }
            };
            if is_enough {
                break;
            }
            let waited = self.shared.changed.wait_timeout(done, LOOK);
            done = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<Done<T>>> {
        let done = self.shared.done.lock();
        done.unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether its turn has not come.
    pub(crate) fn is_queued(&self) -> bool {
        self.place.is_queued()
    }

    /// It is not to begin any more. What runs already goes on.
    pub(crate) fn call_off(&self) {
        self.place.call_off();
    }

    /// What came of it, if it is done.
    pub(crate) fn done(&self) -> Option<Done<T>> {
        self.lock().clone()
    }
}

impl<T> Shared<T> {
    fn finish(&self, value: T, took: Duration, queued: Duration) {
        let done = Done {
            value: Arc::new(value),
            took,
            queued,
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
        assert_eq!(ended(&task), "broken");
        let task = Task::start(|| "whole", || "broken");
        assert_eq!(ended(&task), "whole");
    }

    fn ended(task: &Task<&'static str>) -> &'static str {
        loop {
            if let Some(done) = task.done() {
                return *done.value;
            }
            thread::sleep(Duration::from_millis(1));
        }
    }
}

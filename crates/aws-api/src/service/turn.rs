//! Whose turn it is: of the queries of all services, [`AT_ONCE`] run, and the rest wait in line.
//!
//! A query may take [`MEMORY`] and what expressions make of a batch of rows beside it, so what the
//! process needs is bounded however many are started. AWS does the same with other numbers: "Athena
//! queues your queries" (Amazon Athena User Guide, "Service Quotas") and shows them as `QUEUED`,
//! Logs Insights as `Scheduled`.
//!
//! Of three queries that are started one after the other, two run; the third has its turn when one
//! of them has ended, unless it is called off before.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Queries that run at a time.
pub(crate) const AT_ONCE: usize = 2;

/// Octets that the operators of one query may keep, and its result.
pub(crate) const MEMORY: u64 = 512 << 20;

static LINE: Line = Line {
    state: Mutex::new(State {
        waiting: VecDeque::new(),
        running: 0,
        asked: 0,
        moved: None,
    }),
    changed: Condvar::new(),
};

/// Of the process.
#[derive(Debug)]
struct Line {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug)]
struct State {
    /// Places, first come first.
    waiting: VecDeque<u64>,
    /// Turns that are taken.
    running: usize,
    /// Places that were ever given.
    asked: u64,
    /// When a turn last began or ended.
    moved: Option<Instant>,
}

impl Line {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A place in the line, behind all others; it moves up at once if nobody is before it.
pub(crate) fn ask() -> Place {
    let mut state = LINE.lock();
    state.asked += 1;
    let number = state.asked;
    state.waiting.push_back(number);
    let place = Place {
        number,
        taken: Arc::default(),
    };
    // Whether one is queued is known from the start, and not when its thread has begun.
    if state.waiting.len() == 1 && state.running < AT_ONCE {
        place.take(&mut state);
    }
    place
}

/// A place in the line.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    number: u64,
    /// The turn, from when it comes until somebody takes it over.
    taken: Arc<Mutex<Option<Turn>>>,
}

/// A turn; the next one's comes when it is dropped.
#[derive(Debug)]
pub(crate) struct Turn(());

impl Place {
    fn take(&self, state: &mut State) {
        state.waiting.retain(|it| *it != self.number);
        state.running += 1;
        state.moved = Some(Instant::now());
        *self.taken.lock().unwrap_or_else(PoisonError::into_inner) = Some(Turn(()));
    }

    /// Whether its turn is still to come.
    pub(crate) fn is_queued(&self) -> bool {
        LINE.lock().waiting.contains(&self.number)
    }

    /// Whether the turn is still to come and the line has not moved for so long.
    pub(crate) fn is_stuck(&self, patience: Duration) -> bool {
        let state = LINE.lock();
        let still = |moved: Instant| moved.elapsed() >= patience;
        state.waiting.contains(&self.number) && state.moved.is_none_or(still)
    }

    /// Waits for the turn; there is none for a place that was given up.
    pub(crate) fn wait(&self) -> Option<Turn> {
        let mut state = LINE.lock();
        while state.waiting.contains(&self.number) {
            if state.waiting.front() == Some(&self.number) && state.running < AT_ONCE {
                self.take(&mut state);
                // Another turn may be free.
                LINE.changed.notify_all();
                break;
            }
            let waited = LINE.changed.wait(state);
            state = waited.unwrap_or_else(PoisonError::into_inner);
        }
        drop(state);
        self.taken
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take()
    }

    /// Gives the place up, if its turn has not begun.
    pub(crate) fn call_off(&self) {
        LINE.lock().waiting.retain(|it| *it != self.number);
        LINE.changed.notify_all();
        drop(
            self.taken
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .take(),
        );
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let mut state = LINE.lock();
        state.running -= 1;
        state.moved = Some(Instant::now());
        drop(state);
        LINE.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::{AT_ONCE, ask};

    #[test]
    fn a_few_run_and_the_rest_wait_in_line() {
        let mut running: Vec<_> = (0..AT_ONCE).map(|_| ask().wait()).collect();
        assert!(running.iter().all(Option::is_some));
        let (called_off, second, third) = (ask(), ask(), ask());
        assert!(called_off.is_queued() && second.is_queued() && third.is_queued());
        called_off.call_off();
        assert!(!called_off.is_queued() && called_off.wait().is_none());
        running.pop();
        let turn = second.wait();
        assert!(turn.is_some() && !second.is_queued() && third.is_queued());
        drop(turn);
        assert!(third.wait().is_some());
    }
}

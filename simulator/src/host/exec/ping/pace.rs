//! How long `ping` waits for what: the `main_loop` of iputils, which sends the next request when
//! its waiting ends and an interval is over.

use wirelab_model::{SimDuration, SimTime};

use super::Ping;
use crate::host::Host;
use crate::host::tcp::clock;

/// What is shorter is waited for with `poll()` (`MIN_INTERVAL_MS`).
const INTERVAL_POLLED: SimDuration = SimDuration::from_millis(10);

impl Host {
    /// Behind a request: by `recvmsg()`, or `poll()` for less than it can wait.
    pub(super) fn wait_for_answer(&self, now: SimTime, task: &Ping) -> SimTime {
        match task.interval < INTERVAL_POLLED {
            true => now + INTERVAL_POLLED,
            false => self.receive_timeout(now, task),
        }
    }

    /// When `recvmsg()` gives up waiting for an answer: its `SO_RCVTIMEO` is the interval, on the
    /// kernel's timer.
    pub(super) fn receive_timeout(&self, now: SimTime, task: &Ping) -> SimTime {
        let ticks = clock::ticks(SimDuration::from_millis(task.interval.as_millis()));
        self.stack.timer(now, clock::span(ticks))
    }

    /// How iputils waits on when something has come (`main_loop`): by `recvmsg()` again as long as
    /// no millisecond has gone by, else by `poll()` for the rest. Of less than 10 ms it waits for
    /// all if an answer is missing, and for none: it looks all the time.
    pub(super) fn wait_on(&self, now: SimTime, task: &Ping) -> SimTime {
        let Some(sent) = task.sent_at.last().copied() else {
            return now;
        };
        let interval = task.interval.as_millis();
        let gone = now.since(sent).as_millis();
        let rest = SimDuration::from_millis(interval.saturating_sub(gone));
        if gone >= interval {
            now
        } else if gone == 0 && rest >= INTERVAL_POLLED {
            self.receive_timeout(now, task)
        } else if rest > INTERVAL_POLLED {
            now + rest
        } else if task.acknowledged < task.sent_at.len() {
            now + INTERVAL_POLLED
        } else {
            sent + SimDuration::from_millis(interval)
        }
    }
}

//! How long an execution took, and when.

use std::time::Duration;

use jiff::Timestamp;
use wirelab_model::UnixTime;

use crate::service::task::Done;

/// Milliseconds of the parts of an execution.
pub(super) struct Times {
    pub(super) queued: u64,
    pub(super) engine: u64,
    pub(super) total: u64,
}

impl Default for Times {
    /// Of one that has not ended.
    fn default() -> Self {
        Self {
            queued: 0,
            engine: 1,
            total: 1,
        }
    }
}

impl Times {
    pub(super) fn of<T>(done: &Done<T>) -> Self {
        let millis = |it: Duration| u64::try_from(it.as_millis()).unwrap_or(u64::MAX);
        let queued = millis(done.queued);
        let engine = millis(done.took).max(1);
        Self {
            queued,
            engine,
            total: queued.saturating_add(engine),
        }
    }
}

/// A moment some milliseconds after another.
pub(super) fn iso8601(time: UnixTime, after_ms: u64) -> String {
    let millis = time.as_millis().saturating_add(after_ms);
    let moment = i64::try_from(millis).ok();
    let moment = moment.and_then(|it| Timestamp::from_millisecond(it).ok());
    moment.unwrap_or(Timestamp::MAX).to_string()
}

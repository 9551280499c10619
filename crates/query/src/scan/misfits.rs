//! Lines that have another number of values than the format of their file.
//!
//! A file that was cut off, or that two programs have written at once, has lines such as `2
//! 123456789010 eni-12`, whose action is empty in an answer as if it were one of the records. They
//! are read as far as they go, and counted, so that somebody can be told.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// The lines that were met, by file and the byte at which a part of it begins: who reads a part
/// again counts the same lines again, and no more.
#[derive(Clone, Debug, Default)]
pub(crate) struct Misfits(Arc<Mutex<BTreeMap<(String, u64), Misfit>>>);

/// Those of a part of a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Misfit {
    pub(super) lines: u64,
    /// Values of the first of them.
    pub(super) found: u32,
    /// Values of a line of the format.
    pub(super) expected: u32,
}

impl Misfits {
    /// Notes what a part of a file holds, as far as it has been read.
    pub(super) fn note(&self, file: &str, from: u64, misfit: Misfit) {
        let mut parts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        parts.insert((file.to_owned(), from), misfit);
    }

    /// Forgets what was noted.
    pub(crate) fn clear(&self) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clear();
    }

    /// All of it in a line, such as `2 lines have 3 fields instead of 14, the first in a.log: what
    /// they lack is empty`.
    pub(crate) fn line(&self) -> Option<String> {
        let parts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let ((file, _), first) = parts.first_key_value()?;
        let lines: u64 = parts.values().map(|it| it.lines).sum();
        let Misfit {
            found, expected, ..
        } = *first;
        let fields = if found == 1 { "field" } else { "fields" };
        Some(match (lines, found > expected) {
            (1, false) => format!(
                "1 line has {found} {fields} instead of {expected}, in {file}: what it lacks is \
                 empty"
            ),
            (1, true) => format!(
                "1 line has {found} {fields} instead of {expected}, in {file}: what it has more \
                 is not read"
            ),
            (lines, _) => format!(
                "{lines} lines have another number of fields than their format, such as {found} \
                 instead of {expected} in {file}: what they lack is empty, what they have more is \
                 not read"
            ),
        })
    }
}

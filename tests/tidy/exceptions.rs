//! What may exceed a budget, and why. Names are `path` and function, `(file)`, or `(lines)` for
//! long lines anywhere in the file.

use std::collections::BTreeSet;

/// One measured excess.
pub(crate) struct Budget {
    path: String,
    name: String,
    measured: usize,
    limit: usize,
}

impl Budget {
    pub(crate) fn new(path: &str, name: &str, measured: usize, limit: usize) -> Self {
        Self {
            path: path.to_owned(),
            name: name.to_owned(),
            measured,
            limit,
        }
    }

    fn key(&self) -> (&str, &str) {
        let name = if self.name.starts_with("(line ") {
            "(lines)"
        } else {
            &self.name
        };
        (&self.path, name)
    }
}

/// `(path, name, reason)`.
const EXCEPTIONS: &[(&str, &str, &str)] = &[(
    "simulator/src/host/tcp/connection.rs",
    "new",
    "one struct literal: a line for each variable of the connection, as RFC 9293 and the kernel have",
)];

/// Excesses that no exception covers, and exceptions that cover nothing.
pub(crate) fn apply(found: &[Budget]) -> Vec<String> {
    let excused: BTreeSet<_> = EXCEPTIONS.iter().map(|(p, n, _)| (*p, *n)).collect();
    let keys: BTreeSet<_> = found.iter().map(Budget::key).collect();
    let over = found
        .iter()
        .filter(|budget| !excused.contains(&budget.key()))
        .map(|b| format!("{} {}: {} > {}", b.path, b.name, b.measured, b.limit));
    let stale = excused
        .difference(&keys)
        .map(|(path, name)| format!("{path} {name}: the exception is no longer needed"));
    over.chain(stale).collect()
}

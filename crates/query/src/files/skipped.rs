//! What lies among flow logs and is none: counted, and the first few named.

use std::fmt;
use std::io;

use object_store::path::Path;

/// Names that are said; the rest is a number.
const NAMED: usize = 3;

/// Files that are not read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Skipped {
    foreign: Names,
    empty: Names,
    unreadable: Names,
    damaged: Names,
}

/// How many, and the first of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Names {
    count: usize,
    first: Vec<String>,
}

impl Skipped {
    /// A file that holds something else.
    pub(super) fn foreign(&mut self, name: &str) {
        self.foreign.add(name);
    }

    /// A file without a byte, or without a line.
    pub(super) fn empty(&mut self, key: &Path) {
        self.empty.add(key.as_ref());
    }

    /// A file or folder that the system does not give.
    pub(super) fn unreadable(&mut self, name: &str, error: &io::Error) {
        self.unreadable.add(&format!("{name} ({})", plain(error)));
    }

    /// The same of an object.
    pub(super) fn denied(&mut self, key: &Path, why: &str) {
        self.unreadable.add(&format!("{key} ({why})"));
    }

    /// A file that is damaged, where those are left out.
    pub(super) fn damaged(&mut self, key: &Path, reason: &str) {
        self.damaged.add(&format!("{key} ({reason})"));
    }

    /// All of it in a line, such as `skipped 2 files that are no flow logs: README, notes.txt`.
    pub(super) fn line(&self) -> Option<String> {
        let kinds = [
            (
                &self.foreign,
                "that is no flow log",
                "that are no flow logs",
            ),
            (&self.empty, "that is empty", "that are empty"),
            (
                &self.unreadable,
                "that cannot be read",
                "that cannot be read",
            ),
            (&self.damaged, "that is damaged", "that are damaged"),
        ];
        let some = kinds.into_iter().filter(|(names, ..)| names.count > 0);
        let parts = some.map(|(names, one, many)| match names.count {
            1 => format!("1 file {one}: {names}"),
            count => format!("{count} files {many}: {names}"),
        });
        let parts: Vec<String> = parts.collect();
        (!parts.is_empty()).then(|| format!("skipped {}", parts.join("; ")))
    }
}

impl Names {
    fn add(&mut self, name: &str) {
        self.count += 1;
        if self.first.len() < NAMED {
            self.first.push(name.to_owned());
        }
    }
}

impl fmt::Display for Names {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.first.join(", "))?;
        match self.count - self.first.len() {
            0 => Ok(()),
            more => write!(f, " and {more} more"),
        }
    }
}

/// The error as people say it, without the system's number.
fn plain(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "a link to nothing".to_owned(),
        io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        _ => error.to_string(),
    }
}

//! Lines that several commands print.

use std::path::{Path, PathBuf};

use wirelab_session::{Entry, EntryKind, Session};

use crate::failure::Failure;
use crate::when;

/// The moment reached, in virtual time and UTC.
pub(crate) fn reached(session: &Session) -> String {
    let utc = when::print_utc(session.run().utc());
    format!("it is now {} ({utc} UTC)\n", session.now())
}

/// `path` as seen from the current folder.
pub(crate) fn relative(path: &Path) -> String {
    let here = std::env::current_dir().unwrap_or_default();
    path.strip_prefix(&here)
        .unwrap_or(path)
        .display()
        .to_string()
}

/// The lab's story, as it was written into the folder.
pub(crate) fn ticket(session: &Session) -> Result<String, Failure> {
    let path = session.dir().join("README.md");
    std::fs::read_to_string(&path)
        .map_err(|error| Failure::environment(format!("{}: {error}", path.display())))
}

/// The evidence files, sorted.
pub(crate) fn evidence(session: &Session) -> Result<Vec<PathBuf>, Failure> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(session.dir().join("evidence"))? {
        files.push(entry?.path());
    }
    files.sort();
    Ok(files)
}

/// Whether an entry of the journal may have changed the network.
pub(crate) const fn is_change(entry: &Entry) -> bool {
    matches!(entry.kind, EntryKind::Call { .. } | EntryKind::Host { .. })
}

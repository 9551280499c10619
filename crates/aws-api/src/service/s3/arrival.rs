//! Objects that services of AWS write themselves: Athena its results.

use std::fs;
use std::path::{Path, PathBuf};

use wirelab_session::Session;

use super::note::{Object, digest, note_of, quoted, write_note};
use super::store::Store;

/// When a file that a service is about to write as an object comes: it may be on a thread of its
/// own, away from the session.
pub(crate) struct Arrival {
    files: PathBuf,
    notes: PathBuf,
    at: u64,
}

impl Arrival {
    pub(crate) fn now(session: &Session) -> Self {
        let store = Store::of(session);
        Self {
            at: store.now(),
            files: store.files,
            notes: store.notes,
        }
    }

    /// Notes what is known of the object in `file`. Without the note it came at the lab's begin.
    pub(crate) fn note(&self, file: &Path) {
        let inside = file.strip_prefix(&self.files).ok().and_then(Path::to_str);
        let Some((bucket, key)) = inside.and_then(|it| it.split_once('/')) else {
            return;
        };
        let (Ok(data), Ok(digest)) = (fs::metadata(file), digest(file)) else {
            return;
        };
        let object = Object {
            key: key.to_owned(),
            modified: self.at,
            size: data.len(),
            tag: quoted(&digest),
            ..Object::default()
        };
        write_note(&note_of(&self.notes, bucket, key), &object).ok();
    }
}

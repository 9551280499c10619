//! Where buckets and objects are kept.
//!
//! A bucket is a folder in `evidence/s3` and an object a file in it by its key, so that Athena,
//! `wirelab query` and people read what was put. What a file does not say is in a note of its own
//! in `.wirelab/s3/BUCKET`, named by the SHA-256 of the key: when the object came, its entity tag,
//! the headers that came with it. A file without a note is one that the lab has written; one of a
//! flow log bears the time when it was delivered.
//!
//! Not every key can be a path: `folder/`, `a//b`, and `a` while there is `a/b`. Such an object is
//! kept beside its note. It can be listed and read as any other; Athena does not see it.
//!
//! None of this is part of the journal: an undo leaves it, and it goes when the session goes back
//! to its begin.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use md5::{Digest, Md5};
use wirelab_flowlog::s3::LogKey;
use wirelab_model::{ApiError, LogDestinationType};
use wirelab_session::{Session, SessionError};

use super::note::{
    Bucket, Object, PublicAccessBlock, digest, file_error, not_found, note_of, quoted, read_note,
    unreadable, write_note,
};
use crate::service::Refusal;

/// An object's octets before they are where they belong: a file that was written in the store.
pub(super) struct Fresh {
    pub(super) file: PathBuf,
    pub(super) size: u64,
    /// In quotation marks.
    pub(super) tag: String,
}

/// The buckets of a session.
pub(crate) struct Store<'s> {
    session: &'s Session,
    /// `evidence/s3`.
    pub(super) files: PathBuf,
    /// `.wirelab/s3`.
    pub(super) notes: PathBuf,
}

/// Files by the keys of their objects.
pub(super) type Files = BTreeMap<String, PathBuf>;

impl<'s> Store<'s> {
    pub(crate) fn of(session: &'s Session) -> Self {
        Self {
            session,
            files: session.dir().join("evidence/s3"),
            notes: session.dir().join(".wirelab/s3"),
        }
    }

    /// Now, in virtual UTC.
    pub(super) fn now(&self) -> u64 {
        self.session.run().utc().as_secs()
    }

    /// Buckets and prefixes to which flow logs go.
    fn destinations(&self) -> impl Iterator<Item = (&str, &str)> {
        let resources = self.session.run().control().resources();
        resources.flow_logs.values().filter_map(|log| {
            let arn = log.log_destination.as_deref().unwrap_or_default();
            let place = arn.strip_prefix("arn:aws:s3:::");
            let place = place.filter(|_| log.log_destination_type == LogDestinationType::S3)?;
            Some(place.split_once('/').unwrap_or((place, "")))
        })
    }

    /// Whether a flow log goes to the bucket.
    pub(super) fn publishes(&self, bucket: &str) -> bool {
        self.destinations().any(|it| it.0 == bucket)
    }

    /// The names of all buckets.
    pub(super) fn names(&self) -> BTreeSet<String> {
        let mut names: BTreeSet<String> = self.destinations().map(|it| it.0.to_owned()).collect();
        let made = fs::read_dir(&self.files).into_iter().flatten().flatten();
        let made = made.filter(|it| it.path().is_dir());
        names.extend(made.filter_map(|it| it.file_name().into_string().ok()));
        names
    }

    /// Whether there is such a bucket. A name is one segment: it leads nowhere else.
    pub(crate) fn has(&self, bucket: &str) -> bool {
        is_segment(bucket) && (self.publishes(bucket) || self.files.join(bucket).is_dir())
    }

    /// A bucket.
    ///
    /// # Errors
    /// `NoSuchBucket`.
    pub(super) fn bucket(&self, name: &str) -> Result<Bucket, ApiError> {
        if !self.has(name) {
            let message = format!("The specified bucket does not exist: {name}");
            return Err(ApiError::client("NoSuchBucket", message));
        }
        // One that the lab has made is the learner's.
        let caller = &self.session.plan().caller;
        Ok(
            read_note(&self.bucket_note(name)).unwrap_or_else(|| Bucket {
                account: caller.account.to_string(),
                region: caller.region.to_string(),
                created: self.session.plan().starts.as_secs(),
                block: Some(PublicAccessBlock::ALL),
                ..Bucket::default()
            }),
        )
    }

    /// Makes a bucket, or changes what is known of one.
    pub(super) fn set_bucket(&self, name: &str, bucket: &Bucket) -> Result<(), Refusal> {
        let folder = self.files.join(name);
        if !folder.is_dir() {
            // What is left of one of that name that somebody has removed by hand.
            fs::remove_dir_all(self.notes.join(name)).ok();
        }
        fs::create_dir_all(&folder).map_err(|error| file_error(&folder, error))?;
        write_note(&self.bucket_note(name), bucket)
    }

    pub(super) fn remove_bucket(&self, name: &str) -> Result<(), Refusal> {
        for folder in [self.files.join(name), self.notes.join(name)] {
            match fs::remove_dir_all(&folder) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(file_error(&folder, error));
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn bucket_note(&self, name: &str) -> PathBuf {
        self.notes.join(name).join("bucket.json")
    }

    /// The folder of a bucket's uploads that are not complete.
    pub(super) fn uploads(&self, bucket: &str) -> PathBuf {
        self.notes.join(bucket).join("uploads")
    }

    /// A bucket's objects.
    pub(super) fn objects(&self, bucket: &str) -> Files {
        let mut files = Files::new();
        let folder = self.files.join(bucket);
        let mut all = BTreeSet::new();
        below(&folder, 0, &mut all);
        for file in all {
            let inside = file.strip_prefix(&folder).ok();
            let parts = inside.map(|it| it.iter().map(|it| it.to_str()));
            let parts: Option<Vec<&str>> = parts.and_then(Iterator::collect);
            if let Some(key) = parts.map(|it| it.join("/")) {
                files.insert(key, file);
            }
        }
        let beside = fs::read_dir(self.notes.join(bucket).join("objects"));
        for entry in beside.into_iter().flatten().flatten() {
            let file = entry.path();
            if file.extension().is_some_and(|it| it == "octets")
                && let Some(object) = read_note::<Object>(&file.with_extension("json"))
            {
                files.insert(object.key, file);
            }
        }
        files
    }

    /// The file of an object, if there is one.
    pub(super) fn file(&self, bucket: &str, key: &str) -> Option<PathBuf> {
        let path = self.path(bucket, key).filter(|it| it.is_file());
        path.or_else(|| Some(self.beside(bucket, key)).filter(|it| it.is_file()))
    }

    /// The file of an object.
    ///
    /// # Errors
    /// `NoSuchKey`.
    pub(super) fn existing(&self, bucket: &str, key: &str) -> Result<PathBuf, ApiError> {
        let missing = || ApiError::client("NoSuchKey", "The specified key does not exist.");
        self.file(bucket, key).ok_or_else(missing)
    }

    /// What is known of the object in `file`.
    pub(super) fn object(&self, bucket: &str, key: &str, file: &Path) -> Result<Object, ApiError> {
        let metadata = fs::metadata(file).map_err(|why| unreadable(file, &why))?;
        let size = metadata.len();
        let note = read_note::<Object>(&self.note(bucket, key));
        if let Some(object) = note.filter(|it| it.key == key && it.size == size) {
            return Ok(object);
        }
        // The lab's own: a flow log's file says when it came, of others nothing is known.
        let came = metadata
            .modified()
            .ok()
            .filter(|_| LogKey::parse(key).is_ok());
        let came = came.and_then(|it| it.duration_since(UNIX_EPOCH).ok());
        let begin = self.session.plan().starts;
        let modified = came.map_or(begin.as_secs(), |it| it.as_secs());
        Ok(Object {
            key: key.to_owned(),
            modified,
            size,
            tag: quoted(&digest(file)?),
            ..Object::default()
        })
    }

    /// Octets of a file: all, or a part that must be in it.
    pub(super) fn read(file: &Path, part: std::ops::Range<u64>) -> Result<Vec<u8>, ApiError> {
        let length = part.end - part.start;
        let read = || -> io::Result<Vec<u8>> {
            let mut opened = File::open(file)?;
            opened.seek(SeekFrom::Start(part.start))?;
            let mut octets = Vec::new();
            opened.take(length).read_to_end(&mut octets)?;
            Ok(octets)
        };
        read().map_err(|why| unreadable(file, &why))
    }

    /// A name for a file that is being written.
    pub(super) fn waiting(&self, id: &str) -> Result<PathBuf, Refusal> {
        fs::create_dir_all(&self.notes).map_err(|error| file_error(&self.notes, error))?;
        Ok(self.notes.join(format!("put-{id}")))
    }

    /// Writes octets that are to become an object.
    pub(super) fn write(&self, octets: &[u8], id: &str) -> Result<Fresh, Refusal> {
        let file = self.waiting(id)?;
        fs::write(&file, octets).map_err(|error| file_error(&file, error))?;
        Ok(Fresh {
            file,
            size: octets.len() as u64,
            tag: quoted(&Md5::digest(octets)),
        })
    }

    /// Puts an object where it belongs.
    ///
    /// # Errors
    /// A key of the network's own; files.
    pub(super) fn put(&self, bucket: &str, fresh: Fresh, object: &Object) -> Result<(), Refusal> {
        let key = object.key.as_str();
        let note = self.note(bucket, key);
        let placed = self.clear_way(bucket, key).and_then(|path| {
            let beside = self.beside(bucket, key);
            let path = path.unwrap_or_else(|| beside.clone());
            if let Some(folder) = path.parent() {
                fs::create_dir_all(folder)?;
            }
            fs::rename(&fresh.file, &path)?;
            if path != beside {
                fs::remove_file(&beside).or_else(not_found)?;
            }
            Ok(())
        });
        if let Err(error) = placed {
            fs::remove_file(&fresh.file).ok();
            return Err(file_error(&fresh.file, error));
        }
        write_note(&note, object)
    }

    /// The path of a key, if it can be a file there: files whose names are folders of it are kept
    /// beside from now on.
    fn clear_way(&self, bucket: &str, key: &str) -> io::Result<Option<PathBuf>> {
        let Some(path) = self
            .path(bucket, key)
            .filter(|_| !self.is_in_way(bucket, key))
        else {
            return Ok(None);
        };
        let mut above = key.match_indices('/').map(|it| &key[..it.0]);
        if above.any(|it| LogKey::parse(it).is_ok()) {
            return Ok(None);
        }
        for (at, _) in key.match_indices('/') {
            self.move_beside(bucket, &key[..at])?;
        }
        Ok(Some(path).filter(|it| !it.is_dir()))
    }

    /// Whether a file of that key would be where a flow log's folders are, or come to be.
    fn is_in_way(&self, bucket: &str, key: &str) -> bool {
        let mut ours = self.destinations().filter(|it| it.0 == bucket);
        ours.any(|(_, prefix)| {
            let prefix = prefix.trim_matches('/');
            let logs = match prefix {
                "" => "AWSLogs/".to_owned(),
                prefix => format!("{prefix}/AWSLogs/"),
            };
            logs.starts_with(&format!("{key}/")) || key.starts_with(&logs)
        })
    }

    /// Keeps objects beside whose files are where folders of a flow log will be.
    pub(crate) fn make_way(&self, bucket: &str, prefix: &str) {
        let folder = format!("{}/AWSLogs/", prefix.trim_matches('/'));
        let folder = folder.trim_start_matches('/');
        for key in self.objects(bucket).keys() {
            let is_in_way = folder.starts_with(&format!("{key}/")) || key.starts_with(folder);
            if is_in_way && LogKey::parse(key).is_err() {
                self.move_beside(bucket, key).ok();
            }
        }
    }

    fn move_beside(&self, bucket: &str, key: &str) -> io::Result<()> {
        let Some(path) = self.path(bucket, key).filter(|it| it.is_file()) else {
            return Ok(());
        };
        let object = self.object(bucket, key, &path);
        let object = object.map_err(|why| io::Error::other(why.message))?;
        let beside = self.beside(bucket, key);
        fs::create_dir_all(beside.parent().expect("it is in a folder"))?;
        fs::rename(path, beside)?;
        let noted = write_note(&self.note(bucket, key), &object);
        noted.map_err(|why| io::Error::other(why.into_api().message))
    }

    /// Removes an object, and folders that have nothing else; one that is not there is removed.
    pub(super) fn remove(&self, bucket: &str, key: &str) -> Result<(), Refusal> {
        let gone = |path: &Path| {
            let removed = fs::remove_file(path).or_else(not_found);
            removed.map_err(|error| file_error(path, error))
        };
        gone(&self.beside(bucket, key))?;
        gone(&self.note(bucket, key))?;
        let Some(path) = self.path(bucket, key).filter(|it| it.is_file()) else {
            return Ok(());
        };
        gone(&path)?;
        let folder = self.files.join(bucket);
        let above = path.ancestors().skip(1);
        for parent in above.take_while(|it| *it != folder) {
            if fs::remove_dir(parent).is_err() {
                break;
            }
        }
        Ok(())
    }

    /// Where the file of a key is, if the key can be a path.
    fn path(&self, bucket: &str, key: &str) -> Option<PathBuf> {
        let fits = key.split('/').all(is_segment);
        fits.then(|| self.files.join(bucket).join(key))
    }

    fn note(&self, bucket: &str, key: &str) -> PathBuf {
        note_of(&self.notes, bucket, key)
    }

    /// Where an object is whose key cannot be a path.
    fn beside(&self, bucket: &str, key: &str) -> PathBuf {
        self.note(bucket, key).with_extension("octets")
    }
}

/// Whether a part of a key can be the name of a file.
fn is_segment(name: &str) -> bool {
    !matches!(name, "" | "." | "..") && name.len() <= 255 && !name.contains(['\0', '\\', '/'])
}

/// Files below a folder; what cannot be read is not there.
fn below(folder: &Path, depth: usize, found: &mut BTreeSet<PathBuf>) {
    let entries = fs::read_dir(folder).ok();
    for entry in entries.into_iter().flatten().flatten() {
        match entry.file_type() {
            Ok(kind) if kind.is_dir() && depth < 64 => below(&entry.path(), depth + 1, found),
            Ok(kind) if kind.is_file() => drop(found.insert(entry.path())),
            _ => {}
        }
    }
}

/// Removes what clients have put: it is no part of the journal.
///
/// # Errors
/// A folder that cannot be written to.
pub(crate) fn forget(session: &Session) -> Result<(), SessionError> {
    let store = Store::of(session);
    let gone = fs::remove_dir_all(&store.notes).or_else(not_found);
    let gone = gone.and_then(|()| remove_below(&store.files, &store.files));
    gone.map_err(|error| SessionError::File {
        path: store.files,
        error,
    })
}

/// Removes files that no flow log publishes, and folders that are empty then. `from` is the folder
/// of buckets.
fn remove_below(folder: &Path, from: &Path) -> io::Result<()> {
    let Ok(entries) = fs::read_dir(folder) else {
        return Ok(());
    };
    for entry in entries {
        let path = entry?.path();
        if path.is_dir() {
            remove_below(&path, from)?;
            // What is not empty stays.
            fs::remove_dir(&path).ok();
            continue;
        }
        let inside = path.strip_prefix(from).unwrap_or(&path);
        let key: PathBuf = inside.components().skip(1).collect();
        if key.to_str().is_none_or(|key| LogKey::parse(key).is_err()) {
            fs::remove_file(&path)?;
        }
    }
    Ok(())
}

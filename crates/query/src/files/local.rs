//! Files of this machine, and bytes at hand, as an object store that can only be read.
//!
//! A folder is walked once, when it is opened. What a person has in a folder is not what a bucket
//! holds: links that lead back, names that are no UTF-8, files that nobody may read, are met here.

use std::collections::{BTreeMap, HashSet};
use std::fmt;
use std::io;
use std::path::{Path as LocalPath, PathBuf};
use std::time::SystemTime;

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;
use futures::{FutureExt, StreamExt};
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, GetResultPayload, ListResult, MultipartUpload,
    ObjectMeta, ObjectStore, PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};

use super::LogSource;
use super::find::is_of_other_service;
use super::skipped::Skipped;

/// Folders in folders that are followed.
const DEPTH_MAX: usize = 64;

/// Where a file's bytes are.
#[derive(Clone, Debug)]
enum Place {
    File(PathBuf),
    Memory(Bytes),
}

/// The store; its keys are made of the names below the folders.
#[derive(Debug, Default)]
pub(super) struct LocalFiles {
    files: BTreeMap<Path, (Place, ObjectMeta)>,
}

/// What was found at some places.
#[derive(Default)]
pub(super) struct Found {
    pub(super) store: LocalFiles,
    /// Files that were named themselves.
    pub(super) named: HashSet<Path>,
    pub(super) skipped: Skipped,
}

impl Found {
    /// Walks the folders and takes the files, each once, however many ways lead to it.
    ///
    /// # Errors
    /// The place that cannot be read, and why.
    pub(super) fn at(sources: &[LogSource]) -> std::result::Result<Self, (String, io::Error)> {
        let mut found = Self::default();
        let mut seen = HashSet::new();
        for source in sources {
            let taken = found.take(source, sources.len(), &mut seen);
            taken.map_err(|error| (source.name(), error))?;
        }
        Ok(found)
    }

    fn take(
        &mut self,
        source: &LogSource,
        sources: usize,
        seen: &mut HashSet<PathBuf>,
    ) -> io::Result<()> {
        let path = match source {
            LogSource::Path(path) => path,
            LogSource::Bytes { name, bytes } => {
                let bytes = Place::Memory(Bytes::from(bytes.clone()));
                self.add_named(name, bytes, SystemTime::now());
                return Ok(());
            }
        };
        let metadata = path.metadata()?;
        let name = file_name(path);
        if metadata.is_dir() {
            self.walk(path, &label(path, sources), 0, seen);
        } else if metadata.is_file() {
            let changed = metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH);
            if seen.insert(path.canonicalize()?) {
                self.add_named(&name, Place::File(path.clone()), changed);
            }
        } else {
            // A pipe is read once.
            let bytes = Place::Memory(Bytes::from(std::fs::read(path)?));
            self.add_named(&name, bytes, SystemTime::now());
        }
        Ok(())
    }

    fn add_named(&mut self, name: &str, place: Place, changed: SystemTime) {
        if let Some(key) = self.add(name, place, changed) {
            self.named.insert(key);
        }
    }

    /// Adds a file under a key of its own.
    fn add(&mut self, name: &str, place: Place, changed: SystemTime) -> Option<Path> {
        let size = match &place {
            Place::File(path) => match path.metadata() {
                Ok(metadata) => metadata.len(),
                Err(error) => {
                    self.skipped.unreadable(name, &error);
                    return None;
                }
            },
            Place::Memory(bytes) => bytes.len() as u64,
        };
        let mut key = Path::from(name);
        for number in 2.. {
            if !self.store.files.contains_key(&key) {
                break;
            }
            key = Path::from(format!("{name} ({number})"));
        }
        let object = ObjectMeta {
            location: key.clone(),
            last_modified: changed.into(),
            size,
            e_tag: None,
            version: None,
        };
        self.store.files.insert(key.clone(), (place, object));
        Some(key)
    }

    /// Adds the files below a folder.
    fn walk(&mut self, folder: &LocalPath, label: &str, depth: usize, seen: &mut HashSet<PathBuf>) {
        let entered = folder.canonicalize().and_then(|full| {
            let entries = std::fs::read_dir(folder)?;
            let is_new = seen.insert(full.clone());
            Ok(is_new.then_some((full, entries)))
        });
        let (full, entries) = match entered {
            Ok(Some(entered)) if depth <= DEPTH_MAX => entered,
            Ok(_) => return,
            Err(error) => return self.skipped.unreadable(label, &error),
        };
        let mut paths: Vec<PathBuf> = Vec::new();
        for entry in entries {
            match entry {
                Ok(entry) => paths.push(entry.path()),
                Err(error) => self.skipped.unreadable(label, &error),
            }
        }
        paths.sort();
        for path in paths {
            let name = file_name(&path);
            let hidden = name.starts_with(['.', '_']);
            let at = Path::from(full.join(&name).to_string_lossy().as_ref());
            let key = match label {
                "" => name,
                label => format!("{label}/{name}"),
            };
            match path.metadata() {
                _ if hidden => {}
                Ok(metadata) if metadata.is_dir() => self.walk(&path, &key, depth + 1, seen),
                Ok(_) if is_of_other_service(&at) => {}
                Ok(metadata) if metadata.is_file() => {
                    let changed = metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH);
                    let full = path.canonicalize().unwrap_or_else(|_| path.clone());
                    if !seen.insert(full) {
                        continue; // a link to a file that is read already
                    }
                    self.add(&key, Place::File(path), changed);
                }
                Ok(_) => self.skipped.foreign(&key),
                Err(error) => self.skipped.unreadable(&key, &error),
            }
        }
    }
}

fn file_name(path: &LocalPath) -> String {
    let name = path.file_name().unwrap_or(path.as_os_str());
    name.to_string_lossy().into_owned()
}

/// What keys of a folder's files begin with: nothing if it is the only one.
fn label(folder: &LocalPath, sources: usize) -> String {
    match sources {
        0 | 1 => String::new(),
        _ => file_name(&folder.canonicalize().unwrap_or_else(|_| folder.to_owned())),
    }
}

impl LocalFiles {
    /// All files, in the order of their keys.
    pub(super) fn objects(&self) -> Vec<ObjectMeta> {
        self.files
            .values()
            .map(|(_, object)| object.clone())
            .collect()
    }
}

impl fmt::Display for LocalFiles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} local files", self.files.len())
    }
}

fn read_only<T>() -> Result<T> {
    let source = "these files are only read".into();
    Err(Error::NotSupported { source })
}

fn opened(path: &LocalPath, key: &Path) -> Result<std::fs::File> {
    std::fs::File::open(path).map_err(|error| {
        let (path, kind) = (key.to_string(), error.kind());
        let source = Box::new(error);
        match kind {
            io::ErrorKind::NotFound => Error::NotFound { path, source },
            io::ErrorKind::PermissionDenied => Error::PermissionDenied { path, source },
            _ => Error::Generic {
                store: "files",
                source,
            },
        }
    })
}

#[async_trait]
impl ObjectStore for LocalFiles {
    async fn put_opts(&self, _: &Path, _: PutPayload, _: PutOptions) -> Result<PutResult> {
        read_only()
    }

    async fn put_multipart_opts(
        &self,
        _: &Path,
        _: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        read_only()
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        let (place, meta) = self.files.get(location).ok_or_else(|| Error::NotFound {
            path: location.to_string(),
            source: "no such file".into(),
        })?;
        let whole = 0..meta.size;
        let range = options
            .range
            .map_or(Ok(whole), |range| range.as_range(meta.size));
        let range = range.map_err(|source| Error::Generic {
            store: "files",
            source: source.into(),
        })?;
        let payload = match place {
            Place::File(path) => GetResultPayload::File(opened(path, location)?, path.clone()),
            Place::Memory(bytes) => {
                let piece = bytes.slice(range.start as usize..range.end as usize);
                GetResultPayload::Stream(async { Ok(piece) }.into_stream().boxed())
            }
        };
        Ok(GetResult {
            payload,
            meta: meta.clone(),
            range,
            attributes: Default::default(),
        })
    }

    fn delete_stream(
        &self,
        locations: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        locations.map(|_| read_only()).boxed()
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        let below = |key: &Path| prefix.is_none_or(|prefix| key.prefix_matches(prefix));
        let files = self.files.iter().filter(|(key, _)| below(key));
        let metas: Vec<Result<ObjectMeta>> = files.map(|(_, (_, meta))| Ok(meta.clone())).collect();
        futures::stream::iter(metas).boxed()
    }

    async fn list_with_delimiter(&self, _: Option<&Path>) -> Result<ListResult> {
        let source = "these files are listed one by one".into();
        Err(Error::NotSupported { source })
    }

    async fn copy_opts(&self, _: &Path, _: &Path, _: CopyOptions) -> Result<()> {
        read_only()
    }
}

//! Flow logs in files: a download of a bucket, a bucket itself, one file.
//!
//! [`LogFiles`] finds the log files below a folder whatever the layout (plain, Hive-compatible or
//! hourly keys, all files in one folder), looks at the head of each for its format, and stands for
//! their records: as a source of Logs Insights queries ([`insights_over_files`]) and as the table
//! `flow_logs` for SQL. Files are read while a query runs; none is kept in memory.
//!
//! ```no_run
//! use wirelab_query::{LogFiles, blocking};
//!
//! let logs: LogFiles = blocking::open_files("download/AWSLogs".as_ref(), None)?;
//! println!("{} files, {} bytes, {}", logs.len(), logs.bytes(), logs.format());
//! # Ok::<(), wirelab_query::FilesError>(())
//! ```
//!
//! Sources: Amazon VPC User Guide, "Flow log files" (names, layouts, header line); what an event of
//! CloudWatch Logs has beside the record is described in `insights/record_source.rs`.

mod compact;
mod find;
mod head;
mod table;
#[cfg(test)]
mod tests;

use std::fmt;
use std::io;
use std::path::Path as LocalPath;
use std::sync::Arc;

use futures::FutureExt;
use object_store::local::LocalFileSystem;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{ObjectMeta, ObjectStore, ObjectStoreExt};
use wirelab_flowlog::{Field, LogFormat};

use crate::scan::{CountingStore, TextLayout};

pub(crate) use table::{FILE, Kind, LINE, LogTable, OFFSET, text_column};

/// Why flow logs cannot be read from files.
#[derive(Debug, thiserror::Error)]
pub enum FilesError {
    /// Nothing there, or nothing that is a log file.
    #[error("no flow-log file in `{place}`; they end in .log, .log.gz or .parquet")]
    NoFiles {
        /// Folder, file or prefix.
        place: String,
    },
    /// The folder or the bucket cannot be listed, or a file not be opened.
    #[error("{place}: {error}")]
    Store {
        /// Folder, file or key.
        place: String,
        /// What the store says.
        error: object_store::Error,
    },
    /// No file, or one that holds no flow-log records.
    #[error("{file}: {reason}")]
    Unreadable {
        /// Key of the file.
        file: String,
        /// What is wrong with it.
        reason: String,
    },
}

/// How much longer a gzip file of records is when unpacked: four times, as a rule.
const UNPACKED: u64 = 16;

/// How a file holds its records.
#[derive(Clone, Debug)]
enum Content {
    /// Lines; which of a line's values are the table's columns.
    Text(Arc<TextLayout>),
    Parquet,
}

/// A file and what its head says.
#[derive(Clone, Debug)]
struct LogFile {
    object: ObjectMeta,
    content: Content,
}

/// Flow logs in files of an object store.
#[derive(Clone)]
pub struct LogFiles {
    name: String,
    store: Arc<CountingStore>,
    files: Vec<LogFile>,
    format: LogFormat,
}

impl LogFiles {
    /// Finds the flow logs below a prefix of a store (empty for all of it), or the file of that
    /// key.
    ///
    /// A text file without a header line has the given format, else the default one. Files of
    /// several formats may lie together: a record lacks the fields that its file lacks.
    ///
    /// # Errors
    /// [`FilesError`], naming the file.
    pub async fn open(
        store: Arc<dyn ObjectStore>,
        prefix: &str,
        format: Option<&LogFormat>,
    ) -> Result<Self, FilesError> {
        let objects = find::objects(store.as_ref(), prefix).await?;
        let (format, files) = head::files(&store, objects, format).await?;
        let store = Arc::new(CountingStore::new(store));
        let name = if prefix.is_empty() {
            store.to_string()
        } else {
            prefix.to_owned()
        };
        Ok(Self {
            name,
            store,
            files,
            format,
        })
    }

    /// The same for a folder or file of this machine.
    ///
    /// # Errors
    /// [`FilesError`].
    pub async fn from_path(
        path: &LocalPath,
        format: Option<&LogFormat>,
    ) -> Result<Self, FilesError> {
        let place = path.display().to_string();
        if let Err(error) = path.metadata() {
            let reason = match error.kind() {
                io::ErrorKind::NotFound => "no such file or folder".to_owned(),
                _ => error.to_string(),
            };
            return Err(FilesError::Unreadable {
                file: place,
                reason,
            });
        }
        let error = |error| FilesError::Store {
            place: place.clone(),
            error,
        };
        let (folder, file) = match (path.is_file(), path.parent(), path.file_name()) {
            (true, Some(folder), Some(name)) => {
                let here = folder.as_os_str().is_empty();
                (
                    if here { LocalPath::new(".") } else { folder },
                    name.to_str(),
                )
            }
            _ => (path, None),
        };
        let store = LocalFileSystem::new_with_prefix(folder).map_err(error)?;
        let mut files = Self::open(Arc::new(store), file.unwrap_or_default(), format).await;
        match &mut files {
            Ok(files) => files.name = place,
            Err(FilesError::NoFiles { place: nowhere }) => *nowhere = place,
            Err(_) => {}
        }
        files
    }

    /// One file of lines without a header, in memory.
    pub(crate) fn from_text(
        name: &str,
        text: String,
        format: LogFormat,
    ) -> Result<Self, FilesError> {
        let store: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
        let key = Path::from("records.log");
        let error = |error| FilesError::Store {
            place: name.to_owned(),
            error,
        };
        let stored = async {
            store.put(&key, text.into()).await?;
            store.head(&key).await
        };
        // Memory does not keep anyone waiting.
        let object = stored.now_or_never().unwrap_or_else(|| {
            let source = "memory is not ready".into();
            let store = "InMemory";
            Err(object_store::Error::Generic { store, source })
        });
        let object = object.map_err(error)?;
        let layout = head::layout(format.fields(), &format, false);
        let content = Content::Text(Arc::new(layout));
        Ok(Self {
            name: name.to_owned(),
            store: Arc::new(CountingStore::new(store)),
            files: vec![LogFile { object, content }],
            format,
        })
    }

    /// How many files.
    #[must_use]
    pub fn len(&self) -> usize {
        self.files.len()
    }

    /// Never: [`FilesError::NoFiles`] instead.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    /// Bytes of the files as they lie in the store.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.files.iter().map(|file| file.object.size).sum()
    }

    /// Bytes of the files that queries have read since they were opened: how far a query is, for
    /// who watches it from another thread. A query may leave files out, or read some twice.
    #[must_use]
    pub fn bytes_read(&self) -> u64 {
        self.store.bytes()
    }

    /// Ends what reads these files with an error: for who watches a query from another thread.
    pub fn stop(&self) {
        self.store.stop();
    }

    /// The fields of the records: those of all files.
    #[must_use]
    pub fn format(&self) -> &LogFormat {
        &self.format
    }

    /// Folder, file or prefix they were found in.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The records as a table with the columns of Athena's documentation.
    pub(crate) fn table(&self, kind: Kind) -> LogTable {
        LogTable::new(self, kind)
    }

    /// The most bytes that one of the files may unpack to, as a rule.
    pub(crate) fn longest(&self) -> u64 {
        let lengths = self.files.iter().map(|file| {
            let is_packed = file.object.location.as_ref().ends_with(".gz");
            file.object.size * if is_packed { UNPACKED } else { 1 }
        });
        lengths.max().unwrap_or(0)
    }

    pub(crate) fn fields(&self) -> &[Field] {
        self.format.fields()
    }

    /// Whether there are text files, and whether there are Parquet files.
    pub(crate) fn kinds(&self) -> (bool, bool) {
        let parquet = |file: &LogFile| matches!(file.content, Content::Parquet);
        (
            !self.files.iter().all(parquet),
            self.files.iter().any(parquet),
        )
    }
}

impl fmt::Debug for LogFiles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, format, .. } = self;
        write!(f, "{} files in {name}, {format}", self.len())
    }
}

fn unreadable(file: &Path, reason: impl fmt::Display) -> FilesError {
    let (file, reason) = (file.to_string(), reason.to_string());
    FilesError::Unreadable { file, reason }
}

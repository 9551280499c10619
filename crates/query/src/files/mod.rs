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
mod direct;
mod find;
mod grouping;
mod head;
mod known;
mod local;
mod look_again;
mod skipped;
mod table;
#[cfg(test)]
mod tests;

use std::fmt;
use std::io;
use std::path::{Path as LocalPath, PathBuf};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};

use datafusion::common::{Result as Planned, ScalarValue};
use datafusion::logical_expr::{Expr, ident, lit, when};
use futures::FutureExt;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{ObjectMeta, ObjectStore, ObjectStoreExt};
use wirelab_flowlog::{Field, LogColumn, LogFormat};

use crate::scan::{Codes, Counted, CountingStore, Joined, Misfits};

use known::{Content, Known, LogFile};
use local::Found;
use skipped::Skipped;

pub(crate) use direct::Direct;
pub(crate) use grouping::ByCode;
pub(crate) use table::{
    FILE, FILE_TIME, FORMAT, Kind, LINE, LogTable, MOMENT, OFFSET, STORED_FORMAT, STORED_TIME,
    text_column,
};

/// Why flow logs cannot be read from files.
#[derive(Debug, thiserror::Error)]
pub enum FilesError {
    /// Nothing there, or nothing that is a flow log.
    #[error("no flow logs in `{place}`{}", others.as_ref().map(|it| format!(": {it}")).unwrap_or_default())]
    NoFiles {
        /// Folder, file or prefix.
        place: String,
        /// What is there instead: how many files, and the names of the first.
        others: Option<String>,
    },
    /// The folder or the bucket cannot be listed, or a file not be opened.
    #[error("{place}: {error}")]
    Store {
        /// Folder, file or key.
        place: String,
        /// What the store says.
        error: object_store::Error,
    },
    /// A flow log that is damaged, such as a download that was cut off.
    #[error("{file}: {reason}")]
    Damaged {
        /// Key of the file.
        file: String,
        /// What is wrong with it.
        reason: String,
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

/// Where logs are read from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LogSource {
    /// A folder with all that is below it, or a file.
    Path(PathBuf),
    /// The bytes of a file, such as those that came in a pipe.
    Bytes {
        /// What the file is called.
        name: String,
        /// What is in it: text, gzip or Parquet.
        bytes: Vec<u8>,
    },
}

/// Flow logs in files of an object store.
#[derive(Clone)]
pub struct LogFiles {
    name: String,
    store: Arc<CountingStore>,
    /// What was known when this was made.
    known: Arc<Known>,
    /// What is known now: a query may find more in the files.
    newest: Arc<Mutex<Arc<Known>>>,
    /// Records without a time of their own that queries have met.
    untimed: Counted,
    /// Lines that do not fit the format of their file, which queries have met.
    misfits: Option<Misfits>,
    /// Whether a query has met a header line that nobody knew of; `None`: there are no headers.
    joined: Option<Joined>,
    /// Whether files that are damaged are left out.
    spares: bool,
    /// Codes of the texts in them.
    codes: Arc<Codes>,
}

impl LogFiles {
    /// Finds the flow logs below a prefix of a store (empty for all of it), or the file of that
    /// key.
    ///
    /// A text file without a header line has the given format, else the default one. Files of
    /// several formats may lie together: a record lacks the fields that its file lacks. What is no
    /// flow log is left out; [`LogFiles::notes`] tells of it.
    ///
    /// # Errors
    /// [`FilesError`], naming the file.
    pub async fn open(
        store: Arc<dyn ObjectStore>,
        prefix: &str,
        format: Option<&LogFormat>,
    ) -> Result<Self, FilesError> {
        let (objects, named) = find::objects(store.as_ref(), prefix).await?;
        let name = if prefix.is_empty() {
            store.to_string()
        } else {
            prefix.to_owned()
        };
        let spares = (false, Skipped::default());
        Self::of_objects(store, name, objects, format, |_| named, spares).await
    }

    /// The same for a folder or file of this machine.
    ///
    /// # Errors
    /// [`FilesError`].
    pub async fn from_path(
        path: &LocalPath,
        format: Option<&LogFormat>,
    ) -> Result<Self, FilesError> {
        Self::from_sources(&[LogSource::Path(path.to_owned())], format).await
    }

    /// The same for several folders and files, whose records are taken together.
    ///
    /// # Errors
    /// [`FilesError`].
    pub async fn from_sources(
        sources: &[LogSource],
        format: Option<&LogFormat>,
    ) -> Result<Self, FilesError> {
        Self::found(sources, format, false).await
    }

    /// The same without the files that are damaged, here or when a query comes upon it; notes tell
    /// of them.
    ///
    /// # Errors
    /// [`FilesError`].
    pub async fn sound_from_sources(
        sources: &[LogSource],
        format: Option<&LogFormat>,
    ) -> Result<Self, FilesError> {
        Self::found(sources, format, true).await
    }

    async fn found(
        sources: &[LogSource],
        format: Option<&LogFormat>,
        spares: bool,
    ) -> Result<Self, FilesError> {
        let names = sources.iter().map(LogSource::name);
        let name = names.collect::<Vec<_>>().join(", ");
        let found = Found::at(sources).map_err(|(place, error)| FilesError::Unreadable {
            file: place,
            reason: match error.kind() {
                io::ErrorKind::NotFound => "no such file or folder".to_owned(),
                _ => error.to_string(),
            },
        })?;
        let objects = found.store.objects();
        let named = found.named;
        let is_named = |object: &ObjectMeta| named.contains(&object.location);
        let store = Arc::new(found.store);
        let spares = (spares, found.skipped);
        Self::of_objects(store, name, objects, format, is_named, spares).await
    }

    async fn of_objects(
        store: Arc<dyn ObjectStore>,
        name: String,
        objects: Vec<ObjectMeta>,
        format: Option<&LogFormat>,
        named: impl Fn(&ObjectMeta) -> bool,
        (spares, mut skipped): (bool, Skipped),
    ) -> Result<Self, FilesError> {
        let heads = head::heads(&store, objects, format, named, (spares, &mut skipped)).await?;
        if heads.is_empty() {
            let others = skipped.line();
            return Err(FilesError::NoFiles {
                place: name,
                others,
            });
        }
        let known = Arc::new(Known::of(heads, skipped));
        Ok(Self {
            name,
            store: Arc::new(CountingStore::new(store)),
            newest: Arc::new(Mutex::new(known.clone())),
            known,
            untimed: Counted::default(),
            misfits: Some(Misfits::default()),
            joined: Some(Joined::default()),
            spares,
            codes: Arc::default(),
        })
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
        let fields = format.fields().iter().copied();
        let mut known = Known {
            columns: fields.map(LogColumn::Field).collect(),
            format,
            ..Known::default()
        };
        let columns = known.columns.clone();
        let content = Content::Text(Arc::new(known.layout(&columns)));
        known.files.push(LogFile {
            object,
            content,
            stored: false,
            key_time: None,
            time: 0,
        });
        let known = Arc::new(known);
        Ok(Self {
            name: name.to_owned(),
            store: Arc::new(CountingStore::new(store)),
            newest: Arc::new(Mutex::new(known.clone())),
            known,
            untimed: Counted::default(),
            misfits: None,
            joined: None,
            spares: false,
            codes: Arc::default(),
        })
    }

    /// How many files.
    #[must_use]
    pub fn len(&self) -> usize {
        self.known.files.len()
    }

    /// Never: [`FilesError::NoFiles`] instead.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.known.files.is_empty()
    }

    /// Bytes of the files as they lie in the store.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.known.files.iter().map(|file| file.object.size).sum()
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

    /// What a person should know of these files, a line each: which were left out, and which
    /// columns are no fields known here.
    #[must_use]
    pub fn notes(&self) -> Vec<String> {
        let known = self.newest().known;
        let mut notes: Vec<String> = known.skipped.line().into_iter().collect();
        let others = known.columns.iter().filter(|it| it.field().is_none());
        let others: Vec<String> = others.map(|it| format!("`{it}`")).collect();
        if !others.is_empty() {
            let (fields, are) = match others.len() {
                1 => ("field", "is"),
                _ => ("fields", "are"),
            };
            let names = others.join(", ");
            notes.push(format!(
                "{fields} not known here {are} kept as text: {names}"
            ));
        }
        notes
    }

    /// How many records without a usable `start` and `end` Insights queries have met since the
    /// files were opened. They count as of their file's time.
    #[must_use]
    pub fn untimed_records(&self) -> u64 {
        self.untimed.load(Ordering::Relaxed)
    }

    /// How many lines that queries have met since the files were opened have another number of
    /// fields than their file's format, in a line for a person; `None` if there were none.
    #[must_use]
    pub fn misfits(&self) -> Option<String> {
        self.misfits.as_ref()?.line()
    }

    /// The fields of the records that are known here: those of all files.
    #[must_use]
    pub fn format(&self) -> &LogFormat {
        &self.known.format
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
        let lengths = self.known.files.iter().map(|file| {
            let is_packed = match &file.content {
                Content::Text(layout) => layout.packed.unwrap_or(false),
                Content::Parquet(_) => false,
            };
            file.object.size * if is_packed { UNPACKED } else { 1 }
        });
        lengths.max().unwrap_or(0)
    }

    /// Whether the files have names that say something to a person.
    pub(crate) fn has_names(&self) -> bool {
        self.misfits.is_some()
    }

    /// Whether all files are of the compact layout.
    pub(crate) fn are_stored(&self) -> bool {
        self.known.files.iter().all(|file| file.stored)
    }

    pub(crate) fn columns(&self) -> &[LogColumn] {
        &self.known.columns
    }

    /// The formats of rows of Parquet with their numbers.
    pub(crate) fn row_formats(&self) -> impl Iterator<Item = (i64, &[LogColumn])> {
        let known = &self.known;
        let numbers = known.of_rows.iter();
        numbers.map(|number| (*number as i64, known.formats[*number].as_slice()))
    }

    /// The number of the format of a row of Parquet.
    pub(crate) fn row_format(&self) -> Planned<Expr> {
        let first = ident(FORMAT);
        match self.known.beside {
            true => Ok(first + or_else(ident(STORED_FORMAT), lit(0_i64))?),
            false => Ok(first),
        }
    }

    /// The second of rows of Parquet that say none.
    pub(crate) fn row_time(&self) -> Planned<Expr> {
        match self.known.beside {
            true => or_else(ident(STORED_TIME), ident(FILE_TIME)),
            false => Ok(ident(FILE_TIME)),
        }
    }

    /// A column of numbers of a field; of none if the files have none.
    pub(crate) fn number(&self, field: Field) -> Expr {
        match self.columns().contains(&LogColumn::Field(field)) {
            true => ident(field.column_name()),
            false => lit(ScalarValue::Int64(None)),
        }
    }

    /// The fewest values that a record has.
    pub(crate) fn values_min(&self) -> usize {
        let formats = self.known.formats.iter().map(Vec::len);
        formats.min().unwrap_or(1).max(1)
    }

    /// Whether there are text files, and whether there are Parquet files.
    pub(crate) fn kinds(&self) -> (bool, bool) {
        let parquet = |file: &LogFile| matches!(file.content, Content::Parquet(_));
        (
            !self.known.files.iter().all(parquet),
            self.known.files.iter().any(parquet),
        )
    }
}

impl fmt::Debug for LogFiles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, format) = (&self.name, self.format());
        write!(f, "{} files in {name}, {format}", self.len())
    }
}

impl LogSource {
    fn name(&self) -> String {
        match self {
            Self::Path(path) => path.display().to_string(),
            Self::Bytes { name, .. } => name.clone(),
        }
    }
}

/// The first value, the second where that is NULL.
pub(crate) fn or_else(first: Expr, second: Expr) -> Planned<Expr> {
    when(first.clone().is_not_null(), first).otherwise(second)
}

fn damaged(file: &Path, reason: &str) -> FilesError {
    let (file, reason) = (file.to_string(), reason.to_owned());
    FilesError::Damaged { file, reason }
}

fn unreadable(file: &Path, reason: impl fmt::Display) -> FilesError {
    let (file, reason) = (file.to_string(), reason.to_string());
    FilesError::Unreadable { file, reason }
}

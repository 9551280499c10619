//! What is known of the files: which there are, their formats, and the columns of all.
//!
//! A *format* is the columns of a record in their order. Most folders have one. Where there are
//! several, records of all are in one table, and the number of a record's format tells a field that
//! it has not from one that is `-` in it.

use std::collections::BTreeSet;
use std::sync::Arc;

use object_store::ObjectMeta;
use wirelab_flowlog::s3::time_in_name;
use wirelab_flowlog::{Field, LogColumn, LogFormat};

use super::head::Head;
use super::skipped::Skipped;
use crate::scan::{Moment, Place, StoredFiles, TextLayout};

/// How a file holds its records.
#[derive(Clone, Debug)]
pub(super) enum Content {
    /// Lines; which of a line's values are the table's columns.
    Text(Arc<TextLayout>),
    /// Parquet; the number of its first format.
    Parquet(i64),
}

/// A file and what its head says.
#[derive(Clone, Debug)]
pub(super) struct LogFile {
    pub(super) object: ObjectMeta,
    pub(super) content: Content,
    /// Whether it is Parquet of the compact layout, with codes in it.
    pub(super) stored: bool,
    /// The time in its name, in seconds: when the records in it ended.
    pub(super) key_time: Option<i64>,
    /// The time of records that say none: that in the name, else that of the last change.
    pub(super) time: i64,
}

/// All that is known.
#[derive(Clone, Debug, Default)]
pub(super) struct Known {
    pub(super) files: Vec<LogFile>,
    /// The columns of all files.
    pub(super) columns: Vec<LogColumn>,
    /// Those among them that are fields.
    pub(super) format: LogFormat,
    /// The formats by their numbers.
    pub(super) formats: Vec<Vec<LogColumn>>,
    /// Which of them are those of rows of Parquet.
    pub(super) of_rows: BTreeSet<usize>,
    /// Whether there are files with columns of the compact layout alone.
    pub(super) beside: bool,
    /// Texts of the codes in files of the compact layout.
    pub(super) stored: Arc<StoredFiles>,
    pub(super) skipped: Skipped,
    /// What the heads say, to begin anew with more.
    pub(super) heads: Vec<Head>,
}

impl Known {
    /// What some heads say together; the columns of the first file come first.
    pub(super) fn of(heads: Vec<Head>, skipped: Skipped) -> Self {
        let mut known = Self {
            skipped,
            ..Self::default()
        };
        for column in heads.iter().flat_map(Head::all_columns) {
            if !known.columns.contains(column) {
                known.columns.push(column.clone());
            }
        }
        let stored = heads.iter().filter_map(|head| head.stored.clone());
        let stored = stored.map(|stored| (stored.mark.clone(), Arc::new(stored)));
        known.stored = Arc::new(stored.collect());
        known.format = fields(&known.columns);
        known.beside = heads.iter().any(|head| head.beside);
        for head in &heads {
            let file = known.file(head);
            known.files.push(file);
        }
        known.heads = heads;
        known
    }

    fn file(&mut self, head: &Head) -> LogFile {
        let name = head.object.location.filename().unwrap_or_default();
        let key_time = time_in_name(name).map(|time| time.as_secs() as i64);
        let time = key_time.unwrap_or_else(|| head.object.last_modified.timestamp());
        let content = match &head.text {
            None => {
                let first = match head.formats.as_slice() {
                    [] => self.number(&head.columns),
                    formats => {
                        self.formats.extend(formats.iter().cloned());
                        self.formats.len() - formats.len()
                    }
                };
                let formats = head.formats.len().max(1);
                self.of_rows.extend(first..first + formats);
                Content::Parquet(first as i64)
            }
            Some(text) => {
                let mut layout = self.layout(&head.columns);
                layout.skip = usize::from(text.header.is_some());
                layout.header = text.header.as_deref().map(Arc::from);
                layout.packed = Some(text.packed);
                layout.delimiter = Some(text.delimiter);
                layout.moment.otherwise = time;
                let changes = text.changes.iter().map(|header| {
                    let mut layout = self.layout(&header.columns);
                    layout.header = Some(Arc::from(header.line.as_slice()));
                    layout.delimiter = Some(header.delimiter);
                    layout.moment.otherwise = time;
                    (header.at, layout)
                });
                layout.changes = changes.collect();
                Content::Text(Arc::new(layout))
            }
        };
        LogFile {
            object: head.object.clone(),
            content,
            stored: head.stored.is_some(),
            key_time,
            time,
        }
    }

    /// The number of a format, new or not.
    fn number(&mut self, columns: &[LogColumn]) -> usize {
        let known = self.formats.iter().position(|known| known == columns);
        known.unwrap_or_else(|| {
            self.formats.push(columns.to_vec());
            self.formats.len() - 1
        })
    }

    /// Where in a line of the columns `own` each column stands; without a header.
    pub(super) fn layout(&mut self, own: &[LogColumn]) -> TextLayout {
        let position = |column: &LogColumn| {
            let at = own.iter().position(|known| known == column);
            at.map(|at| at as u32)
        };
        let place = |column| position(column).map_or(Place::Missing, Place::Value);
        TextLayout {
            places: self.columns.iter().map(place).collect(),
            values: own.len(),
            skip: 0,
            header: None,
            packed: None,
            moment: Moment {
                start: position(&LogColumn::Field(Field::Start)),
                end: position(&LogColumn::Field(Field::End)),
                otherwise: 0,
            },
            delimiter: None,
            columns: own.into(),
            format: self.number(own) as i64,
            changes: Arc::from([]),
        }
    }
}

/// The fields among the columns.
fn fields(columns: &[LogColumn]) -> LogFormat {
    let fields = columns.iter().filter_map(LogColumn::field);
    let names: Vec<&str> = fields.map(|field| field.name()).collect();
    LogFormat::from_header(&names.join(" ")).unwrap_or_default()
}

//! What a file's head says about its records.
//!
//! A folder holds what it holds: beside `a.log.gz` there may be a README, a checksum, the log of a
//! load balancer. A file is a flow log if its first line is a header or its first lines are records
//! of the given or the default format, each behind the time of its event where CloudWatch Logs has
//! exported them, or if it is Parquet with columns of a flow log. Anything
//! else is passed over and counted; a flow log that is damaged is an error.

use std::io::Read;
use std::sync::Arc;

use datafusion::arrow::datatypes::DataType;
use datafusion::parquet::arrow::parquet_to_arrow_schema;
use datafusion::parquet::errors::ParquetError;
use datafusion::parquet::file::metadata::{
    PageIndexPolicy, ParquetMetaData, ParquetMetaDataReader,
};
use flate2::read::MultiGzDecoder;
use futures::{StreamExt, TryStreamExt};
use object_store::path::Path;
use object_store::{Error, ObjectMeta, ObjectStore, ObjectStoreExt};
use wirelab_flowlog::{Field, FieldType, LogColumn, LogFormat, Record, parse_line};

use super::find::claims_to_be_log;
use super::skipped::Skipped;
use super::table::column;
use super::{FilesError, STORED_FORMAT, STORED_TIME, damaged, unreadable};
use crate::scan::{Header, KEY, Stored, delimiter, fits};

/// Bytes of a text file that are read to find its first lines.
const HEAD: u64 = 16 << 10;

/// Lines among which a record of the format is looked for: the first may be cut off.
const LINES: usize = 8;

/// Files that are looked at side by side: each is a request to a bucket.
const AT_ONCE: usize = 16;

/// Columns of a Parquet file that make it a flow log whatever else it has.
const KNOWN_ENOUGH: usize = 4;

/// What one file holds.
#[derive(Clone, Debug)]
pub(super) struct Head {
    pub(super) object: ObjectMeta,
    pub(super) columns: Vec<LogColumn>,
    pub(super) text: Option<Text>,
    /// Of Parquet of the compact layout, what its codes mean.
    pub(super) stored: Option<Stored>,
    /// The same, the formats of its records; none: its columns are the only one.
    pub(super) formats: Vec<Vec<LogColumn>>,
    /// The same, whether it has columns of the compact layout alone.
    pub(super) beside: bool,
}

/// How a text file holds its records.
#[derive(Clone, Debug)]
pub(super) struct Text {
    /// Its header line, if it has one.
    pub(super) header: Option<Vec<u8>>,
    pub(super) packed: bool,
    /// What stands between its values.
    pub(super) delimiter: u8,
    /// Header lines of other formats behind it, as far as they are known.
    pub(super) changes: Vec<Header>,
}

impl Head {
    /// The columns of all its records.
    pub(super) fn all_columns(&self) -> impl Iterator<Item = &LogColumn> {
        let changes = self.text.iter().flat_map(|text| &text.changes);
        let behind = changes.flat_map(|header| &header.columns);
        self.columns.iter().chain(behind)
    }
}

/// What a look at a file finds.
enum Look {
    Log(Head),
    /// Something else; what the file says, for who has named it.
    Foreign(ObjectMeta, String),
    Empty(ObjectMeta),
    /// The store does not give it.
    Denied(ObjectMeta, &'static str),
    /// A flow log that cannot be read, and why.
    Damaged(Path, String),
}

/// The logs among some files. What is no log is put into `skipped`, or is an error if `named` says
/// that somebody has asked for that file; what is damaged is an error unless `spares` says that it
/// is put there too.
pub(super) async fn heads(
    store: &Arc<dyn ObjectStore>,
    objects: Vec<ObjectMeta>,
    format: Option<&LogFormat>,
    named: impl Fn(&ObjectMeta) -> bool,
    (spares, skipped): (bool, &mut Skipped),
) -> Result<Vec<Head>, FilesError> {
    let looks = futures::stream::iter(objects).map(|object| async {
        let key = object.location.clone();
        match look(store.clone(), object, format).await {
            Err(FilesError::Damaged { reason, .. } | FilesError::Unreadable { reason, .. })
                if spares =>
            {
                Ok(Look::Damaged(key, reason))
            }
            other => other,
        }
    });
    let looks: Vec<Look> = looks.buffered(AT_ONCE).try_collect().await?;
    let mut heads = Vec::new();
    for look in looks {
        match look {
            Look::Log(head) => heads.push(head),
            Look::Foreign(object, reason) if named(&object) => {
                return Err(unreadable(&object.location, reason));
            }
            Look::Empty(object) if named(&object) => {
                return Err(unreadable(&object.location, "the file is empty"));
            }
            Look::Denied(object, why) if named(&object) => {
                return Err(unreadable(&object.location, why));
            }
            Look::Foreign(object, _) => skipped.foreign(object.location.as_ref()),
            Look::Empty(object) => skipped.empty(&object.location),
            Look::Denied(object, why) => skipped.denied(&object.location, why),
            Look::Damaged(key, reason) => skipped.damaged(&key, &reason),
        }
    }
    Ok(heads)
}

async fn look(
    store: Arc<dyn ObjectStore>,
    object: ObjectMeta,
    format: Option<&LogFormat>,
) -> Result<Look, FilesError> {
    if object.size == 0 {
        return Ok(Look::Empty(object));
    }
    let range = 0..HEAD.min(object.size);
    let bytes = match store.get_range(&object.location, range).await {
        Ok(bytes) => bytes,
        Err(Error::NotFound { .. }) => return Ok(Look::Denied(object, "no longer there")),
        Err(Error::PermissionDenied { .. }) => {
            return Ok(Look::Denied(object, "permission denied"));
        }
        Err(error) => {
            let place = object.location.to_string();
            return Err(FilesError::Store { place, error });
        }
    };
    if bytes.starts_with(b"PAR1") {
        return parquet(store, object).await;
    }
    let packed = bytes.starts_with(&[0x1f, 0x8b]);
    let text = match packed {
        true => head_of(MultiGzDecoder::new(&bytes[..])),
        false => Ok(bytes.to_vec()),
    };
    let text = match text {
        Ok(text) => text,
        Err(error) if claims_to_be_log(&object.location) => {
            let reason = match error.kind() {
                std::io::ErrorKind::UnexpectedEof => "the gzip data ends early",
                _ => "the gzip data is damaged",
            };
            return Err(damaged(&object.location, reason));
        }
        Err(_) => return Ok(Look::Foreign(object, "damaged gzip data".to_owned())),
    };
    let whole = text.len() < HEAD as usize;
    let lines = first_lines(&text, whole);
    if whole && lines.is_empty() && text.iter().all(u8::is_ascii_whitespace) {
        return Ok(Look::Empty(object));
    }
    let delimiter = delimiter(lines.first().copied().unwrap_or_default());
    match columns_of(&lines, delimiter, format) {
        Ok((columns, header)) => Ok(Look::Log(Head {
            object,
            columns,
            text: Some(Text {
                header,
                packed,
                delimiter,
                changes: Vec::new(),
            }),
            stored: None,
            formats: Vec::new(),
            beside: false,
        })),
        Err(Not::Sound(reason)) => Err(unreadable(&object.location, reason)),
        Err(Not::Log(reason)) => {
            let wants_gzip = object.location.as_ref().ends_with(".gz") && !packed;
            if wants_gzip && claims_to_be_log(&object.location) {
                return Err(damaged(&object.location, "not gzip, and no flow log"));
            }
            Ok(Look::Foreign(object, reason))
        }
    }
}

/// Why lines are no flow log.
enum Not {
    Log(String),
    Sound(String),
}

/// The columns of a text by its first lines, and its header line if it has one.
fn columns_of(
    lines: &[&[u8]],
    delimiter: u8,
    format: Option<&LogFormat>,
) -> Result<(Vec<LogColumn>, Option<Vec<u8>>), Not> {
    let texts = lines
        .iter()
        .map_while(|line| str::from_utf8(line).ok())
        .map(|line| line.replace(char::from(delimiter), " "));
    let texts: Vec<String> = texts.collect();
    let (Some(first), Some(line)) = (texts.first(), lines.first()) else {
        return Err(Not::Log(
            "not text, and neither gzip nor Parquet".to_owned(),
        ));
    };
    let header = LogColumn::of_header(first);
    let header = header.map_err(|error| Not::Sound(format!("line 1 looks like a header: {error}")));
    if let Some(columns) = header? {
        return Ok((columns, Some(line.to_vec())));
    }
    let default = LogFormat::default();
    let fits = |line: &str| match format {
        Some(format) => is_of(format, line),
        None => parse_line(&default, line).is_ok_and(|record| record.to_flow_record().is_ok()),
    };
    let fields = format.unwrap_or(&default).fields().iter().copied();
    let fields = fields.map(LogColumn::Field);
    if texts.iter().any(|line| fits(line)) {
        return Ok((fields.collect(), None));
    }
    if texts.iter().any(|line| exported(line).is_some_and(fits)) {
        let event_time = LogColumn::of_name("timestamp");
        return Ok((std::iter::once(event_time).chain(fields).collect(), None));
    }
    if line.starts_with(b"\"") {
        let reason = "line 1 has values in quotes, which flow logs have not: `sed 's/\"//g'` takes \
                      them away";
        return Err(Not::Log(reason.to_owned()));
    }
    let shown: String = String::from_utf8_lossy(line).chars().take(80).collect();
    Err(Not::Log(match format {
        Some(format) => format!(
            "line 1 is neither a header nor a record of the {} fields of the format: `{shown}`",
            format.fields().len()
        ),
        None => format!(
            "line 1 is neither a header nor a record of the default format: `{shown}`; name the \
             format, such as `${{version}} ${{srcaddr}}`"
        ),
    }))
}

/// The record of a line that CloudWatch Logs has exported, with the time of the event before it.
fn exported(line: &str) -> Option<&str> {
    let (time, record) = line.split_once(' ')?;
    time.parse::<jiff::Timestamp>().is_ok().then_some(record)
}

/// Whether a line has as many values as the format, numbers where they must be.
fn is_of(format: &LogFormat, line: &str) -> bool {
    let is_number = |record: &Record<'_>, field: Field| record.value::<i64>(field).is_ok();
    parse_line(format, line).is_ok_and(|record| {
        let mut fields = format.fields().iter();
        fields.all(|field| field.kind() == FieldType::Text || is_number(&record, *field))
    })
}

/// The first lines that are not blank, without line ends and byte order mark; of a text that goes
/// on, only whole ones, or the first.
fn first_lines(text: &[u8], whole: bool) -> Vec<&[u8]> {
    let text = text.strip_prefix(&[0xef, 0xbb, 0xbf]).unwrap_or(text);
    let mut lines: Vec<&[u8]> = text.split(|byte| *byte == b'\n').collect();
    if !whole && lines.len() > 1 {
        lines.pop();
    }
    let lines = lines
        .into_iter()
        .map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    let some = lines.filter(|line| !line.iter().all(u8::is_ascii_whitespace));
    some.take(LINES).collect()
}

/// The first [`HEAD`] bytes of a text.
fn head_of(mut from: impl Read) -> std::io::Result<Vec<u8>> {
    let mut text = Vec::new();
    let mut piece = [0; 1024];
    while text.len() < HEAD as usize {
        match from.read(&mut piece) {
            Ok(0) => break,
            Ok(length) => text.extend_from_slice(&piece[..length]),
            // The head of a gzip file ends where it was cut.
            Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => break,
            // What is damaged further on is met when it is read.
            Err(_) if text.contains(&b'\n') => break,
            Err(error) => return Err(error),
        }
    }
    Ok(text)
}

async fn parquet(store: Arc<dyn ObjectStore>, object: ObjectMeta) -> Result<Look, FilesError> {
    let metadata = parquet_metadata(&store, &object).await?;
    let file = metadata.file_metadata();
    let schema = parquet_to_arrow_schema(file.schema_descr(), file.key_value_metadata());
    let schema = schema.map_err(|_| damaged(&object.location, NO_FOOTER))?;
    let stored = Stored::of(&schema).map_err(|error| {
        let reason = format!("the metadata `{KEY}` is damaged: {error}");
        unreadable(&object.location, reason)
    })?;
    let formats = super::compact::formats(&schema).map_err(|reason| {
        unreadable(
            &object.location,
            format!("its formats are damaged: {reason}"),
        )
    })?;
    let mut columns: Vec<LogColumn> = Vec::new();
    let mut beside = false;
    let mut misfit = None;
    for has in schema.fields() {
        if [STORED_FORMAT, STORED_TIME].contains(&has.name().as_str()) {
            beside = true;
            continue;
        }
        let found = LogColumn::of_name(has.name());
        let wanted = column(&found);
        let fits = fits(has.data_type(), wanted.data_type());
        match found.field() {
            Some(_) if !fits => {
                misfit.get_or_insert_with(|| {
                    format!(
                        "the column `{}` is of type {}; flow logs have {} there",
                        has.name(),
                        has.data_type(),
                        spoken(wanted.data_type())
                    )
                });
            }
            None if !fits => continue,
            _ => {}
        }
        if !columns.contains(&found) {
            columns.push(found);
        }
    }
    let known = columns.iter().filter(|it| it.field().is_some()).count();
    if known == 0 || (known * 2 <= columns.len() && known < KNOWN_ENOUGH) {
        let reason = "the columns of this Parquet file are not those of a flow log";
        return Ok(Look::Foreign(object, reason.to_owned()));
    }
    if let Some(misfit) = misfit {
        return Err(unreadable(&object.location, misfit));
    }
    Ok(Look::Log(Head {
        object,
        columns,
        text: None,
        stored,
        formats,
        beside,
    }))
}

/// What is wrong with Parquet whose last bytes do not say what is in it.
const NO_FOOTER: &str = "the Parquet file is damaged or cut off: its end is not that of one";

fn spoken(data_type: &DataType) -> &'static str {
    match data_type {
        DataType::Int32 => "INT_32, or numbers or digits that fit it",
        DataType::Int64 => "INT_64, or numbers, digits or times that fit it",
        _ => "STRING",
    }
}

/// What stands at a Parquet file's end.
async fn parquet_metadata(
    store: &Arc<dyn ObjectStore>,
    object: &ObjectMeta,
) -> Result<ParquetMetaData, FilesError> {
    let mut tail = object.size.min(4 * HEAD);
    loop {
        let range = object.size - tail..object.size;
        let bytes = store
            .get_range(&object.location, range)
            .await
            .map_err(|error| {
                let place = object.location.to_string();
                FilesError::Store { place, error }
            })?;
        let mut reader = ParquetMetaDataReader::new().with_page_index_policy(PageIndexPolicy::Skip);
        match reader.try_parse_sized(&bytes, object.size) {
            Ok(()) => {
                let metadata = reader.finish();
                return metadata.map_err(|_| damaged(&object.location, NO_FOOTER));
            }
            Err(ParquetError::NeedMoreData(needed))
                if tail < needed as u64 && needed as u64 <= object.size =>
            {
                tail = needed as u64;
            }
            Err(_) => return Err(damaged(&object.location, NO_FOOTER)),
        }
    }
}

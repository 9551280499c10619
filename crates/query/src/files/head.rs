//! What a file's head says about its records.

use std::io::Read;
use std::sync::Arc;

use datafusion::parquet::errors::ParquetError;
use datafusion::parquet::file::metadata::{
    PageIndexPolicy, ParquetMetaData, ParquetMetaDataReader,
};
use flate2::read::MultiGzDecoder;
use futures::{StreamExt, TryStreamExt};
use object_store::{ObjectMeta, ObjectStore, ObjectStoreExt};
use wirelab_flowlog::read::LogText;
use wirelab_flowlog::{Field, LogFormat};

use super::{Content, FilesError, LogFile, unreadable};
use crate::scan::{Place, TextLayout};

/// Bytes of a text file that are read to find its first line.
const HEAD: u64 = 16 << 10;

/// Files that are looked at side by side: each is a request to a bucket.
const AT_ONCE: usize = 16;

/// What one file holds.
struct Head {
    object: ObjectMeta,
    format: LogFormat,
    /// For text, whether its first line is a header.
    header: Option<bool>,
}

/// Looks at all files; the format has the fields of all, those of the first file first.
pub(super) async fn files(
    store: &Arc<dyn ObjectStore>,
    objects: Vec<ObjectMeta>,
    format: Option<&LogFormat>,
) -> Result<(LogFormat, Vec<LogFile>), FilesError> {
    let heads = futures::stream::iter(objects).map(|object| head(store.clone(), object, format));
    let heads: Vec<Head> = heads.buffered(AT_ONCE).try_collect().await?;
    let mut fields: Vec<Field> = Vec::new();
    for head in &heads {
        let new = head
            .format
            .fields()
            .iter()
            .filter(|field| !fields.contains(field));
        let new: Vec<Field> = new.copied().collect();
        fields.extend(new);
    }
    let names: Vec<&str> = fields.iter().map(|field| field.name()).collect();
    let all = LogFormat::from_header(&names.join(" "));
    let all = all.map_err(|error| unreadable(&heads[0].object.location, error))?;
    let file = |head: Head| {
        let content = match head.header {
            Some(header) => Content::Text(Arc::new(layout(&fields, &head.format, header))),
            None => Content::Parquet,
        };
        LogFile {
            object: head.object,
            content,
        }
    };
    Ok((all, heads.into_iter().map(file).collect()))
}

/// Where in a line of `format` each of `fields` stands.
pub(super) fn layout(fields: &[Field], format: &LogFormat, header: bool) -> TextLayout {
    let place = |field: &Field| {
        let mut known = format.fields().iter();
        let at = known.position(|known| known == field);
        at.map_or(Place::Missing, |at| Place::Value(at as u32))
    };
    TextLayout {
        places: fields.iter().map(place).collect(),
        values: format.fields().len(),
        skip: usize::from(header),
    }
}

async fn head(
    store: Arc<dyn ObjectStore>,
    object: ObjectMeta,
    format: Option<&LogFormat>,
) -> Result<Head, FilesError> {
    let error = |error| FilesError::Store {
        place: object.location.to_string(),
        error,
    };
    let range = 0..HEAD.min(object.size);
    let bytes = store
        .get_range(&object.location, range)
        .await
        .map_err(error)?;
    if bytes.starts_with(b"PAR1") {
        let format = parquet_format(store, &object).await?;
        return Ok(Head {
            object,
            format,
            header: None,
        });
    }
    let gzip = bytes.starts_with(&[0x1f, 0x8b]);
    if gzip != object.location.as_ref().ends_with(".gz") {
        let reason = if gzip {
            "a gzip file whose name does not end in .gz"
        } else {
            "not gzip"
        };
        return Err(unreadable(&object.location, reason));
    }
    let line = if gzip {
        first_line(MultiGzDecoder::new(&bytes[..]))
    } else {
        first_line(&*bytes)
    };
    let line = line.map_err(|e| unreadable(&object.location, format!("damaged gzip data: {e}")))?;
    let text = LogText::from_bytes(&line, format);
    let text = text.map_err(|error| unreadable(&object.location, error))?;
    let header = text.lines().next().is_none() && !line.is_empty();
    let format = text.format().clone();
    Ok(Head {
        object,
        format,
        header: Some(header),
    })
}

/// The first line, its end left out.
fn first_line(mut from: impl Read) -> std::io::Result<Vec<u8>> {
    let mut line = Vec::new();
    let mut piece = [0; 1024];
    while line.len() < HEAD as usize {
        let length = match from.read(&mut piece) {
            Ok(0) => break,
            Ok(length) => length,
            // The head of a gzip file ends where it was cut.
            Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => break,
            Err(error) => return Err(error),
        };
        line.extend_from_slice(&piece[..length]);
        if let Some(end) = memchr::memchr(b'\n', &line) {
            line.truncate(end);
            break;
        }
    }
    Ok(line)
}

async fn parquet_format(
    store: Arc<dyn ObjectStore>,
    object: &ObjectMeta,
) -> Result<LogFormat, FilesError> {
    let metadata = parquet_metadata(&store, object).await?;
    let columns = metadata.file_metadata().schema_descr().columns().iter();
    let names = columns.map(|column| column.name().to_lowercase().replace('_', "-"));
    let known: Vec<String> = names
        .filter(|name| Field::from_name(name).is_some())
        .collect();
    LogFormat::from_header(&known.join(" ")).map_err(|_| {
        unreadable(
            &object.location,
            "no column of this Parquet file is a flow-log field",
        )
    })
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
            Ok(()) => return reader.finish().map_err(|e| unreadable(&object.location, e)),
            Err(ParquetError::NeedMoreData(needed))
                if tail < needed as u64 && needed as u64 <= object.size =>
            {
                tail = needed as u64;
            }
            Err(error) => return Err(unreadable(&object.location, error)),
        }
    }
}

//! A layout of our own: one Parquet file, sorted by time, in types as small as the values.
//!
//! It holds what the records hold, and the same queries over it are faster: addresses, actions and
//! states are codes of 32 bits (`scan/stored.rs`), ports take two bytes and a protocol one, and a
//! query over an hour opens the row groups of that hour. Nothing is compressed, and what has many
//! values is kept as it is: to unpack takes longer than to read. The codes of IPv4 addresses are
//! the addresses, `10.0.1.5` is 167772421; what other codes mean is in the file's metadata. Logs
//! with very many IPv6 addresses keep their addresses as text.
//!
//! Where records have several formats, a column says which each has, and the file's metadata what
//! these are: a field that a format has not is not the same as a `-`. Where records say no time,
//! another column has the one at which they count.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use datafusion::arrow::datatypes::{DataType, Field as ArrowField, Schema};
use datafusion::common::{DataFusionError, Result};
use datafusion::datasource::provider_as_source;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::logical_expr::{Expr, LogicalPlanBuilder, cast, ident, try_cast, when};
use datafusion::parquet::arrow::ArrowWriter;
use datafusion::parquet::basic::Compression;
use datafusion::parquet::file::metadata::KeyValue;
use datafusion::parquet::file::properties::WriterProperties;
use datafusion::parquet::schema::types::ColumnPath;
use datafusion::prelude::SessionContext;
use futures::StreamExt;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt, WriteMultipart};
use serde::Serialize;
use wirelab_flowlog::{Field, LogColumn};

use super::table::{FORMAT, MOMENT, is_address, is_stored};
use super::{FilesError, Kind, LogFiles, STORED_FORMAT, STORED_TIME};
use crate::error::damage;
use crate::scan::{
    Codes, Counted, KEY, Stored, code_function, moment_of, says_time, session_builder,
};

/// The key in a file's metadata under which the formats of its records are: lists of names.
const FORMATS: &str = "wirelab.formats";

/// Records that are read or left out together.
const GROUP_ROWS: usize = 256 << 10;

/// Texts without a code of their own from which on there are no codes.
const TEXTS_MAX: usize = 64 << 10;

/// Bytes of the file that are kept until they are written.
const PIECE: usize = 8 << 20;

impl LogFiles {
    /// Writes all records into one Parquet file of the compact layout, under that key; how many
    /// they are. `LogFiles::open` reads it back.
    ///
    /// # Errors
    /// [`FilesError::Unreadable`] if a file cannot be read or the new one not be written.
    pub async fn compact(&self, to: &Arc<dyn ObjectStore>, key: &str) -> Result<u64, FilesError> {
        let path = Path::from(key);
        let unreadable = |error: DataFusionError| FilesError::Unreadable {
            file: key.to_owned(),
            reason: damage(&error).unwrap_or_else(|| error.strip_backtrace()),
        };
        let untimed = self.untimed_records();
        let error = match self.newest().compacted(to.as_ref(), &path).await {
            Ok(written) => return Ok(written),
            Err(error) => error,
        };
        if !self.look_again(damage(&error).is_some(), untimed).await? {
            return Err(unreadable(error));
        }
        let written = self.newest().compacted(to.as_ref(), &path).await;
        written.map_err(unreadable)
    }

    async fn compacted(&self, to: &dyn ObjectStore, key: &Path) -> Result<u64> {
        let written = match self.write_compact(to, key, true).await? {
            None => self.write_compact(to, key, false).await?,
            written => written,
        };
        Ok(written.unwrap_or(0))
    }

    /// How many records have been written; none, and `None`, if there are too many texts for codes.
    async fn write_compact(
        &self,
        to: &dyn ObjectStore,
        key: &Path,
        coded: bool,
    ) -> Result<Option<u64>> {
        let codes = Arc::new(Codes::default());
        let untimed = Counted::default();
        let mut rows = self.sorted(coded.then_some(&codes), &untimed).await?;
        let mark = Stored::new_mark();
        let mut upload = WriteMultipart::new(to.put_multipart(key).await?);
        let first = rows.next().await.transpose()?;
        // To sort them, all have been read.
        let kept = self.kept(&rows.schema(), &untimed);
        let schema = rows.schema().project(&kept)?;
        let schema = Arc::new(match coded {
            true => self.marked(&schema, &mark),
            false => schema,
        });
        let mut writer = ArrowWriter::try_new(Vec::new(), schema, Some(self.properties()))?;
        let mut next = first;
        let mut count = 0;
        while let Some(batch) = next {
            self.store.check().map_err(DataFusionError::from)?;
            count += batch.num_rows() as u64;
            if coded && codes.texts().len() > TEXTS_MAX {
                upload.abort().await.map_err(DataFusionError::from)?;
                return Ok(None);
            }
            writer.write(&batch.project(&kept)?)?;
            if writer.inner().len() > PIECE {
                upload.write(&std::mem::take(writer.inner_mut()));
                upload.wait_for_capacity(2).await?;
            }
            next = rows.next().await.transpose()?;
        }
        if coded {
            let texts = codes.texts();
            let stored = Stored { mark, texts };
            writer.append_key_value_metadata(metadata(KEY, &stored)?);
        }
        if self.known.formats.len() > 1 {
            let formats = self.known.formats.iter();
            let names = formats.map(|columns| columns.iter().map(LogColumn::name).collect());
            let names: Vec<Vec<&str>> = names.collect();
            writer.append_key_value_metadata(metadata(FORMATS, &names)?);
        }
        writer.finish()?;
        upload.write(writer.inner());
        upload.finish().await.map_err(DataFusionError::from)?;
        Ok(Some(count))
    }

    /// The records in small types, by time; those that say no time are counted.
    async fn sorted(
        &self,
        codes: Option<&Arc<Codes>>,
        untimed: &Counted,
    ) -> Result<SendableRecordBatchStream> {
        let session = session_builder()?.with_default_features().build();
        let context = SessionContext::new_with_state(session);
        let (text, parquet) = self.kinds();
        let kinds = [(text, Kind::Lines), (parquet, Kind::Rows)];
        let mut records: Option<LogicalPlanBuilder> = None;
        for (_, kind) in kinds.into_iter().filter(|(present, _)| *present) {
            let part = self.small_records(kind, codes, untimed)?;
            records = Some(match records {
                Some(other) => other.union(part.build()?)?,
                None => part,
            });
        }
        let records = records.unwrap_or_else(|| LogicalPlanBuilder::empty(false));
        let columns = self.columns();
        let has = |field: &Field| columns.contains(&LogColumn::Field(*field));
        let times = [Field::Start, Field::End].into_iter().filter(has);
        let times = times.map(|field| field.column_name());
        let order = times.chain([STORED_TIME.to_owned()]);
        let order = order.map(|name| ident(name).sort(true, false));
        let plan = records.sort(order.collect::<Vec<_>>())?.build()?;
        context
            .execute_logical_plan(plan)
            .await?
            .execute_stream()
            .await
    }

    /// The records of one kind of files, in small types, with their formats and the times that they
    /// do not say.
    fn small_records(
        &self,
        kind: Kind,
        codes: Option<&Arc<Codes>>,
        untimed: &Counted,
    ) -> Result<LogicalPlanBuilder> {
        let source = provider_as_source(Arc::new(self.table(kind)));
        let (start, end) = (self.number(Field::Start), self.number(Field::End));
        let (format, moment) = match kind {
            Kind::Rows => {
                let time = self.row_time()?;
                let moment = moment_of(start.clone(), end.clone(), time, Counted::default());
                (self.row_format()?, moment)
            }
            _ => (ident(FORMAT), ident(MOMENT)),
        };
        let says = says_time(start, end, untimed.clone());
        let time = when(says.is_false(), moment).end()?;
        let mut columns: Vec<Expr> = self.columns().iter().map(|it| small(it, codes)).collect();
        columns.push(cast(format, DataType::UInt16).alias(STORED_FORMAT));
        columns.push(time.alias(STORED_TIME));
        LogicalPlanBuilder::scan("records", source, None)?.project(columns)
    }

    /// The columns that say something: not a format if there is only one, not a time if all say it.
    fn kept(&self, schema: &Schema, untimed: &Counted) -> Vec<usize> {
        let fields = schema.fields().iter().enumerate();
        let says = fields.filter(|(_, field)| match field.name().as_str() {
            STORED_FORMAT => self.known.formats.len() > 1,
            STORED_TIME => untimed.load(Ordering::Relaxed) > 0,
            _ => true,
        });
        says.map(|(at, _)| at).collect()
    }

    /// The schema with the mark at the columns that have codes.
    fn marked(&self, schema: &Schema, mark: &str) -> Schema {
        let columns = self.columns().iter().filter(|column| is_stored(column));
        let names: Vec<String> = columns.map(LogColumn::column_name).collect();
        let fields = schema.fields().iter().map(|field| {
            if !names.contains(field.name()) {
                return field.clone();
            }
            let metadata = [(KEY.to_owned(), mark.to_owned())].into();
            Arc::new(ArrowField::clone(field).with_metadata(metadata))
        });
        Schema::new(fields.collect::<Vec<_>>())
    }

    fn properties(&self) -> WriterProperties {
        let mut properties = WriterProperties::builder()
            .set_compression(Compression::UNCOMPRESSED)
            .set_max_row_group_row_count(Some(GROUP_ROWS));
        let many = |column: &&LogColumn| {
            let fields = [Field::SrcPort, Field::DstPort, Field::Bytes].map(Some);
            is_address(column) || fields.contains(&column.field())
        };
        for column in self.columns().iter().filter(many) {
            let path = ColumnPath::from(column.column_name());
            properties = properties.set_column_dictionary_enabled(path, false);
        }
        properties.build()
    }
}

/// An entry of a file's metadata, as JSON.
fn metadata(key: &str, value: &impl Serialize) -> Result<KeyValue> {
    let json = serde_json::to_string(value);
    let json = json.map_err(|error| DataFusionError::External(Box::new(error)))?;
    Ok(KeyValue::new(key.to_owned(), json))
}

/// The formats of a file's records, if it has several.
///
/// # Errors
/// What is wrong with its metadata.
pub(super) fn formats(schema: &Schema) -> Result<Vec<Vec<LogColumn>>, serde_json::Error> {
    let json = schema.metadata().get(FORMATS);
    let names = json.map(|json| serde_json::from_str::<Vec<Vec<String>>>(json));
    let formats = names.transpose()?.unwrap_or_default();
    let columns = |names: Vec<String>| names.iter().map(|it| LogColumn::of_name(it)).collect();
    Ok(formats.into_iter().map(columns).collect())
}

/// A column in the smallest type that holds all its values.
fn small(column: &LogColumn, codes: Option<&Arc<Codes>>) -> Expr {
    let name = column.column_name();
    let value = ident(&name);
    if let Some(codes) = codes.filter(|_| is_stored(column)) {
        return code_function(codes).call(vec![value]).alias(name);
    }
    let data_type = match column.field() {
        Some(Field::SrcPort | Field::DstPort) => DataType::UInt16,
        Some(Field::Version | Field::Protocol | Field::TcpFlags | Field::TrafficPath) => {
            DataType::UInt8
        }
        _ => return value,
    };
    try_cast(value, data_type).alias(name)
}

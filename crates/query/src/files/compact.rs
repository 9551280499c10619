//! A layout of our own: one Parquet file, sorted by time, in types as small as the values.
//!
//! It holds what the records hold, and the same queries over it are faster: addresses, actions and
//! states are codes of 32 bits (`scan/stored.rs`), ports take two bytes and a protocol one, and a
//! query over an hour opens the row groups of that hour. Nothing is compressed, and what has many
//! values is kept as it is: to unpack takes longer than to read. The codes of IPv4 addresses are
//! the addresses, `10.0.1.5` is 167772421; what other codes mean is in the file's metadata. Logs
//! with very many IPv6 addresses keep their addresses as text.

use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Field as ArrowField, Schema};
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::common::{DataFusionError, Result};
use datafusion::execution::SendableRecordBatchStream;
use datafusion::logical_expr::{Expr, ident, try_cast};
use datafusion::parquet::arrow::ArrowWriter;
use datafusion::parquet::basic::Compression;
use datafusion::parquet::file::metadata::KeyValue;
use datafusion::parquet::file::properties::WriterProperties;
use datafusion::parquet::schema::types::ColumnPath;
use datafusion::prelude::SessionContext;
use futures::StreamExt;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt, WriteMultipart};
use wirelab_flowlog::{Field, LogColumn};

use super::table::{is_address, is_stored};
use super::{FilesError, Kind, LogFiles};
use crate::scan::{Codes, KEY, Stored, code_function, session_builder};

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
        let coded = self.write_compact(to.as_ref(), &path, true).await;
        let written = match coded {
            Ok(None) => self.write_compact(to.as_ref(), &path, false).await,
            other => other,
        };
        let written = written.map_err(|error| FilesError::Unreadable {
            file: key.to_owned(),
            reason: error.strip_backtrace(),
        })?;
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
        let mut rows = self.sorted(coded.then_some(&codes)).await?;
        let mark = Stored::new_mark();
        let schema = match coded {
            true => self.marked(&rows.schema(), &mark),
            false => rows.schema().as_ref().clone(),
        };
        let schema = Arc::new(schema);
        let mut writer = ArrowWriter::try_new(Vec::new(), schema, Some(self.properties()))?;
        let mut upload = WriteMultipart::new(to.put_multipart(key).await?);
        let mut count = 0;
        while let Some(batch) = rows.next().await {
            let batch: RecordBatch = batch?;
            self.store.check().map_err(DataFusionError::from)?;
            count += batch.num_rows() as u64;
            if coded && codes.texts().len() > TEXTS_MAX {
                upload.abort().await.map_err(DataFusionError::from)?;
                return Ok(None);
            }
            writer.write(&batch)?;
            if writer.inner().len() > PIECE {
                upload.write(&std::mem::take(writer.inner_mut()));
                upload.wait_for_capacity(2).await?;
            }
        }
        if coded {
            let texts = codes.texts();
            let stored = Stored { mark, texts };
            let json = serde_json::to_string(&stored);
            let json = json.map_err(|error| DataFusionError::External(Box::new(error)))?;
            writer.append_key_value_metadata(KeyValue::new(KEY.to_owned(), json));
        }
        writer.finish()?;
        upload.write(writer.inner());
        upload.finish().await.map_err(DataFusionError::from)?;
        Ok(Some(count))
    }

    /// The records in small types, by time.
    async fn sorted(&self, codes: Option<&Arc<Codes>>) -> Result<SendableRecordBatchStream> {
        let session = session_builder()?.with_default_features().build();
        let context = SessionContext::new_with_state(session);
        let table = context.read_table(Arc::new(self.table(Kind::Athena)))?;
        let columns = self.columns();
        let has = |field: &&Field| columns.contains(&LogColumn::Field(**field));
        let times = [Field::Start, Field::End];
        let order = times
            .iter()
            .filter(has)
            .map(|field| ident(field.column_name()).sort(true, false));
        let small = columns.iter().map(|column| small(column, codes));
        let rows = table.select(small)?.sort(order.collect())?;
        rows.execute_stream().await
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

//! A layout of our own: one Parquet file, sorted by time, in types as small as the values.
//!
//! It is read as any other Parquet file with flow-log columns is, by us and by others, and in it
//! the same queries are faster: ports take two bytes and a protocol one, words are numbers into a
//! dictionary, and a query over an hour opens the row groups of that hour.

use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Schema};
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::common::{DataFusionError, Result};
use datafusion::logical_expr::{Expr, ident, try_cast};
use datafusion::parquet::arrow::ArrowWriter;
use datafusion::parquet::basic::Compression;
use datafusion::parquet::file::properties::WriterProperties;
use datafusion::prelude::SessionContext;
use futures::StreamExt;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt, WriteMultipart};
use wirelab_flowlog::{Field, LogColumn};

use super::{FilesError, Kind, LogFiles};
use crate::scan::session_builder;

/// Records that are read or left out together.
const GROUP_ROWS: usize = 256 << 10;

/// Bytes of the file that are kept until they are written.
const PIECE: usize = 8 << 20;

impl LogFiles {
    /// Writes all records into one Parquet file of the compact layout, under that key; how many
    /// they are. `LogFiles::open` reads it back.
    ///
    /// # Errors
    /// [`FilesError::Unreadable`] if a file cannot be read or the new one not be written.
    pub async fn compact(&self, to: &Arc<dyn ObjectStore>, key: &str) -> Result<u64, FilesError> {
        let written = self.write_compact(to.as_ref(), &Path::from(key)).await;
        written.map_err(|error| FilesError::Unreadable {
            file: key.to_owned(),
            reason: error.strip_backtrace(),
        })
    }

    async fn write_compact(&self, to: &dyn ObjectStore, key: &Path) -> Result<u64> {
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
        let sorted = table.sort(order.collect())?;
        let mut rows = sorted
            .select(columns.iter().map(small))?
            .execute_stream()
            .await?;
        let properties = WriterProperties::builder()
            .set_compression(Compression::SNAPPY)
            .set_max_row_group_row_count(Some(GROUP_ROWS))
            .build();
        let schema = Arc::new(Schema::clone(&rows.schema()));
        let mut writer = ArrowWriter::try_new(Vec::new(), schema, Some(properties))?;
        let mut upload = WriteMultipart::new(to.put_multipart(key).await?);
        let mut count = 0;
        while let Some(batch) = rows.next().await {
            let batch: RecordBatch = batch?;
            count += batch.num_rows() as u64;
            writer.write(&batch)?;
            if writer.inner().len() > PIECE {
                upload.write(&std::mem::take(writer.inner_mut()));
                upload.wait_for_capacity(2).await?;
            }
        }
        writer.finish()?;
        upload.write(writer.inner());
        upload.finish().await.map_err(DataFusionError::from)?;
        Ok(count)
    }
}

/// A column in the smallest type that holds all its values.
fn small(column: &LogColumn) -> Expr {
    let name = column.column_name();
    let value = ident(&name);
    let data_type = match column.field() {
        Some(Field::SrcPort | Field::DstPort) => DataType::UInt16,
        Some(Field::Version | Field::Protocol | Field::TcpFlags | Field::TrafficPath) => {
            DataType::UInt8
        }
        _ => return value,
    };
    try_cast(value, data_type).alias(name)
}

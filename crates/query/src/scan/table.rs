//! The table that DataFusion plans over.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use datafusion::arrow::datatypes::{FieldRef, Schema, SchemaRef};
use datafusion::arrow::record_batch::{RecordBatch, RecordBatchOptions};
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::config::TableParquetOptions;
use datafusion::common::stats::Precision;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::common::{DFSchema, Result, ScalarValue, Statistics, exec_err};
use datafusion::datasource::TableType;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::{
    FileGroup, FileScanConfigBuilder, FileSource, ParquetSource,
};
use datafusion::datasource::source::DataSourceExec;
use datafusion::datasource::table_schema::TableSchema;
use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::logical_expr::utils::conjunction;
use datafusion::logical_expr::{Expr, Operator, TableProviderFilterPushDown};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::empty::EmptyExec;
use object_store::ObjectStore;

use super::case::ByName;
use super::coding::is_code;
use super::counting::CountingStore;
use super::layout::TextOptions;
use super::text::TextSource;
use super::{Encoding, FileList, TableFile};

/// A table over files: data columns first, then partition columns.
///
/// Text files are gzip if their name ends in `.gz`. A filter on partition columns alone is settled
/// before a file is opened; others are settled in the scan as far as it can.
#[derive(Debug)]
pub(crate) struct FileTable {
    store: Arc<CountingStore>,
    /// Stands for the store in plans.
    url: ObjectStoreUrl,
    files: Arc<dyn FileList>,
    encoding: Encoding,
    schema: TableSchema,
    partition: SchemaRef,
}

impl FileTable {
    pub(crate) fn new(
        store: Arc<dyn ObjectStore>,
        files: Arc<dyn FileList>,
        encoding: Encoding,
        columns: Vec<FieldRef>,
        partition: Vec<FieldRef>,
    ) -> Self {
        let schema = TableSchema::builder(Arc::new(Schema::new(columns)))
            .with_table_partition_cols(partition.clone())
            .build();
        Self {
            store: Arc::new(CountingStore::new(store)),
            url: new_url(),
            files,
            encoding,
            schema,
            partition: Arc::new(Schema::new(partition)),
        }
    }

    /// Bytes read from the store so far: compressed, as Athena bills.
    pub(crate) fn bytes_scanned(&self) -> u64 {
        self.store.bytes()
    }

    fn source(&self, session: &dyn Session, filters: &[Expr]) -> Arc<dyn FileSource> {
        match self.encoding {
            Encoding::Text {
                delimiter,
                skip_header_lines,
            } => {
                let width = self.schema.file_schema().fields().len();
                let options = TextOptions::new(delimiter, width, skip_header_lines);
                Arc::new(TextSource::new(self.schema.clone(), options))
            }
            Encoding::Parquet => parquet_source(session, self.schema.clone(), filters),
        }
    }

    /// Whether all columns that the filter names are partition columns.
    fn is_on_partition(&self, filter: &Expr) -> bool {
        let mut within = true;
        let visited = filter.apply(|expr| {
            within &= match expr {
                Expr::Column(column) => self.partition.column_with_name(&column.name).is_some(),
                Expr::ScalarSubquery(_) | Expr::InSubquery(_) | Expr::Exists(_) => false,
                Expr::OuterReferenceColumn(..) => false,
                _ => true,
            };
            Ok(TreeNodeRecursion::Continue)
        });
        within && visited.is_ok() && !filter.is_volatile()
    }

    /// The files of which the filters on partition columns are true.
    async fn files(&self, session: &dyn Session, filters: &[Expr]) -> Result<Vec<TableFile>> {
        let files = self.files.list(filters).await?;
        let width = self.partition.fields().len();
        if let Some(file) = files.iter().find(|file| file.partition.len() != width) {
            return exec_err!("{}: not {width} partition values", file.object.location);
        }
        let on_partition = filters.iter().filter(|filter| self.is_on_partition(filter));
        let Some(filter) = conjunction(on_partition.cloned()) else {
            return Ok(files);
        };
        if files.is_empty() {
            return Ok(files);
        }
        let schema = DFSchema::try_from(self.partition.clone())?;
        let expr = session.create_physical_expr(filter.unalias_nested().data, &schema)?;
        let columns = (0..width).map(|column| {
            ScalarValue::iter_to_array(files.iter().map(|file| file.partition[column].clone()))
        });
        let columns = columns.collect::<Result<Vec<_>>>()?;
        let options = RecordBatchOptions::new().with_row_count(Some(files.len()));
        let rows = RecordBatch::try_new_with_options(self.partition.clone(), columns, &options)?;
        let kept = expr.evaluate(&rows)?.into_array(files.len())?;
        let kept = datafusion::common::cast::as_boolean_array(&kept)?;
        let files = files.into_iter().zip(kept);
        Ok(files
            .filter(|(_, kept)| *kept == Some(true))
            .map(|(file, _)| file)
            .collect())
    }
}

#[async_trait]
impl TableProvider for FileTable {
    fn schema(&self) -> SchemaRef {
        self.schema.table_schema().clone()
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn supports_filters_pushdown(
        &self,
        filters: &[&Expr],
    ) -> Result<Vec<TableProviderFilterPushDown>> {
        let support = filters.iter().map(|filter| {
            if self.is_on_partition(filter) {
                TableProviderFilterPushDown::Exact
            } else {
                // The physical optimizer offers it again, to the source of the scan.
                TableProviderFilterPushDown::Inexact
            }
        });
        Ok(support.collect())
    }

    async fn scan(
        &self,
        session: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let files = self.files(session, filters).await?;
        if files.is_empty() {
            let schema = datafusion::common::project_schema(&self.schema(), projection)?;
            return Ok(Arc::new(EmptyExec::new(schema)));
        }
        let files = files.into_iter().map(|file| {
            PartitionedFile::new_from_meta(file.object).with_partition_values(file.partition)
        });
        let data_filtered = filters.iter().any(|filter| !self.is_on_partition(filter));
        let limit = limit.filter(|_| !data_filtered);
        let source = self.source(session, filters);
        let store = (&self.url, self.store.clone() as Arc<dyn ObjectStore>);
        let columns = ByName::Strictly;
        let files = files.collect();
        scan_files(session, store, source, files, columns, (projection, limit))
    }
}

/// A plan that reads files of a store, known by its URL in the plan; some columns of the source's
/// table.
pub(crate) fn scan_files(
    session: &dyn Session,
    (url, store): (&ObjectStoreUrl, Arc<dyn ObjectStore>),
    source: Arc<dyn FileSource>,
    files: Vec<PartitionedFile>,
    columns: ByName,
    (projection, limit): (Option<&Vec<usize>>, Option<usize>),
) -> Result<Arc<dyn ExecutionPlan>> {
    let cores = session.config().target_partitions();
    let bytes: u64 = files.iter().map(|file| file.object_meta.size).sum();
    let groups = FileGroup::new(files).split_files(cores);
    session
        .runtime_env()
        .register_object_store(url.as_ref(), store);
    // Known well enough to tell the larger of two tables, which is what joins need.
    let mut statistics = Statistics::new_unknown(source.table_schema().table_schema());
    statistics.total_byte_size = Precision::Inexact(usize::try_from(bytes).unwrap_or(usize::MAX));
    let config = FileScanConfigBuilder::new(url.clone(), source)
        .with_statistics(statistics)
        .with_file_groups(groups)
        .with_projection_indices(projection.cloned())?
        .with_limit(limit)
        .with_expr_adapter(Some(Arc::new(columns)))
        .build();
    Ok(DataSourceExec::from_data_source(config))
}

/// A URL that no other table has in a plan.
pub(crate) fn new_url() -> ObjectStoreUrl {
    static TABLES: AtomicU64 = AtomicU64::new(0);
    let number = TABLES.fetch_add(1, Ordering::Relaxed);
    let url = ObjectStoreUrl::parse(format!("table://{number}"));
    url.expect("a scheme and a number are a URL")
}

/// DataFusion's reader with the session's settings, for rows of which these filters are true.
///
/// Where a filter asks for one value of many, it is settled before the other columns are decoded,
/// and those only for the rows that are left. Where most rows pass, that costs more than it saves.
pub(crate) fn parquet_source(
    session: &dyn Session,
    schema: TableSchema,
    filters: &[Expr],
) -> Arc<dyn FileSource> {
    let mut global = session.config().options().execution.parquet.clone();
    global.pushdown_filters |= filters.iter().any(asks_for_one);
    let options = TableParquetOptions {
        global,
        ..Default::default()
    };
    Arc::new(ParquetSource::new(schema).with_table_parquet_options(options))
}

/// Whether few rows can be expected to pass: a column is compared with values for being equal.
fn asks_for_one(filter: &Expr) -> bool {
    match filter {
        Expr::BinaryExpr(both) => match both.op {
            Operator::Eq => true,
            Operator::And => asks_for_one(&both.left) || asks_for_one(&both.right),
            Operator::Or => asks_for_one(&both.left) && asks_for_one(&both.right),
            _ => false,
        },
        Expr::InList(list) => !list.negated,
        Expr::ScalarFunction(function) => is_code(&function.func),
        _ => false,
    }
}

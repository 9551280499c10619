//! Text files as a source of DataFusion's file scan.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::record_batch::{RecordBatch, RecordBatchOptions};
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{DataFusionError, Result};
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::{
    FileGroupPartitioner, FileOpenFuture, FileOpener, FileScanConfig, FileSource,
};
use datafusion::datasource::projection::{ProjectionOpener, SplitProjection};
use datafusion::datasource::table_schema::TableSchema;
use datafusion::physical_expr::{LexOrdering, PhysicalExpr};
use datafusion::physical_plan::DisplayFormatType;
use datafusion::physical_plan::filter_pushdown::{FilterPushdownPropagation, PushedDown};
use datafusion::physical_plan::metrics::ExecutionPlanMetricsSet;
use datafusion::physical_plan::projection::ProjectionExprs;
use futures::StreamExt;
use object_store::{ObjectMeta, ObjectStore};

use super::columns::{Filling, Lines, Place};
use super::input::{Buffers, Input};
use super::layout::{Origin, TextLayout, TextOptions};
use super::misfits::Misfit;
use super::predicate::Predicate;
use super::separators::{Line, Separators};

/// Bytes of text whose separators are looked for at once: small enough to stay in the cache.
const BLOCK: usize = 64 << 10;

/// Rows a batch, if nobody says.
const BATCH_ROWS: usize = 8192;

/// Which lines and columns of text files are read, and how.
#[derive(Clone)]
pub(crate) struct TextSource {
    schema: TableSchema,
    projection: SplitProjection,
    options: TextOptions,
    /// Each is true of every line that is read.
    filters: Vec<Arc<dyn PhysicalExpr>>,
    predicates: Vec<Predicate>,
    batch_rows: usize,
    buffers: Buffers,
    metrics: ExecutionPlanMetricsSet,
}

impl TextSource {
    pub(crate) fn new(schema: TableSchema, options: TextOptions) -> Self {
        Self {
            projection: SplitProjection::unprojected(&schema),
            schema,
            options,
            filters: Vec::new(),
            predicates: Vec::new(),
            batch_rows: BATCH_ROWS,
            buffers: Buffers::default(),
            metrics: ExecutionPlanMetricsSet::new(),
        }
    }
}

impl FileSource for TextSource {
    fn create_file_opener(
        &self,
        store: Arc<dyn ObjectStore>,
        _config: &FileScanConfig,
        _partition: usize,
    ) -> Result<Arc<dyn FileOpener>> {
        let file_schema = self.schema.file_schema();
        let opener = TextOpener {
            store,
            source: self.clone(),
            projected: Arc::new(file_schema.project(&self.projection.file_indices)?),
        };
        ProjectionOpener::try_new(self.projection.clone(), Arc::new(opener), file_schema)
    }

    fn table_schema(&self) -> &TableSchema {
        &self.schema
    }

    fn with_batch_size(&self, batch_size: usize) -> Arc<dyn FileSource> {
        let batch_rows = batch_size.max(1);
        Arc::new(Self {
            batch_rows,
            ..self.clone()
        })
    }

    fn filter(&self) -> Option<Arc<dyn PhysicalExpr>> {
        let filters = self.filters.iter().cloned();
        filters.reduce(|left, right| {
            let and = datafusion::logical_expr::Operator::And;
            Arc::new(datafusion::physical_expr::expressions::BinaryExpr::new(
                left, and, right,
            ))
        })
    }

    fn projection(&self) -> Option<&ProjectionExprs> {
        Some(&self.projection.source)
    }

    fn metrics(&self) -> &ExecutionPlanMetricsSet {
        &self.metrics
    }

    fn file_type(&self) -> &str {
        "text"
    }

    fn repartitioned(
        &self,
        target_partitions: usize,
        min_size: usize,
        ordering: Option<LexOrdering>,
        config: &FileScanConfig,
    ) -> Result<Option<FileScanConfig>> {
        let mut files = config.file_groups.iter().flat_map(|group| group.files());
        if files.any(is_gzip) {
            return Ok(None); // a gzip file cannot be read from its middle
        }
        let partitioner = FileGroupPartitioner::new()
            .with_target_partitions(target_partitions)
            .with_repartition_file_min_size(min_size)
            .with_preserve_order_within_groups(ordering.is_some());
        let groups = partitioner.repartition_file_groups(&config.file_groups);
        Ok(groups.map(|file_groups| {
            let mut config = config.clone();
            config.file_groups = file_groups;
            config
        }))
    }

    fn try_pushdown_filters(
        &self,
        filters: Vec<Arc<dyn PhysicalExpr>>,
        _config: &ConfigOptions,
    ) -> Result<FilterPushdownPropagation<Arc<dyn FileSource>>> {
        let mut source = self.clone();
        let mut answers = Vec::with_capacity(filters.len());
        for filter in filters {
            match Predicate::new(filter.as_ref(), self.schema.file_schema()) {
                Some(predicate) => {
                    source.predicates.push(predicate);
                    source.filters.push(filter);
                    answers.push(PushedDown::Yes);
                }
                None => answers.push(PushedDown::No),
            }
        }
        let changed = source.filters.len() > self.filters.len();
        let result = FilterPushdownPropagation::with_parent_pushdown_result(answers);
        if !changed {
            return Ok(result);
        }
        let source: Arc<dyn FileSource> = Arc::new(source);
        Ok(result.with_updated_node(source))
    }

    fn try_pushdown_projection(
        &self,
        projection: &ProjectionExprs,
    ) -> Result<Option<Arc<dyn FileSource>>> {
        let merged = self.projection.source.try_merge(projection)?;
        let projection = SplitProjection::new(self.schema.file_schema(), &merged);
        Ok(Some(Arc::new(Self {
            projection,
            ..self.clone()
        })))
    }

    fn fmt_extra(&self, kind: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (kind, self.filter()) {
            (DisplayFormatType::Default | DisplayFormatType::Verbose, Some(filter)) => {
                write!(f, ", predicate={filter}")
            }
            _ => Ok(()),
        }
    }

    fn apply_expressions(
        &self,
        f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        let projected = self
            .projection
            .source
            .iter()
            .map(|projected| &projected.expr);
        for expr in self.filters.iter().chain(projected) {
            if f(expr)? == TreeNodeRecursion::Stop {
                return Ok(TreeNodeRecursion::Stop);
            }
        }
        Ok(TreeNodeRecursion::Continue)
    }
}

/// Whether a file is unpacked before it is read: as its layout says, else by its name, as Athena
/// decides it.
fn is_gzip(file: &PartitionedFile) -> bool {
    let known = file.extension::<TextLayout>().and_then(|it| it.packed);
    known.unwrap_or_else(|| file.object_meta.location.as_ref().ends_with(".gz"))
}

struct TextOpener {
    store: Arc<dyn ObjectStore>,
    source: TextSource,
    projected: SchemaRef,
}

impl FileOpener for TextOpener {
    fn open(&self, file: PartitionedFile) -> Result<FileOpenFuture> {
        let store = self.store.clone();
        let range = file
            .range
            .as_ref()
            .map(|range| range.start as u64..range.end as u64);
        let own = file.extension::<TextLayout>();
        let layout = own.unwrap_or(&self.source.options.layout);
        let start = range.as_ref().map_or(0, |range| range.start);
        let mut rows = Rows::new(&self.source, layout, self.projected.clone(), start)?;
        rows.part = (file.object_meta.location.to_string(), start);
        let buffers = self.source.buffers.clone();
        let packed = is_gzip(&file);
        Ok(Box::pin(async move {
            let object = &file.object_meta;
            let opened = Input::open(store, object, range, buffers, packed).await;
            let input = opened.map_err(|error| named(object, error))?;
            let state = (input, rows, file.object_meta);
            let batches =
                futures::stream::try_unfold(state, |(mut input, mut rows, object)| async move {
                    let batch = rows.next(&mut input).await;
                    let batch = batch.map_err(|error| named(&object, error))?;
                    Ok(batch.map(|batch| (batch, (input, rows, object))))
                });
            Ok(batches.boxed())
        }))
    }
}

/// The error with the file's name before it.
pub(super) fn named(object: &ObjectMeta, error: DataFusionError) -> DataFusionError {
    error.context(object.location.to_string())
}

/// Batches from the lines of one file.
struct Rows {
    schema: SchemaRef,
    columns: Vec<(Filling, Place)>,
    /// For each column of the table, where it stands in a line.
    places: Vec<Place>,
    predicates: Vec<Predicate>,
    skip: usize,
    batch_rows: usize,
    /// Rows in `columns`.
    rows: usize,
    /// What of the input's bytes no block has been made of yet.
    text: Range<usize>,
    /// The bytes that `separators` and `kept` speak of.
    block: Range<usize>,
    separators: Separators,
    kept: Vec<Line>,
    /// How many of `kept` are in `columns`.
    taken: usize,
    /// Lines with another number of values so far.
    misfit: Misfit,
    /// The file, and the byte at which what is read of it begins.
    part: (String, u64),
    options: TextOptions,
    /// Which of the table's columns each of `columns` is.
    indices: Vec<usize>,
    /// What the lines of the block have.
    layout: TextLayout,
    /// Where lines of other layouts begin.
    changes: Arc<[(u64, TextLayout)]>,
    /// The layout of the lines behind the block.
    next: Option<TextLayout>,
}

impl Rows {
    fn new(
        source: &TextSource,
        layout: &TextLayout,
        schema: SchemaRef,
        start: u64,
    ) -> Result<Self> {
        let options = &source.options;
        let changes = layout.changes.clone();
        let skip = if start > 0 { 0 } else { layout.skip };
        let layout = layout.at(start);
        let places = options.places(layout);
        let fields = schema.fields().iter().zip(&source.projection.file_indices);
        let columns = fields.map(|(field, index)| {
            let rows = source.batch_rows;
            let filling = match options.origins[*index] {
                Origin::Code(_) => Filling::of_codes(&options.codes, rows),
                Origin::Number(_) => Filling::of_numbers(options.read_number, rows),
                _ => Filling::new(field.data_type(), rows)?,
            };
            Ok((filling, places[*index]))
        });
        Ok(Self {
            columns: columns.collect::<Result<_>>()?,
            schema,
            places,
            predicates: source.predicates.clone(),
            skip,
            batch_rows: source.batch_rows,
            rows: 0,
            text: 0..0,
            block: 0..0,
            separators: Separators::default(),
            kept: Vec::new(),
            taken: 0,
            misfit: Misfit::default(),
            part: (String::new(), 0),
            options: options.clone(),
            indices: source.projection.file_indices.clone(),
            layout: layout.clone(),
            changes,
            next: None,
        })
    }

    async fn next(&mut self, input: &mut Input) -> Result<Option<RecordBatch>> {
        loop {
            if self.taken < self.kept.len() {
                self.take(input)?;
                if self.rows == self.batch_rows {
                    return self.finish().map(Some);
                }
            } else if !self.text.is_empty() {
                self.next_block(input)?;
            } else {
                match input.next().await? {
                    Some(text) => self.text = text,
                    None if self.rows > 0 => return self.finish().map(Some),
                    None => return Ok(None),
                }
            }
        }
    }

    /// The lines that follow have that layout.
    fn change(&mut self, layout: TextLayout) {
        self.places = self.options.places(&layout);
        for ((_, place), index) in self.columns.iter_mut().zip(&self.indices) {
            *place = self.places[*index];
        }
        self.layout = layout;
    }

    fn delimiter(&self) -> u8 {
        (self.layout.delimiter).unwrap_or(self.options.delimiter)
    }

    /// The number of the first of `all` that begins another layout, and that layout.
    fn changed(&self, lines: &Lines<'_>, all: &[Line]) -> Result<Option<(usize, TextLayout)>> {
        let Some(joined) = &self.options.joined else {
            return Ok(None);
        };
        for (number, line) in all.iter().enumerate() {
            let Some(columns) = lines.header(*line) else {
                continue;
            };
            if columns.is_ok_and(|columns| *columns == *self.layout.columns) {
                continue;
            }
            let at = lines.offset + u64::from(line.start());
            let change = self.changes.iter().find(|(place, _)| *place == at);
            return match change {
                Some((_, layout)) => Ok(Some((number, layout.clone()))),
                None => joined.met(),
            };
        }
        Ok(None)
    }

    /// Finds the lines of the next block that the predicates keep.
    fn next_block(&mut self, input: &Input) -> Result<()> {
        let bytes = input.bytes();
        if let Some(layout) = self.next.take() {
            self.change(layout);
        }
        let rest = &bytes[self.text.clone()];
        let near = memchr::memrchr(b'\n', &rest[..rest.len().min(BLOCK)]);
        let length = near
            .or_else(|| memchr::memchr(b'\n', rest))
            .map_or(rest.len(), |at| at + 1);
        self.block = self.text.start..self.text.start + length;
        self.text.start += length;
        let block = &bytes[self.block.clone()];
        let values = self.layout.values;
        self.separators.find(block, self.delimiter(), values);
        let mut kept = std::mem::take(&mut self.kept);
        kept.clear();
        self.taken = 0;
        let lines = self.lines(bytes, input.offset());
        let (predicates, places) = (&self.predicates, &self.places);
        let (mut passed, mut untimed) = (0, 0);
        let (mut misfits, mut found) = (0, None);
        let all = self.separators.lines();
        let skipped = self.skip.min(all.len());
        let changed = self.changed(&lines, &all[skipped..])?;
        let end = changed.as_ref().map_or(all.len(), |(at, _)| skipped + at);
        let behind = changed
            .as_ref()
            .map(|_| self.separators.whole(all[end]).end + 1);
        let (options, header) = (&self.options, self.layout.header.as_deref());
        let own_header = |line| options.joined.is_some() && lines.header(line).is_some();
        let wanted = all[skipped..end].iter().filter(|line| {
            let blank = options.skips_blank && self.separators.count(**line) <= 1;
            let is_row = (!blank || !lines.is_blank(**line))
                && header.is_none_or(|header| !lines.is(**line, header))
                && !own_header(**line)
                && options.window.as_ref().is_none_or(|window| {
                    let (holds, says_none) = window.holds(&lines, **line);
                    untimed += u64::from(says_none);
                    holds
                });
            passed += u64::from(is_row);
            let count = self.separators.count(**line);
            if is_row && count as usize != values {
                misfits += 1;
                found.get_or_insert(count);
            }
            let mut predicates = predicates.iter();
            is_row && predicates.all(|predicate| predicate.holds(&lines, **line, places))
        });
        kept.extend(wanted);
        if let Some(window) = &self.options.window {
            window.passed.fetch_add(passed, Ordering::Relaxed);
            window.untimed.fetch_add(untimed, Ordering::Relaxed);
        }
        self.kept = kept;
        self.skip -= skipped;
        if let (Some((_, layout)), Some(behind)) = (changed, behind) {
            self.text.start = self.block.start + behind;
            self.next = Some(layout);
        }
        if let (Some(counted), Some(found)) = (&self.options.misfits, found) {
            if self.misfit.lines == 0 {
                (self.misfit.found, self.misfit.expected) = (found, values as u32);
            }
            self.misfit.lines += misfits;
            counted.note(&self.part.0, self.part.1, self.misfit);
        }
        Ok(())
    }

    fn lines<'a>(&'a self, bytes: &'a [u8], offset: u64) -> Lines<'a> {
        Lines {
            text: &bytes[self.block.clone()],
            separators: &self.separators,
            offset: offset + self.block.start as u64,
            exactly: self.options.exact.then_some(self.layout.values as u32),
            moment: self.layout.moment,
            format: self.layout.format,
        }
    }

    /// Puts as many lines into the columns as the batch has room for.
    fn take(&mut self, input: &Input) -> Result<()> {
        let room = self.batch_rows - self.rows;
        let end = self.kept.len().min(self.taken + room);
        let mut columns = std::mem::take(&mut self.columns);
        let text = self.lines(input.bytes(), input.offset());
        let lines = &self.kept[self.taken..end];
        for (column, place) in &mut columns {
            column.extend(&text, lines, *place)?;
        }
        self.columns = columns;
        self.rows += end - self.taken;
        self.taken = end;
        Ok(())
    }

    fn finish(&mut self) -> Result<RecordBatch> {
        let arrays = self.columns.iter_mut().map(|(column, _)| column.finish());
        let options = RecordBatchOptions::new().with_row_count(Some(self.rows));
        let arrays = arrays.collect();
        self.rows = 0;
        Ok(RecordBatch::try_new_with_options(
            self.schema.clone(),
            arrays,
            &options,
        )?)
    }
}

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

use super::codes::Codes;
use super::columns::{Filling, Lines, Place, ReadNumber};
use super::input::{Buffers, Input};
use super::misfits::{Misfit, Misfits};
use super::moment::Moment;
use super::predicate::Predicate;
use super::separators::{Line, Separators};
use super::tally::Counted;

/// Bytes of text whose separators are looked for at once: small enough to stay in the cache.
const BLOCK: usize = 64 << 10;

/// Rows a batch, if nobody says.
const BATCH_ROWS: usize = 8192;

/// What a column of the table is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// A value, by its number in the [`TextLayout`].
    Value(usize),
    /// The line itself.
    Line,
    /// The number of the line's first byte in the unpacked file.
    Offset,
    /// The second of the record.
    Moment,
    /// The code of a value.
    Code(usize),
    /// A value as a number.
    Number(usize),
}

/// What differs between files of one table. A file carries its own as an extension; one without
/// has its values in the order of the columns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TextLayout {
    /// For each of the table's values, where it is in a line.
    pub(crate) places: Vec<Place>,
    /// How many values a line has.
    pub(crate) values: usize,
    /// Lines at the start that are no rows.
    pub(crate) skip: usize,
    /// A line that is no row wherever it stands: files with header lines have been joined.
    pub(crate) header: Option<Arc<[u8]>>,
    /// Whether it is gzip; `None`: by its name.
    pub(crate) packed: Option<bool>,
    /// Where the times of the records are.
    pub(crate) moment: Moment,
    /// What stands between the values, if it is not the table's delimiter.
    pub(crate) delimiter: Option<u8>,
}

/// How lines become rows.
#[derive(Clone, Debug)]
pub(crate) struct TextOptions {
    pub(crate) delimiter: u8,
    /// The columns, in the order of the table's file schema.
    pub(crate) origins: Vec<Origin>,
    /// For files without a layout of their own.
    pub(crate) layout: TextLayout,
    /// Whether blank lines are no rows.
    pub(crate) skips_blank: bool,
    /// Whether a line with another number of values has none of the table's.
    pub(crate) exact: bool,
    /// Which lines are rows at all, whatever a query's filters say of them.
    pub(crate) window: Option<Window>,
    /// The codes of columns of codes.
    pub(crate) codes: Arc<Codes>,
    /// How values are read as numbers.
    pub(crate) read_number: ReadNumber,
    /// Counts lines with another number of values.
    pub(crate) misfits: Option<Misfits>,
}

/// Lines with a moment from `first` to `last`, which are counted as they pass.
#[derive(Clone, Debug)]
pub(crate) struct Window {
    pub(crate) first: i64,
    pub(crate) last: i64,
    pub(crate) passed: Counted,
    /// Those among them that say no time themselves.
    pub(crate) untimed: Counted,
}

impl Window {
    /// Whether the line is in it, and whether it says no time itself.
    #[inline]
    fn holds(&self, lines: &Lines<'_>, line: Line) -> (bool, bool) {
        let own = lines.own_second(line);
        let second = own.unwrap_or(lines.moment.otherwise);
        let holds = (self.first..=self.last).contains(&second);
        (holds, holds && own.is_none())
    }
}

impl TextOptions {
    /// Lines of `width` values, all of them columns.
    pub(crate) fn new(delimiter: u8, width: usize, skip: usize) -> Self {
        let places = (0..width as u32).map(Place::Value).collect();
        Self {
            delimiter,
            origins: (0..width).map(Origin::Value).collect(),
            layout: TextLayout {
                places,
                values: width,
                skip,
                header: None,
                packed: None,
                moment: Moment::default(),
                delimiter: None,
            },
            skips_blank: false,
            exact: false,
            window: None,
            codes: Arc::default(),
            read_number: |text| text.parse().ok(),
            misfits: None,
        }
    }

    fn places(&self, layout: &TextLayout) -> Vec<Place> {
        let place = |origin: &Origin| match origin {
            Origin::Value(number) | Origin::Code(number) | Origin::Number(number) => {
                layout.places[*number]
            }
            Origin::Line => Place::Line,
            Origin::Offset => Place::Offset,
            Origin::Moment => Place::Moment,
        };
        self.origins.iter().map(place).collect()
    }
}

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
        let mut rows = Rows::new(&self.source, layout, self.projected.clone(), start > 0)?;
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
fn named(object: &ObjectMeta, error: DataFusionError) -> DataFusionError {
    error.context(object.location.to_string())
}

/// Batches from the lines of one file.
struct Rows {
    schema: SchemaRef,
    columns: Vec<(Filling, Place)>,
    /// For each column of the table, where it stands in a line.
    places: Vec<Place>,
    window: Option<Window>,
    header: Option<Arc<[u8]>>,
    moment: Moment,
    predicates: Vec<Predicate>,
    delimiter: u8,
    /// Values of a line of the file's format.
    values: u32,
    exact: bool,
    skips_blank: bool,
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
    misfits: Option<Misfits>,
    /// Lines with another number of values so far.
    misfit: Misfit,
    /// The file, and the byte at which what is read of it begins.
    part: (String, u64),
}

impl Rows {
    fn new(
        source: &TextSource,
        layout: &TextLayout,
        schema: SchemaRef,
        middle: bool,
    ) -> Result<Self> {
        let options = &source.options;
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
            window: options.window.clone(),
            header: layout.header.clone(),
            moment: layout.moment,
            places,
            predicates: source.predicates.clone(),
            delimiter: layout.delimiter.unwrap_or(options.delimiter),
            values: layout.values as u32,
            exact: options.exact,
            skips_blank: options.skips_blank,
            skip: if middle { 0 } else { layout.skip },
            batch_rows: source.batch_rows,
            rows: 0,
            text: 0..0,
            block: 0..0,
            separators: Separators::default(),
            kept: Vec::new(),
            taken: 0,
            misfits: options.misfits.clone(),
            misfit: Misfit::default(),
            part: (String::new(), 0),
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
                self.next_block(input.bytes());
            } else {
                match input.next().await? {
                    Some(text) => self.text = text,
                    None if self.rows > 0 => return self.finish().map(Some),
                    None => return Ok(None),
                }
            }
        }
    }

    /// Finds the lines of the next block that the predicates keep.
    fn next_block(&mut self, bytes: &[u8]) {
        let rest = &bytes[self.text.clone()];
        let near = memchr::memrchr(b'\n', &rest[..rest.len().min(BLOCK)]);
        let length = near
            .or_else(|| memchr::memchr(b'\n', rest))
            .map_or(rest.len(), |at| at + 1);
        self.block = self.text.start..self.text.start + length;
        self.text.start += length;
        let block = &bytes[self.block.clone()];
        self.separators
            .find(block, self.delimiter, self.values as usize);
        let mut kept = std::mem::take(&mut self.kept);
        kept.clear();
        self.taken = 0;
        let lines = self.lines(bytes, 0);
        let (predicates, places) = (&self.predicates, &self.places);
        let (mut passed, mut untimed) = (0, 0);
        let (mut misfits, mut found) = (0, None);
        let all = self.separators.lines();
        let skipped = self.skip.min(all.len());
        let wanted = all[skipped..].iter().filter(|line| {
            let blank = self.skips_blank && self.separators.count(**line) <= 1;
            let header = self.header.as_deref();
            let is_row = (!blank || !lines.is_blank(**line))
                && header.is_none_or(|header| !lines.is(**line, header))
                && self.window.as_ref().is_none_or(|window| {
                    let (holds, says_none) = window.holds(&lines, **line);
                    untimed += u64::from(says_none);
                    holds
                });
            passed += u64::from(is_row);
            let count = self.separators.count(**line);
            if is_row && count != self.values {
                misfits += 1;
                found.get_or_insert(count);
            }
            let mut predicates = predicates.iter();
            is_row && predicates.all(|predicate| predicate.holds(&lines, **line, places))
        });
        kept.extend(wanted);
        if let Some(window) = &self.window {
            window.passed.fetch_add(passed, Ordering::Relaxed);
            window.untimed.fetch_add(untimed, Ordering::Relaxed);
        }
        self.kept = kept;
        self.skip -= skipped;
        if let (Some(counted), Some(found)) = (&self.misfits, found) {
            if self.misfit.lines == 0 {
                (self.misfit.found, self.misfit.expected) = (found, self.values);
            }
            self.misfit.lines += misfits;
            counted.note(&self.part.0, self.part.1, self.misfit);
        }
    }

    fn lines<'a>(&'a self, bytes: &'a [u8], offset: u64) -> Lines<'a> {
        Lines {
            text: &bytes[self.block.clone()],
            separators: &self.separators,
            offset: offset + self.block.start as u64,
            exactly: self.exact.then_some(self.values),
            moment: self.moment,
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

//! The records as tables of DataFusion.

use std::sync::Arc;

use async_trait::async_trait;
use datafusion::arrow::datatypes::{DataType, Field as ArrowField, FieldRef, Schema, SchemaRef};
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::{Result, ScalarValue, project_schema};
use datafusion::datasource::TableType;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::FileSource;
use datafusion::datasource::table_schema::TableSchema;
use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown};
use datafusion::parquet::arrow::RowNumber;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::empty::EmptyExec;
use datafusion::physical_plan::union::UnionExec;
use object_store::ObjectStore;
use wirelab_flowlog::{Field, FieldType, LogColumn};

use super::LogFiles;
use super::known::{Content, LogFile};
use crate::insights::parse_number;
use crate::scan::{
    ByName, CODED, Codes, Counted, CountingStore, Origin, TextLayout, TextOptions, TextSource,
    Window, new_url, parquet_source, scan_files,
};

/// The column of a record's place in its file.
pub(crate) const OFFSET: &str = "@@offset";

/// The column of a file's number.
pub(crate) const FILE: &str = "@@file";

/// The column of the time of records that say none; only of Parquet files.
pub(crate) const FILE_TIME: &str = "@@file-time";

/// The column of the number of a record's format; of Parquet files, of the first of the file's.
pub(crate) const FORMAT: &str = "@@format";

/// The column of the number of a record's format in a file of the compact layout with several.
pub(crate) const STORED_FORMAT: &str = "wirelab_format";

/// The column of the second of records that say none in a file of the compact layout.
pub(crate) const STORED_TIME: &str = "wirelab_time";

/// The column of a record's second; only of text files.
pub(crate) const MOMENT: &str = "@@moment";

/// From the time in a file's name, how much earlier and later than that its records may have begun,
/// in seconds: AWS delivers within minutes as a rule, but promises nothing.
const EARLIER: i64 = 3 * 3600;
const LATER: i64 = 3600;

/// The column of the whole line; only of text files.
pub(crate) const LINE: &str = "@@line";

/// The column of the name of a record's file, which SQL has where the files have names.
const PATH: &str = "$path";

/// Which files a table is over, and with which columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// All files, with the columns that Athena's documentation gives the fields, then [`PATH`].
    Athena,
    /// Text files: the columns of `Athena`, then the same fields as the text they are (their
    /// names in `text_column`), then [`LINE`], [`OFFSET`], [`MOMENT`], [`FORMAT`] and [`FILE`].
    Lines,
    /// Parquet files: the columns of `Athena`, then [`STORED_FORMAT`], [`STORED_TIME`], [`FILE`],
    /// [`FILE_TIME`], [`FORMAT`] and [`OFFSET`].
    Rows,
}

/// What the name of a column begins with in which a field is the number that Insights reads.
const NUMBER: &str = "@@number-";

/// A second form of a column's values, in which a query is faster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Twin {
    /// [`Codes`] of its texts.
    Code,
    /// The same, if it is in the files.
    Stored,
    /// Numbers as Insights reads them.
    Number,
}

/// Whether a field is an address.
pub(super) fn is_address(column: &LogColumn) -> bool {
    use Field::{DstAddr, PktDstAddr, PktSrcAddr, SrcAddr};
    let addresses = [SrcAddr, DstAddr, PktSrcAddr, PktDstAddr];
    column.field().is_some_and(|it| addresses.contains(&it))
}

/// Whether the compact layout has codes of the field.
pub(super) fn is_stored(column: &LogColumn) -> bool {
    let words = [Some(Field::Action), Some(Field::LogStatus)];
    is_address(column) || words.contains(&column.field())
}

fn is_number(column: &LogColumn) -> bool {
    column.field().is_some() && matches!(column.kind(), FieldType::Int32 | FieldType::Int64)
}

/// The name of a field's column in which it is text.
pub(crate) fn text_column(column: &LogColumn) -> String {
    format!("@{column}")
}

/// The column of a field in the tables of Athena's documentation.
pub(super) fn column(column: &LogColumn) -> FieldRef {
    let data_type = match column.kind() {
        // `protocol bigint` in the documented tables, of text and of Parquet.
        _ if column.field() == Some(Field::Protocol) => DataType::Int64,
        FieldType::Int32 => DataType::Int32,
        FieldType::Int64 => DataType::Int64,
        _ => DataType::Utf8View,
    };
    Arc::new(ArrowField::new(column.column_name(), data_type, true))
}

fn number(name: &str) -> FieldRef {
    Arc::new(ArrowField::new(name, DataType::Int64, false))
}

/// The records of [`LogFiles`].
#[derive(Debug)]
pub(crate) struct LogTable {
    logs: LogFiles,
    kind: Kind,
    window: Option<Window>,
    /// First and last second of the records that are wanted.
    range: Option<(i64, i64)>,
    url: ObjectStoreUrl,
    store: Arc<CountingStore>,
    schema: SchemaRef,
}

impl LogTable {
    pub(super) fn new(logs: &LogFiles, kind: Kind) -> Self {
        let store = Arc::new(CountingStore::new(logs.store.clone()));
        let mut table = Self {
            logs: logs.clone(),
            kind,
            window: None,
            range: None,
            url: new_url(),
            store,
            schema: Arc::new(Schema::empty()),
        };
        let schema = match kind {
            Kind::Rows => table.parquet_schema(),
            _ => table.text_schema(),
        };
        table.schema = schema.table_schema().clone();
        table
    }

    /// Only records with a moment, in seconds, from `first` to `last`, counted before a filter.
    /// Those of Parquet are left to a filter of the plan: only files of other times are left out.
    pub(crate) fn within(mut self, first: i64, last: i64) -> (Self, Counted) {
        let passed = Counted::default();
        self.range = Some((first, last));
        self.window = Some(Window {
            first,
            last,
            passed: passed.clone(),
            untimed: self.untimed(),
        });
        (self, passed)
    }

    /// Counts records that say no time.
    pub(crate) fn untimed(&self) -> Counted {
        self.logs.untimed.clone()
    }

    /// Whether the name of a file allows records of the time that is wanted in it.
    fn is_of_range(&self, file: &LogFile) -> bool {
        let (Some((first, last)), Some(time)) = (self.range, file.key_time) else {
            return true;
        };
        time - EARLIER <= last && time + LATER >= first
    }

    /// The codes of its columns of codes.
    pub(crate) fn codes(&self) -> &Arc<Codes> {
        &self.logs.codes
    }

    /// The name of a column that holds the values of that one in another form, if there is one.
    pub(crate) fn twin(&self, name: &str, wanted: Twin) -> Option<String> {
        let mut columns = self.logs.columns().iter();
        let is_named = |column: &&LogColumn| match self.kind {
            Kind::Lines => text_column(column) == name,
            _ => column.column_name() == name,
        };
        let column = columns.find(is_named)?;
        let name = column.column_name();
        match (wanted, self.kind) {
            (Twin::Code, _) => self.is_coded(column).then(|| format!("{CODED}{name}")),
            (Twin::Stored, _) => {
                let stored = self.logs.are_stored() && is_stored(column);
                stored.then(|| format!("{CODED}{name}"))
            }
            (Twin::Number, Kind::Lines) => is_number(column).then(|| format!("{NUMBER}{name}")),
            (Twin::Number, Kind::Rows) => is_number(column).then_some(name),
            (Twin::Number, Kind::Athena) => None,
        }
    }

    /// The fields that Athena's documentation gives the table, and those alone.
    pub(crate) fn documented(&self) -> Vec<FieldRef> {
        self.columns()
    }

    /// Whether a field has a column of codes: what records are grouped by, and what the files hold
    /// as codes.
    fn is_coded(&self, column: &LogColumn) -> bool {
        let ports = [Some(Field::SrcPort), Some(Field::DstPort)];
        let stored = self.logs.are_stored() && is_stored(column);
        stored || is_address(column) || ports.contains(&column.field())
    }

    /// The columns of codes.
    fn coded(&self) -> impl Iterator<Item = FieldRef> {
        let columns = self.logs.columns().iter();
        let coded = columns.filter(|column| self.is_coded(column));
        coded.map(|column| {
            let name = format!("{CODED}{}", column.column_name());
            Arc::new(ArrowField::new(name, DataType::UInt32, false))
        })
    }

    /// What a person should know of lines that do not fit the format of their file.
    pub(crate) fn misfits(&self) -> Option<String> {
        self.logs.misfits()
    }

    /// Bytes read so far, as they lie in the store.
    pub(crate) fn bytes_scanned(&self) -> u64 {
        self.store.bytes()
    }

    fn columns(&self) -> Vec<FieldRef> {
        self.logs.columns().iter().map(column).collect()
    }

    fn partition(&self) -> Vec<FieldRef> {
        match self.kind {
            Kind::Athena if self.logs.has_names() => {
                vec![Arc::new(ArrowField::new(PATH, DataType::Utf8View, false))]
            }
            Kind::Athena => Vec::new(),
            Kind::Lines => vec![number(FILE)],
            Kind::Rows => vec![number(FILE), number(FILE_TIME), number(FORMAT)],
        }
    }

    fn text_schema(&self) -> TableSchema {
        let mut columns = self.columns();
        if self.kind == Kind::Lines {
            let text = |name: String| Arc::new(ArrowField::new(name, DataType::Utf8, true));
            columns.extend(
                self.logs
                    .columns()
                    .iter()
                    .map(|column| text(text_column(column))),
            );
            columns.push(text(LINE.to_owned()));
            columns.extend([number(OFFSET), number(MOMENT), number(FORMAT)]);
            columns.extend(self.numbered().map(|(_, column)| {
                let name = format!("{NUMBER}{}", column.column_name());
                Arc::new(ArrowField::new(name, DataType::Float64, true))
            }));
        }
        columns.extend(self.coded());
        let schema = Arc::new(Schema::new(columns));
        TableSchema::builder(schema)
            .with_table_partition_cols(self.partition())
            .build()
    }

    /// The fields that have a column of numbers, with their places.
    fn numbered(&self) -> impl Iterator<Item = (usize, &LogColumn)> {
        let columns = self.logs.columns().iter().enumerate();
        columns.filter(|(_, column)| is_number(column))
    }

    fn text_source(&self) -> TextSource {
        let width = self.logs.columns().len();
        let mut options = TextOptions::new(b' ', width, 0);
        options.skips_blank = true;
        options.window = self.window.clone();
        options.misfits = self.logs.misfits.clone();
        options.joined = self.logs.joined.clone();
        if self.kind == Kind::Lines {
            options.origins.extend((0..width).map(Origin::Value));
            let beside = [Origin::Line, Origin::Offset, Origin::Moment, Origin::Format];
            options.origins.extend(beside);
            let numbers = self.numbered().map(|(at, _)| Origin::Number(at));
            options.origins.extend(numbers);
            options.read_number = parse_number;
        }
        let columns = self.logs.columns().iter().enumerate();
        let coded = columns.filter(|(_, column)| self.is_coded(column));
        options
            .origins
            .extend(coded.map(|(at, _)| Origin::Code(at)));
        options.codes = self.codes().clone();
        TextSource::new(self.text_schema(), options)
    }

    fn parquet_schema(&self) -> TableSchema {
        let mut columns = self.columns();
        columns.extend(self.coded());
        if self.kind == Kind::Rows && self.logs.known.beside {
            let stored = [STORED_FORMAT, STORED_TIME];
            let stored = stored.map(|name| ArrowField::new(name, DataType::Int64, true));
            columns.extend(stored.map(Arc::new));
        }
        let schema = Arc::new(Schema::new(columns));
        let builder = TableSchema::builder(schema).with_table_partition_cols(self.partition());
        if self.kind == Kind::Athena {
            return builder.build();
        }
        let offset = ArrowField::new(OFFSET, DataType::Int64, false).with_extension_type(RowNumber);
        builder.with_virtual_columns(vec![Arc::new(offset)]).build()
    }

    fn files(&self, wanted: impl Fn(&Content) -> bool) -> Vec<PartitionedFile> {
        let numbered = self.logs.known.files.iter().enumerate();
        let files = numbered.filter(|(_, file)| wanted(&file.content) && self.is_of_range(file));
        files
            .map(|(number, file)| {
                let entry = PartitionedFile::new_from_meta(file.object.clone());
                let entry = match &file.content {
                    Content::Text(layout) => {
                        entry.with_extension::<TextLayout>(layout.as_ref().clone())
                    }
                    Content::Parquet(_) => entry,
                };
                let format = match &file.content {
                    Content::Text(layout) => layout.format,
                    Content::Parquet(first) => *first,
                };
                let number = ScalarValue::from(number as i64);
                entry.with_partition_values(match self.kind {
                    Kind::Athena if self.logs.has_names() => {
                        let path = file.object.location.to_string();
                        vec![ScalarValue::Utf8View(Some(path))]
                    }
                    Kind::Athena => vec![],
                    Kind::Lines => vec![number],
                    Kind::Rows => {
                        vec![
                            number,
                            ScalarValue::from(file.time),
                            ScalarValue::from(format),
                        ]
                    }
                })
            })
            .collect()
    }
}

#[async_trait]
impl TableProvider for LogTable {
    fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn supports_filters_pushdown(
        &self,
        filters: &[&Expr],
    ) -> Result<Vec<TableProviderFilterPushDown>> {
        // The physical optimizer offers them again, to the source of the scan.
        Ok(vec![TableProviderFilterPushDown::Inexact; filters.len()])
    }

    async fn scan(
        &self,
        session: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let limit = limit.filter(|_| filters.is_empty());
        let text = |content: &Content| matches!(content, Content::Text(_));
        let mut scans = Vec::new();
        let mut add = |files: Vec<PartitionedFile>, source: Arc<dyn FileSource>| -> Result<()> {
            if !files.is_empty() {
                let store = (&self.url, self.store.clone() as Arc<dyn ObjectStore>);
                let asked = (projection, limit);
                let columns = ByName::Fitting(self.codes().clone(), self.logs.known.stored.clone());
                scans.push(scan_files(session, store, source, files, columns, asked)?);
            }
            Ok(())
        };
        if self.kind != Kind::Rows {
            add(self.files(text), Arc::new(self.text_source()))?;
        }
        if self.kind != Kind::Lines {
            let source = parquet_source(session, self.parquet_schema(), filters);
            add(self.files(|content| !text(content)), source)?;
        }
        match scans.len() {
            0 => Ok(Arc::new(EmptyExec::new(project_schema(
                &self.schema,
                projection,
            )?))),
            1 => Ok(scans.remove(0)),
            _ => UnionExec::try_new(scans),
        }
    }
}

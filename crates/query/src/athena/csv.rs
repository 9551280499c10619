//! Tables of OpenCSVSerde: lists that spreadsheets write, with values in quotes.
//!
//! Such lists (addresses to watch, names of ports) are small beside flow logs, so a scan reads them
//! into memory, within the query's limit, instead of piece by piece. As the SerDe does, it takes a
//! line for a row whatever its quotes say, leaves an empty text empty, and fails on a number that
//! is none.
//!
//! Source: Amazon Athena User Guide, "Open CSV SerDe for processing CSV".

use std::fmt;
use std::io::Read;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use datafusion::arrow::datatypes::{Schema, SchemaRef};
use datafusion::arrow::record_batch::{RecordBatch, RecordBatchOptions};
use datafusion::catalog::memory::MemorySourceConfig;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::{Result, ScalarValue};
use datafusion::datasource::TableType;
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryReservation};
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown};
use datafusion::physical_plan::ExecutionPlan;
use flate2::read::MultiGzDecoder;
use object_store::{ObjectStore, ObjectStoreExt};

use super::error::{Checked, Fault};
use super::types::Type;
use super::value::{self, Value};
use crate::scan::{CountingStore, FileList};

/// Rows a batch.
const BATCH_ROWS: usize = 8192;

/// The three signs of such a table.
#[derive(Clone, Copy, Debug)]
pub(super) struct Signs {
    pub(super) separator: char,
    pub(super) quote: char,
    pub(super) escape: char,
}

/// A table of OpenCSVSerde.
pub(super) struct CsvTable {
    store: CountingStore,
    files: Arc<dyn FileList>,
    signs: Signs,
    header_lines: usize,
    columns: Vec<(String, Type)>,
    schema: SchemaRef,
    /// What its rows take of the query's memory, for as long as the query has the table.
    taken: Mutex<Vec<MemoryReservation>>,
}

impl fmt::Debug for CsvTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CsvTable({:?})", self.files)
    }
}

impl CsvTable {
    pub(super) fn new(
        store: Arc<dyn ObjectStore>,
        files: Arc<dyn FileList>,
        (signs, header_lines): (Signs, usize),
        columns: Vec<(String, Type)>,
        partition: &[(String, Type)],
    ) -> Self {
        let fields = columns.iter().chain(partition);
        let fields: Vec<_> = fields.map(|(name, ty)| value::field(name, ty)).collect();
        Self {
            store: CountingStore::new(store),
            files,
            signs,
            header_lines,
            columns,
            schema: Arc::new(Schema::new(fields)),
            taken: Mutex::default(),
        }
    }

    pub(super) fn bytes_scanned(&self) -> u64 {
        self.store.bytes()
    }

    /// The rows of a file's text, a batch at a time.
    fn rows(&self, text: &str, partition: &[ScalarValue]) -> Result<Vec<RecordBatch>> {
        let lines: Vec<&str> = text.lines().skip(self.header_lines).collect();
        let mut batches = Vec::new();
        for lines in lines.chunks(BATCH_ROWS) {
            let rows: Vec<Vec<String>> = lines.iter().map(|line| split(line, self.signs)).collect();
            let mut arrays = Vec::with_capacity(self.schema.fields().len());
            for (at, (_, ty)) in self.columns.iter().enumerate() {
                let cells = rows.iter().map(|row| match row.get(at) {
                    Some(cell) => typed(cell, ty, at),
                    None => Ok(Value::Null),
                });
                arrays.push(value::array(ty, &cells.collect::<Checked<Vec<_>>>()?)?);
            }
            for value in partition {
                arrays.push(value.to_array_of_size(lines.len())?);
            }
            let options = RecordBatchOptions::new().with_row_count(Some(lines.len()));
            let schema = Arc::clone(&self.schema);
            batches.push(RecordBatch::try_new_with_options(schema, arrays, &options)?);
        }
        Ok(batches)
    }
}

#[async_trait]
impl TableProvider for CsvTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn supports_filters_pushdown(
        &self,
        filters: &[&Expr],
    ) -> Result<Vec<TableProviderFilterPushDown>> {
        Ok(vec![TableProviderFilterPushDown::Inexact; filters.len()])
    }

    async fn scan(
        &self,
        session: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        _limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let pool = &session.runtime_env().memory_pool;
        let taken = MemoryConsumer::new("csv").register(pool);
        let mut batches = Vec::new();
        for file in self.files.list(filters).await? {
            let before = taken.size();
            let bytes = self.store.get(&file.object.location).await?.bytes().await?;
            let text = text(&bytes, file.object.location.as_ref(), &taken)?;
            let rows = self.rows(&text, &file.partition)?;
            let kept: usize = rows.iter().map(RecordBatch::get_array_memory_size).sum();
            taken.try_resize(before + kept)?;
            batches.extend(rows);
        }
        let mut all = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        all.push(taken);
        let schema = Arc::clone(&self.schema);
        let plan = MemorySourceConfig::try_new_exec(&[batches], schema, projection.cloned())?;
        Ok(plan)
    }
}

/// A file's text; gzip by its name.
fn text(bytes: &[u8], key: &str, taken: &MemoryReservation) -> Result<String> {
    if !key.ends_with(".gz") {
        taken.try_grow(bytes.len())?;
        return Ok(String::from_utf8_lossy(bytes).into_owned());
    }
    let mut plain = Vec::new();
    let mut decoder = MultiGzDecoder::new(bytes);
    let mut piece = [0; 16 << 10];
    loop {
        let count = decoder.read(&mut piece)?;
        if count == 0 {
            break;
        }
        taken.try_grow(count)?;
        plain.extend_from_slice(&piece[..count]);
    }
    // As many bytes as were counted, or more where a byte is no text.
    Ok(String::from_utf8_lossy(&plain).into_owned())
}

/// The values of a line. A quote in quotes is written twice or behind the escape sign.
fn split(line: &str, signs: Signs) -> Vec<String> {
    let mut cells = vec![String::new()];
    let mut quoted = false;
    let mut chars = line.chars().peekable();
    while let Some(c) = chars.next() {
        let cell = cells.last_mut();
        let next = chars.peek().copied();
        let Some(cell) = cell else { break };
        if c == signs.escape && c != signs.quote && next.is_some() {
            cell.extend(chars.next());
        } else if c == signs.quote {
            if quoted && next == Some(signs.quote) {
                chars.next();
                cell.push(c);
            } else {
                quoted = !quoted;
            }
        } else if c == signs.separator && !quoted {
            cells.push(String::new());
        } else {
            cell.push(c);
        }
    }
    cells
}

/// A value as the SerDe reads it: dates are days and timestamps milliseconds since 1970.
fn typed<'c>(cell: &'c str, ty: &Type, at: usize) -> Checked<Value<'c>> {
    let bad = || {
        let message = format!("Error parsing field value '{cell}' for field {at}: no {ty}");
        Fault::bare("HIVE_BAD_DATA", message)
    };
    let number = |least: i64, most: i64| {
        let number: i64 = cell.trim().parse().map_err(|_| bad())?;
        let fits = (least..=most).contains(&number);
        fits.then_some(Value::Int(number)).ok_or_else(bad)
    };
    match ty {
        Type::Varchar(_) => Ok(Value::str(cell)),
        Type::TinyInt => number(i8::MIN.into(), i8::MAX.into()),
        Type::SmallInt => number(i16::MIN.into(), i16::MAX.into()),
        Type::Integer | Type::Date => number(i32::MIN.into(), i32::MAX.into()),
        Type::BigInt | Type::Timestamp => number(i64::MIN, i64::MAX),
        Type::Double | Type::Real => cell.trim().parse().map(Value::Float).map_err(|_| bad()),
        Type::Boolean => match cell.trim().to_lowercase().as_str() {
            "true" => Ok(Value::Bool(true)),
            "false" => Ok(Value::Bool(false)),
            _ => Err(bad()),
        },
        _ => Err(bad()),
    }
}

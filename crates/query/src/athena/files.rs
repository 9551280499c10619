//! Tables of the catalog as tables over files.
//!
//! A scan asks [`Partitions`] which files it has to read. The values of all partitions make one
//! small batch; the query's filters over partition columns are run on it, and only the prefixes of
//! the partitions that are left are listed.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex};

use datafusion::arrow::array::{Array, AsArray};
use datafusion::arrow::compute::{and, prep_null_mask_filter};
use datafusion::arrow::datatypes::Schema;
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::catalog::TableProvider;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{Column, DFSchema, Result, ScalarValue};
use datafusion::execution::context::ExecutionProps;
use datafusion::logical_expr::Expr;
use datafusion::logical_expr::physical_planning_context::PhysicalPlanningContext;
use datafusion::physical_expr::create_physical_expr;
use futures::future::BoxFuture;
use futures::{FutureExt, TryStreamExt};
use object_store::path::Path;
use object_store::{ObjectMeta, ObjectStore};

use super::catalog::{Buckets, Table, TableColumn, TableFormat, split_location};
use super::csv::{CsvTable, Signs};
use super::error::{Checked, Fault};
use super::explain::Read;
use super::logs;
use super::notes::{Listed, unread};
use super::partitions::typed;
use super::plan::Open;
use super::projection::{self, PARTITIONS_MAX};
use super::types::Type;
use super::value::{self, Value};
use crate::files::LogTable;
use crate::scan::{Encoding, FileList, FileTable, TableFile};

/// Opens the tables of one statement and adds up what they read.
pub(super) struct Opener<'b> {
    pub(super) buckets: &'b Buckets,
    pub(super) now: i64,
    opened: Mutex<Vec<Opened>>,
    /// The tables of DDL, as often as they were opened.
    partitions: Mutex<Vec<Arc<Partitions>>>,
}

/// A table that a statement reads.
enum Opened {
    Files(Arc<FileTable>),
    Csv(Arc<CsvTable>),
    Logs(String, Arc<LogTable>),
}

impl<'b> Opener<'b> {
    pub(super) fn new(buckets: &'b Buckets, now: i64) -> Self {
        Self {
            buckets,
            now,
            opened: Mutex::default(),
            partitions: Mutex::default(),
        }
    }

    /// What was found of the files of each table that was asked for them, in order.
    pub(super) fn read(&self) -> Vec<Read> {
        let tables = self.all_partitions();
        let read = tables.iter().filter_map(|table| {
            let listed = table.listed.lock().ok()?.clone()?;
            let known = match table.table.is_projected() {
                true => listed.partitions,
                false => table.table.partitions.len(),
            };
            Some((table.name.clone(), known, listed))
        });
        read.collect()
    }

    /// Why tables were not read, and what of those that were is damaged, each once.
    pub(super) fn notes(&self) -> Vec<String> {
        let opened = self
            .opened
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        let damaged = opened.iter().filter_map(|opened| match opened {
            Opened::Logs(_, table) => table.misfits(),
            _ => None,
        });
        let mut notes: Vec<String> = damaged.collect();
        drop(opened);
        for table in self.all_partitions() {
            let listed = table.listed.lock().ok().and_then(|listed| listed.clone());
            let note = listed.and_then(|listed| unread(&table.name, &table.table, &listed));
            notes.extend(note.filter(|note| !notes.contains(note)));
        }
        notes
    }

    fn all_partitions(&self) -> Vec<Arc<Partitions>> {
        let all = self.partitions.lock();
        all.unwrap_or_else(std::sync::PoisonError::into_inner)
            .clone()
    }

    fn partitions(
        &self,
        store: &Arc<dyn ObjectStore>,
        table: &Table,
        name: &str,
    ) -> Arc<Partitions> {
        let partitions = Arc::new(Partitions {
            store: Arc::clone(store),
            table: table.clone(),
            name: name.to_owned(),
            now: self.now,
            listed: Mutex::default(),
        });
        let all = self.partitions.lock();
        all.unwrap_or_else(std::sync::PoisonError::into_inner)
            .push(Arc::clone(&partitions));
        partitions
    }

    pub(super) fn bytes_scanned(&self) -> u64 {
        let opened = self
            .opened
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        let bytes = opened.iter().map(|table| match table {
            Opened::Files(table) => table.bytes_scanned(),
            Opened::Csv(table) => table.bytes_scanned(),
            Opened::Logs(_, table) => table.bytes_scanned(),
        });
        bytes.sum()
    }

    fn note(&self, table: Opened) {
        let mut all = self
            .opened
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        all.push(table);
    }

    fn csv(
        &self,
        store: Arc<dyn ObjectStore>,
        (table, name): (&Table, &str),
        signs: Signs,
    ) -> Checked<Arc<dyn TableProvider>> {
        let files = self.partitions(&store, table, name);
        let columns = typed_columns(&table.columns)?;
        let mut partition = typed_columns(&table.partition_columns)?;
        partition.extend(hidden_columns());
        let layout = (signs, table.header_lines());
        let opened = Arc::new(CsvTable::new(store, files, layout, columns, &partition));
        self.note(Opened::Csv(Arc::clone(&opened)));
        Ok(opened)
    }

    /// Flow logs without DDL; the same for every mention of the table.
    fn logs(&self, location: &str) -> Checked<Arc<LogTable>> {
        let opened = self
            .opened
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        let before = opened.iter().find_map(|opened| match opened {
            Opened::Logs(at, table) if at == location => Some(Arc::clone(table)),
            _ => None,
        });
        drop(opened);
        if let Some(table) = before {
            return Ok(table);
        }
        let table = logs::open(location, self.buckets, self.now)?;
        self.note(Opened::Logs(location.to_owned(), Arc::clone(&table)));
        Ok(table)
    }
}

impl Open for Opener<'_> {
    fn open(&self, table: &Table, name: &str) -> Checked<Arc<dyn TableProvider>> {
        if table.format == TableFormat::Logs {
            let table: Arc<dyn TableProvider> = self.logs(&table.location)?;
            return Ok(table);
        }
        let (store, _) = self.buckets.resolve(&table.location)?;
        let encoding = match &table.format {
            TableFormat::Text { delimiter } => Encoding::Text {
                delimiter: u8::try_from(*delimiter).unwrap_or(b' '),
                skip_header_lines: table.header_lines(),
            },
            TableFormat::Parquet | TableFormat::Logs => Encoding::Parquet,
            TableFormat::Csv {
                separator,
                quote,
                escape,
            } => {
                let signs = Signs {
                    separator: *separator,
                    quote: *quote,
                    escape: *escape,
                };
                return self.csv(store, (table, name), signs);
            }
        };
        let fields = |columns: Vec<(String, Type)>| {
            let fields = columns.into_iter();
            fields.map(|(name, ty)| value::field(&name, &ty)).collect()
        };
        let columns = fields(typed_columns(&table.columns)?);
        let mut partition = typed_columns(&table.partition_columns)?;
        partition.extend(hidden_columns());
        let partition = fields(partition);
        let files = self.partitions(&store, table, name);
        let opened = Arc::new(FileTable::new(store, files, encoding, columns, partition));
        self.note(Opened::Files(Arc::clone(&opened)));
        Ok(opened)
    }
}

/// Names and types of columns that files can hold here.
fn typed_columns(columns: &[TableColumn]) -> Checked<Vec<(String, Type)>> {
    let typed = columns.iter().map(|column| {
        let ty = Type::parse(&column.ty, 0)?;
        if matches!(
            ty,
            Type::Array(_) | Type::Map(..) | Type::Row(_) | Type::Varbinary
        ) {
            let (name, ty) = (&column.name, &column.ty);
            let message = format!("column {name} of type {ty} is not read here");
            return Err(Fault::bare("NOT_SUPPORTED", message));
        }
        Ok((column.name.clone(), ty))
    });
    typed.collect()
}

/// Columns that every table over files has beside its own: which file a row is of.
///
/// Source: Trino, "Hive connector", metadata columns; Amazon Athena User Guide, `"$path"`.
pub(super) fn hidden_columns() -> [(String, Type); 4] {
    [
        ("$path".to_owned(), Type::TEXT),
        ("$file_size".to_owned(), Type::BigInt),
        ("$file_modified_time".to_owned(), Type::utc()),
        ("$partition".to_owned(), Type::TEXT),
    ]
}

/// The values of [`hidden_columns`] for a file of a partition.
fn hidden_values(
    table: &Table,
    file: &ObjectMeta,
    partition: &[String],
) -> Checked<Vec<ScalarValue>> {
    let (bucket, _) = split_location(&table.location)?;
    let values = [
        Value::str(format!("s3://{bucket}/{}", file.location)),
        Value::Int(i64::try_from(file.size).unwrap_or(i64::MAX)),
        Value::Int(file.last_modified.timestamp_millis()),
        match partition {
            [] => Value::Null,
            values => Value::str(table.partition_name(values)),
        },
    ];
    let mut scalars = Vec::new();
    for ((_, ty), value) in hidden_columns().iter().zip(values) {
        let array = value::array(ty, &[value])?;
        scalars.push(ScalarValue::try_from_array(&array, 0)?);
    }
    Ok(scalars)
}

/// The files of a table by its partitions.
struct Partitions {
    store: Arc<dyn ObjectStore>,
    table: Table,
    /// As the query finds it.
    name: String,
    now: i64,
    /// What was found, once files were asked for.
    listed: Mutex<Option<Listed>>,
}

impl fmt::Debug for Partitions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Partitions({})", self.table.location)
    }
}

/// Values as the catalog has them, and where the files lie.
type Partition = (Vec<String>, String);

impl FileList for Partitions {
    fn list<'a>(&'a self, filters: &'a [Expr]) -> BoxFuture<'a, Result<Vec<TableFile>>> {
        async move {
            let mut files = Vec::new();
            let wanted = self.wanted(filters)?;
            let mut listed = Listed {
                partitions: wanted.len(),
                first: wanted.first().map(|(_, location)| location.clone()),
                ..Listed::default()
            };
            for (values, location) in wanted {
                let scalars = self.scalars(&values)?;
                for object in list(&self.store, &self.table.location, &location).await? {
                    listed.files += 1;
                    listed.bytes += object.size;
                    let hidden = hidden_values(&self.table, &object, &values)?;
                    files.push(TableFile {
                        object,
                        partition: [scalars.as_slice(), &hidden].concat(),
                    });
                }
            }
            if let Ok(mut noted) = self.listed.lock() {
                *noted = Some(listed);
            }
            Ok(files)
        }
        .boxed()
    }
}

impl Partitions {
    fn columns(&self) -> Vec<&str> {
        self.table
            .partition_columns
            .iter()
            .map(|c| c.name.as_str())
            .collect()
    }

    fn types(&self) -> Checked<Vec<Type>> {
        let columns = self.table.partition_columns.iter();
        columns.map(|column| Type::parse(&column.ty, 0)).collect()
    }

    /// The values as their columns' types.
    fn scalars(&self, values: &[String]) -> Result<Vec<ScalarValue>> {
        let mut scalars = Vec::new();
        let columns = self.columns().into_iter().zip(self.types()?);
        for (text, (column, ty)) in values.iter().zip(columns) {
            let array = value::array(&ty, &[typed(text, &ty, column)?])?;
            scalars.push(ScalarValue::try_from_array(&array, 0)?);
        }
        Ok(scalars)
    }

    /// The partitions for which the filters may hold.
    fn wanted(&self, filters: &[Expr]) -> Result<Vec<Partition>> {
        if self.table.partition_columns.is_empty() {
            return Ok(vec![(Vec::new(), self.table.location.clone())]);
        }
        let columns = self.columns();
        let filters = unqualified(filters)?;
        if !self.table.is_projected() {
            let all = self.table.partitions.iter();
            let all = all.map(|(values, location)| (values.clone(), location.clone()));
            let places: Vec<usize> = (0..columns.len()).collect();
            return self.kept(all.collect(), &places, &filters);
        }
        // Column by column, so that a filter on one keeps the product small.
        let mut rows: Vec<Vec<String>> = vec![Vec::new()];
        for (at, column) in columns.iter().enumerate() {
            let values = projection::values(&self.table, column, self.now, &filters)?;
            let alone = values
                .into_iter()
                .map(|value| (vec![value], String::new()))
                .collect();
            let alone = self.kept(alone, &[at], &filters)?;
            if rows.len().saturating_mul(alone.len()) > PARTITIONS_MAX {
                return Err(projection::too_many().into());
            }
            let crossed = rows.iter().flat_map(|row| {
                alone
                    .iter()
                    .map(|(value, _)| [row.as_slice(), value].concat())
            });
            rows = crossed.collect();
        }
        let located = rows.into_iter().map(|values| {
            let texts: Vec<&str> = values.iter().map(String::as_str).collect();
            let location = projection::location(&self.table, &columns, &texts);
            (values, location)
        });
        let places: Vec<usize> = (0..columns.len()).collect();
        self.kept(located.collect(), &places, &filters)
    }

    /// Those that pass every filter which reads only the columns at `places`.
    fn kept(
        &self,
        partitions: Vec<Partition>,
        places: &[usize],
        filters: &[Expr],
    ) -> Result<Vec<Partition>> {
        let (columns, types) = (self.columns(), self.types()?);
        let mut fields = Vec::new();
        let mut arrays = Vec::new();
        for (nth, place) in places.iter().enumerate() {
            let values = partitions.iter();
            let values =
                values.map(|(values, _)| typed(&values[nth], &types[*place], columns[*place]));
            let values = values.collect::<Checked<Vec<_>>>()?;
            fields.push(types[*place].field(columns[*place]));
            arrays.push(value::array(&types[*place], &values)?);
        }
        let schema = Arc::new(Schema::new(fields));
        let plan_schema =
            DFSchema::from_unqualified_fields(schema.fields().clone(), HashMap::new())?;
        let batch = RecordBatch::try_new(schema, arrays)?;
        let mut mask = None;
        for filter in filters {
            let reads = filter.column_refs();
            if reads.is_empty() || !reads.iter().all(|c| plan_schema.has_column(c)) {
                continue;
            }
            let physical = create_physical_expr(
                filter,
                &plan_schema,
                &ExecutionProps::new(),
                &PhysicalPlanningContext::default(),
            )?;
            let passed = physical.evaluate(&batch)?.into_array(batch.num_rows())?;
            let passed = passed.as_boolean();
            let passed = match passed.null_count() {
                0 => passed.clone(),
                _ => prep_null_mask_filter(passed),
            };
            mask = Some(match mask {
                Some(mask) => and(&mask, &passed)?,
                None => passed,
            });
        }
        let Some(mask) = mask else {
            return Ok(partitions);
        };
        let passed = partitions.into_iter().enumerate();
        Ok(passed
            .filter(|(at, _)| mask.value(*at))
            .map(|(_, partition)| partition)
            .collect())
    }
}

fn unqualified(filters: &[Expr]) -> Result<Vec<Expr>> {
    let plain = |filter: &Expr| {
        let plain = filter.clone().transform(|expr| match expr {
            Expr::Column(column) if column.relation.is_some() => Ok(Transformed::yes(
                Expr::Column(Column::new_unqualified(column.name)),
            )),
            other => Ok(Transformed::no(other)),
        });
        plain.map(|plain| plain.data)
    };
    filters.iter().map(plain).collect()
}

/// The objects below a location, in the order of their keys; hidden ones (`_x`, `.x`) and empty
/// ones left out.
async fn list(
    store: &Arc<dyn ObjectStore>,
    table: &str,
    location: &str,
) -> Result<Vec<ObjectMeta>> {
    let (bucket, prefix) = split_location(location)?;
    if bucket != split_location(table)?.0 {
        let message = format!("partition {location} lies in another bucket than its table");
        return Err(Fault::bare("NOT_SUPPORTED", message).into());
    }
    let prefix = Path::from(prefix.as_str());
    let mut objects: Vec<ObjectMeta> = store.list(Some(&prefix)).try_collect().await?;
    objects.retain(|object| {
        let below = object.location.prefix_match(&prefix);
        let hidden =
            below.is_some_and(|mut parts| parts.any(|part| part.as_ref().starts_with(['_', '.'])));
        object.size > 0 && !hidden
    });
    objects.sort_by(|a, b| a.location.cmp(&b.location));
    Ok(objects)
}

/// The partitions that lie below a table's location in Hive's layout, `column=value/`, and a key
/// that lies there too but in no such folder.
pub(super) async fn discover(
    buckets: &Buckets,
    table: &Table,
) -> Checked<(Vec<Partition>, Option<String>)> {
    let (store, prefix) = buckets.resolve(&table.location)?;
    let prefix = Path::from(prefix.as_str());
    let listed: Result<Vec<ObjectMeta>, _> = store.list(Some(&prefix)).try_collect().await;
    let listed = listed.map_err(|error| Fault::bare("HIVE_FILESYSTEM_ERROR", error.to_string()))?;
    let mut found: Vec<Partition> = Vec::new();
    let mut other = None;
    for object in listed {
        let Some(parts) = object.location.prefix_match(&prefix) else {
            continue;
        };
        let mut values = Vec::new();
        let mut folder = table.location.trim_end_matches('/').to_owned();
        let names: Vec<String> = parts.map(|part| part.as_ref().to_owned()).collect();
        for (column, name) in table.partition_columns.iter().zip(&names) {
            let Some((key, value)) = name.split_once('=') else {
                break;
            };
            if key.to_lowercase() != column.name || names.len() <= table.partition_columns.len() {
                break;
            }
            folder = format!("{folder}/{name}");
            values.push(value.to_owned());
        }
        let partition = (values, format!("{folder}/"));
        if partition.0.len() != table.partition_columns.len() {
            other.get_or_insert_with(|| object.location.to_string());
        } else if found.last() != Some(&partition) {
            found.push(partition);
        }
    }
    found.sort();
    found.dedup();
    Ok((found, other))
}

//! `"table$partitions"`: a table of a table's partitions, a column for each partition column.
//!
//! `SELECT * FROM "flow$partitions" ORDER BY day DESC LIMIT 1` says which day is the last that a
//! query over `flow` could read; no file is opened for it.
//!
//! Source: Amazon Athena User Guide, "List partitions for a specific table"; Trino, "Hive
//! connector", metadata tables.

use std::sync::Arc;

use datafusion::arrow::datatypes::Schema;
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::datasource::{MemTable, provider_as_source};
use datafusion::logical_expr::{Expr as Plan, LogicalPlanBuilder};

use super::cast;
use super::catalog::Table;
use super::error::{Checked, Fault};
use super::plan::Planner;
use super::projection;
use super::scope::Relation;
use super::types::Type;
use super::value::{self, Value};

/// What stands behind a table's name.
pub(super) const SUFFIX: &str = "$partitions";

/// What Hive writes for NULL in the place of a partition's value.
const NULL: &str = "__HIVE_DEFAULT_PARTITION__";

/// A partition's value, as the type of its column.
///
/// # Errors
/// `HIVE_INVALID_PARTITION_VALUE` for a text that is none of the type.
pub(super) fn typed<'v>(text: &'v str, ty: &Type, column: &str) -> Checked<Value<'v>> {
    if text == NULL {
        return Ok(Value::Null);
    }
    cast::value(&Value::str(text), &Type::TEXT, ty).map_err(|_| {
        let kind = ty.simple_name().to_uppercase();
        let message =
            format!("Invalid partition value '{text}' for {kind} partition key: {column}");
        Fault::bare("HIVE_INVALID_PARTITION_VALUE", message)
    })
}

impl Planner<'_> {
    /// The partitions of a table; `None` if it has no partition columns.
    pub(super) fn partitions(
        &self,
        table: &Table,
        qualifier: &[String],
    ) -> Checked<Option<Relation>> {
        if table.partition_columns.is_empty() {
            return Ok(None);
        }
        let rows = match table.is_projected() {
            true => projection::all(table, self.now)?,
            false => table.partitions.keys().cloned().collect(),
        };
        let (mut columns, mut fields, mut arrays) = (Vec::new(), Vec::new(), Vec::new());
        for (at, known) in table.partition_columns.iter().enumerate() {
            let ty = Type::parse(&known.ty, 0)?;
            let values = rows.iter().map(|row| typed(&row[at], &ty, &known.name));
            let values = values.collect::<Checked<Vec<_>>>()?;
            let mut column = self.column(&known.name, ty.clone());
            column.qualifier = qualifier.to_vec();
            fields.push(ty.field(&column.id));
            arrays.push(value::array(&ty, &values)?);
            columns.push(column);
        }
        self.know_all(&columns);
        let schema = Arc::new(Schema::new(fields));
        let batch = RecordBatch::try_new(Arc::clone(&schema), arrays).map_err(internal)?;
        let source = provider_as_source(Arc::new(MemTable::try_new(schema, vec![vec![batch]])?));
        let plan = LogicalPlanBuilder::scan("t", source, None)?;
        let cells = columns.iter().map(|column| {
            let cell = datafusion::common::Column::new(Some("t"), &column.id);
            Plan::Column(cell).alias(&column.id)
        });
        let plan = plan.project(cells.collect::<Vec<_>>())?.build()?;
        Ok(Some(Relation { plan, columns }))
    }
}

fn internal(error: impl ToString) -> Fault {
    Fault::bare(super::error::INTERNAL, error.to_string())
}

//! `information_schema`: the catalog as tables, in every database's reach.
//!
//! `SELECT column_name FROM information_schema.columns WHERE table_name = 'flow'` lists what
//! DESCRIBE lists, with Trino's types. There are `schemata`, `tables` and `columns`.
//!
//! Source: Amazon Athena User Guide, "Querying AWS Glue Data Catalog".

use datafusion::logical_expr::{Expr as Plan, LogicalPlanBuilder, lit};

use super::catalog::CATALOG;
use super::error::{Checked, Fault};
use super::plan::Planner;
use super::scope::Relation;
use super::types::Type;

/// The database's name.
pub(super) const SCHEMA: &str = "information_schema";

/// A text or a number of a row.
enum Cell {
    Text(String),
    Number(i64),
}

fn text(text: impl Into<String>) -> Cell {
    Cell::Text(text.into())
}

impl Planner<'_> {
    /// One of its tables.
    pub(super) fn information(
        &self,
        table: &str,
        qualifier: Vec<String>,
        at: usize,
    ) -> Checked<Relation> {
        let (names, rows): (&[&str], Vec<Vec<Cell>>) = match table {
            "schemata" => {
                let names = self.catalog.databases.keys();
                let rows = names.map(|name| vec![text(CATALOG), text(name)]);
                (&["catalog_name", "schema_name"], rows.collect())
            }
            "tables" => {
                let names = &["table_catalog", "table_schema", "table_name", "table_type"];
                (names, self.information_tables())
            }
            "columns" => {
                let names = &[
                    "table_catalog",
                    "table_schema",
                    "table_name",
                    "column_name",
                    "ordinal_position",
                    "is_nullable",
                    "data_type",
                ];
                (names, self.information_columns())
            }
            _ => {
                let message = format!("Table '{CATALOG}.{SCHEMA}.{table}' does not exist");
                let fault = Fault::new("TABLE_NOT_FOUND", at, message);
                return Err(fault.with_hint("there are schemata, tables and columns"));
            }
        };
        let mut columns = Vec::new();
        for name in names {
            let ty = match *name {
                "ordinal_position" => Type::BigInt,
                _ => Type::TEXT,
            };
            let mut column = self.column(name, ty);
            column.qualifier.clone_from(&qualifier);
            columns.push(column);
        }
        self.know_all(&columns);
        // VALUES needs a row: one of nothing, which a filter takes away where there is none.
        let none = rows.is_empty();
        let plans: Vec<Vec<Plan>> = match none {
            true => vec![columns.iter().map(|c| null(&c.ty)).collect()],
            false => rows
                .into_iter()
                .map(|row| row.into_iter().map(cell).collect())
                .collect(),
        };
        let plan = LogicalPlanBuilder::values(plans)?.build()?;
        let cells = plan.schema().columns().into_iter().map(Plan::Column);
        let cells = cells
            .zip(&columns)
            .map(|(cell, column)| cell.alias(&column.id));
        let cells: Vec<Plan> = cells.collect();
        let mut plan = LogicalPlanBuilder::new(plan);
        if none {
            plan = plan.filter(lit(false))?;
        }
        Ok(Relation {
            plan: plan.project(cells)?.build()?,
            columns,
        })
    }

    fn information_tables(&self) -> Vec<Vec<Cell>> {
        let mut rows = Vec::new();
        for (schema, database) in &self.catalog.databases {
            let tables = database.tables.keys().map(|name| (name, "BASE TABLE"));
            let mut named: Vec<(&String, &str)> = tables.collect();
            named.extend(database.views.keys().map(|name| (name, "VIEW")));
            named.sort();
            for (name, kind) in named {
                rows.push(vec![text(CATALOG), text(schema), text(name), text(kind)]);
            }
        }
        rows
    }

    /// The columns of tables; a view's are those of its query, if that still stands.
    fn information_columns(&self) -> Vec<Vec<Cell>> {
        let mut rows = Vec::new();
        for (schema, database) in &self.catalog.databases {
            let mut add = |name: &str, columns: Vec<(String, Type)>| {
                for (at, (column, ty)) in columns.into_iter().enumerate() {
                    rows.push(vec![
                        text(CATALOG),
                        text(schema),
                        text(name),
                        text(column),
                        Cell::Number(at as i64 + 1),
                        text("YES"),
                        text(ty.to_string()),
                    ]);
                }
            };
            for (name, table) in &database.tables {
                let columns = table.all_columns();
                let columns = columns.filter_map(|column| {
                    Some((column.name.clone(), Type::parse(&column.ty, 0).ok()?))
                });
                add(name, columns.collect());
            }
            for (name, view) in &database.views {
                let qualifier = vec![CATALOG.to_owned(), schema.clone(), name.clone()];
                let columns = self.view(view.sql(), &view.database, qualifier, 0);
                let columns = columns.map(|relation| relation.columns).unwrap_or_default();
                add(name, columns.into_iter().map(|c| (c.name, c.ty)).collect());
            }
        }
        rows
    }
}

fn null(ty: &Type) -> Plan {
    cell(match ty {
        Type::BigInt => Cell::Number(0),
        _ => text(""),
    })
}

fn cell(cell: Cell) -> Plan {
    match cell {
        Cell::Text(text) => super::literals::text(&text).expr,
        Cell::Number(number) => lit(number),
    }
}

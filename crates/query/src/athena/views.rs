//! The columns of views for DESCRIBE and SHOW COLUMNS, which Athena answers as it does for tables.
//!
//! Athena keeps them in the Glue Data Catalog with Hive's types, `string` for `varchar`; here they
//! are those of the view's query, if that still stands.
//!
//! Source: Amazon Athena User Guide, "DESCRIBE VIEW", "SHOW COLUMNS", "Data types in Amazon
//! Athena".

use super::catalog::{Table, TableColumn, TableFormat, View};
use super::error::Checked;
use super::plan::Planner;
use super::statement::TableName;
use super::types::Type;

impl Planner<'_> {
    /// A view as a table with its columns.
    pub(super) fn view_as_table(&self, name: &TableName, view: &View) -> Checked<Table> {
        let relation = self.view(view.sql(), &view.database, vec![name.name.clone()], 0)?;
        let columns = relation.columns.iter().map(|column| TableColumn {
            name: column.name.clone(),
            ty: hive(&column.ty),
            comment: None,
        });
        Ok(Table {
            columns: columns.collect(),
            partition_columns: Vec::new(),
            format: TableFormat::Logs,
            location: String::new(),
            comment: None,
            properties: Default::default(),
            partitions: Default::default(),
        })
    }
}

/// Hive's name of a type.
fn hive(ty: &Type) -> String {
    match ty {
        Type::Integer => "int".to_owned(),
        Type::Real => "float".to_owned(),
        Type::Varchar(None) => "string".to_owned(),
        Type::Varbinary => "binary".to_owned(),
        Type::Timestamp => "timestamp".to_owned(),
        Type::Array(item) => format!("array<{}>", hive(item)),
        Type::Map(key, value) => format!("map<{},{}>", hive(key), hive(value)),
        Type::Row(fields) => {
            let fields = fields.iter().enumerate().map(|(at, (name, ty))| {
                let unnamed = format!("field{at}");
                let name = name.as_ref().unwrap_or(&unnamed);
                format!("{name}:{}", hive(ty))
            });
            format!("struct<{}>", fields.collect::<Vec<_>>().join(","))
        }
        other => other.to_string(),
    }
}

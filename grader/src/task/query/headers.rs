//! Tables over text files whose first lines are read as rows.
//!
//! A condition such as `log_status = 'OK'` leaves them out of one answer, and `count(*)` has them
//! in the next: an answer that is right over a table that is not is remarked on.

use wirelab_query::athena::{AthenaCatalog, AthenaOptions, Buckets, Table, TableFormat};
use wirelab_query::blocking;

/// A remark for each table that has such rows.
pub(super) fn remarks(
    catalog: &AthenaCatalog,
    buckets: &Buckets,
    options: &AthenaOptions,
) -> Vec<String> {
    let databases = catalog.databases.iter();
    let tables = databases.flat_map(|(database, it)| {
        let tables = it.tables.iter();
        tables.map(move |(name, table)| (database, name, table))
    });
    let mut remarks = Vec::new();
    for (database, name, table) in tables {
        let Some(condition) = is_header(table) else {
            continue;
        };
        let sql = format!("SELECT count(*) FROM \"{database}\".\"{name}\" WHERE {condition}");
        let mut copy = catalog.clone();
        let Ok(answer) = blocking::athena(&sql, &mut copy, buckets, options) else {
            continue;
        };
        let count = answer.rows.first().and_then(|row| row.first()?.clone());
        if let Some(rows) = count.filter(|count| count != "0") {
            remarks.push(format!(
                "{rows} rows of {name} are the first lines of files, the names of the fields: \
                 this query leaves them out, the next may not; 'skip.header.line.count' = '1' \
                 in TBLPROPERTIES does so for all"
            ));
        }
    }
    remarks
}

/// That a text column holds its own name.
fn is_header(table: &Table) -> Option<String> {
    if !matches!(table.format, TableFormat::Text { .. }) || table.header_lines() > 0 {
        return None;
    }
    let mut columns = table.columns.iter();
    let column = columns.find(|column| column.ty == "string" && column.name.contains('_'));
    let name = &column
        .or_else(|| table.columns.iter().find(|it| it.ty == "string"))?
        .name;
    Some(format!("replace(\"{name}\", '-', '_') = '{name}'"))
}

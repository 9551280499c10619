//! `GetQueryResults`: rows page by page, the names of the columns as the first row of a query's.

use serde_json::{Value, json};
use wirelab_model::ApiError;
use wirelab_query::athena::{AthenaColumn, AthenaResult, StatementType};

use super::execution::{id_of, with};
use super::{invalid, only, text};
use crate::service::Request;

/// Rows on a page at most.
const PAGE: u64 = 1000;

pub(super) fn get(request: &Request<'_>) -> Result<Value, ApiError> {
    let known = ["QueryExecutionId", "NextToken", "MaxResults"];
    only(request.action, &request.parameters, &known)?;
    let limit = request.parameters.get("MaxResults").and_then(Value::as_u64);
    let limit = limit.unwrap_or(PAGE);
    if limit > PAGE {
        return Err(invalid(format!(
            "MaxResults is more than maximum allowed length {PAGE}."
        )));
    }
    let from = text(request, "NextToken").map(|it| it.parse::<usize>());
    let from = from.transpose().map_err(|_| invalid("Invalid NextToken"))?;
    with(request, id_of(request), |it| {
        let done = it.done();
        let result = done.as_ref().and_then(|it| it.value.as_ref().as_ref().ok());
        match (it.state(), result) {
            ("SUCCEEDED", Some(result)) => Ok(shown(result, from.unwrap_or(0), limit as usize)),
            (state @ ("QUEUED" | "RUNNING"), _) => Err(invalid(format!(
                "Query has not yet finished. Current state: {state}"
            ))),
            (state, _) => Err(invalid(format!(
                "Query did not finish successfully. Final query state: {state}"
            ))),
        }
    })
}

/// Rows `from` on, where the names of a query's columns are row 0.
fn shown(result: &AthenaResult, from: usize, limit: usize) -> Value {
    let value = |it: Option<&str>| match it {
        Some(text) => json!({ "VarCharValue": text }),
        None => json!({}),
    };
    let has_names = result.statement == StatementType::Dml;
    let names = has_names.then(|| -> Vec<Value> {
        let names = result.columns.iter();
        names.map(|it| value(Some(it.name.as_str()))).collect()
    });
    let rows = result.rows.iter();
    let rows = rows.map(|row| row.iter().map(|it| value(it.as_deref())).collect());
    let count = result.rows.len() + usize::from(has_names);
    let until = from.saturating_add(limit).min(count);
    let all = names.into_iter().chain(rows).skip(from).take(limit);
    let rows: Vec<Value> = all.map(|data| json!({ "Data": data })).collect();
    json!({
        "UpdateCount": 0,
        "ResultSet": {
            "Rows": rows,
            "ResultSetMetadata": {
                "ColumnInfo": result.columns.iter().map(column).collect::<Vec<_>>(),
            },
        },
        "NextToken": (until < count).then(|| until.to_string()),
    })
}

/// What a result's `.metadata` object holds: its columns. AWS's is binary, and not described.
pub(super) fn metadata(result: &AthenaResult) -> String {
    let columns: Vec<Value> = result.columns.iter().map(column).collect();
    json!({ "ColumnInfo": columns }).to_string()
}

fn column(it: &AthenaColumn) -> Value {
    json!({
        "CatalogName": "hive",
        "SchemaName": "",
        "TableName": "",
        "Name": it.name,
        "Label": it.name,
        "Type": it.ty,
        "Precision": it.precision,
        "Scale": it.scale,
        "Nullable": "UNKNOWN",
        "CaseSensitive": matches!(it.ty.as_str(), "varchar" | "char"),
    })
}

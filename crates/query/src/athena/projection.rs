//! Partition projection: partitions that are computed from a table's properties.
//!
//! `projection.day.type` = `date` with `range` `2024/03/01,NOW` and `format` `yyyy/MM/dd` stands
//! for a partition for each day; `storage.location.template` says where each lies.
//!
//! Source: Amazon Athena User Guide, "Supported types for partition projection".

use datafusion::common::ScalarValue;
use datafusion::logical_expr::{Expr, Operator};

use super::catalog::Table;
use super::error::{Checked, Fault};
use super::functions::{added, civil, joda_parse, joda_print};

/// Partitions that a query may have to look at.
pub(super) const PARTITIONS_MAX: usize = 1_000_000;
/// So many steps of an interval, of which many may give one value.
const STEPS_MAX: i64 = 4_000_000;

fn wrong(message: String) -> Fault {
    Fault::bare("INVALID_TABLE_PROPERTY", message)
}

/// The values of one projected column, in order; for an injected one those that the filters name.
pub(super) fn values(
    table: &Table,
    column: &str,
    now: i64,
    filters: &[Expr],
) -> Checked<Vec<String>> {
    let property = |name: &str| table.properties.get(&format!("projection.{column}.{name}"));
    let required = |name: &str| {
        property(name).ok_or_else(|| {
            wrong(format!("Table property projection.{column}.{name} is missing: every partition column of a projected table needs its own"))
        })
    };
    match required("type")?.to_lowercase().as_str() {
        "enum" => {
            let values = required("values")?.split(',');
            Ok(values.map(|value| value.trim().to_owned()).collect())
        }
        "integer" => {
            let (from, to) = range(required("range")?)?;
            let number = |text: &str| {
                text.parse::<i64>().map_err(|_| {
                    wrong(format!("projection.{column}.range: '{text}' is no integer"))
                })
            };
            let (from, to) = (number(from)?, number(to)?);
            let step = property("interval")
                .map_or(Ok(1), |text| number(text))?
                .max(1);
            let digits: usize = property("digits").and_then(|d| d.parse().ok()).unwrap_or(0);
            if (i128::from(to) - i128::from(from)) / i128::from(step) > PARTITIONS_MAX as i128 {
                return Err(wrong(format!(
                    "projection.{column}.range has too many values"
                )));
            }
            let mut values = Vec::new();
            let mut next = Some(from);
            while let Some(value) = next.filter(|value| *value <= to) {
                values.push(format!("{value:0digits$}"));
                next = value.checked_add(step);
            }
            Ok(values)
        }
        "date" => dates(table, column, now),
        "injected" => {
            let found = named(column, filters);
            found.ok_or_else(|| {
                Fault::bare("CONSTRAINT_VIOLATION", format!("For the injected projected partition column {column}, the WHERE clause must contain only static equality conditions, and at least one such condition must be present."))
            })
        }
        other => Err(wrong(format!(
            "projection.{column}.type '{other}' is none of enum, integer, date, injected"
        ))),
    }
}

/// The values of all partitions, in order.
pub(super) fn all(table: &Table, now: i64) -> Checked<Vec<Vec<String>>> {
    let mut rows: Vec<Vec<String>> = vec![Vec::new()];
    for column in &table.partition_columns {
        let values = values(table, &column.name, now, &[])?;
        if rows.len().saturating_mul(values.len()) > PARTITIONS_MAX {
            return Err(too_many());
        }
        let crossed = rows.iter().flat_map(|row| {
            let longer = values.iter().cloned();
            longer.map(|value| [row.as_slice(), &[value]].concat())
        });
        rows = crossed.collect();
    }
    Ok(rows)
}

/// More partitions than a query may have to look at.
pub(super) fn too_many() -> Fault {
    let message = "the table's projection has too many partitions for this query";
    Fault::bare("CONSTRAINT_VIOLATION", message)
}

fn range(text: &str) -> Checked<(&str, &str)> {
    let parts = text
        .split_once(',')
        .map(|(from, to)| (from.trim(), to.trim()));
    parts.ok_or_else(|| {
        wrong(format!(
            "a projection's range is two values with a comma: '{text}'"
        ))
    })
}

fn dates(table: &Table, column: &str, now: i64) -> Checked<Vec<String>> {
    let property = |name: &str| table.properties.get(&format!("projection.{column}.{name}"));
    let missing = |name: &str| {
        wrong(format!(
            "Table property projection.{column}.{name} is missing"
        ))
    };
    let format = property("format").ok_or_else(|| missing("format"))?;
    let (from, to) = range(property("range").ok_or_else(|| missing("range"))?)?;
    let bound = |text: &str| match text.strip_prefix("NOW") {
        Some(shift) => shifted(now, shift),
        None => joda_parse(text, format).map_err(|_| {
            wrong(format!(
                "projection.{column}.range: '{text}' is not of the format '{format}'"
            ))
        }),
    };
    let (from, to) = (bound(from)?, bound(to)?);
    let unit = match property("interval.unit") {
        Some(unit) => unit_name(unit)?,
        None => finest(format),
    };
    let interval = property("interval").map_or(Some(1), |text| text.trim().parse::<i64>().ok());
    let interval = interval.filter(|n| *n > 0);
    let interval = interval.ok_or_else(|| {
        wrong(format!(
            "projection.{column}.interval must be a positive integer"
        ))
    })?;
    let too_many = || wrong(format!("projection.{column}.range has too many values"));
    if added(from, unit, interval.saturating_mul(STEPS_MAX)).is_ok_and(|at| at <= to) {
        return Err(too_many());
    }
    let mut values: Vec<String> = Vec::new();
    let mut count = 0;
    loop {
        let at = added(from, unit, count)?;
        if at > to {
            return Ok(values);
        }
        let text = joda_print(&civil(at)?, format)?;
        if values.last() != Some(&text) {
            values.push(text);
        }
        count += interval;
        if values.len() > PARTITIONS_MAX {
            return Err(too_many());
        }
    }
}

/// `-3YEARS`, `+1 DAY` or nothing, from now.
fn shifted(now: i64, shift: &str) -> Checked<i64> {
    let shift = shift.trim();
    if shift.is_empty() {
        return Ok(now);
    }
    let wrong = || {
        wrong(format!(
            "'NOW{shift}' is no relative date such as NOW-3YEARS"
        ))
    };
    let end = shift
        .find(|c: char| c.is_ascii_alphabetic())
        .ok_or_else(wrong)?;
    let count: i64 = shift[..end].replace(' ', "").parse().map_err(|_| wrong())?;
    added(now, unit_name(shift[end..].trim())?, count)
}

fn unit_name(text: &str) -> Checked<&'static str> {
    let units = ["year", "month", "week", "day", "hour", "minute", "second"];
    let text = text.to_lowercase();
    let found = units
        .into_iter()
        .find(|unit| text.trim_end_matches('s') == *unit);
    found.ok_or_else(|| wrong(format!("'{text}' is no unit of a projection's interval")))
}

/// The step of a format without an interval: its finest field.
fn finest(format: &str) -> &'static str {
    let fields = [
        ('s', "second"),
        ('m', "minute"),
        ('H', "hour"),
        ('d', "day"),
        ('M', "month"),
    ];
    let found = fields
        .into_iter()
        .find(|(letter, _)| format.contains(*letter));
    found.map_or("year", |(_, unit)| unit)
}

/// The literals that `column = 'x'` or `column IN (…)` name in the conjunction of filters.
fn named(column: &str, filters: &[Expr]) -> Option<Vec<String>> {
    filters.iter().find_map(|filter| literals(column, filter))
}

fn literals(column: &str, filter: &Expr) -> Option<Vec<String>> {
    let is_column = |expr: &Expr| matches!(expr, Expr::Column(c) if c.name == column);
    match filter {
        Expr::BinaryExpr(binary) => match binary.op {
            Operator::Eq if is_column(&binary.left) => text(&binary.right).map(|text| vec![text]),
            Operator::Eq if is_column(&binary.right) => text(&binary.left).map(|text| vec![text]),
            Operator::And => {
                literals(column, &binary.left).or_else(|| literals(column, &binary.right))
            }
            Operator::Or => {
                let mut all = literals(column, &binary.left)?;
                all.extend(literals(column, &binary.right)?);
                Some(all)
            }
            _ => None,
        },
        Expr::InList(list) if !list.negated && is_column(&list.expr) => {
            list.list.iter().map(text).collect()
        }
        _ => None,
    }
}

fn text(expr: &Expr) -> Option<String> {
    match expr {
        Expr::Literal(ScalarValue::Utf8View(text) | ScalarValue::Utf8(text), _) => text.clone(),
        Expr::Literal(value, _) if !value.is_null() => Some(value.to_string()),
        _ => None,
    }
}

/// Where a projected partition lies.
pub(super) fn location(table: &Table, columns: &[&str], values: &[&str]) -> String {
    match table.properties.get("storage.location.template") {
        Some(template) => {
            let mut location = template.clone();
            for (column, value) in columns.iter().zip(values) {
                location = location.replace(&format!("${{{column}}}"), value);
            }
            location
        }
        None => {
            let parts: Vec<String> = columns
                .iter()
                .zip(values)
                .map(|(column, value)| format!("{column}={value}"))
                .collect();
            format!(
                "{}/{}/",
                table.location.trim_end_matches('/'),
                parts.join("/")
            )
        }
    }
}

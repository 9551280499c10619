//! Answers in the printed forms of Athena: all values are texts, NULL is none.

use datafusion::arrow::temporal_conversions::timestamp_ms_to_datetime;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json, json};

use super::functions::{moment_and_zone, print_address, print_prefix, zone_offset};
use super::types::Type;
use super::value::Value;
use crate::{Column, ColumnKind, QueryResult, Statistics};

/// The group of a statement: `StatementType` of the API.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum StatementType {
    /// Changes the catalog.
    Ddl,
    /// Reads data.
    Dml,
    /// Tells about the catalog, or explains a query.
    Utility,
}

/// One column of an answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AthenaColumn {
    /// The alias or the column's name; `_col0`, `_col1` … where there is none.
    pub name: String,
    /// Trino's name of the type without parameters, such as `varchar`: `Type` of `ColumnInfo`.
    #[serde(rename = "type")]
    pub ty: String,
    /// Digits of a decimal, longest text of a varchar, else the API's constant of the type.
    pub precision: u32,
    /// Digits behind the point.
    pub scale: u32,
}

/// What a statement answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AthenaResult {
    /// DDL, DML or UTILITY.
    pub statement: StatementType,
    /// Such as `SELECT` or `CREATE_TABLE`: `SubstatementType` of the API.
    pub substatement: &'static str,
    /// Without a value for statements that answer nothing.
    pub columns: Vec<AthenaColumn>,
    /// One value a column; `None` is NULL.
    pub rows: Vec<Vec<Option<String>>>,
    /// Bytes read from the buckets: `DataScannedInBytes`.
    pub bytes_scanned: u64,
    /// What may have been meant otherwise, in sentences for a person: a table without a file, say.
    /// Athena has no such thing.
    pub notes: Vec<String>,
}

impl AthenaResult {
    /// The result file `<id>.csv` of a SELECT: every value in double quotes, NULL empty, names
    /// first. For other statements the text of `<id>.txt`: values with tabs between, no names.
    #[must_use]
    pub fn to_file(&self) -> String {
        if self.statement != StatementType::Dml {
            let line = |row: &Vec<Option<String>>| {
                let values: Vec<&str> = row
                    .iter()
                    .map(|v| v.as_deref().unwrap_or_default())
                    .collect();
                values.join("\t") + "\n"
            };
            return self.rows.iter().map(line).collect();
        }
        let quoted = |value: &str| format!("\"{}\"", value.replace('"', "\"\""));
        let names: Vec<String> = self.columns.iter().map(|c| quoted(&c.name)).collect();
        let mut csv = names.join(",") + "\n";
        for row in &self.rows {
            let values: Vec<String> = row
                .iter()
                .map(|value| value.as_deref().map(quoted).unwrap_or_default())
                .collect();
            csv.push_str(&values.join(","));
            csv.push('\n');
        }
        csv
    }

    /// The answer as one of an Insights query, to be printed as a table or drawn: numbers are
    /// numbers.
    #[must_use]
    pub fn to_query_result(&self) -> QueryResult {
        let kind = |column: &AthenaColumn| match column.ty.as_str() {
            "tinyint" | "smallint" | "integer" | "bigint" | "real" | "double" | "decimal" => {
                ColumnKind::Number
            }
            "timestamp" | "timestamp with time zone" => ColumnKind::Time,
            "boolean" => ColumnKind::Bool,
            "array" | "map" | "row" => ColumnKind::Structure,
            _ => ColumnKind::Text,
        };
        let columns = self.columns.iter().map(|column| Column {
            name: column.name.clone(),
            kind: kind(column),
        });
        QueryResult {
            rows: self.rows.clone(),
            columns: columns.collect(),
            events: None,
            statistics: Statistics {
                bytes_scanned: self.bytes_scanned,
                ..Statistics::default()
            },
            warnings: Vec::new(),
        }
    }

    /// An object: `statement`, `substatement`, `columns`, `rows` (arrays of texts and nulls),
    /// `bytes_scanned`, `notes`.
    #[must_use]
    pub fn to_json(&self) -> Json {
        json!({
            "statement": self.statement,
            "substatement": self.substatement,
            "columns": self.columns,
            "rows": self.rows,
            "bytes_scanned": self.bytes_scanned,
            "notes": self.notes,
        })
    }
}

impl AthenaColumn {
    pub(super) fn new(name: &str, ty: &Type) -> Self {
        let (precision, scale) = match ty {
            Type::TinyInt => (3, 0),
            Type::SmallInt => (5, 0),
            Type::Integer => (10, 0),
            Type::BigInt => (19, 0),
            Type::Real | Type::Double => (17, 0),
            Type::Decimal(precision, scale) => (u32::from(*precision), (*scale).max(0) as u32),
            Type::Varchar(Some(length)) => (u32::try_from(*length).unwrap_or(u32::MAX), 0),
            Type::Varchar(None) => (i32::MAX as u32, 0),
            Type::Timestamp | Type::TimestampTz(_) | Type::Zoned | Type::Time => (3, 0),
            _ => (0, 0),
        };
        Self {
            name: name.to_owned(),
            ty: ty.simple_name().to_owned(),
            precision,
            scale,
        }
    }
}

/// A value as the API prints it and as CAST to varchar makes it.
pub(super) fn print(value: &Value<'_>, ty: &Type) -> Option<String> {
    Some(match (value, ty) {
        (Value::Null, _) => return None,
        (Value::Bool(v), _) => v.to_string(),
        (Value::Int(v), Type::Date) => print_date(*v),
        (Value::Int(v), Type::Timestamp) => print_clock(*v),
        (Value::Int(v), Type::TimestampTz(_) | Type::Zoned) => {
            let (moment, zone) = moment_and_zone(ty, *v);
            let clock = moment.saturating_add(zone_offset(&zone, moment).unwrap_or(0));
            format!("{} {zone}", print_clock(clock))
        }
        (Value::Int(v), Type::Time) => print_clock(*v)[11..].to_owned(),
        (Value::Int(v), Type::DayTime) => print_day_time(*v),
        (Value::Int(v), Type::YearMonth) => {
            let sign = if *v < 0 { "-" } else { "" };
            format!("{sign}{}-{}", v.abs() / 12, v.abs() % 12)
        }
        (Value::Int(v), _) => v.to_string(),
        (Value::Float(v), Type::Real) => print_real(*v as f32),
        (Value::Float(v), _) => print_double(*v),
        (Value::Decimal(v), Type::Decimal(_, scale)) => print_decimal(*v, *scale),
        (Value::Decimal(v), _) => v.to_string(),
        (Value::Text(v), _) => v.to_string(),
        (Value::Bytes(v), Type::IpAddress) => print_address(v),
        (Value::Bytes(v), Type::IpPrefix) => print_prefix(v),
        (Value::Bytes(v), _) => {
            let bytes: Vec<String> = v.iter().map(|byte| format!("{byte:02x}")).collect();
            bytes.join(" ")
        }
        (Value::List(items), Type::Array(item)) => {
            format!(
                "[{}]",
                joined(items.iter().map(|value| nested(value, item)))
            )
        }
        (Value::List(items), Type::Row(fields)) => {
            let fields = named(items, fields);
            let fields = fields.map(|(name, value, ty)| format!("{name}={}", nested(value, ty)));
            format!("{{{}}}", joined(fields))
        }
        (Value::List(_), _) => return None,
        (Value::Map(entries), Type::Map(key, item)) => {
            let entries = entries
                .iter()
                .map(|(k, v)| format!("{}={}", nested(k, key), nested(v, item)));
            format!("{{{}}}", joined(entries))
        }
        (Value::Map(_), _) => return None,
    })
}

/// The values of a row with the names and types of its fields; one without a name is `field0` and
/// so on.
fn named<'a, 'v>(
    items: &'a [Value<'v>],
    fields: &'a [(Option<String>, Type)],
) -> impl Iterator<Item = (String, &'a Value<'v>, &'a Type)> {
    let items = items.iter().zip(fields).enumerate();
    items.map(|(i, (value, (name, ty)))| {
        let name = name.clone().unwrap_or_else(|| format!("field{i}"));
        (name, value, ty)
    })
}

fn joined(parts: impl Iterator<Item = String>) -> String {
    parts.collect::<Vec<_>>().join(", ")
}

fn nested(value: &Value<'_>, ty: &Type) -> String {
    print(value, ty).unwrap_or_else(|| "null".to_owned())
}

/// `2021-07-01`.
pub(super) fn print_date(days: i64) -> String {
    print_clock(days.saturating_mul(86_400_000))[..]
        .split(' ')
        .next()
        .unwrap_or_default()
        .to_owned()
}

/// `2021-07-01 00:00:00.000`.
fn print_clock(millis: i64) -> String {
    match super::functions::civil(millis) {
        Ok(t) => format!(
            "{:04}-{:02}-{:02} {:02}:{:02}:{:02}.{:03}",
            t.year(),
            t.month(),
            t.day(),
            t.hour(),
            t.minute(),
            t.second(),
            t.millisecond()
        ),
        Err(_) => print_far(millis),
    }
}

/// `+56145-03-05 00:00:00.000`: a year of more than four digits has its sign, as in Java.
fn print_far(millis: i64) -> String {
    let clock = timestamp_ms_to_datetime(millis);
    clock.map_or_else(
        || millis.to_string(),
        |clock| clock.format("%Y-%m-%d %H:%M:%S%.3f").to_string(),
    )
}

/// Whether a value is a moment as far away as milliseconds are that were taken for seconds.
pub(super) fn is_far(value: &Value<'_>, ty: &Type) -> bool {
    match (value, ty) {
        (Value::Int(v), Type::Timestamp | Type::TimestampTz(_) | Type::Zoned) => {
            super::functions::civil(moment_and_zone(ty, *v).0).is_err()
        }
        _ => false,
    }
}

/// `7 00:00:00.000`.
fn print_day_time(millis: i64) -> String {
    let (sign, rest) = (if millis < 0 { "-" } else { "" }, millis.unsigned_abs());
    let (days, rest) = (rest / 86_400_000, rest % 86_400_000);
    let (hours, minutes) = (rest / 3_600_000, rest / 60_000 % 60);
    let (seconds, millis) = (rest / 1000 % 60, rest % 1000);
    format!("{sign}{days} {hours:02}:{minutes:02}:{seconds:02}.{millis:03}")
}

/// As Java prints a double: `0.5`, `1.0E10`, `1.0E-4`.
pub(super) fn print_double(number: f64) -> String {
    java(number, &format!("{number:?}"), &format!("{number:e}"))
}

fn print_real(number: f32) -> String {
    java(
        f64::from(number),
        &format!("{number:?}"),
        &format!("{number:e}"),
    )
}

fn java(number: f64, plain: &str, scientific: &str) -> String {
    if number.is_nan() {
        return "NaN".to_owned();
    }
    if number.is_infinite() {
        return if number > 0.0 {
            "Infinity"
        } else {
            "-Infinity"
        }
        .to_owned();
    }
    if number == 0.0 || (1e-3..1e7).contains(&number.abs()) {
        return plain.to_owned();
    }
    let (digits, exponent) = scientific.split_once('e').unwrap_or((scientific, "0"));
    let point = if digits.contains('.') { "" } else { ".0" };
    format!("{digits}{point}E{exponent}")
}

pub(super) fn print_decimal(number: i128, scale: i8) -> String {
    let scale = usize::try_from(scale).unwrap_or(0);
    if scale == 0 {
        return number.to_string();
    }
    let sign = if number < 0 { "-" } else { "" };
    let digits = format!("{:0>width$}", number.unsigned_abs(), width = scale + 1);
    let (whole, fraction) = digits.split_at(digits.len() - scale);
    format!("{sign}{whole}.{fraction}")
}

/// The digits of a decimal text, and how many stand behind its point.
pub(super) fn parse_decimal(text: &str) -> Option<(i128, i8)> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = format!("{whole}{fraction}");
    let body = digits.trim_start_matches(['+', '-']);
    if body.is_empty() || digits.len() - body.len() > 1 || body.len() > 38 {
        return None;
    }
    Some((digits.parse().ok()?, i8::try_from(fraction.len()).ok()?))
}

/// A value as JSON.
pub(super) fn json(value: &Value<'_>, ty: &Type) -> Json {
    match (value, ty) {
        (Value::Null, _) => Json::Null,
        (Value::Bool(v), _) => Json::Bool(*v),
        (Value::Int(v), ty) if ty.is_integer() => json!(v),
        (Value::Float(v), _) => json!(v),
        (Value::Text(v), Type::Json) => serde_json::from_str(v).unwrap_or(Json::Null),
        (Value::List(items), Type::Array(item)) => {
            Json::Array(items.iter().map(|value| json(value, item)).collect())
        }
        (Value::List(items), Type::Row(fields)) => {
            let fields = named(items, fields).map(|(name, value, ty)| (name, json(value, ty)));
            Json::Object(fields.collect::<Map<_, _>>())
        }
        (Value::Map(entries), Type::Map(key, item)) => {
            let entries = entries.iter().map(|(k, v)| (nested(k, key), json(v, item)));
            let mut entries: Vec<(String, Json)> = entries.collect();
            entries.sort_by(|(a, _), (b, _)| a.cmp(b));
            Json::Object(entries.into_iter().collect::<Map<_, _>>())
        }
        (value, ty) => Json::String(nested(value, ty)),
    }
}

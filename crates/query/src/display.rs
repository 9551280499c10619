//! Results as a table, CSV and JSON.

use serde_json::{Map, Value, json};

use crate::{Column, ColumnKind, QueryResult};

/// Version of the JSON form's layout.
const SCHEMA_VERSION: u64 = 1;

impl QueryResult {
    /// A table aligned by column: numbers to the right, the rest to the left, two spaces between,
    /// a rule under the names. A missing value is blank. Ends with a line end.
    #[must_use]
    pub fn to_table(&self) -> String {
        let names: Vec<_> = self.columns.iter().map(|c| c.name.as_str()).collect();
        let cell = |value: &Option<String>| {
            visible(&value.as_deref().unwrap_or_default().replace('\n', " "))
        };
        let cells: Vec<Vec<String>> = self
            .rows
            .iter()
            .map(|row| row.iter().map(cell).collect())
            .collect();
        let widths: Vec<usize> = (0..names.len())
            .map(|i| {
                let longest = cells.iter().map(|row| width(&row[i])).max().unwrap_or(0);
                longest.max(width(names[i]))
            })
            .collect();
        let right: Vec<bool> = (0..names.len()).map(|i| self.is_numeric(i)).collect();
        let mut table = String::new();
        push_line(&mut table, names.iter().copied(), &widths, &right);
        let rules: Vec<String> = widths.iter().map(|width| "-".repeat(*width)).collect();
        push_line(
            &mut table,
            rules.iter().map(String::as_str),
            &widths,
            &right,
        );
        for row in &cells {
            push_line(&mut table, row.iter().map(String::as_str), &widths, &right);
        }
        table
    }

    /// Whether every value of a column is a number, whatever its kind: ports are text.
    fn is_numeric(&self, column: usize) -> bool {
        if self.columns[column].kind == ColumnKind::Number {
            return true;
        }
        let mut values = self.rows.iter().filter_map(|row| row[column].as_deref());
        let number = |value: &str| value == "-" || value.parse::<f64>().is_ok_and(f64::is_finite);
        values.clone().any(|value| value != "-") && values.all(number)
    }

    /// RFC 4180 with `\n` as line end: names, then rows. A missing value is empty.
    #[must_use]
    pub fn to_csv(&self) -> String {
        let names = self.columns.iter().map(|column| Some(column.name.as_str()));
        let mut csv = csv_line(names);
        for row in &self.rows {
            csv.push_str(&csv_line(row.iter().map(Option::as_deref)));
        }
        csv
    }

    /// An object: `schema_version`, `columns` (name, kind), `rows` (one object a row, missing
    /// fields and NULL absent, numbers and truth values as such, the rest as strings; a discovered
    /// field is text even if it looks like a number), `statistics`, `warnings`. Of two columns of
    /// the same name the second is called `name (2)`.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let columns = self.distinct_columns();
        let rows: Vec<Value> = self
            .rows
            .iter()
            .map(|row| row_object(&columns, row))
            .collect();
        let warnings: Vec<Value> = self
            .warnings
            .iter()
            .map(|w| {
                json!({ "message": w.message, "start": w.place.start, "end": w.place.end,
                        "hint": w.hint })
            })
            .collect();
        json!({
            "schema_version": SCHEMA_VERSION,
            "columns": columns,
            "rows": rows,
            "statistics": self.statistics,
            "warnings": warnings,
        })
    }

    /// The columns under names of which each is there once.
    fn distinct_columns(&self) -> Vec<Column> {
        let mut columns: Vec<Column> = Vec::with_capacity(self.columns.len());
        for column in &self.columns {
            let is_new = |name: &str| columns.iter().all(|known| known.name != name);
            let mut name = column.name.clone();
            for number in 2.. {
                if is_new(&name) {
                    break;
                }
                name = format!("{} ({number})", column.name);
            }
            let kind = column.kind;
            columns.push(Column { name, kind });
        }
        columns
    }
}

fn row_object(columns: &[Column], row: &[Option<String>]) -> Value {
    let present = columns.iter().zip(row).filter_map(|(column, value)| {
        let value = value.clone()?;
        let plain = match (column.kind, value.as_str()) {
            (ColumnKind::Number, number) => serde_json::from_str(number).ok().map(Value::Number),
            (ColumnKind::Bool, "true") => Some(Value::Bool(true)),
            (ColumnKind::Bool, "false") => Some(Value::Bool(false)),
            (ColumnKind::Bool, number) => serde_json::from_str(number).ok().map(Value::Number),
            _ => None,
        };
        let value = plain.unwrap_or(Value::String(value));
        Some((column.name.clone(), value))
    });
    Value::Object(present.collect::<Map<_, _>>())
}

/// The text for a terminal: control characters, with which a log could move the cursor, clear the
/// screen or turn text around, as JSON escapes them. Line ends stay.
#[must_use]
pub fn visible(text: &str) -> String {
    let hidden = |c: char| {
        let marks = matches!(c, '\u{200e}' | '\u{200f}');
        let turns = marks || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        turns || (c.is_control() && c != '\n')
    };
    if !text.contains(hidden) {
        return text.to_owned();
    }
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\t' => shown.push_str("\\t"),
            '\r' => shown.push_str("\\r"),
            c if hidden(c) => shown.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => shown.push(c),
        }
    }
    shown
}

fn width(text: &str) -> usize {
    text.chars().count()
}

fn push_line<'a>(
    table: &mut String,
    cells: impl Iterator<Item = &'a str>,
    widths: &[usize],
    right: &[bool],
) {
    let start = table.len();
    for (index, cell) in cells.enumerate() {
        if index > 0 {
            table.push_str("  ");
        }
        let pad = " ".repeat(widths[index].saturating_sub(width(cell)));
        let (before, after) = if right[index] {
            (pad.as_str(), "")
        } else {
            ("", pad.as_str())
        };
        table.push_str(before);
        table.push_str(cell);
        table.push_str(after);
    }
    let kept = table[start..].trim_end().len();
    table.truncate(start + kept);
    table.push('\n');
}

fn csv_line<'a>(values: impl Iterator<Item = Option<&'a str>>) -> String {
    let quoted: Vec<String> = values
        .map(|value| csv_field(value.unwrap_or_default()))
        .collect();
    format!("{}\n", quoted.join(","))
}

fn csv_field(value: &str) -> String {
    if value.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", value.replace('"', "\"\""))
    } else {
        value.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::visible;

    #[test]
    fn control_characters_are_shown_and_do_nothing() {
        let text = "a\u{1b}]0;x\u{7}\u{9b}2J\u{202e}b\tc\r\n";
        let shown = "a\\u001b]0;x\\u0007\\u009b2J\\u202eb\\tc\\r\n";
        assert_eq!(visible(text), shown);
        assert_eq!(visible("ünı ✓"), "ünı ✓");
    }
}

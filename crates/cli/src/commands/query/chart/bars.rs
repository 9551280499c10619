//! One bar a row and value.

use std::fmt::Write as _;

use wirelab_query::QueryResult;

use super::{Canvas, Columns, label, number, scale};

/// Rows that are drawn.
const ROWS_MAX: usize = 40;
/// What a label may take of the line, in hundredths.
const LABEL_SHARE: usize = 40;
const EIGHTHS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];

/// A line of a chart.
enum Row {
    /// What the bars below it are of.
    Group(String),
    /// Its name, and its value.
    Bar(String, Option<f64>),
}

pub(super) fn draw(result: &QueryResult, columns: &Columns, canvas: Canvas) -> String {
    let shown = &result.rows[..result.rows.len().min(ROWS_MAX)];
    let rows = rows(shown, result, columns, canvas);
    let bars = || {
        rows.iter().filter_map(|row| match row {
            Row::Bar(name, value) => Some((name, *value)),
            Row::Group(_) => None,
        })
    };
    let printed = |value: Option<f64>| value.map_or_else(|| "-".to_owned(), scale::plain);
    let value_width = bars()
        .map(|(_, value)| printed(value).len())
        .max()
        .unwrap_or(0);
    let label_width = bars()
        .map(|(name, _)| name.chars().count())
        .max()
        .unwrap_or(0);
    let label_width = label_width.min(canvas.width * LABEL_SHARE / 100);
    let gaps = if label_width > 0 { 3 } else { 1 };
    let room = canvas
        .width
        .saturating_sub(label_width + value_width + gaps)
        .max(8);
    let largest = bars().filter_map(|(_, value)| value).fold(0.0, f64::max);

    let mut text = String::new();
    if let [value] = columns.values[..] {
        let _ = writeln!(text, "{}", result.columns[value].name);
    }
    for row in &rows {
        let line = match row {
            Row::Group(name) => cut(name, canvas.width, canvas.ascii),
            Row::Bar(name, value) => {
                let length =
                    value.map_or(0.0, |value| value.max(0.0) / largest.max(f64::MIN_POSITIVE));
                let bar = bar(length.min(1.0), room, canvas.ascii);
                let (name, printed) = (cut(name, label_width, canvas.ascii), printed(*value));
                let gap = if label_width > 0 { "  " } else { "" };
                format!("{name:<label_width$}{gap}{printed:>value_width$} {bar}")
            }
        };
        let _ = writeln!(text, "{}", line.trim_end());
    }
    if result.rows.len() > shown.len() {
        let _ = writeln!(text, "and {} rows more", result.rows.len() - shown.len());
    }
    text
}

/// The lines: a bar beside its group's name, or below it if there are several values or the name
/// leaves the bars no room.
fn rows(
    shown: &[Vec<Option<String>>],
    result: &QueryResult,
    columns: &Columns,
    canvas: Canvas,
) -> Vec<Row> {
    let names = shown.iter().map(|row| label(row, &columns.groups));
    let names: Vec<String> = names.collect();
    let longest = names
        .iter()
        .map(|name| name.chars().count())
        .max()
        .unwrap_or(0);
    let beside = longest <= canvas.width * LABEL_SHARE / 100;
    let mut rows = Vec::new();
    for (row, name) in shown.iter().zip(names) {
        match columns.values[..] {
            [value] if beside => rows.push(Row::Bar(name, number(row, value))),
            [value] => {
                rows.push(Row::Group(name));
                rows.push(Row::Bar(String::new(), number(row, value)));
            }
            _ => {
                rows.push(Row::Group(name));
                let bar = |value: &usize| {
                    let name = format!("  {}", result.columns[*value].name);
                    Row::Bar(name, number(row, *value))
                };
                rows.extend(columns.values.iter().map(bar));
            }
        }
    }
    rows
}

/// A bar of this part of `room` columns; what is more than nothing can be seen.
fn bar(part: f64, room: usize, ascii: bool) -> String {
    if ascii {
        let length = (part * room as f64).round() as usize;
        return "#".repeat(length.max(usize::from(part > 0.0)));
    }
    let eighths = (part * room as f64 * 8.0).round() as usize;
    let eighths = eighths.max(usize::from(part > 0.0));
    format!("{}{}", "█".repeat(eighths / 8), EIGHTHS[eighths % 8])
}

/// A text of at most so many columns; what is cut off shows.
pub(super) fn cut(name: &str, width: usize, ascii: bool) -> String {
    if name.chars().count() <= width {
        return name.to_owned();
    }
    let end = if ascii { "~" } else { "…" };
    let kept: String = name.chars().take(width.saturating_sub(1)).collect();
    format!("{kept}{end}")
}

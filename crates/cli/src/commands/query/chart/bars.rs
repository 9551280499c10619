//! One bar a row and value.

use std::fmt::Write as _;

use wirelab_query::QueryResult;

use super::{Canvas, Columns, label, number, scale};

/// Rows that are drawn.
const ROWS_MAX: usize = 40;
/// What a label may take of the line, in hundredths.
const LABEL_SHARE: usize = 40;
const EIGHTHS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];

pub(super) fn draw(result: &QueryResult, columns: &Columns, canvas: Canvas) -> String {
    let rows = &result.rows[..result.rows.len().min(ROWS_MAX)];
    let mut bars: Vec<(String, Option<f64>)> = Vec::new();
    for row in rows {
        let mut name = label(row, &columns.groups);
        for value in &columns.values {
            if columns.values.len() > 1 {
                name = format!("{name} {}", result.columns[*value].name);
            }
            bars.push((name, number(row, *value)));
            name = String::new();
        }
    }
    let printed: Vec<String> = bars
        .iter()
        .map(|(_, value)| value.map_or_else(|| "-".to_owned(), scale::plain))
        .collect();
    let widest = |texts: &mut dyn Iterator<Item = usize>| texts.max().unwrap_or(0);
    let value_width = widest(&mut printed.iter().map(String::len));
    let label_width = widest(&mut bars.iter().map(|(name, _)| name.chars().count()));
    let label_width = label_width.min(canvas.width * LABEL_SHARE / 100);
    let room = canvas
        .width
        .saturating_sub(label_width + value_width + 3)
        .max(8);
    let largest = bars
        .iter()
        .filter_map(|(_, value)| *value)
        .fold(0.0, f64::max);

    let mut text = String::new();
    if let [value] = columns.values[..] {
        let _ = writeln!(text, "{}", result.columns[value].name);
    }
    for ((name, value), printed) in bars.iter().zip(&printed) {
        let name = cut(name, label_width, canvas.ascii);
        let length = value.map_or(0.0, |value| value.max(0.0) / largest.max(f64::MIN_POSITIVE));
        let bar = bar(length.min(1.0), room, canvas.ascii);
        let line = format!("{name:<label_width$}  {printed:>value_width$} {bar}");
        let _ = writeln!(text, "{}", line.trim_end());
    }
    if result.rows.len() > rows.len() {
        let _ = writeln!(text, "and {} rows more", result.rows.len() - rows.len());
    }
    text
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

fn cut(name: &str, width: usize, ascii: bool) -> String {
    if name.chars().count() <= width {
        return name.to_owned();
    }
    let end = if ascii { "~" } else { "…" };
    let kept: String = name.chars().take(width.saturating_sub(1)).collect();
    format!("{kept}{end}")
}

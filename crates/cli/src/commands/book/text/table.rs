//! Tables: columns as wide as their cells where there is room, else with cells of several lines.

use super::words::{Word, Words, plain, wrapped};
use crate::terminal::{bold, dim};

/// Between two columns.
const GAP: usize = 2;
/// A column is not made narrower than that by words that are longer.
const LEAST: usize = 6;

/// Whether a row is the rule below the headings.
pub(super) fn is_rule(row: &str) -> bool {
    row.bytes().all(|it| b"|-: ".contains(&it))
}

/// The cells of `| a | b |`; `\|` is a character of a cell.
pub(super) fn cells(row: &str) -> impl Iterator<Item = String> {
    let inner = row.strip_prefix('|').unwrap_or(row);
    let inner = inner.strip_suffix('|').unwrap_or(inner);
    let mut cells = vec![String::new()];
    let mut escaped = false;
    for c in inner.chars() {
        match c {
            '|' if !escaped => cells.push(String::new()),
            _ => {
                let last = cells.last_mut().expect("there is a cell");
                if c == '|' {
                    last.pop();
                }
                last.push(c);
            }
        }
        escaped = c == '\\' && !escaped;
    }
    cells.into_iter().map(|cell| cell.trim().to_owned())
}

/// The rows, of which the first has the headings, in lines of `width` columns if words allow it.
pub(super) fn print(rows: &[Vec<Words>], width: usize) -> String {
    let widths = widths(rows, width);
    let lines = |row: &Vec<Words>| -> Vec<Vec<String>> {
        let cells = row.iter().zip(&widths);
        cells.map(|(cell, width)| wrapped(cell, *width)).collect()
    };
    let rows: Vec<(bool, Vec<Vec<String>>)> = rows
        .iter()
        .enumerate()
        .map(|(at, row)| (at == 0, lines(row)))
        .collect();
    let is_tall = rows
        .iter()
        .skip(1)
        .any(|(_, cells)| cells.iter().any(|it| it.len() > 1));
    let mut text = String::new();
    for (is_heading, cells) in &rows {
        let height = cells.iter().map(Vec::len).max().unwrap_or(0);
        for line in 0..height {
            text += &one(cells, line, &widths, *is_heading);
        }
        let has_headings = *is_heading && height > 0;
        if has_headings {
            let rules: Vec<_> = widths.iter().map(|width| "-".repeat(*width)).collect();
            text += &format!("{}\n", dim(rules.join("  ")));
        } else if is_tall && !*is_heading {
            text.push('\n');
        }
    }
    if is_tall {
        text.pop();
    }
    text
}

/// A line of a row.
fn one(cells: &[Vec<String>], line: usize, widths: &[usize], is_heading: bool) -> String {
    let mut text = String::new();
    let mut owed = 0;
    for (cell, width) in cells.iter().zip(widths) {
        let shown = cell.get(line).map_or("", String::as_str);
        let columns = anstream::adapter::strip_str(shown).to_string();
        let columns = columns.chars().count();
        if columns > 0 {
            text += &" ".repeat(owed);
            text += &if is_heading {
                bold(shown)
            } else {
                shown.to_owned()
            };
            owed = 0;
        }
        owed += width.saturating_sub(columns) + GAP;
    }
    text + "\n"
}

/// Widths of the columns: as wide as they want to be, and then the widest narrower and narrower
/// until all fit.
fn widths(rows: &[Vec<Words>], width: usize) -> Vec<usize> {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let of = |at: usize, wide: &dyn Fn(&Words) -> usize| {
        let cells = rows.iter().filter_map(|row| row.get(at));
        cells.map(wide).max().unwrap_or(0)
    };
    let natural = |cell: &Words| plain(cell).chars().count();
    let longest = |cell: &Words| {
        cell.iter()
            .map(|Word { width, .. }| *width)
            .max()
            .unwrap_or(0)
    };
    let mut widths: Vec<usize> = (0..columns).map(|at| of(at, &natural)).collect();
    let least: Vec<usize> = (0..columns).map(|at| of(at, &longest).max(LEAST)).collect();
    let room = width.saturating_sub(GAP * columns.saturating_sub(1));
    while widths.iter().sum::<usize>() > room {
        let wide = (0..columns).filter(|at| widths[*at] > least[*at]);
        let Some(widest) = wide.max_by_key(|at| widths[*at]) else {
            break;
        };
        widths[widest] -= 1;
    }
    widths
}

//! A result as a chart, as the console's Visualization tab draws it: `stats ... by bin(5m)` as
//! lines over time, `stats ... by srcAddr` as bars.

mod bars;
mod lines;
mod scale;

use wirelab_query::{ColumnKind, QueryResult, visible};

use crate::failure::Failure;

/// How a chart is written.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Canvas {
    /// Columns of the terminal.
    pub(crate) width: usize,
    /// Whether colours tell series apart; marks do so otherwise.
    pub(crate) color: bool,
    /// Whether nothing but ASCII may be written.
    pub(crate) ascii: bool,
}

/// What a result can be drawn as.
enum Shape {
    /// Over the time in column `time`.
    Lines {
        time: usize,
    },
    Bars,
}

/// Columns by what they are good for.
struct Columns {
    /// What is counted: numbers that an aggregate made.
    values: Vec<usize>,
    /// What it is counted by.
    groups: Vec<usize>,
}

/// Draws `result`.
///
/// # Errors
/// A result without a number in each row, or without groups.
pub(crate) fn draw(result: &QueryResult, canvas: Canvas) -> Result<String, Failure> {
    if result.rows.is_empty() {
        return Err(Failure::usage(
            "there is nothing to draw: no row has come of this query",
        ));
    }
    let Some((shape, columns)) = shape(result) else {
        return Err(Failure::usage("this result has nothing to draw").hint(
            "a chart shows numbers by time or by a field: `stats sum(bytes) by bin(5m)`, \
             `stats count(*) as n by srcAddr`; in SQL `SELECT action, count(*) ... GROUP BY action`",
        ));
    };
    Ok(match shape {
        Shape::Lines { time } => lines::draw(result, time, &columns, canvas),
        Shape::Bars => bars::draw(result, &columns, canvas),
    })
}

/// Whether [`draw`] can draw it.
pub(crate) fn is_drawable(result: &QueryResult) -> bool {
    shape(result).is_some()
}

fn shape(result: &QueryResult) -> Option<(Shape, Columns)> {
    if result.rows.is_empty() || result.events.is_some() {
        return None;
    }
    let of_kind = |kind| {
        let columns = result.columns.iter().enumerate();
        columns.filter(move |(_, column)| column.kind == kind)
    };
    let values: Vec<usize> = of_kind(ColumnKind::Number).map(|(at, _)| at).collect();
    let time = of_kind(ColumnKind::Time).map(|(at, _)| at).next();
    if values.is_empty() {
        return None;
    }
    // A line needs two moments; one alone is a bar among others.
    let time = time.filter(|time| {
        let first = &result.rows[0][*time];
        result.rows.iter().any(|row| row[*time] != *first)
    });
    let groups = (0..result.columns.len()).filter(|at| !values.contains(at) && Some(*at) != time);
    let mut columns = Columns {
        groups: groups.collect(),
        values,
    };
    let is_plain = columns.groups.is_empty() && time.is_none();
    if is_plain && columns.values.len() > 1 && result.rows.len() > 1 {
        // `GROUP BY dstport`: what SQL groups by may be a number, and stands first.
        columns.groups.push(columns.values.remove(0));
    }
    match time {
        Some(time) => Some((Shape::Lines { time }, columns)),
        None if columns.groups.is_empty() => None,
        None => Some((Shape::Bars, columns)),
    }
}

/// The values of a row's groups, `-` for what is missing.
fn label(row: &[Option<String>], groups: &[usize]) -> String {
    let values = groups
        .iter()
        .map(|at| visible(&row[*at].as_deref().unwrap_or("-").replace('\n', " ")));
    values.collect::<Vec<_>>().join(" ")
}

fn number(row: &[Option<String>], at: usize) -> Option<f64> {
    let number = row[at].as_deref()?.parse().ok();
    number.filter(|number: &f64| number.is_finite())
}

#[cfg(test)]
mod tests;

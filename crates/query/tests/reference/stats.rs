//! `stats`: groups, aggregates, and expressions over them.

use std::collections::BTreeSet;

use wirelab_query::ColumnKind as Kind;

use super::eval;
use super::table::{Names, Row};
use super::tree::{Expr, Item};
use super::value::{Value, in_sort};

const AGGREGATES: [&str; 12] = [
    "count",
    "count_distinct",
    "sum",
    "avg",
    "min",
    "max",
    "pct",
    "stddev",
    "earliest",
    "latest",
    "sortsfirst",
    "sortslast",
];

/// The rows of a group, with the values of what it is grouped by.
type Group = (Vec<Value>, Vec<Row>);

/// The rows that `stats` puts out, in no order, and their names.
pub(crate) fn run(rows: &[Row], names: &Names, items: &[Item], by: &[Item]) -> (Vec<Row>, Names) {
    let calls = aggregates(items);
    let mut after = Names::none(names.clock);
    for item in by {
        let kind = match eval::kind(&item.expr, names) {
            Kind::Structure => Kind::Text,
            kind => kind,
        };
        after.give(&item.key(), kind);
    }
    for call in &calls {
        after.give(&call.key(), kind(call, names));
    }
    let mut out: Vec<Row> = groups(rows, names, by)
        .into_iter()
        .map(|(values, rows)| {
            let mut row = Row::default();
            for (item, value) in by.iter().zip(values) {
                row.values.insert(item.key(), value);
            }
            for call in &calls {
                row.values.insert(call.key(), aggregate(call, &rows, names));
            }
            row
        })
        .collect();
    for item in items {
        let kind = eval::kind(&item.expr, &after);
        for row in &mut out {
            let value = eval::value(&item.expr, row, &after);
            row.values.insert(item.key(), value);
        }
        after.give(&item.key(), kind);
    }
    let kept: Vec<String> = by.iter().chain(items).map(Item::key).collect();
    out.iter_mut()
        .for_each(|row| row.values.retain(|name, _| kept.contains(name)));
    after.keep(&kept);
    (out, after)
}

fn groups(rows: &[Row], names: &Names, by: &[Item]) -> Vec<Group> {
    if by.is_empty() {
        return vec![(Vec::new(), rows.to_vec())];
    }
    let mut groups: Vec<Group> = Vec::new();
    for row in rows {
        let value = |item: &Item| eval::value(&item.expr, row, names).without_structure();
        let values: Vec<Value> = by.iter().map(value).collect();
        match groups.iter_mut().find(|(known, _)| *known == values) {
            Some((_, rows)) => rows.push(row.clone()),
            None => groups.push((values, vec![row.clone()])),
        }
    }
    groups
}

/// The aggregates that stand in the items.
fn aggregates(items: &[Item]) -> Vec<Expr> {
    let mut calls = Vec::new();
    items
        .iter()
        .for_each(|item| collect(&item.expr, &mut calls));
    calls
}

fn collect(expr: &Expr, calls: &mut Vec<Expr>) {
    match expr {
        Expr::Call(name, _) if AGGREGATES.contains(&name.to_lowercase().as_str()) => {
            calls.push(expr.clone());
        }
        Expr::Call(_, args) => args.iter().for_each(|arg| collect(arg, calls)),
        Expr::Binary(_, left, right) => {
            collect(left, calls);
            collect(right, calls);
        }
        Expr::Not(of)
        | Expr::Negative(of)
        | Expr::Like(of, _)
        | Expr::Matches(of, _)
        | Expr::In(of, ..)
        | Expr::Access(of, _) => collect(of, calls),
        _ => {}
    }
}

fn parts(call: &Expr) -> (String, &[Expr]) {
    match call {
        Expr::Call(name, args) => (name.to_lowercase(), args),
        other => panic!("{other} is no aggregate"),
    }
}

fn kind(call: &Expr, names: &Names) -> Kind {
    let (name, args) = parts(call);
    match name.as_str() {
        "earliest" | "latest" | "sortsfirst" | "sortslast" => match eval::kind(&args[0], names) {
            Kind::Structure => Kind::Text,
            kind => kind,
        },
        _ => Kind::Number,
    }
}

fn aggregate(call: &Expr, rows: &[Row], names: &Names) -> Value {
    let (name, args) = parts(call);
    if args.is_empty() || matches!(args[0], Expr::Star) {
        return Value::Number(rows.len() as f64);
    }
    let present = rows.iter().filter_map(|row| {
        let value = eval::value(&args[0], row, names).without_structure();
        (value != Value::Missing).then_some((row, value))
    });
    let present: Vec<(&Row, Value)> = present.collect();
    match name.as_str() {
        "count" => return Value::Number(present.len() as f64),
        "count_distinct" => {
            let texts: BTreeSet<String> = present
                .iter()
                .filter_map(|(_, value)| value.text())
                .collect();
            return Value::Number(texts.len() as f64);
        }
        "earliest" | "latest" | "sortsfirst" | "sortslast" => return pick(&name, present),
        _ => {}
    }
    let mut numbers: Vec<f64> = present
        .iter()
        .filter_map(|(_, value)| value.number())
        .collect();
    numbers.sort_by(f64::total_cmp);
    let count = numbers.len() as f64;
    let sum: f64 = numbers.iter().sum();
    if numbers.is_empty() {
        return Value::Missing;
    }
    Value::from_number(Some(match name.as_str() {
        "sum" => sum,
        "avg" => sum / count,
        "min" => numbers[0],
        "max" => numbers[numbers.len() - 1],
        "stddev" => {
            let mean = sum / count;
            let squares: f64 = numbers.iter().map(|number| (number - mean).powi(2)).sum();
            (squares / count).sqrt()
        }
        _ => {
            let Expr::Number(percent) = args[1] else {
                panic!("{call}: no percentile");
            };
            let place = percent / 100.0 * (count - 1.0);
            let (low, high) = (
                numbers[place.floor() as usize],
                numbers[place.ceil() as usize],
            );
            low + (high - low) * place.fract()
        }
    }))
}

/// The value of the first or last row, by time or by sort order. Rows come newest first, so of two
/// that are the same the later row is the earlier one.
fn pick(name: &str, mut present: Vec<(&Row, Value)>) -> Value {
    let time = |row: &Row| row.values.get("@timestamp").and_then(Value::number);
    present.reverse();
    present.sort_by(|(left_row, left), (right_row, right)| {
        if name.starts_with("sorts") {
            in_sort(left, right)
        } else {
            time(left_row)
                .partial_cmp(&time(right_row))
                .expect("times are numbers")
        }
    });
    let found = match name {
        "earliest" | "sortsfirst" => present.first(),
        _ => present.last(),
    };
    found.map_or(Value::Missing, |(_, value)| value.clone())
}

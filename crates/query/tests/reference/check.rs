//! The engine's answer against the reference's; and a difference made small.

use std::fmt::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};

use wirelab_query::{QueryResult, blocking};

use super::command::{self, Answer};
use super::data::Data;
use super::tree::{Command, Expr, Item, Query};
use super::value::read_number;

type Cells = Vec<Option<String>>;

/// What is different, or nothing.
fn difference(query: &Query, data: &Data) -> Option<String> {
    let text = query.to_string();
    let group = data.group();
    let asked = catch_unwind(AssertUnwindSafe(|| {
        blocking::insights(&text, &group, &data.options())
    }));
    let result = match asked {
        Ok(Ok(result)) => result,
        Ok(Err(error)) => return Some(format!("the engine refuses: {}", error.report())),
        Err(_) => return Some("the engine panics".to_owned()),
    };
    // Percentiles and deviations come out of other sums.
    let rough = ["pct(", "stddev("]
        .iter()
        .any(|name| text.to_lowercase().contains(name));
    let near = if rough { 2e-6 } else { 1e-9 };
    compare(&command::run(query, data), &result, near)
}

fn compare(answer: &Answer, result: &QueryResult, near: f64) -> Option<String> {
    let columns: Vec<_> = result
        .columns
        .iter()
        .map(|c| (c.name.clone(), c.kind))
        .collect();
    if columns != answer.columns {
        return Some(format!("columns {columns:?}, not {:?}", answer.columns));
    }
    let counts = (
        result.statistics.records_matched,
        result.statistics.records_scanned,
    );
    if counts != (answer.matched as u64, answer.scanned as u64) {
        let (matched, scanned) = (answer.matched, answer.scanned);
        return Some(format!(
            "matched and scanned {counts:?}, not ({matched}, {scanned})"
        ));
    }
    if result.events != answer.events {
        return Some(format!(
            "events {:?}, not {:?}",
            result.events, answer.events
        ));
    }
    if result.rows.len() != answer.rows.len() {
        return Some(format!(
            "{} rows, not {}",
            result.rows.len(),
            answer.rows.len()
        ));
    }
    compare_rows(&result.rows, &answer.before_limit, near)
}

/// Class after class: rows of one class may be in any order, and a `limit` may cut the last class
/// anywhere.
fn compare_rows(rows: &[Cells], expected: &[(Cells, usize)], near: f64) -> Option<String> {
    let mut at = 0;
    for class in expected.chunk_by(|left, right| left.1 == right.1) {
        let mut left: Vec<&Cells> = class.iter().map(|(cells, _)| cells).collect();
        for row in rows[at..].iter().take(class.len()) {
            match left.iter().position(|cells| same_cells(row, cells, near)) {
                Some(found) => drop(left.swap_remove(found)),
                None => return Some(format!("row {at} is {}", printed(row))),
            }
            at += 1;
        }
    }
    None
}

fn same_cells(left: &Cells, right: &Cells, near: f64) -> bool {
    left.len() == right.len()
        && left
            .iter()
            .zip(right)
            .all(|(left, right)| same(left, right, near))
}

/// Equal, or numbers so near that only the order of additions tells them apart.
fn same(left: &Option<String>, right: &Option<String>, near: f64) -> bool {
    let (Some(left), Some(right)) = (left, right) else {
        return left == right;
    };
    left == right
        || read_number(left)
            .zip(read_number(right))
            .is_some_and(|(l, r)| {
                let inexact = left.contains('.') || right.contains('.') || l.abs() > 1e14;
                inexact && (l - r).abs() <= near * l.abs().max(r.abs()).max(1.0)
            })
}

fn printed(row: &Cells) -> String {
    let cells = row
        .iter()
        .map(|cell| cell.clone().unwrap_or_else(|| "(none)".to_owned()));
    cells.collect::<Vec<_>>().join(" ¦ ")
}

/// Checks a case; the report of a difference, as small as it gets.
pub(crate) fn check(seed: u64, query: Query, data: Data) -> Result<(), String> {
    let Some(first) = difference(&query, &data) else {
        return Ok(());
    };
    let (query, data, what) = shrink(query, data, first);
    Err(report(seed, &query, &data, &what))
}

fn report(seed: u64, query: &Query, data: &Data, what: &str) -> String {
    let mut out = format!("{what}\n\nquery:\n{query}\n\nevents ({:?}):\n", data.form);
    for event in &data.events {
        let _ = writeln!(
            out,
            "{} {} {} {}",
            event.at_ms, event.arrived_ms, event.stream, event.message
        );
    }
    let answer = command::run(query, data);
    let _ = writeln!(out, "\nreference: {:?}", answer.columns);
    for row in &answer.rows {
        let _ = writeln!(out, "    {}", printed(row));
    }
    if let Ok(result) = blocking::insights(&query.to_string(), &data.group(), &data.options()) {
        let _ = writeln!(out, "engine:");
        for row in &result.rows {
            let _ = writeln!(out, "    {}", printed(row));
        }
    }
    let _ = write!(
        out,
        "\nagain: WIRELAB_SEED={seed} cargo test -p wirelab-query --test query differential random"
    );
    out
}

/// The beginning of a difference: a smaller case must differ in the same way.
fn manner(what: &str) -> &str {
    if what.starts_with("the engine") {
        return what.lines().next().unwrap_or_default();
    }
    what.split([' ', ':']).next().unwrap_or_default()
}

fn shrink(mut query: Query, mut data: Data, mut what: String) -> (Query, Data, String) {
    'again: loop {
        let smaller = smaller_queries(&query)
            .into_iter()
            .map(|query| (query, data.clone()));
        let fewer = fewer_events(&data)
            .into_iter()
            .map(|data| (query.clone(), data));
        for (next_query, next_data) in smaller.chain(fewer) {
            let Some(next) = difference(&next_query, &next_data) else {
                continue;
            };
            if manner(&next) == manner(&what) {
                (query, data, what) = (next_query, next_data, next);
                continue 'again;
            }
        }
        return (query, data, what);
    }
}

fn fewer_events(data: &Data) -> Vec<Data> {
    let count = data.events.len();
    let mut all = Vec::new();
    let half = count / 2;
    if half > 1 {
        for part in [&data.events[..half], &data.events[half..]] {
            all.push(Data {
                events: part.to_vec(),
                ..data.clone()
            });
        }
    }
    for at in 0..count {
        let mut fewer = data.clone();
        fewer.events.remove(at);
        all.push(fewer);
    }
    all
}

/// The query without one of its commands, items, aliases, or with a part of an expression for it.
fn smaller_queries(query: &Query) -> Vec<Query> {
    let mut all = Vec::new();
    for (at, command) in query.commands.iter().enumerate() {
        if query.commands.len() > 1 {
            let mut fewer = query.clone();
            fewer.commands.remove(at);
            all.push(fewer);
        }
        for smaller in smaller_commands(command) {
            let mut next = query.clone();
            next.commands[at] = smaller;
            all.push(next);
        }
    }
    all
}

fn smaller_commands(command: &Command) -> Vec<Command> {
    match command {
        Command::Fields(items) => smaller_items(items)
            .into_iter()
            .map(Command::Fields)
            .collect(),
        Command::Display(items) => smaller_items(items)
            .into_iter()
            .map(Command::Display)
            .collect(),
        Command::Filter(condition) => smaller(condition)
            .into_iter()
            .map(Command::Filter)
            .collect(),
        Command::Stats { items, by } => {
            let (items, by) = (items.clone(), by.clone());
            let of_items = smaller_items(&items)
                .into_iter()
                .map(|items| Command::Stats {
                    items,
                    by: by.clone(),
                });
            let mut all: Vec<Command> = of_items.collect();
            if by.len() == 1 {
                all.push(Command::Stats {
                    items: items.clone(),
                    by: Vec::new(),
                });
            }
            let of_by = smaller_items(&by).into_iter();
            all.extend(of_by.map(|by| Command::Stats {
                items: items.clone(),
                by,
            }));
            all
        }
        Command::Sort(keys) if keys.len() > 1 => (0..keys.len())
            .map(|at| {
                let mut keys = keys.clone();
                keys.remove(at);
                Command::Sort(keys)
            })
            .collect(),
        _ => Vec::new(),
    }
}

fn smaller_items(items: &[Item]) -> Vec<Vec<Item>> {
    let mut all = Vec::new();
    for at in 0..items.len() {
        if items.len() > 1 {
            let mut fewer = items.to_vec();
            fewer.remove(at);
            all.push(fewer);
        }
        for expr in smaller(&items[at].expr) {
            let mut next = items.to_vec();
            next[at].expr = expr;
            all.push(next);
        }
    }
    all
}

/// Parts of an expression, and the expression with a smaller part.
fn smaller(expr: &Expr) -> Vec<Expr> {
    let of = |inner: &Expr, make: &dyn Fn(Box<Expr>) -> Expr| -> Vec<Expr> {
        let smaller = smaller(inner)
            .into_iter()
            .map(|inner| make(Box::new(inner)));
        std::iter::once(inner.clone()).chain(smaller).collect()
    };
    match expr {
        Expr::Not(inner) => of(inner, &Expr::Not),
        Expr::Negative(inner) => of(inner, &Expr::Negative),
        Expr::Like(inner, text) => of(inner, &|inner| Expr::Like(inner, text.clone())),
        Expr::Matches(inner, regex) => of(inner, &|inner| Expr::Matches(inner, regex)),
        Expr::In(inner, list, not) => of(inner, &|inner| Expr::In(inner, list.clone(), *not)),
        Expr::Access(inner, path) => of(inner, &|inner| Expr::Access(inner, path.clone())),
        Expr::Binary(operator, left, right) => {
            let mut all = of(left, &|left| Expr::Binary(operator, left, right.clone()));
            all.extend(of(right, &|right| {
                Expr::Binary(operator, left.clone(), right)
            }));
            all
        }
        Expr::Call(name, args) => {
            let mut all: Vec<Expr> = args.to_vec();
            all.retain(|arg| !matches!(arg, Expr::Star | Expr::Period(..)));
            for (at, arg) in args.iter().enumerate() {
                for next in smaller(arg) {
                    let mut args = args.clone();
                    args[at] = next;
                    all.push(Expr::Call(name.clone(), args));
                }
            }
            all
        }
        _ => Vec::new(),
    }
}

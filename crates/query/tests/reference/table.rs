//! Rows as maps from names to values, and what the names mean.

use std::collections::HashMap;

use wirelab_query::ColumnKind as Kind;

use super::tree::Expr;
use super::value::Value;

/// What a row has, by name: fields, aliases, and expressions that a column bears as its name.
#[derive(Clone, Debug, Default)]
pub(crate) struct Row {
    pub(crate) values: HashMap<String, Value>,
    /// The event's place in the log group, unless `stats` made the row.
    pub(crate) event: Option<usize>,
    /// Rows of the same class may stand in any order among themselves.
    pub(crate) class: usize,
}

/// The clock and the range that functions ask for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    pub(crate) start_secs: u64,
    pub(crate) end_secs: u64,
    pub(crate) now_secs: u64,
}

/// The names that commands gave, each with the kind of its values and when it was given; all other
/// names are discovered fields, which are text.
#[derive(Clone, Debug)]
pub(crate) struct Names {
    given: HashMap<String, (Kind, usize)>,
    pub(crate) clock: Clock,
}

impl Names {
    /// Those of events.
    pub(crate) fn of_events(clock: Clock) -> Self {
        let times = ["@timestamp", "@ingestionTime"].into_iter();
        let given = times
            .map(|name| (name.to_owned(), (Kind::Time, 0)))
            .collect();
        Self { given, clock }
    }

    /// None at all.
    pub(crate) fn none(clock: Clock) -> Self {
        Self {
            given: HashMap::new(),
            clock,
        }
    }

    /// A name is given, perhaps again.
    pub(crate) fn give(&mut self, name: &str, kind: Kind) {
        let latest = self.given.values().map(|(_, when)| *when).max();
        self.given
            .insert(name.to_owned(), (kind, latest.unwrap_or(0) + 1));
    }

    /// Only these names stay.
    pub(crate) fn keep(&mut self, names: &[String]) {
        self.given.retain(|name, _| names.contains(name));
    }

    pub(crate) fn kind(&self, name: &str) -> Option<Kind> {
        self.given.get(name).map(|(kind, _)| *kind)
    }

    /// Whether an expression is the name of a column.
    pub(crate) fn names(&self, expr: &Expr) -> bool {
        let literal = matches!(expr, Expr::Text(_) | Expr::Number(_) | Expr::Field(_));
        !literal && self.given.contains_key(&expr.key())
    }

    /// The map or list that a path leads into, and the rest of the path; `None` if the whole path
    /// is a name, given later or not at all.
    pub(crate) fn inside<'n>(&self, path: &'n str) -> Option<(&'n str, &'n str)> {
        let whole = self.given.get(path).map_or(0, |(_, when)| *when);
        let dots = path.match_indices('.').map(|(at, _)| at);
        let found = dots.filter_map(|at| {
            let (kind, when) = self.given.get(&path[..at])?;
            (*kind == Kind::Structure && *when > whole).then_some((*when, at))
        });
        found.max().map(|(_, at)| (&path[..at], &path[at + 1..]))
    }
}

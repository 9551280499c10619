//! The commands, one after the other, over all rows.

use std::collections::BTreeSet;

use serde_json::Value as Json;
use wirelab_query::ColumnKind as Kind;

use super::data::Data;
use super::table::{Names, Row};
use super::tree::{Command, Expr, Item, Key, Query};
use super::value::{Value, in_sort};
use super::{eval, stats, text};

/// The answer, printed.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Answer {
    pub(crate) columns: Vec<(String, Kind)>,
    pub(crate) rows: Vec<Vec<Option<String>>>,
    /// For each row, its class: rows of one class may come in any order.
    pub(crate) classes: Vec<usize>,
    /// For each row its event, if the rows are events.
    pub(crate) events: Option<Vec<usize>>,
    /// How many rows there are before the last `limit`: the rows of the class that it cuts in two
    /// may be any of that class.
    pub(crate) before_limit: Vec<(Vec<Option<String>>, usize)>,
    pub(crate) matched: usize,
    pub(crate) scanned: usize,
}

/// What commands work on.
struct State {
    rows: Vec<Row>,
    names: Names,
    /// Column and name of each that is shown.
    shown: Option<Vec<(String, String)>>,
    /// Whether a `display` decides what is shown.
    displays: bool,
    /// Whether the columns of a query that names none are among those shown.
    defaults: bool,
    events: bool,
    /// The rows that the last command, a `limit`, began with.
    cut: Option<Vec<Row>>,
}

/// Answers the query.
pub(crate) fn run(query: &Query, data: &Data) -> Answer {
    let rows = data.rows();
    let scanned = rows.len();
    let mut matched = None;
    let mut state = State {
        rows,
        names: Names::of_events(data.clock),
        shown: None,
        displays: false,
        defaults: false,
        events: true,
        cut: None,
    };
    for command in &query.commands {
        let row_by_row = matches!(
            command,
            Command::Fields(_)
                | Command::Display(_)
                | Command::Filter(_)
                | Command::Glob { .. }
                | Command::Regex { .. }
        );
        if !row_by_row {
            matched.get_or_insert(state.rows.len());
        }
        state.step(command);
    }
    let matched = matched.unwrap_or(state.rows.len());
    state.answer(matched, scanned)
}

impl State {
    fn step(&mut self, command: &Command) {
        self.cut = None;
        match command {
            Command::Fields(items) => {
                let new = self.compute(items);
                if self.displays {
                    return;
                }
                let mut shown = self.shown.take().unwrap_or_default();
                if std::mem::take(&mut self.defaults) {
                    let defaults = default_columns();
                    shown.retain(|old| !defaults.contains(old));
                }
                shown.retain(|(old, _)| new.iter().all(|(name, _)| name != old));
                shown.extend(new);
                self.shown = Some(shown);
            }
            Command::Display(items) => {
                self.shown = Some(self.compute(items));
                self.displays = true;
                self.defaults = false;
            }
            Command::Filter(condition) => {
                let names = &self.names;
                self.rows
                    .retain(|row| eval::value(condition, row, names).truth());
            }
            Command::Glob { of, pattern, names } => {
                let parts = |text: &str| text::glob(pattern, text);
                self.parse(of.as_ref(), names, parts);
            }
            Command::Regex { of, pattern, names } => {
                let regex = text::regex(pattern);
                let new: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
                self.parse_optional(of.as_ref(), &new, |text| {
                    let found = regex.captures(text)?;
                    let part = |name: &&str| found.name(name).map(|part| part.as_str().to_owned());
                    Some(names.iter().map(part).collect())
                });
            }
            Command::Stats { items, by } => {
                (self.rows, self.names) = stats::run(&self.rows, &self.names, items, by);
                let mut shown: Vec<(String, String)> = Vec::new();
                for item in by.iter().chain(items) {
                    shown.retain(|(name, _)| *name != item.name());
                    shown.push((item.name(), item.key()));
                }
                self.shown = Some(shown);
                self.displays = false;
                self.defaults = false;
                self.events = false;
            }
            Command::Sort(keys) => self.sort(keys),
            Command::Limit(rows) => {
                self.cut = Some(self.rows.clone());
                self.rows.truncate(*rows);
            }
            Command::Dedup(fields) => self.dedup(fields),
            Command::Unnest { list, name } => self.unnest(list, name),
        }
    }

    /// Computes items in their order, each of which may name those before.
    fn compute(&mut self, items: &[Item]) -> Vec<(String, String)> {
        let mut shown: Vec<(String, String)> = Vec::new();
        for item in items {
            let key = item.key();
            if !matches!((&item.alias, &item.expr), (None, Expr::Field(_))) {
                let kind = eval::kind(&item.expr, &self.names);
                for row in &mut self.rows {
                    let value = eval::value(&item.expr, row, &self.names);
                    row.values.insert(key.clone(), value);
                }
                self.names.give(&key, kind);
            }
            if shown.iter().all(|(name, _)| *name != item.name()) {
                shown.push((item.name(), key));
            }
        }
        shown
    }

    fn parse(
        &mut self,
        of: Option<&Expr>,
        new: &[String],
        parts: impl Fn(&str) -> Option<Vec<String>>,
    ) {
        self.parse_optional(of, new, |text| {
            parts(text).map(|parts| parts.into_iter().map(Some).collect())
        });
    }

    /// Gives the names to the parts of a text, or to nothing.
    fn parse_optional(
        &mut self,
        of: Option<&Expr>,
        new: &[String],
        parts: impl Fn(&str) -> Option<Vec<Option<String>>>,
    ) {
        let message = Expr::field("@message");
        for row in &mut self.rows {
            let text = eval::value(of.unwrap_or(&message), row, &self.names).text();
            let parts = text.and_then(|text| parts(&text)).unwrap_or_default();
            for (at, name) in new.iter().enumerate() {
                let part = parts.get(at).cloned().flatten();
                row.values.insert(name.clone(), Value::from_text(part));
            }
        }
        new.iter()
            .for_each(|name| self.names.give(name, Kind::Text));
    }

    /// Sorts; what the keys leave open stays in the order of events.
    fn sort(&mut self, keys: &[Key]) {
        let value = |key: &Key, row: &Row| eval::value(&key.expr, row, &self.names);
        let by_keys = |left: &Row, right: &Row| {
            let orders = keys.iter().map(|key| {
                let order = in_sort(&value(key, left), &value(key, right));
                if key.descending == Some(true) {
                    order.reverse()
                } else {
                    order
                }
            });
            orders.fold(std::cmp::Ordering::Equal, std::cmp::Ordering::then)
        };
        let mut rows = self.rows.clone();
        if self.events {
            rows.sort_by_key(|row| row.class);
            rows.sort_by(by_keys);
        } else {
            rows.sort_by(by_keys);
            let mut class = 0;
            for at in 0..rows.len() {
                if at > 0 && by_keys(&rows[at - 1], &rows[at]).is_ne() {
                    class += 1;
                }
                rows[at].class = class;
            }
        }
        self.rows = rows;
    }

    /// The first row of each combination; rows that lack one of the fields are all kept.
    fn dedup(&mut self, fields: &[String]) {
        let mut seen = BTreeSet::new();
        let names = &self.names;
        self.rows.retain(|row| {
            let value = |name: &String| eval::value(&Expr::field(name), row, names);
            let values = fields
                .iter()
                .map(|name| value(name).without_structure().printed());
            match values.collect::<Option<Vec<String>>>() {
                Some(values) => seen.insert(values),
                None => true,
            }
        });
    }

    /// A row for each element of a list; what is no list stays one row.
    fn unnest(&mut self, list: &Expr, name: &str) {
        let mut rows = Vec::new();
        for row in &self.rows {
            let elements = match eval::value(list, row, &self.names) {
                Value::Structure(Json::Array(list)) => list.iter().map(Value::from_json).collect(),
                other => vec![other],
            };
            for element in elements {
                let mut row = row.clone();
                row.values.insert(name.to_owned(), element);
                rows.push(row);
            }
        }
        self.rows = rows;
        self.names.give(name, Kind::Structure);
        self.defaults |= self.shown.is_none();
        let mut shown = self.shown.take().unwrap_or_else(default_columns);
        if shown.iter().all(|(known, _)| known != name) {
            shown.push((name.to_owned(), name.to_owned()));
        }
        self.shown = Some(shown);
    }

    fn answer(self, matched: usize, scanned: usize) -> Answer {
        let shown = self.shown.clone().unwrap_or_else(default_columns);
        let names = &self.names;
        let kind = |key: &String| match names.inside(key) {
            Some(_) => Kind::Structure,
            None => names.kind(key).unwrap_or(Kind::Text),
        };
        // A column that bears a whole expression is found by its name, not computed again.
        let value = |key: &String, row: &Row| match names.inside(key) {
            Some(_) => eval::value(&Expr::Field(key.clone()), row, names),
            None => row.values.get(key).cloned().unwrap_or(Value::Missing),
        };
        let printed = |row: &Row| -> Vec<Option<String>> {
            shown
                .iter()
                .map(|(_, key)| value(key, row).printed())
                .collect()
        };
        let events: Option<Vec<usize>> = self.rows.iter().map(|row| row.event).collect();
        let cut = self.cut.as_ref().unwrap_or(&self.rows);
        Answer {
            columns: shown
                .iter()
                .map(|(name, key)| (name.clone(), kind(key)))
                .collect(),
            rows: self.rows.iter().map(printed).collect(),
            classes: self.rows.iter().map(|row| row.class).collect(),
            events: events.filter(|_| self.events),
            before_limit: cut.iter().map(|row| (printed(row), row.class)).collect(),
            matched,
            scanned,
        }
    }
}

/// What is shown if no command says it.
fn default_columns() -> Vec<(String, String)> {
    let names = ["@timestamp", "@message"].map(str::to_owned);
    names.map(|name| (name.clone(), name)).to_vec()
}

//! What a query answers.

use serde::{Deserialize, Serialize};

use crate::error::Place;

/// What a column's values are before they are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ColumnKind {
    /// Text, as discovered or parsed; it may look like a number.
    Text,
    /// A number.
    Number,
    /// A moment, printed `2024-03-05 00:05:00.000`, UTC.
    Time,
    /// A truth value, printed 1 or 0.
    Bool,
    /// Maps and lists, printed as JSON, and what was found in such: text or a number.
    Structure,
}

/// One column of a result.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Column {
    /// The alias, or the text of the item.
    pub name: String,
    /// What its values are.
    pub kind: ColumnKind,
}

/// What the query cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Statistics {
    /// Events for which every `filter` before the first `stats`, `sort`, `limit` or `dedup` was
    /// true.
    pub records_matched: u64,
    /// Events in the time range.
    pub records_scanned: u64,
    /// Bytes of the messages in the time range.
    pub bytes_scanned: u64,
}

impl Statistics {
    /// Adds what another part of the query read; what matched is that of the main part.
    pub(crate) fn add(&mut self, other: Self) {
        self.records_scanned += other.records_scanned;
        self.bytes_scanned += other.bytes_scanned;
    }
}

/// Something that is no error in AWS either, but is rarely meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning {
    /// What is suspicious.
    pub message: String,
    /// Where in the query.
    pub place: Place,
    /// What to write instead.
    pub hint: Option<String>,
}

impl Warning {
    /// The whole report for a terminal: message, line with carets, hint; no line end.
    #[must_use]
    pub fn report(&self) -> String {
        let hint = self.hint.as_ref().map(|hint| format!("\n\nhint: {hint}"));
        format!(
            "warning: {}\n{}{}",
            self.message,
            self.place,
            hint.unwrap_or_default()
        )
    }
}

/// A query's answer. Values are in the printed form that the API gives: all are strings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueryResult {
    /// In the order of the query.
    pub columns: Vec<Column>,
    /// One value a column; `None` where the row lacks the field.
    pub rows: Vec<Vec<Option<String>>>,
    /// If the rows are events and no aggregates: for each row, which event of the group it is
    /// ([`LogEvents::get`](crate::LogEvents::get)). The API's `@ptr` stands for this.
    pub events: Option<Vec<usize>>,
    /// What it cost.
    pub statistics: Statistics,
    /// What looks unintended.
    pub warnings: Vec<Warning>,
}

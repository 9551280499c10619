//! Result rows in the form in which the API gives them.

use std::collections::HashSet;

use datafusion::arrow::array::{ArrayRef, AsArray};
use datafusion::arrow::datatypes::Int64Type;
use datafusion::arrow::record_batch::RecordBatch;

use super::plan::Finish;
use super::row::Column as RowColumn;
use super::run::Ran;
use super::value::{Value, print_number, print_time};
use crate::ColumnKind;

type Row = Vec<Option<String>>;

/// Turns batches into printed rows, up to the limit, one a combination if the query says `dedup`.
pub(super) struct Printer<'a> {
    finish: &'a Finish,
    order: &'a [usize],
    seen: HashSet<Row>,
    pub(super) rows: Vec<Row>,
    pub(super) events: Vec<usize>,
}

impl<'a> Printer<'a> {
    pub(super) fn new(finish: &'a Finish, order: &'a [usize]) -> Self {
        let (seen, rows, events) = (HashSet::new(), Vec::new(), Vec::new());
        Self {
            finish,
            order,
            seen,
            rows,
            events,
        }
    }

    pub(super) fn wants_more(&self) -> bool {
        (self.rows.len() as u64) < self.finish.limit
    }

    pub(super) fn push(&mut self, batch: &RecordBatch) -> Ran<()> {
        let arrays: &[ArrayRef] = batch.columns();
        let columns = arrays
            .iter()
            .map(RowColumn::new)
            .collect::<Result<Vec<_>, _>>()?;
        let shown = self.finish.shown.len();
        let keys = self.finish.dedup.as_ref().map_or(0, Vec::len);
        let places = self
            .finish
            .events
            .then(|| arrays[shown + keys].as_primitive::<Int64Type>());
        for row in 0..batch.num_rows() {
            if !self.wants_more() {
                break;
            }
            let value = |at: usize, kind| print(&columns[at].get(row), kind);
            if let Some(dedup) = &self.finish.dedup {
                let key = dedup
                    .iter()
                    .enumerate()
                    .map(|(at, slot)| value(shown + at, slot.kind));
                let key: Row = key.collect();
                // A row that lacks a field is kept: nothing says that it is the same as another.
                if key.iter().all(Option::is_some) && !self.seen.insert(key) {
                    continue;
                }
            }
            let printed = self.finish.shown.iter().enumerate();
            self.rows.push(
                printed
                    .map(|(at, shown)| value(at, shown.slot.kind))
                    .collect(),
            );
            if let Some(places) = places.filter(|_| !self.order.is_empty()) {
                self.events.push(self.order[places.value(row) as usize]);
            }
        }
        Ok(())
    }
}

/// The API's form of a value.
fn print(value: &Value<'_>, kind: ColumnKind) -> Option<String> {
    match (value, kind) {
        (Value::Time(millis), ColumnKind::Time) => Some(print_time(*millis)),
        (Value::Structure(json), _) => Some(json.clone().into_owned()),
        (Value::Number(number), _) if number.is_finite() => Some(print_number(*number)),
        _ => value.text().map(std::borrow::Cow::into_owned),
    }
}

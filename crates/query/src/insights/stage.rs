//! Commands that look at rows as a whole: `unnest`, `join`, `pattern`, `diff`, `accum`, `filldown`
//! and `fillmissing`. The plan so far is executed, its rows become others, the plan goes on from
//! those.
//!
//! Rows are numbered anew by each of them, so that the order in which they then stand settles ties.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, AsArray, Int64Array, UInt64Array};
use datafusion::arrow::compute::{concat_batches, take};
use datafusion::arrow::datatypes::{Field, Int64Type, Schema};
use datafusion::arrow::record_batch::RecordBatch;
use wirelab_model::fits_stars;

use super::ast::{Expr, ExprKind, Join};
use super::pattern::{Shape, Shapes};
use super::period::Period;
use super::plan::{Slot, column};
use super::row::{Column, column_of, flat};
use super::run::{Ran, Work, next, scan};
use super::source::{POSITION, whole};
use super::value::{Value, equality_key};
use crate::work;
use crate::{ColumnKind, QueryError};

/// The most rows that `unnest` or `join` may make.
const ROWS_MAX: usize = 2_000_000;
/// The most rows of bins: a result has no more.
const BINS_MAX: usize = 100_000;
/// The most keys on the right side of a join.
const KEYS_MAX: usize = 50_000;

/// What the columns of `pattern` and `diff` are called.
const PATTERN: [(&str, ColumnKind); 5] = [
    ("@pattern", ColumnKind::Text),
    ("@sampleCount", ColumnKind::Number),
    ("@ratio", ColumnKind::Number),
    ("@severityLabel", ColumnKind::Text),
    ("@tokens", ColumnKind::Structure),
];
const DIFF: [(&str, ColumnKind); 7] = [
    ("@pattern", ColumnKind::Text),
    ("@eventCount", ColumnKind::Number),
    ("@differenceEventCount", ColumnKind::Number),
    ("@differenceDescription", ColumnKind::Text),
    ("@severityLabel", ColumnKind::Text),
    ("@previousEventCount", ColumnKind::Number),
    ("@tokens", ColumnKind::Structure),
];
/// So many of them are shown if the query does not say which.
const PATTERN_SHOWN: usize = 4;
const DIFF_SHOWN: usize = 5;

impl Work<'_> {
    /// The rows so far, in one batch.
    async fn batch(&mut self) -> Ran<RecordBatch> {
        self.planner.narrow()?;
        let (schema, batches, held) = self.rows(self.planner.plan()).await?;
        // For a moment they are there twice.
        let bytes = held.size();
        held.try_grow(bytes)?;
        let batch = concat_batches(&schema, &batches)?;
        held.shrink(bytes);
        self.held.push(held);
        Ok(batch)
    }

    /// Goes on from rows that `sources` (rows of the batch) and `added` columns make up.
    fn go_on(
        &mut self,
        batch: &RecordBatch,
        sources: Option<Vec<u64>>,
        added: Vec<(String, ArrayRef)>,
    ) -> Ran<()> {
        let mut arrays = batch.columns().to_vec();
        if let Some(sources) = sources {
            let sources = UInt64Array::from(sources);
            for array in &mut arrays {
                *array = take(array, &sources, None)?;
            }
        }
        let mut fields: Vec<Field> = batch
            .schema()
            .fields()
            .iter()
            .map(|f| (**f).clone())
            .collect();
        for (name, array) in added {
            match fields.iter().position(|field| *field.name() == name) {
                Some(at) => {
                    // A count is never missing in a group, but is in a row that fills a gap.
                    fields[at].set_nullable(true);
                    arrays[at] = array;
                }
                None => {
                    fields.push(Field::new(name, array.data_type().clone(), true));
                    arrays.push(array);
                }
            }
        }
        let count = arrays.first().map_or(0, |array| array.len());
        work::spend(count)?;
        let numbers: ArrayRef = Arc::new(Int64Array::from_iter_values(0..count as i64));
        let events = self.planner.events;
        let tie = if events {
            let at = fields.iter().position(|field| field.name() == POSITION);
            let at = at.ok_or_else(|| QueryError::Internal("events without places".to_owned()))?;
            // Events of files have no index: their place says where they lie.
            if !self.order.is_empty() {
                let places = arrays[at].as_primitive::<Int64Type>().values();
                self.order = places.iter().map(|at| self.order[*at as usize]).collect();
            }
            arrays[at] = numbers;
            POSITION.to_owned()
        } else {
            let name = self.planner.fresh_name();
            fields.push(Field::new(&name, numbers.data_type().clone(), false));
            arrays.push(numbers);
            name
        };
        let schema = Arc::new(Schema::new(fields));
        let batch = RecordBatch::try_new(schema.clone(), arrays)?;
        self.held = vec![self.context.hold(&batch)?];
        let tie = Slot {
            key: String::new(),
            kind: ColumnKind::Time,
            column: tie,
        };
        self.planner
            .replace(scan(schema, vec![batch])?, vec![tie], events);
        // A plan over files runs on all cores again, in the order of the new numbers.
        self.sorted = self.reading.is_none();
        Ok(())
    }

    /// One row for each element of the list.
    pub(super) async fn unnest(&mut self, list: &Expr, name: &str) -> Ran<()> {
        let slot = self.planner.slot(list)?;
        let (batch, slot) = self.with(slot).await?;
        let lists = Column::new(named(&batch, &slot.column)?)?;
        let whole = match &list.kind {
            ExprKind::Field(field) => self.planner.find(&whole(field)),
            _ => None,
        };
        let whole = whole.map(|slot| named(&batch, &slot.column)).transpose()?;
        let whole = whole.map(Column::new).transpose()?;
        let (mut sources, mut values) = (Vec::new(), Vec::new());
        for row in 0..batch.num_rows() {
            // A list in a JSON event is no value of its field, but can be taken apart.
            let value = match (lists.get(row), &whole) {
                (Value::Null, Some(whole)) => super::json::parse(&[whole.get(row)]),
                (value, _) => value,
            };
            let before = sources.len();
            for element in super::json::elements(&value) {
                sources.push(row as u64);
                values.push(element);
            }
            work::spend(sources.len() - before)?;
            within("unnest", sources.len())?;
        }
        let added = (
            self.planner.fresh_name(),
            column_of(ColumnKind::Structure, &values),
        );
        let slot = Slot {
            key: name.to_owned(),
            kind: ColumnKind::Structure,
            column: added.0.clone(),
        };
        self.go_on(&batch, Some(sources), vec![added])?;
        self.planner.slots.push(slot.clone());
        self.planner.show(name, slot);
        Ok(())
    }

    /// The rows so far with the slot's column, which `narrow` would drop.
    async fn with(&mut self, slot: Slot) -> Ran<(RecordBatch, Slot)> {
        self.planner.slots.push(slot.clone());
        let batch = self.batch().await?;
        self.planner.slots.pop();
        Ok((batch, slot))
    }

    /// A running sum in the order of the rows; nothing where there is no number.
    pub(super) async fn accum(&mut self, of: &Expr, name: &str) -> Ran<()> {
        let slot = self.planner.slot(of)?;
        let (batch, slot) = self.with(slot).await?;
        let numbers = Column::new(named(&batch, &slot.column)?)?;
        let mut sum = 0.0;
        let sums = (0..batch.num_rows()).map(|row| {
            Value::of_number(numbers.get(row).number().map(|number| {
                sum += number;
                sum
            }))
        });
        let sums = column_of(ColumnKind::Number, &sums.collect::<Vec<_>>());
        let added = (self.planner.fresh_name(), sums);
        let slot = Slot {
            key: name.to_owned(),
            kind: ColumnKind::Number,
            column: added.0.clone(),
        };
        self.go_on(&batch, None, vec![added])?;
        self.planner.slots.push(slot.clone());
        self.planner.show(name, slot);
        Ok(())
    }

    /// The last value before a gap, in the shown columns whose names match.
    pub(super) async fn fill_down(&mut self, patterns: &[String]) -> Ran<()> {
        let batch = self.batch().await?;
        let shown = self.planner.shown.iter().flatten();
        let meant: Vec<Slot> = shown
            .filter(|shown| {
                patterns.is_empty() || patterns.iter().any(|p| fits_stars(p, &shown.name))
            })
            .map(|shown| shown.slot.clone())
            .collect();
        let mut filled = Vec::new();
        for slot in meant {
            let values = Column::new(named(&batch, &slot.column)?)?;
            let mut last = Value::Null;
            let values = (0..batch.num_rows()).map(|row| {
                let value = values.get(row);
                if value != Value::Null {
                    last = value;
                }
                last.clone()
            });
            let values: Vec<Value<'_>> = values.collect();
            filled.push((slot.column, column_of(slot.kind, &values)));
        }
        self.go_on(&batch, None, filled)
    }

    /// A row for each bin of the query's time that has none, for each combination of the other
    /// groups; the rows in order of time.
    pub(super) async fn fill_missing(&mut self, values: &[(Expr, String)]) -> Ran<()> {
        let Some((bin, period)) = self.planner.binned.clone() else {
            let message = "`fillmissing` follows `stats ... by bin(...)`".to_owned();
            return Err(QueryError::TooLarge(message));
        };
        let groups: Vec<Slot> = self.planner.ties.clone();
        let constants: HashMap<String, Value<'static>> = values
            .iter()
            .filter_map(|(value, key)| {
                let slot = self
                    .planner
                    .find(key)
                    .or_else(|| self.planner.written(key))?;
                Some((slot.column.clone(), constant(value)))
            })
            .collect();
        let batch = self.batch().await?;
        let times = Column::new(named(&batch, &bin)?)?;
        let others: Vec<&Slot> = groups.iter().filter(|slot| slot.column != bin).collect();
        let mut present: HashSet<(Vec<Option<String>>, i64)> = HashSet::new();
        let mut combinations: Vec<(Vec<Option<String>>, usize)> = Vec::new();
        let mut known = HashSet::new();
        let mut order: Vec<(i64, Option<usize>, usize)> = Vec::new();
        for row in 0..batch.num_rows() {
            let key = others
                .iter()
                .map(|slot| {
                    Ok(equality_key(
                        &Column::new(named(&batch, &slot.column)?)?.get(row),
                    ))
                })
                .collect::<Ran<Vec<_>>>()?;
            let time = times
                .get(row)
                .number()
                .map_or(i64::MIN, |millis| millis as i64);
            order.push((time, Some(row), row));
            if known.insert(key.clone()) {
                combinations.push((key.clone(), row));
            }
            present.insert((key, time));
        }
        for time in self.bins(period)? {
            for (key, row) in &combinations {
                if !present.contains(&(key.clone(), time)) {
                    order.push((time, None, *row));
                }
            }
            enough_bins(order.len() - batch.num_rows())?;
        }
        order.sort_by_key(|(time, ..)| *time);
        let columns = batch.schema().fields().len();
        let mut arrays = Vec::with_capacity(columns);
        for (at, field) in batch.schema().fields().iter().enumerate() {
            let array = batch.column(at);
            let column = Column::new(array)?;
            let kept = others.iter().any(|slot| slot.column == *field.name());
            let cell = |(time, row, like): &(i64, Option<usize>, usize)| match row {
                Some(row) => column.get(*row),
                None if *field.name() == bin => Value::Time(*time),
                None if kept => column.get(*like),
                None => constants.get(field.name()).cloned().unwrap_or(Value::Null),
            };
            let cells: Vec<Value<'_>> = order.iter().map(cell).collect();
            arrays.push((field.name().clone(), column_of(column.kind(), &cells)));
        }
        self.go_on(&batch.slice(0, 0), None, arrays)
    }

    /// The starts of the query's bins.
    fn bins(&self, period: Period) -> Ran<Vec<i64>> {
        let millis = |secs: u64| i64::try_from(secs.saturating_mul(1000)).unwrap_or(i64::MAX);
        let options = &self.planner.options;
        let last = millis(options.end.as_secs()).saturating_add(999);
        let mut next = period.floor(millis(options.start.as_secs()));
        let mut bins = Vec::new();
        while let Some(time) = next.filter(|time| *time <= last) {
            bins.push(time);
            enough_bins(bins.len())?;
            next = time.checked_add(1).and_then(|after| period.ceil(after));
        }
        Ok(bins)
    }

    /// The rows of both sides whose keys are equal.
    pub(super) async fn join(&mut self, join: &Join, mut right: Work<'_>) -> Ran<()> {
        let left_key = self.planner.slot(&join.left_key)?;
        let (left, left_key) = self.with(left_key).await?;
        let right_key = right.planner.slot(&join.right_key)?;
        let (other, right_key) = right.with(right_key).await?;
        let mut partners: HashMap<String, Vec<u64>> = HashMap::new();
        let keys = Column::new(named(&other, &right_key.column)?)?;
        for row in 0..other.num_rows() {
            if let Some(key) = equality_key(&keys.get(row)) {
                partners.entry(key).or_default().push(row as u64);
            }
        }
        if partners.len() > KEYS_MAX {
            let message = format!("the right side of the join has more than {KEYS_MAX} keys");
            return Err(QueryError::TooLarge(message));
        }
        let keys = Column::new(named(&left, &left_key.column)?)?;
        let mut sources = Vec::new();
        let mut found: Vec<Option<u64>> = Vec::new();
        for row in 0..left.num_rows() {
            let key = equality_key(&keys.get(row));
            match key.and_then(|key| partners.get(&key)) {
                Some(rows) => {
                    work::spend(rows.len())?;
                    sources.extend(rows.iter().map(|_| row as u64));
                    found.extend(rows.iter().copied().map(Some));
                }
                None if join.keeps_left => {
                    sources.push(row as u64);
                    found.push(None);
                }
                None => {}
            }
            within("join", sources.len())?;
        }
        let found = UInt64Array::from(found);
        let mut added = Vec::new();
        let mut slots = Vec::new();
        for slot in &self.planner.slots {
            let key = format!("{}.{}", join.left, slot.key);
            slots.push(Slot {
                key,
                ..slot.clone()
            });
        }
        for slot in &right.planner.slots {
            let values = take(named(&other, &slot.column)?, &found, None)?;
            let column = self.planner.fresh_name();
            added.push((column.clone(), values));
            let (key, kind) = (format!("{}.{}", join.right, slot.key), slot.kind);
            slots.push(Slot { key, kind, column });
        }
        self.go_on(&left, Some(sources), added)?;
        let names = slots.iter().map(|slot| slot.key.clone());
        self.planner.event_names.extend(names);
        self.planner.slots.extend(slots);
        self.statistics.add(right.statistics);
        self.planner.warnings.append(&mut right.planner.warnings);
        Ok(())
    }

    /// Adds the texts that `pattern` clusters, batch by batch.
    async fn texts(&mut self, of: &Expr, period: usize, shapes: &mut Shapes) -> Ran<()> {
        let slot = self.planner.slot(of)?;
        let flat = flat(column(&slot));
        let slot = self.planner.later(String::new(), flat);
        self.planner.flush()?;
        self.planner.slots.push(slot.clone());
        self.planner.narrow()?;
        self.planner.slots.pop();
        let mut stream = self.context.stream(self.planner.plan()).await?;
        while let Some(batch) = next(&mut stream).await {
            let batch = batch?;
            let texts = Column::new(named(&batch, &slot.column)?)?;
            for row in 0..batch.num_rows() {
                if let Some(text) = texts.get(row).text() {
                    work::spend(1 + work::rows_of(text.len()))?;
                    shapes.add(&text, period)?;
                }
            }
        }
        Ok(())
    }

    /// Rows to shapes of a text, the most frequent first.
    pub(super) async fn pattern(&mut self, of: &Expr) -> Ran<()> {
        let mut shapes = Shapes::default();
        self.texts(of, 0, &mut shapes).await?;
        let shapes = shapes.merged()?;
        let total: u64 = shapes.iter().map(|shape| shape.counts[0]).sum();
        let cells = |shape: &Shape| {
            let count = shape.counts[0] as f64;
            vec![
                Value::Text(shape.text().into()),
                Value::Number(count),
                Value::Number(count / total as f64),
                Value::Text(shape.severity().into()),
                Value::Structure(shape.tokens().into()),
            ]
        };
        self.table(&PATTERN, PATTERN_SHOWN, shapes.iter().map(cells).collect())
    }

    /// Shapes with how often they were seen now and in the time before, the most changed first.
    pub(super) async fn diff(&mut self, of: &Expr, mut before: Work<'_>) -> Ran<()> {
        let mut shapes = Shapes::default();
        self.texts(of, 0, &mut shapes).await?;
        before.texts(of, 1, &mut shapes).await?;
        let mut shapes = shapes.merged()?;
        shapes.sort_by_key(|shape| std::cmp::Reverse(shape.counts[0].abs_diff(shape.counts[1])));
        let cells = |shape: &Shape| {
            let [now, then] = shape.counts.map(|count| count as f64);
            vec![
                Value::Text(shape.text().into()),
                Value::Number(now),
                Value::Number(now - then),
                Value::Text(change(now, then).into()),
                Value::Text(shape.severity().into()),
                Value::Number(then),
                Value::Structure(shape.tokens().into()),
            ]
        };
        let cells = shapes.iter().map(cells).collect();
        self.statistics.add(before.statistics);
        self.table(&DIFF, DIFF_SHOWN, cells)
    }

    /// Goes on from rows that are made here.
    fn table(
        &mut self,
        columns: &[(&str, ColumnKind)],
        shown: usize,
        rows: Vec<Vec<Value<'_>>>,
    ) -> Ran<()> {
        self.planner.events = false;
        let mut slots = Vec::new();
        let mut fields = Vec::new();
        let mut arrays = Vec::new();
        for (at, (name, kind)) in columns.iter().enumerate() {
            let column = self.planner.fresh_name();
            let values: Vec<Value<'_>> = rows.iter().map(|row| row[at].clone()).collect();
            let array = column_of(*kind, &values);
            fields.push(Field::new(&column, array.data_type().clone(), true));
            arrays.push(array);
            slots.push(Slot {
                key: (*name).to_owned(),
                kind: *kind,
                column,
            });
        }
        let batch = RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays)?;
        self.go_on(&batch, None, Vec::new())?;
        self.planner.slots = slots.clone();
        self.planner.clear_shown();
        self.planner.shown = Some(Vec::new());
        for slot in slots.into_iter().take(shown) {
            self.planner.show(&slot.key.clone(), slot);
        }
        Ok(())
    }
}

fn named<'b>(batch: &'b RecordBatch, column: &str) -> Ran<&'b ArrayRef> {
    let found = batch.column_by_name(column);
    found.ok_or_else(|| QueryError::Internal(format!("no column {column}")))
}

fn within(command: &str, rows: usize) -> Ran<()> {
    if rows > ROWS_MAX {
        let message = format!("`{command}` makes more than {ROWS_MAX} rows");
        return Err(QueryError::TooLarge(message));
    }
    Ok(())
}

fn enough_bins(rows: usize) -> Ran<()> {
    if rows > BINS_MAX {
        let message = format!("`fillmissing` adds more than {BINS_MAX} rows: take a longer period");
        return Err(QueryError::TooLarge(message));
    }
    Ok(())
}

fn constant(expr: &Expr) -> Value<'static> {
    match &expr.kind {
        ExprKind::Number(number) => Value::Number(*number),
        ExprKind::Text(text) => Value::Text(text.clone().into()),
        _ => Value::Null,
    }
}

/// How a count has changed.
fn change(now: f64, then: f64) -> String {
    if then == 0.0 {
        "New in this period".to_owned()
    } else if now == 0.0 {
        "Only in the earlier period".to_owned()
    } else if now == then {
        "No change".to_owned()
    } else {
        let word = if now > then { "Increased" } else { "Decreased" };
        let percent = ((now - then).abs() / then * 100.0).round();
        format!("{word} by {percent}%")
    }
}

//! Aggregates that keep rows of values: `max_by`, `histogram`, `array_agg` and the like.
//!
//! What one keeps of its rows is again rows, so a partial result is a list a column, and merging
//! partial results is taking those rows in.

use std::collections::HashMap;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use datafusion::arrow::array::ArrayRef;
use datafusion::arrow::datatypes::{DataType, FieldRef};
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::{Accumulator, AggregateUDFImpl, Signature, Volatility};

use super::deadline;
use super::error::{Checked, Fault};
use super::functions::within;
use super::types::Type;
use super::value::{self, Value};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Kind {
    MaxBy,
    MinBy,
    MaxN,
    MinN,
    Arbitrary,
    Array,
    ListAgg,
    Histogram,
    MapAgg,
    MultimapAgg,
    GeometricMean,
    Skewness,
    Kurtosis,
    SumInterval,
    Single,
}

/// The function for arguments of given types.
#[derive(Debug)]
pub(super) struct Collect {
    kind: Kind,
    args: Vec<Type>,
    returns: Type,
    /// `(descending, nulls first)` of the arguments that are sort keys; they are the last ones.
    keys: Vec<(bool, bool)>,
    signature: Signature,
}

impl PartialEq for Collect {
    fn eq(&self, other: &Self) -> bool {
        self.kind == other.kind
            && self.args == other.args
            && self.returns == other.returns
            && self.keys == other.keys
    }
}

impl Eq for Collect {}

impl Hash for Collect {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.kind.hash(state);
        self.args.hash(state);
    }
}

impl Collect {
    pub(super) fn new(kind: Kind, args: Vec<Type>, returns: Type) -> Self {
        Self {
            kind,
            args,
            returns,
            keys: Vec::new(),
            signature: Signature::variadic_any(Volatility::Immutable),
        }
    }

    pub(super) fn sorted(mut self, keys: Vec<(bool, bool)>) -> Self {
        self.keys = keys;
        self
    }

    /// The types of the rows that are kept.
    fn kept(&self) -> Vec<Type> {
        match self.kind {
            Kind::Histogram => vec![self.args[0].clone(), Type::BigInt],
            Kind::GeometricMean => vec![Type::Double; 2],
            _ => self.args.clone(),
        }
    }
}

impl AggregateUDFImpl for Collect {
    fn name(&self) -> &str {
        match self.kind {
            Kind::MaxBy => "max_by",
            Kind::MinBy => "min_by",
            Kind::MaxN => "max",
            Kind::MinN => "min",
            Kind::Arbitrary => "arbitrary",
            Kind::Array => "array_agg",
            Kind::ListAgg => "listagg",
            Kind::Histogram => "histogram",
            Kind::MapAgg => "map_agg",
            Kind::MultimapAgg => "multimap_agg",
            Kind::GeometricMean => "geometric_mean",
            Kind::Skewness => "skewness",
            Kind::Kurtosis => "kurtosis",
            Kind::SumInterval => "sum",
            Kind::Single => "single_row",
        }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _args: &[DataType]) -> Result<DataType> {
        Ok(self.returns.arrow())
    }

    fn accumulator(&self, args: AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>> {
        Ok(Box::new(Rows {
            kind: self.kind,
            args: self.args.clone(),
            kept: self.kept(),
            returns: self.returns.clone(),
            keys: self.keys.clone(),
            distinct: args.is_distinct,
            rows: Vec::new(),
            places: HashMap::new(),
            bytes: 0,
            result_bytes: 0,
        }))
    }

    fn state_fields(&self, args: StateFieldsArgs<'_>) -> Result<Vec<FieldRef>> {
        let types = self.kept().into_iter().map(Type::array).enumerate();
        Ok(types
            .map(|(at, ty)| Arc::new(ty.field(&format!("{}[{at}]", args.name))))
            .collect())
    }
}

type Row = Vec<Value<'static>>;

#[derive(Debug)]
struct Rows {
    kind: Kind,
    args: Vec<Type>,
    kept: Vec<Type>,
    returns: Type,
    keys: Vec<(bool, bool)>,
    distinct: bool,
    rows: Vec<Row>,
    /// Where the row of a key is, for kinds with one row a key.
    places: HashMap<String, usize>,
    /// What rows and keys take.
    bytes: usize,
    /// What the result takes, if every row is a part of it.
    result_bytes: usize,
}

/// What the allocator adds to each block.
const BLOCK: usize = 16;

/// Bytes of a text that `listagg` may make.
const TEXT_MAX: usize = 1 << 20;

impl Rows {
    /// Takes a row in.
    fn take(&mut self, row: Row) -> Checked<()> {
        match self.kind {
            Kind::MaxBy | Kind::MinBy | Kind::MaxN | Kind::MinN => self.take_best(row),
            Kind::Arbitrary => {
                if self.rows.is_empty() && !row[0].is_null() {
                    self.keep(row)?;
                }
            }
            Kind::Single => {
                if !self.rows.is_empty() {
                    let message = "Scalar sub-query has returned multiple rows";
                    return Err(Fault::bare("SUBQUERY_MULTIPLE_ROWS", message));
                }
                self.keep(row)?;
            }
            Kind::Histogram | Kind::MapAgg if row[0].is_null() => {}
            Kind::Histogram => match self.place(&row) {
                Some(at) => {
                    let sum = self.rows[at][1].int() + row[1].int();
                    self.rows[at][1] = Value::Int(sum);
                }
                None => self.keep(row)?,
            },
            Kind::MapAgg => {
                if self.place(&row).is_none() {
                    self.keep(row)?;
                }
            }
            Kind::SumInterval | Kind::GeometricMean | Kind::Skewness | Kind::Kurtosis
                if row[0].is_null() => {}
            Kind::MultimapAgg | Kind::ListAgg if row[0].is_null() => {}
            Kind::SumInterval => match self.rows.first_mut() {
                Some(sum) => {
                    let both = sum[0].int().checked_add(row[0].int());
                    let overflow = || Fault::range("interval addition overflow");
                    sum[0] = Value::Int(both.ok_or_else(overflow)?);
                }
                None => self.keep(row)?,
            },
            // The sum of logarithms, and of how many.
            Kind::GeometricMean if !self.distinct => match self.rows.first_mut() {
                Some(sums) => {
                    for (sum, more) in sums.iter_mut().zip(&row) {
                        *sum = Value::Float(sum.float() + more.float());
                    }
                }
                None => self.keep(row)?,
            },
            _ if self.distinct => {
                if self.place(&row).is_none() {
                    self.keep(row)?;
                }
            }
            _ => self.keep(row)?,
        }
        Ok(())
    }

    /// The place of the row with the same first value; notes the next place if there is none.
    fn place(&mut self, row: &Row) -> Option<usize> {
        let key = format!("{:?}", row[0]);
        let (next, length) = (self.rows.len(), key.len());
        let at = *self.places.entry(key).or_insert(next);
        if at == next {
            self.bytes += length + 4 * BLOCK;
        }
        (at < next).then_some(at)
    }

    /// Keeps a row more.
    fn keep(&mut self, row: Row) -> Checked<()> {
        // Vectors grow by doubling.
        let blocks = (1 + row.len()) * BLOCK + 2 * size_of::<Row>();
        self.bytes += row.iter().map(Value::weight).sum::<usize>() + blocks;
        if self.is_list() {
            self.result_bytes += row[0].weight();
            within(self.result_bytes)?;
        }
        if self.kind == Kind::ListAgg {
            self.result_bytes -= size_of::<Value<'_>>();
            if self.result_bytes > TEXT_MAX {
                return Err(too_long());
            }
        }
        self.rows.push(row);
        Ok(())
    }

    /// Whether all rows are parts of the result, so that they are copied on the way into it.
    fn is_list(&self) -> bool {
        matches!(
            self.kind,
            Kind::Array | Kind::ListAgg | Kind::Histogram | Kind::MapAgg | Kind::MultimapAgg
        )
    }

    /// Keeps the first few in the function's order.
    fn take_best(&mut self, row: Row) {
        let by = usize::from(matches!(self.kind, Kind::MaxBy | Kind::MinBy));
        if row[by].is_null() {
            return;
        }
        let most = row
            .get(by + 1)
            .map_or(1, |n| usize::try_from(n.int()).unwrap_or(0));
        let greatest = matches!(self.kind, Kind::MaxBy | Kind::MaxN);
        let before = |kept: &Row| {
            let order = kept[by].order(&row[by]);
            if greatest {
                order.is_ge()
            } else {
                order.is_le()
            }
        };
        let at = self.rows.partition_point(before);
        if at < most {
            self.bytes += row.iter().map(Value::weight).sum::<usize>() + size_of::<Row>();
            self.rows.insert(at, row);
            self.rows.truncate(most);
        }
    }

    fn sorted(&self) -> Vec<&Row> {
        let mut rows: Vec<&Row> = self.rows.iter().collect();
        let first = self.args.len() - self.keys.len();
        rows.sort_by(|a, b| {
            let mut orders = self
                .keys
                .iter()
                .enumerate()
                .map(|(i, (descending, nulls_first))| {
                    let (a, b) = (&a[first + i], &b[first + i]);
                    let order = a.order(b);
                    if a.is_null() != b.is_null() {
                        return if *nulls_first { order.reverse() } else { order };
                    }
                    if *descending { order.reverse() } else { order }
                });
            orders
                .find(|order| order.is_ne())
                .unwrap_or(std::cmp::Ordering::Equal)
        });
        rows
    }

    fn result(&self) -> Checked<Value<'static>> {
        let firsts = || self.rows.iter().map(|row| row[0].clone());
        let is_list = matches!(self.returns, Type::Array(_));
        if self.rows.is_empty() {
            return Ok(Value::Null);
        }
        Ok(match self.kind {
            Kind::MaxBy | Kind::MinBy if !is_list => self.rows[0][0].clone(),
            Kind::MaxBy | Kind::MinBy | Kind::MaxN | Kind::MinN => Value::List(firsts().collect()),
            Kind::Arbitrary | Kind::Single | Kind::SumInterval => self.rows[0][0].clone(),
            Kind::Array => Value::List(
                self.sorted()
                    .into_iter()
                    .map(|row| row[0].clone())
                    .collect(),
            ),
            Kind::ListAgg => {
                let rows = self.sorted();
                let separator = rows.first().map_or("", |row| row[1].text()).to_owned();
                let texts: Vec<&str> = rows.iter().map(|row| row[0].text()).collect();
                let text = texts.join(&separator);
                if text.len() > TEXT_MAX {
                    return Err(too_long());
                }
                Value::str(text)
            }
            Kind::Histogram | Kind::MapAgg => {
                let entries = self.rows.iter().map(|row| (row[0].clone(), row[1].clone()));
                Value::Map(entries.collect())
            }
            Kind::MultimapAgg => Value::Map(grouped(&self.rows)),
            Kind::GeometricMean => {
                let sum = |at: usize| self.rows.iter().map(|row| row[at].float()).sum::<f64>();
                Value::Float((sum(0) / sum(1)).exp())
            }
            Kind::Skewness => {
                self.moments(|n, [m2, m3, _]| (n >= 3.0).then(|| n.sqrt() * m3 / m2.powf(1.5)))
            }
            Kind::Kurtosis => self.moments(|n, [m2, _, m4]| {
                let below = (n - 2.0) * (n - 3.0);
                let peak = (n - 1.0) * n * (n + 1.0) / below * m4 / (m2 * m2);
                (n >= 4.0).then(|| peak - 3.0 * (n - 1.0).powi(2) / below)
            }),
        })
    }

    /// What follows from the number of values and the sums of the second to fourth powers of
    /// their distances from the mean.
    fn moments(&self, of: impl Fn(f64, [f64; 3]) -> Option<f64>) -> Value<'static> {
        let values = || self.rows.iter().map(|row| row[0].float());
        let count = self.rows.len() as f64;
        let mean = values().sum::<f64>() / count;
        let sums = [2, 3, 4].map(|power| values().map(|v| (v - mean).powi(power)).sum());
        of(count, sums).map_or(Value::Null, Value::Float)
    }
}

fn too_long() -> Fault {
    Fault::argument(format!(
        "Concatenated string has the length in bytes larger than the maximum output length {TEXT_MAX}"
    ))
}

/// All values of each key.
fn grouped(rows: &[Row]) -> Vec<(Value<'static>, Value<'static>)> {
    let mut places = HashMap::new();
    let mut maps: Vec<(Value<'static>, Vec<Value<'static>>)> = Vec::new();
    for row in rows {
        let at = *places.entry(format!("{:?}", row[0])).or_insert_with(|| {
            maps.push((row[0].clone(), Vec::new()));
            maps.len() - 1
        });
        maps[at].1.push(row[1].clone());
    }
    let entries = maps.into_iter();
    entries
        .map(|(key, values)| (key, Value::List(values)))
        .collect()
}

impl Accumulator for Rows {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        let mut fitted = Vec::with_capacity(values.len());
        for (array, ty) in values.iter().zip(&self.args) {
            fitted.push(value::fitted(array, ty)?);
        }
        for row in 0..fitted.first().map_or(0, |array| array.len()) {
            let columns = fitted.iter().zip(&self.args);
            let mut taken: Row = columns
                .map(|(array, ty)| value::get(array, ty, row).into_owned())
                .collect();
            match self.kind {
                Kind::Histogram => taken.push(Value::Int(1)),
                Kind::GeometricMean if !taken[0].is_null() => {
                    taken = vec![Value::Float(taken[0].float().ln()), Value::Float(1.0)];
                }
                _ => {}
            }
            self.take(taken)?;
        }
        Ok(())
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        // Once a group, but once a row of a window.
        deadline::spend(self.rows.len())?;
        let array = value::array(&self.returns, &[self.result()?])?;
        ScalarValue::try_from_array(&array, 0)
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.bytes * if self.is_list() { 3 } else { 1 }
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        let mut states = Vec::with_capacity(self.kept.len());
        for (at, ty) in self.kept.iter().enumerate() {
            let column = self.rows.iter().map(|row| row[at].clone()).collect();
            let array = value::array(&Type::array(ty.clone()), &[Value::List(column)])?;
            states.push(ScalarValue::try_from_array(&array, 0)?);
        }
        Ok(states)
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        let lists: Vec<Type> = self.kept.iter().cloned().map(Type::array).collect();
        for state in 0..states.first().map_or(0, |array| array.len()) {
            let columns: Vec<Value<'_>> = states
                .iter()
                .zip(&lists)
                .map(|(array, ty)| value::get(array, ty, state))
                .collect();
            for row in 0..columns.first().map_or(0, |column| column.list().len()) {
                let taken = columns.iter().map(|column| column.list()[row].clone());
                self.take(taken.map(Value::into_owned).collect())?;
            }
        }
        Ok(())
    }
}

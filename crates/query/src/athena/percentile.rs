//! `approx_percentile`: the value at which a share of all weight is reached.
//!
//! Trino answers from a sketch; here the answer is exact, which `approx` allows. Values are kept
//! with their weights, sixteen bytes each, and equal ones become one: the sizes of ten million
//! flows are a few hundred thousand. Of 1, 2, 2 and 9 the median is 2: there two of the four are
//! reached.
//!
//! Source: Trino, "Aggregate functions".

use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, Float64Array, Int64Array, ListArray, new_null_array,
};
use datafusion::arrow::buffer::OffsetBuffer;
use datafusion::arrow::datatypes::{DataType, FieldRef, Float64Type, Int64Type};
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::{Accumulator, AggregateUDFImpl, Signature, Volatility};

use super::deadline;
use super::error::{Checked, Fault};
use super::types::Type;
use super::value::{self, Value};

/// Values from which on equal ones are looked for.
const MANY: usize = 64 << 10;

/// The function for arguments of given types: the value, perhaps a weight, the share or shares.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct Percentile {
    args: Vec<Type>,
    returns: Type,
    signature: Signature,
}

impl Percentile {
    pub(super) fn new(args: Vec<Type>, returns: Type) -> Self {
        Self {
            args,
            returns,
            signature: Signature::variadic_any(Volatility::Immutable),
        }
    }
}

impl AggregateUDFImpl for Percentile {
    fn name(&self) -> &str {
        "approx_percentile"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _args: &[DataType]) -> Result<DataType> {
        Ok(self.returns.arrow())
    }

    fn accumulator(&self, args: AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>> {
        Ok(Box::new(Points {
            args: self.args.clone(),
            returns: self.returns.clone(),
            distinct: args.is_distinct,
            points: Vec::new(),
            next_merge: MANY,
            share: Value::Null,
        }))
    }

    fn state_fields(&self, args: StateFieldsArgs<'_>) -> Result<Vec<FieldRef>> {
        let share = self.args.last().cloned().unwrap_or(Type::Double);
        let types = [Type::array(Type::BigInt), Type::array(Type::Double), share];
        let fields = types.iter().enumerate();
        let fields = fields.map(|(at, ty)| value::field(&format!("{}[{at}]", args.name), ty));
        Ok(fields.collect())
    }
}

/// The values of one group.
#[derive(Debug)]
struct Points {
    args: Vec<Type>,
    returns: Type,
    /// Whether equal points count once.
    distinct: bool,
    /// Values, as numbers of the same order, and their weights.
    points: Vec<(i64, f64)>,
    /// How many points there may be before equal ones become one again.
    next_merge: usize,
    /// The share, or the array of shares.
    share: Value<'static>,
}

/// A number of the same order for a value.
fn number(value: &Value<'_>) -> i64 {
    match value {
        Value::Float(v) => ordered(v.to_bits() as i64),
        value => value.int(),
    }
}

/// The bits of a float as a number that orders as the float does, and back.
fn ordered(bits: i64) -> i64 {
    bits ^ ((bits >> 63) as u64 >> 1) as i64
}

impl Points {
    fn add(&mut self, point: (i64, f64)) {
        self.points.push(point);
        if self.points.len() >= self.next_merge {
            self.merge();
        }
    }

    /// Orders the points and makes equal ones one.
    fn merge(&mut self) {
        self.points
            .sort_unstable_by(|a, b| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)));
        if self.distinct {
            self.points.dedup();
        } else {
            self.points.dedup_by(|next, kept| {
                let same = next.0 == kept.0;
                kept.1 += if same { next.1 } else { 0.0 };
                same
            });
        }
        self.next_merge = MANY.max(2 * self.points.len());
    }

    fn value(&self, number: i64) -> Value<'static> {
        match self.args[0] {
            Type::Double | Type::Real => Value::Float(f64::from_bits(ordered(number) as u64)),
            _ => Value::Int(number),
        }
    }

    /// The value at a share of the weight; the points are in order.
    fn at(&self, share: &Value<'_>) -> Checked<Value<'static>> {
        let share = share.float();
        if !(0.0..=1.0).contains(&share) {
            return Err(Fault::argument("Percentile must be between 0 and 1"));
        }
        let total: f64 = self.points.iter().map(|(_, weight)| weight).sum();
        let mut sum = 0.0;
        let found = self.points.iter().find(|(_, weight)| {
            sum += weight;
            sum >= share * total
        });
        let found = found.or_else(|| self.points.last());
        Ok(found.map_or(Value::Null, |(number, _)| self.value(*number)))
    }

    fn result(&mut self) -> Checked<Value<'static>> {
        if self.points.is_empty() {
            return Ok(Value::Null);
        }
        self.merge();
        match &self.share {
            Value::List(shares) => {
                let values = shares.iter().map(|share| self.at(share));
                Ok(Value::List(values.collect::<Checked<_>>()?))
            }
            share => self.at(share),
        }
    }

    fn know_share(&mut self, shares: &dyn Array, row: usize) {
        if self.share.is_null() {
            let ty = self.args.last().unwrap_or(&Type::Double);
            self.share = value::get(shares, ty, row).into_owned();
        }
    }
}

impl Accumulator for Points {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        let fitted = values.iter().zip(&self.args);
        let fitted = fitted.map(|(array, ty)| value::fitted(array, ty));
        let fitted = fitted.collect::<Result<Vec<_>>>()?;
        let [numbers, weights @ .., shares] = fitted.as_slice() else {
            return Ok(());
        };
        let weights = weights.first().map(|it| it.as_primitive::<Float64Type>());
        for row in 0..numbers.len() {
            let value = value::get(numbers, &self.args[0], row);
            let weight = match weights {
                Some(weights) if weights.is_null(row) => continue,
                Some(weights) => weights.value(row),
                None => 1.0,
            };
            if !value.is_null() {
                self.know_share(shares, row);
                self.add((number(&value), weight));
            }
        }
        Ok(())
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        // Once a group, but once a row of a window.
        deadline::spend(self.points.len())?;
        let result = self.result()?;
        let array = value::array(&self.returns, &[result])?;
        ScalarValue::try_from_array(&array, 0)
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.points.capacity() * size_of::<(i64, f64)>()
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        self.merge();
        let points = || self.points.iter();
        let numbers = Int64Array::from_iter_values(points().map(|(number, _)| *number));
        let weights = Float64Array::from_iter_values(points().map(|(_, weight)| *weight));
        let share = self.args.last().unwrap_or(&Type::Double);
        let shares = match self.share.is_null() {
            true => new_null_array(&share.arrow(), 1),
            false => value::array(share, std::slice::from_ref(&self.share))?,
        };
        Ok(vec![
            list(&Type::BigInt, Arc::new(numbers))?,
            list(&Type::Double, Arc::new(weights))?,
            ScalarValue::try_from_array(&shares, 0)?,
        ])
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        let [numbers, weights, shares] = states else {
            return Ok(());
        };
        let (numbers, weights) = (numbers.as_list::<i32>(), weights.as_list::<i32>());
        for row in 0..numbers.len() {
            let (of, by) = (numbers.value(row), weights.value(row));
            let numbers = of.as_primitive::<Int64Type>().values();
            let weights = by.as_primitive::<Float64Type>().values();
            if !numbers.is_empty() {
                self.know_share(shares, row);
            }
            for (number, weight) in numbers.iter().zip(weights) {
                self.add((*number, *weight));
            }
        }
        Ok(())
    }
}

/// One list of all items.
fn list(item: &Type, items: ArrayRef) -> Result<ScalarValue> {
    let offsets = OffsetBuffer::from_lengths([items.len()]);
    let field = Arc::new(item.field("item"));
    let list = ListArray::try_new(field, offsets, items, None)?;
    Ok(ScalarValue::List(Arc::new(list)))
}

//! `sum` of whole numbers and of decimals, which fails where it leaves its type.
//!
//! DataFusion's own goes on at the other end of the type: two rows of 9,223,372,036,854,775,807
//! would make -2. Trino adds row by row and checks each step, so a sum that leaves its type on the
//! way fails even if later rows would bring it back: those two rows are
//! `bigint addition overflow: 9223372036854775807 + 9223372036854775807`.
//!
//! Source: Trino, "Aggregate functions" and the texts of its `BigintOperators`.

use std::collections::HashSet;
use std::fmt;
use std::hash::Hash;
use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, ArrowNativeTypeOp, ArrowPrimitiveType, AsArray, BooleanArray, PrimitiveArray,
};
use datafusion::arrow::buffer::NullBuffer;
use datafusion::arrow::datatypes::{DataType, Decimal128Type, FieldRef, Int64Type};
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::utils::AggregateOrderSensitivity;
use datafusion::logical_expr::{
    Accumulator, AggregateUDFImpl, EmitTo, GroupsAccumulator, Signature, Volatility,
};

use super::error::{Checked, Fault};
use super::types::Type;

/// A type whose sums are checked.
trait Exact: ArrowPrimitiveType<Native: Eq + Hash + fmt::Display> + fmt::Debug {
    /// Whether a sum is a value of Trino's type too.
    fn holds(sum: Self::Native) -> bool;
    fn fault(noun: &str, sign: char, a: Self::Native, b: Self::Native) -> Fault;

    fn plus(a: Self::Native, b: Self::Native) -> Checked<Self::Native> {
        let sum = a.add_checked(b).ok().filter(|sum| Self::holds(*sum));
        sum.ok_or_else(|| Self::fault("addition", '+', a, b))
    }

    fn minus(a: Self::Native, b: Self::Native) -> Checked<Self::Native> {
        let rest = a.sub_checked(b).ok().filter(|rest| Self::holds(*rest));
        rest.ok_or_else(|| Self::fault("subtraction", '-', a, b))
    }
}

impl Exact for Int64Type {
    fn holds(_sum: i64) -> bool {
        true
    }

    fn fault(noun: &str, sign: char, a: i64, b: i64) -> Fault {
        Fault::range(format!("bigint {noun} overflow: {a} {sign} {b}"))
    }
}

impl Exact for Decimal128Type {
    fn holds(sum: i128) -> bool {
        sum.unsigned_abs() < 10_u128.pow(38)
    }

    fn fault(_noun: &str, _sign: char, _a: i128, _b: i128) -> Fault {
        Fault::range("Decimal overflow")
    }
}

/// The function for values of one type, BIGINT or a decimal of 38 digits.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct Sum {
    ty: Type,
    signature: Signature,
}

impl Sum {
    pub(super) fn new(ty: Type) -> Self {
        Self {
            ty,
            signature: Signature::any(1, Volatility::Immutable),
        }
    }
}

impl AggregateUDFImpl for Sum {
    fn name(&self) -> &str {
        "sum"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _args: &[DataType]) -> Result<DataType> {
        Ok(self.ty.arrow())
    }

    fn accumulator(&self, args: AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>> {
        let ty = self.ty.arrow();
        Ok(match self.ty {
            Type::BigInt => Box::new(Adder::<Int64Type>::new(ty, args.is_distinct)),
            _ => Box::new(Adder::<Decimal128Type>::new(ty, args.is_distinct)),
        })
    }

    fn state_fields(&self, args: StateFieldsArgs<'_>) -> Result<Vec<FieldRef>> {
        let ty = match args.is_distinct {
            true => Type::array(self.ty.clone()),
            false => self.ty.clone(),
        };
        Ok(vec![Arc::new(ty.field(&format!("{}[sum]", args.name)))])
    }

    fn groups_accumulator_supported(&self, args: AccumulatorArgs<'_>) -> bool {
        !args.is_distinct
    }

    fn create_groups_accumulator(
        &self,
        _args: AccumulatorArgs<'_>,
    ) -> Result<Box<dyn GroupsAccumulator>> {
        let ty = self.ty.arrow();
        Ok(match self.ty {
            Type::BigInt => Box::new(Groups::<Int64Type>::new(ty)),
            _ => Box::new(Groups::<Decimal128Type>::new(ty)),
        })
    }

    fn order_sensitivity(&self) -> AggregateOrderSensitivity {
        AggregateOrderSensitivity::Insensitive
    }
}

/// One sum.
#[derive(Debug)]
struct Adder<T: Exact> {
    ty: DataType,
    sum: T::Native,
    /// How many values are in it; without one the sum is NULL.
    count: u64,
    /// The values that are in it, if each counts once.
    seen: Option<HashSet<T::Native>>,
}

impl<T: Exact> Adder<T> {
    fn new(ty: DataType, distinct: bool) -> Self {
        Self {
            ty,
            sum: T::Native::ZERO,
            count: 0,
            seen: distinct.then(HashSet::new),
        }
    }

    fn take(&mut self, values: &dyn Array) -> Result<()> {
        for value in values.as_primitive::<T>().iter().flatten() {
            if self.seen.as_mut().is_none_or(|seen| seen.insert(value)) {
                self.sum = T::plus(self.sum, value)?;
                self.count += 1;
            }
        }
        Ok(())
    }

    fn scalar(&self, value: Option<T::Native>) -> Result<ScalarValue> {
        ScalarValue::new_primitive::<T>(value, &self.ty)
    }
}

impl<T: Exact> Accumulator for Adder<T> {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        self.take(&values[0])
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        self.scalar((self.count > 0).then_some(self.sum))
    }

    fn size(&self) -> usize {
        let seen = self.seen.as_ref().map_or(0, HashSet::capacity);
        size_of_val(self) + seen * size_of::<T::Native>() * 2
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        let Some(seen) = &self.seen else {
            return Ok(vec![self.evaluate()?]);
        };
        let values = seen.iter().map(|value| self.scalar(Some(*value)));
        let values = values.collect::<Result<Vec<_>>>()?;
        let list = ScalarValue::new_list_nullable(&values, &self.ty);
        Ok(vec![ScalarValue::List(list)])
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        if self.seen.is_none() {
            return self.take(&states[0]);
        }
        let lists = states[0].as_list::<i32>();
        lists.iter().flatten().try_for_each(|list| self.take(&list))
    }

    fn retract_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        for value in values[0].as_primitive::<T>().iter().flatten() {
            self.sum = T::minus(self.sum, value)?;
            self.count -= 1;
        }
        Ok(())
    }

    fn supports_retract_batch(&self) -> bool {
        self.seen.is_none()
    }
}

/// The sums of many groups.
struct Groups<T: Exact> {
    ty: DataType,
    sums: Vec<T::Native>,
    /// Whether a group has had a value.
    present: Vec<bool>,
}

impl<T: Exact> Groups<T> {
    fn new(ty: DataType) -> Self {
        Self {
            ty,
            sums: Vec::new(),
            present: Vec::new(),
        }
    }

    fn array(&mut self, emit_to: EmitTo) -> ArrayRef {
        let sums = emit_to.take_needed(&mut self.sums);
        let present = NullBuffer::from(emit_to.take_needed(&mut self.present));
        let array = PrimitiveArray::<T>::new(sums.into(), Some(present));
        Arc::new(array.with_data_type(self.ty.clone()))
    }
}

impl<T: Exact> GroupsAccumulator for Groups<T> {
    fn update_batch(
        &mut self,
        values: &[ArrayRef],
        group_indices: &[usize],
        opt_filter: Option<&BooleanArray>,
        total_num_groups: usize,
    ) -> Result<()> {
        self.sums.resize(total_num_groups, T::Native::ZERO);
        self.present.resize(total_num_groups, false);
        let values = values[0].as_primitive::<T>();
        let mut add = |group: usize, value: T::Native| -> Result<()> {
            self.sums[group] = T::plus(self.sums[group], value)?;
            self.present[group] = true;
            Ok(())
        };
        let pairs = group_indices.iter().zip(values.values());
        if opt_filter.is_none() && values.null_count() == 0 {
            return pairs.into_iter().try_for_each(|(group, v)| add(*group, *v));
        }
        for (row, (group, value)) in pairs.enumerate() {
            let wanted = opt_filter.is_none_or(|kept| kept.is_valid(row) && kept.value(row));
            if wanted && values.is_valid(row) {
                add(*group, *value)?;
            }
        }
        Ok(())
    }

    fn evaluate(&mut self, emit_to: EmitTo) -> Result<ArrayRef> {
        Ok(self.array(emit_to))
    }

    fn state(&mut self, emit_to: EmitTo) -> Result<Vec<ArrayRef>> {
        Ok(vec![self.array(emit_to)])
    }

    fn merge_batch(
        &mut self,
        values: &[ArrayRef],
        group_indices: &[usize],
        total_num_groups: usize,
    ) -> Result<()> {
        self.update_batch(values, group_indices, None, total_num_groups)
    }

    fn convert_to_state(
        &self,
        values: &[ArrayRef],
        opt_filter: Option<&BooleanArray>,
    ) -> Result<Vec<ArrayRef>> {
        let values = values[0].as_primitive::<T>();
        let kept = |row: usize| {
            let wanted = opt_filter.is_none_or(|kept| kept.is_valid(row) && kept.value(row));
            (wanted && values.is_valid(row)).then(|| values.value(row))
        };
        let array: PrimitiveArray<T> = (0..values.len()).map(kept).collect();
        Ok(vec![Arc::new(array.with_data_type(self.ty.clone()))])
    }

    fn size(&self) -> usize {
        self.sums.capacity() * size_of::<T::Native>() + self.present.capacity()
    }
}

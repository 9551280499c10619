//! A row function as DataFusion sees it.

use std::hash::{Hash, Hasher};

use datafusion::arrow::array::{Array, ArrayRef};
use datafusion::arrow::compute::concat;
use datafusion::arrow::datatypes::{DataType, FieldRef};
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::{
    ColumnarValue, Expr, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
    Volatility,
};

use super::lambda::{Body, Lambdas};
use super::{Given, Run, within};
use crate::athena::deadline;
use crate::athena::types::Type;
use crate::athena::value::{self, Value};
use crate::budget::Held;
use crate::work::rows_of;

/// Bytes of values that become an array at once.
const PART_BYTES: usize = 16 << 20;
/// So many rows of work are counted at once.
const COUNTED: usize = 1024;

/// A function with the types of one call.
#[derive(Debug)]
pub(in crate::athena) struct Udf {
    name: String,
    args: Vec<Type>,
    returns: Type,
    run: Run,
    nulls: bool,
    lambdas: Vec<(usize, Body)>,
    signature: Signature,
}

impl PartialEq for Udf {
    fn eq(&self, other: &Self) -> bool {
        // The name stands for `run`: overloads differ in their types.
        self.name == other.name
            && self.args == other.args
            && self.returns == other.returns
            && self.lambdas == other.lambdas
    }
}

impl Eq for Udf {}

impl Hash for Udf {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name.hash(state);
        self.args.hash(state);
        self.returns.hash(state);
    }
}

impl Udf {
    pub(in crate::athena) fn new(
        name: &str,
        args: Vec<Type>,
        returns: Type,
        run: Run,
        nulls: bool,
    ) -> Self {
        Self {
            name: name.to_owned(),
            args,
            returns,
            run,
            nulls,
            lambdas: Vec::new(),
            signature: Signature::variadic_any(Volatility::Immutable),
        }
    }

    /// With lambdas in place of the arguments at the given places.
    pub(in crate::athena) fn with_lambdas(mut self, lambdas: Vec<(usize, Body)>) -> Self {
        self.lambdas = lambdas;
        self
    }

    /// Of a function whose value changes from row to row.
    pub(in crate::athena) fn volatile(mut self) -> Self {
        self.signature = Signature::variadic_any(Volatility::Volatile);
        self
    }

    /// The call of it. What the lambdas capture is passed behind the arguments.
    pub(in crate::athena) fn call(mut self, mut args: Vec<Expr>) -> Expr {
        for (_, body) in &self.lambdas {
            args.extend(body.captures().cloned());
        }
        if args.is_empty() {
            self.signature = Signature::nullary(self.signature.volatility);
        }
        ScalarUDF::new_from_impl(self).call(args)
    }

    /// The values of all rows. Where they are large they become Arrow arrays bit by bit, which are
    /// several times smaller than `Value`s.
    fn rows(&self, columns: &[ArrayRef], rows: usize, lambdas: &Lambdas<'_>) -> Result<ArrayRef> {
        let sized = self.returns.is_nested() || self.returns.is_text();
        let mut values = Vec::with_capacity(columns.len());
        let mut results = Vec::with_capacity(rows);
        let (mut parts, mut bytes, mut held) = (Vec::new(), 0, Held::default());
        let mut worked = 0;
        for row in 0..rows {
            let result = self.row(columns, row, lambdas, &mut values)?;
            let size = result.weight();
            let given: usize = values.iter().map(Value::weight).sum();
            worked += 1 + rows_of(given + size);
            if worked >= COUNTED {
                deadline::spend(std::mem::take(&mut worked))?;
            }
            if sized {
                within(size)?;
                bytes += size;
            }
            results.push(result);
            if bytes > PART_BYTES {
                let part = value::array(&self.returns, &results)?;
                held.grow(part.get_buffer_memory_size())?;
                parts.push(part);
                results.clear();
                bytes = 0;
            }
        }
        deadline::spend(worked)?;
        let last = value::array(&self.returns, &results)?;
        if parts.is_empty() {
            return held.keep(last);
        }
        parts.push(last);
        let parts: Vec<&dyn Array> = parts.iter().map(|part| &**part).collect();
        held.keep(concat(&parts)?)
    }

    fn row<'a>(
        &self,
        columns: &'a [ArrayRef],
        row: usize,
        lambdas: &Lambdas<'_>,
        values: &mut Vec<Value<'a>>,
    ) -> Result<Value<'a>> {
        values.clear();
        let mut bytes = 0;
        for (column, ty) in columns.iter().zip(&self.args) {
            let row = if column.len() == 1 { 0 } else { row };
            let value = value::get(column, ty, row);
            if ty.is_nested() {
                bytes += value.weight();
                within(bytes)?;
            }
            values.push(value);
        }
        let is_lambda = |at: usize| self.lambdas.iter().any(|(place, _)| *place == at);
        let null = |(at, value): (usize, &Value<'_>)| value.is_null() && !is_lambda(at);
        if !self.nulls && values.iter().enumerate().any(null) {
            return Ok(Value::Null);
        }
        let apply = |which: usize, rows: Vec<Vec<Value<'_>>>| lambdas.apply(which, row, rows);
        let given = Given {
            types: &self.args,
            returns: &self.returns,
            apply: &apply,
        };
        Ok((self.run)(&given, values)?)
    }
}

impl ScalarUDFImpl for Udf {
    fn name(&self) -> &str {
        &self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _args: &[DataType]) -> Result<DataType> {
        Ok(self.returns.arrow())
    }

    fn return_field_from_args(&self, _args: ReturnFieldArgs<'_>) -> Result<FieldRef> {
        Ok(value::field(&self.name, &self.returns))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let scalar = |arg: &ColumnarValue| matches!(arg, ColumnarValue::Scalar(_));
        let all_scalar = !args.args.is_empty() && args.args.iter().all(scalar);
        let rows = if all_scalar { 1 } else { args.number_rows };
        let mut columns = Vec::with_capacity(args.args.len());
        for (at, arg) in args.args.iter().enumerate() {
            let array = match arg {
                ColumnarValue::Array(array) => array.clone(),
                ColumnarValue::Scalar(scalar) => scalar.to_array()?,
            };
            columns.push(match self.args.get(at) {
                Some(ty) if *ty != Type::Unknown => value::fitted(&array, ty)?,
                _ => array,
            });
        }
        let captured = columns.split_off(self.args.len().min(columns.len()));
        let lambdas = Lambdas::new(&self.lambdas, captured)?;
        let array = self.rows(&columns, rows, &lambdas)?;
        if all_scalar {
            return Ok(ColumnarValue::Scalar(ScalarValue::try_from_array(
                &array, 0,
            )?));
        }
        Ok(ColumnarValue::Array(array))
    }
}

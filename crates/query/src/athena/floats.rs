//! Comparisons of REAL and DOUBLE, as IEEE 754 and Trino have them: NaN is equal to nothing, not
//! even to itself, neither less nor greater than anything, and the two zeros are equal. Arrow's
//! kernels order all floats, NaN last, which ORDER BY wants and a condition does not:
//! `nan() = nan()` is false, `nan() <> nan()` true.

use std::sync::Arc;

use datafusion::arrow::array::{Array, AsArray, BooleanArray, PrimitiveArray};
use datafusion::arrow::buffer::{BooleanBuffer, NullBuffer};
use datafusion::arrow::datatypes::{ArrowPrimitiveType, DataType, Float32Type, Float64Type};
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::{
    ColumnarValue, Expr, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};

use super::ast::Comparison;
use super::cast;

/// `left op right` of two floats of one type.
pub(super) fn compared(op: Comparison, left: Expr, right: Expr) -> Expr {
    let signature = Signature::any(2, Volatility::Immutable);
    let udf = ScalarUDF::new_from_impl(Floats { op, signature });
    cast::folded(udf.call(vec![left, right]))
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Floats {
    op: Comparison,
    signature: Signature,
}

impl ScalarUDFImpl for Floats {
    fn name(&self) -> &str {
        self.op.sign()
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _args: &[DataType]) -> Result<DataType> {
        Ok(DataType::Boolean)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let scalar = |value: &ColumnarValue| matches!(value, ColumnarValue::Scalar(_));
        let scalar = args.args.iter().all(scalar);
        let rows = if scalar { 1 } else { args.number_rows };
        let (left, right) = (args.args[0].to_array(rows)?, args.args[1].to_array(rows)?);
        let result = match left.data_type() {
            DataType::Float32 => self.all::<Float32Type>(left.as_primitive(), right.as_primitive()),
            _ => self.all::<Float64Type>(left.as_primitive(), right.as_primitive()),
        };
        if scalar {
            return Ok(ColumnarValue::Scalar(ScalarValue::try_from_array(
                &result, 0,
            )?));
        }
        Ok(ColumnarValue::Array(Arc::new(result)))
    }
}

impl Floats {
    fn all<T>(&self, left: &PrimitiveArray<T>, right: &PrimitiveArray<T>) -> BooleanArray
    where
        T: ArrowPrimitiveType<Native: PartialOrd>,
    {
        let (a, b) = (left.values(), right.values());
        let each = |test: fn(T::Native, T::Native) -> bool| {
            BooleanBuffer::collect_bool(a.len(), |row| test(a[row], b[row]))
        };
        let values = match self.op {
            Comparison::Equal => each(|a, b| a == b),
            Comparison::NotEqual => each(|a, b| a != b),
            Comparison::Less => each(|a, b| a < b),
            Comparison::LessEqual => each(|a, b| a <= b),
            Comparison::Greater => each(|a, b| a > b),
            Comparison::GreaterEqual => each(|a, b| a >= b),
        };
        BooleanArray::new(values, NullBuffer::union(left.nulls(), right.nulls()))
    }
}

//! Functions between texts and their codes, in plans.
//!
//! `GROUP BY srcaddr` becomes a grouping by `code(srcaddr)`, with `text_of_code` behind it; where a
//! file is read, a column of codes may be made without the text.

use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, StringBuilder, StringViewBuilder, UInt32Array,
};
use datafusion::arrow::buffer::{BooleanBuffer, NullBuffer};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Field, FieldRef, Int64Type, UInt32Type};
use datafusion::common::{Result, ScalarValue, exec_err};
use datafusion::logical_expr::{
    ColumnarValue, Expr, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
    Volatility,
};

use super::codes::{Codes, NULL, NUMBERS, number_of};

/// What such a function does.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Step {
    /// Text, or a whole number, to its code.
    Code,
    /// A code to its text, of this type.
    Text(DataType),
    /// The code of NULL to that of `-`.
    Dashed,
    /// A code of a file to that of the query, by the file's number of a text.
    Recoded(Arc<[u32]>),
    /// Whether a code is this one; NULL for that of NULL.
    Is(u32),
    /// Text, or a number, to text as a record has it: `-` for NULL.
    AsRecord,
}

/// A function for the codes of one query. None ever gives NULL but
/// `text_of_code` and `is_code`.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Coding {
    step: Step,
    codes: Arc<Codes>,
    signature: Signature,
}

fn call(step: Step, codes: &Arc<Codes>, args: Vec<Expr>) -> Expr {
    coding(step, codes).call(args)
}

fn coding(step: Step, codes: &Arc<Codes>) -> ScalarUDF {
    ScalarUDF::new_from_impl(Coding {
        step,
        codes: codes.clone(),
        signature: Signature::variadic_any(Volatility::Immutable),
    })
}

/// The function from texts to codes.
pub(crate) fn code_function(codes: &Arc<Codes>) -> Arc<ScalarUDF> {
    Arc::new(coding(Step::Code, codes))
}

/// The text of a code.
pub(crate) fn text_of(code: Expr, data_type: &DataType, codes: &Arc<Codes>) -> Expr {
    call(Step::Text(data_type.clone()), codes, vec![code])
}

/// The function from codes to texts.
pub(crate) fn text_function(codes: &Arc<Codes>) -> Arc<ScalarUDF> {
    Arc::new(coding(Step::Text(DataType::Utf8View), codes))
}

/// The function from the codes of a file, whose texts have these codes in the query.
pub(crate) fn recoding_function(texts: Arc<[u32]>, codes: &Arc<Codes>) -> Arc<ScalarUDF> {
    Arc::new(coding(Step::Recoded(texts), codes))
}

/// Whether a function is [`code_function`], and whether it is [`text_function`].
pub(crate) fn kind_of(function: &ScalarUDF) -> (bool, bool) {
    let step = function.inner().downcast_ref::<Coding>().map(|it| &it.step);
    (
        matches!(step, Some(Step::Code)),
        matches!(step, Some(Step::Text(_))),
    )
}

/// Whether a function says if a code is a certain one.
pub(super) fn is_code(function: &ScalarUDF) -> bool {
    let coding = function.inner().downcast_ref::<Coding>();
    coding.is_some_and(|coding| matches!(coding.step, Step::Is(_)))
}

/// Whether a code is that of the text.
pub(crate) fn is_text(code: Expr, text: &str, codes: &Arc<Codes>) -> Result<Expr> {
    Ok(call(Step::Is(codes.of(text)?), codes, vec![code]))
}

/// The code, that of `-` instead of NULL's.
pub(crate) fn dashed(code: Expr, codes: &Arc<Codes>) -> Expr {
    call(Step::Dashed, codes, vec![code])
}

/// A column's values as they stand in a record.
pub(crate) fn as_record(column: Expr) -> Expr {
    call(Step::AsRecord, &Arc::default(), vec![column])
}

/// The argument, if the expression is [`as_record`] of it.
pub(crate) fn recorded(expr: &Expr) -> Option<&Expr> {
    let Expr::ScalarFunction(function) = expr else {
        return None;
    };
    let coding = function.func.inner().downcast_ref::<Coding>()?;
    (coding.step == Step::AsRecord).then(|| function.args.first())?
}

impl ScalarUDFImpl for Coding {
    fn name(&self) -> &str {
        match self.step {
            Step::Code => "code",
            Step::Text(_) => "text_of_code",
            Step::Dashed => "dashed_code",
            Step::Recoded(_) => "recoded",
            Step::Is(_) => "is_code",
            Step::AsRecord => "as_record",
        }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _args: &[DataType]) -> Result<DataType> {
        Ok(match &self.step {
            Step::Code | Step::Dashed | Step::Recoded(_) => DataType::UInt32,
            Step::Is(_) => DataType::Boolean,
            Step::Text(data_type) => data_type.clone(),
            Step::AsRecord => DataType::Utf8,
        })
    }

    fn return_field_from_args(&self, _args: ReturnFieldArgs<'_>) -> Result<FieldRef> {
        let nullable = matches!(self.step, Step::Text(_) | Step::Is(_));
        let field = Field::new(self.name(), self.return_type(&[])?, nullable);
        Ok(Arc::new(field))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let constant = args
            .args
            .iter()
            .all(|value| matches!(value, ColumnarValue::Scalar(_)));
        let rows = if constant { 1 } else { args.number_rows };
        let arrays = args.args.iter().map(|value| value.to_array(rows));
        let arrays = arrays.collect::<Result<Vec<_>>>()?;
        let result = self.run(&arrays)?;
        if constant {
            return ScalarValue::try_from_array(&result, 0).map(ColumnarValue::Scalar);
        }
        Ok(ColumnarValue::Array(result))
    }
}

impl Coding {
    fn run(&self, args: &[ArrayRef]) -> Result<ArrayRef> {
        let codes = |at: usize| args[at].as_primitive::<UInt32Type>();
        Ok(match &self.step {
            Step::Code => self.encode(&args[0])?,
            Step::Text(data_type) => self.decode(codes(0), data_type)?,
            Step::Dashed => {
                let dash = self.codes.of("-")?;
                let values = codes(0).values().iter();
                let values = values.map(|code| if *code == NULL { dash } else { *code });
                Arc::new(UInt32Array::from_iter_values(values))
            }
            Step::Recoded(texts) => {
                let known = |code: u32| texts.get(number_of(code)?).copied();
                let values = codes(0).values().iter();
                let values = values.map(|code| known(*code).unwrap_or(*code));
                Arc::new(UInt32Array::from_iter_values(values))
            }
            Step::Is(wanted) => {
                let values = codes(0).values();
                let equal = BooleanBuffer::collect_bool(values.len(), |at| values[at] == *wanted);
                let nulls = values.contains(&NULL).then(|| {
                    let present = |at: usize| values[at] != NULL;
                    NullBuffer::new(BooleanBuffer::collect_bool(values.len(), present))
                });
                Arc::new(BooleanArray::new(equal, nulls))
            }
            Step::AsRecord => as_text(&args[0])?,
        })
    }

    fn encode(&self, values: &ArrayRef) -> Result<ArrayRef> {
        if values.data_type().is_integer() {
            let numbers = cast(values, &DataType::Int64)?;
            let numbers = numbers.as_primitive::<Int64Type>().iter();
            return self.collect(numbers, |number| match u16::try_from(number) {
                Ok(number) => Ok(NUMBERS + u32::from(number)),
                Err(_) => self.codes.of(&number.to_string()),
            });
        }
        match values.data_type() {
            DataType::Utf8View => {
                self.collect(values.as_string_view().iter(), |text| self.codes.of(text))
            }
            DataType::Utf8 => {
                self.collect(values.as_string::<i32>().iter(), |text| self.codes.of(text))
            }
            other => exec_err!("no codes for {other}"),
        }
    }

    fn collect<T>(
        &self,
        values: impl Iterator<Item = Option<T>>,
        code: impl Fn(T) -> Result<u32>,
    ) -> Result<ArrayRef> {
        let codes = values.map(|value| value.map_or(Ok(NULL), &code));
        let codes = codes.collect::<Result<Vec<u32>>>()?;
        Ok(Arc::new(UInt32Array::from(codes)))
    }

    fn decode(&self, codes: &UInt32Array, data_type: &DataType) -> Result<ArrayRef> {
        let rows = codes.len();
        if *data_type == DataType::Utf8View {
            let mut texts = StringViewBuilder::with_capacity(rows);
            for code in codes.values() {
                match *code {
                    NULL => texts.append_null(),
                    code => self
                        .codes
                        .text(code, &mut |text: &str| texts.append_value(text)),
                }
            }
            return Ok(Arc::new(texts.finish()));
        }
        let mut texts = StringBuilder::with_capacity(rows, 16 * rows);
        for code in codes.values() {
            match *code {
                NULL => texts.append_null(),
                code => self
                    .codes
                    .text(code, &mut |text: &str| texts.append_value(text)),
            }
        }
        Ok(Arc::new(texts.finish()))
    }
}

/// Each value's text; `-` for NULL.
fn as_text(values: &ArrayRef) -> Result<ArrayRef> {
    let rows = values.len();
    let mut texts = StringBuilder::with_capacity(rows, 16 * rows);
    if let Some(views) = values.as_string_view_opt() {
        views
            .iter()
            .for_each(|text| texts.append_value(text.unwrap_or("-")));
        return Ok(Arc::new(texts.finish()));
    }
    let plain = cast(values, &DataType::Utf8)?;
    if plain.null_count() == 0 {
        return Ok(plain);
    }
    let plain = plain.as_string::<i32>();
    plain
        .iter()
        .for_each(|text| texts.append_value(text.unwrap_or("-")));
    Ok(Arc::new(texts.finish()))
}

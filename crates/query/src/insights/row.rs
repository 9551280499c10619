//! Our functions as DataFusion's: a closure over the values of one row becomes an expression over
//! columns. Text is `Utf8`, a number `Float64`, a time `Int64`, truth `Boolean` in Arrow; what may
//! be a map or list is `LargeUtf8` with a first byte that tells: `j` before JSON, `t` before text.

use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, BinaryBuilder, BooleanArray, BooleanBuilder, Float64Array,
    Float64Builder, Int64Array, Int64Builder, LargeStringArray, LargeStringBuilder, StringArray,
    StringBuilder, StructArray,
};
use datafusion::arrow::datatypes::{DataType, Field, Fields, Float64Type, Int64Type};
use datafusion::common::{DataFusionError, Result, ScalarValue};
use datafusion::logical_expr::{ColumnarValue, Expr, Volatility, create_udf, lit};

use super::value::{Value, parse_number, sort_key};
use crate::ColumnKind;
use crate::budget::Held;
use crate::work;

/// An expression and what its values are.
#[derive(Clone, Debug)]
pub(super) struct Typed {
    pub(super) expr: Expr,
    pub(super) kind: ColumnKind,
}

impl Typed {
    pub(super) fn new(expr: Expr, kind: ColumnKind) -> Self {
        Self { expr, kind }
    }

    /// A missing field.
    pub(super) fn null() -> Self {
        Self::new(lit(ScalarValue::Utf8(None)), ColumnKind::Text)
    }

    pub(super) fn text(text: &str) -> Self {
        Self::new(lit(text), ColumnKind::Text)
    }

    pub(super) fn number(number: f64) -> Self {
        Self::new(lit(number + 0.0), ColumnKind::Number)
    }
}

/// The Arrow type of a kind.
pub(super) fn arrow_type(kind: ColumnKind) -> DataType {
    match kind {
        ColumnKind::Text => DataType::Utf8,
        ColumnKind::Number => DataType::Float64,
        ColumnKind::Time => DataType::Int64,
        ColumnKind::Bool => DataType::Boolean,
        ColumnKind::Structure => DataType::LargeUtf8,
    }
}

/// The kind that an Arrow array holds.
fn kind_of(data_type: &DataType) -> ColumnKind {
    match data_type {
        DataType::Float64 => ColumnKind::Number,
        DataType::Int64 => ColumnKind::Time,
        DataType::Boolean => ColumnKind::Bool,
        DataType::LargeUtf8 => ColumnKind::Structure,
        _ => ColumnKind::Text,
    }
}

/// Typed access to a column.
pub(super) enum Column<'a> {
    Text(&'a StringArray),
    Number(&'a Float64Array),
    Time(&'a Int64Array),
    Bool(&'a BooleanArray),
    Structure(&'a LargeStringArray),
}

impl<'a> Column<'a> {
    pub(super) fn new(array: &'a ArrayRef) -> Result<Self> {
        let found = match kind_of(array.data_type()) {
            ColumnKind::Text => array.as_string_opt::<i32>().map(Self::Text),
            ColumnKind::Number => array.as_primitive_opt::<Float64Type>().map(Self::Number),
            ColumnKind::Time => array.as_primitive_opt::<Int64Type>().map(Self::Time),
            ColumnKind::Bool => array.as_boolean_opt().map(Self::Bool),
            ColumnKind::Structure => array.as_string_opt::<i64>().map(Self::Structure),
        };
        found.ok_or_else(|| {
            DataFusionError::Internal(format!("column of type {}", array.data_type()))
        })
    }

    /// What the values are.
    pub(super) fn kind(&self) -> ColumnKind {
        match self {
            Self::Text(_) => ColumnKind::Text,
            Self::Number(_) => ColumnKind::Number,
            Self::Time(_) => ColumnKind::Time,
            Self::Bool(_) => ColumnKind::Bool,
            Self::Structure(_) => ColumnKind::Structure,
        }
    }

    pub(super) fn get(&self, row: usize) -> Value<'a> {
        match self {
            Self::Text(array) if array.is_valid(row) => Value::Text(array.value(row).into()),
            Self::Number(array) if array.is_valid(row) => Value::Number(array.value(row)),
            Self::Time(array) if array.is_valid(row) => Value::Time(array.value(row)),
            Self::Bool(array) if array.is_valid(row) => Value::Bool(array.value(row)),
            Self::Structure(array) if array.is_valid(row) => untagged(array.value(row)),
            _ => Value::Null,
        }
    }
}

/// A column of the kind with these values.
pub(super) fn column_of(kind: ColumnKind, values: &[Value<'_>]) -> ArrayRef {
    match kind {
        ColumnKind::Text => {
            let texts = values.iter().map(Value::text);
            Arc::new(texts.collect::<StringArray>())
        }
        ColumnKind::Number => Arc::new(values.iter().map(Value::number).collect::<Float64Array>()),
        ColumnKind::Time => {
            let millis = values
                .iter()
                .map(|v| v.number().map(|millis| millis as i64));
            Arc::new(millis.collect::<Int64Array>())
        }
        ColumnKind::Bool => {
            let truths = values
                .iter()
                .map(|v| (*v != Value::Null).then(|| v.truth()));
            Arc::new(truths.collect::<BooleanArray>())
        }
        ColumnKind::Structure => Arc::new(values.iter().map(tagged).collect::<LargeStringArray>()),
    }
}

fn untagged(tagged: &str) -> Value<'_> {
    match tagged.split_at_checked(1) {
        Some(("j", json)) => Value::Structure(json.into()),
        Some((_, text)) => Value::Text(text.into()),
        None => Value::Null,
    }
}

/// How a value stands in a column of structures.
pub(super) fn tagged(value: &Value<'_>) -> Option<String> {
    match value {
        Value::Structure(json) => Some(format!("j{json}")),
        other => other.text().map(|text| format!("t{text}")),
    }
}

/// The value without maps and lists, which `stats`, `sort` and `dedup` do not take.
pub(super) fn flat(typed: Typed) -> Typed {
    if typed.kind != ColumnKind::Structure {
        return typed;
    }
    call("flat", vec![typed], ColumnKind::Text, |v| v[0].clone())
}

/// `function` over the values of `args` in each row, its value coerced to `kind`.
pub(super) fn call(
    name: &str,
    args: Vec<Typed>,
    kind: ColumnKind,
    function: impl for<'a> Fn(&[Value<'a>]) -> Value<'a> + Send + Sync + 'static,
) -> Typed {
    let run = move |arrays: &[ArrayRef]| map_rows(arrays, kind, &function);
    Typed::new(scalar(name, args, arrow_type(kind), run), kind)
}

/// Truth of each row; never null.
pub(super) fn truth(typed: Typed) -> Expr {
    if typed.kind == ColumnKind::Bool {
        return typed.expr;
    }
    call("truth", vec![typed], ColumnKind::Bool, |v| {
        Value::Bool(v[0].truth())
    })
    .expr
}

/// Whether each row's text is this one; never null.
///
/// A function of our own, because DataFusion's `= ... IS TRUE` has one nullability in the logical
/// plan and another in the physical one, and `stats` refuses such a column.
pub(super) fn equals(typed: Typed, text: &str) -> Expr {
    let text = text.to_owned();
    scalar("equals", vec![typed], DataType::Boolean, move |arrays| {
        let values = arrays[0].as_string::<i32>().iter();
        let equal = values.map(|value| Some(value == Some(text.as_str())));
        Ok(Arc::new(equal.collect::<BooleanArray>()))
    })
}

/// Each row's value as a number.
pub(super) fn number(typed: Typed) -> Expr {
    match typed.kind {
        ColumnKind::Number => return typed.expr,
        ColumnKind::Text => {
            return scalar("number", vec![typed], DataType::Float64, |arrays| {
                let texts = arrays[0].as_string::<i32>().iter();
                let numbers = texts.map(|text| text.and_then(parse_number));
                Ok(Arc::new(numbers.collect::<Float64Array>()))
            });
        }
        _ => {}
    }
    call("number", vec![typed], ColumnKind::Number, |v| {
        Value::of_number(v[0].number())
    })
    .expr
}

/// What to sort by.
pub(super) fn sortable(typed: Typed) -> Expr {
    let typed = flat(typed);
    if typed.kind != ColumnKind::Text {
        return typed.expr;
    }
    scalar("sort_key", vec![typed], DataType::Binary, |arrays| {
        let texts = arrays[0].as_string::<i32>();
        let mut keys = BinaryBuilder::with_capacity(texts.len(), 16 * texts.len());
        let mut key = Vec::new();
        for text in texts {
            match text {
                Some(text) => {
                    sort_key(text, &mut key);
                    keys.append_value(&key);
                }
                None => keys.append_null(),
            }
        }
        Ok(Arc::new(keys.finish()))
    })
}

/// `count` text columns from one: `split` pushes the parts of a text it matches. Parts are the
/// fields `0`, `1`, ... of a struct.
pub(super) fn split(
    value: Typed,
    count: usize,
    split: impl for<'a> Fn(&'a str, &mut Vec<Option<&'a str>>) + Send + Sync + 'static,
) -> Expr {
    let field = |index: usize| Field::new(index.to_string(), DataType::Utf8, true);
    let fields: Fields = (0..count).map(field).collect();
    let text = call("text", vec![value], ColumnKind::Text, |v| v[0].clone());
    let data_type = DataType::Struct(fields.clone());
    scalar("parse", vec![text], data_type, move |arrays| {
        let texts = arrays[0].as_string::<i32>();
        let mut columns: Vec<_> = (0..count).map(|_| StringBuilder::new()).collect();
        let mut parts = Vec::new();
        let mut room = TEXT_BYTES_MAX;
        for text in texts {
            parts.clear();
            if let Some(text) = text {
                split(text, &mut parts);
            }
            parts.resize(count, None);
            for (column, part) in columns.iter_mut().zip(&parts) {
                take(&mut room, *part)?;
                column.append_option(*part);
            }
        }
        let arrays = columns
            .iter_mut()
            .map(|c| Arc::new(c.finish()) as ArrayRef)
            .collect();
        Ok(Arc::new(StructArray::try_new(
            fields.clone(),
            arrays,
            None,
        )?))
    })
}

fn scalar(
    name: &str,
    args: Vec<Typed>,
    returns: DataType,
    run: impl Fn(&[ArrayRef]) -> Result<ArrayRef> + Send + Sync + 'static,
) -> Expr {
    let types = args.iter().map(|arg| arrow_type(arg.kind)).collect();
    let implementation = move |values: &[ColumnarValue]| {
        let constant = values.iter().all(|v| matches!(v, ColumnarValue::Scalar(_)));
        let arrays = ColumnarValue::values_to_arrays(values)?;
        let rows = arrays.first().map_or(1, |array| array.len());
        work::spend(rows + work::rows_of(arrays.iter().map(bytes).sum()))?;
        let result = Held::default().keep(run(&arrays)?)?;
        work::spend(work::rows_of(bytes(&result)))?;
        if constant {
            return ScalarValue::try_from_array(&result, 0).map(ColumnarValue::Scalar);
        }
        Ok(ColumnarValue::Array(result))
    };
    let function = create_udf(
        name,
        types,
        returns,
        Volatility::Immutable,
        Arc::new(implementation),
    );
    function.call(args.into_iter().map(|arg| arg.expr).collect())
}

/// What the values of an array take, without those that lie beside them in the same buffers.
fn bytes(array: &ArrayRef) -> usize {
    array.to_data().get_slice_memory_size().unwrap_or_default()
}

/// The most bytes of text that one expression may make of one batch of rows.
const TEXT_BYTES_MAX: usize = 1 << 28;

fn take(room: &mut usize, text: Option<&str>) -> Result<()> {
    let left = room.checked_sub(text.map_or(0, str::len));
    *room = left.ok_or_else(|| {
        DataFusionError::ResourcesExhausted("the texts that the query makes are too long".into())
    })?;
    Ok(())
}

fn map_rows(
    arrays: &[ArrayRef],
    kind: ColumnKind,
    function: &dyn for<'a> Fn(&[Value<'a>]) -> Value<'a>,
) -> Result<ArrayRef> {
    let columns = arrays.iter().map(Column::new).collect::<Result<Vec<_>>>()?;
    let rows = arrays.first().map_or(1, |array| array.len());
    let mut row_values = Vec::with_capacity(columns.len());
    let mut values = |row: usize| {
        row_values.clear();
        row_values.extend(columns.iter().map(|column| column.get(row)));
        function(&row_values)
    };
    Ok(match kind {
        ColumnKind::Text => {
            let mut builder = StringBuilder::with_capacity(rows, 16 * rows);
            let mut room = TEXT_BYTES_MAX;
            for row in 0..rows {
                let text = values(row).text();
                take(&mut room, text.as_deref())?;
                builder.append_option(text);
            }
            Arc::new(builder.finish())
        }
        ColumnKind::Number => {
            let mut builder = Float64Builder::with_capacity(rows);
            for row in 0..rows {
                builder.append_option(values(row).number());
            }
            Arc::new(builder.finish())
        }
        ColumnKind::Time => {
            let mut builder = Int64Builder::with_capacity(rows);
            for row in 0..rows {
                builder.append_option(values(row).number().map(|millis| millis as i64));
            }
            Arc::new(builder.finish())
        }
        ColumnKind::Structure => {
            let mut builder = LargeStringBuilder::with_capacity(rows, 16 * rows);
            let mut room = TEXT_BYTES_MAX;
            for row in 0..rows {
                let text = tagged(&values(row));
                take(&mut room, text.as_deref())?;
                builder.append_option(text);
            }
            Arc::new(builder.finish())
        }
        ColumnKind::Bool => {
            let mut builder = BooleanBuilder::with_capacity(rows);
            for row in 0..rows {
                builder.append_value(values(row).truth());
            }
            Arc::new(builder.finish())
        }
    })
}

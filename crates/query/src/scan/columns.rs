//! Values of text to Arrow arrays, a column at a time.

use std::sync::Arc;

use datafusion::arrow::array::{
    ArrayRef, ArrowPrimitiveType, BooleanBuilder, PrimitiveBuilder, StringViewBuilder,
};
use datafusion::arrow::compute::kernels::cast_utils::Parser;
use datafusion::arrow::datatypes::{
    DataType, Date32Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type,
    TimeUnit, TimestampMillisecondType,
};
use datafusion::common::{Result, not_impl_err};

use super::separators::{Line, Separators};

/// Where in a line a column's values stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Place {
    /// The value of that number, counted from 0.
    Value(u32),
    /// Nowhere: the file has no such column.
    Missing,
}

/// What Hive writes for NULL in a text file.
const HIVE_NULL: &str = r"\N";

/// A column that is being filled.
pub(super) enum Filling {
    Int8(PrimitiveBuilder<Int8Type>),
    Int16(PrimitiveBuilder<Int16Type>),
    Int32(PrimitiveBuilder<Int32Type>),
    Int64(PrimitiveBuilder<Int64Type>),
    Float32(PrimitiveBuilder<Float32Type>),
    Float64(PrimitiveBuilder<Float64Type>),
    Date(PrimitiveBuilder<Date32Type>),
    Timestamp(PrimitiveBuilder<TimestampMillisecondType>),
    Bool(BooleanBuilder),
    Text(StringViewBuilder),
}

impl Filling {
    /// An empty column of that type.
    ///
    /// # Errors
    /// If text is not read into such a type.
    pub(super) fn new(data_type: &DataType, rows: usize) -> Result<Self> {
        Ok(match data_type {
            DataType::Int8 => Self::Int8(PrimitiveBuilder::with_capacity(rows)),
            DataType::Int16 => Self::Int16(PrimitiveBuilder::with_capacity(rows)),
            DataType::Int32 => Self::Int32(PrimitiveBuilder::with_capacity(rows)),
            DataType::Int64 => Self::Int64(PrimitiveBuilder::with_capacity(rows)),
            DataType::Float32 => Self::Float32(PrimitiveBuilder::with_capacity(rows)),
            DataType::Float64 => Self::Float64(PrimitiveBuilder::with_capacity(rows)),
            DataType::Date32 => Self::Date(PrimitiveBuilder::with_capacity(rows)),
            DataType::Timestamp(TimeUnit::Millisecond, None) => {
                Self::Timestamp(PrimitiveBuilder::with_capacity(rows))
            }
            DataType::Boolean => Self::Bool(BooleanBuilder::with_capacity(rows)),
            DataType::Utf8View => Self::Text(StringViewBuilder::with_capacity(rows)),
            other => return not_impl_err!("a column of type {other} in a text file"),
        })
    }

    /// Adds the values of some lines.
    pub(super) fn extend(&mut self, text: &Lines<'_>, lines: &[Line], place: Place) {
        let values = lines.iter().map(|line| text.value(*line, place));
        match self {
            Self::Int8(to) => whole(to, values),
            Self::Int16(to) => whole(to, values),
            Self::Int32(to) => whole(to, values),
            Self::Int64(to) => whole(to, values),
            Self::Float32(to) => values.for_each(|v| to.append_option(v.and_then(parse))),
            Self::Float64(to) => values.for_each(|v| to.append_option(v.and_then(parse))),
            Self::Date(to) => values.for_each(|v| to.append_option(v.and_then(Date32Type::parse))),
            Self::Timestamp(to) => {
                let times = values.map(|v| v.and_then(TimestampMillisecondType::parse));
                times.for_each(|time| to.append_option(time));
            }
            Self::Bool(to) => values.for_each(|v| to.append_option(v.and_then(truth))),
            Self::Text(to) => values.for_each(|v| to.append_option(v)),
        }
    }

    /// The array; the column is empty again.
    pub(super) fn finish(&mut self) -> ArrayRef {
        match self {
            Self::Int8(from) => Arc::new(from.finish()),
            Self::Int16(from) => Arc::new(from.finish()),
            Self::Int32(from) => Arc::new(from.finish()),
            Self::Int64(from) => Arc::new(from.finish()),
            Self::Float32(from) => Arc::new(from.finish()),
            Self::Float64(from) => Arc::new(from.finish()),
            Self::Date(from) => Arc::new(from.finish()),
            Self::Timestamp(from) => Arc::new(from.finish()),
            Self::Bool(from) => Arc::new(from.finish()),
            Self::Text(from) => Arc::new(from.finish()),
        }
    }
}

/// A text cut into lines.
pub(super) struct Lines<'a> {
    pub(super) text: &'a str,
    pub(super) separators: &'a Separators,
}

impl<'a> Lines<'a> {
    /// A value; `None` for NULL.
    #[inline]
    pub(super) fn value(&self, line: Line, place: Place) -> Option<&'a str> {
        let Place::Value(index) = place else {
            return None;
        };
        let value = &self.text[self.separators.value(line, index)?];
        let last = index + 1 == self.separators.count(line);
        let value = if last {
            value.strip_suffix('\r').unwrap_or(value)
        } else {
            value
        };
        Some(value).filter(|value| *value != HIVE_NULL)
    }
}

#[inline]
fn whole<'a, T>(to: &mut PrimitiveBuilder<T>, values: impl Iterator<Item = Option<&'a str>>)
where
    T: ArrowPrimitiveType<Native: TryFrom<i64>>,
{
    for value in values {
        let number = value.and_then(|value| whole_number(value.as_bytes()));
        to.append_option(number.and_then(|number| T::Native::try_from(number).ok()));
    }
}

/// A whole number with an optional sign.
#[inline]
pub(super) fn whole_number(text: &[u8]) -> Option<i64> {
    // Eighteen digits always fit.
    if text.is_empty() || text.len() > 18 || !text[0].is_ascii_digit() {
        return std::str::from_utf8(text).ok()?.parse().ok();
    }
    let mut number = 0;
    for byte in text {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        number = number * 10 + i64::from(digit);
    }
    Some(number)
}

fn parse<T: std::str::FromStr>(text: &str) -> Option<T> {
    text.parse().ok()
}

fn truth(text: &str) -> Option<bool> {
    let is = |word: &str| text.eq_ignore_ascii_case(word);
    is("true")
        .then_some(true)
        .or_else(|| is("false").then_some(false))
}

//! Values of text to Arrow arrays, a column at a time.

use std::sync::Arc;

use datafusion::arrow::array::{
    ArrayRef, ArrowPrimitiveType, BooleanBuilder, PrimitiveBuilder, StringBuilder,
    StringViewBuilder,
};
use datafusion::arrow::compute::kernels::cast_utils::Parser;
use datafusion::arrow::datatypes::{
    DataType, Date32Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type,
    TimeUnit, TimestampMillisecondType, UInt32Type,
};
use datafusion::common::{Result, not_impl_err};
use wirelab_flowlog::{ColumnsError, LogColumn};

use super::codes::{Codes, NULL};
use super::headers::columns;
use super::moment::{Moment, second};
use super::separators::{Line, Separators};

/// Where in a line a column's values stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Place {
    /// The value of that number, counted from 0.
    Value(u32),
    /// The line itself.
    Line,
    /// Not in it: the number of the line's first byte in the unpacked file.
    Offset,
    /// Not a value: the second of the record.
    Moment,
    /// Not a value: the number of the line's format.
    Format,
    /// Nowhere: the file has no such column.
    Missing,
}

/// The first byte of a byte order mark.
const BYTE_ORDER: u8 = 0xef;

/// What Hive writes for NULL in a text file.
const HIVE_NULL: &[u8] = br"\N";

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
    /// Text for those that do not know views.
    String(StringBuilder),
    /// The codes of texts.
    Code(PrimitiveBuilder<UInt32Type>, Arc<Codes>),
    /// Numbers as this function reads them.
    Number(PrimitiveBuilder<Float64Type>, ReadNumber),
}

/// What number a text is, if it is one.
pub(crate) type ReadNumber = fn(&str) -> Option<f64>;

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
            DataType::Utf8 => Self::String(StringBuilder::with_capacity(rows, 16 * rows)),
            other => return not_impl_err!("a column of type {other} in a text file"),
        })
    }

    /// An empty column of codes.
    pub(super) fn of_codes(codes: &Arc<Codes>, rows: usize) -> Self {
        Self::Code(PrimitiveBuilder::with_capacity(rows), codes.clone())
    }

    /// An empty column of numbers.
    pub(super) fn of_numbers(read: ReadNumber, rows: usize) -> Self {
        Self::Number(PrimitiveBuilder::with_capacity(rows), read)
    }

    /// Adds the values of some lines.
    ///
    /// # Errors
    /// If there are no more codes.
    pub(super) fn extend(&mut self, text: &Lines<'_>, lines: &[Line], place: Place) -> Result<()> {
        let values = lines.iter().map(|line| text.value(*line, place));
        match self {
            Self::Int8(to) => whole(to, values),
            Self::Int16(to) => whole(to, values),
            Self::Int32(to) => whole(to, values),
            Self::Int64(to) if place == Place::Offset => {
                let offsets = lines.iter().map(|line| text.offset + line.start() as u64);
                to.extend(offsets.map(|offset| Some(offset as i64)));
            }
            Self::Int64(to) if place == Place::Moment => {
                to.extend(lines.iter().map(|line| Some(text.second(*line))));
            }
            Self::Int64(to) if place == Place::Format => {
                to.extend(lines.iter().map(|_| Some(text.format)));
            }
            Self::Int64(to) => whole(to, values),
            Self::Float32(to) => values.for_each(|v| to.append_option(v.and_then(parse))),
            Self::Float64(to) => values.for_each(|v| to.append_option(v.and_then(parse))),
            Self::Date(to) => {
                let days = values.map(|v| Date32Type::parse(str::from_utf8(v?).ok()?));
                days.for_each(|day| to.append_option(day));
            }
            Self::Timestamp(to) => {
                let times =
                    values.map(|v| TimestampMillisecondType::parse(str::from_utf8(v?).ok()?));
                times.for_each(|time| to.append_option(time));
            }
            Self::Bool(to) => values.for_each(|v| to.append_option(v.and_then(truth))),
            Self::Text(to) => values.for_each(|v| match v.map(str::from_utf8) {
                Some(Ok(text)) => to.append_value(text),
                Some(Err(_)) => to.append_option(v.map(String::from_utf8_lossy)),
                None => to.append_null(),
            }),
            Self::String(to) => values.for_each(|v| match v.map(str::from_utf8) {
                Some(Ok(text)) => to.append_value(text),
                Some(Err(_)) => to.append_option(v.map(String::from_utf8_lossy)),
                None => to.append_null(),
            }),
            Self::Code(to, codes) => {
                for value in values {
                    let code = value.map(|value| codes.of_bytes(value));
                    to.append_value(code.transpose()?.unwrap_or(NULL));
                }
            }
            Self::Number(to, read) => values.for_each(|v| {
                let number = v.and_then(|value| read(&String::from_utf8_lossy(value)));
                to.append_option(number);
            }),
        }
        Ok(())
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
            Self::String(from) => Arc::new(from.finish()),
            Self::Code(from, _) => Arc::new(from.finish()),
            Self::Number(from, _) => Arc::new(from.finish()),
        }
    }
}

/// A text cut into lines.
pub(super) struct Lines<'a> {
    pub(super) text: &'a [u8],
    pub(super) separators: &'a Separators,
    /// Where in the file the text begins.
    pub(super) offset: u64,
    /// How many values a line of the file's format has, if others have none of its columns.
    pub(super) exactly: Option<u32>,
    /// Where the times of the records are.
    pub(super) moment: Moment,
    /// The number of their format.
    pub(super) format: i64,
}

impl<'a> Lines<'a> {
    /// A value; `None` for NULL.
    #[inline]
    pub(super) fn value(&self, line: Line, place: Place) -> Option<&'a [u8]> {
        match place {
            Place::Value(index) => {
                let count = self.separators.count(line);
                if self.exactly.is_some_and(|exactly| exactly != count) {
                    return None;
                }
                let value = &self.text[self.separators.value(line, index)?];
                let value = if index + 1 == count {
                    trimmed(value)
                } else {
                    value
                };
                Some(value).filter(|value| *value != HIVE_NULL)
            }
            Place::Line => Some(trimmed(&self.text[self.separators.whole(line)])),
            Place::Offset | Place::Moment | Place::Format | Place::Missing => None,
        }
    }

    /// The second that the record itself says it was.
    #[inline]
    pub(super) fn own_second(&self, line: Line) -> Option<i64> {
        let at = |index: Option<u32>| {
            let value = self.value(line, Place::Value(index?))?;
            whole_number(value).and_then(second)
        };
        at(self.moment.start).or_else(|| at(self.moment.end))
    }

    /// The second of the record; the file's if it says none.
    #[inline]
    fn second(&self, line: Line) -> i64 {
        self.own_second(line).unwrap_or(self.moment.otherwise)
    }

    /// Whether the line is that text.
    pub(super) fn is(&self, line: Line, text: &[u8]) -> bool {
        trimmed(&self.text[self.separators.whole(line)]) == text
    }

    /// The columns that the line names, if it is a header.
    #[inline]
    pub(super) fn header(&self, line: Line) -> Option<Result<Vec<LogColumn>, ColumnsError>> {
        let first = self.text[line.start() as usize];
        // Records begin with a digit as a rule, and are told by it.
        if !first.is_ascii_alphabetic() && first != BYTE_ORDER {
            return None;
        }
        columns(trimmed(&self.text[self.separators.whole(line)]))
    }

    /// Whether there is nothing in the line.
    pub(super) fn is_blank(&self, line: Line) -> bool {
        let whole = &self.text[self.separators.whole(line)];
        whole.iter().all(u8::is_ascii_whitespace)
    }
}

/// Lines may end as those of Windows do.
#[inline]
fn trimmed(value: &[u8]) -> &[u8] {
    value.strip_suffix(b"\r").unwrap_or(value)
}

#[inline]
fn whole<'a, T>(to: &mut PrimitiveBuilder<T>, values: impl Iterator<Item = Option<&'a [u8]>>)
where
    T: ArrowPrimitiveType<Native: TryFrom<i64>>,
{
    for value in values {
        let number = value.and_then(whole_number);
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

fn parse<T: std::str::FromStr>(text: &[u8]) -> Option<T> {
    str::from_utf8(text).ok()?.parse().ok()
}

fn truth(text: &[u8]) -> Option<bool> {
    let is = |word: &str| text.eq_ignore_ascii_case(word.as_bytes());
    is("true")
        .then_some(true)
        .or_else(|| is("false").then_some(false))
}

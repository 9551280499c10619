//! Trino's types: their names, what Arrow keeps them in, and what coerces to what.

use std::fmt;
use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Field, Fields, IntervalUnit, TimeUnit};

use super::error::{Checked, Fault};

/// Parentheses of a type's text.
const NESTED_MAX: usize = 100;

/// A type of a value. `Display` is Trino's name of it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Type {
    /// Of a bare NULL.
    Unknown,
    Boolean,
    TinyInt,
    SmallInt,
    Integer,
    BigInt,
    Real,
    Double,
    Decimal(u8, i8),
    /// With the longest length, if one is known.
    Varchar(Option<usize>),
    Varbinary,
    Json,
    Date,
    Timestamp,
    /// A moment and the zone it is shown in, the same for all values.
    TimestampTz(Arc<str>),
    /// A moment and the zone it is shown in, which every value has of its own.
    Zoned,
    /// A time of day.
    Time,
    DayTime,
    YearMonth,
    IpAddress,
    IpPrefix,
    Array(Box<Self>),
    Map(Box<Self>, Box<Self>),
    Row(Vec<(Option<String>, Self)>),
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Decimal(precision, scale) => write!(f, "decimal({precision},{scale})"),
            Self::Varchar(Some(length)) => write!(f, "varchar({length})"),
            Self::Timestamp => f.write_str("timestamp(3)"),
            Self::TimestampTz(_) | Self::Zoned => f.write_str("timestamp(3) with time zone"),
            Self::Time => f.write_str("time(3)"),
            Self::Array(item) => write!(f, "array({item})"),
            Self::Map(key, value) => write!(f, "map({key}, {value})"),
            Self::Row(fields) => {
                let fields: Vec<String> = fields
                    .iter()
                    .map(|(name, ty)| match name {
                        Some(name) => format!("{name} {ty}"),
                        None => ty.to_string(),
                    })
                    .collect();
                write!(f, "row({})", fields.join(", "))
            }
            _ => f.write_str(self.simple_name()),
        }
    }
}

impl Type {
    /// UTC's moments.
    pub(super) fn utc() -> Self {
        Self::TimestampTz("UTC".into())
    }

    pub(super) const TEXT: Self = Self::Varchar(None);

    pub(super) fn array(item: Self) -> Self {
        Self::Array(Box::new(item))
    }

    /// The name without parameters: `Type` of the API's `ColumnInfo`.
    pub(super) fn simple_name(&self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Boolean => "boolean",
            Self::TinyInt => "tinyint",
            Self::SmallInt => "smallint",
            Self::Integer => "integer",
            Self::BigInt => "bigint",
            Self::Real => "real",
            Self::Double => "double",
            Self::Decimal(..) => "decimal",
            Self::Varchar(_) => "varchar",
            Self::Varbinary => "varbinary",
            Self::Json => "json",
            Self::Date => "date",
            Self::Timestamp => "timestamp",
            Self::TimestampTz(_) | Self::Zoned => "timestamp with time zone",
            Self::Time => "time",
            Self::DayTime => "interval day to second",
            Self::YearMonth => "interval year to month",
            Self::IpAddress => "ipaddress",
            Self::IpPrefix => "ipprefix",
            Self::Array(_) => "array",
            Self::Map(..) => "map",
            Self::Row(_) => "row",
        }
    }

    /// What Arrow keeps its values in.
    pub(super) fn arrow(&self) -> DataType {
        match self {
            Self::Unknown => DataType::Null,
            Self::Boolean => DataType::Boolean,
            Self::TinyInt => DataType::Int8,
            Self::SmallInt => DataType::Int16,
            Self::Integer => DataType::Int32,
            Self::BigInt | Self::Zoned => DataType::Int64,
            Self::Time => DataType::Time32(TimeUnit::Millisecond),
            Self::Real => DataType::Float32,
            Self::Double => DataType::Float64,
            Self::Decimal(precision, scale) => DataType::Decimal128(*precision, *scale),
            Self::Varchar(_) | Self::Json => DataType::Utf8View,
            Self::Varbinary | Self::IpAddress | Self::IpPrefix => DataType::Binary,
            Self::Date => DataType::Date32,
            Self::Timestamp => DataType::Timestamp(TimeUnit::Millisecond, None),
            Self::TimestampTz(zone) => {
                DataType::Timestamp(TimeUnit::Millisecond, Some(Arc::clone(zone)))
            }
            Self::DayTime => DataType::Duration(TimeUnit::Millisecond),
            Self::YearMonth => DataType::Interval(IntervalUnit::YearMonth),
            Self::Array(item) => DataType::List(Arc::new(item.field("item"))),
            Self::Map(key, value) => {
                let entries = Fields::from(vec![
                    Field::new("key", key.arrow(), false),
                    value.field("value"),
                ]);
                let entries = Field::new("entries", DataType::Struct(entries), false);
                DataType::Map(Arc::new(entries), false)
            }
            Self::Row(fields) => DataType::Struct(
                fields
                    .iter()
                    .enumerate()
                    .map(|(i, (_, ty))| ty.field(&format!("f{i}")))
                    .collect(),
            ),
        }
    }

    /// A column of it.
    pub(super) fn field(&self, name: &str) -> Field {
        Field::new(name, self.arrow(), true)
    }

    pub(super) fn is_integer(&self) -> bool {
        matches!(
            self,
            Self::TinyInt | Self::SmallInt | Self::Integer | Self::BigInt
        )
    }

    /// The least and the greatest value of an integer type.
    pub(super) fn integers(&self) -> Option<(i64, i64)> {
        Some(match self {
            Self::TinyInt => (i8::MIN.into(), i8::MAX.into()),
            Self::SmallInt => (i16::MIN.into(), i16::MAX.into()),
            Self::Integer => (i32::MIN.into(), i32::MAX.into()),
            Self::BigInt => (i64::MIN, i64::MAX),
            _ => return None,
        })
    }

    pub(super) fn is_number(&self) -> bool {
        self.is_integer() || matches!(self, Self::Real | Self::Double | Self::Decimal(..))
    }

    pub(super) fn is_text(&self) -> bool {
        matches!(self, Self::Varchar(_))
    }

    /// Whether values lie on the calendar.
    pub(super) fn is_point(&self) -> bool {
        matches!(self, Self::Date | Self::Timestamp) || self.has_zone()
    }

    pub(super) fn has_zone(&self) -> bool {
        matches!(self, Self::TimestampTz(_) | Self::Zoned)
    }

    /// The type in which values of this one are compared: of moments the zones do not count.
    pub(super) fn compared(self) -> Self {
        match self {
            Self::Zoned => Self::utc(),
            other => other,
        }
    }

    /// Whether values hold others, or are texts of JSON that may hold as much.
    pub(super) fn is_nested(&self) -> bool {
        matches!(
            self,
            Self::Array(_) | Self::Map(..) | Self::Row(_) | Self::Json | Self::Varbinary
        )
    }

    /// Whether values have an order.
    pub(super) fn is_orderable(&self) -> bool {
        match self {
            Self::Map(..) | Self::Json => false,
            Self::Array(item) => item.is_orderable(),
            Self::Row(fields) => fields.iter().all(|(_, ty)| ty.is_orderable()),
            _ => true,
        }
    }

    /// The decimal that holds every value of an integer type, or the type itself.
    fn as_decimal(&self) -> Option<(u8, i8)> {
        Some(match self {
            Self::TinyInt => (3, 0),
            Self::SmallInt => (5, 0),
            Self::Integer => (10, 0),
            Self::BigInt => (19, 0),
            Self::Decimal(precision, scale) => (*precision, *scale),
            _ => return None,
        })
    }

    /// Both as decimals, if both are exact numbers.
    pub(super) fn decimals(&self, other: &Self) -> Option<((u8, i8), (u8, i8))> {
        self.as_decimal().zip(other.as_decimal())
    }

    /// The type that values of both become where they meet.
    pub(super) fn common(&self, other: &Self) -> Option<Self> {
        if self == other {
            return Some(self.clone());
        }
        Some(match (self, other) {
            (Self::Unknown, ty) | (ty, Self::Unknown) => ty.clone(),
            (Self::Varchar(a), Self::Varchar(b)) => Self::Varchar(a.zip(*b).map(|(a, b)| a.max(b))),
            (a, b) if a.is_integer() && b.is_integer() => a.max(b).clone(),
            (Self::Double, b) if b.is_number() => Self::Double,
            (a, Self::Double) if a.is_number() => Self::Double,
            (Self::Real, b) if b.is_number() => Self::Real,
            (a, Self::Real) if a.is_number() => Self::Real,
            (a, b) if a.is_number() && b.is_number() => {
                let ((p, s), (q, t)) = a.decimals(b)?;
                let scale = s.max(t);
                let whole = (p as i8 - s).max(q as i8 - t);
                Self::Decimal((whole + scale).min(38) as u8, scale)
            }
            (Self::Date, Self::Timestamp) | (Self::Timestamp, Self::Date) => Self::Timestamp,
            // What has no zone is of UTC, whatever the zone of the other.
            (a, b) if a.is_point() && b.is_point() => {
                let utc = |ty: &Self| !ty.has_zone() || *ty == Self::utc();
                if utc(a) && utc(b) {
                    Self::utc()
                } else {
                    Self::Zoned
                }
            }
            (Self::Array(a), Self::Array(b)) => Self::array(a.common(b)?),
            (Self::Map(k, v), Self::Map(l, w)) => {
                Self::Map(Box::new(k.common(l)?), Box::new(v.common(w)?))
            }
            (Self::Row(a), Self::Row(b)) if a.len() == b.len() => {
                let fields = a.iter().zip(b).map(|((name, a), (_, b))| {
                    let ty = a.common(b)?;
                    Some((name.clone(), ty))
                });
                Self::Row(fields.collect::<Option<_>>()?)
            }
            _ => return None,
        })
    }

    /// Whether a value becomes `to` without a cast being written.
    pub(super) fn coerces_to(&self, to: &Self) -> bool {
        match (self, to) {
            (Self::Varchar(_), Self::Varchar(None)) => true,
            _ => self.common(to).as_ref() == Some(to),
        }
    }

    /// Reads a type as a query writes it, or (`struct<…>`, `array<…>`, `string`) as DDL does.
    pub(super) fn parse(text: &str, at: usize) -> Checked<Self> {
        if text.matches(['(', '<']).count() > NESTED_MAX {
            let message = "statement is too large: a type has too many parts";
            return Err(Fault::new("STATEMENT_TOO_LARGE", at, message));
        }
        let text = text.trim().to_lowercase();
        let unknown = || Fault::new("TYPE_NOT_FOUND", at, format!("Unknown type: {text}"));
        let end = text.find(['(', '<']).unwrap_or(text.len());
        let name = text[..end].trim();
        let (inner, rest) = match text[end..].rfind([')', '>']) {
            Some(close) => (&text[end + 1..end + close], text[end + close + 1..].trim()),
            None => ("", ""),
        };
        let parts = split(inner);
        let number = |at: usize| parts.get(at).and_then(|part| part.parse::<u8>().ok());
        Ok(match (name, parts.len()) {
            ("boolean", 0) => Self::Boolean,
            ("tinyint", 0) => Self::TinyInt,
            ("smallint", 0) => Self::SmallInt,
            ("int" | "integer", 0) => Self::Integer,
            ("bigint", 0) => Self::BigInt,
            ("real" | "float", 0) => Self::Real,
            ("double" | "double precision", 0) => Self::Double,
            ("decimal" | "numeric" | "dec", 0..=2) => {
                let precision = number(0).unwrap_or(if parts.is_empty() { 38 } else { 0 });
                let scale = number(1).unwrap_or(0);
                if !(1..=38).contains(&precision) || scale > precision {
                    return Err(unknown());
                }
                Self::Decimal(precision, scale as i8)
            }
            ("varchar" | "char", 1) => {
                Self::Varchar(Some(parts[0].parse().map_err(|_| unknown())?))
            }
            ("varchar" | "string", 0) => Self::TEXT,
            ("char", 0) => Self::Varchar(Some(1)),
            ("varbinary" | "binary", 0) => Self::Varbinary,
            ("json", 0) => Self::Json,
            ("date", 0) => Self::Date,
            ("timestamp", 0 | 1) if rest == "with time zone" => Self::utc(),
            ("timestamp with time zone", 0) => Self::utc(),
            ("timestamp", 0 | 1) => Self::Timestamp,
            ("time", 0 | 1) if rest.is_empty() => Self::Time,
            ("ipaddress", 0) => Self::IpAddress,
            ("ipprefix", 0) => Self::IpPrefix,
            ("interval day to second", 0) => Self::DayTime,
            ("interval year to month", 0) => Self::YearMonth,
            ("array", 1) => Self::array(Self::parse(parts[0], at)?),
            ("map", 2) => {
                let key = Self::parse(parts[0], at)?;
                Self::Map(Box::new(key), Box::new(Self::parse(parts[1], at)?))
            }
            ("row" | "struct", 1..) => {
                let fields = parts.iter().map(|part| row_field(part, at));
                Self::Row(fields.collect::<Checked<_>>()?)
            }
            _ => return Err(unknown()),
        })
    }
}

/// `name type`, `name:type` or `type`.
fn row_field(text: &str, at: usize) -> Checked<(Option<String>, Type)> {
    let plain = Type::parse(text, at);
    if let Ok(ty) = plain {
        return Ok((None, ty));
    }
    let Some((name, ty)) = text.split_once([' ', ':']) else {
        return plain.map(|ty| (None, ty));
    };
    Ok((
        Some(name.trim_matches('"').to_owned()),
        Type::parse(ty, at)?,
    ))
}

/// The parts between commas that are in no parentheses.
fn split(text: &str) -> Vec<&str> {
    let (mut parts, mut open, mut from) = (Vec::new(), 0, 0);
    for (i, c) in text.char_indices() {
        match c {
            '(' | '<' => open += 1,
            ')' | '>' => open -= 1,
            ',' if open == 0 => {
                parts.push(text[from..i].trim());
                from = i + 1;
            }
            _ => {}
        }
    }
    if !text.trim().is_empty() {
        parts.push(text[from..].trim());
    }
    parts
}

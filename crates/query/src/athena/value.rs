//! Values of single rows, for the functions that DataFusion has no kernel for.
//!
//! A function of Trino's is a Rust function over `Value`s; this file carries rows between those and
//! Arrow arrays. It costs a match a value, which is little beside a date format or a regex.

use std::borrow::Cow;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, BinaryArray, BooleanArray, Date32Array, Decimal128Array,
    DurationMillisecondArray, Float32Array, Float64Array, Int8Array, Int16Array, Int32Array,
    Int64Array, IntervalYearMonthArray, ListArray, MapArray, StringViewArray, StructArray,
    Time32MillisecondArray, TimestampMillisecondArray, new_null_array,
};
use datafusion::arrow::buffer::{NullBuffer, OffsetBuffer};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{
    DataType, Date32Type, Decimal128Type, DurationMillisecondType, Field, Float32Type, Float64Type,
    Int8Type, Int16Type, Int32Type, Int64Type, IntervalYearMonthType, Time32MillisecondType,
    TimestampMillisecondType,
};
use datafusion::common::Result;

use super::types::Type;

/// One value. Its type is known from where it stands.
#[derive(Clone, Debug, PartialEq, Default)]
pub(super) enum Value<'a> {
    #[default]
    Null,
    Bool(bool),
    /// Integers; days of a date; milliseconds of a timestamp, time or interval; months; a moment
    /// packed with its zone.
    Int(i64),
    Float(f64),
    /// Without its scale.
    Decimal(i128),
    Text(Cow<'a, str>),
    Bytes(Cow<'a, [u8]>),
    /// Elements, or the fields of a row.
    List(Vec<Self>),
    Map(Vec<(Self, Self)>),
}

impl Value<'_> {
    pub(super) fn is_null(&self) -> bool {
        *self == Value::Null
    }

    /// A value that borrows nothing.
    pub(super) fn into_owned(self) -> Value<'static> {
        match self {
            Value::Null => Value::Null,
            Value::Bool(v) => Value::Bool(v),
            Value::Int(v) => Value::Int(v),
            Value::Float(v) => Value::Float(v),
            Value::Decimal(v) => Value::Decimal(v),
            Value::Text(v) => Value::Text(Cow::Owned(v.into_owned())),
            Value::Bytes(v) => Value::Bytes(Cow::Owned(v.into_owned())),
            Value::List(v) => Value::List(v.into_iter().map(Value::into_owned).collect()),
            Value::Map(v) => {
                let owned = v.into_iter().map(|(k, v)| (k.into_owned(), v.into_owned()));
                Value::Map(owned.collect())
            }
        }
    }

    /// Bytes that it takes in memory.
    pub(super) fn weight(&self) -> usize {
        let held = match self {
            Value::Text(text) => text.len(),
            Value::Bytes(bytes) => bytes.len(),
            Value::List(items) => items.iter().map(Value::weight).sum(),
            Value::Map(entries) => entries.iter().map(|(k, v)| k.weight() + v.weight()).sum(),
            _ => 0,
        };
        held + size_of::<Value<'_>>()
    }

    /// The same for equal values.
    pub(super) fn hash(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        self.feed(&mut hasher);
        hasher.finish()
    }

    fn feed(&self, hasher: &mut DefaultHasher) {
        match self {
            Value::Null => hasher.write_u8(0),
            Value::Bool(v) => v.hash(hasher),
            Value::Int(v) => v.hash(hasher),
            // Zeros are equal whatever their sign.
            Value::Float(v) => (v + 0.0).to_bits().hash(hasher),
            Value::Decimal(v) => v.hash(hasher),
            Value::Text(v) => v.hash(hasher),
            Value::Bytes(v) => v.hash(hasher),
            Value::List(items) => items.iter().for_each(|item| item.feed(hasher)),
            Value::Map(entries) => entries.iter().for_each(|(key, value)| {
                key.feed(hasher);
                value.feed(hasher);
            }),
        }
    }

    pub(super) fn int(&self) -> i64 {
        match self {
            Value::Int(v) => *v,
            _ => 0,
        }
    }

    pub(super) fn float(&self) -> f64 {
        match self {
            Value::Float(v) => *v,
            Value::Int(v) => *v as f64,
            _ => 0.0,
        }
    }

    pub(super) fn text(&self) -> &str {
        match self {
            Value::Text(v) => v,
            _ => "",
        }
    }

    pub(super) fn bytes(&self) -> &[u8] {
        match self {
            Value::Bytes(v) => v,
            _ => &[],
        }
    }

    pub(super) fn list(&self) -> &[Self] {
        match self {
            Value::List(v) => v,
            _ => &[],
        }
    }

    pub(super) fn bool(&self) -> bool {
        *self == Value::Bool(true)
    }

    /// Order of two values of one type; nulls last.
    pub(super) fn order(&self, other: &Self) -> std::cmp::Ordering {
        use std::cmp::Ordering;
        match (self, other) {
            (Value::Null, Value::Null) => Ordering::Equal,
            (Value::Null, _) => Ordering::Greater,
            (_, Value::Null) => Ordering::Less,
            (Value::Bool(a), Value::Bool(b)) => a.cmp(b),
            (Value::Int(a), Value::Int(b)) => a.cmp(b),
            (Value::Float(a), Value::Float(b)) => a.total_cmp(b),
            (Value::Decimal(a), Value::Decimal(b)) => a.cmp(b),
            (Value::Text(a), Value::Text(b)) => a.cmp(b),
            (Value::Bytes(a), Value::Bytes(b)) => a.cmp(b),
            (Value::List(a), Value::List(b)) => {
                let pairs = a.iter().zip(b).map(|(a, b)| a.order(b));
                let first = pairs.into_iter().find(|order| order.is_ne());
                first.unwrap_or_else(|| a.len().cmp(&b.len()))
            }
            _ => Ordering::Equal,
        }
    }
}

impl<'a> Value<'a> {
    pub(super) fn str(text: impl Into<Cow<'a, str>>) -> Self {
        Value::Text(text.into())
    }
}

/// A value of a row of an array.
pub(super) fn get<'a>(array: &'a dyn Array, ty: &Type, row: usize) -> Value<'a> {
    if array.is_null(row) || *ty == Type::Unknown {
        return Value::Null;
    }
    match ty {
        Type::Unknown => Value::Null,
        Type::Boolean => Value::Bool(array.as_boolean().value(row)),
        Type::TinyInt => Value::Int(array.as_primitive::<Int8Type>().value(row).into()),
        Type::SmallInt => Value::Int(array.as_primitive::<Int16Type>().value(row).into()),
        Type::Integer => Value::Int(array.as_primitive::<Int32Type>().value(row).into()),
        Type::BigInt => Value::Int(array.as_primitive::<Int64Type>().value(row)),
        Type::Real => Value::Float(array.as_primitive::<Float32Type>().value(row).into()),
        Type::Double => Value::Float(array.as_primitive::<Float64Type>().value(row)),
        Type::Decimal(..) => Value::Decimal(array.as_primitive::<Decimal128Type>().value(row)),
        Type::Varchar(_) | Type::Json => Value::str(array.as_string_view().value(row)),
        Type::Varbinary | Type::IpAddress | Type::IpPrefix => {
            Value::Bytes(array.as_binary::<i32>().value(row).into())
        }
        Type::Date => Value::Int(array.as_primitive::<Date32Type>().value(row).into()),
        Type::Zoned => Value::Int(array.as_primitive::<Int64Type>().value(row)),
        Type::Time => Value::Int(
            array
                .as_primitive::<Time32MillisecondType>()
                .value(row)
                .into(),
        ),
        Type::Timestamp | Type::TimestampTz(_) => {
            Value::Int(array.as_primitive::<TimestampMillisecondType>().value(row))
        }
        Type::DayTime => Value::Int(array.as_primitive::<DurationMillisecondType>().value(row)),
        Type::YearMonth => Value::Int(
            array
                .as_primitive::<IntervalYearMonthType>()
                .value(row)
                .into(),
        ),
        Type::Array(item) => {
            let list = array.as_list::<i32>();
            let (from, to) = range(list.value_offsets(), row);
            Value::List((from..to).map(|at| get(list.values(), item, at)).collect())
        }
        Type::Map(key, value) => {
            let map = array.as_map();
            let (from, to) = range(map.value_offsets(), row);
            let entry = |at| (get(map.keys(), key, at), get(map.values(), value, at));
            Value::Map((from..to).map(entry).collect())
        }
        Type::Row(fields) => {
            let columns = array.as_struct().columns();
            let fields = fields.iter().zip(columns);
            Value::List(
                fields
                    .map(|((_, ty), column)| get(column, ty, row))
                    .collect(),
            )
        }
    }
}

fn range(offsets: &[i32], row: usize) -> (usize, usize) {
    (offsets[row] as usize, offsets[row + 1] as usize)
}

/// An array of values of one type.
pub(super) fn array(ty: &Type, values: &[Value<'_>]) -> Result<ArrayRef> {
    let ints = || values.iter().map(|v| (!v.is_null()).then(|| v.int()));
    let floats = || values.iter().map(|v| (!v.is_null()).then(|| v.float()));
    Ok(match ty {
        Type::Unknown => new_null_array(&DataType::Null, values.len()),
        Type::Boolean => Arc::new(BooleanArray::from_iter(
            values.iter().map(|v| (!v.is_null()).then(|| v.bool())),
        )),
        Type::TinyInt => Arc::new(Int8Array::from_iter(ints().map(|v| v.map(|v| v as i8)))),
        Type::SmallInt => Arc::new(Int16Array::from_iter(ints().map(|v| v.map(|v| v as i16)))),
        Type::Integer => Arc::new(Int32Array::from_iter(ints().map(|v| v.map(|v| v as i32)))),
        Type::BigInt | Type::Zoned => Arc::new(Int64Array::from_iter(ints())),
        Type::Time => Arc::new(Time32MillisecondArray::from_iter(
            ints().map(|v| v.map(|v| v as i32)),
        )),
        Type::Real => Arc::new(Float32Array::from_iter(
            floats().map(|v| v.map(|v| v as f32)),
        )),
        Type::Double => Arc::new(Float64Array::from_iter(floats())),
        Type::Decimal(precision, scale) => {
            let values = values.iter().map(|v| match v {
                Value::Decimal(v) => Some(*v),
                _ => None,
            });
            Arc::new(
                Decimal128Array::from_iter(values).with_precision_and_scale(*precision, *scale)?,
            )
        }
        Type::Varchar(_) | Type::Json => Arc::new(StringViewArray::from_iter(
            values.iter().map(|v| (!v.is_null()).then(|| v.text())),
        )),
        Type::Varbinary | Type::IpAddress | Type::IpPrefix => Arc::new(BinaryArray::from_iter(
            values.iter().map(|v| (!v.is_null()).then(|| v.bytes())),
        )),
        Type::Date => Arc::new(Date32Array::from_iter(ints().map(|v| v.map(|v| v as i32)))),
        Type::Timestamp => Arc::new(TimestampMillisecondArray::from_iter(ints())),
        Type::TimestampTz(zone) => {
            Arc::new(TimestampMillisecondArray::from_iter(ints()).with_timezone(Arc::clone(zone)))
        }
        Type::DayTime => Arc::new(DurationMillisecondArray::from_iter(ints())),
        Type::YearMonth => Arc::new(IntervalYearMonthArray::from_iter(
            ints().map(|v| v.map(|v| v as i32)),
        )),
        Type::Array(item) => Arc::new(list_array(item, values)?),
        Type::Map(key, value) => Arc::new(map_array(ty, key, value, values)?),
        Type::Row(fields) => {
            let columns = fields.iter().enumerate().map(|(i, (_, ty))| {
                let column: Vec<Value<'_>> = values
                    .iter()
                    .map(|row| row.list().get(i).cloned().unwrap_or_default())
                    .collect();
                array(ty, &column)
            });
            let DataType::Struct(fields) = ty.arrow() else {
                return Ok(new_null_array(&ty.arrow(), values.len()));
            };
            let columns = columns.collect::<Result<Vec<_>>>()?;
            let nulls = present(values);
            Arc::new(StructArray::try_new(fields, columns, nulls)?)
        }
    })
}

fn present(values: &[Value<'_>]) -> Option<NullBuffer> {
    Some(values.iter().map(|v| !v.is_null()).collect())
}

fn list_array(item: &Type, values: &[Value<'_>]) -> Result<ListArray> {
    let offsets = OffsetBuffer::from_lengths(values.iter().map(|v| v.list().len()));
    let items: Vec<Value<'_>> = values.iter().flat_map(|v| v.list()).cloned().collect();
    let field = Arc::new(item.field("item"));
    let items = array(item, &items)?;
    Ok(ListArray::try_new(field, offsets, items, present(values))?)
}

fn map_array(ty: &Type, key: &Type, value: &Type, values: &[Value<'_>]) -> Result<MapArray> {
    let empty: &[(Value<'_>, Value<'_>)] = &[];
    let maps = values.iter().map(|v| match v {
        Value::Map(entries) => entries.as_slice(),
        _ => empty,
    });
    let offsets = OffsetBuffer::from_lengths(maps.clone().map(<[_]>::len));
    let (keys, items): (Vec<_>, Vec<_>) = maps.flatten().cloned().unzip();
    let columns = vec![array(key, &keys)?, array(value, &items)?];
    let DataType::Map(entries, _) = ty.arrow() else {
        return Err(datafusion::common::internal_datafusion_err!(
            "{ty} is no map"
        ));
    };
    let DataType::Struct(fields) = entries.data_type() else {
        return Err(datafusion::common::internal_datafusion_err!(
            "{ty} has no entries"
        ));
    };
    let structs = StructArray::try_new(fields.clone(), columns, None)?;
    Ok(MapArray::try_new(
        entries,
        offsets,
        structs,
        present(values),
        false,
    )?)
}

/// The array in the Arrow type of `ty`, if a kernel of DataFusion gave it in another one.
pub(super) fn fitted(values: &ArrayRef, ty: &Type) -> Result<ArrayRef> {
    if *values.data_type() == ty.arrow() {
        return Ok(Arc::clone(values));
    }
    Ok(cast(values, &ty.arrow())?)
}

/// A field that a plan calls by a name of ours.
pub(super) fn field(name: &str, ty: &Type) -> Arc<Field> {
    Arc::new(ty.field(name))
}

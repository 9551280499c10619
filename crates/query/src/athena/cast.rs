//! CAST, and the casts that coercion adds.

use datafusion::common::ScalarValue;
use datafusion::logical_expr::{Expr, cast};

use super::error::{Checked, Fault};
use super::functions::{
    Given, Run, Udf, moment_and_zone, packed, parse_address, parse_date, parse_prefix, parse_time,
    parse_timestamp, zone_moment, zone_name, zone_offset,
};
use super::result;
use super::types::Type;
use super::value::Value;

const DAY: i64 = 86_400_000;

/// The expression as another type.
pub(super) fn to(expr: Expr, from: &Type, to: &Type) -> Expr {
    convert(expr, from, to, ("cast to", run))
}

/// The same, NULL where the value is none of that type.
pub(super) fn try_to(expr: Expr, from: &Type, to: &Type) -> Expr {
    let run: Run = |given, v| run(given, v).or(Ok(Value::Null));
    convert(expr, from, to, ("try_cast to", run))
}

fn convert(expr: Expr, from: &Type, to: &Type, (name, run): (&str, Run)) -> Expr {
    if from == to || (from.arrow() == to.arrow() && is_free(from, to)) {
        return expr;
    }
    if is_native(from, to) {
        if let Expr::Literal(value, _) = &expr
            && let Ok(value) = value.cast_to(&to.arrow())
        {
            return Expr::Literal(value, None);
        }
        return cast(expr, to.arrow());
    }
    let name = format!("{name} {to}");
    let udf = Udf::new(&name, vec![from.clone()], to.clone(), run, false);
    folded(udf.call(vec![expr]))
}

/// Whether values stay as they are.
fn is_free(from: &Type, to: &Type) -> bool {
    match (from, to) {
        (Type::Varchar(_), Type::Varchar(None)) => true,
        (Type::Varchar(Some(a)), Type::Varchar(Some(b))) => a <= b,
        (Type::Array(a), Type::Array(b)) => a == b || is_free(a, b),
        (a, b) => a == b,
    }
}

/// Whether Arrow's own cast does the same and cannot fail.
fn is_native(from: &Type, to: &Type) -> bool {
    match (from, to) {
        (Type::Unknown, _) => true,
        (a, b) if a.is_integer() && b.is_integer() => a <= b,
        (a, Type::Double) => a.is_integer() || *a == Type::Real,
        (a, Type::Real) => a.is_integer(),
        (Type::Date, Type::Timestamp) => true,
        (Type::Date | Type::Timestamp, Type::TimestampTz(zone)) => &**zone == "UTC",
        (Type::TimestampTz(_), Type::TimestampTz(_)) => true,
        _ => false,
    }
}

/// The value of a call whose arguments are all literals; calls that fail stay, to fail when (and
/// if) they run.
pub(super) fn folded(call: Expr) -> Expr {
    use datafusion::arrow::datatypes::Schema;
    use datafusion::arrow::record_batch::{RecordBatch, RecordBatchOptions};
    use datafusion::common::DFSchema;
    use datafusion::logical_expr::physical_planning_context::PhysicalPlanningContext;
    use datafusion::logical_expr::{ColumnarValue, Volatility};
    use datafusion::physical_expr::create_physical_expr;

    let Expr::ScalarFunction(function) = &call else {
        return call;
    };
    let literal = |arg: &Expr| matches!(arg, Expr::Literal(..));
    let fixed = function.func.signature().volatility != Volatility::Volatile;
    if !fixed || function.args.is_empty() || !function.args.iter().all(literal) {
        return call;
    }
    let value = || -> datafusion::common::Result<ScalarValue> {
        let props = datafusion::execution::context::ExecutionProps::new();
        let physical = create_physical_expr(
            &call,
            &DFSchema::empty(),
            &props,
            &PhysicalPlanningContext::default(),
        )?;
        let options = RecordBatchOptions::new().with_row_count(Some(1));
        let schema = std::sync::Arc::new(Schema::empty());
        let one = RecordBatch::try_new_with_options(schema, Vec::new(), &options)?;
        match physical.evaluate(&one)? {
            ColumnarValue::Scalar(value) => Ok(value),
            ColumnarValue::Array(array) => ScalarValue::try_from_array(&array, 0),
        }
    };
    match value() {
        Ok(value) => Expr::Literal(value, None),
        Err(_) => call,
    }
}

/// Whether CAST between the types is allowed at all.
pub(super) fn is_allowed(from: &Type, to: &Type) -> bool {
    use Type::{
        Array, Boolean, IpAddress, IpPrefix, Json, Map, Row, Time, Timestamp, Unknown, Varbinary,
        Varchar,
    };
    match (from, to) {
        (Unknown, _) => true,
        (a, b) if a == b => true,
        (Array(a), Array(b)) => is_allowed(a, b),
        (Row(a), Row(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|((_, a), (_, b))| is_allowed(a, b))
        }
        (Map(k, v), Map(l, w)) => is_allowed(k, l) && is_allowed(v, w),
        (Array(_) | Map(..) | Row(_), Json) | (Varchar(_), Json) => true,
        (Json, Array(_) | Map(..) | Row(_)) => true,
        (Array(_) | Map(..) | Row(_), _) | (_, Array(_) | Map(..) | Row(_)) => false,
        (a, b) if a.is_number() && b.is_number() => true,
        (a, Boolean) | (Boolean, a) if a.is_number() => true,
        (Varbinary, Varchar(_)) | (Varchar(_), Varbinary) => false,
        (_, Varchar(_)) | (Varchar(_), _) => true,
        (a, b) if a.is_point() && b.is_point() => true,
        (Timestamp, Time) => true,
        (a, Time) => a.has_zone(),
        (IpAddress, IpPrefix) | (IpPrefix, IpAddress) => true,
        (Varbinary, IpAddress) | (IpAddress, Varbinary) => true,
        (a, Json) | (Json, a) => a.is_number() || *a == Boolean,
        _ => false,
    }
}

/// Trino's word for a type in a failed cast.
fn word(ty: &Type) -> String {
    match ty {
        Type::Integer => "INT".to_owned(),
        ty => ty.simple_name().to_uppercase(),
    }
}

fn run<'a>(given: &Given<'_>, v: &[Value<'a>]) -> Checked<Value<'a>> {
    value(&v[0], &given.types[0], given.returns)
}

/// One value as another type.
pub(super) fn value<'a>(value: &Value<'a>, from: &Type, to: &Type) -> Checked<Value<'a>> {
    if value.is_null() || from == to {
        return Ok(value.clone());
    }
    match (from, to) {
        (Type::Array(a), Type::Array(b)) => {
            let items = value.list().iter().map(|item| self::value(item, a, b));
            Ok(Value::List(items.collect::<Checked<_>>()?))
        }
        (Type::Row(a), Type::Row(b)) => {
            let fields = a.iter().zip(b).zip(value.list());
            let fields = fields.map(|(((_, a), (_, b)), field)| self::value(field, a, b));
            Ok(Value::List(fields.collect::<Checked<_>>()?))
        }
        (Type::Map(k, v), Type::Map(l, w)) => {
            let Value::Map(entries) = value else {
                return Ok(Value::Null);
            };
            let entries = entries
                .iter()
                .map(|(key, item)| Ok((self::value(key, k, l)?, self::value(item, v, w)?)));
            Ok(Value::Map(entries.collect::<Checked<_>>()?))
        }
        (_, Type::Varchar(length)) => {
            let text = result::print(value, from).unwrap_or_default();
            Ok(Value::str(shortened(text, *length, from)?))
        }
        (_, Type::Json) => Ok(Value::str(result::json(value, from).to_string())),
        (Type::Json, Type::Array(_) | Type::Map(..) | Type::Row(_)) => {
            super::functions::cast_json(value.text(), to)
        }
        (Type::Varchar(_) | Type::Json, _) => from_text(value.text(), to),
        _ => between(value, from, to),
    }
}

fn shortened(text: String, length: Option<usize>, from: &Type) -> Checked<String> {
    let Some(length) = length.filter(|length| text.chars().count() > *length) else {
        return Ok(text);
    };
    if from.is_text() {
        return Ok(text.chars().take(length).collect());
    }
    let message = format!("Value {text} cannot be represented as varchar({length})");
    Err(Fault::cast(message))
}

pub(super) fn from_text<'a>(text: &str, to: &Type) -> Checked<Value<'a>> {
    let wrong = || Fault::cast(format!("Cannot cast '{text}' to {}", word(to)));
    let trimmed = text.trim();
    Ok(match to {
        Type::Boolean => match trimmed.to_lowercase().as_str() {
            "t" | "true" | "1" => Value::Bool(true),
            "f" | "false" | "0" => Value::Bool(false),
            _ => return Err(Fault::cast(format!("Cannot cast '{text}' to BOOLEAN"))),
        },
        ty if ty.is_integer() => {
            let number: i64 = trimmed.parse().map_err(|_| wrong())?;
            integer(i128::from(number), ty).map_err(|_| wrong())?
        }
        Type::Real | Type::Double => {
            let number: f64 = trimmed.parse().map_err(|_| wrong())?;
            Value::Float(if *to == Type::Real {
                f64::from(number as f32)
            } else {
                number
            })
        }
        Type::Decimal(precision, scale) => {
            let wrong = || {
                let message = format!(
                    "Cannot cast VARCHAR '{text}' to DECIMAL({precision}, {scale}). Value is not a number."
                );
                Fault::cast(message)
            };
            let (number, from) = result::parse_decimal(trimmed).ok_or_else(wrong)?;
            Value::Decimal(rescaled(number, from, *precision, *scale)?)
        }
        Type::Date => {
            let days = parse_date(text);
            let wrong = || Fault::cast(format!("Value cannot be cast to date: {text}"));
            Value::Int(days.ok_or_else(wrong)?)
        }
        Type::Time => {
            let millis = parse_time(trimmed);
            let wrong = || Fault::cast(format!("Value cannot be cast to time: {text}"));
            Value::Int(millis.ok_or_else(wrong)?)
        }
        Type::Timestamp | Type::TimestampTz(_) | Type::Zoned => {
            let wrong = || Fault::cast(format!("Value cannot be cast to timestamp: {text}"));
            let (clock, zone) = parse_timestamp(text).ok_or_else(wrong)?;
            Value::Int(match (&zone, to) {
                (zone, Type::Zoned) => {
                    let zone = zone_name(zone.as_deref().unwrap_or("UTC")).map_err(|_| wrong())?;
                    packed(zone_moment(&zone, clock)?, &zone)?
                }
                (Some(zone), Type::TimestampTz(_)) => zone_moment(zone, clock)?,
                (None, Type::TimestampTz(zone)) => zone_moment(zone, clock)?,
                (Some(_), _) => return Err(wrong()),
                _ => clock,
            })
        }
        Type::IpAddress => Value::Bytes(parse_address(text)?.to_vec().into()),
        Type::IpPrefix => {
            let host = format!("{text}/{}", if text.contains(':') { 128 } else { 32 });
            let text = if text.contains('/') { text } else { &host };
            Value::Bytes(parse_prefix(text)?.to_vec().into())
        }
        _ => return Err(wrong()),
    })
}

fn between<'a>(value: &Value<'a>, from: &Type, to: &Type) -> Checked<Value<'a>> {
    Ok(match (value, to) {
        (Value::Int(v), to) if from.is_point() && (to.is_point() || *to == Type::Time) => {
            Value::Int(point(*v, from, to)?)
        }
        (Value::Bool(v), Type::Double | Type::Real) => Value::Float(f64::from(u8::from(*v))),
        (Value::Bool(v), Type::Decimal(precision, scale)) => {
            Value::Decimal(rescaled(i128::from(*v), 0, *precision, *scale)?)
        }
        (Value::Bool(v), _) => Value::Int(i64::from(*v)),
        (Value::Int(v), Type::Boolean) => Value::Bool(*v != 0),
        (Value::Float(v), Type::Boolean) => Value::Bool(*v != 0.0),
        (Value::Decimal(v), Type::Boolean) => Value::Bool(*v != 0),
        (Value::Int(v), Type::Decimal(precision, scale)) => {
            Value::Decimal(rescaled(i128::from(*v), 0, *precision, *scale)?)
        }
        (Value::Int(v), Type::Double | Type::Real) => Value::Float(*v as f64),
        (Value::Int(v), ty) if ty.is_integer() => integer(i128::from(*v), ty)?,
        (Value::Float(v), ty) if ty.is_integer() => {
            let number = v.round();
            if !(-9.3e18..=9.3e18).contains(&number) {
                let number = result::print_double(*v);
                return Err(Fault::cast(format!("Cannot cast {number} to {}", word(ty))));
            }
            integer(number as i128, ty)?
        }
        (Value::Float(v), Type::Real) => Value::Float(f64::from(*v as f32)),
        (Value::Float(v), Type::Double) => Value::Float(*v),
        (Value::Float(v), Type::Decimal(precision, scale)) => {
            float_to_decimal(*v, *precision, *scale)?
        }
        (Value::Decimal(v), ty) => {
            let Type::Decimal(_, scale) = from else {
                return Ok(Value::Null);
            };
            match ty {
                Type::Decimal(precision, to) => {
                    Value::Decimal(rescaled(*v, *scale, *precision, *to)?)
                }
                Type::Double | Type::Real => Value::Float(
                    result::print_decimal(*v, *scale)
                        .parse()
                        .unwrap_or(f64::NAN),
                ),
                ty => integer(rescaled(*v, *scale, 38, 0)?, ty)?,
            }
        }
        (Value::Bytes(v), Type::IpPrefix) => {
            let text = super::functions::print_address(v);
            return from_text(&text, to);
        }
        (Value::Bytes(v), Type::IpAddress) if v.len() >= 16 => {
            Value::Bytes(v[..16].to_vec().into())
        }
        (other, _) => other.clone(),
    })
}

/// A date, timestamp or moment as another of them, or as its time of day.
fn point(value: i64, from: &Type, to: &Type) -> Checked<i64> {
    let (moment, zone) = moment_and_zone(from, value);
    let clock = match from {
        Type::Date => value * DAY,
        _ => moment.saturating_add(zone_offset(&zone, moment)?),
    };
    Ok(match to {
        Type::Date => clock.div_euclid(DAY),
        Type::Time => clock.rem_euclid(DAY),
        Type::TimestampTz(_) if from.has_zone() => moment,
        Type::TimestampTz(zone) => zone_moment(zone, clock)?,
        Type::Zoned if from.has_zone() => packed(moment, &zone)?,
        Type::Zoned => packed(clock, "UTC")?,
        _ => clock,
    })
}

fn float_to_decimal<'a>(v: f64, precision: u8, scale: i8) -> Checked<Value<'a>> {
    let number = (v * 10_f64.powi(scale.into())).round();
    if !number.is_finite() || number.abs() >= 1e38 {
        let message = format!("Cannot cast DOUBLE '{v}' to DECIMAL({precision}, {scale})");
        return Err(Fault::cast(message));
    }
    let number = rescaled(number as i128, scale, precision, scale)?;
    Ok(Value::Decimal(number))
}

/// A whole number as an integer type.
fn integer<'a>(number: i128, ty: &Type) -> Checked<Value<'a>> {
    let fits = match ty {
        Type::TinyInt => i8::try_from(number).is_ok(),
        Type::SmallInt => i16::try_from(number).is_ok(),
        Type::Integer => i32::try_from(number).is_ok(),
        _ => i64::try_from(number).is_ok(),
    };
    if !fits {
        let message = format!("Out of range for {ty}: {number}");
        return Err(Fault::range(message));
    }
    Ok(Value::Int(number as i64))
}

/// A decimal at another scale, half away from zero.
pub(super) fn rescaled(number: i128, from: i8, precision: u8, to: i8) -> Checked<i128> {
    let wrong = || {
        let text = result::print_decimal(number, from);
        Fault::cast(format!(
            "Cannot cast DECIMAL '{text}' to DECIMAL({precision}, {to})"
        ))
    };
    let steps = u32::from(from.abs_diff(to));
    let unit = 10_i128.checked_pow(steps).ok_or_else(wrong)?;
    let moved = if to >= from {
        number.checked_mul(unit).ok_or_else(wrong)?
    } else {
        (number + unit / 2 * number.signum()) / unit
    };
    let bound = 10_i128.checked_pow(precision.into()).unwrap_or(i128::MAX);
    if moved.abs() >= bound {
        return Err(wrong());
    }
    Ok(moved)
}

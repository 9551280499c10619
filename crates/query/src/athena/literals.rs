//! Literals: numbers, texts, intervals.

use datafusion::common::ScalarValue;
use datafusion::logical_expr::lit;

use super::cursor::Name;
use super::error::{Checked, Fault};
use super::operators::Typed;
use super::result;
use super::types::Type;
use super::value::{self, Value};

/// A literal of a value.
pub(super) fn literal(value: &Value<'_>, ty: &Type) -> Checked<Typed> {
    let array = value::array(ty, std::slice::from_ref(value))?;
    let scalar = ScalarValue::try_from_array(&array, 0)?;
    Ok(Typed::new(lit(scalar), ty.clone()))
}

pub(super) fn text(value: &str) -> Typed {
    let length = value.chars().count();
    let scalar = ScalarValue::Utf8View(Some(value.to_owned()));
    Typed::new(lit(scalar), Type::Varchar(Some(length)))
}

pub(super) fn integer(digits: &str, at: usize) -> Checked<Typed> {
    let Ok(number) = digits.parse::<i64>() else {
        return decimal(digits, at); // as Trino reads what no bigint holds
    };
    Ok(match i32::try_from(number) {
        Ok(small) => Typed::new(lit(small), Type::Integer),
        Err(_) => Typed::new(lit(number), Type::BigInt),
    })
}

pub(super) fn decimal(digits: &str, at: usize) -> Checked<Typed> {
    let wrong = || {
        Fault::new(
            "INVALID_LITERAL",
            at,
            format!("Invalid decimal literal: {digits}"),
        )
    };
    let (number, scale) = result::parse_decimal(digits.trim()).ok_or_else(wrong)?;
    let whole = number.unsigned_abs().to_string().len();
    let precision = if number == 0 { 1 } else { whole }.max(scale as usize);
    let ty = Type::Decimal(precision.clamp(1, 38) as u8, scale);
    literal(&Value::Decimal(number), &ty)
}

/// `INTERVAL '7' DAY`, `INTERVAL '1 12:00' DAY TO MINUTE`.
pub(super) fn interval(
    text: &str,
    negative: bool,
    unit: &Name,
    to: Option<&Name>,
    at: usize,
) -> Checked<Typed> {
    let wrong = || Fault::new("INVALID_LITERAL", at, format!("Invalid interval: '{text}'"));
    let sign = if negative { -1 } else { 1 };
    let unit = unit.key();
    let millis = |unit: &str| match unit {
        "second" => Some(1000_i64),
        "minute" => Some(60_000),
        "hour" => Some(3_600_000),
        "day" => Some(86_400_000),
        "week" => Some(604_800_000),
        _ => None,
    };
    let (value, ty) = if let Some(length) = millis(&unit).filter(|_| to.is_none()) {
        let count: f64 = text.trim().parse().map_err(|_| wrong())?;
        if unit != "second" && count.fract() != 0.0 {
            return Err(wrong());
        }
        (count * length as f64, Type::DayTime)
    } else if unit == "year" && to.is_some() {
        let (years, months) = text.split_once('-').ok_or_else(wrong)?;
        let years: i64 = years.trim().parse().map_err(|_| wrong())?;
        let months: i64 = months.trim().parse().map_err(|_| wrong())?;
        ((years * 12 + months) as f64, Type::YearMonth)
    } else if unit == "year" || unit == "month" {
        let count: i64 = text.trim().parse().map_err(|_| wrong())?;
        let months = if unit == "year" {
            count.saturating_mul(12)
        } else {
            count
        };
        (months as f64, Type::YearMonth)
    } else if to.is_some() && millis(&unit).is_some() {
        let units = ["day", "hour", "minute", "second"];
        let first = units
            .iter()
            .position(|known| *known == unit)
            .ok_or_else(wrong)?;
        let parts: Vec<&str> = text.trim().split([' ', ':']).collect();
        let mut sum = 0.0;
        for (part, unit) in parts.iter().zip(&units[first..]) {
            let count: f64 = part.parse().map_err(|_| wrong())?;
            sum += count * millis(unit).unwrap_or(0) as f64;
        }
        (sum, Type::DayTime)
    } else {
        return Err(wrong());
    };
    if value.abs() > 1e15 || (ty == Type::YearMonth && value.abs() > 1e6) {
        return Err(wrong());
    }
    literal(&Value::Int(value as i64 * sign), &ty)
}

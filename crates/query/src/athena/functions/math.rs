//! Functions of numbers.

use super::{Function, Given, functions};
use crate::athena::error::{Checked, Fault};
use crate::athena::types::Type;
use crate::athena::value::Value;

pub(super) const FUNCTIONS: &[Function] = functions! {
    "abs(N):N" abs;
    "sign(N):N" |_, v| Ok(map(&v[0], i64::signum, |x| if x == 0.0 { x } else { x.signum() }, i128::signum));
    "floor(D):W" |given, v| Ok(whole(given, &v[0], |n, unit| n.div_euclid(unit)));
    "floor(N):N" |_, v| Ok(rounded(&v[0], f64::floor));
    "ceil(D):W" |given, v| Ok(whole(given, &v[0], |n, unit| -(-n).div_euclid(unit)));
    "ceil(N):N" |_, v| Ok(rounded(&v[0], f64::ceil));
    "ceiling(D):W" |given, v| Ok(whole(given, &v[0], |n, unit| -(-n).div_euclid(unit)));
    "ceiling(N):N" |_, v| Ok(rounded(&v[0], f64::ceil));
    "truncate(D):W" |given, v| Ok(whole(given, &v[0], |n, unit| n / unit));
    "truncate(N):N" |_, v| Ok(rounded(&v[0], f64::trunc));
    "round(D):W" |given, v| Ok(whole(given, &v[0], half_up));
    "round(N):N" |_, v| Ok(rounded(&v[0], f64::round));
    "round(N,bigint):N" round_to;
    "sqrt(double):double" |_, v| Ok(Value::Float(v[0].float().sqrt()));
    "cbrt(double):double" |_, v| Ok(Value::Float(v[0].float().cbrt()));
    "exp(double):double" |_, v| Ok(Value::Float(v[0].float().exp()));
    "ln(double):double" |_, v| Ok(Value::Float(v[0].float().ln()));
    "log2(double):double" |_, v| Ok(Value::Float(v[0].float().log2()));
    "log10(double):double" |_, v| Ok(Value::Float(v[0].float().log10()));
    "log(double,double):double" |_, v| Ok(Value::Float(v[1].float().ln() / v[0].float().ln()));
    "power(double,double):double" |_, v| Ok(Value::Float(v[0].float().powf(v[1].float())));
    "pow(double,double):double" |_, v| Ok(Value::Float(v[0].float().powf(v[1].float())));
    "degrees(double):double" |_, v| Ok(Value::Float(v[0].float().to_degrees()));
    "radians(double):double" |_, v| Ok(Value::Float(v[0].float().to_radians()));
    "sin(double):double" |_, v| Ok(Value::Float(v[0].float().sin()));
    "cos(double):double" |_, v| Ok(Value::Float(v[0].float().cos()));
    "tan(double):double" |_, v| Ok(Value::Float(v[0].float().tan()));
    "asin(double):double" |_, v| Ok(Value::Float(v[0].float().asin()));
    "acos(double):double" |_, v| Ok(Value::Float(v[0].float().acos()));
    "atan(double):double" |_, v| Ok(Value::Float(v[0].float().atan()));
    "atan2(double,double):double" |_, v| Ok(Value::Float(v[0].float().atan2(v[1].float())));
    "pi():double" |_, _| Ok(Value::Float(std::f64::consts::PI));
    "e():double" |_, _| Ok(Value::Float(std::f64::consts::E));
    "nan():double" |_, _| Ok(Value::Float(f64::NAN));
    "infinity():double" |_, _| Ok(Value::Float(f64::INFINITY));
    "is_nan(double):boolean" |_, v| Ok(Value::Bool(v[0].float().is_nan()));
    "is_finite(double):boolean" |_, v| Ok(Value::Bool(v[0].float().is_finite()));
    "is_infinite(double):boolean" |_, v| Ok(Value::Bool(v[0].float().is_infinite()));
    "mod(N,N):N" modulo;
    "greatest(T,T...):T" |_, v| Ok(extreme(v, std::cmp::Ordering::Greater));
    "least(T,T...):T" |_, v| Ok(extreme(v, std::cmp::Ordering::Less));
    "bitwise_and(bigint,bigint):bigint" |_, v| Ok(Value::Int(v[0].int() & v[1].int()));
    "bitwise_or(bigint,bigint):bigint" |_, v| Ok(Value::Int(v[0].int() | v[1].int()));
    "bitwise_xor(bigint,bigint):bigint" |_, v| Ok(Value::Int(v[0].int() ^ v[1].int()));
    "bitwise_not(bigint):bigint" |_, v| Ok(Value::Int(!v[0].int()));
    "bitwise_left_shift(bigint,bigint):bigint" |_, v| Ok(Value::Int(shifted(v, |n, by| n << by)));
    "bitwise_right_shift(bigint,bigint):bigint" |_, v| {
        Ok(Value::Int(shifted(v, |n, by| ((n as u64) >> by) as i64)))
    };
    "bit_count(bigint,bigint):bigint" |_, v| Ok(Value::Int(i64::from(v[0].int().count_ones())));
    "width_bucket(double,double,double,bigint):bigint" width_bucket;
    "width_bucket(double,array(double)):bigint" |_, v| {
        let bins = v[1].list();
        Ok(Value::Int(bins.iter().filter(|bin| bin.float() <= v[0].float()).count() as i64))
    };
    "to_base(bigint,bigint):varchar" |_, v| to_base(v[0].int(), v[1].int());
    "from_base(varchar,bigint):bigint" |_, v| {
        let radix = u32::try_from(v[1].int()).ok().filter(|radix| (2..=36).contains(radix));
        let radix = radix.ok_or_else(|| Fault::argument("Radix must be between 2 and 36"))?;
        let number = i64::from_str_radix(v[0].text(), radix).map_err(|_| {
            Fault::argument(format!("Not a valid base-{radix} number: {}", v[0].text()))
        });
        Ok(Value::Int(number?))
    };
};

fn map<'a>(
    value: &Value<'a>,
    int: fn(i64) -> i64,
    float: fn(f64) -> f64,
    decimal: fn(i128) -> i128,
) -> Value<'a> {
    match value {
        Value::Int(v) => Value::Int(int(*v)),
        Value::Float(v) => Value::Float(float(*v)),
        Value::Decimal(v) => Value::Decimal(decimal(*v)),
        other => other.clone(),
    }
}

fn abs<'a>(given: &Given<'_>, v: &[Value<'a>]) -> Checked<Value<'a>> {
    if let (Value::Int(number), Some((least, _))) = (&v[0], given.returns.integers())
        && *number == least
    {
        let ty = given.returns;
        let message = format!("Value {number} is out of range for abs({ty})");
        return Err(Fault::range(message));
    }
    Ok(map(&v[0], i64::abs, f64::abs, i128::abs))
}

/// Half away from zero.
fn half_up(number: i128, unit: i128) -> i128 {
    (number + unit / 2 * number.signum()) / unit
}

/// A decimal to a whole number.
fn whole<'a>(given: &Given<'_>, value: &Value<'a>, decimal: fn(i128, i128) -> i128) -> Value<'a> {
    match (value, &given.types[0]) {
        (Value::Decimal(number), Type::Decimal(_, scale)) => {
            let unit = 10_i128.pow((*scale).max(0) as u32);
            Value::Decimal(decimal(*number, unit))
        }
        (other, _) => other.clone(),
    }
}

/// A double to a whole number; integers are.
fn rounded<'a>(value: &Value<'a>, float: fn(f64) -> f64) -> Value<'a> {
    match value {
        Value::Float(number) => Value::Float(float(*number)),
        other => other.clone(),
    }
}

fn round_to<'a>(given: &Given<'_>, v: &[Value<'a>]) -> Checked<Value<'a>> {
    let places = v[1].int().clamp(-40, 40) as i32;
    Ok(match (&v[0], given.returns) {
        (Value::Float(number), _) => {
            let unit = 10_f64.powi(places);
            let scaled = (number * unit).round() / unit;
            Value::Float(if scaled.is_finite() { scaled } else { *number })
        }
        (Value::Decimal(number), Type::Decimal(_, scale)) if places < i32::from(*scale) => {
            let drop = (i32::from(*scale) - places).min(38) as u32;
            let unit = 10_i128.pow(drop);
            Value::Decimal(half_up(*number, unit) * unit)
        }
        (Value::Int(number), ty) if places < 0 => {
            let unit = 10_i128.pow((-places).min(20) as u32);
            let rounded = half_up(i128::from(*number), unit) * unit;
            let (least, greatest) = ty.integers().unwrap_or((i64::MIN, i64::MAX));
            let within = i64::try_from(rounded).ok();
            let within = within.filter(|number| (least..=greatest).contains(number));
            let beyond = || Fault::range(format!("{ty} round overflow: {rounded}"));
            Value::Int(within.ok_or_else(beyond)?)
        }
        (other, _) => other.clone(),
    })
}

fn modulo<'a>(_: &Given<'_>, v: &[Value<'a>]) -> Checked<Value<'a>> {
    let zero = || Fault::bare("DIVISION_BY_ZERO", "Division by zero");
    Ok(match (&v[0], &v[1]) {
        (Value::Int(_), Value::Int(-1)) => Value::Int(0),
        (Value::Int(a), Value::Int(b)) => Value::Int(a.checked_rem(*b).ok_or_else(zero)?),
        (Value::Decimal(a), Value::Decimal(b)) => {
            Value::Decimal(a.checked_rem(*b).ok_or_else(zero)?)
        }
        (a, b) => Value::Float(a.float() % b.float()),
    })
}

fn extreme<'a>(v: &[Value<'a>], wanted: std::cmp::Ordering) -> Value<'a> {
    let mut best = &v[0];
    for value in &v[1..] {
        if value.order(best) == wanted {
            best = value;
        }
    }
    best.clone()
}

fn shifted(v: &[Value<'_>], shift: fn(i64, u32) -> i64) -> i64 {
    let by = u32::try_from(v[1].int()).ok().filter(|by| *by < 64);
    by.map_or(0, |by| shift(v[0].int(), by))
}

fn width_bucket<'a>(_: &Given<'_>, v: &[Value<'a>]) -> Checked<Value<'a>> {
    let (x, low, high, count) = (v[0].float(), v[1].float(), v[2].float(), v[3].int());
    if count <= 0 {
        return Err(Fault::argument("bucketCount must be greater than 0"));
    }
    if low == high {
        return Err(Fault::argument("bounds cannot equal each other"));
    }
    let (lower, upper) = (low.min(high), low.max(high));
    let bucket = if x < lower {
        0
    } else if x >= upper {
        count + 1
    } else {
        (count as f64 * (x - lower) / (upper - lower)) as i64 + 1
    };
    Ok(Value::Int(if low > high {
        count - bucket + 1
    } else {
        bucket
    }))
}

fn to_base<'a>(number: i64, radix: i64) -> Checked<Value<'a>> {
    let base = u64::try_from(radix)
        .ok()
        .filter(|base| (2..=36).contains(base));
    let base = base.ok_or_else(|| Fault::argument("Radix must be between 2 and 36"))?;
    let mut rest = number.unsigned_abs();
    let mut digits = Vec::new();
    loop {
        digits.extend(char::from_digit((rest % base) as u32, base as u32));
        rest /= base;
        if rest == 0 {
            break;
        }
    }
    if number < 0 {
        digits.push('-');
    }
    Ok(Value::str(digits.into_iter().rev().collect::<String>()))
}

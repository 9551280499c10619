//! The functions of metric math.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::{Others, Points, Value, each, map};

/// What a function makes of what it is given.
pub(super) fn call(
    name: &str,
    mut given: Vec<Value>,
    others: &dyn Others,
) -> Result<Value, String> {
    if name == "METRICS" {
        return match given.pop() {
            None => others.metrics("").map(Value::Several),
            Some(Value::Word(text)) => others.metrics(&text).map(Value::Several),
            Some(_) => Err("METRICS takes a text".to_owned()),
        };
    }
    if given.is_empty() {
        return Err(format!("{name} takes a value"));
    }
    let first = given.remove(0);
    match name {
        "SUM" | "AVG" | "MIN" | "MAX" | "DATAPOINT_COUNT" => taken_together(name, first),
        "ABS" => map(first, f64::abs),
        "CEIL" => map(first, f64::ceil),
        "FLOOR" => map(first, f64::floor),
        "LOG" => map(first, f64::ln),
        "LOG10" => map(first, f64::log10),
        "DIFF" | "DIFF_TIME" | "RATE" | "RUNNING_SUM" => over_time(name, first),
        "DATE" | "DAY" | "EPOCH" | "HOUR" | "MINUTE" | "MONTH" | "YEAR" => {
            Ok(Value::Series(by_clock(name, &first.series()?)))
        }
        "PERIOD" => Ok(Value::Number(first.series()?.period as f64)),
        "TIME_SERIES" => constant(first.number()?, others),
        "IF" => chosen(first, given),
        "FILL" => match given.pop() {
            Some(with) => filled(first, &with),
            None => Err("FILL takes 2 values".to_owned()),
        },
        "FIRST" | "LAST" | "METRIC_COUNT" | "REMOVE_EMPTY" | "SLICE" | "SORT" => {
            of_several(name, first.several()?, &given)
        }
        other => Err(format!("wirelab has no function {other} of metric math")),
    }
}

fn taken(name: &str, all: &[f64]) -> f64 {
    match name {
        "SUM" => all.iter().sum(),
        "AVG" => all.iter().sum::<f64>() / all.len() as f64,
        "MIN" => all.iter().copied().fold(f64::INFINITY, f64::min),
        "MAX" => all.iter().copied().fold(f64::NEG_INFINITY, f64::max),
        _ => all.len() as f64,
    }
}

/// Of one series over all moments, a number; of several at each moment, a series. In an average of
/// several what is missing counts as 0.
fn taken_together(name: &str, value: Value) -> Result<Value, String> {
    match value {
        Value::Number(number) => Ok(Value::Number(number)),
        Value::Series(points) => {
            let all: Vec<f64> = points.values.into_values().collect();
            match all.is_empty() {
                true => Ok(Value::Number(0.0)),
                false => Ok(Value::Number(taken(name, &all))),
            }
        }
        Value::Several(all) => {
            let count = all.len() as f64;
            let mut moments = BTreeMap::<u64, Vec<f64>>::new();
            for (moment, value) in all.iter().flat_map(|it| &it.values) {
                moments.entry(*moment).or_default().push(*value);
            }
            let first = all.first().map(Points::empty).unwrap_or_default();
            let of = |all: &[f64]| match name {
                "AVG" => taken("SUM", all) / count,
                _ => taken(name, all),
            };
            let values = moments.iter().map(|(at, all)| (*at, of(all)));
            Ok(Value::Series(Points {
                values: values.collect(),
                ..first
            }))
        }
        Value::Word(word) => Err(format!("{word} is no time series")),
    }
}

/// What each moment has by those before it. The first has no change.
fn over_time(name: &str, value: Value) -> Result<Value, String> {
    if let Value::Several(all) = value {
        return each(all, |it| over_time(name, it));
    }
    let points = value.series()?;
    let mut result = points.empty();
    let (mut before, mut sum) = (None, 0.0);
    for (moment, value) in points.values {
        sum += value;
        let of = match (name, before) {
            ("RUNNING_SUM", _) => Some(sum),
            ("DIFF", Some((_, last))) => Some(value - last),
            ("DIFF_TIME", Some((at, _))) => Some((moment - at) as f64),
            (_, Some((at, last))) => Some((value - last) / (moment - at) as f64),
            (_, None) => None,
        };
        before = Some((moment, value));
        result.values.extend(of.map(|it| (moment, it)));
    }
    Ok(Value::Series(result))
}

/// A value for every moment, by its time in UTC; days of the week from Monday, 1, to Sunday, 7.
fn by_clock(name: &str, points: &Points) -> Points {
    let mut result = points.empty();
    for moment in points.moments() {
        let seconds = i64::try_from(moment).unwrap_or(i64::MAX);
        let time = Timestamp::from_second(seconds).unwrap_or(Timestamp::MAX);
        let time = time.to_zoned(TimeZone::UTC);
        let value = match name {
            "MINUTE" => f64::from(time.minute()),
            "HOUR" => f64::from(time.hour()),
            "DAY" => f64::from(time.weekday().to_monday_one_offset()),
            "DATE" => f64::from(time.day()),
            "MONTH" => f64::from(time.month()),
            "YEAR" => f64::from(time.year()),
            _ => moment as f64,
        };
        result.values.insert(moment, value);
    }
    result
}

/// A number at every moment of the request's metrics.
fn constant(number: f64, others: &dyn Others) -> Result<Value, String> {
    let frame = others.metrics("")?.into_iter().next();
    let frame = frame.ok_or("TIME_SERIES wants a metric among the queries")?;
    let values = frame.moments().map(|at| (at, number)).collect();
    Ok(Value::Series(Points { values, ..frame }))
}

/// `IF(condition, then, else)`: of a series moment by moment. What the chosen one lacks is 0 where
/// the condition holds, and nothing where it fails, as where there is no `else`.
fn chosen(condition: Value, mut given: Vec<Value>) -> Result<Value, String> {
    if given.is_empty() {
        return Err("IF takes 2 or 3 values".to_owned());
    }
    let then = given.remove(0);
    let otherwise = given.pop();
    let condition = match condition {
        Value::Series(points) => points,
        Value::Number(number) if number != 0.0 => return then.series().map(Value::Series),
        Value::Number(_) => {
            return match otherwise {
                Some(other) => other.series().map(Value::Series),
                None => Ok(Value::Series(then.series()?.empty())),
            };
        }
        _ => return Err("IF wants a time series or a number".to_owned()),
    };
    let mut result = condition.empty();
    for (moment, is_so) in &condition.values {
        let value = match *is_so != 0.0 {
            true => Some(then.at(*moment).unwrap_or_default()),
            false => otherwise.as_ref().and_then(|it| it.at(*moment)),
        };
        result.values.extend(value.map(|it| (*moment, it)));
    }
    Ok(Value::Series(result))
}

/// `FILL(series, 0)`, `FILL(series, REPEAT)`, `FILL(series, LINEAR)`, `FILL(series, other)`.
fn filled(value: Value, with: &Value) -> Result<Value, String> {
    if let Value::Several(all) = value {
        return each(all, |it| filled(it, with));
    }
    let points = value.series()?;
    let mut result = points.clone();
    for moment in points.moments() {
        if points.values.contains_key(&moment) {
            continue;
        }
        let last = points.values.range(..moment).next_back();
        let next = points.values.range(moment..).next();
        let value = match with {
            Value::Word(word) if word == "REPEAT" => last.map(|it| *it.1),
            Value::Word(_) => last.zip(next).map(|((from, low), (to, high))| {
                low + (high - low) * (moment - from) as f64 / (to - from) as f64
            }),
            Value::Several(_) => return Err("FILL takes one time series".to_owned()),
            other => other.at(moment),
        };
        result.values.extend(value.map(|it| (moment, it)));
    }
    Ok(Value::Series(result))
}

fn of_several(name: &str, mut all: Vec<Points>, given: &[Value]) -> Result<Value, String> {
    let index = |value: &Value| value.number().map(|it| it.max(0.0) as usize);
    Ok(match (name, given) {
        ("FIRST", []) => Value::Series(all.first().cloned().unwrap_or_default()),
        ("LAST", []) => Value::Series(all.pop().unwrap_or_default()),
        ("METRIC_COUNT", []) => Value::Number(all.len() as f64),
        ("REMOVE_EMPTY", []) => {
            all.retain(|it| !it.values.is_empty());
            Value::Several(all)
        }
        ("SLICE", [from]) => Value::Several(all.into_iter().skip(index(from)?).collect()),
        ("SLICE", [from, to]) => {
            let shown = all.into_iter().take(index(to)?);
            Value::Several(shown.skip(index(from)?).collect())
        }
        ("SORT", [Value::Word(by), Value::Word(order), rest @ ..]) => {
            let by_value = |it: &Points| {
                let values: Vec<f64> = it.values.values().copied().collect();
                taken(by, &values)
            };
            all.sort_by(|one, other| by_value(one).total_cmp(&by_value(other)));
            if order == "DESC" {
                all.reverse();
            }
            let most = rest.first().map_or(Ok(usize::MAX), index)?;
            Value::Several(all.into_iter().take(most).collect())
        }
        _ => return Err(format!("{name} takes other values")),
    })
}

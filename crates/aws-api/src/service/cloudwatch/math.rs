//! Metric math (Amazon CloudWatch User Guide, "Using math expressions with CloudWatch metrics"): an
//! expression over the ids of other queries gives a time series.
//!
//! `100 * errors / SUM([errors, good])` is for each moment at which both have data the share of
//! errors. An operator between two series goes by moments, and has nothing at one that is missing
//! in either; what is divided by zero is missing too. There are `+ - * / ^`, comparisons, `&&` and
//! `||` (1 or 0), `ABS AVG CEIL DIFF FILL FLOOR IF MAX METRICS MIN PERIOD RATE RUNNING_SUM SUM`;
//! what there is not (`SEARCH`, `ANOMALY_DETECTION_BAND` and others) is said.

mod read;

use std::collections::BTreeMap;

use read::Expression;

/// Data by moments.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Points {
    /// Seconds.
    pub(super) period: u64,
    /// Moments that the request spans.
    pub(super) span: (u64, u64),
    pub(super) values: BTreeMap<u64, f64>,
}

const FUNCTIONS: [&str; 14] = [
    "ABS",
    "AVG",
    "CEIL",
    "DIFF",
    "FILL",
    "FLOOR",
    "IF",
    "MAX",
    "METRICS",
    "MIN",
    "PERIOD",
    "RATE",
    "RUNNING_SUM",
    "SUM",
];

/// What a part of an expression is.
#[derive(Clone, Debug)]
enum Value {
    Number(f64),
    Series(Points),
    Several(Vec<Points>),
    /// `REPEAT`, `LINEAR`.
    Word(String),
}

/// The series of other queries by id.
pub(super) trait Others {
    /// That of one.
    ///
    /// # Errors
    /// There is no such query, or what its own expression cannot be.
    fn series(&self, id: &str) -> Result<Points, String>;

    /// Those of all queries of metrics.
    ///
    /// # Errors
    /// As [`Self::series`].
    fn metrics(&self) -> Result<Vec<Points>, String>;
}

/// What an expression is.
///
/// # Errors
/// It is none, or one of which there is nothing here; the error says what is wrong.
pub(super) fn evaluate(text: &str, others: &dyn Others) -> Result<Points, String> {
    match read::expression(text)?.value(others)? {
        Value::Series(points) => Ok(points),
        Value::Number(_) => {
            Err("its result is a single number, and a time series is wanted".into())
        }
        Value::Several(_) => Err("its result is several time series, and one is wanted".into()),
        Value::Word(word) => Err(format!("{word} is no time series")),
    }
}

impl Expression {
    fn value(&self, others: &dyn Others) -> Result<Value, String> {
        Ok(match self {
            Self::Number(number) => Value::Number(*number),
            Self::Name(name) if matches!(name.as_str(), "REPEAT" | "LINEAR") => {
                Value::Word(name.clone())
            }
            Self::Name(name) => Value::Series(others.series(name)?),
            Self::List(all) => {
                let series = all.iter().map(|it| it.value(others)?.series());
                Value::Several(series.collect::<Result<_, _>>()?)
            }
            Self::Negative(inner) => map(inner.value(others)?, |it| -it)?,
            Self::Pair(operator, left, right) => {
                between(operator, left.value(others)?, right.value(others)?)?
            }
            Self::Text(text) => Value::Word(text.clone()),
            Self::Call(name, _) if !FUNCTIONS.contains(&name.as_str()) => {
                return Err(format!("wirelab has no function {name} of metric math"));
            }
            Self::Call(name, given) => {
                let given = given.iter().map(|it| it.value(others));
                call(name, given.collect::<Result<_, _>>()?, others)?
            }
        })
    }
}

impl Value {
    fn series(self) -> Result<Points, String> {
        match self {
            Self::Series(points) => Ok(points),
            _ => Err("a time series is wanted".to_owned()),
        }
    }

    /// The value at a moment: of a number the same at each.
    fn at(&self, moment: u64) -> Option<f64> {
        match self {
            Self::Number(number) => Some(*number),
            Self::Series(points) => points.values.get(&moment).copied(),
            _ => None,
        }
    }
}

impl Points {
    /// Without data.
    fn empty(&self) -> Self {
        Self {
            values: BTreeMap::new(),
            ..*self
        }
    }

    fn map(&self, change: impl Fn(f64) -> f64) -> Self {
        let values = self.values.iter().map(|(at, it)| (*at, change(*it)));
        Self {
            values: values.filter(|it| it.1.is_finite()).collect(),
            ..*self
        }
    }
}

fn map(value: Value, change: impl Fn(f64) -> f64) -> Result<Value, String> {
    match value {
        Value::Number(number) => Ok(Value::Number(change(number))),
        Value::Series(points) => Ok(Value::Series(points.map(change))),
        Value::Several(all) => {
            let all = all.iter().map(|it| it.map(&change));
            Ok(Value::Several(all.collect()))
        }
        Value::Word(word) => Err(format!("{word} is no time series")),
    }
}

/// What becomes of each of several series.
fn each(all: Vec<Points>, of: impl Fn(Value) -> Result<Value, String>) -> Result<Value, String> {
    let all = all.into_iter().map(|it| of(Value::Series(it))?.series());
    Ok(Value::Several(all.collect::<Result<_, _>>()?))
}

fn between(operator: &str, left: Value, right: Value) -> Result<Value, String> {
    let truth = |it: bool| if it { 1.0 } else { 0.0 };
    let of = |left: f64, right: f64| match operator {
        "+" => left + right,
        "-" => left - right,
        "*" => left * right,
        "/" => left / right,
        "^" => left.powf(right),
        "<" => truth(left < right),
        ">" => truth(left > right),
        "<=" => truth(left <= right),
        ">=" => truth(left >= right),
        "==" => truth(left.total_cmp(&right).is_eq()),
        "!=" => truth(left.total_cmp(&right).is_ne()),
        "&&" => truth(left != 0.0 && right != 0.0),
        _ => truth(left != 0.0 || right != 0.0),
    };
    Ok(match (left, right) {
        (Value::Number(left), Value::Number(right)) => Value::Number(of(left, right)),
        (Value::Several(all), other) => each(all, |it| between(operator, it, other.clone()))?,
        (other, Value::Several(all)) => each(all, |it| between(operator, other.clone(), it))?,
        (left, right) => {
            let ((Value::Series(points), _) | (_, Value::Series(points))) = (&left, &right) else {
                return Err(format!(
                    "nothing can be made of the two sides of {operator}"
                ));
            };
            let mut result = points.empty();
            for moment in points.values.keys() {
                if let (Some(left), Some(right)) = (left.at(*moment), right.at(*moment)) {
                    result.values.insert(*moment, of(left, right));
                }
            }
            result.values.retain(|_, it| it.is_finite());
            Value::Series(result)
        }
    })
}

fn call(name: &str, mut given: Vec<Value>, others: &dyn Others) -> Result<Value, String> {
    let wants = |count: usize| match given.len() == count {
        true => Ok(()),
        false => Err(format!("{name} takes {count} values")),
    };
    match name {
        "METRICS" => {
            wants(0)?;
            others.metrics().map(Value::Several)
        }
        "SUM" | "AVG" | "MIN" | "MAX" => {
            wants(1)?;
            taken_together(name, given.remove(0))
        }
        "ABS" | "CEIL" | "FLOOR" => {
            wants(1)?;
            map(given.remove(0), |it| match name {
                "ABS" => it.abs(),
                "CEIL" => it.ceil(),
                _ => it.floor(),
            })
        }
        "DIFF" | "RATE" | "RUNNING_SUM" => {
            wants(1)?;
            over_time(name, given.remove(0))
        }
        "PERIOD" => {
            wants(1)?;
            let points = given.remove(0).series()?;
            Ok(Value::Number(points.period as f64))
        }
        "IF" => chosen(given),
        "FILL" => {
            wants(2)?;
            let with = given.remove(1);
            filled(given.remove(0).series()?, with).map(Value::Series)
        }
        other => unreachable!("{other} is one of FUNCTIONS"),
    }
}

/// Of one series over all moments, a number; of several at each moment, a series.
fn taken_together(name: &str, value: Value) -> Result<Value, String> {
    let taken = |all: &[f64]| match name {
        "SUM" => all.iter().sum(),
        "AVG" => all.iter().sum::<f64>() / all.len() as f64,
        "MIN" => all.iter().copied().fold(f64::INFINITY, f64::min),
        _ => all.iter().copied().fold(f64::NEG_INFINITY, f64::max),
    };
    match value {
        Value::Number(number) => Ok(Value::Number(number)),
        Value::Series(points) => {
            let all: Vec<f64> = points.values.into_values().collect();
            match all.is_empty() {
                true => Ok(Value::Number(0.0)),
                false => Ok(Value::Number(taken(&all))),
            }
        }
        Value::Several(all) => {
            let mut moments = BTreeMap::<u64, Vec<f64>>::new();
            for (moment, value) in all.iter().flat_map(|it| &it.values) {
                moments.entry(*moment).or_default().push(*value);
            }
            let first = all.first().map(Points::empty).unwrap_or_default();
            let values = moments.iter().map(|(at, all)| (*at, taken(all)));
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
            (_, Some((at, last))) => Some((value - last) / (moment - at) as f64),
            (_, None) => None,
        };
        before = Some((moment, value));
        result.values.extend(of.map(|it| (moment, it)));
    }
    Ok(Value::Series(result))
}

/// `IF(condition, then, else)`; without the last there is nothing where the condition fails.
fn chosen(given: Vec<Value>) -> Result<Value, String> {
    let (condition, then, otherwise) = match &given[..] {
        [condition, then] => (condition, then, None),
        [condition, then, otherwise] => (condition, then, Some(otherwise)),
        _ => return Err("IF takes 2 or 3 values".to_owned()),
    };
    let series = given.iter().find_map(|it| match it {
        Value::Series(points) => Some(points),
        _ => None,
    });
    let Some(series) = series else {
        return Err("IF wants a time series among its values".to_owned());
    };
    let mut result = series.empty();
    let moments = given.iter().filter_map(|it| match it {
        Value::Series(points) => Some(points.values.keys()),
        _ => None,
    });
    for moment in moments.flatten() {
        let is_so = condition.at(*moment).map(|it| it != 0.0);
        let value = match is_so {
            Some(true) => then.at(*moment),
            Some(false) => otherwise.and_then(|it| it.at(*moment)),
            None => None,
        };
        result.values.extend(value.map(|it| (*moment, it)));
    }
    Ok(Value::Series(result))
}

/// `FILL(series, 0)`, `FILL(series, REPEAT)`, `FILL(series, LINEAR)`, `FILL(series, other)`.
fn filled(points: Points, with: Value) -> Result<Points, String> {
    let mut result = points.clone();
    if points.period == 0 {
        return Ok(result);
    }
    let step = usize::try_from(points.period).unwrap_or(usize::MAX);
    for moment in (points.span.0..points.span.1).step_by(step) {
        if points.values.contains_key(&moment) {
            continue;
        }
        let last = points.values.range(..moment).next_back();
        let next = points.values.range(moment..).next();
        let value = match &with {
            Value::Word(word) if word == "REPEAT" => last.map(|it| *it.1),
            Value::Word(_) => last.zip(next).map(|((from, low), (to, high))| {
                low + (high - low) * (moment - from) as f64 / (to - from) as f64
            }),
            Value::Several(_) => return Err("FILL takes one time series".to_owned()),
            other => other.at(moment),
        };
        result.values.extend(value.map(|it| (moment, it)));
    }
    Ok(result)
}

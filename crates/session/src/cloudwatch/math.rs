//! Metric math (Amazon CloudWatch User Guide, "Using math expressions with CloudWatch metrics"): an
//! expression over the ids of other queries gives a time series.
//!
//! `100 * errors / SUM([errors, good])` is for each moment at which one of them has data the share
//! of errors. An operator between two series goes by moments; what is missing in one of them is 0,
//! and what is divided by zero is dropped. Comparisons, `AND` and `OR` are 1 or 0.
//!
//! How expressions are written, and of what kinds their parts are, is the control plane's `math`;
//! `function` has the functions.

mod function;

use std::collections::{BTreeMap, BTreeSet};

use smol_str::SmolStr;
use wirelab_control::math::{Expression, Kind, Operator, expression, kind};

/// Data by moments.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Points {
    /// Seconds.
    pub period: u64,
    /// Moments that the request spans.
    pub span: (u64, u64),
    /// The data, by seconds since the epoch.
    pub values: BTreeMap<u64, f64>,
}

/// What a part of an expression is.
#[derive(Clone, Debug)]
enum Value {
    Number(f64),
    Series(Points),
    Several(Vec<Points>),
    /// `REPEAT`, `LINEAR`, texts.
    Word(SmolStr),
}

/// The series of other queries by id.
pub(super) trait Others {
    /// That of one.
    ///
    /// # Errors
    /// There is no such query, or what its own expression cannot be.
    fn series(&self, id: &str) -> Result<Points, String>;

    /// Those of all queries of metrics whose ids contain a text.
    ///
    /// # Errors
    /// As [`Self::series`].
    fn metrics(&self, containing: &str) -> Result<Vec<Points>, String>;
}

/// What an expression is.
///
/// # Errors
/// It is none, or one of which there is nothing here; the error says what is wrong.
pub(super) fn evaluate(text: &str, others: &dyn Others) -> Result<Points, String> {
    let read = expression(text)?;
    // Whatever the ids are, what there is not and what does not fit is said in these words.
    kind(&read, &mut |_| Ok(Kind::Series))?;
    match value(&read, others)? {
        Value::Series(points) => Ok(points),
        Value::Number(_) => {
            Err("its result is a single number, and a time series is wanted".into())
        }
        Value::Several(_) => Err("its result is several time series, and one is wanted".into()),
        Value::Word(word) => Err(format!("{word} is no time series")),
    }
}

fn value(expression: &Expression, others: &dyn Others) -> Result<Value, String> {
    Ok(match expression {
        Expression::Number(number) => Value::Number(number.parse().unwrap_or_default()),
        Expression::Name(name) if is_word(name) => Value::Word(name.clone()),
        Expression::Name(name) => Value::Series(others.series(name)?),
        Expression::List(all) => {
            let mut several = Vec::new();
            for it in all {
                several.extend(value(it, others)?.several()?);
            }
            Value::Several(several)
        }
        Expression::Negative(inner) => map(value(inner, others)?, |it| -it)?,
        Expression::Pair(operator, left, right) => {
            between(*operator, value(left, others)?, value(right, others)?)?
        }
        Expression::Text(text) => Value::Word(text.clone()),
        Expression::Call(name, given) => {
            let given = given.iter().map(|it| value(it, others));
            function::call(name, given.collect::<Result<_, _>>()?, others)?
        }
    })
}

fn is_word(name: &str) -> bool {
    let words = [
        "REPEAT", "LINEAR", "ASC", "DESC", "AVG", "MIN", "MAX", "SUM",
    ];
    words.contains(&name)
}

impl Value {
    fn series(self) -> Result<Points, String> {
        match self {
            Self::Series(points) => Ok(points),
            _ => Err("a time series is wanted".to_owned()),
        }
    }

    fn several(self) -> Result<Vec<Points>, String> {
        match self {
            Self::Series(points) => Ok(vec![points]),
            Self::Several(all) => Ok(all),
            _ => Err("time series are wanted".to_owned()),
        }
    }

    fn number(&self) -> Result<f64, String> {
        match self {
            Self::Number(number) => Ok(*number),
            _ => Err("a number is wanted".to_owned()),
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

    /// The moments of which the request has a datum each.
    fn moments(&self) -> impl Iterator<Item = u64> + use<> {
        let step = usize::try_from(self.period).unwrap_or(usize::MAX).max(1);
        (self.span.0..self.span.1).step_by(step)
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

fn apply(operator: Operator, left: f64, right: f64) -> f64 {
    let truth = |it: bool| if it { 1.0 } else { 0.0 };
    match operator {
        Operator::Add => left + right,
        Operator::Subtract => left - right,
        Operator::Multiply => left * right,
        Operator::Divide => left / right,
        Operator::Power => left.powf(right),
        Operator::Less => truth(left < right),
        Operator::Greater => truth(left > right),
        Operator::AtMost => truth(left <= right),
        Operator::AtLeast => truth(left >= right),
        Operator::Equal => truth(left <= right && left >= right),
        Operator::Unequal => truth(left < right || left > right),
        Operator::And => truth(left != 0.0 && right != 0.0),
        Operator::Or => truth(left != 0.0 || right != 0.0),
    }
}

fn between(operator: Operator, left: Value, right: Value) -> Result<Value, String> {
    Ok(match (left, right) {
        (Value::Number(left), Value::Number(right)) => Value::Number(apply(operator, left, right)),
        (Value::Several(all), other) => each(all, |it| between(operator, it, other.clone()))?,
        (other, Value::Several(all)) => each(all, |it| between(operator, other.clone(), it))?,
        (left, right) => {
            let series = [&left, &right].into_iter().filter_map(|it| match it {
                Value::Series(points) => Some(points),
                _ => None,
            });
            let series: Vec<&Points> = series.collect();
            let Some(first) = series.first() else {
                return Err("an operator wants time series or numbers".to_owned());
            };
            let mut result = first.empty();
            let moments: BTreeSet<u64> = series
                .iter()
                .flat_map(|it| it.values.keys())
                .copied()
                .collect();
            for moment in moments {
                let at = |value: &Value| value.at(moment).unwrap_or_default();
                let value = apply(operator, at(&left), at(&right));
                result.values.insert(moment, value);
            }
            result.values.retain(|_, it| it.is_finite());
            Value::Series(result)
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `[30, -, 0]` a minute each.
    fn points(drawn: &str) -> Points {
        let inner = drawn.trim_matches(['[', ']']);
        let drawn: Vec<&str> = inner.split(", ").collect();
        let values = drawn.iter().zip((0..).step_by(60));
        Points {
            period: 60,
            span: (0, 60 * drawn.len() as u64),
            values: values
                .filter_map(|(it, at)| Some((at, it.parse().ok()?)))
                .collect(),
        }
    }

    fn drawn(points: &Points) -> String {
        let at = |moment| match points.values.get(&moment) {
            Some(value) => value.to_string(),
            None => "-".to_owned(),
        };
        let all: Vec<_> = points.moments().map(at).collect();
        format!("[{}]", all.join(", "))
    }

    struct Drawn(&'static [(&'static str, &'static str)]);

    impl Others for Drawn {
        fn series(&self, id: &str) -> Result<Points, String> {
            let found = self.0.iter().find(|it| it.0 == id);
            found.map(|it| points(it.1)).ok_or_else(|| id.to_owned())
        }

        fn metrics(&self, containing: &str) -> Result<Vec<Points>, String> {
            let all = self.0.iter().filter(|it| it.0.contains(containing));
            Ok(all.map(|it| points(it.1)).collect())
        }
    }

    #[track_caller]
    fn holds(metrics: &'static [(&'static str, &'static str)], rows: &[(&str, &str)]) {
        for (text, expected) in rows {
            let said = evaluate(text, &Drawn(metrics)).map(|it| drawn(&it));
            assert_eq!(said.as_deref(), Ok(*expected), "{text}");
        }
    }

    #[test]
    fn the_guides_examples_of_comparisons_and_conditions_hold() {
        holds(
            &[("metric1", "[30, 20, 0, 0]"), ("metric2", "[20, -, 20, -]")],
            &[
                ("metric1 < metric2", "[0, 0, 1, 0]"),
                ("metric1 >= 30", "[1, 0, 0, 0]"),
                ("metric1 > 15 AND metric2 > 15", "[1, 0, 0, 0]"),
                ("metric1 > 15 && metric2 > 15", "[1, 0, 0, 0]"),
                ("metric1 > 15 OR metric2 > 15", "[1, 1, 1, 0]"),
                ("metric1 - metric2", "[10, 20, -20, 0]"),
                ("metric1 / metric2", "[1.5, -, 0, -]"),
            ],
        );
        holds(
            &[
                ("metric1", "[1, 1, 0, 0, -]"),
                ("metric2", "[30, -, 0, 0, 30]"),
                ("metric3", "[0, 0, 20, -, 20]"),
            ],
            &[
                ("IF(metric1, metric2, metric3)", "[30, 0, 20, -, -]"),
                ("IF(metric1, 5, metric3)", "[5, 5, 20, -, -]"),
                ("IF(metric1, metric2, 5)", "[30, 0, 5, 5, -]"),
                ("IF(metric1, metric2)", "[30, 0, -, -, -]"),
                ("IF(1, metric2, metric3)", "[30, -, 0, 0, 30]"),
                ("IF(0, metric2, metric3)", "[0, 0, 20, -, 20]"),
                ("IF(0, metric2)", "[-, -, -, -, -]"),
            ],
        );
    }

    #[test]
    fn functions_do_what_the_guide_says_of_them() {
        holds(
            &[
                ("m1", "[1, 2, -, 4]"),
                ("m2", "[10, -, -, 20]"),
                ("n", "[-, -, -, -]"),
            ],
            &[
                ("AVG([m1, m2])", "[5.5, 1, -, 12]"),
                ("SUM(METRICS('m'))", "[11, 2, -, 24]"),
                (
                    "SUM(m1) / DATAPOINT_COUNT(m1) + 0 * m2",
                    "[2.3333333333333335, -, -, 2.3333333333333335]",
                ),
                ("DATAPOINT_COUNT([m1, m2])", "[2, 1, -, 2]"),
                ("DIFF_TIME(m1)", "[-, 60, -, 120]"),
                ("FIRST(SORT(METRICS(), SUM, DESC))", "[10, -, -, 20]"),
                (
                    "LAST(SLICE(SORT([m1, m2], MAX, ASC), 0, 1))",
                    "[1, 2, -, 4]",
                ),
                (
                    "TIME_SERIES(METRIC_COUNT(REMOVE_EMPTY(METRICS())))",
                    "[2, 2, 2, 2]",
                ),
                ("MINUTE(m1)", "[0, 1, 2, 3]"),
                ("DAY(m1) * 10000 + YEAR(m1)", "[41970, 41970, 41970, 41970]"),
                ("LOG10(m2 * 10)", "[2, -, -, 2.3010299956639813]"),
                ("FILL(m1, LINEAR)", "[1, 2, 3, 4]"),
                ("SUM(FILL([m1, m2], 0))", "[11, 2, 0, 24]"),
                ("RUNNING_SUM(m1)", "[1, 3, -, 7]"),
            ],
        );
    }
}

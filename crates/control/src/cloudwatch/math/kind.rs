//! What an expression is: a number, a time series or several of them.
//!
//! The guide has a table with the kinds that each function takes and gives; here it is.

use smol_str::SmolStr;

use super::Expression;

/// What a part of an expression is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// S: one number.
    Scalar,
    /// TS: one time series.
    Series,
    /// TS[]: several time series.
    Several,
    /// A text, `REPEAT`, `DESC`.
    Word,
}

/// Words that are no ids.
const WORDS: [&str; 8] = [
    "REPEAT", "LINEAR", "ASC", "DESC", "AVG", "MIN", "MAX", "SUM",
];

/// What the expression is; `of` says it of an id.
///
/// # Errors
/// An id or a function that there is not, or something of the wrong kind, in words.
pub fn kind(
    expression: &Expression,
    of: &mut dyn FnMut(&SmolStr) -> Result<Kind, String>,
) -> Result<Kind, String> {
    match expression {
        Expression::Number(_) => Ok(Kind::Scalar),
        Expression::Text(_) => Ok(Kind::Word),
        Expression::Name(name) if WORDS.contains(&name.as_str()) => Ok(Kind::Word),
        Expression::Name(name) => of(name),
        Expression::List(all) => {
            for it in all {
                let kind = kind(it, of)?;
                wants(&[Kind::Series, Kind::Several], kind, "a list")?;
            }
            Ok(Kind::Several)
        }
        Expression::Negative(inner) => {
            let kind = kind(inner, of)?;
            wants(NO_WORDS, kind, "-")?;
            Ok(kind)
        }
        Expression::Pair(_, left, right) => {
            let (left, right) = (kind(left, of)?, kind(right, of)?);
            wants(NO_WORDS, left, "an operator")?;
            wants(NO_WORDS, right, "an operator")?;
            Ok(match (left, right) {
                (Kind::Several, _) | (_, Kind::Several) => Kind::Several,
                (Kind::Scalar, Kind::Scalar) => Kind::Scalar,
                _ => Kind::Series,
            })
        }
        Expression::Call(name, given) => {
            let given = given.iter().map(|it| kind(it, of));
            call(name, &given.collect::<Result<Vec<_>, _>>()?)
        }
    }
}

const NO_WORDS: &[Kind] = &[Kind::Scalar, Kind::Series, Kind::Several];
const SERIES: &[Kind] = &[Kind::Series, Kind::Several];

fn wants(wanted: &[Kind], kind: Kind, who: &str) -> Result<(), String> {
    let name = |kind: &Kind| match kind {
        Kind::Scalar => "a number",
        Kind::Series => "a time series",
        Kind::Several => "an array of time series",
        Kind::Word => "a word",
    };
    match wanted.contains(&kind) {
        true => Ok(()),
        false => {
            let wanted: Vec<_> = wanted.iter().map(name).collect();
            let wanted = wanted.join(" or ");
            Err(format!("{who} takes {wanted}, not {}", name(&kind)))
        }
    }
}

/// What a function takes: one of these kinds for each argument, and how many may be left out.
type Takes = (&'static [&'static [Kind]], usize);

/// What a function makes of the kinds of its arguments.
fn call(name: &str, given: &[Kind]) -> Result<Kind, String> {
    const ONE: &[Kind] = &[Kind::Series];
    const MANY: &[Kind] = &[Kind::Several];
    const NUMBER: &[Kind] = &[Kind::Scalar];
    const WORD: &[Kind] = &[Kind::Word];
    const VALUE: &[Kind] = &[Kind::Scalar, Kind::Series];
    const FILLER: &[Kind] = &[Kind::Scalar, Kind::Series, Kind::Word];
    let takes: Takes = match name {
        "ABS" | "CEIL" | "FLOOR" | "LOG" | "LOG10" => (&[NO_WORDS], 0),
        "AVG" | "MAX" | "MIN" | "SUM" => (&[NO_WORDS], 0),
        "DATAPOINT_COUNT" | "DIFF" | "DIFF_TIME" | "RATE" | "RUNNING_SUM" => (&[SERIES], 0),
        "DATE" | "DAY" | "EPOCH" | "HOUR" | "MINUTE" | "MONTH" | "PERIOD" | "YEAR" => (&[ONE], 0),
        "FILL" => (&[SERIES, FILLER], 0),
        "FIRST" | "LAST" | "METRIC_COUNT" | "REMOVE_EMPTY" => (&[MANY], 0),
        "IF" => (&[VALUE, VALUE, VALUE], 1),
        "METRICS" => (&[WORD], 1),
        "SLICE" => (&[MANY, NUMBER, NUMBER], 1),
        "SORT" => (&[MANY, WORD, WORD, NUMBER], 1),
        "TIME_SERIES" => (&[NUMBER], 0),
        _ => return Err(format!("wirelab has no function {name} of metric math")),
    };
    let (most, least) = (takes.0.len(), takes.0.len() - takes.1);
    if !(least..=most).contains(&given.len()) {
        let values = if most == 1 { "value" } else { "values" };
        return Err(match least == most {
            true => format!("{name} takes {most} {values}"),
            false => format!("{name} takes {least} or {most} {values}"),
        });
    }
    for (wanted, kind) in takes.0.iter().zip(given) {
        wants(wanted, *kind, name)?;
    }
    Ok(match name {
        "AVG" | "DATAPOINT_COUNT" | "MAX" | "MIN" | "SUM" => match given[0] {
            Kind::Several => Kind::Series,
            _ => Kind::Scalar,
        },
        "IF" if !given.contains(&Kind::Series) => {
            return Err("IF wants a time series among its values".to_owned());
        }
        "DATE" | "DAY" | "EPOCH" | "FIRST" | "HOUR" | "IF" | "LAST" | "MINUTE" | "MONTH"
        | "TIME_SERIES" | "YEAR" => Kind::Series,
        "METRIC_COUNT" | "PERIOD" => Kind::Scalar,
        "METRICS" | "REMOVE_EMPTY" | "SORT" => Kind::Several,
        _ => given[0],
    })
}

#[cfg(test)]
mod tests {
    use super::super::expression;
    use super::*;

    /// Examples of the guide, with `m1` and `m2`.
    #[test]
    fn kinds_are_those_of_the_guide() {
        let kind_of = |text: &str| {
            kind(&expression(text)?, &mut |name| match name.as_str() {
                "m1" | "m2" => Ok(Kind::Series),
                other => Err(format!("there is no query {other}")),
            })
        };
        for (text, wanted) in [
            ("PERIOD(m1)/60", Kind::Scalar),
            ("m1-AVG(m1)", Kind::Series),
            ("SUM(100/[m1, m2])", Kind::Series),
            ("METRICS()*100", Kind::Several),
            (
                "SUM(METRICS(\"errors\"))/SUM(METRICS('requests'))*100",
                Kind::Series,
            ),
            (
                "IF(FIRST(SORT(METRICS(), AVG, DESC))>100, 1, 0)",
                Kind::Series,
            ),
            ("SLICE(SORT(METRICS(), SUM, DESC), 0, 10)", Kind::Several),
            ("FILL(METRICS(), m1)", Kind::Several),
            ("FILL(m1, REPEAT)", Kind::Series),
            ("m1/METRIC_COUNT(METRICS())", Kind::Series),
            ("SUM(m1) / DATAPOINT_COUNT(m1)", Kind::Scalar),
            ("IF(DAY(m1)<6,m1)", Kind::Series),
            ("TIME_SERIES(5*AVG(m1))", Kind::Series),
            ("m1 > 15 AND m2 > 15", Kind::Series),
        ] {
            assert_eq!(kind_of(text), Ok(wanted), "{text}");
        }
        for wrong in [
            "m3",
            "SEARCH('x', 'Sum')",
            "FIRST(m1)",
            "IF(1, 2, 3)",
            "SUM()",
            "m1 + 'x'",
            "TIME_SERIES(m1)",
            "[1]",
        ] {
            assert!(kind_of(wrong).is_err(), "{wrong}");
        }
    }
}

//! Values while a query runs, and the language's coercions between them.
//!
//! Discovered and parsed fields are text. Text that reads as a number counts as that number
//! wherever a number is wanted or stands on the other side of a comparison.

use std::borrow::Cow;
use std::cmp::Ordering;

use jiff::Timestamp;

use super::ast::Comparison;

/// One value of one row.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value<'a> {
    /// The row lacks the field.
    Null,
    Text(Cow<'a, str>),
    Number(f64),
    /// Milliseconds since the epoch.
    Time(i64),
    Bool(bool),
    /// A map or list, as JSON. It is neither a number nor a text: functions of those give null.
    Structure(Cow<'a, str>),
}

impl<'a> Value<'a> {
    /// The value as a number; `None` for what is none, and for numbers without end.
    pub(super) fn number(&self) -> Option<f64> {
        match self {
            Self::Null | Self::Structure(_) => None,
            Self::Text(text) => parse_number(text),
            Self::Number(number) => Some(*number).filter(|n| n.is_finite()),
            Self::Time(millis) => Some(*millis as f64),
            Self::Bool(truth) => Some(f64::from(u8::from(*truth))),
        }
    }

    /// The value as text: times as milliseconds, truth as 1 or 0.
    pub(super) fn text(&self) -> Option<Cow<'a, str>> {
        match self {
            Self::Null | Self::Structure(_) => None,
            Self::Text(text) => Some(text.clone()),
            Self::Number(number) => number.is_finite().then(|| print_number(*number).into()),
            Self::Time(millis) => Some(millis.to_string().into()),
            Self::Bool(truth) => Some(if *truth { "1" } else { "0" }.into()),
        }
    }

    /// Whether `filter` keeps the row for this value: a number that is not zero, or `true`.
    pub(super) fn truth(&self) -> bool {
        match self {
            Self::Bool(truth) => *truth,
            Self::Text(text) if text.eq_ignore_ascii_case("true") => true,
            _ => self.number().is_some_and(|number| number != 0.0),
        }
    }

    /// A number, or null. There is one zero: `0 * -3` is in the same group as `0 * 3`.
    pub(super) fn of_number(number: Option<f64>) -> Self {
        number
            .filter(|n| n.is_finite())
            .map_or(Self::Null, |number| Self::Number(number + 0.0))
    }

    /// Text, or null.
    pub(super) fn of_text(text: Option<impl Into<Cow<'a, str>>>) -> Self {
        text.map_or(Self::Null, |text| Self::Text(text.into()))
    }
}

/// Whether the comparison holds. With a missing value none does, not even `!=`: the guide does not
/// say, and a row without the field is rarely what `!=` asks for. Two values that both read as
/// numbers compare as numbers, else as text; a number is neither less nor greater than text.
pub(super) fn compare(comparison: Comparison, left: &Value<'_>, right: &Value<'_>) -> bool {
    let ordering = match (left.number(), right.number()) {
        (Some(left), Some(right)) => left.partial_cmp(&right),
        _ => match (left.text(), right.text()) {
            (Some(l), Some(r)) if is_text(left) && is_text(right) => Some(l.cmp(&r)),
            (Some(_), Some(_)) => return comparison == Comparison::NotEqual,
            _ => return false,
        },
    };
    ordering.is_some_and(|ordering| match comparison {
        Comparison::Equal => ordering == Ordering::Equal,
        Comparison::NotEqual => ordering != Ordering::Equal,
        Comparison::Less => ordering == Ordering::Less,
        Comparison::LessOrEqual => ordering != Ordering::Greater,
        Comparison::Greater => ordering == Ordering::Greater,
        Comparison::GreaterOrEqual => ordering != Ordering::Less,
    })
}

fn is_text(value: &Value<'_>) -> bool {
    matches!(value, Value::Text(_))
}

/// One form for values that are equal to each other: numbers by their size, else the text. `None`
/// for what is equal to nothing.
pub(super) fn equality_key(value: &Value<'_>) -> Option<String> {
    match value.number() {
        Some(number) => Some(format!("n{}", print_number(number))),
        None => value.text().map(|text| format!("t{text}")),
    }
}

/// Decimal notation with optional sign, fraction and exponent; no `inf`, `nan`, blanks or hex.
pub(crate) fn parse_number(text: &str) -> Option<f64> {
    let first = *text.as_bytes().first()?;
    // What flow logs hold mostly: so many digits are exact.
    if text.len() <= 15 && text.bytes().all(|byte| byte.is_ascii_digit()) {
        let digits = text.bytes().map(|byte| u64::from(byte - b'0'));
        return Some(digits.fold(0, |number, digit| 10 * number + digit) as f64);
    }
    if !matches!(first, b'0'..=b'9' | b'-' | b'+' | b'.')
        || !text.ends_with(|c: char| c.is_ascii_digit() || c == '.')
    {
        return None;
    }
    let number: f64 = text.parse().ok()?;
    number.is_finite().then_some(number + 0.0)
}

/// The shortest form that reads back as the same number; whole numbers without a point.
pub(super) fn print_number(number: f64) -> String {
    if number == 0.0 {
        return "0".to_owned(); // also for minus zero
    }
    number.to_string()
}

/// `2024-03-05 00:05:00.000`, UTC.
pub(super) fn print_time(millis: i64) -> String {
    match Timestamp::from_millisecond(millis) {
        Ok(moment) => moment.strftime("%Y-%m-%d %H:%M:%S%.3f").to_string(),
        Err(_) => millis.to_string(),
    }
}

/// Bytes whose order is the language's order of text in `sort`: text that is no number first, by
/// runs of digits and of other characters (`host2` before `host10`), then numbers by size.
pub(super) fn sort_key(text: &str, key: &mut Vec<u8>) {
    key.clear();
    if let Some(number) = parse_number(text) {
        let bits = (number + 0.0).to_bits();
        let flipped = if bits >> 63 == 1 {
            !bits
        } else {
            bits | 1 << 63
        };
        key.push(2);
        key.extend_from_slice(&flipped.to_be_bytes());
        return;
    }
    key.push(1);
    let mut rest = text.as_bytes();
    while let Some(first) = rest.first() {
        if !first.is_ascii_digit() {
            key.push(*first);
            rest = &rest[1..];
            continue;
        }
        let len = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let (run, tail) = rest.split_at(len);
        let zeros = run
            .iter()
            .take_while(|byte| **byte == b'0')
            .count()
            .min(len - 1);
        let digits = &run[zeros..];
        // Longer runs are larger numbers; a run sorts where its first character would.
        key.push(b'0');
        key.extend_from_slice(
            &u32::try_from(digits.len())
                .unwrap_or(u32::MAX)
                .to_be_bytes(),
        );
        key.extend_from_slice(digits);
        rest = tail;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_sorts_before_numbers_and_runs_of_digits_by_size() {
        let mut values = [
            "10",
            "9",
            "host10",
            "-3",
            "host2",
            "10.0.0.10",
            "10.0.0.9",
            "-",
            "2.5",
        ];
        values.sort_by_cached_key(|text| {
            let mut key = Vec::new();
            sort_key(text, &mut key);
            key
        });
        assert_eq!(
            values,
            [
                "-",
                "10.0.0.9",
                "10.0.0.10",
                "host2",
                "host10",
                "-3",
                "2.5",
                "9",
                "10"
            ]
        );
    }

    #[test]
    fn only_plain_decimals_are_numbers() {
        for text in ["1", "-1.5", "+2", "1e3", ".5", "007"] {
            assert!(parse_number(text).is_some(), "{text}");
        }
        for text in [
            "", "-", "inf", "nan", "0x10", "1 ", " 1", "10.0.0.1", "1e999", "infinity",
        ] {
            assert_eq!(parse_number(text), None, "{text}");
        }
    }

    #[test]
    fn a_comparison_is_numeric_if_both_sides_are_numbers() {
        let text = |text: &'static str| Value::Text(text.into());
        assert!(compare(Comparison::Equal, &text("22"), &text("022")));
        assert!(compare(Comparison::Less, &text("9"), &Value::Number(10.0)));
        assert!(compare(Comparison::Less, &text("9a"), &text("9b")));
        assert!(!compare(
            Comparison::Greater,
            &text("-"),
            &Value::Number(0.0)
        ));
        assert!(!compare(Comparison::Less, &text("-"), &Value::Number(0.0)));
        assert!(compare(
            Comparison::NotEqual,
            &text("-"),
            &Value::Number(0.0)
        ));
        assert!(!compare(
            Comparison::NotEqual,
            &Value::Null,
            &Value::Number(0.0)
        ));
    }
}

//! Values, what they count as, and in which order they stand.

use std::cmp::Ordering;

use serde_json::Value as Json;
use wirelab_query::ColumnKind as Kind;

use super::time;

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    Missing,
    Text(String),
    Number(f64),
    /// Milliseconds since the epoch.
    Time(i64),
    Bool(bool),
    /// A map or list.
    Structure(Json),
}

impl Value {
    pub(crate) fn number(&self) -> Option<f64> {
        match self {
            Self::Text(text) => read_number(text),
            Self::Number(number) => Some(*number),
            Self::Time(millis) => Some(*millis as f64),
            Self::Bool(truth) => Some(if *truth { 1.0 } else { 0.0 }),
            Self::Missing | Self::Structure(_) => None,
        }
    }

    pub(crate) fn text(&self) -> Option<String> {
        match self {
            Self::Text(text) => Some(text.clone()),
            Self::Missing | Self::Structure(_) => None,
            Self::Time(millis) => Some(millis.to_string()),
            other => other.number().map(write_number),
        }
    }

    /// Whether `filter` keeps a row for it.
    pub(crate) fn truth(&self) -> bool {
        match self {
            Self::Text(text) if text.to_lowercase() == "true" => true,
            other => other.number().is_some_and(|number| number != 0.0),
        }
    }

    /// A number; what is none or has no end is missing.
    pub(crate) fn from_number(number: Option<f64>) -> Self {
        match number {
            Some(number) if number.is_finite() => Self::Number(number),
            _ => Self::Missing,
        }
    }

    pub(crate) fn from_text(text: Option<String>) -> Self {
        text.map_or(Self::Missing, Self::Text)
    }

    pub(crate) fn from_json(json: &Json) -> Self {
        match json {
            Json::Null => Self::Missing,
            Json::String(text) => Self::Text(text.clone()),
            Json::Bool(truth) => Self::Text(u8::from(*truth).to_string()),
            Json::Array(_) | Json::Object(_) => Self::Structure(json.clone()),
            scalar => Self::Text(scalar.to_string()),
        }
    }

    /// The value in a column of that kind.
    pub(crate) fn into_kind(self, kind: Kind) -> Self {
        match (kind, self) {
            (_, Self::Missing) => Self::Missing,
            (Kind::Structure, Self::Structure(json)) => Self::Structure(json),
            (Kind::Text | Kind::Structure, value) => Self::from_text(value.text()),
            (Kind::Number, value) => Self::from_number(value.number()),
            (Kind::Time, value) => value
                .number()
                .map_or(Self::Missing, |millis| Self::Time(millis as i64)),
            (Kind::Bool, value) => Self::Bool(value.truth()),
        }
    }

    /// The value where maps and lists cannot be used.
    pub(crate) fn without_structure(self) -> Self {
        match self {
            Self::Structure(_) => Self::Missing,
            other => other,
        }
    }

    /// As the result shows it.
    pub(crate) fn printed(&self) -> Option<String> {
        match self {
            Self::Time(millis) => Some(time::print(*millis)),
            Self::Structure(json) => Some(json.to_string()),
            other => other.text(),
        }
    }
}

/// Whether the text is a decimal number, whole: sign, digits with a point, exponent.
pub(crate) fn read_number(text: &str) -> Option<f64> {
    let digits = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
    let rest = text.strip_prefix(['+', '-']).unwrap_or(text);
    let whole = digits(rest);
    let rest = &rest[whole..];
    let (fraction, rest) = match rest.strip_prefix('.') {
        Some(rest) => (digits(rest), &rest[digits(rest)..]),
        None => (0, rest),
    };
    if whole + fraction == 0 {
        return None;
    }
    let rest = match rest.strip_prefix(['e', 'E']) {
        Some(rest) => {
            let rest = rest.strip_prefix(['+', '-']).unwrap_or(rest);
            if digits(rest) == 0 {
                return None;
            }
            &rest[digits(rest)..]
        }
        None => rest,
    };
    let number: Option<f64> = text.parse().ok();
    number.filter(|number| rest.is_empty() && number.is_finite())
}

/// Whole numbers without a point, others as short as they can be told from their neighbours.
pub(crate) fn write_number(number: f64) -> String {
    if number == 0.0 {
        "0".to_owned()
    } else {
        format!("{number}")
    }
}

/// `left OPERATOR right`. Two that read as numbers compare as numbers, two texts as texts; a number
/// and a text that is none are different and nothing else; with a missing value nothing holds.
pub(crate) fn holds(operator: &str, left: &Value, right: &Value) -> bool {
    let order = match (left.number(), right.number()) {
        (Some(left), Some(right)) => left.partial_cmp(&right),
        _ => match (left, right) {
            (Value::Text(left), Value::Text(right)) => Some(left.cmp(right)),
            _ if left.text().is_some() && right.text().is_some() => return operator == "!=",
            _ => None,
        },
    };
    match (order, operator) {
        (None, _) => false,
        (Some(order), "=" | "==") => order == Ordering::Equal,
        (Some(order), "!=") => order != Ordering::Equal,
        (Some(order), "<") => order == Ordering::Less,
        (Some(order), "<=") => order != Ordering::Greater,
        (Some(order), ">") => order == Ordering::Greater,
        (Some(order), _) => order != Ordering::Less,
    }
}

/// The order of `sort`, ascending: missing values, texts in natural order, numbers.
pub(crate) fn in_sort(left: &Value, right: &Value) -> Ordering {
    let class = |value: &Value| match value {
        Value::Missing | Value::Structure(_) => 0,
        value if value.number().is_some() => 2,
        _ => 1,
    };
    class(left)
        .cmp(&class(right))
        .then_with(|| match (left.number(), right.number()) {
            (Some(left), Some(right)) => left.partial_cmp(&right).unwrap_or(Ordering::Equal),
            _ => match (left.text(), right.text()) {
                (Some(left), Some(right)) => natural(left.as_bytes(), right.as_bytes()),
                _ => Ordering::Equal,
            },
        })
}

/// `host2` before `host10`: runs of digits by their size, everything else by code point.
fn natural(mut left: &[u8], mut right: &[u8]) -> Ordering {
    loop {
        let (Some(l), Some(r)) = (left.first(), right.first()) else {
            return left.len().min(1).cmp(&right.len().min(1));
        };
        if l.is_ascii_digit() && r.is_ascii_digit() {
            let run = |text: &[u8]| text.iter().take_while(|byte| byte.is_ascii_digit()).count();
            let (l, r) = (left.split_at(run(left)), right.split_at(run(right)));
            let size = |run: &[u8]| {
                let text = String::from_utf8_lossy(run).into_owned();
                let digits = text.trim_start_matches('0').to_owned();
                (digits.len(), digits)
            };
            let order = size(l.0).cmp(&size(r.0));
            if order != Ordering::Equal {
                return order;
            }
            (left, right) = (l.1, r.1);
            continue;
        }
        // A run stands where its first possible digit would.
        let place = |byte: u8| if byte.is_ascii_digit() { b'0' } else { byte };
        let order = place(*l).cmp(&place(*r));
        if order != Ordering::Equal {
            return order;
        }
        (left, right) = (&left[1..], &right[1..]);
    }
}

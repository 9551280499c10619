//! The scalar functions whose value depends on nothing but their arguments.
//!
//! Source: CloudWatch Logs User Guide, "Boolean, comparison, numeric, datetime, and other
//! functions". A number that is none, or an argument that is missing, makes the result null.

use std::borrow::Cow;
use std::ops::RangeInclusive;

use base64::engine::general_purpose::STANDARD;
use base64::{Engine, alphabet};

use super::address::{address, ipv4_to_number, is_private, is_public, is_reserved};
use super::json;
use super::text::{
    both, bounded, concat, dec_to_hex, hex_to_ascii, hex_to_dec, replace, str_contains, substr,
    trimmed, url_decode, url_encode,
};
use super::value::Value;
use crate::ColumnKind;
use crate::codec::decode_base64;

/// A function over the values of one row.
pub(super) type RowFunction = for<'a> fn(&[Value<'a>]) -> Value<'a>;

/// One entry of the table.
pub(super) struct Function {
    /// As the user guide writes it.
    pub(super) name: &'static str,
    /// How many arguments it takes.
    pub(super) args: RangeInclusive<usize>,
    /// What it returns.
    pub(super) returns: Returns,
    pub(super) run: RowFunction,
}

/// The kind of a function's value.
#[derive(Clone, Copy)]
pub(super) enum Returns {
    Kind(ColumnKind),
    /// The kind that the arguments from the given one on have in common, else text; `step`
    /// arguments lie from one value to the next.
    Common {
        first: usize,
        step: usize,
    },
}

const NUMBER: Returns = Returns::Kind(ColumnKind::Number);
const TEXT: Returns = Returns::Kind(ColumnKind::Text);
const BOOL: Returns = Returns::Kind(ColumnKind::Bool);
const TIME: Returns = Returns::Kind(ColumnKind::Time);
const STRUCTURE: Returns = Returns::Kind(ColumnKind::Structure);
const ANY: usize = 64;

macro_rules! table {
    ($($name:literal $args:expr, $returns:expr, $run:expr;)*) => {
        &[$(Function { name: $name, args: $args, returns: $returns, run: $run },)*]
    };
}

/// All of them.
pub(super) const FUNCTIONS: &[Function] = table! {
    "abs" 1..=1, NUMBER, |v| numeric(&v[0], f64::abs);
    "ceil" 1..=1, NUMBER, |v| numeric(&v[0], f64::ceil);
    "floor" 1..=1, NUMBER, |v| numeric(&v[0], f64::floor);
    "log" 1..=1, NUMBER, |v| numeric(&v[0], f64::ln);
    "sqrt" 1..=1, NUMBER, |v| numeric(&v[0], f64::sqrt);
    "round" 1..=2, NUMBER, round;
    "greatest" 1..=ANY, NUMBER, |v| Value::of_number(fold(v, f64::max));
    "least" 1..=ANY, NUMBER, |v| Value::of_number(fold(v, f64::min));
    "toNumber" 1..=1, NUMBER, |v| Value::of_number(v[0].number());
    "toDouble" 1..=1, NUMBER, |v| Value::of_number(v[0].number());
    "toInt" 1..=1, NUMBER, |v| whole(&v[0], f64::from(i32::MIN), f64::from(i32::MAX));
    "toLong" 1..=1, NUMBER, |v| whole(&v[0], -9.3e18, 9.3e18);
    "isNumeric" 1..=1, BOOL, |v| Value::Bool(v[0].number().is_some());
    "haversine" 4..=4, NUMBER, haversine;

    "isPresent" 1..=1, BOOL, |v| Value::Bool(v[0] != Value::Null);
    "coalesce" 1..=ANY, Returns::Common { first: 0, step: 1 }, coalesce;
    "if" 3..=3, Returns::Common { first: 1, step: 1 }, case;
    "case" 2..=21, Returns::Common { first: 1, step: 2 }, case;
    "unmask" 1..=1, Returns::Common { first: 0, step: 1 }, coalesce;

    "fromMillis" 1..=1, TIME, |v| Value::of_number(v[0].number());
    "toMillis" 1..=1, NUMBER, |v| Value::of_number(v[0].number());

    "isValidIp" 1..=1, BOOL, |v| Value::Bool(address(&v[0]).is_some());
    "isValidIpV4" 1..=1, BOOL, |v| Value::Bool(address(&v[0]).is_some_and(|a| a.is_ipv4()));
    "isValidIpV6" 1..=1, BOOL, |v| Value::Bool(address(&v[0]).is_some_and(|a| a.is_ipv6()));
    "ipv4ToNumber" 1..=1, NUMBER, ipv4_to_number;
    "isPrivateIP" 1..=1, BOOL, |v| Value::Bool(address(&v[0]).is_some_and(is_private));
    "isPublicIP" 1..=1, BOOL, |v| Value::Bool(address(&v[0]).is_some_and(is_public));
    "isReservedIP" 1..=1, BOOL, |v| Value::Bool(address(&v[0]).is_some_and(is_reserved));

    "isEmpty" 1..=1, BOOL, |v| Value::Bool(v[0].text().is_none_or(|t| t.is_empty()));
    "isBlank" 1..=1, BOOL, |v| Value::Bool(v[0].text().is_none_or(|t| t.trim().is_empty()));
    "concat" 1..=ANY, TEXT, concat;
    "trim" 1..=2, TEXT, |v| trimmed(v, true, true);
    "ltrim" 1..=2, TEXT, |v| trimmed(v, true, false);
    "rtrim" 1..=2, TEXT, |v| trimmed(v, false, true);
    "strlen" 1..=1, NUMBER, |v| Value::of_number(v[0].text().map(|t| t.chars().count() as f64));
    "toUpper" 1..=1, TEXT, |v| Value::of_text(v[0].text().map(|t| t.to_uppercase()));
    "toLower" 1..=1, TEXT, |v| Value::of_text(v[0].text().map(|t| t.to_lowercase()));
    "substr" 2..=3, TEXT, substr;
    "replace" 3..=3, TEXT, replace;
    "strContains" 2..=3, BOOL, str_contains;
    "startsWith" 2..=2, BOOL, |v| Value::Bool(both(v).is_some_and(|(a, b)| a.starts_with(&*b)));
    "endsWith" 2..=2, BOOL, |v| Value::Bool(both(v).is_some_and(|(a, b)| a.ends_with(&*b)));
    "urlEncode" 1..=1, TEXT, |v| v[0].text().map_or(Value::Null, |t| bounded(url_encode(&t)));
    "urlDecode" 1..=1, TEXT, |v| Value::of_text(v[0].text().map(|t| url_decode(&t)));
    "base64encode" 1..=1, TEXT, |v| v[0].text().map_or(Value::Null, base64_encode);
    "base64decode" 1..=1, TEXT, |v| Value::of_text(v[0].text().and_then(|t| base64_decode(&t)));
    "hexToAscii" 1..=1, TEXT, hex_to_ascii;
    "hexToDec" 1..=1, NUMBER, hex_to_dec;
    "decToHex" 1..=1, TEXT, dec_to_hex;

    "jsonParse" 1..=1, STRUCTURE, json::parse;
    "jsonStringify" 1..=1, TEXT, json::stringify;
    "jsonArraySize" 1..=1, NUMBER, json::array_size;
    "jsonArrayContains" 2..=2, BOOL, json::array_contains;
    "split" 2..=2, STRUCTURE, json::split;
};

/// Functions of the language that this engine does not answer, in lower case, and what does the
/// same.
pub(super) const NOT_HERE: [(&str, &str); 7] = [
    (
        "topk",
        "write `stats count(*) as n by x | sort n desc | limit 10`",
    ),
    (
        "histogram",
        "group by a rounded value: `stats count(*) by floor(bytes / 1000)`",
    ),
    (
        "rate",
        "divide by the seconds of a bin: `stats sum(bytes) / 60 by bin(1m)`",
    ),
    ("md5", ""),
    ("sha256", ""),
    ("cidrlookup", "write `isIpInSubnet(x, \"10.0.1.0/24\")`"),
    ("tojson", "write `jsonStringify(x)`"),
];

fn base64_encode<'a>(text: Cow<'_, str>) -> Value<'a> {
    bounded(STANDARD.encode(&*text))
}

/// The text that a base 64 stands for; `None` if it is no UTF-8.
fn base64_decode(text: &str) -> Option<String> {
    String::from_utf8(decode_base64(text, &alphabet::STANDARD)?).ok()
}

fn numeric<'a>(value: &Value<'_>, function: fn(f64) -> f64) -> Value<'a> {
    Value::of_number(value.number().map(function))
}

fn fold(values: &[Value<'_>], function: fn(f64, f64) -> f64) -> Option<f64> {
    values.iter().filter_map(Value::number).reduce(function)
}

fn whole<'a>(value: &Value<'_>, min: f64, max: f64) -> Value<'a> {
    let number = value.number().map(f64::trunc);
    Value::of_number(number.filter(|n| (min..=max).contains(n)))
}

/// Half away from zero, to whole numbers or the given decimals.
fn round<'a>(v: &[Value<'a>]) -> Value<'a> {
    let decimals = v.get(1).map_or(Some(0.0), Value::number);
    let rounded = v[0].number().zip(decimals).map(|(number, decimals)| {
        let scale = 10_f64.powi(decimals.clamp(-15.0, 15.0) as i32);
        (number * scale).round() / scale
    });
    Value::of_number(rounded)
}

/// Great-circle distance in kilometres on a sphere of radius 6371 km; degrees in.
fn haversine<'a>(v: &[Value<'a>]) -> Value<'a> {
    let numbers: Option<Vec<f64>> = v.iter().map(|v| v.number().map(f64::to_radians)).collect();
    Value::of_number(numbers.map(|n| {
        let (lat, lon) = ((n[2] - n[0]) / 2.0, (n[3] - n[1]) / 2.0);
        let a = lat.sin().powi(2) + n[0].cos() * n[2].cos() * lon.sin().powi(2);
        2.0 * 6371.0 * a.sqrt().min(1.0).asin()
    }))
}

fn coalesce<'a>(v: &[Value<'a>]) -> Value<'a> {
    let present = v.iter().find(|value| **value != Value::Null);
    present.cloned().unwrap_or(Value::Null)
}

/// Condition and value by turns, a last value alone is the default.
fn case<'a>(v: &[Value<'a>]) -> Value<'a> {
    for branch in v.chunks(2) {
        match branch {
            [condition, value] if condition.truth() => return value.clone(),
            [default] => return default.clone(),
            _ => {}
        }
    }
    Value::Null
}

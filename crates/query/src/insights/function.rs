//! The scalar functions whose value depends on nothing but their arguments.
//!
//! Source: CloudWatch Logs User Guide, "Boolean, comparison, numeric, datetime, and other
//! functions". A number that is none, or an argument that is missing, makes the result null.

use std::borrow::Cow;
use std::net::{IpAddr, Ipv4Addr};
use std::ops::RangeInclusive;

use super::base64;
use super::value::{Value, parse_number};
use crate::ColumnKind;

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
    "urlEncode" 1..=1, TEXT, |v| Value::of_text(v[0].text().map(|t| url_encode(&t)));
    "urlDecode" 1..=1, TEXT, |v| Value::of_text(v[0].text().map(|t| url_decode(&t)));
    "base64encode" 1..=1, TEXT, |v| Value::of_text(v[0].text().map(|t| base64::encode(&t)));
    "base64decode" 1..=1, TEXT, |v| Value::of_text(v[0].text().and_then(|t| base64::decode(&t)));
    "hexToDec" 1..=1, NUMBER, hex_to_dec;
    "decToHex" 1..=1, TEXT, dec_to_hex;
};

/// Functions of the language that this engine does not answer.
pub(super) const NOT_HERE: [&str; 15] = [
    "messagesize",
    "parsedate",
    "isreservedip",
    "split",
    "hextoascii",
    "jsonparse",
    "jsonstringify",
    "jsonarraysize",
    "jsonarraycontains",
    "topk",
    "histogram",
    "rate",
    "countovertime",
    "sumovertime",
    "cidrlookup",
];

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

fn address(value: &Value<'_>) -> Option<IpAddr> {
    value.text()?.parse().ok()
}

fn ipv4_to_number<'a>(v: &[Value<'a>]) -> Value<'a> {
    Value::of_number(match address(&v[0]) {
        Some(IpAddr::V4(address)) => Some(f64::from(u32::from(address))),
        _ => None,
    })
}

/// RFC 1918 and RFC 4193.
fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => v4.is_private(),
        IpAddr::V6(v6) => v6.is_unique_local(),
    }
}

/// Neither private nor one of the blocks that RFC 6890 sets apart.
fn is_public(address: IpAddr) -> bool {
    let shared = |v4: Ipv4Addr| v4.octets()[0] == 100 && v4.octets()[1] & 0xc0 == 64;
    let apart = match address {
        IpAddr::V4(v4) => {
            v4.is_loopback()
                || v4.is_link_local()
                || v4.is_documentation()
                || v4.is_unspecified()
                || v4.octets()[0] == 0
                || v4.octets()[0] >= 224
                || shared(v4)
        }
        IpAddr::V6(v6) => {
            v6.is_loopback()
                || v6.is_unspecified()
                || v6.is_unicast_link_local()
                || v6.is_multicast()
                || v6.segments()[..2] == [0x2001, 0xdb8]
        }
    };
    !apart && !is_private(address)
}

/// Missing values are left out.
fn concat<'a>(v: &[Value<'a>]) -> Value<'a> {
    let text: String = v.iter().filter_map(Value::text).collect();
    Value::Text(text.into())
}

fn trimmed<'a>(v: &[Value<'a>], left: bool, right: bool) -> Value<'a> {
    let set = v.get(1).and_then(Value::text);
    let cut = |c: char| {
        set.as_ref()
            .map_or_else(|| c.is_whitespace(), |set| set.contains(c))
    };
    Value::of_text(v[0].text().map(|text| {
        let mut rest = &*text;
        if left {
            rest = rest.trim_start_matches(cut);
        }
        if right {
            rest = rest.trim_end_matches(cut);
        }
        rest.to_owned()
    }))
}

fn substr<'a>(v: &[Value<'a>]) -> Value<'a> {
    let Some((text, start)) = v[0].text().zip(v[1].number()) else {
        return Value::Null;
    };
    let len = v.get(2).map_or(f64::MAX, |len| len.number().unwrap_or(0.0));
    let part = text
        .chars()
        .skip(start.max(0.0) as usize)
        .take(len.max(0.0) as usize);
    Value::Text(part.collect::<String>().into())
}

fn replace<'a>(v: &[Value<'a>]) -> Value<'a> {
    let Some(((text, from), to)) = v[0].text().zip(v[1].text()).zip(v[2].text()) else {
        return Value::Null;
    };
    if from.is_empty() {
        return Value::Text(text);
    }
    Value::Text(text.replace(&*from, &to).into())
}

fn str_contains<'a>(v: &[Value<'a>]) -> Value<'a> {
    let ignore_case = v.get(2).is_some_and(Value::truth);
    Value::Bool(both(v).is_some_and(|(text, part)| {
        if ignore_case {
            text.to_lowercase().contains(&part.to_lowercase())
        } else {
            text.contains(&*part)
        }
    }))
}

fn both<'a>(v: &[Value<'a>]) -> Option<(Cow<'a, str>, Cow<'a, str>)> {
    v[0].text().zip(v[1].text())
}

/// RFC 3986: everything but unreserved characters.
fn url_encode(text: &str) -> String {
    text.bytes().fold(String::new(), |mut out, byte| {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
        out
    })
}

fn url_decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        let hex = tail.get(..2).and_then(|hex| std::str::from_utf8(hex).ok());
        match hex.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(byte) if *first == b'%' => {
                bytes.push(byte);
                rest = &tail[2..];
            }
            _ => {
                bytes.push(if *first == b'+' { b' ' } else { *first });
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn hex_to_dec<'a>(v: &[Value<'a>]) -> Value<'a> {
    let number = v[0].text().and_then(|text| {
        let digits = text.trim_start_matches("0x").trim_start_matches("0X");
        u64::from_str_radix(digits, 16).ok()
    });
    Value::of_number(number.map(|number| number as f64))
}

fn dec_to_hex<'a>(v: &[Value<'a>]) -> Value<'a> {
    let number = v[0].text().and_then(|text| parse_number(&text));
    let number = number.filter(|n| n.fract() == 0.0 && (0.0..1.8e19).contains(n));
    Value::of_text(number.map(|number| format!("{:x}", number as u64)))
}

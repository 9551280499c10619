//! Functions of text. Places count from 0, in Unicode code points.

use std::borrow::Cow;

use super::value::{Value, parse_number};

/// The longest text that a function makes, in bytes: what an event may have.
pub(super) const TEXT_MAX: usize = 1 << 20;

/// Missing values are left out.
pub(super) fn concat<'a>(v: &[Value<'a>]) -> Value<'a> {
    let text: String = v.iter().filter_map(Value::text).collect();
    bounded(text)
}

/// Null for a text longer than any event may be: calls inside calls could double it each time.
pub(super) fn bounded<'a>(text: String) -> Value<'a> {
    if text.len() > TEXT_MAX {
        return Value::Null;
    }
    Value::Text(text.into())
}

pub(super) fn trimmed<'a>(v: &[Value<'a>], left: bool, right: bool) -> Value<'a> {
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

pub(super) fn substr<'a>(v: &[Value<'a>]) -> Value<'a> {
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

pub(super) fn replace<'a>(v: &[Value<'a>]) -> Value<'a> {
    let Some(((text, from), to)) = v[0].text().zip(v[1].text()).zip(v[2].text()) else {
        return Value::Null;
    };
    if from.is_empty() {
        return Value::Text(text);
    }
    let longest = text.len() / from.len() * to.len() + text.len();
    if longest > TEXT_MAX && text.matches(&*from).count() * to.len() > TEXT_MAX {
        return Value::Null;
    }
    bounded(text.replace(&*from, &to))
}

pub(super) fn str_contains<'a>(v: &[Value<'a>]) -> Value<'a> {
    let ignore_case = v.get(2).is_some_and(Value::truth);
    Value::Bool(both(v).is_some_and(|(text, part)| {
        if ignore_case {
            text.to_lowercase().contains(&part.to_lowercase())
        } else {
            text.contains(&*part)
        }
    }))
}

pub(super) fn both<'a>(v: &[Value<'a>]) -> Option<(Cow<'a, str>, Cow<'a, str>)> {
    v[0].text().zip(v[1].text())
}

/// RFC 3986: everything but unreserved characters.
pub(super) fn url_encode(text: &str) -> String {
    text.bytes().fold(String::new(), |mut out, byte| {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
        out
    })
}

pub(super) fn url_decode(text: &str) -> String {
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

pub(super) fn hex_to_dec<'a>(v: &[Value<'a>]) -> Value<'a> {
    let number = v[0].text().and_then(|text| {
        let digits = text.trim_start_matches("0x").trim_start_matches("0X");
        u64::from_str_radix(digits, 16).ok()
    });
    Value::of_number(number.map(|number| number as f64))
}

pub(super) fn dec_to_hex<'a>(v: &[Value<'a>]) -> Value<'a> {
    let number = v[0].text().and_then(|text| parse_number(&text));
    let number = number.filter(|n| n.fract() == 0.0 && (0.0..1.8e19).contains(n));
    Value::of_text(number.map(|number| format!("{:x}", number as u64)))
}

/// Two digits a character; null for other text and for what is no UTF-8.
pub(super) fn hex_to_ascii<'a>(v: &[Value<'a>]) -> Value<'a> {
    let decoded = v[0].text().and_then(|text| {
        let digits = text.trim_start_matches("0x").as_bytes();
        let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
        let even = digits.len().is_multiple_of(2);
        let bytes: Option<Vec<u8>> = digits.chunks(2).map(byte).collect();
        String::from_utf8(bytes.filter(|_| even)?).ok()
    });
    Value::of_text(decoded)
}

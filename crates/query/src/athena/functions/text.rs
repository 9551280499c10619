//! Functions of texts. Positions count characters from 1.

use super::{Function, functions};
use crate::athena::deadline;
use crate::athena::error::{Checked, Fault};
use crate::athena::value::Value;

pub(super) const FUNCTIONS: &[Function] = functions! {
    "lower(varchar):varchar" |_, v| Ok(Value::str(v[0].text().to_lowercase()));
    "upper(varchar):varchar" |_, v| Ok(Value::str(v[0].text().to_uppercase()));
    "length(varchar):bigint" |_, v| Ok(Value::Int(v[0].text().chars().count() as i64));
    "reverse(varchar):varchar" |_, v| Ok(Value::str(v[0].text().chars().rev().collect::<String>()));
    "trim(varchar):varchar" |_, v| Ok(Value::str(v[0].text().trim().to_owned()));
    "ltrim(varchar):varchar" |_, v| Ok(Value::str(v[0].text().trim_start().to_owned()));
    "rtrim(varchar):varchar" |_, v| Ok(Value::str(v[0].text().trim_end().to_owned()));
    "trim(varchar,varchar):varchar" |_, v| {
        Ok(Value::str(v[0].text().trim_matches(|c| v[1].text().contains(c)).to_owned()))
    };
    "ltrim(varchar,varchar):varchar" |_, v| {
        Ok(Value::str(v[0].text().trim_start_matches(|c| v[1].text().contains(c)).to_owned()))
    };
    "rtrim(varchar,varchar):varchar" |_, v| {
        Ok(Value::str(v[0].text().trim_end_matches(|c| v[1].text().contains(c)).to_owned()))
    };
    "substr(varchar,bigint):varchar" |_, v| Ok(substr(v, None));
    "substr(varchar,bigint,bigint):varchar" |_, v| Ok(substr(v, Some(v[2].int())));
    "substring(varchar,bigint):varchar" |_, v| Ok(substr(v, None));
    "substring(varchar,bigint,bigint):varchar" |_, v| Ok(substr(v, Some(v[2].int())));
    "strpos(varchar,varchar):bigint" |_, v| Ok(Value::Int(strpos(v[0].text(), v[1].text())));
    "strpos(varchar,varchar,bigint):bigint" strpos_nth;
    "starts_with(varchar,varchar):boolean" |_, v| {
        Ok(Value::Bool(v[0].text().starts_with(v[1].text())))
    };
    "replace(varchar,varchar):varchar" |_, v| Ok(Value::str(v[0].text().replace(v[1].text(), "")));
    "replace(varchar,varchar,varchar):varchar" |_, v| replace(v);
    "split(varchar,varchar):array(varchar)" |_, v| split(v, i64::MAX);
    "split(varchar,varchar,bigint):array(varchar)" |_, v| split(v, v[2].int());
    "split_part(varchar,varchar,bigint):varchar" split_part;
    "split_to_map(varchar,varchar,varchar):map(varchar,varchar)" |_, v| {
        let entries = v[0].text().split(v[1].text()).filter(|entry| !entry.is_empty());
        let pairs = entries.map(|entry| entry.split_once(v[2].text()).ok_or_else(|| {
            Fault::argument(format!("Key-value delimiter must appear exactly once in each entry. Bad input: '{entry}'"))
        }));
        let pairs = pairs.map(|pair| pair.map(|(k, v)| {
            (Value::str(k.to_owned()), Value::str(v.to_owned()))
        }));
        Ok(Value::Map(pairs.collect::<Checked<_>>()?))
    };
    "lpad(varchar,bigint,varchar):varchar" |_, v| pad(v, true);
    "rpad(varchar,bigint,varchar):varchar" |_, v| pad(v, false);
    "concat(varchar,varchar...):varchar" |_, v| joined(v.iter().map(Value::text), "");
    "translate(varchar,varchar,varchar):varchar" translate;
    "chr(bigint):varchar" |_, v| {
        let code = u32::try_from(v[0].int()).ok().and_then(char::from_u32);
        let char = code.ok_or_else(|| {
            Fault::argument(format!("Not a valid Unicode code point: {}", v[0].int()))
        });
        Ok(Value::str(char?.to_string()))
    };
    "codepoint(varchar):integer" |_, v| {
        let mut chars = v[0].text().chars();
        match (chars.next(), chars.next()) {
            (Some(c), None) => Ok(Value::Int(u32::from(c).into())),
            _ => Err(Fault::argument("Input string must be a single character string")),
        }
    };
    "levenshtein_distance(varchar,varchar):bigint" |_, v| {
        levenshtein(v[0].text(), v[1].text())
    };
    "soundex(varchar):varchar" |_, v| soundex(v[0].text());
    "hamming_distance(varchar,varchar):bigint" |_, v| {
        let (a, b) = (v[0].text().chars(), v[1].text().chars());
        if a.clone().count() != b.clone().count() {
            let message = "The input strings to hamming_distance function must have the same length";
            return Err(Fault::argument(message));
        }
        Ok(Value::Int(a.zip(b).filter(|(a, b)| a != b).count() as i64))
    };
    "to_utf8(varchar):varbinary" |_, v| Ok(Value::Bytes(v[0].text().as_bytes().to_vec().into()));
    "from_utf8(varbinary):varchar" |_, v| {
        Ok(Value::str(String::from_utf8_lossy(v[0].bytes()).into_owned()))
    };
    "to_hex(varbinary):varchar" |_, v| {
        Ok(Value::str(v[0].bytes().iter().map(|b| format!("{b:02X}")).collect::<String>()))
    };
    "url_decode(varchar):varchar" |_, v| Ok(Value::str(url_decode(v[0].text())));
    "url_encode(varchar):varchar" |_, v| Ok(Value::str(url_encode(v[0].text())));
};

/// The longest text that a function may make.
pub(super) const LENGTH_MAX: usize = 1 << 20;

/// The parts with a separator between, as far as a text may be long.
pub(super) fn joined<'a, T: AsRef<str>>(
    parts: impl Iterator<Item = T>,
    separator: &str,
) -> Checked<Value<'a>> {
    let mut text = String::new();
    for (at, part) in parts.enumerate() {
        let between = if at == 0 { "" } else { separator };
        bounded_len(text.len() + between.len() + part.as_ref().len())?;
        text.push_str(between);
        text.push_str(part.as_ref());
    }
    Ok(Value::str(text))
}

fn replace<'a>(v: &[Value<'a>]) -> Checked<Value<'a>> {
    let (text, with) = (v[0].text(), v[2].text());
    if with.len().saturating_mul(text.len() + 1) <= LENGTH_MAX {
        return Ok(Value::str(text.replace(v[1].text(), with)));
    }
    let found = text.matches(v[1].text()).count();
    bounded_len(text.len() + found.saturating_mul(with.len()))?;
    Ok(Value::str(text.replace(v[1].text(), with)))
}

pub(super) fn bounded_len(len: usize) -> Checked<()> {
    if len > LENGTH_MAX {
        return Err(Fault::argument(format!(
            "the text of a function is longer than {LENGTH_MAX} bytes"
        )));
    }
    Ok(())
}

/// Time grows with the product of the lengths, which Trino bounds.
fn levenshtein<'a>(a: &str, b: &str) -> Checked<Value<'a>> {
    const PRODUCT_MAX: usize = 1_000_000;
    /// Cells of the table that weigh as much as a row.
    const CELLS: usize = 64;
    let lengths = [a, b].map(|text| text.chars().count().saturating_sub(1));
    if lengths[0].saturating_mul(lengths[1]) > PRODUCT_MAX {
        let message = "The combined inputs for Levenshtein distance are too large";
        return Err(Fault::argument(message));
    }
    deadline::spend(lengths[0] * lengths[1] / CELLS)?;
    Ok(Value::Int(strsim::levenshtein(a, b) as i64))
}

/// The sound of an English name: its first letter and three digits. Vowels part equal digits, H and
/// W do not (the United States National Archives, "Soundex System").
fn soundex<'a>(text: &str) -> Checked<Value<'a>> {
    const DIGITS: &[u8; 26] = b"01230120022455012623010202";
    if let Some(other) = text.chars().find(|it| it.is_alphabetic() && !it.is_ascii()) {
        return Err(Fault::argument(format!(
            "The character is not mapped: {other}"
        )));
    }
    let letters = text.bytes().filter(u8::is_ascii_alphabetic);
    let mut letters = letters.map(|letter| letter.to_ascii_uppercase());
    let digit = |letter: u8| char::from(DIGITS[usize::from(letter - b'A')]);
    let Some(first) = letters.next() else {
        return Ok(Value::str(""));
    };
    let (mut code, mut last) = (String::from(char::from(first)), digit(first));
    for letter in letters.filter(|it| !b"HW".contains(it)) {
        let here = digit(letter);
        if here != '0' && here != last && code.len() < 4 {
            code.push(here);
        }
        last = here;
    }
    Ok(Value::str(format!("{code:0<4}")))
}

/// From a position, counted from the end if negative; nothing outside.
fn substr<'a>(v: &[Value<'a>], length: Option<i64>) -> Value<'a> {
    let text = v[0].text();
    let count = text.chars().count() as i64;
    let from = match v[1].int() {
        0 => return Value::str(""),
        n if n > 0 => n - 1,
        n => count.saturating_add(n),
    };
    if from < 0 || from >= count {
        return Value::str("");
    }
    let length = length.unwrap_or(i64::MAX).max(0) as usize;
    let part: String = text.chars().skip(from as usize).take(length).collect();
    Value::str(part)
}

fn strpos(text: &str, part: &str) -> i64 {
    let found = text.find(part);
    found.map_or(0, |at| text[..at].chars().count() as i64 + 1)
}

fn strpos_nth<'a>(_: &super::Given<'_>, v: &[Value<'a>]) -> Checked<Value<'a>> {
    let (text, part, nth) = (v[0].text(), v[1].text(), v[2].int());
    let mut places: Vec<usize> = text.match_indices(part).map(|(at, _)| at).collect();
    if nth < 0 {
        places.reverse();
    }
    let nth = usize::try_from(nth.unsigned_abs()).unwrap_or(0);
    let nth = nth
        .checked_sub(1)
        .ok_or_else(|| Fault::argument("'instance' must be a positive or negative number."))?;
    let at = places
        .get(nth)
        .map(|at| text[..*at].chars().count() as i64 + 1);
    Ok(Value::Int(at.unwrap_or(0)))
}

fn split<'a>(v: &[Value<'a>], limit: i64) -> Checked<Value<'a>> {
    let delimiter = v[1].text();
    if delimiter.is_empty() {
        return Err(Fault::argument("The delimiter may not be the empty string"));
    }
    if limit <= 0 {
        return Err(Fault::argument("Limit must be positive"));
    }
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let parts = v[0].text().splitn(limit, delimiter);
    Ok(Value::List(
        parts.map(|part| Value::str(part.to_owned())).collect(),
    ))
}

fn split_part<'a>(_: &super::Given<'_>, v: &[Value<'a>]) -> Checked<Value<'a>> {
    let index = usize::try_from(v[2].int())
        .ok()
        .and_then(|n| n.checked_sub(1));
    let index = index.ok_or_else(|| Fault::argument("Index must be greater than zero"))?;
    if v[1].text().is_empty() {
        let char = v[0].text().chars().nth(index);
        return Ok(char.map_or(Value::Null, |c| Value::str(c.to_string())));
    }
    let part = v[0].text().split(v[1].text()).nth(index);
    Ok(part.map_or(Value::Null, |part| Value::str(part.to_owned())))
}

fn pad<'a>(v: &[Value<'a>], left: bool) -> Checked<Value<'a>> {
    let (text, with) = (v[0].text(), v[2].text());
    let size = usize::try_from(v[1].int())
        .ok()
        .filter(|size| *size <= LENGTH_MAX);
    let size = size.ok_or_else(|| {
        Fault::argument(format!(
            "Target length must be in the range [0..{LENGTH_MAX}]"
        ))
    })?;
    if with.is_empty() {
        return Err(Fault::argument("Padding string must not be empty"));
    }
    let count = text.chars().count();
    if count >= size {
        return Ok(Value::str(text.chars().take(size).collect::<String>()));
    }
    let padding: String = with.chars().cycle().take(size - count).collect();
    Ok(Value::str(if left {
        padding + text
    } else {
        format!("{text}{padding}")
    }))
}

fn translate<'a>(_: &super::Given<'_>, v: &[Value<'a>]) -> Checked<Value<'a>> {
    let to: Vec<char> = v[2].text().chars().collect();
    let from: Vec<char> = v[1].text().chars().collect();
    let text = v[0].text().chars().filter_map(|c| {
        let place = from.iter().position(|f| *f == c);
        place.map_or(Some(c), |place| to.get(place).copied())
    });
    Ok(Value::str(text.collect::<String>()))
}

fn url_decode(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let hex = bytes
            .get(at + 1..at + 3)
            .and_then(|hex| std::str::from_utf8(hex).ok());
        let code = hex.and_then(|hex| u8::from_str_radix(hex, 16).ok());
        match (bytes[at], code) {
            (b'%', Some(code)) => {
                decoded.push(code);
                at += 2;
            }
            (b'+', _) => decoded.push(b' '),
            (byte, _) => decoded.push(byte),
        }
        at += 1;
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

fn url_encode(text: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b'*');
    let encoded = text.bytes().map(|b| match b {
        b if plain(b) => char::from(b).to_string(),
        b' ' => "+".to_owned(),
        b => format!("%{b:02X}"),
    });
    encoded.collect()
}

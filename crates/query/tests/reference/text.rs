//! Functions of text, the plain way.

use std::cell::RefCell;
use std::collections::HashMap;

use regex::Regex;

thread_local! {
    static REGEXES: RefCell<HashMap<String, Regex>> = RefCell::default();
}

/// A regex, compiled once a thread.
pub(crate) fn regex(pattern: &str) -> Regex {
    REGEXES.with_borrow_mut(|known| {
        let compile = || Regex::new(pattern).expect("the test's own regex");
        known
            .entry(pattern.to_owned())
            .or_insert_with(compile)
            .clone()
    })
}

/// The characters from `start` on, at most `len`.
pub(crate) fn substr(text: &str, start: f64, len: Option<f64>) -> String {
    let chars: Vec<char> = text.chars().collect();
    let start = (start.max(0.0) as usize).min(chars.len());
    let len = len.map_or(chars.len(), |len| len.max(0.0) as usize);
    chars[start..].iter().take(len).collect()
}

/// Without the characters of `set` (or blanks) at the ends asked for.
pub(crate) fn trim(text: &str, set: Option<&str>, left: bool, right: bool) -> String {
    let cut = |c: char| set.map_or_else(|| c.is_whitespace(), |set| set.contains(c));
    let mut chars: Vec<char> = text.chars().collect();
    while left && chars.first().is_some_and(|c| cut(*c)) {
        chars.remove(0);
    }
    while right && chars.last().is_some_and(|c| cut(*c)) {
        chars.pop();
    }
    chars.into_iter().collect()
}

/// Every byte but letters, digits and `-_.~` as `%XX`.
pub(crate) fn url_encode(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                out.push(char::from(byte));
            }
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

/// `%XX` as a byte and `+` as a blank.
pub(crate) fn url_decode(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::new();
    let mut at = 0;
    let digit = |at: usize| {
        bytes
            .get(at)
            .and_then(|byte| char::from(*byte).to_digit(16))
    };
    while at < bytes.len() {
        match (bytes[at], digit(at + 1), digit(at + 2)) {
            (b'%', Some(high), Some(low)) => {
                out.push((high * 16 + low) as u8);
                at += 2;
            }
            (b'+', ..) => out.push(b' '),
            (byte, ..) => out.push(byte),
        }
        at += 1;
    }
    String::from_utf8_lossy(&out).into_owned()
}

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Base 64 of RFC 4648 with padding.
pub(crate) fn base64(text: &str) -> String {
    let bits: Vec<u8> = text
        .bytes()
        .flat_map(|byte| (0..8).rev().map(move |bit| byte >> bit & 1))
        .collect();
    let mut out: String = bits
        .chunks(6)
        .map(|chunk| {
            let bits = chunk.iter().chain(&[0; 6]).take(6);
            let index = bits.fold(0_usize, |sum, bit| sum * 2 + usize::from(*bit));
            char::from(ALPHABET[index])
        })
        .collect();
    while !out.len().is_multiple_of(4) {
        out.push('=');
    }
    out
}

/// The text of a Base 64 with padding.
pub(crate) fn from_base64(text: &str) -> Option<String> {
    let mut bits = Vec::new();
    for byte in text.trim_end_matches('=').bytes() {
        let index = ALPHABET.iter().position(|known| *known == byte)?;
        bits.extend((0..6).rev().map(|bit| (index >> bit & 1) as u8));
    }
    let byte = |bits: &[u8]| bits.iter().fold(0_u8, |sum, bit| sum << 1 | bit);
    let bytes: Vec<u8> = bits.chunks_exact(8).map(byte).collect();
    (text.len().is_multiple_of(4)).then(|| String::from_utf8(bytes).ok())?
}

/// Where the `*`s of a pattern lie: the first literal anywhere, each `*` as short as the next literal
/// allows, a last `*` to the end.
pub(crate) fn glob(pattern: &str, text: &str) -> Option<Vec<String>> {
    let literals: Vec<&str> = pattern.split('*').collect();
    let mut rest = &text[text.find(literals[0])? + literals[0].len()..];
    let mut parts = Vec::new();
    for (index, literal) in literals.iter().enumerate().skip(1) {
        if literal.is_empty() && index + 1 == literals.len() {
            parts.push(rest.to_owned());
            break;
        }
        let at = rest.find(literal)?;
        parts.push(rest[..at].to_owned());
        rest = &rest[at + literal.len()..];
    }
    Some(parts)
}

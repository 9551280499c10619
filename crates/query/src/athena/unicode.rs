//! `U&'d\00e9j\+0000e0'`: texts with characters by their numbers, four hexadecimal digits behind
//! the escape, or six behind `\+`. `UESCAPE '!'` takes another escape than the backslash; doubled
//! it stands for itself.
//!
//! Source: Trino, "Literals".

use super::error::{Checked, Fault};

/// The characters that stand for those with escapes; `at` is where the literal begins.
pub(super) fn unescaped(text: &str, escape: char, at: usize) -> Checked<String> {
    let wrong = |message: &str| Fault::new("INVALID_LITERAL", at, message);
    let mut chars = text.chars().peekable();
    let mut found = String::with_capacity(text.len());
    while let Some(c) = chars.next() {
        if c != escape {
            found.push(c);
            continue;
        }
        if chars.next_if_eq(&escape).is_some() {
            found.push(escape);
            continue;
        }
        let digits = if chars.next_if_eq(&'+').is_some() {
            6
        } else {
            4
        };
        let number: String = chars.by_ref().take(digits).collect();
        if number.chars().count() < digits {
            return Err(wrong("Incomplete escape sequence"));
        }
        let all_digits = number.chars().all(|c| c.is_ascii_hexdigit());
        let code = u32::from_str_radix(&number, 16).ok().filter(|_| all_digits);
        let code = code.ok_or_else(|| wrong("Invalid hexadecimal digit in an escape sequence"))?;
        let c = char::from_u32(code);
        found.push(c.ok_or_else(|| wrong("Invalid escaped character"))?);
    }
    Ok(found)
}

//! The codes of `date_format` and `date_parse`: MySQL's, where `%i` are minutes and `%M` a month's
//! name.
//!
//! Source: Trino documentation, "Date and time functions and operators", MySQL date functions.

use jiff::civil::DateTime;

use super::format::{
    MONTHS, Parts, digits, half, hour12, malformed, month_name, named, weekday_name,
};
use crate::athena::error::{Checked, Fault};

/// Prints a moment.
pub(super) fn print(moment: &DateTime, format: &str) -> Checked<String> {
    let mut text = String::new();
    let mut chars = format.chars();
    while let Some(c) = chars.next() {
        if c != '%' {
            text.push(c);
            continue;
        }
        let Some(code) = chars.next() else {
            return Err(Fault::argument(format!(
                "Invalid date format string: {format}"
            )));
        };
        text.push_str(&code_text(moment, code)?);
    }
    Ok(text)
}

fn code_text(moment: &DateTime, code: char) -> Checked<String> {
    let week = moment.date().iso_week_date();
    Ok(match code {
        'a' => weekday_name(moment)[..3].to_owned(),
        'b' => month_name(moment)[..3].to_owned(),
        'c' => moment.month().to_string(),
        'd' => format!("{:02}", moment.day()),
        'e' => moment.day().to_string(),
        'f' => format!("{:06}", moment.subsec_nanosecond() / 1000),
        'H' => format!("{:02}", moment.hour()),
        'h' | 'I' => format!("{:02}", hour12(moment)),
        'i' => format!("{:02}", moment.minute()),
        'j' => format!("{:03}", moment.day_of_year()),
        'k' => moment.hour().to_string(),
        'l' => hour12(moment).to_string(),
        'M' => month_name(moment).to_owned(),
        'm' => format!("{:02}", moment.month()),
        'p' => half(moment).to_owned(),
        'r' => {
            let (minute, second) = (moment.minute(), moment.second());
            format!(
                "{:02}:{minute:02}:{second:02} {}",
                hour12(moment),
                half(moment)
            )
        }
        'S' | 's' => format!("{:02}", moment.second()),
        'T' => {
            let (hour, minute) = (moment.hour(), moment.minute());
            format!("{hour:02}:{minute:02}:{:02}", moment.second())
        }
        'v' => format!("{:02}", week.week()),
        'W' => weekday_name(moment).to_owned(),
        'x' => format!("{:04}", week.year()),
        'Y' => format!("{:04}", moment.year()),
        'y' => format!("{:02}", moment.year().rem_euclid(100)),
        'D' | 'U' | 'u' | 'V' | 'w' | 'X' => {
            let message = format!("%{code} not supported in date format string");
            return Err(Fault::argument(message));
        }
        other => other.to_string(),
    })
}

/// Milliseconds of the moment that a text stands for.
pub(super) fn parse(text: &str, format: &str) -> Checked<i64> {
    let wrong = |rest: &str| malformed(text, rest);
    let (mut parts, mut rest) = (Parts::default(), text);
    let mut chars = format.chars();
    while let Some(c) = chars.next() {
        if c != '%' {
            rest = rest.strip_prefix(c).ok_or_else(|| wrong(rest))?;
            continue;
        }
        let code = chars.next().unwrap_or('%');
        read(&mut parts, &mut rest, code).ok_or_else(|| wrong(rest))?;
    }
    if !rest.is_empty() {
        return Err(wrong(rest));
    }
    parts.local().ok_or_else(|| wrong(text))
}

fn read(parts: &mut Parts, rest: &mut &str, code: char) -> Option<()> {
    match code {
        'Y' => parts.year = digits(rest, 4)?,
        'y' => {
            let year = digits(rest, 2)?;
            parts.year = year + if year < 70 { 2000 } else { 1900 };
        }
        'm' | 'c' => parts.month = digits(rest, 2)?,
        'M' | 'b' => parts.month = named(rest, &MONTHS)? + 1,
        'd' | 'e' => parts.day = digits(rest, 2)?,
        'H' | 'k' | 'h' | 'I' | 'l' => parts.hour = digits(rest, 2)?,
        'i' => parts.minute = digits(rest, 2)?,
        's' | 'S' => parts.second = digits(rest, 2)?,
        'f' => {
            let before = *rest;
            digits(rest, 9)?;
            let len = before.len() - rest.len();
            parts.millis = format!("{:0<3}", &before[..len])[..3].parse().ok()?;
        }
        'p' => parts.afternoon = Some(named(rest, &["AM", "PM"])? == 1),
        'T' => {
            for code in ['H', ':', 'i', ':', 's'] {
                if code == ':' {
                    *rest = rest.strip_prefix(':')?;
                } else {
                    read(parts, rest, code)?;
                }
            }
        }
        other => *rest = rest.strip_prefix(other)?,
    }
    Some(())
}

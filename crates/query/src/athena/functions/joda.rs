//! The patterns of `format_datetime` and `parse_datetime`: Joda's, such as `yyyy-MM-dd HH:mm`.
//! Partition projection writes its date formats in the same letters.
//!
//! Source: Joda-Time, `DateTimeFormat`.

use jiff::civil::DateTime;

use super::format::{
    MONTHS, Parts, digits, half, hour12, malformed, month_name, named, weekday_name,
};
use super::zones::{zone_moment, zone_name};
use crate::athena::error::{Checked, Fault};

enum Piece {
    /// A letter, so many times.
    Field(char, usize),
    Literal(String),
}

fn pieces(pattern: &str) -> Vec<Piece> {
    let mut found = Vec::new();
    let mut chars = pattern.chars().peekable();
    while let Some(c) = chars.next() {
        if c.is_ascii_alphabetic() {
            let mut count = 1;
            while chars.next_if_eq(&c).is_some() {
                count += 1;
            }
            found.push(Piece::Field(c, count));
        } else if c == '\'' {
            let mut text = String::new();
            while let Some(inner) = chars.next() {
                if inner != '\'' {
                    text.push(inner);
                } else if chars.next_if_eq(&'\'').is_some() {
                    text.push('\'');
                } else {
                    break;
                }
            }
            found.push(Piece::Literal(if text.is_empty() {
                "'".into()
            } else {
                text
            }));
        } else {
            found.push(Piece::Literal(c.to_string()));
        }
    }
    found
}

/// Prints a wall clock that is `offset` milliseconds ahead of UTC in `zone`.
pub(super) fn print(moment: &DateTime, pattern: &str, zone: &str, offset: i64) -> Checked<String> {
    let mut text = String::new();
    for piece in pieces(pattern) {
        match piece {
            Piece::Literal(literal) => text.push_str(&literal),
            Piece::Field(letter, count) => {
                text.push_str(&field(moment, letter, count, zone, offset)?);
            }
        }
    }
    Ok(text)
}

fn field(
    moment: &DateTime,
    letter: char,
    count: usize,
    zone: &str,
    offset: i64,
) -> Checked<String> {
    let padded = |number: i64| format!("{number:0count$}");
    let week = moment.date().iso_week_date();
    let name = |name: &str| {
        if count >= 4 {
            name.to_owned()
        } else {
            name[..3].to_owned()
        }
    };
    Ok(match letter {
        'y' | 'Y' | 'u' if count == 2 => format!("{:02}", moment.year().rem_euclid(100)),
        'y' | 'Y' | 'u' => padded(moment.year().into()),
        'x' => padded(week.year().into()),
        'M' if count >= 3 => name(month_name(moment)),
        'M' => padded(moment.month().into()),
        'd' => padded(moment.day().into()),
        'D' => padded(moment.day_of_year().into()),
        'w' => padded(week.week().into()),
        'e' => padded(moment.weekday().to_monday_one_offset().into()),
        'E' => name(weekday_name(moment)),
        'a' => half(moment).to_owned(),
        'H' => padded(moment.hour().into()),
        'k' => padded(if moment.hour() == 0 {
            24
        } else {
            moment.hour().into()
        }),
        'K' => padded((moment.hour() % 12).into()),
        'h' => padded(hour12(moment).into()),
        'm' => padded(moment.minute().into()),
        's' => padded(moment.second().into()),
        'S' => {
            let nanos = format!("{:09}", moment.subsec_nanosecond());
            format!("{nanos:0<count$}")[..count].to_owned()
        }
        'z' => zone.to_owned(),
        'Z' if count >= 3 => zone.to_owned(),
        'Z' => {
            let minutes = offset / 60_000;
            let sign = if minutes < 0 { '-' } else { '+' };
            let colon = if count == 2 { ":" } else { "" };
            let (hours, minutes) = (minutes.abs() / 60, minutes.abs() % 60);
            format!("{sign}{hours:02}{colon}{minutes:02}")
        }
        'G' => "AD".to_owned(),
        'C' => padded((moment.year() / 100).into()),
        other => {
            let message = format!("Illegal pattern component: {other}");
            return Err(Fault::argument(message));
        }
    })
}

/// The moment that a text stands for, in milliseconds, and the zone that it names, or UTC.
pub(super) fn parse(text: &str, pattern: &str) -> Checked<(i64, String)> {
    let wrong = |rest: &str| malformed(text, rest);
    let (mut parts, mut rest) = (Parts::default(), text);
    let pieces = pieces(pattern);
    for (at, piece) in pieces.iter().enumerate() {
        match piece {
            Piece::Literal(literal) => {
                rest = rest
                    .strip_prefix(literal.as_str())
                    .ok_or_else(|| wrong(rest))?;
            }
            Piece::Field(letter, count) => {
                // Beside another number the letters count the digits.
                let tight = matches!(pieces.get(at + 1), Some(Piece::Field(..)));
                let most = if tight { *count } else { 9 };
                read(&mut parts, &mut rest, *letter, *count, most).ok_or_else(|| wrong(rest))?;
            }
        }
    }
    if !rest.is_empty() {
        return Err(wrong(rest));
    }
    let local = parts.local().ok_or_else(|| wrong(text))?;
    let zone = parts.zone.unwrap_or_else(|| "UTC".to_owned());
    Ok((zone_moment(&zone, local)?, zone))
}

fn read(parts: &mut Parts, rest: &mut &str, letter: char, count: usize, most: usize) -> Option<()> {
    match letter {
        'y' | 'Y' | 'u' => {
            let before = rest.len();
            let year = digits(rest, most)?;
            let two = count == 2 && before - rest.len() == 2;
            parts.year = if two { year + 2000 } else { year };
        }
        'M' if count >= 3 => parts.month = named(rest, &MONTHS)? + 1,
        'M' => parts.month = digits(rest, most)?,
        'd' => parts.day = digits(rest, most)?,
        'H' | 'h' | 'K' => parts.hour = digits(rest, most)?,
        'k' => parts.hour = digits(rest, most)? % 24,
        'm' => parts.minute = digits(rest, most)?,
        's' => parts.second = digits(rest, most)?,
        'S' => {
            let before = *rest;
            digits(rest, most)?;
            let len = before.len() - rest.len();
            parts.millis = format!("{:0<3}", &before[..len])[..3].parse().ok()?;
        }
        'a' => parts.afternoon = Some(named(rest, &["AM", "PM"])? == 1),
        'E' => {
            let names = [
                "Monday",
                "Tuesday",
                "Wednesday",
                "Thursday",
                "Friday",
                "Saturday",
                "Sunday",
            ];
            named(rest, &names)?;
        }
        'z' | 'Z' => {
            let end = rest.find(' ').unwrap_or(rest.len());
            parts.zone = Some(zone_name(&rest[..end]).ok()?);
            *rest = &rest[end..];
        }
        _ => return None,
    }
    Some(())
}

/// A projection's value of a date, in UTC.
pub(in crate::athena) fn joda_print(moment: &DateTime, pattern: &str) -> Checked<String> {
    print(moment, pattern, "UTC", 0)
}

/// The date that a projection's value stands for, in UTC.
pub(in crate::athena) fn joda_parse(text: &str, pattern: &str) -> Checked<i64> {
    parse(text, pattern).map(|(moment, _)| moment)
}

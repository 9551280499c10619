//! `parseDate`: a text read by a pattern of Java's `SimpleDateFormat`.
//!
//! `parseDate("05/Mar/2024:00:02:05 +0000", "dd/MMM/yyyy:HH:mm:ss Z")` is `1709596925000`.

use jiff::civil::{Date, DateTime, Time};
use jiff::tz::{Offset, TimeZone};

const MONTHS: [&str; 12] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];
const DAYS: [&str; 7] = [
    "monday",
    "tuesday",
    "wednesday",
    "thursday",
    "friday",
    "saturday",
    "sunday",
];

/// One part of a pattern.
#[derive(Clone, Debug, PartialEq)]
enum Part {
    Literal(String),
    /// A letter and how often it stands there.
    Field(char, usize),
}

/// A pattern, read once.
#[derive(Clone, Debug)]
pub(super) struct Pattern(Vec<Part>);

/// What was read so far.
struct Found {
    year: i16,
    month: i8,
    day: i8,
    hour: i8,
    half: Option<i8>,
    minute: i8,
    second: i8,
    nanos: i32,
    offset: Option<Offset>,
}

impl Pattern {
    /// Reads a pattern; otherwise what in it is unknown.
    pub(super) fn new(pattern: &str) -> Result<Self, String> {
        let mut parts: Vec<Part> = Vec::new();
        let mut chars = pattern.chars().peekable();
        let literal = |parts: &mut Vec<Part>, c: char| match parts.last_mut() {
            Some(Part::Literal(text)) => text.push(c),
            _ => parts.push(Part::Literal(c.to_string())),
        };
        while let Some(c) = chars.next() {
            if c == '\'' {
                if chars.next_if_eq(&'\'').is_some() {
                    literal(&mut parts, '\'');
                    continue;
                }
                loop {
                    match chars.next() {
                        Some('\'') => break,
                        Some(inner) => literal(&mut parts, inner),
                        None => return Err("a `'` without its partner".to_owned()),
                    }
                }
            } else if c.is_ascii_alphabetic() {
                let mut count = 1;
                while chars.next_if_eq(&c).is_some() {
                    count += 1;
                }
                if !"yuMLdHkhKmsSnaEzZXx".contains(c) {
                    return Err(format!("`{c}`"));
                }
                parts.push(Part::Field(c, count));
            } else {
                literal(&mut parts, c);
            }
        }
        Ok(Self(parts))
    }

    /// Milliseconds since the epoch; `zone` counts where the text names none. `None` for a text of
    /// another form.
    pub(super) fn parse(&self, text: &str, zone: &TimeZone) -> Option<i64> {
        let mut found = Found {
            year: 1970,
            month: 1,
            day: 1,
            hour: 0,
            half: None,
            minute: 0,
            second: 0,
            nanos: 0,
            offset: None,
        };
        let mut rest = text.trim();
        for (index, part) in self.0.iter().enumerate() {
            // Digits of fields side by side are told apart by the pattern's widths.
            let glued =
                matches!(self.0.get(index + 1), Some(Part::Field(c, _)) if c.is_ascii_alphabetic());
            rest = match part {
                Part::Literal(literal) => rest.strip_prefix(literal.as_str())?,
                Part::Field(letter, count) => found.read(*letter, *count, glued, rest)?,
            };
        }
        if !rest.is_empty() {
            return None;
        }
        found.millis(zone)
    }
}

impl Found {
    /// Reads one field from the beginning of `text`; returns what follows.
    fn read<'t>(
        &mut self,
        letter: char,
        count: usize,
        glued: bool,
        text: &'t str,
    ) -> Option<&'t str> {
        let width = if glued { count } else { 19 };
        let number = |text: &'t str| -> Option<(i64, &'t str, usize)> {
            let digits = text.bytes().take(width).take_while(u8::is_ascii_digit);
            let len = digits.count();
            Some((text[..len].parse().ok()?, &text[len..], len))
        };
        match letter {
            'M' | 'L' if count >= 3 => {
                let (month, rest) = named(&MONTHS, text)?;
                self.month = month;
                return Some(rest);
            }
            'E' => return named(&DAYS, text).map(|(_, rest)| rest),
            'a' => {
                let half = text.get(..2)?;
                self.half = Some(match half.to_ascii_lowercase().as_str() {
                    "am" => 0,
                    "pm" => 12,
                    _ => return None,
                });
                return Some(&text[2..]);
            }
            'z' | 'Z' | 'X' | 'x' => {
                let (offset, rest) = offset(text)?;
                self.offset = Some(offset);
                return Some(rest);
            }
            _ => {}
        }
        let (value, rest, len) = number(text)?;
        let small = i8::try_from(value).ok();
        match letter {
            'y' | 'u' => {
                let century = if count == 2 && len == 2 { 2000 } else { 0 };
                self.year = i16::try_from(value + century).ok()?;
            }
            'M' | 'L' => self.month = small?,
            'd' => self.day = small?,
            'H' | 'K' => self.hour = small?,
            'h' => self.hour = small? % 12,
            'k' => self.hour = small? % 24,
            'm' => self.minute = small?,
            's' => self.second = small?,
            _ => {
                let scale = 10_i64.checked_pow(u32::try_from(9_usize.checked_sub(len)?).ok()?)?;
                self.nanos = i32::try_from(value.checked_mul(scale)?).ok()?;
            }
        }
        Some(rest)
    }

    fn millis(&self, zone: &TimeZone) -> Option<i64> {
        let date = Date::new(self.year, self.month, self.day).ok()?;
        let hour = self.hour.checked_add(self.half.unwrap_or(0))?;
        let time = Time::new(hour, self.minute, self.second, self.nanos).ok()?;
        let local = DateTime::from_parts(date, time);
        let moment = match self.offset {
            Some(offset) => offset.to_timestamp(local).ok()?,
            None => local.to_zoned(zone.clone()).ok()?.timestamp(),
        };
        Some(moment.as_millisecond())
    }
}

/// A name, whole or its first three letters; its place counted from 1.
fn named<'t>(names: &[&str], text: &'t str) -> Option<(i8, &'t str)> {
    let len = text.bytes().take_while(u8::is_ascii_alphabetic).count();
    let word = text[..len].to_ascii_lowercase();
    let found = names
        .iter()
        .position(|name| *name == word || (len == 3 && name.starts_with(&word)))?;
    Some((i8::try_from(found + 1).ok()?, &text[len..]))
}

/// `Z`, `UTC`, `GMT`, `+02`, `+0200` or `+02:00`.
fn offset(text: &str) -> Option<(Offset, &str)> {
    for name in ["UTC", "GMT", "Z"] {
        if let Some(rest) = text.strip_prefix(name) {
            return Some((Offset::UTC, rest));
        }
    }
    let sign = match text.bytes().next()? {
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    let rest = &text[1..];
    let two = |text: &str| -> Option<i32> {
        let pair = text.get(..2)?;
        pair.bytes()
            .all(|b| b.is_ascii_digit())
            .then(|| pair.parse().ok())?
    };
    let hours = two(rest)?;
    let rest = &rest[2..];
    let minutes_at = rest.strip_prefix(':').unwrap_or(rest);
    let (minutes, rest) = match two(minutes_at) {
        Some(minutes) => (minutes, &minutes_at[2..]),
        None => (0, rest),
    };
    let offset = Offset::from_seconds(sign * (hours * 3600 + minutes * 60)).ok()?;
    Some((offset, rest))
}

/// The time zone of a name: `UTC`, an offset such as `+02:00`, or one of the IANA database that
/// this computer has.
pub(super) fn zone(name: &str) -> Option<TimeZone> {
    if let Some((offset, "")) = offset(name) {
        return Some(TimeZone::fixed(offset));
    }
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | '_' | '-' | '+');
    if name.is_empty() || name.starts_with('/') || !name.chars().all(plain) {
        return None;
    }
    let folders = ["/usr/share/zoneinfo", "/var/db/timezone/zoneinfo"];
    let bytes = folders
        .iter()
        .find_map(|folder| std::fs::read(format!("{folder}/{name}")).ok())?;
    TimeZone::tzif(name, &bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn millis(pattern: &str, text: &str) -> Option<i64> {
        Pattern::new(pattern).unwrap().parse(text, &TimeZone::UTC)
    }

    #[test]
    fn the_usual_forms_of_logs_are_read() {
        let midnight = 1_709_596_800_000;
        let forms = [
            ("yyyy-MM-dd", "2024-03-05", 0),
            (
                "yyyy-MM-dd'T'HH:mm:ss.SSSX",
                "2024-03-05T00:02:05.250Z",
                125_250,
            ),
            (
                "dd/MMM/yyyy:HH:mm:ss Z",
                "05/Mar/2024:02:02:05 +0200",
                125_000,
            ),
            ("yyyyMMddHHmmss", "20240305000205", 125_000),
            (
                "EEE, d MMMM yyyy h:mm a",
                "Tue, 5 March 2024 12:02 AM",
                120_000,
            ),
            ("MM/dd/yy hh:mm a", "03/05/24 01:00 pm", 13 * 3_600_000),
        ];
        for (pattern, text, after) in forms {
            assert_eq!(millis(pattern, text), Some(midnight + after), "{pattern}");
        }
        for (pattern, text) in [
            ("yyyy-MM-dd", "2024-02-30"),
            ("yyyy-MM-dd", "2024-03-05 00:00"),
            ("HH:mm", "25:00"),
            ("HH:mm", "é"),
        ] {
            assert_eq!(millis(pattern, text), None, "{text}");
        }
        assert!(Pattern::new("YYYY-'x").is_err());
    }
}

//! Names and numbers of the calendar, for both pattern languages.

use jiff::civil::{DateTime, Weekday};

use crate::athena::error::Fault;

pub(super) const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

pub(super) fn month_name(moment: &DateTime) -> &'static str {
    MONTHS[(moment.month() - 1) as usize]
}

pub(super) fn weekday_name(moment: &DateTime) -> &'static str {
    match moment.weekday() {
        Weekday::Monday => "Monday",
        Weekday::Tuesday => "Tuesday",
        Weekday::Wednesday => "Wednesday",
        Weekday::Thursday => "Thursday",
        Weekday::Friday => "Friday",
        Weekday::Saturday => "Saturday",
        Weekday::Sunday => "Sunday",
    }
}

/// 1 to 12.
pub(super) fn hour12(moment: &DateTime) -> i8 {
    match moment.hour() % 12 {
        0 => 12,
        hour => hour,
    }
}

pub(super) fn half(moment: &DateTime) -> &'static str {
    if moment.hour() < 12 { "AM" } else { "PM" }
}

/// The parts of a moment as they are read from a text.
#[derive(Clone, Debug)]
pub(super) struct Parts {
    pub(super) year: i64,
    pub(super) month: i64,
    pub(super) day: i64,
    pub(super) hour: i64,
    pub(super) minute: i64,
    pub(super) second: i64,
    pub(super) millis: i64,
    pub(super) afternoon: Option<bool>,
    /// The zone that the text names.
    pub(super) zone: Option<String>,
}

impl Default for Parts {
    fn default() -> Self {
        Self {
            year: 1970,
            month: 1,
            day: 1,
            hour: 0,
            minute: 0,
            second: 0,
            millis: 0,
            afternoon: None,
            zone: None,
        }
    }
}

impl Parts {
    /// Milliseconds of the wall clock; `None` if there is no such moment.
    pub(super) fn local(&self) -> Option<i64> {
        let hour = match self.afternoon {
            Some(afternoon) => self.hour % 12 + if afternoon { 12 } else { 0 },
            None => self.hour,
        };
        let small = |n: i64| i8::try_from(n).ok();
        let date = DateTime::new(
            i16::try_from(self.year).ok()?,
            small(self.month)?,
            small(self.day)?,
            small(hour)?,
            small(self.minute)?,
            small(self.second)?,
            i32::try_from(self.millis).ok()?.checked_mul(1_000_000)?,
        );
        super::times::millis(date.ok()?).ok()
    }
}

/// Takes up to `most` digits off the front.
pub(super) fn digits(rest: &mut &str, most: usize) -> Option<i64> {
    let bytes = rest.bytes().take(most);
    let len = bytes.take_while(u8::is_ascii_digit).count();
    let number = rest[..len].parse().ok()?;
    *rest = &rest[len..];
    Some(number)
}

/// Takes a name, or its first three letters, off the front; its place in the list.
pub(super) fn named(rest: &mut &str, names: &[&str]) -> Option<i64> {
    let starts = |text: &str| {
        rest.get(..text.len())
            .is_some_and(|r| r.eq_ignore_ascii_case(text))
    };
    for len in [usize::MAX, 3] {
        let found = names
            .iter()
            .position(|name| starts(&name[..name.len().min(len)]));
        if let Some(at) = found {
            *rest = &rest[names[at].len().min(len)..];
            return Some(at as i64);
        }
    }
    None
}

/// A text that does not follow its format, from `rest` on.
pub(super) fn malformed(text: &str, rest: &str) -> Fault {
    let message = format!("Invalid format: \"{text}\"");
    Fault::argument(match rest {
        "" => format!("{message} is too short"),
        rest => format!("{message} is malformed at \"{rest}\""),
    })
}

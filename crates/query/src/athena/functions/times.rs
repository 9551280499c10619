//! The calendar: between milliseconds (or days) and years, months, hours; texts of dates.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use super::zones::{at_moment, moment_and_zone, unpacked, zone_moment, zone_offset};
use crate::athena::error::{Checked, Fault};
use crate::athena::types::Type;

pub(in crate::athena) const DAY: i64 = 86_400_000;

/// The wall clock of UTC at a millisecond.
pub(in crate::athena) fn civil(millis: i64) -> Checked<DateTime> {
    let moment = Timestamp::from_millisecond(millis);
    let moment = moment.map_err(|_| Fault::range(format!("timestamp out of range: {millis}")))?;
    Ok(TimeZone::UTC.to_datetime(moment))
}

/// The millisecond of a wall clock of UTC.
pub(in crate::athena) fn millis(civil: DateTime) -> Checked<i64> {
    let moment = TimeZone::UTC.to_timestamp(civil);
    let moment = moment.map_err(|_| Fault::range(format!("timestamp out of range: {civil}")))?;
    Ok(moment.as_millisecond())
}

/// A date's or timestamp's milliseconds on the wall clock of its zone.
pub(super) fn local(ty: &Type, value: i64) -> Checked<i64> {
    Ok(match ty {
        Type::Date => value.saturating_mul(DAY),
        ty if ty.has_zone() => {
            let (moment, zone) = moment_and_zone(ty, value);
            moment.saturating_add(zone_offset(&zone, moment)?)
        }
        _ => value,
    })
}

/// The value of the type that stands at milliseconds of the wall clock, in the zone of `like`.
pub(super) fn unlocal(ty: &Type, like: i64, local: i64) -> Checked<i64> {
    Ok(match ty {
        Type::Date => local.div_euclid(DAY),
        Type::TimestampTz(zone) => zone_moment(zone, local)?,
        Type::Zoned => at_moment(ty, like, zone_moment(&unpacked(like).1, local)?)?,
        _ => local,
    })
}

fn part(text: &str, min: usize, max: usize) -> Option<i64> {
    let digits = (min..=max).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten()
}

/// Days of `yyyy-MM-dd`.
pub(in crate::athena) fn parse_date(text: &str) -> Option<i64> {
    let mut parts = text.trim().splitn(3, '-');
    let year = part(parts.next()?, 1, 4)?;
    let month = part(parts.next()?, 1, 2)?;
    let day = part(parts.next()?, 1, 2)?;
    let date = jiff::civil::Date::new(year as i16, month as i8, day as i8).ok()?;
    Some(millis(date.to_datetime(jiff::civil::Time::midnight())).ok()? / DAY)
}

/// Milliseconds of `yyyy-MM-dd[ HH:mm[:ss[.fff]]]` on its wall clock, and the zone behind it.
pub(in crate::athena) fn parse_timestamp(text: &str) -> Option<(i64, Option<String>)> {
    let text = text.trim();
    let (date, rest) = match text.find([' ', 'T']) {
        Some(at) => (&text[..at], text[at + 1..].trim()),
        None => (text, ""),
    };
    let days = parse_date(date)?;
    if rest.is_empty() {
        return Some((days * DAY, None));
    }
    let end = rest
        .find(|c: char| !(c.is_ascii_digit() || matches!(c, ':' | '.')))
        .unwrap_or(rest.len());
    let (time, zone) = (&rest[..end], rest[end..].trim());
    let millis = parse_time(time)?;
    let zone = match zone {
        "" => None,
        "Z" | "UTC" | "GMT" => Some("UTC".to_owned()),
        zone => Some(zone.to_owned()),
    };
    Some((days * DAY + millis, zone))
}

/// Milliseconds of `HH:mm[:ss[.fff]]` from midnight.
pub(in crate::athena) fn parse_time(text: &str) -> Option<i64> {
    let mut parts = text.splitn(3, ':');
    let hour = part(parts.next()?, 1, 2).filter(|hour| *hour < 24)?;
    let minute = part(parts.next()?, 1, 2).filter(|minute| *minute < 60)?;
    let (second, fraction) = match parts.next() {
        Some(second) => second.split_once('.').unwrap_or((second, "")),
        None => ("0", ""),
    };
    let second = part(second, 1, 2).filter(|second| *second < 60)?;
    let fraction = if fraction.is_empty() {
        0
    } else {
        part(&format!("{fraction:0<3}")[..3], 3, 3)?
    };
    Some(((hour * 60 + minute) * 60 + second) * 1000 + fraction)
}

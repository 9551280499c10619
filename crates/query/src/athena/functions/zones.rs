//! Time zones: distances from UTC (`+01:00`) and the zones of the IANA database
//! (`America/New_York`), whose rules are those that Arrow carries, so no file of the machine is
//! read.
//!
//! A moment has one wall clock in a zone; a wall clock may be of two moments (the hour that comes
//! twice in autumn: the first is meant) or of none (the hour that is left out in spring: it is read
//! with the distance from before). In New York `2024-03-10 02:30` is left out; it is read as
//! UTC-5 and so is 03:30 of summer time.
//!
//! Where every value has a zone of its own (`from_iso8601_timestamp` of a column), moment and zone
//! are one number, as Trino packs them: 52 bits of milliseconds above 12 bits of a code.

use std::sync::{Arc, Mutex, PoisonError};

use datafusion::arrow::array::timezone::Tz;
use datafusion::arrow::datatypes::TimestampMillisecondType;
use datafusion::arrow::temporal_conversions::as_datetime_with_timezone;

use super::times::DAY;
use crate::athena::error::{Checked, Fault};
use crate::athena::types::Type;

fn unknown(zone: &str) -> Fault {
    Fault::argument(format!("'{zone}' is not a valid time zone"))
}

/// The name a zone is printed with: `UTC` for its synonyms, `+HH:MM` for a distance.
pub(in crate::athena) fn zone_name(zone: &str) -> Checked<String> {
    let zone = zone.trim();
    let upper = zone.to_ascii_uppercase();
    if ["UTC", "Z", "GMT", "UT", "ZULU"].contains(&upper.as_str()) {
        return Ok("UTC".to_owned());
    }
    if let Some(ahead) = distance(zone)? {
        return Ok(printed(ahead));
    }
    zone.parse::<Tz>().map_err(|_| unknown(zone))?;
    Ok(zone.to_owned())
}

/// `+HH:MM` of milliseconds; `UTC` of none.
pub(in crate::athena) fn printed(ahead: i64) -> String {
    let minutes = ahead / 60_000;
    let sign = if minutes < 0 { '-' } else { '+' };
    match minutes.abs() {
        0 => "UTC".to_owned(),
        minutes => format!("{sign}{:02}:{:02}", minutes / 60, minutes % 60),
    }
}

/// Milliseconds of `+01:00`, `-0330` or `+5`; `None` if it begins like a name.
fn distance(zone: &str) -> Checked<Option<i64>> {
    let Some((sign, rest)) = zone.split_at_checked(1).filter(|(s, _)| "+-".contains(*s)) else {
        return Ok(None);
    };
    let (hours, minutes) = match rest.split_once(':') {
        Some(parts) => parts,
        None if rest.len() == 4 && rest.is_ascii() => rest.split_at(2),
        None => (rest, "0"),
    };
    let number = |text: &str| -> Checked<i64> {
        let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        let number = digits.then(|| text.parse().ok()).flatten();
        number.ok_or_else(|| unknown(zone))
    };
    let (hours, minutes) = (number(hours)?, number(minutes)?);
    if hours > 14 || minutes > 59 {
        return Err(unknown(zone));
    }
    let ahead = (hours * 60 + minutes) * 60_000;
    Ok(Some(if sign == "-" { -ahead } else { ahead }))
}

/// How many milliseconds a zone is ahead of UTC at a moment.
pub(in crate::athena) fn zone_offset(zone: &str, at: i64) -> Checked<i64> {
    if zone == "UTC" {
        return Ok(0);
    }
    if let Some(ahead) = distance(zone)? {
        return Ok(ahead);
    }
    if zone_name(zone)? == "UTC" {
        return Ok(0);
    }
    let known: Tz = zone.parse().map_err(|_| unknown(zone))?;
    let clock = as_datetime_with_timezone::<TimestampMillisecondType>(at, known);
    let clock = clock.ok_or_else(|| Fault::range(format!("timestamp out of range: {at}")))?;
    Ok(clock.naive_local().and_utc().timestamp_millis() - at)
}

/// The moment at which a zone's wall clock shows `local` milliseconds.
pub(in crate::athena) fn zone_moment(zone: &str, local: i64) -> Checked<i64> {
    if zone == "UTC" {
        return Ok(local);
    }
    let before = zone_offset(zone, local.saturating_sub(DAY))?;
    let after = zone_offset(zone, local.saturating_add(DAY))?;
    for ahead in [before, after] {
        let moment = local.saturating_sub(ahead);
        if zone_offset(zone, moment)? == ahead {
            return Ok(moment);
        }
    }
    Ok(local.saturating_sub(before))
}

/// Bits of a zone's code.
const CODE_BITS: u32 = 12;
/// Minutes in the longest distance from UTC, and how many codes stand for distances.
const AHEAD_MAX: i64 = 14 * 60 + 59;
const DISTANCES: i64 = 2 * AHEAD_MAX + 1;

/// Names of zones that have a code, behind those of distances, in the order in which they came.
static NAMES: Mutex<Vec<Arc<str>>> = Mutex::new(Vec::new());

/// A moment and the zone it is shown in, in one number; of two, the later moment is the greater.
pub(in crate::athena) fn packed(moment: i64, zone: &str) -> Checked<i64> {
    let ahead = match zone {
        "UTC" => Some(0),
        zone => distance(zone)?.map(|ahead| ahead / 60_000),
    };
    let code = match ahead {
        Some(minutes) => minutes + AHEAD_MAX,
        None => DISTANCES + named(zone)?,
    };
    let limit = 1_i64 << (63 - CODE_BITS);
    if !(-limit..limit).contains(&moment) {
        return Err(Fault::range(format!("timestamp out of range: {moment}")));
    }
    Ok((moment << CODE_BITS) | code)
}

/// The place of a zone's name among the names.
fn named(zone: &str) -> Checked<i64> {
    let name = zone_name(zone)?;
    let mut names = NAMES.lock().unwrap_or_else(PoisonError::into_inner);
    let at = names.iter().position(|known| **known == *name);
    let at = at.unwrap_or_else(|| {
        names.push(name.as_str().into());
        names.len() - 1
    });
    Ok(at as i64)
}

/// The moment and the zone of a packed number.
pub(in crate::athena) fn unpacked(packed: i64) -> (i64, Arc<str>) {
    let (moment, code) = (packed >> CODE_BITS, packed & ((1 << CODE_BITS) - 1));
    if code < DISTANCES {
        return (moment, printed((code - AHEAD_MAX) * 60_000).into());
    }
    let names = NAMES.lock().unwrap_or_else(PoisonError::into_inner);
    let name = names.get((code - DISTANCES) as usize).cloned();
    (moment, name.unwrap_or_else(|| "UTC".into()))
}

/// The moment of a value, and the zone it is shown in.
pub(in crate::athena) fn moment_and_zone(ty: &Type, value: i64) -> (i64, Arc<str>) {
    match ty {
        Type::Zoned => unpacked(value),
        Type::TimestampTz(zone) => (value, Arc::clone(zone)),
        _ => (value, "UTC".into()),
    }
}

/// The value of the type at another moment, in the zone that `like` is shown in.
pub(in crate::athena) fn at_moment(ty: &Type, like: i64, moment: i64) -> Checked<i64> {
    match ty {
        Type::Zoned => packed(moment, &unpacked(like).1),
        _ => Ok(moment),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2024-03-10 and 2024-11-03, when New York's clocks change, at midnight of UTC.
    const SPRING: i64 = 1_710_028_800_000;
    const AUTUMN: i64 = 1_730_592_000_000;
    const HOUR: i64 = 3_600_000;

    #[test]
    fn a_wall_clock_that_comes_twice_or_never_has_one_moment() {
        let moment = |local| zone_moment("America/New_York", local).expect("a zone");
        assert_eq!(moment(SPRING + HOUR), SPRING + 6 * HOUR);
        // 02:30 does not exist: 03:30 of summer time, four hours behind UTC.
        let left_out = SPRING + 5 * HOUR / 2;
        assert_eq!(moment(left_out), SPRING + 15 * HOUR / 2);
        assert_eq!(moment(SPRING + 3 * HOUR), SPRING + 7 * HOUR);
        // 01:30 comes first in summer time, then in winter time.
        assert_eq!(moment(AUTUMN + 3 * HOUR / 2), AUTUMN + 11 * HOUR / 2);
        assert_eq!(moment(AUTUMN + 2 * HOUR), AUTUMN + 7 * HOUR);
    }

    #[test]
    fn a_moment_and_its_zone_are_one_number_that_orders_as_the_moment() {
        let pack = |moment, zone| packed(moment, zone).expect("a zone");
        for (moment, zone) in [
            (SPRING, "UTC"),
            (-1, "-03:30"),
            (AUTUMN, "+14:00"),
            (AUTUMN, "Europe/Berlin"),
        ] {
            assert_eq!(unpacked(pack(moment, zone)), (moment, zone.into()));
        }
        assert!(pack(SPRING, "America/New_York") < pack(SPRING + 1, "-12:00"));
        packed(i64::MAX, "UTC").expect_err("beyond the years that Trino has");
    }

    #[test]
    fn names_and_distances_are_zones_and_nothing_else_is() {
        let name = |zone| zone_name(zone).ok();
        assert_eq!(name("Z").as_deref(), Some("UTC"));
        assert_eq!(name("+5").as_deref(), Some("+05:00"));
        assert_eq!(name("-0330").as_deref(), Some("-03:30"));
        assert_eq!(name("+00:00").as_deref(), Some("UTC"));
        assert_eq!(name("Europe/Berlin").as_deref(), Some("Europe/Berlin"));
        for none in ["Europe/Bern2", "+25:00", "+-1:00", "", "+1:99"] {
            assert_eq!(name(none), None, "{none}");
        }
    }
}

//! Moments as `--start`, `--end` and `--since` take them: UTC, as tickets, records and results
//! print it.

use std::cmp::Reverse;

use wirelab_model::{SimDuration, SimTime, UnixTime};

use crate::failure::Failure;
use crate::when;

const DAY_SECS: u64 = 86_400;

/// Numbers of so many digits are seconds since the epoch, of so many more milliseconds.
const SECONDS_DIGITS: std::ops::RangeInclusive<usize> = 9..=11;
const MILLIS_DIGITS: std::ops::RangeInclusive<usize> = 12..=14;

/// Reads `start`, `now`, `09:04` (UTC), a date with a time (UTC unless it says otherwise), a date
/// alone (its midnight), seconds or milliseconds since the epoch, `+5m` and `+00:05:00` (since the
/// start), `10m` (so long ago).
pub(crate) fn parse(text: &str, now: SimTime, starts: UnixTime) -> Result<UnixTime, Failure> {
    match text {
        "start" => return Ok(starts),
        "now" => return Ok(starts.at(now)),
        _ => {}
    }
    let read = match text.strip_prefix('+') {
        Some(elapsed) => since_start(elapsed).map(|elapsed| starts.at(elapsed)),
        None => ago(text, now)
            .map(|moment| starts.at(moment))
            .or_else(|| clock(text).map(|clock| nearest(clock, starts, starts.at(now))))
            .or_else(|| date(text))
            .or_else(|| epoch(text)),
    };
    read.ok_or_else(|| {
        Failure::usage(format!("`{text}` is no moment")).hint(
            "write UTC as `09:04`, `2024-03-05T09:04:00Z` or `2024-03-05`, seconds since the epoch, \
             `+5m` (since the start), `10m` (ago), `start` or `now`",
        )
    })
}

/// Refuses a range of a lab's time that ends before it begins, and says what time it is there.
pub(crate) fn in_order_at(now: UnixTime, start: UnixTime, end: UnixTime) -> Result<(), Failure> {
    let hint =
        |failure: Failure| failure.hint(format!("it is {} UTC in the lab", when::print_utc(now)));
    in_order(start, end).map_err(hint)
}

/// Refuses a range that ends before it begins.
pub(crate) fn in_order(start: UnixTime, end: UnixTime) -> Result<(), Failure> {
    if start <= end {
        return Ok(());
    }
    let utc = when::print_utc;
    Err(Failure::usage(format!(
        "the range begins at {} and ends before, at {}",
        utc(start),
        utc(end)
    )))
}

fn since_start(text: &str) -> Option<SimTime> {
    if let Ok(elapsed) = text.parse::<SimDuration>() {
        return Some(SimTime::ZERO + elapsed);
    }
    let [hours, rest @ ..] = &numbers(text)?[..] else {
        return None;
    };
    minutes_and_seconds(rest).map(|secs| SimTime::from_secs(hours * 3600 + secs))
}

fn ago(text: &str, now: SimTime) -> Option<SimTime> {
    text.parse::<SimDuration>().ok().map(|ago| now - ago)
}

/// Seconds of the day.
fn clock(text: &str) -> Option<u64> {
    let numbers = numbers(text.strip_suffix(['Z', 'z']).unwrap_or(text))?;
    let [hours @ 0..24, rest @ ..] = &numbers[..] else {
        return None;
    };
    minutes_and_seconds(rest).map(|secs| hours * 3600 + secs)
}

/// The numbers of `9:04:00`, none of more than six digits.
fn numbers(text: &str) -> Option<Vec<u64>> {
    let number = |part: &str| {
        let is_digits = part.bytes().all(|byte| byte.is_ascii_digit());
        (is_digits && part.len() <= 6).then(|| part.parse().ok())?
    };
    text.split(':').map(number).collect()
}

fn minutes_and_seconds(numbers: &[u64]) -> Option<u64> {
    match numbers {
        [minutes @ 0..60] => Some(minutes * 60),
        [minutes @ 0..60, seconds @ 0..60] => Some(minutes * 60 + seconds),
        _ => None,
    }
}

/// The day on which the clock showed it: the last one between the start and now, else the one that
/// is least far from them.
fn nearest(clock: u64, starts: UnixTime, now: UnixTime) -> UnixTime {
    let (first, last) = (starts.as_secs(), now.as_secs());
    let midnight = (first - first % DAY_SECS).saturating_sub(DAY_SECS);
    let days = (midnight..=last + DAY_SECS).step_by(DAY_SECS as usize);
    let moments = days.map(|midnight| midnight + clock);
    // A moment that is to come counts double: evidence is of the past.
    let far = |at: &u64| {
        (
            first.saturating_sub(*at) + 2 * at.saturating_sub(last),
            Reverse(*at),
        )
    };
    UnixTime::from_secs(moments.min_by_key(far).unwrap_or(first))
}

/// RFC 3339, a date and a time as results print them, or a date.
pub(crate) fn date(text: &str) -> Option<UnixTime> {
    let zoned = text.parse::<jiff::Timestamp>().ok();
    let utc = || format!("{}Z", text.strip_suffix(" UTC").unwrap_or(text));
    let moment = zoned.or_else(|| utc().parse().ok());
    let midnight = || {
        text.parse::<jiff::civil::Date>()
            .is_ok()
            .then(|| format!("{text}T00:00Z"))
    };
    let moment = moment.or_else(|| midnight()?.parse().ok())?;
    let nanos = u64::try_from(moment.as_nanosecond()).ok()?;
    Some(UnixTime::from_nanos(nanos))
}

/// Seconds or milliseconds since the epoch.
fn epoch(text: &str) -> Option<UnixTime> {
    let number: u64 = text.parse().ok()?;
    match text.len() {
        digits if SECONDS_DIGITS.contains(&digits) => Some(UnixTime::from_secs(number)),
        digits if MILLIS_DIGITS.contains(&digits) => {
            number.checked_mul(1_000_000).map(UnixTime::from_nanos)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 5 March 2024, 09:00:00 UTC.
    const NINE: UnixTime = UnixTime::from_secs(1_709_629_200);

    #[test]
    fn every_form_names_the_same_moment() {
        let now = SimTime::from_secs(900);
        for text in [
            "09:05",
            "9:05:00",
            "09:05Z",
            "+5m",
            "+0:05",
            "+00:05:00",
            "10m",
            "2024-03-05T09:05:00Z",
            "2024-03-05T10:05:00+01:00",
            "2024-03-05 09:05:00",
            "2024-03-05 09:05",
            "2024-03-05 09:05:00.000",
            "2024-03-05 09:05:00.000 UTC",
            "1709629500",
            "1709629500000",
        ] {
            let moment = parse(text, now, NINE).expect(text);
            assert_eq!(moment.as_secs() - NINE.as_secs(), 300, "{text}");
        }
    }

    #[test]
    fn a_date_alone_is_its_midnight() {
        let moment = parse("2024-03-05", SimTime::from_secs(900), NINE).expect("a date");
        assert_eq!(NINE.as_secs() - moment.as_secs(), 9 * 3600);
    }

    #[test]
    fn a_clock_time_is_of_the_day_that_the_lab_has_seen() {
        let hour = 3600;
        let day = |text, now_hours| {
            let now = SimTime::from_secs(now_hours * hour);
            let moment = parse(text, now, NINE).expect(text).as_secs();
            moment.abs_diff(NINE.as_secs()) / hour
        };
        assert_eq!(day("08:00", 1), 1, "before the start, not a day later");
        assert_eq!(day("11:00", 1), 2, "still to come");
        assert_eq!(day("01:00", 15), 16, "after midnight, still to come");
        assert_eq!(day("10:00", 30), 25, "the last ten o'clock");
    }

    #[test]
    fn nonsense_is_refused() {
        for text in [
            "",
            "noon",
            "9",
            "9:60",
            "24:00",
            "1:2:3:4",
            "+",
            "+x",
            "2024-03-32",
            "12345",
            "-5",
        ] {
            assert!(parse(text, SimTime::ZERO, NINE).is_err(), "{text}");
        }
    }
}

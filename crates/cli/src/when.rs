//! Moments of virtual time as people type them.

use wirelab_model::{SimDuration, SimTime, UnixTime};

use crate::failure::Failure;

/// Reads `start`, `now`, `00:05:00` (virtual time), `10m` (so long ago), or UTC in RFC 3339
/// (`2024-03-05T00:05:00Z`).
pub(crate) fn parse(text: &str, now: SimTime, starts: UnixTime) -> Result<SimTime, Failure> {
    match text {
        "start" => return Ok(SimTime::ZERO),
        "now" => return Ok(now),
        _ => {}
    }
    if let Ok(ago) = text.parse::<SimDuration>() {
        return Ok(now - ago);
    }
    clock(text).or_else(|| utc(text, starts)).ok_or_else(|| {
        Failure::usage(format!("`{text}` is no moment")).hint(
            "write `start`, `now`, `00:05:00` (virtual time), `10m` (ago), or UTC as \
                   `2024-03-05T00:05:00Z`",
        )
    })
}

/// Hours that a clock time may have: more than any scenario lasts.
const MOST_HOURS: u64 = 1_000_000;

/// `HH:MM` or `HH:MM:SS` since the start.
fn clock(text: &str) -> Option<SimTime> {
    let parts: Vec<u64> = text
        .split(':')
        .map(|part| part.parse().ok())
        .collect::<Option<_>>()?;
    let (hours, minutes, seconds) = match parts[..] {
        [hours, minutes] => (hours, minutes, 0),
        [hours, minutes, seconds] => (hours, minutes, seconds),
        _ => return None,
    };
    let sane = hours <= MOST_HOURS && minutes < 60 && seconds < 60;
    sane.then(|| SimTime::from_secs(hours * 3600 + minutes * 60 + seconds))
}

fn utc(text: &str, starts: UnixTime) -> Option<SimTime> {
    let moment: jiff::Timestamp = text.parse().ok()?;
    let nanos = u64::try_from(moment.as_nanosecond()).ok()?;
    Some(UnixTime::from_nanos(nanos).since_start(starts))
}

/// A moment of virtual UTC: `2024-03-05 00:05:00`.
pub(crate) fn print_utc(at: UnixTime) -> String {
    let seconds = i64::try_from(at.as_secs()).unwrap_or(i64::MAX);
    match jiff::Timestamp::from_second(seconds) {
        Ok(moment) => moment.strftime("%Y-%m-%d %H:%M:%S").to_string(),
        Err(_) => at.as_secs().to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_names_the_same_moment() {
        let starts = UnixTime::from_secs(1_709_596_800);
        let now = SimTime::from_secs(900);
        for text in ["00:05:00", "0:05", "10m", "2024-03-05T00:05:00Z"] {
            let moment = parse(text, now, starts).expect(text);
            assert_eq!(moment, SimTime::from_secs(300), "{text}");
        }
        assert_eq!(print_utc(starts.at(now)), "2024-03-05 00:15:00");
    }

    #[test]
    fn nonsense_is_refused() {
        for text in ["", "noon", "0:60:00", "1:2:3:4", "99999999999999999:00"] {
            let now = SimTime::ZERO;
            assert!(parse(text, now, UnixTime::from_secs(0)).is_err(), "{text}");
        }
    }
}

//! `--since`: a moment in the past, as people type it.

use wirelab_model::{SimTime, UnixTime};

use crate::failure::Failure;
use crate::{output, when};

const DAY: u64 = 24 * 60 * 60;

/// Reads what [`when::parse`] reads, and the times that tcpdump prints: `09:05` on the day of the
/// scenario, if that is the moment that has been, and dates without an offset as UTC.
pub(super) fn parse(text: &str, now: SimTime, starts: UnixTime) -> Result<SimTime, Failure> {
    let moment = match when::parse(text, now, starts) {
        Ok(moment) => moment,
        Err(failure) => date(text, now, starts).ok_or(failure)?,
    };
    if moment <= now {
        return Ok(moment);
    }
    if let Some(moment) = clock(text, moment, now, starts) {
        output::note(&format!(
            "note: `{text}` is taken as UTC, virtual time {moment}"
        ));
        return Ok(moment);
    }
    Err(
        Failure::usage(format!("`--since {text}` has not been yet")).hint(format!(
            "it is {now} of virtual time, {} UTC; `--for 60s` runs time ahead",
            when::print_utc(starts.at(now))
        )),
    )
}

/// A date and a time as `2026-03-05 09:05` or `2026-03-05T09:05:30`.
fn date(text: &str, now: SimTime, starts: UnixTime) -> Option<SimTime> {
    let text = text.trim().replacen(' ', "T", 1);
    let complete = [format!("{text}Z"), format!("{text}:00Z")];
    let mut read = complete.iter().map(|it| when::parse(it, now, starts));
    read.find_map(Result::ok)
}

/// `HH:MM[:SS]`, read as `since_start`, as a time of the day on which the scenario starts or the
/// one after.
fn clock(text: &str, since_start: SimTime, now: SimTime, starts: UnixTime) -> Option<SimTime> {
    if !text.contains(':') || text.contains('-') {
        return None;
    }
    let midnight = starts.as_secs() / DAY * DAY;
    [midnight, midnight + DAY].into_iter().find_map(|midnight| {
        let at = UnixTime::from_secs(midnight).at(since_start);
        let moment = at.since_start(starts);
        (at >= starts && moment <= now).then_some(moment)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-03-05 09:00:00 UTC.
    const STARTS: UnixTime = UnixTime::from_secs(1_772_701_200);
    const NOW: SimTime = SimTime::from_secs(25 * 60);

    #[test]
    fn the_times_that_tcpdump_prints_are_taken() {
        let five = SimTime::from_secs(300);
        for text in [
            "09:05",
            "9:05:00",
            "2026-03-05 09:05",
            "2026-03-05T09:05:00",
            "0:05",
            "20m",
        ] {
            assert_eq!(parse(text, NOW, STARTS).expect(text), five, "{text}");
        }
    }

    #[test]
    fn the_future_is_refused_with_the_time_it_is() {
        for text in ["09:30", "1:00", "2027-01-01T00:00:00Z", "2026-03-05 10:00"] {
            let failure = parse(text, NOW, STARTS).expect_err(text);
            assert!(
                failure.to_string().contains("has not been yet"),
                "{failure}"
            );
        }
    }
}

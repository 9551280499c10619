//! Moments as reports name them: how long into the session, and in virtual UTC.

use std::fmt;

use jiff::Timestamp;
use wirelab_model::{SimTime, UnixTime};

/// A moment of virtual time, by both clocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// Since the start of the scenario.
    pub elapsed: SimTime,
    /// In virtual UTC.
    pub utc: UnixTime,
}

impl Moment {
    /// The moment `elapsed` after `starts`.
    #[must_use]
    pub const fn of(starts: UnixTime, elapsed: SimTime) -> Self {
        Self {
            elapsed,
            utc: starts.at(elapsed),
        }
    }
}

/// `00:33:10 (22:33:10 UTC)`.
impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({} UTC)", self.elapsed, civil(self.utc, "%H:%M:%S"))
    }
}

/// `2026-03-11 22:33:10`.
pub(crate) fn date_and_time(utc: UnixTime) -> String {
    civil(utc, "%Y-%m-%d %H:%M:%S")
}

/// The same in JSON, for `#[serde(with = "utc")]`.
pub(crate) mod utc {
    use jiff::civil::DateTime;
    use jiff::tz::Offset;
    use serde::{Deserialize, Deserializer, Serializer, de};
    use wirelab_model::UnixTime;

    pub(crate) fn serialize<S: Serializer>(
        utc: &UnixTime,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&super::date_and_time(*utc))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<UnixTime, D::Error> {
        let text = String::deserialize(from)?;
        let civil = DateTime::strptime("%Y-%m-%d %H:%M:%S", &text);
        let moment = civil.and_then(|civil| Offset::UTC.to_timestamp(civil));
        let seconds = moment.map_err(de::Error::custom)?.as_second();
        Ok(UnixTime::from_secs(u64::try_from(seconds).unwrap_or(0)))
    }
}

fn civil(utc: UnixTime, form: &str) -> String {
    let seconds = i64::try_from(utc.as_secs()).unwrap_or(i64::MAX);
    match Timestamp::from_second(seconds) {
        Ok(moment) => moment.strftime(form).to_string(),
        Err(_) => utc.as_secs().to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_clocks_are_named() {
        let moment = Moment::of(UnixTime::from_secs(1_773_266_400), SimTime::from_secs(1990));
        assert_eq!(moment.to_string(), "00:33:10 (22:33:10 UTC)");
        assert_eq!(date_and_time(moment.utc), "2026-03-11 22:33:10");
    }
}

//! Virtual time. The wall clock is never read below `session`.

use std::fmt;
use std::ops::{Add, AddAssign, Sub};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A moment of virtual time: nanoseconds since the scenario's start.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct SimTime(u64);

impl SimTime {
    /// The scenario's start.
    pub const ZERO: Self = Self(0);
    /// A moment no simulation reaches.
    pub const MAX: Self = Self(u64::MAX);

    /// A moment `nanos` nanoseconds after the start.
    #[must_use]
    pub const fn from_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    /// A moment `secs` seconds after the start, [`Self::MAX`] at most.
    #[must_use]
    pub const fn from_secs(secs: u64) -> Self {
        Self(secs.saturating_mul(1_000_000_000))
    }

    /// Nanoseconds since the start.
    #[must_use]
    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    /// Whole seconds since the start, rounded down.
    #[must_use]
    pub const fn as_secs(self) -> u64 {
        self.0 / 1_000_000_000
    }

    /// The time from `earlier` to this moment; zero if `earlier` is later.
    #[must_use]
    pub const fn since(self, earlier: Self) -> SimDuration {
        SimDuration(self.0.saturating_sub(earlier.0))
    }
}

impl Add<SimDuration> for SimTime {
    type Output = Self;
    fn add(self, rhs: SimDuration) -> Self {
        Self(self.0.saturating_add(rhs.0))
    }
}

impl AddAssign<SimDuration> for SimTime {
    fn add_assign(&mut self, rhs: SimDuration) {
        *self = *self + rhs;
    }
}

impl Sub<SimDuration> for SimTime {
    type Output = Self;
    fn sub(self, rhs: SimDuration) -> Self {
        Self(self.0.saturating_sub(rhs.0))
    }
}

/// `00:05:00`, hours unbounded; `{:#}` adds milliseconds: `00:05:00.250`.
impl fmt::Display for SimTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let secs = self.as_secs();
        write!(
            f,
            "{:02}:{:02}:{:02}",
            secs / 3600,
            secs / 60 % 60,
            secs % 60
        )?;
        if f.alternate() {
            write!(f, ".{:03}", self.0 / 1_000_000 % 1000)?;
        }
        Ok(())
    }
}

/// A span of virtual time in nanoseconds.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct SimDuration(u64);

impl SimDuration {
    /// No time at all.
    pub const ZERO: Self = Self(0);

    /// `nanos` nanoseconds.
    #[must_use]
    pub const fn from_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    /// `micros` microseconds.
    #[must_use]
    pub const fn from_micros(micros: u64) -> Self {
        Self(micros.saturating_mul(1_000))
    }

    /// `millis` milliseconds.
    #[must_use]
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis.saturating_mul(1_000_000))
    }

    /// `secs` seconds; more than 584 years are 584 years.
    #[must_use]
    pub const fn from_secs(secs: u64) -> Self {
        Self(secs.saturating_mul(1_000_000_000))
    }

    /// The whole span in nanoseconds.
    #[must_use]
    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    /// The whole span in milliseconds, rounded down.
    #[must_use]
    pub const fn as_millis(self) -> u64 {
        self.0 / 1_000_000
    }

    /// The whole span in seconds, rounded down.
    #[must_use]
    pub const fn as_secs(self) -> u64 {
        self.0 / 1_000_000_000
    }

    /// `self * factor`, saturating.
    #[must_use]
    pub const fn saturating_mul(self, factor: u64) -> Self {
        Self(self.0.saturating_mul(factor))
    }
}

impl Add for SimDuration {
    type Output = Self;
    fn add(self, rhs: Self) -> Self {
        Self(self.0.saturating_add(rhs.0))
    }
}

impl Sub for SimDuration {
    type Output = Self;
    fn sub(self, rhs: Self) -> Self {
        Self(self.0.saturating_sub(rhs.0))
    }
}

/// Days are read but not printed: hours are unbounded, as those of [`SimTime`] are.
const DAY: (&str, u64) = ("d", 86_400_000_000_000);

const UNITS: [(&str, u64); 6] = [
    ("h", 3_600_000_000_000),
    ("m", 60_000_000_000),
    ("s", 1_000_000_000),
    ("ms", 1_000_000),
    ("us", 1_000),
    ("ns", 1),
];

/// `1h30m`, `250ms`, `0s`: the largest units first, only those that are not zero.
impl fmt::Display for SimDuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == 0 {
            return f.write_str("0s");
        }
        let mut rest = self.0;
        for (unit, nanos) in UNITS {
            if rest >= nanos {
                write!(f, "{}{unit}", rest / nanos)?;
                rest %= nanos;
            }
        }
        Ok(())
    }
}

/// Why a text is no duration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{text}` is not a duration; write a number and a unit, such as `90s`, `10m`, `1h30m`, `1d`, \
     `250ms`"
)]
pub struct DurationParseError {
    text: String,
}

impl FromStr for SimDuration {
    type Err = DurationParseError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        parse_duration(text).ok_or_else(|| DurationParseError {
            text: text.to_owned(),
        })
    }
}

fn parse_duration(text: &str) -> Option<SimDuration> {
    let mut rest = text.trim();
    let mut total = 0_u64;
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let (number, tail) = rest.split_at(digits);
        let unit_len = tail
            .find(|c: char| c.is_ascii_digit())
            .unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(unit_len);
        let mut units = UNITS.iter().chain([&DAY]);
        let (_, nanos) = units.find(|(name, _)| *name == unit.trim())?;
        total = total.checked_add(number.parse::<u64>().ok()?.checked_mul(*nanos)?)?;
        rest = tail;
    }
    Some(SimDuration(total))
}

/// A moment of virtual UTC in nanoseconds since the Unix epoch: the scenario's `starts` plus
/// virtual time. It alone appears in evidence, replies and queries.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct UnixTime(u64);

impl UnixTime {
    /// The last moment there is, in July 2554.
    pub const MAX: Self = Self(u64::MAX);

    /// A moment `secs` seconds after the epoch, [`Self::MAX`] at most.
    #[must_use]
    pub const fn from_secs(secs: u64) -> Self {
        Self(secs.saturating_mul(1_000_000_000))
    }

    /// A moment `nanos` nanoseconds after the epoch.
    #[must_use]
    pub const fn from_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    /// Nanoseconds since the epoch.
    #[must_use]
    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    /// Whole milliseconds since the epoch.
    #[must_use]
    pub const fn as_millis(self) -> u64 {
        self.0 / 1_000_000
    }

    /// Whole seconds since the epoch.
    #[must_use]
    pub const fn as_secs(self) -> u64 {
        self.0 / 1_000_000_000
    }

    /// The moment `at` of a scenario that starts at `self`.
    #[must_use]
    pub const fn at(self, at: SimTime) -> Self {
        Self(self.0.saturating_add(at.as_nanos()))
    }

    /// This moment as virtual time of a scenario that starts at `starts`; zero before it.
    #[must_use]
    pub const fn since_start(self, starts: Self) -> SimTime {
        SimTime(self.0.saturating_sub(starts.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_print_as_they_are_read() {
        for text in ["0s", "90ms", "10m", "1h30m", "2h0m5s", "350s"] {
            let parsed: SimDuration = text.parse().expect("a duration");
            assert_eq!(parsed.to_string().parse::<SimDuration>(), Ok(parsed));
        }
        assert_eq!(
            "350s".parse::<SimDuration>().map(|d| d.to_string()),
            Ok("5m50s".to_owned())
        );
        assert_eq!(
            "1d2h".parse::<SimDuration>().map(|d| d.to_string()),
            Ok("26h".to_owned())
        );
    }

    #[test]
    fn moments_beyond_the_last_are_the_last() {
        assert_eq!(UnixTime::from_secs(u64::MAX), UnixTime::MAX);
        assert_eq!(
            UnixTime::from_secs(UnixTime::MAX.as_secs() + 1),
            UnixTime::MAX
        );
        assert_eq!(SimTime::from_secs(u64::MAX), SimTime::MAX);
        assert_eq!(
            SimDuration::from_millis(u64::MAX),
            SimDuration::from_secs(u64::MAX)
        );
    }

    #[test]
    fn nonsense_is_refused_with_the_form_wanted() {
        for text in ["", "10", "m", "10 parsecs", "-5s", "99999999999999999999h"] {
            let error = text.parse::<SimDuration>().expect_err(text);
            assert!(error.to_string().contains("10m"), "{error}");
        }
    }
}

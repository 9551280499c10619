//! Periods of time as `bin`, `datefloor` and `dateceil` take them.

use std::fmt;

use jiff::Timestamp;
use jiff::civil::{Date, date};
use jiff::tz::TimeZone;

/// A unit with its names (plurals apart), its length in milliseconds (zero if the calendar decides)
/// and the largest amount before the service caps it.
struct Unit {
    names: &'static [&'static str],
    millis: i64,
    max: i64,
}

const UNITS: [Unit; 8] = [
    Unit {
        names: &["ms", "msec", "millisecond"],
        millis: 1,
        max: 1000,
    },
    Unit {
        names: &["s", "sec", "second"],
        millis: 1000,
        max: 60,
    },
    Unit {
        names: &["m", "min", "minute"],
        millis: 60_000,
        max: 60,
    },
    Unit {
        names: &["h", "hr", "hour"],
        millis: 3_600_000,
        max: 24,
    },
    Unit {
        names: &["d", "day"],
        millis: 86_400_000,
        max: i64::MAX,
    },
    Unit {
        names: &["w", "week"],
        millis: 604_800_000,
        max: i64::MAX,
    },
    Unit {
        names: &["mo", "mon", "month"],
        millis: 0,
        max: i64::MAX,
    },
    Unit {
        names: &["q", "qtr", "quarter"],
        millis: 0,
        max: i64::MAX,
    },
];
const YEAR: [&str; 3] = ["y", "yr", "year"];

/// An amount of a unit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Period {
    amount: i64,
    /// The unit's shortest name.
    unit: &'static str,
    millis: i64,
    months: i64,
    capped_from: Option<i64>,
}

impl Period {
    /// A whole positive number of units; `None` if it is none or the unit is unknown. Larger
    /// amounts than the unit allows (`300s`) are capped silently by the service.
    pub(super) fn new(amount: f64, unit: &str) -> Option<Self> {
        if amount.fract() != 0.0 || !(1.0..1e9).contains(&amount) {
            return None;
        }
        let asked = amount as i64;
        let lower = unit.to_ascii_lowercase();
        let singular = lower.strip_suffix('s').filter(|rest| rest.len() > 1);
        let named = |names: &[&str]| {
            names.contains(&&*lower) || singular.is_some_and(|one| names.contains(&one))
        };
        if named(&YEAR) {
            return Some(Self {
                amount: asked,
                unit: "y",
                millis: 0,
                months: 12 * asked,
                capped_from: None,
            });
        }
        let found = UNITS.iter().find(|unit| named(unit.names))?;
        let amount = asked.min(found.max);
        let months = match found.names[0] {
            "mo" => amount,
            "q" => 3 * amount,
            _ => 0,
        };
        Some(Self {
            amount,
            unit: found.names[0],
            millis: amount.checked_mul(found.millis)?,
            months,
            capped_from: (amount < asked).then_some(asked),
        })
    }

    /// The amount that was asked for, if the service takes less.
    pub(super) fn capped_from(&self) -> Option<i64> {
        self.capped_from
    }

    /// The start of the period in which the moment lies, in milliseconds since the epoch. Periods
    /// are counted from the epoch, months from January 1970, all in UTC.
    pub(super) fn floor(&self, millis: i64) -> Option<i64> {
        if self.months == 0 {
            return Some(millis.div_euclid(self.millis) * self.millis);
        }
        first_of(month_of(millis)?.div_euclid(self.months) * self.months)
    }

    /// The start of the next period, or the moment itself if one starts there.
    pub(super) fn ceil(&self, millis: i64) -> Option<i64> {
        let floor = self.floor(millis)?;
        if floor == millis {
            return Some(floor);
        }
        if self.months == 0 {
            return floor.checked_add(self.millis);
        }
        first_of(month_of(floor)? + self.months)
    }
}

/// Months from January 1970 to the one in which the moment lies.
fn month_of(millis: i64) -> Option<i64> {
    let moment = Timestamp::from_millisecond(millis).ok()?;
    let day = moment.to_zoned(TimeZone::UTC).date();
    Some(i64::from(day.year()) * 12 + i64::from(day.month()) - 1 - 1970 * 12)
}

/// The first moment of the `month`th month since January 1970.
fn first_of(month: i64) -> Option<i64> {
    let year = i16::try_from(1970 + month.div_euclid(12)).ok()?;
    let month = i8::try_from(month.rem_euclid(12) + 1).ok()?;
    let day: Date = Date::new(year, month, 1).ok()?;
    let days = date(1970, 1, 1).until(day).ok()?.get_days();
    Some(i64::from(days) * 86_400_000)
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}{}",
            self.capped_from.unwrap_or(self.amount),
            self.unit
        )
    }
}

//! Dates of the Gregorian calendar.

use wirelab_model::UnixTime;

/// A minute of UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Civil {
    pub(super) year: u64,
    pub(super) month: u64,
    pub(super) day: u64,
    pub(super) hour: u64,
    pub(super) minute: u64,
}

/// Gregorian date and time of day in UTC. Days to date after Howard Hinnant, "chrono-compatible
/// low-level date algorithms", `civil_from_days`, for days since 1970 (never before it).
pub(super) fn civil(time: UnixTime) -> Civil {
    let minutes = time.as_secs() / 60;
    let shifted = minutes / 1440 + 719_468; // days since 0000-03-01
    let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let month = (month_from_march + 2) % 12 + 1;
    Civil {
        year: era * 400 + year_of_era + u64::from(month <= 2),
        month,
        day: day_of_year - (153 * month_from_march + 2) / 5 + 1,
        hour: minutes / 60 % 24,
        minute: minutes % 60,
    }
}

/// The moment of a minute; `None` if there is no such date, or it is before 1970 or after 9999.
pub(super) fn moment(civil_time: Civil) -> Option<UnixTime> {
    let Civil {
        year,
        month,
        day,
        hour,
        minute,
    } = civil_time;
    let is_some = (1970..10_000).contains(&year)
        && (1..=12).contains(&month)
        && (1..=31).contains(&day)
        && hour < 24
        && minute < 60;
    if !is_some {
        return None;
    }
    // The same algorithms, `days_from_civil`.
    let year = year - u64::from(month <= 2);
    let (era, year_of_era) = (year / 400, year % 400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    let days = (era * 146_097 + day_of_era).checked_sub(719_468)?;
    let time = UnixTime::from_secs((days * 1440 + hour * 60 + minute) * 60);
    // 31 April would be 1 May.
    (civil(time) == civil_time).then_some(time)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_right_around_leap_days_and_lead_back() {
        let date = |secs| {
            let time = UnixTime::from_secs(secs);
            let c = civil(time);
            let whole_minute = UnixTime::from_secs(secs / 60 * 60);
            assert_eq!(moment(c), Some(whole_minute));
            (c.year, c.month, c.day, c.hour, c.minute)
        };
        assert_eq!(date(0), (1970, 1, 1, 0, 0));
        assert_eq!(date(951_782_340), (2000, 2, 28, 23, 59));
        assert_eq!(date(951_782_400), (2000, 2, 29, 0, 0));
        assert_eq!(date(1_709_596_799), (2024, 3, 4, 23, 59));
        assert_eq!(date(1_735_689_599), (2024, 12, 31, 23, 59));
        assert_eq!(date(4_107_542_400), (2100, 3, 1, 0, 0));
        let none = Civil {
            year: 2023,
            month: 2,
            day: 29,
            hour: 0,
            minute: 0,
        };
        assert_eq!(moment(none), None);
    }
}

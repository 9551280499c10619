//! Days, months and periods, counted by hand in UTC.

/// Year, month and day of a day since 1970-01-01, by counting.
pub(crate) fn date(mut day: i64) -> (i64, i64, i64) {
    let mut year = 1970;
    while day < 0 {
        year -= 1;
        day += days_of_year(year);
    }
    while day >= days_of_year(year) {
        day -= days_of_year(year);
        year += 1;
    }
    let mut month = 1;
    while day >= days_of_month(year, month) {
        day -= days_of_month(year, month);
        month += 1;
    }
    (year, month, day + 1)
}

/// Days from 1970-01-01 to the first day of the month; months may be more than twelve.
fn first_day(year: i64, month: i64) -> i64 {
    let (year, month) = (
        year + (month - 1).div_euclid(12),
        (month - 1).rem_euclid(12) + 1,
    );
    let years: i64 = if year >= 1970 {
        (1970..year).map(days_of_year).sum()
    } else {
        -(year..1970).map(days_of_year).sum::<i64>()
    };
    years
        + (1..month)
            .map(|month| days_of_month(year, month))
            .sum::<i64>()
}

fn is_leap(year: i64) -> bool {
    (year % 4 == 0 && year % 100 != 0) || year % 400 == 0
}

fn days_of_year(year: i64) -> i64 {
    if is_leap(year) { 366 } else { 365 }
}

fn days_of_month(year: i64, month: i64) -> i64 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

const DAY: i64 = 86_400_000;

/// `2024-03-05 00:05:00.000`; the number itself for what is in no year of four digits.
pub(crate) fn print(millis: i64) -> String {
    if millis.abs() > 253_402_207_200_999 {
        return millis.to_string();
    }
    format!(
        "{}.{:03}",
        format(millis, "%Y-%m-%d %H:%M:%S"),
        millis.rem_euclid(1000)
    )
}

/// The codes `%Y %m %d %H %M %S %j %F %T %y`.
pub(crate) fn format(millis: i64, format: &str) -> String {
    let (year, month, day) = date(millis.div_euclid(DAY));
    let second = millis.rem_euclid(DAY) / 1000;
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    let of_year = millis.div_euclid(DAY) - first_day(year, 1) + 1;
    format
        .replace("%F", "%Y-%m-%d")
        .replace("%T", "%H:%M:%S")
        .replace("%Y", &format!("{year:04}"))
        .replace("%y", &format!("{:02}", year.rem_euclid(100)))
        .replace("%m", &format!("{month:02}"))
        .replace("%d", &format!("{day:02}"))
        .replace("%H", &format!("{hour:02}"))
        .replace("%M", &format!("{minute:02}"))
        .replace("%S", &format!("{second:02}"))
        .replace("%j", &format!("{of_year:03}"))
}

/// Milliseconds of a text in a pattern of `yyyy MM dd HH mm ss SSS` at their full widths.
pub(crate) fn parse(text: &str, pattern: &str) -> Option<i64> {
    let plain = pattern.replace('\'', "");
    if plain.len() != text.len() || !text.is_ascii() {
        return None;
    }
    let number = |letters: &str, default: i64| match plain.find(letters) {
        Some(at) => {
            let part = &text[at..at + letters.len()];
            let digits = part.bytes().all(|byte| byte.is_ascii_digit());
            digits.then(|| part.parse().ok())?
        }
        None => Some(default),
    };
    let literal = |(letter, c): (char, char)| "yMdHmsS".contains(letter) || letter == c;
    if !plain.chars().zip(text.chars()).all(literal) {
        return None;
    }
    let (year, month, day) = (number("yyyy", 1970)?, number("MM", 1)?, number("dd", 1)?);
    let (hour, minute, second) = (number("HH", 0)?, number("mm", 0)?, number("ss", 0)?);
    let right = (1..=12).contains(&month)
        && (1..=days_of_month(year, month)).contains(&day)
        && hour < 24
        && minute < 60
        && second < 60;
    let days = first_day(year, month) + day - 1;
    let seconds = hour * 3600 + minute * 60 + second;
    right.then_some(days * DAY + seconds * 1000 + number("SSS", 0)?)
}

/// The start of the period in which the moment lies, or of the one after it.
pub(crate) fn round(millis: i64, amount: i64, unit: &str, up: bool) -> i64 {
    let (one, most) = match unit.trim_end_matches('s') {
        "m" if unit == "ms" => (1, 1000),
        "msec" | "millisecond" => (1, 1000),
        "" | "sec" | "second" => (1000, 60),
        "m" | "min" | "minute" => (60_000, 60),
        "h" | "hr" | "hour" => (3_600_000, 24),
        "d" | "day" => (DAY, i64::MAX),
        "w" | "week" => (7 * DAY, i64::MAX),
        "mo" | "mon" | "month" => return round_months(millis, amount, up),
        "q" | "qtr" | "quarter" => return round_months(millis, 3 * amount, up),
        _ => return round_months(millis, 12 * amount, up),
    };
    let step = amount.min(most) * one;
    let start = millis.div_euclid(step) * step;
    if up && start < millis {
        start + step
    } else {
        start
    }
}

fn round_months(millis: i64, months: i64, up: bool) -> i64 {
    let (year, month, _) = date(millis.div_euclid(DAY));
    let since = (year - 1970) * 12 + month - 1;
    let at = |month: i64| first_day(1970, month + 1) * DAY;
    let first = since.div_euclid(months) * months;
    if up && at(first) < millis {
        at(first + months)
    } else {
        at(first)
    }
}

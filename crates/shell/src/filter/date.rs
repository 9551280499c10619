//! `date`, in virtual UTC.

use super::read_options;
use crate::run::{Flow, Interpreter, Stop};

/// A moment of the calendar.
struct Moment {
    seconds: i64,
    nanos: u64,
    year: i64,
    month: usize,
    day: i64,
    /// From 0 for the first of January.
    of_year: i64,
    /// From 0 for Sunday.
    of_week: usize,
}

const DAYS: [&str; 7] = [
    "Sunday",
    "Monday",
    "Tuesday",
    "Wednesday",
    "Thursday",
    "Friday",
    "Saturday",
];
const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

impl Moment {
    /// By the algorithm of Howard Hinnant's `civil_from_days`.
    fn of(seconds: i64, nanos: u64) -> Self {
        let days = seconds.div_euclid(86_400);
        let shifted = days + 719_468;
        let era = shifted.div_euclid(146_097);
        let of_era = shifted.rem_euclid(146_097);
        let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
        let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let month = (5 * of_year + 2) / 153;
        let day = of_year - (153 * month + 2) / 5 + 1;
        let month = if month < 10 { month + 3 } else { month - 9 };
        let year = year_of_era + era * 400 + i64::from(month <= 2);
        let mut before = 0;
        for earlier in 1..month {
            before += days_of(year, earlier);
        }
        Self {
            seconds,
            nanos,
            year,
            month: month as usize,
            day,
            of_year: before + day - 1,
            of_week: (days + 4).rem_euclid(7) as usize,
        }
    }
}

fn days_of(year: i64, month: i64) -> i64 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        _ => 31,
    }
}

pub(super) fn date(shell: &mut Interpreter<'_>, arguments: &[String]) -> Flow<i32> {
    let long = &[
        ("utc", 'u'),
        ("universal", 'u'),
        ("date", 'd'),
        ("rfc-email", 'R'),
        ("iso-8601", 'I'),
    ];
    // `-Is` has its value in the word.
    let iso = arguments.iter().find_map(|it| {
        it.strip_prefix("-I")
            .or_else(|| it.strip_prefix("--iso-8601="))
            .map(str::to_owned)
    });
    let words: Vec<String> = arguments
        .iter()
        .filter(|it| !it.starts_with("-I"))
        .cloned()
        .collect();
    let Some(read) = read_options(shell, "date", &words, "ud:RI", long)? else {
        return Ok(1);
    };
    let utc = shell.begin().starts.at(shell.now);
    let (mut seconds, mut nanos) = (utc.as_secs() as i64, utc.as_nanos() % 1_000_000_000);
    if let Some(text) = read.value('d') {
        match moment(text, seconds) {
            Some(at) => (seconds, nanos) = (at, if text == "now" { nanos } else { 0 }),
            None => {
                let why = format!(
                    "date: -d '{text}': there are `now`, `@SECONDS`, `YYYY-MM-DD HH:MM:SS` and `N UNITS ago`"
                );
                return Err(Stop::Refused(why));
            }
        }
    }
    let moment = Moment::of(seconds, nanos);
    let format = match (read.operands.first(), iso.as_deref()) {
        (Some(format), _) => match format.strip_prefix('+') {
            Some(format) => format.to_owned(),
            None => {
                shell.error("date: cannot set date: Operation not permitted\n")?;
                return Ok(1);
            }
        },
        (None, Some("s" | "seconds")) => "%Y-%m-%dT%H:%M:%S+00:00".to_owned(),
        (None, Some("ns")) => "%Y-%m-%dT%H:%M:%S,%N+00:00".to_owned(),
        (None, Some(_)) => "%Y-%m-%d".to_owned(),
        (None, None) if read.has('R') => "%a, %d %b %Y %H:%M:%S +0000".to_owned(),
        (None, None) => "%a %b %e %H:%M:%S UTC %Y".to_owned(),
    };
    let text = formatted(&format, &moment);
    shell.out(&(text + "\n"))?;
    Ok(0)
}

fn moment(text: &str, now: i64) -> Option<i64> {
    if text == "now" {
        return Some(now);
    }
    if let Some(seconds) = text.strip_prefix('@') {
        return seconds.parse().ok();
    }
    if let Some(at) = calendar(text) {
        return Some(at);
    }
    let words: Vec<&str> = text.split_whitespace().collect();
    match words[..] {
        ["today"] => return Some(now),
        ["yesterday"] => return now.checked_sub(86_400),
        ["tomorrow"] => return now.checked_add(86_400),
        _ => {}
    }
    let (number, unit, sign) = match words[..] {
        [number, unit, "ago"] => (number, unit, -1),
        [number, unit] => (number, unit, 1),
        _ => return None,
    };
    let unit = match unit.trim_end_matches('s') {
        "second" | "sec" => 1,
        "minute" | "min" => 60,
        "hour" => 3600,
        "day" => 86_400,
        "week" => 604_800,
        _ => return None,
    };
    let by = number.parse::<i64>().ok()?.checked_mul(sign * unit)?;
    now.checked_add(by)
}

/// `2024-02-29 12:00:00`, `2024-02-29T12:00Z`, `2024-02-29`: in UTC.
fn calendar(text: &str) -> Option<i64> {
    let text = text.trim().trim_end_matches("UTC").trim_end();
    let text = text.strip_suffix('Z').unwrap_or(text);
    let (day, time) = text.split_once(['T', ' ']).unwrap_or((text, "0:0"));
    let parts = |text: &str, sign: char| -> Option<Vec<i64>> {
        let numbers = text.trim().split(sign);
        numbers
            .map(|it| it.parse::<u32>().ok().map(i64::from))
            .collect()
    };
    let [year, month, date] = parts(day, '-')?[..] else {
        return None;
    };
    let (hour, minute, second) = match parts(time, ':')?[..] {
        [hour, minute] => (hour, minute, 0),
        [hour, minute, second] => (hour, minute, second),
        _ => return None,
    };
    let is_day = (1..=12).contains(&month) && date >= 1 && date <= days_of(year, month);
    if !is_day || !(1..=9999).contains(&year) || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    // `days_from_civil` of Howard Hinnant.
    let year = if month <= 2 { year - 1 } else { year };
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + date - 1;
    let days = era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468;
    Some(days * 86_400 + hour * 3600 + minute * 60 + second)
}

/// A moment as `date +FORMAT` prints it.
pub(crate) fn moment_text(format: &str, seconds: i64) -> String {
    formatted(format, &Moment::of(seconds, 0))
}

fn formatted(format: &str, moment: &Moment) -> String {
    let mut out = String::new();
    let mut letters = format.chars();
    while let Some(letter) = letters.next() {
        if letter != '%' {
            out.push(letter);
            continue;
        }
        let mut letter = letters.next().unwrap_or('%');
        let pads = letter != '-';
        let mut digits = 9;
        if !pads {
            letter = letters.next().unwrap_or('%');
        }
        if let Some(count) = letter.to_digit(10).filter(|it| *it > 0) {
            digits = count as usize;
            letter = letters.next().unwrap_or('%');
        }
        out += &match letter {
            'N' => format!("{:09}", moment.nanos)[..digits.min(9)].to_owned(),
            'F' => formatted("%Y-%m-%d", moment),
            'T' | 'X' => formatted("%H:%M:%S", moment),
            'R' => formatted("%H:%M", moment),
            'D' | 'x' => formatted("%m/%d/%y", moment),
            'r' => formatted("%I:%M:%S %p", moment),
            'c' => formatted("%a %b %e %H:%M:%S %Y", moment),
            'n' => "\n".to_owned(),
            't' => "\t".to_owned(),
            '%' => "%".to_owned(),
            letter => moment.part(letter, pads),
        };
    }
    out
}

impl Moment {
    /// Year and week of ISO 8601: that of the Thursday of the same week.
    fn iso_week(&self) -> (i64, i64) {
        let of_week = (self.of_week as i64 + 6) % 7;
        let thursday = Self::of(self.seconds + (3 - of_week) * 86_400, 0);
        (thursday.year, thursday.of_year / 7 + 1)
    }

    /// What one letter stands for; `pads` with zeros.
    fn part(&self, letter: char, pads: bool) -> String {
        let of_day = self.seconds.rem_euclid(86_400);
        let (hour, minute, second) = (of_day / 3600, of_day / 60 % 60, of_day % 60);
        let half = if hour % 12 == 0 { 12 } else { hour % 12 };
        let month = MONTHS[self.month - 1];
        let day = DAYS[self.of_week];
        let two = |value: i64| {
            if pads {
                format!("{value:02}")
            } else {
                value.to_string()
            }
        };
        match letter {
            'Y' => self.year.to_string(),
            'y' => two(self.year % 100),
            'C' => two(self.year / 100),
            'm' => two(self.month as i64),
            'd' => two(self.day),
            'e' => format!("{:>2}", self.day),
            'H' => two(hour),
            'I' => two(half),
            'k' => format!("{hour:>2}"),
            'l' => format!("{half:>2}"),
            'M' => two(minute),
            'S' => two(second),
            's' => self.seconds.to_string(),
            'j' => format!("{:03}", self.of_year + 1),
            // Weeks that begin on Sunday, and on Monday.
            'U' => two((self.of_year + 7 - self.of_week as i64) / 7),
            'W' => two((self.of_year + 7 - (self.of_week as i64 + 6) % 7) / 7),
            'V' => two(self.iso_week().1),
            'G' => self.iso_week().0.to_string(),
            'g' => two(self.iso_week().0 % 100),
            'u' => if self.of_week == 0 { 7 } else { self.of_week }.to_string(),
            'w' => self.of_week.to_string(),
            'a' => day[..3].to_owned(),
            'A' => day.to_owned(),
            'b' | 'h' => month[..3].to_owned(),
            'B' => month.to_owned(),
            'p' => if hour < 12 { "AM" } else { "PM" }.to_owned(),
            'P' => if hour < 12 { "am" } else { "pm" }.to_owned(),
            'z' => "+0000".to_owned(),
            'Z' => "UTC".to_owned(),
            other => format!("%{other}"),
        }
    }
}

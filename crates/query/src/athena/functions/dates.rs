//! Functions of dates, timestamps and intervals.

use jiff::Span;
use jiff::civil::DateTime;

use super::times::{DAY, civil, local, millis, parse_date, parse_timestamp, unlocal};
use super::zones::{at_moment, moment_and_zone, packed, zone_moment, zone_name, zone_offset};
use super::{Function, Given, functions, joda, mysql};
use crate::athena::error::{Checked, Fault};
use crate::athena::types::Type;
use crate::athena::value::Value;

pub(super) const FUNCTIONS: &[Function] = functions! {
    "year(P):bigint" |g, v| part(g, v, |t| t.year().into());
    "quarter(P):bigint" |g, v| part(g, v, |t| i64::from(t.month() - 1) / 3 + 1);
    "month(P):bigint" |g, v| part(g, v, |t| t.month().into());
    "week(P):bigint" |g, v| part(g, v, |t| t.date().iso_week_date().week().into());
    "week_of_year(P):bigint" |g, v| part(g, v, |t| t.date().iso_week_date().week().into());
    "year_of_week(P):bigint" |g, v| part(g, v, |t| t.date().iso_week_date().year().into());
    "yow(P):bigint" |g, v| part(g, v, |t| t.date().iso_week_date().year().into());
    "day(P):bigint" |g, v| part(g, v, |t| t.day().into());
    "day_of_month(P):bigint" |g, v| part(g, v, |t| t.day().into());
    "day_of_week(P):bigint" |g, v| part(g, v, |t| t.weekday().to_monday_one_offset().into());
    "dow(P):bigint" |g, v| part(g, v, |t| t.weekday().to_monday_one_offset().into());
    "day_of_year(P):bigint" |g, v| part(g, v, |t| t.day_of_year().into());
    "doy(P):bigint" |g, v| part(g, v, |t| t.day_of_year().into());
    "hour(M):bigint" |g, v| part(g, v, |t| t.hour().into());
    "minute(M):bigint" |g, v| part(g, v, |t| t.minute().into());
    "second(M):bigint" |g, v| part(g, v, |t| t.second().into());
    "millisecond(M):bigint" |g, v| part(g, v, |t| t.millisecond().into());
    "day(interval day to second):bigint" |_, v| Ok(Value::Int(v[0].int() / DAY));
    "hour(interval day to second):bigint" |_, v| Ok(Value::Int(v[0].int() / 3_600_000 % 24));
    "minute(interval day to second):bigint" |_, v| Ok(Value::Int(v[0].int() / 60_000 % 60));
    "second(interval day to second):bigint" |_, v| Ok(Value::Int(v[0].int() / 1000 % 60));
    "to_milliseconds(interval day to second):bigint" |_, v| Ok(v[0].clone());
    "timezone_hour(M):bigint" |g, v| Ok(Value::Int(offset(&g.types[0], &v[0])? / HOUR));
    "timezone_minute(M):bigint" |g, v| {
        Ok(Value::Int(offset(&g.types[0], &v[0])? / 60_000 % 60))
    };
    "timezone(M):varchar" |g, v| {
        Ok(Value::str(moment_and_zone(&g.types[0], v[0].int()).1.to_string()))
    };
    "hour(time):bigint" |_, v| Ok(Value::Int(v[0].int() / HOUR));
    "minute(time):bigint" |_, v| Ok(Value::Int(v[0].int() / 60_000 % 60));
    "second(time):bigint" |_, v| Ok(Value::Int(v[0].int() / 1000 % 60));
    "millisecond(time):bigint" |_, v| Ok(Value::Int(v[0].int() % 1000));
    "at_timezone(zoned,varchar):zoned" |_, v| {
        let moment = moment_and_zone(&Type::Zoned, v[0].int()).0;
        packed(moment, &zone_name(v[1].text())?).map(Value::Int)
    };
    "with_timezone(timestamp,varchar):zoned" |_, v| {
        let zone = zone_name(v[1].text())?;
        packed(zone_moment(&zone, v[0].int())?, &zone).map(Value::Int)
    };
    "last_day_of_month(P):date" |g, v| {
        let last = civil(local(&g.types[0], v[0].int())?)?.date().last_of_month();
        Ok(Value::Int(millis(last.to_datetime(jiff::civil::Time::midnight()))? / DAY))
    };
    "date_trunc(varchar,P):P" |g, v| {
        let (ty, at) = (&g.types[1], v[1].int());
        let clock = local(ty, at)?;
        let start = millis(truncated(v[0].text(), civil(clock)?, *ty == Type::Date)?)?;
        // Within an hour the distance from UTC stays; a day may begin at another one.
        let near = *ty != Type::Date && clock - start < HOUR;
        let (moment, _) = moment_and_zone(ty, at);
        Ok(Value::Int(match near {
            true => at_moment(ty, at, moment - (clock - start))?,
            false => unlocal(ty, at, start)?,
        }))
    };
    "date_add(varchar,bigint,P):P" |g, v| {
        let unit = v[0].text().to_lowercase();
        if g.types[2] == Type::Date && !is_date_unit(&unit) {
            return Err(Fault::argument(format!("'{unit}' is not a valid DATE field")));
        }
        moved(&g.types[2], v[2].int(), &unit, v[1].int()).map(Value::Int)
    };
    "date_diff(varchar,P,P):bigint" |g, v| {
        let unit = v[0].text().to_lowercase();
        if g.types[1] == Type::Date && !is_date_unit(&unit) {
            return Err(Fault::argument(format!("'{unit}' is not a valid DATE field")));
        }
        let (from, to) = (v[1].int(), v[2].int());
        let (from, to) = match &g.types[1] {
            // Hours are counted between moments, days and months on the wall clock of the first.
            ty if ty.has_zone() => {
                let ((from, zone), (to, _)) =
                    (moment_and_zone(ty, from), moment_and_zone(&g.types[2], to));
                let clock = |at: i64| match within_day(&unit) {
                    true => Ok(at),
                    false => zone_offset(&zone, at).map(|ahead| at + ahead),
                };
                (clock(from)?, clock(to)?)
            }
            ty => (local(ty, from)?, local(&g.types[2], to)?),
        };
        difference(from, to, &unit).map(Value::Int)
    };
    "date_format(P,varchar):varchar" |g, v| {
        let clock = civil(local(&g.types[0], v[0].int())?)?;
        mysql::print(&clock, v[1].text()).map(Value::str)
    };
    "date_parse(varchar,varchar):timestamp" |_, v| {
        mysql::parse(v[0].text(), v[1].text()).map(Value::Int)
    };
    "format_datetime(P,varchar):varchar" |g, v| {
        let at = local(&g.types[0], v[0].int())?;
        let ahead = offset(&g.types[0], &v[0])?;
        let (_, zone) = moment_and_zone(&g.types[0], v[0].int());
        joda::print(&civil(at)?, v[1].text(), &zone, ahead).map(Value::str)
    };
    "parse_datetime(varchar,varchar):zoned" |_, v| {
        let (moment, zone) = joda::parse(v[0].text(), v[1].text())?;
        packed(moment, &zone).map(Value::Int)
    };
    "from_unixtime(double):timestamptz" |_, v| Ok(from_unix(&v[0]));
    "from_unixtime(double,bigint,bigint):timestamptz" |_, v| Ok(from_unix(&v[0]));
    "to_unixtime(P):double" |g, v| {
        let (at, _) = moment_and_zone(&g.types[0], v[0].int());
        let utc = if g.types[0] == Type::Date { at * DAY } else { at };
        Ok(Value::Float(utc as f64 / 1000.0))
    };
    "to_iso8601(P):varchar" |g, v| to_iso8601(&g.types[0], &v[0]).map(Value::str);
    "from_iso8601_timestamp(varchar):zoned" |_, v| {
        let wrong = || Fault::argument(format!("Invalid format: \"{}\"", v[0].text()));
        let (clock, zone) = parse_timestamp(v[0].text()).ok_or_else(wrong)?;
        let zone = zone.map_or_else(|| Ok("UTC".to_owned()), |zone| zone_name(&zone));
        let zone = zone.map_err(|_| wrong())?;
        packed(zone_moment(&zone, clock)?, &zone).map(Value::Int)
    };
    "from_iso8601_date(varchar):date" |_, v| date(v[0].text());
    "date(varchar):date" |_, v| date(v[0].text());
    "date(P):date" |g, v| Ok(Value::Int(local(&g.types[0], v[0].int())?.div_euclid(DAY)));
    "human_readable_seconds(double):varchar" |_, v| Ok(Value::str(human(v[0].float())));
};

fn part<'a>(given: &Given<'_>, v: &[Value<'a>], of: fn(&DateTime) -> i64) -> Checked<Value<'a>> {
    Ok(Value::Int(of(&civil(local(&given.types[0], v[0].int())?)?)))
}

fn offset(ty: &Type, value: &Value<'_>) -> Checked<i64> {
    let (moment, zone) = moment_and_zone(ty, value.int());
    zone_offset(&zone, moment)
}

const HOUR: i64 = 3_600_000;

/// Whether a unit is shorter than a day: then it is one of time, not of the calendar.
fn within_day(unit: &str) -> bool {
    fixed(unit).is_some_and(|length| length < DAY)
}

/// A value so many units later. Days and months go by the wall clock of the value's zone, shorter
/// units by the time that passes.
pub(in crate::athena) fn moved(ty: &Type, value: i64, unit: &str, count: i64) -> Checked<i64> {
    if within_day(unit) && *ty != Type::Date {
        let (moment, _) = moment_and_zone(ty, value);
        return at_moment(ty, value, added(moment, unit, count)?);
    }
    unlocal(ty, value, added(local(ty, value)?, unit, count)?)
}

fn is_date_unit(unit: &str) -> bool {
    matches!(unit, "day" | "week" | "month" | "quarter" | "year")
}

fn truncated(unit: &str, clock: DateTime, date: bool) -> Checked<DateTime> {
    let unit = unit.to_lowercase();
    let midnight = jiff::civil::Time::midnight();
    let kind = if date { "DATE" } else { "TIMESTAMP" };
    let wrong = || Fault::argument(format!("'{unit}' is not a valid {kind} field"));
    if date && !is_date_unit(&unit) {
        return Err(wrong());
    }
    let day = clock.date();
    let built = match unit.as_str() {
        "millisecond" => return Ok(clock),
        "second" => clock.with().subsec_nanosecond(0).build(),
        "minute" => clock.with().second(0).subsec_nanosecond(0).build(),
        "hour" => clock
            .with()
            .minute(0)
            .second(0)
            .subsec_nanosecond(0)
            .build(),
        "day" => return Ok(day.to_datetime(midnight)),
        "week" => {
            let back = i64::from(day.weekday().to_monday_zero_offset());
            return added(millis(day.to_datetime(midnight))?, "day", -back).and_then(civil);
        }
        "month" => return Ok(day.first_of_month().to_datetime(midnight)),
        "quarter" => {
            let month = (day.month() - 1) / 3 * 3 + 1;
            DateTime::new(day.year(), month, 1, 0, 0, 0, 0)
        }
        "year" => return Ok(day.first_of_year().to_datetime(midnight)),
        _ => return Err(wrong()),
    };
    built.map_err(|_| wrong())
}

/// Milliseconds of a unit of fixed length.
fn fixed(unit: &str) -> Option<i64> {
    Some(match unit {
        "millisecond" => 1,
        "second" => 1000,
        "minute" => 60_000,
        "hour" => 3_600_000,
        "day" => DAY,
        "week" => 7 * DAY,
        _ => return None,
    })
}

fn months(unit: &str) -> Option<i64> {
    Some(match unit {
        "month" => 1,
        "quarter" => 3,
        "year" => 12,
        _ => return None,
    })
}

/// A wall clock so many units later; months keep the day where they have it.
pub(in crate::athena) fn added(clock: i64, unit: &str, count: i64) -> Checked<i64> {
    let wrong = || Fault::range(format!("date_add of {count} {unit} is out of range"));
    if let Some(length) = fixed(unit) {
        let later = count
            .checked_mul(length)
            .and_then(|by| clock.checked_add(by));
        return later.ok_or_else(wrong);
    }
    let unknown = || Fault::argument(format!("'{unit}' is not a valid TIMESTAMP field"));
    let count = count
        .checked_mul(months(unit).ok_or_else(unknown)?)
        .ok_or_else(wrong)?;
    let span = Span::new().try_months(count).map_err(|_| wrong())?;
    millis(civil(clock)?.checked_add(span).map_err(|_| wrong())?)
}

/// Whole units between two wall clocks.
fn difference(from: i64, to: i64, unit: &str) -> Checked<i64> {
    if let Some(length) = fixed(unit) {
        return Ok((to - from) / length);
    }
    let unknown = || Fault::argument(format!("'{unit}' is not a valid TIMESTAMP field"));
    let length = months(unit).ok_or_else(unknown)?;
    let (a, b) = (civil(from)?, civil(to)?);
    let month = |t: &DateTime| i64::from(t.year()) * 12 + i64::from(t.month());
    let mut count = month(&b) - month(&a);
    // A month is over when the day and time of its start are reached again.
    while count > 0 && added(from, "month", count)? > to {
        count -= 1;
    }
    while count < 0 && added(from, "month", count)? < to {
        count += 1;
    }
    Ok(count / length)
}

fn from_unix<'a>(seconds: &Value<'_>) -> Value<'a> {
    Value::Int((seconds.float() * 1000.0).round() as i64)
}

fn date<'a>(text: &str) -> Checked<Value<'a>> {
    let days = parse_date(text);
    let days = days.ok_or_else(|| Fault::cast(format!("Value cannot be cast to date: {text}")));
    days.map(Value::Int)
}

fn to_iso8601(ty: &Type, value: &Value<'_>) -> Checked<String> {
    let clock = local(ty, value.int())?;
    let pattern = match ty {
        Type::Date => "yyyy-MM-dd",
        _ => "yyyy-MM-dd'T'HH:mm:ss.SSS",
    };
    let mut text = joda::print(&civil(clock)?, pattern, "UTC", 0)?;
    if ty.has_zone() {
        let ahead = offset(ty, value)?;
        match ahead {
            0 => text.push('Z'),
            _ => text.push_str(&joda::print(&civil(clock)?, "ZZ", "", ahead)?),
        }
    }
    Ok(text)
}

fn human(seconds: f64) -> String {
    let mut rest = seconds.round() as i64;
    let mut parts = Vec::new();
    let units = [
        ("week", 604_800),
        ("day", 86_400),
        ("hour", 3600),
        ("minute", 60),
        ("second", 1),
    ];
    for (unit, length) in units {
        let count = rest / length;
        rest %= length;
        if count > 0 {
            parts.push(format!(
                "{count} {unit}{}",
                if count == 1 { "" } else { "s" }
            ));
        }
    }
    if parts.is_empty() {
        "0 seconds".to_owned()
    } else {
        parts.join(", ")
    }
}

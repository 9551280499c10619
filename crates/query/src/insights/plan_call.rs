//! Calls of functions: those of the table in `function`, and those that read the query, the clock
//! or a constant argument.

use jiff::Timestamp;
use jiff::fmt::strtime::BrokenDownTime;
use jiff::tz::TimeZone;
use regex::Regex;
use wirelab_model::IpNet;

use super::QueryOptions;
use super::ast::{Expr, ExprKind, Span};
use super::function::{FUNCTIONS, Function, NOT_HERE, Returns};
use super::habit;
use super::java_time::{self, Pattern as DatePattern};
use super::parse::compile;
use super::period::Period;
use super::plan::{Planner, column};
use super::plan_expr::text_test;
use super::plan_stats::AGGREGATES;
use super::row::{Typed, call};
use super::text::{TEXT_MAX, bounded};
use super::value::Value;
use crate::{ColumnKind, QueryError};

type Planned<T> = Result<T, QueryError>;

/// Functions that need more than values, in lower case.
const SPECIAL: [&str; 16] = [
    "bin",
    "datefloor",
    "dateceil",
    "formatdate",
    "now",
    "querystarttime",
    "queryendtime",
    "querytimerange",
    "isipinsubnet",
    "isipv4insubnet",
    "isipv6insubnet",
    "regexreplace",
    "regex_replace",
    "strftime",
    "parsedate",
    "messagesize",
];

impl Planner<'_> {
    pub(super) fn call(&mut self, name: &str, args: &[Expr], span: Span) -> Planned<Typed> {
        if let Some(alias) = self.alias_of(name, args) {
            let message = format!("`{name}(...)` has the name `{alias}` here");
            let hint = format!("write `{alias}`");
            return Err(self.malformed(span, message, Some(&hint)));
        }
        if SPECIAL.contains(&name) {
            return self.special(name, args, span);
        }
        let by_name = |function: &&Function| function.name.eq_ignore_ascii_case(name);
        let Some(function) = FUNCTIONS.iter().find(by_name) else {
            return Err(self.no_function(name, span));
        };
        self.check_count(function.name, args, function.args.clone(), span)?;
        let mut values = Vec::with_capacity(args.len());
        for arg in args {
            values.push(match truth_word(function.name, arg) {
                Some(truth) if self.find(truth).is_none() => {
                    Typed::number(f64::from(u8::from(truth == "true")))
                }
                _ => self.expr(arg)?,
            });
        }
        let args = values;
        let kind = match function.returns {
            Returns::Kind(kind) => kind,
            Returns::Common { first, step } => common_kind(&args, first, step),
        };
        Ok(call(function.name, args, kind, function.run))
    }

    /// The name that `stats` has given to an aggregate.
    fn alias_of(&self, name: &str, args: &[Expr]) -> Option<String> {
        if self.in_stats || !AGGREGATES.contains(&name) {
            return None;
        }
        let kind = ExprKind::Call {
            name: name.to_owned(),
            args: args.to_vec(),
        };
        let span = Span::default();
        let text = Expr { kind, span }.to_string();
        let known = self.aliased.iter().find(|(key, _)| *key == text);
        known.map(|(_, alias)| alias.clone())
    }

    fn no_function(&self, name: &str, span: Span) -> QueryError {
        if AGGREGATES.contains(&name) {
            let message = format!("`{name}` is an aggregate");
            let hint = if self.in_stats {
                "an aggregate cannot stand inside another one"
            } else {
                "aggregates stand in `stats`, such as `stats count(*) by srcAddr`"
            };
            return self.malformed(span, message, Some(hint));
        }
        if let Some((_, hint)) = NOT_HERE.iter().find(|(known, _)| *known == name) {
            return QueryError::Unsupported {
                what: format!("the function `{name}`"),
                place: self.place(span),
                hint: Some(*hint)
                    .filter(|hint| !hint.is_empty())
                    .map(str::to_owned),
            };
        }
        if let Some(hint) = habit::function(name) {
            return self.malformed(span, format!("`{name}` is not a function"), Some(hint));
        }
        let ours = FUNCTIONS.iter().map(|function| function.name);
        let known = ours.chain(SPECIAL).chain(AGGREGATES);
        let lower = |known: &&str| known.to_lowercase();
        let near = known.min_by_key(|known| strsim::osa_distance(&lower(known), name));
        let near = near.filter(|near| strsim::osa_distance(&lower(near), name) <= 3);
        let hint = near.map(|near| format!("did you mean `{near}`?"));
        self.malformed(span, format!("`{name}` is not a function"), hint.as_deref())
    }

    pub(super) fn check_count(
        &self,
        name: &str,
        args: &[Expr],
        count: std::ops::RangeInclusive<usize>,
        span: Span,
    ) -> Planned<()> {
        if count.contains(&args.len()) {
            return Ok(());
        }
        let (min, max) = (*count.start(), *count.end());
        let wanted = match (min, max) {
            (min, max) if min == max => format!("{min}"),
            (min, 64..) => format!("at least {min}"),
            (min, max) => format!("{min} to {max}"),
        };
        let plural = if wanted == "1" { "" } else { "s" };
        let message = format!(
            "`{name}` takes {wanted} argument{plural}, not {}",
            args.len()
        );
        Err(self.malformed(span, message, None))
    }

    fn special(&mut self, name: &str, args: &[Expr], span: Span) -> Planned<Typed> {
        let millis = |time: wirelab_model::UnixTime| Typed::number(time.as_millis() as f64);
        let QueryOptions {
            start, end, now, ..
        } = self.options;
        match name {
            "bin" => {
                self.check_count("bin", args, 1..=1, span)?;
                self.bin(&args[0], span)
            }
            "datefloor" | "dateceil" => {
                self.check_count(name, args, 2..=2, span)?;
                let time = self.expr(&args[0])?;
                let period = self.period(&args[1])?;
                Ok(to_period(time, period, name == "dateceil"))
            }
            "formatdate" | "strftime" => self.format_date(args, span),
            "parsedate" => self.parse_date(args, span),
            "messagesize" => self.message_size(args, span),
            "now" | "querystarttime" | "queryendtime" | "querytimerange" => {
                self.check_count(name, args, 0..=0, span)?;
                Ok(match name {
                    "now" => Typed::number(now.as_secs() as f64),
                    "querystarttime" => millis(start),
                    "queryendtime" => millis(end),
                    _ => Typed::number((end.as_millis() - start.as_millis()) as f64),
                })
            }
            "regexreplace" | "regex_replace" => self.regex_replace(args, span),
            "isipinsubnet" | "isipv4insubnet" | "isipv6insubnet" => {
                self.in_subnet(name, args, span)
            }
            _ => Err(self.no_function(name, span)),
        }
    }

    /// `bin(5m)`: always of `@timestamp`.
    fn bin(&mut self, period: &Expr, span: Span) -> Planned<Typed> {
        let period = self.period(period)?;
        let Some(slot) = self.find("@timestamp") else {
            let message = "`bin` reads `@timestamp`, which `stats` has left out";
            let hint = "carry it: `max(@timestamp) as @t`, then `dateceil(@t, 5m)`";
            return Err(self.malformed(span, message, Some(hint)));
        };
        Ok(to_period(column(slot), period, false))
    }

    fn period(&mut self, expr: &Expr) -> Planned<Period> {
        let ExprKind::Period(period) = expr.kind else {
            let hint = Some("periods are written `30s`, `5m`, `1h`, `1d`");
            return Err(self.malformed(expr.span, "expected a period", hint));
        };
        if period.capped_from().is_some() {
            let message = format!(
                "the service caps `{period}`: seconds and minutes count to 60, \
                                   hours to 24, milliseconds to 1000"
            );
            let hint = "use the next larger unit, such as `bin(5m)`";
            self.warn(expr.span, &message, Some(hint));
        }
        Ok(period)
    }

    fn constant<'e>(&self, expr: &'e Expr, what: &str) -> Planned<&'e str> {
        match &expr.kind {
            ExprKind::Text(text) => Ok(text),
            _ => {
                let message = format!("expected {what} in quotes");
                Err(self.malformed(expr.span, message, None))
            }
        }
    }

    fn in_subnet(&mut self, name: &str, args: &[Expr], span: Span) -> Planned<Typed> {
        self.check_count(name, args, 2..=2, span)?;
        let text = self.constant(&args[1], "a block such as \"10.0.1.0/24\"")?;
        let Ok(block) = text.parse::<IpNet>() else {
            let hint = Some("a block is an address and a length: `\"10.0.1.0/24\"`");
            let message = format!("`{text}` is not a CIDR block");
            return Err(self.malformed(args[1].span, message, hint));
        };
        if block.trunc() != block {
            let message = format!("`{text}` is not the start of its block");
            let hint = format!("write `{}`", block.trunc());
            return Err(self.malformed(args[1].span, message, Some(&hint)));
        }
        let is_v4 = matches!(block, IpNet::V4(_));
        if (name == "isipv4insubnet" && !is_v4) || (name == "isipv6insubnet" && is_v4) {
            let message = "the block is of the other IP version";
            return Err(self.malformed(args[1].span, message, Some("write `isIpInSubnet`")));
        }
        let value = self.expr(&args[0])?;
        Ok(text_test("in_subnet", value, move |text| {
            text.parse()
                .is_ok_and(|address: std::net::IpAddr| block.contains(&address))
        }))
    }

    fn regex_replace(&mut self, args: &[Expr], span: Span) -> Planned<Typed> {
        self.check_count("regexReplace", args, 3..=3, span)?;
        let pattern = self.constant(&args[1], "a regex")?;
        let regex = compile(pattern)
            .map_err(|(message, hint)| self.malformed(args[1].span, message, hint))?;
        let values = vec![self.expr(&args[0])?, self.expr(&args[2])?];
        Ok(call(
            "regex_replace",
            values,
            ColumnKind::Text,
            move |v| match v[0].text().zip(v[1].text()) {
                Some((text, by)) => replace_all(&regex, &text, &by),
                None => Value::Null,
            },
        ))
    }

    fn format_date(&mut self, args: &[Expr], span: Span) -> Planned<Typed> {
        self.check_count("formatDate", args, 2..=3, span)?;
        let format = self
            .constant(&args[1], "a format such as \"%H:%M\"")?
            .to_owned();
        let zone = self.zone(args.get(2))?;
        if !format.contains('%') {
            let message = format!("`{format}` has no code in it: every row gets the same text");
            let hint = "codes are those of strftime: `%Y-%m-%d %H:%M:%S`";
            self.warn(args[1].span, &message, Some(hint));
        }
        if format_time(0, &format, &zone).is_none() {
            let message = format!("`{format}` is not a format of strftime");
            return Err(self.malformed(args[1].span, message, None));
        }
        let time = self.expr(&args[0])?;
        Ok(call(
            "format_date",
            vec![time],
            ColumnKind::Text,
            move |v| {
                let millis = v[0].number().map(|millis| millis as i64);
                Value::of_text(millis.and_then(|millis| format_time(millis, &format, &zone)))
            },
        ))
    }

    fn parse_date(&mut self, args: &[Expr], span: Span) -> Planned<Typed> {
        self.check_count("parseDate", args, 2..=3, span)?;
        let text = self.constant(&args[1], "a pattern such as \"yyyy-MM-dd\"")?;
        let pattern = DatePattern::new(text).map_err(|unknown| {
            let message = format!("{unknown} in the pattern stands for nothing");
            let hint = "letters are those of Java: `yyyy-MM-dd'T'HH:mm:ss.SSSX`";
            self.malformed(args[1].span, message, Some(hint))
        })?;
        let zone = self.zone(args.get(2))?;
        let value = self.expr(&args[0])?;
        Ok(call(
            "parse_date",
            vec![value],
            ColumnKind::Number,
            move |v| {
                let millis = v[0].text().and_then(|text| pattern.parse(&text, &zone));
                Value::of_number(millis.map(|millis| millis as f64))
            },
        ))
    }

    /// The time zone that an argument names; UTC without one.
    fn zone(&self, arg: Option<&Expr>) -> Planned<TimeZone> {
        let Some(arg) = arg else {
            return Ok(TimeZone::UTC);
        };
        let name = self.constant(arg, "a time zone such as \"Europe/Berlin\"")?;
        java_time::zone(name).ok_or_else(|| {
            let message = format!("`{name}` is no time zone that is known here");
            let hint = "zones are `UTC`, offsets such as `+02:00`, and names such as `Asia/Tokyo`";
            self.malformed(arg.span, message, Some(hint))
        })
    }

    /// Bytes of the event, or of the text that is given.
    fn message_size(&mut self, args: &[Expr], span: Span) -> Planned<Typed> {
        self.check_count("messageSize", args, 0..=1, span)?;
        let kind = ExprKind::Field("@message".to_owned());
        let message = Expr { kind, span };
        let value = self.expr(args.first().unwrap_or(&message))?;
        Ok(call("message_size", vec![value], ColumnKind::Number, |v| {
            Value::of_number(v[0].text().map(|text| text.len() as f64))
        }))
    }
}

fn common_kind(args: &[Typed], first: usize, step: usize) -> ColumnKind {
    let last = args.len().saturating_sub(1);
    let default = (step > 1 && args.len() % 2 == 1).then_some(last);
    let values = (first..args.len()).step_by(step).chain(default);
    if values
        .clone()
        .any(|index| args[index].kind == ColumnKind::Structure)
    {
        return ColumnKind::Structure;
    }
    let mut kinds = values.map(|index| args[index].kind);
    let kind = kinds.next().unwrap_or(ColumnKind::Text);
    if kinds.all(|other| other == kind) {
        kind
    } else {
        ColumnKind::Text
    }
}

fn to_period(time: Typed, period: Period, up: bool) -> Typed {
    call("to_period", vec![time], ColumnKind::Time, move |v| {
        let moved = v[0].number().and_then(|millis| {
            let millis = millis as i64;
            if up {
                period.ceil(millis)
            } else {
                period.floor(millis)
            }
        });
        moved.map_or(Value::Null, Value::Time)
    })
}

/// `strContains(a, b, true)` is the one place where the guide has a word for truth.
fn truth_word<'e>(function: &str, arg: &'e Expr) -> Option<&'e str> {
    match &arg.kind {
        ExprKind::Field(word) if function == "strContains" => {
            matches!(word.as_str(), "true" | "false").then_some(word)
        }
        _ => None,
    }
}

/// Every match replaced; `\\1` and `$1` in the replacement stand for groups.
fn replace_all<'a>(regex: &Regex, text: &str, by: &str) -> Value<'a> {
    let mut made = String::with_capacity(text.len());
    let mut at = 0;
    let by = dollars(by);
    for captures in regex.captures_iter(text) {
        let Some(whole) = captures.get(0) else {
            continue;
        };
        made.push_str(&text[at..whole.start()]);
        captures.expand(&by, &mut made);
        at = whole.end();
        if made.len() > TEXT_MAX {
            return Value::Null;
        }
    }
    made.push_str(&text[at..]);
    bounded(made)
}

/// `\\1` as `${1}`.
fn dollars(by: &str) -> String {
    let mut out = String::with_capacity(by.len());
    let mut chars = by.chars().peekable();
    while let Some(c) = chars.next() {
        match chars.next_if(|next| c == '\\' && next.is_ascii_digit()) {
            Some(digit) => out.push_str(&format!("${{{digit}}}")),
            None => out.push(c),
        }
    }
    out
}

fn format_time(millis: i64, format: &str, zone: &TimeZone) -> Option<String> {
    let moment = Timestamp::from_millisecond(millis)
        .ok()?
        .to_zoned(zone.clone());
    BrokenDownTime::from(&moment).to_string(format).ok()
}

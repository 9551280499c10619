//! Expressions to DataFusion's.

use datafusion::logical_expr::{Expr as DfExpr, and, lit, not, or};
use jiff::Timestamp;
use jiff::fmt::strtime::BrokenDownTime;
use jiff::tz::TimeZone;
use regex::Regex;
use wirelab_model::IpNet;

use super::QueryOptions;
use super::advice;
use super::ast::{Arithmetic, Comparison, Expr, ExprKind, Pattern, Span};
use super::function::{FUNCTIONS, Function, NOT_HERE, Returns};
use super::period::Period;
use super::plan::{Planner, column};
use super::plan_stats::AGGREGATES;
use super::row::{Typed, call, equals, truth};
use super::value::{Value, compare};
use crate::{ColumnKind, QueryError};

type Planned<T> = Result<T, QueryError>;

/// Functions that need more than values, in lower case.
const SPECIAL: [&str; 14] = [
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
    "jsonextract",
];

impl Planner<'_> {
    /// An expression over the columns in scope.
    pub(super) fn expr(&mut self, expr: &Expr) -> Planned<Typed> {
        match &expr.kind {
            ExprKind::Field(name) => return self.field(name, expr.span),
            ExprKind::Text(text) => return Ok(Typed::text(text)),
            ExprKind::Number(number) => return Ok(Typed::number(*number)),
            ExprKind::Period(_) => {
                let hint = "a period stands inside `bin`, `datefloor` or `dateceil`";
                return Err(self.malformed(expr.span, "a period is no value", Some(hint)));
            }
            ExprKind::Star => {
                let hint = Some("`*` stands in `count(*)` alone");
                return Err(self.malformed(expr.span, "`*` is no value", hint));
            }
            _ => {}
        }
        // A column may bear the text of an expression: `sort count(*) desc`.
        if let Some(slot) = self.find(&expr.to_string()) {
            return Ok(column(slot));
        }
        match &expr.kind {
            ExprKind::Not(inner) => Ok(boolean(not(truth(self.expr(inner)?)))),
            ExprKind::And(parts) => self.fold(parts, and),
            ExprKind::Or(parts) => self.fold(parts, or),
            ExprKind::Negative(inner) => {
                let inner = self.expr(inner)?;
                Ok(call("negative", vec![inner], ColumnKind::Number, |v| {
                    Value::of_number(v[0].number().map(|number| -number))
                }))
            }
            ExprKind::Compare(comparison, left, right) => self.compare(*comparison, left, right),
            ExprKind::Arithmetic(first, rest) => self.arithmetic(expr, first, rest),
            ExprKind::Like { value, pattern } => self.like(value, pattern, expr.span),
            ExprKind::In { value, list } => self.in_list(value, list),
            ExprKind::Call { name, args } => self.call(name, args, expr.span),
            _ => Err(QueryError::Internal(
                "an expression without a plan".to_owned(),
            )),
        }
    }

    fn field(&mut self, name: &str, span: Span) -> Planned<Typed> {
        if let Some(slot) = self.find(name) {
            return Ok(column(slot));
        }
        if self.in_stats {
            let message = format!("`{name}` stands outside an aggregate");
            let hint = format!("write `count({name})`, `max({name})`, or group by it: `by {name}`");
            return Err(self.malformed(span, message, Some(&hint)));
        }
        self.warn_missing(name, span);
        Ok(Typed::null())
    }

    /// A missing field is no error, in AWS as here; but it is rarely meant.
    fn warn_missing(&mut self, name: &str, span: Span) {
        let known: Vec<String> = self.slots.iter().map(|slot| slot.key.clone()).collect();
        if !self.events && self.event_names.iter().any(|event| event == name) {
            let message = format!("after `stats` there is no `{name}`: only its output is left");
            let hint = match name {
                "@timestamp" => "group by time and sort by that: `by bin(5m) as t | sort t desc`",
                _ => "carry it through: add it after `by`, or as `latest(...)`",
            };
            self.warn(span, &message, Some(hint));
            return;
        }
        let names = if self.events {
            &self.event_names
        } else {
            &known
        };
        let names: Vec<String> = names.iter().chain(&known).cloned().collect();
        let format = self.group.format.as_ref();
        let hint = advice::field(name, names.iter().map(String::as_str), format);
        if format.is_some() || hint.is_some() || !self.events {
            let message = format!("no event has a field `{name}`");
            self.warn(span, &message, hint.as_deref());
        }
    }

    /// A balanced tree: a chain of thousands would be too deep for the planner's recursion.
    fn fold(&mut self, parts: &[Expr], join: fn(DfExpr, DfExpr) -> DfExpr) -> Planned<Typed> {
        let mut level = Vec::with_capacity(parts.len());
        for part in parts {
            level.push(truth(self.expr(part)?));
        }
        Ok(boolean(balanced(level, join).unwrap_or_else(|| lit(false))))
    }

    fn compare(&mut self, comparison: Comparison, left: &Expr, right: &Expr) -> Planned<Typed> {
        let (l, r) = (self.expr(left)?, self.expr(right)?);
        for (side, other) in [(left, &r), (right, &l)] {
            let ExprKind::Text(text) = &side.kind else {
                continue;
            };
            if other.kind == ColumnKind::Time && super::value::parse_number(text).is_none() {
                let message = "a time is never equal to a readable date";
                let hint = "compare milliseconds: `toMillis(@timestamp) > 1709596800000`";
                self.warn(side.span, message, Some(hint));
            }
            self.check_word(text, side.span);
        }
        // Text that is no number compares as text, without a look at what it could be.
        if let ExprKind::Text(text) = &right.kind
            && comparison == Comparison::Equal
            && l.kind == ColumnKind::Text
            && super::value::parse_number(text).is_none()
        {
            return Ok(boolean(equals(l, text)));
        }
        Ok(call("compare", vec![l, r], ColumnKind::Bool, move |v| {
            Value::Bool(compare(comparison, &v[0], &v[1]))
        }))
    }

    fn check_word(&mut self, text: &str, span: Span) {
        if self.group.format.is_none() {
            return;
        }
        if let Some(hint) = advice::word_case(text) {
            let message = format!("flow logs have no value `{text}`");
            self.warn(span, &message, Some(&hint));
        }
    }

    fn arithmetic(
        &mut self,
        expr: &Expr,
        first: &Expr,
        rest: &[(Arithmetic, Expr)],
    ) -> Planned<Typed> {
        if let Some(name) = dashed(first, rest)
            && self
                .find(name.split('-').next().unwrap_or_default())
                .is_none()
        {
            let known = self.event_names.iter().map(String::as_str);
            let meant = advice::field(&name, known, None);
            let hint = meant.unwrap_or_else(|| "names with `-` stand in backticks".to_owned());
            let message = format!("`{name}` is a subtraction, not a name");
            self.warn(expr.span, &message, Some(&hint));
            return Ok(Typed::null()); // as its first field is
        }
        let mut args = vec![self.expr(first)?];
        let mut steps = Vec::with_capacity(rest.len());
        for (operator, right) in rest {
            steps.push(match right.kind {
                ExprKind::Number(number) => (*operator, Operand::Constant(number)),
                _ => {
                    args.push(self.expr(right)?);
                    (*operator, Operand::Argument(args.len() - 1))
                }
            });
        }
        Ok(call("arithmetic", args, ColumnKind::Number, move |v| {
            Value::of_number(compute(v, &steps))
        }))
    }

    fn like(&mut self, value: &Expr, pattern: &Pattern, span: Span) -> Planned<Typed> {
        let typed = self.expr(value)?;
        match pattern.clone() {
            Pattern::Text(text) => {
                if let Some((message, hint)) = advice::like(&text, &value.to_string()) {
                    self.warn(span, &message, Some(&hint));
                }
                Ok(text_test("like", typed, move |value| value.contains(&text)))
            }
            Pattern::Regex(regex) => Ok(text_test("matches", typed, move |value| {
                regex.is_match(value)
            })),
        }
    }

    fn in_list(&mut self, value: &Expr, list: &[Expr]) -> Planned<Typed> {
        let mut elements = Vec::with_capacity(list.len());
        for element in list {
            elements.push(match &element.kind {
                ExprKind::Text(text) => {
                    self.check_word(text, element.span);
                    Value::Text(text.clone().into())
                }
                ExprKind::Number(number) => Value::Number(*number),
                _ => {
                    let message = "a list holds strings and numbers only";
                    return Err(self.malformed(element.span, message, None));
                }
            });
        }
        let value = self.expr(value)?;
        Ok(call("in", vec![value], ColumnKind::Bool, move |v| {
            let equal = |element: &Value<'_>| compare(Comparison::Equal, &v[0], element);
            Value::Bool(elements.iter().any(equal))
        }))
    }

    fn call(&mut self, name: &str, args: &[Expr], span: Span) -> Planned<Typed> {
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
        let args = args
            .iter()
            .map(|arg| self.expr(arg))
            .collect::<Planned<Vec<_>>>()?;
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
        if NOT_HERE.contains(&name) {
            let what = format!("the function `{name}`");
            return QueryError::Unsupported {
                what,
                place: self.place(span),
                hint: None,
            };
        }
        if matches!(name, "isnull" | "isnotnull" | "ifnull" | "nvl") {
            let message = format!("`{name}` is not a function");
            let hint = "write `ispresent(x)`, `not ispresent(x)` or `coalesce(x, 0)`";
            return self.malformed(span, message, Some(hint));
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
        } = *self.options;
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
            "formatdate" => self.format_date(args, span),
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
        let regex = regex::RegexBuilder::new(pattern)
            .size_limit(4 << 20)
            .build();
        let regex: Regex =
            regex.map_err(|_| self.malformed(args[1].span, "the regex is malformed", None))?;
        let values = vec![self.expr(&args[0])?, self.expr(&args[2])?];
        Ok(call("regex_replace", values, ColumnKind::Text, move |v| {
            let replaced = v[0].text().zip(v[1].text());
            let replace = |(text, by): (_, std::borrow::Cow<'_, str>)| {
                let text: std::borrow::Cow<'_, str> = text;
                regex.replace_all(&text, &*by).into_owned()
            };
            Value::of_text(replaced.map(replace))
        }))
    }

    fn format_date(&mut self, args: &[Expr], span: Span) -> Planned<Typed> {
        self.check_count("formatDate", args, 2..=3, span)?;
        let format = self
            .constant(&args[1], "a format such as \"%H:%M\"")?
            .to_owned();
        if let Some(zone) = args.get(2)
            && !matches!(&zone.kind, ExprKind::Text(name) if name == "UTC" || name == "Z")
        {
            return Err(QueryError::Unsupported {
                what: "a time zone other than UTC".to_owned(),
                place: self.place(zone.span),
                hint: None,
            });
        }
        if format_time(0, &format).is_none() {
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
                Value::of_text(millis.and_then(|millis| format_time(millis, &format)))
            },
        ))
    }
}

fn boolean(expr: DfExpr) -> Typed {
    Typed::new(expr, ColumnKind::Bool)
}

fn balanced(mut level: Vec<DfExpr>, join: fn(DfExpr, DfExpr) -> DfExpr) -> Option<DfExpr> {
    while level.len() > 1 {
        let mut pairs = level.into_iter();
        let mut next = Vec::new();
        while let Some(left) = pairs.next() {
            next.push(match pairs.next() {
                Some(right) => join(left, right),
                None => left,
            });
        }
        level = next;
    }
    level.pop()
}

fn common_kind(args: &[Typed], first: usize, step: usize) -> ColumnKind {
    let last = args.len().saturating_sub(1);
    let default = (step > 1 && args.len() % 2 == 1).then_some(last);
    let values = (first..args.len()).step_by(step).chain(default);
    let mut kinds = values.map(|index| args[index].kind);
    let kind = kinds.next().unwrap_or(ColumnKind::Text);
    if kinds.all(|other| other == kind) {
        kind
    } else {
        ColumnKind::Text
    }
}

/// What stands right of an operator.
enum Operand {
    Constant(f64),
    /// The value at this place.
    Argument(usize),
}

/// The operators from left to right, beginning with the first value; `None` where a value is no
/// number or the result is without end, such as after a division by zero.
fn compute(values: &[Value<'_>], steps: &[(Arithmetic, Operand)]) -> Option<f64> {
    let mut left = values[0].number()?;
    for (operator, operand) in steps {
        let right = match operand {
            Operand::Constant(number) => *number,
            Operand::Argument(at) => values[*at].number()?,
        };
        left = match operator {
            Arithmetic::Add => left + right,
            Arithmetic::Subtract => left - right,
            Arithmetic::Multiply => left * right,
            Arithmetic::Divide => left / right,
            Arithmetic::Remainder => left % right,
            Arithmetic::Power => left.powf(right),
        };
        if !left.is_finite() {
            return None;
        }
    }
    Some(left)
}

/// `pkt-srcaddr` as it was perhaps meant, if it is only fields with `-` between them.
fn dashed(first: &Expr, rest: &[(Arithmetic, Expr)]) -> Option<String> {
    let name = |expr: &Expr| match &expr.kind {
        ExprKind::Field(name) => Some(name.clone()),
        _ => None,
    };
    let mut dashed = name(first)?;
    for (operator, right) in rest {
        if *operator != Arithmetic::Subtract {
            return None;
        }
        dashed = format!("{dashed}-{}", name(right)?);
    }
    Some(dashed)
}

/// A test of a text; false for a missing one.
fn text_test(
    name: &str,
    value: Typed,
    test: impl Fn(&str) -> bool + Send + Sync + 'static,
) -> Typed {
    call(name, vec![value], ColumnKind::Bool, move |v| {
        Value::Bool(v[0].text().is_some_and(|text| test(&text)))
    })
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

fn format_time(millis: i64, format: &str) -> Option<String> {
    let moment = Timestamp::from_millisecond(millis)
        .ok()?
        .to_zoned(TimeZone::UTC);
    BrokenDownTime::from(&moment).to_string(format).ok()
}

//! `SOURCE`, `join` and subqueries: where a query names log groups itself.
//!
//! `SOURCE logGroups(namePrefix: ["/vpc/"]) START=-3600s END=0s | stats count(*)`: the groups whose
//! names begin so, over the last hour.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use super::ast::{Command, Expr, ExprKind, Groups, Join, Moment, Query, Source, Span};
use super::parse::Parser;
use super::token::Kind;
use crate::QueryError;

type Parsed<T> = Result<T, QueryError>;

/// The most name prefixes and accounts in `logGroups(...)`.
const PREFIXES_MAX: usize = 5;
const ACCOUNTS_MAX: usize = 20;

impl Parser<'_> {
    /// `SOURCE ...`, up to the `|`.
    pub(super) fn source(&mut self) -> Parsed<Source> {
        let start = self.token.span.start;
        self.advance()?;
        let groups = match self.token.kind.clone() {
            Kind::Text(_) => Groups::Named(self.list(Self::group_name)?),
            Kind::Name { text, .. } => self.group_function(&text)?,
            _ => {
                let hint = Some("`SOURCE \"name\"` or `SOURCE logGroups(namePrefix: [\"/vpc/\"])`");
                return Err(self.unexpected("the name of a log group", hint));
            }
        };
        let (mut from, mut to) = (None, None);
        loop {
            if self.at_word("start") {
                from = Some(self.moment()?);
            } else if self.at_word("end") {
                to = Some(self.moment()?);
            } else {
                break;
            }
        }
        let span = Span {
            start,
            end: self.last_end,
        };
        Ok(Source {
            groups,
            start: from,
            end: to,
            span,
        })
    }

    fn group_name(&mut self) -> Parsed<(String, Span)> {
        let span = self.token.span;
        let Kind::Text(name) = self.token.kind.clone() else {
            return Err(self.unexpected("the name of a log group in quotes", None));
        };
        self.advance()?;
        Ok((name, span))
    }

    fn group_function(&mut self, name: &str) -> Parsed<Groups> {
        let span = self.token.span;
        match name.to_lowercase().as_str() {
            "loggroups" => {}
            "loggrouptags" | "datasource" => {
                return Err(QueryError::Unsupported {
                    what: format!("`SOURCE {name}(...)`"),
                    place: self.place(span),
                    hint: Some("log groups have names only: `SOURCE logGroups(...)`".to_owned()),
                });
            }
            _ => {
                let hint = format!("write `SOURCE \"{name}\"` or `SOURCE logGroups(...)`");
                let message = "the name of a log group stands in quotes";
                return Err(self.lexer.malformed(span, message, Some(&hint)));
            }
        }
        self.advance()?;
        if !self.eat("(")? {
            return Err(self.unexpected("`(`", None));
        }
        let (mut prefixes, mut accounts, mut classes) = (Vec::new(), Vec::new(), Vec::new());
        while !self.eat(")")? {
            let span = self.token.span;
            let word = self.name()?;
            if !self.eat(":")? && !self.eat("=")? {
                return Err(self.unexpected("`:`", None));
            }
            let values = self.texts()?;
            match word.to_lowercase().as_str() {
                "nameprefix" | "nameprefixes" => prefixes = values,
                "accountidentifier" | "accountidentifiers" => accounts = values,
                "class" | "loggroupclass" => classes = values,
                _ => {
                    let message = format!("`logGroups` takes no `{word}`");
                    let hint = Some("it takes `namePrefix`, `accountIdentifier` and `class`");
                    return Err(self.lexer.malformed(span, message, hint));
                }
            }
            self.eat(",")?;
        }
        let most = |list: &[String], max: usize, what: &str| {
            let message = format!("`logGroups` takes at most {max} {what}");
            let more = list.len() > max;
            more.then(|| self.lexer.malformed(span, message, None))
        };
        if let Some(error) = most(&prefixes, PREFIXES_MAX, "name prefixes")
            .or_else(|| most(&accounts, ACCOUNTS_MAX, "accounts"))
        {
            return Err(error);
        }
        let is_standard = |class: &String| class.eq_ignore_ascii_case("standard");
        Ok(Groups::Matching {
            prefixes,
            accounts,
            standard: classes.is_empty() || classes.iter().any(is_standard),
        })
    }

    /// One string, or several in brackets.
    fn texts(&mut self) -> Parsed<Vec<String>> {
        if !self.eat("[")? {
            return self.group_name().map(|(text, _)| vec![text]);
        }
        let mut texts = Vec::new();
        while !self.eat("]")? {
            if !texts.is_empty() && !self.eat(",")? {
                return Err(self.unexpected("`,` or `]`", None));
            }
            texts.push(self.group_name()?.0);
        }
        Ok(texts)
    }

    /// What follows `START` or `END`.
    fn moment(&mut self) -> Parsed<Moment> {
        let (text, span) = self.lexer.raw_value()?;
        self.token.span = span;
        self.advance()?;
        moment(&text).ok_or_else(|| {
            let hint = Some("write `-3600s` for an hour ago, or `2024-03-05T00:00:00Z`");
            let message = format!("`{text}` is no time");
            self.lexer.malformed(span, message, hint)
        })
    }

    /// `join type=inner left=a right=b where a.x=b.y (SOURCE "other" | ...)`.
    pub(super) fn join(&mut self) -> Parsed<Command> {
        self.advance()?;
        let (mut kind, mut left, mut right) = (None, None, None);
        while !self.at_word("where") {
            let span = self.token.span;
            let Kind::Name { text: word, .. } = self.token.kind.clone() else {
                return Err(self.unexpected("`left=`, `right=` or `where`", Some(JOIN_FORM)));
            };
            self.advance()?;
            if !self.eat("=")? {
                return Err(self.unexpected("`=`", Some(JOIN_FORM)));
            }
            let value_span = self.token.span;
            let value = self.name()?;
            match word.to_lowercase().as_str() {
                "type" => kind = Some((value.to_lowercase(), value_span)),
                "left" => left = Some(value),
                "right" => right = Some(value),
                _ => {
                    let message = format!("`join` takes no `{word}`");
                    return Err(self.lexer.malformed(span, message, Some(JOIN_FORM)));
                }
            }
        }
        let keeps_left = match &kind {
            None => false,
            Some((word, _)) if word == "inner" => false,
            Some((word, _)) if word == "left" => true,
            Some((word, span)) => {
                let message = format!("there is no join of type `{word}`");
                let hint = Some("the types are `inner` and `left`");
                return Err(self.lexer.malformed(*span, message, hint));
            }
        };
        let (Some(left), Some(right)) = (left, right) else {
            return Err(self.unexpected("`left=` and `right=` before `where`", Some(JOIN_FORM)));
        };
        if left == right {
            let message = "both sides of the join have the same name";
            return Err(self
                .lexer
                .malformed(self.token.span, message, Some(JOIN_FORM)));
        }
        self.advance()?;
        let (left_key, right_key) = self.join_keys(&left, &right)?;
        if !self.eat("(")? {
            return Err(self.unexpected("`(SOURCE ...)`", Some(JOIN_FORM)));
        }
        let query = self.subquery()?;
        Ok(Command::Join(Box::new(Join {
            keeps_left,
            left,
            right,
            left_key,
            right_key,
            query,
        })))
    }

    /// `a.x = b.y`, in either order.
    fn join_keys(&mut self, left: &str, right: &str) -> Parsed<(Expr, Expr)> {
        let first = self.join_key(left, right)?;
        if !self.eat("=")? && !self.eat("==")? {
            return Err(self.unexpected("`=`", Some(JOIN_FORM)));
        }
        let second = self.join_key(left, right)?;
        match (first.0, second.0) {
            (true, false) => Ok((first.1, second.1)),
            (false, true) => Ok((second.1, first.1)),
            _ => {
                let message = format!("one field is of `{left}`, the other of `{right}`");
                let span = first.1.span.to(second.1.span);
                Err(self.lexer.malformed(span, message, Some(JOIN_FORM)))
            }
        }
    }

    /// A field with the name of its side; whether that is the left one.
    fn join_key(&mut self, left: &str, right: &str) -> Parsed<(bool, Expr)> {
        let span = self.token.span;
        let name = self.name()?;
        let of = |side: &str| Some(name.strip_prefix(side)?.strip_prefix('.')?.to_owned());
        let found = of(left).map(|field| (true, field));
        let Some((is_left, field)) = found.or_else(|| of(right).map(|field| (false, field))) else {
            let message = format!("`{name}` belongs to neither side");
            let field = name
                .split_once('.')
                .map_or(name.as_str(), |(_, field)| field);
            let hint = format!("write `{left}.{field}` or `{right}.{field}`");
            return Err(self.lexer.malformed(span, message, Some(&hint)));
        };
        let kind = ExprKind::Field(field);
        Ok((is_left, Expr { kind, span }))
    }

    /// `SOURCE ... | ...)`, after the `(`.
    pub(super) fn subquery(&mut self) -> Parsed<Query> {
        let span = self.token.span;
        if self.inner {
            let message = "a subquery cannot stand inside another one";
            return Err(self.lexer.malformed(span, message, None));
        }
        if !self.at_word("source") {
            let hint = self.list_in_parentheses();
            return Err(self.unexpected("`SOURCE`", Some(&hint)));
        }
        self.inner = true;
        let query = self.commands()?;
        self.inner = false;
        if !self.eat(")")? {
            let hint = self.after_condition();
            return Err(self.unexpected("`|` or `)`", hint.as_deref()));
        }
        Ok(query)
    }

    /// What was meant by parentheses in which no subquery is.
    fn list_in_parentheses(&self) -> String {
        if !matches!(self.token.kind, Kind::Text(_) | Kind::Number(_)) {
            return "a subquery names its log group: `(SOURCE \"name\" | fields srcAddr)`"
                .to_owned();
        }
        let rest = &self.lexer.query[self.token.span.start..];
        let elements = rest.split(')').next().unwrap_or_default().trim_end();
        match elements.len() <= LIST_SHOWN && !elements.contains(['[', '|', '\n', '`']) {
            true => format!("a list stands in brackets: `in [{elements}]`"),
            false => "a list stands in brackets: `in [\"ACCEPT\", \"REJECT\"]`".to_owned(),
        }
    }
}

/// Octets of a list that a hint writes anew.
const LIST_SHOWN: usize = 60;

const JOIN_FORM: &str =
    "`join type=left left=a right=b where a.srcAddr=b.address (SOURCE \"name\")`";

/// `-3600s`, seconds or milliseconds since the epoch, or a date and time.
fn moment(text: &str) -> Option<Moment> {
    let digits = text.trim_start_matches(['-', '+']);
    if let Some(end) = digits.find(|c: char| !c.is_ascii_digit()) {
        let seconds = match &digits[end..] {
            "s" => 1,
            "m" => 60,
            "h" => 3600,
            "d" => 86_400,
            "w" => 604_800,
            _ => return date(text),
        };
        let amount: i64 = text.strip_suffix(|_: char| true)?.parse().ok()?;
        return amount.checked_mul(seconds).map(Moment::Relative);
    }
    let number: i64 = text.parse().ok()?;
    let millis = if number.abs() < 100_000_000_000 {
        number * 1000
    } else {
        number
    };
    Some(Moment::Absolute(millis))
}

/// ISO 8601; without a zone, UTC.
fn date(text: &str) -> Option<Moment> {
    let moment = text.parse::<Timestamp>().ok().or_else(|| {
        let local: DateTime = text.parse().ok()?;
        Some(local.to_zoned(TimeZone::UTC).ok()?.timestamp())
    })?;
    Some(Moment::Absolute(moment.as_millisecond()))
}

//! Expressions to DataFusion's.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use datafusion::common::ScalarValue;
use datafusion::logical_expr::{Expr as DfExpr, and, lit, not, or};

use super::ast::{Arithmetic, Comparison, Expr, ExprKind, Pattern, Query, Span};
use super::plan::{Planner, Slot, column};
use super::row::{Typed, call, equals, truth};
use super::source::is_whole;
use super::value::{Value, compare, equality_key};
use super::{advice, json};
use crate::{ColumnKind, QueryError};

type Planned<T> = Result<T, QueryError>;

/// A list of so few is compared one by one.
const FEW: usize = 8;

impl Planner<'_> {
    /// An expression over the columns in scope.
    pub(super) fn expr(&mut self, expr: &Expr) -> Planned<Typed> {
        match &expr.kind {
            ExprKind::Field(name) => return self.field(name, expr.span),
            ExprKind::Access { of, path } => return self.access(of, path, expr.span),
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
            ExprKind::InQuery { value, query } => self.in_query(value, query),
            ExprKind::Call { name, args } => self.call(name, args, expr.span),
            _ => Err(QueryError::Internal(
                "an expression without a plan".to_owned(),
            )),
        }
    }

    fn field(&mut self, name: &str, span: Span) -> Planned<Typed> {
        let named = self.slots.iter().rposition(|slot| slot.key == name);
        // `j.status` of a map `j` comes before a field of that name that events might have had.
        if let Some((at, path)) = self.in_structure(name)
            && named.is_none_or(|named| named < at)
        {
            return Ok(access(column(&self.slots[at]), path));
        }
        if let Some(at) = named {
            return Ok(column(&self.slots[at]));
        }
        if let Some(slot) = self.written(name) {
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

    /// Where in scope the map or list is with whose name the path begins; the rest of the path.
    fn in_structure(&self, name: &str) -> Option<(usize, String)> {
        let mut dots = name.rmatch_indices('.').map(|(at, _)| at);
        dots.find_map(|at| {
            let known = self.slots.iter().rposition(|slot| slot.key == name[..at])?;
            let is_structure = self.slots[known].kind == ColumnKind::Structure;
            is_structure.then(|| (known, name[at + 1..].to_owned()))
        })
    }

    /// `list[0]`; in fields of JSON events places are part of the name, as in `list.0`.
    fn access(&mut self, of: &Expr, path: &str, span: Span) -> Planned<Typed> {
        if let ExprKind::Field(name) = &of.kind {
            return self.field(&format!("{name}.{path}"), span);
        }
        // A column may bear the text of an expression.
        if let Some(slot) = self.find(&format!("{of}.{path}")) {
            return Ok(column(slot));
        }
        let typed = self.expr(of)?;
        if typed.kind != ColumnKind::Structure {
            let message = format!("`{of}` is neither map nor list");
            let hint = "maps and lists come from `jsonParse(...)` and `split(...)`";
            self.warn(span, &message, Some(hint));
            return Ok(Typed::null());
        }
        Ok(access(typed, path.to_owned()))
    }

    /// A missing field is no error, in AWS as here; but it is rarely meant.
    fn warn_missing(&mut self, name: &str, span: Span) {
        let known = self.slots.iter().map(|slot| &slot.key);
        let written = |key: &String| {
            let known = self.written.iter().find(|(_, known)| known == key);
            known.map_or(key, |(text, _)| text).clone()
        };
        let known: Vec<String> = known.filter(|key| !is_whole(key)).map(written).collect();
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
        let format = self.format;
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
            self.check_truth(side);
            let ExprKind::Text(text) = &side.kind else {
                continue;
            };
            if other.kind == ColumnKind::Time && super::value::parse_number(text).is_none() {
                let message = "a time is never equal to a readable date";
                let millis = advice::millis(text).unwrap_or(1_709_596_800_000);
                let hint = format!("compare milliseconds: `toMillis(@timestamp) > {millis}`");
                self.warn(side.span, message, Some(&hint));
            }
            self.check_word(text, side.span);
            let beside = if side.span == left.span { right } else { left };
            if let ExprKind::Field(name) = &beside.kind
                && self.format.is_some()
                && let Some((message, hint)) = advice::number_for(name, text)
            {
                self.warn(side.span, &message, Some(&hint));
            }
            let odd = advice::block(text, beside).or_else(|| advice::wildcard(text, beside));
            if let Some((message, hint)) = odd {
                self.warn(side.span, &message, Some(&hint));
            }
        }
        if let Some((span, hint)) = advice::seconds(left, right) {
            let message = "`now()` counts seconds, `@timestamp` milliseconds";
            self.warn(span, message, Some(&hint));
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

    /// About `true` as a value: events of JSON may have a field of that name, and rarely do.
    fn check_truth(&mut self, side: &Expr) {
        if let ExprKind::Field(name) = &side.kind
            && matches!(name.as_str(), "true" | "false")
            && self.format.is_none()
        {
            let message = format!("`{name}` is the name of a field");
            let hint = "booleans in JSON have the values 1 and 0";
            self.warn(side.span, &message, Some(hint));
        }
    }

    fn check_word(&mut self, text: &str, span: Span) {
        if self.format.is_none() {
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
        if let ExprKind::Field(missing) = &first.kind
            && let Some(name) = dashed(missing, rest)
            && self.find(missing).is_none()
            && self.in_structure(missing).is_none()
        {
            let known = self.event_names.iter().map(String::as_str);
            let meant = advice::field(&name, known, self.format);
            let hint = meant.unwrap_or_else(|| "names with `-` stand in backticks".to_owned());
            let message = format!("`{name}` is a subtraction, not a name");
            self.warn(expr.span, &message, Some(&hint));
            // Missing, as its first field is.
            let none = lit(ScalarValue::Float64(None));
            return Ok(Typed::new(none, ColumnKind::Number));
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
                    if let Some((message, hint)) = advice::block(text, value) {
                        self.warn(element.span, &message, Some(&hint));
                    }
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
        if elements.len() <= FEW {
            return Ok(call("in", vec![value], ColumnKind::Bool, move |v| {
                let equal = |element: &Value<'_>| compare(Comparison::Equal, &v[0], element);
                Value::Bool(elements.iter().any(equal))
            }));
        }
        let keys: HashSet<String> = elements.iter().filter_map(equality_key).collect();
        Ok(in_set(value, Arc::new(keys)))
    }

    fn in_query(&mut self, value: &Expr, query: &Query) -> Planned<Typed> {
        let Some(keys) = self.subqueries.get(&query.place()).cloned() else {
            return Err(QueryError::Internal("a subquery without values".to_owned()));
        };
        let value = self.expr(value)?;
        Ok(in_set(value, keys))
    }
}

/// Whether the value is equal to one of those that the keys stand for.
fn in_set(value: Typed, keys: Arc<HashSet<String>>) -> Typed {
    call("in", vec![value], ColumnKind::Bool, move |v| {
        Value::Bool(equality_key(&v[0]).is_some_and(|key| keys.contains(&key)))
    })
}

/// What lies at a path in a map or list.
fn access(of: Typed, path: String) -> Typed {
    call("access", vec![of], ColumnKind::Structure, move |v| {
        json::access(&v[0], &path)
    })
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

/// Whether an expression refers to one of the names.
pub(super) fn refers(expr: &Expr, names: &HashMap<String, Slot>) -> bool {
    let mut found = false;
    expr.walk(&mut |part| {
        found |= match &part.kind {
            // A name may begin with that of a map.
            ExprKind::Field(name) => {
                let mut dots = name.match_indices('.').map(|(at, _)| at);
                names.contains_key(name) || dots.any(|at| names.contains_key(&name[..at]))
            }
            ExprKind::Number(_) | ExprKind::Text(_) | ExprKind::Period(_) => false,
            _ => names.contains_key(&part.to_string()),
        };
    });
    found
}

/// `pkt-srcaddr` as it was perhaps meant, if it is only fields with `-` between them.
fn dashed(first: &str, rest: &[(Arithmetic, Expr)]) -> Option<String> {
    let mut dashed = first.to_owned();
    for (operator, right) in rest {
        match (operator, &right.kind) {
            (Arithmetic::Subtract, ExprKind::Field(name)) => dashed = format!("{dashed}-{name}"),
            _ => return None,
        }
    }
    Some(dashed)
}

/// A test of a text; false for a missing one.
pub(super) fn text_test(
    name: &str,
    value: Typed,
    test: impl Fn(&str) -> bool + Send + Sync + 'static,
) -> Typed {
    call(name, vec![value], ColumnKind::Bool, move |v| {
        Value::Bool(v[0].text().is_some_and(|text| test(&text)))
    })
}

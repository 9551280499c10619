//! Expressions: names become columns, every value gets a type of Trino's, and what the types do
//! not allow is refused at its place.

use datafusion::common::ScalarValue;
use datafusion::logical_expr::expr::{Case, Like};
use datafusion::logical_expr::{Expr as Plan, Operator, binary_expr, lit, not};

use super::advice::{on_protocol, on_types, value_named};
use super::ast::{Comparison, Expr, Kind};
use super::cast;
use super::error::{Checked, Fault};
use super::floats;
use super::functions::{Run, Udf, at_moment, moment_and_zone};
use super::literals::{decimal, integer, interval, literal, text};
use super::operators::{Typed, arithmetic};
use super::plan::Planner;
use super::scope::Scope;
use super::types::Type;
use super::value::Value;

/// Floats of IN that are compared one by one, since NaN is not equal to itself.
const FLOATS_MAX: usize = 100;

/// The code of most faults.
pub(super) const MISMATCH: &str = "TYPE_MISMATCH";

impl Comparison {
    fn operator(self) -> Operator {
        match self {
            Self::Equal => Operator::Eq,
            Self::NotEqual => Operator::NotEq,
            Self::Less => Operator::Lt,
            Self::LessEqual => Operator::LtEq,
            Self::Greater => Operator::Gt,
            Self::GreaterEqual => Operator::GtEq,
        }
    }

    pub(super) fn sign(self) -> &'static str {
        match self {
            Self::Equal => "=",
            Self::NotEqual => "<>",
            Self::Less => "<",
            Self::LessEqual => "<=",
            Self::Greater => ">",
            Self::GreaterEqual => ">=",
        }
    }
}

impl Planner<'_> {
    /// Any expression.
    pub(super) fn typed(&self, expr: &Expr, scope: &Scope<'_>) -> Checked<Typed> {
        let logical = matches!(*expr.kind, Kind::And(_) | Kind::Or(_) | Kind::Not(_));
        let query = matches!(
            *expr.kind,
            Kind::Exists(_) | Kind::InQuery(..) | Kind::Quantified(..)
        );
        let predicate = self.predicate.get();
        self.predicate.set(predicate && (logical || query));
        let typed = self.any(expr, scope);
        self.predicate.set(predicate);
        typed
    }

    /// The test of WHERE or HAVING.
    pub(super) fn filter(&self, expr: &Expr, scope: &Scope<'_>) -> Checked<Typed> {
        let before = (self.predicate.replace(true), self.denied.replace(false));
        let typed = self.typed(expr, scope);
        self.predicate.set(before.0);
        self.denied.set(before.1);
        typed
    }

    fn any(&self, expr: &Expr, scope: &Scope<'_>) -> Checked<Typed> {
        match &*expr.kind {
            Kind::Null => Ok(Typed::new(lit(ScalarValue::Null), Type::Unknown)),
            Kind::Bool(value) => Ok(Typed::new(lit(*value), Type::Boolean)),
            Kind::Text(value) => Ok(text(value)),
            Kind::Double(value) => Ok(Typed::new(lit(*value), Type::Double)),
            Kind::Integer(digits) => integer(digits, expr.at),
            Kind::Decimal(digits) => decimal(digits, expr.at),
            Kind::Typed(ty, text) => self.typed_literal(ty, text, expr.at),
            Kind::Interval {
                text,
                negative,
                unit,
                to,
            } => interval(text, *negative, unit, to.as_ref(), expr.at),
            Kind::Column(_) | Kind::Field(..) => self.name(expr, scope),
            Kind::And(terms) => self.junction(terms, scope, true),
            Kind::Or(terms) => self.junction(terms, scope, false),
            Kind::Compare(op, left, right) => {
                let (a, b) = (self.typed(left, scope)?, self.typed(right, scope)?);
                self.note_text(&a, right);
                self.note_text(&b, left);
                let compared = self.compare(*op, a, b, expr.at);
                compared.map_err(|fault| on_protocol(fault, &[left, right]))
            }
            Kind::Call(call) => self.call(call, expr, scope),
            Kind::Exists(_) | Kind::Subquery(_) | Kind::InQuery(..) | Kind::Quantified(..) => {
                self.subquery(expr, scope)
            }
            _ => self.operation(expr, scope),
        }
    }

    fn operation(&self, expr: &Expr, scope: &Scope<'_>) -> Checked<Typed> {
        match &*expr.kind {
            Kind::Negative(inner) => self.negative(inner, expr.at, scope),
            Kind::Not(inner) => {
                let before = self.denied.replace(true);
                let inner = self.boolean(inner, scope, "Value of logical NOT expression");
                self.denied.set(before);
                let inner = inner?;
                Ok(Typed::new(not(inner), Type::Boolean))
            }
            Kind::Arithmetic(first, rest) => self.arithmetic(first, rest, scope),
            Kind::Concat(first, rest) => self.joined(first, rest, scope),
            Kind::IsNull(inner) => {
                let inner = self.typed(inner, scope)?.expr;
                Ok(Typed::new(inner.is_null(), Type::Boolean))
            }
            Kind::Distinct(left, right) => self.distinct(left, right, expr.at, scope),
            Kind::Between(value, low, high) => self.between(value, low, high, expr.at, scope),
            Kind::InList(value, list) => self.in_list(value, list, scope),
            Kind::Like(value, pattern, escape) => self.like(value, pattern, escape.as_ref(), scope),
            Kind::Case {
                operand,
                branches,
                otherwise,
            } => self.case(operand.as_ref(), branches, otherwise.as_ref(), scope),
            Kind::Cast { value, to, safe } => self.cast(value, to, *safe, expr.at, scope),
            Kind::Try(inner) => {
                let inner = self.typed(inner, scope)?;
                self.try_of(inner, scope)
            }
            Kind::Extract(field, inner) => self.extract(field, inner, scope),
            Kind::AtTimeZone(inner, zone) => self.at_time_zone(inner, zone, expr.at, scope),
            Kind::Array(items) => self.array(items, scope),
            Kind::Row(items) => self.row(items, scope),
            Kind::Subscript(base, index) => self.subscript(base, index, expr.at, scope),
            Kind::Current(word) => self.current(word, expr.at),
            _ => Err(Fault::new(
                MISMATCH,
                expr.at,
                "a lambda is allowed as an argument of a function only",
            )),
        }
    }

    /// An expression that must be a truth value; `what` names it in the fault.
    pub(super) fn boolean(&self, expr: &Expr, scope: &Scope<'_>, what: &str) -> Checked<Plan> {
        let typed = self.typed(expr, scope)?;
        if !matches!(typed.ty, Type::Boolean | Type::Unknown) {
            let message = format!("{what} must evaluate to a boolean (actual: {})", typed.ty);
            return Err(Fault::new(MISMATCH, expr.at, message));
        }
        Ok(typed.cast(&Type::Boolean).expr)
    }

    pub(super) fn compare(
        &self,
        op: Comparison,
        left: Typed,
        right: Typed,
        at: usize,
    ) -> Checked<Typed> {
        let (a, b) = (&left.ty, &right.ty);
        let equality = matches!(op, Comparison::Equal | Comparison::NotEqual);
        let common = a.common(b).filter(|ty| equality || ty.is_orderable());
        let Some(common) = common.map(Type::compared) else {
            let fault = cannot_apply(&format!("{a} {} {b}", op.sign()), at);
            return Err(match on_types(a, b) {
                Some(hint) => fault.with_hint(hint),
                None => fault,
            });
        };
        let (left, right) = (left.cast(&common).expr, right.cast(&common).expr);
        let expr = match common {
            Type::Real | Type::Double => floats::compared(op, left, right),
            _ => binary_expr(left, op.operator(), right),
        };
        Ok(Typed::new(expr, Type::Boolean))
    }

    fn negative(&self, inner: &Expr, at: usize, scope: &Scope<'_>) -> Checked<Typed> {
        if let Kind::Integer(digits) = &*inner.kind {
            return integer(&format!("-{digits}"), at);
        }
        let inner = self.typed(inner, scope)?;
        let ty = inner.ty.clone();
        let zero = match &ty {
            ty if ty.is_integer() => return Ok(super::operators::negated(inner)),
            Type::Double | Type::Real => {
                // Not `0 - x`, which has no negative zero.
                return Ok(Typed::new(Plan::Negative(Box::new(inner.expr)), ty));
            }
            Type::Decimal(..) => literal(&Value::Decimal(0), &ty)?,
            Type::DayTime | Type::YearMonth => literal(&Value::Int(0), &ty)?,
            _ => {
                let message = format!("Cannot negate {ty}");
                return Err(Fault::new(MISMATCH, at, message));
            }
        };
        let negated = arithmetic(super::ast::Op::Subtract, zero, inner);
        Ok(negated
            .ok_or_else(|| cannot_apply(&format!("-{ty}"), at))?
            .cast(&ty))
    }

    fn distinct(&self, left: &Expr, right: &Expr, at: usize, scope: &Scope<'_>) -> Checked<Typed> {
        let (left, right) = (self.typed(left, scope)?, self.typed(right, scope)?);
        let common = left.ty.common(&right.ty).ok_or_else(|| {
            cannot_apply(&format!("{} IS DISTINCT FROM {}", left.ty, right.ty), at)
        })?;
        let common = common.compared();
        let (left, right) = (left.cast(&common).expr, right.cast(&common).expr);
        let expr = binary_expr(left, Operator::IsDistinctFrom, right);
        Ok(Typed::new(expr, Type::Boolean))
    }

    fn between(
        &self,
        value: &Expr,
        low: &Expr,
        high: &Expr,
        at: usize,
        scope: &Scope<'_>,
    ) -> Checked<Typed> {
        let value = self.typed(value, scope)?;
        let (low, high) = (self.typed(low, scope)?, self.typed(high, scope)?);
        let common = value.ty.common(&low.ty).and_then(|ty| ty.common(&high.ty));
        let Some(common) = common.filter(Type::is_orderable) else {
            let message = format!(
                "Cannot check if {} is BETWEEN {} and {}",
                value.ty, low.ty, high.ty
            );
            let fault = Fault::new(MISMATCH, at, message);
            let hint = on_types(&value.ty, &low.ty).or_else(|| on_types(&value.ty, &high.ty));
            return Err(match hint {
                Some(hint) => fault.with_hint(hint),
                None => fault,
            });
        };
        let value = value.cast(&common.compared());
        let low = self.compare(Comparison::GreaterEqual, value.clone(), low, at)?;
        let high = self.compare(Comparison::LessEqual, value, high, at)?;
        Ok(Typed::new(low.expr.and(high.expr), Type::Boolean))
    }

    /// All of one type, or the fault that says which is not.
    pub(super) fn unified(
        &self,
        all: Vec<(Typed, usize)>,
        what: &str,
    ) -> Checked<(Vec<Plan>, Type)> {
        let mut common = Type::Unknown;
        for (typed, at) in &all {
            common = common.common(&typed.ty).ok_or_else(|| {
                let mut types: Vec<String> = Vec::new();
                for (typed, _) in &all {
                    let name = typed.ty.to_string();
                    if !types.contains(&name) {
                        types.push(name);
                    }
                }
                let (ty, types) = (&typed.ty, types.join(", "));
                let fault = Fault::new(MISMATCH, *at, format!("{what} must be the same type or coercible to a common type. Cannot find common type between {common} and {ty}, all types (without duplicates): [{types}]"));
                match on_types(&common, ty) {
                    Some(hint) => fault.with_hint(hint),
                    None => fault,
                }
            })?;
        }
        let plans = all.into_iter().map(|(typed, _)| typed.cast(&common).expr);
        Ok((plans.collect(), common.clone()))
    }

    fn in_list(&self, value: &Expr, list: &[Expr], scope: &Scope<'_>) -> Checked<Typed> {
        let mut all = vec![(self.typed(value, scope)?, value.at)];
        for item in list {
            self.note_text(&all[0].0, item);
            all.push((self.typed(item, scope)?, item.at));
        }
        let unified = self.unified(all, "IN value and list items");
        let (plans, common) =
            unified.map_err(|fault| on_protocol(fault, &list.iter().collect::<Vec<_>>()))?;
        let compared = common.clone().compared();
        let plans = plans.into_iter();
        let mut plans: Vec<Plan> = plans
            .map(|plan| cast::to(plan, &common, &compared))
            .collect();
        let value = plans.remove(0);
        if matches!(compared, Type::Real | Type::Double) && plans.len() <= FLOATS_MAX {
            let equal = |item| floats::compared(Comparison::Equal, value.clone(), item);
            let any = plans.into_iter().map(equal).reduce(Plan::or);
            return Ok(Typed::new(any.unwrap_or_else(|| lit(false)), Type::Boolean));
        }
        Ok(Typed::new(super::set::among(value, plans), Type::Boolean))
    }

    fn like(
        &self,
        value: &Expr,
        pattern: &Expr,
        escape: Option<&Expr>,
        scope: &Scope<'_>,
    ) -> Checked<Typed> {
        let escape = match escape.map(|escape| (&*escape.kind, escape.at)) {
            None => None,
            Some((Kind::Text(text), _)) if text.chars().count() == 1 => text.chars().next(),
            Some((_, at)) => {
                let message = "Escape string must be a single character";
                return Err(Fault::new("INVALID_FUNCTION_ARGUMENT", at, message));
            }
        };
        let side = |typed: &Typed, side: &str, at: usize| {
            let fits = typed.ty.is_text() || typed.ty == Type::Unknown;
            let message = || {
                let ty = &typed.ty;
                format!("{side} of LIKE expression must evaluate to a varchar (actual: {ty})")
            };
            fits.then_some(())
                .ok_or_else(|| Fault::new(MISMATCH, at, message()))
        };
        let left = self.typed(value, scope)?;
        side(&left, "Left side", value.at)?;
        let right = self.typed(pattern, scope)?;
        side(&right, "Pattern", pattern.at)?;
        let Kind::Text(pattern) = &*pattern.kind else {
            return Ok(super::call::like(left, right));
        };
        let pattern = lit(ScalarValue::Utf8View(Some(escaped(pattern, escape))));
        let like = Like::new(
            false,
            Box::new(left.cast(&Type::TEXT).expr),
            Box::new(pattern),
            None,
            false,
        );
        Ok(Typed::new(Plan::Like(like), Type::Boolean))
    }

    fn case(
        &self,
        operand: Option<&Expr>,
        branches: &[(Expr, Expr)],
        otherwise: Option<&Expr>,
        scope: &Scope<'_>,
    ) -> Checked<Typed> {
        let operand = operand
            .map(|operand| self.typed(operand, scope))
            .transpose()?;
        let (mut tests, mut values) = (Vec::new(), Vec::new());
        for (when, then) in branches {
            tests.push(match &operand {
                None => self.boolean(when, scope, "CASE WHEN clause")?,
                Some(operand) => {
                    let when_value = self.typed(when, scope)?;
                    let equal = Comparison::Equal;
                    self.compare(equal, operand.clone(), when_value, when.at)?
                        .expr
                }
            });
            values.push((self.typed(then, scope)?, then.at));
        }
        if let Some(otherwise) = otherwise {
            values.push((self.typed(otherwise, scope)?, otherwise.at));
        }
        self.choice(tests, values)
    }

    /// CASE of tests and their values; one more value is the default.
    pub(super) fn choice(&self, tests: Vec<Plan>, values: Vec<(Typed, usize)>) -> Checked<Typed> {
        let (mut plans, ty) = self.unified(values, "All CASE results")?;
        let otherwise = (plans.len() > tests.len()).then(|| plans.pop()).flatten();
        let branches = tests.into_iter().zip(plans);
        let branches = branches.map(|(test, value)| (Box::new(test), Box::new(value)));
        let case = Case::new(None, branches.collect(), otherwise.map(Box::new));
        Ok(Typed::new(Plan::Case(case), ty))
    }

    fn cast(
        &self,
        value: &Expr,
        to: &str,
        safe: bool,
        at: usize,
        scope: &Scope<'_>,
    ) -> Checked<Typed> {
        let value = self.typed(value, scope)?;
        let digits = fraction_digits(to);
        let mut to = Type::parse(to, at)?;
        if to.has_zone() && (value.ty.has_zone() || value.ty.is_text()) {
            to = match value.ty.is_text() {
                true => Type::Zoned,
                false => value.ty.clone(),
            };
        }
        if !cast::is_allowed(&value.ty, &to) {
            let message = format!("Cannot cast {} to {to}", value.ty);
            return Err(Fault::new(MISMATCH, at, message));
        }
        let convert = if safe { cast::try_to } else { cast::to };
        let typed = Typed::new(convert(value.expr, &value.ty, &to), to);
        match digits {
            Some(digits) if digits < 3 => Ok(rounded(typed, digits)),
            _ => Ok(typed),
        }
    }

    fn typed_literal(&self, ty: &str, text: &str, at: usize) -> Checked<Typed> {
        if ty == "x" {
            let octets = super::functions::from_hex(&text.replace(' ', ""));
            let octets = octets.ok_or_else(|| {
                Fault::new(
                    "INVALID_LITERAL",
                    at,
                    format!("Invalid binary literal: X'{text}'"),
                )
            })?;
            return literal(&Value::Bytes(octets.into()), &Type::Varbinary);
        }
        let mut ty = Type::parse(ty, at)?;
        let wrong = |what: &str| {
            Fault::new(
                "INVALID_LITERAL",
                at,
                format!("'{text}' is not a valid {what} literal"),
            )
        };
        if ty == Type::Timestamp {
            let parsed = super::functions::parse_timestamp(text);
            let (_, zone) = parsed.ok_or_else(|| wrong("TIMESTAMP"))?;
            if let Some(zone) = zone {
                let zone = super::functions::zone_name(&zone);
                ty = Type::TimestampTz(zone.map_err(|_| wrong("TIMESTAMP"))?.into());
            }
        }
        if ty == Type::Decimal(38, 0) {
            return decimal(text, at);
        }
        if ty == Type::Json {
            let parsed = super::functions::parsed_json(text).ok_or_else(|| wrong("JSON"))?;
            return literal(&Value::str(parsed), &ty);
        }
        let name = ty.simple_name().to_uppercase();
        let value = cast::value(&Value::str(text), &Type::TEXT, &ty);
        literal(&value.map_err(|_| wrong(&name))?, &ty)
    }

    fn name(&self, expr: &Expr, scope: &Scope<'_>) -> Checked<Typed> {
        let Some(path) = path(expr) else {
            let Kind::Field(base, field) = &*expr.kind else {
                return Err(Fault::new("COLUMN_NOT_FOUND", expr.at, "no name"));
            };
            return self.field(base, field, scope);
        };
        if let Some(found) = scope.find(&path, expr.at)? {
            return Ok(found);
        }
        if let Kind::Field(base, field) = &*expr.kind
            && self
                .name(base, scope)
                .is_ok_and(|base| matches!(base.ty, Type::Row(_)))
        {
            return self.field(base, field, scope);
        }
        let message = format!(
            "Column '{}' cannot be resolved or requester is not authorized to access requested resources",
            path.join(".")
        );
        let fault = Fault::new("COLUMN_NOT_FOUND", expr.at, message);
        let wanted = path.last().map(String::as_str).unwrap_or_default();
        Err(match not_found_advice(self.text, expr, wanted, scope) {
            Some(hint) => fault.with_hint(hint),
            None => fault,
        })
    }
}

/// What a name that is none may have meant.
fn not_found_advice(text: &str, expr: &Expr, wanted: &str, scope: &Scope<'_>) -> Option<String> {
    if wanted.starts_with('$') {
        let hidden = scope.names().filter(|name| name.starts_with('$'));
        let hidden: Vec<String> = hidden.map(|name| format!("\"{name}\"")).collect();
        let some = !hidden.is_empty();
        return some.then(|| format!("of hidden columns there are {}", hidden.join(", ")));
    }
    if text[expr.start..].starts_with('"')
        && !wanted.chars().all(|c| c.is_alphanumeric() || c == '_')
    {
        return Some("double quotes hold names; a text stands in single quotes".to_owned());
    }
    if let Some(value) = value_named(wanted).filter(|_| !text[expr.start..].starts_with('"')) {
        return Some(format!("a text stands in single quotes: '{value}'"));
    }
    let scored = scope
        .names()
        .map(|name| (strsim::jaro_winkler(name, wanted), name));
    let best = scored.max_by(|a, b| a.0.total_cmp(&b.0));
    let near = best.filter(|(score, _)| *score > 0.8).map(|(_, name)| name);
    match near {
        Some(name) if name.starts_with('$') => Some(format!("did you mean \"{name}\"?")),
        Some(name) => Some(format!("did you mean {name}?")),
        None if text[expr.start..].starts_with('"') => {
            Some("double quotes hold names; a text stands in single quotes".to_owned())
        }
        None => None,
    }
}

/// The digits of seconds that `timestamp(p)` or `time(p)` says.
fn fraction_digits(ty: &str) -> Option<u32> {
    let ty = ty.trim().to_lowercase();
    let rest = ty
        .strip_prefix("timestamp")
        .or_else(|| ty.strip_prefix("time"))?;
    let (digits, _) = rest.trim_start().strip_prefix('(')?.split_once(')')?;
    digits.trim().parse().ok()
}

/// A moment or time of day to so many digits of a second, which is still printed with three.
fn rounded(typed: Typed, digits: u32) -> Typed {
    let run: Run = |given, v| {
        let (ty, at) = (&given.types[0], v[0].int());
        let unit = v[1].int();
        let (moment, _) = moment_and_zone(ty, at);
        let moment = (moment + unit / 2).div_euclid(unit) * unit;
        let of_day = if *ty == Type::Time {
            moment % 86_400_000
        } else {
            moment
        };
        at_moment(ty, at, of_day).map(Value::Int)
    };
    let (types, ty) = (vec![typed.ty.clone(), Type::BigInt], typed.ty);
    let udf = Udf::new("rounded", types, ty.clone(), run, false);
    let call = udf.call(vec![typed.expr, lit(10_i64.pow(3 - digits))]);
    Typed::new(cast::folded(call), ty)
}

/// The names of `a.b.c`, as names compare.
pub(super) fn path(expr: &Expr) -> Option<Vec<String>> {
    match &*expr.kind {
        Kind::Column(name) => Some(vec![name.key()]),
        Kind::Field(base, name) => {
            let mut path = path(base)?;
            path.push(name.key());
            Some(path)
        }
        _ => None,
    }
}

pub(super) fn cannot_apply(what: &str, at: usize) -> Fault {
    Fault::new(MISMATCH, at, format!("Cannot apply operator: {what}"))
}

/// A LIKE pattern with the escapes of Arrow's kernel, which has `\` always.
fn escaped(pattern: &str, escape: Option<char>) -> String {
    let mut text = String::new();
    let mut chars = pattern.chars();
    while let Some(c) = chars.next() {
        if Some(c) == escape {
            if let Some(next) = chars.next() {
                text.push('\\');
                text.push(next);
            }
        } else if c == '\\' {
            text.push_str("\\\\");
        } else {
            text.push(c);
        }
    }
    text
}

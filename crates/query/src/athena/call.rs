//! Calls: the special forms, scalar functions with their overloads and lambdas, and what stands on
//! functions without looking like one (`||`, `[…]`, EXTRACT, AT TIME ZONE).

use std::cell::RefCell;

use datafusion::logical_expr::{Expr as Plan, lit};

use super::advice::habit;
use super::ast::{Call, Comparison, Expr, Kind};
use super::cast;
use super::cursor::Name;
use super::error::{Checked, Fault};
use super::expr::{MISMATCH, cannot_apply};
use super::functions::{
    self, Argument, Body, Given, Resolved, Udf, listed, printed_zone, resolve, zone_name,
};
use super::literals::literal;
use super::operators::Typed;
use super::plan::Planner;
use super::scope::Scope;
use super::types::Type;
use super::value::Value;

const NOT_FOUND: &str = "FUNCTION_NOT_FOUND";

impl Planner<'_> {
    pub(super) fn call(&self, call: &Call, expr: &Expr, scope: &Scope<'_>) -> Checked<Typed> {
        let name = call.name.key();
        if call.over.is_some() {
            return self.window_call(&name, call, expr, scope);
        }
        if super::aggregates::NAMES.contains(&name.as_str()) {
            return self.aggregate_call(&name, call, expr, scope);
        }
        if call.star || call.distinct || call.filter.is_some() || !call.order.is_empty() {
            let message = format!(
                "DISTINCT, FILTER and ORDER BY are for aggregate functions; '{name}' is none"
            );
            return Err(Fault::new("FUNCTION_NOT_AGGREGATE", expr.at, message));
        }
        match self.special(&name, &call.args, expr, scope)? {
            Some(typed) => Ok(typed),
            None => self.scalar(&name, &call.args, expr.at, scope),
        }
    }

    /// Forms that are no functions of their arguments' values.
    fn special(
        &self,
        name: &str,
        args: &[Expr],
        expr: &Expr,
        scope: &Scope<'_>,
    ) -> Checked<Option<Typed>> {
        let at = expr.at;
        Ok(Some(match (name, args) {
            ("if", [test, values @ ..]) if (1..=2).contains(&values.len()) => {
                let test = self.boolean(test, scope, "IF condition")?;
                let values = self.all(values, scope)?;
                self.choice(vec![test], values)?
            }
            ("coalesce", [_, _, ..]) => {
                let (mut plans, ty) =
                    self.unified(self.all(args, scope)?, "All COALESCE operands")?;
                let last = plans.pop().unwrap_or_else(|| lit(true));
                let tests = plans
                    .iter()
                    .map(|plan| plan.clone().is_not_null())
                    .collect();
                plans.push(last);
                let values = plans
                    .into_iter()
                    .map(|plan| (Typed::new(plan, ty.clone()), at));
                self.choice(tests, values.collect())?
            }
            ("nullif", [first, second]) => {
                let (first, second) = (self.typed(first, scope)?, self.typed(second, scope)?);
                let same = self
                    .compare(Comparison::Equal, first.clone(), second, at)?
                    .expr;
                let null = Typed::new(lit(datafusion::common::ScalarValue::Null), Type::Unknown);
                self.choice(vec![same], vec![(null, at), (first, at)])?
            }
            ("typeof", [arg]) => {
                let name = self.typed(arg, scope)?.ty.to_string();
                literal(&Value::str(name), &Type::TEXT)?
            }
            ("now", []) => self.current("CURRENT_TIMESTAMP", at)?,
            ("current_timezone", []) => literal(&Value::str("UTC"), &Type::TEXT)?,
            ("from_unixtime", [seconds, zone]) => {
                let call =
                    self.scalar("from_unixtime", std::slice::from_ref(seconds), at, scope)?;
                self.in_zone(call, zone, scope)?
            }
            ("from_unixtime", [seconds, hours, minutes]) => {
                let call =
                    self.scalar("from_unixtime", std::slice::from_ref(seconds), at, scope)?;
                let zone = distance(hours, minutes).ok_or_else(|| {
                    let message = "the distance from UTC must be two literals here, at most 14 h";
                    Fault::new("NOT_SUPPORTED", hours.at, message)
                })?;
                call.cast(&Type::TimestampTz(zone.into()))
            }
            ("at_timezone", [moment, zone]) => {
                let moment = self.typed(moment, scope)?;
                self.in_zone(moment, zone, scope)?
            }
            ("with_timezone", [clock, zone]) if is_text(zone) => {
                let clock = self.typed(clock, scope)?;
                return self.with_zone(clock, zone);
            }
            ("rand" | "random", _) => self.random(args, scope)?,
            ("concat", [first, ..]) if args.len() > 1 => {
                let _ = first;
                let all = self.all(args, scope)?;
                self.concat(all.into_iter().map(|(typed, _)| typed).collect(), at)?
            }
            _ => return Ok(None),
        }))
    }

    fn all(&self, args: &[Expr], scope: &Scope<'_>) -> Checked<Vec<(Typed, usize)>> {
        let typed = args.iter().map(|arg| Ok((self.typed(arg, scope)?, arg.at)));
        typed.collect()
    }

    /// A number from 0 to 1, or below a bound: the same in every run.
    fn random(&self, args: &[Expr], scope: &Scope<'_>) -> Checked<Typed> {
        let unit = random_unit();
        match args {
            [] => Ok(unit),
            [high] => {
                let high = self.typed(high, scope)?.cast(&Type::Double);
                let product = super::operators::arithmetic(super::ast::Op::Multiply, unit, high);
                let floor = functions::named("floor");
                let product =
                    product.ok_or_else(|| Fault::bare(MISMATCH, "random of no number"))?;
                let whole = self.apply_to(floor[0], vec![product], Type::Double);
                Ok(whole.cast(&Type::BigInt))
            }
            _ => Err(Fault::bare(
                NOT_FOUND,
                "Unexpected parameters for function random",
            )),
        }
    }

    fn apply_to(
        &self,
        function: &'static functions::Function,
        args: Vec<Typed>,
        ty: Type,
    ) -> Typed {
        let name = function.signature.split('(').next().unwrap_or_default();
        let (plans, types) = args.into_iter().map(|arg| (arg.expr, arg.ty)).unzip();
        let udf = Udf::new(name, types, ty.clone(), function.run, function.nulls);
        Typed::new(cast::folded(udf.call(plans)), ty)
    }

    /// A call of a function of the table.
    fn scalar(&self, name: &str, args: &[Expr], at: usize, scope: &Scope<'_>) -> Checked<Typed> {
        let overloads = functions::named(name);
        if overloads.is_empty() {
            let message = format!("Function '{name}' not registered");
            let fault = Fault::new(NOT_FOUND, at, message);
            return Err(
                match habit(name).or_else(|| {
                    functions::nearest(name).map(|near| format!("did you mean {near}?"))
                }) {
                    Some(hint) => fault.with_hint(hint),
                    None => fault,
                },
            );
        }
        let mut typed: Vec<Option<Typed>> = Vec::new();
        let mut arguments = Vec::new();
        for arg in args {
            if let Kind::Lambda(names, _) = &*arg.kind {
                arguments.push(Argument::Lambda(names.len()));
                typed.push(None);
            } else {
                let arg = self.typed(arg, scope)?;
                arguments.push(Argument::Value(arg.ty.clone()));
                typed.push(Some(arg));
            }
        }
        let bodies = RefCell::new(Vec::new());
        let mut lambda = |place: usize, types: &[Type]| -> Checked<Type> {
            let Kind::Lambda(names, body) = &*args[place].kind else {
                return Ok(Type::Unknown);
            };
            let body = self.lambda(names, body, types, scope)?;
            let ty = body.ty.clone();
            bodies.borrow_mut().push((place, body));
            Ok(ty)
        };
        let resolved = resolve(&overloads, &arguments, &mut lambda)?;
        let Some(resolved) = resolved else {
            return Err(unexpected(name, &arguments, &listed(&overloads), at));
        };
        self.apply(name, resolved, typed, bodies.into_inner())
    }

    fn apply(
        &self,
        name: &str,
        resolved: Resolved,
        typed: Vec<Option<Typed>>,
        bodies: Vec<(usize, Body)>,
    ) -> Checked<Typed> {
        let args = typed
            .into_iter()
            .zip(&resolved.args)
            .map(|(typed, to)| match typed {
                Some(typed) if !same_zone(&typed.ty, to) => typed.cast(to).expr,
                Some(typed) => typed.expr,
                None => lit(datafusion::common::ScalarValue::Null),
            });
        let args: Vec<Plan> = args.collect();
        // A state's type may only be known from the first of two lambdas.
        let mut last: Vec<(usize, Body)> = Vec::new();
        for (place, body) in bodies {
            last.retain(|(known, _)| *known != place);
            last.push((place, body));
        }
        let udf = Udf::new(
            name,
            resolved.args,
            resolved.returns.clone(),
            resolved.function.run,
            resolved.function.nulls,
        );
        let call = udf.with_lambdas(last).call(args);
        Ok(Typed::new(cast::folded(call), resolved.returns))
    }

    /// `first || value || value …`.
    pub(super) fn joined(
        &self,
        first: &Expr,
        rest: &[(usize, Expr)],
        scope: &Scope<'_>,
    ) -> Checked<Typed> {
        let mut args = vec![self.typed(first, scope)?];
        for (_, arg) in rest {
            args.push(self.typed(arg, scope)?);
        }
        let at = rest.last().map_or(first.at, |(at, _)| *at);
        let types: Vec<Type> = args.iter().map(|arg| arg.ty.clone()).collect();
        self.concat(args, at).map_err(|fault| {
            // Of the operators the first that does not go is at fault.
            let null =
                |ty: &Type| Typed::new(lit(datafusion::common::ScalarValue::Null), ty.clone());
            let mut left = null(&types[0]);
            for (ty, (at, _)) in types[1..].iter().zip(rest) {
                match self.concat(vec![left, null(ty)], *at) {
                    Ok(both) => left = null(&both.ty),
                    Err(fault) => return fault,
                }
            }
            fault
        })
    }

    /// `||` and `concat`: texts, arrays, or an array and an element.
    pub(super) fn concat(&self, args: Vec<Typed>, at: usize) -> Checked<Typed> {
        let arrays = args.iter().any(|arg| matches!(arg.ty, Type::Array(_)));
        let name = "concat";
        let overloads = functions::named(name);
        let args: Vec<Typed> = if arrays {
            let item = args
                .iter()
                .try_fold(Type::Unknown, |item, arg| match &arg.ty {
                    Type::Array(ty) => item.common(ty),
                    ty => item.common(ty),
                });
            let item = item.ok_or_else(|| mixed(&args, at))?;
            let wrap = |arg: Typed| match arg.ty {
                Type::Array(_) => arg,
                _ => self.array_of(vec![arg.cast(&item)], &item),
            };
            args.into_iter().map(wrap).collect()
        } else {
            args
        };
        let arguments: Vec<Argument> = args
            .iter()
            .map(|arg| Argument::Value(arg.ty.clone()))
            .collect();
        let text = |arg: &Typed| arg.ty.is_text() || arg.ty == Type::Unknown;
        if !arrays && !args.iter().all(text) {
            return Err(mixed(&args, at));
        }
        let mut none = |_: usize, _: &[Type]| -> Checked<Type> { Ok(Type::Unknown) };
        let resolved = resolve(&overloads, &arguments, &mut none)?;
        let resolved = resolved.ok_or_else(|| mixed(&args, at))?;
        self.apply(
            name,
            resolved,
            args.into_iter().map(Some).collect(),
            Vec::new(),
        )
    }

    pub(super) fn extract(&self, field: &Name, inner: &Expr, scope: &Scope<'_>) -> Checked<Typed> {
        let name = field.key();
        let fields = [
            "year",
            "quarter",
            "month",
            "week",
            "day",
            "day_of_month",
            "day_of_week",
            "dow",
            "day_of_year",
            "doy",
            "year_of_week",
            "yow",
            "hour",
            "minute",
            "second",
            "timezone_hour",
        ];
        if !fields.contains(&name.as_str()) {
            let message = format!("Invalid EXTRACT field: {}", field.text);
            return Err(Fault::new(super::error::SYNTAX, field.at, message));
        }
        self.scalar(&name, std::slice::from_ref(inner), inner.at, scope)
    }

    pub(super) fn at_time_zone(
        &self,
        inner: &Expr,
        zone: &Expr,
        at: usize,
        scope: &Scope<'_>,
    ) -> Checked<Typed> {
        let inner = self.typed(inner, scope)?;
        if inner.ty != Type::Timestamp && !inner.ty.has_zone() {
            let message = format!(
                "Type of value must be a time or timestamp with or without time zone (actual {})",
                inner.ty
            );
            return Err(Fault::new(MISMATCH, at, message));
        }
        self.in_zone(inner, zone, scope)
    }

    /// The same moment, shown in another zone.
    fn in_zone(&self, moment: Typed, zone: &Expr, scope: &Scope<'_>) -> Checked<Typed> {
        let moment = match moment.ty.has_zone() {
            true => moment,
            false => moment.cast(&Type::utc()),
        };
        if is_text(zone) {
            return Ok(moment.cast(&Type::TimestampTz(self.zone(zone)?.into())));
        }
        // Every row may name another.
        let name = self.typed(zone, scope)?;
        let arguments = [&moment, &name].map(|it| Argument::Value(it.ty.clone()));
        let mut none = |_: usize, _: &[Type]| -> Checked<Type> { Ok(Type::Unknown) };
        let overloads = functions::named("at_timezone");
        let resolved = resolve(&overloads, &arguments, &mut none)?;
        let unfit = || unexpected("at_timezone", &arguments, &listed(&overloads), zone.at);
        let resolved = resolved.ok_or_else(unfit)?;
        self.apply(
            "at_timezone",
            resolved,
            vec![Some(moment), Some(name)],
            Vec::new(),
        )
    }

    /// The moment at which the clock of a zone shows that; `None` if it is no clock without a zone.
    fn with_zone(&self, clock: Typed, zone: &Expr) -> Checked<Option<Typed>> {
        if !matches!(clock.ty, Type::Date | Type::Timestamp | Type::Unknown) {
            return Ok(None);
        }
        let zone = Type::TimestampTz(self.zone(zone)?.into());
        Ok(Some(clock.cast(&Type::Timestamp).cast(&zone)))
    }

    fn zone(&self, zone: &Expr) -> Checked<String> {
        let Kind::Text(name) = &*zone.kind else {
            let message = "a time zone must be a literal here";
            return Err(Fault::new("NOT_SUPPORTED", zone.at, message));
        };
        zone_name(name).map_err(|fault| {
            Fault::new(fault.code, zone.at, fault.message).with_hint(
                "a time zone is a distance such as '+01:00' or a name such as 'America/New_York'",
            )
        })
    }

    pub(super) fn array(&self, items: &[Expr], scope: &Scope<'_>) -> Checked<Typed> {
        let (plans, ty) = self.unified(self.all(items, scope)?, "All ARRAY elements")?;
        let items = plans.into_iter().map(|plan| Typed::new(plan, ty.clone()));
        Ok(self.array_of(items.collect(), &ty))
    }

    fn array_of(&self, items: Vec<Typed>, item: &Type) -> Typed {
        let ty = Type::array(item.clone());
        if items.is_empty() {
            return literal(&Value::List(Vec::new()), &ty)
                .unwrap_or_else(|_| Typed::new(lit(false), Type::Unknown));
        }
        let run: functions::Run = |_, v| Ok(Value::List(v.to_vec()));
        let types = vec![item.clone(); items.len()];
        let udf = Udf::new("array", types, ty.clone(), run, true);
        let plans = items.into_iter().map(|item| item.expr).collect();
        Typed::new(cast::folded(udf.call(plans)), ty)
    }

    pub(super) fn row(&self, items: &[Expr], scope: &Scope<'_>) -> Checked<Typed> {
        let items = self.all(items, scope)?;
        let types: Vec<Type> = items.iter().map(|(item, _)| item.ty.clone()).collect();
        let ty = Type::Row(types.iter().map(|ty| (None, ty.clone())).collect());
        let run: functions::Run = |_, v| Ok(Value::List(v.to_vec()));
        let udf = Udf::new("row", types, ty.clone(), run, true);
        let plans = items.into_iter().map(|(item, _)| item.expr).collect();
        Ok(Typed::new(cast::folded(udf.call(plans)), ty))
    }

    pub(super) fn field(&self, base: &Expr, field: &Name, scope: &Scope<'_>) -> Checked<Typed> {
        let base = self.typed(base, scope)?;
        let Type::Row(fields) = &base.ty else {
            let message = format!("Expression is not of type ROW: {}", base.ty);
            return Err(Fault::new(MISMATCH, field.at, message));
        };
        let key = field.key();
        let place = fields
            .iter()
            .position(|(name, _)| name.as_deref() == Some(&key));
        let Some(place) = place else {
            let message = format!("Field '{}' not found in row", field.text);
            return Err(Fault::new("COLUMN_NOT_FOUND", field.at, message));
        };
        Ok(element(base.clone(), place, fields[place].1.clone()))
    }

    pub(super) fn subscript(
        &self,
        base: &Expr,
        index: &Expr,
        at: usize,
        scope: &Scope<'_>,
    ) -> Checked<Typed> {
        let base = self.typed(base, scope)?;
        if let (Type::Row(fields), Kind::Integer(digits)) = (&base.ty, &*index.kind) {
            let place = digits.parse::<usize>().ok().and_then(|n| n.checked_sub(1));
            let place = place.filter(|place| *place < fields.len());
            let place = place.ok_or_else(|| {
                let message = format!("ROW index out of bounds: {digits}");
                Fault::new("INVALID_FUNCTION_ARGUMENT", at, message)
            })?;
            let ty = fields[place].1.clone();
            return Ok(element(base, place, ty));
        }
        let index = self.typed(index, scope)?;
        let arguments = [
            Argument::Value(base.ty.clone()),
            Argument::Value(index.ty.clone()),
        ];
        let mut none = |_: usize, _: &[Type]| -> Checked<Type> { Ok(Type::Unknown) };
        let resolved = resolve(&functions::named("subscript"), &arguments, &mut none)?;
        let resolved =
            resolved.ok_or_else(|| cannot_apply(&format!("{}[{}]", base.ty, index.ty), at))?;
        self.apply(
            "subscript",
            resolved,
            vec![Some(base), Some(index)],
            Vec::new(),
        )
    }

    /// `CURRENT_DATE` and the like; all at the moment the options say.
    pub(super) fn current(&self, word: &str, at: usize) -> Checked<Typed> {
        let now = self.now;
        match word {
            "CURRENT_DATE" => literal(&Value::Int(now.div_euclid(86_400_000)), &Type::Date),
            "CURRENT_TIMESTAMP" => literal(&Value::Int(now), &Type::utc()),
            "LOCALTIME" => literal(&Value::Int(now.rem_euclid(86_400_000)), &Type::Time),
            "LOCALTIMESTAMP" => literal(&Value::Int(now), &Type::Timestamp),
            "CURRENT_SCHEMA" => literal(&Value::str(self.database.borrow().clone()), &Type::TEXT),
            "CURRENT_CATALOG" => literal(&Value::str("awsdatacatalog"), &Type::TEXT),
            _ => {
                let message = format!("{word} is not answered here");
                let fault = Fault::new("NOT_SUPPORTED", at, message);
                Err(match word {
                    "CURRENT_TIME" => fault.with_hint("localtime is the time of day in UTC"),
                    _ => fault,
                })
            }
        }
    }
}

/// A number from 0 to 1, of a sequence that is the same in every run.
pub(super) fn random_unit() -> Typed {
    use std::sync::atomic::{AtomicU64, Ordering};
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let run: functions::Run = |_, _| {
        // SplitMix64 over a counter.
        let mut z = NEXT
            .fetch_add(1, Ordering::Relaxed)
            .wrapping_mul(0x9E37_79B9_7F4A_7C15);
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^= z >> 31;
        Ok(Value::Float((z >> 11) as f64 / (1_u64 << 53) as f64))
    };
    let udf = Udf::new("random", Vec::new(), Type::Double, run, true).volatile();
    Typed::new(udf.call(Vec::new()), Type::Double)
}

fn is_text(expr: &Expr) -> bool {
    matches!(*expr.kind, Kind::Text(_))
}

/// LIKE with a pattern that is no literal.
pub(super) fn like(value: Typed, pattern: Typed) -> Typed {
    let run: functions::Run = |_, v| {
        let mut regex = String::from("(?s)^");
        for c in v[1].text().chars() {
            match c {
                '%' => regex.push_str(".*"),
                '_' => regex.push('.'),
                c => regex.push_str(&regex::escape(c.encode_utf8(&mut [0; 4]))),
            }
        }
        regex.push('$');
        Ok(Value::Bool(functions::regex(&regex)?.is_match(v[0].text())))
    };
    let types = vec![Type::TEXT, Type::TEXT];
    let args = vec![value.cast(&Type::TEXT).expr, pattern.cast(&Type::TEXT).expr];
    let udf = Udf::new("like", types, Type::Boolean, run, false);
    Typed::new(cast::folded(udf.call(args)), Type::Boolean)
}

/// The element of a row at a place.
pub(super) fn element(base: Typed, place: usize, ty: Type) -> Typed {
    let run: functions::Run = |_: &Given<'_>, v: &[Value<'_>]| {
        let place = usize::try_from(v[1].int()).unwrap_or(0);
        Ok(v[0].list().get(place).cloned().unwrap_or_default())
    };
    let udf = Udf::new(
        "field",
        vec![base.ty, Type::Integer],
        ty.clone(),
        run,
        false,
    );
    Typed::new(udf.call(vec![base.expr, lit(place as i32)]), ty)
}

/// The zone so many hours and minutes from UTC.
fn distance(hours: &Expr, minutes: &Expr) -> Option<String> {
    fn literal(expr: &Expr) -> Option<i64> {
        match &*expr.kind {
            Kind::Integer(digits) => digits.parse().ok(),
            Kind::Negative(inner) => literal(inner).map(|number| -number),
            _ => None,
        }
    }
    let (hours, minutes) = (literal(hours)?, literal(minutes)?);
    let within = (-14..=14).contains(&hours) && (-59..=59).contains(&minutes);
    within.then(|| printed_zone((hours * 60 + minutes) * 60_000))
}

fn same_zone(a: &Type, b: &Type) -> bool {
    a == b
}

fn mixed(args: &[Typed], at: usize) -> Fault {
    let types: Vec<String> = args.iter().map(|arg| arg.ty.to_string()).collect();
    let message = format!(
        "Unexpected parameters ({}) for function concat. Expected: concat(char(x), char(y)), concat(array(E), E) E, concat(E, array(E)) E, concat(array(E)) E, concat(varchar), concat(varbinary)",
        types.join(", ")
    );
    Fault::new(NOT_FOUND, at, message)
        .with_hint("CAST numbers to varchar before joining them to texts")
}

pub(super) fn unexpected(name: &str, arguments: &[Argument], expected: &str, at: usize) -> Fault {
    let types: Vec<String> = arguments
        .iter()
        .map(|argument| match argument {
            Argument::Value(ty) => ty.to_string(),
            Argument::Lambda(n) => format!("<function of {n}>"),
        })
        .collect();
    let message = format!(
        "Unexpected parameters ({}) for function {name}. Expected: {expected}",
        types.join(", ")
    );
    Fault::new(NOT_FOUND, at, message)
}

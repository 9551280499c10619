//! Aggregates and windows in expressions.
//!
//! While an expression is built they stay in it as they are. When the SELECT is finished, `Lift`
//! takes them out into the plan's own nodes and leaves columns behind; what then still reads a
//! column that is not grouped by is Trino's EXPRESSION_NOT_AGGREGATE.

use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{DFSchemaRef, ScalarValue, exec_datafusion_err};
use datafusion::logical_expr::expr::{
    AggregateFunction, Sort, WindowFunction, WindowFunctionParams,
};
use datafusion::logical_expr::{
    Case, Expr as Plan, WindowFrame, WindowFrameBound, WindowFrameUnits, WindowFunctionDefinition,
    lit,
};

use super::aggregates::{self, Aggregate};
use super::ast::{Bound, Call, Expr, Frame, FrameUnit, Kind, Order, Over, Window};
use super::call::unexpected;
use super::error::{Checked, Fault};
use super::expr::MISMATCH;
use super::functions::Argument;
use super::literals::literal;
use super::operators::Typed;
use super::plan::Planner;
use super::scope::{Clause, Scope, by_id};
use super::types::Type;
use super::value::Value;

/// Functions that stand only before OVER.
pub(super) const WINDOWS: &[&str] = &[
    "row_number",
    "rank",
    "dense_rank",
    "percent_rank",
    "cume_dist",
    "ntile",
    "lag",
    "lead",
    "first_value",
    "last_value",
    "nth_value",
];

impl Planner<'_> {
    /// A call of an aggregate function that is no window.
    pub(super) fn aggregate_call(
        &self,
        name: &str,
        call: &Call,
        expr: &Expr,
        scope: &Scope<'_>,
    ) -> Checked<Typed> {
        match scope.clause {
            Clause::Free | Clause::Window => {}
            Clause::Aggregate => {
                let text = &self.text[expr.start..expr.end];
                let message = format!("Cannot nest aggregations inside aggregation: [{text}]");
                return Err(Fault::new("NESTED_AGGREGATION", expr.at, message));
            }
            Clause::Scalar(clause) => return Err(self.not_scalar(clause, expr)),
        }
        if name == "grouping" {
            return self.grouping(call, scope);
        }
        let inner = scope.within(Clause::Aggregate);
        let (aggregate, args) = self.aggregate(name, call, expr, &inner)?;
        let filter = self.filter_of(call, &inner)?;
        let function = Plan::AggregateFunction(AggregateFunction::new_udf(
            aggregate.function,
            args,
            call.distinct,
            filter.map(Box::new),
            Vec::new(),
            None,
        ));
        self.know(&function, &aggregate.raw);
        Ok(Typed::new(function, aggregate.raw).cast(&aggregate.returns))
    }

    fn not_scalar(&self, clause: &str, expr: &Expr) -> Fault {
        let text = &self.text[expr.start..expr.end];
        let message = format!(
            "{clause} cannot contain aggregations, window functions or grouping operations: [{text}]"
        );
        let fault = Fault::new("EXPRESSION_NOT_SCALAR", expr.at, message);
        match clause {
            "WHERE clause" => fault.with_hint(
                "conditions on aggregates go into HAVING, on windows into an outer query",
            ),
            _ => fault,
        }
    }

    fn filter_of(&self, call: &Call, inner: &Scope<'_>) -> Checked<Option<Plan>> {
        let filter = call.filter.as_ref();
        filter
            .map(|filter| self.boolean(filter, inner, "FILTER expression"))
            .transpose()
    }

    /// The function and its arguments, the sort keys of its own ORDER BY behind them.
    fn aggregate(
        &self,
        name: &str,
        call: &Call,
        expr: &Expr,
        inner: &Scope<'_>,
    ) -> Checked<(Aggregate, Vec<Plan>)> {
        let mut args = Vec::new();
        for arg in &call.args {
            let arg = self.typed(arg, inner)?;
            // A moment counts once, in whatever zones it is shown.
            args.push(match (name, &arg.ty) {
                ("count" | "approx_distinct", Type::Zoned) => arg.cast(&Type::utc()),
                _ => arg,
            });
        }
        if name == "listagg" && args.len() == 1 {
            args.push(literal(&Value::str(""), &Type::TEXT)?);
        }
        let types: Vec<Type> = args.iter().map(|arg| arg.ty.clone()).collect();
        let Some(mut aggregate) = aggregates::resolve(name, &types) else {
            let arguments: Vec<Argument> = types.into_iter().map(Argument::Value).collect();
            let fault = unexpected(name, &arguments, &expected(name), expr.at);
            return Err(match name == "count" && call.distinct {
                true => fault.with_hint("count different rows of values: count(DISTINCT (a, b))"),
                false => fault,
            });
        };
        let mut plans: Vec<Plan> = args
            .into_iter()
            .zip(&aggregate.args)
            .map(|(arg, to)| arg.cast(to).expr)
            .collect();
        if call.star || plans.is_empty() {
            if name != "count" {
                return Err(unexpected(name, &[], &expected(name), expr.at));
            }
            plans = vec![lit(1_i64)];
        }
        if name == "count_if" {
            let test = plans.remove(0);
            let case = Case::new(None, vec![(Box::new(test), Box::new(lit(true)))], None);
            plans.push(Plan::Case(case));
        }
        if aggregate.sorts && !call.order.is_empty() {
            let mut keys = Vec::new();
            for order in &call.order {
                let key = self.typed(&order.expr, inner)?;
                keys.push((key.ty, order.descending, order.nulls_first));
                plans.push(key.expr);
            }
            aggregate.function = aggregates::sorting(&aggregate, &keys);
        }
        Ok((aggregate, plans))
    }

    fn grouping(&self, call: &Call, scope: &Scope<'_>) -> Checked<Typed> {
        let inner = scope.within(Clause::Aggregate);
        let args = call
            .args
            .iter()
            .map(|arg| Ok(self.typed(arg, &inner)?.expr));
        let function = Plan::AggregateFunction(AggregateFunction::new_udf(
            datafusion::functions_aggregate::grouping::grouping_udaf(),
            args.collect::<Checked<_>>()?,
            false,
            None,
            Vec::new(),
            None,
        ));
        self.know(&function, &Type::Integer);
        Ok(Typed::new(function, Type::Integer).cast(&Type::BigInt))
    }

    /// A call with OVER.
    pub(super) fn window_call(
        &self,
        name: &str,
        call: &Call,
        expr: &Expr,
        scope: &Scope<'_>,
    ) -> Checked<Typed> {
        match scope.clause {
            Clause::Free => {}
            Clause::Aggregate => {
                let message = "Cannot nest window functions inside aggregation";
                return Err(Fault::new("NESTED_WINDOW", expr.at, message));
            }
            Clause::Window => {
                let message = "Cannot nest window functions or row pattern measures inside \
                               window function arguments";
                return Err(Fault::new("NESTED_WINDOW", expr.at, message));
            }
            Clause::Scalar(clause) => return Err(self.not_scalar(clause, expr)),
        }
        let scope = &scope.within(Clause::Window);
        let window = self.over(call.over.as_ref(), scope)?;
        let (function, args, raw, returns) = self.window_function(name, call, expr, scope)?;
        let partition = window
            .partition
            .iter()
            .map(|key| Ok(self.typed(key, scope)?.expr));
        let partition_by = partition.collect::<Checked<Vec<_>>>()?;
        let order_by = self.sort_keys(&window.order, scope)?;
        let params = WindowFunctionParams {
            args,
            partition_by,
            window_frame: self.frame(window.frame.as_ref(), &window.order, scope)?,
            order_by,
            filter: self.filter_of(call, scope)?.map(Box::new),
            null_treatment: call
                .ignore_nulls
                .then_some(datafusion::logical_expr::expr::NullTreatment::IgnoreNulls),
            distinct: call.distinct,
        };
        let function = Plan::WindowFunction(Box::new(WindowFunction {
            fun: function,
            params,
        }));
        self.know(&function, &raw);
        Ok(Typed::new(function, raw).cast(&returns))
    }

    fn over(&self, over: Option<&Over>, scope: &Scope<'_>) -> Checked<Window> {
        let find = |name: &super::cursor::Name| {
            let found = scope
                .windows
                .iter()
                .find(|(known, _)| known.key() == name.key());
            found.map(|(_, window)| window.clone()).ok_or_else(|| {
                let message = format!("Cannot resolve WINDOW name {}", name.text);
                Fault::new("INVALID_WINDOW_REFERENCE", name.at, message)
            })
        };
        match over {
            Some(Over::Named(name)) => find(name),
            Some(Over::Window(window)) => {
                let mut window = window.clone();
                if let Some(base) = &window.base {
                    let base = find(base)?;
                    window.partition = base.partition;
                    if window.order.is_empty() {
                        window.order = base.order;
                    }
                }
                Ok(window)
            }
            None => Err(Fault::bare(super::error::INTERNAL, "a window without OVER")),
        }
    }

    fn sort_keys(&self, order: &[Order], scope: &Scope<'_>) -> Checked<Vec<Sort>> {
        let keys = order.iter().map(|key| {
            let typed = self.typed(&key.expr, scope)?;
            orderable(&typed, key.expr.at)?;
            Ok(Sort::new(typed.expr, !key.descending, key.nulls_first))
        });
        keys.collect()
    }

    /// Function, arguments, the type DataFusion gives and the type Trino has.
    fn window_function(
        &self,
        name: &str,
        call: &Call,
        expr: &Expr,
        scope: &Scope<'_>,
    ) -> Checked<(WindowFunctionDefinition, Vec<Plan>, Type, Type)> {
        use datafusion::functions_window as windows;
        if aggregates::NAMES.contains(&name) {
            let (aggregate, args) = self.aggregate(name, call, expr, scope)?;
            let function = WindowFunctionDefinition::AggregateUDF(aggregate.function);
            return Ok((function, args, aggregate.raw, aggregate.returns));
        }
        let args = call.args.iter().map(|arg| self.typed(arg, scope));
        let mut args = args.collect::<Checked<Vec<Typed>>>()?;
        let types: Vec<Type> = args.iter().map(|arg| arg.ty.clone()).collect();
        let arguments =
            || -> Vec<Argument> { types.iter().cloned().map(Argument::Value).collect() };
        let of_value = types.first().cloned().unwrap_or(Type::Unknown);
        let big = (Type::BigInt, Type::BigInt);
        let (udwf, (raw, returns)) = match (name, types.len()) {
            ("row_number", 0) => (windows::row_number::row_number_udwf(), big),
            ("rank", 0) => (windows::rank::rank_udwf(), big),
            ("dense_rank", 0) => (windows::rank::dense_rank_udwf(), big),
            ("percent_rank", 0) => (
                windows::rank::percent_rank_udwf(),
                (Type::Double, Type::Double),
            ),
            ("cume_dist", 0) => (
                windows::cume_dist::cume_dist_udwf(),
                (Type::Double, Type::Double),
            ),
            ("ntile", 1) => (windows::ntile::ntile_udwf(), big),
            ("lag", 1..=3) => (windows::lead_lag::lag_udwf(), (of_value.clone(), of_value)),
            ("lead", 1..=3) => (windows::lead_lag::lead_udwf(), (of_value.clone(), of_value)),
            ("first_value", 1) => (
                windows::nth_value::first_value_udwf(),
                (of_value.clone(), of_value),
            ),
            ("last_value", 1) => (
                windows::nth_value::last_value_udwf(),
                (of_value.clone(), of_value),
            ),
            ("nth_value", 2) => (
                windows::nth_value::nth_value_udwf(),
                (of_value.clone(), of_value),
            ),
            (name, _) if WINDOWS.contains(&name) => {
                return Err(unexpected(name, &arguments(), &expected(name), expr.at));
            }
            _ => {
                let message = format!("Function '{name}' not registered");
                return Err(Fault::new("FUNCTION_NOT_FOUND", expr.at, message));
            }
        };
        let counts = if name == "ntile" { 0 } else { 1 };
        if let Some(count) = args.get_mut(counts).filter(|count| count.ty.is_integer()) {
            *count = count.clone().cast(&Type::BigInt);
        }
        if let (3, Some(first)) = (args.len(), types.first()) {
            let default = args.remove(2);
            args.push(default.cast(first));
        }
        let plans = args.into_iter().map(|arg| arg.expr).collect();
        Ok((
            WindowFunctionDefinition::WindowUDF(udwf),
            plans,
            raw,
            returns,
        ))
    }

    fn frame(
        &self,
        frame: Option<&Frame>,
        order: &[Order],
        scope: &Scope<'_>,
    ) -> Checked<WindowFrame> {
        let Some(frame) = frame else {
            return Ok(WindowFrame::new((!order.is_empty()).then_some(false)));
        };
        let units = match frame.rows {
            FrameUnit::Rows => WindowFrameUnits::Rows,
            FrameUnit::Range => WindowFrameUnits::Range,
            FrameUnit::Groups => WindowFrameUnits::Groups,
        };
        let key = order
            .first()
            .map(|key| self.typed(&key.expr, scope))
            .transpose()?;
        let bound = |bound: &Bound| -> Checked<WindowFrameBound> {
            Ok(match bound {
                Bound::UnboundedPreceding => WindowFrameBound::Preceding(ScalarValue::UInt64(None)),
                Bound::UnboundedFollowing => WindowFrameBound::Following(ScalarValue::UInt64(None)),
                Bound::CurrentRow => WindowFrameBound::CurrentRow,
                Bound::Preceding(by) => {
                    WindowFrameBound::Preceding(self.distance(by, units, key.as_ref())?)
                }
                Bound::Following(by) => {
                    WindowFrameBound::Following(self.distance(by, units, key.as_ref())?)
                }
            })
        };
        Ok(WindowFrame::new_bounds(
            units,
            bound(&frame.start)?,
            bound(&frame.end)?,
        ))
    }

    fn distance(
        &self,
        by: &Expr,
        units: WindowFrameUnits,
        key: Option<&Typed>,
    ) -> Checked<ScalarValue> {
        let scope = Scope::new(&[], None, Clause::Scalar("Window frame"));
        let typed = self.typed(by, &scope)?;
        let wrong = || {
            let message = "Window frame offset must be a literal here";
            Fault::new("INVALID_WINDOW_FRAME", by.at, message)
        };
        if units != WindowFrameUnits::Range {
            return match typed.cast(&Type::BigInt).expr {
                Plan::Literal(ScalarValue::Int64(Some(n)), _) if n >= 0 => {
                    Ok(ScalarValue::UInt64(Some(n as u64)))
                }
                _ => Err(wrong()),
            };
        }
        let key = key.ok_or_else(wrong)?;
        let typed = match (&key.ty, &typed.ty) {
            (key, by) if key.is_number() && by.is_number() => typed.cast(key),
            _ => typed,
        };
        match typed.expr {
            Plan::Literal(ScalarValue::DurationMillisecond(Some(millis)), _) => {
                use datafusion::arrow::datatypes::IntervalMonthDayNano;
                let nanos = millis.checked_mul(1_000_000).ok_or_else(wrong)?;
                let interval = IntervalMonthDayNano::new(0, 0, nanos);
                Ok(ScalarValue::IntervalMonthDayNano(Some(interval)))
            }
            Plan::Literal(value, _) => Ok(value),
            _ => Err(wrong()),
        }
    }
}

/// The fault that values of a type have no order, if they have none.
pub(super) fn orderable(typed: &Typed, at: usize) -> Checked<()> {
    if typed.ty.is_orderable() {
        return Ok(());
    }
    let ty = &typed.ty;
    let message = format!("Type {ty} is not orderable, and therefore cannot be used in ORDER BY");
    Err(Fault::new(MISMATCH, at, message))
}

fn expected(name: &str) -> String {
    let forms = match name {
        "count" => "count(), count(T)",
        "sum" => {
            "sum(double), sum(real), sum(bigint), sum(interval day to second), sum(decimal(p,s))"
        }
        "avg" => "avg(double), avg(real), avg(bigint), avg(decimal(p,s))",
        "max_by" | "min_by" => "(V, K), (V, K, bigint)",
        "approx_percentile" => {
            "(bigint, double), (double, double), (bigint, array(double)), (double, array(double)), with a weight before the percentage"
        }
        "listagg" => "listagg(varchar, varchar)",
        "lag" | "lead" => "(T), (T, bigint), (T, bigint, T)",
        _ => return name.to_owned(),
    };
    if forms.starts_with('(') {
        format!("{name}{forms}")
    } else {
        forms.to_owned()
    }
}

/// Takes aggregates out of expressions.
pub(super) struct Lift {
    /// The columns of the rows that are grouped.
    pub(super) input: DFSchemaRef,
    /// What is grouped by, and its column in the plan.
    pub(super) groups: Vec<(Plan, String)>,
    pub(super) aggregates: Vec<(Plan, String)>,
}

impl Lift {
    /// The expression over groups. Fails with a bare `NOT_GROUPED` for anything else.
    pub(super) fn grouped(&mut self, expr: Plan, next: &mut dyn FnMut() -> String) -> Option<Plan> {
        let result = expr.transform_down(|part| {
            let jump = |id: &str| Transformed::new(by_id(id), true, TreeNodeRecursion::Jump);
            if let Some((_, id)) = self.groups.iter().find(|(group, _)| *group == part) {
                return Ok(jump(id));
            }
            let part = self.over_groups(part)?;
            match &part {
                Plan::AggregateFunction(_) => {
                    let known = self.aggregates.iter().find(|(known, _)| *known == part);
                    let id = known.map(|(_, id)| id.clone()).unwrap_or_else(&mut *next);
                    let column = jump(&id);
                    if !self.aggregates.iter().any(|(known, _)| *known == part) {
                        self.aggregates.push((part, id));
                    }
                    Ok(column)
                }
                Plan::Column(_) => Err(exec_datafusion_err!("not grouped")),
                _ => self.regrouped(part),
            }
        });
        result.ok().map(|result| result.data)
    }

    /// The arguments of `grouping` are groups, not columns of the input.
    fn over_groups(&self, mut part: Plan) -> datafusion::common::Result<Plan> {
        if let Plan::AggregateFunction(function) = &mut part
            && function.func.name() == "grouping"
        {
            for arg in &mut function.params.args {
                let group = self.groups.iter().find(|(group, _)| group == arg);
                let (_, id) = group.ok_or_else(|| exec_datafusion_err!("not grouped"))?;
                *arg = by_id(id);
            }
        }
        Ok(part)
    }
}

/// Whether an aggregate is anywhere in an expression.
pub(super) fn has_aggregate(expr: &Plan) -> bool {
    expr.exists(|part| Ok(matches!(part, Plan::AggregateFunction(_))))
        .unwrap_or(false)
}

/// Whether a window is anywhere in an expression.
pub(super) fn has_window(expr: &Plan) -> bool {
    expr.exists(|part| Ok(matches!(part, Plan::WindowFunction(_))))
        .unwrap_or(false)
}

/// Takes the windows out of an expression.
pub(super) fn lift_windows(
    expr: Plan,
    windows: &mut Vec<(Plan, String)>,
    next: &mut dyn FnMut() -> String,
) -> Checked<Plan> {
    lift(expr, windows, next, |part| {
        matches!(part, Plan::WindowFunction(_))
    })
}

/// Takes the sub-queries out of an expression.
pub(super) fn lift_queries(
    expr: Plan,
    queries: &mut Vec<(Plan, String)>,
    next: &mut dyn FnMut() -> String,
) -> Checked<Plan> {
    lift(expr, queries, next, |part| {
        matches!(part, Plan::ScalarSubquery(_))
    })
}

fn lift(
    expr: Plan,
    lifted: &mut Vec<(Plan, String)>,
    next: &mut dyn FnMut() -> String,
    wanted: fn(&Plan) -> bool,
) -> Checked<Plan> {
    let result = expr.transform_down(|part| {
        if !wanted(&part) {
            return Ok(Transformed::no(part));
        }
        let known = lifted.iter().find(|(known, _)| *known == part);
        let id = match known {
            Some((_, id)) => id.clone(),
            None => {
                let id = next();
                lifted.push((part, id.clone()));
                id
            }
        };
        Ok(Transformed::new(by_id(&id), true, TreeNodeRecursion::Jump))
    })?;
    Ok(result.data)
}

/// The column an ordinal of GROUP BY or ORDER BY means.
pub(super) fn ordinal(expr: &Expr) -> Option<usize> {
    match &*expr.kind {
        Kind::Integer(digits) => digits.parse().ok(),
        _ => None,
    }
}

//! `stats`: aggregates, groups, and expressions over them.

use datafusion::arrow::datatypes::DataType;
use datafusion::functions_aggregate::expr_fn::{avg, count, count_distinct, max, min, sum};
use datafusion::functions_aggregate::first_last::{first_value_udaf, last_value_udaf};
use datafusion::functions_aggregate::percentile_cont::percentile_cont;
use datafusion::functions_aggregate::stddev::stddev_pop;
use datafusion::logical_expr::expr::AggregateFunction;
use datafusion::logical_expr::{Expr as DfExpr, cast, lit};

use super::ast::{Expr, ExprKind, Item};
use super::period::Period;
use super::plan::{Planner, Slot, by_name, column};
use super::row::{Typed, call, flat, number, sortable};
use crate::{ColumnKind, QueryError};

/// The aggregates, in lower case.
pub(super) const AGGREGATES: [&str; 14] = [
    "count",
    "count_distinct",
    "sum",
    "avg",
    "min",
    "max",
    "pct",
    "stddev",
    "earliest",
    "latest",
    "sortsfirst",
    "sortslast",
    "count_over_time",
    "sum_over_time",
];

type Planned<T> = Result<T, QueryError>;

/// An aggregate ready for the plan.
struct Aggregate {
    /// The text by which items find it.
    key: String,
    kind: ColumnKind,
    /// Over columns that are in the plan.
    expr: DfExpr,
}

impl Planner<'_> {
    /// Groups and aggregates; afterwards only the outputs are in scope.
    pub(super) fn stats(&mut self, items: &[Item], by: &[Item]) -> Planned<()> {
        let groups = self.groups(by)?;
        self.binned = self.bin_of(by, &groups);
        let mut aggregates: Vec<Aggregate> = Vec::new();
        for item in items {
            let mut calls = Vec::new();
            outer_calls(&item.expr, &mut calls);
            for call in calls {
                if aggregates.iter().all(|known| known.key != call.to_string()) {
                    let aggregate = self.aggregate(call)?;
                    aggregates.push(aggregate);
                }
            }
        }
        self.flush()?;
        self.apply(&groups, aggregates)?;
        self.in_stats = true;
        let computed = self.compute(&items.iter().collect::<Vec<_>>());
        self.in_stats = false;
        for (item, slot) in items.iter().zip(computed?) {
            let key = item.key();
            self.slots.push(Slot { key, ..slot });
        }
        let kept: Vec<String> = by.iter().chain(items).map(Item::key).collect();
        self.slots.retain(|slot| kept.contains(&slot.key));
        let named = |item: &Item| Some((item.expr.to_string(), item.alias.clone()?));
        self.aliased = by.iter().chain(items).filter_map(named).collect();
        let computed = by
            .iter()
            .chain(items)
            .filter(|item| item.alias.is_none() && !matches!(item.expr.kind, ExprKind::Field(_)));
        self.written = computed.map(|item| (item.name(), item.key())).collect();
        Ok(())
    }

    /// The column without an alias that is called so: as it is written in `stats`, or but for case
    /// and blanks if that is one column only.
    pub(super) fn written(&self, name: &str) -> Option<&Slot> {
        if let Some((_, key)) = self.written.iter().find(|(text, _)| text == name) {
            return self.find(key);
        }
        let bare = |text: &str| -> String {
            let letters = text.chars().filter(|c| !c.is_whitespace());
            letters.flat_map(char::to_lowercase).collect()
        };
        let wanted = bare(name);
        let is_meant =
            |(text, key): &&(String, String)| bare(text) == wanted || bare(key) == wanted;
        let mut meant = self.written.iter().filter(is_meant).map(|(_, key)| key);
        let key = meant.next()?;
        meant.all(|other| other == key).then(|| self.find(key))?
    }

    fn groups(&mut self, by: &[Item]) -> Planned<Vec<Slot>> {
        let mut groups: Vec<Slot> = Vec::new();
        for item in by {
            // A constant as a group would vanish from the plan's groups; none is ever meant.
            if matches!(item.expr.kind, ExprKind::Number(_) | ExprKind::Text(_)) {
                let message = "a constant makes no groups";
                return Err(self.malformed(item.expr.span, message, None));
            }
            let typed = flat(self.expr(&item.expr)?);
            groups.push(self.later(item.key(), typed));
        }
        self.flush()?;
        Ok(groups)
    }

    /// The group that is made of times.
    fn bin_of(&self, by: &[Item], groups: &[Slot]) -> Option<(String, Period)> {
        by.iter().zip(groups).find_map(|(item, slot)| {
            let ExprKind::Call { name, args } = &item.expr.kind else {
                return None;
            };
            let is_bin = matches!(name.as_str(), "bin" | "datefloor");
            match args.last()?.kind {
                ExprKind::Period(period) if is_bin => Some((slot.column.clone(), period)),
                _ => None,
            }
        })
    }

    /// The plan's aggregation; puts groups and aggregates, and nothing else, in scope.
    fn apply(&mut self, groups: &[Slot], aggregates: Vec<Aggregate>) -> Planned<()> {
        let mut keys: Vec<&str> = groups.iter().map(|slot| slot.column.as_str()).collect();
        keys.sort_unstable();
        keys.dedup();
        let keys: Vec<DfExpr> = keys.into_iter().map(by_name).collect();
        let mut slots = groups.to_vec();
        let mut exprs: Vec<DfExpr> = Vec::new();
        // Which of `exprs` it is, its kind and its name.
        let mut values = Vec::new();
        for aggregate in aggregates {
            let known = exprs.iter().position(|expr| *expr == aggregate.expr);
            let index = known.unwrap_or_else(|| {
                exprs.push(aggregate.expr);
                exprs.len() - 1
            });
            let name = self.fresh_name();
            values.push((index, aggregate.kind, name.clone()));
            slots.push(Slot {
                key: aggregate.key,
                kind: aggregate.kind,
                column: name,
            });
        }
        if exprs.is_empty() {
            // Only groups: one row each.
            exprs.push(count(lit(1)));
        }
        self.rebuild(|builder| {
            let mut projection = keys.clone();
            // Not behind an alias, where DataFusion's rules see no aggregate.
            let builder = builder.aggregate(keys, exprs)?;
            let columns = builder.schema().columns().split_off(projection.len());
            projection.extend(values.into_iter().map(|(index, kind, name)| {
                let value = DfExpr::from(columns[index].clone());
                match kind {
                    ColumnKind::Number => cast(value, DataType::Float64).alias(name),
                    _ => value.alias(name),
                }
            }));
            builder.project(projection)
        })?;
        self.slots = slots;
        self.ties = groups.to_vec();
        self.events = false;
        self.clear_shown();
        Ok(())
    }

    fn aggregate(&mut self, call: &Expr) -> Planned<Aggregate> {
        let ExprKind::Call { name, args } = &call.kind else {
            return Err(QueryError::Internal(
                "an aggregate that is no call".to_owned(),
            ));
        };
        let key = call.to_string();
        let numeric = |expr| Aggregate {
            key: key.clone(),
            kind: ColumnKind::Number,
            expr,
        };
        let counts_rows = args.is_empty() || matches!(args[0].kind, ExprKind::Star);
        if matches!(name.as_str(), "count" | "count_over_time") && counts_rows {
            return Ok(numeric(count(lit(1))));
        }
        let arguments = if name == "pct" { 2..=2 } else { 1..=1 };
        self.check_count(name, args, arguments, call.span)?;
        let mut inner = Vec::new();
        args.iter().for_each(|arg| outer_calls(arg, &mut inner));
        if let Some(inner) = inner.first() {
            let message = format!("`{inner}` stands inside `{name}`");
            let hint = Some("aggregate it in a second `stats`");
            return Err(self.malformed(inner.span, message, hint));
        }
        let value = flat(self.expr(&args[0])?);
        let value = self.of_rows(value);
        match name.as_str() {
            "count" | "count_over_time" => {
                let slot = self.later(String::new(), value);
                return Ok(numeric(count(by_name(&slot.column))));
            }
            "count_distinct" => {
                let slot = self.later(String::new(), value);
                return Ok(numeric(count_distinct(by_name(&slot.column))));
            }
            "earliest" | "latest" | "sortsfirst" | "sortslast" => {
                let kind = value.kind;
                let expr = self.pick(name, value, call)?;
                return Ok(Aggregate { key, kind, expr });
            }
            _ => {}
        }
        let number = Typed::new(number(value), ColumnKind::Number);
        let number = by_name(&self.later(String::new(), number).column);
        Ok(numeric(match name.as_str() {
            "sum" | "sum_over_time" => sum(number),
            "avg" => avg(number),
            "min" => min(number),
            "max" => max(number),
            // The guide names neither method: exact, interpolated, and of the population.
            "stddev" => stddev_pop(number),
            _ => percentile_cont(number.sort(true, false), self.percentile(&args[1])?),
        }))
    }

    /// A constant as a value of each row: DataFusion takes the aggregate of a constant for known
    /// even if there are no rows.
    fn of_rows(&self, value: Typed) -> Typed {
        let row = self.ties.first().or_else(|| self.slots.first());
        match row.filter(|_| value.expr.column_refs().is_empty()) {
            Some(row) => {
                let kind = value.kind;
                call("of_row", vec![value, column(row)], kind, |v| v[0].clone())
            }
            None => value,
        }
    }

    fn percentile(&self, expr: &Expr) -> Planned<DfExpr> {
        match expr.kind {
            ExprKind::Number(percent) if (0.0..=100.0).contains(&percent) => {
                // Between two values DataFusion cuts the way to a millionth: without the tiny more,
                // a twentieth of it that a float has as 0.04999... would be 0.049999.
                Ok(lit((percent / 100.0 + 1e-14).min(1.0)))
            }
            _ => {
                let message = "the percentile is a number from 0 to 100";
                Err(self.malformed(expr.span, message, None))
            }
        }
    }

    /// The value of one row of the group: the first or last by time, or by sort order.
    fn pick(&mut self, name: &str, value: Typed, call: &Expr) -> Planned<DfExpr> {
        let order = if name.starts_with("sorts") {
            sortable(value.clone())
        } else {
            let Some(time) = self.find("@timestamp") else {
                let message = format!("`{name}` reads `@timestamp`, which `stats` has left out");
                return Err(self.malformed(call.span, message, None));
            };
            by_name(&time.column)
        };
        let order = Typed::new(order, ColumnKind::Text);
        let order = by_name(&self.later(String::new(), order).column);
        let mut sort = vec![order.sort(true, false)];
        // Of events at the same time, the one that came first is the earlier: places run backward.
        sort.extend(
            self.ties
                .first()
                .map(|tie| by_name(&tie.column).sort(false, false)),
        );
        let value = by_name(&self.later(String::new(), value).column);
        let function = match name {
            "earliest" | "sortsfirst" => first_value_udaf(),
            _ => last_value_udaf(),
        };
        let present = Some(Box::new(value.clone().is_not_null()));
        let picked = AggregateFunction::new_udf(function, vec![value], false, present, sort, None);
        Ok(DfExpr::AggregateFunction(picked))
    }
}

/// The aggregates of an item, those inside others left to the planner's complaint.
fn outer_calls<'e>(expr: &'e Expr, calls: &mut Vec<&'e Expr>) {
    match &expr.kind {
        ExprKind::Call { name, .. } if AGGREGATES.contains(&name.as_str()) => calls.push(expr),
        ExprKind::Call { args: list, .. } | ExprKind::And(list) | ExprKind::Or(list) => {
            list.iter().for_each(|expr| outer_calls(expr, calls))
        }
        ExprKind::Not(inner) | ExprKind::Negative(inner) => outer_calls(inner, calls),
        ExprKind::Compare(_, left, right) => {
            outer_calls(left, calls);
            outer_calls(right, calls);
        }
        ExprKind::Arithmetic(first, rest) => {
            outer_calls(first, calls);
            rest.iter().for_each(|(_, expr)| outer_calls(expr, calls));
        }
        ExprKind::Like { value, .. }
        | ExprKind::In { value, .. }
        | ExprKind::InQuery { value, .. }
        | ExprKind::Access { of: value, .. } => outer_calls(value, calls),
        _ => {}
    }
}

//! Queries inside expressions.

use std::sync::Arc;

use datafusion::common::Spans;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::logical_expr::expr::{AggregateFunction, Exists, InSubquery};
use datafusion::logical_expr::{Expr as Plan, LogicalPlan, LogicalPlanBuilder, Subquery, lit};

use super::aggregates;
use super::ast::{Comparison, Expr, Kind, Query};
use super::error::{Checked, Fault};
use super::expr::{MISMATCH, cannot_apply};
use super::functions::{Run, Udf};
use super::operators::Typed;
use super::plan::Planner;
use super::scope::{Relation, Scope, by_id};
use super::types::Type;
use super::value::{self, Value};

/// Queries in expressions of queries in expressions …; each takes the optimizer twice as long.
const NESTED_MAX: usize = 8;

pub(super) fn wrapped(plan: LogicalPlan) -> Subquery {
    Subquery {
        outer_ref_columns: plan.all_out_ref_exprs(),
        subquery: Arc::new(plan),
        spans: Spans::new(),
    }
}

impl Planner<'_> {
    pub(super) fn subquery(&self, expr: &Expr, scope: &Scope<'_>) -> Checked<Typed> {
        let around = std::iter::successors(scope.parent, |scope| scope.parent);
        if around.count() >= NESTED_MAX {
            let message =
                format!("statement is too large: more than {NESTED_MAX} sub-queries in each other");
            return Err(Fault::new("STATEMENT_TOO_LARGE", expr.at, message));
        }
        let predicate = self.predicate.replace(false);
        match &*expr.kind {
            Kind::Exists(query) => {
                let relation = self.query(query, Some(scope))?;
                if !predicate {
                    return self.exists_value(relation);
                }
                let exists = Plan::Exists(Exists::new(wrapped(relation.plan), false));
                self.know(&exists, &Type::Boolean);
                Ok(Typed::new(exists, Type::Boolean))
            }
            Kind::Subquery(query) => self.value_of(query, expr.at, scope),
            Kind::InQuery(value, query) => self.in_query(value, query, predicate, expr.at, scope),
            Kind::Quantified(op, all, value, query) => {
                let compared = (*op, *all);
                self.quantified(compared, value, query, predicate, expr.at, scope)
            }
            _ => Err(Fault::new(super::error::INTERNAL, expr.at, "no sub-query")),
        }
    }

    fn one_column(&self, query: &Query, at: usize, scope: &Scope<'_>) -> Checked<Relation> {
        let relation = self.query(query, Some(scope))?;
        if relation.columns.len() != 1 {
            let n = relation.columns.len();
            let message = format!("A sub-query of {n} columns is no value here");
            let hint = "Trino makes a row of them: write a sub-query for each column, or a join";
            return Err(Fault::new("NOT_SUPPORTED", at, message).with_hint(hint));
        }
        Ok(relation)
    }

    /// One value that is an aggregate over a query.
    fn aggregate_value(
        &self,
        plan: LogicalPlan,
        function: AggregateFunction,
        ty: &Type,
    ) -> Checked<Plan> {
        let aggregate = Plan::AggregateFunction(function);
        let none: Vec<Plan> = Vec::new();
        let plan =
            LogicalPlanBuilder::new(plan).aggregate(none, vec![aggregate.alias(self.id())])?;
        let value = Plan::ScalarSubquery(wrapped(plan.build()?));
        self.know(&value, ty);
        Ok(value)
    }

    /// EXISTS where it is a value: whether the count of rows is above zero.
    fn exists_value(&self, relation: Relation) -> Checked<Typed> {
        let count = aggregates::resolve("count", &[Type::BigInt]);
        let count = count.ok_or_else(|| Fault::bare(super::error::INTERNAL, "no count"))?;
        let one = vec![lit(1_i64)];
        let count = AggregateFunction::new_udf(count.function, one, false, None, Vec::new(), None);
        let count = self.aggregate_value(relation.plan, count, &Type::BigInt)?;
        Ok(Typed::new(count.gt(lit(0_i64)), Type::Boolean))
    }

    /// IN where it is a value: looked for in the array of all values.
    fn in_value(&self, value: Typed, plan: LogicalPlan, inner: Typed) -> Checked<Typed> {
        let item = inner.ty.clone();
        let all = aggregates::resolve("array_agg", std::slice::from_ref(&item));
        let all = all.ok_or_else(|| Fault::bare(super::error::INTERNAL, "no array_agg"))?;
        let ty = all.returns.clone();
        let args = vec![inner.expr];
        let all = AggregateFunction::new_udf(all.function, args, true, None, Vec::new(), None);
        let all = self.aggregate_value(plan, all, &ty)?;
        let run: Run = |_, v| {
            let (items, wanted) = (v[0].list(), &v[1]);
            if items.is_empty() {
                return Ok(Value::Bool(false));
            }
            if !wanted.is_null() && items.contains(wanted) {
                return Ok(Value::Bool(true));
            }
            let unknown = wanted.is_null() || items.contains(&Value::Null);
            Ok(if unknown {
                Value::Null
            } else {
                Value::Bool(false)
            })
        };
        let udf = Udf::new("in", vec![ty, item], Type::Boolean, run, true);
        Ok(Typed::new(udf.call(vec![all, value.expr]), Type::Boolean))
    }

    /// A query that stands for one value; more rows fail while it runs.
    fn value_of(&self, query: &Query, at: usize, scope: &Scope<'_>) -> Checked<Typed> {
        let relation = self.one_column(query, at, scope)?;
        let ty = relation.columns[0].ty.clone();
        let args = vec![by_id(&relation.columns[0].id)];
        let single = aggregates::single(&ty);
        let single = AggregateFunction::new_udf(single, args, false, None, Vec::new(), None);
        let value = self.aggregate_value(relation.plan, single, &ty)?;
        Ok(Typed::new(value, ty))
    }

    fn in_query(
        &self,
        value: &Expr,
        query: &Query,
        predicate: bool,
        at: usize,
        scope: &Scope<'_>,
    ) -> Checked<Typed> {
        let relation = self.query(query, Some(scope))?;
        if relation.columns.len() > 1 || matches!(*value.kind, Kind::Row(_)) {
            return self.row_in(value, relation, predicate, at, scope);
        }
        let value = self.typed(value, scope)?;
        let inner = relation.columns[0].typed();
        let common = value.ty.common(&inner.ty).ok_or_else(|| {
            let (a, b) = (&value.ty, &inner.ty);
            let message = format!(
                "Value expression and result of subquery must be of the same type: {a} vs {b}"
            );
            Fault::new(MISMATCH, at, message)
        })?;
        let common = common.compared();
        if !predicate {
            return self.in_value(value.cast(&common), relation.plan, inner.cast(&common));
        }
        let id = self.id();
        let cell = inner.cast(&common).expr.alias(id);
        let plan = LogicalPlanBuilder::new(relation.plan)
            .project(vec![cell])?
            .build()?;
        let value = Box::new(value.cast(&common).expr);
        let test = Plan::InSubquery(InSubquery::new(value, wrapped(plan), false));
        self.know(&test, &Type::Boolean);
        Ok(Typed::new(test, Type::Boolean))
    }

    /// A row IN a query of as many columns: whether a row exists that is equal to it. Where nothing
    /// is told of NULLs, false and unknown are one; so it is no value, and not denied.
    fn row_in(
        &self,
        value: &Expr,
        relation: Relation,
        predicate: bool,
        at: usize,
        scope: &Scope<'_>,
    ) -> Checked<Typed> {
        let items = match &*value.kind {
            Kind::Row(items) if items.len() == relation.columns.len() => items,
            _ => {
                let ty = self.typed(value, scope)?.ty;
                let columns = relation.columns.iter();
                let columns = columns.map(|column| (Some(column.name.clone()), column.ty.clone()));
                let row = Type::Row(columns.collect());
                let message = format!(
                    "Value expression and result of subquery must be of the same type: {ty} vs {row}"
                );
                return Err(Fault::new(MISMATCH, at, message));
            }
        };
        let refused = || {
            let message = "a row IN a sub-query is answered here as a condition of WHERE or \
                           HAVING only, without NOT and aggregates";
            let hint = "[NOT] EXISTS (SELECT 1 FROM ... WHERE x = a AND y = b) asks for the same; \
                        NULLs are equal to nothing in it";
            Fault::new("NOT_SUPPORTED", at, message).with_hint(hint)
        };
        if !predicate || self.denied.get() {
            return Err(refused());
        }
        let mut test: Option<Plan> = None;
        for (item, column) in items.iter().zip(&relation.columns) {
            let item = self.typed(item, scope)?;
            let outer = self.outer(item.expr).ok_or_else(refused)?;
            let outer = Typed::new(outer, item.ty);
            let same = self
                .compare(Comparison::Equal, outer, column.typed(), at)?
                .expr;
            test = Some(match test {
                Some(before) => before.and(same),
                None => same,
            });
        }
        let plan = LogicalPlanBuilder::new(relation.plan).filter(test.unwrap_or(lit(true)))?;
        let exists = Plan::Exists(Exists::new(wrapped(plan.build()?), false));
        self.know(&exists, &Type::Boolean);
        Ok(Typed::new(exists, Type::Boolean))
    }

    /// An expression over the rows of a query as a sub-query of it sees it; none if it is more than
    /// one over its columns.
    fn outer(&self, expr: Plan) -> Option<Plan> {
        let more = expr.exists(|part| {
            Ok(matches!(
                part,
                Plan::AggregateFunction(_) | Plan::ScalarSubquery(_) | Plan::WindowFunction(_)
            ))
        });
        if more.unwrap_or(true) {
            return None;
        }
        let outer = expr.transform(|part| {
            Ok(match part {
                Plan::Column(column) => {
                    let ty = self.type_of(&Plan::Column(column.clone()));
                    let field = value::field(&column.name, &ty);
                    Transformed::yes(Plan::OuterReferenceColumn(field, column))
                }
                part => Transformed::no(part),
            })
        });
        outer.ok().map(|outer| outer.data)
    }

    /// `= ANY` is IN, `<> ALL` is NOT IN; the others compare with the least or greatest value.
    fn quantified(
        &self,
        (op, all): (Comparison, bool),
        value: &Expr,
        query: &Query,
        predicate: bool,
        at: usize,
        scope: &Scope<'_>,
    ) -> Checked<Typed> {
        match (op, all) {
            (Comparison::Equal, false) => return self.in_query(value, query, predicate, at, scope),
            (Comparison::NotEqual, true) => {
                let before = self.denied.replace(true);
                let found = self.in_query(value, query, predicate, at, scope);
                self.denied.set(before);
                let found = found?;
                return Ok(Typed::new(
                    datafusion::logical_expr::not(found.expr),
                    Type::Boolean,
                ));
            }
            _ => {}
        }
        let name = match (op, all) {
            (Comparison::Less | Comparison::LessEqual, true)
            | (Comparison::Greater | Comparison::GreaterEqual, false) => "min",
            (Comparison::Greater | Comparison::GreaterEqual, true)
            | (Comparison::Less | Comparison::LessEqual, false) => "max",
            _ => {
                let message = format!(
                    "{} {} of a sub-query is not answered here",
                    op.sign(),
                    if all { "ALL" } else { "ANY" }
                );
                return Err(Fault::new("NOT_SUPPORTED", at, message));
            }
        };
        let value = self.typed(value, scope)?;
        let relation = self.one_column(query, at, scope)?;
        let ty = relation.columns[0].ty.clone();
        let aggregate = aggregates::resolve(name, std::slice::from_ref(&ty))
            .ok_or_else(|| cannot_apply(&format!("{} {} {ty}", value.ty, op.sign()), at))?;
        let (function, args) = (aggregate.function, vec![by_id(&relation.columns[0].id)]);
        let extreme = AggregateFunction::new_udf(function, args, false, None, Vec::new(), None);
        let extreme = self.aggregate_value(relation.plan, extreme, &ty)?;
        let test = self.compare(op, value, Typed::new(extreme.clone(), ty), at)?;
        if !all {
            return Ok(test);
        }
        // ALL of nothing is true.
        let test = extreme.is_null().or(test.expr);
        Ok(Typed::new(test, Type::Boolean))
    }
}

//! LATERAL: a sub-query in FROM that reads the columns of what stands before it.
//!
//! `FROM flow CROSS JOIN LATERAL (SELECT bytes / packets AS size) WHERE size > 1000` gives an
//! expression a name. What makes no rows of a table of its own is answered row by row: a SELECT
//! without FROM, or over UNNEST. Others are refused; a join on the same condition is the same.

use datafusion::logical_expr::{Expr as Plan, LogicalPlanBuilder};

use super::ast::{Body, Item, Query, Select};
use super::error::{Checked, Fault};
use super::plan::Planner;
use super::relation::is_unnest;
use super::scope::{Clause, Relation, Scope, by_id};
use super::select::output_name;
use super::types::Type;

fn refused(at: usize) -> Fault {
    let message = "LATERAL is answered here for a SELECT without FROM, or FROM UNNEST";
    Fault::new("NOT_SUPPORTED", at, message).with_hint("join a sub-query on the same condition")
}

/// The SELECT of a query that has nothing beside its list, FROM and WHERE.
fn plain(query: &Query) -> Option<&Select> {
    let Body::Select(select) = &query.body else {
        return None;
    };
    let bare = query.with.is_empty()
        && query.order.is_empty()
        && query.offset.is_none()
        && query.limit.is_none()
        && !select.distinct
        && select.group.is_empty()
        && select.having.is_none();
    bare.then_some(select)
}

impl Planner<'_> {
    /// The columns `before`, then those of the query; with `keeps` every row before is kept.
    pub(super) fn lateral(
        &self,
        query: &Query,
        at: usize,
        (before, keeps): (Option<Relation>, bool),
        parent: Option<&Scope<'_>>,
    ) -> Checked<Relation> {
        let select = plain(query).ok_or_else(|| refused(at))?;
        if keeps && select.filter.is_some() {
            return Err(refused(at));
        }
        let before = match before {
            Some(before) => before,
            None => self.from(&[], parent)?,
        };
        let kept = before.columns.len();
        let from = match select.from.as_slice() {
            [] => before,
            [unnest] if is_unnest(unnest) => {
                self.relation(unnest, (Some(before), keeps), parent)?
            }
            _ => return Err(refused(at)),
        };
        let scope = Scope::new(&from.columns, parent, Clause::Scalar("LATERAL"));
        let mut plan = LogicalPlanBuilder::new(from.plan);
        if let Some(filter) = &select.filter {
            plan = plan.filter(self.boolean(filter, &scope, "WHERE clause")?)?;
        }
        let mut columns = from.columns[..kept].to_vec();
        let mut cells: Vec<Plan> = columns.iter().map(|column| by_id(&column.id)).collect();
        for item in &select.items {
            match item {
                Item::All(..) => {
                    for column in &from.columns[kept..] {
                        cells.push(by_id(&column.id));
                        columns.push(column.clone());
                    }
                }
                Item::One(expr, alias) => {
                    let typed = self.typed(expr, &scope)?;
                    let ty = match typed.ty {
                        Type::Unknown => Type::Boolean,
                        ref ty => ty.clone(),
                    };
                    let column = self.column(&output_name(expr, alias.as_ref()), ty.clone());
                    cells.push(typed.cast(&ty).expr.alias(&column.id));
                    columns.push(column);
                }
            }
        }
        self.know_all(&columns);
        let plan = plan.project(cells)?.build()?;
        Ok(Relation { plan, columns })
    }
}

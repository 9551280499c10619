//! Sub-queries of a query with groups: what they read of the query around them are its groups.
//!
//! A sub-query is planned before the groups are. Its references to the rows of the query around it
//! then become references to the groups' columns, as its other expressions become in `Lift`.

use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, Result, exec_datafusion_err};
use datafusion::logical_expr::{Expr as Plan, ExprSchemable, Subquery};

use super::group::Lift;
use super::subquery::wrapped;

impl Lift {
    /// The expression, if it is a sub-query, over groups; its value before IN is left as it is.
    pub(super) fn regrouped(&self, part: Plan) -> Result<Transformed<Plan>> {
        Ok(match part {
            Plan::ScalarSubquery(query) => {
                Transformed::yes(Plan::ScalarSubquery(self.inside(query)?))
            }
            Plan::Exists(mut exists) => {
                exists.subquery = self.inside(exists.subquery)?;
                Transformed::yes(Plan::Exists(exists))
            }
            Plan::InSubquery(mut test) => {
                test.subquery = self.inside(test.subquery)?;
                Transformed::yes(Plan::InSubquery(test))
            }
            part => Transformed::no(part),
        })
    }

    fn inside(&self, query: Subquery) -> Result<Subquery> {
        if query.outer_ref_columns.is_empty() {
            return Ok(query);
        }
        let plan = Arc::unwrap_or_clone(query.subquery);
        let plan = plan.transform_down(|plan| plan.map_expressions(|expr| self.outer(expr)))?;
        Ok(wrapped(plan.data))
    }

    /// An expression of the sub-query.
    fn outer(&self, expr: Plan) -> Result<Transformed<Plan>> {
        expr.transform_down(|part| {
            if let Some(group) = self.group_of(&part)? {
                return Ok(Transformed::new(group, true, TreeNodeRecursion::Jump));
            }
            match part {
                Plan::OuterReferenceColumn(_, column) if self.input.has_column(&column) => {
                    Err(exec_datafusion_err!("not grouped"))
                }
                part => self.regrouped(part),
            }
        })
    }

    /// The group that an expression over rows of the query around is, seen from the sub-query.
    fn group_of(&self, part: &Plan) -> Result<Option<Plan>> {
        let mut reads = false;
        let seen = part.clone().transform(|part| {
            Ok(match part {
                Plan::OuterReferenceColumn(_, column) => {
                    reads = true;
                    Transformed::yes(Plan::Column(column))
                }
                part => Transformed::no(part),
            })
        })?;
        let group = self.groups.iter().find(|(group, _)| *group == seen.data);
        let Some((group, id)) = group.filter(|_| reads) else {
            return Ok(None);
        };
        let (_, field) = group.to_field(&self.input)?;
        let field = Arc::new(field.as_ref().clone().with_name(id));
        let column = Column::new_unqualified(id);
        Ok(Some(Plan::OuterReferenceColumn(field, column)))
    }
}

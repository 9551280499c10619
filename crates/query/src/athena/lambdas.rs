//! The bodies of lambdas and of TRY, and what they read of the row around them.

use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::logical_expr::Expr as Plan;

use super::ast::Expr;
use super::cursor::Name;
use super::error::Checked;
use super::functions::{Body, guarded_try};
use super::operators::Typed;
use super::plan::Planner;
use super::scope::{Local, Scope, by_id};
use super::types::Type;

/// A column of a body that comes from outside: its name there, its type, what it is outside.
pub(super) type Captured = (String, Type, Plan);

impl Planner<'_> {
    /// The body of a lambda whose parameters have these types.
    pub(super) fn lambda(
        &self,
        names: &[Name],
        body: &Expr,
        types: &[Type],
        scope: &Scope<'_>,
    ) -> Checked<Body> {
        let depth = scope.locals.len();
        let mut inner = scope.clone();
        let mut parameters = Vec::new();
        for (at, (name, ty)) in names.iter().zip(types).enumerate() {
            let id = format!("p{}", depth + at);
            parameters.push((id.clone(), ty.clone()));
            inner.locals.push(Local {
                name: name.key(),
                id,
                ty: ty.clone(),
            });
        }
        let typed = self.typed(body, &inner)?;
        let ids: Vec<&str> = parameters.iter().map(|(id, _)| id.as_str()).collect();
        let (expr, captured) = self.capture(typed.expr, &ids, &scope.locals)?;
        Ok(Body {
            parameters,
            captured,
            expr,
            ty: typed.ty,
        })
    }

    /// `TRY(…)`.
    pub(super) fn try_of(&self, inner: Typed, scope: &Scope<'_>) -> Checked<Typed> {
        let (expr, captured) = self.capture(inner.expr, &[], &scope.locals)?;
        let ty = inner.ty.clone();
        let body = Body {
            parameters: Vec::new(),
            captured,
            expr,
            ty: inner.ty,
        };
        Ok(Typed::new(guarded_try(body), ty))
    }

    /// Takes out what a body reads of the row around it: columns, and whatever only the plan
    /// can give (aggregates, windows, sub-queries). `around` are the parameters of lambdas that the
    /// body stands in.
    fn capture(
        &self,
        expr: Plan,
        parameters: &[&str],
        around: &[Local],
    ) -> Checked<(Plan, Vec<Captured>)> {
        let mut captured: Vec<Captured> = Vec::new();
        let expr = self.captured(expr, parameters, around, &mut captured)?;
        Ok((expr, captured))
    }

    /// The same for one of several bodies that share what they read.
    pub(super) fn captured(
        &self,
        expr: Plan,
        parameters: &[&str],
        around: &[Local],
        captured: &mut Vec<Captured>,
    ) -> Checked<Plan> {
        let result = expr.transform_down(|part| {
            let outside = match &part {
                Plan::Column(column) => !parameters.contains(&column.name.as_str()),
                Plan::AggregateFunction(_)
                | Plan::WindowFunction(_)
                | Plan::ScalarSubquery(_)
                | Plan::Exists(_)
                | Plan::InSubquery(_)
                | Plan::OuterReferenceColumn(..) => true,
                _ => false,
            };
            if !outside {
                return Ok(Transformed::no(part));
            }
            let known = captured.iter().find(|(_, _, expr)| *expr == part);
            let id = match known {
                Some((id, ..)) => id.clone(),
                None => {
                    let id = format!("k{}", captured.len());
                    let local = around.iter().find(|local| by_id(&local.id) == part);
                    let ty = local.map_or_else(|| self.type_of(&part), |local| local.ty.clone());
                    captured.push((id.clone(), ty, part));
                    id
                }
            };
            Ok(Transformed::new(by_id(&id), true, TreeNodeRecursion::Jump))
        })?;
        Ok(result.data)
    }
}

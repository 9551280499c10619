//! Filters that look at what is in a file: a rule for plans over Parquet.
//!
//! In Insights a field is text, `-` where the column is NULL. `filter action = "REJECT"` asks for
//! the text of every row, `as_record(action)`, and so do the other fields in the projection below
//! it. The rule moves the filter below such projections and lets it look at the column itself:
//!
//! ```text
//! Filter: c0 = 'REJECT'                    Projection: as_record(action) AS c0
//!   Projection: as_record(action) AS c0      Filter: action = 'REJECT'
//!     TableScan                                TableScan
//! ```
//!
//! Where the file has codes, the filter compares codes.

use std::sync::Arc;

use datafusion::arrow::datatypes::DataType;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::{Expr, Filter, LogicalPlan, Operator, Projection};
use datafusion::optimizer::{ApplyOrder, OptimizerConfig, OptimizerRule};

use super::grouping::{expose, plain};
use super::table::Twin;
use crate::scan::{is_text, recorded};

/// The rule; before those that prune columns.
#[derive(Debug)]
pub(crate) struct Direct;

impl OptimizerRule for Direct {
    fn name(&self) -> &str {
        "filter_directly"
    }

    fn apply_order(&self) -> Option<ApplyOrder> {
        Some(ApplyOrder::BottomUp)
    }

    fn rewrite(
        &self,
        plan: LogicalPlan,
        _config: &dyn OptimizerConfig,
    ) -> Result<Transformed<LogicalPlan>> {
        let changed = match &plan {
            LogicalPlan::Filter(filter) => filtered(filter)?,
            _ => None,
        };
        Ok(changed.map_or_else(|| Transformed::no(plan), Transformed::yes))
    }
}

/// The filter below the projections that only name columns, or say how they stand in a record.
fn filtered(filter: &Filter) -> Result<Option<LogicalPlan>> {
    if !filter
        .predicate
        .exists(|expr| Ok(compared(expr).is_some()))?
    {
        return Ok(None);
    }
    let mut predicate = filter.predicate.clone();
    let mut input = filter.input.as_ref();
    let mut above = Vec::new();
    while let LogicalPlan::Projection(projection) = input {
        let Some(below) = seen_below(&predicate, projection)? else {
            break;
        };
        predicate = below;
        above.push(projection);
        input = &projection.input;
    }
    let old = input.schema().columns();
    let (mut input, before) = (input.clone(), !above.is_empty());
    let mut changed = before;
    let predicate = predicate.transform_up(|expr| {
        let (expr, found) = direct(expr, &input)?;
        changed |= found.is_some();
        input = found.unwrap_or_else(|| input.clone());
        Ok(Transformed::yes(expr))
    });
    let predicate = predicate.data()?;
    if !changed {
        return Ok(None);
    }
    let filter = Filter::try_new(predicate, Arc::new(input))?;
    let mut plan = LogicalPlan::Filter(filter);
    if !before {
        let columns = old.into_iter().map(Expr::from).collect();
        plan = LogicalPlan::Projection(Projection::try_new(columns, Arc::new(plan))?);
    }
    for projection in above.into_iter().rev() {
        let projection = Projection::try_new(projection.expr.clone(), Arc::new(plan))?;
        plan = LogicalPlan::Projection(projection);
    }
    Ok(Some(plan))
}

/// The predicate on the columns below a projection; `None` if it reads what is computed there.
fn seen_below(predicate: &Expr, projection: &Projection) -> Result<Option<Expr>> {
    let mut computed = false;
    let below = predicate.clone().transform_up(|expr| {
        let Expr::Column(column) = &expr else {
            return Ok(Transformed::no(expr));
        };
        let at = projection.schema.maybe_index_of_column(column);
        let of = at.map(|at| plain(&projection.expr[at]));
        let of = of.filter(|of| matches!(recorded(of).unwrap_or(of), Expr::Column(_)));
        computed |= of.is_none();
        Ok(of.map_or_else(|| Transformed::no(expr), |of| Transformed::yes(of.clone())))
    });
    let below = below.data()?;
    Ok((!computed).then_some(below))
}

/// The column, or the record's text of it, that is compared with a text, and that text.
fn compared(expr: &Expr) -> Option<(&Expr, &str)> {
    let Expr::BinaryExpr(comparison) = expr else {
        return None;
    };
    let Expr::Literal(literal, _) = comparison.right.as_ref() else {
        return None;
    };
    let (ScalarValue::Utf8(Some(text)) | ScalarValue::Utf8View(Some(text))) = literal else {
        return None;
    };
    let of = comparison.left.as_ref();
    let is_column = matches!(recorded(of).unwrap_or(of), Expr::Column(_));
    (comparison.op == Operator::Eq && is_column).then_some((of, text))
}

/// The comparison with a text as one of the column itself, and the input if it has to be another.
/// Only NULL and `-` are the same in a record.
fn direct(expr: Expr, input: &LogicalPlan) -> Result<(Expr, Option<LogicalPlan>)> {
    let Some((of, text)) = compared(&expr) else {
        return Ok((expr, None));
    };
    let column = match recorded(of) {
        Some(_) if text == "-" => return Ok((expr, None)),
        Some(of) => of,
        None => of,
    };
    let Expr::Column(column) = column else {
        return Ok((expr, None));
    };
    let schema = input.schema();
    let at = schema.index_of_column(column)?;
    if *schema.field(at).data_type() != DataType::Utf8View {
        return Ok((expr, None));
    }
    if let Some(found) = expose(input, column, Twin::Stored)? {
        let is_text = is_text(Expr::Column(found.column), text, &found.codes)?;
        return Ok((is_text, Some(found.plan)));
    }
    let text = Expr::Literal(ScalarValue::Utf8View(Some(text.to_owned())), None);
    Ok((Expr::Column(column.clone()).eq(text), None))
}

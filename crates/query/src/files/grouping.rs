//! Groups by code: a rule for plans over [`LogTable`]s.
//!
//! `SELECT srcaddr, dstaddr, sum(bytes) ... GROUP BY srcaddr, dstaddr` over millions of pairs
//! spends its time on texts: they are copied, hashed, compared and sent from core to core. The
//! tables have a second column for each address and port, of codes of four bytes ([`Codes`]). The
//! rule brings these columns up to the aggregation, groups by them, and puts the texts of the
//! groups behind it:
//!
//! ```text
//! Aggregate: groupBy=[srcaddr, dstaddr]    Projection: text_of(@src), text_of(@dst), b
//!   Projection: srcaddr, dstaddr, bytes      Aggregate: groupBy=[@src, @dst]
//!     TableScan                                Projection: @src, @dst, bytes
//!                                                TableScan
//! ```
//!
//! `count(DISTINCT x)` of ports and of what has codes becomes [`CountDistinct`], and `number` of a
//! field, as Insights has it, the column of its numbers.

use std::sync::Arc;

use datafusion::arrow::datatypes::DataType;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::common::{Column, Result};
use datafusion::datasource::{provider_as_source, source_as_provider};
use datafusion::logical_expr::expr::{AggregateFunction, Alias};
use datafusion::logical_expr::{
    Aggregate, AggregateUDF, Expr, Filter, LogicalPlan, Projection, SubqueryAlias, TableScan,
    TableScanBuilder, cast,
};
use datafusion::optimizer::{ApplyOrder, OptimizerConfig, OptimizerRule};

use super::table::{LogTable, Twin};
use crate::scan::{Codes, CountDistinct, PlanTable, dashed, recorded, text_of};

/// The rule; before those that prune columns.
#[derive(Debug)]
pub(crate) struct ByCode;

impl OptimizerRule for ByCode {
    fn name(&self) -> &str {
        "group_by_code"
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
            LogicalPlan::Aggregate(aggregate) => grouped(aggregate)?,
            LogicalPlan::Projection(projection) => numbered(projection)?,
            _ => None,
        };
        Ok(changed.map_or_else(|| Transformed::no(plan), Transformed::yes))
    }
}

/// A plan with a further column, its twin of another.
pub(super) struct Exposed {
    pub(super) plan: LogicalPlan,
    pub(super) column: Column,
    pub(super) codes: Arc<Codes>,
}

/// The plan with the twin of one of its columns beside it; `None` if that is not a field of a
/// record.
pub(super) fn expose(plan: &LogicalPlan, column: &Column, wanted: Twin) -> Result<Option<Exposed>> {
    let Some(at) = plan.schema().maybe_index_of_column(column) else {
        return Ok(None);
    };
    match plan {
        LogicalPlan::TableScan(scan) => exposed_scan(scan, column, wanted),
        LogicalPlan::Projection(projection) => exposed_projection(projection, at, wanted),
        LogicalPlan::Filter(filter) => {
            let Some(below) = expose(&filter.input, column, wanted)? else {
                return Ok(None);
            };
            let filter = Filter::try_new(filter.predicate.clone(), Arc::new(below.plan))?;
            let plan = LogicalPlan::Filter(filter);
            Ok(Some(Exposed { plan, ..below }))
        }
        LogicalPlan::SubqueryAlias(alias) => {
            let below = Column::from(alias.input.schema().qualified_field(at));
            let Some(below) = expose(&alias.input, &below, wanted)? else {
                return Ok(None);
            };
            let alias = SubqueryAlias::try_new(Arc::new(below.plan), alias.alias.clone())?;
            let column = Column::new(Some(alias.alias.clone()), below.column.name);
            Ok(Some(Exposed {
                plan: LogicalPlan::SubqueryAlias(alias),
                column,
                codes: below.codes,
            }))
        }
        _ => Ok(None),
    }
}

fn exposed_scan(scan: &TableScan, column: &Column, wanted: Twin) -> Result<Option<Exposed>> {
    let Ok(provider) = source_as_provider(&scan.source) else {
        return Ok(None);
    };
    let (source, name, codes) = if let Some(table) = provider.downcast_ref::<LogTable>() {
        let Some(name) = table.twin(&column.name, wanted) else {
            return Ok(None);
        };
        (scan.source.clone(), name, table.codes().clone())
    } else if let Some(table) = provider.downcast_ref::<PlanTable>() {
        let schema = table.plan().schema();
        let mut columns = schema.columns().into_iter();
        let Some(inner) = columns.find(|inner| inner.name == column.name) else {
            return Ok(None);
        };
        let Some(below) = expose(table.plan(), &inner, wanted)? else {
            return Ok(None);
        };
        let table = Arc::new(table.with_plan(below.plan));
        (provider_as_source(table), below.column.name, below.codes)
    } else {
        return Ok(None);
    };
    let at = source.schema().index_of(&name)?;
    let projection = scan.projection.clone().map(|mut columns| {
        if !columns.contains(&at) {
            columns.push(at);
        }
        columns
    });
    let plan = TableScanBuilder::new(scan.table_name.clone(), source)
        .with_projection(projection)
        .with_filters(scan.filters.clone())
        .with_fetch(scan.fetch)
        .build()?;
    Ok(Some(Exposed {
        plan: LogicalPlan::TableScan(plan),
        column: Column::new(Some(scan.table_name.clone()), name),
        codes,
    }))
}

fn exposed_projection(projection: &Projection, at: usize, wanted: Twin) -> Result<Option<Exposed>> {
    let of = plain(&projection.expr[at]);
    let (of, is_record) = match recorded(of) {
        Some(of) => (of, true),
        None => (of, false),
    };
    let Expr::Column(of) = of else {
        return Ok(None);
    };
    let Some(below) = expose(&projection.input, of, wanted)? else {
        return Ok(None);
    };
    let mut value = Expr::Column(below.column.clone());
    let mut column = below.column;
    if is_record && wanted == Twin::Code {
        // What is NULL in the table is `-` here.
        let name = format!("-{}", column.name);
        value = dashed(value, &below.codes).alias(&name);
        column = Column::new_unqualified(name);
    }
    let mut exprs = projection.expr.clone();
    if !exprs.contains(&value) {
        exprs.push(value);
    }
    let projection = Projection::try_new(exprs, Arc::new(below.plan))?;
    Ok(Some(Exposed {
        plan: LogicalPlan::Projection(projection),
        column,
        codes: below.codes,
    }))
}

/// The expression without its name.
pub(super) fn plain(mut expr: &Expr) -> &Expr {
    while let Expr::Alias(alias) = expr {
        expr = &alias.expr;
    }
    expr
}

/// A group that is now grouped by code.
struct Coded {
    /// Which of the groups it was.
    group: usize,
    code: Column,
    codes: Arc<Codes>,
}

/// The aggregation by codes; `None` if nothing of it changes.
fn grouped(aggregate: &Aggregate) -> Result<Option<LogicalPlan>> {
    let is_column = |expr: &Expr| matches!(expr, Expr::Column(_));
    if !aggregate.group_expr.iter().all(is_column) {
        return Ok(None);
    }
    let mut input = aggregate.input.as_ref().clone();
    let mut coded = Vec::new();
    for (group, expr) in aggregate.group_expr.iter().enumerate() {
        let Expr::Column(column) = expr else { continue };
        if let Some(found) = expose_code(&input, column)? {
            input = found.plan;
            coded.push(Coded {
                group,
                code: found.column,
                codes: found.codes,
            });
        }
    }
    let mut aggregates = Vec::new();
    let mut counts = false;
    for expr in &aggregate.aggr_expr {
        let (changed, plan) = counted(expr, input)?;
        input = plan;
        counts |= changed.is_some();
        aggregates.push(changed.unwrap_or_else(|| expr.clone()));
    }
    if coded.is_empty() && !counts {
        return Ok(None);
    }
    by_code(aggregate, input, &coded, aggregates).map(Some)
}

/// The input with the codes of one of its columns of text.
fn expose_code(input: &LogicalPlan, column: &Column) -> Result<Option<Exposed>> {
    let schema = input.schema();
    let at = schema.maybe_index_of_column(column);
    let is_text = |at: usize| {
        let data_type = schema.field(at).data_type();
        matches!(data_type, DataType::Utf8 | DataType::Utf8View)
    };
    match at.is_some_and(is_text) {
        true => expose(input, column, Twin::Code),
        false => Ok(None),
    }
}

/// A distinct count as [`CountDistinct`], if it can be that, and the input with what it reads.
fn counted(expr: &Expr, input: LogicalPlan) -> Result<(Option<Expr>, LogicalPlan)> {
    let Expr::AggregateFunction(function) = plain(expr) else {
        return Ok((None, input));
    };
    let params = &function.params;
    let sorted = !params.order_by.is_empty() || params.null_treatment.is_some();
    let ([Expr::Column(column)], true, false, "count") = (
        params.args.as_slice(),
        params.distinct,
        sorted,
        function.func.name(),
    ) else {
        return Ok((None, input));
    };
    let schema = input.schema();
    let data_type = schema.field(schema.index_of_column(column)?).data_type();
    let (coded, column, input) = if CountDistinct::takes(data_type) {
        (false, column.clone(), input)
    } else {
        match expose_code(&input, column)? {
            Some(found) => (true, found.column, found.plan),
            None => return Ok((None, input)),
        }
    };
    let count = Expr::AggregateFunction(AggregateFunction::new_udf(
        Arc::new(AggregateUDF::new_from_impl(CountDistinct::new(coded))),
        vec![Expr::Column(column)],
        false,
        params.filter.clone(),
        Vec::new(),
        None,
    ));
    let count = match expr {
        Expr::Alias(alias) => count.alias(&alias.name),
        _ => count,
    };
    Ok((Some(count), input))
}

/// Groups `input` by codes where there are some; the columns are those of the old aggregation.
fn by_code(
    old: &Aggregate,
    input: LogicalPlan,
    coded: &[Coded],
    aggregates: Vec<Expr>,
) -> Result<LogicalPlan> {
    // What each of the old groups is above the aggregation.
    let mut above: Vec<Expr> = old.group_expr.clone();
    let mut groups = Vec::new();
    for coded in coded {
        let data_type = old.schema.field(coded.group).data_type();
        let code = Expr::Column(coded.code.clone());
        above[coded.group] = text_of(code.clone(), data_type, &coded.codes);
        groups.push(code);
    }
    let is_coded = |group: usize| coded.iter().any(|coded| coded.group == group);
    let rest = old.group_expr.iter().enumerate();
    let rest = rest.filter(|(group, _)| !is_coded(*group));
    groups.extend(rest.map(|(_, expr)| expr.clone()));
    let grouped = groups.len();
    let new = Aggregate::try_new(Arc::new(input), groups, aggregates)?;
    above.extend(
        new.schema
            .columns()
            .into_iter()
            .skip(grouped)
            .map(Expr::from),
    );
    let named = above.into_iter().zip(old.schema.iter());
    let named = named.map(|(expr, (qualifier, field))| match &expr {
        Expr::Column(column)
            if column.name == *field.name() && column.relation.as_ref() == qualifier =>
        {
            expr
        }
        _ => Expr::Alias(Alias::new(expr, qualifier.cloned(), field.name())),
    });
    let named = named.collect();
    let new = Arc::new(LogicalPlan::Aggregate(new));
    Ok(LogicalPlan::Projection(Projection::try_new(named, new)?))
}

/// The projection with columns of numbers in place of `number` of a field.
fn numbered(projection: &Projection) -> Result<Option<LogicalPlan>> {
    let reads = |expr: &Expr| expr.exists(|expr| Ok(read_as_number(expr).is_some()));
    let reads = projection.expr.iter().map(reads);
    if !reads.collect::<Result<Vec<_>>>()?.contains(&true) {
        return Ok(None);
    }
    let mut input = projection.input.as_ref().clone();
    let mut changed = false;
    let mut exprs = Vec::with_capacity(projection.expr.len());
    for expr in &projection.expr {
        let direct = expr.clone().transform_up(|expr| {
            let Some(column) = read_as_number(&expr) else {
                return Ok(Transformed::no(expr));
            };
            let Some(found) = expose(&input, column, Twin::Number)? else {
                return Ok(Transformed::no(expr));
            };
            changed = true;
            let number = Expr::Column(found.column.clone());
            let at = found.plan.schema().index_of_column(&found.column)?;
            let is_float = *found.plan.schema().field(at).data_type() == DataType::Float64;
            input = found.plan;
            Ok(Transformed::yes(match is_float {
                true => number,
                false => cast(number, DataType::Float64),
            }))
        });
        exprs.push(direct.data()?);
    }
    if !changed {
        return Ok(None);
    }
    let plan = Projection::try_new(exprs, Arc::new(input))?;
    Ok(Some(LogicalPlan::Projection(plan)))
}

/// The column that Insights' function reads as numbers, if the expression is that.
fn read_as_number(expr: &Expr) -> Option<&Column> {
    let Expr::ScalarFunction(function) = expr else {
        return None;
    };
    match function.args.as_slice() {
        [Expr::Column(column)] if function.name() == "number" => Some(column),
        _ => None,
    }
}

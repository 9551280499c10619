//! The time range of a query over files of which nobody has said when it begins or ends.
//!
//! What is in a file is there, so such a query reads all of it. `fillmissing` and
//! `queryStartTime()` ask when the range begins and ends, as `diff previousDay` does to know which
//! day is the one before, and mean the records: from the first one's moment to the last one's. AWS
//! always has a range.

use datafusion::functions_aggregate::expr_fn::{max, min};
use datafusion::logical_expr::{Expr as DfExpr, LogicalPlanBuilder, ident};
use wirelab_model::UnixTime;

use super::QueryOptions;
use super::ast::{Command, Expr, ExprKind, Query, Since, Step};
use super::record_source;
use super::row::Column;
use super::run::{Context, Ran, next};
use crate::error::Place;
use crate::scan::MOMENT_MAX;
use crate::{LogFiles, Warning};

/// Whether nobody has said when it begins, and whether nobody has said when it ends.
fn is_open(options: &QueryOptions) -> (bool, bool) {
    let end = UnixTime::from_secs(MOMENT_MAX.unsigned_abs());
    (options.start == UnixTime::from_secs(0), options.end >= end)
}

/// Whether a command asks when the range begins or ends.
fn asks(step: &Step) -> bool {
    let mut asks = match step.command {
        Command::FillMissing(_) => true,
        // Before a range of everything there is nothing, however long it is.
        Command::Diff(since) => since != Since::Period,
        _ => false,
    };
    let times = ["querystarttime", "queryendtime", "querytimerange"];
    let mut visit = |expr: &Expr| {
        asks |= matches!(&expr.kind, ExprKind::Call { name, .. } if times.contains(&name.as_str()));
    };
    step.command
        .exprs()
        .into_iter()
        .for_each(|expr| expr.walk(&mut visit));
    asks
}

/// The range, from the first record to the last where it is open and somebody asks.
pub(super) async fn closed(
    context: &Context<'_>,
    logs: &LogFiles,
    query: &Query,
    options: QueryOptions,
) -> Ran<QueryOptions> {
    let (from_first, to_last) = is_open(&options);
    if !(from_first || to_last) || !query.steps.iter().any(asks) {
        return Ok(options);
    }
    let untimed = logs.untimed_records();
    let source = record_source::read(logs, &options, &["@timestamp".to_owned()])?;
    let Some(slot) = source.slots.first() else {
        return Ok(options);
    };
    let ends = [min(ident(&slot.column)), max(ident(&slot.column))];
    let plan = LogicalPlanBuilder::from(source.plan)
        .aggregate(Vec::<DfExpr>::new(), ends)?
        .build()?;
    let mut stream = context.stream(&plan).await?;
    let mut closed = options;
    while let Some(batch) = next(&mut stream).await {
        let batch = batch?;
        for row in 0..batch.num_rows() {
            let second = |at: usize| -> Ran<Option<UnixTime>> {
                let millis = Column::new(batch.column(at))?.get(row).number();
                Ok(millis.map(|millis| UnixTime::from_secs(millis as u64 / 1000)))
            };
            if let (Some(first), Some(last)) = (second(0)?, second(1)?) {
                closed.start = if from_first { first } else { options.start };
                closed.end = if to_last { last } else { options.end };
            }
        }
    }
    logs.forget_untimed(untimed);
    Ok(closed)
}

/// What to say of a `diff` whose range begins with the first of all records.
pub(super) fn doubt(text: &str, query: &Query, options: &QueryOptions) -> Option<Warning> {
    if !is_open(options).0 {
        return None;
    }
    let (step, since) = query.steps.iter().find_map(|step| match step.command {
        Command::Diff(since) => Some((step, since)),
        _ => None,
    })?;
    let before = match since {
        Since::Period => "the time before the range, and the range has everything",
        Since::Day => "the range a day earlier, and the range begins with the first record",
        Since::Week => "the range a week earlier, and the range begins with the first record",
        Since::Month => "the range a month earlier, and the range begins with the first record",
    };
    Some(Warning {
        message: format!("`diff` compares with {before}"),
        place: Place::new(text, step.span.start, step.span.end),
        hint: Some("say when it begins: `--start`".to_owned()),
    })
}

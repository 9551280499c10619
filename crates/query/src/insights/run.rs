//! Executes plans and prints their rows.

use std::collections::HashSet;
use std::sync::{Arc, OnceLock};

use datafusion::arrow::array::{ArrayRef, AsArray};
use datafusion::arrow::datatypes::{Int64Type, SchemaRef};
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::common::DataFusionError;
use datafusion::datasource::{MemTable, provider_as_source};
use datafusion::execution::SessionState;
use datafusion::execution::session_state::SessionStateBuilder;
use datafusion::logical_expr::{LogicalPlan, LogicalPlanBuilder};
use datafusion::optimizer::optimize_projections::OptimizeProjections;
use datafusion::optimizer::push_down_limit::PushDownLimit;
use datafusion::physical_plan::{ExecutionPlan, collect, execute_stream};
use datafusion::prelude::SessionConfig;

use super::QueryOptions;
use super::ast::{Command, Step};
use super::parse::{LIMIT_MAX, Parser};
use super::plan::{Finish, Planner, check_order, named_fields};
use super::row::Column as RowColumn;
use super::source::{self, Source};
use super::value::{Value, print_number, print_time};
use crate::error::Place;
use crate::{Column, ColumnKind, LogGroup, QueryError, QueryResult, Statistics, Warning};

/// Rows if neither the query nor the call says how many.
const LIMIT_DEFAULT: u64 = 10_000;

type Ran<T> = Result<T, QueryError>;
type Row = Vec<Option<String>>;

impl From<DataFusionError> for QueryError {
    fn from(error: DataFusionError) -> Self {
        Self::Internal(error.strip_backtrace())
    }
}

/// Answers a query; see [`super::insights`].
pub(super) async fn run(query: &str, group: &LogGroup, options: &QueryOptions) -> Ran<QueryResult> {
    check_options(options)?;
    let mut parser = Parser::new(query)?;
    let steps = parser.query()?;
    check_order(query, &steps)?;
    let Source {
        schema,
        batches,
        slots,
        order,
        bytes,
    } = source::read(group, options, &named_fields(&steps))
        .map_err(|error| QueryError::Internal(error.to_string()))?;

    let scanned = order.len() as u64;
    let plan = scan(schema, batches)?;
    let names = source::event_names(group);
    let mut planner = Planner::new(query, group, options, plan, slots, names);
    let matching = steps
        .iter()
        .position(|step| !is_row_by_row(step))
        .unwrap_or(steps.len());
    let (matching, rest) = steps.split_at(matching);
    for step in matching {
        planner.step(step)?;
    }
    let mut matched = scanned;
    if matching
        .iter()
        .any(|step| matches!(step.command, Command::Filter(_)))
    {
        // What matches is counted before `limit` or `stats` hides it.
        planner.narrow()?;
        let (schema, batches) = rows(planner.plan()).await?;
        matched = batches.iter().map(|batch| batch.num_rows() as u64).sum();
        planner.set_plan(scan(schema, batches)?);
    }
    for step in rest {
        planner.step(step)?;
    }
    let (mut finish, mut warnings) = planner.finish()?;
    let says_limit = steps
        .iter()
        .any(|step| matches!(step.command, Command::Limit(_)));
    if options.limit.is_none() && !says_limit {
        finish.limit = LIMIT_DEFAULT;
    }
    warnings.extend(doubts(query, parser));
    warnings.sort_by_key(|warning| warning.place.start);
    let statistics = Statistics {
        records_matched: matched,
        records_scanned: scanned,
        bytes_scanned: bytes,
    };
    answer(finish, &order, statistics, warnings).await
}

fn check_options(options: &QueryOptions) -> Ran<()> {
    if options.start > options.end {
        return Err(QueryError::InvalidParameter(
            "the query's start is after its end".to_owned(),
        ));
    }
    if options
        .limit
        .is_some_and(|limit| !(1..=LIMIT_MAX).contains(&limit))
    {
        return Err(QueryError::InvalidParameter(format!(
            "the limit is not from 1 to {LIMIT_MAX}"
        )));
    }
    Ok(())
}

fn doubts(query: &str, parser: Parser<'_>) -> impl Iterator<Item = Warning> {
    parser
        .doubts
        .into_iter()
        .map(move |(span, message, hint)| Warning {
            message,
            place: Place::new(query, span.start, span.end),
            hint: Some(hint),
        })
}

/// Whether a command looks at one event alone.
fn is_row_by_row(step: &Step) -> bool {
    matches!(
        step.command,
        Command::Fields(_)
            | Command::Display(_)
            | Command::Filter(_)
            | Command::Parse { .. }
            | Command::Unmask
    )
}

/// One session for the process: queries keep nothing in it.
///
/// One partition, because the order of rows is part of the answer, and a query is small. Of the
/// logical rules only those that a plan of ours can gain by: most of DataFusion's are about joins
/// and subqueries, and trying them takes longer than a query over a lab's logs.
fn session() -> &'static SessionState {
    static SESSION: OnceLock<SessionState> = OnceLock::new();
    SESSION.get_or_init(|| {
        let mut config = SessionConfig::new()
            .with_target_partitions(1)
            .with_batch_size(8192);
        config.options_mut().optimizer.max_passes = 1;
        let builder = SessionStateBuilder::new().with_config(config);
        builder
            .with_optimizer_rules(vec![
                Arc::new(PushDownLimit::new()),
                Arc::new(OptimizeProjections::new()),
            ])
            .build()
    })
}

fn scan(schema: SchemaRef, batches: Vec<RecordBatch>) -> Ran<LogicalPlan> {
    let table = MemTable::try_new(schema, vec![batches])?;
    let source = provider_as_source(Arc::new(table));
    Ok(LogicalPlanBuilder::scan("events", source, None)?.build()?)
}

async fn physical(plan: &LogicalPlan) -> Ran<Arc<dyn ExecutionPlan>> {
    Ok(session().create_physical_plan(plan).await?)
}

/// All rows of a plan.
async fn rows(plan: &LogicalPlan) -> Ran<(SchemaRef, Vec<RecordBatch>)> {
    let physical = physical(plan).await?;
    let batches = collect(physical.clone(), session().task_ctx()).await?;
    Ok((physical.schema(), batches))
}

async fn answer(
    finish: Finish,
    order: &[usize],
    statistics: Statistics,
    warnings: Vec<Warning>,
) -> Ran<QueryResult> {
    let physical = physical(&finish.plan).await?;
    let stream = execute_stream(physical, session().task_ctx())?;
    let mut printer = Printer::new(&finish, order);
    let mut stream = stream;
    while printer.wants_more() {
        match next(&mut stream).await {
            Some(batch) => printer.push(&batch?)?,
            None => break,
        }
    }
    let columns = finish.shown.iter().map(|shown| Column {
        name: shown.name.clone(),
        kind: shown.slot.kind,
    });
    Ok(QueryResult {
        columns: columns.collect(),
        rows: printer.rows,
        events: finish.events.then_some(printer.events),
        statistics,
        warnings,
    })
}

async fn next(
    stream: &mut datafusion::execution::SendableRecordBatchStream,
) -> Option<Result<RecordBatch, DataFusionError>> {
    std::future::poll_fn(|context| stream.as_mut().poll_next(context)).await
}

/// Turns batches into printed rows, up to the limit, one a combination if the query says `dedup`.
struct Printer<'a> {
    finish: &'a Finish,
    order: &'a [usize],
    seen: HashSet<Row>,
    rows: Vec<Row>,
    events: Vec<usize>,
}

impl<'a> Printer<'a> {
    fn new(finish: &'a Finish, order: &'a [usize]) -> Self {
        let (seen, rows, events) = (HashSet::new(), Vec::new(), Vec::new());
        Self {
            finish,
            order,
            seen,
            rows,
            events,
        }
    }

    fn wants_more(&self) -> bool {
        (self.rows.len() as u64) < self.finish.limit
    }

    fn push(&mut self, batch: &RecordBatch) -> Ran<()> {
        let arrays: &[ArrayRef] = batch.columns();
        let columns = arrays
            .iter()
            .map(RowColumn::new)
            .collect::<Result<Vec<_>, _>>()?;
        let shown = self.finish.shown.len();
        let keys = self.finish.dedup.as_ref().map_or(0, Vec::len);
        let places = self
            .finish
            .events
            .then(|| arrays[shown + keys].as_primitive::<Int64Type>());
        for row in 0..batch.num_rows() {
            if !self.wants_more() {
                break;
            }
            let value = |at: usize, kind| print(&columns[at].get(row), kind);
            if let Some(dedup) = &self.finish.dedup {
                let key = dedup
                    .iter()
                    .enumerate()
                    .map(|(at, slot)| value(shown + at, slot.kind));
                let key: Row = key.collect();
                // A row that lacks a field is kept: nothing says that it is the same as another.
                if key.iter().all(Option::is_some) && !self.seen.insert(key) {
                    continue;
                }
            }
            let printed = self.finish.shown.iter().enumerate();
            self.rows.push(
                printed
                    .map(|(at, shown)| value(at, shown.slot.kind))
                    .collect(),
            );
            if let Some(places) = places {
                self.events.push(self.order[places.value(row) as usize]);
            }
        }
        Ok(())
    }
}

/// The API's form of a value.
fn print(value: &Value<'_>, kind: ColumnKind) -> Option<String> {
    match (value, kind) {
        (Value::Time(millis), ColumnKind::Time) => Some(print_time(*millis)),
        (Value::Number(number), _) if number.is_finite() => Some(print_number(*number)),
        _ => value.text().map(std::borrow::Cow::into_owned),
    }
}

//! Executes plans.

use std::collections::HashSet;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};

use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::error::ArrowError;
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::common::DataFusionError;
use datafusion::datasource::{MemTable, provider_as_source};
use datafusion::execution::memory_pool::MemoryReservation;
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::execution::session_state::SessionStateBuilder;
use datafusion::execution::{SendableRecordBatchStream, SessionState};
use datafusion::logical_expr::{LogicalPlan, LogicalPlanBuilder};
use datafusion::optimizer::OptimizerRule;
use datafusion::optimizer::optimize_projections::OptimizeProjections;
use datafusion::optimizer::push_down_limit::PushDownLimit;
use datafusion::physical_plan::{ExecutionPlan, execute_stream};
use datafusion::prelude::SessionConfig;

use wirelab_model::UnixTime;

use super::QueryOptions;
use super::ast::{Command, Expr, ExprKind, Query, Since, Span, Step};
use super::check::{check_order, fields_of, named_fields, subqueries, unseen};
use super::groups;
use super::open_range;
use super::parse::{LIMIT_MAX, Parser};
use super::plan::{Finish, Planner};
use super::printer::Printer;
use super::reading::{Reading, counted, file_session};
use super::row::Column as RowColumn;
use super::source::{self, Source};
use super::value::equality_key;
use crate::budget::{QueryPool, Weight, reservation};
use crate::error::{Place, damage};
use crate::scan::MEMORY_BYTES;
use crate::work;
use crate::{Column, LogFiles, LogGroup, LogGroups, QueryError, QueryResult, Statistics, Warning};

/// Rows if neither the query nor the call says how many.
const LIMIT_DEFAULT: u64 = 10_000;

pub(super) type Ran<T> = Result<T, QueryError>;

impl From<DataFusionError> for QueryError {
    fn from(error: DataFusionError) -> Self {
        match error.find_root() {
            DataFusionError::ResourcesExhausted(message) if message.starts_with("the ") => {
                Self::TooLarge(message.clone())
            }
            // Which operator has asked for how much says nothing to a person.
            DataFusionError::ResourcesExhausted(_) => Self::TooLarge(
                "the query needs more memory than it may use: a `filter` or a shorter time gives \
                 it less to keep"
                    .to_owned(),
            ),
            _ => match damage(&error) {
                Some(reason) => Self::Unreadable(reason),
                None => Self::Internal(error.strip_backtrace()),
            },
        }
    }
}

impl From<ArrowError> for QueryError {
    fn from(error: ArrowError) -> Self {
        Self::Internal(error.to_string())
    }
}

/// Answers a query; see [`super::insights`].
pub(super) async fn run(
    query: &str,
    groups: &LogGroups<'_>,
    options: &QueryOptions,
) -> Ran<QueryResult> {
    answer_from(query, groups, None, options).await
}

/// Answers a query; see [`super::insights_over_files`].
pub(super) async fn run_over_files(
    query: &str,
    logs: &LogFiles,
    options: &QueryOptions,
) -> Ran<QueryResult> {
    let groups = LogGroups::default();
    let untimed = logs.untimed_records();
    let first = answer_from(query, &groups, Some(&logs.newest()), options).await;
    let error = match first {
        Err(error) => error,
        answer => return answer,
    };
    let is_damage = matches!(error, QueryError::Unreadable(_));
    match logs.look_again(is_damage, untimed).await {
        Ok(true) => answer_from(query, &groups, Some(&logs.newest()), options).await,
        Ok(false) => Err(error),
        Err(error) => Err(QueryError::Unreadable(error.to_string())),
    }
}

async fn answer_from(
    query: &str,
    groups: &LogGroups<'_>,
    files: Option<&LogFiles>,
    options: &QueryOptions,
) -> Ran<QueryResult> {
    check_options(options)?;
    let mut parser = Parser::new(query)?;
    let tree = parser.query()?;
    check_order(query, &tree)?;
    let context = Context {
        query,
        groups,
        files,
        session: files.map_or_else(|| Ok(session().clone()), |_| file_session())?,
    };
    let fields = named_fields(&tree.steps);
    let range = match files {
        Some(logs) => open_range::closed(&context, logs, &tree, *options).await?,
        None => *options,
    };
    let mut work = context.execute(&tree, &tree.steps, fields, range).await?;
    work.sort_groups()?;
    let Work {
        context,
        planner,
        order,
        mut statistics,
        reading,
        sorted,
        ..
    } = work;
    let (mut finish, mut warnings) = planner.finish()?;
    let says_limit = tree
        .steps
        .iter()
        .any(|step| matches!(step.command, Command::Limit(_)));
    if options.limit.is_none() && !says_limit {
        finish.limit = LIMIT_DEFAULT;
    }
    warnings.extend(doubts(query, parser));
    warnings.extend(unseen(query, &tree.steps));
    if files.is_some() {
        warnings.extend(open_range::doubt(query, &tree, options));
    }
    warnings.sort_by_key(|warning| warning.place.start);
    if let Some(reading) = &reading {
        reading.order(&mut finish, sorted)?;
    }
    let mut result = answer(&context.session, finish, &order, statistics, warnings).await?;
    if let Some(reading) = &reading {
        reading.count(&mut statistics);
        result.statistics = statistics;
        result.events = None;
    }
    Ok(result)
}

/// What the parts of a query have in common.
#[derive(Clone)]
pub(super) struct Context<'a> {
    pub(super) query: &'a str,
    groups: &'a LogGroups<'a>,
    /// Where the events are, if not in log groups.
    files: Option<&'a LogFiles>,
    pub(super) session: Arc<SessionState>,
}

/// A query on its way: the plan so far, and what has been read.
pub(super) struct Work<'a> {
    pub(super) context: Context<'a>,
    pub(super) planner: Planner<'a>,
    /// For each place in the default order, the event's index.
    pub(super) order: Vec<usize>,
    pub(super) statistics: Statistics,
    /// If the events are read from files while the plan runs.
    pub(super) reading: Option<Reading>,
    /// Whether the rows come in an order that the query or the default gives them.
    pub(super) sorted: bool,
    /// What rows in memory, from which the plan goes on, take of the session's memory.
    pub(super) held: Vec<MemoryReservation>,
}

/// Rows in memory, and what they take of the session's.
pub(super) type Rows = (SchemaRef, Vec<RecordBatch>, MemoryReservation);

/// A query's parts are executed the same way as the whole.
type Part<'f, T> = Pin<Box<dyn Future<Output = Ran<T>> + Send + 'f>>;

impl<'a> Context<'a> {
    /// The first `steps` of a query, over `fields` of its events.
    fn execute(
        self,
        query: &'a Query,
        steps: &'a [Step],
        fields: Vec<String>,
        options: QueryOptions,
    ) -> Part<'a, Work<'a>> {
        Box::pin(async move {
            let options = groups::range(self.query, &options, query.source.as_ref())?;
            let mut work = self.open(query, &fields, options).await?;
            work.subqueries(steps).await?;
            let matching = steps.iter().position(|step| !step.command.is_row_by_row());
            let (matching, rest) = steps.split_at(matching.unwrap_or(steps.len()));
            work.matching(matching).await?;
            for (at, step) in rest.iter().enumerate() {
                work.sort_rows(&step.command)?;
                let before = &steps[..matching.len() + at];
                let follows = rest.get(at + 1);
                work.step(query, before, step, follows).await?;
            }
            Ok(work)
        })
    }

    /// The events that a query or a part of it reads.
    async fn open(
        self,
        query: &'a Query,
        fields: &[String],
        options: QueryOptions,
    ) -> Ran<Work<'a>> {
        if let (Some(logs), None) = (self.files, &query.source) {
            return self.read_files(logs, fields, options).await;
        }
        let chosen = groups::select(self.query, self.groups, query.source.as_ref())?;
        self.read(&chosen, fields, options)
    }

    /// What a batch takes of the session's memory.
    pub(super) fn hold(&self, batch: &RecordBatch) -> Ran<MemoryReservation> {
        let held = reservation(&self.session.runtime_env().memory_pool, "rows");
        held.try_grow(Weight::default().add(batch))?;
        Ok(held)
    }

    /// The rows of a plan as they come.
    pub(super) async fn stream(&self, plan: &LogicalPlan) -> Ran<SendableRecordBatchStream> {
        let physical = physical(&self.session, plan).await?;
        Ok(execute_stream(physical, self.session.task_ctx())?)
    }

    fn read(
        self,
        groups: &[&'a LogGroup],
        fields: &[String],
        options: QueryOptions,
    ) -> Ran<Work<'a>> {
        let Source {
            schema,
            batches,
            slots,
            order,
            bytes,
        } = source::read(groups, &options, fields)?;
        work::spend(order.len())?;
        let format = groups.iter().find_map(|group| group.format.as_ref());
        let names = source::event_names(groups);
        let plan = scan(schema, batches)?;
        let scanned = order.len() as u64;
        Ok(Work {
            planner: Planner::new(self.query, format, options, plan, slots, names),
            context: self,
            order,
            statistics: Statistics {
                records_matched: scanned,
                records_scanned: scanned,
                bytes_scanned: bytes,
            },
            reading: None,
            sorted: true,
            held: Vec::new(),
        })
    }
}

impl<'a> Work<'a> {
    /// The commands that look at one event alone. What matches is counted before `limit` or `stats`
    /// hides it.
    async fn matching(&mut self, steps: &'a [Step]) -> Ran<()> {
        for step in steps {
            self.settle().await?;
            self.planner.step(step)?;
        }
        let filters = |step: &Step| matches!(step.command, Command::Filter(_));
        if !steps.iter().any(filters) {
            return Ok(());
        }
        let Some(reading) = &mut self.reading else {
            self.statistics.records_matched = self.materialize().await?;
            return Ok(());
        };
        self.planner.narrow()?;
        let (plan, matched) = counted(self.planner.plan().clone())?;
        self.planner.set_plan(plan);
        reading.matched = Some(matched);
        Ok(())
    }

    /// Executes the plan so far; how many rows it has.
    async fn materialize(&mut self) -> Ran<u64> {
        self.planner.narrow()?;
        let (schema, batches, held) = self.rows(self.planner.plan()).await?;
        let count = |batch: &RecordBatch| batch.num_rows() as u64;
        let count = batches.iter().map(count).sum();
        self.planner.set_plan(scan(schema, batches)?);
        self.held = vec![held];
        Ok(count)
    }

    /// All rows of a plan, and what they take of the session's memory.
    pub(super) async fn rows(&self, plan: &LogicalPlan) -> Ran<Rows> {
        rows(&self.context.session, plan).await
    }

    /// Executes a plan that has become deep.
    async fn settle(&mut self) -> Ran<()> {
        if self.planner.is_deep() {
            self.materialize().await?;
        }
        Ok(())
    }

    async fn step(
        &mut self,
        query: &'a Query,
        before: &'a [Step],
        step: &'a Step,
        follows: Option<&'a Step>,
    ) -> Ran<()> {
        self.settle().await?;
        match &step.command {
            Command::Unnest { list, name, .. } => self.unnest(list, name).await,
            Command::Accum { of, name } => self.accum(of, name).await,
            Command::FillDown(patterns) => self.fill_down(patterns).await,
            Command::FillMissing(values) => self.fill_missing(values).await,
            Command::Join(join) => {
                let mut fields = named_fields(&join.query.steps);
                fields.extend(fields_of(&query.steps, &join.right));
                if let ExprKind::Field(key) = &join.right_key.kind {
                    fields.push(key.clone());
                }
                fields.sort_unstable();
                fields.dedup();
                let options = self.planner.options;
                let inner = &join.query;
                let context = self.context.clone();
                let right = context.execute(inner, &inner.steps, fields, options);
                let right = right.await?;
                self.join(join, right).await
            }
            Command::Pattern(of) => match follows.map(|step| &step.command) {
                Some(Command::Diff(since)) => self.compare(query, before, of, *since).await,
                _ => self.pattern(of).await,
            },
            Command::Diff(since) => {
                let after_pattern = before
                    .last()
                    .is_some_and(|step| matches!(step.command, Command::Pattern(_)));
                if after_pattern {
                    return Ok(()); // done with it
                }
                let message = Expr {
                    kind: ExprKind::Field("@message".to_owned()),
                    span: step.span,
                };
                self.compare(query, before, &message, *since).await
            }
            _ => self.planner.step(step),
        }
    }

    /// `diff`: the same steps over an earlier time of the same length.
    async fn compare(
        &mut self,
        query: &'a Query,
        before: &'a [Step],
        of: &Expr,
        since: Since,
    ) -> Ran<()> {
        let mut fields = named_fields(before);
        of.walk(&mut |expr| {
            if let ExprKind::Field(name) = &expr.kind {
                fields.push(name.clone());
            }
        });
        let options = earlier(&self.planner.options, since);
        let mut work = self.context.clone().open(query, &fields, options).await?;
        work.planner.subqueries = self.planner.subqueries.clone();
        work.matching(before).await?;
        self.diff(of, work).await
    }

    /// Answers the queries inside conditions.
    async fn subqueries(&mut self, steps: &'a [Step]) -> Ran<()> {
        for query in steps.iter().flat_map(subqueries) {
            let fields = named_fields(&query.steps);
            let options = self.planner.options;
            let inner = self
                .context
                .clone()
                .execute(query, &query.steps, fields, options);
            let mut work = inner.await?;
            // `fields` at the end says which of several columns is meant.
            if let Some(Command::Fields(items)) = query.steps.last().map(|step| &step.command)
                && let [item] = items.as_slice()
                && let Some(shown) = &mut work.planner.shown
            {
                let name = item.name();
                shown.retain(|shown| shown.name == name);
            }
            self.statistics.records_scanned += work.statistics.records_scanned;
            self.statistics.bytes_scanned += work.statistics.bytes_scanned;
            let shown = work.planner.shown.as_ref().map_or(0, Vec::len);
            if shown != 1 {
                let span = query
                    .source
                    .as_ref()
                    .map_or_else(Span::default, |source| source.span);
                let message = "a subquery in `in (...)` gives one field";
                let hint = Some("end it with `| fields srcAddr`");
                return Err(self.planner.malformed(span, message, hint));
            }
            let mut planner = work.planner;
            self.planner.warnings.append(&mut planner.warnings);
            let (finish, _) = planner.finish()?;
            let keys = first_column(&self.context.session, &finish).await?;
            self.planner
                .subqueries
                .insert(query.place(), Arc::new(keys));
        }
        Ok(())
    }
}

/// The values of the first column, in the form in which equal ones are the same.
async fn first_column(session: &SessionState, finish: &Finish) -> Ran<HashSet<String>> {
    let (_, batches, _held) = rows(session, &finish.plan).await?;
    let mut keys = HashSet::new();
    for batch in &batches {
        let column = RowColumn::new(batch.column(0))?;
        keys.extend((0..batch.num_rows()).filter_map(|row| equality_key(&column.get(row))));
    }
    Ok(keys)
}

/// The range that `diff` compares with.
fn earlier(options: &QueryOptions, since: Since) -> QueryOptions {
    const DAY: u64 = 86_400;
    let (start, end) = (options.start.as_secs(), options.end.as_secs());
    let back = match since {
        Since::Period => end - start + 1,
        Since::Day => DAY,
        Since::Week => 7 * DAY,
        // The guide does not say how long a month is.
        Since::Month => 30 * DAY,
    };
    let moved = |secs: u64| UnixTime::from_secs(secs.saturating_sub(back));
    QueryOptions {
        start: moved(start),
        end: moved(end),
        ..*options
    }
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

/// One session for the process: queries keep nothing in it beyond their end, and share its memory.
///
/// One partition, because the order of rows is part of the answer, and a query is small. Of the
/// logical rules only those that a plan of ours can gain by: most of DataFusion's are about joins
/// and subqueries, and trying them takes longer than a query over a lab's logs.
fn session() -> &'static Arc<SessionState> {
    static SESSION: OnceLock<Arc<SessionState>> = OnceLock::new();
    SESSION.get_or_init(|| {
        let mut config = SessionConfig::new()
            .with_target_partitions(1)
            .with_batch_size(8192);
        config.options_mut().optimizer.max_passes = 1;
        let runtime = RuntimeEnvBuilder::new()
            .with_memory_pool(QueryPool::new(MEMORY_BYTES))
            .build_arc();
        let mut builder = SessionStateBuilder::new().with_config(config);
        if let Ok(runtime) = runtime {
            builder = builder.with_runtime_env(runtime);
        }
        Arc::new(builder.with_optimizer_rules(logical_rules()).build())
    })
}

pub(super) fn logical_rules() -> Vec<Arc<dyn OptimizerRule + Send + Sync>> {
    vec![
        Arc::new(PushDownLimit::new()),
        Arc::new(OptimizeProjections::new()),
    ]
}

pub(super) fn scan(schema: SchemaRef, batches: Vec<RecordBatch>) -> Ran<LogicalPlan> {
    let table = MemTable::try_new(schema, vec![batches])?;
    let source = provider_as_source(Arc::new(table));
    Ok(LogicalPlanBuilder::scan("events", source, None)?.build()?)
}

async fn physical(session: &SessionState, plan: &LogicalPlan) -> Ran<Arc<dyn ExecutionPlan>> {
    Ok(session.create_physical_plan(plan).await?)
}

/// All rows of a plan.
async fn rows(session: &SessionState, plan: &LogicalPlan) -> Ran<Rows> {
    let physical = physical(session, plan).await?;
    let mut stream = execute_stream(physical.clone(), session.task_ctx())?;
    let held = reservation(&session.runtime_env().memory_pool, "rows");
    let (mut batches, mut weight) = (Vec::new(), Weight::default());
    while let Some(batch) = next(&mut stream).await {
        let batch = batch?;
        work::spend(batch.num_rows())?;
        held.try_grow(weight.add(&batch))?;
        batches.push(batch);
    }
    Ok((physical.schema(), batches, held))
}

async fn answer(
    session: &SessionState,
    finish: Finish,
    order: &[usize],
    statistics: Statistics,
    warnings: Vec<Warning>,
) -> Ran<QueryResult> {
    let physical = physical(session, &finish.plan).await?;
    let stream = execute_stream(physical, session.task_ctx())?;
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

pub(super) async fn next(
    stream: &mut SendableRecordBatchStream,
) -> Option<Result<RecordBatch, DataFusionError>> {
    std::future::poll_fn(|context| stream.as_mut().poll_next(context)).await
}

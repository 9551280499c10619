//! Executes statements within their limits.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::Poll;

use datafusion::datasource::physical_plan::FileScanConfig;
use datafusion::datasource::source::DataSourceExec;
use datafusion::execution::SessionState;
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::execution::session_state::SessionStateBuilder;
use datafusion::optimizer::OptimizerRule;
use datafusion::optimizer::optimizer::Optimizer;
use datafusion::physical_optimizer::optimizer::PhysicalOptimizer;
use datafusion::physical_plan::{ExecutionPlan, execute_stream};
use datafusion::prelude::SessionConfig;
use futures::StreamExt;
use tokio::runtime::Handle;

use super::ast::Query;
use super::catalog::{AthenaCatalog, Buckets, View};
use super::change;
use super::deadline::{self, End};
use super::error::{Checked, Fault, LIMIT, SECONDS};
use super::explain;
use super::files::{Opener, discover};
use super::plan::Planner;
use super::result::{AthenaColumn, AthenaResult, StatementType, is_far, print};
use super::scope::Relation;
use super::statement::{self, Statement, TableName};
use super::steady::{SmallSide, Turns};
use super::types::Type;
use super::value;
use super::{AthenaOptions, Limits};
use crate::budget::{QueryPool, reservation};
use crate::files::{ByCode, Direct};
use crate::scan::{BestFirst, Threads};

/// Bytes of a statement that the API takes.
const TEXT_MAX: usize = 262_144;
/// Bytes of files from which on a query may use several threads. Below, one is quick enough, and
/// rows without ORDER BY come in the same order every time.
const LARGE_BYTES: u64 = 32 << 20;

pub(super) async fn run(
    sql: &str,
    catalog: &mut AthenaCatalog,
    buckets: &Buckets,
    options: &AthenaOptions,
) -> Checked<AthenaResult> {
    check_length(sql)?;
    let database = options.database.to_lowercase();
    let now = options.now.as_millis() as i64;
    let opener = Opener::new(buckets, now);
    let end = &End::of(sql, options, buckets.stopped());
    // Constants are computed while a query is planned, so its time begins here.
    let plan = |query: &Query| {
        let planner = Planner::new(sql, catalog, &opener, &database, now);
        let relation = deadline::within(end, || planner.query(query, None))?;
        let notes = planner.notes.take();
        Ok::<_, Fault>((relation, notes))
    };
    match statement::parse(sql)? {
        Statement::Query(query) => {
            let (relation, notes) = plan(&query)?;
            let work = rows(&relation, &options.limits, end);
            let (rows, far) = limited(&options.limits, end, work).await?;
            let mut answer = answer(relation, rows, opener.bytes_scanned());
            answer.notes = [notes, opener.notes(), far_notes(far)].concat();
            Ok(answer)
        }
        Statement::Explain(query, analyze) => {
            let (relation, notes) = plan(&query)?;
            let work = explained(&relation, &options.limits, end, analyze);
            let footer = limited(&options.limits, end, work).await?;
            let names: Vec<String> = columns(&relation).into_iter().map(|c| c.name).collect();
            let mut lines = explain::lines(sql, &query, &names, opener.read());
            lines.extend(footer.map(|rows| {
                let bytes = opener.bytes_scanned();
                format!("Output: {rows} rows, read: {bytes} bytes")
            }));
            let mut answer = told("Query Plan", lines);
            answer.notes = notes;
            Ok(answer)
        }
        Statement::Validate(query) => {
            plan(&query)?;
            Ok(told("Valid", vec!["true".to_owned()]))
        }
        Statement::CreateView {
            name,
            or_replace,
            query,
            parsed,
        } => {
            let (relation, _) = plan(&parsed)?;
            for (at, column) in relation.columns.iter().enumerate() {
                if column.name.is_empty() {
                    let message = format!("Column name not specified at position {}", at + 1);
                    return Err(Fault::bare("MISSING_COLUMN_NAME", message));
                }
            }
            change::create_view(catalog, &database, name, or_replace, query)
        }
        Statement::Repair(name) => repair(&name, &database, catalog, buckets).await,
        other => match viewed(&other, catalog, &database) {
            None => change::run(other, catalog, &database),
            Some((name, view)) => {
                let planner = Planner::new(sql, catalog, &opener, &database, now);
                let table = planner.view_as_table(name, view)?;
                let mut with = catalog.clone();
                let key = name.database.as_ref().unwrap_or(&database).clone();
                let tables = &mut with.databases.entry(key).or_default().tables;
                tables.insert(name.name.clone(), table);
                change::run(other, &mut with, &database)
            }
        },
    }
}

/// The view whose columns a statement asks for.
fn viewed<'a>(
    statement: &'a Statement,
    catalog: &'a AthenaCatalog,
    current: &str,
) -> Option<(&'a TableName, &'a View)> {
    let (Statement::Describe { name, .. } | Statement::ShowColumns(name)) = statement else {
        return None;
    };
    let database = catalog
        .databases
        .get(name.database.as_deref().unwrap_or(current))?;
    Some((name, database.views.get(&name.name)?))
}

fn check_length(sql: &str) -> Checked<()> {
    if sql.len() > TEXT_MAX {
        let message = format!("Query string exceeds the maximum length of {TEXT_MAX} bytes");
        return Err(Fault::new(super::error::SYNTAX, 0, message));
    }
    Ok(())
}

/// MSCK REPAIR: adds what it finds, or says why it finds nothing.
async fn repair(
    name: &TableName,
    database: &str,
    catalog: &mut AthenaCatalog,
    buckets: &Buckets,
) -> Checked<AthenaResult> {
    let table = change::table(catalog, name, database)?.clone();
    let (found, other) = discover(buckets, &table).await?;
    let note = found
        .is_empty()
        .then(|| super::notes::unrepaired(&name.name, &table, other.as_deref()));
    let mut repaired = change::repair(catalog, name, database, found)?;
    repaired.notes.extend(note);
    Ok(repaired)
}

/// A session for one query.
fn session(limits: &Limits, end: &End, partitions: usize) -> Checked<SessionState> {
    let mut config = SessionConfig::new().with_target_partitions(partitions);
    config.options_mut().execution.coalesce_batches = true;
    // Rules that reorder conditions would evaluate what an earlier condition guards.
    let rules = Optimizer::new().rules.into_iter();
    let rules = rules.filter(|rule| rule.name() != "simplify_expressions");
    let own: [Arc<dyn OptimizerRule + Send + Sync>; 2] = [Arc::new(Direct), Arc::new(ByCode)];
    let rules = own.into_iter().chain(rules).collect();
    let memory = usize::try_from(limits.memory_bytes).unwrap_or(usize::MAX);
    let runtime = RuntimeEnvBuilder::new()
        .with_memory_pool(QueryPool::new(memory))
        .with_disk_manager_builder(
            datafusion::execution::disk_manager::DiskManagerBuilder::default()
                .with_mode(datafusion::execution::disk_manager::DiskManagerMode::Disabled),
        )
        .build()?;
    let mut physical_rules = PhysicalOptimizer::new().rules;
    let chosen = physical_rules
        .iter()
        .position(|rule| rule.name() == "join_selection");
    let behind = chosen.map_or(physical_rules.len(), |at| at + 1);
    physical_rules.insert(behind, Arc::new(SmallSide));
    physical_rules.push(Arc::new(BestFirst));
    physical_rules.push(Arc::new(Threads));
    physical_rules.push(Arc::new(Turns { end: end.clone() }));
    Ok(SessionStateBuilder::new()
        .with_config(config)
        .with_runtime_env(Arc::new(runtime))
        .with_default_features()
        .with_optimizer_rules(rules)
        .with_physical_optimizer_rules(physical_rules)
        .build())
}

type Rows = Vec<Vec<Option<String>>>;

/// Bytes of a cell of the result beside its text, and of a row beside its cells.
const CELL: usize = 40;

/// Bytes of the files that a plan reads, as they lie in the store.
fn file_bytes(plan: &Arc<dyn ExecutionPlan>) -> u64 {
    let here = plan
        .downcast_ref::<DataSourceExec>()
        .and_then(|scan| scan.data_source().downcast_ref::<FileScanConfig>());
    let files = here.iter().flat_map(|scan| &scan.file_groups);
    let files = files.flat_map(|group| group.files());
    let here: u64 = files.map(|file| file.object_meta.size).sum();
    here + plan.children().into_iter().map(file_bytes).sum::<u64>()
}

/// The plan on one thread, or on more if it reads much.
async fn physical(
    relation: &Relation,
    limits: &Limits,
    end: &End,
) -> Checked<(Arc<dyn ExecutionPlan>, SessionState)> {
    let state = session(limits, end, 1)?;
    let plan = state.create_physical_plan(&relation.plan).await?;
    let threads = limits.threads.max(1);
    // Threads are those of a runtime, if there is one.
    if threads == 1 || file_bytes(&plan) < LARGE_BYTES || Handle::try_current().is_err() {
        return Ok((plan, state));
    }
    let state = session(limits, end, threads)?;
    let plan = state.create_physical_plan(&relation.plan).await?;
    Ok((plan, state))
}

/// The rows, and whether a moment among them is beyond the year 9999.
async fn rows(relation: &Relation, limits: &Limits, end: &End) -> Checked<(Rows, bool)> {
    let (plan, state) = physical(relation, limits, end).await?;
    let mut stream = execute_stream(plan, state.task_ctx())?;
    let mut rows: Rows = Vec::new();
    let mut far = false;
    let held = reservation(&state.runtime_env().memory_pool, "result");
    while let Some(batch) = stream.next().await {
        let batch = batch?;
        let columns = batch.columns().iter().zip(&relation.columns);
        let columns = columns.map(|(array, column)| value::fitted(array, &column.ty));
        let columns = columns.collect::<Result<Vec<_>, _>>()?;
        for row in 0..batch.num_rows() {
            let cells = columns.iter().zip(&relation.columns);
            let cells: Vec<Option<String>> = cells
                .map(|(array, column)| {
                    let value = value::get(array, &column.ty, row);
                    far |= is_far(&value, &column.ty);
                    print(&value, &column.ty)
                })
                .collect();
            let texts: usize = cells.iter().flatten().map(String::len).sum();
            held.try_grow(texts + (cells.len() + 1) * CELL)
                .map_err(|_| too_large())?;
            rows.push(cells);
            if rows.len() as u64 > limits.rows {
                let message = format!(
                    "Query exceeded the limit of {} result rows; a LIMIT keeps fewer",
                    limits.rows
                );
                return Err(Fault::bare(LIMIT, message));
            }
        }
        give_way().await;
    }
    Ok((rows, far))
}

/// What to say if moments are beyond the year 9999.
fn far_notes(far: bool) -> Vec<String> {
    let note = || format!("moments lie beyond the year 9999: {SECONDS}");
    far.then(note).into_iter().collect()
}

fn too_large() -> Fault {
    Fault::bare(
        LIMIT,
        "Query exhausted resources at this scale factor: its result needs more memory than it may use",
    )
}

/// Lets the deadline, and whoever drops the query, have a turn.
async fn give_way() {
    let mut waited = false;
    std::future::poll_fn(|context| {
        if waited {
            return Poll::Ready(());
        }
        waited = true;
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// Ends the work at its deadline. A plan looks at the clock itself and returns to the executor
/// every few milliseconds (`steady`), so this needs no timer.
async fn limited<T>(
    limits: &Limits,
    end: &End,
    work: impl Future<Output = Checked<T>>,
) -> Checked<T> {
    let mut work = pin!(work);
    let done = std::future::poll_fn(|context| {
        let done = deadline::within(end, || work.as_mut().poll(context));
        if done.is_pending() && end.is_over() {
            return Poll::Ready(Err(deadline::over()));
        }
        done
    });
    done.await.map_err(|mut fault| {
        if fault == deadline::over() {
            let seconds = limits.time.as_secs_f64();
            fault.message = match end.stopped.load(Ordering::Relaxed) {
                true => "Query was stopped".to_owned(),
                false => format!("Query timeout: it runs longer than {seconds} s"),
            };
        }
        fault
    })
}

fn columns(relation: &Relation) -> Vec<AthenaColumn> {
    let columns = relation.columns.iter().enumerate().map(|(at, column)| {
        let unnamed = format!("_col{at}");
        let name = if column.shown.is_empty() {
            &unnamed
        } else {
            &column.shown
        };
        AthenaColumn::new(name, &column.ty)
    });
    columns.collect()
}

fn answer(relation: Relation, rows: Rows, bytes_scanned: u64) -> AthenaResult {
    AthenaResult {
        statement: StatementType::Dml,
        substatement: "SELECT",
        columns: columns(&relation),
        rows,
        bytes_scanned,
        notes: Vec::new(),
    }
}

/// Finds the files of a query; runs it and counts its rows if they are asked for.
async fn explained(
    relation: &Relation,
    limits: &Limits,
    end: &End,
    analyze: bool,
) -> Checked<Option<usize>> {
    if analyze {
        return Ok(Some(rows(relation, limits, end).await?.0.len()));
    }
    physical(relation, limits, end).await?;
    Ok(None)
}

/// Lines under one name.
fn told(name: &str, lines: Vec<String>) -> AthenaResult {
    AthenaResult {
        statement: StatementType::Utility,
        substatement: "EXPLAIN",
        columns: vec![AthenaColumn::new(name, &Type::TEXT)],
        rows: lines.into_iter().map(|line| vec![Some(line)]).collect(),
        bytes_scanned: 0,
        notes: Vec::new(),
    }
}

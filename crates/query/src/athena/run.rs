//! Executes statements within their limits.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Instant;

use datafusion::execution::SessionState;
use datafusion::execution::memory_pool::GreedyMemoryPool;
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::execution::session_state::SessionStateBuilder;
use datafusion::logical_expr::LogicalPlan;
use datafusion::optimizer::optimizer::Optimizer;
use datafusion::physical_optimizer::optimizer::PhysicalOptimizer;
use datafusion::physical_plan::{displayable, execute_stream};
use datafusion::prelude::SessionConfig;
use futures::StreamExt;

use super::catalog::{AthenaCatalog, Buckets};
use super::change;
use super::cursor::Cursor;
use super::error::{Checked, Fault, LIMIT};
use super::files::{Opener, discover};
use super::plan::Planner;
use super::result::{AthenaColumn, AthenaResult, StatementType, print};
use super::scope::Relation;
use super::statement::{self, Statement};
use super::types::Type;
use super::value;
use super::{AthenaOptions, Limits};
use crate::scan::Threads;

/// Bytes of a statement that the API takes.
const TEXT_MAX: usize = 262_144;

pub(super) async fn run(
    sql: &str,
    catalog: &mut AthenaCatalog,
    buckets: &Buckets,
    options: &AthenaOptions,
) -> Checked<AthenaResult> {
    if sql.len() > TEXT_MAX {
        let message = format!("Query string exceeds the maximum length of {TEXT_MAX} bytes");
        return Err(Fault::new(super::error::SYNTAX, 0, message));
    }
    let database = options.database.to_lowercase();
    match statement::parse(sql)? {
        Statement::Query(_) => {
            let opener = Opener::new(buckets, options.now.as_millis() as i64);
            let relation = plan(
                sql,
                catalog,
                &opener,
                &database,
                options.now.as_millis() as i64,
            )?;
            let rows = limited(&options.limits, rows(&relation, &options.limits)).await?;
            Ok(answer(relation, rows, opener.bytes_scanned()))
        }
        Statement::Explain(_) => {
            let opener = Opener::new(buckets, options.now.as_millis() as i64);
            let relation = plan(
                sql,
                catalog,
                &opener,
                &database,
                options.now.as_millis() as i64,
            )?;
            explain(relation, &options.limits).await
        }
        Statement::CreateView {
            name,
            or_replace,
            query,
            parsed,
        } => {
            let opener = Opener::new(buckets, options.now.as_millis() as i64);
            let planner = Planner::new(
                sql,
                catalog,
                &opener,
                &database,
                options.now.as_millis() as i64,
            );
            let relation = planner.query(&parsed, None)?;
            for (at, column) in relation.columns.iter().enumerate() {
                if column.name.is_empty() {
                    let message = format!("Column name not specified at position {}", at + 1);
                    return Err(Fault::bare("MISSING_COLUMN_NAME", message));
                }
            }
            change::create_view(catalog, &database, name, or_replace, query)
        }
        Statement::Repair(name) => {
            let table = change::table(catalog, &name, &database)?.clone();
            let found = discover(buckets, &table).await?;
            change::repair(catalog, &name, &database, found)
        }
        other => change::run(other, catalog, &database),
    }
}

/// Plans the query of a statement.
fn plan(
    sql: &str,
    catalog: &AthenaCatalog,
    opener: &Opener<'_>,
    database: &str,
    now: i64,
) -> Checked<Relation> {
    let mut cursor = Cursor::new(sql)?;
    cursor.takes("EXPLAIN");
    let query = cursor.query()?;
    Planner::new(sql, catalog, opener, database, now).query(&query, None)
}

fn session(limits: &Limits) -> Checked<SessionState> {
    let mut config = SessionConfig::new().with_target_partitions(limits.threads.max(1));
    config.options_mut().execution.coalesce_batches = true;
    // Rules that reorder conditions would evaluate what an earlier condition guards.
    let rules = Optimizer::new().rules.into_iter();
    let rules = rules
        .filter(|rule| rule.name() != "simplify_expressions")
        .collect();
    let memory = usize::try_from(limits.memory_bytes).unwrap_or(usize::MAX);
    let runtime = RuntimeEnvBuilder::new()
        .with_memory_pool(Arc::new(GreedyMemoryPool::new(memory)))
        .with_disk_manager_builder(
            datafusion::execution::disk_manager::DiskManagerBuilder::default()
                .with_mode(datafusion::execution::disk_manager::DiskManagerMode::Disabled),
        )
        .build()?;
    let mut physical_rules = PhysicalOptimizer::new().rules;
    physical_rules.push(Arc::new(Threads));
    Ok(SessionStateBuilder::new()
        .with_config(config)
        .with_runtime_env(Arc::new(runtime))
        .with_default_features()
        .with_optimizer_rules(rules)
        .with_physical_optimizer_rules(physical_rules)
        .build())
}

type Rows = Vec<Vec<Option<String>>>;

async fn rows(relation: &Relation, limits: &Limits) -> Checked<Rows> {
    let state = session(limits)?;
    let plan = state.create_physical_plan(&relation.plan).await?;
    let mut stream = execute_stream(plan, state.task_ctx())?;
    let mut rows: Rows = Vec::new();
    let mut bytes = 0_u64;
    while let Some(batch) = stream.next().await {
        let batch = batch?;
        let columns = batch.columns().iter().zip(&relation.columns);
        let columns = columns.map(|(array, column)| value::fitted(array, &column.ty));
        let columns = columns.collect::<Result<Vec<_>, _>>()?;
        for row in 0..batch.num_rows() {
            let cells = columns.iter().zip(&relation.columns);
            let cells: Vec<Option<String>> = cells
                .map(|(array, column)| print(&value::get(array, &column.ty, row), &column.ty))
                .collect();
            bytes += cells
                .iter()
                .flatten()
                .map(|cell| cell.len() as u64 + 24)
                .sum::<u64>();
            rows.push(cells);
            if rows.len() as u64 > limits.rows {
                let message = format!(
                    "Query exceeded the limit of {} result rows; a LIMIT keeps fewer",
                    limits.rows
                );
                return Err(Fault::bare(LIMIT, message));
            }
            if bytes > limits.memory_bytes {
                return Err(Fault::bare(
                    LIMIT,
                    "Query exhausted resources at this scale factor: its result needs more memory than it may use",
                ));
            }
        }
        give_way().await;
    }
    Ok(rows)
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

/// Ends the work at its deadline. DataFusion's operators return to the executor every few
/// batches, so looking at the clock whenever the work is polled needs no timer.
async fn limited<T>(limits: &Limits, work: impl Future<Output = Checked<T>>) -> Checked<T> {
    let start = Instant::now();
    let mut work = pin!(work);
    std::future::poll_fn(|context| {
        let done = work.as_mut().poll(context);
        if done.is_pending() && start.elapsed() > limits.time {
            let seconds = limits.time.as_secs_f64();
            let message = format!("Query timeout: it runs longer than {seconds} s");
            return Poll::Ready(Err(Fault::bare(LIMIT, message)));
        }
        done
    })
    .await
}

fn answer(relation: Relation, rows: Rows, bytes_scanned: u64) -> AthenaResult {
    let columns = relation.columns.iter().enumerate().map(|(at, column)| {
        let unnamed = format!("_col{at}");
        let name = if column.shown.is_empty() {
            &unnamed
        } else {
            &column.shown
        };
        AthenaColumn::new(name, &column.ty)
    });
    AthenaResult {
        statement: StatementType::Dml,
        substatement: "SELECT",
        columns: columns.collect(),
        rows,
        bytes_scanned,
    }
}

/// The plan as lines of text: DataFusion's, since that is what runs.
async fn explain(relation: Relation, limits: &Limits) -> Checked<AthenaResult> {
    let state = session(limits)?;
    let logical: LogicalPlan = state.optimize(&relation.plan)?;
    let physical = state
        .query_planner()
        .create_physical_plan(&logical, &state)
        .await?;
    let text = displayable(physical.as_ref()).indent(false).to_string();
    let rows = text
        .lines()
        .map(|line| vec![Some(line.to_owned())])
        .collect();
    Ok(AthenaResult {
        statement: StatementType::Utility,
        substatement: "EXPLAIN",
        columns: vec![AthenaColumn::new("Query Plan", &Type::TEXT)],
        rows,
        bytes_scanned: 0,
    })
}

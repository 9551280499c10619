//! Plans that give way: to their deadline, to whoever drops them, to the smaller side of a join.
//!
//! A join of a few small tables has more rows than anyone can wait for, and DataFusion's joins make
//! them without ever returning to the runtime. Three changes to a plan, the last of all:
//!
//! - The side of a join that is itself a join passes by, the other one is kept in memory. So
//!   `a, b, c, d` keeps four tables, not the product of three.
//! - Behind joins, scans and threads stands a [`Steady`], which looks at the clock for each batch
//!   and returns to the runtime every few milliseconds.
//! - The condition of a join looks at the clock too: it may be false for a billion pairs, and then
//!   there is no batch.
//!
//! What looks at the clock counts the rows as well, since only that is the same everywhere.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use datafusion::arrow::datatypes::{DataType, FieldRef, Schema, SchemaRef};
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::common::Result;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::datasource::source::DataSourceExec;
use datafusion::execution::{RecordBatchStream, SendableRecordBatchStream};
use datafusion::logical_expr::ColumnarValue;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::aggregates::AggregateExec;
use datafusion::physical_plan::joins::utils::JoinFilter;
use datafusion::physical_plan::joins::{
    CrossJoinExec, HashJoinExec, NestedLoopJoinExec, NestedLoopJoinExecBuilder,
};
use datafusion::physical_plan::unnest::UnnestExec;
use datafusion::physical_plan::{ExecutionPlan, replace_children_if_necessary};
use futures::{Stream, StreamExt};

use super::deadline::{self, End};
use crate::scan::{Beside, OnThreads, Passing, Thread};

/// How long a plan may run before it returns to the runtime.
const TURN: Duration = Duration::from_millis(10);

fn is_join(plan: &dyn ExecutionPlan) -> bool {
    plan.is::<CrossJoinExec>() || plan.is::<HashJoinExec>() || plan.is::<NestedLoopJoinExec>()
}

/// Whether as many rows come out of a plan as a join makes: one that groups them or takes the first
/// few has few again.
fn has_join(plan: &Arc<dyn ExecutionPlan>) -> bool {
    let few = plan.is::<AggregateExec>() || plan.fetch().is_some();
    is_join(plan.as_ref()) || (!few && plan.children().into_iter().any(has_join))
}

/// Turns joins over, so that the side with joins in it passes by.
#[derive(Debug)]
pub(super) struct SmallSide;

impl PhysicalOptimizerRule for SmallSide {
    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        _config: &ConfigOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        plan.transform_up(turned).data()
    }

    fn name(&self) -> &str {
        "small_side"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

fn turned(plan: Arc<dyn ExecutionPlan>) -> Result<Transformed<Arc<dyn ExecutionPlan>>> {
    let children = plan.children();
    let [left, right] = children.as_slice() else {
        return Ok(Transformed::no(plan));
    };
    if !has_join(left) || has_join(right) {
        return Ok(Transformed::no(plan));
    }
    let other = if let Some(join) = plan.downcast_ref::<CrossJoinExec>() {
        join.swap_inputs()?
    } else if let Some(join) = plan.downcast_ref::<NestedLoopJoinExec>()
        && join.join_type().supports_swap()
    {
        join.swap_inputs()?
    } else if let Some(join) = plan.downcast_ref::<HashJoinExec>()
        && join.join_type().supports_swap()
        && !join.null_aware
    {
        join.swap_inputs(*join.partition_mode())?
    } else {
        return Ok(Transformed::no(plan));
    };
    Ok(Transformed::yes(other))
}

/// Puts a [`Steady`] wherever a plan may stay for long.
#[derive(Debug)]
pub(super) struct Turns {
    /// When the query ends.
    pub(super) end: End,
}

impl PhysicalOptimizerRule for Turns {
    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        _config: &ConfigOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let taking_turns = |plan: Arc<dyn ExecutionPlan>| {
            let end = self.end.clone();
            let steady = Steady { end, each: 1 };
            let long =
                is_join(plan.as_ref()) || plan.is::<UnnestExec>() || plan.is::<DataSourceExec>();
            if plan.is::<OnThreads>() {
                let inner = Arc::clone(plan.children()[0]);
                let inner: Arc<dyn ExecutionPlan> = Arc::new(Passing::new(inner, steady));
                return Ok(Transformed::yes(
                    Arc::new(OnThreads::new(inner, Thread)) as Arc<_>
                ));
            }
            if let Some(sets) = grouping_sets(&plan) {
                let inner = Arc::clone(plan.children()[0]);
                let steady = Steady {
                    each: sets,
                    ..steady
                };
                let inner: Arc<dyn ExecutionPlan> = Arc::new(Passing::new(inner, steady));
                return Ok(Transformed::yes(replace_children_if_necessary(
                    plan,
                    vec![inner],
                )?));
            }
            if !long {
                return Ok(Transformed::no(plan));
            }
            let plan: Arc<dyn ExecutionPlan> = Arc::new(Passing::new(guarded(plan)?, steady));
            Ok(Transformed::yes(plan))
        };
        plan.transform_up(taking_turns).data()
    }

    fn name(&self) -> &str {
        "turns"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

/// How many grouping sets each row of a plan's input is put into, if more than one.
fn grouping_sets(plan: &Arc<dyn ExecutionPlan>) -> Option<usize> {
    let aggregate = plan.downcast_ref::<AggregateExec>()?;
    let sets = aggregate.group_expr().groups().len();
    (sets > 1).then_some(sets)
}

/// A join whose condition looks at the clock.
fn guarded(plan: Arc<dyn ExecutionPlan>) -> Result<Arc<dyn ExecutionPlan>> {
    let watched = |filter: &JoinFilter| {
        let watched = Arc::new(Watched(Arc::clone(filter.expression())));
        let columns = filter.column_indices().to_vec();
        JoinFilter::new(watched, columns, Arc::clone(filter.schema()))
    };
    if let Some(join) = plan.downcast_ref::<NestedLoopJoinExec>()
        && let Some(filter) = join.filter()
    {
        let join = NestedLoopJoinExecBuilder::from(join).with_filter(Some(watched(filter)));
        return Ok(Arc::new(join.build()?));
    }
    if let Some(join) = plan.downcast_ref::<HashJoinExec>()
        && let Some(filter) = join.filter()
    {
        let join = join.builder().with_filter(Some(watched(filter)));
        return Ok(Arc::new(join.build()?));
    }
    Ok(plan)
}

/// An expression that counts its rows, and fails once the query has to end.
#[derive(Debug)]
struct Watched(Arc<dyn PhysicalExpr>);

impl PartialEq for Watched {
    fn eq(&self, other: &Self) -> bool {
        self.0.eq(&other.0)
    }
}

impl Eq for Watched {}

impl Hash for Watched {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

impl fmt::Display for Watched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl PhysicalExpr for Watched {
    fn data_type(&self, schema: &Schema) -> Result<DataType> {
        self.0.data_type(schema)
    }

    fn nullable(&self, schema: &Schema) -> Result<bool> {
        self.0.nullable(schema)
    }

    fn return_field(&self, schema: &Schema) -> Result<FieldRef> {
        self.0.return_field(schema)
    }

    fn evaluate(&self, batch: &RecordBatch) -> Result<ColumnarValue> {
        deadline::spend(batch.num_rows())?;
        self.0.evaluate(batch)
    }

    fn children(&self) -> Vec<&Arc<dyn PhysicalExpr>> {
        vec![&self.0]
    }

    fn with_new_children(
        self: Arc<Self>,
        mut children: Vec<Arc<dyn PhysicalExpr>>,
    ) -> Result<Arc<dyn PhysicalExpr>> {
        Ok(Arc::new(Self(children.remove(0))))
    }

    fn fmt_sql(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt_sql(f)
    }
}

/// Looks at the clock and gives others a turn.
#[derive(Clone, Debug)]
struct Steady {
    end: End,
    /// What a row weighs.
    each: usize,
}

impl Beside for Steady {
    const NAME: &'static str = "Steady";

    fn pass(&self, input: SendableRecordBatchStream) -> Result<SendableRecordBatchStream> {
        let (end, each) = (self.end.clone(), self.each);
        let turn = Instant::now();
        Ok(Box::pin(SteadyStream {
            input,
            end,
            each,
            turn,
        }))
    }
}

struct SteadyStream {
    input: SendableRecordBatchStream,
    end: End,
    each: usize,
    /// When it last returned to the runtime.
    turn: Instant,
}

impl Stream for SteadyStream {
    type Item = Result<RecordBatch>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        if this.end.is_over() {
            return Poll::Ready(Some(Err(deadline::over().into())));
        }
        let now = Instant::now();
        if now.duration_since(this.turn) > TURN {
            this.turn = now;
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let input = &mut this.input;
        let polled = deadline::within(&this.end, || input.poll_next_unpin(cx));
        match &polled {
            Poll::Pending => this.turn = Instant::now(),
            Poll::Ready(Some(Ok(batch))) => {
                if let Err(fault) = this.end.spend(batch.num_rows() * this.each) {
                    return Poll::Ready(Some(Err(fault.into())));
                }
            }
            Poll::Ready(_) => {}
        }
        polled
    }
}

impl RecordBatchStream for SteadyStream {
    fn schema(&self) -> SchemaRef {
        self.input.schema()
    }
}

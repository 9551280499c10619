//! The few rows that may be among the first, before anything is computed of them.
//!
//! `ORDER BY b DESC, srcaddr LIMIT 20` over millions of groups makes the text of every address, to
//! throw away all but twenty. Which rows can be among the twenty is known from `b` alone: a row
//! whose `b` is below that of twenty others is not. [`Best`] stands below the projections that a
//! sort with a limit reads, and passes on what may be among its rows: all with equal `b`, and what
//! came before better rows did.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, BooleanArray};
use datafusion::arrow::compute::filter_record_batch;
use datafusion::arrow::datatypes::{DataType, Float64Type, Int64Type};
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::common::Result;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::execution::SendableRecordBatchStream;
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::projection::ProjectionExec;
use datafusion::physical_plan::sorts::sort::SortExec;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{ChildrenPropertiesMode, ExecutionPlan, ReplaceChildrenOptions};
use futures::StreamExt;

use super::pass::{Beside, Passing};

/// Rows of a sort for which it is worth while.
const ROWS_MAX: usize = 100_000;

/// The rule that puts a [`Best`] below sorts; behind those that make sorts.
#[derive(Debug)]
pub(crate) struct BestFirst;

impl PhysicalOptimizerRule for BestFirst {
    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        _config: &ConfigOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let narrowed = |plan: Arc<dyn ExecutionPlan>| {
            let input = plan.downcast_ref::<SortExec>().map(narrowed_input);
            let Some(input) = input.transpose()?.flatten() else {
                return Ok(Transformed::no(plan));
            };
            replaced(plan, input).map(Transformed::yes)
        };
        plan.transform_up(narrowed).data()
    }

    fn name(&self) -> &str {
        "best_first"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

fn replaced(
    plan: Arc<dyn ExecutionPlan>,
    input: Arc<dyn ExecutionPlan>,
) -> Result<Arc<dyn ExecutionPlan>> {
    let options = ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute);
    plan.replace_children(vec![input], options)
}

/// The sort's input with a [`Best`] in it; `None` if it would change nothing.
fn narrowed_input(sort: &SortExec) -> Result<Option<Arc<dyn ExecutionPlan>>> {
    let Some(rows) = sort.fetch().filter(|rows| (1..=ROWS_MAX).contains(rows)) else {
        return Ok(None);
    };
    let first = sort.expr().first();
    let Some(column) = first.expr.downcast_ref::<Column>() else {
        return Ok(None);
    };
    let best = Best {
        column: column.index(),
        descending: first.options.descending,
        rows,
    };
    below(sort.input(), best)
}

/// Puts it below the projections.
fn below(plan: &Arc<dyn ExecutionPlan>, best: Best) -> Result<Option<Arc<dyn ExecutionPlan>>> {
    let Some(projection) = plan.downcast_ref::<ProjectionExec>() else {
        return Ok(None);
    };
    let from = &projection.expr()[best.column].expr;
    let Some(column) = from.downcast_ref::<Column>() else {
        return Ok(None);
    };
    let best = Best {
        column: column.index(),
        ..best
    };
    let input = projection.input();
    let narrowed = match below(input, best)? {
        Some(narrowed) => narrowed,
        None => {
            let data_type = input.schema().field(best.column).data_type().clone();
            if !matches!(data_type, DataType::Int64 | DataType::Float64) {
                return Ok(None);
            }
            Arc::new(Passing::new(input.clone(), best))
        }
    };
    replaced(plan.clone(), narrowed).map(Some)
}

/// Passes on rows that may be among the first of each partition.
#[derive(Clone, Copy, Debug)]
struct Best {
    /// What is sorted by first.
    column: usize,
    descending: bool,
    /// How many are wanted.
    rows: usize,
}

impl Beside for Best {
    const NAME: &'static str = "Best";

    fn pass(&self, input: SendableRecordBatchStream) -> Result<SendableRecordBatchStream> {
        let schema = input.schema();
        let mut seen = Seen {
            best: *self,
            values: BinaryHeap::new(),
        };
        let batches = input.filter_map(move |batch| {
            let kept = batch.and_then(|batch| seen.keep(batch));
            let some = kept.as_ref().map_or(true, |batch| batch.num_rows() > 0);
            std::future::ready(some.then_some(kept))
        });
        Ok(Box::pin(RecordBatchStreamAdapter::new(schema, batches)))
    }
}

/// The best values so far.
struct Seen {
    best: Best,
    /// At most as many as rows are wanted, as numbers that are greater the better they are; the
    /// worst on top.
    values: BinaryHeap<Reverse<i64>>,
}

impl Seen {
    fn keep(&mut self, batch: RecordBatch) -> Result<RecordBatch> {
        let column = batch.column(self.best.column);
        let kept = self.kept(column);
        Ok(filter_record_batch(&batch, &kept)?)
    }

    /// Which rows may be among the best. NULL is kept: where it stands is the sort's business.
    fn kept(&mut self, column: &ArrayRef) -> BooleanArray {
        let take = |(row, number): (usize, i64)| column.is_null(row) || self.take(number);
        let kept: Vec<bool> = match column.data_type() {
            DataType::Int64 => {
                let numbers = column.as_primitive::<Int64Type>().values().iter();
                numbers.copied().enumerate().map(take).collect()
            }
            _ => {
                let numbers = column.as_primitive::<Float64Type>().values().iter();
                let numbers = numbers.map(|number| ordered(*number));
                numbers.enumerate().map(take).collect()
            }
        };
        BooleanArray::from(kept)
    }

    /// Whether no more than the wanted number of values before it are better.
    #[inline]
    fn take(&mut self, number: i64) -> bool {
        let value = if self.best.descending {
            number
        } else {
            !number
        };
        if self.values.len() < self.best.rows {
            self.values.push(Reverse(value));
            return true;
        }
        let Some(mut worst) = self.values.peek_mut() else {
            return true;
        };
        if value > worst.0 {
            *worst = Reverse(value);
            return true;
        }
        value == worst.0
    }
}

/// A number that is greater where the float is, in the order in which floats are sorted.
fn ordered(number: f64) -> i64 {
    let bits = number.to_bits() as i64;
    bits ^ (((bits >> 63) as u64) >> 1) as i64
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::array::{Float64Array, Int64Array};

    use super::*;

    fn kept(descending: bool, rows: usize, batches: Vec<ArrayRef>) -> Vec<Vec<bool>> {
        let best = Best {
            column: 0,
            descending,
            rows,
        };
        let mut seen = Seen {
            best,
            values: BinaryHeap::new(),
        };
        let masks = batches.iter().map(|batch| seen.kept(batch));
        masks.map(|mask| mask.iter().flatten().collect()).collect()
    }

    #[test]
    fn rows_that_others_push_out_are_left_out_and_equal_ones_stay() {
        let batches: Vec<ArrayRef> = vec![
            Arc::new(Int64Array::from(vec![Some(5), Some(3), Some(4), None])),
            Arc::new(Int64Array::from(vec![
                Some(4),
                Some(3),
                Some(9),
                Some(4),
                Some(5),
            ])),
        ];
        let descending = kept(true, 2, batches.clone());
        assert_eq!(descending[0], [true, true, true, true]);
        assert_eq!(descending[1], [true, false, true, false, true]);
        let ascending = kept(false, 2, batches);
        assert_eq!(ascending[0], [true, true, true, true]);
        assert_eq!(ascending[1], [true, true, false, false, false]);
    }

    #[test]
    fn floats_stand_in_the_order_in_which_they_are_sorted() {
        let floats = [
            f64::NEG_INFINITY,
            -2.5,
            -1.0,
            -0.0,
            0.0,
            1.5,
            1e300,
            f64::INFINITY,
        ];
        let numbers = floats.map(ordered);
        assert!(
            numbers.windows(2).all(|pair| pair[0] < pair[1]),
            "{numbers:?}"
        );
        let batches: Vec<ArrayRef> = vec![Arc::new(Float64Array::from(vec![1.5, -2.5, 2.5, -3.0]))];
        assert_eq!(kept(true, 1, batches)[0], [true, false, true, false]);
    }
}

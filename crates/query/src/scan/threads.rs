//! The parts of a plan that can run side by side, each on a thread of its own.
//!
//! DataFusion leaves it to the runtime how many threads work on a plan; one on a single thread, as
//! a blocking call makes it, would use one core. [`Threads`] puts an operator below every place
//! where partitions meet, which moves the work below it to a thread of the runtime's pool for
//! blocking work. So a scan with its filter and first aggregation uses as many cores as it has
//! partitions, whatever the runtime.

use std::sync::Arc;

use datafusion::arrow::record_batch::RecordBatch;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::common::{DataFusionError, Result};
use datafusion::execution::SendableRecordBatchStream;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::coalesce_partitions::CoalescePartitionsExec;
use datafusion::physical_plan::repartition::RepartitionExec;
use datafusion::physical_plan::sorts::sort_preserving_merge::SortPreservingMergeExec;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    ChildrenPropertiesMode, ExecutionPlan, ExecutionPlanProperties, ReplaceChildrenOptions,
};
use futures::StreamExt;
use futures::future::{Either, select};
use tokio::runtime::Handle;
use tokio::sync::mpsc::{Receiver, Sender, channel};

use super::pass::{Beside, Passing};

/// Batches that a thread may be ahead of who reads them.
const AHEAD: usize = 2;

/// The rule that spreads a plan over threads; the last of all.
#[derive(Debug)]
pub(crate) struct Threads;

impl PhysicalOptimizerRule for Threads {
    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        _config: &ConfigOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let spread = |node: Arc<dyn ExecutionPlan>| {
            let meets = node.is::<RepartitionExec>()
                || node.is::<CoalescePartitionsExec>()
                || node.is::<SortPreservingMergeExec>();
            let children = node.children();
            let [child] = children.as_slice() else {
                return Ok(Transformed::no(node));
            };
            let partitions = child.output_partitioning().partition_count();
            if !meets || partitions < 2 || child.is::<OnThreads>() {
                return Ok(Transformed::no(node));
            }
            let child: Arc<dyn ExecutionPlan> = Arc::new(OnThreads::new((*child).clone(), Thread));
            let options = ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute);
            Ok(Transformed::yes(
                node.replace_children(vec![child], options)?,
            ))
        };
        plan.transform_up(spread).data()
    }

    fn name(&self) -> &str {
        "threads"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

/// Runs each partition of its input on a thread.
pub(crate) type OnThreads = Passing<Thread>;

/// The thread of a partition.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Thread;

impl Beside for Thread {
    const NAME: &'static str = "OnThreads";

    fn pass(&self, input: SendableRecordBatchStream) -> Result<SendableRecordBatchStream> {
        let schema = input.schema();
        let (sender, receiver) = channel(AHEAD);
        let runtime =
            Handle::try_current().map_err(|error| DataFusionError::Execution(error.to_string()))?;
        let here = runtime.clone();
        // The thread ends when its work does, or when nobody reads on.
        drop(runtime.spawn_blocking(move || here.block_on(pass(input, sender))));
        let batches = futures::stream::unfold(receiver, |mut receiver: Receiver<_>| async {
            Some((receiver.recv().await?, receiver))
        });
        Ok(Box::pin(RecordBatchStreamAdapter::new(schema, batches)))
    }
}

async fn pass(mut input: SendableRecordBatchStream, sender: Sender<Result<RecordBatch>>) {
    loop {
        let next = {
            let closed = std::pin::pin!(sender.closed());
            match select(input.next(), closed).await {
                Either::Left((Some(batch), _)) => batch,
                Either::Left((None, _)) | Either::Right(_) => return,
            }
        };
        if sender.send(next).await.is_err() {
            return;
        }
    }
}

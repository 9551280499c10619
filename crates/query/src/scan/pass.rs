//! Operators that pass the batches of their input on as they are, and do something beside.

use std::fmt;
use std::sync::Arc;

use datafusion::common::Result;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties};

/// What such an operator does beside.
pub(crate) trait Beside: fmt::Debug + Clone + Send + Sync + 'static {
    /// The operator's name in printed plans.
    const NAME: &'static str;

    /// The batches of one partition, the same ones in the same order.
    fn pass(&self, input: SendableRecordBatchStream) -> Result<SendableRecordBatchStream>;
}

/// The operator.
#[derive(Debug)]
pub(crate) struct Passing<B> {
    input: Arc<dyn ExecutionPlan>,
    beside: B,
    properties: Arc<PlanProperties>,
}

impl<B: Beside> Passing<B> {
    pub(crate) fn new(input: Arc<dyn ExecutionPlan>, beside: B) -> Self {
        let properties = input.properties().clone();
        Self {
            input,
            beside,
            properties,
        }
    }
}

impl<B: Beside> DisplayAs for Passing<B> {
    fn fmt_as(&self, _kind: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(B::NAME)
    }
}

impl<B: Beside> ExecutionPlan for Passing<B> {
    fn name(&self) -> &str {
        B::NAME
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn maintains_input_order(&self) -> Vec<bool> {
        vec![true]
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.input]
    }

    fn apply_expressions(
        &self,
        _f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn with_new_children(
        self: Arc<Self>,
        mut children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let beside = self.beside.clone();
        Ok(Arc::new(Self::new(children.remove(0), beside)))
    }

    fn execute(
        &self,
        partition: usize,
        context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream> {
        self.beside.pass(self.input.execute(partition, context)?)
    }
}

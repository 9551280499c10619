//! A plan as a table whose rows are counted as they pass.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::Result;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::datasource::TableType;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::Expr;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_plan::projection::{ProjectionExec, ProjectionExpr};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties};
use futures::StreamExt;

/// Rows that have passed.
pub(crate) type Counted = Arc<AtomicU64>;

/// The plan as a table to go on from, and the count of its rows: complete once all have been read.
pub(crate) fn counted(plan: Arc<dyn ExecutionPlan>) -> (Arc<dyn TableProvider>, Counted) {
    let rows = Counted::default();
    let properties = plan.properties().clone();
    let plan = Tally {
        input: plan,
        rows: rows.clone(),
        properties,
    };
    (Arc::new(PlanTable(Arc::new(plan))), rows)
}

#[derive(Debug)]
struct PlanTable(Arc<dyn ExecutionPlan>);

#[async_trait]
impl TableProvider for PlanTable {
    fn schema(&self) -> SchemaRef {
        self.0.schema()
    }

    fn table_type(&self) -> TableType {
        TableType::Temporary
    }

    async fn scan(
        &self,
        _session: &dyn Session,
        projection: Option<&Vec<usize>>,
        _filters: &[Expr],
        _limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let Some(projection) = projection else {
            return Ok(self.0.clone());
        };
        let schema = self.0.schema();
        let columns = projection.iter().map(|index| {
            let name = schema.field(*index).name();
            let expr: Arc<dyn PhysicalExpr> = Arc::new(Column::new(name, *index));
            ProjectionExpr::new(expr, name.clone())
        });
        Ok(Arc::new(ProjectionExec::try_new(columns, self.0.clone())?))
    }
}

/// Passes its input on and counts the rows.
#[derive(Debug)]
struct Tally {
    input: Arc<dyn ExecutionPlan>,
    rows: Counted,
    properties: Arc<PlanProperties>,
}

impl DisplayAs for Tally {
    fn fmt_as(&self, _kind: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tally")
    }
}

impl ExecutionPlan for Tally {
    fn name(&self) -> &str {
        "Tally"
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
        let input = children.remove(0);
        let properties = input.properties().clone();
        Ok(Arc::new(Self {
            input,
            rows: self.rows.clone(),
            properties,
        }))
    }

    fn execute(
        &self,
        partition: usize,
        context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream> {
        let rows = self.rows.clone();
        let input = self.input.execute(partition, context)?;
        let schema = input.schema();
        let batches = input.inspect(move |batch| {
            let count = batch.as_ref().map_or(0, |batch| batch.num_rows());
            rows.fetch_add(count as u64, Ordering::Relaxed);
        });
        Ok(Box::pin(RecordBatchStreamAdapter::new(schema, batches)))
    }
}

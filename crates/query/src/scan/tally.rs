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
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties};
use futures::StreamExt;

/// Rows that have passed.
pub(crate) type Counted = Arc<AtomicU64>;

/// The plan as a table to go on from, and the count of its rows: complete once all have been read.
///
/// What of the rows is not asked for is not computed; a filter on the table has no say in the
/// count.
pub(crate) fn counted(plan: LogicalPlan) -> (Arc<dyn TableProvider>, Counted) {
    let rows = Counted::default();
    let schema = plan.schema().inner().clone();
    let table = PlanTable {
        plan,
        schema,
        rows: rows.clone(),
    };
    (Arc::new(table), rows)
}

#[derive(Debug)]
struct PlanTable {
    plan: LogicalPlan,
    schema: SchemaRef,
    rows: Counted,
}

#[async_trait]
impl TableProvider for PlanTable {
    fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    fn table_type(&self) -> TableType {
        TableType::Temporary
    }

    async fn scan(
        &self,
        session: &dyn Session,
        projection: Option<&Vec<usize>>,
        _filters: &[Expr],
        _limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let mut plan = self.plan.clone();
        if let Some(projection) = projection {
            let columns = plan.schema().columns();
            let columns = projection
                .iter()
                .map(|index| Expr::from(columns[*index].clone()));
            let columns: Vec<Expr> = columns.collect();
            plan = LogicalPlanBuilder::new(plan).project(columns)?.build()?;
        }
        let input = session.create_physical_plan(&plan).await?;
        let properties = input.properties().clone();
        Ok(Arc::new(Tally {
            input,
            rows: self.rows.clone(),
            properties,
        }))
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

//! A plan as a table whose rows are counted as they pass.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::Result;
use datafusion::datasource::TableType;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use futures::StreamExt;

use super::pass::{Beside, Passing};

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

/// The plan as a table.
#[derive(Debug)]
pub(crate) struct PlanTable {
    plan: LogicalPlan,
    schema: SchemaRef,
    rows: Counted,
}

impl PlanTable {
    pub(crate) fn plan(&self) -> &LogicalPlan {
        &self.plan
    }

    /// The same rows, counted together with these, with further columns.
    pub(crate) fn with_plan(&self, plan: LogicalPlan) -> Self {
        let schema = plan.schema().inner().clone();
        Self {
            plan,
            schema,
            rows: self.rows.clone(),
        }
    }
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
        Ok(Arc::new(Passing::new(input, Tally(self.rows.clone()))))
    }
}

/// Counts the rows.
#[derive(Clone, Debug)]
struct Tally(Counted);

impl Beside for Tally {
    const NAME: &'static str = "Tally";

    fn pass(&self, input: SendableRecordBatchStream) -> Result<SendableRecordBatchStream> {
        let rows = self.0.clone();
        let schema = input.schema();
        let batches = input.inspect(move |batch| {
            let count = batch.as_ref().map_or(0, |batch| batch.num_rows());
            rows.fetch_add(count as u64, Ordering::Relaxed);
        });
        Ok(Box::pin(RecordBatchStreamAdapter::new(schema, batches)))
    }
}

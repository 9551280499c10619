//! Parquet columns found by name, whatever their case.

use std::sync::Arc;

use datafusion::arrow::datatypes::{Field, Schema, SchemaRef};
use datafusion::common::Result;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_expr_adapter::{
    DefaultPhysicalExprAdapter, PhysicalExprAdapter, PhysicalExprAdapterFactory,
};

/// DataFusion's adaption of expressions to a file's schema, after names that differ only in case
/// have been made equal.
#[derive(Debug)]
pub(super) struct AnyCase;

#[derive(Debug)]
struct Adapter {
    inner: DefaultPhysicalExprAdapter,
    physical: SchemaRef,
}

impl PhysicalExprAdapterFactory for AnyCase {
    fn create(
        &self,
        logical: SchemaRef,
        physical: SchemaRef,
    ) -> Result<Arc<dyn PhysicalExprAdapter>> {
        let renamed = Arc::new(rename(&logical, &physical));
        let inner = DefaultPhysicalExprAdapter::new(logical, renamed);
        Ok(Arc::new(Adapter { inner, physical }))
    }
}

impl PhysicalExprAdapter for Adapter {
    fn rewrite(&self, expr: Arc<dyn PhysicalExpr>) -> Result<Arc<dyn PhysicalExpr>> {
        let adapted = self.inner.rewrite(expr)?;
        // The reader finds statistics by the name that the file has.
        let own_name = |expr: Arc<dyn PhysicalExpr>| {
            let Some(column) = expr.downcast_ref::<Column>() else {
                return Ok(Transformed::no(expr));
            };
            let field = self.physical.field(column.index());
            if field.name() == column.name() {
                return Ok(Transformed::no(expr));
            }
            let renamed = Column::new(field.name(), column.index());
            Ok(Transformed::yes(Arc::new(renamed) as _))
        };
        adapted.transform(own_name).data()
    }
}

/// The file's schema under the table's names. A column with the very name wins over one that
/// differs in case.
fn rename(logical: &Schema, physical: &Schema) -> Schema {
    let fields = physical.fields().iter().map(|field| {
        let exact = logical.column_with_name(field.name()).is_some();
        let mut wanted = logical.fields().iter();
        let same = wanted.find(|known| known.name().eq_ignore_ascii_case(field.name()));
        match same {
            Some(known) if !exact && physical.column_with_name(known.name()).is_none() => {
                Arc::new(Field::clone(field).with_name(known.name()))
            }
            _ => field.clone(),
        }
    });
    Schema::new_with_metadata(fields.collect::<Vec<_>>(), physical.metadata().clone())
}

//! Parquet columns found by name, whatever their case, and fitted to the types of the table.

use std::collections::HashMap;
use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Field, FieldRef, Schema, SchemaRef, TimeUnit};
use datafusion::common::Result;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::physical_expr::expressions::{Column, TryCastExpr};
use datafusion::physical_expr::{PhysicalExpr, ScalarFunctionExpr};
use datafusion::physical_expr_adapter::{
    DefaultPhysicalExprAdapter, PhysicalExprAdapter, PhysicalExprAdapterFactory,
};

use super::codes::Codes;
use super::coding::code_function;

/// DataFusion's adaption of expressions to a file's schema, after names that mean the same have
/// been made equal.
#[derive(Clone, Debug)]
pub(crate) enum ByName {
    /// Names may differ in case, and types as far as DataFusion casts.
    Strictly,
    /// Names may also have hyphens for underscores. A number may be any kind of number or its
    /// digits, a time a timestamp; a value that does not fit is NULL, as it is in text. A column
    /// called [`CODED`] and the name of another has the codes of its values.
    Fitting(Arc<Codes>),
}

/// What the name of a column of codes begins with.
pub(crate) const CODED: &str = "@@code-";

#[derive(Debug)]
struct Adapter {
    inner: DefaultPhysicalExprAdapter,
    logical: SchemaRef,
    physical: SchemaRef,
    codes: Option<Arc<Codes>>,
    /// The types, one after the other, that columns by their index are cast to.
    casts: HashMap<usize, Vec<DataType>>,
}

impl PhysicalExprAdapterFactory for ByName {
    fn create(
        &self,
        logical: SchemaRef,
        physical: SchemaRef,
    ) -> Result<Arc<dyn PhysicalExprAdapter>> {
        let renamed = Arc::new(self.rename(&logical, &physical));
        let mut casts = HashMap::new();
        let mut logical = logical;
        let mut codes = None;
        if let Self::Fitting(own) = self {
            codes = Some(own.clone());
            let fields = logical.fields().iter().map(|wanted| {
                let Some((index, has)) = renamed.column_with_name(wanted.name()) else {
                    return wanted.clone();
                };
                let steps = steps(has.data_type(), wanted.data_type());
                if steps.is_empty() {
                    return wanted.clone();
                }
                casts.insert(index, steps);
                Arc::new(has.clone())
            });
            let fields: Vec<FieldRef> = fields.collect();
            logical = Arc::new(Schema::new_with_metadata(
                fields,
                logical.metadata().clone(),
            ));
        }
        let inner = DefaultPhysicalExprAdapter::new(logical.clone(), renamed);
        Ok(Arc::new(Adapter {
            inner,
            logical,
            physical,
            codes,
            casts,
        }))
    }
}

impl PhysicalExprAdapter for Adapter {
    fn rewrite(&self, expr: Arc<dyn PhysicalExpr>) -> Result<Arc<dyn PhysicalExpr>> {
        let expr = expr.transform_up(|expr| self.coded(expr)).data()?;
        let adapted = self.inner.rewrite(expr)?;
        let own = |expr: Arc<dyn PhysicalExpr>| {
            let Some(column) = expr.downcast_ref::<Column>() else {
                return Ok(Transformed::no(expr));
            };
            let Some(field) = self.physical.fields().get(column.index()) else {
                return Ok(Transformed::no(expr));
            };
            // The reader finds statistics by the name that the file has.
            let mut own: Arc<dyn PhysicalExpr> = match field.name() == column.name() {
                true => expr.clone(),
                false => Arc::new(Column::new(field.name(), column.index())),
            };
            for data_type in self.casts.get(&column.index()).into_iter().flatten() {
                own = Arc::new(TryCastExpr::new(own, data_type.clone()));
            }
            Ok(Transformed::yes(own))
        };
        adapted.transform_up(own).data()
    }
}

impl Adapter {
    /// The codes of a column's values in place of the column of its codes.
    fn coded(&self, expr: Arc<dyn PhysicalExpr>) -> Result<Transformed<Arc<dyn PhysicalExpr>>> {
        let name = expr.downcast_ref::<Column>().map(Column::name);
        let of = name.and_then(|name| name.strip_prefix(CODED));
        let (Some(of), Some(codes)) = (of, &self.codes) else {
            return Ok(Transformed::no(expr));
        };
        let Ok(index) = self.logical.index_of(of) else {
            return Ok(Transformed::no(expr));
        };
        let value = Arc::new(Column::new(of, index));
        let function = code_function(codes);
        let options = Arc::new(ConfigOptions::default());
        let code = ScalarFunctionExpr::try_new(function, vec![value], &self.logical, options)?;
        Ok(Transformed::yes(Arc::new(code)))
    }
}

impl ByName {
    /// The file's schema under the table's names. A column with the very name wins over one that
    /// means the same.
    fn rename(&self, logical: &Schema, physical: &Schema) -> Schema {
        let fields = physical.fields().iter().map(|field| {
            let exact = logical.column_with_name(field.name()).is_some();
            let mut wanted = logical.fields().iter();
            let same = wanted.find(|known| self.is_same(known.name(), field.name()));
            match same {
                Some(known) if !exact && physical.column_with_name(known.name()).is_none() => {
                    Arc::new(Field::clone(field).with_name(known.name()))
                }
                _ => field.clone(),
            }
        });
        Schema::new_with_metadata(fields.collect::<Vec<_>>(), physical.metadata().clone())
    }

    fn is_same(&self, wanted: &str, has: &str) -> bool {
        match self {
            Self::Strictly => wanted.eq_ignore_ascii_case(has),
            Self::Fitting(_) => wanted.eq_ignore_ascii_case(&has.replace('-', "_")),
        }
    }
}

/// Over which types a column becomes one of the wanted type; none if DataFusion's own cast does.
fn steps(has: &DataType, wanted: &DataType) -> Vec<DataType> {
    use DataType::{
        Binary, BinaryView, Decimal128, Dictionary, Float16, Float32, Float64, Int32, Int64,
        LargeBinary, LargeUtf8, Timestamp, UInt32, UInt64, Utf8, Utf8View,
    };
    match (has, wanted) {
        (Timestamp(_, zone), Int64) => {
            vec![Timestamp(TimeUnit::Second, zone.clone()), Int64]
        }
        (Binary | LargeBinary | BinaryView, Int32 | Int64) => vec![Utf8, wanted.clone()],
        (Binary | LargeBinary | BinaryView, Utf8View) => vec![Utf8, Utf8View],
        (Int64 | UInt32, Int32)
        | (
            Utf8 | LargeUtf8 | Utf8View | Dictionary(..) | Float16 | Float32 | Float64
            | Decimal128(..) | UInt64,
            Int32 | Int64,
        ) => vec![wanted.clone()],
        _ => Vec::new(),
    }
}

/// Whether values of such a column can be those of a column of the wanted type.
pub(crate) fn fits(has: &DataType, wanted: &DataType) -> bool {
    let has = match has {
        DataType::Dictionary(_, values) => values,
        has => has,
    };
    let is_text = has.is_string() || has.is_binary();
    let is_number = has.is_numeric() && !matches!(has, DataType::Decimal256(..));
    match wanted {
        DataType::Int64 => is_text || is_number || matches!(has, DataType::Timestamp(..)),
        DataType::Int32 => is_text || is_number,
        _ => is_text || is_number || has.is_temporal() || *has == DataType::Boolean,
    }
}

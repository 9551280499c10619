//! Parquet columns found by name, whatever their case, and fitted to the types of the table.

use std::collections::HashMap;
use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Field, FieldRef, Schema, SchemaRef, TimeUnit};
use datafusion::common::Result;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::logical_expr::ScalarUDF;
use datafusion::physical_expr::expressions::{Column, TryCastExpr};
use datafusion::physical_expr::{PhysicalExpr, ScalarFunctionExpr};
use datafusion::physical_expr_adapter::{
    DefaultPhysicalExprAdapter, PhysicalExprAdapter, PhysicalExprAdapterFactory,
};

use super::codes::Codes;
use super::coding::{code_function, kind_of, recoding_function, text_function};
use super::stored::{StoredFiles, file_of};

/// DataFusion's adaption of expressions to a file's schema, after names that mean the same have
/// been made equal.
#[derive(Clone, Debug)]
pub(crate) enum ByName {
    /// Names may differ in case, and types as far as DataFusion casts.
    Strictly,
    /// Names may also have hyphens for underscores. A number may be any kind of number or its
    /// digits, a time a timestamp; a value that does not fit is NULL, as it is in text. A column
    /// called [`CODED`] and the name of another has the codes of its values.
    Fitting(Arc<Codes>, Arc<StoredFiles>),
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
    /// Columns that hold codes, and the query's codes of the file's texts if those are others.
    stored: HashMap<usize, Option<Arc<[u32]>>>,
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
        let mut coded = HashMap::new();
        if let Self::Fitting(own, files) = self {
            codes = Some(own.clone());
            for (index, field) in physical.fields().iter().enumerate() {
                if let Some(file) = file_of(field, files)? {
                    coded.insert(index, file.codes(own)?);
                }
            }
            let fields = logical.fields().iter().map(|wanted| {
                let Some((index, has)) = renamed.column_with_name(wanted.name()) else {
                    return wanted.clone();
                };
                if coded.contains_key(&index) {
                    return Arc::new(has.clone());
                }
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
            stored: coded,
        }))
    }
}

impl PhysicalExprAdapter for Adapter {
    fn rewrite(&self, expr: Arc<dyn PhysicalExpr>) -> Result<Arc<dyn PhysicalExpr>> {
        let expr = expr.transform_up(|expr| self.coded(expr)).data()?;
        let adapted = self.inner.rewrite(expr)?;
        let own = |expr| self.own(expr);
        adapted.transform_up(own).data()
    }
}

impl Adapter {
    /// A column as the file has it, made what the table has.
    fn own(&self, expr: Arc<dyn PhysicalExpr>) -> Result<Transformed<Arc<dyn PhysicalExpr>>> {
        if let Some(code) = code_of_text(&expr) {
            return Ok(Transformed::yes(code));
        }
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
        if let (Some(texts), Some(codes)) = (self.stored.get(&column.index()), &self.codes) {
            if let Some(texts) = texts {
                let recoded = recoding_function(texts.clone(), codes);
                own = function(recoded, own, &self.physical)?;
            }
            own = function(text_function(codes), own, &self.physical)?;
        }
        Ok(Transformed::yes(own))
    }

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
        let code = function(code_function(codes), value, &self.logical)?;
        Ok(Transformed::yes(code))
    }
}

fn function(
    function: Arc<ScalarUDF>,
    of: Arc<dyn PhysicalExpr>,
    schema: &Schema,
) -> Result<Arc<dyn PhysicalExpr>> {
    let options = Arc::new(ConfigOptions::default());
    let called = ScalarFunctionExpr::try_new(function, vec![of], schema, options)?;
    Ok(Arc::new(called))
}

/// The code that a text is made of of which it is the code.
fn code_of_text(expr: &Arc<dyn PhysicalExpr>) -> Option<Arc<dyn PhysicalExpr>> {
    let argument = |expr: &Arc<dyn PhysicalExpr>| {
        let called = expr.downcast_ref::<ScalarFunctionExpr>()?;
        Some((kind_of(called.fun()), called.args().first()?.clone()))
    };
    let ((true, _), text) = argument(expr)? else {
        return None;
    };
    let ((_, true), code) = argument(&text)? else {
        return None;
    };
    Some(code)
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
            Self::Fitting(..) => wanted.eq_ignore_ascii_case(&has.replace('-', "_")),
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

//! Functions that take functions, and TRY, which is one: all evaluate an expression over rows that
//! exist only while they run.

use std::collections::HashMap;
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, PrimitiveArray};
use datafusion::arrow::compute::take;
use datafusion::arrow::datatypes::{Schema, UInt32Type};
use datafusion::arrow::record_batch::{RecordBatch, RecordBatchOptions};
use datafusion::common::{DFSchema, Result};
use datafusion::execution::context::ExecutionProps;
use datafusion::logical_expr::Expr;
use datafusion::logical_expr::physical_planning_context::PhysicalPlanningContext;
use datafusion::physical_expr::{PhysicalExpr, create_physical_expr};

use super::{Function, Udf, functions, within};
use crate::athena::deadline;
use crate::athena::error::{Checked, Fault, INTERNAL, LIMIT, TIMEOUT};
use crate::athena::types::Type;
use crate::athena::value::{self, Value};

/// The body of a lambda. It reads its parameters and what it captures as columns.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(in crate::athena) struct Body {
    /// Names of the parameters' columns, and their types.
    pub(in crate::athena) parameters: Vec<(String, Type)>,
    /// Columns of the row around it: the name in the body, the type, the expression outside.
    pub(in crate::athena) captured: Vec<(String, Type, Expr)>,
    pub(in crate::athena) expr: Expr,
    pub(in crate::athena) ty: Type,
}

impl Body {
    pub(super) fn captures(&self) -> impl Iterator<Item = &Expr> {
        self.captured.iter().map(|(_, _, expr)| expr)
    }
}

struct Compiled {
    schema: Arc<Schema>,
    expr: Arc<dyn PhysicalExpr>,
    parameters: Vec<Type>,
    captured: Vec<ArrayRef>,
    ty: Type,
}

impl Compiled {
    fn new(body: &Body, captured: Vec<ArrayRef>) -> Result<Self> {
        let parameters = body.parameters.iter().map(|(name, ty)| ty.field(name));
        let fields = parameters.chain(body.captured.iter().map(|(name, ty, _)| ty.field(name)));
        let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
        let df_schema = DFSchema::from_unqualified_fields(schema.fields().clone(), HashMap::new())?;
        Ok(Self {
            expr: create_physical_expr(
                &body.expr,
                &df_schema,
                &ExecutionProps::new(),
                &PhysicalPlanningContext::default(),
            )?,
            schema,
            parameters: body.parameters.iter().map(|(_, ty)| ty.clone()).collect(),
            captured,
            ty: body.ty.clone(),
        })
    }

    fn apply(&self, row: usize, rows: &[Vec<Value<'_>>]) -> Result<Vec<Value<'static>>> {
        deadline::spend(rows.len())?;
        let mut columns = Vec::with_capacity(self.schema.fields().len());
        for (at, ty) in self.parameters.iter().enumerate() {
            let values: Vec<Value<'_>> = rows.iter().map(|row| row[at].clone()).collect();
            columns.push(value::array(ty, &values)?);
        }
        for column in &self.captured {
            let row = if column.len() == 1 { 0 } else { row };
            let places = vec![row as u32; rows.len()];
            let places = PrimitiveArray::<UInt32Type>::from(places);
            columns.push(take(column, &places, None)?);
        }
        let options = RecordBatchOptions::new().with_row_count(Some(rows.len()));
        let batch = RecordBatch::try_new_with_options(self.schema.clone(), columns, &options)?;
        let array = self.expr.evaluate(&batch)?.into_array(rows.len())?;
        let array = value::fitted(&array, &self.ty)?;
        let (mut values, mut bytes) = (Vec::with_capacity(rows.len()), 0);
        for at in 0..rows.len() {
            let value = value::get(&array, &self.ty, at);
            bytes += value.weight();
            within(bytes)?;
            values.push(value.into_owned());
        }
        Ok(values)
    }
}

/// The lambdas of one call, over one batch.
pub(super) struct Lambdas<'a> {
    places: Vec<usize>,
    compiled: Vec<Compiled>,
    _bodies: &'a [(usize, Body)],
}

impl<'a> Lambdas<'a> {
    pub(super) fn new(bodies: &'a [(usize, Body)], mut captured: Vec<ArrayRef>) -> Result<Self> {
        let mut compiled = Vec::with_capacity(bodies.len());
        for (_, body) in bodies {
            let rest = captured.split_off(body.captured.len().min(captured.len()));
            compiled.push(Compiled::new(body, captured)?);
            captured = rest;
        }
        Ok(Self {
            places: bodies.iter().map(|(place, _)| *place).collect(),
            compiled,
            _bodies: bodies,
        })
    }

    /// Applies the lambda that is the argument at `place` to rows of its parameters.
    pub(super) fn apply(
        &self,
        place: usize,
        row: usize,
        rows: Vec<Vec<Value<'_>>>,
    ) -> Checked<Vec<Value<'static>>> {
        let which = self.places.iter().position(|at| *at == place);
        let lambda = which.map(|which| &self.compiled[which]);
        let lambda = lambda.ok_or_else(|| Fault::argument("a lambda is missing"))?;
        if rows.is_empty() {
            return Ok(Vec::new());
        }
        Ok(lambda.apply(row, &rows)?)
    }
}

/// `TRY(expr)`: NULL for each row on which the expression fails.
pub(in crate::athena) fn guarded_try(body: Body) -> Expr {
    let returns = body.ty.clone();
    let run: super::Run = |given, _| {
        let tried = (given.apply)(0, vec![Vec::new()]);
        match tried {
            Ok(mut values) => Ok(values.pop().unwrap_or_default()),
            Err(fault) if [INTERNAL, LIMIT, TIMEOUT].contains(&fault.code) => Err(fault),
            Err(_) => Ok(Value::Null),
        }
    };
    let udf = Udf::new("try", Vec::new(), returns, run, true);
    udf.with_lambdas(vec![(0, body)]).call(Vec::new())
}

pub(super) const FUNCTIONS: &[Function] = functions! {
    "transform(array(T),(T)->U):array(U)" |given, v| {
        (given.apply)(1, singles(v[0].list())).map(Value::List)
    };
    "filter(array(T),(T)->boolean):array(T)" |given, v| {
        let kept = (given.apply)(1, singles(v[0].list()))?;
        let items = v[0].list().iter().zip(kept).filter(|(_, kept)| kept.bool());
        Ok(Value::List(items.map(|(item, _)| item.clone()).collect()))
    };
    "any_match(array(T),(T)->boolean):boolean" |given, v| {
        matches((given.apply)(1, singles(v[0].list()))?, true).map(|any| Ok(Value::Bool(any)))
            .unwrap_or(Ok(Value::Null))
    };
    "all_match(array(T),(T)->boolean):boolean" |given, v| {
        matches((given.apply)(1, singles(v[0].list()))?, false).map(|any| Ok(Value::Bool(!any)))
            .unwrap_or(Ok(Value::Null))
    };
    "none_match(array(T),(T)->boolean):boolean" |given, v| {
        matches((given.apply)(1, singles(v[0].list()))?, true).map(|any| Ok(Value::Bool(!any)))
            .unwrap_or(Ok(Value::Null))
    };
    "reduce(array(T),S,(S,T)->S,(S)->R):R" |given, v| {
        let mut state = v[1].clone().into_owned();
        for item in v[0].list() {
            let mut next = (given.apply)(2, vec![vec![state, item.clone()]])?;
            state = next.pop().unwrap_or_default();
        }
        let mut result = (given.apply)(3, vec![vec![state]])?;
        Ok(result.pop().unwrap_or_default())
    };
    "zip_with(array(T),array(U),(T,U)->R):array(R)" |given, v| {
        let (a, b) = (v[0].list(), v[1].list());
        let at = |list: &[Value<'_>], i: usize| {
            list.get(i).cloned().unwrap_or_default().into_owned()
        };
        let rows = (0..a.len().max(b.len())).map(|i| vec![at(a, i), at(b, i)]);
        (given.apply)(2, rows.collect()).map(Value::List)
    };
    "map_filter(map(K,V),(K,V)->boolean):map(K,V)" |given, v| {
        let kept = (given.apply)(1, pairs(&v[0]))?;
        let Value::Map(entries) = &v[0] else { return Ok(Value::Null) };
        let entries = entries.iter().zip(kept).filter(|(_, kept)| kept.bool());
        Ok(Value::Map(entries.map(|(entry, _)| entry.clone()).collect()))
    };
    "array_sort(array(T),(T,T)->bigint):array(T)" |given, v| sorted_by(given, v);
    "transform_keys(map(K,V),(K,V)->U):map(U,V)" |given, v| {
        let keys = (given.apply)(1, pairs(&v[0]))?;
        let Value::Map(entries) = &v[0] else { return Ok(Value::Null) };
        let mut renamed: Vec<(Value<'_>, Value<'_>)> = Vec::with_capacity(entries.len());
        for ((_, value), key) in entries.iter().zip(keys) {
            if key.is_null() {
                return Err(Fault::argument("map key cannot be null"));
            }
            if renamed.iter().any(|(known, _)| *known == key) {
                return Err(Fault::argument("Duplicate map keys are not allowed"));
            }
            renamed.push((key, value.clone()));
        }
        Ok(Value::Map(renamed))
    };
    "transform_values(map(K,V),(K,V)->U):map(K,U)" |given, v| {
        let values = (given.apply)(1, pairs(&v[0]))?;
        let Value::Map(entries) = &v[0] else { return Ok(Value::Null) };
        let entries = entries.iter().zip(values);
        Ok(Value::Map(entries.map(|((key, _), value)| (key.clone(), value)).collect()))
    };
    "map_zip_with(map(K,V),map(K,U),(K,V,U)->R):map(K,R)" |given, v| {
        let (Value::Map(left), Value::Map(right)) = (&v[0], &v[1]) else { return Ok(Value::Null) };
        let of = |map: &[(Value<'_>, Value<'_>)], key: &Value<'_>| {
            let found = map.iter().find(|it| it.0 == *key);
            found.map_or(Value::Null, |it| it.1.clone().into_owned())
        };
        let only_right = right.iter().filter(|it| left.iter().all(|other| other.0 != it.0));
        let keys: Vec<_> = left.iter().chain(only_right).map(|it| it.0.clone()).collect();
        let rows = keys.iter().map(|key| vec![key.clone(), of(left, key), of(right, key)]);
        let values = (given.apply)(2, rows.collect())?;
        Ok(Value::Map(keys.into_iter().zip(values).collect()))
    };
};

/// Sorted by a lambda that says -1, 0 or 1: by merging, so that an order that is none still ends.
fn sorted_by<'a>(given: &super::Given<'_>, v: &[Value<'a>]) -> Checked<Value<'a>> {
    let mut runs: Vec<Vec<Value<'a>>> = v[0].list().iter().map(|item| vec![item.clone()]).collect();
    while runs.len() > 1 {
        let mut merged = Vec::with_capacity(runs.len().div_ceil(2));
        let mut pairs = runs.into_iter();
        while let Some(left) = pairs.next() {
            merged.push(match pairs.next() {
                Some(right) => merge(given, left, right)?,
                None => left,
            });
        }
        runs = merged;
    }
    Ok(Value::List(runs.pop().unwrap_or_default()))
}

fn merge<'a>(
    given: &super::Given<'_>,
    left: Vec<Value<'a>>,
    right: Vec<Value<'a>>,
) -> Checked<Vec<Value<'a>>> {
    let mut merged = Vec::with_capacity(left.len() + right.len());
    let (mut left, mut right) = (left.into_iter().peekable(), right.into_iter().peekable());
    while let (Some(a), Some(b)) = (left.peek(), right.peek()) {
        let order = (given.apply)(1, vec![vec![a.clone(), b.clone()]])?.pop();
        let Some(Value::Int(order @ -1..=1)) = order else {
            let message = "Lambda comparator must return either -1, 0, or 1";
            return Err(Fault::argument(message));
        };
        merged.extend(if order > 0 { right.next() } else { left.next() });
    }
    merged.extend(left.chain(right));
    Ok(merged)
}

fn singles<'a>(items: &[Value<'a>]) -> Vec<Vec<Value<'a>>> {
    items.iter().map(|item| vec![item.clone()]).collect()
}

fn pairs<'a>(map: &Value<'a>) -> Vec<Vec<Value<'a>>> {
    match map {
        Value::Map(entries) => {
            let rows = entries.iter().map(|(k, v)| vec![k.clone(), v.clone()]);
            rows.collect()
        }
        _ => Vec::new(),
    }
}

/// Whether any is `wanted`; unknown if none is but some are NULL.
fn matches(values: Vec<Value<'_>>, wanted: bool) -> Option<bool> {
    if values.contains(&Value::Bool(wanted)) {
        return Some(true);
    }
    (!values.contains(&Value::Null)).then_some(false)
}

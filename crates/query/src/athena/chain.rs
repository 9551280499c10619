//! Long rows of operators, `a + b - c + …`, as one call.
//!
//! Each `+` stands on the value of the one before it, so a thousand of them would be a thousand
//! expressions in each other, and whatever walks over an expression, DataFusion's optimizer and
//! the computation itself, would need a thousand times its stack. A [`Chain`] is one function of
//! all operands that does the steps one after the other: `a + b - c` would be the steps
//! `so_far + operand` and `so_far - operand` over `a`, `b`, `c`. Short rows stay what they are.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use datafusion::arrow::array::ArrayRef;
use datafusion::arrow::datatypes::{DataType, FieldRef, Schema};
use datafusion::arrow::record_batch::{RecordBatch, RecordBatchOptions};
use datafusion::common::{DFSchema, Result, ScalarValue};
use datafusion::execution::context::ExecutionProps;
use datafusion::logical_expr::physical_planning_context::PhysicalPlanningContext;
use datafusion::logical_expr::{
    ColumnarValue, Expr as Plan, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl,
    Signature, Volatility,
};
use datafusion::physical_expr::create_physical_expr;

use super::advice::on_arithmetic;
use super::ast::{Expr, Op};
use super::error::Checked;
use super::expr::cannot_apply;
use super::operators::{Typed, arithmetic};
use super::plan::Planner;
use super::scope::{Scope, by_id};
use super::types::Type;
use super::value;

/// Operators that may stand in each other.
const NESTED_MAX: usize = 16;

const SO_FAR: &str = "so_far";
const OPERAND: &str = "operand";

impl Planner<'_> {
    /// `first op operand op operand …`, from left to right.
    pub(super) fn arithmetic(
        &self,
        first: &Expr,
        rest: &[(Op, usize, Expr)],
        scope: &Scope<'_>,
    ) -> Checked<Typed> {
        let mut so_far = self.typed(first, scope)?;
        let mut steps = rest.iter();
        let mut nested = 0;
        while nested < NESTED_MAX
            && let Some((op, at, operand)) = steps.next()
        {
            so_far = applied(*op, so_far, self.typed(operand, scope)?, *at)?;
            // What is known already is no expression any more.
            nested += usize::from(!matches!(so_far.expr, Plan::Literal(..)));
        }
        if steps.len() == 0 {
            return Ok(so_far);
        }
        let mut args = vec![so_far.expr];
        let mut chain = Vec::new();
        let mut ty = so_far.ty;
        for (op, at, operand) in steps {
            let operand = self.typed(operand, scope)?;
            let left = Typed::new(by_id(SO_FAR), ty.clone());
            let right = Typed::new(by_id(OPERAND), operand.ty.clone());
            let step = applied(*op, left, right, *at)?;
            args.push(operand.expr);
            chain.push(Step {
                so_far: std::mem::replace(&mut ty, step.ty),
                operand: operand.ty,
                expr: step.expr,
            });
        }
        let chain = Chain {
            steps: chain,
            returns: ty.clone(),
            signature: Signature::variadic_any(Volatility::Immutable),
        };
        Ok(Typed::new(ScalarUDF::new_from_impl(chain).call(args), ty))
    }
}

fn applied(op: Op, left: Typed, right: Typed, at: usize) -> Checked<Typed> {
    let (a, b) = (left.ty.clone(), right.ty.clone());
    let value = arithmetic(op, left, right);
    value.ok_or_else(|| {
        let fault = cannot_apply(&format!("{a} {} {b}", op.sign()), at);
        let hint = matches!(op, Op::Add | Op::Subtract).then(|| on_arithmetic(&a, &b));
        match hint.flatten() {
            Some(hint) => fault.with_hint(hint),
            None => fault,
        }
    })
}

/// One operator over the value so far and its right operand.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Step {
    so_far: Type,
    operand: Type,
    expr: Plan,
}

impl Step {
    fn run(&self, so_far: ArrayRef, operand: &ColumnarValue, rows: usize) -> Result<ArrayRef> {
        let fields = vec![self.so_far.field(SO_FAR), self.operand.field(OPERAND)];
        let schema = Arc::new(Schema::new(fields));
        let expr = create_physical_expr(
            &self.expr,
            &DFSchema::try_from(Arc::clone(&schema))?,
            &ExecutionProps::new(),
            &PhysicalPlanningContext::default(),
        )?;
        let operand = value::fitted(&operand.to_array(rows)?, &self.operand)?;
        let columns = vec![value::fitted(&so_far, &self.so_far)?, operand];
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        let batch = RecordBatch::try_new_with_options(schema, columns, &options)?;
        expr.evaluate(&batch)?.into_array(rows)
    }
}

#[derive(Debug)]
struct Chain {
    steps: Vec<Step>,
    returns: Type,
    signature: Signature,
}

impl PartialEq for Chain {
    fn eq(&self, other: &Self) -> bool {
        self.steps == other.steps
    }
}

impl Eq for Chain {}

impl Hash for Chain {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.steps.len().hash(state);
        self.returns.hash(state);
    }
}

impl ScalarUDFImpl for Chain {
    fn name(&self) -> &str {
        "chain"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _args: &[DataType]) -> Result<DataType> {
        Ok(self.returns.arrow())
    }

    fn return_field_from_args(&self, _args: ReturnFieldArgs<'_>) -> Result<FieldRef> {
        Ok(value::field("chain", &self.returns))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let scalar = |arg: &ColumnarValue| matches!(arg, ColumnarValue::Scalar(_));
        let all_scalar = args.args.iter().all(scalar);
        let rows = if all_scalar { 1 } else { args.number_rows };
        let mut so_far = args.args[0].to_array(rows)?;
        for (step, operand) in self.steps.iter().zip(&args.args[1..]) {
            super::deadline::spend(rows)?;
            so_far = step.run(so_far, operand, rows)?;
        }
        let so_far = value::fitted(&so_far, &self.returns)?;
        if all_scalar {
            let value = ScalarValue::try_from_array(&so_far, 0)?;
            return Ok(ColumnarValue::Scalar(value));
        }
        Ok(ColumnarValue::Array(so_far))
    }
}

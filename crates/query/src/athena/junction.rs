//! AND and OR of many terms.
//!
//! Three things that a tree of two-sided operators does not give:
//!
//! - What can fail on a value is asked only where the terms before it leave the answer open, as
//!   Trino evaluates from left to right and engines of columns do not. For one or two such terms
//!   that is a CASE; a CASE in a CASE in a CASE doubles with each, so more of them are one call,
//!   [`Lazy`], which goes from term to term with the rows that are still open.
//! - `dstport = 1 OR dstport = 2 OR …` is a list to look in.
//! - The tree is balanced, so that twelve thousand terms are fourteen levels.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, AsArray, BooleanArray, UInt32Array};
use datafusion::arrow::compute::take;
use datafusion::arrow::datatypes::{DataType, Schema};
use datafusion::arrow::record_batch::{RecordBatch, RecordBatchOptions};
use datafusion::common::tree_node::TreeNode;
use datafusion::common::{DFSchema, Result};
use datafusion::execution::context::ExecutionProps;
use datafusion::logical_expr::expr::{BinaryExpr, Case};
use datafusion::logical_expr::physical_planning_context::PhysicalPlanningContext;
use datafusion::logical_expr::{
    ColumnarValue, Expr as Plan, Operator, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
    Volatility, lit,
};
use datafusion::physical_expr::create_physical_expr;

use super::ast::Expr;
use super::error::Checked;
use super::operators::Typed;
use super::plan::Planner;
use super::scope::Scope;
use super::set::among;
use super::types::Type;
use super::value;

/// Terms that can fail and may still be CASEs.
const CASES_MAX: usize = 2;

impl Planner<'_> {
    /// AND or OR of terms.
    pub(super) fn junction(&self, terms: &[Expr], scope: &Scope<'_>, and: bool) -> Checked<Typed> {
        let terms = terms
            .iter()
            .map(|term| self.boolean(term, scope, "Logical expression term"));
        let mut terms = terms.collect::<Checked<Vec<_>>>()?;
        if !and {
            terms = gathered(terms);
        }
        let fallible = terms.iter().skip(1).filter(|term| can_fail(term)).count();
        let plan = if fallible > CASES_MAX {
            self.lazy(terms, scope, and)?
        } else {
            balanced(&guarded(terms, and), and)
        };
        Ok(Typed::new(plan, Type::Boolean))
    }

    /// With the terms from the first that can fail on in one call, which asks those before it too.
    fn lazy(&self, terms: Vec<Plan>, scope: &Scope<'_>, and: bool) -> Checked<Plan> {
        // A test that becomes a join cannot stand in a call.
        let (mut plain, mut rest): (Vec<Plan>, Vec<Plan>) =
            terms.into_iter().partition(holds_query);
        let first = rest.iter().position(can_fail).unwrap_or(rest.len());
        let before = balanced(&rest[..first], and);
        if and {
            // Once more in front, where a scan can use them.
            plain.extend(rest[..first].iter().cloned());
        }
        rest.splice(..first, [before]);
        let mut captured = Vec::new();
        let mut bodies = Vec::new();
        for term in rest {
            bodies.push(self.captured(term, &[], &scope.locals, &mut captured)?);
        }
        let (columns, args): (Vec<_>, Vec<_>) = captured
            .into_iter()
            .map(|(name, ty, outside)| ((name, ty), outside))
            .unzip();
        let lazy = Lazy {
            and,
            columns,
            terms: bodies,
            signature: match args.is_empty() {
                true => Signature::nullary(Volatility::Immutable),
                false => Signature::variadic_any(Volatility::Immutable),
            },
        };
        plain.push(ScalarUDF::new_from_impl(lazy).call(args));
        Ok(balanced(&plain, and))
    }
}

/// The terms, each that can fail behind a CASE of those before it.
fn guarded(terms: Vec<Plan>, and: bool) -> Vec<Plan> {
    let mut safe: Vec<Plan> = Vec::with_capacity(terms.len());
    for plan in terms {
        if safe.is_empty() || !can_fail(&plan) {
            safe.push(plan);
            continue;
        }
        // A test that becomes a join cannot stand in a CASE.
        let tests = safe.iter().filter(|test| !holds_query(test)).cloned();
        let before = balanced(&tests.collect::<Vec<_>>(), and);
        let decided = if and {
            before.is_false()
        } else {
            before.is_true()
        };
        safe.push(Plan::Case(Case::new(
            None,
            vec![(Box::new(decided), Box::new(lit(!and)))],
            Some(Box::new(plan)),
        )));
    }
    safe
}

/// Terms of OR, those that compare one value with literals made one look into a list.
fn gathered(terms: Vec<Plan>) -> Vec<Plan> {
    let mut lists: Vec<(Plan, Vec<Plan>)> = Vec::new();
    let mut kept: Vec<Result<Plan, usize>> = Vec::new();
    for term in terms {
        let Some((value, literal)) = compared(&term) else {
            kept.push(Ok(term));
            continue;
        };
        match lists.iter().position(|(known, _)| known == value) {
            Some(at) => lists[at].1.push(literal.clone()),
            None => {
                kept.push(Err(lists.len()));
                lists.push((value.clone(), vec![literal.clone()]));
            }
        }
    }
    let mut lists: Vec<Option<(Plan, Vec<Plan>)>> = lists.into_iter().map(Some).collect();
    let plan = |kept: Result<Plan, usize>| match kept {
        Ok(term) => Some(term),
        Err(at) => {
            let (value, mut literals) = lists[at].take()?;
            Some(match literals.len() {
                1 => value.eq(literals.remove(0)),
                _ => among(value, literals),
            })
        }
    };
    kept.into_iter().filter_map(plan).collect()
}

/// The sides of `value = literal`, if the value cannot fail.
fn compared(term: &Plan) -> Option<(&Plan, &Plan)> {
    let Plan::BinaryExpr(BinaryExpr { left, op, right }) = term else {
        return None;
    };
    let literal = matches!(**right, Plan::Literal(..)) && !matches!(**left, Plan::Literal(..));
    (*op == Operator::Eq && literal && !can_fail(left)).then_some((left, right))
}

/// All terms as a tree of little depth.
pub(super) fn balanced(terms: &[Plan], and: bool) -> Plan {
    match terms {
        [] => lit(and),
        [one] => one.clone(),
        many => {
            let (left, right) = many.split_at(many.len() / 2);
            let (left, right) = (balanced(left, and), balanced(right, and));
            if and { left.and(right) } else { left.or(right) }
        }
    }
}

/// Whether IN or EXISTS with a sub-query is in an expression.
fn holds_query(expr: &Plan) -> bool {
    let query = |part: &Plan| Ok(matches!(part, Plan::InSubquery(_) | Plan::Exists(_)));
    expr.exists(query).unwrap_or(false)
}

/// Whether an expression may fail on a value: calls of functions can, comparisons cannot.
fn can_fail(expr: &Plan) -> bool {
    let call = |part: &Plan| match part {
        Plan::ScalarFunction(call) => call.func.name() != super::set::NAME,
        _ => false,
    };
    expr.exists(|part| Ok(call(part))).unwrap_or(true)
}

/// Terms that are asked one after the other, each for the rows that are still open.
#[derive(Debug)]
struct Lazy {
    and: bool,
    /// What the terms read: the arguments.
    columns: Vec<(String, Type)>,
    terms: Vec<Plan>,
    signature: Signature,
}

impl PartialEq for Lazy {
    fn eq(&self, other: &Self) -> bool {
        self.and == other.and && self.columns == other.columns && self.terms == other.terms
    }
}

impl Eq for Lazy {}

impl Hash for Lazy {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.and, self.terms.len()).hash(state);
        self.columns.hash(state);
    }
}

impl ScalarUDFImpl for Lazy {
    fn name(&self) -> &str {
        if self.and { "and" } else { "or" }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _args: &[DataType]) -> Result<DataType> {
        Ok(DataType::Boolean)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let rows = args.number_rows;
        let fields = self.columns.iter().map(|(name, ty)| ty.field(name));
        let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
        let columns = args.args.iter().zip(&self.columns);
        let columns = columns.map(|(arg, (_, ty))| value::fitted(&arg.to_array(rows)?, ty));
        let columns = columns.collect::<Result<Vec<_>>>()?;
        let mut answers = vec![Some(self.and); rows];
        let mut open: Vec<u32> = (0..rows as u32).collect();
        for term in &self.terms {
            if open.is_empty() {
                break;
            }
            super::deadline::spend(open.len())?;
            let values = evaluated(term, &schema, &columns, &open)?;
            let mut values = values.iter();
            open.retain(|row| {
                let value = values.next().flatten();
                if value != Some(self.and) {
                    answers[*row as usize] = value;
                }
                value != Some(!self.and)
            });
        }
        Ok(ColumnarValue::Array(Arc::new(BooleanArray::from(answers))))
    }
}

/// A term's values of some rows.
fn evaluated(
    term: &Plan,
    schema: &Arc<Schema>,
    columns: &[ArrayRef],
    rows: &[u32],
) -> Result<BooleanArray> {
    let expr = create_physical_expr(
        term,
        &DFSchema::try_from(Arc::clone(schema))?,
        &ExecutionProps::new(),
        &PhysicalPlanningContext::default(),
    )?;
    let places = UInt32Array::from(rows.to_vec());
    let taken = columns
        .iter()
        .map(|column| Ok(take(column, &places, None)?));
    let options = RecordBatchOptions::new().with_row_count(Some(rows.len()));
    let columns = taken.collect::<Result<Vec<_>>>()?;
    let batch = RecordBatch::try_new_with_options(Arc::clone(schema), columns, &options)?;
    let values = expr.evaluate(&batch)?.into_array(rows.len())?;
    Ok(values.as_boolean().clone())
}

//! Arithmetic as Trino does it: integers that overflow or are divided by zero fail, division of
//! integers truncates, decimals keep exact digits, dates and intervals add up.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, Datum};
use datafusion::arrow::compute::kernels::numeric;
use datafusion::arrow::datatypes::DataType;
use datafusion::common::Result;
use datafusion::logical_expr::{
    ColumnarValue, Expr, Operator, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
    Volatility, binary_expr,
};

use super::ast::Op;
use super::cast;
use super::error::{Checked, Fault};
use super::functions::{Given, Run, Udf, at_moment, moment_and_zone};
use super::types::Type;
use super::value::{self, Value};

/// An expression of the plan and what it is in Trino's eyes.
#[derive(Clone, Debug)]
pub(super) struct Typed {
    pub(super) expr: Expr,
    pub(super) ty: Type,
}

impl Typed {
    pub(super) fn new(expr: Expr, ty: Type) -> Self {
        Self { expr, ty }
    }

    /// As another type, which it coerces or is cast to.
    pub(super) fn cast(self, to: &Type) -> Self {
        let expr = cast::to(self.expr, &self.ty, to);
        Self::new(expr, to.clone())
    }
}

impl Op {
    pub(super) fn sign(self) -> &'static str {
        match self {
            Self::Add => "+",
            Self::Subtract => "-",
            Self::Multiply => "*",
            Self::Divide => "/",
            Self::Modulo => "%",
        }
    }

    fn operator(self) -> Operator {
        match self {
            Self::Add => Operator::Plus,
            Self::Subtract => Operator::Minus,
            Self::Multiply => Operator::Multiply,
            Self::Divide => Operator::Divide,
            Self::Modulo => Operator::Modulo,
        }
    }

    fn noun(self) -> &'static str {
        match self {
            Self::Add => "addition",
            Self::Subtract => "subtraction",
            Self::Multiply => "multiplication",
            Self::Divide | Self::Modulo => "division",
        }
    }
}

/// `left op right`; `None` if the types do not go together.
pub(super) fn arithmetic(op: Op, left: Typed, right: Typed) -> Option<Typed> {
    if left.ty.is_number() && right.ty.is_number()
        || (left.ty == Type::Unknown && right.ty.is_number())
        || (right.ty == Type::Unknown && left.ty.is_number())
    {
        return numbers(op, left, right);
    }
    calendar(op, left, right)
}

fn numbers(op: Op, left: Typed, right: Typed) -> Option<Typed> {
    let common = left.ty.common(&right.ty)?;
    if let (Type::Decimal(..), Some((a, b))) = (&common, left.ty.decimals(&right.ty)) {
        let ty = decimal_type(op, a, b);
        let args = vec![
            left.cast(&Type::Decimal(a.0, a.1)).expr,
            right.cast(&Type::Decimal(b.0, b.1)).expr,
        ];
        let types = vec![Type::Decimal(a.0, a.1), Type::Decimal(b.0, b.1)];
        let udf = Udf::new(op.sign(), types, ty.clone(), decimal_run(op), false);
        return Some(Typed::new(cast::folded(udf.call(args)), ty));
    }
    let (left, right) = (left.cast(&common).expr, right.cast(&common).expr);
    let expr = if common.is_integer() {
        let udf = Integers {
            op,
            ty: common.clone(),
            signature: Signature::any(2, Volatility::Immutable),
        };
        cast::folded(ScalarUDF::new_from_impl(udf).call(vec![left, right]))
    } else {
        binary_expr(left, op.operator(), right)
    };
    Some(Typed::new(expr, common))
}

/// Arithmetic of integers of one type, with Arrow's checked kernels.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Integers {
    op: Op,
    ty: Type,
    signature: Signature,
}

impl std::hash::Hash for Op {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.sign().hash(state);
    }
}

impl ScalarUDFImpl for Integers {
    fn name(&self) -> &str {
        self.op.sign()
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _args: &[DataType]) -> Result<DataType> {
        Ok(self.ty.arrow())
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let kernel = match self.op {
            Op::Add => numeric::add,
            Op::Subtract => numeric::sub,
            Op::Multiply => numeric::mul,
            Op::Divide => numeric::div,
            Op::Modulo => numeric::rem,
        };
        let scalar = args
            .args
            .iter()
            .all(|a| matches!(a, ColumnarValue::Scalar(_)));
        let datum = |value: &ColumnarValue| -> Result<Box<dyn Datum>> {
            Ok(match value {
                ColumnarValue::Array(array) => Box::new(Arc::clone(array)),
                ColumnarValue::Scalar(scalar) => Box::new(scalar.to_scalar()?),
            })
        };
        let (left, right) = (datum(&args.args[0])?, datum(&args.args[1])?);
        let result: ArrayRef = match kernel(left.as_ref(), right.as_ref()) {
            Ok(result) => result,
            Err(_) => self.one_by_one(&args)?,
        };
        if scalar {
            let value = datafusion::common::ScalarValue::try_from_array(&result, 0)?;
            return Ok(ColumnarValue::Scalar(value));
        }
        Ok(ColumnarValue::Array(result))
    }
}

impl Integers {
    /// Row by row, for batches that the kernel refuses: the fault of the first row that has one.
    /// `%` of the least number by -1 is 0, though the kernel takes it for an overflow.
    fn one_by_one(&self, args: &ScalarFunctionArgs) -> Result<ArrayRef> {
        let scalar = |value: &ColumnarValue| matches!(value, ColumnarValue::Scalar(_));
        let rows = if args.args.iter().all(scalar) {
            1
        } else {
            args.number_rows
        };
        let column = |value: &ColumnarValue| value.to_array(rows);
        let (left, right) = (column(&args.args[0])?, column(&args.args[1])?);
        let mut values = Vec::with_capacity(rows);
        for row in 0..rows {
            let pair = (
                value::get(&left, &self.ty, row),
                value::get(&right, &self.ty, row),
            );
            values.push(match pair {
                (Value::Int(a), Value::Int(b)) => Value::Int(self.one(a, b)?),
                _ => Value::Null,
            });
        }
        value::array(&self.ty, &values)
    }

    fn one(&self, a: i64, b: i64) -> Checked<i64> {
        let (a, b) = (i128::from(a), i128::from(b));
        let exact = match self.op {
            Op::Add => a + b,
            Op::Subtract => a - b,
            Op::Multiply => a * b,
            Op::Divide => a.checked_div(b).ok_or_else(division_by_zero)?,
            Op::Modulo => a.checked_rem(b).ok_or_else(division_by_zero)?,
        };
        let (least, greatest) = self.ty.integers().unwrap_or((i64::MIN, i64::MAX));
        let within = i64::try_from(exact).ok();
        within
            .filter(|number| (least..=greatest).contains(number))
            .ok_or_else(|| {
                let (ty, noun, sign) = (&self.ty, self.op.noun(), self.op.sign());
                Fault::range(format!("{ty} {noun} overflow: {a} {sign} {b}"))
            })
    }
}

/// `-number`, of an integer type.
pub(super) fn negated(number: Typed) -> Typed {
    let ty = number.ty;
    let run: Run = |given, v| {
        let (least, _) = given.returns.integers().unwrap_or((i64::MIN, i64::MAX));
        match v[0].int() {
            n if n == least => {
                let ty = given.returns;
                Err(Fault::range(format!("{ty} negation overflow: {n}")))
            }
            n => Ok(Value::Int(-n)),
        }
    };
    let udf = Udf::new("negate", vec![ty.clone()], ty.clone(), run, false);
    Typed::new(cast::folded(udf.call(vec![number.expr])), ty)
}

fn division_by_zero() -> Fault {
    Fault::bare("DIVISION_BY_ZERO", "Division by zero")
}

/// Precision and scale of a result, by Trino's rules.
fn decimal_type(op: Op, (p, s): (u8, i8), (q, t): (u8, i8)) -> Type {
    let (p, q) = (i32::from(p), i32::from(q));
    let (s, t) = (i32::from(s), i32::from(t));
    let (precision, scale) = match op {
        Op::Add | Op::Subtract => {
            let scale = s.max(t);
            ((p - s).max(q - t) + scale + 1, scale)
        }
        Op::Multiply => (p + q, s + t),
        Op::Divide => (p + t + (t - s).max(0), s.max(t)),
        Op::Modulo => ((p - s).min(q - t) + s.max(t), s.max(t)),
    };
    Type::Decimal(precision.clamp(1, 38) as u8, scale.min(38) as i8)
}

fn decimal_run(op: Op) -> Run {
    match op {
        Op::Add => |given, v| decimal(given, v, |a, b| a.checked_add(b)),
        Op::Subtract => |given, v| decimal(given, v, |a, b| a.checked_sub(b)),
        Op::Modulo => |given, v| match v[1] {
            Value::Decimal(0) => Err(division_by_zero()),
            _ => decimal(given, v, |a, b| a.checked_rem(b)),
        },
        Op::Multiply => |given, v| {
            let (a, b) = digits(v);
            in_range(a.checked_mul(b), given)
        },
        Op::Divide => |given, v| {
            let (a, b) = digits(v);
            if b == 0 {
                return Err(division_by_zero());
            }
            let (s, t, scale) = (
                scale(&given.types[0]),
                scale(&given.types[1]),
                scale(given.returns),
            );
            let up = u32::try_from(scale - s + t).unwrap_or(0);
            let scaled = 10_i128.checked_pow(up).and_then(|unit| a.checked_mul(unit));
            let rounded = scaled.map(|a| {
                let (quotient, rest) = (a / b, a % b);
                let half = rest.unsigned_abs() * 2 >= b.unsigned_abs();
                quotient + i128::from(half) * a.signum() * b.signum()
            });
            in_range(rounded, given)
        },
    }
}

fn digits(v: &[Value<'_>]) -> (i128, i128) {
    match (&v[0], &v[1]) {
        (Value::Decimal(a), Value::Decimal(b)) => (*a, *b),
        _ => (0, 0),
    }
}

fn scale(ty: &Type) -> i32 {
    match ty {
        Type::Decimal(_, scale) => (*scale).into(),
        _ => 0,
    }
}

fn in_range<'a>(number: Option<i128>, given: &Given<'_>) -> Checked<Value<'a>> {
    let Type::Decimal(precision, _) = given.returns else {
        return Ok(Value::Null);
    };
    let bound = 10_i128
        .checked_pow((*precision).into())
        .unwrap_or(i128::MAX);
    let fits = number.filter(|number| number.abs() < bound);
    let fits = fits.ok_or_else(|| Fault::range("Decimal overflow"));
    fits.map(Value::Decimal)
}

/// Both at the scale of the result, then `run`.
fn decimal<'a>(
    given: &Given<'_>,
    v: &[Value<'a>],
    run: fn(i128, i128) -> Option<i128>,
) -> Checked<Value<'a>> {
    let (a, b) = digits(v);
    let to = scale(given.returns);
    let up = |number: i128, ty: &Type| {
        let unit = 10_i128.checked_pow(u32::try_from(to - scale(ty)).unwrap_or(0));
        unit.and_then(|unit| number.checked_mul(unit))
    };
    let both = up(a, &given.types[0]).zip(up(b, &given.types[1]));
    in_range(both.and_then(|(a, b)| run(a, b)), given)
}

/// Dates, timestamps and intervals.
fn calendar(op: Op, left: Typed, right: Typed) -> Option<Typed> {
    use Type::{DayTime, Double, Time, YearMonth};
    let point = Type::is_point;
    let interval = |ty: &Type| matches!(ty, DayTime | YearMonth);
    let (a, b) = (left.ty.clone(), right.ty.clone());
    if op == Op::Add && interval(&a) && (point(&b) || b == Time) {
        return calendar(op, right, left);
    }
    if op == Op::Multiply && a.is_number() && interval(&b) {
        return calendar(op, right, left);
    }
    let (ty, run): (Type, Run) = match (op, &a, &b) {
        (Op::Add, p, DayTime) if point(p) => (a.clone(), |g, v| later(g, v, 1)),
        (Op::Subtract, p, DayTime) if point(p) => (a.clone(), |g, v| later(g, v, -1)),
        (Op::Add, p, YearMonth) if point(p) => (a.clone(), |g, v| months_later(g, v, 1)),
        (Op::Subtract, p, YearMonth) if point(p) => (a.clone(), |g, v| months_later(g, v, -1)),
        (Op::Subtract, p, q) if point(p) && point(q) => {
            let common = p.common(q)?.compared();
            let (left, right) = (left.cast(&common), right.cast(&common));
            return Some(difference(&common, left, right));
        }
        (Op::Add, Time, DayTime) => (a.clone(), |_, v| Ok(of_day(v, 1))),
        (Op::Subtract, Time, DayTime) => (a.clone(), |_, v| Ok(of_day(v, -1))),
        (Op::Add, p, q) if p == q && interval(p) => (a.clone(), |_, v| sum(v, 1)),
        (Op::Subtract, p, q) if p == q && interval(p) => (a.clone(), |_, v| sum(v, -1)),
        (Op::Multiply, p, q) if interval(p) && q.is_number() => {
            let right = right.cast(&Double);
            let run: Run = |_, v| Ok(Value::Int((v[0].int() as f64 * v[1].float()) as i64));
            return Some(called(op, left, right, a, run));
        }
        (Op::Divide, p, q) if interval(p) && q.is_number() => {
            let right = right.cast(&Double);
            let run: Run = |_, v| Ok(Value::Int((v[0].int() as f64 / v[1].float()) as i64));
            return Some(called(op, left, right, a, run));
        }
        _ => return None,
    };

    Some(called(op, left, right, ty, run))
}

fn called(op: Op, left: Typed, right: Typed, ty: Type, run: Run) -> Typed {
    let types = vec![left.ty, right.ty];
    let udf = Udf::new(op.sign(), types, ty.clone(), run, false);
    Typed::new(cast::folded(udf.call(vec![left.expr, right.expr])), ty)
}

fn difference(common: &Type, left: Typed, right: Typed) -> Typed {
    let run: Run = if *common == Type::Date {
        |_, v| Ok(Value::Int((v[0].int() - v[1].int()) * 86_400_000))
    } else {
        |_, v| Ok(Value::Int(v[0].int() - v[1].int()))
    };
    called(Op::Subtract, left, right, Type::DayTime, run)
}

fn later<'a>(given: &Given<'_>, v: &[Value<'a>], sign: i64) -> Checked<Value<'a>> {
    let by = v[1].int() * sign;
    let (ty, at) = (&given.types[0], v[0].int());
    if *ty != Type::Date {
        let (moment, _) = moment_and_zone(ty, at);
        return at_moment(ty, at, moment.saturating_add(by)).map(Value::Int);
    }
    if by % 86_400_000 != 0 {
        let message = "Cannot add hour, minutes or seconds to a date";
        return Err(Fault::argument(message));
    }
    Ok(Value::Int(v[0].int() + by / 86_400_000))
}

/// A time of day so much later, past midnight if need be.
fn of_day<'a>(v: &[Value<'a>], sign: i64) -> Value<'a> {
    Value::Int((v[0].int() + v[1].int() * sign).rem_euclid(86_400_000))
}

fn months_later<'a>(given: &Given<'_>, v: &[Value<'a>], sign: i64) -> Checked<Value<'a>> {
    let later = super::functions::moved(&given.types[0], v[0].int(), "month", v[1].int() * sign);
    later.map(Value::Int)
}

fn sum<'a>(v: &[Value<'a>], sign: i64) -> Checked<Value<'a>> {
    Ok(Value::Int(v[0].int().saturating_add(v[1].int() * sign)))
}

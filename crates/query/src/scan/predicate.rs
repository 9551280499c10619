//! Filters that are settled on the text of a line.
//!
//! Only the truth of a whole filter counts, not whether it is false or NULL, so a comparison with a
//! NULL is simply not true; that holds through AND and OR, and NOT is left to DataFusion.

use std::cmp::Ordering;

use datafusion::arrow::datatypes::{DataType, SchemaRef};
use datafusion::common::ScalarValue;
use datafusion::logical_expr::Operator;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::{
    BinaryExpr, Column, InListExpr, IsNotNullExpr, IsNullExpr, Literal,
};

use super::columns::{Lines, Place, whole_number};
use super::separators::Line;

/// A condition on the values of one line. Columns are numbers into the table's columns.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Predicate {
    Compare(usize, Comparison, Constant),
    OneOf(usize, Vec<Constant>),
    Present(usize, Range),
    Absent(usize, Range),
    All(Vec<Self>),
    Any(Vec<Self>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// What a value is compared with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Constant {
    Number(i64, Range),
    Text(Box<[u8]>),
}

/// The least and the greatest number of a column's type; others are NULL. `None`: the column is
/// text.
pub(super) type Range = Option<(i64, i64)>;

impl Predicate {
    /// The same condition on lines; `None` if it has a part that is not settled here.
    pub(super) fn new(expr: &dyn PhysicalExpr, schema: &SchemaRef) -> Option<Self> {
        if let Some(binary) = expr.downcast_ref::<BinaryExpr>() {
            let side = |expr: &dyn PhysicalExpr| Self::new(expr, schema);
            return match binary.op() {
                Operator::And => Some(Self::All(vec![
                    side(binary.left().as_ref())?,
                    side(binary.right().as_ref())?,
                ])),
                Operator::Or => Some(Self::Any(vec![
                    side(binary.left().as_ref())?,
                    side(binary.right().as_ref())?,
                ])),
                operator => Self::compare(
                    binary.left().as_ref(),
                    *operator,
                    binary.right().as_ref(),
                    schema,
                ),
            };
        }
        if let Some(present) = expr.downcast_ref::<IsNotNullExpr>() {
            let (column, range) = column(present.arg().as_ref(), schema)?;
            return Some(Self::Present(column, range));
        }
        if let Some(absent) = expr.downcast_ref::<IsNullExpr>() {
            let (column, range) = column(absent.arg().as_ref(), schema)?;
            return Some(Self::Absent(column, range));
        }
        let list = expr
            .downcast_ref::<InListExpr>()
            .filter(|list| !list.negated())?;
        let (column, range) = column(list.expr().as_ref(), schema)?;
        let constants = list
            .list()
            .iter()
            .map(|item| constant(item.as_ref(), range));
        Some(Self::OneOf(column, constants.collect::<Option<_>>()?))
    }

    fn compare(
        left: &dyn PhysicalExpr,
        operator: Operator,
        right: &dyn PhysicalExpr,
        schema: &SchemaRef,
    ) -> Option<Self> {
        let flipped = left.downcast_ref::<Literal>().is_some();
        let (left, right) = if flipped {
            (right, left)
        } else {
            (left, right)
        };
        let operator = if flipped { operator.swap()? } else { operator };
        let comparison = match operator {
            Operator::Eq => Comparison::Equal,
            Operator::NotEq => Comparison::NotEqual,
            Operator::Lt => Comparison::Less,
            Operator::LtEq => Comparison::LessOrEqual,
            Operator::Gt => Comparison::Greater,
            Operator::GtEq => Comparison::GreaterOrEqual,
            _ => return None,
        };
        let (column, range) = column(left, schema)?;
        Some(Self::Compare(column, comparison, constant(right, range)?))
    }

    /// Whether the condition is true of a line; `places` says where the table's columns stand.
    #[inline]
    pub(super) fn holds(&self, text: &Lines<'_>, line: Line, places: &[Place]) -> bool {
        let value = |column: usize| text.value(line, places[column]);
        match self {
            Self::Compare(column, comparison, constant) => {
                value(*column).is_some_and(|value| comparison.holds(constant.order(value)))
            }
            Self::OneOf(column, constants) => value(*column).is_some_and(|value| {
                let mut constants = constants.iter();
                constants.any(|constant| constant.order(value) == Some(Ordering::Equal))
            }),
            Self::Present(column, range) => value(*column).is_some_and(|v| fits(v, *range)),
            Self::Absent(column, range) => !value(*column).is_some_and(|v| fits(v, *range)),
            Self::All(all) => all.iter().all(|part| part.holds(text, line, places)),
            Self::Any(any) => any.iter().any(|part| part.holds(text, line, places)),
        }
    }
}

impl Comparison {
    #[inline]
    fn holds(self, order: Option<Ordering>) -> bool {
        let Some(order) = order else {
            return false;
        };
        match self {
            Self::Equal => order.is_eq(),
            Self::NotEqual => order.is_ne(),
            Self::Less => order.is_lt(),
            Self::LessOrEqual => order.is_le(),
            Self::Greater => order.is_gt(),
            Self::GreaterOrEqual => order.is_ge(),
        }
    }
}

impl Constant {
    /// How a value stands to this; `None` if the value is NULL.
    #[inline]
    fn order(&self, value: &[u8]) -> Option<Ordering> {
        match self {
            Self::Number(number, range) => {
                let value = whole_number(value).filter(|value| within(*value, *range));
                value.map(|value| value.cmp(number))
            }
            Self::Text(text) => Some(value.cmp(&**text)),
        }
    }
}

fn fits(value: &[u8], range: Range) -> bool {
    range.is_none() || whole_number(value).is_some_and(|number| within(number, range))
}

fn within(number: i64, range: Range) -> bool {
    range.is_none_or(|(least, greatest)| (least..=greatest).contains(&number))
}

/// The column that the expression is, and its numbers.
fn column(expr: &dyn PhysicalExpr, schema: &SchemaRef) -> Option<(usize, Range)> {
    let name = expr.downcast_ref::<Column>()?.name();
    let (index, field) = schema.column_with_name(name)?;
    let range = match field.data_type() {
        DataType::Int8 => Some((i8::MIN.into(), i8::MAX.into())),
        DataType::Int16 => Some((i16::MIN.into(), i16::MAX.into())),
        DataType::Int32 => Some((i32::MIN.into(), i32::MAX.into())),
        DataType::Int64 => Some((i64::MIN, i64::MAX)),
        DataType::Utf8View | DataType::Utf8 => None,
        _ => return None,
    };
    Some((index, range))
}

/// A literal that a column with these numbers can be compared with.
fn constant(expr: &dyn PhysicalExpr, range: Range) -> Option<Constant> {
    let value = expr.downcast_ref::<Literal>()?.value();
    if range.is_some() {
        let number = match value {
            ScalarValue::Int8(Some(number)) => i64::from(*number),
            ScalarValue::Int16(Some(number)) => i64::from(*number),
            ScalarValue::Int32(Some(number)) => i64::from(*number),
            ScalarValue::Int64(Some(number)) => *number,
            _ => return None,
        };
        return Some(Constant::Number(number, range));
    }
    match value {
        ScalarValue::Utf8View(Some(text))
        | ScalarValue::Utf8(Some(text))
        | ScalarValue::LargeUtf8(Some(text)) => Some(Constant::Text(text.as_bytes().into())),
        _ => None,
    }
}

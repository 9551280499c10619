//! IN with a long list: a look into a set.
//!
//! DataFusion walks over every literal of a list each time one of its rules walks over a plan, and
//! the scan of text compares a value with each. From [`LIST_MAX`] literals on, numbers and texts
//! become one [`Among`] instead, which has no literal to walk over.

use std::collections::HashSet;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use datafusion::arrow::array::{AsArray, BooleanArray};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Int64Type};
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::expr::InList;
use datafusion::logical_expr::{
    ColumnarValue, Expr, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};

/// Literals of a list that stays a list.
const LIST_MAX: usize = 100;

/// The function's name; it fails on no value.
pub(super) const NAME: &str = "among";

/// `value IN (list)`; value and list are of one type.
pub(super) fn among(value: Expr, list: Vec<Expr>) -> Expr {
    let set = (list.len() > LIST_MAX).then(|| Set::new(&list)).flatten();
    match set {
        Some((set, null)) => {
            let among = Among {
                set: Arc::new(set),
                null,
                signature: Signature::any(1, Volatility::Immutable),
            };
            ScalarUDF::new_from_impl(among).call(vec![value])
        }
        None => Expr::InList(InList::new(Box::new(value), list, false)),
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Set {
    Numbers(HashSet<i64>),
    Texts(HashSet<String>),
}

impl Set {
    /// The values of literals, and whether NULL is among them; `None` if something else is.
    fn new(list: &[Expr]) -> Option<(Self, bool)> {
        let (mut numbers, mut texts, mut null) = (HashSet::new(), HashSet::new(), false);
        for item in list {
            let Expr::Literal(value, _) = item else {
                return None;
            };
            match value {
                value if value.is_null() => null = true,
                ScalarValue::Int8(Some(v)) => drop(numbers.insert(i64::from(*v))),
                ScalarValue::Int16(Some(v)) => drop(numbers.insert(i64::from(*v))),
                ScalarValue::Int32(Some(v)) => drop(numbers.insert(i64::from(*v))),
                ScalarValue::Int64(Some(v)) => drop(numbers.insert(*v)),
                ScalarValue::Utf8View(Some(v)) => drop(texts.insert(v.clone())),
                _ => return None,
            }
        }
        match (numbers.is_empty(), texts.is_empty()) {
            (false, true) => Some((Self::Numbers(numbers), null)),
            (true, false) => Some((Self::Texts(texts), null)),
            _ => None,
        }
    }
}

#[derive(Debug)]
struct Among {
    set: Arc<Set>,
    /// Whether the list has a NULL: then what is not found is unknown.
    null: bool,
    signature: Signature,
}

impl PartialEq for Among {
    fn eq(&self, other: &Self) -> bool {
        self.null == other.null && (Arc::ptr_eq(&self.set, &other.set) || self.set == other.set)
    }
}

impl Eq for Among {}

impl Hash for Among {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.null.hash(state);
        match &*self.set {
            Set::Numbers(set) => set.len().hash(state),
            Set::Texts(set) => set.len().hash(state),
        }
    }
}

impl ScalarUDFImpl for Among {
    fn name(&self) -> &str {
        NAME
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _args: &[DataType]) -> Result<DataType> {
        Ok(DataType::Boolean)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let array = args.args[0].to_array(args.number_rows)?;
        let answer = |found: bool| (found || !self.null).then_some(found);
        let answers: BooleanArray = match &*self.set {
            Set::Numbers(set) => {
                let array = cast(&array, &DataType::Int64)?;
                let values = array.as_primitive::<Int64Type>().iter();
                let found = values.map(|value| answer(set.contains(&value?)));
                found.collect()
            }
            Set::Texts(set) => {
                let array = cast(&array, &DataType::Utf8View)?;
                let values = array.as_string_view().iter();
                let found = values.map(|value| answer(set.contains(value?)));
                found.collect()
            }
        };
        Ok(ColumnarValue::Array(Arc::new(answers)))
    }
}

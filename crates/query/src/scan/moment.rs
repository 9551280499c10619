//! When a record was: `start`, else `end`, else when its file was written.
//!
//! AWS writes both as seconds since the epoch. Files that have been through other hands have
//! milliseconds or finer, `-1`, `-` or nothing: a record is not lost for that, and none shows as of
//! a year far off. `1709596800123` counts as the second 1709596800; `-1` counts as nothing.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, BooleanArray, Int64Array};
use datafusion::arrow::datatypes::{DataType, Int64Type};
use datafusion::logical_expr::{ColumnarValue, Expr, Volatility, create_udf};

use super::tally::Counted;

/// The last second that counts as a time: in February 2106.
pub(crate) const MOMENT_MAX: i64 = u32::MAX as i64;

/// Numbers below, in March 1973, are no time in a finer unit.
const SCALED_MIN: i64 = 100_000_000;

/// Where in a line of a file the times of its records are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Moment {
    /// Which value is `start`.
    pub(crate) start: Option<u32>,
    /// Which value is `end`.
    pub(crate) end: Option<u32>,
    /// The second of a record that has neither.
    pub(crate) otherwise: i64,
}

/// The second that a number in the place of a time means.
#[inline]
pub(crate) fn second(number: i64) -> Option<i64> {
    if (0..=MOMENT_MAX).contains(&number) {
        return Some(number);
    }
    let finer = [1_000, 1_000_000, 1_000_000_000].map(|unit| number / unit);
    let times = SCALED_MIN..=MOMENT_MAX;
    finer.into_iter().find(|seconds| times.contains(seconds))
}

/// The moment of rows of Parquet, from columns of numbers; those that have no time of their own are
/// counted.
pub(crate) fn moment_of(start: Expr, end: Expr, otherwise: Expr, untimed: Counted) -> Expr {
    let run = move |args: &[ColumnarValue]| {
        let arrays = ColumnarValue::values_to_arrays(args)?;
        let [start, end, otherwise] = [0, 1, 2].map(|at: usize| {
            let array: &Int64Array = arrays[at].as_primitive::<Int64Type>();
            array
        });
        let at = |array: &Int64Array, row: usize| {
            let number = array.is_valid(row).then(|| array.value(row));
            number.and_then(second)
        };
        let plain = |number: &i64| (0..=MOMENT_MAX).contains(number);
        // As AWS writes them, they are the moments.
        if start.null_count() == 0 && start.values().iter().all(plain) {
            return Ok(ColumnarValue::Array(arrays[0].clone()));
        }
        let mut missing = 0;
        let moments = (0..otherwise.len()).map(|row| {
            at(start, row).or_else(|| at(end, row)).unwrap_or_else(|| {
                missing += 1;
                otherwise.value(row)
            })
        });
        let moments: Int64Array = moments.map(Some).collect();
        untimed.fetch_add(missing, Ordering::Relaxed);
        Ok(ColumnarValue::Array(Arc::new(moments)))
    };
    let types = vec![DataType::Int64; 3];
    // Volatile, so that it runs once a row: it counts.
    let udf = create_udf(
        "moment",
        types,
        DataType::Int64,
        Volatility::Volatile,
        Arc::new(run),
    );
    udf.call(vec![start, end, otherwise])
}

/// Whether rows say a time themselves, from the same columns; those that do not are counted.
pub(crate) fn says_time(start: Expr, end: Expr, untimed: Counted) -> Expr {
    let run = move |args: &[ColumnarValue]| {
        let arrays = ColumnarValue::values_to_arrays(args)?;
        let [start, end] = [0, 1].map(|at: usize| arrays[at].as_primitive::<Int64Type>());
        let says = |array: &Int64Array, row: usize| {
            array.is_valid(row) && second(array.value(row)).is_some()
        };
        let rows = 0..start.len();
        let said: BooleanArray = rows
            .map(|row| Some(says(start, row) || says(end, row)))
            .collect();
        untimed.fetch_add(said.false_count() as u64, Ordering::Relaxed);
        Ok(ColumnarValue::Array(Arc::new(said) as ArrayRef))
    };
    let types = vec![DataType::Int64; 2];
    let run = Arc::new(run);
    let udf = create_udf(
        "says_time",
        types,
        DataType::Boolean,
        Volatility::Volatile,
        run,
    );
    udf.call(vec![start, end])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finer_units_are_told_by_size_and_what_is_no_time_is_none() {
        for (number, expected) in [
            (1_709_596_800, Some(1_709_596_800)),
            (0, Some(0)),
            (1_709_596_800_123, Some(1_709_596_800)),
            (1_709_596_800_123_456, Some(1_709_596_800)),
            (1_709_596_800_123_456_789, Some(1_709_596_800)),
            (-1, None),
            (9_999_999_999, None),
            (i64::MAX, None),
            (i64::MIN, None),
        ] {
            assert_eq!(second(number), expected, "{number}");
        }
    }
}

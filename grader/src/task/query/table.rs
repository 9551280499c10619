//! A result set with its values in one form each.

use wirelab_query::QueryResult;

/// Rows of values; equal values are equal texts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Table {
    pub(super) names: Vec<String>,
    pub(super) rows: Vec<Vec<String>>,
}

impl Table {
    /// The columns named in `only`, in that order; all of them if it is empty. `@ptr` never counts.
    pub(super) fn of(result: &QueryResult, only: &[String]) -> Self {
        let position = |name: &String| result.columns.iter().position(|it| it.name == *name);
        let columns: Vec<usize> = if only.is_empty() {
            let all = result.columns.iter().enumerate();
            all.filter(|(_, column)| column.name != "@ptr")
                .map(|(index, _)| index)
                .collect()
        } else {
            only.iter().filter_map(position).collect()
        };
        let name = |index: &usize| result.columns[*index].name.clone();
        let row = |row: &Vec<Option<String>>| {
            let cells = columns
                .iter()
                .map(|index| canonical(row[*index].as_deref()));
            cells.collect()
        };
        Self {
            names: columns.iter().map(name).collect(),
            rows: result.rows.iter().map(row).collect(),
        }
    }

    pub(super) const fn width(&self) -> usize {
        self.names.len()
    }

    /// The columns `columns`, in that order.
    pub(super) fn select(&self, columns: &[usize]) -> Self {
        let row = |row: &Vec<String>| columns.iter().map(|index| row[*index].clone()).collect();
        Self {
            names: columns
                .iter()
                .map(|index| self.names[*index].clone())
                .collect(),
            rows: self.rows.iter().map(row).collect(),
        }
    }

    /// The values of one column, sorted, each once.
    pub(super) fn values(&self, column: usize) -> Vec<&str> {
        let mut values: Vec<_> = self.rows.iter().map(|row| row[column].as_str()).collect();
        values.sort_unstable();
        values.dedup();
        values
    }
}

/// What the values of a column are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Numbers,
    Times,
    Texts,
}

impl Kind {
    /// Of values in their one form; `None` where they are of several kinds, or none is there.
    pub(super) fn of(values: &[&str]) -> Option<Self> {
        let mut kinds = values.iter().filter(|it| !it.is_empty()).map(|it| {
            let is_time = it.parse::<jiff::civil::DateTime>().is_ok();
            match it.parse::<f64>() {
                Ok(_) => Self::Numbers,
                Err(_) if is_time => Self::Times,
                Err(_) => Self::Texts,
            }
        });
        let first = kinds.next()?;
        kinds.all(|it| it == first).then_some(first)
    }
}

impl std::fmt::Display for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Numbers => "numbers",
            Self::Times => "times",
            Self::Texts => "texts",
        })
    }
}

/// Beyond it whole numbers are not exact in `f64`.
const EXACT: f64 = 9e15;

/// `12`, `12.0` and `1.2e1` are one number; a missing value is an empty text. Fractions count to
/// twelve digits: a mean and a sum that is divided may differ in the last of sixteen.
fn canonical(cell: Option<&str>) -> String {
    let text = cell.unwrap_or_default().trim();
    if let Ok(whole) = text.parse::<i128>() {
        return whole.to_string();
    }
    match text.parse::<f64>() {
        Ok(number) if number.fract() == 0.0 && number.abs() < EXACT => format!("{number}"),
        Ok(number) if number.is_finite() => {
            let twelve = format!("{number:.11e}");
            format!("{}", twelve.parse().unwrap_or(number))
        }
        _ => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::{Kind, canonical};

    #[test]
    fn a_number_is_one_however_it_was_computed_and_others_are_others() {
        let same = |a, b| canonical(Some(a)) == canonical(Some(b));
        assert!(same("12", "12.0") && same("12", "1.2e1") && same("-0.5", "-5e-1"));
        assert!(same("0.30000000000000004", "0.3"));
        assert!(same("1540.3333333333333", "1540.3333333333335"));
        assert!(same("1778596794000", "1.778596794e12"));
        assert!(!same("1778596794000", "1778596794001"));
        assert!(!same("99999999999999999999", "99999999999999999998"));
        assert!(!same("0.3333", "0.3334"));
        assert!(!same("10.0.1.5", "10.0.1.50"));
        assert_eq!(canonical(None), "");
    }
    #[test]
    fn a_column_is_of_one_kind_or_of_none() {
        assert_eq!(Kind::of(&["1", "", "2.5"]), Some(Kind::Numbers));
        assert_eq!(Kind::of(&["2026-03-09 10:05:00.000"]), Some(Kind::Times));
        assert_eq!(Kind::of(&["10.0.1.5"]), Some(Kind::Texts));
        assert_eq!(Kind::of(&["10.0.1.5", "7"]), None);
        assert_eq!(Kind::of(&[""]), None);
    }
}

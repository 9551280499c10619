//! Two result sets: the columns that correspond, then the rows that differ.

use std::collections::BTreeMap;

use wirelab_scenario::Compare;

use super::table::{Kind, Table};
use crate::finding::{Finding, FindingKind};

/// Ways to match columns that are tried before names alone decide.
const MAPPINGS: usize = 5_000;
/// So many rows are held against the reference's in all of them together.
const COMPARED_ROWS: usize = 5_000_000;
/// What a row is about: columns that bear one of these names, and all that hold no number.
const SUBJECTS: [&str; 6] = [
    "srcport", "dstport", "protocol", "tcpflags", "icmptype", "icmpcode",
];

/// Which columns of an answer may be those that were asked for: a column of it for each of the
/// reference's. Over one log several ways may fit; right is a way that fits over every log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Ways(Option<Vec<Vec<usize>>>);

impl Ways {
    /// Any column may be any.
    pub(super) const ANY: Self = Self(None);

    /// Those that still fit over one more log; all, where none does.
    pub(super) fn that_fit(&self, wanted: &Table, given: &Table, compare: Compare) -> Self {
        let fits = |way: &Vec<usize>| {
            let difference = Difference::of(wanted, given.select(way), compare);
            difference.weight() == (0, false)
        };
        let fitting: Vec<_> = self.of(wanted, given).into_iter().filter(fits).collect();
        match fitting.is_empty() {
            true => self.clone(),
            false => Self(Some(fitting)),
        }
    }

    fn of(&self, wanted: &Table, given: &Table) -> Vec<Vec<usize>> {
        let mut all = match &self.0 {
            None => mappings(wanted, given),
            Some(ways) => {
                let is_there = |way: &&Vec<usize>| way.iter().all(|it| *it < given.width());
                ways.iter().filter(is_there).cloned().collect()
            }
        };
        all.truncate((COMPARED_ROWS / given.rows.len().max(1)).max(1));
        all
    }
}

/// What is wrong with `given`: nothing, or rows on either side, or their order.
pub(super) fn findings(
    wanted: &Table,
    given: &Table,
    compare: Compare,
    ways: &Ways,
) -> Vec<Finding> {
    if given.width() < wanted.width() {
        let summary = format!(
            "{} columns were asked for, the result has {}",
            wanted.width(),
            given.width()
        );
        return vec![Finding::new(FindingKind::QueryLacksColumns, summary)];
    }
    let best = difference(wanted, given, compare, ways);
    best.map_or_else(Vec::new, |best| best.findings(wanted))
}

/// What sets the rows apart, the columns matched as well as they can be; `None` if there are fewer
/// columns than were asked for.
pub(super) fn difference(
    wanted: &Table,
    given: &Table,
    compare: Compare,
    ways: &Ways,
) -> Option<Difference> {
    if given.width() < wanted.width() {
        return None;
    }
    let mappings = ways.of(wanted, given).into_iter();
    let differences =
        mappings.map(|columns| Difference::of(wanted, given.select(&columns), compare));
    differences.min_by_key(Difference::weight)
}

/// A row that one side has and the other has not, and what it is about: over fewer records its
/// numbers are others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Subject {
    is_missing: bool,
    cells: Vec<Option<String>>,
}

impl Subject {
    fn of(row: &[String], names: &[String], is_missing: bool) -> Self {
        let cells = row.iter().zip(names).map(|(cell, name)| {
            let letters = name.chars().filter(char::is_ascii_alphabetic);
            let name = letters.collect::<String>().to_lowercase();
            let is_about = cell.parse::<f64>().is_err() || SUBJECTS.contains(&name.as_str());
            is_about.then(|| cell.clone())
        });
        Self {
            is_missing,
            cells: cells.collect(),
        }
    }

    fn is_of(&self, row: &[String]) -> bool {
        let mut pairs = self.cells.iter().zip(row);
        pairs.all(|(wanted, cell)| wanted.as_ref().is_none_or(|it| it == cell))
    }
}

/// Ways to choose a column of `given` for each of `wanted`: each column once.
fn mappings(wanted: &Table, given: &Table) -> Vec<Vec<usize>> {
    let theirs: Vec<_> = (0..given.width()).map(|it| given.values(it)).collect();
    let candidates: Vec<Vec<usize>> = (0..wanted.width())
        .map(|column| candidates(wanted, given, &theirs, column))
        .collect();
    let mut ways: Vec<Vec<usize>> = vec![Vec::new()];
    for column in &candidates {
        let longer = ways.iter().flat_map(|way| {
            let free = column.iter().filter(|index| !way.contains(index));
            free.map(|index| way.iter().copied().chain([*index]).collect())
        });
        ways = longer.take(MAPPINGS).collect();
    }
    ways
}

/// The columns of `given`, most alike first: by name, then by values in common with `theirs`.
fn candidates(wanted: &Table, given: &Table, theirs: &[Vec<&str>], column: usize) -> Vec<usize> {
    let name = wanted.names[column].to_lowercase();
    let values = wanted.values(column);
    let mut columns: Vec<usize> = (0..given.width()).collect();
    columns.sort_by_cached_key(|index| {
        let same_name = given.names[*index].to_lowercase() == name;
        let theirs = theirs[*index].iter();
        let common = theirs.filter(|it| values.binary_search(it).is_ok());
        std::cmp::Reverse((same_name, common.count()))
    });
    columns
}

/// Rows that one side has and the other has not.
pub(super) struct Difference {
    missing: Vec<Vec<String>>,
    extra: Vec<Vec<String>>,
    order: Option<usize>,
    given: Table,
}

impl Difference {
    fn of(wanted: &Table, given: Table, compare: Compare) -> Self {
        let (mut missing, mut extra) = (Vec::new(), Vec::new());
        for (row, (there, here)) in counts(wanted, &given) {
            // Rows that only differ in ignored columns are one row.
            let (there, here) = match compare {
                Compare::Columns => (there.min(1), here.min(1)),
                _ => (there, here),
            };
            if here < there {
                missing.push(row.clone());
            } else if here > there && compare != Compare::Contains {
                extra.push(row.clone());
            }
        }
        let mut pairs = wanted.rows.iter().zip(&given.rows);
        let order = match compare {
            Compare::OrderedRows => pairs.position(|(a, b)| a != b),
            _ => None,
        };
        Self {
            missing,
            extra,
            order,
            given,
        }
    }

    fn weight(&self) -> (usize, bool) {
        (self.missing.len() + self.extra.len(), self.order.is_some())
    }

    /// Whether rows differ, or their order.
    pub(super) fn is_any(&self) -> bool {
        self.weight() != (0, false)
    }

    /// What the first finding is about, if that is a row.
    pub(super) fn subject(&self, wanted: &Table) -> Option<Subject> {
        let missing = self.missing.first().map(|row| (row, true));
        let (row, is_missing) = missing.or_else(|| Some((self.extra.first()?, false)))?;
        Some(Subject::of(row, &wanted.names, is_missing))
    }

    /// Whether it is about the same.
    pub(super) fn is_about(&self, subject: &Subject) -> bool {
        let rows = match subject.is_missing {
            true => &self.missing,
            false => &self.extra,
        };
        rows.iter().any(|row| subject.is_of(row))
    }

    /// The rows on either side, those about `subject` before others.
    pub(super) fn sides(&self, subject: Option<&Subject>) -> Vec<String> {
        let side = |what: &str, rows: &[Vec<String>]| {
            let alike = rows
                .iter()
                .find(|row| subject.is_some_and(|it| it.is_of(row)));
            let row = match subject {
                Some(_) => alike,
                None => rows.first(),
            };
            let row = match row {
                Some(row) => format!("a row {}", print(row)),
                None => "no such row".to_owned(),
            };
            format!("{what}, over these alone: {row}")
        };
        if self.missing.is_empty() && self.extra.is_empty() {
            return Vec::new();
        }
        vec![side("right", &self.missing), side("yours", &self.extra)]
    }

    /// The columns that hold values of another kind altogether, which no row can then have.
    fn other_kinds(&self, wanted: &Table) -> Vec<String> {
        let columns = wanted.names.iter().zip(&self.given.names).enumerate();
        let other = columns.filter_map(|(index, (asked, theirs))| {
            let kind = Kind::of(&wanted.values(index))?;
            let own = Kind::of(&self.given.values(index)).filter(|own| *own != kind)?;
            let how = match (kind, own) {
                (Kind::Times, Kind::Numbers) => ": fromMillis() and from_unixtime() make times",
                _ => "",
            };
            Some(format!(
                "`{theirs}` has {own}, and `{asked}` was to have {kind}{how}"
            ))
        });
        other.collect()
    }

    pub(super) fn findings(&self, wanted: &Table) -> Vec<Finding> {
        let mut findings = Vec::new();
        if let Some(row) = self.missing.first() {
            let (gone, of) = (self.missing.len(), wanted.rows.len());
            let summary = format!("{gone} of {of} wanted rows are not in the result");
            let mut finding = Finding::new(FindingKind::QueryMisses, summary);
            finding.evidence = self.other_kinds(wanted);
            findings.push(finding.expected(format!("a row {}", print(row))));
        }
        if let Some(row) = self.extra.first() {
            let (extra, of) = (self.extra.len(), self.given.rows.len());
            let summary = format!("{extra} of the {of} rows do not belong in the result");
            let finding = Finding::new(FindingKind::QueryKeepsTooMuch, summary);
            findings.push(finding.observed(format!("a row {}", print(row))));
        }
        if let (true, Some(place)) = (findings.is_empty(), self.order) {
            let summary = format!("the rows are right; row {} is out of order", place + 1);
            findings.push(Finding::new(FindingKind::QueryOrder, summary));
        }
        findings
    }
}

/// How often each row is in `wanted` and in `given`.
fn counts<'a>(wanted: &'a Table, given: &'a Table) -> BTreeMap<&'a Vec<String>, (usize, usize)> {
    let mut counts: BTreeMap<_, (usize, usize)> = BTreeMap::new();
    for row in &wanted.rows {
        counts.entry(row).or_default().0 += 1;
    }
    for row in &given.rows {
        counts.entry(row).or_default().1 += 1;
    }
    counts
}

fn print(row: &[String]) -> String {
    let cells: Vec<_> = row
        .iter()
        .map(|cell| if cell.is_empty() { "-" } else { cell })
        .collect();
    cells.join(" | ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(names: &[&str], rows: &[&[&str]]) -> Table {
        let owned = |cells: &[&str]| cells.iter().map(|cell| (*cell).to_owned()).collect();
        Table {
            names: owned(names),
            rows: rows.iter().map(|row| owned(row)).collect(),
        }
    }

    fn wanted() -> Table {
        let rows: &[&[&str]] = &[
            &["10.0.1.5", "10.0.2.9", "7"],
            &["10.0.1.6", "10.0.2.9", "3"],
        ];
        table(&["srcAddr", "dstAddr", "lost"], rows)
    }

    fn name(given: &Table, compare: Compare) -> Option<FindingKind> {
        let found = findings(&wanted(), given, compare, &Ways::ANY);
        found.first().map(|finding| finding.name)
    }

    #[test]
    fn a_column_of_another_kind_is_told_beside_the_rows() {
        let times: &[&[&str]] = &[&["2026-03-09 10:05:00.000", "3"]];
        let numbers: &[&[&str]] = &[&["1773050700000", "3"]];
        let [wanted, given] =
            [("w", times), ("b", numbers)].map(|(name, rows)| table(&[name, "lost"], rows));
        let found = findings(&wanted, &given, Compare::Rows, &Ways::ANY);
        let told = "`b` has numbers, and `w` was to have times: fromMillis() and from_unixtime() \
                    make times";
        assert_eq!(found[0].evidence, [told]);
    }

    #[test]
    fn names_and_order_of_columns_are_free_and_further_columns_do_no_harm() {
        let rows: &[&[&str]] = &[
            &["3", "6", "10.0.2.9", "10.0.1.6"],
            &["7", "6", "10.0.2.9", "10.0.1.5"],
        ];
        let given = table(&["n", "protocol", "b", "a"], rows);
        assert_eq!(name(&given, Compare::Rows), None);
        assert_eq!(
            name(&given, Compare::OrderedRows),
            Some(FindingKind::QueryOrder)
        );
    }

    #[test]
    fn a_row_too_few_or_too_many_is_named() {
        let some = table(&["a", "b", "n"], &[&["10.0.1.5", "10.0.2.9", "7"]]);
        assert_eq!(name(&some, Compare::Rows), Some(FindingKind::QueryMisses));
        let mut more = wanted();
        more.rows
            .push(vec!["10.0.1.7".into(), "10.0.2.9".into(), "1".into()]);
        assert_eq!(
            name(&more, Compare::Rows),
            Some(FindingKind::QueryKeepsTooMuch)
        );
        assert_eq!(name(&more, Compare::Contains), None);
        let found = findings(&wanted(), &more, Compare::Rows, &Ways::ANY);
        assert_eq!(
            found[0].observed.as_deref(),
            Some("a row 10.0.1.7 | 10.0.2.9 | 1")
        );
    }

    #[test]
    fn a_column_too_few_is_no_matter_of_rows() {
        let given = table(&["n"], &[&["7"], &["3"]]);
        assert_eq!(
            name(&given, Compare::Rows),
            Some(FindingKind::QueryLacksColumns)
        );
    }

    #[test]
    fn repeated_rows_count_unless_columns_are_ignored() {
        let mut twice = wanted();
        twice.rows.push(twice.rows[0].clone());
        assert_eq!(
            name(&twice, Compare::Rows),
            Some(FindingKind::QueryKeepsTooMuch)
        );
        assert_eq!(name(&twice, Compare::Columns), None);
    }

    #[test]
    fn a_row_over_fewer_records_is_about_the_same_with_other_numbers() {
        let differs = |given: &Table| {
            difference(&wanted(), given, Compare::Rows, &Ways::ANY).expect("enough columns")
        };
        let names = ["srcAddr", "dstAddr", "lost"];
        let rows: &[&[&str]] = &[
            &["10.0.1.5", "10.0.2.9", "8"],
            &["10.0.1.6", "10.0.2.9", "3"],
        ];
        let first = differs(&table(&names, rows));
        let subject = first.subject(&wanted()).expect("a row");
        let other: &[&[&str]] = &[
            &["10.0.1.5", "10.0.2.9", "7"],
            &["10.0.1.6", "10.0.2.9", "4"],
        ];
        assert!(first.is_about(&subject));
        assert!(!differs(&table(&names, other)).is_about(&subject));
        let none = differs(&table(&names, &[]));
        assert!(none.is_about(&subject));
        assert_eq!(
            none.sides(Some(&subject)),
            [
                "right, over these alone: a row 10.0.1.5 | 10.0.2.9 | 7",
                "yours, over these alone: no such row",
            ]
        );
    }

    #[test]
    fn one_column_is_the_one_asked_for_over_every_log() {
        // Two columns of which one fits here and the other there.
        let by_luck = |a: &str, b: &str| {
            let rows: &[&[&str]] = &[&["10.0.1.5", a, b]];
            table(&["source", "a", "b"], rows)
        };
        let seven: &[&[&str]] = &[&["10.0.1.5", "7"]];
        let seven = table(&["srcAddr", "lost"], seven);
        let ways = Ways::ANY.that_fit(&seven, &by_luck("7", "9"), Compare::Rows);
        let found = |given: &Table, ways: &Ways| findings(&seven, given, Compare::Rows, ways);
        assert!(found(&by_luck("9", "7"), &Ways::ANY).is_empty());
        assert_eq!(found(&by_luck("9", "7"), &ways).len(), 2);
        assert!(found(&by_luck("7", "7"), &ways).is_empty());
    }
}

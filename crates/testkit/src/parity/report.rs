//! What was held, and the table of it.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use super::compare::{Difference, Judged};
use super::manifest::{Hold, Manifest};

/// One manifest, held.
#[derive(Clone, Debug)]
pub struct Report {
    /// The file's name without its ending.
    pub name: String,
    /// Of the manifest.
    pub title: String,
    /// Capture, and what the comparison found.
    pub held: Vec<(String, Judged)>,
    /// What programs and commands saw, and whether the kernel's did.
    pub outcomes: Vec<(String, bool)>,
    /// How many differences the manifest explains at most.
    pub allowed: usize,
}

impl Report {
    pub(super) fn new(path: &Path, manifest: &Manifest) -> Self {
        let stem = path.file_stem().unwrap_or_default();
        Self {
            name: stem.to_string_lossy().into_owned(),
            title: manifest.title.clone(),
            held: Vec::new(),
            outcomes: Vec::new(),
            allowed: manifest.explained.iter().map(|it| it.most).sum(),
        }
    }

    pub(super) fn add(&mut self, hold: &Hold, judged: Judged) {
        self.held.push((hold.file.clone(), judged));
    }

    pub(super) fn add_outcomes(&mut self, outcomes: Vec<(String, bool)>) {
        self.outcomes = outcomes;
    }

    /// Packets of the kernel that were compared.
    #[must_use]
    pub fn compared(&self) -> usize {
        self.held.iter().map(|(_, judged)| judged.compared).sum()
    }

    /// Every difference.
    pub fn differences(&self) -> impl Iterator<Item = &Difference> {
        self.held.iter().flat_map(|(_, judged)| &judged.differences)
    }

    /// Whether nothing is left unexplained.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.differences().all(|it| it.explained.is_some())
            && self.outcomes.iter().all(|(_, right)| *right)
    }

    /// What is not explained, in full.
    #[must_use]
    pub fn failures(&self) -> String {
        let mut text = String::new();
        for (file, judged) in &self.held {
            for difference in judged
                .differences
                .iter()
                .filter(|it| it.explained.is_none())
            {
                let _ = writeln!(text, "    {file} {difference}");
            }
        }
        for (outcome, _) in self.outcomes.iter().filter(|(_, right)| !right) {
            let _ = writeln!(text, "    not as seen there: {outcome}");
        }
        text
    }

    /// Kinds of differences with their number and reason.
    fn reasons(&self) -> BTreeMap<(&'static str, &str), usize> {
        let mut reasons = BTreeMap::new();
        for difference in self.differences() {
            if let Some(why) = &difference.explained {
                *reasons.entry((difference.kind, why.as_str())).or_default() += 1;
            }
        }
        reasons
    }
}

/// The table of several reports.
#[must_use]
pub fn table(reports: &[Report]) -> String {
    let mut text = format!(
        "{:<44} {:>8} {:>7} {:>11} {:>9} {:>8}\n",
        "situation", "captures", "packets", "differences", "explained", "outcomes"
    );
    let mut totals = [0; 5];
    for report in reports {
        let explained = report.differences().filter(|it| it.explained.is_some());
        let row = [
            report.held.len(),
            report.compared(),
            report.differences().count(),
            explained.count(),
            report.outcomes.len(),
        ];
        for (total, number) in totals.iter_mut().zip(row) {
            *total += number;
        }
        line(&mut text, &report.name, row, report.holds());
        for ((kind, why), number) in report.reasons() {
            let _ = writeln!(text, "    {number} {kind}: {why}");
        }
        text += &report.failures();
    }
    let holds = reports.iter().all(Report::holds);
    line(
        &mut text,
        &format!("{} situations", reports.len()),
        totals,
        holds,
    );
    text
}

fn line(text: &mut String, name: &str, row: [usize; 5], holds: bool) {
    let [captures, packets, differences, explained, outcomes] = row;
    let verdict = if holds { "" } else { "  FAILS" };
    let _ = writeln!(
        text,
        "{name:<44} {captures:>8} {packets:>7} {differences:>11} {explained:>9} {outcomes:>8}{verdict}"
    );
}

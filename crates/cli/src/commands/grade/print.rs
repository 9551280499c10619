//! What grading shows: how far it is, and what came of it.

use std::collections::BTreeMap;
use std::fmt;
use std::io::IsTerminal;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use serde::Serialize;
use serde_json::{Value, json};
use wirelab_query::visible;

use super::class::{self, Roster};
use super::explain;
use super::regrade::{self, Changed};
use super::{Arguments, lock};
use crate::failure::Failure;
use crate::output;
use crate::terminal::Mark;

/// The file that a result is of.
pub(super) fn name(result: &Value) -> &str {
    result["file"].as_str().unwrap_or_default()
}

/// Whether a result has a report.
pub(super) fn is_graded(result: &Value) -> bool {
    result["status"] == "graded"
}

/// Prints the results, which are sorted by name.
pub(super) fn results(
    results: &[Value],
    roster: Option<&Roster>,
    arguments: &Arguments,
) -> Result<(), Failure> {
    let counts = Counts::of(results);
    let identical = identical(results);
    if arguments.json.json {
        return output::json(&json!({
            "graded": counts.graded,
            "incomplete": counts.incomplete,
            "unreadable": counts.unreadable,
            "refused": counts.refused,
            "our_fault": counts.our_fault,
            "missing": roster.map(|roster| missing(results, roster)),
            "identical": identical,
            "results": results,
        }));
    }
    let width = results.iter().map(|it| name(it).chars().count()).max();
    let mut text = String::new();
    if arguments.explain {
        text.extend(results.iter().map(explain::text));
    }
    for result in results {
        text += &row(result, width.unwrap_or_default());
    }
    let names = class::names(results, roster);
    let alike: String = identical.iter().map(ToString::to_string).collect();
    for part in [names, alike].into_iter().filter(|it| !it.is_empty()) {
        text += &format!("\n{part}");
    }
    output::text(&format!("{text}\n {}\n", counts.text()))
}

/// The names of the roster that no result has.
fn missing<'r>(results: &[Value], roster: &'r Roster) -> Vec<&'r String> {
    let names = roster.names.iter();
    let is_here = |name: &str| results.iter().any(|it| class::learner(it) == Some(name));
    names.filter(|name| !is_here(name)).collect()
}

/// How many there are of each kind.
struct Counts {
    all: usize,
    graded: usize,
    /// Of those that are graded.
    incomplete: usize,
    unreadable: usize,
    refused: usize,
    our_fault: usize,
}

impl Counts {
    fn of(results: &[Value]) -> Self {
        let count = |status: &str| results.iter().filter(|it| it["status"] == status).count();
        let is_incomplete = |it: &&Value| {
            let tasks = it["not_attempted"].as_array();
            tasks.is_some_and(|tasks| !tasks.is_empty())
        };
        Self {
            all: results.len(),
            graded: count("graded"),
            incomplete: results.iter().filter(is_incomplete).count(),
            unreadable: count("unreadable"),
            refused: count("refused"),
            our_fault: count("our-fault"),
        }
    }

    fn text(&self) -> String {
        let noun = match self.all {
            1 => "submission",
            _ => "submissions",
        };
        let mut text = format!("{} {noun}, {} graded", self.all, self.graded);
        if self.incomplete > 0 {
            text += &format!(" ({} of them incomplete)", self.incomplete);
        }
        let parts = [
            (self.unreadable, "unreadable (listed, not zeroed)"),
            (self.refused, "refused (listed, not zeroed)"),
            (self.our_fault, "not graded by our fault"),
        ];
        for (count, what) in parts.into_iter().filter(|(count, _)| *count > 0) {
            text += &format!(", {count} {what}");
        }
        text
    }
}

/// Prints what grading again changes.
pub(super) fn changes(
    changes: &[Changed],
    graded: usize,
    arguments: &Arguments,
) -> Result<(), Failure> {
    if arguments.json.json {
        return output::json(&json!({ "submissions": graded, "changes": changes }));
    }
    output::text(&regrade::text(changes, graded, arguments.explain_diff))
}

fn row(result: &Value, width: usize) -> String {
    let name = name(result);
    let report = &result["report"];
    if !is_graded(result) {
        let (status, reason) = (&result["status"], &result["reason"]);
        let [status, reason] = [status, reason].map(|it| it.as_str().unwrap_or_default());
        return format!(
            " {} {name:width$}  {status}: {}\n",
            Mark::Open.shown(),
            one_line(reason)
        );
    }
    let number = |value: &Value| value.as_u64().unwrap_or_default();
    let (score, of) = (number(&report["score"]), number(&report["points"]["of"]));
    let mark = match score {
        0 => Mark::Bad,
        score if score == of && result["chain_holds"] != false => Mark::Good,
        _ => Mark::Partly,
    };
    let lab = result["lab"].as_str().unwrap_or_default();
    let mut row = format!(" {} {name:width$}  {lab}  {score}/{of}\n", mark.shown());
    for remark in result["remarks"].as_array().into_iter().flatten() {
        row += &format!("     ! {}\n", one_line(remark.as_str().unwrap_or_default()));
    }
    row
}

/// What a file says of itself makes no line of its own.
fn one_line(text: &str) -> String {
    let shown = visible(text);
    shown.chars().map(super::find::plain).collect()
}

/// Files with one log: the same journal, the same answers.
#[derive(Serialize)]
struct Identical {
    lab: String,
    files: Vec<String>,
    /// Entries of the journal: the more, the less it is chance.
    entries: u64,
}

impl fmt::Display for Identical {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (files, entries) = (self.files.join(", "), self.entries);
        let plural = if entries == 1 { "y" } else { "ies" };
        writeln!(
            f,
            " ! {files}: identical logs, the same journal of {entries} entr{plural} and the same \
             answers"
        )
    }
}

/// Who shares a log with somebody else, by the first of their names. What one learner hands in
/// twice is no sharing.
fn identical(results: &[Value]) -> Vec<Identical> {
    let mut logs: BTreeMap<&str, Vec<&Value>> = BTreeMap::new();
    for result in results {
        if let Some(log) = result["log"]["sha256"].as_str() {
            logs.entry(log).or_default().push(result);
        }
    }
    let is_shared = |of: &&Vec<&Value>| {
        let first = &of[0]["learner"];
        of.len() > 1 && (first.is_null() || of.iter().any(|it| it["learner"] != *first))
    };
    let shared = logs.values().filter(is_shared).map(|of| Identical {
        lab: of[0]["lab"].as_str().unwrap_or_default().to_owned(),
        files: of.iter().map(|it| name(it).to_owned()).collect(),
        entries: of[0]["log"]["entries"].as_u64().unwrap_or_default(),
    });
    let mut shared: Vec<Identical> = shared.collect();
    shared.sort_by(|a, b| a.files.cmp(&b.files));
    shared
}

/// How far one is, on a terminal; elsewhere nothing.
pub(super) struct Progress {
    of: usize,
    shown: bool,
    started: Instant,
    done: Mutex<usize>,
}

impl Progress {
    pub(super) fn new(of: usize) -> Self {
        Self {
            of,
            shown: std::io::stderr().is_terminal(),
            started: Instant::now(),
            done: Mutex::new(0),
        }
    }

    pub(super) fn one_more(&self) {
        let mut done = lock(&self.done);
        *done += 1;
        if self.shown {
            let left = left(self.started.elapsed(), *done, self.of);
            output::error_text(&format!("\r {}/{} graded, {left}   ", *done, self.of));
        }
    }

    pub(super) fn end(&self) {
        if self.shown && self.of > 0 {
            output::error_text("\r\u{1b}[K");
        }
    }
}

/// The time that is left if the rest takes as long as what is done.
fn left(elapsed: Duration, done: usize, of: usize) -> String {
    let rest = of.saturating_sub(done) as f64 / done.max(1) as f64;
    let seconds = (elapsed.as_secs_f64() * rest).ceil() as u64;
    match seconds / 60 {
        0 => format!("about {seconds} s left"),
        minutes => format!("about {minutes} min {} s left", seconds % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_left_goes_by_what_is_done() {
        let elapsed = Duration::from_secs(10);
        assert_eq!(left(elapsed, 100, 500), "about 40 s left");
        assert_eq!(left(elapsed, 1, 20), "about 3 min 10 s left");
        assert_eq!(left(elapsed, 20, 20), "about 0 s left");
    }
}

//! What grading shows: how far it is, and what came of it.

use std::io::IsTerminal;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use wirelab_query::visible;

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
pub(super) fn results(results: &[Value], as_json: bool) -> Result<(), Failure> {
    let count = |status: &str| results.iter().filter(|it| it["status"] == status).count();
    let (graded, unreadable) = (count("graded"), count("unreadable"));
    let (refused, ours) = (count("refused"), count("our-fault"));
    let is_incomplete = |it: &&Value| {
        it["not_attempted"]
            .as_array()
            .is_some_and(|it| !it.is_empty())
    };
    let incomplete = results.iter().filter(is_incomplete).count();
    if as_json {
        return output::json(&json!({
            "graded": graded,
            "incomplete": incomplete,
            "unreadable": unreadable,
            "refused": refused,
            "our_fault": ours,
            "results": results,
        }));
    }
    let width = results.iter().map(|it| name(it).chars().count()).max();
    let mut text = String::new();
    for result in results {
        text += &row(result, width.unwrap_or_default());
    }
    let parts = [
        (incomplete, "incomplete"),
        (unreadable, "unreadable (listed, not zeroed)"),
        (refused, "refused (listed, not zeroed)"),
        (ours, "not graded by our fault"),
    ];
    text += &format!("\n {} submissions, {graded} graded", results.len());
    for (count, what) in parts.into_iter().filter(|(count, _)| *count > 0) {
        text += &format!(", {count} {what}");
    }
    output::text(&(text + "\n"))
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
            Mark::Partly.shown(),
            visible(reason)
        );
    }
    let number = |value: &Value| value.as_u64().unwrap_or_default();
    let (score, of) = (number(&report["score"]), number(&report["points"]["of"]));
    let mark = match score {
        0 => Mark::Bad,
        score if score == of => Mark::Good,
        _ => Mark::Partly,
    };
    let lab = result["lab"].as_str().unwrap_or_default();
    let mut row = format!(" {} {name:width$}  {lab}  {score}/{of}\n", mark.shown());
    for remark in result["remarks"].as_array().into_iter().flatten() {
        row += &format!("     ! {}\n", visible(remark.as_str().unwrap_or_default()));
    }
    row
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

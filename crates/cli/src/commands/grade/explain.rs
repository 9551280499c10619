//! One submission at length: what `wirelab check` printed to the learner, and what they did.

use serde_json::Value;
use wirelab_grader::batch::Done;
use wirelab_grader::report::{Report, Style};
use wirelab_query::visible;

use super::print::{is_graded, name};
use crate::terminal::{ascii_only, bold, dim};

/// A result with its report, its remarks and its journal.
pub(super) fn text(result: &Value) -> String {
    let member = |name: &str| visible(result[name].as_str().unwrap_or_default());
    let mut text = bold(name(result));
    for about in ["lab", "learner"] {
        if !member(about).is_empty() {
            text += &format!(" · {}", member(about));
        }
    }
    text += "\n";
    match serde_json::from_value::<Report>(result["report"].clone()) {
        _ if !is_graded(result) => {
            text += &format!(" {}: {}\n", member("status"), member("reason"))
        }
        Ok(report) => {
            // What a learner wrote may be in it, and must not steer the terminal: no colours.
            let style = Style {
                ascii: ascii_only(),
                color: false,
            };
            text += &visible(&report.print(&style));
        }
        Err(error) => text += &format!(" its report is another build's: {error}\n"),
    }
    for remark in result["remarks"].as_array().into_iter().flatten() {
        text += &format!(" ! {}\n", visible(remark.as_str().unwrap_or_default()));
    }
    text + &checks(&result["checks"]) + &journal(&result["journal"]) + "\n"
}

/// How often verdicts were asked for: who tries until it fits has many.
fn checks(checks: &Value) -> String {
    let each = checks.as_object().into_iter().flatten();
    let each = each.map(|(task, count)| format!("{} {count}", visible(task)));
    let each: Vec<String> = each.collect();
    match each.is_empty() {
        true => String::new(),
        false => format!(
            " checks, by the learner's own journal: {}\n",
            each.join(", ")
        ),
    }
}

fn journal(journal: &Value) -> String {
    let done: Vec<Done> = serde_json::from_value(journal.clone()).unwrap_or_default();
    if done.is_empty() {
        return String::new();
    }
    let mut text = format!("\n{}\n", bold("JOURNAL"));
    for done in done {
        let line = format!("  {}  {}", done.at, visible(&done.what));
        text += &match done.taken_back {
            true => format!("{}\n", dim(format!("{line}  (taken back)"))),
            false => format!("{line}\n"),
        };
    }
    text
}

//! The forms themselves.
//!
//! Gradescope: `results.json` of its autograder specification, with `score`, `output`,
//! `output_format` and `tests` (`name`, `score`, `max_score`, `status`, `output`). JUnit: the XML
//! that CI servers read. CSV: RFC 4180.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::learners::{checks_made, hints_taken};

/// A text member; empty if it is none.
pub(super) fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn items(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

/// Each condition of a report: its task, and the condition.
fn checks(result: &Value) -> impl Iterator<Item = (&str, &Value)> {
    let tasks = items(&result["report"]["tasks"]);
    tasks.flat_map(|task| items(&task["checks"]).map(|check| (text(&task["task"]), check)))
}

/// What a condition found, as lines.
fn findings(check: &Value) -> String {
    let mut lines = Vec::new();
    for finding in items(&check["findings"]) {
        lines.push(format!(
            "{}: {}",
            text(&finding["name"]),
            text(&finding["summary"])
        ));
        for (label, member) in [("wanted", "expected"), ("observed", "observed")] {
            if let Some(said) = finding[member].as_str() {
                lines.push(format!("  {label}: {said}"));
            }
        }
        lines.extend(items(&finding["evidence"]).map(|line| format!("  {}", text(line))));
    }
    lines.extend(check["note"].as_str().map(str::to_owned));
    lines.join("\n")
}

/// What does not fit in a submission: a chain that breaks, claims that its journal does not bear
/// out. It costs nothing, and whoever takes the score has to see it.
fn remarks(result: &Value) -> Vec<&str> {
    items(&result["remarks"]).map(text).collect()
}

/// Gradescope's results; `None`: it was not graded, and a file would give it a score.
pub(super) fn gradescope(result: &Value) -> Option<Value> {
    let report = result["report"].as_object()?;
    let tests = checks(result).map(|(task, check)| {
        json!({
            "name": format!("{task}: {}", text(&check["what"])),
            "score": check["points"]["got"],
            "max_score": check["points"]["of"],
            "status": if check["mark"] == "passed" { "passed" } else { "failed" },
            "output": findings(check),
        })
    });
    let hints = match report["hints"].as_u64() {
        None | Some(0) => String::new(),
        Some(cost) => format!(", less {cost} for hints"),
    };
    let mut output = format!("lab {}{hints}", text(&result["lab"]));
    let taken = result["hints_taken"].as_object();
    for (task, rungs) in taken.into_iter().flatten() {
        output += &format!("\nhints taken for {task}: {rungs}");
    }
    for (task, checks) in result["checks"].as_object().into_iter().flatten() {
        output += &format!("\nchecks of {task}: {checks}");
    }
    for remark in remarks(result) {
        output += &format!("\n{remark}");
    }
    Some(json!({
        "score": report["score"],
        "output": output,
        "output_format": "text",
        "tests": tests.collect::<Vec<_>>(),
    }))
}

/// A row for each submission, a column for each task that any of them has.
pub(super) fn csv(results: &[Value]) -> String {
    let tasks: BTreeSet<(&str, &str)> = results
        .iter()
        .flat_map(|it| {
            items(&it["report"]["tasks"]).map(|task| (text(&it["lab"]), text(&task["task"])))
        })
        .collect();
    let mut head: Vec<String> = [
        "file",
        "lab",
        "status",
        "score",
        "points",
        "of",
        "hints_taken",
        "hints_cost",
        "checks",
        "reason",
        "remarks",
        "learner",
    ]
    .map(str::to_owned)
    .to_vec();
    head.extend(tasks.iter().map(|(lab, task)| format!("{lab}/{task}")));
    let mut out = line(&head);
    for result in results {
        let report = &result["report"];
        let number = |value: &Value| value.as_u64().map_or_else(String::new, |it| it.to_string());
        let mut row: Vec<String> = ["file", "lab", "status"]
            .map(|it| text(&result[it]).to_owned())
            .to_vec();
        let points = &report["points"];
        row.extend([&report["score"], &points["got"], &points["of"]].map(number));
        row.push(match report.is_null() {
            true => String::new(),
            false => hints_taken(result).to_string(),
        });
        row.push(number(&report["hints"]));
        row.push(match report.is_null() {
            true => String::new(),
            false => checks_made(result).to_string(),
        });
        row.extend([
            text(&result["reason"]).to_owned(),
            remarks(result).join("; "),
            text(&result["learner"]).to_owned(),
        ]);
        row.extend(tasks.iter().map(|(lab, name)| {
            let mut own = items(&report["tasks"]).filter(|_| result["lab"] == *lab);
            let task = own.find(|task| task["task"] == *name);
            task.map_or_else(String::new, |task| number(&task["points"]["got"]))
        }));
        out += &line(&row);
    }
    out
}

/// A line; what begins as a formula in a spreadsheet gets an apostrophe before it.
pub(super) fn line(cells: &[String]) -> String {
    let cell = |cell: &String| {
        let formula = cell.starts_with(['=', '+', '-', '@', '\t', '\r']);
        let said = if formula {
            format!("'{cell}")
        } else {
            cell.clone()
        };
        match said.contains([',', '"', '\n', '\r']) {
            true => format!("\"{}\"", said.replace('"', "\"\"")),
            false => said,
        }
    };
    cells.iter().map(cell).collect::<Vec<_>>().join(",") + "\r\n"
}

/// A suite for each submission.
pub(super) fn junit(results: &[Value]) -> String {
    let mut out =
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"wirelab\">\n".to_owned();
    for result in results {
        out += &suite(result);
    }
    out + "</testsuites>\n"
}

fn suite(result: &Value) -> String {
    let (file, lab) = (xml(text(&result["file"])), xml(text(&result["lab"])));
    if result["report"].is_null() {
        let (kind, why) = (xml(text(&result["status"])), xml(text(&result["reason"])));
        return format!(
            "  <testsuite name=\"{file}\" tests=\"1\" failures=\"0\" errors=\"1\">\n    \
             <testcase classname=\"{lab}\" name=\"grading\">\n      \
             <error type=\"{kind}\" message=\"{why}\"/>\n    </testcase>\n  </testsuite>\n"
        );
    }
    let failed = checks(result)
        .filter(|(_, it)| it["mark"] != "passed")
        .count();
    let tests = checks(result).count();
    let mut out = format!(
        "  <testsuite name=\"{file}\" tests=\"{tests}\" failures=\"{failed}\" errors=\"0\">\n"
    );
    for (task, check) in checks(result) {
        let what = xml(text(&check["what"]));
        let head = format!(
            "    <testcase classname=\"{lab}.{}\" name=\"{what}\"",
            xml(task)
        );
        if check["mark"] == "passed" {
            out += &format!("{head}/>\n");
            continue;
        }
        let (got, of) = (&check["points"]["got"], &check["points"]["of"]);
        out += &format!(
            "{head}>\n      <failure type=\"{}\" message=\"{got} of {of} points\">{}</failure>\n    \
             </testcase>\n",
            xml(check["findings"][0]["name"]
                .as_str()
                .unwrap_or("not-fulfilled")),
            xml(&findings(check))
        );
    }
    let remarks = remarks(result).join("\n");
    if !remarks.is_empty() {
        out += &format!("    <system-out>{}</system-out>\n", xml(&remarks));
    }
    out + "  </testsuite>\n"
}

/// Text in XML; characters that XML 1.0 cannot hold are replaced.
fn xml(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\n' | '\t' => out.push(c),
            c if c < ' ' || ('\u{fffe}'..='\u{ffff}').contains(&c) => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn result() -> Value {
        let finding = json!({"name": "too-open", "summary": "a < b", "evidence": ["one packet"]});
        let points = |got: u32, of: u32| json!({"got": got, "of": of});
        json!({
            "file": "=ada.json", "lab": "l", "status": "graded", "learner": "ada",
            "remarks": ["chain"], "hints_taken": {"t": 2, "u": 1}, "checks": {"t": 5},
            "report": {
                "score": 4, "hints": 1, "points": points(5, 8),
                "tasks": [{"task": "t", "points": points(5, 8), "checks": [
                    {"what": "works", "points": points(5, 5), "mark": "passed", "findings": []},
                    {"what": "least", "points": points(0, 3), "mark": "failed", "findings": [finding]},
                    {"what": "unharmed", "points": points(0, 0), "mark": "failed", "note": "not yet"},
                ]}],
            },
        })
    }

    fn broken() -> Value {
        json!({"file": "b.json", "status": "unreadable", "reason": "cut, \"short\"", "report": null})
    }

    #[test]
    fn gradescope_gets_the_fields_that_it_documents_and_no_zero_for_what_is_broken() {
        let form = gradescope(&result()).expect("a form");
        assert_eq!(form["score"], 4);
        assert_eq!(form["output_format"], "text");
        let tests = form["tests"].as_array().expect("tests");
        assert_eq!(tests[0]["name"], "t: works");
        assert_eq!(tests[1]["max_score"], 3);
        assert_eq!(tests[1]["status"], "failed");
        assert_eq!(tests[1]["output"], "too-open: a < b\n  one packet");
        assert_eq!(gradescope(&broken()), None);
    }

    #[test]
    fn a_table_has_no_score_for_what_is_broken_and_no_formulas() {
        assert_eq!(
            csv(&[result(), broken()]),
            "file,lab,status,score,points,of,hints_taken,hints_cost,checks,reason,remarks,learner,l/t\r\n\
             '=ada.json,l,graded,4,5,8,3,1,5,,chain,ada,5\r\n\
             b.json,,unreadable,,,,,,,\"cut, \"\"short\"\"\",,,\r\n"
        );
    }

    #[test]
    fn what_is_broken_is_an_error_and_what_is_wrong_a_failure() {
        let xml = junit(&[result(), broken()]);
        for part in [
            "<testsuite name=\"=ada.json\" tests=\"3\" failures=\"2\" errors=\"0\">",
            "<failure type=\"too-open\" message=\"0 of 3 points\">too-open: a &lt; b",
            "<failure type=\"not-fulfilled\" message=\"0 of 0 points\">not yet</failure>",
            "<error type=\"unreadable\" message=\"cut, &quot;short&quot;\"/>",
            "    <system-out>chain</system-out>\n  </testsuite>",
        ] {
            assert!(xml.contains(part), "{part} is not in\n{xml}");
        }
    }
}

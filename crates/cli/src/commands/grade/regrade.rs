//! What grading again changes, before anything is published.
//!
//! The scores of an earlier `wirelab grade --out` are held against those of now: by another build,
//! or after a lab was mended. Where they differ, it is told why: condition by condition, with what
//! was found there. The earlier results stay as they are.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Serialize;
use serde_json::Value;
use wirelab_query::visible;

use super::print;
use crate::commands::export;
use crate::failure::Failure;
use crate::terminal::dim;

/// What became of one file, then and now.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(super) struct Changed {
    file: String,
    lab: Option<String>,
    before: Option<Stood>,
    now: Option<Stood>,
    conditions: Vec<Condition>,
}

/// How a submission stood.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct Stood {
    status: String,
    score: Option<u64>,
    reason: Option<String>,
}

/// A condition whose points differ.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct Condition {
    task: String,
    what: String,
    before: Option<u64>,
    now: Option<u64>,
    /// What was found where points were lost: now, else before.
    found: Vec<String>,
}

/// The results in `folder`, by the names of their files.
pub(super) fn earlier(folder: &Path) -> Result<BTreeMap<String, Value>, Failure> {
    let results = export::results(folder)?;
    let named = results
        .into_iter()
        .map(|it| (print::name(&it).to_owned(), it));
    Ok(named.collect())
}

/// What differs, by file: statuses, scores, files that are not in both.
pub(super) fn changes(before: &BTreeMap<String, Value>, now: &[Value]) -> Vec<Changed> {
    let now: BTreeMap<&str, &Value> = now.iter().map(|it| (print::name(it), it)).collect();
    let mut files: Vec<&str> = before.keys().map(String::as_str).collect();
    files.extend(now.keys().copied());
    files.sort_unstable();
    files.dedup();
    let changes = files.into_iter().filter_map(|file| {
        let (then, now) = (before.get(file), now.get(file).copied());
        let (stood, stands) = (then.map(stood), now.map(stood));
        if stood == stands {
            return None;
        }
        let lab = now.or(then).and_then(|it| it["lab"].as_str());
        Some(Changed {
            file: file.to_owned(),
            lab: lab.map(str::to_owned),
            before: stood,
            now: stands,
            conditions: conditions(then, now),
        })
    });
    changes.collect()
}

fn stood(result: &Value) -> Stood {
    let text = |member: &str| result[member].as_str().map(str::to_owned);
    Stood {
        status: text("status").unwrap_or_default(),
        score: result["report"]["score"].as_u64(),
        reason: text("reason"),
    }
}

fn conditions(before: Option<&Value>, now: Option<&Value>) -> Vec<Condition> {
    let (before, now) = (points(before), points(now));
    let mut keys: Vec<_> = now.iter().map(|it| &it.0).collect();
    let gone = before.iter().map(|it| &it.0);
    keys.extend(gone.filter(|key| now.iter().all(|it| it.0 != **key)));
    let condition = |key: &(String, String)| {
        let of = |list: &[Points]| list.iter().find(|it| it.0 == *key).map(|it| it.1);
        let (then, here) = (of(&before), of(&now));
        let found = |list: &[Points]| list.iter().find(|it| it.0 == *key).map(|it| it.2.clone());
        let found = found(&now)
            .filter(|it| !it.is_empty())
            .or_else(|| found(&before));
        (then != here).then(|| Condition {
            task: key.0.clone(),
            what: key.1.clone(),
            before: then,
            now: here,
            found: found.unwrap_or_default(),
        })
    };
    keys.into_iter().filter_map(condition).collect()
}

/// Task and condition, points, and what was found.
type Points = ((String, String), u64, Vec<String>);

fn points(result: Option<&Value>) -> Vec<Points> {
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let mut points = Vec::new();
    for task in result
        .map(|it| list(&it["report"]["tasks"]))
        .unwrap_or_default()
    {
        for check in list(&task["checks"]) {
            let found = list(&check["findings"]);
            let found = found.iter().map(|it| {
                let (name, summary) = (text(&it["name"]), text(&it["summary"]));
                format!("{name}: {summary}")
            });
            let key = (text(&task["task"]), text(&check["what"]));
            points.push((
                key,
                check["points"]["got"].as_u64().unwrap_or(0),
                found.collect(),
            ));
        }
    }
    points
}

/// As a terminal shows it; `explained`: with conditions.
pub(super) fn text(changes: &[Changed], graded: usize, explained: bool) -> String {
    let mut text = String::new();
    let (mut up, mut down) = (0, 0);
    for changed in changes {
        let [before, now] = [&changed.before, &changed.now].map(said);
        let lab = visible(changed.lab.as_deref().unwrap_or("-"));
        text += &format!(" {}  {lab}  {before} → {now}\n", changed.file);
        match (score(&changed.before), score(&changed.now)) {
            (Some(before), Some(now)) if now > before => up += 1,
            (Some(before), Some(now)) if now < before => down += 1,
            _ => {}
        }
        if explained {
            text += &changed.conditions.iter().map(because).collect::<String>();
        }
    }
    let others = changes.len() - up - down;
    text += &format!(
        "\n {graded} submissions, {} change: {up} gain, {down} lose, {others} otherwise\n",
        changes.len()
    );
    if !explained && !changes.is_empty() {
        text += &dim(" --explain-diff says why\n");
    }
    text
}

const fn score(stood: &Option<Stood>) -> Option<u64> {
    match stood {
        Some(stood) => stood.score,
        None => None,
    }
}

fn said(stood: &Option<Stood>) -> String {
    match stood {
        None => "not there".to_owned(),
        Some(Stood {
            score: Some(score), ..
        }) => score.to_string(),
        Some(stood) => match &stood.reason {
            Some(reason) => format!("{} ({})", stood.status, visible(reason)),
            None => stood.status.clone(),
        },
    }
}

fn because(condition: &Condition) -> String {
    let number = |points: Option<u64>| points.map_or_else(|| "-".to_owned(), |it| it.to_string());
    let (before, now) = (number(condition.before), number(condition.now));
    let (task, what) = (&condition.task, &condition.what);
    let found = condition.found.iter();
    let found = found.map(|it| format!("       {}\n", visible(it)));
    format!(
        "     {task}: {what}  {before} → {now}\n{}",
        found.collect::<String>()
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn result(file: &str, got: u64, finding: &str) -> Value {
        let findings = match finding {
            "" => json!([]),
            name => json!([{"name": name, "summary": "port 22"}]),
        };
        json!({
            "file": file, "lab": "l", "status": "graded", "reason": null,
            "report": {"score": 5 + got, "tasks": [{"task": "repair", "checks": [
                {"what": "works", "points": {"got": 5, "of": 5}, "findings": []},
                {"what": "least privilege", "points": {"got": got, "of": 3}, "findings": findings},
            ]}]},
        })
    }

    #[test]
    fn a_change_is_told_with_the_condition_and_what_was_found_there() {
        let lost =
            json!({"file": "c.json", "status": "unreadable", "reason": "cut", "report": null});
        let before = [
            result("a.json", 3, ""),
            result("b.json", 3, ""),
            lost.clone(),
        ];
        let before = before.map(|it| (print::name(&it).to_owned(), it));
        let now = [
            result("a.json", 0, "too-open"),
            result("b.json", 3, ""),
            lost,
        ];
        let changes = changes(&BTreeMap::from(before), &now);
        assert_eq!(
            text(&changes, 3, true),
            " a.json  l  8 → 5\n     repair: least privilege  3 → 0\n       too-open: port 22\n\n \
             3 submissions, 1 change: 0 gain, 1 lose, 0 otherwise\n"
        );
    }

    #[test]
    fn what_was_not_graded_before_is_a_change_and_no_gain() {
        let broken =
            json!({"file": "a.json", "status": "our-fault", "reason": "so", "report": null});
        let before = BTreeMap::from([("a.json".to_owned(), broken)]);
        let changes = changes(&before, &[result("a.json", 3, ""), result("b.json", 3, "")]);
        let text = text(&changes, 2, false);
        assert!(text.contains(" a.json  l  our-fault (so) → 8\n"), "{text}");
        assert!(text.contains(" b.json  l  not there → 8\n"), "{text}");
        assert!(
            text.contains("2 change: 0 gain, 0 lose, 2 otherwise"),
            "{text}"
        );
    }
}

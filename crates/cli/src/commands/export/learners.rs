//! A row for each learner: their labs and the sum.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::forms::{line, text};
use crate::commands::grade::{Roster, learner};

/// The table, and what whoever takes the sums should know, a line each.
pub(super) fn table(results: &[Value], roster: Option<&Roster>) -> (String, Vec<String>) {
    let mut notes = Vec::new();
    let (best, doubles) = best(results);
    for (learner, lab, file) in doubles {
        notes.push(format!(
            "`{learner}` has several results for {lab}: the best counts, {file}"
        ));
    }
    let nameless = results.iter().filter(|it| learner(it).is_none()).count();
    if nameless > 0 {
        notes.push(format!(
            "results without a learner, which are in no row: {nameless}"
        ));
    }
    let labs: BTreeSet<&str> = best.keys().map(|(_, lab)| *lab).collect();
    let mut names: Vec<&str> = roster
        .iter()
        .flat_map(|it| &it.names)
        .map(String::as_str)
        .collect();
    let here: BTreeSet<&str> = results.iter().filter_map(learner).collect();
    let unknown = here.into_iter().filter(|it| !names.contains(it));
    let unknown: Vec<&str> = unknown.collect();
    names.extend(unknown);
    let mut head = ["learner", "labs", "score", "of", "hints_taken", "checks"]
        .map(str::to_owned)
        .to_vec();
    head.extend(labs.iter().map(|lab| (*lab).to_owned()));
    let mut out = line(&head);
    for name in names {
        let own = |lab: &&str| best.get(&(name, *lab)).copied();
        let theirs: Vec<&Value> = labs.iter().filter_map(own).collect();
        let sum = |number: fn(&Value) -> u64| match theirs.len() {
            0 => String::new(),
            _ => theirs.iter().map(|it| number(it)).sum::<u64>().to_string(),
        };
        let mut row = vec![
            name.to_owned(),
            theirs.len().to_string(),
            sum(score),
            sum(|it| it["report"]["points"]["of"].as_u64().unwrap_or_default()),
            sum(hints_taken),
            sum(checks_made),
        ];
        let cell = |lab: &&str| own(lab).map_or_else(String::new, |it| score(it).to_string());
        row.extend(labs.iter().map(cell));
        out += &line(&row);
    }
    (out, notes)
}

fn score(result: &Value) -> u64 {
    result["report"]["score"].as_u64().unwrap_or_default()
}

/// How many hints were taken, whatever they cost.
pub(super) fn hints_taken(result: &Value) -> u64 {
    let taken = result["hints_taken"].as_object();
    let taken = taken.into_iter().flat_map(|it| it.values());
    taken.filter_map(Value::as_u64).sum()
}

/// How often tasks were checked, all of them together.
pub(super) fn checks_made(result: &Value) -> u64 {
    let checks = result["checks"].as_object();
    let checks = checks.into_iter().flat_map(|it| it.values());
    checks.filter_map(Value::as_u64).sum()
}

/// The best result by learner and lab, and the file of the best where there were several.
type Best<'r> = BTreeMap<(&'r str, &'r str), &'r Value>;

fn best(results: &[Value]) -> (Best<'_>, Vec<(&str, &str, &str)>) {
    let (mut best, mut several) = (Best::new(), BTreeSet::new());
    for result in results.iter().filter(|it| !it["report"].is_null()) {
        let Some(learner) = learner(result) else {
            continue;
        };
        let key = (learner, text(&result["lab"]));
        match best.get(&key) {
            Some(before) => {
                several.insert(key);
                if score(before) < score(result) {
                    best.insert(key, result);
                }
            }
            None => {
                best.insert(key, result);
            }
        }
    }
    let several = several.into_iter();
    let several = several.map(|key| (key.0, key.1, text(&best[&key]["file"])));
    let several = several.collect();
    (best, several)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn result(file: &str, learner: &str, lab: &str, score: u64) -> Value {
        json!({
            "file": file, "learner": learner, "lab": lab, "hints_taken": {"t": 2}, "checks": {"t": 1, "u": 2},
            "report": {"score": score, "points": {"got": score, "of": 5}},
        })
    }

    #[test]
    fn a_row_sums_up_a_learner_and_one_without_results_has_empty_cells() {
        let roster = Roster {
            file: "names.txt".to_owned(),
            names: ["cyd", "ada"].map(str::to_owned).to_vec(),
        };
        let results = [
            result("1", "ada", "a", 1),
            result("2", "ada", "a", 4),
            result("3", "ada", "b", 5),
            result("4", "bob", "b", 0),
            json!({"file": "5", "reason": "cut", "report": null}),
        ];
        let (table, notes) = table(&results, Some(&roster));
        assert_eq!(
            table,
            "learner,labs,score,of,hints_taken,checks,a,b\r\n\
             cyd,0,,,,,,\r\n\
             ada,2,9,10,4,6,4,5\r\n\
             bob,1,0,5,2,3,,0\r\n"
        );
        assert_eq!(
            notes,
            [
                "`ada` has several results for a: the best counts, 2",
                "results without a learner, which are in no row: 1"
            ]
        );
    }
}

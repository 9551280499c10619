//! Results seen as a class: who is missing, whose name nobody knows, what is wrong with all of
//! them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde_json::Value;
use wirelab_grader::batch::{NO_LAB, OTHER_SEED};
use wirelab_query::visible;
use wirelab_session::Content;

use super::print::is_graded;
use crate::content;
use crate::failure::Failure;

/// The names of a course, in the order of their file.
#[derive(Debug, Default)]
pub(crate) struct Roster {
    pub(crate) file: String,
    pub(crate) names: Vec<String>,
}

impl Roster {
    /// Reads a file with a name a line; empty lines and those that begin with `#` are none.
    pub(crate) fn read(path: &Path) -> Result<Self, Failure> {
        let shown = path.display();
        let failed = |error| Failure::usage(format!("{shown}: {error}"));
        let text = std::fs::read_to_string(path).map_err(failed)?;
        let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
        let lines = text.lines().map(str::trim);
        let lines = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
        let names: Vec<String> = lines.map(str::to_owned).collect();
        let mut seen = BTreeSet::new();
        if let Some(twice) = names.iter().find(|name| !seen.insert(*name)) {
            return Err(Failure::usage(format!("{shown} has `{twice}` twice")));
        }
        if names.is_empty() {
            return Err(Failure::usage(format!("{shown} has no names"))
                .hint("a name a line, as `wirelab init --learner` was given it"));
        }
        Ok(Self {
            file: shown.to_string(),
            names,
        })
    }
}

/// Whose a result says it is.
pub(crate) fn learner(result: &Value) -> Option<&str> {
    result["learner"].as_str()
}

/// What the names of a class say, a line each: who of the roster has handed in nothing, lab by lab;
/// who is not in it; which names are probably one.
pub(super) fn names(results: &[Value], roster: Option<&Roster>) -> String {
    let here: BTreeSet<&str> = results.iter().filter_map(learner).collect();
    let mut text = String::new();
    if let Some(roster) = roster {
        for (lab, theirs) in &by_lab(results) {
            let missing = roster
                .names
                .iter()
                .filter(|it| !theirs.contains(it.as_str()));
            let missing: Vec<String> = missing.map(|it| visible(it)).collect();
            let (of, file) = (roster.names.len(), &roster.file);
            text += &format!(" {lab}: {} of the {of} in {file}", of - missing.len());
            if !missing.is_empty() {
                text += &format!("; missing: {}", missing.join(", "));
            }
            text += "\n";
        }
        for name in here
            .iter()
            .filter(|it| !roster.names.iter().any(|known| known == *it))
        {
            text += &format!(" ! `{}` is not in {}\n", visible(name), roster.file);
        }
    }
    let known = roster
        .iter()
        .flat_map(|it| it.names.iter().map(String::as_str));
    let all: BTreeSet<&str> = here.iter().copied().chain(known).collect();
    let mut alike: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for name in all {
        alike.entry(name.to_lowercase()).or_default().push(name);
    }
    // Two lines of the roster are two people.
    let is_told = |name: &&str| here.contains(name);
    for names in alike
        .values()
        .filter(|it| it.len() > 1 && it.iter().any(is_told))
    {
        let names: Vec<String> = names
            .iter()
            .map(|it| format!("`{}`", visible(it)))
            .collect();
        text += &format!(
            " ! {} differ by upper and lower case only\n",
            names.join(" and ")
        );
    }
    text
}

/// Who has handed in which lab, readable or not.
fn by_lab(results: &[Value]) -> BTreeMap<&str, BTreeSet<&str>> {
    let mut labs: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for result in results {
        if let (Some(lab), Some(learner)) = (result["lab"].as_str(), learner(result)) {
            labs.entry(lab).or_default().insert(learner);
        }
    }
    labs
}

/// What is probably the grader's own mistake and not that of everybody: another folder, another
/// code.
pub(super) fn doubts(results: &[Value], content: &Content, course: Option<&str>) -> Vec<String> {
    let is_refused = |result: &&Value, reason: &str| {
        let said = result["reason"].as_str().unwrap_or_default();
        !is_graded(result) && said.starts_with(reason)
    };
    let mut doubts = Vec::new();
    if results.iter().any(|it| is_refused(&it, NO_LAB)) {
        doubts.push(content::looked_in(content));
    }
    let named = || results.iter().filter(|it| learner(it).is_some());
    if let Some(code) = course
        && named().next().is_some()
        && named().all(|it| is_refused(&it, OTHER_SEED))
    {
        doubts.push(format!(
            "no seed is its learner's: is `{code}` the code that they were given, upper and lower \
             case too?"
        ));
    }
    doubts
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn of(learner: &str, lab: &str) -> Value {
        json!({"learner": learner, "lab": lab, "status": "graded"})
    }

    #[test]
    fn who_is_missing_who_is_unknown_and_who_is_written_otherwise_is_told() {
        let roster = Roster {
            file: "names.txt".to_owned(),
            names: ["ada", "bob", "cyd"].map(str::to_owned).to_vec(),
        };
        let results = [of("ada", "a"), of("Bob", "a"), of("ada", "b"), json!({})];
        assert_eq!(
            names(&results, Some(&roster)),
            " a: 1 of the 3 in names.txt; missing: bob, cyd\n \
             b: 1 of the 3 in names.txt; missing: bob, cyd\n \
             ! `Bob` is not in names.txt\n \
             ! `Bob` and `bob` differ by upper and lower case only\n"
        );
        assert_eq!(names(&[of("ada", "a"), of("bob", "a")], None), "");
    }
}

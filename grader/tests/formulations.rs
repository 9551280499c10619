//! Other ways to write the same query, and near misses of it: data in `formulations.txt`.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Mutex;

use wirelab_grader::{Grader, Style, Submission};
use wirelab_model::Seed;
use wirelab_scenario::{Lab, Scenario};
use wirelab_testkit::each;

const FORMULATIONS: &str = include_str!("formulations.txt");

/// A query, and whether it earns everything.
struct Formulation<'a> {
    task: &'a str,
    is_right: bool,
    text: &'a str,
}

/// By lab: what is gone through for one is kept for the next.
fn formulations() -> BTreeMap<&'static str, Vec<Formulation<'static>>> {
    let mut all: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for part in FORMULATIONS.split("\n== ").skip(1) {
        let (head, text) = part.split_once('\n').expect("a query below its head");
        let [lab, task, verdict] = head.split(' ').collect::<Vec<_>>()[..] else {
            panic!("`{head}` is no `LAB TASK right|wrong`");
        };
        assert!(["right", "wrong"].contains(&verdict), "{head}");
        let is_right = verdict == "right";
        all.entry(lab).or_default().push(Formulation {
            task,
            is_right,
            text,
        });
    }
    all
}

/// Those of a lab that are not judged as they should be.
fn misjudged(lab: &str, formulations: &[Formulation<'_>]) -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../labs")
        .join(lab);
    let lab = Lab::load(&folder).expect("a lab");
    let scenario = Scenario::load(&lab.scenario_dir()).expect("a scenario");
    let seed = Seed::whole(1);
    let plan = scenario.compile(seed).expect("a plan");
    let grader = Grader::new(lab.clone(), scenario);
    let mut misjudged = Vec::new();
    for Formulation {
        task,
        is_right,
        text,
    } in formulations
    {
        let text = plan.fill(text).expect("names of the scenario");
        let mut submission = Submission::new(seed, lab.opens_at);
        submission.answers.insert((*task).to_owned(), text.clone());
        let report = grader.grade_task(&submission, task).expect("a report");
        if report.is_passed() != *is_right {
            let report = report.print(&Style::default());
            misjudged.push(format!("{} {task}\n{text}\n{report}", lab.name));
        }
    }
    misjudged
}

#[test]
fn a_query_is_judged_by_its_rows_however_it_is_written() {
    let found = Mutex::new(Vec::new());
    each(formulations(), |(lab, formulations)| {
        let misjudged = misjudged(lab, &formulations);
        found.lock().expect("no panic").extend(misjudged);
    });
    let found = found.into_inner().expect("no panic");
    assert!(found.is_empty(), "{}", found.join("\n"));
}

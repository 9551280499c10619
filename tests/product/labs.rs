//! Each lab from the command line: unsolved as it opens, solved by its reference solution typed as
//! a learner would type it, and wrong answers refused with the finding that they name.
//!
//! What the grader says of every answer in `right/` and `wrong/` is proved without a command line,
//! by its own tests and by `wirelab author check`; here a few go the whole way.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde_json::Value;
use wirelab_testkit::each;

use crate::harness::{Place, root};

/// Whole seeds on which each lab is played; `wirelab author check` proves sixteen.
const SEEDS: [u64; 2] = [1, 2];

#[test]
fn labs_open_unsolved_and_their_solutions_solve_them() {
    each(&labs(), |lab| {
        for seed in SEEDS {
            let place = Place::with_lab(lab, seed);
            let before = place.wirelab(&["check", "--json"]).exits(1).json();
            assert_eq!(before["points"]["got"], 0, "{lab}, seed {seed}: {before}");
            for solution in solutions(&place) {
                apply(&place, &solution);
            }
            show_predictions(&place);
            let after = place.wirelab(&["check"]);
            assert_eq!(
                after.code, 0,
                "{lab}, seed {seed}:\n{}{}",
                after.stdout, after.stderr
            );
        }
    });
}

/// One answer of each kind that the lab has: a filter, a query, a repair, words.
#[test]
fn typical_wrong_answers_are_refused_with_the_finding_they_name() {
    each(&labs(), |lab| {
        let drawn = variant(&Place::with_lab(lab, SEEDS[0]));
        let mut kinds = BTreeSet::new();
        for wrong in wrong_answers(lab) {
            if wrong.fits(&drawn) && wrong.is_typed_as_it_stands() && kinds.insert(wrong.kind()) {
                refuses(lab, &wrong);
            }
        }
        assert!(!kinds.is_empty(), "{lab}: no wrong answer was tried");
    });
}

#[test]
fn a_repair_can_be_taken_back_and_the_journal_keeps_it() {
    let place = Place::with_lab("nacl-ephemeral", SEEDS[0]);
    let opened = place.wirelab(&["status", "--json"]).exits(0).json();
    for solution in solutions(&place) {
        apply(&place, &solution);
    }
    place.wirelab(&["check"]).exits(0);
    place.wirelab(&["reset"]).exits(0);
    let after = place.wirelab(&["status", "--json"]).exits(0).json();
    assert_eq!(after["now"], opened["now"]);
    assert_eq!(place.wirelab(&["check"]).code, 1);
    let ran = place.wirelab(&["undo"]).exits(2);
    assert!(ran.stderr.contains("nothing"), "{}", ran.stderr);
}

/// Fails unless the wrong answer scores what it says, with the finding it names.
fn refuses(lab: &str, wrong: &Wrong) {
    let place = Place::with_lab(lab, SEEDS[0]);
    let filled = place
        .wirelab(&["author", "fill", &wrong.path.display().to_string()])
        .exits(0);
    let solution = Solution {
        task: wrong.task.clone(),
        text: filled.stdout,
        answer: answer_file(&place, &tasks(&place), &wrong.task),
    };
    apply(&place, &solution);
    show_predictions(&place);
    let report = place
        .wirelab(&["check", &wrong.task, "--json"])
        .exits(1)
        .json();
    let name = wrong.path.display();
    assert_eq!(report["points"]["got"], wrong.points, "{name}: {report:#}");
    let findings = findings(&report);
    assert!(findings.contains(&wrong.finding), "{name}: {findings:?}");
}

/// A file of `wrong/`: its first line says points and finding.
struct Wrong {
    path: PathBuf,
    task: String,
    /// None: it fits every variant.
    variants: Vec<String>,
    points: u64,
    finding: String,
}

impl Wrong {
    fn fits(&self, variant: &str) -> bool {
        self.variants.is_empty() || self.variants.iter().any(|it| it == variant)
    }

    /// Whether no line needs what a call before it was answered.
    fn is_typed_as_it_stands(&self) -> bool {
        let text = std::fs::read_to_string(&self.path).expect("a wrong answer");
        !text
            .split('$')
            .skip(1)
            .any(|rest| rest.starts_with(char::is_uppercase))
    }

    fn kind(&self) -> String {
        let extension = self.path.extension().expect("TASK--MISTAKE.EXT");
        extension.to_string_lossy().into_owned()
    }
}

fn wrong_answers(lab: &str) -> Vec<Wrong> {
    let mut paths = files(&root().join("labs").join(lab).join("wrong"));
    paths.sort();
    paths.into_iter().map(wrong).collect()
}

/// `TASK--MISTAKE[.VARIANT+VARIANT].EXT`, whose first line is `# points=N finding=NAME`.
fn wrong(path: PathBuf) -> Wrong {
    let text = std::fs::read_to_string(&path).expect("a wrong answer");
    let said = |key: &str| {
        let words = text.lines().next().unwrap_or_default().split_whitespace();
        let pairs = words.filter_map(|word| word.split_once('='));
        pairs
            .filter(|(name, _)| *name == key)
            .map(|(_, value)| value.to_owned())
            .next()
    };
    let name = path
        .file_name()
        .and_then(|name| name.to_str())
        .expect("a name");
    let (task, rest) = name.split_once("--").expect("TASK--MISTAKE");
    let parts: Vec<_> = rest.split('.').collect();
    Wrong {
        task: task.to_owned(),
        variants: match parts[..] {
            [_, named, _] => named.split('+').map(str::to_owned).collect(),
            _ => Vec::new(),
        },
        points: said("points")
            .and_then(|points| points.parse().ok())
            .expect("points=..."),
        finding: said("finding").expect("finding=..."),
        path,
    }
}

/// A reference solution with its references filled in.
pub(crate) struct Solution {
    pub(crate) task: String,
    pub(crate) text: String,
    /// Where the answer goes; `None`: commands to type.
    pub(crate) answer: Option<PathBuf>,
}

pub(crate) fn solutions(place: &Place) -> Vec<Solution> {
    let printed = place
        .wirelab(&["author", "solution", "--json"])
        .exits(0)
        .json();
    let all = tasks(place);
    let solutions = printed["tasks"].as_array().expect("tasks");
    let solution = |task: &Value| Solution {
        task: task["name"].as_str().expect("a name").to_owned(),
        text: task["solution"].as_str().expect("a solution").to_owned(),
        answer: answer_file(place, &all, task["name"].as_str().expect("a name")),
    };
    solutions.iter().map(solution).collect()
}

fn variant(place: &Place) -> String {
    let printed = place
        .wirelab(&["author", "solution", "--json"])
        .exits(0)
        .json();
    printed["variant"].as_str().expect("a variant").to_owned()
}

fn tasks(place: &Place) -> Vec<Value> {
    let status = place.wirelab(&["status", "--json"]).exits(0).json();
    status["tasks"].as_array().expect("tasks").clone()
}

fn answer_file(place: &Place, tasks: &[Value], task: &str) -> Option<PathBuf> {
    let task = tasks.iter().find(|it| it["name"] == task);
    let file = task.expect("the task")["answer"].as_str();
    file.map(|file| place.here().join(file))
}

/// Writes the answer, or types the commands.
fn apply(place: &Place, solution: &Solution) {
    if let Some(file) = &solution.answer {
        std::fs::write(file, &solution.text).expect("the answer is writable");
        return;
    }
    let lines = solution.text.lines().map(str::trim);
    for line in lines.filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let command = match line.strip_prefix("exec ") {
            Some(rest) => format!("wirelab exec {rest}"),
            None if line.starts_with("advance ") => format!("wirelab {line} --unpredicted"),
            None => format!("wirelab call {line}"),
        };
        let ran = place.shell(&command);
        assert_eq!(
            ran.code, 0,
            "{}: {command}\n{}{}",
            solution.task, ran.stdout, ran.stderr
        );
    }
}

/// Makes the predictions, and lets time show what they are about.
fn show_predictions(place: &Place) {
    let printed = place.wirelab(&["predict", "--json"]).exits(0).json();
    let predictions = printed["items"].as_array().expect("a list");
    for it in predictions {
        let task = it["task"].as_str().expect("a name");
        let ran = place.wirelab(&["predict", task]);
        if ran.code == 2 && !ran.stderr.contains("is not ready") {
            // Nothing is predicted; another task is tried.
            return;
        }
    }
    if predictions.iter().any(|it| it["until"].is_string()) {
        let advance = ["advance", "20m", "--unpredicted"];
        place.wirelab(&advance).exits(0);
    }
}

fn findings(report: &Value) -> Vec<String> {
    let tasks = report["tasks"].as_array().into_iter().flatten();
    let checks = tasks.flat_map(|task| task["checks"].as_array().into_iter().flatten());
    let findings = checks.flat_map(|check| check["findings"].as_array().into_iter().flatten());
    findings
        .filter_map(|finding| finding["name"].as_str())
        .map(str::to_owned)
        .collect()
}

pub(crate) fn labs() -> Vec<String> {
    let folders = files(&root().join("labs")).into_iter();
    let mut labs: Vec<_> = folders
        .filter(|folder| folder.join("lab.toml").is_file())
        .filter_map(|folder| folder.file_name()?.to_str().map(str::to_owned))
        .collect();
    labs.sort();
    assert!(!labs.is_empty(), "no labs");
    labs
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|entry| entry.path()).collect()
}

/// What a lab's page tells a learner to type does what it says: it runs, and shows something.
#[test]
fn the_commands_of_a_labs_page_show_something() {
    each(&labs(), |lab| {
        let mut place = Place::with_lab(lab, 7);
        for solution in solutions(&place) {
            if solution.answer.is_some() {
                apply(&place, &solution);
            }
        }
        show_predictions(&place);
        let folder = place.here().join(lab);
        let page = std::fs::read_to_string(folder.join("README.md")).expect("a page");
        place.enter(&folder);
        let spans = page.split('`').skip(1).step_by(2);
        let commands = spans.filter(|it| it.starts_with("wirelab ") && !it.contains("..."));
        for command in commands.filter(|it| it.split(' ').count() > 2) {
            let ran = place.shell(command).exits(0);
            assert!(!ran.stdout.is_empty(), "{command}");
            assert!(
                !ran.stderr.contains("no records"),
                "{command}: {}",
                ran.stderr
            );
        }
    });
}

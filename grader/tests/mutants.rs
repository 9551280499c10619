//! Every query task of every lab refuses the first-order mutants of its reference, all of them, or
//! says which are the same query and why.

use std::path::{Path, PathBuf};
use std::sync::Mutex;

use wirelab_grader::author::{self, Variants};
use wirelab_scenario::{Lab, TaskKind};
use wirelab_testkit::each;

/// The labs that ask for a query; `WIRELAB_LABS=top-talkers,port-scan` chooses some of them.
fn labs_with_queries() -> Vec<PathBuf> {
    let chosen = std::env::var("WIRELAB_LABS").unwrap_or_default();
    let is_chosen = |path: &Path| {
        let name = path.file_name().and_then(|name| name.to_str());
        chosen.is_empty() || chosen.split(',').any(|it| Some(it) == name)
    };
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../labs");
    let entries = std::fs::read_dir(folder).expect("the labs");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    let mut labs: Vec<PathBuf> = paths
        .filter(|path| path.join("lab.toml").is_file() && is_chosen(path) && asks(path))
        .collect();
    labs.sort();
    labs
}

fn asks(path: &Path) -> bool {
    let lab = Lab::load(path).expect("a lab");
    let is_query =
        |kind: &TaskKind| matches!(kind, TaskKind::LogsInsights(_) | TaskKind::Athena(_));
    lab.tasks.iter().any(|task| is_query(&task.kind))
}

/// On the first variant of each lab; `WIRELAB_VARIANTS=all` tries all, as `wirelab author check
/// --mutants` does.
#[test]
fn every_mutant_of_every_query_is_refused_or_said_to_be_the_same() {
    let variants = match std::env::var("WIRELAB_VARIANTS").as_deref() {
        Ok("all") => Variants::All,
        _ => Variants::First,
    };
    let found = Mutex::new(Vec::new());
    each(labs_with_queries(), |lab| {
        let report = author::check_mutants(&lab, variants).expect("a lab that can be graded");
        println!("{report}");
        let (is_sound, text) = (report.is_sound(), report.to_string());
        found.lock().expect("no panic").push((text, is_sound));
    });
    let mut found = found.into_inner().expect("no panic");
    found.sort();
    let unsound = found.iter().filter(|(_, is_sound)| !is_sound);
    let shown: String = unsound.map(|(text, _)| text.as_str()).collect();
    assert!(shown.is_empty(), "{shown}");
}

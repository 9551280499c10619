//! Every lab in the repository proves itself.

use std::path::{Path, PathBuf};
use std::sync::Mutex;

use wirelab_grader::author::{self, Options, Trials};
use wirelab_testkit::each;

fn labs() -> Vec<PathBuf> {
    let labs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../labs");
    let entries = std::fs::read_dir(labs).expect("the labs").flatten();
    let folders = entries.map(|entry| entry.path());
    let mut labs: Vec<_> = folders.filter(|it| it.join("lab.toml").is_file()).collect();
    labs.sort();
    labs
}

/// A seed of each variant, and each answer on one that it fits. `wirelab author check` takes
/// sixteen seeds and tries each answer on every variant: so does `WIRELAB_SEEDS=16` here.
fn options() -> Options {
    let seeds = std::env::var("WIRELAB_SEEDS").ok();
    let seeds = seeds.and_then(|text| text.parse().ok());
    Options {
        seeds: seeds.unwrap_or(1),
        trials: match seeds {
            Some(_) => Trials::EachVariant,
            None => Trials::Once,
        },
    }
}

/// What is wrong with it, or only suspicious.
fn complaints(lab: &Path) -> Option<String> {
    match author::check(lab, options()) {
        Err(error) => Some(format!("{}: {error}", lab.display())),
        Ok(report) if report.is_sound() && !report.warnings.iter().any(is_few) => None,
        Ok(report) => Some(report.to_string()),
    }
}

/// A fault with too few repairs to try.
fn is_few(warning: &author::Problem) -> bool {
    warning.what.contains("right repairs")
}

/// Solved by its solutions and by nothing less; every wrong answer refused by a finding that shows
/// why; enough repairs of each fault to tell one from what looks like
/// one. `WIRELAB_LAB` names one lab.
#[test]
fn every_lab_proves_itself() {
    let wanted = std::env::var("WIRELAB_LAB").unwrap_or_default();
    let is_wanted = |lab: &PathBuf| wanted.is_empty() || lab.ends_with(&wanted);
    let labs: Vec<_> = labs().into_iter().filter(is_wanted).collect();
    assert!(!labs.is_empty(), "no lab is called `{wanted}`");
    let complained = Mutex::new(Vec::new());
    each(&labs, |lab| {
        let found = complaints(lab);
        complained.lock().expect("a list").extend(found);
    });
    let complained = complained.into_inner().expect("a list");
    assert!(complained.is_empty(), "{}", complained.join("\n"));
}

//! House rules that a compiler does not know: who may depend on whom, how large things may grow,
//! what the core must not call, what does not belong into the repository. Exceptions are listed in
//! `exceptions.rs`, each with its reason; one that is no longer needed is an error too.

mod banned;
mod edges;
mod exceptions;
mod files;
mod licences;
mod sizes;
mod source;

use source::Source;

/// Fails with every violation at once, one a line.
fn report(rule: &str, violations: &[String]) {
    assert!(
        violations.is_empty(),
        "{} × {rule}:\n  {}\n",
        violations.len(),
        violations.join("\n  ")
    );
}

#[test]
fn crates_depend_only_downwards() {
    report("forbidden dependency", &edges::violations());
}

#[test]
fn functions_files_and_lines_stay_small() {
    report("size budget exceeded", &sizes::violations(&Source::all()));
}

#[test]
fn the_core_reads_no_clock_and_nothing_unordered() {
    report("banned in the core", &banned::in_the_core(&Source::all()));
}

#[test]
fn nothing_outside_tests_unwraps_or_is_left_to_do() {
    report("banned", &banned::everywhere(&Source::all()));
}

#[test]
fn tracked_files_belong_here() {
    report("does not belong here", &files::violations());
}

#[test]
fn every_file_of_tests_runs() {
    report("never run", &files::tests_that_never_run());
}

#[test]
fn every_package_takes_the_workspaces_settings() {
    report("differs from the workspace", &files::manifest_violations());
}

#[test]
fn every_dependency_has_a_licence_that_we_allow() {
    report("licence not allowed", &licences::violations());
}

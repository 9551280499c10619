//! The lab that the book's page of the format shows is one.

use std::path::{Path, PathBuf};

use wirelab_grader::author::{self, Options};
use wirelab_model::Seed;
use wirelab_scenario::Scenario;

/// Writes each file that the page shows in full: its name in a line of its own, then its text
/// between fences.
fn written(folder: &Path) {
    let format = Path::new(env!("CARGO_MANIFEST_DIR")).join("../book/src/teaching/format.md");
    let format = std::fs::read_to_string(format).expect("the page");
    let (_, example) = format
        .split_once("## A complete small lab")
        .expect("the example");
    let mut blocks = example.split("\n```");
    while let (Some(before), Some(block)) = (blocks.next(), blocks.next()) {
        let name = before.trim_end().lines().last().unwrap_or_default();
        let name = name.trim_matches('`');
        let (_, text) = block.split_once('\n').expect("a fence is a line");
        let path = folder.join(name);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a temporary folder");
        std::fs::write(path, format!("{text}\n")).expect("a temporary folder");
    }
}

fn seeds(seeds: u64) -> Options {
    Options {
        seeds,
        ..Options::default()
    }
}

fn lab(folder: &Path) -> PathBuf {
    written(folder);
    folder.join("labs/closed-door")
}

#[test]
fn the_complete_small_lab_of_the_format_proves_itself() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let lab = lab(folder.path());
    let report = author::check(&lab, seeds(3));
    let report = report.unwrap_or_else(|error| panic!("{error}"));
    assert!(report.is_sound(), "{report}");
    assert_eq!(report.warnings, [], "{report}");
}

#[test]
fn a_fault_with_few_repairs_is_warned_of_and_a_variant_that_is_none_is_named() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let lab = lab(folder.path());
    std::fs::remove_file(lab.join("right/repair--by-address.calls")).expect("a right answer");
    let wrong = lab.join("wrong");
    let (old, new) = (
        "repair--all-ports.calls",
        "repair--all-ports.blakchole.calls",
    );
    std::fs::rename(wrong.join(old), wrong.join(new)).expect("a wrong answer");
    let report = author::check(&lab, seeds(1));
    let report = report.unwrap_or_else(|error| panic!("{error}"));
    let warned = report.warnings.first().map_or("", |it| it.what.as_str());
    assert!(warned.starts_with("2 right repairs"), "{report}");
    let problem = report.problems.first().map_or("", |it| it.what.as_str());
    assert!(
        problem.starts_with("there is no variant `blakchole`"),
        "{report}"
    );
}

#[test]
fn a_missing_solution_is_named_with_the_file_that_is_wanted() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let lab = lab(folder.path());
    std::fs::remove_file(lab.join("solution/repair.calls")).expect("the solution");
    let error = author::check(&lab, seeds(1)).expect_err("there is no solution");
    let error = error.to_string();
    assert!(error.contains("task `repair` has no solution"), "{error}");
    assert!(error.contains("solution/repair.calls"), "{error}");
}

#[test]
fn what_a_lab_names_that_is_not_there_is_told_once_with_its_place() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let lab = lab(folder.path());
    let edit = |file: &str, from: &str, to: &str| {
        let path = lab.join(file);
        let text = std::fs::read_to_string(&path).expect("a file");
        assert!(text.contains(from), "{text}");
        std::fs::write(path, text.replace(from, to)).expect("a file");
    };
    edit("lab.toml", "traffic = \"orders\"", "traffic = \"order\"");
    let report = author::check(&lab, seeds(2));
    let report = report.unwrap_or_else(|error| panic!("{error}"));
    let told: Vec<_> = report
        .problems
        .iter()
        .map(|it| format!("{}: {}", it.place, it.what))
        .collect();
    insta::assert_snapshot!(told.join("\n"), @"lab.toml:16, task repair: `succeeds` names the traffic `order`, which nobody sends; did you mean `orders`?");

    edit("lab.toml", "traffic = \"order\"", "traffic = \"orders\"");
    let calls = "right/repair--by-address.calls";
    edit(calls, "ec2:", "# the one machine\nec2:");
    edit(calls, "private_ip_address}", "private_ip_adress}");
    let error = author::check(&lab, seeds(1)).expect_err("a reference that leads nowhere");
    let error = error.to_string();
    let folder = format!("{}/", folder.path().display());
    let place = "labs/closed-door/right/repair--by-address.calls:2: lab `closed-door`";
    assert!(error.replace(&folder, "").starts_with(place), "{error}");
    assert!(
        error.contains("`instance.app.private_ip_adress` refers to nothing"),
        "{error}"
    );
}

#[test]
fn a_member_is_named_as_ec2_and_the_scenario_name_it() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    lab(folder.path());
    let scenario = Scenario::load(&folder.path().join("scenarios/closed-door"));
    let scenario = scenario.unwrap_or_else(|error| panic!("{error}"));
    let plan = scenario.compile(Seed::whole(1)).expect("a plan");
    let vpc = |member: &str| plan.resolve(&format!("vpc.main.{member}"));
    assert_eq!(vpc("cidr_block"), Ok("10.0.0.0/16".into()));
    assert_eq!(vpc("cidr_blocks.0"), Ok("10.0.0.0/16".into()));
    let error = vpc("cidr").expect_err("no member").to_string();
    assert!(
        error.contains("`vpc.main.cidr` refers to nothing"),
        "{error}"
    );
    assert!(error.contains("cidr_block"), "{error}");
}

#[test]
fn what_every_seed_finds_is_said_once() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let lab = lab(folder.path());
    let scenario = folder.path().join("scenarios/closed-door/scenario.toml");
    let text = std::fs::read_to_string(&scenario).expect("the scenario");
    std::fs::write(&scenario, text.replace("timed_out", "refused")).expect("the scenario");
    let report = author::check(&lab, seeds(3));
    let report = report.unwrap_or_else(|error| panic!("{error}")).to_string();
    assert_eq!(report.matches("not refused").count(), 1, "{report}");
    assert!(report.contains("and so on seed 2"), "{report}");
}

#[test]
fn an_expectation_that_fails_says_what_dropped_the_packets() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let lab = lab(folder.path());
    let scenario = folder.path().join("scenarios/closed-door/scenario.toml");
    let text = std::fs::read_to_string(&scenario).expect("the scenario");
    std::fs::write(&scenario, text.replace("timed_out", "completed")).expect("the scenario");
    let report = author::check(&lab, seeds(1));
    let report = report.unwrap_or_else(|error| panic!("{error}")).to_string();
    let line = report.lines().find(|line| line.contains("not completed"));
    insta::assert_snapshot!(line.unwrap_or(&report), @"  ✗ seed 1 (no variants): scenario line 51: `orders` of 00:06:04 is timed_out, not completed: 5 packets dropped: no inbound rule of security_group.db on network_interface.db allows it");
}

#[test]
fn a_query_about_records_that_come_later_is_warned_of() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let lab = folder.path().join("labs/nat-return-path");
    for part in ["labs/nat-return-path", "scenarios/nat-return-path"] {
        let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(part);
        copy(&from, &folder.path().join(part));
    }
    let file = lab.join("lab.toml");
    let text = std::fs::read_to_string(&file).expect("the lab");
    let early = text.replace("opens_at = \"25m\"", "opens_at = \"18m\"");
    assert_ne!(early, text);
    std::fs::write(&file, early).expect("the lab");
    let report = author::check(&lab, seeds(1));
    let report = report.unwrap_or_else(|error| panic!("{error}"));
    let warnings: Vec<&str> = report.warnings.iter().map(|it| it.what.as_str()).collect();
    insta::assert_snapshot!(warnings.join("\n"), @"its window ends at 00:17:00; 138 records of that time are not delivered by `opens_at` (00:18:00): a record comes when its window is over and some minutes more have passed");
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a temporary folder");
    for entry in std::fs::read_dir(from).expect("a folder") {
        let entry = entry.expect("a file");
        let to = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &to);
        } else {
            std::fs::copy(entry.path(), to).expect("a temporary folder");
        }
    }
}

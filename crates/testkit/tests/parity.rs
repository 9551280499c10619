//! Every situation of `tests/golden/kernel/situations` is played as the manifest says, and what the
//! machines put on the wire is what Linux did, but for differences that the manifest explains.

use std::path::{Path, PathBuf};

use wirelab_testkit::parity::{Report, differences_over_ipv6, hold, table};

fn folder() -> PathBuf {
    [
        env!("CARGO_MANIFEST_DIR"),
        "../../tests/golden/kernel/situations",
    ]
    .iter()
    .collect()
}

fn manifests() -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder())
        .expect("the folder of situations")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "toml"))
        .collect();
    files.sort();
    files
}

#[test]
fn machines_send_what_linux_sent_in_every_captured_situation() {
    let reports: Vec<Report> = manifests()
        .iter()
        .map(|file| hold(file).unwrap_or_else(|error| panic!("{error}")))
        .collect();
    let failing: Vec<&Report> = reports.iter().filter(|report| !report.holds()).collect();
    let names: Vec<_> = failing.iter().map(|report| &report.name).collect();
    assert!(failing.is_empty(), "{names:?}\n{}", table(&reports));
    assert!(reports.len() > 80, "{} situations", reports.len());
}

/// A manifest whose reasons cover more than there is would let new differences through.
#[test]
fn no_explanation_covers_more_differences_than_there_are() {
    let mut loose = Vec::new();
    for file in manifests() {
        let report = hold(&file).unwrap_or_else(|error| panic!("{error}"));
        let allowed = report.allowed;
        let used = report.differences().filter(|it| it.explained.is_some());
        let used = used.count();
        if allowed != used {
            loose.push(format!("{}: {used} of {allowed}", report.name));
        }
    }
    assert!(loose.is_empty(), "{loose:#?}");
}

#[test]
fn a_segment_that_linux_did_not_send_is_a_difference() {
    let text = std::fs::read_to_string(folder().join("tcp-rst-linger0.toml")).expect("a manifest");
    let wrong = text.replace("write = [1]", "write = [1, 1]");
    assert_ne!(text, wrong);
    let file = std::env::temp_dir().join(format!("parity-{}.toml", std::process::id()));
    let network = folder().join("networks/routed.toml");
    let captures = folder().join("../tcp-rst-linger0.");
    let wrong = wrong
        .replace("networks/routed.toml", &network.to_string_lossy())
        .replace("tcp-rst-linger0.", &captures.to_string_lossy());
    std::fs::write(&file, wrong).expect("a file in the temporary folder");
    let report = hold(&file);
    std::fs::remove_file(&file).expect("it was there");
    let report = report.unwrap_or_else(|error| panic!("{error}"));
    assert!(!report.holds());
    let failures = report.failures();
    assert!(failures.contains("extra"), "{failures}");
}

/// No capture tells what Linux does over IPv6: the same segments, with an MTU 20 octets larger.
#[test]
fn tcp_over_ipv6_is_tcp_over_ipv4() {
    let mut played = 0;
    let name = |file: &Path| file.file_name().map(|it| it.to_string_lossy().into_owned());
    let is_of_ipv4 = |file: &PathBuf| name(file).is_some_and(|it| !it.starts_with("ipv6-"));
    for file in manifests().into_iter().filter(is_of_ipv4) {
        let found = differences_over_ipv6(&file).unwrap_or_else(|error| panic!("{error}"));
        if let Some(differences) = found {
            played += 1;
            let first: String = differences.iter().take(5).cloned().collect();
            assert!(differences.is_empty(), "{}: {first}", file.display());
        }
    }
    assert!(played > 50, "{played} situations");
}

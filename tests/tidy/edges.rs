//! Who may know whom: the table of levels, held against `cargo metadata`.

use crate::source::root;
use serde_json::Value;

/// A package, its level, and the packages of other levels that its row allows although the rule
/// "everything below" does not, or the only ones allowed.
struct Row {
    package: &'static str,
    level: u8,
    knows: Knows,
}

enum Knows {
    /// Every package of a lower level.
    Below,
    /// These alone.
    Only(&'static [&'static str]),
}

const fn row(package: &'static str, level: u8, knows: Knows) -> Row {
    Row {
        package,
        level,
        knows,
    }
}

const LEVELS: &[Row] = &[
    row("wirelab-model", 0, Knows::Only(&[])),
    row("wirelab-wire", 0, Knows::Only(&[])),
    row("wirelab-simulator", 1, Knows::Below),
    row("wirelab-control", 1, Knows::Below),
    row("wirelab-filter", 1, Knows::Below),
    row("wirelab-flowlog", 1, Knows::Below),
    row("wirelab-shell", 1, Knows::Below),
    row("wirelab-scenario", 2, Knows::Below),
    row(
        "wirelab-query",
        2,
        Knows::Only(&["wirelab-model", "wirelab-wire", "wirelab-flowlog"]),
    ),
    row("wirelab-session", 3, Knows::Below),
    row("wirelab-grader", 4, Knows::Below),
    row(
        "wirelab-aws-api",
        4,
        Knows::Only(&[
            "wirelab-model",
            "wirelab-control",
            "wirelab-flowlog",
            "wirelab-scenario",
            "wirelab-query",
            "wirelab-session",
        ]),
    ),
    row(
        "wirelab-book",
        4,
        Knows::Only(&[
            "wirelab-model",
            "wirelab-scenario",
            "wirelab-session",
            "wirelab-simulator",
        ]),
    ),
    row("wirelab-cli", 5, Knows::Below),
    row("wirelab-tests", 5, Knows::Only(&[])),
    // Outside the levels: nothing that is shipped knows them, tests may.
    row(
        "wirelab-testkit",
        9,
        Knows::Only(&[
            "wirelab-model",
            "wirelab-wire",
            "wirelab-control",
            "wirelab-simulator",
        ]),
    ),
    row("xtask", 9, Knows::Only(&["wirelab-testkit"])),
];

/// Outside crates that only some packages may name: they are slow to build, or bring IO.
const CONFINED: &[(&str, &[&str])] = &[
    ("datafusion", &["wirelab-query"]),
    ("tokio", &["wirelab-query"]),
    ("pcap", &["wirelab-filter"]),
    ("clap", &["wirelab-cli", "xtask"]),
    ("anyhow", &["wirelab-cli"]),
];

pub(crate) fn violations() -> Vec<String> {
    let packages = metadata(&["--no-deps"]);
    let packages = packages["packages"].as_array().expect("packages");
    packages.iter().flat_map(package_violations).collect()
}

fn package_violations(package: &Value) -> Vec<String> {
    let name = package["name"].as_str().expect("a name");
    let Some(row) = LEVELS.iter().find(|row| row.package == name) else {
        return vec![format!(
            "`{name}` has no row in LEVELS of tests/tidy/edges.rs"
        )];
    };
    let dependencies = package["dependencies"].as_array().expect("dependencies");
    dependencies
        .iter()
        .filter(|it| it["kind"] != "dev" || it["name"] != "wirelab-testkit")
        .filter_map(|dependency| dependency["name"].as_str())
        .filter_map(|dependency| refused(row, dependency))
        .collect()
}

fn refused(row: &Row, dependency: &str) -> Option<String> {
    let package = row.package;
    if let Some((_, users)) = CONFINED.iter().find(|(name, _)| *name == dependency) {
        return (!users.contains(&package))
            .then(|| format!("{package} -> {dependency}: only {users:?} may"));
    }
    if !dependency.starts_with("wirelab-") {
        return None;
    }
    let allowed = match row.knows {
        Knows::Below => level(dependency).is_some_and(|level| level < row.level),
        Knows::Only(names) => names.contains(&dependency),
    };
    (!allowed).then(|| format!("{package} (level {}) -> {dependency}", row.level))
}

fn level(package: &str) -> Option<u8> {
    LEVELS
        .iter()
        .find(|row| row.package == package)
        .map(|row| row.level)
}

/// What `cargo metadata` says, without the network.
pub(crate) fn metadata(arguments: &[&str]) -> Value {
    let output = std::process::Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--offline"])
        .args(arguments)
        .current_dir(root())
        .output()
        .expect("cargo runs");
    let talk = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "cargo metadata: {talk}");
    serde_json::from_slice(&output.stdout).expect("cargo metadata prints JSON")
}

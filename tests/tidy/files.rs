//! What is in the repository at all: kinds of files, their size, and no trace of anybody's machine.

use crate::source::{root, tracked};

/// Endings of files that people write, and the captures that tests are held against.
const KINDS: &[&str] = &[
    "rs", "toml", "md", "lock", "sh", "bpf", "insights", "sql", "txt", "calls", "facts", "snap",
    "pcap", "pcapng", "json", "css", "svg", "cc", "py", "js", "mjs", "pem", "tf",
];

/// Files whose names have no ending.
const NAMES: &[&str] = &[
    "Makefile",
    "LICENSE-MIT",
    "LICENSE-APACHE",
    ".gitignore",
    ".ci/run",
];

const MAX_BYTES: u64 = 1 << 20;

/// `(path prefix, reason)`: may be larger.
const LARGE: &[(&str, &str)] = &[(
    "tests/golden/kernel/",
    "captures of the real kernel, the specification of our hosts",
)];

/// Folders that exist on one machine only.
const MACHINE_PATHS: &[&str] = &[
    concat!("/wo", "rk/"),
    concat!("/tm", "p/"),
    concat!("/ho", "me/"),
    concat!("/ro", "ot/"),
];

/// Where the folders that are named are those of simulated machines.
const SIMULATED_MACHINES: &[&str] = &["crates/shell/", "crates/session/tests/shell.rs"];

/// What fuzzing starts from: files as others make them.
const SEEDS: &str = "fuzz/corpus/";

/// Workspaces of their own, which nothing that is shipped knows.
const OTHERS: [&str; 2] = ["fuzz/Cargo.toml", "sdk/Cargo.toml"];

pub(crate) fn violations() -> Vec<String> {
    tracked().iter().flat_map(|path| check(path)).collect()
}

fn check(path: &str) -> Vec<String> {
    let mut found = Vec::new();
    let kind = path.rsplit_once('.').map_or("", |(_, kind)| kind);
    let seed = path.starts_with(SEEDS);
    if !KINDS.contains(&kind) && !NAMES.contains(&path) && !seed {
        found.push(format!(
            "{path}: no kind of file that tests/tidy/files.rs knows"
        ));
    }
    let bytes = std::fs::read(root().join(path)).unwrap_or_default();
    let large = LARGE.iter().any(|(prefix, _)| path.starts_with(prefix));
    if bytes.len() as u64 > MAX_BYTES && !large {
        found.push(format!(
            "{path}: {} bytes, more than {MAX_BYTES}",
            bytes.len()
        ));
    }
    let simulated = SIMULATED_MACHINES.iter().any(|it| path.starts_with(it));
    if let Ok(text) = std::str::from_utf8(&bytes)
        && !simulated
    {
        found.extend(machine_paths(path, text));
    }
    found
}

fn machine_paths(path: &str, text: &str) -> Vec<String> {
    let named = |line: &str| MACHINE_PATHS.iter().any(|machine| line.contains(machine));
    text.lines()
        .enumerate()
        .filter(|(_, line)| named(line))
        .map(|(index, _)| format!("{path}:{}: a path of one machine", index + 1))
        .collect()
}

/// Every member inherits what the workspace states once.
pub(crate) fn manifest_violations() -> Vec<String> {
    let wanted = [
        "version.workspace = true",
        "edition.workspace = true",
        "rust-version.workspace = true",
        "license.workspace = true",
        "publish.workspace = true",
        "[lints]\nworkspace = true",
    ];
    let mut found = Vec::new();
    for path in tracked() {
        if path == "Cargo.toml" || OTHERS.contains(&path.as_str()) || !path.ends_with("Cargo.toml")
        {
            continue;
        }
        let text = std::fs::read_to_string(root().join(&path)).expect("a tracked file");
        let missing = wanted.iter().filter(|line| !text.contains(**line));
        found.extend(missing.map(|line| format!("{path}: lacks `{}`", line.replace('\n', " "))));
    }
    found
}

/// Where the tests of a package are one program, a file that its `main.rs` does not name would never
/// run.
pub(crate) fn tests_that_never_run() -> Vec<String> {
    let all = tracked();
    let mut found = Vec::new();
    for main in all.iter().filter(|path| path.ends_with("tests/main.rs")) {
        let folder = main.strip_suffix("main.rs").expect("it ends so");
        let text = std::fs::read_to_string(root().join(main)).expect("a tracked file");
        let here = all.iter().filter_map(|path| path.strip_prefix(folder));
        let modules = here
            .filter_map(|path| path.strip_suffix(".rs"))
            .map(|path| {
                let module = path.strip_suffix("/mod").unwrap_or(path);
                module.to_owned()
            });
        let missing = modules.filter(|module| {
            let is_top = module != "main" && !module.contains('/');
            is_top && !text.lines().any(|line| line == format!("mod {module};"))
        });
        found.extend(missing.map(|module| format!("{main}: lacks `mod {module};`")));
    }
    found
}

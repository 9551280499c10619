//! Small log groups that the tests share: flows, and the files of `tests/logs`.

use std::fs;
use std::path::Path;
use std::sync::OnceLock;

use wirelab_flowlog::LogFormat;
use wirelab_model::UnixTime;
use wirelab_query::{LogGroup, LogGroups, QueryError, QueryOptions, QueryResult, blocking};

/// 5 March 2024, 00:00:00 UTC.
pub(crate) const MIDNIGHT: u64 = 1_709_596_800;

/// Source, destination, ports, protocol, packets, bytes, seconds after midnight, action.
const FLOWS: &str = "\
    10.0.1.5 10.0.2.9 40000 5432 6 12 1800 0 ACCEPT
    10.0.2.9 10.0.1.5 5432 40000 6 10 9000 0 ACCEPT
    10.0.2.9 10.0.1.5 5432 40001 6 3 180 125 REJECT
    110.0.1.7 10.0.2.9 51000 22 6 1 44 130 REJECT
    10.0.1.5 8.8.8.8 53211 53 17 1 61 200 ACCEPT
    10.0.1.20 10.0.2.9 40100 5432 6 2 104 301 REJECT
    10.0.1.5 10.0.2.9 0 0 1 4 336 420 ACCEPT";

/// A flow log in the default format: seven flows and one line without data.
pub(crate) fn flows() -> LogGroup {
    let mut group = LogGroup::flow_log("vpc-flow", "123456789012", LogFormat::default());
    for line in FLOWS.lines() {
        let f: Vec<&str> = line.split_whitespace().collect();
        let start = MIDNIGHT + f[7].parse::<u64>().expect("seconds");
        let message = format!(
            "2 123456789012 eni-1 {} {} {} {} {} {} {} {start} {} {} OK",
            f[0],
            f[1],
            f[2],
            f[3],
            f[4],
            f[5],
            f[6],
            start + 30,
            f[8]
        );
        push(&mut group, start, &message);
    }
    let start = MIDNIGHT + 600;
    let message = format!(
        "2 123456789012 eni-1 - - - - - - - {start} {} - NODATA",
        start + 60
    );
    push(&mut group, start, &message);
    group
}

/// Adds an event that arrives five minutes later.
pub(crate) fn push(group: &mut LogGroup, at_secs: u64, message: &str) {
    let ingested_ms = (at_secs + 300) * 1000;
    group
        .events
        .push(at_secs * 1000, ingested_ms, "eni-1-all", message);
}

/// The hour after midnight, asked at its end.
pub(crate) fn hour() -> QueryOptions {
    QueryOptions {
        start: UnixTime::from_secs(MIDNIGHT),
        end: UnixTime::from_secs(MIDNIGHT + 3600),
        now: UnixTime::from_secs(MIDNIGHT + 3600),
        limit: None,
    }
}

/// A log group for each file of `tests/logs`: a line is the seconds after midnight and a message.
pub(crate) fn logs() -> &'static [LogGroup] {
    static LOGS: OnceLock<Vec<LogGroup>> = OnceLock::new();
    LOGS.get_or_init(read_logs)
}

fn read_logs() -> Vec<LogGroup> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/logs");
    let entries = fs::read_dir(folder).expect("the folder is part of the repository");
    let mut paths: Vec<_> = entries.map(|e| e.expect("an entry").path()).collect();
    paths.sort();
    let group = |path: &std::path::PathBuf| {
        let mut group = LogGroup {
            name: path.file_stem().expect("a name").to_string_lossy().into(),
            account: "123456789012".into(),
            format: None,
            events: Default::default(),
        };
        for line in fs::read_to_string(path).expect("a text").lines() {
            let (seconds, message) = line.split_once(' ').expect("seconds and a message");
            let seconds: i64 = seconds.parse().expect("seconds");
            push(&mut group, MIDNIGHT.saturating_add_signed(seconds), message);
        }
        group
    };
    paths.iter().map(group).collect()
}

/// Asks the flows, or the group that a first line `# over NAME` names; `SOURCE` finds all.
pub(crate) fn ask(query: &str) -> Result<QueryResult, QueryError> {
    let (flows, logs) = (flows(), logs());
    let first = query
        .lines()
        .next()
        .and_then(|line| line.strip_prefix("# over "));
    let chosen = match first {
        Some(name) => logs
            .iter()
            .find(|group| group.name == name.trim())
            .expect("a log group"),
        None => &flows,
    };
    let others = logs
        .iter()
        .chain([&flows])
        .filter(|group| group.name != chosen.name);
    let groups = LogGroups::new([chosen]).with_others(others);
    blocking::insights(query, groups, &hour())
}

/// The answer as a table with its warnings, or the report of the error.
pub(crate) fn show(query: &str) -> String {
    match ask(query) {
        Ok(result) => {
            let warnings = result
                .warnings
                .iter()
                .map(|warning| warning.report() + "\n");
            format!("{}{}", result.to_table(), warnings.collect::<String>())
        }
        Err(error) => error.report(),
    }
}

//! Tasks in Athena's SQL: over the ready table, and as a script that makes its own.

use std::path::Path;

use wirelab_grader::{FindingKind, Grader, Report, Style, Submission};
use wirelab_model::Seed;
use wirelab_scenario::{Lab, Scenario};

const LAB: &str = r#"
format   = 1
name     = "sql"
title    = "Refused replies in SQL"
scenario = "nacl-ephemeral"
opens_at = "25m"
hidden_traffic_seeds = [2]

[[task]]
name     = "ready"
kind     = "athena"
points   = 3
hints    = ["The table is there."]
flow_log = "flow_log.all"

[[task]]
name     = "own"
kind     = "athena"
points   = 3
hints    = ["Make the table first."]
flow_log = "flow_log.bucket"
script   = true
"#;

const BUCKET: &str = r#"
[flow_log.bucket]
resource                 = "vpc.data"
max_aggregation_interval = 60
destination              = "arn:aws:s3:::corp-logs"
"#;

const TABLE: &str = "CREATE EXTERNAL TABLE logs (version int, account_id string, \
    interface_id string, srcaddr string, dstaddr string, srcport int, dstport int, \
    protocol bigint, packets bigint, bytes bigint, `start` bigint, `end` bigint, action string, \
    log_status string)\nROW FORMAT DELIMITED FIELDS TERMINATED BY ' '\n\
    LOCATION 's3://corp-logs/AWSLogs/'\nTBLPROPERTIES ('skip.header.line.count'='1');\n";

const SELECT: &str = "SELECT srcaddr, dstaddr, sum(packets) AS refused FROM flow_logs\n\
    WHERE action = 'REJECT' AND srcport = 5432 GROUP BY srcaddr, dstaddr";

fn own(select: &str) -> String {
    format!("{TABLE}{}", select.replace("flow_logs", "logs"))
}

/// The lab in a folder: the scenario of `nacl-ephemeral` with a log in a bucket beside the other.
fn grader(folder: &Path) -> Grader<'static> {
    let write = |name: &str, text: &str| {
        let path = folder.join(name);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a temporary folder");
        std::fs::write(path, text).expect("a temporary folder");
    };
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let scenario = root.join("scenarios/nacl-ephemeral/scenario.toml");
    let scenario = std::fs::read_to_string(scenario).expect("a scenario");
    write(
        "scenarios/nacl-ephemeral/scenario.toml",
        &format!("{scenario}{BUCKET}"),
    );
    write("labs/sql/lab.toml", LAB);
    write(
        "labs/sql/solution/ready.sql",
        &format!("-- who was refused\n{SELECT};\n"),
    );
    write("labs/sql/solution/own.sql", &own(SELECT));
    let lab = Lab::load(&folder.join("labs/sql")).unwrap_or_else(|error| panic!("{error}"));
    let scenario = Scenario::load(&lab.scenario_dir());
    Grader::new(lab, scenario.unwrap_or_else(|error| panic!("{error}")))
}

/// On a slow machine as on a quick one: rows are counted, not seconds.
#[test]
fn a_query_without_end_is_refused_by_count() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let grader = grader(folder.path());
    let tables: Vec<_> = (0..12).map(|n| format!("flow_logs AS t{n}")).collect();
    let endless = format!(
        "SELECT max(t0.bytes * t1.bytes + t11.bytes) FROM {}",
        tables.join(" CROSS JOIN ")
    );
    let lab = Lab::load(&folder.path().join("labs/sql")).expect("the lab");
    let mut submission = Submission::new(Seed::whole(1), lab.opens_at);
    submission.answers.extend([
        ("ready".to_owned(), endless),
        ("own".to_owned(), own(SELECT)),
    ]);
    let report = grader.grade(&submission).expect("a report");
    let [ready, own] = &report.tasks[..] else {
        panic!("{}", report.print(&Style::default()));
    };
    let found: Vec<_> = ready.findings().map(|it| it.name).collect();
    assert_eq!(
        (ready.points.got, &found[..]),
        (0, &[FindingKind::QueryTakesTooMuch][..])
    );
    assert!(own.points.is_full(), "the other task counts");
}

#[test]
fn sql_is_graded_by_its_rows_over_the_ready_table_and_over_one_of_its_own() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let grader = grader(folder.path());
    let lab = Lab::load(&folder.path().join("labs/sql")).expect("the lab");
    let grade = |task: &str, answer: &str| -> Report {
        let mut submission = Submission::new(Seed::whole(1), lab.opens_at);
        submission
            .answers
            .insert(task.to_owned(), answer.to_owned());
        let report = grader.grade_task(&submission, task);
        report.unwrap_or_else(|error| panic!("{error}"))
    };
    let finds = |task: &str, answer: &str| {
        let report = grade(task, answer);
        let found = report.tasks[0]
            .findings()
            .next()
            .map(|finding| finding.name);
        found.unwrap_or_else(|| panic!("{}", report.print(&Style::default())))
    };
    let by_hand = "-- other names, other order\nWITH r AS (SELECT * FROM flow_logs WHERE srcport = \
        5432 AND action = 'REJECT')\nSELECT sum(packets), dstaddr, srcaddr FROM r GROUP BY 2, 3";
    for (task, answer) in [("ready", by_hand.to_owned()), ("own", own(by_hand))] {
        let report = grade(task, &answer);
        assert!(report.is_passed(), "{}", report.print(&Style::default()));
    }
    let all = SELECT.replace("action = 'REJECT' AND ", "");
    assert_eq!(finds("ready", &all), FindingKind::QueryMisses);
    assert_eq!(finds("ready", "-- nothing yet\n"), FindingKind::NoAnswer);
    assert_eq!(finds("ready", &own(SELECT)), FindingKind::QueryDoesNotRun);
    assert_eq!(
        finds("ready", &SELECT.replace("5432", "'5432'")),
        FindingKind::QueryDoesNotRun
    );
    assert_eq!(finds("own", SELECT), FindingKind::QueryDoesNotRun);
    assert_eq!(finds("own", TABLE), FindingKind::QueryDoesNotRun);
    let headed = own(SELECT).replace("'skip.header.line.count'='1'", "'a'='b'");
    let everything = "SELECT * FROM flow_logs WHERE srcport = 5432";
    assert_eq!(finds("own", &own(everything)), FindingKind::QueryMisses);
    // The header line is a row of NULLs to the numbers, which this condition drops anyway.
    let report = grade("own", &headed);
    assert!(report.is_passed());
    let remark = report.tasks[0].findings().next().expect("a remark");
    assert_eq!(remark.name, FindingKind::QueryLint);
    assert!(
        remark.summary.contains("skip.header.line.count"),
        "{}",
        remark.summary
    );
}

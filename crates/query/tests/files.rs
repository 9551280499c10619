//! Flow logs in files: the same query gives the same rows whatever holds the records.

use std::fs;
use std::io::Write as _;
use std::path::Path;

use flate2::write::GzEncoder;
use tempfile::TempDir;
use wirelab_flowlog::LogFormat;
use wirelab_model::UnixTime;
use wirelab_query::{FilesError, LogGroup, QueryError, QueryOptions, QueryResult, blocking};

const START: u64 = 1_709_596_800;

const CUSTOM: &str = "${dstport} ${srcaddr} ${interface-id} ${start} ${action} ${end} ${dstaddr} \
                      ${bytes} ${packets} ${protocol} ${srcport} ${version} ${account-id} \
                      ${log-status}";

/// Lines of the default format over twelve minutes: IPv4 and IPv6, rejects, NODATA.
fn lines() -> Vec<String> {
    let line = |n: u64| {
        let (start, eni) = (START + n * 7 % 720, n % 3);
        let end = start + 30 + n % 30;
        if n % 17 == 0 {
            return format!("2 123456789012 eni-{eni} - - - - - - - {start} {end} - NODATA");
        }
        let from = if n % 5 == 0 {
            format!("2001:db8::{n:x}")
        } else {
            format!("10.0.1.{}", n % 40)
        };
        let (port, action) = (
            [22, 443, 53][(n % 3) as usize],
            ["ACCEPT", "REJECT"][(n % 4 / 3) as usize],
        );
        format!(
            "2 123456789012 eni-{eni} {from} 10.0.2.9 {} {port} 6 {} {} {start} {end} {action} OK",
            40_000 + n,
            n % 9 + 1,
            n * 131 % 5000
        )
    };
    (1..400).map(line).collect()
}

/// The same records in another order of fields.
fn reordered(lines: &[String]) -> Vec<String> {
    let order = [6, 3, 2, 10, 12, 11, 4, 9, 8, 7, 5, 0, 1, 13];
    let line = |line: &String| {
        let values: Vec<&str> = line.split(' ').collect();
        order.map(|at| values[at]).join(" ")
    };
    lines.iter().map(line).collect()
}

fn options() -> QueryOptions {
    QueryOptions {
        start: UnixTime::from_secs(START),
        end: UnixTime::from_secs(START + 600),
        now: UnixTime::from_secs(START + 86_400),
        limit: None,
    }
}

fn write(folder: &Path, name: &str, header: Option<&str>, lines: &[String]) {
    let path = folder.join(name);
    fs::create_dir_all(path.parent().expect("in the folder")).expect("a fresh folder");
    let mut text: String = header.iter().map(|header| format!("{header}\n")).collect();
    text.extend(lines.iter().map(|line| format!("{line}\n")));
    if name.ends_with(".gz") {
        let mut encoder = GzEncoder::new(fs::File::create(path).expect("new"), Default::default());
        encoder.write_all(text.as_bytes()).expect("writes");
        encoder.finish().expect("writes");
    } else {
        fs::write(path, text).expect("writes");
    }
}

/// A folder with the lines in files of that layout.
fn folder(layout: &str) -> TempDir {
    let folder = TempDir::new().expect("a temporary folder");
    let (lines, default) = (lines(), LogFormat::default().header());
    let at = |key: &str, header: Option<&str>, lines: &[String]| {
        write(folder.path(), key, header, lines);
    };
    let halves = lines.split_at(150);
    match layout {
        "plain" => {
            let day = "AWSLogs/123456789012/vpcflowlogs/us-east-1/2024/03/05";
            at(
                &format!("{day}/a_20240305T0000Z_1.log.gz"),
                Some(&default),
                halves.0,
            );
            at(
                &format!("{day}/a_20240305T0005Z_2.log.gz"),
                Some(&default),
                halves.1,
            );
            at(
                "AWSLogs/123456789012/CloudTrail/us-east-1/x.json.gz",
                None,
                &["{}".to_owned()],
            );
        }
        "hourly text" => {
            let day = "net/AWSLogs/123456789012/vpcflowlogs/us-east-1/2024/03/05";
            at(&format!("{day}/00/a.log"), Some(&default), halves.0);
            at(&format!("{day}/01/b.log"), Some(&default), halves.1);
        }
        "hive" => {
            let day = "AWSLogs/aws-account-id=1/aws-service=vpcflowlogs/aws-region=us-east-1/\
                       year=2024/month=03/day=05";
            at(&format!("{day}/hour=00/a.log.gz"), Some(&default), halves.0);
            at(&format!("{day}/hour=01/b.log.gz"), Some(&default), halves.1);
        }
        "flat without header" => {
            at("a.log", None, halves.0);
            at("b.log.gz", None, halves.1);
            at("notes.md", None, &["not a log".to_owned()]);
        }
        "two formats" => {
            let format = LogFormat::parse(CUSTOM).expect("a format");
            at("a.log.gz", Some(&default), halves.0);
            at("b.log", Some(&format.header()), &reordered(halves.1));
        }
        _ => unreachable!("no such layout"),
    }
    folder
}

const LAYOUTS: [&str; 5] = [
    "plain",
    "hourly text",
    "hive",
    "flat without header",
    "two formats",
];

fn group() -> LogGroup {
    let mut group = LogGroup::flow_log("flow", "123456789012", LogFormat::default());
    for line in lines() {
        let values: Vec<&str> = line.split(' ').collect();
        let [start, end] = [10, 11].map(|at| values[at].parse::<u64>().expect("a time"));
        let stream = format!("{}-all", values[2]);
        group
            .events
            .push(start * 1000, end * 1000 + 300_000, &stream, &line);
    }
    group
}

const QUERIES: [&str; 11] = [
    "fields @timestamp, @ingestionTime, @logStream, srcAddr, dstPort | limit 25",
    "filter action = \"REJECT\" | stats count(*) as n, sum(bytes) as b by bin(5m) as t | sort t",
    "stats count_distinct(dstPort) as ports by srcAddr | filter ports > 1 | sort ports desc, srcAddr",
    "filter dstPort = 22 and protocol = 6 | stats sum(packets) as p by srcAddr | sort p desc | limit 5",
    "filter srcAddr = \"-\" | stats count(*) as nodata by logStatus, interfaceId | sort interfaceId",
    "sort bytes desc, srcPort asc | fields srcAddr, bytes, @message | limit 7",
    "fields interfaceId, action, srcPort | dedup interfaceId, action",
    "stats latest(srcPort) as l, earliest(srcPort) as e by interfaceId | sort interfaceId",
    "filter isIpv4InSubnet(srcAddr, \"10.0.1.0/28\") | stats avg(bytes) as a, count(*) by action | sort a",
    "stats count(*), sum(bytes), min(bytes), max(bytes)",
    "fields bytes * 8 as bits | filter bits > 30000 | sort bits desc, srcPort | display bits, srcPort",
];

/// `@message` differs in the order of its fields where the format does.
fn comparable(query: &str, layout: &str) -> bool {
    layout != "two formats" || !query.contains("@message")
}

fn assert_same(layout: &str, query: &str, expected: &QueryResult, result: &QueryResult) {
    assert_eq!(result.to_csv(), expected.to_csv(), "{layout}: {query}");
    let counts = |r: &QueryResult| (r.statistics.records_matched, r.statistics.records_scanned);
    assert_eq!(counts(result), counts(expected), "{layout}: {query}");
}

#[test]
fn a_query_has_the_same_rows_over_every_layout_and_over_the_records_in_memory() {
    let group = group();
    for layout in LAYOUTS {
        let folder = folder(layout);
        let logs = blocking::open_files(folder.path(), None).expect("flow logs");
        assert_eq!(logs.len(), 2, "{layout}");
        for query in QUERIES
            .into_iter()
            .filter(|query| comparable(query, layout))
        {
            let expected = blocking::insights(query, &group, &options()).expect("answers");
            assert!(!expected.rows.is_empty(), "{query} tests nothing");
            let result = blocking::insights_over_files(query, &logs, &options());
            let result = result.unwrap_or_else(|error| panic!("{query}: {}", error.report()));
            if query.starts_with("fields @timestamp") {
                // Of events at one time, arrival decides: the order of the lines in the files.
                assert_eq!(result.rows.len(), expected.rows.len(), "{layout}");
            }
            assert_same(layout, query, &expected, &result);
        }
    }
}

#[test]
fn a_single_file_of_any_name_is_opened_with_the_format_given() {
    let folder = TempDir::new().expect("a temporary folder");
    write(folder.path(), "export", None, &reordered(&lines()));
    let path = folder.path().join("export");
    let error = blocking::open_files(&path, None).expect_err("what is it?");
    assert!(error.to_string().contains("export"), "{error}");
    let format = LogFormat::parse(CUSTOM).expect("a format");
    let logs = blocking::open_files(&path, Some(&format)).expect("flow logs");
    let query = QUERIES[3];
    let expected = blocking::insights(query, &group(), &options()).expect("answers");
    let result = blocking::insights_over_files(query, &logs, &options()).expect("answers");
    assert_same("one file", query, &expected, &result);
}

#[test]
fn what_cannot_be_read_is_named() {
    let folder = TempDir::new().expect("a temporary folder");
    let nothing = blocking::open_files(folder.path(), None).expect_err("nothing there");
    assert!(matches!(nothing, FilesError::NoFiles { .. }), "{nothing}");
    write(folder.path(), "good.log", None, &lines());
    fs::write(folder.path().join("bad.log.gz"), b"not gzip").expect("writes");
    let bad = blocking::open_files(folder.path(), None).expect_err("not gzip");
    assert!(bad.to_string().contains("bad.log.gz"), "{bad}");
    write(folder.path(), "bad.log.gz", None, &lines());
    let whole = fs::read(folder.path().join("bad.log.gz")).expect("reads");
    fs::write(folder.path().join("bad.log.gz"), &whole[..whole.len() / 2]).expect("writes");
    let logs = blocking::open_files(folder.path(), None).expect("its head is good");
    let cut = blocking::insights_over_files("stats count(*)", &logs, &options());
    let cut = cut.expect_err("cut");
    assert!(matches!(cut, QueryError::Unreadable(_)), "{cut:?}");
    let cut = cut.to_string();
    assert!(
        cut.starts_with("bad.log.gz: the gzip data is damaged"),
        "{cut}"
    );
}

#[test]
fn every_member_of_a_gzip_file_is_read_even_if_the_last_is_as_the_first() {
    let folder = TempDir::new().expect("a temporary folder");
    let lines = lines();
    write(folder.path(), "a.log.gz", None, &lines[..3]);
    write(folder.path(), "b.log.gz", None, &lines[3..200]);
    let member = |name: &str| fs::read(folder.path().join(name)).expect("reads");
    let (first, second) = (member("a.log.gz"), member("b.log.gz"));
    let file = folder.path().join("day.log.gz");
    fs::write(&file, [first.clone(), second, first].concat()).expect("writes");
    let logs = blocking::open_files(&file, None).expect("gzip");
    let all = QueryOptions {
        end: UnixTime::from_secs(START + 86_400),
        ..options()
    };
    let count = blocking::insights_over_files("stats count(*)", &logs, &all).expect("readable");
    assert_eq!(count.rows[0][0].as_deref(), Some("203"));
}

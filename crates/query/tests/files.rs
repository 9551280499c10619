//! Flow logs in files: the same query gives the same rows whatever holds the records.

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use datafusion::parquet::arrow::ArrowWriter;
use datafusion::parquet::basic::Compression;
use datafusion::parquet::file::properties::WriterProperties;
use flate2::write::GzEncoder;
use tempfile::TempDir;
use wirelab_flowlog::LogFormat;
use wirelab_model::UnixTime;
use wirelab_query::athena::{AthenaCatalog, AthenaOptions, Buckets, FLOW_LOGS};
use wirelab_query::{
    FilesError, LogGroup, LogSource, QueryError, QueryOptions, QueryResult, blocking,
};

const START: u64 = 1_709_596_800;

const CUSTOM: &str = "${dstport} ${srcaddr} ${interface-id} ${start} ${action} ${end} ${dstaddr} \
                      ${bytes} ${packets} ${protocol} ${srcport} ${version} ${account-id} \
                      ${log-status}";

/// Lines of the default format over twelve minutes: IPv4 and IPv6, rejects, NODATA.
fn lines() -> Vec<String> {
    let line = |n: u64| {
        let (start, eni) = (START + n * 7 % 720, n % 3);
        let end = start + 30 + n % 30;
        if n.is_multiple_of(17) {
            return format!("2 123456789012 eni-{eni} - - - - - - - {start} {end} - NODATA");
        }
        let from = if n.is_multiple_of(5) {
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

const QUERIES: [&str; 18] = [
    "stats sum(bytes) as b, count_distinct(srcPort) as ports by dstAddr, srcAddr | sort b desc | limit 9",
    "stats count(*) as n by srcAddr, dstPort, action | sort n desc, srcAddr, dstPort, action",
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
    "fields split(srcAddr, \".\") as o | unnest o into v | display srcPort, v | limit 30",
    "fields split(srcAddr, \".\") as o | unnest o into v | filter v = \"39\" | stats count(*) as n by v",
    "filter action = \"REJECT\" | accum bytes as t | display srcPort, bytes, t",
    "fields srcPort, if(dstPort = 22, bytes, missing) as b | filldown b | limit 50",
    "stats sum(bytes) as b by bin(1m) as t | sort t | accum b as total",
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
fn what_cloudwatch_has_exported_is_read_behind_the_time_of_each_event() {
    let folder = TempDir::new().expect("a temporary folder");
    let exported: Vec<String> = lines()
        .iter()
        .filter(|line| !line.starts_with("version"))
        .map(|line| format!("2024-03-05T09:00:00.000Z {line}"))
        .collect();
    write(folder.path(), "000000.gz", None, &exported);
    let logs = blocking::open_files(folder.path(), None).expect("flow logs");
    // The message is the line as it was exported.
    for query in QUERIES.iter().filter(|query| !query.contains("@message")) {
        let expected = blocking::insights(query, &group(), &options()).expect("answers");
        let result = blocking::insights_over_files(query, &logs, &options()).expect("answers");
        assert_same("an export", query, &expected, &result);
    }
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
    assert!(cut.starts_with("bad.log.gz: the file is cut off"), "{cut}");
}

#[test]
fn what_is_damaged_is_left_out_and_counted_if_somebody_wants_that() {
    let folder = TempDir::new().expect("a temporary folder");
    let path = folder.path();
    let put = |name: &str, bytes: &[u8]| fs::write(path.join(name), bytes).expect("writes");
    let halves = [&lines()[..100], &lines()[100..]];
    write(path, "good.log.gz", None, halves[0]);
    write(path, "cut.log.gz", None, halves[1]);
    let whole = fs::read(path.join("cut.log.gz")).expect("reads");
    let good = blocking::open_files(&path.join("good.log.gz"), None).expect("flow logs");
    let expected = blocking::insights_over_files("stats count(*) as n", &good, &options());
    blocking::compact(&good, &path.join("cut.parquet")).expect("writes");
    let rows = fs::read(path.join("cut.parquet")).expect("reads");
    put("cut.log.gz", &whole[..whole.len() / 2]);
    put("no.log.gz", b"not gzip");
    put("cut.parquet", &rows[..rows.len() - 9]);
    let error = blocking::open_files(path, None).expect_err("damaged");
    assert!(matches!(error, FilesError::Damaged { .. }), "{error}");
    let sources = [LogSource::Path(path.to_owned())];
    let logs = blocking::open_sound_sources(&sources, None).expect("one is sound");
    let result = blocking::insights_over_files("stats count(*) as n", &logs, &options());
    let (result, expected) = (result.expect("an answer"), expected.expect("an answer"));
    assert_eq!(result.to_csv(), expected.to_csv());
    let notes = logs.notes().join("\n");
    let said = "skipped 3 files that are damaged: cut.parquet (the Parquet file is damaged or cut \
                off: its end is not that of one), no.log.gz (not gzip, and no flow log), \
                cut.log.gz (the file is cut off: its gzip data ends early)";
    assert_eq!(notes, said);
}

/// Records of three formats: the default one, another order of it, and one with fields of its own
/// and without times.
fn formats() -> [(String, Vec<String>); 3] {
    let lines = lines();
    let own = "vpc-id action srcaddr future-field bytes".to_owned();
    let lacking = (0..20).map(|n| format!("vpc-{n} REJECT 10.9.0.{n} {n} {}", n * 10));
    let custom = LogFormat::parse(CUSTOM).expect("a format").header();
    [
        (LogFormat::default().header(), lines[..60].to_vec()),
        (custom, reordered(&lines[60..90])),
        (own, lacking.collect()),
    ]
}

const OF_FORMATS: [&str; 8] = [
    "stats count(*), sum(bytes) by srcAddr, dstAddr, action",
    "stats count(*) by ispresent(vpcId), ispresent(futureField), ispresent(logStatus)",
    "filter ispresent(dstPort) | stats count(*), sum(dstPort), min(packets) by interfaceId",
    "filter action = \"REJECT\" | stats count(*), max(bytes) by futureField",
    "fields @timestamp, @message | sort @timestamp, @message",
    "stats count(*) by @logStream, logStatus",
    "filter @message like /REJECT/ | stats count(*) by vpcId",
    "stats count(*) by bin(1h)",
];

#[test]
fn a_header_in_the_middle_of_joined_files_says_the_format_of_what_follows() {
    let folder = TempDir::new().expect("a temporary folder");
    let apart = folder.path().join("apart");
    let (mut text, mut packed) = (String::new(), Vec::new());
    for (number, (header, lines)) in formats().iter().enumerate() {
        let name = format!("{number}_20240305T0005Z_1.log.gz");
        write(&apart, &name, Some(header), lines);
        packed.extend(fs::read(apart.join(name)).expect("reads"));
        text += &format!("{header}\r\n{}\n\n{header}\n", lines.join("\n"));
    }
    let joined = folder.path().join("all_20240305T0005Z_1.log");
    let members = folder.path().join("all_20240305T0005Z_1.log.gz");
    fs::write(&joined, &text).expect("writes");
    fs::write(&members, packed).expect("writes");
    for query in OF_FORMATS {
        let expected = csv(query, &apart);
        assert_eq!(csv(query, &joined), expected, "{query}");
        assert_eq!(csv(query, &members), expected, "gzip members: {query}");
    }
    let (mut catalog, mut buckets) = (AthenaCatalog::default(), Buckets::new());
    let logs = blocking::open_files(&joined, None).expect("flow logs");
    catalog.add_logs("default", FLOW_LOGS, logs, &mut buckets);
    let sql = "SELECT action, count(vpc_id), count(future_field), sum(bytes) FROM flow_logs GROUP \
               BY 1 ORDER BY 1";
    let at = AthenaOptions::at(UnixTime::from_secs(START));
    let answer = blocking::athena(
        "SELECT count(*) FROM flow_logs",
        &mut catalog,
        &buckets,
        &at,
    );
    assert_eq!(answer.expect("an answer").to_file(), "\"_col0\"\n\"110\"\n");
    let answer = blocking::athena(sql, &mut catalog, &buckets, &at).expect("an answer");
    assert!(
        answer.to_file().contains("\"REJECT\",\"20\",\"20\""),
        "{}",
        answer.to_file()
    );
    let twice = format!("{text}version version srcaddr\n");
    fs::write(&joined, twice).expect("writes");
    let logs = blocking::open_files(&joined, None).expect("its head is good");
    let error = blocking::insights_over_files("stats count(*)", &logs, &options());
    let error = error.expect_err("a name twice").to_string();
    assert!(
        error.contains("the field `version` appears twice"),
        "{error}"
    );
}

#[test]
fn one_compact_file_and_parquet_of_several_formats_give_the_rows_of_the_text() {
    let folder = TempDir::new().expect("a temporary folder");
    let (text, rows) = (folder.path().join("text"), folder.path().join("rows"));
    fs::create_dir(&rows).expect("a fresh folder");
    for (number, (header, lines)) in formats().iter().enumerate() {
        let name = format!("{number}_20240305T0005Z_1.log");
        write(&text, &name, Some(header), lines);
        let logs = blocking::open_files(&text.join(&name), None).expect("flow logs");
        let row_file = rows.join(name.replace(".log", ".parquet"));
        let written = blocking::compact(&logs, &row_file);
        assert_eq!(written.ok(), Some(lines.len() as u64), "{name}");
    }
    let logs = blocking::open_files(&text, None).expect("flow logs");
    let compact = folder.path().join("all.parquet");
    assert_eq!(blocking::compact(&logs, &compact).ok(), Some(110));
    let again = folder.path().join("again.parquet");
    let logs = blocking::open_files(&compact, None).expect("flow logs");
    assert_eq!(blocking::compact(&logs, &again).ok(), Some(110));
    for query in OF_FORMATS {
        let expected = csv(query, &text);
        for place in [&compact, &rows, &again] {
            assert_eq!(csv(query, place), expected, "{}: {query}", place.display());
        }
    }
}

/// What a query answers over a folder or file, as CSV.
fn csv(query: &str, path: &Path) -> String {
    let logs = blocking::open_files(path, None).unwrap_or_else(|error| panic!("{error}"));
    let all = QueryOptions {
        start: UnixTime::from_secs(0),
        end: UnixTime::from_secs(u32::MAX.into()),
        ..options()
    };
    let result = blocking::insights_over_files(query, &logs, &all);
    result
        .unwrap_or_else(|error| panic!("{}", error.report()))
        .to_csv()
}

#[test]
fn what_is_no_flow_log_is_passed_over_and_named() {
    let folder = TempDir::new().expect("a temporary folder");
    let put =
        |name: &str, bytes: &[u8]| fs::write(folder.path().join(name), bytes).expect("writes");
    let default = LogFormat::default().header();
    write(folder.path(), "a.log", Some(&default), &lines()[..3]);
    put("README.md", b"# Logs of the network\n");
    put("SHA256SUMS", b"e3b0c44298fc1c149afbf4c8996fb924  a.log\n");
    put("empty.log", b"");
    put(".DS_Store", b"\0\0\0\x01Bud1");
    put("_SUCCESS", b"");
    let balancer = ["http 2018-07-02T22:23:00.186641Z app/my-lb 192.168.131.39:2817".to_owned()];
    write(folder.path(), "elb.log.gz", None, &balancer);
    write(
        folder.path(),
        "trail.json.gz",
        None,
        &["{\"Records\":[]}".to_owned()],
    );
    let other = "AWSLogs/123456789012/CloudTrail/us-east-1/2024/03/05/t.json.gz";
    write(folder.path(), other, None, &["{}".to_owned()]);
    #[cfg(unix)]
    {
        use std::os::unix::ffi::OsStrExt as _;
        let odd = std::ffi::OsStr::from_bytes(b"caf\xe9.log");
        fs::copy(folder.path().join("a.log"), folder.path().join(odd)).expect("copies");
        let link = |to: &str, name: &str| {
            std::os::unix::fs::symlink(to, folder.path().join(name)).expect("links");
        };
        link(".", "loop");
        link("nowhere", "dangling.log");
        link("a.log", "again.log");
    }
    let logs = blocking::open_files(folder.path(), None).expect("flow logs");
    let expected = if cfg!(unix) { 2 } else { 1 };
    assert_eq!(logs.len(), expected, "each once");
    let note = logs.notes().join("\n");
    let foreign = "4 files that are no flow logs: README.md, SHA256SUMS, elb.log.gz and 1 more";
    assert!(note.contains(foreign), "{note}");
    assert!(note.contains("1 file that is empty: empty.log"), "{note}");
    assert!(
        !note.contains("DS_Store") && !note.contains("CloudTrail"),
        "{note}"
    );
    if cfg!(unix) {
        assert!(note.contains("dangling.log (a link to nothing)"), "{note}");
    }
    fs::remove_file(folder.path().join("a.log")).expect("removes");
    let only_others = TempDir::new().expect("a temporary folder");
    fs::write(only_others.path().join("README"), "hello\n").expect("writes");
    let error = blocking::open_files(only_others.path(), None).expect_err("nothing");
    assert!(
        error
            .to_string()
            .contains("1 file that is no flow log: README"),
        "{error}"
    );
    let empty = blocking::open_files(&folder.path().join("empty.log"), None).expect_err("empty");
    assert!(empty.to_string().contains("is empty"), "{empty}");
}

#[test]
fn a_record_counts_at_its_start_else_its_end_else_the_time_of_its_file() {
    let folder = TempDir::new().expect("a temporary folder");
    let day = folder
        .path()
        .join("AWSLogs/123456789012/vpcflowlogs/us-east-1/2024/03/05");
    let header = Some("srcaddr start end");
    let times = [
        "10.0.0.1 1709596800 1709596850",
        "10.0.0.2 1709596801123 1709596850",
        "10.0.0.3 -1 1709596802",
        "10.0.0.4 - 1709596803",
        "10.0.0.5 - -",
        "10.0.0.6 4102444800000000 -",
    ];
    let name = "123456789012_vpcflowlogs_us-east-1_fl-1_20240305T0005Z_1a2b3c4d.log";
    write(&day, name, header, &times.map(str::to_owned));
    let query = "fields @timestamp, srcAddr | sort srcAddr";
    assert_eq!(
        csv(query, folder.path()),
        "@timestamp,srcAddr\n\
         2024-03-05 00:00:00.000,10.0.0.1\n\
         2024-03-05 00:00:01.000,10.0.0.2\n\
         2024-03-05 00:00:02.000,10.0.0.3\n\
         2024-03-05 00:00:03.000,10.0.0.4\n\
         2024-03-05 00:05:00.000,10.0.0.5\n\
         2100-01-01 00:00:00.000,10.0.0.6\n"
    );
    let logs = blocking::open_files(folder.path(), None).expect("flow logs");
    let first = QueryOptions {
        start: UnixTime::from_secs(START),
        end: UnixTime::from_secs(START + 2),
        ..options()
    };
    let result = blocking::insights_over_files("stats count(*)", &logs, &first).expect("answers");
    assert_eq!(result.rows[0][0].as_deref(), Some("3"));
    assert_eq!(logs.untimed_records(), 0, "that one counts at five past");
    let whole_day = QueryOptions {
        end: UnixTime::from_secs(START + 86_400),
        ..first
    };
    blocking::insights_over_files("stats count(*)", &logs, &whole_day).expect("answers");
    assert_eq!(logs.untimed_records(), 1);
}

#[test]
fn a_range_that_nobody_says_is_that_of_the_records() {
    let folder = TempDir::new().expect("a temporary folder");
    let line = |start: u64, bytes: u64| {
        let end = start + 5;
        format!("2 1 eni-1 10.0.0.1 10.0.0.2 1 2 6 1 {bytes} {start} {end} ACCEPT OK")
    };
    let lines = [line(START, 100), line(START + 180, 50)];
    write(folder.path(), "a.log", None, &lines);
    let filled = csv(
        "stats sum(bytes) as b by bin(1m) as t | fillmissing with 0 for b",
        folder.path(),
    );
    let rows: Vec<&str> = filled.lines().collect();
    assert_eq!(rows.len(), 5, "{filled}");
    assert!(
        rows[1].contains("00:00:00") && rows[4].contains("00:03:00"),
        "{filled}"
    );
    let start = csv("stats min(queryStartTime()) as s", folder.path());
    assert_eq!(start, format!("s\n{START}000\n"));
    let ever = QueryOptions {
        start: UnixTime::from_secs(0),
        ..options()
    };
    let logs = blocking::open_files(folder.path(), None).expect("flow logs");
    let result = blocking::insights_over_files("pattern @message | diff", &logs, &ever);
    let warnings = result.expect("an answer").warnings;
    assert!(warnings[0].report().contains("`--start`"), "{warnings:?}");
}

#[test]
fn the_day_before_all_records_is_another_than_theirs() {
    let folder = TempDir::new().expect("a temporary folder");
    write(folder.path(), "a.log", None, &lines());
    let ever = QueryOptions {
        start: UnixTime::from_secs(0),
        end: UnixTime::from_secs(u64::from(u32::MAX)),
        ..options()
    };
    for query in ["diff previousDay", "pattern @message | diff previousWeek"] {
        let logs = blocking::open_files(folder.path(), None).expect("flow logs");
        let result = blocking::insights_over_files(query, &logs, &ever).expect("an answer");
        let csv = result.to_csv();
        assert!(!csv.contains("No change"), "{csv}");
        assert!(csv.contains("New in this period"), "{csv}");
        let warned = result
            .warnings
            .iter()
            .any(|it| it.report().contains("`--start`"));
        assert!(warned, "{:?}", result.warnings);
    }
}

/// A Parquet file of so many records that compresses its pages, each with an address of its own.
fn packed(path: &Path, count: i64) {
    let numbers = |each: fn(i64) -> i64| -> ArrayRef {
        Arc::new(Int64Array::from_iter_values((0..count).map(each)))
    };
    let address = |n: i64| format!("10.{}.{}.{}", n * 7 % 251, n / 256, n % 256);
    let addresses: ArrayRef = Arc::new(StringArray::from_iter_values((0..count).map(address)));
    let start = START as i64;
    let starts: ArrayRef = Arc::new(Int64Array::from_iter_values(
        (0..count).map(|n| start + n % 500),
    ));
    let columns = [
        ("srcaddr", addresses),
        ("bytes", numbers(|n| n * 131 % 5000)),
        ("start", starts.clone()),
        ("end", starts),
    ];
    let batch = RecordBatch::try_from_iter(columns).expect("as long as each other");
    let properties = WriterProperties::builder().set_compression(Compression::SNAPPY);
    let properties = properties.set_dictionary_enabled(false).build();
    let file = fs::File::create(path).expect("new");
    let mut writer = ArrowWriter::try_new(file, batch.schema(), Some(properties)).expect("opens");
    writer.write(&batch).expect("writes");
    writer.close().expect("writes");
}

#[test]
fn a_parquet_file_with_a_damaged_page_is_named_and_left_out() {
    let folder = TempDir::new().expect("a temporary folder");
    let (good, rot) = (
        folder.path().join("good.parquet"),
        folder.path().join("rot.parquet"),
    );
    packed(&good, 300);
    packed(&rot, 3000);
    let mut bytes = fs::read(&rot).expect("reads");
    // The addresses come first.
    bytes[4000..4400].fill(0xff);
    fs::write(&rot, bytes).expect("writes");
    let logs = blocking::open_files(folder.path(), None).expect("their ends are sound");
    let query = "stats count_distinct(srcAddr) as n";
    let named = |error: String| {
        assert!(
            error.contains("rot.parquet: ") && error.contains("corrupt"),
            "{error}"
        );
        assert!(
            !error.contains("internal") && !error.contains("External"),
            "{error}"
        );
    };
    let error = blocking::insights_over_files(query, &logs, &options()).expect_err("damaged");
    assert!(matches!(error, QueryError::Unreadable(_)), "{error:?}");
    named(error.to_string());
    let elsewhere = TempDir::new().expect("a temporary folder");
    let compact = blocking::compact(&logs, &elsewhere.path().join("all.parquet"));
    named(compact.expect_err("damaged").to_string());
    let (mut catalog, mut buckets) = (AthenaCatalog::default(), Buckets::new());
    catalog.add_logs("default", FLOW_LOGS, logs, &mut buckets);
    let sql = "SELECT count(DISTINCT srcaddr) FROM flow_logs";
    let at = AthenaOptions::at(options().now);
    let error = blocking::athena(sql, &mut catalog, &buckets, &at).expect_err("damaged");
    named(error.to_string());
    let sources = [LogSource::Path(folder.path().to_owned())];
    let logs = blocking::open_sound_sources(&sources, None).expect("one is sound");
    let result = blocking::insights_over_files(query, &logs, &options()).expect("an answer");
    assert_eq!(result.to_csv(), "n\n300\n");
    let notes = logs.notes().join("\n");
    assert!(
        notes.starts_with("skipped 1 file that is damaged: rot.parquet ("),
        "{notes}"
    );
}

#[test]
fn fields_of_transit_gateways_are_numbers_and_unknown_ones_are_text() {
    let folder = TempDir::new().expect("a temporary folder");
    let header = "version tgw-attachment-id srcaddr start packets-lost-blackhole color-of-packet";
    let line = "6 tgw-attach-1 10.0.0.1 1709596800 3 blue".to_owned();
    write(folder.path(), "a.log", Some(header), &[line.clone(), line]);
    let query = "stats sum(packetsLostBlackhole) as lost by colorOfPacket, @logStream";
    let answer = "colorOfPacket,@logStream,lost\nblue,tgw-attach-1-all,6\n";
    assert_eq!(csv(query, folder.path()), answer);
    let logs = blocking::open_files(folder.path(), None).expect("flow logs");
    let notes = logs.notes().join("\n");
    assert!(notes.contains("kept as text: `color-of-packet`"), "{notes}");
}

#[test]
fn joined_files_packed_files_without_the_name_and_pipes_are_read() {
    let folder = TempDir::new().expect("a temporary folder");
    let (lines, default) = (lines(), LogFormat::default().header());
    write(folder.path(), "a.log.gz", Some(&default), &lines[..7]);
    write(folder.path(), "b.log", Some(&default), &lines[7..20]);
    let read = |name: &str| fs::read(folder.path().join(name)).expect("reads");
    let (packed, plain) = (read("a.log.gz"), read("b.log"));
    let count = "stats count(*) as n";
    let joined = folder.path().join("joined.log");
    fs::write(&joined, [&plain[..], &plain].concat()).expect("writes");
    assert_eq!(
        csv(count, &joined),
        "n\n26\n",
        "a header in the middle is no record"
    );
    let unnamed = folder.path().join("packed.log");
    fs::write(&unnamed, &packed).expect("writes");
    assert_eq!(csv(count, &unnamed), "n\n7\n");
    fs::rename(&joined, folder.path().join("named.log.gz")).expect("renames");
    assert_eq!(
        csv(count, &folder.path().join("named.log.gz")),
        "n\n26\n",
        "plain after all"
    );

    let (a, b) = (folder.path().join("a.log.gz"), folder.path().join("b.log"));
    let name = "(standard input)".to_owned();
    let pipe = LogSource::Bytes {
        name,
        bytes: packed,
    };
    let sources = [
        LogSource::Path(a.clone()),
        LogSource::Path(b),
        LogSource::Path(a),
        pipe,
    ];
    let logs = blocking::open_sources(&sources, None).expect("flow logs");
    let result = blocking::insights_over_files(count, &logs, &options()).expect("answers");
    assert_eq!(
        result.rows[0][0].as_deref(),
        Some("27"),
        "a file named twice is read once"
    );
}

#[test]
fn rows_of_stats_come_by_their_groups_and_files_of_other_times_are_not_read() {
    let folder = TempDir::new().expect("a temporary folder");
    let default = LogFormat::default().header();
    for hour in 0..8 {
        let name = format!("1_vpcflowlogs_us-east-1_fl-1_20240305T{hour:02}00Z_1.log.gz");
        let moved = |line: &String| {
            let start = START + hour * 3600;
            let values: Vec<&str> = line.split(' ').take(10).collect();
            format!("{} {start} {} ACCEPT OK", values.join(" "), start + 50)
        };
        let moved: Vec<String> = lines().iter().map(moved).collect();
        write(folder.path(), &name, Some(&default), &moved);
    }
    let logs = blocking::open_files(folder.path(), None).expect("flow logs");
    let all = QueryOptions {
        end: UnixTime::from_secs(START + 86_400),
        ..options()
    };
    let ports = blocking::insights_over_files("stats count(*) as n by dstPort", &logs, &all);
    let ports = ports.expect("answers");
    assert_eq!(
        ports.statistics.bytes_scanned,
        logs.bytes(),
        "every byte once"
    );
    let column = |result: &QueryResult| -> Vec<String> {
        result
            .rows
            .iter()
            .map(|row| row[0].clone().unwrap_or_default())
            .collect()
    };
    assert_eq!(column(&ports), ["-", "22", "53", "443"].map(str::to_owned));
    let two = blocking::insights_over_files("stats count(*) by dstPort | limit 2", &logs, &all);
    assert_eq!(column(&two.expect("answers")), ["-", "22"]);

    let hour = QueryOptions {
        start: UnixTime::from_secs(START + 6 * 3600),
        end: UnixTime::from_secs(START + 7 * 3600),
        ..options()
    };
    let some = blocking::insights_over_files("stats count(*)", &logs, &hour).expect("answers");
    assert_eq!(some.statistics.records_scanned, 2 * 399);
    assert!(
        some.statistics.bytes_scanned < logs.bytes() / 2,
        "of eight files three"
    );
}

#[test]
fn words_for_numbers_and_fields_that_nobody_sees_are_doubted() {
    let group = group();
    for (query, hint) in [
        ("filter protocol = \"tcp\"", Some("write `protocol = 6`")),
        ("filter \"UDP\" = protocol", Some("write `protocol = 17`")),
        ("filter dstPort = \"ssh\"", Some("22 is SSH, 443 is HTTPS")),
        ("filter protocol = \"6\"", None),
        (
            "parse @message \"* *\" as a, b | limit 3",
            Some("add `| display a, b`"),
        ),
        ("parse @message \"* *\" as a, b | filter a = 2", None),
        ("parse @message \"* *\" as a, b | display b", None),
        ("fields srcAddr | parse @message \"* *\" as a, b", None),
    ] {
        let result = blocking::insights(query, &group, &options()).expect("answers");
        let hints: Vec<&str> = result
            .warnings
            .iter()
            .filter_map(|w| w.hint.as_deref())
            .collect();
        assert_eq!(hints, hint.into_iter().collect::<Vec<_>>(), "{query}");
    }
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

#[test]
fn a_line_cut_short_or_with_more_behind_it_has_the_same_values_in_both_languages() {
    let folder = TempDir::new().expect("a temporary folder");
    let lines = [
        "2 123456789010 eni-1 10.0.0.1 10.0.2.7 1025 22 6 1 101 1709629441 1709629491 ACCEPT OK ",
        "2 123456789010 eni-1 10.0.0.2 10.0.2.7 1025 22 6 1 102 1709629441 1709629491 ACCEPT OK x y",
        "2 123456789010 eni-1 10.0.0.3 10.0.2.7 1025 22 6 1 103 17",
    ];
    let default = LogFormat::default().header();
    write(
        folder.path(),
        "a.log",
        Some(&default),
        &lines.map(str::to_owned),
    );
    let query = "stats sum(bytes) as b, count(*) as n by srcAddr | sort srcAddr";
    let expected = "srcAddr,b,n\n10.0.0.1,101,1\n10.0.0.2,102,1\n10.0.0.3,103,1\n";
    assert_eq!(csv(query, folder.path()), expected);
}

#[test]
fn where_there_are_no_log_groups_a_source_is_told_so() {
    let folder = TempDir::new().expect("a temporary folder");
    write(folder.path(), "a.log", None, &lines());
    let logs = blocking::open_files(folder.path(), None).expect("flow logs");
    let query = "SOURCE logGroups(namePrefix: [\"x\"]) | stats count(*)";
    let error = blocking::insights_over_files(query, &logs, &options()).expect_err("no group");
    assert!(
        error.report().contains("there are no log groups here"),
        "{}",
        error.report()
    );
}

#[test]
fn tabs_and_commas_stand_between_values_as_spaces_do() {
    let folder = TempDir::new().expect("a folder");
    let header = LogFormat::default().header();
    for (name, sign) in [("spaces.log", " "), ("tabs.tsv", "\t"), ("commas.csv", ",")] {
        let lines = lines()
            .iter()
            .map(|line| line.replace(' ', sign))
            .collect::<Vec<_>>();
        write(
            folder.path(),
            name,
            Some(&header.replace(' ', sign)),
            &lines,
        );
        write(folder.path(), &format!("bare-{name}"), None, &lines);
    }
    let query = "stats count(*), sum(bytes) by action, srcAddr";
    let expected = csv(query, &folder.path().join("spaces.log"));
    assert!(expected.contains("REJECT,10.0.1."), "{expected}");
    for name in ["tabs.tsv", "commas.csv", "bare-tabs.tsv", "bare-commas.csv"] {
        assert_eq!(csv(query, &folder.path().join(name)), expected, "{name}");
    }
}

#[test]
fn lines_that_do_not_fit_their_format_are_counted_and_their_file_is_named() {
    let folder = TempDir::new().expect("a folder");
    let mut lines = lines();
    write(folder.path(), "whole.log", None, &lines);
    lines[3] = "2 123456789012 eni-1".to_owned();
    let path = folder.path().join("cut.log");
    write(folder.path(), "cut.log", None, &lines);
    let ever = QueryOptions {
        start: UnixTime::from_secs(0),
        end: UnixTime::from_secs(u32::MAX.into()),
        ..options()
    };
    let asked = |path: &Path| {
        let logs = blocking::open_files(path, None).expect("flow logs");
        // Twice over the same files: what is met again is not counted again.
        for _ in 0..2 {
            blocking::insights_over_files("stats count(*)", &logs, &ever).expect("an answer");
        }
        logs.misfits()
    };
    assert_eq!(asked(&folder.path().join("whole.log")), None);
    let one = asked(&path).expect("a line to tell of");
    assert!(
        one.starts_with("1 line has 3 fields instead of 14, in "),
        "{one}"
    );
    assert!(one.ends_with("cut.log: what it lacks is empty"), "{one}");
    let longer = ["2 1 eni-1 - - - - - - - 0 1 - NODATA more".to_owned()];
    write(
        folder.path(),
        "long.log",
        Some(&LogFormat::default().header()),
        &longer,
    );
    let long = asked(&folder.path().join("long.log")).expect("a line to tell of");
    assert!(
        long.ends_with("long.log: what it has more is not read"),
        "{long}"
    );
    fs::remove_file(folder.path().join("long.log")).expect("removes");
    lines[9] += " more";
    write(folder.path(), "cut.log", None, &lines);
    let two = asked(folder.path()).expect("a line to tell of");
    assert!(
        two.starts_with("2 lines have another number of fields"),
        "{two}"
    );
}

//! Files of every kind, ours and those of others.

use std::process::Command;

use wirelab_flowlog::read::{Encoding, LogText};
use wirelab_flowlog::s3::{self, Location, LogKey};
use wirelab_flowlog::{Field, LogFormat, parquet, parse_line};
use wirelab_model::{
    DestinationOptions, FlowLogFileFormat, FlowLogId, FlowMetadata, FlowRecord, UnixTime,
};

/// Every field that a record can have, in an order of its own, tags and reject reason included.
fn every_field() -> LogFormat {
    let simulated = |field: &&Field| !matches!(field.version(), 6 | 7);
    let names: Vec<_> = Field::ALL.iter().rev().filter(simulated).collect();
    let header: String = names.iter().map(|it| format!("{it} ")).collect();
    LogFormat::from_header(&header).expect("fields")
}

const ACCEPT: &str = "2 123456789010 eni-1235b8ca123456789 172.31.16.139 172.31.16.21 20641 22 6 \
                      20 4249 1418530010 1418530070 ACCEPT OK";
const NODATA: &str =
    "2 123456789010 eni-1235b8ca123456789 - - - - - - - 1431280876 1431280934 - NODATA";

fn records() -> Vec<FlowRecord> {
    let format = LogFormat::default();
    let mut records: Vec<_> = [ACCEPT, NODATA, ACCEPT]
        .map(|line| parse_line(&format, line).and_then(|it| it.to_flow_record()))
        .map(|it| it.expect("a record"))
        .into();
    for record in &mut records {
        record.place.region = "us-east-1".into();
    }
    let metadata = || FlowMetadata {
        interface_type: Some("nat_gateway".into()),
        interface_tags: [Some("my-app/100% é".into()), None],
        encryption_status: Some(1),
        ..FlowMetadata::default()
    };
    records[0].metadata = Some(Box::new(metadata()));
    records[2].metadata = Some(Box::default());
    records[2].flow.as_mut().expect("traffic").packets = u64::from(u32::MAX) + 1;
    records
}

fn text(format: &LogFormat, records: &[FlowRecord]) -> String {
    let mut text = format.header() + "\n";
    for record in records {
        format.write_line(record, &mut text);
        text.push('\n');
    }
    text
}

#[test]
fn text_gzip_and_parquet_hold_the_same_records_in_every_field() {
    let format = every_field();
    let text = text(&format, &records());
    assert!(text.contains("my%2Dapp%2F100%25%20%C3%A9"), "{text}");
    let files = [
        (Encoding::Plain, text.clone().into_bytes()),
        (Encoding::Gzip, s3::gzip(text.as_bytes())),
        (Encoding::Parquet, parquet::write(&format, &records())),
    ];
    for (encoding, bytes) in files {
        let file = LogText::from_bytes(&bytes, None).expect("our own file");
        assert_eq!((file.encoding(), file.format()), (encoding, &format));
        let mut read = file.to_flow_records().expect("records");
        // A line without traffic does not say where its interface is.
        read[1].place.region = "us-east-1".into();
        assert_eq!(read, records(), "{encoding:?}");
        let lines = file.lines().map(|(_, line)| line);
        assert_eq!(
            lines.collect::<Vec<_>>(),
            text.lines().skip(1).collect::<Vec<_>>()
        );
    }
}

#[test]
fn each_layout_has_its_folders_and_every_key_is_read_back() {
    let mut keys = Vec::new();
    for (prefix, hive, hourly, file_format) in [
        ("", false, false, FlowLogFileFormat::PlainText),
        ("team/net", false, true, FlowLogFileFormat::PlainText),
        ("", true, false, FlowLogFileFormat::Parquet),
        ("AWSLogs-old", true, true, FlowLogFileFormat::Parquet),
    ] {
        let location = Location {
            prefix: prefix.into(),
            account: "123456789012".into(),
            region: "us-gov-west-1".into(),
            flow_log: FlowLogId::new("fl-0123456789abcdef0"),
            options: DestinationOptions {
                file_format,
                hive_compatible_partitions: hive,
                per_hour_partition: hourly,
            },
        };
        let published = UnixTime::from_secs(1_418_530_800);
        let files = s3::files(&location, &every_field(), published, &records()[..1]);
        let key = LogKey::parse(&files[0].key).expect("our own key");
        assert_eq!((key.location, key.slot), (location, files[0].slot));
        let again = LogText::from_bytes(&files[0].bytes, None).expect("our own file");
        assert_eq!(again.to_flow_records().expect("records"), records()[..1]);
        keys.push(files[0].key.clone());
    }
    insta::assert_snapshot!(keys.join("\n"), @r#"
    AWSLogs/123456789012/vpcflowlogs/us-gov-west-1/2014/12/14/123456789012_vpcflowlogs_us-gov-west-1_fl-0123456789abcdef0_20141214T0405Z_c886ad93.log.gz
    team/net/AWSLogs/123456789012/vpcflowlogs/us-gov-west-1/2014/12/14/04/123456789012_vpcflowlogs_us-gov-west-1_fl-0123456789abcdef0_20141214T0405Z_c886ad93.log.gz
    AWSLogs/aws-account-id=123456789012/aws-service=vpcflowlogs/aws-region=us-gov-west-1/year=2014/month=12/day=14/123456789012_vpcflowlogs_us-gov-west-1_fl-0123456789abcdef0_20141214T0405Z_c886ad93.log.parquet
    AWSLogs-old/AWSLogs/aws-account-id=123456789012/aws-service=vpcflowlogs/aws-region=us-gov-west-1/year=2014/month=12/day=14/hour=04/123456789012_vpcflowlogs_us-gov-west-1_fl-0123456789abcdef0_20141214T0405Z_c886ad93.log.parquet
    "#);
}

#[test]
fn a_key_of_something_else_is_refused_with_the_reason() {
    let name = "123456789012_vpcflowlogs_us-east-1_fl-1234abcd_20180620T1620Z_fe123456.log.gz";
    let folder = "AWSLogs/123456789012/vpcflowlogs/us-east-1/2018/06/20";
    assert!(LogKey::parse(&format!("{folder}/{name}")).is_ok());
    let refuse = |key: String| LogKey::parse(&key).expect_err("no key").to_string();
    insta::assert_snapshot!(
        [
            refuse(format!("logs/{name}")),
            refuse(format!("{}/{name}", folder.replace("06/20", "06/21"))),
            refuse(format!("{folder}/{}", name.replace("0620T1620", "0631T1620"))),
            refuse(format!("{folder}/{}", name.replace("T1620", "T1621"))),
            refuse(format!("{folder}/{}", name.replace("vpcflow", "dns"))),
            refuse("été/AWSLogs/é_é_é_é_é12345678T1234Z_é.log.gz".to_owned()),
        ]
        .join("\n"),
        @r#"
    `logs/123456789012_vpcflowlogs_us-east-1_fl-1234abcd_20180620T1620Z_fe123456.log.gz` is not the key of a flow-log file: its folders have no `AWSLogs` among them
    `AWSLogs/123456789012/vpcflowlogs/us-east-1/2018/06/21/123456789012_vpcflowlogs_us-east-1_fl-1234abcd_20180620T1620Z_fe123456.log.gz` is not the key of a flow-log file: by its name it would be in `AWSLogs/123456789012/vpcflowlogs/us-east-1/2018/06/20/`
    `AWSLogs/123456789012/vpcflowlogs/us-east-1/2018/06/20/123456789012_vpcflowlogs_us-east-1_fl-1234abcd_20180631T1620Z_fe123456.log.gz` is not the key of a flow-log file: a name is `ACCOUNT_vpcflowlogs_REGION_FLOWLOG_yyyyMMddTHHmmZ_HASH.log.gz`, minutes a multiple of five
    `AWSLogs/123456789012/vpcflowlogs/us-east-1/2018/06/20/123456789012_vpcflowlogs_us-east-1_fl-1234abcd_20180620T1621Z_fe123456.log.gz` is not the key of a flow-log file: a name is `ACCOUNT_vpcflowlogs_REGION_FLOWLOG_yyyyMMddTHHmmZ_HASH.log.gz`, minutes a multiple of five
    `AWSLogs/123456789012/vpcflowlogs/us-east-1/2018/06/20/123456789012_dnslogs_us-east-1_fl-1234abcd_20180620T1620Z_fe123456.log.gz` is not the key of a flow-log file: a name is `ACCOUNT_vpcflowlogs_REGION_FLOWLOG_yyyyMMddTHHmmZ_HASH.log.gz`, minutes a multiple of five
    `été/AWSLogs/é_é_é_é_é12345678T1234Z_é.log.gz` is not the key of a flow-log file: a name is `ACCOUNT_vpcflowlogs_REGION_FLOWLOG_yyyyMMddTHHmmZ_HASH.log.gz`, minutes a multiple of five
    "#
    );
}

#[test]
fn files_of_others_are_read_whatever_their_line_ends_members_and_marks() {
    let lines = |bytes: &[u8]| {
        let file = LogText::from_bytes(bytes, None).expect("a log");
        assert_eq!(file.to_flow_records().expect("records").len(), 2);
        file.lines().map(|(number, _)| number).collect::<Vec<_>>()
    };
    let header = LogFormat::default().header();
    let crlf = format!("\u{feff}{header}\r\n{ACCEPT}\r\n\r\n{NODATA}\r\n");
    assert_eq!(lines(crlf.as_bytes()), [2, 4]);
    let member = |text: &str| s3::gzip(text.as_bytes());
    let two = [member(&format!("{header}\n{ACCEPT}\n")), member(NODATA)].concat();
    assert_eq!(lines(&two), [2, 3]);
    // Three equal members: the last one's length and checksum are those of the first.
    let same = member(&format!("{ACCEPT}\n"));
    let three = LogText::from_bytes(&[same.clone(), same.clone(), same].concat(), None);
    assert_eq!(three.expect("a log").lines().count(), 3);
}

#[test]
fn a_broken_file_says_what_is_wrong_and_where() {
    let header = LogFormat::default().header();
    let text = format!("{header}\n{ACCEPT}\n{}", format!("{NODATA}\n").repeat(5000));
    let whole = s3::gzip(text.as_bytes());
    let mut bent = whole.clone();
    bent[whole.len() - 6] ^= 1;
    let refuse = |bytes: &[u8]| {
        LogText::from_bytes(bytes, None)
            .expect_err("broken")
            .to_string()
    };
    let cut = refuse(&whole[..whole.len() - 100]);
    assert!(
        cut.starts_with("the file is cut off: its gzip data ends early, after "),
        "{cut}"
    );
    insta::assert_snapshot!(
        [
            refuse(&[0x1f, 0x8b, 8, 0, 0]),
            refuse(&bent),
            refuse(b"version srcaddr\n2 10.0.0.1\n2 \xff\n"),
            refuse(b"version srcaddr dst-addr\n"),
            refuse(b"2 123456789010 eni-1 10.0.0.1"),
            refuse(b"PAR1 and no more"),
        ]
        .join("\n"),
        @r#"
    the file is cut off: its gzip data ends early, after 0 lines of text
    the gzip data is damaged after 5002 lines of text: corrupt gzip stream does not have a matching checksum
    line 3 is not text
    line 1 looks like a header: unknown field `dst-addr`; did you mean `dstaddr`?
    line 1 is neither a header nor a record of the default format: `2 123456789010 eni-1 10.0.0.1`; name the format, such as `${version} ${srcaddr}`
    the Parquet data cannot be read: Parquet error: Invalid Parquet file. Corrupt footer
    "#
    );
    let bad = format!(
        "{header}\n{ACCEPT}\n{}\n",
        ACCEPT.replace("ACCEPT", "MAYBE")
    );
    let file = LogText::from_bytes(bad.as_bytes(), None).expect("a header");
    let (line, error) = file.to_flow_records().expect_err("a bad line");
    assert_eq!(
        (line, error.to_string().as_str()),
        (3, "`MAYBE` is not a value of `action`")
    );
}

/// Found by fuzzing: pages that make the Parquet library panic.
#[test]
fn a_parquet_file_that_contradicts_itself_is_an_error() {
    let file = include_bytes!("../../../fuzz/corpus/records/contradiction.log.parquet");
    let error = LogText::from_bytes(file, None).expect_err("damaged");
    let message = "the Parquet data cannot be read: its pages contradict each other";
    assert_eq!(error.to_string(), message);
}

/// Runs a Python program on a file; `None` with a word about it if a module is not there.
fn python(modules: &str, program: &str, file: &[u8]) -> Option<String> {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("records.parquet");
    std::fs::write(&path, file).expect("a file");
    let python = std::env::var_os("WIRELAB_PYTHON").unwrap_or_else(|| "python3".into());
    let import = format!("import {modules}");
    let there = Command::new(&python).args(["-c", &import]).output();
    if !there.is_ok_and(|it| it.status.success()) {
        eprintln!("skipped: Python without {modules} (WIRELAB_PYTHON names another Python)");
        return None;
    }
    let output = Command::new(&python)
        .args(["-c", &format!("{import}\n{program}")])
        .arg(&path)
        .output()
        .expect("Python runs");
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{error}");
    Some(String::from_utf8(output.stdout).expect("text"))
}

const INTEROP: &str = "${version} ${srcaddr} ${srcport} ${packets} ${start} ${log-status} \
                       ${interface-tag} ${encryption-status}";

#[test]
fn pyarrow_reads_our_parquet_with_the_documented_types() {
    let format = LogFormat::parse(INTEROP).expect("a format");
    let program = "import sys, pyarrow.parquet as p\n\
                   t = p.read_table(sys.argv[1])\n\
                   print([(c.name, str(c.type)) for c in t.schema])\n\
                   for row in t.to_pylist(): print(list(row.values()))\n\
                   print({p.ParquetFile(sys.argv[1]).metadata.row_group(0).column(1).compression})";
    let Some(seen) = python("pyarrow", program, &parquet::write(&format, &records())) else {
        return;
    };
    insta::assert_snapshot!(seen, @r#"
    [('version', 'int32'), ('srcaddr', 'string'), ('srcport', 'int32'), ('packets', 'int64'), ('start', 'int64'), ('log_status', 'string'), ('interface_tag', 'string'), ('encryption_status', 'int32')]
    [11, '172.31.16.139', 20641, 20, 1418530010, 'OK', 'my%2Dapp%2F100%25%20%C3%A9', 1]
    [11, None, None, None, 1431280876, 'NODATA', None, None]
    [11, '172.31.16.139', 20641, 4294967296, 1418530010, 'OK', None, None]
    {'SNAPPY'}
    "#);
}

#[test]
fn duckdb_reads_our_parquet_and_we_read_its() {
    let format = LogFormat::parse(INTEROP).expect("a format");
    let program = "import os, sys\n\
                   f = sys.argv[1]\n\
                   q = f\"copy (select packets as PACKETS, srcaddr, srcport::usmallint as srcport, \
                   1.5 as more, log_status from '{f}' where srcaddr is not null) to '{f}.2' (format parquet)\"\n\
                   print(duckdb.sql(f\"select count(*), sum(packets), count(srcport) \
                   from '{f}'\").fetchall())\n\
                   duckdb.sql(q)\n\
                   print(open(f + '.2', 'rb').read().hex())";
    let Some(seen) = python("duckdb", program, &parquet::write(&format, &records())) else {
        return;
    };
    let (counts, file) = seen.trim().split_once('\n').expect("two lines");
    assert_eq!(counts, "[(3, 4294967316, 2)]");
    let file: Vec<u8> = file
        .as_bytes()
        .chunks(2)
        .map(|it| u8::from_str_radix(&String::from_utf8_lossy(it), 16).expect("hex"))
        .collect();
    let read = LogText::from_bytes(&file, None).expect("DuckDB's file");
    assert_eq!(read.format().header(), "packets srcaddr srcport log-status");
    let lines: Vec<_> = read.lines().collect();
    assert_eq!(lines[0], (1, "20 172.31.16.139 20641 OK"));
    assert_eq!(lines[1], (2, "4294967296 172.31.16.139 20641 OK"));
}

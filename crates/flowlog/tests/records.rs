//! Records written and read back, and the forms that the user guide shows.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use proptest::prelude::*;
use wirelab_flowlog::read::{LogText, ReadError};
use wirelab_flowlog::s3::{self, Destination, DestinationError, Location};
use wirelab_flowlog::{
    Field, FormatError, LineError, LogFormat, parse_line, records_traffic, stream_name,
    timestamp_ms,
};
use wirelab_model::{
    DestinationOptions, Flow, FlowAction, FlowDirection, FlowLogId, FlowRecord, InstanceId,
    LogStatus, NetworkInterfaceId, Place, SubnetId, TcpFlags, TrafficPath, TrafficType, UnixTime,
    VpcId,
};

const V5: &str = "${version} ${account-id} ${interface-id} ${srcaddr} ${dstaddr} ${srcport} \
                  ${dstport} ${protocol} ${packets} ${bytes} ${start} ${end} ${action} \
                  ${log-status} ${vpc-id} ${subnet-id} ${instance-id} ${tcp-flags} ${type} \
                  ${pkt-srcaddr} ${pkt-dstaddr} ${region} ${az-id} ${sublocation-type} \
                  ${sublocation-id} ${pkt-src-aws-service} ${pkt-dst-aws-service} \
                  ${flow-direction} ${traffic-path}";

/// The user guide's example "Accepted and rejected traffic": SSH allowed.
const GUIDE_ACCEPT: &str = "2 123456789010 eni-1235b8ca123456789 172.31.16.139 172.31.16.21 20641 \
                            22 6 20 4249 1418530010 1418530070 ACCEPT OK";
/// The user guide's example "No data and skipped records".
const GUIDE_NODATA: &str =
    "2 123456789010 eni-1235b8ca123456789 - - - - - - - 1431280876 1431280934 - NODATA";

fn place() -> Place {
    Place {
        vpc_id: Some(VpcId::new("vpc-0123456789abcdef0")),
        subnet_id: Some(SubnetId::new("subnet-0123456789abcdef0")),
        instance_id: Some(InstanceId::new("i-0123456789abcdef0")),
        region: "us-east-1".into(),
        az_id: Some("use1-az1".into()),
    }
}

fn print(format: &LogFormat, record: &FlowRecord) -> String {
    let mut line = String::new();
    format.write_line(record, &mut line);
    line
}

#[test]
fn lines_of_the_user_guide_come_back_as_they_were() {
    let format = LogFormat::default();
    for line in [GUIDE_ACCEPT, GUIDE_NODATA] {
        let parsed = parse_line(&format, line).expect("14 values");
        let record = parsed.to_flow_record().expect("a record");
        assert_eq!(print(&format, &record), line);
    }
}

#[test]
fn a_custom_format_has_the_version_of_its_newest_field() {
    let parse = |text| LogFormat::parse(text).expect("a format");
    assert_eq!(parse("${srcaddr} ${dstaddr}").version(), 2);
    assert_eq!(parse("${version} ${traffic-path} ${vpc-id}").version(), 5);
    assert_eq!(parse("${interface-type} ${vpc-id}").version(), 11);
    assert_eq!(parse(V5).to_string(), V5);
}

#[test]
fn a_bad_format_is_refused_with_the_name_that_was_meant() {
    let refuse = |text| LogFormat::parse(text).expect_err(text).to_string();
    insta::assert_snapshot!(
        [
            refuse("${srcaddr} ${dst-addr}"),
            refuse("${pktSrcAddr}"),
            refuse("${colour}"),
            refuse("srcaddr dstaddr"),
            refuse("${srcaddr} ${srcaddr}"),
            refuse("  "),
        ]
        .join("\n"),
        @r"
    unknown field `dst-addr`; did you mean `dstaddr`?
    unknown field `pktSrcAddr`; did you mean `pkt-srcaddr`?
    unknown field `colour`
    `srcaddr` is not a field; fields are written `${srcaddr}`, separated by spaces
    field `srcaddr` appears twice
    a log format needs at least one field, such as `${srcaddr}`
    "
    );
    assert!(matches!(
        LogFormat::parse("${colour}"),
        Err(FormatError::UnknownField { nearest: None, .. })
    ));
}

#[test]
fn a_line_that_does_not_fit_says_what_is_wrong() {
    let format = LogFormat::default();
    let short = parse_line(&format, "2 123 eni-1").expect_err("3 values");
    assert_eq!(
        short,
        LineError::WrongCount {
            found: 3,
            expected: 14
        }
    );
    let port = GUIDE_ACCEPT.replace(" 22 ", " 70000 ");
    let port = parse_line(&format, &port)
        .expect("14 values")
        .to_flow_record();
    assert_eq!(
        port.expect_err("no such port").to_string(),
        "`70000` is not a value of `dstport`"
    );
    let bytes = GUIDE_ACCEPT.replace(" 4249 ", " - ");
    let bytes = parse_line(&format, &bytes)
        .expect("14 values")
        .to_flow_record();
    assert_eq!(bytes, Err(LineError::Missing(Field::Bytes)));
}

#[test]
fn an_interface_has_one_stream_named_after_the_traffic_type() {
    let eni = NetworkInterfaceId::new("eni-1235b8ca123456789");
    let names = [TrafficType::All, TrafficType::Accept, TrafficType::Reject]
        .map(|traffic| stream_name(&eni, traffic));
    assert_eq!(
        names,
        [
            "eni-1235b8ca123456789-all",
            "eni-1235b8ca123456789-accept",
            "eni-1235b8ca123456789-reject"
        ]
    );
    let record = record_of(GUIDE_ACCEPT);
    assert_eq!(timestamp_ms(&record), 1_418_530_010_000);
    assert!(!records_traffic(TrafficType::Reject, &record));
    assert!(records_traffic(
        TrafficType::Reject,
        &record_of(GUIDE_NODATA)
    ));
}

fn record_of(line: &str) -> FlowRecord {
    let format = LogFormat::default();
    let record = parse_line(&format, line).expect("14 values");
    record.to_flow_record().expect("a record")
}

const PUBLISHED: UnixTime = UnixTime::from_nanos(1_529_512_500_000_000_000);

fn location() -> Location {
    Location {
        prefix: "".into(),
        account: "123456789012".into(),
        region: "us-east-1".into(),
        flow_log: FlowLogId::new("fl-1234abcd"),
        options: DestinationOptions::default(),
    }
}

#[test]
fn files_hold_the_records_that_end_in_five_minutes_of_utc() {
    let mut records = Vec::new();
    // 20 June 2018, 16:20:00 to 16:24:59 is the user guide's example of a file.
    for end in [1_529_511_900, 1_529_511_599, 1_529_511_600, 1_529_511_899] {
        let mut record = record_of(GUIDE_ACCEPT);
        record.end = UnixTime::from_secs(end);
        records.push(record);
    }
    let format = LogFormat::default();
    let files = s3::files(&location(), &format, PUBLISHED, &records);
    let folder = "AWSLogs/123456789012/vpcflowlogs/us-east-1/2018/06/20/";
    let names = files.iter().map(|file| {
        let name = file.key.strip_prefix(folder).expect("the day's folder");
        format!("{} in {name}", file.records)
    });
    insta::assert_debug_snapshot!(names.collect::<Vec<_>>(), @r#"
    [
        "1 in 123456789012_vpcflowlogs_us-east-1_fl-1234abcd_20180620T1615Z_0904826a.log.gz",
        "2 in 123456789012_vpcflowlogs_us-east-1_fl-1234abcd_20180620T1620Z_73c229df.log.gz",
        "1 in 123456789012_vpcflowlogs_us-east-1_fl-1234abcd_20180620T1625Z_dc45cbbf.log.gz",
    ]
    "#);
    assert_eq!(files, s3::files(&location(), &format, PUBLISHED, &records));

    let text = LogText::from_bytes(&files[1].bytes, None).expect("our own file");
    let ends: Vec<_> = text
        .records()
        .map(|(line, record)| (line, record.expect("a line").get(Field::End)))
        .collect();
    assert_eq!(ends, [(2, Some("1529511600")), (3, Some("1529511899"))]);
}

#[test]
fn the_real_gunzip_reads_our_files() {
    use std::io::Write as _;
    let format = LogFormat::default();
    let files = s3::files(&location(), &format, PUBLISHED, [&record_of(GUIDE_ACCEPT)]);
    let mut gunzip = std::process::Command::new("gzip")
        .args(["-d", "-c"])
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .expect("gzip is installed");
    let mut stdin = gunzip.stdin.take().expect("piped");
    stdin.write_all(&files[0].bytes).expect("gzip reads");
    drop(stdin);
    let output = gunzip.wait_with_output().expect("gzip ends");
    let text = String::from_utf8(output.stdout).expect("text");
    assert_eq!(text, format!("{}\n{GUIDE_ACCEPT}\n", format.header()));
}

#[test]
fn the_format_of_a_file_is_found_or_asked_for() {
    let read = |text: &str| LogText::from_bytes(text.as_bytes(), None);
    let custom = read("dstaddr srcaddr\n10.0.0.1 10.0.0.2\n\n").expect("a header");
    assert_eq!(custom.format().fields(), [Field::DstAddr, Field::SrcAddr]);
    assert_eq!(
        custom.lines().collect::<Vec<_>>(),
        [(2, "10.0.0.1 10.0.0.2")]
    );
    let bare = read(GUIDE_ACCEPT).expect("the default format");
    assert_eq!(bare.lines().count(), 1);
    assert!(matches!(
        read("hello"),
        Err(ReadError::UnknownFormat { .. })
    ));
}

#[test]
fn a_destination_is_a_bucket_with_or_without_a_folder() {
    let folder = Destination::from_arn("arn:aws:s3:::flow-logs/team/net/").expect("an ARN");
    assert_eq!(
        (&*folder.bucket, &*folder.prefix),
        ("flow-logs", "team/net")
    );
    let reserved = Destination::from_arn("arn:aws:s3:::flow-logs/AWSLogs/");
    assert_eq!(reserved, Err(DestinationError::Reserved));
    for wrong in [
        "flow-logs",
        "arn:aws:s3:::",
        "arn:aws:sns:us-east-1:1:topic",
    ] {
        assert!(Destination::from_arn(wrong).is_err(), "{wrong}");
    }
}

fn addresses(v6: bool) -> BoxedStrategy<IpAddr> {
    if v6 {
        any::<u128>()
            .prop_map(|bits| Ipv6Addr::from(bits).into())
            .boxed()
    } else {
        any::<u32>()
            .prop_map(|bits| Ipv4Addr::from(bits).into())
            .boxed()
    }
}

prop_compose! {
    fn flows()(v6 in any::<bool>())(
        addrs in proptest::array::uniform4(addresses(v6)),
        ports in any::<(u16, u16)>(),
        counts in (0..1_u64 << 63, 0..1_u64 << 63),
        protocol in any::<u8>(),
        accept in any::<bool>(),
        egress in any::<bool>(),
        flags in any::<u8>(),
        service in proptest::option::of(Just("S3".into())),
    ) -> Flow {
        Flow {
            srcaddr: addrs[0],
            dstaddr: addrs[1],
            pkt_srcaddr: addrs[2],
            pkt_dstaddr: addrs[3],
            srcport: ports.0,
            dstport: ports.1,
            protocol,
            packets: counts.0,
            bytes: counts.1,
            action: if accept { FlowAction::Accept } else { FlowAction::Reject },
            direction: if egress { FlowDirection::Egress } else { FlowDirection::Ingress },
            tcp_flags: TcpFlags(flags),
            traffic_path: egress.then_some(TrafficPath::InternetGatewayNitro),
            pkt_src_aws_service: service,
            pkt_dst_aws_service: None,
        }
    }
}

proptest! {
    #[test]
    fn a_record_in_version_5_comes_back_whole(
        flow in flows(),
        start in 0_u64..4_000_000_000,
        secs in 0_u64..600,
    ) {
        let record = FlowRecord {
            account_id: "123456789012".into(),
            interface_id: NetworkInterfaceId::new("eni-0123456789abcdef0"),
            log_status: LogStatus::Ok,
            start: UnixTime::from_secs(start),
            end: UnixTime::from_secs(start + secs),
            flow: Some(flow),
            place: place(),
            metadata: None,
        };
        let format = LogFormat::parse(V5).expect("version 5");
        let line = print(&format, &record);
        prop_assert_eq!(parse_line(&format, &line).and_then(|r| r.to_flow_record()), Ok(record));
    }

    #[test]
    fn no_bytes_make_the_reader_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        if let Ok(text) = LogText::from_bytes(&bytes, None) {
            for (_, record) in text.records() {
                let _ = record.map(|record| record.to_flow_record());
            }
        }
    }
}

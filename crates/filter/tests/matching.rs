//! The machine held against libpcap's own, and against tcpdump.

use std::path::{Path, PathBuf};
use std::process::Command;

use pcap::{Capture, Linktype};
use proptest::prelude::*;
use wirelab_filter::savefile::Reader;
use wirelab_filter::{Filter, FilterError, LinkType, lints};

fn golden(name: &str) -> PathBuf {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/golden/kernel");
    Path::new(folder).join(name)
}

/// Traces of every kind, small ones.
const TRACES: [&str; 8] = [
    "http-get-9001.client.pcap",
    "pmtud-9001-1500.server.pcap",
    "ping-9001-through-1500.client.pcap",
    "dns-trunc.client.pcap",
    "vxlan-mirror.target.pcap",
    "tcp-ecn.client.pcap",
    "reject-udp-ratelimit.client.pcap",
    "noroute-arp-unanswered.client.pcap",
];

const EXPRESSIONS: [&str; 22] = [
    "",
    "arp",
    "ip and tcp",
    "tcp port 80 or udp port 53",
    "tcp[tcpflags] & (tcp-syn|tcp-fin|tcp-rst) != 0",
    "tcp[13] & 2 != 0 and tcp[13] & 16 == 0",
    "icmp[icmptype] == icmp-unreach and icmp[icmpcode] == 4",
    "icmp and icmp[6:2] < 1500",
    "ip[6:2] & 0x3fff != 0",
    "ip[6:2] & 0x1fff != 0",
    "src net 10.0.1.0/24 and not port 22",
    "dst host 10.0.2.20",
    "greater 1000",
    "less 100",
    "len > 1514",
    "ip[2:2] > 1500",
    "ip[8] < 64",
    "udp and ip[2:2] - 28 >= 512",
    "tcp[((tcp[12] & 0xf0) >> 2):4] = 0x47455420",
    "portrange 30000-61000 and tcp[14:2] = 0",
    "ether broadcast or ether multicast",
    "(ip[0] & 0xf) * 4 != 20 or ip[1] & 3 = 2",
];

fn kept(expression: &str, trace: &str) -> usize {
    let filter = Filter::compile(expression, LinkType::ETHERNET).expect("a good expression");
    let mut reader = Reader::open(&golden(trace)).expect("a trace");
    let mut kept = 0;
    while let Some(packet) = reader.next_packet().expect("a whole trace") {
        kept += usize::from(filter.matches(packet.bytes, packet.wire_len));
    }
    kept
}

fn kept_by_tcpdump(expression: &str, trace: &str) -> usize {
    let output = Command::new("tcpdump")
        .args(["-nn", "-q", "-r"])
        .arg(golden(trace))
        .args(["-w", "-", expression])
        .output()
        .expect("tcpdump is installed");
    let file = tempfile::NamedTempFile::new().expect("a temporary file");
    std::fs::write(file.path(), &output.stdout).expect("room for a trace");
    let mut reader = Reader::open(file.path()).expect("tcpdump writes a savefile");
    while reader.next_packet().expect("a whole file").is_some() {}
    usize::try_from(reader.read()).expect("a small trace")
}

#[test]
fn filters_keep_what_tcpdump_keeps() {
    for trace in TRACES {
        for expression in EXPRESSIONS {
            let (ours, theirs) = (kept(expression, trace), kept_by_tcpdump(expression, trace));
            assert_eq!(ours, theirs, "`{expression}` on {trace}");
        }
    }
}

#[test]
fn the_length_on_the_wire_counts_where_the_capture_is_cut() {
    let filter = Filter::compile("greater 1000", LinkType::ETHERNET).expect("a filter");
    assert!(filter.matches(&[0; 60], 1514));
    assert!(!filter.matches(&[0; 60], 60));
    let filter = Filter::compile("ether[100] = 0", LinkType::ETHERNET).expect("a filter");
    assert!(
        !filter.matches(&[0; 60], 1514),
        "what is not there does not match"
    );
}

#[test]
fn every_link_type_that_is_decoded_has_a_filter() {
    for link in [
        LinkType::NULL,
        LinkType::ETHERNET,
        LinkType::RAW,
        LinkType::LOOP,
        LinkType::LINUX_SLL,
        LinkType(12),
        LinkType(14),
        LinkType::IPV4,
        LinkType::IPV6,
        LinkType::LINUX_SLL2,
    ] {
        let filter = Filter::compile("tcp port 443", link);
        assert!(filter.is_ok(), "{link}: {filter:?}");
    }
    let unknown = Filter::compile("tcp", LinkType(9999));
    assert_eq!(unknown, Err(FilterError::LinkType(LinkType(9999))));
}

#[test]
fn size_and_depth_have_limits_that_no_person_meets() {
    let ports: Vec<String> = (1..=80).map(|port| format!("port {port}")).collect();
    let many = ports.join(" or ");
    assert!(Filter::compile(&many, LinkType::ETHERNET).is_ok());
    assert_eq!(lints(&many, LinkType::ETHERNET), []);
    for deep in [
        format!("{}tcp{}", "(".repeat(3000), ")".repeat(3000)),
        format!("{}tcp", "not ".repeat(2000)),
        format!("tcp{}", " and not udp and tcp".repeat(1000)),
        "::".repeat(2500) + "-",
        "port 80 or ".repeat(90) + "tcp",
    ] {
        assert!(Filter::compile(&deep, LinkType::ETHERNET).is_err());
        assert_eq!(lints(&deep, LinkType::ETHERNET), []);
    }
    let negations = format!("tcp{}", " and not port 80 and tcp".repeat(40));
    assert!(Filter::compile(&negations, LinkType::ETHERNET).is_ok());
}

/// Words that make expressions, well-formed ones now and then.
fn soup() -> impl Strategy<Value = String> {
    let words = [
        "tcp",
        "udp",
        "icmp",
        "ip",
        "ip6",
        "arp",
        "host",
        "net",
        "port",
        "portrange",
        "src",
        "dst",
        "and",
        "or",
        "not",
        "(",
        ")",
        "[",
        "]",
        "!",
        "&",
        "|",
        "=",
        "!=",
        "<",
        ">=",
        "+",
        "-",
        "/",
        "80",
        "0",
        "13",
        "65536",
        "10.0.1.5",
        "10.0.0.0/8",
        "2001:db8::1",
        "tcp-syn",
        "tcpflags",
        "vlan",
        "len",
        "greater",
        "\\tcp",
        "proto",
        "web",
        "'",
        "\u{e9}",
        "02:00:00:00:00:01",
        ":",
        "mask",
        "broadcast",
        "4294967296",
        "0x",
        "99999999999999999999",
        "-5",
    ];
    prop::collection::vec(prop::sample::select(words.to_vec()), 0..14)
        .prop_map(|words| words.join(" "))
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 3000,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn no_expression_is_too_odd(
        expression in soup(),
        frame in prop::collection::vec(any::<u8>(), 0..90),
    ) {
        let compiled = Filter::compile(&expression, LinkType::ETHERNET);
        let _ = lints(&expression, LinkType::ETHERNET);
        if let Ok(filter) = compiled {
            let dead = Capture::dead(Linktype::ETHERNET).expect("a dead capture");
            let theirs = dead.compile(&expression, true).expect("compiled once already");
            let wire_len = u32::try_from(frame.len()).expect("a small frame");
            prop_assert_eq!(filter.matches(&frame, wire_len), theirs.filter(&frame));
        }
    }

    #[test]
    fn any_text_is_lexed_without_a_panic(expression in "\\PC{0,40}") {
        let _ = Filter::compile(&expression, LinkType::ETHERNET);
        let _ = lints(&expression, LinkType::ETHERNET);
    }
}

//! Resolver, instance metadata, time and endpoints, against `facts.md` 2.8.

use std::net::IpAddr;

use wirelab_model::*;
use wirelab_wire::IpPacket;

use super::end_to_end::{add, instance, serving};
use super::table::{Table, outcome};
use crate::event::Input;
use crate::path::{Answer, Probe, ProbeProtocol, explain};
use crate::reach::{End, Packet as ReachPacket, Reach, reach};
use crate::testing::{Bench, Net, SYN, parse, tcp};

const OPEN: [&str; 2] = ["in -1 * 0.0.0.0/0", "out -1 * 0.0.0.0/0"];

/// Sets `enableDnsHostnames` of every VPC.
fn dns_hostnames(net: &mut Net, on: bool) {
    for change in &mut net.changes {
        if let Change::Put(Resource::Vpc(it)) = change {
            std::sync::Arc::make_mut(it).enable_dns_hostnames = on;
        }
    }
}

/// `app` and `db` in two zones of vpc-a, `far` in vpc-b, groups without any rule on `bare`.
fn net() -> Net {
    let closed = ["in 32766 deny -1 * 0.0.0.0/0"];
    let open = [
        "in 100 allow -1 * 0.0.0.0/0",
        "out 100 allow -1 * 0.0.0.0/0",
    ];
    let mut net = Net::default();
    net.vpc("vpc-a", "10.0.0.0/16")
        .vpc("vpc-b", "10.1.0.0/16")
        .subnet("subnet-a", "vpc-a", "10.0.1.0/24", "us-east-1a")
        .subnet("subnet-b", "vpc-a", "10.0.2.0/24", "us-east-1b")
        .subnet("subnet-closed", "vpc-a", "10.0.3.0/24", "us-east-1a")
        .subnet("subnet-far", "vpc-b", "10.1.1.0/24", "us-east-1a")
        .internet_gateway("igw-a", "vpc-a")
        .acl("acl-open", &["subnet-a", "subnet-b", "subnet-far"], &open)
        .acl("acl-closed", &["subnet-closed"], &closed)
        .routes(
            "rtb-a",
            "vpc-a",
            "10.0.0.0/16",
            &["subnet-a", "subnet-b", "subnet-closed"],
            &["0.0.0.0/0 igw-a"],
        )
        .routes("rtb-b", "vpc-b", "10.1.0.0/16", &["subnet-far"], &[])
        .group("sg-open", &OPEN)
        .group("sg-none", &[])
        .instance(
            "app",
            "subnet-a",
            "10.0.1.10",
            &["sg-open"],
            Some("3.208.0.10"),
        )
        .instance("db", "subnet-b", "10.0.2.20", &["sg-open"], None)
        .instance("quiet", "subnet-a", "10.0.1.11", &["sg-open"], None)
        .instance("bare", "subnet-closed", "10.0.3.30", &["sg-none"], None)
        .instance("far", "subnet-far", "10.1.1.40", &["sg-open"], None);
    dns_hostnames(&mut net, true);
    net
}

pub(super) fn populated(net: &mut Net) -> Bench {
    let mut bench = net.build();
    for name in ["app", "bare", "far"] {
        add(&mut bench, Input::Host(Box::new(instance(name))));
    }
    let db = serving(instance("db"), 8080, 200);
    add(&mut bench, Input::Host(Box::new(db)));
    let names = vec![("www.example.com".into(), vec![parse("203.0.113.80")])];
    add(&mut bench, Input::PublicNames(names));
    bench
}

fn record(name: &str, record_type: RecordSetType, ttl: u32, values: &[&str]) -> RecordSet {
    RecordSet {
        name: name.into(),
        record_type,
        ttl: Some(ttl),
        values: values.iter().map(|it| SmolStr::from(*it)).collect(),
        alias_target: None,
    }
}

fn zone(id: &str, name: &str, vpcs: &[&str], records: Vec<RecordSet>) -> HostedZone {
    let vpc = |id: &&str| ZoneVpc {
        vpc_region: "us-east-1".into(),
        vpc_id: VpcId::new(*id),
    };
    let vpcs: Vec<_> = vpcs.iter().map(vpc).collect();
    HostedZone {
        hosted_zone_id: HostedZoneId::new(id),
        name: name.into(),
        caller_reference: "test".into(),
        comment: None,
        private_zone: true,
        vpcs: vpcs.clone(),
        authorizations: Vec::new(),
        records: records.clone(),
        served_vpcs: vpcs,
        served_records: records,
        owner_id: "123456789012".into(),
        tags: Vec::new(),
    }
}

fn zones(net: &mut Net) {
    use RecordSetType::{A, CNAME, SRV, TXT};
    let outer = vec![
        record("a.corp.internal.", A, 60, &["10.0.2.20"]),
        record("pair.corp.internal.", A, 0, &["10.0.2.20", "10.0.3.30"]),
        record("db.corp.internal.", A, 30, &["10.0.2.20"]),
        record("www.corp.internal.", CNAME, 60, &["db.corp.internal."]),
        record("ext.corp.internal.", CNAME, 60, &["www.example.com."]),
        record("*.wild.corp.internal.", A, 60, &["10.9.9.9"]),
        record(
            "_pg._tcp.corp.internal.",
            SRV,
            60,
            &["1 10 5432 db.corp.internal."],
        ),
        record("note.corp.internal.", TXT, 60, &["\"hello world\""]),
    ];
    let inner = vec![record("only.sub.corp.internal.", A, 60, &["10.0.2.99"])];
    let shadow = vec![record("api.example.com.", A, 60, &["10.0.2.20"])];
    net.put(zone("Z1", "corp.internal.", &["vpc-a"], outer))
        .put(zone("Z2", "sub.corp.internal.", &["vpc-a"], inner))
        .put(zone("Z3", "example.com.", &["vpc-a"], shadow));
}

/// `dig +short`, lines joined by blanks; the status of the answer if there is none.
fn dig(bench: &mut Bench, host: &str, words: &[&str]) -> String {
    let mut line = vec!["dig"];
    line.extend(words);
    let (text, status) = bench.run(host, &line);
    if status != 0 {
        return "no answer".to_owned();
    }
    let code = text
        .split("status: ")
        .nth(1)
        .and_then(|it| it.split(',').next());
    let answers = text.split(";; ANSWER SECTION:\n").nth(1);
    let answers = answers.and_then(|it| it.split("\n\n").next());
    let data = answers.into_iter().flat_map(str::lines).map(|line| {
        let words: Vec<_> = line.split_whitespace().collect();
        words[4..].join(" ")
    });
    let data: Vec<_> = data.collect();
    if data.is_empty() {
        return code.unwrap_or_default().to_owned();
    }
    data.join(" ")
}

/// Fact, who asks, `dig`'s words, the answer.
const NAMES: [(&str, &str, &[&str], &str); 19] = [
    ("2.8", "app", &["ip-10-0-2-20.ec2.internal"], "10.0.2.20"),
    (
        "2.8",
        "app",
        &["@169.254.169.253", "db.corp.internal"],
        "10.0.2.20",
    ),
    (
        "2.8",
        "app",
        &["@10.0.0.2", "db.corp.internal"],
        "10.0.2.20",
    ),
    ("2.8", "app", &["ip-10-0-2-77.ec2.internal"], "NXDOMAIN"),
    (
        "2.8",
        "app",
        &["-x", "10.0.2.20"],
        "ip-10-0-2-20.ec2.internal.",
    ),
    ("45", "app", &["db.corp.internal"], "10.0.2.20"),
    ("45", "far", &["db.corp.internal"], "NXDOMAIN"),
    (
        "45",
        "app",
        &["WWW.corp.internal"],
        "db.corp.internal. 10.0.2.20",
    ),
    (
        "45",
        "app",
        &["ext.corp.internal"],
        "www.example.com. NXDOMAIN",
    ),
    ("45", "app", &["x.y.wild.corp.internal"], "10.9.9.9"),
    ("45", "app", &["nothing.corp.internal"], "NXDOMAIN"),
    ("45", "app", &["a.corp.internal", "AAAA"], "NOERROR"),
    (
        "45",
        "app",
        &["_pg._tcp.corp.internal", "SRV"],
        "1 10 5432 db.corp.internal.",
    ),
    (
        "45",
        "app",
        &["note.corp.internal", "TXT"],
        "\"hello world\"",
    ),
    ("45", "app", &["only.sub.corp.internal"], "10.0.2.99"),
    ("45", "app", &["a.sub.corp.internal"], "NXDOMAIN"),
    ("45", "app", &["www.example.com"], "NXDOMAIN"),
    ("45", "far", &["www.example.com"], "203.0.113.80"),
    ("30", "app", &["s3.us-east-1.amazonaws.com"], "52.216.0."),
];

#[test]
fn the_resolver_answers_as_documented() {
    let mut net = net();
    zones(&mut net);
    let mut nameless = net.clone();
    let mut bench = populated(&mut net);
    let mut table = Table::default();
    for (fact, host, words, answer) in NAMES {
        let mut said = dig(&mut bench, host, words);
        if answer.ends_with("NXDOMAIN") && answer.contains(' ') {
            // A chain into a zone that does not have the name.
            said += " NXDOMAIN";
        }
        if answer.ends_with('.') && !answer.ends_with("l.") {
            said.truncate(answer.len());
        }
        table.row(
            fact,
            &format!("{host} asks {words:?}"),
            said,
            answer.to_owned(),
        );
    }
    dns_hostnames(&mut nameless, false);
    let mut nameless = populated(&mut nameless);
    let said = dig(&mut nameless, "app", &["db.corp.internal"]);
    let what = "a private zone needs enableDnsHostnames";
    table.row("2.8", what, said, "NXDOMAIN".to_owned());
    table.finish(20);
}

fn options(bench: &mut Bench, name: &str, options: MetadataOptions) {
    let id = InstanceId::new(format!("i-{name}"));
    let mut instance = Instance::clone(&bench.world.resources().instances[&id]);
    instance.metadata_options = options;
    instance.iam_role = Some("app-role".into());
    let mut change = Net::default();
    change.put(instance);
    bench.change(&mut change);
}

/// The HTTP status of a `curl`.
fn status(bench: &mut Bench, host: &str, words: &[&str]) -> String {
    let mut line = vec![
        "curl",
        "-s",
        "-m",
        "3",
        "-o",
        "/dev/null",
        "-w",
        "%{http_code}",
    ];
    line.extend(words);
    bench.run(host, &line).0
}

fn body(bench: &mut Bench, host: &str, words: &[&str]) -> String {
    let mut line = vec!["curl", "-s", "-m", "3"];
    line.extend(words);
    bench.run(host, &line).0
}

const TOKEN: &str = "http://169.254.169.254/latest/api/token";
const ID: &str = "http://169.254.169.254/latest/meta-data/instance-id";
const TTL: &str = "X-aws-ec2-metadata-token-ttl-seconds: ";

fn tokens(bench: &mut Bench, table: &mut Table) {
    let put = |seconds: &str| format!("{TTL}{seconds}");
    let required = MetadataOptions {
        http_tokens: HttpTokens::Required,
        ..MetadataOptions::default()
    };
    options(bench, "app", required);
    let code = status(bench, "app", &[ID]);
    table.row(
        "2.8",
        "no token where one is required",
        code,
        "401".to_owned(),
    );
    let token = body(bench, "app", &["-X", "PUT", "-H", &put("60"), TOKEN]);
    let header = format!("X-aws-ec2-metadata-token: {token}");
    let id = body(bench, "app", &["-H", &header, ID]);
    table.row("2.8", "a token opens the tree", id, "i-app".to_owned());
    bench.wait(61);
    let code = status(bench, "app", &["-H", &header, ID]);
    table.row("2.8", "a token that has expired", code, "401".to_owned());
    let off = MetadataOptions {
        http_endpoint: false,
        ..MetadataOptions::default()
    };
    options(bench, "app", off);
    let code = status(bench, "app", &[ID]);
    table.row("2.8", "the endpoint disabled", code, "403".to_owned());
}

fn items(bench: &mut Bench, table: &mut Table) {
    options(bench, "app", MetadataOptions::default());
    let base = "http://169.254.169.254/latest/meta-data/";
    for (item, value) in [
        ("local-ipv4", "10.0.1.10"),
        ("public-ipv4", "3.208.0.10"),
        ("placement/availability-zone", "us-east-1a"),
        ("security-groups", "sg-open"),
        ("iam/security-credentials/", "app-role"),
    ] {
        let url = format!("{base}{item}");
        let said = body(bench, "app", &[&url]);
        table.row("2.8", item, said, value.to_owned());
    }
}

#[test]
fn instance_metadata_answers_with_the_documented_codes() {
    let mut bench = populated(&mut net());
    let mut table = Table::default();
    let put = |seconds: &str| format!("{TTL}{seconds}");
    let (six_hours, too_long, none) = (put("21600"), put("21601"), put("0"));
    let old = "http://169.254.169.254/2021-03-23/api/token";
    let via = "X-Forwarded-For: 10.0.9.9";
    let unknown = "http://169.254.169.254/latest/meta-data/nothing";
    for (what, words, code) in [
        ("no token where none is needed", &[ID][..], "200"),
        (
            "a token of six hours",
            &["-X", "PUT", "-H", &six_hours, TOKEN],
            "200",
        ),
        ("a PUT without a TTL", &["-X", "PUT", TOKEN], "400"),
        (
            "a TTL above six hours",
            &["-X", "PUT", "-H", &too_long, TOKEN],
            "400",
        ),
        (
            "a TTL of nothing",
            &["-X", "PUT", "-H", &none, TOKEN],
            "400",
        ),
        (
            "a token of a version",
            &["-X", "PUT", "-H", &six_hours, old],
            "403",
        ),
        (
            "a PUT by a proxy",
            &["-X", "PUT", "-H", &six_hours, "-H", via, TOKEN],
            "403",
        ),
        (
            "a token that is none",
            &["-H", "X-aws-ec2-metadata-token: x", ID],
            "401",
        ),
        ("an unknown item", &[unknown], "404"),
        ("a POST", &["-X", "POST", ID], "405"),
    ] {
        table.row(
            "2.8",
            what,
            status(&mut bench, "app", words),
            code.to_owned(),
        );
    }
    tokens(&mut bench, &mut table);
    items(&mut bench, &mut table);
    table.finish(19);
}

/// TTLs of the segments with data that came from the metadata service.
fn answer_ttls(bench: &Bench) -> Vec<u8> {
    let inbound = bench.captured.iter().filter(|it| !it.outbound);
    let packets = inbound.filter_map(|it| it.packet());
    let data = packets.filter(|it| it.as_tcp().is_some_and(|it| !it.payload.is_empty()));
    data.map(|it| it.header.ttl).collect()
}

fn ttls(bench: &mut Bench, table: &mut Table) {
    bench.captured.clear();
    let header = format!("{TTL}60");
    body(bench, "bare", &["-X", "PUT", "-H", &header, TOKEN]);
    table.row(
        "9",
        "TTL of the answer to a PUT",
        answer_ttls(bench),
        vec![1],
    );
    let two = MetadataOptions {
        http_put_response_hop_limit: 2,
        ..MetadataOptions::default()
    };
    options(bench, "bare", two);
    bench.captured.clear();
    body(bench, "bare", &["-X", "PUT", "-H", &header, TOKEN]);
    table.row(
        "138",
        "and with a hop limit of two",
        answer_ttls(bench),
        vec![2],
    );
    bench.captured.clear();
    body(bench, "bare", &[ID]);
    table.row("2.8", "TTL of other answers", answer_ttls(bench), vec![64]);
}

#[test]
fn link_local_services_are_filtered_by_nothing_and_logged_by_nothing() {
    let mut net = net();
    net.flow_log("vpc-a");
    let mut bench = populated(&mut net);
    let mut table = Table::default();
    let code = status(&mut bench, "bare", &[ID]);
    table.row("69", "metadata without any rule", code, "200".to_owned());
    let said = dig(&mut bench, "bare", &["ip-10-0-1-10.ec2.internal"]);
    table.row(
        "69",
        "the resolver without any rule",
        said,
        "10.0.1.10".to_owned(),
    );
    let mut ntp = vec![0_u8; 48];
    ntp[0] = 0x23;
    let from = parse("10.0.3.30:40123");
    let to = parse("169.254.169.123:123");
    bench.captured.clear();
    let drops = bench.send("eni-bare", IpPacket::udp(from, to, bytes::Bytes::from(ntp)));
    let answer = bench.last_in("eni-bare").and_then(IpPacket::as_udp);
    let answer = answer.map(|it| (it.source_port, it.payload[0] & 7, it.payload[1]));
    table.row(
        "69",
        "time sync",
        (outcome(&drops), answer),
        ("delivered".to_owned(), Some((123, 4, 3))),
    );
    let other = IpPacket::udp(from, parse("8.8.8.8:53"), bytes::Bytes::from(vec![0; 20]));
    let drops = bench.send("eni-bare", other);
    let expected = "SecurityGroup egress".to_owned();
    table.row(
        "2.8",
        "other name servers are ordinary traffic",
        outcome(&drops),
        expected,
    );
    bench.wait(600);
    let logged = bench
        .records
        .iter()
        .filter_map(|it| it.record.flow.as_ref());
    let logged = logged.filter(|it| {
        let ends = [it.pkt_srcaddr, it.pkt_dstaddr];
        ends.iter().any(|end: &IpAddr| {
            end.to_string().starts_with("169.254.") || end.to_string() == "10.0.0.2"
        })
    });
    table.row("107", "records of link-local services", logged.count(), 0);
    ttls(&mut bench, &mut table);
    table.finish(8);
}

#[test]
fn an_interface_sends_1024_packets_a_second_to_link_local_services() {
    let mut bench = populated(&mut net());
    let mut table = Table::default();
    let query = crate::dns::query(
        7,
        "db.example",
        hickory_proto::rr::RecordType::A,
        None,
        true,
    );
    let query = query.expect("this is a name");
    let dropped = |bench: &mut Bench, count: usize| {
        let before = bench.dropped.len();
        for port in 0..count {
            let from = std::net::SocketAddr::new(parse("10.0.1.10"), 20_000 + port as u16);
            let packet = IpPacket::udp(from, parse("10.0.0.2:53"), query.clone());
            bench.put("eni-app", packet);
        }
        bench.collect();
        let drops: Vec<_> = bench.dropped[before..]
            .iter()
            .map(|it| it.reason.clone())
            .collect();
        (drops.len(), outcome(&drops))
    };
    let first = dropped(&mut bench, 1024);
    table.row(
        "2.8",
        "1,024 in one moment",
        first,
        (0, "delivered".to_owned()),
    );
    let more = dropped(&mut bench, 3);
    table.row(
        "2.8",
        "three more",
        more,
        (3, "LinkLocal egress".to_owned()),
    );
    let half = bench.world.now() + SimDuration::from_millis(500);
    bench.world.handle_timeout(half);
    bench.collect();
    let (again, _) = dropped(&mut bench, 600);
    table.row("2.8", "600 half a second later", again, 600);
    bench.wait(1);
    let later = dropped(&mut bench, 1);
    table.row("2.8", "a second later", later, (0, "delivered".to_owned()));
    let mut change = Net::default();
    let vpc = Vpc::clone(&bench.world.resources().vpcs[&VpcId::new("vpc-a")]);
    change.put(Vpc {
        enable_dns_support: false,
        ..vpc
    });
    bench.change(&mut change);
    let said = dig(&mut bench, "app", &["ip-10-0-2-20.ec2.internal"]);
    table.row("2.8", "enableDnsSupport off", said, "no answer".to_owned());
    let (text, code) = bench.run(
        "app",
        &["curl", "-s", "-S", "http://ip-10-0-2-20.ec2.internal:8080/"],
    );
    let expected = "curl: (6) Could not resolve host: ip-10-0-2-20.ec2.internal\n".to_owned();
    table.row("2.8", "and what curl says", (text, code), (expected, 6));
    table.finish(6);
}

fn endpoint(kind: VpcEndpointType, service: &str) -> VpcEndpoint {
    let interface = kind == VpcEndpointType::Interface;
    VpcEndpoint {
        vpc_endpoint_id: VpcEndpointId::new(format!("vpce-{service}")),
        vpc_endpoint_type: kind,
        vpc_id: VpcId::new("vpc-a"),
        service_name: format!("com.amazonaws.us-east-1.{service}").into(),
        state: VpcEndpointState::Available,
        route_table_ids: Vec::new(),
        subnet_ids: Vec::new(),
        groups: Vec::new(),
        network_interface_ids: if interface {
            vec![NetworkInterfaceId::new(format!("eni-{service}"))]
        } else {
            Vec::new()
        },
        private_dns_enabled: interface,
        dns_entries: vec![DnsEntry {
            dns_name: format!("vpce-{service}-0a0b.{service}.us-east-1.vpce.amazonaws.com").into(),
            hosted_zone_id: "Z7HUB22UULQXV".into(),
        }],
        policy_document: SmolStr::default(),
        creation_timestamp: UnixTime::default(),
        owner_id: "123456789012".into(),
        tags: Vec::new(),
    }
}

/// An interface endpoint for STS with the group `sg-door`, whose rules are given.
pub(super) fn with_endpoint(rules: &[&str]) -> Net {
    let mut net = net();
    net.group("sg-door", rules);
    let mut nic = net.interface("sts", "subnet-b", "10.0.2.50", &["sg-door"], None);
    nic.interface_type = InterfaceType::VpcEndpoint;
    net.put(nic);
    net.put(endpoint(VpcEndpointType::Interface, "sts"));
    net
}

pub(super) const STS: &str = "sts.us-east-1.amazonaws.com";

fn sizes(bench: &mut Bench, table: &mut Table) {
    let big = |size| tcp(("10.0.1.10", 40_001), ("10.0.2.50", 443), SYN, size);
    bench.captured.clear();
    let drops = bench.send("eni-app", big(8500 - 39));
    let told = bench.last_in("eni-app").is_some();
    table.row(
        "2.6",
        "8501 octets, and no ICMP",
        (outcome(&drops), told),
        ("MtuExceeded".to_owned(), false),
    );
    let drops = bench.send("eni-app", big(8500 - 40));
    table.row(
        "2.6",
        "8500 octets",
        outcome(&drops),
        "delivered".to_owned(),
    );
    let mss = bench.captured.iter().rev().find_map(|it| {
        let segment = it.packet()?.as_tcp().filter(|_| !it.outbound)?;
        segment.maximum_segment_size()
    });
    table.row("2.6", "MSS of its answers", mss, Some(8460));
}

fn paths(bench: &Bench, table: &mut Table) {
    let probe = |protocol| Probe {
        from: "app".into(),
        to: parse("10.0.2.50"),
        protocol,
        source_port: Some(50_000),
        size: None,
    };
    let ask = |port| explain(&bench.world, &probe(ProbeProtocol::Tcp(port)));
    let open = ask(443).expect("it is sent");
    table.row(
        "2.11",
        "its path",
        (open.reachable(), open.answer),
        (true, Answer::Accepted),
    );
    let shut = ask(22).expect("it is sent");
    table.row(
        "2.11",
        "a path that its groups shut",
        shut.reachable(),
        false,
    );
    let set = reach(&bench.world);
    for (port, expected) in [(443, true), (22, false)] {
        let what = "the reachable set holds what its groups let in";
        let arrives = in_set(&set, "10.0.1.10", "10.0.2.50", port);
        table.row("2.11", what, arrives, expected);
    }
    let door = End::VpcEndpoint(VpcEndpointId::new("vpce-sts"));
    let from_vpc = set.between(&End::Vpc(VpcId::new("vpc-a")), &door);
    table.row("2.11", "and calls it by its id", from_vpc.is_some(), true);
}

/// Whether a SYN from an instance of `vpc-a` is in the set, and its answer.
fn in_set(set: &Reach, from: &str, to: &str, port: u16) -> bool {
    let packet = ReachPacket {
        source: parse(from),
        destination: parse(to),
        protocol: 6,
        source_port: 40_000,
        destination_port: port,
        reply: false,
    };
    set.works(&End::Vpc(VpcId::new("vpc-a")), &packet)
}

#[test]
fn an_interface_endpoint_is_an_interface_with_groups_of_its_own() {
    let mut table = Table::default();
    let mut net = with_endpoint(&["in tcp 443 10.0.0.0/16", "in tcp 80 10.0.0.0/16"]);
    net.flow_log("eni-sts");
    let mut bench = populated(&mut net);
    let regional = "vpce-sts-0a0b.sts.us-east-1.vpce.amazonaws.com";
    for (fact, host, name, leads_to) in [
        ("42", "app", STS, "10.0.2.50"),
        ("2.8", "app", regional, "10.0.2.50"),
        ("2.8", "far", regional, "10.0.2.50"),
    ] {
        table.row(
            fact,
            name,
            dig(&mut bench, host, &[name]),
            leads_to.to_owned(),
        );
    }
    let public = dig(&mut bench, "far", &[STS]).starts_with("54.239.19.");
    table.row("42", "elsewhere its name stays public", public, true);
    let url = format!("http://{STS}/");
    let code = status(&mut bench, "app", &[&url]);
    table.row(
        "30",
        "the service answers on its port",
        code,
        "403".to_owned(),
    );
    for name in [STS, regional] {
        let code = status(&mut bench, "app", &[&format!("https://{name}/")]);
        table.row("30", "and inside TLS on 443", code, "403".to_owned());
    }
    let other = [
        "--resolve",
        "other.example.com:443:10.0.2.50",
        "https://other.example.com/",
    ];
    let mut line = vec!["curl", "-s", "-m", "3"];
    line.extend(other);
    let (_, code) = bench.run("app", &line);
    table.row("30", "its certificate is for its own names", code, 60);
    let drops = bench.send(
        "eni-app",
        tcp(("10.0.1.10", 40_000), ("10.0.2.50", 22), SYN, 0),
    );
    table.row(
        "2.8",
        "its groups decide",
        outcome(&drops),
        "SecurityGroup ingress".to_owned(),
    );
    sizes(&mut bench, &mut table);
    paths(&bench, &mut table);
    bench.wait(600);
    let accepted = bench
        .records
        .iter()
        .filter_map(|it| it.record.flow.as_ref());
    let accepted = accepted
        .filter(|it| it.action == FlowAction::Accept)
        .count();
    table.row("2.8", "its flow log has both ways", accepted >= 4, true);
    table.finish(18);
}

#[test]
fn a_service_takes_the_reset_of_a_client_that_has_closed() {
    let mut net = with_endpoint(&["in tcp 443 10.0.0.0/16"]);
    net.group("sg-open", &["out -1 * 0.0.0.0/0"]);
    let mut bench = populated(&mut net);
    let code = status(&mut bench, "app", &[&format!("https://{STS}/")]);
    assert_eq!(code, "403");
    // The client closes first, and resets when the service's last words come (RFC 9293 3.6.1); its
    // reset has the number of its FIN (Linux's `tcp_reset_check`).
    bench.wait(1);
    bench.captured.clear();
    bench.dropped.clear();
    bench.wait(300);
    assert!(bench.captured.is_empty(), "{:?}", bench.captured);
    assert!(bench.dropped.is_empty(), "{:?}", bench.dropped);
}

#[test]
fn nc_asks_no_further_address_for_a_port_that_is_open() {
    let mut net = net();
    zones(&mut net);
    let mut bench = populated(&mut net);
    for _ in 0..6 {
        let (text, status) = bench.run(
            "app",
            &["nc", "-vz", "-w", "1", "pair.corp.internal", "8080"],
        );
        let last = text.lines().last().unwrap_or_default();
        assert!(
            last.contains("10.0.2.20") && last.contains("succeeded"),
            "{text}"
        );
        assert_eq!(status, 0);
    }
}

#[test]
fn flows_through_endpoints_are_tracked_whatever_the_rules() {
    let mut table = Table::default();
    // The client's rules alone would leave the flow untracked.
    let mut bench = populated(&mut with_endpoint(&["in tcp 443 0.0.0.0/0"]));
    let syn = tcp(("10.0.1.11", 40_000), ("10.0.2.50", 443), SYN, 0);
    bench.send("eni-quiet", syn);
    let mut change = Net::default();
    change.group("sg-open", &["out -1 * 0.0.0.0/0"]);
    bench.change(&mut change);
    bench.captured.clear();
    bench.dropped.clear();
    bench.wait(3);
    let came = bench.last_in("eni-quiet").is_some();
    table.row("2.1", "the answer comes after the rule is gone", came, true);
    table.finish(1);
}

#[test]
fn a_gateway_endpoint_is_a_route_and_no_way_through() {
    let mut table = Table::default();
    let mut net = net();
    net.put(endpoint(VpcEndpointType::Gateway, "s3"))
        .routes(
            "rtb-a",
            "vpc-a",
            "10.0.0.0/16",
            &["subnet-a", "subnet-b", "subnet-closed"],
            &["0.0.0.0/0 igw-a", "52.216.0.0/15 vpce-s3"],
        )
        .flow_log("eni-db");
    let mut bench = populated(&mut net);
    let name = "bucket.s3.us-east-1.amazonaws.com";
    let url = format!("http://{name}/key");
    // `db` has no public address: only the endpoint can carry it.
    let code = status(&mut bench, "db", &[&url]);
    table.row("2.8", "S3 without a public address", code, "403".to_owned());
    let address = dig(&mut bench, "db", &[name]);
    let address = address.split(' ').next().unwrap_or_default().to_owned();
    let set = reach(&bench.world);
    let reached = in_set(&set, "10.0.2.20", &address, 443);
    table.row("2.8", "the reachable set knows it", reached, true);
    let foreign = tcp(("172.16.0.9", 40_000), (&address, 443), SYN, 0);
    let mut change = Net::default();
    let id = NetworkInterfaceId::new("eni-db");
    let nic = NetworkInterface::clone(&bench.world.resources().network_interfaces[&id]);
    change.put(NetworkInterface {
        source_dest_check: false,
        ..nic
    });
    bench.change(&mut change);
    let drops = bench.send("eni-db", foreign);
    table.row(
        "2.8",
        "no transit",
        outcome(&drops),
        "EndpointNotTransit".to_owned(),
    );
    let code = drops.first().and_then(crate::DropReason::code);
    let code = code.map(crate::ExplanationCode::as_str);
    let expected = "VPCE_GATEWAY_EGRESS_SOURCE_ADDRESS_RESTRICTION";
    table.row("2.11", "and its code", code, Some(expected));
    let elsewhere = tcp(("10.0.2.20", 40_000), ("52.216.9.9", 443), SYN, 0);
    let drops = bench.send("eni-db", elsewhere);
    table.row(
        "2.8",
        "an address without a server",
        outcome(&drops),
        "NotTheService".to_owned(),
    );
    let mut gone = endpoint(VpcEndpointType::Gateway, "s3");
    gone.state = VpcEndpointState::Deleting;
    bench.wait(600);
    let paths = bench
        .records
        .iter()
        .filter_map(|it| it.record.flow.as_ref());
    let paths: Vec<_> = paths.filter_map(|it| it.traffic_path).collect();
    let all = paths
        .iter()
        .all(|it| *it == TrafficPath::GatewayEndpointNitro);
    table.row(
        "2.12",
        "traffic-path 7",
        (paths.is_empty(), all),
        (false, true),
    );
    table.finish(6);
}

#[test]
fn traffic_and_commands_take_names() {
    let mut net = net();
    zones(&mut net);
    let mut bench = populated(&mut net);
    let mut table = Table::default();
    let code = status(&mut bench, "app", &["http://db.corp.internal:8080/"]);
    table.row("2.8", "curl by name", code, "200".to_owned());
    let (text, _) = bench.run("app", &["ping", "-c", "1", "www.corp.internal"]);
    let first = text.lines().next().unwrap_or_default().to_owned();
    let expected = "PING db.corp.internal (10.0.2.20) 56(84) bytes of data.".to_owned();
    table.row("2.8", "ping by a CNAME", first, expected);
    let (text, code) = bench.run("app", &["ping", "-c", "1", "nothing.corp.internal"]);
    let expected = "ping: nothing.corp.internal: Name or service not known\n".to_owned();
    table.row("45", "ping of nothing", (text, code), (expected, 2));
    let mut spec = super::end_to_end::http("named", "app", "0.0.0.0", 8080);
    spec.to_name = Some("db.corp.internal".into());
    add(&mut bench, Input::Traffic(spec));
    bench.wait(8);
    let done = bench.traffic.iter().filter(|it| it.traffic == "named");
    let done: Vec<_> = done.map(|it| it.status).collect();
    table.row("2.8", "traffic by name", done, vec![Some(200), Some(200)]);
    table.finish(4);
}

#[test]
fn registries_know_their_servers_and_nobody_answers_arp_for_no_interface() {
    let mut net = net();
    zones(&mut net);
    let mut bench = populated(&mut net);
    let mut table = Table::default();
    for (why, words, expected) in [
        (
            "the root has servers",
            &["dig", "+short", ".", "NS"][..],
            "a.root-servers.net.",
        ),
        (
            "so has com",
            &["dig", "+short", "com", "NS"],
            "a.gtld-servers.net.",
        ),
        (
            "an unknown top-level domain is the root's to deny",
            &["dig", "+noall", "+authority", "nothing.invalid"],
            ".\t\t\t300\tIN\tSOA\ta.root-servers.net. nstld.verisign-grs.com. 1 1800 900 604800 86400",
        ),
        (
            "the sender says that the host is unreachable",
            &["ping", "-c", "1", "10.0.1.99"],
            "From 10.0.1.10 icmp_seq=1 Destination Host Unreachable",
        ),
    ] {
        let (text, _) = bench.run("app", words);
        let has = text.lines().any(|line| line == expected);
        table.row("45", why, (has, text.clone()), (true, text));
    }
    table.finish(4);
}

#[test]
fn the_peering_option_shows_private_addresses_to_the_peer() {
    let mut net = net();
    let end = |vpc: &str, allows| PeeringVpc {
        vpc_id: VpcId::new(vpc),
        owner_id: "123456789012".into(),
        region: "us-east-1".into(),
        allow_dns_resolution_from_remote_vpc: allows,
    };
    let connection = |allows| VpcPeeringConnection {
        vpc_peering_connection_id: VpcPeeringConnectionId::new("pcx-a"),
        requester: end("vpc-a", allows),
        accepter: end("vpc-b", false),
        status: PeeringStatus::Active,
        status_message: "Active".to_owned(),
        expiration_time: UnixTime::default(),
        ended_by: None,
        is_hidden: false,
        tags: Vec::new(),
    };
    net.put(connection(false));
    dns_hostnames(&mut net, false);
    let mut bench = populated(&mut net);
    let name = "ec2-3-208-0-10.compute-1.amazonaws.com";
    let mut table = Table::default();
    let said = dig(&mut bench, "app", &[name]);
    table.row(
        "2.8",
        "without enableDnsHostnames there is no name",
        said,
        "NXDOMAIN".to_owned(),
    );
    let mut change = Net::default();
    for id in ["vpc-a", "vpc-b"] {
        let vpc = Vpc::clone(&bench.world.resources().vpcs[&VpcId::new(id)]);
        change.put(Vpc {
            enable_dns_hostnames: true,
            ..vpc
        });
    }
    bench.change(&mut change);
    let said = dig(&mut bench, "app", &[name]);
    table.row("2.8", "inside its VPC", said, "10.0.1.10".to_owned());
    let said = dig(&mut bench, "far", &[name]);
    table.row(
        "46",
        "for a peer without the option",
        said,
        "3.208.0.10".to_owned(),
    );
    change.put(connection(true));
    bench.change(&mut change);
    let said = dig(&mut bench, "far", &[name]);
    table.row("46", "for a peer with it", said, "10.0.1.10".to_owned());
    table.finish(4);
}

#[test]
fn behind_a_containers_bridge_the_answer_to_a_put_ends_at_the_machine() {
    let mut bench = populated(&mut net());
    let mut table = Table::default();
    let header = format!("{TTL}60");
    let words = ["-s", "-m", "3", "-o", "/dev/null", "-w", "%{http_code}"];
    let container = |bench: &mut Bench, more: &[&str]| {
        let mut line = vec!["docker", "exec", "-it", "web", "curl"];
        line.extend(words);
        line.extend(more);
        bench.run("app", &line)
    };
    let put = ["-X", "PUT", "-H", &header, TOKEN];
    let said = container(&mut bench, &put);
    table.row(
        "2.8",
        "hop limit 1: a timeout, no 401",
        said,
        ("000".to_owned(), 28),
    );
    let expired = bench.captured.iter().filter(|it| it.outbound);
    let expired = expired
        .filter(|it| it.packet().is_some_and(IpPacket::is_icmp_error))
        .count();
    table.row(
        "2.8",
        "the machine says that the TTL ended",
        expired > 0,
        true,
    );
    let said = container(&mut bench, &[ID]);
    table.row(
        "2.8",
        "IMDSv1 works all the same",
        said,
        ("200".to_owned(), 0),
    );
    let two = MetadataOptions {
        http_put_response_hop_limit: 2,
        ..MetadataOptions::default()
    };
    options(&mut bench, "app", two);
    let said = container(&mut bench, &put);
    table.row("138", "hop limit 2", said, ("200".to_owned(), 0));
    table.finish(4);
}

//! Through a NAT gateway to the internet: the six network ACL entries of `facts.md` 2.2, each
//! missing in turn, and what the gateway does by itself.

use std::fmt::Write;

use wirelab_model::{FlowAction, FlowDirection};

use crate::testing::{ACK, Bench, Net, SYN, SYN_ACK, answer, tcp};
use crate::verdict::{DropReason, InternetGatewayDrop, NatGatewayDrop};

pub(super) const PRIVATE: [&str; 2] = [
    "out 100 allow tcp 443 0.0.0.0/0",
    "in 100 allow tcp 32768-60999 0.0.0.0/0",
];
pub(super) const NAT: [&str; 4] = [
    "in 100 allow tcp 443 10.0.1.0/24",
    "out 100 allow tcp 443 0.0.0.0/0",
    "in 110 allow tcp 1024-65535 0.0.0.0/0",
    "out 110 allow tcp 32768-60999 10.0.1.0/24",
];

/// `app` in a private subnet, a NAT gateway in a public one, and `site`, a server on the internet.
pub(super) fn net(private: &[&str], nat: &[&str]) -> Net {
    let mut net = Net::default();
    net.vpc("vpc-a", "10.0.0.0/16")
        .subnet("subnet-private", "vpc-a", "10.0.1.0/24", "a")
        .subnet("subnet-nat", "vpc-a", "10.0.2.0/24", "a")
        .internet_gateway("igw-a", "vpc-a")
        .acl("acl-private", &["subnet-private"], private)
        .acl("acl-nat", &["subnet-nat"], nat)
        .group("sg-app", &["out -1 * 0.0.0.0/0"])
        .nat_gateway("nat", "subnet-nat", "10.0.2.20", "198.51.100.20")
        .instance("app", "subnet-private", "10.0.1.5", &["sg-app"], None)
        .routes(
            "rtb-private",
            "vpc-a",
            "10.0.0.0/16",
            &["subnet-private"],
            &["0.0.0.0/0 nat-nat"],
        )
        .routes(
            "rtb-nat",
            "vpc-a",
            "10.0.0.0/16",
            &["subnet-nat"],
            &["0.0.0.0/0 igw-a"],
        )
        .vpc("vpc-b", "172.16.0.0/16")
        .subnet("subnet-b", "vpc-b", "172.16.0.0/24", "a")
        .internet_gateway("igw-b", "vpc-b")
        .group("sg-site", &["in tcp 443 0.0.0.0/0", "out -1 * 0.0.0.0/0"])
        .instance(
            "site",
            "subnet-b",
            "172.16.0.80",
            &["sg-site"],
            Some("203.0.113.80"),
        )
        .routes(
            "rtb-b",
            "vpc-b",
            "172.16.0.0/16",
            &["subnet-b"],
            &["0.0.0.0/0 igw-b"],
        )
        .flow_log("vpc-a");
    net
}

fn syn() -> wirelab_wire::IpPacket {
    tcp(("10.0.1.5", 40000), ("203.0.113.80", 443), SYN, 0)
}

/// Sends a SYN and, if it arrives, the SYN-ACK. Returns the drops and the flow log of both
/// interfaces.
pub(super) fn handshake(bench: &mut Bench) -> String {
    let mut drops = bench.send("eni-app", syn());
    if let Some(arrived) = bench.take_in("eni-site") {
        drops.extend(bench.send("eni-site", answer(&arrived, SYN_ACK, 0)));
    }
    bench.wait(120);
    let mut text = String::new();
    for drop in drops {
        writeln!(text, "dropped: {drop}").expect("a string");
    }
    for logged in &bench.records {
        let Some(flow) = &logged.record.flow else {
            continue;
        };
        let direction = match flow.direction {
            FlowDirection::Egress => "egress ",
            FlowDirection::Ingress => "ingress",
        };
        let action = match flow.action {
            FlowAction::Accept => "ACCEPT",
            FlowAction::Reject => "REJECT",
        };
        writeln!(
            text,
            "{:7} {direction} {action} {} {} pkt {} {} flags {} path {}",
            logged.record.interface_id,
            flow.srcaddr,
            flow.dstaddr,
            flow.pkt_srcaddr,
            flow.pkt_dstaddr,
            flow.tcp_flags.0,
            flow.traffic_path
                .map_or_else(|| "-".to_owned(), |it| (it as u8).to_string()),
        )
        .expect("a string");
    }
    text
}

#[test]
fn with_all_six_entries_the_handshake_completes_and_the_gateway_logs_four_records() {
    let mut bench = net(&PRIVATE, &NAT).build();
    insta::assert_snapshot!(handshake(&mut bench), @r"
    eni-app egress  ACCEPT 10.0.1.5 203.0.113.80 pkt 10.0.1.5 203.0.113.80 flags 2 path 1
    eni-app ingress ACCEPT 203.0.113.80 10.0.1.5 pkt 203.0.113.80 10.0.1.5 flags 18 path -
    eni-nat ingress ACCEPT 10.0.1.5 10.0.2.20 pkt 10.0.1.5 203.0.113.80 flags 2 path -
    eni-nat egress  ACCEPT 10.0.2.20 203.0.113.80 pkt 10.0.2.20 203.0.113.80 flags 2 path 8
    eni-nat ingress ACCEPT 203.0.113.80 10.0.2.20 pkt 203.0.113.80 10.0.2.20 flags 18 path -
    eni-nat egress  ACCEPT 10.0.2.20 10.0.1.5 pkt 203.0.113.80 10.0.1.5 flags 18 path 1
    ");
}

#[test]
fn each_missing_entry_leaves_its_signature() {
    let names = [
        "private out",
        "private in",
        "nat in request",
        "nat out request",
        "nat in reply",
        "nat out reply",
    ];
    let mut text = String::new();
    for (missing, name) in names.iter().enumerate() {
        let without = |entries: &[&'static str], offset: usize| -> Vec<&'static str> {
            let kept = entries
                .iter()
                .enumerate()
                .filter(|(at, _)| at + offset != missing);
            kept.map(|(_, entry)| *entry).collect()
        };
        let mut bench = net(&without(&PRIVATE, 0), &without(&NAT, 2)).build();
        writeln!(text, "without {name}\n{}", handshake(&mut bench)).expect("a string");
    }
    insta::assert_snapshot!(text);
}

#[test]
fn after_350_idle_seconds_the_inside_gets_an_rst_and_nothing_before() {
    let mut bench = net(&PRIVATE, &NAT).build();
    bench.send("eni-app", syn());
    let arrived = bench.take_in("eni-site").expect("the SYN arrives");
    assert_eq!(bench.send("eni-site", answer(&arrived, SYN_ACK, 0)), []);
    let data = tcp(("10.0.1.5", 40000), ("203.0.113.80", 443), ACK, 10);
    bench.send("eni-app", data.clone());
    bench.wait(340);
    assert_eq!(bench.send("eni-app", data.clone()), []);
    bench.captured.clear();
    bench.wait(348);
    assert_eq!(bench.captured, [], "nothing is sent when the mapping goes");
    bench.wait(1);
    let drops = bench.send("eni-app", data);
    assert!(
        matches!(
            drops[..],
            [DropReason::NatGateway(NatGatewayDrop::MappingExpired {
                rst_sent: true,
                ..
            })]
        ),
        "{drops:?}"
    );
    let reset = bench.last_in("eni-app").expect("an RST comes");
    let segment = reset.as_tcp().expect("TCP");
    assert_eq!(
        reset.source(),
        crate::testing::parse::<std::net::IpAddr>("203.0.113.80")
    );
    assert_eq!(
        (segment.flags, segment.sequence),
        (wirelab_wire::TcpFlags::RST, 2000)
    );
}

#[test]
fn towards_one_destination_there_are_55000_connections_and_towards_another_as_many() {
    let mut bench = net(&PRIVATE, &NAT).build();
    let mut refused = 0;
    for number in 0..55_010_u32 {
        let source = std::net::Ipv4Addr::from(u32::from_be_bytes([10, 0, 1, 5]));
        let port = u16::try_from(1024 + number).expect("below 2^16");
        let syn = tcp((&source.to_string(), port), ("203.0.113.80", 443), SYN, 0);
        bench.put("eni-app", syn);
        if number % 250 == 0 {
            bench
                .world
                .handle_timeout(bench.world.now() + wirelab_model::SimDuration::from_millis(1));
            bench.collect();
            bench.captured.clear();
        }
    }
    bench.wait(1);
    for dropped in &bench.dropped {
        refused += usize::from(matches!(
            dropped.reason,
            DropReason::NatGateway(NatGatewayDrop::PortsExhausted { .. })
        ));
    }
    assert_eq!(refused, 10);
    let other = tcp(("10.0.1.5", 1024), ("203.0.113.81", 443), SYN, 0);
    let drops = bench.send("eni-app", other);
    assert!(
        matches!(
            drops[..],
            [DropReason::InternetGateway(
                InternetGatewayDrop::NoSuchPublicAddress { .. }
            )]
        ),
        "translated: {drops:?}"
    );
}

/// What a NAT gateway's metrics were, minute by minute, in the order of the minutes.
pub(super) fn metric(bench: &Bench, name: &str) -> Vec<u64> {
    let data = bench.metrics.iter();
    data.filter(|it| it.metric.metric_name == name)
        .map(|it| it.statistic_values.sum)
        .collect()
}

#[test]
fn every_minute_the_gateway_reports_what_it_carried_and_which_connections_went_idle() {
    let mut bench = net(&PRIVATE, &NAT).build();
    bench.send("eni-app", syn());
    let arrived = bench.take_in("eni-site").expect("the SYN arrives");
    bench.send("eni-site", answer(&arrived, SYN_ACK, 0));
    let data = tcp(("10.0.1.5", 40000), ("203.0.113.80", 443), ACK, 60);
    bench.send("eni-app", data);
    bench.wait(600);
    let shown = |bench: &Bench| {
        let mut text = String::new();
        for (name, _) in crate::fabric::NAT_GATEWAY_METRICS.metrics {
            let values = metric(bench, name);
            writeln!(text, "{name:26} {values:?}").expect("a string");
        }
        text
    };
    insta::assert_snapshot!(shown(&bench));
    let times: Vec<u64> = (bench.metrics.iter().step_by(14))
        .map(|it| it.timestamp.as_secs() % 3600)
        .collect();
    assert_eq!(times, (0..9).map(|it| it * 60).collect::<Vec<_>>());
}

//! Two observers of one interface agree; a packet is delivered or has exactly one drop reason; a
//! fired packet agrees with the explained one.

use std::collections::BTreeMap;

use proptest::prelude::*;
use wirelab_model::{FlowAction, FlowDirection, NetworkInterfaceId};
use wirelab_wire::IpPacket;

use super::end_to_end::{add, http, net, populated};
use crate::event::{CapturePoint, Input};
use crate::host::{TrafficProgram, TrafficSpec};
use crate::path::{Probe, ProbeProtocol, explain};
use crate::testing::{Bench, Net, SYN, parse, tcp};

/// Packets and octets by interface and direction.
type Counts = BTreeMap<(NetworkInterfaceId, bool), (u64, u64)>;

fn captured(bench: &Bench) -> Counts {
    let mut counts = Counts::new();
    for captured in &bench.captured {
        let CapturePoint::Interface(id) = &captured.point else {
            continue;
        };
        let count = counts.entry((id.clone(), captured.outbound)).or_default();
        count.0 += 1;
        count.1 += captured.packet().map_or(0, IpPacket::total_len) as u64;
    }
    counts
}

/// What the log says a capture on the machine would see.
fn logged(bench: &Bench) -> Counts {
    let mut counts = Counts::new();
    for logged in &bench.records {
        let Some(flow) = &logged.record.flow else {
            continue;
        };
        let egress = flow.direction == FlowDirection::Egress;
        if logged.record.place.instance_id.is_none()
            || (!egress && flow.action == FlowAction::Reject)
        {
            continue;
        }
        let id = logged.record.interface_id.clone();
        let count = counts.entry((id, egress)).or_default();
        count.0 += flow.packets;
        count.1 += flow.bytes;
    }
    counts
}

#[test]
fn flow_log_and_capture_of_an_interface_agree_in_packets_and_octets() {
    let mut network = net();
    network.acl(
        "acl-db",
        &["subnet-db"],
        &[
            "in 100 allow tcp 8080 10.0.0.0/16",
            "out 100 allow -1 * 0.0.0.0/0",
        ],
    );
    let mut bench = populated(&mut network);
    for (name, from, to, port) in [
        ("local", "app", "10.0.2.10", 8080),
        ("closed", "app", "10.0.2.10", 9000),
        ("web", "app", "203.0.113.80", 443),
        ("nowhere", "app", "192.168.77.1", 80),
        ("office", "desk", "10.0.2.10", 8080),
    ] {
        add(&mut bench, Input::Traffic(http(name, from, to, port)));
    }
    for name in ["local", "closed", "web", "nowhere", "office"] {
        bench.wait(60);
        add(&mut bench, Input::StopTraffic(name.into()));
    }
    bench.wait(400);
    let (captured, logged) = (captured(&bench), logged(&bench));
    assert!(captured.values().any(|(packets, _)| *packets > 300));
    assert_eq!(captured, logged);
}

const ADDRESSES: [&str; 6] = [
    "10.0.1.5",
    "10.0.1.6",
    "10.0.2.10",
    "10.0.2.99",
    "8.8.8.8",
    "192.168.1.1",
];

pub(super) fn rule(direction: &'static str) -> impl Strategy<Value = String> {
    let block = prop::sample::select(vec![
        "0.0.0.0/0",
        "10.0.0.0/16",
        "10.0.1.0/24",
        "10.0.2.10/32",
        "sg-x",
        "sg-y",
    ]);
    let ports = prop::sample::select(vec!["*", "80", "1000-2000"]);
    let protocol = prop::sample::select(vec!["tcp", "udp", "-1", "icmp"]);
    (protocol, ports, block).prop_map(move |(protocol, ports, block)| {
        let ports = if matches!(protocol, "-1" | "icmp") {
            "*"
        } else {
            ports
        };
        format!("{direction} {protocol} {ports} {block}")
    })
}

pub(super) fn entry() -> impl Strategy<Value = String> {
    let block = prop::sample::select(vec!["0.0.0.0/0", "10.0.0.0/16", "10.0.2.0/24"]);
    let words = (
        any::<bool>(),
        1..40_u16,
        any::<bool>(),
        block,
        any::<bool>(),
    );
    words.prop_map(|(egress, number, allow, block, ports)| {
        let direction = if egress { "out" } else { "in" };
        let action = if allow { "allow" } else { "deny" };
        let (protocol, ports) = if ports {
            ("tcp", "1000-2000")
        } else {
            ("-1", "*")
        };
        format!("{direction} {number} {action} {protocol} {ports} {block}")
    })
}

pub(super) fn network(rules: &[String], entries: &[String], nat: bool) -> Net {
    let rules: Vec<_> = rules.iter().map(String::as_str).collect();
    let entries: Vec<_> = entries.iter().map(String::as_str).collect();
    let (x, y) = rules.split_at(rules.len() / 2);
    let default: &[&str] = if nat { &["8.8.0.0/16 nat-n"] } else { &[] };
    let mut net = Net::default();
    net.vpc("vpc-a", "10.0.0.0/16")
        .subnet("subnet-x", "vpc-a", "10.0.1.0/24", "a")
        .subnet("subnet-y", "vpc-a", "10.0.2.0/24", "b")
        .internet_gateway("igw-a", "vpc-a")
        .acl("acl-x", &["subnet-x", "subnet-y"], &entries)
        .group("sg-x", x)
        .group("sg-y", y)
        .instance("x", "subnet-x", "10.0.1.5", &["sg-x"], None)
        .instance("z", "subnet-x", "10.0.1.6", &["sg-x", "sg-y"], None)
        .instance(
            "y",
            "subnet-y",
            "10.0.2.10",
            &["sg-y"],
            Some("198.51.100.5"),
        )
        .nat_gateway("n", "subnet-y", "10.0.2.20", "198.51.100.20")
        .routes("rtb-main", "vpc-a", "10.0.0.0/16", &["subnet-x"], default)
        .routes("rtb-y", "vpc-a", "10.0.0.0/16", &["subnet-y"], &[])
        .flow_log("vpc-a");
    net
}

proptest! {
    #[test]
    fn a_packet_is_delivered_or_has_exactly_one_drop_reason(
        rules in prop::collection::vec(prop_oneof![rule("in"), rule("out")], 0..12),
        entries in prop::collection::vec(entry(), 0..8),
        nat in any::<bool>(),
        packets in prop::collection::vec((0..3_usize, 0..6_usize, 0..6_usize, prop::sample::select(vec![80_u16, 1500])), 1..12),
    ) {
        let mut bench = network(&rules, &entries, nat).build();
        for (before, (interface, from, to, port)) in packets.into_iter().enumerate() {
            let interface = ["eni-x", "eni-y", "eni-z"][interface];
            let packet = tcp((ADDRESSES[from], 1234), (ADDRESSES[to], port), SYN, 3);
            bench.send(interface, packet);
            prop_assert_eq!(bench.delivered + bench.dropped.len(), before + 1);
        }
        bench.wait(130);
        prop_assert_eq!(captured(&bench), logged(&bench));
    }
}

/// The reason a program's first packet is dropped for, as events tell it.
fn fired(bench: &Bench, spec: &TrafficSpec) -> Option<String> {
    let mut bench = bench.clone();
    add(&mut bench, Input::Traffic(spec.clone()));
    bench.wait(1);
    let first = bench
        .dropped
        .iter()
        .find(|it| it.traffic.as_deref() == Some(&spec.name));
    first.map(|it| it.reason.to_string())
}

#[test]
fn a_fired_packet_agrees_with_the_explained_one() {
    let mut checked = 0;
    for (group, acl) in [
        ("in tcp 8080 sg-app", "in 100 allow -1 * 0.0.0.0/0"),
        ("in tcp 8080 10.0.0.0/24", "in 100 allow -1 * 0.0.0.0/0"),
        ("in -1 * 0.0.0.0/0", "in 100 deny tcp 8000-9000 10.0.1.0/24"),
        ("in -1 * 0.0.0.0/0", "in 100 allow tcp 8080 0.0.0.0/0"),
    ] {
        let mut network = net();
        network.group("sg-db", &[group]);
        network.acl(
            "acl-db",
            &["subnet-db"],
            &[acl, "out 100 allow -1 * 10.0.0.0/16"],
        );
        let bench = populated(&mut network);
        for from in ["app", "desk", "site"] {
            for (to, port) in [
                ("10.0.2.10", 8080),
                ("10.0.2.10", 22),
                ("203.0.113.80", 443),
                ("10.0.2.77", 1),
                ("172.31.0.1", 5),
            ] {
                let spec = TrafficSpec {
                    to_name: None,
                    program: TrafficProgram::Connect,
                    ..http("probe", from, to, port)
                };
                let probe = Probe {
                    from: from.into(),
                    to: parse(to),
                    protocol: ProbeProtocol::Tcp(port),
                    source_port: None,
                    size: None,
                };
                let Ok(report) = explain(&bench.world, &probe) else {
                    continue;
                };
                let first = report.blockers().next().map(ToString::to_string);
                assert_eq!(
                    first,
                    fired(&bench, &spec),
                    "{from} {to} {port} with {group}, {acl}"
                );
                checked += 1;
            }
        }
    }
    assert!(checked > 30, "{checked}");
}

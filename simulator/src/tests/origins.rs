//! Probes that no program sends, on networks that are only thought of, of every size.

use std::net::IpAddr;

use wirelab_model::{Change, CustomerGatewayId, NetworkInterfaceId, SecurityGroupId};

use super::end_to_end::{net, populated};
use super::nat;
use crate::path::{
    Marks, Origin, Probe, ProbeProtocol, explain, explain_with, largest, source_ports,
};
use crate::reach::Ranges;
use crate::testing::{Net, parse};

fn probe(from: Origin, to: &str) -> Probe {
    Probe {
        from,
        to: parse(to),
        protocol: ProbeProtocol::Tcp(8080),
        source_port: None,
        size: None,
    }
}

#[test]
fn interfaces_strangers_and_customers_can_ask() {
    let bench = populated(&mut net());
    let source: IpAddr = parse("192.168.10.77");
    let customer = Origin::CustomerGateway {
        id: CustomerGatewayId::new("cgw-a"),
        source,
    };
    let interface = |source: Option<&str>| Origin::Interface {
        id: NetworkInterfaceId::new("eni-app"),
        source: source.map(parse),
    };
    let stranger = Origin::Internet {
        source: parse("8.8.8.8"),
    };
    for (from, to, expected) in [
        (interface(None), "10.0.2.10", None),
        (
            interface(Some("10.0.1.99")),
            "10.0.2.10",
            Some("ENI_SOURCE_DEST_CHECK_RESTRICTION"),
        ),
        (customer, "10.0.2.10", None),
        (stranger, "10.0.2.10", Some("NO_POSSIBLE_DESTINATION")),
    ] {
        let report = explain(&bench.world, &probe(from.clone(), to)).expect("it can be asked");
        let first = report.blockers().next();
        let code = first.map(|it| it.code().map_or("none", |it| it.as_str()));
        assert_eq!(code, expected, "{from}");
        assert_eq!(report.reachable(), expected.is_none(), "{from}");
    }
}

#[test]
fn nobody_asks_over_the_other_version_of_ip() {
    let bench = populated(&mut net());
    let id = NetworkInterfaceId::new("eni-app");
    let source = Some(parse("10.0.1.10"));
    let source_only = Origin::Interface { id, source };
    let stranger = Origin::Internet {
        source: parse("8.8.8.8"),
    };
    for from in [stranger, source_only] {
        let asked = explain(&bench.world, &probe(from, "2001:db8::7"));
        assert!(asked.is_err(), "{asked:?}");
    }
}

#[test]
fn what_a_change_would_do_is_known_before_it_is_made() {
    let bench = populated(&mut net());
    let probe = probe("app".into(), "10.0.2.10");
    let mut closed = Net::default();
    closed.group("sg-db", &[]);
    let what_if = explain_with(&bench.world, &closed.changes, &probe).expect("it is sent");
    assert_eq!(what_if.blockers().count(), 1);
    let gone = Change::Remove(wirelab_model::ResourceRef::SecurityGroup(
        SecurityGroupId::new("sg-unknown"),
    ));
    let as_is = explain_with(&bench.world, &[gone], &probe).expect("it is sent");
    assert!(as_is.reachable());
    assert!(
        explain(&bench.world, &probe)
            .expect("it is sent")
            .reachable()
    );
}

#[test]
fn the_largest_probe_that_passes_is_found_with_what_stops_a_larger_one() {
    let bench = populated(&mut net());
    let ping = |to: &str| Probe {
        protocol: ProbeProtocol::Icmp,
        ..probe("app".into(), to)
    };
    let inside = largest(&bench.world, &ping("10.0.2.10")).expect("it is sent");
    assert_eq!((inside.size, inside.limit), (9001, None));
    for (to, size, hop, told) in [
        ("203.0.113.80", 1500, "igw", true),
        ("192.168.10.77", 1400, "vpn", false),
    ] {
        let fit = largest(&bench.world, &ping(to)).expect("it is sent");
        assert_eq!(fit.size, size, "{to}");
        let (place, drop) = fit.limit.expect("something stops larger ones");
        assert_eq!(place.word(), hop);
        assert_eq!(drop.to_string().contains("ICMP tells"), told, "{drop}");
    }
}

#[test]
fn the_internet_reaches_its_own_machines_and_carries_1500_octets() {
    let bench = populated(&mut net());
    let stranger = || Origin::Internet {
        source: parse("8.8.8.8"),
    };
    let web = Probe {
        protocol: ProbeProtocol::Tcp(443),
        ..probe(stranger(), "203.0.113.80")
    };
    let report = explain(&bench.world, &web).expect("it can be asked");
    assert!(report.reachable(), "{report:?}");
    for to in ["203.0.113.80", "198.51.100.10"] {
        let long = Probe {
            size: Some(1501),
            ..probe(stranger(), to)
        };
        let fit = largest(&bench.world, &long).expect("it can be asked");
        assert_eq!(fit.size, 1500, "{to}");
        let report = explain(&bench.world, &long).expect("it can be asked");
        assert!(!report.forward.delivered(), "{to}");
    }
}

#[test]
fn what_answers_a_nat_gateways_own_probe_has_arrived() {
    let id = NetworkInterfaceId::new("eni-nat");
    let probe = Probe {
        protocol: ProbeProtocol::Tcp(443),
        ..probe(Origin::Interface { id, source: None }, "203.0.113.80")
    };
    let bench = nat::net(&OPEN, &OPEN).build();
    let report = explain(&bench.world, &probe).expect("it can be asked");
    assert!(report.reachable(), "{report:?}");
    let ports = source_ports(&bench.world, &report).expect("it is TCP");
    assert_eq!(words(&ports.delivered), [(1024, 65_535)]);
    // An answer that its subnet's network ACL refuses has not.
    let deaf = ["out 100 allow -1 * 0.0.0.0/0"];
    let bench = nat::net(&OPEN, &deaf).build();
    let report = explain(&bench.world, &probe).expect("it can be asked");
    let code = report.blockers().find_map(crate::DropReason::code);
    let code = code.map(crate::ExplanationCode::as_str);
    assert_eq!(code, Some("SUBNET_ACL_RESTRICTION"));
}

fn words(ranges: &Ranges) -> Vec<(u128, u128)> {
    let all = ranges.intervals().iter();
    all.map(|it| (it.low, it.high)).collect()
}

const OPEN: [&str; 2] = [
    "out 100 allow -1 * 0.0.0.0/0",
    "in 100 allow -1 * 0.0.0.0/0",
];

/// What `app` is shown of a ping to the internet.
fn shown(net: &mut Net, size: Option<u16>) -> String {
    let id = NetworkInterfaceId::new("eni-app");
    let probe = Probe {
        protocol: ProbeProtocol::Icmp,
        size,
        ..probe(Origin::Interface { id, source: None }, "203.0.113.80")
    };
    let report = explain(&net.build().world, &probe).expect("it can be asked");
    report.display(&(), Marks::Unicode).to_string()
}

#[test]
fn no_group_is_asked_of_what_a_nat_gateway_sends() {
    let bench = nat::net(&OPEN, &OPEN).build();
    let id = NetworkInterfaceId::new("eni-nat");
    let probe = probe(Origin::Interface { id, source: None }, "203.0.113.80");
    let report = explain(&bench.world, &probe).expect("it can be asked");
    let shown = report.display(&(), Marks::Unicode).to_string();
    assert!(
        shown.starts_with(" → SYN      acl acl-nat out ✓ 100"),
        "{shown}"
    );
}

#[test]
fn what_the_sender_is_told_is_followed_too() {
    let told = shown(&mut nat::net(&OPEN, &OPEN), Some(8501));
    let [_, error, ..] = &told.lines().collect::<Vec<_>>()[..] else {
        panic!("{told}");
    };
    // A group that allows nothing in lets no error in either (ruling C1).
    let way = " ← ICMP 3/4  acl acl-nat out ✓ 100  route local ✓  acl acl-private in ✓ 100  \
               sg sg-app in ✗ no rule allows it   DROPPED";
    assert_eq!(*error, way);
    let mut open = nat::net(&OPEN, &OPEN);
    open.group("sg-app", &["out -1 * 0.0.0.0/0", "in -1 * 10.0.2.20/32"]);
    let told = shown(&mut open, Some(8501));
    assert!(told.contains("sg sg-app in ✓   DELIVERED"), "{told}");
}

#[test]
fn of_a_circle_one_round_is_shown_and_what_ends_it() {
    let mut net = nat::net(&OPEN, &OPEN);
    let itself = ["0.0.0.0/0 nat-nat"];
    net.routes("rtb-nat", "vpc-a", "10.0.0.0/16", &["subnet-nat"], &itself);
    let text = shown(&mut net, None);
    assert!(
        text.contains("again and again, until the TTL is used up"),
        "{text}"
    );
    assert!(text.contains("nat nat-nat ✗ the TTL reached 0"), "{text}");
    assert!(text.len() < 1000, "{text}");
    // The gateway tells itself so.
    assert!(
        text.contains("10.0.2.20 is the address of eni-nat"),
        "{text}"
    );
}

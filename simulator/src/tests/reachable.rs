//! The reachable set and packets that are fired agree, inside the set and outside.

use proptest::prelude::*;
use proptest::sample::select;
use wirelab_model::VpcId;
use wirelab_wire::IpPacket;

use super::agreement::{entry, network, rule};
use crate::reach::{Dimension, End, Packet, Reach, reach};
use crate::testing::{Bench, Net, SYN, SYN_ACK, answer, parse, tcp};
use crate::verdict::{DropReason, InternetGatewayDrop};

/// What a fired SYN does: whether it arrives, and whether its answer gets back. `None` in place of
/// the second where it leaves for the internet.
fn fired(bench: &Bench, interface: &str, packet: IpPacket) -> (bool, Option<bool>) {
    let mut bench = bench.clone();
    bench.captured.clear();
    let drops = bench.send(interface, packet);
    if let [DropReason::InternetGateway(InternetGatewayDrop::NoSuchPublicAddress { .. })] =
        drops[..]
    {
        return (true, None);
    }
    if bench.delivered == 0 {
        return (false, Some(false));
    }
    let arrived = bench.captured.iter().rev().find(|it| !it.outbound);
    let arrived = arrived.expect("what is delivered is captured").clone();
    let crate::event::CapturePoint::Interface(there) = &arrived.point else {
        panic!("{:?}", arrived.point);
    };
    bench.delivered = 0;
    let back = answer(arrived.packet().expect("an IP packet"), SYN_ACK, 0);
    bench.send(there.as_str(), back);
    (true, Some(bench.delivered == 1))
}

fn check(bench: &Bench, reach: &Reach, interface: &str, packet: &Packet) -> Result<(), String> {
    let end = |address: std::net::IpAddr| address.to_string();
    let syn = tcp(
        (&end(packet.source), packet.source_port),
        (&end(packet.destination), packet.destination_port),
        SYN,
        0,
    );
    let from = End::Vpc(VpcId::new("vpc-a"));
    let (arrives, answered) = fired(bench, interface, syn);
    let said = (reach.delivers(&from, packet), reach.works(&from, packet));
    if said.0 != arrives || answered.is_some_and(|it| it != said.1) {
        return Err(format!(
            "{packet}: said {said:?}, fired {arrives} {answered:?}"
        ));
    }
    Ok(())
}

const OWN: [(&str, &str); 3] = [
    ("eni-x", "10.0.1.5"),
    ("eni-z", "10.0.1.6"),
    ("eni-y", "10.0.2.10"),
];
const DESTINATIONS: [&str; 8] = [
    "10.0.1.5",
    "10.0.1.6",
    "10.0.2.10",
    "10.0.2.99",
    "8.8.8.8",
    "198.51.100.5",
    "198.51.100.20",
    "192.168.1.1",
];
const PORTS: [u16; 8] = [1, 79, 80, 81, 999, 1000, 2000, 2001];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn the_reachable_set_is_what_fired_packets_reach(
        rules in prop::collection::vec(prop_oneof![rule("in"), rule("out")], 0..12),
        entries in prop::collection::vec(entry(), 0..8),
        nat in any::<bool>(),
        packets in prop::collection::vec(
            (0..3_usize, select(&DESTINATIONS[..]), select(&PORTS[..]), select(&PORTS[..])), 12,
        ),
    ) {
        let bench = network(&rules, &entries, nat).build();
        let reach = reach(&bench.world);
        for (own, destination, source_port, destination_port) in packets {
            let (interface, source) = OWN[own];
            if source == destination {
                continue;
            }
            let packet = Packet {
                source: parse(source),
                destination: parse(destination),
                protocol: 6,
                source_port,
                destination_port,
                reply: false,
            };
            let checked = check(&bench, &reach, interface, &packet);
            prop_assert!(checked.is_ok(), "{}", checked.unwrap_err());
        }
        // And from every box one packet.
        let from = End::Vpc(VpcId::new("vpc-a"));
        for (_, _, flows) in reach.flows().filter(|(its, _, _)| **its == from) {
            for region in flows.delivered.regions() {
                let tcp = region.side(Dimension::Protocol).only() == Some(6);
                let mut one = crate::reach::PacketSet::empty();
                one.insert(region.clone());
                let sample = one.sample().expect("a box holds a packet");
                let own = OWN.iter().find(|(_, it)| sample.source.to_string() == *it);
                let Some((interface, _)) = own.filter(|_| tcp) else { continue };
                if sample.source == sample.destination {
                    continue;
                }
                let checked = check(&bench, &reach, interface, &sample);
                prop_assert!(checked.is_ok(), "{}", checked.unwrap_err());
            }
        }
    }
}

#[test]
fn a_thousand_interfaces_of_few_kinds_are_few_boxes() {
    let open = [
        "in 90 deny tcp 22 0.0.0.0/0",
        "in 100 allow -1 * 0.0.0.0/0",
        "out 100 allow -1 * 0.0.0.0/0",
    ];
    let subnets: Vec<_> = (0..4).map(|it| format!("subnet-{it}")).collect();
    let names: Vec<_> = subnets.iter().map(String::as_str).collect();
    let mut net = Net::default();
    net.vpc("vpc-a", "10.0.0.0/16");
    for (at, name) in names.iter().enumerate() {
        net.subnet(name, "vpc-a", &format!("10.0.{at}.0/24"), "a");
    }
    net.acl("acl-open", &names, &open)
        .routes("rtb-main", "vpc-a", "10.0.0.0/16", &[], &[])
        .group("sg-web", &["out -1 * 0.0.0.0/0"])
        .group("sg-db", &["in tcp 5432 sg-web", "in tcp 22 10.0.0.0/16"]);
    for at in 0..1000 {
        let (subnet, host) = (at % 4, 4 + at / 4);
        let group = if (at / 4) % 2 == 0 { "sg-web" } else { "sg-db" };
        let address = format!("10.0.{subnet}.{host}");
        net.instance(&format!("m{at}"), names[subnet], &address, &[group], None);
    }
    let bench = net.build();
    let reach = reach(&bench.world);
    let vpc = End::Vpc(VpcId::new("vpc-a"));
    let flows = reach.between(&vpc, &vpc).expect("something works");
    // 500 clients of one kind, 500 servers of another. The list is asked between subnets alone: no
    // SSH there, nor answers to port 22.
    let total = |port: u128| {
        let boxes = flows.answered.regions().iter().cloned();
        let to = crate::reach::Ranges::single(port);
        let boxes = boxes.filter_map(|it| it.with(Dimension::DestinationPort, to.clone()));
        boxes.map(|it| it.count()).sum::<u128>()
    };
    let within = 4 * 125 * 125;
    assert_eq!(total(5432), 500 * 500 * 65536 - (500 * 500 - within));
    assert_eq!(total(22), within * 65536);
    assert!(flows.answered.regions().len() < 20);
    assert_eq!(reach.difference(&reach).count(), 0);
}

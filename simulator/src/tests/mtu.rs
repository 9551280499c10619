//! Packets that are too long for a hop, and who is told.

use std::fmt::Write;

use wirelab_model::IpProtocol;
use wirelab_wire::{IcmpMessage, TcpOption, Transport, Unreachable};

use crate::config::{FabricConfig, IcmpRelated};
use crate::testing::{ACK, Bench, Net, SYN, SYN_ACK, answer, parse, tcp};
use crate::verdict::{DropReason, PacketDrop};

/// `web` has a public address; `site` is on the internet.
fn net(group: &[&str], acl: &[&str]) -> Net {
    let mut net = Net::default();
    net.vpc("vpc-a", "10.0.0.0/16")
        .subnet("subnet-a", "vpc-a", "10.0.1.0/24", "a")
        .internet_gateway("igw-a", "vpc-a")
        .acl("acl-a", &["subnet-a"], acl)
        .group("sg-a", group)
        .instance(
            "web",
            "subnet-a",
            "10.0.1.5",
            &["sg-a"],
            Some("198.51.100.5"),
        )
        .routes("rtb-a", "vpc-a", "10.0.0.0/16", &[], &["0.0.0.0/0 igw-a"])
        .vpc("vpc-b", "172.16.0.0/16")
        .subnet("subnet-b", "vpc-b", "172.16.0.0/24", "a")
        .internet_gateway("igw-b", "vpc-b")
        .group("sg-b", &["in tcp 443 0.0.0.0/0", "out -1 * 0.0.0.0/0"])
        .instance(
            "site",
            "subnet-b",
            "172.16.0.80",
            &["sg-b"],
            Some("203.0.113.80"),
        )
        .routes("rtb-b", "vpc-b", "172.16.0.0/16", &[], &["0.0.0.0/0 igw-b"]);
    net
}

const OPEN: [&str; 2] = [
    "in 100 allow -1 * 0.0.0.0/0",
    "out 100 allow -1 * 0.0.0.0/0",
];

/// A connection, then a segment of 3000 octets with DF. Returns the drops.
fn oversize(bench: &mut Bench) -> Vec<String> {
    let to = ("203.0.113.80", 443);
    bench.send("eni-web", tcp(("10.0.1.5", 40000), to, SYN, 0));
    let arrived = bench.take_in("eni-site").expect("a SYN fits");
    bench.send("eni-site", answer(&arrived, SYN_ACK, 0));
    bench.captured.clear();
    let drops = bench.send("eni-web", tcp(("10.0.1.5", 40000), to, ACK, 2960));
    drops.iter().map(ToString::to_string).collect()
}

#[test]
fn an_internet_gateway_tells_the_sender_from_its_subnets_router() {
    let mut bench = net(&["out -1 * 0.0.0.0/0", "in icmp 3/4 0.0.0.0/0"], &OPEN).build();
    assert_eq!(
        oversize(&mut bench),
        ["3000 octets exceed the MTU 1500; ICMP tells the sender"]
    );
    let error = bench.last_in("eni-web").expect("the error comes");
    assert_eq!(error.source(), parse::<std::net::IpAddr>("10.0.1.1"));
    let Transport::Icmp(IcmpMessage::DestinationUnreachable { code, quoted }) = &error.transport
    else {
        panic!("{error:?}");
    };
    assert_eq!(
        *code,
        Unreachable::FragmentationNeeded { next_hop_mtu: 1500 }
    );
    let quoted = wirelab_wire::QuotedPacket::parse(quoted).expect("a packet");
    assert_eq!(
        quoted.five_tuple().to_string(),
        "tcp 10.0.1.5:40000 -> 203.0.113.80:443"
    );
}

#[test]
fn the_error_needs_a_rule_in_group_and_acl_unless_related_errors_are_let_in() {
    let tcp_only = [
        "out 100 allow -1 * 0.0.0.0/0",
        "in 100 allow tcp * 0.0.0.0/0",
    ];
    let mut text = String::new();
    for (related, group, acl) in [
        (IcmpRelated::Strict, &["out -1 * 0.0.0.0/0"][..], &OPEN),
        (IcmpRelated::Related, &["out -1 * 0.0.0.0/0"], &OPEN),
        (
            IcmpRelated::Related,
            &["out -1 * 0.0.0.0/0", "in -1 * 0.0.0.0/0"],
            &tcp_only,
        ),
    ] {
        let fabric = FabricConfig {
            icmp_related: related,
            ..FabricConfig::default()
        };
        let mut bench = net(group, acl).build_with(fabric);
        let drops = oversize(&mut bench);
        let arrives = bench.last_in("eni-web").is_some();
        writeln!(text, "{related:?}: error arrives: {arrives}").expect("a string");
        for drop in &drops[1..] {
            writeln!(text, "  {drop}").expect("a string");
        }
    }
    insta::assert_snapshot!(text, @r"
    Strict: error arrives: false
      no inbound rule of sg-a on eni-web allows it
    Related: error arrives: true
    Related: error arrives: false
      matched inbound rule * deny all of acl-a
    ");
    assert_eq!(IpProtocol::ICMP.to_string(), "icmp");
}

#[test]
fn without_df_the_packet_passes_in_pieces() {
    let mut bench = net(&["out -1 * 0.0.0.0/0"], &OPEN).build();
    let from: std::net::SocketAddr = parse("10.0.1.5:5000");
    let mut packet = wirelab_wire::IpPacket::udp(from, parse("203.0.113.80:443"), vec![7; 4000]);
    packet.header = packet
        .header
        .with_dont_fragment(false)
        .with_identification(9);
    let mut change = Net::default();
    change.group("sg-b", &["in udp 443 0.0.0.0/0"]);
    bench.change(&mut change);
    assert_eq!(bench.send("eni-web", packet), []);
    let sizes: Vec<_> = bench
        .captured
        .iter()
        .filter(|it| !it.outbound)
        .filter_map(|it| Some(it.packet()?.total_len()))
        .collect();
    assert_eq!(sizes, [1500, 1500, 1068]);
}

#[test]
fn a_nat_gateway_clamps_the_mss_and_translates_the_error_about_a_long_packet() {
    let mut net = net(&["out -1 * 0.0.0.0/0", "in icmp 3/4 0.0.0.0/0"], &OPEN);
    net.subnet("subnet-p", "vpc-a", "10.0.2.0/24", "a")
        .instance("app", "subnet-p", "10.0.2.5", &["sg-a"], None)
        .nat_gateway("n", "subnet-a", "10.0.1.20", "198.51.100.20")
        .routes(
            "rtb-p",
            "vpc-a",
            "10.0.0.0/16",
            &["subnet-p"],
            &["0.0.0.0/0 nat-n"],
        );
    let mut bench = net.build();
    let to = ("203.0.113.80", 443);
    let mut syn = tcp(("10.0.2.5", 40000), to, SYN, 0);
    let segment = syn.as_tcp_mut().expect("TCP");
    segment.options.push(TcpOption::MaximumSegmentSize(8961));
    bench.send("eni-app", syn);
    let arrived = bench.take_in("eni-site").expect("a SYN fits");
    let mss = arrived
        .as_tcp()
        .and_then(wirelab_wire::TcpSegment::maximum_segment_size);
    assert_eq!(mss, Some(8460));
    bench.send("eni-site", answer(&arrived, SYN_ACK, 0));
    bench.captured.clear();
    // 1500 at the internet gateway: the error goes to the NAT gateway, which hands it on.
    let drops = bench.send("eni-app", tcp(("10.0.2.5", 40000), to, ACK, 2960));
    assert!(
        matches!(
            drops[..],
            [DropReason::Packet(PacketDrop::MtuExceeded {
                mtu: 1500,
                icmp_sent: true,
                ..
            })]
        ),
        "{drops:?}"
    );
    let error = bench.last_in("eni-app").expect("the error comes");
    let quoted =
        wirelab_wire::QuotedPacket::parse(error.quoted().expect("an error")).expect("a packet");
    assert_eq!(
        quoted.five_tuple().to_string(),
        "tcp 10.0.2.5:40000 -> 203.0.113.80:443"
    );
    // 8500 at the NAT gateway itself.
    let drops = bench.send("eni-app", tcp(("10.0.2.5", 40000), to, ACK, 8900));
    assert!(
        matches!(
            drops[..],
            [DropReason::Packet(PacketDrop::MtuExceeded {
                mtu: 8500,
                icmp_sent: true,
                ..
            })]
        ),
        "{drops:?}"
    );
    let error = bench.last_in("eni-app").expect("the error comes");
    assert_eq!(error.source(), parse::<std::net::IpAddr>("10.0.1.20"));
}

//! Security groups and connection tracking, network ACLs between subnets, routes.

use crate::testing::{ACK, Net, SYN, SYN_ACK, answer, tcp};
use crate::verdict::{DropReason, InterfaceDrop, RouteTableDrop, SecurityGroupDrop, VpcDrop};

/// `web` and `db` in two subnets; the default ACLs.
fn net(web: &[&str], db: &[&str]) -> Net {
    let all = [
        "in 100 allow -1 * 0.0.0.0/0",
        "out 100 allow -1 * 0.0.0.0/0",
    ];
    let mut net = Net::default();
    net.vpc("vpc-a", "10.0.0.0/16")
        .subnet("subnet-web", "vpc-a", "10.0.1.0/24", "a")
        .subnet("subnet-db", "vpc-a", "10.0.2.0/24", "b")
        .acl("acl-all", &["subnet-web", "subnet-db"], &all)
        .routes("rtb-main", "vpc-a", "10.0.0.0/16", &[], &[])
        .group("sg-web", web)
        .group("sg-db", db)
        .instance("web", "subnet-web", "10.0.1.5", &["sg-web"], None)
        .instance("db", "subnet-db", "10.0.2.10", &["sg-db"], None);
    net
}

fn syn() -> wirelab_wire::IpPacket {
    tcp(("10.0.1.5", 40000), ("10.0.2.10", 3306), SYN, 0)
}

#[test]
fn a_group_reference_lets_its_members_in_and_the_answer_needs_no_rule() {
    let mut bench = net(&["out tcp 3306 sg-db"], &["in tcp 3306 sg-web"]).build();
    assert_eq!(bench.send("eni-web", syn()), []);
    let arrived = bench.take_in("eni-db").expect("it arrives");
    assert_eq!(bench.send("eni-db", answer(&arrived, SYN_ACK, 0)), []);
    assert!(bench.take_in("eni-web").is_some());
    let other = tcp(("10.0.1.5", 40000), ("10.0.2.10", 22), SYN, 0);
    let drops = bench.send("eni-web", other);
    assert!(
        matches!(
            drops[..],
            [DropReason::SecurityGroup(SecurityGroupDrop::NoRule { .. })]
        ),
        "{drops:?}"
    );
}

/// Opens a connection from web to db, then revokes db's rule and sends one more segment.
fn after_revocation(db: &[&str], rest: &[&str]) -> Vec<DropReason> {
    let mut bench = net(&["out -1 * 0.0.0.0/0"], db).build();
    assert_eq!(bench.send("eni-web", syn()), []);
    let arrived = bench.take_in("eni-db").expect("it arrives");
    assert_eq!(bench.send("eni-db", answer(&arrived, SYN_ACK, 0)), []);
    let mut change = Net::default();
    change.group("sg-db", rest);
    bench.change(&mut change);
    bench.send(
        "eni-web",
        tcp(("10.0.1.5", 40000), ("10.0.2.10", 3306), ACK, 5),
    )
}

#[test]
fn a_tracked_connection_outlives_its_rule_and_an_untracked_one_does_not() {
    let narrow = after_revocation(
        &["in tcp 3306 10.0.0.0/16", "out -1 * 0.0.0.0/0"],
        &["out -1 * 0.0.0.0/0"],
    );
    assert_eq!(narrow, [], "a narrow rule: tracked");
    let wide = after_revocation(
        &["in tcp 3306 0.0.0.0/0", "out -1 * 0.0.0.0/0"],
        &["out -1 * 0.0.0.0/0"],
    );
    assert!(
        matches!(
            wide[..],
            [DropReason::SecurityGroup(SecurityGroupDrop::NoRule { .. })]
        ),
        "untracked: {wide:?}"
    );
    let closed_back = after_revocation(&["in tcp 3306 0.0.0.0/0"], &[]);
    assert_eq!(
        closed_back,
        [],
        "0.0.0.0/0 in, but not every port out: tracked"
    );
}

#[test]
fn tracking_ends_with_the_idle_timeout_and_a_mid_flow_segment_is_judged_anew() {
    let mut network = net(&["out -1 * 0.0.0.0/0"], &["in tcp 3306 10.0.0.0/16"]);
    let mut nic = network.interface("db", "subnet-db", "10.0.2.10", &["sg-db"], None);
    nic.connection_tracking_configuration
        .tcp_established_timeout = Some(60);
    nic.attachment = network.changes.iter().find_map(|change| match change {
        wirelab_model::Change::Put(wirelab_model::Resource::NetworkInterface(it))
            if it.network_interface_id == nic.network_interface_id =>
        {
            it.attachment.clone()
        }
        _ => None,
    });
    network.put(nic);
    let mut bench = network.build();
    bench.send("eni-web", syn());
    let arrived = bench.take_in("eni-db").expect("it arrives");
    bench.send("eni-db", answer(&arrived, SYN_ACK, 0));
    bench.send(
        "eni-web",
        tcp(("10.0.1.5", 40000), ("10.0.2.10", 3306), ACK, 0),
    );
    bench.wait(50);
    assert_eq!(
        bench.send("eni-db", answer(&arrived, ACK, 5)),
        [],
        "idle for 51 s"
    );
    bench.wait(60);
    let drops = bench.send("eni-db", answer(&arrived, ACK, 5));
    assert!(
        matches!(
            drops[..],
            [DropReason::SecurityGroup(SecurityGroupDrop::NoRule { .. })]
        ),
        "{drops:?}"
    );
}

#[test]
fn within_a_subnet_no_acl_is_asked() {
    let mut net = net(&["in -1 * 0.0.0.0/0", "out -1 * 0.0.0.0/0"], &[]);
    net.instance("peer", "subnet-web", "10.0.1.6", &["sg-web"], None)
        .acl("acl-all", &["subnet-web", "subnet-db"], &[]);
    let mut bench = net.build();
    assert_eq!(
        bench.send("eni-web", tcp(("10.0.1.5", 1), ("10.0.1.6", 2), SYN, 0)),
        []
    );
    let drops = bench.send("eni-web", syn());
    let text: Vec<_> = drops.iter().map(ToString::to_string).collect();
    assert_eq!(text, ["matched outbound rule * deny all of acl-all"]);
}

#[test]
fn the_source_check_stops_a_foreign_source_and_the_destination_check_a_foreign_destination() {
    let open = ["in -1 * 0.0.0.0/0", "out -1 * 0.0.0.0/0"];
    let mut bench = net(&open, &open).build();
    let drops = bench.send("eni-web", tcp(("10.9.9.9", 1), ("10.0.2.10", 2), SYN, 0));
    let [DropReason::Interface(InterfaceDrop::SourceDestCheck { address, .. })] = &drops[..] else {
        panic!("{drops:?}");
    };
    assert_eq!(address.to_string(), "10.9.9.9");

    let fabric = crate::FabricConfig {
        conntrack_limit: Some(1),
        ..crate::FabricConfig::default()
    };
    let mut bench = net(&["out tcp * 10.0.0.0/16"], &open).build_with(fabric);
    bench.send("eni-web", tcp(("10.9.9.9", 1), ("10.0.2.10", 2), SYN, 0));
    assert_eq!(bench.send("eni-web", syn()), [], "no entry was left");
}

#[test]
fn a_blackhole_and_a_missing_route_are_told_apart() {
    let open = ["in -1 * 0.0.0.0/0", "out -1 * 0.0.0.0/0"];
    let mut net = net(&open, &open);
    net.routes(
        "rtb-main",
        "vpc-a",
        "10.0.0.0/16",
        &[],
        &["192.168.0.0/16 nat-gone"],
    );
    let mut bench = net.build();
    let mut to = |address| bench.send("eni-web", tcp(("10.0.1.5", 1), (address, 2), SYN, 0));
    let gone = to("192.168.1.1");
    assert!(
        matches!(
            gone[..],
            [DropReason::RouteTable(RouteTableDrop::Blackhole { .. })]
        ),
        "{gone:?}"
    );
    let nowhere = to("8.8.8.8");
    assert!(
        matches!(
            nowhere[..],
            [DropReason::RouteTable(RouteTableDrop::NoRoute { .. })]
        ),
        "{nowhere:?}"
    );
    let nobody = to("10.0.2.77");
    assert!(
        matches!(
            nobody[..],
            [DropReason::Vpc(VpcDrop::UnknownDestination { .. })]
        ),
        "{nobody:?}"
    );
}

#[test]
fn a_full_tracking_table_refuses_what_needs_a_new_entry() {
    let fabric = crate::FabricConfig {
        conntrack_limit: Some(3),
        ..crate::FabricConfig::default()
    };
    let rules = ["in tcp 3306 10.0.0.0/16"];
    let mut bench = net(&["out tcp * 10.0.0.0/16"], &rules).build_with(fabric);
    let mut drops = Vec::new();
    for port in 1..=4 {
        drops.extend(bench.send(
            "eni-web",
            tcp(("10.0.1.5", port), ("10.0.2.10", 3306), SYN, 0),
        ));
    }
    assert!(
        matches!(
            drops[..],
            [DropReason::SecurityGroup(
                SecurityGroupDrop::ConntrackAllowance { limit: 3, .. }
            )]
        ),
        "{drops:?}"
    );
    assert_eq!(
        bench.send("eni-web", tcp(("10.0.1.5", 1), ("10.0.2.10", 3306), ACK, 0)),
        []
    );
}

#[test]
fn the_fragments_of_an_allowed_datagram_follow_their_first_one() {
    let mut bench = net(&["out -1 * 0.0.0.0/0"], &["in udp 53 10.0.1.0/24"]).build();
    for (port, arrive) in [(53, 3), (54, 0)] {
        let from: std::net::SocketAddr = crate::testing::parse("10.0.1.5:4000");
        let to = std::net::SocketAddr::new(crate::testing::parse("10.0.2.10"), port);
        let mut packet = wirelab_wire::IpPacket::udp(from, to, vec![0; 20_000]);
        packet.header = packet
            .header
            .with_dont_fragment(false)
            .with_identification(port);
        bench.captured.clear();
        for fragment in packet.fragment(9001) {
            bench.send("eni-web", fragment);
        }
        let inbound = bench.captured.iter().filter(|it| !it.outbound).count();
        assert_eq!(inbound, arrive);
    }
}

//! VPC peering: `facts.md` 2.5, 2.6, 2.1 (references), 2.9 (references), 2.12 (traffic path), rows
//! 35 and 44.
//!
//! `a` (10.1.0.5) and `b` (10.2.0.5) are peers in one Region; `c` (10.3.0.5) is a peer of `b`, `far`
//! (10.4.0.5) one of `a` in another Region. `proxy` (10.2.0.9) forwards in `b`'s VPC.

use wirelab_model::*;
use wirelab_wire::IpPacket;

use crate::testing::{ACK, Bench, Net, SYN, parse, tcp};
use crate::tests::table::{Table, outcome};

const A: &str = "10.1.0.5";
const B: &str = "10.2.0.5";
const C: &str = "10.3.0.5";
const FAR: &str = "10.4.0.5";
const VPCS: [(&str, &str, &str); 4] = [
    ("a", "10.1", "us-east-1"),
    ("b", "10.2", "us-east-1"),
    ("c", "10.3", "us-east-1"),
    ("far", "10.4", "eu-west-1"),
];
const DELIVERED: &str = "delivered";
const OPEN: [&str; 4] = [
    "in -1 * 0.0.0.0/0",
    "out -1 * 0.0.0.0/0",
    "in -1 * ::/0",
    "out -1 * ::/0",
];

fn connection(name: &str, status: PeeringStatus) -> VpcPeeringConnection {
    let (requester, accepter) = name.split_once('-').expect("`a-b`");
    let end = |vpc: &str| {
        let region = VPCS.iter().find(|it| it.0 == vpc).expect("a VPC").2;
        PeeringVpc {
            vpc_id: VpcId::new(format!("vpc-{vpc}")),
            owner_id: "123456789012".into(),
            region: region.into(),
            allow_dns_resolution_from_remote_vpc: false,
        }
    };
    VpcPeeringConnection {
        vpc_peering_connection_id: VpcPeeringConnectionId::new(format!("pcx-{name}")),
        requester: end(requester),
        accepter: end(accepter),
        status,
        status_message: String::new(),
        expiration_time: UnixTime::default(),
        ended_by: None,
        is_hidden: false,
        tags: Vec::new(),
    }
}

/// The group in the VPC that it is of.
fn group(net: &mut Net, name: &str, vpc: &str, rules: &[&str]) {
    net.group(name, rules);
    if let Some(Change::Put(Resource::SecurityGroup(group))) = net.changes.last_mut() {
        std::sync::Arc::make_mut(group).vpc_id = VpcId::new(format!("vpc-{vpc}"));
    }
}

fn routes_of(net: &mut Net, vpc: &str, routes: &[&str]) {
    let block = VPCS.iter().find(|it| it.0 == vpc).expect("a VPC").1;
    let (id, local) = (format!("vpc-{vpc}"), format!("{block}.0.0/16"));
    net.routes(&format!("rtb-{vpc}"), &id, &local, &[], routes);
}

fn net() -> Net {
    let mut net = Net::default();
    for (vpc, block, region) in VPCS {
        let (id, subnet) = (format!("vpc-{vpc}"), format!("subnet-{vpc}"));
        let zone = format!("{region}a");
        net.vpc(&id, &format!("{block}.0.0/16"));
        if let Some(Change::Put(Resource::Vpc(vpc))) = net.changes.last_mut() {
            std::sync::Arc::make_mut(vpc).region = region.into();
        }
        net.subnet(&subnet, &id, &format!("{block}.0.0/24"), &zone);
        let name = format!("sg-{vpc}");
        group(&mut net, &name, vpc, &OPEN);
        net.instance(vpc, &subnet, &format!("{block}.0.5"), &[&name], None);
        net.flow_log(&format!("eni-{vpc}"));
    }
    net.instance("proxy", "subnet-b", "10.2.0.9", &["sg-b"], None);
    if let Some(Change::Put(Resource::NetworkInterface(nic))) = net.changes.last_mut() {
        std::sync::Arc::make_mut(nic).source_dest_check = false;
    }
    let everywhere = [
        "10.2.0.0/16 pcx-a-b",
        "10.3.0.0/16 pcx-a-b",
        "10.4.0.0/16 pcx-a-far",
        "192.168.0.0/16 pcx-a-b",
        "52.216.0.0/15 pcx-a-b",
        "0.0.0.0/0 pcx-a-b",
    ];
    routes_of(&mut net, "a", &everywhere);
    routes_of(
        &mut net,
        "b",
        &["10.1.0.0/16 pcx-a-b", "10.3.0.0/16 pcx-b-c"],
    );
    routes_of(&mut net, "c", &["10.2.0.0/16 pcx-b-c"]);
    routes_of(&mut net, "far", &["10.1.0.0/16 pcx-a-far"]);
    for name in ["a-b", "b-c", "a-far"] {
        net.put(connection(name, PeeringStatus::Active));
    }
    net
}

fn between(bench: &mut Bench, from: &str, by: &str, to: &str) -> String {
    let interface = format!("eni-{by}");
    outcome(&bench.send(&interface, tcp((from, 40_000), (to, 443), SYN, 0)))
}

#[test]
fn a_connection_joins_two_vpcs_and_nothing_beyond_them() {
    let mut table = Table::default();
    let fresh = || net().build();
    let rows = [
        ("2.5", "a to its peer", A, "a", B, DELIVERED),
        ("2.5", "b to its other peer", B, "b", C, DELIVERED),
        (
            "2.5",
            "a to a peer in another Region",
            A,
            "a",
            FAR,
            DELIVERED,
        ),
        ("2.5", "a to the peer of its peer", A, "a", C, "EdgeToEdge"),
        (
            "2.5",
            "a to the internet by b's gateway",
            A,
            "a",
            "198.51.100.9",
            "EdgeToEdge",
        ),
        (
            "2.5",
            "a to an office behind b's VPN",
            A,
            "a",
            "192.168.0.9",
            "EdgeToEdge",
        ),
        (
            "2.8",
            "a to S3 by b's gateway endpoint",
            A,
            "a",
            "52.216.0.9",
            "EdgeToEdge",
        ),
        (
            "2.5",
            "forwarded in b for a, to c",
            A,
            "proxy",
            C,
            "ForeignSource",
        ),
        (
            "2.5",
            "an address that nobody has",
            A,
            "a",
            "10.2.7.7",
            "UnknownDestination",
        ),
        ("2.5", "c has no route to a", C, "c", A, "NoRoute"),
    ];
    for (fact, what, from, by, to, expected) in rows {
        let drop = between(&mut fresh(), from, by, to);
        table.row(fact, what, drop, expected.to_owned());
    }
    table.finish(10);
}

#[test]
fn both_sides_need_a_route_an_active_connection_and_their_own_rules() {
    let mut table = Table::default();
    let fresh = || net().build();
    let mut bench = fresh();
    let mut change = Net::default();
    routes_of(&mut change, "b", &[]);
    bench.change(&mut change);
    let there = between(&mut bench, A, "a", B);
    table.row(
        "2.5",
        "no route back: the way there",
        there,
        DELIVERED.to_owned(),
    );
    let back = bench.send("eni-b", tcp((B, 443), (A, 40_000), ACK, 0));
    table.row(
        "2.5",
        "no route back: the way back",
        outcome(&back),
        "NoRoute".to_owned(),
    );
    for status in [
        PeeringStatus::PendingAcceptance,
        PeeringStatus::Provisioning,
        PeeringStatus::Deleted,
    ] {
        let mut bench = fresh();
        bench.change(Net::default().put(connection("a-b", status)));
        let drop = between(&mut bench, A, "a", B);
        table.row("2.5", &format!("{status:?}"), drop, "NotActive".to_owned());
    }
    let mut bench = fresh();
    bench.change(Net::default().acl("acl-b", &["subnet-b"], &[]));
    let drop = between(&mut bench, A, "a", B);
    table.row(
        "2.2",
        "b's network ACL",
        drop,
        "NetworkAcl ingress".to_owned(),
    );
    table.finish(6);
}

fn long(to: &str, size: usize, dont_fragment: bool) -> IpPacket {
    let mut packet = IpPacket::echo_request(parse(A), parse(to), 7, 1, vec![0; size - 28]);
    if let wirelab_wire::IpVersionFields::V4(fields) = &mut packet.header.version {
        fields.dont_fragment = dont_fragment;
    }
    packet
}

#[test]
fn within_a_region_it_carries_9001_octets_and_between_regions_8500() {
    let mut table = Table::default();
    let rows = [
        ("2.6", "9001 octets in a Region", B, 9001, true, DELIVERED),
        (
            "2.6",
            "9002 octets in a Region",
            B,
            9002,
            true,
            "MtuExceeded",
        ),
        (
            "row 35",
            "8500 octets between Regions",
            FAR,
            8500,
            true,
            DELIVERED,
        ),
        (
            "2.6",
            "8501 octets between Regions",
            FAR,
            8501,
            true,
            "MtuExceeded",
        ),
        (
            "2.6",
            "8501 octets, DF clear",
            FAR,
            8501,
            false,
            "MtuExceeded",
        ),
    ];
    for (fact, what, to, size, df, expected) in rows {
        let mut bench = net().build();
        let drops = bench.send("eni-a", long(to, size, df));
        table.row(fact, what, outcome(&drops), expected.to_owned());
        let told = bench.take_in("eni-a").is_some();
        table.row(fact, &format!("{what}: is the sender told?"), told, false);
    }
    let mut bench = net().build();
    bench.send("eni-a", tcp((A, 1), (B, 2), SYN, 0));
    let ttl = bench.take_in("eni-b").map(|it| it.ttl());
    table.row("2.5", "a connection is no router", ttl, Some(64));
    table.finish(11);
}

#[test]
fn flow_logs_name_the_kind_of_peering() {
    let mut table = Table::default();
    let mut bench = net().build();
    for (to, expected) in [
        (B, TrafficPath::IntraRegionPeering),
        (FAR, TrafficPath::InterRegionPeering),
    ] {
        bench.records.clear();
        bench.send("eni-a", tcp((A, 40_000), (to, 443), SYN, 0));
        bench.wait(120);
        let flows = bench
            .records
            .iter()
            .filter_map(|it| it.record.flow.as_ref());
        let path = flows.filter_map(|it| it.traffic_path).next();
        table.row("2.12", &format!("to {to}"), path, Some(expected));
        let mut regions = bench
            .records
            .iter()
            .map(|it| it.record.place.region.clone());
        let far = regions.any(|it| it == "eu-west-1");
        table.row("2.12", "region of the far interface", far, to == FAR);
    }
    table.finish(4);
}

#[test]
fn a_reference_to_a_group_of_the_peer_lives_as_long_as_the_connection() {
    let mut table = Table::default();
    let from_a = ["in tcp 443 sg-a", "out -1 * 0.0.0.0/0"];
    let refers = |net: &mut Net, vpc: &str| group(net, &format!("sg-{vpc}"), vpc, &from_a);
    let refused = "SecurityGroup ingress";
    for (fact, what, vpc, to, expected) in [
        ("2.5", "of a peer in the Region", "b", B, DELIVERED),
        ("2.5", "of a peer in another Region", "far", FAR, refused),
        ("2.1", "of a VPC that is no peer", "c", C, refused),
    ] {
        let mut net = net();
        refers(&mut net, vpc);
        if vpc == "c" {
            // Were there a way, it would not match.
            routes_of(&mut net, "a", &["10.3.0.0/16 pcx-a-c"]);
            net.put(connection("a-c", PeeringStatus::Active));
        }
        let mut bench = net.build();
        if vpc == "c" {
            let mut gone = Net::default();
            gone.put(connection("a-c", PeeringStatus::Deleted));
            bench.change(&mut gone);
            let packet = tcp((A, 40_000), (to, 443), SYN, 0);
            let drops = outcome(&bench.send("eni-a", packet));
            table.row(fact, what, drops, "NotActive".to_owned());
            continue;
        }
        table.row(
            fact,
            what,
            between(&mut bench, A, "a", to),
            expected.to_owned(),
        );
    }
    let mut peers = net();
    refers(&mut peers, "b");
    let mut bench = peers.build();
    let forwarded = between(&mut bench, A, "proxy", B);
    table.row(
        "2.1",
        "forwarded by a middlebox",
        forwarded,
        refused.to_owned(),
    );
    bench.change(&mut {
        let mut gone = Net::default();
        gone.changes.push(Change::Remove(ResourceRef::SecurityGroup(
            SecurityGroupId::new("sg-a"),
        )));
        gone
    });
    let stale = between(&mut bench, "10.1.0.5", "a", B);
    let expected = "SecurityGroup egress".to_owned();
    table.row("2.5", "the group is gone with its rules", stale, expected);
    table.finish(5);
}

//! Reachability Analyzer's codes and the reachable set: `facts.md` 2.11, and what 2.1 to 2.9 say of
//! who reaches whom.

use wirelab_model::{CustomerGatewayId, VpcId};

use crate::path::{Origin, Probe, ProbeProtocol, explain};
use crate::reach::{Dimension, End, IpVersion, Packet, Reach, address_number, reach};
use crate::testing::{Net, SYN, parse, tcp};
use crate::tests::end_to_end::{net as story, populated};
use crate::tests::table::Table;
use crate::tests::transit;

const OPEN: [&str; 2] = [
    "in 100 allow -1 * 0.0.0.0/0",
    "out 100 allow -1 * 0.0.0.0/0",
];
const WEB: &str = "10.0.1.5";

/// `web` in one subnet, `db` in another; the rest is the row's.
fn net(groups: [&[&str]; 2], acl: &[&str], routes: &[&str], public: Option<&str>) -> Net {
    let mut net = Net::default();
    net.vpc("vpc-a", "10.0.0.0/16")
        .subnet("subnet-web", "vpc-a", "10.0.1.0/24", "a")
        .subnet("subnet-db", "vpc-a", "10.0.2.0/24", "b")
        .internet_gateway("igw-a", "vpc-a")
        .acl("acl-a", &["subnet-web", "subnet-db"], acl)
        .routes("rtb-main", "vpc-a", "10.0.0.0/16", &[], routes)
        .group("sg-web", groups[0])
        .group("sg-db", groups[1])
        .nat_gateway("n", "subnet-db", "10.0.2.20", "198.51.100.20")
        .instance("web", "subnet-web", WEB, &["sg-web"], public)
        .instance("db", "subnet-db", "10.0.2.10", &["sg-db"], None);
    net
}

fn all_open(routes: &[&str]) -> Net {
    let open = ["in -1 * 0.0.0.0/0", "out -1 * 0.0.0.0/0"];
    net([&open, &open], &OPEN, routes, None)
}

/// The code of what drops a SYN from `web`.
fn code(mut net: Net, from: &str, to: &str) -> &'static str {
    let drops = net
        .build()
        .send("eni-web", tcp((from, 40_000), (to, 80), SYN, 0));
    let code = drops.first().and_then(crate::DropReason::code);
    code.map_or("none", crate::ExplanationCode::as_str)
}

#[test]
fn codes() {
    let mut table = Table::default();
    let open: &[&str] = &["in -1 * 0.0.0.0/0", "out -1 * 0.0.0.0/0"];
    let mut row = |what: &str, actual: &str, expected: &str| {
        table.row("2.11", what, actual.to_owned(), expected.to_owned());
    };
    let closed = net([open, &[]], &OPEN, &[], None);
    row(
        "no rule of a group",
        code(closed, WEB, "10.0.2.10"),
        "ENI_SG_RULES_MISMATCH",
    );
    let denied = net([open, open], &[], &[], None);
    row(
        "a network ACL denies",
        code(denied, WEB, "10.0.2.10"),
        "SUBNET_ACL_RESTRICTION",
    );
    row(
        "no route",
        code(all_open(&[]), WEB, "8.8.8.8"),
        "NO_ROUTE_TO_DESTINATION",
    );
    let gone = all_open(&["8.0.0.0/8 nat-gone"]);
    row("a blackhole", code(gone, WEB, "8.8.8.8"), "BAD_STATE_ROUTE");
    let spoofed = code(all_open(&[]), "10.0.1.77", "10.0.2.10");
    row(
        "source/destination check",
        spoofed,
        "ENI_SOURCE_DEST_CHECK_RESTRICTION",
    );
    let private = code(all_open(&["0.0.0.0/0 igw-a"]), WEB, "8.8.8.8");
    row(
        "no public address",
        private,
        "IGW_PUBLIC_IP_ASSOCIATION_FOR_EGRESS",
    );
    row(
        "nobody there",
        code(all_open(&[]), WEB, "10.0.2.99"),
        "NO_POSSIBLE_DESTINATION",
    );
    table.finish(7);
}

#[test]
fn codes_beyond_gateways() {
    let mut table = Table::default();
    let open: &[&str] = &["in -1 * 0.0.0.0/0", "out -1 * 0.0.0.0/0"];
    let mut row = |what: &str, actual: &str, expected: &str| {
        table.row("2.11", what, actual.to_owned(), expected.to_owned());
    };
    for (what, to, expected) in [
        (
            "a private address beyond the internet gateway",
            "192.168.7.1",
            "IGW_DESTINATION_ADDRESS_NOT_IN_RFC1918_EGRESS",
        ),
        (
            "a shared address beyond the internet gateway",
            "100.64.7.1",
            "IGW_DESTINATION_ADDRESS_NOT_IN_RFC6598_EGRESS",
        ),
    ] {
        let public = net(
            [open, open],
            &OPEN,
            &["0.0.0.0/0 igw-a"],
            Some("198.51.100.9"),
        );
        row(what, code(public, WEB, to), expected);
    }
    for (what, to, expected) in [
        (
            "no route of the transit gateway",
            "10.3.0.1",
            "TGW_RTB_CANNOT_ROUTE",
        ),
        (
            "a blackhole of the transit gateway",
            "10.2.7.1",
            "TGW_RTB_BAD_STATE_ROUTE",
        ),
    ] {
        let mut bench = transit::net().build();
        let drops = bench.send("eni-a", tcp(("10.1.1.5", 1), (to, 2), SYN, 0));
        row(
            what,
            drops[0]
                .code()
                .map_or("none", crate::ExplanationCode::as_str),
            expected,
        );
    }
    table.finish(4);
}

/// `10.0.1.5:40000 > 10.0.2.10:80` over TCP, or another protocol's number after a space.
fn packet(text: &str) -> Packet {
    let (ends, protocol) = text.rsplit_once(" /").unwrap_or((text, "6"));
    let (from, to) = ends.split_once(" > ").expect("`FROM > TO`");
    let end = |text: &str| {
        let (address, port) = text.rsplit_once(':').expect("`ADDRESS:PORT`");
        (parse(address), parse(port))
    };
    let ((source, source_port), (destination, destination_port)) = (end(from), end(to));
    Packet {
        source,
        destination,
        protocol: parse(protocol),
        source_port,
        destination_port,
        reply: false,
    }
}

fn says(reach: &Reach, from: &End, text: &str) -> &'static str {
    let packet = packet(text);
    match (reach.delivers(from, &packet), reach.works(from, &packet)) {
        (_, true) => "works",
        (true, false) => "arrives, no answer",
        (false, false) => "dropped",
    }
}

/// Facts, packets and what becomes of them.
type Rows<'a> = &'a [(&'a str, &'a str, &'a str)];

fn check(what: &str, reach: &Reach, from: &End, rows: Rows<'_>) {
    let mut table = Table::default();
    for (fact, packet, expected) in rows {
        let row = format!("{what}: {packet}");
        table.row(fact, &row, says(reach, from, packet), *expected);
    }
    table.finish(rows.len());
}

fn vpc() -> End {
    End::Vpc(VpcId::new("vpc-a"))
}

fn of(mut net: Net) -> Reach {
    reach(&net.build().world)
}

#[test]
fn reachable_past_groups_and_lists() {
    let by_group = net(
        [&["out -1 * 0.0.0.0/0"], &["in tcp 80 sg-web"]],
        &OPEN,
        &[],
        None,
    );
    let rows: Rows<'_> = &[
        ("2.1", "10.0.1.5:40000 > 10.0.2.10:80", "works"),
        ("2.1", "10.0.1.5:40000 > 10.0.2.10:81", "dropped"),
        ("2.1", "10.0.2.10:40000 > 10.0.1.5:80", "dropped"),
    ];
    check("a group reference", &of(by_group), &vpc(), rows);

    let entries = [
        "in 100 allow tcp 80 0.0.0.0/0",
        "in 110 allow tcp 32768-60999 10.0.2.0/24",
        "out 100 allow -1 * 0.0.0.0/0",
    ];
    let open: &[&str] = &["in -1 * 0.0.0.0/0", "out -1 * 0.0.0.0/0"];
    let stateless = net([open, open], &entries, &[], None);
    let rows: Rows<'_> = &[
        ("2.2", "10.0.1.5:40000 > 10.0.2.10:80", "works"),
        (
            "row 32",
            "10.0.1.5:61000 > 10.0.2.10:80",
            "arrives, no answer",
        ),
        ("2.2", "10.0.1.5:40000 > 10.0.2.10:443", "dropped"),
    ];
    check("lists keep no state", &of(stateless), &vpc(), rows);
}

#[test]
fn reachable_by_the_internet_gateway() {
    let private = of(all_open(&["0.0.0.0/0 igw-a"]));
    let out: Rows<'_> = &[("2.3", "10.0.1.5:40000 > 8.8.8.8:443", "dropped")];
    check("no public address", &private, &vpc(), out);
    let back: Rows<'_> = &[("2.3", "8.8.8.8:40000 > 10.0.1.5:443", "dropped")];
    check("no public address", &private, &End::Internet, back);

    let open: &[&str] = &["in -1 * 0.0.0.0/0", "out -1 * 0.0.0.0/0"];
    let public = net(
        [open, open],
        &OPEN,
        &["0.0.0.0/0 igw-a"],
        Some("198.51.100.9"),
    );
    let public = of(public);
    let out: Rows<'_> = &[("2.3", "10.0.1.5:40000 > 8.8.8.8:443", "works")];
    check("a public address", &public, &vpc(), out);
    let back: Rows<'_> = &[("2.3", "8.8.8.8:40000 > 198.51.100.9:443", "works")];
    check("a public address", &public, &End::Internet, back);

    // What a machine sends to its own public address must not stand for what its twin sends there.
    let outward: [&[&str]; 2] = [&["out -1 * 0.0.0.0/0"], &[]];
    let mut twins = net(outward, &OPEN, &["0.0.0.0/0 igw-a"], Some("198.51.100.9"));
    let (twin, public) = ("10.0.1.6", Some("198.51.100.10"));
    twins.instance("web2", "subnet-web", twin, &["sg-web"], public);
    let rows: Rows<'_> = &[
        ("2.3", "10.0.1.5:40000 > 198.51.100.10:443", "dropped"),
        ("2.3", "10.0.1.6:40000 > 198.51.100.9:443", "dropped"),
        ("2.3", "10.0.1.5:40000 > 198.51.100.9:443", "dropped"),
    ];
    check("twins with public addresses", &of(twins), &vpc(), rows);

    // Nor the other way round: a packet without ports that comes back looks like its own answer.
    let alone = net(outward, &OPEN, &["0.0.0.0/0 igw-a"], Some("198.51.100.9"));
    let mut twins = net(outward, &OPEN, &["0.0.0.0/0 igw-a"], Some("198.51.100.9"));
    twins.instance("web2", "subnet-web", twin, &["sg-web"], public);
    let (alone, twins) = (of(alone), of(twins));
    for set in [&alone, &twins] {
        let rows: Rows<'_> = &[("2.1", "10.0.1.5:0 > 198.51.100.9:0 /50", "works")];
        check("to itself", set, &vpc(), rows);
    }
    let rows: Rows<'_> = &[("2.1", "10.0.1.5:0 > 198.51.100.10:0 /50", "dropped")];
    check("to its twin", &twins, &vpc(), rows);
    assert!(alone.difference(&twins).is_empty());
}

#[test]
fn an_appliance_does_not_stand_for_its_neighbours() {
    let mut led = all_open(&["10.0.2.0/24 eni-db"]);
    led.instance("db2", "subnet-db", "10.0.2.11", &["sg-db"], None);
    let rows: Rows<'_> = &[
        ("2.3", "10.0.1.5:40000 > 10.0.2.10:80", "works"),
        ("2.3", "10.0.1.5:40000 > 10.0.2.11:80", "dropped"),
    ];
    check("a subnet behind an appliance", &of(led), &vpc(), rows);
}

#[test]
fn reachable_by_nat_gateway_vpn_and_transit_gateway() {
    let story = reach(&populated(&mut story()).world);
    let rows: Rows<'_> = &[
        ("2.4", "10.0.1.5:40000 > 8.8.8.8:443", "works"),
        ("2.4", "10.0.1.5:8 > 8.8.8.8:0 /1", "works"),
        ("2.4", "10.0.1.5:0 > 8.8.8.8:0 /50", "dropped"),
        ("2.7", "10.0.1.5:40000 > 192.168.10.9:80", "works"),
    ];
    check("out by NAT gateway and VPN", &story, &vpc(), rows);
    let rows: Rows<'_> = &[("2.4", "8.8.8.8:443 > 198.51.100.20:1024", "dropped")];
    check("in by NAT gateway", &story, &End::Internet, rows);
    let rows: Rows<'_> = &[
        ("2.7", "192.168.10.9:40000 > 10.0.2.10:8080", "works"),
        ("2.7", "172.31.0.9:40000 > 10.0.2.10:8080", "dropped"),
        // The routes lead there, but the office has one LAN.
        ("2.7", "192.168.11.9:40000 > 10.0.2.10:8080", "dropped"),
    ];
    let office = End::CustomerGateway(CustomerGatewayId::new("cgw-a"));
    check("in by VPN", &story, &office, rows);

    let transit = reach(&transit::net().build().world);
    let rows: Rows<'_> = &[
        ("2.9", "10.1.1.5:1 > 10.2.1.5:2", "arrives, no answer"),
        ("2.9", "10.1.1.5:1 > 10.2.7.1:2", "dropped"),
    ];
    check("an outbound list denies answers", &transit, &vpc(), rows);
}

/// `web` with a public and an IPv6 address, `db` with an IPv6 address; whoever is let in by
/// everybody's rules.
fn dual_stack() -> Net {
    let open: &[&str] = &[
        "in -1 * 0.0.0.0/0",
        "in -1 * ::/0",
        "out -1 * 0.0.0.0/0",
        "out -1 * ::/0",
    ];
    let mut entries = OPEN.to_vec();
    entries.extend(["in 101 allow -1 * ::/0", "out 101 allow -1 * ::/0"]);
    let routes = ["0.0.0.0/0 igw-a", "::/0 igw-a"];
    let mut net = net([open, open], &entries, &routes, Some("198.51.100.9"));
    net.ipv6(
        "2001:db8:0:100::/56",
        &[
            ("subnet-web", "2001:db8:0:101::/64"),
            ("subnet-db", "2001:db8:0:102::/64"),
        ],
        &[
            ("eni-web", "2001:db8:0:101::5"),
            ("eni-db", "2001:db8:0:102::10"),
        ],
    );
    net
}

#[test]
fn own_addresses_are_nobody_elses() {
    let set = of(dual_stack());
    let version = IpVersion::V6;
    let number = |text: &str| address_number(parse(text));
    let sources = set.flows().filter(|it| *it.0 == End::Internet);
    let sources: Vec<_> = sources
        .flat_map(|(_, _, flows)| flows.delivered.regions())
        .map(|it| (it.version, it.side(Dimension::Source).clone()))
        .collect();
    let is_source = |version, text: &str| {
        let mut all = sources.iter().filter(|it| it.0 == version);
        all.any(|(_, its)| its.contains(number(text)))
    };
    assert!(is_source(version, "2001:db8:0:200::99"));
    assert!(!is_source(version, "2001:db8:0:101::99"), "unused");
    assert!(!is_source(version, "2001:db8:0:1ff::99"), "in no subnet");
    assert!(is_source(IpVersion::V4, "198.51.100.10"));
    assert!(!is_source(IpVersion::V4, "198.51.100.9"), "of web");

    let vpc = vpc();
    let out = set.between(&vpc, &End::Internet).expect("out");
    let mut to = out.delivered.regions().iter();
    let unused = number("2001:db8:0:101::99");
    assert!(
        !to.any(|it| it.version == version && it.side(Dimension::Destination).contains(unused))
    );

    let spoofed = Probe {
        from: Origin::Internet {
            source: parse("2001:db8:0:101::99"),
        },
        to: parse("2001:db8:0:102::10"),
        protocol: ProbeProtocol::Tcp(80),
        source_port: None,
        size: None,
    };
    let refused = explain(&dual_stack().build().world, &spoofed);
    let refused = refused.expect_err("it is the VPC's own").to_string();
    assert!(refused.contains("vpc-a"), "{refused}");
}

#[test]
fn an_address_that_changes_its_owner_is_new_and_nothing_is_gone() {
    let before = of(dual_stack());
    let mut more = dual_stack();
    let public = Some("198.51.100.30");
    more.instance("more", "subnet-web", "10.0.1.30", &["sg-web"], public);
    let after = of(more);
    let gone = before.difference(&after);
    assert!(gone.is_empty(), "{gone:?}");
    let new = after.difference(&before);
    let rows: Rows<'_> = &[
        ("2.3", "10.0.1.5:40000 > 10.0.1.30:80", "works"),
        ("2.3", "10.0.1.30:40000 > 10.0.1.5:80", "works"),
        // What was a stranger's address is the new machine's.
        ("2.3", "10.0.1.5:40000 > 198.51.100.30:80", "works"),
        ("2.3", "10.0.1.5:40000 > 198.51.100.31:80", "dropped"),
    ];
    check("new", &new, &vpc(), rows);
    let rows: Rows<'_> = &[
        ("2.3", "8.8.8.8:40000 > 198.51.100.30:80", "works"),
        ("2.3", "8.8.8.8:40000 > 198.51.100.9:80", "dropped"),
    ];
    check("new", &new, &End::Internet, rows);
    let closed = net([&[], &[]], &OPEN, &[], None);
    assert!(!before.difference(&of(closed)).is_empty());
}

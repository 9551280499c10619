//! Reachability Analyzer's codes and the reachable set: `facts.md` 2.11, and what 2.1 to 2.9 say of
//! who reaches whom.

use wirelab_model::{CustomerGatewayId, VpcId};

use crate::reach::{End, Packet, Reach, reach};
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
    table.finish(9);
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

#[test]
fn reachable() {
    let mut table = Table::default();
    let vpc = End::Vpc(VpcId::new("vpc-a"));
    let open: &[&str] = &["in -1 * 0.0.0.0/0", "out -1 * 0.0.0.0/0"];
    let of = |mut net: Net| reach(&net.build().world);
    let mut row = |fact: &str, what: &str, reach: &Reach, from: &End, packet: &str, says_so| {
        table.row(
            fact,
            &format!("{what}: {packet}"),
            says(reach, from, packet),
            says_so,
        );
    };

    let by_group = of(net(
        [&["out -1 * 0.0.0.0/0"], &["in tcp 80 sg-web"]],
        &OPEN,
        &[],
        None,
    ));
    let sg = "a group reference";
    row(
        "2.1",
        sg,
        &by_group,
        &vpc,
        "10.0.1.5:40000 > 10.0.2.10:80",
        "works",
    );
    row(
        "2.1",
        sg,
        &by_group,
        &vpc,
        "10.0.1.5:40000 > 10.0.2.10:81",
        "dropped",
    );
    row(
        "2.1",
        sg,
        &by_group,
        &vpc,
        "10.0.2.10:40000 > 10.0.1.5:80",
        "dropped",
    );

    let entries = [
        "in 100 allow tcp 80 0.0.0.0/0",
        "in 110 allow tcp 32768-60999 10.0.2.0/24",
        "out 100 allow -1 * 0.0.0.0/0",
    ];
    let stateless = of(net([open, open], &entries, &[], None));
    let acl = "lists of the client's subnet keep no state";
    row(
        "2.2",
        acl,
        &stateless,
        &vpc,
        "10.0.1.5:40000 > 10.0.2.10:80",
        "works",
    );
    row(
        "row 32",
        acl,
        &stateless,
        &vpc,
        "10.0.1.5:61000 > 10.0.2.10:80",
        "arrives, no answer",
    );
    row(
        "2.2",
        acl,
        &stateless,
        &vpc,
        "10.0.1.5:40000 > 10.0.2.10:443",
        "dropped",
    );

    let private = of(all_open(&["0.0.0.0/0 igw-a"]));
    let igw = "an internet gateway";
    row(
        "2.3",
        igw,
        &private,
        &vpc,
        "10.0.1.5:40000 > 8.8.8.8:443",
        "dropped",
    );
    row(
        "2.3",
        igw,
        &private,
        &End::Internet,
        "8.8.8.8:40000 > 10.0.1.5:443",
        "dropped",
    );
    let public = of(net(
        [open, open],
        &OPEN,
        &["0.0.0.0/0 igw-a"],
        Some("198.51.100.9"),
    ));
    row(
        "2.3",
        igw,
        &public,
        &vpc,
        "10.0.1.5:40000 > 8.8.8.8:443",
        "works",
    );
    let in_by_address = "8.8.8.8:40000 > 198.51.100.9:443";
    row("2.3", igw, &public, &End::Internet, in_by_address, "works");

    let story = reach(&populated(&mut story()).world);
    let nat = "a NAT gateway";
    row(
        "2.4",
        nat,
        &story,
        &vpc,
        "10.0.1.5:40000 > 8.8.8.8:443",
        "works",
    );
    row(
        "2.4",
        nat,
        &story,
        &vpc,
        "10.0.1.5:8 > 8.8.8.8:0 /1",
        "works",
    );
    row(
        "2.4",
        nat,
        &story,
        &vpc,
        "10.0.1.5:0 > 8.8.8.8:0 /50",
        "dropped",
    );
    row(
        "2.4",
        nat,
        &story,
        &End::Internet,
        "8.8.8.8:443 > 198.51.100.20:1024",
        "dropped",
    );

    let office = End::CustomerGateway(CustomerGatewayId::new("cgw-a"));
    let vpn = "a VPN connection";
    row(
        "2.7",
        vpn,
        &story,
        &office,
        "192.168.10.9:40000 > 10.0.2.10:8080",
        "works",
    );
    row(
        "2.7",
        vpn,
        &story,
        &office,
        "172.31.0.9:40000 > 10.0.2.10:8080",
        "dropped",
    );
    row(
        "2.7",
        vpn,
        &story,
        &vpc,
        "10.0.1.5:40000 > 192.168.10.9:80",
        "works",
    );

    let transit = reach(&transit::net().build().world);
    let spoke = End::Vpc(VpcId::new("vpc-a"));
    let tgw = "a transit gateway whose subnet's outbound list denies answers";
    row(
        "2.9",
        tgw,
        &transit,
        &spoke,
        "10.1.1.5:1 > 10.2.1.5:2",
        "arrives, no answer",
    );
    row(
        "2.9",
        tgw,
        &transit,
        &spoke,
        "10.1.1.5:1 > 10.2.7.1:2",
        "dropped",
    );
    table.finish(19);
}

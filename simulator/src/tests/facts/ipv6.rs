//! IPv6 throughout the fabric: `facts.md` 2.1 to 2.3, 2.6, rows 5 and 73.
//!
//! `web` is in a subnet whose IPv6 default route is the internet gateway, `db` in one whose is the
//! egress-only internet gateway.

use wirelab_model::{FlowAction, FlowDirection};
use wirelab_wire::{Icmpv6Message, IpPacket, Transport};

use crate::testing::{ACK, Bench, Net, SYN, SYN_ACK, answer, parse, tcp};
use crate::tests::table::{Judged, Table, outcome};
use crate::verdict::{DropReason, NetworkAclDrop};

const WEB: &str = "2001:db8:0:101::5";
const DB: &str = "2001:db8:0:102::10";
const SITE: &str = "2001:db8:ffff::7";
const OPEN: [&str; 4] = [
    "in -1 * 0.0.0.0/0",
    "in -1 * ::/0",
    "out -1 * 0.0.0.0/0",
    "out -1 * ::/0",
];
const ACL: [&str; 4] = [
    "in 100 allow -1 * 0.0.0.0/0",
    "in 101 allow -1 * ::/0",
    "out 100 allow -1 * 0.0.0.0/0",
    "out 101 allow -1 * ::/0",
];
const DELIVERED: &str = "delivered";
/// Past every gateway: nobody is on the internet here.
const OUT: &str = "NoSuchPublicAddress";

struct World {
    db: Vec<&'static str>,
    acl: Vec<&'static str>,
}

impl World {
    fn open() -> Self {
        Self {
            db: OPEN.to_vec(),
            acl: ACL.to_vec(),
        }
    }

    fn net(&self) -> Net {
        let mut net = Net::default();
        net.vpc("vpc-a", "10.0.0.0/16")
            .subnet("subnet-web", "vpc-a", "10.0.1.0/24", "a")
            .subnet("subnet-db", "vpc-a", "10.0.2.0/24", "b")
            .acl("acl-web", &["subnet-web"], &ACL)
            .acl("acl-db", &["subnet-db"], &self.acl)
            .internet_gateway("igw-a", "vpc-a")
            .egress_only_internet_gateway("eigw-a", "vpc-a")
            .routes(
                "rtb-web",
                "vpc-a",
                "10.0.0.0/16",
                &["subnet-web"],
                &["::/0 igw-a"],
            )
            .routes(
                "rtb-db",
                "vpc-a",
                "10.0.0.0/16",
                &["subnet-db"],
                &["::/0 eigw-a"],
            )
            .group("sg-web", &OPEN)
            .group("sg-db", &self.db)
            .instance("web", "subnet-web", "10.0.1.5", &["sg-web"], None)
            .instance("db", "subnet-db", "10.0.2.10", &["sg-db"], None);
        net.ipv6(
            "2001:db8:0:100::/56",
            &[
                ("subnet-web", "2001:db8:0:101::/64"),
                ("subnet-db", "2001:db8:0:102::/64"),
            ],
            &[("eni-web", WEB), ("eni-db", DB)],
        );
        net
    }

    fn build(&self) -> Bench {
        self.net().build()
    }
}

fn syn() -> IpPacket {
    tcp((WEB, 40_000), (DB, 3306), SYN, 0)
}

fn ping(from: &str, to: &str) -> IpPacket {
    IpPacket::echo_request(parse(from), parse(to), 7, 1, vec![0; 8])
}

/// Rules of `db`'s group, and what becomes of a SYN from `web` by IPv6.
#[rustfmt::skip]
const GROUPS: &[Judged] = &[
    ("2.1", "0.0.0.0/0 is IPv4 alone", &["in -1 * 0.0.0.0/0"], syn, "SecurityGroup ingress"),
    ("2.1", "::/0 is IPv6", &["in tcp 3306 ::/0"], syn, DELIVERED),
    ("2.1", "a block", &["in tcp 3306 2001:db8:0:101::/64"], syn, DELIVERED),
    ("2.1", "another block", &["in tcp 3306 2001:db8:0:102::/64"], syn, "SecurityGroup ingress"),
    ("2.1", "a reference means IPv6 addresses, too", &["in tcp 3306 sg-web"], syn, DELIVERED),
    ("2.1", "ICMP is not ICMPv6", &["in icmp -1/-1 ::/0"], || ping(WEB, DB), "SecurityGroup ingress"),
    ("2.1", "ICMPv6 echo by type and code", &["in icmpv6 128/0 ::/0"], || ping(WEB, DB), DELIVERED),
];

#[test]
fn security_groups_judge_ipv6_by_its_own_rules() {
    let mut table = Table::default();
    for (fact, what, rules, packet, expected) in GROUPS {
        let world = World {
            db: rules.to_vec(),
            ..World::open()
        };
        let drops = world.build().send("eni-web", packet());
        table.row(fact, what, outcome(&drops), (*expected).to_owned());
    }
    for (what, rules, expected) in [
        (
            "open both ways is untracked: a revoked rule cuts",
            &OPEN[..],
            "SecurityGroup ingress",
        ),
        (
            "narrower is tracked: it goes on",
            &["in tcp 3306 2001:db8::/32"][..],
            DELIVERED,
        ),
    ] {
        let world = World {
            db: rules.to_vec(),
            ..World::open()
        };
        let mut bench = world.build();
        bench.send("eni-web", syn());
        bench.send("eni-db", tcp((DB, 3306), (WEB, 40_000), SYN_ACK, 0));
        let mut change = Net::default();
        bench.change(change.group("sg-db", &["out -1 * ::/0"]));
        let drops = bench.send("eni-web", tcp((WEB, 40_000), (DB, 3306), ACK, 5));
        table.row("2.1", what, outcome(&drops), expected.to_owned());
    }
    table.finish(GROUPS.len() + 2);
}

/// Entries of the list of `db`'s subnet.
#[rustfmt::skip]
const LISTS: &[(&str, &str, &[&str], &str)] = &[
    ("2.2", "entries for IPv4 do not match", &["in 100 allow -1 * 0.0.0.0/0"], "NetworkAcl ingress"),
    ("2.2", "an entry for IPv6 does", &["in 101 allow tcp 3306 ::/0"], DELIVERED),
    ("2.2", "a block", &["in 101 allow -1 * 2001:db8:0:101::/64"], DELIVERED),
    ("2.2", "the lowest number wins",
        &["in 90 deny tcp 3306 2001:db8::/32", "in 101 allow -1 * ::/0"], "NetworkAcl ingress"),
];

#[test]
fn network_acls_judge_ipv6_by_its_own_entries() {
    let mut table = Table::default();
    for (fact, what, entries, expected) in LISTS {
        let world = World {
            acl: entries.to_vec(),
            ..World::open()
        };
        let drops = world.build().send("eni-web", syn());
        table.row(fact, what, outcome(&drops), (*expected).to_owned());
        if entries.len() == 1 && *expected != DELIVERED {
            let number = match drops.first() {
                Some(DropReason::NetworkAcl(NetworkAclDrop::Denied { entry, .. })) => {
                    Some(entry.rule_number)
                }
                _ => None,
            };
            table.row(
                "row 73",
                "the final deny of IPv6 is 32768",
                number,
                Some(32768),
            );
        }
    }
    table.finish(LISTS.len() + 1);
}

#[test]
fn the_internet_gateway_carries_ipv6_as_it_is() {
    let mut table = Table::default();
    let mut bench = World::open().build();
    let drops = bench.send_from_internet(tcp((SITE, 50_000), (WEB, 443), SYN, 0));
    table.row(
        "2.3",
        "what comes in passes",
        outcome(&drops),
        DELIVERED.to_owned(),
    );
    let came = bench.take_in("eni-web").expect("it was delivered");
    table.row(
        "2.3",
        "nothing is translated",
        came.destination(),
        parse(WEB),
    );
    let drops = bench.send("eni-web", answer(&came, SYN_ACK, 0));
    table.row("2.3", "the answer leaves", outcome(&drops), OUT.to_owned());
    let long = tcp((WEB, 443), (SITE, 50_000), ACK, 1441);
    let drops = bench.send("eni-web", long);
    table.row(
        "2.6",
        "1501 octets do not pass",
        outcome(&drops),
        "MtuExceeded".to_owned(),
    );
    let told = bench.take_in("eni-web").map(|it| it.transport);
    let mtu = match told {
        Some(Transport::Icmpv6(Icmpv6Message::PacketTooBig { mtu, .. })) => Some(mtu),
        _ => None,
    };
    table.row(
        "row 5",
        "the sender is told by ICMPv6 type 2",
        mtu,
        Some(1500),
    );
    let whole = tcp((WEB, 443), (SITE, 50_000), ACK, 1440);
    table.row(
        "2.6",
        "1500 octets do",
        outcome(&bench.send("eni-web", whole)),
        OUT.to_owned(),
    );
    let foreign = tcp(("2001:db8:0:101::99", 443), (SITE, 50_000), ACK, 0);
    let drops = bench.send("eni-web", foreign);
    table.row(
        "2.3",
        "not the VPC's address",
        outcome(&drops),
        "SourceDestCheck egress".into(),
    );
    let ipv4 = tcp(("10.0.1.5", 443), ("198.51.100.7", 50_000), ACK, 0);
    let drops = bench.send("eni-web", ipv4);
    table.row(
        "2.3",
        "::/0 is no route for IPv4",
        outcome(&drops),
        "NoRoute".into(),
    );
    table.finish(8);
}

#[test]
fn the_egress_only_internet_gateway_is_a_way_out_alone() {
    let mut table = Table::default();
    let mut bench = World::open().build();
    let closed = "NotStartedInside".to_owned();
    let unasked = || tcp((SITE, 50_000), (DB, 3306), SYN, 0);
    table.row(
        "2.3",
        "nothing comes in unasked",
        outcome(&bench.send_from_internet(unasked())),
        closed.clone(),
    );
    table.row(
        "2.3",
        "no ping either",
        outcome(&bench.send_from_internet(ping(SITE, DB))),
        closed.clone(),
    );
    let asks = tcp((DB, 41_000), (SITE, 443), SYN, 0);
    table.row(
        "2.3",
        "a connection leaves",
        outcome(&bench.send("eni-db", asks.clone())),
        OUT.to_owned(),
    );
    let back = answer(&asks, SYN_ACK, 0);
    table.row(
        "2.3",
        "its answer comes in",
        outcome(&bench.send_from_internet(back)),
        DELIVERED.to_owned(),
    );
    let other = tcp((SITE, 443), (DB, 41_001), SYN_ACK, 0);
    table.row(
        "2.3",
        "another port's does not",
        outcome(&bench.send_from_internet(other)),
        closed,
    );
    let too_big = Icmpv6Message::PacketTooBig {
        mtu: 1400,
        quoted: asks.to_bytes().into(),
    };
    let mut error = ping(SITE, DB);
    error.transport = Transport::Icmpv6(too_big);
    let drops = bench.send_from_internet(error);
    table.row(
        "2.3",
        "an error about it does",
        outcome(&drops),
        DELIVERED.to_owned(),
    );
    let long = tcp((DB, 41_000), (SITE, 443), ACK, 1441);
    table.row(
        "2.6",
        "1501 octets do not pass",
        outcome(&bench.send("eni-db", long)),
        "MtuExceeded".to_owned(),
    );
    let inside = tcp((WEB, 40_000), (DB, 3306), SYN, 0);
    table.row(
        "2.3",
        "inside the VPC it is not asked",
        outcome(&bench.send("eni-web", inside)),
        DELIVERED.to_owned(),
    );
    table.finish(8);
}

#[test]
fn flows_through_an_egress_only_internet_gateway_are_always_tracked() {
    let mut table = Table::default();
    for (what, gateway, expected) in [
        ("through an egress-only internet gateway", true, DELIVERED),
        (
            "through an internet gateway",
            false,
            "SecurityGroup ingress",
        ),
    ] {
        let mut bench = World::open().build();
        let (eni, from, group) = match gateway {
            true => ("eni-db", DB, "sg-db"),
            false => ("eni-web", WEB, "sg-web"),
        };
        let asks = tcp((from, 41_000), (SITE, 443), SYN, 0);
        bench.send(eni, asks.clone());
        let mut change = Net::default();
        bench.change(change.group(group, &["out -1 * ::/0"]));
        let drops = bench.send_from_internet(answer(&asks, SYN_ACK, 0));
        table.row("2.1", what, outcome(&drops), expected.to_owned());
    }
    table.finish(2);
}

#[test]
fn flow_logs_and_services_know_ipv6() {
    let mut table = Table::default();
    let mut net = World::open().net();
    net.flow_log("eni-web");
    let mut bench = net.build();
    bench.send("eni-web", syn());
    bench.wait(700);
    let records = bench.records.iter().map(|it| &it.record);
    let flow = records
        .filter_map(|it| it.flow.as_ref())
        .next()
        .expect("a record");
    let said = (flow.direction, flow.action, flow.dstaddr);
    let wanted = (FlowDirection::Egress, FlowAction::Accept, parse(DB));
    table.row("2.12", "a record of IPv6", said, wanted);
    for (what, to) in [
        ("IMDS needs no route", "fd00:ec2::254"),
        ("the resolver needs none", "fd00:ec2::253"),
    ] {
        let drops = bench.send("eni-web", tcp((WEB, 40_000), (to, 80), SYN, 0));
        table.row("2.3", what, outcome(&drops), "delivered".to_owned());
    }
    table.finish(3);
}

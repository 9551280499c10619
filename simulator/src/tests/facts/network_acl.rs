//! Network ACLs: `facts.md` 2.2, rows 59, 73 to 78, ruling D5 (the moment at which a change takes
//! effect is the control plane's business; here it is taken as given).
//!
//! `web` (10.0.1.5) and `app` (10.0.1.6) are in one subnet, `db` (10.0.2.10) in another. Groups are
//! open; the list of `db`'s subnet is what the rows are about.

use std::net::SocketAddr;

use wirelab_model::{
    Change, FlowAction, FlowDirection, IcmpTypeCode, NetworkAcl, NetworkAclEntry, Resource,
};
use wirelab_wire::{Bytes, IpPacket, Transport};

use crate::testing::{ACK, Bench, Net, SYN, SYN_ACK, answer, parse, tcp};
use crate::tests::table::{Judged, Table, outcome};

const WEB: &str = "10.0.1.5";
const DB: &str = "10.0.2.10";
const OPEN: [&str; 2] = [
    "in 100 allow -1 * 0.0.0.0/0",
    "out 100 allow -1 * 0.0.0.0/0",
];
const DELIVERED: &str = "delivered";
const REFUSED_IN: &str = "NetworkAcl ingress";
const REFUSED_OUT: &str = "NetworkAcl egress";

fn net(db: &[&str]) -> Net {
    let open = ["in -1 * 0.0.0.0/0", "out -1 * 0.0.0.0/0"];
    let mut net = Net::default();
    net.vpc("vpc-a", "10.0.0.0/16")
        .subnet("subnet-web", "vpc-a", "10.0.1.0/24", "a")
        .subnet("subnet-db", "vpc-a", "10.0.2.0/24", "b")
        .acl("acl-web", &["subnet-web"], &OPEN)
        .acl("acl-db", &["subnet-db"], db)
        .routes("rtb-main", "vpc-a", "10.0.0.0/16", &[], &[])
        .group("sg-open", &open)
        .instance("web", "subnet-web", WEB, &["sg-open"], None)
        .instance("app", "subnet-web", "10.0.1.6", &["sg-open"], None)
        .instance("db", "subnet-db", DB, &["sg-open"], None);
    net
}

fn mysql() -> IpPacket {
    tcp((WEB, 40_000), (DB, 3306), SYN, 0)
}

fn dns() -> IpPacket {
    let from = SocketAddr::new(parse(WEB), 40_000);
    IpPacket::udp(from, SocketAddr::new(parse(DB), 53), vec![0; 8])
}

fn ping() -> IpPacket {
    IpPacket::echo_request(parse(WEB), parse(DB), 7, 1, vec![0; 8])
}

fn gre() -> IpPacket {
    let mut packet = ping();
    packet.transport = Transport::Other {
        protocol: 47,
        payload: Bytes::from_static(&[0; 16]),
    };
    packet
}

/// Entries of the list of `db`'s subnet, and what a packet from `web` meets.
#[rustfmt::skip]
const DECIDES: &[Judged] = &[
    ("row 75", "a custom list denies everything", &[], mysql, REFUSED_IN),
    ("row 75", "a default list allows everything", &OPEN, mysql, DELIVERED),
    ("row 73", "the lowest number wins: deny 50, allow 100",
        &["in 100 allow tcp 3306 0.0.0.0/0", "in 50 deny tcp 3306 0.0.0.0/0"], mysql, REFUSED_IN),
    ("row 74", "the lowest number wins: allow 50, deny 100",
        &["in 100 deny tcp 3306 0.0.0.0/0", "in 50 allow tcp 3306 0.0.0.0/0"], mysql, DELIVERED),
    ("row 73", "an entry that does not match is passed over",
        &["in 50 deny tcp 22 0.0.0.0/0", "in 100 allow tcp 3306 0.0.0.0/0"], mysql, DELIVERED),
    ("2.2", "number 32766 comes before the final deny",
        &["in 32766 allow tcp 3306 0.0.0.0/0"], mysql, DELIVERED),
    ("2.2", "the block: the source of what comes in",
        &["in 100 allow tcp 3306 10.0.1.0/24"], mysql, DELIVERED),
    ("2.2", "another block", &["in 100 allow tcp 3306 10.0.2.0/24"], mysql, REFUSED_IN),
    ("2.2", "one address", &["in 100 allow tcp 3306 10.0.1.5/32"], mysql, DELIVERED),
    ("2.2", "first port", &["in 100 allow tcp 3306-3310 0.0.0.0/0"], mysql, DELIVERED),
    ("2.2", "last port", &["in 100 allow tcp 3300-3306 0.0.0.0/0"], mysql, DELIVERED),
    ("2.2", "past the range", &["in 100 allow tcp 3300-3305 0.0.0.0/0"], mysql, REFUSED_IN),
    ("2.2", "ports are the destination's", &["in 100 allow tcp 40000 0.0.0.0/0"], mysql, REFUSED_IN),
    ("2.2", "another protocol", &["in 100 allow udp 3306 0.0.0.0/0"], mysql, REFUSED_IN),
    ("2.2", "UDP", &["in 100 allow udp 53 0.0.0.0/0"], dns, DELIVERED),
    ("2.2", "-1 ignores ports", &["in 100 allow -1 22 0.0.0.0/0"], mysql, DELIVERED),
    ("2.2", "a protocol without ports ignores them", &["in 100 allow 47 22 0.0.0.0/0"], gre, DELIVERED),
    ("2.2", "a protocol by number and no other", &["in 100 allow 50 * 0.0.0.0/0"], gre, REFUSED_IN),
    ("2.2", "an entry for the other direction says nothing",
        &["out 100 allow tcp 3306 0.0.0.0/0"], mysql, REFUSED_IN),
];

#[test]
fn which_entry_decides() {
    let mut table = Table::default();
    for (fact, what, entries, packet, expected) in DECIDES {
        let said = outcome(&net(entries).build().send("eni-web", packet()));
        table.row(fact, what, said, (*expected).to_owned());
    }
    for (icmp_type, code, expected) in [
        (8, 0, DELIVERED),
        (8, -1, DELIVERED),
        (-1, -1, DELIVERED),
        (0, -1, REFUSED_IN),
        (8, 1, REFUSED_IN),
    ] {
        let what = format!("ICMP type {icmp_type} code {code} for an echo request");
        let mut net = net(&["in 100 allow icmp * 0.0.0.0/0", OPEN[1]]);
        with_icmp(&mut net, IcmpTypeCode { icmp_type, code });
        let said = outcome(&net.build().send("eni-web", ping()));
        table.row("2.2", &what, said, expected.to_owned());
    }
    table.finish(24);
}

fn with_icmp(net: &mut Net, icmp: IcmpTypeCode) {
    for change in &mut net.changes {
        if let Change::Put(Resource::NetworkAcl(acl)) = change {
            let acl: &mut NetworkAcl = std::sync::Arc::make_mut(acl);
            let is_icmp =
                |it: &&mut NetworkAclEntry| it.protocol == wirelab_model::IpProtocol::ICMP;
            for entry in acl.entries.iter_mut().filter(is_icmp) {
                entry.icmp_type_code = Some(icmp);
            }
        }
    }
}

/// The SYN, then the SYN-ACK if it got there.
fn exchange(bench: &mut Bench) -> [String; 2] {
    let there = outcome(&bench.send("eni-web", mysql()));
    let back = match bench.take_in("eni-db") {
        Some(arrived) => outcome(&bench.send("eni-db", answer(&arrived, SYN_ACK, 0))),
        None => "nothing to answer".to_owned(),
    };
    [there, back]
}

const ALLOWED: &str = "in 100 allow tcp 3306 10.0.1.0/24";

#[rustfmt::skip]
const STATELESS: &[(&str, &str, &[&str], [&str; 2])] = &[
    ("rows 59, 77", "a request let in does not let its answer out", &[ALLOWED], [DELIVERED, REFUSED_OUT]),
    ("row 78", "the answer goes to the client's ephemeral port",
        &[ALLOWED, "out 100 allow tcp 32768-60999 10.0.1.0/24"], [DELIVERED, DELIVERED]),
    ("row 32", "the service port out is not it",
        &[ALLOWED, "out 100 allow tcp 3306 10.0.1.0/24"], [DELIVERED, REFUSED_OUT]),
    ("row 78", "ephemeral ports in do not help the database's subnet",
        &[ALLOWED, "in 110 allow tcp 32768-60999 0.0.0.0/0"], [DELIVERED, REFUSED_OUT]),
];

#[test]
fn it_keeps_no_state() {
    let mut table = Table::default();
    for (fact, what, entries, expected) in STATELESS {
        let said = exchange(&mut net(entries).build());
        table.row(fact, what, said, expected.map(String::from));
    }
    let mut bench = net(&OPEN).build();
    exchange(&mut bench);
    let mut change = Net::default();
    let deny = ["in 50 deny tcp 3306 0.0.0.0/0", OPEN[0], OPEN[1]];
    change.acl("acl-db", &["subnet-db"], &deny);
    bench.change(&mut change);
    let segment = tcp((WEB, 40_000), (DB, 3306), ACK, 5);
    let said = outcome(&bench.send("eni-web", segment));
    table.row(
        "row 76",
        "a changed list cuts a live connection",
        said,
        REFUSED_IN.into(),
    );

    let mut bench = net(&[ALLOWED]).flow_log("vpc-a").build();
    exchange(&mut bench);
    bench.wait(120);
    let records = bench.records.iter().map(|it| &it.record);
    let flows = records.filter(|it| it.interface_id.as_str() == "eni-db");
    let signature: Vec<_> = flows
        .filter_map(|it| it.flow.as_ref().map(|flow| (flow.direction, flow.action)))
        .collect();
    let stateless = vec![
        (FlowDirection::Ingress, FlowAction::Accept),
        (FlowDirection::Egress, FlowAction::Reject),
    ];
    table.row(
        "2.12",
        "ACCEPT in and REJECT out: the stateless signature",
        signature,
        stateless,
    );
    let heard = bench.take_in("eni-web").is_some();
    table.row("row 12", "a refusal is silent", heard, false);
    table.finish(7);
}

#[test]
fn it_guards_the_subnets_boundary_alone() {
    let mut table = Table::default();
    let mut bench = net(&OPEN).acl("acl-web", &["subnet-web"], &[]).build();
    let neighbor = tcp((WEB, 40_000), ("10.0.1.6", 22), SYN, 0);
    let said = outcome(&bench.send("eni-web", neighbor));
    table.row(
        "2.2",
        "between interfaces of one subnet no list is asked",
        said,
        DELIVERED.into(),
    );
    let said = outcome(&bench.send("eni-web", mysql()));
    table.row("2.2", "out of the subnet it is", said, REFUSED_OUT.into());
    let mut moved = net(&[]);
    moved.acl("acl-db", &[], &[]);
    moved.acl("acl-new", &["subnet-db"], &OPEN);
    let said = outcome(&moved.build().send("eni-web", mysql()));
    table.row(
        "row 80",
        "another list for the subnet decides from then on",
        said,
        DELIVERED.into(),
    );
    table.finish(3);
}

//! Route tables, gateway route tables and the internet gateway: `facts.md` 2.3, rows 58, 90 to 92,
//! ruling D1.
//!
//! `web` (10.0.1.5) sends a SYN; the row says which interface gets it, or who drops it. `fw` and `fx`
//! are appliances that forward for others, `db` (10.0.2.10) is in a subnet of its own.

use std::sync::Arc;

use wirelab_model::{
    Change, FlowAction, FlowDirection, IpNet, NetworkInterface, Resource, Route, RouteDestination,
    RouteOrigin, RouteState, RouteTable, RouteTableAssociation, RouteTableAssociationId,
    RouteTableId, RouteTarget, VpcId, VpnGateway, VpnGatewayId,
};

use crate::testing::{ACK, Bench, Net, SYN, SYN_ACK, parse, tcp};
use crate::tests::table::{Table, outcome};

const WEB: &str = "10.0.1.5";
const SITE: &str = "198.51.100.7";
const OPEN: [&str; 2] = ["in -1 * 0.0.0.0/0", "out -1 * 0.0.0.0/0"];

fn net(routes: &[&str]) -> Net {
    let acl = [
        "in 100 allow -1 * 0.0.0.0/0",
        "out 100 allow -1 * 0.0.0.0/0",
    ];
    let mut net = Net::default();
    net.vpc("vpc-a", "10.0.0.0/16")
        .subnet("subnet-web", "vpc-a", "10.0.1.0/24", "a")
        .subnet("subnet-db", "vpc-a", "10.0.2.0/24", "b")
        .subnet("subnet-fw", "vpc-a", "10.0.3.0/24", "a")
        .acl("acl-all", &["subnet-web", "subnet-db", "subnet-fw"], &acl)
        .internet_gateway("igw-a", "vpc-a")
        .prefix_list("pl-all", &["10.9.0.0/16"])
        .prefix_list("pl-part", &["10.9.8.0/24", "172.16.0.0/12"])
        .routes(
            "rtb-web",
            "vpc-a",
            "10.0.0.0/16",
            &["subnet-web", "subnet-db"],
            routes,
        )
        .routes(
            "rtb-main",
            "vpc-a",
            "10.0.0.0/16",
            &[],
            &["0.0.0.0/0 igw-a"],
        )
        .group("sg-open", &OPEN)
        .instance("web", "subnet-web", WEB, &["sg-open"], Some("3.208.0.5"))
        .instance("app", "subnet-web", "10.0.1.6", &["sg-open"], None)
        .instance("db", "subnet-db", "10.0.2.10", &["sg-open"], None)
        .instance("fw", "subnet-fw", "10.0.3.4", &["sg-open"], None)
        .instance("fx", "subnet-fw", "10.0.3.5", &["sg-open"], None)
        .put(VpnGateway {
            vpn_gateway_id: VpnGatewayId::new("vgw-a"),
            state: wirelab_model::ResourceState::Available,
            vpc_id: Some(VpcId::new("vpc-a")),
            owner_id: "123456789012".into(),
            tags: Vec::new(),
        });
    forwards(&mut net);
    net
}

/// The appliances have their source/destination check off.
fn forwards(net: &mut Net) {
    for change in &mut net.changes {
        if let Change::Put(Resource::NetworkInterface(it)) = change
            && it.subnet_id.as_str() == "subnet-fw"
        {
            Arc::<NetworkInterface>::make_mut(it).source_dest_check = false;
        }
    }
}

/// Marks the route to `destination` of every table as a blackhole, as the control plane does.
fn blackhole(net: &mut Net, destination: &str) {
    let wanted = RouteDestination::Cidr(parse(destination));
    for change in &mut net.changes {
        if let Change::Put(Resource::RouteTable(it)) = change {
            for route in &mut Arc::<RouteTable>::make_mut(it).routes {
                if route.destination == wanted {
                    route.state = RouteState::Blackhole;
                }
            }
        }
    }
}

/// Which interface gets a SYN from `web` to `to`, or who drops it.
fn leads(bench: &mut Bench, to: &str) -> String {
    bench.captured.clear();
    let drops = bench.send("eni-web", tcp((WEB, 40_000), (to, 443), SYN, 0));
    let others = ["eni-app", "eni-db", "eni-fw", "eni-fx"];
    let got = others.into_iter().find(|it| bench.last_in(it).is_some());
    got.map_or_else(|| outcome(&drops), str::to_owned)
}

/// Routes of `web`'s table, where it sends, what becomes of it.
#[rustfmt::skip]
const LEADS: &[(&str, &str, &[&str], &str, &str)] = &[
    ("2.3", "the longest prefix wins",
        &["0.0.0.0/0 igw-a", "10.9.0.0/16 eni-fw", "10.9.8.0/24 eni-fx"], "10.9.8.1", "eni-fx"),
    ("2.3", "outside it the shorter one",
        &["0.0.0.0/0 igw-a", "10.9.0.0/16 eni-fw", "10.9.8.0/24 eni-fx"], "10.9.9.1", "eni-fw"),
    ("row 91", "the order of routes means nothing",
        &["10.9.8.0/24 eni-fx", "10.9.0.0/16 eni-fw", "0.0.0.0/0 igw-a"], "10.9.8.1", "eni-fx"),
    ("2.3", "the default route takes the rest", &["0.0.0.0/0 eni-fw"], "192.0.2.1", "eni-fw"),
    ("2.3", "the local route is always there", &[], "10.0.2.10", "eni-db"),
    ("2.3", "the local route is longer than the default one",
        &["0.0.0.0/0 eni-fw"], "10.0.2.10", "eni-db"),
    ("2.3", "a whole subnet may be led to an appliance",
        &["10.0.2.0/24 eni-fw"], "10.0.2.10", "eni-fw"),
    ("2.3", "within a subnet no table is asked", &["10.0.1.0/24 eni-fw"], "10.0.1.6", "eni-app"),
    ("2.3", "static beats propagated of the same block",
        &["10.9.0.0/16 vgw-a propagated", "10.9.0.0/16 eni-fw"], "10.9.8.1", "eni-fw"),
    ("2.3", "a longer propagated route beats a shorter static one",
        // The gateway has no VPN connection to lead to.
        &["10.9.8.0/24 vgw-a propagated", "10.9.0.0/16 eni-fw"], "10.9.8.1", "NoRoute"),
    ("2.3", "propagated inside the VPC never beats local",
        &["10.0.2.0/24 vgw-a propagated"], "10.0.2.10", "eni-db"),
    ("2.3", "static to a block beats static to a prefix list",
        &["pl-all eni-fx", "10.9.0.0/16 eni-fw"], "10.9.8.1", "eni-fw"),
    ("2.3", "a prefix list beats propagated",
        &["10.9.0.0/16 vgw-a propagated", "pl-all eni-fx"], "10.9.8.1", "eni-fx"),
    ("2.3", "a longer entry of a prefix list beats a shorter block",
        &["10.9.0.0/16 eni-fw", "pl-part eni-fx"], "10.9.8.1", "eni-fx"),
    ("2.3", "every entry of a prefix list is a route", &["pl-part eni-fx"], "172.20.0.1", "eni-fx"),
    ("2.3", "what no entry holds has no route", &["pl-part eni-fx"], "10.9.9.1", "NoRoute"),
    ("2.3", "nothing matches: dropped", &[], "192.0.2.1", "NoRoute"),
    ("2.3", "an internet gateway needs a route", &["10.9.0.0/16 eni-fw"], SITE, "NoRoute"),
];

#[test]
fn routes_lead_as_documented() {
    let mut table = Table::default();
    for (fact, what, routes, to, expected) in LEADS {
        let mut bench = net(routes).build();
        table.row(fact, what, leads(&mut bench, to), (*expected).to_owned());
    }
    let mut holed = net(&["0.0.0.0/0 eni-fw", "10.9.0.0/16 eni-fx"]);
    blackhole(&mut holed, "10.9.0.0/16");
    let mut bench = holed.build();
    let said = leads(&mut bench, "10.9.8.1");
    table.row(
        "2.3",
        "a blackhole drops, whatever is behind the default route",
        said,
        "Blackhole".into(),
    );
    table.finish(LEADS.len() + 1);
}

#[test]
fn a_missing_route_is_no_reject() {
    let mut table = Table::default();
    for (fact, what, holes) in [
        ("row 92", "no route: ACCEPT at the source", false),
        ("row 92", "a blackhole: ACCEPT at the source", true),
    ] {
        let mut net = net(if holes { &["192.0.2.0/24 eni-fw"] } else { &[] });
        if holes {
            blackhole(&mut net, "192.0.2.0/24");
        }
        net.flow_log("eni-web").flow_log("eni-fw");
        let mut bench = net.build();
        leads(&mut bench, "192.0.2.1");
        bench.wait(700);
        let records = bench.records.iter().map(|it| &it.record);
        let flows: Vec<_> = records.filter_map(|it| it.flow.as_ref()).collect();
        let said: Vec<_> = flows.iter().map(|it| (it.direction, it.action)).collect();
        table.row(
            fact,
            what,
            said,
            vec![(FlowDirection::Egress, FlowAction::Accept)],
        );
    }
    table.finish(2);
}

#[test]
fn the_internet_gateway_translates_one_to_one_and_needs_a_route_back() {
    let mut table = Table::default();
    let syn = || tcp((SITE, 50_000), ("3.208.0.5", 443), SYN, 0);
    let mut bench = net(&["0.0.0.0/0 igw-a"]).build();
    let drops = bench.send_from_internet(syn());
    let got = bench
        .last_in("eni-web")
        .map(|it| it.destination().to_string());
    table.row(
        "2.3",
        "the instance never sees its public address",
        got,
        Some(WEB.to_owned()),
    );
    table.row(
        "2.3",
        "what comes in passes",
        outcome(&drops),
        "delivered".into(),
    );
    let answer = tcp((WEB, 443), (SITE, 50_000), SYN_ACK, 0);
    let drops = bench.send("eni-web", answer.clone());
    // Nobody is on the internet here: the gateway has passed it.
    table.row(
        "2.3",
        "the answer leaves",
        outcome(&drops),
        "NoSuchPublicAddress".into(),
    );
    let from_app = tcp(("10.0.1.6", 443), (SITE, 50_000), ACK, 0);
    let drops = bench.send("eni-app", from_app);
    table.row(
        "2.3",
        "no public address, no way out",
        outcome(&drops),
        "NoPublicAddress".into(),
    );
    let long = tcp((WEB, 443), (SITE, 50_000), ACK, 1461);
    let drops = bench.send("eni-web", long);
    table.row(
        "row 58",
        "1501 octets do not pass",
        outcome(&drops),
        "MtuExceeded".into(),
    );
    let mut without = net(&[]).build();
    without.send_from_internet(syn());
    let got = without.last_in("eni-web").is_some();
    table.row(
        "row 90",
        "without the route the request still comes in",
        got,
        true,
    );
    let drops = without.send("eni-web", answer);
    table.row(
        "row 90",
        "and its answer has no route",
        outcome(&drops),
        "NoRoute".into(),
    );
    table.finish(7);
}

/// The table of a gateway, with the routes besides the local one.
fn edge(gateway: &str, routes: &[(&str, &str)]) -> RouteTable {
    let route = |(block, interface): &(&str, &str)| Route {
        destination: RouteDestination::Cidr(parse::<IpNet>(block)),
        target: match *interface {
            "local" => RouteTarget::Local,
            id => RouteTarget::NetworkInterface(wirelab_model::NetworkInterfaceId::new(id)),
        },
        state: RouteState::Active,
        origin: RouteOrigin::CreateRoute,
    };
    let id = RouteTableId::new("rtb-edge");
    RouteTable {
        route_table_id: id.clone(),
        vpc_id: VpcId::new("vpc-a"),
        routes: std::iter::once(&("10.0.0.0/16", "local"))
            .chain(routes)
            .map(route)
            .collect(),
        associations: vec![RouteTableAssociation {
            route_table_association_id: RouteTableAssociationId::new("rtbassoc-edge"),
            route_table_id: id,
            subnet_id: None,
            gateway_id: Some(gateway.into()),
            main: false,
        }],
        propagating_vgws: Vec::new(),
        owner_id: "123456789012".into(),
        tags: Vec::new(),
    }
}

#[test]
fn a_gateways_table_leads_what_enters_to_an_appliance() {
    let mut table = Table::default();
    let syn = || tcp((SITE, 50_000), ("3.208.0.5", 443), SYN, 0);
    for (what, routes, expected) in [
        ("local: straight to the instance", &[][..], "eni-web"),
        (
            "to an appliance",
            &[("10.0.1.0/24", "eni-fw")][..],
            "eni-fw",
        ),
        (
            "another subnet's block",
            &[("10.0.2.0/24", "eni-fw")][..],
            "eni-web",
        ),
    ] {
        let mut net = net(&["0.0.0.0/0 igw-a"]);
        net.put(edge("igw-a", routes));
        let mut bench = net.build();
        bench.send_from_internet(syn());
        let got = ["eni-web", "eni-fw"]
            .into_iter()
            .find(|it| bench.last_in(it).is_some());
        table.row("2.3", what, got, Some(expected));
    }
    let mut net = net(&["0.0.0.0/0 eni-fw"]);
    net.put(edge("igw-a", &[("10.0.1.0/24", "eni-fw")]));
    let mut bench = net.build();
    bench.send_from_internet(syn());
    let seen = bench.take_in("eni-fw").expect("the appliance has it");
    bench.send("eni-fw", seen);
    let got = bench.last_in("eni-web").map(|it| it.source().to_string());
    table.row(
        "2.3",
        "the appliance hands it on",
        got,
        Some(SITE.to_owned()),
    );
    let answer = tcp((WEB, 443), (SITE, 50_000), SYN_ACK, 0);
    bench.captured.clear();
    bench.send("eni-web", answer);
    let back = bench
        .take_in("eni-fw")
        .expect("the answer goes the same way");
    let drops = bench.send("eni-fw", back);
    // Passed the gateway by the instance's public address; nobody is on the internet here.
    table.row(
        "2.3",
        "and so the answer leaves",
        outcome(&drops),
        "NoSuchPublicAddress".into(),
    );
    table.finish(5);
}

//! What an instance's network allows: `facts.md` 2.1 (the ena driver's counters) and 2.13.

use std::net::SocketAddr;
use std::sync::Arc;

use wirelab_model::*;
use wirelab_wire::IpPacket;

use super::super::{end_to_end, table::Table};
use crate::event::{Event, Input};
use crate::fabric::{Counters, counters};
use crate::host::ExecId;
use crate::testing::{Bench, Net, parse};

const OPEN: [&str; 2] = ["in -1 * 0.0.0.0/0", "out -1 * 0.0.0.0/0"];
const ANY: [&str; 2] = [
    "out 100 allow -1 * 0.0.0.0/0",
    "in 100 allow -1 * 0.0.0.0/0",
];

/// Two instances of these types in one subnet with an internet gateway.
fn bench(one: &str, other: &str) -> Bench {
    let mut net = Net::default();
    net.vpc("vpc-a", "10.0.0.0/16")
        .subnet("subnet-a", "vpc-a", "10.0.1.0/24", "a")
        .internet_gateway("igw-a", "vpc-a")
        .acl("acl-a", &["subnet-a"], &ANY)
        .routes("rtb-a", "vpc-a", "10.0.0.0/16", &[], &["0.0.0.0/0 igw-a"])
        .group("sg-a", &OPEN)
        .instance(
            "one",
            "subnet-a",
            "10.0.1.5",
            &["sg-a"],
            Some("198.51.100.5"),
        )
        .instance("two", "subnet-a", "10.0.1.6", &["sg-a"], None);
    for (name, kind) in [("i-one", one), ("i-two", other)] {
        for change in &mut net.changes {
            if let Change::Put(Resource::Instance(it)) = change
                && it.instance_id.as_str() == name
            {
                Arc::make_mut(it).instance_type = kind.into();
            }
        }
    }
    net.build()
}

fn packet(to: &str, octets: usize) -> IpPacket {
    let end = |address: &str, port| SocketAddr::new(parse(address), port);
    IpPacket::udp(end("10.0.1.5", 9), end(to, 9), vec![0; octets - 28])
}

/// Offers so many packets at once: how many were dropped, with the reasons' names.
fn offer(bench: &mut Bench, to: &str, octets: usize, count: usize) -> (usize, String) {
    let before = bench.dropped.len();
    for _ in 0..count {
        bench.put("eni-one", packet(to, octets));
    }
    bench.wait(1);
    let dropped = &bench.dropped[before..];
    let mut names: Vec<_> = dropped
        .iter()
        .map(|it| format!("{:?}", it.reason))
        .collect();
    for name in &mut names {
        let end = name.find([' ', '{']).unwrap_or(name.len());
        name.truncate(end);
    }
    names.dedup();
    (dropped.len(), names.join(", "))
}

fn counters_of(bench: &Bench, interface: &str) -> Counters {
    let id = NetworkInterfaceId::new(interface);
    let plan = &bench.world.topology.plan;
    let index = bench.world.topology.find(&id).expect("an interface");
    let nic = plan.find_interface(index).expect("it is there");
    let allowance = nic.allowance.as_ref().expect("it has an instance");
    let limit = bench.world.config().fabric.conntrack_limit;
    counters(&bench.world.state, allowance, bench.world.now(), limit)
}

#[test]
fn what_exceeds_an_allowance_is_queued_then_dropped_and_counted() {
    let mut table = Table::default();
    let text = str::to_owned;
    // 14.4 us each at 5 Gbps: 1 ms at once, 10 ms are queued.
    let mut bench = bench("t3.micro", "m6i.large");
    let (dropped, why) = offer(&mut bench, "10.0.1.6", 9000, 1000);
    let used = counters_of(&bench, "eni-one");
    table.row("2.1", "bandwidth out", why, text("Instance(Bandwidth"));
    table.row("2.1", "1 ms passes, 10 ms wait", dropped, 1000 - 764);
    let exceeded = used.bw_out_allowance_exceeded;
    table.row("2.1", "queued and dropped", exceeded, 1000 - 70);
    let packets = used.pps_allowance_exceeded;
    table.row("2.1", "and of 500,000 a second", packets, 1000 - 501);
    let quiet = offer(&mut bench, "10.0.1.6", 9000, 60);
    table.row("2.13", "below it nothing", quiet, (0, String::new()));

    let mut bench = self::bench("m6i.large", "t3.micro");
    let (_, why) = offer(&mut bench, "10.0.1.6", 9000, 1900);
    let used = counters_of(&bench, "eni-two");
    table.row("2.1", "bandwidth in", why, text("Instance(Bandwidth"));
    let exceeded = used.bw_in_allowance_exceeded > 0;
    table.row("2.1", "counted where it came", exceeded, true);

    let mut bench = self::bench("m6i.large", "m6i.large");
    let (dropped, why) = offer(&mut bench, "10.0.1.6", 60, 6000);
    let used = counters_of(&bench, "eni-one");
    table.row("2.1", "packets", why, text("Instance(Packets"));
    table.row("2.1", "11 ms of 500,000", dropped, 6000 - 5501);
    let exceeded = used.pps_allowance_exceeded;
    table.row("2.1", "queued and dropped", exceeded, 6000 - 501);
    table.finish(10);
}

#[test]
fn ethtool_prints_the_counters_as_the_ena_driver_does() {
    let mut bench = bench("t3.micro", "m6i.large");
    let machine = Input::Host(Box::new(end_to_end::instance("one")));
    let now = bench.world.now();
    bench.world.handle(now, machine).expect("one machine");
    offer(&mut bench, "10.0.1.6", 9000, 1000);
    let exec = Input::Exec {
        id: ExecId(1),
        host: "one".into(),
        argv: ["ethtool", "-S", "ens5"].map(String::from).to_vec(),
    };
    let now = bench.world.now();
    bench.world.handle(now, exec).expect("a machine that runs");
    let events = std::iter::from_fn(|| bench.world.poll_event());
    let printed: String = events
        .filter_map(|event| match event {
            Event::ExecOutput { text, .. } => Some(text),
            _ => None,
        })
        .collect();
    insta::assert_snapshot!(printed, @r"
    NIC statistics:
         bw_in_allowance_exceeded: 0
         bw_out_allowance_exceeded: 930
         pps_allowance_exceeded: 499
         conntrack_allowance_exceeded: 0
         linklocal_allowance_exceeded: 0
         conntrack_allowance_available: 136812
    ");
}

#[test]
fn link_local_services_connections_and_the_internet() {
    let mut table = Table::default();
    let text = str::to_owned;
    let mut bench = bench("m6i.large", "m6i.large");
    let link_local = |bench: &mut Bench, count| {
        offer(bench, "169.254.169.253", 80, count);
        counters_of(bench, "eni-one").linklocal_allowance_exceeded
    };
    let first = link_local(&mut bench, 1024);
    table.row("2.8", "a second's worth", first, 0);
    let more = link_local(&mut bench, 2048);
    table.row("2.8", "1,024 more a second later", more, 1024);

    let tracked = counters_of(&bench, "eni-one").conntrack_allowance_available;
    table.row("2.1", "of the type", tracked, 136_812);
    let mut few = self::bench("m6i.large", "m6i.large");
    let mut net = Net::default();
    few.change(net.group("sg-a", &["out udp 9 10.0.0.0/8", "in udp 9 10.0.0.0/8"]));
    offer(&mut few, "10.0.1.6", 60, 1);
    let left = counters_of(&few, "eni-one").conntrack_allowance_available;
    table.row("2.1", "one is tracked", left, 136_811);

    // 12.5 Gbps to the internet, twice that inside.
    let mut large = self::bench("m5.24xlarge", "m5.24xlarge");
    let (_, why) = offer(&mut large, "203.0.113.9", 1500, 20_000);
    let exceeded = counters_of(&large, "eni-one").bw_out_allowance_exceeded;
    let ours = exceeded > 0 && why.contains("Instance(Bandwidth");
    table.row("2.13", "half to the internet", ours, true);
    let mut large = self::bench("m5.24xlarge", "m5.24xlarge");
    let inside = offer(&mut large, "10.0.1.6", 1500, 20_000);
    table.row("2.13", "all of it inside", inside, (0, text("")));
    let kinds = ["m6i.large", "m5.24xlarge", "m6i.8xlarge"];
    let internet = kinds.map(|it| InstanceType::of(it).internet_bps() / 1_000_000);
    let expected = [5_000, 12_500, 6_250];
    table.row("2.13", "5 Gbps or half", internet, expected);
    table.finish(7);
}

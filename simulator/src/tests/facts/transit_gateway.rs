//! Transit gateways: `facts.md` 2.9, 2.6, and 2.2 for the lists around attachments.
//!
//! `vpc-a` (10.1) and `vpc-b` (10.2) are attached to `tgw-x` in zones `a` and `b`, with a hub subnet
//! a zone; `vpc-c` (10.3) is attached to `tgw-y`, which is peered with it.

use wirelab_model::*;
use wirelab_wire::{IpPacket, TcpFlags, TcpOption, TcpSegment};

use crate::config::FabricConfig;
use crate::testing::{Bench, Net, SYN, SYN_ACK, parse, tcp};
use crate::tests::table::{Table, outcome};
use crate::verdict::{DropReason, PacketDrop};

const DELIVERED: &str = "delivered";

/// An attachment of one VPC, with an interface `eni-NAME-ZONE` in each hub subnet.
pub(super) fn attachment(
    name: &str,
    gateway: &str,
    resource: TransitGatewayAttachedResource,
    table: &str,
) -> TransitGatewayAttachment {
    TransitGatewayAttachment {
        transit_gateway_attachment_id: TransitGatewayAttachmentId::new(name),
        transit_gateway_id: TransitGatewayId::new(gateway),
        state: TransitGatewayAttachmentState::Available,
        resource,
        association: Some(TransitGatewayRouteTableId::new(table)),
        creation_time: UnixTime::default(),
        owner_id: "1".into(),
        tags: Vec::new(),
    }
}

/// A gateway with one table; routes as `10.1.0.0/16 tgw-attach-a`, `... static`, or
/// `10.2.7.0/24 blackhole`.
pub(super) fn gateway(net: &mut Net, name: &str, table: &str, routes: &[&str]) {
    net.put(TransitGateway {
        transit_gateway_id: TransitGatewayId::new(name),
        state: ResourceState::Available,
        options: TransitGatewayOptions::default(),
        description: String::new(),
        creation_time: UnixTime::default(),
        owner_id: "1".into(),
        tags: Vec::new(),
    })
    .put(route_table(name, table, routes));
}

fn route_table(gateway: &str, name: &str, routes: &[&str]) -> TransitGatewayRouteTable {
    TransitGatewayRouteTable {
        transit_gateway_route_table_id: TransitGatewayRouteTableId::new(name),
        transit_gateway_id: TransitGatewayId::new(gateway),
        state: ResourceState::Available,
        routes: routes.iter().map(|text| route(text)).collect(),
        propagations: Vec::new(),
        creation_time: UnixTime::default(),
        tags: Vec::new(),
    }
}

fn route(text: &str) -> TransitGatewayRoute {
    let words: Vec<_> = text.split(' ').collect();
    let named = words[1..].iter().filter(|it| it.starts_with("tgw-attach"));
    let attachments: Vec<_> = named
        .map(|it| TransitGatewayAttachmentId::new(*it))
        .collect();
    TransitGatewayRoute {
        destination_cidr_block: parse(words[0]),
        is_static: attachments.is_empty() || words.contains(&"static"),
        state: match attachments[..] {
            [] => RouteState::Blackhole,
            _ => RouteState::Active,
        },
        attachments,
    }
}

/// A VPC with application and hub subnets in zones, attached to a gateway; application `NAME-ZONE`
/// is at `BLOCK.1.5`, `BLOCK.2.5`, ... and there is one in zone `c`, where no hub subnet is.
fn vpc(net: &mut Net, name: &str, block: &str, gateway: &str, table: &str, appliance: bool) {
    let id = format!("vpc-{name}");
    net.vpc(&id, &format!("{block}.0.0/16"));
    let mut vpc = TransitGatewayVpcAttachment {
        vpc_id: VpcId::new(id.clone()),
        subnet_ids: Vec::new(),
        network_interface_ids: Vec::new(),
        options: TransitGatewayVpcAttachmentOptions {
            appliance_mode_support: appliance,
            ipv6_support: true,
            ..TransitGatewayVpcAttachmentOptions::default()
        },
    };
    for (at, zone) in (1..).zip(["a", "b", "c"]) {
        let (app, hub) = (format!("app-{name}-{zone}"), format!("hub-{name}-{zone}"));
        let subnet = format!("subnet-{app}");
        net.subnet(&subnet, &id, &format!("{block}.{at}.0/24"), zone)
            .instance(
                &app,
                &subnet,
                &format!("{block}.{at}.5"),
                &["sg-open"],
                None,
            );
        if zone == "c" {
            continue;
        }
        let subnet = format!("subnet-{hub}");
        net.subnet(&subnet, &id, &format!("{block}.9{at}.0/24"), zone);
        let mut nic = net.interface(&hub, &subnet, &format!("{block}.9{at}.9"), &[], None);
        nic.interface_type = InterfaceType::TransitGateway;
        nic.source_dest_check = false;
        vpc.subnet_ids.push(nic.subnet_id.clone());
        vpc.network_interface_ids
            .push(nic.network_interface_id.clone());
        net.put(nic);
    }
    let local = format!("{block}.0.0/16");
    let all = format!("0.0.0.0/0 {gateway}");
    net.routes(&format!("rtb-{name}"), &id, &local, &[], &[&all]);
    let resource = TransitGatewayAttachedResource::Vpc(vpc);
    let name = format!("tgw-attach-{name}");
    net.put(attachment(&name, gateway, resource, table));
}

const ROUTES: [&str; 6] = [
    "10.1.0.0/16 tgw-attach-a",
    "10.2.0.0/16 tgw-attach-b",
    "10.2.7.0/24 blackhole",
    "10.8.0.0/16 tgw-attach-b",
    "10.8.0.0/16 tgw-attach-a static",
    "10.3.0.0/16 tgw-attach-p static",
];

fn net() -> Net {
    let mut net = Net::default();
    net.group("sg-open", &["in -1 * 0.0.0.0/0", "out -1 * 0.0.0.0/0"]);
    vpc(&mut net, "a", "10.1", "tgw-x", "tgw-rtb-x", false);
    vpc(&mut net, "b", "10.2", "tgw-x", "tgw-rtb-x", false);
    vpc(&mut net, "c", "10.3", "tgw-y", "tgw-rtb-y", false);
    for (name, block) in [("a", "10.1"), ("b", "10.2"), ("c", "10.3")] {
        let hubs = ["a", "b"].map(|zone| format!("subnet-hub-{name}-{zone}"));
        let hubs = [hubs[0].as_str(), hubs[1].as_str()];
        let (id, local) = (format!("rtb-hub-{name}"), format!("{block}.0.0/16"));
        net.routes(&id, &format!("vpc-{name}"), &local, &hubs, &[]);
    }
    gateway(&mut net, "tgw-x", "tgw-rtb-x", &ROUTES);
    let back = [
        "10.3.0.0/16 tgw-attach-c",
        "10.1.0.0/16 tgw-attach-p static",
    ];
    gateway(&mut net, "tgw-y", "tgw-rtb-y", &back);
    net.put(peering());
    net
}

/// `app-a-a` has an IPv6 address as well.
fn net_with_ipv6() -> Net {
    let mut net = net();
    net.group("sg-open", &["in -1 * ::/0", "out -1 * ::/0"])
        .routes("rtb-a", "vpc-a", "10.1.0.0/16", &[], &["::/0 tgw-x"])
        .ipv6(
            "2001:db8:0:100::/56",
            &[
                ("subnet-app-a-a", "2001:db8:0:101::/64"),
                ("subnet-hub-a-a", "2001:db8:0:191::/64"),
            ],
            &[("eni-app-a-a", "2001:db8:0:101::5")],
        );
    net
}

fn peering() -> TransitGatewayAttachment {
    let peering = TransitGatewayPeering {
        region: "us-east-1".into(),
        peer_transit_gateway_id: TransitGatewayId::new("tgw-y"),
        peer_account_id: "1".into(),
        peer_region: "us-east-1".into(),
        peer_association: Some(TransitGatewayRouteTableId::new("tgw-rtb-y")),
    };
    let resource = TransitGatewayAttachedResource::Peering(peering);
    attachment("tgw-attach-p", "tgw-x", resource, "tgw-rtb-x")
}

fn syn(from: &str, to: &str) -> IpPacket {
    tcp((from, 40_000), (to, 443), SYN, 0)
}

/// Sent by the application of `vpc-a` in zone `a`.
fn from_a(bench: &mut Bench, to: &str) -> String {
    outcome(&bench.send("eni-app-a-a", syn("10.1.1.5", to)))
}

fn mss(packet: &IpPacket) -> Option<u16> {
    packet.as_tcp().and_then(TcpSegment::maximum_segment_size)
}

#[test]
fn transit_gateways_route_as_documented() {
    let mut table = Table::default();
    let mut bench = net().build();
    #[rustfmt::skip]
    let rows = [
        ("between two VPCs of one table", "10.2.1.5", DELIVERED),
        ("a more specific blackhole wins over the VPC's block", "10.2.7.5", "Blackhole"),
        ("no route", "172.16.0.1", "NoRoute"),
        ("over a peering, by static routes of both tables", "10.3.1.5", DELIVERED),
        ("the peer's table decides there", "10.3.200.1", "UnknownDestination"),
        ("nobody is at the gateway's own address", "10.1.91.9", "UnknownDestination"),
    ];
    for (what, to, wanted) in rows {
        table.row("2.9", what, from_a(&mut bench, to), wanted.to_owned());
    }
    let lost = bench.send("eni-app-b-a", syn("10.2.1.5", "10.8.0.1"));
    let text = lost[0].to_string();
    let by_hand = "no route of rtb-hub-a matches 10.8.0.1".to_owned();
    table.row(
        "2.9",
        "a static route beats a propagated one",
        text,
        by_hand,
    );
    let lost = bench.send("eni-app-a-c", syn("10.1.3.5", "10.2.1.5"));
    let what = "a zone without a subnet of the attachment cannot reach the gateway";
    table.row("2.9", what, outcome(&lost), "NoZone".to_owned());
    let arrived = from_a(&mut bench, "10.2.3.5");
    let what = "the other VPC is reached in every zone";
    table.row("2.9", what, arrived, DELIVERED.to_owned());
    associations(&mut table);
    states(&mut table);
    table.finish(12);
}

fn associations(table: &mut Table) {
    let mut net = net();
    let mut alone = attachment_in(&net, "tgw-attach-a");
    alone.association = None;
    net.put(alone);
    let mut bench = net.build();
    let text = bench.send("eni-app-a-a", syn("10.1.1.5", "10.2.1.5"))[0].to_string();
    let wanted = "the attachment to tgw-x is associated with no route table".to_owned();
    table.row(
        "2.9",
        "what enters is routed by the associated table",
        text,
        wanted,
    );
}

fn states(table: &mut Table) {
    for (name, to, what, wanted) in [
        (
            "tgw-attach-b",
            "10.2.1.5",
            "a VPC attachment that is going",
            "NotAttached",
        ),
        (
            "tgw-attach-p",
            "10.3.1.5",
            "a peering that is not accepted",
            "AttachmentState",
        ),
    ] {
        let mut net = net();
        let mut going = attachment_in(&net, name);
        going.state = match going.resource {
            TransitGatewayAttachedResource::Vpc(_) => TransitGatewayAttachmentState::Deleting,
            _ => TransitGatewayAttachmentState::PendingAcceptance,
        };
        net.put(going);
        let outcome = from_a(&mut net.build(), to);
        table.row("2.9", what, outcome, wanted.to_owned());
    }
}

fn attachment_in(net: &Net, name: &str) -> TransitGatewayAttachment {
    let found = net.changes.iter().find_map(|change| match change {
        Change::Put(Resource::TransitGatewayAttachment(it))
            if it.transit_gateway_attachment_id.as_str() == name =>
        {
            Some(TransitGatewayAttachment::clone(it))
        }
        _ => None,
    });
    found.expect("the test has made the attachment")
}

#[test]
fn lists_around_attachments_are_asked_as_documented() {
    // (where the list is, its entries, what goes which way, what comes of it)
    const DENY_OUT: &str = "out 50 deny tcp * 10.2.0.0/16";
    const DENY_IN: &str = "in 50 deny tcp * 10.2.0.0/16";
    let mut table = Table::default();
    #[rustfmt::skip]
    let rows = [
        ("subnet-app-a-a", DENY_OUT, true, "NetworkAcl egress",
            "instance's subnet, outbound: by destination"),
        ("subnet-app-a-a", DENY_IN, false, "NetworkAcl ingress",
            "instance's subnet, inbound: by source"),
        ("subnet-hub-a-a", "in 50 deny tcp * 10.1.0.0/16", true, "NetworkAcl ingress",
            "gateway's subnet, inbound: from the instance to the gateway"),
        ("subnet-hub-a-a", "out 50 deny tcp * 10.1.0.0/16", false, "NetworkAcl egress",
            "gateway's subnet, outbound: from the gateway to the instance"),
        ("subnet-hub-a-a", DENY_OUT, true, DELIVERED,
            "gateway's subnet, outbound: not asked on the way to the gateway"),
        ("subnet-hub-a-a", DENY_IN, false, DELIVERED,
            "gateway's subnet, inbound: not asked on the way from the gateway"),
    ];
    for (subnet, entry, outward, wanted, what) in rows {
        let mut net = net();
        let open = [
            "in 100 allow -1 * 0.0.0.0/0",
            "out 100 allow -1 * 0.0.0.0/0",
        ];
        net.acl("acl-x", &[subnet], &[entry, open[0], open[1]]);
        let mut bench = net.build();
        let (here, there) = ("10.1.1.5", "10.2.1.5");
        let drops = if outward {
            bench.send("eni-app-a-a", syn(here, there))
        } else {
            bench.send("eni-app-b-a", syn(there, here))
        };
        table.row("2.2", what, outcome(&drops), wanted.to_owned());
    }
    // An instance in the gateway's own subnet.
    for (entry, outward, wanted, what) in [
        (
            DENY_OUT,
            true,
            "NetworkAcl egress",
            "one subnet: asked on the way to the gateway",
        ),
        (
            "in 50 deny tcp * 0.0.0.0/0",
            false,
            DELIVERED,
            "one subnet: not asked on the way from the gateway",
        ),
    ] {
        let mut net = net();
        let hub = "subnet-hub-a-a";
        net.instance("near", hub, "10.1.91.5", &["sg-open"], None)
            .acl("acl-x", &[hub], &[entry, "out 100 allow -1 * 0.0.0.0/0"]);
        let mut bench = net.build();
        let drops = if outward {
            bench.send("eni-near", syn("10.1.91.5", "10.2.1.5"))
        } else {
            bench.send("eni-app-b-a", syn("10.2.1.5", "10.1.91.5"))
        };
        table.row("2.2", what, outcome(&drops), wanted.to_owned());
    }
    table.finish(8);
}

#[test]
fn ipv6_needs_an_attachment_made_for_it() {
    let mut table = Table::default();
    let mut world = net_with_ipv6();
    let mut without = attachment_in(&world, "tgw-attach-a");
    if let TransitGatewayAttachedResource::Vpc(vpc) = &mut without.resource {
        vpc.options.ipv6_support = false;
    }
    world.put(without);
    let packet = tcp(
        ("2001:db8:0:101::5", 1),
        ("2001:db8:0:201::5", 2),
        TcpFlags::ACK,
        0,
    );
    let drops = world.build().send("eni-app-a-a", packet);
    let what = "IPv6 at an attachment without Ipv6Support";
    table.row("2.9", what, outcome(&drops), "NoIpv6Support".to_owned());
    table.finish(1);
}

#[test]
fn sizes_and_ttl_at_the_gateway_are_as_documented() {
    let mut table = Table::default();
    for (tgw_pmtud, what) in [
        (true, "8501 octets from a VPC: the sender is told"),
        (false, "8501 octets before 2024: a black hole (ruling C4)"),
    ] {
        let fabric = FabricConfig {
            tgw_pmtud,
            ..FabricConfig::default()
        };
        let mut bench = net().build_with(fabric);
        let long = tcp(("10.1.1.5", 1), ("10.2.1.5", 2), TcpFlags::ACK, 8501 - 40);
        let drops = bench.send("eni-app-a-a", long);
        let wanted = DropReason::from(PacketDrop::MtuExceeded {
            mtu: 8500,
            size: 8501,
            icmp_sent: tgw_pmtud,
        });
        table.row("2.6", what, drops, vec![wanted]);
    }
    let mut bench = net_with_ipv6().build();
    let (from, to) = ("2001:db8:0:101::5", "2001:db8:0:201::5");
    let drops = bench.send(
        "eni-app-a-a",
        tcp((from, 1), (to, 2), TcpFlags::ACK, 8501 - 60),
    );
    let wanted = DropReason::from(PacketDrop::MtuExceeded {
        mtu: 8500,
        size: 8501,
        icmp_sent: true,
    });
    let told = bench.take_in("eni-app-a-a").map(|it| it.protocol());
    let what = "8501 octets of IPv6 from a VPC: packet too big";
    table.row("2.6", what, (drops, told), (vec![wanted], Some(58)));
    let mut bench = net().build();
    let fits = tcp(("10.1.1.5", 1), ("10.2.1.5", 2), TcpFlags::ACK, 8500 - 40);
    let drops = bench.send("eni-app-a-a", fits);
    table.row(
        "2.6",
        "8500 octets pass",
        outcome(&drops),
        DELIVERED.to_owned(),
    );
    for (flags, what) in [
        (SYN, "MSS of a SYN is clamped"),
        (SYN_ACK, "MSS of a SYN-ACK is clamped"),
    ] {
        let mut packet = tcp(("10.1.1.5", 1), ("10.2.1.5", 2), flags, 0);
        let segment = packet.as_tcp_mut().expect("TCP");
        segment.options.push(TcpOption::MaximumSegmentSize(8961));
        bench.send("eni-app-a-a", packet);
        let arrived = bench.take_in("eni-app-b-a");
        table.row("2.6", what, arrived.as_ref().and_then(mss), Some(8460));
    }
    for (to, eni, ttl, what) in [
        ("10.2.1.5", "eni-app-b-a", 63, "one gateway takes one TTL"),
        ("10.3.1.5", "eni-app-c-a", 62, "two peered ones take two"),
    ] {
        from_a(&mut bench, to);
        let arrived = bench.take_in(eni).map(|it| it.ttl());
        table.row("2.9", what, arrived, Some(ttl));
    }
    let mut packet = syn("10.1.1.5", "10.2.1.5");
    packet.header = packet.header.with_ttl(1);
    let outcome = outcome(&bench.send("eni-app-a-a", packet));
    table.row("2.9", "the TTL ends", outcome, "TtlExpired".to_owned());
    table.finish(9);
}

/// `vpc-i` inspects what goes between `vpc-a` in zone `a` and `vpc-b` in zone `b`: an appliance in
/// each zone, to which the hub subnets lead.
fn inspected(appliance_mode: bool) -> Bench {
    let mut net = Net::default();
    net.group("sg-open", &["in -1 * 0.0.0.0/0", "out -1 * 0.0.0.0/0"]);
    net.group("sg-fw", &["in tcp 443 10.1.0.0/16", "out -1 * 0.0.0.0/0"]);
    vpc(&mut net, "a", "10.1", "tgw-x", "tgw-rtb-x", false);
    vpc(&mut net, "b", "10.2", "tgw-x", "tgw-rtb-x", false);
    vpc(&mut net, "i", "10.9", "tgw-x", "tgw-rtb-i", appliance_mode);
    for (zone, address) in [("a", "10.9.1.7"), ("b", "10.9.2.7")] {
        let name = format!("fw-{zone}");
        let subnet = format!("subnet-app-i-{zone}");
        net.instance(&name, &subnet, address, &["sg-fw"], None);
        let mut nic = net.interface(&name, &subnet, address, &["sg-fw"], None);
        nic.source_dest_check = false;
        nic.attachment = Some(NetworkInterfaceAttachment {
            attachment_id: AttachmentId::new("eni-attach-x"),
            instance_id: Some(InstanceId::new(format!("i-{name}"))),
            device_index: 0,
        });
        net.put(nic);
        let hub = format!("subnet-hub-i-{zone}");
        let to = format!("0.0.0.0/0 eni-{name}");
        let id = format!("rtb-hub-{zone}");
        net.routes(&id, "vpc-i", "10.9.0.0/16", &[&hub], &[&to]);
    }
    gateway(
        &mut net,
        "tgw-x",
        "tgw-rtb-x",
        &["0.0.0.0/0 tgw-attach-i static"],
    );
    net.build()
}

/// The zones of the appliances that see a connection's SYN and its SYN-ACK, and what comes of the
/// latter; the appliance has forwarded the SYN.
fn inspection(bench: &mut Bench, port: u16) -> (char, char, String) {
    let (client, server) = (("10.1.1.5", port), ("10.2.2.5", 443));
    let seen_by = |bench: &mut Bench| {
        let by_a = bench.last_in("eni-fw-a").is_some();
        bench.captured.clear();
        if by_a { 'a' } else { 'b' }
    };
    bench.captured.clear();
    bench.send("eni-app-a-a", tcp(client, server, SYN, 0));
    let there = seen_by(bench);
    bench.send(&format!("eni-fw-{there}"), tcp(client, server, SYN, 0));
    bench.captured.clear();
    let drops = bench.send("eni-app-b-b", tcp(server, client, SYN_ACK, 0));
    let refused = drops.first().map(ToString::to_string).unwrap_or_default();
    let back = if refused.contains("eni-fw-b") || bench.last_in("eni-fw-b").is_some() {
        'b'
    } else {
        'a'
    };
    (there, back, outcome(&drops))
}

#[test]
fn appliance_mode_keeps_a_flow_in_one_zone() {
    let mut table = Table::default();
    let mut off = inspected(false);
    let seen = inspection(&mut off, 40_000);
    let refused = "SecurityGroup ingress".to_owned();
    let what = "off: each direction in its sender's zone, and the other appliance refuses";
    table.row("2.9", what, seen, ('a', 'b', refused));
    let mut on = inspected(true);
    let all: Vec<_> = (40_000..40_016)
        .map(|port| inspection(&mut on, port))
        .collect();
    let same = all.iter().all(|(there, back, _)| there == back);
    let passed = all.iter().all(|(_, _, outcome)| outcome == DELIVERED);
    let zones = ['a', 'b'].map(|zone| all.iter().any(|it| it.0 == zone));
    table.row("2.9", "on: both directions in one zone", same, true);
    table.row("2.9", "on: so the appliance knows the flow", passed, true);
    table.row("2.9", "on: flows share the zones", zones, [true, true]);
    table.finish(4);
}

#[test]
fn logs_and_metrics_of_the_gateway_are_as_documented() {
    let mut table = Table::default();
    let mut net = net();
    net.flow_log("eni-hub-b-a");
    let mut bench = net.build();
    for to in ["10.2.1.5", "10.2.7.5", "10.2.7.6", "172.16.0.1"] {
        from_a(&mut bench, to);
    }
    let mut packet = syn("10.1.1.5", "10.2.1.5");
    packet.header = packet.header.with_ttl(1);
    bench.send("eni-app-a-a", packet);
    bench.wait(400);
    let flow = bench.records.iter().find_map(|it| it.record.flow.clone());
    let flow = flow.expect("the interface is recorded");
    let addresses = [
        flow.srcaddr,
        flow.pkt_srcaddr,
        flow.dstaddr,
        flow.pkt_dstaddr,
    ];
    let wanted = ["10.2.91.9", "10.1.1.5", "10.2.1.5", "10.2.1.5"].map(str::to_owned);
    let what = "the gateway's interface in srcaddr, the client in pkt-srcaddr";
    table.row("2.12", what, addresses.map(|it| it.to_string()), wanted);
    let counted = |name: &str, dimensions: usize| -> u64 {
        let data = bench.metrics.iter().filter(|it| {
            let metric = &it.metric;
            metric.metric_name == name
                && metric.dimensions.len() == dimensions
                && metric.dimensions[0].value == "tgw-x"
                && (dimensions == 1 || metric.dimensions[1].value == "tgw-attach-a")
        });
        data.map(|it| it.statistic_values.sum).sum()
    };
    for (name, sum) in [
        ("PacketDropCountBlackhole", 2),
        ("BytesDropCountBlackhole", 80),
        ("PacketDropCountNoRoute", 1),
        ("PacketDropCountTTLExpired", 1),
        ("PacketsIn", 5),
    ] {
        let both = [counted(name, 1), counted(name, 2)];
        table.row("2.9", name, both, [sum, sum]);
    }
    let out = [counted("PacketsOut", 1), counted("PacketsOut", 2)];
    table.row(
        "2.9",
        "PacketsOut of the gateway, not of the sender",
        out,
        [1, 0],
    );
    table.finish(7);
}

//! Site-to-site VPN: `facts.md` 2.6, 2.7, and 2.9 for VPN attachments.
//!
//! `app` (10.0.1.5) is behind a virtual private gateway, `cgw` is the customer's device at
//! 192.168.10.1 behind both tunnels; or the connection is at a transit gateway.

use wirelab_model::*;
use wirelab_wire::{IpPacket, TcpFlags, TcpOption, TcpSegment};

use super::transit_gateway::{attachment, gateway};
use crate::config::FabricConfig;
use crate::event::{CapturePoint, Event, Input, SegmentSpec, VpnEnd, VpnTunnelFault};
use crate::host::{
    Attachment, HostSettings, HostSpec, KernelProfile, OutsideInterface, TunnelSpec,
};
use crate::testing::{Bench, Net, SYN, parse, tcp};
use crate::tests::table::{Table, outcome};
use crate::verdict::{DropReason, PacketDrop, VpnDrop};

const APP: &str = "10.0.1.5";
const OFFICE: &str = "192.168.10.1";
const DELIVERED: &str = "delivered";

fn tunnel(number: u8, mtu: u16) -> VpnTunnel {
    VpnTunnel {
        outside_ip_address: [203, 0, 113, number].into(),
        tunnel_inside_cidr: parse(&format!("169.254.{number}.0/30")),
        mtu,
        in_service: true,
        dpd_timeout_seconds: VpnTunnel::DPD_TIMEOUT_SECONDS,
        up: true,
        last_status_change: UnixTime::default(),
    }
}

fn connection(name: &str, block: &str) -> VpnConnection {
    VpnConnection {
        vpn_connection_id: VpnConnectionId::new(name),
        customer_gateway_id: CustomerGatewayId::new(name.replace("vpn", "cgw")),
        vpn_gateway_id: Some(VpnGatewayId::new("vgw-a")),
        transit_gateway_id: None,
        state: ResourceState::Available,
        static_routes_only: true,
        routes: vec![VpnStaticRoute {
            destination_cidr_block: parse(block),
            state: ResourceState::Available,
        }],
        tunnels: vec![tunnel(1, 1446), tunnel(2, 1446)],
        owner_id: "1".into(),
        tags: Vec::new(),
    }
}

/// A VPC with `app`, whose route to the office leads to `target`.
fn vpc(target: &str) -> Net {
    let route = format!("192.168.0.0/16 {target}");
    let mut net = Net::default();
    net.vpc("vpc-a", "10.0.0.0/16")
        .subnet("subnet-a", "vpc-a", "10.0.1.0/24", "a")
        .group("sg-open", &["in -1 * 0.0.0.0/0", "out -1 * 0.0.0.0/0"])
        .instance("app", "subnet-a", APP, &["sg-open"], None)
        .routes("rtb-a", "vpc-a", "10.0.0.0/16", &[], &[&route]);
    net
}

fn net() -> Net {
    let mut net = vpc("vgw-a");
    net.put(VpnGateway {
        vpn_gateway_id: VpnGatewayId::new("vgw-a"),
        state: ResourceState::Available,
        vpc_id: Some(VpcId::new("vpc-a")),
        owner_id: "1".into(),
        tags: Vec::new(),
    })
    .put(connection("vpn-a", "192.168.0.0/16"));
    net
}

/// The machine of `cgw-NAME` on a LAN of its own, at `address`.
fn device(bench: &mut Bench, name: &str, address: &str, edit: impl FnOnce(&mut TunnelSpec)) {
    let now = bench.world.now();
    let lan = format!("lan-{name}");
    let address: IpNet = parse(&format!("{address}/24"));
    let segment = SegmentSpec {
        name: lan.as_str().into(),
        cidr: address.trunc(),
        mtu: 1500,
    };
    let added = bench.world.handle(now, Input::Segment(segment));
    added.expect("a new segment");
    let id = CustomerGatewayId::new(format!("cgw-{name}"));
    let mut tunnel = TunnelSpec::new(id, 1446);
    edit(&mut tunnel);
    let eth0 = OutsideInterface {
        name: "eth0".into(),
        segment: lan.into(),
        address,
        ipv6_address: None,
        ipv6_gateway: None,
        mtu: 1500,
    };
    let spec = HostSpec {
        name: format!("cgw-{name}").into(),
        attachment: Attachment::Outside {
            interfaces: vec![eth0],
            customer_gateway: Some(tunnel),
            default_gateway: None,
        },
        kernel: KernelProfile::Linux618,
        settings: HostSettings::default(),
        routes: Vec::new(),
        firewall: Vec::new(),
        servers: Vec::new(),
    };
    let added = bench.world.handle(now, Input::Host(Box::new(spec)));
    added.expect("a new machine");
}

fn bench() -> Bench {
    let mut bench = net().build();
    device(&mut bench, "a", OFFICE, |_| {});
    bench
}

/// An RST, which nobody answers.
fn rst(from: &str, to: &str, port: u16, size: usize) -> IpPacket {
    tcp((from, port), (to, 443), TcpFlags::RST, size - 40)
}

fn to_office(bench: &mut Bench) -> String {
    outcome(&bench.send("eni-app", rst(APP, OFFICE, 40_000, 40)))
}

fn put_at_office(bench: &mut Bench, packet: IpPacket) {
    let now = bench.world.now();
    let point = CapturePoint::HostInterface {
        host: "cgw-a".into(),
        interface: "tun0".into(),
    };
    let put = bench.world.handle(now, Input::Packet { point, packet });
    put.expect("the device has a tunnel interface");
}

fn from_office(bench: &mut Bench, to: &str) -> String {
    let before = bench.dropped.len();
    put_at_office(bench, rst(OFFICE, to, 40_000, 40));
    bench.wait(1);
    let drops: Vec<_> = bench.dropped[before..]
        .iter()
        .map(|it| it.reason.clone())
        .collect();
    outcome(&drops)
}

fn fault(bench: &mut Bench, tunnel: u8, end: VpnEnd, broken: bool) {
    let now = bench.world.now();
    let fault = VpnTunnelFault {
        vpn_connection: VpnConnectionId::new("vpn-a"),
        tunnel,
        end,
        broken,
    };
    let taken = bench.world.handle(now, Input::VpnTunnel(fault));
    taken.expect("the connection has two tunnels");
}

#[test]
fn tunnels_fail_over_as_documented() {
    let mut table = Table::default();
    let mut bench = bench();
    let delivered = || DELIVERED.to_owned();
    let gone = || "PeerGone".to_owned();
    table.row(
        "2.7",
        "AWS to the customer",
        to_office(&mut bench),
        delivered(),
    );
    let back = from_office(&mut bench, APP);
    table.row("2.7", "the customer to AWS", back, delivered());
    let elsewhere = from_office(&mut bench, "10.9.9.9");
    let what = "what enters a virtual private gateway ends in its VPC";
    table.row("2.7", what, elsewhere, "NotTransit".to_owned());
    fault(&mut bench, 1, VpnEnd::Customer, true);
    let what = "the customer's end is gone: AWS sends into a hole until DPD notices";
    table.row("2.7", what, to_office(&mut bench), gone());
    let back = from_office(&mut bench, APP);
    let what = "the customer knows at once and sends by the other tunnel";
    table.row("2.7", what, back, delivered());
    bench.wait(26);
    table.row("2.7", "28 s later still", to_office(&mut bench), gone());
    bench.wait(1);
    let what = "after 30 s AWS sends by the other tunnel";
    table.row("2.7", what, to_office(&mut bench), delivered());
    fault(&mut bench, 2, VpnEnd::Aws, true);
    let what = "both are down: AWS's own end at once";
    table.row("2.7", what, to_office(&mut bench), "TunnelDown".to_owned());
    fault(&mut bench, 1, VpnEnd::Customer, false);
    bench.wait(6);
    let what = "a tunnel that is mended is negotiated again";
    table.row("2.7", what, to_office(&mut bench), delivered());
    replaced(&mut table);
    telemetry(&mut table);
    table.finish(13);
}

/// AWS replaces the endpoint of tunnel 1.
fn replaced(table: &mut Table) {
    let mut bench = bench();
    bench.wait(1);
    let mut changed = connection("vpn-a", "192.168.0.0/16");
    changed.state = ResourceState::Modifying;
    changed.tunnels[0].in_service = false;
    bench.change(Net::default().put(changed));
    let what = "an endpoint is replaced: AWS sends by the other tunnel at once";
    table.row("2.7", what, to_office(&mut bench), DELIVERED.to_owned());
    let back = from_office(&mut bench, APP);
    let what = "an endpoint is replaced: the customer's device has to notice";
    table.row("2.7", what, back, "PeerGone".to_owned());
}

/// What the control plane is told of a tunnel whose customer's end is gone for 40 seconds.
fn telemetry(table: &mut Table) {
    let mut bench = bench();
    bench.wait(10);
    fault(&mut bench, 1, VpnEnd::Customer, true);
    let mut told = Vec::new();
    for second in 11..=60 {
        if second == 51 {
            fault(&mut bench, 1, VpnEnd::Customer, false);
        }
        let now = SimTime::from_secs(second);
        bench.world.handle_timeout(now);
        while let Some(event) = bench.world.poll_event() {
            if let Event::Observation(Observation::VpnTunnel { up, .. }) = event {
                told.push((second, up));
            }
        }
    }
    let what = "VgwTelemetry: DOWN after 30 s, UP once it is negotiated";
    table.row("2.7", what, told, vec![(40, false), (55, true)]);
    let mut bench = net().build();
    bench.wait(1);
    let what = "nobody answers as the customer gateway";
    let outcome = to_office(&mut bench);
    table.row("2.7", what, outcome, "NoCustomerGateway".to_owned());
}

#[test]
fn each_end_chooses_its_tunnel() {
    let mut table = Table::default();
    let mut bench = net().build();
    device(&mut bench, "a", OFFICE, |it| it.preferred_tunnel = Some(2));
    let both = [to_office(&mut bench), from_office(&mut bench, APP)];
    let what = "AWS by tunnel 1, the customer by 2: an asymmetric way works";
    table.row("2.7", what, both, [DELIVERED, DELIVERED].map(str::to_owned));
    bench.wait(400);
    let sum = |name: &str, address: &str| -> u64 {
        let data = bench
            .metrics
            .iter()
            .filter(|it| it.metric.metric_name == name && it.metric.dimensions[0].value == address);
        data.map(|it| it.statistic_values.sum).sum()
    };
    let octets = ["203.0.113.1", "203.0.113.2"]
        .map(|it| (sum("TunnelDataOut", it), sum("TunnelDataIn", it)));
    table.row("2.7", "octets by tunnel", octets, [(40, 0), (0, 40)]);
    let mut bench = net().build();
    device(&mut bench, "a", OFFICE, |it| {
        it.preferred_tunnel = Some(2);
        it.asymmetric = false;
    });
    let what = "a device that takes nothing from a tunnel that it does not send by";
    let outcome = to_office(&mut bench);
    table.row("2.7", what, outcome, "Asymmetric".to_owned());
    longest(&mut table);
    table.finish(5);
}

/// Of two connections the one with the longer static route; the other when its tunnels are down.
fn longest(table: &mut Table) {
    let mut net = net();
    net.put(connection("vpn-b", "192.168.10.0/24"));
    let mut bench = net.build();
    device(&mut bench, "a", "192.168.11.1", |_| {});
    device(&mut bench, "b", OFFICE, |_| {});
    let what = "the longest static route of two connections";
    table.row("2.3", what, to_office(&mut bench), DELIVERED.to_owned());
    let mut down = connection("vpn-b", "192.168.10.0/24");
    down.state = ResourceState::Deleting;
    bench.change(Net::default().put(down));
    to_office(&mut bench);
    let at_other = bench.captured.iter().rev().find(|it| !it.outbound);
    let at_other = at_other.map(|it| it.point.clone());
    let wanted = CapturePoint::HostInterface {
        host: "cgw-a".into(),
        interface: "tun0".into(),
    };
    let what = "a shorter one whose tunnels are up, if those of the longer are down";
    table.row("2.3", what, at_other, Some(wanted));
}

#[test]
fn a_tunnel_carries_what_its_cipher_leaves_and_tells_nobody() {
    let mut table = Table::default();
    for mtu in [1446_u16, 1438, 1422, 1406] {
        let mut net = net();
        let mut changed = connection("vpn-a", "192.168.0.0/16");
        changed.tunnels = vec![tunnel(1, mtu), tunnel(2, mtu)];
        net.put(changed);
        let mut bench = net.build();
        device(&mut bench, "a", OFFICE, |_| {});
        let size = usize::from(mtu);
        let fits = outcome(&bench.send("eni-app", rst(APP, OFFICE, 1, size)));
        let drops = bench.send("eni-app", rst(APP, OFFICE, 1, size + 1));
        let wanted = DropReason::from(PacketDrop::MtuExceeded {
            mtu,
            size: u32::from(mtu) + 1,
            icmp_sent: false,
        });
        let what = format!("{mtu} octets pass, one more with DF set is lost without a word");
        let lost = (fits, drops);
        table.row("2.6", &what, lost, (DELIVERED.to_owned(), vec![wanted]));
    }
    let mut bench = bench();
    let mut packet = rst(APP, OFFICE, 1, 1500);
    packet.header = packet
        .header
        .with_dont_fragment(false)
        .with_identification(7);
    let outcome = outcome(&bench.send("eni-app", packet));
    let pieces = bench.captured.iter().filter(|it| !it.outbound).count();
    let what = "without DF it is cut in two";
    table.row("2.6", what, (outcome, pieces), (DELIVERED.to_owned(), 2));
    table.finish(5);
}

#[test]
fn a_tunnel_has_its_limits() {
    let mut table = Table::default();
    for (size, count, what, limit) in [
        (
            1446,
            8_000,
            "1.25 Gbps: then packets wait, then are lost",
            "Bandwidth",
        ),
        (
            40,
            10_000,
            "140,000 packets a second, small ones too",
            "PacketRate",
        ),
    ] {
        let mut bench = net().build_with(FabricConfig::default());
        device(&mut bench, "a", OFFICE, |_| {});
        for _ in 0..count {
            put_at_office(&mut bench, rst(OFFICE, APP, 1, size));
        }
        bench.wait(1);
        let limited = bench.dropped.iter().filter_map(|it| match &it.reason {
            DropReason::Vpn(VpnDrop::Limit { limit, .. }) => Some(format!("{limit:?}")),
            _ => None,
        });
        let limited: Vec<_> = limited.collect();
        let first = limited.first().cloned();
        table.row("2.7", what, first, Some(limit.to_owned()));
        let passed = count - limited.len();
        // 60 ms of burst and queue.
        let room = match limit {
            "Bandwidth" => 1_250_000_000 * 6 / 100 / 8 / size,
            _ => 140_000 * 6 / 100,
        };
        let near = passed.abs_diff(room) <= 2;
        table.row("2.7", &format!("{what}: {passed} of {room}"), near, true);
    }
    table.finish(4);
}

/// The connection, and others with equal routes, at a transit gateway.
fn at_transit_gateway(route: &str, edit: impl Fn(&mut VpnConnection)) -> Net {
    let mut net = vpc("tgw-x");
    net.subnet("subnet-hub", "vpc-a", "10.0.9.0/24", "a");
    let mut nic = net.interface("hub", "subnet-hub", "10.0.9.9", &[], None);
    nic.interface_type = InterfaceType::TransitGateway;
    nic.source_dest_check = false;
    let vpc = TransitGatewayAttachedResource::Vpc(TransitGatewayVpcAttachment {
        vpc_id: VpcId::new("vpc-a"),
        subnet_ids: vec![nic.subnet_id.clone()],
        network_interface_ids: vec![nic.network_interface_id.clone()],
        options: TransitGatewayVpcAttachmentOptions::default(),
    });
    net.put(nic);
    net.put(attachment("tgw-attach-a", "tgw-x", vpc, "tgw-rtb-x"));
    gateway(
        &mut net,
        "tgw-x",
        "tgw-rtb-x",
        &["10.0.0.0/16 tgw-attach-a", route],
    );
    for (vpn, name) in [("vpn-a", "tgw-attach-v"), ("vpn-b", "tgw-attach-w")] {
        let mut connection = connection(vpn, "192.168.0.0/16");
        connection.customer_gateway_id = CustomerGatewayId::new("cgw-a");
        connection.vpn_gateway_id = None;
        connection.transit_gateway_id = Some(TransitGatewayId::new("tgw-x"));
        edit(&mut connection);
        let id = connection.vpn_connection_id.clone();
        net.put(connection);
        let vpn = TransitGatewayAttachedResource::Vpn(id);
        net.put(attachment(name, "tgw-x", vpn, "tgw-rtb-x"));
    }
    net
}

#[test]
fn vpn_attachments_of_a_transit_gateway_are_as_documented() {
    let mut table = Table::default();
    let mut net = at_transit_gateway("192.168.0.0/16 tgw-attach-v static", |_| {});
    let mut bench = net.build();
    device(&mut bench, "a", OFFICE, |_| {});
    let both = [to_office(&mut bench), from_office(&mut bench, APP)];
    table.row(
        "2.9",
        "there and back",
        both,
        [DELIVERED, DELIVERED].map(str::to_owned),
    );
    let lost = from_office(&mut bench, "172.16.0.1");
    let what = "what enters is routed by the attachment's table";
    table.row("2.9", what, lost, "NoRoute".to_owned());
    let told = |mtu, size, icmp_sent| {
        vec![DropReason::from(PacketDrop::MtuExceeded {
            mtu,
            size,
            icmp_sent,
        })]
    };
    let drops = bench.send("eni-app", rst(APP, OFFICE, 1, 1501));
    let what = "1500 octets from a gateway to VPN: a sender in a VPC is told";
    table.row("2.6", what, drops, told(1500, 1501, true));
    let drops = bench.send("eni-app", rst(APP, OFFICE, 1, 1500));
    let what = "between 1446 and 1500 nobody is told";
    table.row("2.6", what, drops, told(1446, 1500, false));
    let mut syn = tcp((APP, 1), (OFFICE, 2), SYN, 0);
    let segment = syn.as_tcp_mut().expect("TCP");
    segment.options.push(TcpOption::MaximumSegmentSize(8961));
    bench.captured.clear();
    bench.send("eni-app", syn);
    let arrived = bench.captured.iter().find(|it| {
        let has_syn = it
            .packet()
            .and_then(IpPacket::as_tcp)
            .is_some_and(|it| it.flags == SYN);
        !it.outbound && has_syn
    });
    let mss = arrived.and_then(|it| it.packet()?.as_tcp());
    let mss = mss.and_then(TcpSegment::maximum_segment_size);
    table.row("2.6", "MSS is clamped to 1500 octets", mss, Some(1460));
    for tunnel in [1, 2] {
        fault(&mut bench, tunnel, VpnEnd::Aws, true);
    }
    let what = "a static route stays when the tunnels are down";
    let outcome = to_office(&mut bench);
    table.row("2.9", what, outcome, "TunnelDown".to_owned());
    ecmp(&mut table);
    table.finish(9);
}

/// Equal routes by two connections that learn them: four tunnels.
fn ecmp(table: &mut Table) {
    let route = "192.168.0.0/16 tgw-attach-v tgw-attach-w";
    let mut net = at_transit_gateway(route, |it| it.static_routes_only = false);
    let mut bench = net.build();
    device(&mut bench, "a", OFFICE, |_| {});
    let flows = |bench: &mut Bench, count: u16, each: usize| {
        bench.metrics.clear();
        for port in 0..count {
            for _ in 0..each {
                bench.put("eni-app", rst(APP, OFFICE, 40_000 + port, 40));
            }
        }
        bench.wait(400);
        let data = bench
            .metrics
            .iter()
            .filter(|it| it.metric.metric_name == "TunnelDataOut" && it.statistic_values.sum > 0);
        data.count()
    };
    let used = flows(&mut bench, 64, 1);
    table.row("row 91", "flows share four tunnels", used, 4);
    let used = flows(&mut bench, 1, 64);
    table.row("row 91", "a flow keeps to one", used, 1);
    for tunnel in [1, 2] {
        fault(&mut bench, tunnel, VpnEnd::Aws, true);
    }
    let used = flows(&mut bench, 64, 1);
    let what = "those of the other connection, when one is down";
    table.row("row 91", what, used, 2);
}

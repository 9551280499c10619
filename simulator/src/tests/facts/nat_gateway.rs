//! NAT gateways: `facts.md` 2.4, the NACL table of 2.2, the flow records of 2.12, ruling D2.

use std::net::{IpAddr, SocketAddr};

use wirelab_model::*;
use wirelab_wire::{
    IcmpMessage, IpPacket, Reassembler, TcpFlags, TcpOption, Transport, Unreachable,
};

use super::super::nat::{self, NAT, PRIVATE, metric};
use super::super::table::{Table, outcome};
use crate::testing::{ACK, Bench, Net, SYN, SYN_ACK, answer, parse, tcp};

const ANY: [&str; 2] = [
    "out 100 allow -1 * 0.0.0.0/0",
    "in 100 allow -1 * 0.0.0.0/0",
];
const OPEN: [&str; 2] = ["in -1 * 0.0.0.0/0", "out -1 * 0.0.0.0/0"];
const APP: &str = "10.0.1.5";
const SITE: &str = "203.0.113.80";
/// What `site` calls itself.
const SITE_INSIDE: &str = "172.16.0.80";
const PUBLIC: &str = "198.51.100.20";

/// `app` behind a NAT gateway and `site` on the internet; nothing is filtered.
fn scene() -> Net {
    let mut net = nat::net(&ANY, &ANY);
    net.group("sg-app", &OPEN).group("sg-site", &OPEN);
    net
}

fn udp(from: (&str, u16), to: (&str, u16), octets: usize) -> IpPacket {
    let end = |(address, port)| SocketAddr::new(parse(address), port);
    IpPacket::udp(end(from), end(to), vec![b'u'; octets])
}

fn ping(from: &str, to: &str, octets: usize) -> IpPacket {
    IpPacket::echo_request(parse(from), parse(to), 7, 1, vec![b'p'; octets])
}

fn other(number: u8) -> IpPacket {
    let mut packet = udp((APP, 1), (SITE, 1), 40);
    packet.transport = Transport::Other {
        protocol: number,
        payload: vec![0; 40].into(),
    };
    packet
}

fn syn() -> IpPacket {
    tcp((APP, 40000), (SITE, 443), SYN, 0)
}

fn segment(flags: TcpFlags) -> IpPacket {
    tcp((APP, 40000), (SITE, 443), flags, 10)
}

/// A connection from `app` to `site`, and the SYN as it came there.
fn connected(net: &mut Net) -> (Bench, IpPacket) {
    let mut bench = net.build();
    bench.send("eni-app", syn());
    let arrived = bench.take_in("eni-site").expect("the SYN arrives");
    bench.send("eni-site", answer(&arrived, SYN_ACK, 0));
    bench.send("eni-app", segment(ACK));
    bench.captured.clear();
    (bench, arrived)
}

/// What becomes of a packet of `app`.
fn sent(packet: IpPacket) -> String {
    outcome(&scene().build().send("eni-app", packet))
}

/// What came to `app`'s machine.
fn seen_by_app(bench: &mut Bench) -> Option<IpPacket> {
    bench.take_in("eni-app")
}

fn flags(packet: Option<IpPacket>) -> Option<TcpFlags> {
    packet.and_then(|it| it.as_tcp().map(|it| it.flags))
}

#[test]
fn what_it_translates() {
    let mut table = Table::default();
    let text = str::to_owned;
    let delivered = || text("delivered");
    let unsupported = || text("Unsupported");
    table.row("2.4", "TCP", sent(syn()), delivered());
    table.row(
        "2.4",
        "UDP",
        sent(udp((APP, 9), (SITE, 53), 30)),
        delivered(),
    );
    table.row("2.4", "a ping", sent(ping(APP, SITE, 56)), delivered());
    table.row("2.4", "IPsec ESP", sent(other(50)), unsupported());
    table.row("2.4", "GRE", sent(other(47)), unsupported());
    let nat_t = udp((APP, 4500), (SITE, 4500), 100);
    table.row("2.4", "NAT-T", sent(nat_t), delivered());
    let gateway = ping(APP, "10.0.2.20", 56);
    table.row(
        "2.4",
        "a ping of the gateway",
        sent(gateway),
        text("NoMapping"),
    );
    let itself = sent(ping(APP, PUBLIC, 56));
    let what = "a request is no answer, though it comes back with the mapping's identifier";
    table.row("2.4", what, itself, text("NoMapping"));

    let mut bench = scene().build();
    bench.send("eni-app", syn());
    let arrived = bench.take_in("eni-site").expect("it arrives");
    let source = arrived.five_tuple();
    table.row("2.4", "source", source.source, parse::<IpAddr>(PUBLIC));
    let in_range = (1024..=65535).contains(&source.source_port);
    table.row("2.4", "port range", in_range, true);
    let drops = bench.send("eni-site", ping(SITE_INSIDE, PUBLIC, 56));
    let silent = (outcome(&drops), bench.last_in("eni-site").is_none());
    let expected = (text("NoMapping"), true);
    table.row("2.4", "a ping from the internet", silent, expected);
    let knock = tcp((SITE_INSIDE, 443), (PUBLIC, 22), SYN, 0);
    let drops = outcome(&bench.send("eni-site", knock));
    table.row("2.4", "a SYN from the internet", drops, text("NoMapping"));
    let other_port = tcp(
        (SITE_INSIDE, 8443),
        (PUBLIC, source.source_port),
        SYN_ACK,
        0,
    );
    let drops = outcome(&bench.send("eni-site", other_port));
    table.row("2.4", "another port's answer", drops, text("NoMapping"));
    let again = bench.send("eni-app", tcp((APP, 40001), (SITE, 443), SYN, 0));
    let second = bench.take_in("eni-site").expect("it arrives").five_tuple();
    let distinct = again.is_empty() && second.source_port != source.source_port;
    table.row("2.4", "two connections, two ports", distinct, true);
    table.finish(14);
}

#[test]
fn how_connections_end() {
    let mut table = Table::default();
    let text = str::to_owned;
    // Idle for exactly so long; each `send` takes a second.
    let after = |seconds: u64, packet: IpPacket| {
        let (mut bench, _) = connected(&mut scene());
        bench.wait(seconds - 1);
        let quiet = bench.captured.is_empty();
        let drops = outcome(&bench.send("eni-app", packet));
        (quiet, drops, flags(seen_by_app(&mut bench)))
    };
    let live = after(349, segment(ACK));
    table.row("2.4", "349 s idle", live, (true, text("delivered"), None));
    let dead = after(350, segment(ACK));
    let rst = Some(TcpFlags::RST);
    let expected = (true, text("MappingExpired"), rst);
    table.row("2.4", "350 s idle", dead, expected.clone());
    let fin = after(351, segment(TcpFlags(0x11)));
    table.row("2.4", "a FIN after 350 s", fin, expected);
    let reset = after(351, segment(TcpFlags(0x14)));
    let no_answer = (true, text("MappingExpired"), None);
    table.row("2.4", "an RST after 350 s", reset, no_answer);
    let again = after(351, syn());
    let delivered = (true, text("delivered"), None);
    table.row("2.4", "a SYN after 350 s", again, delivered);

    let (mut bench, arrived) = connected(&mut scene());
    bench.wait(350);
    let late = bench.send("eni-site", answer(&arrived, ACK, 10));
    table.row(
        "2.4",
        "from outside after",
        outcome(&late),
        text("NoMapping"),
    );
    let silent = bench.last_in("eni-site").is_none();
    table.row("2.4", "and nothing comes back", silent, true);

    let mut bench = scene().build();
    bench.send("eni-app", udp((APP, 9), (SITE, 53), 30));
    bench.wait(360);
    let drops = bench.send("eni-app", udp((APP, 9), (SITE, 53), 30));
    table.row("2.4", "UDP starts anew", outcome(&drops), text("delivered"));
    table.finish(8);
}

#[test]
fn connections_do_not_move_and_a_gateway_that_is_not_in_service_carries_none() {
    let mut table = Table::default();
    let text = str::to_owned;
    // Another gateway takes over the same route, or the gateway itself goes.
    let (mut bench, arrived) = connected(&mut scene());
    let mut change = Net::default();
    change
        .subnet("subnet-nat", "vpc-a", "10.0.2.0/24", "a")
        .nat_gateway("new", "subnet-nat", "10.0.2.30", "198.51.100.30")
        .routes(
            "rtb-private",
            "vpc-a",
            "10.0.0.0/16",
            &["subnet-private"],
            &["0.0.0.0/0 nat-new"],
        );
    bench.change(&mut change);
    let drops = outcome(&bench.send("eni-app", segment(ACK)));
    let moved = (drops, flags(seen_by_app(&mut bench)));
    let expected = (text("MappingExpired"), Some(TcpFlags::RST));
    table.row("D2", "a segment at a new gateway", moved, expected);
    let drops = outcome(&bench.send("eni-app", tcp((APP, 40009), (SITE, 443), SYN, 0)));
    table.row("2.4", "a connection there", drops, text("delivered"));
    for state in [
        NatGatewayState::Pending,
        NatGatewayState::Failed,
        NatGatewayState::Deleting,
    ] {
        in_state(&mut bench, state);
        let drops = outcome(&bench.send("eni-site", answer(&arrived, ACK, 10)));
        table.row("2.4", "not in service", drops, text("NotAvailable"));
    }
    table.finish(5);
}

/// Puts the gateway into a state.
fn in_state(bench: &mut Bench, state: NatGatewayState) {
    edit(bench, |gateway| gateway.state = state);
}

fn edit(bench: &mut Bench, change: impl FnOnce(&mut NatGateway)) {
    let id = NatGatewayId::new("nat-nat");
    let mut gateway = NatGateway::clone(&bench.world.resources().nat_gateways[&id]);
    change(&mut gateway);
    bench.change(Net::default().put(gateway));
}

#[test]
fn fragments() {
    let mut table = Table::default();
    let text = str::to_owned;
    let unsupported = || text("Unsupported");
    let mut bench = scene().build();
    let pieces = |packet: IpPacket| {
        let mut packet = packet;
        packet.header = packet.header.with_dont_fragment(false);
        packet.fragment(1500)
    };
    let orphan = pieces(udp((APP, 9), (SITE, 54), 3000)).swap_remove(1);
    let drops = outcome(&bench.send("eni-app", orphan));
    table.row(
        "2.4",
        "a fragment without its first",
        drops,
        text("NoMapping"),
    );
    let long = udp((APP, 9), (SITE, 53), 3000);
    let mut whole = None;
    let mut reassembler = Reassembler::new();
    for piece in pieces(long) {
        let drops = outcome(&bench.send("eni-app", piece));
        table.row("2.4", "a UDP fragment", drops, text("delivered"));
        let arrived = bench.take_in("eni-site").expect("it arrives");
        let made = reassembler.insert(0, arrived);
        whole = whole.or(made);
    }
    let whole = whole.expect("all pieces have come");
    let read = IpPacket::parse(&whole.to_bytes()).map(|it| it.five_tuple());
    let tuple = whole.five_tuple();
    let sound = read == Ok(tuple) && tuple.source == parse::<IpAddr>(PUBLIC);
    table.row("2.4", "together they are a datagram", sound, true);
    bench.send(
        "eni-site",
        udp((SITE_INSIDE, 53), (PUBLIC, tuple.source_port), 40),
    );
    let back = seen_by_app(&mut bench).map(|it| it.five_tuple().destination_port);
    let what = "its source port is the gateway's, and leads back";
    table.row(
        "2.4",
        what,
        (tuple.source_port >= 1024, back),
        (true, Some(9)),
    );
    let large = pieces(ping(APP, SITE, 3000)).swap_remove(0);
    let drops = outcome(&bench.send("eni-app", large));
    table.row("2.4", "a large ping", drops, unsupported());
    let large = pieces(tcp((APP, 9), (SITE, 53), ACK, 3000)).swap_remove(0);
    let drops = outcome(&bench.send("eni-app", large));
    table.row("2.4", "a TCP fragment", drops, unsupported());
    table.finish(8);
}

#[test]
fn lengths_and_errors() {
    let mut table = Table::default();
    let text = str::to_owned;
    let mut bench = scene().build();
    let error = |bench: &mut Bench, octets: usize| {
        let drops = bench.send("eni-app", udp((APP, 9), (SITE, 53), octets - 28));
        let told = seen_by_app(bench).map(|it| (it.source(), mtu_told(&it)));
        (outcome(&drops), told)
    };
    let from = |address: &str, mtu| Some((parse::<IpAddr>(address), Some(mtu)));
    let longer = (text("MtuExceeded"), from("10.0.2.20", 8500));
    table.row("2.6", "8501 octets", error(&mut bench, 8501), longer);
    let internet = (text("MtuExceeded"), from("10.0.2.1", 1500));
    let told = error(&mut bench, 8500);
    table.row("2.6", "8500 octets to the internet", told, internet.clone());
    let told = error(&mut bench, 1501);
    table.row("2.6", "1501 octets to the internet", told, internet);
    let mut opening = syn();
    if let Some(segment) = opening.as_tcp_mut() {
        segment.options = vec![TcpOption::MaximumSegmentSize(8961)].into();
    }
    bench.send("eni-app", opening);
    let arrived = bench.take_in("eni-site").expect("it arrives");
    let options = arrived.as_tcp().map(|it| it.options);
    let clamped = Some(vec![TcpOption::MaximumSegmentSize(8460)].into());
    table.row("2.4", "MSS 8961", options, clamped);
    table.finish(4);
}

/// The next-hop MTU of ICMP 3/4.
fn mtu_told(packet: &IpPacket) -> Option<u16> {
    match &packet.transport {
        Transport::Icmp(IcmpMessage::DestinationUnreachable {
            code: Unreachable::FragmentationNeeded { next_hop_mtu },
            ..
        }) => Some(*next_hop_mtu),
        _ => None,
    }
}

/// Gives the gateway a second address, and takes the first one out of use for new connections.
fn second_address(bench: &mut Bench) {
    let net = scene();
    let mut nic = net.interface("nat", "subnet-nat", "10.0.2.20", &[], Some(PUBLIC));
    nic.interface_type = InterfaceType::NatGateway;
    nic.source_dest_check = false;
    nic.private_ip_addresses.push(PrivateIpAddress {
        private_ip_address: parse("10.0.2.21"),
        primary: false,
        association: Some(InterfaceAssociation {
            public_ip: parse("198.51.100.21"),
            allocation_id: None,
            association_id: None,
        }),
    });
    bench.change(Net::default().put(nic));
    edit(bench, |gateway| {
        let mut address = gateway.nat_gateway_addresses[0].clone();
        gateway.nat_gateway_addresses[0].status = NatGatewayAddressStatus::Disassociating;
        address.private_ip = parse("10.0.2.21");
        address.public_ip = Some(parse("198.51.100.21"));
        address.is_primary = false;
        gateway.nat_gateway_addresses.push(address);
    });
}

#[test]
fn several_addresses_and_private_gateways() {
    let mut table = Table::default();
    let text = str::to_owned;
    let (mut bench, _) = connected(&mut scene());
    second_address(&mut bench);
    let source = |bench: &mut Bench, packet| {
        let drops = outcome(&bench.send("eni-app", packet));
        let arrived = bench.take_in("eni-site").map(|it| it.source().to_string());
        arrived.unwrap_or(drops)
    };
    let old = source(&mut bench, segment(ACK));
    table.row("2.4", "an old connection", old, text(PUBLIC));
    let new = source(&mut bench, tcp((APP, 40002), (SITE, 443), SYN, 0));
    table.row("2.4", "a new one", new, text("198.51.100.21"));
    bench.wait(70);
    let flows = bench
        .records
        .iter()
        .filter_map(|it| it.record.flow.as_ref());
    let out = flows.clone().find(|it| {
        it.direction == FlowDirection::Egress && it.pkt_srcaddr == parse::<IpAddr>("10.0.2.21")
    });
    let logged = out.map(|it| it.srcaddr.to_string());
    let primary = Some(text("10.0.2.20"));
    table.row("2.12", "srcaddr of a secondary address", logged, primary);
    edit(&mut bench, |gateway| {
        gateway.nat_gateway_addresses.remove(0);
    });
    let released = outcome(&bench.send("eni-app", segment(ACK)));
    let rst = (released, flags(seen_by_app(&mut bench)));
    let expected = (text("MappingExpired"), Some(TcpFlags::RST));
    table.row("2.4", "its address was released", rst, expected);

    let mut private = scene();
    let mut nic = private.interface("nat", "subnet-nat", "10.0.2.20", &[], None);
    nic.interface_type = InterfaceType::NatGateway;
    nic.source_dest_check = false;
    let mut bench = private.put(nic).build();
    edit(&mut bench, |gateway| {
        gateway.connectivity_type = ConnectivityType::Private;
        gateway.nat_gateway_addresses[0].public_ip = None;
    });
    let drops = outcome(&bench.send("eni-app", syn()));
    let why = text("NoPublicAddress");
    table.row(
        "2.3",
        "a private gateway at an internet gateway",
        drops,
        why,
    );
    // In the VPC it uses its own private address.
    let mut change = Net::default();
    change
        .subnet("subnet-c", "vpc-a", "10.0.3.0/24", "a")
        .acl("acl-c", &["subnet-c"], &ANY)
        .instance("c", "subnet-c", "10.0.3.5", &["sg-app"], None)
        .routes(
            "rtb-private",
            "vpc-a",
            "10.0.0.0/16",
            &["subnet-private"],
            &["10.0.3.0/24 nat-nat"],
        );
    bench.change(&mut change);
    bench.send("eni-app", tcp((APP, 40000), ("10.0.3.5", 443), SYN, 0));
    let arrived = bench.take_in("eni-c").map(|it| it.source().to_string());
    table.row("2.4", "its address", arrived, Some(text("10.0.2.20")));
    table.finish(6);
}

#[test]
fn its_metrics_and_the_tracking_of_its_flows() {
    let mut table = Table::default();
    let (mut bench, arrived) = connected(&mut scene());
    bench.send("eni-site", ping(SITE_INSIDE, PUBLIC, 56));
    bench.wait(420);
    bench.send("eni-app", segment(ACK));
    bench.send("eni-site", answer(&arrived, ACK, 5));
    bench.wait(120);
    let total = |name: &str| metric(&bench, name).iter().sum::<u64>();
    table.row("2.4", "attempts", total("ConnectionAttemptCount"), 1);
    table.row("2.4", "established", total("ConnectionEstablishedCount"), 1);
    table.row("2.4", "idle", total("IdleTimeoutCount"), 1);
    table.row("2.4", "no error", total("ErrorPortAllocation"), 0);
    table.row("2.4", "dropped", total("PacketsDropCount"), 3);
    let lost = total("PacketsInFromSource") - total("PacketsOutToDestination");
    table.row("2.4", "lost on the way out", lost, 1);
    let active = metric(&bench, "ActiveConnectionCount");
    table.row("2.4", "active at first", active.first().copied(), Some(1));
    table.row("2.4", "active in the end", active.last().copied(), Some(0));

    // Open in both directions, and tracked all the same: a revoked rule cuts nothing.
    let (mut bench, arrived) = connected(&mut scene());
    bench.change(Net::default().group("sg-app", &[]));
    let drops = outcome(&bench.send("eni-app", segment(ACK)));
    table.row("row 65", "out", drops, "delivered".to_owned());
    let drops = outcome(&bench.send("eni-site", answer(&arrived, ACK, 5)));
    table.row("row 65", "and in", drops, "delivered".to_owned());
    table.finish(10);
}

/// Who logged what, in few words: `app out ACCEPT 2, nat in REJECT 18`.
fn signature(private: Option<usize>, nat: Option<usize>) -> String {
    let keep = |entries: &[&'static str], missing: Option<usize>| -> Vec<&'static str> {
        let kept = entries.iter().enumerate();
        let kept = kept.filter(|(at, _)| Some(*at) != missing);
        kept.map(|(_, entry)| *entry).collect()
    };
    let mut bench = nat::net(&keep(&PRIVATE, private), &keep(&NAT, nat)).build();
    nat::handshake(&mut bench);
    let flows = bench.records.iter().filter_map(|it| {
        let flow = it.record.flow.as_ref()?;
        let direction = match flow.direction {
            FlowDirection::Egress => "out",
            FlowDirection::Ingress => "in",
        };
        let verdict = match flow.action {
            FlowAction::Accept => "ACCEPT",
            FlowAction::Reject => "REJECT",
        };
        let interface = it.record.interface_id.as_str().trim_start_matches("eni-");
        let flags = flow.tcp_flags.0;
        Some(format!("{interface} {direction} {verdict} {flags}"))
    });
    flows.collect::<Vec<_>>().join(", ")
}

#[test]
fn each_missing_entry_of_the_network_acls_has_its_signature() {
    let mut table = Table::default();
    let asked = "app out ACCEPT 2";
    let through = "nat in ACCEPT 2, nat out ACCEPT 2";
    let rows = [
        (
            "private in",
            (Some(1), None),
            format!("{asked}, app in REJECT 18, {through}, nat in ACCEPT 18, nat out ACCEPT 18"),
        ),
        (
            "NAT in reply",
            (None, Some(2)),
            format!("{asked}, {through}, nat in REJECT 18"),
        ),
        (
            "private out",
            (Some(0), None),
            "app out REJECT 2".to_owned(),
        ),
        (
            "NAT in request",
            (None, Some(0)),
            format!("{asked}, nat in REJECT 2"),
        ),
        (
            "NAT out request",
            (None, Some(1)),
            format!("{asked}, nat in ACCEPT 2, nat out REJECT 2"),
        ),
        (
            "NAT out reply",
            (None, Some(3)),
            format!("{asked}, {through}, nat in ACCEPT 18, nat out REJECT 18"),
        ),
    ];
    for (what, (private, nat), expected) in rows {
        table.row("2.2", what, signature(private, nat), expected);
    }
    table.finish(6);
}

//! Machines on the fabric: HTTP through security group, network ACL, route, NAT gateway and VPN.

use std::fmt::Write;

use wirelab_model::*;

use crate::config::Observe;
use crate::event::{CapturePoint, Input, SegmentSpec};
use crate::host::{
    Attachment, ExecId, HostRoute, HostSettings, HostSpec, HttpResource, KernelProfile,
    OutsideInterface, ServerSpec, TrafficProgram, TrafficSpec, TunnelSpec,
};
use crate::path::{Answer, Marks, Probe, ProbeProtocol, explain};
use crate::testing::{Bench, Net, parse};

pub(super) fn host(name: &str, attachment: Attachment) -> HostSpec {
    HostSpec {
        name: name.into(),
        attachment,
        kernel: KernelProfile::Linux618,
        settings: HostSettings::default(),
        routes: Vec::new(),
        firewall: Vec::new(),
        servers: Vec::new(),
    }
}

pub(super) fn instance(name: &str) -> HostSpec {
    host(
        name,
        Attachment::Instance(InstanceId::new(format!("i-{name}"))),
    )
}

fn outside(name: &str, interfaces: &[(&str, &str)], gateway: Option<&str>) -> HostSpec {
    let interfaces = interfaces
        .iter()
        .enumerate()
        .map(|(at, (segment, address))| OutsideInterface {
            name: format!("eth{at}").into(),
            segment: (*segment).into(),
            address: parse(address),
            ipv6_address: None,
            ipv6_gateway: None,
            mtu: 1500,
        });
    host(
        name,
        Attachment::Outside {
            interfaces: interfaces.collect(),
            customer_gateway: None,
            default_gateway: gateway.map(parse),
        },
    )
}

pub(super) fn serving(mut spec: HostSpec, port: u16, bytes: u32) -> HostSpec {
    spec.servers.push(ServerSpec::Http {
        port,
        resources: vec![HttpResource {
            path: "/".into(),
            status: 200,
            bytes,
        }],
        think: SimDuration::from_millis(2),
    });
    spec
}

pub(super) fn http(name: &str, from: &str, to: &str, port: u16) -> TrafficSpec {
    TrafficSpec {
        to_name: None,
        name: name.into(),
        from: from.into(),
        to: parse(to),
        port,
        program: TrafficProgram::Http {
            method: "GET".into(),
            path: "/".into(),
            body_bytes: 0,
            keep_alive: false,
            user_agent: "test".into(),
        },
        every: SimDuration::from_secs(5),
        first_at: SimTime::ZERO,
        timeout: SimDuration::from_secs(3),
        count: None,
        bind: false,
    }
}

pub(super) fn add(bench: &mut Bench, input: Input) {
    let now = bench.world.now();
    bench.world.handle(now, input).expect("the input is good");
}

/// `app` and `db` in private subnets, a NAT gateway, `site` on the internet, and an office behind a
/// VPN: `cgw` routes for `desk`.
pub(super) fn net() -> Net {
    let open = [
        "in 100 allow -1 * 0.0.0.0/0",
        "out 100 allow -1 * 0.0.0.0/0",
    ];
    let mut net = Net::default();
    net.vpc("vpc-a", "10.0.0.0/16")
        .subnet("subnet-app", "vpc-a", "10.0.1.0/24", "a")
        .subnet("subnet-db", "vpc-a", "10.0.2.0/24", "b")
        .subnet("subnet-nat", "vpc-a", "10.0.3.0/24", "a")
        .internet_gateway("igw-a", "vpc-a")
        .acl(
            "acl-open",
            &["subnet-app", "subnet-db", "subnet-nat"],
            &open,
        )
        .group("sg-app", &["out -1 * 0.0.0.0/0"])
        .group(
            "sg-db",
            &[
                "in tcp 8080 sg-app",
                "in tcp 8080 192.168.0.0/16",
                "out -1 * 0.0.0.0/0",
            ],
        )
        .nat_gateway("nat", "subnet-nat", "10.0.3.20", "198.51.100.20")
        .instance("app", "subnet-app", "10.0.1.5", &["sg-app"], None)
        .instance("db", "subnet-db", "10.0.2.10", &["sg-db"], None)
        .routes(
            "rtb-main",
            "vpc-a",
            "10.0.0.0/16",
            &[],
            &["0.0.0.0/0 nat-nat", "192.168.0.0/16 vgw-a propagated"],
        )
        .routes(
            "rtb-nat",
            "vpc-a",
            "10.0.0.0/16",
            &["subnet-nat"],
            &["0.0.0.0/0 igw-a"],
        )
        .flow_log("vpc-a")
        .put(VpnGateway {
            vpn_gateway_id: VpnGatewayId::new("vgw-a"),
            state: ResourceState::Available,
            vpc_id: Some(VpcId::new("vpc-a")),
            owner_id: "1".into(),
            tags: Vec::new(),
        })
        .put(vpn_connection(1400));
    net
}

pub(super) fn vpn_connection(mtu: u16) -> VpnConnection {
    VpnConnection {
        vpn_connection_id: VpnConnectionId::new("vpn-a"),
        customer_gateway_id: CustomerGatewayId::new("cgw-a"),
        vpn_gateway_id: Some(VpnGatewayId::new("vgw-a")),
        transit_gateway_id: None,
        state: ResourceState::Available,
        static_routes_only: true,
        routes: vec![VpnStaticRoute {
            destination_cidr_block: parse("192.168.0.0/16"),
            state: ResourceState::Available,
        }],
        tunnels: vec![VpnTunnel {
            outside_ip_address: parse("203.0.113.1"),
            tunnel_inside_cidr: parse("169.254.10.0/30"),
            mtu,
            in_service: true,
            dpd_timeout_seconds: VpnTunnel::DPD_TIMEOUT_SECONDS,
            up: true,
            last_status_change: UnixTime::default(),
        }],
        owner_id: "1".into(),
        tags: Vec::new(),
    }
}

pub(super) fn populated(net: &mut Net) -> Bench {
    let mut bench = net.build();
    add(
        &mut bench,
        Input::Segment(SegmentSpec {
            name: "lan".into(),
            cidr: parse("192.168.10.0/24"),
            mtu: 1500,
        }),
    );
    let mut gateway = outside("cgw", &[("lan", "192.168.10.1/24")], None);
    gateway.settings.ip_forward = true;
    let clamp = "-t mangle -A FORWARD -p tcp --tcp-flags SYN,RST SYN -j TCPMSS --clamp-mss-to-pmtu";
    gateway.firewall.push(clamp.to_owned());
    gateway.attachment = match gateway.attachment {
        Attachment::Outside {
            interfaces,
            default_gateway,
            ..
        } => Attachment::Outside {
            interfaces,
            customer_gateway: Some(TunnelSpec::new(CustomerGatewayId::new("cgw-a"), 1400)),
            default_gateway,
        },
        instance => instance,
    };
    gateway.routes.push(HostRoute {
        destination: parse("10.0.0.0/16"),
        via: None,
        device: Some("tun0".into()),
        mtu: None,
        advmss: None,
    });
    let machines = [
        instance("app"),
        serving(instance("db"), 8080, 40_000),
        serving(
            outside(
                "site",
                &[("internet", "203.0.113.80/24")],
                Some("203.0.113.1"),
            ),
            443,
            3_000,
        ),
        gateway,
        outside("desk", &[("lan", "192.168.10.5/24")], Some("192.168.10.1")),
    ];
    for machine in machines {
        add(&mut bench, Input::Host(Box::new(machine)));
    }
    bench
}

/// What client programs got: name, outcome and octets of each exchange.
fn run(bench: &mut Bench, seconds: u64) -> String {
    let mut text = String::new();
    let end = bench.world.now() + SimDuration::from_secs(seconds);
    bench.world.handle_timeout(end);
    bench.collect();
    for event in bench.traffic.drain(..) {
        let status = event
            .status
            .map_or_else(|| "-".to_owned(), |it| it.to_string());
        let outcome = event.outcome;
        writeln!(
            text,
            "{} {outcome:?} {status} {}",
            event.traffic, event.bytes_received
        )
        .expect("a string");
    }
    text
}

#[test]
fn http_goes_between_instances_through_nat_and_through_a_vpn() {
    let mut bench = populated(&mut net());
    for (name, from, to, port) in [
        ("local", "app", "10.0.2.10", 8080),
        ("web", "app", "203.0.113.80", 443),
        ("office", "desk", "10.0.2.10", 8080),
    ] {
        let mut spec = http(name, from, to, port);
        spec.count = Some(1);
        add(&mut bench, Input::Traffic(spec));
    }
    let text = run(&mut bench, 10);
    insta::assert_snapshot!(text, @r"
    local Completed 200 40139
    office Completed 200 40139
    web Completed 200 3138
    ");
    assert_eq!(bench.dropped, [], "nothing is lost on the way");
}

#[test]
fn a_closed_group_times_a_program_out_and_the_drop_names_program_and_rule() {
    let mut net = net();
    net.group("sg-db", &["in tcp 9999 sg-app"]);
    let mut bench = populated(&mut net);
    add(
        &mut bench,
        Input::Traffic(http("local", "app", "10.0.2.10", 8080)),
    );
    run(&mut bench, 4);
    let dropped = &bench.dropped[0];
    assert_eq!(dropped.traffic.as_deref(), Some("local"));
    assert_eq!(dropped.from_host.as_deref(), Some("app"));
    assert_eq!(
        dropped.reason.to_string(),
        "no inbound rule of sg-db on eni-db allows it"
    );
}

#[test]
fn the_answer_through_a_vpn_is_lost_without_a_word_when_it_exceeds_the_tunnel() {
    let mut net = net();
    net.put(vpn_connection(1300));
    let mut bench = populated(&mut net);
    let mut spec = http("office", "desk", "10.0.2.10", 8080);
    spec.count = Some(1);
    add(&mut bench, Input::Traffic(spec));
    let text = run(&mut bench, 10);
    assert!(text.starts_with("office TimedOut"), "{text}");
    let reasons: std::collections::BTreeSet<_> = bench
        .dropped
        .iter()
        .map(|it| it.reason.to_string())
        .collect();
    insta::assert_debug_snapshot!(reasons, @r#"
    {
        "1400 octets exceed the MTU 1300; the sender is not told",
    }
    "#);
    let icmp = bench
        .captured
        .iter()
        .filter(|it| it.packet().is_some_and(|it| it.protocol() == 1));
    let at_db = CapturePoint::Interface(NetworkInterfaceId::new("eni-db"));
    assert_eq!(
        icmp.filter(|it| it.point == at_db).count(),
        0,
        "no ICMP reaches the server"
    );
}

#[test]
fn paths_are_printed_hop_by_hop_with_every_blocker() {
    let bench = with_a_closed_list();
    let mut text = String::new();
    for (from, to, protocol) in [
        ("app", "10.0.2.10", ProbeProtocol::Tcp(8080)),
        ("app", "10.0.2.10", ProbeProtocol::Tcp(22)),
        ("app", "203.0.113.80", ProbeProtocol::Tcp(443)),
        ("app", "203.0.113.80", ProbeProtocol::Tcp(80)),
        ("desk", "10.0.2.10", ProbeProtocol::Tcp(8080)),
        ("site", "198.51.100.20", ProbeProtocol::Icmp),
    ] {
        let probe = Probe {
            from: from.into(),
            to: parse(to),
            protocol,
            source_port: None,
            size: None,
        };
        let before = bench.world.clone();
        let report = explain(&bench.world, &probe).expect("the machine sends it");
        assert!(postcard::to_stdvec(&before) == postcard::to_stdvec(&bench.world));
        writeln!(
            text,
            "{from} {to} {protocol:?}\n{}",
            report.display(&(), Marks::Unicode)
        )
        .expect("a string");
    }
    insta::assert_snapshot!(text);
}

#[test]
fn a_path_has_a_line_for_each_hop_and_fits_eighty_columns_when_asked_to() {
    let bench = with_a_closed_list();
    let probe = probe("app", "10.0.2.10", ProbeProtocol::Tcp(8080), None);
    let report = explain(&bench.world, &probe).expect("the machine sends it");
    let text = format!("{:#}", report.display(&(), Marks::Unicode));
    assert!(
        text.lines().all(|line| line.chars().count() <= 80),
        "{text}"
    );
    insta::assert_snapshot!(text);
}

#[test]
fn probes_that_no_machine_sends_are_refused_with_the_reason() {
    let bench = with_a_closed_list();
    let mut text = String::new();
    for (to, protocol, size) in [
        ("10.0.2.10", ProbeProtocol::Icmp, Some(27)),
        ("10.0.2.10", ProbeProtocol::Icmp, Some(9002)),
        ("10.0.2.10", ProbeProtocol::Udp(53), Some(9002)),
        ("10.0.2.10", ProbeProtocol::Tcp(8080), Some(9002)),
        ("10.0.2.10", ProbeProtocol::Tcp(0), None),
        ("10.0.1.5", ProbeProtocol::Icmp, None),
        ("127.0.0.1", ProbeProtocol::Tcp(80), None),
    ] {
        let error = explain(&bench.world, &probe("app", to, protocol, size));
        let error = error.expect_err("it is refused");
        writeln!(text, "{error}").expect("a string");
    }
    insta::assert_snapshot!(text);
    let longest = probe("app", "10.0.2.10", ProbeProtocol::Icmp, Some(9001));
    assert!(explain(&bench.world, &longest).is_ok());
}

fn probe(from: &str, to: &str, protocol: ProbeProtocol, size: Option<u16>) -> Probe {
    Probe {
        from: from.into(),
        to: parse(to),
        protocol,
        source_port: None,
        size,
    }
}

/// The database's list lets no answers out.
fn with_a_closed_list() -> Bench {
    let mut net = net();
    net.acl(
        "acl-db",
        &["subnet-db"],
        &[
            "in 100 allow -1 * 0.0.0.0/0",
            "out 100 allow tcp 8080 0.0.0.0/0",
            "out 200 deny tcp 32768-60999 0.0.0.0/0",
        ],
    );
    let open = [
        "in 100 allow -1 * 0.0.0.0/0",
        "out 100 allow -1 * 0.0.0.0/0",
    ];
    net.acl("acl-open", &["subnet-app", "subnet-nat"], &open);
    populated(&mut net)
}

#[test]
fn a_saved_world_goes_on_exactly_as_the_original() {
    let mut bench = populated(&mut net());
    add(
        &mut bench,
        Input::Traffic(http("local", "app", "10.0.2.10", 8080)),
    );
    add(
        &mut bench,
        Input::Traffic(http("web", "app", "203.0.113.80", 443)),
    );
    bench
        .world
        .handle_timeout(SimTime::from_nanos(7_001_234_567));
    let bytes = postcard::to_stdvec(&bench.world).expect("a world can be saved");
    let mut copy: crate::World = postcard::from_bytes(&bytes).expect("and read again");
    let end = SimTime::from_secs(400);
    let mut events = Vec::new();
    for world in [&mut bench.world, &mut copy] {
        world.handle_timeout(end);
        events.push(std::iter::from_fn(|| world.poll_event()).collect::<Vec<_>>());
    }
    assert!(events[0].len() > 1000);
    assert!(events[0] == events[1]);
}

#[test]
fn a_command_ends_when_its_machine_loses_power() {
    let mut bench = populated(&mut net());
    let argv = ["ping", "-c", "100", "10.0.2.10"]
        .map(str::to_owned)
        .to_vec();
    add(
        &mut bench,
        Input::Exec {
            id: ExecId(1),
            host: "app".into(),
            argv,
        },
    );
    bench.wait(2);
    let mut change = Net::default();
    let stopped = bench.world.resources().instances[&InstanceId::new("i-app")]
        .as_ref()
        .clone();
    change.put(Instance {
        state: InstanceState::Stopped,
        ..stopped
    });
    bench.change(&mut change);
    bench.wait(1);
    assert_eq!(bench.exec_done, [(ExecId(1), 255)]);
}

#[test]
fn reachable_is_the_network_and_the_answer_is_the_machine() {
    let bench = populated(&mut net());
    let probe = |port| Probe {
        from: "app".into(),
        to: parse("203.0.113.80"),
        protocol: ProbeProtocol::Tcp(port),
        source_port: Some(50_000),
        size: None,
    };
    let ask = |port| explain(&bench.world, &probe(port)).expect("the machine sends it");
    assert_eq!(
        (ask(443).reachable(), ask(443).answer),
        (true, Answer::Accepted)
    );
    assert_eq!(
        (ask(80).reachable(), ask(80).answer),
        (true, Answer::Refused)
    );
}

#[test]
fn what_is_observed_changes_nothing_else() {
    let run = |observe| {
        let mut bench = populated(&mut net());
        bench.world.set_observe(observe);
        add(
            &mut bench,
            Input::Traffic(http("web", "app", "203.0.113.80", 443)),
        );
        add(
            &mut bench,
            Input::Traffic(http("closed", "app", "10.0.2.10", 1)),
        );
        bench.wait(100);
        bench
    };
    let all = run(Observe::default());
    let none = run(Observe {
        captures: false,
        flow_records: false,
        drops: false,
        metrics: false,
    });
    assert!(none.captured.is_empty() && none.records.is_empty() && none.dropped.is_empty());
    assert!(!all.captured.is_empty() && !all.records.is_empty() && !all.dropped.is_empty());
    assert_eq!(all.traffic, none.traffic);
}

//! ARP and neighbour discovery as machines' captures show them, and what programs are told.

use std::fmt::Write;
use std::net::IpAddr;

use wirelab_model::{
    Instance, InstanceId, InstanceState, NetworkInterface, NetworkInterfaceId, PrivateIpAddress,
    SimDuration,
};

use super::end_to_end::{add, http, instance, net, populated};
use super::ipv6;
use crate::event::{CapturePoint, Captured, Input};
use crate::testing::{Bench, Net, parse};

/// What an interface saw, one frame a line: whole seconds, direction, what tcpdump prints.
fn seen<'a>(frames: impl IntoIterator<Item = &'a Captured>, point: &str) -> String {
    let mut text = String::new();
    for it in frames {
        let name = match &it.point {
            CapturePoint::Interface(id) => id.to_string(),
            CapturePoint::HostInterface { host, .. } => host.to_string(),
        };
        if name == point {
            let to_all = it.frame.destination().0[0] & 1 == 1;
            let at = it.at.as_nanos() / 1_000_000_000;
            let way = match (it.outbound, to_all) {
                (true, true) => "to all",
                (true, false) => "out",
                (false, _) => "in",
            };
            writeln!(text, "{at} {way}: {}", it.frame).expect("a string");
        }
    }
    text
}

/// The network of the other tests, where the database's group lets everybody in.
fn open() -> Bench {
    let mut net = net();
    net.group("sg-db", &["in -1 * 10.0.0.0/8", "out -1 * 0.0.0.0/0"]);
    populated(&mut net)
}

#[test]
fn a_machine_that_has_been_up_knows_its_gateway_and_makes_sure_after_five_seconds() {
    let mut bench = open();
    let (text, status) = bench.run("app", &["ping", "-c", "1", "10.0.2.10"]);
    assert_eq!(status, 0, "{text}");
    assert_eq!(seen(&bench.on_link, "eni-app"), "");
    let (text, _) = bench.run("app", &["ip", "neigh"]);
    assert!(
        text.starts_with("10.0.1.1 dev ens5 lladdr ") && text.ends_with(" DELAY \n"),
        "{text}"
    );
    bench.wait(10);
    let id = CapturePoint::Interface(NetworkInterfaceId::new("eni-app"));
    let mut told = (bench.on_link.iter()).filter(|it| it.point == id && !it.outbound);
    let router = told.next().expect("an answer").frame.source();
    let expected = format!(
        "5 out: ARP, Request who-has 10.0.1.1 tell 10.0.1.5, length 28\n\
         5 in: ARP, Reply 10.0.1.1 is-at {router}, length 28\n"
    );
    assert_eq!(seen(&bench.on_link, "eni-app"), expected);
    // The machine that was asked has not been confirmed either.
    assert!(seen(&bench.on_link, "eni-db").starts_with("5 out: ARP, Request who-has 10.0.2.1 "));
    let (text, _) = bench.run("app", &["ip", "neigh"]);
    assert_eq!(
        text,
        format!("10.0.1.1 dev ens5 lladdr {router} REACHABLE \n")
    );
    bench.wait(60);
    let (text, _) = bench.run("app", &["ip", "neigh"]);
    assert_eq!(text, format!("10.0.1.1 dev ens5 lladdr {router} STALE \n"));
}

#[test]
fn tcp_that_goes_on_confirms_its_gateway_and_ping_does_not() {
    let mut bench = open();
    let mut often = http("often", "app", "10.0.2.10", 8080);
    often.every = SimDuration::from_millis(500);
    add(&mut bench, Input::Traffic(often));
    bench.wait(120);
    assert!(bench.traffic.len() > 200);
    assert_eq!(seen(&bench.on_link, "eni-app"), "");
    // Whoever answers sends after the last acknowledgment, too.
    assert_eq!(seen(&bench.on_link, "eni-db"), "");
    let mut bench = open();
    bench.run("app", &["ping", "-c", "120", "10.0.2.10"]);
    for point in ["eni-app", "eni-db"] {
        let asked = seen(&bench.on_link, point).matches("Request").count();
        assert!((2..=7).contains(&asked), "{point}: {asked}");
    }
}

#[test]
fn nobody_answers_for_an_address_without_interface_and_no_packet_leaves() {
    let mut bench = open();
    let before = bench.captured.len();
    let (text, status) = bench.run("app", &["ping", "-c", "1", "-W", "5", "10.0.1.99"]);
    let line = "From 10.0.1.5 icmp_seq=1 Destination Host Unreachable";
    assert!(text.contains(line) && status == 1, "{text}");
    assert_eq!(bench.captured.len(), before);
    let ask = "to all: ARP, Request who-has 10.0.1.99 tell 10.0.1.5, length 28\n";
    let expected = format!("0 {ask}1 {ask}2 {ask}");
    assert_eq!(seen(&bench.on_link, "eni-app"), expected);
    let reasons: Vec<String> = bench
        .dropped
        .iter()
        .map(|it| it.reason.to_string())
        .collect();
    assert_eq!(
        reasons,
        ["host `app`: nobody answers for 10.0.1.99: it has no hardware address to be sent to"]
    );
    let took = bench.world.now().as_nanos() / 1_000_000;
    assert!((3_000..3_120).contains(&took), "{took} ms");
    let (text, _) = bench.run("app", &["ip", "neigh"]);
    assert_eq!(text, "10.0.1.99 dev ens5 FAILED \n");
    let (text, _) = bench.run("app", &["nc", "-vz", "-w", "9", "10.0.1.98", "80"]);
    assert!(text.contains("No route to host"), "{text}");
}

#[test]
fn on_a_lan_everybody_hears_the_question_and_the_machine_itself_answers() {
    let mut bench = open();
    let (text, status) = bench.run("desk", &["ping", "-c", "1", "-W", "9", "192.168.10.77"]);
    assert_eq!(status, 1, "{text}");
    let heard = seen(&bench.on_link, "cgw");
    assert_eq!(
        heard
            .matches("in: ARP, Request who-has 192.168.10.77")
            .count(),
        3,
        "{heard}"
    );
    bench.on_link.clear();
    bench.run("desk", &["ping", "-c", "1", "192.168.10.1"]);
    bench.wait(8);
    let desk = seen(&bench.on_link, "desk");
    let cgw = seen(&bench.on_link, "cgw");
    for line in [
        "out: ARP, Request who-has 192.168.10.1 tell 192.168.10.5",
        "in: ARP, Reply 192.168.10.1 is-at",
        "in: ARP, Request who-has 192.168.10.5 tell 192.168.10.1",
        "out: ARP, Reply 192.168.10.5 is-at",
    ] {
        assert!(desk.contains(line), "{line}\n{desk}");
    }
    assert!(cgw.contains("out: ARP, Reply 192.168.10.1 is-at"), "{cgw}");
}

/// Stops or starts an instance.
fn turn(bench: &mut Bench, id: &str, state: InstanceState) {
    let mut change = Net::default();
    let before = bench.world.resources().instances[&InstanceId::new(id)].clone();
    change.put(Instance {
        state,
        ..before.as_ref().clone()
    });
    bench.change(&mut change);
}

#[test]
fn a_machine_that_boots_asks_before_its_first_packet() {
    let mut bench = open();
    turn(&mut bench, "i-app", InstanceState::Stopped);
    bench.wait(20);
    turn(&mut bench, "i-app", InstanceState::Running);
    bench.captured.clear();
    bench.on_link.clear();
    let (text, status) = bench.run("app", &["ping", "-c", "1", "10.0.2.10"]);
    assert_eq!(status, 0, "{text}");
    let id = CapturePoint::Interface(NetworkInterfaceId::new("eni-app"));
    let mut all: Vec<&Captured> = bench.on_link.iter().chain(&bench.captured).collect();
    all.sort_by_key(|it| it.at);
    let kinds: Vec<_> = (all.iter().filter(|it| it.point == id))
        .map(|it| (it.outbound, it.packet().is_some()))
        .collect();
    assert_eq!(
        kinds,
        [(true, false), (false, false), (true, true), (false, true)]
    );
    assert_eq!(all[0].frame.destination().to_string(), "ff:ff:ff:ff:ff:ff");
}

#[test]
fn ipv6_has_solicitations_and_advertisements() {
    let mut bench = ipv6::populated();
    let (text, status) = bench.run("web", &["ping", "-6", "-c", "1", "2001:db8:0:102::10"]);
    assert_eq!(status, 0, "{text}");
    bench.wait(10);
    let seen = seen(&bench.on_link, "eni-web");
    let lines: Vec<&str> = seen.lines().collect();
    let [asks, tells] = lines[..] else {
        panic!("{seen}");
    };
    assert!(asks.starts_with("5 out: IP6 fe80::") && asks.contains("neighbor solicitation"));
    assert!(tells.starts_with("5 in: IP6 fe80::") && tells.contains("neighbor advertisement"));
    // Nobody has that address: three questions to the solicited-node address.
    bench.on_link.clear();
    bench.run(
        "web",
        &["ping", "-6", "-c", "1", "-W", "5", "2001:db8:0:101::99"],
    );
    let seen = self::seen(&bench.on_link, "eni-web");
    let all = "> ff02::1:ff00:99: ICMP6, neighbor solicitation, who has 2001:db8:0:101::99";
    assert_eq!(seen.matches(all).count(), 3, "{seen}");
}

const MOVES: [&str; 2] = ["10.0.1.50", "2001:db8:0:101::50"];

/// `web`, `old` and `new` in one subnet; [`MOVES`] are addresses of `old`.
fn moving() -> Bench {
    let mut net = ipv6::network();
    for (name, address) in [("old", "10.0.1.6"), ("new", "10.0.1.7")] {
        net.instance(name, "subnet-web", address, &["sg-open"], None);
    }
    let mut bench = net.build();
    own(&mut bench, Some("old"));
    for name in ["web", "old", "new"] {
        add(&mut bench, Input::Host(Box::new(instance(name))));
    }
    bench
}

/// Gives [`MOVES`] to the interface of `owner`, and takes them from everybody else.
fn own(bench: &mut Bench, owner: Option<&str>) {
    let [v4, v6] = MOVES;
    let mut change = Net::default();
    for name in ["old", "new"] {
        let id = NetworkInterfaceId::new(format!("eni-{name}"));
        let before = &bench.world.resources().network_interfaces[&id];
        let mut nic: NetworkInterface = before.as_ref().clone();
        nic.private_ip_addresses.retain(|it| it.primary);
        nic.ipv6_addresses.clear();
        if owner == Some(name) {
            nic.private_ip_addresses.push(PrivateIpAddress {
                private_ip_address: parse(v4),
                primary: false,
                association: None,
            });
            nic.ipv6_addresses.push(parse(v6));
        }
        change.put(nic);
    }
    bench.change(&mut change);
}

/// Pings from `web` once a second; the last octets of the hardware addresses that the requests, and
/// unicast questions, went to.
fn pinged(bench: &mut Bench, to: &str, count: &str) -> Vec<u8> {
    bench.captured.clear();
    bench.run("web", &["ping", "-c", count, "-W", "1", to]);
    let to: IpAddr = parse(to);
    let id = CapturePoint::Interface(NetworkInterfaceId::new("eni-web"));
    let sent = bench.captured.iter().filter(|it| {
        let packet = it.packet().filter(|it| it.destination() == to);
        it.point == id && it.outbound && packet.is_some()
    });
    sent.map(|it| it.frame.destination().0[5]).collect()
}

#[test]
fn frames_go_to_whom_the_sender_knows_until_somebody_tells_another() {
    let (old, new) = (6, 7);
    for to in MOVES {
        let mut bench = moving();
        assert_eq!(pinged(&mut bench, to, "1"), [old]);
        own(&mut bench, Some("new"));
        // It is asked five seconds after the first of them, and the new owner's address told.
        let sent = pinged(&mut bench, to, "9");
        assert_eq!(sent[..4], [old; 4], "{sent:?}");
        assert_eq!(sent[6..], [new; 3], "{sent:?}");
        let (text, _) = bench.run("web", &["ip", "neigh"]);
        let line = text.lines().find(|it| it.starts_with(to));
        let line = line.expect("a neighbour");
        assert!(
            line.contains(":07 ") && line.contains("REACHABLE"),
            "{line}"
        );
    }
}

#[test]
fn who_is_gone_is_sent_to_until_three_questions_stay_without_answer() {
    for to in MOVES {
        let mut bench = moving();
        pinged(&mut bench, to, "1");
        own(&mut bench, None);
        let sent = pinged(&mut bench, to, "14");
        assert!((7..=10).contains(&sent.len()), "{sent:?}");
        assert!(sent.iter().all(|it| *it == 6), "{sent:?}");
        let (text, _) = bench.run("web", &["ip", "neigh"]);
        let line = text.lines().find(|it| it.starts_with(to));
        let line = line.expect("a neighbour");
        assert!(!line.contains("lladdr"), "{line}");
    }
}

//! Machines that speak IPv6, end to end: TCP with its own MSS and path MTU, and commands.

use wirelab_model::SimDuration;

use super::end_to_end::{add, host, http, instance, serving};
use crate::event::Input;
use crate::host::{Attachment, ExecId, Outcome, OutsideInterface};
use crate::path::{Probe, ProbeProtocol, largest};
use crate::testing::{Bench, Net, parse};

const WEB: &str = "2001:db8:0:101::5";
const DB: &str = "2001:db8:0:102::10";
const SITE: &str = "2001:db8:ffff::7";

pub(super) fn network() -> Net {
    let open = ["in -1 * ::/0", "out -1 * ::/0"];
    let acl = ["in 101 allow -1 * ::/0", "out 101 allow -1 * ::/0"];
    let mut net = Net::default();
    net.vpc("vpc-a", "10.0.0.0/16")
        .subnet("subnet-web", "vpc-a", "10.0.1.0/24", "a")
        .subnet("subnet-db", "vpc-a", "10.0.2.0/24", "b")
        .acl("acl-all", &["subnet-web", "subnet-db"], &acl)
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
        .group("sg-open", &open)
        .instance("web", "subnet-web", "10.0.1.5", &["sg-open"], None)
        .instance("db", "subnet-db", "10.0.2.10", &["sg-open"], None);
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

pub(super) fn populated() -> Bench {
    let mut bench = network().build();
    let interface = OutsideInterface {
        name: "eth0".into(),
        segment: "internet".into(),
        address: parse("203.0.113.80/24"),
        ipv6_address: Some(parse("2001:db8:ffff::7/64")),
        ipv6_gateway: Some(parse("2001:db8:ffff::1")),
        mtu: 1500,
    };
    let site = host(
        "site",
        Attachment::Outside {
            interfaces: vec![interface],
            customer_gateway: None,
            default_gateway: None,
        },
    );
    for machine in [
        serving(instance("web"), 80, 100_000),
        serving(instance("db"), 80, 100_000),
        serving(site, 80, 100_000),
    ] {
        add(&mut bench, Input::Host(Box::new(machine)));
    }
    bench
}

/// Outcome and octets of the first exchange of a download.
fn download(from: &str, to: &str) -> (Outcome, bool) {
    let mut bench = populated();
    add(&mut bench, Input::Traffic(http("get", from, to, 80)));
    let end = bench.world.now() + SimDuration::from_secs(4);
    bench.world.handle_timeout(end);
    bench.collect();
    let first = bench.traffic.first().expect("an exchange has ended");
    (first.outcome.clone(), first.bytes_received >= 100_000)
}

fn status(machine: &str, command: &str) -> Option<i32> {
    let mut bench = populated();
    let argv = command.split(' ').map(str::to_owned).collect();
    let (id, host) = (ExecId(1), machine.into());
    add(&mut bench, Input::Exec { id, host, argv });
    bench.wait(20);
    bench.exec_done.first().map(|it| it.1)
}

#[test]
fn connections_over_ipv6_carry_what_they_must() {
    let whole = (Outcome::Completed, true);
    assert_eq!(download("web", DB), whole, "within the VPC, at 9001");
    assert_eq!(download("site", WEB), whole, "from the internet, at 1500");
    assert_eq!(download("web", SITE), whole, "to the internet");
    assert_eq!(download("db", SITE), whole, "through the egress-only one");
    assert_eq!(download("site", DB).0, Outcome::TimedOut, "and not back");
}

#[test]
fn commands_speak_ipv6() {
    assert_eq!(status("web", &format!("ping -6 -c 2 {DB}")), Some(0));
    assert_eq!(status("db", &format!("ping -c 2 {SITE}")), Some(0));
    assert_eq!(status("site", &format!("ping -c 1 -W 1 {DB}")), Some(1));
    assert_eq!(status("web", &format!("ping -4 -c 1 {DB}")), Some(2));
    assert_eq!(status("web", &format!("curl http://[{DB}]/")), Some(0));
    assert_eq!(status("web", "ip -6 route"), Some(0));
}

#[test]
fn a_probe_has_the_size_that_was_asked_for() {
    let bench = populated();
    for protocol in [ProbeProtocol::Udp(9), ProbeProtocol::Icmp] {
        let probe = Probe {
            from: "web".into(),
            to: parse(SITE),
            protocol,
            source_port: None,
            size: None,
        };
        let fits = largest(&bench.world, &probe).map(|it| it.size);
        assert_eq!(fits, Ok(1500), "{protocol:?}");
    }
}

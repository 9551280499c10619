//! Security groups and connection tracking: `facts.md` 2.1, rows 11, 12, 59 to 71, rulings C1, C3,
//! D6 and D8.
//!
//! `web` (10.0.1.5) speaks to `db` (10.0.2.10); the groups of `db` are what the rows are about. A
//! row opens a conversation, changes something, and says whether the next packet passes.

use std::net::{IpAddr, SocketAddr};

use wirelab_model::{Change, ConnectionTracking, NitroGeneration, Resource};
use wirelab_wire::{Bytes, IpPacket, TcpFlags, Transport};

use crate::FabricConfig;
use crate::config::IcmpRelated;
use crate::testing::{ACK, Bench, Net, SYN, SYN_ACK, parse, tcp};
use crate::tests::table::{Table, outcome};

const WEB: &str = "10.0.1.5";
const DB: &str = "10.0.2.10";
const ALL_OUT: &str = "out -1 * 0.0.0.0/0";
const TCP: Talk = Talk::Tcp(3306);
const DELIVERED: &str = "delivered";
const REFUSED_IN: &str = "SecurityGroup ingress";
const REFUSED_OUT: &str = "SecurityGroup egress";
const CONTINUES: [&str; 2] = [DELIVERED, DELIVERED];
const CUT_IN: [&str; 2] = [REFUSED_IN, DELIVERED];
const RST: TcpFlags = TcpFlags::RST;
const FIN_ACK: TcpFlags = TcpFlags(0x11);

fn net(db: &[&str]) -> Net {
    let open = ["in -1 * 0.0.0.0/0", ALL_OUT];
    let acl = [
        "in 100 allow -1 * 0.0.0.0/0",
        "out 100 allow -1 * 0.0.0.0/0",
    ];
    let mut net = Net::default();
    net.vpc("vpc-a", "10.0.0.0/16")
        .subnet("subnet-web", "vpc-a", "10.0.1.0/24", "a")
        .subnet("subnet-db", "vpc-a", "10.0.2.0/24", "b")
        .acl("acl-all", &["subnet-web", "subnet-db"], &acl)
        .routes("rtb-main", "vpc-a", "10.0.0.0/16", &[], &[])
        .group("sg-web", &open)
        .group("sg-db", db)
        .instance("web", "subnet-web", WEB, &["sg-web"], None)
        .instance("db", "subnet-db", DB, &["sg-db"], None);
    net
}

/// What is said between `web` and `db`.
#[derive(Clone, Copy)]
enum Talk {
    Tcp(u16),
    Udp(u16),
    Ping(u16),
    Other(u8),
}

impl Talk {
    fn ask(self, flags: TcpFlags) -> IpPacket {
        self.packet((WEB, 40_000), DB, flags, false)
    }

    fn reply(self, flags: TcpFlags) -> IpPacket {
        self.packet((WEB, 40_000), DB, flags, true)
    }

    fn packet(self, web: (&str, u16), db: &str, flags: TcpFlags, back: bool) -> IpPacket {
        let ends = |port| {
            if back {
                ((db, port), web)
            } else {
                (web, (db, port))
            }
        };
        match self {
            Self::Tcp(port) => {
                let (from, to) = ends(port);
                tcp(from, to, flags, 0)
            }
            Self::Udp(port) => {
                let ((from, source), (to, destination)) = ends(port);
                let from = SocketAddr::new(parse(from), source);
                IpPacket::udp(from, SocketAddr::new(parse(to), destination), vec![0; 8])
            }
            Self::Ping(identifier) => {
                let request = echo(web.0, db, identifier);
                if back {
                    request.echo_reply().expect("a request has a reply")
                } else {
                    request
                }
            }
            Self::Other(number) => {
                let ((from, _), (to, _)) = ends(0);
                let mut packet = echo(from, to, 1);
                packet.transport = Transport::Other {
                    protocol: number,
                    payload: Bytes::from_static(&[0; 16]),
                };
                packet
            }
        }
    }
}

fn echo(from: &str, to: &str, identifier: u16) -> IpPacket {
    let address = |text: &str| parse::<IpAddr>(text);
    IpPacket::echo_request(address(from), address(to), identifier, 1, vec![0; 8])
}

/// A conversation under way.
struct Scene {
    bench: Bench,
    talk: Talk,
}

impl Scene {
    fn new(net: &mut Net, talk: Talk) -> Self {
        let bench = net.build();
        Self { bench, talk }
    }

    fn ask(&mut self, flags: TcpFlags) -> String {
        outcome(&self.bench.send("eni-web", self.talk.ask(flags)))
    }

    fn reply(&mut self, flags: TcpFlags) -> String {
        outcome(&self.bench.send("eni-db", self.talk.reply(flags)))
    }

    /// TCP: the whole handshake. Others: one packet and its answer.
    fn open(&mut self) -> String {
        let opened = [self.ask(SYN), self.reply(SYN_ACK)];
        let third = match self.talk {
            Talk::Tcp(_) => self.ask(ACK),
            _ => "delivered".to_owned(),
        };
        let mut said = opened.into_iter().chain([third]);
        said.find(|it| it != "delivered")
            .unwrap_or_else(|| "delivered".to_owned())
    }

    fn groups(&mut self, rules: &[&str]) {
        let mut change = Net::default();
        change.group("sg-db", rules);
        self.bench.change(&mut change);
    }
}

/// Opens under `rules`, changes them to `later`, and sends once more from each side.
fn after(talk: Talk, rules: &[&str], later: &[&str]) -> [String; 2] {
    let mut scene = Scene::new(&mut net(rules), talk);
    assert_eq!(scene.open(), "delivered", "{rules:?}");
    scene.groups(later);
    [scene.ask(ACK), scene.reply(ACK)]
}

/// Where `facts.md` says so, what is asked, who talks, rules, and what two packets meet.
type Tracked = (
    &'static str,
    &'static str,
    Talk,
    [&'static str; 2],
    [&'static str; 2],
);

/// Rules; the first is then revoked; what the next packet from each side meets.
#[rustfmt::skip]
const TRACKED: &[Tracked] = &[
    ("2.1 row 64", "a narrow rule in, everything out: tracked",
        TCP, ["in tcp 3306 10.0.0.0/16", ALL_OUT], CONTINUES),
    ("2.1 row 65", "0.0.0.0/0 in, everything out: untracked",
        TCP, ["in tcp 3306 0.0.0.0/0", ALL_OUT], CUT_IN),
    ("2.1", "all protocols from 0.0.0.0/0, everything out: untracked",
        TCP, ["in -1 * 0.0.0.0/0", ALL_OUT], CUT_IN),
    ("2.1", "0.0.0.0/0 in, TCP 0-65535 out: untracked",
        TCP, ["in tcp 3306 0.0.0.0/0", "out tcp * 0.0.0.0/0"], CUT_IN),
    ("2.1", "0.0.0.0/0 in, TCP 1-65535 out: one port short, tracked",
        TCP, ["in tcp 3306 0.0.0.0/0", "out tcp 1-65535 0.0.0.0/0"], CONTINUES),
    ("2.1", "0.0.0.0/0 in, the ephemeral ports out: tracked",
        TCP, ["in tcp 3306 0.0.0.0/0", "out tcp 1024-65535 0.0.0.0/0"], CONTINUES),
    ("2.1", "0.0.0.0/0 in, every UDP port out: TCP is tracked",
        TCP, ["in tcp 3306 0.0.0.0/0", "out udp * 0.0.0.0/0"], CONTINUES),
    ("2.1", "0.0.0.0/0 in, everything to 10.0.0.0/8 out: tracked",
        TCP, ["in tcp 3306 0.0.0.0/0", "out -1 * 10.0.0.0/8"], CONTINUES),
    ("2.1", "from a group, everything out: tracked",
        TCP, ["in tcp 3306 sg-web", ALL_OUT], CONTINUES),
    ("2.1", "half of the address space is not 0.0.0.0/0: tracked",
        TCP, ["in tcp 3306 0.0.0.0/1", ALL_OUT], CONTINUES),
    ("2.1", "UDP from 0.0.0.0/0, everything out: untracked",
        Talk::Udp(53), ["in udp 53 0.0.0.0/0", ALL_OUT], CUT_IN),
    ("2.1", "UDP from a block: tracked",
        Talk::Udp(53), ["in udp 53 10.0.0.0/16", ALL_OUT], CONTINUES),
    ("2.1", "another protocol is tracked, whatever the rules",
        Talk::Other(47), ["in 47 * 0.0.0.0/0", ALL_OUT], CONTINUES),
];

#[test]
fn which_flows_are_tracked_and_what_a_revoked_rule_does_to_them() {
    let mut table = Table::default();
    for (fact, what, talk, rules, expected) in TRACKED {
        table.row(
            fact,
            what,
            after(*talk, rules, &rules[1..]),
            expected.map(String::from),
        );
    }
    let mut ping = Scene::new(
        &mut net(&["in icmp -1/-1 0.0.0.0/0", ALL_OUT]),
        Talk::Ping(7),
    );
    assert_eq!(ping.ask(SYN), DELIVERED);
    ping.groups(&[]);
    table.row(
        "2.1",
        "ICMP is always tracked",
        ping.reply(SYN),
        DELIVERED.into(),
    );
    let narrow = ["in tcp 3306 10.0.0.0/16", ALL_OUT];
    let wide = ["in tcp 3306 0.0.0.0/0", ALL_OUT];
    let mut later = |fact, what, rules: &[&str], later: &[&str], expected: [&str; 2]| {
        table.row(
            fact,
            what,
            after(TCP, rules, later),
            expected.map(String::from),
        );
    };
    let cut_out = [DELIVERED, REFUSED_OUT];
    let what = "egress revoked: an untracked flow loses its answers";
    later("row 67", what, &wide, &wide[..1], cut_out);
    let what = "egress revoked: a tracked flow goes on";
    later("row 67", what, &narrow, &narrow[..1], CONTINUES);
    later(
        "row 64",
        "every rule revoked: a tracked flow goes on",
        &narrow,
        &[],
        CONTINUES,
    );
    later(
        "2.1",
        "a wider rule put in place cuts nothing",
        &narrow,
        &wide,
        CONTINUES,
    );
    table.finish(18);
}

/// Says something, is silent, and answers: within the idle timeout and after it.
fn idle(
    table: &mut Table,
    (fact, what): (&str, &str),
    net: &Net,
    talk: Talk,
    exchanges: usize,
    timeout: u64,
) {
    for (seconds, expected) in [(timeout - 1, DELIVERED), (timeout + 1, REFUSED_OUT)] {
        let mut scene = Scene::new(&mut net.clone(), talk);
        assert_eq!(scene.open(), DELIVERED);
        for _ in 1..exchanges {
            scene.ask(ACK);
            scene.reply(ACK);
        }
        // The last packet is a second old already.
        scene.bench.wait(seconds - 1);
        let what = format!("{what}: after {seconds} s");
        table.row(fact, &what, scene.reply(ACK), expected.to_owned());
    }
}

#[test]
fn how_long_a_tracked_flow_is_remembered() {
    let mut table = Table::default();
    // Rules in only: answers pass as long as the flow is remembered.
    let plain = net(&[
        "in tcp 3306 10.0.0.0/16",
        "in udp 53 10.0.0.0/16",
        "in 47 * 10.0.0.0/16",
    ]);
    let set = ConnectionTracking {
        tcp_established_timeout: Some(60),
        udp_timeout: Some(45),
        udp_stream_timeout: Some(60),
    };
    let set = with_timeouts(plain.clone(), set);
    let xen = with_generation(set.clone(), NitroGeneration::Xen);
    let (t, dns) = (&mut table, Talk::Udp(53));
    idle(t, ("2.1", "UDP, one exchange"), &plain, dns, 1, 30);
    idle(t, ("2.1", "UDP, a stream"), &plain, dns, 2, 180);
    idle(
        t,
        ("2.1", "another protocol"),
        &plain,
        Talk::Other(47),
        1,
        600,
    );
    idle(t, ("2.1", "TCP"), &plain, TCP, 1, 432_000);
    idle(
        t,
        ("D8", "TCP on Nitro v6"),
        &nitro_v6(plain.clone()),
        TCP,
        1,
        350,
    );
    idle(t, ("2.1", "TcpEstablishedTimeout 60"), &set, TCP, 1, 60);
    idle(t, ("2.1", "UdpTimeout 45"), &set, dns, 1, 45);
    idle(t, ("2.1", "UdpStreamTimeout 60"), &set, dns, 2, 60);
    idle(t, ("2.1", "Xen takes no setting"), &xen, TCP, 1, 432_000);
    table.finish(18);
}

const NARROW: [&str; 1] = ["in tcp 3306 10.0.0.0/16"];

fn opened(net: &mut Net) -> Scene {
    let mut scene = Scene::new(net, TCP);
    assert_eq!(scene.open(), DELIVERED);
    scene
}

#[test]
fn how_a_tracked_flow_ends() {
    let mut table = Table::default();
    let opened = || opened(&mut net(&NARROW));
    let mut reset = opened();
    reset.ask(RST);
    table.row(
        "D6",
        "an RST ends it at once",
        reset.reply(ACK),
        REFUSED_OUT.into(),
    );
    let mut half = opened();
    half.ask(FIN_ACK);
    half.bench.wait(300);
    table.row(
        "D6",
        "one FIN: half open, it stays",
        half.reply(ACK),
        DELIVERED.into(),
    );
    let closed = |seconds: u64| {
        let mut closed = opened();
        closed.ask(FIN_ACK);
        closed.reply(FIN_ACK);
        closed.bench.wait(seconds - 1);
        closed
    };
    table.row(
        "D6",
        "59 s after both FINs",
        closed(59).reply(ACK),
        DELIVERED.into(),
    );
    table.row(
        "D6",
        "61 s after both FINs",
        closed(61).reply(ACK),
        REFUSED_OUT.into(),
    );
    table.row(
        "D6",
        "a SYN on the same ports opens anew",
        closed(5).open(),
        DELIVERED.into(),
    );
    table.finish(5);
}

#[test]
fn what_becomes_of_packets_from_the_middle_of_a_connection() {
    let mut table = Table::default();
    let expired = || {
        let mut scene = opened(&mut nitro_v6(net(&NARROW)));
        scene.bench.wait(400);
        scene
    };
    let mut allowed = expired();
    let said = allowed.ask(ACK);
    table.row(
        "2.1",
        "expired, and a rule allows it: forwarded",
        said,
        DELIVERED.into(),
    );
    let said = allowed.reply(ACK);
    table.row(
        "2.1",
        "... its answer is untracked: it needs a rule",
        said,
        REFUSED_OUT.into(),
    );
    let mut refused = expired();
    refused.groups(&[]);
    let said = refused.ask(ACK);
    table.row(
        "2.1",
        "expired and no rule any more: dropped",
        said,
        REFUSED_IN.into(),
    );
    let fresh = Scene::new(&mut net(&NARROW), TCP).ask(ACK);
    table.row(
        "2.1",
        "a segment of no connection is judged by the rules",
        fresh,
        DELIVERED.into(),
    );
    let fresh = Scene::new(&mut net(&NARROW), TCP).reply(SYN_ACK);
    table.row(
        "2.1",
        "an answer to nothing needs a rule",
        fresh,
        REFUSED_OUT.into(),
    );
    table.finish(5);
}

/// Rules of `db`, and what the first packet meets.
#[rustfmt::skip]
const MATCHES: &[(&str, &str, &[&str], Talk, &str)] = &[
    ("row 59", "no rule, no way in", &[], TCP, REFUSED_IN),
    ("2.1", "the port alone", &["in tcp 3306 10.0.1.0/24"], TCP, DELIVERED),
    ("2.1", "first port of a range", &["in tcp 3306-3310 10.0.1.0/24"], TCP, DELIVERED),
    ("2.1", "last port of a range", &["in tcp 3300-3306 10.0.1.0/24"], TCP, DELIVERED),
    ("2.1", "a port past the range", &["in tcp 3300-3305 10.0.1.0/24"], TCP, REFUSED_IN),
    ("2.1", "another protocol", &["in udp 3306 10.0.1.0/24"], TCP, REFUSED_IN),
    ("2.1", "all protocols", &["in -1 * 10.0.1.0/24"], TCP, DELIVERED),
    ("2.1", "another block", &["in tcp 3306 10.0.2.0/24"], TCP, REFUSED_IN),
    ("2.1", "one address", &["in tcp 3306 10.0.1.5/32"], TCP, DELIVERED),
    ("2.1", "the address beside it", &["in tcp 3306 10.0.1.4/32"], TCP, REFUSED_IN),
    ("row 60", "overlapping rules drop nothing",
        &["in tcp 3306 10.0.1.0/24", "in tcp 3300-3400 10.0.0.0/16"], TCP, DELIVERED),
    ("row 63", "order has no say", &["in tcp 22 0.0.0.0/0", "in tcp 3306 10.0.1.0/24"], TCP, DELIVERED),
    ("2.1", "a group has its members", &["in tcp 3306 sg-web"], TCP, DELIVERED),
    ("2.1", "another group has not", &["in tcp 3306 sg-db"], TCP, REFUSED_IN),
    ("2.1", "ICMP type and code", &["in icmp 8/0 10.0.1.0/24"], Talk::Ping(1), DELIVERED),
    ("2.1", "any code", &["in icmp 8/-1 10.0.1.0/24"], Talk::Ping(1), DELIVERED),
    ("2.1", "another type", &["in icmp 0/-1 10.0.1.0/24"], Talk::Ping(1), REFUSED_IN),
    ("2.1", "every ICMP", &["in icmp -1/-1 10.0.1.0/24"], Talk::Ping(1), DELIVERED),
    ("2.1", "another protocol by number", &["in 47 * 10.0.1.0/24"], Talk::Other(47), DELIVERED),
    ("2.1", "and not its neighbor", &["in 50 * 10.0.1.0/24"], Talk::Other(47), REFUSED_IN),
];

#[test]
fn what_rules_match() {
    let mut table = Table::default();
    for (fact, what, rules, talk, expected) in MATCHES {
        let said = Scene::new(&mut net(rules), *talk).ask(SYN);
        table.row(fact, what, said, (*expected).to_owned());
    }
    let mut union = net(&["in tcp 22 10.0.1.0/24"]);
    union.group("sg-more", &["in tcp 3306 10.0.1.0/24"]);
    union.instance("db", "subnet-db", DB, &["sg-db", "sg-more"], None);
    let said = Scene::new(&mut union, TCP).ask(SYN);
    table.row(
        "2.1",
        "the groups of an interface are united",
        said,
        DELIVERED.into(),
    );
    table.finish(21);
}

#[test]
fn refusals_are_silent_and_pings_are_told_apart() {
    let mut table = Table::default();
    let mut refused = Scene::new(&mut net(&[]), TCP);
    refused.ask(SYN);
    let heard = refused.bench.take_in("eni-web").is_some();
    table.row(
        "rows 11, 12",
        "a refused SYN brings neither RST nor ICMP",
        heard,
        false,
    );
    let seen = refused.bench.last_in("eni-db").is_some();
    table.row(
        "row 11",
        "and the machine's capture has not seen it",
        seen,
        false,
    );

    let mut ping = Scene::new(&mut net(&["in icmp 8/-1 10.0.1.0/24"]), Talk::Ping(7));
    ping.ask(SYN);
    table.row(
        "2.1",
        "an echo reply of this identifier",
        ping.reply(SYN),
        DELIVERED.into(),
    );
    let stranger = echo(WEB, DB, 8)
        .echo_reply()
        .expect("a request has a reply");
    let said = outcome(&ping.bench.send("eni-db", stranger));
    table.row(
        "2.1",
        "an echo reply of another identifier",
        said,
        REFUSED_OUT.into(),
    );
    let said = outcome(&ping.bench.send("eni-db", echo(DB, WEB, 7)));
    table.row(
        "2.1",
        "a request the other way is a new query",
        said,
        REFUSED_OUT.into(),
    );

    table.finish(5);
}

#[test]
fn errors_about_a_tracked_flow_follow_the_ruling() {
    let mut table = Table::default();
    for (related, expected) in [
        (IcmpRelated::Strict, REFUSED_IN),
        (IcmpRelated::Related, DELIVERED),
    ] {
        let mut net = net(&["out tcp 443 0.0.0.0/0"]);
        let mut bench = net.build_with(FabricConfig {
            icmp_related: related,
            ..FabricConfig::default()
        });
        let sent = tcp((DB, 50_000), (WEB, 443), SYN, 0);
        assert_eq!(outcome(&bench.send("eni-db", sent.clone())), DELIVERED);
        let error = sent.icmp_error(
            parse(WEB),
            wirelab_wire::IcmpError::Unreachable(wirelab_wire::Unreachable::Port),
        );
        let error = error.expect("an error about a SYN");
        let what = format!("an error about a tracked flow, no ICMP rule, {related:?}");
        table.row(
            "C1",
            &what,
            outcome(&bench.send("eni-web", error)),
            expected.into(),
        );
    }
    table.finish(2);
}

fn nitro_v6(net: Net) -> Net {
    with_generation(net, NitroGeneration::NitroV6)
}

fn with_generation(mut net: Net, generation: NitroGeneration) -> Net {
    for change in &mut net.changes {
        if let Change::Put(Resource::Instance(it)) = change {
            std::sync::Arc::make_mut(it).nitro_generation = generation;
        }
    }
    net
}

fn with_timeouts(mut net: Net, timeouts: ConnectionTracking) -> Net {
    for change in &mut net.changes {
        if let Change::Put(Resource::NetworkInterface(it)) = change {
            std::sync::Arc::make_mut(it).connection_tracking_configuration = timeouts;
        }
    }
    net
}

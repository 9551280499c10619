//! What rows claim, no more and no less than the boxes they are made of.

use std::net::IpAddr;

use wirelab_model::{IpNet, IpProtocol, PortRange};
use wirelab_simulator::reach::{Dimension, Interval, IpVersion, Ranges, Region};

use super::label::{Kind, Label};
use super::table::{Flow, print};

fn label(name: &str, kind: Kind, addresses: &[&str]) -> Label {
    let blocks: Vec<IpNet> = addresses.iter().map(|it| block(it)).collect();
    Label {
        name: name.to_owned(),
        kind,
        whole: IpVersion::BOTH.map(|version| {
            let own = blocks.iter().filter(|it| IpVersion::of(it) == version);
            Ranges::of(own.map(|it| Interval::from(*it)))
        }),
    }
}

fn block(text: &str) -> IpNet {
    let address = || text.parse::<IpAddr>().map(IpNet::from);
    text.parse().or_else(|_| address()).expect("a block")
}

/// Every packet from one block to another with these destination and source ports.
fn flow(ends: [&Label; 2], blocks: [&str; 2], ports: [(u16, u16); 2], answered: bool) -> Flow {
    let [from, to] = blocks.map(block);
    let [to_ports, from_ports] = ports.map(|(from, to)| PortRange { from, to });
    let mut whole = Region::rule_protocol(IpVersion::of(&from), IpProtocol::TCP);
    let region = whole.remove(0).with(Dimension::Source, from);
    let region = region.and_then(|it| it.with(Dimension::Destination, to));
    let region = region.and_then(|it| it.with(Dimension::DestinationPort, to_ports));
    let region = region.and_then(|it| it.with(Dimension::SourcePort, from_ports));
    Flow {
        change: "same",
        from: ends[0].name.clone(),
        to: ends[1].name.clone(),
        labels: ends.map(Clone::clone),
        region: region.expect("not empty"),
        answered,
    }
}

/// The one machine that is known outside.
fn desk(version: IpVersion, addresses: &Ranges) -> Option<String> {
    let one = version.address(addresses.only()?).to_string();
    (one == "192.168.10.5").then(|| "desk".to_owned())
}

const ANY: (u16, u16) = (0, 65535);
const WEB: (u16, u16) = (80, 80);
const SSH: (u16, u16) = (22, 22);

#[track_caller]
fn shows(flows: &[Flow], expected: &[&str]) {
    let mut text = print(flows, &desk, 80);
    for code in ["\u{1b}[1m", "\u{1b}[2m", "\u{1b}[0m"] {
        text = text.replace(code, "");
    }
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines, expected);
}

#[test]
fn what_differs_between_ip_versions_says_so() {
    let app = label("app", Kind::Machine, &["10.0.1.5", "2001:db8::5"]);
    let db = label("db", Kind::Machine, &["10.0.2.5", "2001:db8::25"]);
    let old = label("old", Kind::Machine, &["10.0.3.5"]);
    let (v4, v6) = (["10.0.1.5", "10.0.2.5"], ["2001:db8::5", "2001:db8::25"]);
    let to_old = ["10.0.1.5", "10.0.3.5"];
    let same = flow([&app, &old], to_old, [SSH, ANY], true);
    shows(
        &[
            flow([&app, &db], v4, [WEB, ANY], true),
            flow([&app, &db], v6, [WEB, ANY], true),
            same,
        ],
        &["app > db   tcp 80", "app > old  tcp 22"],
    );
    shows(
        &[
            flow([&app, &db], v4, [WEB, ANY], true),
            flow([&app, &db], v4, [SSH, ANY], true),
            flow([&app, &db], v6, [WEB, ANY], true),
            flow([&app, &db], v6, [SSH, ANY], false),
        ],
        &[
            "app > db  IPv4: tcp 22,80",
            "          IPv6: tcp 80",
            "          IPv6, no answer: tcp 22",
        ],
    );
    let only = flow([&app, &db], v6, [WEB, ANY], true);
    shows(&[only], &["app > db  IPv6: tcp 80"]);
}

#[test]
fn addresses_that_are_treated_otherwise_have_a_row_of_their_own() {
    let app = label("app", Kind::Machine, &["10.0.1.5"]);
    let web = label("web", Kind::Machine, &["10.0.2.5", "10.0.2.6"]);
    let public = label("web", Kind::PublicAddress, &["198.51.100.9"]);
    shows(
        &[
            flow([&app, &web], ["10.0.1.5", "10.0.2.5"], [WEB, ANY], true),
            flow([&app, &web], ["10.0.1.5", "10.0.2.6"], [WEB, ANY], true),
            flow([&app, &web], ["10.0.1.5", "10.0.2.6"], [SSH, ANY], true),
            flow(
                [&app, &public],
                ["10.0.1.5", "198.51.100.9"],
                [WEB, ANY],
                false,
            ),
        ],
        &[
            "app > web (public address)  no answer: tcp 80",
            "app > web 10.0.2.5          tcp 80",
            "app > web 10.0.2.6          tcp 22,80",
        ],
    );
}

#[test]
fn parts_of_what_is_outside_say_which() {
    let app = label("app", Kind::Machine, &["10.0.1.5"]);
    let office = label("office", Kind::Behind, &["192.168.10.0/24"]);
    let internet = label("internet", Kind::Internet, &["0.0.0.0/0"]);
    shows(
        &[
            flow(
                [&office, &app],
                ["192.168.10.0/24", "10.0.1.5"],
                [WEB, ANY],
                true,
            ),
            flow(
                [&office, &app],
                ["192.168.10.5", "10.0.1.5"],
                [SSH, ANY],
                true,
            ),
        ],
        &[
            "desk > app  tcp 22,80",
            "office 192.168.10.0-192.168.10.4, 192.168.10.6-192.168.10.255 > app",
            "            tcp 80",
        ],
    );
    shows(
        &[flow(
            [&internet, &app],
            ["128.0.0.0/1", "10.0.1.5"],
            [WEB, ANY],
            true,
        )],
        &["internet 128.0.0.0/1 > app  tcp 80"],
    );
    shows(
        &[
            flow(
                [&internet, &app],
                ["0.0.0.0/1", "10.0.1.5"],
                [WEB, ANY],
                true,
            ),
            flow(
                [&internet, &app],
                ["128.0.0.0/2", "10.0.1.5"],
                [WEB, ANY],
                true,
            ),
            flow(
                [&internet, &app],
                ["192.0.0.0/3", "10.0.1.5"],
                [WEB, ANY],
                true,
            ),
        ],
        &["internet but 224.0.0.0/3 > app  tcp 80"],
    );
}

#[test]
fn ports_of_one_protocol_are_put_together() {
    let app = label("app", Kind::Machine, &["10.0.1.5"]);
    let db = label("db", Kind::Machine, &["10.0.2.5"]);
    let ends = ["10.0.1.5", "10.0.2.5"];
    let (low, high) = ((0, 32767), (32768, 65535));
    shows(
        &[
            flow([&app, &db], ends, [WEB, low], true),
            flow([&app, &db], ends, [WEB, high], true),
            flow([&app, &db], ends, [SSH, high], true),
            flow([&app, &db], ends, [SSH, low], false),
        ],
        &[
            "app > db  tcp 80, tcp 22 from ports 32768-65535",
            "          no answer: tcp 22 from ports 0-32767",
        ],
    );
}

#[test]
fn the_number_of_the_other_icmp_is_not_told() {
    let app = label("app", Kind::Machine, &["10.0.1.5"]);
    let db = label("db", Kind::Machine, &["10.0.2.5"]);
    let protocols = |low: u128, high: u128, answered| {
        let mut flow = flow([&app, &db], ["10.0.1.5", "10.0.2.5"], [ANY, ANY], answered);
        let mut whole = Region::protocol(IpVersion::V4, &Interval { low, high }.into());
        let region = whole.remove(0).with(Dimension::Source, block("10.0.1.5"));
        let region = region.and_then(|it| it.with(Dimension::Destination, block("10.0.2.5")));
        flow.region = region.expect("not empty");
        flow
    };
    let parts = [
        protocols(0, 0, true),
        protocols(2, 5, true),
        protocols(7, 16, true),
        protocols(18, 57, true),
        protocols(58, 58, false),
        protocols(59, 255, true),
    ];
    shows(&parts, &["app > db  other protocols"]);
}

#[test]
fn icmp_is_told_by_its_messages_not_by_codes_that_nobody_sends() {
    let app = label("app", Kind::Machine, &["10.0.1.5"]);
    let db = label("db", Kind::Machine, &["10.0.2.5"]);
    let icmp = |kinds: (u16, u16), codes: (u16, u16), answered| {
        let mut flow = flow([&app, &db], ["10.0.1.5", "10.0.2.5"], [ANY, ANY], answered);
        let [kinds, codes] = [kinds, codes].map(|(from, to)| PortRange { from, to });
        let mut whole = Region::rule_protocol(IpVersion::V4, IpProtocol::ICMP);
        let region = whole.remove(0).with(Dimension::SourcePort, kinds);
        let region = region.and_then(|it| it.with(Dimension::DestinationPort, codes));
        flow.region = region.expect("not empty");
        flow
    };
    let every = (0, 255);
    let ping = icmp((8, 8), (0, 0), true);
    // A rule for `8/0` here, one for `8` there.
    let other_codes = icmp((8, 8), (1, 255), false);
    shows(&[ping, other_codes], &["app > db  icmp echo-request"]);
    let unused = icmp((8, 8), (1, 255), true);
    shows(
        &[unused],
        &["app > db  icmp type 8 code 1-255 (no such message)"],
    );
    let parts = [
        icmp((0, 7), every, true),
        icmp((8, 8), (0, 0), false),
        icmp((8, 8), (1, 255), true),
        icmp((9, 255), every, true),
    ];
    shows(
        &parts,
        &[
            "app > db  icmp but echo-request",
            "          no answer: icmp echo-request",
        ],
    );
    let errors = [icmp((3, 3), (4, 4), true), icmp((11, 11), every, true)];
    shows(&errors, &["app > db  icmp time-exceeded,3/4"]);
}

//! Equivalence of filters: a table of pairs that people write, and random ones.

mod support;

use std::process::Command;

use support::{Packets, Random, frames_of};
use wirelab_filter::equal::{
    Difference, Domain, Equality, GaveUp, Seen, compare, compare_where, is_compared,
};
use wirelab_filter::{Filter, Frames, LinkType};

const PAIRS: &str = include_str!("data/pairs.txt");

/// A line of the table.
struct Pair<'a> {
    line: usize,
    text: &'a str,
    yours: Filter,
    wanted: Filter,
    scope: Option<Filter>,
    domain: Domain,
    are_equal: bool,
}

fn filter(line: usize, expression: &str) -> Filter {
    let compiled = Filter::compile(expression.trim(), LinkType::ETHERNET);
    compiled.unwrap_or_else(|error| panic!("line {line}: `{expression}`: {error}"))
}

fn pairs() -> impl Iterator<Item = Pair<'static>> {
    let lines = (1..).zip(PAIRS.lines());
    lines
        .filter(|(_, text)| !text.is_empty() && !text.starts_with('#'))
        .map(|(line, text)| {
            let (yours, wanted, are_equal) = match text.split_once(" <=> ") {
                Some((yours, wanted)) => (yours, wanted, true),
                None => {
                    let (yours, wanted) = text.split_once(" <!> ").expect("a pair");
                    (yours, wanted, false)
                }
            };
            let (wanted, scope) = match wanted.split_once(" in ") {
                Some((wanted, scope)) => (wanted, Some(scope)),
                None => (wanted, None),
            };
            Pair {
                line,
                text,
                yours: filter(line, yours),
                wanted: filter(line, wanted),
                scope: scope.map(|scope| filter(line, scope)),
                domain: scope.map(Domain::of_scope).unwrap_or_default(),
                are_equal,
            }
        })
}

#[test]
fn every_pair_of_the_table_is_decided() {
    let (mut wrong, mut count, mut shown) = (Vec::new(), 0, Vec::new());
    for pair in pairs() {
        count += 1;
        let found = compare(&pair.yours, &pair.wanted, pair.scope.as_ref(), pair.domain);
        let (is_right, what) = match &found {
            Equality::Equivalent => (pair.are_equal, "equivalent".to_owned()),
            Equality::Different(it) => (!pair.are_equal, told(it)),
            Equality::GaveUp(why) => (false, why.to_string()),
        };
        if !is_right {
            wrong.push(format!("{}: {}\n    {what}", pair.line, pair.text));
        }
        shown.push(format!("{}\n    {what}\n", pair.text));
        if let Equality::Different(it) = found {
            assert!(
                is_compared(&it.frame, pair.domain),
                "{}: {}",
                pair.text,
                it.line()
            );
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(count >= 200, "{count} pairs");
    insta::assert_snapshot!(shown.concat());
}

fn told(it: &Difference) -> String {
    let side = if it.is_kept {
        "yours also keeps"
    } else {
        "yours misses"
    };
    let fault = it
        .fault
        .as_ref()
        .map(|it| format!(" (at fault: `{}`)", it.clause));
    format!("{side}: {}{}", it.line(), fault.unwrap_or_default())
}

#[test]
fn optimised_or_not_libpcap_compiles_the_same_filter() {
    for pair in pairs() {
        for filter in [&pair.yours, &pair.wanted] {
            let plain = filter.unoptimised().expect("it compiles");
            let found = compare(filter, &plain, None, Domain::default());
            assert_eq!(found, Equality::Equivalent, "`{}`", filter.expression());
        }
    }
}

#[test]
fn tshark_decodes_every_counterexample() {
    if Command::new("tshark").arg("-v").output().is_err() {
        eprintln!("skipped: there is no tshark");
        return;
    }
    let mut frames = Vec::new();
    for pair in pairs() {
        let found = compare(&pair.yours, &pair.wanted, pair.scope.as_ref(), pair.domain);
        if let Equality::Different(it) = found {
            frames.push((pair.text.to_owned(), it.frame));
        }
    }
    let mut random = Random::new(1);
    while frames.len() < 300 {
        let (yours, wanted) = random.pair();
        if let Equality::Different(it) = compare(&yours, &wanted, None, Domain::default()) {
            let text = format!("{} <!> {}", yours.expression(), wanted.expression());
            frames.push((text, it.frame));
        }
    }
    let bad = support::malformed(&frames);
    assert!(
        bad.is_empty(),
        "{} of {}:\n{}",
        bad.len(),
        frames.len(),
        bad.join("\n")
    );
}

#[test]
fn what_is_too_hard_is_given_up_by_counted_work() {
    let found = |yours, wanted| {
        compare(
            &filter(0, yours),
            &filter(0, wanted),
            None,
            Domain::default(),
        )
    };
    let multiplied = found(
        "ip[4:4] * ip[12:4] = ip[16:4]",
        "ip[12:4] * ip[4:4] = ip[16:4]",
    );
    assert_eq!(multiplied, Equality::GaveUp(GaveUp::Work));
    let computed = found("ether[ip[2:2]] = 3", "ether[ip[2:2]] = 4");
    assert_eq!(computed, Equality::GaveUp(GaveUp::Index));
    let looped = found("ip6 protochain 6", "ip6 proto 6");
    assert_eq!(looped, Equality::GaveUp(GaveUp::Loop));
    // A checksum is had by the choice of a field that no filter reads, or not at all.
    let summed = found("tcp[16:2] = 0x1234", "tcp[16:2] = 0x1235");
    assert!(matches!(summed, Equality::Different(_)), "{summed:?}");
    let divided = "tcp[((tcp[12] & 0xf0) >> 2):4] * 3 / 7 = 12345";
    let divided = found(divided, "tcp[((tcp[12] & 0xf0) >> 2):4] * 3 / 7 = 12346");
    assert!(matches!(divided, Equality::Different(_)), "{divided:?}");
}

#[test]
fn a_counterexample_goes_between_machines_of_the_capture_where_it_can() {
    let mut frames = Frames::new();
    for frame in frames_of(&support::traces()[..8]) {
        frames.push(&frame, u32::try_from(frame.len()).expect("a short frame"));
    }
    let seen = Seen::of(&frames);
    let captured = Filter::compile("ip and tcp", LinkType::ETHERNET).expect("a filter");
    let kept = captured.select(&frames);
    let (first, _) = (frames.iter().zip(0..))
        .find_map(|(it, number)| kept.has(number).then_some(it))
        .expect("a TCP segment");
    let ends = |frame: &[u8]| (frame[26..30].to_vec(), frame[30..34].to_vec());
    let (client, server) = ends(first);
    let port = u16::from_be_bytes([first[36], first[37]]);
    let dotted = |it: &[u8]| it.iter().map(u8::to_string).collect::<Vec<_>>().join(".");
    let there = format!("src host {} and dst port {port}", dotted(&client));
    let back = format!("src host {} and src port {port}", dotted(&server));
    // Flags alone; flags, of one direction; one that names a machine and a port of the capture.
    for (yours, wanted, between) in [
        (
            "tcp[13] & 2 != 0".to_owned(),
            "tcp[13] = 2".to_owned(),
            None,
        ),
        (
            format!("{back} and tcp[13] & 16 != 0"),
            back,
            Some((&server, &client)),
        ),
        (
            there.clone(),
            format!("{there} and tcp[13] & 2 != 0"),
            Some((&client, &server)),
        ),
    ] {
        let (yours, wanted) = (filter(0, &yours), filter(0, &wanted));
        let found = compare_where(&yours, &wanted, None, Domain::default(), &seen);
        let Equality::Different(found) = found else {
            panic!("{found:?}");
        };
        let (source, destination) = ends(&found.frame);
        let pairs = frames.iter().map(|(frame, _)| frame);
        let mut pairs = pairs.filter(|frame| frame.len() > 34).map(ends);
        let line = found.line();
        assert!(
            pairs.any(|it| it == (source.clone(), destination.clone())),
            "{line}"
        );
        if let Some((from, to)) = between {
            assert_eq!((&source, &destination), (from, to), "{line}");
        }
    }
    // One whom nobody has seen is spoken with by somebody who was.
    let (yours, wanted) = (
        filter(0, "dst host 192.0.2.77"),
        filter(0, "dst host 192.0.2.78"),
    );
    let found = compare_where(&yours, &wanted, None, Domain::default(), &seen);
    let Equality::Different(found) = found else {
        panic!("{found:?}");
    };
    let sources = frames.iter().filter(|(frame, _)| frame.len() > 34);
    let mut sources = sources.map(|(frame, _)| ends(frame).0);
    assert!(
        sources.any(|it| it == ends(&found.frame).0),
        "{}",
        found.line()
    );
}

/// A capture that holds nothing but how a machine asks for its address (RFC 2131, section 4.1).
fn asking_for_an_address() -> Seen {
    let mut frame = vec![0xff; 6];
    frame.extend([2, 0, 10, 0, 1, 5, 8, 0]);
    frame.extend([
        0x45, 0, 0, 28, 0, 1, 0, 0, 64, 17, 0, 0, 0, 0, 0, 0, 255, 255, 255, 255,
    ]);
    frame.extend([0, 68, 0, 67, 0, 8, 0, 0]);
    let mut frames = Frames::new();
    frames.push(&frame, u32::try_from(frame.len()).expect("a short frame"));
    Seen::of(&frames)
}

/// The packet that tells two filters apart.
fn apart(yours: &str, wanted: &str, seen: &Seen) -> Difference {
    let (one, other) = (filter(0, yours), filter(0, wanted));
    match compare_where(&one, &other, None, Domain::default(), seen) {
        Equality::Different(found) => found,
        same => panic!("{yours} <!> {wanted}: {same:?}"),
    }
}

#[test]
fn a_counterexample_is_what_one_machine_sends_to_another() {
    let syn = "tcp[tcpflags] & tcp-syn != 0";
    for (yours, wanted) in [
        (syn, "tcp[tcpflags] & (tcp-syn|tcp-ack) = tcp-syn"),
        ("icmp", "icmp[0] = 8"),
        ("ether[0] & 2 = 0 and tcp", "tcp"),
        ("ip[16] & 128 != 0 and tcp", "tcp"),
        ("ip[16] & 128 != 0 and udp", "udp and not ether multicast"),
        ("ip multicast or tcp", "ip multicast or udp"),
        ("ip[12] = 0 or tcp", "udp"),
        ("not udp and ip", "ip multicast"),
    ] {
        for seen in [&asking_for_an_address(), &Seen::default()] {
            let frame = apart(yours, wanted, seen).frame;
            let line = format!("{yours} <!> {wanted}: {frame:02x?}");
            assert_eq!(frame[0] & 1, 0, "{line}");
            let is_one = |net: u8| (1..224).contains(&net) && net != 127;
            assert!(is_one(frame[26]) && is_one(frame[30]), "{line}");
        }
    }
}

#[test]
fn datagrams_go_to_many_and_connections_do_not() {
    let line = |yours: &str, wanted: &str| apart(yours, wanted, &Seen::default()).line();
    assert_eq!(
        line("udp", "udp and not ether broadcast"),
        "IP 10.0.1.5.40000 > 255.255.255.255.33434: UDP, length 0"
    );
    assert_eq!(
        line("icmp", "icmp and not dst net 224.0.0.0/4"),
        "IP 10.0.1.5 > 224.0.0.1: ICMP echo request, id 1, seq 1, length 8"
    );
    assert_eq!(
        line("ip6", "ip6 and not ip6 multicast"),
        "IP6 fd00:0:0:1::5.40000 > ff02::1.33434: UDP, length 0"
    );
    // Who is seen to ask everybody is preferred to one whom nobody has seen.
    let asks = apart(
        "udp",
        "udp and not ether broadcast",
        &asking_for_an_address(),
    );
    assert_eq!(
        asks.line(),
        "IP 0.0.0.0.68 > 255.255.255.255.67: UDP, length 0"
    );
    let same = |yours: &str, wanted: &str| {
        let (yours, wanted) = (filter(0, yours), filter(0, wanted));
        compare(&yours, &wanted, None, Domain::default()) == Equality::Equivalent
    };
    let syn = "tcp[tcpflags] & tcp-syn != 0";
    for cast in [
        "ether broadcast",
        "ether multicast",
        "ip multicast",
        "dst host 255.255.255.255",
    ] {
        assert!(same(syn, &format!("{syn} and not {cast}")), "{cast}");
        assert!(!same("udp", &format!("udp and not {cast}")), "{cast}");
    }
    assert!(same("ip6", "ip6 and not ether broadcast"));
}

#[test]
fn arp_asks_everybody_and_answers_one() {
    let asks = apart("arp", "arp and not arp[6:2] = 1", &Seen::default());
    assert_eq!(asks.frame[..6], [0xff; 6]);
    let answers = apart("arp", "arp[6:2] = 1", &Seen::default());
    assert_eq!(answers.frame[0] & 1, 0);
    assert_eq!(answers.frame[..6], answers.frame[32..38]);
}

/// `WIRELAB_PAIRS=10000` compares more of them.
#[test]
#[expect(clippy::disallowed_methods, reason = "how many is said from outside")]
fn no_packet_refutes_what_is_proved_of_random_pairs() {
    let count = std::env::var("WIRELAB_PAIRS")
        .ok()
        .and_then(|it| it.parse().ok())
        .unwrap_or(300);
    let packets = Packets::new(&frames_of(&support::traces()));
    let (mut random, mut equal, mut gave_up) = (Random::new(7), 0, 0);
    for _ in 0..count {
        let (yours, wanted) = random.pair();
        match compare(&yours, &wanted, None, Domain::default()) {
            Equality::Equivalent => {
                equal += 1;
                let refuted = packets.first_difference(&yours, &wanted);
                let (a, b) = (yours.expression(), wanted.expression());
                assert_eq!(refuted, None, "`{a}` and `{b}` are not equivalent");
            }
            // Confirmed by libpcap before it is returned.
            Equality::Different(_) => {}
            Equality::GaveUp(_) => gave_up += 1,
        }
    }
    println!("{count} pairs: {equal} equivalent, {gave_up} given up");
    assert!(
        equal * 20 > count,
        "{equal} of {count} equivalent: nothing was tried"
    );
    assert!(gave_up * 100 <= count, "{gave_up} of {count} given up");
}

#[test]
fn frames_of_real_kernels_are_well_formed() {
    let frames = frames_of(&support::traces());
    let odd = frames
        .iter()
        .filter(|frame| !is_compared(frame, Domain::default()));
    let odd: Vec<String> = odd
        .map(|it| wirelab_wire::summary::line(LinkType::ETHERNET, it))
        .collect();
    assert!(
        odd.is_empty(),
        "{} of {}:\n{}",
        odd.len(),
        frames.len(),
        odd.join("\n")
    );
}

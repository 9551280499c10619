//! What holds for every packet.

mod common;

use std::process::Command;

use common::packets::{has_random_dns, packet};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use wirelab_wire::link::{LinkType, decode};
use wirelab_wire::pcap::{DEFAULT_SNAPLEN, PcapWriter};
use wirelab_wire::pcapng::{PacketNote, PcapngWriter};
use wirelab_wire::{
    Bytes, Frame, IpPacket, MacAddr, QuotedPacket, Reassembler, summary, translate_quoted,
};

fn frame(packet: IpPacket) -> Frame {
    Frame {
        destination: MacAddr([2, 0, 0, 0, 0, 2]),
        source: MacAddr([2, 0, 0, 0, 0, 1]),
        packet,
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 2000,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn what_is_written_is_read_again(packet in packet()) {
        let bytes = packet.to_bytes();
        prop_assert_eq!(bytes.len(), packet.total_len());
        prop_assert_eq!(IpPacket::parse(&bytes), Ok(packet.clone()));
        let frame = frame(packet);
        prop_assert_eq!(Frame::parse(&frame.to_bytes()), Ok(frame));
    }

    #[test]
    fn damaged_bytes_never_panic(
        packet in packet(),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
        keep in any::<prop::sample::Index>(),
        link in prop::sample::select(vec![0, 1, 12, 101, 108, 113, 228, 229, 276, 5]),
    ) {
        let mut bytes = packet.to_bytes();
        for (at, value) in damage {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        bytes.truncate(keep.index(bytes.len() + 1));
        let _ = QuotedPacket::parse(&bytes);
        let _ = decode(LinkType(link), &bytes);
        let _ = summary::line(LinkType::RAW, &bytes);
        let _ = summary::line(LinkType(link), &bytes);
        let quoted = Bytes::from(bytes);
        let to = ("192.0.2.1".parse().expect("an address"), Some(7));
        prop_assert_eq!(translate_quoted(&quoted, Some(to), Some(to)).len(), quoted.len());
        if let Ok(packet) = IpPacket::parse(&quoted) {
            prop_assert_eq!(IpPacket::parse(&packet.to_bytes()), Ok(packet));
        }
    }

    #[test]
    fn pieces_in_any_order_make_the_whole(
        packet in packet().prop_filter("IPv4, whole", |packet| {
            packet.header.is_ipv4() && !packet.is_fragment()
        }),
        mtu in 68_u16..200,
        order in any::<u64>(),
    ) {
        let mut pieces = packet.fragment(mtu);
        prop_assert!(pieces.iter().all(|piece| piece.total_len() <= usize::from(mtu)));
        let count = pieces.len();
        if count > 1 {
            let turn = usize::try_from(order % 97).expect("small");
            pieces.rotate_left(turn % count);
            pieces.swap(0, turn % count);
        }
        let mut reassembler = Reassembler::new();
        let whole: Vec<IpPacket> = pieces
            .into_iter()
            .filter_map(|piece| reassembler.insert(0, piece))
            .collect();
        prop_assert_eq!(whole, vec![packet]);
    }

    /// A datagram that a NAT gets in pieces arrives as one that it gets whole.
    #[test]
    fn translating_the_pieces_is_translating_the_whole(
        packet in packet().prop_filter("IPv4 with ports, whole", |packet| {
            packet.header.is_ipv4() && !packet.is_fragment()
                && (packet.as_tcp().is_some() || packet.as_udp().is_some())
        }),
        mtu in 68_u16..200,
        port in any::<u16>(),
    ) {
        let address = "203.0.113.9".parse().expect("an address");
        let mut translated = packet.clone();
        translated.set_source(address, Some(port));
        let mut reassembler = Reassembler::new();
        let pieces = packet.fragment(mtu).into_iter().filter_map(|mut piece| {
            piece.set_source(address, Some(port));
            reassembler.insert(0, piece)
        });
        // What does not parse, its checksum wrong, would stay octets and differ.
        prop_assert_eq!(pieces.collect::<Vec<_>>(), vec![translated]);
    }

    /// A quote translated there and back is the quote; one translated is the quote of the
    /// translated packet, checksums included.
    #[test]
    fn translating_a_quote_is_quoting_the_translated(
        packet in packet().prop_filter("has ports", |packet| {
            !packet.is_fragment() && (packet.as_tcp().is_some() || packet.as_udp().is_some())
        }),
        port in any::<u16>(),
        words in 14_usize..60,
    ) {
        let limit = 2 * words;
        let to = match packet.header.is_ipv4() {
            true => "203.0.113.9".parse().expect("an address"),
            false => "2001:db8:ffff::9".parse().expect("an address"),
        };
        let mut translated = packet.clone();
        translated.set_source(to, Some(port));
        let quoted = translate_quoted(&packet.quote(limit), Some((to, Some(port))), None);
        // Ones' complement has two zeros; a sum that comes out as one may be either.
        let expected = translated.quote(limit);
        let differing = quoted.iter().zip(&expected).filter(|(a, b)| a != b).count();
        let has_port = limit >= packet.header.wire_len() + 4;
        prop_assert!(!has_port || differing == 0 || differing == 2 && quoted.contains(&0xff));
    }
}

/// Random packets, the same ones on every run.
fn sample(count: usize) -> Vec<IpPacket> {
    let mut runner = TestRunner::deterministic();
    let strategy = packet();
    (0..count)
        .map(|_| strategy.new_tree(&mut runner).expect("a packet").current())
        .collect()
}

/// 2024-03-05 00:00:00 UTC.
const START: u64 = 1_709_596_800_000_000_000;

fn pcap(packets: &[IpPacket]) -> tempfile::NamedTempFile {
    let file = tempfile::NamedTempFile::new().expect("a temporary file");
    let mut writer = PcapWriter::new(&file, DEFAULT_SNAPLEN).expect("a pcap file");
    for (at, packet) in (START..).zip(packets) {
        writer
            .write_frame(at, &frame(packet.clone()).into())
            .expect("room");
    }
    writer.finish().expect("room");
    file
}

fn run(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program)
        .args(arguments)
        .output()
        .unwrap_or_else(|error| panic!("{program} is installed: {error}"));
    assert!(
        output.status.success(),
        "{program} {arguments:?}: {output:?}"
    );
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn random_packets_are_printed_as_tcpdump_prints_them() {
    let mut packets = sample(3000);
    packets.retain(|packet| !has_random_dns(packet));
    let file = pcap(&packets);
    let path = file.path().to_str().expect("a plain path");
    let theirs = run("tcpdump", &["-nn", "-S", "-t", "-r", path]);
    let ours: Vec<String> = packets
        .iter()
        .map(|packet| packet.summary().to_string())
        .collect();
    let differing: Vec<(&str, &str)> = ours
        .iter()
        .map(String::as_str)
        .zip(theirs.lines())
        .filter(|(ours, theirs)| ours != theirs)
        .collect();
    assert_eq!(differing, []);
    assert_eq!(theirs.lines().count(), packets.len());
}

#[test]
fn tshark_finds_every_checksum_good() {
    let packets = sample(1500);
    let file = pcap(&packets);
    let path = file.path().to_str().expect("a plain path");
    let arguments = [
        "-r",
        path,
        "-o",
        "ip.check_checksum:TRUE",
        "-o",
        "tcp.check_checksum:TRUE",
        "-o",
        "udp.check_checksum:TRUE",
        "-o",
        "ip.defragment:FALSE",
        "-Y",
        "ip.checksum.status == 0 or tcp.checksum.status == 0 or udp.checksum.status == 0 \
         or icmp.checksum.status == 0 or icmpv6.checksum.status == 0",
    ];
    assert_eq!(run("tshark", &arguments), "");
}

#[test]
fn wireshark_reads_names_directions_comments_and_nanoseconds() {
    let file = tempfile::NamedTempFile::new().expect("a temporary file");
    let mut writer = PcapngWriter::new(&file, DEFAULT_SNAPLEN).expect("a pcapng file");
    let first = writer.add_interface("eni-0a1", Some("web")).expect("room");
    let second = writer.add_interface("eni-0b2", None).expect("room");
    let packets = sample(2);
    let dropped = ["matched rule 200 deny tcp 32768-60999"];
    for (at, (interface, comments)) in
        (START + 123_456_789..).zip([(first, &[][..]), (second, &dropped[..])])
    {
        let note = PacketNote {
            interface,
            at_nanos: at,
            outbound: Some(interface == first),
            comments,
        };
        let frame = frame(packets[usize::from(interface == second)].clone());
        writer.write_frame(note, &frame).expect("room");
    }
    writer.finish().expect("room");
    let fields = [
        "-r",
        file.path().to_str().expect("a plain path"),
        "-T",
        "fields",
        "-e",
        "frame.time_epoch",
        "-e",
        "frame.interface_name",
        "-e",
        "frame.packet_flags_direction",
        "-e",
        "frame.comment",
    ];
    let printed = run("tshark", &fields);
    let lines: Vec<Vec<&str>> = printed
        .lines()
        .map(|line| line.split('\t').collect())
        .collect();
    assert_eq!(lines[0][..2], ["1709596800.123456789", "eni-0a1"]);
    assert_eq!(lines[1][..2], ["1709596800.123456790", "eni-0b2"]);
    assert_eq!((lines[0][3], lines[1][3]), ("", dropped[0]));
    assert_ne!(lines[0][2], lines[1][2]);
}

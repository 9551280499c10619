//! Foreign files do not end in a panic, whatever is in them.

use std::net::IpAddr;
use std::path::{Path, PathBuf};

use wirelab_flowlog::LogFormat;
use wirelab_model::Stream;

use super::conversation::Survey;
use super::input::Input;
use super::records::{LeftOut, Records, Rules};
use super::source::Source;

/// Captures of the real kernel, by name.
fn captures() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden/kernel");
    let entries = std::fs::read_dir(folder)
        .expect("the golden captures")
        .flatten();
    let mut paths: Vec<_> = entries.map(|entry| entry.path()).collect();
    paths.retain(|path| path.extension().is_some_and(|kind| kind == "pcap"));
    paths.sort();
    assert!(paths.len() > 50, "captures are missing");
    paths
}

/// Everything that a replay does with a file, less the printing to stdout.
fn replay(path: &Path) -> Option<(Survey, String)> {
    let (survey, lines, _) = replay_as(path, &[])?;
    Some((survey, lines))
}

/// As [`replay`], as seen by the ENI of `own`; by the likely one if there are none.
fn replay_as(path: &Path, own: &[IpAddr]) -> Option<(Survey, String, LeftOut)> {
    let input = Input::open(path).ok()?;
    let mut survey = Survey::default();
    let mut source = Source::open(&input, None).ok()?;
    source
        .each(|packet| {
            survey.add(packet);
            Ok(())
        })
        .ok();
    survey.skipped = source.skipped();
    let own = match own {
        [] => survey.likely_owner().into_iter().collect(),
        own => own.to_vec(),
    };
    let mut records = Records::new(Rules {
        own,
        interval: 60,
        disorder: survey.disorder,
        no_data: true,
        format: LogFormat::default(),
    });
    let mut lines = String::new();
    let mut take = |records: &mut Records| {
        let took = records.take_lines(|line| {
            lines += &format!("{line}\n");
            Ok(())
        });
        took.expect("nothing is printed");
    };
    let mut source = Source::open(&input, None).ok()?;
    source
        .each(|packet| {
            if records.add(packet) {
                take(&mut records);
            }
            Ok(())
        })
        .ok();
    records.finish();
    take(&mut records);
    let shown: Vec<_> = survey.busiest(20).iter().map(ToString::to_string).collect();
    assert_eq!(shown.len(), survey.conversations().min(20));
    let left_out = records.left_out();
    Some((survey, lines, left_out))
}

const OWN: [u8; 4] = [10, 0, 0, 1];
const PEER: [u8; 4] = [10, 0, 0, 9];

/// A UDP packet of 32 octets from port 1000 to port 2000.
fn udp(source: [u8; 4], destination: [u8; 4]) -> Vec<u8> {
    let mut packet = vec![0x45, 0, 0, 32, 0, 0, 0, 0, 64, 17, 0, 0];
    packet.extend(source);
    packet.extend(destination);
    packet.extend([0x03, 0xe8, 0x07, 0xd0, 0, 12, 0, 0, 1, 2, 3, 4]);
    packet
}

/// Replays raw IP packets with their seconds, of which `captured` octets each were captured.
fn replay_packets(packets: &[(u32, Vec<u8>)], captured: usize) -> (Survey, String, LeftOut) {
    let mut bytes = vec![0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    bytes.extend([0, 0, 4, 0, 101, 0, 0, 0]);
    for (seconds, packet) in packets {
        let captured = captured.min(packet.len());
        bytes.extend(seconds.to_le_bytes());
        bytes.extend([0; 4]);
        bytes.extend((captured as u32).to_le_bytes());
        bytes.extend((packet.len() as u32).to_le_bytes());
        bytes.extend(&packet[..captured]);
    }
    let file = tempfile::NamedTempFile::new().expect("a temporary file");
    std::fs::write(file.path(), &bytes).expect("room for a file");
    replay_as(file.path(), &[OWN.into()]).expect("a savefile")
}

/// The records, less what is the same in all of them.
fn records(lines: &str) -> Vec<String> {
    let rest = |line: &str| line.split(' ').skip(3).collect::<Vec<_>>().join(" ");
    lines.lines().map(rest).collect()
}

#[test]
fn packets_out_of_order_are_in_the_one_record_of_their_window() {
    let at = |seconds: u32| (seconds, udp(OWN, PEER));
    let (survey, lines, _) = replay_packets(&[at(125), at(10), at(59), at(5), at(130)], 32);
    assert_eq!(survey.disorder.as_secs(), 120);
    let expected = [
        "10.0.0.1 10.0.0.9 1000 2000 17 3 96 5 59 ACCEPT OK",
        "- - - - - - - 60 120 - NODATA",
        "10.0.0.1 10.0.0.9 1000 2000 17 2 64 125 130 ACCEPT OK",
    ];
    assert_eq!(records(&lines), expected);
    let conversation = survey.busiest(1)[0].to_string();
    assert!(conversation.ends_with(" 125.000 s"), "{conversation}");
}

#[test]
fn what_was_not_captured_is_not_made_up() {
    let packets = [(5, udp(OWN, PEER))];
    for captured in 0..24 {
        let (survey, lines, _) = replay_packets(&packets, captured);
        assert_eq!(survey.skipped.cut, 1, "{captured} octets: {lines}");
        assert_eq!(lines, "");
    }
    let (_, lines, _) = replay_packets(&packets, 24);
    assert_eq!(
        records(&lines),
        ["10.0.0.1 10.0.0.9 1000 2000 17 1 32 5 5 ACCEPT OK"]
    );
    let mut tcp = udp(OWN, PEER);
    (tcp[9], tcp[3]) = (6, 60);
    tcp.resize(60, 0);
    (tcp[32], tcp[33]) = (0x50, 0x02);
    assert_eq!(replay_packets(&[(5, tcp.clone())], 33).0.skipped.cut, 1);
    assert_eq!(replay_packets(&[(5, tcp)], 34).0.packets, 1);
}

#[test]
fn a_gap_of_years_gives_a_days_nodata_and_a_number() {
    let (_, lines, left_out) =
        replay_packets(&[(0, udp(OWN, PEER)), (u32::MAX, udp(OWN, PEER))], 32);
    assert_eq!(lines.lines().count(), 1442);
    assert_eq!(left_out.gaps, u64::from(u32::MAX / 60) - 1 - 1440);
}

#[test]
fn nobody_owns_a_broadcast_address_or_one_that_only_listens() {
    let broadcasts = [
        [255; 4],
        [10, 0, 0, 255],
        [224, 0, 0, 251],
        [169, 254, 169, 254],
    ];
    for to in broadcasts {
        let from = |last| udp([10, 0, 0, last], to);
        let (survey, ..) = replay_packets(&[(1, from(7)), (2, from(8)), (3, from(8))], 32);
        assert_eq!(survey.likely_owner(), Some([10, 0, 0, 8].into()), "{to:?}");
    }
}

#[test]
fn packets_after_the_year_2554_are_counted_and_left_out() {
    // pcapng with stamps in seconds: year 2600.
    let mut bytes = Vec::new();
    let mut block = |kind: u32, body: &[u8]| {
        let length = (body.len() + 12) as u32;
        bytes.extend(kind.to_le_bytes());
        bytes.extend(length.to_le_bytes());
        bytes.extend(body);
        bytes.extend(length.to_le_bytes());
    };
    block(
        0x0a0d_0d0a,
        &[
            0x4d, 0x3c, 0x2b, 0x1a, 1, 0, 0, 0, 255, 255, 255, 255, 255, 255, 255, 255,
        ],
    );
    // Raw IP; if_tsresol 0.
    block(
        1,
        &[101, 0, 0, 0, 0, 0, 4, 0, 9, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0],
    );
    let at = 19_880_899_200_u64;
    let mut packet = vec![0; 4];
    packet.extend(((at >> 32) as u32).to_le_bytes());
    packet.extend((at as u32).to_le_bytes());
    packet.extend([32, 0, 0, 0, 32, 0, 0, 0]);
    packet.extend(udp(OWN, PEER));
    block(6, &packet);
    let file = tempfile::NamedTempFile::new().expect("a temporary file");
    std::fs::write(file.path(), &bytes).expect("room for a file");
    let (survey, lines, _) = replay_as(file.path(), &[OWN.into()]).expect("a savefile");
    assert_eq!((survey.skipped.too_late, lines.as_str()), (1, ""));
}

#[test]
fn a_pipe_is_read_once_and_given_up_if_nobody_writes() {
    let folder = tempfile::TempDir::new().expect("a temporary folder");
    let pipe = folder.path().join("pipe");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status();
    assert!(made.expect("mkfifo runs").success());
    let refused = Input::open(&pipe).err().expect("nobody writes");
    assert!(refused.to_string().contains("nobody writes"), "{refused}");
    let capture = &captures()[0];
    let bytes = std::fs::read(capture).expect("a capture");
    let other_end = pipe.clone();
    let writer = std::thread::spawn(move || std::fs::write(other_end, bytes));
    let (survey, _) = replay(&pipe).expect("a savefile");
    writer.join().expect("no panic").expect("all was read");
    let (direct, _) = replay(capture).expect("a savefile");
    assert_eq!(survey.packets, direct.packets);
}

#[test]
fn every_golden_capture_gives_records_for_all_its_packets() {
    let mut with_packets = 0;
    for path in captures() {
        let (survey, lines, left_out) = replay_as(&path, &[]).expect("a capture");
        let unlogged = left_out.unlogged.total();
        let packets = lines
            .lines()
            .filter_map(|line| line.split(' ').nth(8)?.parse::<u64>().ok());
        assert_eq!(
            packets.sum::<u64>() + left_out.foreign + unlogged,
            survey.packets,
            "{}: {lines}",
            path.display()
        );
        with_packets += usize::from(survey.packets > 0);
    }
    assert!(
        with_packets > 100,
        "only {with_packets} captures have packets"
    );
}

#[test]
fn ten_thousand_mutated_captures_end_in_a_message_or_in_records() {
    let folder = tempfile::TempDir::new().expect("a temporary folder");
    let file = folder.path().join("mutated.pcap");
    let captures = captures();
    let small: Vec<_> = captures
        .iter()
        .map(|path| std::fs::read(path).expect("a capture"))
        .filter(|bytes| bytes.len() < 2_500)
        .collect();
    let mut random = Stream::new(1, "mutated captures");
    let mut read = 0;
    for _ in 0..10_000 {
        let index = random.range(0, small.len() as u64 - 1) as usize;
        let mut bytes = small[index].clone();
        mutate(&mut bytes, &mut random);
        std::fs::write(&file, &bytes).expect("the folder is writable");
        read += usize::from(replay(&file).is_some());
    }
    assert!(
        read > 1_000,
        "only {read} mutated files could be opened at all"
    );
}

/// Flips a few octets, cuts the end off, or repeats a part.
fn mutate(bytes: &mut Vec<u8>, random: &mut Stream) {
    for _ in 0..random.range(1, 8) {
        let place = random.range(0, bytes.len() as u64 - 1) as usize;
        bytes[place] ^= random.range(1, 255) as u8;
    }
    match random.range(0, 3) {
        0 => bytes.truncate(random.range(1, bytes.len() as u64) as usize),
        1 => bytes.extend_from_within(bytes.len() / 2..),
        _ => {}
    }
}

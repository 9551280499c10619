//! Foreign files do not end in a panic, whatever is in them.

use std::path::{Path, PathBuf};

use wirelab_flowlog::LogFormat;
use wirelab_model::Stream;

use super::conversation::Survey;
use super::records::Records;
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
    let mut survey = Survey::default();
    let mut source = Source::open(path, None).ok()?;
    source
        .each(|packet| {
            survey.add(packet);
            Ok(())
        })
        .ok();
    let own = survey.likely_owner().into_iter().collect();
    let mut records = Records::new(own, 60, LogFormat::default());
    let mut lines = String::new();
    let mut source = Source::open(path, None).ok()?;
    source
        .each(|packet| {
            if records.add(packet) {
                lines += &records.take_lines();
            }
            Ok(())
        })
        .ok();
    records.finish();
    lines += &records.take_lines();
    let shown: Vec<_> = survey.busiest(20).iter().map(ToString::to_string).collect();
    assert_eq!(shown.len(), survey.conversations().min(20));
    Some((survey, lines))
}

#[test]
fn every_golden_capture_gives_records_for_all_its_packets() {
    let mut with_packets = 0;
    for path in captures() {
        let (survey, lines) = replay(&path).expect("a capture");
        let packets = lines
            .lines()
            .filter_map(|line| line.split(' ').nth(8)?.parse::<u64>().ok());
        assert_eq!(
            packets.sum::<u64>(),
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

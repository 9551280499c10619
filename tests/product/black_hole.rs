//! The black hole as the kernel shows it: the retransmission schedule of the evidence, held against
//! captures of a real kernel (`tests/golden/kernel`).

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use crate::harness::{Place, root};

/// A seed that draws the tunnel without MSS clamp: nothing tells the sender.
const SEED: u64 = 2;
/// Timers fire late, never early: by a tick, and by the granularity of the kernel's timer wheel.
const LATE: f64 = 1.07;
/// Both paths are shorter than this, in seconds of round-trip time with its variation.
const ROUND_TRIP: f64 = 0.06;

#[test]
fn the_black_hole_retransmits_as_the_kernel_does() {
    let place = Place::with_lab("mtu-black-hole", SEED);
    let ours = place.here().join("mtu-black-hole/evidence/app.pcap");
    let kernel = root().join("tests/golden/kernel/mtu-blackhole-1500-1400-probe0.server.pcap");
    for capture in [kernel, ours] {
        let times = longest_series(&capture);
        let gaps: Vec<_> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
        assert!(gaps.len() >= 6, "{}: {times:?}", capture.display());
        // The loss probe puts the first timeout off, so its gap tells nothing; the second is twice
        // the timeout (200 ms and the round trip: RFC 6298, `TCP_RTO_MIN`), and each doubles it.
        let second = gaps
            .iter()
            .position(|gap| *gap >= 0.4)
            .expect("a second timeout");
        let bounds = 0.4..2.0 * (0.2 + ROUND_TRIP) * LATE;
        assert!(
            bounds.contains(&gaps[second]),
            "{}: {gaps:?}",
            capture.display()
        );
        for pair in gaps[second..].windows(2) {
            let near = 2.0 / LATE..=2.0 * LATE;
            assert!(
                near.contains(&(pair[1] / pair[0])),
                "{}: {gaps:?}",
                capture.display()
            );
        }
    }
}

#[test]
fn nobody_tells_the_sender_and_the_full_size_segments_never_pass() {
    let place = Place::with_lab("mtu-black-hole", SEED);
    let folder = place.here().join("mtu-black-hole/evidence");
    let told = "icmp.type == 3 && icmp.code == 4";
    assert_eq!(
        fields(&folder.join("app.pcap"), told, &["frame.number"]).len(),
        0
    );
    // After the change no full-size segment of the report arrives at the client.
    let large = "tcp.srcport == 8080 && ip.len > 1446 && frame.time_relative > 1200";
    assert!(!fields(&folder.join("app.pcap"), large, &["frame.number"]).is_empty());
    assert_eq!(
        fields(&folder.join("client-eth0.pcap"), large, &["frame.number"]).len(),
        0
    );
}

/// When the segment was sent that was sent most often, in seconds.
fn longest_series(capture: &Path) -> Vec<f64> {
    let wanted = ["tcp.stream", "tcp.seq_raw", "frame.time_relative"];
    let rows = fields(capture, "tcp.len > 1000", &wanted);
    let mut series: BTreeMap<(String, String), Vec<f64>> = BTreeMap::new();
    for row in rows {
        let time = row[2].parse().expect("seconds");
        series
            .entry((row[0].clone(), row[1].clone()))
            .or_default()
            .push(time);
    }
    series.into_values().max_by_key(Vec::len).expect("segments")
}

/// The named fields of each packet that the display filter keeps.
fn fields(capture: &Path, filter: &str, names: &[&str]) -> Vec<Vec<String>> {
    let mut command = Command::new("tshark");
    command
        .arg("-r")
        .arg(capture)
        .args(["-Y", filter, "-T", "fields"]);
    for name in names {
        command.args(["-e", name]);
    }
    let output = command
        .output()
        .expect("tshark runs: scripts/setup.sh test installs it");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.lines()
        .map(|line| line.split('\t').map(str::to_owned).collect())
        .collect()
}

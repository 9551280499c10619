//! What a lab shows: the same bytes for the same seed, and captures that real tools read without
//! complaint.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use crate::harness::{Place, root};

const LABS: [&str; 3] = ["mtu-black-hole", "nacl-ephemeral", "nat-return-path"];

/// File names and bytes of the current lab's evidence.
fn evidence(place: &Place, lab: &str) -> BTreeMap<String, Vec<u8>> {
    let folder = place.here().join(lab).join("evidence");
    let entries = std::fs::read_dir(folder).expect("evidence").flatten();
    let files = entries.map(|entry| {
        let name = entry.file_name().to_string_lossy().into_owned();
        (name, std::fs::read(entry.path()).expect("an evidence file"))
    });
    files.collect()
}

#[test]
fn the_same_seed_gives_the_same_bytes_and_another_seed_others() {
    for lab in LABS {
        let one = evidence(&Place::with_lab(lab, 7), lab);
        assert!(
            one.keys().any(|name| name.ends_with(".pcap")),
            "{lab}: no captures"
        );
        assert!(
            one.values().all(|bytes| !bytes.is_empty()),
            "{lab}: an empty file"
        );
        assert!(
            one == evidence(&Place::with_lab(lab, 7), lab),
            "{lab}: two runs differ"
        );
        assert!(
            one != evidence(&Place::with_lab(lab, 8), lab),
            "{lab}: two seeds agree"
        );
    }
}

/// `tests/golden/evidence.txt` holds a digest of every file: debug and release builds, and every
/// machine, must agree with it. `WIRELAB_BLESS=1` writes it; such a commit says that bytes changed.
#[test]
fn the_bytes_are_those_of_every_other_build() {
    let mut digests = String::new();
    for lab in LABS {
        for (name, bytes) in evidence(&Place::with_lab(lab, 7), lab) {
            digests += &format!("{:016x}  {lab} 7 {name}\n", digest(&bytes));
        }
    }
    let golden = root().join("tests/golden/evidence.txt");
    if std::env::var_os("WIRELAB_BLESS").is_some() {
        std::fs::write(&golden, &digests).expect("the golden file is writable");
    }
    let expected = std::fs::read_to_string(&golden).unwrap_or_default();
    assert_eq!(digests, expected, "evidence changed");
}

/// FNV-1a: enough to tell that bytes differ.
fn digest(bytes: &[u8]) -> u64 {
    let fold = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, fold)
}

#[test]
fn tshark_finds_no_malformed_packet_and_no_bad_checksum() {
    for lab in LABS {
        let place = Place::with_lab(lab, 7);
        for name in evidence(&place, lab)
            .keys()
            .filter(|name| name.ends_with(".pcap"))
        {
            let file = place.here().join(lab).join("evidence").join(name);
            let complaints = tshark(&file);
            assert!(complaints.is_empty(), "{lab}/{name}:\n{complaints}");
        }
    }
}

/// Packets that tshark complains about, one a line. The segment that an ICMP error quotes is cut,
/// so its checksum cannot hold: tshark says so of a real kernel's errors too. Bodies are not put
/// together: one retransmitted in other segments after it was complete is an error to tshark.
fn tshark(file: &Path) -> String {
    let bad = "_ws.malformed || ip.checksum.status == 0 || icmp.checksum.status == 0 \
               || tcp.segment.overlap.conflict || (!(icmp.type == 3 || icmp.type == 11) \
                   && (tcp.checksum.status == 0 || udp.checksum.status == 0))";
    let output = Command::new("tshark")
        .arg("-r")
        .arg(file)
        .args([
            "-o",
            "ip.check_checksum:TRUE",
            "-o",
            "tcp.check_checksum:TRUE",
        ])
        .args(["-o", "http.desegment_body:FALSE"])
        .args(["-o", "udp.check_checksum:TRUE", "-Y", bad])
        .output()
        .expect("tshark runs: scripts/setup.sh test installs it");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn make_play_without_a_terminal_ends_with_ticket_evidence_and_next_commands() {
    let place = Place::new();
    let script = root().join("scripts/play.sh");
    let line = format!("SEED=7 '{}' \"$(command -v wirelab)\"", script.display());
    let ran = place.shell(&line).exits(0);
    for wanted in [
        "TICKET",
        "EVIDENCE",
        ".pcap",
        "TASKS",
        "NEXT",
        "wirelab check",
    ] {
        assert!(
            ran.stdout.contains(wanted),
            "no {wanted} in:\n{}",
            ran.stdout
        );
    }
    let again = place.shell(&line).exits(0);
    assert!(again.stdout.contains("TICKET"), "{}", again.stdout);
}

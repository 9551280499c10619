//! `wirelab replay` on captures of the real kernel, and on files that are none.

use crate::harness::{Place, Ran, root};

fn golden(name: &str) -> String {
    root()
        .join("tests/golden/kernel")
        .join(name)
        .display()
        .to_string()
}

fn replay(arguments: &[&str]) -> Ran {
    Place::new().wirelab(&[&["replay"], arguments].concat())
}

/// What is printed, without the folder of the file.
fn printed(ran: &Ran) -> String {
    let folder = root().join("tests/golden/kernel").display().to_string();
    ran.stdout.replace(&format!("{folder}/"), "")
}

#[test]
fn records_of_the_kernels_own_traces_read_as_an_enis() {
    let names = [
        "http-get-1500.client",
        "syn-drop-default-6.18.client",
        "closed-port.server",
        "pmtud-9001-1500.server",
        "mtu-blackhole-9001-1500-probe0.server",
    ];
    for name in names {
        let ran = replay(&[&golden(&format!("{name}.pcap"))]).exits(0);
        insta::assert_snapshot!(name, printed(&ran));
    }
}

#[test]
fn a_query_and_a_filter_run_on_a_foreign_capture() {
    let file = golden("http-get-1500.client.pcap");
    let query = "filter srcPort = 80 | stats sum(bytes) as total by srcAddr";
    let ran = replay(&[&file, "--query", query, "--json"]).exits(0).json();
    assert_eq!(ran["rows"][0]["total"], 41875, "{ran:#}");
    let syns = replay(&[&file, "--filter", "tcp[tcpflags] & tcp-syn != 0", "--json"]);
    assert_eq!(syns.exits(0).json()["packets"], 2);
}

#[test]
fn a_cut_capture_gives_what_is_before_the_cut_and_says_so() {
    let place = Place::new();
    let whole = std::fs::read(golden("http-get-1500.client.pcap")).expect("a capture");
    std::fs::write(place.here().join("cut.pcap"), &whole[..1000]).expect("writable");
    let ran = place.wirelab(&["replay", "cut.pcap"]).exits(2);
    assert!(ran.stdout.contains("6 IP packets"), "{}", ran.stdout);
    assert!(
        ran.stderr.contains("in the middle of packet 9"),
        "{}",
        ran.stderr
    );
}

#[test]
fn what_is_no_capture_is_refused_with_its_name_and_a_way_on() {
    let place = Place::new();
    let write = |name: &str, bytes: &[u8]| {
        std::fs::write(place.here().join(name), bytes).expect("writable");
    };
    write("empty.pcap", b"");
    write(
        "notes.txt",
        b"this is no capture, it only pretends to be one",
    );
    let usb = [
        0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0, 220, 0, 0, 0,
    ];
    write("usb.pcap", &usb);
    let cases = [
        ("empty.pcap", "is empty"),
        ("notes.txt", "neither a pcap nor a pcapng"),
        ("usb.pcap", "link type"),
        ("absent.pcap", "No such file"),
        (".", "is a folder"),
        ("-", "is empty"),
    ];
    for (file, wanted) in cases {
        let ran = place.wirelab(&["replay", file]).exits(2);
        assert!(ran.stderr.contains(wanted), "{file}: {}", ran.stderr);
        assert_eq!(ran.stdout, "", "{file}");
    }
}

#[test]
fn the_reader_going_away_is_no_error() {
    let file = golden("http-get-1500.client.pcap");
    let ran = Place::new().shell(&format!("wirelab replay '{file}' | head -n 1"));
    assert_eq!(ran.stderr, "");
}

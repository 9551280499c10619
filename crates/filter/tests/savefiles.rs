//! Files that are whole, cut, damaged, or something else.

use std::path::Path;

use wirelab_filter::LinkType;
use wirelab_filter::savefile::{Reader, SavefileError};
use wirelab_wire::pcap::{DEFAULT_SNAPLEN, PcapWriter};
use wirelab_wire::pcapng::{PacketNote, PcapngWriter};

/// Time, length on the wire, bytes.
type Packet = (u64, u32, Vec<u8>);

/// Everything in the file, and how the reading ended.
fn read(bytes: &[u8]) -> (Vec<Packet>, Result<(), SavefileError>) {
    let file = tempfile::NamedTempFile::new().expect("a temporary file");
    std::fs::write(file.path(), bytes).expect("room for a file");
    let mut packets = Vec::new();
    let mut reader = match Reader::open(file.path()) {
        Ok(reader) => reader,
        Err(error) => return (packets, Err(error)),
    };
    assert_eq!(reader.link(), LinkType::ETHERNET);
    loop {
        match reader.next_packet() {
            Ok(Some(packet)) => {
                packets.push((packet.at_nanos, packet.wire_len, packet.bytes.to_vec()));
            }
            Ok(None) => return (packets, Ok(())),
            Err(error) => {
                assert_eq!(reader.next_packet(), Ok(None), "an error ends the file");
                return (packets, Err(error));
            }
        }
    }
}

const AT: u64 = 1_709_596_800_123_456_789;

fn pcap() -> Vec<u8> {
    let mut writer = PcapWriter::new(Vec::new(), 64).expect("memory");
    writer.write_bytes(AT, &[7; 60], 60).expect("memory");
    writer.write_bytes(AT + 1, &[8; 80], 1514).expect("memory");
    writer.finish().expect("memory")
}

fn pcapng() -> Vec<u8> {
    let mut writer = PcapngWriter::new(Vec::new(), DEFAULT_SNAPLEN).expect("memory");
    let first = writer.add_interface("eni-0a1", None).expect("memory");
    let second = writer.add_interface("eni-0b2", Some("db")).expect("memory");
    for (interface, comments) in [(first, &[][..]), (second, &["dropped", "by acl"][..])] {
        let note = PacketNote {
            interface,
            at_nanos: AT,
            outbound: Some(interface == first),
            comments,
        };
        writer.write_bytes(note, &[9; 61], 61).expect("memory");
    }
    writer.finish().expect("memory")
}

#[test]
fn both_formats_are_read_to_the_nanosecond() {
    let (packets, end) = read(&pcap());
    assert_eq!(end, Ok(()));
    let cut = (AT + 1, 1514, vec![8; 64]);
    assert_eq!(packets, [(AT, 60, vec![7; 60]), cut]);
    let (packets, end) = read(&pcapng());
    assert_eq!(end, Ok(()));
    assert_eq!(packets, [(AT, 61, vec![9; 61]), (AT, 61, vec![9; 61])]);
}

#[test]
fn a_file_that_ends_early_gives_the_packets_in_front() {
    for whole in [pcap(), pcapng()] {
        let (packets, _) = read(&whole);
        for end in 0..whole.len() {
            let (before, result) = read(&whole[..end]);
            assert!(packets.starts_with(&before));
            match result {
                // An end between two packets cannot be told from a file that is done.
                Ok(()) => assert!(before.len() < packets.len()),
                Err(SavefileError::Empty { .. }) => assert_eq!(end, 0),
                Err(SavefileError::Truncated { read, .. }) => {
                    assert_eq!(usize::try_from(read), Ok(before.len()));
                }
                // libpcap takes a cut header for a foreign format.
                Err(SavefileError::Format { .. }) => assert!(end < 24, "{end}"),
                Err(other) => panic!("cut at {end}: {other}"),
            }
        }
    }
}

#[test]
fn what_is_no_savefile_is_said_to_be_none() {
    let (_, text) = read(b"2 123456789010 eni-1235b8ca123456789 172.31.16.139 ...");
    assert!(
        matches!(text, Err(SavefileError::Format { .. })),
        "{text:?}"
    );
    let Err(missing) = Reader::open(Path::new("no/such/file.pcap")) else {
        panic!("a file that does not exist was opened");
    };
    assert_eq!(
        missing.to_string(),
        "cannot open `no/such/file.pcap`: No such file or directory"
    );
    let mut damaged = pcap();
    damaged[24 + 8..24 + 12].copy_from_slice(&u32::MAX.to_le_bytes());
    let (packets, end) = read(&damaged);
    assert!(packets.is_empty());
    assert!(
        matches!(end, Err(SavefileError::Damaged { read: 0, .. })),
        "{end:?}"
    );
}

#[test]
fn damaged_bytes_never_do_worse_than_an_error() {
    for whole in [pcap(), pcapng()] {
        for at in 0..whole.len() {
            for value in [0x00, 0xff] {
                let mut damaged = whole.clone();
                damaged[at] = value;
                let file = tempfile::NamedTempFile::new().expect("a temporary file");
                std::fs::write(file.path(), &damaged).expect("room for a file");
                let Ok(mut reader) = Reader::open(file.path()) else {
                    continue;
                };
                while let Ok(Some(_)) = reader.next_packet() {}
            }
        }
    }
}

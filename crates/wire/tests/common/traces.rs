//! The kernel's golden traces, read without the code under test.

use std::fs;
use std::path::PathBuf;

/// One captured frame.
pub(crate) struct Captured {
    /// Octets on the wire; many traces keep only the first octets of each.
    pub(crate) wire_len: usize,
    pub(crate) bytes: Vec<u8>,
}

impl Captured {
    /// The frame with zeros for what the trace does not keep.
    pub(crate) fn filled(&self) -> Vec<u8> {
        let mut bytes = self.bytes.clone();
        bytes.resize(self.wire_len, 0);
        bytes
    }
}

/// The traces' files, sorted.
pub(crate) fn golden_files() -> Vec<PathBuf> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/golden/kernel");
    let mut files: Vec<PathBuf> = fs::read_dir(folder)
        .expect("the golden traces are part of the repository")
        .map(|entry| entry.expect("a readable folder").path())
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "pcap")
        })
        .collect();
    files.sort();
    assert!(files.len() > 100, "the golden traces are complete");
    files
}

/// Reads a little-endian microsecond pcap file of Ethernet frames.
pub(crate) fn read(path: &PathBuf) -> Vec<Captured> {
    let bytes = fs::read(path).expect("a readable file");
    assert_eq!(bytes[..4], [0xd4, 0xc3, 0xb2, 0xa1], "{}", path.display());
    let word = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four octets"));
    assert_eq!(word(20), 1, "{}", path.display());
    let mut frames = Vec::new();
    let mut at = 24;
    while at < bytes.len() {
        let captured = word(at + 8) as usize;
        frames.push(Captured {
            wire_len: word(at + 12) as usize,
            bytes: bytes[at + 16..at + 16 + captured].to_vec(),
        });
        at += 16 + captured;
    }
    frames
}

//! Deterministic text for payloads.

use bytes::{Bytes, BytesMut};

/// Octets of one write of a large body; a body shares them.
pub(crate) const CHUNK: usize = 65_536;

const LINE: &str = "The quick brown fox jumps over the lazy dog. 0123456789 ABCDEFGHIJ\n";

/// `len` octets of readable lines.
pub(crate) fn prose(len: u32) -> Bytes {
    let mut text = BytesMut::with_capacity(len as usize);
    while text.len() < len as usize {
        let left = len as usize - text.len();
        text.extend_from_slice(&LINE.as_bytes()[..left.min(LINE.len())]);
    }
    text.freeze()
}

/// A body of `len` octets in pieces of at most [`CHUNK`], which share their memory.
pub(crate) fn pieces(len: u32) -> Vec<Bytes> {
    let chunk = prose(len.min(CHUNK as u32));
    let mut left = len as usize;
    let mut pieces = Vec::with_capacity(left / CHUNK + 1);
    while left > 0 {
        let size = left.min(chunk.len());
        pieces.push(chunk.slice(..size));
        left -= size;
    }
    pieces
}

//! The send queue: the stream's octets, and the pieces the kernel would hold them in.
//!
//! A [`Piece`] is an `sk_buff`: several segments that are sent as one burst. Its boundaries show on
//! the wire, in PSH flags and in odd segment sizes after the path MTU has changed, so they are
//! kept.

use std::collections::VecDeque;

use bytes::{Bytes, BytesMut};
use serde::{Deserialize, Serialize};
use wirelab_model::SimTime;
use wirelab_wire::TcpFlags;

use super::seq::{after, before};

/// A piece of the stream with what is known of its fate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Piece {
    pub(crate) seq: u32,
    /// One past the last octet; SYN and FIN count as one.
    pub(crate) end: u32,
    pub(crate) flags: TcpFlags,
    /// Segment size it was last cut by.
    pub(crate) mss: u32,
    pub(crate) sent_at: SimTime,
    pub(crate) sacked: bool,
    pub(crate) lost: bool,
    /// The latest copy is a retransmission that is still in flight.
    pub(crate) retransmitted: bool,
    /// It was retransmitted at least once.
    pub(crate) ever_retransmitted: bool,
}

impl Piece {
    pub(crate) fn new(seq: u32, end: u32, flags: TcpFlags, mss: u32) -> Self {
        Self {
            seq,
            end,
            flags,
            mss,
            sent_at: SimTime::ZERO,
            sacked: false,
            lost: false,
            retransmitted: false,
            ever_retransmitted: false,
        }
    }

    /// Octets of data, without SYN and FIN.
    pub(crate) fn data_len(&self) -> u32 {
        let controls = u32::from(self.has(TcpFlags::SYN)) + u32::from(self.has(TcpFlags::FIN));
        self.end.wrapping_sub(self.seq) - controls
    }

    pub(crate) const fn has(&self, flag: TcpFlags) -> bool {
        self.flags.contains(flag)
    }

    /// Number of segments.
    pub(crate) fn segments(&self) -> u32 {
        self.data_len().div_ceil(self.mss.max(1)).max(1)
    }

    /// Length of its longest segment.
    pub(crate) fn segment_len(&self) -> u32 {
        self.data_len().min(self.mss)
    }

    /// Cuts after `len` octets of data; the second part keeps PSH and FIN.
    pub(crate) fn split(&mut self, len: u32) -> Self {
        let mut rest = self.clone();
        let at = self.seq.wrapping_add(len);
        rest.seq = at;
        self.end = at;
        self.flags = TcpFlags(self.flags.0 & !(TcpFlags::PSH.0 | TcpFlags::FIN.0));
        rest
    }
}

/// The octets of the stream that are not acknowledged yet.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StreamBuffer {
    chunks: VecDeque<(u32, Bytes)>,
}

impl StreamBuffer {
    /// Appends `data`, whose first octet has sequence number `seq`.
    pub(crate) fn push(&mut self, seq: u32, data: Bytes) {
        if !data.is_empty() {
            self.chunks.push_back((seq, data));
        }
    }

    /// Forgets everything before `una`.
    pub(crate) fn release(&mut self, una: u32) {
        while let Some((seq, data)) = self.chunks.front() {
            if after(seq.wrapping_add(data.len() as u32), una) {
                break;
            }
            self.chunks.pop_front();
        }
    }

    /// The octets from `seq` on; without copying if they lie in one chunk.
    pub(crate) fn slice(&self, seq: u32, len: u32) -> Bytes {
        let end = seq.wrapping_add(len);
        let first = self
            .chunks
            .partition_point(|(start, data)| !after(start.wrapping_add(data.len() as u32), seq));
        let mut joined = BytesMut::new();
        for (start, data) in self.chunks.range(first..) {
            if len == 0 || !before(*start, end) {
                break;
            }
            let from = seq.wrapping_sub(*start);
            let from = if before(*start, seq) {
                from as usize
            } else {
                0
            };
            let to = (end.wrapping_sub(*start) as usize).min(data.len());
            if to - from == len as usize {
                return data.slice(from..to);
            }
            joined.extend_from_slice(&data[from..to]);
        }
        joined.freeze()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slices_across_writes_and_the_wrap_are_whole() {
        let start = u32::MAX - 2;
        let mut buffer = StreamBuffer::default();
        buffer.push(start, Bytes::from_static(b"abcde"));
        buffer.push(start.wrapping_add(5), Bytes::from_static(b"fgh"));
        assert_eq!(buffer.slice(start.wrapping_add(1), 6), "bcdefg");
        buffer.release(start.wrapping_add(5));
        assert_eq!(buffer.slice(start.wrapping_add(6), 2), "gh");
    }

    #[test]
    fn a_split_piece_keeps_push_on_its_last_part() {
        let mut piece = Piece::new(10, 40, TcpFlags::PSH, 8);
        let rest = piece.split(16);
        assert_eq!((piece.seq, piece.end, rest.seq, rest.end), (10, 26, 26, 40));
        assert!(!piece.has(TcpFlags::PSH) && rest.has(TcpFlags::PSH));
        assert_eq!((piece.segments(), rest.segments()), (2, 2));
    }
}

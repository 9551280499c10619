//! The pieces in flight, counted as they change, so that no acknowledgement walks a whole window.

use std::collections::VecDeque;
use std::ops::Deref;

use serde::{Deserialize, Serialize};

use super::queue::Piece;

/// Segments by what is known of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Count {
    /// `packets_out`: sent and not acknowledged cumulatively.
    pub(crate) out: u32,
    /// `sacked_out`.
    pub(crate) sacked: u32,
    /// `lost_out`.
    pub(crate) lost: u32,
    /// `retrans_out`.
    pub(crate) retransmitted: u32,
    /// `tcp_packets_in_flight`.
    pub(crate) in_flight: u32,
}

impl Count {
    fn of(piece: &Piece) -> Self {
        let segments = piece.segments();
        let when = |is_so: bool| if is_so { segments } else { 0 };
        let retransmitted = when(piece.retransmitted);
        Self {
            out: segments,
            sacked: when(piece.sacked),
            lost: when(piece.lost),
            retransmitted,
            in_flight: when(!piece.sacked && !piece.lost) + retransmitted,
        }
    }

    fn add(&mut self, other: Self) {
        self.out += other.out;
        self.sacked += other.sacked;
        self.lost += other.lost;
        self.retransmitted += other.retransmitted;
        self.in_flight += other.in_flight;
    }

    fn subtract(&mut self, other: Self) {
        self.out -= other.out;
        self.sacked -= other.sacked;
        self.lost -= other.lost;
        self.retransmitted -= other.retransmitted;
        self.in_flight -= other.in_flight;
    }
}

/// Pieces in the order of their numbers. They are read as a deque and changed by methods only.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Flight {
    pieces: VecDeque<Piece>,
    count: Count,
}

impl Deref for Flight {
    type Target = VecDeque<Piece>;

    fn deref(&self) -> &Self::Target {
        &self.pieces
    }
}

impl Flight {
    pub(crate) const fn count(&self) -> Count {
        self.count
    }

    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }

    pub(crate) fn push_back(&mut self, piece: Piece) {
        self.count.add(Count::of(&piece));
        self.pieces.push_back(piece);
    }

    pub(crate) fn pop_front(&mut self) {
        if let Some(piece) = self.pieces.pop_front() {
            self.count.subtract(Count::of(&piece));
        }
    }

    pub(crate) fn remove(&mut self, at: usize) {
        if let Some(piece) = self.pieces.remove(at) {
            self.count.subtract(Count::of(&piece));
        }
    }

    /// Changes one piece.
    pub(crate) fn change<R>(&mut self, at: usize, act: impl FnOnce(&mut Piece) -> R) -> R {
        let piece = &mut self.pieces[at];
        self.count.subtract(Count::of(piece));
        let result = act(piece);
        self.count.add(Count::of(piece));
        result
    }

    /// Changes every piece.
    pub(crate) fn change_all(&mut self, act: impl Fn(&mut Piece)) {
        for at in 0..self.pieces.len() {
            self.change(at, &act);
        }
    }

    /// Cuts a piece after `len` octets of data; the rest comes behind it.
    pub(crate) fn split(&mut self, at: usize, len: u32) {
        let rest = self.change(at, |piece| piece.split(len));
        self.count.add(Count::of(&rest));
        self.pieces.insert(at + 1, rest);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use wirelab_wire::TcpFlags;

    use super::*;

    proptest! {
        #[test]
        fn the_counters_are_what_a_walk_would_find(
            acts in prop::collection::vec((0_u8..8, any::<prop::sample::Index>()), 1..80),
        ) {
            let mut flight = Flight::default();
            let mut next = 0;
            for (act, index) in acts {
                if act < 3 || flight.is_empty() {
                    let end = next + 700 * u32::from(act + 1);
                    flight.push_back(Piece::new(next, end, TcpFlags::ACK, 1000));
                    next = end;
                    continue;
                }
                let at = index.index(flight.len());
                match act {
                    3 => flight.change(at, |piece| piece.lost = !piece.sacked),
                    4 => flight.change(at, |piece| (piece.sacked, piece.lost) = (true, false)),
                    5 => flight.change(at, |piece| piece.retransmitted = true),
                    6 if flight[at].data_len() > 500 => flight.split(at, 500),
                    6 => flight.remove(at),
                    _ => flight.pop_front(),
                }
                let mut walked = Count::default();
                flight.iter().for_each(|piece| walked.add(Count::of(piece)));
                prop_assert_eq!(flight.count(), walked);
            }
        }
    }
}

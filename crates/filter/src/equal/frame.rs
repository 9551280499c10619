//! A frame of which some octets are known and the others are inputs of a circuit.

use std::collections::BTreeMap;

use super::circuit::{Bit, Circuit, Word, widened, word};

/// An octet, the lowest bit first.
pub(super) type Octet = [Bit; 8];

/// A frame, captured whole, with the circuit that is built over it.
#[derive(Debug)]
pub(super) struct Frame {
    pub(super) circuit: Circuit,
    octets: BTreeMap<u32, Octet>,
    /// Octets of the frame.
    pub(super) len: Word,
    /// Whether the frame reaches to here, by the end of what is read.
    reaches: BTreeMap<u32, Bit>,
}

impl Frame {
    pub(super) fn new() -> Self {
        Self {
            circuit: Circuit::new(),
            octets: BTreeMap::new(),
            len: word(0),
            reaches: BTreeMap::new(),
        }
    }

    /// Makes octets known; before anybody has read them.
    pub(super) fn set(&mut self, at: u32, octets: &[u8]) {
        for (at, octet) in (at..).zip(octets) {
            let bits = std::array::from_fn(|bit| Bit::of(octet >> bit & 1 == 1));
            self.octets.insert(at, bits);
        }
    }

    pub(super) fn set_bit(&mut self, at: u32, bit: usize, value: bool) {
        let mut octet = self.octet(at);
        octet[bit] = Bit::of(value);
        self.octets.insert(at, octet);
    }

    pub(super) fn octet(&mut self, at: u32) -> Octet {
        if let Some(octet) = self.octets.get(&at) {
            return *octet;
        }
        let octet = std::array::from_fn(|_| self.circuit.input());
        self.octets.insert(at, octet);
        octet
    }

    /// The octets that were made known or read so far.
    pub(super) fn octets(&self) -> impl Iterator<Item = (u32, &Octet)> {
        self.octets.iter().map(|(at, octet)| (*at, octet))
    }

    /// Whether somebody has read one of these octets. Asked before rules are made, it says on what
    /// a program depends.
    pub(super) fn is_read(&self, octets: std::ops::Range<u32>) -> bool {
        self.octets.range(octets).next().is_some()
    }

    /// `size` octets as a number, in network order.
    pub(super) fn number(&mut self, at: u32, size: u32) -> Word {
        let octets: Vec<Octet> = (at..at + size).rev().map(|at| self.octet(at)).collect();
        widened(octets.into_iter().flatten())
    }

    /// Some bits of a number, the lowest of which is `from`.
    pub(super) fn bits(&mut self, at: u32, size: u32, from: usize, count: usize) -> Word {
        let number = self.number(at, size);
        widened(number.into_iter().skip(from).take(count))
    }

    /// Whether octets are these.
    pub(super) fn is(&mut self, at: u32, octets: &[u8]) -> Bit {
        let mut all = Bit::TRUE;
        for (at, octet) in (at..).zip(octets) {
            for (place, bit) in self.octet(at).into_iter().enumerate() {
                let bit = if octet >> place & 1 == 1 {
                    bit
                } else {
                    bit.not()
                };
                all = self.circuit.and(all, bit);
            }
        }
        all
    }

    /// Whether the frame is at least `end` octets long.
    pub(super) fn reaches(&mut self, end: u32) -> Bit {
        if let Some(known) = self.reaches.get(&end) {
            return *known;
        }
        let len = self.len;
        let is_short = self.circuit.less(&len, &word(end));
        self.reaches.insert(end, is_short.not());
        is_short.not()
    }
}

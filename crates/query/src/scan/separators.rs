//! Where the values and lines of a text begin and end.
//!
//! One pass over the bytes, 64 at a time, compares each with the delimiter and the line end and
//! notes the places of all that are either. A line with as many values as expected is then found
//! without a look at its bytes: with n values its end is the nth place after its start, and value
//! number i lies between two neighbouring places.

use std::ops::Range;

/// A line of the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Line {
    /// Its first byte.
    start: u32,
    /// The place, in the list of all, that ends its first value.
    first: u32,
    /// How many values it has; at least 1.
    values: u32,
}

impl Line {
    /// Its first byte.
    pub(super) fn start(self) -> u32 {
        self.start
    }
}

/// The lines of a text and the places that cut them.
#[derive(Debug, Default)]
pub(super) struct Separators {
    places: Vec<u32>,
    line_ends: Vec<u32>,
    lines: Vec<Line>,
}

/// The most bytes that [`Separators::find`] takes.
pub(super) const TEXT_MAX: usize = u32::MAX as usize - 64;

impl Separators {
    /// Cuts `text`, whose last byte is a line end, into lines of `expected` values; lines with
    /// fewer or more are found as well, more slowly.
    pub(super) fn find(&mut self, text: &[u8], delimiter: u8, expected: usize) {
        debug_assert!(text.len() <= TEXT_MAX && text.last().is_none_or(|last| *last == b'\n'));
        self.places.clear();
        self.line_ends.clear();
        self.lines.clear();
        let (blocks, rest) = text.as_chunks::<64>();
        for (index, block) in blocks.iter().enumerate() {
            self.note(block, delimiter, index as u32 * 64);
        }
        let mut last = [0; 64];
        last[..rest.len()].copy_from_slice(rest);
        let outside = if rest.is_empty() {
            0
        } else {
            u64::MAX >> (64 - rest.len())
        };
        self.note_masked(&last, delimiter, (text.len() - rest.len()) as u32, outside);
        self.cut(expected.max(1) as u32);
    }

    /// The lines, in order.
    pub(super) fn lines(&self) -> &[Line] {
        &self.lines
    }

    /// The bytes of a value, counted from 0; `None` if the line is too short.
    #[inline]
    pub(super) fn value(&self, line: Line, index: u32) -> Option<Range<usize>> {
        if index >= line.values {
            return None;
        }
        let at = (line.first + index) as usize;
        let start = match index {
            0 => line.start,
            _ => self.places[at - 1] + 1,
        };
        Some(start as usize..self.places[at] as usize)
    }

    /// The bytes of the whole line, its end left out.
    pub(super) fn whole(&self, line: Line) -> Range<usize> {
        let end = self.places[(line.first + line.values - 1) as usize];
        line.start as usize..end as usize
    }

    /// How many values the line has.
    pub(super) fn count(&self, line: Line) -> u32 {
        line.values
    }

    fn note(&mut self, block: &[u8; 64], delimiter: u8, start: u32) {
        self.note_masked(block, delimiter, start, u64::MAX);
    }

    #[inline]
    fn note_masked(&mut self, block: &[u8; 64], delimiter: u8, start: u32, inside: u64) {
        let line_ends = equal(block, b'\n') & inside;
        let places = (equal(block, delimiter) & inside) | line_ends;
        push(&mut self.places, places, start);
        push(&mut self.line_ends, line_ends, start);
    }

    fn cut(&mut self, expected: u32) {
        let (mut start, mut first) = (0, 0);
        self.lines.reserve(self.line_ends.len());
        for end in &self.line_ends {
            let guess = (first + expected - 1) as usize;
            let values = if self.places.get(guess) == Some(end) {
                expected
            } else {
                let places = self.places[first as usize..].iter();
                1 + places.take_while(|place| *place < end).count() as u32
            };
            self.lines.push(Line {
                start,
                first,
                values,
            });
            first += values;
            start = end + 1;
        }
    }
}

/// One bit for each byte that equals `byte`.
#[inline]
fn equal(block: &[u8; 64], byte: u8) -> u64 {
    let mut equal = [0_u8; 64];
    for (to, from) in equal.iter_mut().zip(block) {
        *to = u8::from(*from == byte);
    }
    let mut mask = 0;
    let (words, _) = equal.as_chunks::<8>();
    for (index, word) in words.iter().enumerate() {
        // Gathers the lowest bits of eight bytes in the highest byte.
        let bits = u64::from_le_bytes(*word).wrapping_mul(0x0102_0408_1020_4080) >> 56;
        mask |= bits << (8 * index);
    }
    mask
}

#[inline]
fn push(places: &mut Vec<u32>, mut mask: u64, start: u32) {
    while mask != 0 {
        places.push(start + mask.trailing_zeros());
        mask &= mask - 1;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn cut(text: &[u8], expected: usize) -> Vec<Vec<Vec<u8>>> {
        let mut separators = Separators::default();
        separators.find(text, b' ', expected);
        let values = |line: &Line| {
            let count = separators.count(*line);
            let ranges = (0..count).map(|index| separators.value(*line, index));
            ranges
                .map(|range| text[range.expect("in the line")].to_vec())
                .collect()
        };
        separators.lines().iter().map(values).collect()
    }

    proptest! {
        #[test]
        fn lines_are_cut_as_a_plain_split_cuts_them(
            lines in prop::collection::vec("[ -~é]{0,90}", 0..12),
            expected in 0_usize..16,
        ) {
            let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
            let plain: Vec<Vec<Vec<u8>>> = lines
                .iter()
                .map(|line| line.split(' ').map(|value| value.as_bytes().to_vec()).collect())
                .collect();
            prop_assert_eq!(cut(text.as_bytes(), expected), plain);
        }
    }
}

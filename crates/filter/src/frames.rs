//! The frames of a capture, for many filters to run over; and what they keep of it.

use std::ops::Range;

/// Frames one behind the other in memory.
#[derive(Clone, Debug, Default)]
pub struct Frames {
    octets: Vec<u8>,
    /// Where each ends, and its length on the wire.
    ends: Vec<(usize, u32)>,
}

impl Frames {
    /// None yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a frame of which `frame` was captured, `wire_len` octets long on the wire.
    pub fn push(&mut self, frame: &[u8], wire_len: u32) {
        self.octets.extend_from_slice(frame);
        self.ends.push((self.octets.len(), wire_len));
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Each frame with its length on the wire.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], u32)> {
        let mut start = 0;
        self.ends.iter().map(move |(end, wire_len)| {
            let range: Range<usize> = start..*end;
            start = *end;
            (&self.octets[range], *wire_len)
        })
    }
}

/// A set of the frames of a capture.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Kept {
    words: Vec<u64>,
    frames: usize,
}

impl FromIterator<bool> for Kept {
    fn from_iter<I: IntoIterator<Item = bool>>(kept: I) -> Self {
        let mut set = Self::default();
        let (mut word, mut place) = (0_u64, 0);
        for is_kept in kept {
            word |= u64::from(is_kept) << place;
            place += 1;
            if place == 64 {
                set.words.push(word);
                set.frames += 64;
                (word, place) = (0, 0);
            }
        }
        set.words.push(word);
        set.frames += place;
        set
    }
}

impl Kept {
    /// How many frames are in it.
    #[must_use]
    pub fn count(&self) -> usize {
        self.words
            .iter()
            .map(|word| word.count_ones() as usize)
            .sum()
    }

    /// Whether the frame of that number, from 0, is in it.
    #[must_use]
    pub fn has(&self, frame: usize) -> bool {
        let word = self.words.get(frame / 64);
        word.is_some_and(|word| word >> (frame % 64) & 1 == 1)
    }

    /// The numbers of the frames that are in this set and not in the other, ascending.
    pub fn without<'a>(&'a self, other: &'a Self) -> impl Iterator<Item = usize> + 'a {
        self.words.iter().enumerate().flat_map(move |(at, word)| {
            let mut left = word & !other.words.get(at).copied().unwrap_or(0);
            std::iter::from_fn(move || {
                let place = left.trailing_zeros() as usize;
                left &= left.wrapping_sub(1);
                (place < 64).then_some(at * 64 + place)
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_are_told_apart_frame_by_frame() {
        let these: Kept = (0..200).map(|it| it % 3 == 0).collect();
        let those: Kept = (0..200)
            .map(|it| it % 3 == 0 && it != 129 || it == 64)
            .collect();
        assert_eq!(these.without(&those).collect::<Vec<_>>(), [129]);
        assert_eq!(those.without(&these).collect::<Vec<_>>(), [64]);
        assert!(these.has(198) && !these.has(199) && !these.has(300));
        assert_eq!(these.count(), 67);
    }
}

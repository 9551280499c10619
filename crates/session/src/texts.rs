//! Many texts in little memory, and what many have in common once.
//!
//! Texts stand one after the other in long pieces: many small ones between what comes and goes with
//! each call would keep several times their size from being used again.

use serde::{Deserialize, Serialize};

/// Texts, one after the other.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Texts(Vec<String>);

/// Where a text stands: piece, begin and end.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Place(u32, u32, u32);

impl Texts {
    /// Octets of a piece at most, unless one text is longer; the first ones are shorter.
    const PIECE: usize = 256 << 10;
    const FIRST_PIECE: usize = 4 << 10;

    pub(crate) fn push(&mut self, text: &str) -> Place {
        let fits = |it: &String| it.len() + text.len() <= it.capacity();
        if !self.0.last().is_some_and(fits) {
            let last = self.0.last().map_or(0, String::len);
            let octets = (2 * last).clamp(Self::FIRST_PIECE, Self::PIECE);
            self.0.push(String::with_capacity(octets.max(text.len())));
        }
        let piece = self.0.len() - 1;
        let begin = self.0[piece].len();
        self.0[piece].push_str(text);
        let small = |it: usize| u32::try_from(it).expect("there are fewer than 2^32 octets");
        Place(small(piece), small(begin), small(begin + text.len()))
    }

    pub(crate) fn get(&self, Place(piece, begin, end): Place) -> &str {
        &self.0[piece as usize][begin as usize..end as usize]
    }
}

/// Things that are few, and named by many: each is held once.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Common<T>(Vec<T>);

impl<T> Default for Common<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T: Clone + PartialEq> Common<T> {
    /// The number of something, which is held from now on.
    pub(crate) fn number(&mut self, it: &T) -> u32 {
        let found = self.0.iter().position(|known| known == it);
        let found = found.unwrap_or_else(|| {
            self.0.push(it.clone());
            self.0.len() - 1
        });
        u32::try_from(found).expect("they are few")
    }

    pub(crate) fn get(&self, number: u32) -> &T {
        &self.0[number as usize]
    }

    /// How many there are.
    #[cfg(test)]
    pub(crate) const fn len(&self) -> usize {
        self.0.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_come_back_from_pieces_of_any_length() {
        let mut texts = Texts::default();
        let long = "x".repeat(Texts::PIECE + 1);
        let all: Vec<String> = (0..3_000)
            .map(|at| match at {
                1_500 => long.clone(),
                _ => format!("text {at} {}", "y".repeat(at % 700)),
            })
            .collect();
        let places: Vec<_> = all.iter().map(|it| texts.push(it)).collect();
        for (place, text) in places.into_iter().zip(&all) {
            assert_eq!(texts.get(place), text);
        }
        assert!(texts.0.len() < 20, "{} pieces", texts.0.len());
    }
}

//! The smallest part of something that still shows what the whole shows.
//!
//! After delta debugging (A. Zeller, R. Hildebrandt, "Simplifying and isolating failure-inducing
//! input", IEEE TSE 28(2), 2002): parts are left out while what is left still shows it, half of it
//! first, then ever smaller parts, in the end one at a time. So nothing can be left out of what
//! remains: a counterexample that a person can look at. Where `k` of `n` are needed that takes
//! some `2 k log(n / k)` questions; a good guess saves most of them, above all those about large
//! parts.

/// A part, by indices that rise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Smallest {
    pub(crate) kept: Vec<usize>,
    /// Whether leaving any one out was tried and shows it no more.
    pub(crate) is_minimal: bool,
}

/// The smallest part of `0..count` for which `shows` still holds, as it does for the whole; with
/// at most `tries` questions. Each guess is a part, by rising indices, that is worth a question.
/// `None` of `shows`: there is no asking any more.
pub(crate) fn smallest(
    count: usize,
    tries: usize,
    guesses: impl IntoIterator<Item = Vec<usize>>,
    shows: impl FnMut(&[usize]) -> Option<bool>,
) -> Smallest {
    let kept = (0..count).collect();
    let mut search = Search { kept, tries, shows };
    let is_minimal = search.run(guesses).is_some();
    let kept = search.kept;
    Smallest { kept, is_minimal }
}

/// What is left so far. `None` of its functions: no try is left.
struct Search<F> {
    kept: Vec<usize>,
    tries: usize,
    shows: F,
}

impl<F: FnMut(&[usize]) -> Option<bool>> Search<F> {
    fn run(&mut self, guesses: impl IntoIterator<Item = Vec<usize>>) -> Option<()> {
        self.is_enough(Vec::new())?;
        for guess in guesses {
            self.is_enough(guess)?;
        }
        let mut size = self.kept.len().div_ceil(2);
        while size > 1 {
            self.without_parts(size)?;
            size = size.div_ceil(2);
        }
        self.without_each()
    }

    /// Whether `part` shows it; if so, it is what is kept.
    fn is_enough(&mut self, part: Vec<usize>) -> Option<bool> {
        if part.len() >= self.kept.len() {
            return Some(false);
        }
        self.tries = self.tries.checked_sub(1)?;
        let shows = (self.shows)(&part)?;
        if shows {
            self.kept = part;
        }
        Some(shows)
    }

    /// All that is kept but the `size` from the `at`th on.
    fn is_enough_without(&mut self, at: usize, size: usize) -> Option<bool> {
        let end = (at + size).min(self.kept.len());
        let part = [&self.kept[..at], &self.kept[end..]].concat();
        // That nothing shows it is known from the beginning.
        if part.is_empty() {
            return Some(false);
        }
        self.is_enough(part)
    }

    /// Leaves out each part of that size that is not needed.
    fn without_parts(&mut self, size: usize) -> Option<()> {
        let mut at = 0;
        while at < self.kept.len() {
            if !self.is_enough_without(at, size)? {
                at += size;
            }
        }
        Some(())
    }

    /// Leaves out one after the other, round and round, until each has been found to be needed by
    /// all that are left.
    fn without_each(&mut self) -> Option<()> {
        let (mut at, mut needed) = (0, 0);
        while needed < self.kept.len() {
            at %= self.kept.len();
            if self.is_enough_without(at, 1)? {
                needed = 0;
            } else {
                (at, needed) = (at + 1, needed + 1);
            }
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NO_GUESS: [Vec<usize>; 0] = [];

    #[test]
    fn what_is_left_is_all_that_is_needed() {
        let needed = [17, 40, 41];
        let all_of_them = |part: &[usize]| needed.iter().all(|it| part.contains(it));
        let found = smallest(100, 100, NO_GUESS, |part| Some(all_of_them(part)));
        assert_eq!(
            (found.kept.as_slice(), found.is_minimal),
            (&needed[..], true)
        );
        let found = smallest(100, 20, NO_GUESS, |part| Some(part.contains(&99)));
        assert_eq!(found.kept, [99]);
        let found = smallest(100, 1, NO_GUESS, |_| Some(true));
        assert_eq!((found.kept.len(), found.is_minimal), (0, true));
    }

    #[test]
    fn what_is_needed_only_beside_something_else_goes_with_it() {
        // 3 or 70 is needed, and 50 as long as 3 is there.
        let shows = |part: &[usize]| {
            let has = |it: usize| part.contains(&it);
            (has(3) && has(50)) || (!has(3) && has(70))
        };
        let found = smallest(100, 1000, NO_GUESS, |part| Some(shows(part)));
        assert!(found.is_minimal);
        for at in 0..found.kept.len() {
            let mut fewer = found.kept.clone();
            fewer.remove(at);
            assert!(!shows(&fewer), "{found:?}");
        }
    }

    #[test]
    fn a_guess_saves_questions_and_a_wrong_one_does_no_harm() {
        let needed: Vec<usize> = (1000..1012).collect();
        let shows = |part: &[usize]| needed.iter().all(|it| part.contains(it));
        let mut asked = 0;
        let guesses = [vec![1, 2, 3], (990..1020).collect()];
        let found = smallest(4000, 1000, guesses, |part| {
            asked += 1;
            Some(shows(part))
        });
        assert_eq!((found.kept, found.is_minimal), (needed, true));
        assert!(asked < 80, "{asked} questions");
    }

    #[test]
    fn where_tries_run_out_nothing_is_claimed() {
        let found = smallest(1000, 5, NO_GUESS, |part| Some(part.contains(&500)));
        assert!(!found.is_minimal && found.kept.len() < 300, "{found:?}");
        let mut left = 5;
        let found = smallest(1000, 500, NO_GUESS, |part| {
            left -= 1;
            (left > 0).then(|| part.contains(&500))
        });
        assert!(!found.is_minimal && found.kept.contains(&500), "{found:?}");
    }
}

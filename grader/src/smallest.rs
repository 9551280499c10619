//! The smallest part of something that still shows what the whole shows.
//!
//! Delta debugging (A. Zeller, R. Hildebrandt, "Simplifying and isolating failure-inducing input",
//! IEEE TSE 28(2), 2002): ever smaller parts are left out while what is left still shows it. In the
//! end nothing can be left out: a counterexample that a person can look at.

/// A part, by indices that rise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Smallest {
    pub(crate) kept: Vec<usize>,
    /// Whether leaving any one out was tried and shows it no more.
    pub(crate) is_minimal: bool,
}

/// The smallest part of `0..count` for which `shows` still holds, as it does for the whole; with
/// at most `tries` questions.
pub(crate) fn smallest(
    count: usize,
    mut tries: usize,
    mut shows: impl FnMut(&[usize]) -> bool,
) -> Smallest {
    let mut kept: Vec<usize> = (0..count).collect();
    let mut parts = 2;
    while kept.len() > 1 {
        let size = kept.len().div_ceil(parts);
        let Some(smaller) = smaller(&kept, size, &mut tries, &mut shows) else {
            return Smallest {
                kept,
                is_minimal: false,
            };
        };
        match smaller {
            Some(rest) => {
                let alone = rest.len() == size;
                kept = rest;
                parts = if alone { 2 } else { (parts - 1).max(2) };
            }
            None if size == 1 => break,
            None => parts = (parts * 2).min(kept.len()),
        }
    }
    Smallest {
        kept,
        is_minimal: true,
    }
}

/// One part of that size alone, or all but one such part, if that shows it. The outer `None`: no
/// try is left.
fn smaller(
    kept: &[usize],
    size: usize,
    tries: &mut usize,
    shows: &mut impl FnMut(&[usize]) -> bool,
) -> Option<Option<Vec<usize>>> {
    let alone = kept.chunks(size).map(<[usize]>::to_vec);
    let without = kept.chunks(size).enumerate().map(|(number, _)| {
        let others = kept.chunks(size).enumerate();
        let others = others.filter(|(other, _)| *other != number);
        others.flat_map(|(_, part)| part.iter().copied()).collect()
    });
    for part in alone.chain(without) {
        if part.is_empty() || part.len() == kept.len() {
            continue;
        }
        *tries = tries.checked_sub(1)?;
        if shows(&part) {
            return Some(Some(part));
        }
    }
    Some(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_is_all_that_is_needed() {
        let needed = [17, 40, 41];
        let found = smallest(100, 1000, |part| needed.iter().all(|it| part.contains(it)));
        assert_eq!(
            (found.kept.as_slice(), found.is_minimal),
            (&needed[..], true)
        );
        let found = smallest(100, 1000, |part| part.contains(&99));
        assert_eq!(found.kept, [99]);
    }

    #[test]
    fn where_tries_run_out_nothing_is_claimed() {
        let found = smallest(1000, 5, |part| part.contains(&500));
        assert!(!found.is_minimal && found.kept.len() < 200, "{found:?}");
    }
}

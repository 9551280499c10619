//! Slips of the keyboard in a text, for tests of what is almost right.

use proptest::prelude::*;

/// How many texts a test tries; `PROPTEST_CASES` in the environment for a long run.
pub(crate) fn cases(usual: u32) -> u32 {
    let asked = std::env::var("PROPTEST_CASES").ok();
    asked.and_then(|count| count.parse().ok()).unwrap_or(usual)
}

/// One slip.
#[derive(Clone, Debug)]
pub(crate) enum Change {
    Delete(usize, usize),
    Insert(usize, String),
    Swap(usize, usize),
    Double(usize, usize),
}

/// A slip; what is inserted is one of the pieces or a few characters of any kind.
pub(crate) fn change(pieces: impl Strategy<Value = String>) -> impl Strategy<Value = Change> {
    let piece = prop_oneof![pieces, "\\PC{1,3}"];
    let at = any::<usize>();
    prop_oneof![
        (at, 1..6_usize).prop_map(|(at, len)| Change::Delete(at, len)),
        (at, piece).prop_map(|(at, text)| Change::Insert(at, text)),
        (at, any::<usize>()).prop_map(|(a, b)| Change::Swap(a, b)),
        (at, 1..20_usize).prop_map(|(at, len)| Change::Double(at, len)),
    ]
}

/// The text with the slips.
pub(crate) fn mutate(text: &str, changes: &[Change]) -> String {
    let mut chars: Vec<char> = text.chars().collect();
    for change in changes {
        let len = chars.len();
        let within = |at: usize| at.checked_rem(len).unwrap_or(0);
        match change {
            Change::Delete(at, count) => {
                let at = within(*at);
                chars.drain(at..(at + count).min(len));
            }
            Change::Insert(at, text) => {
                let at = within(*at);
                chars.splice(at..at, text.chars());
            }
            Change::Swap(a, b) if len > 0 => chars.swap(within(*a), within(*b)),
            Change::Swap(..) => {}
            Change::Double(at, count) => {
                let at = within(*at);
                let copy = chars[at..(at + count).min(len)].to_vec();
                chars.splice(at..at, copy);
            }
        }
    }
    chars.into_iter().collect()
}

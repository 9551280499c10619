//! Options of IPv4 and TCP: kinds and lengths that fill their place (RFC 791, RFC 9293).

use super::circuit::{Bit, Word, word};
use super::frame::Frame;

/// Options that have one length: MSS, window scale, SACK permitted, timestamps.
pub(super) const TCP: [(u8, u8); 4] = [(2, 4), (3, 3), (4, 2), (8, 10)];

/// The most octets of options.
const MOST: u32 = 40;

/// Whether `length` octets at `at` are options: none begins before the one in front of it ends, and
/// the last ends where they all do. Behind an end of the list anything may stand.
pub(super) fn rule(frame: &mut Frame, at: u32, length: &Word, fixed: &[(u8, u8)]) -> Bit {
    let mut begins = vec![Bit::FALSE; MOST as usize + 1];
    begins[0] = Bit::TRUE;
    let mut rules = Vec::new();
    for place in 0..MOST {
        let inside = frame.circuit.less(&word(place), length);
        let here = frame.circuit.and(begins[place as usize], inside);
        if here == Bit::FALSE {
            continue;
        }
        let is_end = frame.is(at + place, &[0]);
        let is_nothing = frame.is(at + place, &[1]);
        let single = frame.circuit.or(is_end, is_nothing);
        let next = frame.circuit.and(here, is_nothing);
        begins[place as usize + 1] = frame.circuit.or(begins[place as usize + 1], next);
        let long = frame.circuit.and(here, single.not());
        let mut fits = Bit::FALSE;
        for size in 2..=MOST - place {
            let size_is = frame.is(at + place + 1, &[size as u8]);
            let too_long = frame.circuit.less(length, &word(place + size));
            let ends = frame.circuit.and(size_is, too_long.not());
            fits = frame.circuit.or(fits, ends);
            let next = frame.circuit.and(long, ends);
            let begin = &mut begins[(place + size) as usize];
            *begin = frame.circuit.or(*begin, next);
        }
        rules.push(frame.circuit.implies(long, fits));
        for (kind, size) in fixed {
            let is = frame.is(at + place, &[*kind]);
            let is = frame.circuit.and(here, is);
            let size_is = frame.is(at + place + 1, &[*size]);
            rules.push(frame.circuit.implies(is, size_is));
        }
    }
    frame.circuit.all(rules)
}

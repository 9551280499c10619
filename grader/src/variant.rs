//! The variant of a lab that a learner of a course gets.
//!
//! ```text
//! seed = the first 48 bits of HMAC-SHA-256(key = course code, text = learner, lab)
//! ```
//!
//! So everybody in a course has a fault and addresses of their own, the same again on another
//! machine, and whoever knows the code can say of a submission whether its seed is its learner's.
//! 48 bits, since programs that read JSON take numbers for doubles.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use wirelab_model::hex;

/// The seed of `learner` in `lab`, in the course with that code.
#[must_use]
pub fn seed(course: &str, learner: &str, lab: &str) -> u64 {
    // The length keeps `ab`, `c` and `a`, `bc` apart.
    let length = (learner.len() as u64).to_be_bytes();
    let code = hmac(
        course.as_bytes(),
        &[&length, learner.as_bytes(), lab.as_bytes()],
    );
    let first = code.iter().take(6);
    first.fold(0, |number, octet| number << 8 | u64::from(*octet))
}

/// The longest code and name, in characters.
const LONGEST: usize = 100;

/// What keeps a text from being a course's code or a learner's name: nobody would see it, or it
/// would break the line and the table that it stands in.
///
/// # Errors
/// What is wrong with it, after "it".
pub fn word(text: &str) -> Result<(), &'static str> {
    // Line and paragraph separators, what turns the direction of writing, and spaces without width.
    let unseen = |c| {
        matches!(c, '\u{200b}' | '\u{200e}'..='\u{200f}' | '\u{2028}'..='\u{202e}')
            || matches!(c, '\u{2060}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
    };
    match text.trim() {
        "" => Err("is empty"),
        trimmed if trimmed != text => Err("begins or ends with a space"),
        _ if text.contains(|c: char| c.is_control() || unseen(c)) => Err("has control characters"),
        _ if text.chars().count() > LONGEST => Err("is longer than 100 characters"),
        _ => Ok(()),
    }
}

/// What results say of the course that they were checked against, without telling its code.
#[must_use]
pub fn fingerprint(course: &str) -> String {
    hex(&hmac(course.as_bytes(), &[b"wirelab course"])[..8])
}

/// HMAC with SHA-256 (RFC 2104).
fn hmac(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    let hmac = Hmac::<Sha256>::new_from_slice(key).expect("a key may have any length");
    let hmac = parts.iter().fold(hmac, Hmac::chain_update);
    hmac.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 4231, test cases 2 and 6.
    #[test]
    fn the_hmac_is_the_standards() {
        let made = hmac(b"Jefe", &[b"what do ya want ", b"for nothing?"]);
        let wanted = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
        assert_eq!(hex(&made), wanted);
        let text = b"Test Using Larger Than Block-Size Key - Hash Key First";
        let wanted = "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54";
        assert_eq!(hex(&hmac(&[0xaa; 131], &[text])), wanted);
    }

    #[test]
    fn a_seed_is_its_learners_and_its_labs_and_exact_in_json() {
        let ada = seed("net-201", "ada", "top-talkers");
        assert_eq!(ada, seed("net-201", "ada", "top-talkers"));
        for other in [
            seed("net-202", "ada", "top-talkers"),
            seed("net-201", "bob", "top-talkers"),
            seed("net-201", "ada", "port-scan"),
            seed("net-201", "adat", "op-talkers"),
        ] {
            assert_ne!(ada, other);
        }
        assert!(ada < 1 << 53);
    }
}

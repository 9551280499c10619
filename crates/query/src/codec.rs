//! Base 64 as queries read it (RFC 4648): with padding or without.

use base64::Engine;
use base64::alphabet::Alphabet;
use base64::engine::general_purpose::{GeneralPurpose, NO_PAD};

/// The octets of a text in that alphabet; `None` for what is no base 64.
pub(crate) fn decode_base64(text: &str, alphabet: &Alphabet) -> Option<Vec<u8>> {
    let digits = text.trim_end_matches('=');
    if text.len() - digits.len() > 2 {
        return None;
    }
    let lenient = NO_PAD.with_decode_allow_trailing_bits(true);
    GeneralPurpose::new(alphabet, lenient).decode(digits).ok()
}

#[cfg(test)]
mod tests {
    use base64::alphabet::STANDARD;

    use super::*;

    #[test]
    fn the_vectors_of_the_rfc_are_read_with_padding_and_without() {
        let vectors = [
            "", "Zg==", "Zm8=", "Zm9v", "Zm9vYg==", "Zm9vYmE=", "Zm9vYmFy",
        ];
        let decode =
            |text: &str| decode_base64(text, &STANDARD).and_then(|it| String::from_utf8(it).ok());
        for (len, encoded) in vectors.into_iter().enumerate() {
            let text = &"foobar"[..len];
            assert_eq!(decode(encoded).as_deref(), Some(text));
            assert_eq!(decode(encoded.trim_end_matches('=')).as_deref(), Some(text));
        }
        for nonsense in ["Z", "Zg===", "Z=g=", "Zm9v!", "/w=="] {
            assert_eq!(decode(nonsense), None, "{nonsense}");
        }
    }
}

//! Base 64 of text, RFC 4648 section 4.

const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// With padding.
pub(super) fn encode(text: &str) -> String {
    let mut out = String::with_capacity(text.len().div_ceil(3) * 4);
    for chunk in text.as_bytes().chunks(3) {
        let mut octets = [0; 4];
        octets[1..=chunk.len()].copy_from_slice(chunk);
        let bits = u32::from_be_bytes(octets);
        for digit in 0..4 {
            let value = (bits >> (18 - 6 * digit)) & 0x3f;
            let is_padding = digit > chunk.len();
            out.push(if is_padding {
                '='
            } else {
                char::from(DIGITS[value as usize])
            });
        }
    }
    out
}

/// With padding or without; `None` for what is no base 64, or of no UTF-8 text.
pub(super) fn decode(text: &str) -> Option<String> {
    let digits = text.trim_end_matches('=').as_bytes();
    if text.len() - digits.len() > 2 {
        return None;
    }
    let mut octets = Vec::with_capacity(digits.len() * 3 / 4);
    for chunk in digits.chunks(4) {
        if chunk.len() == 1 {
            return None;
        }
        let mut bits = 0_u32;
        for (at, digit) in chunk.iter().enumerate() {
            let value = DIGITS.iter().position(|known| known == digit)?;
            bits |= u32::try_from(value).ok()? << (18 - 6 * at);
        }
        octets.extend_from_slice(&bits.to_be_bytes()[1..chunk.len()]);
    }
    String::from_utf8(octets).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_vectors_of_the_rfc_go_both_ways() {
        let vectors = [
            "", "Zg==", "Zm8=", "Zm9v", "Zm9vYg==", "Zm9vYmE=", "Zm9vYmFy",
        ];
        for (len, encoded) in vectors.into_iter().enumerate() {
            let text = &"foobar"[..len];
            assert_eq!(encode(text), encoded);
            assert_eq!(decode(encoded).as_deref(), Some(text));
            assert_eq!(decode(encoded.trim_end_matches('=')).as_deref(), Some(text));
        }
        for nonsense in ["Z", "Zg===", "Z=g=", "Zm9v!", "/w=="] {
            assert_eq!(decode(nonsense), None, "{nonsense}");
        }
    }
}

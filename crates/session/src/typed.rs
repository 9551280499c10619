//! Texts that people typed, whatever their editor made of them.
//!
//! ```text
//! EF BB BF 63 6c ...   Notepad's mark before UTF-8        cl...
//! FF FE 63 00 6c 00    UTF-16, as PowerShell's `>` writes cl...
//! tcp<U+00A0>port      a space copied from a web page     tcp port
//! ```

/// Marks that print nothing: byte order mark, zero-width space and joiners, soft hyphen.
const NOTHING: [char; 6] = [
    '\u{feff}', '\u{200b}', '\u{200c}', '\u{200d}', '\u{2060}', '\u{ad}',
];
/// Spaces that are none to a parser: no-break, narrow no-break, figure, ideographic.
const SPACES: [char; 4] = ['\u{a0}', '\u{202f}', '\u{2007}', '\u{3000}'];

/// The text of a file: UTF-8, or UTF-16 where its first two octets say so; [`plain`].
#[must_use]
pub fn typed(bytes: &[u8]) -> String {
    let units = |from: fn([u8; 2]) -> u16| -> String {
        let pairs = bytes[2..].chunks_exact(2).map(|it| from([it[0], it[1]]));
        char::decode_utf16(pairs)
            .map(|it| it.unwrap_or(char::REPLACEMENT_CHARACTER))
            .collect()
    };
    match bytes {
        [0xff, 0xfe, ..] => plain(&units(u16::from_le_bytes)),
        [0xfe, 0xff, ..] => plain(&units(u16::from_be_bytes)),
        _ => plain(&String::from_utf8_lossy(bytes)),
    }
}

/// The text with plain spaces, and without characters that nobody sees.
#[must_use]
pub fn plain(text: &str) -> String {
    let seen = text.chars().filter(|c| !NOTHING.contains(c));
    seen.map(|c| if SPACES.contains(&c) { ' ' } else { c })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_the_same_from_whatever_editor() {
        let wanted = "client: 10.0.1.5\nsends-back: nothing\n";
        let utf16 = |big: bool| -> Vec<u8> {
            let units = std::iter::once(0xfeff).chain(wanted.encode_utf16());
            let octets = |it: u16| {
                if big {
                    it.to_be_bytes()
                } else {
                    it.to_le_bytes()
                }
            };
            units.flat_map(octets).collect()
        };
        assert_eq!(typed(wanted.as_bytes()), wanted);
        assert_eq!(typed(format!("\u{feff}{wanted}").as_bytes()), wanted);
        assert_eq!(typed(&utf16(false)), wanted);
        assert_eq!(typed(&utf16(true)), wanted);
        assert_eq!(plain("tcp\u{a0}port 443\u{200b}"), "tcp port 443");
        assert_eq!(typed(b""), "");
    }
}

//! Forms of text that several formats share.

use std::fmt::Write;

/// `0aff` of 10 and 255.
#[must_use]
pub fn hex(octets: &[u8]) -> String {
    octets.iter().fold(String::new(), |mut text, octet| {
        write!(text, "{octet:02x}").expect("a string takes it");
        text
    })
}

/// `a%2Fb` of `a/b`: RFC 3986's unreserved characters as they are, all other octets as `%XX`.
#[must_use]
pub fn percent_encoded(text: &str) -> String {
    text.bytes().fold(String::new(), |mut encoded, octet| {
        match octet {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                encoded.push(char::from(octet));
            }
            _ => write!(encoded, "%{octet:02X}").expect("a string takes it"),
        }
        encoded
    })
}

/// `my-app` of `my%2Dapp` (RFC 3986, section 2.1); `None` if a `%` is not followed by two
/// hexadecimal digits, or the octets are no text.
#[must_use]
pub fn percent_decoded(text: &str) -> Option<String> {
    let mut octets = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(octet) = rest.next() {
        let decoded = if octet == b'%' {
            let mut digit = || char::from(rest.next()?).to_digit(16);
            u8::try_from(digit()? * 16 + digit()?).ok()?
        } else {
            octet
        };
        octets.push(decoded);
    }
    String::from_utf8(octets).ok()
}

/// Whether `text` is `pattern`, in which `*` stands for any run of characters.
#[must_use]
pub fn fits_stars(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = text.strip_prefix(first) else {
        return false;
    };
    let mut parts = parts.peekable();
    if parts.peek().is_none() {
        return rest.is_empty();
    }
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            return rest.ends_with(part);
        }
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    true
}

/// Whether `text` fits `pattern`: `*` is any run, `?` any one octet, and, if the pattern `escapes`,
/// `\` takes the next octet literally.
#[must_use]
pub fn fits_wildcards(pattern: &str, text: &str, escapes: bool) -> bool {
    let (pattern, text) = (pattern.as_bytes(), text.as_bytes());
    // Where to go on if what follows the latest `*` does not fit: one octet later in the text.
    let mut retry: Option<(usize, usize)> = None;
    let (mut p, mut t) = (0, 0);
    while t < text.len() {
        match pattern.get(p) {
            Some(b'*') => {
                retry = Some((p + 1, t));
                p += 1;
                continue;
            }
            Some(b'?') => {
                (p, t) = (p + 1, t + 1);
                continue;
            }
            Some(b'\\') if escapes && pattern.get(p + 1) == Some(&text[t]) => {
                (p, t) = (p + 2, t + 1);
                continue;
            }
            Some(octet) if *octet == text[t] => {
                (p, t) = (p + 1, t + 1);
                continue;
            }
            _ => {}
        }
        let Some((after_star, at)) = retry else {
            return false;
        };
        retry = Some((after_star, at + 1));
        (p, t) = (after_star, at + 1);
    }
    pattern[p..].iter().all(|octet| *octet == b'*')
}

/// The words of `text` in lines of `width` characters at most; a longer word has a line of its own.
#[must_use]
pub fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

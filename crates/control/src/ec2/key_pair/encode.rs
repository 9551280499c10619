//! How keys are written: base64 (RFC 4648), PEM, DER (X.690), OpenSSH's blobs (RFC 4253, section
//! 6.6).

use base64::engine::general_purpose::{GeneralPurpose, NO_PAD, STANDARD};
use base64::{Engine, alphabet};

use super::KeyType;

/// Octets of base64 text, white space apart; padding may be there or not.
pub(super) fn base64_octets(text: &str) -> Option<Vec<u8>> {
    const LENIENT: GeneralPurpose = GeneralPurpose::new(
        &alphabet::STANDARD,
        NO_PAD.with_decode_allow_trailing_bits(true),
    );
    let letters = text.bytes().filter(|it| !it.is_ascii_whitespace());
    let letters: Vec<_> = letters.take_while(|it| *it != b'=').collect();
    LENIENT.decode(letters).ok()
}

/// `ab:cd:...`.
pub(super) fn with_colons(octets: &[u8]) -> String {
    let all: Vec<_> = octets.iter().map(|it| format!("{it:02x}")).collect();
    all.join(":")
}

pub(super) fn pem(label: &str, octets: &[u8]) -> String {
    let text = STANDARD.encode(octets);
    let lines: Vec<_> = text.as_bytes().chunks(64).collect();
    let lines = lines.iter().map(|it| String::from_utf8_lossy(it));
    let body: Vec<_> = lines.collect();
    let body = body.join("\n");
    format!("-----BEGIN {label}-----\n{body}\n-----END {label}-----")
}

/// A DER element.
pub(super) fn der(tag: u8, content: &[u8]) -> Vec<u8> {
    let mut octets = vec![tag];
    let length = content.len().to_be_bytes();
    let length: Vec<u8> = length.into_iter().skip_while(|it| *it == 0).collect();
    match content.len() {
        short @ 0..128 => octets.push(short as u8),
        _ => {
            octets.push(0x80 | length.len() as u8);
            octets.extend(length);
        }
    }
    octets.extend(content);
    octets
}

/// The octets of a number that is not negative: without zeros in front but for one where the first
/// bit would be a sign. DER and SSH agree on it.
pub(super) fn number(octets: &[u8]) -> Vec<u8> {
    let digits: Vec<u8> = octets.iter().copied().skip_while(|it| *it == 0).collect();
    match digits.first() {
        Some(first) if *first < 0x80 => digits,
        _ => [vec![0], digits].concat(),
    }
}

/// DER's INTEGER.
pub(super) fn integer(octets: &[u8]) -> Vec<u8> {
    der(0x02, &number(octets))
}

/// A text or number of SSH's: its length, then its octets.
pub(super) fn ssh_string(octets: &[u8]) -> Vec<u8> {
    let length = u32::try_from(octets.len()).unwrap_or(u32::MAX);
    [&length.to_be_bytes(), octets].concat()
}

/// The next of SSH's strings, and what is behind it.
pub(super) fn read_ssh_string(octets: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = octets.split_first_chunk::<4>()?;
    rest.split_at_checked(u32::from_be_bytes(*length) as usize)
}

/// A line of `authorized_keys`.
pub(super) fn openssh(blob: &[u8], comment: &str) -> String {
    openssh_as(KeyType::Rsa, blob, comment)
}

pub(super) fn openssh_as(key_type: KeyType, blob: &[u8], comment: &str) -> String {
    let name = match key_type {
        KeyType::Rsa => "ssh-rsa",
        KeyType::Ed25519 => "ssh-ed25519",
    };
    format!("{name} {} {comment}", STANDARD.encode(blob))
}

/// Type and blob of a line as OpenSSH writes it.
pub(super) fn read_openssh(text: &str) -> Option<(KeyType, Vec<u8>)> {
    let mut words = text.split_whitespace();
    let name = words.next()?;
    let key_type = match name {
        "ssh-rsa" => KeyType::Rsa,
        "ssh-ed25519" => KeyType::Ed25519,
        _ => return None,
    };
    let blob = base64_octets(words.next()?)?;
    let (inner, rest) = read_ssh_string(&blob)?;
    let is_whole = match key_type {
        KeyType::Rsa => true,
        KeyType::Ed25519 => read_ssh_string(rest).is_some_and(|(key, _)| key.len() == 32),
    };
    (inner == name.as_bytes() && is_whole).then_some((key_type, blob))
}

//! Texts as numbers of 32 bits, so that rows are grouped by four bytes and not by text.
//!
//! Most of what flow logs are grouped by are IPv4 addresses and ports, and those are numbers
//! already: `10.0.1.5` has the code 0x0A000105, the text `443` the code 0xF00001BB. Every other
//! text (`-`, an IPv6 address, `010.0.0.1`) gets the next free code of the ranges in which no
//! address of a host lies, 0.0.0.0/8 and 240.0.0.0/4. Two texts have the same code if and only if
//! they are equal, so groups by code are the groups by text; an order the codes have none.

use std::collections::HashMap;
use std::hash::{Hash, Hasher};
use std::sync::{Arc, PoisonError, RwLock};

use datafusion::common::{DataFusionError, Result};

/// The code of NULL.
pub(crate) const NULL: u32 = u32::MAX;

/// The first code that is an address, and the first behind them.
const ADDRESSES: (u32, u32) = (0x0100_0000, 0xF000_0000);

/// The code of the text `0`; the other numbers of 16 bits follow.
pub(crate) const NUMBERS: u32 = 0xF000_0000;

/// The first code behind those of numbers.
const BEHIND: u32 = NUMBERS + (1 << 16);

/// Memory of texts that are neither address nor number, in bytes.
const BYTES_MAX: usize = 256 << 20;

/// What a text needs beside its own bytes.
const BYTES_EACH: usize = 96;

/// The codes of one query's texts.
#[derive(Debug, Default)]
pub(crate) struct Codes {
    others: RwLock<Others>,
}

/// Texts with codes that do not follow from them.
#[derive(Debug, Default)]
struct Others {
    codes: HashMap<Arc<str>, u32>,
    texts: Vec<Arc<str>>,
    bytes: usize,
}

impl Codes {
    /// The code of a text.
    ///
    /// # Errors
    /// If texts without a code of their own have become too many to keep.
    #[inline]
    pub(crate) fn of(&self, text: &str) -> Result<u32> {
        match own(text.as_bytes()) {
            Some(code) => Ok(code),
            None => self.other(text),
        }
    }

    /// The code of a text that may have bytes of none in it.
    #[inline]
    pub(crate) fn of_bytes(&self, text: &[u8]) -> Result<u32> {
        match own(text) {
            Some(code) => Ok(code),
            None => self.other(&String::from_utf8_lossy(text)),
        }
    }

    fn other(&self, text: &str) -> Result<u32> {
        let others = self.others.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(code) = others.codes.get(text) {
            return Ok(*code);
        }
        drop(others);
        let mut others = self.others.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(code) = others.codes.get(text) {
            return Ok(*code);
        }
        let code = free(others.texts.len()).filter(|_| others.bytes < BYTES_MAX);
        let Some(code) = code else {
            let message = "the query groups by too many different texts".to_owned();
            return Err(DataFusionError::ResourcesExhausted(message));
        };
        let text: Arc<str> = text.into();
        others.bytes += text.len() + BYTES_EACH;
        others.codes.insert(text.clone(), code);
        others.texts.push(text);
        Ok(code)
    }

    /// The texts that have no code of their own, in the order in which they got theirs.
    pub(crate) fn texts(&self) -> Vec<Arc<str>> {
        let others = self.others.read().unwrap_or_else(PoisonError::into_inner);
        others.texts.clone()
    }

    /// Gives the text of a code to `to`; nothing for NULL and for what is no code.
    #[inline]
    pub(crate) fn text(&self, code: u32, to: &mut impl FnMut(&str)) {
        if (ADDRESSES.0..ADDRESSES.1).contains(&code) {
            let mut text = [0; 16];
            return to(address(code, &mut text));
        }
        if (NUMBERS..BEHIND).contains(&code) {
            return to(&(code - NUMBERS).to_string());
        }
        let others = self.others.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(text) = number_of(code).and_then(|number| others.texts.get(number)) {
            to(text);
        }
    }
}

/// Codes are the same if they are those of one query.
impl PartialEq for Codes {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self, other)
    }
}

impl Eq for Codes {}

impl Hash for Codes {
    fn hash<H: Hasher>(&self, state: &mut H) {
        std::ptr::hash(self, state);
    }
}

/// The code that follows from the text: of an address or a number as they are written, without
/// signs or zeros before them.
#[inline]
fn own(text: &[u8]) -> Option<u32> {
    if text.len() > 15 {
        return None;
    }
    let (mut address, mut part, mut digits, mut dots) = (0_u32, 0_u32, 0, 0);
    for byte in text {
        let digit = byte.wrapping_sub(b'0');
        if digit <= 9 {
            if (digits > 0 && part == 0) || digits == 5 {
                return None;
            }
            part = 10 * part + u32::from(digit);
            digits += 1;
        } else if *byte == b'.' && digits > 0 && part <= 255 {
            address = address << 8 | part;
            (part, digits, dots) = (0, 0, dots + 1);
        } else {
            return None;
        }
    }
    match dots {
        _ if digits == 0 => None,
        0 => (part < 1 << 16).then(|| NUMBERS + part),
        3 if part <= 255 => {
            let address = address << 8 | part;
            (ADDRESSES.0..ADDRESSES.1)
                .contains(&address)
                .then_some(address)
        }
        _ => None,
    }
}

/// The code of the text with that number among those that have none of their own.
fn free(number: usize) -> Option<u32> {
    let number = u32::try_from(number).ok()?;
    let code = match number.checked_sub(ADDRESSES.0) {
        None => number,
        Some(more) => BEHIND.checked_add(more)?,
    };
    (code != NULL).then_some(code)
}

/// The inverse of [`free`].
pub(super) fn number_of(code: u32) -> Option<usize> {
    let number = match code.checked_sub(BEHIND) {
        Some(more) => ADDRESSES.0 + more,
        None => code,
    };
    (code < ADDRESSES.0 || code >= BEHIND).then_some(number as usize)
}

/// Each octet's digits with a point behind them, and how many bytes that is.
const OCTETS: [([u8; 4], usize); 256] = {
    let mut octets = [([b'.'; 4], 0); 256];
    let mut octet = 0;
    while octet < 256 {
        let digits = [octet / 100, octet / 10 % 10, octet % 10];
        let skipped = if octet < 10 {
            2
        } else if octet < 100 {
            1
        } else {
            0
        };
        let mut digit = skipped;
        while digit < 3 {
            octets[octet].0[digit - skipped] = b'0' + digits[digit] as u8;
            digit += 1;
        }
        octets[octet].1 = 4 - skipped;
        octet += 1;
    }
    octets
};

/// The address in dotted decimal.
#[inline]
fn address(code: u32, text: &mut [u8; 16]) -> &str {
    let mut length = 0;
    for octet in code.to_be_bytes() {
        let (digits, count) = OCTETS[usize::from(octet)];
        text[length..length + 4].copy_from_slice(&digits);
        length += count;
    }
    str::from_utf8(&text[..length - 1]).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(codes: &Codes, code: u32) -> Option<String> {
        let mut found = None;
        codes.text(code, &mut |text: &str| found = Some(text.to_owned()));
        found
    }

    #[test]
    fn a_code_is_one_texts_and_gives_it_back() {
        let codes = Codes::default();
        let texts = [
            "10.0.1.5",
            "1.0.0.0",
            "239.255.255.255",
            "0.0.0.0",
            "240.0.0.0",
            "255.255.255.255",
            "0",
            "00",
            "443",
            "65535",
            "65536",
            "010.0.0.1",
            "10.0.0.01",
            "10.0.1",
            "10.0.1.5.",
            "10..1.5",
            "256.1.1.1",
            "1.1.1.256",
            "99999.1.1.1",
            "-",
            "",
            "2001:db8::1",
            "10.0.1.5 ",
            "203.0.113.100",
            "1.10.100.200",
            "eni-1",
            "+1",
        ];
        let all: Vec<u32> = texts.iter().map(|text| codes.of(text).unwrap()).collect();
        for (at, (known, code)) in texts.iter().zip(&all).enumerate() {
            assert_eq!(text(&codes, *code).as_deref(), Some(*known));
            assert_eq!(codes.of(known).unwrap(), *code);
            assert!(!all[..at].contains(code), "{known}");
        }
        assert_eq!(codes.of("10.0.1.5").unwrap(), 0x0A00_0105);
        assert_eq!(codes.of("443").unwrap(), NUMBERS + 443);
        assert_eq!(text(&codes, NULL), None);
    }

    #[test]
    fn free_codes_are_none_of_an_address_or_number() {
        for number in [0, 1, (1 << 24) - 1, 1 << 24, (1 << 24) + 1, (1 << 28) - 1] {
            let code = free(number).unwrap();
            assert!(!(ADDRESSES.0..BEHIND).contains(&code));
            assert_eq!(number_of(code), Some(number));
        }
        assert_eq!(free(usize::MAX), None);
        assert_eq!(number_of(NUMBERS), None);
        assert_eq!(number_of(ADDRESSES.0), None);
    }
}

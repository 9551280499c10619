//! Splitting lines and reading numbers and addresses, eight octets at a time.

use std::net::{IpAddr, Ipv4Addr};

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGHS: u64 = 0x8080_8080_8080_8080;

/// Puts the values of a line into `values`: what is between spaces and control characters.
#[inline]
pub(crate) fn split<'a>(line: &'a str, values: &mut Vec<&'a str>) {
    values.clear();
    let octets = line.as_bytes();
    let mut start = 0;
    let mut at = 0;
    let mut end = |separator: usize| {
        if separator > start {
            values.push(&line[start..separator]);
        }
        start = separator + 1;
    };
    while let Some(word) = octets.get(at..at + 8) {
        let word = u64::from_le_bytes(word.try_into().expect("eight octets"));
        let mut found = at_most_space(word);
        while found != 0 {
            end(at + found.trailing_zeros() as usize / 8);
            found &= found - 1;
        }
        at += 8;
    }
    for (offset, octet) in octets[at..].iter().enumerate() {
        if *octet <= b' ' {
            end(at + offset);
        }
    }
    end(octets.len());
}

/// The high bit of each octet that is a space or a control character.
const fn at_most_space(word: u64) -> u64 {
    // An octet below 0x80 plus 0x5f has its high bit set if it is above 0x20: no carry leaves it.
    let above = (word & !HIGHS) + ONES * 0x5f;
    !(above | word) & HIGHS
}

/// A decimal number without sign, as `u64::from_str` reads it.
#[inline]
pub(crate) fn number(text: &str) -> Option<u64> {
    let octets = text.as_bytes();
    if octets.is_empty() || octets.len() > 19 {
        return text.parse().ok();
    }
    let mut value = 0_u64;
    for octet in octets {
        let digit = octet.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        value = value * 10 + u64::from(digit);
    }
    Some(value)
}

/// An address of either version, as `IpAddr::from_str` reads it.
#[inline]
pub(crate) fn address(text: &str) -> Option<IpAddr> {
    address_v4(text.as_bytes())
        .map(IpAddr::V4)
        .or_else(|| text.parse().ok())
}

#[inline]
fn address_v4(text: &[u8]) -> Option<Ipv4Addr> {
    let (mut bits, mut octet, mut digits, mut dots) = (0_u32, 0_u32, 0, 0);
    for byte in text {
        let digit = u32::from(byte.wrapping_sub(b'0'));
        if digit <= 9 {
            if digits == 3 || (digits > 0 && octet == 0) {
                return None;
            }
            octet = octet * 10 + digit;
            digits += 1;
        } else {
            if *byte != b'.' || digits == 0 || octet > 255 || dots == 3 {
                return None;
            }
            bits = bits << 8 | octet;
            (octet, digits, dots) = (0, 0, dots + 1);
        }
    }
    (dots == 3 && digits > 0 && octet <= 255).then(|| Ipv4Addr::from(bits << 8 | octet))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn lines_are_split_as_the_library_splits_them(line in "[ -~\t]{0,80}|[ a-zé%.]{0,40}") {
            let mut values = vec!["left over"];
            split(&line, &mut values);
            let expected: Vec<_> = line.split_ascii_whitespace().collect();
            prop_assert_eq!(values, expected);
        }

        #[test]
        fn numbers_and_addresses_are_read_as_the_library_reads_them(
            text in "[0-9]{0,22}|[0-9.]{0,16}|([0-9]{1,3}\\.){3}[0-9]{1,3}|[0-9a-f:.]{2,20}",
        ) {
            prop_assert_eq!(number(&text), text.parse::<u64>().ok());
            prop_assert_eq!(address(&text), text.parse::<IpAddr>().ok());
        }
    }
}

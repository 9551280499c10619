//! Addresses and prefixes as iproute2 reads them (`get_addr_1`, `get_prefix_1` of `lib/utils.c`):
//! IPv4 may leave out its last parts, numbers may be octal or hexadecimal, a mask may follow
//! instead of a length.

use std::net::{IpAddr, Ipv4Addr};

use wirelab_model::IpNet;

/// An address: `10`, `10.0.1`, `0xa.0.1.5`, `2001:db8::1`.
pub(super) fn address(text: &str) -> Option<IpAddr> {
    if text.contains(':') {
        return text.parse().ok();
    }
    let mut octets = [0; 4];
    for (at, part) in text.split('.').enumerate() {
        *octets.get_mut(at)? = u8::try_from(number(part)?).ok()?;
    }
    Some(octets.into())
}

/// An address with a length or mask behind it: `10/8`, `10.0.1.5/255.255.0.0`. Without one it is
/// that address alone.
pub(super) fn prefix(text: &str) -> Option<IpNet> {
    let Some((start, behind)) = text.split_once('/') else {
        return address(text).map(IpNet::from);
    };
    let start = address(start)?;
    let length = match number(behind) {
        Some(length) => u8::try_from(length).ok()?,
        None => length_of(behind.parse().ok()?)?,
    };
    IpNet::new(start, length).ok()
}

/// How many bits a mask has, if they are the first ones.
fn length_of(mask: Ipv4Addr) -> Option<u8> {
    let bits = mask.to_bits();
    let length = bits.leading_ones();
    (length + bits.trailing_zeros() >= 32).then_some(length as u8)
}

/// As `strtoul` with base 0.
fn number(text: &str) -> Option<u32> {
    let text = text.strip_prefix('+').unwrap_or(text);
    let (digits, radix) = match (text.strip_prefix("0x"), text.strip_prefix('0')) {
        (Some(digits), _) => (digits, 16),
        (None, Some(digits)) if !digits.is_empty() => (digits, 8),
        (None, _) => (text, 10),
    };
    let begins = digits.starts_with(|it: char| it.is_digit(radix));
    begins
        .then(|| u32::from_str_radix(digits, radix).ok())
        .flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes_are_read_as_iproute2_reads_them() {
        let read = |text| prefix(text).map(|it| it.to_string());
        for (typed, meant) in [
            ("172.31/16", "172.31.0.0/16"),
            ("0/0", "0.0.0.0/0"),
            ("10", "10.0.0.0/32"),
            ("10.1.2", "10.1.2.0/32"),
            ("0xac.037.80.9", "172.31.80.9/32"),
            ("172.31.80.9/255.255.0.0", "172.31.80.9/16"),
            ("10.0.0.0/+020", "10.0.0.0/16"),
            ("2001:db8::1", "2001:db8::1/128"),
            ("2001:db8::/32", "2001:db8::/32"),
        ] {
            assert_eq!(read(typed).as_deref(), Some(meant), "{typed}");
        }
        for wrong in [
            "",
            "foo",
            "10.",
            "10.0.0.0.0",
            "256",
            "10/33",
            "10/255.0.255.0",
            "::/129",
            "10/",
        ] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }
}

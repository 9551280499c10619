//! IP addresses in texts.

use std::net::IpAddr;

use super::value::Value;

pub(super) fn address(value: &Value<'_>) -> Option<IpAddr> {
    value.text()?.parse().ok()
}

pub(super) fn ipv4_to_number<'a>(v: &[Value<'a>]) -> Value<'a> {
    Value::of_number(match address(&v[0]) {
        Some(IpAddr::V4(address)) => Some(f64::from(u32::from(address))),
        _ => None,
    })
}

/// RFC 1918 and RFC 4193.
pub(super) fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => v4.is_private(),
        IpAddr::V6(v6) => v6.is_unique_local(),
    }
}

/// Neither private nor one of the blocks that RFC 6890 sets apart.
pub(super) fn is_public(address: IpAddr) -> bool {
    !is_reserved(address) && !is_private(address)
}

/// In a block that RFC 6890 sets apart, private ones not counted.
pub(super) fn is_reserved(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => {
            let octets = v4.octets();
            v4.is_loopback()
                || v4.is_link_local()
                || v4.is_documentation()
                || octets[0] == 0
                || octets[0] >= 224
                || octets[..3] == [192, 0, 0]
                || (octets[0] == 100 && octets[1] & 0xc0 == 64)
                || (octets[0] == 198 && octets[1] & 0xfe == 18)
        }
        IpAddr::V6(v6) => {
            v6.is_loopback()
                || v6.is_unspecified()
                || v6.is_unicast_link_local()
                || v6.is_multicast()
                || v6.segments()[..2] == [0x2001, 0xdb8]
        }
    }
}

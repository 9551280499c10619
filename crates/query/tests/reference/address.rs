//! Addresses and blocks, by their bits.

use std::net::IpAddr;

use super::value::Value;

/// Bits of an address and how many it has.
fn bits(address: IpAddr) -> (u128, u32) {
    match address {
        IpAddr::V4(v4) => (u128::from(u32::from(v4)), 32),
        IpAddr::V6(v6) => (u128::from(v6), 128),
    }
}

pub(crate) fn read(value: &Value) -> Option<IpAddr> {
    value.text()?.parse().ok()
}

/// Whether the address lies in the block `address/length`.
pub(crate) fn is_in(address: IpAddr, block: &str) -> bool {
    let Some((start, length)) = block.split_once('/') else {
        return false;
    };
    let (Ok(start), Ok(length)) = (start.parse::<IpAddr>(), length.parse::<u32>()) else {
        return false;
    };
    let ((address, width), (start, block_width)) = (bits(address), bits(start));
    let host = width.saturating_sub(length);
    width == block_width && (host == 128 || address >> host == start >> host)
}

fn is_in_any(address: IpAddr, blocks: &[&str]) -> bool {
    blocks.iter().any(|block| is_in(address, block))
}

/// RFC 1918, RFC 4193.
pub(crate) fn is_private(address: IpAddr) -> bool {
    is_in_any(
        address,
        &["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7"],
    )
}

/// Set apart by RFC 6890, private ones not counted.
pub(crate) fn is_reserved(address: IpAddr) -> bool {
    let blocks = [
        "0.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/3",
        "::/128",
        "::1/128",
        "fe80::/10",
        "ff00::/8",
        "2001:db8::/32",
    ];
    is_in_any(address, &blocks)
}

pub(crate) fn to_number(value: &Value) -> Option<f64> {
    match read(value)? {
        IpAddr::V4(v4) => Some(f64::from(u32::from(v4))),
        IpAddr::V6(_) => None,
    }
}

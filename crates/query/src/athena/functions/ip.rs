//! IPADDRESS and IPPREFIX: sixteen bytes (an IPv4 address as `::ffff:a.b.c.d`), and the same with
//! the prefix's length behind. Both sort as Trino sorts them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::{Function, functions};
use crate::athena::error::{Checked, Fault};
use crate::athena::types::Type;
use crate::athena::value::Value;

pub(super) const FUNCTIONS: &[Function] = functions! {
    "contains(ipprefix,ipaddress):boolean" |_, v| Ok(Value::Bool(holds(v[0].bytes(), v[1].bytes())));
    "contains(ipprefix,ipprefix):boolean" |_, v| Ok(Value::Bool(covers(v[0].bytes(), v[1].bytes())));
    "contains(varchar,ipaddress):boolean" |_, v| {
        let prefix = parse_prefix(v[0].text())?;
        Ok(Value::Bool(holds(&prefix, v[1].bytes())))
    };
    "is_subnet_of(ipprefix,ipaddress):boolean" |_, v| Ok(Value::Bool(holds(v[0].bytes(), v[1].bytes())));
    "is_subnet_of(ipprefix,ipprefix):boolean" |_, v| Ok(Value::Bool(covers(v[0].bytes(), v[1].bytes())));
    "ip_prefix(ipaddress,bigint):ipprefix" |_, v| prefix(v[0].bytes(), v[1].int());
    "ip_prefix(varchar,bigint):ipprefix" |_, v| prefix(&parse_address(v[0].text())?, v[1].int());
    "ip_subnet_min(ipprefix):ipaddress" |_, v| Ok(Value::Bytes(v[0].bytes()[..16].to_vec().into()));
    "ip_subnet_max(ipprefix):ipaddress" |_, v| Ok(Value::Bytes(highest(v[0].bytes()).to_vec().into()));
    "ip_subnet_range(ipprefix):array(ipaddress)" |_, v| {
        let low = v[0].bytes()[..16].to_vec();
        let high = highest(v[0].bytes()).to_vec();
        Ok(Value::List(vec![Value::Bytes(low.into()), Value::Bytes(high.into())]))
    };
};

/// The type whose text a failed cast names.
const ADDRESS: Type = Type::IpAddress;

pub(in crate::athena) fn parse_address(text: &str) -> Checked<[u8; 16]> {
    let parsed: IpAddr = text.parse().map_err(|_| {
        let ty = ADDRESS.to_string().to_uppercase();
        Fault::cast(format!("Cannot cast value to {ty}: {text}"))
    })?;
    Ok(match parsed {
        IpAddr::V4(v4) => v4.to_ipv6_mapped().octets(),
        IpAddr::V6(v6) => v6.octets(),
    })
}

/// `10.0.0.0/8`; bits behind the length are cleared.
pub(in crate::athena) fn parse_prefix(text: &str) -> Checked<[u8; 17]> {
    let wrong = || Fault::cast(format!("Cannot cast value to IPPREFIX: {text}"));
    let (address, length) = text.split_once('/').ok_or_else(wrong)?;
    let address = parse_address(address).map_err(|_| wrong())?;
    let length: u8 = length.parse().map_err(|_| wrong())?;
    let longest = if mapped(&address).is_some() { 32 } else { 128 };
    if length > longest {
        return Err(wrong());
    }
    Ok(masked(&address, length))
}

fn mapped(address: &[u8]) -> Option<Ipv4Addr> {
    let octets: [u8; 16] = address.get(..16)?.try_into().ok()?;
    Ipv6Addr::from(octets).to_ipv4_mapped()
}

/// Bits of the sixteen bytes that belong to the prefix.
fn bits(address: &[u8], length: u8) -> u32 {
    let ahead = if mapped(address).is_some() { 96 } else { 0 };
    (u32::from(length) + ahead).min(128)
}

fn number(address: &[u8]) -> u128 {
    let mut octets = [0; 16];
    octets.copy_from_slice(&address[..16]);
    u128::from_be_bytes(octets)
}

fn mask(bits: u32) -> u128 {
    u128::MAX.checked_shl(128 - bits).unwrap_or(0)
}

fn masked(address: &[u8], length: u8) -> [u8; 17] {
    let network = number(address) & mask(bits(address, length));
    let mut prefix = [0; 17];
    prefix[..16].copy_from_slice(&network.to_be_bytes());
    prefix[16] = length;
    prefix
}

fn holds(prefix: &[u8], address: &[u8]) -> bool {
    let same_family = mapped(prefix).is_some() == mapped(address).is_some();
    let mask = mask(bits(prefix, prefix[16]));
    same_family && (number(prefix) ^ number(address)) & mask == 0
}

fn covers(outer: &[u8], inner: &[u8]) -> bool {
    outer[16] <= inner[16] && holds(outer, inner)
}

fn highest(prefix: &[u8]) -> [u8; 16] {
    (number(prefix) | !mask(bits(prefix, prefix[16]))).to_be_bytes()
}

fn prefix<'a>(address: &[u8], length: i64) -> Checked<Value<'a>> {
    let (longest, family) = if mapped(address).is_some() {
        (32, "IPv4")
    } else {
        (128, "IPv6")
    };
    let length = u8::try_from(length)
        .ok()
        .filter(|length| *length <= longest);
    let length = length.ok_or_else(|| {
        Fault::argument(format!(
            "{family} subnet size must be in range [0, {longest}]"
        ))
    })?;
    Ok(Value::Bytes(masked(address, length).to_vec().into()))
}

pub(in crate::athena) fn print_address(address: &[u8]) -> String {
    match mapped(address) {
        Some(v4) => v4.to_string(),
        None => Ipv6Addr::from(number(address)).to_string(),
    }
}

pub(in crate::athena) fn print_prefix(prefix: &[u8]) -> String {
    format!(
        "{}/{}",
        print_address(prefix),
        prefix.get(16).copied().unwrap_or_default()
    )
}

//! Addresses: which are free, which are next, and names of zones.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use ipnet::{IpNet, Ipv4Net};
use smol_str::{SmolStr, format_smolstr};
use wirelab_model::{ApiError, NetworkInterfaceId, Resources, Subnet};

use crate::error;
use crate::transaction::Transaction;

/// The block from which public addresses are drawn: one of Amazon's own in us-east-1.
const PUBLIC_POOL: Ipv4Net = Ipv4Net::new_assert(Ipv4Addr::new(3, 208, 0, 0), 12);

/// Whether two blocks have an address in common.
pub(crate) fn overlap(one: IpNet, other: IpNet) -> bool {
    one.contains(&other) || other.contains(&one)
}

/// Whether EC2 keeps `address` for itself: the first four and the last (Amazon VPC User Guide,
/// "Subnet CIDR blocks").
fn is_reserved(subnet: Ipv4Net, address: Ipv4Addr) -> bool {
    let offset = u32::from(address).wrapping_sub(u32::from(subnet.network()));
    offset < 4 || address == subnet.broadcast()
}

/// Private addresses in use in a subnet.
fn used(resources: &Resources, subnet: &Subnet) -> impl Iterator<Item = Ipv4Addr> {
    resources
        .network_interfaces
        .values()
        .filter(|interface| interface.subnet_id == subnet.subnet_id)
        .flat_map(|interface| interface.private_ip_addresses.iter())
        .map(|address| address.private_ip_address)
}

/// How many private addresses are free: `AvailableIpAddressCount`.
pub(crate) fn free_addresses(resources: &Resources, subnet: &Subnet) -> u64 {
    let all = 1_u64 << (32 - subnet.cidr_block.prefix_len());
    all - 5 - used(resources, subnet).count() as u64
}

/// The wanted private address if it can be had, or a free one that `salt` picks.
///
/// # Errors
/// An address outside the subnet, reserved or in use; no address left.
pub(crate) fn private_address(
    tx: &Transaction<'_>,
    subnet: &Subnet,
    wanted: Option<Ipv4Addr>,
    salt: &NetworkInterfaceId,
) -> Result<Ipv4Addr, ApiError> {
    let block = subnet.cidr_block;
    let used: BTreeSet<Ipv4Addr> = used(tx.resources(), subnet).collect();
    let in_use = |address| used.contains(&address);
    if let Some(address) = wanted {
        if !block.contains(&address) || is_reserved(block, address) {
            return Err(error::address_not_in_subnet(address));
        }
        if in_use(address) {
            return Err(error::address_in_use(address));
        }
        return Ok(address);
    }
    let size = (1_u64 << (32 - block.prefix_len())) as u32;
    let start = (tx.bits("private-address", salt.as_str()) % u64::from(size)) as u32;
    (0..size)
        .map(|step| Ipv4Addr::from(u32::from(block.network()) + (start.wrapping_add(step)) % size))
        .find(|address| !is_reserved(block, *address) && !in_use(*address))
        .ok_or_else(|| error::no_free_address(&subnet.subnet_id))
}

/// A public address that was never given before.
pub(crate) fn public_address(tx: &mut Transaction<'_>, salt: &str) -> Ipv4Addr {
    let size = 1_u64 << (32 - PUBLIC_POOL.prefix_len());
    let start = tx.bits("public-address", salt);
    (0..size)
        .map(|step| (start.wrapping_add(step) % size) as u32)
        .map(|offset| Ipv4Addr::from(u32::from(PUBLIC_POOL.network()) + offset))
        .find(|address| tx.state.taken.insert(format_smolstr!("{address}")))
        .expect("a scenario has fewer than a million public addresses")
}

/// A MAC address as Amazon's look: locally administered, `02:...`.
pub(crate) fn mac_address(tx: &Transaction<'_>, interface: &NetworkInterfaceId) -> SmolStr {
    let octets = tx.bits("mac", interface.as_str()).to_be_bytes();
    let [a, b, c, d, e, ..] = octets;
    format_smolstr!("02:{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}")
}

/// The zones of Regions that have not just a, b and c (AWS Regions and Availability Zones, "AWS
/// Availability Zones"): their letters, each with the number of its id. Zones that are closed to
/// new accounts are left out. In AWS the pairing differs from account to account in old Regions;
/// here it is the same for all.
const ZONES: [(&str, &[(char, u8)]); 6] = [
    (
        "us-east-1",
        &[('a', 1), ('b', 2), ('c', 3), ('d', 4), ('e', 5), ('f', 6)],
    ),
    ("us-west-1", &[('a', 1), ('c', 3)]),
    ("us-west-2", &[('a', 1), ('b', 2), ('c', 3), ('d', 4)]),
    ("ca-central-1", &[('a', 1), ('b', 2), ('d', 4)]),
    ("ap-northeast-1", &[('a', 4), ('c', 1), ('d', 2)]),
    ("ap-northeast-2", &[('a', 1), ('b', 2), ('c', 3), ('d', 4)]),
];

/// Those of all other Regions.
const THREE: &[(char, u8)] = &[('a', 1), ('b', 2), ('c', 3)];

/// Names and ids of the Region's zones: `us-east-1a`, `use1-az1`.
pub(crate) fn zones(region: &str) -> impl Iterator<Item = (SmolStr, SmolStr)> + use<> {
    let short = short_region(region);
    let known = ZONES.iter().find(|(name, _)| *name == region);
    let zones = known.map_or(THREE, |(_, zones)| *zones);
    let region = SmolStr::new(region);
    zones.iter().map(move |(letter, number)| {
        let name = format_smolstr!("{region}{letter}");
        (name, format_smolstr!("{short}-az{number}"))
    })
}

/// The id of a zone by its name.
pub(crate) fn zone_id(name: &str) -> Option<SmolStr> {
    let region = name.trim_end_matches(|it: char| it.is_ascii_lowercase());
    zones(region).find(|it| it.0 == name).map(|it| it.1)
}

/// `use1` for `us-east-1`, `apse2` for `ap-southeast-2`.
fn short_region(region: &str) -> String {
    let mut words = region.split('-');
    let area = words.next().unwrap_or_default();
    let rest = words.map(|word| match word {
        "northeast" => "ne",
        "northwest" => "nw",
        "southeast" => "se",
        "southwest" => "sw",
        "north" | "south" | "east" | "west" | "central" | "gov" => &word[..1],
        number => number,
    });
    rest.fold(area.to_owned(), |short, word| short + word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn regions_have_the_zones_that_aws_has() {
        for (region, names) in [
            ("us-east-1", "a1 b2 c3 d4 e5 f6"),
            ("us-west-1", "a1 c3"),
            ("eu-west-1", "a1 b2 c3"),
            ("ap-northeast-1", "a4 c1 d2"),
        ] {
            let last = |text: SmolStr| text.chars().last().unwrap_or_default();
            let zones = zones(region).map(|(name, id)| format!("{}{}", last(name), last(id)));
            assert_eq!(zones.collect::<Vec<_>>().join(" "), names, "{region}");
        }
    }

    #[test]
    fn zone_ids_shorten_the_region_as_amazon_does() {
        let first = |region| zones(region).next().map(|zone| zone.1);
        for (region, id) in [
            ("us-east-1", "use1-az1"),
            ("ap-southeast-2", "apse2-az1"),
            ("eu-central-1", "euc1-az1"),
        ] {
            assert_eq!(first(region).as_deref(), Some(id));
        }
    }
}

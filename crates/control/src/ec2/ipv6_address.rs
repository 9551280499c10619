//! IPv6 addresses of interfaces (Amazon EC2 API Reference: `AssignIpv6Addresses`,
//! `UnassignIpv6Addresses`).
//!
//! They are global: nothing translates them, and whether the internet reaches them is decided by
//! routes and rules alone.

use std::net::Ipv6Addr;

use ipnet::Ipv6Net;
use serde::Deserialize;
use serde_json::json;
use smol_str::format_smolstr;
use wirelab_model::*;

use crate::ec2::instance_type;
use crate::ec2::network_interface::refuse_managed;
use crate::error;
use crate::transaction::Transaction;

/// An address in a list of `Ipv6Addresses`.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct InstanceIpv6Address {
    ipv6_address: Ipv6Addr,
    #[serde(default, rename = "IsPrimaryIpv6")]
    _is_primary_ipv6: bool,
}

/// What a new interface wants.
#[derive(Clone, Debug, Default)]
pub(crate) struct Wanted {
    addresses: Vec<Ipv6Addr>,
    /// `None`: as many as the subnet gives by itself.
    count: Option<usize>,
}

impl Wanted {
    /// None, whatever the subnet gives.
    pub(crate) const fn none() -> Self {
        Self {
            addresses: Vec::new(),
            count: Some(0),
        }
    }

    pub(crate) fn new(
        listed: &[InstanceIpv6Address],
        count: Option<usize>,
    ) -> Result<Self, ApiError> {
        if !listed.is_empty() && count.is_some() {
            return Err(error::combination(
                "Only one of Ipv6Addresses, Ipv6AddressCount",
            ));
        }
        Ok(Self {
            addresses: listed.iter().map(|it| it.ipv6_address).collect(),
            count,
        })
    }
}

/// Gives a new interface its addresses: those wanted, or one if its subnet assigns them.
pub(crate) fn give(
    tx: &mut Transaction<'_>,
    id: &NetworkInterfaceId,
    wanted: &Wanted,
) -> Result<(), ApiError> {
    let subnet_id = tx.get::<NetworkInterface>(id)?.subnet_id.clone();
    let by_subnet = tx
        .get::<Subnet>(&subnet_id)?
        .assign_ipv6_address_on_creation;
    let count = match wanted.count {
        Some(count) => count,
        None => usize::from(by_subnet && wanted.addresses.is_empty()),
    };
    add(tx, id, &wanted.addresses, count).map(drop)
}

/// Adds the wanted addresses, then `count` free ones; says which.
fn add(
    tx: &mut Transaction<'_>,
    id: &NetworkInterfaceId,
    wanted: &[Ipv6Addr],
    count: usize,
) -> Result<Vec<Ipv6Addr>, ApiError> {
    if wanted.is_empty() && count == 0 {
        return Ok(Vec::new());
    }
    let subnet_id = tx.get::<NetworkInterface>(id)?.subnet_id.clone();
    let block = tx.get::<Subnet>(&subnet_id)?.ipv6_cidr_block;
    let block = block.ok_or_else(|| error::no_ipv6_block(&subnet_id))?;
    let mut added = Vec::new();
    for address in wanted {
        if !block.contains(address) || is_reserved(block, *address) {
            return Err(error::address_not_in_subnet(address));
        }
        if is_used(tx, *address) {
            return Err(error::address_in_use(address));
        }
        push(tx, id, *address)?;
        added.push(*address);
    }
    for _ in 0..count {
        let address = free(tx, id, block);
        push(tx, id, address)?;
        added.push(address);
    }
    instance_type::check_attached(tx, tx.get::<NetworkInterface>(id)?)?;
    Ok(added)
}

fn push(
    tx: &mut Transaction<'_>,
    id: &NetworkInterfaceId,
    address: Ipv6Addr,
) -> Result<(), ApiError> {
    let interface = tx.edit::<NetworkInterface>(id)?;
    interface.ipv6_addresses.push(address);
    Ok(())
}

fn is_used(tx: &Transaction<'_>, address: Ipv6Addr) -> bool {
    tx.each::<NetworkInterface>()
        .any(|it| it.ipv6_addresses.contains(&address))
}

/// The first four addresses of a block and the last are EC2's own (Amazon VPC User Guide, "Subnet
/// sizing for IPv6").
fn is_reserved(block: Ipv6Net, address: Ipv6Addr) -> bool {
    let offset = u128::from(address) - u128::from(block.network());
    offset < 4 || address == block.broadcast()
}

/// Amazon picks addresses anywhere in the block.
fn free(tx: &Transaction<'_>, id: &NetworkInterfaceId, block: Ipv6Net) -> Ipv6Addr {
    let candidate = |number: u32| {
        let salt = format_smolstr!("{id}#{number}");
        let bits = u128::from(tx.bits("ipv6-address", &salt));
        Ipv6Addr::from(u128::from(block.network()) | (bits & u128::from(block.hostmask())))
    };
    (0..)
        .map(candidate)
        .find(|address| !is_reserved(block, *address) && !is_used(tx, *address))
        .expect("a block has 2^64 addresses")
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct AssignIpv6Addresses {
    network_interface_id: NetworkInterfaceId,
    #[serde(default)]
    ipv6_addresses: Vec<Ipv6Addr>,
    ipv6_address_count: Option<usize>,
}

pub(crate) fn assign_ipv6_addresses(
    tx: &mut Transaction<'_>,
    request: AssignIpv6Addresses,
) -> Reply {
    let id = request.network_interface_id;
    refuse_managed(tx.get::<NetworkInterface>(&id)?)?;
    let count = match (
        request.ipv6_addresses.is_empty(),
        request.ipv6_address_count,
    ) {
        (true, None) => {
            return Err(error::missing_one_of("Ipv6Addresses, Ipv6AddressCount"));
        }
        (false, Some(_)) => {
            return Err(error::combination(
                "Only one of Ipv6Addresses, Ipv6AddressCount",
            ));
        }
        (_, count) => count.unwrap_or_default(),
    };
    let added = add(tx, &id, &request.ipv6_addresses, count)?;
    Ok(json!({ "NetworkInterfaceId": id, "AssignedIpv6Addresses": added }))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct UnassignIpv6Addresses {
    network_interface_id: NetworkInterfaceId,
    ipv6_addresses: Vec<Ipv6Addr>,
}

pub(crate) fn unassign_ipv6_addresses(
    tx: &mut Transaction<'_>,
    request: UnassignIpv6Addresses,
) -> Reply {
    let id = request.network_interface_id;
    let interface = tx.edit::<NetworkInterface>(&id)?;
    refuse_managed(interface)?;
    for address in &request.ipv6_addresses {
        let own = &mut interface.ipv6_addresses;
        let Some(index) = own.iter().position(|it| it == address) else {
            return Err(error::invalid_parameter_value(format_args!(
                "The address {address} is not assigned to interface {id}"
            )));
        };
        own.remove(index);
    }
    Ok(json!({ "NetworkInterfaceId": id, "UnassignedIpv6Addresses": request.ipv6_addresses }))
}

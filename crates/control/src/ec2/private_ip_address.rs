//! Secondary private IPv4 addresses (Amazon EC2 API Reference: `AssignPrivateIpAddresses`,
//! `UnassignPrivateIpAddresses`).
//!
//! An address moves to another interface of its subnet if the caller allows it
//! (`AllowReassignment`), as failover scripts do; its Elastic IP address goes with it. One that is
//! given up loses its Elastic IP address, which stays the account's (EC2 User Guide, "Secondary IP
//! addresses for your EC2 instances"). What is written here is read by `DescribeNetworkInterfaces`
//! at once, and the machines follow.

use std::net::Ipv4Addr;

use serde::Deserialize;
use serde_json::json;
use wirelab_model::*;

use crate::ec2::address::disassociate;
use crate::ec2::network_interface::{add_addresses, refuse_managed};
use crate::error;
use crate::transaction::Transaction;
use crate::view::done;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct AssignPrivateIpAddresses {
    network_interface_id: NetworkInterfaceId,
    #[serde(default)]
    private_ip_addresses: Vec<Ipv4Addr>,
    #[serde(default)]
    secondary_private_ip_address_count: usize,
    #[serde(default)]
    allow_reassignment: bool,
}

pub(crate) fn assign_private_ip_addresses(
    tx: &mut Transaction<'_>,
    request: AssignPrivateIpAddresses,
) -> Reply {
    let id = request.network_interface_id;
    let count = request.secondary_private_ip_address_count;
    let wanted = request.private_ip_addresses;
    refuse_managed(tx.get::<NetworkInterface>(&id)?)?;
    if wanted.is_empty() && count == 0 {
        return Err(error::missing_one_of(
            "PrivateIpAddresses, SecondaryPrivateIpAddressCount",
        ));
    }
    let mut moved = Vec::new();
    if request.allow_reassignment {
        for address in &wanted {
            moved.extend(take(tx, &id, *address)?);
        }
    }
    let added = add_addresses(tx, &id, &wanted, count)?;
    for (address, association) in moved {
        bring(tx, &id, address, association)?;
    }
    let shown: Vec<_> = added
        .iter()
        .map(|it| json!({ "PrivateIpAddress": it }))
        .collect();
    Ok(json!({ "NetworkInterfaceId": id, "AssignedPrivateIpAddresses": shown }))
}

/// Takes an address from whatever interface of the subnet has it as a secondary one. Returns the
/// mapping that goes with it.
fn take(
    tx: &mut Transaction<'_>,
    to: &NetworkInterfaceId,
    address: Ipv4Addr,
) -> Result<Option<(Ipv4Addr, InterfaceAssociation)>, ApiError> {
    let subnet = &tx.get::<NetworkInterface>(to)?.subnet_id;
    let is_here = |it: &&NetworkInterface| {
        let mut own = it.private_ip_addresses.iter();
        it.subnet_id == *subnet && own.any(|its| its.private_ip_address == address && !its.primary)
    };
    let from = tx.each::<NetworkInterface>().find(is_here);
    let Some(from) = from.map(|it| it.network_interface_id.clone()) else {
        return Ok(None);
    };
    let from = tx.edit::<NetworkInterface>(&from)?;
    refuse_managed(from)?;
    let own = &mut from.private_ip_addresses;
    let at = own.iter().position(|it| it.private_ip_address == address);
    let taken = at.map(|at| own.remove(at));
    Ok(taken.and_then(|it| Some((address, it.association?))))
}

/// Maps an Elastic IP address to the interface that its private address has moved to.
fn bring(
    tx: &mut Transaction<'_>,
    to: &NetworkInterfaceId,
    address: Ipv4Addr,
    association: InterfaceAssociation,
) -> Result<(), ApiError> {
    let interface = tx.edit::<NetworkInterface>(to)?;
    let attachment = interface.attachment.as_ref();
    let instance = attachment.and_then(|it| it.instance_id.clone());
    let allocation = association.allocation_id.clone();
    for it in &mut interface.private_ip_addresses {
        if it.private_ip_address == address {
            it.association = Some(association.clone());
        }
    }
    if let Some(allocation) = allocation {
        let elastic = tx.edit::<Address>(&allocation)?;
        elastic.network_interface_id = Some(to.clone());
        elastic.instance_id = instance;
    }
    Ok(())
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct UnassignPrivateIpAddresses {
    network_interface_id: NetworkInterfaceId,
    private_ip_addresses: Vec<Ipv4Addr>,
}

pub(crate) fn unassign_private_ip_addresses(
    tx: &mut Transaction<'_>,
    request: UnassignPrivateIpAddresses,
) -> Reply {
    let id = request.network_interface_id;
    refuse_managed(tx.get::<NetworkInterface>(&id)?)?;
    for address in request.private_ip_addresses {
        let own = &mut tx.edit::<NetworkInterface>(&id)?.private_ip_addresses;
        let secondary = |it: &PrivateIpAddress| it.private_ip_address == address && !it.primary;
        let Some(at) = own.iter().position(secondary) else {
            return Err(error::invalid_parameter_value(format_args!(
                "Some of the specified addresses are not assigned to interface {id} as secondary \
                ones: {address}"
            )));
        };
        let association = own.remove(at).association;
        if let Some(allocation) = association.and_then(|it| it.allocation_id) {
            disassociate(&mut tx.state.resources, &allocation);
        }
    }
    Ok(done())
}

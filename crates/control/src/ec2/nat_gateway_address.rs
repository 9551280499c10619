//! Addresses of NAT gateways (Amazon EC2 API Reference: `AssociateNatGatewayAddress` and its kin;
//! Amazon VPC User Guide, "Edit secondary IP address associations").
//!
//! A public gateway has Elastic IP addresses, a private one private addresses; all are on the
//! gateway's one interface. An address that goes takes no new connections from the call on and is
//! released when `MaxDrainDurationSeconds` is over, whether or not old connections are left. Until
//! then the gateway's addresses cannot be changed again.

use std::net::Ipv4Addr;
use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Value, json};
use wirelab_model::*;

use crate::ec2::{address, network_interface};
use crate::error;
use crate::state::State;
use crate::transaction::Transaction;

use NatGatewayAddressStatus::{Assigning, Associating, Disassociating, Succeeded, Unassigning};

/// How long old connections may go on, by default and in EC2's range, in seconds.
const DRAIN: u64 = 350;
const DRAINS: std::ops::RangeInclusive<u64> = 1..=4000;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct AssociateNatGatewayAddress {
    nat_gateway_id: NatGatewayId,
    allocation_ids: Vec<AllocationId>,
    #[serde(default)]
    private_ip_addresses: Vec<Ipv4Addr>,
}

pub(crate) fn associate(tx: &mut Transaction<'_>, request: AssociateNatGatewayAddress) -> Reply {
    let id = request.nat_gateway_id;
    let gateway = editable(tx, &id, ConnectivityType::Public)?;
    let allocations = request.allocation_ids;
    if allocations.is_empty() {
        return Err(error::missing_parameter("AllocationIds"));
    }
    for allocation in &allocations {
        if tx.get::<Address>(allocation)?.association_id.is_some() {
            return Err(error::already_associated(format_args!(
                "Elastic IP address [{allocation}] is already associated"
            )));
        }
    }
    if request.private_ip_addresses.len() > allocations.len() {
        return Err(error::combination(
            "There must not be more PrivateIpAddresses than AllocationIds",
        ));
    }
    let wanted = (&request.private_ip_addresses[..], allocations.len());
    add(tx, &gateway, wanted, &allocations)
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct AssignPrivateNatGatewayAddress {
    nat_gateway_id: NatGatewayId,
    #[serde(default)]
    private_ip_addresses: Vec<Ipv4Addr>,
    #[serde(default)]
    private_ip_address_count: usize,
}

pub(crate) fn assign(tx: &mut Transaction<'_>, request: AssignPrivateNatGatewayAddress) -> Reply {
    let id = request.nat_gateway_id;
    let gateway = editable(tx, &id, ConnectivityType::Private)?;
    let addresses = &request.private_ip_addresses;
    if addresses.is_empty() == (request.private_ip_address_count == 0) {
        return Err(error::missing_one_of(
            "PrivateIpAddresses, PrivateIpAddressCount",
        ));
    }
    let count = addresses.len().max(request.private_ip_address_count);
    add(tx, &gateway, (addresses, count), &[])
}

/// Adds so many addresses, the wanted ones among them, each with its Elastic IP address if there
/// are any.
fn add(
    tx: &mut Transaction<'_>,
    gateway: &NatGateway,
    (wanted, count): (&[Ipv4Addr], usize),
    allocations: &[AllocationId],
) -> Reply {
    let id = &gateway.nat_gateway_id;
    check_quota(tx, gateway, gateway.nat_gateway_addresses.len() + count)?;
    let primary = gateway.nat_gateway_addresses.first();
    let primary = primary.expect("a gateway in service has an address");
    let interface = &primary.network_interface_id;
    let free = count - wanted.len();
    let added = network_interface::add_addresses(tx, interface, wanted, free)?;
    let made = added.iter().enumerate().map(|(at, private)| {
        let allocation = allocations.get(at);
        make(tx, interface, *private, allocation, false)
    });
    let made: Vec<_> = made.collect::<Result<_, _>>()?;
    let all = &mut tx.edit::<NatGateway>(id)?.nat_gateway_addresses;
    all.extend(made.iter().cloned());
    let delay = tx.config.delays.nat_gateway_address;
    tx.settle_after::<NatGateway>(id, delay);
    Ok(reply(id, &made))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct DisassociateNatGatewayAddress {
    nat_gateway_id: NatGatewayId,
    association_ids: Vec<AssociationId>,
    max_drain_duration_seconds: Option<u64>,
}

pub(crate) fn disassociate(
    tx: &mut Transaction<'_>,
    request: DisassociateNatGatewayAddress,
) -> Reply {
    let id = request.nat_gateway_id;
    let gateway = editable(tx, &id, ConnectivityType::Public)?;
    for association in &request.association_ids {
        let has = |it: &NatGatewayAddress| it.association_id.as_ref() == Some(association);
        if !gateway.nat_gateway_addresses.iter().any(has) {
            return Err(error::association_not_found(association));
        }
    }
    let drain = request.max_drain_duration_seconds;
    drain_out(tx, &gateway, drain, |it| {
        let association = it.association_id.as_ref();
        association.is_some_and(|it| request.association_ids.contains(it))
    })
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct UnassignPrivateNatGatewayAddress {
    nat_gateway_id: NatGatewayId,
    private_ip_addresses: Vec<Ipv4Addr>,
    max_drain_duration_seconds: Option<u64>,
}

pub(crate) fn unassign(
    tx: &mut Transaction<'_>,
    request: UnassignPrivateNatGatewayAddress,
) -> Reply {
    let id = request.nat_gateway_id;
    let gateway = editable(tx, &id, ConnectivityType::Private)?;
    for address in &request.private_ip_addresses {
        let has = |it: &NatGatewayAddress| it.private_ip == *address;
        if !gateway.nat_gateway_addresses.iter().any(has) {
            return Err(error::invalid_parameter_value(format_args!(
                "The private IP address {address} is not assigned to {id}"
            )));
        }
    }
    let drain = request.max_drain_duration_seconds;
    drain_out(tx, &gateway, drain, |it| {
        request.private_ip_addresses.contains(&it.private_ip)
    })
}

/// Lets the chosen addresses go when their time to drain is over.
fn drain_out(
    tx: &mut Transaction<'_>,
    gateway: &NatGateway,
    seconds: Option<u64>,
    chosen: impl Fn(&NatGatewayAddress) -> bool,
) -> Reply {
    let seconds = seconds.unwrap_or(DRAIN);
    if !DRAINS.contains(&seconds) {
        return Err(error::invalid_value(
            &seconds.to_string(),
            "MaxDrainDurationSeconds",
            "1 to 4000 seconds",
        ));
    }
    let id = &gateway.nat_gateway_id;
    let mut going_out = Vec::new();
    for address in &mut tx.edit::<NatGateway>(id)?.nat_gateway_addresses {
        if chosen(address) {
            if address.is_primary {
                return Err(error::invalid_parameter(format_args!(
                    "The primary address {} of {id} stays until the NAT gateway is deleted",
                    address.private_ip
                )));
            }
            address.status = going(address);
            going_out.push(address.clone());
        }
    }
    if going_out.is_empty() {
        return Err(error::missing_one_of("AssociationIds, PrivateIpAddresses"));
    }
    tx.settle_after::<NatGateway>(id, SimDuration::from_secs(seconds));
    Ok(reply(id, &going_out))
}

fn reply(id: &NatGatewayId, addresses: &[NatGatewayAddress]) -> Value {
    let addresses: Vec<_> = addresses.iter().map(show).collect();
    json!({ "NatGatewayId": id, "NatGatewayAddresses": addresses })
}

/// The gateway, if its addresses can be changed now.
fn editable(
    tx: &Transaction<'_>,
    id: &NatGatewayId,
    kind: ConnectivityType,
) -> Result<Arc<NatGateway>, ApiError> {
    let gateway = tx.get::<NatGateway>(id)?;
    if gateway.connectivity_type != kind {
        let kind = match kind {
            ConnectivityType::Public => "public",
            ConnectivityType::Private => "private",
        };
        return Err(error::unsupported(format_args!(
            "This operation is for {kind} NAT gateways, and {id} is none"
        )));
    }
    if gateway.state != NatGatewayState::Available {
        return Err(error::incorrect_state(format_args!(
            "The NAT gateway {id} is not in the available state"
        )));
    }
    let in_progress = |status: NatGatewayAddressStatus| {
        let addresses = gateway.nat_gateway_addresses.iter();
        let of_status = addresses.filter(move |it| it.status == status);
        let names = of_status.map(|it| match &it.allocation_id {
            Some(allocation) => allocation.to_string(),
            None => it.private_ip.to_string(),
        });
        names.collect::<Vec<_>>().join(", ")
    };
    for (status, word) in [
        (Associating, "ASSOCIATING"),
        (Disassociating, "DISASSOCIATING"),
        (Assigning, "ASSIGNING"),
        (Unassigning, "UNASSIGNING"),
    ] {
        let names = in_progress(status);
        if !names.is_empty() {
            return Err(error::operation_in_progress(word, &names));
        }
    }
    Ok(Arc::clone(gateway))
}

/// A gateway has eight addresses at most, a public one fewer until its quota is raised.
pub(crate) fn check_quota(
    tx: &Transaction<'_>,
    gateway: &NatGateway,
    count: usize,
) -> Result<(), ApiError> {
    let quotas = &tx.quotas();
    let limit = match gateway.connectivity_type {
        ConnectivityType::Public => quotas.elastic_ips_per_nat_gateway,
        ConnectivityType::Private => quotas.addresses_per_nat_gateway,
    };
    if count > limit {
        return Err(error::nat_gateway_address_limit(limit));
    }
    Ok(())
}

/// A private address of the gateway's interface as an address of the gateway, on its way there.
pub(crate) fn make(
    tx: &mut Transaction<'_>,
    interface: &NetworkInterfaceId,
    private_ip: Ipv4Addr,
    allocation: Option<&AllocationId>,
    is_primary: bool,
) -> Result<NatGatewayAddress, ApiError> {
    let (association_id, public_ip) = match allocation {
        Some(id) => (
            Some(address::associate(tx, id, interface, Some(private_ip))?),
            Some(tx.get::<Address>(id)?.public_ip),
        ),
        None => (None, None),
    };
    Ok(NatGatewayAddress {
        allocation_id: allocation.cloned(),
        association_id,
        network_interface_id: interface.clone(),
        private_ip,
        public_ip,
        is_primary,
        status: match allocation {
            Some(_) => Associating,
            None => Assigning,
        },
    })
}

/// The status of an address that goes.
pub(crate) const fn going(address: &NatGatewayAddress) -> NatGatewayAddressStatus {
    match address.allocation_id {
        Some(_) => Disassociating,
        None => Unassigning,
    }
}

/// Addresses on their way have come; those that were to go are released.
pub(crate) fn settle(gateway: &mut NatGateway, state: &mut State) {
    gateway
        .nat_gateway_addresses
        .retain_mut(|it| match it.status {
            Disassociating | Unassigning => {
                release(it, state);
                false
            }
            _ => {
                it.status = Succeeded;
                true
            }
        });
}

fn release(gone: &NatGatewayAddress, state: &mut State) {
    let resources = &mut state.resources;
    if let Some(allocation) = &gone.allocation_id {
        address::disassociate(resources, allocation);
    }
    let interfaces = &mut resources.network_interfaces;
    if let Some(interface) = interfaces.get_mut(&gone.network_interface_id) {
        let addresses = &mut Arc::make_mut(interface).private_ip_addresses;
        addresses.retain(|it| it.private_ip_address != gone.private_ip);
    }
}

pub(crate) fn show(address: &NatGatewayAddress) -> Value {
    json!({
        "AllocationId": address.allocation_id,
        "AssociationId": address.association_id,
        "NetworkInterfaceId": address.network_interface_id,
        "PrivateIp": address.private_ip,
        "PublicIp": address.public_ip,
        "IsPrimary": address.is_primary,
        "Status": address.status,
    })
}

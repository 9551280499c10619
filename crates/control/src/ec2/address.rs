//! Elastic IP addresses (Amazon EC2 API Reference: `AllocateAddress` and its kin).

use std::net::Ipv4Addr;
use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Value, json};
use smol_str::{SmolStr, format_smolstr};
use wirelab_model::*;

use crate::describe::{Field, Reader};
use crate::ec2::{instance_state, internet_gateway};
use crate::transaction::Transaction;
use crate::view::{done, maybe, one, tags};
use crate::{error, network};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct AllocateAddress {
    domain: Option<SmolStr>,
    address: Option<Ipv4Addr>,
}

pub(crate) fn allocate_address(tx: &mut Transaction<'_>, request: AllocateAddress) -> Reply {
    if let Some(domain) = request.domain.filter(|it| it != "vpc") {
        return Err(error::invalid_value(
            &domain,
            "domain",
            "addresses are allocated for use in a VPC, with the domain vpc",
        ));
    }
    if tx.each::<Address>().count() >= tx.quotas().addresses && !tx.is_structural() {
        return Err(error::address_limit());
    }
    let allocation_id = tx.new_id::<Address>();
    let public_ip = match request.address {
        Some(address) => wanted_address(tx, address)?,
        None => network::public_address(tx, allocation_id.as_str()),
    };
    let address = Address {
        allocation_id: allocation_id.clone(),
        public_ip,
        owner_id: tx.owner.clone(),
        association_id: None,
        network_interface_id: None,
        private_ip_address: None,
        instance_id: None,
        tags: tx.tags::<Address>()?,
    };
    tx.put(address);
    Ok(json!({
        "AllocationId": allocation_id,
        "PublicIp": public_ip,
        "PublicIpv4Pool": "amazon",
        "NetworkBorderGroup": tx.region,
        "Domain": "vpc",
    }))
}

/// A caller may ask for an address that it released, which nobody has got since (EC2 User Guide,
/// "Recover an Elastic IP address"); a scenario for any that is free.
fn wanted_address(tx: &mut Transaction<'_>, address: Ipv4Addr) -> Result<Ipv4Addr, ApiError> {
    let own = tx.state.released.get(&address) == Some(&tx.owner);
    if !own && !tx.is_structural() {
        return Err(error::public_address_not_found(address));
    }
    tx.state.released.remove(&address);
    let held = tx.each::<Address>().any(|it| it.public_ip == address);
    if held || address.is_private() || address.is_loopback() || address.is_multicast() {
        return Err(error::invalid_value(
            &address.to_string(),
            "address",
            "the address cannot be allocated",
        ));
    }
    tx.state.taken.insert(format_smolstr!("{address}"));
    Ok(address)
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct AssociateAddress {
    allocation_id: Option<AllocationId>,
    public_ip: Option<Ipv4Addr>,
    instance_id: Option<InstanceId>,
    network_interface_id: Option<NetworkInterfaceId>,
    private_ip_address: Option<Ipv4Addr>,
    allow_reassociation: Option<bool>,
}

pub(crate) fn associate_address(tx: &mut Transaction<'_>, request: AssociateAddress) -> Reply {
    let allocation_id = find(tx, request.allocation_id, request.public_ip)?;
    let interface_id = interface(tx, request.instance_id, request.network_interface_id)?;
    let private_ip = request.private_ip_address;
    let reassociate = request.allow_reassociation.unwrap_or(true);
    let address = tx.get::<Address>(&allocation_id)?;
    if let Some(association_id) = &address.association_id {
        refuse_service_address(tx, address)?;
        if !reassociate {
            return Err(error::already_associated(format_args!(
                "resource {allocation_id} is already associated with associate-id {association_id}"
            )));
        }
    }
    let vpc_id = tx.get::<NetworkInterface>(&interface_id)?.vpc_id.clone();
    if internet_gateway::attached_to(tx.resources(), &vpc_id).is_none() {
        return Err(error::no_internet_gateway(&vpc_id));
    }
    let association_id = associate(tx, &allocation_id, &interface_id, private_ip)?;
    Ok(json!({ "AssociationId": association_id }))
}

fn interface(
    tx: &Transaction<'_>,
    instance: Option<InstanceId>,
    interface: Option<NetworkInterfaceId>,
) -> Result<NetworkInterfaceId, ApiError> {
    match (instance, interface) {
        (Some(id), None) => {
            let instance = tx.get::<Instance>(&id)?;
            if instance.network_interfaces.len() > 1 && !tx.is_structural() {
                return Err(error::several_interfaces(&id));
            }
            let primary = instance.network_interfaces.first().cloned();
            primary.ok_or_else(|| error::incorrect_instance_state(&id, "running"))
        }
        (None, Some(id)) => {
            super::network_interface::refuse_managed(tx.get::<NetworkInterface>(&id)?)?;
            Ok(id)
        }
        (None, None) => Err(error::missing_one_of("InstanceId, NetworkInterfaceId")),
        (Some(_), Some(_)) => Err(error::combination(
            "You may specify either an instance ID or a network interface ID, not both",
        )),
    }
}

/// Maps the Elastic IP address to a private one of the interface: its primary one if none is named.
/// Whatever was mapped on either side before is not any more.
pub(crate) fn associate(
    tx: &mut Transaction<'_>,
    allocation_id: &AllocationId,
    interface_id: &NetworkInterfaceId,
    private_ip: Option<Ipv4Addr>,
) -> Result<AssociationId, ApiError> {
    let association_id = AssociationId::new(tx.new_text_id(AssociationId::PREFIX));
    let interface = tx.get::<NetworkInterface>(interface_id)?.clone();
    let private_ip = private_ip.unwrap_or(interface.private_ip_address);
    let mapped = interface
        .private_ip_addresses
        .iter()
        .find(|it| it.private_ip_address == private_ip)
        .ok_or_else(|| {
            error::invalid_parameter_value(format_args!(
                "The private IP address {private_ip} is not assigned to {interface_id}"
            ))
        })?;
    let instance_id = interface
        .attachment
        .as_ref()
        .and_then(|it| it.instance_id.clone());
    match mapped.association.as_ref().map(|it| &it.allocation_id) {
        Some(Some(id)) => disassociate(&mut tx.state.resources, id),
        // Amazon's own address goes, and another comes when this one has gone.
        Some(None) => tx.state.wants_public_address.extend(instance_id.clone()),
        None => {}
    }
    let was_on = tx.get::<Address>(allocation_id)?.instance_id.clone();
    disassociate(&mut tx.state.resources, allocation_id);
    if let Some(other) = was_on.filter(|it| Some(it) != instance_id.as_ref()) {
        instance_state::regain_public_address(tx, &other)?;
    }
    let address = tx.edit::<Address>(allocation_id)?;
    address.association_id = Some(association_id.clone());
    address.network_interface_id = Some(interface_id.clone());
    address.private_ip_address = Some(private_ip);
    address.instance_id = instance_id;
    let association = InterfaceAssociation {
        public_ip: address.public_ip,
        allocation_id: Some(allocation_id.clone()),
        association_id: Some(association_id.clone()),
    };
    let interface = tx.edit::<NetworkInterface>(interface_id)?;
    for it in &mut interface.private_ip_addresses {
        if it.private_ip_address == private_ip {
            it.association = Some(association.clone());
        }
    }
    Ok(association_id)
}

/// Ends the mapping of an Elastic IP address, if there is one.
pub(crate) fn disassociate(resources: &mut Resources, allocation_id: &AllocationId) {
    let Some(address) = resources.addresses.get_mut(allocation_id) else {
        return;
    };
    let address = Arc::make_mut(address);
    address.association_id = None;
    address.private_ip_address = None;
    address.instance_id = None;
    let interface = address.network_interface_id.take();
    let interface = interface.and_then(|id| resources.network_interfaces.get_mut(&id));
    if let Some(interface) = interface {
        for it in &mut Arc::make_mut(interface).private_ip_addresses {
            let ours = |it: &InterfaceAssociation| it.allocation_id.as_ref() == Some(allocation_id);
            if it.association.as_ref().is_some_and(ours) {
                it.association = None;
            }
        }
    }
}

/// Addresses name the instance that their interface is attached to.
pub(crate) fn follow_interface(
    resources: &mut Resources,
    interface: &NetworkInterfaceId,
    instance: Option<&InstanceId>,
) {
    for address in resources.addresses.values_mut() {
        if address.network_interface_id.as_ref() == Some(interface) {
            Arc::make_mut(address).instance_id = instance.cloned();
        }
    }
}

/// Ends all mappings to an interface.
pub(crate) fn release_interface(resources: &mut Resources, id: &NetworkInterfaceId) {
    let mapped: Vec<_> = resources
        .addresses
        .values()
        .filter(|it| it.network_interface_id.as_ref() == Some(id))
        .map(|it| it.allocation_id.clone())
        .collect();
    for allocation_id in mapped {
        disassociate(resources, &allocation_id);
    }
}

fn find(
    tx: &Transaction<'_>,
    allocation_id: Option<AllocationId>,
    public_ip: Option<Ipv4Addr>,
) -> Result<AllocationId, ApiError> {
    match (allocation_id, public_ip) {
        (Some(id), None) => tx.get::<Address>(&id).map(|_| id),
        (None, Some(public_ip)) => tx
            .each::<Address>()
            .find(|it| it.public_ip == public_ip)
            .map(|it| it.allocation_id.clone())
            .ok_or_else(|| error::public_address_not_found(public_ip)),
        (None, None) => Err(error::missing_one_of("AllocationId, PublicIp")),
        (Some(_), Some(_)) => Err(error::combination(
            "You may specify public IP or allocation id, but not both in the same call",
        )),
    }
}

/// A NAT gateway's address is the gateway's as long as that lives.
fn refuse_service_address(tx: &Transaction<'_>, address: &Address) -> Result<(), ApiError> {
    let interface = address.network_interface_id.as_ref();
    let interface = interface.and_then(|id| tx.resources().network_interfaces.get(id));
    if interface.is_some_and(|it| it.requester_managed) {
        return Err(ApiError::client(
            "AuthFailure",
            "You do not have permission to access the specified resource.",
        ));
    }
    Ok(())
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct DisassociateAddress {
    association_id: Option<AssociationId>,
    public_ip: Option<Ipv4Addr>,
}

pub(crate) fn disassociate_address(
    tx: &mut Transaction<'_>,
    request: DisassociateAddress,
) -> Reply {
    let allocation_id = match &request.association_id {
        Some(id) => tx
            .each::<Address>()
            .find(|it| it.association_id.as_ref() == Some(id))
            .map(|it| it.allocation_id.clone())
            .ok_or_else(|| error::association_not_found(id))?,
        None => find(tx, None, request.public_ip)?,
    };
    let address = tx.get::<Address>(&allocation_id)?;
    refuse_service_address(tx, address)?;
    let instance = address.instance_id.clone();
    disassociate(&mut tx.state.resources, &allocation_id);
    if let Some(id) = instance {
        instance_state::regain_public_address(tx, &id)?;
    }
    Ok(done())
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct ReleaseAddress {
    allocation_id: Option<AllocationId>,
    public_ip: Option<Ipv4Addr>,
    #[serde(rename = "NetworkBorderGroup")]
    _network_border_group: Option<SmolStr>,
}

pub(crate) fn release_address(tx: &mut Transaction<'_>, request: ReleaseAddress) -> Reply {
    let id = find(tx, request.allocation_id, request.public_ip)?;
    let address = tx.get::<Address>(&id)?;
    if address.association_id.is_some() {
        return Err(error::address_locked(&id));
    }
    let public_ip = address.public_ip;
    let owner = address.owner_id.clone();
    tx.remove::<Address>(&id);
    tx.state.released.insert(public_ip, owner);
    Ok(done())
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct DescribeAddresses {
    #[serde(default)]
    allocation_ids: Vec<AllocationId>,
    #[serde(default)]
    public_ips: Vec<Ipv4Addr>,
}

const FIELDS: &[Field<Address>] = &[
    ("allocation-id", |it, _| one(&it.allocation_id)),
    ("association-id", |it, _| maybe(it.association_id.as_ref())),
    ("domain", |_, _| one("vpc")),
    ("instance-id", |it, _| maybe(it.instance_id.as_ref())),
    ("network-interface-id", |it, _| {
        maybe(it.network_interface_id.as_ref())
    }),
    ("network-interface-owner-id", |it, _| {
        maybe(it.network_interface_id.as_ref().map(|_| &it.owner_id))
    }),
    ("private-ip-address", |it, _| maybe(it.private_ip_address)),
    ("public-ip", |it, _| one(it.public_ip)),
];

pub(crate) fn describe_addresses(reader: &Reader<'_>, request: DescribeAddresses) -> Reply {
    let mut ids = request.allocation_ids;
    for public_ip in request.public_ips {
        let address = reader
            .each::<Address>()
            .find(|it| it.public_ip == public_ip);
        let address = address.ok_or_else(|| error::public_address_not_found(public_ip))?;
        ids.push(address.allocation_id.clone());
    }
    reader.describe("Addresses", &ids, FIELDS, |it| show(it, reader.region()))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct DescribeAddressesAttribute {
    #[serde(default)]
    allocation_ids: Vec<AllocationId>,
    /// There is one: `domain-name`.
    #[serde(rename = "Attribute")]
    _attribute: Option<DomainName>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
enum DomainName {
    DomainName,
}

/// No address has a name of its own for reverse look-ups: `ModifyAddressAttribute` gives them, and
/// it is not simulated.
pub(crate) fn describe_addresses_attribute(
    reader: &Reader<'_>,
    request: DescribeAddressesAttribute,
) -> Reply {
    reader.describe(
        "Addresses",
        &request.allocation_ids,
        FIELDS,
        |it| json!({ "PublicIp": it.public_ip, "AllocationId": it.allocation_id }),
    )
}

fn show(address: &Address, region: &str) -> Value {
    json!({
        "AllocationId": address.allocation_id,
        "AssociationId": address.association_id,
        "Domain": "vpc",
        "InstanceId": address.instance_id,
        "NetworkInterfaceId": address.network_interface_id,
        "NetworkInterfaceOwnerId": address.network_interface_id.as_ref()
            .map(|_| &address.owner_id),
        "PrivateIpAddress": address.private_ip_address,
        "PublicIp": address.public_ip,
        "PublicIpv4Pool": "amazon",
        "NetworkBorderGroup": region,
        "Tags": tags(&address.tags),
    })
}

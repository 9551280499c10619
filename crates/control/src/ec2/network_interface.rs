//! Network interfaces (Amazon EC2 API Reference: `CreateNetworkInterface` and its kin).
//!
//! Attachments and attributes are in [`super::interface_attribute`] and
//! [`super::interface_attachment`].

use std::net::Ipv4Addr;

use serde::Deserialize;
use serde_json::{Value, json};
use smol_str::SmolStr;
use wirelab_model::*;

use crate::describe::{Field, Reader};
use crate::ec2::instance_type;
use crate::ec2::ipv6_address::{self, InstanceIpv6Address, Wanted};
use crate::kind::Kind;
use crate::state::State;
use crate::transaction::Transaction;
use crate::view::{done, each, maybe, one, tags, word};
use crate::{error, network};

/// What an interface is made from.
pub(crate) struct NewInterface {
    pub(crate) subnet: SubnetId,
    pub(crate) address: Option<Ipv4Addr>,
    pub(crate) secondary: Vec<Ipv4Addr>,
    pub(crate) secondary_count: usize,
    pub(crate) ipv6: Wanted,
    pub(crate) groups: Vec<SecurityGroupId>,
    pub(crate) interface_type: InterfaceType,
    pub(crate) description: String,
}

impl NewInterface {
    /// An interface of an AWS service: no groups, no source/destination check.
    pub(crate) fn of_service(subnet: &SubnetId, kind: InterfaceType, description: String) -> Self {
        Self {
            subnet: subnet.clone(),
            address: None,
            secondary: Vec::new(),
            secondary_count: 0,
            ipv6: Wanted::none(),
            groups: Vec::new(),
            interface_type: kind,
            description,
        }
    }
}

/// Makes an interface and keeps it.
pub(crate) fn make(
    tx: &mut Transaction<'_>,
    new: NewInterface,
) -> Result<NetworkInterface, ApiError> {
    let subnet = tx.get::<Subnet>(&new.subnet)?.clone();
    let ordinary = new.interface_type == InterfaceType::Interface;
    let grouped = ordinary || new.interface_type == InterfaceType::VpcEndpoint;
    let groups = if grouped {
        checked_groups(tx, &subnet.vpc_id, new.groups)?
    } else {
        Vec::new()
    };
    let id = tx.new_id::<NetworkInterface>();
    let primary = network::private_address(tx, &subnet, new.address, &id)?;
    let interface = NetworkInterface {
        mac_address: network::mac_address(tx, &id),
        network_interface_id: id.clone(),
        subnet_id: subnet.subnet_id.clone(),
        vpc_id: subnet.vpc_id.clone(),
        availability_zone: subnet.availability_zone.clone(),
        interface_type: new.interface_type,
        requester_managed: !ordinary,
        private_ip_address: primary,
        private_ip_addresses: vec![private(primary, true)],
        ipv6_addresses: Vec::new(),
        groups,
        source_dest_check: ordinary,
        attachment: None,
        connection_tracking_configuration: ConnectionTracking::default(),
        description: new.description,
        owner_id: tx.owner.clone(),
        tag_set: Vec::new(),
    };
    tx.put(interface);
    add_addresses(tx, &id, &new.secondary, new.secondary_count)?;
    ipv6_address::give(tx, &id, &new.ipv6)?;
    Ok(NetworkInterface::clone(tx.get::<NetworkInterface>(&id)?))
}

fn private(address: Ipv4Addr, primary: bool) -> PrivateIpAddress {
    PrivateIpAddress {
        private_ip_address: address,
        primary,
        association: None,
    }
}

/// Adds the wanted secondary addresses, then `count` free ones; says which.
pub(crate) fn add_addresses(
    tx: &mut Transaction<'_>,
    id: &NetworkInterfaceId,
    wanted: &[Ipv4Addr],
    count: usize,
) -> Result<Vec<Ipv4Addr>, ApiError> {
    let subnet_id = tx.get::<NetworkInterface>(id)?.subnet_id.clone();
    let subnet = tx.get::<Subnet>(&subnet_id)?.clone();
    let wanted = wanted.iter().map(|address| Some(*address));
    let mut added = Vec::new();
    for address in wanted.chain(std::iter::repeat_n(None, count)) {
        let address = network::private_address(tx, &subnet, address, id)?;
        let interface = tx.edit::<NetworkInterface>(id)?;
        interface.private_ip_addresses.push(private(address, false));
        added.push(address);
    }
    instance_type::check_attached(tx, tx.get::<NetworkInterface>(id)?)?;
    Ok(added)
}

/// The groups, of the interface's VPC; the default one if there are none.
pub(crate) fn checked_groups(
    tx: &Transaction<'_>,
    vpc_id: &VpcId,
    mut groups: Vec<SecurityGroupId>,
) -> Result<Vec<SecurityGroupId>, ApiError> {
    for id in &groups {
        if tx.get::<SecurityGroup>(id)?.vpc_id != *vpc_id {
            return Err(error::invalid_parameter(format_args!(
                "Security group {id} and network {vpc_id} belong to different networks."
            )));
        }
    }
    let limit = tx.quotas().security_groups_per_interface;
    if groups.len() > limit {
        return Err(error::interface_group_limit(limit));
    }
    if groups.is_empty() {
        let default = |it: &&SecurityGroup| it.vpc_id == *vpc_id && it.group_name == "default";
        let default = tx.each::<SecurityGroup>().find(default);
        groups.extend(default.map(|it| it.group_id.clone()));
    }
    groups.sort();
    groups.dedup();
    Ok(groups)
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct CreateNetworkInterface {
    subnet_id: SubnetId,
    #[serde(default)]
    description: String,
    private_ip_address: Option<Ipv4Addr>,
    #[serde(default)]
    private_ip_addresses: Vec<AddressRequest>,
    #[serde(default)]
    secondary_private_ip_address_count: usize,
    #[serde(default)]
    ipv6_addresses: Vec<InstanceIpv6Address>,
    ipv6_address_count: Option<usize>,
    #[serde(default)]
    groups: Vec<SecurityGroupId>,
    connection_tracking_specification: Option<ConnectionTracking>,
}

/// An address that a new interface is to have, the primary one or another.
#[derive(Clone, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct AddressRequest {
    private_ip_address: Ipv4Addr,
    #[serde(default)]
    primary: bool,
}

impl AddressRequest {
    /// The primary address, if one is marked so, and the others.
    pub(crate) fn split(wanted: &[Self]) -> (Option<Ipv4Addr>, Vec<Ipv4Addr>) {
        let (primary, secondary): (Vec<_>, Vec<_>) = wanted.iter().partition(|it| it.primary);
        let secondary = secondary.iter().map(|it| it.private_ip_address);
        (
            primary.first().map(|it| it.private_ip_address),
            secondary.collect(),
        )
    }
}

pub(crate) fn create_network_interface(
    tx: &mut Transaction<'_>,
    request: CreateNetworkInterface,
) -> Reply {
    let (listed, secondary) = AddressRequest::split(&request.private_ip_addresses);
    let new = NewInterface {
        subnet: request.subnet_id,
        address: request.private_ip_address.or(listed),
        secondary,
        secondary_count: request.secondary_private_ip_address_count,
        ipv6: Wanted::new(&request.ipv6_addresses, request.ipv6_address_count)?,
        groups: request.groups,
        interface_type: InterfaceType::Interface,
        description: request.description,
    };
    let mut interface = make(tx, new)?;
    if let Some(timeouts) = request.connection_tracking_specification {
        interface.connection_tracking_configuration = checked_timeouts(timeouts)?;
    }
    interface.tag_set = tx.tags::<NetworkInterface>()?;
    tx.put(interface.clone());
    let mut shown = show(&interface, tx.state, &tx.region);
    shown["Status"] = json!("pending");
    Ok(json!({ "NetworkInterface": shown }))
}

/// EC2's ranges for idle timeouts (EC2 User Guide, "Security group connection tracking").
pub(crate) fn checked_timeouts(
    timeouts: ConnectionTracking,
) -> Result<ConnectionTracking, ApiError> {
    let checks = [
        (
            "TcpEstablishedTimeout",
            timeouts.tcp_established_timeout,
            60..=432_000,
        ),
        ("UdpTimeout", timeouts.udp_timeout, 30..=60),
        ("UdpStreamTimeout", timeouts.udp_stream_timeout, 60..=180),
    ];
    for (name, value, range) in checks {
        if let Some(value) = value.filter(|value| !range.contains(value)) {
            return Err(error::invalid_value(
                &value.to_string(),
                name,
                &format!("{} to {} seconds", range.start(), range.end()),
            ));
        }
    }
    Ok(timeouts)
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct DeleteNetworkInterface {
    network_interface_id: NetworkInterfaceId,
}

pub(crate) fn delete_network_interface(
    tx: &mut Transaction<'_>,
    request: DeleteNetworkInterface,
) -> Reply {
    let id = request.network_interface_id;
    let interface = tx.get::<NetworkInterface>(&id)?;
    refuse_managed(interface)?;
    if interface.attachment.is_some() {
        return Err(error::interface_in_use(&id));
    }
    delete(tx.state, &id);
    Ok(done())
}

/// Interfaces of AWS services are not the caller's to change.
pub(crate) fn refuse_managed(interface: &NetworkInterface) -> Result<(), ApiError> {
    if interface.requester_managed {
        return Err(error::not_permitted(format_args!(
            "You are not allowed to manage '{}' interfaces of AWS services.",
            interface.network_interface_id
        )));
    }
    Ok(())
}

/// Removes an interface with all that hangs on it.
pub(crate) fn delete(state: &mut State, id: &NetworkInterfaceId) {
    super::address::release_interface(&mut state.resources, id);
    state.delete_on_termination.remove(id);
    let flow_logs = &mut state.resources.flow_logs;
    flow_logs.retain(|_, it| it.resource_id != id.as_str());
    state.resources.network_interfaces.remove(id);
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct DescribeNetworkInterfaces {
    #[serde(default)]
    network_interface_ids: Vec<NetworkInterfaceId>,
}

const FIELDS: &[Field<NetworkInterface>] = &[
    (
        "network-interface-id",
        |it, _| one(&it.network_interface_id),
    ),
    ("subnet-id", |it, _| one(&it.subnet_id)),
    ("vpc-id", |it, _| one(&it.vpc_id)),
    ("availability-zone", |it, _| one(&it.availability_zone)),
    ("availability-zone-id", |it, resources| {
        let subnet = resources.subnets.get(&it.subnet_id);
        maybe(subnet.map(|it| &it.availability_zone_id))
    }),
    ("description", |it, _| one(&it.description)),
    ("interface-type", |it, _| one(word(it.interface_type))),
    ("mac-address", |it, _| one(&it.mac_address)),
    ("owner-id", |it, _| one(&it.owner_id)),
    ("requester-managed", |it, _| one(it.requester_managed)),
    ("source-dest-check", |it, _| one(it.source_dest_check)),
    ("status", |it, _| one(status(it))),
    ("group-id", |it, _| each(&it.groups)),
    ("group-name", |it, resources| {
        let groups = it
            .groups
            .iter()
            .filter_map(|id| resources.security_groups.get(id));
        each(groups.map(|group| &group.group_name))
    }),
    ("private-ip-address", |it, _| one(it.private_ip_address)),
    ("private-dns-name", |it, resources| {
        maybe(region(it, resources).map(|region| private_dns_name(region, it.private_ip_address)))
    }),
    ("addresses.association.owner-id", |it, _| {
        each(associations(it).map(|association| ip_owner(association, &it.owner_id)))
    }),
    ("association.ip-owner-id", |it, _| {
        each(associations(it).map(|association| ip_owner(association, &it.owner_id)))
    }),
    ("association.public-dns-name", |it, resources| {
        let region = region(it, resources);
        let names = associations(it).map(|it| Some(public_dns_name(region?, it.public_ip)));
        each(names.flatten())
    }),
    ("attachment.instance-owner-id", |it, _| {
        let instance = it.attachment.as_ref().map(|it| &it.instance_id);
        maybe(instance.and_then(|id| id.as_ref().map(|_| &it.owner_id)))
    }),
    ("operator.managed", |_, _| one(false)),
    ("addresses.private-ip-address", |it, _| {
        each(
            it.private_ip_addresses
                .iter()
                .map(|it| it.private_ip_address),
        )
    }),
    ("ipv6-addresses.ipv6-address", |it, _| {
        each(&it.ipv6_addresses)
    }),
    ("addresses.primary", |it, _| {
        each(it.private_ip_addresses.iter().map(|it| it.primary))
    }),
    ("addresses.association.public-ip", |it, _| {
        each(associations(it).map(|it| it.public_ip))
    }),
    ("association.public-ip", |it, _| {
        each(associations(it).map(|it| it.public_ip))
    }),
    ("association.allocation-id", |it, _| {
        each(associations(it).filter_map(|it| it.allocation_id.as_ref()))
    }),
    ("association.association-id", |it, _| {
        each(associations(it).filter_map(|it| it.association_id.as_ref()))
    }),
    ("attachment.attachment-id", |it, _| {
        maybe(it.attachment.as_ref().map(|it| &it.attachment_id))
    }),
    ("attachment.device-index", |it, _| {
        maybe(it.attachment.as_ref().map(|it| it.device_index))
    }),
    ("attachment.instance-id", |it, _| {
        maybe(
            it.attachment
                .as_ref()
                .and_then(|it| it.instance_id.as_ref()),
        )
    }),
    ("attachment.status", |it, _| {
        maybe(it.attachment.as_ref().map(|_| "attached"))
    }),
];

fn region<'a>(interface: &NetworkInterface, resources: &'a Resources) -> Option<&'a SmolStr> {
    resources.vpcs.get(&interface.vpc_id).map(|it| &it.region)
}

/// Addresses that nobody allocated are Amazon's.
fn ip_owner<'a>(association: &InterfaceAssociation, owner: &'a str) -> &'a str {
    match association.allocation_id {
        Some(_) => owner,
        None => "amazon",
    }
}

fn associations(interface: &NetworkInterface) -> impl Iterator<Item = &InterfaceAssociation> {
    let addresses = interface.private_ip_addresses.iter();
    addresses.filter_map(|address| address.association.as_ref())
}

pub(crate) fn status(interface: &NetworkInterface) -> &'static str {
    if interface.attachment.is_some() {
        "in-use"
    } else {
        "available"
    }
}

pub(crate) fn describe_network_interfaces(
    reader: &Reader<'_>,
    request: DescribeNetworkInterfaces,
) -> Reply {
    reader.describe(
        "NetworkInterfaces",
        &request.network_interface_ids,
        FIELDS,
        |it| show(it, reader.state, reader.region()),
    )
}

pub(crate) fn show(interface: &NetworkInterface, state: &State, region: &str) -> Value {
    let association = interface
        .private_ip_addresses
        .first()
        .and_then(|it| it.association.as_ref());
    let ipv6 = interface.ipv6_addresses.iter();
    json!({
        "Association": association.map(|it| show_association(it, &interface.owner_id, region)),
        "Attachment": interface.attachment.as_ref()
            .map(|it| show_attachment(it, interface, state)),
        "AvailabilityZone": interface.availability_zone,
        "ConnectionTrackingConfiguration": show_timeouts(interface),
        "Description": interface.description,
        "Groups": show_groups(&interface.groups, &state.resources),
        "InterfaceType": interface.interface_type,
        "Ipv6Addresses": ipv6.map(|it| json!({ "Ipv6Address": it })).collect::<Vec<_>>(),
        "MacAddress": interface.mac_address,
        "NetworkInterfaceId": interface.network_interface_id,
        "OwnerId": interface.owner_id,
        "PrivateDnsName": private_dns_name(region, interface.private_ip_address),
        "PrivateIpAddress": interface.private_ip_address,
        "PrivateIpAddresses": interface.private_ip_addresses.iter()
            .map(|it| show_address(it, &interface.owner_id, region)).collect::<Vec<_>>(),
        "RequesterManaged": interface.requester_managed,
        "SourceDestCheck": interface.source_dest_check,
        "Status": status(interface),
        "SubnetId": interface.subnet_id,
        "TagSet": tags(interface.tags()),
        "VpcId": interface.vpc_id,
    })
}

/// The shorter form inside `DescribeInstances`.
pub(crate) fn show_on_instance(interface: &NetworkInterface, state: &State, region: &str) -> Value {
    let mut shown = show(interface, state, region);
    for member in ["AvailabilityZone", "RequesterManaged", "TagSet"] {
        shown[member] = Value::Null;
    }
    for member in ["InstanceId", "InstanceOwnerId"] {
        shown["Attachment"][member] = Value::Null;
    }
    shown
}

fn show_timeouts(interface: &NetworkInterface) -> Option<Value> {
    let timeouts = interface.connection_tracking_configuration;
    (timeouts != ConnectionTracking::default()).then(|| json!(timeouts))
}

pub(crate) fn show_groups(groups: &[SecurityGroupId], resources: &Resources) -> Value {
    groups
        .iter()
        .map(|id| {
            let name = resources.security_groups.get(id).map(|it| &it.group_name);
            json!({ "GroupId": id, "GroupName": name })
        })
        .collect()
}

fn show_association(association: &InterfaceAssociation, owner: &SmolStr, region: &str) -> Value {
    let ip_owner = if association.allocation_id.is_some() {
        owner.as_str()
    } else {
        "amazon"
    };
    json!({
        "AllocationId": association.allocation_id,
        "AssociationId": association.association_id,
        "IpOwnerId": ip_owner,
        "PublicDnsName": public_dns_name(region, association.public_ip),
        "PublicIp": association.public_ip,
    })
}

fn show_address(address: &PrivateIpAddress, owner: &SmolStr, region: &str) -> Value {
    json!({
        "Association": address.association.as_ref().map(|it| show_association(it, owner, region)),
        "Primary": address.primary,
        "PrivateDnsName": private_dns_name(region, address.private_ip_address),
        "PrivateIpAddress": address.private_ip_address,
    })
}

pub(crate) fn show_attachment(
    attachment: &NetworkInterfaceAttachment,
    interface: &NetworkInterface,
    state: &State,
) -> Value {
    let delete = state
        .delete_on_termination
        .contains(&interface.network_interface_id);
    json!({
        "AttachmentId": attachment.attachment_id,
        "DeleteOnTermination": delete,
        "DeviceIndex": attachment.device_index,
        "NetworkCardIndex": 0,
        "InstanceId": attachment.instance_id,
        "InstanceOwnerId": attachment.instance_id.as_ref().map(|_| &interface.owner_id),
        "Status": "attached",
    })
}

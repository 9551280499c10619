//! NAT gateways (Amazon EC2 API Reference: `CreateNatGateway` and its kin; Amazon VPC User Guide,
//! "NAT gateways" and "Troubleshoot NAT gateways").
//!
//! Zonal gateways. One that cannot work is made all the same, and fails: without an internet
//! gateway, without a free address in its subnet, or with an Elastic IP address that is associated
//! with something else ("NAT gateway creation fails" there).

use std::net::Ipv4Addr;
use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Value, json};
use smol_str::SmolStr;
use wirelab_model::*;

use crate::clock::iso8601;
use crate::control::ControlConfig;
use crate::describe::{Field, Reader};
use crate::ec2::network_interface::{self, NewInterface};
use crate::ec2::{Settled, internet_gateway, nat_gateway_address};
use crate::error;
use crate::state::State;
use crate::transaction::Transaction;
use crate::view::{one, tags, word};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct CreateNatGateway {
    subnet_id: SubnetId,
    allocation_id: Option<AllocationId>,
    connectivity_type: Option<ConnectivityType>,
    private_ip_address: Option<Ipv4Addr>,
    #[serde(default)]
    secondary_allocation_ids: Vec<AllocationId>,
    #[serde(default)]
    secondary_private_ip_addresses: Vec<Ipv4Addr>,
    #[serde(default)]
    secondary_private_ip_address_count: usize,
}

pub(crate) fn create_nat_gateway(tx: &mut Transaction<'_>, request: CreateNatGateway) -> Reply {
    let connectivity_type = request
        .connectivity_type
        .unwrap_or(ConnectivityType::Public);
    check_addresses(connectivity_type, &request)?;
    let subnet = tx.get::<Subnet>(&request.subnet_id)?.clone();
    check_quota(tx, &subnet)?;
    let allocations = request.allocation_id.iter();
    let allocations: Vec<_> = allocations
        .chain(&request.secondary_allocation_ids)
        .cloned()
        .collect();
    let mut failure = None;
    for id in &allocations {
        if tx.get::<Address>(id)?.association_id.is_some() {
            let message = format!("Elastic IP address [{id}] is already associated");
            failure.get_or_insert(("Resource.AlreadyAssociated", message));
        }
    }
    let nat_gateway_id = tx.new_id::<NatGateway>();
    let mut gateway = NatGateway {
        nat_gateway_id: nat_gateway_id.clone(),
        vpc_id: subnet.vpc_id.clone(),
        subnet_id: subnet.subnet_id.clone(),
        state: NatGatewayState::Pending,
        failure_code: None,
        failure_message: None,
        connectivity_type,
        nat_gateway_addresses: Vec::new(),
        create_time: tx.utc(),
        delete_time: None,
        owner_id: tx.owner.clone(),
        tags: tx.tags::<NatGateway>()?,
    };
    if failure.is_none() {
        let before = tx.state.resources.clone();
        match make_addresses(tx, &gateway, &request, &allocations) {
            Ok(addresses) => gateway.nat_gateway_addresses = addresses,
            Err(error) if error.code == INSUFFICIENT => {
                let message = "Subnet has insufficient free addresses to create this NAT gateway";
                failure = Some((INSUFFICIENT, message.to_owned()));
                tx.state.resources = before;
            }
            Err(error) => return Err(error),
        }
    }
    if let Some((code, message)) = failure {
        gateway.failure_code = Some(code.into());
        gateway.failure_message = Some(message);
    }
    let shown = show(&gateway);
    let delay = match failure_of(&gateway, tx.resources()) {
        Some(_) => tx.config.delays.nat_gateway_fail,
        None => tx.config.delays.nat_gateway_create,
    };
    tx.put(gateway);
    tx.settle_after::<NatGateway>(&nat_gateway_id, delay);
    Ok(json!({ "NatGateway": shown }))
}

/// A subnet without a free address makes no error of the call: the gateway fails.
const INSUFFICIENT: &str = "InsufficientFreeAddressesInSubnet";

/// The gateway's interface with its addresses, the primary one first.
fn make_addresses(
    tx: &mut Transaction<'_>,
    gateway: &NatGateway,
    request: &CreateNatGateway,
    allocations: &[AllocationId],
) -> Result<Vec<NatGatewayAddress>, ApiError> {
    let wanted = &request.secondary_private_ip_addresses;
    let more = allocations.len().saturating_sub(1).max(wanted.len());
    let more = more + request.secondary_private_ip_address_count;
    nat_gateway_address::check_quota(tx, gateway, 1 + more)?;
    let text = format!("Interface for NAT Gateway {}", gateway.nat_gateway_id);
    let new = NewInterface {
        address: request.private_ip_address,
        secondary: wanted.clone(),
        secondary_count: more - wanted.len(),
        ..NewInterface::of_service(&gateway.subnet_id, InterfaceType::NatGateway, text)
    };
    let interface = network_interface::make(tx, new)?;
    let id = interface.network_interface_id;
    let attachment_id = AttachmentId::new(tx.new_text_id(AttachmentId::PREFIX));
    tx.edit::<NetworkInterface>(&id)?.attachment = Some(NetworkInterfaceAttachment {
        attachment_id,
        instance_id: None,
        device_index: 1,
    });
    let private = interface.private_ip_addresses.iter().enumerate();
    let addresses = private.map(|(at, it)| {
        let allocation = allocations.get(at);
        nat_gateway_address::make(tx, &id, it.private_ip_address, allocation, at == 0)
    });
    addresses.collect()
}

/// A public gateway needs an Elastic IP address and may have more, a private one has none.
fn check_addresses(kind: ConnectivityType, request: &CreateNatGateway) -> Result<(), ApiError> {
    let private = "is not supported for private NAT gateways";
    let public = "is not supported for public NAT gateways";
    let stray = match kind {
        ConnectivityType::Public if request.allocation_id.is_none() => {
            return Err(error::missing_parameter("AllocationId"));
        }
        ConnectivityType::Public => [
            (
                request.secondary_private_ip_address_count > 0,
                "SecondaryPrivateIpAddressCount",
                public,
            ),
            (
                request.secondary_private_ip_addresses.len()
                    > request.secondary_allocation_ids.len(),
                "More SecondaryPrivateIpAddresses than SecondaryAllocationIds",
                public,
            ),
        ],
        ConnectivityType::Private => [
            (request.allocation_id.is_some(), "AllocationId", private),
            (
                !request.secondary_allocation_ids.is_empty(),
                "SecondaryAllocationIds",
                private,
            ),
        ],
    };
    match stray.iter().find(|(is_stray, ..)| *is_stray) {
        Some((_, name, why)) => Err(error::combination(format_args!("{name} {why}"))),
        None => Ok(()),
    }
}

fn check_quota(tx: &Transaction<'_>, subnet: &Subnet) -> Result<(), ApiError> {
    let zone = &subnet.availability_zone;
    let in_zone = |it: &&NatGateway| {
        let subnet = tx.resources().subnets.get(&it.subnet_id);
        let counts = !matches!(it.state, NatGatewayState::Deleted | NatGatewayState::Failed);
        counts && subnet.is_some_and(|subnet| subnet.availability_zone == *zone)
    };
    if tx.each::<NatGateway>().filter(in_zone).count() >= tx.quotas().nat_gateways_per_zone {
        return Err(error::nat_gateway_limit(zone));
    }
    Ok(())
}

/// Why the gateway cannot come into service.
fn failure_of(gateway: &NatGateway, resources: &Resources) -> Option<(SmolStr, String)> {
    if let Some(code) = &gateway.failure_code {
        let message = gateway.failure_message.clone();
        return Some((code.clone(), message.unwrap_or_default()));
    }
    let is_public = gateway.connectivity_type == ConnectivityType::Public;
    let attached = internet_gateway::attached_to(resources, &gateway.vpc_id);
    (is_public && attached.is_none()).then(|| {
        let message = format!(
            "Network {} has no Internet gateway attached",
            gateway.vpc_id
        );
        ("Gateway.NotAttached".into(), message)
    })
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct DeleteNatGateway {
    nat_gateway_id: NatGatewayId,
}

pub(crate) fn delete_nat_gateway(tx: &mut Transaction<'_>, request: DeleteNatGateway) -> Reply {
    let id = request.nat_gateway_id;
    let gateway = tx.edit::<NatGateway>(&id)?;
    match gateway.state {
        NatGatewayState::Pending | NatGatewayState::Available => {
            gateway.state = NatGatewayState::Deleting;
            for address in &mut gateway.nat_gateway_addresses {
                address.status = nat_gateway_address::going(address);
            }
            let delay = tx.config.delays.nat_gateway_delete;
            tx.settle_after::<NatGateway>(&id, delay);
        }
        NatGatewayState::Failed | NatGatewayState::Deleting | NatGatewayState::Deleted => {}
    }
    Ok(json!({ "NatGatewayId": id }))
}

/// `pending` becomes `available` or `failed`, `deleting` becomes `deleted`; addresses come and go.
pub(crate) fn settle(
    id: &NatGatewayId,
    at: SimTime,
    state: &mut State,
    config: &ControlConfig,
) -> Settled {
    let Some(gateway) = state.resources.nat_gateways.get(id) else {
        return Settled::Lasting;
    };
    let mut gateway = NatGateway::clone(gateway);
    match gateway.state {
        NatGatewayState::Pending => match failure_of(&gateway, &state.resources) {
            None => {
                gateway.state = NatGatewayState::Available;
                nat_gateway_address::settle(&mut gateway, state);
            }
            Some((code, message)) => {
                gateway.state = NatGatewayState::Failed;
                for address in &mut gateway.nat_gateway_addresses {
                    address.status = NatGatewayAddressStatus::Failed;
                }
                gateway.failure_code = Some(code);
                gateway.failure_message = Some(message);
            }
        },
        NatGatewayState::Deleting => {
            gateway.state = NatGatewayState::Deleted;
            gateway.delete_time = Some(config.starts.at(at));
        }
        NatGatewayState::Available => nat_gateway_address::settle(&mut gateway, state),
        NatGatewayState::Failed | NatGatewayState::Deleted => {}
    }
    let gone = matches!(
        gateway.state,
        NatGatewayState::Failed | NatGatewayState::Deleted
    );
    if gone {
        // All addresses are on one interface; deleting it keeps the Elastic IP addresses.
        for address in &gateway.nat_gateway_addresses {
            network_interface::delete(state, &address.network_interface_id);
        }
    }
    let gateways = &mut state.resources.nat_gateways;
    gateways.insert(id.clone(), Arc::new(gateway));
    if gone {
        Settled::Gone
    } else {
        Settled::Lasting
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct DescribeNatGateways {
    #[serde(default)]
    nat_gateway_ids: Vec<NatGatewayId>,
}

const FIELDS: &[Field<NatGateway>] = &[
    ("nat-gateway-id", |it, _| one(&it.nat_gateway_id)),
    ("state", |it, _| one(word(it.state))),
    ("subnet-id", |it, _| one(&it.subnet_id)),
    ("vpc-id", |it, _| one(&it.vpc_id)),
];

pub(crate) fn describe_nat_gateways(reader: &Reader<'_>, request: DescribeNatGateways) -> Reply {
    reader.describe("NatGateways", &request.nat_gateway_ids, FIELDS, show)
}

fn show(gateway: &NatGateway) -> Value {
    let addresses = gateway.nat_gateway_addresses.iter();
    let failed = gateway.state == NatGatewayState::Failed;
    json!({
        "NatGatewayId": gateway.nat_gateway_id,
        "State": gateway.state,
        "FailureCode": gateway.failure_code.as_ref().filter(|_| failed),
        "FailureMessage": gateway.failure_message.as_ref().filter(|_| failed),
        "SubnetId": gateway.subnet_id,
        "VpcId": gateway.vpc_id,
        "ConnectivityType": gateway.connectivity_type,
        "NatGatewayAddresses": addresses.map(nat_gateway_address::show).collect::<Vec<_>>(),
        "CreateTime": iso8601(gateway.create_time),
        "DeleteTime": gateway.delete_time.map(iso8601),
        "Tags": tags(&gateway.tags),
    })
}

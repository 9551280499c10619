//! NAT gateways (Amazon EC2 API Reference: `CreateNatGateway` and its kin; Amazon VPC User Guide,
//! "NAT gateways" and "Troubleshoot NAT gateways").
//!
//! Zonal gateways with one address. A gateway that cannot work is made all the same, and fails.

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
use crate::ec2::{Settled, address, internet_gateway};
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
}

pub(crate) fn create_nat_gateway(tx: &mut Transaction<'_>, request: CreateNatGateway) -> Reply {
    let connectivity_type = request
        .connectivity_type
        .unwrap_or(ConnectivityType::Public);
    let allocation_id = checked_allocation(tx, connectivity_type, request.allocation_id)?;
    let subnet = tx.get::<Subnet>(&request.subnet_id)?.clone();
    check_quota(tx, &subnet)?;
    let nat_gateway_id = tx.new_id::<NatGateway>();
    let text = format!("Interface for NAT Gateway {nat_gateway_id}");
    let new = NewInterface {
        address: request.private_ip_address,
        ..NewInterface::of_service(&subnet.subnet_id, InterfaceType::NatGateway, text)
    };
    let interface = network_interface::make(tx, new)?;
    let interface_id = interface.network_interface_id.clone();
    let attachment_id = AttachmentId::new(tx.new_text_id(AttachmentId::PREFIX));
    tx.edit::<NetworkInterface>(&interface_id)?.attachment = Some(NetworkInterfaceAttachment {
        attachment_id,
        instance_id: None,
        device_index: 1,
    });
    let association_id = match &allocation_id {
        Some(id) => Some(address::associate(tx, id, &interface_id, None)?),
        None => None,
    };
    let public_ip = match &allocation_id {
        Some(id) => Some(tx.get::<Address>(id)?.public_ip),
        None => None,
    };
    let gateway = NatGateway {
        nat_gateway_id: nat_gateway_id.clone(),
        vpc_id: subnet.vpc_id.clone(),
        subnet_id: subnet.subnet_id.clone(),
        state: NatGatewayState::Pending,
        failure_code: None,
        failure_message: None,
        connectivity_type,
        nat_gateway_addresses: vec![NatGatewayAddress {
            allocation_id,
            association_id,
            network_interface_id: interface_id,
            private_ip: interface.private_ip_address,
            public_ip,
            is_primary: true,
        }],
        create_time: tx.utc(),
        delete_time: None,
        owner_id: tx.owner.clone(),
        tags: tx.tags::<NatGateway>()?,
    };
    let shown = show(&gateway);
    let delay = match failure(&gateway, tx.resources()) {
        Some(_) => tx.config.delays.nat_gateway_fail,
        None => tx.config.delays.nat_gateway_create,
    };
    tx.put(gateway);
    tx.settle_after::<NatGateway>(&nat_gateway_id, delay);
    Ok(json!({ "NatGateway": shown }))
}

/// A public gateway needs an Elastic IP address that is free, a private one has none.
fn checked_allocation(
    tx: &Transaction<'_>,
    connectivity_type: ConnectivityType,
    allocation_id: Option<AllocationId>,
) -> Result<Option<AllocationId>, ApiError> {
    match (connectivity_type, allocation_id) {
        (ConnectivityType::Public, Some(id)) => {
            if tx.get::<Address>(&id)?.association_id.is_some() {
                return Err(error::already_associated(format_args!(
                    "Elastic IP address [{id}] is already associated"
                )));
            }
            Ok(Some(id))
        }
        (ConnectivityType::Private, None) => Ok(None),
        (ConnectivityType::Public, None) => Err(error::missing_parameter("AllocationId")),
        (ConnectivityType::Private, Some(_)) => Err(error::combination(
            "AllocationId is not supported for private NAT gateways",
        )),
    }
}

fn check_quota(tx: &Transaction<'_>, subnet: &Subnet) -> Result<(), ApiError> {
    let zone = &subnet.availability_zone;
    let in_zone = |it: &&NatGateway| {
        let subnet = tx.resources().subnets.get(&it.subnet_id);
        let counts = !matches!(it.state, NatGatewayState::Deleted | NatGatewayState::Failed);
        counts && subnet.is_some_and(|subnet| subnet.availability_zone == *zone)
    };
    if tx.each::<NatGateway>().filter(in_zone).count() >= tx.config.quotas.nat_gateways_per_zone {
        return Err(error::nat_gateway_limit(zone));
    }
    Ok(())
}

/// Why the gateway cannot come into service.
fn failure(gateway: &NatGateway, resources: &Resources) -> Option<(&'static str, String)> {
    let is_public = gateway.connectivity_type == ConnectivityType::Public;
    let attached = internet_gateway::attached_to(resources, &gateway.vpc_id);
    (is_public && attached.is_none()).then(|| {
        let message = format!(
            "Network {} has no Internet gateway attached",
            gateway.vpc_id
        );
        ("Gateway.NotAttached", message)
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
            let delay = tx.config.delays.nat_gateway_delete;
            tx.settle_after::<NatGateway>(&id, delay);
        }
        NatGatewayState::Failed | NatGatewayState::Deleting | NatGatewayState::Deleted => {}
    }
    Ok(json!({ "NatGatewayId": id }))
}

/// `pending` becomes `available` or `failed`, `deleting` becomes `deleted`.
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
        NatGatewayState::Pending => match failure(&gateway, &state.resources) {
            None => gateway.state = NatGatewayState::Available,
            Some((code, message)) => {
                gateway.state = NatGatewayState::Failed;
                gateway.failure_code = Some(code.into());
                gateway.failure_message = Some(message);
            }
        },
        NatGatewayState::Deleting => {
            gateway.state = NatGatewayState::Deleted;
            gateway.delete_time = Some(config.starts.at(at));
        }
        NatGatewayState::Available | NatGatewayState::Failed | NatGatewayState::Deleted => {}
    }
    let gone = matches!(
        gateway.state,
        NatGatewayState::Failed | NatGatewayState::Deleted
    );
    if gone {
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
    json!({
        "NatGatewayId": gateway.nat_gateway_id,
        "State": gateway.state,
        "FailureCode": gateway.failure_code,
        "FailureMessage": gateway.failure_message,
        "SubnetId": gateway.subnet_id,
        "VpcId": gateway.vpc_id,
        "ConnectivityType": gateway.connectivity_type,
        "NatGatewayAddresses": addresses.map(|it| show_address(it, gateway)).collect::<Vec<_>>(),
        "CreateTime": iso8601(gateway.create_time),
        "DeleteTime": gateway.delete_time.map(iso8601),
        "Tags": tags(&gateway.tags),
    })
}

fn show_address(address: &NatGatewayAddress, gateway: &NatGateway) -> Value {
    let status: SmolStr = match gateway.state {
        NatGatewayState::Pending => "associating".into(),
        NatGatewayState::Available => "succeeded".into(),
        NatGatewayState::Failed => "failed".into(),
        NatGatewayState::Deleting | NatGatewayState::Deleted => "disassociating".into(),
    };
    json!({
        "AllocationId": address.allocation_id,
        "AssociationId": address.association_id,
        "NetworkInterfaceId": address.network_interface_id,
        "PrivateIp": address.private_ip,
        "PublicIp": address.public_ip,
        "IsPrimary": address.is_primary,
        "Status": status,
    })
}

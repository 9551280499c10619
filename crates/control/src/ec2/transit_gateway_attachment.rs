//! VPC attachments of transit gateways (Amazon EC2 API Reference:
//! `CreateTransitGatewayVpcAttachment` and its kin).

use std::sync::Arc;

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::{Value, json};
use wirelab_model::*;

use crate::describe::{Field, Reader};
use crate::ec2::network_interface::{self, NewInterface};
use crate::ec2::transit_gateway::{self, Switch, switch};
use crate::ec2::{Settled, transit_gateway_route_table};
use crate::error;
use crate::kind::Kind;
use crate::state::State;
use crate::transaction::Transaction;
use crate::view::{maybe, one, tags, word};

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields, default)]
struct AttachmentOptions {
    appliance_mode_support: Option<Switch>,
    #[serde(rename = "DnsSupport")]
    _dns_support: Option<IgnoredAny>,
    #[serde(rename = "Ipv6Support")]
    _ipv6_support: Option<IgnoredAny>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct CreateTransitGatewayVpcAttachment {
    transit_gateway_id: TransitGatewayId,
    vpc_id: VpcId,
    subnet_ids: Vec<SubnetId>,
    #[serde(default)]
    options: AttachmentOptions,
}

pub(crate) fn create_transit_gateway_vpc_attachment(
    tx: &mut Transaction<'_>,
    request: CreateTransitGatewayVpcAttachment,
) -> Reply {
    let gateway = transit_gateway::available(tx, &request.transit_gateway_id)?;
    tx.get::<Vpc>(&request.vpc_id)?;
    let same = |it: &TransitGatewayVpcAttachment| {
        it.transit_gateway_id == request.transit_gateway_id
            && it.vpc_id == request.vpc_id
            && it.state != ResourceState::Deleted
    };
    if tx.each::<TransitGatewayVpcAttachment>().any(same) {
        return Err(error::duplicate_transit_gateway_attachment(
            &request.transit_gateway_id,
            &request.vpc_id,
        ));
    }
    let id = tx.new_id::<TransitGatewayVpcAttachment>();
    let mut attachment = TransitGatewayVpcAttachment {
        transit_gateway_attachment_id: id.clone(),
        transit_gateway_id: request.transit_gateway_id,
        vpc_id: request.vpc_id,
        state: ResourceState::Pending,
        subnet_ids: Vec::new(),
        network_interface_ids: Vec::new(),
        appliance_mode_support: request.options.appliance_mode_support == Some(Switch::Enable),
        association: gateway.association_default_route_table_id.clone(),
        tags: tx.tags::<TransitGatewayVpcAttachment>()?,
    };
    if request.subnet_ids.is_empty() {
        return Err(error::missing_parameter("SubnetIds"));
    }
    add_subnets(tx, &mut attachment, &request.subnet_ids)?;
    let shown = show(&attachment, tx.resources());
    tx.put(attachment);
    if let Some(table_id) = &gateway.propagation_default_route_table_id {
        transit_gateway_route_table::propagate(tx, table_id, &id)?;
    }
    tx.settle_after::<TransitGatewayVpcAttachment>(&id, tx.config.delays.transit_gateway);
    Ok(json!({ "TransitGatewayVpcAttachment": shown }))
}

/// An interface in each subnet; one subnet a zone.
fn add_subnets(
    tx: &mut Transaction<'_>,
    attachment: &mut TransitGatewayVpcAttachment,
    subnet_ids: &[SubnetId],
) -> Result<(), ApiError> {
    for subnet_id in subnet_ids {
        let subnet = tx.get::<Subnet>(subnet_id)?.clone();
        if subnet.vpc_id != attachment.vpc_id {
            return Err(Subnet::not_found(subnet_id));
        }
        let zone = |id: &SubnetId| {
            let subnet = tx.resources().subnets.get(id);
            subnet.map(|it| it.availability_zone.clone())
        };
        let taken = |id: &SubnetId| zone(id).as_ref() == Some(&subnet.availability_zone);
        if attachment.subnet_ids.iter().any(taken) {
            return Err(ApiError::client(
                "DuplicateSubnetsInSameZone",
                format!(
                    "Duplicate Subnets for same AZ: {}",
                    subnet.availability_zone
                ),
            ));
        }
        let id = &attachment.transit_gateway_attachment_id;
        let text = format!("Network Interface for Transit Gateway Attachment {id}");
        let new = NewInterface::of_service(subnet_id, InterfaceType::TransitGateway, text);
        let interface_id = network_interface::make(tx, new)?.network_interface_id;
        let attachment_id = AttachmentId::new(tx.new_text_id(AttachmentId::PREFIX));
        tx.edit::<NetworkInterface>(&interface_id)?.attachment = Some(NetworkInterfaceAttachment {
            attachment_id,
            instance_id: None,
            device_index: 1,
        });
        attachment.subnet_ids.push(subnet_id.clone());
        attachment.network_interface_ids.push(interface_id);
    }
    Ok(())
}

/// The attachment, if it takes changes.
pub(crate) fn in_service(
    tx: &Transaction<'_>,
    id: &TransitGatewayAttachmentId,
) -> Result<Arc<TransitGatewayVpcAttachment>, ApiError> {
    let attachment = tx.get::<TransitGatewayVpcAttachment>(id)?;
    match attachment.state {
        ResourceState::Available => Ok(Arc::clone(attachment)),
        ResourceState::Deleted => Err(TransitGatewayVpcAttachment::not_found(id)),
        _ => Err(error::incorrect_state(format_args!(
            "{id} is in invalid state"
        ))),
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct ModifyTransitGatewayVpcAttachment {
    transit_gateway_attachment_id: TransitGatewayAttachmentId,
    #[serde(default)]
    add_subnet_ids: Vec<SubnetId>,
    #[serde(default)]
    remove_subnet_ids: Vec<SubnetId>,
    #[serde(default)]
    options: AttachmentOptions,
}

pub(crate) fn modify_transit_gateway_vpc_attachment(
    tx: &mut Transaction<'_>,
    request: ModifyTransitGatewayVpcAttachment,
) -> Reply {
    let id = request.transit_gateway_attachment_id;
    let mut attachment = TransitGatewayVpcAttachment::clone(&*in_service(tx, &id)?);
    for subnet_id in &request.remove_subnet_ids {
        let index = attachment.subnet_ids.iter().position(|it| it == subnet_id);
        let index = index.ok_or_else(|| Subnet::missing(subnet_id))?;
        attachment.subnet_ids.remove(index);
        let interface = attachment.network_interface_ids.remove(index);
        network_interface::delete(tx.state, &interface);
    }
    add_subnets(tx, &mut attachment, &request.add_subnet_ids)?;
    if attachment.subnet_ids.is_empty() {
        return Err(error::invalid_parameter_value(
            "An attachment needs at least one subnet",
        ));
    }
    if let Some(mode) = request.options.appliance_mode_support {
        attachment.appliance_mode_support = mode == Switch::Enable;
    }
    attachment.state = ResourceState::Modifying;
    let shown = show(&attachment, tx.resources());
    tx.put(attachment);
    tx.settle_after::<TransitGatewayVpcAttachment>(&id, tx.config.delays.transit_gateway);
    Ok(json!({ "TransitGatewayVpcAttachment": shown }))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct DeleteTransitGatewayVpcAttachment {
    transit_gateway_attachment_id: TransitGatewayAttachmentId,
}

pub(crate) fn delete_transit_gateway_vpc_attachment(
    tx: &mut Transaction<'_>,
    request: DeleteTransitGatewayVpcAttachment,
) -> Reply {
    let id = request.transit_gateway_attachment_id;
    let mut attachment = TransitGatewayVpcAttachment::clone(&*in_service(tx, &id)?);
    attachment.state = ResourceState::Deleting;
    let shown = show(&attachment, tx.resources());
    tx.put(attachment);
    tx.settle_after::<TransitGatewayVpcAttachment>(&id, tx.config.delays.transit_gateway);
    Ok(json!({ "TransitGatewayVpcAttachment": shown }))
}

/// `pending` and `modifying` become `available`; `deleting` becomes `deleted`, its interfaces go.
pub(crate) fn settle(id: &TransitGatewayAttachmentId, state: &mut State) -> Settled {
    let attachments = &mut state.resources.transit_gateway_vpc_attachments;
    let Some(attachment) = attachments.get_mut(id) else {
        return Settled::Lasting;
    };
    let attachment = Arc::make_mut(attachment);
    attachment.state = transit_gateway::settled(attachment.state);
    if attachment.state != ResourceState::Deleted {
        return Settled::Lasting;
    }
    attachment.association = None;
    for interface in std::mem::take(&mut attachment.network_interface_ids) {
        network_interface::delete(state, &interface);
    }
    Settled::Gone
}

/// `DescribeTransitGatewayVpcAttachments` and `DescribeTransitGatewayAttachments`.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct DescribeAttachments {
    #[serde(default)]
    transit_gateway_attachment_ids: Vec<TransitGatewayAttachmentId>,
}

const FIELDS: &[Field<TransitGatewayVpcAttachment>] = &[
    ("transit-gateway-attachment-id", |it, _| {
        one(&it.transit_gateway_attachment_id)
    }),
    ("transit-gateway-id", |it, _| one(&it.transit_gateway_id)),
    ("vpc-id", |it, _| one(&it.vpc_id)),
    ("resource-id", |it, _| one(&it.vpc_id)),
    ("resource-type", |_, _| one("vpc")),
    ("state", |it, _| one(word(it.state))),
    ("association.transit-gateway-route-table-id", |it, _| {
        maybe(it.association.as_ref())
    }),
];

pub(crate) fn describe_vpc_attachments(reader: &Reader<'_>, request: DescribeAttachments) -> Reply {
    let ids = request.transit_gateway_attachment_ids;
    reader.describe("TransitGatewayVpcAttachments", &ids, FIELDS, |it| {
        show(it, reader.resources())
    })
}

pub(crate) fn describe_attachments(reader: &Reader<'_>, request: DescribeAttachments) -> Reply {
    let ids = request.transit_gateway_attachment_ids;
    reader.describe("TransitGatewayAttachments", &ids, FIELDS, |it| {
        let owner = owner(it, reader.resources());
        json!({
            "TransitGatewayAttachmentId": it.transit_gateway_attachment_id,
            "TransitGatewayId": it.transit_gateway_id,
            "TransitGatewayOwnerId": owner,
            "ResourceOwnerId": owner,
            "ResourceType": "vpc",
            "ResourceId": it.vpc_id,
            "State": it.state,
            "Association": it.association.as_ref().map(|id| {
                json!({ "TransitGatewayRouteTableId": id, "State": "associated" })
            }),
            "Tags": tags(&it.tags),
        })
    })
}

fn owner<'a>(
    attachment: &TransitGatewayVpcAttachment,
    resources: &'a Resources,
) -> Option<&'a str> {
    let vpc = resources.vpcs.get(&attachment.vpc_id);
    vpc.map(|it| it.owner_id.as_str())
}

fn show(attachment: &TransitGatewayVpcAttachment, resources: &Resources) -> Value {
    json!({
        "TransitGatewayAttachmentId": attachment.transit_gateway_attachment_id,
        "TransitGatewayId": attachment.transit_gateway_id,
        "VpcId": attachment.vpc_id,
        "VpcOwnerId": owner(attachment, resources),
        "State": attachment.state,
        "SubnetIds": attachment.subnet_ids,
        "Options": {
            "DnsSupport": "enable",
            "Ipv6Support": "disable",
            "ApplianceModeSupport": switch(attachment.appliance_mode_support),
        },
        "Tags": tags(&attachment.tags),
    })
}

//! VPC attachments of transit gateways (Amazon EC2 API Reference:
//! `CreateTransitGatewayVpcAttachment` and its kin).

use serde::Deserialize;
use serde_json::{Value, json};
use wirelab_model::*;

use crate::clock::iso8601;
use crate::describe::{Field, Reader};
use crate::ec2::network_interface::{self, NewInterface};
use crate::ec2::transit_gateway::{self, Switch, switch};
use crate::ec2::transit_gateway_attachment::{self as attachment, in_service};
use crate::error;
use crate::kind::Kind;
use crate::transaction::Transaction;
use crate::view::{maybe, one, tags, word};

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields, default)]
struct Options {
    appliance_mode_support: Option<Switch>,
    dns_support: Option<Switch>,
    security_group_referencing_support: Option<Switch>,
    ipv6_support: Option<Switch>,
}

impl Options {
    fn apply(&self, options: &mut TransitGatewayVpcAttachmentOptions) {
        Switch::apply(
            self.appliance_mode_support,
            &mut options.appliance_mode_support,
        );
        Switch::apply(self.dns_support, &mut options.dns_support);
        Switch::apply(
            self.security_group_referencing_support,
            &mut options.security_group_referencing_support,
        );
        Switch::apply(self.ipv6_support, &mut options.ipv6_support);
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct CreateTransitGatewayVpcAttachment {
    transit_gateway_id: TransitGatewayId,
    vpc_id: VpcId,
    subnet_ids: Vec<SubnetId>,
    #[serde(default)]
    options: Options,
}

pub(crate) fn create_transit_gateway_vpc_attachment(
    tx: &mut Transaction<'_>,
    request: CreateTransitGatewayVpcAttachment,
) -> Reply {
    let gateway = transit_gateway::available(tx, &request.transit_gateway_id)?;
    let owner = tx.get::<Vpc>(&request.vpc_id)?.owner_id.clone();
    check_others(tx, &request.transit_gateway_id, &request.vpc_id)?;
    if request.subnet_ids.is_empty() {
        return Err(error::missing_parameter("SubnetIds"));
    }
    let mut vpc = TransitGatewayVpcAttachment {
        vpc_id: request.vpc_id,
        subnet_ids: Vec::new(),
        network_interface_ids: Vec::new(),
        options: TransitGatewayVpcAttachmentOptions::default(),
    };
    request.options.apply(&mut vpc.options);
    let resource = TransitGatewayAttachedResource::Vpc(vpc.clone());
    let mut made = attachment::make(tx, &gateway, resource, owner)?;
    let id = made.transit_gateway_attachment_id.clone();
    add_subnets(tx, &id, &mut vpc, &request.subnet_ids)?;
    made.resource = TransitGatewayAttachedResource::Vpc(vpc);
    let shown = show(&made);
    tx.put(made);
    attachment::propagate_by_default(tx, &gateway, &id)?;
    tx.settle_after::<TransitGatewayAttachment>(&id, tx.config.delays.transit_gateway);
    Ok(json!({ "TransitGatewayVpcAttachment": shown }))
}

/// A VPC is attached to a gateway once, and to five gateways at most.
fn check_others(
    tx: &Transaction<'_>,
    gateway_id: &TransitGatewayId,
    vpc_id: &VpcId,
) -> Result<(), ApiError> {
    let limit = tx.quotas().transit_gateways_per_vpc;
    let of_vpc = |it: &&TransitGatewayAttachment| {
        it.vpc().is_some_and(|it| it.vpc_id == *vpc_id)
            && it.state != TransitGatewayAttachmentState::Deleted
    };
    let others: Vec<_> = tx
        .each::<TransitGatewayAttachment>()
        .filter(of_vpc)
        .collect();
    if others.iter().any(|it| it.transit_gateway_id == *gateway_id) {
        return Err(error::duplicate_transit_gateway_attachment(
            gateway_id, vpc_id,
        ));
    }
    if others.len() >= limit {
        return Err(error::transit_gateways_per_vpc(vpc_id, limit));
    }
    Ok(())
}

/// An interface in each subnet; one subnet a zone.
fn add_subnets(
    tx: &mut Transaction<'_>,
    id: &TransitGatewayAttachmentId,
    vpc: &mut TransitGatewayVpcAttachment,
    subnet_ids: &[SubnetId],
) -> Result<(), ApiError> {
    for subnet_id in subnet_ids {
        let subnet = tx.get::<Subnet>(subnet_id)?.clone();
        if subnet.vpc_id != vpc.vpc_id {
            return Err(Subnet::not_found(subnet_id));
        }
        let zone = |id: &SubnetId| {
            let subnet = tx.resources().subnets.get(id);
            subnet.map(|it| it.availability_zone.clone())
        };
        let taken = |id: &SubnetId| zone(id).as_ref() == Some(&subnet.availability_zone);
        if vpc.subnet_ids.iter().any(taken) {
            return Err(error::duplicate_subnets_in_zone(&subnet.availability_zone));
        }
        let text = format!("Network Interface for Transit Gateway Attachment {id}");
        let new = NewInterface::of_service(subnet_id, InterfaceType::TransitGateway, text);
        let interface_id = network_interface::make(tx, new)?.network_interface_id;
        let attachment_id = AttachmentId::new(tx.new_text_id(AttachmentId::PREFIX));
        tx.edit::<NetworkInterface>(&interface_id)?.attachment = Some(NetworkInterfaceAttachment {
            attachment_id,
            instance_id: None,
            device_index: 1,
        });
        vpc.subnet_ids.push(subnet_id.clone());
        vpc.network_interface_ids.push(interface_id);
    }
    Ok(())
}

/// The attachment in service and the VPC that is attached.
fn vpc_attachment(
    tx: &Transaction<'_>,
    id: &TransitGatewayAttachmentId,
) -> Result<(TransitGatewayAttachment, TransitGatewayVpcAttachment), ApiError> {
    let found = in_service(tx, id)?;
    let vpc = found.vpc().cloned();
    let vpc = vpc.ok_or_else(|| TransitGatewayAttachment::not_found(id))?;
    Ok((TransitGatewayAttachment::clone(&found), vpc))
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
    options: Options,
}

pub(crate) fn modify_transit_gateway_vpc_attachment(
    tx: &mut Transaction<'_>,
    request: ModifyTransitGatewayVpcAttachment,
) -> Reply {
    let id = request.transit_gateway_attachment_id;
    let (mut modified, mut vpc) = vpc_attachment(tx, &id)?;
    for subnet_id in &request.remove_subnet_ids {
        let index = vpc.subnet_ids.iter().position(|it| it == subnet_id);
        let index = index.ok_or_else(|| Subnet::missing(subnet_id))?;
        vpc.subnet_ids.remove(index);
        let interface = vpc.network_interface_ids.remove(index);
        network_interface::delete(tx.state, &interface);
    }
    add_subnets(tx, &id, &mut vpc, &request.add_subnet_ids)?;
    if vpc.subnet_ids.is_empty() {
        return Err(error::invalid_parameter_value(
            "An attachment needs at least one subnet",
        ));
    }
    request.options.apply(&mut vpc.options);
    modified.resource = TransitGatewayAttachedResource::Vpc(vpc);
    modified.state = TransitGatewayAttachmentState::Modifying;
    let shown = show(&modified);
    tx.put(modified);
    tx.settle_after::<TransitGatewayAttachment>(&id, tx.config.delays.transit_gateway);
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
    let (mut leaving, _) = vpc_attachment(tx, &id)?;
    leaving.state = TransitGatewayAttachmentState::Deleting;
    let shown = show(&leaving);
    tx.put(leaving);
    tx.settle_after::<TransitGatewayAttachment>(&id, tx.config.delays.transit_gateway);
    Ok(json!({ "TransitGatewayVpcAttachment": shown }))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct DescribeTransitGatewayVpcAttachments {
    #[serde(default)]
    transit_gateway_attachment_ids: Vec<TransitGatewayAttachmentId>,
}

const FIELDS: &[Field<TransitGatewayAttachment>] = &[
    ("transit-gateway-attachment-id", |it, _| {
        one(&it.transit_gateway_attachment_id)
    }),
    ("transit-gateway-id", |it, _| one(&it.transit_gateway_id)),
    ("vpc-id", |it, _| maybe(it.vpc().map(|it| &it.vpc_id))),
    ("state", |it, _| one(word(it.state))),
];

pub(crate) fn describe_transit_gateway_vpc_attachments(
    reader: &Reader<'_>,
    request: DescribeTransitGatewayVpcAttachments,
) -> Reply {
    let ids = request.transit_gateway_attachment_ids;
    let mut chosen = reader.select::<TransitGatewayAttachment>(&ids, FIELDS)?;
    chosen.retain(|it| it.vpc().is_some());
    let member = "TransitGatewayVpcAttachments";
    reader.page(member, chosen, |it| it.id().to_string(), show)
}

fn show(attachment: &TransitGatewayAttachment) -> Value {
    let vpc = attachment.vpc().expect("only VPC attachments are shown");
    json!({
        "TransitGatewayAttachmentId": attachment.transit_gateway_attachment_id,
        "TransitGatewayId": attachment.transit_gateway_id,
        "VpcId": vpc.vpc_id,
        "VpcOwnerId": attachment.owner_id,
        "State": attachment.state,
        "SubnetIds": vpc.subnet_ids,
        "CreationTime": iso8601(attachment.creation_time),
        "Options": {
            "DnsSupport": switch(vpc.options.dns_support),
            "SecurityGroupReferencingSupport":
                switch(vpc.options.security_group_referencing_support),
            "Ipv6Support": switch(vpc.options.ipv6_support),
            "ApplianceModeSupport": switch(vpc.options.appliance_mode_support),
        },
        "Tags": tags(&attachment.tags),
    })
}

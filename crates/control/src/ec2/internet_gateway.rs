//! Internet gateways (Amazon EC2 API Reference: `CreateInternetGateway` and its kin).

use serde::Deserialize;
use serde_json::{Value, json};
use wirelab_model::*;

use crate::describe::{Field, Reader};
use crate::error;
use crate::transaction::Transaction;
use crate::view::{done, each, maybe, one, tags};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct CreateInternetGateway {}

pub(crate) fn create_internet_gateway(tx: &mut Transaction<'_>, _: CreateInternetGateway) -> Reply {
    let gateway = InternetGateway {
        internet_gateway_id: tx.new_id::<InternetGateway>(),
        vpc_id: None,
        owner_id: tx.owner.clone(),
        tags: tx.tags::<InternetGateway>()?,
    };
    let shown = show(&gateway);
    tx.put(gateway);
    Ok(json!({ "InternetGateway": shown }))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct DeleteInternetGateway {
    internet_gateway_id: InternetGatewayId,
}

pub(crate) fn delete_internet_gateway(
    tx: &mut Transaction<'_>,
    request: DeleteInternetGateway,
) -> Reply {
    let gateway = tx.get::<InternetGateway>(&request.internet_gateway_id)?;
    if gateway.vpc_id.is_some() {
        return Err(error::dependency(
            "internetGateway",
            &request.internet_gateway_id,
        ));
    }
    tx.remove::<InternetGateway>(&request.internet_gateway_id);
    Ok(done())
}

/// `AttachInternetGateway` and `DetachInternetGateway`.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct Attachment {
    internet_gateway_id: InternetGatewayId,
    vpc_id: VpcId,
}

pub(crate) fn attach_internet_gateway(tx: &mut Transaction<'_>, request: Attachment) -> Reply {
    let gateway = tx.get::<InternetGateway>(&request.internet_gateway_id)?;
    if let Some(vpc_id) = &gateway.vpc_id {
        return Err(error::already_associated(format_args!(
            "resource {} is already attached to network {vpc_id}",
            request.internet_gateway_id
        )));
    }
    tx.get::<Vpc>(&request.vpc_id)?;
    if attached_to(tx.resources(), &request.vpc_id).is_some() {
        return Err(error::invalid_parameter_value(format_args!(
            "Network {} already has an internet gateway attached",
            request.vpc_id
        )));
    }
    tx.edit::<InternetGateway>(&request.internet_gateway_id)?
        .vpc_id = Some(request.vpc_id);
    Ok(done())
}

pub(crate) fn detach_internet_gateway(tx: &mut Transaction<'_>, request: Attachment) -> Reply {
    let gateway = tx.get::<InternetGateway>(&request.internet_gateway_id)?;
    tx.get::<Vpc>(&request.vpc_id)?;
    if gateway.vpc_id.as_ref() != Some(&request.vpc_id) {
        return Err(error::gateway_not_attached(
            &request.internet_gateway_id,
            &request.vpc_id,
        ));
    }
    let has_public = |it: &NetworkInterface| {
        let mut addresses = it.private_ip_addresses.iter();
        it.vpc_id == request.vpc_id && addresses.any(|address| address.association.is_some())
    };
    if tx.each::<NetworkInterface>().any(has_public) {
        return Err(error::dependency_violation(format_args!(
            "Network {} has some mapped public address(es). Please unmap those public address(es) \
            before detaching the gateway.",
            request.vpc_id
        )));
    }
    tx.edit::<InternetGateway>(&request.internet_gateway_id)?
        .vpc_id = None;
    Ok(done())
}

/// The internet gateway of a VPC.
pub(crate) fn attached_to<'a>(
    resources: &'a Resources,
    vpc_id: &VpcId,
) -> Option<&'a InternetGatewayId> {
    let mut gateways = resources.internet_gateways.values();
    gateways
        .find(|it| it.vpc_id.as_ref() == Some(vpc_id))
        .map(|it| &it.internet_gateway_id)
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct DescribeInternetGateways {
    #[serde(default)]
    internet_gateway_ids: Vec<InternetGatewayId>,
}

const FIELDS: &[Field<InternetGateway>] = &[
    ("internet-gateway-id", |it, _| one(&it.internet_gateway_id)),
    ("attachment.vpc-id", |it, _| maybe(it.vpc_id.as_ref())),
    ("attachment.state", |it, _| {
        each(it.vpc_id.iter().map(|_| "available"))
    }),
    ("owner-id", |it, _| one(&it.owner_id)),
];

pub(crate) fn describe_internet_gateways(
    reader: &Reader<'_>,
    request: DescribeInternetGateways,
) -> Reply {
    reader.describe(
        "InternetGateways",
        &request.internet_gateway_ids,
        FIELDS,
        show,
    )
}

fn show(gateway: &InternetGateway) -> Value {
    let attachments: Vec<_> = gateway
        .vpc_id
        .iter()
        .map(|vpc_id| json!({ "State": "available", "VpcId": vpc_id }))
        .collect();
    json!({
        "Attachments": attachments,
        "InternetGatewayId": gateway.internet_gateway_id,
        "OwnerId": gateway.owner_id,
        "Tags": tags(&gateway.tags),
    })
}

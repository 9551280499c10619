//! Transit gateways (Amazon EC2 API Reference: `CreateTransitGateway` and its kin).
//!
//! Attachments, peerings, route tables and routes have files of their own.

use std::sync::Arc;

use ipnet::IpNet;
use serde::Deserialize;
use serde_json::{Value, json};
use wirelab_model::*;

use crate::clock::iso8601;
use crate::describe::{Field, Reader};
use crate::ec2::{Settled, transit_gateway_route_table};
use crate::error;
use crate::kind::Kind;
use crate::state::State;
use crate::transaction::Transaction;
use crate::view::{maybe, one, tags, word};

/// `enable` or `disable`, as transit gateway options have it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Switch {
    Enable,
    Disable,
}

impl Switch {
    /// Sets `flag` if the caller has said something.
    pub(crate) fn apply(switch: Option<Self>, flag: &mut bool) {
        if let Some(switch) = switch {
            *flag = switch == Self::Enable;
        }
    }
}

/// How a switch is shown.
pub(crate) fn switch(on: bool) -> &'static str {
    if on { "enable" } else { "disable" }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct CreateTransitGateway {
    #[serde(default)]
    description: String,
    #[serde(default)]
    options: RequestOptions,
}

/// `TransitGatewayRequestOptions`.
#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields, default)]
struct RequestOptions {
    amazon_side_asn: Option<u32>,
    auto_accept_shared_attachments: Option<Switch>,
    default_route_table_association: Option<Switch>,
    default_route_table_propagation: Option<Switch>,
    vpn_ecmp_support: Option<Switch>,
    dns_support: Option<Switch>,
    security_group_referencing_support: Option<Switch>,
    multicast_support: Option<Switch>,
    transit_gateway_cidr_blocks: Vec<IpNet>,
}

pub(crate) fn create_transit_gateway(
    tx: &mut Transaction<'_>,
    request: CreateTransitGateway,
) -> Reply {
    let asked = request.options;
    if asked.multicast_support == Some(Switch::Enable) {
        return Err(error::unsupported("Multicast is not simulated"));
    }
    refuse_blocks(&asked.transit_gateway_cidr_blocks)?;
    let owner = tx.owner.clone();
    let others = tx.each::<TransitGateway>();
    let alive = others.filter(|it| it.owner_id == owner && it.state != ResourceState::Deleted);
    if alive.count() >= tx.quotas().transit_gateways {
        return Err(error::transit_gateway_limit());
    }
    let mut options = TransitGatewayOptions::default();
    if let Some(asn) = asked.amazon_side_asn {
        options.amazon_side_asn = private_asn(asn)?;
    }
    for (switch, flag) in [
        (
            asked.auto_accept_shared_attachments,
            &mut options.auto_accept_shared_attachments,
        ),
        (asked.vpn_ecmp_support, &mut options.vpn_ecmp_support),
        (asked.dns_support, &mut options.dns_support),
        (
            asked.security_group_referencing_support,
            &mut options.security_group_referencing_support,
        ),
    ] {
        Switch::apply(switch, flag);
    }
    let id = tx.new_id::<TransitGateway>();
    let tags = tx.tags::<TransitGateway>()?;
    let is_on = |switch: Option<Switch>| switch != Some(Switch::Disable);
    let associates = is_on(asked.default_route_table_association);
    let propagates = is_on(asked.default_route_table_propagation);
    let table =
        (associates || propagates).then(|| transit_gateway_route_table::make(tx, &id, Vec::new()));
    options.association_default_route_table_id = table.clone().filter(|_| associates);
    options.propagation_default_route_table_id = table.filter(|_| propagates);
    let gateway = TransitGateway {
        transit_gateway_id: id.clone(),
        state: ResourceState::Pending,
        options,
        description: request.description,
        creation_time: tx.utc(),
        owner_id: owner,
        tags,
    };
    let shown = show(&gateway, &tx.region);
    tx.put(gateway);
    tx.settle_after::<TransitGateway>(&id, tx.config.delays.transit_gateway);
    Ok(json!({ "TransitGateway": shown }))
}

/// 64512 to 65534, or 4200000000 to 4294967294.
fn private_asn(asn: u32) -> Result<u32, ApiError> {
    match asn {
        64_512..=65_534 | 4_200_000_000..=4_294_967_294 => Ok(asn),
        _ => Err(error::invalid_value(
            &asn.to_string(),
            "AmazonSideAsn",
            "private AS numbers are 64512 to 65534 and 4200000000 to 4294967294",
        )),
    }
}

/// Blocks of the gateway itself serve Connect attachments alone.
fn refuse_blocks(blocks: &[IpNet]) -> Result<(), ApiError> {
    match blocks {
        [] => Ok(()),
        _ => Err(error::unsupported(
            "CIDR blocks of a transit gateway are for Connect attachments, which are not simulated",
        )),
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct ModifyTransitGateway {
    transit_gateway_id: TransitGatewayId,
    description: Option<String>,
    #[serde(default)]
    options: ModifyOptions,
}

/// `ModifyTransitGatewayOptions`.
#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields, default)]
struct ModifyOptions {
    amazon_side_asn: Option<u32>,
    auto_accept_shared_attachments: Option<Switch>,
    default_route_table_association: Option<Switch>,
    association_default_route_table_id: Option<TransitGatewayRouteTableId>,
    default_route_table_propagation: Option<Switch>,
    propagation_default_route_table_id: Option<TransitGatewayRouteTableId>,
    vpn_ecmp_support: Option<Switch>,
    dns_support: Option<Switch>,
    security_group_referencing_support: Option<Switch>,
    add_transit_gateway_cidr_blocks: Vec<IpNet>,
    remove_transit_gateway_cidr_blocks: Vec<IpNet>,
}

/// Takes effect on attachments to come; those that are there keep their tables.
pub(crate) fn modify_transit_gateway(
    tx: &mut Transaction<'_>,
    request: ModifyTransitGateway,
) -> Reply {
    let id = request.transit_gateway_id;
    let asked = request.options;
    let mut gateway = TransitGateway::clone(&*available(tx, &id)?);
    refuse_blocks(&asked.add_transit_gateway_cidr_blocks)?;
    refuse_blocks(&asked.remove_transit_gateway_cidr_blocks)?;
    let options = &mut gateway.options;
    if let Some(asn) = asked.amazon_side_asn {
        let mut attachments = tx.each::<TransitGatewayAttachment>();
        if attachments.any(|it| it.is_at(&id) && it.state != TransitGatewayAttachmentState::Deleted)
        {
            return Err(error::incorrect_state(format_args!(
                "{id} has attachments, so its Amazon side ASN cannot be modified"
            )));
        }
        options.amazon_side_asn = private_asn(asn)?;
    }
    options.association_default_route_table_id = default_table(
        tx,
        &id,
        options.association_default_route_table_id.take(),
        asked.default_route_table_association,
        asked.association_default_route_table_id,
        "AssociationDefaultRouteTableId",
    )?;
    options.propagation_default_route_table_id = default_table(
        tx,
        &id,
        options.propagation_default_route_table_id.take(),
        asked.default_route_table_propagation,
        asked.propagation_default_route_table_id,
        "PropagationDefaultRouteTableId",
    )?;
    let options = &mut gateway.options;
    Switch::apply(
        asked.auto_accept_shared_attachments,
        &mut options.auto_accept_shared_attachments,
    );
    Switch::apply(asked.vpn_ecmp_support, &mut options.vpn_ecmp_support);
    Switch::apply(asked.dns_support, &mut options.dns_support);
    Switch::apply(
        asked.security_group_referencing_support,
        &mut options.security_group_referencing_support,
    );
    if let Some(description) = request.description {
        gateway.description = description;
    }
    gateway.state = ResourceState::Modifying;
    let shown = show(&gateway, &tx.region);
    tx.put(gateway);
    tx.settle_after::<TransitGateway>(&id, tx.config.delays.transit_gateway);
    Ok(json!({ "TransitGateway": shown }))
}

/// The default table after a modification: none, the one named, or the one it was.
fn default_table(
    tx: &Transaction<'_>,
    gateway: &TransitGatewayId,
    before: Option<TransitGatewayRouteTableId>,
    switched: Option<Switch>,
    named: Option<TransitGatewayRouteTableId>,
    parameter: &str,
) -> Result<Option<TransitGatewayRouteTableId>, ApiError> {
    if switched == Some(Switch::Disable) {
        return Ok(None);
    }
    let Some(id) = named else {
        return match (switched, before) {
            (Some(Switch::Enable), None) => Err(error::missing_parameter(parameter)),
            (_, before) => Ok(before),
        };
    };
    let table = transit_gateway_route_table::available(tx, &id)?;
    if table.transit_gateway_id != *gateway {
        return Err(error::invalid_parameter_value(format_args!(
            "{id} is no route table of {gateway}"
        )));
    }
    Ok(Some(id))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct DeleteTransitGateway {
    transit_gateway_id: TransitGatewayId,
}

pub(crate) fn delete_transit_gateway(
    tx: &mut Transaction<'_>,
    request: DeleteTransitGateway,
) -> Reply {
    let id = request.transit_gateway_id;
    available(tx, &id)?;
    let blocks = |it: &&TransitGatewayAttachment| {
        use TransitGatewayAttachmentState::{Deleted, Rejected};
        it.is_at(&id) && !matches!(it.state, Deleted | Rejected)
    };
    if let Some(attachment) = tx.each::<TransitGatewayAttachment>().find(blocks) {
        let kind = match attachment.resource {
            TransitGatewayAttachedResource::Vpc(_) => "VPC",
            TransitGatewayAttachedResource::Vpn(_) => "VPN",
            TransitGatewayAttachedResource::Peering(_) => "Peering",
        };
        return Err(error::incorrect_state(format_args!(
            "{id} has non-deleted {kind} Attachments: {}.",
            attachment.transit_gateway_attachment_id
        )));
    }
    let gateway = tx.edit::<TransitGateway>(&id)?;
    gateway.state = ResourceState::Deleting;
    let shown = gateway.clone();
    tx.settle_after::<TransitGateway>(&id, tx.config.delays.transit_gateway);
    Ok(json!({ "TransitGateway": show(&shown, &tx.region) }))
}

/// The gateway, if it takes changes.
pub(crate) fn available(
    tx: &Transaction<'_>,
    id: &TransitGatewayId,
) -> Result<Arc<TransitGateway>, ApiError> {
    let gateway = tx.get::<TransitGateway>(id)?;
    match gateway.state {
        ResourceState::Available => Ok(Arc::clone(gateway)),
        ResourceState::Deleting | ResourceState::Deleted => Err(TransitGateway::not_found(id)),
        ResourceState::Pending | ResourceState::Modifying => Err(error::incorrect_state(
            format_args!("{id} is in invalid state"),
        )),
    }
}

/// What a lasting state follows a transitional one.
pub(crate) fn settled(state: ResourceState) -> ResourceState {
    match state {
        ResourceState::Pending | ResourceState::Modifying => ResourceState::Available,
        ResourceState::Deleting => ResourceState::Deleted,
        lasting => lasting,
    }
}

/// `pending` becomes `available`, `deleting` becomes `deleted`; the route tables go along.
pub(crate) fn settle(id: &TransitGatewayId, state: &mut State) -> Settled {
    let resources = &mut state.resources;
    let Some(gateway) = resources.transit_gateways.get_mut(id) else {
        return Settled::Lasting;
    };
    let gateway = Arc::make_mut(gateway);
    gateway.state = settled(gateway.state);
    let now = gateway.state;
    for table in resources.transit_gateway_route_tables.values_mut() {
        if table.transit_gateway_id == *id && table.state == ResourceState::Pending {
            Arc::make_mut(table).state = now;
        }
    }
    if now != ResourceState::Deleted {
        return Settled::Lasting;
    }
    let tables = &mut resources.transit_gateway_route_tables;
    tables.retain(|_, table| table.transit_gateway_id != *id);
    Settled::Gone
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct DescribeTransitGateways {
    #[serde(default)]
    transit_gateway_ids: Vec<TransitGatewayId>,
}

const FIELDS: &[Field<TransitGateway>] = &[
    ("transit-gateway-id", |it, _| one(&it.transit_gateway_id)),
    ("owner-id", |it, _| one(&it.owner_id)),
    ("state", |it, _| one(word(it.state))),
    ("options.amazon-side-asn", |it, _| {
        one(it.options.amazon_side_asn)
    }),
    ("options.association-default-route-table-id", |it, _| {
        maybe(it.options.association_default_route_table_id.as_ref())
    }),
    ("options.auto-accept-shared-attachments", |it, _| {
        one(switch(it.options.auto_accept_shared_attachments))
    }),
    ("options.default-route-table-association", |it, _| {
        one(switch(
            it.options.association_default_route_table_id.is_some(),
        ))
    }),
    ("options.default-route-table-propagation", |it, _| {
        one(switch(
            it.options.propagation_default_route_table_id.is_some(),
        ))
    }),
    ("options.dns-support", |it, _| {
        one(switch(it.options.dns_support))
    }),
    ("options.propagation-default-route-table-id", |it, _| {
        maybe(it.options.propagation_default_route_table_id.as_ref())
    }),
    ("options.vpn-ecmp-support", |it, _| {
        one(switch(it.options.vpn_ecmp_support))
    }),
];

pub(crate) fn describe_transit_gateways(
    reader: &Reader<'_>,
    request: DescribeTransitGateways,
) -> Reply {
    reader.describe(
        "TransitGateways",
        &request.transit_gateway_ids,
        FIELDS,
        |it| show(it, reader.region()),
    )
}

fn show(gateway: &TransitGateway, region: &str) -> Value {
    let options = &gateway.options;
    let association = &options.association_default_route_table_id;
    let propagation = &options.propagation_default_route_table_id;
    json!({
        "TransitGatewayId": gateway.transit_gateway_id,
        "TransitGatewayArn": format!(
            "arn:aws:ec2:{region}:{}:transit-gateway/{}",
            gateway.owner_id, gateway.transit_gateway_id
        ),
        "State": gateway.state,
        "OwnerId": gateway.owner_id,
        "Description": (!gateway.description.is_empty()).then_some(&gateway.description),
        "CreationTime": iso8601(gateway.creation_time),
        "Options": {
            "AmazonSideAsn": options.amazon_side_asn,
            "AutoAcceptSharedAttachments": switch(options.auto_accept_shared_attachments),
            "DefaultRouteTableAssociation": switch(association.is_some()),
            "AssociationDefaultRouteTableId": association,
            "DefaultRouteTablePropagation": switch(propagation.is_some()),
            "PropagationDefaultRouteTableId": propagation,
            "VpnEcmpSupport": switch(options.vpn_ecmp_support),
            "DnsSupport": switch(options.dns_support),
            "SecurityGroupReferencingSupport":
                switch(options.security_group_referencing_support),
            "MulticastSupport": "disable",
        },
        "Tags": tags(&gateway.tags),
    })
}

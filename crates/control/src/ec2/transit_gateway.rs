//! Transit gateways (Amazon EC2 API Reference: `CreateTransitGateway` and its kin).
//!
//! Attachments, route tables and routes have files of their own.

use std::sync::Arc;

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::{Value, json};
use wirelab_model::*;

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

/// How a switch is shown.
pub(crate) fn switch(on: bool) -> &'static str {
    if on { "enable" } else { "disable" }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct CreateTransitGateway {
    #[serde(default, rename = "Description")]
    _description: Option<IgnoredAny>,
    #[serde(default)]
    options: GatewayOptions,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields, default)]
struct GatewayOptions {
    default_route_table_association: Option<Switch>,
    default_route_table_propagation: Option<Switch>,
    #[serde(rename = "AmazonSideAsn")]
    _amazon_side_asn: Option<IgnoredAny>,
    #[serde(rename = "AutoAcceptSharedAttachments")]
    _auto_accept_shared_attachments: Option<IgnoredAny>,
    #[serde(rename = "VpnEcmpSupport")]
    _vpn_ecmp_support: Option<IgnoredAny>,
    #[serde(rename = "DnsSupport")]
    _dns_support: Option<IgnoredAny>,
}

pub(crate) fn create_transit_gateway(
    tx: &mut Transaction<'_>,
    request: CreateTransitGateway,
) -> Reply {
    let id = tx.new_id::<TransitGateway>();
    let is_on = |switch: Option<Switch>| switch != Some(Switch::Disable);
    let associates = is_on(request.options.default_route_table_association);
    let propagates = is_on(request.options.default_route_table_propagation);
    let tags = tx.tags::<TransitGateway>()?;
    let table =
        (associates || propagates).then(|| transit_gateway_route_table::make(tx, &id, Vec::new()));
    let gateway = TransitGateway {
        transit_gateway_id: id.clone(),
        state: ResourceState::Pending,
        association_default_route_table_id: table.clone().filter(|_| associates),
        propagation_default_route_table_id: table.filter(|_| propagates),
        owner_id: tx.owner.clone(),
        tags,
    };
    let shown = show(&gateway, &tx.region);
    tx.put(gateway);
    tx.settle_after::<TransitGateway>(&id, tx.config.delays.transit_gateway);
    Ok(json!({ "TransitGateway": shown }))
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
    let blocks = |it: &&TransitGatewayVpcAttachment| {
        it.transit_gateway_id == id && it.state != ResourceState::Deleted
    };
    if let Some(attachment) = tx.each::<TransitGatewayVpcAttachment>().find(blocks) {
        return Err(error::incorrect_state(format_args!(
            "{id} has non-deleted VPC Attachments: {}.",
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
    ("options.association-default-route-table-id", |it, _| {
        maybe(it.association_default_route_table_id.as_ref())
    }),
    ("options.propagation-default-route-table-id", |it, _| {
        maybe(it.propagation_default_route_table_id.as_ref())
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
    let association = &gateway.association_default_route_table_id;
    let propagation = &gateway.propagation_default_route_table_id;
    json!({
        "TransitGatewayId": gateway.transit_gateway_id,
        "TransitGatewayArn": format!(
            "arn:aws:ec2:{region}:{}:transit-gateway/{}",
            gateway.owner_id, gateway.transit_gateway_id
        ),
        "State": gateway.state,
        "OwnerId": gateway.owner_id,
        "Options": {
            "AmazonSideAsn": 64512,
            "AutoAcceptSharedAttachments": "disable",
            "DefaultRouteTableAssociation": switch(association.is_some()),
            "AssociationDefaultRouteTableId": association,
            "DefaultRouteTablePropagation": switch(propagation.is_some()),
            "PropagationDefaultRouteTableId": propagation,
            "VpnEcmpSupport": "enable",
            "DnsSupport": "enable",
        },
        "Tags": tags(&gateway.tags),
    })
}

//! Route tables of transit gateways: associations and propagations (Amazon EC2 API Reference:
//! `CreateTransitGatewayRouteTable`, `AssociateTransitGatewayRouteTable`,
//! `EnableTransitGatewayRouteTablePropagation` and their kin).

use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Value, json};
use wirelab_model::*;

use crate::clock::iso8601;
use crate::describe::{Field, Reader};
use crate::ec2::{Settled, transit_gateway, transit_gateway_attachment};
use crate::error;
use crate::kind::Kind;
use crate::state::State;
use crate::transaction::Transaction;
use crate::view::{one, tags, word};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct CreateTransitGatewayRouteTable {
    transit_gateway_id: TransitGatewayId,
}

pub(crate) fn create_transit_gateway_route_table(
    tx: &mut Transaction<'_>,
    request: CreateTransitGatewayRouteTable,
) -> Reply {
    let gateway = &request.transit_gateway_id;
    transit_gateway::available(tx, gateway)?;
    let tables = tx.each::<TransitGatewayRouteTable>();
    let alive = |it: &&TransitGatewayRouteTable| {
        it.transit_gateway_id == *gateway && it.state != ResourceState::Deleted
    };
    let limit = tx.quotas().route_tables_per_transit_gateway;
    if tables.filter(alive).count() >= limit {
        return Err(error::transit_gateway_route_table_limit(gateway, limit));
    }
    let tags = tx.tags::<TransitGatewayRouteTable>()?;
    let id = make(tx, &request.transit_gateway_id, tags);
    let table = tx.get::<TransitGatewayRouteTable>(&id)?;
    let shown = show(table, tx.resources());
    tx.settle_after::<TransitGatewayRouteTable>(&id, tx.config.delays.transit_gateway);
    Ok(json!({ "TransitGatewayRouteTable": shown }))
}

/// Makes an empty table, `pending`.
pub(crate) fn make(
    tx: &mut Transaction<'_>,
    gateway: &TransitGatewayId,
    tags: Vec<Tag>,
) -> TransitGatewayRouteTableId {
    let id = tx.new_id::<TransitGatewayRouteTable>();
    let creation_time = tx.utc();
    tx.put(TransitGatewayRouteTable {
        transit_gateway_route_table_id: id.clone(),
        transit_gateway_id: gateway.clone(),
        state: ResourceState::Pending,
        routes: Vec::new(),
        propagations: Vec::new(),
        creation_time,
        tags,
    });
    id
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct DeleteTransitGatewayRouteTable {
    transit_gateway_route_table_id: TransitGatewayRouteTableId,
}

pub(crate) fn delete_transit_gateway_route_table(
    tx: &mut Transaction<'_>,
    request: DeleteTransitGatewayRouteTable,
) -> Reply {
    let id = request.transit_gateway_route_table_id;
    let mut table = available(tx, &id)?;
    let uses =
        |it: &TransitGatewayAttachment| it.association_at(&table.transit_gateway_id) == Some(&id);
    let is_default = |it: &TransitGateway| {
        let defaults = [
            &it.options.association_default_route_table_id,
            &it.options.propagation_default_route_table_id,
        ];
        defaults.iter().any(|table| table.as_ref() == Some(&id))
    };
    if tx.each::<TransitGatewayAttachment>().any(uses)
        || tx.each::<TransitGateway>().any(is_default)
    {
        return Err(error::incorrect_state(format_args!(
            "{id} has associations or is the default route table of its transit gateway"
        )));
    }
    table.state = ResourceState::Deleting;
    table.propagations.clear();
    let shown = show(&table, tx.resources());
    tx.put(table);
    tx.settle_after::<TransitGatewayRouteTable>(&id, tx.config.delays.transit_gateway);
    Ok(json!({ "TransitGatewayRouteTable": shown }))
}

/// A copy of the table, if it takes changes.
pub(crate) fn available(
    tx: &Transaction<'_>,
    id: &TransitGatewayRouteTableId,
) -> Result<TransitGatewayRouteTable, ApiError> {
    let table = tx.get::<TransitGatewayRouteTable>(id)?;
    match table.state {
        ResourceState::Available => Ok(TransitGatewayRouteTable::clone(table)),
        ResourceState::Deleted => Err(TransitGatewayRouteTable::not_found(id)),
        _ => Err(error::incorrect_state(format_args!(
            "{id} is in invalid state"
        ))),
    }
}

/// `pending` becomes `available`, `deleting` becomes `deleted`.
pub(crate) fn settle(id: &TransitGatewayRouteTableId, state: &mut State) -> Settled {
    let Some(table) = state.resources.transit_gateway_route_tables.get_mut(id) else {
        return Settled::Lasting;
    };
    let table = Arc::make_mut(table);
    table.state = transit_gateway::settled(table.state);
    if table.state == ResourceState::Deleted {
        Settled::Gone
    } else {
        Settled::Lasting
    }
}

/// A table and an attachment: parameters of association and propagation calls.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct Pair {
    transit_gateway_route_table_id: TransitGatewayRouteTableId,
    transit_gateway_attachment_id: TransitGatewayAttachmentId,
}

impl Pair {
    /// Both are there and belong to the same gateway.
    fn check(
        &self,
        tx: &Transaction<'_>,
    ) -> Result<(TransitGatewayRouteTable, TransitGatewayAttachment), ApiError> {
        let table = available(tx, &self.transit_gateway_route_table_id)?;
        let id = &self.transit_gateway_attachment_id;
        let attachment = transit_gateway_attachment::in_service(tx, id)?;
        if !attachment.is_at(&table.transit_gateway_id) {
            return Err(error::invalid_parameter_value(format_args!(
                "{id} and {} belong to different transit gateways",
                self.transit_gateway_route_table_id
            )));
        }
        Ok((table, TransitGatewayAttachment::clone(&attachment)))
    }

    fn show(&self, attachment: &TransitGatewayAttachment, state: &str) -> Value {
        let mut shown = transit_gateway_attachment::show_brief(attachment);
        shown["TransitGatewayRouteTableId"] = json!(self.transit_gateway_route_table_id);
        shown["State"] = json!(state);
        shown
    }
}

/// Sets the table that an attachment is associated with at `gateway`.
fn set_association(
    attachment: &mut TransitGatewayAttachment,
    gateway: &TransitGatewayId,
    table: Option<TransitGatewayRouteTableId>,
) {
    match &mut attachment.resource {
        TransitGatewayAttachedResource::Peering(peering)
            if attachment.transit_gateway_id != *gateway =>
        {
            peering.peer_association = table;
        }
        _ => attachment.association = table,
    }
}

pub(crate) fn associate(tx: &mut Transaction<'_>, request: Pair) -> Reply {
    let (table, mut attachment) = request.check(tx)?;
    let gateway = &table.transit_gateway_id;
    if let Some(table_id) = attachment.association_at(gateway) {
        return Err(error::already_associated(format_args!(
            "Transit Gateway Attachment {} is already associated to route table {table_id}.",
            request.transit_gateway_attachment_id
        )));
    }
    let table_id = request.transit_gateway_route_table_id.clone();
    set_association(&mut attachment, gateway, Some(table_id));
    let shown = request.show(&attachment, "associating");
    tx.put(attachment);
    Ok(json!({ "Association": shown }))
}

pub(crate) fn disassociate(tx: &mut Transaction<'_>, request: Pair) -> Reply {
    let (table, mut attachment) = request.check(tx)?;
    let gateway = &table.transit_gateway_id;
    if attachment.association_at(gateway) != Some(&request.transit_gateway_route_table_id) {
        return Err(error::association_not_found(
            &request.transit_gateway_attachment_id,
        ));
    }
    set_association(&mut attachment, gateway, None);
    let shown = request.show(&attachment, "disassociating");
    tx.put(attachment);
    Ok(json!({ "Association": shown }))
}

pub(crate) fn enable_propagation(tx: &mut Transaction<'_>, request: Pair) -> Reply {
    let (table, attachment) = request.check(tx)?;
    if attachment.peering().is_some() {
        return Err(error::invalid_parameter_value(format_args!(
            "{} is a peering attachment: routes over it are static",
            request.transit_gateway_attachment_id
        )));
    }
    if table
        .propagations
        .contains(&request.transit_gateway_attachment_id)
    {
        return Err(ApiError::client(
            "TransitGatewayRouteTablePropagation.Duplicate",
            format!(
                "Propagation of {} to {} is already enabled",
                request.transit_gateway_attachment_id, request.transit_gateway_route_table_id
            ),
        ));
    }
    propagate(
        tx,
        &request.transit_gateway_route_table_id,
        &request.transit_gateway_attachment_id,
    )?;
    Ok(json!({ "Propagation": request.show(&attachment, "enabled") }))
}

/// Lets the attachment's blocks into the table.
pub(crate) fn propagate(
    tx: &mut Transaction<'_>,
    table: &TransitGatewayRouteTableId,
    attachment: &TransitGatewayAttachmentId,
) -> Result<(), ApiError> {
    let table = tx.edit::<TransitGatewayRouteTable>(table)?;
    table.propagations.push(attachment.clone());
    Ok(())
}

pub(crate) fn disable_propagation(tx: &mut Transaction<'_>, request: Pair) -> Reply {
    let (mut table, attachment) = request.check(tx)?;
    let id = &request.transit_gateway_attachment_id;
    if !table.propagations.contains(id) {
        return Err(ApiError::client(
            "TransitGatewayRouteTablePropagation.NotFound",
            format!("Propagation of {id} is not enabled"),
        ));
    }
    table.propagations.retain(|it| it != id);
    tx.put(table);
    Ok(json!({ "Propagation": request.show(&attachment, "disabled") }))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct DescribeTransitGatewayRouteTables {
    #[serde(default)]
    transit_gateway_route_table_ids: Vec<TransitGatewayRouteTableId>,
}

const FIELDS: &[Field<TransitGatewayRouteTable>] = &[
    ("transit-gateway-route-table-id", |it, _| {
        one(&it.transit_gateway_route_table_id)
    }),
    ("transit-gateway-id", |it, _| one(&it.transit_gateway_id)),
    ("state", |it, _| one(word(it.state))),
    ("default-association-route-table", |it, all| {
        one(is_default_association(it, all))
    }),
    ("default-propagation-route-table", |it, all| {
        one(is_default_propagation(it, all))
    }),
];

fn is_default_association(table: &TransitGatewayRouteTable, resources: &Resources) -> bool {
    let gateway = resources.transit_gateways.get(&table.transit_gateway_id);
    let default = gateway.and_then(|it| it.options.association_default_route_table_id.as_ref());
    default == Some(table.id())
}

fn is_default_propagation(table: &TransitGatewayRouteTable, resources: &Resources) -> bool {
    let gateway = resources.transit_gateways.get(&table.transit_gateway_id);
    let default = gateway.and_then(|it| it.options.propagation_default_route_table_id.as_ref());
    default == Some(table.id())
}

pub(crate) fn describe_transit_gateway_route_tables(
    reader: &Reader<'_>,
    request: DescribeTransitGatewayRouteTables,
) -> Reply {
    let ids = request.transit_gateway_route_table_ids;
    reader.describe("TransitGatewayRouteTables", &ids, FIELDS, |it| {
        show(it, reader.resources())
    })
}

fn show(table: &TransitGatewayRouteTable, resources: &Resources) -> Value {
    json!({
        "TransitGatewayRouteTableId": table.transit_gateway_route_table_id,
        "TransitGatewayId": table.transit_gateway_id,
        "State": table.state,
        "DefaultAssociationRouteTable": is_default_association(table, resources),
        "DefaultPropagationRouteTable": is_default_propagation(table, resources),
        "CreationTime": iso8601(table.creation_time),
        "Tags": tags(&table.tags),
    })
}

/// `GetTransitGatewayRouteTableAssociations` and `GetTransitGatewayRouteTablePropagations`.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct OfTable {
    transit_gateway_route_table_id: TransitGatewayRouteTableId,
}

const PAIR_FIELDS: &[Field<TransitGatewayAttachment>] = &[
    ("transit-gateway-attachment-id", |it, _| {
        one(&it.transit_gateway_attachment_id)
    }),
    ("resource-id", |it, _| {
        one(transit_gateway_attachment::resource_id(it))
    }),
    ("resource-type", |it, _| {
        one(transit_gateway_attachment::resource_type(it))
    }),
];

pub(crate) fn get_associations(reader: &Reader<'_>, request: OfTable) -> Reply {
    let id = request.transit_gateway_route_table_id;
    let table = reader.get::<TransitGatewayRouteTable>(&id)?;
    list_pairs(reader, "Associations", "associated", |it| {
        it.association_at(&table.transit_gateway_id) == Some(&id)
    })
}

pub(crate) fn get_propagations(reader: &Reader<'_>, request: OfTable) -> Reply {
    let id = request.transit_gateway_route_table_id;
    let table = reader.get::<TransitGatewayRouteTable>(&id)?;
    let member = "TransitGatewayRouteTablePropagations";
    list_pairs(reader, member, "enabled", |it| {
        let id = &it.transit_gateway_attachment_id;
        table.propagations.contains(id)
    })
}

fn list_pairs(
    reader: &Reader<'_>,
    member: &str,
    state: &str,
    belongs: impl Fn(&TransitGatewayAttachment) -> bool,
) -> Reply {
    let mut chosen = reader.select::<TransitGatewayAttachment>(&[], PAIR_FIELDS)?;
    chosen.retain(|it| belongs(it));
    reader.page(
        member,
        chosen,
        |it| it.id().to_string(),
        |it| {
            let mut shown = transit_gateway_attachment::show_brief(it);
            shown["State"] = json!(state);
            shown
        },
    )
}

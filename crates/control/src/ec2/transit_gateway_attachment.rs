//! What all attachments of transit gateways have in common: states, default tables, quotas, and
//! `DescribeTransitGatewayAttachments`, `GetTransitGatewayAttachmentPropagations` (Amazon EC2 API
//! Reference).
//!
//! Each kind has a file of its own: `transit_gateway_vpc_attachment`, `transit_gateway_peering`,
//! and `vpn_connection` for VPN attachments, which come and go with their connection.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Value, json};
use smol_str::SmolStr;
use wirelab_model::*;

use crate::clock::iso8601;
use crate::describe::{Field, Reader};
use crate::ec2::{Settled, network_interface, transit_gateway_route_table};
use crate::error;
use crate::kind::Kind;
use crate::state::State;
use crate::transaction::Transaction;
use crate::view::{maybe, one, tags, word};

/// A new attachment as the gateway's options make it: associated with the default table. The caller
/// puts it and lets it settle.
///
/// # Errors
/// `TransitGatewayAttachmentLimitExceeded`.
pub(crate) fn make(
    tx: &mut Transaction<'_>,
    gateway: &TransitGateway,
    resource: TransitGatewayAttachedResource,
    owner: SmolStr,
) -> Result<TransitGatewayAttachment, ApiError> {
    let gateway_id = &gateway.transit_gateway_id;
    let others = tx.each::<TransitGatewayAttachment>();
    let alive = others.filter(|it| it.is_at(gateway_id) && !it.state.has_ended());
    let limit = tx.quotas().attachments_per_transit_gateway;
    if alive.count() >= limit {
        return Err(error::transit_gateway_attachment_limit(gateway_id, limit));
    }
    Ok(TransitGatewayAttachment {
        transit_gateway_attachment_id: tx.new_id::<TransitGatewayAttachment>(),
        transit_gateway_id: gateway_id.clone(),
        state: TransitGatewayAttachmentState::Pending,
        resource,
        association: gateway.options.association_default_route_table_id.clone(),
        creation_time: tx.utc(),
        owner_id: owner,
        tags: tx.tags::<TransitGatewayAttachment>()?,
    })
}

/// Lets an attachment propagate to its gateway's default table, if there is one.
pub(crate) fn propagate_by_default(
    tx: &mut Transaction<'_>,
    gateway: &TransitGateway,
    id: &TransitGatewayAttachmentId,
) -> Result<(), ApiError> {
    match &gateway.options.propagation_default_route_table_id {
        Some(table) => transit_gateway_route_table::propagate(tx, table, id),
        None => Ok(()),
    }
}

/// The attachment, if it takes changes.
pub(crate) fn in_service(
    tx: &Transaction<'_>,
    id: &TransitGatewayAttachmentId,
) -> Result<Arc<TransitGatewayAttachment>, ApiError> {
    let attachment = tx.get::<TransitGatewayAttachment>(id)?;
    match attachment.state {
        TransitGatewayAttachmentState::Available => Ok(Arc::clone(attachment)),
        TransitGatewayAttachmentState::Deleted => Err(TransitGatewayAttachment::not_found(id)),
        _ => Err(error::incorrect_state(format_args!(
            "{id} is in invalid state"
        ))),
    }
}

/// Whether the VPC has an attachment to the gateway that has not ended: routes may lead there.
pub(crate) fn is_attached(resources: &Resources, gateway: &TransitGatewayId, vpc: &VpcId) -> bool {
    let mut attachments = resources.transit_gateway_attachments.values();
    attachments.any(|it| {
        it.transit_gateway_id == *gateway
            && it.vpc().is_some_and(|it| it.vpc_id == *vpc)
            && !it.state.has_ended()
    })
}

/// Ends a transitional state. The interfaces of a VPC attachment that is `deleted` go with it.
pub(crate) fn settle(id: &TransitGatewayAttachmentId, state: &mut State) -> Settled {
    use TransitGatewayAttachmentState as S;
    let attachments = &mut state.resources.transit_gateway_attachments;
    let Some(attachment) = attachments.get_mut(id) else {
        return Settled::Lasting;
    };
    let attachment = Arc::make_mut(attachment);
    attachment.state = match attachment.state {
        S::InitiatingRequest => S::PendingAcceptance,
        S::Pending | S::Modifying => S::Available,
        S::Rejecting => S::Rejected,
        S::Deleting => S::Deleted,
        lasting => lasting,
    };
    if !matches!(attachment.state, S::Deleted | S::Rejected) {
        return Settled::Lasting;
    }
    attachment.association = None;
    match &mut attachment.resource {
        TransitGatewayAttachedResource::Vpc(vpc) => {
            for interface in std::mem::take(&mut vpc.network_interface_ids) {
                network_interface::delete(state, &interface);
            }
        }
        TransitGatewayAttachedResource::Peering(peering) => peering.peer_association = None,
        TransitGatewayAttachedResource::Vpn(_) => {}
    }
    Settled::Gone
}

/// A peering is seen from both its ends.
pub(crate) fn shown_to(
    attachment: &TransitGatewayAttachment,
    account: &str,
    region: &str,
) -> Option<bool> {
    let it = attachment.peering()?;
    let requester = (attachment.owner_id.as_str(), it.region.as_str());
    let accepter = (it.peer_account_id.as_str(), it.peer_region.as_str());
    Some([requester, accepter].contains(&(account, region)))
}

/// `vpc`, `vpn` or `peering`.
pub(crate) fn resource_type(attachment: &TransitGatewayAttachment) -> &'static str {
    match attachment.resource {
        TransitGatewayAttachedResource::Vpc(_) => "vpc",
        TransitGatewayAttachedResource::Vpn(_) => "vpn",
        TransitGatewayAttachedResource::Peering(_) => "peering",
    }
}

/// The id of what is attached.
pub(crate) fn resource_id(attachment: &TransitGatewayAttachment) -> &str {
    match &attachment.resource {
        TransitGatewayAttachedResource::Vpc(vpc) => vpc.vpc_id.as_str(),
        TransitGatewayAttachedResource::Vpn(id) => id.as_str(),
        TransitGatewayAttachedResource::Peering(it) => it.peer_transit_gateway_id.as_str(),
    }
}

/// The members that tell which attachment of which resource is meant.
pub(crate) fn show_brief(attachment: &TransitGatewayAttachment) -> Value {
    json!({
        "TransitGatewayAttachmentId": attachment.transit_gateway_attachment_id,
        "ResourceId": resource_id(attachment),
        "ResourceType": resource_type(attachment),
    })
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct DescribeTransitGatewayAttachments {
    #[serde(default)]
    transit_gateway_attachment_ids: Vec<TransitGatewayAttachmentId>,
}

const FIELDS: &[Field<TransitGatewayAttachment>] = &[
    ("transit-gateway-attachment-id", |it, _| {
        one(&it.transit_gateway_attachment_id)
    }),
    ("transit-gateway-id", |it, _| one(&it.transit_gateway_id)),
    ("transit-gateway-owner-id", |it, all| {
        maybe(gateway_owner(it, all))
    }),
    ("resource-id", |it, _| one(resource_id(it))),
    ("resource-owner-id", |it, _| one(&it.owner_id)),
    ("resource-type", |it, _| one(resource_type(it))),
    ("state", |it, _| one(word(it.state))),
    ("association.state", |it, _| {
        maybe(it.association.as_ref().map(|_| "associated"))
    }),
    ("association.transit-gateway-route-table-id", |it, _| {
        maybe(it.association.as_ref())
    }),
];

pub(crate) fn describe_transit_gateway_attachments(
    reader: &Reader<'_>,
    request: DescribeTransitGatewayAttachments,
) -> Reply {
    let ids = request.transit_gateway_attachment_ids;
    reader.describe("TransitGatewayAttachments", &ids, FIELDS, |it| {
        json!({
            "TransitGatewayAttachmentId": it.transit_gateway_attachment_id,
            "TransitGatewayId": it.transit_gateway_id,
            "TransitGatewayOwnerId": gateway_owner(it, reader.resources()),
            "ResourceOwnerId": it.owner_id,
            "ResourceType": resource_type(it),
            "ResourceId": resource_id(it),
            "State": it.state,
            "Association": it.association.as_ref().map(|id| {
                json!({ "TransitGatewayRouteTableId": id, "State": "associated" })
            }),
            "CreationTime": iso8601(it.creation_time),
            "Tags": tags(&it.tags),
        })
    })
}

fn gateway_owner<'a>(
    attachment: &TransitGatewayAttachment,
    resources: &'a Resources,
) -> Option<&'a str> {
    let gateway = resources
        .transit_gateways
        .get(&attachment.transit_gateway_id);
    gateway.map(|it| it.owner_id.as_str())
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct GetTransitGatewayAttachmentPropagations {
    transit_gateway_attachment_id: TransitGatewayAttachmentId,
}

pub(crate) fn get_transit_gateway_attachment_propagations(
    reader: &Reader<'_>,
    request: GetTransitGatewayAttachmentPropagations,
) -> Reply {
    const FIELDS: &[Field<TransitGatewayRouteTable>] =
        &[("transit-gateway-route-table-id", |it, _| {
            one(&it.transit_gateway_route_table_id)
        })];
    let id = request.transit_gateway_attachment_id;
    reader.get::<TransitGatewayAttachment>(&id)?;
    let mut tables = reader.select::<TransitGatewayRouteTable>(&[], FIELDS)?;
    tables.retain(|it| it.propagations.contains(&id));
    reader.page(
        "TransitGatewayAttachmentPropagations",
        tables,
        |it| it.id().to_string(),
        |it| {
            json!({
                "TransitGatewayRouteTableId": it.transit_gateway_route_table_id,
                "State": "enabled",
            })
        },
    )
}

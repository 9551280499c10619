//! Peering attachments of transit gateways (Amazon EC2 API Reference:
//! `CreateTransitGatewayPeeringAttachment` and its kin; Transit Gateway guide, "Transit gateway
//! peering attachments").
//!
//! One attachment, seen from both gateways: one asks, the owner of the other accepts. Routes over
//! it are static, and each gateway associates it with a table of its own.

use serde::Deserialize;
use serde_json::{Value, json};
use smol_str::SmolStr;
use wirelab_model::*;

use crate::clock::iso8601;
use crate::describe::{Field, Reader};
use crate::ec2::{transit_gateway, transit_gateway_attachment as attachment};
use crate::error;
use crate::kind::Kind;
use crate::transaction::Transaction;
use crate::view::{maybe, one, tags, word};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct CreateTransitGatewayPeeringAttachment {
    transit_gateway_id: TransitGatewayId,
    peer_transit_gateway_id: TransitGatewayId,
    peer_account_id: SmolStr,
    peer_region: SmolStr,
    #[serde(default)]
    options: Options,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields, default)]
struct Options {
    dynamic_routing: Option<transit_gateway::Switch>,
}

pub(crate) fn create_transit_gateway_peering_attachment(
    tx: &mut Transaction<'_>,
    request: CreateTransitGatewayPeeringAttachment,
) -> Reply {
    if request.options.dynamic_routing == Some(transit_gateway::Switch::Enable) {
        return Err(error::unsupported(
            "Dynamic routing between transit gateways is for Cloud WAN, which is not simulated",
        ));
    }
    let gateway = transit_gateway::available(tx, &request.transit_gateway_id)?;
    let peer_id = &request.peer_transit_gateway_id;
    if *peer_id == request.transit_gateway_id {
        return Err(error::invalid_parameter_value(
            "A transit gateway cannot be peered with itself",
        ));
    }
    check_peer(tx, &request)?;
    check_others(tx, &request.transit_gateway_id, peer_id)?;
    let peering = TransitGatewayPeering {
        region: tx.region.clone(),
        peer_transit_gateway_id: request.peer_transit_gateway_id,
        peer_account_id: request.peer_account_id,
        peer_region: request.peer_region,
        peer_association: None,
    };
    let resource = TransitGatewayAttachedResource::Peering(peering);
    let owner = gateway.owner_id.clone();
    let mut made = attachment::make(tx, &gateway, resource, owner)?;
    let id = made.transit_gateway_attachment_id.clone();
    made.state = if tx.is_structural() {
        TransitGatewayAttachmentState::PendingAcceptance
    } else {
        TransitGatewayAttachmentState::InitiatingRequest
    };
    let shown = show(&made);
    tx.put(made);
    if !tx.is_structural() {
        tx.settle_after::<TransitGatewayAttachment>(&id, tx.config.delays.transit_gateway_request);
    }
    Ok(json!({ "TransitGatewayPeeringAttachment": shown }))
}

/// The peer is there, in the account and Region that the caller names.
fn check_peer(
    tx: &Transaction<'_>,
    request: &CreateTransitGatewayPeeringAttachment,
) -> Result<(), ApiError> {
    let id = &request.peer_transit_gateway_id;
    let gateway = tx.resources().transit_gateways.get(id);
    let ended =
        |it: &TransitGateway| matches!(it.state, ResourceState::Deleting | ResourceState::Deleted);
    let named = (&request.peer_account_id, &request.peer_region);
    if gateway.is_none_or(|it| ended(it)) || tx.state.realms.owner(id.as_str(), tx.config) != named
    {
        return Err(TransitGateway::missing(id));
    }
    Ok(())
}

/// One peering between two gateways, fifty of a gateway, ten of them waiting for an answer
/// (Transit Gateway guide, "Quotas").
fn check_others(
    tx: &Transaction<'_>,
    gateway_id: &TransitGatewayId,
    peer_id: &TransitGatewayId,
) -> Result<(), ApiError> {
    use TransitGatewayAttachmentState::{InitiatingRequest, PendingAcceptance};
    let others = tx.each::<TransitGatewayAttachment>();
    let peerings: Vec<_> = others
        .filter(|it| it.peering().is_some() && it.is_at(gateway_id) && !it.state.has_ended())
        .collect();
    if peerings.iter().any(|it| it.is_at(peer_id)) {
        return Err(error::duplicate_transit_gateway_peering(
            gateway_id, peer_id,
        ));
    }
    let quotas = &tx.quotas();
    let waits =
        |it: &&TransitGatewayAttachment| matches!(it.state, InitiatingRequest | PendingAcceptance);
    let waiting = peerings.iter().copied().filter(waits).count();
    for (count, limit) in [
        (peerings.len(), quotas.peerings_per_transit_gateway),
        (waiting, quotas.pending_peerings_per_transit_gateway),
    ] {
        if count >= limit {
            return Err(error::transit_gateway_attachment_limit(gateway_id, limit));
        }
    }
    Ok(())
}

/// `Accept`, `Reject` and `DeleteTransitGatewayPeeringAttachment`.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct OnePeering {
    transit_gateway_attachment_id: TransitGatewayAttachmentId,
}

/// The peering, which must be in one of `states`.
fn peering_in(
    tx: &Transaction<'_>,
    id: &TransitGatewayAttachmentId,
    states: &[TransitGatewayAttachmentState],
) -> Result<(TransitGatewayAttachment, TransitGatewayPeering), ApiError> {
    let found = tx.get::<TransitGatewayAttachment>(id)?;
    let peering = found.peering().cloned();
    let peering = peering.ok_or_else(|| TransitGatewayAttachment::not_found(id))?;
    if states.contains(&found.state) {
        return Ok((TransitGatewayAttachment::clone(found), peering));
    }
    Err(match found.state {
        TransitGatewayAttachmentState::Deleted => TransitGatewayAttachment::not_found(id),
        _ => error::incorrect_state(format_args!("{id} is in invalid state")),
    })
}

/// The owner of the other gateway answers.
fn answered(
    tx: &Transaction<'_>,
    request: &OnePeering,
) -> Result<(TransitGatewayAttachment, TransitGatewayPeering), ApiError> {
    let id = &request.transit_gateway_attachment_id;
    let states = [TransitGatewayAttachmentState::PendingAcceptance];
    let (attachment, peering) = peering_in(tx, id, &states)?;
    if (&peering.peer_account_id, &peering.peer_region) != (&tx.owner, &tx.region) {
        return Err(error::not_permitted(format_args!(
            "Only the owner of {} can answer {id}",
            peering.peer_transit_gateway_id
        )));
    }
    Ok((attachment, peering))
}

pub(crate) fn accept_transit_gateway_peering_attachment(
    tx: &mut Transaction<'_>,
    request: OnePeering,
) -> Reply {
    let (mut accepted, mut peering) = answered(tx, &request)?;
    let peers = &tx.resources().transit_gateways;
    let peer = peers.get(&peering.peer_transit_gateway_id);
    peering.peer_association =
        peer.and_then(|it| it.options.association_default_route_table_id.clone());
    accepted.resource = TransitGatewayAttachedResource::Peering(peering);
    accepted.state = TransitGatewayAttachmentState::Pending;
    Ok(change(tx, accepted))
}

pub(crate) fn reject_transit_gateway_peering_attachment(
    tx: &mut Transaction<'_>,
    request: OnePeering,
) -> Reply {
    let (mut rejected, _) = answered(tx, &request)?;
    rejected.state = TransitGatewayAttachmentState::Rejecting;
    Ok(change(tx, rejected))
}

pub(crate) fn delete_transit_gateway_peering_attachment(
    tx: &mut Transaction<'_>,
    request: OnePeering,
) -> Reply {
    use TransitGatewayAttachmentState::{Available, Deleting, PendingAcceptance};
    let id = &request.transit_gateway_attachment_id;
    let (mut leaving, _) = peering_in(tx, id, &[Available, PendingAcceptance])?;
    leaving.state = Deleting;
    Ok(change(tx, leaving))
}

fn change(tx: &mut Transaction<'_>, changed: TransitGatewayAttachment) -> Value {
    let id = changed.transit_gateway_attachment_id.clone();
    let shown = show(&changed);
    tx.put(changed);
    tx.settle_after::<TransitGatewayAttachment>(&id, tx.config.delays.transit_gateway);
    json!({ "TransitGatewayPeeringAttachment": shown })
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct DescribeTransitGatewayPeeringAttachments {
    #[serde(default)]
    transit_gateway_attachment_ids: Vec<TransitGatewayAttachmentId>,
}

const FIELDS: &[Field<TransitGatewayAttachment>] = &[
    ("transit-gateway-attachment-id", |it, _| {
        one(&it.transit_gateway_attachment_id)
    }),
    ("transit-gateway-id", |it, _| one(&it.transit_gateway_id)),
    ("local-owner-id", |it, _| one(&it.owner_id)),
    ("remote-owner-id", |it, _| {
        maybe(it.peering().map(|it| &it.peer_account_id))
    }),
    ("state", |it, _| one(word(it.state))),
];

pub(crate) fn describe_transit_gateway_peering_attachments(
    reader: &Reader<'_>,
    request: DescribeTransitGatewayPeeringAttachments,
) -> Reply {
    let ids = request.transit_gateway_attachment_ids;
    let mut chosen = reader.select::<TransitGatewayAttachment>(&ids, FIELDS)?;
    chosen.retain(|it| it.peering().is_some());
    let member = "TransitGatewayPeeringAttachments";
    reader.page(member, chosen, |it| it.id().to_string(), show)
}

fn show(attachment: &TransitGatewayAttachment) -> Value {
    let peering = attachment.peering().expect("only peerings are shown");
    json!({
        "TransitGatewayAttachmentId": attachment.transit_gateway_attachment_id,
        "RequesterTgwInfo": {
            "TransitGatewayId": attachment.transit_gateway_id,
            "OwnerId": attachment.owner_id,
            "Region": peering.region,
        },
        "AccepterTgwInfo": {
            "TransitGatewayId": peering.peer_transit_gateway_id,
            "OwnerId": peering.peer_account_id,
            "Region": peering.peer_region,
        },
        "State": attachment.state,
        "CreationTime": iso8601(attachment.creation_time),
        "Tags": tags(&attachment.tags),
    })
}

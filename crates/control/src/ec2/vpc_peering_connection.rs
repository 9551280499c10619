//! VPC peering connections (Amazon EC2 API Reference: `CreateVpcPeeringConnection` and its kin;
//! Amazon VPC Peering Guide, "VPC peering connection lifecycle").
//!
//! Both ends see a connection, whosever the VPCs are. What has ended is shown for a while: two days
//! to one side and two hours to the other, or two hours if both are one account's.

mod options;
mod show;

use std::sync::Arc;

use serde::Deserialize;
use serde_json::json;
use smol_str::SmolStr;
use wirelab_model::*;

pub(crate) use options::modify_options;
pub(crate) use show::describe;
use show::show;

use crate::control::ControlConfig;
use crate::ec2::Settled;
use crate::kind::Kind;
use crate::state::State;
use crate::timer::Transition;
use crate::transaction::Transaction;
use crate::view::done;
use crate::{error, network};

/// A request that nobody answers ends after a week.
const EXPIRES_AFTER: SimDuration = SimDuration::from_secs(7 * 86_400);
/// How long an ended connection is shown to the side that knows it has ended.
const SHOWN_SHORT: SimDuration = SimDuration::from_secs(2 * 3600);
/// How long it is shown to the other.
const SHOWN_LONG: SimDuration = SimDuration::from_secs(2 * 86_400);

/// Each end sees the connection in its own account and Region; a request that comes to nothing is
/// seen by who made it.
pub(crate) fn shown_to(it: &VpcPeeringConnection, account: &str, region: &str) -> Option<bool> {
    let is = |end: &PeeringVpc| end.owner_id == account && end.region == region;
    let asked = matches!(
        it.status,
        PeeringStatus::InitiatingRequest | PeeringStatus::Failed
    );
    let ended_it = it.ended_by.as_ref().is_some_and(|it| it == account);
    let hidden = it.is_hidden && ended_it;
    Some(!hidden && (is(&it.requester) || (!asked && is(&it.accepter))))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct CreateVpcPeeringConnection {
    vpc_id: VpcId,
    peer_vpc_id: Option<VpcId>,
    peer_owner_id: Option<SmolStr>,
    peer_region: Option<SmolStr>,
}

pub(crate) fn create(tx: &mut Transaction<'_>, request: CreateVpcPeeringConnection) -> Reply {
    let vpc_id = tx.get::<Vpc>(&request.vpc_id)?.vpc_id.clone();
    let end = |vpc_id, owner_id, region| PeeringVpc {
        vpc_id,
        owner_id,
        region,
        allow_dns_resolution_from_remote_vpc: false,
    };
    let requester = end(vpc_id, tx.owner.clone(), tx.region.clone());
    let peer_vpc_id = request.peer_vpc_id;
    let peer_vpc_id = peer_vpc_id.ok_or_else(|| error::missing_parameter("PeerVpcId"))?;
    let owner = request.peer_owner_id.unwrap_or_else(|| tx.owner.clone());
    let region = request.peer_region.unwrap_or_else(|| tx.region.clone());
    if owner == tx.owner && region == tx.region {
        tx.get::<Vpc>(&peer_vpc_id)?;
    }
    let accepter = end(peer_vpc_id, owner, region);
    check_request(tx, &requester, &accepter)?;
    let id = tx.new_id::<VpcPeeringConnection>();
    let connection = VpcPeeringConnection {
        vpc_peering_connection_id: id.clone(),
        status: PeeringStatus::InitiatingRequest,
        status_message: format!("Initiating Request to {}", accepter.owner_id),
        expiration_time: tx.config.starts.at(tx.state.now + EXPIRES_AFTER),
        ended_by: None,
        is_hidden: false,
        tags: tx.tags::<VpcPeeringConnection>()?,
        requester,
        accepter,
    };
    let shown = show(&connection, tx.resources(), true);
    tx.put(connection);
    tx.settle_after::<VpcPeeringConnection>(&id, tx.config.delays.vpc_peering_request);
    Ok(json!({ "VpcPeeringConnection": shown }))
}

/// One connection between two VPCs at a time; so many in service for a VPC; so many unanswered.
fn check_request(
    tx: &Transaction<'_>,
    requester: &PeeringVpc,
    accepter: &PeeringVpc,
) -> Result<(), ApiError> {
    let (one, other) = (&requester.vpc_id, &accepter.vpc_id);
    let same = |it: &VpcPeeringConnection| {
        let ends = it.ends(one);
        lives(it.status) && ends.is_some_and(|(_, remote)| remote.vpc_id == *other)
    };
    let all = || tx.resources().vpc_peering_connections.values();
    if all().any(|it| same(it)) {
        return Err(error::peering_exists(one, other));
    }
    let unanswered = |it: &&Arc<VpcPeeringConnection>| {
        it.status == PeeringStatus::PendingAcceptance && it.requester.owner_id == tx.owner
    };
    if all().filter(unanswered).count() >= tx.quotas().outstanding_vpc_peering_connections {
        return Err(error::outstanding_peering_limit());
    }
    check_quota(tx, one)
}

fn check_quota(tx: &Transaction<'_>, vpc: &VpcId) -> Result<(), ApiError> {
    let active = |it: &&Arc<VpcPeeringConnection>| {
        let counts = matches!(
            it.status,
            PeeringStatus::Provisioning | PeeringStatus::Active
        );
        counts && it.ends(vpc).is_some()
    };
    let all = tx.resources().vpc_peering_connections.values();
    if all.filter(active).count() >= tx.quotas().vpc_peering_connections_per_vpc {
        return Err(error::peering_limit(vpc));
    }
    Ok(())
}

/// Whether a connection may still carry traffic one day.
const fn lives(status: PeeringStatus) -> bool {
    matches!(
        status,
        PeeringStatus::InitiatingRequest
            | PeeringStatus::PendingAcceptance
            | PeeringStatus::Provisioning
            | PeeringStatus::Active
    )
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct Named {
    vpc_peering_connection_id: VpcPeeringConnectionId,
}

pub(crate) fn accept(tx: &mut Transaction<'_>, request: Named) -> Reply {
    let id = request.vpc_peering_connection_id;
    let mut connection = answered(tx, &id, "accept")?;
    check_quota(tx, &connection.requester.vpc_id)?;
    check_quota(tx, &connection.accepter.vpc_id)?;
    connection.status = PeeringStatus::Provisioning;
    connection.status_message = "Provisioning".to_owned();
    let shown = show(&connection, tx.resources(), false);
    tx.put(connection);
    tx.settle_after::<VpcPeeringConnection>(&id, tx.config.delays.vpc_peering_provision);
    Ok(json!({ "VpcPeeringConnection": shown }))
}

pub(crate) fn reject(tx: &mut Transaction<'_>, request: Named) -> Reply {
    let id = request.vpc_peering_connection_id;
    let mut connection = answered(tx, &id, "reject")?;
    connection.status = PeeringStatus::Rejected;
    connection.status_message = "Inactive".to_owned();
    connection.ended_by = Some(tx.owner.clone());
    let now = tx.state.now;
    end(tx.state, connection, now);
    Ok(done())
}

/// The request, for the side that may answer it.
fn answered(
    tx: &Transaction<'_>,
    id: &VpcPeeringConnectionId,
    verb: &str,
) -> Result<VpcPeeringConnection, ApiError> {
    let connection = tx.get::<VpcPeeringConnection>(id)?;
    let accepter = &connection.accepter;
    if accepter.owner_id != tx.owner {
        return Err(error::peering_not_yours(&tx.owner, verb, id));
    }
    if accepter.region != tx.region {
        return Err(error::peering_region(&tx.region, id, &accepter.region));
    }
    if connection.status != PeeringStatus::PendingAcceptance {
        return Err(error::peering_transition(id));
    }
    Ok(VpcPeeringConnection::clone(connection))
}

pub(crate) fn delete(tx: &mut Transaction<'_>, request: Named) -> Reply {
    let id = request.vpc_peering_connection_id;
    let mut connection = VpcPeeringConnection::clone(tx.get::<VpcPeeringConnection>(&id)?);
    let is_requester = connection.requester.owner_id == tx.owner;
    match connection.status {
        PeeringStatus::Active => {}
        PeeringStatus::PendingAcceptance if is_requester => {}
        PeeringStatus::PendingAcceptance => {
            return Err(error::peering_not_yours(&tx.owner, "delete", &id));
        }
        _ => return Err(error::peering_transition(&id)),
    }
    let by = &tx.owner;
    connection.ended_by = Some(by.clone());
    if connection.is_inter_region() && connection.status == PeeringStatus::Active {
        connection.status = PeeringStatus::Deleting;
        connection.status_message = format!("Deleting by {by}");
        tx.put(connection);
        tx.settle_after::<VpcPeeringConnection>(&id, tx.config.delays.vpc_peering_delete);
    } else {
        connection.status = PeeringStatus::Deleted;
        connection.status_message = format!("Deleted by {by}");
        let now = tx.state.now;
        end(tx.state, connection, now);
    }
    Ok(done())
}

/// Puts a connection that ended at `at`, and notes how long each side is shown it.
fn end(state: &mut State, connection: VpcPeeringConnection, at: SimTime) {
    let id = connection.vpc_peering_connection_id.clone();
    let resource = VpcPeeringConnection::reference(&id);
    let one_account = connection.requester.owner_id == connection.accepter.owner_id;
    let one_side_knows = connection.ended_by.is_some() && !one_account;
    state.timers.cancel(&resource, Transition::Expire);
    if one_side_knows {
        let hides = at + SHOWN_SHORT;
        state
            .timers
            .add(hides, resource.clone(), Transition::Expire);
    }
    let shown = if one_side_knows || connection.status == PeeringStatus::Expired {
        SHOWN_LONG
    } else {
        SHOWN_SHORT
    };
    state.timers.add(at + shown, resource, Transition::Forget);
    let connections = &mut state.resources.vpc_peering_connections;
    connections.insert(id, Arc::new(connection));
}

/// `initiating-request` becomes `pending-acceptance` or `failed`, `provisioning` `active`,
/// `deleting` `deleted`.
pub(crate) fn settle(
    id: &VpcPeeringConnectionId,
    at: SimTime,
    state: &mut State,
    config: &ControlConfig,
) -> Settled {
    let Some(connection) = state.resources.vpc_peering_connections.get(id) else {
        return Settled::Lasting;
    };
    let mut connection = VpcPeeringConnection::clone(connection);
    match connection.status {
        PeeringStatus::InitiatingRequest if can_be(&connection, &state.resources) => {
            connection.status = PeeringStatus::PendingAcceptance;
            let asked = &connection.accepter.owner_id;
            connection.status_message = format!("Pending Acceptance by {asked}");
            let resource = VpcPeeringConnection::reference(id);
            let since = config.starts.at(at).as_nanos();
            let left = connection.expiration_time.as_nanos().saturating_sub(since);
            let expires = at + SimDuration::from_nanos(left);
            state.timers.add(expires, resource, Transition::Expire);
        }
        PeeringStatus::InitiatingRequest => {
            fail(state, connection, at);
            return Settled::Ended;
        }
        PeeringStatus::Provisioning => {
            connection.status = PeeringStatus::Active;
            connection.status_message = "Active".to_owned();
            let resource = VpcPeeringConnection::reference(id);
            state.timers.cancel(&resource, Transition::Expire);
        }
        PeeringStatus::Deleting => {
            connection.status = PeeringStatus::Deleted;
            let by = connection.ended_by.as_deref().unwrap_or_default();
            connection.status_message = format!("Deleted by {by}");
            end(state, connection, at);
            return Settled::Ended;
        }
        _ => return Settled::Lasting,
    }
    let connections = &mut state.resources.vpc_peering_connections;
    connections.insert(id.clone(), Arc::new(connection));
    Settled::Lasting
}

fn fail(state: &mut State, mut connection: VpcPeeringConnection, at: SimTime) {
    connection.status = PeeringStatus::Failed;
    connection.status_message =
        "Failed due to incorrect VPC-ID, Account ID, or overlapping CIDR range".to_owned();
    end(state, connection, at);
}

/// Both VPCs are there and none of their blocks overlap.
fn can_be(connection: &VpcPeeringConnection, resources: &Resources) -> bool {
    let found = |end: &PeeringVpc| {
        let vpc = resources.vpcs.get(&end.vpc_id);
        vpc.filter(|it| it.owner_id == end.owner_id && it.region == end.region)
    };
    let (Some(one), Some(other)) = (found(&connection.requester), found(&connection.accepter))
    else {
        return false;
    };
    let others = blocks(other);
    let overlaps = |block: &IpNet| others.iter().any(|it| network::overlap(*block, *it));
    !blocks(one).iter().any(overlaps)
}

fn blocks(vpc: &Vpc) -> Vec<IpNet> {
    let ipv4 = vpc.cidr_blocks.iter().map(|block| IpNet::V4(*block));
    let ipv6 = vpc.ipv6_cidr_blocks.iter().map(|block| IpNet::V6(*block));
    ipv4.chain(ipv6).collect()
}

/// Nobody has answered for a week, or one side has been shown long enough that it has ended.
pub(crate) fn expire(id: &VpcPeeringConnectionId, at: SimTime, state: &mut State) {
    let Some(connection) = state.resources.vpc_peering_connections.get_mut(id) else {
        return;
    };
    if connection.status == PeeringStatus::PendingAcceptance {
        let mut expired = VpcPeeringConnection::clone(connection);
        expired.status = PeeringStatus::Expired;
        expired.status_message = "Expired".to_owned();
        return end(state, expired, at);
    }
    Arc::make_mut(connection).is_hidden = true;
}

/// Whether a connection that lives keeps the VPC from being deleted.
pub(crate) fn holds(tx: &Transaction<'_>, vpc: &VpcId) -> bool {
    let all = &tx.resources().vpc_peering_connections;
    let deleting = |it: PeeringStatus| it == PeeringStatus::Deleting;
    all.values().any(|it| {
        let holds = lives(it.status) || deleting(it.status);
        holds && it.ends(vpc).is_some() && !is_unanswered_of(it, vpc)
    })
}

/// A request of the VPC's that nobody has answered.
fn is_unanswered_of(connection: &VpcPeeringConnection, vpc: &VpcId) -> bool {
    connection.status == PeeringStatus::PendingAcceptance && connection.requester.vpc_id == *vpc
}

/// With a requester's VPC its unanswered requests go (Amazon VPC Peering Guide, "Delete a VPC
/// peering connection").
pub(crate) fn withdraw(tx: &mut Transaction<'_>, vpc: &VpcId) {
    let all = tx.resources().vpc_peering_connections.values();
    let unanswered: Vec<_> = all
        .filter(|it| is_unanswered_of(it, vpc))
        .cloned()
        .collect();
    for connection in unanswered {
        let mut connection = VpcPeeringConnection::clone(&connection);
        connection.status = PeeringStatus::Deleted;
        connection.status_message = format!("Deleted by {}", tx.owner);
        connection.ended_by = Some(tx.owner.clone());
        let now = tx.state.now;
        end(tx.state, connection, now);
    }
}

/// What a new block of a VPC means for its connections (Amazon VPC User Guide, "VPC CIDR blocks"):
/// one in service must not overlap it, a requester's VPC takes none while its request waits, and a
/// request to an accepter's VPC that then overlaps fails.
///
/// # Errors
/// The first two.
pub(crate) fn check_block(
    tx: &mut Transaction<'_>,
    vpc: &VpcId,
    block: IpNet,
) -> Result<(), ApiError> {
    let all = tx.resources().vpc_peering_connections.values();
    let mine: Vec<_> = all.filter(|it| it.ends(vpc).is_some()).cloned().collect();
    for connection in mine {
        let (_, remote) = connection.ends(vpc).expect("it was filtered by this");
        let remote = tx.resources().vpcs.get(&remote.vpc_id);
        let overlaps = remote.is_some_and(|it| {
            let mut blocks = blocks(it).into_iter();
            blocks.any(|it| network::overlap(it, block))
        });
        let waits = connection.status == PeeringStatus::PendingAcceptance;
        match connection.status {
            PeeringStatus::Active | PeeringStatus::Provisioning if overlaps => {
                return Err(error::cidr_conflict(block));
            }
            _ if waits && connection.requester.vpc_id == *vpc => {
                return Err(error::cidr_conflict(block));
            }
            _ if waits && overlaps => {
                let now = tx.state.now;
                fail(tx.state, VpcPeeringConnection::clone(&connection), now);
            }
            _ => {}
        }
    }
    Ok(())
}

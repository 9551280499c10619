//! Which VPCs a private zone answers for, and who may say so.

use serde::Deserialize;
use serde_json::json;
use smol_str::SmolStr;
use wirelab_model::*;

use super::{VpcRequest, conflicts, keep, own_zone, show_vpc, zone};
use crate::describe::Reader;
use crate::error;
use crate::transaction::Transaction;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Association {
    #[serde(rename = "HostedZoneId")]
    hosted_zone_id: SmolStr,
    #[serde(rename = "VPC")]
    vpc: VpcRequest,
    #[serde(rename = "Comment")]
    comment: Option<SmolStr>,
}

/// The VPC's owner associates it; a zone of another account must have authorised that.
pub(super) fn associate(tx: &mut Transaction<'_>, request: Association) -> Reply {
    let mut zone = zone(tx.resources(), &request.hosted_zone_id)?.clone();
    if !zone.private_zone {
        return Err(error::public_zone());
    }
    let vpc = request.vpc.find(tx.resources())?;
    let own_zone = zone.owner_id == tx.owner;
    let authorized = zone.authorizations.iter().any(|it| it.vpc_id == vpc.vpc_id);
    if vpc.owner_id != tx.owner || !(own_zone || authorized) {
        return Err(error::not_authorized(&vpc.vpc_id));
    }
    if conflicts(tx.resources(), &zone.name, &request.vpc.id) {
        return Err(error::conflicting_domain(&zone.name, &request.vpc.id));
    }
    zone.vpcs.push(request.vpc.value());
    let info = keep(tx, zone, request.comment);
    Ok(json!({ "ChangeInfo": info }))
}

/// The zone's owner or the VPC's ends an association, unless it is the last.
pub(super) fn disassociate(tx: &mut Transaction<'_>, request: Association) -> Reply {
    let mut zone = zone(tx.resources(), &request.hosted_zone_id)?.clone();
    let id = &request.vpc.id;
    let vpc = request.vpc.find(tx.resources());
    let owns_vpc = vpc.is_ok_and(|it| it.owner_id == tx.owner);
    if zone.owner_id != tx.owner && !owns_vpc {
        return Err(error::no_such_hosted_zone(&zone.hosted_zone_id));
    }
    if !zone.vpcs.iter().any(|it| it.vpc_id == *id) {
        return Err(error::vpc_association_not_found(id));
    }
    if zone.vpcs.len() == 1 {
        return Err(error::last_vpc_association());
    }
    zone.vpcs.retain(|it| it.vpc_id != *id);
    let info = keep(tx, zone, request.comment);
    Ok(json!({ "ChangeInfo": info }))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Authorization {
    #[serde(rename = "HostedZoneId")]
    hosted_zone_id: SmolStr,
    #[serde(rename = "VPC")]
    vpc: VpcRequest,
}

pub(super) fn create_authorization(tx: &mut Transaction<'_>, request: Authorization) -> Reply {
    let mut zone = own_zone(tx.resources(), &request.hosted_zone_id, &tx.owner)?.clone();
    if !zone.private_zone {
        return Err(error::public_zone());
    }
    request.vpc.find(tx.resources())?;
    let vpc = request.vpc.value();
    let shown = show_vpc(&vpc);
    if !zone.authorizations.contains(&vpc) {
        zone.authorizations.push(vpc);
    }
    let id = zone.hosted_zone_id.clone();
    let zones = &mut tx.state.resources.hosted_zones;
    zones.insert(id.clone(), zone.into());
    Ok(json!({ "HostedZoneId": id, "VPC": shown }))
}

pub(super) fn delete_authorization(tx: &mut Transaction<'_>, request: Authorization) -> Reply {
    let mut zone = own_zone(tx.resources(), &request.hosted_zone_id, &tx.owner)?.clone();
    let vpc = request.vpc.value();
    if !zone.authorizations.contains(&vpc) {
        return Err(error::vpc_authorization_not_found(&vpc.vpc_id));
    }
    zone.authorizations.retain(|it| *it != vpc);
    let zones = &mut tx.state.resources.hosted_zones;
    zones.insert(zone.hosted_zone_id.clone(), zone.into());
    Ok(json!({}))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct ListAuthorizations {
    hosted_zone_id: SmolStr,
}

pub(super) fn list_authorizations(reader: &Reader<'_>, request: ListAuthorizations) -> Reply {
    let zone = own_zone(
        reader.resources(),
        &request.hosted_zone_id,
        reader.account(),
    )?;
    let vpcs: Vec<_> = zone.authorizations.iter().map(show_vpc).collect();
    Ok(json!({ "HostedZoneId": zone.hosted_zone_id, "VPCs": vpcs }))
}

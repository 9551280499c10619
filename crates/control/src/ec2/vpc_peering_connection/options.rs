//! `ModifyVpcPeeringConnectionOptions`: whether public names of one VPC resolve to private
//! addresses in the other (Amazon VPC Peering Guide, "Enable DNS resolution").

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::json;
use wirelab_model::*;

use super::show::show_options;
use crate::error;
use crate::transaction::Transaction;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct ModifyVpcPeeringConnectionOptions {
    vpc_peering_connection_id: VpcPeeringConnectionId,
    requester_peering_connection_options: Option<PeeringOptions>,
    accepter_peering_connection_options: Option<PeeringOptions>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct PeeringOptions {
    allow_dns_resolution_from_remote_vpc: Option<bool>,
    #[serde(rename = "AllowEgressFromLocalClassicLinkToRemoteVpc")]
    _to_remote_vpc: Option<IgnoredAny>,
    #[serde(rename = "AllowEgressFromLocalVpcToRemoteClassicLink")]
    _to_remote_classic_link: Option<IgnoredAny>,
}

/// Each owner sets its own side, in its side's Region; one account in one Region sets both.
pub(crate) fn modify_options(
    tx: &mut Transaction<'_>,
    request: ModifyVpcPeeringConnectionOptions,
) -> Reply {
    let id = request.vpc_peering_connection_id;
    let mut connection = VpcPeeringConnection::clone(tx.get::<VpcPeeringConnection>(&id)?);
    if connection.status != PeeringStatus::Active {
        return Err(error::peering_inactive(&id));
    }
    let sides = [
        request.requester_peering_connection_options,
        request.accepter_peering_connection_options,
    ];
    if sides.iter().all(Option::is_none) {
        return Err(error::missing_one_of(
            "RequesterPeeringConnectionOptions, AccepterPeeringConnectionOptions",
        ));
    }
    let vpcs = [&connection.requester, &connection.accepter].map(|end| end.vpc_id.clone());
    let ends = [&mut connection.requester, &mut connection.accepter];
    for (end, options) in ends.into_iter().zip(&sides) {
        let Some(options) = options else {
            continue;
        };
        if end.owner_id != tx.owner || end.region != tx.region {
            return Err(error::peering_not_yours(
                &tx.owner,
                "modify the other side of",
                &id,
            ));
        }
        if let Some(allow) = options.allow_dns_resolution_from_remote_vpc {
            if allow {
                check_dns(tx.resources(), &vpcs)?;
            }
            end.allow_dns_resolution_from_remote_vpc = allow;
        }
    }
    let shown = |end, options: &Option<_>| options.as_ref().map(|_| show_options(end));
    let reply = json!({
        "RequesterPeeringConnectionOptions": shown(&connection.requester, &sides[0]),
        "AccepterPeeringConnectionOptions": shown(&connection.accepter, &sides[1]),
    });
    tx.put(connection);
    Ok(reply)
}

/// Both VPCs have both DNS attributes (`facts.md` 2.5).
fn check_dns(resources: &Resources, vpcs: &[VpcId]) -> Result<(), ApiError> {
    let has = |vpc: &Vpc| vpc.enable_dns_support && vpc.enable_dns_hostnames;
    let lacks = |id: &&VpcId| !resources.vpcs.get(*id).is_some_and(|vpc| has(vpc));
    match vpcs.iter().find(lacks) {
        Some(vpc) => Err(error::peering_dns(vpc)),
        None => Ok(()),
    }
}

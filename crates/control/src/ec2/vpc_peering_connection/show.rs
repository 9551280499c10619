//! What calls show of a peering connection.

use serde::Deserialize;
use serde_json::{Value, json};
use wirelab_model::*;

use crate::clock::iso8601;
use crate::describe::{Field, Reader};
use crate::view::{each, one, tags, word};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct DescribeVpcPeeringConnections {
    #[serde(default)]
    vpc_peering_connection_ids: Vec<VpcPeeringConnectionId>,
}

const FIELDS: &[Field<VpcPeeringConnection>] = &[
    ("vpc-peering-connection-id", |it, _| {
        one(&it.vpc_peering_connection_id)
    }),
    ("status-code", |it, _| one(word(it.status))),
    ("status-message", |it, _| one(&it.status_message)),
    ("expiration-time", |it, _| one(iso8601(it.expiration_time))),
    ("requester-vpc-info.vpc-id", |it, _| {
        one(&it.requester.vpc_id)
    }),
    ("requester-vpc-info.owner-id", |it, _| {
        one(&it.requester.owner_id)
    }),
    ("requester-vpc-info.cidr-block", |it, resources| {
        cidr_blocks(&it.requester, resources)
    }),
    ("accepter-vpc-info.vpc-id", |it, _| one(&it.accepter.vpc_id)),
    ("accepter-vpc-info.owner-id", |it, _| {
        one(&it.accepter.owner_id)
    }),
    ("accepter-vpc-info.cidr-block", |it, resources| {
        cidr_blocks(&it.accepter, resources)
    }),
];

fn cidr_blocks(end: &PeeringVpc, resources: &Resources) -> Vec<String> {
    let vpc = resources.vpcs.get(&end.vpc_id);
    vpc.map_or_else(Vec::new, |it| each(&it.cidr_blocks))
}

pub(crate) fn describe(reader: &Reader<'_>, request: DescribeVpcPeeringConnections) -> Reply {
    let ids = request.vpc_peering_connection_ids;
    reader.describe("VpcPeeringConnections", &ids, FIELDS, |it| {
        let owned = reader.owns(it.vpc_peering_connection_id.as_str());
        show(it, reader.resources(), owned)
    })
}

/// Tags are those of the account that made them. Until a request is accepted it tells nothing of
/// the accepter's VPC but its id.
pub(super) fn show(it: &VpcPeeringConnection, resources: &Resources, owned: bool) -> Value {
    let known = matches!(
        it.status,
        PeeringStatus::Provisioning
            | PeeringStatus::Active
            | PeeringStatus::Deleting
            | PeeringStatus::Deleted
    );
    json!({
        "VpcPeeringConnectionId": it.vpc_peering_connection_id,
        "RequesterVpcInfo": show_end(&it.requester, resources, true),
        "AccepterVpcInfo": show_end(&it.accepter, resources, known),
        "Status": { "Code": it.status, "Message": it.status_message },
        "ExpirationTime": (it.status == PeeringStatus::PendingAcceptance)
            .then(|| iso8601(it.expiration_time)),
        "Tags": tags(if owned { &it.tags } else { &[] }),
    })
}

fn show_end(end: &PeeringVpc, resources: &Resources, known: bool) -> Value {
    let vpc = resources.vpcs.get(&end.vpc_id).filter(|_| known);
    let cidr_blocks = vpc.map(|it| {
        let blocks = it.cidr_blocks.iter();
        blocks
            .map(|block| json!({ "CidrBlock": block }))
            .collect::<Vec<_>>()
    });
    let ipv6 = vpc.filter(|it| !it.ipv6_cidr_blocks.is_empty()).map(|it| {
        let blocks = it.ipv6_cidr_blocks.iter();
        blocks
            .map(|block| json!({ "Ipv6CidrBlock": block }))
            .collect::<Vec<_>>()
    });
    json!({
        "VpcId": end.vpc_id,
        "OwnerId": end.owner_id,
        "Region": end.region,
        "CidrBlock": vpc.and_then(|it| it.cidr_blocks.first()),
        "CidrBlockSet": cidr_blocks,
        "Ipv6CidrBlockSet": ipv6,
        "PeeringOptions": vpc.map(|_| show_options(end)),
    })
}

pub(super) fn show_options(end: &PeeringVpc) -> Value {
    json!({
        "AllowDnsResolutionFromRemoteVpc": end.allow_dns_resolution_from_remote_vpc,
        "AllowEgressFromLocalClassicLinkToRemoteVpc": false,
        "AllowEgressFromLocalVpcToRemoteClassicLink": false,
    })
}

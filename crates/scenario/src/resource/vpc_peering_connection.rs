//! `[vpc_peering_connection.*]`.

use serde_json::json;

use crate::build::{Builder, name_tag};
use crate::fields::Fields;

/// `[vpc_peering_connection.x] requester, accepter, accepted,
/// requester_allow_dns_resolution_from_remote_vpc, accepter_allow_dns_resolution_from_remote_vpc`:
/// each side's calls are made by the owner of its VPC. With `accepted = false` the request waits.
pub(super) fn all(builder: &mut Builder<'_>, root: &Fields<'_>) {
    for (name, fields) in root.named("vpc_peering_connection") {
        let _ = connection(builder, &name, &fields);
        fields.finish();
    }
}

fn connection(builder: &mut Builder<'_>, name: &str, fields: &Fields<'_>) -> Option<()> {
    let vpc = |key| builder.id("vpc", &fields.required_text(key)?);
    let (requester, accepter) = (vpc("requester"), vpc("accepter"));
    let accepted = fields.boolean("accepted").unwrap_or(true);
    let options = [
        (
            "RequesterPeeringConnectionOptions",
            fields.boolean("requester_allow_dns_resolution_from_remote_vpc"),
        ),
        (
            "AccepterPeeringConnectionOptions",
            fields.boolean("accepter_allow_dns_resolution_from_remote_vpc"),
        ),
    ];
    let (requester, accepter) = (requester?, accepter?);
    let overlapping = overlap(builder, &requester, &accepter).filter(|_| accepted);
    if let Some((one, other)) = overlapping {
        let message = format!(
            "[vpc_peering_connection.{name}] connects VPCs whose blocks overlap: {one} of the \
             requester, {other} of the accepter"
        );
        let hint = "AWS makes no peering connection between them: its state becomes `failed`";
        let hint = Some(hint.to_owned());
        builder.sink.explain(fields.span(), message, "", hint);
        return None;
    }
    let (asks, answers) = (builder.owner(&requester), builder.owner(&accepter));
    let parameters = json!({
        "VpcId": requester,
        "PeerVpcId": accepter,
        "PeerOwnerId": answers.account,
        "PeerRegion": answers.region,
        "TagSpecifications": name_tag("vpc-peering-connection", name),
    });
    let pointer = "/VpcPeeringConnection/VpcPeeringConnectionId";
    let operation = ("CreateVpcPeeringConnection", pointer);
    let kind = "vpc_peering_connection";
    let id = builder.create_as(&asks, fields, kind, name, operation, parameters)?;
    if !accepted {
        return Some(());
    }
    let span = fields.span();
    let parameters = json!({ "VpcPeeringConnectionId": id });
    let operation = "AcceptVpcPeeringConnection";
    builder.call_as(&answers, span, name, operation, parameters)?;
    for ((key, allow), caller) in options.into_iter().zip([asks, answers]) {
        if let Some(allow) = allow {
            let parameters = json!({
                "VpcPeeringConnectionId": id,
                key: { "AllowDnsResolutionFromRemoteVpc": allow },
            });
            let operation = "ModifyVpcPeeringConnectionOptions";
            builder.call_as(&caller, span, name, operation, parameters);
        }
    }
    Some(())
}

/// The first two blocks of two VPCs that overlap, in words.
fn overlap(builder: &Builder<'_>, one: &str, other: &str) -> Option<(String, String)> {
    let blocks = |id: &str| {
        let mut vpcs = builder.control.resources().vpcs.values();
        let vpc = vpcs.find(|it| it.vpc_id.as_str() == id);
        vpc.map_or_else(Vec::new, |it| it.cidr_blocks.clone())
    };
    let theirs = blocks(other);
    blocks(one).iter().find_map(|block| {
        let mut theirs = theirs.iter();
        let found = theirs.find(|it| it.contains(block) || block.contains(*it))?;
        Some((block.to_string(), found.to_string()))
    })
}

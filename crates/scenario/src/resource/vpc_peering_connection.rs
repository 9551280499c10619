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

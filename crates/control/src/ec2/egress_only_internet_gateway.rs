//! Egress-only internet gateways (Amazon EC2 API Reference: `CreateEgressOnlyInternetGateway` and
//! its kin): the way out for IPv6 that is no way in.

use serde::Deserialize;
use serde_json::{Value, json};
use wirelab_model::*;

use crate::describe::{Field, Reader};
use crate::error;
use crate::transaction::Transaction;
use crate::view::tags;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct CreateEgressOnlyInternetGateway {
    vpc_id: VpcId,
}

pub(crate) fn create_egress_only_internet_gateway(
    tx: &mut Transaction<'_>,
    request: CreateEgressOnlyInternetGateway,
) -> Reply {
    tx.get::<Vpc>(&request.vpc_id)?;
    let of_vpc = |it: &EgressOnlyInternetGateway| it.vpc_id == request.vpc_id;
    let quota = tx.quotas().egress_only_internet_gateways;
    let all = tx.each::<EgressOnlyInternetGateway>().count();
    if all >= quota || tx.each::<EgressOnlyInternetGateway>().any(of_vpc) {
        return Err(error::egress_only_internet_gateway_limit(&request.vpc_id));
    }
    let gateway = EgressOnlyInternetGateway {
        egress_only_internet_gateway_id: tx.new_id::<EgressOnlyInternetGateway>(),
        vpc_id: request.vpc_id,
        owner_id: tx.owner.clone(),
        tags: tx.tags::<EgressOnlyInternetGateway>()?,
    };
    let shown = show(&gateway);
    tx.put(gateway);
    Ok(json!({ "EgressOnlyInternetGateway": shown }))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct DeleteEgressOnlyInternetGateway {
    egress_only_internet_gateway_id: EgressOnlyInternetGatewayId,
}

pub(crate) fn delete_egress_only_internet_gateway(
    tx: &mut Transaction<'_>,
    request: DeleteEgressOnlyInternetGateway,
) -> Reply {
    let id = request.egress_only_internet_gateway_id;
    tx.get::<EgressOnlyInternetGateway>(&id)?;
    tx.remove::<EgressOnlyInternetGateway>(&id);
    Ok(json!({ "ReturnCode": true }))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct DescribeEgressOnlyInternetGateways {
    #[serde(default)]
    egress_only_internet_gateway_ids: Vec<EgressOnlyInternetGatewayId>,
}

/// It has filters for tags alone.
const FIELDS: &[Field<EgressOnlyInternetGateway>] = &[];

pub(crate) fn describe_egress_only_internet_gateways(
    reader: &Reader<'_>,
    request: DescribeEgressOnlyInternetGateways,
) -> Reply {
    let ids = &request.egress_only_internet_gateway_ids;
    reader.describe("EgressOnlyInternetGateways", ids, FIELDS, show)
}

fn show(gateway: &EgressOnlyInternetGateway) -> Value {
    json!({
        "Attachments": [{ "State": "attached", "VpcId": gateway.vpc_id }],
        "EgressOnlyInternetGatewayId": gateway.egress_only_internet_gateway_id,
        "Tags": tags(&gateway.tags),
    })
}

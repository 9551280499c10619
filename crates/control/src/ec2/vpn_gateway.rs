//! Virtual private gateways and their route propagation (Amazon EC2 API Reference:
//! `CreateVpnGateway`, `EnableVgwRoutePropagation` and their kin).

use serde::Deserialize;
use serde_json::{Value, json};
use smol_str::SmolStr;
use wirelab_model::*;

use crate::describe::{Field, Reader};
use crate::ec2::gateway_route_table;
use crate::error;
use crate::transaction::Transaction;
use crate::view::{done, each, maybe, one, tags, word};

/// Amazon's default AS number for new gateways.
const AMAZON_ASN: u64 = 64_512;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct CreateVpnGateway {
    #[serde(rename = "Type")]
    gateway_type: SmolStr,
    #[serde(default, rename = "AvailabilityZone")]
    _availability_zone: Option<SmolStr>,
}

pub(crate) fn create_vpn_gateway(tx: &mut Transaction<'_>, request: CreateVpnGateway) -> Reply {
    check_type(&request.gateway_type)?;
    let owner = &tx.owner;
    let others = tx.each::<VpnGateway>();
    if others.filter(|it| it.owner_id == *owner).count() >= tx.quotas().vpn_gateways {
        return Err(error::vpn_gateway_limit());
    }
    let gateway = VpnGateway {
        vpn_gateway_id: tx.new_id::<VpnGateway>(),
        state: ResourceState::Available,
        vpc_id: None,
        owner_id: tx.owner.clone(),
        tags: tx.tags::<VpnGateway>()?,
    };
    let shown = show(&gateway);
    tx.put(gateway);
    Ok(json!({ "VpnGateway": shown }))
}

/// `ipsec.1` is the only type of gateway and connection that EC2 has.
pub(crate) fn check_type(text: &str) -> Result<(), ApiError> {
    if text == "ipsec.1" {
        return Ok(());
    }
    Err(error::invalid_value(
        text,
        "type",
        "the only type is ipsec.1",
    ))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct DeleteVpnGateway {
    vpn_gateway_id: VpnGatewayId,
}

pub(crate) fn delete_vpn_gateway(tx: &mut Transaction<'_>, request: DeleteVpnGateway) -> Reply {
    let id = request.vpn_gateway_id;
    let attached = tx.get::<VpnGateway>(&id)?.vpc_id.is_some();
    let uses = |it: &VpnConnection| {
        it.vpn_gateway_id.as_ref() == Some(&id) && it.state != ResourceState::Deleted
    };
    if attached || tx.each::<VpnConnection>().any(uses) {
        return Err(error::incorrect_state(format_args!(
            "The vpnGateway '{id}' is in use: it is attached or has VPN connections"
        )));
    }
    tx.remove::<VpnGateway>(&id);
    Ok(done())
}

/// `AttachVpnGateway` and `DetachVpnGateway`.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct Attachment {
    vpn_gateway_id: VpnGatewayId,
    vpc_id: VpcId,
}

pub(crate) fn attach_vpn_gateway(tx: &mut Transaction<'_>, request: Attachment) -> Reply {
    let gateway = tx.get::<VpnGateway>(&request.vpn_gateway_id)?;
    tx.get::<Vpc>(&request.vpc_id)?;
    let already = gateway.vpc_id.is_some();
    let has_one = |it: &VpnGateway| it.vpc_id.as_ref() == Some(&request.vpc_id);
    if already || tx.each::<VpnGateway>().any(has_one) {
        return Err(error::vpn_attachment_limit(
            &request.vpn_gateway_id,
            &request.vpc_id,
        ));
    }
    let shown = json!({ "VpcId": request.vpc_id, "State": "attached" });
    tx.edit::<VpnGateway>(&request.vpn_gateway_id)?.vpc_id = Some(request.vpc_id);
    Ok(json!({ "VpcAttachment": shown }))
}

pub(crate) fn detach_vpn_gateway(tx: &mut Transaction<'_>, request: Attachment) -> Reply {
    let gateway = tx.edit::<VpnGateway>(&request.vpn_gateway_id)?;
    if gateway.vpc_id.as_ref() != Some(&request.vpc_id) {
        return Err(error::vpn_gateway_not_attached(
            &request.vpn_gateway_id,
            &request.vpc_id,
        ));
    }
    gateway.vpc_id = None;
    for table in tx.state.resources.route_tables.values_mut() {
        if table.propagating_vgws.contains(&request.vpn_gateway_id) {
            let table = std::sync::Arc::make_mut(table);
            table
                .propagating_vgws
                .retain(|id| *id != request.vpn_gateway_id);
        }
    }
    Ok(done())
}

/// `EnableVgwRoutePropagation` and `DisableVgwRoutePropagation`.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct Propagation {
    gateway_id: VpnGatewayId,
    route_table_id: RouteTableId,
}

pub(crate) fn enable_propagation(tx: &mut Transaction<'_>, request: Propagation) -> Reply {
    let vpc_id = tx
        .get::<RouteTable>(&request.route_table_id)?
        .vpc_id
        .clone();
    if tx.get::<VpnGateway>(&request.gateway_id)?.vpc_id.as_ref() != Some(&vpc_id) {
        return Err(error::gateway_not_attached(&request.gateway_id, &vpc_id));
    }
    if gateway_route_table::is_one(tx.get::<RouteTable>(&request.route_table_id)?) {
        return Err(error::route_not_supported(
            "Routes are not propagated into a gateway route table.",
        ));
    }
    let table = tx.edit::<RouteTable>(&request.route_table_id)?;
    if !table.propagating_vgws.contains(&request.gateway_id) {
        table.propagating_vgws.push(request.gateway_id);
    }
    Ok(done())
}

pub(crate) fn disable_propagation(tx: &mut Transaction<'_>, request: Propagation) -> Reply {
    tx.get::<VpnGateway>(&request.gateway_id)?;
    let table = tx.edit::<RouteTable>(&request.route_table_id)?;
    table
        .propagating_vgws
        .retain(|id| *id != request.gateway_id);
    Ok(done())
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct DescribeVpnGateways {
    #[serde(default)]
    vpn_gateway_ids: Vec<VpnGatewayId>,
}

const FIELDS: &[Field<VpnGateway>] = &[
    ("vpn-gateway-id", |it, _| one(&it.vpn_gateway_id)),
    ("attachment.vpc-id", |it, _| maybe(it.vpc_id.as_ref())),
    ("attachment.state", |it, _| {
        each(it.vpc_id.iter().map(|_| "attached"))
    }),
    ("amazon-side-asn", |_, _| one(AMAZON_ASN)),
    ("state", |it, _| one(word(it.state))),
    ("type", |_, _| one("ipsec.1")),
];

pub(crate) fn describe_vpn_gateways(reader: &Reader<'_>, request: DescribeVpnGateways) -> Reply {
    reader.describe("VpnGateways", &request.vpn_gateway_ids, FIELDS, show)
}

fn show(gateway: &VpnGateway) -> Value {
    let attachments: Vec<_> = gateway
        .vpc_id
        .iter()
        .map(|vpc_id| json!({ "VpcId": vpc_id, "State": "attached" }))
        .collect();
    json!({
        "VpnGatewayId": gateway.vpn_gateway_id,
        "State": gateway.state,
        "Type": "ipsec.1",
        "AmazonSideAsn": AMAZON_ASN,
        "VpcAttachments": attachments,
        "Tags": tags(&gateway.tags),
    })
}

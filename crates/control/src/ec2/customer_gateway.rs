//! Customer gateways (Amazon EC2 API Reference: `CreateCustomerGateway` and its kin): records of
//! devices at the other end of VPN connections.

use std::net::Ipv4Addr;

use serde::Deserialize;
use serde_json::{Value, json};
use smol_str::SmolStr;
use wirelab_model::*;

use crate::describe::{Field, Reader};
use crate::ec2::vpn_gateway::check_type;
use crate::error;
use crate::transaction::Transaction;
use crate::view::{done, one, tags, word};

/// What EC2 takes if the caller names no AS number.
const DEFAULT_ASN: u32 = 65_000;
/// The largest AS number that `BgpAsn` takes.
const MAX_ASN: u32 = 2_147_483_647;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct CreateCustomerGateway {
    #[serde(rename = "Type")]
    gateway_type: SmolStr,
    bgp_asn: Option<u32>,
    ip_address: Option<Ipv4Addr>,
    public_ip: Option<Ipv4Addr>,
    device_name: Option<SmolStr>,
}

/// "An identical request returns information about the existing customer gateway" (EC2 API
/// Reference); a device name of its own makes another one.
pub(crate) fn create_customer_gateway(
    tx: &mut Transaction<'_>,
    request: CreateCustomerGateway,
) -> Reply {
    check_type(&request.gateway_type)?;
    // "1 to 2,147,483,647" by default, and more in `BgpAsnExtended` (EC2 API Reference).
    if let Some(asn) = request.bgp_asn.filter(|asn| !(1..=MAX_ASN).contains(asn)) {
        return Err(error::invalid_value(
            &asn.to_string(),
            "bgpAsn",
            "an AS number is 1 to 2147483647",
        ));
    }
    let address = request.ip_address.or(request.public_ip);
    let ip_address = address.ok_or_else(|| error::missing_parameter("IpAddress"))?;
    let bgp_asn = request.bgp_asn.unwrap_or(DEFAULT_ASN);
    let device_name = request.device_name;
    let owner = &tx.owner;
    let mine = tx
        .each::<CustomerGateway>()
        .filter(|it| it.owner_id == *owner);
    let mine: Vec<_> = mine.collect();
    let is_it = |it: &&&CustomerGateway| {
        it.ip_address == ip_address && it.bgp_asn == bgp_asn && it.device_name == device_name
    };
    if let Some(known) = mine.iter().find(is_it) {
        return Ok(json!({ "CustomerGateway": show(known) }));
    }
    if mine.len() >= tx.quotas().customer_gateways {
        return Err(error::customer_gateway_limit());
    }
    let gateway = CustomerGateway {
        customer_gateway_id: tx.new_id::<CustomerGateway>(),
        ip_address,
        bgp_asn,
        device_name,
        state: ResourceState::Available,
        owner_id: tx.owner.clone(),
        tags: tx.tags::<CustomerGateway>()?,
    };
    let shown = show(&gateway);
    tx.put(gateway);
    Ok(json!({ "CustomerGateway": shown }))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct DeleteCustomerGateway {
    customer_gateway_id: CustomerGatewayId,
}

pub(crate) fn delete_customer_gateway(
    tx: &mut Transaction<'_>,
    request: DeleteCustomerGateway,
) -> Reply {
    let id = request.customer_gateway_id;
    tx.get::<CustomerGateway>(&id)?;
    let uses =
        |it: &VpnConnection| it.customer_gateway_id == id && it.state != ResourceState::Deleted;
    if tx.each::<VpnConnection>().any(uses) {
        return Err(error::incorrect_state(
            "The customer gateway is in use by a VPN connection",
        ));
    }
    tx.remove::<CustomerGateway>(&id);
    Ok(done())
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct DescribeCustomerGateways {
    #[serde(default)]
    customer_gateway_ids: Vec<CustomerGatewayId>,
}

const FIELDS: &[Field<CustomerGateway>] = &[
    ("customer-gateway-id", |it, _| one(&it.customer_gateway_id)),
    ("bgp-asn", |it, _| one(it.bgp_asn)),
    ("ip-address", |it, _| one(it.ip_address)),
    ("state", |it, _| one(word(it.state))),
    ("type", |_, _| one("ipsec.1")),
];

pub(crate) fn describe_customer_gateways(
    reader: &Reader<'_>,
    request: DescribeCustomerGateways,
) -> Reply {
    reader.describe(
        "CustomerGateways",
        &request.customer_gateway_ids,
        FIELDS,
        show,
    )
}

fn show(gateway: &CustomerGateway) -> Value {
    json!({
        "CustomerGatewayId": gateway.customer_gateway_id,
        "BgpAsn": gateway.bgp_asn.to_string(),
        "DeviceName": gateway.device_name,
        "IpAddress": gateway.ip_address,
        "State": gateway.state,
        "Type": "ipsec.1",
        "Tags": tags(&gateway.tags),
    })
}

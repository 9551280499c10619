//! `[vpn_gateway.*]`, `[customer_gateway.*]`, `[vpn_connection.*]`.

use serde_json::{Map, Value, json};
use wirelab_model::SimDuration;

use super::transit_gateway;
use crate::build::{Builder, name_tag};
use crate::fields::Fields;

pub(super) fn all(builder: &mut Builder<'_>, root: &Fields<'_>) {
    for (name, fields) in root.named("vpn_gateway") {
        let _ = vpn_gateway(builder, &name, &fields);
        fields.finish();
    }
    for (name, fields) in root.named("customer_gateway") {
        let _ = customer_gateway(builder, &name, &fields);
        fields.finish();
    }
}

/// VPN connections come after transit gateways, which they may end at.
pub(super) fn connections(builder: &mut Builder<'_>, root: &Fields<'_>) {
    for (name, fields) in root.named("vpn_connection") {
        let _ = vpn_connection(builder, &name, &fields);
        fields.finish();
    }
}

/// `[vpn_gateway.x] vpc`.
fn vpn_gateway(builder: &mut Builder<'_>, name: &str, fields: &Fields<'_>) -> Option<()> {
    let vpc = fields.text("vpc");
    let vpc_id = vpc.as_ref().and_then(|vpc| builder.id("vpc", vpc));
    let caller = builder.with_or_by(vpc_id.as_deref(), fields);
    let parameters = json!({
        "Type": "ipsec.1",
        "TagSpecifications": name_tag("vpn-gateway", name),
    });
    let operation = ("CreateVpnGateway", "/VpnGateway/VpnGatewayId");
    let kind = "vpn_gateway";
    let id = builder.create_as(&caller, fields, kind, name, operation, parameters)?;
    let parameters = json!({ "VpcId": vpc_id?, "VpnGatewayId": id });
    builder.call(&vpc?.span, name, "AttachVpnGateway", parameters);
    Some(())
}

/// `[customer_gateway.x] ip_address, bgp_asn, account, region`.
fn customer_gateway(builder: &mut Builder<'_>, name: &str, fields: &Fields<'_>) -> Option<()> {
    let address = fields.required_text("ip_address");
    let asn: u32 = fields.integer("bgp_asn").unwrap_or(65000);
    let parameters = json!({
        "Type": "ipsec.1",
        "IpAddress": address?.text,
        "BgpAsn": asn,
        "TagSpecifications": name_tag("customer-gateway", name),
    });
    let operation = (
        "CreateCustomerGateway",
        "/CustomerGateway/CustomerGatewayId",
    );
    let caller = builder.caller(fields);
    let kind = "customer_gateway";
    builder.create_as(&caller, fields, kind, name, operation, parameters)?;
    Some(())
}

/// `[vpn_connection.x] customer_gateway, vpn_gateway | transit_gateway, routes, encryption,
/// tunnels`. Routes of a connection at a transit gateway are its route table's.
fn vpn_connection(builder: &mut Builder<'_>, name: &str, fields: &Fields<'_>) -> Option<()> {
    let customer = builder.required_id(fields, "customer_gateway");
    let vpn_gateway = fields.text("vpn_gateway");
    let vpn_gateway = vpn_gateway.and_then(|text| builder.id("vpn_gateway", &text));
    let transit = fields.text("transit_gateway");
    let transit = transit.and_then(|text| builder.id("transit_gateway", &text));
    let routes = fields.texts("routes");
    let parameters = json!({
        "Type": "ipsec.1",
        "CustomerGatewayId": customer?,
        "VpnGatewayId": vpn_gateway,
        "TransitGatewayId": transit,
        "Options": { "StaticRoutesOnly": true, "TunnelOptions": tunnels(fields) },
        "TagSpecifications": name_tag("vpn-connection", name),
    });
    let (operation, pointer) = ("CreateVpnConnection", "/VpnConnection/VpnConnectionId");
    let id = builder.create(
        fields,
        "vpn_connection",
        name,
        operation,
        parameters,
        pointer,
    )?;
    transit_gateway::name_vpn_attachment(builder, name, &id);
    for route in routes {
        let parameters = json!({ "VpnConnectionId": id, "DestinationCidrBlock": route.text });
        builder.call(&route.span, name, "CreateVpnConnectionRoute", parameters);
    }
    Some(())
}

/// `encryption` of both tunnels, and `tunnels = [{ inside_cidr, encryption, integrity, mtu,
/// dpd_timeout }, ...]` of each.
fn tunnels(fields: &Fields<'_>) -> Vec<Value> {
    let both = fields.text("encryption").map(|text| text.text);
    let mut tunnels: Vec<Map<String, Value>> = Vec::new();
    for tunnel in fields.tables("tunnels") {
        let mut options = Map::new();
        let mut set = |option: &str, value: Option<Value>| {
            options.extend(value.map(|value| (option.to_owned(), value)));
        };
        let text = |key| tunnel.text(key).map(|text| json!(text.text));
        let algorithms = |key| text(key).map(|name| json!([{ "Value": name }]));
        set("TunnelInsideCidr", text("inside_cidr"));
        set("Phase2EncryptionAlgorithms", algorithms("encryption"));
        set("Phase2IntegrityAlgorithms", algorithms("integrity"));
        let mtu: Option<u16> = tunnel.integer("mtu");
        set("TunnelMtu", mtu.map(|mtu| json!(mtu)));
        let timeout: Option<SimDuration> = tunnel.parsed("dpd_timeout");
        set(
            "DPDTimeoutSeconds",
            timeout.map(|timeout| json!(timeout.as_secs())),
        );
        tunnel.finish();
        tunnels.push(options);
    }
    if let Some(both) = both {
        tunnels.resize_with(2.max(tunnels.len()), Map::new);
        for options in &mut tunnels {
            let algorithms = json!([{ "Value": both }]);
            let named = options.entry("Phase2EncryptionAlgorithms");
            named.or_insert(algorithms);
        }
    }
    tunnels.into_iter().map(Value::Object).collect()
}

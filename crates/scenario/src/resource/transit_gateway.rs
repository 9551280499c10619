//! `[transit_gateway.*]`, `[transit_gateway_vpc_attachment.*]`,
//! `[transit_gateway_peering_attachment.*]`, `[transit_gateway_route_table.*]`.

use serde_json::{Map, Value, json};
use smol_str::SmolStr;
use wirelab_model::VpnConnectionId;

use crate::build::{Builder, name_tag};
use crate::fields::{Fields, Text};

/// Gateways and what is attached to them, less VPN connections.
pub(super) fn gateways(builder: &mut Builder<'_>, root: &Fields<'_>) {
    for (name, fields) in root.named("transit_gateway") {
        let _ = transit_gateway(builder, &name, &fields);
        fields.finish();
    }
    for (name, fields) in root.named("transit_gateway_vpc_attachment") {
        let _ = vpc_attachment(builder, &name, &fields);
        fields.finish();
    }
    for (name, fields) in root.named("transit_gateway_peering_attachment") {
        let _ = peering_attachment(builder, &name, &fields);
        fields.finish();
    }
}

/// Route tables come after everything that is attached.
pub(super) fn route_tables(builder: &mut Builder<'_>, root: &Fields<'_>) {
    for (name, fields) in root.named("transit_gateway_route_table") {
        let _ = route_table(builder, &name, &fields);
        fields.finish();
    }
}

const fn switch(on: bool) -> &'static str {
    if on { "enable" } else { "disable" }
}

/// The options of these keys that the table sets.
fn switches(fields: &Fields<'_>, keys: &[(&'static str, &str)]) -> Map<String, Value> {
    let mut options = Map::new();
    for (key, option) in keys {
        if let Some(on) = fields.boolean(key) {
            options.insert((*option).to_owned(), json!(switch(on)));
        }
    }
    options
}

/// `[transit_gateway.x] default_route_table, amazon_side_asn, vpn_ecmp_support, dns_support,
/// security_group_referencing_support, account, region`: with `default_route_table = false`,
/// attachments are associated with and propagate to nothing unless a table says so.
fn transit_gateway(builder: &mut Builder<'_>, name: &str, fields: &Fields<'_>) -> Option<()> {
    let default = switch(fields.boolean("default_route_table") != Some(false));
    let asn: Option<u32> = fields.integer("amazon_side_asn");
    let keys = [
        ("vpn_ecmp_support", "VpnEcmpSupport"),
        ("dns_support", "DnsSupport"),
        (
            "security_group_referencing_support",
            "SecurityGroupReferencingSupport",
        ),
    ];
    let mut options = switches(fields, &keys);
    options.insert("DefaultRouteTableAssociation".to_owned(), json!(default));
    options.insert("DefaultRouteTablePropagation".to_owned(), json!(default));
    options.extend(asn.map(|asn| ("AmazonSideAsn".to_owned(), json!(asn))));
    let parameters = json!({
        "Options": options,
        "TagSpecifications": name_tag("transit-gateway", name),
    });
    let operation = ("CreateTransitGateway", "/TransitGateway/TransitGatewayId");
    let caller = builder.caller(fields);
    let kind = "transit_gateway";
    builder.create_as(&caller, fields, kind, name, operation, parameters)?;
    Some(())
}

/// `[transit_gateway_vpc_attachment.x] transit_gateway, vpc, subnets, appliance_mode_support,
/// dns_support, ipv6_support, security_group_referencing_support`.
fn vpc_attachment(builder: &mut Builder<'_>, name: &str, fields: &Fields<'_>) -> Option<()> {
    let gateway = builder.required_id(fields, "transit_gateway");
    let vpc = builder.required_id(fields, "vpc");
    let subnets = fields.texts("subnets");
    let subnets: Vec<SmolStr> = subnets
        .iter()
        .filter_map(|text| builder.id("subnet", text))
        .collect();
    let keys = [
        ("appliance_mode_support", "ApplianceModeSupport"),
        ("dns_support", "DnsSupport"),
        ("ipv6_support", "Ipv6Support"),
        (
            "security_group_referencing_support",
            "SecurityGroupReferencingSupport",
        ),
    ];
    let parameters = json!({
        "TransitGatewayId": gateway?,
        "VpcId": vpc?,
        "SubnetIds": subnets,
        "Options": switches(fields, &keys),
        "TagSpecifications": name_tag("transit-gateway-attachment", name),
    });
    let operation = "CreateTransitGatewayVpcAttachment";
    let pointer = "/TransitGatewayVpcAttachment/TransitGatewayAttachmentId";
    let kind = "transit_gateway_vpc_attachment";
    builder.create(fields, kind, name, operation, parameters, pointer)?;
    Some(())
}

/// `[transit_gateway_peering_attachment.x] transit_gateway, peer, accepted`: `transit_gateway` asks
/// `peer`, whose owner accepts unless `accepted = false`.
fn peering_attachment(builder: &mut Builder<'_>, name: &str, fields: &Fields<'_>) -> Option<()> {
    let gateway = builder.required_id(fields, "transit_gateway");
    let peer = fields.required_text("peer");
    let peer = peer.and_then(|text| builder.id("transit_gateway", &text));
    let accepted = fields.boolean("accepted") != Some(false);
    let (gateway, peer) = (gateway?, peer?);
    let owner = builder.owner(&peer);
    let parameters = json!({
        "TransitGatewayId": gateway,
        "PeerTransitGatewayId": peer,
        "PeerAccountId": owner.account,
        "PeerRegion": owner.region,
        "TagSpecifications": name_tag("transit-gateway-attachment", name),
    });
    let operation = (
        "CreateTransitGatewayPeeringAttachment",
        "/TransitGatewayPeeringAttachment/TransitGatewayAttachmentId",
    );
    let kind = "transit_gateway_peering_attachment";
    let requester = builder.owner(&gateway);
    let id = builder.create_as(&requester, fields, kind, name, operation, parameters)?;
    if accepted {
        let operation = "AcceptTransitGatewayPeeringAttachment";
        let parameters = json!({ "TransitGatewayAttachmentId": id });
        builder.call_as(&owner, fields.span(), name, operation, parameters);
    }
    Some(())
}

/// Gives the attachment of the VPN connection `name` its name, if it ends at a transit gateway.
pub(super) fn name_vpn_attachment(builder: &mut Builder<'_>, name: &str, connection: &str) {
    let connection = VpnConnectionId::new(connection);
    let mut attachments = (builder.control.resources().transit_gateway_attachments).values();
    let attachment = attachments.find(|it| it.vpn_connection_id() == Some(&connection));
    if let Some(attachment) = attachment {
        let id = attachment.transit_gateway_attachment_id.as_str().to_owned();
        builder.names.bind(format!("{VPN}.{name}"), id);
    }
}

/// What the attachments of VPN connections are called; `vpn_connection.NAME` means the same.
const VPN: &str = "transit_gateway_vpn_attachment";

/// The attachment that `text` names: a VPC's by its name alone, others with their kind.
fn attachment_id(builder: &Builder<'_>, text: &Text) -> Option<SmolStr> {
    let kinds = [
        "transit_gateway_vpc_attachment",
        "transit_gateway_peering_attachment",
        VPN,
    ];
    match text.text.split_once('.') {
        None => builder.id(kinds[0], text),
        Some(("vpn_connection", name)) => {
            builder.id("vpn_connection", text)?;
            let id = builder.names.id(&format!("{VPN}.{name}")).cloned();
            if id.is_none() {
                let message = format!("`{}` is at no transit gateway", text.text);
                builder.sink.error(&text.span, message);
            }
            id
        }
        Some(_) => builder.any_id(&kinds, text),
    }
}

/// `[transit_gateway_route_table.x] transit_gateway, routes, associations, propagations`.
fn route_table(builder: &mut Builder<'_>, name: &str, fields: &Fields<'_>) -> Option<()> {
    let gateway = builder.required_id(fields, "transit_gateway");
    let routes = fields.texts("routes");
    let associations = fields.texts("associations");
    let propagations = fields.texts("propagations");
    let parameters = json!({
        "TransitGatewayId": gateway?,
        "TagSpecifications": name_tag("transit-gateway-route-table", name),
    });
    let operation = "CreateTransitGatewayRouteTable";
    let pointer = "/TransitGatewayRouteTable/TransitGatewayRouteTableId";
    let kind = "transit_gateway_route_table";
    let id = builder.create(fields, kind, name, operation, parameters, pointer)?;
    for text in associations {
        attach(
            builder,
            name,
            &id,
            &text,
            "AssociateTransitGatewayRouteTable",
        );
    }
    for text in propagations {
        attach(
            builder,
            name,
            &id,
            &text,
            "EnableTransitGatewayRouteTablePropagation",
        );
    }
    for text in routes {
        let _ = route(builder, name, &id, &text);
    }
    Some(())
}

fn attach(builder: &mut Builder<'_>, name: &str, id: &str, text: &Text, operation: &str) {
    if let Some(attachment) = attachment_id(builder, text) {
        let parameters = json!({
            "TransitGatewayRouteTableId": id,
            "TransitGatewayAttachmentId": attachment,
        });
        let owner = builder.owner(id);
        builder.call_as(&owner, &text.span, name, operation, parameters);
    }
}

/// `10.1.0.0/16 -> transit_gateway_vpc_attachment.x`, `10.1.0.0/16 -> vpn_connection.x` or
/// `10.1.0.0/16 -> blackhole`.
fn route(builder: &mut Builder<'_>, name: &str, id: &str, route: &Text) -> Option<Value> {
    let Some((destination, target)) = route.text.split_once("->") else {
        let message = format!("`{}` is no route", route.text);
        let hint = "write `10.1.0.0/16 -> transit_gateway_vpc_attachment.NAME`".to_owned();
        builder.sink.explain(&route.span, message, "", Some(hint));
        return None;
    };
    let mut parameters = json!({
        "TransitGatewayRouteTableId": id,
        "DestinationCidrBlock": destination.trim(),
    });
    if target.trim() == "blackhole" {
        parameters["Blackhole"] = json!(true);
    } else {
        let target = Text {
            text: target.trim().to_owned(),
            span: route.span.clone(),
        };
        let attachment = attachment_id(builder, &target)?;
        parameters["TransitGatewayAttachmentId"] = json!(attachment);
    }
    let (owner, operation) = (builder.owner(id), "CreateTransitGatewayRoute");
    builder.call_as(&owner, &route.span, name, operation, parameters)
}

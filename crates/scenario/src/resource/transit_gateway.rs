//! `[transit_gateway.*]`, `[transit_gateway_vpc_attachment.*]`, `[transit_gateway_route_table.*]`.

use serde_json::{Value, json};
use smol_str::SmolStr;

use crate::build::{Builder, name_tag};
use crate::fields::{Fields, Text};

pub(super) fn all(builder: &mut Builder<'_>, root: &Fields<'_>) {
    for (name, fields) in root.named("transit_gateway") {
        let _ = transit_gateway(builder, &name, &fields);
        fields.finish();
    }
    for (name, fields) in root.named("transit_gateway_vpc_attachment") {
        let _ = attachment(builder, &name, &fields);
        fields.finish();
    }
    for (name, fields) in root.named("transit_gateway_route_table") {
        let _ = route_table(builder, &name, &fields);
        fields.finish();
    }
}

/// `[transit_gateway.x] default_route_table, account, region`: with `default_route_table = false`,
/// attachments are associated with and propagate to nothing unless a table says so.
fn transit_gateway(builder: &mut Builder<'_>, name: &str, fields: &Fields<'_>) -> Option<()> {
    let word = match fields.boolean("default_route_table") {
        Some(false) => "disable",
        _ => "enable",
    };
    let parameters = json!({
        "Options": {
            "DefaultRouteTableAssociation": word,
            "DefaultRouteTablePropagation": word,
        },
        "TagSpecifications": name_tag("transit-gateway", name),
    });
    let operation = ("CreateTransitGateway", "/TransitGateway/TransitGatewayId");
    let caller = builder.caller(fields);
    let kind = "transit_gateway";
    builder.create_as(&caller, fields, kind, name, operation, parameters)?;
    Some(())
}

/// `[transit_gateway_vpc_attachment.x] transit_gateway, vpc, subnets, appliance_mode_support`.
fn attachment(builder: &mut Builder<'_>, name: &str, fields: &Fields<'_>) -> Option<()> {
    let gateway = builder.required_id(fields, "transit_gateway");
    let vpc = builder.required_id(fields, "vpc");
    let subnets = fields.texts("subnets");
    let subnets: Vec<SmolStr> = subnets
        .iter()
        .filter_map(|text| builder.id("subnet", text))
        .collect();
    let mode = match fields.boolean("appliance_mode_support") {
        Some(true) => "enable",
        _ => "disable",
    };
    let parameters = json!({
        "TransitGatewayId": gateway?,
        "VpcId": vpc?,
        "SubnetIds": subnets,
        "Options": { "ApplianceModeSupport": mode },
        "TagSpecifications": name_tag("transit-gateway-attachment", name),
    });
    let operation = "CreateTransitGatewayVpcAttachment";
    let pointer = "/TransitGatewayVpcAttachment/TransitGatewayAttachmentId";
    let kind = "transit_gateway_vpc_attachment";
    builder.create(fields, kind, name, operation, parameters, pointer)?;
    Some(())
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
    if let Some(attachment) = builder.id("transit_gateway_vpc_attachment", text) {
        let parameters = json!({
            "TransitGatewayRouteTableId": id,
            "TransitGatewayAttachmentId": attachment,
        });
        builder.call(&text.span, name, operation, parameters);
    }
}

/// `10.1.0.0/16 -> transit_gateway_vpc_attachment.x` or `10.1.0.0/16 -> blackhole`.
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
        let attachment = builder.id("transit_gateway_vpc_attachment", &target)?;
        parameters["TransitGatewayAttachmentId"] = json!(attachment);
    }
    builder.call(&route.span, name, "CreateTransitGatewayRoute", parameters)
}

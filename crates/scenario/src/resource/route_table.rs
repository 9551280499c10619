//! `[route_table.*]`.

use serde_json::{Value, json};
use smol_str::SmolStr;

use crate::build::{Builder, name_tag};
use crate::fields::{Fields, Text};

/// A table that exists and whose routes are still to be made.
pub(super) struct Unfilled {
    name: String,
    id: SmolStr,
    routes: Vec<Text>,
    propagating: Vec<Text>,
    gateway: Option<Text>,
}

/// `[route_table.x] vpc, routes, propagating_vgws, main, gateway`. With `gateway` it routes what
/// enters the VPC by that internet gateway or virtual private gateway.
pub(super) fn create(builder: &mut Builder<'_>, root: &Fields<'_>) -> Vec<Unfilled> {
    let tables = root.named("route_table");
    let tables = tables.into_iter().filter_map(|(name, fields)| {
        let table = route_table(builder, name, &fields);
        fields.finish();
        table
    });
    tables.collect()
}

fn route_table(builder: &mut Builder<'_>, name: String, fields: &Fields<'_>) -> Option<Unfilled> {
    let vpc = builder.required_id(fields, "vpc");
    let routes = fields.texts("routes");
    let propagating = fields.texts("propagating_vgws");
    let gateway = fields.text("gateway");
    let main = fields.boolean("main").unwrap_or(false);
    let vpc = vpc?;
    let parameters = json!({
        "VpcId": vpc,
        "TagSpecifications": name_tag("route-table", &name),
    });
    let (operation, pointer) = ("CreateRouteTable", "/RouteTable/RouteTableId");
    let id = builder.create(fields, "route_table", &name, operation, parameters, pointer)?;
    if main {
        make_main(builder, &name, fields, &vpc, &id);
    }
    Some(Unfilled {
        name,
        id,
        routes,
        propagating,
        gateway,
    })
}

fn make_main(
    builder: &mut Builder<'_>,
    name: &str,
    fields: &Fields<'_>,
    vpc: &SmolStr,
    id: &SmolStr,
) {
    let tables = builder.control.resources().route_tables.values();
    let mut associations = tables
        .filter(|it| it.vpc_id.as_str() == vpc)
        .flat_map(|it| &it.associations);
    let association = associations.find(|it| it.main);
    let association = association.map(|it| it.route_table_association_id.clone());
    let parameters = json!({ "AssociationId": association, "RouteTableId": id });
    builder.call(
        fields.span(),
        name,
        "ReplaceRouteTableAssociation",
        parameters,
    );
}

/// Makes the routes, now that their targets exist.
pub(super) fn fill(builder: &mut Builder<'_>, tables: &[Unfilled]) {
    for table in tables {
        for route in &table.routes {
            let _ = create_route(builder, table, route);
        }
        if let Some(gateway) = &table.gateway
            && let Some(id) = builder.any_id(&["internet_gateway", "vpn_gateway"], gateway)
        {
            let parameters = json!({ "RouteTableId": table.id, "GatewayId": id });
            let operation = "AssociateRouteTable";
            builder.call(&gateway.span, &table.name, operation, parameters);
        }
        for gateway in &table.propagating {
            if let Some(id) = builder.id("vpn_gateway", gateway) {
                let parameters = json!({ "RouteTableId": table.id, "GatewayId": id });
                let operation = "EnableVgwRoutePropagation";
                builder.call(&gateway.span, &table.name, operation, parameters);
            }
        }
    }
}

const TARGETS: [&str; 8] = [
    "internet_gateway",
    "egress_only_internet_gateway",
    "nat_gateway",
    "vpn_gateway",
    "transit_gateway",
    "vpc_peering_connection",
    "instance",
    "network_interface",
];

/// `0.0.0.0/0 -> nat_gateway.out`.
fn create_route(builder: &mut Builder<'_>, table: &Unfilled, route: &Text) -> Option<Value> {
    let Some((destination, target)) = route.text.split_once("->") else {
        let message = format!("`{}` is no route", route.text);
        let hint = "write `0.0.0.0/0 -> nat_gateway.NAME`".to_owned();
        builder.sink.explain(&route.span, message, "", Some(hint));
        return None;
    };
    let target = Text {
        text: target.trim().to_owned(),
        span: route.span.clone(),
    };
    let id = builder.any_id(&TARGETS, &target)?;
    let destination = destination.trim();
    let key = match target.text.split('.').next().unwrap_or_default() {
        "internet_gateway" | "vpn_gateway" => "GatewayId",
        "egress_only_internet_gateway" => "EgressOnlyInternetGatewayId",
        "nat_gateway" => "NatGatewayId",
        "transit_gateway" => "TransitGatewayId",
        "vpc_peering_connection" => "VpcPeeringConnectionId",
        _ => "NetworkInterfaceId",
    };
    let id = interface_of(builder, &id).unwrap_or(id);
    let mut parameters = json!({ "RouteTableId": table.id, key: id });
    if destination.starts_with("prefix_list.") {
        let list = Text {
            text: destination.to_owned(),
            span: route.span.clone(),
        };
        parameters["DestinationPrefixListId"] = json!(builder.id("prefix_list", &list)?);
    } else if destination.contains(':') {
        parameters["DestinationIpv6CidrBlock"] = json!(destination);
    } else {
        parameters["DestinationCidrBlock"] = json!(destination);
    }
    builder.call(&route.span, &table.name, "CreateRoute", parameters)
}

/// A route to an instance leads to its primary interface.
fn interface_of(builder: &Builder<'_>, id: &str) -> Option<SmolStr> {
    let mut instances = builder.control.resources().instances.values();
    let instance = instances.find(|it| it.instance_id.as_str() == id)?;
    let interface = instance.network_interfaces.first()?;
    Some(interface.as_str().into())
}

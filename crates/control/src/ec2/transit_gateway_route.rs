//! Static routes of transit gateways, and searching routes (Amazon EC2 API Reference:
//! `CreateTransitGatewayRoute`, `SearchTransitGatewayRoutes` and their kin).

use ipnet::IpNet;
use serde::Deserialize;
use serde_json::{Value, json};
use smol_str::SmolStr;
use wirelab_model::*;

use crate::arguments::Arguments;
use crate::describe::{Field, Reader};
use crate::ec2::transit_gateway_attachment;
use crate::ec2::transit_gateway_route_table::available;
use crate::error;
use crate::transaction::Transaction;
use crate::view::{each, one, word};

/// `CreateTransitGatewayRoute` and `ReplaceTransitGatewayRoute`.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct RouteRequest {
    transit_gateway_route_table_id: TransitGatewayRouteTableId,
    destination_cidr_block: IpNet,
    transit_gateway_attachment_id: Option<TransitGatewayAttachmentId>,
    #[serde(default)]
    blackhole: bool,
}

impl RouteRequest {
    fn route(
        &self,
        tx: &Transaction<'_>,
        table: &TransitGatewayRouteTable,
    ) -> Result<TransitGatewayRoute, ApiError> {
        let attachments = match (&self.transit_gateway_attachment_id, self.blackhole) {
            (Some(id), false) => {
                let attachment = transit_gateway_attachment::in_service(tx, id)?;
                if !attachment.is_at(&table.transit_gateway_id) {
                    return Err(error::invalid_parameter_value(format_args!(
                        "{id} and {} belong to different transit gateways",
                        table.transit_gateway_route_table_id
                    )));
                }
                vec![id.clone()]
            }
            (None, true) => Vec::new(),
            (None, false) => {
                return Err(error::missing_one_of(
                    "TransitGatewayAttachmentId, Blackhole",
                ));
            }
            (Some(_), true) => {
                return Err(error::combination(
                    "Only one of TransitGatewayAttachmentId, Blackhole",
                ));
            }
        };
        Ok(TransitGatewayRoute {
            destination_cidr_block: canonical(self.destination_cidr_block),
            state: match attachments[..] {
                [] => RouteState::Blackhole,
                _ => RouteState::Active,
            },
            attachments,
            is_static: true,
        })
    }
}

fn static_route(table: &TransitGatewayRouteTable, destination: IpNet) -> Option<usize> {
    let is_it = |it: &TransitGatewayRoute| it.is_static && it.destination_cidr_block == destination;
    table.routes.iter().position(is_it)
}

pub(crate) fn create_transit_gateway_route(
    tx: &mut Transaction<'_>,
    request: RouteRequest,
) -> Reply {
    let mut table = available(tx, &request.transit_gateway_route_table_id)?;
    let route = request.route(tx, &table)?;
    if static_route(&table, route.destination_cidr_block).is_some() {
        return Err(error::transit_gateway_route_exists(
            route.destination_cidr_block,
        ));
    }
    check_quota(tx, &table)?;
    let shown = show(&route, tx.resources());
    table.routes.push(route);
    tx.put(table);
    Ok(json!({ "Route": shown }))
}

/// 10,000 routes of all kinds in all tables of a gateway.
fn check_quota(tx: &Transaction<'_>, table: &TransitGatewayRouteTable) -> Result<(), ApiError> {
    let gateway = &table.transit_gateway_id;
    let tables = tx.each::<TransitGatewayRouteTable>();
    let of_gateway = tables.filter(|it| it.transit_gateway_id == *gateway);
    let routes: usize = of_gateway.map(|it| it.routes.len()).sum();
    let limit = tx.quotas().routes_per_transit_gateway;
    if routes >= limit {
        return Err(error::transit_gateway_route_limit(gateway, limit));
    }
    Ok(())
}

pub(crate) fn replace_transit_gateway_route(
    tx: &mut Transaction<'_>,
    request: RouteRequest,
) -> Reply {
    let mut table = available(tx, &request.transit_gateway_route_table_id)?;
    let route = request.route(tx, &table)?;
    let index = static_route(&table, route.destination_cidr_block).ok_or_else(|| {
        error::route_not_found(
            route.destination_cidr_block,
            &table.transit_gateway_route_table_id,
        )
    })?;
    let shown = show(&route, tx.resources());
    table.routes[index] = route;
    tx.put(table);
    Ok(json!({ "Route": shown }))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct DeleteTransitGatewayRoute {
    transit_gateway_route_table_id: TransitGatewayRouteTableId,
    destination_cidr_block: IpNet,
}

pub(crate) fn delete_transit_gateway_route(
    tx: &mut Transaction<'_>,
    request: DeleteTransitGatewayRoute,
) -> Reply {
    let mut table = available(tx, &request.transit_gateway_route_table_id)?;
    let destination = canonical(request.destination_cidr_block);
    let index = static_route(&table, destination).ok_or_else(|| {
        error::route_not_found(destination, &table.transit_gateway_route_table_id)
    })?;
    let mut shown = show(&table.routes.remove(index), tx.resources());
    shown["State"] = json!("deleted");
    tx.put(table);
    Ok(json!({ "Route": shown }))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct SearchTransitGatewayRoutes {
    transit_gateway_route_table_id: TransitGatewayRouteTableId,
}

const FIELDS: &[Field<TransitGatewayRoute>] = &[
    ("attachment.transit-gateway-attachment-id", |it, _| {
        each(&it.attachments)
    }),
    ("attachment.resource-id", |it, all| {
        each(attachments(it, all).map(transit_gateway_attachment::resource_id))
    }),
    ("attachment.resource-type", |it, all| {
        each(attachments(it, all).map(transit_gateway_attachment::resource_type))
    }),
    ("state", |it, _| one(word(it.state))),
    ("type", |it, _| one(kind(it))),
];

fn attachments<'a>(
    route: &'a TransitGatewayRoute,
    resources: &'a Resources,
) -> impl Iterator<Item = &'a TransitGatewayAttachment> {
    let all = &resources.transit_gateway_attachments;
    let found = route.attachments.iter().filter_map(|id| all.get(id));
    found.map(AsRef::as_ref)
}

fn kind(route: &TransitGatewayRoute) -> &'static str {
    if route.is_static {
        "static"
    } else {
        "propagated"
    }
}

pub(crate) fn search_transit_gateway_routes(
    reader: &Reader<'_>,
    request: SearchTransitGatewayRoutes,
) -> Reply {
    let id = request.transit_gateway_route_table_id;
    let table = reader.get::<TransitGatewayRouteTable>(&id)?;
    if reader.arguments.filters.is_empty() {
        return Err(error::missing_parameter("Filters"));
    }
    let (searches, others): (Vec<_>, Vec<_>) = reader
        .arguments
        .filters
        .iter()
        .cloned()
        .partition(|filter| filter.name.starts_with("route-search."));
    let plain = Arguments {
        filters: others,
        ..reader.arguments.clone()
    };
    let reader = reader.with(&plain);
    reader.check_filters(FIELDS)?;
    let mut chosen = Vec::new();
    for route in &table.routes {
        if reader.passes(route, &[], FIELDS)? {
            chosen.push(route);
        }
    }
    for search in &searches {
        chosen = search_routes(&search.name, &search.values, chosen)?;
    }
    let key = |it: &TransitGatewayRoute| it.destination_cidr_block.to_string();
    let mut reply = reader.page("Routes", chosen, key, |it| show(it, reader.resources()))?;
    reply["AdditionalRoutesAvailable"] = json!(reply.get("NextToken").is_some());
    Ok(reply)
}

/// The `route-search.*` filters: how routes stand to the given blocks.
fn search_routes<'a>(
    name: &str,
    values: &[SmolStr],
    routes: Vec<&'a TransitGatewayRoute>,
) -> Result<Vec<&'a TransitGatewayRoute>, ApiError> {
    let mut wanted = Vec::new();
    for value in values {
        let address = || value.parse::<std::net::IpAddr>().map(IpNet::from);
        let block = value.parse::<IpNet>().or_else(|_| address());
        let block = block
            .map_err(|_| error::invalid_value(value, name, "this is not a valid CIDR block"))?;
        wanted.push(canonical(block));
    }
    let relation: fn(&IpNet, &IpNet) -> bool = match name {
        "route-search.exact-match" => |route, wanted| route == wanted,
        "route-search.subnet-of-match" => |route, wanted| wanted.contains(route),
        "route-search.supernet-of-match" | "route-search.longest-prefix-match" => {
            |route, wanted| route.contains(wanted)
        }
        other => return Err(error::unknown_filter(other, None)),
    };
    let mut found: Vec<_> = routes
        .into_iter()
        .filter(|it| {
            wanted
                .iter()
                .any(|block| relation(&it.destination_cidr_block, block))
        })
        .collect();
    if name == "route-search.longest-prefix-match" {
        let length = |it: &TransitGatewayRoute| it.destination_cidr_block.prefix_len();
        let longest = found.iter().map(|it| length(it)).max();
        found.retain(|it| Some(length(it)) == longest);
    }
    Ok(found)
}

fn show(route: &TransitGatewayRoute, resources: &Resources) -> Value {
    let attachments = attachments(route, resources).map(transit_gateway_attachment::show_brief);
    json!({
        "DestinationCidrBlock": route.destination_cidr_block,
        "TransitGatewayAttachments": attachments.collect::<Vec<_>>(),
        "Type": kind(route),
        "State": route.state,
    })
}

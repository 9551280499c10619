//! Route tables and their associations (Amazon EC2 API Reference: `CreateRouteTable` and its kin;
//! Amazon VPC User Guide, "Route tables"). Routes are in [`super::route`].

use serde::Deserialize;
use serde_json::{Value, json};
use smol_str::SmolStr;
use wirelab_model::*;

use crate::describe::{Field, Reader};
use crate::ec2::{gateway_route_table, route};
use crate::error;
use crate::transaction::Transaction;
use crate::view::{done, each, maybe, one, tags, word};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct CreateRouteTable {
    vpc_id: VpcId,
}

pub(crate) fn create_route_table(tx: &mut Transaction<'_>, request: CreateRouteTable) -> Reply {
    tx.get::<Vpc>(&request.vpc_id)?;
    let siblings = tx
        .each::<RouteTable>()
        .filter(|it| it.vpc_id == request.vpc_id);
    if siblings.count() >= tx.quotas().route_tables_per_vpc {
        return Err(error::route_table_limit(&request.vpc_id));
    }
    let tags = tx.tags::<RouteTable>()?;
    let table = new_table(tx, &request.vpc_id, tags);
    let shown = show(&table, tx.resources());
    tx.put(table);
    Ok(json!({ "RouteTable": shown }))
}

/// The table that a VPC is born with.
pub(crate) fn create_main(tx: &mut Transaction<'_>, vpc_id: &VpcId) {
    let mut table = new_table(tx, vpc_id, Vec::new());
    let association = new_association(tx, &table.route_table_id, Of::Vpc);
    table.associations.push(association);
    tx.put(table);
}

/// Adds a route to the table that the VPC was born with.
pub(crate) fn add_to_main(tx: &mut Transaction<'_>, vpc_id: &VpcId, route: Route) {
    let main = |it: &&RouteTable| it.vpc_id == *vpc_id && is_main(it);
    let found = tx.each::<RouteTable>().find(main);
    if let Some(mut table) = found.cloned() {
        table.routes.push(route);
        tx.put(table);
    }
}

fn new_table(tx: &mut Transaction<'_>, vpc_id: &VpcId, tags: Vec<Tag>) -> RouteTable {
    let vpc = tx.resources().vpcs.get(vpc_id);
    let routes = vpc.map_or_else(Vec::new, |vpc| route::local_routes(vpc));
    RouteTable {
        route_table_id: tx.new_id::<RouteTable>(),
        vpc_id: vpc_id.clone(),
        routes,
        associations: Vec::new(),
        propagating_vgws: Vec::new(),
        owner_id: tx.owner.clone(),
        tags,
    }
}

fn new_association(
    tx: &mut Transaction<'_>,
    table: &RouteTableId,
    of: Of,
) -> RouteTableAssociation {
    let id = tx.new_text_id(RouteTableAssociationId::PREFIX);
    RouteTableAssociation {
        route_table_association_id: RouteTableAssociationId::new(id),
        route_table_id: table.clone(),
        main: of == Of::Vpc,
        subnet_id: match &of {
            Of::Subnet(id) => Some(id.clone()),
            _ => None,
        },
        gateway_id: match of {
            Of::Gateway(id) => Some(id),
            _ => None,
        },
    }
}

/// Whom a table routes for.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Of {
    Vpc,
    Subnet(SubnetId),
    Gateway(SmolStr),
}

impl Of {
    fn has(&self, association: &RouteTableAssociation) -> bool {
        match self {
            Self::Vpc => association.main,
            Self::Subnet(id) => association.subnet_id.as_ref() == Some(id),
            Self::Gateway(id) => association.gateway_id.as_ref() == Some(id),
        }
    }
}

/// Whether the table is its VPC's main one.
pub(crate) fn is_main(table: &RouteTable) -> bool {
    table.associations.iter().any(|it| it.main)
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct DeleteRouteTable {
    route_table_id: RouteTableId,
}

pub(crate) fn delete_route_table(tx: &mut Transaction<'_>, request: DeleteRouteTable) -> Reply {
    let table = tx.get::<RouteTable>(&request.route_table_id)?;
    if !table.associations.is_empty() {
        return Err(error::dependency("routeTable", &request.route_table_id));
    }
    tx.remove::<RouteTable>(&request.route_table_id);
    Ok(done())
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct AssociateRouteTable {
    route_table_id: RouteTableId,
    subnet_id: Option<SubnetId>,
    gateway_id: Option<SmolStr>,
}

pub(crate) fn associate_route_table(
    tx: &mut Transaction<'_>,
    request: AssociateRouteTable,
) -> Reply {
    let table = tx.get::<RouteTable>(&request.route_table_id)?;
    let of = match (request.subnet_id, request.gateway_id) {
        (Some(id), None) => Of::Subnet(id),
        (None, Some(id)) => Of::Gateway(id),
        (None, None) => return Err(error::missing_one_of("SubnetId, GatewayId")),
        (Some(_), Some(_)) => return Err(error::combination("Only one of SubnetId, GatewayId")),
    };
    check_association(tx, table, &of)?;
    let known = tx
        .each::<RouteTable>()
        .flat_map(|table| &table.associations)
        .find(|it| of.has(it));
    if let Some(known) = known {
        return Err(error::already_associated(format_args!(
            "the specified association for route table {} conflicts with an existing association \
            {}",
            request.route_table_id, known.route_table_association_id
        )));
    }
    let association = new_association(tx, &request.route_table_id, of);
    let id = association.route_table_association_id.clone();
    let table = tx.edit::<RouteTable>(&request.route_table_id)?;
    table.associations.push(association);
    Ok(json!({ "AssociationId": id, "AssociationState": { "State": "associated" } }))
}

/// The table and the subnet or gateway are of one VPC, and a gateway's table has only such routes
/// as it may have.
fn check_association(tx: &Transaction<'_>, table: &RouteTable, of: &Of) -> Result<(), ApiError> {
    match of {
        Of::Vpc => Ok(()),
        Of::Gateway(gateway) => gateway_route_table::check(tx, table, gateway),
        Of::Subnet(id) if tx.get::<Subnet>(id)?.vpc_id != table.vpc_id => {
            Err(error::invalid_parameter_value(format_args!(
                "Route table {} and subnet {id} belong to different networks",
                table.route_table_id
            )))
        }
        Of::Subnet(_) => Ok(()),
    }
}

fn find_association(
    tx: &Transaction<'_>,
    id: &RouteTableAssociationId,
) -> Result<RouteTableAssociation, ApiError> {
    tx.each::<RouteTable>()
        .flat_map(|table| &table.associations)
        .find(|it| it.route_table_association_id == *id)
        .cloned()
        .ok_or_else(|| error::association_not_found(id))
}

fn take_association(
    tx: &mut Transaction<'_>,
    association: &RouteTableAssociation,
) -> Result<(), ApiError> {
    let table = tx.edit::<RouteTable>(&association.route_table_id)?;
    table.associations.retain(|it| it != association);
    Ok(())
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct DisassociateRouteTable {
    association_id: RouteTableAssociationId,
}

pub(crate) fn disassociate_route_table(
    tx: &mut Transaction<'_>,
    request: DisassociateRouteTable,
) -> Reply {
    let association = find_association(tx, &request.association_id)?;
    if association.main {
        return Err(error::invalid_parameter_value(format_args!(
            "cannot disassociate the main route table association {}",
            request.association_id
        )));
    }
    take_association(tx, &association)?;
    Ok(done())
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct ReplaceRouteTableAssociation {
    association_id: RouteTableAssociationId,
    route_table_id: RouteTableId,
}

pub(crate) fn replace_route_table_association(
    tx: &mut Transaction<'_>,
    request: ReplaceRouteTableAssociation,
) -> Reply {
    let old = find_association(tx, &request.association_id)?;
    let of = match (old.subnet_id.clone(), old.gateway_id.clone()) {
        (Some(id), _) => Of::Subnet(id),
        (None, Some(id)) => Of::Gateway(id),
        (None, None) => Of::Vpc,
    };
    let table = tx.get::<RouteTable>(&request.route_table_id)?;
    check_association(tx, table, &of)?;
    if tx.get::<RouteTable>(&old.route_table_id)?.vpc_id != table.vpc_id {
        return Err(error::invalid_parameter_value(format_args!(
            "Route tables {} and {} belong to different networks",
            old.route_table_id, request.route_table_id
        )));
    }
    take_association(tx, &old)?;
    let association = new_association(tx, &request.route_table_id, of);
    let id = association.route_table_association_id.clone();
    let table = tx.edit::<RouteTable>(&request.route_table_id)?;
    table.associations.push(association);
    Ok(json!({ "NewAssociationId": id, "AssociationState": { "State": "associated" } }))
}

/// Takes the subnet's association away.
pub(crate) fn forget_subnet(tx: &mut Transaction<'_>, subnet_id: &SubnetId) {
    for table in tx.state.resources.route_tables.values_mut() {
        let uses = |it: &RouteTableAssociation| it.subnet_id.as_ref() == Some(subnet_id);
        if table.associations.iter().any(uses) {
            let table = std::sync::Arc::make_mut(table);
            table.associations.retain(|it| !uses(it));
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct DescribeRouteTables {
    #[serde(default)]
    route_table_ids: Vec<RouteTableId>,
}

const FIELDS: &[Field<RouteTable>] = &[
    ("route-table-id", |it, _| one(&it.route_table_id)),
    ("vpc-id", |it, _| one(&it.vpc_id)),
    ("owner-id", |it, _| one(&it.owner_id)),
    ("association.main", |it, _| {
        each(it.associations.iter().map(|it| it.main))
    }),
    ("association.route-table-association-id", |it, _| {
        each(
            it.associations
                .iter()
                .map(|it| &it.route_table_association_id),
        )
    }),
    ("association.route-table-id", |it, _| {
        each(it.associations.iter().map(|it| &it.route_table_id))
    }),
    ("association.subnet-id", |it, _| {
        each(
            it.associations
                .iter()
                .filter_map(|it| it.subnet_id.as_ref()),
        )
    }),
    ("association.gateway-id", |it, _| {
        each(
            it.associations
                .iter()
                .filter_map(|it| it.gateway_id.as_ref()),
        )
    }),
    ("route.destination-cidr-block", |it, _| {
        each(
            it.routes
                .iter()
                .filter_map(|it| it.destination.cidr())
                .filter(|it| it.addr().is_ipv4()),
        )
    }),
    ("route.destination-ipv6-cidr-block", |it, _| {
        each(
            it.routes
                .iter()
                .filter_map(|it| it.destination.cidr())
                .filter(|it| it.addr().is_ipv6()),
        )
    }),
    ("route.destination-prefix-list-id", |it, _| {
        each(
            it.routes
                .iter()
                .filter_map(|it| it.destination.prefix_list()),
        )
    }),
    ("route.gateway-id", |it, _| {
        targets(it, |target| match target {
            RouteTarget::Local => Some("local"),
            RouteTarget::InternetGateway(id) => Some(id.as_str()),
            RouteTarget::VpnGateway(id) => Some(id.as_str()),
            RouteTarget::VpcEndpoint(id) => Some(id.as_str()),
            _ => None,
        })
    }),
    ("route.nat-gateway-id", |it, _| {
        targets(it, |target| match target {
            RouteTarget::NatGateway(id) => Some(id.as_str()),
            _ => None,
        })
    }),
    ("route.egress-only-internet-gateway-id", |it, _| {
        targets(it, |target| match target {
            RouteTarget::EgressOnlyInternetGateway(id) => Some(id.as_str()),
            _ => None,
        })
    }),
    ("route.transit-gateway-id", |it, _| {
        targets(it, |target| match target {
            RouteTarget::TransitGateway(id) => Some(id.as_str()),
            _ => None,
        })
    }),
    ("route.vpc-peering-connection-id", |it, _| {
        targets(it, |target| match target {
            RouteTarget::VpcPeeringConnection(id) => Some(id.as_str()),
            _ => None,
        })
    }),
    ("route.instance-id", |it, resources| {
        each(
            it.routes
                .iter()
                .filter_map(|route| route::instance(&route.target, resources)),
        )
    }),
    ("route.origin", |it, _| {
        each(it.routes.iter().map(|it| word(it.origin)))
    }),
    ("route.state", |it, _| {
        each(it.routes.iter().map(|it| word(it.state)))
    }),
];

fn targets(table: &RouteTable, id: impl Fn(&RouteTarget) -> Option<&str>) -> Vec<String> {
    let targets = table.routes.iter().map(|route| &route.target);
    targets.flat_map(|target| maybe(id(target))).collect()
}

pub(crate) fn describe_route_tables(reader: &Reader<'_>, request: DescribeRouteTables) -> Reply {
    reader.describe("RouteTables", &request.route_table_ids, FIELDS, |it| {
        show(it, reader.resources())
    })
}

fn show(table: &RouteTable, resources: &Resources) -> Value {
    json!({
        "RouteTableId": table.route_table_id,
        "VpcId": table.vpc_id,
        "Associations": table.associations.iter().map(show_association).collect::<Vec<_>>(),
        "PropagatingVgws": table.propagating_vgws.iter()
            .map(|id| json!({ "GatewayId": id })).collect::<Vec<_>>(),
        "Routes": table.routes.iter().map(|it| route::show(it, resources)).collect::<Vec<_>>(),
        "OwnerId": table.owner_id,
        "Tags": tags(&table.tags),
    })
}

fn show_association(association: &RouteTableAssociation) -> Value {
    json!({
        "Main": association.main,
        "RouteTableAssociationId": association.route_table_association_id,
        "RouteTableId": association.route_table_id,
        "SubnetId": association.subnet_id,
        "GatewayId": association.gateway_id,
        "AssociationState": { "State": "associated" },
    })
}

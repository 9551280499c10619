//! Routes (Amazon EC2 API Reference: `CreateRoute`, `ReplaceRoute`, `DeleteRoute`; Amazon VPC User
//! Guide, "Route priority").
//!
//! Local and propagated routes, and whether a target is there, are [`crate::reconcile`]'s business.

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use serde::Deserialize;
use serde_json::{Value, json};
use smol_str::SmolStr;
use wirelab_model::*;

use crate::ec2::{gateway_route_table, prefix_list, transit_gateway_attachment};
use crate::error;
use crate::kind::Kind;
use crate::transaction::Transaction;
use crate::view::done;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct CreateRoute {
    route_table_id: RouteTableId,
    destination_cidr_block: Option<Ipv4Net>,
    destination_ipv6_cidr_block: Option<Ipv6Net>,
    destination_prefix_list_id: Option<PrefixListId>,
    gateway_id: Option<SmolStr>,
    egress_only_internet_gateway_id: Option<EgressOnlyInternetGatewayId>,
    nat_gateway_id: Option<NatGatewayId>,
    network_interface_id: Option<NetworkInterfaceId>,
    instance_id: Option<InstanceId>,
    transit_gateway_id: Option<TransitGatewayId>,
    vpc_peering_connection_id: Option<VpcPeeringConnectionId>,
}

impl From<CreateRoute> for ReplaceRoute {
    fn from(request: CreateRoute) -> Self {
        Self {
            route_table_id: request.route_table_id,
            destination_cidr_block: request.destination_cidr_block,
            destination_ipv6_cidr_block: request.destination_ipv6_cidr_block,
            destination_prefix_list_id: request.destination_prefix_list_id,
            gateway_id: request.gateway_id,
            egress_only_internet_gateway_id: request.egress_only_internet_gateway_id,
            nat_gateway_id: request.nat_gateway_id,
            network_interface_id: request.network_interface_id,
            instance_id: request.instance_id,
            transit_gateway_id: request.transit_gateway_id,
            vpc_peering_connection_id: request.vpc_peering_connection_id,
            local_target: None,
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct ReplaceRoute {
    route_table_id: RouteTableId,
    destination_cidr_block: Option<Ipv4Net>,
    destination_ipv6_cidr_block: Option<Ipv6Net>,
    destination_prefix_list_id: Option<PrefixListId>,
    gateway_id: Option<SmolStr>,
    egress_only_internet_gateway_id: Option<EgressOnlyInternetGatewayId>,
    nat_gateway_id: Option<NatGatewayId>,
    network_interface_id: Option<NetworkInterfaceId>,
    instance_id: Option<InstanceId>,
    transit_gateway_id: Option<TransitGatewayId>,
    vpc_peering_connection_id: Option<VpcPeeringConnectionId>,
    local_target: Option<bool>,
}

pub(crate) fn create_route(tx: &mut Transaction<'_>, request: CreateRoute) -> Reply {
    let request = ReplaceRoute::from(request);
    let table = tx.get::<RouteTable>(&request.route_table_id)?.clone();
    let destination = destination(
        request.destination_cidr_block,
        request.destination_ipv6_cidr_block,
        request.destination_prefix_list_id.as_ref(),
    )?;
    let target = request.target(tx, &table)?;
    check_destination(tx, &table, &destination, &target)?;
    if table.routes.iter().any(|it| is_static(it, &destination)) {
        return Err(error::route_exists(destination));
    }
    let route = Route {
        destination,
        target,
        state: RouteState::Active,
        origin: RouteOrigin::CreateRoute,
    };
    let quota = tx.quotas().routes_per_table;
    let table = tx.edit::<RouteTable>(&request.route_table_id)?;
    table.routes.push(route);
    let table = tx.get::<RouteTable>(&request.route_table_id)?;
    if largest_count(table, tx.resources()) > quota {
        return Err(error::route_limit(&request.route_table_id));
    }
    Ok(done())
}

/// How many static routes the quota counts: of IPv4 or of IPv6, whichever are more. A prefix list
/// counts with its maximum size.
pub(crate) fn largest_count(table: &RouteTable, resources: &Resources) -> usize {
    let count = |version: AddressFamily| -> usize {
        let made = |route: &&Route| route.origin == RouteOrigin::CreateRoute;
        let weights = table.routes.iter().filter(made).map(|route| {
            let list = match &route.destination {
                RouteDestination::Cidr(cidr) => {
                    return usize::from(AddressFamily::of(*cidr) == version);
                }
                RouteDestination::PrefixList(id) => resources.managed_prefix_lists.get(id),
            };
            list.filter(|it| it.address_family == version)
                .map_or(0, |it| it.weight())
        });
        weights.sum()
    };
    count(AddressFamily::IPv4).max(count(AddressFamily::IPv6))
}

pub(crate) fn replace_route(tx: &mut Transaction<'_>, request: ReplaceRoute) -> Reply {
    let table = tx.get::<RouteTable>(&request.route_table_id)?.clone();
    let destination = destination(
        request.destination_cidr_block,
        request.destination_ipv6_cidr_block,
        request.destination_prefix_list_id.as_ref(),
    )?;
    let target = request.target(tx, &table)?;
    let Some(index) = table
        .routes
        .iter()
        .position(|it| is_static(it, &destination))
    else {
        return Err(error::invalid_parameter_value(format_args!(
            "There is no route defined for '{destination}' in the route table. Use CreateRoute \
            instead."
        )));
    };
    if target != RouteTarget::Local {
        check_destination(tx, &table, &destination, &target)?;
    } else if table.routes[index].origin != RouteOrigin::CreateRouteTable {
        return Err(error::invalid_parameter_value(format_args!(
            "The route '{destination}' is not a local route"
        )));
    }
    tx.edit::<RouteTable>(&table.route_table_id)?.routes[index].target = target;
    Ok(done())
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct DeleteRoute {
    route_table_id: RouteTableId,
    destination_cidr_block: Option<Ipv4Net>,
    destination_ipv6_cidr_block: Option<Ipv6Net>,
    destination_prefix_list_id: Option<PrefixListId>,
}

pub(crate) fn delete_route(tx: &mut Transaction<'_>, request: DeleteRoute) -> Reply {
    let destination = destination(
        request.destination_cidr_block,
        request.destination_ipv6_cidr_block,
        request.destination_prefix_list_id.as_ref(),
    )?;
    let table = tx.edit::<RouteTable>(&request.route_table_id)?;
    let Some(index) = table
        .routes
        .iter()
        .position(|it| is_static(it, &destination))
    else {
        return Err(error::route_not_found(destination, &request.route_table_id));
    };
    if matches!(table.routes[index].target, RouteTarget::VpcEndpoint(_)) {
        return Err(error::invalid_parameter_value(format_args!(
            "cannot remove VPC endpoint route {destination} in route table {}",
            request.route_table_id
        )));
    }
    if table.routes[index].origin == RouteOrigin::CreateRouteTable {
        return Err(error::invalid_parameter_value(format_args!(
            "cannot remove local route {destination} in route table {}",
            request.route_table_id
        )));
    }
    table.routes.remove(index);
    Ok(done())
}

/// Local routes count as static here: both stand in the way of a new one.
fn is_static(route: &Route, destination: &RouteDestination) -> bool {
    route.destination == *destination && route.origin != RouteOrigin::EnableVgwRoutePropagation
}

fn destination(
    ipv4: Option<Ipv4Net>,
    ipv6: Option<Ipv6Net>,
    list: Option<&PrefixListId>,
) -> Result<RouteDestination, ApiError> {
    let names = "DestinationCidrBlock, DestinationIpv6CidrBlock, DestinationPrefixListId";
    let given = [
        ipv4.map(|cidr| RouteDestination::Cidr(canonical(IpNet::V4(cidr)))),
        ipv6.map(|cidr| RouteDestination::Cidr(canonical(IpNet::V6(cidr)))),
        list.cloned().map(RouteDestination::PrefixList),
    ];
    let mut given = given.into_iter().flatten();
    match (given.next(), given.next()) {
        (Some(destination), None) => Ok(destination),
        (None, _) => Err(error::missing_one_of(names)),
        (Some(_), Some(_)) => Err(error::combination(format_args!("Only one of {names}"))),
    }
}

fn check_destination(
    tx: &Transaction<'_>,
    table: &RouteTable,
    destination: &RouteDestination,
    target: &RouteTarget,
) -> Result<(), ApiError> {
    if gateway_route_table::is_one(table) {
        gateway_route_table::check_route(destination, target)?;
    }
    match destination {
        RouteDestination::Cidr(cidr) => {
            check_version(AddressFamily::of(*cidr), target)?;
            check_block(tx, table, *cidr, target)
        }
        RouteDestination::PrefixList(id) => {
            prefix_list::refuse_deleted(tx, id)?;
            check_version(tx.get::<ManagedPrefixList>(id)?.address_family, target)
        }
    }
}

/// An egress-only internet gateway carries IPv6 alone, a NAT gateway IPv4 alone: NAT64 is not
/// simulated.
fn check_version(family: AddressFamily, target: &RouteTarget) -> Result<(), ApiError> {
    match (target, family) {
        (RouteTarget::EgressOnlyInternetGateway(_), AddressFamily::IPv4)
        | (RouteTarget::NatGateway(_), AddressFamily::IPv6) => Err(error::route_not_supported(
            format_args!("This target does not carry {family}."),
        )),
        _ => Ok(()),
    }
}

/// What is more specific than the local route may only be a whole subnet's block, and may only
/// lead to a middlebox ("Routing for a middlebox appliance"). Amazon's own services keep
/// 169.254.168.0/22 and `fd00:ec2::/32`.
fn check_block(
    tx: &Transaction<'_>,
    table: &RouteTable,
    destination: IpNet,
    target: &RouteTarget,
) -> Result<(), ApiError> {
    let service_blocks: [IpNet; 2] = [
        IpNet::V4(Ipv4Net::new_assert([169, 254, 168, 0].into(), 22)),
        IpNet::V6(Ipv6Net::new_assert(
            [0xfd00, 0xec2, 0, 0, 0, 0, 0, 0].into(),
            32,
        )),
    ];
    if service_blocks
        .iter()
        .any(|block| block.contains(&destination))
    {
        return Err(error::invalid_parameter_value(format_args!(
            "The destination CIDR block {destination} is reserved for AWS services"
        )));
    }
    let vpc = tx.get::<Vpc>(&table.vpc_id)?;
    if !blocks(vpc).any(|block| block.contains(&destination)) {
        return match gateway_route_table::is_one(table) {
            true => Err(gateway_route_table::outside(&destination.into())),
            false => Ok(()),
        };
    }
    let to_middlebox = matches!(
        target,
        RouteTarget::NatGateway(_) | RouteTarget::NetworkInterface(_)
    );
    if !to_middlebox {
        return Err(error::invalid_parameter_value(format_args!(
            "The destination CIDR block {destination} is equal to or more specific than one of \
            this VPC's CIDR blocks. This route can target only a NAT gateway, a network interface \
            or an instance."
        )));
    }
    let is_local = blocks(vpc).any(|block| block == destination);
    let is_subnet = |subnet: &Subnet| {
        subnet.vpc_id == table.vpc_id
            && (IpNet::V4(subnet.cidr_block) == destination
                || subnet.ipv6_cidr_block.map(IpNet::V6) == Some(destination))
    };
    if !is_local && !tx.each::<Subnet>().any(is_subnet) {
        return Err(error::invalid_parameter_value(
            "Route destination doesn't match any subnet CIDR blocks.",
        ));
    }
    Ok(())
}

impl ReplaceRoute {
    fn target(&self, tx: &Transaction<'_>, table: &RouteTable) -> Result<RouteTarget, ApiError> {
        let mut targets = Vec::new();
        if let Some(id) = &self.gateway_id {
            targets.push(gateway(tx, table, id)?);
        }
        if let Some(id) = &self.egress_only_internet_gateway_id {
            targets.push(egress_only(tx, table, id)?);
        }
        if let Some(id) = &self.nat_gateway_id {
            targets.push(nat_gateway(tx, table, id)?);
        }
        if let Some(id) = &self.network_interface_id {
            targets.push(network_interface(tx, table, id)?);
        }
        if let Some(id) = &self.instance_id {
            targets.push(network_interface(tx, table, &only_interface(tx, id)?)?);
        }
        if let Some(id) = &self.transit_gateway_id {
            targets.push(transit_gateway(tx, table, id)?);
        }
        if let Some(id) = &self.vpc_peering_connection_id {
            targets.push(vpc_peering_connection(tx, table, id)?);
        }
        if self.local_target == Some(true) {
            targets.push(RouteTarget::Local);
        }
        let target = targets.pop().ok_or_else(|| {
            error::missing_one_of(
                "GatewayId, EgressOnlyInternetGatewayId, NatGatewayId, NetworkInterfaceId, \
                InstanceId, TransitGatewayId, VpcPeeringConnectionId",
            )
        })?;
        if targets.is_empty() {
            Ok(target)
        } else {
            Err(error::combination("A route has exactly one target"))
        }
    }
}

fn other_network(table: &RouteTable, what: &str, id: &str) -> ApiError {
    error::invalid_parameter_value(format_args!(
        "route table {} and {what} {id} belong to different networks",
        table.route_table_id
    ))
}

/// Routes call every gateway that is not there the same.
fn of_routes(id: &str, error: ApiError) -> ApiError {
    match error.code.ends_with(".NotFound") {
        true => error::gateway_not_found(id),
        false => error,
    }
}

/// `GatewayId` names an internet gateway or a virtual private gateway. AWS takes a NAT gateway
/// there too, and shows it as `NatGatewayId` (Terraform AWS provider, `aws_route_table`).
fn gateway(tx: &Transaction<'_>, table: &RouteTable, id: &str) -> Result<RouteTarget, ApiError> {
    let (vpc_id, target) = if id.starts_with("igw-") {
        let gateway = tx.get::<InternetGateway>(&InternetGatewayId::new(id));
        let gateway = gateway.map_err(|error| of_routes(id, error))?;
        (
            &gateway.vpc_id,
            RouteTarget::InternetGateway(gateway.internet_gateway_id.clone()),
        )
    } else if id.starts_with("vgw-") {
        let gateway = tx.get::<VpnGateway>(&VpnGatewayId::new(id));
        let gateway = gateway.map_err(|error| of_routes(id, error))?;
        (
            &gateway.vpc_id,
            RouteTarget::VpnGateway(gateway.vpn_gateway_id.clone()),
        )
    } else if id.starts_with("nat-") {
        return nat_gateway(tx, table, &NatGatewayId::new(id));
    } else {
        return Err(error::gateway_not_found(id));
    };
    if vpc_id.as_ref() == Some(&table.vpc_id) {
        Ok(target)
    } else {
        Err(other_network(table, "network gateway", id))
    }
}

fn egress_only(
    tx: &Transaction<'_>,
    table: &RouteTable,
    id: &EgressOnlyInternetGatewayId,
) -> Result<RouteTarget, ApiError> {
    if tx.get::<EgressOnlyInternetGateway>(id)?.vpc_id != table.vpc_id {
        let what = "egress-only internet gateway";
        return Err(other_network(table, what, id.as_str()));
    }
    Ok(RouteTarget::EgressOnlyInternetGateway(id.clone()))
}

fn nat_gateway(
    tx: &Transaction<'_>,
    table: &RouteTable,
    id: &NatGatewayId,
) -> Result<RouteTarget, ApiError> {
    let gateway = tx.get::<NatGateway>(id)?;
    if !matches!(
        gateway.state,
        NatGatewayState::Pending | NatGatewayState::Available
    ) {
        return Err(NatGateway::not_found(id));
    }
    if gateway.vpc_id != table.vpc_id {
        return Err(other_network(table, "NAT gateway", id.as_str()));
    }
    Ok(RouteTarget::NatGateway(id.clone()))
}

fn network_interface(
    tx: &Transaction<'_>,
    table: &RouteTable,
    id: &NetworkInterfaceId,
) -> Result<RouteTarget, ApiError> {
    if tx.get::<NetworkInterface>(id)?.vpc_id != table.vpc_id {
        return Err(other_network(table, "interface", id.as_str()));
    }
    Ok(RouteTarget::NetworkInterface(id.clone()))
}

fn only_interface(tx: &Transaction<'_>, id: &InstanceId) -> Result<NetworkInterfaceId, ApiError> {
    let instance = tx.get::<Instance>(id)?;
    match instance.network_interfaces.as_slice() {
        [only] => Ok(only.clone()),
        [] => Err(error::incorrect_instance_state(id, "running")),
        _ => Err(error::invalid_parameter_value(format_args!(
            "There are multiple interfaces attached to instance '{id}'. Please specify an \
            interface ID for the operation instead."
        ))),
    }
}

fn transit_gateway(
    tx: &Transaction<'_>,
    table: &RouteTable,
    id: &TransitGatewayId,
) -> Result<RouteTarget, ApiError> {
    if transit_gateway_attachment::is_attached(tx.resources(), id, &table.vpc_id) {
        Ok(RouteTarget::TransitGateway(id.clone()))
    } else {
        Err(TransitGateway::missing(id))
    }
}

/// Every block of the VPC.
pub(crate) fn blocks(vpc: &Vpc) -> impl Iterator<Item = IpNet> {
    let ipv4 = vpc.cidr_blocks.iter().map(|cidr| IpNet::V4(*cidr));
    let ipv6 = vpc.ipv6_cidr_blocks.iter().map(|cidr| IpNet::V6(*cidr));
    ipv4.chain(ipv6)
}

/// A connection takes routes from the moment it waits for acceptance; until it is in service they
/// are blackholes.
fn vpc_peering_connection(
    tx: &Transaction<'_>,
    table: &RouteTable,
    id: &VpcPeeringConnectionId,
) -> Result<RouteTarget, ApiError> {
    let connection = tx.get::<VpcPeeringConnection>(id)?;
    let lives = matches!(
        connection.status,
        PeeringStatus::PendingAcceptance | PeeringStatus::Provisioning | PeeringStatus::Active
    );
    if !lives {
        return Err(VpcPeeringConnection::not_found(id));
    }
    if connection.ends(&table.vpc_id).is_none() {
        return Err(other_network(table, "peering connection", id.as_str()));
    }
    Ok(RouteTarget::VpcPeeringConnection(id.clone()))
}

/// One local route for each block of the VPC.
pub(crate) fn local_routes(vpc: &Vpc) -> Vec<Route> {
    blocks(vpc)
        .map(|block| Route {
            destination: block.into(),
            target: RouteTarget::Local,
            state: RouteState::Active,
            origin: RouteOrigin::CreateRouteTable,
        })
        .collect()
}

/// The instance whose interface the target is.
pub(crate) fn instance<'a>(
    target: &RouteTarget,
    resources: &'a Resources,
) -> Option<&'a InstanceId> {
    let RouteTarget::NetworkInterface(id) = target else {
        return None;
    };
    let interface = resources.network_interfaces.get(id)?;
    interface.attachment.as_ref()?.instance_id.as_ref()
}

pub(crate) fn show(route: &Route, resources: &Resources) -> Value {
    let (member, id) = match &route.target {
        RouteTarget::Local => ("GatewayId", "local"),
        RouteTarget::InternetGateway(id) => ("GatewayId", id.as_str()),
        RouteTarget::VpnGateway(id) => ("GatewayId", id.as_str()),
        RouteTarget::EgressOnlyInternetGateway(id) => ("EgressOnlyInternetGatewayId", id.as_str()),
        RouteTarget::NatGateway(id) => ("NatGatewayId", id.as_str()),
        RouteTarget::NetworkInterface(id) => ("NetworkInterfaceId", id.as_str()),
        RouteTarget::TransitGateway(id) => ("TransitGatewayId", id.as_str()),
        RouteTarget::VpcPeeringConnection(id) => ("VpcPeeringConnectionId", id.as_str()),
        RouteTarget::VpcEndpoint(id) => ("GatewayId", id.as_str()),
    };
    let instance_id = instance(&route.target, resources);
    let instance = instance_id.and_then(|id| resources.instances.get(id));
    let destination = match route.destination {
        RouteDestination::Cidr(IpNet::V4(_)) => "DestinationCidrBlock",
        RouteDestination::Cidr(IpNet::V6(_)) => "DestinationIpv6CidrBlock",
        RouteDestination::PrefixList(_) => "DestinationPrefixListId",
    };
    json!({
        destination: route.destination.to_string(),
        member: id,
        "InstanceId": instance_id,
        "InstanceOwnerId": instance.map(|it| &it.owner_id),
        "Origin": route.origin,
        "State": route.state,
    })
}

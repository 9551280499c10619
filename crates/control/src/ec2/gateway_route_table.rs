//! Gateway route tables: what enters a VPC by its internet gateway or virtual private gateway can
//! be led to an appliance (Amazon VPC User Guide, "Gateway route tables").
//!
//! Such a table leads to the VPC's own addresses alone: its routes are local, or lead to network
//! interfaces, and each is for a whole block of the VPC or of a subnet.

use smol_str::SmolStr;
use wirelab_model::*;

use crate::error;
use crate::kind::Kind;
use crate::transaction::Transaction;

/// Whether the table routes what enters by a gateway.
pub(crate) fn is_one(table: &RouteTable) -> bool {
    table.associations.iter().any(|it| it.gateway_id.is_some())
}

/// Whether the gateway is attached to the table's VPC and the table could be its.
pub(crate) fn check(
    tx: &Transaction<'_>,
    table: &RouteTable,
    gateway: &str,
) -> Result<(), ApiError> {
    let vpc_id = attached_to(tx.resources(), gateway)?;
    if vpc_id.as_ref() != Some(&table.vpc_id) {
        return Err(error::gateway_not_attached(gateway, &table.vpc_id));
    }
    if !table.propagating_vgws.is_empty() {
        return Err(error::invalid_parameter_value(format_args!(
            "{} cannot be associated with {gateway}: route propagation is enabled",
            table.route_table_id
        )));
    }
    for route in &table.routes {
        check_route(&route.destination, &route.target)?;
        let inside = route.destination.cidr().is_some_and(|cidr| {
            let vpc = tx.resources().vpcs.get(&table.vpc_id);
            vpc.is_some_and(|vpc| super::route::blocks(vpc).any(|block| block.contains(&cidr)))
        });
        if !inside {
            return Err(outside(&route.destination));
        }
    }
    Ok(())
}

/// Whether a gateway's table may have such a route; that it is inside the VPC is checked as for
/// every table, once it is known to be inside.
pub(crate) fn check_route(
    destination: &RouteDestination,
    target: &RouteTarget,
) -> Result<(), ApiError> {
    if destination.prefix_list().is_some() {
        return Err(error::route_not_supported(
            "A gateway route table has no routes to prefix lists.",
        ));
    }
    match target {
        RouteTarget::Local | RouteTarget::NetworkInterface(_) => Ok(()),
        _ => Err(error::route_not_supported(
            "A route of a gateway route table can target only local or a network interface.",
        )),
    }
}

pub(crate) fn outside(destination: &RouteDestination) -> ApiError {
    error::route_not_supported(format_args!(
        "{destination} is no block inside the VPC: a gateway route table routes what enters the VPC"
    ))
}

/// The VPC that an internet gateway or virtual private gateway is attached to.
fn attached_to(resources: &Resources, gateway: &str) -> Result<Option<VpcId>, ApiError> {
    if gateway.starts_with("igw-") {
        let id = InternetGatewayId::new(gateway);
        let found = resources.internet_gateways.get(&id);
        let found = found.ok_or_else(|| InternetGateway::missing(&id))?;
        Ok(found.vpc_id.clone())
    } else if gateway.starts_with("vgw-") {
        let id = VpnGatewayId::new(gateway);
        let found = resources.vpn_gateways.get(&id);
        let found = found.ok_or_else(|| VpnGateway::missing(&id))?;
        Ok(found.vpc_id.clone())
    } else {
        Err(error::gateway_not_found(gateway))
    }
}

/// An association ends when its gateway is detached from the VPC.
pub(crate) fn lasting(
    associations: &[RouteTableAssociation],
    vpc_id: &VpcId,
    resources: &Resources,
) -> Vec<RouteTableAssociation> {
    let stays = |gateway: &SmolStr| {
        let attached = attached_to(resources, gateway);
        attached.is_ok_and(|it| it.as_ref() == Some(vpc_id))
    };
    let stay = associations
        .iter()
        .filter(|it| it.gateway_id.as_ref().is_none_or(stays));
    stay.cloned().collect()
}

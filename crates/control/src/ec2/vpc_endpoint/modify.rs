//! `ModifyVpcEndpoint`.

use serde::Deserialize;
use serde_json::json;
use smol_str::SmolStr;
use wirelab_model::*;

use super::{FULL_ACCESS, add_route, add_subnet, check_private_dns, dns_entries, remove_route};
use crate::ec2::network_interface;
use crate::error;
use crate::transaction::Transaction;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct ModifyVpcEndpoint {
    vpc_endpoint_id: VpcEndpointId,
    #[serde(default)]
    reset_policy: bool,
    policy_document: Option<SmolStr>,
    #[serde(default)]
    add_route_table_ids: Vec<RouteTableId>,
    #[serde(default)]
    remove_route_table_ids: Vec<RouteTableId>,
    #[serde(default)]
    add_subnet_ids: Vec<SubnetId>,
    #[serde(default)]
    remove_subnet_ids: Vec<SubnetId>,
    #[serde(default)]
    add_security_group_ids: Vec<SecurityGroupId>,
    #[serde(default)]
    remove_security_group_ids: Vec<SecurityGroupId>,
    private_dns_enabled: Option<bool>,
}

pub(crate) fn modify_vpc_endpoint(tx: &mut Transaction<'_>, request: ModifyVpcEndpoint) -> Reply {
    let id = request.vpc_endpoint_id.clone();
    let mut endpoint = VpcEndpoint::clone(tx.get::<VpcEndpoint>(&id)?);
    if !matches!(
        endpoint.state,
        VpcEndpointState::Available | VpcEndpointState::Pending
    ) {
        return Err(error::incorrect_state(format_args!(
            "The vpc endpoint '{id}' is not in the 'available' state."
        )));
    }
    if request.reset_policy {
        endpoint.policy_document = FULL_ACCESS.into();
    }
    if let Some(policy) = &request.policy_document {
        endpoint.policy_document = policy.clone();
    }
    match endpoint.vpc_endpoint_type {
        VpcEndpointType::Gateway => gateway(tx, &mut endpoint, &request)?,
        VpcEndpointType::Interface => interface(tx, &mut endpoint, request)?,
    }
    tx.put(endpoint);
    Ok(json!({ "Return": true }))
}

fn gateway(
    tx: &mut Transaction<'_>,
    endpoint: &mut VpcEndpoint,
    request: &ModifyVpcEndpoint,
) -> Result<(), ApiError> {
    let of_interfaces = !request.add_subnet_ids.is_empty()
        || !request.add_security_group_ids.is_empty()
        || request.private_dns_enabled.is_some();
    if of_interfaces {
        return Err(error::invalid_parameter(
            "Subnets, security groups and private DNS are not supported for endpoints of type \
            Gateway.",
        ));
    }
    for table in &request.remove_route_table_ids {
        tx.get::<RouteTable>(table)?;
        remove_route(tx, endpoint, table);
    }
    for table in &request.add_route_table_ids {
        add_route(tx, endpoint, table)?;
    }
    Ok(())
}

fn interface(
    tx: &mut Transaction<'_>,
    endpoint: &mut VpcEndpoint,
    request: ModifyVpcEndpoint,
) -> Result<(), ApiError> {
    if !request.add_route_table_ids.is_empty() {
        return Err(error::invalid_parameter(
            "Route tables are not supported for endpoints of type Interface.",
        ));
    }
    let removed = &request.remove_security_group_ids;
    let mut groups = endpoint.groups.clone();
    groups.extend(request.add_security_group_ids);
    groups.retain(|it| !removed.contains(it));
    if groups.is_empty() {
        return Err(error::invalid_parameter(
            "An endpoint must have at least one security group.",
        ));
    }
    endpoint.groups = network_interface::checked_groups(tx, &endpoint.vpc_id, groups)?;
    for subnet in &request.remove_subnet_ids {
        tx.get::<Subnet>(subnet)?;
        if let Some(at) = endpoint.subnet_ids.iter().position(|it| it == subnet) {
            endpoint.subnet_ids.remove(at);
            let interface = endpoint.network_interface_ids.remove(at);
            network_interface::delete(tx.state, &interface);
        }
    }
    for subnet in &request.add_subnet_ids {
        add_subnet(tx, endpoint, subnet)?;
    }
    for interface in &endpoint.network_interface_ids {
        let groups = endpoint.groups.clone();
        tx.edit::<NetworkInterface>(interface)?.groups = groups;
    }
    if let Some(enabled) = request.private_dns_enabled {
        endpoint.private_dns_enabled = enabled;
        if enabled {
            check_private_dns(tx, endpoint)?;
        }
    }
    endpoint.dns_entries = dns_entries(tx, endpoint)?;
    Ok(())
}

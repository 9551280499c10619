//! Resources: one file a kind, each reading its tables and making the calls they stand for.
//!
//! The order follows what refers to what; routes come last, since they lead to everything.

mod address;
mod flow_log;
mod gateway;
mod hosted_zone;
mod instance;
mod nat_gateway;
mod network_acl;
mod prefix_list;
mod route_table;
mod security_group;
mod subnet;
mod transit_gateway;
mod vpc;
mod vpc_endpoint;
mod vpc_peering_connection;
mod vpn;

use crate::build::Builder;
use crate::fields::Fields;

pub(crate) use instance::host as instance_host;

/// Makes every resource of the file.
pub(crate) fn all(builder: &mut Builder<'_>, root: &Fields<'_>) {
    vpc::dhcp_options(builder, root);
    vpc::vpcs(builder, root);
    vpc_peering_connection::all(builder, root);
    gateway::internet_gateways(builder, root);
    gateway::egress_only_internet_gateways(builder, root);
    subnet::subnets(builder, root);
    let route_tables = route_table::create(builder, root);
    prefix_list::all(builder, root);
    prefix_list::bind_aws_lists(builder);
    security_group::create_all(builder, root);
    network_acl::all(builder, root);
    subnet::associate(builder, root);
    instance::all(builder, root);
    address::all(builder, root);
    nat_gateway::all(builder, root);
    vpn::all(builder, root);
    transit_gateway::gateways(builder, root);
    vpn::connections(builder, root);
    security_group::all_rules(builder, root);
    transit_gateway::route_tables(builder, root);
    route_table::fill(builder, &route_tables);
    vpc_endpoint::all(builder, root);
    hosted_zone::all(builder, root);
    flow_log::all(builder, root);
}

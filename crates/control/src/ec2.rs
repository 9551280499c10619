//! EC2's operations, one file a resource, and the table of them all.
//!
//! To add an operation: a request type with EC2's parameter names, a handler that checks and edits
//! or shows, and a line in the table.

mod internet_gateway;
mod network_acl;
mod permission;
pub(crate) mod route;
mod route_table;
mod security_group;
mod security_group_rule;
mod subnet;
mod vpc;

use wirelab_model::{ResourceRef, SimTime};

use crate::arguments::Common::{DryRun, Filters, Pages, Tags, Token};
use crate::control::ControlConfig;
use crate::operation::{Handler, Operation, read_request, write_request};
use crate::request;
use crate::state::State;

macro_rules! operations {
    ($($name:ident $kind:ident $handler:path, [$($common:ident)*];)*) => {
        /// Every operation, sorted by name: parameters that it shares with others in brackets.
        pub(crate) static OPERATIONS: &[Operation] = &[$(Operation {
            name: stringify!($name),
            common: &[$($common),*],
            fields: operations!(@fields $kind $handler),
            handler: Handler::$kind(|context, parameters| {
                $handler(context, request::read(parameters)?)
            }),
        }),*];
    };
    (@fields Read $handler:path) => { read_request($handler) };
    (@fields Write $handler:path) => { write_request($handler) };
}

operations! {
    AssociateRouteTable Write route_table::associate_route_table, [DryRun];
    AssociateVpcCidrBlock Write vpc::associate_vpc_cidr_block, [];
    AttachInternetGateway Write internet_gateway::attach_internet_gateway, [DryRun];
    AuthorizeSecurityGroupEgress Write security_group_rule::authorize_egress, [DryRun Tags];
    AuthorizeSecurityGroupIngress Write security_group_rule::authorize_ingress, [DryRun Tags];
    CreateInternetGateway Write internet_gateway::create_internet_gateway, [DryRun Tags];
    CreateNetworkAcl Write network_acl::create_network_acl, [DryRun Tags Token];
    CreateNetworkAclEntry Write network_acl::create_network_acl_entry, [DryRun];
    CreateRoute Write route::create_route, [DryRun];
    CreateRouteTable Write route_table::create_route_table, [DryRun Tags Token];
    CreateSecurityGroup Write security_group::create_security_group, [DryRun Tags];
    CreateSubnet Write subnet::create_subnet, [DryRun Tags];
    CreateVpc Write vpc::create_vpc, [DryRun Tags];
    DeleteInternetGateway Write internet_gateway::delete_internet_gateway, [DryRun];
    DeleteNetworkAcl Write network_acl::delete_network_acl, [DryRun];
    DeleteNetworkAclEntry Write network_acl::delete_network_acl_entry, [DryRun];
    DeleteRoute Write route::delete_route, [DryRun];
    DeleteRouteTable Write route_table::delete_route_table, [DryRun];
    DeleteSecurityGroup Write security_group::delete_security_group, [DryRun];
    DeleteSubnet Write subnet::delete_subnet, [DryRun];
    DeleteVpc Write vpc::delete_vpc, [DryRun];
    DescribeInternetGateways Read internet_gateway::describe_internet_gateways,
        [DryRun Filters Pages];
    DescribeNetworkAcls Read network_acl::describe_network_acls, [DryRun Filters Pages];
    DescribeRouteTables Read route_table::describe_route_tables, [DryRun Filters Pages];
    DescribeSecurityGroupRules Read security_group_rule::describe_security_group_rules,
        [DryRun Filters Pages];
    DescribeSecurityGroups Read security_group::describe_security_groups,
        [DryRun Filters Pages];
    DescribeSubnets Read subnet::describe_subnets, [DryRun Filters Pages];
    DescribeVpcAttribute Read vpc::describe_vpc_attribute, [DryRun];
    DescribeVpcs Read vpc::describe_vpcs, [DryRun Filters Pages];
    DetachInternetGateway Write internet_gateway::detach_internet_gateway, [DryRun];
    DisassociateRouteTable Write route_table::disassociate_route_table, [DryRun];
    DisassociateVpcCidrBlock Write vpc::disassociate_vpc_cidr_block, [];
    ModifySecurityGroupRules Write security_group_rule::modify_security_group_rules, [DryRun];
    ModifySubnetAttribute Write subnet::modify_subnet_attribute, [];
    ModifyVpcAttribute Write vpc::modify_vpc_attribute, [];
    ReplaceNetworkAclAssociation Write network_acl::replace_network_acl_association, [DryRun];
    ReplaceNetworkAclEntry Write network_acl::replace_network_acl_entry, [DryRun];
    ReplaceRoute Write route::replace_route, [DryRun];
    ReplaceRouteTableAssociation Write route_table::replace_route_table_association, [DryRun];
    RevokeSecurityGroupEgress Write security_group_rule::revoke_egress, [DryRun];
    RevokeSecurityGroupIngress Write security_group_rule::revoke_ingress, [DryRun];
    UpdateSecurityGroupRuleDescriptionsEgress Write security_group_rule::update_egress_descriptions,
        [DryRun];
    UpdateSecurityGroupRuleDescriptionsIngress Write security_group_rule::update_ingress_descriptions,
        [DryRun];
}

/// What became of a resource when its transitional state ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Settled {
    /// It goes on.
    Lasting,
    /// It is gone and will be forgotten.
    Gone,
}

/// Ends a resource's transitional state.
pub(crate) fn settle(
    _resource: &ResourceRef,
    _at: SimTime,
    _state: &mut State,
    _config: &ControlConfig,
) -> Settled {
    Settled::Lasting
}

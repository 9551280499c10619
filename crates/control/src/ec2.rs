//! EC2's operations, one file a resource, and the table of them all.
//!
//! To add an operation: a request type with EC2's parameter names, a handler that checks and edits
//! or shows, and a line in the table.

mod account;
mod address;
mod block_device;
mod customer_gateway;
pub(crate) mod default_vpc;
mod dhcp_options;
mod egress_only_internet_gateway;
mod flow_log;
mod flow_log_template;
pub(crate) mod gateway_route_table;
pub(crate) mod image;
mod instance;
pub(crate) mod instance_attribute;
mod instance_state;
mod instance_type;
mod interface_attachment;
mod internet_gateway;
mod ipv6_address;
pub(crate) mod key_pair;
pub(crate) mod launch_template;
mod metadata_options;
mod nat_gateway;
mod nat_gateway_address;
mod network_acl;
mod network_insights;
mod network_interface;
mod permission;
pub(crate) mod prefix_list;
mod private_ip_address;
mod profile_association;
mod region;
pub(crate) mod route;
mod route_table;
mod security_group;
mod security_group_reference;
mod security_group_rule;
mod subnet;
pub(crate) mod tag;
mod transit_gateway;
pub(crate) mod transit_gateway_attachment;
mod transit_gateway_peering;
mod transit_gateway_route;
mod transit_gateway_route_table;
mod transit_gateway_vpc_attachment;
pub(crate) mod volume;
mod volume_modification;
mod vpc;
mod vpc_block;
mod vpc_endpoint;
pub(crate) mod vpc_peering_connection;
mod vpn_connection;
mod vpn_gateway;
mod vpn_modification;
mod vpn_tunnel;

pub(crate) use network_insights::Insights;
pub use network_insights::{Question, QuestionSource};
pub(crate) use prefix_list::Versions;
pub(crate) use profile_association::ProfileAssociations;
pub(crate) use security_group_reference::ForeignGroup;
pub(crate) use vpn_connection::observe as observe_vpn_tunnel;
pub(crate) use vpn_tunnel::TunnelSettings;
use wirelab_model::{ResourceRef, SimTime};

use crate::arguments::Common::{DryRun, Filters, Pages, Tags, Token};
use crate::control::ControlConfig;
use crate::operation::{
    Handler, Operation, operations, read_request, read_signature, write_request, write_signature,
};
use crate::state::State;
use crate::{request, route53};

operations! {
    AcceptTransitGatewayPeeringAttachment Write
        transit_gateway_peering::accept_transit_gateway_peering_attachment, [DryRun];
    AcceptVpcPeeringConnection Write vpc_peering_connection::accept, [DryRun];
    AllocateAddress Write address::allocate_address, [DryRun Tags];
    AssignIpv6Addresses Write ipv6_address::assign_ipv6_addresses, [];
    AssignPrivateIpAddresses Write private_ip_address::assign_private_ip_addresses, [];
    AssignPrivateNatGatewayAddress Write nat_gateway_address::assign, [DryRun];
    AssociateAddress Write address::associate_address, [DryRun];
    AssociateDhcpOptions Write dhcp_options::associate_dhcp_options, [DryRun];
    AssociateIamInstanceProfile Write profile_association::associate_profile, [];
    AssociateNatGatewayAddress Write nat_gateway_address::associate, [DryRun];
    AssociateRouteTable Write route_table::associate_route_table, [DryRun];
    AssociateSubnetCidrBlock Write subnet::associate_subnet_cidr_block, [];
    AssociateTransitGatewayRouteTable Write transit_gateway_route_table::associate, [DryRun];
    AssociateVpcCidrBlock Write vpc::associate_vpc_cidr_block, [];
    AttachInternetGateway Write internet_gateway::attach_internet_gateway, [DryRun];
    AttachNetworkInterface Write interface_attachment::attach_network_interface, [DryRun];
    AttachVpnGateway Write vpn_gateway::attach_vpn_gateway, [DryRun];
    AuthorizeSecurityGroupEgress Write security_group_rule::authorize_egress, [DryRun Tags];
    AuthorizeSecurityGroupIngress Write security_group_rule::authorize_ingress, [DryRun Tags];
    CreateCustomerGateway Write customer_gateway::create_customer_gateway, [DryRun Tags];
    CreateDefaultSubnet Write default_vpc::create_default_subnet, [DryRun];
    CreateDefaultVpc Write default_vpc::create_default_vpc, [DryRun];
    CreateDhcpOptions Write dhcp_options::create_dhcp_options, [DryRun Tags];
    CreateEgressOnlyInternetGateway Write
        egress_only_internet_gateway::create_egress_only_internet_gateway, [DryRun Tags Token];
    CreateFlowLogs Write flow_log::create_flow_logs, [DryRun Tags Token];
    CreateInternetGateway Write internet_gateway::create_internet_gateway, [DryRun Tags];
    CreateKeyPair Write key_pair::create_key_pair, [DryRun Tags];
    CreateLaunchTemplate Write launch_template::create_launch_template, [DryRun Tags Token];
    CreateLaunchTemplateVersion Write launch_template::create_launch_template_version,
        [DryRun Token];
    CreateManagedPrefixList Write prefix_list::create_managed_prefix_list, [DryRun Tags Token];
    CreateNatGateway Write nat_gateway::create_nat_gateway, [DryRun Tags Token];
    CreateNetworkAcl Write network_acl::create_network_acl, [DryRun Tags Token];
    CreateNetworkAclEntry Write network_acl::create_network_acl_entry, [DryRun];
    CreateNetworkInsightsPath Write network_insights::create_path, [DryRun Tags Token];
    CreateNetworkInterface Write network_interface::create_network_interface, [DryRun Tags Token];
    CreateRoute Write route::create_route, [DryRun];
    CreateRouteTable Write route_table::create_route_table, [DryRun Tags Token];
    CreateSecurityGroup Write security_group::create_security_group, [DryRun Tags];
    CreateSubnet Write subnet::create_subnet, [DryRun Tags];
    CreateTags Write tag::create_tags, [DryRun];
    CreateTransitGateway Write transit_gateway::create_transit_gateway, [DryRun Tags];
    CreateTransitGatewayPeeringAttachment Write
        transit_gateway_peering::create_transit_gateway_peering_attachment, [DryRun Tags];
    CreateTransitGatewayRoute Write transit_gateway_route::create_transit_gateway_route, [DryRun];
    CreateTransitGatewayRouteTable Write
        transit_gateway_route_table::create_transit_gateway_route_table, [DryRun Tags];
    CreateTransitGatewayVpcAttachment Write
        transit_gateway_vpc_attachment::create_transit_gateway_vpc_attachment, [DryRun Tags];
    CreateVpc Write vpc::create_vpc, [DryRun Tags];
    CreateVpcEndpoint Write vpc_endpoint::create_vpc_endpoint, [DryRun Tags Token];
    CreateVpcPeeringConnection Write vpc_peering_connection::create, [DryRun Tags];
    CreateVpnConnection Write vpn_connection::create_vpn_connection, [DryRun Tags];
    CreateVpnConnectionRoute Write vpn_connection::create_vpn_connection_route, [];
    CreateVpnGateway Write vpn_gateway::create_vpn_gateway, [DryRun Tags];
    DeleteCustomerGateway Write customer_gateway::delete_customer_gateway, [DryRun];
    DeleteDhcpOptions Write dhcp_options::delete_dhcp_options, [DryRun];
    DeleteEgressOnlyInternetGateway Write
        egress_only_internet_gateway::delete_egress_only_internet_gateway, [DryRun];
    DeleteFlowLogs Write flow_log::delete_flow_logs, [DryRun];
    DeleteInternetGateway Write internet_gateway::delete_internet_gateway, [DryRun];
    DeleteKeyPair Write key_pair::delete_key_pair, [DryRun];
    DeleteLaunchTemplate Write launch_template::delete_launch_template, [DryRun];
    DeleteLaunchTemplateVersions Write launch_template::delete_launch_template_versions, [DryRun];
    DeleteManagedPrefixList Write prefix_list::delete_managed_prefix_list, [DryRun];
    DeleteNatGateway Write nat_gateway::delete_nat_gateway, [DryRun];
    DeleteNetworkAcl Write network_acl::delete_network_acl, [DryRun];
    DeleteNetworkAclEntry Write network_acl::delete_network_acl_entry, [DryRun];
    DeleteNetworkInsightsAnalysis Write network_insights::delete_analysis, [DryRun];
    DeleteNetworkInsightsPath Write network_insights::delete_path, [DryRun];
    DeleteNetworkInterface Write network_interface::delete_network_interface, [DryRun];
    DeleteRoute Write route::delete_route, [DryRun];
    DeleteRouteTable Write route_table::delete_route_table, [DryRun];
    DeleteSecurityGroup Write security_group::delete_security_group, [DryRun];
    DeleteSubnet Write subnet::delete_subnet, [DryRun];
    DeleteTags Write tag::delete_tags, [DryRun];
    DeleteTransitGateway Write transit_gateway::delete_transit_gateway, [DryRun];
    DeleteTransitGatewayPeeringAttachment Write
        transit_gateway_peering::delete_transit_gateway_peering_attachment, [DryRun];
    DeleteTransitGatewayRoute Write transit_gateway_route::delete_transit_gateway_route, [DryRun];
    DeleteTransitGatewayRouteTable Write
        transit_gateway_route_table::delete_transit_gateway_route_table, [DryRun];
    DeleteTransitGatewayVpcAttachment Write
        transit_gateway_vpc_attachment::delete_transit_gateway_vpc_attachment, [DryRun];
    DeleteVolume Write volume::delete_volume, [DryRun];
    DeleteVpc Write vpc::delete_vpc, [DryRun];
    DeleteVpcEndpoints Write vpc_endpoint::delete_vpc_endpoints, [DryRun];
    DeleteVpcPeeringConnection Write vpc_peering_connection::delete, [DryRun];
    DeleteVpnConnection Write vpn_connection::delete_vpn_connection, [DryRun];
    DeleteVpnConnectionRoute Write vpn_connection::delete_vpn_connection_route, [];
    DeleteVpnGateway Write vpn_gateway::delete_vpn_gateway, [DryRun];
    DescribeAccountAttributes Read account::describe_account_attributes, [DryRun];
    DescribeAddresses Read address::describe_addresses, [DryRun Filters];
    DescribeAddressesAttribute Read address::describe_addresses_attribute, [DryRun Pages];
    DescribeAvailabilityZones Read region::describe_availability_zones, [DryRun Filters];
    DescribeCustomerGateways Read customer_gateway::describe_customer_gateways, [DryRun Filters];
    DescribeDhcpOptions Read dhcp_options::describe_dhcp_options, [DryRun Filters Pages];
    DescribeEgressOnlyInternetGateways Read
        egress_only_internet_gateway::describe_egress_only_internet_gateways,
        [DryRun Filters Pages];
    DescribeFlowLogs Read flow_log::describe_flow_logs, [DryRun Filters Pages];
    DescribeIamInstanceProfileAssociations Read profile_association::describe_profile_associations,
        [Filters Pages];
    DescribeImages Read image::describe_images, [DryRun Filters Pages];
    DescribeInstanceAttribute Read instance_attribute::describe_instance_attribute, [DryRun];
    DescribeInstanceCreditSpecifications Read instance_type::describe_credits,
        [DryRun Filters Pages];
    DescribeInstanceStatus Read instance_state::describe_instance_status, [DryRun Filters Pages];
    DescribeInstanceTypeOfferings Read instance_type::describe_instance_type_offerings,
        [DryRun Filters Pages];
    DescribeInstanceTypes Read instance_type::describe_instance_types, [DryRun Filters Pages];
    DescribeInstances Read instance::describe_instances, [DryRun Filters Pages];
    DescribeInternetGateways Read internet_gateway::describe_internet_gateways,
        [DryRun Filters Pages];
    DescribeKeyPairs Read key_pair::describe_key_pairs, [DryRun Filters];
    DescribeLaunchTemplateVersions Read launch_template::describe_launch_template_versions,
        [DryRun Filters Pages];
    DescribeLaunchTemplates Read launch_template::describe_launch_templates,
        [DryRun Filters Pages];
    DescribeManagedPrefixLists Read prefix_list::describe_managed_prefix_lists,
        [DryRun Filters Pages];
    DescribeNatGateways Read nat_gateway::describe_nat_gateways, [DryRun Filters Pages];
    DescribeNetworkAcls Read network_acl::describe_network_acls, [DryRun Filters Pages];
    DescribeNetworkInsightsAnalyses Read network_insights::describe_analyses,
        [DryRun Filters Pages];
    DescribeNetworkInsightsPaths Read network_insights::describe_paths, [DryRun Filters Pages];
    DescribeNetworkInterfaceAttribute Read
        interface_attachment::describe_network_interface_attribute, [DryRun];
    DescribeNetworkInterfaces Read network_interface::describe_network_interfaces,
        [DryRun Filters Pages];
    DescribePrefixLists Read prefix_list::describe_prefix_lists, [DryRun Filters Pages];
    DescribeRegions Read region::describe_regions, [DryRun Filters];
    DescribeRouteTables Read route_table::describe_route_tables, [DryRun Filters Pages];
    DescribeSecurityGroupReferences Read security_group_reference::describe_references, [DryRun];
    DescribeSecurityGroupRules Read security_group_rule::describe_security_group_rules,
        [DryRun Filters Pages];
    DescribeSecurityGroups Read security_group::describe_security_groups, [DryRun Filters Pages];
    DescribeStaleSecurityGroups Read security_group_reference::describe_stale, [DryRun Pages];
    DescribeSubnets Read subnet::describe_subnets, [DryRun Filters Pages];
    DescribeTags Read tag::describe_tags, [DryRun Filters Pages];
    DescribeTransitGatewayAttachments Read
        transit_gateway_attachment::describe_transit_gateway_attachments, [DryRun Filters Pages];
    DescribeTransitGatewayPeeringAttachments Read
        transit_gateway_peering::describe_transit_gateway_peering_attachments,
        [DryRun Filters Pages];
    DescribeTransitGatewayRouteTables Read
        transit_gateway_route_table::describe_transit_gateway_route_tables, [DryRun Filters Pages];
    DescribeTransitGatewayVpcAttachments Read
        transit_gateway_vpc_attachment::describe_transit_gateway_vpc_attachments,
        [DryRun Filters Pages];
    DescribeTransitGateways Read transit_gateway::describe_transit_gateways, [DryRun Filters Pages];
    DescribeVolumes Read volume::describe_volumes, [DryRun Filters Pages];
    DescribeVolumesModifications Read volume_modification::describe_volumes_modifications,
        [DryRun Filters Pages];
    DescribeVpcAttribute Read vpc::describe_vpc_attribute, [DryRun];
    DescribeVpcEndpointServices Read vpc_endpoint::describe_vpc_endpoint_services,
        [DryRun Filters Pages];
    DescribeVpcEndpoints Read vpc_endpoint::describe_vpc_endpoints, [DryRun Filters Pages];
    DescribeVpcPeeringConnections Read vpc_peering_connection::describe, [DryRun Filters Pages];
    DescribeVpcs Read vpc::describe_vpcs, [DryRun Filters Pages];
    DescribeVpnConnections Read vpn_connection::describe_vpn_connections, [DryRun Filters];
    DescribeVpnGateways Read vpn_gateway::describe_vpn_gateways, [DryRun Filters];
    DetachInternetGateway Write internet_gateway::detach_internet_gateway, [DryRun];
    DetachNetworkInterface Write interface_attachment::detach_network_interface, [DryRun];
    DetachVpnGateway Write vpn_gateway::detach_vpn_gateway, [DryRun];
    DisableTransitGatewayRouteTablePropagation Write
        transit_gateway_route_table::disable_propagation, [DryRun];
    DisableVgwRoutePropagation Write vpn_gateway::disable_propagation, [DryRun];
    DisassociateAddress Write address::disassociate_address, [DryRun];
    DisassociateIamInstanceProfile Write profile_association::disassociate_profile, [];
    DisassociateNatGatewayAddress Write nat_gateway_address::disassociate, [DryRun];
    DisassociateRouteTable Write route_table::disassociate_route_table, [DryRun];
    DisassociateSubnetCidrBlock Write subnet::disassociate_subnet_cidr_block, [];
    DisassociateTransitGatewayRouteTable Write transit_gateway_route_table::disassociate, [DryRun];
    DisassociateVpcCidrBlock Write vpc::disassociate_vpc_cidr_block, [];
    EnableTransitGatewayRouteTablePropagation Write transit_gateway_route_table::enable_propagation,
        [DryRun];
    EnableVgwRoutePropagation Write vpn_gateway::enable_propagation, [DryRun];
    GetFlowLogsIntegrationTemplate Read flow_log_template::get_template, [DryRun];
    GetManagedPrefixListAssociations Read prefix_list::get_associations, [DryRun Pages];
    GetManagedPrefixListEntries Read prefix_list::get_entries, [DryRun Pages];
    GetTransitGatewayAttachmentPropagations Read
        transit_gateway_attachment::get_transit_gateway_attachment_propagations,
        [DryRun Filters Pages];
    GetTransitGatewayRouteTableAssociations Read transit_gateway_route_table::get_associations,
        [DryRun Filters Pages];
    GetTransitGatewayRouteTablePropagations Read transit_gateway_route_table::get_propagations,
        [DryRun Filters Pages];
    GetVpnTunnelReplacementStatus Read vpn_modification::get_vpn_tunnel_replacement_status,
        [DryRun];
    ImportKeyPair Write key_pair::import_key_pair, [DryRun Tags];
    ModifyInstanceAttribute Write instance_attribute::modify_instance_attribute, [DryRun];
    ModifyInstanceMetadataOptions Write metadata_options::modify_instance_metadata_options,
        [DryRun];
    ModifyLaunchTemplate Write launch_template::modify_launch_template, [DryRun Token];
    ModifyManagedPrefixList Write prefix_list::modify_managed_prefix_list, [DryRun];
    ModifyNetworkInterfaceAttribute Write interface_attachment::modify_network_interface_attribute,
        [DryRun];
    ModifySecurityGroupRules Write security_group_rule::modify_security_group_rules, [DryRun];
    ModifySubnetAttribute Write subnet::modify_subnet_attribute, [];
    ModifyTransitGateway Write transit_gateway::modify_transit_gateway, [DryRun];
    ModifyTransitGatewayVpcAttachment Write
        transit_gateway_vpc_attachment::modify_transit_gateway_vpc_attachment, [DryRun];
    ModifyVolume Write volume_modification::modify_volume, [DryRun];
    ModifyVpcAttribute Write vpc::modify_vpc_attribute, [];
    ModifyVpcEndpoint Write vpc_endpoint::modify_vpc_endpoint, [DryRun];
    ModifyVpcPeeringConnectionOptions Write vpc_peering_connection::modify_options, [DryRun];
    ModifyVpnConnection Write vpn_modification::modify_vpn_connection, [DryRun];
    ModifyVpnTunnelOptions Write vpn_modification::modify_vpn_tunnel_options, [DryRun];
    MonitorInstances Write instance_state::monitor_instances, [DryRun];
    RebootInstances Write instance_state::reboot_instances, [DryRun];
    RejectTransitGatewayPeeringAttachment Write
        transit_gateway_peering::reject_transit_gateway_peering_attachment, [DryRun];
    RejectVpcPeeringConnection Write vpc_peering_connection::reject, [DryRun];
    ReleaseAddress Write address::release_address, [DryRun];
    ReplaceIamInstanceProfileAssociation Write profile_association::replace_profile, [];
    ReplaceNetworkAclAssociation Write network_acl::replace_network_acl_association, [DryRun];
    ReplaceNetworkAclEntry Write network_acl::replace_network_acl_entry, [DryRun];
    ReplaceRoute Write route::replace_route, [DryRun];
    ReplaceRouteTableAssociation Write route_table::replace_route_table_association, [DryRun];
    ReplaceTransitGatewayRoute Write transit_gateway_route::replace_transit_gateway_route, [DryRun];
    ReplaceVpnTunnel Write vpn_modification::replace_vpn_tunnel, [DryRun];
    ResetNetworkInterfaceAttribute Write
        interface_attachment::reset_network_interface_attribute, [DryRun];
    RestoreManagedPrefixListVersion Write prefix_list::restore_version, [DryRun];
    RevokeSecurityGroupEgress Write security_group_rule::revoke_egress, [DryRun];
    RevokeSecurityGroupIngress Write security_group_rule::revoke_ingress, [DryRun];
    RunInstances Write instance::run_instances, [DryRun Tags Token];
    SearchTransitGatewayRoutes Read transit_gateway_route::search_transit_gateway_routes,
        [DryRun Filters Pages];
    StartInstances Write instance_state::start_instances, [DryRun];
    StartNetworkInsightsAnalysis Write network_insights::start, [DryRun Tags Token];
    StopInstances Write instance_state::stop_instances, [DryRun];
    TerminateInstances Write instance_state::terminate_instances, [DryRun];
    UnassignIpv6Addresses Write ipv6_address::unassign_ipv6_addresses, [];
    UnassignPrivateIpAddresses Write private_ip_address::unassign_private_ip_addresses, [];
    UnassignPrivateNatGatewayAddress Write nat_gateway_address::unassign, [DryRun];
    UnmonitorInstances Write instance_state::unmonitor_instances, [DryRun];
    UpdateSecurityGroupRuleDescriptionsEgress Write security_group_rule::update_egress_descriptions,
        [DryRun];
    UpdateSecurityGroupRuleDescriptionsIngress Write
        security_group_rule::update_ingress_descriptions, [DryRun];
}

/// Brings what roles allow, and who has them, in step with IAM.
pub(crate) fn heed_roles(state: &mut State, config: &ControlConfig) {
    flow_log::heed_roles(state, config);
    profile_association::heed_roles(state, config);
}

/// What became of a resource when its transitional state ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Settled {
    /// It goes on.
    Lasting,
    /// It is gone and will be forgotten.
    Gone,
    /// It has ended, and sees to being forgotten itself.
    Ended,
}

/// Ends a resource's transitional state.
pub(crate) fn settle(
    resource: &ResourceRef,
    at: SimTime,
    state: &mut State,
    config: &ControlConfig,
) -> Settled {
    match resource {
        ResourceRef::Instance(id) => instance_state::settle(id, state),
        ResourceRef::NatGateway(id) => nat_gateway::settle(id, at, state, config),
        ResourceRef::VpcEndpoint(id) => vpc_endpoint::settle(id, state),
        ResourceRef::HostedZone(id) => route53::settle(id, state),
        ResourceRef::VpnConnection(id) => vpn_connection::settle(id, state),
        ResourceRef::TransitGateway(id) => transit_gateway::settle(id, state),
        ResourceRef::ManagedPrefixList(id) => prefix_list::settle(id, state, config),
        ResourceRef::TransitGatewayAttachment(id) => transit_gateway_attachment::settle(id, state),
        ResourceRef::TransitGatewayRouteTable(id) => transit_gateway_route_table::settle(id, state),
        ResourceRef::VpcPeeringConnection(id) => {
            vpc_peering_connection::settle(id, at, state, config)
        }
        other => unreachable!("{other:?} has no transitional states"),
    }
}

/// A deadline passes for a resource that waits for somebody, or that is shown for so long.
pub(crate) fn expire(resource: &ResourceRef, at: SimTime, state: &mut State) {
    match resource {
        ResourceRef::VpcPeeringConnection(id) => vpc_peering_connection::expire(id, at, state),
        other => unreachable!("{other:?} has no deadlines"),
    }
}

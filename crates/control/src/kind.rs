//! What all resource types have in common: where they are kept, what they are tagged as, and which
//! errors their ids give.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::sync::Arc;

use wirelab_model::*;

/// A type of resource.
pub(crate) trait Kind: Clone + Sized + 'static {
    /// Its id.
    type Id: Ord + Clone + Display + AsRef<str>;
    /// What its ids begin with.
    const PREFIX: &'static str;
    /// `ResourceType` in tag calls.
    const TAG_TYPE: &'static str;

    fn new_id(id: String) -> Self::Id;
    fn id(&self) -> &Self::Id;
    fn is_well_formed(id: &Self::Id) -> bool;
    fn tags(&self) -> &[Tag];
    fn tags_mut(&mut self) -> &mut Vec<Tag>;
    fn all(resources: &Resources) -> &BTreeMap<Self::Id, Arc<Self>>;
    fn all_mut(resources: &mut Resources) -> &mut BTreeMap<Self::Id, Arc<Self>>;
    fn reference(id: &Self::Id) -> ResourceRef;
    fn not_found(id: &Self::Id) -> ApiError;
    fn malformed(id: &Self::Id) -> ApiError;

    /// Whether a caller of that account and Region sees this resource, of types that decide it
    /// themselves; `None`: whoever owns it does.
    fn shown_to(&self, _account: &str, _region: &str) -> Option<bool> {
        None
    }

    /// The error for an id that names nothing.
    fn missing(id: &Self::Id) -> ApiError {
        if Self::is_well_formed(id) {
            Self::not_found(id)
        } else {
            Self::malformed(id)
        }
    }
}

/// Every resource with its type, as tag calls have it, and its tags.
#[must_use]
pub fn tagged(resources: &Resources) -> Vec<(&str, &'static str, &[Tag])> {
    all_tags(resources, |_| true)
}

macro_rules! kinds {
    ($($kind:ident, $id:ident, $map:ident, $key:ident, $tags:ident, $tag_type:literal,
       $not_found:literal, $malformed:literal, $message:literal
       $(, shown $shown:path)?;)*) => {
        $(impl Kind for $kind {
            type Id = $id;
            const PREFIX: &'static str = $id::PREFIX;
            const TAG_TYPE: &'static str = $tag_type;

            fn new_id(id: String) -> $id {
                $id::new(id)
            }
            fn id(&self) -> &$id {
                &self.$key
            }
            fn is_well_formed(id: &$id) -> bool {
                id.is_well_formed()
            }
            fn tags(&self) -> &[Tag] {
                &self.$tags
            }
            fn tags_mut(&mut self) -> &mut Vec<Tag> {
                &mut self.$tags
            }
            fn all(resources: &Resources) -> &BTreeMap<$id, Arc<Self>> {
                &resources.$map
            }
            fn all_mut(resources: &mut Resources) -> &mut BTreeMap<$id, Arc<Self>> {
                &mut resources.$map
            }
            fn reference(id: &$id) -> ResourceRef {
                ResourceRef::$kind(id.clone())
            }
            fn not_found(id: &$id) -> ApiError {
                ApiError::client($not_found, format!($message, id))
            }
            fn malformed(id: &$id) -> ApiError {
                let message = format!("Invalid id: \"{id}\" (expecting \"{}-...\")", $id::PREFIX);
                ApiError::client($malformed, message)
            }
            $(fn shown_to(&self, account: &str, region: &str) -> Option<bool> {
                $shown(self, account, region)
            })?
        })*

        /// Tags of the resources whose ids `owned` takes: resource id, resource type, tags.
        pub(crate) fn all_tags(
            resources: &Resources,
            owned: impl Fn(&str) -> bool,
        ) -> Vec<(&str, &'static str, &[Tag])> {
            let mut all = Vec::new();
            $(for (id, it) in resources.$map.iter().filter(|(id, _)| owned(id.as_str())) {
                all.push((id.as_str(), $tag_type, it.tags()));
            })*
            all
        }

        /// Applies `edit` to the tags of the resource `id` of whatever type, if the caller owns it.
        ///
        /// # Errors
        /// The type's own error for an unknown id, `InvalidID` for an unknown prefix.
        pub(crate) fn edit_tags(
            resources: &mut Resources,
            id: &str,
            is_owned: bool,
            edit: impl FnOnce(&mut Vec<Tag>),
        ) -> Result<(), ApiError> {
            let prefix = id.rsplit_once('-').map_or("", |(prefix, _)| prefix);
            $(if prefix == $id::PREFIX {
                let id = $id::new(id);
                let it = resources.$map.get_mut(&id).filter(|_| is_owned);
                let Some(it) = it else {
                    return Err($kind::missing(&id));
                };
                edit(Arc::make_mut(it).tags_mut());
                return Ok(());
            })*
            Err(crate::error::invalid_id(id))
        }
    };
}

kinds! {
    Vpc, VpcId, vpcs, vpc_id, tags, "vpc",
        "InvalidVpcID.NotFound", "InvalidVpcID.Malformed", "The vpc ID '{}' does not exist";
    Subnet, SubnetId, subnets, subnet_id, tags, "subnet",
        "InvalidSubnetID.NotFound", "InvalidSubnetID.Malformed",
        "The subnet ID '{}' does not exist";
    RouteTable, RouteTableId, route_tables, route_table_id, tags, "route-table",
        "InvalidRouteTableID.NotFound", "InvalidRouteTableId.Malformed",
        "The routeTable ID '{}' does not exist";
    InternetGateway, InternetGatewayId, internet_gateways, internet_gateway_id, tags,
        "internet-gateway", "InvalidInternetGatewayID.NotFound",
        "InvalidInternetGatewayId.Malformed", "The internetGateway ID '{}' does not exist";
    EgressOnlyInternetGateway, EgressOnlyInternetGatewayId, egress_only_internet_gateways,
        egress_only_internet_gateway_id, tags, "egress-only-internet-gateway",
        "InvalidEgressOnlyInternetGatewayId.NotFound",
        "InvalidEgressOnlyInternetGatewayId.Malformed",
        "The egressOnlyInternetGateway ID '{}' does not exist";
    NatGateway, NatGatewayId, nat_gateways, nat_gateway_id, tags, "natgateway",
        "NatGatewayNotFound", "NatGatewayMalformed", "The Nat Gateway {} was not found";
    SecurityGroup, SecurityGroupId, security_groups, group_id, tags, "security-group",
        "InvalidGroup.NotFound", "InvalidGroupId.Malformed",
        "The security group '{}' does not exist";
    NetworkAcl, NetworkAclId, network_acls, network_acl_id, tags, "network-acl",
        "InvalidNetworkAclID.NotFound", "InvalidNetworkAclId.Malformed",
        "The networkAcl ID '{}' does not exist";
    NetworkInterface, NetworkInterfaceId, network_interfaces, network_interface_id, tag_set,
        "network-interface", "InvalidNetworkInterfaceID.NotFound",
        "InvalidNetworkInterfaceId.Malformed", "The networkInterface ID '{}' does not exist";
    Instance, InstanceId, instances, instance_id, tags, "instance",
        "InvalidInstanceID.NotFound", "InvalidInstanceID.Malformed",
        "The instance ID '{}' does not exist";
    Address, AllocationId, addresses, allocation_id, tags, "elastic-ip",
        "InvalidAllocationID.NotFound", "InvalidAllocationID.Malformed",
        "The allocation ID '{}' does not exist";
    DhcpOptions, DhcpOptionsId, dhcp_options, dhcp_options_id, tags, "dhcp-options",
        "InvalidDhcpOptionID.NotFound", "InvalidDhcpOptionsId.Malformed",
        "The dhcpOption ID '{}' does not exist";
    VpnGateway, VpnGatewayId, vpn_gateways, vpn_gateway_id, tags, "vpn-gateway",
        "InvalidVpnGatewayID.NotFound", "InvalidVpnGatewayId.Malformed",
        "The vpnGateway ID '{}' does not exist";
    CustomerGateway, CustomerGatewayId, customer_gateways, customer_gateway_id, tags,
        "customer-gateway", "InvalidCustomerGatewayID.NotFound",
        "InvalidCustomerGatewayId.Malformed", "The customerGateway ID '{}' does not exist";
    VpnConnection, VpnConnectionId, vpn_connections, vpn_connection_id, tags, "vpn-connection",
        "InvalidVpnConnectionID.NotFound", "InvalidVpnConnectionID.Malformed",
        "The vpnConnection ID '{}' does not exist";
    TransitGateway, TransitGatewayId, transit_gateways, transit_gateway_id, tags,
        "transit-gateway", "InvalidTransitGatewayID.NotFound",
        "InvalidTransitGatewayID.Malformed",
        "Transit Gateway {} was deleted or does not exist.";
    TransitGatewayAttachment, TransitGatewayAttachmentId, transit_gateway_attachments,
        transit_gateway_attachment_id, tags, "transit-gateway-attachment",
        "InvalidTransitGatewayAttachmentID.NotFound",
        "InvalidTransitGatewayAttachmentID.Malformed",
        "Transit Gateway Attachment {} was deleted or does not exist.",
        shown crate::ec2::transit_gateway_attachment::shown_to;
    TransitGatewayRouteTable, TransitGatewayRouteTableId, transit_gateway_route_tables,
        transit_gateway_route_table_id, tags, "transit-gateway-route-table",
        "InvalidRouteTableID.NotFound", "InvalidRouteTableId.Malformed",
        "Transit Gateway Route Table {} was deleted or does not exist.";
    ManagedPrefixList, PrefixListId, managed_prefix_lists, prefix_list_id, tags, "prefix-list",
        "InvalidPrefixListID.NotFound", "InvalidPrefixListId.Malformed",
        "The prefix list ID '{}' does not exist",
        shown crate::ec2::prefix_list::shown_to;
    VpcPeeringConnection, VpcPeeringConnectionId, vpc_peering_connections,
        vpc_peering_connection_id, tags, "vpc-peering-connection",
        "InvalidVpcPeeringConnectionID.NotFound", "InvalidVpcPeeringConnectionId.Malformed",
        "The vpcPeeringConnection ID '{}' does not exist",
        shown crate::ec2::vpc_peering_connection::shown_to;
    FlowLog, FlowLogId, flow_logs, flow_log_id, tags, "vpc-flow-log",
        "InvalidFlowLogId.NotFound", "InvalidFlowLogId.Malformed",
        "The flow log ID '{}' does not exist";
    VpcEndpoint, VpcEndpointId, vpc_endpoints, vpc_endpoint_id, tags, "vpc-endpoint",
        "InvalidVpcEndpointId.NotFound", "InvalidVpcEndpointId.Malformed",
        "The Vpc Endpoint Id '{}' does not exist";
    HostedZone, HostedZoneId, hosted_zones, hosted_zone_id, tags, "hostedzone",
        "NoSuchHostedZone", "NoSuchHostedZone", "No hosted zone found with ID: {}";
}

//! Quotas with AWS's defaults.

use serde::{Deserialize, Serialize};

/// How many of each are allowed (Amazon VPC User Guide, "Amazon VPC quotas").
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quotas {
    /// VPCs in the Region.
    pub vpcs: usize,
    /// IPv4 blocks of a VPC.
    pub cidr_blocks_per_vpc: usize,
    /// IPv6 blocks of a VPC.
    pub ipv6_cidr_blocks_per_vpc: usize,
    /// Subnets of a VPC.
    pub subnets_per_vpc: usize,
    /// Elastic IP addresses in the Region.
    pub addresses: usize,
    /// Egress-only internet gateways in the Region.
    pub egress_only_internet_gateways: usize,
    /// NAT gateways in a zone, those in service or on their way.
    pub nat_gateways_per_zone: usize,
    /// Elastic IP addresses of a public NAT gateway; may be raised to 8.
    pub elastic_ips_per_nat_gateway: usize,
    /// Addresses of a private NAT gateway.
    pub addresses_per_nat_gateway: usize,
    /// Route tables of a VPC.
    pub route_tables_per_vpc: usize,
    /// Static routes of a table, for each IP version; a prefix list counts with its size.
    pub routes_per_table: usize,
    /// Network ACLs of a VPC.
    pub network_acls_per_vpc: usize,
    /// Entries of a network ACL, for each direction and IP version, the final deny included.
    pub entries_per_network_acl: usize,
    /// Security groups in the Region.
    pub security_groups: usize,
    /// Rules of a group, for each direction and IP version; a prefix list counts with its size.
    pub rules_per_security_group: usize,
    /// Groups of an interface.
    pub security_groups_per_interface: usize,
    /// Prefix lists of one's own in the Region.
    pub prefix_lists: usize,
    /// Largest `MaxEntries` of a prefix list.
    pub entries_per_prefix_list: usize,
    /// Transit gateways of an account (Transit Gateway guide, "Quotas", as those below).
    pub transit_gateways: usize,
    /// Transit gateways that a VPC is attached to.
    pub transit_gateways_per_vpc: usize,
    /// Attachments of a transit gateway.
    pub attachments_per_transit_gateway: usize,
    /// Peering attachments of a transit gateway.
    pub peerings_per_transit_gateway: usize,
    /// Those of them that wait for an answer.
    pub pending_peerings_per_transit_gateway: usize,
    /// Route tables of a transit gateway.
    pub route_tables_per_transit_gateway: usize,
    /// Routes of a transit gateway, static and propagated, in all its tables.
    pub routes_per_transit_gateway: usize,
    /// Virtual private gateways in the Region (Site-to-Site VPN User Guide, "Quotas", as those
    /// below).
    pub vpn_gateways: usize,
    /// Customer gateways in the Region.
    pub customer_gateways: usize,
    /// VPN connections in the Region.
    pub vpn_connections: usize,
    /// VPN connections of a virtual private gateway.
    pub vpn_connections_per_gateway: usize,
    /// Static routes of a VPN connection (ours: the guide gives 100 for learned ones alone).
    pub routes_per_vpn_connection: usize,
    /// VPC peering connections in service, or on their way there, of a VPC.
    pub vpc_peering_connections_per_vpc: usize,
    /// Requests for a VPC peering connection that wait for an answer.
    pub outstanding_vpc_peering_connections: usize,
    /// Gateway endpoints in the Region.
    pub gateway_endpoints: usize,
    /// Gateway endpoints of a VPC.
    pub gateway_endpoints_per_vpc: usize,
    /// Interface endpoints of a VPC (AWS PrivateLink Guide, "AWS PrivateLink quotas").
    pub interface_endpoints_per_vpc: usize,
    /// Tags of a resource.
    pub tags_per_resource: usize,
}

impl Default for Quotas {
    fn default() -> Self {
        Self {
            vpcs: 5,
            cidr_blocks_per_vpc: 5,
            ipv6_cidr_blocks_per_vpc: 5,
            subnets_per_vpc: 200,
            addresses: 5,
            egress_only_internet_gateways: 5,
            nat_gateways_per_zone: 5,
            elastic_ips_per_nat_gateway: 2,
            addresses_per_nat_gateway: 8,
            route_tables_per_vpc: 200,
            routes_per_table: 50,
            network_acls_per_vpc: 200,
            entries_per_network_acl: 20,
            security_groups: 2500,
            rules_per_security_group: 60,
            security_groups_per_interface: 5,
            prefix_lists: 100,
            entries_per_prefix_list: 1000,
            transit_gateways: 5,
            transit_gateways_per_vpc: 5,
            attachments_per_transit_gateway: 5000,
            peerings_per_transit_gateway: 50,
            pending_peerings_per_transit_gateway: 10,
            route_tables_per_transit_gateway: 20,
            routes_per_transit_gateway: 10_000,
            vpn_gateways: 5,
            customer_gateways: 50,
            vpn_connections: 50,
            vpn_connections_per_gateway: 10,
            routes_per_vpn_connection: 100,
            vpc_peering_connections_per_vpc: 50,
            outstanding_vpc_peering_connections: 25,
            gateway_endpoints: 20,
            gateway_endpoints_per_vpc: 255,
            interface_endpoints_per_vpc: 50,
            tags_per_resource: 50,
        }
    }
}

//! Network interface: `DescribeNetworkInterfaces`.

use std::net::{Ipv4Addr, Ipv6Addr};

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use super::Tag;
use crate::{
    AllocationId, AssociationId, AttachmentId, InstanceId, NetworkInterfaceId, SecurityGroupId,
    SubnetId, VpcId,
};

/// What an interface belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum InterfaceType {
    /// An ordinary interface, for instances.
    #[serde(rename = "interface")]
    Interface,
    /// A NAT gateway's. It has no security group.
    #[serde(rename = "nat_gateway")]
    NatGateway,
    /// A transit gateway attachment's.
    #[serde(rename = "transit_gateway")]
    TransitGateway,
    /// An interface endpoint's.
    #[serde(rename = "vpc_endpoint")]
    VpcEndpoint,
}

/// The public address that an internet gateway maps to a private one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct InterfaceAssociation {
    /// The public address.
    pub public_ip: Ipv4Addr,
    /// The Elastic IP address, if it is one.
    pub allocation_id: Option<AllocationId>,
    /// Its association.
    pub association_id: Option<AssociationId>,
}

/// A private address of an interface.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct PrivateIpAddress {
    /// The address.
    pub private_ip_address: Ipv4Addr,
    /// Whether it is the primary one.
    pub primary: bool,
    /// Its public address.
    pub association: Option<InterfaceAssociation>,
}

/// An attachment to an instance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct NetworkInterfaceAttachment {
    /// Its id.
    pub attachment_id: AttachmentId,
    /// The instance; `None` for interfaces of AWS services.
    pub instance_id: Option<InstanceId>,
    /// Position on the instance; 0 is the primary interface.
    pub device_index: u16,
}

/// Idle timeouts of connection tracking, in seconds; `None` is the default of the instance type
/// (`facts.md` 2.1: EC2 User Guide, "Security group connection tracking").
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ConnectionTracking {
    /// 60-432000; default 432000, on Nitro v6 350.
    pub tcp_established_timeout: Option<u32>,
    /// 30-60; default 30: one direction only, or one request and response.
    pub udp_timeout: Option<u32>,
    /// 60-180; default 180: more than one request and response.
    pub udp_stream_timeout: Option<u32>,
}

/// A network interface.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct NetworkInterface {
    /// Its id.
    pub network_interface_id: NetworkInterfaceId,
    /// Its subnet.
    pub subnet_id: SubnetId,
    /// Its VPC.
    pub vpc_id: VpcId,
    /// Its subnet's zone.
    pub availability_zone: SmolStr,
    /// What it belongs to.
    pub interface_type: InterfaceType,
    /// Whether an AWS service made it.
    pub requester_managed: bool,
    /// Six octets, `02:...`.
    pub mac_address: SmolStr,
    /// The primary private address.
    pub private_ip_address: Ipv4Addr,
    /// All private addresses, the primary one first.
    pub private_ip_addresses: Vec<PrivateIpAddress>,
    /// IPv6 addresses.
    pub ipv6_addresses: Vec<Ipv6Addr>,
    /// Security groups; rules of all of them are unioned.
    pub groups: Vec<SecurityGroupId>,
    /// Whether it drops packets that are neither from nor to its own addresses.
    pub source_dest_check: bool,
    /// The attachment.
    pub attachment: Option<NetworkInterfaceAttachment>,
    /// Idle timeouts.
    pub connection_tracking_configuration: ConnectionTracking,
    /// Free text.
    pub description: String,
    /// Owner.
    pub owner_id: SmolStr,
    /// Tags (EC2 calls them `TagSet` here).
    pub tag_set: Vec<Tag>,
}

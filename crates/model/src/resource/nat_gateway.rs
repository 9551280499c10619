//! NAT gateway: `DescribeNatGateways`.

use std::net::Ipv4Addr;

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use super::Tag;
use crate::{
    AllocationId, AssociationId, NatGatewayId, NetworkInterfaceId, SubnetId, UnixTime, VpcId,
};

/// Life of a NAT gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NatGatewayState {
    /// Being made; carries no traffic.
    Pending,
    /// Could not be made.
    Failed,
    /// In service.
    Available,
    /// Going; carries no new traffic.
    Deleting,
    /// Gone; described for about an hour.
    Deleted,
}

/// Public or private.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ConnectivityType {
    /// With an Elastic IP address, towards an internet gateway.
    Public,
    /// With private addresses only.
    Private,
}

/// Life of an address of a NAT gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NatGatewayAddressStatus {
    /// A private address on its way to the gateway.
    Assigning,
    /// A private address that carries its old connections until they are drained.
    Unassigning,
    /// An Elastic IP address on its way to the gateway.
    Associating,
    /// An Elastic IP address that carries its old connections until they are drained.
    Disassociating,
    /// In use.
    Succeeded,
    /// Could not be added, or its gateway could not be made.
    Failed,
}

/// One address of a NAT gateway.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct NatGatewayAddress {
    /// The Elastic IP address's allocation.
    pub allocation_id: Option<AllocationId>,
    /// The Elastic IP address's association.
    pub association_id: Option<AssociationId>,
    /// The gateway's interface.
    pub network_interface_id: NetworkInterfaceId,
    /// Its private address.
    pub private_ip: Ipv4Addr,
    /// Its public address.
    pub public_ip: Option<Ipv4Addr>,
    /// Whether this is the primary address.
    pub is_primary: bool,
    /// Its state.
    pub status: NatGatewayAddressStatus,
}

/// A NAT gateway.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct NatGateway {
    /// Its id.
    pub nat_gateway_id: NatGatewayId,
    /// Its subnet.
    pub subnet_id: SubnetId,
    /// Its VPC.
    pub vpc_id: VpcId,
    /// Its state.
    pub state: NatGatewayState,
    /// Why it failed.
    pub failure_code: Option<SmolStr>,
    /// The long form of that.
    pub failure_message: Option<String>,
    /// Public or private.
    pub connectivity_type: ConnectivityType,
    /// Its addresses; the primary one first.
    pub nat_gateway_addresses: Vec<NatGatewayAddress>,
    /// When it was made.
    pub create_time: UnixTime,
    /// When it was deleted.
    pub delete_time: Option<UnixTime>,
    /// Owner.
    pub owner_id: SmolStr,
    /// Tags.
    pub tags: Vec<Tag>,
}

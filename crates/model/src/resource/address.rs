//! Elastic IP address: `DescribeAddresses`.

use std::net::Ipv4Addr;

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use super::Tag;
use crate::{AllocationId, AssociationId, InstanceId, NetworkInterfaceId};

/// An Elastic IP address, associated or not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Address {
    /// The allocation.
    pub allocation_id: AllocationId,
    /// The public address.
    pub public_ip: Ipv4Addr,
    /// Owner.
    pub owner_id: SmolStr,
    /// The association, if there is one.
    pub association_id: Option<AssociationId>,
    /// The interface it maps to.
    pub network_interface_id: Option<NetworkInterfaceId>,
    /// The private address it maps to.
    pub private_ip_address: Option<Ipv4Addr>,
    /// The instance of that interface.
    pub instance_id: Option<InstanceId>,
    /// Tags.
    pub tags: Vec<Tag>,
}

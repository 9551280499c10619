//! Egress-only internet gateway: `DescribeEgressOnlyInternetGateways`. IPv6 alone.

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use super::Tag;
use crate::{EgressOnlyInternetGatewayId, VpcId};

/// An egress-only internet gateway, attached to its VPC for life.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct EgressOnlyInternetGateway {
    /// Its id.
    pub egress_only_internet_gateway_id: EgressOnlyInternetGatewayId,
    /// Its VPC.
    pub vpc_id: VpcId,
    /// Owner.
    pub owner_id: SmolStr,
    /// Tags.
    pub tags: Vec<Tag>,
}

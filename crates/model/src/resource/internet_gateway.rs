//! Internet gateway: `DescribeInternetGateways`.

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use super::Tag;
use crate::{InternetGatewayId, VpcId};

/// An internet gateway, attached to at most one VPC.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct InternetGateway {
    /// Its id.
    pub internet_gateway_id: InternetGatewayId,
    /// The VPC it is attached to.
    pub vpc_id: Option<VpcId>,
    /// Owner.
    pub owner_id: SmolStr,
    /// Tags.
    pub tags: Vec<Tag>,
}

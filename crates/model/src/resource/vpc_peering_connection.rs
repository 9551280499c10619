//! VPC peering connection: `DescribeVpcPeeringConnections`.

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use super::Tag;
use crate::{UnixTime, VpcId, VpcPeeringConnectionId};

/// The life of a peering connection (Amazon VPC Peering Guide, "VPC peering connection lifecycle").
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PeeringStatus {
    /// Asked for; it may still fail.
    InitiatingRequest,
    /// The accepter's owner has to decide.
    PendingAcceptance,
    /// Accepted, not in service yet.
    Provisioning,
    /// In service.
    Active,
    /// The accepter's owner has said no.
    Rejected,
    /// Asked for in vain: overlapping blocks, no such VPC.
    Failed,
    /// Nobody decided for 7 days.
    Expired,
    /// On its way out; between Regions only.
    Deleting,
    /// Gone, still described for a while.
    Deleted,
}

/// One end of a peering connection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct PeeringVpc {
    /// The VPC.
    pub vpc_id: VpcId,
    /// Its owner.
    pub owner_id: SmolStr,
    /// Its Region.
    pub region: SmolStr,
    /// `AllowDnsResolutionFromRemoteVpc`: public names of this VPC resolve to private addresses in
    /// the other.
    pub allow_dns_resolution_from_remote_vpc: bool,
}

/// A peering connection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct VpcPeeringConnection {
    /// Its id.
    pub vpc_peering_connection_id: VpcPeeringConnectionId,
    /// Who asked.
    pub requester: PeeringVpc,
    /// Who was asked.
    pub accepter: PeeringVpc,
    /// `Status.Code`.
    pub status: PeeringStatus,
    /// `Status.Message`.
    pub status_message: String,
    /// When a request that nobody accepts ends.
    pub expiration_time: UnixTime,
    /// The account that rejected or deleted it.
    pub ended_by: Option<SmolStr>,
    /// It is shown no longer to the account that ended it, while the other still sees it.
    pub is_hidden: bool,
    /// The requester's tags.
    pub tags: Vec<Tag>,
}

impl VpcPeeringConnection {
    /// Both ends: the VPC's own first. `None` if it is no end of this connection.
    #[must_use]
    pub fn ends(&self, vpc: &VpcId) -> Option<(&PeeringVpc, &PeeringVpc)> {
        if self.requester.vpc_id == *vpc {
            Some((&self.requester, &self.accepter))
        } else if self.accepter.vpc_id == *vpc {
            Some((&self.accepter, &self.requester))
        } else {
            None
        }
    }

    /// Whether the ends are in different Regions.
    #[must_use]
    pub fn is_inter_region(&self) -> bool {
        self.requester.region != self.accepter.region
    }

    /// Whether the connection is in service between these two VPCs, in whichever order.
    #[must_use]
    pub fn connects(&self, one: &VpcId, other: &VpcId) -> bool {
        let ends = self.ends(one);
        self.status == PeeringStatus::Active
            && ends.is_some_and(|(_, remote)| remote.vpc_id == *other)
    }
}

//! Why a VPC peering connection drops a packet.

use std::fmt;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use wirelab_model::{VpcId, VpcPeeringConnectionId};

use super::{ExplanationCode, Reason};

/// Reasons of VPC peering connections.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum PeeringDrop {
    /// The connection is not `active`.
    NotActive {
        /// The connection.
        connection: VpcPeeringConnectionId,
    },
    /// The packet comes from beyond the sending VPC: peering is not transitive.
    ForeignSource {
        /// The connection.
        connection: VpcPeeringConnectionId,
        /// The sending VPC.
        vpc: VpcId,
        /// The packet's source.
        source: IpAddr,
    },
    /// The packet goes beyond the peer VPC: to its internet, NAT or VPN gateway, a gateway
    /// endpoint, a transit gateway or a peer of its own. There is no edge-to-edge routing.
    EdgeToEdge {
        /// The connection.
        connection: VpcPeeringConnectionId,
        /// The peer VPC.
        vpc: VpcId,
        /// The packet's destination.
        destination: IpAddr,
    },
    /// No interface of the peer VPC has the destination address.
    UnknownDestination {
        /// The connection.
        connection: VpcPeeringConnectionId,
        /// The peer VPC.
        vpc: VpcId,
        /// The packet's destination.
        destination: IpAddr,
    },
}

impl Reason for PeeringDrop {
    fn code(&self) -> Option<ExplanationCode> {
        match self {
            Self::NotActive { .. } => Some(ExplanationCode::BadState),
            Self::ForeignSource { .. } | Self::EdgeToEdge { .. } => {
                Some(ExplanationCode::PcxRequiresAddressInVpcCidr)
            }
            Self::UnknownDestination { .. } => Some(ExplanationCode::NoPossibleDestination),
        }
    }
}

/// One sentence without a full stop.
impl fmt::Display for PeeringDrop {
    #[rustfmt::skip]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotActive { connection } => write!(f, "{connection} is not active"),
            Self::ForeignSource { connection, vpc, source } =>
                write!(f, "{connection} takes only what comes from {vpc}, and {source} is not in it: \
                    peering is not transitive"),
            Self::EdgeToEdge { connection, vpc, destination } =>
                write!(f, "{connection} ends in {vpc}, and {destination} is beyond it: peering has no \
                    edge-to-edge routing"),
            Self::UnknownDestination { vpc, destination, .. } =>
                write!(f, "no interface in {vpc} has the address {destination}"),
        }
    }
}

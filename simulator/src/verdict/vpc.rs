//! Why a VPC's own router drops a packet.

use std::fmt;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;
use wirelab_model::VpcId;

use super::{ExplanationCode, Reason};

/// Reasons of a VPC's router and of its services.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum VpcDrop {
    /// No interface in the VPC has the destination address.
    UnknownDestination {
        /// The VPC.
        vpc: VpcId,
        /// That address.
        destination: IpAddr,
    },
    /// A link-local or reserved address at which nothing answers this packet.
    NoSuchService {
        /// That address.
        destination: IpAddr,
    },
    /// The gateway is not attached to a VPC, or the VPC has no such address: a VPC is no transit
    /// network.
    NotTransit {
        /// The gateway's id.
        gateway: SmolStr,
        /// Where the packet was going.
        destination: IpAddr,
    },
}

impl Reason for VpcDrop {
    fn code(&self) -> Option<ExplanationCode> {
        match self {
            Self::UnknownDestination { .. } => Some(ExplanationCode::NoPossibleDestination),
            Self::NoSuchService { .. } => Some(ExplanationCode::NoPossibleDestination),
            Self::NotTransit { .. } => Some(ExplanationCode::VgwPrivateIpAssociationForIngress),
        }
    }
}

/// One sentence without a full stop.
impl fmt::Display for VpcDrop {
    #[rustfmt::skip]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownDestination { vpc, destination } =>
                write!(f, "no interface in {vpc} has the address {destination}"),
            Self::NoSuchService { destination } => write!(f, "nothing answers at {destination}"),
            Self::NotTransit { gateway, destination } =>
                write!(f, "what enters by {gateway} ends in its VPC, and {destination} is not there"),
        }
    }
}

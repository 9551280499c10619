//! Why a VPC's own router drops a packet.

use std::fmt;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;
use wirelab_model::{NetworkInterfaceId, VpcId};

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
    /// An interface that is no machine's sends to itself, as a NAT gateway does whose subnet's
    /// route leads back to it.
    OwnAddress {
        /// The VPC.
        vpc: VpcId,
        /// The interface.
        interface: NetworkInterfaceId,
        /// The address, which is its own.
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
            Self::OwnAddress { .. } => Some(ExplanationCode::NoPossibleDestination),
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
            Self::OwnAddress { interface, destination, .. } =>
                write!(f, "{destination} is the address of {interface}, which has sent it itself"),
            Self::NoSuchService { destination } => write!(f, "nothing answers at {destination}"),
            Self::NotTransit { gateway, destination } =>
                write!(f, "what enters by {gateway} ends in its VPC, and {destination} is not there"),
        }
    }
}

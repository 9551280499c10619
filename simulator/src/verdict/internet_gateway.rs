//! Why internet gateways and the internet drop a packet.

use std::fmt;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use wirelab_model::{InternetGatewayId, VpcId};

use super::{ExplanationCode, Reason};

/// Reasons of internet gateways and of the internet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum InternetGatewayDrop {
    /// The internet gateway found no public address for the packet's source.
    NoPublicAddress {
        /// The gateway.
        internet_gateway: InternetGatewayId,
        /// The private source.
        source: IpAddr,
    },
    /// A public address that no interface and no machine has.
    NoSuchPublicAddress {
        /// That address.
        destination: IpAddr,
    },
    /// The VPC of the public address has no internet gateway.
    NoInternetGateway {
        /// The VPC.
        vpc: VpcId,
    },
}

impl Reason for InternetGatewayDrop {
    fn code(&self) -> Option<ExplanationCode> {
        match self {
            Self::NoPublicAddress { .. } => Some(ExplanationCode::IgwPublicIpAssociationForEgress),
            Self::NoSuchPublicAddress { .. } => Some(ExplanationCode::NoPossibleDestination),
            Self::NoInternetGateway { .. } => Some(ExplanationCode::BadStateAttachment),
        }
    }
}

/// One sentence without a full stop.
impl fmt::Display for InternetGatewayDrop {
    #[rustfmt::skip]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoPublicAddress { internet_gateway, source } =>
                write!(f, "{internet_gateway} has no public address for {source}"),
            Self::NoSuchPublicAddress { destination } =>
                write!(f, "nobody on the internet has the address {destination}"),
            Self::NoInternetGateway { vpc } => write!(f, "{vpc} has no internet gateway"),
        }
    }
}

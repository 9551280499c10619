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
    /// Out to a private (RFC 1918) or shared (RFC 6598) address, which no internet gateway passes.
    PrivateDestination {
        /// The gateway.
        internet_gateway: InternetGatewayId,
        /// That address.
        destination: IpAddr,
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
            Self::PrivateDestination { destination, .. } => Some(match destination {
                IpAddr::V4(it) if !it.is_private() => {
                    ExplanationCode::IgwDestinationAddressNotInRfc6598Egress
                }
                _ => ExplanationCode::IgwDestinationAddressNotInRfc1918Egress,
            }),
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
            Self::PrivateDestination { internet_gateway, destination } => write!(
                f, "{internet_gateway} passes nothing to private addresses, and {destination} is one",
            ),
            Self::NoSuchPublicAddress { destination } =>
                write!(f, "nobody on the internet has the address {destination}"),
            Self::NoInternetGateway { vpc } => write!(f, "{vpc} has no internet gateway"),
        }
    }
}

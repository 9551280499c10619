//! Why a packet does not reach a service of AWS's: one at a link-local address, or one behind a VPC
//! endpoint.

use std::fmt;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use wirelab_model::{VpcEndpointId, VpcId};

use super::{ExplanationCode, Reason};

/// Reasons of services and of the endpoints that lead to them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ServiceDrop {
    /// The VPC's resolver does not answer: `enableDnsSupport` is off.
    DnsSupportDisabled {
        /// The VPC.
        vpc: VpcId,
    },
    /// The endpoint is not in service.
    EndpointNotAvailable {
        /// The endpoint.
        vpc_endpoint: VpcEndpointId,
    },
    /// A gateway endpoint serves its own VPC: no transit from peering, VPN or a transit gateway.
    EndpointNotTransit {
        /// The endpoint.
        vpc_endpoint: VpcEndpointId,
        /// The foreign source.
        source: IpAddr,
    },
    /// No address of the service.
    NotTheService {
        /// The endpoint.
        vpc_endpoint: VpcEndpointId,
        /// Where the packet was going.
        destination: IpAddr,
    },
}

impl Reason for ServiceDrop {
    fn code(&self) -> Option<ExplanationCode> {
        match self {
            Self::DnsSupportDisabled { .. } => Some(ExplanationCode::NoPossibleDestination),
            Self::EndpointNotAvailable { .. } => Some(ExplanationCode::BadState),
            Self::EndpointNotTransit { .. } => {
                Some(ExplanationCode::VpceGatewayEgressSourceAddressRestriction)
            }
            Self::NotTheService { .. } => Some(ExplanationCode::NoPossibleDestination),
        }
    }
}

/// One sentence without a full stop.
impl fmt::Display for ServiceDrop {
    #[rustfmt::skip]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::DnsSupportDisabled { vpc } =>
                write!(f, "enableDnsSupport of {vpc} is off: its resolver does not answer"),
            Self::EndpointNotAvailable { vpc_endpoint } =>
                write!(f, "{vpc_endpoint} is not in service"),
            Self::EndpointNotTransit { vpc_endpoint, source } => write!(
                f, "{vpc_endpoint} serves its own VPC alone, and {source} is not of it",
            ),
            Self::NotTheService { vpc_endpoint, destination } => write!(
                f, "no server of the service of {vpc_endpoint} has the address {destination}",
            ),
        }
    }
}

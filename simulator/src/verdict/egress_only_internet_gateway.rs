//! Why egress-only internet gateways drop a packet.

use std::fmt;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use wirelab_model::EgressOnlyInternetGatewayId;

use super::{ExplanationCode, Reason};

/// Reasons of egress-only internet gateways.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum EgressOnlyInternetGatewayDrop {
    /// From the internet, and of no flow that was started from inside.
    NotStartedInside {
        /// The gateway.
        gateway: EgressOnlyInternetGatewayId,
        /// Who sent it.
        source: IpAddr,
    },
    /// From inside, with a source that is no address of the VPC.
    ForeignSource {
        /// The gateway.
        gateway: EgressOnlyInternetGatewayId,
        /// That source.
        source: IpAddr,
    },
}

impl Reason for EgressOnlyInternetGatewayDrop {
    fn code(&self) -> Option<ExplanationCode> {
        match self {
            Self::NotStartedInside { .. } => None,
            Self::ForeignSource { .. } => Some(ExplanationCode::IgwPublicIpAssociationForEgress),
        }
    }
}

/// One sentence without a full stop.
impl fmt::Display for EgressOnlyInternetGatewayDrop {
    #[rustfmt::skip]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotStartedInside { gateway, source } =>
                write!(f, "{gateway} lets nothing in from {source} that was not started from inside"),
            Self::ForeignSource { gateway, source } =>
                write!(f, "{gateway} has no interface for the source {source}"),
        }
    }
}

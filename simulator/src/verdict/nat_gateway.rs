//! Why a NAT gateway drops a packet.

use std::fmt;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use wirelab_model::{NatGatewayId, NatGatewayState};

use super::{ExplanationCode, Reason};

/// Reasons of NAT gateways.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum NatGatewayDrop {
    /// The NAT gateway is not in service.
    NotAvailable {
        /// The gateway.
        nat_gateway: NatGatewayId,
        /// Its state.
        state: NatGatewayState,
    },
    /// All ports towards this destination are taken (`ErrorPortAllocation`).
    PortsExhausted {
        /// The gateway.
        nat_gateway: NatGatewayId,
        /// The destination.
        destination: IpAddr,
        /// Its port.
        port: u16,
    },
    /// More than the gateway carries now (`PacketsDropCount`).
    OverCapacity {
        /// The gateway.
        nat_gateway: NatGatewayId,
    },
    /// From outside to the NAT gateway, and no mapping is waiting for it.
    NoMapping {
        /// The gateway.
        nat_gateway: NatGatewayId,
    },
    /// From inside, mid-connection, and the mapping is gone: idle for too long, or never this
    /// gateway's. An RST goes back for TCP.
    MappingExpired {
        /// The gateway.
        nat_gateway: NatGatewayId,
        /// Whether an RST went to the sender.
        rst_sent: bool,
    },
    /// The NAT gateway forwards no such thing: a protocol other than TCP, UDP and ICMP, or a
    /// fragment of TCP or ICMP.
    Unsupported {
        /// The gateway.
        nat_gateway: NatGatewayId,
        /// IANA number.
        protocol: u8,
        /// Whether it was a fragment.
        fragment: bool,
    },
}

impl Reason for NatGatewayDrop {
    fn code(&self) -> Option<ExplanationCode> {
        match self {
            Self::NotAvailable { .. } => Some(ExplanationCode::BadState),
            Self::PortsExhausted { .. } => None,
            Self::OverCapacity { .. } => None,
            Self::NoMapping { .. } => None,
            Self::MappingExpired { .. } => None,
            Self::Unsupported { .. } => Some(ExplanationCode::ProtocolRestriction),
        }
    }
}

/// One sentence without a full stop.
impl fmt::Display for NatGatewayDrop {
    #[rustfmt::skip]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotAvailable { nat_gateway, state } =>
                write!(f, "{nat_gateway} is not in service ({})", nat_state(*state)),
            Self::PortsExhausted { nat_gateway, destination, port } =>
                write!(f, "{nat_gateway} has no free port towards {destination} port {port}"),
            Self::OverCapacity { nat_gateway } =>
                write!(f, "{nat_gateway} does not carry that many bits or packets a second yet"),
            Self::NoMapping { nat_gateway } =>
                write!(f, "{nat_gateway} has no connection that this answers"),
            Self::MappingExpired { nat_gateway, rst_sent } => write!(
                f, "{nat_gateway} does not know this connection (any more){}",
                if *rst_sent { "; RST went to the sender" } else { "" },
            ),
            Self::Unsupported { nat_gateway, protocol, fragment } => write!(
                f, "{nat_gateway} does not forward {} of protocol {protocol}",
                if *fragment { "fragments" } else { "packets" },
            ),
        }
    }
}

const fn nat_state(state: NatGatewayState) -> &'static str {
    match state {
        NatGatewayState::Pending => "pending",
        NatGatewayState::Failed => "failed",
        NatGatewayState::Available => "available",
        NatGatewayState::Deleting => "deleting",
        NatGatewayState::Deleted => "deleted",
    }
}

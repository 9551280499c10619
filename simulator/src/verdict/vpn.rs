//! Why virtual private gateways and VPN connections drop a packet.

use std::fmt;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;
use wirelab_model::VpnConnectionId;

use super::{ExplanationCode, Reason};

/// Reasons of virtual private gateways and VPN connections.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum VpnDrop {
    /// No VPN connection of the gateway has a route to the destination.
    NoRoute {
        /// The gateway's id.
        gateway: SmolStr,
        /// Where the packet was going.
        destination: IpAddr,
    },
    /// Both tunnels of the VPN connection are down, or it is not in service.
    TunnelDown {
        /// The connection.
        vpn_connection: VpnConnectionId,
    },
    /// No machine is the customer gateway of the VPN connection.
    NoCustomerGateway {
        /// The connection.
        vpn_connection: VpnConnectionId,
    },
}

impl Reason for VpnDrop {
    fn code(&self) -> Option<ExplanationCode> {
        match self {
            Self::NoRoute { .. } => Some(ExplanationCode::NoRouteToDestination),
            Self::TunnelDown { .. } => Some(ExplanationCode::BadStateVpn),
            Self::NoCustomerGateway { .. } => Some(ExplanationCode::BadStateVpn),
        }
    }
}

/// One sentence without a full stop.
impl fmt::Display for VpnDrop {
    #[rustfmt::skip]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoRoute { gateway, destination } =>
                write!(f, "no VPN connection of {gateway} has a route to {destination}"),
            Self::TunnelDown { vpn_connection } => write!(f, "no tunnel of {vpn_connection} is up"),
            Self::NoCustomerGateway { vpn_connection } =>
                write!(f, "no machine answers as the customer gateway of {vpn_connection}"),
        }
    }
}

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
    /// The other end of the tunnel is gone, and dead peer detection has not noticed yet.
    PeerGone {
        /// The connection.
        vpn_connection: VpnConnectionId,
        /// 1 or 2.
        tunnel: u8,
    },
    /// The tunnel carries no more, and the queue before it is full.
    Limit {
        /// The connection.
        vpn_connection: VpnConnectionId,
        /// 1 or 2.
        tunnel: u8,
        /// What is exceeded.
        limit: VpnLimit,
    },
    /// The customer's device takes nothing from the tunnel that it does not send by itself.
    Asymmetric {
        /// The connection.
        vpn_connection: VpnConnectionId,
        /// The tunnel it came by, 1 or 2.
        tunnel: u8,
    },
    /// The connection is at no gateway.
    NoGateway {
        /// The connection.
        vpn_connection: VpnConnectionId,
    },
    /// No machine is the customer gateway of the VPN connection.
    NoCustomerGateway {
        /// The connection.
        vpn_connection: VpnConnectionId,
    },
}

/// What a VPN tunnel carries at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum VpnLimit {
    /// Bits per second: 1.25 Gbps.
    Bandwidth,
    /// Packets per second: 140,000.
    PacketRate,
}

impl Reason for VpnDrop {
    fn code(&self) -> Option<ExplanationCode> {
        match self {
            Self::NoRoute { .. } => Some(ExplanationCode::NoRouteToDestination),
            Self::TunnelDown { .. }
            | Self::PeerGone { .. }
            | Self::NoGateway { .. }
            | Self::NoCustomerGateway { .. } => Some(ExplanationCode::BadStateVpn),
            Self::Limit { .. } | Self::Asymmetric { .. } => None,
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
            Self::PeerGone { vpn_connection, tunnel } => write!(
                f, "the other end of tunnel {tunnel} of {vpn_connection} is gone, which this end \
                has not noticed yet",
            ),
            Self::Limit { vpn_connection, tunnel, limit } => write!(
                f, "tunnel {tunnel} of {vpn_connection} is full: more than its {} for too long",
                match limit {
                    VpnLimit::Bandwidth => "bandwidth",
                    VpnLimit::PacketRate => "packets per second",
                },
            ),
            Self::Asymmetric { vpn_connection, tunnel } => write!(
                f, "it came by tunnel {tunnel} of {vpn_connection}, and the customer's device takes \
                nothing from a tunnel that it does not send by",
            ),
            Self::NoGateway { vpn_connection } => write!(f, "{vpn_connection} is at no gateway"),
            Self::NoCustomerGateway { vpn_connection } =>
                write!(f, "no machine answers as the customer gateway of {vpn_connection}"),
        }
    }
}

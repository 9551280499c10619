//! Site-to-site VPN: `DescribeVpnGateways`, `DescribeCustomerGateways`, `DescribeVpnConnections`.

use std::net::Ipv4Addr;

use ipnet::Ipv4Net;
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use super::{ResourceState, Tag};
use crate::{CustomerGatewayId, TransitGatewayId, UnixTime, VpcId, VpnConnectionId, VpnGatewayId};

/// A virtual private gateway, attached to at most one VPC.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct VpnGateway {
    /// Its id.
    pub vpn_gateway_id: VpnGatewayId,
    /// State.
    pub state: ResourceState,
    /// The VPC it is attached to.
    pub vpc_id: Option<VpcId>,
    /// Owner.
    pub owner_id: SmolStr,
    /// Tags.
    pub tags: Vec<Tag>,
}

/// A customer gateway: AWS's record of the device at the other end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct CustomerGateway {
    /// Its id.
    pub customer_gateway_id: CustomerGatewayId,
    /// Public address of the device.
    pub ip_address: Ipv4Addr,
    /// Its AS number.
    pub bgp_asn: u32,
    /// What the caller calls the device, which tells apart gateways that are alike.
    pub device_name: Option<SmolStr>,
    /// State.
    pub state: ResourceState,
    /// Owner.
    pub owner_id: SmolStr,
    /// Tags.
    pub tags: Vec<Tag>,
}

/// A static route of a VPN connection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct VpnStaticRoute {
    /// Destination behind the customer gateway.
    pub destination_cidr_block: Ipv4Net,
    /// State.
    pub state: ResourceState,
}

/// One of the two tunnels.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct VpnTunnel {
    /// AWS's outside address.
    pub outside_ip_address: Ipv4Addr,
    /// /30 from 169.254.0.0/16.
    pub tunnel_inside_cidr: Ipv4Net,
    /// Largest inner IP packet in octets: 1446 with AES-GCM, less by cipher (`facts.md` 2.6: VPN
    /// User Guide, "customer gateway device"). Larger ones are dropped without a word.
    pub mtu: u16,
    /// Whether AWS's endpoint is in service: not while it is being modified or replaced.
    pub in_service: bool,
    /// How long AWS hears nothing from the customer's end before the tunnel is down, in seconds
    /// (`DPDTimeoutSeconds`).
    pub dpd_timeout_seconds: u32,
    /// Whether the tunnel is up, as AWS's end was last heard to see it (`VgwTelemetry`).
    pub up: bool,
    /// When that changed last.
    pub last_status_change: UnixTime,
}

impl VpnTunnel {
    /// `DPDTimeoutSeconds` where nothing else is said.
    pub const DPD_TIMEOUT_SECONDS: u32 = 30;
}

/// A site-to-site VPN connection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct VpnConnection {
    /// Its id.
    pub vpn_connection_id: VpnConnectionId,
    /// The customer's end.
    pub customer_gateway_id: CustomerGatewayId,
    /// AWS's end, a virtual private gateway ...
    pub vpn_gateway_id: Option<VpnGatewayId>,
    /// ... or a transit gateway.
    pub transit_gateway_id: Option<TransitGatewayId>,
    /// State.
    pub state: ResourceState,
    /// Whether routes are written by hand (`StaticRoutesOnly`) rather than learned by BGP.
    pub static_routes_only: bool,
    /// Static routes; at a transit gateway they are the route table's.
    pub routes: Vec<VpnStaticRoute>,
    /// Both tunnels. With static routes the first that is up carries what AWS sends.
    pub tunnels: Vec<VpnTunnel>,
    /// Owner.
    pub owner_id: SmolStr,
    /// Tags.
    pub tags: Vec<Tag>,
}

//! Changes of VPN connections (Amazon EC2 API Reference: `ModifyVpnConnection`,
//! `ModifyVpnTunnelOptions`, `ReplaceVpnTunnel` and their kin).
//!
//! Each replaces endpoints at AWS's end, which are out of service meanwhile: both tunnels for a
//! change of the connection, the named one for a change or replacement of a tunnel (Site-to-Site
//! VPN User Guide, "Tunnel endpoint replacements").

use std::net::Ipv4Addr;

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::json;
use wirelab_model::*;

use crate::describe::Reader;
use crate::ec2::vpn_connection::{End, attach, detach, out_of_service, show};
use crate::ec2::vpn_tunnel::{self, TunnelOptions};
use crate::error;
use crate::transaction::Transaction;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct ModifyVpnConnection {
    vpn_connection_id: VpnConnectionId,
    transit_gateway_id: Option<TransitGatewayId>,
    customer_gateway_id: Option<CustomerGatewayId>,
    vpn_gateway_id: Option<VpnGatewayId>,
}

/// Moves a connection to another gateway, or to another customer gateway. Both tunnels are down
/// meanwhile.
pub(crate) fn modify_vpn_connection(
    tx: &mut Transaction<'_>,
    request: ModifyVpnConnection,
) -> Reply {
    let id = request.vpn_connection_id;
    let mut connection = available(tx, &id)?;
    let end = End::of(tx, request.vpn_gateway_id, request.transit_gateway_id)?;
    match (&end, &request.customer_gateway_id) {
        (End::Nowhere, None) => {
            let names = "TransitGatewayId, VpnGatewayId, CustomerGatewayId";
            return Err(error::missing_one_of(names));
        }
        (End::Nowhere, Some(customer)) => {
            tx.get::<CustomerGateway>(customer)?;
            connection.customer_gateway_id = customer.clone();
        }
        (_, Some(_)) => {
            return Err(error::combination(
                "Change either the target gateway or the customer gateway",
            ));
        }
        (end, None) => {
            if matches!(end, End::TransitGateway(_)) && !connection.routes.is_empty() {
                return Err(error::incorrect_state(format_args!(
                    "{id} has static routes: delete them before it moves to a transit gateway, \
                    whose route tables hold its static routes"
                )));
            }
            detach(tx, &mut connection);
        }
    }
    attach(tx, &mut connection, end)?;
    let delay = tx.config.delays.vpn_connection;
    replace(tx, connection, delay, |_| true)
}

/// The connection, if it takes changes.
fn available(tx: &Transaction<'_>, id: &VpnConnectionId) -> Result<VpnConnection, ApiError> {
    let connection = tx.get::<VpnConnection>(id)?;
    match connection.state {
        ResourceState::Available => Ok(VpnConnection::clone(connection)),
        _ => Err(error::vpn_connection_state(id)),
    }
}

/// Replaces endpoints of a connection, which is `modifying` for `delay`.
fn replace(
    tx: &mut Transaction<'_>,
    mut connection: VpnConnection,
    delay: SimDuration,
    which: impl Fn(Ipv4Addr) -> bool,
) -> Reply {
    out_of_service(tx, &mut connection, which);
    connection.state = ResourceState::Modifying;
    let id = connection.vpn_connection_id.clone();
    let shown = show(&connection, tx.state);
    tx.put(connection);
    tx.settle_after::<VpnConnection>(&id, delay);
    Ok(json!({ "VpnConnection": shown }))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct ModifyVpnTunnelOptions {
    vpn_connection_id: VpnConnectionId,
    vpn_tunnel_outside_ip_address: Ipv4Addr,
    tunnel_options: TunnelOptions,
    #[serde(default, rename = "SkipTunnelReplacement")]
    _skip_tunnel_replacement: Option<IgnoredAny>,
}

/// The tunnel is down while it is being changed. Options that are not named stay as they are.
pub(crate) fn modify_vpn_tunnel_options(
    tx: &mut Transaction<'_>,
    request: ModifyVpnTunnelOptions,
) -> Reply {
    let id = request.vpn_connection_id;
    let outside = request.vpn_tunnel_outside_ip_address;
    let options = request.tunnel_options;
    let mut connection = available(tx, &id)?;
    let tunnel = tunnel_of(&mut connection, outside)?;
    if options.tunnel_inside_cidr.is_some() {
        tunnel.tunnel_inside_cidr =
            vpn_tunnel::inside_cidr(tx, options.tunnel_inside_cidr, &id, 0)?;
    }
    let key = (id, outside);
    let settings = tx.state.tunnel_settings.entry(key).or_default();
    settings.merge(&options)?;
    tunnel.mtu = settings.mtu()?;
    tunnel.dpd_timeout_seconds = settings.dpd_timeout_seconds;
    let delay = tx.config.delays.vpn_tunnel_modify;
    replace(tx, connection, delay, |it| it == outside)
}

/// The tunnel with AWS's address `outside`.
fn tunnel_of(
    connection: &mut VpnConnection,
    outside: Ipv4Addr,
) -> Result<&mut VpnTunnel, ApiError> {
    let mut tunnels = connection.tunnels.iter_mut();
    let tunnel = tunnels.find(|it| it.outside_ip_address == outside);
    tunnel.ok_or_else(|| {
        error::invalid_value(
            &outside.to_string(),
            "VpnTunnelOutsideIpAddress",
            "the connection has no such tunnel",
        )
    })
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct ReplaceVpnTunnel {
    vpn_connection_id: VpnConnectionId,
    vpn_tunnel_outside_ip_address: Ipv4Addr,
    #[serde(default, rename = "ApplyPendingMaintenance")]
    _apply_pending_maintenance: Option<IgnoredAny>,
}

/// AWS's maintenance of an endpoint, now rather than when AWS does it.
pub(crate) fn replace_vpn_tunnel(tx: &mut Transaction<'_>, request: ReplaceVpnTunnel) -> Reply {
    let outside = request.vpn_tunnel_outside_ip_address;
    let mut connection = available(tx, &request.vpn_connection_id)?;
    tunnel_of(&mut connection, outside)?;
    let delay = tx.config.delays.vpn_tunnel_modify;
    replace(tx, connection, delay, |it| it == outside)?;
    Ok(json!({ "Return": true }))
}

/// `GetActiveVpnTunnelStatus` and `GetVpnTunnelReplacementStatus`.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct OneTunnel {
    vpn_connection_id: VpnConnectionId,
    vpn_tunnel_outside_ip_address: Ipv4Addr,
}

pub(crate) fn get_vpn_tunnel_replacement_status(reader: &Reader<'_>, request: OneTunnel) -> Reply {
    let found = reader.get::<VpnConnection>(&request.vpn_connection_id)?;
    let mut connection = VpnConnection::clone(found);
    let outside = request.vpn_tunnel_outside_ip_address;
    tunnel_of(&mut connection, outside)?;
    Ok(json!({
        "VpnConnectionId": connection.vpn_connection_id,
        "TransitGatewayId": connection.transit_gateway_id,
        "VpnGatewayId": connection.vpn_gateway_id,
        "CustomerGatewayId": connection.customer_gateway_id,
        "VpnTunnelOutsideIpAddress": outside,
        "MaintenanceDetails": { "PendingMaintenance": "none" },
    }))
}

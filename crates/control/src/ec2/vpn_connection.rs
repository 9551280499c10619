//! Site-to-site VPN connections with static routes (Amazon EC2 API Reference:
//! `CreateVpnConnection` and its kin; Site-to-Site VPN User Guide).
//!
//! A connection ends at a virtual private gateway. The customer's device is taken to be configured:
//! its tunnels come up with the connection, or when their modification is done.

use std::net::Ipv4Addr;
use std::sync::Arc;

use ipnet::Ipv4Net;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::{Value, json};
use smol_str::SmolStr;
use wirelab_model::*;

use crate::describe::{Field, Reader};
use crate::ec2::Settled;
use crate::ec2::vpn_gateway::check_type;
use crate::ec2::vpn_tunnel::{self, TunnelOptions};
use crate::state::State;
use crate::transaction::Transaction;
use crate::view::{done, each, maybe, one, tags, word};
use crate::{error, network};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct CreateVpnConnection {
    #[serde(rename = "Type")]
    connection_type: SmolStr,
    customer_gateway_id: CustomerGatewayId,
    vpn_gateway_id: Option<VpnGatewayId>,
    transit_gateway_id: Option<TransitGatewayId>,
    #[serde(default)]
    options: ConnectionOptions,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields, default)]
struct ConnectionOptions {
    static_routes_only: bool,
    tunnel_options: Vec<TunnelOptions>,
    #[serde(rename = "EnableAcceleration")]
    _enable_acceleration: Option<IgnoredAny>,
    #[serde(rename = "TunnelInsideIpVersion")]
    _tunnel_inside_ip_version: Option<IgnoredAny>,
    #[serde(rename = "LocalIpv4NetworkCidr")]
    _local_ipv4_network_cidr: Option<IgnoredAny>,
    #[serde(rename = "RemoteIpv4NetworkCidr")]
    _remote_ipv4_network_cidr: Option<IgnoredAny>,
    #[serde(rename = "OutsideIpAddressType")]
    _outside_ip_address_type: Option<IgnoredAny>,
}

pub(crate) fn create_vpn_connection(
    tx: &mut Transaction<'_>,
    request: CreateVpnConnection,
) -> Reply {
    check_type(&request.connection_type)?;
    tx.get::<CustomerGateway>(&request.customer_gateway_id)?;
    if request.transit_gateway_id.is_some() {
        return Err(error::unsupported(
            "VPN connections to transit gateways are not simulated; use a virtual private gateway",
        ));
    }
    let gateway_id = request.vpn_gateway_id;
    let gateway_id = gateway_id.ok_or_else(|| error::missing_parameter("VpnGatewayId"))?;
    tx.get::<VpnGateway>(&gateway_id)?;
    if !request.options.static_routes_only {
        return Err(error::unsupported(
            "Dynamic routing is not simulated; set Options.StaticRoutesOnly to true",
        ));
    }
    let id = tx.new_id::<VpnConnection>();
    let tunnels = tunnels(tx, &id, &request.options.tunnel_options)?;
    let connection = VpnConnection {
        vpn_connection_id: id.clone(),
        customer_gateway_id: request.customer_gateway_id,
        vpn_gateway_id: Some(gateway_id),
        transit_gateway_id: None,
        state: ResourceState::Pending,
        routes: Vec::new(),
        tunnels,
        owner_id: tx.owner.clone(),
        tags: tx.tags::<VpnConnection>()?,
    };
    let shown = show(&connection, tx.state);
    tx.put(connection);
    tx.settle_after::<VpnConnection>(&id, tx.config.delays.vpn_connection);
    Ok(json!({ "VpnConnection": shown }))
}

/// Both tunnels, down as yet.
fn tunnels(
    tx: &mut Transaction<'_>,
    id: &VpnConnectionId,
    options: &[TunnelOptions],
) -> Result<Vec<VpnTunnel>, ApiError> {
    if options.len() > 2 {
        return Err(error::invalid_parameter_value(
            "A connection has two tunnels",
        ));
    }
    let default = TunnelOptions::default();
    let mut tunnels: Vec<VpnTunnel> = Vec::new();
    for number in 0..2 {
        let options = options.get(number).unwrap_or(&default);
        let tunnel_inside_cidr =
            vpn_tunnel::inside_cidr(tx, options.tunnel_inside_cidr, id, number)?;
        if tunnels
            .iter()
            .any(|it| it.tunnel_inside_cidr == tunnel_inside_cidr)
        {
            return Err(error::invalid_parameter_value(format_args!(
                "Both tunnels have the inside block {tunnel_inside_cidr}"
            )));
        }
        let outside_ip_address = network::public_address(tx, &format!("{id}/{number}"));
        let key = (id.clone(), outside_ip_address);
        tx.state.tunnel_ciphers.insert(key, options.ciphers());
        tunnels.push(VpnTunnel {
            outside_ip_address,
            tunnel_inside_cidr,
            mtu: options.mtu()?,
            up: false,
        });
    }
    Ok(tunnels)
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct DeleteVpnConnection {
    vpn_connection_id: VpnConnectionId,
}

pub(crate) fn delete_vpn_connection(
    tx: &mut Transaction<'_>,
    request: DeleteVpnConnection,
) -> Reply {
    let id = request.vpn_connection_id;
    let connection = tx.edit::<VpnConnection>(&id)?;
    if !matches!(
        connection.state,
        ResourceState::Deleting | ResourceState::Deleted
    ) {
        connection.state = ResourceState::Deleting;
        for tunnel in &mut connection.tunnels {
            tunnel.up = false;
        }
        tx.settle_after::<VpnConnection>(&id, tx.config.delays.vpn_connection);
    }
    Ok(done())
}

/// `pending` and `modifying` become `available`, with both tunnels up; `deleting` becomes
/// `deleted`.
pub(crate) fn settle(id: &VpnConnectionId, state: &mut State) -> Settled {
    let Some(connection) = state.resources.vpn_connections.get_mut(id) else {
        return Settled::Lasting;
    };
    let connection = Arc::make_mut(connection);
    match connection.state {
        ResourceState::Pending | ResourceState::Modifying => {
            connection.state = ResourceState::Available;
            for tunnel in &mut connection.tunnels {
                tunnel.up = true;
            }
            Settled::Lasting
        }
        ResourceState::Deleting => {
            connection.state = ResourceState::Deleted;
            Settled::Gone
        }
        ResourceState::Available | ResourceState::Deleted => Settled::Lasting,
    }
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

/// The tunnel is down while it is being changed.
pub(crate) fn modify_vpn_tunnel_options(
    tx: &mut Transaction<'_>,
    request: ModifyVpnTunnelOptions,
) -> Reply {
    let id = request.vpn_connection_id;
    let outside = request.vpn_tunnel_outside_ip_address;
    let options = request.tunnel_options;
    let mut connection = VpnConnection::clone(tx.get::<VpnConnection>(&id)?);
    if connection.state != ResourceState::Available {
        return Err(error::incorrect_state(format_args!(
            "The VPN connection '{id}' is not in the available state"
        )));
    }
    let mut tunnels = connection.tunnels.iter_mut();
    let tunnel = tunnels.find(|it| it.outside_ip_address == outside);
    let tunnel = tunnel.ok_or_else(|| {
        error::invalid_value(
            &outside.to_string(),
            "VpnTunnelOutsideIpAddress",
            "the connection has no such tunnel",
        )
    })?;
    if options.tunnel_inside_cidr.is_some() {
        tunnel.tunnel_inside_cidr =
            vpn_tunnel::inside_cidr(tx, options.tunnel_inside_cidr, &id, 0)?;
    }
    tunnel.mtu = options.mtu()?;
    tunnel.up = false;
    connection.state = ResourceState::Modifying;
    let key = (id.clone(), outside);
    tx.state.tunnel_ciphers.insert(key, options.ciphers());
    let shown = show(&connection, tx.state);
    tx.put(connection);
    tx.settle_after::<VpnConnection>(&id, tx.config.delays.vpn_tunnel_modify);
    Ok(json!({ "VpnConnection": shown }))
}

/// `CreateVpnConnectionRoute` and `DeleteVpnConnectionRoute`.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct ConnectionRoute {
    vpn_connection_id: VpnConnectionId,
    destination_cidr_block: Ipv4Net,
}

pub(crate) fn create_vpn_connection_route(
    tx: &mut Transaction<'_>,
    request: ConnectionRoute,
) -> Reply {
    let destination_cidr_block = request.destination_cidr_block.trunc();
    let connection = tx.edit::<VpnConnection>(&request.vpn_connection_id)?;
    let known = |it: &VpnStaticRoute| it.destination_cidr_block == destination_cidr_block;
    if !connection.routes.iter().any(known) {
        connection.routes.push(VpnStaticRoute {
            destination_cidr_block,
            state: ResourceState::Available,
        });
    }
    Ok(done())
}

pub(crate) fn delete_vpn_connection_route(
    tx: &mut Transaction<'_>,
    request: ConnectionRoute,
) -> Reply {
    let destination = request.destination_cidr_block.trunc();
    let connection = tx.edit::<VpnConnection>(&request.vpn_connection_id)?;
    let known = |it: &VpnStaticRoute| it.destination_cidr_block == destination;
    let index = connection.routes.iter().position(known);
    let index =
        index.ok_or_else(|| error::route_not_found(destination, &request.vpn_connection_id))?;
    connection.routes.remove(index);
    Ok(done())
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct DescribeVpnConnections {
    #[serde(default)]
    vpn_connection_ids: Vec<VpnConnectionId>,
}

const FIELDS: &[Field<VpnConnection>] = &[
    ("vpn-connection-id", |it, _| one(&it.vpn_connection_id)),
    ("customer-gateway-id", |it, _| one(&it.customer_gateway_id)),
    ("vpn-gateway-id", |it, _| maybe(it.vpn_gateway_id.as_ref())),
    ("state", |it, _| one(word(it.state))),
    ("option.static-routes-only", |_, _| one(true)),
    ("route.destination-cidr-block", |it, _| {
        each(it.routes.iter().map(|it| it.destination_cidr_block))
    }),
    ("type", |_, _| one("ipsec.1")),
];

pub(crate) fn describe_vpn_connections(
    reader: &Reader<'_>,
    request: DescribeVpnConnections,
) -> Reply {
    reader.describe(
        "VpnConnections",
        &request.vpn_connection_ids,
        FIELDS,
        |it| show(it, reader.state),
    )
}

fn show(connection: &VpnConnection, state: &State) -> Value {
    let routes = connection.routes.iter().map(|it| {
        json!({
            "DestinationCidrBlock": it.destination_cidr_block,
            "Source": "Static",
            "State": it.state,
        })
    });
    let tunnels = connection.tunnels.iter();
    json!({
        "VpnConnectionId": connection.vpn_connection_id,
        "CustomerGatewayId": connection.customer_gateway_id,
        "VpnGatewayId": connection.vpn_gateway_id,
        "State": connection.state,
        "Type": "ipsec.1",
        "Category": "VPN",
        "Options": {
            "EnableAcceleration": false,
            "StaticRoutesOnly": true,
            "TunnelInsideIpVersion": "ipv4",
            "TunnelOptions": tunnels.clone().map(|it| show_tunnel(it, connection, state))
                .collect::<Vec<_>>(),
        },
        "Routes": routes.collect::<Vec<_>>(),
        "VgwTelemetry": tunnels.map(|it| show_telemetry(it, connection)).collect::<Vec<_>>(),
        "Tags": tags(&connection.tags),
    })
}

fn show_tunnel(tunnel: &VpnTunnel, connection: &VpnConnection, state: &State) -> Value {
    let key = (
        connection.vpn_connection_id.clone(),
        tunnel.outside_ip_address,
    );
    let ciphers = state.tunnel_ciphers.get(&key).cloned().unwrap_or_default();
    let listed = |list: Vec<vpn_tunnel::Algorithm>| (!list.is_empty()).then_some(list);
    json!({
        "OutsideIpAddress": tunnel.outside_ip_address,
        "TunnelInsideCidr": tunnel.tunnel_inside_cidr,
        "Phase2EncryptionAlgorithms": listed(ciphers.encryption),
        "Phase2IntegrityAlgorithms": listed(ciphers.integrity),
    })
}

fn show_telemetry(tunnel: &VpnTunnel, connection: &VpnConnection) -> Value {
    json!({
        "OutsideIpAddress": tunnel.outside_ip_address,
        "Status": if tunnel.up { "UP" } else { "DOWN" },
        "StatusMessage": "",
        "AcceptedRouteCount": connection.routes.len(),
    })
}

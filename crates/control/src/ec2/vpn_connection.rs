//! Site-to-site VPN connections with static routes (Amazon EC2 API Reference:
//! `CreateVpnConnection` and its kin; Site-to-Site VPN User Guide).
//!
//! A connection ends at a virtual private gateway or, by an attachment, at a transit gateway. It is
//! in service after its states; whether its tunnels are up is the data plane's to tell. What is
//! changed later is in `vpn_modification`.

use std::net::Ipv4Addr;
use std::sync::Arc;

use ipnet::Ipv4Net;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::{Value, json};
use smol_str::SmolStr;
use wirelab_model::*;

use crate::clock::iso8601;
use crate::describe::{Field, Reader};
use crate::ec2::vpn_gateway::check_type;
use crate::ec2::vpn_tunnel::{self, TunnelOptions, TunnelSettings};
use crate::ec2::{Settled, transit_gateway, transit_gateway_attachment};
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
    if !request.options.static_routes_only {
        return Err(error::unsupported(
            "Dynamic routing is not simulated; set Options.StaticRoutesOnly to true",
        ));
    }
    let end = End::of(tx, request.vpn_gateway_id, request.transit_gateway_id)?;
    check_quotas(tx, &end)?;
    let id = tx.new_id::<VpnConnection>();
    let tunnels = tunnels(tx, &id, &request.options.tunnel_options)?;
    let mut connection = VpnConnection {
        vpn_connection_id: id.clone(),
        customer_gateway_id: request.customer_gateway_id,
        vpn_gateway_id: None,
        transit_gateway_id: None,
        state: ResourceState::Pending,
        static_routes_only: true,
        routes: Vec::new(),
        tunnels,
        owner_id: tx.owner.clone(),
        tags: tx.tags::<VpnConnection>()?,
    };
    attach(tx, &mut connection, end)?;
    let shown = show(&connection, tx.state);
    tx.put(connection);
    tx.settle_after::<VpnConnection>(&id, tx.config.delays.vpn_connection);
    Ok(json!({ "VpnConnection": shown }))
}

/// Where AWS's end of a connection is.
pub(super) enum End {
    VpnGateway(VpnGatewayId),
    TransitGateway(TransitGatewayId),
    /// At no gateway as yet: `ModifyVpnConnection` gives it one.
    Nowhere,
}

impl End {
    /// The gateway that a call names, which must be there.
    pub(super) fn of(
        tx: &Transaction<'_>,
        vpn: Option<VpnGatewayId>,
        transit: Option<TransitGatewayId>,
    ) -> Result<Self, ApiError> {
        match (vpn, transit) {
            (Some(_), Some(_)) => Err(error::combination(
                "Only one of VpnGatewayId, TransitGatewayId",
            )),
            (Some(id), None) => {
                tx.get::<VpnGateway>(&id)?;
                Ok(Self::VpnGateway(id))
            }
            (None, Some(id)) => {
                transit_gateway::available(tx, &id)?;
                Ok(Self::TransitGateway(id))
            }
            (None, None) => Ok(Self::Nowhere),
        }
    }
}

/// 50 connections of an account in a Region, 10 of a virtual private gateway (Site-to-Site VPN User
/// Guide, "Quotas").
fn check_quotas(tx: &Transaction<'_>, end: &End) -> Result<(), ApiError> {
    let connections = tx.each::<VpnConnection>();
    let alive = connections.filter(|it| it.state != ResourceState::Deleted);
    let alive: Vec<_> = alive.filter(|it| it.owner_id == tx.owner).collect();
    let of_gateway = |it: &&&VpnConnection| match end {
        End::VpnGateway(id) => it.vpn_gateway_id.as_ref() == Some(id),
        _ => false,
    };
    let at_gateway = alive.iter().filter(of_gateway).count();
    let quotas = &tx.quotas();
    if alive.len() >= quotas.vpn_connections || at_gateway >= quotas.vpn_connections_per_gateway {
        return Err(error::vpn_connection_limit());
    }
    Ok(())
}

/// Brings the connection to its gateway: at a transit gateway it gets an attachment.
pub(super) fn attach(
    tx: &mut Transaction<'_>,
    connection: &mut VpnConnection,
    end: End,
) -> Result<(), ApiError> {
    match end {
        End::VpnGateway(id) => connection.vpn_gateway_id = Some(id),
        End::TransitGateway(id) => {
            let gateway = transit_gateway::available(tx, &id)?;
            connection.transit_gateway_id = Some(id);
            let vpn = connection.vpn_connection_id.clone();
            let resource = TransitGatewayAttachedResource::Vpn(vpn);
            let owner = connection.owner_id.clone();
            let attachment = transit_gateway_attachment::make(tx, &gateway, resource, owner)?;
            let id = attachment.transit_gateway_attachment_id.clone();
            tx.put(attachment);
            transit_gateway_attachment::propagate_by_default(tx, &gateway, &id)?;
            tx.settle_after::<TransitGatewayAttachment>(&id, tx.config.delays.vpn_connection);
        }
        End::Nowhere => {}
    }
    Ok(())
}

/// Takes the connection from its gateway.
pub(super) fn detach(tx: &mut Transaction<'_>, connection: &mut VpnConnection) {
    connection.vpn_gateway_id = None;
    connection.transit_gateway_id = None;
    let id = &connection.vpn_connection_id;
    let attachments = tx.each::<TransitGatewayAttachment>();
    let own: Vec<_> = attachments
        .filter(|it| it.vpn_connection_id() == Some(id) && !it.state.has_ended())
        .cloned()
        .collect();
    for mut attachment in own {
        attachment.state = TransitGatewayAttachmentState::Deleting;
        let id = attachment.transit_gateway_attachment_id.clone();
        tx.put(attachment);
        tx.settle_after::<TransitGatewayAttachment>(&id, tx.config.delays.vpn_connection);
    }
}

/// Both tunnels. In a scenario's structure they are taken to be up; else the data plane tells.
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
        let mut settings = TunnelSettings::default();
        settings.merge(options)?;
        tunnels.push(VpnTunnel {
            outside_ip_address,
            tunnel_inside_cidr,
            mtu: settings.mtu()?,
            in_service: false,
            dpd_timeout_seconds: settings.dpd_timeout_seconds,
            up: tx.is_structural(),
            last_status_change: tx.utc(),
        });
        let key = (id.clone(), outside_ip_address);
        tx.state.tunnel_settings.insert(key, settings);
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
    let mut connection = VpnConnection::clone(tx.get::<VpnConnection>(&id)?);
    if matches!(
        connection.state,
        ResourceState::Deleting | ResourceState::Deleted
    ) {
        return Ok(done());
    }
    connection.state = ResourceState::Deleting;
    let end = (
        connection.vpn_gateway_id.clone(),
        connection.transit_gateway_id.clone(),
    );
    detach(tx, &mut connection);
    (connection.vpn_gateway_id, connection.transit_gateway_id) = end;
    out_of_service(tx, &mut connection, |_| true);
    tx.put(connection);
    tx.settle_after::<VpnConnection>(&id, tx.config.delays.vpn_connection);
    Ok(done())
}

/// Takes the endpoints of the tunnels with these addresses out of service.
pub(super) fn out_of_service(
    tx: &Transaction<'_>,
    connection: &mut VpnConnection,
    which: impl Fn(Ipv4Addr) -> bool,
) {
    let tunnels = connection.tunnels.iter_mut();
    for tunnel in tunnels.filter(|it| which(it.outside_ip_address)) {
        tunnel.in_service = false;
        if tunnel.up {
            tunnel.up = false;
            tunnel.last_status_change = tx.utc();
        }
    }
}

/// `pending` and `modifying` become `available`, with both endpoints in service: the tunnels come
/// up when the customer's device has negotiated them, which the data plane tells. `deleting`
/// becomes `deleted`.
pub(crate) fn settle(id: &VpnConnectionId, state: &mut State) -> Settled {
    let Some(connection) = state.resources.vpn_connections.get_mut(id) else {
        return Settled::Lasting;
    };
    let connection = Arc::make_mut(connection);
    match connection.state {
        ResourceState::Pending | ResourceState::Modifying => {
            connection.state = ResourceState::Available;
            for tunnel in &mut connection.tunnels {
                tunnel.in_service = true;
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

/// The data plane tells that a tunnel has gone up or down.
pub(crate) fn observe(
    id: &VpnConnectionId,
    outside: Ipv4Addr,
    up: bool,
    at: UnixTime,
    state: &mut State,
) {
    let Some(connection) = state.resources.vpn_connections.get_mut(id) else {
        return;
    };
    let mut tunnels = Arc::make_mut(connection).tunnels.iter_mut();
    let tunnel = tunnels.find(|it| it.outside_ip_address == outside);
    if let Some(tunnel) = tunnel.filter(|it| it.up != up) {
        tunnel.up = up;
        tunnel.last_status_change = at;
    }
}

/// `CreateVpnConnectionRoute` and `DeleteVpnConnectionRoute`.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct ConnectionRoute {
    vpn_connection_id: VpnConnectionId,
    destination_cidr_block: Ipv4Net,
}

/// The connection, if it takes static routes: those of a transit gateway are its route table's.
fn takes_routes<'t>(
    tx: &'t mut Transaction<'_>,
    id: &VpnConnectionId,
) -> Result<&'t mut VpnConnection, ApiError> {
    let connection = tx.edit::<VpnConnection>(id)?;
    match connection.state {
        ResourceState::Deleting | ResourceState::Deleted => Err(error::vpn_connection_state(id)),
        _ if connection.transit_gateway_id.is_some() => Err(error::unsupported(format_args!(
            "{id} is attached to a transit gateway: its static routes are in the transit gateway \
            route tables, see CreateTransitGatewayRoute"
        ))),
        _ => Ok(connection),
    }
}

pub(crate) fn create_vpn_connection_route(
    tx: &mut Transaction<'_>,
    request: ConnectionRoute,
) -> Reply {
    let destination_cidr_block = request.destination_cidr_block.trunc();
    let limit = tx.quotas().routes_per_vpn_connection;
    let connection = takes_routes(tx, &request.vpn_connection_id)?;
    let known = |it: &VpnStaticRoute| it.destination_cidr_block == destination_cidr_block;
    if connection.routes.iter().any(known) {
        return Ok(done());
    }
    if connection.routes.len() >= limit {
        return Err(error::vpn_route_limit(&request.vpn_connection_id));
    }
    connection.routes.push(VpnStaticRoute {
        destination_cidr_block,
        state: ResourceState::Available,
    });
    Ok(done())
}

pub(crate) fn delete_vpn_connection_route(
    tx: &mut Transaction<'_>,
    request: ConnectionRoute,
) -> Reply {
    let destination = request.destination_cidr_block.trunc();
    let connection = takes_routes(tx, &request.vpn_connection_id)?;
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
    ("transit-gateway-id", |it, _| {
        maybe(it.transit_gateway_id.as_ref())
    }),
    ("state", |it, _| one(word(it.state))),
    ("option.static-routes-only", |it, _| {
        one(it.static_routes_only)
    }),
    ("route.destination-cidr-block", |it, _| {
        each(it.routes.iter().map(|it| it.destination_cidr_block))
    }),
    ("type", |_, _| one("ipsec.1")),
    ("bgp-asn", |it, resources| {
        let gateway = resources.customer_gateways.get(&it.customer_gateway_id);
        maybe(gateway.map(|it| it.bgp_asn))
    }),
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

pub(super) fn show(connection: &VpnConnection, state: &State) -> Value {
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
        "TransitGatewayId": connection.transit_gateway_id,
        "GatewayAssociationState": association_state(connection),
        "State": connection.state,
        "Type": "ipsec.1",
        "Category": "VPN",
        "Options": {
            "EnableAcceleration": false,
            "StaticRoutesOnly": connection.static_routes_only,
            "TunnelInsideIpVersion": "ipv4",
            "TunnelOptions": tunnels.clone().map(|it| show_tunnel(it, connection, state))
                .collect::<Vec<_>>(),
        },
        "Routes": routes.collect::<Vec<_>>(),
        "VgwTelemetry": tunnels.map(|it| show_telemetry(it, connection)).collect::<Vec<_>>(),
        "Tags": tags(&connection.tags),
    })
}

fn association_state(connection: &VpnConnection) -> &'static str {
    match (&connection.vpn_gateway_id, &connection.transit_gateway_id) {
        (None, None) => "not-associated",
        _ => "associated",
    }
}

fn show_tunnel(tunnel: &VpnTunnel, connection: &VpnConnection, state: &State) -> Value {
    let key = (
        connection.vpn_connection_id.clone(),
        tunnel.outside_ip_address,
    );
    let settings = state.tunnel_settings.get(&key).cloned().unwrap_or_default();
    let listed = |list: Vec<vpn_tunnel::Algorithm>| (!list.is_empty()).then_some(list);
    json!({
        "OutsideIpAddress": tunnel.outside_ip_address,
        "TunnelInsideCidr": tunnel.tunnel_inside_cidr,
        "DpdTimeoutSeconds": tunnel.dpd_timeout_seconds,
        "DpdTimeoutAction": settings.dpd_timeout_action,
        "StartupAction": settings.startup_action,
        "Phase2EncryptionAlgorithms": listed(settings.encryption),
        "Phase2IntegrityAlgorithms": listed(settings.integrity),
    })
}

fn show_telemetry(tunnel: &VpnTunnel, connection: &VpnConnection) -> Value {
    json!({
        "OutsideIpAddress": tunnel.outside_ip_address,
        "Status": if tunnel.up { "UP" } else { "DOWN" },
        "LastStatusChange": iso8601(tunnel.last_status_change),
        "StatusMessage": "",
        "AcceptedRouteCount": connection.routes.len(),
    })
}

//! What VPN tunnels report to CloudWatch.
//!
//! Site-to-Site VPN guide, "Monitor VPN tunnels using Amazon CloudWatch": the state as AWS's end
//! sees it when the minute ends, and the octets of inner packets in both directions, seen from AWS.

use std::net::Ipv4Addr;

use wirelab_model::{MetricUnit, SimTime, VpnConnectionId};

use super::State;
use super::plan::Plan;
use crate::event::VpnEnd;
use crate::metrics::{Family, Metrics, Source, Table};

/// The metrics of a tunnel.
pub(crate) const METRICS: Table = Table {
    namespace: "AWS/VPN",
    metrics: &[
        ("TunnelDataIn", MetricUnit::Bytes),
        ("TunnelDataOut", MetricUnit::Bytes),
        ("TunnelState", MetricUnit::None),
    ],
};

/// Place of `TunnelDataIn` or `TunnelDataOut` in [`METRICS`], by who sends.
pub(super) const fn data(from: VpnEnd) -> usize {
    match from {
        VpnEnd::Customer => 0,
        VpnEnd::Aws => 1,
    }
}

const STATE: usize = 2;

/// A tunnel as a source of metrics.
pub(super) fn source(connection: &VpnConnectionId, outside: Ipv4Addr) -> Source {
    let outside = outside.to_string();
    let dimensions = [
        ("TunnelIpAddress", outside.as_str()),
        ("VpnId", connection.as_str()),
    ];
    Source::new(Family::Vpn, dimensions)
}

pub(super) fn is_measured(plan: &Plan) -> bool {
    !plan.vpn_connections.is_empty()
}

pub(super) fn measure(plan: &Plan, state: &State, now: SimTime, metrics: &mut Metrics) {
    for connection in &plan.vpn_connections {
        for (number, source) in (1..).zip(&connection.metrics) {
            let mut up = state.tunnels.up(connection.id(), VpnEnd::Aws, now);
            let is_up = up.any(|it| it == number);
            metrics.add(source, &[(STATE, u64::from(is_up))]);
        }
    }
}

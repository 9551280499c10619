//! What a NAT gateway reports to CloudWatch.
//!
//! Amazon VPC User Guide, "NAT gateway metrics and dimensions" (`facts.md` 2.4). Connections are
//! TCP's, as that page says of the active ones; bytes are IP total lengths. A gateway in service
//! reports every metric, zeros too. Every packet that the gateway itself drops is in
//! `PacketsDropCount` (our reading), those without a free port included.

use wirelab_model::{MetricUnit, NatGatewayId, NatGatewayState, SimTime};
use wirelab_wire::IpPacket;

use super::nat_gateway::NatGateway;
use super::plan::Plan;
use super::{State, Walk};
use crate::metrics::{Family, Metrics, Source, Table};
use crate::trace::Watch;

/// The gateway's metrics, in the order of [`Metric`].
pub(crate) const METRICS: Table = Table {
    namespace: "AWS/NATGateway",
    metrics: &[
        ("ActiveConnectionCount", MetricUnit::Count),
        ("BytesInFromDestination", MetricUnit::Bytes),
        ("BytesInFromSource", MetricUnit::Bytes),
        ("BytesOutToDestination", MetricUnit::Bytes),
        ("BytesOutToSource", MetricUnit::Bytes),
        ("ConnectionAttemptCount", MetricUnit::Count),
        ("ConnectionEstablishedCount", MetricUnit::Count),
        ("ErrorPortAllocation", MetricUnit::Count),
        ("IdleTimeoutCount", MetricUnit::Count),
        ("PacketsDropCount", MetricUnit::Count),
        ("PacketsInFromDestination", MetricUnit::Count),
        ("PacketsInFromSource", MetricUnit::Count),
        ("PacketsOutToDestination", MetricUnit::Count),
        ("PacketsOutToSource", MetricUnit::Count),
    ],
};

/// A metric by its place in [`METRICS`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Metric {
    ActiveConnectionCount,
    BytesInFromDestination,
    BytesInFromSource,
    BytesOutToDestination,
    BytesOutToSource,
    ConnectionAttemptCount,
    ConnectionEstablishedCount,
    ErrorPortAllocation,
    IdleTimeoutCount,
    PacketsDropCount,
    PacketsInFromDestination,
    PacketsInFromSource,
    PacketsOutToDestination,
    PacketsOutToSource,
}

/// From which side a packet comes, or to which it goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    /// The hosts behind the gateway.
    Source,
    /// What they speak to.
    Destination,
}

/// The gateway as a source of metrics.
pub(super) fn source(id: &NatGatewayId) -> Source {
    Source::new(Family::NatGateway, [("NatGatewayId", id.as_str())])
}

pub(super) fn is_measured(plan: &Plan) -> bool {
    plan.nat_gateways.iter().any(NatGateway::is_in_service)
}

pub(super) fn measure(plan: &Plan, state: &mut State, now: SimTime, metrics: &mut Metrics) {
    for nat in plan.nat_gateways.iter().filter(|it| it.is_in_service()) {
        let sampled = nat.table_in(state).map(|it| it.sample(now));
        let sampled = sampled.unwrap_or_default();
        let counts = [
            (Metric::ActiveConnectionCount as usize, sampled.active),
            (Metric::IdleTimeoutCount as usize, sampled.idle_timeouts),
        ];
        metrics.add(&nat.metrics, &counts);
    }
}

impl NatGateway {
    fn is_in_service(&self) -> bool {
        self.source.state == NatGatewayState::Available
    }
}

impl<W: Watch> Walk<'_, W> {
    pub(super) fn nat_count(&mut self, nat: &NatGateway, metric: Metric) {
        self.watch.count(&nat.metrics, &[(metric as usize, 1)]);
    }

    /// A packet has come in from a side.
    pub(super) fn nat_in(&mut self, nat: &NatGateway, from: Side, packet: &IpPacket) {
        let (packets, bytes) = match from {
            Side::Source => (Metric::PacketsInFromSource, Metric::BytesInFromSource),
            Side::Destination => (
                Metric::PacketsInFromDestination,
                Metric::BytesInFromDestination,
            ),
        };
        let octets = packet.total_len() as u64;
        let counts = [(packets as usize, 1), (bytes as usize, octets)];
        self.watch.count(&nat.metrics, &counts);
    }

    /// A packet goes out to a side.
    pub(super) fn nat_out(&mut self, nat: &NatGateway, to: Side, packet: &IpPacket) {
        let (packets, bytes) = match to {
            Side::Source => (Metric::PacketsOutToSource, Metric::BytesOutToSource),
            Side::Destination => (
                Metric::PacketsOutToDestination,
                Metric::BytesOutToDestination,
            ),
        };
        let octets = packet.total_len() as u64;
        let counts = [(packets as usize, 1), (bytes as usize, octets)];
        self.watch.count(&nat.metrics, &counts);
    }
}

//! What an interface endpoint reports to CloudWatch, as a whole and for each of its subnets.
//!
//! AWS PrivateLink Guide, "CloudWatch metrics for AWS PrivateLink": data come for minutes in which
//! the endpoint has received traffic, and gateway endpoints have none. Bytes are IP total lengths
//! in both directions. Connections are TCP's: active from the SYN to the first FIN, new when the
//! third segment of the handshake has passed. `PacketsDropped` counts what the endpoint drops
//! itself, as too long or while it is not available; what its security groups refuse has not come
//! to it (our reading).

use serde::{Deserialize, Serialize};
use wirelab_model::{MetricUnit, SimTime, VpcEndpoint};
use wirelab_wire::{IpPacket, TcpFlags};

use super::plan::{InterfaceIndex, Plan};
use super::{State, Walk};
use crate::metrics::{Count, Family, Metrics, Source, Table};

/// The metrics of an endpoint.
pub(crate) const METRICS: Table = Table {
    namespace: "AWS/PrivateLinkEndpoints",
    metrics: &[
        ("ActiveConnections", MetricUnit::Count),
        ("BytesProcessed", MetricUnit::Bytes),
        ("NewConnections", MetricUnit::Count),
        ("PacketsDropped", MetricUnit::Count),
        ("RstPacketsReceived", MetricUnit::Count),
    ],
};

/// What one interface of an endpoint has done in the minute.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub(super) struct Processed {
    received: bool,
    octets: u64,
    dropped: u64,
    resets: u64,
}

/// The endpoint as a source of metrics.
pub(super) fn source(endpoint: &VpcEndpoint) -> Source {
    let [kind, service, id, vpc] = dimensions(endpoint);
    Source::new(Family::Endpoint, [kind, service, id, vpc])
}

/// The endpoint as a source of metrics in one of its subnets.
pub(super) fn source_in(endpoint: &VpcEndpoint, subnet: &str) -> Source {
    let [kind, service, id, vpc] = dimensions(endpoint);
    let subnet = ("Subnet Id", subnet);
    Source::new(Family::Endpoint, [kind, service, subnet, id, vpc])
}

fn dimensions(endpoint: &VpcEndpoint) -> [(&'static str, &str); 4] {
    [
        ("Endpoint Type", "Interface"),
        ("Service Name", endpoint.service_name.as_str()),
        ("VPC Endpoint Id", endpoint.vpc_endpoint_id.as_str()),
        ("VPC Id", endpoint.vpc_id.as_str()),
    ]
}

pub(super) fn is_measured(plan: &Plan) -> bool {
    plan.endpoints.iter().any(|it| !it.interfaces.is_empty())
}

pub(super) fn measure(plan: &Plan, state: &mut State, now: SimTime, metrics: &mut Metrics) {
    for endpoint in &plan.endpoints {
        for (interface, source) in endpoint.interfaces.iter().zip(&endpoint.metrics_by_subnet) {
            let Some(counts) = sample(state, *interface, now) else {
                continue;
            };
            metrics.add(source, &counts);
            metrics.add(&endpoint.metrics, &counts);
        }
    }
}

/// The minute's counts of an interface, unless it has received nothing.
fn sample(state: &mut State, interface: InterfaceIndex, now: SimTime) -> Option<[Count; 5]> {
    let state = state.interface(interface);
    let processed = std::mem::take(&mut state.processed);
    let established = state.conntrack.take_established();
    processed.received.then(|| {
        [
            (0, state.conntrack.active(now)),
            (1, processed.octets),
            (2, established),
            (3, processed.dropped),
            (4, processed.resets),
        ]
    })
}

impl<W> Walk<'_, W> {
    /// A packet has come to an interface of an endpoint, past its groups.
    pub(super) fn endpoint_received(&mut self, interface: InterfaceIndex, packet: &IpPacket) {
        let processed = &mut self.state.interface(interface).processed;
        processed.received = true;
        let segment = packet.as_tcp();
        let is_reset = segment.is_some_and(|it| it.flags.contains(TcpFlags::RST));
        processed.resets += u64::from(is_reset);
    }

    /// The endpoint has dropped it.
    pub(super) fn endpoint_dropped(&mut self, interface: InterfaceIndex) {
        self.state.interface(interface).processed.dropped += 1;
    }

    /// A packet has passed between the endpoint and the service, either way.
    pub(super) fn endpoint_processed(&mut self, interface: InterfaceIndex, packet: &IpPacket) {
        let octets = packet.total_len() as u64;
        self.state.interface(interface).processed.octets += octets;
    }
}

//! What transit gateways and their attachments report to CloudWatch.
//!
//! Transit Gateway guide, "CloudWatch metrics" (`facts.md` 2.9). Bytes are IP total lengths. What a
//! gateway drops is counted at the attachment by which it entered.

use wirelab_model::{MetricUnit, TransitGatewayAttachmentId, TransitGatewayId};
use wirelab_wire::IpPacket;

use super::Walk;
use super::plan::{AttachmentIndex, Plan, TransitIndex};
use crate::metrics::{Family, Metrics, Source, Table};
use crate::trace::Watch;

/// The metrics of a gateway and of an attachment.
pub(crate) const METRICS: Table = Table {
    namespace: "AWS/TransitGateway",
    metrics: &[
        ("BytesDropCountBlackhole", MetricUnit::Bytes),
        ("BytesDropCountNoRoute", MetricUnit::Bytes),
        ("BytesIn", MetricUnit::Bytes),
        ("BytesOut", MetricUnit::Bytes),
        ("PacketDropCountBlackhole", MetricUnit::Count),
        ("PacketDropCountNoRoute", MetricUnit::Count),
        ("PacketDropCountTTLExpired", MetricUnit::Count),
        ("PacketsIn", MetricUnit::Count),
        ("PacketsOut", MetricUnit::Count),
    ],
};

/// What happens to a packet, with the metrics of its bytes and of its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Happens {
    In,
    Out,
    Blackhole,
    NoRoute,
    TtlExpired,
}

impl Happens {
    /// Places in [`METRICS`].
    const fn metrics(self) -> (Option<usize>, usize) {
        match self {
            Self::In => (Some(2), 7),
            Self::Out => (Some(3), 8),
            Self::Blackhole => (Some(0), 4),
            Self::NoRoute => (Some(1), 5),
            Self::TtlExpired => (None, 6),
        }
    }
}

/// A gateway as a source of metrics.
pub(super) fn of_gateway(id: &TransitGatewayId) -> Source {
    Source::new(Family::TransitGateway, [("TransitGateway", id.as_str())])
}

/// An attachment as a source of metrics, at one of its gateways.
pub(super) fn of_attachment(gateway: &TransitGatewayId, id: &TransitGatewayAttachmentId) -> Source {
    let dimensions = [
        ("TransitGateway", gateway.as_str()),
        ("TransitGatewayAttachment", id.as_str()),
    ];
    Source::new(Family::TransitGateway, dimensions)
}

pub(super) fn is_measured(plan: &Plan) -> bool {
    !plan.transit_gateways.is_empty()
}

/// Gateways and attachments report zeros as well.
pub(super) fn measure(plan: &Plan, metrics: &mut Metrics) {
    for gateway in &plan.transit_gateways {
        metrics.add(&gateway.metrics, &[]);
    }
    for attachment in &plan.attachments {
        for (_, source) in &attachment.metrics {
            metrics.add(source, &[]);
        }
    }
}

impl<W: Watch> Walk<'_, W> {
    /// Counts a packet at a gateway and one of its attachments.
    pub(super) fn transit_count(
        &mut self,
        gateway: TransitIndex,
        attachment: AttachmentIndex,
        happens: Happens,
        packet: &IpPacket,
    ) {
        let plan = self.plan;
        let (bytes, packets) = happens.metrics();
        let octets = packet.total_len() as u64;
        let counts = [(packets, 1), (bytes.unwrap_or(packets), octets)];
        let counts = &counts[..1 + usize::from(bytes.is_some())];
        self.watch
            .count(&plan.transit_gateway(gateway).metrics, counts);
        let mut sources = plan.attachment(attachment).metrics.iter();
        if let Some((_, source)) = sources.find(|(at, _)| *at == gateway) {
            self.watch.count(source, counts);
        }
    }
}

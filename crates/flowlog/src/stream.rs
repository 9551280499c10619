//! The CloudWatch Logs destination: one stream an interface, one event a record.

use wirelab_model::{FlowAction, FlowRecord, NetworkInterfaceId, TrafficType};

/// The log stream of an interface: `eni-0123456789abcdef0-all`, or `-accept`, `-reject`.
#[must_use]
pub fn stream_name(interface: &NetworkInterfaceId, traffic: TrafficType) -> String {
    let suffix = match traffic {
        TrafficType::Accept => "accept",
        TrafficType::Reject => "reject",
        TrafficType::All => "all",
    };
    format!("{interface}-{suffix}")
}

/// The event's timestamp in milliseconds since the epoch: the record's `start`, whole seconds.
#[must_use]
pub fn timestamp_ms(record: &FlowRecord) -> u64 {
    record.start.as_secs() * 1000
}

/// Whether a flow log of this traffic type holds the record. NODATA and SKIPDATA records stand for
/// no verdict and are in every log.
#[must_use]
pub fn records_traffic(traffic: TrafficType, record: &FlowRecord) -> bool {
    match (&record.flow, traffic) {
        (None, _) | (_, TrafficType::All) => true,
        (Some(flow), TrafficType::Accept) => flow.action == FlowAction::Accept,
        (Some(flow), TrafficType::Reject) => flow.action == FlowAction::Reject,
    }
}

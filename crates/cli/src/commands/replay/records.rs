//! Flow-log records of the interface that a capture was made on.

use std::net::IpAddr;

use wirelab_flowlog::LogFormat;
use wirelab_model::{
    FlowAction, FlowDirection, FlowRecord, NetworkInterfaceId, Place, TrafficType,
};
use wirelab_query::LogGroup;
use wirelab_simulator::flow::{Aggregator, RecordedInterface, Seen};

use super::source::Packet;
use crate::failure::Failure;

/// What stands for the ids that a capture does not know.
const ACCOUNT: &str = "000000000000";
const INTERFACE: &str = "eni-00000000000000000";

/// A window with more flows than this is closed early, so that a port scan does not fill memory.
const FLOWS_HELD: usize = 1_000_000;
/// Records that a query may look at.
const QUERIED: usize = 4_000_000;

/// Makes records from packets.
pub(super) struct Records {
    interface: RecordedInterface,
    own: Vec<IpAddr>,
    aggregator: Aggregator,
    format: LogFormat,
    made: Vec<FlowRecord>,
    foreign: u64,
}

impl Records {
    pub(super) fn new(own: Vec<IpAddr>, interval: u32, format: LogFormat) -> Self {
        let primary = [IpAddr::is_ipv4, IpAddr::is_ipv6]
            .into_iter()
            .filter_map(|version| own.iter().copied().find(version))
            .collect();
        Self {
            interface: RecordedInterface {
                account_id: ACCOUNT.into(),
                interface_id: NetworkInterfaceId::new(INTERFACE),
                primary,
                place: Place {
                    vpc_id: None,
                    subnet_id: None,
                    instance_id: None,
                    region: "-".into(),
                    az_id: None,
                },
            },
            own,
            aggregator: Aggregator::new(interval, 0),
            format,
            made: Vec::new(),
            foreign: 0,
        }
    }

    /// Counts a packet; whether records are ready to be taken.
    pub(super) fn add(&mut self, packet: &Packet) -> bool {
        let tuple = packet.ip.five_tuple();
        let direction = if self.own.contains(&tuple.source) {
            FlowDirection::Egress
        } else if self.own.contains(&tuple.destination) {
            FlowDirection::Ingress
        } else {
            self.foreign += 1;
            return false;
        };
        let mut closed = self.aggregator.observe(&Seen {
            at: packet.at,
            direction,
            action: FlowAction::Accept,
            traffic_path: None,
            packet: &packet.ip,
        });
        if self.aggregator.open_flows() > FLOWS_HELD {
            closed.extend(self.aggregator.close());
        }
        self.made
            .extend(closed.iter().map(|flow| flow.record(&self.interface)));
        !closed.is_empty()
    }

    /// Closes the last window.
    pub(super) fn finish(&mut self) {
        let closed = self.aggregator.close();
        self.made
            .extend(closed.iter().map(|flow| flow.record(&self.interface)));
    }

    pub(super) const fn foreign(&self) -> u64 {
        self.foreign
    }

    pub(super) fn header(&self) -> String {
        self.format.header()
    }

    /// The records made since the last time, one a line.
    pub(super) fn take_lines(&mut self) -> String {
        let mut lines = String::new();
        for record in self.made.drain(..) {
            self.format.write_line(&record, &mut lines);
            lines.push('\n');
        }
        lines
    }

    /// An empty log group of the records' format.
    pub(super) fn group(&self) -> LogGroup {
        LogGroup::flow_log("replay", ACCOUNT, self.format.clone())
    }

    /// Moves the records made since the last time into `group`.
    pub(super) fn take_into(&mut self, group: &mut LogGroup) -> Result<(), Failure> {
        if group.events.len() + self.made.len() > QUERIED {
            return Err(
                Failure::usage(format!("the capture gives more than {QUERIED} records"))
                    .hint("`--filter` narrows it; `--interval 600` makes fewer records"),
            );
        }
        for record in self.made.drain(..) {
            group.push_record(&record, TrafficType::All, record.end);
        }
        Ok(())
    }
}

/// A printed record as a JSON object: field names of the format to values as printed.
pub(super) fn as_json(header: &str, line: &str) -> Result<String, Failure> {
    let fields = header.split(' ').zip(line.split(' '));
    let fields = fields.map(|(name, value)| (name.to_owned(), value.into()));
    let object: serde_json::Map<String, serde_json::Value> = fields.collect();
    serde_json::to_string(&object).map_err(Failure::internal)
}

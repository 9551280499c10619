//! Flow-log records of the interface that a capture was made on.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::net::IpAddr;

use wirelab_flowlog::LogFormat;
use wirelab_model::{
    FlowAction, FlowDirection, FlowRecord, NetworkInterfaceId, Place, SimDuration, TrafficType,
    UnixTime,
};
use wirelab_query::LogGroup;
use wirelab_simulator::flow::{Aggregator, RecordedInterface, Seen, WindowFlow};
use wirelab_wire::FiveTuple;

use super::source::Packet;
use super::unlogged::Unlogged;
use crate::failure::Failure;

/// What stands for the ids that a capture does not know.
const ACCOUNT: &str = "000000000000";
const INTERFACE: &str = "eni-00000000000000000";

/// When more flows are open than this the oldest window is closed early, so that a port scan does
/// not fill memory.
const FLOWS_HELD: usize = 1_000_000;
/// Windows without traffic that are told one after the other: a day of minutes.
const GAP_TOLD: u64 = 24 * 60;
/// Records that a query may look at.
const QUERIED: usize = 4_000_000;

/// How records are made.
pub(super) struct Rules {
    /// Addresses of the ENI, the primary ones first.
    pub(super) own: Vec<IpAddr>,
    /// Length of a window in seconds.
    pub(super) interval: u32,
    /// How far packets are out of order: windows stay open so much longer.
    pub(super) disorder: SimDuration,
    /// Whether windows without traffic give NODATA records.
    pub(super) no_data: bool,
    pub(super) format: LogFormat,
}

/// Makes records from packets: one a flow, direction and window, whatever order packets come in.
pub(super) struct Records {
    rules: Rules,
    interface: RecordedInterface,
    windows: BTreeMap<u64, Window>,
    /// The latest packet so far.
    latest: UnixTime,
    /// Flows in `windows`.
    open: usize,
    /// The latest window that was closed.
    closed: Option<u64>,
    made: VecDeque<Made>,
    left_out: LeftOut,
}

/// What is in no record, and what is in more than one.
#[derive(Clone, Copy, Default)]
pub(super) struct LeftOut {
    /// Packets neither from nor to the ENI.
    pub(super) foreign: u64,
    /// Packets that AWS does not log.
    pub(super) unlogged: Unlogged,
    /// Windows of long gaps that have no NODATA record.
    pub(super) gaps: u64,
    /// Windows closed before their time because too many flows were open.
    pub(super) early: u64,
}

struct Window {
    aggregator: Aggregator,
    /// First and last packet of each flow, in files that are out of order.
    extremes: HashMap<FiveTuple, (UnixTime, UnixTime)>,
}

/// A record to be: a tenth of a record's size.
enum Made {
    Flow(WindowFlow, Option<(UnixTime, UnixTime)>),
    NoData(u64),
}

impl Records {
    pub(super) fn new(rules: Rules) -> Self {
        let primary = [IpAddr::is_ipv4, IpAddr::is_ipv6]
            .into_iter()
            .filter_map(|version| rules.own.iter().copied().find(version))
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
            rules,
            windows: BTreeMap::new(),
            latest: UnixTime::default(),
            open: 0,
            closed: None,
            made: VecDeque::new(),
            left_out: LeftOut::default(),
        }
    }

    /// Counts a packet; whether records are ready to be taken.
    pub(super) fn add(&mut self, packet: &Packet) -> bool {
        let tuple = packet.ip.five_tuple();
        if self.left_out.unlogged.count(&tuple, &self.rules.own) {
            return false;
        }
        let direction = if self.rules.own.contains(&tuple.source) {
            FlowDirection::Egress
        } else if self.rules.own.contains(&tuple.destination) {
            FlowDirection::Ingress
        } else {
            self.left_out.foreign += 1;
            return false;
        };
        self.latest = self.latest.max(packet.at);
        self.count(tuple, direction, packet);
        self.close_ended();
        !self.made.is_empty()
    }

    fn count(&mut self, tuple: FiveTuple, direction: FlowDirection, packet: &Packet) {
        let interval = self.rules.interval;
        let number = self.number_of(packet.at);
        let window = self.windows.entry(number).or_insert_with(|| Window {
            aggregator: Aggregator::new(interval, 0),
            extremes: HashMap::new(),
        });
        let before = window.aggregator.open_flows();
        window.aggregator.observe(&Seen {
            at: packet.at,
            direction,
            action: FlowAction::Accept,
            traffic_path: None,
            packet: &packet.ip,
        });
        self.open += window.aggregator.open_flows() - before;
        if self.rules.disorder > SimDuration::ZERO {
            let at = packet.at;
            let (first, last) = window.extremes.entry(tuple).or_insert((at, at));
            (*first, *last) = ((*first).min(at), (*last).max(at));
        }
    }

    /// Closes the windows that no further packet can fall into, and the oldest ones if too many
    /// flows are open.
    fn close_ended(&mut self) {
        let behind = self.rules.disorder.as_nanos();
        let settled = UnixTime::from_nanos(self.latest.as_nanos().saturating_sub(behind));
        let settled = self.number_of(settled);
        while let Some(oldest) = self.windows.first_entry() {
            let over = *oldest.key() < settled;
            if !over && self.open <= FLOWS_HELD {
                break;
            }
            self.left_out.early += u64::from(!over);
            let (number, window) = oldest.remove_entry();
            self.close(number, window);
        }
    }

    fn close(&mut self, number: u64, mut window: Window) {
        if let Some(closed) = self.closed.filter(|_| self.rules.no_data) {
            let gap = number.saturating_sub(closed + 1);
            let told = gap.min(GAP_TOLD);
            self.left_out.gaps += gap - told;
            self.made
                .extend((closed + 1..=closed + told).map(Made::NoData));
        }
        self.closed = self.closed.max(Some(number));
        let flows = window.aggregator.close();
        self.open -= flows.len();
        for flow in flows {
            let extremes = match window.extremes.is_empty() {
                true => None,
                false => window.extremes.get(&self.tuple_of(&flow)).copied(),
            };
            self.made.push_back(Made::Flow(flow, extremes));
        }
    }

    fn tuple_of(&self, flow: &WindowFlow) -> FiveTuple {
        let flow = flow.record(&self.interface).flow;
        let flow = flow.expect("a flow's record has a flow");
        FiveTuple {
            source: flow.pkt_srcaddr,
            destination: flow.pkt_dstaddr,
            source_port: flow.srcport,
            destination_port: flow.dstport,
            protocol: flow.protocol,
        }
    }

    /// Closes the windows that are left.
    pub(super) fn finish(&mut self) {
        while let Some((number, window)) = self.windows.pop_first() {
            self.close(number, window);
        }
    }

    fn interval_nanos(&self) -> u64 {
        u64::from(self.rules.interval) * 1_000_000_000
    }

    /// The number of the window that `at` falls into: windows are multiples of the interval.
    fn number_of(&self, at: UnixTime) -> u64 {
        at.as_nanos() / self.interval_nanos()
    }

    fn record(&self, made: &Made) -> FlowRecord {
        match made {
            Made::Flow(flow, extremes) => {
                let mut record = flow.record(&self.interface);
                if let Some(extremes) = extremes {
                    (record.start, record.end) = *extremes;
                }
                record
            }
            Made::NoData(number) => {
                let start = |number: u64| {
                    UnixTime::from_nanos(number.saturating_mul(self.interval_nanos()))
                };
                self.interface.no_data((start(*number), start(number + 1)))
            }
        }
    }

    pub(super) const fn left_out(&self) -> LeftOut {
        self.left_out
    }

    pub(super) fn header(&self) -> String {
        self.rules.format.header()
    }

    /// Gives each record made since the last time to `take`, as a line without its end.
    pub(super) fn take_lines(
        &mut self,
        mut take: impl FnMut(&str) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let mut line = String::new();
        while let Some(made) = self.made.pop_front() {
            line.clear();
            let record = self.record(&made);
            self.rules.format.write_line(&record, &mut line);
            take(&line)?;
        }
        Ok(())
    }

    /// An empty log group of the records' format.
    pub(super) fn group(&self) -> LogGroup {
        LogGroup::flow_log("replay", ACCOUNT, self.rules.format.clone())
    }

    /// Moves the records made since the last time into `group`.
    pub(super) fn take_into(&mut self, group: &mut LogGroup) -> Result<(), Failure> {
        if group.events.len() + self.made.len() > QUERIED {
            return Err(
                Failure::usage(format!("the capture gives more than {QUERIED} records"))
                    .hint("`--filter` narrows it; `--interval 600` makes fewer records"),
            );
        }
        while let Some(made) = self.made.pop_front() {
            let record = self.record(&made);
            group.push_record(&record, TrafficType::All, record.end);
        }
        Ok(())
    }
}

/// Turns printed records into JSON objects: field names of the format to values as printed.
pub(super) struct AsJson {
    /// `{"version":` and the like.
    names: Vec<String>,
}

impl AsJson {
    pub(super) fn new(header: &str) -> Self {
        let names = header.split(' ').enumerate().map(|(index, name)| {
            let before = if index == 0 { '{' } else { ',' };
            format!("{before}\"{name}\":")
        });
        Self {
            names: names.collect(),
        }
    }

    /// Appends the object of one line. Neither names nor values have anything to escape: addresses,
    /// ids, numbers and words.
    pub(super) fn write(&self, line: &str, text: &mut String) {
        for (name, value) in self.names.iter().zip(line.split(' ')) {
            text.push_str(name);
            text.push('"');
            text.push_str(value);
            text.push('"');
        }
        text.push('}');
    }
}

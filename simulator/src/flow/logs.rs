//! Which interface is recorded by which flow log, and when windows end.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use wirelab_model::{
    DeliverLogsStatus, FlowLog, FlowLogId, FlowMetadata, LogDestinationType, NetworkInterface,
    NetworkInterfaceId, NitroGeneration, Observation, Place, Resources, SimDuration, SimTime,
    Stream, TrafficType, UnixTime,
};

use super::metadata::metadata;
use super::records::{Delivery, Wanted, WindowRecords};
use super::{Aggregator, RecordedInterface, Seen, WindowFlow};
use crate::config::WorldConfig;
use crate::fabric::InterfaceIndex;

/// Interfaces of Nitro instances are aggregated over one minute at most.
const NITRO_INTERVAL: u32 = 60;

/// Files in S3 are published at multiples of five minutes of UTC.
const S3_PERIOD: SimDuration = SimDuration::from_secs(300);

/// A window of an interface, which ends sometime.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Window {
    pub(crate) interface: InterfaceIndex,
    interval: u32,
}

/// Every recorded interface.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct FlowLogs {
    /// By interface; an interface has one tap for each interval that its logs ask for.
    taps: Vec<Vec<Tap>>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Tap {
    interval: u32,
    interface: RecordedInterface,
    aggregator: Aggregator,
    /// Flows of the ended window that a packet at its very end has closed.
    ended: Vec<WindowFlow>,
    /// Flows of the window that were counted before a log came: the log knows nothing of them.
    parts: Vec<Vec<WindowFlow>>,
    logs: Vec<Subscription>,
    /// The interface is gone.
    deleted: bool,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Subscription {
    id: FlowLogId,
    traffic_type: TrafficType,
    destination: LogDestinationType,
    delay: SimDuration,
    /// What its format asks for beyond version 7, less what differs between flows.
    metadata: Option<Box<FlowMetadata>>,
    /// Whether it has had a record: NODATA is written only after that.
    begun: bool,
    /// The first of the window's parts that it records: it was made after those before.
    from: usize,
}

/// What the end of a window gives.
#[derive(Debug, Default)]
pub(crate) struct Closed {
    pub(crate) records: Option<WindowRecords>,
    pub(crate) observations: Vec<(SimTime, Observation)>,
    /// When the next window of the interface ends; none if nobody records it any more.
    pub(crate) next_end: Option<SimTime>,
}

impl FlowLogs {
    /// Brings the taps in step with the resources. Returns the windows that are new, with their
    /// ends.
    pub(crate) fn update(
        &mut self,
        now: SimTime,
        resources: &Resources,
        index: impl Fn(&NetworkInterfaceId) -> Option<InterfaceIndex>,
        config: &WorldConfig,
    ) -> Vec<(SimTime, Window)> {
        self.forget_deleted(resources);
        let mut opened = Vec::new();
        for interface in resources.network_interfaces.values() {
            let Some(at) = index(&interface.network_interface_id) else {
                continue;
            };
            let wanted = subscriptions(interface, resources, config);
            if at.get() >= self.taps.len() {
                self.taps.resize_with(at.get() + 1, Vec::new);
            }
            let taps = &mut self.taps[at.get()];
            let recorded = recorded_interface(interface, resources, config);
            for tap in taps.iter_mut() {
                tap.interface.clone_from(&recorded);
                let empty = Vec::new();
                tap.subscribe(wanted.get(&tap.interval).unwrap_or(&empty));
            }
            for (interval, logs) in wanted {
                if taps.iter().any(|tap| tap.interval == interval) {
                    continue;
                }
                let tap = Tap::new(interval, recorded.clone(), logs, config);
                let (_, end) = tap.aggregator.window_of(config.starts.at(now));
                let interface = at;
                let window = Window {
                    interface,
                    interval,
                };
                opened.push((end.since_start(config.starts), window));
                taps.push(tap);
            }
        }
        opened
    }

    /// What is left of a deleted interface is recorded until its window ends, then no more.
    fn forget_deleted(&mut self, resources: &Resources) {
        for tap in self.taps.iter_mut().flatten() {
            let id = &tap.interface.interface_id;
            if !resources.network_interfaces.contains_key(id) {
                tap.deleted = true;
            }
        }
    }

    /// Counts one packet of an interface.
    #[inline]
    pub(crate) fn observe(&mut self, interface: InterfaceIndex, seen: &Seen<'_>) {
        let Some(taps) = self.taps.get_mut(interface.get()) else {
            return;
        };
        for tap in taps {
            if let Some(closed) = tap.aggregator.observe(seen) {
                tap.ended.extend(closed);
            }
        }
    }

    /// Ends a window at `now`.
    pub(crate) fn close(&mut self, now: SimTime, window: Window, starts: UnixTime) -> Closed {
        let mut closed = Closed::default();
        let Some(taps) = self.taps.get_mut(window.interface.get()) else {
            return closed;
        };
        let Some(at) = taps.iter().position(|tap| tap.interval == window.interval) else {
            return closed;
        };
        let tap = &mut taps[at];
        let end = starts.at(now);
        let mut flows = std::mem::take(&mut tap.ended);
        flows.extend(tap.aggregator.close_ended(end));
        let start =
            UnixTime::from_nanos(end.as_nanos() - u64::from(window.interval) * 1_000_000_000);
        let mut parts = std::mem::take(&mut tap.parts);
        parts.push(flows);
        let mut records = WindowRecords::new(&tap.interface, (start, end), parts);
        for log in &mut tap.logs {
            let available_at = log.available_at(now, starts);
            let first = log.close(available_at, &mut records);
            closed.observations.extend(first);
        }
        closed.records = Some(records);
        if tap.deleted || tap.logs.is_empty() {
            taps.remove(at);
        } else {
            let next = SimDuration::from_secs(window.interval.into());
            closed.next_end = Some(now + next);
        }
        closed
    }
}

impl Tap {
    fn new(
        interval: u32,
        interface: RecordedInterface,
        logs: Vec<Subscription>,
        config: &WorldConfig,
    ) -> Self {
        let stream = format!("flow_log/{}", interface.interface_id);
        let offset = Stream::new(config.seed.traffic, &stream).range(0, u64::from(interval) - 1);
        Self {
            interval,
            interface,
            aggregator: Aggregator::new(interval, u32::try_from(offset).unwrap_or(0)),
            ended: Vec::new(),
            parts: Vec::new(),
            logs,
            deleted: false,
        }
    }

    fn subscribe(&mut self, wanted: &[Subscription]) {
        let known = |log: &Subscription| self.logs.iter().find(|it| it.id == log.id);
        if wanted.iter().any(|log| known(log).is_none()) {
            self.part();
        }
        let mut logs = wanted.to_vec();
        for log in &mut logs {
            let known = self.logs.iter().find(|it| it.id == log.id);
            log.begun = known.is_some_and(|it| it.begun);
            log.from = known.map_or(self.parts.len(), |it| it.from);
        }
        self.logs = logs;
    }

    /// Makes what the window has counted so far a part of its own.
    fn part(&mut self) {
        let mut flows = std::mem::take(&mut self.ended);
        if flows.is_empty() {
            flows = self.aggregator.close();
        }
        if !flows.is_empty() {
            self.parts.push(flows);
        }
    }
}

impl Subscription {
    /// When the records of a window that ends at `now` can be read. Files in S3 come every five
    /// minutes, so that those are there at the last such moment before the delay has passed.
    fn available_at(&self, now: SimTime, starts: UnixTime) -> SimTime {
        let LogDestinationType::S3 = self.destination else {
            return now + self.delay;
        };
        let period = S3_PERIOD.as_nanos();
        let earliest = starts.at(now).as_nanos();
        let latest = earliest + self.delay.as_nanos().max(period);
        UnixTime::from_nanos(latest / period * period).since_start(starts)
    }

    /// Says what it gets of an ended window, and when there first is anything to read.
    fn close(
        &mut self,
        available_at: SimTime,
        records: &mut WindowRecords,
    ) -> Option<(SimTime, Observation)> {
        let from = std::mem::take(&mut self.from);
        let (flows, known) = records.flows_from(from);
        let is_silent = !known.iter().any(|it| it.is_of(self.traffic_type));
        let (wanted, is_first) = match (is_silent, self.begun) {
            (true, false) => return None,
            (true, true) => (Wanted::NoData, false),
            (false, begun) => (Wanted::Flows(self.traffic_type), !begun),
        };
        self.begun = true;
        records.deliveries.push(Delivery {
            flow_log: self.id.clone(),
            available_at,
            metadata: self.metadata.clone(),
            wanted,
            flows,
        });
        is_first.then(|| {
            let observation = Observation::FirstFlowRecord {
                flow_log: self.id.clone(),
                interface: records.interface.interface_id.clone(),
            };
            (available_at, observation)
        })
    }
}

/// The flow logs of an interface by aggregation interval.
fn subscriptions(
    interface: &NetworkInterface,
    resources: &Resources,
    config: &WorldConfig,
) -> BTreeMap<u32, Vec<Subscription>> {
    let ids = [
        interface.network_interface_id.as_str(),
        interface.subnet_id.as_str(),
        interface.vpc_id.as_str(),
    ];
    let mut wanted: BTreeMap<u32, Vec<_>> = BTreeMap::new();
    let logs = resources.flow_logs.values();
    let logs = logs.filter(|log| log.deliver_logs_status == DeliverLogsStatus::Success);
    for log in logs.filter(|log| ids.contains(&log.resource_id.as_str())) {
        let interval = interval(log, interface, resources);
        wanted.entry(interval).or_default().push(Subscription {
            id: log.flow_log_id.clone(),
            traffic_type: log.traffic_type,
            destination: log.log_destination_type,
            metadata: metadata(log, interface, resources),
            delay: match log.log_destination_type {
                LogDestinationType::CloudWatchLogs => config.fabric.flow_logs.cloudwatch_delay,
                LogDestinationType::S3 => config.fabric.flow_logs.s3_delay,
            },
            begun: false,
            from: 0,
        });
    }
    wanted
}

fn interval(log: &FlowLog, interface: &NetworkInterface, resources: &Resources) -> u32 {
    let attachment = interface.attachment.as_ref();
    let instance = attachment.and_then(|it| it.instance_id.as_ref());
    let instance = instance.and_then(|id| resources.instances.get(id));
    match instance {
        Some(it) if it.nitro_generation != NitroGeneration::Xen => {
            log.max_aggregation_interval.clamp(1, NITRO_INTERVAL)
        }
        _ => log.max_aggregation_interval.max(1),
    }
}

fn recorded_interface(
    interface: &NetworkInterface,
    resources: &Resources,
    config: &WorldConfig,
) -> RecordedInterface {
    let subnet = resources.subnets.get(&interface.subnet_id);
    let region = resources.vpcs.get(&interface.vpc_id).map(|it| &it.region);
    let attachment = interface.attachment.as_ref();
    let v6 = interface.ipv6_addresses.first().copied();
    RecordedInterface {
        account_id: interface.owner_id.clone(),
        interface_id: interface.network_interface_id.clone(),
        primary: std::iter::once(interface.private_ip_address.into())
            .chain(v6.map(Into::into))
            .collect(),
        place: Place {
            vpc_id: Some(interface.vpc_id.clone()),
            subnet_id: Some(interface.subnet_id.clone()),
            instance_id: attachment.and_then(|it| it.instance_id.clone()),
            region: region.unwrap_or(&config.region).clone(),
            az_id: subnet.map(|it| it.availability_zone_id.clone()),
        },
    }
}

//! The records of an ended window, made one at a time.
//!
//! A window of a busy interface ends with thousands of flows. What a record takes is several times
//! what a flow takes, and each is taken out of the world right after the one before: made when it
//! is asked for, it is where the last one was in memory.

use serde::{Deserialize, Serialize};
use wirelab_model::{FlowLogId, FlowMetadata, FlowRecord, SimTime, TrafficType, UnixTime};

use super::{RecordedInterface, WindowFlow, joined};
use crate::event::LoggedRecord;

/// What is still to come of a window's records: log by log, in the order of the flows.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct WindowRecords {
    pub(super) interface: RecordedInterface,
    pub(super) window: (UnixTime, UnixTime),
    /// The parts that the window was counted in; nearly always one.
    parts: Vec<Vec<WindowFlow>>,
    /// The flows of the window as logs know them, with the first part that is in them: each once,
    /// however many logs know just those.
    flows: Vec<(usize, Vec<WindowFlow>)>,
    pub(super) deliveries: Vec<Delivery>,
    /// The delivery that it stands at.
    delivery: usize,
    /// The flow that comes next.
    flow: usize,
}

/// What a log gets of a window.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Delivery {
    pub(super) flow_log: FlowLogId,
    pub(super) available_at: SimTime,
    pub(super) metadata: Option<Box<FlowMetadata>>,
    pub(super) wanted: Wanted,
    /// Which flows of [`WindowRecords::flows`].
    pub(super) flows: usize,
}

/// Which flows a log records.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Wanted {
    Flows(TrafficType),
    /// There were none: one record says so.
    NoData,
}

impl WindowRecords {
    /// The records of a window without any log.
    pub(super) fn new(
        interface: &RecordedInterface,
        window: (UnixTime, UnixTime),
        parts: Vec<Vec<WindowFlow>>,
    ) -> Self {
        Self {
            interface: interface.clone(),
            window,
            parts,
            flows: Vec::new(),
            deliveries: Vec::new(),
            delivery: 0,
            flow: 0,
        }
    }

    /// Which of `flows` a log knows that records from that part on, and those.
    pub(super) fn flows_from(&mut self, from: usize) -> (usize, &[WindowFlow]) {
        let known = self.flows.iter().position(|(first, _)| *first == from);
        let at = known.unwrap_or_else(|| {
            let flows = match (self.parts.as_mut_slice(), from) {
                ([only], 0) => std::mem::take(only),
                (parts, from) => joined(&parts[from..]),
            };
            self.flows.push((from, flows));
            self.flows.len() - 1
        });
        (at, &self.flows[at].1)
    }

    fn next_of(&mut self, flows: usize, traffic_type: TrafficType) -> Option<FlowRecord> {
        let rest = self.flows[flows].1.get(self.flow..)?;
        let passed = rest.iter().position(|flow| flow.is_of(traffic_type))?;
        self.flow += passed + 1;
        Some(rest[passed].record(&self.interface))
    }
}

impl Iterator for WindowRecords {
    type Item = Box<LoggedRecord>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let Delivery { wanted, flows, .. } = self.deliveries.get(self.delivery)?;
            let record = match *wanted {
                Wanted::Flows(traffic_type) => self.next_of(*flows, traffic_type),
                Wanted::NoData if self.flow == 0 => {
                    self.flow = 1;
                    Some(self.interface.no_data(self.window))
                }
                Wanted::NoData => None,
            };
            let Some(mut record) = record else {
                self.delivery += 1;
                self.flow = 0;
                continue;
            };
            let delivery = &self.deliveries[self.delivery];
            if record.flow.is_some() {
                record.metadata.clone_from(&delivery.metadata);
            }
            return Some(Box::new(LoggedRecord {
                flow_log: delivery.flow_log.clone(),
                record,
                available_at: delivery.available_at,
            }));
        }
    }
}

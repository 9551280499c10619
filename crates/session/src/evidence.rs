//! What a run leaves behind: packets, flow-log records, ended exchanges, drops, API history.

mod calls;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use wirelab_model::{Call, Caller, FlowLogId, Metric, MetricDatum, Reply, SimDuration, SimTime};
use wirelab_simulator::host::TrafficEvent;
use wirelab_simulator::{CapturePoint, Captured, Dropped, LoggedRecord};

use crate::datapoints::{Datapoints, Minutes};
pub use calls::{CallHead, Calls};

/// Everything observed so far, each kind in the order of virtual time.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Evidence {
    /// Captured frames by capture point.
    pub captures: BTreeMap<CapturePoint, Vec<Captured>>,
    /// Flow-log records, those not yet delivered included: see [`Evidence::delivered`].
    pub records: Vec<LoggedRecord>,
    /// Ended exchanges of the client programs.
    pub traffic: Vec<TrafficEvent>,
    /// Dropped packets. Not for learners: the network does not tell.
    pub drops: Vec<Dropped>,
    /// Calls that were made, refused ones and those of the timeline included; reads are not.
    pub calls: Calls,
    /// What CloudWatch has of each metric, in the order of time.
    pub metrics: BTreeMap<Metric, Datapoints>,
    /// Events of the timeline (by index) that could not be done, and why: a mistake of the author.
    pub failed_events: Vec<(usize, String)>,
}

/// One call in the API history.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ApiEvent {
    /// When.
    pub at: SimTime,
    /// By whom.
    pub caller: Caller,
    /// What. Call and reply are kept as JSON text, so that every format can hold them.
    #[serde(with = "as_text")]
    pub call: Call,
    /// What the control plane answered.
    #[serde(with = "as_text")]
    pub reply: Reply,
}

impl Evidence {
    /// The records of a flow log that can be read at `now`, in the order in which they came.
    pub fn delivered<'a>(
        &'a self,
        flow_log: &'a FlowLogId,
        now: SimTime,
    ) -> impl Iterator<Item = &'a LoggedRecord> {
        let of_log = self
            .records
            .iter()
            .filter(move |record| record.flow_log == *flow_log);
        of_log.filter(move |record| record.available_at <= now)
    }

    /// The frames of a capture point; none if it saw nothing.
    #[must_use]
    pub fn captured(&self, point: &CapturePoint) -> &[Captured] {
        self.captures.get(point).map_or(&[], Vec::as_slice)
    }

    /// The ended exchanges of one client program.
    pub fn exchanges<'a>(&'a self, traffic: &'a str) -> impl Iterator<Item = &'a TrafficEvent> {
        self.traffic
            .iter()
            .filter(move |event| event.traffic == traffic)
    }

    /// Appends what came after.
    pub(crate) fn extend(&mut self, later: Self) {
        for (point, mut frames) in later.captures {
            self.captures.entry(point).or_default().append(&mut frames);
        }
        self.records.extend(later.records);
        self.traffic.extend(later.traffic);
        self.drops.extend(later.drops);
        self.calls.extend(&later.calls);
        for (metric, points) in later.metrics {
            self.metrics.entry(metric).or_default().append(points);
        }
        self.failed_events.extend(later.failed_events);
    }

    /// A minute's samples, and in which periods each metric is published.
    pub(crate) fn push_metrics(
        &mut self,
        data: &[MetricDatum],
        period: impl Fn(&Metric) -> SimDuration,
    ) {
        for datum in data {
            let what = (datum.statistic_values, datum.unit);
            let minute = Minutes::one(datum.timestamp, period(&datum.metric), what);
            match self.metrics.get_mut(&datum.metric) {
                Some(points) => points.push(minute),
                None => {
                    let points = self.metrics.entry(datum.metric.clone());
                    points.or_default().push(minute);
                }
            }
        }
    }

    pub(crate) fn push_capture(&mut self, frame: Captured) {
        match self.captures.get_mut(&frame.point) {
            Some(frames) => frames.push(frame),
            None => {
                self.captures.insert(frame.point.clone(), vec![frame]);
            }
        }
    }
}

mod as_text {
    use serde::de::{DeserializeOwned, Error};
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(super) fn serialize<T: Serialize, S: Serializer>(
        value: &T,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        let text = serde_json::to_string(value).map_err(serde::ser::Error::custom)?;
        serializer.serialize_str(&text)
    }

    pub(super) fn deserialize<'de, T: DeserializeOwned, D: Deserializer<'de>>(
        d: D,
    ) -> Result<T, D::Error> {
        serde_json::from_str(&String::deserialize(d)?).map_err(D::Error::custom)
    }
}

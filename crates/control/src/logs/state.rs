//! What Logs keeps.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;
use wirelab_model::{FlowLogId, SimTime, TrafficType, UnixTime};

use super::destination::Destination;
use super::query_definition::QueryDefinition;
use crate::realm::Realm;

/// Everything, by account and Region.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Logs(pub(crate) BTreeMap<Realm, LogsOfRealm>);

/// What an account has in a Region.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LogsOfRealm {
    pub(crate) groups: BTreeMap<SmolStr, LogGroup>,
    /// By id.
    pub(super) definitions: BTreeMap<SmolStr, QueryDefinition>,
    pub(super) destinations: BTreeMap<SmolStr, Destination>,
    /// Metric filters that were replaced or deleted, and of which flow logs they published.
    pub(super) ended_filters: Vec<MetricPublication>,
}

/// A log group: `DescribeLogGroups`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogGroup {
    /// Its name.
    pub name: SmolStr,
    /// When it was made.
    pub creation_time: UnixTime,
    /// `STANDARD` or `INFREQUENT_ACCESS`.
    pub class: SmolStr,
    /// Events that are older are gone.
    pub retention_in_days: Option<u32>,
    /// The flow logs whose records are its events, in the order in which they were made.
    pub feeds: Vec<FlowLogFeed>,
    /// Records that were delivered by then are gone: the group was deleted, and made again by the
    /// next delivery.
    pub emptied_at: Option<SimTime>,
    /// Streams that were made by calls, or were deleted; those of flow logs come by themselves.
    pub streams: BTreeMap<SmolStr, LogStream>,
    /// By name.
    pub metric_filters: BTreeMap<SmolStr, MetricFilter>,
    /// By name.
    pub subscription_filters: BTreeMap<SmolStr, SubscriptionFilter>,
    /// Tags.
    pub tags: BTreeMap<SmolStr, SmolStr>,
    /// Of a group that was deleted while a flow log delivers to it: when it is there again.
    pub(super) returns_at: Option<SimTime>,
}

impl LogGroup {
    pub(super) fn new(name: SmolStr, creation_time: UnixTime) -> Self {
        Self {
            name,
            creation_time,
            class: "STANDARD".into(),
            retention_in_days: None,
            feeds: Vec::new(),
            emptied_at: None,
            streams: BTreeMap::new(),
            metric_filters: BTreeMap::new(),
            subscription_filters: BTreeMap::new(),
            tags: BTreeMap::new(),
            returns_at: None,
        }
    }

    /// Whether it is there at `now`.
    #[must_use]
    pub fn exists(&self, now: SimTime) -> bool {
        self.returns_at.is_none_or(|at| at <= now)
    }
}

/// A flow log that delivers to a group. It stays when the flow log is deleted, as the records do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FlowLogFeed {
    /// The flow log.
    pub flow_log_id: FlowLogId,
    /// Which records it delivers.
    pub traffic_type: TrafficType,
    /// `${version} ${account-id} ...`.
    pub log_format: String,
    /// Seconds between deliveries of an interface at most.
    pub max_aggregation_interval: u32,
}

/// A stream that was made by a call, or deleted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogStream {
    /// When `CreateLogStream` made it; `None` for the stream of a flow log.
    pub creation_time: Option<UnixTime>,
    /// What was put into it, in the order of arrival.
    pub events: Vec<PutEvent>,
    /// Records that were delivered by then are gone: the stream was deleted.
    pub emptied_at: Option<SimTime>,
}

/// An event that a client has put.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PutEvent {
    /// Its own time, in milliseconds since the Unix epoch.
    pub timestamp_ms: u64,
    /// When it arrived, in milliseconds since the Unix epoch.
    pub ingestion_ms: u64,
    /// The message.
    pub message: String,
}

/// A metric filter: `DescribeMetricFilters`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MetricFilter {
    /// Its name, one in its group.
    pub name: SmolStr,
    /// What events must match.
    pub pattern: String,
    /// What each that does is counted as; one.
    pub transformations: Vec<MetricTransformation>,
    /// When it was made.
    pub creation_time: UnixTime,
    /// Since when it is as it is: events that arrived before are not counted.
    pub since: SimTime,
}

/// What a metric filter publishes of flow logs: their records that are delivered in a span of time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MetricPublication {
    /// The filter.
    pub filter: MetricFilter,
    /// The flow logs.
    pub feeds: Vec<FlowLogFeed>,
    /// The moment after which nothing more is published: the filter or its group is gone.
    pub until: Option<SimTime>,
}

/// What becomes of an event that a metric filter matches.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MetricTransformation {
    /// The metric.
    pub metric_name: SmolStr,
    /// Its namespace.
    pub metric_namespace: SmolStr,
    /// A number, or `$name` of what the pattern takes out of the event.
    pub metric_value: SmolStr,
    /// A number for periods in which events arrive and none matches.
    pub default_value: Option<SmolStr>,
    /// Names of dimensions, and `$name` of their values.
    pub dimensions: BTreeMap<SmolStr, SmolStr>,
    /// The metric's unit.
    pub unit: Option<SmolStr>,
}

/// A subscription filter: `DescribeSubscriptionFilters`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubscriptionFilter {
    /// Its name, one in its group.
    pub name: SmolStr,
    /// What events must match.
    pub pattern: String,
    /// Where they go.
    pub destination_arn: SmolStr,
    /// The role that Logs puts on to get there.
    pub role_arn: Option<SmolStr>,
    /// `ByLogStream` or `Random`.
    pub distribution: SmolStr,
    /// When it was made.
    pub creation_time: UnixTime,
}

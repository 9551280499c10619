//! What CloudWatch keeps.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;
use wirelab_model::{Metric, SimTime, UnixTime};

use crate::realm::Realm;
use crate::tags::Tags;

/// Everything, by account and Region.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct CloudWatch(pub(crate) BTreeMap<Realm, CloudWatchOfRealm>);

/// What an account has in a Region.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct CloudWatchOfRealm {
    /// What was said of alarms, by name; those that are deleted have a history.
    pub(crate) alarms: BTreeMap<SmolStr, Vec<AlarmEvent>>,
    /// Tags of alarms, by name.
    pub(crate) tags: BTreeMap<SmolStr, Tags>,
    /// What was put, in the order of arrival.
    pub(crate) data: BTreeMap<Metric, Vec<PutDatum>>,
}

/// One thing that was said of an alarm.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AlarmEvent {
    /// When.
    pub at: SimTime,
    /// What.
    pub change: AlarmChange,
}

/// What can be said of an alarm.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum AlarmChange {
    /// It was made, or configured anew.
    Put(Box<AlarmConfiguration>),
    /// It was set to a state, until data say otherwise.
    State {
        /// The state.
        value: AlarmState,
        /// Why, in words.
        reason: SmolStr,
        /// Why, as JSON.
        reason_data: Option<SmolStr>,
    },
    /// Its actions were enabled or disabled.
    Actions(bool),
    /// It was deleted.
    Deleted,
}

/// The state of an alarm.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum AlarmState {
    /// `OK`
    #[serde(rename = "OK")]
    Ok,
    /// `ALARM`
    #[serde(rename = "ALARM")]
    Alarm,
    /// `INSUFFICIENT_DATA`
    #[serde(rename = "INSUFFICIENT_DATA")]
    InsufficientData,
}

impl AlarmState {
    /// Its name in the API.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ok => "OK",
            Self::Alarm => "ALARM",
            Self::InsufficientData => "INSUFFICIENT_DATA",
        }
    }
}

/// An alarm as it was configured: `PutMetricAlarm`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AlarmConfiguration {
    /// Its name, one in the account and Region.
    pub name: SmolStr,
    /// What people say of it.
    pub description: Option<SmolStr>,
    /// Whether changes of state lead to anything.
    pub actions_enabled: bool,
    /// ARNs of what is told when it becomes OK.
    pub ok_actions: Vec<SmolStr>,
    /// The same, for ALARM.
    pub alarm_actions: Vec<SmolStr>,
    /// The same, for INSUFFICIENT_DATA.
    pub insufficient_data_actions: Vec<SmolStr>,
    /// What it watches. That there is such a metric is not required.
    pub watched: Watched,
    /// So many periods are looked at.
    pub evaluation_periods: u32,
    /// So many of them must breach the threshold; all, if that was not said.
    pub datapoints_to_alarm: Option<u32>,
    /// The threshold, a number.
    pub threshold: SmolStr,
    /// How data breach it.
    pub comparison_operator: ComparisonOperator,
    /// What periods without data are taken for, if that was said.
    pub treat_missing_data: Option<TreatMissingData>,
    /// `evaluate` or `ignore`: percentiles of few data.
    pub evaluate_low_sample_count_percentile: Option<SmolStr>,
}

impl AlarmConfiguration {
    /// Seconds of one of its data.
    #[must_use]
    pub fn period(&self) -> u32 {
        match &self.watched {
            Watched::Metric(stat) => stat.period,
            Watched::Math(queries) => {
                let periods = queries.iter().filter_map(|it| match &it.source {
                    QuerySource::Metric(stat) => Some(stat.period),
                    QuerySource::Expression(_) => it.period,
                });
                periods.max().unwrap_or(60)
            }
        }
    }

    /// What it watches, if that is one metric by its name.
    #[must_use]
    pub const fn metric_stat(&self) -> Option<&MetricStat> {
        match &self.watched {
            Watched::Metric(stat) => Some(stat),
            Watched::Math(_) => None,
        }
    }
}

/// What an alarm watches.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Watched {
    /// A statistic of one metric.
    Metric(MetricStat),
    /// `Metrics`: the one of several queries that returns data, a metric or math on the others.
    Math(Vec<MetricDataQuery>),
}

/// A statistic of a metric by periods: `MetricStat`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MetricStat {
    /// The metric.
    pub metric: Metric,
    /// The unit in which data must be, if that was said.
    pub unit: Option<SmolStr>,
    /// `Sum`, `Average`, `p99.9`.
    pub statistic: SmolStr,
    /// Seconds over which it is taken.
    pub period: u32,
}

/// A metric or an expression of metric math, with a name for others: `MetricDataQuery`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MetricDataQuery {
    /// The name.
    pub id: SmolStr,
    /// What people read of it.
    pub label: Option<SmolStr>,
    /// Whether its data are wanted, and not only what others make of them; so if nothing is said.
    pub return_data: Option<bool>,
    /// Seconds, where an expression says so.
    pub period: Option<u32>,
    /// What it is.
    pub source: QuerySource,
}

/// What a query is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum QuerySource {
    /// A metric.
    Metric(MetricStat),
    /// An expression of metric math.
    Expression(SmolStr),
}

/// How a datum is compared with the threshold. Alarms with bands are not simulated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ComparisonOperator {
    /// `>=`
    GreaterThanOrEqualToThreshold,
    /// `>`
    GreaterThanThreshold,
    /// `<`
    LessThanThreshold,
    /// `<=`
    LessThanOrEqualToThreshold,
}

/// What a period without data is taken for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum TreatMissingData {
    /// As breaching the threshold.
    Breaching,
    /// As within the threshold.
    NotBreaching,
    /// Nothing: the state stays.
    Ignore,
    /// Missing: if all are, the alarm has insufficient data.
    #[default]
    Missing,
}

/// Data that were put.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PutDatum {
    /// Their time, a whole second; of data of standard resolution a whole minute.
    pub timestamp: UnixTime,
    /// From when on they can be seen.
    pub available_at: SimTime,
    /// CloudWatch's name of the unit.
    pub unit: SmolStr,
    /// What they are.
    pub samples: Samples,
}

/// The samples of a datum; all are numbers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Samples {
    /// Values, and how often each was seen.
    Values(Vec<(SmolStr, SmolStr)>),
    /// Statistics alone.
    Statistics {
        /// How many samples there were.
        sample_count: SmolStr,
        /// Their sum.
        sum: SmolStr,
        /// The least one.
        minimum: SmolStr,
        /// The greatest one.
        maximum: SmolStr,
    },
    /// A metric filter's default: it counts where the minute has no other sample.
    Default(SmolStr),
}

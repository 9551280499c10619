//! CloudWatch metrics as values (Amazon CloudWatch API Reference: `Metric`, `MetricDatum`,
//! `StatisticSet`).
//!
//! AWS's own metrics of network resources count things, so every statistic is an integer; averages
//! are computed by whoever asks.

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use crate::UnixTime;

/// A metric: what `ListMetrics` lists.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Metric {
    /// `AWS/NATGateway`.
    pub namespace: SmolStr,
    /// `ErrorPortAllocation`.
    pub metric_name: SmolStr,
    /// Whose it is.
    pub dimensions: Vec<MetricDimension>,
}

/// One dimension of a metric.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct MetricDimension {
    /// `NatGatewayId`.
    pub name: SmolStr,
    /// `nat-0123456789abcdef0`.
    pub value: SmolStr,
}

/// What a metric's values are, by CloudWatch's names of units.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum MetricUnit {
    /// Things.
    Count,
    /// Octets.
    Bytes,
    /// No unit: states, which are 0 or 1.
    None,
}

/// Statistics of the samples of one period.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct StatisticSet {
    /// How many samples there were.
    pub sample_count: u64,
    /// Their sum.
    pub sum: u64,
    /// The least one.
    pub minimum: u64,
    /// The greatest one.
    pub maximum: u64,
}

/// One period of a metric.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct MetricDatum {
    /// The metric.
    pub metric: Metric,
    /// Begin of the period, virtual UTC. Periods of AWS's network metrics last a minute and begin
    /// with one.
    pub timestamp: UnixTime,
    /// What was measured.
    pub statistic_values: StatisticSet,
    /// In which unit.
    pub unit: MetricUnit,
}

impl StatisticSet {
    /// The statistics of one sample.
    #[must_use]
    pub const fn of(sample: u64) -> Self {
        Self {
            sample_count: 1,
            sum: sample,
            minimum: sample,
            maximum: sample,
        }
    }

    /// The statistics of the samples of both; a set without samples changes nothing.
    #[must_use]
    pub fn merged(self, other: Self) -> Self {
        match (self.sample_count, other.sample_count) {
            (0, _) => other,
            (_, 0) => self,
            _ => Self {
                sample_count: self.sample_count + other.sample_count,
                sum: self.sum + other.sum,
                minimum: self.minimum.min(other.minimum),
                maximum: self.maximum.max(other.maximum),
            },
        }
    }
}

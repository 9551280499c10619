//! `PutMetricData`: metrics of one's own.

use jiff::Timestamp;
use serde::Deserialize;
use smol_str::SmolStr;
use wirelab_model::{ApiError, Reply, SimTime, UnixTime};

use super::{Dimension, PutDatum, Samples, is_number, metric};
use crate::error;
use crate::transaction::Transaction;
use crate::view::done;

/// Data of a call, dimensions of a metric and values of a datum at most (API Reference,
/// "PutMetricData", "MetricDatum").
const DATA_AT_MOST: usize = 1000;
const DIMENSIONS_AT_MOST: usize = 30;
const VALUES_AT_MOST: usize = 150;
/// So far behind and ahead a datum may be.
const BEHIND_SECS: u64 = 14 * 86_400;
const AHEAD_SECS: u64 = 2 * 3600;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct Put {
    namespace: SmolStr,
    #[serde(default)]
    metric_data: Vec<Datum>,
    /// Whether names of entities must be right; none are given here.
    #[serde(rename = "StrictEntityValidation")]
    _strict: Option<bool>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Datum {
    metric_name: SmolStr,
    #[serde(default)]
    dimensions: Vec<Dimension>,
    timestamp: Option<SmolStr>,
    value: Option<SmolStr>,
    statistic_values: Option<StatisticSet>,
    values: Option<Vec<SmolStr>>,
    counts: Option<Vec<SmolStr>>,
    unit: Option<SmolStr>,
    storage_resolution: Option<u32>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct StatisticSet {
    sample_count: SmolStr,
    sum: SmolStr,
    minimum: SmolStr,
    maximum: SmolStr,
}

pub(super) fn put(tx: &mut Transaction<'_>, request: Put) -> Reply {
    let namespace = request.namespace;
    if namespace.starts_with("AWS/") {
        return Err(error::invalid_parameter_value(format_args!(
            "The value {namespace} for parameter Namespace must not begin with AWS/"
        )));
    }
    if request.metric_data.is_empty() {
        return Err(error::missing_parameter("MetricData"));
    }
    if request.metric_data.len() > DATA_AT_MOST {
        return Err(error::invalid_parameter_value(format_args!(
            "The collection MetricData must not have a size greater than {DATA_AT_MOST}."
        )));
    }
    let (now, utc) = (tx.state.now, tx.utc());
    let mut read = Vec::with_capacity(request.metric_data.len());
    for (at, datum) in request.metric_data.into_iter().enumerate() {
        let place = format!("MetricData.member.{}", at + 1);
        read.push(datum.read(&place, &namespace, now, utc)?);
    }
    let realm = tx.realm().clone();
    let all = &mut tx.state.cloudwatch_mut().0.entry(realm).or_default().data;
    for (metric, datum) in read {
        all.entry(metric).or_default().push(datum);
    }
    Ok(done())
}

impl Datum {
    fn read(
        self,
        place: &str,
        namespace: &SmolStr,
        now: SimTime,
        utc: UnixTime,
    ) -> Result<(wirelab_model::Metric, PutDatum), ApiError> {
        let wrong = |name: &str, why: &str| {
            let message = format!("The parameter {place}.{name} {why}");
            Err(error::invalid_parameter_value(message))
        };
        if self.dimensions.len() > DIMENSIONS_AT_MOST {
            return wrong("Dimensions", "must not have more than 30 members.");
        }
        let resolution = match self.storage_resolution {
            None | Some(60) => 60,
            Some(1) => 1,
            Some(_) => return wrong("StorageResolution", "must be 1 or 60."),
        };
        let timestamp = match &self.timestamp {
            None => utc,
            Some(text) => match moment(text) {
                Some(moment) => moment,
                None => return wrong("Timestamp", "must be a time."),
            },
        };
        let second = timestamp.as_secs();
        if second + BEHIND_SECS < utc.as_secs() {
            return wrong(
                "Timestamp",
                "must specify a time within the past two weeks.",
            );
        }
        if second > utc.as_secs() + AHEAD_SECS {
            let why = "must specify a time no more than two hours in the future.";
            return wrong("Timestamp", why);
        }
        let unit = self.unit.clone().unwrap_or_else(|| "None".into());
        let (name, dimensions, samples) = self.samples(place)?;
        let datum = PutDatum {
            timestamp: UnixTime::from_secs(second / resolution * resolution),
            available_at: now,
            unit,
            samples,
        };
        Ok((metric(namespace.clone(), name, dimensions), datum))
    }

    /// Name and dimensions, and the samples: one value, a set of statistics, or values with counts.
    fn samples(self, place: &str) -> Result<(SmolStr, Vec<Dimension>, Samples), ApiError> {
        let combination = || {
            error::combination(format_args!(
                "The parameters {place}.Value, {place}.StatisticValues and {place}.Values are \
                 mutually exclusive and you have to specify one."
            ))
        };
        let samples = match (self.value, self.statistic_values, self.values) {
            (Some(value), None, None) => Samples::Values(vec![(value, "1".into())]),
            (None, Some(set), None) => Samples::Statistics {
                sample_count: set.sample_count,
                sum: set.sum,
                minimum: set.minimum,
                maximum: set.maximum,
            },
            (None, None, Some(values)) => {
                let ones = || vec!["1".into(); values.len()];
                let counts = self.counts.unwrap_or_else(ones);
                if values.is_empty() || values.len() > VALUES_AT_MOST {
                    return Err(error::invalid_parameter_value(format_args!(
                        "The parameter {place}.Values must have 1 to {VALUES_AT_MOST} members."
                    )));
                }
                if counts.len() != values.len() {
                    return Err(error::invalid_parameter_value(format_args!(
                        "The parameters {place}.Values and {place}.Counts must be of one length."
                    )));
                }
                Samples::Values(values.into_iter().zip(counts).collect())
            }
            _ => return Err(combination()),
        };
        let numbers: Vec<&SmolStr> = match &samples {
            Samples::Values(all) => all.iter().flat_map(|(one, two)| [one, two]).collect(),
            Samples::Statistics {
                sample_count,
                sum,
                minimum,
                maximum,
            } => vec![sample_count, sum, minimum, maximum],
            Samples::Default(value) => vec![value],
        };
        if let Some(text) = numbers.iter().find(|it| !is_number(it)) {
            return Err(error::invalid_parameter_value(format_args!(
                "The value {text} for parameter {place}.Value is invalid."
            )));
        }
        Ok((self.metric_name, self.dimensions, samples))
    }
}

/// A moment as seconds since the epoch, which may have a fraction, or as text of ISO 8601.
fn moment(text: &str) -> Option<UnixTime> {
    let whole = text.split_once('.').map_or(text, |(whole, fraction)| {
        let is_fraction = fraction.bytes().all(|it| it.is_ascii_digit());
        if is_fraction { whole } else { text }
    });
    if let Ok(seconds) = whole.parse::<u64>() {
        return Some(UnixTime::from_secs(seconds));
    }
    let moment: Timestamp = text.parse().ok()?;
    u64::try_from(moment.as_second())
        .ok()
        .map(UnixTime::from_secs)
}

//! CloudWatch of a run: every metric of an account in a Region with its data, and the alarms on
//! them.
//!
//! Nothing here is kept or counted on the way: metrics and states of alarms follow from the
//! evidence, from what clients have put and from what was said of alarms, up to now
//! ([`CloudWatch::of`]). So an undo takes them back, and two replays agree on every transition.
//!
//! Metrics come from four places:
//!
//! - what the network's resources report (`evidence`), there a minute after the minute's end;
//! - what clients put with `PutMetricData`, there at once;
//! - what metric filters make of log events, there at the end of the minute in which the events
//!   were delivered (`publish` in the control plane says why by the delivery);
//! - `IncomingLogEvents` and `IncomingBytes` of each log group, likewise (Amazon CloudWatch Logs
//!   User Guide, "Monitoring usage with CloudWatch metrics").
//!
//! # An alarm on rejected connections
//!
//! A flow log delivers to `/vpc/flow`, a metric filter counts `REJECT` as `Lab/Rejects` with the
//! default 0, and an alarm wants `Sum > 100` of one minute. Records delivered in 09:07 become the
//! datum of 09:07, which is there at 09:08, when the alarm is evaluated: the last minute that is
//! known is 09:07, its sum is 240, and the alarm goes to ALARM. With the metric's name misspelt
//! there are no data at all, and it stays in INSUFFICIENT_DATA for ever.

mod alarm;
mod evaluation;
mod logs;
mod math;
mod query;
mod reason;
mod series;

use std::collections::BTreeMap;

use smol_str::SmolStr;
use wirelab_control::Samples;
use wirelab_model::{Metric, MetricUnit, UnixTime};

pub use alarm::{Alarm, HistoryItem, HistoryItemType};
pub use math::Points;
pub use query::MetricQueries;
pub use series::{Aggregate, Series, Statistics, is_percentile};

use crate::datapoints::MINUTE;
use crate::run::Run;
use series::Sample;

/// Dimensions that name a resource, and so whose a metric is.
const OWNED: [&str; 5] = [
    "InstanceId",
    "NatGatewayId",
    "TransitGateway",
    "VPC Endpoint Id",
    "VpnId",
];

/// What CloudWatch has for an account in a Region.
#[derive(Clone, Debug, Default)]
pub struct CloudWatch {
    /// The metrics that have data by now, by name.
    pub metrics: BTreeMap<Metric, Series>,
    /// The alarms that there are, by name.
    pub alarms: BTreeMap<SmolStr, Alarm>,
    /// What became of alarms, deleted ones included, in the order of time.
    pub history: Vec<HistoryItem>,
}

impl CloudWatch {
    /// As of now. The run must hold its whole evidence.
    #[must_use]
    pub fn of(run: &Run, account: &str, region: &str) -> Self {
        let mut metrics = BTreeMap::new();
        reported(run, (account, region), &mut metrics);
        put(run, (account, region), &mut metrics);
        logs::published(run, (account, region), &mut metrics);
        let now = run.now();
        metrics.retain(|_, series: &mut Series| series.forget_after(now));
        let mut own = Self {
            metrics,
            ..Self::default()
        };
        for (name, events) in run.control().alarms(account, region) {
            let place = alarm::Place {
                arn: format!("arn:aws:cloudwatch:{region}:{account}:alarm:{name}"),
                region,
                starts: run.plan().starts,
                now,
            };
            let (alarm, history) = alarm::replay(&place, events, &own.metrics);
            own.alarms.extend(alarm.map(|it| (name.clone(), it)));
            own.history.extend(history);
        }
        own.history.sort_by_key(|it| it.timestamp);
        own
    }
}

/// What the network's resources have reported.
fn reported(run: &Run, owner: (&str, &str), metrics: &mut BTreeMap<Metric, Series>) {
    let starts = run.plan().starts;
    let delay = run.plan().fabric.metrics_delay;
    for (metric, points) in &run.evidence().metrics {
        if !is_of(run, metric, owner) {
            continue;
        }
        let mut sorted = metric.clone();
        sorted.dimensions.sort();
        let series: &mut Series = metrics.entry(sorted).or_default();
        for minutes in points.runs() {
            let first = UnixTime::from_secs(minutes.begin + MINUTE).since_start(starts);
            series.report(*minutes, first + delay);
        }
    }
}

/// Whether the metric is of something that the account has in the Region.
fn is_of(run: &Run, metric: &Metric, (account, region): (&str, &str)) -> bool {
    let mut dimensions = metric.dimensions.iter();
    let resource = dimensions.find(|it| OWNED.contains(&it.name.as_str()));
    resource.is_none_or(|it| {
        let (owner, place) = run.control().owner_of(&it.value);
        owner == account && place == region
    })
}

/// What clients have put, and what metric filters made of log events that clients put.
fn put(run: &Run, (account, region): (&str, &str), metrics: &mut BTreeMap<Metric, Series>) {
    for (metric, data) in run.control().put_metrics(account, region) {
        let series = metrics.entry(metric.clone()).or_default();
        for datum in data {
            let sample = Sample {
                available_at: datum.available_at,
                unit: datum.unit.clone(),
                ..sample_of(&datum.samples)
            };
            series.push(datum.timestamp.as_secs(), sample);
        }
    }
}

fn sample_of(samples: &Samples) -> Sample {
    let number = |text: &SmolStr| text.parse::<f64>().unwrap_or_default();
    match samples {
        Samples::Values(all) => {
            let all = all.iter();
            Sample::of_values(all.map(|(it, count)| (number(it), number(count))).collect())
        }
        Samples::Statistics {
            sample_count,
            sum,
            minimum,
            maximum,
        } => Sample {
            statistics: Statistics {
                sample_count: number(sample_count),
                sum: number(sum),
                minimum: number(minimum),
                maximum: number(maximum),
            },
            ..Sample::default()
        },
        Samples::Default(value) => Sample {
            is_default: true,
            ..Sample::of_values(vec![(number(value), 1.0)])
        },
    }
}

/// CloudWatch's name of a unit.
const fn unit_name(unit: MetricUnit) -> &'static str {
    match unit {
        MetricUnit::Count => "Count",
        MetricUnit::Bytes => "Bytes",
        MetricUnit::None => "None",
    }
}

/// `2024-03-05T09:00:00.000+0000`, as alarms write times.
fn zoned(moment: UnixTime) -> String {
    let seconds = i64::try_from(moment.as_secs()).unwrap_or(i64::MAX);
    let moment = jiff::Timestamp::from_second(seconds).unwrap_or(jiff::Timestamp::MAX);
    moment.strftime("%Y-%m-%dT%H:%M:%S.000+0000").to_string()
}

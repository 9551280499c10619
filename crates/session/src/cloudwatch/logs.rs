//! What log groups report: what arrives in them, and what their metric filters make of it.

use std::collections::BTreeMap;

use smol_str::SmolStr;
use wirelab_control::{FilterPattern, FlowLogFeed, LogGroup, MetricPublication};
use wirelab_flowlog::{LogFormat, records_traffic};
use wirelab_model::{Metric, MetricDimension, SimTime, UnixTime};

use super::series::{Sample, Series};
use crate::run::Run;

type Metrics = BTreeMap<Metric, Series>;

/// Values and how often each was seen, by metric and minute.
type Counted = BTreeMap<(Metric, u64), BTreeMap<u64, f64>>;

pub(super) fn published(run: &Run, (account, region): (&str, &str), metrics: &mut Metrics) {
    for publication in run.control().metric_publications(account, region) {
        filtered(run, &publication, metrics);
    }
    for group in run.control().log_groups(account, region) {
        incoming(run, group, metrics);
    }
}

/// The minute of a moment, in seconds since the epoch, and when it is over.
fn minute(run: &Run, at: SimTime) -> (u64, SimTime) {
    let starts = run.plan().starts;
    let minute = starts.at(at).as_secs() / 60 * 60;
    (minute, UnixTime::from_secs(minute + 60).since_start(starts))
}

/// Calls `take` with each line that a flow log delivers within `since..=until`, in their order, and
/// the moment of its delivery.
fn each_line(
    run: &Run,
    feed: &FlowLogFeed,
    (since, until): (SimTime, SimTime),
    mut take: impl FnMut(&str, SimTime),
) {
    let format = LogFormat::parse(&feed.log_format).unwrap_or_default();
    let mut line = String::new();
    for logged in run.evidence().delivered(&feed.flow_log_id, until) {
        let at = logged.available_at;
        if at <= since || !records_traffic(feed.traffic_type, &logged.record) {
            continue;
        }
        line.clear();
        format.write_line(&logged.record, &mut line);
        take(&line, at);
    }
}

/// What a metric filter makes of the records of flow logs.
fn filtered(run: &Run, publication: &MetricPublication, metrics: &mut Metrics) {
    let filter = &publication.filter;
    let Ok(pattern) = FilterPattern::parse(&filter.pattern) else {
        return;
    };
    let until = publication.until.unwrap_or(SimTime::MAX).min(run.now());
    for transformation in &filter.transformations {
        let mut counted = Counted::new();
        let mut unmatched: BTreeMap<u64, bool> = BTreeMap::new();
        for feed in &publication.feeds {
            each_line(run, feed, (filter.since, until), |line, at| {
                let (minute, _) = minute(run, at);
                let extracted = pattern.extract(line);
                let found = extracted.and_then(|it| transformation.apply(&it));
                let matched = unmatched.entry(minute).or_default();
                if let Some((metric, value)) = found {
                    *matched = true;
                    let value = value.parse::<f64>().unwrap_or_default();
                    let counts = counted.entry((metric, minute)).or_default();
                    *counts.entry(value.to_bits()).or_default() += 1.0;
                }
            });
        }
        let unit = transformation.unit.clone();
        let unit = unit.unwrap_or_else(|| SmolStr::new_static("None"));
        for ((metric, at), counts) in counted {
            let counts = counts.into_iter();
            let values = counts.map(|(bits, count)| (f64::from_bits(bits), count));
            let sample = Sample::of_values(values.collect());
            push(run, metrics, metric, (at, unit.clone()), sample);
        }
        let Some(default) = &transformation.default_value else {
            continue;
        };
        let default = default.parse::<f64>().unwrap_or_default();
        for (at, _) in unmatched.into_iter().filter(|(_, matched)| !matched) {
            let sample = Sample {
                is_default: true,
                ..Sample::of_values(vec![(default, 1.0)])
            };
            let metric = transformation.metric(Vec::new());
            push(run, metrics, metric, (at, unit.clone()), sample);
        }
    }
}

/// What arrives in a group, minute by minute.
fn incoming(run: &Run, group: &LogGroup, metrics: &mut Metrics) {
    let mut minutes: BTreeMap<u64, (f64, f64)> = BTreeMap::new();
    let mut count = |minute: u64, octets: usize| {
        let sums = minutes.entry(minute).or_default();
        sums.0 += 1.0;
        sums.1 += octets as f64;
    };
    let since = group.emptied_at.unwrap_or_default();
    for feed in &group.feeds {
        each_line(run, feed, (since, run.now()), |line, at| {
            count(minute(run, at).0, line.len());
        });
    }
    for event in group.streams.values().flat_map(|it| &it.events) {
        count(event.ingestion_ms / 60_000 * 60, event.message.len());
    }
    for (at, (events, octets)) in minutes {
        for (name, unit, sum) in [
            ("IncomingLogEvents", "None", events),
            ("IncomingBytes", "Bytes", octets),
        ] {
            let metric = Metric {
                namespace: SmolStr::new_static("AWS/Logs"),
                metric_name: SmolStr::new_static(name),
                dimensions: vec![MetricDimension {
                    name: SmolStr::new_static("LogGroupName"),
                    value: group.name.clone(),
                }],
            };
            let sample = Sample::of_values(vec![(sum, 1.0)]);
            push(run, metrics, metric, (at, unit.into()), sample);
        }
    }
}

/// The datum of a minute, which is there when the minute is over.
fn push(
    run: &Run,
    metrics: &mut Metrics,
    metric: Metric,
    (at, unit): (u64, SmolStr),
    sample: Sample,
) {
    let over = UnixTime::from_secs(at + 60).since_start(run.plan().starts);
    let sample = Sample {
        available_at: over,
        unit,
        ..sample
    };
    metrics.entry(metric).or_default().push(at, sample);
}

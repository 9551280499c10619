//! The data of one metric, and what periods of them come to.

use std::collections::BTreeMap;

use smol_str::SmolStr;
use wirelab_model::{SimDuration, SimTime};

use super::unit_name;
use crate::datapoints::{MINUTE, Minutes};

/// Statistics of samples.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Statistics {
    /// How many there were.
    pub sample_count: f64,
    /// Their sum.
    pub sum: f64,
    /// The least one.
    pub minimum: f64,
    /// The greatest one.
    pub maximum: f64,
}

impl Statistics {
    fn merge(&mut self, other: Self) {
        if self.sample_count == 0.0 {
            *self = other;
        } else if other.sample_count != 0.0 {
            self.sample_count += other.sample_count;
            self.sum += other.sum;
            self.minimum = self.minimum.min(other.minimum);
            self.maximum = self.maximum.max(other.maximum);
        }
    }
}

/// What arrived at once for one time of a metric.
#[derive(Clone, Debug, Default)]
pub(super) struct Sample {
    pub(super) available_at: SimTime,
    pub(super) unit: SmolStr,
    pub(super) statistics: Statistics,
    /// The values and how often each was seen, where that is known.
    pub(super) values: Option<Vec<(f64, f64)>>,
    /// Whether it counts only where its minute has nothing else.
    pub(super) is_default: bool,
}

impl Sample {
    /// Values, and how often each was seen.
    pub(super) fn of_values(values: Vec<(f64, f64)>) -> Self {
        let mut statistics = Statistics::default();
        for (value, count) in &values {
            statistics.merge(Statistics {
                sample_count: *count,
                sum: value * count,
                minimum: *value,
                maximum: *value,
            });
        }
        Self {
            statistics,
            values: Some(values),
            ..Self::default()
        }
    }

    /// Values and their counts. A set of statistics tells them if it is of one sample, or of many
    /// that are alike (API Reference, "PutMetricData").
    fn distribution(&self) -> Option<Vec<(f64, f64)>> {
        let set = self.statistics;
        let alike = set.sample_count == 1.0 || set.minimum == set.maximum;
        let one = || alike.then(|| vec![(set.minimum, set.sample_count)]);
        self.values.clone().or_else(one)
    }
}

/// Minutes that a resource has reported.
#[derive(Clone, Copy, Debug)]
struct Reported {
    minutes: Minutes,
    /// When the first of them was there; each further one was a minute later.
    available_at: SimTime,
}

impl Reported {
    /// How many of them were there at `by`.
    const fn available(&self, by: SimTime) -> u64 {
        match by.as_nanos().checked_sub(self.available_at.as_nanos()) {
            Some(since) => {
                let since = since / SimDuration::from_secs(MINUTE).as_nanos();
                if since < self.minutes.count {
                    since + 1
                } else {
                    self.minutes.count
                }
            }
            None => 0,
        }
    }

    /// Those of the periods that begin from `start` to before `end` which were there at `by`, as
    /// one sample.
    fn sample(&self, span: (u64, u64), by: SimTime) -> Option<Sample> {
        let numbers = self.minutes.published_in(span);
        let count = numbers
            .end
            .min(self.available(by))
            .checked_sub(numbers.start);
        let count = count.filter(|it| *it > 0)? as f64;
        let one = self.minutes.statistics;
        Some(Sample {
            available_at: self.available_at,
            unit: SmolStr::new_static(unit_name(self.minutes.unit)),
            statistics: Statistics {
                sample_count: count * one.sample_count as f64,
                sum: count * one.sum as f64,
                minimum: one.minimum as f64,
                maximum: one.maximum as f64,
            },
            values: None,
            is_default: false,
        })
    }
}

/// The longest period in which minutes are published, in seconds.
const LONGEST: u64 = 300;

/// The data of a metric.
#[derive(Clone, Debug, Default)]
pub struct Series {
    /// By their time, in seconds since the epoch.
    samples: BTreeMap<u64, Vec<Sample>>,
    /// In the order of time.
    reported: Vec<Reported>,
}

impl Series {
    /// Adds minutes, the first of which was there at `available_at`.
    pub(super) fn report(&mut self, minutes: Minutes, available_at: SimTime) {
        self.reported.push(Reported {
            minutes,
            available_at,
        });
    }

    /// Those that may be published under a time from `start` to before `end`.
    fn reported(&self, (start, end): (u64, u64)) -> impl Iterator<Item = &Reported> {
        let first = self
            .reported
            .partition_point(|it| it.minutes.end() <= start);
        let from = self.reported[first..].iter();
        from.take_while(move |it| it.minutes.begin < end.saturating_add(LONGEST))
    }

    pub(super) fn push(&mut self, second: u64, sample: Sample) {
        self.samples.entry(second).or_default().push(sample);
    }

    /// Drops what is not there at `now`; whether anything is.
    pub(super) fn forget_after(&mut self, now: SimTime) -> bool {
        self.samples.retain(|_, all| {
            all.retain(|it| it.available_at <= now);
            !all.is_empty()
        });
        !self.samples.is_empty() || !self.reported.is_empty()
    }

    /// The time of the latest datum, in seconds since the epoch.
    #[must_use]
    pub fn latest(&self) -> Option<u64> {
        let reported = self.reported.last().map(|it| it.minutes);
        let reported = reported.map(|it| it.timestamp(it.count - 1));
        self.samples.keys().next_back().copied().max(reported)
    }

    /// The units that the data of a span have, each once.
    #[must_use]
    pub fn units(&self, start: u64, end: u64) -> Vec<&str> {
        let span = (start, end.max(start));
        let put = self.samples.range(span.0..span.1).flat_map(|it| it.1);
        let put = put.map(|it| it.unit.as_str());
        let reported = self.reported(span).map(|it| it.minutes);
        let reported = reported.filter(|it| !it.published_in(span).is_empty());
        let mut units: Vec<&str> = Vec::new();
        for unit in put.chain(reported.map(|it| unit_name(it.unit))) {
            if !units.contains(&unit) {
                units.push(unit);
            }
        }
        units
    }

    /// What the data of `start..end`, in seconds since the epoch, come to: those that were there at
    /// `by`, of that unit if one is given. `None` if there are none.
    #[must_use]
    pub fn aggregate(
        &self,
        (start, end): (u64, u64),
        unit: Option<&str>,
        by: SimTime,
    ) -> Option<Aggregate> {
        let mut whole = Aggregate {
            statistics: Statistics::default(),
            unit: SmolStr::default(),
            values: Some(Vec::new()),
        };
        for samples in self.samples.range(start..end.max(start)).map(|it| it.1) {
            let there =
                |it: &&Sample| it.available_at <= by && unit.is_none_or(|unit| it.unit == unit);
            let there: Vec<&Sample> = samples.iter().filter(there).collect();
            let has_others = there.iter().any(|it| !it.is_default);
            let mut defaults = 0;
            for sample in there {
                defaults += usize::from(sample.is_default);
                if sample.is_default && (has_others || defaults > 1) {
                    continue;
                }
                whole.add(sample);
            }
        }
        let span = (start, end.max(start));
        let reported = self.reported(span).filter_map(|it| it.sample(span, by));
        for sample in reported.filter(|it| unit.is_none_or(|unit| it.unit == unit)) {
            whole.add(&sample);
        }
        (whole.statistics.sample_count > 0.0).then_some(whole)
    }

    /// The periods of `start..end` that have data, each with its begin.
    #[must_use]
    pub fn periods(
        &self,
        (start, end): (u64, u64),
        period: u64,
        unit: Option<&str>,
        by: SimTime,
    ) -> Vec<(u64, Aggregate)> {
        let mut periods = Vec::new();
        let mut from = start;
        while let Some(next) = self.next(from, end) {
            let begin = start + (next - start) / period * period;
            let until = begin.saturating_add(period).min(end);
            if let Some(aggregate) = self.aggregate((begin.max(start), until), unit, by) {
                periods.push((begin, aggregate));
            }
            from = until.max(from + 1);
        }
        periods
    }

    /// The first time from `from` to before `end` that has data.
    fn next(&self, from: u64, end: u64) -> Option<u64> {
        let end = end.max(from);
        let put = self.samples.range(from..end).next().map(|it| *it.0);
        let reported = self.reported((from, end)).find_map(|it| {
            let numbers = it.minutes.published_in((from, end));
            (!numbers.is_empty()).then(|| it.minutes.timestamp(numbers.start))
        });
        put.into_iter().chain(reported).min()
    }
}

/// What the data of a period come to.
#[derive(Clone, Debug)]
pub struct Aggregate {
    /// Their statistics.
    pub statistics: Statistics,
    /// The unit of the first of them.
    pub unit: SmolStr,
    /// The values and how often each was seen; `None` where that is not known.
    values: Option<Vec<(f64, f64)>>,
}

impl Aggregate {
    fn add(&mut self, sample: &Sample) {
        if self.unit.is_empty() {
            self.unit = sample.unit.clone();
        }
        self.statistics.merge(sample.statistics);
        self.values = match (self.values.take(), sample.distribution()) {
            (Some(mut all), Some(more)) => {
                all.extend(more);
                Some(all)
            }
            _ => None,
        };
    }

    /// A statistic by its name: `Sum`, `p99.9`. `None` for a percentile of which too little is
    /// known, or of negative values.
    #[must_use]
    pub fn statistic(&self, name: &str) -> Option<f64> {
        let set = self.statistics;
        match name {
            "SampleCount" => Some(set.sample_count),
            "Sum" => Some(set.sum),
            "Minimum" => Some(set.minimum),
            "Maximum" => Some(set.maximum),
            "Average" => Some(set.sum / set.sample_count),
            _ => {
                let percent = name.strip_prefix('p')?.parse::<f64>().ok()?;
                self.percentile(percent)
            }
        }
    }

    /// The least value that at least so many in a hundred samples do not exceed.
    fn percentile(&self, percent: f64) -> Option<f64> {
        let mut values = self.values.clone()?;
        if values.iter().any(|(value, _)| *value < 0.0) {
            return None;
        }
        values.sort_by(|one, other| one.0.total_cmp(&other.0));
        let wanted = self.statistics.sample_count * percent / 100.0;
        let mut seen = 0.0;
        for (value, count) in &values {
            seen += count;
            if seen >= wanted {
                return Some(*value);
            }
        }
        values.last().map(|(value, _)| *value)
    }
}

/// Whether a text names a percentile: `p0` to `p100`.
#[must_use]
pub fn is_percentile(name: &str) -> bool {
    let number = name.strip_prefix('p').unwrap_or_default();
    let digits = |it: char| it.is_ascii_digit() || it == '.';
    let value = number.parse::<f64>().ok();
    number.chars().all(digits) && value.is_some_and(|it| (0.0..=100.0).contains(&it))
}

#[cfg(test)]
mod tests {
    use wirelab_model::{MetricUnit, StatisticSet, UnixTime};

    use super::*;
    use crate::datapoints::Datapoints;

    /// Minutes by their runs come to what each of them as a sample comes to.
    #[test]
    fn what_is_reported_adds_up_as_samples_do() {
        let values = [0, 0, 0, 5, 5, 9, 0, 0, 0, 0, 3, 3];
        for period in [60, 300] {
            let (mut runs, mut one_by_one) = (Datapoints::default(), Series::default());
            for (at, value) in (0..).zip(values) {
                let begin = 1_020 + 60 * at;
                let set = StatisticSet::of(value);
                let length = SimDuration::from_secs(period);
                let begun = UnixTime::from_secs(begin);
                runs.push(Minutes::one(begun, length, (set, MetricUnit::Count)));
                let sample = Sample {
                    available_at: SimTime::from_secs(begin + 120),
                    unit: "Count".into(),
                    ..Sample::of_values(vec![(value as f64, 1.0)])
                };
                one_by_one.push(begin / period * period, sample);
            }
            let mut reported = Series::default();
            for run in runs.runs() {
                reported.report(*run, SimTime::from_secs(run.begin + 120));
            }
            assert!(reported.reported.len() < values.len());
            assert_eq!(reported.latest(), one_by_one.latest());
            let shown = |series: &Series, span, by| {
                let all = series.periods(span, 120, Some("Count"), SimTime::from_secs(by));
                let shown = all.into_iter().map(|(begin, it)| {
                    (begin, it.statistics, it.statistic("p50").map(f64::to_bits))
                });
                (
                    shown.collect::<Vec<_>>(),
                    series.units(span.0, span.1).len(),
                )
            };
            for start in (900..1_900).step_by(30) {
                for (length, by) in [(60, 9_999), (300, 1_500), (600, 1_331), (900, 9_999)] {
                    let span = (start, start + length);
                    let (one, other) = (shown(&reported, span, by), shown(&one_by_one, span, by));
                    assert_eq!(one, other, "{period} {span:?} {by}");
                }
            }
        }
    }
}

//! The data of one metric, and what periods of them come to.

use std::collections::BTreeMap;

use smol_str::SmolStr;
use wirelab_model::SimTime;

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

/// The data of a metric.
#[derive(Clone, Debug, Default)]
pub struct Series {
    /// By their time, in seconds since the epoch.
    samples: BTreeMap<u64, Vec<Sample>>,
}

impl Series {
    pub(super) fn push(&mut self, second: u64, sample: Sample) {
        self.samples.entry(second).or_default().push(sample);
    }

    /// Drops what is not there at `now`; whether anything is.
    pub(super) fn forget_after(&mut self, now: SimTime) -> bool {
        self.samples.retain(|_, all| {
            all.retain(|it| it.available_at <= now);
            !all.is_empty()
        });
        !self.samples.is_empty()
    }

    /// The time of the latest datum, in seconds since the epoch.
    #[must_use]
    pub fn latest(&self) -> Option<u64> {
        self.samples.keys().next_back().copied()
    }

    /// The units that the data of a span have, each once.
    #[must_use]
    pub fn units(&self, start: u64, end: u64) -> Vec<&str> {
        let mut units: Vec<&str> = Vec::new();
        for sample in self
            .samples
            .range(start..end.max(start))
            .flat_map(|it| it.1)
        {
            if !units.contains(&sample.unit.as_str()) {
                units.push(&sample.unit);
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
        while let Some((next, _)) = self.samples.range(from..end.max(from)).next() {
            let begin = start + (next - start) / period * period;
            let until = begin.saturating_add(period).min(end);
            if let Some(aggregate) = self.aggregate((begin.max(start), until), unit, by) {
                periods.push((begin, aggregate));
            }
            from = until.max(from + 1);
        }
        periods
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

//! What CloudWatch has of one metric of the network.
//!
//! Resources are measured every minute, and most minutes are like the one before: minutes in which
//! the same was measured are kept as one run of them, so that ten days of an idle network are no
//! more than an hour of it.
//!
//! CloudWatch publishes a minute's sample under the begin of its period. That is the minute itself,
//! or the five minutes around it of instances with basic monitoring, whose datum changes as each
//! sample comes (EC2 User Guide, "CloudWatch metrics that are available for your instances", on
//! Nitro instances).

use serde::{Deserialize, Serialize};
use wirelab_model::{MetricUnit, SimDuration, StatisticSet, UnixTime};

/// The time between two samples, in seconds.
pub(crate) const MINUTE: u64 = 60;

/// One period of a metric in CloudWatch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Datapoint {
    /// Begin of the period.
    pub timestamp: UnixTime,
    /// What was measured.
    pub statistics: StatisticSet,
    /// In which unit.
    pub unit: MetricUnit,
}

/// The samples of a metric, in the order of time.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Datapoints(Vec<Minutes>);

/// Minutes one after the other in which the same was measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Minutes {
    /// Begin of the first one, in seconds since the epoch.
    pub(crate) begin: u64,
    pub(crate) count: u64,
    /// Length of the periods that they are published in, in seconds.
    pub(crate) period: u64,
    /// Of one minute.
    pub(crate) statistics: StatisticSet,
    pub(crate) unit: MetricUnit,
}

impl Minutes {
    /// One minute.
    pub(crate) fn one(
        begin: UnixTime,
        period: SimDuration,
        (statistics, unit): (StatisticSet, MetricUnit),
    ) -> Self {
        Self {
            begin: begin.as_secs(),
            count: 1,
            period: period.as_nanos() / 1_000_000_000,
            statistics,
            unit,
        }
    }

    /// The end of the last one.
    pub(crate) const fn end(&self) -> u64 {
        self.begin + self.count * MINUTE
    }

    /// Under which time the minute of that number is published.
    pub(crate) const fn timestamp(&self, number: u64) -> u64 {
        (self.begin + number * MINUTE) / self.period * self.period
    }

    /// The numbers of the minutes that are published under a time from `start` to before `end`.
    pub(crate) fn published_in(&self, (start, end): (u64, u64)) -> std::ops::Range<u64> {
        let number = |time: u64| {
            let first = time.div_ceil(self.period) * self.period;
            first.saturating_sub(self.begin).div_ceil(MINUTE)
        };
        number(start).min(self.count)..number(end).min(self.count)
    }

    fn is_followed_by(&self, later: &Self) -> bool {
        self.end() == later.begin
            && (self.period, self.statistics, self.unit)
                == (later.period, later.statistics, later.unit)
    }
}

impl Datapoints {
    /// Adds what came after.
    pub(crate) fn append(&mut self, later: Self) {
        for minutes in later.0 {
            self.push(minutes);
        }
    }

    pub(crate) fn push(&mut self, minutes: Minutes) {
        match self.0.last_mut() {
            Some(last) if last.is_followed_by(&minutes) => last.count += minutes.count,
            _ => self.0.push(minutes),
        }
    }

    /// The runs of minutes.
    pub(crate) fn runs(&self) -> &[Minutes] {
        &self.0
    }

    /// The periods that have data, each once.
    pub fn iter(&self) -> impl Iterator<Item = Datapoint> {
        let samples = self.0.iter().flat_map(|run| {
            (0..run.count).map(|number| Datapoint {
                timestamp: UnixTime::from_secs(run.timestamp(number)),
                statistics: run.statistics,
                unit: run.unit,
            })
        });
        let mut samples = samples.peekable();
        std::iter::from_fn(move || {
            let mut point = samples.next()?;
            while let Some(more) = samples.next_if(|it| it.timestamp == point.timestamp) {
                point.statistics = point.statistics.merged(more.statistics);
            }
            Some(point)
        })
    }

    /// When the last datum is of; `None` if there is none.
    #[must_use]
    pub fn latest(&self) -> Option<UnixTime> {
        let last = self.0.last()?;
        Some(UnixTime::from_secs(last.timestamp(last.count - 1)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn minute(begin: u64, period: u64, value: u64) -> Minutes {
        let what = (StatisticSet::of(value), MetricUnit::Bytes);
        Minutes::one(
            UnixTime::from_secs(begin),
            SimDuration::from_secs(period),
            what,
        )
    }

    #[test]
    fn minutes_that_are_alike_are_one_run_and_periods_hold_the_samples_of_theirs() {
        let mut all = Datapoints::default();
        let mut later = Datapoints::default();
        for (at, value) in [0, 0, 7, 7, 7, 7, 0].into_iter().enumerate() {
            // 09:02 to 09:08, in five minutes.
            let half = if at < 4 { &mut all } else { &mut later };
            half.push(minute(32_520 + 60 * at as u64, 300, value));
        }
        all.append(later);
        assert_eq!(all.runs().len(), 3);
        let shown = |all: &Datapoints| -> Vec<_> {
            let sums = |it: Datapoint| (it.timestamp.as_secs(), it.statistics.sum);
            all.iter().map(sums).collect()
        };
        assert_eq!(shown(&all), [(32_400, 7), (32_700, 21)]);
        let counts: Vec<_> = all.iter().map(|it| it.statistics.sample_count).collect();
        assert_eq!(counts, [3, 4]);
        let run = all.runs()[1];
        assert_eq!(run.published_in((32_400, 32_700)), 0..1);
        assert_eq!(
            run.published_in((32_401, 33_000)),
            1..4,
            "a period begins in it"
        );
        assert_eq!(run.published_in((0, 1)), 0..0);
        assert_eq!(all.latest(), Some(UnixTime::from_secs(32_700)));

        all.push(minute(32_940, 60, 1));
        assert_eq!(
            shown(&all).last(),
            Some(&(32_940, 1)),
            "detailed from now on"
        );
    }
}

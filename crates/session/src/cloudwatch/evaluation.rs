//! What an alarm's data say at one moment.
//!
//! An alarm looks at its last periods, each `period` long and the last of them ending at the moment
//! of evaluation. It takes in two periods more than it evaluates, since data come late; how many
//! AWS takes is not documented beyond its example, five for three. Then (Amazon CloudWatch User
//! Guide, "Configuring how CloudWatch alarms treat missing data", and there "Avoiding premature
//! transitions to alarm state"):
//!
//! - with enough data, the newest are evaluated, and what is missing makes no difference;
//! - with fewer, the missing ones are taken for what the alarm says. `missing` and `ignore` fill
//!   nothing in: then an alarm whose only data breach goes to ALARM when the oldest of them is as
//!   old as the data that it wants, and with `ignore` stays as it is;
//! - with none, `missing` is INSUFFICIENT_DATA and `ignore` changes nothing.
//!
//! An alarm on metric math looks at what `GetMetricData` would give for those periods at that
//! moment, those that are taken in more included: so the guide advises against functions that look
//! at a whole series (`AVG`, `MAX`, `RUNNING_SUM`) in alarms.

use std::collections::BTreeMap;

use wirelab_control::{
    AlarmConfiguration, ComparisonOperator, MetricDataQuery, MetricStat, TreatMissingData, Watched,
};
use wirelab_model::{Metric, SimTime};

use super::query::MetricQueries;
use super::series::Series;

/// So many periods more are looked at than are evaluated.
const LATE_PERIODS: u64 = 2;

/// A datum that was evaluated.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Evaluated {
    /// Begin of its period, in seconds since the epoch.
    pub(super) begin: u64,
    pub(super) value: f64,
    /// How many samples it is of; what math gives is of none.
    pub(super) sample_count: Option<f64>,
}

/// What the data say.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Verdict {
    /// Nothing: the state stays as it is.
    Stays,
    /// That there are too few of them.
    Insufficient,
    /// Whether the threshold is breached by enough of them.
    Decided {
        breached: bool,
        /// Those that were evaluated, the newest first.
        data: Vec<Evaluated>,
        /// How many missing ones were filled in.
        filled: u64,
    },
}

/// Whether a value breaches the alarm's threshold.
pub(super) fn breaches(alarm: &AlarmConfiguration, value: f64) -> bool {
    let threshold = threshold(alarm);
    match alarm.comparison_operator {
        ComparisonOperator::GreaterThanOrEqualToThreshold => value >= threshold,
        ComparisonOperator::GreaterThanThreshold => value > threshold,
        ComparisonOperator::LessThanThreshold => value < threshold,
        ComparisonOperator::LessThanOrEqualToThreshold => value <= threshold,
    }
}

pub(super) fn threshold(alarm: &AlarmConfiguration) -> f64 {
    alarm.threshold.parse().unwrap_or_default()
}

/// How many data must breach.
pub(super) fn wanted(alarm: &AlarmConfiguration) -> u64 {
    u64::from(
        alarm
            .datapoints_to_alarm
            .unwrap_or(alarm.evaluation_periods),
    )
}

/// What the alarm says at `second` since the epoch, which is the moment `now`.
pub(super) fn evaluate(
    alarm: &AlarmConfiguration,
    metrics: &BTreeMap<Metric, Series>,
    second: u64,
    now: SimTime,
) -> Verdict {
    let periods = u64::from(alarm.evaluation_periods);
    let ages = 1..=periods + LATE_PERIODS;
    let mut data: Vec<(u64, Evaluated)> = match &alarm.watched {
        Watched::Metric(stat) => {
            let series = metrics.get(&stat.metric);
            let of = |age| Some((age, datum(stat, series?, (age, second), now)?));
            ages.filter_map(of).collect()
        }
        Watched::Math(queries) => {
            let period = u64::from(alarm.period());
            let span = (second.saturating_sub(ages.end() * period), second);
            calculated(queries, metrics, (span, period), now)
        }
    };
    data.truncate(usize::try_from(periods).unwrap_or(usize::MAX));
    let missing = periods - data.len() as u64;
    let breaching = |(_, it): &&(u64, Evaluated)| breaches(alarm, it.value);
    let count = data.iter().filter(breaching).count() as u64;
    let wanted = wanted(alarm);
    let treatment = alarm.treat_missing_data.unwrap_or_default();
    let oldest = data.last().map(|(age, _)| *age);
    let all_breach = count == data.len() as u64;
    let decided = |breached: bool, filled: u64| Verdict::Decided {
        breached,
        data: data.iter().map(|(_, it)| *it).collect(),
        filled,
    };
    if missing == 0 || count >= wanted {
        return decided(count >= wanted, 0);
    }
    match treatment {
        TreatMissingData::Breaching => decided(count + missing >= wanted, missing),
        TreatMissingData::NotBreaching => decided(false, missing),
        TreatMissingData::Missing => match oldest {
            None => Verdict::Insufficient,
            Some(age) if all_breach && age >= wanted => decided(true, 0),
            Some(_) if all_breach => Verdict::Stays,
            Some(_) => decided(false, 0),
        },
        TreatMissingData::Ignore if all_breach => Verdict::Stays,
        TreatMissingData::Ignore => decided(false, 0),
    }
}

/// The datum of the period that is so many periods old.
fn datum(
    stat: &MetricStat,
    series: &Series,
    (age, second): (u64, u64),
    now: SimTime,
) -> Option<Evaluated> {
    let period = u64::from(stat.period);
    let begin = second.checked_sub(age * period)?;
    let span = (begin, begin + period);
    let aggregate = series.aggregate(span, stat.unit.as_deref(), now)?;
    let value = aggregate.statistic(&stat.statistic)?;
    Some(Evaluated {
        begin,
        value,
        sample_count: Some(aggregate.statistics.sample_count),
    })
}

/// The data of the query that returns data, the newest first, each with its age in periods.
fn calculated(
    queries: &[MetricDataQuery],
    metrics: &BTreeMap<Metric, Series>,
    (span, period): ((u64, u64), u64),
    now: SimTime,
) -> Vec<(u64, Evaluated)> {
    let watched = queries.iter().find(|it| it.return_data.unwrap_or(true));
    let all = MetricQueries::new(queries, metrics, span, now);
    // What cannot be evaluated, which is refused before, has no data.
    let points = watched.and_then(|it| all.points(it).ok());
    let values = points.map(|it| it.values).unwrap_or_default();
    let newest_first = values.into_iter().rev();
    newest_first
        .map(|(begin, value)| {
            let datum = Evaluated {
                begin,
                value,
                sample_count: None,
            };
            ((span.1 - begin).div_ceil(period), datum)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use wirelab_control::QuerySource;

    use super::super::series::Sample;
    use super::*;

    fn stat(name: &str) -> MetricStat {
        MetricStat {
            metric: Metric {
                namespace: "Lab".into(),
                metric_name: name.into(),
                dimensions: Vec::new(),
            },
            unit: None,
            statistic: "Sum".into(),
            period: 60,
        }
    }

    fn alarm(evaluated: u32, wanted: u32, treatment: TreatMissingData) -> AlarmConfiguration {
        AlarmConfiguration {
            name: "a".into(),
            description: None,
            actions_enabled: true,
            ok_actions: Vec::new(),
            alarm_actions: Vec::new(),
            insufficient_data_actions: Vec::new(),
            watched: Watched::Metric(stat("m")),
            evaluation_periods: evaluated,
            datapoints_to_alarm: Some(wanted),
            threshold: "0.5".into(),
            comparison_operator: ComparisonOperator::GreaterThanThreshold,
            treat_missing_data: Some(treatment),
            evaluate_low_sample_count_percentile: None,
        }
    }

    /// `0 - X - X`, the newest at the end.
    fn series(drawn: &str) -> Series {
        let mut series = Series::default();
        for (at, drawn) in drawn.split(' ').enumerate() {
            let value = match drawn {
                "X" => 1.0,
                "0" => 0.0,
                _ => continue,
            };
            series.push(60 * at as u64, Sample::of_values(vec![(value, 1.0)]));
        }
        series
    }

    /// The tables of the guide, row by row, and what the text beneath them says of data that begin
    /// late: data, how many are filled in, what comes of them with each treatment.
    #[test]
    fn missing_data_are_treated_as_the_guide_draws_it() {
        use TreatMissingData::{Breaching, Ignore, Missing, NotBreaching};
        let treatments = [Missing, Ignore, Breaching, NotBreaching];
        let three_of_three = [
            ("0 - X - X", 0, ["OK", "OK", "OK", "OK"]),
            ("0 - - - -", 2, ["OK", "OK", "OK", "OK"]),
            ("- - - - -", 3, ["INSUFFICIENT", "stays", "ALARM", "OK"]),
            ("0 X X - X", 0, ["ALARM", "ALARM", "ALARM", "ALARM"]),
            ("- - X - -", 2, ["ALARM", "stays", "ALARM", "OK"]),
            // "Avoiding premature transitions to alarm state".
            ("- - - - X", 2, ["stays", "stays", "ALARM", "OK"]),
            ("- - - X -", 2, ["stays", "stays", "ALARM", "OK"]),
            ("- - - X 0", 1, ["OK", "OK", "OK", "OK"]),
            ("- - X - 0", 1, ["OK", "OK", "OK", "OK"]),
        ];
        let two_of_three = [
            ("0 - X - X", 0, ["ALARM", "ALARM", "ALARM", "ALARM"]),
            ("0 0 X 0 X", 0, ["ALARM", "ALARM", "ALARM", "ALARM"]),
            ("0 - X - -", 1, ["OK", "OK", "ALARM", "OK"]),
            ("- - - - 0", 2, ["OK", "OK", "ALARM", "OK"]),
            ("- - - X -", 2, ["ALARM", "stays", "ALARM", "OK"]),
        ];
        let rows = three_of_three.into_iter().map(|row| (3, row));
        for (wanted, (drawn, filled, expected)) in rows.chain(two_of_three.map(|row| (2, row))) {
            for (treatment, expected) in treatments.into_iter().zip(expected) {
                let alarm = alarm(3, wanted, treatment);
                let metrics = BTreeMap::from([(stat("m").metric, series(drawn))]);
                let verdict = evaluate(&alarm, &metrics, 300, SimTime::MAX);
                let row = format!("{wanted} of 3, {drawn}, {treatment:?}");
                if let (Breaching | NotBreaching, Verdict::Decided { filled: its, .. }) =
                    (treatment, &verdict)
                {
                    assert_eq!(*its, filled, "{row}");
                }
                let said = match verdict {
                    Verdict::Stays => "stays",
                    Verdict::Insufficient => "INSUFFICIENT",
                    Verdict::Decided { breached: true, .. } => "ALARM",
                    Verdict::Decided { .. } => "OK",
                };
                assert_eq!(said, expected, "{row}");
            }
        }
    }

    /// The same data by way of an expression say the same.
    #[test]
    fn an_alarm_on_math_is_evaluated_as_one_on_a_metric() {
        let query = |id: &str, source| MetricDataQuery {
            id: id.into(),
            label: None,
            return_data: Some(id == "e"),
            period: None,
            source,
        };
        let queries = vec![
            query(
                "e",
                QuerySource::Expression("IF(m > 0 AND n < 1, m, n)".into()),
            ),
            query("m", QuerySource::Metric(stat("m"))),
            query("n", QuerySource::Metric(stat("n"))),
        ];
        let without_counts = |verdict: Verdict| match verdict {
            Verdict::Decided {
                breached,
                data,
                filled,
            } => {
                let data = data.into_iter().map(|it| (it.begin, it.value.to_bits()));
                Some((breached, data.collect::<Vec<_>>(), filled))
            }
            _ => None,
        };
        for drawn in [
            "0 - X - X",
            "- - - - -",
            "0 0 0 X X",
            "X X X 0 0",
            "X 0 X 0 X",
        ] {
            let metrics = BTreeMap::from([
                (stat("m").metric, series(drawn)),
                (stat("n").metric, series("0 0 0 0 0")),
            ]);
            let plain = alarm(3, 2, TreatMissingData::Breaching);
            let math = AlarmConfiguration {
                watched: Watched::Math(queries.clone()),
                ..plain.clone()
            };
            let said = [&plain, &math].map(|it| evaluate(it, &metrics, 300, SimTime::MAX));
            let [one, other] = said.map(without_counts);
            // What is missing of `m` is 0 in an operator between two series, and `n` there.
            let is_whole = !drawn.contains('-');
            assert!(one == other || !is_whole, "{drawn}: {one:?} {other:?}");
            assert_eq!(other.map(|it| it.1.len()), Some(3), "{drawn}");
        }
    }
}

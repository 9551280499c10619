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

use wirelab_control::{AlarmConfiguration, ComparisonOperator, TreatMissingData};
use wirelab_model::SimTime;

use super::series::Series;

/// So many periods more are looked at than are evaluated.
const LATE_PERIODS: u64 = 2;

/// A datum that was evaluated.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Evaluated {
    /// Begin of its period, in seconds since the epoch.
    pub(super) begin: u64,
    pub(super) value: f64,
    pub(super) sample_count: f64,
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
    series: Option<&Series>,
    second: u64,
    now: SimTime,
) -> Verdict {
    let periods = u64::from(alarm.evaluation_periods);
    let mut data: Vec<(u64, Evaluated)> = Vec::new();
    if let Some(series) = series {
        let ages = 1..=periods + LATE_PERIODS;
        data.extend(ages.filter_map(|age| Some((age, datum(alarm, series, (age, second), now)?))));
    }
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
    alarm: &AlarmConfiguration,
    series: &Series,
    (age, second): (u64, u64),
    now: SimTime,
) -> Option<Evaluated> {
    let period = u64::from(alarm.period);
    let begin = second.checked_sub(age * period)?;
    let span = (begin, begin + period);
    let aggregate = series.aggregate(span, alarm.unit.as_deref(), now)?;
    let value = aggregate.statistic(&alarm.statistic)?;
    Some(Evaluated {
        begin,
        value,
        sample_count: aggregate.statistics.sample_count,
    })
}

#[cfg(test)]
mod tests {
    use wirelab_model::Metric;

    use super::super::series::Sample;
    use super::*;

    fn alarm(evaluated: u32, wanted: u32, treatment: TreatMissingData) -> AlarmConfiguration {
        AlarmConfiguration {
            name: "a".into(),
            description: None,
            actions_enabled: true,
            ok_actions: Vec::new(),
            alarm_actions: Vec::new(),
            insufficient_data_actions: Vec::new(),
            metric: Metric {
                namespace: "Lab".into(),
                metric_name: "m".into(),
                dimensions: Vec::new(),
            },
            unit: None,
            statistic: "Sum".into(),
            period: 60,
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
                let verdict = evaluate(&alarm, Some(&series(drawn)), 300, SimTime::MAX);
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
}

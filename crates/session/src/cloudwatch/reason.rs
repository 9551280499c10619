//! Why an alarm is in its state, in CloudWatch's words and as JSON.

use serde_json::{Value, json};
use wirelab_control::{AlarmConfiguration, AlarmState, ComparisonOperator, TreatMissingData};
use wirelab_model::UnixTime;

use super::evaluation::{Evaluated, Verdict, threshold, wanted};
use super::zoned;

/// What a new alarm says.
pub(super) const NEW: &str = "Unchecked: Initial alarm creation";

/// `Threshold Crossed: 1 out of the last 1 datapoints [240.0 (05/03/24 09:07:00)] was greater than
/// the threshold (100.0) (minimum 1 datapoint for OK -> ALARM transition).`
pub(super) fn text(
    alarm: &AlarmConfiguration,
    verdict: &Verdict,
    from: AlarmState,
    to: AlarmState,
) -> String {
    let periods = u64::from(alarm.evaluation_periods);
    let (breached, data, filled) = match verdict {
        Verdict::Decided {
            breached,
            data,
            filled,
        } => (*breached, data.as_slice(), *filled),
        _ => {
            let (s, were) = plural(periods);
            return format!("Insufficient Data: {periods} datapoint{s} {were} unknown.");
        }
    };
    let breaching = alarm.treat_missing_data == Some(TreatMissingData::Breaching);
    let treated = if breaching {
        "Breaching"
    } else {
        "NonBreaching"
    };
    if data.is_empty() {
        let (s, _) = plural(periods);
        let (missing_s, were) = plural(filled);
        return format!(
            "Threshold Crossed: no datapoints were received for {periods} period{s} and {filled} \
             missing datapoint{missing_s} {were} treated as [{treated}]."
        );
    }
    let compared = compared(alarm.comparison_operator);
    let compared = if breached {
        compared.to_owned()
    } else {
        format!("not {compared}")
    };
    let shown = shown(alarm, data, breached);
    let values: Vec<_> = shown.iter().map(value).collect();
    let values = values.join(", ");
    let (s, were) = plural(shown.len() as u64);
    let threshold = threshold(alarm);
    let filled = match filled {
        0 => String::new(),
        count => {
            let (s, were) = plural(count);
            format!(" and {count} missing datapoint{s} {were} treated as [{treated}]")
        }
    };
    let count = shown.len();
    if from == AlarmState::InsufficientData && !breached {
        return format!(
            "Threshold Crossed: {count} datapoint{s} [{values}] {were} {compared} the threshold \
             ({threshold:?}){filled}."
        );
    }
    let needed = match to {
        AlarmState::Alarm => wanted(alarm),
        _ => periods - wanted(alarm) + 1,
    };
    let (needed_s, _) = plural(needed);
    let from = from.name();
    let to = to.name();
    format!(
        "Threshold Crossed: {count} out of the last {periods} datapoints [{values}] {were} \
         {compared} the threshold ({threshold:?}){filled} (minimum {needed} \
         datapoint{needed_s} for {from} -> {to} transition)."
    )
}

/// The data that decide: those that breach, or those that do not.
fn shown(alarm: &AlarmConfiguration, data: &[Evaluated], breached: bool) -> Vec<Evaluated> {
    let decides = |it: &&Evaluated| super::evaluation::breaches(alarm, it.value) == breached;
    data.iter().filter(decides).copied().collect()
}

const fn plural(count: u64) -> (&'static str, &'static str) {
    match count {
        1 => ("", "was"),
        _ => ("s", "were"),
    }
}

const fn compared(operator: ComparisonOperator) -> &'static str {
    match operator {
        ComparisonOperator::GreaterThanOrEqualToThreshold => "greater than or equal to",
        ComparisonOperator::GreaterThanThreshold => "greater than",
        ComparisonOperator::LessThanThreshold => "less than",
        ComparisonOperator::LessThanOrEqualToThreshold => "less than or equal to",
    }
}

fn value(datum: &Evaluated) -> String {
    let seconds = i64::try_from(datum.begin).unwrap_or(i64::MAX);
    let begin = jiff::Timestamp::from_second(seconds).unwrap_or(jiff::Timestamp::MAX);
    format!(
        "{:?} ({})",
        datum.value,
        begin.strftime("%d/%m/%y %H:%M:%S")
    )
}

/// `StateReasonData`.
pub(super) fn data(alarm: &AlarmConfiguration, verdict: &Verdict, at: UnixTime) -> Value {
    let data = match verdict {
        Verdict::Decided { data, .. } => data.as_slice(),
        _ => &[],
    };
    let mut oldest_first: Vec<&Evaluated> = data.iter().collect();
    oldest_first.reverse();
    let evaluated = data.iter().map(|it| {
        let mut shown = json!({
            "timestamp": zoned(UnixTime::from_secs(it.begin)),
            "value": it.value,
        });
        if let Some(count) = it.sample_count {
            shown["sampleCount"] = count.into();
        }
        shown
    });
    let mut shown = json!({
        "version": "1.0",
        "queryDate": zoned(at),
        "period": alarm.period(),
        "recentDatapoints": oldest_first.iter().map(|it| it.value).collect::<Vec<_>>(),
        "threshold": threshold(alarm),
        "evaluatedDatapoints": evaluated.collect::<Vec<_>>(),
    });
    if let Some(first) = oldest_first.first() {
        shown["startDate"] = zoned(UnixTime::from_secs(first.begin)).into();
    }
    if let Some(stat) = alarm.metric_stat() {
        shown["statistic"] = stat.statistic.as_str().into();
        if let Some(unit) = &stat.unit {
            shown["unit"] = unit.as_str().into();
        }
    }
    shown
}

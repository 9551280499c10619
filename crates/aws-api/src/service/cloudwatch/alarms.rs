//! Alarms as they are, and what became of them.

use jiff::Timestamp;
use serde_json::{Value, json};
use wirelab_model::{ApiError, UnixTime};
use wirelab_session::{Alarm, HistoryItem, is_percentile};

use super::{Asked, invalid, metric, only, paged};

/// Alarms on a page, and items of their history, unless fewer are asked for.
const PAGE: usize = 50;
const HISTORY_PAGE: usize = 100;

pub(super) fn describe(asked: &Asked<'_>) -> Result<Value, ApiError> {
    let unknown = ["ChildrenOfAlarmName", "ParentsOfAlarmName"];
    only("DescribeAlarms", asked.parameters, &unknown)?;
    let names = asked.texts("AlarmNames");
    let prefix = asked.text("AlarmNamePrefix");
    if prefix.is_some() && !names.is_empty() {
        let message = "AlarmNamePrefix and AlarmNames are mutually exclusive.";
        return Err(ApiError::client("ValidationError", message));
    }
    let wanted = |it: &&Alarm| {
        let alarm = &it.configuration;
        let mut actions = alarm
            .ok_actions
            .iter()
            .chain(&alarm.alarm_actions)
            .chain(&alarm.insufficient_data_actions);
        (names.is_empty() || names.contains(&alarm.name.as_str()))
            && prefix.is_none_or(|prefix| alarm.name.starts_with(prefix))
            && asked
                .text("StateValue")
                .is_none_or(|state| it.state.name() == state)
            && asked
                .text("ActionPrefix")
                .is_none_or(|prefix| actions.any(|arn| arn.starts_with(prefix)))
    };
    let alarms = asked
        .watch
        .alarms
        .values()
        .filter(|_| has_metric_alarms(asked));
    let shown: Vec<Value> = alarms.filter(wanted).map(show).collect();
    let mut reply = paged(asked, "MetricAlarms", &shown, size(asked, PAGE))?;
    reply["CompositeAlarms"] = json!([]);
    Ok(reply)
}

/// Whether the types of alarms that are asked for have the one that there is.
fn has_metric_alarms(asked: &Asked<'_>) -> bool {
    let types = asked.texts("AlarmTypes");
    types.is_empty() || types.contains(&"MetricAlarm")
}

fn size(asked: &Asked<'_>, page: usize) -> usize {
    let most = asked.parameters.get("MaxRecords").and_then(Value::as_u64);
    most.and_then(|it| usize::try_from(it).ok()).unwrap_or(page)
}

pub(super) fn for_metric(asked: &Asked<'_>) -> Result<Value, ApiError> {
    let wanted = metric(asked.parameters);
    let statistics = [asked.text("Statistic"), asked.text("ExtendedStatistic")];
    let period = asked.parameters.get("Period").and_then(Value::as_u64);
    let alarms = asked.watch.alarms.values().filter(|it| {
        let alarm = &it.configuration;
        let mut statistics = statistics.into_iter().flatten();
        alarm.metric == wanted
            && statistics.all(|name| alarm.statistic == name)
            && period.is_none_or(|it| u64::from(alarm.period) == it)
            && asked
                .text("Unit")
                .is_none_or(|unit| alarm.unit.as_deref() == Some(unit))
    });
    Ok(json!({ "MetricAlarms": alarms.map(show).collect::<Vec<_>>() }))
}

/// An alarm as the API has it.
fn show(it: &Alarm) -> Value {
    let alarm = &it.configuration;
    let metric = json!(alarm.metric);
    let statistic = match is_percentile(&alarm.statistic) {
        true => "ExtendedStatistic",
        false => "Statistic",
    };
    let mut shown = json!({
        "AlarmName": alarm.name,
        "AlarmArn": it.arn,
        "AlarmConfigurationUpdatedTimestamp": iso(it.configured),
        "ActionsEnabled": alarm.actions_enabled,
        "OKActions": alarm.ok_actions,
        "AlarmActions": alarm.alarm_actions,
        "InsufficientDataActions": alarm.insufficient_data_actions,
        "StateValue": it.state.name(),
        "StateReason": it.reason,
        "StateUpdatedTimestamp": iso(it.updated),
        "StateTransitionedTimestamp": iso(it.transitioned),
        "MetricName": metric["MetricName"],
        "Namespace": metric["Namespace"],
        "Dimensions": metric["Dimensions"],
        statistic: alarm.statistic,
        "Period": alarm.period,
        "EvaluationPeriods": alarm.evaluation_periods,
        "Threshold": alarm.threshold.parse::<f64>().unwrap_or_default(),
        "ComparisonOperator": alarm.comparison_operator,
    });
    let optional = [
        ("AlarmDescription", json!(alarm.description)),
        ("StateReasonData", json!(it.reason_data)),
        ("Unit", json!(alarm.unit)),
        ("DatapointsToAlarm", json!(alarm.datapoints_to_alarm)),
        ("TreatMissingData", json!(alarm.treat_missing_data)),
        (
            "EvaluateLowSampleCountPercentile",
            json!(alarm.evaluate_low_sample_count_percentile),
        ),
    ];
    for (name, value) in optional {
        if !value.is_null() {
            shown[name] = value;
        }
    }
    shown
}

pub(super) fn history(asked: &Asked<'_>) -> Result<Value, ApiError> {
    only(
        "DescribeAlarmHistory",
        asked.parameters,
        &["AlarmContributorId"],
    )?;
    let moment = |name: &str| asked.parameters.get(name).and_then(Value::as_f64);
    let start = moment("StartDate").unwrap_or(f64::MIN);
    let end = moment("EndDate").unwrap_or(f64::MAX);
    if start > end {
        return Err(invalid(
            "The parameter StartDate must not be after EndDate.",
        ));
    }
    let wanted = |it: &&HistoryItem| {
        let second = it.timestamp.as_secs() as f64;
        asked.text("AlarmName").is_none_or(|name| it.alarm == name)
            && asked
                .text("HistoryItemType")
                .is_none_or(|kind| it.kind.name() == kind)
            && (start..=end).contains(&second)
            && has_metric_alarms(asked)
    };
    let items = asked.watch.history.iter().filter(wanted);
    let mut shown: Vec<Value> = items
        .map(|it| {
            json!({
                "AlarmName": it.alarm,
                "AlarmType": "MetricAlarm",
                "Timestamp": iso(it.timestamp),
                "HistoryItemType": it.kind.name(),
                "HistorySummary": it.summary,
                "HistoryData": it.data,
            })
        })
        .collect();
    if asked.text("ScanBy") != Some("TimestampAscending") {
        shown.reverse();
    }
    paged(
        asked,
        "AlarmHistoryItems",
        &shown,
        size(asked, HISTORY_PAGE),
    )
}

/// A moment in replies, to the millisecond.
fn iso(moment: UnixTime) -> String {
    let millis = i64::try_from(moment.as_millis()).unwrap_or(i64::MAX);
    let moment = Timestamp::from_millisecond(millis).unwrap_or(Timestamp::MAX);
    moment.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string()
}

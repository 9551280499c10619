//! Alarms as they are, and what became of them.

use jiff::Timestamp;
use serde_json::{Value, json};
use wirelab_control::{MetricDataQuery, MetricStat, QuerySource, Watched};
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
        // Of alarms on math with the metric it tells nothing, as documented.
        alarm.metric_stat().is_some_and(|stat| {
            stat.metric == wanted
                && statistics.all(|name| stat.statistic == name)
                && period.is_none_or(|it| u64::from(stat.period) == it)
                && asked
                    .text("Unit")
                    .is_none_or(|unit| stat.unit.as_deref() == Some(unit))
        })
    });
    Ok(json!({ "MetricAlarms": alarms.map(show).collect::<Vec<_>>() }))
}

/// An alarm as the API has it.
fn show(it: &Alarm) -> Value {
    let alarm = &it.configuration;
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
        "EvaluationPeriods": alarm.evaluation_periods,
        "Threshold": alarm.threshold.parse::<f64>().unwrap_or_default(),
        "ComparisonOperator": alarm.comparison_operator,
    });
    let optional = [
        ("AlarmDescription", json!(alarm.description)),
        ("StateReasonData", json!(it.reason_data)),
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
    match &alarm.watched {
        Watched::Metric(stat) => show_metric(stat, &mut shown),
        Watched::Math(queries) => {
            shown["Metrics"] = queries.iter().map(show_query).collect();
        }
    }
    shown
}

fn show_metric(stat: &MetricStat, shown: &mut Value) {
    let metric = json!(stat.metric);
    for name in ["MetricName", "Namespace", "Dimensions"] {
        shown[name] = metric[name].clone();
    }
    let statistic = match is_percentile(&stat.statistic) {
        true => "ExtendedStatistic",
        false => "Statistic",
    };
    shown[statistic] = stat.statistic.as_str().into();
    shown["Period"] = stat.period.into();
    if let Some(unit) = &stat.unit {
        shown["Unit"] = unit.as_str().into();
    }
}

/// One of `Metrics`.
fn show_query(it: &MetricDataQuery) -> Value {
    let mut shown = json!({ "Id": it.id, "ReturnData": it.return_data.unwrap_or(true) });
    match &it.source {
        QuerySource::Metric(stat) => {
            let mut inner = json!({
                "Metric": stat.metric,
                "Period": stat.period,
                "Stat": stat.statistic,
            });
            if let Some(unit) = &stat.unit {
                inner["Unit"] = unit.as_str().into();
            }
            shown["MetricStat"] = inner;
        }
        QuerySource::Expression(text) => shown["Expression"] = text.as_str().into(),
    }
    if let Some(label) = &it.label {
        shown["Label"] = label.as_str().into();
    }
    if let Some(period) = it.period {
        shown["Period"] = period.into();
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

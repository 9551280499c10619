//! What becomes of an alarm: what was said of it, and its evaluations in between, in order.
//!
//! An alarm is evaluated at every whole minute of UTC, with a period of less than a minute at every
//! whole period. It tells what its actions name when its state changes, if they are enabled; topics
//! and the like are outside of the network, so that they were told is all there is to see.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use smol_str::SmolStr;
use wirelab_control::{
    AlarmChange, AlarmConfiguration, AlarmEvent, AlarmState, MetricDataQuery, MetricStat,
    QuerySource, Watched,
};
use wirelab_model::{Metric, SimTime, UnixTime};

use super::evaluation::{Verdict, evaluate};
use super::series::Series;
use super::{reason, zoned};

/// An alarm: `DescribeAlarms`.
#[derive(Clone, Debug)]
pub struct Alarm {
    /// Its ARN.
    pub arn: String,
    /// What it was configured to be.
    pub configuration: AlarmConfiguration,
    /// When that was, or its actions were switched.
    pub configured: UnixTime,
    /// Its state.
    pub state: AlarmState,
    /// Why, in words.
    pub reason: String,
    /// Why, as JSON.
    pub reason_data: Option<String>,
    /// Since when that is so.
    pub updated: UnixTime,
    /// When it was last in another state.
    pub transitioned: UnixTime,
}

/// What happened to an alarm: `DescribeAlarmHistory`.
#[derive(Clone, Debug)]
pub struct HistoryItem {
    /// The alarm.
    pub alarm: SmolStr,
    /// When.
    pub timestamp: UnixTime,
    /// What kind of thing.
    pub kind: HistoryItemType,
    /// What, in words.
    pub summary: String,
    /// What, as JSON.
    pub data: String,
}

/// The kind of a history item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HistoryItemType {
    /// `ConfigurationUpdate`
    ConfigurationUpdate,
    /// `StateUpdate`
    StateUpdate,
    /// `Action`
    Action,
}

impl HistoryItemType {
    /// Its name in the API.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::ConfigurationUpdate => "ConfigurationUpdate",
            Self::StateUpdate => "StateUpdate",
            Self::Action => "Action",
        }
    }
}

/// Where and when an alarm is.
pub(super) struct Place<'p> {
    pub(super) arn: String,
    pub(super) region: &'p str,
    pub(super) starts: UnixTime,
    pub(super) now: SimTime,
}

/// The alarm as it is now, unless it is deleted, and what happened to it.
pub(super) fn replay(
    place: &Place<'_>,
    events: &[AlarmEvent],
    metrics: &BTreeMap<Metric, Series>,
) -> (Option<Alarm>, Vec<HistoryItem>) {
    let mut replay = Replay {
        place,
        metrics,
        alarm: None,
        history: Vec::new(),
    };
    for (at, event) in events.iter().enumerate() {
        replay.change(event);
        let until = events.get(at + 1).map_or(place.now, |next| next.at);
        replay.evaluate_until(event.at, until);
    }
    (replay.alarm, replay.history)
}

struct Replay<'p> {
    place: &'p Place<'p>,
    metrics: &'p BTreeMap<Metric, Series>,
    alarm: Option<Alarm>,
    history: Vec<HistoryItem>,
}

impl Replay<'_> {
    fn change(&mut self, event: &AlarmEvent) {
        let at = self.place.starts.at(event.at);
        match &event.change {
            AlarmChange::Put(configuration) => self.configure(configuration, at),
            AlarmChange::Actions(enabled) => {
                if let Some(mut configuration) = self.configuration() {
                    configuration.actions_enabled = *enabled;
                    self.configure(&configuration, at);
                }
            }
            AlarmChange::State {
                value,
                reason,
                reason_data,
            } => {
                let data = reason_data.as_ref().map(ToString::to_string);
                self.become_state(*value, (reason.to_string(), data), at);
            }
            AlarmChange::Deleted => {
                if let Some(alarm) = self.alarm.take() {
                    let name = alarm.configuration.name.clone();
                    let data = json!({
                        "version": "1.0",
                        "type": "Delete",
                        "deletedAlarm": configuration_json(&alarm, self.place.region),
                    });
                    let summary = format!("Alarm \"{name}\" deleted");
                    let kind = HistoryItemType::ConfigurationUpdate;
                    self.note(&name, at, (kind, summary), &data);
                }
            }
        }
    }

    fn configuration(&self) -> Option<AlarmConfiguration> {
        self.alarm.as_ref().map(|it| it.configuration.clone())
    }

    /// A new alarm has insufficient data; the state of one that there is stays.
    fn configure(&mut self, configuration: &AlarmConfiguration, at: UnixTime) {
        let is_new = self.alarm.is_none();
        let alarm = self.alarm.get_or_insert_with(|| Alarm {
            arn: self.place.arn.clone(),
            configuration: configuration.clone(),
            configured: at,
            state: AlarmState::InsufficientData,
            reason: reason::NEW.to_owned(),
            reason_data: None,
            updated: at,
            transitioned: at,
        });
        let before = configuration_json(alarm, self.place.region);
        alarm.configuration = configuration.clone();
        alarm.configured = at;
        let after = configuration_json(alarm, self.place.region);
        let (word, data) = match is_new {
            true => (
                "created",
                json!({ "version": "1.0", "type": "Create", "createdAlarm": after }),
            ),
            false => (
                "updated",
                json!({
                    "version": "1.0",
                    "type": "Update",
                    "originalUpdatedAlarm": before,
                    "updatedAlarm": after,
                }),
            ),
        };
        let name = configuration.name.clone();
        let summary = format!("Alarm \"{name}\" {word}");
        self.note(
            &name,
            at,
            (HistoryItemType::ConfigurationUpdate, summary),
            &data,
        );
    }

    /// Every evaluation after `from`, up to and including `until`.
    fn evaluate_until(&mut self, from: SimTime, until: SimTime) {
        let Some(configuration) = self.configuration() else {
            return;
        };
        let step = u64::from(configuration.period().min(60));
        let starts = self.place.starts;
        let mut second = (starts.at(from).as_secs() / step + 1) * step;
        while UnixTime::from_secs(second) <= starts.at(until) {
            let at = UnixTime::from_secs(second);
            let verdict = evaluate(&configuration, self.metrics, second, at.since_start(starts));
            self.obey(&configuration, &verdict, at);
            second += step;
        }
    }

    fn obey(&mut self, configuration: &AlarmConfiguration, verdict: &Verdict, at: UnixTime) {
        let Some(alarm) = &self.alarm else { return };
        let state = match verdict {
            Verdict::Stays => return,
            Verdict::Insufficient => AlarmState::InsufficientData,
            Verdict::Decided { breached: true, .. } => AlarmState::Alarm,
            Verdict::Decided { .. } => AlarmState::Ok,
        };
        if alarm.state == state {
            return;
        }
        let text = reason::text(configuration, verdict, alarm.state, state);
        let data = reason::data(configuration, verdict, at).to_string();
        self.become_state(state, (text, Some(data)), at);
    }

    /// The state is told from now on; what an alarm in the same state says of it is no news.
    fn become_state(
        &mut self,
        state: AlarmState,
        (reason, reason_data): (String, Option<String>),
        at: UnixTime,
    ) {
        let Some(alarm) = &mut self.alarm else { return };
        let before = std::mem::replace(&mut alarm.state, state);
        let old = state_json(before, &alarm.reason, alarm.reason_data.as_deref());
        let new = state_json(state, &reason, reason_data.as_deref());
        alarm.reason = reason;
        alarm.reason_data = reason_data;
        alarm.updated = at;
        if before == state {
            return;
        }
        alarm.transitioned = at;
        let configuration = alarm.configuration.clone();
        let name = &configuration.name;
        let summary = format!("Alarm updated from {} to {}", before.name(), state.name());
        let data = json!({ "version": "1.0", "oldState": old, "newState": new });
        self.note(name, at, (HistoryItemType::StateUpdate, summary), &data);
        let actions = match state {
            AlarmState::Ok => &configuration.ok_actions,
            AlarmState::Alarm => &configuration.alarm_actions,
            AlarmState::InsufficientData => &configuration.insufficient_data_actions,
        };
        for arn in actions.iter().filter(|_| configuration.actions_enabled) {
            let summary = format!("Successfully executed action {arn}");
            let data = json!({
                "actionState": "Succeeded",
                "stateUpdateTimestamp": at.as_millis(),
                "notificationResource": arn,
            });
            self.note(name, at, (HistoryItemType::Action, summary), &data);
        }
    }

    fn note(
        &mut self,
        name: &SmolStr,
        timestamp: UnixTime,
        (kind, summary): (HistoryItemType, String),
        data: &Value,
    ) {
        self.history.push(HistoryItem {
            alarm: name.clone(),
            timestamp,
            kind,
            summary,
            data: data.to_string(),
        });
    }
}

fn state_json(state: AlarmState, reason: &str, data: Option<&str>) -> Value {
    let mut shown = json!({ "stateValue": state.name(), "stateReason": reason });
    if let Some(data) = data.and_then(|it| serde_json::from_str::<Value>(it).ok()) {
        shown["stateReasonData"] = data;
    }
    shown
}

/// An alarm as history tells of it.
fn configuration_json(alarm: &Alarm, region: &str) -> Value {
    let it = &alarm.configuration;
    let mut shown = json!({
        "alarmName": it.name,
        "alarmArn": alarm.arn,
        "alarmDescription": it.description,
        "region": region,
        "actionsEnabled": it.actions_enabled,
        "okActions": it.ok_actions,
        "alarmActions": it.alarm_actions,
        "insufficientDataActions": it.insufficient_data_actions,
        "evaluationPeriods": it.evaluation_periods,
        "datapointsToAlarm": it.datapoints_to_alarm,
        "threshold": super::evaluation::threshold(it),
        "comparisonOperator": it.comparison_operator,
        "treatMissingData": it.treat_missing_data.unwrap_or_default(),
        "stateValue": alarm.state.name(),
        "alarmConfigurationUpdatedTimestamp": zoned(alarm.configured),
    });
    match &it.watched {
        Watched::Metric(stat) => {
            shown["namespace"] = stat.metric.namespace.as_str().into();
            shown["metricName"] = stat.metric.metric_name.as_str().into();
            shown["dimensions"] = dimensions_json(stat);
            shown["statistic"] = stat.statistic.as_str().into();
            shown["period"] = stat.period.into();
        }
        Watched::Math(queries) => {
            shown["metrics"] = queries.iter().map(query_json).collect();
        }
    }
    shown
}

fn dimensions_json(stat: &MetricStat) -> Value {
    let dimensions = stat.metric.dimensions.iter();
    let shown = dimensions.map(|it| json!({ "name": it.name, "value": it.value }));
    shown.collect()
}

fn query_json(it: &MetricDataQuery) -> Value {
    let mut shown = json!({
        "id": it.id,
        "returnData": it.return_data.unwrap_or(true),
    });
    match &it.source {
        QuerySource::Metric(stat) => {
            shown["metricStat"] = json!({
                "metric": {
                    "namespace": stat.metric.namespace,
                    "metricName": stat.metric.metric_name,
                    "dimensions": dimensions_json(stat),
                },
                "period": stat.period,
                "stat": stat.statistic,
            });
        }
        QuerySource::Expression(text) => shown["expression"] = text.as_str().into(),
    }
    if let Some(label) = &it.label {
        shown["label"] = label.as_str().into();
    }
    shown
}

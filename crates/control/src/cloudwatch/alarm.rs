//! Alarms on a metric, or on math on several: configured, set to a state, switched, deleted.

use serde::Deserialize;
use serde_json::Value;
use smol_str::SmolStr;
use wirelab_model::{ApiError, Reply};

use super::query::{self, Query};
use super::state::CloudWatchOfRealm;
use super::tag::{self, Tag};
use super::{
    AlarmChange, AlarmConfiguration, AlarmEvent, AlarmState, ComparisonOperator, Dimension,
    MetricStat, TreatMissingData, Watched, is_number, metric,
};
use crate::error;
use crate::tags::Tags;
use crate::transaction::Transaction;
use crate::view::done;

/// Alarms of one call at most.
const NAMES_AT_MOST: usize = 100;
const ACTIONS_AT_MOST: usize = 5;
const DAY_SECS: u64 = 86_400;

const STATISTICS: [&str; 5] = ["Average", "Maximum", "Minimum", "SampleCount", "Sum"];

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct Put {
    alarm_name: SmolStr,
    alarm_description: Option<SmolStr>,
    actions_enabled: Option<bool>,
    #[serde(default, rename = "OKActions")]
    ok_actions: Vec<SmolStr>,
    #[serde(default)]
    alarm_actions: Vec<SmolStr>,
    #[serde(default)]
    insufficient_data_actions: Vec<SmolStr>,
    metric_name: Option<SmolStr>,
    namespace: Option<SmolStr>,
    statistic: Option<SmolStr>,
    extended_statistic: Option<SmolStr>,
    #[serde(default)]
    dimensions: Vec<Dimension>,
    period: Option<u32>,
    unit: Option<SmolStr>,
    evaluation_periods: u32,
    datapoints_to_alarm: Option<u32>,
    threshold: Option<SmolStr>,
    comparison_operator: ComparisonOperator,
    treat_missing_data: Option<TreatMissingData>,
    evaluate_low_sample_count_percentile: Option<SmolStr>,
    #[serde(default)]
    metrics: Vec<Query>,
    #[serde(default)]
    tags: Vec<Tag>,
}

/// Tags are for a new alarm; of one that is there they are changed by `TagResource` alone.
pub(super) fn put(tx: &mut Transaction<'_>, mut request: Put) -> Reply {
    let mut tags = Tags::default();
    tag::add(&mut tags, std::mem::take(&mut request.tags))?;
    let configuration = request.checked()?;
    let (now, name) = (tx.state.now, configuration.name.clone());
    let own = own_mut(tx);
    if !is_there(own, &name) {
        own.tags.insert(name.clone(), tags);
    }
    let change = AlarmChange::Put(Box::new(configuration));
    own.alarms
        .entry(name)
        .or_default()
        .push(AlarmEvent { at: now, change });
    Ok(done())
}

impl Put {
    fn checked(mut self) -> Result<AlarmConfiguration, ApiError> {
        let watched = self.watched()?;
        let threshold = self
            .threshold
            .ok_or_else(|| error::missing_parameter("Threshold"))?;
        if !is_number(&threshold) {
            return wrong("Threshold", "must be a number.");
        }
        if let Some(count) = self.datapoints_to_alarm
            && !(1..=self.evaluation_periods).contains(&count)
        {
            let why = "must be 1 to the number of EvaluationPeriods.";
            return wrong("DatapointsToAlarm", why);
        }
        let low = self.evaluate_low_sample_count_percentile.as_deref();
        if low.is_some_and(|it| !["evaluate", "ignore"].contains(&it)) {
            let why = "must be evaluate or ignore.";
            return wrong("EvaluateLowSampleCountPercentile", why);
        }
        check_actions("OKActions", &self.ok_actions)?;
        check_actions("AlarmActions", &self.alarm_actions)?;
        check_actions("InsufficientDataActions", &self.insufficient_data_actions)?;
        let configuration = AlarmConfiguration {
            name: self.alarm_name,
            description: self.alarm_description,
            actions_enabled: self.actions_enabled.unwrap_or(true),
            ok_actions: self.ok_actions,
            alarm_actions: self.alarm_actions,
            insufficient_data_actions: self.insufficient_data_actions,
            watched,
            evaluation_periods: self.evaluation_periods,
            datapoints_to_alarm: self.datapoints_to_alarm,
            threshold,
            comparison_operator: self.comparison_operator,
            treat_missing_data: self.treat_missing_data,
            evaluate_low_sample_count_percentile: self.evaluate_low_sample_count_percentile,
        };
        let period = u64::from(configuration.period());
        check_span(period, u64::from(configuration.evaluation_periods))?;
        Ok(configuration)
    }

    /// One metric by its name, or queries.
    fn watched(&mut self) -> Result<Watched, ApiError> {
        let queries = std::mem::take(&mut self.metrics);
        if !queries.is_empty() {
            self.refuse_beside_queries()?;
            return query::checked(queries).map(Watched::Math);
        }
        let Some(metric_name) = self.metric_name.take() else {
            return Err(error::alarm_validation("MetricName must not be null"));
        };
        let Some(namespace) = self.namespace.take() else {
            return Err(error::alarm_validation("Namespace must not be null"));
        };
        let statistic = self.statistic()?;
        let period = self
            .period
            .ok_or_else(|| error::missing_parameter("Period"))?;
        check_period(period)?;
        Ok(Watched::Metric(MetricStat {
            metric: metric(namespace, metric_name, std::mem::take(&mut self.dimensions)),
            unit: self.unit.take(),
            statistic,
            period,
        }))
    }

    /// What names a metric says nothing of several.
    fn refuse_beside_queries(&self) -> Result<(), ApiError> {
        let given = [
            ("MetricName", self.metric_name.is_some()),
            ("Namespace", self.namespace.is_some()),
            ("Dimensions", !self.dimensions.is_empty()),
            ("Period", self.period.is_some()),
            ("Unit", self.unit.is_some()),
            ("Statistic", self.statistic.is_some()),
            ("ExtendedStatistic", self.extended_statistic.is_some()),
        ];
        match given.into_iter().find(|(_, is_given)| *is_given) {
            Some((name, _)) => Err(error::alarm_validation(format_args!(
                "{name} should not be set if list of Metrics is set."
            ))),
            None => Ok(()),
        }
    }

    fn statistic(&self) -> Result<SmolStr, ApiError> {
        match (&self.statistic, &self.extended_statistic) {
            (Some(name), None) => Ok(name.clone()),
            (None, Some(name)) if is_percentile(name) => Ok(name.clone()),
            (None, Some(name)) => wrong(
                "ExtendedStatistic",
                &format!("is {name}; wirelab simulates percentiles: p0 to p100."),
            ),
            (Some(_), Some(_)) => Err(error::combination(
                "The parameters Statistic and ExtendedStatistic are mutually exclusive.",
            )),
            (None, None) => Err(error::combination(
                "One of the parameters Statistic and ExtendedStatistic must be specified.",
            )),
        }
    }
}

/// Whether an alarm may look at periods of so many seconds.
pub(super) fn check_period(period: u32) -> Result<(), ApiError> {
    match matches!(period, 10 | 20 | 30) || (period > 0 && period.is_multiple_of(60)) {
        true => Ok(()),
        false => wrong("Period", "must be 10, 20, 30 or a multiple of 60."),
    }
}

/// Whether `Stat` is a statistic or a percentile.
pub(super) fn check_statistic(name: &str) -> Result<(), ApiError> {
    match STATISTICS.contains(&name) || is_percentile(name) {
        true => Ok(()),
        false => wrong(
            "Stat",
            &format!("is {name}; wirelab has the five statistics and percentiles: p0 to p100."),
        ),
    }
}

/// `p95`, `p99.9`.
fn is_percentile(text: &str) -> bool {
    let number = text.strip_prefix('p').unwrap_or_default();
    let digits = |it: char| it.is_ascii_digit() || it == '.';
    let value = number.parse::<f64>().ok();
    number.chars().all(digits) && value.is_some_and(|it| (0.0..=100.0).contains(&it))
}

/// An alarm looks back a day, with periods of an hour or more a week (API Reference,
/// "PutMetricAlarm").
fn check_span(period: u64, periods: u64) -> Result<(), ApiError> {
    if periods == 0 {
        return wrong("EvaluationPeriods", "must be greater than 0.");
    }
    let most = if period < 3600 {
        DAY_SECS
    } else {
        7 * DAY_SECS
    };
    match period.saturating_mul(periods) <= most {
        true => Ok(()),
        false => Err(error::alarm_validation(format_args!(
            "Metrics cannot be checked across more than {} (EvaluationPeriods * Period must be <= \
             {most}).",
            if most == DAY_SECS { "a day" } else { "a week" }
        ))),
    }
}

/// Whom an alarm tells: topics, functions and others stand for people and programs outside of the
/// network. What would stop or start a machine of the network is not simulated.
fn check_actions(name: &str, arns: &[SmolStr]) -> Result<(), ApiError> {
    if arns.len() > ACTIONS_AT_MOST {
        return wrong(name, "must not have more than 5 members.");
    }
    for arn in arns {
        let parts: Vec<&str> = arn.splitn(6, ':').collect();
        let ["arn", _, service, ..] = parts[..] else {
            return Err(error::alarm_validation(format_args!(
                "Invalid arn syntax: {arn}"
            )));
        };
        match service {
            "sns" | "lambda" | "ssm" | "ssm-incidents" | "autoscaling" | "aiops" => {}
            "automate" | "swf" => {
                return Err(error::alarm_validation(format_args!(
                    "wirelab does not simulate alarm actions that stop, start or recover \
                     instances: {arn}"
                )));
            }
            other => {
                return Err(error::alarm_validation(format_args!(
                    "Invalid alarm action {arn}: the service {other} takes no alarms"
                )));
            }
        }
    }
    Ok(())
}

fn wrong<T>(name: &str, why: &str) -> Result<T, ApiError> {
    Err(error::alarm_validation(format_args!(
        "The parameter {name} {why}"
    )))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct Names {
    alarm_names: Vec<SmolStr>,
}

/// All of them or, if one is not there, none.
pub(super) fn delete(tx: &mut Transaction<'_>, request: Names) -> Reply {
    let names = checked(request)?;
    let own = own_mut(tx);
    let missing: Vec<&str> = names
        .iter()
        .filter(|it| !is_there(own, it))
        .map(SmolStr::as_str)
        .collect();
    if !missing.is_empty() {
        return Err(error::no_alarm(&missing.join(", ")));
    }
    say(tx, &names, &AlarmChange::Deleted);
    Ok(done())
}

pub(super) fn enable_actions(tx: &mut Transaction<'_>, request: Names) -> Reply {
    let names = checked(request)?;
    say(tx, &names, &AlarmChange::Actions(true));
    Ok(done())
}

pub(super) fn disable_actions(tx: &mut Transaction<'_>, request: Names) -> Reply {
    let names = checked(request)?;
    say(tx, &names, &AlarmChange::Actions(false));
    Ok(done())
}

/// Each name once.
fn checked(request: Names) -> Result<Vec<SmolStr>, ApiError> {
    let mut names = request.alarm_names;
    if names.len() > NAMES_AT_MOST {
        return wrong("AlarmNames", "must not have more than 100 members.");
    }
    names.sort();
    names.dedup();
    Ok(names)
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct SetState {
    alarm_name: SmolStr,
    state_value: AlarmState,
    state_reason: SmolStr,
    state_reason_data: Option<SmolStr>,
}

/// Until the next evaluation, which goes by the data again.
pub(super) fn set_state(tx: &mut Transaction<'_>, request: SetState) -> Reply {
    let data = request.state_reason_data;
    let is_json = |text: &SmolStr| serde_json::from_str::<Value>(text).is_ok();
    if data.as_ref().is_some_and(|it| !is_json(it)) {
        return Err(error::alarm_format("StateReasonData was not valid JSON"));
    }
    if !is_there(own_mut(tx), &request.alarm_name) {
        return Err(error::no_alarm(&request.alarm_name));
    }
    let change = AlarmChange::State {
        value: request.state_value,
        reason: request.state_reason,
        reason_data: data,
    };
    say(tx, &[request.alarm_name], &change);
    Ok(done())
}

/// Notes the change for those of the alarms that there are.
fn say(tx: &mut Transaction<'_>, names: &[SmolStr], change: &AlarmChange) {
    let now = tx.state.now;
    let own = own_mut(tx);
    for name in names {
        if !is_there(own, name) {
            continue;
        }
        let events = own.alarms.entry(name.clone()).or_default();
        events.push(AlarmEvent {
            at: now,
            change: change.clone(),
        });
    }
}

pub(super) fn is_there(own: &CloudWatchOfRealm, name: &str) -> bool {
    let last = own.alarms.get(name).and_then(|it| it.last());
    last.is_some_and(|it| it.change != AlarmChange::Deleted)
}

pub(super) fn own_mut<'t>(tx: &'t mut Transaction<'_>) -> &'t mut CloudWatchOfRealm {
    let realm = tx.realm().clone();
    tx.state.cloudwatch_mut().0.entry(realm).or_default()
}

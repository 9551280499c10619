//! `GetMetricStatistics`, and what it shares with `GetMetricData`: data by periods.

use jiff::Timestamp;
use serde_json::{Map, Value, json};
use wirelab_model::{ApiError, MetricUnit, StatisticSet};
use wirelab_session::Datapoint;

use super::{Asked, invalid, is_of};

/// Periods in one reply.
const PERIODS_AT_MOST: u64 = 1440;

const MINUTE: u64 = 60;

pub(super) fn get((run, caller, parameters): Asked<'_>) -> Result<Value, ApiError> {
    let combination = |text: String| ApiError::client("InvalidParameterCombination", text);
    let wanted = texts(parameters, "Statistics");
    if parameters.contains_key("ExtendedStatistics") {
        return Err(no_distribution("ExtendedStatistics"));
    }
    if wanted.is_empty() {
        let message = "At least one of the parameters Statistics and ExtendedStatistics must be \
                       specified.";
        return Err(combination(message.to_owned()));
    }
    let window = Window::read(parameters, parameters)?;
    if window.start >= window.end {
        let message = "The parameter StartTime must be less than the parameter EndTime.";
        return Err(combination(message.to_owned()));
    }
    let count = (window.end - window.start).div_ceil(window.period);
    if count > PERIODS_AT_MOST {
        return Err(combination(format!(
            "You have requested up to {count} datapoints, which exceeds the limit of \
             {PERIODS_AT_MOST}. You may reduce the datapoints requested by increasing Period, or \
             decreasing the time range."
        )));
    }
    let points = points((run, caller, parameters));
    let shown = window.periods(points).into_iter().map(|(at, set, unit)| {
        let mut shown = json!({ "Timestamp": iso(at), "Unit": unit });
        for name in &wanted {
            shown[*name] = statistic(name, set).into();
        }
        shown
    });
    Ok(json!({
        "Label": parameters["MetricName"],
        "Datapoints": shown.collect::<Vec<_>>(),
    }))
}

fn texts<'p>(parameters: &'p Map<String, Value>, name: &str) -> Vec<&'p str> {
    let all = parameters.get(name).and_then(Value::as_array);
    all.into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect()
}

/// What is kept of a minute has no percentiles.
pub(super) fn no_distribution(what: &str) -> ApiError {
    invalid(format!(
        "wirelab keeps SampleCount, Sum, Minimum and Maximum of each minute; {what} cannot be told \
         from these."
    ))
}

/// The data of the metric that `parameters` name by namespace, name and all its dimensions.
pub(super) fn points<'r>((run, caller, parameters): Asked<'r>) -> &'r [Datapoint] {
    let none = Vec::new();
    let given = parameters.get("Dimensions").and_then(Value::as_array);
    let mut given: Vec<_> = given
        .unwrap_or(&none)
        .iter()
        .map(|it| (it["Name"].as_str(), it["Value"].as_str()))
        .collect();
    given.sort_unstable();
    let is = |name: &str, text: &str| parameters.get(name).is_some_and(|it| it == text);
    let mut all = run.evidence().metrics.iter();
    let found = all.find(|(metric, _)| {
        let dimensions = metric.dimensions.iter();
        let dimensions = dimensions.map(|it| (Some(it.name.as_str()), Some(it.value.as_str())));
        let mut dimensions: Vec<_> = dimensions.collect();
        dimensions.sort_unstable();
        is("Namespace", &metric.namespace)
            && is("MetricName", &metric.metric_name)
            && dimensions == given
            && is_of(metric, run, caller)
    });
    found.map_or(&[], |(_, points)| points)
}

/// Periods of time.
pub(super) struct Window {
    /// Seconds since the epoch, the begin of a minute.
    pub(super) start: u64,
    /// Seconds since the epoch, of which nothing is shown any more.
    pub(super) end: u64,
    /// Seconds.
    pub(super) period: u64,
    /// The unit in which data must be, if that was said.
    unit: Option<String>,
}

impl Window {
    /// The times of a request, and the period and unit of one metric of it.
    pub(super) fn read(
        times: &Map<String, Value>,
        metric: &Map<String, Value>,
    ) -> Result<Self, ApiError> {
        let moment = |name: &str| {
            let seconds = times.get(name).and_then(Value::as_f64);
            let seconds = seconds.unwrap_or_default().clamp(0.0, 253_402_300_799.0);
            seconds as u64
        };
        let period = metric.get("Period").and_then(Value::as_u64);
        let period = period.unwrap_or(MINUTE);
        if !matches!(period, 1 | 5 | 10 | 20 | 30) && (period == 0 || period % MINUTE != 0) {
            let message = "The parameter Period must be 1, 5, 10, 20, 30, or a multiple of 60.";
            return Err(invalid(message));
        }
        let unit = metric.get("Unit").and_then(Value::as_str);
        Ok(Self {
            start: moment("StartTime") / MINUTE * MINUTE,
            end: moment("EndTime"),
            period,
            unit: unit.map(str::to_owned),
        })
    }

    /// The data by periods, which begin at the start: begin, statistics, unit. Periods without
    /// data are left out.
    pub(super) fn periods(&self, points: &[Datapoint]) -> Vec<(u64, StatisticSet, MetricUnit)> {
        let mut periods: Vec<(u64, StatisticSet, MetricUnit)> = Vec::new();
        for point in points {
            let at = point.timestamp.as_secs();
            let is_unit = self
                .unit
                .as_ref()
                .is_none_or(|it| json!(point.unit) == **it);
            if at < self.start || at >= self.end || !is_unit {
                continue;
            }
            let begin = self.start + (at - self.start) / self.period * self.period;
            match periods.last_mut() {
                Some((last, set, _)) if *last == begin => *set = set.merged(point.statistics),
                _ => periods.push((begin, point.statistics, point.unit)),
            }
        }
        periods
    }
}

/// One statistic of a set.
pub(super) fn statistic(name: &str, set: StatisticSet) -> f64 {
    match name {
        "SampleCount" => set.sample_count as f64,
        "Sum" => set.sum as f64,
        "Minimum" => set.minimum as f64,
        "Maximum" => set.maximum as f64,
        _ => set.sum as f64 / set.sample_count.max(1) as f64,
    }
}

/// A moment in replies.
pub(super) fn iso(seconds: u64) -> String {
    let seconds = i64::try_from(seconds).unwrap_or(i64::MAX);
    let moment = Timestamp::from_second(seconds).unwrap_or(Timestamp::MAX);
    moment.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

//! `GetMetricStatistics`, and what it shares with `GetMetricData`: data by periods.

use jiff::Timestamp;
use serde_json::{Map, Value, json};
use wirelab_model::{ApiError, SimTime};
use wirelab_session::{Aggregate, Series, is_percentile};

use super::{Asked, invalid};

/// Periods in one reply.
const PERIODS_AT_MOST: u64 = 1440;

const MINUTE: u64 = 60;

pub(super) fn get(asked: &Asked<'_>) -> Result<Value, ApiError> {
    let parameters = asked.parameters;
    let combination = |text: String| ApiError::client("InvalidParameterCombination", text);
    let wanted = asked.texts("Statistics");
    let extended = asked.texts("ExtendedStatistics");
    if wanted.is_empty() && extended.is_empty() {
        let message = "At least one of the parameters Statistics and ExtendedStatistics must be \
                       specified.";
        return Err(combination(message.to_owned()));
    }
    if let Some(other) = extended.iter().find(|it| !is_percentile(it)) {
        return Err(no_statistic(other));
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
    let periods = window.periods(asked.series(parameters)).into_iter();
    let shown = periods.filter_map(|(at, data)| {
        let mut shown = json!({ "Timestamp": iso(at), "Unit": data.unit });
        for name in &wanted {
            shown[*name] = data.statistic(name).into();
        }
        let percentiles = extended.iter();
        let percentiles =
            percentiles.filter_map(|name| Some(((*name).to_owned(), data.statistic(name)?.into())));
        let percentiles: Map<String, Value> = percentiles.collect();
        let says_something = !wanted.is_empty() || !percentiles.is_empty();
        if !percentiles.is_empty() {
            shown["ExtendedStatistics"] = percentiles.into();
        }
        says_something.then_some(shown)
    });
    Ok(json!({
        "Label": parameters["MetricName"],
        "Datapoints": shown.collect::<Vec<_>>(),
    }))
}

/// Beside the five statistics there are percentiles.
pub(super) fn no_statistic(what: &str) -> ApiError {
    invalid(format!(
        "wirelab has SampleCount, Average, Sum, Minimum, Maximum and percentiles (p99.9), not \
         {what}."
    ))
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
        if !matches!(period, 1 | 5 | 10 | 20 | 30)
            && (period == 0 || !period.is_multiple_of(MINUTE))
        {
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

    /// The data by periods, which begin at the start. Periods without data are left out.
    pub(super) fn periods(&self, series: Option<&Series>) -> Vec<(u64, Aggregate)> {
        let span = (self.start, self.end);
        let unit = self.unit.as_deref();
        series.map_or_else(Vec::new, |it| {
            it.periods(span, self.period, unit, SimTime::MAX)
        })
    }
}

/// A moment in replies.
pub(super) fn iso(seconds: u64) -> String {
    let seconds = i64::try_from(seconds).unwrap_or(i64::MAX);
    let moment = Timestamp::from_second(seconds).unwrap_or(Timestamp::MAX);
    moment.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

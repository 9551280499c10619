//! `GetMetricData`: many metrics in one reply, page by page.

use serde_json::{Map, Value, json};
use smol_str::SmolStr;
use wirelab_control::{MetricDataQuery, MetricStat, QuerySource, math};
use wirelab_model::{ApiError, SimTime};
use wirelab_session::{MetricQueries, is_percentile};

use super::statistics::{Window, iso, no_statistic};
use super::{Asked, metric, only, place};

/// Queries of one request (API Reference, "MetricDataQuery").
const QUERIES_AT_MOST: usize = 500;

/// Data in one reply, unless fewer are asked for.
const DATA_AT_MOST: u64 = 100_800;

const STATISTICS: [&str; 5] = ["Average", "Maximum", "Minimum", "SampleCount", "Sum"];

pub(super) fn get(asked: &Asked<'_>) -> Result<Value, ApiError> {
    let parameters = asked.parameters;
    let none = Vec::new();
    let given = parameters.get("MetricDataQueries");
    let given = given.and_then(Value::as_array).unwrap_or(&none);
    if given.len() > QUERIES_AT_MOST {
        return Err(wrong(format!(
            "The collection MetricDataQueries must not have a size greater than {QUERIES_AT_MOST}."
        )));
    }
    let mut ids: Vec<&str> = given.iter().filter_map(|it| it["Id"].as_str()).collect();
    if let Some(bad) = ids.iter().find(|it| !math::is_id(it)) {
        let text = format!(
            "The value {bad} for parameter MetricDataQueries is not matching the expected \
                            pattern ^[a-z][a-zA-Z0-9_]*$."
        );
        return Err(wrong(text));
    }
    ids.sort_unstable();
    if ids.windows(2).any(|two| two[0] == two[1]) {
        return Err(wrong(
            "The values for parameter id in MetricDataQueries are not unique.",
        ));
    }
    let most = parameters.get("MaxDatapoints").and_then(Value::as_u64);
    let most = most.unwrap_or(DATA_AT_MOST).clamp(1, DATA_AT_MOST);
    let from = match parameters.get("NextToken").and_then(Value::as_str) {
        None => 0,
        Some(token) => place(token, usize::MAX)?,
    };
    let mut page = Page {
        skip: from,
        left: usize::try_from(most).unwrap_or(usize::MAX),
        has_more: false,
    };
    let window = Window::read(parameters, &Map::new())?;
    if window.start >= window.end {
        let why = "The parameter EndTime must be greater than StartTime.";
        return Err(wrong(why));
    }
    let read = given.iter().filter_map(Value::as_object);
    let all = read.map(|it| query(it, parameters));
    let all = all.collect::<Result<Vec<_>, _>>()?;
    let span = (window.start, window.end);
    let queries = MetricQueries::new(&all, &asked.watch.metrics, span, SimTime::MAX);
    let mut results = Vec::new();
    for it in &all {
        results.extend(result(&queries, it, asked, &mut page)?);
    }
    let mut reply = json!({ "MetricDataResults": results, "Messages": [] });
    if page.has_more {
        reply["NextToken"] = (from as u64 + most).to_string().into();
    }
    Ok(reply)
}

/// A query as it was asked.
fn query(of: &Map<String, Value>, times: &Map<String, Value>) -> Result<MetricDataQuery, ApiError> {
    only("GetMetricData", of, &["AccountId"])?;
    let text = |name: &str| of.get(name).and_then(Value::as_str).map(SmolStr::from);
    let source = match (
        of.get("MetricStat").and_then(Value::as_object),
        text("Expression"),
    ) {
        (Some(stat), None) => QuerySource::Metric(metric_stat(stat, times)?),
        (None, Some(text)) => QuerySource::Expression(text),
        (Some(_), Some(_)) => return Err(wrong(math::BOTH)),
        (None, None) => return Err(wrong(math::NEITHER)),
    };
    let period = of.get("Period").and_then(Value::as_u64);
    Ok(MetricDataQuery {
        id: text("Id").unwrap_or_default(),
        label: text("Label"),
        return_data: of.get("ReturnData").and_then(Value::as_bool),
        period: period.and_then(|it| u32::try_from(it).ok()),
        source,
    })
}

fn metric_stat(
    of: &Map<String, Value>,
    times: &Map<String, Value>,
) -> Result<MetricStat, ApiError> {
    let text = |name: &str| of.get(name).and_then(Value::as_str);
    let statistic = text("Stat").unwrap_or_default();
    if !STATISTICS.contains(&statistic) && !is_percentile(statistic) {
        return Err(no_statistic(statistic));
    }
    let period = Window::read(times, of)?.period;
    let named = of.get("Metric").and_then(Value::as_object);
    Ok(MetricStat {
        metric: metric(named.unwrap_or(&Map::new())),
        unit: text("Unit").map(SmolStr::from),
        statistic: statistic.into(),
        period: u32::try_from(period).unwrap_or(u32::MAX),
    })
}

/// The part of all data that a reply has.
struct Page {
    /// Data to leave out.
    skip: usize,
    /// Data to show.
    left: usize,
    has_more: bool,
}

impl Page {
    /// The part of a series that is on the page, and whether that is its end.
    fn part<T>(&mut self, series: Vec<T>) -> (Vec<T>, bool) {
        let skipped = self.skip.min(series.len());
        self.skip -= skipped;
        let count = series.len() - skipped;
        let shown = self.left.min(count);
        self.left -= shown;
        self.has_more |= shown < count;
        let part = series.into_iter().skip(skipped).take(shown).collect();
        (part, shown == count)
    }
}

/// What a query gives, unless its data are not to be returned.
fn result<'q>(
    queries: &MetricQueries<'q>,
    query: &'q MetricDataQuery,
    asked: &Asked<'_>,
    page: &mut Page,
) -> Result<Option<Value>, ApiError> {
    let points = queries.points(query).map_err(wrong)?;
    let mut series: Vec<_> = points.values.into_iter().collect();
    if asked.text("ScanBy") != Some("TimestampAscending") {
        series.reverse();
    }
    if query.return_data == Some(false) {
        return Ok(None);
    }
    let (part, is_end) = page.part(series);
    let name = match &query.source {
        QuerySource::Metric(stat) => &stat.metric.metric_name,
        QuerySource::Expression(_) => &query.id,
    };
    let label = query.label.as_ref().unwrap_or(name);
    let times = part.iter().map(|(at, _)| iso(*at));
    let values = part.iter().map(|(_, value)| *value);
    Ok(Some(json!({
        "Id": query.id,
        "Label": label,
        "Timestamps": times.collect::<Vec<_>>(),
        "Values": values.collect::<Vec<_>>(),
        "StatusCode": if is_end { "Complete" } else { "PartialData" },
    })))
}

fn wrong(message: impl Into<String>) -> ApiError {
    ApiError::client("ValidationError", message)
}

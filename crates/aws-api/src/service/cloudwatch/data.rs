//! `GetMetricData`: many metrics in one reply, page by page.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use wirelab_model::ApiError;
use wirelab_session::is_percentile;

use super::math::{self, Others, Points};
use super::statistics::{Window, iso, no_statistic};
use super::{Asked, only, place};

/// Data in one reply, unless fewer are asked for.
const DATA_AT_MOST: u64 = 100_800;

const STATISTICS: [&str; 5] = ["Average", "Maximum", "Minimum", "SampleCount", "Sum"];

pub(super) fn get(asked: &Asked<'_>) -> Result<Value, ApiError> {
    let parameters = asked.parameters;
    let none = Vec::new();
    let queries = parameters.get("MetricDataQueries");
    let queries = queries.and_then(Value::as_array).unwrap_or(&none);
    let mut ids: Vec<&str> = queries.iter().filter_map(|it| it["Id"].as_str()).collect();
    if let Some(bad) = ids.iter().find(|it| !is_id(it)) {
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
    let mut results = Vec::new();
    let queries = Queries {
        asked,
        all: queries,
        depth: Cell::new(0),
        known: RefCell::default(),
    };
    for query in queries.all.iter().filter_map(Value::as_object) {
        results.extend(result(&queries, query, &mut page)?);
    }
    let mut reply = json!({ "MetricDataResults": results, "Messages": [] });
    if page.has_more {
        reply["NextToken"] = (from as u64 + most).to_string().into();
    }
    Ok(reply)
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
fn result(
    queries: &Queries<'_>,
    query: &Map<String, Value>,
    page: &mut Page,
) -> Result<Option<Value>, ApiError> {
    only("GetMetricData", query, &["AccountId"])?;
    let points = queries.points(query)?;
    let mut series: Vec<_> = points.values.into_iter().collect();
    if queries.asked.text("ScanBy") != Some("TimestampAscending") {
        series.reverse();
    }
    if query.get("ReturnData") == Some(&Value::Bool(false)) {
        return Ok(None);
    }
    let (part, is_end) = page.part(series);
    let name = query
        .get("MetricStat")
        .map(|it| &it["Metric"]["MetricName"]);
    let label = query.get("Label").or(name).unwrap_or_else(|| &query["Id"]);
    let times = part.iter().map(|(at, _)| iso(*at));
    let values = part.iter().map(|(_, value)| *value);
    Ok(Some(json!({
        "Id": query["Id"],
        "Label": label,
        "Timestamps": times.collect::<Vec<_>>(),
        "Values": values.collect::<Vec<_>>(),
        "StatusCode": if is_end { "Complete" } else { "PartialData" },
    })))
}

/// The queries of a request, which may refer to each other.
struct Queries<'r> {
    asked: &'r Asked<'r>,
    all: &'r [Value],
    /// Expressions that are being evaluated, one for another.
    depth: Cell<usize>,
    /// What was evaluated, by id: it may be shown and referred to.
    known: RefCell<BTreeMap<String, Points>>,
}

impl Queries<'_> {
    fn points(&self, query: &Map<String, Value>) -> Result<Points, ApiError> {
        let id = query.get("Id").and_then(Value::as_str).unwrap_or_default();
        if let Some(points) = self.known.borrow().get(id) {
            return Ok(points.clone());
        }
        let points = self.evaluated(query, id)?;
        self.known
            .borrow_mut()
            .insert(id.to_owned(), points.clone());
        Ok(points)
    }

    fn evaluated(&self, query: &Map<String, Value>, id: &str) -> Result<Points, ApiError> {
        let expression = query.get("Expression").and_then(Value::as_str);
        match (query.get("MetricStat"), expression) {
            (Some(Value::Object(of)), None) => self.of_metric(of),
            (None, Some(text)) => (self.of_expression(text))
                .map_err(|why| wrong(format!("Error in expression '{id}': {why}."))),
            (None, None) => Err(wrong(
                "Either MetricStat or Expression must be given in MetricDataQueries.",
            )),
            _ => Err(wrong(
                "MetricStat and Expression are mutually exclusive in MetricDataQueries.",
            )),
        }
    }

    fn of_metric(&self, of: &Map<String, Value>) -> Result<Points, ApiError> {
        let name = of["Stat"].as_str().unwrap_or_default();
        if !STATISTICS.contains(&name) && !is_percentile(name) {
            return Err(no_statistic(name));
        }
        let window = Window::read(self.asked.parameters, of)?;
        if window.start >= window.end {
            return Err(wrong(
                "The parameter EndTime must be greater than StartTime.",
            ));
        }
        let metric = of["Metric"].as_object().cloned().unwrap_or_default();
        let periods = window.periods(self.asked.series(&metric)).into_iter();
        Ok(Points {
            period: window.period,
            span: (window.start, window.end),
            values: periods
                .filter_map(|(at, data)| Some((at, data.statistic(name)?)))
                .collect(),
        })
    }

    fn of_expression(&self, text: &str) -> Result<Points, String> {
        self.depth.set(self.depth.get() + 1);
        let points = match self.depth.get() > self.all.len() {
            true => Err("the queries refer to each other in a circle".to_owned()),
            false => math::evaluate(text, self),
        };
        self.depth.set(self.depth.get() - 1);
        points
    }
}

impl Others for Queries<'_> {
    fn series(&self, id: &str) -> Result<Points, String> {
        let found = self.all.iter().find(|it| it["Id"] == id);
        let query = found.and_then(Value::as_object);
        let query = query.ok_or_else(|| format!("there is no query {id}"))?;
        self.points(query).map_err(|error| error.message)
    }

    fn metrics(&self) -> Result<Vec<Points>, String> {
        let all = self.all.iter().filter(|it| it["MetricStat"].is_object());
        let all = all.filter_map(Value::as_object);
        all.map(|it| self.points(it).map_err(|error| error.message))
            .collect()
    }
}

fn is_id(text: &str) -> bool {
    let rest = |it: char| it.is_ascii_alphanumeric() || it == '_';
    text.starts_with(|it: char| it.is_ascii_lowercase()) && text.chars().all(rest)
}

fn wrong(message: impl Into<String>) -> ApiError {
    ApiError::client("ValidationError", message)
}

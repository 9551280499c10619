//! CloudWatch: metrics, their statistics, and alarms on them.
//!
//! What there is follows from the session's evidence and journal (`CloudWatch` there says how, and
//! when each datum is there). Here is how it is asked for, in any of three protocols: which metrics
//! there are, and their statistics by periods (Amazon CloudWatch API Reference, "ListMetrics",
//! "GetMetricStatistics", "GetMetricData"); which alarms, in which state, and what became of them
//! (`alarms`). What changes an alarm or puts data is a call of the session.
//!
//! `aws cloudwatch get-metric-statistics --namespace AWS/NATGateway --metric-name
//! ErrorPortAllocation --dimensions Name=NatGatewayId,Value=nat-1 --start-time 2024-03-05T09:00:00Z
//! --end-time 2024-03-05T09:10:00Z --period 300 --statistics Sum` takes the minutes from 09:00 to
//! 09:09, merges five and five, and shows `Sum` of both. Dimensions must be all that the metric
//! has, and no other, as in AWS; else there are no data, and no error.

mod alarms;
mod data;
mod statistics;

use serde_json::{Map, Value, json};
use wirelab_model::{ApiError, Metric, MetricDimension, UnixTime};
use wirelab_session::{CloudWatch, Series, Session};

use super::{Refusal, Request, kept};
use crate::error;
use crate::protocol::Codes;

const OWN: [&str; 6] = [
    "DescribeAlarmHistory",
    "DescribeAlarms",
    "DescribeAlarmsForMetric",
    "GetMetricData",
    "GetMetricStatistics",
    "ListMetrics",
];

pub(super) const CODES: Codes = Codes::all(INVALID);

const INVALID: &str = "ValidationError";

/// Metrics on a page of a list.
const PAGE: usize = 500;

pub(super) fn actions() -> Vec<&'static str> {
    let mut actions = kept::actions("monitoring");
    actions.extend(OWN);
    actions.sort_unstable();
    actions
}

pub(super) fn answer(session: &mut Session, request: Request<'_>) -> Result<Value, Refusal> {
    if !OWN.contains(&request.action) {
        return kept::answer(session, "monitoring", request, INVALID);
    }
    session.catch_up()?;
    let caller = request.caller;
    let now = session.run().utc();
    let asked = Asked {
        watch: session.cloudwatch(&caller.account, &caller.region)?,
        now,
        parameters: &request.parameters,
    };
    Ok(match request.action {
        "DescribeAlarmHistory" => alarms::history(&asked)?,
        "DescribeAlarms" => alarms::describe(&asked)?,
        "DescribeAlarmsForMetric" => alarms::for_metric(&asked)?,
        "GetMetricData" => data::get(&asked)?,
        "GetMetricStatistics" => statistics::get(&asked)?,
        _ => list(&asked)?,
    })
}

/// What is asked, of what there is.
struct Asked<'r> {
    watch: &'r CloudWatch,
    now: UnixTime,
    parameters: &'r Map<String, Value>,
}

impl<'r> Asked<'r> {
    fn text(&self, name: &str) -> Option<&'r str> {
        self.parameters.get(name).and_then(Value::as_str)
    }

    fn texts(&self, name: &str) -> Vec<&'r str> {
        let all = self.parameters.get(name).and_then(Value::as_array);
        let all = all.into_iter().flatten();
        all.filter_map(Value::as_str).collect()
    }

    /// The data of the metric that `named` has by namespace, name and all its dimensions.
    fn series(&self, named: &Map<String, Value>) -> Option<&'r Series> {
        self.watch.metrics.get(&metric(named))
    }
}

/// The metric that is named by namespace, name and all its dimensions.
fn metric(named: &Map<String, Value>) -> Metric {
    let text = |value: &Value, name: &str| value[name].as_str().unwrap_or_default().into();
    let given = named.get("Dimensions").and_then(Value::as_array);
    let dimensions = given.into_iter().flatten().map(|it| MetricDimension {
        name: text(it, "Name"),
        value: text(it, "Value"),
    });
    let mut dimensions: Vec<_> = dimensions.collect();
    dimensions.sort();
    let text = |name: &str| named.get(name).and_then(Value::as_str).unwrap_or_default();
    Metric {
        namespace: text("Namespace").into(),
        metric_name: text("MetricName").into(),
        dimensions,
    }
}

fn list(asked: &Asked<'_>) -> Result<Value, ApiError> {
    let parameters = asked.parameters;
    only(
        "ListMetrics",
        parameters,
        &["IncludeLinkedAccounts", "OwningAccount"],
    )?;
    let wanted = parameters.get("Dimensions").and_then(Value::as_array);
    let has = |metric: &Metric, wanted: &Value| {
        let mut all = metric.dimensions.iter();
        all.any(|it| {
            wanted["Name"] == it.name.as_str()
                && wanted["Value"]
                    .as_str()
                    .is_none_or(|value| it.value == value)
        })
    };
    // Active within three hours: nothing of a resource that is gone for longer.
    let since = asked.now.as_secs().saturating_sub(3 * 3600);
    let oldest = asked.text("RecentlyActive").map_or(0, |_| since);
    let metrics = asked.watch.metrics.iter().filter(|(metric, series)| {
        asked
            .text("Namespace")
            .is_none_or(|it| metric.namespace == it)
            && asked
                .text("MetricName")
                .is_none_or(|it| metric.metric_name == it)
            && wanted.is_none_or(|all| all.iter().all(|it| has(metric, it)))
            && series.latest().is_some_and(|it| it >= oldest)
    });
    let metrics: Vec<Value> = metrics.map(|(metric, _)| json!(metric)).collect();
    paged(asked, "Metrics", &metrics, PAGE)
}

/// The page that is asked for of what there is.
fn paged(asked: &Asked<'_>, member: &str, all: &[Value], page: usize) -> Result<Value, ApiError> {
    let from = match asked.text("NextToken") {
        None => 0,
        Some(token) => place(token, all.len())?,
    };
    let until = (from + page).min(all.len());
    let mut reply = json!({ member: &all[from..until] });
    if until < all.len() {
        reply["NextToken"] = until.to_string().into();
    }
    Ok(reply)
}

/// The place that a token says.
fn place(token: &str, most: usize) -> Result<usize, ApiError> {
    let place = token.parse().ok().filter(|it| *it <= most);
    place.ok_or_else(|| ApiError::client("InvalidNextToken", "The next token is invalid."))
}

/// Refuses parameters that the API has and the simulation does not.
fn only(action: &str, given: &Map<String, Value>, unknown: &[&str]) -> Result<(), ApiError> {
    match unknown.iter().find(|name| given.contains_key(**name)) {
        Some(name) => Err(error::not_simulated("InvalidParameterValue", action, name)),
        None => Ok(()),
    }
}

fn invalid(message: impl Into<String>) -> ApiError {
    ApiError::client("InvalidParameterValue", message)
}

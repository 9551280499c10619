//! CloudWatch: the metrics that the network's resources report.
//!
//! The data are the session's evidence: a minute's data are there a minute after its end, as
//! `wirelab metrics` shows them. Here is how they are asked for, in any of three protocols: which
//! metrics there are, and their statistics by periods (Amazon CloudWatch API Reference,
//! "ListMetrics", "GetMetricStatistics", "GetMetricData").
//!
//! `aws cloudwatch get-metric-statistics --namespace AWS/NATGateway --metric-name
//! ErrorPortAllocation --dimensions Name=NatGatewayId,Value=nat-1 --start-time 2024-03-05T09:00:00Z
//! --end-time 2024-03-05T09:10:00Z --period 300 --statistics Sum` takes the minutes from 09:00 to
//! 09:09, merges five and five, and shows `Sum` of both. Dimensions must be all that the metric
//! has, and no other, as in AWS; else there are no data, and no error.

mod data;
mod statistics;

use serde_json::{Map, Value, json};
use wirelab_model::{ApiError, Caller, Metric};
use wirelab_session::{Run, Session};

use super::{Refusal, Request};
use crate::error;
use crate::protocol::Codes;

pub(super) const ACTIONS: [&str; 3] = ["GetMetricData", "GetMetricStatistics", "ListMetrics"];

pub(super) const CODES: Codes = Codes::all("ValidationError");

/// Metrics on a page of a list.
const PAGE: usize = 500;

pub(super) fn answer(session: &mut Session, request: Request<'_>) -> Result<Value, Refusal> {
    let run = session.run_with_evidence()?;
    let asked = (run, request.caller, &request.parameters);
    Ok(match request.action {
        "GetMetricData" => data::get(asked)?,
        "GetMetricStatistics" => statistics::get(asked)?,
        _ => list(asked)?,
    })
}

/// What is asked, by whom, of which network.
type Asked<'r> = (&'r Run, &'r Caller, &'r Map<String, Value>);

fn list((run, caller, parameters): Asked<'_>) -> Result<Value, ApiError> {
    only(
        "ListMetrics",
        parameters,
        &["IncludeLinkedAccounts", "OwningAccount"],
    )?;
    let of = |name: &str| parameters.get(name).and_then(Value::as_str);
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
    let since = run.utc().as_secs().saturating_sub(3 * 3600);
    let oldest = of("RecentlyActive").map_or(0, |_| since);
    let metrics = run.evidence().metrics.iter().filter(|(metric, points)| {
        is_of(metric, run, caller)
            && of("Namespace").is_none_or(|it| metric.namespace == it)
            && of("MetricName").is_none_or(|it| metric.metric_name == it)
            && wanted.is_none_or(|all| all.iter().all(|it| has(metric, it)))
            && points
                .last()
                .is_some_and(|it| it.timestamp.as_secs() >= oldest)
    });
    let metrics: Vec<Value> = metrics.map(|(metric, _)| json!(metric)).collect();
    let from = match of("NextToken") {
        None => 0,
        Some(token) => place(token, metrics.len())?,
    };
    let until = (from + PAGE).min(metrics.len());
    let mut reply = json!({ "Metrics": &metrics[from..until] });
    if until < metrics.len() {
        reply["NextToken"] = until.to_string().into();
    }
    Ok(reply)
}

/// The place that a token says.
fn place(token: &str, most: usize) -> Result<usize, ApiError> {
    let place = token.parse().ok().filter(|it| *it <= most);
    place.ok_or_else(|| ApiError::client("InvalidNextToken", "The next token is invalid."))
}

/// Whether the metric is of something that the caller's account has in its Region.
fn is_of(metric: &Metric, run: &Run, caller: &Caller) -> bool {
    let owned = ["NatGatewayId", "TransitGateway", "VpnId"];
    let mut dimensions = metric.dimensions.iter();
    let resource = dimensions.find(|it| owned.contains(&it.name.as_str()));
    resource.is_none_or(|it| run.control().owner_of(&it.value) == (&caller.account, &caller.region))
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

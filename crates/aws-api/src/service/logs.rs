//! CloudWatch Logs: groups over the world's flow logs, and questions about them.
//!
//! Groups, streams, filters and saved queries are the control plane's (`kept`). What looks at
//! events is here: `events` joins what clients have put with what flow logs have delivered by now;
//! `read` gives events one by one; `query` runs Logs Insights.
//!
//! `aws logs start-query --log-group-name /vpc/flow --query-string 'stats count(*) by action' ...`
//! finds the group of the caller, takes its events out of the evidence, and hands them with the
//! text to the engine on a thread of its own. What is no query is a `MalformedQueryException` at
//! once; else there is an id, by which `get-query-results` of any process finds the rows as long
//! as the endpoint runs.

mod events;
mod parameters;
mod query;
mod read;
mod stream;

use serde_json::{Value, json};
use wirelab_session::Session;

use super::{Refusal, Request, kept};

pub(super) use query::Query;

/// The service's code for parameters that it does not take.
pub(super) const INVALID: &str = "InvalidParameterException";

/// The actions that need events.
const OWN: [&str; 9] = [
    "DescribeLogStreams",
    "DescribeQueries",
    "FilterLogEvents",
    "GetLogEvents",
    "GetLogGroupFields",
    "GetLogRecord",
    "GetQueryResults",
    "StartQuery",
    "StopQuery",
];

pub(super) fn actions() -> Vec<&'static str> {
    let mut actions = kept::actions("logs");
    actions.extend(OWN);
    actions.sort_unstable();
    actions
}

pub(super) fn answer(session: &mut Session, request: Request<'_>) -> Result<Value, Refusal> {
    match request.action {
        "DescribeLogGroups" => describe_log_groups(session, request),
        "DescribeLogStreams" => stream::describe(session, &request),
        "DescribeQueries" => Ok(query::describe(&request)?),
        "FilterLogEvents" => read::filter(session, &request),
        "GetLogEvents" => read::get(session, &request),
        "GetLogGroupFields" => read::fields(session, &request),
        "GetLogRecord" => read::record(session, &request),
        "GetQueryResults" => Ok(query::results(&request)?),
        "StartQuery" => query::start(session, &request),
        "StopQuery" => Ok(query::stop(&request)?),
        _ => kept::answer(session, "logs", request, INVALID),
    }
}

/// The control plane's answer, and what the groups weigh.
fn describe_log_groups(session: &mut Session, request: Request<'_>) -> Result<Value, Refusal> {
    let caller = request.caller;
    let mut reply = kept::answer(session, "logs", request, INVALID)?;
    let run = session.run_with_evidence()?;
    for shown in reply["logGroups"].as_array_mut().into_iter().flatten() {
        let name = shown["logGroupName"].as_str().unwrap_or_default();
        let mut groups = run.control().log_groups(&caller.account, &caller.region);
        if let Some(group) = groups.find(|it| it.name == name) {
            let events = events::of_group(run, caller, group).events;
            let bytes: usize = events.iter().map(|it| it.message.len()).sum();
            shown["storedBytes"] = json!(bytes);
        }
    }
    Ok(reply)
}

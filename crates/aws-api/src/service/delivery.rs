//! Flow logs to a bucket: whether the bucket is there, and lets them in.
//!
//! Buckets are no part of the journal, so the control plane knows of none. A `CreateFlowLogs` whose
//! bucket is not there, or is another account's that does not let the delivery in, is answered
//! here: with status 200, no flow log and the reason for each resource, as EC2 does (EC2 API
//! Reference, "CreateFlowLogs", `Unsuccessful`). It changes nothing, and is not journalled.

use serde_json::{Value, json};
use wirelab_session::Session;

use super::{Refusal, Request, s3};

/// The reply to a call whose flow logs cannot be delivered; `None`: the control plane may answer.
pub(super) fn undeliverable(
    session: &mut Session,
    request: &Request<'_>,
) -> Result<Option<Value>, Refusal> {
    let of = |name: &str| request.parameters.get(name);
    let is_asked = request.action == "CreateFlowLogs"
        && of("LogDestinationType").is_some_and(|it| it == "s3")
        && of("DryRun").is_none_or(|it| it != true);
    let destination = of("LogDestination").and_then(Value::as_str);
    let resources = of("ResourceIds").and_then(Value::as_array);
    let (true, Some(arn), Some(resources)) = (is_asked, destination, resources) else {
        return Ok(None);
    };
    session.catch_up()?;
    let Err(why) = s3::destination(session, request.caller, arn) else {
        return Ok(None);
    };
    let item = |id: &Value| json!({"ResourceId": id, "Error": {"Code": "400", "Message": why}});
    let unsuccessful: Vec<Value> = resources.iter().map(item).collect();
    let mut reply = json!({ "FlowLogIds": [], "Unsuccessful": unsuccessful });
    if let Some(token) = of("ClientToken") {
        reply["ClientToken"] = token.clone();
    }
    Ok(Some(reply))
}

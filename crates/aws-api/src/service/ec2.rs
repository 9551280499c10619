//! EC2: every action is a call of the session, but for what a machine itself tells and what S3 must
//! be asked before.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde_json::{Value, json};
use wirelab_model::{ApiError, Call, InstanceId};
use wirelab_session::Session;

use super::{Refusal, Request, delivery, kept};

/// The code for parameters that are not simulated.
const INVALID: &str = "UnsupportedOperation";

pub(super) fn actions() -> Vec<&'static str> {
    let mut actions = kept::actions("ec2");
    actions.push("GetConsoleOutput");
    actions.sort_unstable();
    actions
}

pub(super) fn answer(session: &mut Session, request: Request<'_>) -> Result<Value, Refusal> {
    if request.action == "GetConsoleOutput" {
        return console_output(session, &request);
    }
    if request.action == "RunInstances" {
        // A launch template may have the image.
        if !request.parameters.contains_key("LaunchTemplate") {
            require(&request, &["ImageId"])?;
        }
        require(&request, &["MinCount", "MaxCount"])?;
    }
    match delivery::undeliverable(session, &request)? {
        Some(reply) => Ok(reply),
        None => kept::answer(session, "ec2", request, INVALID),
    }
}

/// Parameters that clients must give, and scenarios' files may leave out.
fn require(request: &Request<'_>, names: &[&str]) -> Result<(), ApiError> {
    let given = |name: &&&str| request.parameters.contains_key(**name);
    match names.iter().find(|name| !given(name)) {
        Some(name) => {
            let message = format!("The request must contain the parameter {name}");
            Err(ApiError::client("MissingParameter", message))
        }
        None => Ok(()),
    }
}

/// What the machine said when it booted first, which is what became of its user data.
fn console_output(session: &mut Session, request: &Request<'_>) -> Result<Value, Refusal> {
    let of = |name: &str| request.parameters.get(name).cloned();
    // Whether the instance is there, and the caller's, this call says as any other.
    let mut parameters = serde_json::Map::new();
    parameters.insert("Attribute".to_owned(), "instanceType".into());
    parameters.extend(of("InstanceId").map(|id| ("InstanceId".to_owned(), id)));
    parameters.extend(of("DryRun").map(|it| ("DryRun".to_owned(), it)));
    let look = Call {
        service: "ec2".into(),
        operation: "DescribeInstanceAttribute".into(),
        parameters,
    };
    let shown = session.call(request.caller, &look)?.reply?;
    let id = shown["InstanceId"].as_str().unwrap_or_default();
    let run = session.run();
    let said = run.console(&InstanceId::new(id)).unwrap_or_default();
    let time = i64::try_from(run.utc().as_secs()).ok();
    let time = time.and_then(|it| Timestamp::from_second(it).ok());
    let time = time.ok_or_else(|| ApiError::client("InternalError", "no such moment"))?;
    Ok(json!({
        "InstanceId": id,
        "Output": STANDARD.encode(said.as_bytes()),
        "Timestamp": time.to_string(),
    }))
}

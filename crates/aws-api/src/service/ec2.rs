//! EC2: every action is a call of the session.

use serde_json::Value;
use wirelab_control::Control;
use wirelab_model::{ApiError, Call};
use wirelab_session::Session;

use super::{Refusal, Request};
use crate::error;

pub(super) fn answer(session: &mut Session, request: Request<'_>) -> Result<Value, Refusal> {
    refuse_what_is_not_simulated(&request)?;
    let call = Call {
        service: "ec2".into(),
        operation: request.action.into(),
        parameters: request.parameters,
    };
    Ok(session.call(request.caller, &call)?.reply?)
}

/// The control plane takes what it knows and calls the rest unknown. The parameters that got here
/// are EC2's, so of these it is we who know too little, and nothing is journalled.
fn refuse_what_is_not_simulated(request: &Request<'_>) -> Result<(), ApiError> {
    let operation = Control::operations().find(|it| it.name == request.action);
    let known = operation.map_or_else(Vec::new, |it| it.parameters());
    let mut names = request.parameters.keys();
    match names.find(|name| !known.contains(&name.as_str())) {
        Some(name) => {
            let code = "UnsupportedOperation";
            Err(error::not_simulated(code, request.action, name))
        }
        None => Ok(()),
    }
}

//! What the control plane answers by itself: the action is a call of the session.

use serde_json::Value;
use wirelab_control::Control;
use wirelab_model::{ApiError, Call};
use wirelab_session::Session;

use super::{Refusal, Request};
use crate::error;

/// The names of a service's actions that the control plane has.
pub(super) fn actions(service: &str) -> Vec<&'static str> {
    let mut services = Control::services();
    let found = services.find(|(name, _)| *name == service);
    found.map_or_else(Vec::new, |(_, operations)| {
        operations.iter().map(|it| it.name).collect()
    })
}

/// Makes the call. `invalid` is the service's code for parameters that it does not take.
pub(super) fn answer(
    session: &mut Session,
    service: &str,
    request: Request<'_>,
    invalid: &str,
) -> Result<Value, Refusal> {
    refuse_what_is_not_simulated(service, &request, invalid)?;
    let call = Call {
        service: service.into(),
        operation: request.action.into(),
        parameters: request.parameters,
    };
    Ok(session.call(request.caller, &call)?.reply?)
}

/// The control plane takes what it knows and calls the rest unknown. The parameters that got here
/// are the service's, so of these it is we who know too little, and nothing is journalled.
fn refuse_what_is_not_simulated(
    service: &str,
    request: &Request<'_>,
    invalid: &str,
) -> Result<(), ApiError> {
    let mut services = Control::services();
    let operations = services.find(|(name, _)| *name == service);
    let mut operations = operations.into_iter().flat_map(|(_, all)| all);
    let operation = operations.find(|it| it.name == request.action);
    match operation.and_then(|it| it.unknown(&request.parameters)) {
        Some(name) => Err(error::not_simulated(invalid, request.action, &name)),
        None => Ok(()),
    }
}

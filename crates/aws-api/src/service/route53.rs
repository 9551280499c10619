//! Route 53: every action is a call of the session.
//!
//! Zones, their records and associations are the control plane's; a change is `INSYNC` when the
//! resolvers of its VPCs answer by it. The service is global: clients sign for `us-east-1`
//! wherever they are, and a VPC's Region is a parameter. The models call counts texts here
//! (`MaxItems`), so they become numbers first.

use serde_json::Value;
use wirelab_model::ApiError;
use wirelab_session::Session;

use super::{Refusal, Request, kept};
use crate::protocol::Codes;

const INVALID: &str = "InvalidInput";

pub(super) const CODES: Codes = Codes::all(INVALID);

pub(super) fn answer(session: &mut Session, mut request: Request<'_>) -> Result<Value, Refusal> {
    if let Some(Value::String(text)) = request.parameters.get("MaxItems") {
        let count = text.parse::<u64>().map_err(|_| {
            let message = format!("MaxItems is {text} where a number is wanted");
            ApiError::client(INVALID, message)
        })?;
        request
            .parameters
            .insert("MaxItems".to_owned(), count.into());
    }
    kept::answer(session, "route53", request, INVALID).map_err(|refusal| match refusal {
        Refusal::Api(error) => Refusal::Api(own(error)),
        other => other,
    })
}

/// What the control plane says of parameters in EC2's codes, in Route 53's.
fn own(mut error: ApiError) -> ApiError {
    let of_parameters = [
        "InvalidParameter",
        "InvalidParameterValue",
        "MissingParameter",
        "UnknownParameter",
    ];
    if of_parameters.contains(&error.code.as_str()) {
        error.code = INVALID.into();
    }
    error
}

//! IAM: every action is a call of the session, but for `GetUser`: an account's one user is known
//! here, with the unique id that STS says, too.

use serde_json::{Value, json};
use wirelab_model::{ApiError, Caller};
use wirelab_session::Session;

use super::{Refusal, Request, kept, sts};
use crate::error;

const GET_USER: &str = "GetUser";

/// The code for parameters that are not simulated.
const INVALID: &str = "ValidationError";

pub(super) fn actions() -> Vec<&'static str> {
    let mut actions = kept::actions("iam");
    actions.push(GET_USER);
    actions.sort_unstable();
    actions
}

pub(super) fn answer(session: &mut Session, request: Request<'_>) -> Result<Value, Refusal> {
    if request.action != GET_USER {
        return kept::answer(session, "iam", request, INVALID);
    }
    let name = request.parameters.get("UserName").and_then(Value::as_str);
    let arn = user(request.caller, name)?;
    let begin = session.plan().starts.as_secs();
    let created = i64::try_from(begin).ok().map(jiff::Timestamp::from_second);
    let created = created.and_then(Result::ok).map(|it| it.to_string());
    Ok(json!({ "User": {
        "Path": "/",
        "UserName": arn.rsplit('/').next(),
        "UserId": sts::user_id(&arn),
        "Arn": arn,
        "CreateDate": created,
    } }))
}

/// The ARN of the user of that name; without a name of the one who asks.
fn user(caller: &Caller, name: Option<&str>) -> Result<String, ApiError> {
    let learner = format!("arn:aws:iam::{}:user/learner", caller.account);
    match name {
        None if caller.principal == learner => Ok(learner),
        None => Err(error::validation(
            "Must specify userName when calling with non-User credentials",
        )),
        Some("learner") => Ok(learner),
        Some(name) => {
            let message = format!("The user with name {name} cannot be found.");
            Err(ApiError::client("NoSuchEntity", message))
        }
    }
}

//! STS: who one is, and how to be somebody else.
//!
//! Identities are simulated as far as accounts go: who has put a role on may do everything in its
//! account. Whether a role is there, and trusts who would put it on, is the control plane's to say.
//! Credentials are made from account and
//! principal alone, so nothing is remembered and nothing journalled. They expire by the wall clock,
//! since that is the clock that clients sign by.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};
use wirelab_control::{AssumeRefusal, AssumeRequest};
use wirelab_model::{ApiError, Caller};
use wirelab_session::Session;

use super::{Refusal, Request};
use crate::access_key::{self, AccessKey};
use crate::error;
use crate::identity::Identity;

/// Seconds for which a role is lent to who has one on.
const CHAINED: u32 = 3_600;

pub(super) const ACTIONS: [&str; 5] = [
    "AssumeRole",
    "DecodeAuthorizationMessage",
    "GetAccessKeyInfo",
    "GetCallerIdentity",
    "GetSessionToken",
];

pub(super) fn answer(session: &mut Session, request: Request<'_>) -> Result<Value, Refusal> {
    let parameters = &request.parameters;
    Ok(match request.action {
        "AssumeRole" => assume_role(session, request.caller, parameters)?,
        "DecodeAuthorizationMessage" => return Err(not_decoded().into()),
        "GetAccessKeyInfo" => {
            let key = text(parameters, "AccessKeyId")?;
            json!({ "Account": access_key::account_of(key) })
        }
        "GetCallerIdentity" => caller_identity(request.caller),
        _ => {
            let account = &request.caller.account;
            let life = life(parameters, 43_200, 900..=129_600)?;
            json!({ "Credentials": credentials(account, &Identity::Learner, life) })
        }
    })
}

/// Encoded messages come with refusals for want of permission, which nobody gets here, so no text
/// is one.
fn not_decoded() -> ApiError {
    ApiError::client(
        "InvalidAuthorizationMessageException",
        "Message is not valid",
    )
}

fn caller_identity(caller: &Caller) -> Value {
    json!({
        "UserId": user_id(&caller.principal),
        "Account": caller.account,
        "Arn": caller.principal,
    })
}

/// A user's unique id; a role's, and the session's name behind it.
pub(super) fn user_id(arn: &str) -> String {
    let role = arn
        .split_once(":assumed-role/")
        .and_then(|(_, it)| it.rsplit_once('/'));
    match role {
        Some((role, session)) => format!("{}:{session}", access_key::unique_id("AROA", role)),
        None => access_key::unique_id("AIDA", arn),
    }
}

fn assume_role(
    session: &Session,
    caller: &Caller,
    parameters: &Map<String, Value>,
) -> Result<Value, ApiError> {
    let arn = text(parameters, "RoleArn")?;
    let name = text(parameters, "RoleSessionName")?;
    let (account, role) = role_of(arn).ok_or_else(|| {
        error::validation(format!(
            "{arn} is invalid: arn:aws:iam::ACCOUNT:role/NAME is wanted"
        ))
    })?;
    if !is_name(name, 2) {
        let message =
            format!("roleSessionName {name} must be 2 to 64 of A-Z a-z 0-9 _ + = , . @ -");
        return Err(error::validation(message));
    }
    if session.plan().learner_in(Some(account), None).is_err() {
        let message = format!("{arn} is of no account of this lab and cannot be assumed");
        return Err(error::access_denied(message));
    }
    let identity = Identity::Role {
        role: role.into(),
        session: name.into(),
    };
    let life = life(parameters, 3_600, 900..=43_200)?;
    may_assume(session, caller, arn, parameters, life)?;
    let principal = identity.principal(account);
    Ok(json!({
        "Credentials": credentials(account, &identity, life),
        "AssumedRoleUser": { "AssumedRoleId": user_id(&principal), "Arn": principal },
    }))
}

/// Whether the role is there, trusts the caller, and for so long.
fn may_assume(
    session: &Session,
    caller: &Caller,
    role: &str,
    parameters: &Map<String, Value>,
    life: SignedDuration,
) -> Result<(), ApiError> {
    let seconds = u32::try_from(life.as_secs()).unwrap_or(u32::MAX);
    let is_chained = caller.principal.contains(":assumed-role/");
    if is_chained && seconds > CHAINED {
        return Err(error::validation(
            "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by \
             role chaining",
        ));
    }
    let request = AssumeRequest {
        role,
        external_id: parameters.get("ExternalId").and_then(Value::as_str),
        seconds,
    };
    let allowed = session.run().control().may_assume(caller, request);
    allowed.map_err(|refusal| match refusal {
        AssumeRefusal::NotTrusted => error::access_denied(format!(
            "User: {} is not authorized to perform: sts:AssumeRole on resource: {role}",
            caller.principal
        )),
        AssumeRefusal::TooLong(_) => error::validation(
            "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.",
        ),
    })
}

/// Account and name of a role's ARN; paths between them are left out, as STS does.
fn role_of(arn: &str) -> Option<(&str, &str)> {
    let (account, path) = arn.strip_prefix("arn:aws:iam::")?.split_once(":role/")?;
    let name = path.rsplit('/').next().filter(|name| is_name(name, 1))?;
    let is_account = account.len() == 12 && account.bytes().all(|it| it.is_ascii_digit());
    is_account.then_some((account, name))
}

/// Whether a text is a name of so many characters at least: a role has one, a session two (IAM API
/// Reference, `CreateRole`; AWS STS API Reference, `AssumeRole`).
fn is_name(text: &str, least: usize) -> bool {
    let fits = |it: char| it.is_ascii_alphanumeric() || "_+=,.@-".contains(it);
    (least..=64).contains(&text.len()) && text.chars().all(fits)
}

fn credentials(account: &str, identity: &Identity, life: SignedDuration) -> Value {
    let token = identity.token();
    let key = AccessKey::temporary(account, &token);
    let expires = (Timestamp::now() + life).strftime("%Y-%m-%dT%H:%M:%SZ");
    json!({
        "AccessKeyId": key.id,
        "SecretAccessKey": key.secret,
        "SessionToken": token,
        "Expiration": expires.to_string(),
    })
}

fn life(
    parameters: &Map<String, Value>,
    default: i64,
    allowed: std::ops::RangeInclusive<i64>,
) -> Result<SignedDuration, ApiError> {
    let seconds = match parameters.get("DurationSeconds") {
        None => Some(default),
        Some(value) => value.as_i64().filter(|it| allowed.contains(it)),
    };
    let seconds = seconds.ok_or_else(|| {
        let (least, most) = (allowed.start(), allowed.end());
        error::validation(format!("DurationSeconds must be {least} to {most}"))
    })?;
    Ok(SignedDuration::from_secs(seconds))
}

fn text<'p>(parameters: &'p Map<String, Value>, name: &str) -> Result<&'p str, ApiError> {
    let text = parameters.get(name).and_then(Value::as_str);
    text.ok_or_else(|| error::validation(format!("{name} must not be null")))
}

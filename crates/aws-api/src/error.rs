//! Errors that are the endpoint's own, not the control plane's, and the status of all.
//!
//! Codes: Amazon EC2 API Reference, "Error codes for the Amazon EC2 API"; AWS STS API Reference,
//! "Common errors". A learner whose call cannot be answered reads what exists, in the message that
//! the client prints anyway.

use http::StatusCode;
use jiff::Timestamp;
use wirelab_model::{ApiError, ApiErrorKind};
use wirelab_scenario::Plan;
use wirelab_session::SessionError;

use crate::shape;

/// The HTTP status of an error: the one that the service's model has for it, or else what the
/// documents say. None that clients retry, unless we are wrong: they would sit and wait before they
/// print anything.
pub(crate) fn status(error: &ApiError, service: Option<&str>) -> StatusCode {
    let table = service.and_then(shape::of_service);
    let modelled = table.and_then(|it| it.status(&error.code));
    if let Some(status) = modelled.and_then(|it| StatusCode::from_u16(it).ok()) {
        return status;
    }
    match (error.kind, error.code.as_str()) {
        // For a moment, and clients try again.
        (_, "ServiceUnavailable" | "SlowDown") => StatusCode::SERVICE_UNAVAILABLE,
        (ApiErrorKind::Server, _) => StatusCode::INTERNAL_SERVER_ERROR,
        (_, "DryRunOperation") => StatusCode::PRECONDITION_FAILED,
        (_, "AuthFailure") => StatusCode::UNAUTHORIZED,
        (
            _,
            "NoSuchBucket"
            | "NoSuchBucketPolicy"
            | "NoSuchCORSConfiguration"
            | "NoSuchKey"
            | "NoSuchLifecycleConfiguration"
            | "NoSuchPublicAccessBlockConfiguration"
            | "NoSuchTagSet"
            | "NoSuchUpload"
            | "NoSuchWebsiteConfiguration"
            | "ObjectLockConfigurationNotFoundError"
            | "ReplicationConfigurationNotFoundError",
        ) => StatusCode::NOT_FOUND,
        (_, "NotImplemented") => StatusCode::NOT_IMPLEMENTED,
        (_, "InvalidRange") => StatusCode::RANGE_NOT_SATISFIABLE,
        (_, "PreconditionFailed") => StatusCode::PRECONDITION_FAILED,
        (_, "RequestEntityTooLarge") => StatusCode::PAYLOAD_TOO_LARGE,
        (_, "BucketAlreadyExists" | "BucketAlreadyOwnedByYou" | "BucketNotEmpty") => {
            StatusCode::CONFLICT
        }
        (
            _,
            "UnauthorizedOperation"
            | "AccessDenied"
            | "InvalidClientTokenId"
            | "SignatureDoesNotMatch"
            | "MissingAuthenticationToken"
            | "RequestTimeTooSkewed",
        ) => StatusCode::FORBIDDEN,
        _ => StatusCode::BAD_REQUEST,
    }
}

pub(crate) fn missing_authentication() -> ApiError {
    ApiError::client(
        "MissingAuthenticationToken",
        "Request is missing Authentication Token",
    )
}

pub(crate) fn incomplete_signature(why: &str) -> ApiError {
    let message = format!("The Authorization header is no AWS Signature Version 4: {why}");
    ApiError::client("IncompleteSignature", message)
}

/// The signature is not that of the key's secret. JSON services say it in a code of their own.
pub(crate) fn signature_mismatch(service: &str) -> ApiError {
    let message = "The request signature we calculated does not match the signature you provided. \
                   Check your AWS Secret Access Key and signing method. Consult the service \
                   documentation for details.";
    ApiError::client(signature_code(service), message)
}

/// The moment that was signed is too far from now.
pub(crate) fn expired(service: &str, signed: &str, now: Timestamp) -> ApiError {
    let now = now.strftime("%Y%m%dT%H%M%SZ");
    match service {
        "s3" => {
            let message = format!("Request has expired: it was signed at {signed}, it is {now}.");
            ApiError::client("AccessDenied", message)
        }
        "ec2" => {
            let message = format!("Request has expired: it was signed at {signed}, it is {now}.");
            ApiError::client("RequestExpired", message)
        }
        _ => {
            let message = format!("Signature expired: {signed} is too far from {now}");
            ApiError::client(signature_code(service), message)
        }
    }
}

/// S3 of a signed moment, not a presigned one.
pub(crate) fn skewed(signed: &str, now: Timestamp) -> ApiError {
    let now = now.strftime("%Y%m%dT%H%M%SZ");
    let message = format!(
        "The difference between the request time and the current time is too large: it was signed \
         at {signed}, it is {now}."
    );
    ApiError::client("RequestTimeTooSkewed", message)
}

fn signature_code(service: &str) -> &'static str {
    match service {
        "ec2" | "sts" | "iam" | "elasticloadbalancing" | "monitoring" | "route53" | "s3" => {
            "SignatureDoesNotMatch"
        }
        _ => "InvalidSignatureException",
    }
}

/// EC2 says it in a code of its own.
fn credentials(service: &str, message: String) -> ApiError {
    let code = match service {
        "ec2" => "AuthFailure",
        _ => "InvalidClientTokenId",
    };
    ApiError::client(code, message)
}

pub(crate) fn unknown_key(service: &str, key_id: &str, plan: &Plan) -> ApiError {
    let mut accounts: Vec<String> = plan.accounts.keys().map(ToString::to_string).collect();
    accounts.insert(0, plan.caller.account.to_string());
    let accounts = accounts.join(", ");
    let message = format!(
        "AWS was not able to validate the provided access credentials: the key {key_id} is of no \
         account of this lab. `wirelab env` prints the lab's key; as key id, an account is taken \
         too: {accounts}"
    );
    credentials(service, message)
}

pub(crate) fn bad_token(service: &str) -> ApiError {
    let message = "The security token included in the request is invalid.".to_owned();
    credentials(service, message)
}

pub(crate) fn unknown_region(region: &str) -> ApiError {
    let message = format!("Credential should be scoped to a valid Region, not '{region}'.");
    ApiError::client("AuthFailure", message)
}

/// No service of that name is simulated.
pub(crate) fn unknown_service(scope: &str, known: &[&str]) -> ApiError {
    let known = known.join(", ");
    let message = format!(
        "wirelab does not simulate the service '{scope}'; what answers at this endpoint: {known}"
    );
    ApiError::client("InvalidAction", message)
}

/// The service has no such action here.
pub(crate) fn unknown_action(code: &str, service: &str, name: &str, known: &[&str]) -> ApiError {
    let near = |other: &&&str| strsim::jaro_winkler(name, other);
    let nearest = known
        .iter()
        .max_by(|one, other| near(one).total_cmp(&near(other)));
    let nearest = nearest.filter(|it| near(it) > 0.85);
    let meant = nearest.map_or_else(String::new, |it| format!(" Did you mean {it}?"));
    let exist = match known.len() {
        0..60 => format!("There are {}.", known.join(", ")),
        many => format!("wirelab simulates {many} actions of {service}: `wirelab call --list`."),
    };
    let message = format!("The action {name} is not valid for this web service.{meant} {exist}");
    ApiError::client(code, message)
}

pub(crate) fn missing_action() -> ApiError {
    ApiError::client(
        "MissingAction",
        "The request must contain the parameter Action",
    )
}

/// No JSON, or a value of a wrong type.
pub(crate) fn serialization(message: impl Into<String>) -> ApiError {
    ApiError::client("SerializationException", message)
}

/// What breaks the model's constraints, as the services' own front says it.
pub(crate) fn violations(code: &str, found: &[String]) -> ApiError {
    let errors = match found.len() {
        1 => "1 validation error".to_owned(),
        many => format!("{many} validation errors"),
    };
    ApiError::client(code, format!("{errors} detected: {}", found.join("; ")))
}

/// A date of an API that there has never been.
pub(crate) fn no_version(version: &str, spoken: &str) -> ApiError {
    let message = format!("The requested version ({version}) does not exist; here it is {spoken}");
    ApiError::client("NoSuchVersion", message)
}

/// The model has no such parameter.
pub(crate) fn unknown_parameter(name: &str, nearest: Option<&str>) -> ApiError {
    let meant = nearest.map_or_else(String::new, |it| format!(". Did you mean {it}?"));
    let message = format!("The parameter {name} is not recognized{meant}");
    ApiError::client("UnknownParameter", message)
}

/// The service has the parameter, the simulation does not.
pub(crate) fn not_simulated(code: &str, action: &str, name: &str) -> ApiError {
    let message = format!("wirelab does not simulate the parameter {name} of {action}.");
    ApiError::client(code, message)
}

pub(crate) fn malformed(message: impl Into<String>) -> ApiError {
    ApiError::client("MalformedQueryString", message)
}

pub(crate) fn invalid_value(name: &str, why: &str) -> ApiError {
    let message = format!("The parameter {name} is invalid: {why}");
    ApiError::client("InvalidParameterValue", message)
}

pub(crate) fn validation(message: impl Into<String>) -> ApiError {
    ApiError::client("ValidationError", message)
}

pub(crate) fn access_denied(message: impl Into<String>) -> ApiError {
    ApiError::client("AccessDenied", message)
}

/// A body of more octets than such a request may have.
pub(crate) fn too_large(service: Option<&str>, most: usize) -> ApiError {
    let most = most >> 20;
    match service {
        Some("s3") => {
            let message = format!(
                "Your proposed upload exceeds the maximum allowed size: {most} MiB in one request \
                 here, more in parts"
            );
            ApiError::client("EntityTooLarge", message)
        }
        _ => {
            let message = format!("The request's body has more than {most} MiB");
            ApiError::client("RequestEntityTooLarge", message)
        }
    }
}

/// No room for another large body.
pub(crate) fn slow_down() -> ApiError {
    ApiError {
        code: "SlowDown".into(),
        message: "Please reduce your request rate.".to_owned(),
        kind: ApiErrorKind::Server,
    }
}

/// Every connection that there may be is at work.
pub(crate) fn no_place(service: Option<&str>) -> ApiError {
    match service {
        Some("s3") => slow_down(),
        _ => ApiError {
            code: "ServiceUnavailable".into(),
            message: "Too many connections at once: try again.".to_owned(),
            kind: ApiErrorKind::Server,
        },
    }
}

/// The session cannot go on. The code is ours; the status is one that clients do not retry.
pub(crate) fn session(error: &SessionError) -> ApiError {
    let hint = error
        .hint()
        .map_or_else(String::new, |hint| format!("; {hint}"));
    ApiError::client(
        "SessionError",
        format!("the lab cannot answer: {error}{hint}"),
    )
}

/// A defect of ours was met while answering.
pub(crate) fn internal() -> ApiError {
    ApiError {
        code: "InternalError".into(),
        message: "An internal error has occurred: a defect of wirelab; please report it with the \
                  lab folder's journal"
            .to_owned(),
        kind: ApiErrorKind::Server,
    }
}

//! Control-plane calls and their replies.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use smol_str::SmolStr;

/// One API call: what the journal, scenario events, `.calls` files and the AWS endpoints hold.
///
/// Parameters bear the API's names in their JSON form (`{"NetworkAclId": "acl-...", "RuleNumber":
/// 100}`); the control plane reads them into one request type an operation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Call {
    /// The service's name in endpoints and the CLI: `ec2`, `logs`.
    pub service: SmolStr,
    /// The operation: `CreateNetworkAclEntry`.
    pub operation: SmolStr,
    /// The request's parameters.
    pub parameters: Map<String, Value>,
}

/// `ec2:CreateNetworkAclEntry`.
impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.service, self.operation)
    }
}

impl Call {
    /// Whether the operation reads only. Reads are no journal entries and cost no virtual time.
    #[must_use]
    pub fn is_read_only(&self) -> bool {
        const VERBS: [&str; 8] = [
            "BatchGet", "Describe", "Filter", "Get", "List", "Lookup", "Search", "Test",
        ];
        VERBS.iter().any(|verb| self.operation.starts_with(verb))
    }
}

/// Who makes a call.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Caller {
    /// The 12-digit account id.
    pub account: SmolStr,
    /// The Region: `us-east-1`.
    pub region: SmolStr,
    /// The principal's ARN, as CloudTrail's `userIdentity` shows it.
    pub principal: SmolStr,
}

/// What a call answers: the response's members in JSON, or an error.
pub type Reply = Result<Value, ApiError>;

/// Whose fault an error is; decides the HTTP status and whether clients retry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ApiErrorKind {
    /// HTTP 4xx: the request is wrong.
    Client,
    /// HTTP 5xx: we are wrong.
    Server,
}

/// An AWS error: a code that scripts match on, and a message for people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("an error occurred ({code}): {message}")]
pub struct ApiError {
    /// The documented code: `InvalidNetworkAclID.NotFound`.
    pub code: SmolStr,
    /// AWS-like message.
    pub message: String,
    /// Client or server.
    pub kind: ApiErrorKind,
}

impl ApiError {
    /// An error that the caller can mend.
    #[must_use]
    pub fn client(code: &str, message: impl Into<String>) -> Self {
        Self {
            code: code.into(),
            message: message.into(),
            kind: ApiErrorKind::Client,
        }
    }
}

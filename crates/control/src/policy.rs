//! What resource policies of all services have in common (IAM User Guide, "Grammar of the IAM JSON
//! policy language"): members with one value or many, and who a principal is.

use serde_json::Value;
use wirelab_model::Caller;

/// One value or many.
#[must_use]
pub fn many(value: &Value) -> &[Value] {
    match value {
        Value::Array(all) => all,
        Value::Null => &[],
        one => std::slice::from_ref(one),
    }
}

/// The texts among them.
pub fn texts(value: &Value) -> impl Iterator<Item = &str> {
    many(value).iter().filter_map(Value::as_str)
}

/// Whether a statement's `Principal` or `NotPrincipal` names the caller: everybody, their account,
/// its root, or them.
#[must_use]
pub fn is_principal(said: &Value, caller: &Caller) -> bool {
    let account = caller.account.as_str();
    let root = format!("arn:aws:iam::{account}:root");
    let is =
        |text: &str| text == "*" || text == account || text == root || text == caller.principal;
    said == "*" || texts(&said["AWS"]).any(is)
}

//! Whether a text is a policy (IAM User Guide, "Grammar of the IAM JSON policy language").
//!
//! The grammar is asked, and what each kind of policy must have: one of an identity says actions
//! and resources and no principal, one of trust a principal and actions and no resource. Whether
//! there are such actions is not asked.

use serde_json::{Map, Value};
use wirelab_model::ApiError;

use crate::error;
use crate::policy::many;

const TOP: [&str; 3] = ["Version", "Id", "Statement"];
const VERSIONS: [&str; 2] = ["2008-10-17", "2012-10-17"];
const STATEMENT: [&str; 9] = [
    "Sid",
    "Effect",
    "Principal",
    "NotPrincipal",
    "Action",
    "NotAction",
    "Resource",
    "NotResource",
    "Condition",
];

/// Members of a statement of which it has one or the other.
const PAIRS: [(&str, &str); 3] = [
    ("Principal", "NotPrincipal"),
    ("Action", "NotAction"),
    ("Resource", "NotResource"),
];

/// Refuses what is no policy of an identity.
pub(super) fn check_identity(text: &str) -> Result<(), ApiError> {
    for statement in statements(text)? {
        if said(&statement, "Principal").is_some() {
            return malformed("Policy document should not specify a principal.");
        }
        check_actions(&statement)?;
        if said(&statement, "Resource").is_none() {
            return malformed("Policy statement must contain resources.");
        }
    }
    Ok(())
}

/// Refuses what is no trust policy of a role.
pub(super) fn check_trust(text: &str) -> Result<(), ApiError> {
    for statement in statements(text)? {
        if said(&statement, "Principal").is_none() {
            return malformed("Missing required field Principal");
        }
        check_actions(&statement)?;
        if said(&statement, "Resource").is_some() {
            return malformed("Has prohibited field Resource.");
        }
    }
    Ok(())
}

fn check_actions(statement: &Map<String, Value>) -> Result<(), ApiError> {
    match said(statement, "Action") {
        Some(_) => Ok(()),
        None => malformed("Policy statement must contain actions."),
    }
}

fn malformed<T>(message: &str) -> Result<T, ApiError> {
    Err(error::malformed_policy(message))
}

/// What a statement says of a member or of its opposite, if that is not an empty list.
fn said<'s>(statement: &'s Map<String, Value>, name: &str) -> Option<&'s Value> {
    let pair = PAIRS.iter().find(|it| it.0 == name);
    let opposite = pair.and_then(|it| statement.get(it.1));
    let value = statement.get(name).or(opposite)?;
    (!many(value).is_empty()).then_some(value)
}

/// The statements of a policy that is written as the grammar has it.
fn statements(text: &str) -> Result<Vec<Map<String, Value>>, ApiError> {
    let read = || {
        let Value::Object(policy) = serde_json::from_str(text).ok()? else {
            return None;
        };
        let version = policy.get("Version");
        let is_policy = policy.keys().all(|it| TOP.contains(&it.as_str()))
            && version.is_none_or(|it| it.as_str().is_some_and(|it| VERSIONS.contains(&it)))
            && policy.get("Id").is_none_or(Value::is_string);
        let all = many(policy.get("Statement").filter(|_| is_policy)?);
        let all = all
            .iter()
            .map(|it| it.as_object().filter(|it| is_statement(it)).cloned());
        let all: Option<Vec<_>> = all.collect();
        all.filter(|it| !it.is_empty())
    };
    read().ok_or_else(|| error::malformed_policy("Syntax errors in policy."))
}

fn is_statement(statement: &Map<String, Value>) -> bool {
    let effect = statement.get("Effect").and_then(Value::as_str);
    let is_text_or_texts = |name: &&str| {
        let value = statement.get(*name);
        value.is_none_or(|it| many(it).iter().all(Value::is_string))
    };
    let texts = ["Action", "NotAction", "Resource", "NotResource"];
    let both = |it: &&(&str, &str)| statement.contains_key(it.0) && statement.contains_key(it.1);
    statement.keys().all(|it| STATEMENT.contains(&it.as_str()))
        && effect.is_some_and(|it| matches!(it, "Allow" | "Deny"))
        && !PAIRS.iter().any(|it| both(&it))
        && texts.iter().all(is_text_or_texts)
        && statement.get("Sid").is_none_or(Value::is_string)
        && statement.get("Condition").is_none_or(Value::is_object)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_policy_is_refused_with_iams_words() {
        let syntax = "Syntax errors in policy.";
        for (text, why) in [
            ("{", syntax),
            ("[]", syntax),
            ("{}", syntax),
            (r#"{"Version":"2012-10-17","Statement":[]}"#, syntax),
            (r#"{"Statement":"x"}"#, syntax),
            (r#"{"Statement":[{}]}"#, syntax),
            (r#"{"Statement":{"Effect":"Maybe"}}"#, syntax),
            (r#"{"Statement":{"Effect":"Allow","Colour":"red"}}"#, syntax),
            (
                r#"{"Version":"2012","Statement":{"Effect":"Allow"}}"#,
                syntax,
            ),
            (
                r#"{"Statement":{"Effect":"Allow","Action":"*","NotAction":"*"}}"#,
                syntax,
            ),
            (
                r#"{"Statement":{"Effect":"Allow"}}"#,
                "Policy statement must contain actions.",
            ),
            (
                r#"{"Statement":{"Effect":"Allow","Action":[]}}"#,
                "Policy statement must contain actions.",
            ),
            (
                r#"{"Statement":{"Effect":"Allow","Action":"*"}}"#,
                "Policy statement must contain resources.",
            ),
            (
                r#"{"Statement":{"Effect":"Allow","Action":"*","Resource":"*","Principal":"*"}}"#,
                "Policy document should not specify a principal.",
            ),
        ] {
            let error = check_identity(text).expect_err(text);
            assert_eq!(error.message, why, "{text}");
        }
        let trust = r#"{"Statement":{"Effect":"Allow","Principal":"*","Action":"sts:AssumeRole"}}"#;
        assert_eq!(check_trust(trust), Ok(()));
        let own = r#"{"Statement":[{"Effect":"Deny","NotAction":"s3:*","Resource":["*"]}]}"#;
        assert_eq!(check_identity(own), Ok(()));
        assert!(check_trust(own).is_err());
    }
}

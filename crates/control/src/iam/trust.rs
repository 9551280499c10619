//! Who may put a role on (IAM User Guide, "How to use trust policies"; AWS STS API Reference,
//! `AssumeRole`).
//!
//! Of a statement effect, principals, actions and conditions about `sts:ExternalId` are heeded;
//! other conditions are taken to fit. Who asks is taken to be let ask by policies of their own:
//! those are read nowhere.

use serde_json::Value;
use wirelab_model::{Caller, fits_wildcards};

use super::rests_on_story;
use super::statement::{effects, fits};
use crate::control::ControlConfig;
use crate::policy::{is_principal, texts};
use crate::state::State;

/// Why a role cannot be put on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AssumeRefusal {
    /// There is none, or it does not trust whoever asks.
    NotTrusted,
    /// It can be put on for so many seconds at most.
    TooLong(u32),
}

/// What is asked for.
#[derive(Clone, Copy, Debug)]
pub struct AssumeRequest<'a> {
    /// The role's ARN.
    pub role: &'a str,
    /// `ExternalId`.
    pub external_id: Option<&'a str>,
    /// `DurationSeconds`.
    pub seconds: u32,
}

/// Whether `caller` may put a role on.
pub(crate) fn may_assume(
    caller: &Caller,
    request: AssumeRequest<'_>,
    state: &State,
    config: &ControlConfig,
) -> Result<(), AssumeRefusal> {
    let place = request.role.strip_prefix("arn:aws:iam::");
    let place = place.and_then(|it| it.split_once(":role/"));
    let (account, path) = place.ok_or(AssumeRefusal::NotTrusted)?;
    let name = path.rsplit('/').next().unwrap_or_default();
    let own = state.iam.roles.get(account);
    let Some(role) = own.and_then(|it| it.get(name)) else {
        let is_told = rests_on_story(config);
        return is_told.then_some(()).ok_or(AssumeRefusal::NotTrusted);
    };
    if role.arn != request.role || !trusts(&role.trust, caller, request.external_id) {
        return Err(AssumeRefusal::NotTrusted);
    }
    match request.seconds > role.max_session_duration {
        true => Err(AssumeRefusal::TooLong(role.max_session_duration)),
        false => Ok(()),
    }
}

/// Whether a trust policy lets the caller put the role on.
fn trusts(policy: &str, caller: &Caller, external_id: Option<&str>) -> bool {
    let applies = |it: &Value| {
        let is_meant = match (&it["Principal"], &it["NotPrincipal"]) {
            (Value::Null, Value::Null) => false,
            (Value::Null, others) => !names(others, caller),
            (principal, _) => names(principal, caller),
        };
        is_meant
            && texts(&it["Action"]).any(|it| fits(it, "sts:assumerole"))
            && fits_conditions(&it["Condition"], external_id)
    };
    effects([policy], applies).is_allowed()
}

/// Whether a statement's principals are the caller, their account or the role they have on.
fn names(principal: &Value, caller: &Caller) -> bool {
    let session = caller.principal.split_once(":assumed-role/");
    let role = session.and_then(|(_, it)| it.split_once('/'));
    let is_role = |arn: &str| {
        let path = arn.strip_prefix("arn:aws:iam::");
        let path = path.and_then(|it| it.strip_prefix(&*caller.account)?.strip_prefix(":role/"));
        let name = path.and_then(|it| it.rsplit('/').next());
        role.is_some_and(|(role, _)| name == Some(role))
    };
    is_principal(principal, caller) || texts(&principal["AWS"]).any(is_role)
}

/// Whether a statement's conditions about `sts:ExternalId` hold.
fn fits_conditions(conditions: &Value, external_id: Option<&str>) -> bool {
    let of_id = |tests: &Value| {
        let mut tests = tests.as_object()?.iter();
        let found = tests.find(|(key, _)| key.eq_ignore_ascii_case("sts:externalid"));
        found.map(|(_, wanted)| wanted.clone())
    };
    let holds = |(operator, tests): (&String, &Value)| {
        let Some(wanted) = of_id(tests) else {
            return true;
        };
        let (operator, or_none) = match operator.strip_suffix("IfExists") {
            Some(operator) => (operator, true),
            None => (operator.as_str(), false),
        };
        let is_any = |is: &dyn Fn(&str, &str) -> bool| {
            external_id.map(|id| texts(&wanted).any(|it| is(it, id)))
        };
        let equal = || is_any(&|it, id| it == id);
        let like = || is_any(&|it, id| fits_wildcards(it, id, true));
        match operator {
            "StringEquals" => equal().unwrap_or(or_none),
            "StringLike" => like().unwrap_or(or_none),
            "StringNotEquals" => !equal().unwrap_or(false),
            "StringNotLike" => !like().unwrap_or(false),
            _ => true,
        }
    };
    conditions
        .as_object()
        .is_none_or(|all| all.iter().all(holds))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Principals and conditions of a trust policy, who asks, with which `ExternalId`, and whether
    /// they may.
    #[test]
    fn a_role_trusts_whom_its_policy_names() {
        const ROOT: &str = r#""Principal":{"AWS":"arn:aws:iam::111111111111:root"}"#;
        const ID: &str = r#""Principal":{"AWS":["222222222222","111111111111"]},
            "Condition":{"StringEquals":{"sts:ExternalId":"secret"}}"#;
        let user = "arn:aws:iam::111111111111:user/learner";
        let ops = "arn:aws:sts::111111111111:assumed-role/ops/me";
        let cases = [
            (r#""Principal":"*""#, user, None, true),
            (r#""Principal":{"AWS":"*"}"#, ops, None, true),
            (ROOT, user, None, true),
            (ROOT, ops, None, true),
            (ROOT, "arn:aws:iam::222222222222:user/learner", None, false),
            (
                r#""Principal":{"Service":"ec2.amazonaws.com"}"#,
                user,
                None,
                false,
            ),
            (
                r#""Principal":{"AWS":"arn:aws:iam::111111111111:role/net/ops"}"#,
                ops,
                None,
                true,
            ),
            (
                r#""Principal":{"AWS":"arn:aws:iam::111111111111:role/net/ops"}"#,
                user,
                None,
                false,
            ),
            (
                r#""Principal":{"AWS":"arn:aws:iam::111111111111:role/dev"}"#,
                ops,
                None,
                false,
            ),
            (ID, user, Some("secret"), true),
            (ID, user, Some("wrong"), false),
            (ID, user, None, false),
        ];
        for (statement, principal, external_id, may) in cases {
            let account = principal.split(':').nth(4).expect("an account");
            let caller = Caller {
                account: account.into(),
                region: "us-east-1".into(),
                principal: principal.into(),
            };
            let trust = format!(
                r#"{{"Statement":[{{"Effect":"Allow","Action":"sts:AssumeRole",{statement}}}]}}"#
            );
            assert_eq!(
                trusts(&trust, &caller, external_id),
                may,
                "{trust} {principal}"
            );
            let denied = trust.replace(
                "[{",
                r#"[{"Effect":"Deny","Action":"sts:*","Principal":"*"},{"#,
            );
            assert!(!trusts(&denied, &caller, external_id), "{denied}");
        }
    }
}

//! Whether a role serves the delivery of flow logs to CloudWatch Logs.
//!
//! The service `vpc-flow-logs.amazonaws.com` must be let put it on, and its policies must allow
//! `logs:CreateLogStream` and `logs:PutLogEvents` (Amazon VPC User Guide, "IAM role for publishing
//! flow logs to CloudWatch Logs"). Of a statement effect, principals and actions are heeded;
//! conditions and resources are taken to fit. Of managed policies the names say what they allow.
//!
//! Where accounts begin empty, a role has to be made. A lab tells the story of an account that has
//! had its roles for long: one that nobody has made there is taken to be right.

use serde_json::Value;
use wirelab_model::fits_wildcards;

use super::Role;
use crate::control::ControlConfig;
use crate::state::State;

const SERVICE: &str = "vpc-flow-logs.amazonaws.com";
const ACTIONS: [&str; 2] = ["logs:createlogstream", "logs:putlogevents"];

/// AWS's own policies that allow the actions.
const MANAGED: [&str; 5] = [
    "AdministratorAccess",
    "CloudWatchFullAccess",
    "CloudWatchFullAccessV2",
    "CloudWatchLogsFullAccess",
    "PowerUserAccess",
];

/// Whether flow logs can be written with the role of this ARN.
pub(crate) fn lets_flow_logs_write(arn: &str, state: &State, config: &ControlConfig) -> bool {
    let place = arn.strip_prefix("arn:aws:iam::");
    let Some((account, path)) = place.and_then(|it| it.split_once(":role/")) else {
        return false;
    };
    let name = path.rsplit('/').next().unwrap_or_default();
    let own = state.iam.roles.get(account);
    match own.and_then(|it| it.get(name)) {
        Some(role) => role.arn == arn && role.serves(),
        None => !config.default_vpcs,
    }
}

impl Role {
    fn serves(&self) -> bool {
        let trusts = |it: &Value| {
            let services = &it["Principal"];
            let is_meant = services == "*" || texts(&services["Service"]).any(|it| it == SERVICE);
            is_meant && texts(&it["Action"]).any(|it| fits(it, "sts:assumerole"))
        };
        let trust = effects([self.trust.as_str()], trusts);
        trust.is_allowed() && ACTIONS.into_iter().all(|action| self.allows(action))
    }

    fn allows(&self, action: &str) -> bool {
        let acts = |it: &Value| texts(&it["Action"]).any(|it| fits(it, action));
        let own = effects(self.policies.values().map(String::as_str), acts);
        let mut attached = self.attached.iter();
        let by_managed = attached.any(|arn| match arn.strip_prefix("arn:aws:iam::aws:policy/") {
            Some(path) => MANAGED.contains(&path.rsplit('/').next().unwrap_or_default()),
            // An account's own, whose text nobody has told.
            None => true,
        });
        !own.denied && (own.allowed || by_managed)
    }
}

/// What the statements of policies come to.
#[derive(Default)]
struct Effects {
    allowed: bool,
    denied: bool,
}

impl Effects {
    const fn is_allowed(&self) -> bool {
        self.allowed && !self.denied
    }
}

fn effects<'p>(
    policies: impl IntoIterator<Item = &'p str>,
    applies: impl Fn(&Value) -> bool,
) -> Effects {
    let mut effects = Effects::default();
    for text in policies {
        let policy: Value = serde_json::from_str(text).unwrap_or_default();
        let statements = many(&policy["Statement"]).iter();
        for statement in statements.filter(|it| applies(it)) {
            match statement["Effect"].as_str() {
                Some("Allow") => effects.allowed = true,
                Some("Deny") => effects.denied = true,
                _ => {}
            }
        }
    }
    effects
}

/// One value or many.
fn many(value: &Value) -> &[Value] {
    match value {
        Value::Array(all) => all,
        Value::Null => &[],
        one => std::slice::from_ref(one),
    }
}

fn texts(value: &Value) -> impl Iterator<Item = &str> {
    many(value).iter().filter_map(Value::as_str)
}

/// Actions know no case.
fn fits(pattern: &str, action: &str) -> bool {
    fits_wildcards(&pattern.to_ascii_lowercase(), action, false)
}

//! Whether a role serves the delivery of flow logs to CloudWatch Logs.
//!
//! The service `vpc-flow-logs.amazonaws.com` must be let put it on, and its policies must allow
//! `logs:CreateLogStream` and `logs:PutLogEvents` (Amazon VPC User Guide, "IAM role for publishing
//! flow logs to CloudWatch Logs"). Of a statement effect, principals and actions are heeded;
//! conditions and resources are taken to fit. Of managed policies the names say what they allow.

use serde_json::Value;
use smol_str::SmolStr;

use super::managed_policy::{Policies, Policy};
use super::statement::{effects, fits};
use super::{Role, rests_on_story};
use crate::control::ControlConfig;
use crate::policy::texts;
use crate::state::State;

/// The delivery of flow logs.
const DELIVERY: Service = Service {
    principal: "vpc-flow-logs.amazonaws.com",
    actions: &["logs:createlogstream", "logs:putlogevents"],
    managed: &[
        "AdministratorAccess",
        "CloudWatchFullAccess",
        "CloudWatchFullAccessV2",
        "CloudWatchLogsFullAccess",
        "PowerUserAccess",
    ],
};

/// A service that puts roles on, and what it needs of them.
pub(super) struct Service {
    /// Whom a role has to trust.
    pub(super) principal: &'static str,
    /// What it has to allow, in small letters.
    pub(super) actions: &'static [&'static str],
    /// AWS's own policies that allow it.
    pub(super) managed: &'static [&'static str],
}

/// Whether flow logs can be written with the role of this ARN.
pub(crate) fn lets_flow_logs_write(arn: &str, state: &State, config: &ControlConfig) -> bool {
    let place = arn.strip_prefix("arn:aws:iam::");
    let Some((account, path)) = place.and_then(|it| it.split_once(":role/")) else {
        return false;
    };
    let name = path.rsplit('/').next().unwrap_or_default();
    let own = state.iam.roles.get(account);
    match own.and_then(|it| it.get(name)) {
        Some(role) => role.arn == arn && role.serves(&DELIVERY, state.iam.policies.get(account)),
        None => rests_on_story(config),
    }
}

impl Role {
    /// Whether a service may put the role on and do what it needs; `own` are the account's managed
    /// policies.
    pub(super) fn serves(&self, service: &Service, own: Option<&Policies>) -> bool {
        let trusts = |it: &Value| {
            let services = &it["Principal"];
            let is_meant =
                services == "*" || texts(&services["Service"]).any(|it| it == service.principal);
            is_meant && texts(&it["Action"]).any(|it| fits(it, "sts:assumerole"))
        };
        let trust = effects([self.trust.as_str()], trusts);
        let mut actions = service.actions.iter();
        trust.is_allowed() && actions.all(|action| self.allows(action, (service.managed, own)))
    }

    /// Whether its policies allow an action, of which AWS's managed ones are named.
    fn allows(&self, action: &str, (aws, own): (&[&str], Option<&Policies>)) -> bool {
        let acts = |it: &Value| texts(&it["Action"]).any(|it| fits(it, action));
        let managed = |arn: &SmolStr| own.and_then(|it| it.get(arn));
        let attached = self.attached.iter();
        let texts = attached.clone().filter_map(managed).map(Policy::document);
        let texts = texts.chain(self.policies.values().map(String::as_str));
        let effects = effects(texts, acts);
        let mut untold = attached.filter(|it| managed(it).is_none());
        let by_untold = untold.any(|arn| match arn.strip_prefix("arn:aws:iam::aws:policy/") {
            Some(path) => aws.contains(&path.rsplit('/').next().unwrap_or_default()),
            // An account's own, whose text nobody has told.
            None => true,
        });
        !effects.denied && (effects.allowed || by_untold)
    }
}

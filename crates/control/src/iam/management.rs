//! Whether Systems Manager may manage an instance (AWS Systems Manager User Guide, "Configure
//! instance permissions required for Systems Manager").
//!
//! The agent puts on the role of its instance's profile, which must trust EC2 and allow
//! `ssm:UpdateInstanceInformation`, as `AmazonSSMManagedInstanceCore` does; without such a one the
//! role of Default Host Management Configuration, where the account has turned that on. Of
//! statements as much is heeded as `delivery` does.

use super::delivery::Service;
use super::{Iam, profile_name, rests_on_story};
use crate::control::ControlConfig;
use crate::state::State;

/// What an agent does first of all.
const REPORTS: &[&str] = &["ssm:updateinstanceinformation"];

/// An instance's agent.
const AGENT: Service = Service {
    principal: "ec2.amazonaws.com",
    actions: REPORTS,
    managed: &[
        "AdministratorAccess",
        "AmazonEC2RoleforSSM",
        "AmazonSSMFullAccess",
        "AmazonSSMManagedInstanceCore",
        "PowerUserAccess",
    ],
};

/// Default Host Management Configuration.
const HOST_MANAGEMENT: Service = Service {
    principal: "ssm.amazonaws.com",
    actions: REPORTS,
    managed: &[
        "AdministratorAccess",
        "AmazonSSMFullAccess",
        "AmazonSSMManagedEC2InstanceDefaultPolicy",
        "AmazonSSMManagedInstanceCore",
        "PowerUserAccess",
    ],
};

/// Whether the profile of this ARN lets its instances be managed.
pub(crate) fn lets_instance_be_managed(account: &str, profile: &str, state: &State) -> bool {
    let role = state.iam.added_role(account, profile_name(profile));
    role.is_some_and(|role| state.iam.serves(account, role, &AGENT))
}

/// Whether an account's role lets the service manage all instances. `role` is its name, with or
/// without the path.
pub(crate) fn lets_host_management(
    account: &str,
    role: &str,
    state: &State,
    config: &ControlConfig,
) -> bool {
    let name = role.rsplit('/').next().unwrap_or_default();
    let own = state.iam.roles.get(account);
    match own.is_some_and(|it| it.contains_key(name)) {
        true => state.iam.serves(account, name, &HOST_MANAGEMENT),
        false => rests_on_story(config),
    }
}

impl Iam {
    fn serves(&self, account: &str, role: &str, service: &Service) -> bool {
        let role = self.roles.get(account).and_then(|it| it.get(role));
        role.is_some_and(|it| it.serves(service, self.policies.get(account)))
    }
}

//! Default Host Management Configuration: whether an account's instances in a Region are managed by
//! Systems Manager without a role of their own (AWS Systems Manager User Guide, "Managing EC2
//! instances automatically with Default Host Management Configuration"; AWS Systems Manager API
//! Reference: `UpdateServiceSetting` and its kin).
//!
//! A new account has it not, so the sandbox's have it once somebody names a role that
//! `ssm.amazonaws.com` may put on and that lets instances report. The account of a lab's story has
//! had it for long. Of the service's settings this is the only one here.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Value, json};
use smol_str::SmolStr;
use wirelab_model::{ApiError, Reply};

use super::state::HostManagement;
use crate::clock::iso8601;
use crate::control::ControlConfig;
use crate::describe::Reader;
use crate::iam;
use crate::realm::Realm;
use crate::state::State;
use crate::transaction::Transaction;

const ID: &str = "/ssm/managed-instance/default-ec2-instance-management-role";
/// The value where it is off.
const NONE: &str = "$None";
/// The role that the console makes.
const USUAL: &str = "service-role/AWSSystemsManagerDefaultEC2InstanceManagementRole";

/// Whether the account's instances in the Region are managed by it.
pub(super) fn is_managed(realm: &Realm, state: &State, config: &ControlConfig) -> bool {
    let role = role(realm, state, config);
    role != NONE && iam::lets_host_management(&realm.account, role, state, config)
}

fn role<'s>(realm: &Realm, state: &'s State, config: &ControlConfig) -> &'s str {
    match state.ssm.host_management.get(realm) {
        Some(it) => &it.role,
        None if iam::rests_on_story(config) => USUAL,
        None => NONE,
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct Named {
    setting_id: SmolStr,
}

pub(super) fn get(reader: &Reader<'_>, request: Named) -> Reply {
    check_id(&request.setting_id)?;
    Ok(json!({ "ServiceSetting": show(reader.realm(), reader.state, reader.config) }))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct Update {
    setting_id: SmolStr,
    setting_value: SmolStr,
}

pub(super) fn update(tx: &mut Transaction<'_>, request: Update) -> Reply {
    check_id(&request.setting_id)?;
    let realm = tx.realm().clone();
    let setting = HostManagement {
        role: request.setting_value,
        modified: tx.utc(),
    };
    let ssm = Arc::make_mut(&mut tx.state.ssm);
    ssm.host_management.insert(realm, setting);
    Ok(json!({}))
}

pub(super) fn reset(tx: &mut Transaction<'_>, request: Named) -> Reply {
    check_id(&request.setting_id)?;
    let realm = tx.realm().clone();
    Arc::make_mut(&mut tx.state.ssm)
        .host_management
        .remove(&realm);
    Ok(json!({ "ServiceSetting": show(&realm, tx.state, tx.config) }))
}

/// A setting is named by its path or its ARN.
fn check_id(id: &str) -> Result<(), ApiError> {
    let bare = id.rsplit_once(":servicesetting").map_or(id, |it| it.1);
    match bare == ID {
        true => Ok(()),
        false => {
            let message = "The specified service setting was not found. Either the service name or \
                           the setting has not been provisioned by the AWS service team.";
            Err(ApiError::client("ServiceSettingNotFound", message))
        }
    }
}

fn show(realm: &Realm, state: &State, config: &ControlConfig) -> Value {
    let said = state.ssm.host_management.get(realm);
    let modified = said.map_or(config.starts, |it| it.modified);
    let is_default = role(realm, state, config) == NONE && said.is_none();
    json!({
        "SettingId": ID,
        "SettingValue": role(realm, state, config),
        "LastModifiedDate": iso8601(modified),
        "ARN": format!("arn:aws:ssm:{}:{}:servicesetting{ID}", realm.region, realm.account),
        "Status": if is_default { "Default" } else { "Customized" },
    })
}

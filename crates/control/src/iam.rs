//! IAM's operations, as far as scripts need them that make a role for something else to put on:
//! that of flow logs which deliver to CloudWatch Logs (Amazon VPC User Guide, "IAM role for
//! publishing flow logs to CloudWatch Logs").
//!
//! Roles and their policies are kept and shown. Three things of what they allow are heeded: whether
//! a flow log may put its role on and write with it (`delivery`), whether Systems Manager may
//! manage an instance by its role (`management`), and who may put a role on (`trust`). In all else
//! every caller may do everything in its account. IAM is one for all Regions, so roles are of an
//! account.
//!
//! Where accounts begin empty, a role has to be made. A lab tells the story of an account that has
//! had its roles for long: one that nobody has made there is taken to be right.

mod delivery;
mod document;
mod instance_profile;
mod managed_policy;
mod management;
mod policy;
mod role;
mod statement;
mod tag;
mod trust;

pub(crate) use delivery::lets_flow_logs_write;
pub(crate) use instance_profile::profile_name;
pub(crate) use management::{lets_host_management, lets_instance_be_managed};
pub(crate) use trust::may_assume;
pub use trust::{AssumeRefusal, AssumeRequest};

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use smol_str::SmolStr;
use wirelab_model::{ApiError, Reply, UnixTime};

use crate::control::ControlConfig;
use crate::describe::Reader;
use crate::error;
use crate::operation::{
    Handler, Operation, operations, read_request, read_signature, write_request, write_signature,
};
use crate::page::page_from;
use crate::request;
use crate::transaction::Transaction;

/// Entries on a page, where nobody says how many.
const PAGE: usize = 100;

operations! {
    AddRoleToInstanceProfile Write instance_profile::add_role, [];
    AttachRolePolicy Write policy::attach, [];
    CreateInstanceProfile Write instance_profile::create, [];
    CreatePolicy Write managed_policy::create, [];
    CreatePolicyVersion Write managed_policy::create_version, [];
    CreateRole Write role::create, [];
    DeleteInstanceProfile Write instance_profile::delete, [];
    DeletePolicy Write managed_policy::delete, [];
    DeletePolicyVersion Write managed_policy::delete_version, [];
    DeleteRole Write role::delete, [];
    DeleteRolePolicy Write policy::delete, [];
    DetachRolePolicy Write policy::detach, [];
    GetInstanceProfile Read instance_profile::get, [];
    GetPolicy Read managed_policy::get, [];
    GetPolicyVersion Read managed_policy::get_version, [];
    GetRole Read role::get, [];
    GetRolePolicy Read policy::get, [];
    ListAttachedRolePolicies Read policy::list_attached, [];
    ListInstanceProfileTags Read instance_profile::list_tags, [];
    ListInstanceProfiles Read instance_profile::list, [];
    ListInstanceProfilesForRole Read instance_profile::list_of_role, [];
    ListPolicies Read managed_policy::list, [];
    ListPolicyTags Read managed_policy::list_tags, [];
    ListPolicyVersions Read managed_policy::list_versions, [];
    ListRolePolicies Read policy::list, [];
    ListRoleTags Read role::list_tags, [];
    ListRoles Read role::list, [];
    PutRolePolicy Write policy::put, [];
    RemoveRoleFromInstanceProfile Write instance_profile::remove_role, [];
    SetDefaultPolicyVersion Write managed_policy::set_default_version, [];
    TagInstanceProfile Write instance_profile::tag_profile, [];
    TagPolicy Write managed_policy::tag_policy, [];
    TagRole Write role::tag_role, [];
    UntagInstanceProfile Write instance_profile::untag_profile, [];
    UntagPolicy Write managed_policy::untag_policy, [];
    UntagRole Write role::untag_role, [];
    UpdateAssumeRolePolicy Write role::update_trust, [];
}

/// What accounts have.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Iam {
    /// Roles by account and name.
    roles: BTreeMap<SmolStr, BTreeMap<SmolStr, Role>>,
    /// Instance profiles by account and name.
    profiles: BTreeMap<SmolStr, instance_profile::Profiles>,
    /// Customer managed policies by account and ARN.
    policies: BTreeMap<SmolStr, managed_policy::Policies>,
}

/// A role.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Role {
    name: SmolStr,
    path: SmolStr,
    id: SmolStr,
    arn: SmolStr,
    created: UnixTime,
    description: Option<SmolStr>,
    max_session_duration: u32,
    /// Who may put it on.
    trust: String,
    /// Policies of its own, by name.
    policies: BTreeMap<SmolStr, String>,
    /// ARNs of policies that are attached.
    attached: Vec<SmolStr>,
    tags: tag::Tags,
}

/// Whether roles that nobody has made are there all the same.
pub(crate) const fn rests_on_story(config: &ControlConfig) -> bool {
    !config.default_vpcs
}

fn role<'r>(reader: &Reader<'r>, name: &str) -> Result<&'r Role, ApiError> {
    let own = reader.state.iam.roles.get(reader.account());
    let found = own.and_then(|it| it.get(name));
    found.ok_or_else(|| error::no_role(name))
}

fn role_mut<'t>(tx: &'t mut Transaction<'_>, name: &str) -> Result<&'t mut Role, ApiError> {
    let found = own_mut(tx).get_mut(name);
    found.ok_or_else(|| error::no_role(name))
}

fn own_mut<'t>(tx: &'t mut Transaction<'_>) -> &'t mut BTreeMap<SmolStr, Role> {
    let account = tx.owner.clone();
    tx.state.iam_mut().roles.entry(account).or_default()
}

/// 17 letters that say nothing, as those in AWS's ids do not.
fn letters_id(tx: &mut Transaction<'_>) -> String {
    letters(&tx.new_text_id("role")["role-".len()..])
}

/// Hexadecimal digits as the letters of such ids.
fn letters(hex: &str) -> String {
    let letters = hex.bytes().map(|it| match it {
        b'0'..=b'9' => char::from(it - b'0' + b'G'),
        other => char::from(other.to_ascii_uppercase()),
    });
    letters.collect()
}

/// A page of a list, of which each entry has its key.
fn page<T>(
    member: &str,
    items: impl IntoIterator<Item = (SmolStr, T)>,
    (marker, most): (Option<&SmolStr>, Option<usize>),
    show: impl Fn(T) -> Value,
) -> Reply {
    let limit = most.unwrap_or(PAGE).clamp(1, 1000);
    let page = page_from(items, marker, limit);
    let (items, next) = page.ok_or_else(|| error::iam_validation("Invalid Marker."))?;
    Ok(json!({
        member: items.map(show).collect::<Vec<_>>(),
        "IsTruncated": next.is_some(),
        "Marker": next,
    }))
}

fn check_path(path: &str) -> Result<(), ApiError> {
    match path.starts_with('/') && path.ends_with('/') {
        true => Ok(()),
        false => Err(error::iam_validation(
            "The specified value for path is invalid. It must begin and end with /",
        )),
    }
}

/// A name of letters, digits and `_+=,.@-`.
fn check_name(member: &str, name: &str, longest: usize) -> Result<(), ApiError> {
    let fits = |it: char| it.is_ascii_alphanumeric() || "_+=,.@-".contains(it);
    match (1..=longest).contains(&name.len()) && name.chars().all(fits) {
        true => Ok(()),
        false => Err(error::iam_validation(format_args!(
            "The specified value for {member} is invalid. It must contain only alphanumeric \
             characters and/or the following: +=,.@_- and have 1 to {longest} of them"
        ))),
    }
}

//! Roles.

use serde::Deserialize;
use serde_json::{Value, json};
use smol_str::{SmolStr, format_smolstr};
use wirelab_model::{Reply, percent_encoded};

use super::document::check_trust;
use super::tag::{self, Tag};
use super::{Role, check_name, check_path, letters_id, own_mut, page, role, role_mut};
use crate::clock::iso8601;
use crate::describe::Reader;
use crate::error;
use crate::transaction::Transaction;
use crate::view::done;

/// So many an account has.
const AT_MOST: usize = 1000;
/// Seconds for which a role can be put on.
const HOUR: u32 = 3600;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct Create {
    role_name: SmolStr,
    assume_role_policy_document: String,
    path: Option<SmolStr>,
    description: Option<SmolStr>,
    max_session_duration: Option<u32>,
    #[serde(default)]
    tags: Vec<Tag>,
}

pub(super) fn create(tx: &mut Transaction<'_>, request: Create) -> Reply {
    let name = request.role_name;
    check_name("roleName", &name, 64)?;
    check_trust(&request.assume_role_policy_document)?;
    let path = request.path.unwrap_or_else(|| "/".into());
    check_path(&path)?;
    let longest = request.max_session_duration.unwrap_or(HOUR);
    if !(HOUR..=12 * HOUR).contains(&longest) {
        return Err(error::iam_validation(
            "maxSessionDuration must be 3600 to 43200",
        ));
    }
    let id = letters_id(tx);
    let (created, owner) = (tx.utc(), tx.owner.clone());
    let roles = own_mut(tx);
    if roles.contains_key(&name) {
        return Err(error::role_exists(&name));
    }
    if roles.len() >= AT_MOST {
        return Err(error::iam_limit("RolesPerAccount", AT_MOST));
    }
    let role = Role {
        id: format_smolstr!("AROA{id}"),
        arn: format_smolstr!("arn:aws:iam::{owner}:role{path}{name}"),
        name: name.clone(),
        path,
        created,
        description: request.description,
        max_session_duration: longest,
        trust: request.assume_role_policy_document,
        policies: std::collections::BTreeMap::new(),
        attached: Vec::new(),
        tags: tag::of_new(request.tags),
    };
    let shown = show(&role);
    roles.insert(name, role);
    Ok(json!({ "Role": shown }))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct Named {
    role_name: SmolStr,
}

pub(super) fn get(reader: &Reader<'_>, request: Named) -> Reply {
    Ok(json!({ "Role": show(role(reader, &request.role_name)?) }))
}

pub(super) fn delete(tx: &mut Transaction<'_>, request: Named) -> Reply {
    let role = role_mut(tx, &request.role_name)?;
    if !role.policies.is_empty() {
        return Err(error::role_in_use("must delete policies first"));
    }
    if !role.attached.is_empty() {
        return Err(error::role_in_use("must detach all policies first"));
    }
    if tx.state.iam.is_in_profile(&tx.owner, &request.role_name) {
        return Err(error::role_in_use(
            "must remove roles from instance profile first",
        ));
    }
    own_mut(tx).remove(&request.role_name);
    Ok(done())
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct UpdateTrust {
    role_name: SmolStr,
    policy_document: String,
}

pub(super) fn update_trust(tx: &mut Transaction<'_>, request: UpdateTrust) -> Reply {
    check_trust(&request.policy_document)?;
    role_mut(tx, &request.role_name)?.trust = request.policy_document;
    Ok(done())
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct List {
    path_prefix: Option<SmolStr>,
    marker: Option<SmolStr>,
    max_items: Option<usize>,
}

/// By name. Descriptions and tags are left out, as in IAM's lists.
pub(super) fn list(reader: &Reader<'_>, request: List) -> Reply {
    let prefix = request.path_prefix.unwrap_or_else(|| "/".into());
    let own = reader.state.iam.roles.get(reader.account());
    let roles = own.into_iter().flat_map(|it| it.values());
    let roles = roles.filter(|it| it.path.starts_with(prefix.as_str()));
    let roles = roles.map(|it| (it.name.clone(), it));
    let asked = (request.marker.as_ref(), request.max_items);
    page("Roles", roles, asked, |it| {
        let mut shown = show(it);
        if let Some(members) = shown.as_object_mut() {
            members.remove("Tags");
        }
        shown
    })
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct OfRole {
    role_name: SmolStr,
    /// All are on one page.
    #[serde(rename = "Marker")]
    _marker: Option<SmolStr>,
    #[serde(rename = "MaxItems")]
    _max_items: Option<usize>,
}

pub(super) fn list_tags(reader: &Reader<'_>, request: OfRole) -> Reply {
    let role = role(reader, &request.role_name)?;
    Ok(json!({ "Tags": tag::shown(&role.tags), "IsTruncated": false }))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct TagRole {
    role_name: SmolStr,
    tags: Vec<Tag>,
}

pub(super) fn tag_role(tx: &mut Transaction<'_>, request: TagRole) -> Reply {
    let role = role_mut(tx, &request.role_name)?;
    tag::add(&mut role.tags, request.tags, "TagsPerRole")
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct UntagRole {
    role_name: SmolStr,
    tag_keys: Vec<SmolStr>,
}

pub(super) fn untag_role(tx: &mut Transaction<'_>, request: UntagRole) -> Reply {
    let role = role_mut(tx, &request.role_name)?;
    tag::remove(&mut role.tags, &request.tag_keys)
}

pub(super) fn show(role: &Role) -> Value {
    let tags = tag::shown(&role.tags);
    json!({
        "Path": role.path,
        "RoleName": role.name,
        "RoleId": role.id,
        "Arn": role.arn,
        "CreateDate": iso8601(role.created),
        "AssumeRolePolicyDocument": percent_encoded(&role.trust),
        "Description": role.description,
        "MaxSessionDuration": role.max_session_duration,
        "Tags": (!tags.is_empty()).then_some(tags),
    })
}

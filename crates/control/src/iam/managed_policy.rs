//! Policies that stand by themselves, in up to five versions (IAM User Guide, "Managed policies and
//! inline policies", "Versioning IAM policies").
//!
//! An account's own are kept. Of AWS's the texts are not here: they can be attached, and no more.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use smol_str::{SmolStr, format_smolstr};
use wirelab_model::{ApiError, Reply, UnixTime, percent_encoded};

use super::document::check_identity;
use super::tag::{self, Tag};
use super::{check_name, check_path, letters_id, page};
use crate::clock::iso8601;
use crate::describe::Reader;
use crate::error;
use crate::transaction::Transaction;
use crate::view::done;

/// Versions of a policy, customer managed policies of an account, at most (IAM User Guide, "IAM and
/// AWS STS quotas").
const VERSIONS_AT_MOST: usize = 5;
const AT_MOST: usize = 1500;

/// Those of an account, by ARN.
pub(super) type Policies = BTreeMap<SmolStr, Policy>;

/// A customer managed policy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Policy {
    name: SmolStr,
    id: SmolStr,
    path: SmolStr,
    created: UnixTime,
    updated: UnixTime,
    description: Option<SmolStr>,
    versions: BTreeMap<u32, Version>,
    /// The version that counts.
    default: u32,
    /// Versions are numbered on.
    last: u32,
    tags: tag::Tags,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Version {
    document: String,
    created: UnixTime,
}

impl Policy {
    /// The text that counts.
    pub(super) fn document(&self) -> &str {
        let version = self.versions.get(&self.default);
        version.map_or("", |it| &it.document)
    }

    fn version(&self, arn: &str, id: &str) -> Result<(u32, &Version), ApiError> {
        let number = id.strip_prefix('v').and_then(|it| it.parse().ok());
        let found = number.and_then(|it| Some((it, self.versions.get(&it)?)));
        found.ok_or_else(|| error::no_policy_version(arn, id))
    }

    fn show_version(&self, number: u32, with_document: bool) -> Value {
        let version = &self.versions[&number];
        let document = with_document.then(|| percent_encoded(&version.document));
        json!({
            "Document": document,
            "VersionId": format!("v{number}"),
            "IsDefaultVersion": number == self.default,
            "CreateDate": iso8601(version.created),
        })
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct Create {
    policy_name: SmolStr,
    path: Option<SmolStr>,
    policy_document: String,
    description: Option<SmolStr>,
    #[serde(default)]
    tags: Vec<Tag>,
}

pub(super) fn create(tx: &mut Transaction<'_>, request: Create) -> Reply {
    let name = request.policy_name;
    check_name("policyName", &name, 128)?;
    check_identity(&request.policy_document)?;
    let path = request.path.unwrap_or_else(|| "/".into());
    check_path(&path)?;
    let arn = format_smolstr!("arn:aws:iam::{}:policy{path}{name}", tx.owner);
    let id = letters_id(tx);
    let created = tx.utc();
    let own = own_mut(tx);
    if own.values().any(|it| it.name.eq_ignore_ascii_case(&name)) {
        return Err(error::policy_exists(&name));
    }
    if own.len() >= AT_MOST {
        return Err(error::iam_limit("PoliciesPerAccount", AT_MOST));
    }
    let document = request.policy_document;
    let policy = Policy {
        name,
        id: format_smolstr!("ANPA{id}"),
        path,
        created,
        updated: created,
        description: request.description,
        versions: BTreeMap::from([(1, Version { document, created })]),
        default: 1,
        last: 1,
        tags: tag::of_new(request.tags),
    };
    let shown = show(&arn, &policy, 0);
    own.insert(arn, policy);
    Ok(json!({ "Policy": shown }))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct Named {
    policy_arn: SmolStr,
}

pub(super) fn get(reader: &Reader<'_>, request: Named) -> Reply {
    let policy = policy(reader, &request.policy_arn)?;
    let attached = attached_to(reader, &request.policy_arn).count();
    let mut shown = show(&request.policy_arn, policy, attached);
    shown["Description"] = json!(policy.description);
    let tags = tag::shown(&policy.tags);
    shown["Tags"] = json!((!tags.is_empty()).then_some(tags));
    Ok(json!({ "Policy": shown }))
}

pub(super) fn delete(tx: &mut Transaction<'_>, request: Named) -> Reply {
    let arn = request.policy_arn;
    let roles = tx.state.iam.roles.get(&tx.owner).into_iter().flatten();
    let is_attached = roles.into_iter().any(|(_, it)| it.attached.contains(&arn));
    let policy = policy_mut(tx, &arn)?;
    if is_attached {
        return Err(error::role_in_use("must detach all policies first"));
    }
    if policy.versions.len() > 1 {
        return Err(error::role_in_use(
            "must delete all non-default versions first",
        ));
    }
    own_mut(tx).remove(&arn);
    Ok(done())
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct CreateVersion {
    policy_arn: SmolStr,
    policy_document: String,
    #[serde(default)]
    set_as_default: bool,
}

pub(super) fn create_version(tx: &mut Transaction<'_>, request: CreateVersion) -> Reply {
    check_identity(&request.policy_document)?;
    let created = tx.utc();
    let policy = policy_mut(tx, &request.policy_arn)?;
    if policy.versions.len() >= VERSIONS_AT_MOST {
        return Err(error::iam_limit("VersionsPerPolicy", VERSIONS_AT_MOST));
    }
    let document = request.policy_document;
    policy.last += 1;
    policy
        .versions
        .insert(policy.last, Version { document, created });
    if request.set_as_default {
        policy.default = policy.last;
    }
    policy.updated = created;
    Ok(json!({ "PolicyVersion": policy.show_version(policy.last, false) }))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct OfVersion {
    policy_arn: SmolStr,
    version_id: SmolStr,
}

pub(super) fn get_version(reader: &Reader<'_>, request: OfVersion) -> Reply {
    let policy = policy(reader, &request.policy_arn)?;
    let (number, _) = policy.version(&request.policy_arn, &request.version_id)?;
    Ok(json!({ "PolicyVersion": policy.show_version(number, true) }))
}

pub(super) fn delete_version(tx: &mut Transaction<'_>, request: OfVersion) -> Reply {
    let policy = policy_mut(tx, &request.policy_arn)?;
    let (number, _) = policy.version(&request.policy_arn, &request.version_id)?;
    if number == policy.default {
        return Err(error::role_in_use(
            "cannot delete the default version of a policy",
        ));
    }
    policy.versions.remove(&number);
    Ok(done())
}

pub(super) fn set_default_version(tx: &mut Transaction<'_>, request: OfVersion) -> Reply {
    let updated = tx.utc();
    let policy = policy_mut(tx, &request.policy_arn)?;
    let (number, _) = policy.version(&request.policy_arn, &request.version_id)?;
    (policy.default, policy.updated) = (number, updated);
    Ok(done())
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct OfPolicy {
    policy_arn: SmolStr,
    /// All are on one page.
    #[serde(rename = "Marker")]
    _marker: Option<SmolStr>,
    #[serde(rename = "MaxItems")]
    _max_items: Option<usize>,
}

/// Newest first.
pub(super) fn list_versions(reader: &Reader<'_>, request: OfPolicy) -> Reply {
    let policy = policy(reader, &request.policy_arn)?;
    let numbers = policy.versions.keys().rev();
    let versions = numbers.map(|it| policy.show_version(*it, false));
    Ok(json!({ "Versions": versions.collect::<Vec<_>>(), "IsTruncated": false }))
}

pub(super) fn list_tags(reader: &Reader<'_>, request: OfPolicy) -> Reply {
    let policy = policy(reader, &request.policy_arn)?;
    Ok(json!({ "Tags": tag::shown(&policy.tags), "IsTruncated": false }))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct TagPolicy {
    policy_arn: SmolStr,
    tags: Vec<Tag>,
}

pub(super) fn tag_policy(tx: &mut Transaction<'_>, request: TagPolicy) -> Reply {
    let policy = policy_mut(tx, &request.policy_arn)?;
    tag::add(&mut policy.tags, request.tags, "TagsPerPolicy")
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct UntagPolicy {
    policy_arn: SmolStr,
    tag_keys: Vec<SmolStr>,
}

pub(super) fn untag_policy(tx: &mut Transaction<'_>, request: UntagPolicy) -> Reply {
    let policy = policy_mut(tx, &request.policy_arn)?;
    tag::remove(&mut policy.tags, &request.tag_keys)
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct List {
    scope: Option<SmolStr>,
    #[serde(default)]
    only_attached: bool,
    path_prefix: Option<SmolStr>,
    marker: Option<SmolStr>,
    max_items: Option<usize>,
}

/// The account's own; AWS's are not listed.
pub(super) fn list(reader: &Reader<'_>, request: List) -> Reply {
    let prefix = request.path_prefix.unwrap_or_else(|| "/".into());
    let is_own = request.scope.is_none_or(|it| it != "AWS");
    let own = reader.state.iam.policies.get(reader.account());
    let own = own.filter(|_| is_own).into_iter().flatten();
    let counted = own.map(|(arn, it)| (arn, it, attached_to(reader, arn).count()));
    let counted = counted
        .filter(|(_, it, attached)| {
            it.path.starts_with(prefix.as_str()) && (*attached > 0 || !request.only_attached)
        })
        .map(|(arn, it, attached)| (arn.clone(), (arn, it, attached)));
    let asked = (request.marker.as_ref(), request.max_items);
    page("Policies", counted, asked, |(arn, it, attached)| {
        show(arn, it, attached)
    })
}

fn policy<'r>(reader: &Reader<'r>, arn: &str) -> Result<&'r Policy, ApiError> {
    let own = reader.state.iam.policies.get(reader.account());
    let found = own.and_then(|it| it.get(arn));
    found.ok_or_else(|| error::no_policy(arn))
}

fn policy_mut<'t>(tx: &'t mut Transaction<'_>, arn: &str) -> Result<&'t mut Policy, ApiError> {
    let found = own_mut(tx).get_mut(arn);
    found.ok_or_else(|| error::no_policy(arn))
}

fn own_mut<'t>(tx: &'t mut Transaction<'_>) -> &'t mut Policies {
    let account = tx.owner.clone();
    tx.state.iam_mut().policies.entry(account).or_default()
}

/// The roles that a policy is attached to.
fn attached_to<'r>(reader: &Reader<'r>, arn: &str) -> impl Iterator<Item = &'r SmolStr> {
    let roles = reader.state.iam.roles.get(reader.account());
    let roles = roles.into_iter().flatten();
    roles.filter_map(move |(name, role)| {
        let mut attached = role.attached.iter();
        attached.any(|it| it == arn).then_some(name)
    })
}

fn show(arn: &str, policy: &Policy, attached: usize) -> Value {
    json!({
        "PolicyName": policy.name,
        "PolicyId": policy.id,
        "Arn": arn,
        "Path": policy.path,
        "DefaultVersionId": format!("v{}", policy.default),
        "AttachmentCount": attached,
        "PermissionsBoundaryUsageCount": 0,
        "IsAttachable": true,
        "CreateDate": iso8601(policy.created),
        "UpdateDate": iso8601(policy.updated),
    })
}

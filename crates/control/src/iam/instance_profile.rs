//! Instance profiles: what an instance is given so that it has a role (IAM User Guide, "Use
//! instance profiles"). A profile has one role at most.
//!
//! Where accounts begin empty, an instance is started with a profile that somebody has made. In a
//! lab one that nobody has made has the role of its name, as the console makes both.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use smol_str::{SmolStr, format_smolstr};
use wirelab_model::{ApiError, IamInstanceProfile, IdSource, Reply, UnixTime};

use super::tag::{self, Tag, Tags};
use super::{Iam, check_name, letters, letters_id, page, rests_on_story, role};
use crate::clock::iso8601;
use crate::control::ControlConfig;
use crate::describe::Reader;
use crate::error;
use crate::transaction::Transaction;
use crate::view::done;

/// Profiles of an account by name.
pub(super) type Profiles = BTreeMap<SmolStr, Profile>;

/// A profile.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Profile {
    name: SmolStr,
    path: SmolStr,
    id: SmolStr,
    arn: SmolStr,
    created: UnixTime,
    role: Option<SmolStr>,
    tags: Tags,
}

/// The name at the end of a profile's ARN.
pub(crate) fn profile_name(arn: &str) -> &str {
    arn.rsplit('/').next().unwrap_or(arn)
}

impl Iam {
    /// The role of an account's profile; in a lab of one that nobody has made the one of its name.
    pub(crate) fn role_of_profile(
        &self,
        account: &str,
        name: &str,
        config: &ControlConfig,
    ) -> Option<SmolStr> {
        let own = self.profiles.get(account);
        match own.and_then(|it| it.get(name)) {
            Some(profile) => profile.role.clone(),
            None => rests_on_story(config).then(|| name.into()),
        }
    }

    /// An account's profile as instances have it, be it made or told of.
    pub(crate) fn profile(
        &self,
        account: &str,
        name: &str,
        config: &ControlConfig,
    ) -> IamInstanceProfile {
        let own = self.profiles.get(account);
        if let Some(made) = own.and_then(|it| it.get(name)) {
            return IamInstanceProfile {
                arn: made.arn.clone(),
                id: made.id.clone(),
            };
        }
        let hex = config
            .ids
            .hex17(account, "", "AIPA", &IdSource::Named(name));
        IamInstanceProfile {
            arn: format_smolstr!("arn:aws:iam::{account}:instance-profile/{name}"),
            id: format_smolstr!("AIPA{}", letters(&hex)),
        }
    }

    /// Whether the account has such a profile.
    pub(crate) fn has_profile(&self, account: &str, name: &str) -> bool {
        let own = self.profiles.get(account);
        own.is_some_and(|it| it.contains_key(name))
    }

    /// The role that somebody has added to a profile.
    pub(super) fn added_role(&self, account: &str, profile: &str) -> Option<&SmolStr> {
        self.profiles.get(account)?.get(profile)?.role.as_ref()
    }

    /// Whether a profile of the account has the role.
    pub(super) fn is_in_profile(&self, account: &str, role: &str) -> bool {
        let own = self.profiles.get(account).into_iter();
        let mut all = own.flat_map(|it| it.values());
        all.any(|it| it.role.as_deref() == Some(role))
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct Create {
    instance_profile_name: SmolStr,
    path: Option<SmolStr>,
    #[serde(default)]
    tags: Vec<Tag>,
}

pub(super) fn create(tx: &mut Transaction<'_>, request: Create) -> Reply {
    let name = request.instance_profile_name;
    check_name("instanceProfileName", &name, 128)?;
    let path = request.path.unwrap_or_else(|| "/".into());
    let id = format_smolstr!("AIPA{}", letters_id(tx));
    let (created, owner) = (tx.utc(), tx.owner.clone());
    let profiles = tx
        .state
        .iam_mut()
        .profiles
        .entry(owner.clone())
        .or_default();
    if profiles.contains_key(&name) {
        return Err(error::profile_exists(&name));
    }
    let profile = Profile {
        arn: format_smolstr!("arn:aws:iam::{owner}:instance-profile{path}{name}"),
        name: name.clone(),
        path,
        id,
        created,
        role: None,
        tags: tag::of_new(request.tags),
    };
    profiles.insert(name, profile.clone());
    Ok(json!({ "InstanceProfile": show(&profile, None) }))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct Named {
    instance_profile_name: SmolStr,
}

pub(super) fn get(reader: &Reader<'_>, request: Named) -> Reply {
    let profile = profile(reader, &request.instance_profile_name)?;
    Ok(json!({ "InstanceProfile": show(profile, Some(reader)) }))
}

fn profile<'r>(reader: &Reader<'r>, name: &str) -> Result<&'r Profile, ApiError> {
    let own = reader.state.iam.profiles.get(reader.account());
    let found = own.and_then(|it| it.get(name));
    found.ok_or_else(|| error::no_profile(name))
}

fn profile_mut<'t>(tx: &'t mut Transaction<'_>, name: &str) -> Result<&'t mut Profile, ApiError> {
    let owner = tx.owner.clone();
    let profiles = tx.state.iam_mut().profiles.entry(owner).or_default();
    profiles
        .get_mut(name)
        .ok_or_else(|| error::no_profile(name))
}

pub(super) fn delete(tx: &mut Transaction<'_>, request: Named) -> Reply {
    let name = request.instance_profile_name;
    if profile_mut(tx, &name)?.role.is_some() {
        return Err(error::role_in_use(
            "must remove roles from instance profile first",
        ));
    }
    let owner = tx.owner.clone();
    let profiles = tx.state.iam_mut().profiles.entry(owner).or_default();
    profiles.remove(&name);
    Ok(done())
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct WithRole {
    instance_profile_name: SmolStr,
    role_name: SmolStr,
}

pub(super) fn add_role(tx: &mut Transaction<'_>, request: WithRole) -> Reply {
    super::role_mut(tx, &request.role_name)?;
    let profile = profile_mut(tx, &request.instance_profile_name)?;
    if profile.role.is_some() {
        return Err(error::iam_limit("InstanceSessionsPerInstanceProfile", 1));
    }
    profile.role = Some(request.role_name);
    Ok(done())
}

pub(super) fn remove_role(tx: &mut Transaction<'_>, request: WithRole) -> Reply {
    let profile = profile_mut(tx, &request.instance_profile_name)?;
    if profile.role.as_ref() != Some(&request.role_name) {
        return Err(error::no_role(&request.role_name));
    }
    profile.role = None;
    Ok(done())
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct TagProfile {
    instance_profile_name: SmolStr,
    tags: Vec<Tag>,
}

pub(super) fn tag_profile(tx: &mut Transaction<'_>, request: TagProfile) -> Reply {
    let profile = profile_mut(tx, &request.instance_profile_name)?;
    tag::add(&mut profile.tags, request.tags, "TagsPerInstanceProfile")
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct UntagProfile {
    instance_profile_name: SmolStr,
    tag_keys: Vec<SmolStr>,
}

pub(super) fn untag_profile(tx: &mut Transaction<'_>, request: UntagProfile) -> Reply {
    let profile = profile_mut(tx, &request.instance_profile_name)?;
    tag::remove(&mut profile.tags, &request.tag_keys)
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct TagsOf {
    instance_profile_name: SmolStr,
    /// All are on one page.
    #[serde(rename = "Marker")]
    _marker: Option<SmolStr>,
    #[serde(rename = "MaxItems")]
    _max_items: Option<usize>,
}

pub(super) fn list_tags(reader: &Reader<'_>, request: TagsOf) -> Reply {
    let profile = profile(reader, &request.instance_profile_name)?;
    Ok(json!({ "Tags": tag::shown(&profile.tags), "IsTruncated": false }))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct List {
    path_prefix: Option<SmolStr>,
    marker: Option<SmolStr>,
    max_items: Option<usize>,
}

pub(super) fn list(reader: &Reader<'_>, request: List) -> Reply {
    let prefix = request.path_prefix.unwrap_or_else(|| "/".into());
    let fits = |it: &Profile| it.path.starts_with(prefix.as_str());
    listed(reader, fits, (request.marker.as_ref(), request.max_items))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct OfRole {
    role_name: SmolStr,
    marker: Option<SmolStr>,
    max_items: Option<usize>,
}

pub(super) fn list_of_role(reader: &Reader<'_>, request: OfRole) -> Reply {
    role(reader, &request.role_name)?;
    let fits = |it: &Profile| it.role.as_ref() == Some(&request.role_name);
    listed(reader, fits, (request.marker.as_ref(), request.max_items))
}

fn listed(
    reader: &Reader<'_>,
    fits: impl Fn(&Profile) -> bool,
    asked: (Option<&SmolStr>, Option<usize>),
) -> Reply {
    let own = reader.state.iam.profiles.get(reader.account());
    let all = own.into_iter().flat_map(|it| it.values());
    let all = all.filter(|it| fits(it)).map(|it| (it.name.clone(), it));
    page("InstanceProfiles", all, asked, |it| show(it, Some(reader)))
}

/// A profile with its role, which a new one has not.
fn show(profile: &Profile, reader: Option<&Reader<'_>>) -> Value {
    let its = profile.role.as_deref().zip(reader);
    let its = its.and_then(|(name, reader)| role(reader, name).ok());
    let roles: Vec<Value> = its.into_iter().map(role::show).collect();
    json!({
        "Path": profile.path,
        "InstanceProfileName": profile.name,
        "InstanceProfileId": profile.id,
        "Arn": profile.arn,
        "CreateDate": iso8601(profile.created),
        "Roles": roles,
        "Tags": tag::shown(&profile.tags),
    })
}

//! Tags of log groups and destinations, by name and by ARN.

use serde::Deserialize;
use serde_json::json;
use smol_str::SmolStr;
use wirelab_model::{ApiError, Reply};

use super::{arn, group, group_mut, name_of, own, own_mut};
use crate::describe::Reader;
use crate::error;
use crate::realm::Realm;
use crate::tags::{AT_MOST, Tags, fits};
use crate::transaction::Transaction;
use crate::view::done;

/// Refuses tags that are too many, too long or AWS's own.
pub(super) fn check(tags: &Tags) -> Result<(), ApiError> {
    if tags.len() > AT_MOST {
        return Err(error::log_tag_limit());
    }
    match tags.iter().all(|(key, value)| fits(key, value)) {
        true => Ok(()),
        false => Err(error::log_parameter(
            "A tag has a key of 1 to 128 characters, not beginning with aws:, and a value of at \
             most 256.",
        )),
    }
}

fn add(to: &mut Tags, tags: Tags) -> Reply {
    check(&tags)?;
    to.extend(tags);
    check(to)?;
    Ok(done())
}

fn remove(from: &mut Tags, keys: &[SmolStr]) -> Reply {
    from.retain(|key, _| !keys.contains(key));
    Ok(done())
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct TagGroup {
    log_group_name: SmolStr,
    tags: Tags,
}

pub(super) fn tag_group(tx: &mut Transaction<'_>, request: TagGroup) -> Reply {
    add(
        &mut group_mut(tx, &request.log_group_name)?.tags,
        request.tags,
    )
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct UntagGroup {
    log_group_name: SmolStr,
    tags: Vec<SmolStr>,
}

pub(super) fn untag_group(tx: &mut Transaction<'_>, request: UntagGroup) -> Reply {
    remove(
        &mut group_mut(tx, &request.log_group_name)?.tags,
        &request.tags,
    )
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct ListOfGroup {
    log_group_name: SmolStr,
}

pub(super) fn list_of_group(reader: &Reader<'_>, request: ListOfGroup) -> Reply {
    Ok(json!({ "tags": group(reader, &request.log_group_name)?.tags }))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct TagResource {
    resource_arn: SmolStr,
    tags: Tags,
}

pub(super) fn tag_resource(tx: &mut Transaction<'_>, request: TagResource) -> Reply {
    add(tags_mut(tx, &request.resource_arn)?, request.tags)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct UntagResource {
    resource_arn: SmolStr,
    tag_keys: Vec<SmolStr>,
}

pub(super) fn untag_resource(tx: &mut Transaction<'_>, request: UntagResource) -> Reply {
    remove(tags_mut(tx, &request.resource_arn)?, &request.tag_keys)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct ListForResource {
    resource_arn: SmolStr,
}

pub(super) fn list_for_resource(reader: &Reader<'_>, request: ListForResource) -> Reply {
    let realm = reader.realm();
    let tags = match destination_name(&request.resource_arn, realm) {
        Some(name) => {
            let destination = own(reader).and_then(|it| it.destinations.get(name));
            &destination.ok_or_else(error::no_log_resource)?.tags
        }
        None => &group(reader, name_of(&request.resource_arn, realm)?)?.tags,
    };
    Ok(json!({ "tags": tags }))
}

/// The tags of what an ARN names.
fn tags_mut<'t>(tx: &'t mut Transaction<'_>, resource: &str) -> Result<&'t mut Tags, ApiError> {
    let realm = tx.realm().clone();
    match destination_name(resource, &realm) {
        Some(name) => {
            let destination = own_mut(tx).destinations.get_mut(name);
            Ok(&mut destination.ok_or_else(error::no_log_resource)?.tags)
        }
        None => Ok(&mut group_mut(tx, name_of(resource, &realm)?)?.tags),
    }
}

fn destination_name<'a>(resource: &'a str, realm: &Realm) -> Option<&'a str> {
    resource.strip_prefix(arn(realm, "destination:").as_str())
}

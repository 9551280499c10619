//! Tags of alarms (Amazon CloudWatch API Reference: `TagResource` and its kin).

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value, json};
use smol_str::{SmolStr, format_smolstr};
use wirelab_model::{ApiError, Reply};

use super::alarm::{is_there, own_mut};
use crate::describe::Reader;
use crate::error;
use crate::realm::Realm;
use crate::transaction::Transaction;
use crate::view::done;

/// Tags by key.
pub(super) type Tags = BTreeMap<SmolStr, SmolStr>;

/// So many an alarm has.
const AT_MOST: usize = 50;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct Tag {
    key: SmolStr,
    value: SmolStr,
}

/// The tags with those of a call.
pub(super) fn with(mut tags: Tags, added: Vec<Tag>) -> Result<Tags, ApiError> {
    for tag in added {
        let fits = (1..=128).contains(&tag.key.chars().count())
            && tag.value.chars().count() <= 256
            && !tag.key.starts_with("aws:");
        if !fits {
            return Err(error::alarm_validation(
                "A tag has a key of 1 to 128 characters, not beginning with aws:, and a value of \
                 at most 256.",
            ));
        }
        tags.insert(tag.key, tag.value);
    }
    match tags.len() > AT_MOST {
        true => Err(error::alarm_validation("An alarm has at most 50 tags.")),
        false => Ok(tags),
    }
}

/// The name in an alarm's ARN.
fn name_in(arn: &str, realm: &Realm) -> Result<SmolStr, ApiError> {
    let (account, region) = (&realm.account, &realm.region);
    let head = format_smolstr!("arn:aws:cloudwatch:{region}:{account}:alarm:");
    let name = arn.strip_prefix(head.as_str());
    name.map(SmolStr::from)
        .ok_or_else(error::no_metric_resource)
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct TagResource {
    #[serde(rename = "ResourceARN")]
    resource_arn: SmolStr,
    tags: Vec<Tag>,
}

pub(super) fn tag_resource(tx: &mut Transaction<'_>, request: TagResource) -> Reply {
    let tags = tags_mut(tx, &request.resource_arn)?;
    *tags = with(std::mem::take(tags), request.tags)?;
    Ok(done())
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct UntagResource {
    #[serde(rename = "ResourceARN")]
    resource_arn: SmolStr,
    tag_keys: Vec<SmolStr>,
}

pub(super) fn untag_resource(tx: &mut Transaction<'_>, request: UntagResource) -> Reply {
    let keys = &request.tag_keys;
    tags_mut(tx, &request.resource_arn)?.retain(|key, _| !keys.contains(key));
    Ok(done())
}

fn tags_mut<'t>(tx: &'t mut Transaction<'_>, arn: &str) -> Result<&'t mut Tags, ApiError> {
    let name = name_in(arn, tx.realm())?;
    let own = own_mut(tx);
    match is_there(own, &name) {
        true => Ok(own.tags.entry(name).or_default()),
        false => Err(error::no_metric_resource()),
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct ListTags {
    #[serde(rename = "ResourceARN")]
    resource_arn: SmolStr,
}

pub(super) fn list_for_resource(reader: &Reader<'_>, request: ListTags) -> Reply {
    let name = name_in(&request.resource_arn, reader.realm())?;
    let own = reader.state.cloudwatch.0.get(reader.realm());
    let own = own.filter(|own| is_there(own, &name));
    let own = own.ok_or_else(error::no_metric_resource)?;
    let tags = own.tags.get(&name).into_iter().flatten();
    let tags: Vec<Value> = tags
        .map(|(key, value)| json!({ "Key": key, "Value": value }))
        .collect();
    Ok(json!({ "Tags": tags }))
}

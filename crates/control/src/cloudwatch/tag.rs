//! Tags of alarms (Amazon CloudWatch API Reference: `TagResource` and its kin).

use serde::Deserialize;
use serde_json::json;
use smol_str::{SmolStr, format_smolstr};
use wirelab_model::{ApiError, Reply};

use super::alarm::{is_there, own_mut};
use crate::describe::Reader;
use crate::error;
use crate::realm::Realm;
use crate::tags::{self, Tags, Unfit, UntagResource, shown};
use crate::transaction::Transaction;
use crate::view::done;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct Tag {
    key: SmolStr,
    value: SmolStr,
}

/// Adds tags to an alarm's.
pub(super) fn add(tags: &mut Tags, added: Vec<Tag>) -> Result<(), ApiError> {
    let added = added.into_iter().map(|it| (it.key, it.value));
    tags::add(tags, added).map_err(|unfit| match unfit {
        Unfit::Tag => error::alarm_validation(
            "A tag has a key of 1 to 128 characters, not beginning with aws:, and a value of at \
             most 256.",
        ),
        Unfit::Many => error::alarm_validation("An alarm has at most 50 tags."),
    })
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
    add(tags_mut(tx, &request.resource_arn)?, request.tags)?;
    Ok(done())
}

pub(super) fn untag_resource(tx: &mut Transaction<'_>, request: UntagResource) -> Reply {
    request.take_from(tags_mut(tx, &request.resource_arn)?);
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
    Ok(json!({ "Tags": tags.map(shown).collect::<Vec<_>>() }))
}

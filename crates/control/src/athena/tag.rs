//! Tags of workgroups (Amazon Athena API Reference: `TagResource` and its kin).

use serde::Deserialize;
use serde_json::json;
use smol_str::{SmolStr, format_smolstr};
use wirelab_model::{ApiError, Reply};

use super::work_group::{of_name, own_mut};
use super::{WorkGroup, invalid, page};
use crate::describe::Reader;
use crate::error;
use crate::realm::Realm;
use crate::tags::{self, AT_MOST, Unfit, UntagResource, shown};
use crate::transaction::Transaction;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct Tag {
    key: SmolStr,
    #[serde(default)]
    value: SmolStr,
}

/// Adds tags to a workgroup.
pub(super) fn add(group: &mut WorkGroup, tags: Vec<Tag>) -> Result<(), ApiError> {
    let added = tags.into_iter().map(|it| (it.key, it.value));
    tags::add(&mut group.tags, added).map_err(|unfit| match unfit {
        Unfit::Tag => invalid(
            "A tag has a key of 1 to 128 characters, not beginning with aws:, and a value of at \
             most 256",
        ),
        Unfit::Many => invalid("A workgroup has at most 50 tags"),
    })
}

/// The name in a workgroup's ARN.
fn name_in(arn: &str, realm: &Realm) -> Result<SmolStr, ApiError> {
    let (account, region) = (&realm.account, &realm.region);
    let head = format_smolstr!("arn:aws:athena:{region}:{account}:workgroup/");
    let name = arn.strip_prefix(head.as_str());
    name.map(SmolStr::from)
        .ok_or_else(|| error::no_athena_resource(arn))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct TagResource {
    #[serde(rename = "ResourceARN")]
    resource_arn: SmolStr,
    tags: Vec<Tag>,
}

pub(super) fn tag_resource(tx: &mut Transaction<'_>, request: TagResource) -> Reply {
    change(tx, &request.resource_arn, |it| add(it, request.tags))
}

pub(super) fn untag_resource(tx: &mut Transaction<'_>, request: UntagResource) -> Reply {
    change(tx, &request.resource_arn, |it| {
        request.take_from(&mut it.tags);
        Ok(())
    })
}

fn change(
    tx: &mut Transaction<'_>,
    arn: &str,
    change: impl FnOnce(&mut WorkGroup) -> Result<(), ApiError>,
) -> Reply {
    let name = name_in(arn, tx.realm())?;
    let group = of_name(tx.state, tx.config, tx.realm(), &name);
    let mut group = group.map_err(|_| error::no_athena_resource(arn))?;
    change(&mut group)?;
    own_mut(tx).work_groups.insert(name, group);
    Ok(json!({}))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct ListTags {
    #[serde(rename = "ResourceARN")]
    resource_arn: SmolStr,
    next_token: Option<SmolStr>,
    max_results: Option<usize>,
}

pub(super) fn list_for_resource(reader: &Reader<'_>, request: ListTags) -> Reply {
    let arn = &request.resource_arn;
    let name = name_in(arn, reader.realm())?;
    let group = of_name(reader.state, reader.config, reader.realm(), &name);
    let group = group.map_err(|_| error::no_athena_resource(arn))?;
    // Pages have 75 at least, and so all.
    let limit = request.max_results.map(|it| it.min(AT_MOST));
    let tags = group.tags.iter().map(|it| (it.0.clone(), it));
    page("Tags", tags, (request.next_token.as_ref(), limit), shown)
}

//! Tags of hosted zones (Amazon Route 53 API Reference: `ChangeTagsForResource` and its kin).
//! Health checks, which the actions also take, are not simulated: none is there.

use serde::Deserialize;
use serde_json::{Value, json};
use smol_str::SmolStr;
use wirelab_model::*;

use super::own_zone;
use crate::describe::Reader;
use crate::error;
use crate::transaction::Transaction;
use crate::view::tags;

/// Tags of a zone, resources and keys of a call, at most.
const AT_MOST: usize = 10;

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Kind {
    HealthCheck,
    HostedZone,
}

impl Kind {
    fn zone<'a>(
        self,
        resources: &'a Resources,
        id: &str,
        owner: &str,
    ) -> Result<&'a HostedZone, ApiError> {
        match self {
            Self::HealthCheck => Err(error::no_such_health_check(id)),
            Self::HostedZone => own_zone(resources, id, owner),
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct ChangeTags {
    resource_type: Kind,
    resource_id: SmolStr,
    #[serde(default)]
    add_tags: Vec<Tag>,
    #[serde(default)]
    remove_tag_keys: Vec<SmolStr>,
}

pub(super) fn change(tx: &mut Transaction<'_>, request: ChangeTags) -> Reply {
    let kind = request.resource_type;
    let mut zone = kind
        .zone(tx.resources(), &request.resource_id, &tx.owner)?
        .clone();
    if request.add_tags.is_empty() && request.remove_tag_keys.is_empty() {
        return Err(error::invalid_input(
            "AddTags or RemoveTagKeys must be given.",
        ));
    }
    for tag in &request.add_tags {
        let (key, value) = (tag.key.chars().count(), tag.value.chars().count());
        if !(1..=128).contains(&key) || value > 256 {
            return Err(error::invalid_input(format_args!(
                "The tag '{}' is invalid: a key has 1 to 128 characters, a value at most 256.",
                tag.key
            )));
        }
    }
    zone.tags
        .retain(|tag| !request.remove_tag_keys.contains(&tag.key));
    for tag in request.add_tags {
        zone.tags.retain(|old| old.key != tag.key);
        zone.tags.push(tag);
    }
    if zone.tags.len() > AT_MOST {
        return Err(error::invalid_input("A resource can have at most 10 tags."));
    }
    let zones = &mut tx.state.resources.hosted_zones;
    zones.insert(zone.hosted_zone_id.clone(), zone.into());
    Ok(json!({}))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct ListTags {
    resource_type: Kind,
    resource_id: SmolStr,
}

pub(super) fn list(reader: &Reader<'_>, request: ListTags) -> Reply {
    let (kind, id) = (request.resource_type, &request.resource_id);
    let zone = kind.zone(reader.resources(), id, reader.account())?;
    Ok(json!({ "ResourceTagSet": show(zone) }))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct ListTagsOfMany {
    resource_type: Kind,
    resource_ids: Vec<SmolStr>,
}

pub(super) fn list_of_many(reader: &Reader<'_>, request: ListTagsOfMany) -> Reply {
    if request.resource_ids.len() > AT_MOST {
        return Err(error::invalid_input("At most 10 resources can be named."));
    }
    let mut sets = Vec::new();
    for id in &request.resource_ids {
        let kind = request.resource_type;
        let zone = kind.zone(reader.resources(), id, reader.account())?;
        sets.push(show(zone));
    }
    Ok(json!({ "ResourceTagSets": sets }))
}

fn show(zone: &HostedZone) -> Value {
    json!({
        "ResourceType": "hostedzone",
        "ResourceId": zone.hosted_zone_id,
        "Tags": tags(&zone.tags),
    })
}

//! Tags on resources of every type (Amazon EC2 API Reference: `CreateTags` and its kin).

use std::sync::Arc;

use serde::Deserialize;
use serde_json::json;
use smol_str::SmolStr;
use wirelab_model::*;

use crate::describe::{Field, Reader};
use crate::ec2::key_pair::KeyPairs;
use crate::ec2::launch_template::LaunchTemplates;
use crate::ec2::{security_group_rule, volume};
use crate::error;
use crate::kind;
use crate::transaction::Transaction;
use crate::view::{done, one};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct CreateTags {
    resources: Vec<SmolStr>,
    tags: Vec<Tag>,
}

pub(crate) fn create_tags(tx: &mut Transaction<'_>, request: CreateTags) -> Reply {
    let quota = tx.quotas().tags_per_resource;
    check(&request.tags)?;
    for id in &request.resources {
        let mut count = 0;
        edit_tags(tx, id, |tags| {
            for tag in &request.tags {
                tags.retain(|old| old.key != tag.key);
                tags.push(tag.clone());
            }
            count = tags.len();
        })?;
        if count > quota {
            return Err(error::tag_limit(id));
        }
    }
    Ok(done())
}

/// Keys have 1 to 127 characters, values at most 256 (the service model's `Tag`); no key comes
/// twice or is of those that AWS keeps for itself.
pub(crate) fn check(tags: &[Tag]) -> Result<(), ApiError> {
    for (at, tag) in tags.iter().enumerate() {
        if is_reserved(tag) {
            return Err(error::invalid_parameter_value(format_args!(
                "Tag keys starting with 'aws:' are reserved for internal use: {}",
                tag.key
            )));
        }
        if tags[..at].iter().any(|it| it.key == tag.key) {
            return Err(error::invalid_parameter_value(format_args!(
                "Duplicate tag key '{}' specified.",
                tag.key
            )));
        }
        if !(1..=127).contains(&tag.key.chars().count()) {
            return Err(error::invalid_parameter_value(format_args!(
                "Tag key '{}' must have 1 to 127 characters",
                tag.key
            )));
        }
        if tag.value.chars().count() > 256 {
            return Err(error::invalid_parameter_value(format_args!(
                "The value of tag '{}' exceeds 256 characters",
                tag.key
            )));
        }
    }
    Ok(())
}

fn is_reserved(tag: &Tag) -> bool {
    tag.key.to_ascii_lowercase().starts_with("aws:")
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct DeleteTags {
    resources: Vec<SmolStr>,
    #[serde(default)]
    tags: Vec<TagPattern>,
}

/// A tag to delete: with a value, only if it has that value.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct TagPattern {
    key: SmolStr,
    value: Option<SmolStr>,
}

impl TagPattern {
    fn matches(&self, tag: &Tag) -> bool {
        let value = self.value.as_ref();
        self.key == tag.key && value.is_none_or(|value| *value == tag.value)
    }
}

pub(crate) fn delete_tags(tx: &mut Transaction<'_>, request: DeleteTags) -> Reply {
    for id in &request.resources {
        let goes =
            |tag: &Tag| request.tags.is_empty() || request.tags.iter().any(|it| it.matches(tag));
        edit_tags(tx, id, |tags| tags.retain(|tag| !goes(tag)))?;
    }
    Ok(done())
}

/// Applies `edit` to the tags of whatever has this id, if it is the caller's.
fn edit_tags(
    tx: &mut Transaction<'_>,
    id: &SmolStr,
    edit: impl FnOnce(&mut Vec<Tag>),
) -> Result<(), ApiError> {
    let prefix = id.rsplit_once('-').map_or("", |(prefix, _)| prefix);
    if prefix == SecurityGroupRuleId::PREFIX {
        let id = SecurityGroupRuleId::new(id.clone());
        security_group_rule::require(tx, &id)?;
        edit(tx.state.rule_tags.entry(id).or_default());
        return Ok(());
    }
    if prefix == KeyPairs::PREFIX {
        let realm = tx.realm().clone();
        let all = Arc::make_mut(&mut tx.state.key_pairs);
        let tags = all.tags_mut(&realm, id);
        edit(tags.ok_or_else(|| error::key_pair_not_found(id))?);
        return Ok(());
    }
    if prefix == LaunchTemplates::PREFIX {
        let realm = tx.realm().clone();
        let all = Arc::make_mut(&mut tx.state.launch_templates);
        let tags = all.tags_mut(&realm, id);
        edit(tags.ok_or_else(|| error::launch_template_not_found(id))?);
        return Ok(());
    }
    let is_owned = tx.owns(id);
    if prefix == "vol" {
        let tags = volume::tags_mut(tx.state, id).filter(|_| is_owned);
        edit(tags.ok_or_else(|| error::volume_not_found(id))?);
        return Ok(());
    }
    match tx.state.insights.tags_mut(id).filter(|_| is_owned) {
        Some(tags) => {
            edit(tags);
            Ok(())
        }
        None => kind::edit_tags(&mut tx.state.resources, id, is_owned, edit),
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct DescribeTags {}

type Described = (String, &'static str, Tag);

const FIELDS: &[Field<Described>] = &[
    ("resource-id", |it, _| one(&it.0)),
    ("resource-type", |it, _| one(it.1)),
    ("key", |it, _| one(&it.2.key)),
    ("value", |it, _| one(&it.2.value)),
];

pub(crate) fn describe_tags(reader: &Reader<'_>, _: DescribeTags) -> Reply {
    reader.check_filters(FIELDS)?;
    let mut all = kind::all_tags(reader.resources(), |id| reader.owns(id));
    let insights = reader.state.insights.all_tags();
    let insights = insights.filter(|(id, ..)| reader.owns(id));
    all.extend(insights);
    let pairs = reader.state.key_pairs.all_tags(reader.realm());
    all.extend(pairs.map(|(id, tags)| (id, KeyPairs::TAG_TYPE, tags)));
    let templates = reader.state.launch_templates.all_tags(reader.realm());
    all.extend(templates.map(|(id, tags)| (id, LaunchTemplates::TAG_TYPE, tags)));
    let volumes = volume::all_tags(reader.state).filter(|(id, _)| reader.owns(id));
    all.extend(volumes.map(|(id, tags)| (id, "volume", tags)));
    for group in reader.each::<SecurityGroup>() {
        let rules = group.rules.iter().map(|it| &it.security_group_rule_id);
        let tagged = rules.filter_map(|id| Some((id, reader.state.rule_tags.get(id)?)));
        all.extend(tagged.map(|(id, it)| (id.as_str(), "security-group-rule", &it[..])));
    }
    let mut chosen = Vec::new();
    for (id, resource_type, tags) in all {
        for tag in tags {
            let described = (id.to_owned(), resource_type, tag.clone());
            if reader.passes(&described, std::slice::from_ref(tag), FIELDS)? {
                chosen.push(described);
            }
        }
    }
    let all: Vec<_> = chosen.iter().collect();
    let key = |it: &Described| format!("{}/{}", it.0, it.2.key);
    reader.page("Tags", all, key, |it| {
        json!({
            "ResourceId": it.0,
            "ResourceType": it.1,
            "Key": it.2.key,
            "Value": it.2.value,
        })
    })
}

//! Tags of roles and instance profiles, in the order in which they came.

use serde::Deserialize;
use serde_json::{Value, json};
use smol_str::SmolStr;
use wirelab_model::Reply;

use crate::error;
use crate::view::done;

/// So many one has.
const AT_MOST: usize = 50;

/// Keys and values.
pub(super) type Tags = Vec<(SmolStr, SmolStr)>;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct Tag {
    key: SmolStr,
    value: SmolStr,
}

/// Adds tags; one of a key that is there takes its place. `quota` is the one of how many.
pub(super) fn add(tags: &mut Tags, added: Vec<Tag>, quota: &str) -> Reply {
    for tag in added {
        tags.retain(|(key, _)| *key != tag.key);
        tags.push((tag.key, tag.value));
    }
    match tags.len() > AT_MOST {
        true => Err(error::iam_limit(quota, AT_MOST)),
        false => Ok(done()),
    }
}

/// Those of something new.
pub(super) fn of_new(tags: Vec<Tag>) -> Tags {
    tags.into_iter().map(|it| (it.key, it.value)).collect()
}

pub(super) fn remove(tags: &mut Tags, keys: &[SmolStr]) -> Reply {
    tags.retain(|(key, _)| !keys.contains(key));
    Ok(done())
}

pub(super) fn shown(tags: &Tags) -> Vec<Value> {
    let tags = tags.iter();
    tags.map(|(key, value)| json!({ "Key": key, "Value": value }))
        .collect()
}

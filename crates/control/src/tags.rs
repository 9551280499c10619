//! Tags of services that keep them by key: Logs, CloudWatch, Athena.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value, json};
use smol_str::SmolStr;

/// Tags by key.
pub(crate) type Tags = BTreeMap<SmolStr, SmolStr>;

/// So many a resource has.
pub(crate) const AT_MOST: usize = 50;

/// Why tags cannot be added.
pub(crate) enum Unfit {
    /// One is too long, has no key, or is AWS's own.
    Tag,
    /// They would be more than [`AT_MOST`].
    Many,
}

/// Whether a tag is within the limits, and not AWS's own.
pub(crate) fn fits(key: &str, value: &str) -> bool {
    (1..=128).contains(&key.chars().count())
        && value.chars().count() <= 256
        && !key.starts_with("aws:")
}

/// Adds tags; one of a key that is there takes its place.
pub(crate) fn add(
    tags: &mut Tags,
    added: impl IntoIterator<Item = (SmolStr, SmolStr)>,
) -> Result<(), Unfit> {
    for (key, value) in added {
        if !fits(&key, &value) {
            return Err(Unfit::Tag);
        }
        tags.insert(key, value);
    }
    match tags.len() > AT_MOST {
        true => Err(Unfit::Many),
        false => Ok(()),
    }
}

/// A tag as replies have it.
pub(crate) fn shown((key, value): (&SmolStr, &SmolStr)) -> Value {
    json!({ "Key": key, "Value": value })
}

/// `UntagResource` of CloudWatch and Athena.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct UntagResource {
    #[serde(rename = "ResourceARN")]
    pub(crate) resource_arn: SmolStr,
    tag_keys: Vec<SmolStr>,
}

impl UntagResource {
    pub(crate) fn take_from(&self, tags: &mut Tags) {
        tags.retain(|key, _| !self.tag_keys.contains(key));
    }
}

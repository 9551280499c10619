//! `ListObjectVersions`: of buckets that keep no versions each object in the one that there is,
//! which is called `null` (Amazon S3 User Guide, "Listing objects in a versioning-enabled bucket").
//!
//! Terraform's `force_destroy` empties a bucket by it: it deletes each key with its version, page
//! by page. A page begins behind the version that the client names by `key-marker` and
//! `version-id-marker`.

use std::fmt::Write as _;

use wirelab_model::ApiError;

use super::list::{Entry, Page, number, shown};
use super::write::NULL;
use super::{Answer, Asked, NAMESPACE, canonical_user, checksum, moment, response};
use crate::protocol::xml::escaped;
use crate::service::Refusal;

pub(super) fn list(asked: &Asked<'_>) -> Answer {
    let bucket = asked.bucket_for("ListBucketVersions", "")?;
    check_markers(asked)?;
    let most = number(asked, "max-keys")?;
    let page = Page::of(asked, asked.of("key-marker"), most);
    let owner = canonical_user(&bucket.account);
    let mut body = format!("<ListVersionsResult xmlns=\"{NAMESPACE}\">");
    for (name, value) in head(asked, &page, most) {
        if !value.is_empty() {
            write!(body, "<{name}>{value}</{name}>").expect("a string takes it");
        }
    }
    for entry in &page.entries {
        body += &version(asked, entry, &owner)?;
    }
    for group in &page.groups {
        let group = shown(asked, group);
        body += &format!("<CommonPrefixes><Prefix>{group}</Prefix></CommonPrefixes>");
    }
    Ok(response(asked.id, &(body + "</ListVersionsResult>")))
}

fn check_markers(asked: &Asked<'_>) -> Result<(), ApiError> {
    let why = match (asked.of("key-marker"), asked.of("version-id-marker")) {
        (_, "") if asked.has("version-id-marker") => "A version-id marker cannot be empty.",
        ("", id) if !id.is_empty() => {
            "A version-id marker cannot be specified without a key marker."
        }
        (_, "" | NULL) => return Ok(()),
        _ => "Invalid version id specified",
    };
    Err(ApiError::client("InvalidArgument", why))
}

/// What a page says before its versions. One that ends in a group names no version to go on from.
fn head(asked: &Asked<'_>, page: &Page, most: usize) -> Vec<(&'static str, String)> {
    let next = page.next.as_deref().unwrap_or_default();
    let is_version = page.entries.iter().any(|it| it.key == next);
    vec![
        ("Name", escaped(&asked.bucket)),
        ("Prefix", shown(asked, asked.of("prefix"))),
        ("KeyMarker", shown(asked, asked.of("key-marker"))),
        ("VersionIdMarker", escaped(asked.of("version-id-marker"))),
        ("NextKeyMarker", shown(asked, next)),
        (
            "NextVersionIdMarker",
            if is_version { NULL } else { "" }.to_owned(),
        ),
        ("MaxKeys", most.to_string()),
        ("Delimiter", shown(asked, asked.of("delimiter"))),
        ("EncodingType", escaped(asked.of("encoding-type"))),
        ("IsTruncated", page.next.is_some().to_string()),
    ]
}

fn version(asked: &Asked<'_>, entry: &Entry, owner: &str) -> Result<String, Refusal> {
    let object = asked.store.object(&asked.bucket, &entry.key, &entry.file)?;
    let (key, checksum) = (shown(asked, &entry.key), checksum::listed(&object));
    let (time, tag, size) = (moment(object.modified), object.tag, object.size);
    Ok(format!(
        "<Version><Key>{key}</Key><VersionId>{NULL}</VersionId><IsLatest>true</IsLatest>\
         <LastModified>{time}</LastModified><ETag>{tag}</ETag>{checksum}<Size>{size}</Size>\
         <Owner><ID>{owner}</ID></Owner><StorageClass>STANDARD</StorageClass></Version>"
    ))
}

//! What buckets there are, and what is in one.
//!
//! `ListObjects` is the older form of `ListObjectsV2`: a page begins behind a key that the client
//! names, `marker`, where the newer form has tokens. A token is of nobody's making but ours: one
//! that was given for another bucket, or for none, is refused.

use std::fmt::Write as _;
use std::path::PathBuf;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};
use wirelab_model::ApiError;

use super::checksum::listed;
use super::{Answer, Asked, NAMESPACE, canonical_user, element, moment, response};
use crate::protocol::xml::escaped;
use crate::service::Refusal;

/// Keys on a page at most.
const PAGE: usize = 1000;

/// Buckets on a page at most.
const BUCKETS: usize = 10_000;

/// `ListBuckets`: the caller's own.
pub(super) fn buckets(asked: &Asked<'_>) -> Answer {
    let (prefix, region) = (asked.of("prefix"), asked.of("bucket-region"));
    let most = match asked.query.get("max-buckets") {
        None => BUCKETS,
        Some(text) => text
            .parse()
            .ok()
            .filter(|it| (1..=BUCKETS).contains(it))
            .ok_or_else(|| {
                let message =
                    format!("Argument max-buckets must be an integer between 1 and {BUCKETS}");
                ApiError::client("InvalidArgument", message)
            })?,
    };
    let after = continued(asked, "")?.unwrap_or_default();
    let names = asked.store.names().into_iter();
    let names = names.filter(|it| it.starts_with(prefix) && *it > after);
    let found = names.filter_map(|name| Some((asked.store.bucket(&name).ok()?, name)));
    let found = found.filter(|(bucket, _)| {
        let is_there = region.is_empty() || region == bucket.region;
        bucket.account == asked.caller.account.as_str() && is_there
    });
    let mut found: Vec<_> = found.take(most + 1).collect();
    let is_truncated = found.len() > most;
    found.truncate(most);
    let buckets: String = found
        .iter()
        .map(|(bucket, name)| {
            let (name, created) = (escaped(name), moment(bucket.created));
            let region = escaped(&bucket.region);
            format!(
                "<Bucket><Name>{name}</Name><CreationDate>{created}</CreationDate>\
                 <BucketRegion>{region}</BucketRegion></Bucket>"
            )
        })
        .collect();
    let owner = canonical_user(asked.caller.account.as_str());
    let mut inside = format!("<Owner><ID>{owner}</ID></Owner><Buckets>{buckets}</Buckets>");
    if let Some((_, last)) = found.last().filter(|_| is_truncated) {
        let token = token("", last);
        inside += &format!("<ContinuationToken>{token}</ContinuationToken>");
    }
    if !prefix.is_empty() {
        inside += &format!("<Prefix>{}</Prefix>", escaped(prefix));
    }
    Ok(element(asked.id, "ListAllMyBucketsResult", &inside))
}

/// The token of the page of a bucket, or of the list of buckets, that begins behind a name.
fn token(bucket: &str, last: &str) -> String {
    let mut octets = mark(bucket, last.as_bytes()).to_vec();
    octets.extend_from_slice(last.as_bytes());
    URL_SAFE_NO_PAD.encode(octets)
}

/// What tells a token from a text that somebody has made.
fn mark(bucket: &str, last: &[u8]) -> [u8; 8] {
    let mut digest = Sha256::new();
    digest.update(format!("continuation {bucket}\n"));
    digest.update(last);
    let digest = digest.finalize();
    std::array::from_fn(|at| digest[at])
}

/// The name behind which the page begins that the client wants by its token.
fn continued(asked: &Asked<'_>, bucket: &str) -> Result<Option<String>, ApiError> {
    let Some(token) = asked.query.get("continuation-token") else {
        return Ok(None);
    };
    let octets = URL_SAFE_NO_PAD.decode(token).unwrap_or_default();
    let parts = octets.split_at_checked(8);
    let last = parts.filter(|(its, last)| *its == mark(bucket, last));
    let last = last.and_then(|it| String::from_utf8(it.1.to_vec()).ok());
    last.map(Some).ok_or_else(|| {
        let message = "The continuation token provided is incorrect";
        ApiError::client("InvalidArgument", message)
    })
}

/// An object on a page.
pub(super) struct Entry {
    pub(super) key: String,
    pub(super) file: PathBuf,
}

/// Some of a bucket's objects by their keys, and groups of those with the same beginning as far as
/// the delimiter.
pub(super) struct Page {
    pub(super) entries: Vec<Entry>,
    pub(super) groups: Vec<String>,
    /// Key or group at the end of the page, if there are more.
    pub(super) next: Option<String>,
}

impl Page {
    /// What the request's prefix and delimiter ask for, behind a key or group.
    pub(super) fn of(asked: &Asked<'_>, after: &str, most: usize) -> Self {
        let (prefix, delimiter) = (asked.of("prefix"), asked.of("delimiter"));
        let mut page = Self {
            entries: Vec::new(),
            groups: Vec::new(),
            next: None,
        };
        let (mut count, mut last) = (0, String::new());
        let all = asked.store.objects(&asked.bucket);
        for (key, file) in all.into_iter().filter(|(key, _)| key.starts_with(prefix)) {
            let rest = &key[prefix.len()..];
            let group = rest.find(delimiter).filter(|_| !delimiter.is_empty());
            let name = &key[..group.map_or(key.len(), |at| prefix.len() + at + delimiter.len())];
            if name <= after || (count > 0 && name == last) {
                continue;
            }
            if count == most {
                page.next = (most > 0).then_some(last);
                break;
            }
            (count, last) = (count + 1, name.to_owned());
            match group {
                Some(_) => page.groups.push(name.to_owned()),
                None => page.entries.push(Entry { key, file }),
            }
        }
        page
    }
}

/// How many the client wants on a page.
pub(super) fn number(asked: &Asked<'_>, name: &str) -> Result<usize, ApiError> {
    match asked.of(name) {
        "" => Ok(PAGE),
        text => {
            let number = text.parse::<usize>().map(|it| it.min(PAGE));
            number.map_err(|_| {
                let message = format!("Provided {name} not an integer or within integer range");
                ApiError::client("InvalidArgument", message)
            })
        }
    }
}

/// A key or a part of one, as the client wants them written.
pub(super) fn shown(asked: &Asked<'_>, key: &str) -> String {
    match asked.of("encoding-type") {
        "url" => form_urlencoded::byte_serialize(key.as_bytes())
            .collect::<String>()
            .replace("%2F", "/"),
        _ => escaped(key),
    }
}

/// `ListObjectsV2`, or the older form.
pub(super) fn objects(asked: &Asked<'_>) -> Answer {
    let bucket = asked.bucket_for("ListBucket", "")?;
    // Other parameters ask for something else of the bucket: `?acl`.
    let of_lists = [
        "continuation-token",
        "delimiter",
        "encoding-type",
        "fetch-owner",
        "list-type",
        "marker",
        "max-keys",
        "prefix",
        "start-after",
        "x-id",
    ];
    let mut names = asked.query.keys();
    if names.any(|it| !of_lists.contains(&it.as_str()) && !it.starts_with("X-Amz-")) {
        return Err(super::not_simulated().into());
    }
    let is_old = asked.of("list-type") != "2";
    let body = Listing {
        asked,
        is_old,
        owner: &bucket.account,
    };
    Ok(response(asked.id, &body.body()?))
}

/// A list.
struct Listing<'l> {
    asked: &'l Asked<'l>,
    /// `ListObjects`.
    is_old: bool,
    /// The bucket's.
    owner: &'l str,
}

impl Listing<'_> {
    fn of(&self, name: &str) -> &str {
        self.asked.of(name)
    }

    fn body(&self) -> Result<String, Refusal> {
        let most = number(self.asked, "max-keys")?;
        let after = match self.is_old {
            true => self.of("marker").to_owned(),
            false => continued(self.asked, &self.asked.bucket)?
                .unwrap_or_else(|| self.of("start-after").to_owned()),
        };
        let page = Page::of(self.asked, &after, most);
        let mut body = self.head(&after, &page, most);
        let owner = match self.is_old || self.of("fetch-owner") == "true" {
            true => format!("<Owner><ID>{}</ID></Owner>", canonical_user(self.owner)),
            false => String::new(),
        };
        let (store, bucket) = (&self.asked.store, self.asked.bucket.as_str());
        for Entry { key, file } in &page.entries {
            let object = store.object(bucket, key, file)?;
            let (key, checksum) = (shown(self.asked, key), listed(&object));
            let (time, mark, size) = (moment(object.modified), object.tag, object.size);
            body += &format!(
                "<Contents><Key>{key}</Key><LastModified>{time}</LastModified>\
                 <ETag>{mark}</ETag>{checksum}<Size>{size}</Size>{owner}\
                 <StorageClass>STANDARD</StorageClass></Contents>"
            );
        }
        for group in &page.groups {
            let group = shown(self.asked, group);
            body += &format!("<CommonPrefixes><Prefix>{group}</Prefix></CommonPrefixes>");
        }
        Ok(body + "</ListBucketResult>")
    }

    /// What a page says before its keys.
    fn head(&self, after: &str, page: &Page, most: usize) -> String {
        let next = page.next.as_deref().unwrap_or_default();
        let place = match self.is_old {
            true => vec![
                ("Marker", shown(self.asked, after)),
                ("NextMarker", shown(self.asked, next)),
            ],
            false => {
                let count = page.entries.len() + page.groups.len();
                let next = page.next.as_deref();
                let next = next.map(|it| token(&self.asked.bucket, it));
                vec![
                    ("StartAfter", shown(self.asked, self.of("start-after"))),
                    ("ContinuationToken", escaped(self.of("continuation-token"))),
                    ("NextContinuationToken", next.unwrap_or_default()),
                    ("KeyCount", count.to_string()),
                ]
            }
        };
        let common = [
            ("Name", escaped(&self.asked.bucket)),
            ("Prefix", shown(self.asked, self.of("prefix"))),
            ("Delimiter", shown(self.asked, self.of("delimiter"))),
            ("EncodingType", escaped(self.of("encoding-type"))),
            ("MaxKeys", most.to_string()),
            ("IsTruncated", page.next.is_some().to_string()),
        ];
        let mut head = format!("<ListBucketResult xmlns=\"{NAMESPACE}\">");
        for (name, value) in common.into_iter().chain(place) {
            if !value.is_empty() {
                write!(head, "<{name}>{value}</{name}>").expect("a string takes it");
            }
        }
        head
    }
}

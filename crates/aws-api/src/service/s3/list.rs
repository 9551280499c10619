//! What buckets there are, and what is in one.
//!
//! `ListObjects` is the older form of `ListObjectsV2`: a page begins behind a key that the client
//! names, `marker`, where the newer form has tokens.

use std::fmt::Write as _;

use http::Response;
use wirelab_model::ApiError;

use super::{Answer, Asked, NAMESPACE, canonical_user, element, moment, response};
use crate::protocol::xml::escaped;
use crate::service::Refusal;

/// Keys on a page at most.
const PAGE: usize = 1000;

/// `ListBuckets`: the caller's own.
pub(super) fn buckets(asked: &Asked<'_>) -> Response<Vec<u8>> {
    let (prefix, region) = (asked.of("prefix"), asked.of("bucket-region"));
    let names = asked.store.names().into_iter();
    let found = names.filter(|it| it.starts_with(prefix));
    let found = found.filter_map(|name| Some((asked.store.bucket(&name).ok()?, name)));
    let found = found.filter(|(bucket, _)| {
        let is_there = region.is_empty() || region == bucket.region;
        bucket.account == asked.caller.account.as_str() && is_there
    });
    let buckets: String = found
        .map(|(bucket, name)| {
            let (name, created) = (escaped(&name), moment(bucket.created));
            let region = escaped(&bucket.region);
            format!(
                "<Bucket><Name>{name}</Name><CreationDate>{created}</CreationDate>\
                 <BucketRegion>{region}</BucketRegion></Bucket>"
            )
        })
        .collect();
    let owner = canonical_user(asked.caller.account.as_str());
    let inside = format!("<Owner><ID>{owner}</ID></Owner><Buckets>{buckets}</Buckets>");
    element(asked.id, "ListAllMyBucketsResult", &inside)
}

/// `ListObjectsV2`, or the older form.
pub(super) fn objects(asked: &Asked<'_>) -> Answer {
    asked.bucket_for("ListBucket", "")?;
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
    let body = Listing { asked, is_old }.body()?;
    Ok(response(asked.id, &body))
}

/// A page.
struct Listing<'l> {
    asked: &'l Asked<'l>,
    /// `ListObjects`.
    is_old: bool,
}

impl Listing<'_> {
    fn of(&self, name: &str) -> &str {
        self.asked.of(name)
    }

    /// A key or a part of one, as the client wants them written.
    fn shown(&self, key: &str) -> String {
        match self.of("encoding-type") {
            "url" => form_urlencoded::byte_serialize(key.as_bytes())
                .collect::<String>()
                .replace("%2F", "/"),
            _ => escaped(key),
        }
    }

    fn body(&self) -> Result<String, Refusal> {
        let (prefix, delimiter) = (self.of("prefix"), self.of("delimiter"));
        let most = match self.of("max-keys") {
            "" => PAGE,
            text => text.parse().map_err(|_| {
                let message = "Provided max-keys not an integer or within integer range";
                ApiError::client("InvalidArgument", message)
            })?,
        };
        let most = most.min(PAGE);
        let after = match self.is_old {
            true => self.of("marker"),
            false => self.of("start-after").max(self.of("continuation-token")),
        };
        let (mut contents, mut groups) = (String::new(), String::new());
        let (mut count, mut last, mut is_truncated) = (0, String::new(), false);
        let (store, bucket) = (&self.asked.store, self.asked.bucket.as_str());
        let all = store.objects(bucket);
        for (key, file) in all.iter().filter(|(key, _)| key.starts_with(prefix)) {
            let rest = &key[prefix.len()..];
            let group = rest.find(delimiter).filter(|_| !delimiter.is_empty());
            let name = &key[..group.map_or(key.len(), |at| prefix.len() + at + delimiter.len())];
            if name <= after || (count > 0 && name == last) {
                continue;
            }
            if count == most {
                is_truncated = most > 0;
                break;
            }
            (count, last) = (count + 1, name.to_owned());
            let shown = self.shown(name);
            if group.is_some() {
                groups += &format!("<CommonPrefixes><Prefix>{shown}</Prefix></CommonPrefixes>");
                continue;
            }
            let object = store.object(bucket, key, file)?;
            let (time, mark, size) = (moment(object.modified), object.tag, object.size);
            contents += &format!(
                "<Contents><Key>{shown}</Key><LastModified>{time}</LastModified>\
                 <ETag>{mark}</ETag><Size>{size}</Size><StorageClass>STANDARD</StorageClass>\
                 </Contents>"
            );
        }
        let next = if is_truncated { last.as_str() } else { "" };
        let head = self.head(after, next, count, most);
        Ok(format!("{head}{contents}{groups}</ListBucketResult>"))
    }

    /// What a page says before its keys; `next` is empty on the last.
    fn head(&self, after: &str, next: &str, count: usize, most: usize) -> String {
        let place = match self.is_old {
            true => vec![
                ("Marker", self.shown(after)),
                ("NextMarker", self.shown(next)),
            ],
            false => vec![
                ("StartAfter", self.shown(self.of("start-after"))),
                ("ContinuationToken", escaped(self.of("continuation-token"))),
                ("NextContinuationToken", escaped(next)),
                ("KeyCount", count.to_string()),
            ],
        };
        let common = [
            ("Name", escaped(&self.asked.bucket)),
            ("Prefix", self.shown(self.of("prefix"))),
            ("Delimiter", self.shown(self.of("delimiter"))),
            ("EncodingType", escaped(self.of("encoding-type"))),
            ("MaxKeys", most.to_string()),
            ("IsTruncated", (!next.is_empty()).to_string()),
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

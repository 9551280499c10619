//! What buckets there are, and what is in one.
//!
//! `ListObjects` is the older form of `ListObjectsV2`: a page begins behind a key that the client
//! names, `marker`, where the newer form has tokens.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use http::{Request, Response};
use wirelab_model::ApiError;
use wirelab_session::Session;

use super::{NAMESPACE, Objects, mark, modified, read, response};
use crate::protocol::xml::escaped;
use crate::service::Refusal;

/// Keys on a page at most.
const PAGE: usize = 1000;

/// `ListBuckets`.
pub(super) fn buckets<'b>(
    session: &Session,
    names: impl Iterator<Item = &'b String>,
    id: &str,
) -> Response<Vec<u8>> {
    let created = modified(session, "");
    let buckets: String = names
        .map(|name| {
            let name = escaped(name);
            format!("<Bucket><Name>{name}</Name><CreationDate>{created}</CreationDate></Bucket>")
        })
        .collect();
    let account = &session.plan().caller.account;
    let body = format!(
        "<ListAllMyBucketsResult xmlns=\"{NAMESPACE}\"><Owner><ID>{account}</ID></Owner>\
         <Buckets>{buckets}</Buckets></ListAllMyBucketsResult>"
    );
    response(id, &body)
}

/// What is asked of a bucket: where it is, or `ListObjectsV2`.
pub(super) fn objects(
    session: &Session,
    (bucket, objects): (&str, &Objects),
    request: &Request<Vec<u8>>,
    id: &str,
) -> Result<Response<Vec<u8>>, Refusal> {
    let query = request.uri().query().unwrap_or_default();
    let query: BTreeMap<String, String> = form_urlencoded::parse(query.as_bytes())
        .map(|(name, value)| (name.into_owned(), value.into_owned()))
        .collect();
    if request.method() == http::Method::HEAD {
        return Ok(response(id, ""));
    }
    if query.contains_key("location") {
        let region = match session.plan().caller.region.as_str() {
            "us-east-1" => "",
            other => other,
        };
        let tag = "LocationConstraint";
        return Ok(response(
            id,
            &format!("<{tag} xmlns=\"{NAMESPACE}\">{region}</{tag}>"),
        ));
    }
    // Other parameters without a value ask for something else of the bucket: `?policy`.
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
    if query.keys().any(|it| !of_lists.contains(&it.as_str())) {
        return Err(super::write::not_simulated().into());
    }
    let body = Listing {
        session,
        bucket,
        objects,
        is_old: query.get("list-type").is_none_or(|it| it != "2"),
        query: &query,
    }
    .body()?;
    Ok(response(id, &body))
}

struct Listing<'l> {
    session: &'l Session,
    bucket: &'l str,
    objects: &'l Objects,
    /// `ListObjects`.
    is_old: bool,
    query: &'l BTreeMap<String, String>,
}

impl Listing<'_> {
    fn of(&self, name: &str) -> &str {
        self.query.get(name).map_or("", String::as_str)
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
        for (key, file) in self
            .objects
            .iter()
            .filter(|(key, _)| key.starts_with(prefix))
        {
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
            let octets = read(file)?;
            let (time, mark, size) = (modified(self.session, key), mark(&octets), octets.len());
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
            ("Name", escaped(self.bucket)),
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

//! S3: the buckets into which flow logs are published and Athena writes its results, and those that
//! clients make.
//!
//! A client names bucket and key in the path (`GET /BUCKET/AWSLogs/...`), so S3 has no table:
//! method, path and query say the operation, and an object is its octets.
//!
//! `aws s3 ls s3://flow-logs/AWSLogs/` is `GET /flow-logs?list-type=2&prefix=AWSLogs/&delimiter=/
//! &encoding-type=url`: `access` lets the bucket's owner pass, and `list` shows the accounts as
//! `CommonPrefixes`. `aws s3 cp` asks for the head of the object first, then for the object, a part
//! at a time if it is large (`read`); the other way it puts it whole (`write`) or in parts
//! (`parts`). Where all this is kept, `store` knows; `settings` has what is said of a bucket,
//! `fixed` what is the same of all. `arrival` notes what other services put. No bucket keeps
//! versions, so each object has the one that is called `null` (`versions`). `trails` knows what
//! CloudTrail puts.

mod access;
mod arrival;
mod body;
mod checksum;
mod fixed;
mod list;
mod note;
mod parts;
mod read;
mod settings;
mod store;
mod trails;
mod versions;
mod write;

use std::collections::BTreeMap;

use http::{Method, Request, Response, StatusCode};
use jiff::Timestamp;
use sha2::{Digest, Sha256};
use wirelab_model::{ApiError, Caller, hex};
use wirelab_session::Session;

use super::{Refusal, cloudtrail};
use crate::protocol::xml;
pub(super) use arrival::Arrival;
use note::Bucket;
use store::Store;
pub(crate) use store::forget;
pub(super) use trails::{Destination, Ledger};

const NAMESPACE: &str = "http://s3.amazonaws.com/doc/2006-03-01/";

/// Octets of an object at most. AWS's limit is 5 TiB; this one is what a lab's disk is good for.
pub(super) const OBJECT_AT_MOST: u64 = 256 << 20;

/// One request.
struct Asked<'a> {
    store: Store<'a>,
    caller: &'a Caller,
    request: &'a Request<Vec<u8>>,
    query: BTreeMap<String, String>,
    bucket: String,
    key: String,
    /// The request's.
    id: &'a str,
}

type Answer = Result<Response<Vec<u8>>, Refusal>;

pub(crate) fn answer(
    session: &mut Session,
    request: &Request<Vec<u8>>,
    caller: &Caller,
    id: &str,
) -> Answer {
    let (bucket, key) = place(request.uri().path())
        .ok_or_else(|| ApiError::client("InvalidURI", "Couldn't parse the specified URI."))?;
    session.restore_evidence()?;
    cloudtrail::deliver(session)?;
    let asked = Asked {
        store: Store::of(session),
        caller,
        request,
        query: body::query(request),
        bucket,
        key,
        id,
    };
    match (request.method(), asked.bucket.as_str(), asked.key.as_str()) {
        (&Method::GET, "", _) => list::buckets(&asked),
        (_, "", _) => Err(not_simulated().into()),
        (_, _, "") => asked.bucket_answer(),
        _ => asked.object_answer(),
    }
}

impl Asked<'_> {
    /// Whether the query has a parameter.
    fn has(&self, name: &str) -> bool {
        self.query.contains_key(name)
    }

    /// A parameter's value; empty if it is not there.
    fn of(&self, name: &str) -> &str {
        self.query.get(name).map_or("", String::as_str)
    }

    fn header(&self, name: &str) -> &str {
        body::header(self.request.headers(), name)
    }

    /// Whether the query asks for nothing but the operation of the method.
    fn is_plain(&self) -> bool {
        let signs = |it: &String| {
            matches!(it.as_str(), "x-id" | "versionId")
                || it.starts_with("X-Amz-")
                || it.starts_with("response-")
                || matches!(it.as_str(), "AWSAccessKeyId" | "Signature" | "Expires")
        };
        self.query.keys().all(signs)
    }

    /// The version of the object that is asked for, if one is.
    fn version(&self) -> Option<&str> {
        self.query.get("versionId").map(String::as_str)
    }

    /// The bucket, if the caller may do this with it, or with the object of the key.
    fn bucket_for(&self, action: &str, key: &str) -> Result<Bucket, ApiError> {
        let bucket = self.store.bucket(&self.bucket)?;
        access::check((&self.bucket, &bucket), self.caller, action, key)?;
        Ok(bucket)
    }

    fn bucket_answer(&self) -> Answer {
        match *self.request.method() {
            Method::HEAD => self.head_bucket(),
            Method::POST if self.has("delete") => write::delete_objects(self),
            Method::GET if self.has("uploads") => parts::uploads(self),
            Method::GET if self.has("versions") => versions::list(self),
            Method::PUT if self.is_plain() => write::create_bucket(self),
            Method::DELETE if self.is_plain() => write::delete_bucket(self),
            _ => match settings::answer(self).or_else(|| fixed::answer(self)) {
                Some(answer) => answer,
                None if *self.request.method() == Method::GET => list::objects(self),
                None => Err(not_simulated().into()),
            },
        }
    }

    fn object_answer(&self) -> Answer {
        match *self.request.method() {
            Method::POST if self.has("uploads") => parts::create(self),
            Method::POST if self.has("uploadId") => parts::complete(self),
            Method::PUT if self.has("uploadId") => parts::upload(self),
            Method::GET if self.has("uploadId") => parts::list(self),
            Method::DELETE if self.has("uploadId") => parts::abort(self),
            Method::GET if self.has("attributes") => read::attributes(self),
            _ if !self.is_plain() => Err(not_simulated().into()),
            Method::GET | Method::HEAD => read::object(self),
            Method::DELETE => write::delete_object(self),
            Method::PUT if self.request.headers().contains_key("x-amz-copy-source") => {
                write::copy_object(self)
            }
            Method::PUT => write::put_object(self),
            _ => Err(not_simulated().into()),
        }
    }

    fn head_bucket(&self) -> Answer {
        let bucket = self.bucket_for("ListBucket", "")?;
        let mut response = body::empty(StatusCode::OK, self.id);
        if let Ok(region) = bucket.region.parse() {
            response.headers_mut().insert("x-amz-bucket-region", region);
        }
        Ok(response)
    }
}

/// What is simulated of S3.
fn not_simulated() -> ApiError {
    let message = "wirelab simulates of S3: ListBuckets, CreateBucket, HeadBucket, DeleteBucket, \
                   GetBucketLocation, the policy, tags and public access block of a bucket, \
                   its other settings as new buckets have them, ListObjects, ListObjectsV2, \
                   ListObjectVersions, HeadObject, GetObject, GetObjectAttributes, PutObject, \
                   CopyObject, DeleteObject, DeleteObjects, and uploads in parts.";
    ApiError::client("NotImplemented", message)
}

/// Bucket and key of a path.
fn place(path: &str) -> Option<(String, String)> {
    let path = path.strip_prefix('/')?;
    let (bucket, key) = path.split_once('/').unwrap_or((path, ""));
    // A plus sign stands for itself in paths.
    let decoded = |text: &str| {
        let text = format!("x={}", text.replace('+', "%2B").replace('&', "%26"));
        let mut pairs = form_urlencoded::parse(text.as_bytes());
        pairs.next().map(|it| it.1.into_owned())
    };
    Some((decoded(bucket)?, decoded(key)?))
}

/// A moment as XML has it.
fn moment(seconds: u64) -> String {
    stamp(seconds)
        .strftime("%Y-%m-%dT%H:%M:%S.000Z")
        .to_string()
}

/// A moment as headers have it (RFC 9110, section 5.6.7).
fn http_date(seconds: u64) -> String {
    stamp(seconds)
        .strftime("%a, %d %b %Y %H:%M:%S GMT")
        .to_string()
}

fn stamp(seconds: u64) -> Timestamp {
    let seconds = i64::try_from(seconds).unwrap_or(i64::MAX);
    Timestamp::from_second(seconds).unwrap_or(Timestamp::MAX)
}

/// The name that S3 has for an account: 64 hexadecimal digits that say nothing of it.
fn canonical_user(account: &str) -> String {
    hex(&Sha256::digest(format!("canonical user of {account}")))
}

/// A body of one element.
fn element(id: &str, root: &str, inside: &str) -> Response<Vec<u8>> {
    response(
        id,
        &format!("<{root} xmlns=\"{NAMESPACE}\">{inside}</{root}>"),
    )
}

fn response(id: &str, body: &str) -> Response<Vec<u8>> {
    xml::response(StatusCode::OK, id, format!("{}{body}", xml::DECLARATION))
}

/// The management event that a request is, with the bucket (Amazon S3 User Guide, "Amazon S3
/// CloudTrail events"); what is done with objects is none.
pub(crate) fn management_event(request: &Request<Vec<u8>>) -> Option<(&'static str, String)> {
    let (bucket, key) = place(request.uri().path())?;
    if bucket.is_empty() || !key.is_empty() {
        return None;
    }
    let query = body::query(request);
    let mut names = query.keys().map(String::as_str);
    let what = names.find(|it| *it != "x-id" && !it.starts_with("X-Amz-"));
    let name = match (request.method(), what) {
        (&Method::PUT, None) => "CreateBucket",
        (&Method::DELETE, None) => "DeleteBucket",
        (&Method::PUT, Some("policy")) => "PutBucketPolicy",
        (&Method::DELETE, Some("policy")) => "DeleteBucketPolicy",
        (&Method::PUT, Some("publicAccessBlock")) => "PutBucketPublicAccessBlock",
        (&Method::DELETE, Some("publicAccessBlock")) => "DeleteBucketPublicAccessBlock",
        (&Method::PUT, Some("tagging")) => "PutBucketTagging",
        (&Method::DELETE, Some("tagging")) => "DeleteBucketTagging",
        _ => return None,
    };
    Some((name, bucket))
}

/// Whether there is such a bucket, and the caller may put objects into it.
pub(super) fn may_write(session: &Session, caller: &Caller, name: &str) -> bool {
    let bucket = Store::of(session).bucket(name);
    bucket.is_ok_and(|it| access::check((name, &it), caller, "PutObject", "*").is_ok())
}

/// Whether there is such a bucket, and it is the account's.
pub(super) fn is_owner(session: &Session, account: &str, name: &str) -> bool {
    let bucket = Store::of(session).bucket(name);
    bucket.is_ok_and(|it| it.account == account)
}

/// Whether a flow log of the caller can be delivered to a bucket; if not, what EC2 says of it
/// (`CreateFlowLogs`, `Unsuccessful`). Makes way for the log's folders if it can.
pub(super) fn destination(session: &Session, caller: &Caller, arn: &str) -> Result<(), String> {
    let Some(place) = arn.strip_prefix("arn:aws:s3:::") else {
        // Not for us to say.
        return Ok(());
    };
    let (name, prefix) = place.split_once('/').unwrap_or((place, ""));
    let store = Store::of(session);
    let Ok(bucket) = store.bucket(name) else {
        return Err(format!("LogDestination: {name} does not exist"));
    };
    if bucket.account != caller.account.as_str() && !access::lets_deliver(&bucket) {
        return Err(format!(
            "Access Denied for LogDestination: {name}. Please check LogDestination permission"
        ));
    }
    store.make_way(name, prefix);
    Ok(())
}

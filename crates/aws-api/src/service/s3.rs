//! S3: the buckets into which flow logs are published and Athena writes its results, and those that
//! clients make.
//!
//! The buckets are the folders in `evidence/s3`, as for Athena and `wirelab query`, and those to
//! which flow logs go that have published nothing yet; every account of the lab may use them. A
//! client names bucket and key in the path (`GET /BUCKET/AWSLogs/...`), so S3 has no table: method,
//! path and query say the operation, and an object is its octets.
//!
//! `aws s3 ls s3://flow-logs/AWSLogs/` is `GET /flow-logs?list-type=2&prefix=AWSLogs/&delimiter=/
//! &encoding-type=url` and lists the accounts as `CommonPrefixes`; `aws s3 cp` asks for the head of
//! the object first, then for the object.

mod list;
mod write;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use http::{Method, Request, Response, StatusCode};
use jiff::Timestamp;
use sha2::{Digest, Sha256};
use wirelab_flowlog::s3::LogKey;
use wirelab_model::{ApiError, Caller, LogDestinationType};
use wirelab_session::Session;

use super::Refusal;
use crate::protocol::xml;
pub(crate) use write::forget;

const NAMESPACE: &str = "http://s3.amazonaws.com/doc/2006-03-01/";

/// The objects of a bucket: files by their keys.
type Objects = BTreeMap<String, PathBuf>;

/// Buckets by their names.
type Buckets = BTreeMap<String, Objects>;

pub(crate) fn answer(
    session: &mut Session,
    request: &Request<Vec<u8>>,
    caller: &Caller,
    id: &str,
) -> Result<Response<Vec<u8>>, Refusal> {
    let (bucket, key) = place(request.uri().path())
        .ok_or_else(|| ApiError::client("InvalidURI", "Couldn't parse the specified URI."))?;
    session.restore_evidence()?;
    let buckets = buckets(session);
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        let target = write::Target {
            session,
            caller,
            buckets: &buckets,
            bucket: &bucket,
            key: &key,
            id,
        };
        return write::answer(&target, request);
    }
    if bucket.is_empty() {
        return Ok(list::buckets(session, buckets.keys(), id));
    }
    if key.is_empty() {
        let objects = objects_of(&buckets, &bucket)?;
        return list::objects(session, (&bucket, objects), request, id);
    }
    let octets = read(object_file(&buckets, &bucket, &key)?)?;
    Ok(object(session, request, (&key, &octets), id)?)
}

fn objects_of<'b>(buckets: &'b Buckets, bucket: &str) -> Result<&'b Objects, ApiError> {
    buckets.get(bucket).ok_or_else(|| {
        let message = format!("The specified bucket does not exist: {bucket}");
        ApiError::client("NoSuchBucket", message)
    })
}

fn object_file<'b>(buckets: &'b Buckets, bucket: &str, key: &str) -> Result<&'b Path, ApiError> {
    let file = objects_of(buckets, bucket)?.get(key);
    let missing = || ApiError::client("NoSuchKey", "The specified key does not exist.");
    file.map(PathBuf::as_path).ok_or_else(missing)
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

/// The folder of buckets.
fn folder(session: &Session) -> PathBuf {
    session.dir().join("evidence/s3")
}

/// The buckets to which flow logs go.
fn destinations(session: &Session) -> impl Iterator<Item = &str> {
    let resources = session.run().control().resources();
    resources.flow_logs.values().filter_map(|log| {
        let arn = log.log_destination.as_deref().unwrap_or_default();
        let place = arn.strip_prefix("arn:aws:s3:::");
        let place = place.filter(|_| log.log_destination_type == LogDestinationType::S3)?;
        place.split('/').next()
    })
}

/// Whether a flow log goes to the bucket.
fn publishes(session: &Session, bucket: &str) -> bool {
    destinations(session).any(|it| it == bucket)
}

/// Every bucket with its objects.
fn buckets(session: &Session) -> Buckets {
    let folder = folder(session);
    let mut buckets = Buckets::new();
    for bucket in destinations(session) {
        buckets.entry(bucket.to_owned()).or_default();
    }
    let made = std::fs::read_dir(&folder).into_iter().flatten().flatten();
    for entry in made.filter(|it| it.path().is_dir()) {
        if let Ok(name) = entry.file_name().into_string() {
            buckets.entry(name).or_default();
        }
    }
    let mut all = BTreeSet::new();
    below(&folder, 0, &mut all);
    for file in all {
        let Ok(inside) = file.strip_prefix(&folder) else {
            continue;
        };
        let parts = inside.iter().map(|it| it.to_str());
        let parts = parts.collect::<Option<Vec<_>>>().unwrap_or_default();
        if let Some((bucket, key)) = parts.split_first().filter(|it| !it.1.is_empty()) {
            let objects = buckets.entry((*bucket).to_owned()).or_default();
            objects.insert(key.join("/"), file);
        }
    }
    buckets
}

/// The octets of an object.
fn read(file: &Path) -> Result<Vec<u8>, ApiError> {
    let octets = std::fs::read(file);
    octets.map_err(|why| ApiError::client("SessionError", format!("{}: {why}", file.display())))
}

/// Files below a folder; what cannot be read is not there.
fn below(folder: &Path, depth: usize, found: &mut BTreeSet<PathBuf>) {
    let entries = std::fs::read_dir(folder).ok();
    for entry in entries.into_iter().flatten().flatten() {
        match entry.file_type() {
            Ok(kind) if kind.is_dir() && depth < 64 => below(&entry.path(), depth + 1, found),
            Ok(kind) if kind.is_file() => drop(found.insert(entry.path())),
            _ => {}
        }
    }
}

/// When an object came, in the lab's time: a flow log's file after its five minutes. Of other
/// files nothing is known, and the lab's begin is said.
fn modified(session: &Session, key: &str) -> Timestamp {
    let seconds = match LogKey::parse(key) {
        Ok(key) => key.slot.as_secs() + 300,
        Err(_) => session.plan().starts.as_secs(),
    };
    let seconds = i64::try_from(seconds).unwrap_or(i64::MAX);
    Timestamp::from_second(seconds).unwrap_or(Timestamp::MAX)
}

/// An opaque mark of the content, not its MD5, as of objects that S3 encrypts by KMS.
fn mark(octets: &[u8]) -> String {
    let digest = Sha256::digest(octets);
    let digits: String = digest[..16].iter().map(|it| format!("{it:02x}")).collect();
    format!("\"{digits}\"")
}

fn object(
    session: &Session,
    request: &Request<Vec<u8>>,
    (key, octets): (&str, &[u8]),
    id: &str,
) -> Result<Response<Vec<u8>>, ApiError> {
    let range = request
        .headers()
        .get("range")
        .and_then(|it| it.to_str().ok());
    let range = range.and_then(|it| it.strip_prefix("bytes="));
    let all = octets.len();
    let part = range.and_then(|it| part(it, all));
    if part.as_ref().is_some_and(|it| it.start >= all) {
        let message = "The requested range is not satisfiable";
        return Err(ApiError::client("InvalidRange", message));
    }
    let modified = modified(session, key).strftime("%a, %d %b %Y %H:%M:%S GMT");
    let mut response = Response::builder()
        .header("x-amz-request-id", id)
        .header("Content-Type", "binary/octet-stream")
        .header("Accept-Ranges", "bytes")
        .header("ETag", mark(octets))
        .header("Last-Modified", modified.to_string());
    let body = match part {
        Some(part) => {
            let shown = format!("bytes {}-{}/{all}", part.start, part.end - 1);
            response = response
                .status(StatusCode::PARTIAL_CONTENT)
                .header("Content-Range", shown);
            octets[part].to_vec()
        }
        None => octets.to_vec(),
    };
    Ok(response.body(body).expect("headers of our own"))
}

/// `0-99`, `100-`, `-5` of `all` octets; several ranges are read as none, as S3 does.
fn part(text: &str, all: usize) -> Option<std::ops::Range<usize>> {
    let (first, last) = text.split_once('-')?;
    if first.is_empty() {
        let count: usize = last.parse().ok()?;
        return Some(all.saturating_sub(count)..all);
    }
    let first: usize = first.parse().ok()?;
    let end = match last {
        "" => all,
        last => last.parse::<usize>().ok()?.saturating_add(1).min(all),
    };
    (first < end || first >= all).then_some(first..end)
}

fn response(id: &str, body: &str) -> Response<Vec<u8>> {
    xml::response(StatusCode::OK, id, format!("{}{body}", xml::DECLARATION))
}

//! Buckets and objects that clients make.
//!
//! A bucket is a folder in `evidence/s3` and an object a file in it, so Athena, `wirelab query` and
//! people read what was put, and results of Athena can be copied and removed. They are no part of
//! the journal: an undo leaves them, and they go when the session goes back to its begin. What flow
//! logs have published is the network's and cannot be overwritten or removed.

use std::path::{Path, PathBuf};

use http::{Method, Request, Response, StatusCode};
use wirelab_flowlog::s3::LogKey;
use wirelab_model::{ApiError, Caller};
use wirelab_session::{Session, SessionError};

use super::{Buckets, NAMESPACE, folder, mark, modified, place, read, response};
use crate::protocol::rest_xml::document;
use crate::protocol::xml::escaped;
use crate::service::Refusal;

/// Keys of one `DeleteObjects` at most, and octets of a key.
const KEYS_AT_MOST: usize = 1000;
const KEY_AT_MOST: usize = 1024;

/// What a request that writes is about.
pub(super) struct Target<'t> {
    pub(super) session: &'t Session,
    pub(super) caller: &'t Caller,
    pub(super) buckets: &'t Buckets,
    pub(super) bucket: &'t str,
    pub(super) key: &'t str,
    pub(super) id: &'t str,
}

type Answer = Result<Response<Vec<u8>>, Refusal>;

pub(super) fn answer(target: &Target<'_>, request: &Request<Vec<u8>>) -> Answer {
    let query = request.uri().query().unwrap_or_default();
    let asks = |name: &str| form_urlencoded::parse(query.as_bytes()).any(|it| it.0 == name);
    let is_plain = matches!(first(query), "" | "x-id");
    match (request.method(), target.key) {
        (&Method::PUT, "") if is_plain => target.create_bucket(request),
        (&Method::DELETE, "") if is_plain => target.delete_bucket(),
        (&Method::POST, "") if asks("delete") => target.delete_objects(request),
        (&Method::PUT, _) if is_plain && !target.key.is_empty() => {
            match request.headers().contains_key("x-amz-copy-source") {
                true => target.copy_object(request),
                false => target.put_object(request),
            }
        }
        (&Method::DELETE, _) if is_plain && !target.key.is_empty() => {
            target.objects()?;
            target.remove(target.key)?;
            Ok(empty(StatusCode::NO_CONTENT, target.id))
        }
        _ => Err(not_simulated().into()),
    }
}

/// The name of a query's first parameter.
fn first(query: &str) -> &str {
    let first = query.split('&').next().unwrap_or_default();
    first.split('=').next().unwrap_or_default()
}

/// What is simulated of S3.
pub(super) fn not_simulated() -> ApiError {
    let message = "wirelab simulates of S3: ListBuckets, CreateBucket, HeadBucket, DeleteBucket, \
                   GetBucketLocation, ListObjects, ListObjectsV2, HeadObject, GetObject, \
                   PutObject, CopyObject, DeleteObject, DeleteObjects.";
    ApiError::client("NotImplemented", message)
}

impl Target<'_> {
    /// The bucket's objects.
    fn objects(&self) -> Result<&super::Objects, ApiError> {
        super::objects_of(self.buckets, self.bucket)
    }

    fn create_bucket(&self, request: &Request<Vec<u8>>) -> Answer {
        if !is_bucket_name(self.bucket) {
            let message = format!("The specified bucket is not valid: {}", self.bucket);
            return Err(ApiError::client("InvalidBucketName", message).into());
        }
        self.check_location(request)?;
        if self.buckets.contains_key(self.bucket) && self.caller.region != "us-east-1" {
            let message = "Your previous request to create the named bucket succeeded and you \
                           already own it.";
            return Err(ApiError::client("BucketAlreadyOwnedByYou", message).into());
        }
        let path = folder(self.session).join(self.bucket);
        std::fs::create_dir_all(&path).map_err(|error| SessionError::File { path, error })?;
        let mut response = empty(StatusCode::OK, self.id);
        let location = format!("/{}", self.bucket);
        let location = location.parse().expect("a bucket's name is plain");
        response.headers_mut().insert("Location", location);
        Ok(response)
    }

    /// A bucket is made where the request is signed for.
    fn check_location(&self, request: &Request<Vec<u8>>) -> Result<(), ApiError> {
        let wanted = match request.body().as_slice() {
            [] => String::new(),
            body => {
                let body = document(body)?;
                let mut children = body.children.into_iter();
                let found = children.find(|it| it.name == "LocationConstraint");
                found.map_or_else(String::new, |it| it.text)
            }
        };
        let region = self.caller.region.as_str();
        let fits = match region {
            "us-east-1" => wanted.is_empty(),
            other => wanted == other,
        };
        if fits {
            return Ok(());
        }
        let shown = if wanted.is_empty() {
            "unspecified"
        } else {
            wanted.as_str()
        };
        let message = format!(
            "The {shown} location constraint is incompatible for the region specific endpoint \
             this request was sent to: {region}."
        );
        Err(ApiError::client(
            "IllegalLocationConstraintException",
            message,
        ))
    }

    fn delete_bucket(&self) -> Answer {
        if !self.objects()?.is_empty() {
            let message = "The bucket you tried to delete is not empty";
            return Err(ApiError::client("BucketNotEmpty", message).into());
        }
        if super::publishes(self.session, self.bucket) {
            let message = "A flow log of this lab delivers to the bucket: it would be there again.";
            return Err(ApiError::client("AccessDenied", message).into());
        }
        let path = folder(self.session).join(self.bucket);
        std::fs::remove_dir_all(&path).map_err(|error| SessionError::File { path, error })?;
        Ok(empty(StatusCode::NO_CONTENT, self.id))
    }

    fn put_object(&self, request: &Request<Vec<u8>>) -> Answer {
        self.objects()?;
        let octets = content(request)?;
        self.write(&octets)?;
        let mut response = empty(StatusCode::OK, self.id);
        let mark = mark(&octets).parse().expect("hexadecimal digits");
        response.headers_mut().insert("ETag", mark);
        Ok(response)
    }

    fn copy_object(&self, request: &Request<Vec<u8>>) -> Answer {
        self.objects()?;
        let source = request.headers().get("x-amz-copy-source");
        let source = source.and_then(|it| it.to_str().ok()).unwrap_or_default();
        let path = format!("/{}", source.trim_start_matches('/'));
        let path = path.split("?versionId=").next().unwrap_or_default();
        let (bucket, key) = place(path).unwrap_or_default();
        let octets = read(super::object_file(self.buckets, &bucket, &key)?)?;
        self.write(&octets)?;
        let (time, mark) = (modified(self.session, self.key), mark(&octets));
        let body = format!(
            "<CopyObjectResult xmlns=\"{NAMESPACE}\"><LastModified>{time}</LastModified>\
             <ETag>{mark}</ETag></CopyObjectResult>"
        );
        Ok(response(self.id, &body))
    }

    fn delete_objects(&self, request: &Request<Vec<u8>>) -> Answer {
        self.objects()?;
        let body = document(&content(request)?)?;
        let objects = body.children.iter().filter(|it| it.name == "Object");
        let keys: Vec<&str> = objects
            .filter_map(|it| it.children.iter().find(|it| it.name == "Key"))
            .map(|it| it.text.as_str())
            .collect();
        if keys.is_empty() || keys.len() > KEYS_AT_MOST {
            let message = "The XML you provided was not well-formed or did not validate against \
                           our published schema";
            return Err(ApiError::client("MalformedXML", message).into());
        }
        let mut children = body.children.iter();
        let is_quiet = children.any(|it| it.name == "Quiet" && it.text == "true");
        let mut results = String::new();
        for key in keys {
            let shown = escaped(key);
            match self.remove(key) {
                Ok(()) if is_quiet => {}
                Ok(()) => results += &format!("<Deleted><Key>{shown}</Key></Deleted>"),
                Err(refusal) => {
                    let error = refusal.into_api();
                    results += &format!(
                        "<Error><Key>{shown}</Key><Code>{}</Code><Message>{}</Message></Error>",
                        error.code,
                        escaped(&error.message)
                    );
                }
            }
        }
        let body = format!("<DeleteResult xmlns=\"{NAMESPACE}\">{results}</DeleteResult>");
        Ok(response(self.id, &body))
    }

    fn write(&self, octets: &[u8]) -> Result<(), Refusal> {
        let path = self.file(self.key)?;
        let (Some(parent), waiting) = (path.parent(), self.waiting()) else {
            return Err(not_simulated().into());
        };
        let done = std::fs::create_dir_all(parent)
            .and_then(|()| std::fs::write(&waiting, octets))
            .and_then(|()| std::fs::rename(&waiting, &path));
        done.map_err(|why| {
            std::fs::remove_file(&waiting).ok();
            let message = format!(
                "wirelab keeps an object as a file, and {} cannot be one: {why}",
                self.key
            );
            ApiError::client("InvalidArgument", message).into()
        })
    }

    /// Where an object is written before it is there.
    fn waiting(&self) -> PathBuf {
        self.session.dir().join(format!(".wirelab/put-{}", self.id))
    }

    /// Removes an object, and folders that have nothing else; one that is not there is removed.
    fn remove(&self, key: &str) -> Result<(), Refusal> {
        let path = self.file(key)?;
        match std::fs::remove_file(&path) {
            Ok(()) => {}
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(SessionError::File { path, error }.into()),
        }
        let bucket = folder(self.session).join(self.bucket);
        let above = path.ancestors().skip(1);
        for parent in above.take_while(|it| *it != bucket) {
            if std::fs::remove_dir(parent).is_err() {
                break;
            }
        }
        Ok(())
    }

    /// The file of a key, which must be the client's to write.
    fn file(&self, key: &str) -> Result<PathBuf, ApiError> {
        let is_name = |it: &str| !matches!(it, "" | "." | "..") && it.len() <= 255;
        if key.len() > KEY_AT_MOST || !key.split('/').all(is_name) || key.contains(['\0', '\\']) {
            let message = format!(
                "wirelab keeps an object as a file, and '{key}' cannot be its path: names between \
                 slashes are 1 to 255 characters, and none is . or .."
            );
            return Err(ApiError::client("InvalidArgument", message));
        }
        if LogKey::parse(key).is_ok() {
            let message = "Keys of flow logs' files are the network's: clients read them.";
            return Err(ApiError::client("AccessDenied", message));
        }
        Ok(folder(self.session).join(self.bucket).join(key))
    }
}

/// 3 to 63 of small letters, digits, points and hyphens, letters or digits at both ends (Amazon S3
/// User Guide, "Bucket naming rules").
fn is_bucket_name(name: &str) -> bool {
    let plain = |it: u8| it.is_ascii_lowercase() || it.is_ascii_digit();
    let octets = name.as_bytes();
    (3..=63).contains(&name.len())
        && octets.iter().all(|it| plain(*it) || b".-".contains(it))
        && plain(octets[0])
        && plain(octets[octets.len() - 1])
        && !name.contains("..")
}

/// The octets of a body: as they are, or in the chunks of `aws-chunked`, whose signatures and
/// trailing checksums are not looked at (Amazon S3 API Reference, "Signature calculations:
/// transferring payload in multiple chunks").
fn content(request: &Request<Vec<u8>>) -> Result<Vec<u8>, ApiError> {
    let header = |name: &str| request.headers().get(name).and_then(|it| it.to_str().ok());
    let streams = header("x-amz-content-sha256").is_some_and(|it| it.starts_with("STREAMING-"));
    let chunked = header("content-encoding").is_some_and(|it| it.contains("aws-chunked"));
    if !streams && !chunked {
        return Ok(request.body().clone());
    }
    let broken = || {
        let message = "The request's chunks are not what their sizes say.";
        ApiError::client("IncompleteBody", message)
    };
    let mut rest = request.body().as_slice();
    let mut octets = Vec::new();
    loop {
        let end = rest.windows(2).position(|it| it == b"\r\n");
        let (line, behind) = rest.split_at(end.ok_or_else(broken)?);
        let line = std::str::from_utf8(line).map_err(|_| broken())?;
        let size = line.split(';').next().unwrap_or_default();
        let size = usize::from_str_radix(size.trim(), 16).map_err(|_| broken())?;
        if size == 0 {
            return Ok(octets);
        }
        let chunk = behind.get(2..2 + size).ok_or_else(broken)?;
        octets.extend_from_slice(chunk);
        rest = behind.get(2 + size..).ok_or_else(broken)?;
        rest = rest.strip_prefix(b"\r\n").ok_or_else(broken)?;
    }
}

fn document(body: &[u8]) -> Result<document::Element, ApiError> {
    let root = std::str::from_utf8(body).ok().and_then(document::read);
    root.ok_or_else(|| {
        let message = "The XML you provided was not well-formed";
        ApiError::client("MalformedXML", message)
    })
}

fn empty(status: StatusCode, id: &str) -> Response<Vec<u8>> {
    let response = Response::builder().status(status);
    let response = response.header("x-amz-request-id", id);
    response.body(Vec::new()).expect("headers of our own")
}

/// Removes what clients have put: it is no part of the journal.
///
/// # Errors
/// A folder that cannot be written to.
pub(crate) fn forget(session: &Session) -> Result<(), SessionError> {
    let folder = folder(session);
    remove_below(&folder, &folder).map_err(|error| SessionError::File {
        path: folder,
        error,
    })
}

/// Removes files that no flow log publishes, and folders that are empty then. `from` is the folder
/// of buckets.
fn remove_below(folder: &Path, from: &Path) -> std::io::Result<()> {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return Ok(());
    };
    for entry in entries {
        let path = entry?.path();
        if path.is_dir() {
            remove_below(&path, from)?;
            // What is not empty stays.
            std::fs::remove_dir(&path).ok();
            continue;
        }
        let inside = path.strip_prefix(from).unwrap_or(&path);
        let key: PathBuf = inside.components().skip(1).collect();
        if key.to_str().is_none_or(|key| LogKey::parse(key).is_err()) {
            std::fs::remove_file(&path)?;
        }
    }
    Ok(())
}

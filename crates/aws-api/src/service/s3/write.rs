//! Buckets and objects that clients make, copy and remove. What flow logs have published is the
//! network's and cannot be overwritten or removed.

use http::StatusCode;
use wirelab_flowlog::s3::LogKey;
use wirelab_model::ApiError;

use super::body::{child, content, document, empty, kept, malformed, received};
use super::checksum::{self, Algorithm, Checksum};
use super::note::{Bucket, Object, PublicAccessBlock};
use super::read::precondition_failed;
use super::store::{Fresh, Store};
use super::{Answer, Asked, NAMESPACE, OBJECT_AT_MOST, access, moment, place, response};
use crate::protocol::xml::escaped;
use crate::service::Refusal;

/// Keys of one `DeleteObjects` at most, and octets of a key.
const KEYS_AT_MOST: usize = 1000;
const KEY_AT_MOST: usize = 1024;

pub(super) fn create_bucket(asked: &Asked<'_>) -> Answer {
    if !is_bucket_name(&asked.bucket) {
        let message = format!("The specified bucket is not valid: {}", asked.bucket);
        return Err(ApiError::client("InvalidBucketName", message).into());
    }
    check_location(asked)?;
    let region = asked.caller.region.as_str();
    match asked.store.bucket(&asked.bucket) {
        Ok(there) if there.account != asked.caller.account.as_str() => {
            let message = "The requested bucket name is not available. The bucket namespace is \
                           shared by all users of the system. Please select a different name and \
                           try again.";
            return Err(ApiError::client("BucketAlreadyExists", message).into());
        }
        // Of old, and there alone, it may be made once more.
        Ok(there) if region != "us-east-1" || there.region != region => {
            let message = "Your previous request to create the named bucket succeeded and you \
                           already own it.";
            return Err(ApiError::client("BucketAlreadyOwnedByYou", message).into());
        }
        Ok(_) => {}
        Err(_) => asked.store.set_bucket(
            &asked.bucket,
            &Bucket {
                account: asked.caller.account.to_string(),
                region: region.to_owned(),
                created: asked.store.now(),
                block: Some(PublicAccessBlock::ALL),
                ..Bucket::default()
            },
        )?,
    }
    let mut response = empty(StatusCode::OK, asked.id);
    let location = format!("/{}", asked.bucket);
    let location = location.parse().expect("a bucket's name is plain");
    response.headers_mut().insert("Location", location);
    Ok(response)
}

/// A bucket is made where the request is signed for.
fn check_location(asked: &Asked<'_>) -> Result<(), ApiError> {
    let wanted = match asked.request.body().as_slice() {
        [] => String::new(),
        _ => {
            let body = document(&content(asked.request)?)?;
            child(&body, "LocationConstraint").to_owned()
        }
    };
    let region = asked.caller.region.as_str();
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
        "The {shown} location constraint is incompatible for the region specific endpoint this \
         request was sent to: {region}."
    );
    Err(ApiError::client(
        "IllegalLocationConstraintException",
        message,
    ))
}

pub(super) fn delete_bucket(asked: &Asked<'_>) -> Answer {
    asked.bucket_for("DeleteBucket", "")?;
    if !asked.store.objects(&asked.bucket).is_empty() {
        let message = "The bucket you tried to delete is not empty";
        return Err(ApiError::client("BucketNotEmpty", message).into());
    }
    if asked.store.publishes(&asked.bucket) {
        let message = "A flow log of this lab delivers to the bucket: it would be there again.";
        return Err(ApiError::client("AccessDenied", message).into());
    }
    asked.store.remove_bucket(&asked.bucket)?;
    Ok(empty(StatusCode::NO_CONTENT, asked.id))
}

pub(super) fn put_object(asked: &Asked<'_>) -> Answer {
    check_writing(asked)?;
    let (octets, checksum) = received(asked.request)?;
    let checksum = checksum.unwrap_or_else(|| Checksum::of(Algorithm::DEFAULT, &octets));
    let noted = Object {
        headers: kept(asked.request.headers())?,
        checksum: Some(checksum.clone()),
        ..Object::default()
    };
    let fresh = asked.store.write(&octets, asked.id)?;
    let object = put(asked, fresh, noted)?;
    let mut response = empty(StatusCode::OK, asked.id);
    let tag = object.tag.parse().expect("hexadecimal digits");
    response.headers_mut().insert("ETag", tag);
    checksum.tell(response.headers_mut());
    Ok(response)
}

/// Holds that the caller may write the object of the key, and that it may be written.
pub(super) fn check_writing(asked: &Asked<'_>) -> Result<(), ApiError> {
    asked.bucket_for("PutObject", &asked.key)?;
    check_key(&asked.key)?;
    let there = || asked.store.file(&asked.bucket, &asked.key).is_some();
    match asked.header("if-none-match") {
        "*" if there() => Err(precondition_failed()),
        _ => Ok(()),
    }
}

/// Puts a fresh object where the request says, as of now; `noted` is what else is known of it.
pub(super) fn put(asked: &Asked<'_>, fresh: Fresh, noted: Object) -> Result<Object, Refusal> {
    let object = Object {
        key: asked.key.clone(),
        modified: asked.store.now(),
        size: fresh.size,
        tag: fresh.tag.clone(),
        ..noted
    };
    asked.store.put(&asked.bucket, fresh, &object)?;
    Ok(object)
}

/// The object that a copy is made of, and its file.
pub(super) fn source(asked: &Asked<'_>) -> Result<(std::path::PathBuf, Object), ApiError> {
    let source = asked.header("x-amz-copy-source").trim_start_matches('/');
    let (path, version) = source.split_once("?versionId=").unwrap_or((source, "null"));
    check_version(version)?;
    let (name, key) = place(&format!("/{path}")).unwrap_or_default();
    let bucket = asked.store.bucket(&name)?;
    access::check((&name, &bucket), asked.caller, "GetObject", &key)?;
    let file = asked.store.existing(&name, &key)?;
    let object = asked.store.object(&name, &key, &file)?;
    Ok((file, object))
}

pub(super) fn copy_object(asked: &Asked<'_>) -> Answer {
    check_writing(asked)?;
    let (file, of) = source(asked)?;
    let replaces = asked.header("x-amz-metadata-directive") == "REPLACE";
    let headers = match replaces {
        true => kept(asked.request.headers())?,
        false => of.headers,
    };
    let wanted = checksum::wanted(asked.request.headers())?;
    let its = of.checksum.map_or(Algorithm::DEFAULT, |it| it.algorithm);
    let octets = Store::read(&file, 0..of.size)?;
    let checksum = Checksum::of(wanted.unwrap_or(its), &octets);
    let fresh = asked.store.write(&octets, asked.id)?;
    let noted = Object {
        headers,
        checksum: Some(checksum.clone()),
        ..Object::default()
    };
    let object = put(asked, fresh, noted)?;
    let (time, tag, checksum) = (moment(object.modified), object.tag, checksum.elements());
    let body = format!(
        "<CopyObjectResult xmlns=\"{NAMESPACE}\"><LastModified>{time}</LastModified>\
         <ETag>{tag}</ETag>{checksum}</CopyObjectResult>"
    );
    Ok(response(asked.id, &body))
}

pub(super) fn delete_object(asked: &Asked<'_>) -> Answer {
    let version = asked.version();
    if let Some(version) = version {
        check_version(version)?;
    }
    remove(asked, &asked.key, version)?;
    let mut response = empty(StatusCode::NO_CONTENT, asked.id);
    if version.is_some() {
        let version = http::HeaderValue::from_static(NULL);
        response.headers_mut().insert("x-amz-version-id", version);
    }
    Ok(response)
}

/// The version of every object here: buckets keep one of each (Amazon S3 User Guide, "Working with
/// objects in a versioning-enabled bucket").
pub(super) const NULL: &str = "null";

/// Holds that there may be such a version.
pub(super) fn check_version(id: &str) -> Result<(), ApiError> {
    match id {
        NULL => Ok(()),
        _ => {
            let message = "Invalid version id specified";
            Err(ApiError::client("InvalidArgument", message))
        }
    }
}

fn remove(asked: &Asked<'_>, key: &str, version: Option<&str>) -> Result<(), Refusal> {
    let action = match version {
        Some(_) => "DeleteObjectVersion",
        None => "DeleteObject",
    };
    asked.bucket_for(action, key)?;
    check_key(key)?;
    asked.store.remove(&asked.bucket, key)
}

/// `DeleteObjects`. A version may be named with each key: the one that there is.
pub(super) fn delete_objects(asked: &Asked<'_>) -> Answer {
    asked.store.bucket(&asked.bucket)?;
    let body = document(&content(asked.request)?)?;
    let objects = body.children.iter().filter(|it| it.name == "Object");
    let objects: Vec<(&str, &str)> = objects
        .map(|it| (child(it, "Key"), child(it, "VersionId")))
        .collect();
    if objects.is_empty()
        || objects.len() > KEYS_AT_MOST
        || objects.iter().any(|it| it.0.is_empty())
    {
        return Err(malformed().into());
    }
    let is_quiet = child(&body, "Quiet") == "true";
    let mut results = String::new();
    for (key, version) in objects {
        let mut named = format!("<Key>{}</Key>", escaped(key));
        if !version.is_empty() {
            named += &format!("<VersionId>{}</VersionId>", escaped(version));
        }
        let removed = match version {
            "" => remove(asked, key, None),
            NULL => remove(asked, key, Some(NULL)),
            _ => Err(no_version().into()),
        };
        match removed {
            Ok(()) if is_quiet => {}
            Ok(()) => results += &format!("<Deleted>{named}</Deleted>"),
            Err(refusal) => {
                let error = refusal.into_api();
                results += &format!(
                    "<Error>{named}<Code>{}</Code><Message>{}</Message></Error>",
                    error.code,
                    escaped(&error.message)
                );
            }
        }
    }
    let body = format!("<DeleteResult xmlns=\"{NAMESPACE}\">{results}</DeleteResult>");
    Ok(response(asked.id, &body))
}

fn no_version() -> ApiError {
    ApiError::client("NoSuchVersion", "The specified version does not exist.")
}

/// Holds that a key is one, and the client's to write.
fn check_key(key: &str) -> Result<(), ApiError> {
    if key.len() > KEY_AT_MOST {
        let message = "Your key is too long";
        return Err(ApiError::client("KeyTooLongError", message));
    }
    if LogKey::parse(key).is_ok() {
        let message = "Keys of flow logs' files are the network's: clients read them.";
        return Err(ApiError::client("AccessDenied", message));
    }
    Ok(())
}

/// More than an object may have.
pub(super) fn too_large() -> ApiError {
    let most = OBJECT_AT_MOST >> 20;
    let message = format!(
        "Your proposed upload exceeds the maximum allowed size: an object here has {most} MiB at \
         most"
    );
    ApiError::client("EntityTooLarge", message)
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

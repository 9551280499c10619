//! What every bucket is here, as new ones are at AWS, and nobody can make otherwise: no versions,
//! no access control lists, no website (Amazon S3 API Reference, "Actions").
//!
//! Tools that describe infrastructure read all of it behind each bucket that they make, and write
//! what they read: a setting to what the bucket is already is taken, any other is `NotImplemented`.

use http::{Method, StatusCode};
use wirelab_model::ApiError;

use super::body::{content, document, empty};
use super::{Answer, Asked, canonical_user, element};
use crate::protocol::rest_xml::document::Element;

/// A parameter of the query, what reading it needs in a policy, and what is read.
type Setting = (&'static str, &'static str, Said);

enum Said {
    /// The root and what is in it.
    Is(&'static str, &'static str),
    /// Code and message: it was never set.
    Never(&'static str, &'static str),
}

use Said::{Is, Never};

const SETTINGS: [Setting; 13] = [
    (
        "accelerate",
        "GetAccelerateConfiguration",
        Is("AccelerateConfiguration", ""),
    ),
    (
        "cors",
        "GetBucketCORS",
        Never(
            "NoSuchCORSConfiguration",
            "The CORS configuration does not exist",
        ),
    ),
    (
        "encryption",
        "GetEncryptionConfiguration",
        Is(
            "ServerSideEncryptionConfiguration",
            "<Rule><ApplyServerSideEncryptionByDefault><SSEAlgorithm>AES256</SSEAlgorithm>\
             </ApplyServerSideEncryptionByDefault><BucketKeyEnabled>false</BucketKeyEnabled></Rule>",
        ),
    ),
    (
        "lifecycle",
        "GetLifecycleConfiguration",
        Never(
            "NoSuchLifecycleConfiguration",
            "The lifecycle configuration does not exist",
        ),
    ),
    ("logging", "GetBucketLogging", Is("BucketLoggingStatus", "")),
    (
        "notification",
        "GetBucketNotification",
        Is("NotificationConfiguration", ""),
    ),
    (
        "object-lock",
        "GetBucketObjectLockConfiguration",
        Never(
            "ObjectLockConfigurationNotFoundError",
            "Object Lock configuration does not exist for this bucket",
        ),
    ),
    (
        "ownershipControls",
        "GetBucketOwnershipControls",
        Is(
            "OwnershipControls",
            "<Rule><ObjectOwnership>BucketOwnerEnforced</ObjectOwnership></Rule>",
        ),
    ),
    (
        "replication",
        "GetReplicationConfiguration",
        Never(
            "ReplicationConfigurationNotFoundError",
            "The replication configuration was not found",
        ),
    ),
    (
        "requestPayment",
        "GetBucketRequestPayment",
        Is("RequestPaymentConfiguration", "<Payer>BucketOwner</Payer>"),
    ),
    (
        "versioning",
        "GetBucketVersioning",
        Is("VersioningConfiguration", ""),
    ),
    (
        "website",
        "GetBucketWebsite",
        Never(
            "NoSuchWebsiteConfiguration",
            "The specified bucket does not have a website configuration",
        ),
    ),
    ("acl", "GetBucketAcl", Is("AccessControlPolicy", "")),
];

/// Answers, if the request is about one of these.
pub(super) fn answer(asked: &Asked<'_>) -> Option<Answer> {
    let (name, action, said) = SETTINGS.iter().find(|it| asked.has(it.0))?;
    Some(match *asked.request.method() {
        Method::GET => read(asked, name, action, said),
        Method::PUT => write(asked, name, action, said),
        // What was never set is away already.
        Method::DELETE => remove(asked, action, said),
        _ => return None,
    })
}

fn read(asked: &Asked<'_>, name: &str, action: &str, said: &Said) -> Answer {
    let bucket = asked.bucket_for(action, "")?;
    let (root, inside) = match said {
        Never(code, message) => return Err(ApiError::client(code, *message).into()),
        Is(root, _) if name == "acl" => (root, owners_alone(&bucket.account)),
        Is(root, inside) => (root, (*inside).to_owned()),
    };
    Ok(element(asked.id, root, &inside))
}

/// The list that a bucket has whose owner alone owns objects.
fn owners_alone(account: &str) -> String {
    let owner = canonical_user(account);
    format!(
        "<Owner><ID>{owner}</ID></Owner><AccessControlList><Grant><Grantee \
         xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" xsi:type=\"CanonicalUser\">\
         <ID>{owner}</ID></Grantee><Permission>FULL_CONTROL</Permission></Grant>\
         </AccessControlList>"
    )
}

fn write(asked: &Asked<'_>, name: &str, action: &str, said: &Said) -> Answer {
    asked.bucket_for(&action.replacen("Get", "Put", 1), "")?;
    if name == "acl" {
        return write_list(asked);
    }
    let wanted = document(&content(asked.request)?)?;
    let is_so = match said {
        Is(root, inside) => {
            let is = document(format!("<{root}>{inside}</{root}>").as_bytes())?;
            wanted.name == *root && says_nothing_else(&wanted, &is)
        }
        Never(..) => false,
    };
    match is_so {
        true => Ok(empty(StatusCode::OK, asked.id)),
        false => Err(not_simulated(name).into()),
    }
}

/// Where the bucket's owner owns every object, no list can be put but the one that is.
fn write_list(asked: &Asked<'_>) -> Answer {
    let is_private = match asked.header("x-amz-acl") {
        "" => document(&content(asked.request)?).is_ok_and(|it| {
            let account = &asked.caller.account;
            let wanted = document(format!("<x>{}</x>", owners_alone(account)).as_bytes());
            wanted.is_ok_and(|wanted| says_nothing_else(&it, &wanted))
        }),
        canned => matches!(canned, "private" | "bucket-owner-full-control"),
    };
    if is_private {
        return Ok(empty(StatusCode::OK, asked.id));
    }
    let message = "The bucket does not allow ACLs";
    Err(ApiError::client("AccessControlListNotSupported", message).into())
}

/// Whether all that the one says the other says, too.
fn says_nothing_else(one: &Element, other: &Element) -> bool {
    let has = |child: &Element| {
        let mut others = other.children.iter();
        others.any(|it| it.name == child.name && says_nothing_else(child, it))
    };
    one.text.trim() == other.text.trim() && one.children.iter().all(has)
}

fn remove(asked: &Asked<'_>, action: &str, said: &Said) -> Answer {
    asked.bucket_for(&action.replacen("Get", "Put", 1), "")?;
    match said {
        Never(..) => Ok(empty(StatusCode::NO_CONTENT, asked.id)),
        // Encryption falls back to what it is.
        Is("ServerSideEncryptionConfiguration", _) => Ok(empty(StatusCode::NO_CONTENT, asked.id)),
        Is(root, _) => Err(not_simulated(root).into()),
    }
}

fn not_simulated(what: &str) -> ApiError {
    let message = format!("wirelab's buckets have one setting of {what}: the one of new buckets.");
    ApiError::client("NotImplemented", message)
}

//! What is said of a bucket and can be said otherwise: its policy, its tags, whether the public is
//! kept out. And where it is.

use http::{Method, StatusCode};
use wirelab_model::ApiError;

use super::body::{child, content, document, empty, malformed};
use super::note::PublicAccessBlock;
use super::{Answer, Asked, access, element};
use crate::protocol::xml::escaped;
use crate::service::Refusal;

/// Tags of a bucket at most (Amazon S3 User Guide, "Using cost allocation S3 bucket tags").
const TAGS_AT_MOST: usize = 50;

/// Octets of a policy at most (Amazon S3 User Guide, "Bucket policies").
const POLICY_AT_MOST: usize = 20 << 10;

/// Answers, if the request is about one of these.
pub(super) fn answer(asked: &Asked<'_>) -> Option<Answer> {
    let names = [
        "location",
        "policy",
        "policyStatus",
        "publicAccessBlock",
        "tagging",
    ];
    let name = names.into_iter().find(|it| asked.has(it))?;
    Some(match (asked.request.method(), name) {
        (&Method::GET, "location") => location(asked),
        (&Method::GET, "policy") => policy(asked),
        (&Method::PUT, "policy") => put_policy(asked),
        (&Method::DELETE, "policy") => set(asked, "DeleteBucketPolicy", |it| it.policy = None),
        (&Method::GET, "policyStatus") => policy_status(asked),
        (&Method::GET, "publicAccessBlock") => block(asked),
        (&Method::PUT, "publicAccessBlock") => put_block(asked),
        (&Method::DELETE, "publicAccessBlock") => {
            set(asked, "PutBucketPublicAccessBlock", |it| it.block = None)
        }
        (&Method::GET, "tagging") => tags(asked),
        (&Method::PUT, "tagging") => put_tags(asked),
        (&Method::DELETE, "tagging") => set(asked, "PutBucketTagging", |it| it.tags.clear()),
        _ => return None,
    })
}

fn location(asked: &Asked<'_>) -> Answer {
    let bucket = asked.bucket_for("GetBucketLocation", "")?;
    let region = match bucket.region.as_str() {
        "us-east-1" => "",
        other => other,
    };
    Ok(element(asked.id, "LocationConstraint", region))
}

/// The policy's text, for who may do this.
fn policy_for(asked: &Asked<'_>, action: &str) -> Result<String, ApiError> {
    let bucket = asked.bucket_for(action, "")?;
    bucket.policy.ok_or_else(|| {
        let message = "The bucket policy does not exist";
        ApiError::client("NoSuchBucketPolicy", message)
    })
}

fn policy_status(asked: &Asked<'_>) -> Answer {
    let is_public = access::is_public(&policy_for(asked, "GetBucketPolicyStatus")?);
    let inside = format!("<IsPublic>{is_public}</IsPublic>");
    Ok(element(asked.id, "PolicyStatus", &inside))
}

fn policy(asked: &Asked<'_>) -> Answer {
    let policy = policy_for(asked, "GetBucketPolicy")?;
    let mut response = empty(StatusCode::OK, asked.id);
    let kind = "application/json".parse().expect("a header's value");
    response.headers_mut().insert("Content-Type", kind);
    *response.body_mut() = policy.into_bytes();
    Ok(response)
}

fn put_policy(asked: &Asked<'_>) -> Answer {
    let text = String::from_utf8_lossy(&content(asked.request)?).into_owned();
    let bucket = asked.bucket_for("PutBucketPolicy", "")?;
    if text.len() > POLICY_AT_MOST {
        let message = "Policy exceeds the maximum allowed document size.";
        return Err(ApiError::client("PolicyTooLarge", message).into());
    }
    access::check_policy(&asked.bucket, &text)?;
    access::check_public(&asked.bucket, &bucket, &text, asked.caller)?;
    set(asked, "PutBucketPolicy", |it| it.policy = Some(text))
}

fn block(asked: &Asked<'_>) -> Answer {
    let bucket = asked.bucket_for("GetBucketPublicAccessBlock", "")?;
    let block = bucket.block.ok_or_else(|| {
        let message = "The public access block configuration was not found";
        ApiError::client("NoSuchPublicAccessBlockConfiguration", message)
    })?;
    let member = |(name, is): (&str, bool)| format!("<{name}>{is}</{name}>");
    let members = block.members().map(member).concat();
    Ok(element(
        asked.id,
        "PublicAccessBlockConfiguration",
        &members,
    ))
}

fn put_block(asked: &Asked<'_>) -> Answer {
    let body = document(&content(asked.request)?)?;
    let mut block = PublicAccessBlock::default();
    for element in &body.children {
        let is = element.text.parse().map_err(|_| malformed())?;
        *block.member(&element.name).ok_or_else(malformed)? = is;
    }
    let action = "PutBucketPublicAccessBlock";
    set(asked, action, |it| it.block = Some(block))?;
    Ok(empty(StatusCode::OK, asked.id))
}

fn tags(asked: &Asked<'_>) -> Answer {
    let bucket = asked.bucket_for("GetBucketTagging", "")?;
    if bucket.tags.is_empty() {
        let message = "The TagSet does not exist";
        return Err(ApiError::client("NoSuchTagSet", message).into());
    }
    let tag = |(key, value): &(String, String)| {
        let (key, value) = (escaped(key), escaped(value));
        format!("<Tag><Key>{key}</Key><Value>{value}</Value></Tag>")
    };
    let tags: String = bucket.tags.iter().map(tag).collect();
    let inside = format!("<TagSet>{tags}</TagSet>");
    Ok(element(asked.id, "Tagging", &inside))
}

fn put_tags(asked: &Asked<'_>) -> Answer {
    let body = document(&content(asked.request)?)?;
    let set_of = body.children.iter().find(|it| it.name == "TagSet");
    let elements = set_of.ok_or_else(malformed)?.children.iter();
    let tags: Vec<(String, String)> = elements
        .map(|it| (child(it, "Key").to_owned(), child(it, "Value").to_owned()))
        .collect();
    check_tags(&tags)?;
    set(asked, "PutBucketTagging", |it| it.tags = tags)
}

fn check_tags(tags: &[(String, String)]) -> Result<(), ApiError> {
    let invalid = |why: &str| Err(ApiError::client("InvalidTag", why));
    if tags.len() > TAGS_AT_MOST {
        let message = "Bucket tag count cannot be greater than 50";
        return Err(ApiError::client("BadRequest", message));
    }
    for (at, (key, value)) in tags.iter().enumerate() {
        if key.is_empty() || key.chars().count() > 128 {
            return invalid("The TagKey you have provided is invalid");
        }
        if value.chars().count() > 256 {
            return invalid("The TagValue you have provided is invalid");
        }
        if key.to_lowercase().starts_with("aws:") {
            return invalid("System tags cannot be added/updated by requester");
        }
        if tags[..at].iter().any(|it| it.0 == *key) {
            return invalid("Cannot provide multiple Tags with the same key");
        }
    }
    Ok(())
}

/// Changes what is known of the bucket.
fn set(
    asked: &Asked<'_>,
    action: &str,
    change: impl FnOnce(&mut super::Bucket),
) -> Result<http::Response<Vec<u8>>, Refusal> {
    let mut bucket = asked.bucket_for(action, "")?;
    change(&mut bucket);
    asked.store.set_bucket(&asked.bucket, &bucket)?;
    Ok(empty(StatusCode::NO_CONTENT, asked.id))
}

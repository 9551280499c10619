//! `GetObject` and `HeadObject`.

use http::{Method, Response, StatusCode};
use wirelab_model::ApiError;

use super::note::Object;
use super::store::Store;
use super::{Answer, Asked, body, http_date};
use crate::header_overrides::HEADER_OVERRIDES;

pub(super) fn object(asked: &Asked<'_>) -> Answer {
    asked.bucket_for("GetObject", &asked.key)?;
    let file = asked.store.existing(&asked.bucket, &asked.key)?;
    let object = asked.store.object(&asked.bucket, &asked.key, &file)?;
    if let Some(status) = condition(asked, &object)? {
        let mut response = body::empty(status, asked.id);
        let tag = object.tag.parse().expect("hexadecimal digits");
        response.headers_mut().insert("ETag", tag);
        return Ok(response);
    }
    let all = object.size;
    let range = asked.header("range").strip_prefix("bytes=");
    let part = range.and_then(|it| part(it, all));
    if part.as_ref().is_some_and(|it| it.start >= all) {
        let message = "The requested range is not satisfiable";
        return Err(ApiError::client("InvalidRange", message).into());
    }
    let mut response = Response::builder()
        .header("x-amz-request-id", asked.id)
        .header("Accept-Ranges", "bytes")
        .header("ETag", &object.tag)
        .header("Last-Modified", http_date(object.modified));
    for (name, value) in headers(asked, &object) {
        // What came in as a header goes out as one; of a query it may be anything.
        if http::HeaderValue::from_bytes(value.as_bytes()).is_ok() {
            response = response.header(name, value.as_bytes());
        }
    }
    if let Some(part) = &part {
        let shown = format!("bytes {}-{}/{all}", part.start, part.end - 1);
        response = response
            .status(StatusCode::PARTIAL_CONTENT)
            .header("Content-Range", shown);
    }
    let part = part.unwrap_or(0..all);
    let octets = match *asked.request.method() {
        Method::HEAD => {
            response = response.header("Content-Length", part.end - part.start);
            Vec::new()
        }
        _ => Store::read(&file, part)?,
    };
    Ok(response.body(octets).expect("headers of our own"))
}

fn headers(asked: &Asked<'_>, object: &Object) -> Vec<(String, String)> {
    let mut headers = object.headers.clone();
    let default = || "binary/octet-stream".to_owned();
    headers
        .entry("content-type".to_owned())
        .or_insert_with(default);
    if *asked.request.method() == Method::GET {
        for name in HEADER_OVERRIDES.iter().filter(|it| asked.has(it)) {
            let header = name.trim_start_matches("response-").to_owned();
            headers.insert(header, asked.of(name).to_owned());
        }
    }
    headers.into_iter().collect()
}

/// What the request's conditions say instead of the object (RFC 9110, section 13).
fn condition(asked: &Asked<'_>, object: &Object) -> Result<Option<StatusCode>, ApiError> {
    let is = |name: &str| {
        let mut tags = asked.header(name).split(',').map(str::trim);
        tags.any(|it| it == "*" || it.trim_matches('"') == object.tag.trim_matches('"'))
    };
    if !asked.header("if-match").is_empty() && !is("if-match") {
        return Err(precondition_failed());
    }
    let unchanged = asked.header("if-modified-since") == http_date(object.modified);
    let not_modified = match asked.header("if-none-match") {
        "" => unchanged,
        _ => is("if-none-match"),
    };
    Ok(not_modified.then_some(StatusCode::NOT_MODIFIED))
}

pub(super) fn precondition_failed() -> ApiError {
    let message = "At least one of the pre-conditions you specified did not hold";
    ApiError::client("PreconditionFailed", message)
}

/// `0-99`, `100-`, `-5` of `all` octets; several ranges are read as none, as S3 does.
pub(super) fn part(text: &str, all: u64) -> Option<std::ops::Range<u64>> {
    let (first, last) = text.split_once('-')?;
    if first.is_empty() {
        let count: u64 = last.parse().ok()?;
        return Some(all.saturating_sub(count)..all);
    }
    let first: u64 = first.parse().ok()?;
    let end = match last {
        "" => all,
        last => last.parse::<u64>().ok()?.saturating_add(1).min(all),
    };
    (first < end || first >= all).then_some(first..end)
}

//! `GetObject`, `HeadObject` and `GetObjectAttributes`.

use std::path::PathBuf;

use http::{Method, Response, StatusCode};
use wirelab_model::ApiError;

use super::checksum::Checksum;
use super::note::Object;
use super::store::Store;
use super::write::{NULL, check_version};
use super::{Answer, Asked, body, element, http_date};
use crate::header_overrides::HEADER_OVERRIDES;

pub(super) fn object(asked: &Asked<'_>) -> Answer {
    let (file, object) = existing(asked, "GetObject")?;
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
    if asked.version().is_some() {
        response = response.header("x-amz-version-id", NULL);
    }
    let headers = response.headers_mut().filter(|_| part.is_none());
    if let Some(headers) = headers
        && asked
            .header("x-amz-checksum-mode")
            .eq_ignore_ascii_case("enabled")
    {
        Checksum::of_object(&object, &file)?.tell(headers);
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

/// The object of the key and its file, for who may do this with it.
fn existing(asked: &Asked<'_>, action: &str) -> Result<(PathBuf, Object), ApiError> {
    match asked.version() {
        None => asked.bucket_for(action, &asked.key)?,
        Some(version) => {
            check_version(version)?;
            let action = action.replacen("Object", "ObjectVersion", 1);
            asked.bucket_for(&action, &asked.key)?
        }
    };
    let file = asked.store.existing(&asked.bucket, &asked.key)?;
    let object = asked.store.object(&asked.bucket, &asked.key, &file)?;
    Ok((file, object))
}

/// What `GetObjectAttributes` can be asked for.
const ATTRIBUTES: [&str; 5] = [
    "ETag",
    "Checksum",
    "ObjectParts",
    "StorageClass",
    "ObjectSize",
];

/// `GetObjectAttributes`.
pub(super) fn attributes(asked: &Asked<'_>) -> Answer {
    existing(asked, "GetObjectAttributes")?;
    let (file, object) = existing(asked, "GetObject")?;
    // Some clients send a header for each.
    let names = asked.request.headers().get_all("x-amz-object-attributes");
    let names = names.iter().filter_map(|it| it.to_str().ok());
    let names = names.flat_map(|it| it.split(',')).map(str::trim);
    let names: Vec<&str> = names.filter(|it| !it.is_empty()).collect();
    if names.is_empty() {
        let message = "The x-amz-object-attributes header specifying the attributes to be \
                       retrieved is either missing or empty";
        return Err(ApiError::client("InvalidRequest", message).into());
    }
    if !names.iter().all(|it| ATTRIBUTES.contains(it)) {
        let message = "Invalid attribute name specified.";
        return Err(ApiError::client("InvalidArgument", message).into());
    }
    let mut inside = String::new();
    for name in ATTRIBUTES.into_iter().filter(|it| names.contains(it)) {
        inside += &match name {
            "ETag" => format!("<ETag>{}</ETag>", object.tag.trim_matches('"')),
            "Checksum" => {
                let checksum = Checksum::of_object(&object, &file)?.elements();
                format!("<Checksum>{checksum}</Checksum>")
            }
            "ObjectParts" => object_parts(asked, &object)?,
            "StorageClass" => "<StorageClass>STANDARD</StorageClass>".to_owned(),
            _ => format!("<ObjectSize>{}</ObjectSize>", object.size),
        };
    }
    let mut response = element(asked.id, "GetObjectAttributesResponse", &inside);
    let headers = response.headers_mut();
    let modified = http_date(object.modified).parse().expect("a plain date");
    headers.insert("Last-Modified", modified);
    if asked.version().is_some() {
        headers.insert("x-amz-version-id", http::HeaderValue::from_static(NULL));
    }
    Ok(response)
}

/// The parts that an object came in: how many, and a page of those whose checksums are known.
fn object_parts(asked: &Asked<'_>, object: &Object) -> Result<String, ApiError> {
    let number = |name: &str, default: u32| match asked.header(name) {
        "" => Ok(default),
        text => text.parse().map_err(|_| {
            let message = format!("Provided {name} not an integer or within integer range");
            ApiError::client("InvalidArgument", message)
        }),
    };
    let most = number("x-amz-max-parts", 1000)?.min(1000);
    let after = number("x-amz-part-number-marker", 0)?;
    if object.parts.is_empty() {
        return Ok(String::new());
    }
    let known = object.parts.iter().filter(|it| it.checksum.is_some());
    let mut rest = known.filter(|it| it.number > after).peekable();
    let page: Vec<_> = std::iter::from_fn(|| rest.next())
        .take(most as usize)
        .collect();
    let is_truncated = most > 0 && rest.peek().is_some();
    let next = page.last().map_or(after, |it| it.number);
    let shown = page.iter().map(|it| {
        let checksum = it.checksum.as_ref().map(Checksum::element);
        let (number, size, checksum) = (it.number, it.size, checksum.unwrap_or_default());
        format!("<Part><PartNumber>{number}</PartNumber><Size>{size}</Size>{checksum}</Part>")
    });
    Ok(format!(
        "<ObjectParts><PartsCount>{}</PartsCount><PartNumberMarker>{after}</PartNumberMarker>\
         <NextPartNumberMarker>{next}</NextPartNumberMarker><MaxParts>{most}</MaxParts>\
         <IsTruncated>{is_truncated}</IsTruncated>{}</ObjectParts>",
        object.parts.len(),
        shown.collect::<String>()
    ))
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

//! What a request to S3 carries: octets, XML, a query, headers that stay with an object.

use std::borrow::Cow;
use std::collections::BTreeMap;

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::general_purpose::{GeneralPurpose, PAD};
use http::{HeaderMap, Request, Response, StatusCode};
use md5::{Digest, Md5};
use wirelab_model::ApiError;

use super::checksum::{self, Checksum};
use crate::protocol::rest_xml::document::{self, Element};

/// Octets of a client's own headers at most (Amazon S3 User Guide, "Working with object metadata").
const METADATA_AT_MOST: usize = 2048;

/// Headers that S3 keeps with an object and says when it is read.
const KEPT: [&str; 6] = [
    "cache-control",
    "content-disposition",
    "content-encoding",
    "content-language",
    "content-type",
    "expires",
];

/// A header's value as text; empty if it is not there.
pub(super) fn header<'h>(headers: &'h HeaderMap, name: &str) -> &'h str {
    let value = headers.get(name).and_then(|it| it.to_str().ok());
    value.unwrap_or_default()
}

/// The parameters of a query.
pub(super) fn query(request: &Request<Vec<u8>>) -> BTreeMap<String, String> {
    let query = request.uri().query().unwrap_or_default();
    form_urlencoded::parse(query.as_bytes())
        .map(|(name, value)| (name.into_owned(), value.into_owned()))
        .collect()
}

/// The headers that are to stay with an object.
///
/// # Errors
/// `MetadataTooLarge`.
pub(super) fn kept(headers: &HeaderMap) -> Result<BTreeMap<String, String>, ApiError> {
    let mut kept = BTreeMap::new();
    let mut own = 0;
    for (name, value) in headers {
        let name = name.as_str();
        let is_own = name.starts_with("x-amz-meta-");
        if !is_own && !KEPT.contains(&name) {
            continue;
        }
        let mut value = String::from_utf8_lossy(value.as_bytes()).into_owned();
        if name == "content-encoding" {
            // How the request was sent is not what the object is.
            let parts = value.split(',').map(str::trim);
            let parts: Vec<&str> = parts.filter(|it| *it != "aws-chunked").collect();
            value = parts.join(",");
        }
        if is_own {
            own += name.len() - "x-amz-meta-".len() + value.len();
        }
        if !value.is_empty() || is_own {
            kept.insert(name.to_owned(), value);
        }
    }
    if own > METADATA_AT_MOST {
        let message = "Your metadata headers exceed the maximum allowed metadata size";
        return Err(ApiError::client("MetadataTooLarge", message));
    }
    Ok(kept)
}

/// The octets of a body, whose checksums are right: [`received`] without them.
///
/// # Errors
/// As [`received`].
pub(super) fn content(request: &Request<Vec<u8>>) -> Result<Cow<'_, [u8]>, ApiError> {
    Ok(received(request)?.0)
}

/// The octets of a body, and the checksum that the client says they have.
///
/// # Errors
/// As [`octets`]; as [`checksum::verified`].
pub(super) fn received(
    request: &Request<Vec<u8>>,
) -> Result<(Cow<'_, [u8]>, Option<Checksum>), ApiError> {
    let (octets, trailers) = octets(request)?;
    let checksum = checksum::verified(request.headers(), &trailers, &octets)?;
    Ok((octets, checksum))
}

/// Names in small letters and values of what is behind a body.
type Trailers = Vec<(String, String)>;

/// The octets of a body and what is behind them: as they are, or in the chunks of `aws-chunked`,
/// whose signatures are not looked at (Amazon S3 API Reference, "Signature calculations:
/// transferring payload in multiple chunks").
///
/// # Errors
/// `IncompleteBody`; `BadDigest`, `InvalidDigest`: they are not what `Content-MD5` says.
pub(super) fn octets(request: &Request<Vec<u8>>) -> Result<(Cow<'_, [u8]>, Trailers), ApiError> {
    let headers = request.headers();
    let streams = header(headers, "x-amz-content-sha256").starts_with("STREAMING-");
    let chunked = header(headers, "content-encoding").contains("aws-chunked");
    let (octets, trailers): (Cow<'_, [u8]>, _) = match streams || chunked {
        false => (request.body().as_slice().into(), Vec::new()),
        true => {
            let (octets, trailers) = unchunked(request.body())?;
            check_length(headers, octets.len())?;
            (octets.into(), trailers)
        }
    };
    let said = header(headers, "content-md5");
    if !said.is_empty() {
        let wanted = base64(said).ok_or_else(|| {
            let message = "The Content-MD5 you specified is not valid.";
            ApiError::client("InvalidDigest", message)
        })?;
        if wanted != Md5::digest(&octets)[..] {
            let message = "The Content-MD5 you specified did not match what we received.";
            return Err(ApiError::client("BadDigest", message));
        }
    }
    Ok((octets, trailers))
}

/// Holds that chunks have as many octets as the client has said.
fn check_length(headers: &HeaderMap, length: usize) -> Result<(), ApiError> {
    match header(headers, "x-amz-decoded-content-length") {
        "" => Ok(()),
        said if said.parse() == Ok(length) => Ok(()),
        _ => {
            let message = "The request's chunks have not as many octets as \
                           x-amz-decoded-content-length says.";
            Err(ApiError::client("IncompleteBody", message))
        }
    }
}

fn unchunked(body: &[u8]) -> Result<(Vec<u8>, Trailers), ApiError> {
    let broken = || {
        let message = "The request's chunks are not what their sizes say.";
        ApiError::client("IncompleteBody", message)
    };
    let mut rest = body;
    let mut octets = Vec::new();
    loop {
        let end = rest.windows(2).position(|it| it == b"\r\n");
        let (line, behind) = rest.split_at(end.ok_or_else(broken)?);
        let line = std::str::from_utf8(line).map_err(|_| broken())?;
        let size = line.split(';').next().unwrap_or_default();
        let size = usize::from_str_radix(size.trim(), 16).map_err(|_| broken())?;
        if size == 0 {
            return Ok((octets, trailers(&behind[2..])?));
        }
        let end = size.checked_add(2).ok_or_else(broken)?;
        let chunk = behind.get(2..end).ok_or_else(broken)?;
        octets.extend_from_slice(chunk);
        rest = behind.get(end..).ok_or_else(broken)?;
        rest = rest.strip_prefix(b"\r\n").ok_or_else(broken)?;
    }
}

/// The lines behind the last chunk, `name:value` each, as far as the empty one.
fn trailers(behind: &[u8]) -> Result<Trailers, ApiError> {
    let text = std::str::from_utf8(behind).map_err(|_| checksum::malformed_trailer())?;
    let lines = text.split("\r\n").take_while(|it| !it.is_empty());
    let pair = |line: &str| {
        let (name, value) = line.split_once(':')?;
        Some((name.trim().to_ascii_lowercase(), value.trim().to_owned()))
    };
    let pairs = lines.map(|it| pair(it).ok_or_else(checksum::malformed_trailer));
    pairs.collect()
}

/// The 16 octets that 24 letters of base64 stand for (RFC 4648, section 4).
fn base64(text: &str) -> Option<[u8; 16]> {
    const LENIENT: GeneralPurpose =
        GeneralPurpose::new(&STANDARD, PAD.with_decode_allow_trailing_bits(true));
    LENIENT.decode(text).ok()?.try_into().ok()
}

/// The root of a body of XML.
///
/// # Errors
/// `MalformedXML`.
pub(super) fn document(body: &[u8]) -> Result<Element, ApiError> {
    let root = std::str::from_utf8(body).ok().and_then(document::read);
    root.ok_or_else(malformed)
}

pub(super) fn malformed() -> ApiError {
    let message = "The XML you provided was not well-formed or did not validate against our \
                   published schema";
    ApiError::client("MalformedXML", message)
}

/// The text of an element's child; empty if there is none.
pub(super) fn child<'e>(element: &'e Element, name: &str) -> &'e str {
    let mut children = element.children.iter();
    children
        .find(|it| it.name == name)
        .map_or("", |it| &it.text)
}

/// A response without a body.
pub(super) fn empty(status: StatusCode, id: &str) -> Response<Vec<u8>> {
    let response = Response::builder().status(status);
    let response = response.header("x-amz-request-id", id);
    response.body(Vec::new()).expect("headers of our own")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_in_base64_is_read() {
        // RFC 1321's of "abc", as `openssl md5 -binary | base64` writes it.
        let read = base64("kAFQmDzST7DWlj99KOF/cg==").expect("22 letters");
        assert_eq!(read, Md5::digest(b"abc")[..]);
        assert_eq!(base64("kAFQmDzST7DWlj99KOF/c!=="), None);
    }

    /// A body as the User Guide's example of "STREAMING-UNSIGNED-PAYLOAD-TRAILER" has it.
    #[test]
    fn what_is_behind_chunks_is_read() {
        let body = b"4;chunk-signature=ad\r\n1234\r\n5\r\n56789\r\n0\r\n\
            x-amz-checksum-crc32:y/Q5Jg==\r\nx-amz-trailer-signature:d8\r\n\r\n";
        let (octets, trailers) = unchunked(body).expect("chunks");
        assert_eq!(octets, b"123456789");
        let crc = ("x-amz-checksum-crc32".to_owned(), "y/Q5Jg==".to_owned());
        assert_eq!(trailers[0], crc);
        assert_eq!(trailers.len(), 2);
        let bare = unchunked(b"1\r\nx\r\n0\r\n\r\n").expect("chunks");
        assert_eq!(bare, (b"x".to_vec(), Vec::new()));
        assert!(unchunked(b"2\r\nx\r\n0\r\n\r\n").is_err());
        assert!(unchunked(b"1\r\nx\r\n0\r\nno colon\r\n\r\n").is_err());
    }
}

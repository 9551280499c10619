//! In which shape a client wants its errors.
//!
//! A client reads an error only in the protocol of the request that it sent, so the request says
//! which that is, even where no such service exists here: an answer in another shape would reach
//! the learner as "unable to parse response" (`api-surface`: AWS documents each shape in the
//! service's "Common errors").

use http::{HeaderMap, Request, Response, StatusCode};
use wirelab_model::ApiError;

use crate::error;
use crate::protocol::{json, xml};

/// How errors are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// EC2's own: `<Response><Errors>`.
    Ec2,
    /// The query protocol and Route 53: `<ErrorResponse>`.
    Query,
    /// S3: `<Error>`.
    S3,
    /// JSON 1.0, 1.1 and REST-JSON: `{"__type": ...}`, and the code in a header.
    Json { version: &'static str },
    /// Smithy RPC v2 CBOR: the same as a map.
    Cbor,
}

impl Dialect {
    /// What the request is written in. `scope` is the service it was signed for, if that is known.
    pub(crate) fn of(request: &Request<Vec<u8>>, scope: Option<&str>) -> Self {
        let header = |name: &str| header(request.headers(), name);
        let content_type = header("content-type");
        if header("smithy-protocol") == "rpc-v2-cbor" {
            return Self::Cbor;
        }
        if content_type.starts_with("application/x-amz-json-1.0") {
            return Self::Json { version: "1.0" };
        }
        if content_type.starts_with("application/x-amz-json") || !header("x-amz-target").is_empty()
        {
            return Self::Json { version: "1.1" };
        }
        match scope {
            Some("ec2") => Self::Ec2,
            Some("s3") => Self::S3,
            Some("route53" | "cloudfront") => Self::Query,
            _ if content_type.starts_with("application/x-www-form-urlencoded") => Self::Query,
            None if is_ec2_form(request.body()) => Self::Ec2,
            _ => Self::Json { version: "1.1" },
        }
    }

    /// The response that says `error`.
    pub(crate) fn refusal(self, error: &ApiError, id: &str) -> Response<Vec<u8>> {
        let status = error::status(error);
        let (code, message) = (error.code.as_str(), error.message.as_str());
        match self {
            Self::Ec2 => xml::response(status, id, xml::ec2_error(code, message, id)),
            Self::Query => {
                let fault = match status.is_server_error() {
                    true => "Receiver",
                    false => "Sender",
                };
                xml::response(status, id, xml::query_error(fault, code, message, id))
            }
            Self::S3 => xml::response(status, id, xml::s3_error(code, message, id)),
            Self::Json { version } => json::refusal(version, status, error, id),
            Self::Cbor => cbor_error(status, error, id),
        }
    }
}

fn header<'h>(headers: &'h HeaderMap, name: &str) -> &'h str {
    headers
        .get(name)
        .and_then(|it| it.to_str().ok())
        .unwrap_or_default()
}

/// EC2's date, for requests that are not signed.
fn is_ec2_form(body: &[u8]) -> bool {
    form_urlencoded::parse(body).any(|(name, value)| name == "Version" && value == "2016-11-15")
}

fn cbor_error(status: StatusCode, error: &ApiError, id: &str) -> Response<Vec<u8>> {
    // A map of two pairs (RFC 8949, section 3.1, major type 5).
    let mut body = vec![0xa2];
    for text in ["__type", &error.code, "message", &error.message] {
        cbor_text(text, &mut body);
    }
    let response = Response::builder()
        .status(status)
        .header("Content-Type", "application/cbor")
        .header("Smithy-Protocol", "rpc-v2-cbor")
        .header("x-amzn-RequestId", id);
    response.body(body).expect("the headers are constants")
}

/// A text string with its length in four octets (RFC 8949, section 3.1, major type 3).
fn cbor_text(text: &str, out: &mut Vec<u8>) {
    let length = u32::try_from(text.len()).unwrap_or(u32::MAX);
    out.push(0x7a);
    out.extend(length.to_be_bytes());
    out.extend(&text.as_bytes()[..length as usize]);
}

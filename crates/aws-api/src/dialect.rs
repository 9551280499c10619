//! In which shape a client wants its errors.
//!
//! A client reads an error only in the protocol of the request that it sent, so the request says
//! which that is, even where no such service exists here: an answer in another shape would reach
//! the learner as "unable to parse response" (`api-surface`: AWS documents each shape in the
//! service's "Common errors").

use http::{HeaderMap, Request, Response};
use serde_json::{Map, Value};
use wirelab_model::ApiError;

use crate::error;
use crate::protocol::{cbor, json, xml};

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
    Json {
        version: &'static str,
        is_query: bool,
    },
    /// Smithy RPC v2 CBOR: the same as a map.
    Cbor { is_query: bool },
}

impl Dialect {
    /// What the request is written in. `scope` is the service it was signed for, if that is known.
    pub(crate) fn of(request: &Request<Vec<u8>>, scope: Option<&str>) -> Self {
        let header = |name: &str| header(request.headers(), name);
        let content_type = header("content-type");
        // A client that once spoke the query protocol wants that one's codes as well.
        let is_query = header("x-amzn-query-mode") == "true";
        let json = |version| Self::Json { version, is_query };
        if header("smithy-protocol") == "rpc-v2-cbor" {
            return Self::Cbor { is_query };
        }
        if content_type.starts_with("application/x-amz-json-1.0") {
            return json("1.0");
        }
        if content_type.starts_with("application/x-amz-json") || !header("x-amz-target").is_empty()
        {
            return json("1.1");
        }
        match scope {
            Some("ec2") => Self::Ec2,
            Some("s3") => Self::S3,
            Some("route53" | "cloudfront") => Self::Query,
            _ if content_type.starts_with("application/x-www-form-urlencoded") => Self::Query,
            None if is_ec2_form(request.body()) => Self::Ec2,
            None if is_of_object(request) => Self::S3,
            _ => json("1.1"),
        }
    }

    /// The response that says `error`; `scope` is the service that says it, if that is known.
    pub(crate) fn refusal(
        self,
        scope: Option<&str>,
        error: &ApiError,
        id: &str,
    ) -> Response<Vec<u8>> {
        self.refusal_with(scope, error, Map::new(), id)
    }

    /// The same with further members, which JSON alone has.
    pub(crate) fn refusal_with(
        self,
        scope: Option<&str>,
        error: &ApiError,
        members: Map<String, Value>,
        id: &str,
    ) -> Response<Vec<u8>> {
        let status = error::status(error, scope);
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
            Self::Json { version, is_query } => {
                let named = exception(error, is_query);
                let response = json::refusal(version, status, (&named, members), id);
                with_query_code(response, is_query, error)
            }
            Self::Cbor { is_query } => {
                let body = cbor::refusal(&exception(error, is_query));
                let response = cbor::response(status, id, body);
                with_query_code(response, is_query, error)
            }
        }
    }
}

fn header<'h>(headers: &'h HeaderMap, name: &str) -> &'h str {
    headers
        .get(name)
        .and_then(|it| it.to_str().ok())
        .unwrap_or_default()
}

/// Whether a request that is not signed has the form of S3's: a path that is not Route 53's.
fn is_of_object(request: &Request<Vec<u8>>) -> bool {
    let path = request.uri().path();
    request.method() != http::Method::POST && path != "/" && !path.starts_with("/2013-04-01/")
}

/// EC2's date, for requests that are not signed.
fn is_ec2_form(body: &[u8]) -> bool {
    form_urlencoded::parse(body).any(|(name, value)| name == "Version" && value == "2016-11-15")
}

/// The error under its name in the model, where the query protocol has another code for it.
fn exception(error: &ApiError, is_query: bool) -> ApiError {
    let name = match error.code.as_str() {
        "InvalidParameterCombination" => "InvalidParameterCombinationException",
        "InvalidParameterValue" => "InvalidParameterValueException",
        "MissingParameter" => "MissingRequiredParameterException",
        "ResourceNotFound" => "ResourceNotFoundException",
        same => same,
    };
    let code = if is_query { name } else { &error.code };
    ApiError {
        code: code.into(),
        message: error.message.clone(),
        kind: error.kind,
    }
}

/// The response with the query protocol's code in a header (Smithy, "AWS query compatible").
fn with_query_code(
    mut response: Response<Vec<u8>>,
    is_query: bool,
    error: &ApiError,
) -> Response<Vec<u8>> {
    if is_query {
        let fault = match response.status().is_server_error() {
            true => "Receiver",
            false => "Sender",
        };
        let code = format!("{};{fault}", error.code).parse();
        let code = code.expect("codes are header values");
        response.headers_mut().insert("x-amzn-query-error", code);
    }
    response
}

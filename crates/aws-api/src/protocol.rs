//! Bodies to values and back: one codec for all operations of a protocol, driven by a table of
//! shapes.
//!
//! The value in between is JSON with the API's member names, whatever the wire calls them: what a
//! [`Call`](wirelab_model::Call) takes and a [`Reply`](wirelab_model::Reply) holds. Here are `ec2`
//! and `query`, which share a form of requests (botocore calls the serialisers `EC2Serializer` and
//! `QuerySerializer`) and XML for replies, and JSON, CBOR, which holds what JSON does, and
//! REST-XML.

pub(crate) mod cbor;
pub(crate) mod form;
pub(crate) mod json;
pub(crate) mod rest_xml;
pub(crate) mod xml;

use crate::shape::Member;

/// How a service is spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocol {
    /// EC2's: every list is `Name.1`, `Name.2`; replies have no wrapper.
    Ec2,
    /// STS's and ELB's: lists are `Name.member.1` unless they are flattened.
    Query {
        /// What parameters that break the model are refused with, where the codec says so.
        codes: Option<Codes>,
    },
    /// An action in `X-Amz-Target`, and JSON both ways.
    Json {
        /// `1.0` or `1.1`: how bodies are called.
        version: &'static str,
        /// What parameters that break the model are refused with.
        codes: Codes,
    },
    /// A method and a path that say the action, and XML both ways.
    RestXml {
        /// As JSON's.
        codes: Codes,
    },
    /// Smithy RPC v2: an action in the path, and CBOR both ways.
    Cbor {
        /// As JSON's.
        codes: Codes,
    },
}

/// A service's codes for parameters that break a constraint of the model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Codes {
    /// Of those that have no code of their own.
    pub(crate) others: &'static str,
    /// Of members of requests: `("MaxResults", "InvalidMaxResultsException")`.
    pub(crate) of: &'static [(&'static str, &'static str)],
}

impl Codes {
    /// One code for all.
    pub(crate) const fn all(code: &'static str) -> Self {
        Self {
            others: code,
            of: &[],
        }
    }

    /// The code of what is at `path`: `LookupAttributes.1.member.AttributeKey`.
    pub(crate) fn at(self, path: &str) -> &'static str {
        let member = path.split('.').next();
        let own = self.of.iter().find(|(name, _)| Some(*name) == member);
        own.map_or(self.others, |(_, code)| code)
    }
}

impl Protocol {
    /// Whether the request is written in it.
    pub(crate) fn is_of(self, request: &http::Request<Vec<u8>>) -> bool {
        let headers = request.headers();
        let is_cbor = headers.contains_key("smithy-protocol");
        let is_json = !is_cbor && headers.contains_key("x-amz-target");
        match self {
            Self::Cbor { .. } => is_cbor,
            Self::Json { .. } => is_json,
            Self::Ec2 | Self::Query { .. } | Self::RestXml { .. } => !is_cbor && !is_json,
        }
    }

    /// What a request calls a member.
    fn request_name(self, name: &str, member: &Member) -> String {
        match self {
            // `queryName`, else `locationName` with a capital (Smithy, "AWS EC2 query protocol").
            Self::Ec2 => match (&member.query_name, &member.location_name) {
                (Some(query), _) => query.clone(),
                (None, Some(location)) => capital(location),
                (None, None) => name.to_owned(),
            },
            _ => member
                .location_name
                .clone()
                .unwrap_or_else(|| name.to_owned()),
        }
    }
}

/// What a reply calls a member.
fn reply_name<'m>(name: &'m str, member: &'m Member) -> &'m str {
    member.location_name.as_deref().unwrap_or(name)
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    match letters.next() {
        Some(first) => first.to_uppercase().chain(letters).collect(),
        None => String::new(),
    }
}

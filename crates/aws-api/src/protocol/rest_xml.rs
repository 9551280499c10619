//! REST-XML: an action by method and path, parameters in the path, the query and a body of XML
//! (Smithy, "AWS REST XML protocol").
//!
//! `GET /2013-04-01/hostedzone/Z1/rrset?maxitems=2` fits the template of `ListResourceRecordSets`
//! and becomes `{"HostedZoneId": "Z1", "MaxItems": "2"}`. Of a body the root's name does not
//! matter; its elements are read along the shape of the input, and the JSON codec holds the whole
//! against the model. Replies are `protocol::xml`'s, less what goes into headers.

use http::{HeaderName, HeaderValue, Request, Response, StatusCode};
use serde_json::{Map, Value};
use wirelab_model::{ApiError, percent_decoded};

use super::{Protocol, json, reply_name, xml};
use crate::error;
use crate::shape::{Scalar, Table, Type};
use document::Element;

pub(crate) mod document;

/// The action of a method and a path, and what the path says of its parameters, by their names in
/// the template.
pub(crate) fn action<'t>(
    table: &'t Table,
    request: &Request<Vec<u8>>,
) -> Option<(&'t str, Vec<(&'t str, String)>)> {
    table.operations().find_map(|(name, signature)| {
        let http = signature.http.as_ref()?;
        let fits = request.method().as_str() == http.method;
        let labels = labels(&http.request_uri, request.uri().path())?;
        fits.then_some((name.as_str(), labels))
    })
}

/// What stands in a path where the template has `{Name}`; `None` where it does not fit.
fn labels<'t>(template: &'t str, path: &str) -> Option<Vec<(&'t str, String)>> {
    let mut parts = path.trim_end_matches('/').split('/');
    let mut labels = Vec::new();
    for wanted in template.trim_end_matches('/').split('/') {
        let given = percent_decoded(parts.next()?)?;
        let label = wanted.strip_prefix('{').and_then(|it| it.strip_suffix('}'));
        match label {
            Some(label) if !given.is_empty() => labels.push((label, given)),
            None if wanted == given => {}
            _ => return None,
        }
    }
    parts.next().is_none().then_some(labels)
}

/// The parameters of the operation `action`, whose path has said `labels`.
///
/// # Errors
/// A body that is no XML, or not the input's; what breaks the model, in the protocol's code.
pub(crate) fn parameters(
    protocol: Protocol,
    table: &Table,
    (action, labels): (&str, Vec<(&str, String)>),
    request: &Request<Vec<u8>>,
) -> Result<Map<String, Value>, ApiError> {
    let Protocol::RestXml { codes } = protocol else {
        return Ok(Map::new());
    };
    let malformed = |why: String| ApiError::client(codes.others, why);
    let signature = table.signature(action);
    let input = signature.and_then(|it| it.input.as_deref());
    let Some(Type::Structure(members, _)) = input.map(|name| table.named(name)) else {
        return Ok(Map::new());
    };
    let body = request.body();
    let mut read = match body.iter().all(u8::is_ascii_whitespace) {
        true => Map::new(),
        false => {
            let root = std::str::from_utf8(body).ok().and_then(document::read);
            let root = root.ok_or_else(|| malformed("The body is no XML.".to_owned()))?;
            match value(table, Type::Structure(members, &[]), root).map_err(malformed)? {
                Value::Object(read) => read,
                _ => Map::new(),
            }
        }
    };
    let query = request.uri().query().unwrap_or_default();
    let query: Vec<(String, String)> = form_urlencoded::parse(query.as_bytes())
        .map(|(name, value)| (name.into_owned(), value.into_owned()))
        .collect();
    for (name, member) in members {
        let wire = reply_name(name, member);
        let given = match member.location.as_deref() {
            Some("uri") => labels.iter().find(|it| it.0 == wire).map(|it| &it.1),
            Some("querystring") => query.iter().find(|it| it.0 == wire).map(|it| &it.1),
            _ => continue,
        };
        read.remove(name);
        if let (Some(text), Type::Scalar(kind)) = (given, table.type_of(member)) {
            read.insert(name.clone(), scalar(kind, text.clone()));
        }
    }
    let checked = json::checked(read.into(), table, input, codes);
    checked.map_err(|why| malformed(why.message))
}

/// An element by its type.
fn value(table: &Table, kind: Type<'_>, element: Element) -> Result<Value, String> {
    let unexpected = |it: &Element| format!("The element {} is not expected.", it.name);
    Ok(match kind {
        Type::Structure(members, _) => {
            let mut read = Map::new();
            for child in element.children {
                let mut all = members.iter();
                let found = all.find(|(name, member)| reply_name(name, member) == child.name);
                let (name, member) = found.ok_or_else(|| unexpected(&child))?;
                read.insert(name.clone(), value(table, table.type_of(member), child)?);
            }
            Value::Object(read)
        }
        Type::List { member, .. } => {
            let wanted = member.location_name.as_deref().unwrap_or("member");
            let kind = table.type_of(member);
            let each = element
                .children
                .into_iter()
                .map(|child| match child.name == wanted {
                    true => value(table, kind, child),
                    false => Err(unexpected(&child)),
                });
            Value::Array(each.collect::<Result<_, _>>()?)
        }
        Type::Map { .. } => return Err(unexpected(&element)),
        Type::Scalar(kind) => match element.children.first() {
            Some(child) => return Err(unexpected(child)),
            None => scalar(kind, element.text),
        },
    })
}

fn scalar(kind: Scalar, text: String) -> Value {
    let value = match kind {
        Scalar::Boolean => text.trim().parse::<bool>().ok().map(Value::Bool),
        Scalar::Integer => text.trim().parse::<i64>().ok().map(Value::from),
        Scalar::Double => text.trim().parse::<f64>().ok().map(Value::from),
        Scalar::Timestamp | Scalar::Text => None,
    };
    value.unwrap_or(Value::String(text))
}

/// The response with a reply.
pub(crate) fn response(
    protocol: Protocol,
    table: &Table,
    action: &str,
    reply: &Value,
    id: &str,
) -> Response<Vec<u8>> {
    let signature = table.signature(action).expect("reading has found it");
    let status = signature.http.as_ref().and_then(|it| it.response_code);
    let status = status.and_then(|it| StatusCode::from_u16(it).ok());
    let body = xml::reply(protocol, table, (action, signature), reply, id);
    let mut response = xml::response(status.unwrap_or(StatusCode::OK), id, body);
    let output = signature.output.as_deref().map(|it| table.named(it));
    if let Some(Type::Structure(members, _)) = output {
        let in_header = members
            .iter()
            .filter(|(_, it)| it.location.as_deref() == Some("header"));
        for (name, member) in in_header {
            let header = HeaderName::try_from(reply_name(name, member));
            let value = reply[name.as_str()].as_str().map(HeaderValue::from_str);
            if let (Ok(header), Some(Ok(value))) = (header, value) {
                response.headers_mut().insert(header, value);
            }
        }
    }
    response
}

/// The error for a method and a path that no operation here has.
pub(crate) fn unknown(service: &str, request: &Request<Vec<u8>>, known: &[&str]) -> ApiError {
    let asked = format!("{} {}", request.method(), request.uri().path());
    error::unknown_action("UnknownOperationException", service, &asked, known)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_say_the_parameters_of_their_template() {
        let template = "/2013-04-01/hostedzone/{Id}/rrset/";
        let found = labels(template, "/2013-04-01/hostedzone/Z%31/rrset");
        assert_eq!(found, Some(vec![("Id", "Z1".to_owned())]));
        for other in [
            "/2013-04-01/hostedzone/Z1",
            "/2013-04-01/hostedzone//rrset",
            "/2013-04-01/hostedzone/Z1/rrset/x",
            "/2013-04-01/hostedzone/%/rrset",
            "/2013-04-01/hostedzone/%f/rrset",
            "/2013-04-01/hostedzone/%ff/rrset",
            "",
        ] {
            assert_eq!(labels(template, other), None, "{other}");
        }
    }
}

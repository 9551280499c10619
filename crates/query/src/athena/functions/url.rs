//! Parts of URLs.
//!
//! Source: Trino documentation, "URL functions"; RFC 3986, appendix B.

use super::{Function, functions};
use crate::athena::value::Value;

pub(super) const FUNCTIONS: &[Function] = functions! {
    "url_extract_protocol(varchar):varchar" |_, v| Ok(part(v[0].text(), |url| Some(url.scheme)));
    "url_extract_host(varchar):varchar" |_, v| Ok(part(v[0].text(), |url| Some(url.host)));
    "url_extract_path(varchar):varchar" |_, v| Ok(part(v[0].text(), |url| Some(url.path)));
    "url_extract_query(varchar):varchar" |_, v| {
        Ok(part(v[0].text(), |url| Some(url.query.unwrap_or_default())))
    };
    "url_extract_fragment(varchar):varchar" |_, v| {
        Ok(part(v[0].text(), |url| Some(url.fragment.unwrap_or_default())))
    };
    "url_extract_port(varchar):bigint" |_, v| {
        let port = Url::new(v[0].text()).and_then(|url| url.port?.parse().ok());
        Ok(port.map_or(Value::Null, Value::Int))
    };
    "url_extract_parameter(varchar,varchar):varchar" |_, v| {
        let url = Url::new(v[0].text());
        let query = url.and_then(|url| url.query).unwrap_or_default();
        let pairs = query.split('&').map(|pair| pair.split_once('=').unwrap_or((pair, "")));
        let found = pairs.into_iter().find(|(name, _)| *name == v[1].text());
        Ok(found.map_or(Value::Null, |(_, value)| Value::str(value.to_owned())))
    };
};

struct Url<'u> {
    scheme: &'u str,
    host: &'u str,
    port: Option<&'u str>,
    path: &'u str,
    query: Option<&'u str>,
    fragment: Option<&'u str>,
}

impl<'u> Url<'u> {
    /// `scheme://[user@]host[:port][/path][?query][#fragment]`; `None` for what is no URL.
    fn new(text: &'u str) -> Option<Self> {
        if text.contains(char::is_whitespace) {
            return None;
        }
        let (text, fragment) = match text.split_once('#') {
            Some((text, fragment)) => (text, Some(fragment)),
            None => (text, None),
        };
        let (text, query) = match text.split_once('?') {
            Some((text, query)) => (text, Some(query)),
            None => (text, None),
        };
        let (scheme, rest) = text.split_once("://").unwrap_or(("", text));
        let (authority, path) = match (scheme, rest.find('/')) {
            ("", _) => ("", rest),
            (_, Some(at)) => rest.split_at(at),
            (_, None) => (rest, ""),
        };
        let address = authority
            .rsplit_once('@')
            .map_or(authority, |(_, address)| address);
        let (host, port) = match address.rsplit_once(':') {
            Some((host, port)) if port.bytes().all(|b| b.is_ascii_digit()) => (host, Some(port)),
            _ => (address, None),
        };
        Some(Self {
            scheme,
            host,
            port,
            path,
            query,
            fragment,
        })
    }
}

fn part<'a>(text: &str, of: for<'u> fn(&Url<'u>) -> Option<&'u str>) -> Value<'a> {
    let part = Url::new(text);
    let part = part.as_ref().and_then(of);
    part.map_or(Value::Null, |part| Value::str(part.to_owned()))
}

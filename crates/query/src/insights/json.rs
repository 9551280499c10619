//! Maps and lists: JSON in a column, what lies in it, and the functions that make and read it.
//!
//! `jsonParse(@message)` gives a map; `.items[0].id` in it, or `.items.0.id`, the value there. What
//! is neither map nor list is text, so it turns into a number where one is needed.

use std::borrow::Cow;

use serde_json::{Map, Value as Json};

use super::text::TEXT_MAX;
use super::value::Value;

/// A JSON value as the language has it.
pub(super) fn value<'a>(json: &Json) -> Value<'a> {
    match json {
        Json::Null => Value::Null,
        Json::String(text) => Value::Text(text.clone().into()),
        Json::Object(_) | Json::Array(_) => Value::Structure(json.to_string().into()),
        other => Value::Text(other.to_string().into()),
    }
}

/// What lies at `path` (keys and places joined by dots) in a map or list. Keys may contain dots
/// themselves, so each way to cut the path is tried, longest key first.
pub(super) fn lookup<'j>(value: &'j Json, path: &str) -> Option<&'j Json> {
    let child = |key: &str| match value {
        Json::Object(map) => map.get(key),
        Json::Array(list) => list.get(key.parse::<usize>().ok()?),
        _ => None,
    };
    if let Some(found) = child(path) {
        return Some(found);
    }
    let mut dots = path.rmatch_indices('.').map(|(at, _)| at);
    dots.find_map(|at| lookup(child(&path[..at])?, &path[at + 1..]))
}

/// The value at `path` in a structure; null in anything else.
pub(super) fn access<'a>(of: &Value<'_>, path: &str) -> Value<'a> {
    let found = parsed(of).and_then(|json| lookup(&json, path).map(value));
    found.unwrap_or(Value::Null)
}

fn parsed(structure: &Value<'_>) -> Option<Json> {
    match structure {
        Value::Structure(text) => serde_json::from_str(text).ok(),
        _ => None,
    }
}

/// A structure, or the text of one.
fn structure(of: &Value<'_>) -> Option<Json> {
    parsed(of).or_else(|| {
        let json: Json = serde_json::from_str(&of.text()?).ok()?;
        matches!(json, Json::Object(_) | Json::Array(_)).then_some(json)
    })
}

/// `jsonParse`: null if the text is neither map nor list.
pub(super) fn parse<'a>(v: &[Value<'a>]) -> Value<'a> {
    structure(&v[0]).map_or(Value::Null, |json| value(&json))
}

/// `jsonStringify`: null for what is no structure.
pub(super) fn stringify<'a>(v: &[Value<'a>]) -> Value<'a> {
    match &v[0] {
        Value::Structure(text) => Value::Text(text.clone()),
        _ => Value::Null,
    }
}

/// `jsonArraySize`: null for what is no list.
pub(super) fn array_size<'a>(v: &[Value<'a>]) -> Value<'a> {
    let list = structure(&v[0]);
    Value::of_number(
        list.as_ref()
            .and_then(Json::as_array)
            .map(|list| list.len() as f64),
    )
}

/// `jsonArrayContains`: whether an element is the value, as `=` compares.
pub(super) fn array_contains<'a>(v: &[Value<'a>]) -> Value<'a> {
    let list = structure(&v[0]);
    let elements = list.as_ref().and_then(Json::as_array);
    let equal = |element: &Json| {
        super::value::compare(super::ast::Comparison::Equal, &value(element), &v[1])
    };
    Value::Bool(elements.is_some_and(|list| list.iter().any(equal)))
}

/// `split`: the parts of a text between separators; its characters if the separator is empty.
pub(super) fn split<'a>(v: &[Value<'a>]) -> Value<'a> {
    let Some((text, separator)) = v[0].text().zip(v[1].text()) else {
        return Value::Null;
    };
    let parts: Vec<Json> = if separator.is_empty() {
        text.chars().map(|c| Json::String(c.into())).collect()
    } else {
        text.split(&*separator)
            .map(|part| Json::String(part.to_owned()))
            .collect()
    };
    match value(&Json::Array(parts)) {
        Value::Structure(list) if list.len() > TEXT_MAX => Value::Null,
        list => list,
    }
}

/// The rows that `unnest` makes of a value: a list's elements; anything else is a list of one.
pub(super) fn elements(of: &Value<'_>) -> Vec<Value<'static>> {
    match parsed(of) {
        Some(Json::Array(list)) => list.iter().map(value).collect(),
        Some(other) => vec![value(&other)],
        None => vec![owned(of)],
    }
}

fn owned(value: &Value<'_>) -> Value<'static> {
    match value {
        Value::Null => Value::Null,
        other => other.text().map_or(Value::Null, |text| {
            Value::Text(Cow::Owned(text.into_owned()))
        }),
    }
}

/// `level=info msg="it is on" flag`: a map of the pairs, a key alone being `true`.
pub(super) fn logfmt<'a>(text: &str) -> Value<'a> {
    let mut map = Map::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        let end = rest.find(|c: char| c == '=' || c.is_whitespace());
        let (key, after) = rest.split_at(end.unwrap_or(rest.len()));
        let (content, after) = match after.strip_prefix('=') {
            Some(after) => logfmt_value(after),
            None => ("true".to_owned(), after),
        };
        if !key.is_empty() {
            map.insert(key.to_owned(), Json::String(content));
        }
        rest = after.trim_start();
    }
    if map.is_empty() {
        return Value::Null;
    }
    value(&Json::Object(map))
}

/// A value in quotes or up to a blank, and what follows it.
fn logfmt_value(text: &str) -> (String, &str) {
    let Some(inner) = text.strip_prefix('"') else {
        let end = text.find(char::is_whitespace).unwrap_or(text.len());
        return (text[..end].to_owned(), &text[end..]);
    };
    let mut content = String::new();
    let mut chars = inner.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return (content, &inner[at + 1..]),
            '\\' => content.push(match chars.next() {
                Some((_, 'n')) => '\n',
                Some((_, 't')) => '\t',
                Some((_, escaped)) => escaped,
                None => '\\',
            }),
            c => content.push(c),
        }
    }
    (content, "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_finds_keys_with_dots_and_places_in_lists() {
        let json: Json = serde_json::from_str(r#"{"a.b":{"c":[{"d":1}]},"a":{"x":2}}"#).unwrap();
        assert_eq!(lookup(&json, "a.b.c.0.d"), Some(&Json::from(1)));
        assert_eq!(lookup(&json, "a.x"), Some(&Json::from(2)));
        assert_eq!(lookup(&json, "a.b.c.1.d"), None);
    }

    #[test]
    fn logfmt_takes_quotes_escapes_and_bare_keys() {
        let map = logfmt(r#"level=info msg="it \"is\" on" dry empty= =x"#);
        let json = r#"{"level":"info","msg":"it \"is\" on","dry":"true","empty":""}"#;
        assert_eq!(map, Value::Structure(json.into()));
        assert_eq!(logfmt("  "), Value::Null);
    }
}

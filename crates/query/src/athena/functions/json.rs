//! Functions of JSON. A value of type `json` is its text, without blanks between.

use serde_json::Value as Json;

use super::{Function, functions};
use crate::athena::error::{Checked, Fault};
use crate::athena::value::Value;

pub(super) const FUNCTIONS: &[Function] = functions! {
    "json_extract_scalar(varchar,varchar):varchar" |_, v| scalar(v);
    "json_extract_scalar(json,varchar):varchar" |_, v| scalar(v);
    "json_extract(varchar,varchar):json" |_, v| extract(v);
    "json_extract(json,varchar):json" |_, v| extract(v);
    "json_parse(varchar):json" |_, v| {
        let parsed = read(v[0].text()).ok_or_else(|| {
            Fault::argument(format!("Cannot convert value to JSON: '{}'", v[0].text()))
        });
        Ok(Value::str(parsed?.to_string()))
    };
    "json_format(json):varchar" |_, v| Ok(v[0].clone());
    "json_array_length(varchar):bigint" |_, v| Ok(length(v));
    "json_array_length(json):bigint" |_, v| Ok(length(v));
    "json_size(varchar,varchar):bigint" |_, v| {
        let found = found(v)?;
        Ok(found.map_or(Value::Null, |json| Value::Int(match &json {
            Json::Array(items) => items.len() as i64,
            Json::Object(fields) => fields.len() as i64,
            _ => 0,
        })))
    };
    "json_array_get(varchar,bigint):json" |_, v| Ok(element(v));
    "json_array_get(json,bigint):json" |_, v| Ok(element(v));
};

/// `None` if it is no JSON: Trino's functions then give NULL.
fn read(text: &str) -> Option<Json> {
    serde_json::from_str(text).ok()
}

fn scalar<'a>(v: &[Value<'a>]) -> Checked<Value<'a>> {
    Ok(match found(v)? {
        Some(Json::String(text)) => Value::str(text),
        Some(json @ (Json::Number(_) | Json::Bool(_))) => Value::str(json.to_string()),
        _ => Value::Null,
    })
}

fn extract<'a>(v: &[Value<'a>]) -> Checked<Value<'a>> {
    Ok(found(v)?.map_or(Value::Null, |json| Value::str(json.to_string())))
}

fn length<'a>(v: &[Value<'a>]) -> Value<'a> {
    match read(v[0].text()) {
        Some(Json::Array(items)) => Value::Int(items.len() as i64),
        _ => Value::Null,
    }
}

fn element<'a>(v: &[Value<'a>]) -> Value<'a> {
    let Some(Json::Array(items)) = read(v[0].text()) else {
        return Value::Null;
    };
    let index = match v[1].int() {
        n if n < 0 => n + items.len() as i64,
        n => n,
    };
    let item = usize::try_from(index).ok().and_then(|at| items.get(at));
    item.map_or(Value::Null, |item| Value::str(item.to_string()))
}

/// What a path such as `$.a[0]["b c"]` leads to.
fn found(v: &[Value<'_>]) -> Checked<Option<Json>> {
    let path = v[1].text();
    let wrong = || Fault::argument(format!("Invalid JSON path: '{path}'"));
    let mut json = read(v[0].text());
    let mut rest = path.strip_prefix('$').ok_or_else(wrong)?;
    while !rest.is_empty() {
        let key: String;
        if let Some(tail) = rest.strip_prefix('.') {
            let end = tail.find(['.', '[']).unwrap_or(tail.len());
            key = tail[..end].to_owned();
            rest = &tail[end..];
        } else {
            let tail = rest.strip_prefix('[').ok_or_else(wrong)?;
            let end = tail.find(']').ok_or_else(wrong)?;
            key = tail[..end].trim_matches(['"', '\'']).to_owned();
            rest = &tail[end + 1..];
        }
        if key.is_empty() {
            return Err(wrong());
        }
        json = json.and_then(|json| match json {
            Json::Object(mut fields) => fields.remove(&key),
            Json::Array(mut items) => {
                let at = key.parse::<usize>().ok().filter(|at| *at < items.len());
                at.map(|at| items.swap_remove(at))
            }
            _ => None,
        });
    }
    Ok(json)
}

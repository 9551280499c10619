//! Functions of JSON. A value of type `json` is its text, without blanks between.

use serde_json::Value as Json;

use super::{Function, functions};
use crate::athena::cast::from_text;
use crate::athena::error::{Checked, Fault};
use crate::athena::types::Type;
use crate::athena::value::Value;

pub(super) const FUNCTIONS: &[Function] = functions! {
    "json_extract_scalar(varchar,varchar):varchar" |_, v| scalar(v);
    "json_extract_scalar(json,varchar):varchar" |_, v| scalar(v);
    "json_extract(varchar,varchar):json" |_, v| extract(v);
    "json_extract(json,varchar):json" |_, v| extract(v);
    "json_parse(varchar):json" |_, v| {
        let parsed = parsed(v[0].text()).ok_or_else(|| {
            Fault::argument(format!("Cannot convert value to JSON: '{}'", v[0].text()))
        });
        parsed.map(Value::str)
    };
    "json_format(json):varchar" |_, v| Ok(v[0].clone());
    "is_json_scalar(varchar):boolean" |_, v| is_scalar(v);
    "is_json_scalar(json):boolean" |_, v| is_scalar(v);
    "json_array_contains(varchar,boolean):boolean" |_, v| Ok(contains(v, Json::from(v[1].bool())));
    "json_array_contains(varchar,bigint):boolean" |_, v| Ok(contains(v, Json::from(v[1].int())));
    "json_array_contains(varchar,double):boolean" |_, v| Ok(contains(v, Json::from(v[1].float())));
    "json_array_contains(varchar,varchar):boolean" |_, v| Ok(contains(v, Json::from(v[1].text())));
    "json_array_contains(json,boolean):boolean" |_, v| Ok(contains(v, Json::from(v[1].bool())));
    "json_array_contains(json,bigint):boolean" |_, v| Ok(contains(v, Json::from(v[1].int())));
    "json_array_contains(json,double):boolean" |_, v| Ok(contains(v, Json::from(v[1].float())));
    "json_array_contains(json,varchar):boolean" |_, v| Ok(contains(v, Json::from(v[1].text())));
    "json_exists(varchar,varchar):boolean" |_, v| Ok(Value::Bool(found(&lax(v)?)?.is_some()));
    "json_value(varchar,varchar):varchar" |_, v| scalar(&lax(v)?);
    "json_query(varchar,varchar):varchar" |_, v| extract(&lax(v)?);
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

/// The text of a value of type `json`: keys in order, as Trino keeps them.
pub(in crate::athena) fn parsed(text: &str) -> Option<String> {
    read(text).map(|json| sorted(json).to_string())
}

fn sorted(json: Json) -> Json {
    match json {
        Json::Array(items) => Json::Array(items.into_iter().map(sorted).collect()),
        Json::Object(fields) => {
            let mut fields: Vec<(String, Json)> = fields.into_iter().collect();
            fields.sort_by(|(a, _), (b, _)| a.cmp(b));
            let fields = fields.into_iter().map(|(key, value)| (key, sorted(value)));
            Json::Object(fields.collect())
        }
        other => other,
    }
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

/// Text and path without the word for the path's mode. Both modes agree where a path names keys
/// and places, which is what is answered here.
fn lax<'a>(v: &[Value<'a>]) -> Checked<[Value<'a>; 2]> {
    let path = v[1].text().trim();
    let plain = path
        .strip_prefix("lax ")
        .or_else(|| path.strip_prefix("strict "));
    let plain = plain.unwrap_or(path).trim();
    if plain.contains(['*', '?', '@', '(']) {
        let message = format!("JSON path with more than keys and places is not answered: {path}");
        return Err(Fault::bare("NOT_SUPPORTED", message));
    }
    Ok([v[0].clone(), Value::str(plain.to_owned())])
}

fn is_scalar<'a>(v: &[Value<'a>]) -> Checked<Value<'a>> {
    let text = v[0].text();
    let json = read(text);
    let json = json.ok_or_else(|| Fault::argument(format!("Invalid JSON value: {text}")))?;
    Ok(Value::Bool(!json.is_array() && !json.is_object()))
}

fn contains<'a>(v: &[Value<'a>], wanted: Json) -> Value<'a> {
    let Some(Json::Array(items)) = read(v[0].text()) else {
        return Value::Null;
    };
    let same = |item: &Json| match (item, &wanted) {
        (Json::Number(item), Json::Number(wanted)) => item.as_f64() == wanted.as_f64(),
        (item, wanted) => item == wanted,
    };
    Value::Bool(items.iter().any(same))
}

/// A JSON value as an array, map, row or what stands in them.
pub(in crate::athena) fn cast_json<'a>(text: &str, to: &Type) -> Checked<Value<'a>> {
    let json = read(text);
    let json = json.ok_or_else(|| Fault::cast(format!("Cannot cast to {to}: {text}")))?;
    typed(&json, to)
}

fn typed<'a>(json: &Json, to: &Type) -> Checked<Value<'a>> {
    let wrong = || Fault::cast(format!("Cannot cast to {to}. Unexpected JSON: {json}"));
    Ok(match (json, to) {
        (json, Type::Json) => Value::str(json.to_string()),
        (Json::Null, _) => Value::Null,
        (Json::Array(items), Type::Array(item)) => {
            let items = items.iter().map(|value| typed(value, item));
            Value::List(items.collect::<Checked<_>>()?)
        }
        (Json::Object(fields), Type::Map(key, item)) => {
            let text = |key: &String| Json::String(key.clone());
            let entries = fields.iter();
            let entries =
                entries.map(|(k, value)| Ok((typed(&text(k), key)?, typed(value, item)?)));
            Value::Map(entries.collect::<Checked<_>>()?)
        }
        (Json::Array(items), Type::Row(fields)) if items.len() == fields.len() => {
            let items = items.iter().zip(fields);
            let items = items.map(|(value, (_, ty))| typed(value, ty));
            Value::List(items.collect::<Checked<_>>()?)
        }
        (Json::Object(values), Type::Row(fields)) => {
            let values = fields.iter().map(|(name, ty)| {
                let name = name.as_deref().unwrap_or_default();
                let found = values
                    .iter()
                    .find(|(key, _)| key.eq_ignore_ascii_case(name));
                found.map_or(Ok(Value::Null), |(_, value)| typed(value, ty))
            });
            Value::List(values.collect::<Checked<_>>()?)
        }
        (Json::Array(_) | Json::Object(_), _) | (_, Type::Array(_) | Type::Map(..)) => {
            return Err(wrong());
        }
        (_, Type::Row(_)) => return Err(wrong()),
        (Json::String(text), Type::Varchar(_)) => Value::str(text.clone()),
        (json, Type::Varchar(_)) => Value::str(json.to_string()),
        (Json::String(text), to) => from_text(text, to)?,
        (json, to) => from_text(&json.to_string(), to)?,
    })
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

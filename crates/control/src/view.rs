//! Helpers that shape replies.

use serde::Serialize;
use serde_json::{Map, Value, json};
use smol_str::SmolStr;
use wirelab_model::Tag;

/// What operations without output members answer.
pub(crate) fn done() -> Value {
    json!({ "Return": true })
}

/// The value less every member that is null, at any depth.
pub(crate) fn without_nulls(value: Value) -> Value {
    match value {
        Value::Object(members) => Value::Object(
            members
                .into_iter()
                .filter(|(_, value)| !value.is_null())
                .map(|(name, value)| (name, without_nulls(value)))
                .collect::<Map<_, _>>(),
        ),
        Value::Array(values) => values.into_iter().map(without_nulls).collect(),
        scalar => scalar,
    }
}

/// Tags as every describe reply shows them.
pub(crate) fn tags(tags: &[Tag]) -> Value {
    json!(tags)
}

/// The text of a value that serialises to a text: states and other enumerations.
pub(crate) fn word(value: impl Serialize) -> SmolStr {
    match json!(value) {
        Value::String(text) => text.into(),
        other => other.to_string().into(),
    }
}

/// One value for a filter.
pub(crate) fn one(value: impl ToString) -> Vec<String> {
    vec![value.to_string()]
}

/// The value, if any, for a filter.
pub(crate) fn maybe(value: Option<impl ToString>) -> Vec<String> {
    value.map(|value| value.to_string()).into_iter().collect()
}

/// The values for a filter.
pub(crate) fn each<T: ToString>(values: impl IntoIterator<Item = T>) -> Vec<String> {
    values.into_iter().map(|value| value.to_string()).collect()
}

//! JSON 1.0 and 1.1: `X-Amz-Target: Logs_20140328.StartQuery` and an object, to and from a value.
//!
//! The names on the wire are the API's, so reading is checking. A member that the shape does not
//! have is ignored, as the services do, so that newer clients get along; a value of the wrong type
//! is a `SerializationException`; one that breaks what the model says of it (required, length,
//! range, enumeration) is named in a sentence for each, in the code that the service uses for its
//! parameters. A moment is a number of seconds since the epoch with a fraction, octets are base64
//! text, both ways (Smithy, "AWS JSON 1.1 protocol").
//!
//! In: `{"logGroupName": "flow", "limit": 20000}` for `DescribeLogStreams` becomes `1 validation
//! error detected: Value '20000' at 'limit' failed to satisfy constraint: Member must have value
//! less than or equal to 50`. Out: the members of the reply that the shape has, in its order; a
//! moment that a service wrote as text, `2024-03-05T09:04:00.000Z`, becomes `1709629440`.

use http::{HeaderMap, Response, StatusCode};
use indexmap::IndexMap;
use jiff::Timestamp;
use serde_json::{Map, Value, json};
use wirelab_model::ApiError;

use super::Codes;
use crate::error;
use crate::shape::{Member, Scalar, Signature, Table, Type};

/// The action that a request names: what stands behind the last point of `X-Amz-Target`.
pub(crate) fn action(headers: &HeaderMap) -> Option<String> {
    let target = headers.get("x-amz-target")?.to_str().ok()?;
    let action = target.rsplit('.').next().filter(|it| !it.is_empty())?;
    Some(action.to_owned())
}

/// The parameters of an operation whose input is `input`. `codes` are those of what breaks a
/// constraint.
///
/// # Errors
/// `SerializationException` for what is no JSON or of a wrong type; one of `codes`.
pub(crate) fn parameters(
    body: &[u8],
    table: &Table,
    input: Option<&str>,
    codes: Codes,
) -> Result<Map<String, Value>, ApiError> {
    let value = match body {
        [] => Value::Object(Map::new()),
        body => serde_json::from_slice(body)
            .map_err(|why| error::serialization(format!("the body is no JSON: {why}")))?,
    };
    checked(value, table, input, codes)
}

/// The parameters that a body holds, whatever it was written in.
///
/// # Errors
/// As [`parameters`].
pub(crate) fn checked(
    value: Value,
    table: &Table,
    input: Option<&str>,
    codes: Codes,
) -> Result<Map<String, Value>, ApiError> {
    let none = (IndexMap::new(), Vec::new());
    let (members, required) = match input.map(|name| table.named(name)) {
        Some(Type::Structure(members, required)) => (members, required),
        _ => (&none.0, none.1.as_slice()),
    };
    let mut reading = Reading {
        table,
        violations: Vec::new(),
    };
    let Value::Object(values) = value else {
        return Err(error::serialization("the body is no structure"));
    };
    let read = reading.structure((members, required), values, "")?;
    let Some((path, _)) = reading.violations.first() else {
        return Ok(read);
    };
    let code = codes.at(path);
    let sentences: Vec<_> = reading.violations.into_iter().map(|it| it.1).collect();
    Err(error::violations(code, &sentences))
}

struct Reading<'t> {
    table: &'t Table,
    /// What breaks the model's constraints: where, and a sentence each.
    violations: Vec<(String, String)>,
}

impl Reading<'_> {
    fn structure(
        &mut self,
        (members, required): (&IndexMap<String, Member>, &[String]),
        mut values: Map<String, Value>,
        path: &str,
    ) -> Result<Map<String, Value>, ApiError> {
        let mut read = Map::new();
        for (name, member) in members {
            let path = join(path, name);
            match values.remove(name).filter(|it| !it.is_null()) {
                Some(value) => {
                    let value = self.member(member, value, &path)?;
                    read.insert(name.clone(), value);
                }
                None if required.contains(name) => self.violated("null", &path, "not be null"),
                None => {}
            }
        }
        Ok(read)
    }

    fn member(&mut self, member: &Member, value: Value, path: &str) -> Result<Value, ApiError> {
        let value = self.value(self.table.type_of(member), value, path)?;
        self.check(member, &value, path);
        Ok(value)
    }

    fn value(&mut self, kind: Type<'_>, value: Value, path: &str) -> Result<Value, ApiError> {
        Ok(match (kind, value) {
            (Type::Structure(members, required), Value::Object(values)) => {
                Value::Object(self.structure((members, required), values, path)?)
            }
            (Type::List { member, .. }, Value::Array(values)) => {
                let mut read = Vec::with_capacity(values.len());
                for (at, value) in values.into_iter().enumerate() {
                    let path = format!("{path}.{}.member", at + 1);
                    read.push(self.member(member, value, &path)?);
                }
                Value::Array(read)
            }
            (Type::Map { value: member }, Value::Object(values)) => {
                let mut read = Map::new();
                for (key, value) in values {
                    let path = format!("{path}.{key}.member");
                    let value = self.member(member, value, &path)?;
                    read.insert(key, value);
                }
                Value::Object(read)
            }
            (Type::Scalar(kind), value) => scalar(kind, value, path)?,
            (kind, value) => return Err(wrong_type(kind, &value, path)),
        })
    }

    /// Holds a value against what the model says of the member.
    fn check(&mut self, member: &Member, value: &Value, path: &str) {
        let (size, what) = match value {
            Value::Number(number) => (number.as_i64(), "value"),
            Value::String(text) => (i64::try_from(text.chars().count()).ok(), "length"),
            Value::Array(list) => (i64::try_from(list.len()).ok(), "length"),
            _ => (None, ""),
        };
        let shown = shown(value);
        let least = member.min.filter(|min| size.is_some_and(|it| it < *min));
        let most = member.max.filter(|max| size.is_some_and(|it| it > *max));
        if let Some(least) = least {
            let wanted = format!("have {what} greater than or equal to {least}");
            self.violated(&shown, path, &wanted);
        }
        if let Some(most) = most {
            let wanted = format!("have {what} less than or equal to {most}");
            self.violated(&shown, path, &wanted);
        }
        let known = |text: &str| member.values.iter().any(|it| it == text);
        if !member.values.is_empty() && value.as_str().is_some_and(|text| !known(text)) {
            let all = member.values.join(", ");
            self.violated(&shown, path, &format!("satisfy enum value set: [{all}]"));
        }
    }

    fn violated(&mut self, value: &str, path: &str, wanted: &str) {
        let sentence =
            format!("Value {value} at '{path}' failed to satisfy constraint: Member must {wanted}");
        self.violations.push((path.to_owned(), sentence));
    }
}

/// A value in a sentence, shortened if it is long.
fn shown(value: &Value) -> String {
    let text = match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    match text.char_indices().nth(200) {
        Some((end, _)) => format!("'{}...'", &text[..end]),
        None => format!("'{text}'"),
    }
}

fn scalar(kind: Scalar, value: Value, path: &str) -> Result<Value, ApiError> {
    let fits = match kind {
        Scalar::Boolean => value.is_boolean(),
        // Some clients write whole numbers as `1.0`.
        Scalar::Integer => match value.as_f64() {
            Some(number) if value.as_i64().is_none() && number.fract() == 0.0 => {
                let whole = format!("{number:.0}").parse::<i64>();
                return whole
                    .map(Value::from)
                    .map_err(|_| wrong_type(Type::Scalar(kind), &value, path));
            }
            _ => value.is_i64(),
        },
        Scalar::Double => value.is_number(),
        Scalar::Timestamp => value.is_number(),
        Scalar::Text => value.is_string(),
    };
    match fits {
        true => Ok(value),
        false => Err(wrong_type(Type::Scalar(kind), &value, path)),
    }
}

fn wrong_type(kind: Type<'_>, value: &Value, path: &str) -> ApiError {
    let wanted = match kind {
        Type::Structure(..) => "a structure",
        Type::List { .. } => "a list",
        Type::Map { .. } => "a map",
        Type::Scalar(Scalar::Boolean) => "true or false",
        Type::Scalar(Scalar::Integer) => "an integer",
        Type::Scalar(Scalar::Double) => "a number",
        Type::Scalar(Scalar::Timestamp) => "a moment in seconds since the epoch",
        Type::Scalar(Scalar::Text) => "a text",
    };
    let given = match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "a structure",
    };
    error::serialization(format!("{path} is {given} where {wanted} is wanted"))
}

fn join(path: &str, name: &str) -> String {
    match path.is_empty() {
        true => name.to_owned(),
        false => format!("{path}.{name}"),
    }
}

/// The body of a reply: nothing for an operation without output, as the services answer.
pub(crate) fn reply(table: &Table, signature: &Signature, reply: &Value) -> Vec<u8> {
    let written = members(table, signature, reply);
    written.map_or_else(Vec::new, |it| it.to_string().into_bytes())
}

/// The members of a reply that its shape has, as JSON has them; `None` for an operation without
/// output.
pub(crate) fn members(table: &Table, signature: &Signature, reply: &Value) -> Option<Value> {
    let output = signature.output.as_ref()?;
    Some(written(table, table.named(output), reply))
}

/// The value less what its type has no place for.
fn written(table: &Table, kind: Type<'_>, value: &Value) -> Value {
    match (kind, value) {
        (Type::Structure(members, _), Value::Object(values)) => {
            let known = members.iter().filter_map(|(name, member)| {
                let value = values.get(name).filter(|it| !it.is_null())?;
                let value = written(table, table.type_of(member), value);
                Some((name.clone(), value))
            });
            Value::Object(known.collect())
        }
        (Type::List { member, .. }, Value::Array(values)) => {
            let kind = table.type_of(member);
            let values = values.iter().map(|value| written(table, kind, value));
            Value::Array(values.collect())
        }
        (Type::Map { value: member }, Value::Object(values)) => {
            let kind = table.type_of(member);
            let values = values.iter();
            let values = values.map(|(key, value)| (key.clone(), written(table, kind, value)));
            Value::Object(values.collect())
        }
        (Type::Scalar(Scalar::Timestamp), Value::String(text)) => epoch_seconds(text),
        (_, value) => value.clone(),
    }
}

/// A moment as text to seconds since the epoch, to the millisecond.
fn epoch_seconds(text: &str) -> Value {
    let Ok(moment) = text.parse::<Timestamp>() else {
        return Value::String(text.to_owned());
    };
    match moment.as_millisecond() {
        whole if whole % 1000 == 0 => json!(whole / 1000),
        millis => json!(millis as f64 / 1000.0),
    }
}

/// A response with a body of JSON.
pub(crate) fn response(version: &str, id: &str, body: Vec<u8>) -> Response<Vec<u8>> {
    let response = Response::builder()
        .status(StatusCode::OK)
        .header("Content-Type", format!("application/x-amz-json-{version}"))
        .header("x-amzn-RequestId", id);
    response.body(body).expect("ids are header values")
}

/// The response that says `error`.
pub(crate) fn refusal(
    version: &str,
    status: StatusCode,
    (error, mut members): (&ApiError, Map<String, Value>),
    id: &str,
) -> Response<Vec<u8>> {
    members.insert("__type".to_owned(), error.code.as_str().into());
    members.insert("message".to_owned(), error.message.as_str().into());
    let body = Value::Object(members);
    let mut response = response(version, id, body.to_string().into_bytes());
    *response.status_mut() = status;
    let code = error.code.parse().expect("codes are header values");
    response.headers_mut().insert("x-amzn-ErrorType", code);
    response
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shape;

    fn read(action: &str, body: Value) -> Result<Value, ApiError> {
        let table = shape::logs();
        let input = table
            .signature(action)
            .expect("an operation")
            .input
            .as_deref();
        let body = body.to_string();
        let codes = Codes::all("InvalidParameterException");
        parameters(body.as_bytes(), table, input, codes).map(Value::Object)
    }

    #[test]
    fn what_the_model_has_is_kept_and_the_rest_ignored() {
        let body = json!({ "logGroupName": "g", "filterName": "f", "filterPattern": "",
                           "metricTransformations": [{ "metricName": "m", "metricNamespace": "n",
                           "metricValue": "1", "defaultValue": 0.5, "dimensions": { "d": "$x" } }],
                           "ofTheFuture": [1], "applyOnTransformedLogs": null });
        let mut expected = body.clone();
        for gone in ["ofTheFuture", "applyOnTransformedLogs"] {
            expected.as_object_mut().expect("an object").remove(gone);
        }
        assert_eq!(read("PutMetricFilter", body), Ok(expected));
        let whole = read(
            "PutRetentionPolicy",
            json!({ "logGroupName": "g", "retentionInDays": 7.0 }),
        );
        assert_eq!(whole.expect("it is whole")["retentionInDays"], json!(7));
    }

    #[test]
    fn what_breaks_the_model_is_named() {
        for (body, code, text) in [
            (
                json!({}),
                "InvalidParameterException",
                "3 validation errors detected: Value null at 'startTime' failed to satisfy \
                 constraint: Member must not be null; Value null at 'endTime'",
            ),
            (
                json!({ "startTime": 1, "endTime": 2, "queryString": "x", "limit": 1_000_000 }),
                "InvalidParameterException",
                "Value '1000000' at 'limit' failed to satisfy constraint: Member must have value \
                 less than or equal to ",
            ),
            (
                json!({ "startTime": 1, "endTime": 2, "queryString": "", "logGroupNames": [""],
                        "queryLanguage": "KQL" }),
                "InvalidParameterException",
                "at 'logGroupNames.1.member' failed",
            ),
            (
                json!({ "startTime": "1" }),
                "SerializationException",
                "startTime is a text where an integer is wanted",
            ),
            (
                json!({ "logGroupNames": "g" }),
                "SerializationException",
                "a list is wanted",
            ),
            (json!([]), "SerializationException", "no structure"),
        ] {
            let error = read("StartQuery", body.clone()).expect_err("it is wrong");
            assert_eq!(error.code, code, "{body}");
            assert!(error.message.contains(text), "{body}: {}", error.message);
        }
        let deep = "[".repeat(100_000);
        let input = Some("StartQueryRequest");
        let codes = Codes::all("X");
        let error = parameters(deep.as_bytes(), shape::logs(), input, codes).expect_err("too deep");
        assert_eq!(error.code, "SerializationException");
    }

    #[test]
    fn moments_leave_as_seconds() {
        let group = json!({ "WorkGroup": { "Name": "primary", "CreationTime":
                            "2024-03-05T09:04:00.500Z", "Nobody": 1 } });
        let table = shape::athena();
        let signature = table.signature("GetWorkGroup").expect("an operation");
        let text = reply(table, signature, &group);
        let expected = r#"{"WorkGroup":{"Name":"primary","CreationTime":1709629440.5}}"#;
        assert_eq!(String::from_utf8_lossy(&text), expected);
        assert_eq!(
            epoch_seconds("2024-03-05T09:04:00.000Z"),
            json!(1_709_629_440)
        );
    }
}

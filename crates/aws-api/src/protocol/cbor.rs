//! CBOR as Smithy RPC v2 writes it (RFC 8949; Smithy, "Smithy RPC v2 CBOR protocol"): the same
//! values as JSON's, in octets.
//!
//! `POST /service/GraniteServiceVersion20100801/operation/ListMetrics` with the body `bf
//! 69 4e616d657370616365 66 4157532f4543 ff` is `{"Namespace": "AWS/EC"}`; the JSON codec then
//! holds it against the model. A moment is a number of seconds under tag 1; what the model calls a
//! double is written as one, whole or not: `ciborium`, which reads, would write it shorter than AWS
//! does.

use ciborium::Value as Item;
use http::{Response, StatusCode};
use serde_json::{Map, Number, Value};
use wirelab_model::ApiError;

use super::json;
use crate::error;
use crate::shape::{Scalar, Signature, Table, Type};

/// Deeper than any shape.
const DEPTH_AT_MOST: usize = 32;

const UNSIGNED: u8 = 0;
const NEGATIVE: u8 = 1;
const TEXT: u8 = 3;
const ARRAY: u8 = 4;
const MAP: u8 = 5;
const TAG: u8 = 6;

/// The action that a path names: `/service/NAME/operation/ACTION`.
pub(crate) fn action(path: &str) -> Option<&str> {
    let (_, action) = path.strip_prefix("/service/")?.split_once("/operation/")?;
    Some(action).filter(|it| !it.is_empty())
}

/// The value of a body; of an empty one, a structure without members.
///
/// # Errors
/// `SerializationException` for what is no CBOR, or more than a value.
pub(crate) fn value(body: &[u8]) -> Result<Value, ApiError> {
    if body.is_empty() {
        return Ok(Value::Object(Map::new()));
    }
    let mut rest = body;
    let item = ciborium::de::from_reader_with_recursion_limit(&mut rest, DEPTH_AT_MOST).ok();
    item.filter(|_| rest.is_empty())
        .and_then(plain)
        .ok_or_else(|| error::serialization("the body is no CBOR, or deeper than any call"))
}

/// What JSON has for an item; no shape here has octets.
fn plain(item: Item) -> Option<Value> {
    Some(match item {
        Item::Integer(it) => match i128::from(it) {
            it if it < 0 => i64::try_from(it).ok()?.into(),
            it => u64::try_from(it).ok()?.into(),
        },
        Item::Float(it) => Value::Number(Number::from_f64(it)?),
        Item::Text(it) => Value::String(it),
        Item::Bool(it) => Value::Bool(it),
        Item::Null => Value::Null,
        Item::Tag(_, it) => plain(*it)?,
        Item::Array(list) => list.into_iter().map(plain).collect::<Option<_>>()?,
        Item::Map(entries) => {
            let entry = |(key, value): (Item, Item)| Some((key.into_text().ok()?, plain(value)?));
            Value::Object(entries.into_iter().map(entry).collect::<Option<_>>()?)
        }
        _ => return None,
    })
}

/// The body of a reply; of an operation without output, a structure without members.
pub(crate) fn reply(table: &Table, signature: &Signature, reply: &Value) -> Vec<u8> {
    let mut out = Vec::new();
    let members = json::members(table, signature, reply);
    match (&members, signature.output.as_deref()) {
        (Some(value), Some(output)) => write(table, table.named(output), value, &mut out),
        _ => head(MAP, 0, &mut out),
    }
    out
}

fn write(table: &Table, kind: Type<'_>, value: &Value, out: &mut Vec<u8>) {
    match (kind, value) {
        (Type::Structure(members, _), Value::Object(values)) => {
            head(MAP, values.len() as u64, out);
            for (name, value) in values {
                text(name, out);
                write(table, table.type_of(&members[name]), value, out);
            }
        }
        (Type::Map { value: member }, Value::Object(values)) => {
            head(MAP, values.len() as u64, out);
            for (key, value) in values {
                text(key, out);
                write(table, table.type_of(member), value, out);
            }
        }
        (Type::List { member, .. }, Value::Array(values)) => {
            head(ARRAY, values.len() as u64, out);
            for value in values {
                write(table, table.type_of(member), value, out);
            }
        }
        (Type::Scalar(Scalar::Timestamp), Value::Number(number)) => {
            head(TAG, 1, out);
            double(number.as_f64().unwrap_or_default(), out);
        }
        (Type::Scalar(Scalar::Double), Value::Number(number)) => {
            double(number.as_f64().unwrap_or_default(), out);
        }
        (_, Value::Number(number)) => match number.as_i64() {
            Some(below) if below < 0 => head(NEGATIVE, below.unsigned_abs() - 1, out),
            _ => head(UNSIGNED, number.as_u64().unwrap_or_default(), out),
        },
        (_, Value::String(it)) => text(it, out),
        (_, Value::Bool(it)) => out.push(if *it { 0xf5 } else { 0xf4 }),
        // `misfits` finds these, in tests.
        _ => out.push(0xf6),
    }
}

fn head(major: u8, argument: u64, out: &mut Vec<u8>) {
    let octets = argument.to_be_bytes();
    let (info, count) = match argument {
        0..=23 => (octets[7], 0),
        24..=0xff => (24, 1),
        0x100..=0xffff => (25, 2),
        0x1_0000..=0xffff_ffff => (26, 4),
        _ => (27, 8),
    };
    out.push(major << 5 | info);
    out.extend(&octets[8 - count..]);
}

fn text(it: &str, out: &mut Vec<u8>) {
    head(TEXT, it.len() as u64, out);
    out.extend(it.as_bytes());
}

fn double(it: f64, out: &mut Vec<u8>) {
    out.push(0xfb);
    out.extend(it.to_bits().to_be_bytes());
}

/// The body that says `error`.
pub(crate) fn refusal(error: &ApiError) -> Vec<u8> {
    let mut out = Vec::new();
    head(MAP, 2, &mut out);
    for it in ["__type", &error.code, "message", &error.message] {
        text(it, &mut out);
    }
    out
}

/// A response with a body of CBOR.
pub(crate) fn response(status: StatusCode, id: &str, body: Vec<u8>) -> Response<Vec<u8>> {
    let response = Response::builder()
        .status(status)
        .header("Content-Type", "application/cbor")
        .header("Smithy-Protocol", "rpc-v2-cbor")
        .header("x-amzn-RequestId", id);
    response.body(body).expect("ids are header values")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(hex: &str) -> Option<Value> {
        let octets = hex.as_bytes().chunks(2).map(|two| {
            let two = std::str::from_utf8(two).expect("ASCII");
            u8::from_str_radix(two, 16).expect("hexadecimal")
        });
        value(&octets.collect::<Vec<_>>()).ok()
    }

    /// Examples of RFC 8949, appendix A.
    #[test]
    fn items_are_read_as_the_standard_says() {
        for (hex, expected) in [
            ("1b000000e8d4a51000", json!(1_000_000_000_000_u64)),
            ("3903e7", json!(-1000)),
            ("f93c00", json!(1.0)),
            ("f90400", json!(0.000_061_035_156_25)),
            ("fb3ff199999999999a", json!(1.1)),
            ("c1fb41d452d9e0000000", json!(1_363_896_192.0 + 128.0)),
            ("7f657374726561646d696e67ff", json!("streaming")),
            ("9f018202039f0405ffff", json!([1, [2, 3], [4, 5]])),
            ("bf61610161629f0203ffff", json!({ "a": 1, "b": [2, 3] })),
            ("f4", json!(false)),
            ("f6", json!(null)),
        ] {
            let read = read(hex).unwrap_or_else(|| panic!("{hex}"));
            match hex.starts_with("c1") {
                true => assert!(read.is_f64(), "{hex}: {read}"),
                false => assert_eq!(read, expected, "{hex}"),
            }
        }
        for bad in [
            "ff",
            "61",
            "1c",
            "bf6161",
            "a1016161",
            "0000",
            "9bffffffffffffffff01",
        ] {
            assert_eq!(read(bad), None, "{bad}");
        }
        assert_eq!(read(&"81".repeat(100_000)), None);
    }

    #[test]
    fn numbers_are_written_as_short_as_they_can_be() {
        let written = |argument| {
            let mut out = Vec::new();
            head(UNSIGNED, argument, &mut out);
            out
        };
        assert_eq!(written(23), [0x17]);
        assert_eq!(written(24), [0x18, 0x18]);
        assert_eq!(written(1000), [0x19, 0x03, 0xe8]);
        assert_eq!(written(1_000_000), [0x1a, 0x00, 0x0f, 0x42, 0x40]);
    }
}

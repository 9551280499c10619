//! Reads a call's parameters into an operation's request type.
//!
//! Lenient where EC2's clients differ: the query protocol sends numbers and booleans as text, the
//! command line reads `6` as a number where EC2 wants the text `6`, a list of one may come without
//! brackets, and an attribute's `{"Value": true}` as plain `true`. Strict in all else: an unknown,
//! missing or ill-typed parameter is refused with EC2's error and the parameter's full path.

use std::fmt;

use serde::de::value::{MapDeserializer, StringDeserializer};
use serde::de::{
    self, DeserializeOwned, DeserializeSeed, Deserializer, IntoDeserializer, SeqAccess, Visitor,
};
use serde_json::{Map, Value};
use wirelab_model::ApiError;

use crate::error;

/// Reads `parameters` as a `T`.
pub(crate) fn read<T: DeserializeOwned>(parameters: Map<String, Value>) -> Result<T, ApiError> {
    let root = Parameter {
        path: String::new(),
        value: Value::Object(parameters),
    };
    T::deserialize(root).map_err(RequestError::into_api_error)
}

/// The parameter names that `T` has.
pub(crate) fn fields<T: DeserializeOwned>() -> &'static [&'static str] {
    match T::deserialize(FieldProbe) {
        Err(Fields(fields)) => fields,
        Ok(_) => &[],
    }
}

/// What keeps parameters from being a request.
pub(crate) enum Lack {
    /// Nothing.
    Nothing,
    /// This parameter, with its full path.
    Missing(String),
    /// That there is no such parameter, with its full path.
    Unknown(String),
    /// Something else.
    Wrong,
}

/// What keeps `parameters` from being a `T`.
pub(crate) fn lack<T: DeserializeOwned>(parameters: Map<String, Value>) -> Lack {
    let root = Parameter {
        path: String::new(),
        value: Value::Object(parameters),
    };
    match T::deserialize(root) {
        Ok(_) => Lack::Nothing,
        Err(RequestError::Missing { name }) => Lack::Missing(name),
        Err(RequestError::Unknown { name, .. }) => Lack::Unknown(name),
        Err(_) => Lack::Wrong,
    }
}

#[derive(Debug, thiserror::Error)]
enum RequestError {
    #[error("unknown parameter `{name}`")]
    Unknown {
        name: String,
        nearest: Option<String>,
    },
    #[error("missing parameter `{name}`")]
    Missing { name: String },
    #[error("{why}")]
    Invalid {
        why: String,
        place: Option<(String, String)>,
    },
}

impl RequestError {
    fn into_api_error(self) -> ApiError {
        match self {
            Self::Unknown { name, nearest } => error::unknown_parameter(&name, nearest.as_deref()),
            Self::Missing { name } => error::missing_parameter(&name),
            Self::Invalid { why, place: None } => error::invalid_parameter_value(why),
            Self::Invalid {
                why,
                place: Some((path, value)),
            } => error::invalid_value(&value, &path, &why),
        }
    }

    /// Says where it happened, unless something deeper has said so already.
    fn at(self, path: &str, value: &str) -> Self {
        match self {
            Self::Invalid { why, place: None } => Self::Invalid {
                why,
                place: Some((path.to_owned(), value.to_owned())),
            },
            placed => placed,
        }
    }

    /// A name that serde reports is relative to the structure at `path`. Names from structures
    /// further in are already full: they begin with it.
    fn within(self, path: &str) -> Self {
        let full = |name: String| {
            if name.starts_with(path) {
                name
            } else {
                join(path, &name)
            }
        };
        match self {
            Self::Unknown { name, nearest } => Self::Unknown {
                name: full(name),
                nearest,
            },
            Self::Missing { name } => Self::Missing { name: full(name) },
            invalid => invalid,
        }
    }
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() {
        name.to_owned()
    } else {
        format!("{path}.{name}")
    }
}

impl de::Error for RequestError {
    fn custom<T: fmt::Display>(why: T) -> Self {
        let why = match why.to_string() {
            text if text.contains("IP address syntax") => {
                "this is not a valid address or CIDR block".to_owned()
            }
            text => in_range(&text).unwrap_or(text),
        };
        Self::Invalid { why, place: None }
    }

    fn unknown_field(name: &str, expected: &'static [&'static str]) -> Self {
        Self::Unknown {
            name: name.to_owned(),
            nearest: error::nearest(name, expected.iter().copied()).map(str::to_owned),
        }
    }

    fn missing_field(name: &'static str) -> Self {
        Self::Missing {
            name: name.to_owned(),
        }
    }

    fn unknown_variant(variant: &str, expected: &'static [&'static str]) -> Self {
        Self::custom(format_args!(
            "`{variant}` is not one of {}",
            expected.join(", ")
        ))
    }
}

/// What serde says of an integer that does not fit, in the words of the API: the range.
fn in_range(text: &str) -> Option<String> {
    let (_, wanted) = text.split_once(", expected ")?;
    let (least, most) = match wanted {
        "u8" => (0, u64::from(u8::MAX)),
        "u16" => (0, u64::from(u16::MAX)),
        "u32" => (0, u64::from(u32::MAX)),
        "i16" => (i64::from(i16::MIN), u64::from(i16::MAX.unsigned_abs())),
        "u64" | "usize" => return Some("it must not be negative".to_owned()),
        _ => return None,
    };
    Some(format!("it is outside of the range {least} to {most}"))
}

/// One parameter with its path from the request's root: `IpPermissions[0].FromPort`.
struct Parameter {
    path: String,
    value: Value,
}

impl Parameter {
    /// The value as a person would recognise it in a message.
    fn shown(&self) -> String {
        match &self.value {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        }
    }

    fn visit<'de, V: Visitor<'de>>(
        self,
        visit: impl FnOnce(Value) -> Result<V::Value, RequestError>,
    ) -> Result<V::Value, RequestError> {
        let shown = self.shown();
        visit(self.value).map_err(|error| error.at(&self.path, &shown))
    }

    fn number<'de, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, RequestError> {
        self.visit::<V>(|value| match &value {
            Value::String(text) => match text.trim().parse::<i64>() {
                Ok(number) => visitor.visit_i64(number),
                Err(_) => Err(de::Error::custom("an integer is wanted")),
            },
            Value::Number(number) => match number.as_i64() {
                Some(number) => visitor.visit_i64(number),
                None => Err(de::Error::custom("an integer is wanted")),
            },
            _ => Err(de::Error::custom("an integer is wanted")),
        })
    }

    fn text<'de, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, RequestError> {
        self.visit::<V>(|value| match value {
            Value::String(text) => visitor.visit_string(text),
            Value::Number(_) | Value::Bool(_) => visitor.visit_string(value.to_string()),
            _ => Err(de::Error::custom("a text is wanted")),
        })
    }

    fn boolean<'de, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, RequestError> {
        self.visit::<V>(|value| match value {
            Value::Bool(flag) => visitor.visit_bool(flag),
            Value::String(text) if text == "true" => visitor.visit_bool(true),
            Value::String(text) if text == "false" => visitor.visit_bool(false),
            _ => Err(de::Error::custom("`true` or `false` is wanted")),
        })
    }

    fn structure<'de, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, RequestError> {
        let Value::Object(members) = self.value else {
            return self.visit::<V>(|_| Err(de::Error::custom("a structure is wanted")));
        };
        let path = self.path;
        let within = path.clone();
        let members = members
            .into_iter()
            .filter(|(_, value)| !value.is_null())
            .map(|(name, value)| {
                (
                    name.clone(),
                    Self {
                        path: join(&path, &name),
                        value,
                    },
                )
            });
        visitor
            .visit_map(MapDeserializer::new(members))
            .map_err(|error| error.within(&within))
    }
}

impl<'de> IntoDeserializer<'de, RequestError> for Parameter {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

struct Elements {
    path: String,
    index: usize,
    values: std::vec::IntoIter<Value>,
}

impl<'de> SeqAccess<'de> for Elements {
    type Error = RequestError;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, RequestError> {
        let Some(value) = self.values.next() else {
            return Ok(None);
        };
        let path = format!("{}[{}]", self.path, self.index);
        self.index += 1;
        seed.deserialize(Parameter { path, value }).map(Some)
    }
}

macro_rules! forward {
    ($($method:ident => $to:ident;)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, RequestError> {
            self.$to(visitor)
        }
    )*};
}

impl<'de> Deserializer<'de> for Parameter {
    type Error = RequestError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, RequestError> {
        match &self.value {
            Value::Null => visitor.visit_unit(),
            Value::Bool(_) => self.boolean(visitor),
            Value::Number(_) => self.number(visitor),
            Value::String(_) => self.text(visitor),
            Value::Array(_) => self.deserialize_seq(visitor),
            Value::Object(_) => self.structure(visitor),
        }
    }

    forward! {
        deserialize_bool => boolean;
        deserialize_i8 => number; deserialize_i16 => number;
        deserialize_i32 => number; deserialize_i64 => number;
        deserialize_u8 => number; deserialize_u16 => number;
        deserialize_u32 => number; deserialize_u64 => number;
        deserialize_char => text; deserialize_str => text;
        deserialize_string => text; deserialize_identifier => text;
        deserialize_map => structure;
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, RequestError> {
        match self.value {
            Value::Null => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, RequestError> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, RequestError> {
        let values = match self.value {
            Value::Array(values) => values,
            single => vec![single],
        };
        visitor.visit_seq(Elements {
            path: self.path,
            index: 0,
            values: values.into_iter(),
        })
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, RequestError> {
        if fields == ["Value"] && !self.value.is_object() {
            let path = self.path.clone();
            let member = std::iter::once(("Value", self));
            return visitor
                .visit_map(MapDeserializer::new(member))
                .map_err(|error| error.within(&path));
        }
        self.structure(visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, RequestError> {
        self.visit::<V>(|value| match value {
            Value::String(text) => {
                let variant: StringDeserializer<RequestError> = text.into_deserializer();
                visitor.visit_enum(variant)
            }
            _ => Err(de::Error::custom("a text is wanted")),
        })
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(
        self,
        visitor: V,
    ) -> Result<V::Value, RequestError> {
        visitor.visit_unit()
    }

    serde::forward_to_deserialize_any! {
        f32 f64 bytes byte_buf unit unit_struct tuple tuple_struct
    }
}

/// Asks a type for its field names: the first thing a structure tells its deserialiser.
struct FieldProbe;

#[derive(Debug, thiserror::Error)]
#[error("{0:?}")]
struct Fields(&'static [&'static str]);

impl de::Error for Fields {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self(&[])
    }
}

impl<'de> Deserializer<'de> for FieldProbe {
    type Error = Fields;

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Fields> {
        Err(Fields(&[]))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        _: V,
    ) -> Result<V::Value, Fields> {
        Err(Fields(fields))
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option
        unit unit_struct newtype_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}

/// An attribute's new value as `Modify...Attribute` calls have it: `{"Value": true}`, or `true`.
#[derive(Debug, serde::Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct Flag {
    pub(crate) value: bool,
}

/// As [`Flag`], for a text.
#[derive(Debug, serde::Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct Text {
    pub(crate) value: smol_str::SmolStr,
}

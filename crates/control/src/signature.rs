//! What a call takes: the kind of each parameter, and which it must have.
//!
//! Asked of the request types themselves, by reading them from values that only watch: what a
//! list of calls says can so not differ from what calls accept. What an operation demands only
//! together with other parameters ("one of these two") is not in its type.

use std::cell::RefCell;
use std::fmt;

use serde::de::value::MapDeserializer;
use serde::de::{
    self, DeserializeOwned, DeserializeSeed, Deserializer, IntoDeserializer, SeqAccess, Visitor,
};
use serde_json::{Map, Value, json};

use crate::request::{self, Lack};

/// A parameter of an operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParameterKind {
    /// EC2's name.
    pub name: &'static str,
    /// `text`, `number`, `true or false`, `allow | deny`, `{From, To}`; `[...]` for a list.
    pub kind: String,
    /// Whether no call is accepted without it.
    pub required: bool,
}

/// The parameters of a request type.
pub(crate) fn parameters<T: DeserializeOwned>() -> Vec<ParameterKind> {
    let fields = request::fields::<T>();
    let required = required::<T>(fields);
    let kinds = fields.iter().map(|name| ParameterKind {
        name,
        kind: kind::<T>(name),
        required: required.contains(name),
    });
    kinds.collect()
}

/// Adds what is missing until nothing is.
fn required<T: DeserializeOwned>(fields: &[&'static str]) -> Vec<&'static str> {
    let mut given = Map::new();
    let mut required = Vec::new();
    while let Lack::Missing(name) = request::lack::<T>(given.clone()) {
        let Some(field) = fields.iter().find(|field| **field == name) else {
            break;
        };
        required.push(*field);
        let fitting = samples().into_iter().find(|value| {
            given.insert(name.clone(), value.clone());
            match request::lack::<T>(given.clone()) {
                Lack::Nothing => true,
                Lack::Missing(next) => !next.starts_with(&name),
                Lack::Unknown(_) | Lack::Wrong => false,
            }
        });
        if fitting.is_none() {
            break;
        }
    }
    required
}

/// Values of which one fits most parameters.
fn samples() -> [Value; 11] {
    [
        json!("x"),
        json!("10.0.0.0/16"),
        json!("10.0.0.1"),
        json!(1),
        json!(true),
        json!("6"),
        json!("allow"),
        json!([]),
        json!(["x"]),
        json!({}),
        json!({ "Value": true }),
    ]
}

fn kind<T: DeserializeOwned>(name: &'static str) -> String {
    let seen = RefCell::new(String::new());
    let _ = T::deserialize(Whole { name, seen: &seen });
    match seen.into_inner() {
        text if text.is_empty() => "any".to_owned(),
        text => text,
    }
}

/// Enough was seen.
#[derive(Debug, thiserror::Error)]
#[error("seen")]
struct Seen;

impl de::Error for Seen {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self
    }
}

/// A request with one parameter.
struct Whole<'s> {
    name: &'static str,
    seen: &'s RefCell<String>,
}

impl<'de> Deserializer<'de> for Whole<'_> {
    type Error = Seen;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Seen> {
        let one = std::iter::once((self.name, Watch(self.seen)));
        visitor.visit_map(MapDeserializer::new(one))
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option
        unit unit_struct newtype_struct seq tuple tuple_struct struct map enum identifier
        ignored_any
    }
}

/// A value that notes what it is wanted to be.
#[derive(Clone, Copy)]
struct Watch<'s>(&'s RefCell<String>);

impl Watch<'_> {
    fn note<T>(self, text: &str) -> Result<T, Seen> {
        self.0.borrow_mut().push_str(text);
        Err(Seen)
    }
}

impl<'de> IntoDeserializer<'de, Seen> for Watch<'_> {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

impl<'de> SeqAccess<'de> for Watch<'_> {
    type Error = Seen;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Seen> {
        seed.deserialize(*self).map(Some)
    }
}

macro_rules! notes {
    ($($method:ident => $text:literal;)*) => {$(
        fn $method<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Seen> {
            self.note($text)
        }
    )*};
}

impl<'de> Deserializer<'de> for Watch<'_> {
    type Error = Seen;

    notes! {
        deserialize_any => "any";
        deserialize_bool => "true or false";
        deserialize_i8 => "number"; deserialize_i16 => "number";
        deserialize_i32 => "number"; deserialize_i64 => "number";
        deserialize_u8 => "number"; deserialize_u16 => "number";
        deserialize_u32 => "number"; deserialize_u64 => "number";
        deserialize_str => "text"; deserialize_string => "text";
        deserialize_map => "{...}";
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Seen> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Seen> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Seen> {
        self.0.borrow_mut().push('[');
        let seen = visitor.visit_seq(self);
        self.0.borrow_mut().push_str(", ...]");
        seen
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Seen> {
        if fields == ["Value"] {
            let one = std::iter::once(("Value", self));
            return visitor.visit_map(MapDeserializer::new(one));
        }
        self.note(&format!("{{{}}}", fields.join(", ")))
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        variants: &'static [&'static str],
        _: V,
    ) -> Result<V::Value, Seen> {
        self.note(&variants.join(" | "))
    }

    serde::forward_to_deserialize_any! {
        i128 u128 f32 f64 char bytes byte_buf unit unit_struct tuple tuple_struct identifier
        ignored_any
    }
}

#[cfg(test)]
mod tests {
    use crate::operation;

    #[test]
    fn an_operation_says_what_it_takes() {
        let operation = operation::find("ec2", "CreateNetworkAclEntry").expect("an operation");
        let lines = operation.kinds().into_iter().map(|it| {
            let mark = if it.required { "*" } else { "" };
            format!("{}{mark} {}\n", it.name, it.kind)
        });
        insta::assert_snapshot!(lines.collect::<String>());
    }

    #[test]
    fn the_kinds_of_every_operation_are_known() {
        for operation in operation::all() {
            let kinds = operation.kinds();
            let names: Vec<_> = kinds.iter().map(|it| it.name).collect();
            let known: Vec<_> = (operation.fields)().to_vec();
            assert_eq!(names, known, "{}", operation.name);
        }
    }
}

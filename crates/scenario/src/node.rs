//! A TOML document as a tree that remembers where each part stood.
//!
//! Typed structs come later (`fields`): drawn values may stand in any string, so a key can only be
//! read as a number or an address after they have been filled in.

use std::ops::Range;
use std::sync::Arc;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::error::{ContentError, ContentErrors, Source};

/// A value and where it stands.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Node {
    pub(crate) value: Value,
    pub(crate) span: Range<usize>,
}

/// A TOML value.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    String(String),
    Integer(i64),
    Boolean(bool),
    Datetime(toml::value::Datetime),
    /// Floats are no part of any format here; kept as text for the message.
    Float(String),
    Array(Vec<Node>),
    Table(Table),
}

impl Value {
    /// What it is, for messages.
    pub(crate) const fn kind(&self) -> &'static str {
        match self {
            Self::String(_) => "a string",
            Self::Integer(_) => "an integer",
            Self::Boolean(_) => "a boolean",
            Self::Datetime(_) => "a date and time",
            Self::Float(_) => "a float",
            Self::Array(_) => "an array",
            Self::Table(_) => "a table",
        }
    }

    /// The value as it is put into a longer string; `None` for arrays and tables.
    pub(crate) fn to_text(&self) -> Option<String> {
        match self {
            Self::String(text) | Self::Float(text) => Some(text.clone()),
            Self::Integer(number) => Some(number.to_string()),
            Self::Boolean(flag) => Some(flag.to_string()),
            Self::Datetime(moment) => Some(moment.to_string()),
            Self::Array(_) | Self::Table(_) => None,
        }
    }

    /// The value as JSON: for call parameters, and for what labs refer to.
    pub(crate) fn to_json(&self) -> serde_json::Value {
        match self {
            Self::Integer(number) => (*number).into(),
            Self::Boolean(flag) => (*flag).into(),
            Self::Array(items) => items.iter().map(|item| item.value.to_json()).collect(),
            Self::Table(table) => table
                .iter()
                .map(|(key, node)| (key.name.clone(), node.value.to_json()))
                .collect(),
            Self::String(_) | Self::Float(_) | Self::Datetime(_) => {
                self.to_text().unwrap_or_default().into()
            }
        }
    }
}

/// A key and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Key {
    pub(crate) name: String,
    pub(crate) span: Range<usize>,
}

/// A table in the order of the file.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Table(Vec<(Key, Node)>);

impl Table {
    pub(crate) fn get(&self, name: &str) -> Option<&Node> {
        self.entry(name).map(|(_, node)| node)
    }

    pub(crate) fn entry(&self, name: &str) -> Option<&(Key, Node)> {
        self.0.iter().find(|(key, _)| key.name == name)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&Key, &Node)> {
        self.0.iter().map(|(key, node)| (key, node))
    }

    pub(crate) fn insert(&mut self, key: Key, node: Node) {
        match self.0.iter_mut().find(|(old, _)| old.name == key.name) {
            Some(entry) => *entry = (key, node),
            None => self.0.push((key, node)),
        }
    }

    /// Lays `other` over this table: tables are merged key by key, arrays of tables are joined,
    /// anything else is replaced.
    pub(crate) fn overlay(&mut self, other: Self) {
        for (key, node) in other.0 {
            let Some((_, old)) = self.0.iter_mut().find(|(old, _)| old.name == key.name) else {
                self.0.push((key, node));
                continue;
            };
            match (&mut old.value, node) {
                (
                    Value::Table(base),
                    Node {
                        value: Value::Table(over),
                        ..
                    },
                ) => base.overlay(over),
                (
                    Value::Array(base),
                    Node {
                        value: Value::Array(over),
                        ..
                    },
                ) if is_tables(base) && is_tables(&over) => {
                    base.extend(over);
                }
                (_, node) => *old = node,
            }
        }
    }
}

fn is_tables(items: &[Node]) -> bool {
    items
        .iter()
        .all(|item| matches!(item.value, Value::Table(_)))
}

/// Parses a whole document.
///
/// # Errors
/// What the TOML parser refuses, with its place.
pub(crate) fn parse(source: &Arc<Source>) -> Result<Table, ContentErrors> {
    let (document, errors) = DeTable::parse_recoverable(&source.text);
    if errors.is_empty() {
        return Ok(table(document.into_inner()));
    }
    let errors = errors.into_iter().map(|error| ContentError {
        source: Arc::clone(source),
        span: error.span(),
        message: error.message().to_owned(),
        label: String::new(),
        hint: None,
    });
    Err(ContentErrors::all(errors.collect()))
}

fn table(raw: DeTable<'_>) -> Table {
    let mut entries: Vec<(Key, Node)> = raw
        .into_iter()
        .map(|(key, value)| {
            let span = key.span();
            let name = key.into_inner().into_owned();
            (Key { name, span }, node(value))
        })
        .collect();
    entries.sort_by_key(|(key, _)| key.span.start);
    Table(entries)
}

fn node(raw: Spanned<DeValue<'_>>) -> Node {
    let span = raw.span();
    let value = match raw.into_inner() {
        DeValue::String(text) => Value::String(text.into_owned()),
        DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix())
            .map_or_else(|_| Value::Float(number.as_str().to_owned()), Value::Integer),
        DeValue::Float(number) => Value::Float(number.as_str().to_owned()),
        DeValue::Boolean(flag) => Value::Boolean(flag),
        DeValue::Datetime(moment) => Value::Datetime(moment),
        DeValue::Array(items) => Value::Array(items.into_iter().map(node).collect()),
        DeValue::Table(entries) => Value::Table(table(entries)),
    };
    Node { value, span }
}

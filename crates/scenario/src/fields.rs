//! Typed reading of tables: every key is asked for once, the rest is unknown.
//!
//! Mistakes are collected, so that an author sees all of them at once; a reader that finds one
//! goes on with `None`.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::str::FromStr;
use std::sync::Arc;

use crate::error::{ContentError, ContentErrors, Source, suggest};
use crate::node::{Node, Table, Value};

/// Where mistakes go, and what was asked for.
#[derive(Debug)]
pub(crate) struct Sink {
    source: Arc<Source>,
    errors: RefCell<Vec<ContentError>>,
    /// Keys that nobody asked for: mistakes that keep nothing else from being read.
    unknown_keys: RefCell<Vec<ContentError>>,
    keys: RefCell<Keys>,
}

/// Every kind of table that was read, and what was asked of it: what the published schema is made
/// of.
pub(crate) type Keys = BTreeMap<String, Kind>;

/// A kind of table: `subnet` for `[subnet.replica]`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Kind {
    /// The tables of the kind that were read, by title and place.
    pub(crate) tables: BTreeSet<Place>,
    pub(crate) keys: BTreeMap<&'static str, Asked>,
}

/// How a key was asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Asked {
    pub(crate) shape: Shape,
    /// The tables that are wrong without it.
    pub(crate) required: BTreeSet<Place>,
}

/// A table's title and where it stands.
type Place = (String, usize);

/// What a key's value must be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Shape {
    /// Its reader looks for itself.
    #[default]
    Any,
    Text,
    Integer,
    Boolean,
    Texts,
    Integers,
    /// `[[key]]`.
    Tables,
    /// `[key.name]`.
    Named,
    /// One of these words.
    Word(Vec<&'static str>),
}

impl Sink {
    pub(crate) fn new(source: &Arc<Source>) -> Self {
        Self {
            source: Arc::clone(source),
            errors: RefCell::default(),
            unknown_keys: RefCell::default(),
            keys: RefCell::default(),
        }
    }

    /// What was asked for so far.
    pub(crate) fn keys(&self) -> Keys {
        self.keys.borrow().clone()
    }

    /// Notes a mistake at `span`.
    pub(crate) fn error(&self, span: &Range<usize>, message: impl Into<String>) {
        self.report(Some(span), message.into(), String::new(), None);
    }

    /// Notes a mistake with what stands beside the caret and a hint.
    pub(crate) fn explain(
        &self,
        span: &Range<usize>,
        message: impl Into<String>,
        label: impl Into<String>,
        hint: Option<String>,
    ) {
        self.report(Some(span), message.into(), label.into(), hint);
    }

    /// Notes a mistake of the file as a whole.
    pub(crate) fn file(&self, message: impl Into<String>, hint: Option<String>) {
        self.report(None, message.into(), String::new(), hint);
    }

    fn report(
        &self,
        span: Option<&Range<usize>>,
        message: String,
        label: String,
        hint: Option<String>,
    ) {
        let error = self.mistake(span, message, label, hint);
        self.errors.borrow_mut().push(error);
    }

    fn mistake(
        &self,
        span: Option<&Range<usize>>,
        message: String,
        label: String,
        hint: Option<String>,
    ) -> ContentError {
        ContentError {
            source: Arc::clone(&self.source),
            span: span.cloned(),
            message,
            label,
            hint,
        }
    }

    /// Takes over the unknown keys that were noted in `other`, and nothing else.
    pub(crate) fn add_unknown_keys(&self, other: Self) {
        let keys = other.unknown_keys.into_inner();
        self.unknown_keys.borrow_mut().extend(keys);
    }

    /// The value if nothing was noted, else every mistake.
    pub(crate) fn finish<T>(self, value: Option<T>) -> Result<T, ContentErrors> {
        let mut errors = self.errors.into_inner();
        errors.extend(self.unknown_keys.into_inner());
        match value {
            Some(value) if errors.is_empty() => Ok(value),
            _ => Err(ContentErrors::all(errors)),
        }
    }

    /// How many mistakes were noted so far.
    pub(crate) fn count(&self) -> usize {
        self.errors.borrow().len()
    }

    /// Whether nothing was noted so far that would break what is read next.
    pub(crate) fn is_clean(&self) -> bool {
        self.count() == 0
    }
}

/// A text with its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Text {
    pub(crate) text: String,
    pub(crate) span: Range<usize>,
}

impl Text {
    /// Reads the text as a `T`, whose error message names what is wrong.
    pub(crate) fn parse<T>(&self, sink: &Sink) -> Option<T>
    where
        T: FromStr,
        T::Err: std::fmt::Display,
    {
        match self.text.parse() {
            Ok(value) => Some(value),
            Err(error) => {
                let wanted = wanted(std::any::type_name::<T>());
                let message = error.to_string();
                // The errors of `std` and `ipnet` do not repeat the text; ours do.
                let message = if message.contains('`') {
                    message
                } else {
                    format!("`{}` is no {wanted}: {message}", self.text)
                };
                sink.error(&self.span, message);
                None
            }
        }
    }
}

/// What a type is called by people.
fn wanted(type_name: &str) -> &str {
    match type_name.rsplit("::").next() {
        Some("IpNet" | "Ipv4Net") => "CIDR block such as `10.0.0.0/16`",
        Some("IpAddr" | "Ipv4Addr") => "IP address such as `10.0.0.10`",
        Some("SimDuration") => "duration such as `\"20s\"`",
        Some("Size") => "size such as `\"64KiB\"`",
        _ => "value that fits here",
    }
}

/// A table that is being read.
pub(crate) struct Fields<'a> {
    table: &'a Table,
    sink: &'a Sink,
    /// Where the table stands, for what is missing in it.
    span: Range<usize>,
    /// Where it begins.
    place: usize,
    /// What it is called in messages: `[subnet.replica]`.
    title: String,
    asked: RefCell<Vec<&'static str>>,
}

/// The kind of table that a title names: `subnet` of `[subnet.replica]`, `traffic` of
/// `[[traffic]]`; empty for the file as a whole.
fn kind_of(title: &str) -> &str {
    let kind = title.rsplit(' ').next().unwrap_or_default();
    let kind = kind.trim_matches(['[', ']', '`']);
    match kind.split_once('.') {
        Some((_, "toml")) => "",
        Some((kind, _)) => kind,
        None => kind,
    }
}

impl<'a> Fields<'a> {
    pub(crate) fn new(table: &'a Table, span: &Range<usize>, title: &str, sink: &'a Sink) -> Self {
        let mut keys = sink.keys.borrow_mut();
        let kind = keys.entry(kind_of(title).to_owned()).or_default();
        kind.tables.insert((title.to_owned(), span.start));
        drop(keys);
        Self {
            table,
            sink,
            span: span.clone(),
            place: span.start,
            title: title.to_owned(),
            asked: RefCell::default(),
        }
    }

    /// Reads a node that must be a table.
    pub(crate) fn of(node: &'a Node, title: &str, sink: &'a Sink) -> Option<Self> {
        match &node.value {
            Value::Table(table) => Some(Self::new(table, &node.span, title, sink)),
            other => {
                sink.error(
                    &node.span,
                    format!("{title} is {}, not a table", other.kind()),
                );
                None
            }
        }
    }

    pub(crate) const fn sink(&self) -> &'a Sink {
        self.sink
    }

    pub(crate) const fn span(&self) -> &Range<usize> {
        &self.span
    }

    pub(crate) fn title(&self) -> &str {
        &self.title
    }

    pub(crate) fn has(&self, key: &'static str) -> bool {
        self.node(key).is_some()
    }

    /// The value of `key` as it is.
    pub(crate) fn node(&self, key: &'static str) -> Option<&'a Node> {
        self.shaped(key, Shape::Any)
    }

    fn shaped(&self, key: &'static str, shape: Shape) -> Option<&'a Node> {
        self.asked.borrow_mut().push(key);
        self.note(key, |asked| {
            if shape != Shape::Any {
                asked.shape = shape;
            }
        });
        self.table.get(key)
    }

    fn note(&self, key: &'static str, note: impl FnOnce(&mut Asked)) {
        let mut keys = self.sink.keys.borrow_mut();
        let kind = keys.get_mut(kind_of(&self.title));
        let kind = kind.expect("the kind was entered with the table");
        note(kind.keys.entry(key).or_default());
    }

    pub(crate) fn text(&self, key: &'static str) -> Option<Text> {
        self.as_text(key, self.shaped(key, Shape::Text)?)
    }

    pub(crate) fn required_text(&self, key: &'static str) -> Option<Text> {
        self.required(key)?;
        self.text(key)
    }

    /// The value of a key that must be there.
    pub(crate) fn required(&self, key: &'static str) -> Option<&'a Node> {
        let node = self.node(key);
        let place = (self.title.clone(), self.place);
        self.note(key, |asked| {
            asked.required.insert(place);
        });
        if node.is_none() {
            let message = format!("missing key `{key}` in {}", self.title);
            self.sink.error(&self.span, message);
        }
        node
    }

    pub(crate) fn parsed<T>(&self, key: &'static str) -> Option<T>
    where
        T: FromStr,
        T::Err: std::fmt::Display,
    {
        let node = self.shaped(key, Shape::Text)?;
        if matches!(node.value, Value::String(_)) {
            return self.text(key)?.parse(self.sink);
        }
        let wanted = wanted(std::any::type_name::<T>());
        self.mistyped(key, node, &format!("a string: a {wanted}"))
    }

    pub(crate) fn required_parsed<T>(&self, key: &'static str) -> Option<T>
    where
        T: FromStr,
        T::Err: std::fmt::Display,
    {
        self.required(key)?;
        self.parsed(key)
    }

    /// An integer in `T`'s range.
    pub(crate) fn integer<T: TryFrom<i64>>(&self, key: &'static str) -> Option<T> {
        let node = self.shaped(key, Shape::Integer)?;
        let Value::Integer(number) = node.value else {
            return self.mistyped(key, node, "an integer");
        };
        let converted = T::try_from(number).ok();
        if converted.is_none() {
            let message = format!("`{number}` is out of range for `{key}`");
            self.sink.error(&node.span, message);
        }
        converted
    }

    /// The MTU of a link, within what Linux and its drivers take.
    pub(crate) fn mtu(&self, key: &'static str) -> Option<u16> {
        const MTUS: std::ops::RangeInclusive<u16> = 68..=9216;
        let mtu = self.integer(key)?;
        if MTUS.contains(&mtu) {
            return Some(mtu);
        }
        let message = format!("`{mtu}` is out of range for `{key}`");
        let hint = format!("an MTU is {} to {} octets", MTUS.start(), MTUS.end());
        let span = self
            .shaped(key, Shape::Integer)
            .map_or_else(|| self.span(), |node| &node.span);
        self.sink.explain(span, message, "", Some(hint));
        None
    }

    pub(crate) fn boolean(&self, key: &'static str) -> Option<bool> {
        let node = self.shaped(key, Shape::Boolean)?;
        match node.value {
            Value::Boolean(flag) => Some(flag),
            _ => self.mistyped(key, node, "`true` or `false`"),
        }
    }

    /// An array of strings; a missing key is an empty one.
    pub(crate) fn texts(&self, key: &'static str) -> Vec<Text> {
        let Some(node) = self.shaped(key, Shape::Texts) else {
            return Vec::new();
        };
        let Value::Array(items) = &node.value else {
            return self
                .mistyped(key, node, "an array of strings")
                .unwrap_or_default();
        };
        items
            .iter()
            .filter_map(|item| self.as_text(key, item))
            .collect()
    }

    /// An array of whole numbers; a missing key is an empty one.
    pub(crate) fn integers(&self, key: &'static str) -> Vec<u64> {
        let Some(node) = self.shaped(key, Shape::Integers) else {
            return Vec::new();
        };
        let Value::Array(items) = &node.value else {
            return self
                .mistyped(key, node, "an array of integers")
                .unwrap_or_default();
        };
        let numbers = items.iter().map(|item| match item.value {
            Value::Integer(number) => u64::try_from(number).ok(),
            _ => None,
        });
        let numbers: Option<Vec<u64>> = numbers.collect();
        numbers
            .or_else(|| self.mistyped(key, node, "an array of integers"))
            .unwrap_or_default()
    }

    /// An array of tables, `[[key]]` or inline; a missing key is an empty one.
    pub(crate) fn tables(&self, key: &'static str) -> Vec<Self> {
        let Some(node) = self.shaped(key, Shape::Tables) else {
            return Vec::new();
        };
        let Value::Array(items) = &node.value else {
            return self
                .mistyped(key, node, "an array of tables")
                .unwrap_or_default();
        };
        let title = format!("[[{key}]]");
        items
            .iter()
            .filter_map(|item| Fields::of(item, &title, self.sink))
            .collect()
    }

    /// The named tables under `key`: `[key.name]`.
    pub(crate) fn named(&self, key: &'static str) -> Vec<(String, Self)> {
        let Some(node) = self.shaped(key, Shape::Named) else {
            return Vec::new();
        };
        let Value::Table(table) = &node.value else {
            return self
                .mistyped(key, node, "a table of tables")
                .unwrap_or_default();
        };
        let tables = table.iter().filter_map(|(name, node)| {
            let title = format!("[{key}.{}]", name.name);
            let mut fields = Fields::of(node, &title, self.sink)?;
            fields.span = name.span.clone();
            Some((name.name.clone(), fields))
        });
        tables.collect()
    }

    /// One of the words of `choices`.
    pub(crate) fn choice<T: Copy>(
        &self,
        key: &'static str,
        choices: &[(&'static str, T)],
    ) -> Option<T> {
        let words = choices.iter().map(|(word, _)| *word);
        let text = self.text(key);
        self.note(key, |asked| asked.shape = Shape::Word(words.collect()));
        let text = text?;
        let found = choices.iter().find(|(word, _)| *word == text.text);
        if found.is_none() {
            let words = choices.iter().map(|(word, _)| *word);
            let message = format!("unknown `{key}`: `{}`", text.text);
            self.sink
                .explain(&text.span, message, "", suggest(&text.text, words));
        }
        found.map(|(_, value)| *value)
    }

    /// Notes every key that nobody asked for.
    pub(crate) fn finish(&self) {
        let asked = self.asked.borrow();
        for (key, _) in self.table.iter() {
            if asked.contains(&key.name.as_str()) {
                continue;
            }
            let known: BTreeSet<&str> = asked.iter().copied().collect();
            let error = self.sink.mistake(
                Some(&key.span),
                format!("unknown key `{}` in {}", key.name, self.title),
                String::new(),
                suggest(&key.name, known),
            );
            self.sink.unknown_keys.borrow_mut().push(error);
        }
    }

    fn as_text(&self, key: &str, node: &Node) -> Option<Text> {
        match &node.value {
            Value::String(text) => Some(Text {
                text: text.clone(),
                span: node.span.clone(),
            }),
            _ => self.mistyped(key, node, "a string"),
        }
    }

    fn mistyped<T>(&self, key: &str, node: &Node, wanted: &str) -> Option<T> {
        let message = format!("`{key}` is {}, not {wanted}", node.value.kind());
        self.sink.error(&node.span, message);
        None
    }
}

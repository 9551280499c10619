//! JSON Schemas of `scenario.toml` and `lab.toml`, for editors that complete and check while an
//! author types.
//!
//! They are made from what the readers ask for: a specimen with one of every table is read, and
//! each key notes how it was asked for (`fields`). `keys.txt` says what each key is; a key that no
//! reader knows, or that has no line there, is an error. So the published files
//! (`scenarios/scenario.schema.json`, `labs/lab.schema.json`) cannot drift from what this build
//! reads. What a schema cannot say (references, rules, AWS's limits) is checked by compiling.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Map, Value, json};
use wirelab_model::Seed;

use crate::error::Source;
use crate::fields::{Asked, Keys, Kind, Shape};
use crate::scenario::Scenario;
use crate::{compile, draw, lab};

const SPECIMEN: &str = include_str!("specimen.toml");
const SPECIMEN_LAB: &str = include_str!("specimen-lab.toml");
/// `kind.key  what it is`, one a line; `.key` stands at the top of the file.
const KEYS: &str = include_str!("keys.txt");
const DIALECT: &str = "https://json-schema.org/draft/2020-12/schema";

/// A reader and its description disagree: a mistake of this crate.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SchemaError {
    /// The specimen is not read without a mistake.
    #[error("the specimen is wrong:\n{0}")]
    Specimen(String),
    /// Keys that are read and not described.
    #[error("keys.txt does not say what these are: {}", .0.join(", "))]
    Undescribed(Vec<String>),
    /// Keys that are described and not read.
    #[error("no reader asks for these keys of keys.txt: {}", .0.join(", "))]
    Unread(Vec<String>),
    /// Kinds of tables of which the specimen has none.
    #[error("the specimen has no table of these kinds: {}", .0.join(", "))]
    Missing(Vec<String>),
}

/// The schema of `scenario.toml`.
///
/// # Errors
/// A key without its description, or a description without its key.
pub fn scenario() -> Result<Value, SchemaError> {
    let source = Source::new("specimen/scenario.toml", SPECIMEN);
    let specimen = Scenario::parse(Path::new("specimen"), &source);
    let specimen = specimen.map_err(|errors| SchemaError::Specimen(errors.to_string()))?;
    let (plan, keys) = compile::compile_noting(&specimen, Seed::whole(1), None);
    plan.map_err(|errors| SchemaError::Specimen(errors.to_string()))?;
    let described = described("scenario")?;
    check(&keys, &described)?;
    let mut schema = Schema::new(&keys, &described);
    // One account by its id, or a table for each.
    if let Some(tables) = schema.root.get_mut("account") {
        let description = tables["description"].take();
        let either = json!([{ "type": "string", "pattern": "^[0-9]{12}$" }, tables.clone()]);
        *tables = json!({ "anyOf": either, "description": description });
    }
    // Draws and variants are read before the rest, in ways of their own.
    schema.root.insert(
        "draw".into(),
        json!({
            "type": "object",
            "description": "what varies: a name and how it is drawn; `${draw.name}` stands for it",
            "additionalProperties": { "$ref": "#/$defs/draw" },
        }),
    );
    let mut variant = schema.properties("variant");
    for &section in draw::SECTIONS {
        if let Some(property) = schema.root.get(section) {
            variant.insert(section.to_owned(), property.clone());
        }
    }
    // Any other key is one of the variant's values.
    let variant = json!({ "type": "object", "required": ["name"], "properties": variant });
    schema.definitions.insert("variant".into(), variant);
    schema.root.insert(
        "variant".into(),
        json!({
            "type": "array",
            "description": "exactly one is drawn, and laid over the rest",
            "items": { "$ref": "#/$defs/variant" },
        }),
    );
    Ok(schema.finish(
        "scenario.toml",
        "A network, its programs, and what goes wrong",
    ))
}

/// The schema of `lab.toml`.
///
/// # Errors
/// As [`scenario`].
pub fn lab() -> Result<Value, SchemaError> {
    let source = Source::new("specimen/lab.toml", SPECIMEN_LAB);
    let wrong = |errors: crate::ContentErrors| SchemaError::Specimen(errors.to_string());
    let read = lab::read::lab_noting(Path::new("specimen"), &source);
    let (lab, keys) = read.map_err(wrong)?;
    lab.map_err(wrong)?;
    let described = described("lab")?;
    check(&keys, &described)?;
    let mut schema = Schema::new(&keys, &described);
    let hints = json!({
        "type": "array",
        "minItems": 1,
        "items": { "anyOf": [{ "type": "string" }, { "$ref": "#/$defs/hint" }] },
        "description": described["task.hints"],
    });
    if let Some(task) = schema.definitions.get_mut("task") {
        task["properties"]["hints"] = hints;
    }
    Ok(schema.finish("lab.toml", "Tasks posed on a scenario"))
}

type Described = BTreeMap<&'static str, &'static str>;

/// The lines of one file's part of `keys.txt`.
fn described(file: &str) -> Result<Described, SchemaError> {
    let heading = format!("# {file}.toml\n");
    let part = KEYS.split_once(&heading).map_or("", |(_, rest)| rest);
    let part = part.split("\n# ").next().unwrap_or_default();
    let lines = part.lines().filter(|line| !line.is_empty());
    lines
        .map(|line| {
            let (key, text) = line.split_once("  ").unwrap_or((line, ""));
            let text = text.trim();
            if text.is_empty() {
                return Err(SchemaError::Undescribed(vec![key.to_owned()]));
            }
            Ok((key, text))
        })
        .collect()
}

fn check(keys: &Keys, described: &Described) -> Result<(), SchemaError> {
    let read = || {
        let kinds = keys.iter();
        kinds.flat_map(|(kind, it)| it.keys.keys().map(move |key| format!("{kind}.{key}")))
    };
    let undescribed: Vec<_> = read()
        .filter(|key| !described.contains_key(key.as_str()))
        .collect();
    if !undescribed.is_empty() {
        return Err(SchemaError::Undescribed(undescribed));
    }
    let all: Vec<_> = read().collect();
    let unread = described
        .keys()
        .filter(|key| !all.iter().any(|it| it == **key));
    let unread: Vec<_> = unread.map(|key| (*key).to_owned()).collect();
    if !unread.is_empty() {
        return Err(SchemaError::Unread(unread));
    }
    let tables = keys.values().flat_map(|kind| &kind.keys);
    let tables = tables.filter(|(_, asked)| matches!(asked.shape, Shape::Named | Shape::Tables));
    let missing: Vec<_> = tables
        .filter(|(key, _)| !keys.contains_key(**key))
        .map(|(key, _)| (*key).to_owned())
        .collect();
    if missing.is_empty() {
        Ok(())
    } else {
        Err(SchemaError::Missing(missing))
    }
}

/// A schema under construction.
struct Schema<'a> {
    keys: &'a Keys,
    described: &'a Described,
    root: Map<String, Value>,
    definitions: Map<String, Value>,
}

impl<'a> Schema<'a> {
    fn new(keys: &'a Keys, described: &'a Described) -> Self {
        let mut schema = Self {
            keys,
            described,
            root: Map::new(),
            definitions: Map::new(),
        };
        schema.root = schema.properties("");
        for kind in keys.keys().filter(|kind| !kind.is_empty()) {
            let object = schema.object(kind);
            schema.definitions.insert(kind.clone(), object);
        }
        schema
    }

    fn kind(&self, kind: &str) -> Option<&'a Kind> {
        self.keys.get(kind)
    }

    fn object(&self, kind: &str) -> Value {
        json!({
            "type": "object",
            "properties": self.properties(kind),
            "required": self.required(kind),
            "additionalProperties": false,
        })
    }

    /// The keys without which every table of the kind is wrong.
    fn required(&self, kind: &str) -> Vec<&'static str> {
        let Some(kind) = self.kind(kind) else {
            return Vec::new();
        };
        let keys = kind.keys.iter();
        keys.filter(|(_, asked)| asked.required == kind.tables)
            .map(|(key, _)| *key)
            .collect()
    }

    fn properties(&self, kind: &str) -> Map<String, Value> {
        let keys = self.kind(kind).into_iter().flat_map(|it| &it.keys);
        keys.map(|(key, asked)| {
            let mut property = self.property(key, asked);
            property["description"] = json!(self.described[format!("{kind}.{key}").as_str()]);
            ((*key).to_owned(), property)
        })
        .collect()
    }

    /// A reference such as `${draw.x}` may stand for any value.
    fn property(&self, key: &str, asked: &Asked) -> Value {
        let reference = || json!({ "type": "string", "pattern": "\\$\\{.+\\}" });
        let table = || json!({ "$ref": format!("#/$defs/{key}") });
        match &asked.shape {
            Shape::Any if self.keys.contains_key(key) => table(),
            Shape::Any => json!({}),
            Shape::Text => json!({ "type": "string" }),
            Shape::Integer => json!({ "anyOf": [{ "type": "integer" }, reference()] }),
            Shape::Boolean => json!({ "anyOf": [{ "type": "boolean" }, reference()] }),
            Shape::Texts => json!({ "anyOf": [
                { "type": "array", "items": { "type": "string" } },
                reference(),
            ] }),
            Shape::Integers => json!({ "anyOf": [
                { "type": "array", "items": { "type": "integer" } },
                reference(),
            ] }),
            Shape::Tables => json!({ "type": "array", "items": table() }),
            Shape::Named => json!({ "type": "object", "additionalProperties": table() }),
            Shape::Word(words) => json!({ "anyOf": [{ "enum": words }, reference()] }),
        }
    }

    fn finish(self, title: &str, description: &str) -> Value {
        json!({
            "$schema": DIALECT,
            "title": title,
            "description": description,
            "type": "object",
            "required": self.required(""),
            "properties": self.root,
            "additionalProperties": false,
            "$defs": self.definitions,
        })
    }
}

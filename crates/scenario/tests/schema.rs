//! The published schemas are what this build reads. `UPDATE_SCHEMAS=1 cargo test -p
//! wirelab-scenario --test schema` writes them.

use std::path::Path;

use serde_json::Value;
use wirelab_scenario::schema::{self, SchemaError};

fn published(path: &str, schema: Result<Value, SchemaError>) {
    let schema = schema.unwrap_or_else(|error| panic!("{error}"));
    let text = serde_json::to_string_pretty(&schema).expect("JSON") + "\n";
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .join(path);
    if std::env::var_os("UPDATE_SCHEMAS").is_some() {
        std::fs::write(&path, &text).expect("the schema is written");
    }
    let there = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        there == text,
        "{} is old: run with UPDATE_SCHEMAS=1",
        path.display()
    );
}

#[test]
fn the_published_schema_of_scenarios_is_what_is_read() {
    published("scenarios/scenario.schema.json", schema::scenario());
}

#[test]
fn the_published_schema_of_labs_is_what_is_read() {
    published("labs/lab.schema.json", schema::lab());
}

#[test]
fn a_variant_may_lay_any_section_over_the_rest() {
    let schema = schema::scenario().expect("a schema");
    let variant = &schema["$defs"]["variant"]["properties"];
    let root = schema["properties"].as_object().expect("keys of the file");
    let is_section = |it: &Value| it["type"] == "object" || it["type"] == "array";
    let sections = root.iter().filter(|(_, it)| is_section(it));
    let missing = sections.filter(|(name, _)| *name != "variant" && variant[*name].is_null());
    let missing: Vec<_> = missing.map(|(name, _)| name).collect();
    assert_eq!(missing, Vec::<&String>::new());
}

//! The tables of shapes are cut from the public service models: this makes them, and holds what is
//! committed against the botocore that `python3` has, if it has one.
//!
//! `WIRELAB_SHAPES=write cargo test -p wirelab-aws-api --test aws_api shapes` writes them anew, e.g. when an
//! action was added or botocore is newer.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Map, Value, json};

/// The models of one botocore.
struct Botocore {
    version: String,
    data: PathBuf,
}

impl Botocore {
    fn installed() -> Option<Self> {
        let line = "import botocore; print(botocore.__version__); print(botocore.__path__[0])";
        let output = Command::new("python3").args(["-c", line]).output().ok()?;
        let text = String::from_utf8(output.stdout).ok()?;
        let (version, path) = text.trim().split_once('\n')?;
        Some(Self {
            version: version.to_owned(),
            data: Path::new(path).join("data"),
        })
    }

    /// The newest model of a service.
    fn model(&self, service: &str) -> Value {
        let folder = self.data.join(match service {
            "monitoring" => "cloudwatch",
            "servicequotas" => "service-quotas",
            same => same,
        });
        let versions = std::fs::read_dir(&folder).expect("a folder of versions");
        let versions = versions.map(|entry| entry.expect("an entry").path());
        let newest = versions.max().expect("a version");
        let packed = std::fs::read(newest.join("service-2.json.gz")).expect("a model");
        let mut text = String::new();
        let mut unpacked = flate2::read::GzDecoder::new(packed.as_slice());
        unpacked.read_to_string(&mut text).expect("gzip");
        serde_json::from_str(&text).expect("a model is JSON")
    }
}

/// What tables keep of a model.
struct Cut<'m> {
    shapes: &'m Map<String, Value>,
    /// Whether what a request must be is kept: of protocols whose codec says so.
    constraints: bool,
    kept: Map<String, Value>,
}

impl Cut<'_> {
    /// The table of `actions`; those that the model does not have are left out.
    fn table(service: &str, model: &Value, version: &str, actions: &[&str]) -> Value {
        let shapes = model["shapes"].as_object().expect("shapes");
        let metadata = &model["metadata"];
        let protocols = metadata["protocols"].as_array();
        let mut cut = Cut {
            shapes,
            constraints: protocols
                .is_some_and(|all| all.iter().any(|it| it == "json" || it == "rest-xml")),
            kept: Map::new(),
        };
        let mut operations = Map::new();
        let mut errors = Map::new();
        let mut namespace = metadata["xmlNamespace"].as_str();
        for action in actions {
            let Some(operation) = model["operations"].get(action) else {
                continue;
            };
            let mut signature = Map::new();
            for side in ["input", "output"] {
                if let Some(name) = operation[side]["shape"].as_str() {
                    signature.insert(side.to_owned(), name.into());
                    cut.keep(name);
                }
            }
            if let Some(wrapper) = operation["output"].get("resultWrapper") {
                signature.insert("resultWrapper".to_owned(), wrapper.clone());
            }
            if metadata["protocol"] == "rest-xml" {
                signature.insert("http".to_owned(), operation["http"].clone());
                if let Some(uri) = operation["input"]["xmlNamespace"]["uri"].as_str() {
                    namespace = Some(uri);
                }
            }
            operations.insert((*action).to_owned(), signature.into());
            for error in operation["errors"].as_array().into_iter().flatten() {
                let name = error["shape"].as_str().expect("a shape");
                let error = &shapes[name]["error"];
                if let Some(status) = error.get("httpStatusCode") {
                    errors.insert(
                        error["code"].as_str().unwrap_or(name).to_owned(),
                        status.clone(),
                    );
                }
            }
        }
        cut.kept.sort_keys();
        errors.sort_keys();
        let mut table = json!({
            "service": service,
            "apiVersion": metadata["apiVersion"],
            "madeFrom": format!("botocore {version}"),
            "operations": operations,
            "shapes": cut.kept,
        });
        if !errors.is_empty() {
            table["errors"] = errors.into();
        }
        if let Some(namespace) = namespace {
            // Replies have the slash, whether the model has it or not.
            table["xmlNamespace"] = format!("{}/", namespace.trim_end_matches('/')).into();
        }
        table
    }

    fn keep(&mut self, name: &str) {
        if self.kept.contains_key(name) {
            return;
        }
        let shape = &self.shapes[name];
        match shape["type"].as_str() {
            Some("structure") => {
                // Before its members: shapes refer to themselves.
                self.kept.insert(name.to_owned(), Value::Null);
                let mut members = Map::new();
                for (name, member) in shape["members"].as_object().into_iter().flatten() {
                    members.insert(name.clone(), self.member(member));
                }
                let mut kept = json!({ "type": "structure", "members": members });
                if self.constraints && shape["required"].is_array() {
                    kept["required"] = shape["required"].clone();
                }
                self.kept.insert(name.to_owned(), kept);
            }
            Some("map") => {
                self.kept.insert(name.to_owned(), Value::Null);
                let value = self.member(&shape["value"]);
                let kept = json!({ "type": "map", "value": value });
                self.kept.insert(name.to_owned(), kept);
            }
            Some("list") => {
                self.kept.insert(name.to_owned(), Value::Null);
                let mut kept = json!({ "type": "list", "member": self.member(&shape["member"]) });
                if let Some(flattened) = shape.get("flattened") {
                    kept["flattened"] = flattened.clone();
                }
                self.kept.insert(name.to_owned(), kept);
            }
            other => panic!("{name} is a {other:?}: codecs do not know it yet"),
        }
    }

    /// A member with the traits that codecs read; scalars by their type, not their name.
    fn member(&mut self, member: &Value) -> Value {
        let name = member["shape"].as_str().expect("a shape");
        let kind = self.shapes[name]["type"].as_str().expect("a type");
        let shape = match kind {
            "structure" | "list" | "map" => {
                self.keep(name);
                name
            }
            scalar => scalar,
        };
        let mut kept = json!({ "shape": shape });
        for name in ["locationName", "queryName", "location"] {
            if let Some(text) = member.get(name) {
                kept[name] = text.clone();
            }
        }
        for constraint in ["enum", "min", "max"] {
            if let Some(value) = self.shapes[name].get(constraint)
                && self.constraints
            {
                kept[constraint] = value.clone();
            }
        }
        kept
    }
}

/// JSON with a line for each operation and each shape, so that changes can be read.
fn lines(table: &Value) -> String {
    let mut text = "{\n".to_owned();
    for name in ["service", "apiVersion", "xmlNamespace", "madeFrom"] {
        if let Some(value) = table.get(name) {
            writeln!(text, "\"{name}\": {value},").expect("a string takes it");
        }
    }
    for (name, end) in [("operations", "},"), ("errors", "},"), ("shapes", "}")] {
        let Some(entries) = table.get(name).and_then(Value::as_object) else {
            continue;
        };
        writeln!(text, "\"{name}\": {{").expect("a string takes it");
        let entries: Vec<_> = entries
            .iter()
            .map(|(name, it)| format!("\"{name}\": {it}"))
            .collect();
        writeln!(text, "{}\n{end}", entries.join(",\n")).expect("a string takes it");
    }
    text + "}\n"
}

fn path_of(service: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("shapes");
    folder.join(format!("{service}.json"))
}

fn services() -> BTreeSet<&'static str> {
    wirelab_aws_api::actions()
        .map(|(service, _)| service)
        .collect()
}

fn actions_of(service: &str) -> Vec<&'static str> {
    let all = wirelab_aws_api::actions();
    all.filter(|it| it.0 == service).map(|it| it.1).collect()
}

/// `1.44.8` as numbers.
fn version(text: &str) -> Vec<u32> {
    let numbers = text.trim_start_matches("botocore ").split('.');
    numbers.map(|it| it.parse().unwrap_or(0)).collect()
}

/// Everything in `ours` that `theirs` has otherwise. What only one side has is a matter of
/// versions, not of truth.
fn contradictions(ours: &Value, theirs: &Value, path: &str, found: &mut Vec<String>) {
    match (ours, theirs) {
        (Value::Object(ours), Value::Object(theirs)) => {
            for (name, our) in ours {
                if let Some(their) = theirs.get(name) {
                    contradictions(our, their, &format!("{path}.{name}"), found);
                }
            }
        }
        _ if ours == theirs || path.ends_with(".madeFrom") => {}
        // What a composite shape is called does not reach the wire.
        _ if path.ends_with(".shape") && is_composite(ours) && is_composite(theirs) => {}
        _ => found.push(format!("{path}: {ours}, botocore has {theirs}")),
    }
}

fn is_composite(shape: &Value) -> bool {
    let name = shape.as_str().unwrap_or_default();
    name.starts_with(|it: char| it.is_ascii_uppercase())
}

#[test]
fn the_tables_are_what_the_public_models_say() {
    let Some(botocore) = Botocore::installed() else {
        eprintln!("skipped: python3 has no botocore here");
        return;
    };
    for service in services() {
        let model = botocore.model(service);
        let cut = Cut::table(service, &model, &botocore.version, &actions_of(service));
        if std::env::var("WIRELAB_SHAPES").is_ok_and(|it| it == "write") {
            std::fs::write(path_of(service), lines(&cut)).expect("a writable tree");
        }
        let text = std::fs::read_to_string(path_of(service)).expect("a table");
        let table: Value = serde_json::from_str(&text).expect("JSON");
        let made_from = table["madeFrom"].as_str().expect("a version").to_owned();
        if version(&made_from) == version(&botocore.version) {
            assert_eq!(
                text,
                lines(&cut),
                "{service}: write the table anew, as this file says"
            );
        } else {
            let mut found = Vec::new();
            contradictions(&table, &cut, service, &mut found);
            let them = botocore.version.as_str();
            assert!(
                found.is_empty(),
                "{made_from} and {them}:\n{}",
                found.join("\n")
            );
        }
    }
}

#[test]
fn every_action_has_its_shapes() {
    for service in services() {
        let text = std::fs::read_to_string(path_of(service)).expect("a table");
        let table: Value = serde_json::from_str(&text).expect("JSON");
        for action in actions_of(service) {
            assert!(
                table["operations"].get(action).is_some(),
                "{service}:{action}"
            );
        }
    }
}

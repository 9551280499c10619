//! What requests and replies look like on the wire: a table a service, read from `shapes/*.json`.
//!
//! The tables are AWS's public service models as botocore ships them (Apache-2.0), cut down to the
//! operations that exist here and to what codecs need: names, types, order. `tests/shapes` makes
//! them and holds them against the botocore that is installed. Traits are kept as the model has
//! them (`locationName`, `queryName`, `flattened`); what a trait means on the wire is the
//! protocol's business.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use indexmap::IndexMap;
use serde::Deserialize;
use serde_json::Value;

/// A service's operations and the shapes that they use.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Table {
    /// The service's name in scopes and calls: `ec2`.
    #[serde(rename = "service")]
    _service: String,
    /// The date in requests: `2016-11-15`.
    pub(crate) api_version: String,
    /// The namespace of XML replies; empty where replies are not XML.
    #[serde(default)]
    pub(crate) xml_namespace: String,
    /// What the table was made from: `botocore 1.44.8`.
    #[serde(rename = "madeFrom")]
    _made_from: String,
    operations: BTreeMap<String, Signature>,
    /// The HTTP status of errors by their codes; some services' models have none.
    #[serde(default)]
    errors: BTreeMap<String, u16>,
    shapes: BTreeMap<String, Shape>,
}

/// The shapes of an operation's request and reply.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Signature {
    pub(crate) input: Option<String>,
    pub(crate) output: Option<String>,
    /// The element around a reply's members in the `query` protocol.
    pub(crate) result_wrapper: Option<String>,
    /// How it is asked for in REST protocols.
    pub(crate) http: Option<Http>,
}

/// An operation's place in a REST API.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Http {
    pub(crate) method: String,
    /// `/2013-04-01/hostedzone/{Id}`.
    pub(crate) request_uri: String,
    /// The status of replies, if not 200.
    pub(crate) response_code: Option<u16>,
}

/// A composite type.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, tag = "type")]
pub(crate) enum Shape {
    /// Members by the API's names, in the model's order, which is that of replies.
    Structure {
        members: IndexMap<String, Member>,
        /// Members without which it is none.
        #[serde(default)]
        required: Vec<String>,
    },
    /// Elements of one shape.
    List {
        member: Member,
        #[serde(default)]
        flattened: bool,
    },
    /// Values of one shape by texts.
    Map { value: Member },
}

/// A member of a structure, or what a list's elements are.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Member {
    /// A scalar's type, or the name of a shape.
    shape: String,
    pub(crate) location_name: Option<String>,
    pub(crate) query_name: Option<String>,
    /// Where it is, if not in the body: `uri`, `querystring`, `header`.
    pub(crate) location: Option<String>,
    /// The texts that it may be; any, if there is none.
    #[serde(default, rename = "enum")]
    pub(crate) values: Vec<String>,
    /// The least number, length of a text or count of elements.
    pub(crate) min: Option<i64>,
    /// The most of that.
    pub(crate) max: Option<i64>,
}

/// A type, with what is needed to look at its parts.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Type<'t> {
    Structure(&'t IndexMap<String, Member>, &'t [String]),
    List { member: &'t Member, flattened: bool },
    Map { value: &'t Member },
    Scalar(Scalar),
}

/// A type without parts, as far as codecs tell them apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scalar {
    Boolean,
    Integer,
    /// A number with a fraction.
    Double,
    /// A moment.
    Timestamp,
    /// Texts, and octets, which are base64 outside.
    Text,
}

impl Table {
    fn read(text: &str) -> Self {
        serde_json::from_str(text).expect("tests/shapes reads every table")
    }

    /// Every operation by name.
    pub(crate) fn operations(&self) -> impl Iterator<Item = (&String, &Signature)> {
        self.operations.iter()
    }

    /// The operation's shapes, if it exists here.
    pub(crate) fn signature(&self, operation: &str) -> Option<&Signature> {
        self.operations.get(operation)
    }

    /// The HTTP status of an error, if the model says it.
    pub(crate) fn status(&self, code: &str) -> Option<u16> {
        self.errors.get(code).copied()
    }

    /// The type of a member.
    pub(crate) fn type_of(&self, member: &Member) -> Type<'_> {
        match member.shape.as_str() {
            "boolean" => Type::Scalar(Scalar::Boolean),
            "integer" | "long" => Type::Scalar(Scalar::Integer),
            "double" | "float" => Type::Scalar(Scalar::Double),
            "timestamp" => Type::Scalar(Scalar::Timestamp),
            "string" | "blob" => Type::Scalar(Scalar::Text),
            name => self.named(name),
        }
    }

    /// The composite type of that name.
    pub(crate) fn named(&self, name: &str) -> Type<'_> {
        match &self.shapes[name] {
            Shape::Structure { members, required } => Type::Structure(members, required),
            Shape::List { member, flattened } => Type::List {
                member,
                flattened: *flattened,
            },
            Shape::Map { value } => Type::Map { value },
        }
    }
}

macro_rules! tables {
    ($($(#[$doc:meta])* $name:ident)*) => {
        $($(#[$doc])*
        pub(crate) fn $name() -> &'static Table {
            static TABLE: LazyLock<Table> = LazyLock::new(|| {
                Table::read(include_str!(concat!("../shapes/", stringify!($name), ".json")))
            });
            &TABLE
        })*

        /// The table of a service.
        pub(crate) fn of_service(name: &str) -> Option<&'static Table> {
            match name {
                $(stringify!($name) => Some($name()),)*
                _ => None,
            }
        }
    };
}

tables! {
    /// Athena's table.
    athena
    /// CloudTrail's table.
    cloudtrail
    /// IAM's table.
    iam
    /// Service Quotas' table.
    servicequotas
    /// Systems Manager's table.
    ssm
    /// EC2's table.
    ec2
    /// CloudWatch Logs' table.
    logs
    /// CloudWatch's table.
    monitoring
    /// Route 53's table.
    route53
    /// STS's table.
    sts
}

/// The paths in a reply to `operation` of `service` that its table has no place for, and so would
/// not reach a client. Holds what answers against the public models.
#[must_use]
pub fn misfits(service: &str, operation: &str, reply: &Value) -> Vec<String> {
    let Some(table) = of_service(service) else {
        return vec![format!("no table for {service}")];
    };
    let Some(signature) = table.signature(operation) else {
        return vec![format!("{operation} has no shapes")];
    };
    let mut found = Vec::new();
    match &signature.output {
        Some(output) => table.misfit(table.named(output), reply, operation, &mut found),
        // `{"Return": true}` is all that such operations say.
        None => {
            if reply["Return"] != Value::Bool(true)
                || reply.as_object().map_or(0, |it| it.len()) > 1
            {
                found.push(operation.to_owned());
            }
        }
    }
    found
}

impl Table {
    fn misfit(&self, kind: Type<'_>, value: &Value, path: &str, found: &mut Vec<String>) {
        match (kind, value) {
            (Type::Structure(members, _), Value::Object(values)) => {
                for (name, value) in values {
                    let path = format!("{path}.{name}");
                    match members.get(name) {
                        Some(member) => self.misfit(self.type_of(member), value, &path, found),
                        None => found.push(path),
                    }
                }
            }
            (Type::List { member, .. }, Value::Array(values)) => {
                for (index, value) in values.iter().enumerate() {
                    let path = format!("{path}[{index}]");
                    self.misfit(self.type_of(member), value, &path, found);
                }
            }
            (Type::Map { value: member }, Value::Object(values)) => {
                for (key, value) in values {
                    let path = format!("{path}.{key}");
                    self.misfit(self.type_of(member), value, &path, found);
                }
            }
            (Type::Scalar(Scalar::Boolean), Value::Bool(_))
            | (Type::Scalar(Scalar::Integer), Value::Number(_))
            | (
                Type::Scalar(Scalar::Text | Scalar::Double | Scalar::Timestamp),
                Value::String(_) | Value::Number(_),
            ) => {}
            _ => found.push(path.to_owned()),
        }
    }
}

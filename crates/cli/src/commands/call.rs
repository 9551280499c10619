//! `wirelab call`: one API call, with EC2's operation and parameter names.

use crate::args::TEMPLATE;

/// Make an API call in the simulated account, with EC2's operation and parameter names
///
/// The reply is printed as JSON. Values are JSON where they parse as such (objects, lists, numbers,
/// true, false), else text.
#[derive(clap::Args)]
#[command(help_template = TEMPLATE, before_help = "\
Examples:
  wirelab call ec2:DescribeNetworkAcls
  wirelab call ec2:DescribeRouteTables 'Filters=[{\"Name\":\"vpc-id\",\"Values\":[\"vpc-0a1b\"]}]'
  wirelab call ec2:CreateNetworkAclEntry NetworkAclId=acl-0a1b RuleNumber=120 Egress=false \\
      Protocol=6 RuleAction=allow CidrBlock=10.0.1.0/24 'PortRange={\"From\":32768,\"To\":60999}'
  wirelab call --list NetworkAcl           operations with that word, and their parameters

")]
pub(crate) struct Arguments {
    /// The operation: `ec2:DescribeSubnets`
    #[arg(value_name = "OPERATION", required_unless_present = "list")]
    operation: Option<String>,
    /// Parameters: `Name=value`
    #[arg(value_name = "NAME=VALUE")]
    parameters: Vec<String>,
    /// List the operations whose names contain TEXT, with their parameters
    #[arg(long, value_name = "TEXT", num_args = 0..=1, default_missing_value = "",
          conflicts_with_all = ["operation", "parameters"])]
    list: Option<String>,
}

use serde_json::{Map, Value};
use wirelab_control::Control;
use wirelab_model::{ApiError, Call};
use wirelab_session::Session;

use crate::failure::{Code, Failure};
use crate::{folder, output};

pub(crate) fn run(arguments: &Arguments) -> Result<Code, Failure> {
    if let Some(word) = &arguments.list {
        output::text(&operations(word))?;
        return Ok(Code::Passed);
    }
    let operation = arguments.operation.as_deref().unwrap_or_default();
    let mut session = folder::open()?;
    let call = parse(operation, &arguments.parameters, &session)?;
    let caller = session.plan().caller.clone();
    let outcome = session.call(&caller, &call)?;
    if let Some(settled) = outcome.settled_at {
        session.write_evidence()?;
        output::note(&format!("settled; it is now {settled}"));
    }
    match outcome.reply {
        Ok(reply) => print_reply(&reply),
        Err(error) => Err(refused(&call, &error)),
    }
}

fn print_reply(reply: &Value) -> Result<Code, Failure> {
    let text = serde_json::to_string_pretty(reply).map_err(Failure::internal)?;
    output::text(&(text + "\n"))?;
    Ok(Code::Passed)
}

/// As the AWS CLI words it.
fn refused(call: &Call, error: &ApiError) -> Failure {
    let operation = &call.operation;
    let (code, message) = (&error.code, &error.message);
    let failure = Failure::usage(format!(
        "An error occurred ({code}) when calling the {operation} operation: {message}"
    ));
    match code.as_str() {
        "InvalidAction" | "UnknownParameter" | "MissingParameter" => failure.hint(format!(
            "`wirelab call --list {operation}` shows names and parameters"
        )),
        _ => failure,
    }
}

/// `ec2:CreateRoute` with `Name=value` pairs. A value that is a name in the scenario
/// (`network_acl.db`) stands for that resource's id, as it does in scenario files.
fn parse(operation: &str, parameters: &[String], session: &Session) -> Result<Call, Failure> {
    let (service, operation) = operation.split_once(':').unwrap_or(("ec2", operation));
    let mut map = Map::new();
    for parameter in parameters {
        let (name, text) = parameter.split_once('=').ok_or_else(|| {
            Failure::usage(format!("`{parameter}` is no parameter"))
                .hint("write `Name=value`, as in `RuleNumber=120`; quote JSON for the shell:")
                .hint("'PortRange={\"From\":22,\"To\":22}'")
        })?;
        if map.insert(name.to_owned(), value(text, session)).is_some() {
            return Err(Failure::usage(format!("`{name}` is given twice"))
                .hint("lists are JSON: 'GroupIds=[\"sg-1\",\"sg-2\"]'"));
        }
    }
    Ok(Call {
        service: service.into(),
        operation: operation.into(),
        parameters: map,
    })
}

fn value(text: &str, session: &Session) -> Value {
    let mut value = serde_json::from_str(text).unwrap_or_else(|_| text.into());
    name_ids(&mut value, session);
    value
}

/// Puts ids for names, at any depth.
fn name_ids(value: &mut Value, session: &Session) {
    match value {
        Value::String(text) => {
            if let Some(id) = session.plan().names.id(text) {
                *text = id.to_string();
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| name_ids(item, session)),
        Value::Object(members) => members
            .values_mut()
            .for_each(|item| name_ids(item, session)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Operations whose names contain `word`, one a line, with their parameters.
fn operations(word: &str) -> String {
    let word = word.to_ascii_lowercase();
    let mut lines: Vec<_> = Control::operations()
        .filter(|operation| operation.name.to_ascii_lowercase().contains(&word))
        .map(|operation| {
            format!(
                "ec2:{} {}\n",
                operation.name,
                operation.parameters().join(" ")
            )
        })
        .collect();
    lines.sort();
    lines.concat()
}

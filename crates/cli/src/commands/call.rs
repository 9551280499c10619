//! `wirelab call`: one API call, with EC2's operation and parameter names.

pub(crate) mod spelling;

use crate::args::{Json, TEMPLATE};

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
  wirelab call ec2:DescribeSubnets 'SubnetIds=[\"primary\"]'      a name for an id
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
    /// Call as this account: its name in the scenario, or its id
    #[arg(long = "as", value_name = "ACCOUNT")]
    account: Option<String>,
    /// Call in this Region
    #[arg(long, value_name = "REGION")]
    region: Option<String>,
    #[command(flatten)]
    json: Json,
}

use serde::Serialize;
use serde_json::{Map, Value};
use wirelab_control::{Control, Operation};
use wirelab_model::{ApiError, Call};
use wirelab_scenario::{CallerError, Names, Plan};

use crate::failure::{Code, Failure};
use crate::{folder, output};

pub(crate) fn run(arguments: &Arguments) -> Result<Code, Failure> {
    if let Some(word) = &arguments.list {
        return list(word, arguments.json.json);
    }
    let operation = arguments.operation.as_deref().unwrap_or_default();
    let mut session = folder::open()?;
    let (account, region) = (arguments.account.as_deref(), arguments.region.as_deref());
    let caller = session.plan().learner_in(account, region);
    let caller = caller.map_err(|error| unknown_caller(&error, session.plan()))?;
    let names = session.names_for(&caller);
    // `ec2 describe-subnets`, as the AWS CLI has it.
    let call = match (operation, arguments.parameters.split_first()) {
        ("ec2", Some((name, rest))) if !name.contains('=') => parse(name, rest, &names)?,
        _ => parse(operation, &arguments.parameters, &names)?,
    };
    known_service(&call.service)?;
    let outcome = session.call(&caller, &call)?;
    if let Some(settled) = outcome.settled_at {
        session.write_evidence()?;
        let pending = outcome.reply.as_ref().is_ok_and(is_pending);
        let reply = if pending {
            "; the reply is of the moment of the call"
        } else {
            ""
        };
        let now = crate::print::moment(settled, session.plan().starts);
        output::note(&format!("settled; it is now {now}{reply}"));
    }
    match outcome.reply {
        Ok(reply) => print_reply(&reply),
        Err(error) => Err(refused(&call, &error, &names)),
    }
}

/// Whether a reply says of something that it is still on its way.
fn is_pending(reply: &Value) -> bool {
    match reply {
        Value::String(text) => matches!(
            text.as_str(),
            "pending" | "provisioning" | "initiating-request" | "modifying" | "deleting"
        ),
        Value::Array(items) => items.iter().any(is_pending),
        Value::Object(members) => members.values().any(is_pending),
        _ => false,
    }
}

fn unknown_caller(error: &CallerError, plan: &Plan) -> Failure {
    let failure = Failure::usage(error.to_string());
    let known: Vec<String> = (plan.accounts.iter())
        .map(|(name, id)| format!("{name} ({id})"))
        .collect();
    match error {
        CallerError::Region(_) => failure,
        CallerError::Account(_) if known.is_empty() => {
            failure.hint("this scenario has one account; leave `--as` out")
        }
        CallerError::Account(_) => failure.hint(format!("the accounts are: {}", known.join(", "))),
    }
}

fn print_reply(reply: &Value) -> Result<Code, Failure> {
    let text = serde_json::to_string_pretty(reply).map_err(Failure::internal)?;
    output::text(&(text + "\n"))?;
    Ok(Code::Passed)
}

/// As the AWS CLI words it.
fn refused(call: &Call, error: &ApiError, names: &Names) -> Failure {
    let operation = &call.operation;
    let (code, message) = (&error.code, &error.message);
    let failure = Failure::usage(format!(
        "An error occurred ({code}) when calling the {operation} operation: {message}"
    ));
    match code.as_str() {
        "InvalidAction" => {
            let operations = operations("");
            let known: Vec<_> = operations.iter().map(|it| it.operation.as_str()).collect();
            let bare = operation.rsplit(':').next().unwrap_or(operation);
            let failure = failure.did_you_mean(bare, &known);
            failure.hint("`wirelab call --list` shows the calls there are")
        }
        "UnknownParameter" | "MissingParameter" => failure.hint(format!(
            "`wirelab call --list {operation}` shows names and parameters"
        )),
        code if code.ends_with(".Malformed") || code.ends_with("NotFound") => {
            match how_ids_are_written(call, message, names) {
                Some(hint) => failure.hint(hint),
                None => failure,
            }
        }
        _ => failure,
    }
}

/// Where the id that AWS complains about could have been a name: the names there are.
fn how_ids_are_written(call: &Call, message: &str, names: &Names) -> Option<String> {
    let mut parameters = call.parameters.iter();
    let (parameter, known) = parameters.find_map(|(name, value)| {
        let blamed = match value {
            Value::String(text) => message.contains(text.as_str()),
            Value::Array(items) => {
                let mut texts = items.iter().filter_map(Value::as_str);
                texts.any(|text| message.contains(text))
            }
            _ => false,
        };
        let known = names.takes(name);
        (blamed && !known.is_empty()).then_some((name, known))
    })?;
    Some(format!(
        "{parameter} is an id, or a name of this lab: {}",
        known.join(", ")
    ))
}

fn known_service(service: &str) -> Result<(), Failure> {
    let names: Vec<_> = Control::services().map(|(name, _)| name).collect();
    if names.contains(&service) {
        return Ok(());
    }
    let names = names.join(", ");
    Err(
        Failure::usage(format!("the service `{service}` is not simulated")).hint(format!(
            "the services are: {names}; `wirelab call --list` shows their operations"
        )),
    )
}

/// `ec2:CreateRoute` with `Name=value` pairs. A value that is a name in the scenario or a `Name`
/// tag (`network_acl.db`, or `db` where a network ACL's id is due) stands for that resource's id,
/// as names do in scenario files.
fn parse(operation: &str, parameters: &[String], names: &Names) -> Result<Call, Failure> {
    let (service, operation) = operation.split_once(':').unwrap_or(("ec2", operation));
    let mut map = Map::new();
    for parameter in parameters {
        unquoted(parameter)?;
        let (name, text) = parameter.split_once('=').ok_or_else(|| {
            Failure::usage(format!("`{parameter}` is no parameter"))
                .hint("write `Name=value`, as in `RuleNumber=120`; quote JSON for the shell:")
                .hint("'PortRange={\"From\":22,\"To\":22}'")
        })?;
        let value = value(name, text, names);
        if map.insert(name.to_owned(), value).is_some() {
            return Err(Failure::usage(format!("`{name}` is given twice"))
                .hint("lists are JSON: 'GroupIds=[\"sg-1\",\"sg-2\"]'"));
        }
    }
    Ok(Call {
        service: service.into(),
        operation: spelling::operation(operation).into(),
        parameters: map,
    })
}

/// What a shell has made of `PortRange={"From":22,"To":22}`: without quotes it takes the words
/// apart at the comma and keeps no quotation marks (bash, "Brace Expansion").
fn unquoted(parameter: &str) -> Result<(), Failure> {
    let Some((name, text)) = parameter.split_once('=') else {
        return Ok(());
    };
    let Err(why) = serde_json::from_str::<Value>(text) else {
        return Ok(());
    };
    let is_piece = text.split_once(':').is_some_and(|(key, _)| {
        matches!(
            key,
            "From" | "To" | "Name" | "Values" | "Type" | "Code" | "Key" | "Value"
        )
    });
    if !(is_piece || text.starts_with(['{', '['])) {
        return Ok(());
    }
    if text.contains('"') {
        return Err(Failure::usage(format!("`{parameter}` is no JSON: {why}")));
    }
    Err(Failure::usage(format!(
        "`{parameter}` is no JSON: the shell took its quotation marks"
    ))
    .hint(format!("quote it: '{name}={{\"From\":22,\"To\":22}}'")))
}

fn value(name: &str, text: &str, names: &Names) -> Value {
    let mut value = serde_json::from_str(text).unwrap_or_else(|_| text.into());
    names.put_ids(name, &mut value);
    value
}

/// An operation and what it takes.
#[derive(Serialize)]
struct Listed {
    operation: String,
    parameters: Vec<&'static str>,
    /// Those that a call must have.
    required: Vec<&'static str>,
    /// Whether it changes nothing.
    read_only: bool,
}

#[derive(Serialize)]
struct List {
    operations: Vec<Listed>,
}

/// Operations whose names contain `word`, one a line, with their parameters; of one alone, or of
/// the one that is named in full, each parameter with its kind.
fn list(word: &str, json: bool) -> Result<Code, Failure> {
    let operations = operations(word);
    if json {
        output::json(&List { operations })?;
        return Ok(Code::Passed);
    }
    if operations.is_empty() {
        return Err(
            Failure::usage(format!("no operation's name contains `{word}`"))
                .hint("`wirelab call --list` shows all"),
        );
    }
    if let Some(operation) = named_in_full(word, &operations) {
        return output::text(&described(operation)).map(|()| Code::Passed);
    }
    let lines = operations.iter().map(|it| {
        let line = format!("{} {}", it.operation, it.parameters.join(" "));
        line.trim_end().to_owned() + "\n"
    });
    output::text(&lines.collect::<String>())?;
    Ok(Code::Passed)
}

/// The one operation that was found, or the one that has just this name.
fn named_in_full(word: &str, found: &[Listed]) -> Option<&'static Operation> {
    let bare = word.rsplit(':').next().unwrap_or(word);
    let wanted = spelling::operation(bare);
    let is_it = |it: &&Listed| it.operation.rsplit(':').next() == Some(wanted.as_str());
    let listed = match found {
        [only] => only,
        several => several.iter().find(is_it)?,
    };
    let (service, name) = listed.operation.split_once(':')?;
    let (_, operations) = Control::services().find(|(it, _)| *it == service)?;
    operations.iter().find(|it| it.name == name)
}

/// Each parameter with its kind; those that a call must have are marked.
fn described(operation: &Operation) -> String {
    let kinds = operation.kinds();
    let own: Vec<_> = kinds.iter().map(|it| it.name).collect();
    let wide = own.iter().map(|name| name.len()).max().unwrap_or(0);
    let mut text = format!("{}\n", operation.name);
    for it in kinds.iter() {
        let mark = if it.required {
            "required  "
        } else {
            "          "
        };
        text += &format!("  {:<wide$}  {mark}{}\n", it.name, it.kind);
    }
    let common = operation.parameters();
    let common: Vec<_> = common.into_iter().filter(|it| !own.contains(it)).collect();
    if !common.is_empty() {
        text += &format!("  and as many calls do: {}\n", common.join(" "));
    }
    text
}

fn operations(word: &str) -> Vec<Listed> {
    let (service, word) = word.split_once(':').unwrap_or(("", word));
    let word = spelling::operation(word).to_ascii_lowercase();
    let services = Control::services().filter(|(name, _)| service.is_empty() || *name == service);
    let all = services.flat_map(|(name, operations)| operations.iter().map(move |it| (name, it)));
    let found = all.filter(|(_, it)| it.name.to_ascii_lowercase().contains(&word));
    let mut listed: Vec<_> = found
        .map(|(service, it)| Listed {
            operation: format!("{service}:{}", it.name),
            parameters: it.parameters(),
            required: {
                let kinds = it.kinds().into_iter();
                kinds.filter(|it| it.required).map(|it| it.name).collect()
            },
            read_only: it.is_read_only(),
        })
        .collect();
    listed.sort_by(|a, b| a.operation.cmp(&b.operation));
    listed
}

//! Systems Manager's operations: commands on instances ([`command`]), whether an account's
//! instances are managed without a role of their own ([`setting`]), and the public parameters that
//! hold the ids of images, by which scripts find the newest one (AWS Systems Manager User Guide,
//! "Calling AMI public parameters").
//!
//! `/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64` is, in each Region, the
//! id that `DescribeImages` shows there of that image. Parameters of one's own are not simulated.

mod command;
mod setting;
mod state;

use serde::Deserialize;
use serde_json::{Value, json};
use smol_str::{SmolStr, format_smolstr};
use wirelab_model::{ApiError, Reply};

use crate::describe::Reader;
use crate::ec2::image;
use crate::error;
use crate::operation::{
    Handler, Operation, operations, read_request, read_signature, write_request, write_signature,
};
use crate::page::page_from;
use crate::request;

pub use state::Script;
pub(crate) use state::{Ended, Ssm};

operations! {
    DescribeInstanceInformation Read command::describe_instances, [];
    GetCommandInvocation Read command::get_invocation, [];
    GetParameter Read get, [];
    GetParameters Read get_all, [];
    GetParametersByPath Read get_by_path, [];
    GetServiceSetting Read setting::get, [];
    ListCommandInvocations Read command::list_invocations, [];
    ListCommands Read command::list, [];
    ResetServiceSetting Write setting::reset, [];
    SendCommand Write command::send, [];
    UpdateServiceSetting Write setting::update, [];
}

/// Parameters of a call by names, and on a page, at most.
const AT_MOST: usize = 10;

struct Parameter {
    name: &'static str,
    value: SmolStr,
    modified: &'static str,
}

fn parameters(reader: &Reader<'_>) -> Vec<Parameter> {
    let all = image::parameters(reader).into_iter();
    let mut all: Vec<_> = all
        .map(|(name, value, modified)| Parameter {
            name,
            value,
            modified,
        })
        .collect();
    all.sort_by_key(|it| it.name);
    all
}

/// A name may be an ARN's, and may end in the version, `:1`.
fn find<'p>(all: &'p [Parameter], name: &str) -> Option<&'p Parameter> {
    let bare = name.rsplit_once(":parameter").map_or(name, |it| it.1);
    let bare = bare.strip_suffix(":1").unwrap_or(bare);
    all.iter().find(|it| it.name == bare)
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Get {
    name: SmolStr,
    /// Nothing is encrypted.
    #[serde(rename = "WithDecryption")]
    _with_decryption: Option<bool>,
}

fn get(reader: &Reader<'_>, request: Get) -> Reply {
    let all = parameters(reader);
    let found = find(&all, &request.name).ok_or_else(|| error::no_parameter(&request.name))?;
    Ok(json!({ "Parameter": show(found, reader) }))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct GetAll {
    names: Vec<SmolStr>,
    #[serde(rename = "WithDecryption")]
    _with_decryption: Option<bool>,
}

fn get_all(reader: &Reader<'_>, request: GetAll) -> Reply {
    let all = parameters(reader);
    let (mut shown, mut invalid) = (Vec::new(), Vec::new());
    for name in request.names {
        match find(&all, &name) {
            Some(found) => shown.push(show(found, reader)),
            None => invalid.push(name),
        }
    }
    Ok(json!({ "Parameters": shown, "InvalidParameters": invalid }))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct GetByPath {
    path: SmolStr,
    #[serde(default)]
    recursive: bool,
    #[serde(rename = "WithDecryption")]
    _with_decryption: Option<bool>,
    max_results: Option<usize>,
    next_token: Option<SmolStr>,
}

fn get_by_path(reader: &Reader<'_>, request: GetByPath) -> Reply {
    if !request.path.starts_with('/') {
        return Err(error::parameter_path(&request.path));
    }
    let prefix = format_smolstr!("{}/", request.path.trim_end_matches('/'));
    let all = parameters(reader);
    let below = all.iter().filter(|it| {
        let rest = it.name.strip_prefix(prefix.as_str());
        rest.is_some_and(|rest| request.recursive || !rest.contains('/'))
    });
    let below = below.map(|it| (SmolStr::new_static(it.name), it));
    let limit = request.max_results.unwrap_or(AT_MOST);
    let page = page_from(below, request.next_token.as_ref(), limit);
    let (items, next) = page.ok_or_else(next_token)?;
    let shown: Vec<_> = items.map(|it| show(it, reader)).collect();
    Ok(json!({ "Parameters": shown, "NextToken": next }))
}

fn next_token() -> ApiError {
    ApiError::client("InvalidNextToken", "The specified token is not valid.")
}

fn show(it: &Parameter, reader: &Reader<'_>) -> Value {
    json!({
        "Name": it.name,
        "Type": "String",
        "Value": it.value,
        "Version": 1,
        "LastModifiedDate": it.modified,
        "ARN": format!("arn:aws:ssm:{}::parameter{}", reader.region(), it.name),
        "DataType": "aws:ec2:image",
    })
}

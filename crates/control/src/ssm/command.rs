//! Run Command: scripts on instances whose agent reaches the service (AWS Systems Manager API
//! Reference: `SendCommand`, `GetCommandInvocation`, `ListCommands`, `ListCommandInvocations`,
//! `DescribeInstanceInformation`).
//!
//! There is one document, `AWS-RunShellScript`, with its three parameters. Whether an agent
//! reaches the service the data plane says
//! ([`ManagedInstances`](wirelab_model::Observation::ManagedInstances)), whether it may report
//! there its role, or the account's setting ([`super::setting`]); who does not is not there for
//! Systems Manager.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Value, json};
use smol_str::SmolStr;
use wirelab_model::{
    ApiError, IamInstanceProfile, Instance, InstanceId, Reply, UnixTime, fits_wildcards,
    private_dns_name,
};

use super::state::{Command, Ended, Script, Target};
use super::{next_token, setting};
use crate::clock::iso8601;
use crate::control::ControlConfig;
use crate::describe::Reader;
use crate::iam;
use crate::page::page_from;
use crate::realm::Realm;
use crate::state::State;
use crate::transaction::Transaction;

const DOCUMENT: &str = "AWS-RunShellScript";
/// The one step of the document.
const PLUGIN: &str = "aws:runShellScript";
/// Characters of output that are kept.
const STDOUT_AT_MOST: usize = 24_000;
const STDERR_AT_MOST: usize = 8_000;
/// Seconds that a script has, unless the command says otherwise, and at most.
const TIMEOUT: u64 = 3_600;
const TIMEOUT_AT_MOST: u64 = 172_800;
/// Characters of `Output` in lists.
const OUTPUT_AT_MOST: usize = 2_500;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct Send {
    document_name: SmolStr,
    #[serde(rename = "DocumentVersion")]
    _document_version: Option<SmolStr>,
    #[serde(default)]
    instance_ids: Vec<InstanceId>,
    #[serde(default)]
    targets: Vec<Target>,
    #[serde(default)]
    parameters: BTreeMap<SmolStr, Vec<SmolStr>>,
    comment: Option<SmolStr>,
    /// A command is delivered at once.
    #[serde(rename = "TimeoutSeconds")]
    _timeout_seconds: Option<u32>,
}

pub(super) fn send(tx: &mut Transaction<'_>, mut request: Send) -> Reply {
    let document = request.document_name.rsplit('/').next().unwrap_or_default();
    if document != DOCUMENT {
        let message = format!("Document with name {document} does not exist.");
        return Err(ApiError::client("InvalidDocument", message));
    }
    let plan = Plan::read(&request.parameters)?;
    let by_id = !request.instance_ids.is_empty();
    if by_id != request.targets.is_empty() {
        let message = "Specify either InstanceIds or Targets.";
        return Err(ApiError::client("InvalidParameters", message));
    }
    let instances = match by_id {
        true => named(tx, &request.instance_ids)?,
        false => targeted(tx, &request.targets),
    };
    let command = Command {
        id: tx.new_uuid("command"),
        comment: request.comment,
        parameters: std::mem::take(&mut request.parameters),
        by_id,
        targets: request.targets,
        requested: tx.utc(),
        invocations: instances.into_iter().map(|id| (id, None)).collect(),
    };
    let scripts = command.invocations.keys().map(|id| Script {
        command_id: command.id.clone(),
        instance: id.clone(),
        lines: plan.lines.clone(),
        timeout: plan.timeout,
        directory: plan.directory.clone(),
    });
    let scripts: Vec<_> = scripts.collect();
    let shown = show(&command);
    let realm = tx.realm().clone();
    let ssm = Arc::make_mut(&mut tx.state.ssm);
    ssm.waiting.extend(scripts);
    ssm.commands.entry(realm).or_default().push(command);
    Ok(json!({ "Command": shown }))
}

/// What the document is to do.
struct Plan {
    lines: Vec<SmolStr>,
    timeout: u64,
    directory: SmolStr,
}

impl Plan {
    /// By the schema of the document (`DescribeDocument`).
    fn read(parameters: &BTreeMap<SmolStr, Vec<SmolStr>>) -> Result<Self, ApiError> {
        let refuse = |message: String| Err(ApiError::client("InvalidParameters", message));
        let known = ["commands", "executionTimeout", "workingDirectory"];
        if let Some(name) = parameters.keys().find(|it| !known.contains(&it.as_str())) {
            return refuse(format!("Parameter {name} is not defined in {DOCUMENT}."));
        }
        let lines = parameters.get("commands").cloned().unwrap_or_default();
        if lines.is_empty() {
            return refuse(format!("The parameter commands of {DOCUMENT} is required."));
        }
        let first = |name: &str| parameters.get(name).and_then(|it| it.first());
        let timeout = match first("executionTimeout") {
            None => TIMEOUT,
            Some(text) => match text.parse::<u64>() {
                Ok(seconds) if (1..=TIMEOUT_AT_MOST).contains(&seconds) => seconds,
                _ => {
                    let pattern = "([1-9][0-9]{0,4})|(1[0-6][0-9]{4})|(17[0-1][0-9]{3})|\
                                   (172[0-7][0-9]{2})|(172800)";
                    return refuse(format!(
                        "Parameter \"executionTimeout\" value \"{text}\" doesn't match the \
                         expected pattern: {pattern}."
                    ));
                }
            },
        };
        // That of the agent.
        let directory = first("workingDirectory").filter(|it| !it.is_empty());
        Ok(Self {
            lines,
            timeout,
            directory: directory.cloned().unwrap_or_else(|| "/usr/bin".into()),
        })
    }
}

/// Every one of them must be there for the service.
fn named(tx: &Transaction<'_>, ids: &[InstanceId]) -> Result<Vec<InstanceId>, ApiError> {
    let is_managed = |id: &&InstanceId| {
        tx.owns(id.as_str()) && is_managed((&*tx.state, tx.config), tx.realm(), id)
    };
    let missing: Vec<&str> = ids
        .iter()
        .filter(|id| !is_managed(id))
        .map(InstanceId::as_str)
        .collect();
    if !missing.is_empty() {
        let message = format!(
            "Instances [[{}]] not in a valid state for account {}",
            missing.join(", "),
            tx.owner
        );
        return Err(ApiError::client("InvalidInstanceId", message));
    }
    Ok(ids.to_vec())
}

/// Whether an instance's agent reaches the service and may report to it.
fn is_managed((state, config): (&State, &ControlConfig), realm: &Realm, id: &InstanceId) -> bool {
    let instance = state.resources.instances.get(id);
    let profile = instance.and_then(|it| it.iam_instance_profile.as_ref());
    let by_profile =
        |it: &IamInstanceProfile| iam::lets_instance_be_managed(&realm.account, &it.arn, state);
    state.ssm.managed.contains(id)
        && (profile.is_some_and(by_profile) || setting::is_managed(realm, state, config))
}

/// Those that have every property.
fn targeted(tx: &Transaction<'_>, targets: &[Target]) -> Vec<InstanceId> {
    let managed = tx
        .each::<Instance>()
        .filter(|it| is_managed((&*tx.state, tx.config), tx.realm(), &it.instance_id));
    let fits = |it: &&Instance| {
        targets
            .iter()
            .all(|target| has(it, &target.key, &target.values))
    };
    managed
        .filter(fits)
        .map(|it| it.instance_id.clone())
        .collect()
}

/// Whether an instance has one of the values: `InstanceIds`, `tag:NAME`, `tag-key`.
fn has(instance: &Instance, key: &str, values: &[SmolStr]) -> bool {
    let is_one = |text: &str| values.iter().any(|it| fits_wildcards(it, text, false));
    let mut tags = instance.tags.iter();
    match key.strip_prefix("tag:") {
        Some(name) => tags.any(|it| it.key == name && is_one(&it.value)),
        None if key == "tag-key" => tags.any(|it| is_one(&it.key)),
        None => key.eq_ignore_ascii_case("InstanceIds") && is_one(instance.instance_id.as_str()),
    }
}

/// The word for how a script ended, or that it has not.
fn status(invocation: Option<&Ended>) -> &'static str {
    match invocation {
        None => "InProgress",
        Some(it) if it.timed_out => "TimedOut",
        Some(it) if it.status == 0 => "Success",
        Some(_) => "Failed",
    }
}

/// The same in detail: of time that was over, whose.
fn in_detail(word: &'static str) -> &'static str {
    match word {
        "TimedOut" => "ExecutionTimedOut",
        other => other,
    }
}

fn show(command: &Command) -> Value {
    let all = command.invocations.values();
    let ended = all.clone().flatten().count();
    let late = all.clone().flatten().filter(|it| it.timed_out).count();
    let failed = all.flatten().filter(|it| it.status != 0).count();
    let word = match (ended == command.invocations.len(), failed) {
        (false, _) => "InProgress",
        (true, 0) => "Success",
        (true, failed) if failed == late => "TimedOut",
        (true, _) => "Failed",
    };
    let ids: Vec<&InstanceId> = match command.by_id {
        true => command.invocations.keys().collect(),
        false => Vec::new(),
    };
    json!({
        "CommandId": command.id,
        "DocumentName": DOCUMENT,
        "DocumentVersion": "$DEFAULT",
        "Comment": command.comment.clone().unwrap_or_default(),
        "Parameters": command.parameters,
        "InstanceIds": ids,
        "Targets": command.targets,
        "RequestedDateTime": iso8601(command.requested),
        "Status": word,
        "StatusDetails": in_detail(word),
        "TargetCount": command.invocations.len(),
        "CompletedCount": ended,
        "ErrorCount": failed,
    })
}

fn commands<'r>(reader: &'r Reader<'_>) -> impl DoubleEndedIterator<Item = &'r Command> {
    let own = reader.state.ssm.commands.get(reader.realm());
    own.into_iter().flatten()
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct GetInvocation {
    command_id: SmolStr,
    instance_id: InstanceId,
    plugin_name: Option<SmolStr>,
}

pub(super) fn get_invocation(reader: &Reader<'_>, request: GetInvocation) -> Reply {
    if request.plugin_name.as_ref().is_some_and(|it| it != PLUGIN) {
        return Err(ApiError::client(
            "InvalidPluginName",
            "The plugin name is not valid.",
        ));
    }
    let found = commands(reader).find(|it| it.id == request.command_id);
    let found = found.and_then(|it| Some((it, it.invocations.get(&request.instance_id)?)));
    let Some((command, invocation)) = found else {
        return Err(ApiError::client(
            "InvocationDoesNotExist",
            "No invocation has this command ID and this managed node ID.",
        ));
    };
    let (ended, word) = (invocation.as_ref(), status(invocation.as_ref()));
    let text = |of: fn(&Ended) -> &String, most| {
        ended.map_or_else(String::new, |it| of(it).chars().take(most).collect())
    };
    let elapsed = ended.map(|it| it.at.since_start(command.requested).as_nanos() / 1_000_000);
    let elapsed = elapsed.map(|it| format!("PT{}.{:03}S", it / 1000, it % 1000));
    Ok(json!({
        "CommandId": command.id,
        "InstanceId": request.instance_id,
        "Comment": command.comment.clone().unwrap_or_default(),
        "DocumentName": DOCUMENT,
        "DocumentVersion": "$DEFAULT",
        "PluginName": PLUGIN,
        "ResponseCode": ended.map_or(-1, |it| it.status),
        "ExecutionStartDateTime": iso8601(command.requested),
        "ExecutionElapsedTime": elapsed.unwrap_or_default(),
        "ExecutionEndDateTime": ended.map_or_else(String::new, |it| iso8601(it.at)),
        "Status": word,
        "StatusDetails": in_detail(word),
        "StandardOutputContent": text(|it| &it.stdout, STDOUT_AT_MOST),
        "StandardErrorContent": text(|it| &it.stderr, STDERR_AT_MOST),
        "StandardOutputUrl": "",
        "StandardErrorUrl": "",
    }))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct List {
    command_id: Option<SmolStr>,
    instance_id: Option<InstanceId>,
    #[serde(default)]
    filters: Vec<CommandFilter>,
    max_results: Option<usize>,
    next_token: Option<SmolStr>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CommandFilter {
    key: SmolStr,
    value: SmolStr,
}

impl List {
    /// What is asked for, newest first, by a key for pages.
    fn select<'r>(&self, reader: &'r Reader<'_>) -> Result<Vec<&'r Command>, ApiError> {
        for it in &self.filters {
            if !["DocumentName", "Status", "InvokedAfter", "InvokedBefore"].contains(&&*it.key) {
                return Err(ApiError::client(
                    "InvalidFilterKey",
                    "The specified key is not valid.",
                ));
            }
        }
        let is_wanted = |command: &&Command| {
            let requested = iso8601(command.requested);
            let id = self.command_id.as_ref();
            let instance = self.instance_id.as_ref();
            id.is_none_or(|id| *id == command.id)
                && instance.is_none_or(|it| command.invocations.contains_key(it))
                && self.filters.iter().all(|it| match it.key.as_str() {
                    "DocumentName" => it.value == DOCUMENT,
                    "Status" => show(command)["Status"] == it.value.as_str(),
                    "InvokedAfter" => requested[..19] > it.value[..it.value.len().min(19)],
                    _ => requested[..19] < it.value[..it.value.len().min(19)],
                })
        };
        Ok(commands(reader).rev().filter(is_wanted).collect())
    }

    fn page<T>(
        &self,
        items: impl Iterator<Item = (SmolStr, T)>,
    ) -> Result<(impl Iterator<Item = T>, Option<SmolStr>), ApiError> {
        let limit = self.max_results.unwrap_or(50);
        page_from(items, self.next_token.as_ref(), limit).ok_or_else(next_token)
    }
}

pub(super) fn list(reader: &Reader<'_>, request: List) -> Reply {
    let found = request.select(reader)?;
    let (items, next) = request.page(found.into_iter().map(|it| (it.id.clone(), it)))?;
    let shown: Vec<_> = items.map(show).collect();
    Ok(json!({ "Commands": shown, "NextToken": next }))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct ListInvocations {
    command_id: Option<SmolStr>,
    instance_id: Option<InstanceId>,
    #[serde(default)]
    filters: Vec<CommandFilter>,
    #[serde(default)]
    details: bool,
    max_results: Option<usize>,
    next_token: Option<SmolStr>,
}

pub(super) fn list_invocations(reader: &Reader<'_>, request: ListInvocations) -> Reply {
    let details = request.details;
    let list = List {
        command_id: request.command_id,
        instance_id: request.instance_id,
        filters: request.filters,
        max_results: request.max_results,
        next_token: request.next_token,
    };
    let instance = list.instance_id.clone();
    let found = list.select(reader)?.into_iter().flat_map(|command| {
        let all = command.invocations.iter();
        all.map(move |(id, ended)| (command, id, ended.as_ref()))
    });
    let found = found.filter(|(_, id, _)| instance.as_ref().is_none_or(|it| it == *id));
    let keyed = found.map(|it| (smol_str::format_smolstr!("{}/{}", it.0.id, it.1), it));
    let (items, next) = list.page(keyed)?;
    let shown: Vec<_> = items
        .map(|it| show_invocation(reader, it, details))
        .collect();
    Ok(json!({ "CommandInvocations": shown, "NextToken": next }))
}

fn show_invocation(
    reader: &Reader<'_>,
    (command, id, ended): (&Command, &InstanceId, Option<&Ended>),
    details: bool,
) -> Value {
    let word = status(ended);
    let instance = reader.resources().instances.get(id);
    let name = instance.and_then(|it| it.tags.iter().find(|tag| tag.key == "Name"));
    let mut shown = json!({
        "CommandId": command.id,
        "InstanceId": id,
        "InstanceName": name.map(|it| it.value.clone()).unwrap_or_default(),
        "Comment": command.comment.clone().unwrap_or_default(),
        "DocumentName": DOCUMENT,
        "DocumentVersion": "$DEFAULT",
        "RequestedDateTime": iso8601(command.requested),
        "Status": word,
        "StatusDetails": in_detail(word),
        "CommandPlugins": [],
    });
    if details {
        let output = ended.map_or_else(String::new, |it| match it.stderr.as_str() {
            "" => it.stdout.clone(),
            stderr => format!("{}\n----------ERROR-------\n{stderr}", it.stdout),
        });
        shown["CommandPlugins"] = json!([{
            "Name": PLUGIN,
            "Status": word,
            "StatusDetails": in_detail(word),
            "ResponseCode": ended.map_or(-1, |it| it.status),
            "ResponseStartDateTime": iso8601(command.requested),
            "ResponseFinishDateTime": ended.map(|it| iso8601(it.at)),
            "Output": output.chars().take(OUTPUT_AT_MOST).collect::<String>(),
        }]);
    }
    shown
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct DescribeInstances {
    #[serde(default)]
    filters: Vec<InstanceFilter>,
    #[serde(default)]
    instance_information_filter_list: Vec<OldInstanceFilter>,
    max_results: Option<usize>,
    next_token: Option<SmolStr>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct InstanceFilter {
    key: SmolStr,
    values: Vec<SmolStr>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct OldInstanceFilter {
    key: SmolStr,
    value_set: Vec<SmolStr>,
}

pub(super) fn describe_instances(reader: &Reader<'_>, request: DescribeInstances) -> Reply {
    let old = request.instance_information_filter_list.into_iter();
    let filters = request.filters.into_iter().map(|it| (it.key, it.values));
    let filters: Vec<_> = filters
        .chain(old.map(|it| (it.key, it.value_set)))
        .collect();
    let known = [
        "InstanceIds",
        "PingStatus",
        "PlatformTypes",
        "ResourceType",
        "tag-key",
    ];
    if filters
        .iter()
        .any(|(key, _)| !known.contains(&&**key) && !key.starts_with("tag:"))
    {
        return Err(ApiError::client(
            "InvalidFilterKey",
            "The specified key is not valid.",
        ));
    }
    let fits = |it: &&Instance| {
        filters.iter().all(|(key, values)| match key.as_str() {
            "PingStatus" => values.iter().any(|it| it == "Online"),
            "PlatformTypes" => values.iter().any(|it| it == "Linux"),
            "ResourceType" => values.iter().any(|it| it == "EC2Instance"),
            _ => has(it, key, values),
        })
    };
    let managed = reader.each::<Instance>();
    let place = (reader.state, reader.config);
    let managed = managed.filter(|it| is_managed(place, reader.realm(), &it.instance_id));
    let found = managed.filter(fits);
    let keyed = found.map(|it| (SmolStr::new(it.instance_id.as_str()), it));
    let limit = request.max_results.unwrap_or(50);
    let page = page_from(keyed, request.next_token.as_ref(), limit);
    let (items, next) = page.ok_or_else(next_token)?;
    let now = reader.config.starts.at(reader.state.now);
    let shown: Vec<_> = items.map(|it| show_instance(reader, it, now)).collect();
    Ok(json!({ "InstanceInformationList": shown, "NextToken": next }))
}

/// The machine is an Amazon Linux 2023.
fn show_instance(reader: &Reader<'_>, instance: &Instance, now: UnixTime) -> Value {
    let interfaces = &reader.resources().network_interfaces;
    let primary = instance.network_interfaces.first();
    let primary = primary.and_then(|id| interfaces.get(id));
    let address = primary.and_then(|it| it.private_ip_addresses.first());
    let address = address.map(|it| it.private_ip_address);
    json!({
        "InstanceId": instance.instance_id,
        "PingStatus": "Online",
        "LastPingDateTime": iso8601(now),
        "PlatformType": "Linux",
        "PlatformName": "Amazon Linux",
        "PlatformVersion": "2023",
        "ResourceType": "EC2Instance",
        "IPAddress": address,
        "ComputerName": address.map(|it| private_dns_name(reader.region(), it)),
    })
}

//! Flow logs (Amazon EC2 API Reference: `CreateFlowLogs` and its kin; Amazon VPC User Guide, "Flow
//! log records"). A flow log cannot be changed once made.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Value, json};
use smol_str::{SmolStr, format_smolstr};
use wirelab_model::*;

use crate::clock::iso8601;
use crate::control::ControlConfig;
use crate::describe::{Field, Reader};
use crate::state::State;
use crate::transaction::Transaction;
use crate::view::{maybe, one, tags, word};
use crate::{error, iam, logs};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct CreateFlowLogs {
    resource_ids: Vec<SmolStr>,
    resource_type: ResourceType,
    traffic_type: TrafficType,
    log_destination_type: Option<DestinationType>,
    log_group_name: Option<SmolStr>,
    log_destination: Option<SmolStr>,
    deliver_logs_permission_arn: Option<SmolStr>,
    log_format: Option<String>,
    max_aggregation_interval: Option<u32>,
    destination_options: Option<DestinationOptions>,
    #[serde(default)]
    tag_field_specifications: Vec<TagFieldSpecification>,
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum DestinationType {
    #[default]
    CloudWatchLogs,
    S3,
    KinesisDataFirehose,
}

#[derive(Clone, Copy, Deserialize)]
enum ResourceType {
    #[serde(rename = "VPC")]
    Vpc,
    Subnet,
    NetworkInterface,
}

impl ResourceType {
    fn check(self, tx: &Transaction<'_>, id: &str) -> Result<(), ApiError> {
        match self {
            Self::Vpc => tx.get::<Vpc>(&VpcId::new(id)).map(drop),
            Self::Subnet => tx.get::<Subnet>(&SubnetId::new(id)).map(drop),
            Self::NetworkInterface => {
                let id = NetworkInterfaceId::new(id);
                tx.get::<NetworkInterface>(&id).map(drop)
            }
        }
    }
}

/// Where the records of a call's flow logs go.
struct Destination {
    kind: LogDestinationType,
    group: Option<SmolStr>,
    arn: Option<SmolStr>,
    role: Option<SmolStr>,
    options: Option<DestinationOptions>,
}

pub(crate) fn create_flow_logs(tx: &mut Transaction<'_>, request: CreateFlowLogs) -> Reply {
    if request.resource_ids.is_empty() {
        return Err(error::missing_parameter("ResourceIds"));
    }
    let destination = request.destination(tx)?;
    let log_format = checked_format(request.log_format.as_deref())?;
    request.check_tag_fields()?;
    let interval = request.max_aggregation_interval.unwrap_or(600);
    if !matches!(interval, 60 | 600) {
        return Err(error::invalid_parameter(format_args!(
            "Invalid Flow Log Max Aggregation Interval {interval}: 60 or 600 seconds"
        )));
    }
    let tags = tx.tags::<FlowLog>()?;
    let mut made = Vec::new();
    let mut unsuccessful = Vec::new();
    for resource_id in &request.resource_ids {
        if let Err(error) = request.resource_type.check(tx, resource_id) {
            unsuccessful.push(failed(resource_id, &error));
            continue;
        }
        let flow_log = FlowLog {
            flow_log_id: tx.new_id::<FlowLog>(),
            resource_id: resource_id.clone(),
            traffic_type: request.traffic_type,
            log_destination_type: destination.kind,
            log_group_name: destination.group.clone(),
            log_destination: destination.arn.clone(),
            deliver_logs_permission_arn: destination.role.clone(),
            deliver_logs_status: status(destination.role.as_deref(), tx.state, tx.config),
            log_format: log_format.clone(),
            max_aggregation_interval: interval,
            destination_options: destination.options,
            tag_field_specifications: request.tag_field_specifications.clone(),
            creation_time: tx.utc(),
            tags: tags.clone(),
        };
        if tx.each::<FlowLog>().any(|other| is_same(other, &flow_log)) {
            return Err(error::flow_log_exists());
        }
        made.push(flow_log.flow_log_id.clone());
        logs::feed(tx, &flow_log);
        tx.put(flow_log);
    }
    Ok(json!({ "FlowLogIds": made, "Unsuccessful": unsuccessful }))
}

/// Whether records come where they belong: the role of a log in CloudWatch Logs must be there, let
/// the service of flow logs put it on, and allow it to write (Amazon VPC User Guide, "IAM role for
/// publishing flow logs to CloudWatch Logs").
fn status(role: Option<&str>, state: &State, config: &ControlConfig) -> DeliverLogsStatus {
    match role.is_none_or(|arn| iam::lets_flow_logs_write(arn, state, config)) {
        true => DeliverLogsStatus::Success,
        false => DeliverLogsStatus::Failed,
    }
}

/// Brings all flow logs in step with what their roles may do now.
pub(crate) fn heed_roles(state: &mut State, config: &ControlConfig) {
    let logs = state.resources.flow_logs.values();
    let logs = logs.map(|log| {
        let role = log.deliver_logs_permission_arn.as_deref();
        (Arc::clone(log), status(role, state, config))
    });
    let changed = logs.filter(|(log, now)| log.deliver_logs_status != *now);
    for (mut log, now) in changed.collect::<Vec<_>>() {
        Arc::make_mut(&mut log).deliver_logs_status = now;
        state
            .resources
            .flow_logs
            .insert(log.flow_log_id.clone(), log);
    }
}

fn is_same(one: &FlowLog, other: &FlowLog) -> bool {
    one.resource_id == other.resource_id
        && one.traffic_type == other.traffic_type
        && one.log_destination_type == other.log_destination_type
        && one.log_group_name == other.log_group_name
        && one.log_destination == other.log_destination
}

fn failed(resource_id: &str, error: &ApiError) -> Value {
    json!({
        "ResourceId": resource_id,
        "Error": { "Code": error.code, "Message": error.message },
    })
}

impl CreateFlowLogs {
    fn destination(&self, tx: &Transaction<'_>) -> Result<Destination, ApiError> {
        match self.log_destination_type.unwrap_or_default() {
            DestinationType::CloudWatchLogs => self.log_group(tx),
            DestinationType::S3 => self.bucket(),
            DestinationType::KinesisDataFirehose => Err(error::unsupported(
                "wirelab delivers flow logs to cloud-watch-logs and s3, and simulates no Firehose",
            )),
        }
    }

    /// Each kind of resource once, with one or two keys: there are two fields for each.
    fn check_tag_fields(&self) -> Result<(), ApiError> {
        let mut seen = Vec::new();
        for specification in &self.tag_field_specifications {
            if seen.contains(&specification.resource_type) {
                return Err(error::invalid_parameter(
                    "TagFieldSpecifications names a ResourceType twice",
                ));
            }
            seen.push(specification.resource_type);
            if !matches!(specification.tag_keys.len(), 1 | 2) {
                return Err(error::invalid_parameter(
                    "TagFieldSpecifications takes one or two TagKeys for a ResourceType",
                ));
            }
        }
        Ok(())
    }

    /// CloudWatch Logs: a group, by name or ARN, and a role that may write to it.
    fn log_group(&self, tx: &Transaction<'_>) -> Result<Destination, ApiError> {
        if self.destination_options.is_some() {
            return Err(error::invalid_parameter(
                "DestinationOptions is only for LogDestinationType s3.",
            ));
        }
        let by_arn = self.log_destination.as_deref();
        let by_arn = by_arn.and_then(|arn| arn.split(":log-group:").nth(1));
        let by_arn = by_arn.map(|name| name.trim_end_matches(":*"));
        let group = match (&self.log_group_name, by_arn) {
            (Some(_), Some(_)) => {
                return Err(error::combination(
                    "Please only provide LogGroupName or only provide LogDestination.",
                ));
            }
            (Some(name), None) => name.clone(),
            (None, Some(name)) => name.into(),
            (None, None) => {
                return Err(error::invalid_parameter(
                    "LogDestination and LogGroupName can't be empty at the same time for \
                    cloud-watch-logs.",
                ));
            }
        };
        let role = self.deliver_logs_permission_arn.clone().ok_or_else(|| {
            error::invalid_parameter(
                "DeliverLogsPermissionArn can't be empty if LogDestinationType is \
                cloud-watch-logs.",
            )
        })?;
        check_role(&role, &tx.owner)?;
        let arn = format_smolstr!("arn:aws:logs:{}:{}:log-group:{group}", tx.region, tx.owner);
        Ok(Destination {
            kind: LogDestinationType::CloudWatchLogs,
            group: Some(group),
            arn: Some(arn),
            role: Some(role),
            options: None,
        })
    }

    fn bucket(&self) -> Result<Destination, ApiError> {
        if self.log_group_name.is_some() {
            return Err(error::invalid_parameter(
                "LogDestination type must be cloud-watch-logs if LogGroupName is provided.",
            ));
        }
        if self.deliver_logs_permission_arn.is_some() {
            return Err(error::invalid_parameter(
                "DeliverLogsPermissionArn is not applicable for s3 delivery",
            ));
        }
        let arn = self.log_destination.clone();
        let arn = arn.filter(|arn| {
            let name = arn.strip_prefix("arn:aws:s3:::").unwrap_or_default();
            !name.is_empty() && !name.starts_with('/')
        });
        let arn = arn.ok_or_else(|| {
            error::invalid_parameter(
                "LogDestination must be the ARN of a bucket: arn:aws:s3:::NAME",
            )
        })?;
        if arn.split('/').skip(1).any(|folder| folder == "AWSLogs") {
            return Err(error::invalid_parameter(
                "LogDestination must not have a folder AWSLogs: that is a reserved term",
            ));
        }
        Ok(Destination {
            kind: LogDestinationType::S3,
            group: None,
            arn: Some(arn),
            role: None,
            options: Some(self.destination_options.unwrap_or_default()),
        })
    }
}

/// A role is passed to a service within its account (IAM User Guide, "Grant a user permissions to
/// pass a role to an AWS service"). Whether it is there, and serves, the log's status says.
fn check_role(arn: &str, account: &str) -> Result<(), ApiError> {
    let place = arn.strip_prefix("arn:aws:iam::");
    let place = place.and_then(|it| it.split_once(":role/"));
    let is_account = |it: &str| it.len() == 12 && it.bytes().all(|it| it.is_ascii_digit());
    match place.filter(|it| is_account(it.0) && !it.1.is_empty()) {
        None => Err(error::invalid_parameter(format_args!(
            "DeliverLogsPermissionArn {arn} is not the ARN of a role"
        ))),
        Some((owner, _)) if owner != account => Err(error::unauthorized_role(arn)),
        Some(_) => Ok(()),
    }
}

/// The format, checked field by field; the default one if there is none.
fn checked_format(format: Option<&str>) -> Result<String, ApiError> {
    let Some(format) = format else {
        let fields = FlowField::DEFAULT.iter();
        return Ok(fields
            .map(|field| format!("${{{field}}}"))
            .collect::<Vec<_>>()
            .join(" "));
    };
    let mut fields = Vec::new();
    for word in format.split_whitespace() {
        let name = word
            .strip_prefix("${")
            .and_then(|rest| rest.strip_suffix('}'));
        let field = name.and_then(FlowField::from_name);
        let Some(field) = field.filter(|field| !field.is_of_transit_gateway()) else {
            return Err(unknown_field(word));
        };
        if fields.contains(&field) {
            return Err(error::invalid_parameter(format_args!(
                "LogFormat has {word} twice"
            )));
        }
        fields.push(field);
    }
    if fields.is_empty() {
        return Err(error::invalid_parameter(
            "LogFormat needs at least one field",
        ));
    }
    Ok(format.split_whitespace().collect::<Vec<_>>().join(" "))
}

fn unknown_field(word: &str) -> ApiError {
    let bare = word.trim_matches(['$', '{', '}']);
    let fields = FlowField::ALL.iter();
    let fields = fields.filter(|field| !field.is_of_transit_gateway());
    let names = fields.map(|field| field.name());
    let hint = error::nearest(bare, names)
        .map_or_else(String::new, |near| format!(". Did you mean ${{{near}}}?"));
    error::invalid_parameter(format_args!("Unknown fields provided: {word}{hint}"))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct DeleteFlowLogs {
    flow_log_ids: Vec<FlowLogId>,
}

pub(crate) fn delete_flow_logs(tx: &mut Transaction<'_>, request: DeleteFlowLogs) -> Reply {
    let mut unsuccessful = Vec::new();
    for id in &request.flow_log_ids {
        match tx.get::<FlowLog>(id) {
            Ok(_) => tx.remove::<FlowLog>(id),
            Err(error) => unsuccessful.push(failed(id.as_str(), &error)),
        }
    }
    Ok(json!({ "Unsuccessful": unsuccessful }))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct DescribeFlowLogs {
    #[serde(default)]
    flow_log_ids: Vec<FlowLogId>,
}

const FIELDS: &[Field<FlowLog>] = &[
    ("flow-log-id", |it, _| one(&it.flow_log_id)),
    ("resource-id", |it, _| one(&it.resource_id)),
    ("traffic-type", |it, _| one(word(it.traffic_type))),
    ("log-destination-type", |it, _| {
        one(word(it.log_destination_type))
    }),
    ("log-group-name", |it, _| maybe(it.log_group_name.as_ref())),
    ("deliver-log-status", |it, _| {
        one(word(it.deliver_logs_status))
    }),
];

pub(crate) fn describe_flow_logs(reader: &Reader<'_>, request: DescribeFlowLogs) -> Reply {
    reader.describe("FlowLogs", &request.flow_log_ids, FIELDS, show)
}

fn show(flow_log: &FlowLog) -> Value {
    let has_failed = flow_log.deliver_logs_status == DeliverLogsStatus::Failed;
    json!({
        "FlowLogId": flow_log.flow_log_id,
        "FlowLogStatus": "ACTIVE",
        "ResourceId": flow_log.resource_id,
        "TrafficType": flow_log.traffic_type,
        "LogDestinationType": flow_log.log_destination_type,
        "LogGroupName": flow_log.log_group_name,
        "LogDestination": flow_log.log_destination,
        "DeliverLogsPermissionArn": flow_log.deliver_logs_permission_arn,
        "DeliverLogsStatus": flow_log.deliver_logs_status,
        "DeliverLogsErrorMessage": has_failed.then_some("Access error"),
        "LogFormat": flow_log.log_format,
        "MaxAggregationInterval": flow_log.max_aggregation_interval,
        "DestinationOptions": flow_log.destination_options,
        "TagFieldSpecifications": shown_tag_fields(flow_log),
        "CreationTime": iso8601(flow_log.creation_time),
        "Tags": tags(&flow_log.tags),
    })
}

fn shown_tag_fields(flow_log: &FlowLog) -> Option<&[TagFieldSpecification]> {
    let specifications = &flow_log.tag_field_specifications;
    (!specifications.is_empty()).then_some(specifications)
}

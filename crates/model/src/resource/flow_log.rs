//! Flow log: `DescribeFlowLogs`.

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use super::Tag;
use crate::{FlowLogId, UnixTime};

/// What a flow log records.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum TrafficType {
    /// ACCEPT records.
    Accept,
    /// REJECT records.
    Reject,
    /// Both.
    All,
}

/// Where records go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LogDestinationType {
    /// CloudWatch Logs; delivered about 5 minutes after the interval.
    CloudWatchLogs,
    /// S3; about 10 minutes.
    S3,
}

/// What becomes of the records.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum DeliverLogsStatus {
    /// They are delivered.
    #[default]
    Success,
    /// They are lost: the role may not write to CloudWatch Logs.
    Failed,
}

/// How files lie in S3.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FlowLogFileFormat {
    /// Lines, gzip around them.
    #[default]
    PlainText,
    /// Apache Parquet.
    Parquet,
}

/// `DestinationOptions` of a flow log in S3.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default, deny_unknown_fields)]
pub struct DestinationOptions {
    /// Text or Parquet.
    pub file_format: FlowLogFileFormat,
    /// Folders named `aws-region=us-east-1/year=2024/...`.
    pub hive_compatible_partitions: bool,
    /// A folder an hour, not only a day.
    pub per_hour_partition: bool,
}

/// Whose tags the fields `instance-tag`, `interface-tag` and `asg-tag` show.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TagFieldResource {
    /// The interface's.
    NetworkInterface,
    /// Its instance's.
    Instance,
    /// The Auto Scaling group's of its instance.
    AutoScalingGroup,
}

/// One of `TagFieldSpecifications`: which tags of a resource the record shows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct TagFieldSpecification {
    /// Whose tags.
    pub resource_type: TagFieldResource,
    /// One or two keys: the second one's value is in the field whose name ends in `-2`.
    pub tag_keys: Vec<SmolStr>,
}

/// A flow log on a VPC, subnet or interface. It cannot be changed once made, but what its role may
/// do can.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct FlowLog {
    /// Its id.
    pub flow_log_id: FlowLogId,
    /// The VPC, subnet or interface.
    pub resource_id: SmolStr,
    /// ACCEPT, REJECT or ALL.
    pub traffic_type: TrafficType,
    /// The kind of destination.
    pub log_destination_type: LogDestinationType,
    /// CloudWatch log group.
    pub log_group_name: Option<SmolStr>,
    /// Destination ARN (S3 bucket and prefix).
    pub log_destination: Option<SmolStr>,
    /// Role for CloudWatch delivery.
    pub deliver_logs_permission_arn: Option<SmolStr>,
    /// Whether records come there.
    pub deliver_logs_status: DeliverLogsStatus,
    /// `${version} ${account-id} ...`; the default format if the caller named none.
    pub log_format: String,
    /// 60 or 600 seconds. Interfaces of Nitro instances never exceed 60.
    pub max_aggregation_interval: u32,
    /// Layout of the files; for S3 only.
    pub destination_options: Option<DestinationOptions>,
    /// Tags that records show.
    pub tag_field_specifications: Vec<TagFieldSpecification>,
    /// When it was made.
    pub creation_time: UnixTime,
    /// Tags.
    pub tags: Vec<Tag>,
}

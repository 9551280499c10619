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

/// A flow log on a VPC, subnet or interface. It cannot be changed once made.
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
    /// `${version} ${account-id} ...`; the default format if the caller named none.
    pub log_format: String,
    /// 60 or 600 seconds. Interfaces of Nitro instances never exceed 60.
    pub max_aggregation_interval: u32,
    /// When it was made.
    pub creation_time: UnixTime,
    /// Tags.
    pub tags: Vec<Tag>,
}

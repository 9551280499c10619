//! `[flow_log.*]`.

use serde_json::json;

use crate::build::{Builder, name_tag};
use crate::fields::Fields;

const RESOURCES: [&str; 4] = ["vpc", "subnet", "network_interface", "instance"];
const TRAFFIC: [(&str, &str); 3] = [("ALL", "ALL"), ("ACCEPT", "ACCEPT"), ("REJECT", "REJECT")];

const FILE_FORMATS: [(&str, &str); 2] = [("plain-text", "plain-text"), ("parquet", "parquet")];

/// `[flow_log.x] resource, traffic_type, max_aggregation_interval, log_format, log_group,
/// destination, file_format, hive_compatible_partitions, per_hour_partition`.
pub(super) fn all(builder: &mut Builder<'_>, root: &Fields<'_>) {
    for (name, fields) in root.named("flow_log") {
        let _ = flow_log(builder, &name, &fields);
        fields.finish();
    }
}

fn flow_log(builder: &mut Builder<'_>, name: &str, fields: &Fields<'_>) -> Option<()> {
    let resource = fields.required_text("resource");
    let traffic = fields.choice("traffic_type", &TRAFFIC).unwrap_or("ALL");
    let interval: u32 = fields.integer("max_aggregation_interval").unwrap_or(600);
    let format = fields.text("log_format").map(|it| it.text);
    let group = fields.text("log_group").map(|it| it.text);
    let bucket = fields.text("destination").map(|it| it.text);
    let options = json!({
        "FileFormat": fields.choice("file_format", &FILE_FORMATS).unwrap_or("plain-text"),
        "HiveCompatiblePartitions": fields.boolean("hive_compatible_partitions").unwrap_or(false),
        "PerHourPartition": fields.boolean("per_hour_partition").unwrap_or(false),
    });
    let resource = resource?;
    let resource_id = builder.any_id(&RESOURCES, &resource)?;
    let (resource_type, resource_id) = match resource.text.split('.').next() {
        Some("vpc") => ("VPC", resource_id),
        Some("subnet") => ("Subnet", resource_id),
        Some("instance") => ("NetworkInterface", primary(builder, &resource_id)?),
        _ => ("NetworkInterface", resource_id),
    };
    let mut parameters = json!({
        "ResourceIds": [resource_id],
        "ResourceType": resource_type,
        "TrafficType": traffic,
        "MaxAggregationInterval": interval,
        "LogFormat": format,
        "TagSpecifications": name_tag("vpc-flow-log", name),
    });
    if let Some(bucket) = bucket {
        parameters["LogDestinationType"] = json!("s3");
        parameters["LogDestination"] = json!(bucket);
        parameters["DestinationOptions"] = options;
    } else {
        let account = builder
            .owner(parameters["ResourceIds"][0].as_str()?)
            .account;
        let role = format!("arn:aws:iam::{account}:role/flow-logs");
        parameters["LogDestinationType"] = json!("cloud-watch-logs");
        parameters["LogGroupName"] = json!(group.unwrap_or_else(|| format!("/vpc/flow/{name}")));
        parameters["DeliverLogsPermissionArn"] = json!(role);
    }
    builder.create(
        fields,
        "flow_log",
        name,
        "CreateFlowLogs",
        parameters,
        "/FlowLogIds/0",
    )?;
    Some(())
}

fn primary(builder: &Builder<'_>, instance: &str) -> Option<smol_str::SmolStr> {
    let mut instances = builder.control.resources().instances.values();
    let instance = instances.find(|it| it.instance_id.as_str() == instance)?;
    Some(instance.network_interfaces.first()?.as_str().into())
}

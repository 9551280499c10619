//! `GetFlowLogsIntegrationTemplate` (Amazon EC2 API Reference; Amazon VPC User Guide, "Query flow
//! logs using Amazon Athena"): a CloudFormation template of what Athena needs to read a flow log's
//! files, with a table whose columns are the log's fields, and queries to begin with.
//!
//! The template is the reply; nothing here deploys it. Its table finds the days of the log's
//! folders by itself (partition projection), where AWS's has a function that adds partitions.

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::{Value, json};
use smol_str::SmolStr;
use wirelab_model::*;

use crate::describe::Reader;
use crate::error;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct GetTemplate {
    flow_log_id: FlowLogId,
    config_delivery_s3_destination_arn: SmolStr,
    integrate_services: Integrations,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Integrations {
    #[serde(default)]
    athena_integrations: Vec<Integration>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Integration {
    integration_result_s3_destination_arn: SmolStr,
    #[serde(rename = "PartitionLoadFrequency")]
    _partition_load_frequency: Frequency,
    #[serde(rename = "PartitionStartDate")]
    _partition_start_date: Option<IgnoredAny>,
    #[serde(rename = "PartitionEndDate")]
    _partition_end_date: Option<IgnoredAny>,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Frequency {
    None,
    Daily,
    Weekly,
    Monthly,
}

pub(crate) fn get_template(reader: &Reader<'_>, request: GetTemplate) -> Reply {
    let log = reader.get::<FlowLog>(&request.flow_log_id)?;
    if log.log_destination_type != LogDestinationType::S3 {
        return Err(error::invalid_parameter(format_args!(
            "The flow log {} is not published to Amazon S3",
            log.flow_log_id
        )));
    }
    place(&request.config_delivery_s3_destination_arn)?;
    let integrations = &request.integrate_services.athena_integrations;
    let [integration] = integrations.as_slice() else {
        return Err(error::missing_parameter(
            "IntegrateServices.AthenaIntegrations",
        ));
    };
    let results = place(&integration.integration_result_s3_destination_arn)?;
    let template = template(log, &results, reader.account(), reader.region());
    let text = serde_json::to_string_pretty(&template).unwrap_or_default();
    Ok(json!({ "Result": text }))
}

/// `s3://bucket/folder` of the ARN of a bucket and perhaps a folder in it.
fn place(arn: &str) -> Result<String, ApiError> {
    let place = arn.strip_prefix("arn:aws:s3:::").unwrap_or_default();
    match place.is_empty() || place.starts_with('/') {
        true => Err(error::invalid_parameter(format_args!(
            "{arn} is not the ARN of a bucket: arn:aws:s3:::NAME"
        ))),
        false => Ok(format!("s3://{}", place.trim_end_matches('/'))),
    }
}

fn template(log: &FlowLog, results: &str, account: &str, region: &str) -> Value {
    let name = log.flow_log_id.as_str().replace('-', "");
    let (database, group) = (
        format!("vpcflowlogsathenadatabase{name}"),
        format!("VPCFlowLogs{name}"),
    );
    let query = |about: &str, sql: &str| {
        json!({
            "Type": "AWS::Athena::NamedQuery",
            "Properties": {
                "Database": database,
                "Description": about,
                "Name": about,
                "QueryString": sql.replace("TABLE", "vpc_flow_logs"),
                "WorkGroup": { "Ref": "WorkGroup" },
            },
            "DependsOn": "Table",
        })
    };
    json!({
        "AWSTemplateFormatVersion": "2010-09-09",
        "Description": format!("Athena for the flow log {}", log.flow_log_id),
        "Resources": {
            "Database": {
                "Type": "AWS::Glue::Database",
                "Properties": { "CatalogId": account, "DatabaseInput": { "Name": database } },
            },
            "Table": {
                "Type": "AWS::Glue::Table",
                "Properties": {
                    "CatalogId": account,
                    "DatabaseName": { "Ref": "Database" },
                    "TableInput": table(log, account, region),
                },
            },
            "WorkGroup": {
                "Type": "AWS::Athena::WorkGroup",
                "Properties": {
                    "Name": group,
                    "WorkGroupConfiguration": {
                        "ResultConfiguration": { "OutputLocation": format!("{results}/") },
                    },
                },
            },
            "Rejected": query(
                "Refused flows",
                "SELECT srcaddr, dstaddr, dstport, sum(packets) AS packets FROM TABLE \
                 WHERE action = 'REJECT' GROUP BY 1, 2, 3 ORDER BY packets DESC LIMIT 25",
            ),
            "TopTalkers": query(
                "Most traffic",
                "SELECT srcaddr, dstaddr, sum(bytes) AS bytes FROM TABLE \
                 GROUP BY 1, 2 ORDER BY bytes DESC LIMIT 25",
            ),
        },
    })
}

/// The table of the log's files. Folders are `.../vpcflowlogs/REGION/YEAR/MONTH/DAY/`, or have the
/// names of their parts in front.
fn table(log: &FlowLog, account: &str, region: &str) -> Value {
    let options = log.destination_options.unwrap_or_default();
    let arn = log.log_destination.as_deref().unwrap_or_default();
    let base = place(arn).unwrap_or_default();
    let (service, days) = match options.hive_compatible_partitions {
        true => (
            format!("aws-account-id={account}/aws-service=vpcflowlogs/aws-region={region}"),
            "year=${year}/month=${month}/day=${day}",
        ),
        false => (
            format!("{account}/vpcflowlogs/{region}"),
            "${year}/${month}/${day}",
        ),
    };
    let location = format!("{base}/AWSLogs/{service}/");
    let fields = log.log_format.split_whitespace();
    let fields = fields.map(|it| it.trim_matches(['$', '{', '}']));
    let columns: Vec<Value> = fields
        .filter_map(FlowField::from_name)
        .map(column)
        .collect();
    let mut parameters = serde_json::Map::new();
    let mut set = |name: &str, value: &str| parameters.insert(name.to_owned(), value.into());
    set("EXTERNAL", "true");
    set("skip.header.line.count", "1");
    set("projection.enabled", "true");
    set("storage.location.template", &format!("{location}{days}/"));
    for (part, range, digits) in [
        ("year", "2020,2100", "4"),
        ("month", "1,12", "2"),
        ("day", "1,31", "2"),
    ] {
        set(&format!("projection.{part}.type"), "integer");
        set(&format!("projection.{part}.range"), range);
        set(&format!("projection.{part}.digits"), digits);
    }
    let keys = ["year", "month", "day"].map(|it| json!({ "Name": it, "Type": "string" }));
    json!({
        "Name": "vpc_flow_logs",
        "TableType": "EXTERNAL_TABLE",
        "Parameters": parameters,
        "PartitionKeys": keys,
        "StorageDescriptor": storage(options.file_format, &location, columns),
    })
}

fn storage(format: FlowLogFileFormat, location: &str, columns: Vec<Value>) -> Value {
    let (input, output, serde) = match format {
        FlowLogFileFormat::Parquet => (
            "org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat",
            "org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat",
            json!({
                "SerializationLibrary":
                    "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe",
            }),
        ),
        FlowLogFileFormat::PlainText => (
            "org.apache.hadoop.mapred.TextInputFormat",
            "org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat",
            json!({
                "SerializationLibrary": "org.apache.hadoop.hive.serde2.lazy.LazySimpleSerDe",
                "Parameters": { "field.delim": " ", "serialization.format": " " },
            }),
        ),
    };
    json!({
        "Columns": columns,
        "Location": location,
        "InputFormat": input,
        "OutputFormat": output,
        "SerdeInfo": serde,
    })
}

fn column(field: FlowField) -> Value {
    let kind = match field.kind() {
        FlowFieldType::Text => "string",
        FlowFieldType::Int32 => "int",
        FlowFieldType::Int64 => "bigint",
    };
    json!({ "Name": field.column_name(), "Type": kind })
}

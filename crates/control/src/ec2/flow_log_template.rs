//! `GetFlowLogsIntegrationTemplate` (Amazon EC2 API Reference; Amazon VPC User Guide, "Query flow
//! logs using Amazon Athena"): a CloudFormation template of what Athena needs to read a flow log's
//! files, with a table whose columns are the log's fields, and queries to begin with.
//!
//! The template is the reply; nothing here deploys it. Its table finds the days of the log's
//! folders by itself (partition projection), where AWS's has a function that adds partitions as
//! often as `PartitionLoadFrequency` says.

mod queries;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::Deserialize;
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
    partition_load_frequency: Frequency,
    partition_start_date: Option<SmolStr>,
    partition_end_date: Option<SmolStr>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Frequency {
    None,
    Daily,
    Weekly,
    Monthly,
}

impl Frequency {
    const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Daily => "daily",
            Self::Weekly => "weekly",
            Self::Monthly => "monthly",
        }
    }
}

/// Whose files, which days of them, and what the answers' place is.
struct Plan<'a> {
    log: &'a FlowLog,
    account: &'a str,
    region: &'a str,
    /// First and last day; open where the caller named none.
    days: [Option<Date>; 2],
    frequency: Frequency,
    results: String,
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
    let days = [
        day(
            "PartitionStartDate",
            integration.partition_start_date.as_deref(),
        )?,
        day(
            "PartitionEndDate",
            integration.partition_end_date.as_deref(),
        )?,
    ];
    if let [Some(start), Some(end)] = days
        && end < start
    {
        return Err(error::invalid_parameter(format_args!(
            "PartitionEndDate {end} is before PartitionStartDate {start}"
        )));
    }
    let plan = Plan {
        log,
        account: reader.account(),
        region: reader.region(),
        days,
        frequency: integration.partition_load_frequency,
        results: place(&integration.integration_result_s3_destination_arn)?,
    };
    let text = serde_json::to_string_pretty(&template(&plan)).unwrap_or_default();
    Ok(json!({ "Result": text }))
}

/// The day, in UTC, of a timestamp or a date.
fn day(name: &str, text: Option<&str>) -> Result<Option<Date>, ApiError> {
    let Some(text) = text else { return Ok(None) };
    let moment = text.parse::<Timestamp>();
    let date = moment.map(|it| it.to_zoned(TimeZone::UTC).date());
    let date = date.or_else(|_| text.parse::<Date>());
    date.map(Some).map_err(|_| {
        error::invalid_parameter(format_args!(
            "{name} {text} is no moment: 2026-03-05T00:00:00Z"
        ))
    })
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

fn template(plan: &Plan<'_>) -> Value {
    let log = plan.log;
    let name = log.flow_log_id.as_str().replace('-', "");
    let (database, group) = (
        format!("vpcflowlogsathenadatabase{name}"),
        format!("VPCFlowLogs{name}"),
    );
    let days = plan.days.map(|day| match day {
        Some(day) => day.strftime("%Y%m%d").to_string(),
        None => String::new(),
    });
    let table_name = format!("{name}{}{}", plan.frequency.name(), days.concat());
    let mut resources = json!({
        "Database": {
            "Type": "AWS::Glue::Database",
            "Properties": { "CatalogId": plan.account, "DatabaseInput": { "Name": database } },
        },
        "Table": {
            "Type": "AWS::Glue::Table",
            "Properties": {
                "CatalogId": plan.account,
                "DatabaseName": { "Ref": "Database" },
                "TableInput": table(plan, &table_name),
            },
        },
        "WorkGroup": {
            "Type": "AWS::Athena::WorkGroup",
            "Properties": {
                "Name": group,
                "WorkGroupConfiguration": {
                    "ResultConfiguration": { "OutputLocation": format!("{}/", plan.results) },
                },
            },
        },
    });
    let fields: Vec<FlowField> = fields(log).collect();
    let offered = queries::QUERIES
        .iter()
        .filter(|query| query.reads.iter().all(|field| fields.contains(field)));
    for query in offered {
        resources[query.name] = json!({
            "Type": "AWS::Athena::NamedQuery",
            "Properties": {
                "Database": database,
                "Description": query.about,
                "Name": query.name,
                "QueryString": query.sql.replace("TABLE", &table_name),
                "WorkGroup": { "Ref": "WorkGroup" },
            },
            "DependsOn": "Table",
        });
    }
    json!({
        "AWSTemplateFormatVersion": "2010-09-09",
        "Description": format!("Athena for the flow log {}", log.flow_log_id),
        "Resources": resources,
    })
}

/// The fields of the log's format, in its order.
fn fields(log: &FlowLog) -> impl Iterator<Item = FlowField> {
    let names = log.log_format.split_whitespace();
    names.filter_map(|it| FlowField::from_name(it.trim_matches(['$', '{', '}'])))
}

/// The table of the log's files. Folders are `.../vpcflowlogs/REGION/YEAR/MONTH/DAY/`, or have the
/// names of their parts in front.
fn table(plan: &Plan<'_>, name: &str) -> Value {
    let Plan {
        log,
        account,
        region,
        ..
    } = plan;
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
    let columns: Vec<Value> = fields(log).map(column).collect();
    let mut parameters = serde_json::Map::new();
    let mut set = |name: &str, value: &str| parameters.insert(name.to_owned(), value.into());
    set("EXTERNAL", "true");
    set("skip.header.line.count", "1");
    set("projection.enabled", "true");
    set("storage.location.template", &format!("{location}{days}/"));
    let [first, last] = plan.days;
    let years = format!(
        "{},{}",
        first.map_or(2020, Date::year),
        last.map_or(2100, Date::year)
    );
    for (part, range, digits) in [
        ("year", years.as_str(), "4"),
        ("month", "1,12", "2"),
        ("day", "1,31", "2"),
    ] {
        set(&format!("projection.{part}.type"), "integer");
        set(&format!("projection.{part}.range"), range);
        set(&format!("projection.{part}.digits"), digits);
    }
    let keys = ["year", "month", "day"].map(|it| json!({ "Name": it, "Type": "string" }));
    json!({
        "Name": name,
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

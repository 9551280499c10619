//! What the catalog says: `AwsDataCatalog`, its databases and tables.

use std::io::ErrorKind;
use std::path::PathBuf;

use serde_json::{Map, Value, json};
use smol_str::SmolStr;
use wirelab_flowlog::LogFormat;
use wirelab_model::{ApiError, FlowLog};
use wirelab_query::LogGroup;
use wirelab_query::athena::{AthenaCatalog, Buckets, FLOW_LOGS, Table, TableColumn, TableFormat};
use wirelab_session::{Run, Session, SessionError};

use super::{invalid, only, page, text};
use crate::service::Request;

/// The only catalog; its name is read without regard to case.
const CATALOG: &str = "AwsDataCatalog";

/// Databases on a page at most; tables, likewise.
const PAGE: u64 = 50;

/// Where the lab keeps its catalog.
pub(super) fn path(session: &Session) -> PathBuf {
    session.dir().join(".wirelab/athena.json")
}

/// The lab's catalog.
pub(super) fn read(session: &Session) -> Result<AthenaCatalog, ApiError> {
    AthenaCatalog::read(&path(session)).map_err(|why| metadata(format!("The catalog: {why}")))
}

/// The lab's catalog with the table `flow_logs`, if there is one.
fn whole(session: &Session) -> Result<AthenaCatalog, ApiError> {
    let mut catalog = read(session)?;
    if let Some((_, group)) = empty_flow_log(session.run()) {
        catalog.add_logs("default", FLOW_LOGS, group, &mut Buckets::new());
    }
    Ok(catalog)
}

/// The lab's flow log, if there is one alone: what the table `flow_logs` is made of.
pub(super) fn only_flow_log(run: &Run) -> Option<LogGroup> {
    let (log, mut group) = empty_flow_log(run)?;
    for logged in run.evidence().delivered(&log.flow_log_id, run.now()) {
        let available = run.plan().starts.at(logged.available_at);
        group.push_record(&logged.record, log.traffic_type, available);
    }
    Some(group)
}

/// The same without its records.
fn empty_flow_log(run: &Run) -> Option<(&FlowLog, LogGroup)> {
    let mut logs = run.world().resources().flow_logs.values();
    let log = logs.next().filter(|_| logs.next().is_none())?;
    let format = LogFormat::parse(&log.log_format).unwrap_or_default();
    let name = log.log_group_name.as_deref();
    let name = name.unwrap_or(log.flow_log_id.as_str());
    let group = LogGroup::flow_log(name, run.plan().caller.account.clone(), format);
    Some((log, group))
}

/// Removes what DDL has defined: it is no part of the journal, and goes when everything does.
///
/// # Errors
/// A folder that cannot be written to.
pub(crate) fn forget(session: &Session) -> Result<(), SessionError> {
    let path = path(session);
    match std::fs::remove_file(&path) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(SessionError::File { path, error })
        }
        _ => Ok(()),
    }
}

fn metadata(message: impl Into<String>) -> ApiError {
    ApiError::client("MetadataException", message)
}

fn check_name(request: &Request<'_>, parameter: &str) -> Result<(), ApiError> {
    match text(request, parameter) {
        Some(name) if !name.eq_ignore_ascii_case(CATALOG) => {
            Err(invalid(format!("Data catalog {name} was not found")))
        }
        _ => Ok(()),
    }
}

pub(super) fn list_data_catalogs(request: &Request<'_>) -> Result<Value, ApiError> {
    let known = ["NextToken", "MaxResults", "WorkGroup"];
    only(request.action, &request.parameters, &known)?;
    let catalog = json!({ "CatalogName": CATALOG, "Type": "GLUE", "Status": "CREATE_COMPLETE" });
    page(
        request,
        "DataCatalogsSummary",
        vec![(CATALOG.into(), catalog)],
        PAGE,
    )
}

pub(super) fn get_data_catalog(request: &Request<'_>) -> Result<Value, ApiError> {
    only(request.action, &request.parameters, &["Name", "WorkGroup"])?;
    check_name(request, "Name")?;
    let account = &request.caller.account;
    Ok(json!({ "DataCatalog": {
        "Name": CATALOG,
        "Type": "GLUE",
        "Parameters": { "catalog-id": account },
        "Status": "CREATE_COMPLETE",
    } }))
}

pub(super) fn list_databases(session: &Session, request: &Request<'_>) -> Result<Value, ApiError> {
    let known = ["CatalogName", "NextToken", "MaxResults", "WorkGroup"];
    only(request.action, &request.parameters, &known)?;
    check_name(request, "CatalogName")?;
    let catalog = whole(session)?;
    let databases = catalog.databases.iter();
    let databases = databases.map(|(name, it)| {
        let shown = json!({ "Name": name, "Description": it.comment, "Parameters": {} });
        (SmolStr::new(name), shown)
    });
    page(request, "DatabaseList", databases.collect(), PAGE)
}

pub(super) fn get_database(session: &Session, request: &Request<'_>) -> Result<Value, ApiError> {
    let known = ["CatalogName", "DatabaseName", "WorkGroup"];
    only(request.action, &request.parameters, &known)?;
    check_name(request, "CatalogName")?;
    let name = text(request, "DatabaseName")
        .unwrap_or_default()
        .to_lowercase();
    let catalog = whole(session)?;
    let database = catalog.database(&name).ok_or_else(|| no_database(&name))?;
    Ok(json!({ "Database": {
        "Name": name,
        "Description": database.comment,
        "Parameters": {},
    } }))
}

fn no_database(name: &str) -> ApiError {
    metadata(format!("Database {name} not found."))
}

pub(super) fn list_tables(session: &Session, request: &Request<'_>) -> Result<Value, ApiError> {
    let known = [
        "CatalogName",
        "DatabaseName",
        "Expression",
        "NextToken",
        "MaxResults",
        "WorkGroup",
    ];
    only(request.action, &request.parameters, &known)?;
    check_name(request, "CatalogName")?;
    let name = text(request, "DatabaseName")
        .unwrap_or_default()
        .to_lowercase();
    let catalog = whole(session)?;
    let database = catalog.database(&name).ok_or_else(|| no_database(&name))?;
    let wanted = text(request, "Expression").unwrap_or("*").to_lowercase();
    let tables = database
        .tables
        .iter()
        .map(|(name, it)| (name, show(name, it)));
    let views = database.views.keys().map(|name| (name, show_view(name)));
    let mut all: Vec<(SmolStr, Value)> = tables
        .chain(views)
        .filter(|(name, _)| fits(&wanted, name))
        .map(|(name, shown)| (SmolStr::new(name), shown))
        .collect();
    all.sort_by(|one, other| one.0.cmp(&other.0));
    page(request, "TableMetadataList", all, PAGE)
}

/// Whether a name fits an expression of Hive's `SHOW TABLES`: `*` is anything, `|` is or. A name
/// alone is a part of names.
fn fits(expression: &str, name: &str) -> bool {
    expression.split('|').any(|it| match it.split_once('*') {
        None => name.contains(it),
        Some((begin, end)) => {
            name.len() >= begin.len() + end.len() && name.starts_with(begin) && name.ends_with(end)
        }
    })
}

pub(super) fn get_table(session: &Session, request: &Request<'_>) -> Result<Value, ApiError> {
    let known = ["CatalogName", "DatabaseName", "TableName", "WorkGroup"];
    only(request.action, &request.parameters, &known)?;
    check_name(request, "CatalogName")?;
    let of = |parameter| text(request, parameter).unwrap_or_default().to_lowercase();
    let (database, name) = (of("DatabaseName"), of("TableName"));
    let catalog = whole(session)?;
    let found = catalog.database(&database);
    let found = found.ok_or_else(|| no_database(&database))?;
    let shown = match found.tables.get(&name) {
        Some(table) => show(&name, table),
        None if found.views.contains_key(&name) => show_view(&name),
        None => return Err(metadata(format!("Table {name} not found in {database}."))),
    };
    Ok(json!({ "TableMetadata": shown }))
}

fn show(name: &str, table: &Table) -> Value {
    let columns = |of: &[TableColumn]| -> Vec<Value> {
        let shown = of.iter();
        let shown =
            shown.map(|it| json!({ "Name": it.name, "Type": it.ty, "Comment": it.comment }));
        shown.collect()
    };
    let mut parameters: Map<String, Value> = table
        .properties
        .iter()
        .map(|(key, value)| (key.clone(), json!(value)))
        .collect();
    parameters.insert("location".to_owned(), json!(table.location));
    parameters.insert(
        "serde.serialization.lib".to_owned(),
        json!(serde_of(&table.format)),
    );
    if let Some(comment) = &table.comment {
        parameters.insert("comment".to_owned(), json!(comment));
    }
    json!({
        "Name": name,
        "TableType": "EXTERNAL_TABLE",
        "Columns": columns(&table.columns),
        "PartitionKeys": columns(&table.partition_columns),
        "Parameters": parameters,
    })
}

const fn serde_of(format: &TableFormat) -> &'static str {
    match format {
        TableFormat::Text { .. } | TableFormat::Logs => {
            "org.apache.hadoop.hive.serde2.lazy.LazySimpleSerDe"
        }
        TableFormat::Csv { .. } => "org.apache.hadoop.hive.serde2.OpenCSVSerde",
        TableFormat::Parquet => "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe",
    }
}

/// What a view's columns are is known when it is asked.
fn show_view(name: &str) -> Value {
    json!({ "Name": name, "TableType": "VIRTUAL_VIEW", "Columns": [], "PartitionKeys": [] })
}
